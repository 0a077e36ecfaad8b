//! How much of anything an input may hold, so that no file, however it was made, takes the
//! machine down.

use crate::error::{Error, Result};

/// Most bytes of a record, unless told otherwise.
const ROW: usize = 4 << 20;

/// Levels that a value may be nested which is looked into. What serde_json reads ends
/// at 127.
const NESTING: usize = 100;

/// Deepest nesting that may be asked for.
pub const DEEPEST: usize = 127;

/// Most columns, unless told otherwise.
const COLUMNS: usize = 20_000;

/// Growth when unpacked, unless told otherwise.
const RATIO: u64 = 100;

/// Memory of a decoder, unless told otherwise: the window of `zstd` up to level 19 is
/// 8 MB, of `xz` up to level 8 33 MB; only `zstd --ultra`, `zstd --long` and `xz -9`
/// ask for more.
const DECODER: u64 = 40 << 20;

/// Memory of a thread, in rows of the largest size: those being read, those being
/// labelled, and those waiting to be written.
const ROWS_A_THREAD: u64 = 6;

/// What no input may exceed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a record. A larger one is passed on and not labelled.
    pub row: usize,
    /// Bytes of a field. A row with a larger one is not labelled.
    pub field: usize,
    /// Levels of JSON that is looked into, and of XML elements; at most [`DEEPEST`].
    pub nesting: usize,
    /// Columns, or different keys of JSON objects.
    pub columns: usize,
    /// Size of a compressed file unpacked, as a multiple of its size packed, beyond which
    /// no record may be larger than `row`.
    pub ratio: u64,
    /// Bytes that a decoder may ask for.
    pub decoder: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            row: ROW,
            field: ROW,
            nesting: NESTING,
            columns: COLUMNS,
            ratio: RATIO,
            decoder: DECODER,
        }
    }
}

impl Limits {
    /// Keeps decoders and threads within `memory` bytes: how many of `threads` there may be.
    ///
    /// # Errors
    /// [`Error::Limit`] where it is too little for one.
    pub fn keep_within(&mut self, memory: u64, threads: usize) -> Result<usize> {
        let thread = ROWS_A_THREAD * self.row as u64;
        self.decoder = self.decoder.min(memory / 2);
        let most = (memory - self.decoder) / thread.max(1);
        if most == 0 {
            return Err(Error::Limit(format!(
                "--max-memory {} does not suffice for one thread, which may hold {ROWS_A_THREAD} rows of {}; raise it to {}, or lower --max-row",
                size(memory),
                size(self.row as u64),
                size(2 * thread),
            )));
        }
        Ok(threads.min(usize::try_from(most).unwrap_or(usize::MAX)))
    }

    /// The largest window of zstd, as a power of two.
    pub(super) fn zstd_window_log(&self) -> u32 {
        self.decoder.max(1).ilog2()
    }

    /// Refuses a table that is too wide.
    pub(crate) fn check_columns(&self, columns: usize) -> std::result::Result<(), String> {
        if columns <= self.columns {
            return Ok(());
        }
        Err(format!(
            "it has {columns} columns, more than --max-columns allows ({})",
            self.columns
        ))
    }
}

/// A number of bytes as it is typed and shown: `512 kB`, `4 MB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    let units = [(30, "GB"), (20, "MB"), (10, "kB")];
    let unit = units
        .iter()
        .find(|(shift, _)| bytes != 0 && bytes.is_multiple_of(1 << shift));
    match unit {
        Some((shift, unit)) => format!("{} {unit}", bytes >> shift),
        None => format!("{bytes} bytes"),
    }
}

/// Reads a number of bytes: `65536`, `512k`, `4M`, `1G`.
///
/// # Errors
/// What to give instead.
pub fn bytes_of(text: &str) -> std::result::Result<u64, String> {
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let shift = match text[digits.len()..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => Some(0),
        "k" | "kb" => Some(10),
        "m" | "mb" => Some(20),
        "g" | "gb" => Some(30),
        _ => None,
    };
    let number = digits.parse::<u64>().ok().filter(|n| *n > 0);
    shift
        .zip(number)
        .and_then(|(shift, n)| n.checked_mul(1 << shift))
        .ok_or_else(|| "give a size such as 65536, 512k, 4M or 1G".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_shown() {
        let read = [
            "1",
            "512k",
            "4M",
            "4 MB",
            "1g",
            "0",
            "x",
            "4T",
            "",
            "99999999999G",
        ];
        let read = read.map(|text| bytes_of(text).ok());
        let (kilo, mega) = (512 << 10, 4 << 20);
        let expected = [1, kilo, mega, mega, 1 << 30].map(Some);
        assert_eq!(read[..5], expected);
        assert_eq!(read[5..], [None; 5]);
        assert_eq!(
            [1, kilo, mega, 1 << 30, 1500].map(size),
            ["1 bytes", "512 kB", "4 MB", "1 GB", "1500 bytes"]
        );
    }

    #[test]
    fn memory_is_shared_out() {
        let mut limits = Limits::default();
        assert_eq!(limits.keep_within(1 << 30, 4).unwrap(), 4);
        assert_eq!(limits.decoder, DECODER);
        assert_eq!(limits.keep_within(70 << 20, 4).unwrap(), 1);
        assert_eq!(limits.decoder, 35 << 20);
        assert_eq!(
            limits.keep_within(20 << 20, 4).unwrap_err().to_string(),
            "--max-memory 20 MB does not suffice for one thread, which may hold 6 rows of 4 MB; raise it to 48 MB, or lower --max-row"
        );
    }
}
