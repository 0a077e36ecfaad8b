//! One batch of rows: read, labelled and written into bytes by one thread.
#![cfg_attr(
    not(feature = "parquet"),
    allow(
        clippy::needless_pass_by_value,
        reason = "Parquet's columns take the verdict apart"
    )
)]

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr;

use super::holdings::Sighting;
use super::plan::{Layout, Plan};
use super::{LabelOptions, Tally};
use crate::classifier::{Classifier, Scratch};
use crate::error::Result;
use crate::posting::Posting;
use crate::prediction::{EvidenceKind, Explanation, Status};
use crate::readers::chunks::{Chunk, Extent, Position};
use crate::readers::json::{self, compact, write_string};
use crate::readers::limits::size;
use crate::readers::records::Row;
use crate::readers::{Batch, Format, delimited};
use crate::writers::{self, Appended, OutputFormat, Verdict};

/// What came of a batch.
#[derive(Debug, Default)]
pub struct Block {
    /// The output.
    pub bytes: Vec<u8>,
    /// The output where it is Parquet.
    #[cfg(feature = "parquet")]
    pub rows: Option<arrow_array::RecordBatch>,
    /// Records of the rejects file.
    pub rejects: Vec<u8>,
    /// The first reject: its line, and why.
    pub first_reject: Option<(u64, String)>,
    /// Counts.
    pub tally: Tally,
    /// What was seen in the rows, if they are counted for a report.
    pub sightings: Vec<Sighting>,
    /// Where the next batch begins; none inside a record that is passed on in parts.
    pub end: Option<Position>,
}

/// Labels batches; every thread has its own.
pub struct Labeller<'a> {
    classifier: &'a Classifier,
    options: &'a LabelOptions,
    plan: &'a Plan,
    scratch: Scratch,
    ranges: Vec<Range<usize>>,
    block: Block,
    line_end: &'static [u8],
    #[cfg(feature = "parquet")]
    table: writers::parquet::Table,
}

/// A row that cannot be labelled.
struct Faulty<'r> {
    text: Cow<'r, str>,
    reason: String,
}

impl<'a> Labeller<'a> {
    /// A labeller for the batches of one input.
    #[must_use]
    pub fn new(classifier: &'a Classifier, options: &'a LabelOptions, plan: &'a Plan) -> Self {
        Self {
            classifier,
            options,
            plan,
            scratch: Scratch::default(),
            ranges: Vec::new(),
            block: Block::default(),
            line_end: b"\n",
            #[cfg(feature = "parquet")]
            table: writers::parquet::Table::default(),
        }
    }

    /// Labels a batch.
    ///
    /// # Errors
    /// When the output cannot be packed or built.
    pub fn label(&mut self, batch: &mut Batch) -> Result<Block> {
        self.block = Block {
            tally: Tally::new(self.classifier.labels().len()),
            end: batch.chunk.end,
            ..Block::default()
        };
        #[cfg(feature = "parquet")]
        if let Some(rows) = batch.columns.take() {
            if self.plan.output == OutputFormat::Parquet && self.plan.layout == Layout::Verbatim {
                let first = batch.chunk.row(0);
                return self.label_columns(&rows, first);
            }
            crate::readers::parquet::to_lines(&rows, &mut batch.chunk)?;
        }
        match batch.chunk.extent {
            Extent::Part { first, last } => {
                self.pass_part(&batch.chunk, first, last);
                if !last {
                    self.block.end = None;
                }
            }
            _ => self.label_chunk(&batch.chunk),
        }
        #[cfg(feature = "parquet")]
        if self.plan.output == OutputFormat::Parquet {
            let rows = self.table.finish(&self.plan.names, &self.plan.appended)?;
            self.block.rows = Some(rows);
        }
        let mut block = std::mem::take(&mut self.block);
        block.tally.bytes = batch.chunk.bytes.len() as u64;
        block.bytes = self.plan.pack(block.bytes)?;
        Ok(block)
    }

