//! `rolecall label` as a stranger uses it: every format, every option, every bad input.
#![cfg(feature = "cli")]

mod command;

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use command::{DS, HEADER, files, label, names, pack, rolecall, text};

const APPENDED: &str = "role,role_confidence,role_margin,role_ds,role_mle,role_mlops,role_other,title_role,role_language,role_status,model_id";

fn read(directory: &tempfile::TempDir, name: &str) -> String {
    std::fs::read_to_string(directory.path().join(name)).unwrap()
}

fn model_id() -> String {
    rolecall::Classifier::embedded()
        .unwrap()
        .model_id()
        .to_owned()
}

/// Labels `in.csv` quietly; gives the output without the columns of numbers.
#[track_caller]
fn roles(input: &str, arguments: &[&str], code: i32) -> Vec<String> {
    let directory = files(&[("in.csv", input.as_bytes())]);
    let output = label(
        directory.path(),
        &[&["in.csv", "-q"], arguments].concat(),
        b"",
    );
    assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
    let mut rows = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(&output.stdout[..]);
    rows.records()
        .map(|row| row.unwrap().iter().collect::<Vec<_>>().join("|"))
        .collect()
}

#[test]
fn every_byte_of_a_row_stays_and_the_verdict_follows() {
    let input =
        format!("{HEADER}\r\n1,\"Data, \"\"Scientist\"\"\",\"{DS}\r\n2nd line\"\r\n\r\n2,,\"x\"");
    let directory = files(&[("in.csv", input.as_bytes())]);
    let output = label(directory.path(), &["in.csv", "-o", "out.csv"], b"");
    assert_eq!(output.status.code(), Some(0));
    let out = read(&directory, "out.csv");
    let lines: Vec<&str> = out.split("\r\n").collect();
    assert_eq!(lines[0], format!("{HEADER},{APPENDED}"));
    let second = format!("1,\"Data, \"\"Scientist\"\"\",\"{DS}");
    assert_eq!(lines[1], second);
    assert!(lines[2].starts_with("2nd line\",DS,0."), "{}", lines[2]);
    assert!(
        lines[2].ends_with(&format!(",DS,,ok,{}", model_id())),
        "{}",
        lines[2]
    );
    assert!(lines[3].starts_with("2,,\"x\",,0."), "{}", lines[3]);
    assert!(
        lines[3].ends_with(&format!(",,,short,{}", model_id())),
        "{}",
        lines[3]
    );
    assert_eq!(names(directory.path()), ["in.csv", "out.csv"]);
    let summary = text(&output.stderr);
    let summary: Vec<&str> = summary.lines().collect();
    assert_eq!(
        summary[..3],
        [
            "in.csv: CSV, UTF-8, 3 columns",
            "  text: description (by its name)",
            "  title: title (by its name)",
        ]
    );
    assert!(
        summary[3].starts_with("2 rows; 0.0 MB read in "),
        "{}",
        summary[3]
    );
    assert_eq!(
        summary[4..],
        [
            "  labels: DS 1, MLE 0, MLOps 0, Other 0",
            "  statuses: ok 1, short 1"
        ]
    );
}

#[test]
fn rows_that_cannot_be_labelled_stand_in_their_place() {
    let mut input =
        format!("{HEADER}\n1,a\n2,b,{DS},x,\"y,z\"\n3,c,{DS}\n4,d,nul\0byte\n5,e,bad").into_bytes();
    input.extend_from_slice(b"\xff byte\n6,f,\"never closed\n");
    let directory = files(&[("in.csv", &input)]);
    let arguments = [
        "in.csv",
        "-o",
        "out.csv",
        "--rejects",
        "bad.csv",
        "--encoding",
        "utf-8",
    ];
    let output = label(directory.path(), &arguments, b"");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).ends_with(
            "  statuses: ok 1, error 5\nwarning: 5 rows could not be labelled; the first, `in.csv`, line 2: 2 fields where the header has 3\n"
        ),
        "{}",
        text(&output.stderr)
    );
    let out = read(&directory, "out.csv");
    let mut rows = csv::Reader::from_reader(out.as_bytes());
    let rows: Vec<csv::StringRecord> = rows.records().map(Result::unwrap).collect();
    let kept: Vec<String> = rows
        .iter()
        .map(|r| r.iter().take(3).collect::<Vec<_>>().join("|"))
        .collect();
    assert_eq!(
        kept,
        [
            "1|a|".to_owned(),
            format!("2|b|{DS}"),
            format!("3|c|{DS}"),
            "4|d|nul\0byte".to_owned(),
            "5|e|bad\u{fffd} byte".to_owned(),
            "6|f|never closed\n".to_owned(),
        ]
    );
    let statuses: Vec<&str> = rows.iter().map(|r| &r[12]).collect();
    assert_eq!(
        statuses,
        [
            "error: 2 fields where the header has 3",
            "error: 5 fields where the header has 3; surplus: x,\"y,z\"",
            "ok",
            "error: byte 8 of the record is NUL",
            "error: byte 8 of the record, 0xFF, is not UTF-8",
            "error: a quote is opened and never closed, up to the end of the file",
        ]
    );
    let mut rejects = csv::Reader::from_path(directory.path().join("bad.csv")).unwrap();
    let rejects: Vec<csv::StringRecord> = rejects.records().map(Result::unwrap).collect();
    let line_2 = [
        "in.csv",
        "2",
        "21",
        "2 fields where the header has 3",
        "1,a",
    ];
    assert_eq!(rejects[0], line_2[..]);
    assert_eq!(&rejects[3][4], "5,e,bad\\xFF byte");
    assert_eq!(rejects.len(), 5);
}

