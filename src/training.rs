//! From labelled postings to a model.
//!
//! The choices that can be made wrong are made on postings held out: the rows are cut
//! into folds so that no employer stands on two sides, each fold is judged by a model
//! that never saw it, and from these judgements come the title's weight, the
//! temperatures and the reliability table. Then the model is fitted on all rows.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use linfa::dataset::DatasetBase;
use linfa::traits::Fit;
use ndarray::Array1;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::evaluation::{self, Judged};
use crate::features::{FeatureSettings, FeatureSpace, Memo, SparseRow};
use crate::language;
use crate::model::{Calibration, Linear, Model, Provenance, Reliability, Scorer, file};
use crate::skills::Lexicon;
use crate::text::Text;
use crate::title;
use crate::token;

pub mod logistic;
pub mod table;
pub mod vocabulary;

use logistic::{Convergence, LogisticParams, SparseRecords};
use vocabulary::{StemmedTexts, VocabularyLimits};

/// A labelled posting.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Example {
    /// The job's title; empty where there is none.
    pub title: String,
    /// The advertisement.
    pub description: String,
    /// The label, as the model will name it.
    pub label: String,
    /// Where the label comes from.
    pub origin: Origin,
    /// How sure the reader was: 3 clear, 2 leaning, 1 hard; 0 unknown.
    pub certainty: u8,
    /// ISO 639-1 code; empty: detected.
    pub language: String,
    /// The employer, or whatever must not stand on both sides of a split; empty: none known.
    pub group: String,
}

/// Where a label comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Origin {
    /// Somebody read the text with the title hidden.
    Reading,
    /// Taken from the title.
    Title,
    /// Given by people who may have seen the title.
    #[default]
    Unknown,
}

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
    /// Weight of readings by certainty 1, 2 and 3 (hard, leaning, clear).
    pub certainty_weights: [f64; 3],
    /// Folds of the cross-validation, at least 2.
    pub folds: usize,
    /// Threads; the model does not depend on it.
    pub threads: usize,
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
            certainty_weights: [1.0; 3],
            folds: 5,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

/// A model and what was learnt about it while training.
#[derive(Debug)]
pub struct Trained {
    /// The model.
    pub model: Model,
    /// The rows used, in the order of the examples.
    pub rows: Vec<usize>,
    /// Judgements of the rows by models that had not seen them, calibrated:
    /// description alone.
    pub content: Vec<Judged>,
    /// The same with the title; empty where no title model was fitted.
    pub both: Vec<Judged>,
    /// The title alone; empty where no title model was fitted.
    pub title: Vec<Judged>,
    /// How the last fit of the description's weights ended.
    pub convergence: Convergence,
}

/// Trains a model.
///
/// Rows whose label came from the title are left out: at any weight they made the model
/// worse (they teach what titles say). A title model is fitted only on readings.
///
/// # Errors
/// [`Error::Training`] when there are too few rows, labels or groups to learn from.
pub fn train(
    examples: &[Example],
    lexicon: &Arc<Lexicon>,
    options: &TrainingOptions,
) -> Result<Trained> {
    let mut texts: Vec<Option<Text>> = examples
        .iter()
        .map(|e| Some(Text::new(&e.description)))
        .collect();
    let languages = languages(examples, &texts);
    let rows: Vec<usize> = (0..examples.len())
        .filter(|&row| {
            examples[row].origin != Origin::Title && languages.known.contains(&languages.of[row])
        })
        .collect();
    let texts = rows.iter().filter_map(|&row| texts[row].take()).collect();
    let corpus = Corpus::new(examples, &rows, texts, lexicon, options)?;
    let judged = corpus.cross_validate(options)?;
    let all: Vec<usize> = (0..rows.len()).collect();
    let (content, convergence) =
        corpus.fit(&corpus.descriptions, &all, &options.content, options)?;
    let title = match &corpus.titles {
        Some(titles) => Some(corpus.fit(titles, &all, &options.title, options)?.0),
        None => None,
    };
    let title_weight = if title.is_some() {
        best_title_weight(&judged)
    } else {
        0.0
    };
    let with_title = added(&judged.content, &judged.title, title_weight);
    let (content_calibration, content_judged) = calibrate(judged.content);
    let (title_calibration, both_judged) = calibrate(with_title);
    let provenance = provenance(examples, &corpus, options);
    let model = Model {
        labels: corpus.labels.clone(),
        languages: languages.known.into_iter().collect(),
        content,
        title,
        title_weight,
        title_calibration: if both_judged.is_empty() {
            content_calibration.clone()
        } else {
            title_calibration
        },
        content_calibration,
        provenance,
    };
    Ok(Trained {
        model,
        rows,
        content: content_judged,
        both: both_judged,
        title: judged.title,
        convergence,
    })
}

