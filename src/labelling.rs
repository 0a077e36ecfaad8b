//! The batch engine: postings of any number read, labelled in parallel and written in
//! their order, in bounded memory.
//!
//! Every thread takes the next batch of records from the reader, labels it into bytes of
//! its own, and leaves them to be written when their turn comes; no thread does nothing
//! but read or write. A thread that runs ahead of the output waits, so that memory stays
//! bounded.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};

use serde::{Deserialize, Serialize};

use crate::columns::Wishes;
use crate::readers::ReadOptions;
use crate::writers::OutputFormat;
use crate::writers::target::Destination;

pub mod checkpoint;
pub mod engine;
pub mod holdings;
pub mod plan;
pub mod rows;
pub mod stream;

/// What is asked of a labelling.
#[allow(clippy::struct_excessive_bools)] // every one is a switch of its own
#[derive(Debug, Clone, Default)]
pub struct LabelOptions {
    /// How the inputs are to be read.
    pub read: ReadOptions,
    /// Which columns are title and text.
    pub wishes: Wishes,
    /// The output's format; like the input's where none is given.
    pub format: Option<OutputFormat>,
    /// Put before the name of every appended column.
    pub prefix: String,
    /// Of the original columns, keep the id alone.
    pub only: bool,
    /// The id's column; else one named `id`, else the row's number.
    pub id: Option<String>,
    /// Add the strongest terms, this many.
    pub explain: Option<usize>,
    /// Less probable labels are not given.
    pub min_confidence: f64,
    /// Labels less far from the second are not given.
    pub min_margin: f64,
    /// Stop after this many rows of each input.
    pub limit: Option<u64>,
    /// Stop at the first row that cannot be labelled.
    pub strict: bool,
    /// Collect rows that cannot be labelled in this file too.
    pub rejects: Option<PathBuf>,
    /// Put inputs of different columns into one output, with a column that names them.
    pub union: bool,
    /// Go on where an interrupted labelling stopped.
    pub resume: bool,
    /// Guard the cells of CSV and TSV that a spreadsheet would run as formulas.
    pub spreadsheet_safe: bool,
    /// Count what the rows hold, for a report; writing it there is the caller's.
    pub report: Option<Destination>,
    /// Threads; at least 1.
    pub threads: usize,
    /// All options that change the output, by name, for the checkpoint to compare.
    pub settings: Vec<(String, String)>,
}

impl LabelOptions {
    /// The column that names the input, where several are united.
    fn source_name(&self) -> Option<String> {
        self.union.then(|| format!("{}source_file", self.prefix))
    }
}

/// How far a labelling has come, to be looked at from another thread, and the way to stop
/// it.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes read, as they stand on the disk.
    pub read: Arc<AtomicU64>,
    /// Rows written.
    pub rows: AtomicU64,
    /// Set to stop after the batches under way.
    pub stop: AtomicBool,
    /// Inputs and outputs that are waited for.
    pub waiting: AtomicUsize,
}

/// Counts of rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Rows of each label.
    pub labels: Vec<u64>,
    /// Labelled by their text.
    pub ok: u64,
    /// Labelled by their title alone.
    pub title_only: u64,
    /// Below the confidence or margin asked for.
    pub unsure: u64,
    /// Too few known words.
    pub short: u64,
    /// In a language that the model does not know.
    pub foreign: u64,
    /// Not labelled because something is wrong with them.
    pub errors: u64,
    /// Elements of feeds that are no listed postings, left out.
    pub skipped: u64,
    /// Bytes of the text that was read, unpacked and in UTF-8.
    pub bytes: u64,
}

impl Tally {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(n_labels: usize) -> Self {
        Self {
            labels: vec![0; n_labels],
            ..Self::default()
        }
    }

    /// Rows in the output.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.ok + self.title_only + self.unsure + self.short + self.foreign + self.errors
    }

    fn add(&mut self, other: &Self) {
        for (sum, n) in self.labels.iter_mut().zip(&other.labels) {
            *sum += n;
        }
        self.ok += other.ok;
        self.title_only += other.title_only;
        self.unsure += other.unsure;
        self.short += other.short;
        self.foreign += other.foreign;
        self.errors += other.errors;
        self.skipped += other.skipped;
        self.bytes += other.bytes;
    }
}
