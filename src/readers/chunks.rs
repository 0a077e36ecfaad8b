//! Streams cut into runs of whole records, in bounded memory.
//!
//! Where a chunk ends depends on the bytes alone, never on how they arrive, so the same
//! file gives the same chunks on every run, from wherever it is taken up again.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use memchr::{memchr, memchr_iter};

use super::delimited::{self, Split};
use super::json::{self, Element};
use super::limits::{Limits, size};

/// A chunk is filled up to this many bytes, and holds the whole records among them.
pub const CHUNK: usize = 1 << 20;

/// A chunk holds at most this many records, so that its output is not much larger than it.
const RECORDS: usize = 20_000;

/// How a stream is cut into records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Delimited records, quotes and all.
    Delimited(u8),
    /// One record a line.
    Lines,
    /// The elements of a JSON array whose `[` has been read.
    Elements {
        /// Whether an object stands around the array.
        wrapped: bool,
    },
    /// JSON values one after the other.
    Values,
}

/// A place in a decoded stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Position {
    /// Bytes before it, as UTF-8 without a byte order mark.
    pub byte: u64,
    /// Its line, from 1.
    pub line: u64,
    /// Records before it, the header not counted.
    pub row: u64,
}

impl Position {
    /// The beginning of a stream.
    pub const START: Self = Self {
        byte: 0,
        line: 1,
        row: 0,
    };

    /// The place after `bytes`, which hold `rows` records.
    #[must_use]
    pub fn after(self, bytes: &[u8], rows: usize) -> Self {
        Self {
            byte: self.byte + bytes.len() as u64,
            line: self.line + lines(bytes),
            row: self.row + rows as u64,
        }
    }
}

/// Line ends in `bytes`; a lone `\r` is one.
fn lines(bytes: &[u8]) -> u64 {
    memchr_iter(b'\n', bytes).count() as u64
}

/// What a chunk holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Extent {
    /// Whole records.
    #[default]
    Whole,
    /// Whole records, the last of which opens a quote that the file never closes.
    Unclosed,
    /// A part of one record that is too large to be labelled.
    Part {
        /// It begins the record.
        first: bool,
        /// It ends the record.
        last: bool,
    },
}

/// A run of records.
#[derive(Debug, Default)]
pub struct Chunk {
    /// Their bytes, UTF-8 where nothing is wrong with them.
    pub bytes: Vec<u8>,
    /// Where in `bytes` each record stands, without its line end.
    pub records: Vec<Range<usize>>,
    /// The line end of the first record, which all are taken to share: `\n` or `\r\n`.
    pub crlf: bool,
    /// Where `bytes` begins.
    pub start: Option<Position>,
    /// Where the next chunk begins.
    pub end: Option<Position>,
    /// Whole records, or a part of one.
    pub extent: Extent,
}

impl Chunk {
    /// Where the record of the given index begins.
    #[must_use]
    pub fn position(&self, record: usize) -> Position {
        let start = self.start.unwrap_or(Position::START);
        let before = self.records.get(record).map_or(0, |r| r.start);
        start.after(&self.bytes[..before], record)
    }

    /// The number of a record, from 0, in its input.
    #[must_use]
    pub fn row(&self, record: usize) -> u64 {
        self.start.map_or(0, |start| start.row) + record as u64
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.records.clear();
        self.extent = Extent::Whole;
    }
}

/// Why a stream could not be read on.
#[derive(Debug)]
pub enum Stopped {
    /// Reading or unpacking failed.
    Io(io::Error),
    /// A JSON document that ends too early.
    CutOff {
        /// Where it ends.
        at: Position,
        /// What is open there.
        inside: &'static str,
    },
    /// Something that is not JSON where an element should stand.
    NotJson {
        /// Where.
        at: Position,
        /// What.
        found: String,
    },
    /// A compressed file that unpacks to a gigantic record.
    Bomb {
        /// Where the record begins.
        at: Position,
    },
}

/// Cuts a stream into chunks.
pub struct Chunker {
    input: Box<dyn Read + Send>,
    framing: Framing,
    carry: Vec<u8>,
    position: Position,
    at_end: bool,
    failed: Option<io::Error>,
    oversize: Option<Oversize>,
    packed: Option<Arc<AtomicU64>>,
    limits: Limits,
    /// The array that the elements stand in has been closed.
    closed: bool,
}

