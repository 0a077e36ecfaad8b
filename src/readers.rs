//! What holds postings: files and streams of any shape, opened, recognised, and read as
//! runs of whole records.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::error::{Error, Result};

pub mod chunks;
pub mod compression;
pub mod delimited;
pub mod encoding;
pub mod json;
pub mod limits;
#[cfg(feature = "parquet")]
pub mod parquet;
pub mod records;
pub mod xml;

use chunks::{CHUNK, Chunk, Chunker, Extent, Framing, Position, Stopped};
use compression::{Compression, Counted};
use encoding::Charset;
use limits::{Limits, size};

/// How much of a file is looked at to recognise what it is.
const HEAD: usize = 1 << 20;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// CSV and its relatives, with their delimiter.
    Delimited(u8),
    /// One JSON object a line.
    JsonLines,
    /// A JSON document: an object, an array, or an object around an array of postings.
    JsonFeed,
    /// An XML feed of `<job>` elements.
    XmlFeed,
    /// Parquet.
    Parquet,
}

impl Format {
    /// The name in messages.
    #[must_use]
    pub fn describe(self) -> String {
        match self {
            Self::Delimited(b',') => "CSV".to_owned(),
            Self::Delimited(b'\t') => "TSV".to_owned(),
            Self::Delimited(delimiter) => {
                format!("CSV with the delimiter {}", delimited::name_of(delimiter))
            }
            Self::JsonLines => "JSON Lines".to_owned(),
            Self::JsonFeed => "a JSON feed".to_owned(),
            Self::XmlFeed => "an XML feed".to_owned(),
            Self::Parquet => "Parquet".to_owned(),
        }
    }
}

/// What is told about a file instead of found out.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// The delimiter.
    pub delimiter: Option<u8>,
    /// The first record is data.
    pub no_header: bool,
    /// The encoding.
    pub charset: Option<Charset>,
    /// What it may hold.
    pub limits: Limits,
}

/// Where postings come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

impl Origin {
    /// `-` is standard input.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        if path == Path::new("-") {
            Self::Stdin
        } else {
            Self::File(path.to_owned())
        }
    }

    /// Whether it can be read only once, as standard input and pipes.
    #[must_use]
    pub fn is_stream(&self) -> bool {
        match self {
            Self::Stdin => true,
            Self::File(path) => path.metadata().is_ok_and(|m| !m.is_file() && !m.is_dir()),
        }
    }

    /// The name in messages.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Stdin => "standard input".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

/// The inputs that a path stands for, with their names below it: itself, or the files of a
/// directory of parts in the order of their names, without hidden ones and those that begin
/// with `_` or are unfinished outputs.
///
/// # Errors
/// [`Error::Io`] when a directory cannot be read, [`Error::Data`] when it holds no files.
pub fn inputs(path: &Path) -> Result<Vec<(Origin, PathBuf)>> {
    if !path.is_dir() {
        let name = path.file_name().unwrap_or(path.as_os_str());
        return Ok(vec![(Origin::of(path), PathBuf::from(name))]);
    }
    let parts = parts_of(path, &mut Vec::new())?;
    if parts.is_empty() {
        let reason = "the directory holds no files of postings".to_owned();
        return Err(data(&path.display().to_string(), None, reason));
    }
    Ok(parts)
}

/// Those of a directory in the directories `around` it, which a link may lead back to.
fn parts_of(directory: &Path, around: &mut Vec<PathBuf>) -> Result<Vec<(Origin, PathBuf)>> {
    let io = |source| Error::Io {
        action: "read",
        path: directory.to_owned(),
        source,
    };
    let real = directory.canonicalize().map_err(io)?;
    if around.contains(&real) {
        return Ok(Vec::new());
    }
    around.push(real);
    let mut entries = std::fs::read_dir(directory)
        .map_err(io)?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<io::Result<Vec<PathBuf>>>()
        .map_err(io)?;
    entries.sort();
    let mut parts = Vec::new();
    for path in entries {
        let name = PathBuf::from(path.file_name().unwrap_or_default());
        let shown = name.to_string_lossy();
        let unfinished = [".partial", ".checkpoint"]
            .iter()
            .any(|suffix| shown.ends_with(suffix));
        if shown.starts_with(['.', '_']) || unfinished {
            continue;
        }
        if path.is_dir() {
            let inner = parts_of(&path, around)?;
            parts.extend(inner.into_iter().map(|(o, p)| (o, name.join(p))));
            continue;
        }
        let part = Origin::File(path);
        // A pipe would be waited for.
        if !part.is_stream() {
            parts.push((part, name));
        }
    }
    around.pop();
    Ok(parts)
}

