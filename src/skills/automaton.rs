//! The lexicon as tables, and the search through them.
//!
//! The trie of all word sequences is made deterministic, so that from any word one walk
//! finds every sequence that begins there. A state knows at once what its sequence
//! stands for: which entries it names, which patterns it opens or closes, and whether it
//! belongs to other classes (neighbours, `unless` phrases, later elements).
//!
//! Patterns are where the time goes: half of all words open one, the other half close
//! one. So the sets of patterns that a state opens or closes are numbered, and a bit for
//! each pair of such numbers says whether any pattern begins with the one and goes on
//! with the other. Only where such a pair stands together is a pattern looked at.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use super::{Parts, SkillMatch, Step};
use crate::layout::{Reader, Writer};
use crate::names::Names;
use crate::table::Table;
use crate::token::{Stems, Token};

/// How many tokens before or after a match are searched for a supporting neighbour.
pub const NEAR: usize = 8;

/// No class.
const NONE: u32 = u32::MAX;

/// Symbols are below this.
const SYMBOL_BITS: u32 = 21;

/// States and symbols that fit into a [`Table`]'s keys and values.
const MOST_STATES: usize = 1 << 20;

/// Sets of patterns that may be opened (or closed); the square of it is stored in bits.
const MOST_SETS: usize = 1 << 13;

/// The gaps that are tried together, 0 to 4: hardly a pattern allows more.
const USUAL_GAPS: usize = 5;

/// The state before the first word.
const ROOT: u32 = 0;

/// What the lexicon knows about one word.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WordKeys {
    /// The bits of this word's own symbols.
    bits: u64,
    /// Symbol as an exact word; 0: none.
    exact: u32,
    /// Symbol as a stem; 0: none.
    stem: u32,
    /// Where the word alone leads to; [`ROOT`]: nowhere.
    state: u32,
    /// What it stands for alone.
    alone: State,
}

/// What a sequence of words stands for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct State {
    /// Bits of the symbols that lead on.
    follows: u64,
    /// The set of patterns that it opens; 0: none.
    opens: u16,
    /// The set of patterns that it closes; 0: none.
    closes: u16,
    /// Which of [`Automaton::names`] it names.
    names_from: u32,
    names_to: u32,
    /// Whether it belongs to a class of neighbours or the like.
    has_classes: bool,
}

impl State {
    fn is_name(&self) -> bool {
        self.names_from < self.names_to
    }

    fn counts(&self) -> bool {
        self.opens != 0 || self.closes != 0 || self.is_name() || self.has_classes
    }
}

/// The words of a text: `forms[i]` is the index into `keys` of `tokens[i]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KnownWords<'a> {
    pub(crate) tokens: &'a [Token],
    pub(crate) forms: &'a [u32],
    pub(crate) keys: &'a [WordKeys],
}

impl<'a> KnownWords<'a> {
    #[inline]
    fn key(&self, at: usize) -> &'a WordKeys {
        &self.keys[self.forms[at] as usize]
    }

    fn len(&self) -> usize {
        self.forms.len()
    }
}

/// A sequence of two or more words that stands in a text.
#[derive(Debug, Clone, Copy)]
struct Phrase {
    first: u32,
    end: u32,
    state: u32,
}

/// A word that opens patterns.
#[derive(Debug, Clone, Copy, Default)]
struct Opener {
    at: u32,
    opens: u16,
}

/// Two sequences that share a pattern: one at `first..end`, one at `next..next_end`.
#[derive(Debug, Clone, Copy, Default)]
struct Hit {
    first: u32,
    end: u32,
    next: u32,
    next_end: u32,
    opens: u16,
    closes: u16,
}

/// Working memory of a search, reused from one to the next.
#[derive(Debug, Default)]
pub(crate) struct SearchMemory {
    /// The phrases, by first token, then by end.
    phrases: Vec<Phrase>,
    /// Per token, and once more behind the last, the phrases that begin before it.
    phrases_before: Vec<u32>,
    /// Per token the number of its sentence (the low half of it) and the set it closes.
    marks: Vec<u32>,
    /// The words that open patterns.
    openers: Vec<Opener>,
    /// The words that name an entry.
    named: Vec<u32>,
    /// One bit per token: it belongs to classes.
    with_classes: Vec<u64>,
    hits: Vec<Hit>,
    /// The patterns that matched with one first element.
    done: Vec<u32>,
}

