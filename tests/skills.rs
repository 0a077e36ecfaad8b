//! Every skill that the articles name is found where a sentence uses it, in each of its
//! spellings, and not where a sentence only seems to.

use std::collections::BTreeSet;

use rolecall::skills::{Lexicon, SHIPPED};

/// name, spelling or pattern, sentence
const FOUND: &str = include_str!("data/skills-found.tsv");
/// name, sentence
const ABSENT: &str = include_str!("data/skills-absent.tsv");

fn names_in<'a>(lexicon: &'a Lexicon, sentence: &str) -> BTreeSet<&'a str> {
    lexicon
        .find_in(sentence)
        .into_iter()
        .map(|(skill, _)| lexicon.skills()[skill as usize].name.as_str())
        .collect()
}

#[test]
fn every_spelling_and_pattern_of_the_articles_is_found() {
    let lexicon = Lexicon::shipped().unwrap();
    let mut missed = Vec::new();
    for line in FOUND.lines() {
        let [name, _, sentence] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("three columns: {line}")
        };
        if !names_in(&lexicon, sentence).contains(name) {
            missed.push(format!("{name}: {sentence}"));
        }
    }
    assert!(
        missed.is_empty(),
        "{} missed:\n{}",
        missed.len(),
        missed.join("\n")
    );
}

#[test]
fn every_entry_of_the_articles_has_a_sentence_for_each_spelling() {
    let lexicon = Lexicon::shipped().unwrap();
    let tested: BTreeSet<(&str, String)> = FOUND
        .lines()
        .filter_map(|line| {
            let mut columns = line.split('\t');
            Some((columns.next()?, columns.next()?.to_lowercase()))
        })
        .collect();
    let mut untested = Vec::new();
    for skill in lexicon.skills().iter().filter(|s| !s.articles.is_empty()) {
        for spelling in &skill.spellings {
            if !tested.contains(&(&skill.name, spelling.to_lowercase())) {
                untested.push(format!("{}: {spelling}", skill.name));
            }
        }
        if !tested.iter().any(|(name, _)| *name == skill.name) {
            untested.push(skill.name.clone());
        }
    }
    assert!(
        untested.is_empty(),
        "{} untested:\n{}",
        untested.len(),
        untested.join("\n")
    );
}

#[test]
fn look_alikes_are_not_found() {
    let lexicon = Lexicon::shipped().unwrap();
    let mut wrong = Vec::new();
    for line in ABSENT.lines() {
        let (name, sentence) = line.split_once('\t').expect("two columns");
        assert!(
            lexicon.skills().iter().any(|s| s.name == name),
            "no entry `{name}`"
        );
        if names_in(&lexicon, sentence).contains(name) {
            wrong.push(format!("{name}: {sentence}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} found wrongly:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn names_are_not_found_inside_other_words() {
    let lexicon = Lexicon::shipped().unwrap();
    let mut wrong = Vec::new();
    for skill in lexicon.skills().iter().filter(|s| !s.articles.is_empty()) {
        for spelling in skill
            .spellings
            .iter()
            .filter(|s| s.chars().all(char::is_alphanumeric))
        {
            for inside in [format!("zq{spelling}"), format!("{spelling}zq")] {
                let context = skill
                    .near
                    .iter()
                    .filter(|n| !n.starts_with('@'))
                    .cloned()
                    .collect::<Vec<_>>()
                    .join(" ");
                let sentence = format!("{context} the {inside} is not it");
                if lexicon.find_in(&sentence).iter().any(|(id, span)| {
                    lexicon.skills()[*id as usize].name == skill.name
                        && sentence[span.clone()].contains(spelling.as_str())
                        && sentence[span.clone()].contains("zq")
                }) {
                    wrong.push(format!("{} in {inside}", skill.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn the_lexicon_is_as_large_and_as_counted_as_promised() {
    let lexicon = Lexicon::shipped().unwrap();
    assert!(
        lexicon.skills().len() >= 500,
        "{} entries",
        lexicon.skills().len()
    );
    for skill in lexicon.skills() {
        assert!(
            skill.postings > 0 || !skill.articles.is_empty(),
            "`{}` is found in no training posting and named by no article; mend or drop it",
            skill.name
        );
    }
    assert_eq!(lexicon.source(), SHIPPED);
}
