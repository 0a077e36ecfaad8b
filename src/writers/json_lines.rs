//! Verdicts as the last members of a JSON object.

use super::{Appended, Verdict, write_share};
use crate::prediction::Prediction;
use crate::readers::json::write_string;

/// Writes the members of a verdict, separated by commas.
pub fn write(verdict: &Verdict, columns: &Appended, out: &mut Vec<u8>) {
    let prediction = verdict.prediction.as_ref();
    let label = |label: Option<usize>| label.map(|l| columns.labels[l].as_str());
    let mut members = Members {
        names: columns.names.iter(),
        out,
        first: true,
    };
    members.text(label(verdict.label));
    members.share(prediction.map(Prediction::confidence));
    members.share(prediction.map(Prediction::margin));
    for i in 0..columns.labels.len() {
        members.share(prediction.map(|p| p.probabilities[i]));
    }
    members.text(label(prediction.and_then(|p| p.title_label)));
    members.text(prediction.and_then(|p| p.language));
    if columns.terms {
        members.text(Some(&verdict.terms));
    }
    members.text(Some(&verdict.status));
    members.text(Some(&columns.model_id));
}

struct Members<'a> {
    names: std::slice::Iter<'a, String>,
    out: &'a mut Vec<u8>,
    first: bool,
}

impl Members<'_> {
    fn name(&mut self) {
        if !std::mem::replace(&mut self.first, false) {
            self.out.push(b',');
        }
        if let Some(name) = self.names.next() {
            write_string(name, self.out);
            self.out.push(b':');
        }
    }

    fn text(&mut self, text: Option<&str>) {
        self.name();
        match text {
            Some(text) => write_string(text, self.out),
            None => self.out.extend_from_slice(b"null"),
        }
    }

    fn share(&mut self, share: Option<f64>) {
        self.name();
        match share {
            Some(share) => write_share(share, self.out),
            None => self.out.extend_from_slice(b"null"),
        }
    }
}
