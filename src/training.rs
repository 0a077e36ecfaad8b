//! From labelled postings to a model.
//!
//! The choices that can be made wrong are made on postings held out: the rows are cut
//! into folds so that no employer stands on two sides, each fold is judged by a model
//! that never saw it, and from these judgements come the title's weight, the
//! temperatures and the reliability table. Then the model is fitted on all rows.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::error::Result;
use crate::evaluation::Judged;
use crate::evaluation::report::Summary;
use crate::example::Example;
use crate::features::FeatureSettings;
use crate::model::{Model, Provenance, file};
use crate::skills::Lexicon;

pub mod adapting;
mod calibration;
pub mod choosing;
pub mod corpus;
pub mod dataset;
pub mod labels;
pub mod lexicon;
pub mod logistic;
pub mod survey;
pub mod vocabulary;

use calibration::{added, best_title_weight, calibrate};
use corpus::{Corpus, CorpusOptions, Part};
use logistic::Convergence;
use vocabulary::VocabularyLimits;

/// How one part of the model, description or title, is built.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PartOptions {
    /// How the words and pairs are fitted.
    pub terms: Penalty,
    /// How the skills and totals are fitted: apart from the words, and added to them, for
    /// fitted together the many words take over what the keywords say more reliably.
    pub keywords: Penalty,
    /// Which words and pairs are features.
    pub vocabulary: VocabularyLimits,
    /// How the blocks are weighed.
    pub features: FeatureSettings,
}

/// How strongly the weights of a block of features are held back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Penalty {
    /// Inverse of the penalty α on the squared weights.
    pub c: f64,
    /// How far rare labels are weighed up, in [0, 1].
    pub balance: f64,
}

/// Everything that a training can be told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrainingOptions {
    /// The description's part.
    pub content: PartOptions,
    /// The title's part.
    pub title: PartOptions,
    /// How much every row counts.
    pub rows: RowWeights,
}

/// How much rows count in a fit, in [0, 1].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RowWeights {
    /// By the reader's certainty 1, 2 and 3 (hard, leaning, clear).
    pub certainty: [f64; 3],
    /// Of rows whose label came from the title, beside rows that were read.
    pub titled: f64,
}

impl Default for TrainingOptions {
    /// What cross-validation on real postings chose.
    fn default() -> Self {
        Self {
            content: PartOptions {
                terms: Penalty {
                    c: 8.0,
                    balance: 1.0,
                },
                keywords: Penalty {
                    c: 3.0,
                    balance: 0.5,
                },
                vocabulary: VocabularyLimits {
                    words: 8000,
                    pairs: 16000,
                    groups: 3,
                    most: 0.5,
                },
                features: FeatureSettings {
                    skill_scale: 1.0,
                    group_scale: 1.5,
                    blend_scale: 1.0,
                    mask_role_names: false,
                },
            },
            title: PartOptions {
                terms: Penalty {
                    c: 3.0,
                    balance: 1.0,
                },
                keywords: Penalty {
                    c: 1.0,
                    balance: 0.5,
                },
                vocabulary: VocabularyLimits {
                    words: 2000,
                    pairs: 4000,
                    groups: 2,
                    most: 1.0,
                },
                features: FeatureSettings {
                    skill_scale: 0.5,
                    group_scale: 0.0,
                    blend_scale: 0.0,
                    mask_role_names: false,
                },
            },
            rows: RowWeights {
                certainty: [1.0; 3],
                titled: 0.0,
            },
        }
    }
}

/// A model and what was learnt about it while training.
#[derive(Debug)]
pub struct Trained {
    /// The model.
    pub model: Model,
    /// The rows that were judged, as positions in the corpus.
    pub judged: Vec<usize>,
    /// Judgements of these rows by models that had not seen them, calibrated:
    /// description alone.
    pub content: Vec<Judged>,
    /// The same with the title; empty where no title model was fitted.
    pub both: Vec<Judged>,
    /// The title alone; empty where no title model was fitted.
    pub title: Vec<Judged>,
    /// How the last fit of the description's weights ended.
    pub convergence: Convergence,
}

impl Trained {
    /// The judgements with all that a posting gives: with the title where one is heard.
    #[must_use]
    pub fn best(&self) -> &[Judged] {
        if self.both.is_empty() {
            &self.content
        } else {
            &self.both
        }
    }
}

/// Trains a model with the default preparation.
///
/// # Errors
/// [`crate::Error::Training`] when there are too few rows, labels or groups to learn from.
pub fn train(
    examples: &[Example],
    lexicon: &Arc<Lexicon>,
    options: &TrainingOptions,
    threads: usize,
) -> Result<Trained> {
    let preparation = CorpusOptions {
        threads,
        ..CorpusOptions::default()
    };
    fit(&Corpus::new(examples, lexicon, preparation)?, options)
}

