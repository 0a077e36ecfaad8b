//! What comes out: a label, how sure it is, and the evidence.

use std::ops::Range;

/// Whether a label could be given, and if not, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The description was read and labelled.
    Ok,
    /// The description says too little; label and probabilities rest on the title alone.
    TitleOnly,
    /// Too few known words to judge: no label.
    Short,
    /// Written in a language that the model does not know: no label.
    Foreign,
}

impl Status {
    /// The status as it stands in outputs: `ok`, `title-only`, `short`, `foreign`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::TitleOnly => "title-only",
            Self::Short => "short",
            Self::Foreign => "foreign",
        }
    }
}

/// The verdict on one posting. Labels are indices into the model's labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// Whether a label could be given.
    pub status: Status,
    /// The label, unless the status forbids one.
    pub label: Option<usize>,
    /// Calibrated probability of every label, summing to 1.
    pub probabilities: Vec<f64>,
    /// The calibrated logits that they come from.
    pub logits: Vec<f64>,
    /// What the title alone says, where a title was read.
    pub title_label: Option<usize>,
    /// What the description alone says, where it could be judged.
    pub content_label: Option<usize>,
    /// ISO 639-1 code of the language, where it could be told.
    pub language: Option<&'static str>,
}

impl Prediction {
    /// The labels from the most probable to the least; equals keep the model's order.
    #[must_use]
    pub fn ranking(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.probabilities.len()).collect();
        order.sort_by(|&a, &b| self.probabilities[b].total_cmp(&self.probabilities[a]));
        order
    }

    /// The largest probability, in [0, 1].
    #[must_use]
    pub fn confidence(&self) -> f64 {
        self.probabilities.iter().copied().fold(0.0, f64::max)
    }

    /// The distance from the largest probability to the second largest, in [0, 1].
    #[must_use]
    pub fn margin(&self) -> f64 {
        let order = self.ranking();
        let second = order.get(1).map_or(0.0, |&label| self.probabilities[label]);
        self.confidence() - second
    }
}

/// What kind of thing speaks for or against a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EvidenceKind {
    /// A word of the description.
    Word,
    /// Two adjacent words.
    Pair,
    /// An entry of the lexicon, with the words that it is written in.
    Skill,
    /// A total over a group of the lexicon.
    Group,
    /// A term of the title.
    Title,
    /// What the model believes before reading a word.
    Bias,
    /// Everything not listed.
    Rest,
}

impl EvidenceKind {
    /// The kind's name in outputs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Word => "word",
            Self::Pair => "pair",
            Self::Skill => "skill",
            Self::Group => "group",
            Self::Title => "title",
            Self::Bias => "bias",
            Self::Rest => "rest",
        }
    }
}

/// One piece of evidence. All pieces of a posting add up to its logits.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// What kind of thing it is.
    pub kind: EvidenceKind,
    /// The term: as first written in the posting, or the name of a skill or group.
    pub term: String,
    /// What it adds to the calibrated logit of every label.
    pub contributions: Vec<f64>,
    /// Where it stands: byte spans in the description (in the title for
    /// [`EvidenceKind::Title`]) as it was given.
    pub spans: Vec<Range<usize>>,
}

impl Evidence {
    /// How much it moves the labels apart: the largest absolute contribution.
    #[must_use]
    pub fn weight(&self) -> f64 {
        self.contributions.iter().fold(0.0, |w, c| w.max(c.abs()))
    }

    /// What it adds for a label, measured against the mean over all labels.
    #[must_use]
    pub fn in_favour(&self, label: usize) -> f64 {
        let mean = self.contributions.iter().sum::<f64>() / self.contributions.len() as f64;
        self.contributions[label] - mean
    }

    /// The label that it speaks for most; the first of equals.
    #[must_use]
    pub fn leaning(&self) -> usize {
        let c = &self.contributions;
        (0..c.len())
            .max_by(|&a, &b| c[a].total_cmp(&c[b]).then(b.cmp(&a)))
            .unwrap_or(0)
    }
}

/// A prediction together with all its evidence, strongest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The verdict.
    pub prediction: Prediction,
    /// Everything that led to it: the contributions sum to
    /// [`Prediction::logits`] within 1e-9.
    pub evidence: Vec<Evidence>,
}

impl Explanation {
    /// Keeps the `n` strongest terms (and the bias) and sums all others into one piece of
    /// kind [`EvidenceKind::Rest`], so that the sum stays what it was.
    #[must_use]
    pub fn strongest(&self, n: usize) -> Vec<Evidence> {
        let evidence: Vec<&Evidence> = self.evidence.iter().collect();
        first(&evidence, n, self.prediction.logits.len())
    }
}

/// Keeps the first `n` terms (and the bias) and sums all others, as
/// [`Explanation::strongest`] does.
pub(crate) fn first(evidence: &[&Evidence], n: usize, n_labels: usize) -> Vec<Evidence> {
    let (bias, terms): (Vec<&Evidence>, Vec<&Evidence>) =
        evidence.iter().partition(|e| e.kind == EvidenceKind::Bias);
    let (shown, hidden) = terms.split_at(n.min(terms.len()));
    let mut rest = vec![0.0; n_labels];
    for evidence in hidden {
        rest.iter_mut()
            .zip(&evidence.contributions)
            .for_each(|(sum, c)| *sum += c);
    }
    let rest = Evidence {
        kind: EvidenceKind::Rest,
        term: format!("{} more", hidden.len()),
        contributions: rest,
        spans: Vec::new(),
    };
    shown
        .iter()
        .chain(&bias)
        .map(|e| (*e).clone())
        .chain((!hidden.is_empty()).then_some(rest))
        .collect()
}