/// The state inside a record that is passed on in parts.
struct Oversize {
    quotes: Quotes,
    nesting: json::Nesting,
    decoder: encoding_rs::Decoder,
}

/// Where among the quotes of a delimited record a scan is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Quotes {
    #[default]
    FieldStart,
    Bare,
    Inside,
    Closing,
}

impl Chunker {
    /// Cuts `input`, of which `position` says where it begins. `packed` counts compressed
    /// bytes, where the file is compressed.
    #[must_use]
    pub fn new(
        input: Box<dyn Read + Send>,
        framing: Framing,
        position: Position,
        packed: Option<Arc<AtomicU64>>,
        limits: Limits,
    ) -> Self {
        Self {
            input,
            framing,
            carry: Vec::new(),
            position,
            at_end: false,
            failed: None,
            oversize: None,
            packed,
            limits,
            closed: false,
        }
    }

    /// Bytes from which on a record is passed on in parts; smaller ones that are too large
    /// are left to whoever labels them.
    fn largest(&self) -> usize {
        self.limits.row.max(CHUNK)
    }

    /// Where the next chunk begins.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// How the stream is cut.
    #[must_use]
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// Takes the first record off, as a header; `None` where the stream has none. Blank
    /// lines before it are skipped.
    ///
    /// # Errors
    /// [`Stopped`], also for a header larger than a record may be.
    pub fn take_header(&mut self) -> Result<Option<Vec<u8>>, Stopped> {
        let mut bytes = std::mem::take(&mut self.carry);
        let Framing::Delimited(delimiter) = self.framing else {
            self.carry = bytes;
            return Ok(None);
        };
        let mut start = 0;
        loop {
            match delimited::split(&bytes, start, delimiter, self.at_end) {
                Split::Record(b) if b.start == b.end => start = b.next,
                Split::Record(b) => {
                    let header = bytes[b.start..b.end].to_vec();
                    self.position = self.position.after(&bytes[..b.next], 0);
                    self.carry = bytes.split_off(b.next);
                    return Ok(Some(header));
                }
                Split::Unfinished { .. } if self.at_end => {
                    if let Some(error) = self.failed.take() {
                        return Err(Stopped::Io(error));
                    }
                    self.position = self.position.after(&bytes, 0);
                    let header = bytes.split_off(start);
                    return Ok(Some(header).filter(|h| !h.is_empty()));
                }
                Split::Unfinished { .. } if bytes.len() >= self.largest() => {
                    let error = format!(
                        "the first record, which names the columns, has more than {} (--max-row)",
                        size(self.largest() as u64)
                    );
                    return Err(Stopped::Io(io::Error::other(error)));
                }
                Split::Unfinished { .. } => {
                    let target = (bytes.len() * 2).clamp(64 << 10, self.largest());
                    self.fill(&mut bytes, target);
                }
            }
        }
    }

    /// Reads the next run of records into `chunk`, whose memory is used again; false at
    /// the end.
    ///
    /// # Errors
    /// [`Stopped`], after everything before has been given out.
    pub fn next_into(&mut self, chunk: &mut Chunk) -> Result<bool, Stopped> {
        chunk.clear();
        if self.oversize.is_some() {
            return self.next_part(chunk);
        }
        chunk.bytes.append(&mut self.carry);
        let mut target = CHUNK;
        loop {
            self.fill(&mut chunk.bytes, target);
            let consumed = self.cut(chunk)?;
            let nothing = chunk.records.is_empty();
            if !nothing || self.at_end {
                return self.deliver(chunk, consumed);
            }
            if consumed > 0 {
                // Blank lines, or what follows the array of a feed.
                self.position = self.position.after(&chunk.bytes[..consumed], 0);
                chunk.bytes.drain(..consumed);
                continue;
            }
            if chunk.bytes.len() >= self.largest() {
                self.skip_separator(&mut chunk.bytes);
                self.oversize = Some(Oversize {
                    quotes: Quotes::default(),
                    nesting: json::Nesting::default(),
                    decoder: encoding_rs::UTF_8.new_decoder_without_bom_handling(),
                });
                std::mem::swap(&mut self.carry, &mut chunk.bytes);
                return self.next_part(chunk).map(|_| true).inspect(|_| {
                    if let Extent::Part { first, .. } = &mut chunk.extent {
                        *first = true;
                    }
                });
            }
            target = (chunk.bytes.len() * 2).clamp(CHUNK, self.largest());
        }
    }

