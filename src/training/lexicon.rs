//! The skill lexicon with entries of one's own.

use toml::{Table, Value};

use crate::error::{Error, Result};
use crate::skills::Lexicon;

/// Adds the entries and sets of `extra`, TOML in the lexicon's own format, to a lexicon;
/// `origin` names it in messages. A set that both have becomes the union.
///
/// # Errors
/// [`Error::Lexicon`] when `extra` does not parse, adds nothing, or has an entry under a
/// name that is taken.
pub fn extended(lexicon: &Lexicon, extra: &str, origin: &str) -> Result<Lexicon> {
    let wrong = |reason: String| Error::Lexicon {
        origin: origin.to_owned(),
        reason,
    };
    let parse = |text: &str| text.parse::<Table>().map_err(|e| wrong(e.to_string()));
    let (mut whole, extra) = (parse(lexicon.source())?, parse(extra)?);
    if let Some(key) = extra
        .keys()
        .find(|k| !["version", "sets", "skill"].contains(&k.as_str()))
    {
        return Err(wrong(format!(
            "`{key}` is unknown; entries are written as [[skill]] with name, group and spellings or patterns"
        )));
    }
    let entries = extra
        .get("skill")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    if entries.is_empty() {
        return Err(wrong("no [[skill]] entries".to_owned()));
    }
    let skills = whole.entry("skill").or_insert(Value::Array(Vec::new()));
    if let Some(skills) = skills.as_array_mut() {
        skills.extend(entries);
    }
    let sets = whole.entry("sets").or_insert(Value::Table(Table::new()));
    for (name, words) in extra
        .get("sets")
        .and_then(Value::as_table)
        .into_iter()
        .flatten()
    {
        let known = sets
            .get(name)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let added = words.as_array().cloned().unwrap_or_default();
        if let Some(sets) = sets.as_table_mut() {
            sets.insert(name.clone(), Value::Array([known, added].concat()));
        }
    }
    let text = toml::to_string(&whole).map_err(|e| wrong(e.to_string()))?;
    Lexicon::parse(&text, origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "version = 1\n[sets]\nmodel = [\"model\"]\n[[skill]]\nname = \"SQL\"\ngroup = \"language\"\nspellings = [\"sql\"]\n";

    #[test]
    fn entries_and_sets_are_added() {
        let base = Lexicon::parse(BASE, "base").unwrap();
        let extra = "[sets]\nmodel = [\"forecast\"]\n[[skill]]\nname = \"forecasts\"\ngroup = \"duty\"\npatterns = [\"build ~ @model\"]\n";
        let both = extended(&base, extra, "extra.toml").unwrap();
        let found: Vec<u32> = both
            .find_in("build a forecast in SQL")
            .iter()
            .map(|f| f.0)
            .collect();
        assert_eq!(found, [0, 1]);
    }

    #[track_caller]
    fn check_refused(extra: &str, message: &str) {
        let base = Lexicon::parse(BASE, "base").unwrap();
        assert_eq!(
            extended(&base, extra, "x").unwrap_err().to_string(),
            message
        );
    }

    #[test]
    fn what_adds_nothing_or_clashes_is_refused() {
        check_refused("", "lexicon `x`: no [[skill]] entries");
        check_refused(
            "[[skills]]\nname = \"a\"",
            "lexicon `x`: `skills` is unknown; entries are written as [[skill]] with name, group and spellings or patterns",
        );
        check_refused(
            "[[skill]]\nname = \"sql\"\ngroup = \"g\"\nspellings = [\"s\"]",
            "lexicon `x`: two entries are named `sql`; merge them",
        );
    }
}
