//! The arguments that say what labelled data is, for all commands that read some.

use std::path::PathBuf;

use super::{Failure, warn};
use crate::training::dataset::{self, DataOptions, Dataset};

/// Which column is what, and which label a value means.
#[derive(Debug, clap::Args)]
pub struct DataArguments {
    /// CSV files, plain or gzipped; `-` is standard input
    #[arg(required = true)]
    data: Vec<PathBuf>,
    /// The column of the labels
    #[arg(long, value_name = "COLUMN", conflicts_with = "label_from_title")]
    label_column: Option<String>,
    /// The column of the text
    #[arg(long, value_name = "COLUMN")]
    text_column: Option<String>,
    /// The column of the title
    #[arg(long, value_name = "COLUMN")]
    title_column: Option<String>,
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
            label: self.label_column.clone(),
            text: self.text_column.clone(),
            title: self.title_column.clone(),
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

/// Threads asked for, or as many as the machine has.
pub fn threads(asked: Option<usize>) -> Result<usize, Failure> {
    match asked {
        Some(0) => Err(Failure::Usage("--threads must be at least 1".to_owned())),
        Some(threads) => Ok(threads),
        None => Ok(std::thread::available_parallelism().map_or(1, usize::from)),
    }
}