/// A run of records on its way from the reader to whoever labels them.
#[derive(Debug, Default)]
pub struct Batch {
    /// Text records; unused by Parquet.
    pub chunk: Chunk,
    /// Rows of a Parquet file.
    #[cfg(feature = "parquet")]
    pub columns: Option<arrow_array::RecordBatch>,
}

impl Batch {
    /// Keeps the first `n` rows; gives how many there are then.
    pub fn limit(&mut self, n: u64) -> u64 {
        let n = usize::try_from(n).unwrap_or(usize::MAX);
        #[cfg(feature = "parquet")]
        if let Some(rows) = &mut self.columns {
            *rows = rows.slice(0, rows.num_rows().min(n));
            return rows.num_rows() as u64;
        }
        if let Extent::Part { last, .. } = self.chunk.extent {
            return u64::from(last);
        }
        self.chunk.records.truncate(n);
        self.chunk.records.len() as u64
    }
}

/// An opened input.
pub struct Input {
    /// Where it comes from.
    pub origin: Origin,
    /// What it holds.
    pub format: Format,
    /// How it is compressed.
    pub compression: Compression,
    /// How its text is encoded.
    pub charset: Charset,
    /// The names of the columns: of the header, of Parquet's schema, or the keys of the
    /// first JSON objects in order of appearance.
    pub columns: Vec<String>,
    /// The header record as it stands, where there is one.
    pub header: Option<Vec<u8>>,
    /// Whether the header ends with `\r\n`.
    pub crlf: bool,
    /// Whether the elements of a feed that are no postings are to be left out.
    pub feed: bool,
    source: Source,
    first: Option<Batch>,
    packed: Option<Arc<AtomicU64>>,
    limits: Limits,
}

enum Source {
    Text(Chunker),
    Xml(xml::Jobs),
    #[cfg(feature = "parquet")]
    Parquet(parquet::Rows),
}

/// Files that are known by their first bytes, and what to do with them.
const FOREIGN: [(&[u8], &str); 9] = [
    (
        b"PK\x03\x04",
        "it is a workbook (.xlsx) or a zip archive; save the sheet as CSV UTF-8, or unpack the archive, and label that",
    ),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "it is an Excel workbook (.xls); save the sheet as CSV UTF-8 and label that",
    ),
    (
        b"%PDF",
        "it is a PDF document; `pdftotext` makes text of it, for `rolecall classify`",
    ),
    (
        b"\x89PNG",
        "it is a picture; give CSV, TSV, JSON or Parquet",
    ),
    (
        b"\xff\xd8\xff",
        "it is a picture; give CSV, TSV, JSON or Parquet",
    ),
    (
        b"ARROW1",
        "it is an Arrow IPC (Feather) file; write it as Parquet",
    ),
    (
        b"SQLite format 3",
        "it is an SQLite database; export the table as CSV",
    ),
    (
        b"Obj\x01",
        "it is an Avro file; write it as Parquet or JSON Lines",
    ),
    (b"7z\xbc\xaf\x27\x1c", "it is a 7z archive; unpack it first"),
];

