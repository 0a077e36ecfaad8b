//! The account of a label's score: lines that add up to it, to the digit shown.

use std::cmp::Reverse;

use crate::prediction::{self, Evidence, EvidenceKind, Explanation};

/// The score of one label – its logit above the mean of all labels – as a sum.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// Whose score it is.
    pub label: usize,
    /// Terms from the most in favour to the most against, then the bias, then the rest.
    pub lines: Vec<Line>,
    /// The score in hundredths: the sum of the lines.
    pub total: i64,
}

/// One line of an [`Account`].
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// What it is about.
    pub evidence: Evidence,
    /// What it adds to the score, in hundredths.
    pub hundredths: i64,
}

impl Line {
    /// Whether it stands for one term, and not for the bias or the rest.
    #[must_use]
    pub fn is_term(&self) -> bool {
        !matches!(self.evidence.kind, EvidenceKind::Bias | EvidenceKind::Rest)
    }

    /// What it is called: the term, in quotes where it stands in the title.
    #[must_use]
    pub fn name(&self) -> String {
        let term = &self.evidence.term;
        match self.evidence.kind {
            EvidenceKind::Bias => "before reading a word".to_owned(),
            EvidenceKind::Rest => term.replace("more", "more terms"),
            EvidenceKind::Title => format!("“{term}”"),
            _ => term.clone(),
        }
    }
}

impl Account {
    /// The account of `label`, its `terms` strongest terms for or against it one by one; the
    /// rest takes up what rounding the others to hundredths leaves over.
    #[must_use]
    pub fn new(explanation: &Explanation, label: usize, terms: usize) -> Self {
        let mut ordered: Vec<&Evidence> = explanation.evidence.iter().collect();
        // Floats that are not negative are in the order of their bits.
        ordered.sort_by_cached_key(|e| Reverse(e.in_favour(label).abs().to_bits()));
        let shown = prediction::first(&ordered, terms, explanation.prediction.logits.len());
        let line = |evidence: Evidence| Line {
            hundredths: hundredths(evidence.in_favour(label)),
            evidence,
        };
        let mut lines: Vec<Line> = shown.into_iter().map(line).collect();
        let total = total(explanation, label);
        settle(&mut lines, total);
        let place = |line: &Line| match line.evidence.kind {
            EvidenceKind::Rest => 2,
            EvidenceKind::Bias => 1,
            _ => 0,
        };
        lines.sort_by(|a, b| {
            let strength = b
                .evidence
                .in_favour(label)
                .total_cmp(&a.evidence.in_favour(label));
            place(a).cmp(&place(b)).then(strength)
        });
        Self {
            label,
            lines,
            total,
        }
    }
}

/// A label's score in hundredths.
#[must_use]
pub fn total(explanation: &Explanation, label: usize) -> i64 {
    let logits = &explanation.prediction.logits;
    let mean = logits.iter().sum::<f64>() / logits.len() as f64;
    hundredths(logits[label] - mean)
}

/// Makes the lines add up: the difference goes to the rest, which is added where missing.
fn settle(lines: &mut Vec<Line>, total: i64) {
    let left = total - lines.iter().map(|l| l.hundredths).sum::<i64>();
    let rest = lines
        .iter_mut()
        .find(|l| l.evidence.kind == EvidenceKind::Rest);
    match rest {
        Some(rest) => rest.hundredths += left,
        None if left == 0 => {}
        None => lines.push(Line {
            evidence: Evidence {
                kind: EvidenceKind::Rest,
                term: "rounding".to_owned(),
                contributions: vec![0.0; lines[0].evidence.contributions.len()],
                spans: Vec::new(),
            },
            hundredths: left,
        }),
    }
}

fn hundredths(x: f64) -> i64 {
    (x * 100.0).round() as i64
}

/// A number of hundredths as it is shown: `+0.63`, `−1.20`.
#[must_use]
pub fn signed(hundredths: i64) -> String {
    let sign = match hundredths.signum() {
        -1 => '−',
        0 => ' ',
        _ => '+',
    };
    let size = hundredths.unsigned_abs();
    format!("{sign}{}.{:02}", size / 100, size % 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Classifier, Posting};

    #[test]
    fn lines_add_up_to_the_score_and_the_scores_to_the_logits() {
        let classifier = Classifier::embedded().unwrap();
        let ad =
            "Run A/B tests, build churn models in Python and R, present results; some Kubernetes.";
        for terms in [0, 1, 5, 12, 1000] {
            let explanation = classifier.explain(Posting::titled("Analyst", ad));
            let logits = &explanation.prediction.logits;
            let mean = logits.iter().sum::<f64>() / logits.len() as f64;
            for (label, logit) in logits.iter().enumerate() {
                let account = Account::new(&explanation, label, terms);
                let sum: i64 = account.lines.iter().map(|l| l.hundredths).sum();
                assert_eq!(sum, account.total, "{terms} terms");
                let score = account.total as f64 / 100.0;
                assert!((score + mean - logit).abs() < 0.005 + 1e-9);
                let exact: f64 = account
                    .lines
                    .iter()
                    .map(|l| l.evidence.in_favour(label))
                    .sum();
                assert!((exact + mean - logit).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn hundredths_are_shown_with_their_sign() {
        let shown = [0, 7, -7, 123, -4210].map(signed);
        assert_eq!(shown, [" 0.00", "+0.07", "−0.07", "+1.23", "−42.10"]);
    }
}
