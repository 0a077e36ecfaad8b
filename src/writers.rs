//! Where labelled postings go, and in which shape.

pub mod delimited;
pub mod json_lines;
#[cfg(feature = "parquet")]
pub mod parquet;
pub mod target;

use std::borrow::Cow;

use crate::classifier::Classifier;
use crate::prediction::Prediction;
use crate::readers::Format;
use crate::readers::compression::Compression;

/// The shape of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputFormat {
    /// CSV and its relatives, with their delimiter.
    Delimited(u8),
    /// One JSON object a line.
    JsonLines,
    /// Parquet.
    Parquet,
}

impl OutputFormat {
    /// The format and compression that a file name asks for by its extensions.
    #[must_use]
    pub fn by_name(name: &str) -> (Option<Self>, Compression) {
        let mut parts = name.rsplit('.');
        let last = parts.next().unwrap_or_default();
        let (compression, extension) = match Compression::by_extension(last) {
            Some(compression) => (compression, parts.next().unwrap_or_default()),
            None => (Compression::None, last),
        };
        let format = match extension.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Delimited(b',')),
            "tsv" | "tab" => Some(Self::Delimited(b'\t')),
            "jsonl" | "ndjson" | "json" => Some(Self::JsonLines),
            "parquet" | "pq" => Some(Self::Parquet),
            _ => None,
        };
        (format, compression)
    }

    /// The format that keeps the most of an input.
    #[must_use]
    pub fn like(input: Format) -> Self {
        match input {
            Format::Delimited(delimiter) => Self::Delimited(delimiter),
            Format::Parquet => Self::Parquet,
            Format::JsonLines | Format::JsonFeed | Format::XmlFeed => Self::JsonLines,
        }
    }

    /// The extension of files of this format.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Delimited(b'\t') => "tsv",
            Self::Delimited(_) => "csv",
            Self::JsonLines => "jsonl",
            Self::Parquet => "parquet",
        }
    }
}

/// What is said about one row.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The label, where the status lets one be given.
    pub label: Option<usize>,
    /// The prediction; none for a row that could not be labelled.
    pub prediction: Option<Prediction>,
    /// The terms that decided, where they are asked for.
    pub terms: String,
    /// `ok`, `unsure`, `short`, `foreign`, `title-only`, or `error: …`.
    pub status: Cow<'static, str>,
}

/// The columns that are appended to every row.
#[derive(Debug, Clone)]
pub struct Appended {
    /// Their names, in order.
    pub names: Vec<String>,
    /// The labels, as they are written.
    pub labels: Vec<String>,
    /// Whether the terms that decided are among them.
    pub terms: bool,
    /// The model's id.
    pub model_id: String,
    /// Whether cells of CSV and TSV that a spreadsheet would run as formulas are guarded.
    pub guarded: bool,
}

impl Appended {
    /// The columns for a model.
    #[must_use]
    pub fn new(classifier: &Classifier, prefix: &str, terms: bool) -> Self {
        let labels = classifier.labels().to_vec();
        let mut names: Vec<String> = ["role", "role_confidence", "role_margin"]
            .map(str::to_owned)
            .into();
        names.extend(labels.iter().map(|l| format!("role_{}", folded(l))));
        names.extend(["title_role", "role_language"].map(str::to_owned));
        names.extend(terms.then(|| "role_terms".to_owned()));
        names.extend(["role_status", "model_id"].map(str::to_owned));
        for name in &mut names {
            name.insert_str(0, prefix);
        }
        Self {
            names,
            labels,
            terms,
            model_id: classifier.model_id().to_owned(),
            guarded: false,
        }
    }

    /// The name of the member that holds a JSON line which could not be read.
    #[must_use]
    pub fn raw_name(&self) -> String {
        self.names[0].clone() + "_raw"
    }
}

/// A label as part of a column's name.
fn folded(label: &str) -> String {
    let fold = |c: char| if c.is_alphanumeric() { c } else { '_' };
    label
        .chars()
        .map(fold)
        .flat_map(char::to_lowercase)
        .collect()
}

/// Writes a number from 0 to 1 with four decimals.
fn write_share(share: f64, out: &mut Vec<u8>) {
    let units = (share.clamp(0.0, 1.0) * 10_000.0).round() as u32;
    let digit = |unit: u32| b'0' + (units / unit % 10) as u8;
    out.extend_from_slice(&[
        digit(10_000),
        b'.',
        digit(1000),
        digit(100),
        digit(10),
        digit(1),
    ]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_have_four_decimals() {
        let text = |share| {
            let mut out = Vec::new();
            write_share(share, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            [0.0, 1.0, 0.5, 0.12345, 0.999_99, 0.000_04].map(text),
            ["0.0000", "1.0000", "0.5000", "0.1235", "1.0000", "0.0000"]
        );
    }

    #[test]
    fn a_name_tells_format_and_compression() {
        let csv = Some(OutputFormat::Delimited(b','));
        assert_eq!(OutputFormat::by_name("a.b.csv"), (csv, Compression::None));
        assert_eq!(OutputFormat::by_name("A.CSV.GZ"), (csv, Compression::Gzip));
        assert_eq!(
            OutputFormat::by_name("x.jsonl.zst"),
            (Some(OutputFormat::JsonLines), Compression::Zstd)
        );
        assert_eq!(OutputFormat::by_name("out"), (None, Compression::None));
    }
}