impl Input {
    /// Opens an input and finds out what it is. `read` counts the bytes read from it as
    /// they stand on the disk.
    ///
    /// # Errors
    /// [`Error::Io`], and [`Error::Data`] for what holds no postings.
    pub fn open(origin: &Origin, options: &ReadOptions, read: &Arc<AtomicU64>) -> Result<Self> {
        let name = origin.name();
        let refuse = |reason: String| data(&name, None, reason);
        let mut raw: Box<dyn Read + Send> = match origin {
            Origin::Stdin => Box::new(io::stdin()),
            Origin::File(path) => Box::new(open_file(path)?),
        };
        let mut magic = Vec::new();
        take(&mut raw, compression::MAGIC_LEN, &mut magic).map_err(|e| cannot_read(origin, e))?;
        if magic.is_empty() {
            return Err(refuse(
                "it is empty; there are no postings in it".to_owned(),
            ));
        }
        let compression = Compression::of(&magic);
        let counted = Counted::new(io::Cursor::new(magic).chain(raw), Arc::clone(read));
        let mut unpacked = compression
            .decoder(counted, &options.limits)
            .map_err(|e| refuse(compression.explain(&e, &options.limits)))?;
        let mut head = Vec::new();
        // An error behind the first bytes is met again when reading arrives there.
        let failed = take(&mut unpacked, HEAD, &mut head).err();
        if head.is_empty() {
            let empty = "it is empty; there are no postings in it".to_owned();
            let reason = failed.map_or(empty, |e| compression.explain(&e, &options.limits));
            return Err(refuse(reason));
        }
        if let Some((_, advice)) = FOREIGN.iter().find(|(magic, _)| head.starts_with(magic)) {
            return Err(refuse((*advice).to_owned()));
        }
        if head.starts_with(b"PAR1") {
            return Self::parquet(origin, compression, options, read);
        }
        let charset = options.charset.unwrap_or_else(|| Charset::detect(&head));
        let sample = decoded(charset, &head);
        check_is_text(&name, &sample)?;
        let rest: Box<dyn Read + Send> = match failed {
            Some(error) => Box::new(Failing(Some(error))),
            None => unpacked,
        };
        let whole = failed_or_short(&head);
        let text = charset.decoder(Box::new(io::Cursor::new(head).chain(rest)));
        let packed = (compression != Compression::None).then(|| Arc::clone(read));
        let mut input = Self {
            origin: origin.clone(),
            format: Format::JsonLines,
            compression,
            charset,
            columns: Vec::new(),
            header: None,
            crlf: false,
            feed: false,
            source: Source::Xml(xml::Jobs::empty()),
            first: None,
            packed,
            limits: options.limits,
        };
        input.recognise(&sample, whole, text, options)?;
        let wide = options.limits.check_columns(input.columns.len());
        wide.map_err(refuse)?;
        Ok(input)
    }

    #[cfg(feature = "parquet")]
    fn parquet(
        origin: &Origin,
        compression: Compression,
        options: &ReadOptions,
        read: &Arc<AtomicU64>,
    ) -> Result<Self> {
        let name = origin.name();
        let Origin::File(path) = origin else {
            let reason = "a Parquet file cannot be read from a stream; give its name".to_owned();
            return Err(data(&name, None, reason));
        };
        if compression != Compression::None {
            let reason = format!(
                "it is a Parquet file packed with {}; unpack it first",
                compression.as_str()
            );
            return Err(data(&name, None, reason));
        }
        let rows = parquet::Rows::open(path, &options.limits, read)?;
        let wide = options.limits.check_columns(rows.names().len());
        wide.map_err(|reason| data(&name, None, reason))?;
        Ok(Self {
            origin: origin.clone(),
            format: Format::Parquet,
            compression,
            charset: Charset::utf8(),
            columns: rows.names(),
            header: None,
            crlf: false,
            feed: false,
            source: Source::Parquet(rows),
            first: None,
            packed: None,
            limits: options.limits,
        })
    }

    #[cfg(not(feature = "parquet"))]
    fn parquet(
        origin: &Origin,
        _: Compression,
        _: &ReadOptions,
        _: &Arc<AtomicU64>,
    ) -> Result<Self> {
        let reason =
            "it is a Parquet file, and this rolecall was built without the feature `parquet`";
        Err(data(&origin.name(), None, reason.to_owned()))
    }

    /// The columns of a header, for records that come one by one.
    #[must_use]
    pub fn of_header(delimiter: u8, header: &[u8], no_header: bool) -> Self {
        let mut input = Self::of_keys(Vec::new());
        let text = String::from_utf8_lossy(header);
        let mut ranges = Vec::new();
        delimited::fields(text.as_bytes(), delimiter, &mut ranges);
        input.format = Format::Delimited(delimiter);
        if no_header {
            input.columns = (1..=ranges.len()).map(|n| format!("column_{n}")).collect();
        } else {
            let name = |r: &std::ops::Range<usize>| delimited::value(&text[r.clone()]).into_owned();
            input.columns = ranges.iter().map(name).collect();
            input.header = Some(text.clone().into_owned().into_bytes());
        }
        input
    }

