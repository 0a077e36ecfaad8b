//! What `label` says to those who give it something else: every message, whole.

mod command;

use command::{files, label, names, text};
use tempfile::TempDir;

const ROW: &str = "id,description\n1,You build models\n";
const FEED: &str = r#"[{"title":"x","content":"You build models"}]"#;
const XML: &str = "<jobs><job><title>x</title><description>You</description></job></jobs>";

fn directory() -> TempDir {
    let directory = files(&[
        ("a.csv", ROW.as_bytes()),
        ("more.csv", b"id,description,x\n1,You build,2\n"),
        ("other.csv", b"description,id\nYou build,1\n"),
        ("source.csv", b"id,source_file,description\n1,s,You\n"),
        ("twice.csv", b"id,id,description\n1,2,You build\n"),
        ("latin.csv", b"id,d\xe9,description\n1,x,You\n"),
        ("feed.json", FEED.as_bytes()),
        ("feed.xml", XML.as_bytes()),
        ("broken.json", b"[{\"description\":\"You\"}] x"),
        ("file", b"x\n"),
    ]);
    std::fs::create_dir(directory.path().join("empty")).unwrap();
    directory
}

/// Nothing is written, and standard error is `message`.
#[track_caller]
fn check(arguments: &[&str], stdin: &str, message: &str) {
    let directory = directory();
    let before = names(directory.path());
    let output = label(directory.path(), arguments, stdin.as_bytes());
    assert_eq!(text(&output.stderr), format!("error: {message}\n"));
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stdout), "");
    assert_eq!(names(directory.path()), before);
}

#[test]
fn values_that_no_option_takes_are_refused() {
    for (option, value, reason) in [
        (
            "--max-rejects <N|P%>",
            "x",
            "give a number of rows, or a percentage such as 0.5%",
        ),
        (
            "--max-rejects <N|P%>",
            "150%",
            "give a number of rows, or a percentage such as 0.5%",
        ),
        ("--min-confidence <P>", "2", "give a number from 0 to 1"),
        ("--min-margin <P>", "NaN", "give a number from 0 to 1"),
        (
            "--format <FORMAT>",
            "xml",
            "choose csv, tsv, jsonl or parquet",
        ),
        (
            "--delimiter <CHAR>",
            "\"",
            "a quote or line end cannot delimit fields",
        ),
        (
            "--delimiter <CHAR>",
            "é",
            "give one ASCII character, or `tab`",
        ),
        (
            "--encoding <NAME>",
            "klingon",
            "no such encoding; try utf-8, utf-16le or windows-1252",
        ),
    ] {
        let flag = option.split(' ').next().unwrap();
        check(
            &["a.csv", flag, value],
            "",
            &format!(
                "invalid value '{value}' for '{option}': {reason}\n\nFor more information, try '--help'."
            ),
        );
    }
}

#[test]
fn inputs_that_hold_no_rows_or_others_are_refused() {
    let differs =
        "--union puts all columns of both into the output, -o DIR/ writes one output per input";
    for (arguments, message) in [
        (
            &["empty"][..],
            "`empty`: the directory holds no files of postings".to_owned(),
        ),
        (
            &["a.csv", "more.csv"],
            format!("`more.csv`: it has a column `x`, unlike `a.csv`; {differs}"),
        ),
        (
            &["more.csv", "a.csv"],
            format!("`a.csv`: it lacks the column `x`, unlike `more.csv`; {differs}"),
        ),
        (
            &["a.csv", "other.csv"],
            format!("`other.csv`: its columns stand in another order, unlike `a.csv`; {differs}"),
        ),
        (
            &["source.csv", "a.csv", "--union"],
            "`standard output`: a column `source_file` is already there; see --prefix".to_owned(),
        ),
        (
            &["latin.csv", "--encoding", "utf-8"],
            "`latin.csv`, line 1: the header is not valid UTF-8; name the encoding with --encoding"
                .to_owned(),
        ),
        (
            &["twice.csv", "--format", "jsonl"],
            "`twice.csv`: two of its columns are named `id`, which only CSV and TSV can hold; write one of these, or rename a column"
                .to_owned(),
        ),
        (
            &["a.csv", "--text", "3"],
            "`a.csv`: there is no column 3 for --text; there are 2".to_owned(),
        ),
    ] {
        check(arguments, "", &message);
    }
    let output = label(directory().path(), &["broken.json", "-q"], b"");
    assert_eq!(
        text(&output.stderr),
        "error: `broken.json`, line 1: not JSON: `x` after the end of the array\n"
    );
    assert_eq!(text(&output.stdout).lines().count(), 1);
    check(
        &["-", "--unbuffered", "--max-row", "1k"],
        &"x".repeat(4000),
        "`standard input`, line 1: the first record, which names the columns, has more than 1 kB (--max-row)",
    );
    check(
        &["-", "--max-row", "1k"],
        &"x".repeat(2 << 20),
        "cannot read `standard input`: the first record, which names the columns, has more than 1 MB (--max-row)",
    );
}

