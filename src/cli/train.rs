//! `rolecall train`: labelled postings to a model.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;

use super::data::{DataArguments, threads};
use super::evaluate::write_metrics;
use super::{Failure, Outcome, name_of, read_input, scores, warn, write_text};
use crate::classifier::Classifier;
use crate::evaluation::comparison::{Comparison, Verdict};
use crate::evaluation::report::{Slice, Summary};
use crate::evaluation::whole::{self, EvaluationOptions};
use crate::evaluation::{Sight, judge};
use crate::example::Example;
use crate::model::{file, weights};
use crate::report::evaluation::{Row, Scores};
use crate::report::{self, evaluation_page};
use crate::skills::Lexicon;
use crate::training::choosing::{self, Trial};
use crate::training::corpus::{Corpus, CorpusOptions};
use crate::training::dataset::Dataset;
use crate::training::labels::near_miss;
use crate::training::survey::Survey;
use crate::training::{self, Trained, TrainingOptions, adapting, lexicon};

/// Larger lexicon files are refused.
const LARGEST_LEXICON: u64 = 64 << 20;

/// Fit a model to labelled postings, and say whether it is better
///
/// Settings and scores come from cross-validation that never puts postings of one employer, or copies of one posting,
/// on two sides. The new model is compared with the embedded one, and with the one it would replace, on postings that
/// neither was trained on; a better model is not replaced without --force (exit code 3).
#[derive(Debug, clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "switches of a command line")]
pub struct Arguments {
    #[command(flatten)]
    data: DataArguments,
    /// Where to write the model
    #[arg(short, long, value_name = "MODEL", required_unless_present = "dry_run")]
    output: Option<PathBuf>,
    /// Show what the data holds, and fit nothing
    #[arg(long)]
    dry_run: bool,
    /// Take the recorded settings instead of choosing by cross-validation
    #[arg(long)]
    fixed: bool,
    /// Adapt this model to the data instead of training from nothing; `embedded` is the one inside the program
    #[arg(long, value_name = "MODEL", conflicts_with_all = ["fixed", "lexicon", "skills"])]
    base: Option<PathBuf>,
    /// Whoever labelled had not seen the titles, so that a title model can be fitted
    #[arg(long)]
    labels_blind_to_title: bool,
    /// Use this lexicon file instead of the one inside the program
    #[arg(long, value_name = "FILE")]
    lexicon: Option<PathBuf>,
    /// Add the entries of this file to the lexicon; the model carries them
    #[arg(long, value_name = "FILE")]
    skills: Option<PathBuf>,
    /// Folds of the cross-validation
    #[arg(long, value_name = "N", default_value_t = 5)]
    folds: usize,
    /// Compare with other models on this labelled file instead of by cross-validation
    #[arg(long, value_name = "DATA")]
    test: Option<PathBuf>,
    /// Also train on parts of the data, to show what more would bring
    #[arg(long)]
    learning_curve: bool,
    /// Write everything as JSON into this file
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,
    /// Write a page with plots and the surest errors, one self-contained HTML file; `-` prints it. It shows texts of
    /// postings
    #[arg(long, value_name = "OUT", conflicts_with = "dry_run")]
    html: Option<PathBuf>,
    /// Replace the model at the output even if it is better, or a file that is no model
    #[arg(long)]
    force: bool,
    /// Threads to use; the model does not depend on it
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

/// What `--metrics` holds.
#[derive(Debug, Serialize)]
struct Metrics {
    model: String,
    survey: Survey,
    trials: Vec<Trial>,
    summaries: Vec<Summary>,
    baselines: Vec<Summary>,
    slices: Vec<Slice>,
    learning_curve: Vec<(usize, Summary)>,
    against_embedded: Option<Comparison>,
    against_replaced: Option<Comparison>,
    seconds: f64,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let start = Instant::now();
    let threads = threads(arguments.threads)?;
    check_places(arguments)?;
    let replaced = check_output(arguments)?;
    let base = arguments
        .base
        .as_deref()
        .map(super::open_model)
        .transpose()?;
    let lexicon = Arc::new(match &base {
        Some(base) => Lexicon::parse(
            base.model().content.space.lexicon().source(),
            "the base model",
        )?,
        None => read_lexicon(arguments)?,
    });
    let dataset = arguments.data.read()?;
    let test = arguments
        .test
        .as_ref()
        .map(|path| arguments.data.read_other(path))
        .transpose()?;
    let preparation = CorpusOptions {
        folds: arguments.folds,
        threads,
        blind_to_title: arguments.labels_blind_to_title,
        keep_titled: false,
        fewest_rows: base.as_ref().map_or(training::corpus::FEWEST_ROWS, |_| 1),
    };
    let mut trials = Vec::new();
    let mut options = TrainingOptions::default();
    let corpus = prepare(
        &dataset,
        &lexicon,
        preparation,
        arguments,
        &mut options,
        &mut trials,
    )?;
    let survey = Survey::new(&corpus);
    print_survey(&survey, arguments.dry_run);
    if arguments.dry_run {
        return Ok(());
    }
    let trained = if let Some(base) = &base {
        let (trained, tried) = adapting::adapt(&corpus, base)?;
        trials.extend(tried);
        trained
    } else {
        if !arguments.fixed {
            let (chosen, tried) = choosing::choose(&corpus, &options)?;
            options = chosen;
            trials.extend(tried);
        }
        training::fit(&corpus, &options)?
    };
    print_trials(&trials);
    let mut metrics = measure(&corpus, &trained, survey, trials, threads);
    if arguments.learning_curve && base.is_none() {
        metrics.learning_curve = training::learning_curve(&corpus, &options)?;
    }
    metrics.seconds = start.elapsed().as_secs_f64();
    print_metrics(&metrics, &trained);
    let (model, id) = file::write(&trained.model);
    let judged = Candidates::new(test.as_ref(), &corpus, &trained, threads)?;
    let embedded = judged.against(&Classifier::embedded()?, "the embedded model", &id);
    metrics.against_embedded = embedded.as_ref().map(|(_, comparison)| *comparison);
    let old = replaced
        .as_ref()
        .and_then(|replaced| judged.against(replaced, "the model to be replaced", &id));
    metrics.against_replaced = old.as_ref().map(|(_, comparison)| *comparison);
    let path = arguments.output.as_deref().unwrap_or(Path::new(""));
    let stays = !arguments.force
        && metrics
            .against_replaced
            .is_some_and(|c| c.verdict == Verdict::Worse);
    // Nothing that can fail beside it may cost the model.
    if !stays {
        write_text(path, &model)?;
        tell!("model {id} written to {}", path.display());
    }
    if let Some(path) = &arguments.metrics {
        write_metrics(path, &metrics)?;
    }
    if let Some(path) = &arguments.html {
        let name = format!("cross-validation on {}", arguments.data.name());
        let rivals: Vec<Summary> = [&embedded, &old]
            .into_iter()
            .flatten()
            .map(|(summary, _)| summary.clone())
            .collect();
        write_text(path, &page(&name, &corpus, &trained, &metrics, &rivals))?;
    }
    if stays {
        return Err(Failure::Missed(format!(
            "the model at {} is better and stays; give another output, or --force to replace it",
            path.display()
        )));
    }
    Ok(())
}

/// Refuses outputs that could not be written after all the work, or over the inputs.
fn check_places(arguments: &Arguments) -> Outcome {
    let outputs = [
        (&arguments.output, "the model"),
        (&arguments.metrics, "the metrics"),
        (&arguments.html, "the page"),
    ];
    let others = [&arguments.test, &arguments.lexicon, &arguments.skills];
    let others = others.into_iter().filter_map(Option::as_deref);
    super::check_places(outputs, arguments.data.paths().chain(others))
}

/// The model that would be replaced. What is no model is not replaced unless forced.
fn check_output(arguments: &Arguments) -> Result<Option<Classifier>, Failure> {
    let Some(path) = &arguments.output else {
        return Ok(None);
    };
    if !path.exists() {
        return Ok(None);
    }
    match Classifier::open(path) {
        Ok(classifier) => Ok(Some(classifier)),
        Err(_) if arguments.force && !path.is_dir() => Ok(None),
        Err(error) => Err(Failure::Usage(format!(
            "{} exists and is not replaced: {error}\n  give another output, or --force",
            path.display()
        ))),
    }
}

fn read_lexicon(arguments: &Arguments) -> crate::Result<Lexicon> {
    let read = |path: &PathBuf| {
        let bytes = read_input(path, LARGEST_LEXICON)?;
        Ok::<_, crate::Error>((String::from_utf8_lossy(&bytes).into_owned(), name_of(path)))
    };
    let whole = match &arguments.lexicon {
        None => Lexicon::shipped()?,
        Some(path) => {
            let (text, name) = read(path)?;
            Lexicon::parse(&text, &name)?
        }
    };
    match &arguments.skills {
        None => Ok(whole),
        Some(path) => {
            let (text, name) = read(path)?;
            lexicon::extended(&whole, &text, &name)
        }
    }
}

/// Prepares the rows; where row weights are to be chosen, they are chosen first, for they
/// decide which rows are used at all.
fn prepare<'a>(
    dataset: &'a Dataset,
    lexicon: &Arc<Lexicon>,
    preparation: CorpusOptions,
    arguments: &Arguments,
    options: &mut TrainingOptions,
    trials: &mut Vec<Trial>,
) -> crate::Result<Corpus<'a>> {
    if arguments.fixed || arguments.base.is_some() || arguments.dry_run {
        return Corpus::new(&dataset.examples, lexicon, preparation);
    }
    let keep_titled = CorpusOptions {
        keep_titled: true,
        ..preparation
    };
    let corpus = Corpus::new(&dataset.examples, lexicon, keep_titled)?;
    options.rows = choosing::choose_weights(&corpus, options, trials)?;
    if options.rows.titled > 0.0 || (0..corpus.rows.len()).all(|row| corpus.is_scored(row)) {
        return Ok(corpus);
    }
    Corpus::new(&dataset.examples, lexicon, preparation)
}