#[test]
fn rejects_may_be_allowed_or_forbidden() {
    let input = format!("{HEADER}\n1,a\n2,b,{DS}\n3,c,{DS}\n4,d,{DS}\n");
    roles(&input, &[], 1);
    roles(&input, &["--max-rejects", "1"], 0);
    roles(&input, &["--max-rejects", "25%"], 0);
    roles(&input, &["--max-rejects", "24%"], 1);
    let directory = files(&[("in.csv", input.as_bytes())]);
    let output = label(
        directory.path(),
        &["in.csv", "-o", "out.csv", "-q", "--strict"],
        b"",
    );
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        text(&output.stderr),
        "error: `in.csv`, line 2: 2 fields where the header has 3; without --strict such a row is kept with its error\n  \
         what was labelled before is kept in `out.csv.partial`; the same command with --resume goes on from there\n"
    );
}

#[test]
fn options_choose_what_is_written() {
    let input = format!("id,title,description\na,x,{DS}\nb,Data Scientist,-\n");
    let rows = roles(&input, &["--only"], 0);
    assert!(rows[0].starts_with("id|role|"), "{}", rows[0]);
    assert!(rows[1].starts_with("a|DS|"), "{}", rows[1]);
    assert!(rows[2].contains("|title-only|"), "{}", rows[2]);
    let rows = roles(
        &input,
        &["--only", "--id", "title", "--limit", "1", "--prefix", "x_"],
        0,
    );
    assert_eq!(rows.len(), 2);
    assert!(
        rows[0].starts_with("title|x_role|x_role_confidence|"),
        "{}",
        rows[0]
    );
    let rows = roles(&input, &["--min-confidence", "1"], 0);
    assert!(
        rows[1].contains(&format!("{DS}||0.")) && rows[1].contains("|unsure|"),
        "{}",
        rows[1]
    );
    let rows = roles(&input, &["--explain", "2", "--limit", "1"], 0);
    assert!(
        rows[0].contains("|role_language|role_terms|role_status|"),
        "{}",
        rows[0]
    );
    assert!(
        rows[1].contains(" +") && rows[1].contains("; "),
        "{}",
        rows[1]
    );
    let rows = roles("x|y z\n1|some words\n", &["--text", "y z", "--only"], 0);
    assert!(rows[1].starts_with("1||"), "{}", rows[1]);
    let rows = roles(
        &format!("1;{DS}\n"),
        &["--no-header", "--text", "2", "--only"],
        0,
    );
    assert!(rows[0].starts_with("1;DS;"), "{}", rows[0]);
    assert_eq!(rows.len(), 1);
}

#[test]
fn a_labelled_file_is_labelled_anew_or_beside() {
    let input = format!("{HEADER}\n1,x,{DS}\n");
    let directory = files(&[("in.csv", input.as_bytes())]);
    assert_eq!(
        label(directory.path(), &["in.csv", "-o", "1.csv"], b"")
            .status
            .code(),
        Some(0)
    );
    let again = label(directory.path(), &["1.csv", "-o", "2.csv"], b"");
    assert_eq!(
        text(&again.stderr),
        "error: `1.csv`: rolecall has labelled it before (`role` and others stand in it); --replace labels it anew, --prefix NAME_ adds a second labelling\n"
    );
    assert_eq!(
        label(
            directory.path(),
            &["1.csv", "-o", "2.csv", "--replace"],
            b""
        )
        .status
        .code(),
        Some(0)
    );
    assert_eq!(read(&directory, "1.csv"), read(&directory, "2.csv"));
    label(directory.path(), &["in.csv", "-o", "1.jsonl"], b"");
    assert_eq!(
        label(
            directory.path(),
            &["1.jsonl", "-o", "2.jsonl", "--replace"],
            b""
        )
        .status
        .code(),
        Some(0)
    );
    assert_eq!(read(&directory, "1.jsonl"), read(&directory, "2.jsonl"));
    let beside = label(directory.path(), &["1.csv", "--prefix", "b_", "-q"], b"");
    assert!(text(&beside.stdout).contains(",model_id,b_role,b_role_confidence,"));
    let clash = files(&[("in.csv", b"role,description\nx,y\n")]);
    let clash = label(clash.path(), &["in.csv"], b"");
    assert_eq!(
        text(&clash.stderr),
        "error: `in.csv`: it has a column `role`, which is also one that is appended; name those differently with --prefix, such as --prefix rolecall_\n"
    );
}

