//! Everything that is said about judged rows: what tables show and JSON carries.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    BINS, Confusion, Interval, Judged, Resampled, auroc, calibration_error, confusion, coverage_at,
    log_loss,
};

/// Resamples behind every interval.
const DRAWS: usize = 1000;

/// Shares of right labels for which the coverage is given.
const RIGHT: [f64; 4] = [0.9, 0.95, 0.98, 0.99];

/// Points of a coverage curve.
const POINTS: usize = 100;

/// Surest rows that a coverage curve begins with: fewer would be noise.
const FEWEST: usize = 20;

/// The least rows of a slice that is reported.
const SLICE: usize = 20;

/// Scores of one set of judgements.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// What was judged: "description", or a baseline's name.
    pub name: String,
    /// How many rows.
    pub rows: usize,
    /// Mean F1 over labels.
    pub macro_f1: Interval,
    /// Share of rows predicted right.
    pub accuracy: Interval,
    /// Scores of every label.
    pub labels: Vec<LabelScores>,
    /// Truth against prediction.
    pub confusion: Confusion,
    /// What probabilities are worth; `None` for rules, which state none.
    pub probabilities: Option<ProbabilityScores>,
}

/// Precision, recall and F1 of a label, in [0, 1].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelScores {
    /// The label.
    pub label: String,
    /// Right among those predicted.
    pub precision: Interval,
    /// Found among those that are.
    pub recall: Interval,
    /// Harmonic mean of the two.
    pub f1: Interval,
    /// Rows that truly have the label.
    pub support: u64,
}

/// How far stated probabilities can be taken at their word.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProbabilityScores {
    /// Mean negative log-likelihood of the true label, in nats.
    pub log_loss: f64,
    /// Expected calibration error over 15 bins of the top probability.
    pub calibration_error: f64,
    /// Area under the ROC curve of the top probability for right against wrong.
    pub auroc: f64,
    /// Which share of rows can be labelled at which share of right labels.
    pub coverage: Vec<Coverage>,
    /// Bins of the top probability that hold rows.
    pub reliability: Vec<Bin>,
    /// The share of rows labelled, surest first, and the share of these that is right.
    pub curve: Vec<(f64, f64)>,
}

/// The largest share of rows, surest first, of which `right` are right.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// Share of right labels asked for.
    pub right: f64,
    /// Share of rows.
    pub rows: f64,
    /// The probability from which rows count: sure enough to act.
    pub threshold: f64,
}

/// Rows whose top probability lies in one of 15 equal bins.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// The bin's lower and upper bound.
    pub from: f64,
    /// The upper bound.
    pub to: f64,
    /// Rows in it.
    pub rows: u64,
    /// Mean top probability.
    pub stated: f64,
    /// Share that was right.
    pub right: f64,
}

/// Scores of the rows that share a source, language or reader's confidence.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Slice {
    /// By what it was cut: "source".
    pub by: &'static str,
    /// The common value.
    pub value: String,
    /// How many rows.
    pub rows: usize,
    /// Mean F1 over labels that occur.
    pub macro_f1: f64,
    /// Share predicted right.
    pub accuracy: f64,
    /// Mean top probability.
    pub stated: f64,
}

impl Summary {
    /// Scores judgements of a model.
    #[must_use]
    pub fn of_model(name: &str, rows: &[Judged], labels: &[String]) -> Self {
        Self {
            probabilities: Some(ProbabilityScores::new(rows)),
            ..Self::of_rule(name, rows, labels)
        }
    }

    /// Scores judgements that state no probabilities.
    #[must_use]
    pub fn of_rule(name: &str, rows: &[Judged], labels: &[String]) -> Self {
        let resampled = Resampled::new(rows, labels.len(), DRAWS, 0);
        let confusion = confusion(rows, labels.len());
        let of_label = |(at, label): (usize, &String)| LabelScores {
            label: label.clone(),
            precision: resampled.interval(|c| c.scores(at).precision),
            recall: resampled.interval(|c| c.scores(at).recall),
            f1: resampled.interval(|c| c.scores(at).f1),
            support: confusion.scores(at).support,
        };
        Self {
            name: name.to_owned(),
            rows: rows.len(),
            macro_f1: resampled.interval(Confusion::macro_f1),
            accuracy: resampled.interval(Confusion::accuracy),
            labels: labels.iter().enumerate().map(of_label).collect(),
            confusion,
            probabilities: None,
        }
    }
}

impl ProbabilityScores {
    fn new(rows: &[Judged]) -> Self {
        let coverage = |right: f64| Coverage {
            right,
            rows: coverage_at(rows, right),
            threshold: threshold(rows, coverage_at(rows, right)),
        };
        Self {
            log_loss: log_loss(rows),
            calibration_error: calibration_error(rows),
            auroc: auroc(rows),
            coverage: RIGHT.map(coverage).to_vec(),
            reliability: reliability(rows),
            curve: coverage_curve(rows),
        }
    }
}