/// A compiled lexicon's tables.
#[derive(Debug)]
pub(super) struct Automaton {
    /// Exact words: symbols from 1 on.
    exact: Names,
    /// Stems: symbols behind those of the exact words.
    stems: Names,
    /// (state, symbol) → state.
    steps: Table,
    states: Vec<State>,
    /// The entries that states name.
    names: Vec<u32>,
    /// (state, class) → 0 where the state belongs to the class.
    members: Table,
    /// Opening × closing sets.
    cells: Cells,
    /// Later elements of patterns.
    steps_on: Vec<Step>,
    /// Per entry its class of neighbours and of `unless` phrases, or [`NONE`].
    near: Vec<u32>,
    unless: Vec<u32>,
    role_names: u32,
}

/// Which patterns begin with a state of one set and go on with a state of another.
#[derive(Debug, Default)]
struct Cells {
    /// Rows of bits, one per opening set: whether there are any…
    bits: Vec<u64>,
    width: usize,
    /// …and how many cells come before those of each 64 bits.
    before: Vec<u32>,
    /// Per cell its list of patterns.
    lists: Vec<u32>,
    /// Per list its end.
    ends: Vec<u32>,
    patterns: Vec<CellPattern>,
    /// The widest gap per opening set and per closing set.
    reach: Vec<u32>,
    reach_back: Vec<u32>,
}

/// A pattern whose first two elements have been found.
#[derive(Debug, Clone, Copy)]
struct CellPattern {
    id: u32,
    skill: u32,
    /// The gap allowed between the two.
    gap: u32,
    /// Its further elements among [`Automaton::steps_on`].
    steps_from: u32,
    steps_to: u32,
}

/// One field of all entries.
fn column<S, T>(entries: &[S], field: impl Fn(&S) -> T) -> Vec<T> {
    entries.iter().map(field).collect()
}

impl Cells {
    fn write(&self, to: &mut Writer) {
        to.list(&self.bits);
        to.number(self.width as u32);
        to.list(&self.before);
        to.list(&self.lists);
        to.list(&self.ends);
        to.list(&column(&self.patterns, |p| p.id));
        to.list(&column(&self.patterns, |p| p.skill));
        to.list(&column(&self.patterns, |p| p.gap));
        to.list(&column(&self.patterns, |p| p.steps_from));
        to.list(&column(&self.patterns, |p| p.steps_to));
        to.list(&self.reach);
        to.list(&self.reach_back);
    }

    fn read(from: &mut Reader) -> Option<Self> {
        let mut cells = Self {
            bits: from.list()?,
            width: from.number::<u32>()? as usize,
            before: from.list()?,
            lists: from.list()?,
            ends: from.list()?,
            ..Self::default()
        };
        let (ids, skills): (Vec<u32>, Vec<u32>) = (from.list()?, from.list()?);
        let (gaps, steps_from): (Vec<u32>, Vec<u32>) = (from.list()?, from.list()?);
        let steps_to: Vec<u32> = from.list()?;
        let n = ids.len();
        let lists = [skills.len(), gaps.len(), steps_from.len(), steps_to.len()];
        if lists != [n; 4] {
            return None;
        }
        let pattern = |at: usize| CellPattern {
            id: ids[at],
            skill: skills[at],
            gap: gaps[at],
            steps_from: steps_from[at],
            steps_to: steps_to[at],
        };
        cells.patterns = (0..n).map(pattern).collect();
        cells.reach = from.list()?;
        cells.reach_back = from.list()?;
        Some(cells)
    }

    #[inline]
    fn row(&self, opens: u16) -> &[u64] {
        &self.bits[opens as usize * self.width..][..self.width]
    }

    #[inline]
    fn share(&self, opens: u16, closes: u16) -> bool {
        self.row(opens)[closes as usize / 64] >> (closes % 64) & 1 == 1
    }

    /// The patterns of two sets that share any.
    fn patterns(&self, opens: u16, closes: u16) -> &[CellPattern] {
        let at = opens as usize * self.width + closes as usize / 64;
        let lower = self.bits[at] & ((1 << (closes % 64)) - 1);
        let cell = self.before[at] + lower.count_ones();
        let list = self.lists[cell as usize] as usize;
        let from = list.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.patterns[from as usize..self.ends[list] as usize]
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).expect("texts are limited to 4 GiB")
}

/// The bit that stands for a symbol among 64.
fn bit(symbol: u32) -> u64 {
    if symbol == 0 {
        0
    } else {
        1 << (symbol.wrapping_mul(0x9E37_79B1) >> 26)
    }
}

fn step_key(state: u32, symbol: u32) -> u64 {
    u64::from(state) << SYMBOL_BITS | u64::from(symbol)
}

