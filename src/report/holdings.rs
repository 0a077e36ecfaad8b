//! What a labelled file holds, counted row by row in bounded memory, and its page.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use maud::{Markup, PreEscaped, html};

use super::marks::visible;
use super::page::page;
use super::plots::{self, Bars, Curve, ink, share_axis};
use super::prevalence::{self, Share};
use super::terminal::shortened;
use crate::classifier::Classifier;
use crate::evaluation::{self, Confusion};
use crate::features::Memo;
use crate::posting::Posting;
use crate::prediction::Prediction;
use crate::skills::Lexicon;
use crate::text::Text;

/// Texts remembered to know a repost by; later reposts count as new.
const TEXTS: usize = 4 << 20;
/// Names of sources or companies kept apart; past that, the rarer half goes to the others.
const NAMES: usize = 20_000;
/// Characters kept of a name.
const NAME: usize = 60;
/// Names shown.
const SHOWN: usize = 20;
/// Skills shown per label.
const SKILLS: usize = 15;
/// Skills whose co-occurrence is shown.
const TOGETHER: usize = 12;
/// More months than this are summed up to years.
const MONTHS: usize = 48;
/// Groups of the lexicon whose name begins so hold duties, which are no skills.
const DUTY: &str = "duty-";

/// One labelled row, as it is counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sighting {
    /// The label given, if any.
    pub label: Option<usize>,
    /// What the title alone says.
    pub title_label: Option<usize>,
    /// What the description alone says.
    pub content_label: Option<usize>,
    /// The same for postings of the same words.
    pub text: u64,
    /// Months since the year 0, where the row has a date that can be read.
    pub month: Option<u32>,
    /// Where the row comes from; empty: unknown.
    pub source: String,
    /// Who hires; empty: unknown.
    pub company: String,
    /// The entries of the lexicon that the description names, each once.
    pub skills: Vec<u32>,
}

impl Sighting {
    /// Looks at one row. `label` is the one given in the output, which may be none where the
    /// prediction was too unsure; `date`, `source` and `company` are its columns' values,
    /// empty where there are none. `memo` saves work from row to row.
    #[must_use]
    pub fn new(
        classifier: &Classifier,
        posting: Posting,
        prediction: &Prediction,
        label: Option<usize>,
        [date, source, company]: [&str; 3],
        memo: &mut Memo,
    ) -> Self {
        let text = Text::new(posting.description);
        let space = &classifier.model().content.space;
        let mut skills: Vec<u32> = space
            .analyse(&text, memo)
            .skills
            .iter()
            .map(|m| m.skill)
            .collect();
        skills.dedup();
        let name = |name: &str| name.trim().chars().take(NAME).collect();
        Self {
            label,
            title_label: prediction.title_label,
            content_label: prediction.content_label,
            text: words_hash(text.as_str()),
            month: month(date),
            source: name(source),
            company: name(company),
            skills,
        }
    }
}

/// A hash of the words of a text, whatever separates them and however they are cased.
fn words_hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    for word in text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty())
    {
        word.to_lowercase().hash(&mut hasher);
    }
    hasher.finish()
}

/// Months since the year 0 of a date that begins with year and month: `2024-05-17`, `2024/5`.
fn month(date: &str) -> Option<u32> {
    let mut numbers = date.trim().split(|c: char| !c.is_ascii_digit());
    let year = numbers
        .next()
        .filter(|y| y.len() == 4)?
        .parse::<u32>()
        .ok()?;
    let month = numbers.next()?.parse::<u32>().ok()?;
    let plausible = (1900..2200).contains(&year) && (1..=12).contains(&month);
    plausible.then(|| year * 12 + month - 1)
}

/// Counts over the rows of a labelled file. Its memory does not grow with the rows beyond
/// some 150 MB.
#[derive(Debug, Clone)]
pub struct Holdings {
    labels: Vec<String>,
    skill_names: Vec<String>,
    /// Entry of the lexicon → its place among the skills; none for duties.
    place_of: Vec<Option<usize>>,
    rows: u64,
    unlabelled: u64,
    reposts: u64,
    texts: HashSet<u64>,
    shares: Vec<u64>,
    months: BTreeMap<u32, Vec<u64>>,
    sources: Names,
    companies: Names,
    /// `demanded[skill][label]`.
    demanded: Vec<Vec<u64>>,
    /// Rows that name both skills, lower place first: a triangle, row by row.
    together: Vec<u32>,
    /// `titles[title][content]`.
    titles: Vec<Vec<u64>>,
}

