//! The page of an evaluation, and the model card's figures, from the same plots.

use std::collections::BTreeMap;

use maud::{Markup, PreEscaped, html};

use super::ad_page::{chip, marked};
use super::marks::visible;
use super::page::page;
use super::plots::{self, Axis, Bars, Curve, ink, share_axis};
use super::{View, terms_by_weight};
use crate::classifier::Classifier;
use crate::evaluation::{self, Confusion, Judged, Resampled};
use crate::posting::Posting;
use crate::text::Text;

/// Bins of stated probability in the reliability diagram and the histogram.
const BINS: usize = 20;
/// Terms listed for and against each label.
const TERMS: usize = 15;
/// Errors shown with their text.
const ERRORS: usize = 12;
/// Terms marked in the text of an error.
const MARKED: usize = 30;
/// Sources listed.
const SOURCES: usize = 30;
/// Points of the coverage curve.
const POINTS: usize = 100;
/// Surest rows that the coverage curve begins with: fewer would be noise.
const FEWEST: usize = 20;
/// Resampled rows per bootstrap interval: the draws are fewer where the rows are many.
const RESAMPLED: usize = 4_000_000;

/// What an evaluation found out, as the report takes it.
#[derive(Debug, Clone, Copy)]
pub struct Evaluation<'a> {
    /// What it was evaluated on, in words.
    pub name: &'a str,
    /// The model.
    pub classifier: &'a Classifier,
    /// Its judgements.
    pub rows: &'a [Row<'a>],
    /// What it is compared with: baselines, other sights, the previous model. Their
    /// judgements need not be of the same rows.
    pub rivals: &'a [(String, Vec<Judged>)],
    /// Training rows against macro-F1 with its interval; empty: not measured.
    pub learning: &'a [LearningPoint],
}

/// One judged posting and what is known about it.
#[derive(Debug, Clone)]
pub struct Row<'a> {
    /// Truth and logits.
    pub judged: Judged,
    /// Where the posting comes from; empty: unknown.
    pub source: &'a str,
    /// The posting, for the table by length and to show errors with their text.
    pub posting: Option<Posting<'a>>,
}

/// Macro-F1 of a model trained on part of the rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LearningPoint {
    /// Training rows.
    pub rows: usize,
    /// Macro-F1, in [0, 1].
    pub score: f64,
    /// Its interval.
    pub interval: (f64, f64),
}

/// One self-contained page about an evaluation. It shows texts of postings.
#[must_use]
pub fn evaluation_page(evaluation: &Evaluation) -> String {
    let judged = judged(evaluation);
    let body = html! {
        (summary(evaluation, &judged))
        section {
            h2 { "Right and wrong" }
            div.two {
                figure { (PreEscaped(confusion(evaluation, &judged))) figcaption { "Rows: the true label. Columns: what was predicted. The depth of colour is the share of the row." } }
                figure { (PreEscaped(classes(evaluation, &judged))) figcaption { "F1 per label, with 95 % bootstrap intervals." } }
            }
        }
        section {
            h2 { "How far the probabilities can be trusted" }
            div.two {
                figure { (PreEscaped(reliability(&judged))) figcaption { "Stated probability against the share that was right, with Wilson intervals; on the diagonal they agree." } }
                figure { (PreEscaped(coverage(evaluation, &judged))) figcaption { "Accuracy when only the surest postings are labelled." } }
                figure { (PreEscaped(scores(&judged))) figcaption { "How sure the model was, when it was right and when it was wrong." } }
                @if let Some(curve) = learning(evaluation) {
                    figure { (PreEscaped(curve)) figcaption { "Macro-F1 by number of training postings." } }
                }
            }
        }
        (by_source(evaluation))
        (by_length(evaluation))
        (top_terms(evaluation))
        (articles(evaluation))
        (errors(evaluation))
        footer { p.dim { "Model " code { (evaluation.classifier.model_id()) } ", made by rolecall " (env!("CARGO_PKG_VERSION")) "." } }
    };
    let title = format!("Evaluation of model {}", evaluation.classifier.model_id());
    page(
        &title,
        evaluation
            .classifier
            .labels()
            .len()
            .max(evaluation.rivals.len() + 1),
        true,
        &body,
    )
}

