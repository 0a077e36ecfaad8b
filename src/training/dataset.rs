//! From tables to labelled postings: which column is what, and which label a value means.

use std::collections::BTreeMap;
use std::path::Path;

use super::labels::{self, Folding};
use super::table::{self, Table};
use super::title_rules::{self, Ruled};
use super::{Example, Origin};
use crate::error::{Error, Result};

/// What is told about the data instead of found out. Columns are named by their header.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DataOptions {
    /// The column of the labels.
    pub label: Option<String>,
    /// The column of the text.
    pub text: Option<String>,
    /// The column of the title.
    pub title: Option<String>,
    /// The column whose values must not stand on both sides of a split.
    pub group: Option<String>,
    /// Labels are taken from the title by [`title_rules`].
    pub label_from_title: bool,
    /// Labels to rename: (as written, to).
    pub map: Vec<(String, String)>,
    /// Labels whose rows are left out.
    pub drop: Vec<String>,
    /// Labels are not looked for; all stay empty.
    pub unlabelled: bool,
}

/// Labelled postings, and how they came to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dataset {
    /// The postings, in the order of the files.
    pub examples: Vec<Example>,
    /// Which columns were chosen, a line for every file.
    pub columns: Vec<String>,
    /// Written values that were folded or mapped: (value, label, rows).
    pub folded: Vec<(String, String, usize)>,
    /// Rows left out: (why, rows).
    pub left_out: Vec<(String, usize)>,
    /// Whether the rows say who must not be parted: the name of that column.
    pub group: Option<String>,
}

const LABEL_NAMES: [&str; 14] = [
    "label",
    "labels",
    "gold label",
    "true label",
    "gold",
    "class",
    "category",
    "target",
    "annotation",
    "job simp",
    "job simpl",
    "job title short",
    "job role",
    "role",
];
/// Names of label columns that often mean something else, so their values must prove it.
const DOUBTFUL_LABEL_NAMES: [&str; 2] = ["job role", "role"];
const TEXT_NAMES: [&str; 16] = [
    "job description",
    "description text",
    "description",
    "job summary",
    "jd",
    "jd text",
    "job description text",
    "desc",
    "body",
    "content",
    "posting",
    "text",
    "job text",
    "full description",
    "description plain",
    "jobdescription",
];
const TITLE_NAMES: [&str; 8] = [
    "title",
    "job title",
    "jobtitle",
    "position",
    "designation",
    "title raw",
    "position title",
    "job name",
];
const GROUP_NAMES: [&str; 12] = [
    "employer",
    "employer name",
    "company",
    "company name",
    "companyname",
    "organization",
    "organisation",
    "organization name",
    "organisation name",
    "hiring organization",
    "hiring organization name",
    "company id",
];

/// Columns that `rolecall label` appends beside `model_id`.
fn is_rolecalls(name: &str) -> bool {
    name == "role" || name.starts_with("role ") || name == "title role" || name == "model id"
}

/// A column's name as names are compared: lower case, words apart.
fn folded(name: &str) -> String {
    let words: Vec<&str> = name
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" ").to_lowercase()
}

/// Reads labelled postings from one or several files.
///
/// # Errors
/// What [`table::read`] says; [`Error::Data`] when a column is missing or named wrongly,
/// or the column of labels cannot be one; [`Error::Training`] when an option names a label
/// that does not occur.
pub fn read<P: AsRef<Path>>(paths: &[P], options: &DataOptions) -> Result<Dataset> {
    let tables = paths
        .iter()
        .map(|path| table::read(path.as_ref()))
        .collect::<Result<Vec<Table>>>()?;
    from_tables(&tables, options)
}

/// Labelled postings from tables that were read already.
///
/// # Errors
/// As [`read`].
pub fn from_tables(tables: &[Table], options: &DataOptions) -> Result<Dataset> {
    check_consistent(options)?;
    let mut dataset = Dataset::default();
    for table in tables {
        let columns = Columns::choose(table, options)?;
        dataset.columns.push(columns.describe(table));
        dataset.group = columns
            .group
            .map(|at| table.columns[at].clone())
            .or(dataset.group);
        add_rows(table, &columns, options, &mut dataset);
    }
    if dataset.examples.is_empty() {
        return Err(Error::Training(nothing_left(tables, &dataset)));
    }
    fold_labels(&mut dataset, options)?;
    Ok(dataset)
}

