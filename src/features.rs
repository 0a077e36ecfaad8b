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
//! | groups | lexicon group | its share of Σ ln(1 + count) over all skills, times `group_scale` |
//! | roles | (document, role) pair | its share of the same sum over all such pairs, times `group_scale` |
//! | blends | two `duty-` groups | √(share · share), times `blend_scale`; none where that is 0 |
//!
//! idf is ln((1 + n) / (1 + df)) + 1 for n training postings of which df hold the
//! term (Salton & Buckley 1988, as scikit-learn smooths it).

use std::ops::Range;
use std::sync::Arc;

use crate::language::FunctionWords;
use crate::layout::{Reader, Writer};
use crate::names::Names;
use crate::skills::{KnownWords, Lexicon, SkillMatch};
use crate::table::Table;
use crate::text::Text;
use crate::token::{self, Stems, Token};

mod memo;
#[cfg(test)]
mod plain;

pub use memo::Memo;

use memo::{Buffers, Known};

/// Bits of a stem's number, of which a [`Table`]'s key holds two.
const STEM_BITS: u32 = 21;

/// No stem of the vocabulary; larger than any.
const NONE: u32 = (1 << STEM_BITS) - 1;

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

impl FeatureSettings {
    /// For spaces of terms alone, or where what the lexicon finds matters and no weight.
    pub const UNWEIGHTED: Self = Self {
        skill_scale: 0.0,
        group_scale: 0.0,
        blend_scale: 0.0,
        mask_role_names: false,
    };
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
    /// The words' stems, which have the words' ids, then those that only pairs hold.
    stems: Names,
    n_words: usize,
    /// Per pair its two stems.
    paired: Vec<[u32; 2]>,
    /// Two stems → the pair's id.
    pairs: Table,
    /// Per term.
    idf: Vec<f64>,
}

impl Vocabulary {
    /// Terms that a vocabulary can hold.
    pub const MOST: usize = 1 << 20;

    /// Numbers the terms. The order given does not matter; doubles are dropped.
    ///
    /// # Panics
    /// When there are more than [`Vocabulary::MOST`].
    #[must_use]
    pub fn new(mut terms: Vec<Term>) -> Self {
        assert!(terms.len() <= Self::MOST, "{} terms", terms.len());
        let is_pair = |t: &Term| t.stems.contains(' ');
        terms.sort_by(|a, b| {
            is_pair(a)
                .cmp(&is_pair(b))
                .then_with(|| a.stems.cmp(&b.stems))
        });
        terms.dedup_by(|a, b| a.stems == b.stems);
        let n_words = terms.partition_point(|t| !is_pair(t));
        let (words, pairs) = terms.split_at(n_words);
        let mut stems = Names::new(words.iter().map(|t| t.stems.as_str()));
        let paired: Vec<[u32; 2]> = pairs
            .iter()
            .filter_map(|t| t.stems.split_once(' '))
            .map(|(first, second)| [stems.add(first), stems.add(second)])
            .collect();
        let keys = paired
            .iter()
            .map(|&[first, second]| pair_key(first, second));
        let entries: Vec<(u64, u32)> = keys.zip(id(n_words)..).collect();
        Self {
            pairs: Table::new(&entries),
            idf: terms.iter().map(|t| t.idf).collect(),
            stems,
            n_words,
            paired,
        }
    }

    pub(crate) fn write(&self, to: &mut Writer) {
        self.stems.write(to);
        to.number(self.n_words as u32);
        to.list(self.paired.as_flattened());
        self.pairs.write(to);
        to.list(&self.idf);
    }

    pub(crate) fn read(from: &mut Reader) -> Option<Self> {
        Some(Self {
            stems: Names::read(from)?,
            n_words: from.number::<u32>()? as usize,
            paired: from.list()?.as_chunks().0.to_vec(),
            pairs: Table::read(from)?,
            idf: from.list()?,
        })
    }

