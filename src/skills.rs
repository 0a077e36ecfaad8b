//! The skill lexicon: which skills, tools, duties and concepts a posting names.
//!
//! The lexicon is data (`datasets/skills.toml`), read into a [`Lexicon`]. An entry is
//! found through its *spellings*, sequences of exact words ("scikit-learn",
//! "sklearn"), or its *patterns*, sequences of stems with small gaps between them
//! ("optimize|improve ~ @model ~ memory"), the form in which ads write duties.
//!
//! | in a pattern | matches |
//! |---|---|
//! | `deploy` | a word with the same stem: deploys, deployed, deployment |
//! | `=go` | exactly this word |
//! | `a\|b` | either |
//! | `@model` | any word sequence of the set `model` |
//! | `~`, `~2` | up to 4 (2) words in between, within one sentence, bullet or line |
//!
//! An ambiguous name counts only with one of its `near` words within
//! [`NEAR`] tokens, and never inside one of its `unless` phrases.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::sync::OnceLock;

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::layout::{Reader, Writer};
use crate::names::Names;
use crate::token::{self, Stems, Token};

mod automaton;
#[cfg(test)]
pub(crate) mod plain;

pub(crate) use automaton::{KnownWords, SearchMemory};
pub use automaton::{NEAR, WordKeys};

use automaton::{Automaton, Builder};

/// The widest gap that a bare `~` allows, in tokens.
const GAP: u32 = 4;

/// The widest gap that any `~` may allow.
const WIDEST_GAP: u32 = 64;

/// The set whose members are the names of the roles themselves; they can be masked.
const ROLE_NAMES: &str = "role_names";

/// The lexicon that ships with the crate, `datasets/skills.toml`.
pub const SHIPPED: &str = include_str!("../datasets/skills.toml");

/// One entry of the lexicon.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skill {
    /// The canonical name, unique in the lexicon.
    pub name: String,
    /// The group it belongs to: "serving", "statistics", "duty-insight", …
    pub group: String,
    /// Spellings and aliases; the last word of each may carry a plural s.
    #[serde(default)]
    pub spellings: Vec<String>,
    /// Patterns of stems, for duties.
    #[serde(default)]
    pub patterns: Vec<String>,
    /// Supporting neighbours, one of which must stand close by.
    #[serde(default)]
    pub near: Vec<String>,
    /// Phrases inside which a match does not count.
    #[serde(default)]
    pub unless: Vec<String>,
    /// The articles that name it, each with the role it is named for: "000 DS".
    #[serde(default)]
    pub articles: Vec<String>,
    /// In how many postings of the training data it was found.
    #[serde(default)]
    pub postings: u64,
}

/// The lexicon as its file has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LexiconFile {
    version: u32,
    #[serde(default)]
    sets: BTreeMap<String, Vec<String>>,
    skill: Vec<Skill>,
}

/// A skill found in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SkillMatch {
    /// Index into [`Lexicon::skills`].
    pub skill: u32,
    /// First token of the match.
    pub first: u32,
    /// One past its last token.
    pub end: u32,
}

impl SkillMatch {
    /// The match as a range of token positions.
    #[must_use]
    pub fn tokens(self) -> Range<usize> {
        self.first as usize..self.end as usize
    }
}

/// A compiled lexicon. `Send + Sync`, immutable.
#[derive(Debug)]
pub struct Lexicon {
    source: Cow<'static, str>,
    version: u32,
    /// The entries' names; what else they hold is read from the source when asked for.
    names: Names,
    skills: OnceLock<Vec<Skill>>,
    groups: Vec<String>,
    group_of: Vec<u32>,
    roles: Vec<String>,
    /// The roles of all entries, and per entry where its own end.
    roles_of: Vec<u32>,
    roles_to: Vec<u32>,
    automaton: Automaton,
    #[cfg(test)]
    parts: Option<Parts>,
}

/// What a lexicon's strings come to: sequences of words, the classes that these belong
/// to, and what each class is for.
#[derive(Debug)]
struct Parts {
    sequences: Sequences,
    /// Class → the entry that it names.
    spelled: HashMap<u32, u32>,
    patterns: Vec<Pattern>,
    /// Per entry its class of neighbours, and of phrases inside which it does not count.
    near: Vec<Option<u32>>,
    unless: Vec<Option<u32>>,
    role_names: Option<u32>,
}

