//! Is one model better than another? A paired test on the same postings.

use serde::Serialize;

use super::{Confusion, Interval, Judged, central};
use crate::random::SplitMix;

/// Resamples behind a verdict.
const DRAWS: usize = 2000;

/// Fewer rows decide nothing.
pub const FEWEST: usize = 50;

/// What a comparison found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The whole interval of the difference lies above 0.
    Better,
    /// The whole interval lies below 0.
    Worse,
    /// The interval holds 0, or there are fewer than [`FEWEST`] rows.
    Undecided,
}

impl Verdict {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Undecided => "undecided",
        }
    }
}

/// A new model against an old one on the same postings.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Comparison {
    /// How many postings.
    pub rows: usize,
    /// Macro-F1 of the new model.
    pub new: f64,
    /// Macro-F1 of the old one.
    pub old: f64,
    /// New minus old, with the central 95 % under paired resampling of groups.
    pub difference: Interval,
    /// Postings that only the new model gets right.
    pub only_new_right: u64,
    /// Postings that only the old one gets right.
    pub only_old_right: u64,
    /// Two-sided p of McNemar's exact test on these two numbers.
    pub mcnemar_p: f64,
    /// What follows.
    pub verdict: Verdict,
}

/// Compares judgements of the same rows. Whole groups (employers) are resampled, for their
/// postings are no independent witnesses; `groups` gives a number for every row.
///
/// # Panics
/// When the judgements and groups are not of equal number.
#[must_use]
pub fn compare(new: &[Judged], old: &[Judged], groups: &[u32], n_labels: usize) -> Comparison {
    assert!(
        new.len() == old.len() && new.len() == groups.len(),
        "the same rows"
    );
    let n_groups = groups.iter().max().map_or(0, |g| *g as usize + 1);
    let mut members: Vec<Vec<[usize; 3]>> = vec![Vec::new(); n_groups];
    for ((n, o), &group) in new.iter().zip(old).zip(groups) {
        members[group as usize].push([n.truth, n.predicted(), o.predicted()]);
    }
    members.retain(|rows| !rows.is_empty());
    let scores = |rows: &mut dyn Iterator<Item = [usize; 3]>| {
        let mut confusions = [Confusion::new(n_labels, []), Confusion::new(n_labels, [])];
        for [truth, n, o] in rows {
            confusions[0].counts[truth][n] += 1;
            confusions[1].counts[truth][o] += 1;
        }
        confusions.map(|c| c.macro_f1())
    };
    let [new_f1, old_f1] = scores(&mut members.iter().flatten().copied());
    let mut random = SplitMix(0);
    let mut draw = || {
        let drawn: Vec<usize> = members
            .iter()
            .map(|_| random.below(members.len()))
            .collect();
        let [n, o] = scores(&mut drawn.iter().flat_map(|&g| members[g].iter().copied()));
        n - o
    };
    let (low, high) = central((0..DRAWS).map(|_| draw()).collect());
    let only = |a: &[Judged], b: &[Judged]| {
        let pairs = a.iter().zip(b);
        pairs.filter(|(a, b)| a.is_right() && !b.is_right()).count() as u64
    };
    let (only_new_right, only_old_right) = (only(new, old), only(old, new));
    let verdict = if new.len() < FEWEST {
        Verdict::Undecided
    } else if low > 0.0 {
        Verdict::Better
    } else if high < 0.0 {
        Verdict::Worse
    } else {
        Verdict::Undecided
    };
    Comparison {
        rows: new.len(),
        new: new_f1,
        old: old_f1,
        difference: Interval {
            value: new_f1 - old_f1,
            low,
            high,
        },
        only_new_right,
        only_old_right,
        mcnemar_p: mcnemar(only_new_right, only_old_right),
        verdict,
    }
}

/// The two-sided exact p that `a` and `b` of a + b disagreements come from even odds.
fn mcnemar(a: u64, b: u64) -> f64 {
    let n = a + b;
    let ln_choose = |k: u64| {
        let ln_factorial = |n: u64| libm::lgamma(n as f64 + 1.0);
        ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
    };
    let tail: f64 = (0..=a.min(b))
        .map(|k| libm::exp(ln_choose(k) - n as f64 * std::f64::consts::LN_2))
        .sum();
    (2.0 * tail).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(right: bool, truth: usize) -> Judged {
        let predicted = if right { truth } else { 1 - truth };
        let mut logits = vec![0.0; 2];
        logits[predicted] = 1.0;
        Judged { truth, logits }
    }

    #[track_caller]
    fn check(new_right: usize, old_right: usize, expected: Verdict) {
        let rows =
            |right: usize| -> Vec<Judged> { (0..200).map(|i| judged(i < right, i % 2)).collect() };
        let groups: Vec<u32> = (0..200).collect();
        let comparison = compare(&rows(new_right), &rows(old_right), &groups, 2);
        assert_eq!(comparison.verdict, expected, "{comparison:?}");
    }

    #[test]
    fn only_clear_differences_are_verdicts() {
        check(180, 150, Verdict::Better);
        check(150, 180, Verdict::Worse);
        check(160, 159, Verdict::Undecided);
        check(160, 160, Verdict::Undecided);
    }

    #[test]
    fn one_employer_is_one_witness() {
        let new: Vec<Judged> = (0..200).map(|i| judged(true, i % 2)).collect();
        let old: Vec<Judged> = (0..200).map(|i| judged(i >= 20, i % 2)).collect();
        let mut groups: Vec<u32> = (0..200).collect();
        assert_eq!(compare(&new, &old, &groups, 2).verdict, Verdict::Better);
        groups[..20].fill(0);
        assert_eq!(compare(&new, &old, &groups, 2).verdict, Verdict::Undecided);
    }

    #[test]
    fn mcnemar_is_the_binomial_tail() {
        assert!((mcnemar(1, 9) - 2.0 * 11.0 / 1024.0).abs() < 1e-12);
        assert!((mcnemar(5, 5) - 1.0).abs() < 1e-12);
        assert!((mcnemar(0, 0) - 1.0).abs() < 1e-12);
    }
}
