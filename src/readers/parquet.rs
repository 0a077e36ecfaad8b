//! Parquet files, row group by row group.

use std::cell::Cell;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::chunks::{Chunk, Position};
use super::limits::Limits;
use crate::error::{Error, Result};

/// Rows that are decoded at once, unless they are large.
const ROWS: u64 = 512;

/// Rows of the largest size that may be decoded at once.
const LARGE_ROWS: u64 = 8;

/// The rows of one file.
pub struct Rows {
    path: PathBuf,
    schema: SchemaRef,
    reader: ParquetRecordBatchReader,
    position: Position,
    total: u64,
    size: u64,
    read: Arc<AtomicU64>,
}

impl Rows {
    /// Opens a file; `read` is moved on as its rows are given out.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Data`].
    pub fn open(path: &Path, limits: &Limits, read: &Arc<AtomicU64>) -> Result<Self> {
        let file = File::open(path).map_err(|source| Error::Io {
            action: "read",
            path: path.to_owned(),
            source,
        })?;
        let size = file.metadata().map_or(0, |m| m.len());
        let builder = guarded(path, || ParquetRecordBatchReaderBuilder::try_new(file))?;
        let schema = Arc::clone(builder.schema());
        let total = builder.metadata().file_metadata().num_rows().max(0) as u64;
        let groups = builder.metadata().row_groups().iter();
        // A damaged file may state any number.
        let bytes = groups.fold(0_u64, |sum, group| {
            sum.saturating_add(group.total_byte_size().max(0) as u64)
        });
        let mean = (bytes / total.max(1)).max(1);
        let rows = (LARGE_ROWS * limits.row as u64 / mean).clamp(1, ROWS) as usize;
        let reader = guarded(path, || builder.with_batch_size(rows).build())?;
        Ok(Self {
            path: path.to_owned(),
            schema,
            reader,
            position: Position::START,
            total,
            size,
            read: Arc::clone(read),
        })
    }

    /// The schema.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The names of the columns.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.schema
            .fields()
            .iter()
            .map(|f| f.name().clone())
            .collect()
    }

    /// The next rows; their place is noted in `chunk`.
    ///
    /// # Errors
    /// [`Error::Data`] for a damaged file.
    pub fn next(&mut self, chunk: &mut Chunk) -> Result<Option<RecordBatch>> {
        let Some(rows) = guarded(&self.path, || self.reader.next().transpose())? else {
            return Ok(None);
        };
        chunk.bytes.clear();
        chunk.records.clear();
        chunk.start = Some(self.position);
        self.position.row += rows.num_rows() as u64;
        chunk.end = Some(self.position);
        let share = self.position.row as f64 / self.total.max(1) as f64;
        self.read
            .store((share * self.size as f64) as u64, Ordering::Relaxed);
        Ok(Some(rows))
    }
}

thread_local! {
    static READING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is inside the library that reads Parquet. It panics at some damaged
/// files; that becomes an error here, and a panic hook need not speak of it.
#[must_use]
pub fn is_reading() -> bool {
    READING.get()
}

fn guarded<T, E: std::fmt::Display>(
    path: &Path,
    read: impl FnOnce() -> std::result::Result<T, E>,
) -> Result<T> {
    READING.set(true);
    let outcome = catch_unwind(AssertUnwindSafe(read));
    READING.set(false);
    match outcome {
        Ok(read) => read.map_err(|e| wrong(path, &e)),
        Err(_) => Err(wrong(path, &"its pages contradict each other")),
    }
}

fn wrong(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::Data {
        origin: path.display().to_string(),
        line: None,
        reason: format!("the Parquet file cannot be read: {error}"),
    }
}

/// Writes rows as JSON Lines into a chunk.
///
/// # Errors
/// [`Error::Data`] for a type that JSON cannot express.
pub fn to_lines(rows: &RecordBatch, chunk: &mut Chunk) -> Result<()> {
    chunk.bytes.clear();
    chunk.records.clear();
    let mut writer = arrow_json::WriterBuilder::new()
        .with_explicit_nulls(true)
        .build::<_, arrow_json::writer::LineDelimited>(&mut chunk.bytes);
    writer
        .write(rows)
        .and_then(|()| writer.finish())
        .map_err(|e| wrong(Path::new("Parquet"), &e))?;
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', &chunk.bytes) {
        chunk.records.push(start..end);
        start = end + 1;
    }
    Ok(())
}