/// A duty pattern: classes of word sequences, each with the gap allowed before it.
#[derive(Debug, Clone)]
struct Pattern {
    skill: u32,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, Copy)]
struct Step {
    class: u32,
    gap: u32,
}

impl Lexicon {
    /// Reads a lexicon from its TOML text; `origin` names it in messages.
    ///
    /// # Errors
    /// [`Error::Lexicon`] when the text does not parse, an entry has neither spelling
    /// nor pattern, a name occurs twice, or a pattern or set cannot be read.
    pub fn parse(source: &str, origin: &str) -> Result<Self> {
        let wrong = |reason: String| Error::Lexicon {
            origin: origin.to_owned(),
            reason,
        };
        let file: LexiconFile = toml::from_str(source).map_err(|e| wrong(e.to_string()))?;
        check_entries(&file.skill).map_err(wrong)?;
        Compiler::new(&file.sets)
            .compile(source, file.version, &file.skill)
            .map_err(wrong)
    }

    /// The lexicon that ships with the crate.
    ///
    /// # Errors
    /// Never for a released crate: its tests parse the same text.
    pub fn shipped() -> Result<Self> {
        Self::parse(SHIPPED, "datasets/skills.toml")
    }

    /// The text it was read from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The version that the file states.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }

    /// All entries, in the order of the file.
    #[must_use]
    pub fn skills(&self) -> &[Skill] {
        self.skills.get_or_init(|| {
            let file: Option<LexiconFile> = toml::from_str(&self.source).ok();
            file.map(|file| file.skill).unwrap_or_default()
        })
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name of a skill.
    #[must_use]
    pub fn name(&self, skill: u32) -> &str {
        self.names.name(skill)
    }

    /// The names of the groups, sorted.
    #[must_use]
    pub fn groups(&self) -> &[String] {
        &self.groups
    }

    /// The index into [`Lexicon::groups`] of a skill.
    #[must_use]
    pub fn group_of(&self, skill: u32) -> u32 {
        self.group_of[skill as usize]
    }

    /// The (document, role) pairs that name any entry ("000 DS"), sorted.
    #[must_use]
    pub fn roles(&self) -> &[String] {
        &self.roles
    }

    /// The indices into [`Lexicon::roles`] of the pairs that name a skill.
    #[must_use]
    pub fn roles_of(&self, skill: u32) -> &[u32] {
        let at = skill as usize;
        let from = at.checked_sub(1).map_or(0, |before| self.roles_to[before]);
        &self.roles_of[from as usize..self.roles_to[at] as usize]
    }

    pub(crate) fn write(&self, to: &mut Writer) {
        to.text(&self.source);
        to.number(self.version);
        self.names.write(to);
        to.texts(&self.groups);
        to.list(&self.group_of);
        to.texts(&self.roles);
        to.list(&self.roles_of);
        to.list(&self.roles_to);
        self.automaton.write(to);
    }

    pub(crate) fn read(from: &mut Reader) -> Option<Self> {
        Some(Self {
            source: from.text()?.into(),
            version: from.number()?,
            names: Names::read(from)?,
            skills: OnceLock::new(),
            groups: from.texts()?,
            group_of: from.list()?,
            roles: from.texts()?,
            roles_of: from.list()?,
            roles_to: from.list()?,
            automaton: Automaton::read(from)?,
            #[cfg(test)]
            parts: None,
        })
    }

    /// Looks one word up, given folded and stemmed.
    #[must_use]
    pub fn keys(&self, folded: &str, stem: &str) -> WordKeys {
        self.automaton.keys(folded, stem)
    }

    /// Every skill that a text without markup names, with its byte span; sorted by skill
    /// and position. Matches of one skill never overlap (leftmost, then longest); those
    /// of different skills may.
    #[must_use]
    pub fn find_in(&self, text: &str) -> Vec<(u32, Range<usize>)> {
        let tokens = token::tokenize(text);
        let stems = Stems::default();
        let mut folded = String::new();
        let learn = |token: &Token| {
            token::fold(&text[token.span()], &mut folded);
            self.keys(&folded, &stems.stem(&folded))
        };
        let keys: Vec<WordKeys> = tokens.iter().map(learn).collect();
        let forms: Vec<u32> = (0..count(tokens.len())).collect();
        let words = KnownWords {
            tokens: &tokens,
            forms: &forms,
            keys: &keys,
        };
        let mut matches = Vec::new();
        self.find(words, &mut SearchMemory::default(), &mut matches);
        let span = |m: SkillMatch| {
            tokens[m.first as usize].start as usize..tokens[m.end as usize - 1].end as usize
        };
        matches.into_iter().map(|m| (m.skill, span(m))).collect()
    }

    /// Finds every skill that the words name, sorted by skill and position. Matches of
    /// one skill never overlap (leftmost, then longest); those of different skills may.
    pub(crate) fn find(
        &self,
        words: KnownWords,
        memory: &mut SearchMemory,
        matches: &mut Vec<SkillMatch>,
    ) {
        self.automaton.find(words, memory, matches);
    }

    /// The token ranges that name a role ("data scientist"), for masking.
    pub(crate) fn role_names(
        &self,
        words: KnownWords,
        memory: &mut SearchMemory,
    ) -> Vec<Range<usize>> {
        self.automaton.role_names(words, memory)
    }
}

fn check_entries(skills: &[Skill]) -> std::result::Result<(), String> {
    let mut seen = HashSet::new();
    for skill in skills {
        let name = &skill.name;
        if name.trim().is_empty() || skill.group.trim().is_empty() {
            return Err(format!("entry `{name}` lacks a name or a group"));
        }
        if !seen.insert(name.to_lowercase()) {
            return Err(format!("two entries are named `{name}`; merge them"));
        }
        if skill.spellings.is_empty() && skill.patterns.is_empty() {
            return Err(format!(
                "entry `{name}` has neither spellings nor patterns, so it can never be found"
            ));
        }
    }
    Ok(())
}

/// Word sequences as a trie over symbols; each sequence belongs to one or more classes.
#[derive(Debug, Default)]
struct Sequences {
    exact: HashMap<String, u32>,
    stems: HashMap<String, u32>,
    next: HashMap<(u32, u32), u32>,
    classes: Vec<Vec<u32>>,
}

impl Sequences {
    fn symbol(&mut self, word: &Word) -> u32 {
        let fresh = u32::try_from(self.exact.len() + self.stems.len() + 1).expect("few words");
        let table = if word.exact {
            &mut self.exact
        } else {
            &mut self.stems
        };
        *table.entry(word.key.clone()).or_insert(fresh)
    }