/// (share labelled, accuracy) from the surest rows on.
fn coverage_curve(rows: &[Judged]) -> Vec<(f64, f64)> {
    let mut surest: Vec<&Judged> = rows.iter().collect();
    surest.sort_by(|a, b| b.confidence().total_cmp(&a.confidence()));
    let every = surest.len().div_ceil(POINTS).max(1);
    let mut right = 0.0;
    let mut points = Vec::new();
    for (n, row) in (1..).zip(&surest) {
        right += f64::from(row.is_right());
        if n >= FEWEST && (n % every == 0 || n == surest.len()) {
            points.push((n as f64 / surest.len() as f64, right / n as f64));
        }
    }
    points
}

/// The confidence of the least sure of the surest `share` of rows; 1 for none.
fn threshold(rows: &[Judged], share: f64) -> f64 {
    let mut confidences: Vec<f64> = rows.iter().map(Judged::confidence).collect();
    confidences.sort_by(|a, b| b.total_cmp(a));
    let n = (share * rows.len() as f64).round() as usize;
    n.checked_sub(1).map_or(1.0, |last| confidences[last])
}

/// The bins of the calibration error that hold rows.
#[must_use]
pub fn reliability(rows: &[Judged]) -> Vec<Bin> {
    let width = 1.0 / BINS as f64;
    let mut bins: Vec<Bin> = (0..BINS)
        .map(|at| Bin {
            from: at as f64 * width,
            to: (at + 1) as f64 * width,
            rows: 0,
            stated: 0.0,
            right: 0.0,
        })
        .collect();
    for row in rows {
        let confidence = row.confidence();
        let bin = &mut bins[((confidence * BINS as f64) as usize).min(BINS - 1)];
        bin.rows += 1;
        bin.stated += confidence;
        bin.right += f64::from(row.is_right());
    }
    bins.retain(|bin| bin.rows > 0);
    for bin in &mut bins {
        bin.stated /= bin.rows as f64;
        bin.right /= bin.rows as f64;
    }
    bins
}

/// Scores by a property of the rows, `values` in their order; values of few rows are summed
/// up as "others". Nothing when all rows share one value.
#[must_use]
pub fn slices(by: &'static str, rows: &[Judged], values: &[String], n_labels: usize) -> Vec<Slice> {
    let mut sets: BTreeMap<&str, Vec<Judged>> = BTreeMap::new();
    for (row, value) in rows.iter().zip(values) {
        sets.entry(value).or_default().push(row.clone());
    }
    if sets.len() < 2 {
        return Vec::new();
    }
    let (large, small): (Vec<_>, Vec<_>) =
        sets.into_iter().partition(|(_, rows)| rows.len() >= SLICE);
    let others: Vec<Judged> = small.into_iter().flat_map(|(_, rows)| rows).collect();
    let others = (!others.is_empty()).then_some(("others", others));
    let slice = |(value, rows): (&str, Vec<Judged>)| {
        let confusion = confusion(&rows, n_labels);
        Slice {
            by,
            value: if value.is_empty() { "(none)" } else { value }.to_owned(),
            rows: rows.len(),
            macro_f1: confusion.macro_f1(),
            accuracy: confusion.accuracy(),
            stated: rows.iter().map(Judged::confidence).sum::<f64>() / rows.len() as f64,
        }
    };
    large.into_iter().chain(others).map(slice).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(truth: usize, p: f64) -> Judged {
        Judged {
            truth,
            logits: vec![libm::log(p), libm::log(1.0 - p)],
        }
    }

    #[test]
    fn a_summary_counts_scores_and_bins() {
        let rows: Vec<Judged> = (0..100)
            .map(|i| judged(usize::from(i % 10 == 0), 0.9))
            .collect();
        let summary = Summary::of_model("description", &rows, &["a".to_owned(), "b".to_owned()]);
        assert_eq!(summary.confusion.counts, [[90, 0], [10, 0]]);
        assert!((summary.labels[0].precision.value - 0.9).abs() < 1e-12);
        assert_eq!(summary.labels[1].support, 10);
        let probabilities = summary.probabilities.unwrap();
        assert_eq!(probabilities.reliability.len(), 1);
        assert!((probabilities.reliability[0].right - 0.9).abs() < 1e-12);
        assert!(probabilities.calibration_error < 1e-9);
        assert!(probabilities.coverage[0].rows > 0.99);
    }

    #[test]
    fn slices_sum_up_small_values() {
        let rows: Vec<Judged> = (0..60).map(|_| judged(0, 0.8)).collect();
        let values: Vec<String> = (0..60)
            .map(|i| {
                if i < 50 {
                    "big".to_owned()
                } else {
                    format!("small{i}")
                }
            })
            .collect();
        let slices = slices("source", &rows, &values, 2);
        let found: Vec<(&str, usize)> = slices.iter().map(|s| (s.value.as_str(), s.rows)).collect();
        assert_eq!(found, [("big", 50), ("others", 10)]);
    }
}