    /// How many terms there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.idf.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.idf.is_empty()
    }

    /// How many of the terms are single words; they have the lowest ids.
    #[must_use]
    pub fn n_words(&self) -> usize {
        self.n_words
    }

    /// A term by its id, below [`Vocabulary::len`].
    #[must_use]
    pub fn term(&self, term: u32) -> Term {
        let stem = |number| self.stems.name(number);
        let stems = match (term as usize).checked_sub(self.n_words) {
            None => stem(term).to_owned(),
            Some(pair) => {
                let [first, second] = self.paired[pair];
                format!("{} {}", stem(first), stem(second))
            }
        };
        Term {
            stems,
            idf: self.idf[term as usize],
        }
    }

    #[inline]
    fn is_word(&self, stem: u32) -> bool {
        (stem as usize) < self.n_words
    }

    /// The ids of the words and pairs of a text, each with its tokens.
    pub fn mentions<'a>(
        &'a self,
        words: &'a Words,
    ) -> impl Iterator<Item = (u32, Range<usize>)> + 'a {
        let places = (0..words.tokens.len()).flat_map(move |at| {
            let word = Some((words.stems[at], at..at + 1)).filter(|(stem, _)| self.is_word(*stem));
            let before = at.checked_sub(1).filter(|_| !words.tokens[at].after_break);
            let pair = before.map(|before| {
                let key = pair_key(words.stems[before], words.stems[at]);
                (self.pairs.get(key), before..at + 1)
            });
            [word, pair].into_iter().flatten()
        });
        places.filter(|(term, _)| (*term as usize) < self.len())
    }

    /// Counts the terms of a text into `buffers`: the same as [`Vocabulary::mentions`],
    /// without a branch that depends on the words.
    fn count(&self, words: &Words, buffers: &mut Buffers) {
        self.list(words, buffers);
        let Buffers {
            counts,
            touched,
            mentions,
            ..
        } = buffers;
        let n_terms = self.len();
        counts.resize(counts.len().max(n_terms + 1), 0);
        let counts = &mut counts[..=n_terms];
        // What is no term is never new.
        counts[n_terms] = 1;
        touched.resize(mentions.len(), 0);
        let first_ones = &mut touched[..];
        let mut n = 0;
        for &term in &*mentions {
            let count = &mut counts[term as usize];
            first_ones[n] = term;
            n += usize::from(*count == 0);
            *count += 1;
        }
        counts[n_terms] = 0;
        touched.truncate(n);
    }

    /// Lists the terms of a text in order, and [`Vocabulary::len`] for what turned out to
    /// be none.
    fn list(&self, words: &Words, buffers: &mut Buffers) {
        let Buffers {
            mentions, asked, ..
        } = buffers;
        let n_tokens = words.stems.len();
        mentions.resize(n_tokens * 2 + 2, 0);
        asked.resize(n_tokens + 1, (0, 0));
        // Slices of known length spare the loop most of its checks.
        let (tokens, stems) = (&words.tokens[..n_tokens], &words.stems[..n_tokens]);
        let (listed, questions) = (&mut mentions[..], &mut asked[..]);
        let (mut n, mut n_asked) = (0, 0);
        let mut before = NONE;
        for at in 0..n_tokens {
            let stem = stems[at];
            listed[n] = stem;
            n += usize::from(self.is_word(stem));
            let before_in_sentence = if tokens[at].after_break { NONE } else { before };
            let key = pair_key(before_in_sentence, stem);
            questions[n_asked] = (key, n as u32);
            let may_be_pair = usize::from(self.pairs.may_hold(key));
            n_asked += may_be_pair;
            n += may_be_pair;
            before = stem;
        }
        mentions.truncate(n);
        let none = self.len() as u32;
        for &(key, at) in &asked[..n_asked] {
            mentions[at as usize] = self.pairs.get(key).min(none);
        }
    }

    /// Appends the unit-length TF-IDF values of a text, in the order of first mention.
    fn fill(&self, words: &Words, logs: &Logs, buffers: &mut Buffers, row: &mut SparseRow) {
        self.count(words, buffers);
        let Buffers {
            counts, touched, ..
        } = buffers;
        let begin = row.len();
        row.ids.extend_from_slice(touched);
        row.values.extend(touched.iter().map(|&term| {
            let count = std::mem::take(&mut counts[term as usize]);
            (1.0 + logs.ln(count)) * self.idf[term as usize]
        }));
        row.scale_to(begin, 1.0);
    }
}

fn pair_key(first: u32, second: u32) -> u64 {
    u64::from(first) << STEM_BITS | u64::from(second)
}

/// The tokens of a text with what vocabulary and lexicon know about each.
#[derive(Debug, Clone, Default)]
pub struct Words {
    /// The tokens, in order.
    pub tokens: Vec<Token>,
    /// Per token its stem's number, or [`NONE`].
    stems: Vec<u32>,
    /// Per token its form in the [`Memo`] that it was read with.
    forms: Vec<u32>,
    /// The function words among them.
    pub functional: FunctionWords,
}

/// Logarithms of small counts, which is all that most texts ask for.
#[derive(Debug, Clone)]
struct Logs {
    ln: Vec<f64>,
    ln_1p: Vec<f64>,
}

