//! Written forms: each is folded, stemmed and looked up once, then remembered.
//!
//! A form of up to 16 bytes, nearly every word there is, is its own key: its bytes as
//! two integers, ASCII letters lower-cased. So a word that was seen before costs one
//! multiplication and one read.

use std::collections::HashMap;
use std::ops::Range;

use super::{NONE, Words};
use crate::language::{FunctionWord, FunctionWords};
use crate::skills::{SearchMemory, WordKeys};
use crate::token::{LONGEST_WORD, Token};

/// Longest form that is its own key, in bytes.
const SHORT: usize = 16;

/// Forms remembered at most; past that, memory starts anew.
const MOST_FORMS: usize = 1 << 17;

/// Slots at first; a power of two.
const FEWEST_SLOTS: usize = 1 << 12;

/// What is known about one written form.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// Its stem's number in the vocabulary, or [`NONE`].
    pub(super) stem: u32,
    /// What the lexicon knows about it.
    pub(super) keys: WordKeys,
}

/// A short form and what is known about it; empty where the key is 0.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(32))]
struct Slot {
    key: [u64; 2],
    stem: u32,
    form: u32,
    function: FunctionWord,
}

/// Working memory of one thread for one [`super::FeatureSpace`]: the forms seen so far,
/// and buffers that are used again. Results never depend on it.
#[derive(Debug, Default)]
pub struct Memo {
    slots: Vec<Slot>,
    used: usize,
    long: HashMap<Box<str>, Slot>,
    /// Words that the lexicon cannot tell apart share a form; form 0 is those that it does
    /// not know.
    forms: HashMap<(u32, u32), u32>,
    keys: Vec<WordKeys>,
    /// The keys of the words being read.
    asked: Vec<[u64; 2]>,
    pub(super) search: SearchMemory,
    pub(super) buffers: Buffers,
}

/// Sums over one text.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    /// Per term how often it stands in the text; zero between texts.
    pub(super) counts: Vec<u32>,
    /// The terms that do.
    pub(super) touched: Vec<u32>,
    /// The terms of the text, one by one.
    pub(super) mentions: Vec<u32>,
    /// Two stems that may be a pair, and where that would be among the mentions.
    pub(super) asked: Vec<(u64, u32)>,
    /// Shares per group and per role.
    pub(super) groups: Vec<f64>,
    pub(super) roles: Vec<f64>,
}

impl Memo {
    /// The lexicon's knowledge, and the memory for a search with it.
    pub(super) fn for_search(&mut self) -> (&[WordKeys], &mut SearchMemory) {
        (&self.keys, &mut self.search)
    }

    /// Looks up the tokens of `words`; a form seen for the first time is learnt.
    pub(super) fn read(&mut self, text: &str, words: &mut Words, learn: impl Fn(&str) -> Known) {
        if self.keys.is_empty() || self.keys.len() + self.used + self.long.len() > MOST_FORMS {
            self.forget();
        }
        let Words {
            tokens,
            stems,
            forms,
            functional,
        } = words;
        stems.resize(tokens.len(), NONE);
        forms.resize(tokens.len(), 0);
        *functional = FunctionWords::default();
        let parts = tokens
            .chunks(FunctionWord::MOST)
            .zip(stems.chunks_mut(FunctionWord::MOST))
            .zip(forms.chunks_mut(FunctionWord::MOST));
        // Keys are made ahead of the search, which then never waits for one.
        let mut keys = std::mem::take(&mut self.asked);
        for ((tokens, stems), forms) in parts {
            keys.clear();
            keys.extend(tokens.iter().map(|token| key(text.as_bytes(), *token)));
            let mut sum = FunctionWord::default();
            let n = tokens.len();
            let (keys, stems, forms) = (&keys[..n], &mut stems[..n], &mut forms[..n]);
            for at in 0..n {
                let slot = match self.find(keys[at]) {
                    Ok(slot) => &self.slots[slot],
                    Err(_) => &self.learn(keys[at], &text[tokens[at].span()], &learn),
                };
                (stems[at], forms[at]) = (slot.stem, slot.form);
                sum.add(slot.function);
            }
            functional.add(sum);
        }
        self.asked = keys;
    }