/// Rounds to five decimals, the precision of the model file, so that what is written is
/// what was calibrated.
pub(crate) fn rounded(x: f64) -> f64 {
    let rounded = (x * 1e5).round() / 1e5;
    if rounded == 0.0 { 0.0 } else { rounded }
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

struct Languages {
    of: Vec<String>,
    known: BTreeSet<String>,
}

/// A language is known with at least this many readable rows, or half of all.
const ROWS_OF_A_LANGUAGE: usize = 1000;

fn languages(examples: &[Example], texts: &[Option<Text>]) -> Languages {
    let of: Vec<String> = examples
        .iter()
        .zip(texts)
        .map(|(example, text)| match example.language.as_str() {
            "" => {
                let text = text.as_ref().map_or("", Text::as_str);
                language::detect(text, &token::tokenize(text))
                    .unwrap_or("en")
                    .to_owned()
            }
            given => given.to_owned(),
        })
        .collect();
    let mut counts: BTreeMap<&String, usize> = BTreeMap::new();
    let readable = || {
        examples
            .iter()
            .zip(&of)
            .filter(|(e, _)| e.origin != Origin::Title)
    };
    readable().for_each(|(_, language)| *counts.entry(language).or_default() += 1);
    let enough = ROWS_OF_A_LANGUAGE.min(readable().count().div_ceil(2));
    let known = counts
        .into_iter()
        .filter(|(_, n)| *n >= enough)
        .map(|(l, _)| l.clone())
        .collect();
    Languages { of, known }
}

/// The rows to learn from, prepared.
struct Corpus<'a> {
    labels: Vec<String>,
    targets: Vec<usize>,
    weights: Vec<f32>,
    groups: Vec<u32>,
    folds: Vec<usize>,
    lexicon: Arc<Lexicon>,
    descriptions: Texts<'a>,
    /// `None` where a title model would learn to read the labels.
    titles: Option<Texts<'a>>,
}

/// Texts of one kind, by row, and their stems.
struct Texts<'a> {
    texts: Vec<Text<'a>>,
    stemmed: StemmedTexts,
}

/// Logits of every row by a model that had not seen it.
struct CrossValidated {
    content: Vec<Judged>,
    title: Vec<Judged>,
}

