//! The page about what a labelled file holds.

use std::collections::BTreeMap;

use maud::{Markup, PreEscaped, html};

use super::grouped;
use super::marks::visible;
use super::page::page;
use super::plots::{self, Bars, Curve, ink, share_axis};
use super::prevalence::{self, Share};
use super::terminal::shortened;
use crate::classifier::Classifier;
use crate::evaluation::{self, Confusion};
use crate::labelling::holdings::{Holdings, Names, PAIRED, TEXTS};

/// Names shown.
const SHOWN: usize = 20;
/// Skills shown per label.
const SKILLS: usize = 15;
/// Skills whose co-occurrence is shown.
const TOGETHER: usize = 12;
/// A month or year with fewer postings is not drawn: its shares would be noise.
const FEWEST: u64 = 10;
/// More months than this are summed up to years.
const MONTHS: usize = 48;

impl Holdings {
    /// The page about a file that `classifier` labelled. Shares are corrected where it is
    /// known how this classifier errs.
    #[must_use]
    pub fn page(&self, name: &str, classifier: &Classifier) -> String {
        let body = html! {
            (self.summary(name))
            (self.share_table(classifier))
            (self.over_time())
            (self.by_name("source", &self.sources))
            (self.by_name("company", &self.companies))
            (self.skills())
            (self.pairs())
            (self.title_and_content())
            footer { p.dim { "Labelled by model " code { (classifier.model_id()) } ", rolecall " (env!("CARGO_PKG_VERSION")) "." } }
        };
        page(
            &format!("What {} holds", visible(name)),
            self.labels.len().max(2),
            false,
            &body,
        )
    }

    fn chip(&self, label: usize) -> Markup {
        html! { span.chip.(format!("l{label}")) { (self.labels[label]) } }
    }

    fn summary(&self, name: &str) -> Markup {
        html! {
            header {
                h1 { "What " (visible(name)) " holds" }
                p { (grouped(self.rows)) " rows: " (grouped(self.reposts)) " reposts of a text that came before, "
                    (grouped(self.labelled())) " labelled, " (grouped(self.unlabelled)) " without a label"
                    @if self.errors > 0 { ", " (grouped(self.errors)) " that could not be read" } "." }
                p.dim { "Reposts are counted once: everything below is about texts of different words."
                    @if self.texts.len() >= TEXTS { " Only reposts of the first " (grouped(TEXTS as u64)) " texts are known." } }
            }
        }
    }

