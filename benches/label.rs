//! How fast files are labelled, from file to nowhere.
//!
//! Throughput is in bytes of the file, unpacked; see `postings` for what it holds.

use std::io::Write;
use std::path::{Path, PathBuf};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rolecall::Classifier;
use rolecall::labelling::engine::Job;
use rolecall::labelling::{LabelOptions, Progress};
use rolecall::readers::Origin;
use rolecall::writers::target::Destination;

mod postings;

const NOWHERE: &str = if cfg!(windows) { "NUL" } else { "/dev/null" };

fn label(classifier: &Classifier, path: &Path, threads: usize) -> u64 {
    let options = LabelOptions {
        threads,
        ..LabelOptions::default()
    };
    let progress = Progress::default();
    let origins = vec![Origin::of(path)];
    let nowhere = Destination::File(PathBuf::from(NOWHERE));
    let job = Job::new(classifier, &options, &progress, origins, nowhere);
    let report = job.expect("it opens").run().expect("it can be labelled");
    report.tally.rows()
}

/// The rows of a CSV file as JSON Lines.
fn json_lines(csv: &[u8]) -> Vec<u8> {
    let mut lines = Vec::new();
    for row in csv::Reader::from_reader(csv).records() {
        let row = row.expect("a row");
        let line = serde_json::json!({ "title": &row[0], "description": &row[1] });
        lines.extend_from_slice(line.to_string().as_bytes());
        lines.push(b'\n');
    }
    lines
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let level = flate2::Compression::default();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
    encoder.write_all(bytes).expect("memory can be written");
    encoder.finish().expect("memory can be written")
}

/// The rows of a CSV file with their texts marked up.
fn html(csv: &[u8]) -> Vec<u8> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(["title", "description"])
        .expect("memory can be written");
    for row in csv::Reader::from_reader(csv).records() {
        let row = row.expect("a row");
        let record = [&row[0], &postings::html(&row[1])];
        out.write_record(record).expect("memory can be written");
    }
    out.into_inner().expect("memory can be written")
}

fn files(c: &mut Criterion) {
    let classifier = Classifier::embedded().expect("the model opens");
    let directory = tempfile::tempdir().expect("there is room");
    let csv = postings::csv(4_000_000);
    let mut group = c.benchmark_group("label");
    group.sample_size(20);
    let kinds = [
        ("postings.csv", csv.clone()),
        ("postings.csv.gz", gzipped(&csv)),
        ("postings.jsonl", json_lines(&csv)),
        ("html.csv", html(&csv)),
    ];
    for (name, bytes) in kinds {
        let path = directory.path().join(name);
        let is_packed = path.extension().is_some_and(|e| e == "gz");
        let unpacked = if is_packed { csv.len() } else { bytes.len() };
        group.throughput(Throughput::Bytes(unpacked as u64));
        std::fs::write(&path, bytes).expect("there is room");
        for threads in [1, 2] {
            let name = format!("{name}, threads: {threads}");
            group.bench_function(name, |b| b.iter(|| label(&classifier, &path, threads)));
        }
    }
}

criterion_group!(benches, files);
criterion_main!(benches);
