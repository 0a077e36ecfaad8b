//! A model on labelled postings: everything that `rolecall evaluate` says.

use std::sync::Arc;

use serde::Serialize;

use super::comparison::{self, Comparison};
use super::report::{Slice, Summary, slices};
use super::{Judged, Sight, baselines, judge, targets};
use crate::classifier::Classifier;
use crate::duplicates;
use crate::error::{Error, Result};
use crate::example::{Example, Origin};
use crate::folds;
use crate::language;
use crate::parallel::in_parallel;
use crate::skills::Lexicon;
use crate::text::Text;
use crate::token;

/// What is evaluated, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EvaluationOptions {
    /// Judge the description alone.
    pub ignore_title: bool,
    /// Keep postings that the model was trained on.
    pub include_seen: bool,
    /// Threads; no score depends on it.
    pub threads: usize,
}

/// The scores of a model on labelled postings.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// The model's id.
    pub model: String,
    /// Postings scored.
    pub rows: usize,
    /// Postings left out because the model was trained on them.
    pub seen: usize,
    /// Left out because the model does not know their language.
    pub foreign: usize,
    /// Left out because their label came from the title, where others were read.
    pub titled: usize,
    /// The model by what it sees; the last one sees most.
    pub summaries: Vec<Summary>,
    /// What needs no training, and the embedded model.
    pub baselines: Vec<Summary>,
    /// By source, language and reader's confidence.
    pub slices: Vec<Slice>,
    /// Against the embedded model, where this is another one with the same labels: on
    /// postings that neither was trained on.
    pub against_embedded: Option<Comparison>,
    /// The postings scored, as positions among those given.
    #[serde(skip)]
    pub kept: Vec<usize>,
    /// Their judgements with all that a posting gives.
    #[serde(skip)]
    pub judged: Vec<Judged>,
}

impl Evaluation {
    /// The scores with all that a posting gives.
    ///
    /// # Panics
    /// Never: an evaluation has at least one summary.
    #[must_use]
    pub fn best(&self) -> &Summary {
        self.summaries
            .last()
            .expect("the description is always judged")
    }
}

/// Scores a classifier on labelled postings.
///
/// # Errors
/// [`Error::UnknownLabel`] for a row whose label the model does not have;
/// [`Error::Evaluation`] when no posting is left to score.
///
/// # Panics
/// Never: the description is always judged.
pub fn evaluate(
    classifier: &Classifier,
    examples: &[Example],
    options: EvaluationOptions,
) -> Result<Evaluation> {
    let Sifted {
        kept,
        identities,
        languages,
        seen,
        foreign,
        titled,
    } = Sifted::new(classifier, examples, options)?;
    let rows: Vec<&Example> = kept.iter().map(|&row| &examples[row]).collect();
    let mut scored = Vec::new();
    for sight in sights(&rows, options) {
        let judged = judge(classifier, &rows, sight, options.threads)?;
        if !judged.is_empty() {
            scored.push((sight, judged));
        }
    }
    let labels = classifier.labels();
    let best = &scored.last().expect("the description is always judged").1;
    let (embedded, against_embedded) =
        embedded(classifier, &rows, &identities, best, options)?.unzip();
    let of_sight = |(sight, judged): &(Sight, Vec<Judged>)| match sight {
        Sight::Title => Summary::of_rule(sight.as_str(), judged, labels),
        _ => Summary::of_model(sight.as_str(), judged, labels),
    };
    let targets = targets(&rows, labels)?;
    let lexicon = classifier.model().content.space.lexicon();
    let mut simple = rules(labels, lexicon, &rows, &targets, options.threads);
    simple.extend(embedded);
    let mut by_property = all_slices(&rows, best, labels.len());
    by_property.extend(slices("language", best, &languages, labels.len()));
    Ok(Evaluation {
        model: classifier.model_id().to_owned(),
        rows: rows.len(),
        seen,
        foreign,
        titled,
        summaries: scored.iter().map(of_sight).collect(),
        baselines: simple,
        slices: by_property,
        against_embedded,
        kept,
        judged: scored.pop().expect("the description is always judged").1,
    })
}

