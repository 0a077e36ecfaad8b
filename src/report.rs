//! Explanations and reports to look at: for the terminal and as HTML pages.
//!
//! Every page is one file that loads nothing, links nowhere and follows the reader's
//! light or dark preference; all text in it is escaped. Label names, colours and columns
//! follow the model.

use crate::classifier::Classifier;
use crate::model::Reliability;
use crate::posting::Posting;
use crate::prediction::{Explanation, Prediction, Status};

pub mod account;
mod ad_page;
pub mod evaluation;
pub mod flip;
mod holdings;
pub mod marks;
mod page;
mod plots;
pub mod prevalence;
pub mod roles;
pub mod terminal;

pub use ad_page::ad_page;
pub use evaluation::evaluation_page;

/// Probability from which a verdict counts as clear.
const CLEAR: f64 = 0.8;
/// Distance to the second label below which it counts as torn.
const TORN: f64 = 0.2;

/// One judged posting, as it is explained.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The classifier that judged it.
    pub classifier: &'a Classifier,
    /// The posting.
    pub posting: Posting<'a>,
    /// What [`Classifier::explain`] says about it.
    pub explanation: &'a Explanation,
    /// How many terms of evidence are shown one by one.
    pub terms: usize,
}

impl<'a> View<'a> {
    fn prediction(&self) -> &'a Prediction {
        &self.explanation.prediction
    }

    fn name(&self, label: usize) -> &'a str {
        &self.classifier.labels()[label]
    }

    /// The label that is explained: the most probable one, given or not.
    fn label(&self) -> usize {
        self.prediction().ranking()[0]
    }

    /// "clear", "leaning" or between which labels the verdict is torn.
    fn manner(&self) -> String {
        let prediction = self.prediction();
        let ranking = prediction.ranking();
        if prediction.confidence() >= CLEAR {
            "clear".to_owned()
        } else if prediction.margin() >= TORN || ranking.len() < 2 {
            "leaning".to_owned()
        } else {
            let (first, second) = (self.name(ranking[0]), self.name(ranking[1]));
            format!("torn between {first} and {second}")
        }
    }

    /// Why there is no label.
    fn refusal(&self) -> String {
        let prediction = self.prediction();
        match prediction.status {
            Status::Foreign => format!(
                "written in `{}`, and this model knows {}",
                prediction.language.unwrap_or("?"),
                self.classifier.model().languages.join(", ")
            ),
            _ => "too few words that the model knows".to_owned(),
        }
    }

    /// What is worth knowing about the verdict, as sentences.
    fn remarks(&self) -> Vec<String> {
        let prediction = self.prediction();
        let mut remarks = Vec::new();
        if prediction.label.is_some() {
            if prediction.status == Status::TitleOnly {
                remarks.push(
                    "The description says nothing; this rests on the title alone.".to_owned(),
                );
            }
            let calibration = self.classifier.calibration(self.posting.title.is_some());
            let is_measured = prediction.status == Status::Ok && self.classifier.is_unrestricted();
            if let Some(bin) = calibration
                .reliability_of(prediction.confidence())
                .filter(|_| is_measured)
            {
                remarks.push(reliability(bin));
            }
        }
        remarks.extend(self.title_remark());
        remarks
    }

    fn title_remark(&self) -> Option<String> {
        let prediction = self.prediction();
        let title = self.posting.title?;
        let heard = match (prediction.title_label, prediction.content_label) {
            (Some(title), Some(content)) if title != content => {
                format!(" ({}), reads like {}", self.name(title), self.name(content))
            }
            (Some(title), _) => format!(" ({})", self.name(title)),
            _ => String::new(),
        };
        Some(format!("Titled “{title}”{heard}."))
    }
}

fn reliability(bin: Reliability) -> String {
    let share = 100.0 * bin.right as f64 / bin.postings as f64;
    format!(
        "Of {} ads judged about as surely in cross-validation, {share:.0} % were labelled right.",
        bin.postings
    )
}

/// Digits in threes: `12,345`.
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let threes: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
    String::from_utf8_lossy(&threes.join(&b',')).into_owned()
}
