//! `rolecall label`: files of postings, of any size, with their roles beside them.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::data::threads;
use super::{Exit, Failure, ModelArguments, check_places, limits, name_of, warn, write_text};
use crate::classifier::Classifier;
use crate::columns::Wishes;
use crate::error::Error;
use crate::labelling::engine::{Job, Report};
use crate::labelling::holdings::Holdings;
use crate::labelling::{LabelOptions, Progress, Tally, engine, stream};
use crate::readers::encoding::Charset;
use crate::readers::{self, Origin, ReadOptions};
use crate::report::grouped;
use crate::writers::OutputFormat;
use crate::writers::target::{Destination, Target};

/// Rows that a dry run shows.
const SHOWN: u64 = 5;

/// Label files of postings of any size
///
/// Reads CSV, TSV, JSON Lines, Parquet, and the JSON or XML feeds of job boards, plain or compressed, and writes every
/// row with every column it had, in the same order, with role, probabilities and status appended.
#[allow(clippy::struct_excessive_bools)] // every one is a switch of its own
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Files, directories of parts, or `-` for standard input
    #[arg(required = true)]
    inputs: Vec<PathBuf>,
    /// Where to write; a name that ends with `/` is a directory that takes one output per input
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    #[command(flatten)]
    model: ModelArguments,
    /// Columns of the text: names, numbers or dotted JSON paths, joined by commas
    #[arg(long, value_name = "COLUMNS")]
    text: Option<String>,
    /// Columns of the title
    #[arg(long, value_name = "COLUMNS", conflicts_with = "ignore_title")]
    title: Option<String>,
    /// The output's format, where its name does not tell: csv, tsv, jsonl, parquet
    #[arg(long, value_name = "FORMAT", value_parser = format_of)]
    format: Option<OutputFormat>,
    /// The input's delimiter: one character, or `tab`
    #[arg(long, value_name = "CHAR", value_parser = delimiter_of)]
    delimiter: Option<u8>,
    /// The first record is data, not names
    #[arg(long)]
    no_header: bool,
    /// The input's encoding, such as utf-8, utf-16le, windows-1252
    #[arg(long, value_name = "NAME", value_parser = charset_of)]
    encoding: Option<Charset>,
    /// Show format, columns and a few labelled rows, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Stop after this many rows of each input
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Keep the id alone of the original columns
    #[arg(long)]
    only: bool,
    /// The id's column; else the one named `id`, else the row's number
    #[arg(long, value_name = "COLUMN", requires = "only")]
    id: Option<String>,
    /// Add a column with the N terms that decided most
    #[arg(long, value_name = "N")]
    explain: Option<usize>,
    /// Put this before the name of every added column
    #[arg(long, value_name = "PREFIX", default_value = "")]
    prefix: String,
    /// Replace the columns of an earlier labelling
    #[arg(long)]
    replace: bool,
    /// Give no label that is less probable
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = share_of)]
    min_confidence: f64,
    /// Give no label that is less far ahead of the second
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = share_of)]
    min_margin: f64,
    /// Collect the rows that cannot be labelled in this file too
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Stop at the first row that cannot be labelled
    #[arg(long)]
    strict: bool,
    /// Rejected rows, a number or a percentage, up to which the exit code stays 0
    #[arg(long, value_name = "N|P%", value_parser = allowance_of, default_value = "0")]
    max_rejects: Allowance,
    /// Write a page about what the labelled rows hold, one self-contained HTML file; `-` prints it
    #[arg(long, value_name = "OUT", conflicts_with = "dry_run")]
    report: Option<PathBuf>,
    /// Guard cells of CSV and TSV that a spreadsheet would run as formulas: those that begin with = + - @, tab or
    /// carriage return get an apostrophe before them
    #[arg(long)]
    spreadsheet_safe: bool,
    /// Unite inputs of different columns, with a column that names the source
    #[arg(long)]
    union: bool,
    /// Go on where an interrupted labelling stopped
    #[arg(long)]
    resume: bool,
    /// Answer standard input line by line, at once
    #[arg(long, conflicts_with_all = ["output", "resume", "dry_run", "rejects", "limit", "union", "report", "spreadsheet_safe"])]
    unbuffered: bool,
    #[command(flatten)]
    limits: limits::LimitArguments,
    /// Threads; all cores by default
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Print neither progress nor summary
    #[arg(short, long)]
    quiet: bool,
}

pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let classifier = arguments.model.classifier()?;
    let options = arguments.options()?;
    if arguments.unbuffered {
        return answer_lines(arguments, &classifier, &options);
    }
    // The job itself checks that it is no input.
    check_places([(&arguments.report, "the report")], [])?;
    let jobs = arguments.jobs()?;
    let printed = arguments.report.as_deref() == Some(Path::new("-"));
    if printed && jobs.iter().any(|(_, to)| *to == Destination::Stdout) {
        return Err(Failure::Usage(
            "rows and report cannot both go to standard output; give a file with -o or --report"
                .to_owned(),
        ));
    }
    let progress = Arc::new(Progress::default());
    stop_on_interrupt(&progress)?;
    let mut exit = Exit::Done;
    let lexicon = classifier.model().content.space.lexicon();
    let mut holdings = arguments
        .report
        .as_ref()
        .map(|_| Holdings::new(classifier.labels(), lexicon));
    for (origins, destination) in jobs {
        match run_one(
            arguments,
            &classifier,
            &options,
            &progress,
            origins,
            &destination,
            &mut holdings,
        )? {
            Exit::Done => {}
            Exit::Rejected => exit = Exit::Rejected,
            stopped => return Ok(stopped),
        }
    }
    if let (Some(path), Some(holdings)) = (&arguments.report, &holdings) {
        let page = holdings.page(&arguments.name(), &classifier);
        write_text(path, &page)?;
        if !printed && !arguments.quiet {
            tell!("  report: {}", path.display());
        }
    }
    Ok(exit)
}

fn run_one(
    arguments: &Arguments,
    classifier: &Classifier,
    options: &LabelOptions,
    progress: &Arc<Progress>,
    origins: Vec<Origin>,
    destination: &Destination,
    holdings: &mut Option<Holdings>,
) -> Result<Exit, Failure> {
    let total = size_of(&origins);
    let begun = Instant::now();
    progress.read.store(0, Ordering::Relaxed);
    progress.rows.store(0, Ordering::Relaxed);
    progress.waiting.fetch_add(1, Ordering::Relaxed);
    let job = Job::new(classifier, options, progress, origins, destination.clone())?;
    progress.waiting.fetch_sub(1, Ordering::Relaxed);
    if !arguments.quiet || arguments.dry_run {
        describe(&job, arguments.dry_run);
    }
    if arguments.dry_run {
        io::stdout().write_all(&job.try_out(SHOWN)?)?;
        return Ok(Exit::Done);
    }
    let bar = Bar::start(progress, total, arguments.quiet);
    let outcome = job.counting(holdings.take()).run();
    bar.stop();
    let mut report = match outcome {
        Ok(report) => report,
        Err(Error::Io { source, path, .. }) if path == Path::new("standard output") => {
            return Err(Failure::Output(source));
        }
        Err(error) => return Err(Failure::Usage(with_remains(&error, destination))),
    };
    *holdings = report.holdings.take();
    if !arguments.quiet {
        summarize(&report, classifier, begun.elapsed());
    }
    if report.interrupted {
        let remains = remains(destination).unwrap_or_default();
        warn(&format!(
            "interrupted after {} rows{remains}",
            grouped(report.tally.rows())
        ));
        return Ok(Exit::Interrupted);
    }
    let rejected = report.tally.errors;
    if rejected > arguments.max_rejects.of(report.tally.rows()) {
        if let Some((input, line, reason)) = &report.first_reject {
            let first: String = reason.chars().take(200).collect();
            warn(&format!(
                "{} rows could not be labelled; the first, `{input}`, line {line}: {first}",
                grouped(rejected)
            ));
        }
        return Ok(Exit::Rejected);
    }
    Ok(Exit::Done)
}

fn answer_lines(
    arguments: &Arguments,
    classifier: &Classifier,
    options: &LabelOptions,
) -> Result<Exit, Failure> {
    if arguments.inputs != [PathBuf::from("-")] {
        let message = "--unbuffered answers standard input alone: rolecall label - --unbuffered";
        return Err(Failure::Usage(message.to_owned()));
    }
    let mut out = Target::open(&Destination::Stdout)?;
    let outcome = stream::answer(classifier, options, &mut io::stdin().lock(), &mut out);
    let tally: Tally = match outcome {
        Ok(tally) => tally,
        Err(Error::Io { source, path, .. }) if path == Path::new("standard output") => {
            return Err(Failure::Output(source));
        }
        Err(error) => return Err(error.into()),
    };
    if tally.errors > arguments.max_rejects.of(tally.rows()) {
        return Ok(Exit::Rejected);
    }
    Ok(Exit::Done)
}