impl Automaton {
    pub(super) fn write(&self, to: &mut Writer) {
        self.exact.write(to);
        self.stems.write(to);
        self.steps.write(to);
        to.list(&column(&self.states, |s| s.follows));
        to.list(&column(&self.states, |s| s.opens));
        to.list(&column(&self.states, |s| s.closes));
        to.list(&column(&self.states, |s| s.names_to));
        to.list(&column(&self.states, |s| u8::from(s.has_classes)));
        to.list(&self.names);
        self.members.write(to);
        self.cells.write(to);
        to.list(&column(&self.steps_on, |s| s.class));
        to.list(&column(&self.steps_on, |s| s.gap));
        to.list(&self.near);
        to.list(&self.unless);
        to.number(self.role_names);
    }

    pub(super) fn read(from: &mut Reader) -> Option<Self> {
        let (exact, stems) = (Names::read(from)?, Names::read(from)?);
        let next_states = Table::read(from)?;
        let (follows, opens): (Vec<u64>, Vec<u16>) = (from.list()?, from.list()?);
        let (closes, names_to): (Vec<u16>, Vec<u32>) = (from.list()?, from.list()?);
        let has_classes: Vec<u8> = from.list()?;
        let n = follows.len();
        let lists = [opens.len(), closes.len(), names_to.len(), has_classes.len()];
        if lists != [n; 4] {
            return None;
        }
        let state = |at: usize| State {
            follows: follows[at],
            opens: opens[at],
            closes: closes[at],
            names_from: at.checked_sub(1).map_or(0, |before| names_to[before]),
            names_to: names_to[at],
            has_classes: has_classes[at] != 0,
        };
        Some(Self {
            exact,
            stems,
            steps: next_states,
            states: (0..n).map(state).collect(),
            names: from.list()?,
            members: Table::read(from)?,
            cells: Cells::read(from)?,
            steps_on: {
                let (classes, gaps) = (from.list()?, from.list()?);
                let both = classes.into_iter().zip(gaps);
                both.map(|(class, gap)| Step { class, gap }).collect()
            },
            near: from.list()?,
            unless: from.list()?,
            role_names: from.number()?,
        })
    }

    /// Looks one word up, given folded and stemmed.
    pub(super) fn keys(&self, folded: &str, stem: &str) -> WordKeys {
        let exact = self.exact.get(folded).map_or(0, |n| n + 1);
        let stems_from = count(self.exact.len()) + 1;
        let stem = self.stems.get(stem).map_or(0, |n| n + stems_from);
        let mut keys = WordKeys {
            bits: bit(exact) | bit(stem),
            exact,
            stem,
            ..WordKeys::default()
        };
        if let Some(state) = self.step(ROOT, &keys) {
            keys.state = state;
            keys.alone = self.states[state as usize];
        }
        keys
    }

    /// The state that a word leads to. Exact words come first: where one leads on, its
    /// state holds what its stem leads to as well.
    #[inline]
    fn step(&self, state: u32, word: &WordKeys) -> Option<u32> {
        let mut to = self.steps.get(step_key(state, word.exact));
        if to == Table::MISSING {
            to = self.steps.get(step_key(state, word.stem));
        }
        (to != Table::MISSING).then_some(to)
    }

    fn names(&self, state: &State) -> &[u32] {
        &self.names[state.names_from as usize..state.names_to as usize]
    }

    fn is_in(&self, state: u32, class: u32) -> bool {
        self.members.get(step_key(state, class)) == 0
    }

    /// Finds every skill that the words name, sorted by skill and position.
    pub(super) fn find(
        &self,
        words: KnownWords,
        memory: &mut SearchMemory,
        matches: &mut Vec<SkillMatch>,
    ) {
        matches.clear();
        self.lay_out(words, memory);
        self.hit_words(memory);
        self.hit_phrases(words, memory);
        let search = Search {
            automaton: self,
            words,
            phrases: &memory.phrases,
            phrases_before: &memory.phrases_before,
            with_classes: &memory.with_classes,
        };
        search.named(&memory.named, matches);
        search.follow_hits(&mut memory.hits, &mut memory.done, matches);
        keep_leftmost(matches);
    }

    /// The token ranges that name a role.
    pub(super) fn role_names(
        &self,
        words: KnownWords,
        memory: &mut SearchMemory,
    ) -> Vec<Range<usize>> {
        if self.role_names == NONE {
            return Vec::new();
        }
        self.lay_out(words, memory);
        let search = Search {
            automaton: self,
            words,
            phrases: &memory.phrases,
            phrases_before: &memory.phrases_before,
            with_classes: &memory.with_classes,
        };
        let mut ranges = Vec::new();
        for first in 0..words.len() {
            for (state, end) in search.starting_at(first) {
                if self.is_in(state, self.role_names) {
                    ranges.push(first..end as usize);
                }
            }
        }
        ranges
    }

