//! `rolecall model`: what a model holds, and what changed from one to another.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{Failure, Outcome, open_model, output};
use crate::classifier::{Classifier, Scratch};
use crate::model::weights::{self, Moved};
use crate::posting::Posting;
use crate::training::dataset;

/// Show what a model holds, or what changed between two
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Show(Show),
    Diff(Diff),
}

/// Show labels, origin, calibration and strongest features of a model
#[derive(Debug, clap::Args)]
struct Show {
    /// Model file; without it, the one inside the program
    model: Option<PathBuf>,
    /// How many features of every label
    #[arg(long, value_name = "N", default_value_t = 15)]
    features: usize,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Show which weights moved from one model to another, and which decisions flip
#[derive(Debug, clap::Args)]
struct Diff {
    /// The old model; `embedded` is the one inside the program
    old: PathBuf,
    /// The new model
    new: PathBuf,
    /// Postings to label with both; no label in it is looked at
    data: Option<PathBuf>,
    /// How many weights, and how many postings, to list
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Outcome {
    match &arguments.command {
        Command::Show(arguments) => show(arguments),
        Command::Diff(arguments) => diff(arguments),
    }
}

fn show(arguments: &Show) -> Outcome {
    let classifier = match &arguments.model {
        None => Classifier::embedded()?,
        Some(path) => open_model(path)?,
    };
    let (model, mut out) = (classifier.model(), output());
    let provenance = &model.provenance;
    let key = |label: usize| weights::key_features(model, label, arguments.features);
    if arguments.json {
        let labels: Vec<_> = model
            .labels
            .iter()
            .enumerate()
            .map(|(at, label)| {
                json!({
                    "label": label,
                    "rows": provenance.rows[at],
                    "key_features": key(at),
                })
            })
            .collect();
        let facts: serde_json::Map<String, serde_json::Value> = provenance
            .facts
            .iter()
            .map(|(name, value)| (name.clone(), json!(value)))
            .collect();
        let object = json!({
            "id": classifier.model_id(),
            "parents": provenance.parents,
            "labels": labels,
            "languages": model.languages,
            "features": model.content.space.len(),
            "title_features": model.title.as_ref().map(|t| t.space.len()),
            "title_weight": model.title_weight,
            "temperature": model.content_calibration.temperature,
            "temperature_with_title": model.title_calibration.temperature,
            "shares": model.content_calibration.shares,
            "data": provenance.data,
            "texts_seen": provenance.seen.len(),
            "facts": facts,
        });
        writeln!(out, "{object:#}")?;
        return Ok(out.flush()?);
    }
    writeln!(out, "model {}", classifier.model_id())?;
    if !provenance.parents.is_empty() {
        writeln!(out, "adapted from {}", provenance.parents.join(", from "))?;
    }
    writeln!(out, "languages {}", model.languages.join(", "))?;
    writeln!(
        out,
        "{} features of the description, {} of the title, which counts {} times",
        model.content.space.len(),
        model.title.as_ref().map_or(0, |t| t.space.len()),
        model.title_weight
    )?;
    writeln!(
        out,
        "temperature {} without a title, {} with one",
        model.content_calibration.temperature, model.title_calibration.temperature
    )?;
    writeln!(
        out,
        "{} different texts seen, data {}",
        provenance.seen.len(),
        provenance.data
    )?;
    for (name, value) in &provenance.facts {
        writeln!(out, "{name}: {value}")?;
    }
    for (at, label) in model.labels.iter().enumerate() {
        let share = model.content_calibration.shares[at] * 100.0;
        writeln!(
            out,
            "\n{label}: {} rows, believed to be {share:.0} % of postings",
            provenance.rows[at]
        )?;
        for feature in key(at) {
            writeln!(
                out,
                "  {:+6.2}  {} ({})",
                feature.weight, feature.name, feature.kind
            )?;
        }
    }
    Ok(out.flush()?)
}

/// A posting on which two models disagree.
struct Flip {
    place: String,
    title: String,
    old: (String, f64),
    new: (String, f64),
}

fn diff(arguments: &Diff) -> Outcome {
    let (old, new) = (open_model(&arguments.old)?, open_model(&arguments.new)?);
    let labels: Vec<String> = old
        .labels()
        .iter()
        .filter(|l| new.labels().contains(l))
        .cloned()
        .collect();
    let moved = weights::moved(old.model(), new.model(), &labels);
    let flips = match &arguments.data {
        None => None,
        Some(path) => Some(flips(&old, &new, path)?),
    };
    let mut out = output();
    if arguments.json {
        let limit = arguments.limit.min(moved.len());
        let object = json!({
            "old": old.model_id(),
            "new": new.model_id(),
            "labels": labels,
            "moved": moved.len(),
            "most_moved": &moved[..limit],
            "postings": flips.as_ref().map(|(n, _)| n),
            "flips": flips.as_ref().map(|(_, flips)| flips.iter().map(|f| json!({
                "place": f.place, "title": f.title,
                "old": f.old.0, "old_confidence": f.old.1,
                "new": f.new.0, "new_confidence": f.new.1,
            })).collect::<Vec<_>>()),
        });
        writeln!(out, "{object:#}")?;
        return Ok(out.flush()?);
    }
    print_diff(&old, &new, &labels, &moved, arguments.limit, &mut out)?;
    if let Some((n, flips)) = flips {
        writeln!(out, "\n{} of {n} postings get another label", flips.len())?;
        for flip in flips.iter().take(arguments.limit) {
            writeln!(
                out,
                "  {}  {} {:.2} → {} {:.2}  {}",
                flip.place, flip.old.0, flip.old.1, flip.new.0, flip.new.1, flip.title
            )?;
        }
    }
    Ok(out.flush()?)
}

fn print_diff(
    old: &Classifier,
    new: &Classifier,
    labels: &[String],
    moved: &[Moved],
    limit: usize,
    out: &mut impl Write,
) -> std::io::Result<()> {
    writeln!(out, "{} → {}", old.model_id(), new.model_id())?;
    if old.labels() != new.labels() {
        writeln!(
            out,
            "labels {} → {}",
            old.labels().join(", "),
            new.labels().join(", ")
        )?;
    }
    let (before, after) = (&old.model().provenance, &new.model().provenance);
    for (name, value) in &after.facts {
        match before.facts.iter().find(|(known, _)| known == name) {
            Some((_, was)) if was == value => {}
            Some((_, was)) => writeln!(out, "{name}: {was} → {value}")?,
            None => writeln!(out, "{name}: {value}, not in the old model")?,
        }
    }
    let only = |was: bool| {
        moved
            .iter()
            .filter(|m| {
                if was {
                    m.new.is_none()
                } else {
                    m.old.is_none()
                }
            })
            .count()
    };
    writeln!(
        out,
        "\n{} features moved, {} of them only in the old model, {} only in the new; weights for {}:",
        moved.len(),
        only(true),
        only(false),
        labels.join(", ")
    )?;
    let shown = |weights: &Option<Vec<f64>>| match weights {
        Some(weights) => weights
            .iter()
            .map(|w| format!("{w:+.2}"))
            .collect::<Vec<_>>()
            .join(" "),
        None => "–".to_owned(),
    };
    for m in moved.iter().take(limit) {
        writeln!(
            out,
            "  {} ({}, {})  {} → {}",
            m.name,
            m.part,
            m.kind,
            shown(&m.old),
            shown(&m.new)
        )?;
    }
    Ok(())
}

/// How many postings there are, and those that get another label, surest first.
fn flips(old: &Classifier, new: &Classifier, path: &Path) -> Result<(usize, Vec<Flip>), Failure> {
    let examples = dataset::read_unlabelled(path)?;
    let mut scratch = [Scratch::default(), Scratch::default()];
    let mut flips = Vec::new();
    for example in &examples {
        let posting = Posting::titled(&example.title, &example.description);
        let mut answer = |classifier: &Classifier, at: usize| {
            let prediction = classifier.classify_with(posting, &mut scratch[at]);
            let label = prediction
                .label
                .map_or("none", |l| classifier.labels()[l].as_str());
            (label.to_owned(), prediction.confidence())
        };
        let (old, new) = (answer(old, 0), answer(new, 1));
        if old.0 != new.0 {
            flips.push(Flip {
                place: example.place.clone(),
                title: example.title.trim().to_owned(),
                old,
                new,
            });
        }
    }
    flips.sort_by(|a, b| (b.old.1 + b.new.1).total_cmp(&(a.old.1 + a.new.1)));
    Ok((examples.len(), flips))
}
