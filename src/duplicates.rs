//! Copies and near copies among postings.
//!
//! Every text is a set of word triples. Their hashes are cut into 128 bins and the
//! least of each bin is kept (one-permutation MinHash; Li, Owen & Zhang 2012, empty bins
//! filled as by Shrivastava & Li 2014). Texts that agree on a band of 4 bins are
//! compared, and are near copies when at least two thirds of all bins agree, which
//! estimates the Jaccard similarity of the triples with a standard error of 0.04. No
//! random number is drawn: equal texts give equal clusters.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use crate::random::mixed;
use crate::text::Text;
use crate::token;

/// Bins of a sketch.
const BINS: usize = 128;

/// Bins of a band; texts as similar as [`SAME`] agree on one with probability 0.999.
const ROWS: usize = 4;

/// The share of common triples from which two postings count as near copies.
pub const SAME: f64 = 2.0 / 3.0;

/// A text is compared with at most so many others of a band.
const COMPARED: usize = 24;

/// The identity of a posting's text: the first 64 bits of the SHA-256 of its words, so
/// that markup, case, punctuation and white space do not tell copies apart. An empty text
/// has identity 0.
#[must_use]
pub fn identity(text: &Text) -> u64 {
    let mut hash = Sha256::new();
    let mut folded = String::new();
    let tokens = token::tokenize(text.as_str());
    for token in &tokens {
        token::fold(&text.as_str()[token.span()], &mut folded);
        folded.push(' ');
        hash.update(&folded);
    }
    if tokens.is_empty() {
        return 0;
    }
    let shifted = |first: u64, byte: &u8| first << 8 | u64::from(*byte);
    hash.finalize()[..8].iter().fold(0, shifted)
}

/// The least hash of every bin; empty for a text without words.
pub type Sketch = Vec<u32>;

/// The sketch of a text's word triples.
#[must_use]
pub fn sketch(text: &Text) -> Sketch {
    let mut folded = String::new();
    let words: Vec<u64> = token::tokenize(text.as_str())
        .iter()
        .map(|token| {
            token::fold(&text.as_str()[token.span()], &mut folded);
            hash_of(&folded)
        })
        .collect();
    if words.is_empty() {
        return Sketch::new();
    }
    let mut bins = vec![u32::MAX; BINS];
    for triple in words.windows(3.min(words.len())) {
        let hash = triple.iter().fold(0, |h, w| mixed(h ^ w));
        let bin = &mut bins[(hash >> 57) as usize % BINS];
        *bin = (*bin).min(hash as u32);
    }
    filled(&bins)
}

/// Empty bins take what stands in the next full one, told apart by the distance.
fn filled(bins: &[u32]) -> Sketch {
    let full = |at: usize| bins[at % BINS] != u32::MAX;
    let value = |at: usize| {
        let distance = (0..BINS).find(|&d| full(at + d)).unwrap_or(0);
        bins[(at + distance) % BINS].wrapping_add((distance as u32).wrapping_mul(0x9E37_79B1))
    };
    (0..BINS).map(value).collect()
}

/// FNV-1a, mixed.
fn hash_of(word: &str) -> u64 {
    let step = |h: u64, b: u8| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3);
    mixed(word.bytes().fold(0xCBF2_9CE4_8422_2325, step))
}

/// A cluster number for every text: near copies, and near copies of near copies, share
/// one. Clusters are numbered in the order of their first text; a text without words is
/// its own.
#[must_use]
pub fn clusters(sketches: &[Sketch]) -> Vec<u32> {
    let mut joined = Joined::new(sketches.len());
    for band in (0..BINS).step_by(ROWS) {
        let mut buckets: HashMap<&[u32], Vec<usize>> = HashMap::new();
        for (at, sketch) in sketches.iter().enumerate().filter(|(_, s)| !s.is_empty()) {
            let bucket = buckets.entry(&sketch[band..band + ROWS]).or_default();
            let near = |&&other: &&usize| similarity(sketch, &sketches[other]) >= SAME;
            match bucket.iter().find(near) {
                Some(&other) => joined.join(at, other),
                None if bucket.len() < COMPARED => bucket.push(at),
                None => {}
            }
        }
    }
    joined.numbered()
}

/// The share of bins that agree, in [0, 1].
#[must_use]
pub fn similarity(a: &Sketch, b: &Sketch) -> f64 {
    let same = a.iter().zip(b).filter(|(a, b)| a == b).count();
    same as f64 / BINS as f64
}

/// Sets that grow together (union–find with path halving); the least member leads.
#[derive(Debug, Clone)]
pub struct Joined(Vec<usize>);

impl Joined {
    /// `n` sets of one.
    #[must_use]
    pub fn new(n: usize) -> Self {
        Self((0..n).collect())
    }

    fn leader(&mut self, mut at: usize) -> usize {
        while self.0[at] != at {
            self.0[at] = self.0[self.0[at]];
            at = self.0[at];
        }
        at
    }

    /// Makes one set of the two that hold `a` and `b`.
    pub fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.leader(a), self.leader(b));
        self.0[a.max(b)] = a.min(b);
    }

    /// The number of every member's set, counted in the order of first members.
    #[must_use]
    pub fn numbered(mut self) -> Vec<u32> {
        let mut next = 0;
        let mut numbers = vec![u32::MAX; self.0.len()];
        for at in 0..numbers.len() {
            let leader = self.leader(at);
            if numbers[leader] == u32::MAX {
                numbers[leader] = next;
                next += 1;
            }
            numbers[at] = numbers[leader];
        }
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(from: usize, to: usize) -> String {
        (from..to).map(|n| format!("word{n} ")).collect()
    }

    fn clusters_of(texts: &[&str]) -> Vec<u32> {
        let sketches: Vec<Sketch> = texts.iter().map(|t| sketch(&Text::new(t))).collect();
        clusters(&sketches)
    }

    #[test]
    fn copies_and_near_copies_share_a_cluster() {
        let (base, changed) = (
            words(0, 400),
            format!("{}{}", words(0, 380), words(900, 915)),
        );
        let (half, other) = (
            format!("{}{}", words(0, 200), words(500, 700)),
            words(1000, 1400),
        );
        let texts = [&base, &other, &changed, &half, &base.to_uppercase()];
        assert_eq!(clusters_of(&texts.map(String::as_str)), [0, 1, 0, 2, 0]);
    }

    #[test]
    fn short_and_empty_texts_stand_alone_unless_equal() {
        assert_eq!(
            clusters_of(&["", "Hi", "", "hi!", "Hi there"]),
            [0, 1, 2, 1, 3]
        );
    }

    #[test]
    fn the_estimate_is_near_the_true_similarity() {
        // 300 of 500 distinct triples are common.
        let (a, b) = (words(0, 402), words(100, 502));
        let estimate = similarity(&sketch(&Text::new(&a)), &sketch(&Text::new(&b)));
        assert!((estimate - 0.6).abs() < 0.12, "{estimate}");
    }

    #[test]
    fn identity_ignores_markup_case_and_punctuation() {
        let same = [
            "Train models, daily.",
            "<p>train <b>MODELS</b></p><p>daily</p>",
        ];
        let [a, b] = same.map(|t| identity(&Text::new(t)));
        assert_eq!(a, b);
        assert_ne!(a, identity(&Text::new("train models daily again")));
        assert_eq!(identity(&Text::new(" – ")), 0);
    }
}
