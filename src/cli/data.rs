//! The arguments that say what labelled data is, for all commands that read some.

use std::path::{Path, PathBuf};

use super::label::{charset_of, delimiter_of};
use super::{Failure, name_of, warn};
use crate::readers::ReadOptions;
use crate::readers::encoding::Charset;
use crate::readers::limits::Limits;
use crate::training::dataset::{self, DataOptions, Dataset};

/// Which column is what, and which label a value means.
#[derive(Debug, clap::Args)]
pub struct DataArguments {
    /// Files of any format that `label` reads, directories of parts, or `-` for standard input
    #[arg(required = true)]
    data: Vec<PathBuf>,
    /// The column of the labels
    #[arg(long, value_name = "COLUMN", conflicts_with = "label_from_title")]
    label_column: Option<String>,
    /// Columns of the text: names, numbers or dotted JSON paths, joined by commas
    #[arg(long, value_name = "COLUMNS")]
    text: Option<String>,
    /// Columns of the title
    #[arg(long, value_name = "COLUMNS")]
    title: Option<String>,
    /// The delimiter of the files: one character, or `tab`
    #[arg(long, value_name = "CHAR", value_parser = delimiter_of)]
    delimiter: Option<u8>,
    /// The encoding of the files, such as utf-8, utf-16le, windows-1252
    #[arg(long, value_name = "NAME", value_parser = charset_of)]
    encoding: Option<Charset>,
    /// The column whose values must not stand on both sides of a split: the employer
    #[arg(long, value_name = "COLUMN")]
    group: Option<String>,
    /// Take the labels from the titles, by published rules; role names are then masked in the texts
    #[arg(long)]
    label_from_title: bool,
    /// Take one label for another: 'Applied Scientist=DS'
    #[arg(long, value_name = "LABEL=LABEL")]
    map: Vec<String>,
    /// Leave out the rows with this label
    #[arg(long, value_name = "LABEL")]
    drop_label: Vec<String>,
}

impl DataArguments {
    /// Reads the data; what was chosen and left out goes to standard error.
    pub fn read(&self) -> Result<Dataset, Failure> {
        Ok(said(dataset::read(&self.data, &self.options()?)?))
    }

    /// The files.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.data.iter().map(PathBuf::as_path)
    }

    /// What the files are called together.
    pub fn name(&self) -> String {
        match &self.data[..] {
            [one] => name_of(one.file_name().map_or(one, Path::new)),
            all => format!("{} files", all.len()),
        }
    }

    /// Reads another file in the same way.
    pub fn read_other(&self, path: &PathBuf) -> Result<Dataset, Failure> {
        Ok(said(dataset::read(&[path], &self.options()?)?))
    }

    fn options(&self) -> Result<DataOptions, Failure> {
        let pair = |text: &String| match text.rsplit_once('=') {
            Some((from, to)) if !from.trim().is_empty() && !to.trim().is_empty() => {
                Ok((from.trim().to_owned(), to.trim().to_owned()))
            }
            _ => Err(Failure::Usage(format!(
                "--map `{text}` is not of the form 'LABEL=LABEL', as in --map 'Applied Scientist=DS'"
            ))),
        };
        Ok(DataOptions {
            read: ReadOptions {
                delimiter: self.delimiter,
                no_header: false,
                charset: self.encoding,
                limits: Limits::default(),
            },
            label: self.label_column.clone(),
            text: self.text.clone(),
            title: self.title.clone(),
            group: self.group.clone(),
            label_from_title: self.label_from_title,
            map: self.map.iter().map(pair).collect::<Result<_, _>>()?,
            drop: self.drop_label.clone(),
            unlabelled: false,
        })
    }
}

fn said(dataset: Dataset) -> Dataset {
    for columns in &dataset.columns {
        tell!("{columns}");
    }
    let mut folded = dataset.folded.clone();
    folded.sort_by_key(|(_, _, n)| std::cmp::Reverse(*n));
    for (value, label, n) in folded.iter().take(20) {
        tell!("{n} rows labelled `{value}` count as {label}");
    }
    for (why, n) in &dataset.left_out {
        warn(&format!("{n} rows {why} are left out"));
    }
    dataset
}

/// Most threads that may be asked for: more than any machine runs at once.
const MOST_THREADS: usize = 1024;

/// Threads asked for, or as many as the machine has.
pub fn threads(asked: Option<usize>) -> Result<usize, Failure> {
    match asked {
        Some(threads) if (1..=MOST_THREADS).contains(&threads) => Ok(threads),
        Some(threads) => Err(Failure::Usage(format!(
            "--threads {threads} is not from 1 to {MOST_THREADS}"
        ))),
        None => Ok(std::thread::available_parallelism().map_or(1, usize::from)),
    }
}
