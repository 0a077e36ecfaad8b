//! Which column holds the title, which the text, and why.

use strsim::osa_distance;

use crate::error::{Error, Result};
use crate::readers::Input;

/// Names of title columns, the preferred first, folded as [`fold`] does.
const TITLES: [&str; 8] = [
    "title",
    "jobtitle",
    "position",
    "designation",
    "role",
    "titleraw",
    "positiontitle",
    "jobname",
];

/// Names of text columns, the preferred first. The plain and HTML descriptions of Ashby
/// stand at the end: where both are, the first that says something is read.
const TEXTS: [&str; 17] = [
    "jobdescription",
    "descriptiontext",
    "description",
    "jobsummary",
    "jd",
    "jdtext",
    "jobdescriptiontext",
    "desc",
    "body",
    "content",
    "posting",
    "descriptionplain",
    "descriptionhtml",
    "postingtext",
    "jobtext",
    "fulldescription",
    "text",
];

/// More text, joined to the main one.
const MORE: [&str; 5] = [
    "requirements",
    "responsibilities",
    "qualifications",
    "skillsdesc",
    "jobskills",
];

/// Lever names its title `text` and cuts its ad in three.
const LEVER: [(&str, &[&str]); 3] = [
    ("descriptionPlain", &[]),
    ("lists", &["content"]),
    ("additionalPlain", &[]),
];

/// Names of columns that say when a posting was published, the preferred first.
const DATES: [&str; 18] = [
    "dateposted",
    "posteddate",
    "postingdate",
    "postedat",
    "publishedat",
    "datepublished",
    "publicationdate",
    "firstpublished",
    "originallistedtime",
    "listedtime",
    "listingdate",
    "jobposteddate",
    "date",
    "posted",
    "published",
    "createdat",
    "created",
    "updatedat",
];

/// Names of columns that say where a posting was found.
const SOURCES: [&str; 7] = [
    "source",
    "site",
    "board",
    "jobboard",
    "platform",
    "via",
    "jobportal",
];

/// Names of columns that say who hires.
const COMPANIES: [&str; 9] = [
    "company",
    "companyname",
    "employer",
    "employername",
    "hiringorganization",
    "organization",
    "organisation",
    "organizationname",
    "organisationname",
];

/// Words that say that a column, however long its values, is no ad.
const NEVER: [&str; 8] = [
    "company",
    "employer",
    "profile",
    "length",
    "benefit",
    "url",
    "link",
    "recruiter",
];

/// How many column names a message lists.
const LISTED: usize = 40;

/// A name as it is compared: trimmed, in lower case, without `_`, `-` and spaces.
#[must_use]
pub fn fold(name: &str) -> String {
    let folded = name
        .trim()
        .chars()
        .filter(|c| !matches!(c, '_' | '-' | ' '));
    folded.flat_map(char::to_lowercase).collect()
}

/// Where a part of a posting stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The name as it was asked for or found.
    pub name: String,
    /// Index of the column.
    pub column: usize,
    /// The way into a JSON value of that column.
    pub path: Vec<String>,
    /// The column to read where this one is empty.
    pub otherwise: Option<usize>,
}

/// What is asked for instead of found by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Columns of the text: names, numbers from 1 or dotted paths, joined by commas.
    pub text: Option<String>,
    /// Columns of the title.
    pub title: Option<String>,
    /// No column is the title.
    pub ignore_title: bool,
    /// Columns that an earlier labelling wrote are to be replaced.
    pub replace: bool,
    /// The column that holds labels, which is therefore no title.
    pub label: Option<usize>,
}

/// The columns of an input and what they are for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chosen {
    /// The text; several are joined by blank lines.
    pub text: Vec<Field>,
    /// The title; empty where there is none.
    pub title: Vec<Field>,
    /// Columns that rolecall wrote.
    pub written: Vec<usize>,
    /// What was chosen and why, one line each.
    pub reasons: Vec<String>,
}