fn print_survey(survey: &Survey, in_full: bool) {
    tell!(
        "{} of {} rows used ({}), {}",
        survey.used,
        survey.given,
        survey.languages.join(", "),
        if survey.titles {
            "with a title model"
        } else {
            "without a title model"
        }
    );
    match survey.employers {
        Some(n) => tell!("{n} employers, none on both sides of a split"),
        None => warn(
            "no column of employers, so only near copies are kept together and scores may be a little too good; name one with --group",
        ),
    }
    tell!(
        "{} rows are near copies of others; {} sets of copies carry different labels",
        survey.copies,
        survey.contradictory
    );
    for set in survey
        .contradictions
        .iter()
        .take(if in_full { 10 } else { 3 })
    {
        tell!("  {set}");
    }
    for label in &survey.labels {
        let larger = survey.labels.iter().filter(|other| other.rows > label.rows);
        if let Some(meant) = near_miss(&label.label, larger.map(|other| other.label.as_str())) {
            warn(&format!(
                "did {} mean {meant}? then add --map '{}={meant}'",
                label.label, label.label
            ));
        }
        let [short, median, long] = label.words;
        tell!(
            "{:12} {:6} rows, {median} words ({short}–{long})",
            label.label,
            label.rows
        );
        if in_full {
            let skills: Vec<String> = label
                .skills
                .iter()
                .map(|(s, share)| format!("{s} {:.0} %", share * 100.0))
                .collect();
            tell!("             {}", skills.join(", "));
        }
    }
    if in_full {
        for (at, fold) in (1..).zip(&survey.folds) {
            let counts: Vec<String> = survey
                .labels
                .iter()
                .zip(fold)
                .map(|(label, n)| format!("{} {n}", label.label))
                .collect();
            tell!("fold {at}: {}", counts.join(", "));
        }
    }
}