/// The words for a reader's confidence.
#[must_use]
pub fn certainty(certainty: u8) -> &'static str {
    match certainty {
        3 => "clear",
        2 => "leaning",
        1 => "hard",
        _ => "unknown",
    }
}

fn sights(rows: &[&Example], options: EvaluationOptions) -> Vec<Sight> {
    let titles = !options.ignore_title && rows.iter().any(|e| !e.title.trim().is_empty());
    if titles {
        vec![Sight::Title, Sight::Description, Sight::Both]
    } else {
        vec![Sight::Description]
    }
}

/// The rows of examples that a model can be scored on, and their identities.
///
/// # Errors
/// [`Error::Evaluation`] when there is none.
pub fn fresh(
    classifier: &Classifier,
    examples: &[Example],
    options: EvaluationOptions,
) -> Result<(Vec<usize>, Vec<u64>)> {
    let sifted = Sifted::new(classifier, examples, options)?;
    Ok((sifted.kept, sifted.identities))
}

/// Scores by source, by length and by reader's confidence.
#[must_use]
pub fn all_slices(rows: &[&Example], judged: &[Judged], n_labels: usize) -> Vec<Slice> {
    let sources: Vec<String> = rows.iter().map(|e| e.source.clone()).collect();
    let readers: Vec<String> = rows
        .iter()
        .map(|e| certainty(e.certainty).to_owned())
        .collect();
    let lengths: Vec<String> = rows.iter().map(|e| length(&e.description)).collect();
    let mut by_length = slices("length", judged, &lengths, n_labels);
    by_length.sort_by_key(|slice| from_of(&slice.value));
    let mut all = slices("source", judged, &sources, n_labels);
    all.extend(by_length);
    all.extend(slices("reader", judged, &readers, n_labels));
    all
}

/// The range of lengths in characters that a description falls into, markup left out.
fn length(description: &str) -> String {
    const BOUNDS: [usize; 6] = [0, 500, 1000, 2000, 4000, 8000];
    let characters = Text::new(description).as_str().chars().count();
    let at = BOUNDS.partition_point(|bound| *bound <= characters);
    match BOUNDS.get(at) {
        Some(end) => format!("{}–{} characters", BOUNDS[at - 1], end - 1),
        None => format!("{} characters and more", BOUNDS[at - 1]),
    }
}

/// Where a range of lengths begins; what is no range comes last.
fn from_of(range: &str) -> usize {
    let digits = range.split(|c: char| !c.is_ascii_digit()).next();
    digits.and_then(|d| d.parse().ok()).unwrap_or(usize::MAX)
}

/// Answers without training, on the same rows; those that fit the labels.
#[must_use]
pub fn rules(
    labels: &[String],
    lexicon: &Arc<Lexicon>,
    rows: &[&Example],
    targets: &[usize],
    threads: usize,
) -> Vec<Summary> {
    let descriptions: Vec<&str> = rows.iter().map(|e| e.description.as_str()).collect();
    let titles = rows.iter().map(|e| e.title.as_str());
    let has_titles = rows.iter().any(|e| !e.title.trim().is_empty());
    let judged = [
        (
            "majority label",
            Some(baselines::majority(targets, labels.len())),
        ),
        (
            "title rule",
            has_titles
                .then(|| baselines::title_rule(titles, targets, labels))
                .flatten(),
        ),
        (
            "articles' skills vote",
            baselines::article_vote(lexicon, &descriptions, targets, labels, threads),
        ),
    ];
    let summary = |(name, judged): (&str, Option<Vec<Judged>>)| {
        Some(Summary::of_rule(name, &judged?, labels))
    };
    judged.into_iter().filter_map(summary).collect()
}

