//! One answer per line, at once: for whoever talks to rolecall through a pipe.
#![cfg_attr(
    not(feature = "parquet"),
    allow(clippy::needless_update, reason = "Parquet's batches have more fields")
)]

use std::io::{BufRead, Read};

use super::plan::Plan;
use super::rows::{Labeller, raw_answer};
use super::{LabelOptions, Tally};
use crate::classifier::Classifier;
use crate::error::{Error, Result};
use crate::readers::chunks::{Chunk, Extent, Position, Quotes};
use crate::readers::compression::Compression;
use crate::readers::limits::size;
use crate::readers::{Batch, Input, delimited, json};
use crate::writers::target::Target;
use crate::writers::{Appended, OutputFormat};

/// Answers every line of `lines` with one line on `out` before it reads the next, errors
/// included: JSON objects with JSON, delimited records under a header with records. A
/// quoted field may hold line ends; its record has one answer.
///
/// # Errors
/// [`Error::Data`] for a header without a text column, [`Error::Io`].
pub fn answer(
    classifier: &Classifier,
    options: &LabelOptions,
    lines: &mut impl BufRead,
    out: &mut Target,
) -> Result<Tally> {
    let mut stream = Stream {
        classifier,
        options,
        lines,
        out,
        chunk: Chunk::default(),
        position: Position::START,
        tally: Tally::new(classifier.labels().len()),
        delimiter: None,
    };
    stream.run()?;
    Ok(stream.tally)
}

struct Stream<'a, R> {
    classifier: &'a Classifier,
    options: &'a LabelOptions,
    lines: &'a mut R,
    out: &'a mut Target,
    chunk: Chunk,
    position: Position,
    tally: Tally,
    /// Of records; objects have none.
    delimiter: Option<u8>,
}