    fn label_chunk(&mut self, chunk: &Chunk) {
        let expected = chunk.bytes.len() + chunk.records.len() * 100;
        self.block.bytes.reserve(expected);
        let delimited = matches!(self.plan.output, OutputFormat::Delimited(_));
        self.line_end = if chunk.crlf && delimited {
            b"\r\n"
        } else {
            b"\n"
        };
        let all = std::str::from_utf8(&chunk.bytes).ok();
        let has_nul = memchr(0, &chunk.bytes).is_some();
        let mut passed = chunk.position(0);
        let mut passed_bytes = chunk.records.first().map_or(0, |r| r.start);
        for (i, range) in chunk.records.iter().enumerate() {
            let bytes = &chunk.bytes[range.clone()];
            let text = match all {
                Some(all) => Ok(&all[range.clone()]),
                None => std::str::from_utf8(bytes),
            };
            let nul = if has_nul { memchr(0, bytes) } else { None };
            let outcome = match (text, nul) {
                (Ok(text), None) => {
                    let last = i + 1 == chunk.records.len();
                    let unclosed = last && chunk.extent == Extent::Unclosed;
                    self.label_text(text, unclosed, chunk, i)
                }
                (Ok(text), Some(at)) => Err(Faulty {
                    text: Cow::Borrowed(text),
                    reason: format!("byte {} of the record is NUL", at + 1),
                }),
                (Err(e), _) => Err(Faulty {
                    text: String::from_utf8_lossy(bytes),
                    reason: format!(
                        "byte {} of the record, 0x{:02X}, is not UTF-8",
                        e.valid_up_to() + 1,
                        bytes[e.valid_up_to()]
                    ),
                }),
            };
            if let Err(faulty) = outcome {
                // Lines are counted from the last reject on, so that many cost no more.
                passed = passed.after(&chunk.bytes[passed_bytes..range.start], 0);
                passed_bytes = range.start;
                let row = chunk.row(i);
                self.reject(&faulty, bytes, Position { row, ..passed });
                if self.options.strict {
                    return;
                }
            }
        }
    }

