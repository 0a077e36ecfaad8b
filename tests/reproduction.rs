//! The shipped model comes out of its training data again, byte for byte, on one thread
//! and on two. Run with `cargo test --release --test reproduction -- --ignored`; skipped,
//! saying so, where that data is not.

use std::path::Path;
use std::sync::Arc;

use rolecall::Classifier;
use rolecall::model::file;
use rolecall::skills::Lexicon;
use rolecall::training::dataset::{self, DataOptions};
use rolecall::training::{self, TrainingOptions};

const DATA: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../shared/postings/train.csv.gz"
);
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models/default.model");

#[test]
#[ignore = "takes minutes and needs the training data"]
fn the_shipped_model_is_trained_again_byte_for_byte() {
    if !Path::new(DATA).exists() {
        println!("skipped: the training data is not at ../shared/postings/train.csv.gz");
        return;
    }
    let examples = dataset::read(&[DATA], &DataOptions::default())
        .unwrap()
        .examples;
    let shipped = Classifier::embedded().unwrap();
    let fingerprint = training::fingerprint(&examples);
    if fingerprint != shipped.model().provenance.data {
        println!(
            "skipped: the data's fingerprint is {fingerprint}, the model records {}",
            shipped.model().provenance.data
        );
        return;
    }
    let expected = std::fs::read_to_string(MODEL).unwrap();
    for threads in [1, 2] {
        let lexicon = Arc::new(Lexicon::shipped().unwrap());
        let options = TrainingOptions::default();
        let trained = training::train(&examples, &lexicon, &options, threads).unwrap();
        let (text, id) = file::write(&trained.model);
        assert!(
            text == expected,
            "{threads} thread(s) made model {id}, shipped is {}; run `cargo run --release -- train {DATA} --fixed -o models/default.model`",
            shipped.model_id()
        );
        println!("model {id} made again on {threads} thread(s)");
    }
}
