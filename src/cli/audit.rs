//! `rolecall audit`: labels that look wrong.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use super::data::{DataArguments, threads};
use super::{Failure, Outcome, output};
use crate::audit::{self, Suspicion};
use crate::evaluation::{Sight, judge};
use crate::example::Example;
use crate::skills::Lexicon;
use crate::training::corpus::{Corpus, CorpusOptions};
use crate::training::{self, TrainingOptions};

/// List the labels that look wrong
///
/// Every row is judged by a model trained without it, its employer and its copies. Listed are rows whose label that
/// model contradicts, and copies that carry different labels; the most blatant first.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    data: DataArguments,
    /// Let this model judge instead, on rows that it was not trained on; `embedded` is the one inside the program
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// With --model: judge rows that it was trained on too
    #[arg(long, requires = "model")]
    include_seen: bool,
    /// Print JSON instead of CSV
    #[arg(long)]
    json: bool,
    /// List so many at most
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Folds of the cross-validation
    #[arg(long, value_name = "N", default_value_t = 5)]
    folds: usize,
    /// Threads to use; nothing depends on it
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let threads = threads(arguments.threads)?;
    let dataset = arguments.data.read()?;
    let preparation = CorpusOptions {
        folds: arguments.folds,
        threads,
        fewest_rows: if arguments.model.is_some() {
            1
        } else {
            training::corpus::FEWEST_ROWS
        },
        ..CorpusOptions::default()
    };
    let corpus = Corpus::new(
        &dataset.examples,
        &Arc::new(Lexicon::shipped()?),
        preparation,
    )?;
    let found = match &arguments.model {
        None => {
            let trained = training::fit(&corpus, &TrainingOptions::default())?;
            tell!(
                "{} rows judged by models trained without them",
                trained.judged.len()
            );
            audit::audit(
                &corpus,
                &trained.judged,
                trained.best(),
                &trained.model.labels,
            )
        }
        Some(path) => by_model(arguments, &corpus, path, threads)?,
    };
    tell!("{} labels look wrong", found.len());
    let shown = &found[..arguments.limit.unwrap_or(found.len()).min(found.len())];
    if arguments.json {
        print_json(shown)
    } else {
        print_csv(shown)
    }
}

fn by_model(
    arguments: &Arguments,
    corpus: &Corpus,
    path: &std::path::Path,
    threads: usize,
) -> Result<Vec<Suspicion>, Failure> {
    let classifier = super::open_model(path)?;
    let provenance = &classifier.model().provenance;
    let is_fresh =
        |&row: &usize| arguments.include_seen || !provenance.has_seen(corpus.identities[row]);
    let rows: Vec<usize> = (0..corpus.rows.len()).filter(is_fresh).collect();
    let left_out = corpus.rows.len() - rows.len();
    if left_out > 0 {
        tell!("{left_out} rows left out: the model was trained on them");
    }
    let examples: Vec<&Example> = rows.iter().map(|&row| corpus.example(row)).collect();
    let judged = judge(&classifier, &examples, Sight::Both, threads)?;
    tell!(
        "{} rows judged by model {}",
        rows.len(),
        classifier.model_id()
    );
    Ok(audit::audit(corpus, &rows, &judged, classifier.labels()))
}

fn print_json(found: &[Suspicion]) -> Outcome {
    let mut out = output();
    let text = serde_json::to_string_pretty(found).map_err(std::io::Error::from)?;
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}

fn print_csv(found: &[Suspicion]) -> Outcome {
    let mut writer = csv::Writer::from_writer(output());
    let failed = |error: csv::Error| Failure::Output(std::io::Error::from(error));
    writer
        .write_record([
            "place",
            "id",
            "title",
            "label",
            "suggested",
            "probability_of_label",
            "probability_of_suggested",
            "contradicted_by",
        ])
        .map_err(failed)?;
    for s in found {
        writer
            .write_record([
                &s.place,
                &s.id,
                &s.title,
                &s.label,
                &s.suggested,
                &format!("{:.4}", s.probability_of_label),
                &format!("{:.4}", s.probability_of_suggested),
                &s.contradicted_by.join("; "),
            ])
            .map_err(failed)?;
    }
    Ok(writer.flush()?)
}