#[test]
fn several_inputs_agree_or_are_united() {
    let one = format!("id,description\n1,{DS}\n");
    let two = format!("description,country\n{DS},FR\n");
    let directory = files(&[
        ("1.csv", one.as_bytes()),
        ("2.csv", two.as_bytes()),
        ("3.csv", one.as_bytes()),
    ]);
    let output = label(directory.path(), &["1.csv", "3.csv", "-q"], b"");
    assert_eq!(text(&output.stdout).lines().count(), 3);
    let output = label(directory.path(), &["1.csv", "2.csv"], b"");
    assert_eq!(
        text(&output.stderr),
        "error: `2.csv`: it lacks the column `id`, unlike `1.csv`; --union puts all columns of both into the output, -o DIR/ writes one output per input\n"
    );
    let output = label(directory.path(), &["1.csv", "2.csv", "--union", "-q"], b"");
    let out = text(&output.stdout);
    let lines: Vec<&str> = out.lines().collect();
    assert!(
        lines[0].starts_with("id,description,country,source_file,role,"),
        "{}",
        lines[0]
    );
    assert!(
        lines[1].starts_with(&format!("1,{DS},,1.csv,DS,")),
        "{}",
        lines[1]
    );
    assert!(lines[2].starts_with(','), "{}", lines[2]);
    assert!(lines[2].contains(",FR,2.csv,"), "{}", lines[2]);
    let output = label(directory.path(), &[".", "-o", "out/", "-q"], b"");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(directory.path().join("out/2.csv").exists());
}

#[test]
fn objects_are_united_with_every_key() {
    let directory = files(&[
        (
            "1.jsonl",
            format!("{{\"id\":{{\"n\":1}},\"description\":\"{DS}\"}}\n").as_bytes(),
        ),
        (
            "2.jsonl",
            format!("{{\"description\":\"{DS}\",\"country\":\"FR\"}}\n").as_bytes(),
        ),
    ]);
    let lines = |options: &[&str]| {
        let arguments = [&["1.jsonl", "2.jsonl", "--union", "-q"], options].concat();
        let output = label(directory.path(), &arguments, b"");
        assert_eq!(text(&output.stderr), "");
        text(&output.stdout)
    };
    let objects: Vec<serde_json::Value> = lines(&[])
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(objects[0]["source_file"], "1.jsonl");
    assert_eq!(objects[1]["country"], "FR");
    let table = lines(&["--format", "csv"]);
    assert!(
        table.starts_with("id,description,country,source_file,role,"),
        "{table}"
    );
    assert!(table.contains(",FR,2.jsonl,DS,"), "{table}");
    let only = lines(&["--only", "--id", "id.n", "--format", "csv"]);
    let starts: Vec<&str> = only
        .lines()
        .map(|l| &l[..l.find(",DS").unwrap_or(20)])
        .collect();
    assert_eq!(starts, ["id.n,source_file,rol", "1,1.jsonl", ",2.jsonl"]);
    let only = lines(&["--only", "--id", "id"]);
    assert!(
        only.starts_with("{\"id\":{\"n\":1},\"source_file\":\"1.jsonl\",\"role\":\"DS\",")
            && only.contains("{\"id\":null,\"source_file\":\"2.jsonl\",\"role\":\"DS\","),
        "{only}"
    );
}

