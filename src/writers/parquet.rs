//! Labelled rows as Parquet.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, Float64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field as Column, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::target::Target;
use super::{Appended, Verdict};
use crate::columns::{About, Chosen, Field};
use crate::error::{Error, Result};
use crate::labelling::plan::Plan;
use crate::readers::chunks::Chunk;
use crate::readers::json;
use crate::readers::parquet::to_lines;
use crate::readers::records::Row;

/// Encoded bytes after which a row group is closed, so that memory stays bounded.
const ROW_GROUP: usize = 32 << 20;

/// Rows of one batch, column by column.
#[derive(Debug, Default)]
pub struct Table {
    columns: Vec<StringBuilder>,
    verdicts: Vec<Verdict>,
}

impl Table {
    /// Adds a row: its kept values, as text, and the verdict.
    pub fn push<'v>(
        &mut self,
        values: impl Iterator<Item = Option<Cow<'v, str>>>,
        verdict: Verdict,
    ) {
        for (i, value) in values.enumerate() {
            if i == self.columns.len() {
                self.columns.push(StringBuilder::new());
            }
            self.columns[i].append_option(value);
        }
        self.verdicts.push(verdict);
    }

    /// The rows so far, and an empty table behind them.
    ///
    /// # Errors
    /// [`Error::Data`] where the columns do not fit each other.
    pub fn finish(&mut self, names: &[String], appended: &Appended) -> Result<RecordBatch> {
        self.columns.resize_with(names.len(), StringBuilder::new);
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for column in &mut self.columns {
            arrays.push(Arc::new(column.finish()));
        }
        arrays.extend(self.verdict_arrays(appended));
        RecordBatch::try_new(schema_of(names, appended), arrays).map_err(|e| wrong(&e))
    }

    /// The rows of an input with the verdicts beside them.
    ///
    /// # Errors
    /// [`Error::Data`] where they are not as many.
    pub fn beside(&mut self, rows: &RecordBatch, plan: &Plan) -> Result<RecordBatch> {
        let mut arrays = rows.columns().to_vec();
        arrays.extend(self.verdict_arrays(&plan.appended));
        let schema = schema_beside(&rows.schema(), &plan.appended);
        RecordBatch::try_new(schema, arrays).map_err(|e| wrong(&e))
    }

    fn verdict_arrays(&mut self, appended: &Appended) -> Vec<ArrayRef> {
        let verdicts = std::mem::take(&mut self.verdicts);
        let texts = |of: &dyn Fn(&Verdict) -> Option<String>| -> ArrayRef {
            Arc::new(verdicts.iter().map(of).collect::<StringArray>())
        };
        let shares = |of: &dyn Fn(&crate::Prediction) -> f64| -> ArrayRef {
            let share = |v: &Verdict| v.prediction.as_ref().map(of).map(rounded);
            Arc::new(verdicts.iter().map(share).collect::<Float64Array>())
        };
        let label = |label: Option<usize>| label.map(|l| appended.labels[l].clone());
        let mut arrays = vec![
            texts(&|v| label(v.label)),
            shares(&crate::Prediction::confidence),
            shares(&crate::Prediction::margin),
        ];
        for i in 0..appended.labels.len() {
            arrays.push(shares(&|p| p.probabilities[i]));
        }
        arrays.push(texts(&|v| {
            v.prediction.as_ref().and_then(|p| label(p.title_label))
        }));
        arrays.push(texts(&|v| {
            let language = v.prediction.as_ref().and_then(|p| p.language);
            language.map(str::to_owned)
        }));
        if appended.terms {
            arrays.push(texts(&|v| Some(v.terms.clone())));
        }
        arrays.push(texts(&|v| Some(v.status.to_string())));
        arrays.push(texts(&|_| Some(appended.model_id.clone())));
        arrays
    }
}

/// Four decimals, as in the other formats.
fn rounded(share: f64) -> f64 {
    (share * 10_000.0).round() / 10_000.0
}

fn appended_columns(appended: &Appended) -> impl Iterator<Item = Column> {
    let shares = 1..3 + appended.labels.len();
    appended.names.iter().enumerate().map(move |(i, name)| {
        let kind = if shares.contains(&i) {
            DataType::Float64
        } else {
            DataType::Utf8
        };
        Column::new(name, kind, true)
    })
}

fn schema_of(names: &[String], appended: &Appended) -> SchemaRef {
    let kept = names
        .iter()
        .map(|name| Column::new(name, DataType::Utf8, true));
    Arc::new(Schema::new(
        kept.chain(appended_columns(appended)).collect::<Vec<_>>(),
    ))
}

fn schema_beside(schema: &Schema, appended: &Appended) -> SchemaRef {
    let mut columns: Vec<Arc<Column>> = schema.fields().iter().cloned().collect();
    columns.extend(appended_columns(appended).map(Arc::new));
    Arc::new(Schema::new_with_metadata(
        columns,
        schema.metadata().clone(),
    ))
}

fn wrong(error: &dyn std::fmt::Display) -> Error {
    Error::Data {
        origin: "Parquet output".to_owned(),
        line: None,
        reason: error.to_string(),
    }
}