    fn label_text<'t>(
        &mut self,
        text: &'t str,
        unclosed: bool,
        chunk: &Chunk,
        record: usize,
    ) -> std::result::Result<(), Faulty<'t>> {
        let mut ranges = std::mem::take(&mut self.ranges);
        let outcome = self.label_record(text, unclosed, &mut ranges, chunk, record);
        self.ranges = ranges;
        outcome.map_err(|reason| Faulty {
            text: Cow::Borrowed(text),
            reason,
        })
    }

    fn label_record(
        &mut self,
        text: &str,
        unclosed: bool,
        ranges: &mut Vec<Range<usize>>,
        chunk: &Chunk,
        record: usize,
    ) -> std::result::Result<(), String> {
        let plan = self.plan;
        let row = if let Format::Delimited(delimiter) = plan.format {
            delimited::fields(text.as_bytes(), delimiter, ranges);
            if ranges.len() != plan.columns.len() || unclosed {
                return Err(ragged(text, ranges, plan.columns.len(), unclosed));
            }
            Row::Fields { text, ranges }
        } else {
            let members = json::members(text)?;
            if plan.is_no_posting(&members) {
                self.block.tally.skipped += 1;
                return Ok(());
            }
            let limits = &self.options.read.limits;
            if members.len() > limits.columns {
                return Err(format!(
                    "the record has {} keys, more than --max-columns allows ({})",
                    members.len(),
                    limits.columns
                ));
            }
            plan.check_names(&members)?;
            Row::Object(members)
        };
        self.check_limits(text, &row)?;
        let description = row.joined(&plan.columns, &plan.chosen.text)?;
        let title = row.joined(&plan.columns, &plan.chosen.title)?;
        let verdict = self.judge(&title, &description);
        if let Some(about) = &plan.about {
            let part = |fields| row.joined(&plan.columns, fields).unwrap_or_default();
            let about = [&about.date, &about.source, &about.company].map(|f| part(f));
            self.sight(
                &title,
                &description,
                &verdict,
                about.each_ref().map(|v| &**v),
            );
        }
        self.write_row(text, &row, verdict, &|| chunk.row(record));
        Ok(())
    }

    /// Refuses a record, or a field of it, that is too large or nested too deep.
    fn check_limits(&self, text: &str, row: &Row) -> std::result::Result<(), String> {
        let (limits, columns) = (&self.options.read.limits, &self.plan.columns);
        if text.len() > limits.row {
            let limit = size(limits.row as u64);
            return Err(format!(
                "the record has more than {limit} (--max-row) and is not labelled"
            ));
        }
        let too_large = |column: &str, length: usize| {
            format!(
                "the column `{column}` has {length} bytes, more than --max-field allows ({})",
                size(limits.field as u64)
            )
        };
        if text.len() > limits.field {
            let large = match row {
                Row::Fields { ranges, .. } => {
                    let large = ranges.iter().position(|r| r.len() > limits.field);
                    large.map(|at| too_large(&columns[at], ranges[at].len()))
                }
                Row::Object(members) => {
                    let large = members.iter().find(|(_, v)| v.get().len() > limits.field);
                    large.map(|(key, value)| too_large(key, value.get().len()))
                }
            };
            large.map_or(Ok(()), Err)?;
        }
        let Row::Object(members) = row else {
            return Ok(());
        };
        let chosen = self.plan.chosen.text.iter().chain(&self.plan.chosen.title);
        for field in chosen {
            let value = columns
                .get(field.column)
                .and_then(|name| members.iter().find(|(key, _)| key == name));
            if let Some((key, value)) = value
                && json::depth(value.get()) > limits.nesting
            {
                return Err(format!(
                    "the value of `{key}` is nested more than {} deep (--max-nesting)",
                    limits.nesting
                ));
            }
        }
        Ok(())
    }

    fn judge(&mut self, title: &str, description: &str) -> Verdict {
        let posting = Posting::titled(title, description);
        let (prediction, terms) = match self.options.explain {
            Some(n) => {
                let explanation = self.classifier.explain_with(posting, &mut self.scratch);
                let terms = strongest(&explanation, n);
                (explanation.prediction, terms)
            }
            None => (
                self.classifier.classify_with(posting, &mut self.scratch),
                String::new(),
            ),
        };
        let unsure = prediction.label.is_some()
            && (prediction.confidence() < self.options.min_confidence
                || prediction.margin() < self.options.min_margin);
        let tally = &mut self.block.tally;
        let (label, status) = if unsure {
            tally.unsure += 1;
            (None, "unsure")
        } else {
            match prediction.status {
                Status::Ok => tally.ok += 1,
                Status::TitleOnly => tally.title_only += 1,
                Status::Short => tally.short += 1,
                Status::Foreign => tally.foreign += 1,
            }
            (prediction.label, prediction.status.as_str())
        };
        if let Some(label) = label {
            tally.labels[label] += 1;
        }
        Verdict {
            label,
            prediction: Some(prediction),
            terms,
            status: Cow::Borrowed(status),
        }
    }

    /// Notes what the row judged last holds; without a source, the input's name is one.
    fn sight(
        &mut self,
        title: &str,
        text: &str,
        verdict: &Verdict,
        [date, source, company]: [&str; 3],
    ) {
        let Some(prediction) = &verdict.prediction else {
            return;
        };
        let source = if source.trim().is_empty() {
            &self.plan.origin
        } else {
            source
        };
        let about = [date, source, company];
        let posting = Posting::titled(title, text);
        let skills = self.scratch.skills();
        let sighting = Sighting::new(posting, prediction, verdict.label, skills, about);
        self.block.sightings.push(sighting);
    }

    fn write_row(&mut self, text: &str, row: &Row, verdict: Verdict, number: &dyn Fn() -> u64) {
        let plan = self.plan;
        let out = &mut self.block.bytes;
        match plan.output {
            OutputFormat::Delimited(delimiter) => {
                if let Layout::Columns(kept) = &plan.layout {
                    for (i, kept) in kept.iter().enumerate() {
                        if i > 0 {
                            out.push(delimiter);
                        }
                        if let Some(value) = plan.value(row, kept, number) {
                            delimited::write_value(&plan.guard(&value), delimiter, out);
                        }
                    }
                } else {
                    out.extend_from_slice(text.as_bytes());
                }
                writers::delimited::write(&verdict, &plan.appended, delimiter, out);
                out.extend_from_slice(self.line_end);
            }
            OutputFormat::JsonLines => {
                write_object(plan, text, row, number, out);
                writers::json_lines::write(&verdict, &plan.appended, out);
                out.extend_from_slice(b"}\n");
            }
            #[cfg(feature = "parquet")]
            OutputFormat::Parquet => {
                if let Layout::Columns(kept) = &plan.layout {
                    let values = kept.iter().map(|k| plan.value(row, k, number));
                    self.table.push(values, verdict);
                }
            }
            #[cfg(not(feature = "parquet"))]
            OutputFormat::Parquet => {}
        }
    }

    /// Writes a row that cannot be labelled in its place, and notes it.
    fn reject(&mut self, faulty: &Faulty, raw: &[u8], position: Position) {
        self.note(&faulty.reason, position);
        if self.options.strict {
            return;
        }
        self.begin_reject(&faulty.reason, position);
        delimited::write_value(&self.plan.guard(&shown(raw)), b',', &mut self.block.rejects);
        self.block.rejects.push(b'\n');
        let mut verdict = error_verdict(&faulty.reason);
        let number = || position.row;
        if let Format::Delimited(delimiter) = self.plan.format {
            let mut ranges = Vec::new();
            let text = repair(
                &faulty.text,
                delimiter,
                self.plan.columns.len(),
                &mut ranges,
            );
            delimited::fields(text.as_bytes(), delimiter, &mut ranges);
            let row = Row::Fields {
                text: &text,
                ranges: &ranges,
            };
            return self.write_row(&text, &row, verdict, &number);
        }
        if self.plan.output != OutputFormat::JsonLines {
            verdict.status.to_mut().push_str("; the record: ");
            verdict.status.to_mut().push_str(&faulty.text);
            return self.write_row("", &Row::Object(Vec::new()), verdict, &number);
        }
        let out = &mut self.block.bytes;
        raw_answer(&self.plan.appended, &faulty.text, &faulty.reason, out);
    }

    fn note(&mut self, reason: &str, position: Position) {
        self.block.tally.errors += 1;
        if self.block.first_reject.is_none() {
            self.block.first_reject = Some((position.line, reason.to_owned()));
        }
    }

    /// Everything of a record of the rejects file but the rejected record itself.
    fn begin_reject(&mut self, reason: &str, position: Position) {
        let out = &mut self.block.rejects;
        delimited::write_value(&self.plan.guard(&self.plan.origin), b',', out);
        out.extend_from_slice(format!(",{},{},", position.line, position.byte).as_bytes());
        delimited::write_value(reason, b',', out);
        out.push(b',');
    }

    /// Passes on a part of a record that is too large to be labelled. Its text stands in
    /// the status (in JSON in a member of its own), whatever its length.
    fn pass_part(&mut self, chunk: &Chunk, first: bool, last: bool) {
        let reason = format!(
            "the record has more than {} (--max-row) and is not labelled",
            size(self.options.read.limits.row as u64)
        );
        let position = chunk.start.unwrap_or(Position::START);
        let text = String::from_utf8_lossy(&chunk.bytes);
        let doubled = text.replace('"', "\"\"");
        if first {
            self.note(&reason, position);
            self.begin_reject(&reason, position);
            self.block.rejects.push(b'"');
        }
        self.block.rejects.extend_from_slice(doubled.as_bytes());
        if last {
            self.block.rejects.extend_from_slice(b"\"\n");
        }
        let plan = self.plan;
        let verdict = error_verdict(&reason);
        let out = &mut self.block.bytes;
        match plan.output {
            OutputFormat::Delimited(delimiter) => {
                if first {
                    out.extend(std::iter::repeat_n(
                        delimiter,
                        plan.names.len().saturating_sub(1),
                    ));
                    writers::delimited::before_status(&verdict, &plan.appended, delimiter, out);
                    out.push(b'"');
                    out.extend_from_slice(verdict.status.as_bytes());
                    out.extend_from_slice(b"; its text: ");
                }
                out.extend_from_slice(doubled.as_bytes());
                if last {
                    out.push(b'"');
                    writers::delimited::after_status(&plan.appended, delimiter, out);
                    out.push(b'\n');
                }
            }
            OutputFormat::JsonLines => {
                if first {
                    out.push(b'{');
                    write_string(&plan.appended.raw_name(), out);
                    out.extend_from_slice(b":\"");
                }
                json::escape(&text, out);
                if last {
                    out.extend_from_slice(b"\",");
                    writers::json_lines::write(&verdict, &plan.appended, out);
                    out.extend_from_slice(b"}\n");
                }
            }
            OutputFormat::Parquet if first => {
                self.write_row("", &Row::Object(Vec::new()), verdict, &|| position.row);
            }
            OutputFormat::Parquet => {}
        }
    }

    #[cfg(feature = "parquet")]
    fn label_columns(&mut self, rows: &arrow_array::RecordBatch, first: u64) -> Result<Block> {
        let texts = writers::parquet::Postings::of(rows, &self.plan.chosen)?;
        let about = self.plan.about.as_ref();
        let about = about.map(|about| writers::parquet::about(rows, about, &self.plan.columns));
        let about = about.transpose()?;
        for i in 0..rows.num_rows() {
            let (title, text) = texts.get(i);
            let limits = &self.options.read.limits;
            let verdict = if title.len().max(text.len()) > limits.row.min(limits.field) {
                let reason = format!(
                    "title or text has more than {} (--max-row, --max-field)",
                    size(limits.row.min(limits.field) as u64)
                );
                // Its rows are counted as lines are elsewhere.
                let row = first + i as u64;
                let position = Position {
                    line: row + 1,
                    byte: 0,
                    row,
                };
                self.note(&reason, position);
                self.begin_reject(&reason, position);
                delimited::write_value(&text, b',', &mut self.block.rejects);
                self.block.rejects.push(b'\n');
                error_verdict(&reason)
            } else {
                let verdict = self.judge(&title, &text);
                if let Some(about) = &about {
                    let about = about[i].each_ref().map(String::as_str);
                    self.sight(&title, &text, &verdict, about);
                }
                verdict
            };
            self.table.push(std::iter::empty(), verdict);
        }
        self.block.rows = Some(self.table.beside(rows, self.plan)?);
        self.block.tally.bytes = rows.get_array_memory_size() as u64;
        Ok(std::mem::take(&mut self.block))
    }
}