    /// Finds the phrases, and lays out what the single words stand for.
    fn lay_out(&self, words: KnownWords, memory: &mut SearchMemory) {
        let n = words.len();
        let SearchMemory {
            phrases,
            phrases_before,
            marks,
            openers,
            named,
            with_classes,
            ..
        } = memory;
        phrases.clear();
        resize(phrases_before, n + 1);
        resize(marks, n + USUAL_GAPS);
        // Nothing closes behind the end.
        marks[n..].fill(0);
        resize(openers, n + 1);
        resize(named, n + 1);
        with_classes.clear();
        with_classes.resize(n.div_ceil(64), 0);
        let (mut n_openers, mut n_named) = (0, 0);
        let mut sentence = 0_u32;
        let nothing = WordKeys::default();
        let mut before = &nothing;
        let tokens = words.tokens.iter().zip(words.forms);
        let places = phrases_before.iter_mut().zip(marks.iter_mut());
        for (at, ((token, &form), (phrases_before, mark))) in tokens.zip(places).enumerate() {
            let word = &words.keys[form as usize];
            if before.alone.follows & word.bits != 0 {
                self.walk(words, at - 1, before.state, phrases);
            }
            before = word;
            *phrases_before = phrases.len() as u32;
            sentence = sentence.wrapping_add(u32::from(token.after_break) << 16);
            *mark = sentence | u32::from(word.alone.closes);
            openers[n_openers] = Opener {
                at: at as u32,
                opens: word.alone.opens,
            };
            n_openers += usize::from(word.alone.opens != 0);
            named[n_named] = at as u32;
            n_named += usize::from(word.alone.is_name());
            with_classes[at / 64] |= u64::from(word.alone.has_classes) << (at % 64);
        }
        phrases_before[n] = count(phrases.len());
        openers.truncate(n_openers);
        named.truncate(n_named);
    }

    fn walk(&self, words: KnownWords, first: usize, state: u32, phrases: &mut Vec<Phrase>) {
        let mut state = state;
        for at in first + 1..words.len() {
            let word = words.key(at);
            if self.states[state as usize].follows & word.bits == 0 {
                return;
            }
            match self.step(state, word) {
                Some(to) => state = to,
                None => return,
            }
            if self.states[state as usize].counts() {
                phrases.push(Phrase {
                    first: count(first),
                    end: count(at + 1),
                    state,
                });
            }
        }
    }

    /// Finds the single words that share a pattern with a single word behind them.
    fn hit_words(&self, memory: &mut SearchMemory) {
        let SearchMemory {
            marks,
            openers,
            hits,
            ..
        } = memory;
        hits.clear();
        for &Opener { at, opens } in &*openers {
            let first = at as usize;
            let Some(&[mark, ref next @ ..]) = marks[first..].first_chunk::<{ USUAL_GAPS + 1 }>()
            else {
                continue;
            };
            let row = self.cells.row(opens);
            let shared = |mark: u32| {
                let closes = mark as u16;
                row[usize::from(closes / 64)] >> (closes % 64)
            };
            let mut gaps = shared(next[0]) & 1;
            for (gap, &next) in (1..).zip(&next[1..]) {
                let same_sentence = u64::from((next ^ mark) >> 16 == 0);
                gaps |= (shared(next) & same_sentence) << gap;
            }
            while gaps != 0 {
                let gap = gaps.trailing_zeros() as usize;
                hits.push(Hit::of_words(
                    first,
                    first + 1,
                    first + 1 + gap,
                    opens,
                    next[gap],
                ));
                gaps &= gaps - 1;
            }
            if self.cells.reach[opens as usize] as usize >= USUAL_GAPS {
                self.hit_from(first, first + 1, opens, USUAL_GAPS, marks, hits);
            }
        }
    }

    /// Adds the single words behind a sequence that share a pattern with it, from a gap
    /// of `from` words on.
    fn hit_from(
        &self,
        first: usize,
        end: usize,
        opens: u16,
        from: usize,
        marks: &[u32],
        hits: &mut Vec<Hit>,
    ) {
        let sentence = marks[end - 1] >> 16;
        let last = (end + self.cells.reach[opens as usize] as usize).min(marks.len() - 1);
        for (next, &mark) in (end + from..).zip(marks.get(end + from..=last).unwrap_or(&[])) {
            if next > end && mark >> 16 != sentence {
                return;
            }
            if self.cells.share(opens, mark as u16) {
                hits.push(Hit::of_words(first, end, next, opens, mark));
            }
        }
    }

