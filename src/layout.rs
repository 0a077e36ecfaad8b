//! Tables written down as they lie in memory, so that opening them is copying them, or not
//! even that.
//!
//! All numbers are little-endian; a list is its length and its entries, which begin at a
//! multiple of their width. There are no checks beyond the ends of the bytes: what is read
//! was written by the same program.

use std::borrow::Cow;

use zerocopy::{FromBytes, Immutable};

/// Bytes to be written.
#[derive(Debug, Default)]
pub(crate) struct Writer(Vec<u8>);

/// Bytes to be read. Every reading is `None` where they end early.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader {
    bytes: &'static [u8],
    /// How many were read.
    at: usize,
}

/// What keeps a value at an address at which any list can be read in place.
#[repr(C, align(8))]
pub(crate) struct Aligned<T: ?Sized>(pub(crate) T);

/// A number that can be written in a list.
pub(crate) trait Number: Copy + FromBytes + Immutable {
    /// Appends it.
    fn write(self, bytes: &mut Vec<u8>);
    /// Reads as many as the bytes hold.
    fn read_all(bytes: &[u8]) -> Vec<Self>;
    /// Its width in bytes.
    const WIDTH: usize;
}

macro_rules! number {
    ($($number:ty),*) => {$(
        impl Number for $number {
            const WIDTH: usize = size_of::<Self>();

            fn write(self, bytes: &mut Vec<u8>) {
                bytes.extend(self.to_le_bytes());
            }

            fn read_all(bytes: &[u8]) -> Vec<Self> {
                let (numbers, _) = bytes.as_chunks();
                numbers.iter().map(|bytes| Self::from_le_bytes(*bytes)).collect()
            }
        }
    )*};
}

number!(u8, u16, u32, u64, f64);

impl Writer {
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub(crate) fn list<T: Number>(&mut self, numbers: &[T]) {
        (numbers.len() as u32).write(&mut self.0);
        self.0.resize(self.0.len().next_multiple_of(T::WIDTH), 0);
        for number in numbers {
            number.write(&mut self.0);
        }
    }

    pub(crate) fn number<T: Number>(&mut self, number: T) {
        number.write(&mut self.0);
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.list(text.as_bytes());
    }

    pub(crate) fn texts(&mut self, texts: &[String]) {
        self.number(texts.len() as u32);
        for text in texts {
            self.text(text);
        }
    }
}

impl Reader {
    pub(crate) fn new(bytes: &'static [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Whether everything was read.
    pub(crate) fn is_done(self) -> bool {
        self.at == self.bytes.len()
    }

    fn bytes(&mut self, n: usize) -> Option<&'static [u8]> {
        let end = self.at.checked_add(n)?;
        let bytes = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(bytes)
    }

    pub(crate) fn number<T: Number>(&mut self) -> Option<T> {
        T::read_all(self.bytes(T::WIDTH)?).first().copied()
    }

    fn length(&mut self) -> Option<usize> {
        let bytes = self.bytes(4)?.first_chunk()?;
        Some(u32::from_le_bytes(*bytes) as usize)
    }

    /// The bytes of a list's entries.
    fn entries<T: Number>(&mut self) -> Option<&'static [u8]> {
        let n = self.length()?;
        self.bytes(self.at.next_multiple_of(T::WIDTH) - self.at)?;
        self.bytes(n.checked_mul(T::WIDTH)?)
    }

    pub(crate) fn list<T: Number>(&mut self) -> Option<Vec<T>> {
        Some(T::read_all(self.entries::<T>()?))
    }

    /// A list as it lies there; a copy where the bytes are not [`Aligned`], or where the
    /// processor writes its numbers the other way round.
    pub(crate) fn list_in_place<T: Number>(&mut self) -> Option<Cow<'static, [T]>> {
        let bytes = self.entries::<T>()?;
        Some(match <[T]>::ref_from_bytes(bytes) {
            Ok(numbers) if cfg!(target_endian = "little") => Cow::Borrowed(numbers),
            _ => Cow::Owned(T::read_all(bytes)),
        })
    }

    pub(crate) fn text(&mut self) -> Option<&'static str> {
        std::str::from_utf8(self.entries::<u8>()?).ok()
    }

    pub(crate) fn texts(&mut self) -> Option<Vec<String>> {
        let n = self.length()?;
        (0..n).map(|_| self.text().map(str::to_owned)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &'static [u8], in_place: bool) {
        let mut from = Reader::new(bytes);
        assert_eq!(from.number::<u8>(), Some(7));
        let floats: Cow<[f64]> = from.list_in_place().unwrap();
        assert_eq!(*floats, [1.5, -2.0]);
        assert_eq!(matches!(floats, Cow::Borrowed(_)), in_place);
        assert_eq!(from.text(), Some("ads"));
        assert_eq!(from.list(), Some(vec![9_u16]));
        assert!(from.is_done());
        assert!(from.list_in_place::<u64>().is_none());
    }

    #[test]
    fn lists_are_read_in_place_where_they_are_aligned() {
        let mut to = Writer::default();
        to.number(7_u8);
        to.list(&[1.5, -2.0]);
        to.text("ads");
        to.list(&[9_u16]);
        let written = to.into_bytes();
        let mut bytes = [0; 64];
        bytes[..written.len()].copy_from_slice(&written);
        let aligned: &'static Aligned<[u8; 64]> = Box::leak(Box::new(Aligned(bytes)));
        check(&aligned.0[..written.len()], cfg!(target_endian = "little"));
        bytes[1..=written.len()].copy_from_slice(&written);
        let shifted: &'static Aligned<[u8; 64]> = Box::leak(Box::new(Aligned(bytes)));
        check(&shifted.0[1..=written.len()], false);
    }
}
