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

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use super::{Parts, Sequences, SkillMatch, Step};
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

/// Different lists of entries that states may name, and sets of other classes.
const MOST_MEANINGS: usize = 1 << 16;

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

impl WordKeys {
    /// All that tells one word from another.
    pub(crate) fn symbols(&self) -> (u32, u32) {
        (self.exact, self.stem)
    }
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
    /// The set of classes of neighbours and the like that it belongs to; 0: none.
    classes: u16,
    /// The list of entries that it names; 0: none.
    names: u16,
}

impl State {
    fn counts(&self) -> bool {
        self.opens != 0 || self.closes != 0 || self.names != 0 || self.classes != 0
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
    /// One bit per gap behind which a word shares a pattern with it, and [`FAR`].
    gaps: u16,
}

impl Opener {
    fn new(at: u32, opens: u16) -> Self {
        let gaps = 0;
        Self { at, opens, gaps }
    }
}

/// A pattern that it opens allows more than the usual gaps.
const FAR: u16 = 1 << USUAL_GAPS;

/// Two sequences that share patterns: one at `first..end`, one at `next..next_end`.
#[derive(Debug, Clone, Copy, Default)]
struct Hit {
    first: u32,
    end: u32,
    next: u32,
    next_end: u32,
    /// Where those patterns are; found at once, so that nothing waits for it later.
    patterns: [u32; 2],
}

/// Working memory of a search, reused from one to the next.
#[derive(Debug, Default)]
pub(crate) struct SearchMemory {
    /// The phrases, by first token, then by end.
    phrases: Vec<Phrase>,
    /// Per token, and once more behind the last, the phrases that begin before it.
    phrases_before: Vec<u32>,
    /// Per token the set that it closes; some more behind the end close nothing.
    closes: Vec<u16>,
    /// One bit per token, and some more: a sentence begins with it.
    breaks: Vec<u64>,
    /// The words that open patterns.
    openers: Vec<Opener>,
    /// The words that name an entry.
    named: Vec<u32>,
    /// Per token the set of its classes.
    classes: Vec<u16>,
    /// The words that may begin a phrase.
    beginnings: Vec<u32>,
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
    /// The lists of entries that states name, and where each ends.
    names: Vec<u32>,
    names_to: Vec<u32>,
    /// Which sets of classes hold a class: a row of bits per class.
    members: Members,
    /// Opening × closing sets.
    cells: Cells,
    /// Later elements of patterns.
    steps_on: Vec<Step>,
    /// Per entry its class of neighbours and of `unless` phrases, or [`NONE`].
    company: Vec<[u32; 2]>,
    role_names: u32,
}

/// Which sets of classes hold a class, of which only those are here that are asked for.
#[derive(Debug, Default)]
struct Members {
    /// One row of bits per class, a bit per set.
    bits: Vec<u64>,
    width: usize,
}

impl Members {
    /// The rows of `n_classes` classes, given the `sets` that states have of them.
    fn new(n_classes: usize, sets: &[Vec<u32>]) -> Self {
        let width = sets.len().div_ceil(64).max(1);
        let mut bits = vec![0; n_classes * width];
        for (set, classes) in sets.iter().enumerate() {
            for &class in classes {
                bits[class as usize * width + set / 64] |= 1 << (set % 64);
            }
        }
        Self { bits, width }
    }

    /// The sets that hold a class.
    #[inline]
    fn of(&self, class: u32) -> ClassRow<'_> {
        ClassRow(&self.bits[class as usize * self.width..][..self.width])
    }
}

/// The sets that hold one class.
#[derive(Clone, Copy)]
struct ClassRow<'a>(&'a [u64]);

impl ClassRow<'_> {
    #[inline]
    fn is_in(self, set: u16) -> bool {
        self.0[usize::from(set / 64)] >> (set % 64) & 1 == 1
    }
}

/// Which patterns begin with a state of one set and go on with a state of another.
#[derive(Debug, Default)]
struct Cells {
    /// Rows of bits, one per opening set: whether there are any…
    bits: Vec<u64>,
    width: usize,
    /// …and how many cells come before those of each 64 bits.
    before: Vec<u32>,
    /// Per cell where its patterns begin and end.
    lists: Vec<[u32; 2]>,
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
        to.list(self.lists.as_flattened());
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
            lists: from.list()?.as_chunks().0.to_vec(),
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

