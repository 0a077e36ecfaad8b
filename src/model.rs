//! Weights and what they give: multinomial logistic regression.
//!
//! p(label | x) = exp(zₗ) / Σₖ exp(zₖ), zₗ = biasₗ + Σᵢ weightₗᵢ xᵢ. The exponential is
//! that of the `libm` crate, so that a probability is the same on every processor.

use std::borrow::Cow;

use crate::features::{Analysis, FeatureSpace, Memo, SparseRow};
use crate::text::Text;

pub mod compiled;
pub mod file;
pub mod weights;

/// Everything that a prediction is computed from.
#[derive(Debug, Clone)]
pub struct Model {
    /// Names of the labels; every vector of logits or probabilities follows this order.
    pub labels: Vec<String>,
    /// Languages (ISO 639-1) that the training postings were written in.
    pub languages: Vec<String>,
    /// The description's features and weights.
    pub content: Scorer,
    /// The title's own, where the labels were given without sight of it.
    pub title: Option<Scorer>,
    /// Factor on the title's logits when they are added to the description's, ≥ 0.
    pub title_weight: f64,
    /// For postings without a title that counts.
    pub content_calibration: Calibration,
    /// For postings with one.
    pub title_calibration: Calibration,
    /// What it was trained on, and how.
    pub provenance: Provenance,
}

/// A feature space and the weights of its features.
#[derive(Debug, Clone)]
pub struct Scorer {
    /// Text to features.
    pub space: FeatureSpace,
    /// Features to logits.
    pub linear: Linear,
}

impl Scorer {
    /// A text's features and its uncalibrated logits.
    #[must_use]
    pub fn score(&self, text: &Text, memo: &mut Memo) -> (Analysis, Vec<f64>) {
        let analysis = self.space.analyse(text, memo);
        let logits = self.linear.logits(&analysis.row);
        (analysis, logits)
    }
}

/// How logits become probabilities that can be taken at their word.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// Logits are divided by it, > 0 (Guo et al. 2017, temperature scaling).
    pub temperature: f64,
    /// The mean probability of every label on postings that the model had not seen: how
    /// common it believes the labels to be. Each above 0, summing to 1.
    pub shares: Vec<f64>,
    /// How often the predicted label was right on postings that the model had not
    /// seen, by the probability stated; bounds ascending, the last one 1.
    pub reliability: Vec<Reliability>,
    /// How often a posting of one label was given another on postings that the model had
    /// not seen: `confusion[truth][predicted]`. Empty where it was not recorded.
    pub confusion: Vec<Vec<u64>>,
}

/// One bin of a reliability table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reliability {
    /// The bin's upper bound, in thousandths of probability.
    pub below: u32,
    /// Postings whose top probability fell into the bin.
    pub postings: u64,
    /// Those of them whose label was right.
    pub right: u64,
}

impl Calibration {
    /// The bin that a probability falls into, if any posting ever did.
    #[must_use]
    pub fn reliability_of(&self, probability: f64) -> Option<Reliability> {
        let bin = self
            .reliability
            .iter()
            .find(|bin| probability * 1000.0 <= f64::from(bin.below));
        bin.copied().filter(|bin| bin.postings > 0)
    }
}

/// Where a model comes from. It holds no clock and no comparison, so that equal input
/// gives an equal file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provenance {
    /// SHA-256 over the training rows, hexadecimal.
    pub data: String,
    /// Facts in order: counts, parameters, seed.
    pub facts: Vec<(String, String)>,
    /// Training rows of every label.
    pub rows: Vec<u64>,
    /// Ids of the models that it was adapted from, nearest first.
    pub parents: Vec<String>,
    /// Identities of the texts that it, or a parent, was trained on
    /// ([`crate::duplicates::identity`]), ascending.
    pub seen: Vec<u64>,
}

impl Provenance {
    /// Whether a text was trained on, by its identity.
    #[must_use]
    pub fn has_seen(&self, identity: u64) -> bool {
        self.seen.binary_search(&identity).is_ok()
    }
}

/// A linear model: one logit per label.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    /// Weights, feature by feature: `weights[feature * n_labels + label]`.
    weights: Cow<'static, [f64]>,
    /// One bias per label.
    bias: Vec<f64>,
}

impl Linear {
    /// A model of `weights` (`n_features` × `n_labels`) and `bias` (`n_labels`).
    ///
    /// # Panics
    /// When the weights are no multiple of the biases.
    #[must_use]
    pub fn new(weights: Vec<f64>, bias: Vec<f64>) -> Self {
        assert!(
            !bias.is_empty() && weights.len().is_multiple_of(bias.len()),
            "one weight per feature and label"
        );
        Self {
            weights: Cow::Owned(weights),
            bias,
        }
    }

    /// One bias per label.
    #[must_use]
    pub fn bias(&self) -> &[f64] {
        &self.bias
    }

    /// The weights of one feature, a number per label.
    #[must_use]
    pub fn weights(&self, feature: u32) -> &[f64] {
        let n = self.bias.len();
        &self.weights[feature as usize * n..][..n]
    }

    /// The weights of all features, one behind the other.
    pub(crate) fn all_weights(&self) -> &[f64] {
        &self.weights
    }

    /// The number of features.
    #[must_use]
    pub fn n_features(&self) -> usize {
        self.weights.len() / self.bias.len()
    }

    /// The logit of every label.
    #[must_use]
    pub fn logits(&self, row: &SparseRow) -> Vec<f64> {
        let mut logits = Vec::new();
        self.logits_into(row, &mut logits);
        logits
    }

    /// [`Linear::logits`] into memory that is used again.
    pub fn logits_into(&self, row: &SparseRow, logits: &mut Vec<f64>) {
        logits.clone_from(&self.bias);
        // Four labels together fill a vector register.
        let mut from = 0;
        for four in logits.chunks_mut(4) {
            match <&mut [f64; 4]>::try_from(&mut *four) {
                Ok(four) => self.add_to(row, from, four),
                Err(_) => {
                    for (label, logit) in (from..).zip(&mut *four) {
                        self.add_to(row, label, std::array::from_mut(logit));
                    }
                }
            }
            from += four.len();
        }
    }

    /// Adds Σ value · weight to the logits of the labels from `from` on: every other
    /// entry into a sum of its own, so that an addition need not wait for the last.
    #[inline]
    fn add_to<const N: usize>(&self, row: &SparseRow, from: usize, logits: &mut [f64; N]) {
        let n = self.bias.len();
        let (mut even, mut odd) = ([0.0; N], [0.0; N]);
        let add = |sums: &mut [f64; N], (feature, value): (u32, f64)| {
            let weights = self.weights[feature as usize * n + from..].first_chunk::<N>();
            let weights = weights.expect("a weight per label");
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum += value * weight;
            }
        };
        let mut entries = row.iter();
        while let Some(entry) = entries.next() {
            add(&mut even, entry);
            if let Some(entry) = entries.next() {
                add(&mut odd, entry);
            }
        }
        for (label, logit) in logits.iter_mut().enumerate() {
            *logit += even[label] + odd[label];
        }
    }
}

/// Logits to probabilities, in place: finite and summing to one for finite logits.
pub fn softmax(logits: &mut [f64]) {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    for z in &mut *logits {
        *z = libm::exp(*z - largest);
    }
    let sum: f64 = logits.iter().sum();
    for z in logits {
        *z /= sum;
    }
}

/// ln Σ exp(zₖ) of one row, safe for logits of any size.
#[must_use]
pub fn log_sum_exp(logits: &[f64]) -> f64 {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    largest + libm::log(logits.iter().map(|z| libm::exp(z - largest)).sum::<f64>())
}
