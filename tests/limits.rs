//! What an input may hold is bounded; each bound has a flag and a message.

mod command;

use command::{DS, HEADER, files, label, names, pack, rolecall, run, text};

/// Labels `in.csv` or what else `name` is; everything that is said must be `message`.
#[track_caller]
fn check(name: &str, bytes: &[u8], flags: &[&str], code: i32, message: &str) -> Vec<String> {
    let directory = files(&[(name, bytes)]);
    let output = label(directory.path(), &[&[name, "-q"], flags].concat(), b"");
    assert_eq!(text(&output.stderr), message);
    assert_eq!(output.status.code(), Some(code));
    let rows = text(&output.stdout);
    rows.lines().map(str::to_owned).collect()
}

#[test]
fn a_row_may_not_be_too_large() {
    let input = format!("{HEADER}\n1,a,{DS}\n2,b,{}\n3,c,{DS}\n", "x ".repeat(600));
    let rows = check(
        "in.csv",
        input.as_bytes(),
        &["--max-row", "1k"],
        1,
        "warning: 1 rows could not be labelled; the first, `in.csv`, line 3: the record has more than 1 kB (--max-row) and is not labelled\n",
    );
    assert_eq!(rows.len(), 4);
    assert!(
        rows[2].starts_with("2,b,x x "),
        "the row is kept as it stands"
    );
    let objects = format!(
        "{{\"description\":\"{}\"}}\n{{\"description\":\"{DS}\"}}\n",
        "x ".repeat(600)
    );
    check(
        "in.jsonl",
        objects.as_bytes(),
        &["--max-row", "1k"],
        1,
        "warning: 1 rows could not be labelled; the first, `in.jsonl`, line 1: the record has more than 1 kB (--max-row) and is not labelled\n",
    );
    // Larger than what is looked at to tell the names.
    let large = format!("{{\"description\":\"{}\"}}\n", "x ".repeat(600_000));
    for (name, bytes) in [
        ("in.jsonl", large.clone()),
        ("in.json", format!("[{large}]")),
    ] {
        let message = format!(
            "error: `{name}`: its first record has more than 1 MB (--max-row), too much to look for named values in it; raise --max-row, or put another record first\n"
        );
        check(name, bytes.as_bytes(), &["--max-row", "1k"], 2, &message);
    }
    let feed = format!(
        "<jobs><job><description>{}</description></job></jobs>",
        "x ".repeat(200_000)
    );
    check(
        "in.xml",
        feed.as_bytes(),
        &["--max-row", "100k"],
        2,
        "error: `in.xml`, line 1: one element has more than 100 kB (--max-row)\n",
    );
    let feed = format!("<jobs><job>{}</job></jobs>", "<a>x</a>".repeat(600));
    check(
        "in.xml",
        feed.as_bytes(),
        &["--max-row", "1k"],
        2,
        "error: `in.xml`, line 1: one job has more than 1 kB (--max-row)\n",
    );
    let answered = format!(
        "{HEADER}\n1,a,\"{}\n{}\"\n2,b,{DS}\n",
        "x ".repeat(600),
        "y".repeat(600)
    );
    let lines = label(
        &std::env::temp_dir(),
        &["-", "--unbuffered", "--max-row", "1k"],
        answered.as_bytes(),
    );
    let mut answers = csv::Reader::from_reader(&lines.stdout[..]);
    let answers: Vec<csv::StringRecord> = answers.records().map(Result::unwrap).collect();
    assert_eq!(
        answers.len(),
        2,
        "a large record with line ends has one answer"
    );
    assert!(answers[0][12].starts_with("error: the record has more than 1 kB (--max-row)"));
    assert_eq!(&answers[1][12], "ok");
}

