//! What a labelled file holds, counted row by row in bounded memory.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::duplicates;
use crate::posting::Posting;
use crate::prediction::Prediction;
use crate::skills::{Lexicon, SkillMatch};
use crate::text::Text;

/// Texts remembered to know a repost by; later reposts count as new.
pub(crate) const TEXTS: usize = 4 << 20;
/// Names of sources or companies kept apart; past that, the rarer half goes to the others.
const NAMES: usize = 20_000;
/// Characters kept of a name.
const NAME: usize = 60;
/// Groups of the lexicon whose name begins so hold duties, which are no skills.
const DUTY: &str = "duty-";
/// Skills whose co-occurrence is counted: the first of the lexicon.
pub(crate) const PAIRED: usize = 2000;
/// Seconds of a day.
const DAY: i64 = 86_400;

/// One labelled row, as it is counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sighting {
    /// The label given, if any.
    pub label: Option<usize>,
    /// The most probable label, where the posting could be judged at all.
    pub judged: Option<usize>,
    /// What the title alone says.
    pub title_label: Option<usize>,
    /// What the description alone says.
    pub content_label: Option<usize>,
    /// The same for postings of the same words; 0 for one without words.
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
    /// prediction was too unsure; `skills` were found in the description, sorted; `date`,
    /// `source` and `company` are empty where there are none.
    #[must_use]
    pub fn new(
        posting: Posting,
        prediction: &Prediction,
        label: Option<usize>,
        skills: &[SkillMatch],
        [date, source, company]: [&str; 3],
    ) -> Self {
        let mut skills: Vec<u32> = skills.iter().map(|m| m.skill).collect();
        skills.dedup();
        let name = |name: &str| name.trim().chars().take(NAME).collect();
        Self {
            label,
            judged: prediction.label,
            title_label: prediction.title_label,
            content_label: prediction.content_label,
            text: identity(posting),
            month: month(date),
            source: name(source),
            company: name(company),
            skills,
        }
    }
}

/// The identity of the description's words, or of the title's where it has none.
fn identity(posting: Posting) -> u64 {
    match duplicates::identity(&Text::new(posting.description)) {
        0 => duplicates::identity(&Text::new(posting.title.unwrap_or_default())),
        identity => identity,
    }
}

/// Months since the year 0 of a date: `2024-05-17`, `2024/5`, `17.05.2024`, `May 17, 2024`,
/// or seconds or milliseconds since 1970. What leaves open which number is the month, as
/// `05/04/2024`, is no date.
fn month(date: &str) -> Option<u32> {
    let date = date.trim();
    if let Some(month) = since_1970(date) {
        return Some(month);
    }
    let parts: Vec<&str> = date
        .split(|c: char| !c.is_alphanumeric())
        .filter(|p| !p.is_empty())
        .take(4)
        .collect();
    let number = |part: &str| part.parse::<u32>().ok();
    let is_year = |part: &&&str| part.len() == 4 && number(part).is_some();
    let year = number(parts.iter().find(is_year)?)?;
    let named = parts.iter().find_map(|part| named_month(part));
    let written = match parts[..] {
        [first, second, ..] if is_year(&&first) => number(second).filter(|_| second.len() <= 2),
        [day, second, year, ..] if date.contains('.') && day.len() <= 2 && is_year(&&year) => {
            number(second)
        }
        _ => None,
    };
    let month = named.or(written)?;
    let plausible = (1900..2200).contains(&year) && (1..=12).contains(&month);
    plausible.then(|| year * 12 + month - 1)
}

/// 1 to 12 for a month by its English name or its first three letters.
fn named_month(name: &str) -> Option<u32> {
    const NAMES: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let name = name.to_ascii_lowercase();
    let is = |full: &&str| name.len() >= 3 && full.starts_with(&name);
    (1..).zip(NAMES).find(|(_, full)| is(full)).map(|(n, _)| n)
}

/// The month of seconds or milliseconds since 1970, as programs write dates.
fn since_1970(number: &str) -> Option<u32> {
    let whole = number.split('.').next().unwrap_or_default();
    let is_number = number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if !is_number || !(9..=13).contains(&whole.len()) {
        return None;
    }
    let number: i64 = whole.parse().ok()?;
    let days = number / if whole.len() > 10 { 1000 * DAY } else { DAY };
    // Years of 365.2425 days from 1 March of the year 0 on (Richards 2013).
    let days = days + 719_468;
    let era_day = days % 146_097;
    let year_of_era = (era_day - era_day / 1460 + era_day / 36_524 - era_day / 146_096) / 365;
    let day_of_year = era_day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let months = (year_of_era + days / 146_097 * 400) * 12 + month_from_march + 2;
    u32::try_from(months).ok()
}