    /// The keys of an object, for objects that come one by one.
    #[must_use]
    pub fn of_keys(columns: Vec<String>) -> Self {
        Self {
            origin: Origin::Stdin,
            format: Format::JsonLines,
            compression: Compression::None,
            charset: Charset::utf8(),
            columns,
            header: None,
            crlf: false,
            feed: false,
            source: Source::Xml(xml::Jobs::empty()),
            first: None,
            packed: None,
            limits: Limits::default(),
        }
    }

    /// The types of a Parquet file's columns.
    #[cfg(feature = "parquet")]
    #[must_use]
    pub fn schema(&self) -> Option<arrow_schema::SchemaRef> {
        match &self.source {
            Source::Parquet(rows) => Some(Arc::clone(rows.schema())),
            _ => None,
        }
    }

    /// Tells the format by the first bytes of the text and sets the reading up.
    fn recognise(
        &mut self,
        sample: &[u8],
        whole: bool,
        text: Box<dyn Read + Send>,
        options: &ReadOptions,
    ) -> Result<()> {
        let start = sample.trim_ascii_start();
        let lower: Vec<u8> = start.iter().take(14).map(u8::to_ascii_lowercase).collect();
        match start.first() {
            Some(b'<') if lower.starts_with(b"<!doctype html") || lower.starts_with(b"<html") => {
                let reason = "it is a web page; `rolecall classify` reads the ad in it".to_owned();
                return Err(data(&self.origin.name(), None, reason));
            }
            Some(b'<') if options.delimiter.is_none() => {
                self.format = Format::XmlFeed;
                self.feed = true;
                self.source = Source::Xml(xml::Jobs::new(text, options.limits));
            }
            Some(b'{' | b'[') if options.delimiter.is_none() => {
                let (format, framing, skip) = json_framing(sample, whole);
                self.format = format;
                self.feed = format == Format::JsonFeed;
                let mut text = text;
                let mut skipped = Vec::new();
                take(&mut text, skip, &mut skipped).map_err(|e| cannot_read(&self.origin, e))?;
                let position = Position::START.after(&skipped, 0);
                let packed = self.packed.clone();
                self.source =
                    Source::Text(Chunker::new(text, framing, position, packed, self.limits));
            }
            _ => {
                let delimiter = options
                    .delimiter
                    .unwrap_or_else(|| delimited::sniff(sample, whole));
                self.format = Format::Delimited(delimiter);
                let framing = Framing::Delimited(delimiter);
                let packed = self.packed.clone();
                let mut chunker = Chunker::new(text, framing, Position::START, packed, self.limits);
                self.read_header(&mut chunker, delimiter, sample, options)?;
                self.source = Source::Text(chunker);
                return Ok(());
            }
        }
        let mut first = Batch::default();
        if self.read_into(&mut first)? {
            if let Extent::Part { .. } = first.chunk.extent {
                let reason = format!(
                    "its first record has more than {} (--max-row), too much to look for named values in it; raise --max-row, or put another record first",
                    size(self.limits.row.max(CHUNK) as u64)
                );
                return Err(data(&self.origin.name(), None, reason));
            }
            self.columns = keys(&first.chunk, self.limits.columns);
            self.first = Some(first);
        }
        Ok(())
    }

    fn read_header(
        &mut self,
        chunker: &mut Chunker,
        delimiter: u8,
        sample: &[u8],
        options: &ReadOptions,
    ) -> Result<()> {
        let mut ranges = Vec::new();
        if options.no_header {
            let record = match delimited::split(sample, 0, delimiter, true) {
                delimited::Split::Record(b) => &sample[..b.end],
                delimited::Split::Unfinished { .. } => sample,
            };
            delimited::fields(record, delimiter, &mut ranges);
            self.columns = (1..=ranges.len()).map(|n| format!("column_{n}")).collect();
            return Ok(());
        }
        let header = chunker.take_header().map_err(|s| self.stopped(s))?;
        let Some(header) = header else {
            let reason = "it holds blank lines only; there are no postings in it".to_owned();
            return Err(data(&self.origin.name(), None, reason));
        };
        let Ok(text) = std::str::from_utf8(&header) else {
            let reason =
                "the header is not valid UTF-8; name the encoding with --encoding".to_owned();
            return Err(data(&self.origin.name(), Some(1), reason));
        };
        let line_end = memchr::memchr(b'\n', &sample[header.len().min(sample.len())..]);
        self.crlf = line_end.is_some_and(|n| sample[..header.len() + n].ends_with(b"\r"));
        delimited::fields(&header, delimiter, &mut ranges);
        self.columns = ranges
            .iter()
            .map(|r| delimited::value(&text[r.clone()]).into_owned())
            .collect();
        self.header = Some(header);
        Ok(())
    }

