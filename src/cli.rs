//! The command line: one file per subcommand, each with its help, its arguments and
//! what it runs.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::classifier::{self, Classifier};
use crate::error::Error;
use crate::posting::Posting;
use crate::prior;
use crate::report::marks::visible;
use crate::training::dataset;
use crate::writers::target;

/// Says something on standard error.
macro_rules! tell {
    ($($said:tt)*) => {
        $crate::cli::say("", &format!($($said)*))
    };
}

mod audit;
mod bench;
mod classify;
mod completions;
mod data;
mod evaluate;
mod label;
mod limits;
mod man;
mod model;
mod paste;
mod scores;
mod skills;
mod train;

/// Says which role a job posting hires for: data scientist (DS), machine learning engineer (MLE), MLOps engineer
/// (MLOps), or none of them (Other) – with a calibrated probability and the words that decided it.
#[derive(Debug, Parser)]
#[command(
    name = "rolecall",
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Classify(classify::Arguments),
    Label(Box<label::Arguments>),
    Skills(skills::Arguments),
    Train(train::Arguments),
    Evaluate(evaluate::Arguments),
    Audit(audit::Arguments),
    Bench(bench::Arguments),
    Model(model::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
}

/// Which model predicts, wherever predictions are made.
#[derive(Debug, Args)]
struct ModelArguments {
    /// Use this model file instead of the embedded one
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Choose among these labels only, renormalised, when nothing else can occur
    #[arg(long, value_name = "LABELS", value_delimiter = ',')]
    among: Vec<String>,
    /// Judge the description alone
    #[arg(long)]
    ignore_title: bool,
    /// How common the labels are where the postings come from: shares or counts, one for every label
    #[arg(long, value_name = "LABEL=SHARE,…", conflicts_with = "prior_from")]
    prior: Option<String>,
    /// Estimate how common the labels are from the postings of this file; no label in it is looked at
    #[arg(long, value_name = "DATA")]
    prior_from: Option<PathBuf>,
}

impl ModelArguments {
    fn classifier(&self) -> crate::Result<Classifier> {
        let classifier = match &self.model {
            Some(path) => Classifier::open(path)?,
            None => Classifier::embedded()?,
        };
        let classifier = self.with_prior(classifier)?;
        if self.among.is_empty() {
            Ok(classifier)
        } else {
            classifier.among(&self.among)
        }
    }

    fn with_prior(&self, classifier: Classifier) -> crate::Result<Classifier> {
        if let Some(prior) = &self.prior {
            let prior = prior::parse(prior, classifier.labels())?;
            return Ok(classifier.with_prior(&prior));
        }
        let Some(path) = &self.prior_from else {
            return Ok(classifier);
        };
        let examples = dataset::read_unlabelled(path)?;
        let postings = examples.iter().map(|e| {
            if self.ignore_title {
                Posting::untitled(&e.description)
            } else {
                Posting::titled(&e.title, &e.description)
            }
        });
        let prior = classifier.estimate_prior(postings);
        let shares = classifier.labels().iter().zip(&prior);
        let shares: Vec<String> = shares.map(|(l, q)| format!("{l}={q:.4}")).collect();
        tell!(
            "base rates estimated from {} postings: --prior {}",
            examples.len(),
            shares.join(",")
        );
        Ok(classifier.with_prior(&prior))
    }
}

/// Opens a model file; `embedded` is the one inside the program.
fn open_model(path: &Path) -> crate::Result<Classifier> {
    if path == Path::new("embedded") {
        Classifier::embedded()
    } else {
        Classifier::open(path)
    }
}

/// How the command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All done.
    Done = 0,
    /// Finished, but some rows were rejected.
    Rejected = 1,
    /// Could not run.
    Failed = 2,
    /// Finished, but a required score was missed, or a better model stayed.
    Missed = 3,
    /// Stopped by Ctrl-C, or asked to end.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a subcommand stopped.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Error(#[from] Error),
    #[error("{0}")]
    Usage(String),
    #[error("cannot write to standard output: {0}")]
    Output(#[from] io::Error),
    #[error("{0}")]
    Missed(String),
}

