//! What becomes of one input: its columns, those that are kept, those that are added.

use std::borrow::Cow;
use std::io;

use super::LabelOptions;
use crate::classifier::Classifier;
use crate::columns::{self, About, Chosen, Field};
use crate::error::{Error, Result};
use crate::readers::compression::Compression;
use crate::readers::json::{Members, compact, text_of, write_string};
use crate::readers::records::Row;
use crate::readers::{Format, Input, delimited};
use crate::writers::{self, Appended, OutputFormat};

/// Everything that is settled before the first row.
#[derive(Debug)]
pub struct Plan {
    /// The input's name.
    pub origin: String,
    /// The input's format.
    pub format: Format,
    /// Whether elements that are no postings are left out.
    pub feed: bool,
    /// The input's columns.
    pub columns: Vec<String>,
    /// What they are for.
    pub chosen: Chosen,
    /// The output's format.
    pub output: OutputFormat,
    /// How the original columns are written.
    pub layout: Layout,
    /// The names of the original columns as they are written.
    pub names: Vec<String>,
    /// What is added.
    pub appended: Appended,
    /// Where date, source and company stand, if the rows are counted.
    pub about: Option<About>,
    /// How the output is packed.
    pub compression: Compression,
    /// Only the id is kept of the original columns.
    pub only: bool,
    /// The types of a Parquet input.
    #[cfg(feature = "parquet")]
    pub schema: Option<arrow_schema::SchemaRef>,
}

/// How the original columns are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// As they stand, byte for byte.
    Verbatim,
    /// The members of an object but these, and the input's name where it is asked for.
    Members {
        /// Keys left out.
        dropped: Vec<String>,
        /// The key of the input's name.
        source: Option<String>,
    },
    /// These columns, in this order.
    Columns(Vec<Kept>),
}

/// What a kept column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// A column of the input.
    Column(usize),
    /// A value inside one.
    Field(Field),
    /// The row's number, from 1.
    Row,
    /// The input's name.
    Source,
    /// Nothing: other inputs have this column.
    Missing,
}

impl Plan {
    /// Settles what becomes of `input`. `all` are the columns of the output where it
    /// takes several inputs with different ones, or keys that only later rows have.
    ///
    /// # Errors
    /// [`Error::Data`] for columns that cannot be found or whose names clash.
    pub fn new(
        input: &mut Input,
        classifier: &Classifier,
        options: &LabelOptions,
        output: OutputFormat,
        compression: Compression,
        all: Option<&[String]>,
    ) -> Result<Self> {
        let chosen = columns::choose(input, &options.wishes)?;
        let mut plan = Self {
            origin: input.origin.name(),
            format: input.format,
            feed: input.feed,
            columns: input.columns.clone(),
            chosen,
            output,
            layout: Layout::Verbatim,
            names: input.columns.clone(),
            appended: Appended::new(classifier, &options.prefix, options.explain.is_some()),
            about: None,
            compression,
            only: options.only,
            #[cfg(feature = "parquet")]
            schema: input.schema(),
        };
        if let Some(all) = all
            && matches!(
                plan.format,
                Format::JsonLines | Format::JsonFeed | Format::XmlFeed
            )
        {
            let new = all
                .iter()
                .filter(|name| !plan.columns.contains(name))
                .cloned();
            let new: Vec<String> = new
                .filter(|n| Some(n) != options.source_name().as_ref())
                .collect();
            plan.columns.extend(new);
        }
        plan.appended.guarded = options.spreadsheet_safe;
        if options.report.is_some() {
            plan.find_about();
        }
        plan.lay_out(options, all)?;
        plan.check_clashes()?;
        Ok(plan)
    }

    /// Finds date, source and company, and says which columns they are.
    fn find_about(&mut self) {
        let objects = !matches!(self.format, Format::Delimited(_));
        let about = columns::about(&self.columns, objects);
        let named = [
            ("date", &about.date),
            ("source", &about.source),
            ("company", &about.company),
        ];
        for (what, field) in named {
            let name = field.first().map_or("none found", |f| &f.name);
            self.chosen
                .reasons
                .push(format!("{what}: {name} (for --report)"));
        }
        self.about = Some(about);
    }

