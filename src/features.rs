//! Text to numbers: the one function that serves training and prediction.
//!
//! A [`FeatureSpace`] is a sorted, numbered list of features and turns a text into a
//! [`SparseRow`]. Its blocks, in the order of their ids:
//!
//! | block | feature | value |
//! |---|---|---|
//! | words | stem | (1 + ln count) · idf, unit length together with the pairs |
//! | pairs | two adjacent stems | the same |
//! | skills | lexicon entry | ln(1 + count), unit length, times `skill_scale` |
//! | groups | lexicon group | its share of all skill mentions, times `group_scale` |
//! | roles | (document, role) pair | share of the mentions that the article gives to the role, times `group_scale` |
//! | blends | two groups | √(share · share), times `blend_scale` |
//!
//! idf is ln((1 + n) / (1 + df)) + 1 for n training postings of which df hold the
//! term (Salton & Buckley 1988, as scikit-learn smooths it).

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::skills::{Lexicon, SkillMatch, WordKeys};
use crate::text::Text;
use crate::token::{self, LONGEST_WORD, Stems, Token};

/// No feature: the word is not in the vocabulary.
const NONE: u32 = u32::MAX;

/// Written forms remembered at most; past that, memory starts anew.
const MAX_MEMO: usize = 1 << 18;

/// How the blocks of a feature space are built and weighed against each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FeatureSettings {
    /// Length of the skill block (the words' is 1).
    pub skill_scale: f64,
    /// Factor on the groups' and roles' shares.
    pub group_scale: f64,
    /// Factor on the products of two groups' shares.
    pub blend_scale: f64,
    /// Leave out the names of the roles ("data scientist") wherever they stand, because
    /// the labels were read from titles.
    pub mask_role_names: bool,
}

/// What a feature is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A stem.
    Word,
    /// Two adjacent stems.
    Pair,
    /// An entry of the lexicon.
    Skill,
    /// A total: the share of a group of the lexicon, of an article's role, or the product of
    /// two groups' shares.
    Group,
}

/// A term of a [`Vocabulary`]: one stem, or two with a space between them.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// The stem or stems.
    pub stems: String,
    /// Inverse document frequency, at least 1.
    pub idf: f64,
}

/// Numbered words and pairs: words first, each part sorted by stem.
#[derive(Debug, Clone, Default)]
pub struct Vocabulary {
    terms: Vec<Term>,
    n_words: usize,
    stem_ids: HashMap<String, u32>,
    word_of: Vec<u32>,
    pair_of: HashMap<(u32, u32), u32>,
}

impl Vocabulary {
    /// Numbers the terms. The order given does not matter; doubles are dropped.
    #[must_use]
    pub fn new(mut terms: Vec<Term>) -> Self {
        let is_pair = |t: &Term| t.stems.contains(' ');
        terms.sort_by(|a, b| {
            is_pair(a)
                .cmp(&is_pair(b))
                .then_with(|| a.stems.cmp(&b.stems))
        });
        terms.dedup_by(|a, b| a.stems == b.stems);
        let n_words = terms.partition_point(|t| !is_pair(t));
        let mut vocabulary = Self {
            n_words,
            ..Self::default()
        };
        for (id, term) in (0..).zip(&terms) {
            match term.stems.split_once(' ') {
                None => {
                    let stem = vocabulary.stem_id(&term.stems);
                    vocabulary.word_of[stem as usize] = id;
                }
                Some((first, second)) => {
                    let pair = (vocabulary.stem_id(first), vocabulary.stem_id(second));
                    vocabulary.pair_of.insert(pair, id);
                }
            }
        }
        vocabulary.terms = terms;
        vocabulary
    }

    fn stem_id(&mut self, stem: &str) -> u32 {
        if let Some(&id) = self.stem_ids.get(stem) {
            return id;
        }
        let id = u32::try_from(self.word_of.len()).expect("vocabularies are small");
        self.stem_ids.insert(stem.to_owned(), id);
        self.word_of.push(NONE);
        id
    }

    /// All terms by id: words, then pairs.
    #[must_use]
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// How many of the terms are single words.
    #[must_use]
    pub fn n_words(&self) -> usize {
        self.n_words
    }

    /// The ids of the words and pairs of a text, each with its tokens.
    pub fn mentions<'a>(
        &'a self,
        words: &'a Words,
    ) -> impl Iterator<Item = (u32, Range<usize>)> + 'a {
        (0..words.tokens.len()).flat_map(move |at| {
            let stem = words.stems[at];
            let word = self.word_of.get(stem as usize).copied().unwrap_or(NONE);
            let pair = match words.stems.get(at + 1) {
                Some(&next)
                    if stem != NONE && next != NONE && !words.tokens[at + 1].after_break =>
                {
                    self.pair_of.get(&(stem, next)).copied().unwrap_or(NONE)
                }
                _ => NONE,
            };
            [(word, at..at + 1), (pair, at..at + 2)]
                .into_iter()
                .filter(|(id, _)| *id != NONE)
        })
    }

    /// Appends the unit-length TF-IDF values of a text, ids ascending.
    fn fill(&self, words: &Words, row: &mut SparseRow) {
        let mut ids: Vec<u32> = self.mentions(words).map(|(id, _)| id).collect();
        ids.sort_unstable();
        let begin = row.len();
        for run in ids.chunk_by(|a, b| a == b) {
            let idf = self.terms[run[0] as usize].idf;
            row.push(run[0], (1.0 + libm::log(run.len() as f64)) * idf);
        }
        row.scale_to(begin, 1.0);
    }

    /// The row of a text in this vocabulary alone.
    #[must_use]
    pub fn row(&self, words: &Words) -> SparseRow {
        let mut row = SparseRow::default();
        self.fill(words, &mut row);
        row
    }
}

