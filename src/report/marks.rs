//! Which words of an ad are marked, for which label, how strongly.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::prediction::{Evidence, EvidenceKind};
use crate::text::Text;

/// Degrees of strength, 1 to this many.
pub const DEGREES: usize = 3;

/// A place in a text that speaks for a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Bytes of the cleaned text.
    pub span: Range<usize>,
    /// Index of the piece of evidence.
    pub evidence: usize,
    /// The label that it speaks for.
    pub label: usize,
    /// How strongly, 1 to [`DEGREES`], against the strongest piece of evidence.
    pub degree: usize,
}

/// The places of the evidence in a description, in order and apart from each other: where
/// terms overlap, the strongest is marked. `evidence` is taken strongest first.
#[must_use]
pub fn marks(evidence: &[Evidence], text: &Text) -> Vec<Mark> {
    let mut marks: BTreeMap<usize, Mark> = BTreeMap::new();
    let strongest = evidence
        .iter()
        .filter(|e| is_written(e))
        .map(Evidence::weight)
        .fold(0.0, f64::max);
    for (index, e) in evidence.iter().enumerate().filter(|(_, e)| is_written(e)) {
        let share = e.weight() / strongest.max(f64::MIN_POSITIVE);
        let degree = ((share * DEGREES as f64).ceil() as usize).clamp(1, DEGREES);
        for span in &e.spans {
            let span = text.clean_span(span.clone());
            let free = marks
                .range(..span.end)
                .next_back()
                .is_none_or(|(_, before)| before.span.end <= span.start);
            if free && !span.is_empty() {
                let mark = Mark {
                    span: span.clone(),
                    evidence: index,
                    label: e.leaning(),
                    degree,
                };
                marks.insert(span.start, mark);
            }
        }
    }
    marks.into_values().collect()
}

fn is_written(e: &Evidence) -> bool {
    e.kind != EvidenceKind::Title && !e.spans.is_empty()
}

/// A character that would steer a terminal or reorder text, made visible.
#[must_use]
pub fn visible_char(c: char) -> char {
    match c {
        '\n' | '\t' => c,
        '\u{7f}' => '\u{2421}',
        c if (c as u32) < 32 => char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}'),
        '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

/// Text with control characters made visible, so that an ad cannot steer the terminal or
/// show its words in another order.
#[must_use]
pub fn visible(text: &str) -> String {
    text.replace("\r\n", "\n")
        .chars()
        .map(visible_char)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(span: Range<usize>, contributions: &[f64]) -> Evidence {
        Evidence {
            kind: EvidenceKind::Word,
            term: String::new(),
            contributions: contributions.to_vec(),
            spans: vec![span],
        }
    }

    #[test]
    fn the_strongest_of_overlapping_terms_is_marked() {
        let text = Text::new("<p>deploy models to Kubernetes</p>");
        let marks = marks(
            &[
                evidence(10..16, &[0.0, 0.9]),
                evidence(3..16, &[0.8, 0.0]),
                evidence(20..30, &[0.2, 0.0]),
            ],
            &text,
        );
        let shown: Vec<(&str, usize, usize)> = marks
            .iter()
            .map(|m| (&text.as_str()[m.span.clone()], m.label, m.degree))
            .collect();
        assert_eq!(shown, [("models", 1, 3), ("Kubernetes", 0, 1)]);
    }

    #[test]
    fn what_steers_or_reorders_is_made_visible() {
        assert_eq!(
            visible("a\x1b[2J\u{9b}b\u{202e}c\r\nd\te\x7f"),
            "a␛[2J\u{fffd}b\u{fffd}c\nd\te␡"
        );
    }
}
