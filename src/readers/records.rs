//! Records with named columns, one at a time: for whoever needs values rather than bytes.

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::chunks::{Chunk, Extent, Position};
use super::json::{self, Members};
use super::{Batch, Format, Input, Origin, ReadOptions, delimited};
use crate::columns::{self, Chosen, Field, Wishes};
use crate::error::{Error, Result};

/// A value, or what is wrong with it.
pub type Reading<T> = std::result::Result<T, String>;

/// One record, its values not yet read.
pub enum Row<'a> {
    /// A delimited record and its raw fields.
    Fields {
        /// The record.
        text: &'a str,
        /// Where its fields stand.
        ranges: &'a [Range<usize>],
    },
    /// A JSON object.
    Object(Members<'a>),
}

impl<'a> Row<'a> {
    /// A record of a format, its fields found and put into `ranges`.
    ///
    /// # Errors
    /// What is wrong with its JSON.
    pub fn of(text: &'a str, format: Format, ranges: &'a mut Vec<Range<usize>>) -> Reading<Self> {
        if let Format::Delimited(delimiter) = format {
            delimited::fields(text.as_bytes(), delimiter, ranges);
            return Ok(Self::Fields { text, ranges });
        }
        json::members(text).map(Self::Object)
    }

    /// The value of a column as text; empty where the row has none.
    ///
    /// # Errors
    /// A JSON string with an escape that does not exist.
    pub fn value(&self, columns: &[String], column: usize) -> Reading<Cow<'a, str>> {
        match self {
            Self::Fields { text, ranges } => Ok(ranges
                .get(column)
                .map_or(Cow::Borrowed(""), |r| delimited::value(&text[r.clone()]))),
            Self::Object(members) => {
                member(members, columns.get(column)).map_or(Ok(Cow::Borrowed("")), json::text_of)
            }
        }
    }

    /// What the chosen fields say together, joined by blank lines. A single plain field is
    /// not copied.
    ///
    /// # Errors
    /// What is wrong with a JSON value.
    pub fn joined(&self, columns: &[String], fields: &[Field]) -> Reading<Cow<'a, str>> {
        if let [field] = fields {
            return self.field(columns, field);
        }
        let mut joined = String::new();
        for field in fields {
            json::add(&self.field(columns, field)?, &mut joined);
        }
        Ok(Cow::Owned(joined))
    }

    fn field(&self, columns: &[String], field: &Field) -> Reading<Cow<'a, str>> {
        let found = self.followed(columns, field)?;
        match field.otherwise {
            Some(other) if found.trim().is_empty() => self.value(columns, other),
            _ => Ok(found),
        }
    }

    fn followed(&self, columns: &[String], field: &Field) -> Reading<Cow<'a, str>> {
        let mut text = String::new();
        if let Self::Object(members) = self {
            let Some(raw) = member(members, columns.get(field.column)) else {
                return Ok(Cow::Borrowed(""));
            };
            if raw.get().starts_with(['[', '{']) {
                json::follow(raw, &field.path, &mut text)?;
                return Ok(Cow::Owned(text));
            }
        }
        let value = self.value(columns, field.column)?;
        if field.path.is_empty() {
            return Ok(value);
        }
        if value.trim().is_empty() {
            return Ok(Cow::Borrowed(""));
        }
        match (serde_json::from_str(&value), self) {
            (Ok(raw), _) => json::follow(raw, &field.path, &mut text)?,
            // Feeds put a string where other rows have an object.
            (Err(_), Self::Object(_)) => {}
            (Err(_), Self::Fields { .. }) => {
                let name = &columns[field.column];
                return Err(format!("the column `{name}` holds no JSON to look into"));
            }
        }
        Ok(Cow::Owned(text))
    }
}

fn member<'a>(
    members: &Members<'a>,
    name: Option<&String>,
) -> Option<&'a serde_json::value::RawValue> {
    let name = name?;
    members.iter().find(|(key, _)| key == name).map(|(_, v)| *v)
}