/// How many rejected rows are allowed.
#[derive(Debug, Clone, Copy)]
enum Allowance {
    Rows(u64),
    Percent(f64),
}

impl Allowance {
    fn of(self, rows: u64) -> u64 {
        match self {
            Self::Rows(n) => n,
            Self::Percent(p) => (rows as f64 * p / 100.0) as u64,
        }
    }
}

fn allowance_of(text: &str) -> Result<Allowance, String> {
    let wrong = || "give a number of rows, or a percentage such as 0.5%".to_owned();
    match text.strip_suffix('%') {
        Some(percent) => match percent.trim().parse() {
            Ok(p) if (0.0..=100.0).contains(&p) => Ok(Allowance::Percent(p)),
            _ => Err(wrong()),
        },
        None => text.parse().map(Allowance::Rows).map_err(|_| wrong()),
    }
}

fn share_of(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("give a number from 0 to 1".to_owned()),
    }
}

fn format_of(text: &str) -> Result<OutputFormat, String> {
    match text.to_ascii_lowercase().as_str() {
        "csv" => Ok(OutputFormat::Delimited(b',')),
        "tsv" => Ok(OutputFormat::Delimited(b'\t')),
        "jsonl" => Ok(OutputFormat::JsonLines),
        "parquet" => Ok(OutputFormat::Parquet),
        _ => Err("choose csv, tsv, jsonl or parquet".to_owned()),
    }
}

pub(super) fn delimiter_of(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [b'"' | b'\n' | b'\r'] => Err("a quote or line end cannot delimit fields".to_owned()),
        [one] if one.is_ascii() => Ok(*one),
        _ => Err("give one ASCII character, or `tab`".to_owned()),
    }
}

pub(super) fn charset_of(text: &str) -> Result<Charset, String> {
    Charset::by_name(text)
        .ok_or_else(|| "no such encoding; try utf-8, utf-16le or windows-1252".to_owned())
}

impl Arguments {
    fn options(&self) -> Result<LabelOptions, Failure> {
        if self.rejects.as_deref() == Some(Path::new("-")) {
            let message = "--rejects needs the name of a file; standard output is for the rows";
            return Err(Failure::Usage(message.to_owned()));
        }
        let threads = threads(self.threads)?;
        let (limits, threads) = self.limits.limits(threads)?;
        Ok(LabelOptions {
            read: ReadOptions {
                delimiter: self.delimiter,
                no_header: self.no_header,
                charset: self.encoding,
                limits,
            },
            wishes: Wishes {
                text: self.text.clone(),
                title: self.title.clone(),
                ignore_title: self.model.ignore_title,
                replace: self.replace,
                label: None,
            },
            format: self.format,
            prefix: self.prefix.clone(),
            only: self.only,
            id: self.id.clone(),
            explain: self.explain,
            min_confidence: self.min_confidence,
            min_margin: self.min_margin,
            limit: self.limit,
            strict: self.strict,
            rejects: self.rejects.clone(),
            union: self.union,
            resume: self.resume,
            spreadsheet_safe: self.spreadsheet_safe,
            report: self.report.as_ref().map(|path| match path.to_str() {
                Some("-") => Destination::Stdout,
                _ => Destination::File(path.clone()),
            }),
            threads,
            settings: self.settings(),
        })
    }

    /// What the inputs are called together.
    fn name(&self) -> String {
        match &self.inputs[..] {
            [one] => name_of(one.file_name().map_or(one, Path::new)),
            all => format!("{} inputs", all.len()),
        }
    }

