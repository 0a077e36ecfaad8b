//! The page of an evaluation, and the model card's figures, from the same plots.
//!
//! Every number comes from [`crate::evaluation`]; here it is only drawn.

use maud::{Markup, PreEscaped, html};

use super::View;
use super::ad_page::{chip, marked};
use super::marks::visible;
use super::page::page;
use super::plots::{self, Axis, Bars, Curve, ink, share_axis};
use crate::classifier::Classifier;
use crate::evaluation::comparison::Comparison;
use crate::evaluation::report::{ProbabilityScores, Slice, Summary};
use crate::evaluation::{Interval, Judged, wilson};
use crate::example::Example;
use crate::model::Model;
use crate::model::weights::{KeyFeature, key_features};
use crate::posting::Posting;
use crate::text::Text;

/// Terms listed for and against each label.
const TERMS: usize = 15;
/// Errors shown with their text.
const ERRORS: usize = 12;
/// Longer texts, in bytes, are not shown among the errors, so that the page stays small.
const LONGEST: usize = 40_000;
/// Terms marked in the text of an error.
const MARKED: usize = 30;
/// Values of a property listed.
const SLICES: usize = 30;

/// What an evaluation found out.
#[derive(Debug, Clone, Copy)]
pub struct Evaluation<'a> {
    /// What it was evaluated on, in words.
    pub name: &'a str,
    /// The model.
    pub classifier: &'a Classifier,
    /// The scores.
    pub scores: Scores<'a>,
    /// Against other models, by name.
    pub comparisons: &'a [(String, Comparison)],
    /// Scores by source, length and the like.
    pub slices: &'a [Slice],
    /// The judgements behind the scores, of which the surest errors are shown.
    pub rows: &'a [Row<'a>],
}

/// Scores of a model and of what it is compared with.
#[derive(Debug, Clone, Copy)]
pub struct Scores<'a> {
    /// The model by what it sees; the last one sees most. Not empty.
    pub summaries: &'a [Summary],
    /// Answers without training, and other models.
    pub baselines: &'a [Summary],
    /// Scores by the number of training rows; empty: not measured.
    pub learning: &'a [(usize, Summary)],
}

/// One judged posting.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// Truth and logits.
    pub judged: &'a Judged,
    /// Where the posting comes from; empty: unknown.
    pub source: &'a str,
    /// The posting as it was judged.
    pub posting: Posting<'a>,
}

impl<'a> Row<'a> {
    /// A judged example, its title left out where that was not judged.
    #[must_use]
    pub fn new(example: &'a Example, judged: &'a Judged, untitled: bool) -> Self {
        let posting = if untitled {
            Posting::untitled(&example.description)
        } else {
            Posting::titled(&example.title, &example.description)
        };
        Self {
            judged,
            source: &example.source,
            posting,
        }
    }
}

impl<'a> Scores<'a> {
    /// The scores with all that a posting gives.
    fn best(&self) -> &'a Summary {
        &self.summaries[self.summaries.len() - 1]
    }

    /// All that is compared: the model, the one that sees most first, then the others.
    fn all(&self) -> impl Iterator<Item = &'a Summary> + use<'a> {
        self.summaries.iter().rev().chain(self.baselines)
    }

    fn labels(&self) -> Vec<String> {
        self.best().labels.iter().map(|l| l.label.clone()).collect()
    }

    /// How many colours its plots need.
    fn inks(&self) -> usize {
        self.best().labels.len().max(self.all().count())
    }
}

