//! The table of scores that `train` and `evaluate` print.

use crate::evaluation::{self, Confusion, Judged};

/// Resamples per interval.
const DRAWS: usize = 1000;

/// One line per set of judged rows; sets without rows are left out.
pub fn table(rows: &[(&str, Vec<Judged>)], labels: &[String]) -> String {
    let mut text = format!("{:22} {:>22} {:>8}", "", "macro-F1", "accuracy");
    for label in labels {
        text.push_str(&format!(" {label:>20}"));
    }
    text.push_str(&format!(" {:>6} {:>6} {:>9}\n", "ECE", "AUROC", "95 % at"));
    for (name, judged) in rows.iter().filter(|(_, judged)| !judged.is_empty()) {
        text.push_str(&format!("{name:22} {}\n", scores(judged, labels.len())));
    }
    text
}

fn scores(judged: &[Judged], n_labels: usize) -> String {
    let confusion = evaluation::confusion(judged, n_labels);
    let with_interval = |score: &dyn Fn(&Confusion) -> f64| {
        let (low, high) = evaluation::bootstrap(judged, n_labels, DRAWS, 0, score);
        format!("{:.3} [{low:.3}, {high:.3}]", score(&confusion))
    };
    let f1: String = (0..n_labels)
        .map(|l| format!(" {:>20}", with_interval(&|c: &Confusion| c.scores(l).f1)))
        .collect();
    format!(
        "{:>22} {:8.3}{f1} {:6.3} {:6.3} {:9.2}",
        with_interval(&Confusion::macro_f1),
        confusion.accuracy(),
        evaluation::calibration_error(judged),
        evaluation::auroc(judged),
        evaluation::coverage_at(judged, 0.95)
    )
}
