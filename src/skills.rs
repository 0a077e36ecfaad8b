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

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::token::{self, Stems, Token};

/// How many tokens before or after a match are searched for a supporting neighbour.
pub const NEAR: usize = 8;

/// The widest gap that a bare `~` allows, in tokens.
const GAP: u32 = 4;

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

/// What the lexicon knows about one word: its symbols as an exact word and as a stem
/// (0: the lexicon has no use for it).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WordKeys {
    exact: u32,
    stem: u32,
}

impl WordKeys {
    fn is_known(self) -> bool {
        self.exact != 0 || self.stem != 0
    }
}

/// A compiled lexicon. `Send + Sync`, immutable.
#[derive(Debug)]
pub struct Lexicon {
    source: String,
    version: u32,
    skills: Vec<Skill>,
    groups: Vec<String>,
    group_of: Vec<u32>,
    roles: Vec<String>,
    roles_of: Vec<Vec<u32>>,
    sequences: Sequences,
    spelled: HashMap<u32, u32>,
    patterns: Vec<Pattern>,
    patterns_from: HashMap<u32, Vec<u32>>,
    near: Vec<Option<u32>>,
    unless: Vec<Option<u32>>,
    role_names: Option<u32>,
}

/// A duty pattern: classes of word sequences, each with the gap allowed before it.
#[derive(Debug)]
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
        &self.skills
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
        &self.roles_of[skill as usize]
    }

    /// Looks one word up, given folded and stemmed.
    #[must_use]
    pub fn keys(&self, folded: &str, stem: &str) -> WordKeys {
        WordKeys {
            exact: self.sequences.exact.get(folded).copied().unwrap_or(0),
            stem: self.sequences.stems.get(stem).copied().unwrap_or(0),
        }
    }

    /// Every skill that the tokens name, sorted by skill and position; `keys[i]` belongs
    /// to `tokens[i]`. Matches of one skill never overlap (leftmost, then longest);
    /// those of different skills may.
    #[must_use]
    pub fn find(&self, tokens: &[Token], keys: &[WordKeys]) -> Vec<SkillMatch> {
        let found = self.sequences.occurrences(keys);
        let mut candidates = Vec::new();
        for occurrence in &found.all {
            if let Some(&skill) = self.spelled.get(&occurrence.class) {
                candidates.push(SkillMatch {
                    skill,
                    first: occurrence.first,
                    end: occurrence.end,
                });
            }
            for &pattern in self
                .patterns_from
                .get(&occurrence.class)
                .map_or(&[][..], Vec::as_slice)
            {
                let Pattern { skill, steps } = &self.patterns[pattern as usize];
                if let Some(end) = found.follow(&steps[1..], occurrence.end, tokens) {
                    candidates.push(SkillMatch {
                        skill: *skill,
                        first: occurrence.first,
                        end,
                    });
                }
            }
        }
        candidates.retain(|m| self.is_supported(*m, &found));
        keep_leftmost(candidates)
    }

    /// Every skill that a text without markup names, with its byte span; sorted like
    /// [`Lexicon::find`].
    #[must_use]
    pub fn find_in(&self, text: &str) -> Vec<(u32, Range<usize>)> {
        let tokens = token::tokenize(text);
        let stems = Stems::default();
        let mut folded = String::new();
        let keys: Vec<WordKeys> = tokens
            .iter()
            .map(|t| {
                token::fold(&text[t.span()], &mut folded);
                self.keys(&folded, &stems.stem(&folded))
            })
            .collect();
        let span = |m: SkillMatch| {
            tokens[m.first as usize].start as usize..tokens[m.end as usize - 1].end as usize
        };
        self.find(&tokens, &keys)
            .into_iter()
            .map(|m| (m.skill, span(m)))
            .collect()
    }

    /// The token ranges that name a role ("data scientist"), for masking.
    #[must_use]
    pub fn role_names(&self, keys: &[WordKeys]) -> Vec<Range<usize>> {
        let Some(class) = self.role_names else {
            return Vec::new();
        };
        let found = self.sequences.occurrences(keys);
        found
            .all
            .iter()
            .filter(|o| o.class == class)
            .map(|o| o.first as usize..o.end as usize)
            .collect()
    }

    fn is_supported(&self, m: SkillMatch, found: &Occurrences) -> bool {
        let skill = m.skill as usize;
        let near = self.near[skill].is_none_or(|class| {
            found
                .around(m)
                .any(|o| o.class == class && (o.end <= m.first || o.first >= m.end))
        });
        let void = self.unless[skill].is_some_and(|class| {
            found
                .around(m)
                .any(|o| o.class == class && o.first <= m.first && o.end >= m.end)
        });
        near && !void
    }
}

