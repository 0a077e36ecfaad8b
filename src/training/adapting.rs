//! A model adapted to few postings of one's own.
//!
//! Minimised is the loss on one's own rows plus α/2 ‖W − W₀‖², where W₀ are the base
//! model's weights: without evidence nothing moves. In the units of the base's calibrated
//! logits the base's judgement is an offset to every row, and the difference is fitted,
//! biases held back like weights. The strength is chosen on rows held out, from "nothing
//! moves" on. Vocabulary and lexicon stay the base's; so does its title model.

use linfa::dataset::DatasetBase;
use linfa::traits::Fit;
use ndarray::Array1;

use super::calibration::{added, calibrate, calibrate_at};
use super::choosing::Trial;
use super::corpus::Corpus;
use super::logistic::{Convergence, LogisticParams, SparseRecords};
use super::{Trained, fingerprint, rounded};
use crate::classifier::Classifier;
use crate::error::Result;
use crate::evaluation::{self, Judged};
use crate::features::{Memo, SparseRow};
use crate::model::{Calibration, Linear, Model, Provenance, Scorer, log_sum_exp};
use crate::parallel::in_parallel;
use crate::text::Text;

/// Strengths tried: the inverse of α; 0 keeps the base as it is.
const STRENGTHS: [f64; 7] = [0.0, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0];

/// From so many rows on, temperatures are fitted anew.
const ROWS_TO_CALIBRATE: usize = 200;

/// Adapts a model to a corpus, whose labels may be new. Returns the model, its judgements
/// of the rows held out, and the strengths that were tried.
///
/// # Errors
/// [`crate::Error::Training`] when a fit fails.
///
/// # Panics
/// Never: there are strengths to try.
pub fn adapt(corpus: &Corpus, base: &Classifier) -> Result<(Trained, Vec<Trial>)> {
    let own = Own::new(corpus, base.model());
    let all: Vec<usize> = (0..corpus.rows.len()).collect();
    let mut trials = Vec::new();
    let mut best: Option<(f64, f64, Vec<Judged>)> = None;
    for strength in STRENGTHS {
        let judged = own.judge(strength)?;
        let log_loss = evaluation::log_loss(&judged);
        trials.push(Trial {
            what: "strength of adapting",
            value: strength.to_string(),
            log_loss,
            macro_f1: evaluation::confusion(&judged, own.labels.len()).macro_f1(),
            taken: false,
        });
        if best.as_ref().is_none_or(|(_, least, _)| log_loss < *least) {
            best = Some((strength, log_loss, judged));
        }
    }
    let (strength, _, judged) = best.expect("strengths were tried");
    for trial in &mut trials {
        trial.taken = trial.value == strength.to_string();
    }
    let (linear, convergence) = own.fit(&all, strength)?;
    Ok((
        own.trained(base, strength, &linear, convergence, &judged),
        trials,
    ))
}

/// One's own rows as the base sees them.
struct Own<'a> {
    corpus: &'a Corpus<'a>,
    base: &'a Model,
    /// The base's labels, then the new ones.
    labels: Vec<String>,
    targets: Vec<usize>,
    rows: Vec<SparseRow>,
    /// The base's calibrated logits, padded for new labels.
    offsets: Vec<Vec<f64>>,
    /// The base's bias of new labels, calibrated.
    fresh: Vec<f64>,
}

