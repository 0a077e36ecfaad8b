//! From judgements of rows held out to probabilities that can be taken at their word.

use crate::evaluation::{self, Judged};
use crate::model::{Calibration, Reliability, softmax};
use crate::parallel::by_turns;
use crate::title;

/// Content and title logits of the same rows added.
pub(super) fn added(content: &[Judged], title: &[Judged], weight: f64) -> Vec<Judged> {
    let add = |(c, t): (&Judged, &Judged)| {
        let mut logits = c.logits.clone();
        title::add(&mut logits, &t.logits, weight);
        Judged {
            truth: c.truth,
            logits,
        }
    };
    content.iter().zip(title).map(add).collect()
}

/// The title's weight, in steps of 0.05, with the smallest log loss on rows held out, the
/// temperature fitted for each; macro-F1 jumps too much from step to step to choose by.
pub(super) fn best_title_weight(content: &[Judged], title: &[Judged], threads: usize) -> f64 {
    let weights: Vec<f64> = (0..=30).map(|step| f64::from(step) / 20.0).collect();
    let losses = by_turns(&weights, threads, |&weight| {
        cooled_loss(&added(content, title, weight))
    });
    let tried = losses.into_iter().zip(weights);
    tried
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map_or(0.0, |(_, weight)| weight)
}

/// The log loss at the temperature that makes it smallest.
pub(super) fn cooled_loss(judged: &[Judged]) -> f64 {
    let temperature = temperature(judged);
    let cooled: Vec<Judged> = judged.iter().map(|j| cooled(j, temperature)).collect();
    evaluation::log_loss(&cooled)
}

/// The temperature with the smallest log loss, by golden-section search; 1 without rows.
pub(super) fn temperature(judged: &[Judged]) -> f64 {
    if judged.is_empty() {
        return 1.0;
    }
    let loss = |log_temperature: f64| {
        let temperature = libm::exp(log_temperature);
        // One row's memory serves all.
        let mut row = judged[0].clone();
        let loss = |j: &Judged| {
            cool(j, temperature, &mut row);
            row.loss()
        };
        judged.iter().map(loss).sum::<f64>()
    };
    let (mut low, mut high) = (-3.0, 3.0);
    let golden = (5.0_f64.sqrt() - 1.0) / 2.0;
    let (mut a, mut b) = (high - golden * (high - low), low + golden * (high - low));
    let (mut loss_a, mut loss_b) = (loss(a), loss(b));
    for _ in 0..30 {
        if loss_a <= loss_b {
            (high, b, loss_b) = (b, a, loss_a);
            a = high - golden * (high - low);
            loss_a = loss(a);
        } else {
            (low, a, loss_a) = (a, b, loss_b);
            b = low + golden * (high - low);
            loss_b = loss(b);
        }
    }
    super::rounded(libm::exp(f64::midpoint(low, high)))
}

/// Fits the temperature to rows held out and counts how often the label was right, by
/// confidence. Returns the rows cooled.
pub(super) fn calibrate(judged: &[Judged], n_labels: usize) -> (Calibration, Vec<Judged>) {
    calibrate_at(temperature(judged), judged, n_labels)
}

/// The same at a temperature that is given.
pub(super) fn calibrate_at(
    temperature: f64,
    judged: &[Judged],
    n_labels: usize,
) -> (Calibration, Vec<Judged>) {
    let judged: Vec<Judged> = judged.iter().map(|j| cooled(j, temperature)).collect();
    let calibration = Calibration {
        temperature,
        shares: shares(&judged, n_labels),
        reliability: reliability(&judged),
        confusion: if judged.is_empty() {
            Vec::new()
        } else {
            evaluation::confusion(&judged, n_labels).counts
        },
    };
    (calibration, judged)
}

/// The mean probability of every label, kept off 0.
fn shares(judged: &[Judged], n_labels: usize) -> Vec<f64> {
    let mut sums = vec![1e-3; n_labels];
    for j in judged {
        let mut probabilities = j.logits.clone();
        softmax(&mut probabilities);
        sums.iter_mut()
            .zip(probabilities)
            .for_each(|(sum, p)| *sum += p);
    }
    let all: f64 = sums.iter().sum();
    sums.iter()
        .map(|sum| super::rounded(sum / all).max(1e-5))
        .collect()
}

fn cooled(judged: &Judged, temperature: f64) -> Judged {
    let mut cooled = judged.clone();
    cool(judged, temperature, &mut cooled);
    cooled
}

/// Divides a row's logits, into memory that is used again.
fn cool(judged: &Judged, temperature: f64, cooled: &mut Judged) {
    let logits = judged.logits.iter().map(|z| z / temperature);
    cooled.truth = judged.truth;
    cooled.logits.clear();
    cooled.logits.extend(logits);
}

/// How often the label was right, by its probability.
fn reliability(judged: &[Judged]) -> Vec<Reliability> {
    const BOUNDS: [u32; 8] = [400, 500, 600, 700, 800, 900, 950, 1000];
    let mut bins: Vec<Reliability> = BOUNDS
        .iter()
        .map(|&below| Reliability {
            below,
            postings: 0,
            right: 0,
        })
        .collect();
    for j in judged {
        let bin = bins
            .iter_mut()
            .find(|bin| j.confidence() * 1000.0 <= f64::from(bin.below));
        if let Some(bin) = bin {
            bin.postings += 1;
            bin.right += u64::from(j.predicted() == j.truth);
        }
    }
    bins
}