impl<'a> Corpus<'a> {
    fn new(
        examples: &'a [Example],
        rows: &[usize],
        texts: Vec<Text<'a>>,
        lexicon: &Arc<Lexicon>,
        options: &TrainingOptions,
    ) -> Result<Self> {
        let used: Vec<&Example> = rows.iter().map(|&row| &examples[row]).collect();
        let labels: BTreeSet<&str> = used.iter().map(|e| e.label.as_str()).collect();
        let labels: Vec<String> = labels.into_iter().map(str::to_owned).collect();
        if labels.len() < 2 {
            return Err(Error::Training(format!(
                "{} usable rows with {} label(s); at least two labels are needed",
                rows.len(),
                labels.len()
            )));
        }
        let target = |e: &&Example| labels.binary_search(&e.label).expect("collected above");
        let targets: Vec<usize> = used.iter().map(target).collect();
        let groups = groups(&used);
        let folds = folds(&targets, &groups, labels.len(), options.folds);
        if (0..options.folds).any(|fold| !folds.contains(&fold)) {
            return Err(Error::Training(format!(
                "too few employers to cut the rows into {} folds",
                options.folds
            )));
        }
        let weight = |e: &&Example| match e.certainty {
            certainty @ 1..=3 => options.certainty_weights[usize::from(certainty) - 1] as f32,
            _ => 1.0,
        };
        let mask = |part: &PartOptions| part.features.mask_role_names;
        let stemmed = StemmedTexts::new(&texts, lexicon, mask(&options.content));
        let blind = used.iter().all(|e| e.origin == Origin::Reading)
            && used.iter().any(|e| !e.title.trim().is_empty());
        let titles = blind.then(|| {
            let texts: Vec<Text> = used.iter().map(|e| Text::new(&e.title)).collect();
            let stemmed = StemmedTexts::new(&texts, lexicon, mask(&options.title));
            Texts { texts, stemmed }
        });
        Ok(Self {
            weights: used.iter().map(weight).collect(),
            labels,
            targets,
            groups,
            folds,
            lexicon: Arc::clone(lexicon),
            descriptions: Texts { texts, stemmed },
            titles,
        })
    }

    /// Fits one part on the rows `on`.
    fn fit(
        &self,
        texts: &Texts,
        on: &[usize],
        part: &PartOptions,
        options: &TrainingOptions,
    ) -> Result<(Scorer, Convergence)> {
        let vocabulary = texts.stemmed.vocabulary(on, &self.groups, part.vocabulary);
        let space = FeatureSpace::new(part.features, Arc::clone(&self.lexicon), vocabulary);
        let rows = in_parallel(on, options.threads, Memo::default, |memo, &row| {
            space.analyse(&texts.texts[row], memo).row
        });
        let n_terms = space.vocabulary().len();
        let (terms, convergence) = self.fit_block(&rows, 0..n_terms, on, part.terms, options)?;
        let (keywords, _) =
            self.fit_block(&rows, n_terms..space.len(), on, part.keywords, options)?;
        let features = (0..n_terms as u32)
            .map(|f| terms.weights(f))
            .chain((0..(space.len() - n_terms) as u32).map(|f| keywords.weights(f)));
        let weights = features.flatten().map(|w| rounded(*w)).collect();
        let biases = terms.bias().iter().zip(keywords.bias());
        let bias = biases.map(|(a, b)| rounded(a + b)).collect();
        let linear = Linear::new(weights, bias);
        Ok((Scorer { space, linear }, convergence))
    }

    /// Fits the weights of one block of features.
    fn fit_block(
        &self,
        rows: &[SparseRow],
        columns: std::ops::Range<usize>,
        on: &[usize],
        penalty: Penalty,
        options: &TrainingOptions,
    ) -> Result<(Linear, Convergence)> {
        let records = SparseRecords::new(rows, columns);
        let targets: Array1<usize> = on.iter().map(|&row| self.targets[row]).collect();
        let weights: Array1<f32> = on.iter().map(|&row| self.weights[row]).collect();
        let fitted = LogisticParams::new(self.labels.len())
            .alpha(1.0 / penalty.c)
            .balance(penalty.balance)
            .threads(options.threads)
            .fit(&DatasetBase::new(records, targets).with_weights(weights))?;
        Ok((fitted.linear, fitted.convergence))
    }