impl<'a> Own<'a> {
    fn new(corpus: &'a Corpus<'a>, base: &'a Model) -> Self {
        let mut labels = base.labels.clone();
        labels.extend(
            corpus
                .labels
                .iter()
                .filter(|l| !base.labels.contains(l))
                .cloned(),
        );
        let index = |label: &String| labels.iter().position(|l| l == label).expect("just added");
        let targets: Vec<usize> = corpus
            .targets
            .iter()
            .map(|&t| index(&corpus.labels[t]))
            .collect();
        let all: Vec<usize> = (0..corpus.rows.len()).collect();
        let scored = in_parallel(&all, corpus.options.threads, Memo::default, |memo, &row| {
            let (analysis, logits) = base.content.score(corpus.cleaned(row), memo);
            (analysis.row, logits)
        });
        let temperature = base.content_calibration.temperature;
        let (rows, mut offsets): (Vec<SparseRow>, Vec<Vec<f64>>) = scored
            .into_iter()
            .map(|(row, logits)| (row, logits.iter().map(|z| z / temperature).collect()))
            .unzip();
        let level = offsets
            .iter()
            .map(|z: &Vec<f64>| log_sum_exp(z))
            .sum::<f64>()
            / offsets.len().max(1) as f64;
        let fresh: Vec<f64> = (base.labels.len()..labels.len())
            .map(|label| {
                let n = targets.iter().filter(|t| **t == label).count() as f64;
                level + libm::log((n + 0.5) / (targets.len() as f64 - n + 0.5))
            })
            .collect();
        for z in &mut offsets {
            z.extend(&fresh);
        }
        Self {
            corpus,
            base,
            labels,
            targets,
            rows,
            offsets,
            fresh,
        }
    }

    /// Fits the difference to the base, in calibrated units, on the rows `on`.
    fn fit(&self, on: &[usize], strength: f64) -> Result<(Linear, Convergence)> {
        let n_features = self.base.content.space.len();
        if strength == 0.0 {
            let still = Linear::new(
                vec![0.0; n_features * self.labels.len()],
                vec![0.0; self.labels.len()],
            );
            let convergence = Convergence {
                iterations: 0,
                cost: 0.0,
                gradient_norm: 0.0,
                converged: true,
            };
            return Ok((still, convergence));
        }
        let offsets = on
            .iter()
            .flat_map(|&row| self.offsets[row].iter().copied())
            .collect();
        let rows = on.iter().map(|&row| &self.rows[row]);
        let records = SparseRecords::new(rows, 0..n_features).with_offsets(offsets);
        let targets: Array1<usize> = on.iter().map(|&row| self.targets[row]).collect();
        let fitted = LogisticParams::new(self.labels.len())
            .alpha(1.0 / strength)
            .penalise_bias(true)
            .gradient_tolerance(super::tolerance(on.len()))
            .threads(self.corpus.options.threads)
            .fit(&DatasetBase::new(records, targets))?;
        Ok((fitted.linear, fitted.convergence))
    }

    /// Calibrated logits of every row by models adapted to the other folds.
    fn judge(&self, strength: f64) -> Result<Vec<Judged>> {
        let mut judged = vec![None; self.rows.len()];
        for fold in 0..self.corpus.options.folds {
            let (out, on): (Vec<usize>, Vec<usize>) =
                (0..self.rows.len()).partition(|&row| self.corpus.folds[row] == fold);
            let (difference, _) = self.fit(&on, strength)?;
            for row in out {
                let mut logits = difference.logits(&self.rows[row]);
                logits
                    .iter_mut()
                    .zip(&self.offsets[row])
                    .for_each(|(z, o)| *z += o);
                judged[row] = Some(Judged {
                    truth: self.targets[row],
                    logits,
                });
            }
        }
        Ok(judged.into_iter().flatten().collect())
    }

    fn trained(
        &self,
        base: &Classifier,
        strength: f64,
        difference: &Linear,
        convergence: Convergence,
        judged: &[Judged],
    ) -> Trained {
        let temperature = self.base.content_calibration.temperature;
        let raw: Vec<Judged> = judged
            .iter()
            .map(|j| Judged {
                truth: j.truth,
                logits: j.logits.iter().map(|z| z * temperature).collect(),
            })
            .collect();
        let title = self.base.title.as_ref().map(|scorer| self.padded(scorer));
        let title_judged = title
            .as_ref()
            .map_or(Vec::new(), |scorer| self.judge_titles(scorer));
        let with_title = added(&raw, &title_judged, self.base.title_weight);
        let (content_calibration, content) = self.calibrate(&self.base.content_calibration, &raw);
        let (title_calibration, both) = self.calibrate(&self.base.title_calibration, &with_title);
        let model = Model {
            labels: self.labels.clone(),
            languages: self.base.languages.clone(),
            content: Scorer {
                space: self.base.content.space.clone(),
                linear: self.moved(difference, temperature),
            },
            title,
            title_weight: self.base.title_weight,
            title_calibration: if both.is_empty() {
                content_calibration.clone()
            } else {
                title_calibration
            },
            content_calibration,
            provenance: self.provenance(base, strength),
        };
        Trained {
            model,
            judged: (0..self.rows.len()).collect(),
            content,
            both,
            title: title_judged,
            convergence,
        }
    }

