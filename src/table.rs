//! A fixed map from whole numbers to whole numbers that answers with two reads.
//!
//! Perfect hashing by displacement (Belazzougui, Botelho and Dietzfelbinger 2009): the
//! keys are dealt into small buckets, and each bucket has a seed that sends its keys to
//! slots of their own. A look-up reads one seed and one slot and never searches on, so
//! nothing about it depends on luck, which a processor could not foresee.
//!
//! Most keys that are asked for are not there. A bit per hash, few enough of them to stay
//! close to the processor, says so of nine in ten.

use crate::layout::{Reader, Writer};

/// Keys are below 2⁴² − 1.
const KEY_BITS: u32 = 42;

/// Values are below [`Table::MISSING`].
const VALUE_BITS: u32 = 64 - KEY_BITS;

/// Bits per key, at least, that say which keys may be there.
const HINTS_PER_KEY: usize = 8;

/// A slot without an entry; reads as [`Table::MISSING`].
const EMPTY: u64 = u64::MAX;

/// A fixed map; see the module.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    /// One per bucket; their number is a power of two, at least 2.
    seeds: Vec<u16>,
    /// Key and value, packed; at least one.
    slots: Vec<u64>,
    /// One bit per hash of some length: whether a key has it. Their number is a power of
    /// two, at least 64.
    hints: Vec<u64>,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            seeds: vec![0; 2],
            slots: vec![EMPTY],
            hints: vec![0],
        }
    }
}

impl Table {
    /// What [`Table::get`] gives for a key without a value.
    pub(crate) const MISSING: u32 = (1 << VALUE_BITS) - 1;

    /// Builds the map of distinct keys (below 2⁴² − 1) to values (below
    /// [`Table::MISSING`]).
    pub(crate) fn new(entries: &[(u64, u32)]) -> Self {
        let n_buckets = (entries.len() / 4).next_power_of_two().max(2);
        let mut buckets = vec![Vec::new(); n_buckets];
        for &(key, value) in entries {
            let hash = hash(key);
            let slot = key << VALUE_BITS | u64::from(value);
            buckets[bucket(hash, n_buckets)].push((hash, slot));
        }
        let mut n_slots = entries.len() + entries.len() / 4 + 1;
        loop {
            if let Some(mut table) = Self::place_all(&buckets, n_slots) {
                table.hint_at(entries);
                return table;
            }
            n_slots += n_slots / 8 + 1;
        }
    }

    fn hint_at(&mut self, entries: &[(u64, u32)]) {
        let n_bits = (entries.len() * HINTS_PER_KEY).next_power_of_two().max(64);
        self.hints = vec![0; n_bits / 64];
        for &(key, _) in entries {
            let (word, bit) = self.hint(key);
            self.hints[word] |= 1 << bit;
        }
    }

    /// Where the hint at a key is: the word and its bit.
    #[inline]
    fn hint(&self, key: u64) -> (usize, u32) {
        let hash = hash(key);
        let words = self.hints.len();
        let at = (hash >> (58 - words.trailing_zeros())) as usize;
        ((at >> 6) & (words - 1), (at & 63) as u32)
    }

    /// Whether a key may have a value; if not, it has none.
    #[inline]
    pub(crate) fn may_hold(&self, key: u64) -> bool {
        let (word, bit) = self.hint(key);
        self.hints[word] >> bit & 1 == 1
    }

    /// The value of a key, or [`Table::MISSING`].
    #[inline]
    pub(crate) fn get(&self, key: u64) -> u32 {
        let hash = hash(key);
        let seed = self.seeds[bucket(hash, self.seeds.len())];
        let slot = self.slots[place(hash, seed, self.slots.len())];
        // An empty slot reads as one whose value is missing.
        let other = u64::from(slot >> VALUE_BITS != key).wrapping_neg();
        (slot | other) as u32 & Self::MISSING
    }

    pub(crate) fn write(&self, to: &mut Writer) {
        to.list(&self.seeds);
        to.list(&self.slots);
        to.list(&self.hints);
    }

    pub(crate) fn read(from: &mut Reader) -> Option<Self> {
        Some(Self {
            seeds: from.list()?,
            slots: from.list()?,
            hints: from.list()?,
        })
    }

    /// Finds every bucket a seed, the fullest first; none if `n_slots` are too few.
    fn place_all(buckets: &[Vec<(u64, u64)>], n_slots: usize) -> Option<Self> {
        let mut order: Vec<usize> = (0..buckets.len()).collect();
        order.sort_by_key(|&b| std::cmp::Reverse(buckets[b].len()));
        let mut table = Self {
            seeds: vec![0; buckets.len()],
            slots: vec![EMPTY; n_slots],
            hints: Vec::new(),
        };
        for b in order {
            table.seeds[b] = (0..=u16::MAX).find(|&seed| table.fill(&buckets[b], seed))?;
        }
        Some(table)
    }

    /// Puts a bucket's entries where `seed` sends them, all or none.
    fn fill(&mut self, bucket: &[(u64, u64)], seed: u16) -> bool {
        for (at, &(hash, slot)) in bucket.iter().enumerate() {
            let place = place(hash, seed, self.slots.len());
            if self.slots[place] != EMPTY {
                for &(hash, _) in &bucket[..at] {
                    let place = self::place(hash, seed, self.slots.len());
                    self.slots[place] = EMPTY;
                }
                return false;
            }
            self.slots[place] = slot;
        }
        true
    }
}

#[inline]
fn hash(key: u64) -> u64 {
    key.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// The bucket of a hash, from its highest bits; `n` is a power of two, at least 2.
#[inline]
fn bucket(hash: u64, n: usize) -> usize {
    (hash >> (64 - n.trailing_zeros())) as usize
}

/// One of `n` slots, another for each seed.
#[inline]
fn place(hash: u64, seed: u16, n: usize) -> usize {
    let factor = 0xC2B2_AE3D_27D4_EB4F_u64.wrapping_add(u64::from(seed) << 20);
    let mixed = (hash ^ hash >> 31).wrapping_mul(factor);
    (((mixed >> 32) * n as u64) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(keys: impl Iterator<Item = u64>) {
        let entries: Vec<(u64, u32)> = keys.zip(7..).collect();
        let table = Table::new(&entries);
        for &(key, value) in &entries {
            assert_eq!(table.get(key), value);
            assert!(table.may_hold(key));
        }
        let known: std::collections::HashSet<u64> = entries.iter().map(|e| e.0).collect();
        let others = (0..2000)
            .chain((0..2000).map(|n| n << 21))
            .chain([(1 << KEY_BITS) - 1]);
        let others: Vec<u64> = others.filter(|key| !known.contains(key)).collect();
        for &key in &others {
            assert_eq!(table.get(key), Table::MISSING);
        }
        let hinted = others.iter().filter(|key| table.may_hold(**key)).count();
        assert!(hinted * 4 <= others.len(), "{hinted} of {}", others.len());
    }

    #[test]
    fn every_key_is_found_and_no_other() {
        check(std::iter::empty());
        check(std::iter::once(0));
        check(0..5);
        check(0..3000);
        check((0..3000).map(|n| n << 21));
        check((0..60).flat_map(|a| (0..60).map(move |b| a << 21 | b)));
        check((0..50_000).map(|n: u64| n * n));
    }
}