    fn lay_out(&mut self, options: &LabelOptions, all: Option<&[String]>) -> Result<()> {
        let dropped: &[usize] = if options.wishes.replace {
            &self.chosen.written
        } else {
            &[]
        };
        let of_objects = matches!(
            self.format,
            Format::JsonLines | Format::JsonFeed | Format::XmlFeed
        );
        if options.only {
            let (name, kept) = match &options.id {
                Some(id) => {
                    let field =
                        columns::find(&self.columns, id, "--id").map_err(|e| self.error(e))?;
                    let name = field.name.clone();
                    (
                        name,
                        if field.path.is_empty() {
                            Kept::Column(field.column)
                        } else {
                            Kept::Field(field)
                        },
                    )
                }
                None => match self.columns.iter().position(|c| columns::fold(c) == "id") {
                    Some(column) => (self.columns[column].clone(), Kept::Column(column)),
                    None => ("row".to_owned(), Kept::Row),
                },
            };
            self.names = vec![name];
            self.layout = Layout::Columns(vec![kept]);
            if let Some(source) = options.source_name() {
                self.names.push(source);
                self.layout = match std::mem::replace(&mut self.layout, Layout::Verbatim) {
                    Layout::Columns(mut kept) => {
                        kept.push(Kept::Source);
                        Layout::Columns(kept)
                    }
                    other => other,
                };
            }
        } else if of_objects && self.output == OutputFormat::JsonLines {
            let dropped: Vec<String> = dropped.iter().map(|c| self.columns[*c].clone()).collect();
            let source = options.source_name();
            self.names.retain(|name| !dropped.contains(name));
            if !dropped.is_empty() || source.is_some() {
                self.names.extend(source.clone());
                self.layout = Layout::Members { dropped, source };
            }
        } else if let Some(all) = all {
            let source = options.source_name();
            let kept = |name: &String| {
                if Some(name) == source.as_ref() {
                    return Kept::Source;
                }
                let column = self.columns.iter().position(|c| c == name);
                column.map_or(Kept::Missing, Kept::Column)
            };
            let written: Vec<&String> = dropped.iter().map(|c| &self.columns[*c]).collect();
            let names: Vec<String> = all
                .iter()
                .filter(|n| !written.contains(n))
                .cloned()
                .collect();
            self.layout = Layout::Columns(names.iter().map(kept).collect());
            self.names = names;
        } else if dropped.is_empty() && self.copies_bytes() && !self.appended.guarded {
            self.layout = Layout::Verbatim;
        } else {
            let keep: Vec<usize> = (0..self.columns.len())
                .filter(|c| !dropped.contains(c))
                .collect();
            self.names = keep.iter().map(|c| self.columns[*c].clone()).collect();
            self.layout = Layout::Columns(keep.into_iter().map(Kept::Column).collect());
        }
        Ok(())
    }

    /// Whether a record of the input can stand in the output as it is.
    fn copies_bytes(&self) -> bool {
        match (self.format, self.output) {
            (Format::Delimited(from), OutputFormat::Delimited(to)) => from == to,
            (Format::Parquet, OutputFormat::Parquet) => true,
            _ => false,
        }
    }

    fn check_clashes(&self) -> Result<()> {
        let delimited = matches!(self.output, OutputFormat::Delimited(_));
        let twice = |(i, name): &(usize, &String)| self.names[..*i].contains(name);
        if !delimited && let Some((_, name)) = self.names.iter().enumerate().find(twice) {
            return Err(self.error(format!(
                "two of its columns are named `{name}`, which only CSV and TSV can hold; write one of these, or rename a column"
            )));
        }
        let clash = self
            .names
            .iter()
            .find(|name| self.appended.names.contains(name));
        let Some(clash) = clash else {
            return Ok(());
        };
        let reason = if self.chosen.written.is_empty() {
            format!(
                "it has a column `{clash}`, which is also one that is appended; name those differently with --prefix, such as --prefix rolecall_"
            )
        } else {
            format!(
                "rolecall has labelled it before (`{clash}` and others stand in it); --replace labels it anew, --prefix NAME_ adds a second labelling"
            )
        };
        Err(self.error(reason))
    }

    fn error(&self, reason: String) -> Error {
        Error::Data {
            origin: self.origin.clone(),
            line: None,
            reason,
        }
    }

    /// The header of the output, line end and all; empty where it has none.
    #[must_use]
    pub fn header(&self, input: &Input, no_header: bool) -> Vec<u8> {
        let OutputFormat::Delimited(delimiter) = self.output else {
            return Vec::new();
        };
        let headless = no_header && matches!(self.format, Format::Delimited(_));
        if headless {
            return Vec::new();
        }
        let mut out = Vec::new();
        match &input.header {
            Some(header) if self.layout == Layout::Verbatim => {
                // Invalid bytes have been refused when it was read.
                out.extend_from_slice(header);
            }
            _ => {
                for (i, name) in self.names.iter().enumerate() {
                    if i > 0 {
                        out.push(delimiter);
                    }
                    delimited::write_value(&self.guard(name), delimiter, &mut out);
                }
            }
        }
        for name in &self.appended.names {
            out.push(delimiter);
            delimited::write_value(&self.guard(name), delimiter, &mut out);
        }
        out.extend_from_slice(if input.crlf { b"\r\n" } else { b"\n" });
        out
    }

