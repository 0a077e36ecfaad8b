//! The job's title: where it stands in a pasted ad, and how its verdict is added.
//!
//! A title is right about the text three times in four, so it is heard, but apart: it
//! has a small model of its own, whose logits are added to the description's with a
//! weight chosen by cross-validation. The description's model never sees it.

pub mod rules;

/// A first line longer than this many characters is prose, not a title.
const LONGEST: usize = 90;

/// What stands before a title, followed by a colon.
const LABELS: [&str; 7] = [
    "job title",
    "title",
    "position",
    "position title",
    "role",
    "job description",
    "vacancy",
];

/// Words of which a job title has at least one.
const TITLE_WORDS: [&str; 65] = [
    "accountant",
    "administrator",
    "advisor",
    "analyst",
    "architect",
    "assistant",
    "associate",
    "buyer",
    "chef",
    "clerk",
    "coach",
    "consultant",
    "controller",
    "cto",
    "coordinator",
    "counsel",
    "designer",
    "developer",
    "devops",
    "director",
    "driver",
    "economist",
    "engineer",
    "executive",
    "expert",
    "fellow",
    "head",
    "intern",
    "internship",
    "lead",
    "leader",
    "lecturer",
    "mle",
    "machinist",
    "manager",
    "mechanic",
    "member",
    "mlops",
    "modeler",
    "nurse",
    "officer",
    "operator",
    "owner",
    "physician",
    "paralegal",
    "partner",
    "postdoc",
    "president",
    "principal",
    "producer",
    "professor",
    "programmer",
    "quant",
    "recruiter",
    "representative",
    "researcher",
    "scientist",
    "specialist",
    "statistician",
    "strategist",
    "swe",
    "supervisor",
    "teacher",
    "technician",
    "writer",
];

/// Splits a first line that looks like a job title from the rest of an ad.
///
/// It must be short, hold a word that names a profession, stand alone on its line,
/// and not read like a sentence. Returns the title and the remaining text.
///
/// ```
/// use rolecall::title::split_title;
/// assert_eq!(split_title("Senior Data Scientist (m/f/d)\n\nWe sell …"), (Some("Senior Data Scientist (m/f/d)"), "\n\nWe sell …"));
/// assert_eq!(split_title("We want an engineer.\nNow"), (None, "We want an engineer.\nNow"));
/// ```
#[must_use]
pub fn split_title(ad: &str) -> (Option<&str>, &str) {
    let body = ad.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    let (line, rest) = match body.find(['\n', '\r']) {
        Some(at) => body.split_at(at),
        None => return (None, ad),
    };
    let title = bare_title(line);
    if is_title(line) && !rest.trim().is_empty() {
        (Some(title), rest)
    } else {
        (None, ad)
    }
}

/// The line without Markdown's heading marks and labels such as "Job title:".
fn bare_title(line: &str) -> &str {
    let is_mark = |c: char| c == '*' || c == '_' || c.is_whitespace();
    let line = line.trim().trim_start_matches('#').trim_matches(is_mark);
    let Some((label, title)) = line.split_once(':') else {
        return line;
    };
    let label = label.trim_matches(is_mark);
    let is_label = LABELS.iter().any(|known| known.eq_ignore_ascii_case(label));
    if is_label {
        title.trim_matches(is_mark)
    } else {
        line
    }
}

/// Whether a line could be a job's title.
#[must_use]
pub fn is_title(line: &str) -> bool {
    let is_bullet = line
        .trim_start()
        .starts_with(['-', '•', '·', '●', '▪', '+', '>'])
        || line.trim_start().starts_with("* ");
    let title = bare_title(line);
    let words: Vec<&str> = title
        .split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty())
        .collect();
    let is_short = title.chars().count() <= LONGEST && words.len() <= 14;
    // "Experience: 5 years as engineer" names something else before its colon.
    let head = title.split(": ").next().unwrap_or_default();
    is_short
        && !is_bullet
        && !title.contains('<')
        && names_a_profession(head)
        && !is_prose(title, &words)
}

fn names_a_profession(text: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric()).any(|word| {
        let singular = word.strip_suffix('s').unwrap_or(word);
        TITLE_WORDS
            .iter()
            .any(|t| t.eq_ignore_ascii_case(word) || t.eq_ignore_ascii_case(singular))
    })
}

/// Words that stand in sentences and not in titles.
const PROSE: [&str; 7] = ["we", "you", "our", "your", "is", "are", "will"];

fn is_prose(title: &str, words: &[&str]) -> bool {
    let is = |word: &str, list: &[&str]| list.iter().any(|p| p.eq_ignore_ascii_case(word));
    // "Lead the platform", "Work with engineers"; and "us", unlike "US".
    let begins_with_a_verb = words
        .get(1)
        .is_some_and(|w| is(w, &["the", "with", "a", "an", "to"]));
    title.ends_with(['.', '!', '?', ':', ';', ','])
        || begins_with_a_verb
        || words.iter().any(|word| is(word, &PROSE) || *word == "us")
}

/// Adds the title's logits to the description's: zₗ + weight · tₗ.
pub fn add(logits: &mut [f64], title: &[f64], weight: f64) {
    logits
        .iter_mut()
        .zip(title)
        .for_each(|(z, t)| *z += weight * t);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(ad: &str, expected: Option<&str>) {
        assert_eq!(split_title(ad).0, expected, "in {ad:?}");
    }

    #[test]
    fn titles_are_told_from_prose() {
        check(
            "## Machine Learning Engineer, Ranking\n\nRank things",
            Some("Machine Learning Engineer, Ranking"),
        );
        check(
            "Job Title: MLOps engineer\r\nRun things",
            Some("MLOps engineer"),
        );
        check(
            "\n\n  Staff Nurse - Nights \n care",
            Some("Staff Nurse - Nights"),
        );
        check("About us\nWe make cheese", None);
        check("We are looking for a data scientist\nto join", None);
        check("<p>Engineer</p>\n<p>x</p>", None);
        check("Data Scientist", None);
        check("Data Scientist\n\n", None);
        check(
            "Senior Data Scientist (Remote, US)\nx",
            Some("Senior Data Scientist (Remote, US)"),
        );
        check("**Job Title :** Staff SWE\nx", Some("Staff SWE"));
        check("Lead the machine learning platform\nx", None);
        check("Work with engineers and analysts\nx", None);
        check("- Senior engineer\nx", None);
        check("Experience: 5 years as engineer\nx", None);
        check("Engineering\nx", None);
    }
}