    fn insert(&mut self, words: &[Word], class: u32) {
        if self.classes.is_empty() {
            self.classes.push(Vec::new());
        }
        let mut node = 0;
        for word in words {
            let symbol = self.symbol(word);
            let fresh = u32::try_from(self.classes.len()).expect("few sequences");
            node = *self.next.entry((node, symbol)).or_insert(fresh);
            if node == fresh {
                self.classes.push(Vec::new());
            }
        }
        let classes = &mut self.classes[node as usize];
        if !classes.contains(&class) {
            classes.push(class);
        }
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).expect("texts are limited to 4 GiB")
}

/// One word of a sequence: a folded exact word, or a stem.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Word {
    key: String,
    exact: bool,
}

/// Turns the file's strings into sequences and classes.
struct Compiler<'a> {
    sets: &'a BTreeMap<String, Vec<String>>,
    stems: Stems,
    sequences: Sequences,
    classes: BTreeMap<String, u32>,
    /// Words of alternatives so far, and sets that were looked into for them.
    taken: Cell<usize>,
}

/// Most of them. Sets of sets of sets may stand for any number in a few lines; the shipped
/// lexicon's come to 24,000.
const MOST_TAKEN: usize = 1_000_000;

type Sequence = Vec<Word>;
type Parsed<T> = std::result::Result<T, String>;

impl<'a> Compiler<'a> {
    fn new(sets: &'a BTreeMap<String, Vec<String>>) -> Self {
        Self {
            sets,
            stems: Stems::default(),
            sequences: Sequences::default(),
            classes: BTreeMap::new(),
            taken: Cell::new(0),
        }
    }

    fn take(&self, n: usize) -> Parsed<()> {
        self.taken.set(self.taken.get() + n);
        if self.taken.get() > MOST_TAKEN {
            return Err("with its sets it comes to more than a million words".to_owned());
        }
        Ok(())
    }