fn nothing_left(tables: &[Table], dataset: &Dataset) -> String {
    let rows: usize = tables.iter().map(|table| table.rows.len()).sum();
    if rows == 0 {
        return "the data has a header and no rows".to_owned();
    }
    let why: Vec<String> = dataset
        .left_out
        .iter()
        .map(|(why, n)| format!("{n} {why}"))
        .collect();
    format!("none of the {rows} rows can be used: {}", why.join(", "))
}

fn check_consistent(options: &DataOptions) -> Result<()> {
    if options.label_from_title && options.label.is_some() {
        return Err(Error::Training(
            "labels can come from a column or from the title; give --label-column or --label-from-title".to_owned(),
        ));
    }
    for (from, to) in &options.map {
        if options.drop.contains(from) {
            return Err(Error::Training(format!(
                "`{from}` is both mapped to `{to}` and dropped; give one of --map and --drop-label"
            )));
        }
    }
    Ok(())
}

/// Which column is what, as positions.
#[derive(Debug, Clone, Default)]
struct Columns {
    label: Option<usize>,
    text: Option<usize>,
    title: Option<usize>,
    group: Option<usize>,
    id: Option<usize>,
    label_from: Option<usize>,
    confidence: Option<usize>,
    language: Option<usize>,
    source: Option<usize>,
}

impl Columns {
    fn choose(table: &Table, options: &DataOptions) -> Result<Self> {
        let names: Vec<String> = table.columns.iter().map(|name| folded(name)).collect();
        let first_of = |wanted: &[&str]| {
            wanted
                .iter()
                .find_map(|wanted| names.iter().position(|name| name == wanted))
        };
        let given = |name: &Option<String>, wanted: &[&str]| match name {
            Some(name) => named(table, name).map(Some),
            None => Ok(first_of(wanted)),
        };
        let mut columns = Self {
            label: None,
            text: given(&options.text, &TEXT_NAMES)?,
            title: given(&options.title, &TITLE_NAMES)?,
            group: given(&options.group, &GROUP_NAMES)?,
            id: first_of(&["id", "job id", "jobid", "posting id", "url"]),
            label_from: first_of(&["label from"]),
            confidence: first_of(&["confidence", "label confidence"]),
            language: first_of(&["language", "lang"]),
            source: first_of(&["source", "site", "board"]),
        };
        columns.text = columns.text.or_else(|| longest_column(table));
        if columns.text.is_none() {
            return Err(missing(table, "text", "--text-column"));
        }
        if options.label_from_title && columns.title.is_none() {
            return Err(missing(table, "title", "--title-column"));
        }
        if !options.label_from_title {
            columns.label = match &options.label {
                Some(name) => Some(named(table, name)?),
                None => label_column(table, &names),
            };
            if columns.label.is_none() && !options.unlabelled {
                return Err(missing(table, "label", "--label-column"));
            }
        }
        if options.unlabelled {
            columns.label = None;
        }
        if let Some(label) = columns.label {
            check_is_label_column(table, label, options.label.is_some())?;
        }
        Ok(columns)
    }

    fn describe(&self, table: &Table) -> String {
        let parts = [
            ("label", self.label),
            ("text", self.text),
            ("title", self.title),
            ("group", self.group),
            ("label from", self.label_from),
            ("confidence", self.confidence),
            ("language", self.language),
            ("source", self.source),
        ];
        let chosen: Vec<String> = parts
            .iter()
            .filter_map(|(what, at)| Some(format!("{what} = `{}`", table.columns[(*at)?])))
            .collect();
        format!("{}: {}", table.origin, chosen.join(", "))
    }
}

/// The column of a name that was given.
fn named(table: &Table, name: &str) -> Result<usize> {
    let found = table
        .columns
        .iter()
        .position(|column| column == name)
        .or_else(|| table.columns.iter().position(|c| folded(c) == folded(name)));
    found.ok_or_else(|| {
        let known = table.columns.iter().map(String::as_str);
        let meant = labels::near_miss(name, known)
            .map(|meant| format!("; did you mean `{meant}`?"))
            .unwrap_or_default();
        Error::Data {
            origin: table.origin.clone(),
            line: Some(1),
            reason: format!(
                "no column `{name}`; the columns are {}{meant}",
                listed(table)
            ),
        }
    })
}

