//! Model and text brought together: postings to predictions.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use crate::error::{Error, Result};
use crate::features::{Analysis, Kind, Memo};
use crate::language;
use crate::layout::Aligned;
use crate::model::{Calibration, Model, Scorer, compiled, file, softmax};
use crate::posting::Posting;
use crate::prediction::{Evidence, EvidenceKind, Explanation, Prediction, Status};
use crate::prior;
use crate::skills::SkillMatch;
use crate::text::Text;
use crate::title;
use crate::token::Token;

/// The default model, trained on real postings: the tables that `build.rs` made of
/// `models/default.model`.
pub(crate) static EMBEDDED: &[u8] = {
    static TABLES: &Aligned<[u8]> =
        &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/default.tables")));
    &TABLES.0
};

/// A description with fewer different known words, and fewer different skills than
/// [`FEWEST_SKILLS`], says too little to be judged.
const FEWEST_WORDS: usize = 8;

/// This many different skills are enough, whatever the other words.
const FEWEST_SKILLS: usize = 3;

/// Labels postings. It is immutable, `Send + Sync`, and neither prints nor exits.
///
/// ```
/// use rolecall::{Classifier, Posting};
/// let classifier = Classifier::embedded()?;
/// let posting = Posting::titled("Engineer II", "You run our feature store, the model registry and the \
///     Kubernetes clusters on which data scientists train, and automate retraining and model deployment with CI/CD.");
/// let prediction = classifier.classify(posting);
/// assert_eq!(prediction.label.map(|label| &*classifier.labels()[label]), Some("MLOps"));
/// # Ok::<(), rolecall::Error>(())
/// ```
#[derive(Debug)]
pub struct Classifier {
    model: Model,
    id: String,
    among: Vec<bool>,
    /// What base rates add to the logits, without and with a title.
    shifts: [Vec<f64>; 2],
}

/// Working memory of one thread and one classifier: what was learnt about written words
/// so far, and buffers that are used again.
#[derive(Debug, Default)]
pub struct Scratch {
    content: Part,
    title: Part,
}

/// Memory for a description or a title, and what was found in the latest.
#[derive(Debug, Default)]
struct Part {
    memo: Memo,
    analysis: Analysis,
    logits: Vec<f64>,
}

impl Scratch {
    /// The entries of the lexicon in the description judged last, sorted.
    #[must_use]
    pub fn skills(&self) -> &[SkillMatch] {
        &self.content.analysis.skills
    }
}

impl Part {
    fn read(&mut self, scorer: &Scorer, text: &Text) {
        scorer
            .space
            .analyse_into(text, &mut self.memo, &mut self.analysis);
        scorer
            .linear
            .logits_into(&self.analysis.row, &mut self.logits);
    }
}

impl Classifier {
    /// The model that ships inside the program.
    ///
    /// # Errors
    /// Never for a released crate: its tests open the same bytes.
    pub fn embedded() -> Result<Self> {
        let damaged = || Error::DamagedModel {
            origin: "the embedded model".to_owned(),
            line: 0,
            reason: "its tables end early".to_owned(),
        };
        let (model, id) = compiled::read(EMBEDDED).ok_or_else(damaged)?;
        Ok(Self::new(model, id.to_owned()))
    }

    fn new(model: Model, id: String) -> Self {
        let shift = vec![0.0; model.labels.len()];
        Self {
            id,
            among: vec![true; model.labels.len()],
            shifts: [shift.clone(), shift],
            model,
        }
    }

    /// Opens a model file.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be read, and what [`Classifier::from_bytes`] says.
    pub fn open(path: &Path) -> Result<Self> {
        let bytes = file::read(path)?;
        Self::from_bytes(&bytes, &path.display().to_string())
    }

    /// Reads a model from memory; `origin` names it in messages.
    ///
    /// # Errors
    /// [`Error::NotAModel`], [`Error::DamagedModel`] or [`Error::ModelVersion`].
    pub fn from_bytes(bytes: &[u8], origin: &str) -> Result<Self> {
        let (model, id) = file::parse(bytes, origin)?;
        Ok(Self::new(model, id))
    }

