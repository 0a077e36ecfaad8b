//! `rolecall bench`: how fast it is here, on these postings.

use std::io::Write;
use std::path::PathBuf;

use super::data::threads;
use super::{Outcome, output};
use crate::bench::{self, Bench, BenchOptions, EndToEnd, Latency, Measured, Stage};
use crate::columns::Wishes;

/// Columns of the longest bar.
const BAR: f64 = 24.0;

/// Measure how fast labelling is, stage by stage
///
/// End to end on one thread and on all, each stage by itself, one ad at a time, starting, and memory. At most the
/// first 16 MB of each file are measured, unpacked. Without DATA, the postings are made from those that ship with the
/// program; they hold fewer different words than real ones, so name a file of yours for figures that count.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Files of postings, in every format that `rolecall label` reads
    data: Vec<PathBuf>,
    /// Use this model file instead of the embedded one
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Columns of the text: names, numbers or dotted JSON paths, joined by commas
    #[arg(long, value_name = "COLUMNS")]
    text: Option<String>,
    /// Columns of the title
    #[arg(long, value_name = "COLUMNS", conflicts_with = "ignore_title")]
    title: Option<String>,
    /// Judge the description alone
    #[arg(long)]
    ignore_title: bool,
    /// Measure each file for about so long; longer is steadier
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds_of)]
    seconds: f64,
    /// Threads of the second measurement; all cores by default
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let options = BenchOptions {
        model: arguments.model.clone(),
        wishes: Wishes {
            text: arguments.text.clone(),
            title: arguments.title.clone(),
            ignore_title: arguments.ignore_title,
            replace: true,
            label: None,
        },
        seconds: arguments.seconds,
        threads: threads(arguments.threads)?,
        program: std::env::current_exe().ok(),
    };
    let bench = bench::measure(&arguments.data, &options)?;
    let mut out = output();
    if arguments.json {
        let text = serde_json::to_string_pretty(&bench).map_err(std::io::Error::from)?;
        writeln!(out, "{text}")?;
    } else {
        write!(out, "{}", table(&bench))?;
    }
    Ok(out.flush()?)
}

fn seconds_of(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.0..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("give a number of seconds from 0 to 3600".to_owned()),
    }
}

fn table(bench: &Bench) -> String {
    let mut text: String = bench.inputs.iter().map(of_input).collect();
    let start = &bench.start_up;
    text += &format!("open the model    {:8.2} ms\n", start.open_model_ms);
    for (what, milliseconds) in [
        ("rolecall --version", start.version_ms),
        ("rolecall classify", start.classify_ms),
    ] {
        if let Some(milliseconds) = milliseconds {
            text += &format!("{what:18}{milliseconds:8.2} ms, the whole process\n");
        }
    }
    if let Some(bytes) = bench.peak_memory {
        text += &format!("peak memory       {:8.1} MB, labelling\n", megabytes(bytes));
    }
    let model = &bench.model;
    text += &format!(
        "model {:12}{:8.1} MB, {} features, {} labels\n",
        model.id,
        megabytes(model.bytes),
        model.features,
        model.labels
    );
    if let Some(bytes) = model.program_bytes {
        text += &format!("program           {:8.1} MB\n", megabytes(bytes));
    }
    text
}

fn of_input(measured: &Measured) -> String {
    let beginning = if measured.whole { "" } else { "the first " };
    let packed = match measured.compression {
        "uncompressed" => String::new(),
        packed => format!(", {packed}"),
    };
    let mut text = format!(
        "{}: {}{packed}, {beginning}{} postings, {:.1} MB\n",
        measured.input,
        measured.format,
        measured.postings,
        measured.bytes as f64 / 1e6
    );
    if measured.made {
        text += "  they hold fewer different words than real ones; for yours, name a file: rolecall bench FILE\n";
    }
    text += &format!("\n{:18}{:>8} {:>11}\n", "label", "MB/s", "postings/s");
    let fastest = measured
        .label
        .iter()
        .map(|l| l.mb_per_s)
        .fold(0.0, f64::max);
    for line in &measured.label {
        text += &end_to_end(line, fastest);
    }
    text += &format!(
        "\n{:18}{:>8} {:>11}\n",
        "on one thread", "MB/s", "µs/posting"
    );
    for stage in &measured.stages {
        text += &of_stage(stage);
    }
    text += &format!("\n{:18}{:>8} {:>11}\n", "one ad", "median", "99 % within");
    text += &latency("after others", measured.next_ad);
    text += &latency("the first", measured.first_ad);
    text + "\n"
}

fn end_to_end(line: &EndToEnd, fastest: f64) -> String {
    let threads = match line.threads {
        1 => "1 thread".to_owned(),
        n => format!("{n} threads"),
    };
    format!(
        "  {threads:16}{:8.1} {:11.0}  {} ±{:.0} %\n",
        line.mb_per_s,
        line.postings_per_s,
        bar(line.mb_per_s / fastest),
        line.seconds.spread() * 100.0
    )
}

fn of_stage(stage: &Stage) -> String {
    let speed = stage.mb_per_s.map_or(String::new(), |s| format!("{s:.1}"));
    let line = format!(
        "  {:16}{speed:>8} {:11.2}  {} {:.0} %",
        stage.stage,
        stage.us_per_posting,
        bar(stage.share),
        stage.share * 100.0
    );
    line + "\n"
}

fn latency(what: &str, latency: Latency) -> String {
    let Latency { median_us, p99_us } = latency;
    format!("  {what:16}{median_us:8.1} {p99_us:11.1}  µs\n")
}

/// A bar of a share of the longest one.
fn bar(share: f64) -> String {
    crate::report::terminal::bar(share * BAR)
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
