//! The page of one ad: its label, the reasons, and what would change it.

use maud::{Markup, html};

use super::View;
use super::account::{Account, Line, signed, total};
use super::flip::{self, Flip};
use super::marks::{self, DEGREES, visible};
use super::page::page;
use super::roles::{self, ARTICLES, Role};
use crate::model::weights::key_features;
use crate::prediction::{Evidence, EvidenceKind};
use crate::text::Text;

/// Groups of the lexicon whose name begins so hold duties.
const DUTY: &str = "duty-";
/// Strongest terms that are shown for a label which no article defines.
const TERMS_OF_A_LABEL: usize = 12;

/// One self-contained page about one ad.
#[must_use]
pub fn ad_page(view: &View) -> String {
    let body = html! {
        (headline(view))
        (probabilities(view))
        (change(view))
        (ad(view))
        (evidence(view))
        (skills(view))
        (roles(view))
        (source(view))
        (provenance(view))
    };
    let verdict = view.prediction().label.map_or("no label", |l| view.name(l));
    let title = match view.posting.title {
        Some(title) => format!("{verdict}: {}", visible(title)),
        None => format!("{verdict}: a job ad"),
    };
    page(&title, view.classifier.labels().len(), true, &body)
}

fn class(label: usize) -> String {
    format!("l{label}")
}

pub(super) fn chip(view: &View, label: usize) -> Markup {
    html! { span.chip.(class(label)) { (view.name(label)) } }
}

fn headline(view: &View) -> Markup {
    let percent = view.prediction().confidence() * 100.0;
    html! {
        header {
            h1 {
                @match view.prediction().label {
                    Some(label) => { (chip(view, label)) " – " (view.manner()) (format!(", {percent:.0} %")) }
                    None => { "No label: " (view.refusal()) }
                }
            }
            @for remark in view.remarks() { p { (visible(&remark)) } }
        }
    }
}

fn probabilities(view: &View) -> Markup {
    let prediction = view.prediction();
    html! {
        section {
            h2 { "Probabilities" }
            @if prediction.label.is_none() { p { "They are not to be trusted." } }
            table {
                thead { tr { th { "label" } th.n { "probability" } th {} th.n { "score" } } }
                tbody {
                    @for label in prediction.ranking() {
                        @let p = prediction.probabilities[label];
                        tr {
                            td.name { (chip(view, label)) }
                            td.n { (format!("{:.1} %", p * 100.0)) }
                            td { (bar(label, 0.0, p * 100.0, (0.0, 100.0))) }
                            td.n { (signed(total(view.explanation, label))) }
                        }
                    }
                }
            }
            p.dim { "A score is a label’s logit above the mean of all; a score higher by 0.7 is twice as probable." }
        }
    }
}

/// A bar from `from` to `to` on a scale, with the zero marked.
fn bar(label: usize, from: f64, to: f64, scale: (f64, f64)) -> Markup {
    let place = |x: f64| (x - scale.0) / (scale.1 - scale.0).max(f64::MIN_POSITIVE) * 100.0;
    let (start, end) = (place(from.min(to)), place(from.max(to)));
    html! {
        svg.bar viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" {
            rect.fill.(class(label)) x=(format!("{start:.2}")) width=(format!("{:.2}", end - start)) height="10" {}
            line.zero x1=(format!("{:.2}", place(0.0))) x2=(format!("{:.2}", place(0.0))) y1="0" y2="10" {}
        }
    }
}

fn change(view: &View) -> Markup {
    let Some(label) = view.prediction().label else {
        return html! {};
    };
    html! {
        section {
            h2 { "What would have to change" }
            @match flip::flip(view) {
                Some(Flip { terms, smallest, label: next, probability, .. }) => {
                    p {
                        "Without " (counted(terms.len(), "term")) " it would be "
                        (chip(view, next)) (format!(" ({:.0} %)", probability * 100.0)) ":"
                    }
                    ul.chips {
                        @for e in &terms {
                            li.(class(e.leaning())) {
                                (visible(&e.term))
                                @if e.kind == EvidenceKind::Title { span.dim { " in the title" } }
                                @if e.spans.len() > 1 { span.dim { (format!(" ×{}", e.spans.len())) } }
                            }
                        }
                    }
                    p.dim {
                        "Checked by labelling the text without them; "
                        @if smallest { "no fewer terms would do." } @else { "none of them can be spared." }
                    }
                }
                None if view.posting.description.len() > flip::LONGEST => {
                    p { "The text is too long to look for it." }
                }
                None => {
                    p { "No few words: without the terms that speak most for " (chip(view, label)) " it would not get another label." }
                }
            }
        }
    }
}

