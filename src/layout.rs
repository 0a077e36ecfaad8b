//! Tables written down as they lie in memory, so that opening them is copying them.
//!
//! All numbers are little-endian; a list is its length and its entries. There are no
//! checks beyond the ends of the bytes: what is read was written by the same program.

/// Bytes to be written.
#[derive(Debug, Default)]
pub(crate) struct Writer(Vec<u8>);

/// Bytes still to be read. Every reading is `None` where they end early.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader(&'static [u8]);

/// A number that can be written in a list.
pub(crate) trait Number: Copy {
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
        Self(bytes)
    }

    /// Whether everything was read.
    pub(crate) fn is_done(self) -> bool {
        self.0.is_empty()
    }

    fn bytes(&mut self, n: usize) -> Option<&'static [u8]> {
        let (bytes, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(crate) fn number<T: Number>(&mut self) -> Option<T> {
        T::read_all(self.bytes(T::WIDTH)?).first().copied()
    }

    fn length(&mut self) -> Option<usize> {
        let bytes = self.bytes(4)?.first_chunk()?;
        Some(u32::from_le_bytes(*bytes) as usize)
    }

    pub(crate) fn list<T: Number>(&mut self) -> Option<Vec<T>> {
        let n = self.length()?;
        Some(T::read_all(self.bytes(n.checked_mul(T::WIDTH)?)?))
    }

    pub(crate) fn text(&mut self) -> Option<&'static str> {
        let n = self.length()?;
        std::str::from_utf8(self.bytes(n)?).ok()
    }

    pub(crate) fn texts(&mut self) -> Option<Vec<String>> {
        let n = self.length()?;
        (0..n).map(|_| self.text().map(str::to_owned)).collect()
    }
}
