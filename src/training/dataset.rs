//! From tables to labelled postings: which column is what, and which label a value means.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::labels::{self, Folding};
use crate::columns::{self, Chosen, Wishes};
use crate::error::{Error, Result};
use crate::example::{Example, Origin};
use crate::readers::records::{self, Record, Records};
use crate::readers::{self, Input, ReadOptions};
use crate::title::rules::{self, Ruled};

/// What is told about the data instead of found out.
#[derive(Debug, Clone, Default)]
pub struct DataOptions {
    /// How the files are read.
    pub read: ReadOptions,
    /// The column of the labels: a name or a number.
    pub label: Option<String>,
    /// Columns of the text, as [`Wishes::text`].
    pub text: Option<String>,
    /// Columns of the title, as [`Wishes::title`].
    pub title: Option<String>,
    /// The column whose values must not stand on both sides of a split.
    pub group: Option<String>,
    /// Labels are taken from the title by [`rules`].
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

/// Names of columns, folded as [`columns::fold`] does.
const LABEL_NAMES: [&str; 14] = [
    "label",
    "labels",
    "goldlabel",
    "truelabel",
    "gold",
    "class",
    "category",
    "target",
    "annotation",
    "jobsimp",
    "jobsimpl",
    "jobtitleshort",
    "jobrole",
    "role",
];
/// Names of label columns that often mean something else, so their values must prove it.
const DOUBTFUL_LABEL_NAMES: [&str; 2] = ["jobrole", "role"];
const GROUP_NAMES: [&str; 11] = [
    "employer",
    "employername",
    "company",
    "companyname",
    "organization",
    "organisation",
    "organizationname",
    "organisationname",
    "hiringorganization",
    "hiringorganizationname",
    "companyid",
];

/// Reads labelled postings from one or several files or directories of parts, of any
/// format that can be labelled; `-` is standard input.
///
/// # Errors
/// What [`Input::open`] says; [`Error::Data`] when a record is damaged, a column is missing
/// or named wrongly, or the column of labels cannot be one; [`Error::Training`] when an
/// option names a label that does not occur.
pub fn read<P: AsRef<Path>>(paths: &[P], options: &DataOptions) -> Result<Dataset> {
    check_consistent(options)?;
    let mut dataset = Dataset::default();
    let mut rows = 0;
    for path in paths {
        for (origin, _) in readers::inputs(path.as_ref())? {
            let mut input = Input::open(&origin, &options.read, &Arc::default())?;
            let columns = Columns::choose(&mut input, options)?;
            dataset.columns.push(columns.describe(&input));
            dataset.group = columns
                .group
                .map(|at| input.columns[at].clone())
                .or(dataset.group);
            rows += add_rows(input, &columns, options, &mut dataset)?;
        }
    }
    if dataset.examples.is_empty() {
        return Err(Error::Training(nothing_left(rows, &dataset)));
    }
    fold_labels(&mut dataset, options)?;
    Ok(dataset)
}

/// Reads postings from a file, looking for no labels.
///
/// # Errors
/// As [`read`].
pub fn read_unlabelled(path: &Path) -> Result<Vec<Example>> {
    let options = DataOptions {
        unlabelled: true,
        ..DataOptions::default()
    };
    Ok(read(&[path], &options)?.examples)
}

fn nothing_left(rows: usize, dataset: &Dataset) -> String {
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
    /// Text and title.
    posting: Chosen,
    label: Option<usize>,
    group: Option<usize>,
    id: Option<usize>,
    label_from: Option<usize>,
    confidence: Option<usize>,
    language: Option<usize>,
    source: Option<usize>,
}

impl Columns {
    fn choose(input: &mut Input, options: &DataOptions) -> Result<Self> {
        let label = if options.label_from_title || options.unlabelled {
            None
        } else {
            Some(label_column(input, options.label.as_deref())?)
        };
        let wishes = Wishes {
            text: options.text.clone(),
            title: options.title.clone(),
            label,
            ..Wishes::default()
        };
        let posting = columns::choose(input, &wishes)?;
        if options.label_from_title && posting.title.is_empty() {
            return Err(missing(input, "title", "--title"));
        }
        let names: Vec<String> = input
            .columns
            .iter()
            .map(|name| columns::fold(name))
            .collect();
        let first_of = |wanted: &[&str]| {
            wanted
                .iter()
                .find_map(|wanted| names.iter().position(|name| name == wanted))
        };
        let group = match &options.group {
            Some(name) => Some(named(input, name, "--group")?),
            None => first_of(&GROUP_NAMES),
        };
        Ok(Self {
            posting,
            label,
            group,
            id: first_of(&["id", "jobid", "postingid", "url"]),
            label_from: first_of(&["labelfrom"]),
            confidence: first_of(&["confidence", "labelconfidence"]),
            language: first_of(&["language", "lang"]),
            source: first_of(&["source", "site", "board"]),
        })
    }

