//! Numbered strings: from number to string and back, all in three blocks of memory.

use crate::layout::{Reader, Writer};

/// Distinct strings, numbered from 0.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    /// All strings, one behind the other.
    text: String,
    /// Where each of them ends.
    ends: Vec<u32>,
    /// Number plus one of a string, below some bits of its hash, at the place that its hash
    /// says, or at the next free one; 0 where there is none. Their number is a power of two.
    slots: Vec<u32>,
}

/// Bits of a slot that hold a number plus one.
const NUMBER_BITS: u32 = 24;

fn number_in(slot: u32) -> u32 {
    slot & ((1 << NUMBER_BITS) - 1)
}

impl Names {
    /// Numbers the strings in the order given; of equal ones the first counts.
    pub(crate) fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut all = Self::default();
        for name in names {
            all.add(name);
        }
        all
    }

    /// The number of a string, which is added if it is new.
    pub(crate) fn add(&mut self, name: &str) -> u32 {
        if (self.len() + 1) * 2 > self.slots.len() {
            self.grow();
        }
        let hash = hash(name);
        let slot = self.slot(name, hash);
        if self.slots[slot] == 0 {
            self.text.push_str(name);
            let end = u32::try_from(self.text.len()).expect("names are below 4 GiB");
            self.ends.push(end);
            assert!(self.len() < 1 << NUMBER_BITS, "names are below 16 million");
            self.slots[slot] = tag(hash) | self.len() as u32;
        }
        number_in(self.slots[slot]) - 1
    }

    /// The number of a string.
    pub(crate) fn get(&self, name: &str) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        number_in(self.slots[self.slot(name, hash(name))]).checked_sub(1)
    }

    /// The string with a number below [`Names::len`].
    pub(crate) fn name(&self, number: u32) -> &str {
        let at = number as usize;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start as usize..self.ends[at] as usize]
    }

    pub(crate) fn write(&self, to: &mut Writer) {
        to.text(&self.text);
        to.list(&self.ends);
        to.list(&self.slots);
    }

    pub(crate) fn read(from: &mut Reader) -> Option<Self> {
        Some(Self {
            text: from.text()?.to_owned(),
            ends: from.list()?,
            slots: from.list()?,
        })
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Where `name` is, or where it would be put.
    fn slot(&self, name: &str, hash: u32) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        while self.slots[at] != 0 && !self.is_at(self.slots[at], name, hash) {
            at = (at + 1) & mask;
        }
        at
    }

    /// Whether a slot that is taken is that of `name`: strings of other hashes are not read.
    fn is_at(&self, slot: u32, name: &str, hash: u32) -> bool {
        tag(slot) == tag(hash) && self.name(number_in(slot) - 1) == name
    }

    fn grow(&mut self) {
        self.slots = vec![0; (self.slots.len() * 2).max(16)];
        for number in 0..self.len() as u32 {
            let name = self.name(number);
            let hash = hash(name);
            let slot = self.slot(name, hash);
            self.slots[slot] = tag(hash) | (number + 1);
        }
    }
}

/// The bits of a hash that slots hold.
fn tag(hash: u32) -> u32 {
    hash >> NUMBER_BITS << NUMBER_BITS
}

/// The same on every machine, because tables of it are written down.
fn hash(name: &str) -> u32 {
    let mut hash: u64 = name.len() as u64;
    for chunk in name.as_bytes().chunks(8) {
        let mut bytes = [0; 8];
        bytes[..chunk.len()].copy_from_slice(chunk);
        hash = (hash ^ u64::from_le_bytes(bytes)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        hash ^= hash >> 32;
    }
    hash as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_lead_to_each_other() {
        let words: Vec<String> = (0..3000).map(|n| format!("word {}", n * n)).collect();
        let names = Names::new(words.iter().map(String::as_str).chain(["", "word 0"]));
        assert_eq!(names.len(), 3001);
        for (number, word) in (0..).zip(&words) {
            assert_eq!(names.get(word), Some(number));
            assert_eq!(names.name(number), word);
        }
        assert_eq!(names.get(""), Some(3000));
        assert_eq!(names.get("word"), None);
        assert_eq!(Names::default().get("word"), None);
    }
}
