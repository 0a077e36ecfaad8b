//! The tables of scores that `train` and `evaluate` print.

use crate::evaluation::Interval;
use crate::evaluation::comparison::Comparison;
use crate::evaluation::report::{Slice, Summary};

/// One line per set of judged rows.
pub fn table(summaries: &[Summary]) -> String {
    let Some(first) = summaries.first() else {
        return String::new();
    };
    let mut text = format!("{:30} {:>20} {:>8}", "", "macro-F1", "accuracy");
    for scores in &first.labels {
        text.push_str(&format!(" {:>20}", scores.label));
    }
    text.push_str(&format!(
        " {:>8} {:>6} {:>6} {:>9}\n",
        "log loss", "ECE", "AUROC", "95 % at"
    ));
    for summary in summaries {
        text.push_str(&line(summary));
    }
    text
}

fn line(summary: &Summary) -> String {
    let labels: String = summary
        .labels
        .iter()
        .map(|l| format!(" {:>20}", interval(l.f1)))
        .collect();
    let probabilities = summary.probabilities.as_ref().map_or(String::new(), |p| {
        let coverage = p.coverage.iter().find(|c| c.right == 0.95);
        format!(
            " {:8.3} {:6.3} {:6.3} {:9.2}",
            p.log_loss,
            p.calibration_error,
            p.auroc,
            coverage.map_or(0.0, |c| c.rows)
        )
    });
    format!(
        "{:30} {:>20} {:8.3}{labels}{probabilities}\n",
        summary.name,
        interval(summary.macro_f1),
        summary.accuracy.value
    )
}

fn interval(i: Interval) -> String {
    format!("{:.3} [{:.3}, {:.3}]", i.value, i.low, i.high)
}

/// Precision, recall, confusion matrix and reliability of one set of judged rows.
pub fn details(summary: &Summary) -> String {
    let mut text = format!("{}, label by label:\n", summary.name);
    text.push_str(&format!(
        "{:12} {:>20} {:>20} {:>6}  predicted",
        "", "precision", "recall", "rows"
    ));
    for scores in &summary.labels {
        text.push_str(&format!(" {:>8}", scores.label));
    }
    text.push('\n');
    for (scores, counts) in summary.labels.iter().zip(&summary.confusion.counts) {
        let counts: String = counts.iter().map(|n| format!(" {n:8}")).collect();
        text.push_str(&format!(
            "{:12} {:>20} {:>20} {:6}           {counts}\n",
            scores.label,
            interval(scores.precision),
            interval(scores.recall),
            scores.support
        ));
    }
    if let Some(probabilities) = &summary.probabilities {
        text.push_str("\nstated probability against share right:\n");
        for bin in &probabilities.reliability {
            text.push_str(&format!(
                "  {:.2}–{:.2} {:6} rows  stated {:.3}  right {:.3}\n",
                bin.from, bin.to, bin.rows, bin.stated, bin.right
            ));
        }
        text.push_str("\nsure enough to act:\n");
        for c in probabilities.coverage.iter().filter(|c| c.rows > 0.0) {
            text.push_str(&format!(
                "  {:.0} % right on {:.0} % of rows, those with probability {:.2} or more\n",
                c.right * 100.0,
                c.rows * 100.0,
                c.threshold
            ));
        }
    }
    text
}

/// Scores by source, language, reader.
pub fn slices(slices: &[Slice]) -> String {
    let mut text = String::new();
    for of_one in slices.chunk_by(|a, b| a.by == b.by) {
        text.push_str(&format!("\nby {}:\n", of_one[0].by));
        for slice in of_one {
            text.push_str(&format!(
                "  {:36} {:6} rows  macro-F1 {:.3}  accuracy {:.3}  stated {:.3}\n",
                slice.value, slice.rows, slice.macro_f1, slice.accuracy, slice.stated
            ));
        }
    }
    text
}

/// One sentence on which of two models is better.
pub fn verdict(other: &str, c: &Comparison) -> String {
    format!(
        "{} than {other} on {} postings that neither was trained on: macro-F1 {:.3} against {:.3}, difference {:+.3} [{:+.3}, {:+.3}]; right alone on {} against {}, p = {:.3}",
        match c.verdict {
            crate::evaluation::comparison::Verdict::Undecided =>
                "undecided whether better".to_owned(),
            decided => decided.as_str().to_owned(),
        },
        c.rows,
        c.new,
        c.old,
        c.difference.value,
        c.difference.low,
        c.difference.high,
        c.only_new_right,
        c.only_old_right,
        c.mcnemar_p
    )
}
