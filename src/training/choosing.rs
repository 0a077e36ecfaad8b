//! Choosing how a model is trained, by what works on rows held out.
//!
//! One choice after the other is varied, the others kept: a handful of values each, all
//! judged on the same grouped folds, by log loss at the best temperature, which is smooth
//! where macro-F1 jumps, and by macro-F1, for log loss alone would give rare labels up. A
//! value is taken only when it gains more than noise. Words and keywords are fitted apart and added, so either is
//! varied without fitting the other again.

use serde::Serialize;

use super::calibration::cooled_loss;
use super::corpus::{Block, Corpus, Logits, Part, Weighing};
use super::vocabulary::VocabularyLimits;
use super::{PartOptions, Penalty, RowWeights, TrainingOptions};
use crate::error::Result;
use crate::evaluation;
use crate::features::FeatureSettings;

/// Log loss that a change must save to be made, in nats, ...
const LEAST_GAIN: f64 = 0.001;

/// ... while it costs no more macro-F1 than this; for log loss alone would give rare labels
/// up.
const MOST_LOSS: f64 = 0.001;

/// Or the macro-F1 that it must gain; less is noise.
const LEAST_F1: f64 = 0.005;

/// A setting that was tried.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trial {
    /// What was varied: "content words".
    pub what: &'static str,
    /// The value tried.
    pub value: String,
    /// Log loss on rows held out, at the best temperature.
    pub log_loss: f64,
    /// Macro-F1 on rows held out.
    pub macro_f1: f64,
    /// Whether it was taken.
    pub taken: bool,
}

/// Varies the choices in `start`, but for the rows' weights, and returns the best found, with all that was tried.
///
/// # Errors
/// [`crate::Error::Training`] when a fit fails.
pub fn choose(corpus: &Corpus, start: &TrainingOptions) -> Result<(TrainingOptions, Vec<Trial>)> {
    let mut options = *start;
    let mut trials = Vec::new();
    let weights = corpus.weights(&options.rows);
    options.content =
        Search::new(corpus, Part::Content, options.content, &weights).run(&mut trials)?;
    if corpus.has_titles() {
        options.title =
            Search::new(corpus, Part::Title, options.title, &weights).run(&mut trials)?;
    }
    Ok((options, trials))
}

/// The weights of rows by the reader's certainty and the label's origin, judged by the
/// keywords alone, which take a tenth of the time. Rows labelled from titles must be kept
/// in the corpus to be weighed.
///
/// # Errors
/// [`crate::Error::Training`] when a fit fails.
pub fn choose_weights(
    corpus: &Corpus,
    options: &TrainingOptions,
    trials: &mut Vec<Trial>,
) -> Result<RowWeights> {
    let now = options.rows;
    let is_certain = |row: usize| matches!(corpus.example(row).certainty, 1..=3);
    let mut tried = vec![now];
    if (0..corpus.rows.len()).any(is_certain) {
        for certainty in [[0.5, 0.8, 1.0], [0.0, 0.5, 1.0]] {
            tried.push(RowWeights { certainty, ..now });
        }
    }
    if (0..corpus.rows.len()).any(|row| !corpus.is_scored(row)) {
        tried.push(RowWeights { titled: 0.1, ..now });
    }
    if tried.len() == 1 {
        return Ok(now);
    }
    let block = Block::Keywords(options.content.features);
    let weights: Vec<Vec<f32>> = tried.iter().map(|rows| corpus.weights(rows)).collect();
    let penalty = options.content.keywords;
    let fits: Vec<Weighing> = weights
        .iter()
        .map(|weights| Weighing { penalty, weights })
        .collect();
    let judged = corpus.judge_block(Part::Content, block, &fits)?;
    let named: Vec<(String, Vec<&Logits>)> = tried
        .iter()
        .zip(&judged)
        .map(|(rows, logits)| {
            let [hard, leaning, clear] = rows.certainty;
            let name = format!(
                "hard {hard}, leaning {leaning}, clear {clear}, from titles {}",
                rows.titled
            );
            (name, vec![logits])
        })
        .collect();
    Ok(tried[best(corpus, "row weights", &named, trials)])
}

/// The first choice unless another gains enough; notes all trials.
fn best(
    corpus: &Corpus,
    what: &'static str,
    named: &[(String, Vec<&Logits>)],
    trials: &mut Vec<Trial>,
) -> usize {
    let first = trials.len();
    for (value, blocks) in named {
        let judged = corpus.judged(blocks);
        trials.push(Trial {
            what,
            value: value.clone(),
            log_loss: cooled_loss(&judged),
            macro_f1: evaluation::confusion(&judged, corpus.labels.len()).macro_f1(),
            taken: false,
        });
    }
    let start = (trials[first].log_loss, trials[first].macro_f1);
    let gains = |trial: &Trial| {
        let saved = start.0 - trial.log_loss;
        let gained = trial.macro_f1 - start.1;
        (saved > LEAST_GAIN && gained >= -MOST_LOSS) || gained > LEAST_F1
    };
    let chosen = (0..named.len())
        .filter(|&at| at == 0 || gains(&trials[first + at]))
        .min_by(|&a, &b| {
            // The first, where nothing gains; else the best of those that do.
            let rank = |at: usize| (at == 0, trials[first + at].log_loss);
            let (a, b) = (rank(a), rank(b));
            a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
        })
        .unwrap_or(0);
    trials[first + chosen].taken = true;
    chosen
}

