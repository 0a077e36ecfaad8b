//! The pages that commands write, and cells that a spreadsheet may open.
#![cfg(feature = "cli")]

mod command;

use std::path::Path;
use std::process::Output;

use command::{DS, run, text};

const POSTINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/datasets/postings.csv");
const MLOPS: &str = "You run Kubernetes clusters, CI/CD and the model registry on which data scientists deploy models, \
    and watch models for drift.";

fn rolecall(directory: &Path, arguments: &[&str]) -> Output {
    run(command::rolecall(directory, arguments), b"")
}

/// A directory with `in.csv`: 60 postings of two months, companies and boards, each text
/// twice, and one row that cannot be read.
fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mut rows = "title,description,Date Posted,company,site\n".to_owned();
    for n in 0..60 {
        let (title, ad) = [("Data Scientist", DS), ("Platform Engineer", MLOPS)][n / 2 % 2];
        let date = ["2024-03-05", "May 17, 2024"][n % 4 / 2];
        let company = ["<script>x()</script>", "ACME"][n % 4 / 2];
        rows += &format!(
            "{title},\"{ad} n{}\",\"{date}\",{company},board {}\n",
            n / 2,
            n % 3
        );
    }
    rows += "too,few\n";
    std::fs::write(directory.path().join("in.csv"), rows).unwrap();
    directory
}

fn page(directory: &tempfile::TempDir) -> String {
    std::fs::read_to_string(directory.path().join("page.html")).unwrap()
}

#[test]
fn a_labelled_file_gets_a_report() {
    let directory = directory();
    let run = |arguments: &[&str]| {
        let arguments = [
            &["label", "in.csv", "-o", "out.csv", "--report", "page.html"],
            arguments,
        ]
        .concat();
        let output = rolecall(directory.path(), &arguments);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
        text(&output.stderr)
    };
    let told = run(&["--threads", "1"]);
    for line in [
        "  date: Date Posted (for --report)\n",
        "  source: site (for --report)\n",
        "  company: company (for --report)\n",
        "  report: page.html\n",
    ] {
        assert!(told.contains(line), "{told}");
    }
    let page_of_one = page(&directory);
    for part in [
        "What in.csv holds",
        "61 rows: 30 reposts of a text that came before, 30 labelled, 0 without a label, 1 that could not be read.",
        "Over time",
        "30 dated postings, by month",
        "By source",
        "&lt;script&gt;x()&lt;/script&gt;",
        "Kubernetes",
        "Title against content",
    ] {
        assert!(page_of_one.contains(part), "{part}");
    }
    assert!(
        !page_of_one.contains("<script"),
        "it needs none, and text is escaped"
    );
    run(&["--threads", "4"]);
    assert_eq!(page(&directory), page_of_one, "threads change nothing");
}

/// The same rows in other formats hold the same.
#[test]
fn every_format_gets_the_same_report() {
    let directory = directory();
    let run = |arguments: &[&str]| {
        let output = rolecall(directory.path(), &[&["label", "-q"], arguments].concat());
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    };
    run(&["in.csv", "-o", "a.csv", "--report", "page.html"]);
    let of_csv = page(&directory);
    for name in ["in.jsonl", "in.parquet"] {
        run(&["in.csv", "-o", name]);
        let output = [
            "--replace",
            "-o",
            &format!("a.{name}"),
            "--report",
            "page.html",
        ];
        let labelled = rolecall(
            directory.path(),
            &[&["label", "-q", name][..], &output].concat(),
        );
        assert_eq!(text(&labelled.stderr), "", "{name}");
        // The row that could not be read has become one without a text.
        let expected = of_csv
            .replace("What in.csv holds", &format!("What {name} holds"))
            .replace(
                "0 without a label, 1 that could not be read",
                "1 without a label",
            );
        assert!(page(&directory) == expected, "{name}");
    }
    // From columns to columns, without a detour over text.
    run(&["in.csv", "-o", "in.parquet", "--prefix", "x_"]);
    let of_parquet = |options: &[&str]| {
        let label = ["label", "-q", "in.parquet", "--report", "page.html"];
        let labelled = rolecall(directory.path(), &[&label[..], options].concat());
        assert_eq!(text(&labelled.stderr), "");
        page(&directory)
    };
    let columns = of_parquet(&["-o", "b.parquet"]);
    assert!(columns == of_parquet(&["-o", "b.jsonl"]));
    assert!(columns.contains("&lt;script&gt;x()&lt;/script&gt;") && columns.contains("board 2"));
    let output = rolecall(
        directory.path(),
        &["label", "in.csv", "-q", "-o", "out/", "--report", "-"],
    );
    assert_eq!(text(&output.stdout), of_csv);
}