    /// A model fresh from training as a classifier.
    #[must_use]
    pub fn from_model(model: Model) -> Self {
        let id = file::write(&model).1;
        Self::new(model, id)
    }

    /// A classifier for a stream in which labels are as common as `prior` says, one share
    /// per label, summing to 1; see [`crate::prior`].
    ///
    /// # Panics
    /// When there is not one share per label.
    #[must_use]
    pub fn with_prior(mut self, prior: &[f64]) -> Self {
        assert_eq!(prior.len(), self.model.labels.len(), "one share per label");
        self.shifts =
            [false, true].map(|titled| prior::shift(prior, &self.calibration(titled).shares));
        self
    }

    /// Estimates from postings without labels how common the labels are among them.
    /// Postings that get no label are left out.
    #[must_use]
    pub fn estimate_prior<'a>(&self, postings: impl IntoIterator<Item = Posting<'a>>) -> Vec<f64> {
        let mut scratch = Scratch::default();
        let mut ratios = Vec::new();
        for posting in postings {
            let prediction = self.classify_with(posting, &mut scratch);
            if prediction.label.is_some() {
                let shares = &self.calibration(posting.title.is_some()).shares;
                let ratio = prediction
                    .probabilities
                    .iter()
                    .zip(shares)
                    .map(|(p, s)| p / s);
                ratios.push(ratio.collect());
            }
        }
        if ratios.is_empty() {
            return self.model.content_calibration.shares.clone();
        }
        prior::estimate(&ratios)
    }

    /// A classifier that chooses among the named labels only, for those who know that no
    /// other can occur; probabilities are renormalised over them, the others' are 0.
    ///
    /// # Errors
    /// [`Error::UnknownLabel`] for a label that the model does not have.
    pub fn among<S: AsRef<str>>(mut self, labels: &[S]) -> Result<Self> {
        let mut among = vec![false; self.model.labels.len()];
        for label in labels {
            let label = label.as_ref().trim();
            let known = self
                .model
                .labels
                .iter()
                .position(|l| l.eq_ignore_ascii_case(label));
            let unknown = || Error::UnknownLabel {
                asked: label.to_owned(),
                known: self.model.labels.clone(),
            };
            among[known.ok_or_else(unknown)?] = true;
        }
        self.among = among;
        Ok(self)
    }

    /// The labels, in the order of every vector of logits and probabilities.
    #[must_use]
    pub fn labels(&self) -> &[String] {
        &self.model.labels
    }

    /// Whether all labels may be chosen; if not, no table of reliability applies.
    #[must_use]
    pub fn is_unrestricted(&self) -> bool {
        self.among.iter().all(|among| *among)
    }

    /// Whether it judges as its model was measured: all labels may be chosen, and base rates
    /// are those of the training postings.
    #[must_use]
    pub fn is_as_trained(&self) -> bool {
        self.is_unrestricted() && self.shifts.iter().flatten().all(|shift| *shift == 0.0)
    }

    /// The model's id: the first 12 hexadecimal digits of its checksum.
    #[must_use]
    pub fn model_id(&self) -> &str {
        &self.id
    }

    /// The model itself.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Labels one posting.
    #[must_use]
    pub fn classify(&self, posting: Posting) -> Prediction {
        self.classify_with(posting, &mut Scratch::default())
    }

    /// Labels one of many postings; `scratch` saves work from one to the next and never
    /// changes a result.
    #[must_use]
    pub fn classify_with(&self, posting: Posting, scratch: &mut Scratch) -> Prediction {
        self.judge(posting, scratch).prediction
    }

    /// Labels one posting and gives all the evidence.
    #[must_use]
    pub fn explain(&self, posting: Posting) -> Explanation {
        self.explain_with(posting, &mut Scratch::default())
    }

    /// Labels one of many postings with all the evidence.
    #[must_use]
    pub fn explain_with(&self, posting: Posting, scratch: &mut Scratch) -> Explanation {
        let judgement = self.judge(posting, scratch);
        let mut evidence = self.content_evidence(&judgement, scratch);
        evidence.extend(self.title_evidence(&judgement, scratch));
        evidence.push(self.bias(&judgement));
        // Floats that are not negative are in the order of their bits.
        evidence.sort_by_cached_key(|e| Reverse(e.weight().to_bits()));
        Explanation {
            prediction: judgement.prediction,
            evidence,
        }
    }

    /// What the title's own model says: uncalibrated logits, where there is one.
    #[must_use]
    pub fn title_logits(&self, title: &str) -> Option<Vec<f64>> {
        let scorer = self.model.title.as_ref()?;
        Some(scorer.score(&Text::new(title), &mut Memo::default()).1)
    }

    /// The calibration that applies to postings with or without a title.
    #[must_use]
    pub fn calibration(&self, with_title: bool) -> &Calibration {
        if with_title {
            &self.model.title_calibration
        } else {
            &self.model.content_calibration
        }
    }

    /// Judges a posting; what was found in it stays in `scratch`.
    fn judge<'a>(&self, posting: Posting<'a>, scratch: &mut Scratch) -> Judgement<'a> {
        let text = Text::new(posting.description);
        scratch.content.read(&self.model.content, &text);
        let title = posting
            .title
            .zip(self.model.title.as_ref())
            .map(|(title, scorer)| {
                let text = Text::new(title);
                scratch.title.read(scorer, &text);
                text
            });
        let Scratch {
            content,
            title: found_in_title,
        } = scratch;
        let words = &content.analysis.words;
        let language = language::detect_among(text.as_str(), words.tokens.len(), words.functional);
        let title_says_something =
            title.is_some() && found_in_title.analysis.row.iter().next().is_some();
        let status = self.status(&content.analysis, language, title_says_something);
        let shares = self.shares(status, title.is_some());
        let mut logits = vec![0.0; self.model.labels.len()];
        title::add(&mut logits, &content.logits, shares.content);
        if title.is_some() {
            title::add(&mut logits, &found_in_title.logits, shares.title);
        }
        title::add(&mut logits, &self.shifts[usize::from(title.is_some())], 1.0);
        let probabilities = self.probabilities(&logits);
        let is_labelled = matches!(status, Status::Ok | Status::TitleOnly);
        let prediction = Prediction {
            status,
            label: is_labelled.then(|| first_largest(&probabilities)),
            probabilities,
            logits,
            title_label: title_says_something.then(|| self.best(&found_in_title.logits)),
            content_label: matches!(status, Status::Ok).then(|| self.best(&content.logits)),
            language,
        };
        Judgement {
            text,
            title,
            shares,
            prediction,
        }
    }

    /// What description and title count: as calibrated together, or the title alone where
    /// the description says nothing.
    fn shares(&self, status: Status, has_title: bool) -> Shares {
        let temperature = self.calibration(has_title).temperature;
        if status == Status::TitleOnly {
            return Shares {
                content: 0.0,
                title: 1.0 / temperature,
            };
        }
        let title = if has_title {
            self.model.title_weight / temperature
        } else {
            0.0
        };
        Shares {
            content: 1.0 / temperature,
            title,
        }
    }

    fn status(&self, content: &Analysis, language: Option<&str>, has_title: bool) -> Status {
        let n_words = self.model.content.space.vocabulary().n_words() as u32;
        let known_words = content.row.iter().filter(|(id, _)| *id < n_words);
        let known_words = known_words.take(FEWEST_WORDS).count();
        let known_skills = content.skills.chunk_by(|a, b| a.skill == b.skill);
        let known_skills = known_skills.take(FEWEST_SKILLS).count();
        if language.is_some_and(|l| !self.model.languages.iter().any(|known| known == l)) {
            Status::Foreign
        } else if known_skills >= FEWEST_SKILLS || known_words >= FEWEST_WORDS {
            Status::Ok
        } else if has_title {
            Status::TitleOnly
        } else {
            Status::Short
        }
    }

    /// Softmax over the labels that may be chosen.
    fn probabilities(&self, logits: &[f64]) -> Vec<f64> {
        let allowed = logits.iter().zip(&self.among).map(|(z, among)| {
            // exp(−∞) is 0.
            if *among { *z } else { f64::NEG_INFINITY }
        });
        let mut probabilities: Vec<f64> = allowed.collect();
        if self.among.contains(&true) {
            softmax(&mut probabilities);
        } else {
            probabilities.fill(0.0);
        }
        probabilities
    }

    fn best(&self, logits: &[f64]) -> usize {
        let allowed = (0..logits.len()).filter(|&label| self.among[label]);
        allowed
            .max_by(|&a, &b| logits[a].total_cmp(&logits[b]).then(b.cmp(&a)))
            .unwrap_or(0)
    }

    fn content_evidence(&self, judgement: &Judgement, scratch: &Scratch) -> Vec<Evidence> {
        let scorer = &self.model.content;
        let analysis = &scratch.content.analysis;
        let places = Places::of(scorer, analysis);
        let kinds = |kind| match kind {
            Kind::Word => EvidenceKind::Word,
            Kind::Pair => EvidenceKind::Pair,
            Kind::Skill => EvidenceKind::Skill,
            Kind::Group => EvidenceKind::Group,
        };
        let factor = judgement.shares.content;
        places.evidence(scorer, analysis, &judgement.text, factor, kinds)
    }

    fn title_evidence(&self, judgement: &Judgement, scratch: &Scratch) -> Vec<Evidence> {
        let Some((title, scorer)) = judgement.title.as_ref().zip(self.model.title.as_ref()) else {
            return Vec::new();
        };
        let analysis = &scratch.title.analysis;
        let places = Places::of(scorer, analysis);
        let factor = judgement.shares.title;
        places.evidence(scorer, analysis, title, factor, |_| EvidenceKind::Title)
    }

    fn bias(&self, judgement: &Judgement) -> Evidence {
        let mut bias = self.shifts[usize::from(judgement.title.is_some())].clone();
        let Shares { content, title } = judgement.shares;
        title::add(&mut bias, self.model.content.linear.bias(), content);
        if let Some(scorer) = self.model.title.as_ref() {
            title::add(&mut bias, scorer.linear.bias(), title);
        }
        Evidence {
            kind: EvidenceKind::Bias,
            term: "bias".to_owned(),
            contributions: bias,
            spans: Vec::new(),
        }
    }
}

