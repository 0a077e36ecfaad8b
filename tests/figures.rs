//! The model card's figures are drawn by the code that draws the pages, from scores of the
//! shipped model that stand beside them. After the model was trained anew,
//!
//! ```sh
//! rolecall train DATA --fixed --learning-curve --metrics training.json -o models/default.model
//! cargo run --release -- evaluate HELD_OUT --metrics evaluation.json
//! UPDATE_FIGURES="evaluation.json training.json" cargo test --test figures
//! ```
//!
//! keeps the new scores and draws again. An ordinary run compares.
#![cfg(feature = "cli")]

use serde::{Deserialize, Serialize};

use rolecall::Classifier;
use rolecall::evaluation::report::Summary;
use rolecall::report::evaluation::{Scores, figures};

const FIGURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models/figures");

/// What `evaluate --metrics` wrote, as far as it is drawn: numbers, no text of a posting.
#[derive(Serialize, Deserialize)]
struct Measured {
    model: String,
    summaries: Vec<Summary>,
    baselines: Vec<Summary>,
    #[serde(default)]
    learning_curve: Vec<(usize, Summary)>,
}

/// What `train --metrics` wrote.
#[derive(Deserialize)]
struct Training {
    learning_curve: Vec<(usize, Summary)>,
}

fn read<T: for<'a> Deserialize<'a>>(path: &str) -> T {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{path}: {e}"));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}"))
}

#[test]
fn the_cards_figures_are_the_shipped_models() {
    let scores = format!("{FIGURES}/scores.json");
    let update = std::env::var("UPDATE_FIGURES").ok();
    if let Some(files) = &update {
        let (evaluation, training) = files.split_once(' ').expect("two files");
        let measured = Measured {
            learning_curve: read::<Training>(training).learning_curve,
            ..read(evaluation)
        };
        let text = serde_json::to_string(&measured).unwrap();
        std::fs::write(&scores, text + "\n").unwrap();
    }
    let measured: Measured = read(&scores);
    assert_eq!(
        measured.model,
        Classifier::embedded().unwrap().model_id(),
        "the figures show another model; tests/figures.rs says how to renew them"
    );
    let drawn = figures(&Scores {
        summaries: &measured.summaries,
        baselines: &measured.baselines,
        learning: &measured.learning_curve,
    });
    assert_eq!(drawn.len(), 6);
    for (name, svg) in drawn {
        let path = format!("{FIGURES}/{name}");
        if update.is_some() {
            std::fs::write(&path, &svg).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            kept == svg,
            "{name} has changed; tests/figures.rs says how to renew it"
        );
    }
}