#[track_caller]
fn check_refused(arguments: &[&str], message: &str) {
    let directory = directory();
    let output = rolecall(
        directory.path(),
        &[&["label", "in.csv", "-q"], arguments].concat(),
    );
    assert_eq!(text(&output.stderr), format!("error: {message}\n"));
    assert_eq!(output.status.code(), Some(2));
    let files = std::fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(files, 1, "nothing but the input is there");
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_labelled() {
    check_refused(
        &["-o", "out.csv", "--report", "page.html", "--resume"],
        "`out.csv`: --report counts every row, and --resume would leave out those labelled before; leave one of them off",
    );
    check_refused(
        &["--report", "-"],
        "rows and report cannot both go to standard output; give a file with -o or --report",
    );
    check_refused(
        &["-o", "out.csv", "--report", "in.csv"],
        "`in.csv`: it is an input too; name another output",
    );
    check_refused(
        &["-o", "out.csv", "--report", "out.csv"],
        "`out.csv`: it is the report too; name another one",
    );
    check_refused(
        &["-o", "out.csv", "--report", "none/page.html"],
        "there is no directory none to write the report into; create it first",
    );
    check_refused(
        &["-o", "out.jsonl", "--spreadsheet-safe"],
        "`out.jsonl`: --spreadsheet-safe guards the cells of CSV and TSV, and this output is jsonl; leave it off",
    );
}

/// Labels one row whose `note` is `value`, with the option and without; what stands in the
/// note's place.
#[track_caller]
fn check_cell(value: &str, guarded: &str) {
    let directory = tempfile::tempdir().unwrap();
    let quoted = format!("\"{}\"", value.replace('"', "\"\""));
    let input = format!("note,description\n{quoted},{DS}\n");
    std::fs::write(directory.path().join("in.csv"), &input).unwrap();
    let label = |options: &[&str]| {
        let output = rolecall(
            directory.path(),
            &[&["label", "in.csv", "-q"], options].concat(),
        );
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let rows = text(&output.stdout);
        let mut reader = csv::Reader::from_reader(rows.as_bytes());
        let cell = reader.records().next().unwrap().unwrap()[0].to_owned();
        (rows, cell)
    };
    let (rows, cell) = label(&[]);
    assert!(
        rows.contains(input.lines().nth(1).unwrap()),
        "every byte is kept"
    );
    assert_eq!(cell, value);
    assert_eq!(label(&["--spreadsheet-safe"]).1, guarded);
}

#[test]
fn cells_are_guarded_on_request() {
    check_cell("=HYPERLINK(\"x\",\"y\")", "'=HYPERLINK(\"x\",\"y\")");
    check_cell("+1", "'+1");
    check_cell("-1,5", "'-1,5");
    check_cell("@SUM(A1)", "'@SUM(A1)");
    check_cell("\t=1", "'\t=1");
    check_cell("\r=1", "'\r=1");
    check_cell("a=1", "a=1");
    check_cell("'=1", "'=1");
    check_cell(" x", " x");
    check_cell("", "");
}

#[test]
fn names_rejects_and_other_formats_are_guarded_too() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    let read = |name: &str| std::fs::read_to_string(directory.path().join(name)).unwrap();
    write("in.tsv", &format!("=a\tdescription\n@b\t{DS}\n=c\n"));
    let arguments = "label in.tsv -q -o out.tsv --rejects bad.csv --spreadsheet-safe";
    let output = rolecall(directory.path(), &arguments.split(' ').collect::<Vec<_>>());
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let out = read("out.tsv");
    let starts: Vec<&str> = out.lines().filter_map(|l| l.split('\t').next()).collect();
    assert_eq!(starts, ["'=a", "'@b", "'=c"]);
    assert!(read("bad.csv").ends_with(",'=c\n"), "{}", read("bad.csv"));
    write(
        "in.jsonl",
        &format!("{{\"note\":\"=1\",\"description\":\"{DS}\"}}\n"),
    );
    let arguments = "label in.jsonl -q --format csv --spreadsheet-safe";
    let output = rolecall(directory.path(), &arguments.split(' ').collect::<Vec<_>>());
    assert!(
        text(&output.stdout).contains("\n'=1,"),
        "{}",
        text(&output.stdout)
    );
}

#[test]
fn evaluate_writes_a_page() {
    let directory = tempfile::tempdir().unwrap();
    let run = |html: &str| rolecall(directory.path(), &["evaluate", POSTINGS, "--html", html]);
    let output = run("page.html");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(
        text(&output.stdout).contains("macro-F1"),
        "tables are printed too"
    );
    let page = page(&directory);
    for part in [
        "postings.csv: 132 postings.",
        "articles' skills vote",
        "aria-label=\"Confusion matrix\"",
        "aria-label=\"Reliability diagram\"",
        "aria-label=\"Coverage and accuracy\"",
        "aria-label=\"Stated probabilities\"",
        "The most instructive errors",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert_eq!(
        text(&run("-").stdout),
        page,
        "the page instead of the tables"
    );
    let output = run("none/page.html");
    assert_eq!(
        text(&output.stderr),
        "error: there is no directory none to write the page into; create it first\n"
    );
}

#[test]
fn train_writes_a_page() {
    let directory = tempfile::tempdir().unwrap();
    let arguments = [
        "train",
        POSTINGS,
        "--fixed",
        "--labels-blind-to-title",
        "--learning-curve",
        "-o",
        "my.model",
        "--html",
        "page.html",
    ];
    let output = rolecall(directory.path(), &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let first = page(&directory);
    for part in [
        "cross-validation on postings.csv: 132 postings.",
        "embedded model",
        "aria-label=\"Learning curve\"",
        "than the embedded model on 132 postings that neither was trained on",
    ] {
        assert!(first.contains(part), "{part}");
    }
    // The model records how it errs, and its labels are corrected by it.
    let model = std::fs::read_to_string(directory.path().join("my.model")).unwrap();
    let counts = |name: &str| -> u64 {
        let line = model
            .lines()
            .find(|l| l.starts_with(&format!("confusion {name}\t")));
        line.unwrap()
            .split('\t')
            .skip(1)
            .map(|n| n.parse::<u64>().unwrap())
            .sum()
    };
    assert_eq!((counts("content"), counts("title")), (132, 132));
    let arguments = [
        "label",
        POSTINGS,
        "-q",
        "--model",
        "my.model",
        "-o",
        "out.csv",
        "--report",
        "page.html",
    ];
    let output = rolecall(directory.path(), &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(page(&directory).contains("Corrected: "));
    let among = [&arguments[..], &["--prior", "DS=1,MLE=1,MLOps=1,Other=7"]].concat();
    rolecall(directory.path(), &among);
    assert!(page(&directory).contains("not corrected: other labels or base rates were asked for"));
}
