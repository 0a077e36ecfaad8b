//! CSV and its relatives, split into records and fields without copying a byte.
//!
//! The csv crate gives fields; the batch engine also needs the bytes of each record as
//! they stand, to hand them on untouched, and the end of a record before the whole file
//! is in memory. The rules are those of the csv crate and of Python's csv module: a quote
//! opens a field only at its beginning, a doubled quote inside stands for one, whatever
//! follows a closing quote belongs to the field, and `\n`, `\r\n` or `\r` ends a record.

use std::borrow::Cow;
use std::ops::Range;

use memchr::{memchr, memchr3};

/// Delimiters that are tried when none is given.
const CANDIDATES: [u8; 4] = [b',', b'\t', b';', b'|'];

/// How many records of the sample are compared to find the delimiter.
const COMPARED: usize = 50;

/// A record's place in its buffer, without the line end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Boundary {
    /// First byte of the record.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
    /// Where the next record begins: after the line end.
    pub next: usize,
}

/// Where splitting stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// A whole record, line end and all.
    Record(Boundary),
    /// The bytes end before the record does; `quoted` tells whether inside quotes.
    Unfinished {
        /// Whether a quote is open.
        quoted: bool,
    },
}

/// Finds the first record in `bytes` from `start` on. A `\r` as the very last byte does
/// not end a record unless `at_end`: a `\n` may follow.
#[must_use]
pub fn split(bytes: &[u8], start: usize, delimiter: u8, at_end: bool) -> Split {
    let mut at = start;
    loop {
        // At the beginning of a field.
        if bytes.get(at) == Some(&b'"') {
            match closing_quote(bytes, at + 1) {
                Some(after) => at = after,
                None => return Split::Unfinished { quoted: true },
            }
        }
        let Some(offset) = memchr3(delimiter, b'\n', b'\r', &bytes[at..]) else {
            return Split::Unfinished { quoted: false };
        };
        let end = at + offset;
        let next = match bytes[end] {
            b'\n' => end + 1,
            b'\r' if end + 1 < bytes.len() => end + 1 + usize::from(bytes[end + 1] == b'\n'),
            b'\r' if at_end => end + 1,
            b'\r' => return Split::Unfinished { quoted: false },
            _ => {
                at = end + 1;
                continue;
            }
        };
        return Split::Record(Boundary { start, end, next });
    }
}

/// One past the quote that closes a field whose content begins at `at`.
fn closing_quote(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let quote = at + memchr(b'"', bytes.get(at..)?)?;
        if bytes.get(quote + 1) != Some(&b'"') {
            return Some(quote + 1);
        }
        at = quote + 2;
    }
}

/// The raw fields of one record, quotes and all, as ranges of it.
pub fn fields(record: &[u8], delimiter: u8, into: &mut Vec<Range<usize>>) {
    into.clear();
    let mut start = 0;
    loop {
        let mut at = start;
        if record.get(at) == Some(&b'"') {
            at = closing_quote(record, at + 1).unwrap_or(record.len());
        }
        let Some(offset) = memchr(delimiter, &record[at..]) else {
            into.push(start..record.len());
            return;
        };
        into.push(start..at + offset);
        start = at + offset + 1;
    }
}

/// What a raw field says: quotes taken off, doubled ones made single.
#[must_use]
pub fn value(raw: &str) -> Cow<'_, str> {
    let Some(inner) = raw.strip_prefix('"') else {
        return Cow::Borrowed(raw);
    };
    let bytes = inner.as_bytes();
    match memchr(b'"', bytes) {
        None => return Cow::Borrowed(inner),
        Some(quote) if quote + 1 == bytes.len() => return Cow::Borrowed(&inner[..quote]),
        Some(_) => {}
    }
    let mut value = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(quote) = memchr(b'"', rest.as_bytes()) {
        value.push_str(&rest[..quote]);
        rest = &rest[quote + 1..];
        match rest.strip_prefix('"') {
            Some(after) => {
                value.push('"');
                rest = after;
            }
            // The quote closed the field; what follows belongs to it as it stands.
            None => break,
        }
    }
    value.push_str(rest);
    Cow::Owned(value)
}