/// The tokens of a text with what vocabulary and lexicon know about each.
#[derive(Debug, Clone, Default)]
pub struct Words {
    /// The tokens, in order.
    pub tokens: Vec<Token>,
    stems: Vec<u32>,
    keys: Vec<WordKeys>,
}

/// What is known about one written form.
#[derive(Debug, Clone, Copy)]
struct Known {
    stem: u32,
    keys: WordKeys,
}

/// Remembers written forms, so that each is folded, stemmed and looked up once.
///
/// It belongs to one thread and one [`FeatureSpace`]; results never depend on it.
#[derive(Debug, Default)]
pub struct Memo {
    known: HashMap<Box<str>, Known>,
    folded: String,
}

/// One row of the design matrix: ascending feature ids and their values.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SparseRow {
    ids: Vec<u32>,
    values: Vec<f64>,
}

impl SparseRow {
    fn len(&self) -> usize {
        self.ids.len()
    }

    fn push(&mut self, id: u32, value: f64) {
        self.ids.push(id);
        self.values.push(value);
    }

    /// Scales the entries from `begin` on to the Euclidean length `length`.
    fn scale_to(&mut self, begin: usize, length: f64) {
        let squares: f64 = self.values[begin..].iter().map(|v| v * v).sum();
        if squares > 0.0 {
            let factor = length / squares.sqrt();
            self.values[begin..].iter_mut().for_each(|v| *v *= factor);
        }
    }

    /// The entries, feature ids ascending.
    pub fn iter(&self) -> impl Iterator<Item = (u32, f64)> + '_ {
        self.ids.iter().copied().zip(self.values.iter().copied())
    }
}

/// Everything found in one text: tokens, skills and the row that the model sees.
#[derive(Debug, Clone)]
pub struct Analysis {
    /// The words of the cleaned text.
    pub words: Words,
    /// The skills, sorted by skill and position.
    pub skills: Vec<SkillMatch>,
    /// The features.
    pub row: SparseRow,
}

/// The numbered features of a model.
#[derive(Debug, Clone)]
pub struct FeatureSpace {
    settings: FeatureSettings,
    lexicon: Arc<Lexicon>,
    vocabulary: Vocabulary,
    blended: Vec<(u32, u32)>,
}

impl FeatureSpace {
    /// Puts a vocabulary and a lexicon together.
    #[must_use]
    pub fn new(settings: FeatureSettings, lexicon: Arc<Lexicon>, vocabulary: Vocabulary) -> Self {
        let blended = if settings.blend_scale > 0.0 {
            blended_groups(&lexicon)
        } else {
            Vec::new()
        };
        Self {
            settings,
            lexicon,
            vocabulary,
            blended,
        }
    }

    /// How the blocks are built.
    #[must_use]
    pub fn settings(&self) -> FeatureSettings {
        self.settings
    }

    /// The lexicon whose entries are features.
    #[must_use]
    pub fn lexicon(&self) -> &Arc<Lexicon> {
        &self.lexicon
    }

