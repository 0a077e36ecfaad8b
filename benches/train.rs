//! How fast models are trained with fixed settings, at three sizes.
//!
//! Throughput is in bytes of the descriptions; see `postings` for what they are.

use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rolecall::skills::Lexicon;
use rolecall::training::{TrainingOptions, train};

mod postings;

const THREADS: usize = 2;

fn training(c: &mut Criterion) {
    let lexicon = Arc::new(Lexicon::shipped().expect("the lexicon is part of the program"));
    let mut group = c.benchmark_group("train");
    group.sample_size(10);
    for rows in [200, 600, 1800] {
        let examples = postings::examples(rows);
        let bytes: usize = examples.iter().map(|e| e.description.len()).sum();
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_with_input(
            BenchmarkId::from_parameter(rows),
            &examples,
            |b, examples| {
                b.iter(|| {
                    let trained = train(examples, &lexicon, &TrainingOptions::default(), THREADS);
                    trained.expect("there is enough to learn from")
                });
            },
        );
    }
}

criterion_group!(benches, training);
criterion_main!(benches);
