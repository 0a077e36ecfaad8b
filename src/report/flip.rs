//! What would have to change for another label: the fewest terms whose removal flips it.

use std::ops::Range;

use super::View;
use crate::classifier::{Classifier, Scratch};
use crate::posting::Posting;
use crate::prediction::{Evidence, EvidenceKind, Prediction};

/// Terms that are taken out at most; a label that survives this does not hang on words.
const MOST: usize = 40;

/// Terms without which a posting gets another label.
#[derive(Debug, Clone, PartialEq)]
pub struct Flip {
    /// The terms; none of them can be spared.
    pub terms: Vec<Evidence>,
    /// The label that the posting gets without them.
    pub label: usize,
    /// That label's probability then, in [0, 1].
    pub probability: f64,
    /// The description without them.
    pub description: String,
    /// The title without them.
    pub title: Option<String>,
}

/// Finds a small set of terms whose removal changes the label, or none among the 40
/// terms that speak most for it against each rival.
///
/// For every rival, terms are taken out from the most telling on until the label changes;
/// then each that can stay is put back, and the smallest set over the rivals wins. Every
/// step is checked by classifying the text that is left.
#[must_use]
pub fn flip(view: &View) -> Option<Flip> {
    let label = view.prediction().label?;
    let mut search = Search {
        classifier: view.classifier,
        posting: view.posting,
        label,
        scratch: Scratch::default(),
    };
    let rivals = (0..view.classifier.labels().len()).filter(|&rival| rival != label);
    rivals
        .filter_map(|rival| search.against(rival, &view.explanation.evidence))
        .min_by(|a, b| {
            let size = a.terms.len().cmp(&b.terms.len());
            size.then(b.probability.total_cmp(&a.probability))
        })
}

struct Search<'a> {
    classifier: &'a Classifier,
    posting: Posting<'a>,
    label: usize,
    scratch: Scratch,
}

impl Search<'_> {
    fn against(&mut self, rival: usize, evidence: &[Evidence]) -> Option<Flip> {
        let gain = |e: &Evidence| e.contributions[self.label] - e.contributions[rival];
        let mut candidates: Vec<&Evidence> = evidence
            .iter()
            .filter(|e| !e.spans.is_empty() && gain(e) > 0.0)
            .collect();
        candidates.sort_by(|a, b| gain(b).total_cmp(&gain(a)));
        candidates.truncate(MOST);
        let enough = (1..=candidates.len()).find(|&n| self.without(&candidates[..n]).is_some())?;
        candidates.truncate(enough);
        for at in (0..candidates.len()).rev() {
            let mut fewer = candidates.clone();
            fewer.remove(at);
            if self.without(&fewer).is_some() {
                candidates = fewer;
            }
        }
        self.without(&candidates)
    }

    /// The flip that removing `terms` brings about, if it does.
    fn without(&mut self, terms: &[&Evidence]) -> Option<Flip> {
        let spans = |titled: bool| {
            let wanted = terms
                .iter()
                .filter(|e| (e.kind == EvidenceKind::Title) == titled);
            wanted.flat_map(|e| e.spans.iter().cloned()).collect()
        };
        let description = removed(self.posting.description, spans(false));
        let title = self.posting.title.map(|title| removed(title, spans(true)));
        let posting = Posting {
            title: title.as_deref().filter(|t| !t.trim().is_empty()),
            description: &description,
        };
        let prediction: Prediction = self.classifier.classify_with(posting, &mut self.scratch);
        let label = prediction.label.filter(|&label| label != self.label)?;
        Some(Flip {
            terms: terms.iter().map(|e| (*e).clone()).collect(),
            label,
            probability: prediction.probabilities[label],
            title,
            description,
        })
    }
}

/// The text without the spans; what stood around them does not become neighbours.
fn removed(text: &str, mut spans: Vec<Range<usize>>) -> String {
    spans.sort_by_key(|s| (s.start, s.end));
    let mut left = String::with_capacity(text.len());
    let mut at = 0;
    for span in spans {
        if span.end <= at {
            continue;
        }
        left.push_str(text.get(at..span.start.max(at)).unwrap_or_default());
        left.push_str("\n…\n");
        at = span.end;
    }
    left + &text[at..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removal_keeps_neighbours_apart() {
        assert_eq!(removed("a bb c d", vec![2..4, 7..8]), "a \n…\n c \n…\n");
        assert_eq!(removed("abcdef", vec![3..5, 1..4]), "a\n…\n\n…\nf");
        assert_eq!(removed("abc", vec![]), "abc");
    }

    #[track_caller]
    fn check(posting: Posting) -> Option<Flip> {
        let classifier = Classifier::embedded().unwrap();
        let explanation = classifier.explain(posting);
        let view = View {
            classifier: &classifier,
            posting,
            explanation: &explanation,
            terms: 12,
        };
        let flip = flip(&view)?;
        let again = classifier.classify(Posting {
            title: flip.title.as_deref().filter(|t| !t.trim().is_empty()),
            description: &flip.description,
        });
        assert_eq!(again.label, Some(flip.label));
        assert_ne!(again.label, explanation.prediction.label);
        let mut search = Search {
            classifier: &classifier,
            posting,
            label: explanation.prediction.label.unwrap(),
            scratch: Scratch::default(),
        };
        for spared in 0..flip.terms.len() {
            let mut fewer: Vec<&Evidence> = flip.terms.iter().collect();
            fewer.remove(spared);
            assert!(search.without(&fewer).is_none(), "each term is needed");
        }
        Some(flip)
    }

    #[test]
    fn the_set_flips_the_label_and_none_of_it_can_be_spared() {
        let ad = "We forecast demand: you clean data in SQL, test hypotheses and train regression models. \
            You also deploy models behind an API, optimise their latency and write C++.";
        let flip = check(Posting::untitled(ad)).expect("a mixed ad can be flipped");
        assert!(!flip.terms.is_empty() && flip.probability > 0.0);
        check(Posting::titled(
            "Machine Learning Engineer",
            "<p>You run <b>Kuber</b>netes &amp; Airflow for our data scientists.</p>",
        ));
    }

    #[test]
    fn the_hand_written_postings_flip_too() {
        let mut rows = csv::Reader::from_path(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/datasets/postings.csv"
        ))
        .unwrap();
        let mut flipped = 0;
        for row in rows.records().step_by(12).map(Result::unwrap) {
            flipped += usize::from(check(Posting::titled(&row[1], &row[2])).is_some());
        }
        assert!(flipped >= 6, "{flipped} of 11");
    }
}