/// The largest value's index; of equal ones the first.
fn first_largest(values: &[f64]) -> usize {
    let mut largest = 0;
    for (at, value) in values.iter().enumerate() {
        if value.total_cmp(&values[largest]).is_gt() {
            largest = at;
        }
    }
    largest
}

/// A posting judged, with what an explanation needs beside the analyses.
struct Judgement<'a> {
    text: Text<'a>,
    title: Option<Text<'a>>,
    shares: Shares,
    prediction: Prediction,
}

/// What the logits of description and title are multiplied with before they are added.
#[derive(Debug, Clone, Copy)]
struct Shares {
    content: f64,
    title: f64,
}

/// Which features stand at which tokens, and what each place is shown as.
#[derive(Default)]
struct Places {
    /// Feature → the token ranges at which it stands.
    spans: BTreeMap<u32, Vec<Range<usize>>>,
    /// Token range → the skill that is written there.
    skill_at: BTreeMap<(usize, usize), u32>,
    /// (feature, skill) → how much of the feature is shown with the skill: a number of
    /// places of a word or pair, or what a skill adds to its group's total.
    merged: BTreeMap<(u32, u32), f64>,
    /// Feature → the whole of which `merged` holds parts.
    wholes: BTreeMap<u32, f64>,
}

impl Places {
    fn of(scorer: &Scorer, analysis: &Analysis) -> Self {
        let mut places = Self::default();
        for m in &analysis.skills {
            places.add(scorer.space.skill_feature(m.skill), m.tokens());
        }
        places.merge_words(scorer, analysis);
        places.merge_totals(scorer, analysis);
        places
    }