    /// Adds the hits in which a phrase takes part.
    fn hit_phrases(&self, words: KnownWords, memory: &mut SearchMemory) {
        let SearchMemory {
            phrases,
            marks,
            hits,
            ..
        } = memory;
        let same_sentence = |a: u32, b: u32| marks[a as usize] >> 16 == marks[b as usize] >> 16;
        for (nth, phrase) in phrases.iter().enumerate() {
            let State { opens, closes, .. } = self.states[phrase.state as usize];
            if opens != 0 {
                let (first, end) = (phrase.first as usize, phrase.end as usize);
                self.hit_from(first, end, opens, 0, marks, hits);
                let last = phrase.end.saturating_add(self.cells.reach[opens as usize]);
                let nearby = phrases[nth + 1..].iter().take_while(|p| p.first <= last);
                for next in nearby.filter(|p| p.first >= phrase.end) {
                    let closes = self.states[next.state as usize].closes;
                    if self.cells.share(opens, closes)
                        && (next.first == phrase.end || same_sentence(next.first, phrase.end - 1))
                    {
                        hits.push(Hit::of(phrase.first, phrase.end, next, opens, closes));
                    }
                }
            }
            if closes != 0 {
                let reach = self.cells.reach_back[closes as usize];
                for opening in phrase.first.saturating_sub(reach + 1)..phrase.first {
                    let opens = words.key(opening as usize).alone.opens;
                    if self.cells.share(opens, closes)
                        && (opening + 1 == phrase.first || same_sentence(opening, phrase.first))
                    {
                        hits.push(Hit::of(opening, opening + 1, phrase, opens, closes));
                    }
                }
            }
        }
    }
}

/// Makes room for `n` entries without writing those that are there.
fn resize<T: Clone + Default>(entries: &mut Vec<T>, n: usize) {
    entries.resize(n, T::default());
}

impl Hit {
    fn of_words(first: usize, end: usize, next: usize, opens: u16, mark: u32) -> Self {
        Self {
            first: first as u32,
            end: end as u32,
            next: next as u32,
            next_end: next as u32 + 1,
            opens,
            closes: mark as u16,
        }
    }

    fn of(first: u32, end: u32, next: &Phrase, opens: u16, closes: u16) -> Self {
        Self {
            first,
            end,
            next: next.first,
            next_end: next.end,
            opens,
            closes,
        }
    }
}

/// Sorts by skill and position, and drops what overlaps an earlier (then a longer) match
/// of the same skill.
fn keep_leftmost(matches: &mut Vec<SkillMatch>) {
    matches.sort_unstable_by_key(|m| {
        let place = u64::from(m.skill) << 32 | u64::from(m.first);
        (place, Reverse(m.end))
    });
    matches.dedup_by(|m, kept| kept.skill == m.skill && m.first < kept.end);
}

/// A text in which the phrases were found.
struct Search<'a> {
    automaton: &'a Automaton,
    words: KnownWords<'a>,
    phrases: &'a [Phrase],
    phrases_before: &'a [u32],
    with_classes: &'a [u64],
}

