//! `rolecall evaluate`: a model's scores on labelled postings.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::data::{DataArguments, threads};
use super::{Failure, ModelArguments, Outcome, check_places, output, scores, write_text};
use crate::evaluation::gates::{GateOn, Gates};
use crate::evaluation::whole::{self, Evaluation, EvaluationOptions};
use crate::report::evaluation::{Row, Scores};
use crate::report::{self, evaluation_page};

/// Score a model on labelled postings that it was not trained on
///
/// Left out are postings that the model was trained on, rows whose label was taken from the title where others were
/// read, and languages that the model does not know. With a required score that is missed, the exit code is 3.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    data: DataArguments,
    #[command(flatten)]
    model: ModelArguments,
    /// Keep postings that the model was trained on; scores are then too good
    #[arg(long)]
    include_seen: bool,
    /// Write everything as JSON into this file
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,
    /// Write a page with plots and the surest errors, one self-contained HTML file; `-` prints it instead of the tables.
    /// It shows texts of postings
    #[arg(long, value_name = "OUT")]
    html: Option<PathBuf>,
    /// Require at least this macro-F1
    #[arg(long, value_name = "F1")]
    min_macro_f1: Option<f64>,
    /// Require at least this recall of a label
    #[arg(long, value_name = "LABEL=RECALL")]
    min_recall: Vec<String>,
    /// Require at least this F1 of a label
    #[arg(long, value_name = "LABEL=F1")]
    min_f1: Vec<String>,
    /// What must reach it: the score, or the lower end of its 95 % interval
    #[arg(long, value_enum, default_value_t)]
    gate_on: On,
    /// Threads to use; no score depends on it
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum On {
    #[default]
    Value,
    Lower,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let gates = gates(arguments)?;
    let outputs = [
        (&arguments.html, "the page"),
        (&arguments.metrics, "the metrics"),
    ];
    let model = arguments.model.model.as_deref();
    check_places(outputs, arguments.data.paths().chain(model))?;
    let classifier = arguments.model.classifier()?;
    let dataset = arguments.data.read()?;
    let options = EvaluationOptions {
        ignore_title: arguments.model.ignore_title,
        include_seen: arguments.include_seen,
        threads: threads(arguments.threads)?,
    };
    let evaluation = whole::evaluate(&classifier, &dataset.examples, options)?;
    let outputs = [&arguments.html, &arguments.metrics];
    let printed = outputs
        .map(Option::as_deref)
        .contains(&Some(Path::new("-")));
    if !printed {
        let mut out = output();
        print(&evaluation, &mut out)?;
        out.flush()?;
    }
    if let Some(path) = &arguments.html {
        let rows: Vec<Row> = evaluation
            .kept
            .iter()
            .zip(&evaluation.judged)
            .map(|(&row, judged)| {
                Row::new(&dataset.examples[row], judged, arguments.model.ignore_title)
            })
            .collect();
        let comparison = evaluation
            .against_embedded
            .map(|c| ("the embedded model".to_owned(), c));
        let page = evaluation_page(&report::evaluation::Evaluation {
            name: &arguments.data.name(),
            classifier: &classifier,
            scores: Scores {
                summaries: &evaluation.summaries,
                baselines: &evaluation.baselines,
                learning: &[],
            },
            comparisons: comparison.as_slice(),
            slices: &evaluation.slices,
            rows: &rows,
        });
        write_text(path, &page)?;
    }
    if let Some(path) = &arguments.metrics {
        write_metrics(path, &evaluation)?;
    }
    let missed = gates.missed(evaluation.best())?;
    if missed.is_empty() {
        Ok(())
    } else {
        Err(Failure::Missed(missed.join("\n  ")))
    }
}

fn gates(arguments: &Arguments) -> Result<Gates, Failure> {
    let share = |text: &str, number: &str| {
        let number: Option<f64> = number.trim().parse().ok();
        number.filter(|n| (0.0..=1.0).contains(n)).ok_or_else(|| {
            Failure::Usage(format!("`{text}`: a required score lies between 0 and 1"))
        })
    };
    let of_label = |text: &String| match text.rsplit_once('=') {
        Some((label, number)) => Ok((label.trim().to_owned(), share(text, number)?)),
        None => Err(Failure::Usage(format!(
            "`{text}` is not of the form LABEL=SCORE, as in --min-recall MLOps=0.7"
        ))),
    };
    if let Some(least) = arguments.min_macro_f1 {
        share(&format!("--min-macro-f1 {least}"), &least.to_string())?;
    }
    Ok(Gates {
        macro_f1: arguments.min_macro_f1,
        recall: arguments
            .min_recall
            .iter()
            .map(of_label)
            .collect::<Result<_, _>>()?,
        f1: arguments
            .min_f1
            .iter()
            .map(of_label)
            .collect::<Result<_, _>>()?,
        on: match arguments.gate_on {
            On::Value => GateOn::Value,
            On::Lower => GateOn::Lower,
        },
    })
}

fn print(evaluation: &Evaluation, out: &mut impl Write) -> std::io::Result<()> {
    writeln!(
        out,
        "{} postings, model {}",
        evaluation.rows, evaluation.model
    )?;
    for (n, why) in [
        (evaluation.seen, "the model was trained on them"),
        (evaluation.foreign, "the model does not know their language"),
        (evaluation.titled, "their label was taken from the title"),
    ] {
        if n > 0 {
            writeln!(out, "{n} left out: {why}")?;
        }
    }
    let all: Vec<_> = evaluation
        .summaries
        .iter()
        .chain(&evaluation.baselines)
        .cloned()
        .collect();
    writeln!(out, "\n{}", scores::table(&all))?;
    write!(out, "{}", scores::details(evaluation.best()))?;
    write!(out, "{}", scores::slices(&evaluation.slices))?;
    if let Some(comparison) = &evaluation.against_embedded {
        writeln!(
            out,
            "\n{}",
            scores::verdict("the embedded model", comparison)
        )?;
    }
    Ok(())
}

/// Writes what was measured as JSON.
pub fn write_metrics(path: &Path, metrics: &impl serde::Serialize) -> Outcome {
    let mut text = serde_json::to_string_pretty(metrics).map_err(std::io::Error::from)?;
    text.push('\n');
    write_text(path, &text)
}