    fn describe(&self, input: &Input) -> String {
        let name = |at: Option<usize>| Some(input.columns[at?].clone());
        let names = |fields: &[columns::Field]| {
            let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
            (!names.is_empty()).then(|| names.join(" + "))
        };
        let parts = [
            ("label", name(self.label)),
            ("text", names(&self.posting.text)),
            ("title", names(&self.posting.title)),
            ("group", name(self.group)),
            ("label from", name(self.label_from)),
            ("confidence", name(self.confidence)),
            ("language", name(self.language)),
            ("source", name(self.source)),
        ];
        let chosen: Vec<String> = parts
            .into_iter()
            .filter_map(|(what, name)| Some(format!("{what} = `{}`", name?)))
            .collect();
        format!("{}: {}", input.origin.name(), chosen.join(", "))
    }
}

/// The column that an option names.
fn named(input: &Input, name: &str, option: &str) -> Result<usize> {
    columns::find(&input.columns, name, option)
        .map(|field| field.column)
        .map_err(|reason| Error::Data {
            origin: input.origin.name(),
            line: None,
            reason,
        })
}

fn missing(input: &Input, what: &str, option: &str) -> Error {
    Error::Data {
        origin: input.origin.name(),
        line: None,
        reason: format!(
            "no column looks like the {what}; the columns are {}\n  name it with {option}",
            input.columns.join(", ")
        ),
    }
}

/// The column of the labels: the one asked for, or the first that is called like one. A
/// column that is called like a role must prove by its first values that it holds usual
/// spellings; one that rolecall wrote never counts.
fn label_column(input: &mut Input, asked: Option<&str>) -> Result<usize> {
    if let Some(name) = asked {
        return named(input, name, "--label-column");
    }
    let written = columns::written(&input.columns);
    let names: Vec<String> = input
        .columns
        .iter()
        .map(|name| columns::fold(name))
        .collect();
    let candidates = LABEL_NAMES
        .iter()
        .filter_map(|wanted| names.iter().position(|name| name == wanted))
        .filter(|at| !written.contains(at));
    for at in candidates {
        if !DOUBTFUL_LABEL_NAMES.contains(&names[at].as_str()) || holds_usual_labels(input, at)? {
            return Ok(at);
        }
    }
    Err(missing(input, "label", "--label-column"))
}

/// Whether half of the first values of a column, or more, are usual spellings of labels.
fn holds_usual_labels(input: &mut Input, column: usize) -> Result<bool> {
    let (mut usual, mut filled) = (0, 0);
    records::sample_first(input, 1000, |row| {
        let value = row[column].trim();
        filled += usize::from(!value.is_empty());
        usual += usize::from(labels::usual(value).is_some());
    })?;
    Ok(usual > 0 && usual * 2 >= filled)
}

/// A column with more labels than a fifth of its rows holds something else.
fn check_are_labels(
    examples: &[Example],
    origin: &str,
    column: &str,
    was_named: bool,
) -> Result<()> {
    let mut distinct: Vec<String> = examples
        .iter()
        .map(|example| labels::squashed(&example.label))
        .collect();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() <= (examples.len() / 5).max(4) {
        return Ok(());
    }
    let mut shown: Vec<&str> = examples
        .iter()
        .map(|example| example.label.as_str())
        .collect();
    shown.dedup();
    let shown: Vec<String> = shown
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
        origin: origin.to_owned(),
        line: None,
        reason: format!(
            "column `{column}` holds {} different values in {} rows ({}, …), so it is no column of labels\n  {advice}",
            distinct.len(),
            examples.len(),
            shown.join(", ")
        ),
    })
}