#[test]
fn outputs_that_cannot_be_are_refused() {
    let resume = "--resume works from files of CSV, TSV and JSON Lines to files of them, and";
    for (arguments, message) in [
        (
            &["a.csv", "--unbuffered"][..],
            "--unbuffered answers standard input alone: rolecall label - --unbuffered".to_owned(),
        ),
        (
            &["-", "--unbuffered", "--format", "parquet"],
            "`standard output`: Parquet cannot be written line by line; choose csv, tsv or jsonl"
                .to_owned(),
        ),
        (
            &["a.csv", "-o", "out.parquet.gz"],
            "`out.parquet.gz`: Parquet packs its own pages; leave the extension off".to_owned(),
        ),
        (
            &["a.csv", "-o", "file/"],
            "cannot create `file`: File exists (os error 17)".to_owned(),
        ),
        (
            &["a.csv", "-o", "out.parquet", "--resume"],
            format!("`out.parquet`: {resume} this output is Parquet; leave --resume off"),
        ),
        (
            &["feed.json", "-o", "out.jsonl", "--resume"],
            format!("`out.jsonl`: {resume} this input is a JSON feed; leave --resume off"),
        ),
        (
            &["feed.xml", "-o", "out.jsonl", "--resume"],
            format!("`out.jsonl`: {resume} this input is an XML feed; leave --resume off"),
        ),
        (
            &["a.csv", "--rejects", "-"],
            "--rejects needs the name of a file; standard output is for the rows".to_owned(),
        ),
        (
            &["a.csv", "--report", "empty"],
            "empty is a directory; name a file to write the report into".to_owned(),
        ),
        (
            &["a.csv", "-o", "empty/../a.csv"],
            "`empty/../a.csv`: it is an input too; name another output".to_owned(),
        ),
        #[cfg(unix)]
        (
            &["a.csv", "-o", "/dev/null", "--resume"],
            format!("`/dev/null`: {resume} this output is no regular file; leave --resume off"),
        ),
    ] {
        check(arguments, ROW, &message);
    }
}