#[test]
fn a_row_of_many_parts_is_kept_in_every_format() {
    let gigantic = "x \\\"y\\\" ".repeat(400_000);
    let object = |n: u32, text: &str| format!("{{\"id\":{n},\"description\":\"{text}\"}}\n");
    let lines = object(1, DS) + &object(2, &gigantic) + &object(3, DS);
    let feed = format!("[{}]", lines.trim_end().replace("}\n", "},"));
    let said = "the record has more than 1 MB (--max-row) and is not labelled";
    for (name, input) in [("in.jsonl", &lines), ("in.json", &feed)] {
        let line = if name == "in.json" { 1 } else { 2 };
        let message = format!(
            "warning: 1 rows could not be labelled; the first, `{name}`, line {line}: {said}\n"
        );
        let flags = ["--max-row", "1M"];
        let rows = check(name, input.as_bytes(), &flags, 1, &message);
        let rows: Vec<serde_json::Value> = rows
            .iter()
            .map(|row| serde_json::from_str(row).unwrap())
            .collect();
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[1]["role_raw"], object(2, &gigantic).trim_end());
        assert_eq!(rows[1]["role_status"], format!("error: {said}"));
        assert_eq!(rows[2]["id"], 3);
        // What has no place in a table stands behind the error.
        let flags = ["--max-row", "1M", "--format", "csv"];
        let table = check(name, input.as_bytes(), &flags, 1, &message).join("\n");
        let mut table = csv::Reader::from_reader(table.as_bytes());
        let rows: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 3);
        assert!(rows[1][11].starts_with(&format!("error: {said}; its text: ")));
        assert_eq!(&rows[2][0], "3");
    }
    let whole = check(
        "in.jsonl",
        lines.as_bytes(),
        &["--max-row", "8M", "--only"],
        0,
        "",
    );
    assert_eq!(whole.len(), 3);
    let input = format!("{HEADER}\n1,a,{DS}\n2,b,{gigantic}\n3,c,{DS}\n");
    let answered = label(
        &std::env::temp_dir(),
        &["-", "--unbuffered", "--max-row", "1M"],
        input.as_bytes(),
    );
    assert_eq!(text(&answered.stdout).lines().count(), 4);
    #[cfg(feature = "parquet")]
    {
        let directory = files(&[("in.csv", input.as_bytes())]);
        let arguments = ["in.csv", "--max-row", "1M", "-q", "-o", "out.parquet"];
        assert_eq!(
            label(directory.path(), &arguments, b"").status.code(),
            Some(1)
        );
        let output = label(
            directory.path(),
            &["out.parquet", "-q", "--prefix", "b_"],
            b"",
        );
        assert_eq!(text(&output.stdout).lines().count(), 3);
    }
}

#[test]
fn a_field_may_not_be_too_large() {
    let input = format!("{HEADER}\n1,a,{DS}\n2,b,{}\n", "x ".repeat(600));
    let rows = check(
        "in.csv",
        input.as_bytes(),
        &["--max-field", "1k"],
        1,
        "warning: 1 rows could not be labelled; the first, `in.csv`, line 3: the column `description` has 1200 bytes, more than --max-field allows (1 kB)\n",
    );
    assert_eq!(rows.len(), 3);
    let object = format!(
        "{{\"description\":\"x\",\"more\":\"{}\"}}\n",
        "x".repeat(1200)
    );
    check(
        "in.jsonl",
        object.as_bytes(),
        &["--max-field", "1k"],
        1,
        "warning: 1 rows could not be labelled; the first, `in.jsonl`, line 1: the column `more` has 1202 bytes, more than --max-field allows (1 kB)\n",
    );
}