    /// How the classifier errs on what was mostly judged, with or without a title; or why
    /// that is not known.
    fn confusion(&self, classifier: &Classifier) -> Result<Confusion, &'static str> {
        if !classifier.is_as_trained() {
            return Err(
                "other labels or base rates were asked for than the model was measured with",
            );
        }
        let with_title = 2 * self.titled > self.judged.iter().sum();
        let counts = classifier.calibration(with_title).confusion.clone();
        if counts.is_empty() {
            return Err("this model does not record how it errs; one trained anew does");
        }
        Ok(Confusion { counts })
    }

    fn share_table(&self, classifier: &Classifier) -> Markup {
        let all = self.labelled();
        if all == 0 {
            return html! {};
        }
        let counted: Vec<Share> = self
            .shares
            .iter()
            .map(|&n| {
                let (low, high) = evaluation::wilson(n, all);
                Share {
                    share: n as f64 / all as f64,
                    low,
                    high,
                }
            })
            .collect();
        let corrected = self.confusion(classifier).and_then(|confusion| {
            prevalence::corrected(&self.judged, &confusion)
                .ok_or("the model was measured on too few postings")
        });
        let why_not = corrected.as_ref().err().copied();
        let corrected = corrected.ok();
        let values = |shares: &[Share]| shares.iter().map(|s| (s.share, s.low, s.high)).collect();
        let mut bars = vec![Bars {
            name: "counted".to_owned(),
            ink: ink(0),
            values: values(&counted),
        }];
        if let Some(corrected) = &corrected {
            bars.push(Bars {
                name: "corrected".to_owned(),
                ink: ink(1),
                values: values(corrected),
            });
        }
        let highest = bars
            .iter()
            .flat_map(|b| &b.values)
            .map(|v| v.2)
            .fold(0.0, f64::max);
        let axis = plots::Axis {
            range: 0.0..(highest * 1.1).min(1.0),
            ..share_axis("share")
        };
        let cells = |s: &Share| html! { td.n { (percent(s.share)) } td.n.dim { (percent(s.low)) " – " (percent(s.high)) } };
        html! {
            section {
                h2 { "The share of each label" }
                div {
                    div.scroll {
                        table {
                            thead { tr { th { "label" } th.n { "postings" } th.n { "counted" } th.n { "95 %" } @if corrected.is_some() { th.n { "corrected" } th.n { "95 %" } } } }
                            tbody {
                                @for (label, share) in counted.iter().enumerate() {
                                    tr {
                                        td.name { (self.chip(label)) } td.n { (grouped(self.shares[label])) }
                                        (cells(share))
                                        @if let Some(corrected) = &corrected { (cells(&corrected[label])) }
                                    }
                                }
                            }
                        }
                        p.dim { @match why_not {
                            None => {
                                "Corrected: the shares that, sent through the model’s errors in cross-validation, best explain its judgements"
                                @if self.judged != self.shares { ", those too unsure for a label included" }
                                ". Their intervals include how well the errors are known."
                            }
                            Some(reason) => { "Counted as labelled, not corrected: " (reason) "." }
                        } }
                    }
                    figure { (PreEscaped(plots::bars("Share of each label", &axis, &self.labels, &bars))) }
                }
            }
        }
    }

    fn over_time(&self) -> Markup {
        let by_year = self.months.len() > MONTHS;
        let mut times: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
        for (&month, counts) in &self.months {
            let time = if by_year { month / 12 } else { month };
            let sums = times
                .entry(time)
                .or_insert_with(|| vec![0; self.labels.len()]);
            sums.iter_mut().zip(counts).for_each(|(sum, n)| *sum += n);
        }
        let all = times.len();
        times.retain(|_, counts| counts.iter().sum::<u64>() >= FEWEST);
        if times.len() < 2 {
            return html! {};
        }
        let name = |t: f64| {
            let t = t.round() as u32;
            if by_year {
                t.to_string()
            } else {
                format!("{}-{:02}", t / 12, t % 12 + 1)
            }
        };
        let curve = |label: usize| Curve {
            name: self.labels[label].clone(),
            ink: ink(label),
            points: times
                .iter()
                .map(|(&t, counts)| {
                    (
                        f64::from(t),
                        counts[label] as f64 / counts.iter().sum::<u64>() as f64,
                    )
                })
                .collect(),
            intervals: times
                .values()
                .map(|counts| evaluation::wilson(counts[label], counts.iter().sum()))
                .collect(),
        };
        let curves: Vec<Curve> = (0..self.labels.len()).map(curve).collect();
        let (first, last) = times
            .keys()
            .next()
            .zip(times.keys().next_back())
            .map_or((0, 1), |(f, l)| (*f, *l));
        let x = plots::Axis {
            name: "",
            range: f64::from(first) - 0.3..f64::from(last) + 0.3,
            label: &name,
        };
        let highest = curves
            .iter()
            .flat_map(|c| &c.intervals)
            .map(|i| i.1)
            .fold(0.0, f64::max);
        let y = plots::Axis {
            range: 0.0..(highest * 1.05).min(1.0),
            ..share_axis("share")
        };
        let dated: u64 = times.values().flatten().sum();
        let unit = if by_year { "year" } else { "month" };
        html! {
            section {
                h2 { "Over time" }
                figure {
                    (PreEscaped(plots::curves("Share of each label over time", &x, &y, &curves, false)))
                    figcaption {
                        (grouped(dated)) " dated postings, by " (unit) ", with 95 % intervals."
                        @if all > times.len() { " A " (unit) " with fewer than " (FEWEST) " is left out." }
                    }
                }
            }
        }
    }

    fn by_name(&self, what: &str, names: &Names) -> Markup {
        let top = names.top();
        if top.len() < 2 {
            return html! {};
        }
        let shown = &top[..top.len().min(SHOWN)];
        let mut rest = names.others.clone();
        for (_, counts) in &top[shown.len()..] {
            rest.iter_mut().zip(*counts).for_each(|(sum, n)| *sum += n);
        }
        let line = |name: Markup, counts: &[u64]| {
            let all: u64 = counts.iter().sum();
            html! { tr { td.name { (name) } td.n { (grouped(all)) } td { (stacked(counts)) } td.wide.dim { (self.mix(counts)) } } }
        };
        html! {
            section {
                h2 { "By " (what) }
                p { @for label in 0..self.labels.len() { (self.chip(label)) " " } }
                table {
                    thead { tr { th { (what) } th.n { "postings" } th {} th.wide { "most" } } }
                    tbody {
                        @for (name, counts) in shown { (line(html! { (visible(name)) }, counts)) }
                        @if rest.iter().any(|&n| n > 0) { (line(html! { span.dim { "all others" } }, &rest)) }
                    }
                }
            }
        }
    }

    /// The most frequent label of some counts, with its share.
    fn mix(&self, counts: &[u64]) -> String {
        let most = (0..counts.len())
            .max_by_key(|&l| (counts[l], usize::MAX - l))
            .unwrap_or(0);
        let all: u64 = counts.iter().sum();
        format!(
            "{} {}",
            self.labels[most],
            percent(counts[most] as f64 / all.max(1) as f64)
        )
    }

    fn skills(&self) -> Markup {
        if self.labelled() == 0 {
            return html! {};
        }
        let top = |label: usize| {
            let mut skills: Vec<usize> = (0..self.skill_names.len())
                .filter(|&s| self.demanded[s][label] > 0)
                .collect();
            skills.sort_by_key(|&s| (std::cmp::Reverse(self.demanded[s][label]), s));
            skills.truncate(SKILLS);
            skills
        };
        html! {
            section {
                h2 { "The most demanded skills" }
                p.dim { "The share of a label’s postings that name the skill." }
                div.two {
                    @for label in 0..self.labels.len() {
                        div {
                            h3 { (self.chip(label)) }
                            ul.chips {
                                @for skill in top(label) {
                                    li.(format!("l{label}")) {
                                        (self.skill_names[skill])
                                        span.dim { " " (percent(self.demanded[skill][label] as f64 / self.shares[label].max(1) as f64)) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    fn pairs(&self) -> Markup {
        let total = |skill: usize| self.demanded[skill].iter().sum::<u64>();
        let mut skills: Vec<usize> = (0..self.skill_names.len().min(PAIRED))
            .filter(|&s| total(s) > 0)
            .collect();
        skills.sort_by_key(|&s| (std::cmp::Reverse(total(s)), s));
        skills.truncate(TOGETHER);
        if skills.len() < 2 {
            return html! {};
        }
        let cell = |a: usize, b: usize| {
            if a == b {
                return (String::new(), 0.0, ink(0));
            }
            let share = f64::from(self.together[self.pair(a, b)]) / total(a) as f64;
            (format!("{:.0}", share * 100.0), share, ink(0))
        };
        let cells: Vec<Vec<_>> = skills
            .iter()
            .map(|&a| skills.iter().map(|&b| cell(a, b)).collect())
            .collect();
        let rows: Vec<String> = (1..)
            .zip(&skills)
            .map(|(n, &s)| format!("{} {n}", shortened(&self.skill_names[s], 26)))
            .collect();
        let columns: Vec<String> = (1..=skills.len()).map(|n| n.to_string()).collect();
        html! {
            section {
                h2 { "Skills that go together" }
                figure {
                    (PreEscaped(plots::matrix("Skills that go together", ("", &rows), ("", &columns), &cells)))
                    figcaption { "Of the postings that name the skill of the row, how many in a hundred name that of the column." }
                }
            }
        }
    }

    fn title_and_content(&self) -> Markup {
        if self.titles.iter().flatten().all(|&n| n == 0) {
            return html! {};
        }
        let row = |row: &Vec<u64>| {
            let all: u64 = row.iter().sum();
            let cell =
                |(label, &n): (usize, &u64)| (grouped(n), n as f64 / all.max(1) as f64, ink(label));
            row.iter().enumerate().map(cell).collect()
        };
        let cells: Vec<Vec<_>> = self.titles.iter().map(row).collect();
        html! {
            section {
                h2 { "Title against content" }
                figure {
                    (PreEscaped(plots::matrix("Title against content", ("title says", &self.labels), ("description reads like", &self.labels), &cells)))
                    figcaption { "How often a title promises what the description keeps." }
                }
            }
        }
    }
}

/// The parts of a whole, side by side in the labels' colours.
fn stacked(counts: &[u64]) -> Markup {
    let all = counts.iter().sum::<u64>().max(1) as f64;
    let mut at = 0.0;
    html! {
        svg.bar viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" {
            @for (label, &n) in counts.iter().enumerate() {
                @let width = n as f64 / all * 100.0;
                rect.fill.(format!("l{label}")) x=(format!("{at:.2}")) width=(format!("{width:.2}")) height="10" {}
                ({ at += width; "" })
            }
        }
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_in_threes() {
        assert_eq!(
            [0, 12, 999, 1000, 1_234_567].map(grouped),
            ["0", "12", "999", "1,000", "1,234,567"]
        );
    }
}