    fn compile(mut self, source: &str, version: u32, skills: &[Skill]) -> Parsed<Lexicon> {
        let mut spelled = HashMap::new();
        let mut patterns = Vec::new();
        let (mut near, mut unless) = (Vec::new(), Vec::new());
        for (id, skill) in (0..).zip(skills) {
            let named = |reason| format!("entry `{}`: {reason}", skill.name);
            if !skill.spellings.is_empty() {
                let sequences: Vec<Sequence> = skill
                    .spellings
                    .iter()
                    .flat_map(|s| with_plural(exact_words(s)))
                    .collect();
                spelled.insert(
                    self.class(&format!("spelled {id}"), sequences)
                        .map_err(named)?,
                    id,
                );
            }
            for pattern in &skill.patterns {
                let steps = self.steps(pattern).map_err(named)?;
                patterns.push(Pattern { skill: id, steps });
            }
            near.push(self.near_class(&skill.near).map_err(named)?);
            unless.push(self.unless_class(&skill.unless).map_err(named)?);
        }
        let role_names = match self.sets.get(ROLE_NAMES) {
            Some(_) => Some(self.element(&format!("@{ROLE_NAMES}"))?),
            None => None,
        };
        let parts = Parts {
            sequences: self.sequences,
            spelled,
            patterns,
            near,
            unless,
            role_names,
        };
        let groups = sorted(skills.iter().map(|s| s.group.clone()));
        let roles = sorted(skills.iter().flat_map(|s| s.articles.clone()));
        let position =
            |all: &[String], one: &String| count(all.binary_search(one).expect("collected above"));
        let (mut roles_of, mut roles_to) = (Vec::new(), Vec::new());
        for skill in skills {
            roles_of.extend(skill.articles.iter().map(|a| position(&roles, a)));
            roles_to.push(count(roles_of.len()));
        }
        Ok(Lexicon {
            source: source.to_owned().into(),
            version,
            names: Names::new(skills.iter().map(|s| s.name.as_str())),
            group_of: skills.iter().map(|s| position(&groups, &s.group)).collect(),
            skills: skills.to_vec().into(),
            groups,
            roles,
            roles_of,
            roles_to,
            automaton: Builder::build(&parts)?,
            #[cfg(test)]
            parts: Some(parts),
        })
    }

    /// The class of these sequences; `key` tells it from others.
    fn class(&mut self, key: &str, sequences: Vec<Sequence>) -> Parsed<u32> {
        if let Some(&class) = self.classes.get(key) {
            return Ok(class);
        }
        let class = count(self.classes.len());
        for sequence in sequences {
            if sequence.is_empty() {
                return Err(format!(
                    "`{key}` holds a spelling without letters or digits"
                ));
            }
            self.sequences.insert(&sequence, class);
        }
        self.classes.insert(key.to_owned(), class);
        Ok(class)
    }

    fn near_class(&mut self, words: &[String]) -> Parsed<Option<u32>> {
        if words.is_empty() {
            return Ok(None);
        }
        let mut sequences = Vec::new();
        for word in words {
            if word.starts_with('@') {
                self.alternative(word, &mut sequences, 0)?;
            } else {
                sequences.extend(with_plural(exact_words(word)));
            }
        }
        self.class(&format!("near {}", words.join("|")), sequences)
            .map(Some)
    }

    fn unless_class(&mut self, phrases: &[String]) -> Parsed<Option<u32>> {
        if phrases.is_empty() {
            return Ok(None);
        }
        let sequences = phrases.iter().map(|p| exact_words(p)).collect();
        self.class(&format!("unless {}", phrases.join("|")), sequences)
            .map(Some)
    }

    fn steps(&mut self, pattern: &str) -> Parsed<Vec<Step>> {
        let mut steps: Vec<Step> = Vec::new();
        let mut gap = 0;
        for element in pattern.split_whitespace() {
            if let Some(width) = element.strip_prefix('~') {
                gap = if width.is_empty() {
                    GAP
                } else {
                    let width = width.parse().ok().filter(|gap| *gap <= WIDEST_GAP);
                    width.ok_or_else(|| bad_gap(pattern, element))?
                };
                continue;
            }
            steps.push(Step {
                class: self.element(element)?,
                gap,
            });
            gap = 0;
        }
        if steps.is_empty() || gap > 0 || pattern.trim_start().starts_with('~') {
            return Err(format!(
                "pattern `{pattern}` must begin and end with a word"
            ));
        }
        Ok(steps)
    }