/// Chooses among the columns of an input.
///
/// # Errors
/// [`Error::Data`] that lists the columns, where a column asked for does not exist or no
/// text column is found.
pub fn choose(input: &mut Input, wishes: &Wishes) -> Result<Chosen> {
    let names = input.columns.clone();
    let written = written(&names);
    let search = Search {
        names: &names,
        folded: names.iter().map(|n| fold(n)).collect(),
        written: &written,
    };
    let fail = |reason: String| Error::Data {
        origin: input.origin.name(),
        line: None,
        reason,
    };
    if names.is_empty() {
        let reason =
            "its first records are no objects with named values, so there is no text to find";
        return Err(fail(reason.to_owned()));
    }
    let mut reasons = Vec::new();
    let lever = search.is_lever();
    let text = match &wishes.text {
        Some(asked) => {
            reasons.push(format!("text: {asked} (--text)"));
            search.asked(asked, "--text").map_err(fail)?
        }
        None if lever => {
            reasons.push(
                "text: descriptionPlain + lists[].content + additionalPlain (a Lever feed)"
                    .to_owned(),
            );
            search.lever()
        }
        None => {
            let Some(found) = search.text(&mut reasons) else {
                let reason = search.no_text(wishes.label, &mean_lengths(input)?);
                return Err(Error::Data {
                    origin: input.origin.name(),
                    line: None,
                    reason,
                });
            };
            found
        }
    };
    let title = match &wishes.title {
        _ if wishes.ignore_title => {
            reasons.push("title: none (--ignore-title)".to_owned());
            Vec::new()
        }
        Some(asked) => {
            reasons.push(format!("title: {asked} (--title)"));
            search.asked(asked, "--title").map_err(fail)?
        }
        None if lever => {
            reasons.push("title: text (a Lever feed)".to_owned());
            search.by_name("text").into_iter().collect()
        }
        None => search.title(&text, wishes.label, &mut reasons),
    };
    Ok(Chosen {
        text,
        title,
        written,
        reasons,
    })
}

/// Where it stands when a posting was published, where it was found, and who hires; each
/// one field, or none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// The date.
    pub date: Vec<Field>,
    /// The board or feed.
    pub source: Vec<Field>,
    /// The company.
    pub company: Vec<Field>,
}

/// Finds by their names the columns of date, source and company. Where values may be
/// `objects`, a company's own name is read out of one.
#[must_use]
pub fn about(names: &[String], objects: bool) -> About {
    let search = Search {
        names,
        folded: names.iter().map(|n| fold(n)).collect(),
        written: &written(names),
    };
    let first = |wanted: &[&str]| -> Vec<Field> {
        let column = wanted.iter().find_map(|name| search.find(name));
        column
            .map(|column| search.field(column))
            .into_iter()
            .collect()
    };
    let mut company = first(&COMPANIES);
    if objects {
        for field in &mut company {
            field.path = vec!["name".to_owned()];
            field.otherwise = Some(field.column);
        }
    }
    About {
        date: first(&DATES),
        source: first(&SOURCES),
        company,
    }
}

/// Finds one column by name, number or dotted path.
///
/// # Errors
/// What is wrong, with the columns that there are; `option` is named in it.
pub fn find(names: &[String], asked: &str, option: &str) -> std::result::Result<Field, String> {
    let search = Search {
        names,
        folded: names.iter().map(|n| fold(n)).collect(),
        written: &[],
    };
    search.one(asked, option)
}

/// The columns that rolecall wrote: `model_id`, and what stands before it from `role` on,
/// all with the same prefix.
pub(crate) fn written(names: &[String]) -> Vec<usize> {
    let mut written = Vec::new();
    for (last, name) in names.iter().enumerate() {
        let Some(prefix) = name.strip_suffix("model_id") else {
            continue;
        };
        let is = |i: usize, wanted: &str| {
            names[i]
                .strip_prefix(prefix)
                .is_some_and(|rest| rest == wanted)
        };
        let status = (0..last).rev().find(|&i| is(i, "role_status"));
        let first = (0..last).rev().find(|&i| is(i, "role"));
        if let (Some(_), Some(first)) = (status, first) {
            written.extend(first..=last);
        }
    }
    written
}