    /// Judges every row by models fitted on the other folds.
    fn cross_validate(&self, options: &TrainingOptions) -> Result<CrossValidated> {
        let mut content = vec![None; self.targets.len()];
        let mut title = content.clone();
        for fold in 0..options.folds {
            let (out, on): (Vec<usize>, Vec<usize>) =
                (0..self.targets.len()).partition(|&row| self.folds[row] == fold);
            let parts = [
                (Some(&self.descriptions), &options.content, &mut content),
                (self.titles.as_ref(), &options.title, &mut title),
            ];
            for (texts, part, judged) in parts {
                let Some(texts) = texts else { continue };
                let (scorer, _) = self.fit(texts, &on, part, options)?;
                let logits = in_parallel(&out, options.threads, Memo::default, |memo, &row| {
                    scorer.score(&texts.texts[row], memo).1
                });
                for (&row, logits) in out.iter().zip(logits) {
                    judged[row] = Some(Judged {
                        truth: self.targets[row],
                        logits,
                    });
                }
            }
        }
        let all = |judged: Vec<Option<Judged>>| judged.into_iter().flatten().collect();
        Ok(CrossValidated {
            content: all(content),
            title: all(title),
        })
    }
}

/// Numbers the employers; a row without one is its own.
fn groups(examples: &[&Example]) -> Vec<u32> {
    let mut numbers: HashMap<&str, u32> = HashMap::new();
    let mut next = 0;
    let mut fresh = || {
        next += 1;
        next - 1
    };
    examples
        .iter()
        .map(|e| match e.group.as_str() {
            "" => fresh(),
            group => *numbers.entry(group).or_insert_with(&mut fresh),
        })
        .collect()
}

/// A fold for every row: groups whole, labels spread evenly. The largest groups are
/// placed first, each where its labels are rarest so far.
fn folds(targets: &[usize], groups: &[u32], n_labels: usize, n_folds: usize) -> Vec<usize> {
    let n_groups = groups.iter().max().map_or(0, |g| *g as usize + 1);
    let mut counts = vec![vec![0.0; n_labels]; n_groups];
    targets
        .iter()
        .zip(groups)
        .for_each(|(&t, &g)| counts[g as usize][t] += 1.0);
    let mut totals = vec![1e-9; n_labels];
    for &target in targets {
        totals[target] += 1.0;
    }
    let mut order: Vec<usize> = (0..n_groups).collect();
    order.sort_by(|&a, &b| {
        counts[b]
            .iter()
            .sum::<f64>()
            .total_cmp(&counts[a].iter().sum())
            .then(a.cmp(&b))
    });
    let mut filled = vec![vec![0.0; n_labels]; n_folds];
    let mut fold_of = vec![0; n_groups];
    for group in order {
        let crowding = |fold: usize| -> f64 {
            (0..n_labels)
                .map(|l| {
                    counts[group][l] * (filled[fold][l] + counts[group][l])
                        / (totals[l] * totals[l])
                })
                .sum()
        };
        let fold = (0..n_folds)
            .min_by(|&a, &b| crowding(a).total_cmp(&crowding(b)))
            .unwrap_or(0);
        filled[fold]
            .iter_mut()
            .zip(&counts[group])
            .for_each(|(sum, n)| *sum += n);
        fold_of[group] = fold;
    }
    groups.iter().map(|&g| fold_of[g as usize]).collect()
}

/// Maps items on several threads, in order; every thread has a state of its own.
fn in_parallel<T: Sync, S, R: Send>(
    items: &[T],
    threads: usize,
    state: impl Fn() -> S + Sync,
    map: impl Fn(&mut S, &T) -> R + Sync,
) -> Vec<R> {
    let share = items.len().div_ceil(threads.max(1)).max(1);
    std::thread::scope(|scope| {
        let work = |items| {
            let (state, map) = (&state, &map);
            scope.spawn(move || {
                let mut state = state();
                items_of(items, |item| map(&mut state, item))
            })
        };
        let workers: Vec<_> = items.chunks(share).map(work).collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().expect("workers do not panic"))
            .collect()
    })
}

fn items_of<T, R>(items: &[T], map: impl FnMut(&T) -> R) -> Vec<R> {
    items.iter().map(map).collect()
}

