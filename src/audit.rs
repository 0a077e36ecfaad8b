//! Labels that look wrong: rows whose given label the model, trained without them,
//! contradicts, and copies that carry different labels.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::evaluation::Judged;
use crate::model::softmax;
use crate::training::corpus::Corpus;

/// A label to look at again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Suspicion {
    /// File and line.
    pub place: String,
    /// The row's own id, if it has one.
    pub id: String,
    /// The title.
    pub title: String,
    /// The label given.
    pub label: String,
    /// What the model says instead.
    pub suggested: String,
    /// What it gives to the label given, in [0, 1].
    pub probability_of_label: f64,
    /// What it gives to its own.
    pub probability_of_suggested: f64,
    /// Near copies with another label: their places and labels.
    pub contradicted_by: Vec<String>,
}

impl Suspicion {
    /// How wrong the label looks, in [0, 2]: how far the suggestion is ahead, and 1 more for
    /// copies that contradict.
    #[must_use]
    pub fn strength(&self) -> f64 {
        let copies = f64::from(!self.contradicted_by.is_empty());
        self.probability_of_suggested - self.probability_of_label + copies
    }
}

/// Rows whose label is contradicted by the model or by a copy, worst first. `judged` belongs
/// to the rows `rows` of the corpus, follows `labels`, and comes from models that had not
/// seen them.
///
/// # Panics
/// When rows and judgements are not of equal number.
#[must_use]
pub fn audit(
    corpus: &Corpus,
    rows: &[usize],
    judged: &[Judged],
    labels: &[String],
) -> Vec<Suspicion> {
    assert_eq!(rows.len(), judged.len(), "a judgement for every row");
    let mut copies: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for &row in rows {
        copies.entry(corpus.clusters[row]).or_default().push(row);
    }
    let suspicion = |(&row, judged): (&usize, &Judged)| {
        let (example, target) = (corpus.example(row), judged.truth);
        let own = corpus.targets[row];
        let mut probabilities = judged.logits.clone();
        softmax(&mut probabilities);
        let others = copies[&corpus.clusters[row]].iter();
        let contradicted_by: Vec<String> = others
            .filter(|&&other| corpus.targets[other] != own)
            .map(|&other| {
                let label = &corpus.labels[corpus.targets[other]];
                format!("{} {label}", corpus.example(other).place)
            })
            .collect();
        let suggested = judged.predicted();
        (suggested != target || !contradicted_by.is_empty()).then(|| Suspicion {
            place: example.place.clone(),
            id: example.id.clone(),
            title: example.title.trim().to_owned(),
            label: labels[target].clone(),
            suggested: labels[suggested].clone(),
            probability_of_label: probabilities[target],
            probability_of_suggested: probabilities[suggested],
            contradicted_by,
        })
    };
    let mut found: Vec<Suspicion> = rows.iter().zip(judged).filter_map(suspicion).collect();
    found.sort_by(|a, b| b.strength().total_cmp(&a.strength()));
    found
}