/// Adds the rows of a file that can be used; gives how many it has.
fn add_rows(
    input: Input,
    columns: &Columns,
    options: &DataOptions,
    dataset: &mut Dataset,
) -> Result<usize> {
    let origin = input.origin.name();
    let label_name = columns.label.map(|at| input.columns[at].clone());
    let before = dataset.examples.len();
    let mut rows = 0;
    for record in Records::of(input, columns.posting.clone()) {
        rows += 1;
        match example(record?, columns, options, &origin) {
            Ok(example) => dataset.examples.push(example),
            Err(why) => match dataset.left_out.iter_mut().find(|(known, _)| known == why) {
                Some((_, sum)) => *sum += 1,
                None => dataset.left_out.push((why.to_owned(), 1)),
            },
        }
    }
    if let Some(name) = label_name {
        let added = &dataset.examples[before..];
        check_are_labels(added, &origin, &name, options.label.is_some())?;
    }
    Ok(rows)
}

/// A row as an example, or why it cannot be used.
fn example(
    record: Record,
    columns: &Columns,
    options: &DataOptions,
    origin: &str,
) -> std::result::Result<Example, &'static str> {
    let field = |column: Option<usize>| column.map_or("", |at| record.value(at).trim()).to_owned();
    let mut label_origin = match field(columns.label_from).as_str() {
        "reading" => Origin::Reading,
        "title" => Origin::Title,
        _ => Origin::Unknown,
    };
    let mut label = field(columns.label);
    if options.label_from_title {
        label_origin = Origin::Title;
        label = match rules::label(record.title.trim()) {
            Ruled::Label(label) => label.to_owned(),
            Ruled::Ambiguous => return Err("with a title that names several roles"),
            Ruled::Blank => return Err("without a title"),
        };
    }
    if label.is_empty() && columns.label.is_some() {
        return Err("without a label");
    }
    if record.text.trim().is_empty() {
        return Err("without text");
    }
    let certainty = field(columns.confidence).parse().ok().filter(|c| *c <= 3);
    Ok(Example {
        label,
        origin: label_origin,
        certainty: certainty.unwrap_or(0),
        language: field(columns.language),
        group: columns
            .group
            .map_or(String::new(), |at| record.value(at).to_owned()),
        id: field(columns.id),
        source: field(columns.source),
        place: format!("{origin}:{}", record.line),
        title: record.title,
        description: record.text,
    })
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

    /// Reads a CSV file of these columns and rows.
    fn read_rows(columns: &[&str], rows: &[&[&str]], options: &DataOptions) -> Result<Dataset> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.csv");
        let mut writer = csv::Writer::from_path(&path).unwrap();
        writer.write_record(columns).unwrap();
        for row in rows {
            writer.write_record(*row).unwrap();
        }
        writer.flush().unwrap();
        read(&[&path], options)
    }

    /// What is said, without the directory.
    fn plain(message: &str) -> String {
        let at = message.find("t.csv").unwrap_or(0);
        let start = message[..at].rfind('`').map_or(0, |tick| tick + 1);
        format!("{}{}", &message[..start], &message[at..])
    }

    #[track_caller]
    fn check_columns(columns: &[&str], row: &[&str], expected: &str) {
        let rows = vec![row; 30];
        let dataset = read_rows(columns, &rows, &DataOptions::default()).unwrap();
        assert_eq!(plain(&dataset.columns[0]), format!("t.csv: {expected}"));
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
            &["class", "text", "requirements", "role"],
            &["a", "long", "much", "Sales"],
            "label = `class`, text = `text + requirements`, title = `role`",
        );
    }

    #[track_caller]
    fn check_refused(columns: &[&str], rows: &[&[&str]], options: &DataOptions, message: &str) {
        let error = read_rows(columns, rows, options).unwrap_err();
        assert_eq!(plain(&error.to_string()), message);
    }

    #[test]
    fn what_rolecall_wrote_is_no_label() {
        check_refused(
            &["description", "role", "role_DS", "role_status", "model_id"],
            &[&["text", "DS", "0.9", "ok", "abc"]],
            &DataOptions::default(),
            "`t.csv`: no column looks like the label; the columns are description, role, role_DS, role_status, model_id\n  name it with --label-column",
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
            "`t.csv`: there is no column `categroy` for --label-column; did you mean `category`?\n  the columns are `description`, `category`",
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
            "cannot train: none of the 3 rows can be used: 2 without text, 1 without a label",
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
        let dataset = read_rows(&["text", "label"], &rows, &options).unwrap();
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
        let dataset = read_rows(&["title", "text"], &rows, &options).unwrap();
        let labels: Vec<&str> = dataset.examples.iter().map(|e| e.label.as_str()).collect();
        assert_eq!(labels, ["DS", "Other"]);
        assert!(dataset.examples.iter().all(|e| e.origin == Origin::Title));
        assert_eq!(dataset.left_out.len(), 2);
    }
}