    /// The words and pairs.
    #[must_use]
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// How many features there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.first_blend() + self.blended.len()
    }

    /// Whether there is no feature at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn first_skill(&self) -> usize {
        self.vocabulary.terms.len()
    }

    fn first_group(&self) -> usize {
        self.first_skill() + self.lexicon.skills().len()
    }

    fn first_role(&self) -> usize {
        self.first_group() + self.lexicon.groups().len()
    }

    fn first_blend(&self) -> usize {
        self.first_role() + self.lexicon.roles().len()
    }

    /// The feature id of an entry of the lexicon.
    #[must_use]
    pub fn skill_feature(&self, skill: u32) -> u32 {
        id(self.first_skill()) + skill
    }

    /// The feature id of a group's total.
    #[must_use]
    pub fn group_feature(&self, group: u32) -> u32 {
        id(self.first_group()) + group
    }

    /// The feature id of a (document, role) pair's total.
    #[must_use]
    pub fn role_feature(&self, role: u32) -> u32 {
        id(self.first_role()) + role
    }

    /// What feature `feature` is, and its name: stems, an entry's name, a group.
    ///
    /// # Panics
    /// When `feature` is not below [`FeatureSpace::len`].
    #[must_use]
    pub fn describe(&self, feature: u32) -> (Kind, String) {
        let at = feature as usize;
        if at < self.vocabulary.n_words {
            (Kind::Word, self.vocabulary.terms[at].stems.clone())
        } else if at < self.first_skill() {
            (Kind::Pair, self.vocabulary.terms[at].stems.clone())
        } else if at < self.first_group() {
            (
                Kind::Skill,
                self.lexicon.skills()[at - self.first_skill()].name.clone(),
            )
        } else if at < self.first_role() {
            (
                Kind::Group,
                self.lexicon.groups()[at - self.first_group()].clone(),
            )
        } else if at < self.first_blend() {
            (
                Kind::Group,
                format!("article {}", self.lexicon.roles()[at - self.first_role()]),
            )
        } else {
            let (a, b) = self.blended[at - self.first_blend()];
            let groups = self.lexicon.groups();
            (
                Kind::Group,
                format!("{} × {}", groups[a as usize], groups[b as usize]),
            )
        }
    }

    /// Finds all features of a text. This is the only way from text to features.
    #[must_use]
    pub fn analyse(&self, text: &Text, memo: &mut Memo) -> Analysis {
        let mut words = self.words(text.as_str(), memo);
        let role_names = if self.settings.mask_role_names {
            self.role_names(&words)
        } else {
            Vec::new()
        };
        for at in role_names.into_iter().flatten() {
            words.stems[at] = NONE;
            words.keys[at] = WordKeys::default();
        }
        let skills = self.lexicon.find(&words.tokens, &words.keys);
        let mut row = SparseRow::default();
        self.vocabulary.fill(&words, &mut row);
        self.fill_skills(&skills, &mut row);
        Analysis { words, skills, row }
    }

    /// The tokens of a cleaned text, looked up.
    #[must_use]
    pub fn words(&self, text: &str, memo: &mut Memo) -> Words {
        let mut words = Words::default();
        token::tokenize_into(text, &mut words.tokens);
        let stems = Stems::default();
        for token in &words.tokens {
            let known = self.look_up(&text[token.span()], &stems, memo);
            words.stems.push(known.stem);
            words.keys.push(known.keys);
        }
        words
    }

    /// The token ranges that name a role.
    #[must_use]
    pub fn role_names(&self, words: &Words) -> Vec<Range<usize>> {
        self.lexicon.role_names(&words.keys)
    }

    fn look_up(&self, word: &str, stems: &Stems, memo: &mut Memo) -> Known {
        if word.len() > LONGEST_WORD {
            return Known {
                stem: NONE,
                keys: WordKeys::default(),
            };
        }
        if let Some(&known) = memo.known.get(word) {
            return known;
        }
        token::fold(word, &mut memo.folded);
        let stem = stems.stem(&memo.folded);
        let known = Known {
            stem: self
                .vocabulary
                .stem_ids
                .get(&*stem)
                .copied()
                .unwrap_or(NONE),
            keys: self.lexicon.keys(&memo.folded, &stem),
        };
        drop(stem);
        if memo.known.len() >= MAX_MEMO {
            memo.known.clear();
        }
        memo.known.insert(word.into(), known);
        known
    }

    fn fill_skills(&self, skills: &[SkillMatch], row: &mut SparseRow) {
        let begin = row.len();
        let mut groups = vec![0.0; self.lexicon.groups().len()];
        let mut roles = vec![0.0; self.lexicon.roles().len()];
        for run in skills.chunk_by(|a, b| a.skill == b.skill) {
            let skill = run[0].skill;
            let value = libm::log1p(run.len() as f64);
            row.push(self.skill_feature(skill), value);
            groups[self.lexicon.group_of(skill) as usize] += value;
            self.lexicon
                .roles_of(skill)
                .iter()
                .for_each(|&role| roles[role as usize] += value);
        }
        row.scale_to(begin, self.settings.skill_scale);
        into_shares(&mut groups);
        into_shares(&mut roles);
        let totals = groups
            .iter()
            .chain(&roles)
            .map(|share| share * self.settings.group_scale);
        for (feature, value) in (id(self.first_group())..)
            .zip(totals)
            .filter(|(_, value)| *value > 0.0)
        {
            row.push(feature, value);
        }
        for (feature, &(a, b)) in (id(self.first_blend())..).zip(&self.blended) {
            let product = groups[a as usize] * groups[b as usize];
            if product > 0.0 {
                row.push(feature, product.sqrt() * self.settings.blend_scale);
            }
        }
    }
}

fn id(at: usize) -> u32 {
    u32::try_from(at).expect("feature spaces are small")
}

fn into_shares(totals: &mut [f64]) {
    let all: f64 = totals.iter().sum();
    if all > 0.0 {
        for total in totals {
            *total /= all;
        }
    }
}

/// The pairs of groups that are blended: the duties, for how they mix tells the roles apart.
fn blended_groups(lexicon: &Lexicon) -> Vec<(u32, u32)> {
    let duties: Vec<u32> = (0..)
        .zip(lexicon.groups())
        .filter(|(_, g)| g.starts_with("duty-"))
        .map(|(id, _)| id)
        .collect();
    duties
        .iter()
        .enumerate()
        .flat_map(|(i, &a)| duties[i + 1..].iter().map(move |&b| (a, b)))
        .collect()
}