/// Content and title logits of the same rows added.
fn added(content: &[Judged], title: &[Judged], weight: f64) -> Vec<Judged> {
    let add = |(c, t): (&Judged, &Judged)| {
        let mut logits = c.logits.clone();
        title::add(&mut logits, &t.logits, weight);
        Judged {
            truth: c.truth,
            logits,
        }
    };
    content.iter().zip(title).map(add).collect()
}

/// The title's weight, in steps of 0.05, with the smallest log loss on rows held out, the
/// temperature fitted for each; macro-F1 jumps too much from step to step to choose by.
fn best_title_weight(judged: &CrossValidated) -> f64 {
    let loss = |weight: f64| {
        let (_, calibrated) = calibrate(added(&judged.content, &judged.title, weight));
        evaluation::log_loss(&calibrated)
    };
    let weights = (0..=30).map(|step| f64::from(step) / 20.0);
    weights
        .min_by(|&a, &b| loss(a).total_cmp(&loss(b)))
        .unwrap_or(0.0)
}

/// Fits the temperature to rows held out, by golden-section search for the smallest log
/// loss, and counts how often the label was right by confidence.
fn calibrate(mut judged: Vec<Judged>) -> (Calibration, Vec<Judged>) {
    let loss = |log_temperature: f64| {
        let cooled: Vec<Judged> = judged
            .iter()
            .map(|j| cooled(j, libm::exp(log_temperature)))
            .collect();
        evaluation::log_loss(&cooled)
    };
    let (mut low, mut high) = (-3.0, 3.0);
    let golden = (5.0_f64.sqrt() - 1.0) / 2.0;
    for _ in 0..40 {
        let (a, b) = (high - golden * (high - low), low + golden * (high - low));
        if loss(a) <= loss(b) {
            high = b;
        } else {
            low = a;
        }
    }
    let temperature = if judged.is_empty() {
        1.0
    } else {
        rounded(libm::exp(f64::midpoint(low, high)))
    };
    for j in &mut judged {
        *j = cooled(j, temperature);
    }
    (
        Calibration {
            temperature,
            reliability: reliability(&judged),
        },
        judged,
    )
}

fn cooled(judged: &Judged, temperature: f64) -> Judged {
    Judged {
        truth: judged.truth,
        logits: judged.logits.iter().map(|z| z / temperature).collect(),
    }
}

/// How often the label was right, by its probability.
fn reliability(judged: &[Judged]) -> Vec<Reliability> {
    const BOUNDS: [u32; 8] = [400, 500, 600, 700, 800, 900, 950, 1000];
    let mut bins: Vec<Reliability> = BOUNDS
        .iter()
        .map(|&below| Reliability {
            below,
            postings: 0,
            right: 0,
        })
        .collect();
    for j in judged {
        let bin = bins
            .iter_mut()
            .find(|bin| j.confidence() * 1000.0 <= f64::from(bin.below));
        if let Some(bin) = bin {
            bin.postings += 1;
            bin.right += u64::from(j.predicted() == j.truth);
        }
    }
    bins
}

fn provenance(examples: &[Example], corpus: &Corpus, options: &TrainingOptions) -> Provenance {
    let mut facts = vec![
        ("rows given".to_owned(), examples.len().to_string()),
        ("rows used".to_owned(), corpus.targets.len().to_string()),
    ];
    for (at, label) in corpus.labels.iter().enumerate() {
        let count = corpus.targets.iter().filter(|t| **t == at).count();
        facts.push((format!("rows {label}"), count.to_string()));
    }
    let employers = corpus.groups.iter().collect::<BTreeSet<_>>().len();
    facts.push(("employers".to_owned(), employers.to_string()));
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
    facts.push(("folds".to_owned(), options.folds.to_string()));
    Provenance {
        data: fingerprint(examples),
        facts,
    }
}