/// Shows the first rows of an input, at most `n`, value by value, without taking them away;
/// rows that are wrong are left out.
///
/// # Errors
/// When the input cannot be read.
pub fn sample_first(input: &mut Input, n: usize, mut show: impl FnMut(&[Cow<str>])) -> Result<()> {
    let (format, columns) = (input.format, input.columns.clone());
    let Some(batch) = input.peek()? else {
        return Ok(());
    };
    let mut ranges = Vec::new();
    let mut show_all = |chunk: &Chunk| {
        for record in chunk.records.iter().take(n) {
            let text = std::str::from_utf8(&chunk.bytes[record.clone()]).ok();
            let row = text.and_then(|text| Row::of(text, format, &mut ranges).ok());
            let Some(row) = row else { continue };
            let values: Vec<Cow<str>> = (0..columns.len())
                .map(|c| row.value(&columns, c).unwrap_or_default())
                .collect();
            show(&values);
        }
    };
    #[cfg(feature = "parquet")]
    if let Some(rows) = &batch.columns {
        let mut chunk = Chunk::default();
        super::parquet::to_lines(&rows.slice(0, rows.num_rows().min(n)), &mut chunk)?;
        show_all(&chunk);
        return Ok(());
    }
    show_all(&batch.chunk);
    Ok(())
}

/// One posting of a file, with all that stands beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The title; empty where there is none.
    pub title: String,
    /// The text.
    pub text: String,
    /// The line on which it begins, from 1.
    pub line: u64,
    columns: Arc<Vec<String>>,
    values: Vec<String>,
}

impl Record {
    /// The value of a column by its position; empty where the row has none.
    #[must_use]
    pub fn value(&self, column: usize) -> &str {
        self.values.get(column).map_or("", String::as_str)
    }

    /// The value of a column, whose name is compared as [`columns::fold`] folds it;
    /// `None` where the file has no such column.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let wanted = columns::fold(name);
        let column = self
            .columns
            .iter()
            .position(|c| columns::fold(c) == wanted)?;
        self.values.get(column).map(String::as_str)
    }
}

/// Reads a file of postings record by record.
///
/// ```no_run
/// use rolecall::columns::Wishes;
/// use rolecall::readers::{ReadOptions, records::Records};
///
/// let path = std::path::Path::new("postings.jsonl.gz");
/// for record in Records::open(path, &ReadOptions::default(), &Wishes::default())? {
///     let record = record?;
///     println!("{}: {}", record.title, record.get("label").unwrap_or("?"));
/// }
/// # Ok::<(), rolecall::Error>(())
/// ```
pub struct Records {
    input: Input,
    chosen: Chosen,
    columns: Arc<Vec<String>>,
    batch: Batch,
    next: usize,
    /// Where the record read last begins, so that lines are counted once.
    position: Position,
    ended: bool,
}

impl Records {
    /// Opens a file, or standard input for `-`, and chooses its columns.
    ///
    /// # Errors
    /// What [`Input::open`] and [`columns::choose`] say.
    pub fn open(path: &Path, options: &ReadOptions, wishes: &Wishes) -> Result<Self> {
        let read = Arc::new(AtomicU64::new(0));
        let mut input = Input::open(&Origin::of(path), options, &read)?;
        let chosen = columns::choose(&mut input, wishes)?;
        Ok(Self::of(input, chosen))
    }

    /// The records of an input whose columns were chosen already.
    #[must_use]
    pub fn of(input: Input, chosen: Chosen) -> Self {
        Self {
            columns: Arc::new(input.columns.clone()),
            input,
            chosen,
            batch: Batch::default(),
            next: 0,
            position: Position::START,
            ended: false,
        }
    }

    /// Which columns were chosen, and why.
    #[must_use]
    pub fn chosen(&self) -> &Chosen {
        &self.chosen
    }

    fn advance(&mut self) -> Result<bool> {
        while self.next >= self.batch.chunk.records.len() {
            if self.ended || !self.input.next_into(&mut self.batch)? {
                self.ended = true;
                return Ok(false);
            }
            #[cfg(feature = "parquet")]
            if let Some(rows) = self.batch.columns.take() {
                super::parquet::to_lines(&rows, &mut self.batch.chunk)?;
            }
            self.next = 0;
            self.position = self.batch.chunk.position(0);
            if let Extent::Part { .. } = self.batch.chunk.extent {
                return Err(self.wrong("the record is too large to be one posting".to_owned()));
            }
        }
        Ok(true)
    }

    fn wrong(&self, reason: String) -> Error {
        Error::Data {
            origin: self.input.origin.name(),
            line: Some(self.position.line),
            reason,
        }
    }