/// One self-contained page about an evaluation. It shows texts of postings.
#[must_use]
pub fn evaluation_page(evaluation: &Evaluation) -> String {
    let scores = &evaluation.scores;
    let plot = |svg: Option<String>, caption: &str| {
        html! { @if let Some(svg) = svg { figure { (PreEscaped(svg)) figcaption { (caption) } } } }
    };
    let body = html! {
        (summary(evaluation))
        section {
            h2 { "Right and wrong" }
            div.two {
                (plot(Some(confusion(scores)), "Rows: the true label. Columns: what was predicted. The depth of colour is the share of the row."))
                (plot(Some(classes(scores)), "F1 per label, with 95 % bootstrap intervals."))
            }
            (by_label(scores))
        }
        section {
            h2 { "How far the probabilities can be trusted" }
            div.two {
                (plot(reliability(scores), "Stated probability against the share that was right, with Wilson intervals; on the diagonal they agree."))
                (plot(coverage(scores), "Accuracy when only the surest postings are labelled."))
                (plot(histogram(scores), "How sure the model was, when it was right and when it was wrong."))
                (plot(learning(scores), "Macro-F1 of the description alone by the number of training postings, with 95 % intervals."))
            }
            (sure_enough(scores))
        }
        @for slices in evaluation.slices.chunk_by(|a, b| a.by == b.by) { (by_property(slices)) }
        (top_terms(evaluation))
        (articles(evaluation))
        (errors(evaluation))
        footer { p.dim { "Model " code { (evaluation.classifier.model_id()) } ", made by rolecall " (env!("CARGO_PKG_VERSION")) "." } }
    };
    let title = format!("Evaluation of model {}", evaluation.classifier.model_id());
    page(&title, scores.inks(), true, &body)
}

/// The plots as files of their own, each with its name. They hold no text of a posting.
#[must_use]
pub fn figures(scores: &Scores) -> Vec<(&'static str, String)> {
    let drawn = [
        ("confusion.svg", Some(confusion(scores))),
        ("classes.svg", Some(classes(scores))),
        ("reliability.svg", reliability(scores)),
        ("coverage.svg", coverage(scores)),
        ("scores.svg", histogram(scores)),
        ("learning.svg", learning(scores)),
    ];
    let standalone =
        |(name, svg): (_, Option<String>)| Some((name, plots::standalone(&svg?, scores.inks())));
    drawn.into_iter().filter_map(standalone).collect()
}

fn cell(score: Interval) -> String {
    format!("{:.3} [{:.3}, {:.3}]", score.value, score.low, score.high)
}

fn summary(evaluation: &Evaluation) -> Markup {
    let scores = &evaluation.scores;
    let of = |p: Option<&ProbabilityScores>, value: fn(&ProbabilityScores) -> f64| {
        p.map_or("–".to_owned(), |p| format!("{:.3}", value(p)))
    };
    html! {
        header {
            h1 { "Evaluation of model " code { (evaluation.classifier.model_id()) } }
            p { (visible(evaluation.name)) ": " (scores.best().rows) " postings." }
        }
        div.scroll {
            table {
                thead { tr { th { "judged by" } th.n { "postings" } th.n { "macro-F1 (95 %)" } th.n { "accuracy (95 %)" } th.n { "log loss" } th.n { "calibration error" } th.n { "AUROC" } } }
                tbody {
                    @for s in scores.all() {
                        @let p = s.probabilities.as_ref();
                        tr {
                            td.name { (s.name) }
                            td.n { (s.rows) }
                            td.n { (cell(s.macro_f1)) }
                            td.n { (cell(s.accuracy)) }
                            td.n { (of(p, |p| p.log_loss)) }
                            td.n { (of(p, |p| p.calibration_error)) }
                            td.n { (of(p, |p| p.auroc)) }
                        }
                    }
                }
            }
        }
        p.dim { "AUROC: of the stated probability, for right against wrong. Rules state none." }
        @for (name, c) in evaluation.comparisons {
            p {
                strong { @match c.verdict.as_str() { "undecided" => { "Undecided whether better" } verdict => { (verdict) } } }
                " than " (name) " on " (c.rows) " postings that neither was trained on: macro-F1 "
                (format!("{:.3} against {:.3}, difference {:+.3} [{:+.3}, {:+.3}]", c.new, c.old, c.difference.value, c.difference.low, c.difference.high))
                "; right alone on " (c.only_new_right) " against " (c.only_old_right) (format!(", p = {:.3}.", c.mcnemar_p))
            }
        }
    }
}

fn confusion(scores: &Scores) -> String {
    let labels = scores.labels();
    let row = |row: &Vec<u64>| {
        let all: u64 = row.iter().sum();
        let cell = |(predicted, n): (usize, &u64)| {
            (n.to_string(), *n as f64 / all.max(1) as f64, ink(predicted))
        };
        row.iter().enumerate().map(cell).collect()
    };
    let cells: Vec<Vec<_>> = scores.best().confusion.counts.iter().map(row).collect();
    plots::matrix(
        "Confusion matrix",
        ("is", &labels),
        ("predicted", &labels),
        &cells,
    )
}

