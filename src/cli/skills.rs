//! `rolecall skills`: what the lexicon contains, and what an ad names.

use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde_json::json;
use unicode_width::UnicodeWidthStr;

use super::{Outcome, name_of, output, read_input, warn, write_whole};
use crate::ad::Ad;
use crate::skills::{Lexicon, Skill};
use crate::text::Text;
use crate::training::dataset;

/// List the skill lexicon, or the skills that an ad names
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// File with an ad; `-` is standard input. Without it, the lexicon is listed
    file: Option<PathBuf>,
    /// Print a JSON array of objects with name, group, count and spans
    #[arg(long)]
    json: bool,
    /// Use this lexicon file instead of the one inside the program
    #[arg(long, value_name = "FILE")]
    lexicon: Option<PathBuf>,
    /// Count in how many postings of this CSV file each entry is found, and write the counts into the lexicon file
    #[arg(
        long,
        value_name = "DATA",
        requires = "lexicon",
        conflicts_with = "file"
    )]
    count: Option<PathBuf>,
    /// Refuse larger inputs
    #[arg(long, value_name = "N", default_value_t = 8 << 20)]
    max_bytes: u64,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let lexicon = lexicon(arguments)?;
    match (&arguments.file, &arguments.count, &arguments.lexicon) {
        (Some(file), ..) => {
            let ad = Ad::read(&read_input(file, arguments.max_bytes)?, &name_of(file))?;
            ad.warnings.iter().for_each(|warning| warn(warning));
            print_found(&found_in(&lexicon, &ad), arguments.json)
        }
        (None, Some(data), Some(path)) => count(&lexicon, data, path),
        _ => print_lexicon(&lexicon, arguments.json),
    }
}

fn lexicon(arguments: &Arguments) -> crate::Result<Lexicon> {
    match &arguments.lexicon {
        None => Lexicon::shipped(),
        Some(path) => {
            let bytes = read_input(path, arguments.max_bytes)?;
            Lexicon::parse(&String::from_utf8_lossy(&bytes), &name_of(path))
        }
    }
}

/// A skill and the places where an ad names it.
struct Found<'a> {
    skill: &'a Skill,
    spans: Vec<Range<usize>>,
}

fn found_in<'a>(lexicon: &'a Lexicon, ad: &Ad) -> Vec<Found<'a>> {
    let text = Text::new(&ad.description);
    let source = |span: &Range<usize>| {
        let span = text.source_span(span.clone());
        span.start + ad.offset..span.end + ad.offset
    };
    let found = lexicon.find_in(text.as_str());
    let mut skills: Vec<Found> = found
        .chunk_by(|a, b| a.0 == b.0)
        .map(|run| Found {
            skill: &lexicon.skills()[run[0].0 as usize],
            spans: run.iter().map(|(_, span)| source(span)).collect(),
        })
        .collect();
    skills.sort_by(|a, b| {
        b.spans
            .len()
            .cmp(&a.spans.len())
            .then_with(|| a.skill.name.cmp(&b.skill.name))
    });
    skills
}

fn print_found(found: &[Found], as_json: bool) -> Outcome {
    let mut out = output();
    if as_json {
        let objects: Vec<_> = found
            .iter()
            .map(|f| {
                json!({
                    "name": f.skill.name,
                    "group": f.skill.group,
                    "count": f.spans.len(),
                    "spans": f.spans.iter().map(|s| [s.start, s.end]).collect::<Vec<_>>(),
                })
            })
            .collect();
        writeln!(out, "{}", serde_json::Value::from(objects))?;
    } else {
        let rows = found.iter().map(|f| {
            [
                f.skill.name.clone(),
                f.skill.group.clone(),
                f.spans.len().to_string(),
            ]
        });
        print_table(
            ["skill", "group", "count"],
            &rows.collect::<Vec<_>>(),
            &mut out,
        )?;
    }
    Ok(out.flush()?)
}

fn print_lexicon(lexicon: &Lexicon, as_json: bool) -> Outcome {
    let mut out = output();
    if as_json {
        let objects: Vec<_> = lexicon
            .skills()
            .iter()
            .map(|s| {
                json!({
                    "name": s.name, "group": s.group, "spellings": s.spellings, "patterns": s.patterns,
                    "articles": s.articles, "postings": s.postings,
                })
            })
            .collect();
        writeln!(out, "{}", serde_json::Value::from(objects))?;
    } else {
        let row = |s: &Skill| {
            [
                s.name.clone(),
                s.group.clone(),
                s.postings.to_string(),
                s.articles.join(", "),
            ]
        };
        print_table(
            ["skill", "group", "postings", "articles"],
            &lexicon.skills().iter().map(row).collect::<Vec<_>>(),
            &mut out,
        )?;
    }
    Ok(out.flush()?)
}

/// Columns padded to their widest cell.
fn print_table<const N: usize>(
    head: [&str; N],
    rows: &[[String; N]],
    out: &mut impl Write,
) -> std::io::Result<()> {
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].width())
            .chain([head[column].width()])
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let bold = anstyle::Style::new().bold();
    let line = |row: [&str; N]| {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell}{}", " ".repeat(width - cell.width())))
            .collect();
        cells.join("  ").trim_end().to_owned()
    };
    writeln!(out, "{bold}{}{bold:#}", line(head))?;
    rows.iter()
        .try_for_each(|row| writeln!(out, "{}", line(row.each_ref().map(String::as_str))))
}

/// Writes into the lexicon file in how many postings each entry is found.
fn count(lexicon: &Lexicon, data: &Path, path: &Path) -> Outcome {
    let mut counts = vec![0_i64; lexicon.skills().len()];
    for example in dataset::read_unlabelled(data)? {
        let text = Text::new(&example.description);
        let found = lexicon.find_in(text.as_str());
        found
            .chunk_by(|a, b| a.0 == b.0)
            .for_each(|run| counts[run[0].0 as usize] += 1);
    }
    let wrong = |reason: String| crate::Error::Lexicon {
        origin: name_of(path),
        reason,
    };
    let mut document: toml_edit::DocumentMut = lexicon
        .source()
        .parse()
        .map_err(|e: toml_edit::TomlError| wrong(e.to_string()))?;
    let entries = document["skill"]
        .as_array_of_tables_mut()
        .ok_or_else(|| wrong("no [[skill]] entries".to_owned()))?;
    for (entry, count) in entries.iter_mut().zip(&counts) {
        entry["postings"] = toml_edit::value(*count);
    }
    let never = counts.iter().filter(|n| **n == 0).count();
    write_whole(path, document.to_string().as_bytes())?;
    tell!(
        "{} entries counted, {never} of them never found",
        counts.len()
    );
    Ok(())
}