impl Default for Logs {
    fn default() -> Self {
        let counts = || (0..64).map(f64::from);
        Self {
            ln: counts().map(libm::log).collect(),
            ln_1p: counts().map(libm::log1p).collect(),
        }
    }
}

impl Logs {
    /// ln `count`.
    #[inline]
    fn ln(&self, count: u32) -> f64 {
        let known = self.ln.get(count as usize);
        known.map_or_else(|| libm::log(f64::from(count)), |ln| *ln)
    }

    /// ln (1 + `count`).
    #[inline]
    fn ln_1p(&self, count: u32) -> f64 {
        let known = self.ln_1p.get(count as usize);
        known.map_or_else(|| libm::log1p(f64::from(count)), |ln| *ln)
    }
}

/// One row of the design matrix: feature ids and their values. Blocks come in order;
/// within words and pairs the first mentioned comes first, elsewhere the lowest id.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SparseRow {
    ids: Vec<u32>,
    values: Vec<f64>,
}

impl SparseRow {
    fn len(&self) -> usize {
        self.ids.len()
    }

    fn clear(&mut self) {
        self.ids.clear();
        self.values.clear();
    }

    fn push(&mut self, id: u32, value: f64) {
        self.ids.push(id);
        self.values.push(value);
    }

    /// Scales the entries from `begin` on to the Euclidean length `length`.
    fn scale_to(&mut self, begin: usize, length: f64) {
        let values = &mut self.values[begin..];
        // Four sums, so that no addition waits for the one before.
        let mut sums = [0.0; 4];
        let (fours, rest) = values.as_chunks::<4>();
        for four in fours {
            for (sum, v) in sums.iter_mut().zip(four) {
                *sum += v * v;
            }
        }
        for (sum, v) in sums.iter_mut().zip(rest) {
            *sum += v * v;
        }
        let squares = (sums[0] + sums[1]) + (sums[2] + sums[3]);
        if squares > 0.0 {
            let factor = length / squares.sqrt();
            for v in values {
                *v *= factor;
            }
        }
    }

    /// The entries.
    pub fn iter(&self) -> impl Iterator<Item = (u32, f64)> + '_ {
        self.ids.iter().copied().zip(self.values.iter().copied())
    }
}

