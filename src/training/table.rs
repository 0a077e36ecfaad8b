//! Labelled postings from a CSV file, plain or gzipped.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::{Example, Origin};
use crate::error::{Error, Result};

/// Reads all rows. `title`, `label_from`, `confidence`, `language` and `employer` are
/// used where there are such columns; `description` and `label` must be there.
///
/// # Errors
/// [`Error::Io`] when the file cannot be read, [`Error::Data`] when it is no CSV, lacks a
/// column or has a row without label.
pub fn read(path: &Path) -> Result<Vec<Example>> {
    let io = |source| Error::Io {
        action: "read",
        path: path.to_owned(),
        source,
    };
    let origin = path.display().to_string();
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|mut file| file.read_to_end(&mut bytes))
        .map_err(io)?;
    if bytes.starts_with(&[0x1F, 0x8B]) {
        let mut plain = Vec::new();
        MultiGzDecoder::new(BufReader::new(&bytes[..]))
            .read_to_end(&mut plain)
            .map_err(io)?;
        bytes = plain;
    }
    let mut reader = csv::Reader::from_reader(&bytes[..]);
    let wrong = |line: Option<u64>, reason: String| Error::Data {
        origin: origin.clone(),
        line,
        reason,
    };
    let malformed = |e: csv::Error| wrong(e.position().map(csv::Position::line), e.to_string());
    let header = reader.headers().map_err(malformed)?.clone();
    let column = |name: &str| {
        header
            .iter()
            .position(|h| h.trim().eq_ignore_ascii_case(name))
    };
    let needed = |name: &str| {
        let found = header.iter().collect::<Vec<_>>().join(", ");
        column(name).ok_or_else(|| {
            wrong(
                Some(1),
                format!("no column `{name}`; the columns are {found}"),
            )
        })
    };
    let (description, label) = (needed("description")?, needed("label")?);
    let [title, from, confidence, language, employer] =
        ["title", "label_from", "confidence", "language", "employer"].map(column);
    let mut examples = Vec::new();
    for record in reader.records() {
        let record = record.map_err(malformed)?;
        let line = record.position().map(csv::Position::line);
        let field = |column: Option<usize>| {
            column
                .and_then(|c| record.get(c))
                .unwrap_or_default()
                .to_owned()
        };
        let label = field(Some(label));
        if label.trim().is_empty() {
            return Err(wrong(
                line,
                "the label is empty; fill it in or drop the row".to_owned(),
            ));
        }
        examples.push(Example {
            title: field(title),
            description: field(Some(description)),
            label,
            origin: match field(from).as_str() {
                "reading" => Origin::Reading,
                "title" => Origin::Title,
                _ => Origin::Unknown,
            },
            certainty: field(confidence).parse().unwrap_or(0),
            language: field(language),
            group: field(employer),
        });
    }
    Ok(examples)
}