/// The embedded model on the rows that it was not trained on, and `best` against it there.
fn embedded(
    classifier: &Classifier,
    rows: &[&Example],
    identities: &[u64],
    best: &[Judged],
    options: EvaluationOptions,
) -> Result<Option<(Summary, Comparison)>> {
    let embedded = Classifier::embedded()?;
    if embedded.model_id() == classifier.model_id() || embedded.labels() != classifier.labels() {
        return Ok(None);
    }
    Ok(against(
        &embedded,
        "embedded model",
        rows,
        identities,
        best,
        options,
    ))
}

/// Another model on those of the rows that it was not trained on, and `best`, judgements of
/// all the rows, against it there. `None` when no such row is left.
///
/// # Panics
/// When a row has a label that the model does not have.
#[must_use]
pub fn against(
    other: &Classifier,
    name: &str,
    rows: &[&Example],
    identities: &[u64],
    best: &[Judged],
    options: EvaluationOptions,
) -> Option<(Summary, Comparison)> {
    let model = other.model();
    let fresh: Vec<usize> = (0..rows.len())
        .filter(|&at| !model.provenance.has_seen(identities[at]))
        .collect();
    if fresh.is_empty() {
        return None;
    }
    let of_fresh: Vec<&Example> = fresh.iter().map(|&at| rows[at]).collect();
    let sight = if options.ignore_title {
        Sight::Description
    } else {
        Sight::Both
    };
    let theirs = judge(other, &of_fresh, sight, options.threads).expect("labels were compared");
    let ours: Vec<Judged> = fresh.iter().map(|&at| best[at].clone()).collect();
    let groups = folds::employers(&of_fresh);
    let comparison = comparison::compare(&ours, &theirs, &groups, other.labels().len());
    let name = format!("{name} {}", other.model_id());
    Some((
        Summary::of_model(&name, &theirs, other.labels()),
        comparison,
    ))
}

/// The postings that can be scored, and how many cannot.
struct Sifted {
    kept: Vec<usize>,
    identities: Vec<u64>,
    languages: Vec<String>,
    seen: usize,
    foreign: usize,
    titled: usize,
}

impl Sifted {
    fn new(
        classifier: &Classifier,
        examples: &[Example],
        options: EvaluationOptions,
    ) -> Result<Self> {
        let known = in_parallel(examples, options.threads, || (), |(), e| known(e));
        let was_read = examples.iter().any(|e| e.origin == Origin::Reading);
        let mut sifted = Self {
            kept: Vec::new(),
            identities: Vec::new(),
            languages: Vec::new(),
            seen: 0,
            foreign: 0,
            titled: 0,
        };
        let model = classifier.model();
        for (row, (example, (language, identity))) in examples.iter().zip(known).enumerate() {
            if was_read && example.origin != Origin::Reading {
                sifted.titled += 1;
            } else if !model.languages.contains(&language) {
                sifted.foreign += 1;
            } else if !options.include_seen && model.provenance.has_seen(identity) {
                sifted.seen += 1;
            } else {
                sifted.kept.push(row);
                sifted.identities.push(identity);
                sifted.languages.push(language);
            }
        }
        if sifted.kept.is_empty() {
            return Err(Error::Evaluation(format!(
                "none of the {} postings can be scored: {} were trained on, {} are in languages that the model does not know, {} are labelled from titles\n  give postings that the model has not seen, or add --include-seen",
                examples.len(),
                sifted.seen,
                sifted.foreign,
                sifted.titled
            )));
        }
        Ok(sifted)
    }
}

/// Language and identity of a posting.
fn known(example: &Example) -> (String, u64) {
    let text = Text::new(&example.description);
    let language = match example.language.as_str() {
        "" => {
            let tokens = token::tokenize(text.as_str());
            language::detect(text.as_str(), &tokens)
                .unwrap_or("en")
                .to_owned()
        }
        given => given.to_owned(),
    };
    (language, duplicates::identity(&text))
}
