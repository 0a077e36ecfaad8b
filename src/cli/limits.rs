//! How much an input may hold, wherever files of postings are read.

use crate::readers::limits::{DEEPEST, Limits, bytes_of, size};

#[derive(Debug, clap::Args)]
#[allow(clippy::struct_field_names)] // each is a flag's name
#[command(next_help_heading = "Limits")]
pub struct LimitArguments {
    /// Largest row; a larger one is kept in its place and not labelled
    #[arg(long, value_name = "SIZE", value_parser = length_of, default_value = "4M")]
    max_row: usize,
    /// Largest field; the row of a larger one is kept and not labelled [default: that of a row]
    #[arg(long, value_name = "SIZE", value_parser = length_of)]
    max_field: Option<usize>,
    /// Levels that JSON which is read, and XML, may be nested
    #[arg(long, value_name = "N", value_parser = depth_of, default_value = "100")]
    max_nesting: usize,
    /// Most columns, or different keys of JSON objects
    #[arg(long, value_name = "N", default_value_t = Limits::default().columns)]
    max_columns: usize,
    /// How many times its size a compressed file may unpack to when one of its rows is larger than --max-row
    #[arg(long, value_name = "N", default_value_t = Limits::default().ratio)]
    max_ratio: u64,
    /// Memory for unpacking (half of it, at most 40M) and for rows under way (six of the largest size a thread); fewer
    /// threads are used where it does not suffice [default: 40M and what the threads need]
    #[arg(long, value_name = "SIZE", value_parser = bytes_of)]
    max_memory: Option<u64>,
}

impl LimitArguments {
    /// The limits, and how many of `threads` they leave.
    pub fn limits(&self, threads: usize) -> crate::Result<(Limits, usize)> {
        let mut limits = Limits {
            row: self.max_row,
            field: self.max_field.unwrap_or(self.max_row),
            nesting: self.max_nesting,
            columns: self.max_columns,
            ratio: self.max_ratio,
            ..Limits::default()
        };
        let threads = match self.max_memory {
            Some(memory) => limits.keep_within(memory, threads)?,
            None => threads,
        };
        Ok((limits, threads))
    }

    /// Those that change a byte of the output, by name.
    pub fn settings(&self) -> [(&'static str, String); 4] {
        [
            ("max-row", size(self.max_row as u64)),
            (
                "max-field",
                self.max_field.map_or(String::new(), |n| size(n as u64)),
            ),
            ("max-nesting", self.max_nesting.to_string()),
            ("max-columns", self.max_columns.to_string()),
        ]
    }
}

fn length_of(text: &str) -> Result<usize, String> {
    usize::try_from(bytes_of(text)?).map_err(|e| e.to_string())
}

fn depth_of(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(depth) if (1..=DEEPEST).contains(&depth) => Ok(depth),
        _ => Err(format!("give a number from 1 to {DEEPEST}")),
    }
}