    /// The base's weights plus the difference, in the base's own scale.
    fn moved(&self, difference: &Linear, temperature: f64) -> Linear {
        let base = &self.base.content.linear;
        let new_labels = self.labels.len() - self.base.labels.len();
        let add = |old: &[f64], fresh: &[f64], moved: &[f64]| -> Vec<f64> {
            let old = old
                .iter()
                .copied()
                .chain(fresh.iter().map(|z| z * temperature));
            old.zip(moved)
                .map(|(w, d)| rounded(w + d * temperature))
                .collect()
        };
        let zeros = vec![0.0; new_labels];
        let features = 0..base.n_features() as u32;
        let weights = features
            .flat_map(|f| add(base.weights(f), &zeros, difference.weights(f)))
            .collect();
        Linear::new(weights, add(base.bias(), &self.fresh, difference.bias()))
    }

    /// A scorer that says nothing about the new labels.
    fn padded(&self, scorer: &Scorer) -> Scorer {
        let new_labels = self.labels.len() - self.base.labels.len();
        let pad = |values: &[f64]| {
            values
                .iter()
                .copied()
                .chain(vec![0.0; new_labels])
                .collect::<Vec<f64>>()
        };
        let features = 0..scorer.linear.n_features() as u32;
        let weights = features
            .flat_map(|f| pad(scorer.linear.weights(f)))
            .collect();
        Scorer {
            space: scorer.space.clone(),
            linear: Linear::new(weights, pad(scorer.linear.bias())),
        }
    }

    fn judge_titles(&self, scorer: &Scorer) -> Vec<Judged> {
        let all: Vec<usize> = (0..self.rows.len()).collect();
        let logits = in_parallel(
            &all,
            self.corpus.options.threads,
            Memo::default,
            |memo, &row| {
                let title = self.corpus.example(row).title.trim();
                if title.is_empty() {
                    return vec![0.0; self.labels.len()];
                }
                scorer.score(&Text::new(title), memo).1
            },
        );
        let pairs = self.targets.iter().zip(logits);
        pairs
            .map(|(&truth, logits)| Judged { truth, logits })
            .collect()
    }

    fn calibrate(&self, base: &Calibration, raw: &[Judged]) -> (Calibration, Vec<Judged>) {
        if raw.len() >= ROWS_TO_CALIBRATE {
            calibrate(raw, self.labels.len())
        } else {
            calibrate_at(base.temperature, raw, self.labels.len())
        }
    }

    fn provenance(&self, base: &Classifier, strength: f64) -> Provenance {
        let parent = &self.base.provenance;
        let mut rows = vec![0; self.labels.len()];
        self.targets.iter().for_each(|&target| rows[target] += 1);
        let mut seen = parent.seen.clone();
        seen.extend(&self.corpus.identities);
        seen.sort_unstable();
        seen.dedup();
        let mut parents = vec![base.model_id().to_owned()];
        parents.extend(parent.parents.iter().cloned());
        Provenance {
            data: fingerprint(self.corpus.examples),
            facts: vec![
                (
                    "rows given".to_owned(),
                    self.corpus.examples.len().to_string(),
                ),
                ("rows used".to_owned(), self.rows.len().to_string()),
                ("strength of adapting".to_owned(), strength.to_string()),
                ("folds".to_owned(), self.corpus.options.folds.to_string()),
            ],
            rows,
            parents,
            seen,
        }
    }
}