/// The plots as files of their own, each with its name. They hold no text of a posting.
#[must_use]
pub fn figures(evaluation: &Evaluation) -> Vec<(&'static str, String)> {
    let judged = judged(evaluation);
    let inks = evaluation
        .classifier
        .labels()
        .len()
        .max(evaluation.rivals.len() + 1);
    let mut figures = vec![
        ("confusion.svg", confusion(evaluation, &judged)),
        ("classes.svg", classes(evaluation, &judged)),
        ("reliability.svg", reliability(&judged)),
        ("coverage.svg", coverage(evaluation, &judged)),
        ("scores.svg", scores(&judged)),
    ];
    figures.extend(learning(evaluation).map(|svg| ("learning.svg", svg)));
    for (_, svg) in &mut figures {
        *svg = plots::standalone(svg, inks);
    }
    figures
}

fn judged(evaluation: &Evaluation) -> Vec<Judged> {
    evaluation
        .rows
        .iter()
        .map(|row| row.judged.clone())
        .collect()
}

/// All that is compared, the model first.
fn contestants<'a>(
    evaluation: &'a Evaluation,
    judged: &'a [Judged],
) -> Vec<(&'a str, &'a [Judged])> {
    let rivals = evaluation
        .rivals
        .iter()
        .filter(|(_, rows)| !rows.is_empty());
    let rivals = rivals.map(|(name, rows)| (name.as_str(), rows.as_slice()));
    std::iter::once(("this model", judged))
        .chain(rivals)
        .collect()
}

fn interval(rows: &[Judged], n_labels: usize, score: impl Fn(&Confusion) -> f64) -> (f64, f64) {
    let draws = (RESAMPLED / rows.len().max(1)).clamp(100, 1000);
    let interval = Resampled::new(rows, n_labels, draws, 0).interval(score);
    (interval.low, interval.high)
}

fn summary(evaluation: &Evaluation, judged: &[Judged]) -> Markup {
    let n = evaluation.classifier.labels().len();
    let with_interval = |rows: &[Judged], score: fn(&Confusion) -> f64| {
        let (low, high) = interval(rows, n, score);
        format!(
            "{:.3} [{low:.3}, {high:.3}]",
            score(&evaluation::confusion(rows, n))
        )
    };
    html! {
        header {
            h1 { "Evaluation of model " code { (evaluation.classifier.model_id()) } }
            p { (evaluation.name) ": " (evaluation.rows.len()) " postings." }
        }
        div.scroll {
            table {
                thead { tr { th { "" } th.n { "postings" } th.n { "macro-F1 (95 %)" } th.n { "accuracy (95 %)" } th.n { "calibration error" } th.n { "AUROC of the probability" } } }
                tbody {
                    @for (name, rows) in contestants(evaluation, judged) {
                        tr {
                            td.name { (name) }
                            td.n { (rows.len()) }
                            td.n { (with_interval(rows, Confusion::macro_f1)) }
                            td.n { (with_interval(rows, Confusion::accuracy)) }
                            td.n { (format!("{:.3}", evaluation::calibration_error(rows))) }
                            td.n { (format!("{:.3}", evaluation::auroc(rows))) }
                        }
                    }
                }
            }
        }
    }
}

fn confusion(evaluation: &Evaluation, judged: &[Judged]) -> String {
    let labels = evaluation.classifier.labels();
    let counts = evaluation::confusion(judged, labels.len()).counts;
    let row = |row: &Vec<u64>| {
        let all: u64 = row.iter().sum();
        let cell = |(predicted, n): (usize, &u64)| {
            (n.to_string(), *n as f64 / all.max(1) as f64, ink(predicted))
        };
        row.iter().enumerate().map(cell).collect()
    };
    let cells: Vec<Vec<_>> = counts.iter().map(row).collect();
    plots::matrix(
        "Confusion matrix",
        ("is", labels),
        ("predicted", labels),
        &cells,
    )
}