impl<'a> Search<'a> {
    /// The phrases that begin in a range of tokens.
    #[inline]
    fn phrases_in(&self, tokens: Range<usize>) -> &'a [Phrase] {
        let from = self.phrases_before[tokens.start] as usize;
        let to = self.phrases_before[tokens.end] as usize;
        &self.phrases[from..to]
    }

    /// Whether a single word belongs to any class.
    #[inline]
    fn has_classes(&self, at: usize) -> bool {
        self.with_classes[at / 64] >> (at % 64) & 1 == 1
    }

    /// State and end of every sequence that starts at a token, longest first.
    fn starting_at(&self, first: usize) -> impl Iterator<Item = (u32, u32)> + 'a {
        let word = self.words.key(first).state;
        self.phrases_in(first..first + 1)
            .iter()
            .rev()
            .map(|p| (p.state, p.end))
            .chain((word != ROOT).then_some((word, count(first + 1))))
    }

    /// The entries that words and phrases name.
    fn named(&self, named: &[u32], matches: &mut Vec<SkillMatch>) {
        for &first in named {
            let state = &self.words.key(first as usize).alone;
            self.name(state, first, first + 1, matches);
        }
        for phrase in self.phrases {
            let state = &self.automaton.states[phrase.state as usize];
            self.name(state, phrase.first, phrase.end, matches);
        }
    }

    fn name(&self, state: &State, first: u32, end: u32, matches: &mut Vec<SkillMatch>) {
        for &skill in self.automaton.names(state) {
            self.consider(SkillMatch { skill, first, end }, matches);
        }
    }

    /// The patterns that begin with a hit: of those that go on in several ways, nearest
    /// element first, longest sequence first.
    fn follow_hits(&self, hits: &mut [Hit], done: &mut Vec<u32>, matches: &mut Vec<SkillMatch>) {
        hits.sort_by_key(|h| (h.first, h.end, h.next, Reverse(h.next_end)));
        let mut opening = (0, 0);
        for hit in hits {
            if opening != (hit.first, hit.end) {
                opening = (hit.first, hit.end);
                done.clear();
            }
            let gap = hit.next - hit.end;
            for pattern in self.automaton.cells.patterns(hit.opens, hit.closes) {
                let crosses = pattern.gap > 0 && self.words.tokens[hit.next as usize].after_break;
                if gap > pattern.gap || crosses || done.contains(&pattern.id) {
                    continue;
                }
                let end = if pattern.steps_from == pattern.steps_to {
                    Some(hit.next_end)
                } else {
                    let steps = pattern.steps_from as usize..pattern.steps_to as usize;
                    self.follow(&self.automaton.steps_on[steps], hit.next_end)
                };
                if let Some(end) = end {
                    done.push(pattern.id);
                    let (skill, first) = (pattern.skill, hit.first);
                    self.consider(SkillMatch { skill, first, end }, matches);
                }
            }
        }
    }

    /// Where a match ends that continues with `steps` after token `end`, if it does:
    /// nearest step first, longest sequence first.
    fn follow(&self, steps: &[Step], end: u32) -> Option<u32> {
        let Some((step, rest)) = steps.split_first() else {
            return Some(end);
        };
        for gap in 0..=step.gap {
            let at = (end + gap) as usize;
            let token = self.words.tokens.get(at)?;
            if step.gap > 0 && token.after_break {
                return None;
            }
            let is_such = |state| self.automaton.is_in(state, step.class);
            for phrase in self.phrases_in(at..at + 1).iter().rev() {
                if is_such(phrase.state)
                    && let Some(end) = self.follow(rest, phrase.end)
                {
                    return Some(end);
                }
            }
            if self.has_classes(at)
                && is_such(self.words.key(at).state)
                && let Some(end) = self.follow(rest, count(at + 1))
            {
                return Some(end);
            }
        }
        None
    }

    #[inline]
    fn consider(&self, m: SkillMatch, matches: &mut Vec<SkillMatch>) {
        let near = self.automaton.near[m.skill as usize];
        let unless = self.automaton.unless[m.skill as usize];
        if near & unless == NONE || self.is_supported(m, near, unless) {
            matches.push(m);
        }
    }

    fn is_supported(&self, m: SkillMatch, near: u32, unless: u32) -> bool {
        let is_near = |first: u32, end: u32| end <= m.first || first >= m.end;
        let is_around = |first: u32, end: u32| first <= m.first && end >= m.end;
        let first = (m.first as usize).saturating_sub(NEAR);
        let last = (m.end as usize + NEAR).min(self.words.len());
        (near == NONE || self.any_starting(first..last, near, is_near))
            && (unless == NONE
                || !self.any_starting(first..m.first as usize + 1, unless, is_around))
    }

    /// Whether a sequence of `class` starts at one of these tokens and lies as asked.
    fn any_starting(
        &self,
        tokens: Range<usize>,
        class: u32,
        lies: impl Fn(u32, u32) -> bool,
    ) -> bool {
        let automaton = self.automaton;
        let is_such_word = |at: usize| {
            self.has_classes(at)
                && lies(count(at), count(at + 1))
                && automaton.is_in(self.words.key(at).state, class)
        };
        let is_such_phrase = |p: &Phrase| lies(p.first, p.end) && automaton.is_in(p.state, class);
        tokens.clone().any(is_such_word) || self.phrases_in(tokens).iter().any(is_such_phrase)
    }
}

/// Makes the tables.
pub(super) struct Builder<'a> {
    parts: &'a Parts,
    /// By symbol, ascending: whether it is an exact word, and the symbol of its stem.
    stem_of: Vec<Option<u32>>,
    /// Old symbol → new one.
    renumbered: HashMap<u32, u32>,
    /// Trie node → (symbol, node).
    children: Vec<Vec<(u32, u32)>>,
    /// Patterns by the class of their first and of their second element.
    opened_by: HashMap<u32, Vec<u32>>,
    closed_by: HashMap<u32, Vec<u32>>,
    /// Entries by the class that names them.
    named_by: HashMap<u32, Vec<u32>>,
    /// Classes that a state must know about.
    kept: BTreeSet<u32>,
}

type Parsed<T> = std::result::Result<T, String>;

/// Nodes of the trie, ascending: what a state is made of.
type NodeSet = Vec<u32>;

/// State and symbol, as [`step_key`] packs them, and the state that they lead to.
type Edge = (u64, u32);

/// Sets of patterns, numbered from 1; 0 is the empty one.
#[derive(Default)]
struct Sets {
    ids: BTreeMap<Vec<u32>, u16>,
    all: Vec<Vec<u32>>,
}

