//! What a model must beat: answers that need no training.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Judged;
use crate::features::{FeatureSettings, FeatureSpace, Memo, Vocabulary};
use crate::parallel::in_parallel;
use crate::skills::Lexicon;
use crate::text::Text;
use crate::title::rules::{self, Ruled};

/// With fewer different skills of the articles, a posting is taken for Other.
const FEWEST_SKILLS: usize = 3;

/// The most frequent label for every row.
#[must_use]
pub fn majority(targets: &[usize], n_labels: usize) -> Vec<Judged> {
    let count = |label: usize| targets.iter().filter(|t| **t == label).count();
    let most = (0..n_labels)
        .rev()
        .max_by_key(|&label| count(label))
        .unwrap_or(0);
    targets
        .iter()
        .map(|&truth| certain(truth, most, n_labels))
        .collect()
}

/// The label that the published rules take from the title; Other where they take none.
/// `None` when the labels are not those of the rules.
pub fn title_rule<'a>(
    titles: impl Iterator<Item = &'a str>,
    targets: &[usize],
    labels: &[String],
) -> Option<Vec<Judged>> {
    let index = |label: &str| labels.iter().position(|l| l == label);
    let other = index("Other")?;
    let of = |title: &str| match rules::label(title) {
        Ruled::Label(label) => index(label).unwrap_or(other),
        Ruled::Ambiguous | Ruled::Blank => other,
    };
    let judged = titles.zip(targets);
    Some(
        judged
            .map(|(title, &truth)| certain(truth, of(title), labels.len()))
            .collect(),
    )
}

/// A vote of the skills that the articles list: every different skill of a text speaks for
/// the roles that an article names it for, the more the fewer skills the role has in all;
/// too few skills are Other. `None` when the labels are not those of the articles.
///
/// The articles and the labels' definitions disagree in places: one article gives
/// deployment and monitoring to the machine learning engineer where the definitions say
/// MLOps, and MLOps is named by a single list.
///
/// # Panics
/// When the lexicon has 2³² entries.
pub fn article_vote(
    lexicon: &Arc<Lexicon>,
    descriptions: &[&str],
    targets: &[usize],
    labels: &[String],
    threads: usize,
) -> Option<Vec<Judged>> {
    let other = labels.iter().position(|l| l == "Other")?;
    let label_of = |role: &str| {
        let name = role.split(' ').nth(1)?;
        labels.iter().position(|l| l == name)
    };
    let roles: Vec<Option<usize>> = lexicon.roles().iter().map(|r| label_of(r)).collect();
    let mut sizes = vec![0.0; labels.len()];
    let skills = u32::try_from(lexicon.skills().len()).expect("few skills");
    let speaks_for = |skill: u32| {
        lexicon
            .roles_of(skill)
            .iter()
            .filter_map(|r| roles[*r as usize])
    };
    (0..skills)
        .flat_map(speaks_for)
        .for_each(|label| sizes[label] += 1.0);
    let space = FeatureSpace::new(
        FeatureSettings::UNWEIGHTED,
        Arc::clone(lexicon),
        Vocabulary::default(),
    );
    let vote = |memo: &mut Memo, description: &&str| {
        let found = space.analyse(&Text::new(description), memo).skills;
        let found: BTreeSet<u32> = found.iter().map(|m| m.skill).collect();
        let mut votes = vec![0.0_f64; labels.len()];
        let named = found.iter().filter(|s| speaks_for(**s).next().is_some());
        let named: Vec<u32> = named.copied().collect();
        if named.len() < FEWEST_SKILLS {
            return other;
        }
        named
            .iter()
            .flat_map(|&s| speaks_for(s))
            .for_each(|label| votes[label] += 1.0 / sizes[label]);
        (0..votes.len())
            .rev()
            .max_by(|&a, &b| votes[a].total_cmp(&votes[b]))
            .unwrap_or(other)
    };
    let votes = in_parallel(descriptions, threads, Memo::default, vote);
    let judged = votes.into_iter().zip(targets);
    Some(
        judged
            .map(|(vote, &truth)| certain(truth, vote, labels.len()))
            .collect(),
    )
}

/// An answer without probabilities.
fn certain(truth: usize, predicted: usize, n_labels: usize) -> Judged {
    let mut logits = vec![0.0; n_labels];
    logits[predicted] = 1.0;
    Judged { truth, logits }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Vec<String> {
        ["DS", "MLE", "MLOps", "Other"].map(str::to_owned).to_vec()
    }

    fn predicted(judged: &[Judged]) -> Vec<usize> {
        judged.iter().map(Judged::predicted).collect()
    }

    #[test]
    fn the_majority_is_one_label() {
        assert_eq!(predicted(&majority(&[2, 1, 1, 0], 4)), [1, 1, 1, 1]);
    }

    #[test]
    fn titles_answer_by_rule() {
        let titles = ["ML Engineer", "Baker", "Data Scientist or ML Engineer"];
        let judged = title_rule(titles.into_iter(), &[1, 3, 0], &labels()).unwrap();
        assert_eq!(predicted(&judged), [1, 3, 3]);
        assert!(title_rule(titles.into_iter(), &[0, 0, 0], &["a".to_owned()]).is_none());
    }

    #[test]
    fn the_articles_skills_vote() {
        let lexicon = Arc::new(Lexicon::shipped().unwrap());
        let texts = [
            "hypothesis testing, statistics, SQL and data visualization",
            "bread and butter",
        ];
        let judged = article_vote(&lexicon, &texts, &[0, 3], &labels(), 1).unwrap();
        assert_eq!(predicted(&judged), [0, 3]);
    }
}
