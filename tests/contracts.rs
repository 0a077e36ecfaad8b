//! What other programs build on: documented, and pinned here.

mod command;

use std::collections::BTreeSet;

use command::{DS, HEADER, files, label, rolecall, run, text};
use serde_json::Value;

const README: &str = include_str!("../README.md");

/// The names in backticks in the first column of the table that follows `heading`.
fn documented(heading: &str) -> Vec<String> {
    let (_, behind) = README
        .split_once(heading)
        .expect("the README has this heading");
    let table = behind.lines().skip_while(|l| !l.starts_with("| ")).skip(2);
    let first = table.map_while(|l| l.strip_prefix("| ")?.split_once(" |"));
    let ticked = |(cell, _): (&str, &str)| -> Vec<String> {
        cell.split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect()
    };
    first.flat_map(ticked).collect()
}

#[test]
fn the_answer_in_json_has_the_documented_keys() {
    let directory = files(&[("ad.txt", DS.as_bytes())]);
    let output = run(
        rolecall(directory.path(), &["classify", "ad.txt", "--json"]),
        b"",
    );
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let keys: Vec<&String> = answer.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        documented("`--json` prints one object")
            .iter()
            .collect::<Vec<_>>()
    );
    assert!(answer["label"].is_string() && answer["status"] == "ok");
    for number in ["confidence", "margin"] {
        assert!(
            answer[number]
                .as_f64()
                .is_some_and(|n| (0.0..=1.0).contains(&n))
        );
    }
    let probabilities = answer["probabilities"].as_object().unwrap();
    assert_eq!(
        probabilities.keys().collect::<Vec<_>>(),
        ["DS", "MLE", "MLOps", "Other"]
    );
    let evidence = answer["evidence"][0].as_object().unwrap();
    let keys: Vec<&String> = evidence.keys().collect();
    assert_eq!(keys, ["term", "kind", "count", "contribution", "spans"]);
}

#[test]
fn labelled_rows_have_the_documented_columns() {
    let input = format!("{HEADER}\n1,Data Scientist,{DS}\n");
    let directory = files(&[("in.csv", input.as_bytes())]);
    let output = label(
        directory.path(),
        &["in.csv", "--format", "jsonl", "-q"],
        b"",
    );
    let row: Value = serde_json::from_slice(&output.stdout).unwrap();
    let keys: Vec<&str> = row
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(keys[..3], ["id", "title", "description"]);
    let documented = documented("with these appended:");
    let listed: Vec<&str> = keys[3..]
        .iter()
        .copied()
        .filter(|key| !["role_mlops", "role_other"].contains(key))
        .collect();
    assert_eq!(
        listed, documented,
        "role_mlops and role_other are the dots behind role_mle"
    );
    for key in [
        "role",
        "title_role",
        "role_language",
        "role_status",
        "model_id",
    ] {
        assert!(row[key].is_string() || row[key].is_null(), "{key}");
    }
    for key in [
        "role_confidence",
        "role_margin",
        "role_ds",
        "role_mle",
        "role_mlops",
        "role_other",
    ] {
        assert!(
            row[key].as_f64().is_some_and(|n| (0.0..=1.0).contains(&n)),
            "{key}"
        );
    }
    let wrong = label(
        directory.path(),
        &["-", "-q", "--max-rejects", "1"],
        b"{\"description\":1}\nno\n",
    );
    let lines: Vec<Value> = text(&wrong.stdout)
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(lines[1]["role_raw"], "no");
    assert_eq!(lines[1]["role"], Value::Null);
}

#[test]
fn every_limit_is_documented() {
    let directory = files(&[]);
    let help = text(&run(rolecall(directory.path(), &["label", "--help"]), b"").stdout);
    let (_, limits) = help
        .split_once("Limits:")
        .expect("limits have a heading of their own");
    let words = limits.split(|c: char| c.is_whitespace() || "<>".contains(c));
    let flags: BTreeSet<&str> = words.filter(|w| w.starts_with("--max-")).collect();
    let documented: Vec<String> = documented("**No input takes it down.**");
    assert_eq!(flags, documented.iter().map(String::as_str).collect());
}

#[test]
fn every_dependency_is_named_with_what_it_is_for() {
    let manifest: toml::Table = include_str!("../Cargo.toml").parse().unwrap();
    let (_, built_with) = README.split_once("## Built with").unwrap();
    let (table, _) = built_with.split_once("\n\nAll of them").unwrap();
    let words: BTreeSet<&str> = table.split([' ', ',', ';', '|', '\n']).collect();
    let of_unix = &manifest["target"]["cfg(unix)"];
    for section in [&manifest["dependencies"], &of_unix["dependencies"]] {
        for name in section.as_table().unwrap().keys() {
            assert!(
                words.contains(name.as_str()),
                "the README does not say what {name} is for"
            );
        }
    }
    let minimum = manifest["package"]["rust-version"].as_str().unwrap();
    assert!(README.contains(&format!("the minimum Rust version, {minimum},")));
    assert!(README.contains(&format!("You need Rust {minimum} or later")));
}
