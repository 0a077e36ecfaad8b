//! The shares of the labels behind the counts of an imperfect labeller.

use crate::evaluation::Confusion;
use crate::random::SplitMix;

/// Resamples per interval.
const DRAWS: usize = 300;
/// Steps after which an estimate is taken as it is.
const STEPS: usize = 500;

/// A share and its 95 % interval, each in [0, 1].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// The estimate.
    pub share: f64,
    /// The interval's lower end.
    pub low: f64,
    /// The interval's upper end.
    pub high: f64,
}

/// The shares of the true labels, given how many rows got each label and how the labeller
/// is known to err.
///
/// The maximum-likelihood shares p of counts c under Σₜ pₜ P(label | t), found with
/// expectation maximisation (Dempster, Laird & Rubin 1977), so that they stay in [0, 1]
/// and sum to 1. The intervals resample the confusion matrix row by row, and the counts.
/// `None` where nothing was counted or a label has no row in the matrix: then nothing is
/// known about how it errs.
#[must_use]
pub fn corrected(counts: &[u64], confusion: &Confusion) -> Option<Vec<Share>> {
    let known = confusion.counts.len() == counts.len()
        && confusion
            .counts
            .iter()
            .all(|row| row.iter().sum::<u64>() > 0);
    if !known || counts.iter().all(|&n| n == 0) {
        return None;
    }
    let as_numbers = |counts: &[u64]| counts.iter().map(|&n| n as f64).collect::<Vec<f64>>();
    let rows: Vec<Vec<f64>> = confusion.counts.iter().map(|row| as_numbers(row)).collect();
    let counted = as_numbers(counts);
    let estimate = estimate(&counted, &rows);
    let mut random = SplitMix(0);
    let mut draws: Vec<Vec<f64>> = (0..DRAWS)
        .map(|_| {
            let rows: Vec<Vec<f64>> = confusion
                .counts
                .iter()
                .map(|row| resampled(row, &mut random))
                .collect();
            let counted: Vec<f64> = counted
                .iter()
                .map(|n| (n + n.sqrt() * random.normal()).max(0.0))
                .collect();
            self::estimate(&counted, &rows)
        })
        .collect();
    let mut share = |label: usize| {
        draws.sort_by(|a, b| a[label].total_cmp(&b[label]));
        let at = |q: f64| draws[((DRAWS - 1) as f64 * q).round() as usize][label];
        Share {
            share: estimate[label],
            low: at(0.025).min(estimate[label]),
            high: at(0.975).max(estimate[label]),
        }
    };
    Some((0..counts.len()).map(&mut share).collect())
}

fn estimate(counts: &[f64], rows: &[Vec<f64>]) -> Vec<f64> {
    let n = counts.len();
    let all: f64 = counts.iter().sum();
    let given: Vec<Vec<f64>> = rows
        .iter()
        .map(|row| row.iter().map(|c| c / row.iter().sum::<f64>()).collect())
        .collect();
    let mut shares = vec![1.0 / n as f64; n];
    for _ in 0..STEPS {
        let mut next = vec![0.0; n];
        for (label, count) in counts.iter().enumerate() {
            let expected: f64 = (0..n).map(|t| shares[t] * given[t][label]).sum();
            if expected > 0.0 {
                for truth in 0..n {
                    next[truth] += count / all * shares[truth] * given[truth][label] / expected;
                }
            }
        }
        let total: f64 = next.iter().sum();
        let moved: f64 = shares
            .iter()
            .zip(&next)
            .map(|(a, b)| (a - b / total).abs())
            .sum();
        shares = next.into_iter().map(|s| s / total).collect();
        if moved < 1e-9 {
            break;
        }
    }
    shares
}

/// As many rows as there were, drawn anew.
fn resampled(row: &[u64], random: &mut SplitMix) -> Vec<f64> {
    let all: u64 = row.iter().sum();
    let mut drawn = vec![0.0; row.len()];
    for _ in 0..all {
        let mut at = random.below(all as usize) as u64;
        let label = row.iter().position(|&n| {
            let within = at < n;
            at = at.saturating_sub(n);
            within
        });
        drawn[label.unwrap_or(0)] += 1.0;
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_shares_are_found_again() {
        // 30 % and 70 %, of which 80 % and 90 % are recognised: 31 % get the first label.
        let confusion = Confusion {
            counts: vec![vec![800, 200], vec![100, 900]],
        };
        let shares = corrected(&[31_000, 69_000], &confusion).unwrap();
        assert!((shares[0].share - 0.3).abs() < 1e-6, "{shares:?}");
        assert!(shares[0].low < 0.3 && 0.3 < shares[0].high);
        assert!(
            (0.02..0.12).contains(&(shares[0].high - shares[0].low)),
            "{shares:?}"
        );
        assert!((shares[0].share + shares[1].share - 1.0).abs() < 1e-12);
    }

    #[test]
    fn counts_that_errors_alone_explain_leave_nothing() {
        let confusion = Confusion {
            counts: vec![vec![90, 10], vec![20, 80]],
        };
        let shares = corrected(&[100, 900], &confusion).unwrap();
        assert!(shares[0].share < 1e-3 && shares[0].low >= 0.0, "{shares:?}");
    }

    #[test]
    fn without_knowledge_nothing_is_corrected() {
        let confusion = Confusion {
            counts: vec![vec![9, 1], vec![0, 0]],
        };
        assert_eq!(corrected(&[1, 1], &confusion), None);
        let confusion = Confusion {
            counts: vec![vec![9, 1], vec![1, 9]],
        };
        assert_eq!(corrected(&[0, 0], &confusion), None);
    }
}