fn classes(scores: &Scores) -> String {
    let bars = scores.all().enumerate().map(|(at, summary)| Bars {
        name: summary.name.clone(),
        ink: ink(at),
        values: summary
            .labels
            .iter()
            .map(|l| (l.f1.value, l.f1.low, l.f1.high))
            .collect(),
    });
    plots::bars(
        "F1 per label",
        &share_axis("F1"),
        &scores.labels(),
        &bars.collect::<Vec<_>>(),
    )
}

/// Precision, recall and F1 of every label.
fn by_label(scores: &Scores) -> Markup {
    html! {
        div.scroll {
            table {
                thead { tr { th { "label" } th.n { "postings" } th.n { "precision (95 %)" } th.n { "recall (95 %)" } th.n { "F1 (95 %)" } } }
                tbody {
                    @for (at, l) in scores.best().labels.iter().enumerate() {
                        tr {
                            td.name { span.chip.(format!("l{at}")) { (l.label) } }
                            td.n { (l.support) } td.n { (cell(l.precision)) } td.n { (cell(l.recall)) } td.n { (cell(l.f1)) }
                        }
                    }
                }
            }
        }
    }
}

fn reliability(scores: &Scores) -> Option<String> {
    let bins = &scores.best().probabilities.as_ref()?.reliability;
    let right = |rows: u64, share: f64| (share * rows as f64).round() as u64;
    let curve = Curve {
        name: "share that was right".to_owned(),
        ink: ink(0),
        points: bins.iter().map(|b| (b.stated, b.right)).collect(),
        intervals: bins
            .iter()
            .map(|b| wilson(right(b.rows, b.right), b.rows))
            .collect(),
    };
    let (x, y) = (share_axis("stated probability"), share_axis("right"));
    Some(plots::curves("Reliability diagram", &x, &y, &[curve], true))
}

fn coverage(scores: &Scores) -> Option<String> {
    let curve = |(at, summary): (usize, &Summary)| {
        let points = summary.probabilities.as_ref()?.curve.clone();
        (!points.is_empty()).then(|| Curve {
            name: summary.name.clone(),
            ink: ink(at),
            points,
            intervals: Vec::new(),
        })
    };
    let curves: Vec<Curve> = scores.all().enumerate().filter_map(curve).collect();
    let points = curves.iter().flat_map(|c| &c.points);
    let lowest = points.map(|p| p.1).reduce(f64::min)?;
    let y = Axis {
        range: (lowest * 10.0).floor() / 10.0 - 0.001..1.0,
        ..share_axis("accuracy")
    };
    let x = share_axis("postings labelled, the surest first");
    Some(plots::curves(
        "Coverage and accuracy",
        &x,
        &y,
        &curves,
        false,
    ))
}

fn histogram(scores: &Scores) -> Option<String> {
    let bins = &scores.best().probabilities.as_ref()?.reliability;
    let n = (1.0 / (bins.first()?.to - bins.first()?.from)).round();
    let (mut right, mut wrong) = (vec![0; n as usize], vec![0; n as usize]);
    for bin in bins {
        let at = (bin.from * n).round() as usize;
        right[at] = (bin.right * bin.rows as f64).round() as u64;
        wrong[at] = bin.rows - right[at];
    }
    let layers = [
        ("right".to_owned(), ink(0), right),
        ("wrong".to_owned(), ink(3), wrong),
    ];
    Some(plots::histogram(
        "Stated probabilities",
        "stated probability",
        &layers,
    ))
}

