//! How good a model is: counts first, scores from counts.

use serde::{Deserialize, Serialize};

use crate::classifier::{Classifier, Scratch};
use crate::error::{Error, Result};
use crate::example::Example;
use crate::model::log_sum_exp;
use crate::parallel::in_parallel;
use crate::posting::Posting;
use crate::random::SplitMix;

pub mod baselines;
pub mod comparison;
pub mod gates;
pub mod report;
pub mod whole;

/// Equal-width bins of the top probability for the calibration error.
const BINS: usize = 15;

/// True label against predicted label, counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    /// `counts[truth][predicted]`.
    pub counts: Vec<Vec<u64>>,
}

/// Precision, recall and F1 of one label, each in [0, 1]; 0 where undefined.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scores {
    /// Right among those predicted.
    pub precision: f64,
    /// Found among those that are.
    pub recall: f64,
    /// Harmonic mean of the two.
    pub f1: f64,
    /// Rows that truly have the label.
    pub support: u64,
}

impl Confusion {
    /// Counts pairs of (truth, predicted), both below `n_labels`.
    #[must_use]
    pub fn new(n_labels: usize, pairs: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let mut counts = vec![vec![0; n_labels]; n_labels];
        pairs
            .into_iter()
            .for_each(|(truth, predicted)| counts[truth][predicted] += 1);
        Self { counts }
    }

    /// The scores of one label.
    #[must_use]
    pub fn scores(&self, label: usize) -> Scores {
        let hits = self.counts[label][label];
        let support: u64 = self.counts[label].iter().sum();
        let predicted: u64 = self.counts.iter().map(|row| row[label]).sum();
        let ratio = |a: u64, b: u64| if b == 0 { 0.0 } else { a as f64 / b as f64 };
        Scores {
            precision: ratio(hits, predicted),
            recall: ratio(hits, support),
            f1: ratio(2 * hits, support + predicted),
            support,
        }
    }

    /// The mean F1 over the labels that occur as truth or prediction.
    #[must_use]
    pub fn macro_f1(&self) -> f64 {
        let n = self.counts.len();
        let occurs = |l: usize| {
            self.counts[l].iter().any(|&c| c > 0) || self.counts.iter().any(|row| row[l] > 0)
        };
        let f1: Vec<f64> = (0..n)
            .filter(|&l| occurs(l))
            .map(|l| self.scores(l).f1)
            .collect();
        if f1.is_empty() {
            0.0
        } else {
            f1.iter().sum::<f64>() / f1.len() as f64
        }
    }

    /// The share of rows predicted right.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        let all: u64 = self.counts.iter().flatten().sum();
        let right: u64 = (0..self.counts.len()).map(|l| self.counts[l][l]).sum();
        if all == 0 {
            0.0
        } else {
            right as f64 / all as f64
        }
    }
}

/// One judged row: its true label and the logits that were computed for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// Index of the true label.
    pub truth: usize,
    /// Logits, divided by the temperature where there is one.
    pub logits: Vec<f64>,
}

impl Judged {
    /// The label with the largest logit; the first of equals.
    #[must_use]
    pub fn predicted(&self) -> usize {
        (0..self.logits.len())
            .max_by(|&a, &b| self.logits[a].total_cmp(&self.logits[b]).then(b.cmp(&a)))
            .unwrap_or(0)
    }

    /// The probability of the predicted label, in (0, 1].
    #[must_use]
    pub fn confidence(&self) -> f64 {
        libm::exp(self.logits[self.predicted()] - log_sum_exp(&self.logits))
    }

    /// Negative log-likelihood of the true label, in nats.
    #[must_use]
    pub fn loss(&self) -> f64 {
        log_sum_exp(&self.logits) - self.logits[self.truth]
    }

    fn is_right(&self) -> bool {
        self.predicted() == self.truth
    }
}

/// What of a posting is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// The title alone.
    Title,
    /// The description alone.
    Description,
    /// Both, as the classifier adds them.
    Both,
}

impl Sight {
    /// Its name in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Description => "description",
            Self::Both => "title and description",
        }
    }
}

