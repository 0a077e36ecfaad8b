//! `rolecall bench` as a stranger uses it.
#![cfg(feature = "cli")]

mod command;

use std::path::Path;
use std::process::Output;

use command::{rolecall, run, text};
use serde_json::Value;

const POSTINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/datasets/postings.csv");

fn bench(arguments: &[&str]) -> Output {
    let arguments = [&["bench"], arguments].concat();
    run(rolecall(Path::new("."), &arguments), b"")
}

/// A file of a few postings.
fn few(directory: &tempfile::TempDir, name: &str, content: &str) -> String {
    let path = directory.path().join(name);
    std::fs::write(&path, content).unwrap();
    path.display().to_string()
}

const CSV: &str = "title,description\n\
    Data Scientist,You frame business questions with A/B tests and build regression models in Python and SQL.\n\
    ML Engineer,\"You train and serve ranking models, and optimise them for latency.\"\n";

#[track_caller]
fn check_positive(value: &Value) {
    assert!(value.as_f64().is_some_and(|n| n > 0.0), "{value}");
}

#[test]
fn the_json_is_complete_and_adds_up() {
    let output = bench(&[POSTINGS, "--seconds", "0", "--threads", "2", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
    let bench: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(bench["version"], env!("CARGO_PKG_VERSION"));
    let input = &bench["inputs"][0];
    assert_eq!(input["input"], POSTINGS);
    assert_eq!(input["format"], "CSV");
    assert_eq!(
        (&input["made"], &input["whole"]),
        (&false.into(), &true.into())
    );
    assert_eq!(input["postings"], 132);
    let size = std::fs::metadata(POSTINGS).unwrap().len();
    let header = "id,title,description,label,employer\n".len() as u64;
    assert_eq!(input["bytes"], size - header);
    let threads: Vec<&Value> = input["label"].as_array().unwrap().iter().collect();
    assert_eq!(
        (
            threads.len(),
            &threads[0]["threads"],
            &threads[1]["threads"]
        ),
        (2, &1.into(), &2.into())
    );
    for line in threads {
        let seconds = &line["seconds"];
        assert_eq!(seconds["runs"], 3);
        let (least, median, most) = (&seconds["least"], &seconds["median"], &seconds["most"]);
        assert!(
            least.as_f64() <= median.as_f64() && median.as_f64() <= most.as_f64(),
            "{line}"
        );
        let rate = 132.0 / median.as_f64().unwrap();
        assert!((line["postings_per_s"].as_f64().unwrap() - rate).abs() < 1e-6 * rate);
        check_positive(&line["mb_per_s"]);
    }
    let stages = input["stages"].as_array().unwrap();
    let names: Vec<&str> = stages.iter().filter_map(|s| s["stage"].as_str()).collect();
    assert_eq!(
        names,
        [
            "read", "text", "tokens", "features", "model", "language", "write", "other"
        ]
    );
    let shares: f64 = stages.iter().filter_map(|s| s["share"].as_f64()).sum();
    assert!((shares - 1.0).abs() < 1e-9, "{shares}");
    for latency in [&input["next_ad"], &input["first_ad"]] {
        check_positive(&latency["median_us"]);
        assert!(latency["median_us"].as_f64() <= latency["p99_us"].as_f64());
    }
    let start = &bench["start_up"];
    for value in [
        &start["open_model_ms"],
        &start["version_ms"],
        &start["classify_ms"],
    ] {
        check_positive(value);
    }
    if cfg!(target_os = "linux") {
        check_positive(&bench["peak_memory"]);
    }
    let model = &bench["model"];
    let classifier = rolecall::Classifier::embedded().unwrap();
    assert_eq!(model["id"], classifier.model_id());
    assert_eq!(model["labels"], classifier.labels().len());
    for value in [&model["bytes"], &model["features"], &model["program_bytes"]] {
        check_positive(value);
    }
}

#[test]
fn the_table_names_inputs_stages_and_sizes() {
    let directory = tempfile::tempdir().unwrap();
    let csv = few(&directory, "a.csv", CSV);
    let line =
        r#"{"title":"MLOps Engineer","description":"You run the feature store and Kubernetes."}"#;
    let json = few(&directory, "b.jsonl", &format!("{line}\nno JSON\n"));
    let output = bench(&[&csv, &json, "--seconds", "0", "--threads", "1"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let table = text(&output.stdout);
    assert!(
        table.starts_with(&format!("{csv}: CSV, 2 postings, 0.0 MB\n\nlabel ")),
        "{table}"
    );
    assert!(
        table.contains(&format!("\n{json}: JSON Lines, 1 postings, 0.0 MB\n")),
        "{table}"
    );
    for line in [
        "1 thread ",
        "features ",
        "other ",
        "after others ",
        "the first ",
        "open the model ",
        "program ",
    ] {
        assert!(table.contains(line), "{line}: {table}");
    }
    assert!(!table.contains("2 threads"), "{table}");
    assert!(!table.contains('\u{1b}'), "no colours under NO_COLOR");
}

#[track_caller]
fn check_refused(arguments: &[&str], message: &str) {
    let output = bench(arguments);
    assert_eq!(text(&output.stderr), format!("error: {message}\n"));
    assert_eq!(text(&output.stdout), "");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn bad_inputs_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    check_refused(
        &["missing.csv"],
        "cannot read `missing.csv`: No such file or directory (os error 2)",
    );
    check_refused(
        &["-"],
        "`standard input`: it can be read only once, and measuring reads it again and again; save it to a file first",
    );
    let broken = few(&directory, "broken.csv", "title,description\none\ntwo\n");
    check_refused(
        &[&broken, "--seconds", "0"],
        &format!(
            "`{broken}`: no posting in it can be read; `rolecall label` says what is wrong with each"
        ),
    );
    let empty = few(&directory, "empty.csv", "");
    check_refused(
        &[&empty],
        &format!("`{empty}`: it is empty; there are no postings in it"),
    );
    let csv = few(&directory, "a.csv", CSV);
    check_refused(
        &[&csv, "--text", "jd"],
        &format!(
            "`{csv}`: there is no column `jd` for --text\n  the columns are `title`, `description`"
        ),
    );
    check_refused(
        &[&csv, "--threads", "0"],
        "--threads 0 is not from 1 to 1024",
    );
    check_refused(
        &[&csv, "--seconds", "5000"],
        "invalid value '5000' for '--seconds <SECONDS>': give a number of seconds from 0 to 3600\n\nFor more information, try '--help'.",
    );
    check_refused(
        &[&csv, "--model", &csv],
        &format!(
            "`{csv}` is not a rolecall model: its first line is not `rolecall-model 1`\n  give a file that `rolecall train … -o FILE` wrote"
        ),
    );
}