type Outcome = std::result::Result<(), Failure>;

/// Runs the command with its arguments, the program's name first; prints, and returns how
/// it ended.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    #[cfg(feature = "parquet")]
    keep_quiet_about_damage();
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let parsed = command()
        .try_get_matches_from(&arguments)
        .and_then(|m| Cli::from_arg_matches(&m));
    let outcome = match parsed {
        Ok(Cli {
            command: Command::Classify(arguments),
        }) => classify::run(&arguments).map(|()| Exit::Done),
        Ok(Cli {
            command: Command::Label(arguments),
        }) => label::run(&arguments),
        Ok(Cli {
            command: Command::Skills(arguments),
        }) => skills::run(&arguments).map(|()| Exit::Done),
        Ok(Cli {
            command: Command::Train(arguments),
        }) => train::run(&arguments).map(|()| Exit::Done),
        Ok(Cli {
            command: Command::Completions(arguments),
        }) => completions::run(&arguments).map(|()| Exit::Done),
        Ok(Cli {
            command: Command::Man(arguments),
        }) => man::run(&arguments).map(|()| Exit::Done),
        Ok(Cli {
            command: Command::Evaluate(arguments),
        }) => evaluate::run(&arguments).map(|()| Exit::Done),
        Ok(Cli {
            command: Command::Audit(arguments),
        }) => audit::run(&arguments).map(|()| Exit::Done),
        Ok(Cli {
            command: Command::Bench(arguments),
        }) => bench::run(&arguments).map(|()| Exit::Done),
        Ok(Cli {
            command: Command::Model(arguments),
        }) => model::run(&arguments).map(|()| Exit::Done),
        Err(error) => return report_usage(&error, &arguments),
    };
    match outcome {
        Ok(exit) => exit,
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(failure) => {
            complain(&failure.to_string());
            match failure {
                Failure::Missed(_) => Exit::Missed,
                _ => Exit::Failed,
            }
        }
    }
}

/// What the Parquet library panics at is told as an error, and not twice.
#[cfg(feature = "parquet")]
fn keep_quiet_about_damage() {
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !crate::readers::parquet::is_reading() {
            told(panic);
        }
    }));
}

fn command() -> clap::Command {
    Cli::command().version(version())
}

/// Crate, model and lexicon: what an answer depends on.
fn version() -> String {
    let (model, lexicon) = classifier::embedded_versions();
    format!(
        "{} (model {model}, lexicon {lexicon})",
        env!("CARGO_PKG_VERSION"),
    )
}

/// Says something on standard error, behind a mark that may be coloured. Names of files and
/// columns may hold anything, which must not steer the terminal.
fn say(mark: &str, message: &str) {
    // That nobody listens is no reason to stop.
    let _ = writeln!(anstream::stderr(), "{mark}{}", visible(message));
}

fn complain(message: &str) {
    let style = anstyle::AnsiColor::Red.on_default().bold();
    say(&format!("{style}error:{style:#} "), message);
}

fn warn(message: &str) {
    let style = anstyle::AnsiColor::Yellow.on_default().bold();
    say(&format!("{style}warning:{style:#} "), message);
}

/// Prints help, version, or what is wrong with the arguments – or what was probably meant.
fn report_usage(error: &clap::Error, arguments: &[OsString]) -> Exit {
    let first = arguments
        .get(1)
        .and_then(|a| a.to_str())
        .unwrap_or_default();
    if error.kind() == ErrorKind::InvalidSubcommand
        && let Some(advice) = mistaken_for_command(first)
    {
        complain(&advice);
        return Exit::Failed;
    }
    let _ = error.print();
    if error.use_stderr() {
        Exit::Failed
    } else {
        Exit::Done
    }
}

/// What to type instead, when an ad stands where a subcommand belongs.
fn mistaken_for_command(first: &str) -> Option<String> {
    if Path::new(first).exists() {
        return Some(format!(
            "`{first}` is a file; to label the ad in it, type\n  rolecall classify {first}"
        ));
    }
    mistaken_for_file(first)
}