fn listed(table: &Table) -> String {
    table.columns.join(", ")
}

fn missing(table: &Table, what: &str, option: &str) -> Error {
    Error::Data {
        origin: table.origin.clone(),
        line: Some(1),
        reason: format!(
            "no column looks like the {what}; the columns are {}\n  name it with {option}",
            listed(table)
        ),
    }
}

/// The column with the longest values, when they are as long as ads are.
fn longest_column(table: &Table) -> Option<usize> {
    let mean = |at: usize| {
        let bytes: usize = table.rows.iter().map(|row| row.fields[at].len()).sum();
        bytes / table.rows.len().max(1)
    };
    (0..table.columns.len())
        .map(|at| (mean(at), at))
        .max()
        .filter(|(mean, _)| *mean >= 100)
        .map(|(_, at)| at)
}

/// The first column that is called like a label; one that is called like a role only when
/// most of its values are usual spellings; never one that rolecall wrote.
fn label_column(table: &Table, names: &[String]) -> Option<usize> {
    let rolecall_wrote = names.iter().any(|name| name == "model id");
    let proves_itself = |at: usize| {
        let written = || {
            let values = table.rows.iter().map(|row| row.fields[at].as_str());
            values.filter(|value| !value.trim().is_empty())
        };
        let usual = written().filter(|v| labels::usual(v).is_some()).count();
        usual > 0 && usual * 2 >= written().count()
    };
    LABEL_NAMES
        .iter()
        .filter_map(|wanted| names.iter().position(|name| name == wanted))
        .find(|&at| {
            let name = names[at].as_str();
            !(rolecall_wrote && is_rolecalls(name))
                && (!DOUBTFUL_LABEL_NAMES.contains(&name) || proves_itself(at))
        })
}

/// A column with more labels than a fifth of its rows holds something else.
fn check_is_label_column(table: &Table, label: usize, was_named: bool) -> Result<()> {
    let mut distinct: Vec<String> = table
        .rows
        .iter()
        .map(|row| labels::squashed(&row.fields[label]))
        .filter(|value| !value.is_empty())
        .collect();
    let filled = distinct.len();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() <= (filled / 5).max(4) {
        return Ok(());
    }
    let mut examples: Vec<&str> = table
        .rows
        .iter()
        .map(|row| row.fields[label].trim())
        .filter(|value| !value.is_empty())
        .collect();
    examples.dedup();
    let examples: Vec<String> = examples
        .iter()
        .take(3)
        .map(|value| format!("`{}`", value.chars().take(40).collect::<String>()))
        .collect();
    let advice = if was_named {
        "name the column of the labels with --label-column"
    } else {
        "name the right one with --label-column, or take labels from the title with --label-from-title"
    };
    Err(Error::Data {
        origin: table.origin.clone(),
        line: None,
        reason: format!(
            "column `{}` holds {} different values in {filled} rows ({}, …), so it is no column of labels\n  {advice}",
            table.columns[label],
            distinct.len(),
            examples.join(", ")
        ),
    })
}

fn add_rows(table: &Table, columns: &Columns, options: &DataOptions, dataset: &mut Dataset) {
    let mut left_out: BTreeMap<&'static str, usize> = BTreeMap::new();
    for row in &table.rows {
        let field = |column: Option<usize>| {
            column
                .map(|at| row.fields[at].trim())
                .unwrap_or_default()
                .to_owned()
        };
        let title = field(columns.title);
        let mut origin = match field(columns.label_from).as_str() {
            "reading" => Origin::Reading,
            "title" => Origin::Title,
            _ => Origin::Unknown,
        };
        let mut label = field(columns.label);
        if options.label_from_title {
            origin = Origin::Title;
            label = match title_rules::label(&title) {
                Ruled::Label(label) => label.to_owned(),
                Ruled::Ambiguous => {
                    *left_out
                        .entry("with a title that names several roles")
                        .or_default() += 1;
                    continue;
                }
                Ruled::Blank => {
                    *left_out.entry("without a title").or_default() += 1;
                    continue;
                }
            };
        }
        if label.is_empty() && columns.label.is_some() {
            *left_out.entry("without a label").or_default() += 1;
            continue;
        }
        let description = columns
            .text
            .map(|at| row.fields[at].clone())
            .unwrap_or_default();
        if description.trim().is_empty() {
            *left_out.entry("without text").or_default() += 1;
            continue;
        }
        dataset.examples.push(Example {
            title: columns
                .title
                .map(|at| row.fields[at].clone())
                .unwrap_or_default(),
            description,
            label,
            origin,
            certainty: field(columns.confidence)
                .parse()
                .ok()
                .filter(|c| *c <= 3)
                .unwrap_or(0),
            language: field(columns.language),
            group: columns
                .group
                .map(|at| row.fields[at].clone())
                .unwrap_or_default(),
            id: field(columns.id),
            source: field(columns.source),
            place: format!("{}:{}", table.origin, row.line),
        });
    }
    for (why, n) in left_out {
        match dataset.left_out.iter_mut().find(|(known, _)| known == why) {
            Some((_, sum)) => *sum += n,
            None => dataset.left_out.push((why.to_owned(), n)),
        }
    }
}