    /// One bit per usual gap: whether the set that stands there shares a pattern; and
    /// [`FAR`].
    #[inline]
    fn gaps(&self, opens: u16, next: &[u16; USUAL_GAPS]) -> u16 {
        let row = self.row(opens);
        let is_far = self.reach[opens as usize] as usize >= USUAL_GAPS;
        let mut gaps = u16::from(is_far) << USUAL_GAPS;
        for (gap, &closes) in next.iter().enumerate() {
            let shares = row[usize::from(closes / 64)] >> (closes % 64) & 1;
            gaps |= (shares as u16) << gap;
        }
        gaps
    }

    /// Where the patterns of two sets are that share any.
    #[inline]
    fn shared(&self, opens: u16, closes: u16) -> [u32; 2] {
        let at = opens as usize * self.width + closes as usize / 64;
        let lower = self.bits[at] & ((1 << (closes % 64)) - 1);
        let cell = self.before[at] + lower.count_ones();
        self.lists[cell as usize]
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
        to.list(&column(&self.states, |s| s.names));
        to.list(&column(&self.states, |s| s.classes));
        to.list(&self.names);
        to.list(&self.names_to);
        to.number(self.members.width as u32);
        to.list(&self.members.bits);
        self.cells.write(to);
        to.list(&column(&self.steps_on, |s| s.class));
        to.list(&column(&self.steps_on, |s| s.gap));
        to.list(self.company.as_flattened());
        to.number(self.role_names);
    }