    /// Every option that changes a byte of the output.
    fn settings(&self) -> Vec<(String, String)> {
        let optional = |value: Option<String>| value.unwrap_or_default();
        let settings = [
            ("among", self.model.among.join(",")),
            ("ignore-title", self.model.ignore_title.to_string()),
            ("prior", optional(self.model.prior.clone())),
            (
                "prior-from",
                optional(
                    self.model
                        .prior_from
                        .as_ref()
                        .map(|p| p.display().to_string()),
                ),
            ),
            ("text", optional(self.text.clone())),
            ("title", optional(self.title.clone())),
            (
                "format",
                optional(self.format.map(|f| f.extension().to_owned())),
            ),
            (
                "delimiter",
                optional(self.delimiter.map(|d| char::from(d).to_string())),
            ),
            ("no-header", self.no_header.to_string()),
            ("encoding", optional(self.encoding.map(Charset::describe))),
            ("limit", optional(self.limit.map(|n| n.to_string()))),
            ("only", self.only.to_string()),
            ("id", optional(self.id.clone())),
            ("explain", optional(self.explain.map(|n| n.to_string()))),
            ("prefix", self.prefix.clone()),
            ("replace", self.replace.to_string()),
            ("min-confidence", self.min_confidence.to_string()),
            ("min-margin", self.min_margin.to_string()),
            ("strict", self.strict.to_string()),
            ("union", self.union.to_string()),
            ("spreadsheet-safe", self.spreadsheet_safe.to_string()),
            (
                "rejects",
                optional(self.rejects.as_ref().map(|p| p.display().to_string())),
            ),
        ];
        let settings = settings.into_iter().chain(self.limits.settings());
        settings
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    /// Which inputs go into which output.
    fn jobs(&self) -> Result<Vec<(Vec<Origin>, Destination)>, Failure> {
        let mut origins: Vec<(Origin, PathBuf)> = Vec::new();
        for input in &self.inputs {
            origins.extend(readers::inputs(input)?);
        }
        let Some(output) = self.output.as_ref().filter(|o| *o != Path::new("-")) else {
            let origins = origins.into_iter().map(|(origin, _)| origin).collect();
            return Ok(vec![(origins, Destination::Stdout)]);
        };
        if !output.is_dir() && !output.as_os_str().to_string_lossy().ends_with('/') {
            let origins = origins.into_iter().map(|(origin, _)| origin).collect();
            return Ok(vec![(origins, Destination::File(output.clone()))]);
        }
        let mut jobs = Vec::new();
        let mut taken = std::collections::BTreeSet::new();
        for (origin, name) in origins {
            let path = output.join(self.output_name(&origin, &name));
            if !taken.insert(path.clone()) {
                return Err(Failure::Usage(format!(
                    "two inputs would be written to `{}`; label them one by one",
                    path.display()
                )));
            }
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(|source| Error::Io {
                    action: "create",
                    path: parent.to_owned(),
                    source,
                })?;
            }
            jobs.push((vec![origin], Destination::File(path)));
        }
        Ok(jobs)
    }

    /// The name of an output in a directory: the input's, with the extension of what it
    /// will hold.
    fn output_name(&self, origin: &Origin, name: &Path) -> PathBuf {
        let text = name.to_string_lossy().into_owned();
        if *origin == Origin::Stdin {
            let extension = self.format.map_or("csv", OutputFormat::extension);
            return PathBuf::from(format!("stdin.{extension}"));
        }
        let (format, compression) = OutputFormat::by_name(&text);
        let wanted = match self.format {
            Some(wanted) if Some(wanted) != format => wanted,
            // A feed of JSON or XML comes out as JSON Lines.
            _ if text.contains(".json") && !text.contains(".jsonl") || text.contains(".xml") => {
                OutputFormat::JsonLines
            }
            _ => return name.to_owned(),
        };
        let mut stem = name.to_owned();
        let packing = match compression {
            crate::readers::compression::Compression::None => String::new(),
            _ => stem
                .extension()
                .map_or(String::new(), |e| format!(".{}", e.to_string_lossy())),
        };
        if !packing.is_empty() {
            stem.set_extension("");
        }
        stem.set_extension(format!("{}{packing}", wanted.extension()));
        stem
    }
}

/// Bytes of all inputs, where they can be told.
fn size_of(origins: &[Origin]) -> Option<u64> {
    let size = |origin: &Origin| match origin {
        Origin::Stdin => None,
        Origin::File(path) => std::fs::metadata(path).ok().map(|m| m.len()),
    };
    origins.iter().map(size).sum()
}

/// How long an interrupted run waits for an input or output. A read from a pipe hears of no
/// interruption.
const PATIENCE: Duration = Duration::from_secs(3);

/// The first Ctrl-C, or request to end, stops after the rows under way, the second at once.
fn stop_on_interrupt(progress: &Arc<Progress>) -> Result<(), Failure> {
    let progress = Arc::clone(progress);
    let handler = move || {
        if progress.stop.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        let progress = Arc::clone(&progress);
        let watch = move || {
            loop {
                thread::sleep(PATIENCE);
                if progress.waiting.load(Ordering::Relaxed) > 0 {
                    warn("interrupted while waiting for input or output");
                    std::process::exit(130);
                }
            }
        };
        // Without it, a second Ctrl-C stops what waits.
        let _ = thread::Builder::new().spawn(watch);
    };
    ctrlc::set_handler(handler).map_err(|e| Failure::Usage(format!("cannot watch for Ctrl-C: {e}")))
}