impl<R: BufRead> Stream<'_, R> {
    fn run(&mut self) -> Result<()> {
        if !self.read(None)? {
            return Ok(());
        }
        let delimiter = self.options.read.delimiter;
        if delimiter.is_none() && matches!(self.chunk.bytes.trim_ascii().first(), Some(b'{' | b'['))
        {
            self.answer_objects()
        } else {
            let line = &self.chunk.bytes;
            let delimiter = delimiter.unwrap_or_else(|| delimited::sniff(line, true));
            self.answer_records(delimiter)
        }
    }

    /// Reads one line, or one record where a delimiter is known; false at the end.
    fn read(&mut self, delimiter: Option<u8>) -> Result<bool> {
        let largest = self.options.read.limits.row;
        let bytes = &mut self.chunk.bytes;
        bytes.clear();
        loop {
            let room = (largest - bytes.len().min(largest)) as u64;
            let n = self
                .lines
                .take(room)
                .read_until(b'\n', bytes)
                .map_err(cannot_read)?;
            let whole = delimiter.is_none_or(|d| {
                matches!(
                    delimited::split(bytes, 0, d, true),
                    delimited::Split::Record(_)
                )
            });
            if n == 0 || bytes.len() >= largest || (whole && bytes.ends_with(b"\n")) {
                break;
            }
        }
        if self.position == Position::START && bytes.starts_with(b"\xef\xbb\xbf") {
            bytes.drain(..3);
        }
        let end = bytes.len() - usize::from(bytes.ends_with(b"\n"));
        let end = end - usize::from(bytes[..end].ends_with(b"\r"));
        self.chunk.crlf = bytes[end..].starts_with(b"\r\n");
        self.chunk.records.clear();
        self.chunk.records.push(0..end);
        self.chunk.start = Some(self.position);
        self.position = self.position.after(bytes, 1);
        self.chunk.extent = Extent::Whole;
        Ok(!bytes.is_empty())
    }

    fn answer_records(&mut self, delimiter: u8) -> Result<()> {
        self.delimiter = Some(delimiter);
        let largest = self.options.read.limits.row;
        if self.chunk.bytes.len() >= largest {
            return Err(Error::Data {
                origin: "standard input".to_owned(),
                line: Some(1),
                reason: format!(
                    "the first record, which names the columns, has more than {} (--max-row)",
                    size(largest as u64)
                ),
            });
        }
        let header = self.chunk.bytes[self.chunk.records[0].clone()].to_vec();
        let no_header = self.options.read.no_header;
        let mut input = Input::of_header(delimiter, &header, no_header);
        let output = self
            .options
            .format
            .unwrap_or(OutputFormat::Delimited(delimiter));
        let plan = self.plan(&mut input, output)?;
        let mut labeller = Labeller::new(self.classifier, self.options, &plan);
        self.out.put(&plan.header(&input, no_header))?;
        self.out.pass_on()?;
        if no_header {
            self.answer(&mut labeller)?;
        } else {
            self.position.row = 0;
        }
        while self.read(Some(delimiter))? {
            self.answer(&mut labeller)?;
        }
        Ok(())
    }

    fn plan(&self, input: &mut Input, output: OutputFormat) -> Result<Plan> {
        if output == OutputFormat::Parquet {
            return Err(Error::Data {
                origin: "standard output".to_owned(),
                line: None,
                reason: "Parquet cannot be written line by line; choose csv, tsv or jsonl"
                    .to_owned(),
            });
        }
        let none = Compression::None;
        Plan::new(input, self.classifier, self.options, output, none, None)
    }

    /// The columns may differ from line to line.
    fn answer_objects(&mut self) -> Result<()> {
        loop {
            let keys = self.keys();
            let plan = match keys {
                Ok(keys) => self
                    .plan(&mut Input::of_keys(keys), OutputFormat::JsonLines)
                    .map_err(|e| e.to_string().replace('\n', ";")),
                Err(reason) => Err(reason),
            };
            match plan {
                Ok(plan) => {
                    let mut labeller = Labeller::new(self.classifier, self.options, &plan);
                    loop {
                        self.answer(&mut labeller)?;
                        if !self.read(None)? {
                            return Ok(());
                        }
                        if self.keys().is_ok_and(|keys| keys != plan.columns) {
                            break;
                        }
                    }
                }
                Err(reason) => {
                    self.answer_wrong(&reason)?;
                    if !self.read(None)? {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// The keys of the object on the line.
    fn keys(&self) -> std::result::Result<Vec<String>, String> {
        let line = &self.chunk.bytes[self.chunk.records[0].clone()];
        let text = std::str::from_utf8(line).map_err(|_| "the line is not UTF-8".to_owned())?;
        let members = json::members(text)?;
        Ok(members
            .into_iter()
            .map(|(key, _)| key.into_owned())
            .collect())
    }

    /// Answers a line before any has told the columns.
    fn answer_wrong(&mut self, reason: &str) -> Result<()> {
        let terms = self.options.explain.is_some();
        let appended = Appended::new(self.classifier, &self.options.prefix, terms);
        let line = String::from_utf8_lossy(&self.chunk.bytes[self.chunk.records[0].clone()]);
        let mut out = Vec::new();
        raw_answer(&appended, &line, reason, &mut out);
        self.tally.errors += 1;
        self.out.put(&out)?;
        self.out.pass_on()?;
        let largest = self.options.read.limits.row;
        let mut whole = self.chunk.bytes.len() < largest;
        while !whole {
            // The line's answer has been given; its rest is no line of its own.
            self.chunk.bytes.clear();
            let mut rest = self.lines.take(largest as u64);
            let n = rest
                .read_until(b'\n', &mut self.chunk.bytes)
                .map_err(cannot_read)?;
            whole = n == 0 || self.chunk.bytes.ends_with(b"\n");
        }
        Ok(())
    }

    fn answer(&mut self, labeller: &mut Labeller) -> Result<()> {
        let mut batch = Batch {
            chunk: std::mem::take(&mut self.chunk),
            ..Batch::default()
        };
        if batch.chunk.bytes.len() < self.options.read.limits.row {
            self.put(labeller, &mut batch)?;
        } else {
            self.answer_in_parts(labeller, &mut batch)?;
        }
        self.out.pass_on()?;
        self.chunk = batch.chunk;
        Ok(())
    }

    /// Whatever its length, a line is answered in bounded memory.
    fn answer_in_parts(&mut self, labeller: &mut Labeller, batch: &mut Batch) -> Result<()> {
        let mut first = true;
        let mut quotes = self.delimiter.map(|_| Quotes::default());
        loop {
            let bytes = &mut batch.chunk.bytes;
            let inside = match (&mut quotes, self.delimiter) {
                (Some(quotes), Some(delimiter)) => quotes.are_open_after(bytes, delimiter),
                _ => false,
            };
            let last = bytes.is_empty() || (bytes.ends_with(b"\n") && !inside);
            if last {
                bytes.pop();
            }
            batch.chunk.extent = Extent::Part { first, last };
            self.put(labeller, batch)?;
            if last {
                return Ok(());
            }
            first = false;
            batch.chunk.bytes.clear();
            let mut rest = self.lines.take(self.options.read.limits.row as u64);
            rest.read_until(b'\n', &mut batch.chunk.bytes)
                .map_err(cannot_read)?;
        }
    }

    fn put(&mut self, labeller: &mut Labeller, batch: &mut Batch) -> Result<()> {
        let block = labeller.label(batch)?;
        self.tally.add(&block.tally);
        self.out.put(&block.bytes)
    }
}

fn cannot_read(source: std::io::Error) -> Error {
    Error::Io {
        action: "read",
        path: "standard input".into(),
        source,
    }
}