fn learning(scores: &Scores) -> Option<String> {
    let most = scores.learning.iter().map(|(rows, _)| *rows).max()? as f64;
    let f1 = || scores.learning.iter().map(|(rows, s)| (*rows, s.macro_f1));
    let curve = Curve {
        name: "macro-F1".to_owned(),
        ink: ink(0),
        points: f1().map(|(rows, f1)| (rows as f64, f1.value)).collect(),
        intervals: f1().map(|(_, f1)| (f1.low, f1.high)).collect(),
    };
    let lowest = f1().map(|(_, f1)| f1.low).fold(1.0, f64::min);
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

/// From which probability on how many are right.
fn sure_enough(scores: &Scores) -> Markup {
    let coverage = scores.best().probabilities.iter().flat_map(|p| &p.coverage);
    html! {
        ul {
            @for c in coverage.filter(|c| c.rows > 0.0) {
                li { (format!("{:.0} % right on {:.0} % of postings: those with a probability of {:.2} or more", c.right * 100.0, c.rows * 100.0, c.threshold)) }
            }
        }
    }
}

/// The scores by one property, the largest values.
fn by_property(slices: &[Slice]) -> Markup {
    let least = {
        let mut sizes: Vec<usize> = slices.iter().map(|s| s.rows).collect();
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        sizes.get(SLICES - 1).copied().unwrap_or(0)
    };
    let shown: Vec<&Slice> = slices
        .iter()
        .filter(|s| s.rows >= least)
        .take(SLICES)
        .collect();
    let hidden = slices.len() - shown.len();
    html! {
        section {
            h2 { "By " (slices[0].by) }
            div.scroll {
                table {
                    thead { tr { th { (slices[0].by) } th.n { "postings" } th.n { "accuracy (95 %)" } th.n { "macro-F1" } th.n { "stated" } } }
                    tbody {
                        @for s in shown {
                            @let right = (s.accuracy * s.rows as f64).round() as u64;
                            @let (low, high) = wilson(right, s.rows as u64);
                            tr {
                                td.name { (visible(&s.value)) }
                                td.n { (s.rows) }
                                td.n { (format!("{:.3} [{low:.2}, {high:.2}]", s.accuracy)) }
                                td.n { (format!("{:.3}", s.macro_f1)) }
                                td.n { (format!("{:.3}", s.stated)) }
                            }
                        }
                    }
                }
            }
            @if hidden > 0 { p.dim { (hidden) " smaller ones are not shown." } }
        }
    }
}

fn top_terms(evaluation: &Evaluation) -> Markup {
    let model = evaluation.classifier.model();
    let all = model.content.space.len();
    let chip = |f: &KeyFeature, class: &str| html! { li.(class) { (visible(&f.name)) span.dim { (format!(" {:+.1}", f.weight)) } } };
    html! {
        section {
            h2 { "What speaks for and against each label" }
            p.dim { "Weights in the description, above or below the mean of all labels." }
            div.two {
                @for (label, name) in model.labels.iter().enumerate() {
                    @let terms = key_features(model, label, all);
                    @let class = format!("l{label}");
                    div {
                        h3 { span.chip.(class) { (name) } }
                        p.dim { "for" }
                        ul.chips { @for term in terms.iter().filter(|t| t.weight > 0.0).take(TERMS) { (chip(term, &class)) } }
                        p.dim { "against" }
                        ul.chips { @for term in terms.iter().rev().filter(|t| t.weight < 0.0).take(TERMS) { (chip(term, "against")) } }
                    }
                }
            }
        }
    }
}

/// An entry of the lexicon that articles name for a role, and the label that its weights
/// speak for most.
struct Assigned<'a> {
    skill: &'a str,
    articles: &'a [String],
    /// The labels that articles name it for.
    named_for: Vec<usize>,
    speaks_for: usize,
    /// The weight for it above the mean over the labels.
    weight: f64,
}

/// The entries that articles name for a label of the model, those aside that the model
/// gives no weight.
fn assigned(model: &Model) -> Vec<Assigned<'_>> {
    let space = &model.content.space;
    let label_of = |pair: &String| {
        let (_, role) = pair.split_once(' ')?;
        model.labels.iter().position(|label| label == role)
    };
    let mut assigned = Vec::new();
    for (skill, entry) in (0..).zip(space.lexicon().skills()) {
        let mut named_for: Vec<usize> = entry.articles.iter().filter_map(label_of).collect();
        named_for.sort_unstable();
        named_for.dedup();
        let weights = model.content.linear.weights(space.skill_feature(skill));
        if named_for.is_empty() || weights.iter().all(|w| *w == 0.0) {
            continue;
        }
        let mean = weights.iter().sum::<f64>() / weights.len() as f64;
        let speaks_for = (0..weights.len())
            .max_by(|&a, &b| weights[a].total_cmp(&weights[b]))
            .unwrap_or(0);
        assigned.push(Assigned {
            skill: &entry.name,
            articles: &entry.articles,
            named_for,
            speaks_for,
            weight: weights[speaks_for] - mean,
        });
    }
    assigned
}