impl Holdings {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(labels: &[String], lexicon: &Lexicon) -> Self {
        let mut skill_names = Vec::new();
        let mut place = |group: &str, name: &str| {
            (!group.starts_with(DUTY)).then(|| {
                skill_names.push(name.to_owned());
                skill_names.len() - 1
            })
        };
        let entries = lexicon.skills().iter();
        let place_of = entries.map(|e| place(&e.group, &e.name)).collect();
        let (n, n_labels) = (skill_names.len(), labels.len());
        Self {
            labels: labels.to_vec(),
            place_of,
            rows: 0,
            unlabelled: 0,
            reposts: 0,
            texts: HashSet::new(),
            shares: vec![0; n_labels],
            months: BTreeMap::new(),
            sources: Names::new(n_labels),
            companies: Names::new(n_labels),
            demanded: vec![vec![0; n_labels]; n],
            together: vec![0; n * n.saturating_sub(1) / 2],
            titles: vec![vec![0; n_labels]; n_labels],
            skill_names,
        }
    }

    /// Counts one row; a repost of a text that was seen before only as such.
    pub fn add(&mut self, row: &Sighting) {
        self.rows += 1;
        if self.texts.contains(&row.text) {
            self.reposts += 1;
            return;
        }
        if self.texts.len() < TEXTS {
            self.texts.insert(row.text);
        }
        if let (Some(title), Some(content)) = (row.title_label, row.content_label) {
            self.titles[title][content] += 1;
        }
        let Some(label) = row.label else {
            self.unlabelled += 1;
            return;
        };
        self.shares[label] += 1;
        if let Some(month) = row.month {
            let n = self.labels.len();
            self.months.entry(month).or_insert_with(|| vec![0; n])[label] += 1;
        }
        self.sources.add(&row.source, label);
        self.companies.add(&row.company, label);
        let skills: Vec<usize> = row
            .skills
            .iter()
            .filter_map(|&s| self.place_of.get(s as usize).copied().flatten())
            .collect();
        for (n, &b) in skills.iter().enumerate() {
            self.demanded[b][label] += 1;
            for &a in &skills[..n] {
                let pair = self.pair(a, b);
                self.together[pair] = self.together[pair].saturating_add(1);
            }
        }
    }

    fn pair(&self, a: usize, b: usize) -> usize {
        let (low, high) = (a.min(b), a.max(b));
        debug_assert!(low < high && high < self.skill_names.len());
        high * (high - 1) / 2 + low
    }

    /// The page. `confusion` is the model's, on rows that it was not trained on; without it,
    /// shares are counted but not corrected.
    #[must_use]
    pub fn page(&self, name: &str, model_id: &str, confusion: Option<&Confusion>) -> String {
        let body = html! {
            (self.summary(name))
            (self.share_table(confusion))
            (self.over_time())
            (self.by_name("source", &self.sources))
            (self.by_name("company", &self.companies))
            (self.skills())
            (self.pairs())
            (self.title_and_content())
            footer { p.dim { "Labelled by model " code { (model_id) } ", rolecall " (env!("CARGO_PKG_VERSION")) "." } }
        };
        page(
            &format!("What {name} holds"),
            self.labels.len().max(2),
            false,
            &body,
        )
    }

    fn labelled(&self) -> u64 {
        self.shares.iter().sum()
    }

    fn chip(&self, label: usize) -> Markup {
        html! { span.chip.(format!("l{label}")) { (self.labels[label]) } }
    }

    fn summary(&self, name: &str) -> Markup {
        html! {
            header {
                h1 { "What " (visible(name)) " holds" }
                p { (grouped(self.rows)) " rows: " (grouped(self.reposts)) " reposts of a text that came before, "
                    (grouped(self.labelled())) " labelled, " (grouped(self.unlabelled)) " without a label." }
                p.dim { "Reposts are counted once: everything below is about texts of different words."
                    @if self.texts.len() >= TEXTS { " Only reposts of the first " (grouped(TEXTS as u64)) " texts are known." } }
            }
        }
    }