    fn add(&mut self, feature: u32, tokens: Range<usize>) {
        self.skill_at
            .entry((tokens.start, tokens.end))
            .or_insert(feature);
        self.spans.entry(feature).or_default().push(tokens);
    }

    /// Places the words and pairs; one that is written exactly where a skill is goes to it.
    fn merge_words(&mut self, scorer: &Scorer, analysis: &Analysis) {
        for (feature, tokens) in scorer.space.vocabulary().mentions(&analysis.words) {
            *self.wholes.entry(feature).or_default() += 1.0;
            match self.skill_at.get(&(tokens.start, tokens.end)) {
                Some(&skill) => *self.merged.entry((feature, skill)).or_default() += 1.0,
                None => self.spans.entry(feature).or_default().push(tokens),
            }
        }
    }

    /// Splits the totals of groups and articles' roles among the skills that they are sums of.
    fn merge_totals(&mut self, scorer: &Scorer, analysis: &Analysis) {
        let (space, lexicon) = (&scorer.space, scorer.space.lexicon());
        for run in analysis.skills.chunk_by(|a, b| a.skill == b.skill) {
            let skill = run[0].skill;
            let value = libm::log1p(run.len() as f64);
            let roles = lexicon
                .roles_of(skill)
                .iter()
                .map(|&role| space.role_feature(role));
            for total in roles.chain([space.group_feature(lexicon.group_of(skill))]) {
                *self.wholes.entry(total).or_default() += value;
                self.merged
                    .insert((total, space.skill_feature(skill)), value);
            }
        }
    }