/// Writes the answer to a line of JSON that cannot be labelled, with the line as it
/// stands in a member of its own.
pub(super) fn raw_answer(appended: &Appended, line: &str, reason: &str, out: &mut Vec<u8>) {
    out.push(b'{');
    write_string(&appended.raw_name(), out);
    out.push(b':');
    write_string(line, out);
    out.push(b',');
    writers::json_lines::write(&error_verdict(reason), appended, out);
    out.extend_from_slice(b"}\n");
}

fn error_verdict(reason: &str) -> Verdict {
    Verdict {
        label: None,
        prediction: None,
        terms: String::new(),
        status: Cow::Owned(format!("error: {reason}")),
    }
}

fn ragged(text: &str, ranges: &[Range<usize>], expected: usize, unclosed: bool) -> String {
    if unclosed {
        return "a quote is opened and never closed, up to the end of the file".to_owned();
    }
    let found = ranges.len();
    match ranges.get(expected) {
        Some(surplus) => format!(
            "{found} fields where the header has {expected}; surplus: {}",
            &text[surplus.start..]
        ),
        None => format!("{found} fields where the header has {expected}"),
    }
}

/// Writes an object up to where the verdict's members follow.
fn write_object(plan: &Plan, text: &str, row: &Row, number: &dyn Fn() -> u64, out: &mut Vec<u8>) {
    let start = out.len();
    match (&plan.layout, row) {
        (Layout::Columns(kept), _) => {
            out.push(b'{');
            for (name, kept) in plan.names.iter().zip(kept) {
                write_string(name, out);
                out.push(b':');
                plan.write_json(row, kept, number, out);
                out.push(b',');
            }
            return;
        }
        (Layout::Members { dropped, source }, Row::Object(members)) => {
            out.push(b'{');
            for (key, value) in members {
                if !dropped.iter().any(|d| d == key) {
                    write_string(key, out);
                    out.push(b':');
                    compact(value.get(), out);
                    out.push(b',');
                }
            }
            if let Some(source) = source {
                write_string(source, out);
                out.push(b':');
                write_string(&plan.origin, out);
                out.push(b',');
            }
            return;
        }
        _ if memchr(b'\n', text.as_bytes()).is_some() => compact(text, out),
        _ => out.extend_from_slice(text.trim().as_bytes()),
    }
    // The verdict goes in before the closing brace.
    out.pop();
    while out.last().is_some_and(u8::is_ascii_whitespace) {
        out.pop();
    }
    if out.len() > start + 1 {
        out.push(b',');
    }
}