fn print_trials(trials: &[Trial]) {
    for trial in trials {
        tell!(
            "{} {:24} {:48} log loss {:.4}  macro-F1 {:.3}",
            if trial.taken { "→" } else { " " },
            trial.what,
            trial.value,
            trial.log_loss,
            trial.macro_f1
        );
    }
}

/// Scores the judgements of cross-validation, and what needs no training.
fn measure(
    corpus: &Corpus,
    trained: &Trained,
    survey: Survey,
    trials: Vec<Trial>,
    threads: usize,
) -> Metrics {
    let labels = &trained.model.labels;
    let summaries = [
        (Sight::Title, &trained.title),
        (Sight::Description, &trained.content),
        (Sight::Both, &trained.both),
    ];
    let summaries = summaries
        .into_iter()
        .filter(|(_, judged)| !judged.is_empty());
    let summaries = summaries.map(|(sight, judged)| match sight {
        Sight::Title => Summary::of_rule(sight.as_str(), judged, labels),
        _ => Summary::of_model(sight.as_str(), judged, labels),
    });
    let rows: Vec<&Example> = trained
        .judged
        .iter()
        .map(|&row| corpus.example(row))
        .collect();
    let targets: Vec<usize> = trained.best().iter().map(|judged| judged.truth).collect();
    Metrics {
        model: file::write(&trained.model).1,
        survey,
        trials,
        summaries: summaries.collect(),
        baselines: whole::rules(
            labels,
            trained.model.content.space.lexicon(),
            &rows,
            &targets,
            threads,
        ),
        slices: whole::all_slices(&rows, trained.best(), labels.len()),
        learning_curve: Vec::new(),
        against_embedded: None,
        against_replaced: None,
        seconds: 0.0,
    }
}