struct Search<'a> {
    names: &'a [String],
    folded: Vec<String>,
    written: &'a [usize],
}

impl Search<'_> {
    fn field(&self, column: usize) -> Field {
        Field {
            name: self.names[column].trim().to_owned(),
            column,
            path: Vec::new(),
            otherwise: None,
        }
    }

    fn find(&self, wanted: &str) -> Option<usize> {
        (0..self.names.len()).find(|i| self.folded[*i] == wanted && !self.written.contains(i))
    }

    fn by_name(&self, name: &str) -> Option<Field> {
        let is = |i: &usize| self.names[*i] == name && !self.written.contains(i);
        (0..self.names.len())
            .find(is)
            .map(|column| self.field(column))
    }

    fn is_lever(&self) -> bool {
        let has = |name: &str| self.by_name(name).is_some();
        has("text") && !has("title") && (has("descriptionPlain") || has("lists"))
    }

    fn lever(&self) -> Vec<Field> {
        let field = |(name, path): &(&str, &[&str])| {
            let mut field = self.by_name(name)?;
            field.path = path.iter().map(|p| (*p).to_owned()).collect();
            Some(field)
        };
        LEVER.iter().filter_map(field).collect()
    }

    fn text(&self, reasons: &mut Vec<String>) -> Option<Vec<Field>> {
        let mut candidates = TEXTS.iter().filter_map(|name| self.find(name));
        let column = candidates.next()?;
        let mut main = self.field(column);
        let mut reason = format!("text: {} (by its name", main.name);
        let others: Vec<usize> = candidates.collect();
        if self.folded[column] == "descriptionplain"
            && let Some(html) = others
                .iter()
                .find(|i| self.folded[**i] == "descriptionhtml")
        {
            main.otherwise = Some(*html);
            reason += &format!("; where it is empty, {}", self.names[*html]);
        } else if !others.is_empty() {
            let names: Vec<&str> = others.iter().map(|i| self.names[*i].trim()).collect();
            reason += &format!("; preferred to {}", names.join(", "));
        }
        self.note_twin(column, &mut reason);
        reasons.push(reason + ")");
        let mut text = vec![main];
        for column in MORE.iter().filter_map(|name| self.find(name)) {
            text.push(self.field(column));
        }
        if text.len() > 1 {
            let more: Vec<&str> = text[1..].iter().map(|f| f.name.as_str()).collect();
            reasons.push(format!("more text: {} (by name)", more.join(", ")));
        }
        Some(text)
    }

    fn title(&self, text: &[Field], label: Option<usize>, reasons: &mut Vec<String>) -> Vec<Field> {
        let mut candidates = TITLES
            .iter()
            .filter_map(|name| self.find(name))
            .filter(|column| label != Some(*column));
        let Some(column) = candidates.find(|c| text.iter().all(|t| t.column != *c)) else {
            reasons.push("title: none found; the text alone is judged".to_owned());
            return Vec::new();
        };
        let field = self.field(column);
        let mut reason = format!("title: {} (by its name", field.name);
        self.note_twin(column, &mut reason);
        reasons.push(reason + ")");
        vec![field]
    }

    /// Two columns of one name are told apart by number.
    fn note_twin(&self, column: usize, reason: &mut String) {
        let twin = (column + 1..self.names.len()).find(|i| self.names[*i] == self.names[column]);
        if let Some(twin) = twin {
            *reason += &format!(
                "; column {} of the columns {} and {} of that name",
                column + 1,
                column + 1,
                twin + 1
            );
        }
    }

    fn asked(&self, asked: &str, option: &str) -> std::result::Result<Vec<Field>, String> {
        if let Ok(field) = self.one(asked, option) {
            return Ok(vec![field]);
        }
        asked
            .split(',')
            .map(|one| self.one(one.trim(), option))
            .collect()
    }

    fn one(&self, asked: &str, option: &str) -> std::result::Result<Field, String> {
        let mut exact = (0..self.names.len()).filter(|i| self.names[*i].trim() == asked);
        if let Some(column) = exact.next() {
            if let Some(twin) = exact.next() {
                return Err(format!(
                    "the columns {} and {} are both named `{asked}`; give {option} the number of one",
                    column + 1,
                    twin + 1
                ));
            }
            return Ok(self.field(column));
        }
        if let Ok(number) = asked.parse::<usize>() {
            return if (1..=self.names.len()).contains(&number) {
                Ok(self.field(number - 1))
            } else {
                Err(format!(
                    "there is no column {number} for {option}; there are {}",
                    self.names.len()
                ))
            };
        }
        let folded = fold(asked);
        if let Some(column) = self.folded.iter().position(|n| *n == folded) {
            return Ok(self.field(column));
        }
        let dotted = asked.replace("[]", "");
        for (dot, _) in dotted.rmatch_indices('.') {
            if let Some(column) = self.names.iter().position(|n| *n == dotted[..dot]) {
                let mut field = self.field(column);
                asked.clone_into(&mut field.name);
                field.path = dotted[dot + 1..].split('.').map(str::to_owned).collect();
                return Ok(field);
            }
        }
        let nearest = self.nearest(&folded);
        let meant = nearest.map_or(String::new(), |n| format!("; did you mean `{n}`?"));
        Err(format!(
            "there is no column `{asked}` for {option}{meant}\n  the columns are {}",
            self.list()
        ))
    }

    /// A name that holds the one asked for or is held by it; else one with few letters
    /// different.
    fn nearest(&self, folded: &str) -> Option<&str> {
        let filled = || (0..self.names.len()).filter(|i| !self.folded[*i].is_empty());
        let contains = |i: &usize| {
            let name = self.folded[*i].as_str();
            name.contains(folded) || folded.contains(name)
        };
        let distance = |i: &usize| osa_distance(&self.folded[*i], folded);
        let misspelt = || filled().filter(|i| distance(i) <= 2).min_by_key(distance);
        let column = filled().find(contains).or_else(misspelt)?;
        Some(self.names[column].trim())
    }

    fn list(&self) -> String {
        let names: Vec<String> = self
            .names
            .iter()
            .take(LISTED)
            .map(|n| format!("`{}`", n.trim()))
            .collect();
        let more = self.names.len().saturating_sub(LISTED);
        let rest = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        names.join(", ") + &rest
    }

    fn no_text(&self, label: Option<usize>, lengths: &[usize]) -> String {
        let may = |i: &usize| {
            label != Some(*i)
                && !self.written.contains(i)
                && !NEVER.iter().any(|word| self.folded[*i].contains(word))
        };
        let longest = (0..self.names.len())
            .filter(may)
            .max_by_key(|i| (lengths.get(*i).copied().unwrap_or(0), std::cmp::Reverse(*i)));
        let advice = match longest {
            Some(column) if lengths.get(column).is_some_and(|n| *n > 0) => format!(
                "; `{}` has the longest values: --text {}",
                self.names[column].trim(),
                quoted(self.names[column].trim(), column)
            ),
            _ => "; name one with --text".to_owned(),
        };
        format!(
            "none of its columns is known to hold the text of an ad{advice}\n  the columns are {}",
            self.list()
        )
    }
}