#[test]
fn what_is_no_object_or_holds_an_appended_key_is_kept_with_its_error() {
    // Names are looked for in the first hundred rows.
    let ordinary = format!("{{\"description\":\"{DS}\"}}\n").repeat(100);
    let input =
        format!("{ordinary}true\nnull\n7\n\"x\"\n[1]\n{{\"description\":\"{DS}\",\"role\":1}}\n");
    let directory = files(&[("in.jsonl", input.as_bytes())]);
    let output = label(directory.path(), &["in.jsonl", "-q"], b"");
    let said: Vec<String> = text(&output.stdout)
        .lines()
        .skip(99)
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|row| row["role_status"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        said,
        [
            "ok",
            "error: not a JSON object but true or false",
            "error: not a JSON object but null",
            "error: not a JSON object but a number",
            "error: not a JSON object but a string",
            "error: not a JSON object but an array",
            "error: the key `role` is also one that is appended; name those differently with --prefix",
        ]
    );
    let (first, late) = (
        "{\"description\":\"a\"}\n".repeat(200),
        "{\"description\":\"b\",\"late\":2}\n",
    );
    let late = first + late;
    let output = label(
        directory.path(),
        &["-", "--format", "csv", "--only"],
        late.as_bytes(),
    );
    assert_eq!(output.status.code(), Some(0));
    let output = label(directory.path(), &["-", "--format", "csv"], late.as_bytes());
    assert!(
        text(&output.stderr).ends_with("warning: 1 rows could not be labelled; the first, `standard input`, line 201: the key `late` does not occur in the first rows, from which the columns were taken; its value: 2\n"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn inputs_are_described() {
    let directory = files(&[
        ("tab", format!("id\tdescription\n1\t{DS}\n").as_bytes()),
        ("semicolon", format!("id;description\n1;{DS}\n").as_bytes()),
        ("bar", format!("id|description\n1|{DS}\n").as_bytes()),
        ("caret", format!("id^description\n1^{DS}\n").as_bytes()),
        (
            "packed",
            &pack(format!("id,description\n1,{DS}\n").as_bytes()),
        ),
        (
            "feed.xml",
            b"<jobs><job><description>a</description></job></jobs>",
        ),
    ]);
    for (name, delimiter, is) in [
        ("tab", "tab", "TSV, UTF-8, 2 columns"),
        ("tab", "\t", "TSV, UTF-8, 2 columns"),
        (
            "semicolon",
            ";",
            "CSV with the delimiter semicolon, UTF-8, 2 columns",
        ),
        ("bar", "|", "CSV with the delimiter bar, UTF-8, 2 columns"),
        ("caret", "^", "CSV with the delimiter `^`, UTF-8, 2 columns"),
        ("packed", ",", "CSV, gzip, UTF-8, 2 columns"),
    ] {
        let output = label(directory.path(), &[name, "--delimiter", delimiter], b"");
        assert!(
            text(&output.stderr).starts_with(&format!("{name}: {is}\n")),
            "{}",
            text(&output.stderr)
        );
        assert_eq!(output.status.code(), Some(0));
    }
    let output = label(directory.path(), &["feed.xml"], b"");
    assert!(text(&output.stderr).starts_with("feed.xml: an XML feed, UTF-8, 1 columns\n"));
}

#[track_caller]
fn check_refused(name: &str, bytes: &[u8], message: &str) {
    let directory = files(&[(name, bytes)]);
    let output = label(directory.path(), &[name, "-o", "out.csv"], b"");
    assert_eq!(
        text(&output.stderr),
        format!("error: `{name}`: {message}\n")
    );
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(names(directory.path()), [name], "nothing is left behind");
}

#[test]
fn what_holds_no_postings_is_refused() {
    check_refused("in.csv", b"", "it is empty; there are no postings in it");
    check_refused(
        "in.csv",
        b"\n\n",
        "it holds blank lines only; there are no postings in it",
    );
    check_refused(
        "in.xlsx",
        b"PK\x03\x04rest",
        "it is a workbook (.xlsx) or a zip archive; save the sheet as CSV UTF-8, or unpack the archive, and label that",
    );
    check_refused(
        "in.csv",
        &[&b"\x7fELF\x02\x01\x01\0\0\0\0\0"[..], &[0; 52]].concat(),
        "it is not text: byte 4 is 0x02, and 60 of the first 64 are control characters; give CSV, TSV, JSON or Parquet",
    );
    check_refused(
        "in.html",
        b"<!DOCTYPE html><p>",
        "it is a web page; `rolecall classify` reads the ad in it",
    );
    check_refused(
        "in.csv",
        b"When in the course of human events\nit becomes necessary\n",
        "none of its columns is known to hold the text of an ad; `When in the course of human events` has the longest values: --text 'When in the course of human events'\n  \
         the columns are `When in the course of human events`",
    );
    check_refused(
        "in.csv",
        b"id,full text,company_description\n1,some words,an even longer profile\n",
        "none of its columns is known to hold the text of an ad; `full text` has the longest values: --text 'full text'\n  \
         the columns are `id`, `full text`, `company_description`",
    );
    check_refused(
        "in.csv.gz",
        &pack(b"description\nx\n")[..20],
        "the gzip stream is cut off; fetch the file again",
    );
}

#[test]
fn a_missing_column_is_named() {
    let directory = files(&[("in.csv", b"id,title,description,description\n1,2,3,4\n")]);
    let check = |option: &str, value: &str, message: &str| {
        let output = label(directory.path(), &["in.csv", option, value], b"");
        assert_eq!(
            text(&output.stderr),
            format!("error: `in.csv`: {message}\n")
        );
        assert_eq!(output.status.code(), Some(2));
    };
    check(
        "--text",
        "descr",
        "there is no column `descr` for --text; did you mean `description`?\n  the columns are `id`, `title`, `description`, `description`",
    );
    check(
        "--title",
        "7",
        "there is no column 7 for --title; there are 4",
    );
    check(
        "--text",
        "description",
        "the columns 3 and 4 are both named `description`; give --text the number of one",
    );
}

#[test]
fn a_header_alone_and_ten_thousand_columns_are_fine() {
    assert_eq!(roles(&format!("{HEADER}\n"), &[], 0).len(), 1);
    let many: Vec<String> = (0..10_000).map(|i| format!("c{i}")).collect();
    let input = format!(
        "{},description\n{}{DS}\n",
        many.join(","),
        "x,".repeat(10_000)
    );
    let rows = roles(&input, &[], 0);
    assert!(rows[1].contains("|DS|"), "{}", &rows[1][20_000..]);
}

#[test]
fn what_was_labelled_before_a_cut_is_kept() {
    let rows: String = (0..20_000)
        .map(|i| format!("{i},{} {}\n", "-".repeat(90), i * 7919 % 10_007))
        .collect();
    let packed = pack(format!("id,description\n{rows}").as_bytes());
    let directory = files(&[("in.csv.gz", &packed[..packed.len() - 200])]);
    let output = label(directory.path(), &["in.csv.gz", "-o", "out.csv", "-q"], b"");
    assert_eq!(
        text(&output.stderr),
        "error: `in.csv.gz`: the gzip stream is cut off; fetch the file again\n  \
         what was labelled before is kept in `out.csv.partial`; the same command with --resume goes on from there\n"
    );
    assert_eq!(output.status.code(), Some(2));
    let kept = read(&directory, "out.csv.partial").lines().count();
    assert!((10_000..20_001).contains(&kept), "{kept}");
}

#[cfg(feature = "parquet")]
#[test]
fn what_was_labelled_before_a_cut_can_be_read_as_parquet() {
    let input = pack(large().as_bytes());
    let directory = files(&[("in.csv.gz", &input[..input.len() - 100])]);
    let arguments = [
        "in.csv.gz",
        "-o",
        "out.parquet",
        "--rejects",
        "bad.csv",
        "-q",
    ];
    let output = label(directory.path(), &arguments, b"");
    assert_eq!(
        text(&output.stderr),
        "error: `in.csv.gz`: the gzip stream is cut off; fetch the file again\n  what was labelled before is kept in `out.parquet.partial`\n"
    );
    assert_eq!(output.status.code(), Some(2));
    let output = label(
        directory.path(),
        &["out.parquet.partial", "--prefix", "x_", "--only", "-q"],
        b"",
    );
    assert!(text(&output.stdout).lines().count() > 1000);
}

#[test]
fn json_that_is_cut_off_or_deep_is_no_panic() {
    let whole = format!("{{\"title\":\"a\",\"description\":\"{DS}\"}}");
    let check = |name: &str, input: &str, code: i32, message: &str, rows: usize| {
        let directory = files(&[(name, input.as_bytes())]);
        let output = label(directory.path(), &[name, "-q"], b"");
        assert_eq!(text(&output.stderr), message);
        assert_eq!(output.status.code(), Some(code));
        assert_eq!(text(&output.stdout).lines().count(), rows);
    };
    check(
        "in.json",
        &format!("[{whole},\n{whole},{{\"title\":"),
        2,
        "error: `in.json`, line 2: the JSON is cut off inside a posting, after 2 whole ones; fetch the file again\n",
        2,
    );
    check(
        "in.json",
        &format!("{{\"jobs\":[{whole},{whole}"),
        2,
        "error: `in.json`, line 1: the JSON is cut off inside its array of postings, after 2 whole ones; fetch the file again\n",
        2,
    );
    check(
        "in.jsonl",
        &format!("{whole}\n{whole}\n{{\"title\":"),
        1,
        "warning: 1 rows could not be labelled; the first, `in.jsonl`, line 3: the JSON is cut off at column 9\n",
        3,
    );
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    check(
        "in.jsonl",
        &format!("{whole}\n{{\"description\":\"x\",\"deep\":{deep}}}\n"),
        0,
        "",
        2,
    );
    check(
        "in.jsonl",
        &format!("{whole}\n{{\"description\":{deep}}}\n"),
        1,
        "warning: 1 rows could not be labelled; the first, `in.jsonl`, line 2: the value of `description` is nested more than 100 deep (--max-nesting)\n",
        2,
    );
    check("in.json", &deep, 2, "error: `in.json`: its first records are no objects with named values, so there is no text to find
", 0);
}

#[test]
fn an_output_that_cannot_be_written_is_said() {
    let directory = files(&[("in.csv", format!("{HEADER}\n1,x,{DS}\n").as_bytes())]);
    std::fs::create_dir(directory.path().join("dir")).unwrap();
    let check = |arguments: &[&str], message: &str| {
        let output = label(directory.path(), arguments, b"");
        let errors = text(&output.stderr);
        assert!(errors.ends_with(message), "{errors}");
        assert_eq!(output.status.code(), Some(2));
    };
    check(
        &["in.csv", "-o", "in.csv"],
        "error: `in.csv`: it is an input too; name another output\n",
    );
    check(
        &["in.csv", "-o", "./in.csv"],
        "error: `./in.csv`: it is an input too; name another output\n",
    );
    check(
        &["in.csv", "-o", "none/out.csv"],
        "error: cannot create `none/out.csv.partial`: No such file or directory (os error 2)\n",
    );
    check(
        &["none.csv"],
        "error: cannot read `none.csv`: No such file or directory (os error 2)\n",
    );
    if Path::new("/dev/full").exists() {
        check(
            &["in.csv", "-o", "/dev/full"],
            "error: cannot write `/dev/full`: No space left on device (os error 28)\n",
        );
    }
    check(
        &["in.csv", "-o", "out.csv", "--rejects", "out.csv"],
        "error: `out.csv`: it is the rejects file too; name another one\n",
    );
}

#[cfg(unix)]
#[test]
fn a_directory_without_write_permission_is_said() {
    use std::os::unix::fs::PermissionsExt;
    let directory = files(&[("in.csv", format!("{HEADER}\n1,x,{DS}\n").as_bytes())]);
    let closed = directory.path().join("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, PermissionsExt::from_mode(0o555)).unwrap();
    if std::fs::write(closed.join("probe"), "").is_ok() {
        eprintln!("skipped: this user may write everywhere");
        return;
    }
    let output = label(
        directory.path(),
        &["in.csv", "-o", "closed/out.csv", "-q"],
        b"",
    );
    assert_eq!(
        text(&output.stderr),
        "error: cannot create `closed/out.csv.partial`: Permission denied (os error 13)\n"
    );
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_gigantic_record_is_passed_on_and_the_next_one_labelled() {
    let gigantic = "word \"\"quoted\"\" ".repeat(400_000);
    let input = format!("id,description\n1,\"{gigantic}\"\n2,{DS}\n");
    let directory = files(&[
        ("in.csv", input.as_bytes()),
        (
            "bomb.csv.gz",
            &pack(format!("id,description\n1,{}\n", "a".repeat(40 << 20)).as_bytes()),
        ),
    ]);
    let output = label(
        directory.path(),
        &["in.csv", "-o", "out.csv", "--rejects", "bad.csv", "-q"],
        b"",
    );
    assert_eq!(
        text(&output.stderr),
        "warning: 1 rows could not be labelled; the first, `in.csv`, line 2: the record has more than 4 MB (--max-row) and is not labelled\n"
    );
    assert_eq!(output.status.code(), Some(1));
    let rows: Vec<csv::StringRecord> = csv::Reader::from_path(directory.path().join("out.csv"))
        .unwrap()
        .records()
        .map(Result::unwrap)
        .collect();
    let status = format!(
        "error: the record has more than 4 MB (--max-row) and is not labelled; its text: 1,\"{gigantic}\""
    );
    assert_eq!(&rows[0][11], status);
    assert_eq!((&rows[1][0], &rows[1][11]), ("2", "ok"));
    let output = label(
        directory.path(),
        &["bomb.csv.gz", "-o", "out2.csv", "-q"],
        b"",
    );
    assert_eq!(
        text(&output.stderr),
        "error: `bomb.csv.gz`, line 2: one record unpacks to more than 4 MB, and the file to more than 100 times its size; if this is no decompression bomb, raise --max-ratio, or unpack it first\n  \
         what was labelled before is kept in `out2.csv.partial`; the same command with --resume goes on from there\n"
    );
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_filter_answers_line_by_line() {
    let directory = files(&[]);
    let mut child = rolecall(directory.path(), &["label", "-", "--unbuffered"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap());
    let good = format!("{{\"description\":\"{DS}\"}}");
    for (line, status) in [
        ("nonsense", "error: not JSON"),
        (good.as_str(), "ok"),
        ("", "error: the JSON is cut off"),
        ("{\"body\":\"x\",\"id\":1}", "short"),
        ("{\"a\":1}", "error: `standard input`: none of its columns"),
        (good.as_str(), "ok"),
    ] {
        // The first line decides between JSON and records.
        let line = if line == "nonsense" { "[1]" } else { line };
        let status = if line == "[1]" {
            "error: not a JSON object but an array"
        } else {
            status
        };
        writeln!(input, "{line}").unwrap();
        let mut answer = String::new();
        answers.read_line(&mut answer).unwrap();
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        let found = answer["role_status"].as_str().unwrap();
        assert!(found.starts_with(status), "{line}: {found}");
    }
    drop(input);
    let mut rest = String::new();
    answers.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let lines = format!("id,description\n1,{DS}\n2\n\n3,\"{DS}\n\"\n");
    let output = label(directory.path(), &["-", "--unbuffered"], lines.as_bytes());
    let rows: Vec<csv::StringRecord> = csv::Reader::from_reader(&output.stdout[..])
        .records()
        .map(Result::unwrap)
        .collect();
    let statuses: Vec<&str> = rows.iter().map(|r| &r[11]).collect();
    assert_eq!(
        statuses,
        [
            "ok",
            "error: 1 fields where the header has 2",
            "error: 1 fields where the header has 2",
            "ok"
        ]
    );
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_line() {
    let directory = files(&[]);
    let lines = format!("\u{feff}{{\"description\":\"{DS}\"}}\n{{\"description\":\"x\"}}\n");
    let output = label(directory.path(), &["-", "--unbuffered"], lines.as_bytes());
    let answers = text(&output.stdout);
    assert!(
        answers.starts_with("{\"description\":\"You frame") && answers.lines().count() == 2,
        "{answers}"
    );
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let records = format!("\u{feff}id,description\n1,{DS}\n");
    let output = label(directory.path(), &["-", "--unbuffered"], records.as_bytes());
    assert!(text(&output.stdout).starts_with("id,description,role,"));
}

#[test]
fn a_packed_output_of_no_rows_can_be_unpacked() {
    let feed = b"{\"jobs\":[{\"title\":\"a\",\"description\":\"x\",\"isListed\":false}]}";
    let directory = files(&[("in.json", feed)]);
    for name in [
        "out.jsonl.gz",
        "out.jsonl.zst",
        "out.jsonl.bz2",
        "out.jsonl.xz",
    ] {
        let output = label(directory.path(), &["in.json", "-o", name, "-q"], b"");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let again = label(directory.path(), &[name], b"");
        assert_eq!(
            text(&again.stderr),
            format!("error: `{name}`: it is empty; there are no postings in it\n")
        );
        assert!(
            !std::fs::read(directory.path().join(name))
                .unwrap()
                .is_empty()
        );
    }
}

#[test]
fn a_quote_that_is_never_closed_loses_nothing() {
    let rest: String = (2..60_000).map(|i| format!("{i},{DS}\n")).collect();
    let input = format!("id,description\n1,\"never closed\n{rest}");
    let directory = files(&[("in.csv", input.as_bytes())]);
    let output = label(directory.path(), &["in.csv", "-o", "out.csv", "-q"], b"");
    assert_eq!(
        text(&output.stderr),
        "warning: 1 rows could not be labelled; the first, `in.csv`, line 2: the record has more than 4 MB (--max-row) and is not labelled\n"
    );
    assert_eq!(output.status.code(), Some(1));
    let mut rows = csv::Reader::from_path(directory.path().join("out.csv")).unwrap();
    let rows: Vec<csv::StringRecord> = rows.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 1);
    assert!(
        rows[0][11].ends_with(&input["id,description\n".len()..]),
        "all of it is in the status"
    );
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let rows: String = (0..25_000).map(|i| format!("{i},short\n")).collect();
    let directory = files(&[("in.csv", format!("id,description\n{rows}").as_bytes())]);
    let mut child = rolecall(directory.path(), &["label", "in.csv", "-q"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut [0; 100]).unwrap();
    drop(out);
    let output = child.wait_with_output().unwrap();
    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

/// About four chunks of rows, some of them wrong.
fn large() -> String {
    let row = |i: u32| match i % 1000 {
        7 => format!("{i},short\n"),
        _ => format!("{i},T{i},\"{} {DS}\"\n", "-".repeat(1000 + i as usize % 90)),
    };
    format!("{HEADER}\n{}", (0..3_500).map(row).collect::<String>())
}

#[cfg(unix)]
#[test]
fn a_killed_labelling_goes_on_to_the_same_bytes() {
    let input = large();
    let directory = files(&[
        ("in.csv", input.as_bytes()),
        ("in.csv.gz", &pack(input.as_bytes())),
    ]);
    for (source, target) in [
        ("in.csv", "out.csv"),
        ("in.csv.gz", "out.csv.gz"),
        ("in.csv", "out.jsonl.zst"),
    ] {
        let whole = format!("whole-{target}");
        let arguments = [
            source,
            "-o",
            &whole,
            "--rejects",
            "whole-bad.csv",
            "-q",
            "--max-rejects",
            "100%",
        ];
        assert_eq!(
            label(directory.path(), &arguments, b"").status.code(),
            Some(0)
        );
        let arguments = [
            source,
            "-o",
            target,
            "--rejects",
            "bad.csv",
            "-q",
            "--max-rejects",
            "100%",
            "--resume",
        ];
        let checkpoint = directory.path().join(format!("{target}.checkpoint"));
        let mut last = Vec::new();
        let mut kills = 0;
        // A disk that takes its time may let a run end before its first checkpoint stands.
        for _ in 0..20 {
            let mut child = rolecall(directory.path(), &[&["label"], &arguments[..]].concat())
                .spawn()
                .unwrap();
            // Killed as soon as it has come further than the run before.
            let ended = loop {
                if child.try_wait().unwrap().is_some() {
                    break true;
                }
                match std::fs::read(&checkpoint) {
                    Ok(found) if found != last => {
                        last = found;
                        break false;
                    }
                    _ => std::thread::sleep(std::time::Duration::from_millis(1)),
                }
            };
            if ended && kills == 0 {
                continue;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            kills += usize::from(checkpoint.exists());
            if ended || kills == 4 {
                break;
            }
        }
        assert!(kills > 0, "no kill came before the end");
        assert_eq!(
            label(directory.path(), &arguments, b"").status.code(),
            Some(0)
        );
        let bytes = |name: &str| std::fs::read(directory.path().join(name)).unwrap();
        assert!(bytes(target) == bytes(&whole), "{target} differs");
        assert!(
            bytes("bad.csv") == bytes("whole-bad.csv"),
            "the rejects differ"
        );
        assert!(
            !directory
                .path()
                .join(format!("{target}.checkpoint"))
                .exists()
        );
    }
}

#[test]
fn a_resumption_refuses_what_has_changed() {
    let input = large();
    let mut input = input.into_bytes();
    let cut = input.len() - 10;
    let packed = pack(&input);
    let directory = files(&[("in.csv.gz", &packed[..packed.len() - 100])]);
    let output = label(directory.path(), &["in.csv.gz", "-o", "out.csv", "-q"], b"");
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    let refused = |arguments: &[&str], message: &str| {
        let output = label(directory.path(), arguments, b"");
        assert_eq!(text(&output.stderr), format!("error: {message}\n"));
        assert_eq!(output.status.code(), Some(2));
    };
    refused(
        &[
            "in.csv.gz",
            "-o",
            "out.csv",
            "-q",
            "--resume",
            "--min-margin",
            "0.2",
        ],
        "`out.csv.checkpoint`: --min-margin was `0` when the labelling began and is `0.2` now; put it back, or start again without --resume",
    );
    input.truncate(cut);
    std::fs::write(directory.path().join("in.csv.gz"), pack(&input)).unwrap();
    let output = label(
        directory.path(),
        &["in.csv.gz", "-o", "out.csv", "-q", "--resume"],
        b"",
    );
    assert!(
        text(&output.stderr)
            .starts_with("error: `out.csv.checkpoint`: the size of `in.csv.gz` was `")
    );
    for (arguments, what) in [
        (
            &["-", "-o", "x.csv", "--resume"][..],
            "`x.csv`: --resume works from files of CSV, TSV and JSON Lines to files of them, and standard input can be read only once; leave --resume off",
        ),
        (
            &["in.csv.gz", "--resume"],
            "`standard output`: --resume works from files of CSV, TSV and JSON Lines to files of them, and this output is standard output; leave --resume off",
        ),
    ] {
        let output = label(directory.path(), arguments, b"id,description\n1,x\n");
        assert_eq!(text(&output.stderr), format!("error: {what}\n"));
    }
    let output = label(
        directory.path(),
        &["in.csv.gz", "-o", "out.csv", "-q", "--max-rejects", "1%"],
        b"",
    );
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(names(directory.path()), ["in.csv.gz", "out.csv"]);
}

#[test]
fn a_checkpoint_that_does_not_fit_is_refused() {
    let input = pack(large().as_bytes());
    let directory = files(&[("in.csv.gz", &input[..input.len() - 100])]);
    let arguments = ["in.csv.gz", "-o", "out.csv", "-q", "--resume"];
    label(directory.path(), &arguments, b"");
    let path = directory.path().join("out.csv.checkpoint");
    let checkpoint: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let refused = |bytes: &[u8], what: &str| {
        std::fs::write(&path, bytes).unwrap();
        let output = label(directory.path(), &arguments, b"");
        let said = text(&output.stderr);
        assert!(
            said.starts_with(&format!("error: {what}"))
                && said.ends_with("start again without --resume\n"),
            "{said}"
        );
        assert_eq!(output.status.code(), Some(2));
        assert!(!directory.path().join("out.csv").exists());
    };
    for (pointer, value, what) in [
        (
            "/version",
            serde_json::json!("0.0.1"),
            "rolecall's version was `0.0.1` when the labelling began and is `",
        ),
        (
            "/model_id",
            serde_json::json!("x"),
            "the model was `x` when the labelling began and is `",
        ),
        (
            "/inputs/0/path",
            serde_json::json!("y"),
            "the input was `y` when the labelling began and is `in.csv.gz` now",
        ),
        (
            "/inputs/0/modified",
            serde_json::json!(1_500_000_000),
            "the time of the last change of `in.csv.gz` was `1.500` when",
        ),
    ] {
        let mut other = checkpoint.clone();
        *other.pointer_mut(pointer).unwrap() = value;
        refused(
            other.to_string().as_bytes(),
            &format!("`out.csv.checkpoint`: {what}"),
        );
    }
    let mut other = checkpoint.clone();
    other["output"] = serde_json::json!(1_u64 << 40);
    refused(
        other.to_string().as_bytes(),
        "`out.csv`: its unfinished part `out.csv.partial` has ",
    );
    let whole = checkpoint.to_string();
    for length in [0, whole.len() / 2, whole.len() - 1] {
        refused(
            &whole.as_bytes()[..length],
            "`out.csv.checkpoint`: the checkpoint is damaged (",
        );
    }
}

#[test]
fn threads_do_not_change_the_output() {
    let directory = files(&[("in.csv", large().as_bytes())]);
    for threads in ["1", "2", "5"] {
        let out = format!("{threads}.csv");
        label(
            directory.path(),
            &["in.csv", "-o", &out, "--threads", threads, "-q"],
            b"",
        );
    }
    assert_eq!(read(&directory, "1.csv"), read(&directory, "2.csv"));
    assert_eq!(read(&directory, "1.csv"), read(&directory, "5.csv"));
}

/// Python's csv, json and pyarrow read back what was written.
#[test]
fn another_program_reads_the_same_values() {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/outside_reader.py");
    let run = Command::new(&python)
        .arg(script)
        .arg(env!("CARGO_BIN_EXE_rolecall"))
        .output();
    let Ok(output) = run else {
        eprintln!("skipped: `{python}` cannot be run; PYTHON names another one");
        return;
    };
    let report = text(&output.stdout);
    for skipped in report.lines().filter(|l| l.starts_with("skipped")) {
        eprintln!("{skipped}");
    }
    assert!(
        output.status.success(),
        "{report}\n{}",
        text(&output.stderr)
    );
}