#[test]
fn two_inputs_of_one_name_are_refused() {
    let directory = files(&[("x.json", FEED.as_bytes()), ("x.xml", XML.as_bytes())]);
    let output = label(directory.path(), &["x.json", "x.xml", "-o", "out/"], b"");
    assert_eq!(
        text(&output.stderr),
        "error: two inputs would be written to `out/x.jsonl`; label them one by one\n"
    );
    assert_eq!(output.status.code(), Some(2));
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_is_read_from_plain_files_alone() {
    let directory = files(&[("a.csv", ROW.as_bytes())]);
    let output = label(directory.path(), &["a.csv", "-o", "a.parquet", "-q"], b"");
    assert_eq!(text(&output.stderr), "");
    let bytes = std::fs::read(directory.path().join("a.parquet")).unwrap();
    std::fs::write(directory.path().join("packed"), command::pack(&bytes)).unwrap();
    for (name, message) in [
        (
            "-",
            "`standard input`: a Parquet file cannot be read from a stream; give its name",
        ),
        (
            "packed",
            "`packed`: it is a Parquet file packed with gzip; unpack it first",
        ),
        (
            "a.parquet",
            "`a.parquet`: rolecall has labelled it before (`role` and others stand in it); --replace labels it anew, --prefix NAME_ adds a second labelling",
        ),
    ] {
        let output = label(directory.path(), &[name], &bytes);
        assert_eq!(text(&output.stderr), format!("error: {message}\n"));
        assert_eq!(output.status.code(), Some(2));
    }
    // A value inside a column that holds JSON.
    let nested = format!("{{\"id\":1,\"data\":{{\"a\":\"{}\"}}}}\n", command::DS);
    std::fs::write(directory.path().join("n.jsonl"), nested).unwrap();
    let prefixed = [
        "n.jsonl",
        "--text",
        "data.a",
        "--prefix",
        "x_",
        "-o",
        "n.parquet",
        "-q",
    ];
    assert_eq!(
        label(directory.path(), &prefixed, b"").status.code(),
        Some(0)
    );
    let arguments = ["n.parquet", "--text", "data.a", "-o", "m.parquet", "-q"];
    assert_eq!(text(&label(directory.path(), &arguments, b"").stderr), "");
    let output = label(
        directory.path(),
        &["m.parquet", "--text", "data.a", "--prefix", "y_", "-q"],
        b"",
    );
    let row: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&row["x_role"], &row["role"], &row["y_role"]),
        (&"DS".into(), &"DS".into(), &"DS".into())
    );
    // Two columns that make up one text.
    let arguments = [
        "a.parquet",
        "--replace",
        "--text",
        "description,id",
        "-o",
        "b.parquet",
        "-q",
    ];
    assert_eq!(text(&label(directory.path(), &arguments, b"").stderr), "");
    // Where no format is asked for, what cannot be printed is printed as JSON Lines.
    for arguments in [
        &["a.parquet", "--replace", "-q"][..],
        &["a.parquet", "--replace", "--dry-run"],
    ] {
        let output = label(directory.path(), arguments, b"");
        assert!(
            text(&output.stdout)
                .starts_with(r#"{"id":"1","description":"You build models","role":null,"#)
        );
        assert_eq!(output.status.code(), Some(0));
    }
}

#[test]
fn outputs_in_a_directory_are_named_after_what_they_hold() {
    let directory = files(&[
        ("a.csv", ROW.as_bytes()),
        ("b.csv.gz", &command::pack(ROW.as_bytes())),
        ("feed.json", FEED.as_bytes()),
        ("feed.xml.gz", &command::pack(XML.as_bytes())),
    ]);
    let check = |arguments: &[&str], expected: &[&str]| {
        let output = label(
            directory.path(),
            &[arguments, &["-o", "out/", "-q"]].concat(),
            ROW.as_bytes(),
        );
        assert_eq!(text(&output.stderr), "");
        let out = directory.path().join("out");
        assert_eq!(names(&out), expected);
        std::fs::remove_dir_all(out).unwrap();
    };
    check(
        &["-", "a.csv", "b.csv.gz", "feed.json", "feed.xml.gz"],
        &[
            "a.csv",
            "b.csv.gz",
            "feed.jsonl",
            "feed.jsonl.gz",
            "stdin.csv",
        ],
    );
    check(
        &["-", "a.csv", "b.csv.gz", "--format", "tsv"],
        &["a.tsv", "b.tsv.gz", "stdin.tsv"],
    );
    // Parts in directories keep their place; hidden files are no parts.
    let parts = directory.path().join("parts");
    std::fs::create_dir_all(parts.join("inner")).unwrap();
    for name in ["b.csv", "inner/c.csv", ".hidden", "_SUCCESS"] {
        std::fs::write(parts.join(name), ROW).unwrap();
    }
    let output = label(directory.path(), &["parts", "-o", "out/", "-q"], b"");
    assert_eq!(text(&output.stderr), "");
    assert_eq!(names(&directory.path().join("out")), ["b.csv", "inner"]);
    assert_eq!(names(&directory.path().join("out/inner")), ["c.csv"]);
}