    /// The class of an element: alternatives separated by `|`.
    fn element(&mut self, element: &str) -> Parsed<u32> {
        let mut sequences = Vec::new();
        for alternative in element.split('|') {
            self.alternative(alternative, &mut sequences, 0)?;
        }
        self.class(element, sequences)
    }

    fn alternative(&self, text: &str, into: &mut Vec<Sequence>, depth: usize) -> Parsed<()> {
        let Some(name) = text.strip_prefix('@') else {
            let words = self.words(text);
            self.take(words.len().max(1))?;
            into.push(words);
            return Ok(());
        };
        self.take(1)?;
        let members = self
            .sets
            .get(name)
            .ok_or_else(|| format!("no set is named `{name}`"))?;
        if depth > 8 {
            return Err(format!("set `{name}` contains itself"));
        }
        members
            .iter()
            .try_for_each(|member| self.alternative(member, into, depth + 1))
    }

    /// A sequence of stems; `=word` asks for the exact word.
    fn words(&self, text: &str) -> Sequence {
        let mut words = Vec::new();
        for part in text.split_whitespace() {
            match part.strip_prefix('=') {
                Some(exact) => words.extend(exact_words(exact)),
                None => words.extend(exact_words(part).into_iter().map(|word| Word {
                    key: self.stems.stem(&word.key).into_owned(),
                    exact: false,
                })),
            }
        }
        words
    }
}

fn bad_gap(pattern: &str, element: &str) -> String {
    format!(
        "pattern `{pattern}`: `{element}` is no gap; write ~, or ~2 for at most two words ({WIDEST_GAP} are the limit)"
    )
}

/// The words of a text as exact, folded words.
fn exact_words(text: &str) -> Sequence {
    let mut folded = String::new();
    let fold = |t: Token| {
        token::fold(&text[t.span()], &mut folded);
        Word {
            key: folded.clone(),
            exact: true,
        }
    };
    token::tokenize(text).into_iter().map(fold).collect()
}

/// The sequence as written, and with a plural s on its last word.
fn with_plural(sequence: Sequence) -> Vec<Sequence> {
    let mut plural = sequence.clone();
    match plural.last_mut() {
        Some(last) if last.key.ends_with(|c: char| c.is_alphabetic()) => last.key.push('s'),
        _ => return vec![sequence],
    }
    vec![sequence, plural]
}