    /// One piece of evidence per feature that is shown, with what was merged into it.
    fn evidence(
        &self,
        scorer: &Scorer,
        analysis: &Analysis,
        text: &Text,
        factor: f64,
        kind: impl Fn(Kind) -> EvidenceKind,
    ) -> Vec<Evidence> {
        let n = scorer.linear.bias().len();
        let mut shares: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
        let mut give = |feature: u32, to: u32, value: f64| {
            let sums = shares.entry(to).or_insert_with(|| vec![0.0; n]);
            sums.iter_mut()
                .zip(scorer.linear.weights(feature))
                .for_each(|(s, w)| *s += value * w * factor);
        };
        for (feature, value) in analysis.row.iter() {
            let whole = self.wholes.get(&feature).copied().unwrap_or(1.0);
            let mut kept = whole;
            for (&(_, skill), &part) in self.merged.range((feature, 0)..=(feature, u32::MAX)) {
                give(feature, skill, value * part / whole);
                kept -= part;
            }
            // What is left of a split total is rounding, and stays below 1e-12.
            if kept > 1e-12 {
                give(feature, feature, value * kept / whole);
            }
        }
        let piece = |(feature, contributions): (u32, Vec<f64>)| {
            let (what, name) = scorer.space.describe(feature);
            let spans: Vec<Range<usize>> = self
                .spans
                .get(&feature)
                .map(|places| {
                    places
                        .iter()
                        .map(|p| text.source_span(bytes(&analysis.words.tokens, p)))
                        .collect()
                })
                .unwrap_or_default();
            let written = self.spans.get(&feature).and_then(|places| places.first());
            let term = match (what, written) {
                (Kind::Word | Kind::Pair, Some(place)) => text.as_str()
                    [bytes(&analysis.words.tokens, place)]
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" "),
                _ => name,
            };
            Evidence {
                kind: kind(what),
                term,
                contributions,
                spans,
            }
        };
        shares.into_iter().map(piece).collect()
    }
}

/// The bytes from the first to the last token of a range.
fn bytes(tokens: &[Token], range: &Range<usize>) -> Range<usize> {
    tokens[range.start].start as usize..tokens[range.end - 1].end as usize
}

/// The id of the embedded model and the version of its lexicon, without opening it.
#[must_use]
pub fn embedded_versions() -> (&'static str, u32) {
    compiled::versions(EMBEDDED).unwrap_or(("none", 0))
}
