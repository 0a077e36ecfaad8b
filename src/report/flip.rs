//! What would have to change for another label: the fewest terms whose removal flips it.

use std::ops::Range;

use super::View;
use crate::classifier::{Classifier, Scratch};
use crate::posting::Posting;
use crate::prediction::{Evidence, EvidenceKind, Prediction};

/// Terms that are taken out at most; a label that survives this does not hang on words.
const MOST: usize = 40;

/// Sets of one size that are tried for one rival, ...
const TRIES: usize = 400;

/// ... up to this size.
const LARGEST: usize = 6;

/// Bytes of text that the search for smaller sets classifies: an ad of 5 kB gets all its
/// tries, a longer one fewer.
const BUDGET: usize = 50_000_000;

/// In a longer description nothing is looked for.
pub const LONGEST: usize = 200_000;

/// Terms without which a posting gets another label.
#[derive(Debug, Clone, PartialEq)]
pub struct Flip {
    /// The terms; none of them can be spared.
    pub terms: Vec<Evidence>,
    /// Whether every smaller set was tried: then no smaller one will do.
    pub smallest: bool,
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
/// terms that speak most for it against each rival, or in a description longer than
/// [`LONGEST`] bytes.
///
/// If contributions stayed what they are, the smallest set against one rival would be the
/// terms that gain most on it, taken until the lead is gone. They do not quite: with a term
/// go the words of others, and what is left is scaled to unit length anew, so that the rest
/// weighs more. So such a set is only where the search begins: each term that can stay is
/// put back, and then the smaller sets are tried, up to six terms and 400 sets a size and
/// rival (fewer in long ads), the most telling terms first. Every step is checked by
/// classifying the text that is left. [`Flip::smallest`] tells whether all smaller sets were
/// tried: of two terms nearly always, of more where an ad has few.
#[must_use]
pub fn flip(view: &View) -> Option<Flip> {
    let label = view.prediction().label?;
    let length = view.posting.description.len();
    if length > LONGEST {
        return None;
    }
    let mut search = Search {
        classifier: view.classifier,
        posting: view.posting,
        label,
        scratch: Scratch::default(),
    };
    let rivals = (0..view.classifier.labels().len()).filter(|&rival| rival != label);
    let rivals: Vec<Candidates> = rivals
        .map(|rival| Candidates::new(&view.explanation.evidence, label, rival))
        .collect();
    let tries = (BUDGET / (length + 1) / (LARGEST * rivals.len().max(1))).min(TRIES);
    let begun = surest(rivals.iter().filter_map(|c| search.greedily(c)));
    let end = begun.as_ref().map_or(LARGEST + 1, |f| f.terms.len());
    let smaller = (1..end.min(LARGEST + 1))
        .find_map(|size| surest(rivals.iter().filter_map(|c| search.of_size(c, size, tries))));
    let mut found = smaller.or(begun)?;
    let terms = rivals.first().map_or(0, |c| c.terms.len());
    found.smallest =
        (1..found.terms.len()).all(|size| size <= LARGEST && within_tries(size, tries) >= terms);
    Some(found)
}

/// The flip with the fewest terms; among those, to the most probable label.
fn surest(flips: impl Iterator<Item = Flip>) -> Option<Flip> {
    flips.min_by(|a, b| {
        let size = a.terms.len().cmp(&b.terms.len());
        size.then(b.probability.total_cmp(&a.probability))
    })
}

/// Of how many terms all sets of `size` can be had in so many tries.
fn within_tries(size: usize, tries: usize) -> usize {
    let sets = |n: usize| (0..size).fold(1, |sets, k| sets * (n - k) / (k + 1));
    let few_enough = (size..=size + tries).take_while(|&n| sets(n) <= tries);
    few_enough.last().unwrap_or(0)
}

/// The terms of a posting, the most telling against one rival first.
struct Candidates<'a> {
    terms: Vec<&'a Evidence>,
    /// How many of them speak for the label and against the rival.
    helpful: usize,
}