    /// A value as a cell: where that is asked for, behind an apostrophe if a spreadsheet
    /// would take it for a formula.
    #[must_use]
    pub fn guard<'v>(&self, value: &'v str) -> Cow<'v, str> {
        writers::delimited::guarded(value, &self.appended)
    }

    /// Packs a block of output as the file is packed.
    ///
    /// # Errors
    /// [`Error::Io`] when the encoder fails.
    pub fn pack(&self, block: Vec<u8>) -> Result<Vec<u8>> {
        if self.compression == Compression::None || block.is_empty() {
            return Ok(block);
        }
        self.compression
            .pack(&block)
            .map_err(|source: io::Error| Error::Io {
                action: "pack the rows of",
                path: self.origin.clone().into(),
                source,
            })
    }

    /// The value of a kept column as text; `None` where the row has none.
    pub(super) fn value<'r>(
        &self,
        row: &Row<'r>,
        kept: &Kept,
        number: &dyn Fn() -> u64,
    ) -> Option<Cow<'r, str>> {
        match kept {
            Kept::Column(column) => match row {
                Row::Object(members) => {
                    let raw = self.member(members, *column)?;
                    (raw.get() != "null").then(|| text_of(raw).ok()).flatten()
                }
                Row::Fields { .. } => row.value(&self.columns, *column).ok(),
            },
            Kept::Field(field) => row.joined(&self.columns, std::slice::from_ref(field)).ok(),
            Kept::Row => Some(Cow::Owned((number() + 1).to_string())),
            Kept::Source => Some(Cow::Owned(self.origin.clone())),
            Kept::Missing => None,
        }
    }

    /// Writes the value of a kept column as JSON.
    pub(super) fn write_json(
        &self,
        row: &Row,
        kept: &Kept,
        number: &dyn Fn() -> u64,
        out: &mut Vec<u8>,
    ) {
        if let (Kept::Column(column), Row::Object(members)) = (kept, row)
            && let Some(raw) = self.member(members, *column)
        {
            return compact(raw.get(), out);
        }
        if *kept == Kept::Row {
            return out.extend_from_slice((number() + 1).to_string().as_bytes());
        }
        match self.value(row, kept, number) {
            Some(text) => write_string(&text, out),
            None => out.extend_from_slice(b"null"),
        }
    }

    fn member<'r>(
        &self,
        members: &Members<'r>,
        column: usize,
    ) -> Option<&'r serde_json::value::RawValue> {
        let name = &self.columns[column];
        members.iter().find(|(key, _)| key == name).map(|(_, v)| *v)
    }

    /// Whether an element of a feed is no posting that is to be labelled.
    pub(super) fn is_no_posting(&self, members: &Members) -> bool {
        self.feed
            && members.iter().any(|(key, value)| match &**key {
                "isListed" => value.get() == "false",
                "@type" => !value.get().contains("JobPosting"),
                _ => false,
            })
    }

    /// Finds a key that the verdict needs for itself, or one that no column is kept for.
    pub(super) fn check_names(&self, members: &Members) -> std::result::Result<(), String> {
        if self.output != OutputFormat::JsonLines {
            let is_known = |key: &str| self.only || self.columns.iter().any(|c| c == key);
            let unknown = members.iter().find(|(key, _)| !is_known(key));
            return unknown.map_or(Ok(()), |(key, value)| {
                Err(format!(
                    "the key `{key}` does not occur in the first rows, from which the columns were taken; its value: {}",
                    value.get()
                ))
            });
        }
        let dropped: &[String] = match &self.layout {
            Layout::Verbatim => &[],
            Layout::Members { dropped, .. } => dropped,
            Layout::Columns(_) => return Ok(()),
        };
        let first = self.appended.names[0].as_bytes().first();
        let may_clash = |key: &str| {
            key.as_bytes().first() == first
                || key.ends_with("model_id")
                || key.ends_with("title_role")
        };
        let clash = members.iter().map(|(key, _)| key).find(|key| {
            may_clash(key)
                && self.appended.names.iter().any(|name| name == *key)
                && !dropped.iter().any(|name| name == *key)
        });
        clash.map_or(Ok(()), |key| {
            Err(format!(
                "the key `{key}` is also one that is appended; name those differently with --prefix"
            ))
        })
    }
}
