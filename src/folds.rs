//! Which rows must stay together, and how they are cut into folds.

use std::collections::HashMap;

use crate::duplicates::Joined;
use crate::example::Example;

/// Numbers the employers; a row without one is its own.
#[must_use]
pub fn employers(examples: &[&Example]) -> Vec<u32> {
    let mut numbers: HashMap<&str, u32> = HashMap::new();
    let mut next = 0;
    let mut fresh = || {
        next += 1;
        next - 1
    };
    examples
        .iter()
        .map(|e| match e.group.trim() {
            "" => fresh(),
            group => *numbers.entry(group).or_insert_with(&mut fresh),
        })
        .collect()
}

/// Numbers the sets of rows that share an employer or are near copies, directly or
/// through others.
#[must_use]
pub fn inseparable(employers: &[u32], clusters: &[u32]) -> Vec<u32> {
    let mut joined = Joined::new(employers.len());
    for numbers in [employers, clusters] {
        let mut first: HashMap<u32, usize> = HashMap::new();
        for (row, number) in numbers.iter().enumerate() {
            joined.join(*first.entry(*number).or_insert(row), row);
        }
    }
    joined.numbered()
}

/// A fold for every row: groups whole, labels spread evenly. The largest groups are
/// placed first, each where its labels are rarest so far.
#[must_use]
pub fn folds(targets: &[usize], groups: &[u32], n_labels: usize, n_folds: usize) -> Vec<usize> {
    let n_groups = groups.iter().max().map_or(0, |g| *g as usize + 1);
    let mut counts = vec![vec![0.0; n_labels]; n_groups];
    targets
        .iter()
        .zip(groups)
        .for_each(|(&t, &g)| counts[g as usize][t] += 1.0);
    let mut totals = vec![1e-9; n_labels];
    for &target in targets {
        totals[target] += 1.0;
    }
    let mut order: Vec<usize> = (0..n_groups).collect();
    order.sort_by(|&a, &b| {
        counts[b]
            .iter()
            .sum::<f64>()
            .total_cmp(&counts[a].iter().sum())
            .then(a.cmp(&b))
    });
    let mut filled = vec![vec![0.0; n_labels]; n_folds];
    let mut fold_of = vec![0; n_groups];
    for group in order {
        let crowding = |fold: usize| -> f64 {
            (0..n_labels)
                .map(|l| {
                    counts[group][l] * (filled[fold][l] + counts[group][l])
                        / (totals[l] * totals[l])
                })
                .sum()
        };
        let fold = (0..n_folds)
            .min_by(|&a, &b| crowding(a).total_cmp(&crowding(b)))
            .unwrap_or(0);
        filled[fold]
            .iter_mut()
            .zip(&counts[group])
            .for_each(|(sum, n)| *sum += n);
        fold_of[group] = fold;
    }
    groups.iter().map(|&g| fold_of[g as usize]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn employers_and_copies_are_inseparable() {
        // Rows 0 and 2 share an employer, rows 2 and 3 are copies.
        assert_eq!(
            inseparable(&[0, 1, 0, 2, 3], &[0, 1, 2, 2, 3]),
            [0, 1, 0, 0, 2]
        );
    }

    #[test]
    fn folds_keep_groups_whole_and_spread_labels() {
        let targets: Vec<usize> = (0..120).map(|row| usize::from(row % 4 == 0)).collect();
        let groups: Vec<u32> = (0..120).map(|row| row / 3).collect();
        let folds = folds(&targets, &groups, 2, 5);
        for fold in 0..5 {
            let rare = (0..120)
                .filter(|&r| folds[r] == fold && targets[r] == 1)
                .count();
            assert!((5..=7).contains(&rare), "fold {fold}: {rare}");
        }
        assert!((0..40).all(|g| folds[g * 3] == folds[g * 3 + 2]));
    }
}