/// Says what the input is and which columns were chosen, and why.
fn describe(job: &Job, in_full: bool) {
    let Some((input, plan)) = job.first() else {
        return;
    };
    let packed = match input.compression {
        crate::readers::compression::Compression::None => String::new(),
        packed => format!(", {}", packed.as_str()),
    };
    tell!(
        "{}: {}{packed}, {}, {} columns",
        input.origin.name(),
        input.format.describe(),
        input.charset.describe(),
        input.columns.len()
    );
    for reason in &plan.chosen.reasons {
        tell!("  {reason}");
    }
    if in_full {
        tell!("  columns: {}", input.columns.join(", "));
    }
}

fn with_remains(error: &Error, destination: &Destination) -> String {
    // A refusal to resume says itself what to do, and what another process writes is not
    // this one's to speak of.
    let says_all = match error {
        Error::Busy { .. } => true,
        Error::Data { reason, .. } => reason.ends_with("without --resume"),
        _ => false,
    };
    if says_all {
        return error.to_string();
    }
    let remains = remains(destination).map_or(String::new(), |r| {
        format!("\n  what was labelled before is kept{r}")
    });
    format!("{error}{remains}")
}

/// Where unfinished output is, and how to go on.
fn remains(destination: &Destination) -> Option<String> {
    let (partial, resumable) = engine::interrupted_at(destination)?;
    let how = if resumable {
        "; the same command with --resume goes on from there"
    } else {
        ""
    };
    Some(format!(" in `{}`{how}", partial.display()))
}

fn summarize(report: &Report, classifier: &Classifier, took: Duration) {
    let tally = &report.tally;
    let seconds = took.as_secs_f64().max(1e-3);
    let megabytes = tally.bytes as f64 / 1e6;
    let resumed = match report.resumed {
        0 => String::new(),
        n => format!(", {} of them in an earlier run", grouped(n)),
    };
    tell!(
        "{} rows{resumed}; {megabytes:.1} MB read in {seconds:.1} s, {:.1} MB/s",
        grouped(tally.rows()),
        megabytes / seconds
    );
    let labels: Vec<String> = classifier
        .labels()
        .iter()
        .zip(&tally.labels)
        .map(|(label, n)| format!("{label} {}", grouped(*n)))
        .collect();
    tell!("  labels: {}", labels.join(", "));
    let statuses = [
        ("ok", tally.ok),
        ("title-only", tally.title_only),
        ("unsure", tally.unsure),
        ("short", tally.short),
        ("foreign", tally.foreign),
        ("error", tally.errors),
        ("left out (no listed posting)", tally.skipped),
    ];
    let statuses: Vec<String> = statuses
        .iter()
        .filter(|(_, n)| *n > 0)
        .map(|(name, n)| format!("{name} {}", grouped(*n)))
        .collect();
    if !statuses.is_empty() {
        tell!("  statuses: {}", statuses.join(", "));
    }
}

/// The progress bar, drawn from a thread of its own where standard error is a terminal.
struct Bar {
    ended: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Bar {
    fn start(progress: &Arc<Progress>, total: Option<u64>, quiet: bool) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        if quiet || !io::stderr().is_terminal() {
            return Self {
                ended,
                thread: None,
            };
        }
        let (progress, stop) = (Arc::clone(progress), Arc::clone(&ended));
        let draw = move || draw(&progress, total, &stop);
        let thread = thread::Builder::new().spawn(draw).ok();
        Self { ended, thread }
    }

    fn stop(self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread {
            thread.thread().unpark();
            // A bar that failed is no reason to fail.
            let _ = thread.join();
        }
    }
}

fn draw(progress: &Progress, total: Option<u64>, stop: &AtomicBool) {
    let bar = match total {
        Some(total) => ProgressBar::new(total),
        None => ProgressBar::new_spinner(),
    };
    let template = if total.is_some() {
        "{bar:30} {percent:>3} %  {bytes}/{total_bytes}  {msg}  {eta} left"
    } else {
        "{spinner} {bytes}  {msg}"
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    let begun = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        let rows = progress.rows.load(Ordering::Relaxed);
        let rate = rows as f64 / begun.elapsed().as_secs_f64().max(1e-3);
        bar.set_message(format!("{} rows, {rate:.0} rows/s", grouped(rows)));
        bar.set_position(progress.read.load(Ordering::Relaxed));
        thread::park_timeout(Duration::from_millis(200));
    }
    bar.finish_and_clear();
}