fn counted(n: usize, what: &str) -> String {
    match n {
        1 => format!("one {what}"),
        n => format!("these {n} {what}s"),
    }
}

fn ad(view: &View) -> Markup {
    let text = Text::new(view.posting.description);
    html! {
        section {
            h2 { "The ad" }
            p {
                @for label in 0..view.classifier.labels().len() {
                    mark.d2.(class(label)) { (view.name(label)) } " "
                }
                span.dim { " marks what speaks for a label, the darker the stronger. Hover, tap, or walk with Tab and the arrow keys." }
            }
            @if let Some(title) = view.posting.title { h3 { (visible(title)) } }
            div.ad { (marked(view, &text, "")) }
        }
    }
}

/// A text with its marks; the first can be tabbed to, the arrow keys lead on.
/// `prefix` tells the terms of one ad on a page from those of another.
pub(super) fn marked(view: &View, text: &Text, prefix: &str) -> Markup {
    let shown = text.as_str();
    let evidence = &view.explanation.evidence;
    let evidence = &evidence[..evidence.len().min(view.terms)];
    let marks = marks::marks(evidence, text);
    let mut at = shown.len() - shown.trim_start().len();
    html! {
        @for (n, mark) in marks.iter().enumerate() {
            (visible(&shown[at..mark.span.start]))
            @let degree = format!("d{}", mark.degree.min(DEGREES));
            mark.(class(mark.label)).(degree) tabindex=(if n == 0 { 0 } else { -1 }) role="note"
                data-e=(format!("{prefix}{}", mark.evidence)) data-tip=(tip(view, &evidence[mark.evidence])) {
                (visible(&shown[mark.span.clone()]))
            }
            ({ at = mark.span.end; "" })
        }
        (visible(shown[at..].trim_end()))
    }
}

/// What a term adds for every label, from the most to the least.
fn tip(view: &View, e: &Evidence) -> String {
    let mut labels: Vec<usize> = (0..view.classifier.labels().len()).collect();
    labels.sort_by(|&a, &b| e.in_favour(b).total_cmp(&e.in_favour(a)));
    let parts: Vec<String> = labels
        .iter()
        .map(|&l| {
            format!(
                "{} {}",
                view.name(l),
                signed((e.in_favour(l) * 100.0).round() as i64)
            )
        })
        .collect();
    let times = match e.spans.len() {
        0 | 1 => String::new(),
        n => format!(" ×{n}"),
    };
    format!(
        "{} ({}{times}): {}",
        visible(&e.term),
        e.kind.as_str(),
        parts.join(", ")
    )
}

fn evidence(view: &View) -> Markup {
    let account = Account::new(view.explanation, view.label(), view.terms);
    let of = |sign: f64| {
        let terms = account.lines.iter().filter(|l| l.is_term());
        terms
            .map(|l| l.hundredths as f64 * sign)
            .fold(0.0, f64::max)
    };
    let scale = (-of(-1.0), of(1.0));
    let index = |line: &Line| {
        let mut all = view.explanation.evidence.iter();
        all.position(|e| *e == line.evidence)
    };
    html! {
        section {
            h2 { "The evidence for and against " (chip(view, account.label)) }
            table {
                thead { tr { th { "term" } th.wide { "kind" } th.n { "adds" } th {} th { "speaks for" } } }
                tbody {
                    @for line in &account.lines {
                        @if line.is_term() {
                            tr data-e=[index(line)] data-tip=(tip(view, &line.evidence)) {
                                td.name { (visible(&line.name())) @if line.evidence.spans.len() > 1 { span.dim { (format!(" ×{}", line.evidence.spans.len())) } } }
                                td.wide.dim { (line.evidence.kind.as_str()) }
                                td.n { (signed(line.hundredths)) }
                                td { (bar(line.evidence.leaning(), 0.0, line.hundredths as f64, scale)) }
                                td { (chip(view, line.evidence.leaning())) }
                            }
                        } @else {
                            tr.dim { td.name { (line.name()) } td.wide {} td.n { (signed(line.hundredths)) } td {} td {} }
                        }
                    }
                }
                tfoot { tr { th { "the sum: its score" } th.wide {} th.n { (signed(account.total)) } th {} th {} } }
            }
        }
    }
}