    /// Reads the next run of records into `batch`, whose memory is used again; false at
    /// the end.
    ///
    /// # Errors
    /// When reading, unpacking or parsing the whole fails, after all records before have
    /// been given out. A record that is wrong by itself is no error here.
    pub fn next_into(&mut self, batch: &mut Batch) -> Result<bool> {
        if let Some(first) = self.first.take() {
            *batch = first;
            return Ok(true);
        }
        self.read_into(batch)
    }

    fn read_into(&mut self, batch: &mut Batch) -> Result<bool> {
        match &mut self.source {
            Source::Text(chunker) => chunker
                .next_into(&mut batch.chunk)
                .map_err(|stopped| self.stopped(stopped)),
            Source::Xml(jobs) => jobs
                .next_into(&mut batch.chunk)
                .map_err(|e| self.xml_error(&e)),
            #[cfg(feature = "parquet")]
            Source::Parquet(rows) => {
                batch.columns = rows.next(&mut batch.chunk)?;
                Ok(batch.columns.is_some())
            }
        }
    }

    /// The first batch without taking it away; what a dry run and a column search look at.
    ///
    /// # Errors
    /// As [`Input::next_into`].
    pub fn peek(&mut self) -> Result<Option<&Batch>> {
        if self.first.is_none() {
            let mut batch = Batch::default();
            if self.read_into(&mut batch)? {
                self.first = Some(batch);
            }
        }
        Ok(self.first.as_ref())
    }

    /// Goes on at a place that an earlier reading of the same file has reported.
    ///
    /// # Errors
    /// [`Error::Io`], and [`Error::Data`] where the file has become shorter.
    pub fn skip_to(&mut self, position: Position) -> Result<()> {
        let Source::Text(chunker) = &self.source else {
            let reason = format!(
                "{} cannot be taken up in the middle",
                self.format.describe()
            );
            return Err(data(&self.origin.name(), None, reason));
        };
        let framing = chunker.framing();
        let Origin::File(path) = &self.origin else {
            let reason = "standard input cannot be taken up in the middle".to_owned();
            return Err(data(&self.origin.name(), None, reason));
        };
        let io = |e| cannot_read(&self.origin, e);
        let mut file = open_file(path)?;
        let count = Arc::new(AtomicU64::new(0));
        let text: Box<dyn Read + Send> =
            if self.compression == Compression::None && self.charset == Charset::utf8() {
                file.seek(SeekFrom::Start(position.byte)).map_err(io)?;
                Box::new(file)
            } else {
                let counted = Counted::new(file, Arc::clone(&count));
                let unpacked = self
                    .compression
                    .decoder(counted, &self.limits)
                    .map_err(io)?;
                let mut text = self.charset.decoder(unpacked);
                io::copy(&mut text.by_ref().take(position.byte), &mut io::sink()).map_err(io)?;
                text
            };
        let packed = (self.compression != Compression::None).then_some(count);
        self.first = None;
        self.source = Source::Text(Chunker::new(text, framing, position, packed, self.limits));
        Ok(())
    }

    fn xml_error(&self, error: &xml::Broken) -> Error {
        let reason = match &error.io {
            Some(io) => self.compression.explain(io, &self.limits),
            None => error.reason.clone(),
        };
        data(&self.origin.name(), Some(error.line), reason)
    }

    fn stopped(&self, stopped: Stopped) -> Error {
        let name = self.origin.name();
        match stopped {
            Stopped::Io(error) if self.compression == Compression::None => {
                cannot_read(&self.origin, error)
            }
            Stopped::Io(error) => data(&name, None, self.compression.explain(&error, &self.limits)),
            Stopped::CutOff { at, inside } => data(
                &name,
                Some(at.line),
                format!(
                    "the JSON is cut off inside {inside}, after {} whole ones; fetch the file again",
                    at.row
                ),
            ),
            Stopped::NotJson { at, found } => {
                data(&name, Some(at.line), format!("not JSON: {found}"))
            }
            Stopped::Bomb { at } => data(
                &name,
                Some(at.line),
                format!(
                    "one record unpacks to more than {}, and the file to more than {} times its size; if this is no decompression bomb, raise --max-ratio, or unpack it first",
                    size(self.limits.row as u64),
                    self.limits.ratio
                ),
            ),
        }
    }
}