/// A column as it can be typed after an option.
fn quoted(name: &str, column: usize) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-.".contains(c);
    if name.is_empty() || name.contains(['\'', ',', '\n']) {
        (column + 1).to_string()
    } else if name.chars().all(plain) {
        name.to_owned()
    } else {
        format!("'{name}'")
    }
}

/// Mean length of the values of each column in the first records.
fn mean_lengths(input: &mut Input) -> Result<Vec<usize>> {
    let mut lengths = vec![0; input.columns.len()];
    crate::readers::records::sample_first(input, 100, |row| {
        for (sum, value) in lengths.iter_mut().zip(row) {
            *sum += value.len();
        }
    })?;
    Ok(lengths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &str) -> Vec<String> {
        list.split(',').map(str::to_owned).collect()
    }

    #[track_caller]
    fn check(columns: &str, expected: &[&str]) {
        let names = names(columns);
        let written = written(&names);
        let search = Search {
            names: &names,
            folded: names.iter().map(|n| fold(n)).collect(),
            written: &written,
        };
        let mut reasons = Vec::new();
        if let Some(text) = search.text(&mut reasons) {
            search.title(&text, None, &mut reasons);
        }
        assert_eq!(reasons, expected);
    }

    #[test]
    fn columns_are_found_by_name() {
        check(
            "id,Job Title,job_description,company_description",
            &[
                "text: job_description (by its name)",
                "title: Job Title (by its name)",
            ],
        );
        check(
            "description,description_text, TITLE ",
            &[
                "text: description_text (by its name; preferred to description)",
                "title: TITLE (by its name)",
            ],
        );
        check(
            "title,description,Requirements,job-skills",
            &[
                "text: description (by its name)",
                "more text: Requirements, job-skills (by name)",
                "title: title (by its name)",
            ],
        );
        check(
            "company_description,company_profile,description_length",
            &[],
        );
        check(
            "text,description,description,role,role_status,model_id",
            &[
                "text: description (by its name; preferred to text; column 2 of the columns 2 and 3 of that name)",
                "title: none found; the text alone is judged",
            ],
        );
    }

    #[test]
    fn date_source_and_company_are_found_by_name() {
        let about = about(
            &names("Company Name,created_at,Date Posted,site,role"),
            false,
        );
        let found = [&about.date, &about.source, &about.company];
        assert_eq!(found.map(|f| f[0].column), [2, 3, 0]);
        assert_eq!(super::about(&names("a,b"), false), About::default());
    }

    #[test]
    fn what_rolecall_wrote_is_known_by_the_model_id_beside_it() {
        assert_eq!(
            written(&names(
                "role,title,x_role,x_role_ds,x_role_status,x_model_id"
            )),
            [2, 3, 4, 5]
        );
        assert_eq!(written(&names("role,role_status,model")), [0; 0]);
        check(
            "role,lists,role_status,model_id,text,description",
            &[
                "text: description (by its name; preferred to text)",
                "title: none found; the text alone is judged",
            ],
        );
    }

    #[track_caller]
    fn check_missing(columns: &str, lengths: &[usize], expected: &str) {
        let names = names(columns);
        let search = Search {
            names: &names,
            folded: names.iter().map(|n| fold(n)).collect(),
            written: &[],
        };
        assert_eq!(search.no_text(None, lengths), expected);
    }

    #[test]
    fn without_a_text_column_one_is_suggested() {
        check_missing(
            "a,full ad,company_profile",
            &[3, 800, 900],
            "none of its columns is known to hold the text of an ad; `full ad` has the longest values: --text 'full ad'\n  the columns are `a`, `full ad`, `company_profile`",
        );
    }

    #[test]
    fn columns_are_asked_for_by_name_number_and_path() {
        let names = names("id,Job Title,job,a,a");
        let found = |asked: &str| find(&names, asked, "--text").map(|f| (f.column, f.path));
        assert_eq!(found("job_title"), Ok((1, vec![])));
        assert_eq!(found("3"), Ok((2, vec![])));
        assert_eq!(
            found("job.lists[].content"),
            Ok((2, vec!["lists".to_owned(), "content".to_owned()]))
        );
        assert_eq!(
            found("a").unwrap_err(),
            "the columns 4 and 5 are both named `a`; give --text the number of one"
        );
        assert_eq!(
            found("job titel").unwrap_err(),
            "there is no column `job titel` for --text; did you mean `job`?\n  the columns are `id`, `Job Title`, `job`, `a`, `a`"
        );
        assert_eq!(
            found("di").unwrap_err(),
            "there is no column `di` for --text; did you mean `id`?\n  the columns are `id`, `Job Title`, `job`, `a`, `a`"
        );
        assert_eq!(
            found("9").unwrap_err(),
            "there is no column 9 for --text; there are 5"
        );
    }
}