    /// Takes off what stands before an element and is no part of it.
    fn skip_separator(&mut self, bytes: &mut Vec<u8>) {
        if let Framing::Elements { .. } | Framing::Values = self.framing {
            let is_between = |b: &&u8| b.is_ascii_whitespace() || **b == b',';
            let length = bytes.iter().take_while(is_between).count();
            self.position = self.position.after(&bytes[..length], 0);
            bytes.drain(..length);
        }
    }

    /// Fills `bytes` up to `target`, unless the stream ends or fails first.
    fn fill(&mut self, bytes: &mut Vec<u8>, target: usize) {
        let missing = target.saturating_sub(bytes.len());
        if missing == 0 || self.at_end {
            return;
        }
        bytes.reserve(missing);
        match self.input.by_ref().take(missing as u64).read_to_end(bytes) {
            Ok(n) => self.at_end = n < missing,
            Err(error) => {
                self.at_end = true;
                self.failed = Some(error);
            }
        }
    }

    /// Finds the records in a chunk; gives how many bytes they take.
    fn cut(&mut self, chunk: &mut Chunk) -> Result<usize, Stopped> {
        chunk.records.clear();
        let bytes = &chunk.bytes;
        let at_end = self.at_end && self.failed.is_none();
        let mut at = 0;
        match self.framing {
            Framing::Delimited(delimiter) => {
                let mut quoted = false;
                while at < bytes.len() && chunk.records.len() < RECORDS {
                    match delimited::split(bytes, at, delimiter, at_end) {
                        Split::Record(b) => {
                            if b.end > b.start {
                                chunk.records.push(b.start..b.end);
                            }
                            at = b.next;
                        }
                        Split::Unfinished { quoted: open } => {
                            quoted = open;
                            break;
                        }
                    }
                }
                if at_end && at < bytes.len() && chunk.records.len() < RECORDS {
                    chunk.records.push(at..bytes.len());
                    if quoted {
                        chunk.extent = Extent::Unclosed;
                    }
                    at = bytes.len();
                }
            }
            Framing::Lines => {
                while at < bytes.len() && chunk.records.len() < RECORDS {
                    let (end, next) = match memchr(b'\n', &bytes[at..]) {
                        Some(n) => (at + n, at + n + 1),
                        None if at_end => (bytes.len(), bytes.len()),
                        None => break,
                    };
                    let line = at..at + bytes[at..end].trim_ascii_end().len();
                    if !bytes[line.clone()].trim_ascii().is_empty() {
                        chunk.records.push(line);
                    }
                    at = next;
                }
            }
            Framing::Elements { wrapped } => loop {
                if chunk.records.len() == RECORDS {
                    break;
                }
                if self.closed {
                    at += self.trailer(&bytes[at..], wrapped)?;
                    break;
                }
                match json::element(bytes, at, at_end) {
                    Element::Value { range, next } => {
                        chunk.records.push(range);
                        at = next;
                    }
                    Element::Close { next } => {
                        self.closed = true;
                        at = next;
                        if !chunk.records.is_empty() {
                            break;
                        }
                    }
                    Element::Unfinished { .. } => break,
                }
            },
            Framing::Values => loop {
                if chunk.records.len() == RECORDS {
                    break;
                }
                match json::element(bytes, at, at_end) {
                    Element::Value { range, next } => {
                        chunk.records.push(range);
                        at = next;
                    }
                    Element::Close { .. } => {
                        if chunk.records.is_empty() {
                            return Err(Stopped::NotJson {
                                at: self.position.after(&bytes[..at], 0),
                                found: "`]` without its `[`".to_owned(),
                            });
                        }
                        break;
                    }
                    Element::Unfinished { .. } => break,
                }
            },
        }
        Ok(at)
    }

    /// Skips what follows the array of a feed.
    fn trailer(&mut self, bytes: &[u8], wrapped: bool) -> Result<usize, Stopped> {
        let after = bytes.trim_ascii();
        if !wrapped && !after.is_empty() {
            let found = String::from_utf8_lossy(&after[..after.len().min(40)]);
            return Err(Stopped::NotJson {
                at: self.position,
                found: format!("`{found}` after the end of the array"),
            });
        }
        Ok(bytes.len())
    }

