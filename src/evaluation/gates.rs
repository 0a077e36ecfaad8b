//! Scores that must be reached.

use super::Interval;
use super::report::Summary;
use crate::error::{Error, Result};

/// What a gate looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GateOn {
    /// The score itself.
    #[default]
    Value,
    /// The lower end of its 95 % interval.
    Lower,
}

/// Scores that must be reached, each in [0, 1].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Gates {
    /// The least macro-F1.
    pub macro_f1: Option<f64>,
    /// The least recall of labels.
    pub recall: Vec<(String, f64)>,
    /// The least F1 of labels.
    pub f1: Vec<(String, f64)>,
    /// Value or lower end.
    pub on: GateOn,
}

impl Gates {
    /// What was missed, a line each; empty when all were reached.
    ///
    /// # Errors
    /// [`Error::UnknownLabel`] when a gate names a label that was not scored.
    pub fn missed(&self, summary: &Summary) -> Result<Vec<String>> {
        let mut missed = Vec::new();
        let mut check = |what: String, interval: Interval, least: f64| {
            let (found, how) = match self.on {
                GateOn::Value => (interval.value, ""),
                GateOn::Lower => (interval.low, ", the lower end of its interval,"),
            };
            if found < least {
                missed.push(format!("{what}{how} is {found:.3}, required is {least}"));
            }
        };
        if let Some(least) = self.macro_f1 {
            check("macro-F1".to_owned(), summary.macro_f1, least);
        }
        let scores = |label: &str| {
            let found = summary
                .labels
                .iter()
                .find(|s| s.label.eq_ignore_ascii_case(label));
            found.ok_or_else(|| Error::UnknownLabel {
                asked: label.to_owned(),
                known: summary.labels.iter().map(|s| s.label.clone()).collect(),
            })
        };
        for (label, least) in &self.recall {
            check(format!("recall of {label}"), scores(label)?.recall, *least);
        }
        for (label, least) in &self.f1 {
            check(format!("F1 of {label}"), scores(label)?.f1, *least);
        }
        Ok(missed)
    }
}