impl<'a> Candidates<'a> {
    fn new(evidence: &'a [Evidence], label: usize, rival: usize) -> Self {
        let gain = |e: &Evidence| e.contributions[label] - e.contributions[rival];
        let mut terms: Vec<&Evidence> = evidence.iter().filter(|e| !e.spans.is_empty()).collect();
        terms.sort_by(|a, b| gain(b).total_cmp(&gain(a)));
        Self {
            helpful: terms.partition_point(|e| gain(e) > 0.0),
            terms,
        }
    }
}

struct Search<'a> {
    classifier: &'a Classifier,
    posting: Posting<'a>,
    label: usize,
    scratch: Scratch,
}

impl Search<'_> {
    /// Takes terms out from the most telling on until the label changes, and puts back
    /// each that can stay.
    fn greedily(&mut self, candidates: &Candidates) -> Option<Flip> {
        let mut terms = candidates.terms[..candidates.helpful.min(MOST)].to_vec();
        let enough = (1..=terms.len()).find(|&n| self.without(&terms[..n]).is_some())?;
        terms.truncate(enough);
        for at in (0..terms.len()).rev() {
            let mut fewer = terms.clone();
            fewer.remove(at);
            if self.without(&fewer).is_some() {
                terms = fewer;
            }
        }
        self.without(&terms)
    }

    /// Tries the sets of `size` among the most telling terms.
    fn of_size(&mut self, candidates: &Candidates, size: usize, tries: usize) -> Option<Flip> {
        let n = candidates.terms.len().min(within_tries(size, tries));
        if n < size {
            return None;
        }
        let mut set: Vec<usize> = (0..size).collect();
        loop {
            let terms: Vec<&Evidence> = set.iter().map(|&at| candidates.terms[at]).collect();
            if let Some(flip) = self.without(&terms) {
                return Some(flip);
            }
            // The next set in lexicographic order.
            let movable = (0..size).rev().find(|&k| set[k] + size - k < n)?;
            set[movable] += 1;
            for k in movable + 1..size {
                set[k] = set[k - 1] + 1;
            }
        }
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
            smallest: false,
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

    /// All sets of a small ad's terms are tried here, one by one.
    #[test]
    fn no_smaller_set_flips_a_small_ad() {
        let classifier = Classifier::embedded().unwrap();
        let mut proven = 0;
        for ad in [
            "Test hypotheses with SQL and statistics, deploy models on Kubernetes.",
            "Terraform, Docker and monitoring for model deployment; some statistics.",
            "Train neural networks in PyTorch and serve them; build dashboards.",
        ] {
            let posting = Posting::untitled(ad);
            let Some(found) = check(posting) else {
                continue;
            };
            let explanation = classifier.explain(posting);
            let terms: Vec<&Evidence> = explanation
                .evidence
                .iter()
                .filter(|e| !e.spans.is_empty())
                .collect();
            let mut search = Search {
                classifier: &classifier,
                posting,
                label: explanation.prediction.label.unwrap(),
                scratch: Scratch::default(),
            };
            assert!(terms.len() < 26, "{} terms", terms.len());
            for set in 1..1_u32 << terms.len() {
                if (set.count_ones() as usize) < found.terms.len() {
                    let chosen: Vec<&Evidence> = (0..terms.len())
                        .filter(|at| set >> at & 1 == 1)
                        .map(|at| terms[at])
                        .collect();
                    assert!(search.without(&chosen).is_none(), "{ad}");
                }
            }
            proven += 1;
        }
        assert!(proven > 0);
    }

    #[test]
    fn sets_are_counted() {
        let sizes = [1, 2, 3, 4];
        assert_eq!(sizes.map(|size| within_tries(size, 400)), [400, 28, 14, 11]);
        assert_eq!(sizes.map(|size| within_tries(size, 0)), [0; 4]);
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