#[cfg(feature = "parquet")]
#[test]
fn a_parquet_file_has_the_same_limits() {
    let input = format!("{HEADER}\n1,a,{DS}\n2,b,{}\n", "x ".repeat(600));
    let directory = files(&[("in.csv", input.as_bytes())]);
    let made = label(
        directory.path(),
        &["in.csv", "-o", "in.parquet", "-q", "--prefix", "x_"],
        b"",
    );
    assert_eq!(made.status.code(), Some(0));
    let flags = [
        "in.parquet",
        "-o",
        "out.parquet",
        "--rejects",
        "bad.csv",
        "-q",
        "--max-field",
        "1k",
    ];
    let output = label(directory.path(), &flags, b"");
    assert_eq!(
        text(&output.stderr),
        "warning: 1 rows could not be labelled; the first, `in.parquet`, line 2: title or text has more than 1 kB (--max-row, --max-field)\n"
    );
    assert_eq!(output.status.code(), Some(1));
    let rejects = std::fs::read_to_string(directory.path().join("bad.csv")).unwrap();
    assert!(
        rejects.contains("in.parquet,2,0,\"title or text has more than"),
        "{rejects}"
    );
    let wide = label(directory.path(), &["in.parquet", "--max-columns", "5"], b"");
    assert_eq!(
        text(&wide.stderr),
        "error: `in.parquet`: it has 14 columns, more than --max-columns allows (5)\n"
    );
}

#[test]
fn nesting_is_bounded() {
    let deep = |n: usize| format!("{{\"description\":{}{}}}\n", "[".repeat(n), "]".repeat(n));
    check("in.jsonl", deep(100).as_bytes(), &[], 0, "");
    check(
        "in.jsonl",
        deep(101).as_bytes(),
        &[],
        1,
        "warning: 1 rows could not be labelled; the first, `in.jsonl`, line 1: the value of `description` is nested more than 100 deep (--max-nesting)\n",
    );
    check(
        "in.jsonl",
        deep(127).as_bytes(),
        &["--max-nesting", "127"],
        0,
        "",
    );
    let feed = |n: usize| format!("<j><job>{}{}</job></j>", "<a>".repeat(n), "</a>".repeat(n));
    check(
        "in.xml",
        feed(100).as_bytes(),
        &["--text", "a"],
        2,
        "error: `in.xml`, line 1: elements are nested more than 100 deep (--max-nesting)\n",
    );
    check("in.xml", feed(99).as_bytes(), &["--text", "a"], 0, "");
}

#[test]
fn columns_are_bounded() {
    let wide = format!("{}description\n", "x,".repeat(20_000));
    check(
        "in.csv",
        wide.as_bytes(),
        &[],
        2,
        "error: `in.csv`: it has 20001 columns, more than --max-columns allows (20000)\n",
    );
    check(
        "in.csv",
        wide.as_bytes(),
        &["--max-columns", "30000", "--only"],
        0,
        "",
    );
    let many: Vec<String> = (0..300_000).map(|i| format!("\"{i}\":1")).collect();
    let rows = check(
        "in.jsonl",
        format!("{{\"description\":\"x\"}}\n{{{}}}\n", many.join(",")).as_bytes(),
        &[],
        1,
        "warning: 1 rows could not be labelled; the first, `in.jsonl`, line 2: the record has 300000 keys, more than --max-columns allows (20000)\n",
    );
    assert_eq!(rows.len(), 2);
    let keys: String = (0..200)
        .map(|i| format!("{{\"description\":\"x\",\"k{i}\":1}}\n"))
        .collect();
    check(
        "in.jsonl",
        keys.as_bytes(),
        &["--max-columns", "150", "--format", "csv"],
        2,
        "error: `in.jsonl`: it has 151 columns, more than --max-columns allows (150)\n",
    );
}

#[test]
fn a_compressed_file_may_not_grow_without_bound() {
    let bomb = pack(format!("{HEADER}\n1,a,{}\n", "x".repeat(8 << 20)).as_bytes());
    check(
        "in.csv.gz",
        &bomb,
        &[],
        2,
        "error: `in.csv.gz`, line 2: one record unpacks to more than 4 MB, and the file to more than 100 times its size; if this is no decompression bomb, raise --max-ratio, or unpack it first\n",
    );
    check(
        "in.csv.gz",
        &bomb,
        &["--max-ratio", "5000", "--max-rejects", "1"],
        0,
        "",
    );
    check("in.csv.gz", &bomb, &["--max-row", "10M"], 0, "");
}