/// The skills' weights against the articles' assignment.
fn articles(evaluation: &Evaluation) -> Markup {
    let labels = &evaluation.classifier.model().labels;
    let (agreeing, mut others): (Vec<_>, Vec<_>) = assigned(evaluation.classifier.model())
        .into_iter()
        .partition(|a| a.named_for.contains(&a.speaks_for));
    if agreeing.is_empty() && others.is_empty() {
        return html! {};
    }
    let mut counts = vec![vec![0_u64; labels.len()]; labels.len()];
    for entry in agreeing.iter().chain(&others) {
        for &role in &entry.named_for {
            counts[role][entry.speaks_for] += 1;
        }
    }
    let roles: Vec<usize> = (0..labels.len())
        .filter(|&role| counts[role].iter().any(|n| *n > 0))
        .collect();
    let names: Vec<String> = roles.iter().map(|&role| labels[role].clone()).collect();
    let row = |&role: &usize| {
        let all: u64 = counts[role].iter().sum();
        let cell = |(label, n): (usize, &u64)| (n.to_string(), *n as f64 / all as f64, ink(label));
        counts[role].iter().enumerate().map(cell).collect()
    };
    let cells: Vec<Vec<_>> = roles.iter().map(row).collect();
    others.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    html! {
        section {
            h2 { "Where the postings and the articles disagree" }
            p { (agreeing.len()) " of the " (agreeing.len() + others.len()) " entries that articles name for a role speak most for a role that an article names them for." }
            figure {
                (PreEscaped(plots::matrix("Articles against weights", ("articles name it for", &names), ("it speaks most for", labels), &cells)))
                figcaption { "Entries of the lexicon by the role that articles name them for and the label that their weights speak for." }
            }
            @if !others.is_empty() {
                p { "Those that speak most strongly for another:" }
                table {
                    thead { tr { th { "entry" } th { "articles" } th { "speaks for" } th.n { "weight" } } }
                    tbody {
                        @for d in others.iter().take(2 * TERMS) {
                            tr {
                                td.name { (d.skill) } td { (d.articles.join(", ")) }
                                td { span.chip.(format!("l{}", d.speaks_for)) { (labels[d.speaks_for]) } }
                                td.n { (format!("{:+.2}", d.weight)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The errors of which the model was surest: each is a mistake of the model or of a label.
fn errors(evaluation: &Evaluation) -> Markup {
    let mut wrong: Vec<&Row> = evaluation
        .rows
        .iter()
        .filter(|row| row.judged.predicted() != row.judged.truth)
        .filter(|row| row.posting.description.len() <= LONGEST)
        .collect();
    wrong.sort_by(|a, b| b.judged.confidence().total_cmp(&a.judged.confidence()));
    wrong.truncate(ERRORS);
    html! {
        @if !wrong.is_empty() {
            section {
                h2 { "The most instructive errors" }
                p.dim { "Those of which the model was surest: it is wrong, or the label is. Open one; hover over a mark, or walk from mark to mark with the arrow keys." }
                @for (at, row) in wrong.iter().enumerate() { (error(evaluation, at, row)) }
            }
        }
    }
}

fn error(evaluation: &Evaluation, at: usize, row: &Row) -> Markup {
    let Row {
        judged,
        source,
        posting,
    } = *row;
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
                (chip(&view, judged.truth)) " taken for " (chip(&view, judged.predicted()))
                (format!(" ({:.0} %)", judged.confidence() * 100.0))
                @if let Some(title) = posting.title { ": " (visible(title)) }
                @if !source.is_empty() { span.dim { " · " (visible(source)) } }
            }
            div.ad { (marked(&view, &text, &format!("{at}-"))) }
        }
    }
}