fn skills(view: &View) -> Markup {
    let lexicon = view.classifier.model().content.space.lexicon();
    let text = Text::new(view.posting.description);
    let found = lexicon.find_in(text.as_str());
    let leaning = |name: &str| {
        let all = &view.explanation.evidence;
        let skill = all
            .iter()
            .find(|e| e.kind == EvidenceKind::Skill && e.term == name);
        skill.map_or(String::new(), |e| class(e.leaning()))
    };
    let groups = (0..lexicon.groups().len() as u32).filter_map(|group| {
        let runs = found.chunk_by(|a, b| a.0 == b.0);
        let of_group: Vec<(u32, usize)> = runs
            .filter(|run| lexicon.group_of(run[0].0) == group)
            .map(|run| (run[0].0, run.len()))
            .collect();
        (!of_group.is_empty()).then_some((&lexicon.groups()[group as usize], of_group))
    });
    let (duties, tools): (Vec<_>, Vec<_>) = groups.partition(|(name, _)| name.starts_with(DUTY));
    html! {
        section {
            h2 { "Skills and duties found" }
            @if found.is_empty() { p { "None that the lexicon knows." } }
            div.two {
                @for half in [tools, duties] {
                    div {
                        @for (group, skills) in half {
                            h3 { (group.trim_start_matches(DUTY).replace('-', " ")) @if group.starts_with(DUTY) { span.dim { " (duty)" } } }
                            ul.chips {
                                @for (skill, n) in skills {
                                    @let entry = &lexicon.skills()[skill as usize];
                                    li.(leaning(&entry.name)) {
                                        (entry.name) @if n > 1 { span.dim { (format!(" ×{n}")) } }
                                        @if !entry.articles.is_empty() { span.dim { " · " (entry.articles.join(", ")) } }
                                    }
                                }
                            }
                        }
                    }
                }
            }
            @if !found.is_empty() { p.dim { "Behind the dot: the article that names it, and for which role." } }
        }
    }
}

fn roles(view: &View) -> Markup {
    let named = view
        .classifier
        .labels()
        .iter()
        .any(|l| roles::role_of(l).is_some());
    html! {
        section {
            h2 { "What the labels mean" }
            div.two {
                @for (label, name) in view.classifier.labels().iter().enumerate() {
                    div {
                        @match roles::role_of(name) {
                            Some(role) => (definition(view, label, role)),
                            None => (learnt(view, label)),
                        }
                    }
                }
            }
            @if named {
                p.dim { @for (number, article) in ARTICLES { (number) ": " (article) ". " } }
            }
        }
    }
}

fn definition(view: &View, label: usize, role: &Role) -> Markup {
    html! {
        h3 { (chip(view, label)) " – " (role.name) }
        p { "Main output: " (role.output) "." }
        ul { @for (article, words) in role.says { li { (words) span.dim { " (" (article) ")" } } } }
    }
}

/// A label that no article defines is described by what the model learnt about it.
fn learnt(view: &View, label: usize) -> Markup {
    let terms = key_features(view.classifier.model(), label, TERMS_OF_A_LABEL);
    html! {
        h3 { (chip(view, label)) }
        p { "What speaks most for it in this model:" }
        ul.chips { @for term in terms.iter().filter(|t| t.weight > 0.0) { li.(class(label)) { (visible(&term.name)) } } }
    }
}

fn source(view: &View) -> Markup {
    let text = Text::new(view.posting.description);
    html! {
        @if text.as_str() != view.posting.description {
            details {
                summary { "The ad as it was given, with its markup" }
                pre { (visible(view.posting.description)) }
            }
        }
    }
}

fn provenance(view: &View) -> Markup {
    let model = view.classifier.model();
    html! {
        details {
            summary { "Model " code { (view.classifier.model_id()) } }
            table {
                tbody {
                    @for (fact, value) in &model.provenance.facts { tr { td { (fact) } td { (value) } } }
                }
            }
        }
        footer { p.dim { "Made by rolecall " (env!("CARGO_PKG_VERSION")) "." } }
    }
}