#[test]
fn memory_is_bounded() {
    let input = format!("{HEADER}\n1,a,{DS}\n");
    check(
        "in.csv",
        input.as_bytes(),
        &["--max-memory", "8M"],
        2,
        "error: --max-memory 8 MB does not suffice for one thread, which may hold 6 rows of 4 MB; raise it to 48 MB, or lower --max-row\n",
    );
    check(
        "in.csv",
        input.as_bytes(),
        &["--max-memory", "8M", "--max-row", "512k"],
        0,
        "",
    );
    let mut wide = zstd::Encoder::new(Vec::new(), 3).unwrap();
    wide.window_log(27).unwrap();
    std::io::Write::write_all(&mut wide, input.as_bytes()).unwrap();
    check(
        "in.csv.zst",
        &wide.finish().unwrap(),
        &[],
        2,
        "error: `in.csv.zst`: the zstd window is larger than 32 MB (written with --long or --ultra); raise --max-memory, or unpack it first with `zstd -d --long=31`\n",
    );
}

/// However short its rows: a table of them takes little more room than it has itself.
#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_depend_on_what_the_file_holds() {
    let directory = files(&[
        (
            "short.csv",
            &[b"description\n", "x\n".repeat(1 << 20).as_bytes()].concat(),
        ),
        (
            "blank.csv",
            &[b"description\n", "\n".repeat(4 << 20).as_bytes(), b"x\n"].concat(),
        ),
        (
            "quoted.csv",
            format!("id,description\n1,\"{}", "x\n".repeat(4 << 20)).as_bytes(),
        ),
        (
            "commas.csv",
            format!("id,description\n1,{}", ",".repeat(8 << 20)).as_bytes(),
        ),
    ]);
    for name in ["blank.csv", "quoted.csv", "commas.csv", "short.csv"] {
        let mut command = rolecall(
            directory.path(),
            &[
                "label",
                name,
                "-q",
                "--threads",
                "2",
                "--limit",
                "45000",
                "-o",
                "out.csv",
            ],
        );
        command
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null());
        let mut child = command.spawn().unwrap();
        let status = format!("/proc/{}/status", child.id());
        let mut peak = 0;
        while child.try_wait().unwrap().is_none() {
            let found = std::fs::read_to_string(&status).unwrap_or_default();
            let line = found.lines().find_map(|l| l.strip_prefix("VmHWM:"));
            let kilobytes = line.and_then(|l| l.trim().strip_suffix(" kB"));
            peak = peak.max(kilobytes.and_then(|k| k.parse().ok()).unwrap_or(0));
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert!(peak > 0 && peak < 120 << 10, "{name} took {peak} kB");
    }
}

#[test]
fn limits_that_make_no_sense_are_refused() {
    let directory = files(&[("in.csv", b"description\nx\n")]);
    for (flag, value, message) in [
        (
            "--max-row",
            "4X",
            "give a size such as 65536, 512k, 4M or 1G",
        ),
        (
            "--max-field",
            "0",
            "give a size such as 65536, 512k, 4M or 1G",
        ),
        ("--max-memory", "-1", "unexpected argument '-1' found"),
        ("--max-nesting", "128", "give a number from 1 to 127"),
        (
            "--threads",
            "1025",
            "error: --threads 1025 is not from 1 to 1024\n",
        ),
    ] {
        let output = run(
            rolecall(directory.path(), &["label", "in.csv", flag, value]),
            b"",
        );
        assert!(
            text(&output.stderr).contains(message),
            "{}",
            text(&output.stderr)
        );
        assert_eq!(output.status.code(), Some(2));
    }
    assert_eq!(names(directory.path()), ["in.csv"]);
}