    fn share_table(&self, confusion: Option<&Confusion>) -> Markup {
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
        let corrected = confusion.and_then(|c| prevalence::corrected(&self.shares, c));
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
                        p.dim { @match corrected {
                            Some(_) => { "Corrected: the shares that, sent through the model’s known errors, best explain the counts. Their intervals include how well the errors are known." }
                            None => { "Counted as labelled: the model’s errors are not known here, so nothing is corrected." }
                        } }
                    }
                    figure { (PreEscaped(plots::bars("Share of each label", &axis, &self.labels, &bars))) }
                }
            }
        }
    }

    fn over_time(&self) -> Markup {
        if self.months.len() < 2 {
            return html! {};
        }
        let by_year = self.months.len() > MONTHS;
        let mut times: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
        for (&month, counts) in &self.months {
            let time = if by_year { month / 12 } else { month };
            let sums = times
                .entry(time)
                .or_insert_with(|| vec![0; self.labels.len()]);
            sums.iter_mut().zip(counts).for_each(|(sum, n)| *sum += n);
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
        let dated: u64 = self.months.values().flatten().sum();
        html! {
            section {
                h2 { "Over time" }
                figure {
                    (PreEscaped(plots::curves("Share of each label over time", &x, &y, &curves, false)))
                    figcaption { (grouped(dated)) " dated postings, by " (if by_year { "year" } else { "month" }) ", with 95 % intervals." }
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
        let mut skills: Vec<usize> = (0..self.skill_names.len())
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

/// Counts per label of the most frequent names.
#[derive(Debug, Clone)]
struct Names {
    counts: HashMap<String, Vec<u64>>,
    others: Vec<u64>,
}

impl Names {
    fn new(n_labels: usize) -> Self {
        Self {
            counts: HashMap::new(),
            others: vec![0; n_labels],
        }
    }

    fn add(&mut self, name: &str, label: usize) {
        if name.is_empty() {
            return;
        }
        if let Some(counts) = self.counts.get_mut(name) {
            counts[label] += 1;
            return;
        }
        if self.counts.len() >= NAMES {
            self.forget_half();
        }
        let mut counts = vec![0; self.others.len()];
        counts[label] = 1;
        self.counts.insert(name.to_owned(), counts);
    }

    fn forget_half(&mut self) {
        let rare: Vec<String> = self.top()[NAMES / 2..]
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect();
        for name in rare {
            let counts = self.counts.remove(&name).unwrap_or_default();
            self.others
                .iter_mut()
                .zip(counts)
                .for_each(|(sum, n)| *sum += n);
        }
    }

    /// From the most frequent to the least; equals by name.
    fn top(&self) -> Vec<(&str, &Vec<u64>)> {
        let mut top: Vec<(&str, &Vec<u64>)> =
            self.counts.iter().map(|(n, c)| (n.as_str(), c)).collect();
        top.sort_by_key(|(name, counts)| (std::cmp::Reverse(counts.iter().sum::<u64>()), *name));
        top
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

/// Digits in threes: `12,345`.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let threes: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
    String::from_utf8_lossy(&threes.join(&b',')).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holdings() -> Holdings {
        let lexicon = "version = 1\n[[skill]]\nname = \"SQL\"\ngroup = \"x\"\nspellings = [\"sql\"]\n\
            [[skill]]\nname = \"runs\"\ngroup = \"duty-x\"\nspellings = [\"runs\"]\n\
            [[skill]]\nname = \"Go\"\ngroup = \"x\"\nspellings = [\"go\"]\n";
        Holdings::new(
            &["A".to_owned(), "B".to_owned()],
            &Lexicon::parse(lexicon, "small").unwrap(),
        )
    }

    fn row(text: u64, label: usize) -> Sighting {
        Sighting {
            label: Some(label),
            text,
            skills: vec![0, 1, 2],
            ..Sighting::default()
        }
    }

    #[test]
    fn reposts_are_counted_once() {
        let mut holdings = holdings();
        for text in [1, 2, 1, 1, 3] {
            holdings.add(&row(text, 0));
        }
        assert_eq!(
            (holdings.rows, holdings.reposts, holdings.labelled()),
            (5, 2, 3)
        );
        assert_eq!(words_hash("Run  SQL, daily!"), words_hash("run sql\ndaily"));
        assert_ne!(words_hash("ab c"), words_hash("a bc"));
    }

    #[test]
    fn skills_are_counted_without_duties_and_in_pairs() {
        let mut holdings = holdings();
        holdings.add(&row(1, 1));
        holdings.add(&Sighting {
            skills: vec![2],
            ..row(2, 1)
        });
        assert_eq!(holdings.skill_names, ["SQL", "Go"]);
        assert_eq!(holdings.demanded, [[0, 1], [0, 2]]);
        assert_eq!(holdings.together, [1]);
    }

    #[test]
    fn names_stay_bounded_and_none_is_lost() {
        let mut names = Names::new(2);
        for n in 0..3 * NAMES {
            names.add(&format!("name {n}"), n % 2);
            names.add("frequent", 0);
        }
        assert!(names.counts.len() <= NAMES);
        let kept: u64 = names.counts.values().flatten().sum();
        assert_eq!(kept + names.others.iter().sum::<u64>(), 6 * NAMES as u64);
        assert_eq!(names.top()[0], ("frequent", &vec![3 * NAMES as u64, 0]));
    }

    #[test]
    fn dates_are_read_by_year_and_month() {
        let check = |date: &str, expected: Option<(u32, u32)>| {
            assert_eq!(
                month(date).map(|m| (m / 12, m % 12 + 1)),
                expected,
                "{date}"
            );
        };
        check("2024-05-17", Some((2024, 5)));
        check(" 2019/12", Some((2019, 12)));
        check("2024-01-02T03:04:05Z", Some((2024, 1)));
        check("17.05.2024", None);
        check("2024-13-01", None);
        check("", None);
    }

    #[test]
    fn digits_are_grouped_in_threes() {
        assert_eq!(
            [0, 12, 999, 1000, 1_234_567].map(grouped),
            ["0", "12", "999", "1,000", "1,234,567"]
        );
    }
}
