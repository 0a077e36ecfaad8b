//! What data holds, before anything is fitted.

use std::collections::BTreeMap;

use serde::Serialize;

use super::corpus::Corpus;
use crate::features::{FeatureSettings, Memo};
use crate::parallel::in_parallel;

/// Skills named per label.
const SKILLS: usize = 8;

/// Contradictory copies named at most.
const CONTRADICTIONS: usize = 10;

/// What labelled postings hold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Survey {
    /// Rows given.
    pub given: usize,
    /// Rows used, in languages with enough rows.
    pub used: usize,
    /// Languages that the model will know.
    pub languages: Vec<String>,
    /// Whether a title model will be fitted.
    pub titles: bool,
    /// Whether rows name their employers.
    pub employers: Option<usize>,
    /// Label by label.
    pub labels: Vec<LabelSurvey>,
    /// Rows that are near copies of an earlier one.
    pub copies: usize,
    /// Sets of near copies with different labels.
    pub contradictory: usize,
    /// The places of some of these, set by set.
    pub contradictions: Vec<String>,
    /// Rows of every fold, label by label.
    pub folds: Vec<Vec<usize>>,
}

/// The rows of one label.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LabelSurvey {
    /// The label.
    pub label: String,
    /// How many rows.
    pub rows: usize,
    /// 10 %, 50 % and 90 % quantile of the texts' length in words.
    pub words: [usize; 3],
    /// Skills that are named more often than elsewhere, most telling first: name and share of
    /// the rows that name it.
    pub skills: Vec<(String, f64)>,
}

impl Survey {
    /// Looks at a corpus.
    #[must_use]
    pub fn new(corpus: &Corpus) -> Self {
        let n_labels = corpus.labels.len();
        let mut words = vec![Vec::new(); n_labels];
        let n_skills = corpus.lexicon.skills().len();
        let mut named = vec![vec![0_usize; n_skills]; n_labels];
        let rows: Vec<usize> = (0..corpus.rows.len()).collect();
        let space = corpus.keyword_space(FeatureSettings::UNWEIGHTED);
        let found = in_parallel(
            &rows,
            corpus.options.threads,
            Memo::default,
            |memo, &row| {
                let found = space.analyse(corpus.cleaned(row), memo).skills;
                let mut skills: Vec<u32> = found.iter().map(|m| m.skill).collect();
                skills.dedup();
                (corpus.text(row).split_whitespace().count(), skills)
            },
        );
        for (&target, (length, skills)) in corpus.targets.iter().zip(found) {
            words[target].push(length);
            for skill in skills {
                named[target][skill as usize] += 1;
            }
        }
        let mut folds = vec![vec![0; n_labels]; corpus.options.folds];
        for (&fold, &target) in corpus.folds.iter().zip(&corpus.targets) {
            folds[fold][target] += 1;
        }
        let distinct = |numbers: &[u32]| numbers.iter().max().map_or(0, |n| *n as usize + 1);
        let contradictions = contradictions(corpus);
        Self {
            given: corpus.examples.len(),
            used: corpus.rows.len(),
            languages: corpus.languages.iter().cloned().collect(),
            titles: corpus.has_titles(),
            employers: corpus.has_employers.then(|| distinct(&corpus.employers)),
            labels: (0..n_labels)
                .map(|at| LabelSurvey {
                    label: corpus.labels[at].clone(),
                    rows: words[at].len(),
                    words: quantiles(&mut words[at]),
                    skills: telling(corpus, &named, at),
                })
                .collect(),
            copies: corpus.rows.len() - distinct(&corpus.clusters),
            contradictory: contradictions.len(),
            contradictions: contradictions.into_iter().take(CONTRADICTIONS).collect(),
            folds,
        }
    }
}

fn quantiles(lengths: &mut [usize]) -> [usize; 3] {
    lengths.sort_unstable();
    let at = |q: f64| lengths.get((lengths.len().saturating_sub(1) as f64 * q) as usize);
    [0.1, 0.5, 0.9].map(|q| at(q).copied().unwrap_or(0))
}

/// The skills whose share among a label's rows lies furthest above that among the others.
fn telling(corpus: &Corpus, named: &[Vec<usize>], label: usize) -> Vec<(String, f64)> {
    let rows = corpus.rows_of_labels();
    let own_rows = rows[label] as f64;
    let other_rows = (rows.iter().sum::<u64>() - rows[label]).max(1) as f64;
    let mut shares: Vec<(f64, f64, usize)> = (0..corpus.lexicon.skills().len())
        .map(|skill| {
            let all: usize = named.iter().map(|of| of[skill]).sum();
            let own = named[label][skill] as f64 / own_rows;
            let other = (all - named[label][skill]) as f64 / other_rows;
            (own - other, own, skill)
        })
        .collect();
    shares.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.2.cmp(&b.2)));
    shares
        .iter()
        .take(SKILLS)
        .filter(|(lift, _, _)| *lift > 0.0)
        .map(|(_, own, skill)| (corpus.lexicon.skills()[*skill].name.clone(), *own))
        .collect()
}

/// Sets of near copies that carry different labels, described.
fn contradictions(corpus: &Corpus) -> Vec<String> {
    let mut sets: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (row, &cluster) in corpus.clusters.iter().enumerate() {
        sets.entry(cluster).or_default().push(row);
    }
    let differ = |rows: &&Vec<usize>| {
        rows.iter()
            .any(|&r| corpus.targets[r] != corpus.targets[rows[0]])
    };
    let describe = |rows: &Vec<usize>| {
        let of = |&row: &usize| {
            format!(
                "{} {}",
                corpus.example(row).place,
                corpus.labels[corpus.targets[row]]
            )
        };
        rows.iter().take(4).map(of).collect::<Vec<_>>().join(", ")
    };
    sets.values().filter(differ).map(describe).collect()
}