/// Writes a value as a field, in quotes where it needs them.
pub fn write_value(value: &str, delimiter: u8, out: &mut Vec<u8>) {
    let bytes = value.as_bytes();
    let plain = memchr3(b'"', b'\n', b'\r', bytes).is_none() && memchr(delimiter, bytes).is_none();
    if plain {
        out.extend_from_slice(bytes);
        return;
    }
    out.push(b'"');
    let mut rest = bytes;
    while let Some(quote) = memchr(b'"', rest) {
        out.extend_from_slice(&rest[..=quote]);
        out.push(b'"');
        rest = &rest[quote + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// The delimiter of a file by its first bytes: the one that cuts the most records into as
/// many fields as the first has, more than one; among equals the one that makes more
/// fields. A file of one column has a comma.
#[must_use]
pub fn sniff(head: &[u8], at_end: bool) -> u8 {
    let score = |delimiter: u8| {
        let mut widths = Vec::new();
        let mut ranges = Vec::new();
        let mut at = 0;
        while widths.len() < COMPARED {
            match split(head, at, delimiter, at_end) {
                Split::Record(b) => {
                    if b.end > b.start {
                        fields(&head[b.start..b.end], delimiter, &mut ranges);
                        widths.push(ranges.len());
                    }
                    at = b.next;
                }
                Split::Unfinished { .. } => {
                    if at < head.len() && (at_end || widths.is_empty()) {
                        fields(&head[at..], delimiter, &mut ranges);
                        widths.push(ranges.len());
                    }
                    break;
                }
            }
        }
        let first = widths.first().copied().unwrap_or(1);
        let agreeing = widths.iter().filter(|w| **w == first).count();
        let share = agreeing * 100 / widths.len().max(1);
        if first > 1 { (share, first) } else { (0, 1) }
    };
    let mut best = (b',', (0, 0));
    for delimiter in CANDIDATES {
        let score = score(delimiter);
        if score > best.1 {
            best = (delimiter, score);
        }
    }
    best.0
}

/// A delimiter as messages show it.
#[must_use]
pub fn name_of(delimiter: u8) -> String {
    match delimiter {
        b',' => "comma".to_owned(),
        b'\t' => "tab".to_owned(),
        b';' => "semicolon".to_owned(),
        b'|' => "bar".to_owned(),
        other => format!("`{}`", char::from(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All records and fields, by the functions above.
    fn ours(bytes: &[u8], delimiter: u8) -> Vec<Vec<String>> {
        let mut rows = Vec::new();
        let mut ranges = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let (end, next) = match split(bytes, at, delimiter, true) {
                Split::Record(b) => (b.end, b.next),
                Split::Unfinished { .. } => (bytes.len(), bytes.len()),
            };
            let record = std::str::from_utf8(&bytes[at..end]).unwrap();
            if !record.is_empty() {
                fields(record.as_bytes(), delimiter, &mut ranges);
                rows.push(
                    ranges
                        .iter()
                        .map(|r| value(&record[r.clone()]).into_owned())
                        .collect(),
                );
            }
            at = next;
        }
        rows
    }

    fn by_the_csv_crate(bytes: &[u8], delimiter: u8) -> Vec<Vec<String>> {
        csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .from_reader(bytes)
            .records()
            .map(|row| row.unwrap().iter().map(str::to_owned).collect())
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5000))]
        #[test]
        fn records_and_fields_are_those_of_the_csv_crate(text in "[ab\",\n\r;é]{0,40}") {
            for delimiter in [b',', b';'] {
                prop_assert_eq!(ours(text.as_bytes(), delimiter), by_the_csv_crate(text.as_bytes(), delimiter));
            }
        }

        #[test]
        fn a_value_survives_writing_and_reading(values in prop::collection::vec("[ab\",\n\r\té]{0,8}", 2..5)) {
            for delimiter in [b',', b'\t'] {
                let mut row = Vec::new();
                for (i, value) in values.iter().enumerate() {
                    if i > 0 {
                        row.push(delimiter);
                    }
                    write_value(value, delimiter, &mut row);
                }
                row.push(b'\n');
                prop_assert_eq!(&ours(&row, delimiter), &vec![values.clone()]);
            }
        }
    }

    #[track_caller]
    fn check_sniff(text: &str, delimiter: u8) {
        assert_eq!(sniff(text.as_bytes(), true), delimiter, "{text:?}");
    }

    #[test]
    fn the_delimiter_is_the_one_that_all_records_agree_on() {
        check_sniff("title,description\na,b\n", b',');
        check_sniff("title\tdescription\na, b, c\td, e\n", b'\t');
        check_sniff("title;text\n1,5;\"a,b;c\"\n", b';');
        check_sniff("title|text\nx|y", b'|');
        check_sniff("description\nsome text, and more, of it\nor; none\n", b',');
        check_sniff("", b',');
    }
}