impl Sets {
    fn id(&mut self, set: Vec<u32>) -> Parsed<u16> {
        if self.all.is_empty() {
            self.ids.insert(Vec::new(), 0);
            self.all.push(Vec::new());
        }
        if let Some(&id) = self.ids.get(&set) {
            return Ok(id);
        }
        if self.all.len() >= MOST_SETS {
            return Err(format!(
                "its patterns begin or go on in more than {MOST_SETS} different ways"
            ));
        }
        let id = self.all.len() as u16;
        self.ids.insert(set.clone(), id);
        self.all.push(set);
        Ok(id)
    }
}

impl<'a> Builder<'a> {
    fn new(parts: &'a Parts) -> Self {
        let mut builder = Self {
            parts,
            stem_of: vec![None],
            renumbered: HashMap::new(),
            children: vec![Vec::new(); parts.sequences.classes.len().max(1)],
            opened_by: HashMap::new(),
            closed_by: HashMap::new(),
            named_by: HashMap::new(),
            kept: BTreeSet::new(),
        };
        for (id, pattern) in (0..).zip(&parts.patterns) {
            let first = pattern.steps[0].class;
            match pattern.steps.get(1) {
                None => builder
                    .named_by
                    .entry(first)
                    .or_default()
                    .push(pattern.skill),
                Some(second) => {
                    builder.opened_by.entry(first).or_default().push(id);
                    builder.closed_by.entry(second.class).or_default().push(id);
                }
            }
            builder
                .kept
                .extend(pattern.steps.iter().skip(2).map(|s| s.class));
        }
        for (&class, &skill) in &parts.spelled {
            builder.named_by.entry(class).or_default().push(skill);
        }
        let others = parts.near.iter().chain(&parts.unless).flatten();
        builder.kept.extend(others.chain(&parts.role_names));
        builder
    }

    pub(super) fn build(parts: &'a Parts) -> Parsed<Automaton> {
        let mut builder = Self::new(parts);
        let (exact, stems) = builder.number_symbols();
        if exact.len() + stems.len() >= (1 << SYMBOL_BITS) - 1 {
            return Err("it holds more than two million words".to_owned());
        }
        for (&(node, symbol), &to) in &parts.sequences.next {
            builder.children[node as usize].push((builder.renumbered[&symbol], to));
        }
        builder.children.iter_mut().for_each(|c| c.sort_unstable());
        let (states, edges) = builder.determinize()?;
        builder.tables(exact, stems, &states, &edges)
    }

    /// Numbers exact words, then stems, each in the order in which they came.
    fn number_symbols(&mut self) -> (Names, Names) {
        let sorted = |words: &'a HashMap<String, u32>| {
            let mut words: Vec<(u32, &str)> =
                words.iter().map(|(word, s)| (*s, word.as_str())).collect();
            words.sort_unstable();
            words
        };
        let exact = sorted(&self.parts.sequences.exact);
        let stems = sorted(&self.parts.sequences.stems);
        for (fresh, (symbol, _)) in (1..).zip(exact.iter().chain(&stems)) {
            self.renumbered.insert(*symbol, fresh);
        }
        let stemmer = Stems::default();
        for (_, word) in &exact {
            let stem = self.parts.sequences.stems.get(&*stemmer.stem(word));
            self.stem_of
                .push(Some(stem.map_or(0, |symbol| self.renumbered[symbol])));
        }
        self.stem_of.resize(1 + exact.len() + stems.len(), None);
        let names = |words: Vec<(u32, &'a str)>| Names::new(words.into_iter().map(|w| w.1));
        (names(exact), names(stems))
    }

    /// The subset construction: states are sets of trie nodes. Returns them and the
    /// steps between them.
    fn determinize(&self) -> Parsed<(Vec<NodeSet>, Vec<Edge>)> {
        let mut states = vec![vec![0]];
        let mut ids = HashMap::from([(vec![0], ROOT)]);
        let mut steps = Vec::new();
        let mut at = 0;
        while at < states.len() {
            let mut by_symbol: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
            for &node in &states[at] {
                for &(symbol, to) in &self.children[node as usize] {
                    by_symbol.entry(symbol).or_default().push(to);
                }
            }
            for (&symbol, nodes) in &by_symbol {
                let mut nodes = nodes.clone();
                if let Some(stem) = self.stem_of[symbol as usize] {
                    nodes.extend(by_symbol.get(&stem).into_iter().flatten());
                }
                nodes.sort_unstable();
                let fresh = count(states.len());
                let to = *ids.entry(nodes.clone()).or_insert(fresh);
                if to == fresh {
                    states.push(nodes);
                }
                steps.push((step_key(count(at), symbol), to));
            }
            if states.len() >= MOST_STATES {
                return Err("it holds more than a million word sequences".to_owned());
            }
            at += 1;
        }
        Ok((states, steps))
    }