fn sorted(names: impl Iterator<Item = String>) -> Vec<String> {
    names.collect::<BTreeSet<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"
        version = 1
        [sets]
        model = ["model", "neural network"]
        [[skill]]
        name = "scikit-learn"
        group = "ml-library"
        spellings = ["scikit-learn", "sklearn"]
        articles = ["000 DS"]
        [[skill]]
        name = "R"
        group = "language"
        spellings = ["R"]
        near = ["python", "sql"]
        unless = ["R&D"]
        [[skill]]
        name = "optimise models for memory"
        group = "duty-build-model"
        patterns = ["optimize|improve ~ @model ~ =memory"]
    "#;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let lexicon = Lexicon::parse(SMALL, "small").unwrap();
        plain::compared(&lexicon, text);
        let found: Vec<&str> = lexicon
            .find_in(text)
            .into_iter()
            .map(|(_, span)| &text[span])
            .collect();
        assert_eq!(found, expected, "in {text:?}");
    }

    #[test]
    fn spellings_match_whatever_separates_their_words() {
        check(
            "Scikit Learn, scikit-learn/SKLEARN",
            &["Scikit Learn", "scikit-learn", "SKLEARN"],
        );
        check("scikit. Learning", &[]);
    }

    #[test]
    fn ambiguous_names_need_support() {
        check("Python or R", &["R"]);
        check("vitamin R", &[]);
        check("python in our R&D team", &[]);
        check("sql one two three four five six seven R", &["R"]);
        check("sql one two three four five six seven eight R", &[]);
    }

    #[test]
    fn duties_match_by_stem_within_a_sentence() {
        check(
            "optimising our neural networks for memory",
            &["optimising our neural networks for memory"],
        );
        check("you improve models. Save memory", &[]);
        check("improve models and a b c d e memory", &[]);
    }

    /// Patterns, phrases and neighbours that overlap in every way.
    const TANGLED: &str = r#"
        version = 1
        [sets]
        role_names = ["a b", "=c"]
        x = ["a", "a b", "b c d", "=b c"]
        y = ["c", "=c d", "d a", "b b"]
        [[skill]]
        name = "one"
        group = "g"
        spellings = ["a", "a b", "b c a", "d d"]
        near = ["b d", "c", "@y"]
        [[skill]]
        name = "two"
        group = "g"
        patterns = ["@x ~ @y", "@x ~2 @y ~ a|b", "a b", "@y ~1 @x @y ~7 @x"]
        unless = ["a b c", "d c", "b"]
        [[skill]]
        name = "three"
        group = "g"
        spellings = ["c d"]
        patterns = ["@y", "@y ~9 @x", "d ~0 d", "=b ~1 =a ~1 =b ~1 =a"]
        near = ["a a", "as"]
    "#;

    #[test]
    fn tables_find_what_the_rules_say() {
        let lexicon = Lexicon::parse(TANGLED, "tangled").unwrap();
        let mut state = 1_u32;
        let mut random = |n: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) % n
        };
        let words = ["a", "b", "c", "d", "as", "e"];
        let mut n_found = 0;
        for length in (0..200).chain([500, 1000]) {
            let text: String = (0..length)
                .map(|_| {
                    let word = words[random(words.len() as u32) as usize];
                    format!("{word}{}", if random(9) == 0 { ". " } else { " " })
                })
                .collect();
            n_found += plain::compared(&lexicon, &text).len();
        }
        assert!(n_found > 5000);
    }

    #[test]
    fn the_shipped_lexicon_finds_the_same_as_its_rules() {
        let lexicon = Lexicon::shipped().unwrap();
        let postings = include_str!("../datasets/postings.csv");
        let mut n_found = 0;
        for text in postings.split("\n\n").step_by(7) {
            n_found += plain::compared(&lexicon, text).len();
        }
        assert!(n_found > 100);
    }

    #[test]
    fn sets_that_multiply_are_refused() {
        let bomb = |members: &str| {
            let sets: String = (0..8)
                .map(|n| format!("s{n} = [{}]\n", format!("\"@s{}\",", n + 1).repeat(30)))
                .collect();
            let lexicon = format!(
                "version = 1\n[sets]\n{sets}s8 = [{members}]\n[[skill]]\nname = \"X\"\ngroup = \"g\"\npatterns = [\"@s0 y\"]\n"
            );
            Lexicon::parse(&lexicon, "x").unwrap_err().to_string()
        };
        for members in ["", "\"a b c\""] {
            assert_eq!(
                bomb(members),
                "lexicon `x`: entry `X`: with its sets it comes to more than a million words"
            );
        }
    }

    #[test]
    fn entries_that_cannot_be_read_are_refused_by_name() {
        for (from, to, reason) in [
            (
                "name = \"R\"",
                "name = \" \"",
                "entry ` ` lacks a name or a group",
            ),
            (
                "spellings = [\"R\"]",
                "patterns = [\"a ~ !!! ~ b\"]",
                "entry `R`: `!!!` holds a spelling without letters or digits",
            ),
            (
                "spellings = [\"R\"]",
                "patterns = [\"a ~\"]",
                "entry `R`: pattern `a ~` must begin and end with a word",
            ),
            (
                "spellings = [\"R\"]",
                "patterns = [\"a ~x b\"]",
                "entry `R`: pattern `a ~x b`: `~x` is no gap; write ~, or ~2 for at most two words (64 are the limit)",
            ),
            (
                "[sets]",
                "[sets]\nself = [\"@self\"]\nrole_names = [\"@self\"]",
                "set `self` contains itself",
            ),
        ] {
            let lexicon = SMALL.replace(from, to);
            assert_ne!(lexicon, SMALL);
            let message = Lexicon::parse(&lexicon, "x").unwrap_err().to_string();
            assert_eq!(message, format!("lexicon `x`: {reason}"));
        }
    }

    #[test]
    fn a_lexicon_that_contradicts_itself_is_refused_by_name() {
        let twice = SMALL.replace("name = \"R\"", "name = \"SCIKIT-learn\"");
        let message = Lexicon::parse(&twice, "x").unwrap_err().to_string();
        assert_eq!(
            message,
            "lexicon `x`: two entries are named `SCIKIT-learn`; merge them"
        );
        let unknown = SMALL.replace("@model", "@nothing");
        let message = Lexicon::parse(&unknown, "x").unwrap_err().to_string();
        assert_eq!(
            message,
            "lexicon `x`: entry `optimise models for memory`: no set is named `nothing`"
        );
    }
}
