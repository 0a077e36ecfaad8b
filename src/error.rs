//! One error type for the whole crate; its context stands in fields, so that a
//! service can match on it and a command can print it.

use std::path::PathBuf;

/// Everything that can go wrong between opening a model and returning a label.
///
/// Every message says what was found, where, and what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried: "read", "write", "create".
        action: &'static str,
        /// The file in question.
        path: PathBuf,
        /// What the system answered.
        source: std::io::Error,
    },
    /// The bytes are not a model file of this program.
    #[error(
        "`{origin}` is not a rolecall model: {reason}\n  give a file that `rolecall train … -o FILE` wrote"
    )]
    NotAModel {
        /// Where the bytes come from.
        origin: String,
        /// What was found instead.
        reason: String,
    },
    /// A model file that is damaged: truncated, altered or inconsistent.
    #[error(
        "model `{origin}`, line {line}: {reason}\n  the file is damaged; fetch it again or retrain with `rolecall train`"
    )]
    DamagedModel {
        /// Where the bytes come from.
        origin: String,
        /// The 1-based line on which reading stopped.
        line: usize,
        /// What is wrong there.
        reason: String,
    },
    /// A model that another version of the program wrote.
    #[error(
        "model `{origin}`: {what} is `{found}`, and this program reads `{expected}`\n  use the rolecall release that wrote it, or retrain with `rolecall train`"
    )]
    ModelVersion {
        /// Where the bytes come from.
        origin: String,
        /// Which part differs: the format, the tokenizer, the stemmer.
        what: &'static str,
        /// What the file says.
        found: String,
        /// What this program can compute.
        expected: String,
    },
    /// The lexicon does not parse or contradicts itself.
    #[error("lexicon `{origin}`: {reason}")]
    Lexicon {
        /// Where the text comes from.
        origin: String,
        /// Which entry, and what is wrong with it.
        reason: String,
    },
    /// A table of postings that cannot be read or lacks what is needed.
    #[error("`{origin}`{}: {reason}", at_line(*.line))]
    Data {
        /// The file.
        origin: String,
        /// The 1-based line, where one can be named.
        line: Option<u64>,
        /// What was found and what to do.
        reason: String,
    },
    /// An output that another process is writing.
    #[error(
        "`{origin}`: another rolecall is writing it; wait for that one, or name another output"
    )]
    Busy {
        /// The file.
        origin: String,
    },
    /// Training data or parameters from which no model can be fitted.
    #[error("cannot train: {0}")]
    Training(String),
    /// Postings on which nothing can be measured.
    #[error("cannot evaluate: {0}")]
    Evaluation(String),
    /// Base rates that cannot be read.
    #[error("--prior: {0}")]
    Prior(String),
    /// Limits that cannot be kept.
    #[error("{0}")]
    Limit(String),
    /// Labels asked for that the model does not have.
    #[error("the model has no label `{asked}`; its labels are {}", .known.join(", "))]
    UnknownLabel {
        /// The label that was asked for.
        asked: String,
        /// The labels of the model.
        known: Vec<String>,
    },
}

/// The crate's result.
pub type Result<T> = std::result::Result<T, Error>;

fn at_line(line: Option<u64>) -> String {
    line.map(|n| format!(", line {n}")).unwrap_or_default()
}
