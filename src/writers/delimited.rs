//! Verdicts as the last fields of a delimited record.

use std::borrow::Cow;

use super::{Appended, Verdict, write_share};
use crate::readers::delimited::write_value;

/// A value as a cell that no spreadsheet runs, where the columns are guarded: one that
/// begins with `=`, `+`, `-`, `@`, tab or carriage return gets an apostrophe before it,
/// with which a spreadsheet takes it as text (OWASP, CSV injection).
#[must_use]
pub fn guarded<'v>(value: &'v str, columns: &Appended) -> Cow<'v, str> {
    if columns.guarded && value.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        Cow::Owned(format!("'{value}"))
    } else {
        Cow::Borrowed(value)
    }
}

/// Writes the fields of a verdict, each after a delimiter, without the line end.
pub fn write(verdict: &Verdict, columns: &Appended, delimiter: u8, out: &mut Vec<u8>) {
    before_status(verdict, columns, delimiter, out);
    write_value(&verdict.status, delimiter, out);
    after_status(columns, delimiter, out);
}

/// Everything up to the status, with the delimiter before it.
pub fn before_status(verdict: &Verdict, columns: &Appended, delimiter: u8, out: &mut Vec<u8>) {
    let label = |label: Option<usize>, out: &mut Vec<u8>| {
        out.push(delimiter);
        if let Some(label) = label {
            write_value(&guarded(&columns.labels[label], columns), delimiter, out);
        }
    };
    label(verdict.label, out);
    match &verdict.prediction {
        Some(prediction) => {
            out.push(delimiter);
            write_share(prediction.confidence(), out);
            out.push(delimiter);
            write_share(prediction.margin(), out);
            for p in &prediction.probabilities {
                out.push(delimiter);
                write_share(*p, out);
            }
            label(prediction.title_label, out);
            out.push(delimiter);
            out.extend_from_slice(prediction.language.unwrap_or_default().as_bytes());
        }
        None => out.extend(std::iter::repeat_n(delimiter, columns.labels.len() + 4)),
    }
    if columns.terms {
        out.push(delimiter);
        write_value(&guarded(&verdict.terms, columns), delimiter, out);
    }
    out.push(delimiter);
}

/// Everything after the status.
pub fn after_status(columns: &Appended, delimiter: u8, out: &mut Vec<u8>) {
    out.push(delimiter);
    out.extend_from_slice(columns.model_id.as_bytes());
}
