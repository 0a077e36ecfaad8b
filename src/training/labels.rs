//! Which label a written value means: usual spellings folded together, near misses noticed.

use std::collections::BTreeMap;

use strsim::osa_distance;

/// Usual spellings of the shipped model's labels, without case, spaces and signs.
const SPELLINGS: [(&str, &[&str]); 4] = [
    (
        "DS",
        &["ds", "datascientist", "datascientists", "datascience"],
    ),
    (
        "MLE",
        &[
            "mle",
            "mlengineer",
            "mlengineers",
            "mlengineering",
            "machinelearningengineer",
            "machinelearningengineers",
            "machinelearningengineering",
        ],
    ),
    (
        "MLOps",
        &[
            "mlops",
            "mlopsengineer",
            "mlopsengineers",
            "mlopsengineering",
            "machinelearningoperations",
            "machinelearningoperationsengineer",
        ],
    ),
    (
        "Other",
        &["other", "others", "none", "noneofthese", "noneoftheabove"],
    ),
];

/// The letters and digits of a value, lower-cased: what spellings are compared by.
#[must_use]
pub fn squashed(value: &str) -> String {
    value
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// The label of the shipped model that a value spells, if it spells one.
///
/// ```
/// use rolecall::training::labels::usual;
/// assert_eq!(usual("data_science"), Some("DS"));
/// assert_eq!(usual("Nurse"), None);
/// ```
#[must_use]
pub fn usual(value: &str) -> Option<&'static str> {
    let squashed = squashed(value);
    SPELLINGS
        .iter()
        .find(|(_, spellings)| spellings.contains(&squashed.as_str()))
        .map(|(label, _)| *label)
}

/// From written values to labels.
#[derive(Debug, Clone, Default)]
pub struct Folding {
    of: BTreeMap<String, String>,
}

impl Folding {
    /// Folds the values given, each with the number of its rows: a usual spelling of our
    /// labels to that label; spellings that differ in case, spaces or signs alone to the
    /// most frequent of them.
    #[must_use]
    pub fn new(counts: &BTreeMap<String, usize>) -> Self {
        let mut best: BTreeMap<String, (&String, usize)> = BTreeMap::new();
        for (value, &count) in counts {
            let entry = best.entry(squashed(value)).or_insert((value, count));
            if count > entry.1 {
                *entry = (value, count);
            }
        }
        let label = |value: &String| match usual(value) {
            Some(label) => label.to_owned(),
            None => best[&squashed(value)].0.trim().to_owned(),
        };
        Self {
            of: counts
                .keys()
                .map(|value| (value.clone(), label(value)))
                .collect(),
        }
    }

    /// The label of a value that was given to [`Folding::new`].
    #[must_use]
    pub fn label<'a>(&'a self, value: &'a str) -> &'a str {
        self.of.get(value).map_or(value, String::as_str)
    }

    /// The values that were folded into another name.
    pub fn folded(&self) -> impl Iterator<Item = (&str, &str)> {
        self.of
            .iter()
            .filter(|(value, label)| value != label)
            .map(|(value, label)| (value.as_str(), label.as_str()))
    }
}

/// Which of `known` a label was probably meant to be: the nearest within one edit, or two
/// for eight characters and more.
#[must_use]
pub fn near_miss<'a>(label: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = squashed(label);
    let allowed = match written.chars().count() {
        0..=3 => 0,
        4..=7 => 1,
        _ => 2,
    };
    let spelled = |label: &'a str| {
        let own = SPELLINGS
            .iter()
            .find(|(name, _)| *name == label)
            .map_or(&[][..], |(_, spellings)| *spellings);
        own.iter()
            .map(|s| osa_distance(&written, s))
            .chain([osa_distance(&written, &squashed(label))])
            .min()
    };
    known
        .into_iter()
        .filter(|known| *known != label)
        .filter_map(|known| Some((spelled(known)?, known)))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_usual(value: &str, label: Option<&str>) {
        assert_eq!(usual(value), label, "{value}");
    }

    #[test]
    fn usual_spellings_are_ours() {
        check_usual("Data Scientist", Some("DS"));
        check_usual("data_science", Some("DS"));
        check_usual("machine-learning engineer", Some("MLE"));
        check_usual(" ML Ops ", Some("MLOps"));
        check_usual("OTHER", Some("Other"));
        check_usual("Data Engineer", None);
        check_usual("", None);
    }

    #[test]
    fn other_labels_fold_to_their_most_frequent_spelling() {
        let counts = [
            ("data engineer", 2),
            ("Data Engineer", 9),
            ("Data_Engineer", 1),
            ("ds", 1),
        ];
        let counts = counts.map(|(v, n)| (v.to_owned(), n)).into();
        let folding = Folding::new(&counts);
        assert_eq!(folding.label("data engineer"), "Data Engineer");
        assert_eq!(
            folding.folded().collect::<Vec<_>>(),
            [
                ("Data_Engineer", "Data Engineer"),
                ("data engineer", "Data Engineer"),
                ("ds", "DS")
            ]
        );
    }

    #[track_caller]
    fn check_near(label: &str, meant: Option<&str>) {
        let known = ["DS", "MLE", "MLOps", "Other", "Data Engineer"];
        assert_eq!(near_miss(label, known), meant, "{label}");
    }

    #[test]
    fn near_misses_are_noticed() {
        check_near("Data Scientits", Some("DS"));
        check_near("MLOsp", Some("MLOps"));
        check_near("Otehr", Some("Other"));
        check_near("Data Enginer", Some("Data Engineer"));
        check_near("Nurse", None);
        check_near("DA", None);
    }
}
