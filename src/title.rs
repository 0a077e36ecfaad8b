//! The job's title: where it stands in a pasted ad, and how its verdict is added.
//!
//! A title is right about the text three times in four, so it is heard, but apart: it
//! has a small model of its own, whose logits are added to the description's with a
//! weight chosen by cross-validation. The description's model never sees it.

/// A first line longer than this many characters is prose, not a title.
const LONGEST: usize = 90;

/// Words of which a job title has at least one.
const TITLE_WORDS: [&str; 58] = [
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
    "coordinator",
    "counsel",
    "designer",
    "developer",
    "devops",
    "director",
    "driver",
    "economist",
    "engineer",
    "engineering",
    "executive",
    "expert",
    "fellow",
    "head",
    "intern",
    "internship",
    "lead",
    "leader",
    "lecturer",
    "machinist",
    "manager",
    "mechanic",
    "mlops",
    "nurse",
    "officer",
    "operator",
    "owner",
    "physician",
    "postdoc",
    "president",
    "principal",
    "producer",
    "professor",
    "programmer",
    "recruiter",
    "representative",
    "researcher",
    "scientist",
    "specialist",
    "statistician",
    "strategist",
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
    if looks_like_title(title) && !rest.trim().is_empty() {
        (Some(title), rest)
    } else {
        (None, ad)
    }
}

/// The line without Markdown's heading marks and labels such as "Job title:".
fn bare_title(line: &str) -> &str {
    let line = line
        .trim()
        .trim_start_matches('#')
        .trim_matches(|c: char| c == '*' || c.is_whitespace());
    let label = ["job title:", "title:", "position:", "role:"]
        .into_iter()
        .find(|label| {
            line.get(..label.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(label))
        });
    line[label.map_or(0, str::len)..].trim()
}

fn looks_like_title(line: &str) -> bool {
    let words: Vec<&str> = line
        .split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty())
        .collect();
    let names_a_profession = words.iter().any(|word| {
        TITLE_WORDS
            .iter()
            .any(|t| t.eq_ignore_ascii_case(word.trim_end_matches('s')))
    });
    let reads_like_prose = line.ends_with(['.', '!', '?', ':', ';', ','])
        || words.iter().any(|w| {
            ["we", "you", "our", "your", "is", "are", "us", "will"]
                .iter()
                .any(|p| p.eq_ignore_ascii_case(w))
        });
    line.chars().count() <= LONGEST
        && words.len() <= 14
        && names_a_profession
        && !reads_like_prose
        && !line.contains('<')
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
    }
}