/// What to type instead, when an ad itself or its address stands where a file belongs.
fn mistaken_for_file(given: &str) -> Option<String> {
    if given.starts_with("http://") || given.starts_with("https://") || given.starts_with("www.") {
        return Some(format!(
            "`{given}` is a web address, and rolecall never goes online; save the page, then type\n  rolecall classify PAGE.html"
        ));
    }
    let is_prose = given.split_whitespace().nth(3).is_some();
    is_prose.then(|| {
        let start: String = given.chars().take(40).collect();
        format!("`{start}…` is the text of an ad, not a file; pipe it in, or paste it at the prompt of\n  rolecall classify")
    })
}

/// Standard output, buffered; coloured where colours are wanted.
fn output() -> impl Write {
    io::BufWriter::new(anstream::AutoStream::auto(io::stdout()))
}

/// Reads a file, or standard input for `-`, of at most `limit` bytes.
fn read_input(path: &Path, limit: u64) -> crate::Result<Vec<u8>> {
    use io::Read;
    let from_stdin = path == Path::new("-");
    let io = |source| Error::Io {
        action: "read",
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    if from_stdin {
        io::stdin()
            .lock()
            .take(limit.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(io)?;
    } else {
        let file = std::fs::File::open(path).map_err(io)?;
        if file.metadata().map_err(io)?.is_dir() {
            let reason =
                "it is a directory; name one file, or label many with `rolecall label`".to_owned();
            return Err(Error::Data {
                origin: path.display().to_string(),
                line: None,
                reason,
            });
        }
        file.take(limit.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(io)?;
    }
    if bytes.len() as u64 > limit {
        let reason = format!(
            "larger than {limit} bytes, so hardly one ad; raise --max-bytes, or use `rolecall label` for many"
        );
        return Err(Error::Data {
            origin: name_of(path),
            line: None,
            reason,
        });
    }
    Ok(bytes)
}

/// What an input is called in messages.
fn name_of(path: &Path) -> String {
    if path == Path::new("-") {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    }
}

/// Refuses outputs that could not be written when the work is done, or only over a file that is
/// `taken`, as inputs are, or over each other.
fn check_places<'a>(
    outputs: impl IntoIterator<Item = (&'a Option<PathBuf>, &'static str)>,
    taken: impl IntoIterator<Item = &'a Path>,
) -> Outcome {
    let mut taken: Vec<&Path> = taken.into_iter().collect();
    for (output, what) in outputs {
        if let Some(path) = output {
            check_place(path, what, &taken)?;
            taken.push(path);
        }
    }
    Ok(())
}

fn check_place(path: &Path, what: &str, taken: &[&Path]) -> Outcome {
    if path == Path::new("-") {
        return Ok(());
    }
    if taken.iter().any(|other| target::are_same(path, other)) {
        return Err(Failure::Usage(format!(
            "{} is an input or another output; name a file of its own to write {what} into",
            path.display()
        )));
    }
    if let Some(directory) = path.parent()
        && !directory.as_os_str().is_empty()
        && !directory.is_dir()
    {
        return Err(Failure::Usage(format!(
            "there is no directory {} to write {what} into; create it first",
            directory.display()
        )));
    }
    if path.is_dir() {
        return Err(Failure::Usage(format!(
            "{} is a directory; name a file to write {what} into",
            path.display()
        )));
    }
    Ok(())
}

/// Writes beside the name and renames, so that no half file ever carries it.
fn write_whole(path: &Path, bytes: &[u8]) -> crate::Result<()> {
    target::write_whole(path, ".part", bytes).map_err(|source| Error::Io {
        action: "write",
        path: path.to_owned(),
        source,
    })
}

/// Writes a text to a file, or prints it where its name is `-`.
fn write_text(path: &Path, text: &str) -> Outcome {
    if path == Path::new("-") {
        std::io::stdout().write_all(text.as_bytes())?;
        return Ok(());
    }
    Ok(write_whole(path, text.as_bytes())?)
}
