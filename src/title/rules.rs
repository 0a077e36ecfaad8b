//! The published rules that take a label from a job title.
//!
//! A title gets the label of the one role that it names. A longer name hides the shorter
//! names inside it ("machine learning platform engineer" is no "machine learning
//! engineer"). A title that names two roles gets no label; one that names none is Other.
//!
//! | label | names |
//! |---|---|
//! | MLOps | mlops, ml ops, llmops, machine learning operations; ml, machine learning or ai + platform, infrastructure or infra |
//! | MLE | machine learning, ml, ai, ai ml, ml ai, deep learning, nlp, llm or computer vision + engineer or developer; machine learning software engineer |
//! | DS | data scientist, data science, applied scientist, decision scientist, machine learning scientist, ml scientist |

use crate::token;

/// What a title says by the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ruled {
    /// It names one role, or none (Other).
    Label(&'static str),
    /// It names more than one role.
    Ambiguous,
    /// There is no title.
    Blank,
}

const FIELDS: [&str; 3] = ["machine learning", "ml", "ai"];
const PLATFORMS: [&str; 3] = ["platform", "infrastructure", "infra"];
const BUILT: [&str; 10] = [
    "machine learning",
    "ml",
    "ai",
    "ai ml",
    "ml ai",
    "deep learning",
    "nlp",
    "llm",
    "computer vision",
    "machine learning software",
];
const OPERATIONS: [&str; 4] = ["mlops", "ml ops", "llmops", "machine learning operations"];
const SCIENCE: [&str; 6] = [
    "data scientist",
    "data science",
    "applied scientist",
    "decision scientist",
    "machine learning scientist",
    "ml scientist",
];

/// The label of a title by the rules of this module.
///
/// ```
/// use rolecall::title::rules::{Ruled, label};
/// assert_eq!(label("Senior Data Scientist (m/f/d)"), Ruled::Label("DS"));
/// assert_eq!(label("ML Platform Engineer"), Ruled::Label("MLOps"));
/// assert_eq!(label("Staff Nurse"), Ruled::Label("Other"));
/// assert_eq!(label("Data Scientist / ML Engineer"), Ruled::Ambiguous);
/// ```
#[must_use]
pub fn label(title: &str) -> Ruled {
    let words: Vec<String> = token::tokenize(title)
        .iter()
        .map(|t| singular(&title[t.span()].to_lowercase()))
        .collect();
    if words.is_empty() {
        return Ruled::Blank;
    }
    let mut found: Vec<&'static str> = Vec::new();
    let mut at = 0;
    while at < words.len() {
        match named_at(&words[at..]) {
            Some((label, length)) => {
                found.push(label);
                at += length;
            }
            None => at += 1,
        }
    }
    found.dedup();
    match found[..] {
        [] => Ruled::Label("Other"),
        [label] => Ruled::Label(label),
        _ => Ruled::Ambiguous,
    }
}

fn singular(word: &str) -> String {
    let plural = ["engineers", "developers", "scientists", "platforms"].contains(&word);
    word[..word.len() - usize::from(plural)].to_owned()
}

/// The longest name that the words begin with: its label and how many words it takes.
fn named_at(words: &[String]) -> Option<(&'static str, usize)> {
    let begins = |name: &[&str]| {
        let length: usize = name.iter().map(|part| part.split(' ').count()).sum();
        let written = name.iter().flat_map(|part| part.split(' '));
        (words.len() >= length && written.zip(words).all(|(a, b)| a == b)).then_some(length)
    };
    let mut named: Vec<(usize, &'static str)> = Vec::new();
    let mut add = |label, length: Option<usize>| named.extend(length.map(|n| (n, label)));
    for name in OPERATIONS {
        add("MLOps", begins(&[name]));
    }
    for field in FIELDS {
        for platform in PLATFORMS {
            add("MLOps", begins(&[field, platform]));
        }
    }
    for what in BUILT {
        for who in ["engineer", "developer"] {
            add("MLE", begins(&[what, who]));
        }
    }
    for name in SCIENCE {
        add("DS", begins(&[name]));
    }
    named
        .into_iter()
        .max()
        .map(|(length, label)| (label, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(title: &str, ruled: Ruled) {
        assert_eq!(label(title), ruled, "{title}");
    }

    #[test]
    fn titles_get_the_one_role_they_name() {
        check("Lead Data Scientist, Pricing", Ruled::Label("DS"));
        check("Machine Learning Software Engineer II", Ruled::Label("MLE"));
        check("AI/ML Engineer", Ruled::Label("MLE"));
        check("Machine-Learning Engineers", Ruled::Label("MLE"));
        check("Senior MLOps Engineer", Ruled::Label("MLOps"));
        check(
            "Software Engineer, ML Infrastructure",
            Ruled::Label("MLOps"),
        );
        check("Data Engineer", Ruled::Label("Other"));
        check(
            "Data Scientist or Machine Learning Engineer",
            Ruled::Ambiguous,
        );
        check("  ", Ruled::Blank);
    }
}