/// The titles and texts among the rows of a batch.
pub enum Postings<'a> {
    /// Plain text columns.
    Plain {
        /// Of the title.
        title: Vec<ArrayRef>,
        /// Of the text.
        text: Vec<ArrayRef>,
    },
    /// Anything else, by way of JSON.
    Lines {
        /// The rows.
        chunk: Chunk,
        /// The names of the columns.
        columns: Vec<String>,
        /// Which of them.
        chosen: &'a Chosen,
    },
}

impl<'a> Postings<'a> {
    /// Finds the chosen columns in a batch.
    ///
    /// # Errors
    /// [`Error::Data`] for a type that has no text.
    pub fn of(rows: &RecordBatch, chosen: &'a Chosen) -> Result<Self> {
        let plain = |field: &Field| {
            let array = rows.column(field.column);
            let text = matches!(
                array.data_type(),
                DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
            );
            (text && field.path.is_empty() && field.otherwise.is_none()).then(|| Arc::clone(array))
        };
        let title: Option<Vec<ArrayRef>> = chosen.title.iter().map(plain).collect();
        let text: Option<Vec<ArrayRef>> = chosen.text.iter().map(plain).collect();
        if let (Some(title), Some(text)) = (title, text) {
            return Ok(Self::Plain { title, text });
        }
        let mut chunk = Chunk::default();
        to_lines(rows, &mut chunk)?;
        let columns = rows
            .schema()
            .fields()
            .iter()
            .map(|f| f.name().clone())
            .collect();
        Ok(Self::Lines {
            chunk,
            columns,
            chosen,
        })
    }

    /// Title and text of a row.
    #[must_use]
    pub fn get(&self, row: usize) -> (Cow<'_, str>, Cow<'_, str>) {
        match self {
            Self::Plain { title, text } => (joined(title, row), joined(text, row)),
            Self::Lines {
                chunk,
                columns,
                chosen,
            } => {
                let line = String::from_utf8_lossy(&chunk.bytes[chunk.records[row].clone()]);
                let object = Row::Object(json::members(&line).unwrap_or_default());
                let part = |fields: &[Field]| {
                    let text = object.joined(columns, fields).unwrap_or_default();
                    Cow::Owned(text.into_owned())
                };
                (part(&chosen.title), part(&chosen.text))
            }
        }
    }
}

/// Date, source and company of every row, as text.
///
/// # Errors
/// [`Error::Data`] for a type that has no text.
pub fn about(rows: &RecordBatch, about: &About, names: &[String]) -> Result<Vec<[String; 3]>> {
    let fields = [&about.date, &about.source, &about.company];
    let mut columns: Vec<usize> = fields
        .iter()
        .flat_map(|f| f.iter().map(|f| f.column))
        .collect();
    columns.sort_unstable();
    columns.dedup();
    if columns.is_empty() {
        return Ok(vec![<[String; 3]>::default(); rows.num_rows()]);
    }
    let projected = rows.project(&columns).map_err(|e| Error::Data {
        origin: "Parquet".to_owned(),
        line: None,
        reason: e.to_string(),
    })?;
    let mut chunk = Chunk::default();
    to_lines(&projected, &mut chunk)?;
    let of_row = |record: &Range<usize>| {
        let line = String::from_utf8_lossy(&chunk.bytes[record.clone()]);
        let object = Row::Object(json::members(&line).unwrap_or_default());
        fields.map(|f| object.joined(names, f).unwrap_or_default().into_owned())
    };
    Ok(chunk.records.iter().map(of_row).collect())
}

fn joined(arrays: &[ArrayRef], row: usize) -> Cow<'_, str> {
    if let [one] = arrays {
        return Cow::Borrowed(text_at(one, row));
    }
    let mut text = String::new();
    for array in arrays {
        json::add(text_at(array, row), &mut text);
    }
    Cow::Owned(text)
}

fn text_at(array: &ArrayRef, row: usize) -> &str {
    if array.is_null(row) {
        return "";
    }
    match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(row),
        DataType::LargeUtf8 => array.as_string::<i64>().value(row),
        _ => array.as_string_view().value(row),
    }
}

/// A Parquet file being written.
pub struct Writer {
    inner: ArrowWriter<Target>,
}

impl Writer {
    /// Begins a file of a plan's rows.
    ///
    /// # Errors
    /// [`Error::Data`] for types that Parquet does not have.
    pub fn new(target: Target, plan: &Plan) -> Result<Self> {
        use crate::labelling::plan::Layout;
        let schema = match &plan.schema {
            Some(schema) if plan.layout == Layout::Verbatim => {
                schema_beside(schema, &plan.appended)
            }
            _ => schema_of(&plan.names, &plan.appended),
        };
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .build();
        let inner =
            ArrowWriter::try_new(target, schema, Some(properties)).map_err(|e| wrong(&e))?;
        Ok(Self { inner })
    }

    /// Writes rows.
    ///
    /// # Errors
    /// [`Error::Data`] with what the system answered.
    pub fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        self.inner.write(rows).map_err(|e| wrong(&e))?;
        if self.inner.in_progress_size() > ROW_GROUP {
            self.inner.flush().map_err(|e| wrong(&e))?;
        }
        Ok(())
    }

    /// Writes the footer and gives the file back.
    ///
    /// # Errors
    /// [`Error::Data`] with what the system answered.
    pub fn finish(self) -> Result<Target> {
        self.inner.into_inner().map_err(|e| wrong(&e))
    }
}