    fn record(&mut self) -> Result<Record> {
        let chunk = &self.batch.chunk;
        let range = chunk.records[self.next].clone();
        if self.next > 0 {
            let before = &chunk.bytes[chunk.records[self.next - 1].start..range.start];
            self.position = self.position.after(before, 1);
        }
        self.next += 1;
        let bytes = &chunk.bytes[range];
        let text = std::str::from_utf8(bytes).map_err(|e| {
            self.wrong(format!(
                "byte {} of the record is not UTF-8",
                e.valid_up_to()
            ))
        })?;
        let mut ranges = Vec::new();
        let wrong = |reason| self.wrong(reason);
        let row = Row::of(text, self.input.format, &mut ranges).map_err(wrong)?;
        if let Row::Fields { ranges, .. } = &row
            && ranges.len() != self.columns.len()
        {
            return Err(wrong(format!(
                "{} fields where the header has {}; check the quotes around commas and line breaks",
                ranges.len(),
                self.columns.len()
            )));
        }
        let columns = &self.columns;
        let values = (0..columns.len())
            .map(|c| row.value(columns, c).map(Cow::into_owned).map_err(wrong))
            .collect::<Result<_>>()?;
        Ok(Record {
            title: row
                .joined(columns, &self.chosen.title)
                .map_err(wrong)?
                .into_owned(),
            text: row
                .joined(columns, &self.chosen.text)
                .map_err(wrong)?
                .into_owned(),
            line: self.position.line,
            columns: Arc::clone(columns),
            values,
        })
    }
}

impl Iterator for Records {
    type Item = Result<Record>;

    /// The next posting. A record that is wrong is an error that names its line, and the
    /// iterator can go on behind it; after an error of the whole file it ends.
    fn next(&mut self) -> Option<Self::Item> {
        match self.advance() {
            Ok(true) => Some(self.record()),
            Ok(false) => None,
            Err(error) => {
                self.ended = true;
                self.batch.chunk.records.clear();
                Some(Err(error))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(name: &str, bytes: &[u8], text: Option<&str>) -> Records {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let wishes = Wishes {
            text: text.map(str::to_owned),
            ..Wishes::default()
        };
        Records::open(&path, &ReadOptions::default(), &wishes).unwrap()
    }

    #[test]
    fn values_are_found_by_name() {
        let input = b"Job Title,description,Label\nNurse,\"You care,\nalways\",x\nCook,You cook\n";
        let mut records = opened("in.csv", input, None);
        assert_eq!(records.chosen().text.len(), 1);
        let first = records.next().unwrap().unwrap();
        assert_eq!((first.title.as_str(), first.line), ("Nurse", 2));
        assert_eq!(first.text, "You care,\nalways");
        assert_eq!(first.get("job_title"), Some("Nurse"));
        assert_eq!((first.get("label"), first.get("none")), (Some("x"), None));
        assert_eq!((first.value(2), first.value(9)), ("x", ""));
        let second = records.next().unwrap().unwrap_err().to_string();
        assert!(
            second.ends_with("in.csv`, line 4: 2 fields where the header has 3; check the quotes around commas and line breaks"),
            "{second}"
        );
        assert!(records.next().is_none());
    }

    #[test]
    fn json_inside_a_column_is_looked_into() {
        let input = b"id,data\n1,\"{\"\"a\"\":\"\"You care\"\"}\"\n2,\n3,x\n";
        let mut records = opened("in.csv", input, Some("data.a"));
        let texts = [records.next(), records.next()].map(|r| r.unwrap().unwrap().text);
        assert_eq!(texts, ["You care", ""]);
        assert!(
            records
                .next()
                .unwrap()
                .unwrap_err()
                .to_string()
                .ends_with("line 4: the column `data` holds no JSON to look into")
        );
    }

    #[test]
    fn what_is_no_record_is_an_error_and_reading_goes_on() {
        let input = b"{\"description\":\"a\"}\nnonsense\n{\"description\":\"\xff\"}\n{\"description\":\"b\"}\n";
        let read: Vec<String> = opened("in.jsonl", input, None)
            .map(|r| r.map_or_else(|_| "refused".to_owned(), |r| r.text))
            .collect();
        assert_eq!(read, ["a", "refused", "ÿ", "b"]);
    }
}