/// Drops what overlaps an earlier (then a longer) match of the same skill.
fn keep_leftmost(mut matches: Vec<SkillMatch>) -> Vec<SkillMatch> {
    matches.sort_unstable_by_key(|m| (m.skill, m.first, std::cmp::Reverse(m.end)));
    let mut last: Option<SkillMatch> = None;
    matches.retain(|m| {
        let keep = last.is_none_or(|l| l.skill != m.skill || m.first >= l.end);
        if keep {
            last = Some(*m);
        }
        keep
    });
    matches
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

/// One place where a sequence of some class stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Occurrence {
    class: u32,
    first: u32,
    end: u32,
}

/// All places of one text, ordered by their first token.
struct Occurrences {
    all: Vec<Occurrence>,
    from: Vec<u32>,
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

    fn occurrences(&self, keys: &[WordKeys]) -> Occurrences {
        let mut all = Vec::new();
        let mut from = Vec::with_capacity(keys.len() + 1);
        let mut nodes = Vec::new();
        for first in 0..keys.len() {
            from.push(count(all.len()));
            if !keys[first].is_known() {
                continue;
            }
            let begin = all.len();
            nodes.push((0, first));
            while let Some((node, at)) = nodes.pop() {
                let Some(key) = keys.get(at) else { continue };
                for symbol in [key.exact, key.stem] {
                    let Some(&to) = self.next.get(&(node, symbol)).filter(|_| symbol != 0) else {
                        continue;
                    };
                    let (first, end) = (count(first), count(at + 1));
                    all.extend(self.classes[to as usize].iter().map(|&class| Occurrence {
                        class,
                        first,
                        end,
                    }));
                    nodes.push((to, at + 1));
                }
            }
            all[begin..].sort_unstable_by_key(|o| (std::cmp::Reverse(o.end), o.class));
        }
        from.push(count(all.len()));
        Occurrences { all, from }
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).expect("texts are limited to 4 GiB")
}

impl Occurrences {
    fn starting_at(&self, token: usize) -> &[Occurrence] {
        match self.from.get(token..token + 2) {
            Some(&[a, b]) => &self.all[a as usize..b as usize],
            _ => &[],
        }
    }

    /// Those that start within [`NEAR`] tokens of a match, or a little before.
    fn around(&self, m: SkillMatch) -> impl Iterator<Item = Occurrence> {
        let first = (m.first as usize).saturating_sub(NEAR);
        let last = (m.end as usize + NEAR).min(self.from.len() - 1);
        (first..last).flat_map(|token| self.starting_at(token).iter().copied())
    }

    /// Where a match ends that continues with `steps` after token `end`, if it does:
    /// nearest step first, longest sequence first.
    fn follow(&self, steps: &[Step], end: u32, tokens: &[Token]) -> Option<u32> {
        let Some((step, rest)) = steps.split_first() else {
            return Some(end);
        };
        for gap in 0..=step.gap {
            let at = (end + gap) as usize;
            let crossed = step.gap > 0 && tokens.get(at).is_some_and(|t| t.after_break);
            if at >= tokens.len() || crossed {
                return None;
            }
            for next in self
                .starting_at(at)
                .iter()
                .filter(|o| o.class == step.class)
            {
                if let Some(end) = self.follow(rest, next.end, tokens) {
                    return Some(end);
                }
            }
        }
        None
    }
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
}

type Sequence = Vec<Word>;
type Parsed<T> = std::result::Result<T, String>;

impl<'a> Compiler<'a> {
    fn new(sets: &'a BTreeMap<String, Vec<String>>) -> Self {
        Self {
            sets,
            stems: Stems::default(),
            sequences: Sequences::default(),
            classes: BTreeMap::new(),
        }
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
        let mut patterns_from: HashMap<u32, Vec<u32>> = HashMap::new();
        for (id, pattern) in (0..).zip(&patterns) {
            patterns_from
                .entry(pattern.steps[0].class)
                .or_default()
                .push(id);
        }
        let groups = sorted(skills.iter().map(|s| s.group.clone()));
        let roles = sorted(skills.iter().flat_map(|s| s.articles.clone()));
        let position =
            |all: &[String], one: &String| count(all.binary_search(one).expect("collected above"));
        Ok(Lexicon {
            source: source.to_owned(),
            version,
            group_of: skills.iter().map(|s| position(&groups, &s.group)).collect(),
            roles_of: skills
                .iter()
                .map(|s| s.articles.iter().map(|a| position(&roles, a)).collect())
                .collect(),
            skills: skills.to_vec(),
            groups,
            roles,
            sequences: self.sequences,
            spelled,
            patterns,
            patterns_from,
            near,
            unless,
            role_names,
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
                    width.parse().map_err(|_| bad_gap(pattern, element))?
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
            into.push(self.words(text));
            return Ok(());
        };
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
    format!("pattern `{pattern}`: `{element}` is no gap; write ~ or ~2")
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