/// Maps, folds and drops labels, in this order.
fn fold_labels(dataset: &mut Dataset, options: &DataOptions) -> Result<()> {
    let counts = counts(&dataset.examples);
    let folding = Folding::new(&counts);
    let same = |a: &str, b: &str| {
        a == b || folding.label(a) == b || labels::squashed(a) == labels::squashed(b)
    };
    let wanted = options.map.iter().map(|(from, _)| ("--map", from));
    for (option, asked) in wanted.chain(options.drop.iter().map(|d| ("--drop-label", d))) {
        if !counts.keys().any(|value| same(value, asked)) {
            let known: Vec<&str> = counts.keys().map(|value| folding.label(value)).collect();
            return Err(unknown_label(option, asked, known));
        }
    }
    let label_of = |value: &str| -> Option<String> {
        let mapped = options.map.iter().find(|(from, _)| same(value, from));
        let label = match mapped {
            Some((_, to)) => labels::usual(to).unwrap_or(to).to_owned(),
            None => folding.label(value).to_owned(),
        };
        let dropped = options.drop.iter().any(|d| same(value, d) || *d == label);
        (!dropped).then_some(label)
    };
    for (value, &n) in &counts {
        match label_of(value) {
            Some(label) if label != *value => dataset.folded.push((value.clone(), label, n)),
            Some(_) => {}
            None => dataset
                .left_out
                .push((format!("labelled `{value}` and dropped"), n)),
        }
    }
    dataset
        .examples
        .retain_mut(|example| match label_of(&example.label) {
            Some(label) => {
                example.label = label;
                true
            }
            None => false,
        });
    Ok(())
}

fn unknown_label(option: &str, asked: &str, mut known: Vec<&str>) -> Error {
    known.dedup();
    let meant = labels::near_miss(asked, known.iter().copied())
        .map(|meant| format!("; did you mean `{meant}`?"))
        .unwrap_or_default();
    let shown = if known.len() > 12 {
        format!("{}, … ({} in all)", known[..12].join(", "), known.len())
    } else {
        known.join(", ")
    };
    Error::Training(format!(
        "{option} names `{asked}`, which labels no row; the labels are {shown}{meant}"
    ))
}