/// Everything found in one text: tokens, skills and the row that the model sees.
#[derive(Debug, Clone, Default)]
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
    /// The groups that are blended: the duties, for how they mix tells the roles apart.
    blended: Vec<u32>,
    logs: Logs,
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
            logs: Logs::default(),
        }
    }

    pub(crate) fn write(&self, to: &mut Writer) {
        let settings = self.settings;
        to.number(settings.skill_scale);
        to.number(settings.group_scale);
        to.number(settings.blend_scale);
        to.number(u8::from(settings.mask_role_names));
        self.vocabulary.write(to);
    }

    /// What [`FeatureSpace::write`] wrote, with the lexicon that stood beside it.
    pub(crate) fn read(from: &mut Reader, lexicon: Arc<Lexicon>) -> Option<Self> {
        let settings = FeatureSettings {
            skill_scale: from.number()?,
            group_scale: from.number()?,
            blend_scale: from.number()?,
            mask_role_names: from.number::<u8>()? != 0,
        };
        Some(Self::new(settings, lexicon, Vocabulary::read(from)?))
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
        self.first_blend() + self.blended.len() * self.blended.len().saturating_sub(1) / 2
    }

    /// Whether there is no feature at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn first_skill(&self) -> usize {
        self.vocabulary.len()
    }

    fn first_group(&self) -> usize {
        self.first_skill() + self.lexicon.len()
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
            (Kind::Word, self.vocabulary.term(feature).stems)
        } else if at < self.first_skill() {
            (Kind::Pair, self.vocabulary.term(feature).stems)
        } else if at < self.first_group() {
            (
                Kind::Skill,
                self.lexicon
                    .name(feature - id(self.first_skill()))
                    .to_owned(),
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
            let (a, b) = self.blend(at - self.first_blend());
            let groups = self.lexicon.groups();
            (
                Kind::Group,
                format!("{} × {}", groups[a as usize], groups[b as usize]),
            )
        }
    }

    /// The two groups of a blend, counted from 0.
    fn blend(&self, mut nth: usize) -> (u32, u32) {
        let mut first = 0;
        while nth >= self.blended.len() - first - 1 {
            nth -= self.blended.len() - first - 1;
            first += 1;
        }
        (self.blended[first], self.blended[first + 1 + nth])
    }

    /// Finds all features of a text. This is the only way from text to features.
    #[must_use]
    pub fn analyse(&self, text: &Text, memo: &mut Memo) -> Analysis {
        let mut analysis = Analysis::default();
        self.analyse_into(text, memo, &mut analysis);
        analysis
    }

    /// [`FeatureSpace::analyse`] into memory that is used again.
    pub fn analyse_into(&self, text: &Text, memo: &mut Memo, analysis: &mut Analysis) {
        let Analysis { words, skills, row } = analysis;
        self.words_into(text.as_str(), memo, words);
        if self.settings.mask_role_names {
            for at in self.role_names(words, memo).into_iter().flatten() {
                words.stems[at] = NONE;
                words.forms[at] = 0;
            }
        }
        let (keys, search) = memo.for_search();
        self.lexicon.find(words.known(keys), search, skills);
        row.clear();
        self.vocabulary
            .fill(words, &self.logs, &mut memo.buffers, row);
        self.fill_skills(skills, &mut memo.buffers, row);
    }

    /// The tokens of a cleaned text, looked up.
    #[must_use]
    pub fn words(&self, text: &str, memo: &mut Memo) -> Words {
        let mut words = Words::default();
        self.words_into(text, memo, &mut words);
        words
    }

    fn words_into(&self, text: &str, memo: &mut Memo, words: &mut Words) {
        words.tokens.clear();
        token::tokenize_into(text, &mut words.tokens);
        memo.read(text, words, |word| self.look_up(word));
    }

    /// The token ranges that name a role, in words read with `memo`.
    #[must_use]
    pub fn role_names(&self, words: &Words, memo: &mut Memo) -> Vec<Range<usize>> {
        let (keys, search) = memo.for_search();
        self.lexicon.role_names(words.known(keys), search)
    }

    fn look_up(&self, word: &str) -> Known {
        let mut folded = String::new();
        token::fold(word, &mut folded);
        let stems = Stems::default();
        let stem = stems.stem(&folded);
        Known {
            stem: self.vocabulary.stems.get(&stem).unwrap_or(NONE),
            keys: self.lexicon.keys(&folded, &stem),
        }
    }

    fn fill_skills(&self, skills: &[SkillMatch], buffers: &mut Buffers, row: &mut SparseRow) {
        let Buffers { groups, roles, .. } = buffers;
        groups.clear();
        groups.resize(self.lexicon.groups().len(), 0.0);
        roles.clear();
        roles.resize(self.lexicon.roles().len(), 0.0);
        let begin = row.len();
        for run in skills.chunk_by(|a, b| a.skill == b.skill) {
            let skill = run[0].skill;
            let value = self.logs.ln_1p(id(run.len()));
            row.push(self.skill_feature(skill), value);
            groups[self.lexicon.group_of(skill) as usize] += value;
            for &role in self.lexicon.roles_of(skill) {
                roles[role as usize] += value;
            }
        }
        row.scale_to(begin, self.settings.skill_scale);
        into_shares(groups);
        into_shares(roles);
        let totals = groups
            .iter()
            .chain(&*roles)
            .map(|share| share * self.settings.group_scale);
        for (feature, value) in (id(self.first_group())..)
            .zip(totals)
            .filter(|(_, value)| *value > 0.0)
        {
            row.push(feature, value);
        }
        self.fill_blends(groups, row);
    }

    fn fill_blends(&self, groups: &[f64], row: &mut SparseRow) {
        let mut feature = id(self.first_blend());
        for (nth, &a) in self.blended.iter().enumerate() {
            let others = &self.blended[nth + 1..];
            let share = groups[a as usize];
            if share > 0.0 {
                for (feature, &b) in (feature..).zip(others) {
                    let product = share * groups[b as usize];
                    if product > 0.0 {
                        row.push(feature, product.sqrt() * self.settings.blend_scale);
                    }
                }
            }
            feature += id(others.len());
        }
    }
}

impl Words {
    fn known<'a>(&'a self, keys: &'a [crate::skills::WordKeys]) -> KnownWords<'a> {
        KnownWords {
            tokens: &self.tokens,
            forms: &self.forms,
            keys,
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

/// The groups that are blended.
fn blended_groups(lexicon: &Lexicon) -> Vec<u32> {
    (0..)
        .zip(lexicon.groups())
        .filter(|(_, g)| g.starts_with("duty-"))
        .map(|(id, _)| id)
        .collect()
}
