//! How fast a posting becomes a label, and each stage on the way, on one thread.
//!
//! Throughput is in bytes of the descriptions; see `postings` for what they are.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rolecall::columns::Wishes;
use rolecall::features::{Analysis, Memo};
use rolecall::readers::{ReadOptions, records::Records};
use rolecall::text::Text;
use rolecall::writers::{self, Appended, Verdict};
use rolecall::{Classifier, Posting, Scratch, language, token};

mod postings;

fn total(ads: &[String]) -> Throughput {
    Throughput::Bytes(ads.iter().map(|ad| ad.len() as u64).sum())
}

fn reading(c: &mut Criterion) {
    let csv = postings::csv(4_000_000);
    let directory = tempfile::tempdir().expect("there is room");
    let path = directory.path().join("postings.csv");
    std::fs::write(&path, &csv).expect("there is room");
    let mut group = c.benchmark_group("read");
    group.throughput(Throughput::Bytes(csv.len() as u64));
    group.bench_function("records", |b| {
        b.iter(|| {
            let records = Records::open(&path, &ReadOptions::default(), &Wishes::default());
            records
                .expect("it opens")
                .map(|r| r.expect("a row").text.len())
                .sum::<usize>()
        });
    });
    group.bench_function("the csv crate, bare", |b| {
        b.iter(|| {
            let mut rows = csv::Reader::from_path(&path).expect("it opens");
            let mut row = csv::ByteRecord::new();
            while rows.read_byte_record(&mut row).expect("a row") {
                black_box(&row);
            }
        });
    });
}

fn stages(c: &mut Criterion) {
    let classifier = Classifier::embedded().expect("the model opens");
    let scorer = &classifier.model().content;
    let ads = postings::ads(4000);
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
    group.bench_function("language", |b| {
        b.iter(|| {
            for (text, analysis) in texts.iter().zip(&readings) {
                let words = &analysis.words;
                let n = words.tokens.len();
                black_box(language::detect_among(text.as_str(), n, words.functional));
            }
        });
    });
    let verdicts: Vec<Verdict> = ads.iter().map(|ad| verdict(&classifier, ad)).collect();
    let appended = Appended::new(&classifier, "", false);
    let mut out = Vec::new();
    group.bench_function("write", |b| {
        b.iter(|| {
            out.clear();
            for (ad, verdict) in ads.iter().zip(&verdicts) {
                out.extend_from_slice(ad.as_bytes());
                writers::delimited::write(verdict, &appended, b',', &mut out);
            }
            black_box(&out);
        });
    });
}

fn verdict(classifier: &Classifier, ad: &str) -> Verdict {
    let prediction = classifier.classify(Posting::untitled(ad));
    Verdict {
        label: prediction.label,
        status: prediction.status.as_str().into(),
        prediction: Some(prediction),
        terms: String::new(),
    }
}

fn classify(c: &mut Criterion) {
    let classifier = Classifier::embedded().expect("the model opens");
    let shipped = postings::shipped();
    let short = shipped
        .iter()
        .filter_map(|e| e.description.split_inclusive(". ").next());
    let long = postings::ads(4000);
    let kinds = [
        ("short", short.map(str::to_owned).collect::<Vec<String>>()),
        ("html", long.iter().map(|ad| postings::html(ad)).collect()),
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

criterion_group!(benches, reading, stages, classify, opening);
criterion_main!(benches);