/// How many rows carry each label.
#[must_use]
pub fn counts(examples: &[Example]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for example in examples {
        *counts.entry(example.label.clone()).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::table::Row;

    fn table(columns: &[&str], rows: &[&[&str]]) -> Table {
        Table {
            origin: "t.csv".to_owned(),
            columns: columns.iter().map(|&c| c.to_owned()).collect(),
            rows: (2..)
                .zip(rows)
                .map(|(line, fields)| Row {
                    line,
                    fields: fields.iter().map(|&f| f.to_owned()).collect(),
                })
                .collect(),
        }
    }

    #[track_caller]
    fn check_columns(columns: &[&str], row: &[&str], expected: &str) {
        let rows = vec![row; 30];
        let dataset = from_tables(&[table(columns, &rows)], &DataOptions::default()).unwrap();
        assert_eq!(dataset.columns, [format!("t.csv: {expected}")]);
    }

    #[test]
    fn columns_are_found_by_name() {
        check_columns(
            &["Job_Title", "Job Description", "Company Name", "job_simp"],
            &["DS", "text", "Acme", "data scientist"],
            "label = `job_simp`, text = `Job Description`, title = `Job_Title`, group = `Company Name`",
        );
        check_columns(
            &["role", "jd"],
            &["ML Engineer", "text"],
            "label = `role`, text = `jd`",
        );
        check_columns(
            &["class", "notes"],
            &["a", &"long ".repeat(30)],
            "label = `class`, text = `notes`",
        );
    }

    #[track_caller]
    fn check_refused(columns: &[&str], rows: &[&[&str]], options: &DataOptions, message: &str) {
        let error = from_tables(&[table(columns, rows)], options).unwrap_err();
        assert_eq!(error.to_string(), message);
    }

    #[test]
    fn what_rolecall_wrote_is_no_label() {
        check_refused(
            &["description", "role", "role_DS", "model_id"],
            &[&["text", "DS", "0.9", "abc"]],
            &DataOptions::default(),
            "`t.csv`, line 1: no column looks like the label; the columns are description, role, role_DS, model_id\n  name it with --label-column",
        );
    }

    #[test]
    fn wrong_columns_are_refused_with_what_was_found() {
        let named = |name: &str| DataOptions {
            label: Some(name.to_owned()),
            ..DataOptions::default()
        };
        check_refused(
            &["description", "category"],
            &[&["text", "DS"]],
            &named("categroy"),
            "`t.csv`, line 1: no column `categroy`; the columns are description, category; did you mean `category`?",
        );
        let ids: Vec<[String; 2]> = (0..40)
            .map(|n| ["text".to_owned(), format!("id-{n}")])
            .collect();
        let rows: Vec<[&str; 2]> = ids.iter().map(|r| [r[0].as_str(), r[1].as_str()]).collect();
        let rows: Vec<&[&str]> = rows.iter().map(<[&str; 2]>::as_slice).collect();
        check_refused(
            &["description", "label"],
            &rows,
            &DataOptions::default(),
            "`t.csv`: column `label` holds 40 different values in 40 rows (`id-0`, `id-1`, `id-2`, …), so it is no column of labels\n  name the right one with --label-column, or take labels from the title with --label-from-title",
        );
        check_refused(
            &["description", "label"],
            &[],
            &DataOptions::default(),
            "cannot train: the data has a header and no rows",
        );
        check_refused(
            &["description", "label"],
            &[&["", "DS"], &["  ", "MLE"], &["text", ""]],
            &DataOptions::default(),
            "cannot train: none of the 3 rows can be used: 1 without a label, 2 without text",
        );
    }

    #[test]
    fn labels_are_folded_mapped_and_dropped() {
        let rows: [&[&str]; 5] = [
            &["a", "data_science"],
            &["b", "Applied Scientist"],
            &["c", "nurse"],
            &["d", "MLOps"],
            &["e", ""],
        ];
        let options = DataOptions {
            map: vec![("applied scientist".to_owned(), "Data Scientist".to_owned())],
            drop: vec!["Nurse".to_owned()],
            ..DataOptions::default()
        };
        let dataset = from_tables(&[table(&["text", "label"], &rows)], &options).unwrap();
        let labels: Vec<&str> = dataset.examples.iter().map(|e| e.label.as_str()).collect();
        assert_eq!(labels, ["DS", "DS", "MLOps"]);
        assert_eq!(
            dataset.left_out,
            [
                ("without a label".to_owned(), 1),
                ("labelled `nurse` and dropped".to_owned(), 1)
            ]
        );
        let unknown = DataOptions {
            drop: vec!["Nurze".to_owned()],
            ..DataOptions::default()
        };
        check_refused(
            &["text", "label"],
            &rows,
            &unknown,
            "cannot train: --drop-label names `Nurze`, which labels no row; the labels are Applied Scientist, MLOps, DS, nurse; did you mean `nurse`?",
        );
    }

    #[test]
    fn titles_can_give_the_labels() {
        let rows: [&[&str]; 4] = [
            &["Data Scientist", "a"],
            &["", "b"],
            &["Data Scientist / ML Engineer", "c"],
            &["Nurse", "d"],
        ];
        let options = DataOptions {
            label_from_title: true,
            ..DataOptions::default()
        };
        let dataset = from_tables(&[table(&["title", "text"], &rows)], &options).unwrap();
        let labels: Vec<&str> = dataset.examples.iter().map(|e| e.label.as_str()).collect();
        assert_eq!(labels, ["DS", "Other"]);
        assert!(dataset.examples.iter().all(|e| e.origin == Origin::Title));
        assert_eq!(dataset.left_out.len(), 2);
    }
}