    fn tables(
        &self,
        exact: Names,
        stems: Names,
        nodes: &[NodeSet],
        edges: &[Edge],
    ) -> Parsed<Automaton> {
        let (mut opening, mut closing) = (Sets::default(), Sets::default());
        let (mut states, mut names) = (Vec::new(), Vec::new());
        let mut members = Vec::new();
        for (id, nodes) in (0..).zip(nodes) {
            let classes: BTreeSet<u32> = nodes
                .iter()
                .filter_map(|&node| self.parts.sequences.classes.get(node as usize))
                .flatten()
                .copied()
                .collect();
            let all = |by: &HashMap<u32, Vec<u32>>| -> BTreeSet<u32> {
                let lists = classes.iter().filter_map(|class| by.get(class));
                lists.flatten().copied().collect()
            };
            let names_from = count(names.len());
            names.extend(all(&self.named_by));
            let kept = classes.intersection(&self.kept);
            let members_before = members.len();
            members.extend(kept.map(|&class| (step_key(id, class), 0)));
            states.push(State {
                follows: 0,
                opens: opening.id(all(&self.opened_by).into_iter().collect())?,
                closes: closing.id(all(&self.closed_by).into_iter().collect())?,
                names_from,
                names_to: count(names.len()),
                has_classes: members.len() > members_before,
            });
        }
        for (key, _) in edges {
            let (state, symbol) = (key >> SYMBOL_BITS, key & ((1 << SYMBOL_BITS) - 1));
            states[state as usize].follows |= bit(symbol as u32);
        }
        let mut steps_on = Vec::new();
        let cells = self.cells(&opening, &closing, &mut steps_on);
        let classes_or_none =
            |classes: &[Option<u32>]| classes.iter().map(|c| c.unwrap_or(NONE)).collect();
        Ok(Automaton {
            exact,
            stems,
            steps: Table::new(edges),
            states,
            names,
            members: Table::new(&members),
            cells,
            steps_on,
            near: classes_or_none(&self.parts.near),
            unless: classes_or_none(&self.parts.unless),
            role_names: self.parts.role_names.unwrap_or(NONE),
        })
    }

    fn cells(&self, opening: &Sets, closing: &Sets, steps_on: &mut Vec<Step>) -> Cells {
        let patterns = &self.parts.patterns;
        let mut of_pattern = Vec::new();
        for (id, pattern) in (0..).zip(patterns) {
            let steps_from = count(steps_on.len());
            steps_on.extend(pattern.steps.iter().skip(2));
            of_pattern.push(CellPattern {
                id,
                skill: pattern.skill,
                gap: pattern.steps.get(1).map_or(0, |step| step.gap),
                steps_from,
                steps_to: count(steps_on.len()),
            });
        }
        let width = closing.all.len().div_ceil(64);
        let mut cells = Cells {
            bits: vec![0; opening.all.len() * width],
            width,
            ..Cells::default()
        };
        let mut lists = HashMap::new();
        for ((opens, closes), patterns) in cells_of(opening, closing) {
            cells.bits[opens as usize * width + closes as usize / 64] |= 1 << (closes % 64);
            let list = lists.entry(patterns).or_insert_with_key(|patterns| {
                let patterns = patterns.iter().map(|&id| of_pattern[id as usize]);
                cells.patterns.extend(patterns);
                cells.ends.push(count(cells.patterns.len()));
                count(cells.ends.len() - 1)
            });
            cells.lists.push(*list);
        }
        let mut before = 0;
        for bits in &cells.bits {
            cells.before.push(before);
            before += bits.count_ones();
        }
        let widest = |sets: &Sets| -> Vec<u32> {
            let gap = |id: &u32| of_pattern[*id as usize].gap;
            let widest = sets.all.iter().map(|set| set.iter().map(gap).max());
            widest.map(|gap| gap.unwrap_or(0)).collect()
        };
        (cells.reach, cells.reach_back) = (widest(opening), widest(closing));
        cells
    }
}

/// The patterns that each pair of sets shares, where there are any.
fn cells_of(opening: &Sets, closing: &Sets) -> BTreeMap<(u16, u16), Vec<u32>> {
    let mut closed_in: HashMap<u32, Vec<u16>> = HashMap::new();
    for (set, patterns) in (0..).zip(&closing.all) {
        for &pattern in patterns {
            closed_in.entry(pattern).or_default().push(set);
        }
    }
    let mut cells: BTreeMap<(u16, u16), Vec<u32>> = BTreeMap::new();
    for (opens, patterns) in (0..).zip(&opening.all) {
        for pattern in patterns {
            for &closes in closed_in.get(pattern).into_iter().flatten() {
                cells.entry((opens, closes)).or_default().push(*pattern);
            }
        }
    }
    cells
}