    /// Hands a chunk out and keeps what follows its last record.
    fn deliver(&mut self, chunk: &mut Chunk, consumed: usize) -> Result<bool, Stopped> {
        let rest = chunk.bytes.split_off(consumed);
        let records = chunk.records.len();
        chunk.crlf = chunk
            .records
            .first()
            .is_some_and(|r| chunk.bytes[r.end..].starts_with(b"\r\n"));
        chunk.start = Some(self.position);
        self.position = self.position.after(&chunk.bytes, records);
        chunk.end = Some(self.position);
        if records > 0 {
            self.carry = rest;
            return Ok(true);
        }
        if let Some(error) = self.failed.take() {
            return Err(Stopped::Io(error));
        }
        let cut_off = |inside| {
            Err(Stopped::CutOff {
                at: self.position,
                inside,
            })
        };
        match self.framing {
            Framing::Elements { .. } if !self.closed && rest.trim_ascii().is_empty() => {
                cut_off("its array of postings")
            }
            Framing::Elements { .. } if !self.closed => cut_off("a posting"),
            Framing::Values if !rest.trim_ascii().is_empty() => cut_off("a posting"),
            _ => Ok(false),
        }
    }

    /// The next part of a gigantic record.
    fn next_part(&mut self, chunk: &mut Chunk) -> Result<bool, Stopped> {
        let mut raw = std::mem::take(&mut self.carry);
        self.fill(&mut raw, CHUNK);
        self.check_growth()?;
        let Some(state) = &mut self.oversize else {
            return Ok(false);
        };
        let end = match self.framing {
            Framing::Delimited(delimiter) => state.quotes.end(&raw, delimiter),
            Framing::Lines => memchr(b'\n', &raw).map(|n| (n, n + 1)),
            Framing::Elements { .. } | Framing::Values => {
                state.nesting.end(&raw).map(|end| (end, end))
            }
        };
        if end.is_none()
            && self.at_end
            && let Some(error) = self.failed.take()
        {
            return Err(Stopped::Io(error));
        }
        let last = end.is_some() || self.at_end;
        let (end, next) = end.unwrap_or((raw.len(), raw.len()));
        let mut text = String::new();
        let capacity = state.decoder.max_utf8_buffer_length(end).unwrap_or(end * 3);
        text.reserve(capacity);
        let _ = state.decoder.decode_to_string(&raw[..end], &mut text, last);
        self.carry = raw.split_off(next);
        chunk.bytes = text.into_bytes();
        chunk.records.clear();
        chunk.start = Some(self.position);
        self.position = self.position.after(&raw, usize::from(last));
        chunk.end = Some(self.position);
        chunk.extent = Extent::Part { first: false, last };
        if last {
            self.oversize = None;
        }
        Ok(true)
    }

    fn check_growth(&self) -> Result<(), Stopped> {
        let Some(packed) = &self.packed else {
            return Ok(());
        };
        let packed = packed.load(Ordering::Relaxed).max(1);
        if self.position.byte / packed > self.limits.ratio {
            return Err(Stopped::Bomb { at: self.position });
        }
        Ok(())
    }
}

impl Quotes {
    /// Whether a quote is still open behind the next bytes of a record.
    pub(crate) fn are_open_after(&mut self, bytes: &[u8], delimiter: u8) -> bool {
        let mut at = 0;
        while let Some((_, next)) = self.end(&bytes[at..], delimiter) {
            *self = Self::default();
            at += next;
        }
        *self == Self::Inside
    }

    /// Where the record ends in the next bytes of it, and where the one after begins.
    fn end(&mut self, bytes: &[u8], delimiter: u8) -> Option<(usize, usize)> {
        for (at, &byte) in bytes.iter().enumerate() {
            *self = match (*self, byte) {
                (Self::FieldStart | Self::Closing, b'"') | (Self::Inside, _) if byte == b'"' => {
                    if *self == Self::Inside {
                        Self::Closing
                    } else {
                        Self::Inside
                    }
                }
                (Self::Inside, _) => Self::Inside,
                (_, b'\r') if bytes.get(at + 1) == Some(&b'\n') => return Some((at, at + 2)),
                (_, b'\n' | b'\r') => return Some((at, at + 1)),
                (_, byte) if byte == delimiter => Self::FieldStart,
                _ => Self::Bare,
            };
        }
        None
    }
}