    pub(super) fn read(from: &mut Reader) -> Option<Self> {
        let (exact, stems) = (Names::read(from)?, Names::read(from)?);
        let next_states = Table::read(from)?;
        let (follows, opens): (Vec<u64>, Vec<u16>) = (from.list()?, from.list()?);
        let (closes, names): (Vec<u16>, Vec<u16>) = (from.list()?, from.list()?);
        let classes: Vec<u16> = from.list()?;
        let n = follows.len();
        if [opens.len(), closes.len(), names.len(), classes.len()] != [n; 4] {
            return None;
        }
        let state = |at: usize| State {
            follows: follows[at],
            opens: opens[at],
            closes: closes[at],
            names: names[at],
            classes: classes[at],
        };
        Some(Self {
            exact,
            stems,
            steps: next_states,
            states: (0..n).map(state).collect(),
            names: from.list()?,
            names_to: from.list()?,
            members: Members {
                width: from.number::<u32>()? as usize,
                bits: from.list()?,
            },
            cells: Cells::read(from)?,
            steps_on: {
                let (classes, gaps) = (from.list()?, from.list()?);
                let both = classes.into_iter().zip(gaps);
                both.map(|(class, gap)| Step { class, gap }).collect()
            },
            company: from.list()?.as_chunks().0.to_vec(),
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
        let keys = [word.exact, word.stem].map(|symbol| step_key(state, symbol));
        if !(self.steps.may_hold(keys[0]) | self.steps.may_hold(keys[1])) {
            return None;
        }
        let mut to = self.steps.get(keys[0]);
        if to == Table::MISSING {
            to = self.steps.get(keys[1]);
        }
        (to != Table::MISSING).then_some(to)
    }

    /// The entries of a list.
    fn names(&self, list: u16) -> &[u32] {
        let Some(before) = list.checked_sub(1) else {
            return &[];
        };
        let (from, to) = (self.names_to[before as usize], self.names_to[list as usize]);
        &self.names[from as usize..to as usize]
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
            classes: &memory.classes,
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
            classes: &memory.classes,
        };
        let mut ranges = Vec::new();
        let role_names = self.members.of(self.role_names);
        for first in 0..words.len() {
            for (state, end) in search.starting_at(first) {
                if role_names.is_in(self.states[state as usize].classes) {
                    ranges.push(first..end as usize);
                }
            }
        }
        ranges
    }

    /// Lays out what the single words stand for, and finds the phrases.
    fn lay_out(&self, words: KnownWords, memory: &mut SearchMemory) {
        let n = words.len();
        let SearchMemory {
            beginnings,
            closes,
            breaks,
            openers,
            named,
            classes,
            ..
        } = memory;
        breaks.clear();
        breaks.extend(words.tokens.chunks(64).map(breaks_of));
        breaks.extend([0; 2]);
        resize(closes, n + USUAL_GAPS);
        closes[n..].fill(0);
        resize(classes, n);
        for list in [&mut *beginnings, &mut *named] {
            resize(list, n + 1);
        }
        resize(openers, n + 1);
        // Slices of known length spare the loop most of its checks.
        let (forms, closes) = (&words.forms[..n], &mut closes[..n]);
        let (begin, open, name) = (&mut beginnings[..], &mut openers[..], &mut named[..]);
        let (mut n_begin, mut n_open, mut n_name) = (0, 0, 0);
        let mut follows = 0;
        for at in 0..n {
            let word = &words.keys[forms[at] as usize];
            let place = at as u32;
            let alone = &word.alone;
            (closes[at], classes[at]) = (alone.closes, alone.classes);
            put(begin, &mut n_begin, place, follows & word.bits != 0);
            let opener = Opener::new(place, alone.opens);
            put(open, &mut n_open, opener, alone.opens != 0);
            put(name, &mut n_name, place, alone.names != 0);
            follows = alone.follows;
        }
        beginnings.truncate(n_begin);
        openers.truncate(n_open);
        named.truncate(n_name);
        self.find_phrases(words, memory);
    }

    /// Walks on from every word that the next may continue; `beginnings` holds that next.
    fn find_phrases(&self, words: KnownWords, memory: &mut SearchMemory) {
        let SearchMemory {
            beginnings,
            phrases,
            phrases_before,
            ..
        } = memory;
        phrases.clear();
        resize(phrases_before, words.len() + 1);
        let mut laid_out = 0;
        for &second in &*beginnings {
            let before = phrases.len() as u32;
            self.walk(words, second as usize - 1, phrases);
            if phrases.len() as u32 > before {
                phrases_before[laid_out..second as usize].fill(before);
                laid_out = second as usize;
            }
        }
        phrases_before[laid_out..].fill(count(phrases.len()));
    }

    /// Finds the phrases that begin with one word.
    fn walk(&self, words: KnownWords, first: usize, phrases: &mut Vec<Phrase>) {
        let mut state = words.key(first).state;
        for at in first + 1..words.len() {
            let word = words.key(at);
            match self.step(state, word) {
                Some(to) => state = to,
                None => return,
            }
            let found = &self.states[state as usize];
            if found.counts() {
                phrases.push(Phrase {
                    first: count(first),
                    end: count(at + 1),
                    state,
                });
            }
            if found.follows == 0 {
                return;
            }
        }
    }

    /// Finds the single words that share a pattern with a single word behind them.
    fn hit_words(&self, memory: &mut SearchMemory) {
        let SearchMemory {
            closes,
            breaks,
            openers,
            hits,
            ..
        } = memory;
        hits.clear();
        let mut n = 0;
        for nth in 0..openers.len() {
            let Opener { at, opens, .. } = openers[nth];
            let next = at as usize + 1;
            let next_sets = closes[next..].first_chunk();
            let gaps = next_sets.map_or(0, |next_sets| self.cells.gaps(opens, next_sets));
            let gaps = gaps & unbroken(breaks, next) as u16;
            put(openers, &mut n, Opener { at, opens, gaps }, gaps != 0);
        }
        for &Opener { at, opens, gaps } in &openers[..n] {
            let mut left = gaps & (FAR - 1);
            while left != 0 {
                let next = at + 1 + left.trailing_zeros();
                hits.push(Hit {
                    first: at,
                    end: at + 1,
                    next,
                    next_end: next + 1,
                    patterns: self.cells.shared(opens, closes[next as usize]),
                });
                left &= left - 1;
            }
            if gaps & FAR != 0 {
                self.hit_from(at..at + 1, opens, USUAL_GAPS, closes, breaks, hits);
            }
        }
    }

    /// Adds the single words behind a sequence that share a pattern with it, from a gap
    /// of `from` words on.
    fn hit_from(
        &self,
        opening: Range<u32>,
        opens: u16,
        from: usize,
        closes: &[u16],
        breaks: &[u64],
        hits: &mut Vec<Hit>,
    ) {
        let end = opening.end as usize;
        let last = (end + self.cells.reach[opens as usize] as usize).min(closes.len() - 1);
        let mut is_broken = (end..end + from).any(|at| is_break(breaks, at));
        for (next, &closes) in closes.iter().enumerate().take(last + 1).skip(end + from) {
            is_broken |= is_break(breaks, next);
            if is_broken && next > end {
                return;
            }
            if self.cells.share(opens, closes) {
                hits.push(Hit {
                    first: opening.start,
                    end: opening.end,
                    next: count(next),
                    next_end: count(next + 1),
                    patterns: self.cells.shared(opens, closes),
                });
            }
        }
    }

    /// Adds the hits in which a phrase takes part.
    fn hit_phrases(&self, words: KnownWords, memory: &mut SearchMemory) {
        let SearchMemory {
            phrases,
            closes: closes_at,
            breaks,
            hits,
            ..
        } = memory;
        let same_sentence =
            |first: u32, last: u32| (first + 1..=last).all(|at| !is_break(breaks, at as usize));
        let hit = |first: u32, end: u32, next: &Phrase, opens: u16, closes: u16| Hit {
            first,
            end,
            next: next.first,
            next_end: next.end,
            patterns: self.cells.shared(opens, closes),
        };
        for (nth, phrase) in phrases.iter().enumerate() {
            let State { opens, closes, .. } = self.states[phrase.state as usize];
            if opens != 0 {
                self.hit_from(phrase.first..phrase.end, opens, 0, closes_at, breaks, hits);
                let last = phrase.end.saturating_add(self.cells.reach[opens as usize]);
                let nearby = phrases[nth + 1..].iter().take_while(|p| p.first <= last);
                for next in nearby.filter(|p| p.first >= phrase.end) {
                    let closes = self.states[next.state as usize].closes;
                    if self.cells.share(opens, closes)
                        && (next.first == phrase.end || same_sentence(phrase.end - 1, next.first))
                    {
                        hits.push(hit(phrase.first, phrase.end, next, opens, closes));
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
                        hits.push(hit(opening, opening + 1, phrase, opens, closes));
                    }
                }
            }
        }
    }
}

/// Writes `entry` behind the first `n` and counts it if it `stays`: no branch, which words
/// would make hard to foresee.
#[inline]
fn put<T>(entries: &mut [T], n: &mut usize, entry: T, stays: bool) {
    entries[*n] = entry;
    *n += usize::from(stays);
}

/// One bit per token, of at most 64: a sentence begins with it.
fn breaks_of(tokens: &[Token]) -> u64 {
    let last_first = tokens.iter().rev();
    last_first.fold(0, |bits, token| bits << 1 | u64::from(token.after_break))
}

fn is_break(breaks: &[u64], at: usize) -> bool {
    breaks[at / 64] >> (at % 64) & 1 == 1
}

/// One bit per gap from token `at` on: 0, or so many words that no sentence begins with
/// them nor with what follows.
#[inline]
fn unbroken(breaks: &[u64], at: usize) -> u64 {
    let shift = at % 64;
    let next = breaks[at / 64] >> shift | breaks[at / 64 + 1] << 1 << (63 - shift);
    // The bits below the lowest one that is set.
    !next & next.wrapping_sub(1) | 1
}

/// Makes room for `n` entries without writing those that are there.
fn resize<T: Clone + Default>(entries: &mut Vec<T>, n: usize) {
    entries.resize(n, T::default());
}

impl Hit {
    /// Hits are looked at from the first word on, nearest element first, longest sequence
    /// first.
    fn order(&self) -> u128 {
        let opening = u64::from(self.first) << 32 | u64::from(self.end);
        let next = u64::from(self.next) << 32 | u64::from(!self.next_end);
        u128::from(opening) << 64 | u128::from(next)
    }
}

/// Sorts by skill and position, and drops what overlaps an earlier (then a longer) match
/// of the same skill.
fn keep_leftmost(matches: &mut Vec<SkillMatch>) {
    matches.sort_unstable_by_key(|m| u64::from(m.skill) << 32 | u64::from(m.first));
    matches.dedup_by(|m, kept| {
        let overlaps = kept.skill == m.skill && m.first < kept.end;
        if overlaps && m.first == kept.first {
            kept.end = kept.end.max(m.end);
        }
        overlaps
    });
}

/// A text in which the phrases were found.
struct Search<'a> {
    automaton: &'a Automaton,
    words: KnownWords<'a>,
    phrases: &'a [Phrase],
    phrases_before: &'a [u32],
    classes: &'a [u16],
}

