//! A file of rows under named columns, as training reads it.

use std::io::Read;
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use crate::error::{Error, Result};

/// Named columns and rows of as many fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// The file, as messages call it.
    pub origin: String,
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The rows, in the order of the file.
    pub rows: Vec<Row>,
}

/// One row, as long as the columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// The 1-based line on which it begins.
    pub line: u64,
    /// A value for every column.
    pub fields: Vec<String>,
}

/// Reads a CSV file, plain or gzipped; `-` is standard input.
///
/// # Errors
/// [`Error::Io`] when the file cannot be read, [`Error::Data`] when it is empty, is no
/// CSV or has a row that is longer or shorter than its header.
pub fn read(path: &Path) -> Result<Table> {
    let origin = if path == Path::new("-") {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    };
    let bytes = bytes(path)?;
    let wrong = |line: Option<u64>, reason: String| Error::Data {
        origin: origin.clone(),
        line,
        reason,
    };
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(wrong(
            None,
            "it is empty; training needs a header and labelled rows".to_owned(),
        ));
    }
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .from_reader(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes));
    let malformed = |e: csv::Error| wrong(e.position().map(csv::Position::line), e.to_string());
    let columns: Vec<String> = reader
        .headers()
        .map_err(malformed)?
        .iter()
        .map(str::to_owned)
        .collect();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(malformed)?;
        let line = record.position().map_or(0, csv::Position::line);
        if record.len() != columns.len() {
            return Err(wrong(
                Some(line),
                format!(
                    "{} fields under {} columns; check the quotes around commas and line breaks",
                    record.len(),
                    columns.len()
                ),
            ));
        }
        let fields = record.iter().map(str::to_owned).collect();
        rows.push(Row { line, fields });
    }
    Ok(Table {
        origin,
        columns,
        rows,
    })
}

fn bytes(path: &Path) -> Result<Vec<u8>> {
    let io = |source| Error::Io {
        action: "read",
        path: path.to_owned(),
        source,
    };
    let bytes = if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin()
            .lock()
            .read_to_end(&mut bytes)
            .map_err(io)?;
        bytes
    } else {
        std::fs::read(path).map_err(io)?
    };
    if !bytes.starts_with(&[0x1F, 0x8B]) {
        return Ok(bytes);
    }
    let mut plain = Vec::new();
    MultiGzDecoder::new(&bytes[..])
        .read_to_end(&mut plain)
        .map_err(io)?;
    Ok(plain)
}