/// Has a classifier judge labelled postings on several threads. A row that gets no label
/// counts with the most probable one. Empty for [`Sight::Title`] where the model has no
/// title model.
///
/// # Errors
/// [`Error::UnknownLabel`] for a row whose label the model does not have.
pub fn judge(
    classifier: &Classifier,
    examples: &[&Example],
    sight: Sight,
    threads: usize,
) -> Result<Vec<Judged>> {
    let targets = targets(examples, classifier.labels())?;
    if sight == Sight::Title && classifier.model().title.is_none() {
        return Ok(Vec::new());
    }
    let logits = in_parallel(examples, threads, Scratch::default, |scratch, example| {
        let posting = match sight {
            Sight::Description => Posting::untitled(&example.description),
            _ => Posting::titled(&example.title, &example.description),
        };
        match sight {
            Sight::Title => classifier.title_logits(&example.title).unwrap_or_default(),
            _ => classifier.classify_with(posting, scratch).logits,
        }
    });
    let pairs = targets.into_iter().zip(logits);
    Ok(pairs
        .map(|(truth, logits)| Judged { truth, logits })
        .collect())
}

/// The position of every row's label among the model's.
fn targets(examples: &[&Example], labels: &[String]) -> Result<Vec<usize>> {
    let target = |e: &&Example| {
        let found = labels.iter().position(|l| *l == e.label);
        found.ok_or_else(|| Error::UnknownLabel {
            asked: e.label.clone(),
            known: labels.to_vec(),
        })
    };
    examples.iter().map(target).collect()
}

/// The confusion matrix of judged rows.
#[must_use]
pub fn confusion(rows: &[Judged], n_labels: usize) -> Confusion {
    Confusion::new(n_labels, rows.iter().map(|r| (r.truth, r.predicted())))
}

/// Mean negative log-likelihood of the true label, in nats.
#[must_use]
pub fn log_loss(rows: &[Judged]) -> f64 {
    rows.iter().map(Judged::loss).sum::<f64>() / rows.len().max(1) as f64
}

/// Expected calibration error over 15 equal-width bins of the top probability
/// (Guo et al. 2017), in [0, 1].
#[must_use]
pub fn calibration_error(rows: &[Judged]) -> f64 {
    let mut bins = [(0.0, 0.0, 0.0); BINS];
    for row in rows {
        let confidence = row.confidence();
        let bin = &mut bins[((confidence * BINS as f64) as usize).min(BINS - 1)];
        *bin = (
            bin.0 + 1.0,
            bin.1 + confidence,
            bin.2 + f64::from(row.is_right()),
        );
    }
    bins.iter()
        .map(|(_, confidence, right): &(f64, f64, f64)| (confidence - right).abs())
        .sum::<f64>()
        / rows.len().max(1) as f64
}

/// Area under the ROC curve of the top probability as a detector of right answers, in
/// [0, 1]; ties count half. 0.5 when all are right or all wrong.
#[must_use]
pub fn auroc(rows: &[Judged]) -> f64 {
    let mut scored: Vec<(f64, bool)> = rows
        .iter()
        .map(|r| (r.confidence(), r.is_right()))
        .collect();
    scored.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut wrong_below, mut area) = (0.0, 0.0);
    for ties in scored.chunk_by(|a, b| a.0 == b.0) {
        let right = ties.iter().filter(|t| t.1).count() as f64;
        let wrong = ties.len() as f64 - right;
        area += right * (wrong_below + wrong / 2.0);
        wrong_below += wrong;
    }
    let right = scored.len() as f64 - wrong_below;
    if right == 0.0 || wrong_below == 0.0 {
        0.5
    } else {
        area / (right * wrong_below)
    }
}

/// The largest share of rows, taken from the surest on, of which `share` are right; at
/// least 50 rows count.
#[must_use]
pub fn coverage_at(rows: &[Judged], share: f64) -> f64 {
    let mut scored: Vec<(f64, bool)> = rows
        .iter()
        .map(|r| (r.confidence(), r.is_right()))
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut right, mut best) = (0.0, 0.0);
    for (n, (_, is_right)) in (1..).zip(&scored) {
        right += f64::from(*is_right);
        if n >= 50 && right >= share * f64::from(n) {
            best = f64::from(n) / scored.len() as f64;
        }
    }
    best
}

/// The 95 % interval of a share of `right` in `n` (Wilson 1927), within [0, 1].
#[must_use]
pub fn wilson(right: u64, n: u64) -> (f64, f64) {
    const Z: f64 = 1.959_963_984_540_054;
    if n == 0 {
        return (0.0, 1.0);
    }
    let n = n as f64;
    let share = right as f64 / n;
    let middle = (share + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z / (1.0 + Z * Z / n) * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    ((middle - half).max(0.0), (middle + half).min(1.0))
}

/// A score and the central 95 % of it under resampling.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The score itself.
    pub value: f64,
    /// Its 2.5 % quantile.
    pub low: f64,
    /// Its 97.5 % quantile.
    pub high: f64,
}

