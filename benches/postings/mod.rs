//! Postings to measure on: all made from `datasets/postings.csv` in a fixed way.

#![allow(dead_code, reason = "every benchmark uses some of it")]

use rolecall::bench::write_made;
use rolecall::example::{Example, Origin};
use rolecall::training::dataset::{self, DataOptions};

const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/datasets/postings.csv");

/// The shipped postings.
pub fn shipped() -> Vec<Example> {
    let dataset = dataset::read(&[SHIPPED], &DataOptions::default());
    dataset
        .expect("the dataset is part of the project")
        .examples
}

/// Ads of about `bytes` bytes, each of several shipped descriptions.
pub fn ads(bytes: usize) -> Vec<String> {
    let shipped = shipped();
    let mut ads = vec![String::new()];
    for example in shipped.iter().cycle().take(shipped.len() * 4) {
        let ad = ads.last_mut().expect("there is one");
        ad.push_str(&example.description);
        ad.push_str("\n\n");
        if ad.len() >= bytes {
            ads.push(String::new());
        }
    }
    ads.pop();
    ads
}

/// The same as a web page has it.
pub fn html(ad: &str) -> String {
    let lines = ad.lines().filter(|line| !line.trim().is_empty());
    let item = |line: &str| format!("<li><b>{}</b></li>\n", line.replace('&', "&amp;"));
    format!(
        "<div><ul>{}</ul></div>",
        lines.map(item).collect::<String>()
    )
}

/// A CSV file with titles and texts.
pub fn csv(bytes: usize) -> Vec<u8> {
    let mut csv = Vec::new();
    write_made(bytes, 1, &mut csv).expect("memory can be written");
    csv
}

/// Labelled postings to train on: each of a dozen sentences drawn from the shipped
/// postings of one label.
pub fn examples(rows: usize) -> Vec<Example> {
    let shipped = shipped();
    let mut state = 1_u64;
    let mut below = |n: usize| {
        state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
        (state >> 33) as usize % n
    };
    let mut examples = Vec::with_capacity(rows);
    for row in 0..rows {
        let start = &shipped[below(shipped.len())];
        let of_label: Vec<&Example> = shipped.iter().filter(|e| e.label == start.label).collect();
        let mut description = String::new();
        for _ in 0..12 {
            let from = of_label[below(of_label.len())];
            let sentences: Vec<&str> = from.description.split_inclusive(". ").collect();
            description.push_str(sentences[below(sentences.len())].trim());
            description.push(' ');
        }
        examples.push(Example {
            description,
            origin: Origin::Reading,
            language: "en".to_owned(),
            group: format!("employer {}", row % 50),
            ..start.clone()
        });
    }
    examples
}