/// The search for one part's settings: what is chosen so far, and the logits of both
/// blocks under it.
struct Search<'a> {
    corpus: &'a Corpus<'a>,
    part: Part,
    chosen: PartOptions,
    weights: &'a [f32],
    terms: Logits,
    keywords: Logits,
}

impl<'a> Search<'a> {
    fn new(corpus: &'a Corpus<'a>, part: Part, chosen: PartOptions, weights: &'a [f32]) -> Self {
        Self {
            corpus,
            part,
            chosen,
            weights,
            terms: Logits::new(),
            keywords: Logits::new(),
        }
    }

    fn run(mut self, trials: &mut Vec<Trial>) -> Result<PartOptions> {
        self.keywords = self
            .judge(
                Block::Keywords(self.chosen.features),
                &[self.chosen.keywords],
            )?
            .remove(0);
        self.choose_terms_penalty(trials)?;
        self.choose_vocabulary(trials)?;
        self.choose_keywords_penalty(trials)?;
        self.choose_features(trials)?;
        Ok(self.chosen)
    }

    fn judge(&self, block: Block, penalties: &[Penalty]) -> Result<Vec<Logits>> {
        let weights = self.weights;
        let fit = |&penalty: &Penalty| Weighing { penalty, weights };
        let fits: Vec<Weighing> = penalties.iter().map(fit).collect();
        self.corpus.judge_block(self.part, block, &fits)
    }

    fn what(&self, content: &'static str, title: &'static str) -> &'static str {
        match self.part {
            Part::Content => content,
            Part::Title => title,
        }
    }

    fn choose_terms_penalty(&mut self, trials: &mut Vec<Trial>) -> Result<()> {
        let penalties = around(self.chosen.terms);
        let mut judged = self.judge(Block::Terms(self.chosen.vocabulary), &penalties)?;
        let named: Vec<_> = penalties
            .iter()
            .zip(&judged)
            .map(|(p, logits)| (describe(*p), vec![logits, &self.keywords]))
            .collect();
        let what = self.what("penalty of words", "penalty of title words");
        let at = best(self.corpus, what, &named, trials);
        self.chosen.terms = penalties[at];
        self.terms = judged.swap_remove(at);
        Ok(())
    }

    fn choose_vocabulary(&mut self, trials: &mut Vec<Trial>) -> Result<()> {
        let now = self.chosen.vocabulary;
        let sizes = [
            now,
            VocabularyLimits {
                words: now.words / 2,
                pairs: now.pairs / 2,
                ..now
            },
            VocabularyLimits {
                words: now.words,
                pairs: now.pairs * 2,
                ..now
            },
        ];
        let mut judged = vec![self.terms.clone()];
        for limits in &sizes[1..] {
            judged.extend(self.judge(Block::Terms(*limits), &[self.chosen.terms])?);
        }
        let named: Vec<_> = sizes
            .iter()
            .zip(&judged)
            .map(|(v, logits)| {
                (
                    format!("{} words, {} pairs", v.words, v.pairs),
                    vec![logits, &self.keywords],
                )
            })
            .collect();
        let at = best(
            self.corpus,
            self.what("vocabulary", "title vocabulary"),
            &named,
            trials,
        );
        self.chosen.vocabulary = sizes[at];
        self.terms = judged.swap_remove(at);
        Ok(())
    }

    fn choose_keywords_penalty(&mut self, trials: &mut Vec<Trial>) -> Result<()> {
        let penalties = around(self.chosen.keywords);
        let mut judged = self.judge(Block::Keywords(self.chosen.features), &penalties)?;
        let named: Vec<_> = penalties
            .iter()
            .zip(&judged)
            .map(|(p, logits)| (describe(*p), vec![&self.terms, logits]))
            .collect();
        let what = self.what("penalty of skills", "penalty of title skills");
        let at = best(self.corpus, what, &named, trials);
        self.chosen.keywords = penalties[at];
        self.keywords = judged.swap_remove(at);
        Ok(())
    }

    fn choose_features(&mut self, trials: &mut Vec<Trial>) -> Result<()> {
        let now = self.chosen.features;
        let scaled = |factor: f64| FeatureSettings {
            skill_scale: now.skill_scale * factor,
            ..now
        };
        let settings = [now, scaled(0.7), scaled(1.4)];
        let mut judged = vec![self.keywords.clone()];
        for features in &settings[1..] {
            judged.extend(self.judge(Block::Keywords(*features), &[self.chosen.keywords])?);
        }
        let named: Vec<_> = settings
            .iter()
            .zip(&judged)
            .map(|(f, logits)| (format!("{}", f.skill_scale), vec![&self.terms, logits]))
            .collect();
        let at = best(
            self.corpus,
            self.what("skill weight", "title skill weight"),
            &named,
            trials,
        );
        self.chosen.features = settings[at];
        self.keywords = judged.swap_remove(at);
        Ok(())
    }
}

/// A penalty, its half and its double, and other weights of rare labels.
fn around(now: Penalty) -> [Penalty; 5] {
    [
        now,
        Penalty {
            c: now.c / 2.0,
            ..now
        },
        Penalty {
            c: now.c * 2.0,
            ..now
        },
        Penalty {
            balance: if now.balance == 0.5 { 0.0 } else { 0.5 },
            ..now
        },
        Penalty {
            balance: if now.balance == 1.0 { 0.0 } else { 1.0 },
            ..now
        },
    ]
}

fn describe(penalty: Penalty) -> String {
    format!("C {}, balance {}", penalty.c, penalty.balance)
}