/// The page about a training; `rivals` are the models that it was compared with.
fn page(
    name: &str,
    corpus: &Corpus,
    trained: &Trained,
    metrics: &Metrics,
    rivals: &[Summary],
) -> String {
    let classifier = Classifier::from_model(trained.model.clone());
    let untitled = trained.both.is_empty();
    let rows: Vec<Row> = trained
        .judged
        .iter()
        .zip(trained.best())
        .map(|(&row, judged)| Row::new(corpus.example(row), judged, untitled))
        .collect();
    let comparisons: Vec<(String, Comparison)> = [
        ("the embedded model", metrics.against_embedded),
        ("the model to be replaced", metrics.against_replaced),
    ]
    .into_iter()
    .filter_map(|(name, comparison)| Some((name.to_owned(), comparison?)))
    .collect();
    let baselines = [&metrics.baselines, rivals].concat();
    evaluation_page(&report::evaluation::Evaluation {
        name,
        classifier: &classifier,
        scores: Scores {
            summaries: &metrics.summaries,
            baselines: &baselines,
            learning: &metrics.learning_curve,
        },
        comparisons: &comparisons,
        slices: &metrics.slices,
        rows: &rows,
    })
}

fn print_metrics(metrics: &Metrics, trained: &Trained) {
    tell!(
        "\n{} features, {} iterations, title weight {}, {:.1} s\n\nscores by cross-validation:",
        trained.model.content.space.len(),
        trained.convergence.iterations,
        trained.model.title_weight,
        metrics.seconds
    );
    let all: Vec<Summary> = metrics
        .summaries
        .iter()
        .chain(&metrics.baselines)
        .cloned()
        .collect();
    tell!("{}", scores::table(&all));
    if let Some(best) = metrics.summaries.last() {
        tell!("{}", scores::details(best).trim_end());
    }
    tell!("{}", scores::slices(&metrics.slices).trim_end());
    for (rows, summary) in &metrics.learning_curve {
        tell!(
            "trained on {rows} rows: macro-F1 {:.3}",
            summary.macro_f1.value
        );
    }
    tell!("\nwhat speaks for each label:");
    for (at, label) in trained.model.labels.iter().enumerate() {
        let features = weights::key_features(&trained.model, at, 10);
        let named: Vec<String> = features
            .iter()
            .map(|f| format!("{} {:+.1}", f.name, f.weight))
            .collect();
        tell!("  {label}: {}", named.join(", "));
    }
}

/// Judgements of the new model on rows that it was not trained on.
struct Candidates<'a> {
    rows: Vec<&'a Example>,
    identities: Vec<u64>,
    judged: Vec<crate::evaluation::Judged>,
    labels: Vec<String>,
    options: EvaluationOptions,
}

impl<'a> Candidates<'a> {
    /// The rows held out in turn, or those of the test file.
    fn new(
        test: Option<&'a Dataset>,
        corpus: &'a Corpus<'a>,
        trained: &Trained,
        threads: usize,
    ) -> crate::Result<Self> {
        let options = EvaluationOptions {
            ignore_title: false,
            include_seen: false,
            threads,
        };
        let labels = trained.model.labels.clone();
        let Some(test) = test else {
            return Ok(Self {
                rows: trained
                    .judged
                    .iter()
                    .map(|&row| corpus.example(row))
                    .collect(),
                identities: trained
                    .judged
                    .iter()
                    .map(|&row| corpus.identities[row])
                    .collect(),
                judged: trained.best().to_vec(),
                labels,
                options,
            });
        };
        let classifier = Classifier::from_model(trained.model.clone());
        let (kept, identities) = whole::fresh(&classifier, &test.examples, options)?;
        let rows: Vec<&Example> = kept.iter().map(|&row| &test.examples[row]).collect();
        Ok(Self {
            judged: judge(&classifier, &rows, Sight::Both, threads)?,
            rows,
            identities,
            labels,
            options,
        })
    }

    /// Compares with another model and says so; its scores, and the comparison.
    fn against(&self, other: &Classifier, name: &str, id: &str) -> Option<(Summary, Comparison)> {
        let says = |what: &str| tell!("\n{name} ({}): {what}", other.model_id());
        if other.model_id() == id {
            says("the same model");
            return None;
        }
        if other.labels() != self.labels {
            says(&format!(
                "not compared, its labels are {}; --map gives labels other names",
                other.labels().join(", ")
            ));
            return None;
        }
        let compared = whole::against(
            other,
            name,
            &self.rows,
            &self.identities,
            &self.judged,
            self.options,
        );
        let Some((summary, comparison)) = compared else {
            says("not compared, it was trained on all of these postings; give others with --test");
            return None;
        };
        let other = format!("{name} ({})", other.model_id());
        tell!("\n{}", scores::verdict(&other, &comparison));
        Some((summary, comparison))
    }
}
