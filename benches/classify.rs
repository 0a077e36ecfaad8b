//! How fast a posting becomes a label, and each stage on the way, on one thread.
//!
//! The postings are those of `datasets/postings.csv`, all texts are made from them in a
//! fixed way. Throughput is in bytes of the descriptions.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rolecall::features::{Analysis, Memo};
use rolecall::text::Text;
use rolecall::{Classifier, Posting, Scratch, token};

/// The descriptions of the shipped postings.
fn descriptions() -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/datasets/postings.csv");
    let mut rows = csv::Reader::from_path(path).expect("the dataset is part of the project");
    let headers = rows.headers().expect("it has a header").clone();
    let at = headers.iter().position(|name| name == "description");
    let at = at.expect("it has descriptions");
    let rows = rows.records().map(|row| row.expect("a row")[at].to_owned());
    rows.collect()
}

/// Ads of about `bytes` bytes, each of several descriptions.
fn ads(descriptions: &[String], bytes: usize) -> Vec<String> {
    let mut ads = vec![String::new()];
    for description in descriptions.iter().cycle().take(descriptions.len() * 4) {
        let ad = ads.last_mut().expect("there is one");
        ad.push_str(description);
        ad.push_str("\n\n");
        if ad.len() >= bytes {
            ads.push(String::new());
        }
    }
    ads.pop();
    ads
}

/// The same as a web page has it.
fn html(ad: &str) -> String {
    let lines = ad.lines().filter(|line| !line.trim().is_empty());
    let item = |line: &str| format!("<li><b>{}</b></li>\n", line.replace('&', "&amp;"));
    format!(
        "<div><ul>{}</ul></div>",
        lines.map(item).collect::<String>()
    )
}

fn total(ads: &[String]) -> Throughput {
    Throughput::Bytes(ads.iter().map(|ad| ad.len() as u64).sum())
}

fn stages(c: &mut Criterion) {
    let classifier = Classifier::embedded().expect("the model opens");
    let scorer = &classifier.model().content;
    let ads = ads(&descriptions(), 4000);
    let mut group = c.benchmark_group("stage");
    group.throughput(total(&ads));
    group.bench_function("text", |b| {
        b.iter(|| {
            ads.iter()
                .map(|ad| Text::new(ad).as_str().len())
                .sum::<usize>()
        });
    });
    let mut tokens = Vec::new();
    group.bench_function("tokens", |b| {
        b.iter(|| {
            for ad in &ads {
                tokens.clear();
                token::tokenize_into(ad, &mut tokens);
                black_box(&tokens);
            }
        });
    });
    let mut memo = Memo::default();
    group.bench_function("tokens and words", |b| {
        b.iter(|| {
            for ad in &ads {
                black_box(scorer.space.words(ad, &mut memo));
            }
        });
    });
    let texts: Vec<Text> = ads.iter().map(|ad| Text::new(ad)).collect();
    let mut analysis = Analysis::default();
    group.bench_function("tokens, words, skills and features", |b| {
        b.iter(|| {
            for text in &texts {
                scorer.space.analyse_into(text, &mut memo, &mut analysis);
                black_box(&analysis);
            }
        });
    });
    let readings: Vec<Analysis> = texts
        .iter()
        .map(|text| scorer.space.analyse(text, &mut memo))
        .collect();
    let mut logits = Vec::new();
    group.bench_function("model", |b| {
        b.iter(|| {
            for analysis in &readings {
                scorer.linear.logits_into(&analysis.row, &mut logits);
                black_box(&logits);
            }
        });
    });
}

fn classify(c: &mut Criterion) {
    let classifier = Classifier::embedded().expect("the model opens");
    let descriptions = descriptions();
    let short = descriptions
        .iter()
        .filter_map(|d| d.split_inclusive(". ").next());
    let long = ads(&descriptions, 4000);
    let kinds = [
        ("short", short.map(str::to_owned).collect::<Vec<String>>()),
        ("html", long.iter().map(|ad| html(ad)).collect()),
        ("long", long),
    ];
    let mut group = c.benchmark_group("classify");
    for (kind, ads) in &kinds {
        let mut scratch = Scratch::default();
        group.throughput(total(ads));
        group.bench_with_input(BenchmarkId::from_parameter(kind), ads, |b, ads| {
            b.iter(|| {
                for ad in ads {
                    black_box(classifier.classify_with(Posting::untitled(ad), &mut scratch));
                }
            });
        });
    }
    let titled = &kinds[2].1;
    group.bench_with_input("long, with titles", titled, |b, ads| {
        let mut scratch = Scratch::default();
        b.iter(|| {
            for ad in ads {
                let posting = Posting::titled("Senior Machine Learning Engineer (m/f/d)", ad);
                black_box(classifier.classify_with(posting, &mut scratch));
            }
        });
    });
}

fn opening(c: &mut Criterion) {
    let text = include_bytes!("../models/default.model");
    c.bench_function("open/embedded", |b| b.iter(Classifier::embedded));
    c.bench_function("open/model file", |b| {
        b.iter(|| Classifier::from_bytes(text, "models/default.model"));
    });
}

criterion_group!(benches, stages, classify, opening);
criterion_main!(benches);