fn classes(evaluation: &Evaluation, judged: &[Judged]) -> String {
    let labels = evaluation.classifier.labels();
    let n = labels.len();
    let bars = contestants(evaluation, judged)
        .into_iter()
        .enumerate()
        .map(|(at, (name, rows))| {
            let confusion = evaluation::confusion(rows, n);
            let value = |label: usize| {
                let (low, high) = interval(rows, n, |c| c.scores(label).f1);
                (confusion.scores(label).f1, low, high)
            };
            Bars {
                name: name.to_owned(),
                ink: ink(at),
                values: (0..n).map(value).collect(),
            }
        });
    plots::bars(
        "F1 per label",
        &share_axis("F1"),
        labels,
        &bars.collect::<Vec<_>>(),
    )
}

/// The bin of a probability.
fn bin(p: f64) -> usize {
    ((p * BINS as f64) as usize).min(BINS - 1)
}

fn is_right(row: &Judged) -> bool {
    row.predicted() == row.truth
}

fn reliability(judged: &[Judged]) -> String {
    let mut bins = vec![(0_u64, 0_u64, 0.0); BINS];
    for row in judged {
        let bin = &mut bins[bin(row.confidence())];
        *bin = (
            bin.0 + 1,
            bin.1 + u64::from(is_right(row)),
            bin.2 + row.confidence(),
        );
    }
    bins.retain(|bin| bin.0 > 0);
    let point = |&(n, right, sum): &(u64, u64, f64)| (sum / n as f64, right as f64 / n as f64);
    let curve = Curve {
        name: "share that was right".to_owned(),
        ink: ink(0),
        points: bins.iter().map(point).collect(),
        intervals: bins
            .iter()
            .map(|&(n, right, _)| evaluation::wilson(right, n))
            .collect(),
    };
    let (x, y) = (share_axis("stated probability"), share_axis("right"));
    plots::curves("Reliability diagram", &x, &y, &[curve], true)
}

fn coverage(evaluation: &Evaluation, judged: &[Judged]) -> String {
    let contestants = contestants(evaluation, judged);
    let curve = |(at, (name, rows)): (usize, &(&str, &[Judged]))| Curve {
        name: (*name).to_owned(),
        ink: ink(at),
        points: covered(rows),
        intervals: Vec::new(),
    };
    let curves: Vec<Curve> = contestants.iter().enumerate().map(curve).collect();
    let lowest = curves
        .iter()
        .flat_map(|c| &c.points)
        .map(|p| p.1)
        .fold(1.0, f64::min);
    let y = Axis {
        range: (lowest * 10.0).floor() / 10.0 - 0.001..1.0,
        ..share_axis("accuracy")
    };
    plots::curves(
        "Coverage and accuracy",
        &share_axis("postings labelled, the surest first"),
        &y,
        &curves,
        false,
    )
}

/// (share labelled, accuracy) from the surest rows on.
fn covered(rows: &[Judged]) -> Vec<(f64, f64)> {
    let mut scored: Vec<(f64, bool)> = rows.iter().map(|r| (r.confidence(), is_right(r))).collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    let every = scored.len().div_ceil(POINTS).max(1);
    let mut right = 0.0;
    let mut points = Vec::new();
    for (n, (_, is_right)) in (1..).zip(&scored) {
        right += f64::from(*is_right);
        if n >= FEWEST && (n % every == 0 || n == scored.len()) {
            points.push((n as f64 / scored.len() as f64, right / n as f64));
        }
    }
    points
}

fn scores(judged: &[Judged]) -> String {
    let count = |wanted: bool| {
        let mut bins = vec![0; BINS];
        for row in judged.iter().filter(|r| is_right(r) == wanted) {
            bins[bin(row.confidence())] += 1;
        }
        bins
    };
    let layers = [
        ("right".to_owned(), ink(0), count(true)),
        ("wrong".to_owned(), ink(3), count(false)),
    ];
    plots::histogram("Stated probabilities", "stated probability", &layers)
}