/// Resampled confusion matrices (percentile bootstrap, Efron 1979), from which intervals
/// of any score are taken. The same rows and seed give the same intervals.
#[derive(Debug, Clone)]
pub struct Resampled {
    whole: Confusion,
    draws: Vec<Confusion>,
}

impl Resampled {
    /// Draws as many rows as there are, with replacement, `draws` times.
    #[must_use]
    pub fn new(rows: &[Judged], n_labels: usize, draws: usize, seed: u64) -> Self {
        let pairs: Vec<(usize, usize)> = rows.iter().map(|r| (r.truth, r.predicted())).collect();
        let mut random = SplitMix(seed);
        let mut draw = || {
            let sample = (0..pairs.len()).map(|_| pairs[random.below(pairs.len())]);
            Confusion::new(n_labels, sample)
        };
        Self {
            draws: (0..draws).map(|_| draw()).collect(),
            whole: Confusion::new(n_labels, pairs.iter().copied()),
        }
    }

    /// A score with its interval.
    #[must_use]
    pub fn interval(&self, score: impl Fn(&Confusion) -> f64) -> Interval {
        let scores = self.draws.iter().map(&score).collect();
        let (low, high) = central(scores);
        Interval {
            value: score(&self.whole),
            low,
            high,
        }
    }
}

/// The 2.5 % and 97.5 % quantiles; zeros without values.
fn central(mut values: Vec<f64>) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    let at = |q: f64| {
        let last = values.len().saturating_sub(1) as f64;
        values
            .get((last * q).round() as usize)
            .copied()
            .unwrap_or(0.0)
    };
    (at(0.025), at(0.975))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_of_a_hand_worked_asymmetric_matrix() {
        // Truth 0: 5 right, 3 taken for 1. Truth 1: 1 taken for 0, 7 right.
        let confusion = Confusion {
            counts: vec![vec![5, 3], vec![1, 7]],
        };
        let zero = confusion.scores(0);
        assert!((zero.precision - 5.0 / 6.0).abs() < 1e-12);
        assert!((zero.recall - 5.0 / 8.0).abs() < 1e-12);
        assert!((zero.f1 - 10.0 / 14.0).abs() < 1e-12);
        assert!((confusion.accuracy() - 12.0 / 16.0).abs() < 1e-12);
        assert!((confusion.macro_f1() - f64::midpoint(10.0 / 14.0, 14.0 / 18.0)).abs() < 1e-12);
    }

    fn judged(truth: usize, p: f64) -> Judged {
        Judged {
            truth,
            logits: vec![libm::log(p), libm::log(1.0 - p)],
        }
    }

    #[test]
    fn calibration_and_ranking_by_hand() {
        // Four rows predicted 0 with 0.9, three of them right: |0.9 − 0.75|.
        let rows: Vec<Judged> = [0, 0, 0, 1].iter().map(|&t| judged(t, 0.9)).collect();
        assert!((calibration_error(&rows) - 0.15).abs() < 1e-9);
        assert!((auroc(&rows) - 0.5).abs() < 1e-12);
        let ranked = [
            judged(0, 0.9),
            judged(0, 0.8),
            judged(1, 0.7),
            judged(0, 0.6),
        ];
        assert!((auroc(&ranked) - 2.0 / 3.0).abs() < 1e-12);
        assert!((log_loss(&[judged(0, 0.5)]) - std::f64::consts::LN_2).abs() < 1e-12);
    }

    #[test]
    fn wilson_agrees_with_published_values() {
        // Newcombe (1998), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
        for (right, n, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let interval = wilson(right, n);
            assert!(
                (interval.0 - low).abs() < 5e-5 && (interval.1 - high).abs() < 5e-5,
                "{interval:?}"
            );
        }
    }

    #[test]
    fn the_bootstrap_repeats_itself_and_brackets_the_score() {
        let rows: Vec<Judged> = (0..200)
            .map(|i| judged(usize::from(i % 5 == 0), 0.9))
            .collect();
        let interval = || Resampled::new(&rows, 2, 500, 7).interval(Confusion::accuracy);
        let Interval { value, low, high } = interval();
        assert!((value - 0.8).abs() < 1e-12);
        assert!(
            low < 0.8 && 0.8 < high && high - low < 0.15,
            "[{low}, {high}]"
        );
        assert_eq!(interval(), interval());
    }
}