fn data(origin: &str, line: Option<u64>, reason: String) -> Error {
    Error::Data {
        origin: origin.to_owned(),
        line,
        reason,
    }
}

fn cannot_read(origin: &Origin, source: io::Error) -> Error {
    let path = match origin {
        Origin::Stdin => PathBuf::from("standard input"),
        Origin::File(path) => path.clone(),
    };
    Error::Io {
        action: "read",
        path,
        source,
    }
}

fn open_file(path: &Path) -> Result<File> {
    File::open(path).map_err(|source| Error::Io {
        action: "read",
        path: path.to_owned(),
        source,
    })
}

/// Reads up to `n` bytes; what was read before an error stays.
fn take(from: &mut Box<dyn Read + Send>, n: usize, into: &mut Vec<u8>) -> io::Result<()> {
    from.by_ref().take(n as u64).read_to_end(into).map(|_| ())
}

/// Whether a head is the whole file.
fn failed_or_short(head: &[u8]) -> bool {
    head.len() < HEAD
}

/// Gives back the error that was met while looking ahead.
struct Failing(Option<io::Error>);

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

fn decoded(charset: Charset, head: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut decoder = charset.decoder(Box::new(io::Cursor::new(head.to_vec())));
    // A cursor does not fail.
    let _ = decoder.read_to_end(&mut text);
    text
}

/// Refuses what is full of zero bytes and other controls.
fn check_is_text(name: &str, sample: &[u8]) -> Result<()> {
    let control =
        |b: &&u8| **b < 0x20 && !matches!(**b, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b | 0x1e);
    let controls = sample.iter().filter(control).count();
    if controls * 100 > sample.len() {
        let at = sample.iter().position(|b| control(&b)).unwrap_or(0);
        let reason = format!(
            "it is not text: byte {at} is 0x{:02X}, and {controls} of the first {} are control characters; give CSV, TSV, JSON or Parquet",
            sample[at],
            sample.len()
        );
        return Err(data(name, None, reason));
    }
    Ok(())
}

/// Whether a JSON file holds lines or a document, how it is cut, and how many bytes come
/// before the first posting.
fn json_framing(sample: &[u8], whole: bool) -> (Format, Framing, usize) {
    let is_object = |line: &[u8]| {
        let line = line.trim_ascii();
        line.starts_with(b"{")
            && matches!(json::element(line, 0, false), json::Element::Value { range, .. } if range.end == line.len())
    };
    let mut lines = sample
        .split(|b| *b == b'\n')
        .filter(|l| !l.trim_ascii().is_empty());
    let (first, second) = (lines.next().unwrap_or_default(), lines.next());
    let lines = (Format::JsonLines, Framing::Lines, 0);
    if second.is_some_and(is_object) {
        return lines;
    }
    if let Some((_, at)) = json::find_array(sample) {
        let framing = Framing::Elements { wrapped: true };
        return (Format::JsonFeed, framing, at);
    }
    let blank = sample.len() - sample.trim_ascii_start().len();
    if sample.get(blank) == Some(&b'[') {
        let framing = Framing::Elements { wrapped: false };
        return (Format::JsonFeed, framing, blank + 1);
    }
    if is_object(first) || (whole && second.is_none()) {
        return lines;
    }
    (Format::JsonFeed, Framing::Values, 0)
}

/// The keys of the first objects, in order of appearance, hardly more than `most`.
fn keys(chunk: &Chunk, most: usize) -> Vec<String> {
    const LOOKED_AT: usize = 100;
    let mut keys: Vec<String> = Vec::new();
    for range in chunk.records.iter().take(LOOKED_AT) {
        let members = std::str::from_utf8(&chunk.bytes[range.clone()])
            .ok()
            .and_then(|text| json::members(text).ok());
        for (key, _) in members.unwrap_or_default() {
            if keys.len() <= most && !keys.iter().any(|known| *known == key) {
                keys.push(key.into_owned());
            }
        }
    }
    keys
}