    /// Where a key is, or else the free slot for it.
    #[inline]
    fn find(&self, key: [u64; 2]) -> Result<usize, usize> {
        let mut at = self.home(key);
        loop {
            let found = self.slots[at].key;
            if (found[0] ^ key[0]) | (found[1] ^ key[1]) == 0 {
                return Ok(at);
            }
            if found[0] == 0 {
                return Err(at);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    fn forget(&mut self) {
        *self = Self {
            slots: vec![Slot::default(); FEWEST_SLOTS],
            forms: HashMap::from([(WordKeys::default().symbols(), 0)]),
            keys: vec![WordKeys::default()],
            ..Self::default()
        };
    }

    /// Where the search for a key begins.
    #[inline]
    fn home(&self, [low, high]: [u64; 2]) -> usize {
        let a = u128::from(low ^ 0x9E37_79B9_7F4A_7C15);
        let b = u128::from(high ^ 0xC2B2_AE3D_27D4_EB4F);
        let product = a * b;
        ((product >> 64) as u64 ^ product as u64) as usize & (self.slots.len() - 1)
    }

    /// What is known about a word that is not among the slots.
    #[cold]
    fn learn(&mut self, key: [u64; 2], word: &str, learn: &impl Fn(&str) -> Known) -> Slot {
        if key == LONG {
            return self.learn_long(word, learn);
        }
        if self.used * 2 >= self.slots.len() {
            let grown = vec![Slot::default(); self.slots.len() * 2];
            // An empty slot is found at once, as the first empty one.
            for slot in std::mem::replace(&mut self.slots, grown) {
                if let Err(free) = self.find(slot.key) {
                    self.slots[free] = slot;
                }
            }
        }
        let slot = Slot {
            key,
            ..self.slot(word, learn)
        };
        if let Err(free) = self.find(key) {
            self.slots[free] = slot;
            self.used += 1;
        }
        slot
    }

    fn learn_long(&mut self, word: &str, learn: &impl Fn(&str) -> Known) -> Slot {
        if word.len() > LONGEST_WORD {
            return Slot {
                stem: NONE,
                ..Slot::default()
            };
        }
        if let Some(&slot) = self.long.get(word) {
            return slot;
        }
        let slot = self.slot(word, learn);
        self.long.insert(word.into(), slot);
        slot
    }

    fn slot(&mut self, word: &str, learn: &impl Fn(&str) -> Known) -> Slot {
        let Known { stem, keys } = learn(word);
        let fresh = self.keys.len() as u32;
        let form = *self.forms.entry(keys.symbols()).or_insert(fresh);
        if form == fresh {
            self.keys.push(keys);
        }
        Slot {
            stem,
            form,
            function: FunctionWord::of(word),
            ..Slot::default()
        }
    }
}

/// The key of all words above 16 bytes, which no slot has: no UTF-8 holds such bytes.
const LONG: [u64; 2] = [u64::MAX; 2];

/// The key of a word: no two words up to 16 bytes have one in common unless only the case
/// of ASCII letters tells them apart. No word holds a byte 0.
#[inline]
fn key(bytes: &[u8], token: Token) -> [u64; 2] {
    let Range { start, end } = token.span();
    let Some(&[low_mask, high_mask]) = MASKS.get(end - start) else {
        return LONG;
    };
    let mut word = [0; SHORT];
    if let Some(and_what_follows) = bytes.get(start..start + SHORT) {
        word.copy_from_slice(and_what_follows);
    } else {
        word[..end - start].copy_from_slice(&bytes[start..end]);
    }
    let (low, high) = word.split_at(8);
    let int = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("8 bytes"));
    [
        lower_case(int(low)) & low_mask,
        lower_case(int(high)) & high_mask,
    ]
}

/// Eight bytes with ASCII letters lower-cased. Among letters, digits, `+`, `#` and `.`,
/// setting bit 5 does only that; bytes beyond ASCII stay as they are.
#[inline]
fn lower_case(bytes: u64) -> u64 {
    bytes | (!bytes & 0x8080_8080_8080_8080) >> 2
}

/// The lowest so many bytes of two integers.
const MASKS: [[u64; 2]; SHORT + 1] = {
    let mut masks = [[0; 2]; SHORT + 1];
    let mut n = 1;
    while n <= SHORT {
        masks[n] = masks[n - 1];
        masks[n][(n - 1) / 8] |= 0xFF << ((n - 1) % 8 * 8);
        n += 1;
    }
    masks
};