/// Counts over the rows of a labelled file. Its memory does not grow with the rows beyond
/// some 150 MB.
#[derive(Debug, Clone, PartialEq)]
pub struct Holdings {
    pub(crate) labels: Vec<String>,
    pub(crate) skill_names: Vec<String>,
    /// Entry of the lexicon → its place among the skills; none for duties.
    place_of: Vec<Option<usize>>,
    pub(crate) rows: u64,
    /// Rows that could not be read.
    pub(crate) errors: u64,
    pub(crate) unlabelled: u64,
    pub(crate) reposts: u64,
    pub(crate) texts: HashSet<u64>,
    /// Rows by the label given.
    pub(crate) shares: Vec<u64>,
    /// Rows by their most probable label, those too unsure to be given one included.
    pub(crate) judged: Vec<u64>,
    /// How many of these were judged by a title too.
    pub(crate) titled: u64,
    pub(crate) months: BTreeMap<u32, Vec<u64>>,
    pub(crate) sources: Names,
    pub(crate) companies: Names,
    /// `demanded[skill][label]`.
    pub(crate) demanded: Vec<Vec<u64>>,
    /// Rows that name both skills, lower place first: a triangle, row by row.
    pub(crate) together: Vec<u32>,
    /// `titles[title][content]`.
    pub(crate) titles: Vec<Vec<u64>>,
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
            errors: 0,
            unlabelled: 0,
            reposts: 0,
            texts: HashSet::new(),
            shares: vec![0; n_labels],
            judged: vec![0; n_labels],
            titled: 0,
            months: BTreeMap::new(),
            sources: Names::new(n_labels),
            companies: Names::new(n_labels),
            demanded: vec![vec![0; n_labels]; n],
            together: vec![0; n.min(PAIRED) * n.min(PAIRED).saturating_sub(1) / 2],
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
        if row.text != 0 && self.texts.len() < TEXTS {
            self.texts.insert(row.text);
        }
        if let Some(judged) = row.judged {
            self.judged[judged] += 1;
            self.titled += u64::from(row.title_label.is_some());
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
            for &a in skills[..n].iter().filter(|a| b.max(**a) < PAIRED) {
                let pair = self.pair(a, b);
                self.together[pair] = self.together[pair].saturating_add(1);
            }
        }
    }

    /// Counts rows that could not be read.
    pub fn add_errors(&mut self, n: u64) {
        self.rows += n;
        self.errors += n;
    }

    /// Where two skills are counted together.
    pub(crate) fn pair(&self, a: usize, b: usize) -> usize {
        let (low, high) = (a.min(b), a.max(b));
        debug_assert!(low < high && high < self.skill_names.len());
        high * (high - 1) / 2 + low
    }

    /// Rows that were given a label, reposts left out.
    #[must_use]
    pub fn labelled(&self) -> u64 {
        self.shares.iter().sum()
    }
}

/// Counts per label of the most frequent names.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Names {
    counts: HashMap<String, Vec<u64>>,
    pub(crate) others: Vec<u64>,
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
    pub(crate) fn top(&self) -> Vec<(&str, &Vec<u64>)> {
        let mut top: Vec<(&str, &Vec<u64>)> =
            self.counts.iter().map(|(n, c)| (n.as_str(), c)).collect();
        top.sort_by_key(|(name, counts)| (std::cmp::Reverse(counts.iter().sum::<u64>()), *name));
        top
    }
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
        holdings.add(&row(0, 0));
        holdings.add(&row(0, 0));
        assert_eq!((holdings.reposts, holdings.labelled()), (2, 5));
        let id = |title, text| identity(Posting::titled(title, text));
        assert_eq!(
            id("a", "Run  <b>SQL</b>, daily!"),
            id("b", "run sql\ndaily")
        );
        assert_eq!(id("Baker", " "), id("baker", ""));
        assert_ne!(id("", "ab c"), id("", "a bc"));
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
        check("17.05.2024 10:00", Some((2024, 5)));
        check("May 17, 2024", Some((2024, 5)));
        check("3 Sept 2021", Some((2021, 9)));
        check("0", None);
        check("1709164800", Some((2024, 2)));
        check("1709251199999.0", Some((2024, 2)));
        check("1709251200000", Some((2024, 3)));
        check("05/04/2024", None);
        check("2024-13-01", None);
        check("yesterday", None);
        check("", None);
    }
}
