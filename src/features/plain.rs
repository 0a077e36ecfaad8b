//! The features as their table reads, without forms, tables or memory: what the fast way
//! must come to, bit for bit.

use std::collections::HashMap;

use super::*;
use crate::classifier::Classifier;
use crate::skills::plain;
use proptest::prelude::*;
use std::sync::LazyLock;

/// The shipped model, from its file.
static MODEL: LazyLock<Classifier> = LazyLock::new(|| {
    let text = include_bytes!("../../models/default.model");
    Classifier::from_bytes(text, "models/default.model").unwrap()
});

static TERMS: LazyLock<HashMap<String, u32>> = LazyLock::new(|| {
    let vocabulary = MODEL.model().content.space.vocabulary();
    let ids = 0..vocabulary.len() as u32;
    ids.map(|id| (vocabulary.term(id).stems, id)).collect()
});

/// Counts what is given, in the order of first mention.
fn counted(ids: impl IntoIterator<Item = u32>) -> Vec<(u32, u32)> {
    let mut counts: Vec<(u32, u32)> = Vec::new();
    for id in ids {
        match counts.iter_mut().find(|(seen, _)| *seen == id) {
            Some((_, count)) => *count += 1,
            None => counts.push((id, 1)),
        }
    }
    counts
}

/// Scales a block to a length; entries are summed in four turns.
fn scaled(block: Vec<(u32, f64)>, length: f64) -> Vec<(u32, f64)> {
    let turn = |n: usize| {
        let turn = block.iter().skip(n).step_by(4);
        turn.fold(0.0, |sum, (_, v)| sum + v * v)
    };
    let squares: f64 = (turn(0) + turn(1)) + (turn(2) + turn(3));
    if squares == 0.0 {
        return block;
    }
    let factor = length / squares.sqrt();
    block.into_iter().map(|(id, v)| (id, v * factor)).collect()
}

fn shares(totals: Vec<f64>) -> Vec<f64> {
    let sum: f64 = totals.iter().sum();
    let share = |total: f64| if sum > 0.0 { total / sum } else { total };
    totals.into_iter().map(share).collect()
}

fn plain_row(space: &FeatureSpace, text: &str) -> Vec<(u32, f64)> {
    let (settings, lexicon) = (space.settings(), space.lexicon());
    let tokens = token::tokenize(text);
    let stems = tokens.iter().map(|token| {
        let mut folded = String::new();
        token::fold(&text[token.span()], &mut folded);
        let is_word = token.span().len() <= token::LONGEST_WORD;
        is_word.then(|| Stems::default().stem(&folded).into_owned())
    });
    let stems: Vec<Option<String>> = stems.collect();
    let mut terms: Vec<u32> = Vec::new();
    for (at, stem) in stems.iter().enumerate() {
        let Some(stem) = stem else { continue };
        terms.extend(TERMS.get(stem));
        if at > 0
            && !tokens[at].after_break
            && let Some(before) = &stems[at - 1]
        {
            terms.extend(TERMS.get(&format!("{before} {stem}")));
        }
    }
    let value = |(id, count): (u32, u32)| {
        let idf = space.vocabulary().term(id).idf;
        (id, (1.0 + libm::log(f64::from(count))) * idf)
    };
    let terms = counted(terms).into_iter().map(value).collect();
    let skills = counted(plain::compared(lexicon, text).iter().map(|m| m.skill));
    let skills: Vec<(u32, f64)> = skills
        .into_iter()
        .map(|(skill, count)| (skill, libm::log1p(f64::from(count))))
        .collect();
    let total = |is_in: &dyn Fn(u32) -> bool| {
        let values = skills.iter().filter(|(skill, _)| is_in(*skill));
        values.fold(0.0, |sum, (_, value)| sum + value)
    };
    let ids = |n: usize| 0..n as u32;
    let groups = ids(lexicon.groups().len()).map(|g| total(&|skill| lexicon.group_of(skill) == g));
    let roles =
        ids(lexicon.roles().len()).map(|r| total(&|skill| lexicon.roles_of(skill).contains(&r)));
    let (groups, roles) = (shares(groups.collect()), shares(roles.collect()));
    let mut row = scaled(terms, 1.0);
    let skills = skills.into_iter().map(|(s, v)| (space.skill_feature(s), v));
    row.extend(scaled(skills.collect(), settings.skill_scale));
    let shares = (space.group_feature(0)..).zip(groups.iter().chain(&roles));
    row.extend(shares.map(|(id, share)| (id, share * settings.group_scale)));
    let duties: Vec<f64> = lexicon
        .groups()
        .iter()
        .zip(&groups)
        .filter(|(name, _)| name.starts_with("duty-"))
        .map(|(_, share)| *share)
        .collect();
    let pairs = duties
        .iter()
        .enumerate()
        .flat_map(|(n, a)| duties[n + 1..].iter().map(move |b| a * b));
    let blends = pairs.map(|product| product.sqrt() * settings.blend_scale);
    row.extend((id(space.first_blend())..).zip(blends));
    // A value of 0 is left out, but for a block that has nothing to scale it by.
    row.retain(|(_, value)| *value != 0.0);
    row
}