fn learning(evaluation: &Evaluation) -> Option<String> {
    let points = evaluation.learning;
    let most = points.iter().map(|p| p.rows).max()? as f64;
    let curve = Curve {
        name: "macro-F1".to_owned(),
        ink: ink(0),
        points: points.iter().map(|p| (p.rows as f64, p.score)).collect(),
        intervals: points.iter().map(|p| p.interval).collect(),
    };
    let lowest = points.iter().map(|p| p.interval.0).fold(1.0, f64::min);
    let x = Axis {
        name: "training postings",
        range: 0.0..most * 1.03,
        label: &|x| format!("{x:.0}"),
    };
    let y = Axis {
        range: (lowest * 10.0).floor() / 10.0..1.0,
        name: "macro-F1",
        label: &|y| format!("{y:.2}"),
    };
    Some(plots::curves("Learning curve", &x, &y, &[curve], false))
}

/// A table of parts of the rows: size, accuracy with its interval, macro-F1.
fn parts(evaluation: &Evaluation, head: &str, parts: &[(String, Vec<Judged>)]) -> Markup {
    let n_labels = evaluation.classifier.labels().len();
    html! {
        section {
            h2 { "By " (head) }
            div.scroll {
                table {
                    thead { tr { th { (head) } th.n { "postings" } th.n { "accuracy" } th.n { "95 %" } th.n { "macro-F1" } } }
                    tbody {
                        @for (name, rows) in parts {
                            @let right = rows.iter().filter(|r| is_right(r)).count() as u64;
                            @let (low, high) = evaluation::wilson(right, rows.len() as u64);
                            tr {
                                td.name { (visible(name)) }
                                td.n { (rows.len()) }
                                td.n { (format!("{:.3}", right as f64 / rows.len() as f64)) }
                                td.n { (format!("[{low:.2}, {high:.2}]")) }
                                td.n { (format!("{:.3}", evaluation::confusion(rows, n_labels).macro_f1())) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn by_source(evaluation: &Evaluation) -> Markup {
    let mut sources: BTreeMap<&str, Vec<Judged>> = BTreeMap::new();
    for row in evaluation.rows.iter().filter(|row| !row.source.is_empty()) {
        sources
            .entry(row.source)
            .or_default()
            .push(row.judged.clone());
    }
    if sources.is_empty() {
        return html! {};
    }
    let mut sources: Vec<(String, Vec<Judged>)> = sources
        .into_iter()
        .map(|(s, r)| (s.to_owned(), r))
        .collect();
    sources.sort_by_key(|(_, rows)| std::cmp::Reverse(rows.len()));
    let rest: Vec<Judged> = sources
        .drain(sources.len().min(SOURCES)..)
        .flat_map(|(_, rows)| rows)
        .collect();
    if !rest.is_empty() {
        sources.push(("all others".to_owned(), rest));
    }
    parts(evaluation, "source", &sources)
}

fn by_length(evaluation: &Evaluation) -> Markup {
    const BOUNDS: [usize; 5] = [500, 1000, 2000, 4000, 8000];
    let mut lengths: Vec<(String, Vec<Judged>)> = Vec::new();
    let mut from = 0;
    for to in BOUNDS.into_iter().chain([usize::MAX]) {
        let within = |row: &&Row| {
            let length = row
                .posting
                .map(|p| Text::new(p.description).as_str().chars().count());
            length.is_some_and(|length| (from..to).contains(&length))
        };
        let rows: Vec<Judged> = evaluation
            .rows
            .iter()
            .filter(within)
            .map(|r| r.judged.clone())
            .collect();
        let name = if to == usize::MAX {
            format!("{from} and more")
        } else {
            format!("{from} to {}", to - 1)
        };
        if !rows.is_empty() {
            lengths.push((name, rows));
        }
        from = to;
    }
    if lengths.is_empty() {
        html! {}
    } else {
        parts(evaluation, "length in characters", &lengths)
    }
}

fn top_terms(evaluation: &Evaluation) -> Markup {
    let model = evaluation.classifier.model();
    html! {
        section {
            h2 { "What speaks for and against each label" }
            div.two {
                @for (label, name) in model.labels.iter().enumerate() {
                    @let terms = terms_by_weight(model, label);
                    div {
                        h3 { span.chip.(format!("l{label}")) { (name) } }
                        p.dim { "for" }
                        ul.chips { @for (term, weight) in terms.iter().filter(|t| t.1 > 0.0).take(TERMS) { li.(format!("l{label}")) { (visible(term)) span.dim { (format!(" {weight:+.1}")) } } } }
                        p.dim { "against" }
                        ul.chips { @for (term, weight) in terms.iter().rev().filter(|t| t.1 < 0.0).take(TERMS) { li { (visible(term)) span.dim { (format!(" {weight:+.1}")) } } } }
                    }
                }
            }
        }
    }
}

/// An entry of the lexicon that articles give to one role and the weights to another.
struct Disagreement<'a> {
    skill: &'a str,
    articles: &'a [String],
    label: usize,
    weight: f64,
}

/// The skills' weights against the articles' assignment.
fn articles(evaluation: &Evaluation) -> Markup {
    let model = evaluation.classifier.model();
    let space = &model.content.space;
    let mut disagreements = Vec::new();
    let mut assigned = 0;
    for (skill, entry) in (0..).zip(space.lexicon().skills()) {
        let role_of = |pair: &String| pair.split_once(' ').map(|(_, role)| role.to_owned());
        let roles: Vec<String> = entry.articles.iter().filter_map(role_of).collect();
        let weights = model.content.linear.weights(space.skill_feature(skill));
        if !roles.iter().any(|role| model.labels.contains(role))
            || weights.iter().all(|w| *w == 0.0)
        {
            continue;
        }
        assigned += 1;
        let mean = weights.iter().sum::<f64>() / weights.len() as f64;
        let label = (0..weights.len())
            .max_by(|&a, &b| weights[a].total_cmp(&weights[b]))
            .unwrap_or(0);
        if !roles.contains(&model.labels[label]) {
            let weight = weights[label] - mean;
            disagreements.push(Disagreement {
                skill: &entry.name,
                articles: &entry.articles,
                label,
                weight,
            });
        }
    }
    if assigned == 0 {
        return html! {};
    }
    disagreements.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    html! {
        section {
            h2 { "Where the postings and the articles disagree" }
            p { (assigned - disagreements.len()) " of the " (assigned) " entries that articles name for a role speak most for a role that an article names them for. The strongest of the others:" }
            table {
                thead { tr { th { "entry" } th { "articles" } th { "speaks for" } th.n { "weight" } } }
                tbody {
                    @for d in disagreements.iter().take(2 * TERMS) {
                        tr {
                            td.name { (d.skill) } td { (d.articles.join(", ")) }
                            td { span.chip.(format!("l{}", d.label)) { (model.labels[d.label]) } }
                            td.n { (format!("{:+.2}", d.weight)) }
                        }
                    }
                }
            }
        }
    }
}

/// The errors of which the model was surest: each is a mistake of the model or of a label.
fn errors(evaluation: &Evaluation) -> Markup {
    let mut wrong: Vec<(&Row, Posting)> = evaluation
        .rows
        .iter()
        .filter(|row| !is_right(&row.judged))
        .filter_map(|row| row.posting.map(|posting| (row, posting)))
        .collect();
    wrong.sort_by(|a, b| b.0.judged.confidence().total_cmp(&a.0.judged.confidence()));
    wrong.truncate(ERRORS);
    html! {
        @if !wrong.is_empty() {
            section {
                h2 { "The most instructive errors" }
                p.dim { "Those of which the model was surest. Hover over a mark, or walk from mark to mark with the arrow keys." }
                @for (at, (row, posting)) in wrong.iter().enumerate() { (error(evaluation, at, row, *posting)) }
            }
        }
    }
}

fn error(evaluation: &Evaluation, at: usize, row: &Row, posting: Posting) -> Markup {
    let explanation = evaluation.classifier.explain(posting);
    let view = View {
        classifier: evaluation.classifier,
        posting,
        explanation: &explanation,
        terms: MARKED,
    };
    let text = Text::new(posting.description);
    html! {
        details.error {
            summary {
                (chip(&view, row.judged.truth)) " taken for " (chip(&view, row.judged.predicted()))
                (format!(" ({:.0} %)", row.judged.confidence() * 100.0))
                @if let Some(title) = posting.title { ": " (visible(title)) }
                @if !row.source.is_empty() { span.dim { " · " (visible(row.source)) } }
            }
            div.ad { (marked(&view, &text, &format!("{at}-"))) }
        }
    }
}