impl<'a> Search<'a> {
    /// The phrases that begin in a range of tokens.
    #[inline]
    fn phrases_in(&self, tokens: Range<usize>) -> &'a [Phrase] {
        let from = self.phrases_before[tokens.start] as usize;
        let to = self.phrases_before[tokens.end] as usize;
        &self.phrases[from..to]
    }

    /// The set of the classes that a phrase belongs to.
    #[inline]
    fn classes_of(&self, phrase: &Phrase) -> u16 {
        self.automaton.states[phrase.state as usize].classes
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
        for &skill in self.automaton.names(state.names) {
            self.consider(SkillMatch { skill, first, end }, matches);
        }
    }

    /// The patterns that begin with a hit: of those that go on in several ways, nearest
    /// element first, longest sequence first.
    fn follow_hits(&self, hits: &mut [Hit], done: &mut Vec<u32>, matches: &mut Vec<SkillMatch>) {
        // Most stand in order as they were found, which a stable sort makes use of.
        hits.sort_by_key(Hit::order);
        let mut opening = (0, 0);
        for hit in hits {
            if opening != (hit.first, hit.end) {
                opening = (hit.first, hit.end);
                done.clear();
            }
            let gap = hit.next - hit.end;
            let [from, to] = hit.patterns;
            for pattern in &self.automaton.cells.patterns[from as usize..to as usize] {
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
        let wanted = self.automaton.members.of(step.class);
        for gap in 0..=step.gap {
            let at = (end + gap) as usize;
            let token = self.words.tokens.get(at)?;
            if step.gap > 0 && token.after_break {
                return None;
            }
            for phrase in self.phrases_in(at..at + 1).iter().rev() {
                if wanted.is_in(self.classes_of(phrase))
                    && let Some(end) = self.follow(rest, phrase.end)
                {
                    return Some(end);
                }
            }
            if wanted.is_in(self.classes[at])
                && let Some(end) = self.follow(rest, count(at + 1))
            {
                return Some(end);
            }
        }
        None
    }

    #[inline]
    fn consider(&self, m: SkillMatch, matches: &mut Vec<SkillMatch>) {
        let [near, unless] = self.automaton.company[m.skill as usize];
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
        let wanted = self.automaton.members.of(class);
        let is_such_word =
            |at: usize| wanted.is_in(self.classes[at]) && lies(at as u32, at as u32 + 1);
        let is_such_phrase = |p: &Phrase| wanted.is_in(self.classes_of(p)) && lies(p.first, p.end);
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
    /// Classes that a state must know about, numbered anew.
    kept: BTreeMap<u32, u32>,
}

type Parsed<T> = std::result::Result<T, String>;

/// Nodes of the trie, ascending: what a state is made of.
type NodeSet = Vec<u32>;

/// State and symbol, as [`step_key`] packs them, and the state that they lead to.
type Edge = (u64, u32);

/// Sets of numbers, numbered from 1; 0 is the empty one.
#[derive(Default)]
struct Sets {
    ids: BTreeMap<Vec<u32>, u16>,
    all: Vec<Vec<u32>>,
}

impl Sets {
    /// The number of a set, unless that would make more than `most`.
    fn id(&mut self, set: BTreeSet<u32>, most: usize) -> Option<u16> {
        let set: Vec<u32> = set.into_iter().collect();
        if self.all.is_empty() {
            self.ids.insert(Vec::new(), 0);
            self.all.push(Vec::new());
        }
        if let Some(&id) = self.ids.get(&set) {
            return Some(id);
        }
        if self.all.len() >= most {
            return None;
        }
        let id = self.all.len() as u16;
        self.ids.insert(set.clone(), id);
        self.all.push(set);
        Some(id)
    }

    /// Where each set ends when they stand one behind the other.
    fn ends(&self) -> Vec<u32> {
        let lengths = self.all.iter().map(|set| count(set.len()));
        let sum = |sum: &mut u32, length| {
            *sum += length;
            Some(*sum)
        };
        lengths.scan(0, sum).collect()
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
            kept: BTreeMap::new(),
        };
        let mut kept = BTreeSet::new();
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
            kept.extend(pattern.steps.iter().skip(2).map(|s| s.class));
        }
        for (&class, &skill) in &parts.spelled {
            builder.named_by.entry(class).or_default().push(skill);
        }
        let others = parts.near.iter().chain(&parts.unless).flatten();
        kept.extend(others.chain(&parts.role_names));
        builder.kept = kept.into_iter().zip(0..).collect();
        builder
    }

    pub(super) fn build(parts: &'a Parts) -> Parsed<Automaton> {
        let Sequences { exact, stems, .. } = &parts.sequences;
        if exact.len() + stems.len() >= (1 << SYMBOL_BITS) - 1 {
            return Err("it holds more than two million words".to_owned());
        }
        let mut builder = Self::new(parts);
        let (exact, stems) = builder.number_symbols();
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
        let sets: [Sets; 4] = Default::default();
        let [mut opening, mut closing, mut named, mut together] = sets;
        let ways = || format!("its patterns begin or go on in more than {MOST_SETS} ways");
        let meanings = || format!("its words stand for more than {MOST_MEANINGS} different things");
        let mut states = Vec::new();
        for nodes in nodes {
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
            let (opens, closes) = (all(&self.opened_by), all(&self.closed_by));
            let kept = classes.iter().filter_map(|class| self.kept.get(class));
            let kept: BTreeSet<u32> = kept.copied().collect();
            states.push(State {
                follows: 0,
                opens: opening.id(opens, MOST_SETS).ok_or_else(ways)?,
                closes: closing.id(closes, MOST_SETS).ok_or_else(ways)?,
                names: named
                    .id(all(&self.named_by), MOST_MEANINGS)
                    .ok_or_else(meanings)?,
                classes: together.id(kept, MOST_MEANINGS).ok_or_else(meanings)?,
            });
        }
        for (key, _) in edges {
            let (state, symbol) = (key >> SYMBOL_BITS, key & ((1 << SYMBOL_BITS) - 1));
            states[state as usize].follows |= bit(symbol as u32);
        }
        let mut steps_on = Vec::new();
        let cells = self.cells(&opening, &closing, &mut steps_on);
        let kept = |class: &Option<u32>| class.map_or(NONE, |class| self.kept[&class]);
        let company = self.parts.near.iter().zip(&self.parts.unless);
        Ok(Automaton {
            exact,
            stems,
            steps: Table::new(edges),
            states,
            names_to: named.ends(),
            names: named.all.concat(),
            members: Members::new(self.kept.len(), &together.all),
            cells,
            steps_on,
            company: company.map(|(a, b)| [kept(a), kept(b)]).collect(),
            role_names: kept(&self.parts.role_names),
        })
    }

    fn cells(&self, opening: &Sets, closing: &Sets, steps_on: &mut Vec<Step>) -> Cells {
        let patterns = &self.parts.patterns;
        let mut of_pattern = Vec::new();
        for (id, pattern) in (0..).zip(patterns) {
            let steps_from = count(steps_on.len());
            steps_on.extend(pattern.steps.iter().skip(2).map(|step| Step {
                class: self.kept[&step.class],
                ..*step
            }));
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
                let from = count(cells.patterns.len());
                let patterns = patterns.iter().map(|&id| of_pattern[id as usize]);
                cells.patterns.extend(patterns);
                [from, count(cells.patterns.len())]
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