#[track_caller]
fn check(text: &str, memo: &mut Memo) {
    let space = &MODEL.model().content.space;
    let clean = Text::new(text);
    let row: Vec<(u32, f64)> = space.analyse(&clean, memo).row.iter().collect();
    assert_eq!(row, plain_row(space, clean.as_str()), "of {text:?}");
}

#[test]
fn shipped_postings_have_their_plain_features() {
    let mut memo = Memo::default();
    let postings = include_str!("../../datasets/postings.csv");
    for text in postings.split("\n\n").step_by(5) {
        check(text, &mut memo);
    }
    check(&postings[..20_000], &mut memo);
}

#[test]
fn long_words_and_rare_letters_have_their_plain_features() {
    let mut memo = Memo::default();
    for length in 0..60 {
        let word = "deployments".repeat(6);
        check(&format!("{} models", &word[..length]), &mut memo);
        check(&format!("é{} MODELS straße", &word[..length]), &mut memo);
    }
    // Once more, with everything known.
    check(
        "éDEPLOYMENTSDEPLOY deploymentsdeployme İstanbul Straße",
        &mut memo,
    );
    check(
        &"the data scientist deploys a model, ".repeat(300),
        &mut memo,
    );
}

#[test]
fn memory_that_is_full_starts_anew() {
    let mut memo = Memo::default();
    let mut words = String::new();
    for n in 0..140_000 {
        words.push_str(&format!("w{n:x}q "));
    }
    let space = &MODEL.model().content.space;
    for _ in 0..2 {
        let _ = space.words(&words, &mut memo);
        check("We deploy machine learning models to production", &mut memo);
    }
}

/// Real postings, where they lie beside the project.
#[test]
fn real_postings_have_their_plain_features() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/postings/dev.csv.gz");
    let Ok(file) = std::fs::File::open(path) else {
        eprintln!("skipped: there is no {path}");
        return;
    };
    let mut rows = csv::Reader::from_reader(flate2::read::MultiGzDecoder::new(file));
    let mut memo = Memo::default();
    for row in rows.records().step_by(50) {
        check(&row.unwrap()[2], &mut memo);
    }
}

/// Prose, markup, skills and noise, in any order.
fn ads() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "\\PC{0,24}",
        "[a-zA-Z+#.]{0,20}",
        proptest::sample::select(vec![
            "Kubernetes",
            "C++",
            "scikit-learn",
            "data scientists",
            "A/B tests",
            "R",
            "Python",
            ".NET",
            "build and deploy models",
            "to production",
            "dashboards for stakeholders",
            "the",
            "and we are",
            "<p>",
            "</li>",
            "&amp;",
            "\n",
            "• ",
            "\u{0}",
            "\u{ad}",
            ". ",
            "; ",
            "optimisation",
            "node.js",
        ])
        .prop_map(str::to_owned),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_text_has_its_plain_features(ads in proptest::collection::vec(ads(), 1..4)) {
        let mut memo = Memo::default();
        for ad in &ads {
            check(ad, &mut memo);
        }
    }

    #[test]
    fn any_bytes_have_their_plain_features(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        check(&String::from_utf8_lossy(&bytes), &mut Memo::default());
    }
}