/// Fits a model to prepared postings.
///
/// Rows whose label came from the title are left out where others were read: at any weight
/// they made the model worse (they teach what titles say). A title model is fitted only
/// where whoever labelled had not seen the title.
///
/// # Errors
/// [`crate::Error::Training`] when a fit fails.
pub fn fit(corpus: &Corpus, options: &TrainingOptions) -> Result<Trained> {
    let content_judged = corpus.judge(Part::Content, options)?;
    let (content, convergence) = corpus.fit(Part::Content, options)?;
    let (mut title, mut title_judged, mut title_weight) = (None, Vec::new(), 0.0);
    if corpus.has_titles() {
        title_judged = corpus.judge(Part::Title, options)?;
        title = Some(corpus.fit(Part::Title, options)?.0);
        title_weight = best_title_weight(&content_judged, &title_judged, corpus.options.threads);
    }
    let with_title = added(&content_judged, &title_judged, title_weight);
    let (content_calibration, content_judged) = calibrate(&content_judged, corpus.labels.len());
    let (title_calibration, both_judged) = calibrate(&with_title, corpus.labels.len());
    let model = Model {
        labels: corpus.labels.clone(),
        languages: corpus.languages.iter().cloned().collect(),
        content,
        title,
        title_weight,
        title_calibration: if both_judged.is_empty() {
            content_calibration.clone()
        } else {
            title_calibration
        },
        content_calibration,
        provenance: provenance(corpus, options),
    };
    Ok(Trained {
        model,
        judged: (0..corpus.rows.len())
            .filter(|&row| corpus.is_scored(row))
            .collect(),
        content: content_judged,
        both: both_judged,
        title: title_judged,
        convergence,
    })
}

/// Scores of the description's model trained on parts of the employers, each part twice the
/// one before, judged on the same rows held out: what more postings would bring.
///
/// # Errors
/// [`crate::Error::Training`] when a fit fails.
pub fn learning_curve(corpus: &Corpus, options: &TrainingOptions) -> Result<Vec<(usize, Summary)>> {
    let mut curve = Vec::new();
    for part in [8, 4, 2, 1] {
        let mut weights = corpus.weights(&options.rows);
        for (weight, employer) in weights.iter_mut().zip(&corpus.employers) {
            if employer % part != 0 {
                *weight = 0.0;
            }
        }
        let judged = calibrate(
            &corpus.judge_weighted(Part::Content, options, &weights)?,
            corpus.labels.len(),
        )
        .1;
        let rows = weights.iter().filter(|w| **w > 0.0).count();
        let rows = rows - rows / corpus.options.folds;
        curve.push((
            rows,
            Summary::of_model("description", &judged, &corpus.labels),
        ));
    }
    Ok(curve)
}

/// Rounds to five decimals, the precision of the model file, so that what is written is
/// what was calibrated.
pub(crate) fn rounded(x: f64) -> f64 {
    let rounded = (x * 1e5).round() / 1e5;
    if rounded == 0.0 { 0.0 } else { rounded }
}

/// The length of the gradient at which a fit on `rows` rows has converged: the loss is a
/// sum over rows, and so is its gradient.
pub(crate) fn tolerance(rows: usize) -> f64 {
    1e-4 * rows as f64
}

/// SHA-256 over the fields of all rows, hexadecimal: the same rows in the same order
/// give the same fingerprint, whatever file they stood in.
#[must_use]
pub fn fingerprint(examples: &[Example]) -> String {
    let mut hash = Sha256::new();
    for e in examples {
        let origin = [e.origin as u8, e.certainty];
        for field in [&e.title, &e.description, &e.label, &e.language, &e.group] {
            hash.update((field.len() as u64).to_le_bytes());
            hash.update(field);
        }
        hash.update(origin);
    }
    file::hex(&hash.finalize())
}

fn provenance(corpus: &Corpus, options: &TrainingOptions) -> Provenance {
    let mut facts = vec![
        ("rows given".to_owned(), corpus.examples.len().to_string()),
        ("rows used".to_owned(), corpus.targets.len().to_string()),
    ];
    let distinct = |numbers: &[u32]| numbers.iter().max().map_or(0, |n| n + 1).to_string();
    facts.push(("employers".to_owned(), distinct(&corpus.employers)));
    facts.push(("different texts".to_owned(), distinct(&corpus.clusters)));
    for (name, part) in [("content", &options.content), ("title", &options.title)] {
        let v = part.vocabulary;
        for (block, penalty) in [("terms", part.terms), ("keywords", part.keywords)] {
            let value = format!("C {}, balance {}", penalty.c, penalty.balance);
            facts.push((format!("{name} {block}"), value));
        }
        facts.push((
            format!("{name} vocabulary"),
            format!(
                "{} words, {} pairs, {} employers",
                v.words, v.pairs, v.groups
            ),
        ));
    }
    facts.push(("folds".to_owned(), corpus.options.folds.to_string()));
    Provenance {
        data: fingerprint(corpus.examples),
        facts,
        rows: corpus.rows_of_labels(),
        parents: Vec::new(),
        seen: corpus.seen(options),
    }
}