/// A record with as many fields as the header: short ones are padded, surplus fields
/// taken off, an open quote closed.
fn repair(text: &str, delimiter: u8, wanted: usize, ranges: &mut Vec<Range<usize>>) -> String {
    delimited::fields(text.as_bytes(), delimiter, ranges);
    let mut repaired = match ranges.get(wanted) {
        Some(surplus) => text[..surplus.start - 1].to_owned(),
        None => text.to_owned(),
    };
    let open = delimited::Split::Unfinished { quoted: true };
    if delimited::split(repaired.as_bytes(), 0, delimiter, true) == open {
        repaired.push('"');
    }
    let missing = wanted.saturating_sub(ranges.len());
    repaired.extend(std::iter::repeat_n(char::from(delimiter), missing));
    repaired
}

/// A raw record as text; bytes that are not UTF-8 as `\xNN`.
fn shown(raw: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(raw) {
        return Cow::Borrowed(text);
    }
    let mut text = String::new();
    for chunk in raw.utf8_chunks() {
        text += chunk.valid();
        for byte in chunk.invalid() {
            text += &format!("\\x{byte:02X}");
        }
    }
    Cow::Owned(text)
}

/// The strongest terms for and against the likeliest label, as `term +0.83; other -0.20`.
fn strongest(explanation: &Explanation, n: usize) -> String {
    let label = explanation.prediction.ranking()[0];
    let is_term = |kind| !matches!(kind, EvidenceKind::Bias | EvidenceKind::Rest);
    let mut terms: Vec<(f64, &str)> = explanation
        .evidence
        .iter()
        .filter(|e| is_term(e.kind))
        .map(|e| (e.in_favour(label), e.term.as_str()))
        .collect();
    terms.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()));
    let shown: Vec<String> = terms
        .iter()
        .take(n)
        .map(|(weight, term)| format!("{term} {weight:+.2}"))
        .collect();
    shown.join("; ")
}
