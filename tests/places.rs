//! What has a name need not be a file, and a name may be anything: pipes, links, devices,
//! bytes that are no text.
#![cfg(unix)]

mod command;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

use command::{DS, HEADER, files, label, names, rolecall, run, text};
use rustix::fs::{CWD, FileType, Mode, mknodat};

fn pipe(directory: &Path, name: &str) -> PathBuf {
    let path = directory.join(name);
    mknodat(CWD, &path, FileType::Fifo, Mode::RWXU, 0).unwrap();
    path
}

fn writing(path: PathBuf, bytes: Vec<u8>) -> JoinHandle<()> {
    thread::spawn(move || std::fs::write(path, bytes).unwrap())
}

fn reading(path: PathBuf) -> JoinHandle<String> {
    thread::spawn(move || text(&std::fs::read(path).unwrap()))
}

fn rows(n: u32) -> String {
    let rows: String = (0..n).map(|i| format!("{i},x,{DS}\n")).collect();
    format!("{HEADER}\n{rows}")
}

#[test]
fn pipes_are_read_once_and_whole() {
    // More than is looked at to tell what an input is.
    let pad = "0".repeat(1000);
    let input = rows(2000).replace(",x,", &format!("{pad},x,"));
    let directory = files(&[("first.csv", rows(3).as_bytes())]);
    let check = |arguments: &[&str], stdin: &str, expected: usize| {
        let output = label(directory.path(), arguments, stdin.as_bytes());
        assert_eq!(text(&output.stderr), "");
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(text(&output.stdout).lines().count(), expected);
    };
    check(&["first.csv", "-", "-q"], &input, 2004);
    let writer = writing(pipe(directory.path(), "pipe"), input.into_bytes());
    check(&["first.csv", "pipe", "first.csv", "-q"], "", 2007);
    writer.join().unwrap();
    // The columns of objects are looked for in the whole of a file, and in the first rows here.
    let objects = format!("{{\"description\":\"{DS}\",\"pad\":\"{pad}\"}}\n").repeat(2000);
    let writer = writing(directory.path().join("pipe"), objects.into_bytes());
    check(&["pipe", "--format", "csv", "-q"], "", 2001);
    writer.join().unwrap();
}

#[test]
fn standard_input_may_fail() {
    let directory = files(&[]);
    for arguments in [
        &["label", "-"][..],
        &["label", "-", "--unbuffered"],
        &["classify"],
    ] {
        let output = rolecall(directory.path(), arguments)
            .stdin(std::fs::File::open(directory.path()).unwrap())
            .output()
            .unwrap();
        let said = text(&output.stderr);
        assert!(
            said.starts_with("error: cannot read `")
                && said.ends_with("`: Is a directory (os error 21)\n"),
            "{said}"
        );
        assert_eq!(output.status.code(), Some(2));
    }
}

#[test]
fn a_pipe_is_not_resumed() {
    let directory = files(&[]);
    let writer = writing(pipe(directory.path(), "pipe"), rows(3).into_bytes());
    let output = label(
        directory.path(),
        &["pipe", "-o", "out.csv", "--resume"],
        b"",
    );
    writer.join().unwrap();
    assert_eq!(
        text(&output.stderr),
        "error: `out.csv`: --resume works from files of CSV, TSV and JSON Lines to files of them, and pipe can be read only once; leave --resume off\n"
    );
    assert_eq!(names(directory.path()), ["pipe"]);
}

#[test]
fn rows_and_pages_go_into_pipes() {
    let directory = files(&[("in.csv", rows(3).as_bytes())]);
    let labelled = label(directory.path(), &["in.csv", "-q"], b"");
    let out = reading(pipe(directory.path(), "out.csv"));
    let page = reading(pipe(directory.path(), "page"));
    let output = label(
        directory.path(),
        &["in.csv", "-o", "out.csv", "--report", "page", "-q"],
        b"",
    );
    assert_eq!(text(&output.stderr), "");
    assert_eq!(out.join().unwrap(), text(&labelled.stdout));
    assert!(page.join().unwrap().starts_with("<!DOCTYPE html>"));
    for name in ["out.csv", "page"] {
        let found = directory.path().join(name).metadata().unwrap();
        assert!(found.file_type().is_fifo(), "{name} was replaced");
    }
    assert_eq!(names(directory.path()), ["in.csv", "out.csv", "page"]);
}

#[test]
fn a_link_stays_and_its_file_is_replaced() {
    let directory = files(&[("in.csv", rows(3).as_bytes()), ("old.csv", b"before")]);
    std::fs::create_dir(directory.path().join("there")).unwrap();
    let labelled = label(directory.path(), &["in.csv", "-q"], b"");
    for (link, to) in [
        ("out.csv", "old.csv"),
        ("new.csv", "there/none.csv"),
        ("far.csv", "out.csv"),
        ("page.html", "there/page"),
    ] {
        symlink(to, directory.path().join(link)).unwrap();
    }
    for link in ["out.csv", "new.csv", "far.csv"] {
        let arguments = ["in.csv", "-o", link, "--report", "page.html", "-q"];
        let output = label(directory.path(), &arguments, b"");
        assert_eq!(text(&output.stderr), "");
        let path = directory.path().join(link);
        assert!(path.is_symlink(), "{link} was replaced");
        assert_eq!(std::fs::read(path).unwrap(), labelled.stdout);
    }
    assert_eq!(names(&directory.path().join("there")), ["none.csv", "page"]);
    let output = label(directory.path(), &["in.csv", "-o", "in.link"], b"");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    symlink("in.csv", directory.path().join("same.csv")).unwrap();
    let output = label(directory.path(), &["in.csv", "-o", "same.csv"], b"");
    assert_eq!(
        text(&output.stderr),
        "error: `same.csv`: it is an input too; name another output\n"
    );
}

#[test]
fn a_directory_may_lead_back_to_itself_and_hold_pipes() {
    let directory = files(&[]);
    let parts = directory.path().join("parts");
    std::fs::create_dir_all(parts.join("inner")).unwrap();
    std::fs::write(parts.join("a.csv"), rows(1)).unwrap();
    std::fs::write(parts.join("inner/b.csv"), rows(1)).unwrap();
    symlink(".", parts.join("loop")).unwrap();
    symlink("..", parts.join("inner/up")).unwrap();
    symlink("inner", parts.join("twice")).unwrap();
    pipe(&parts, "pipe");
    let output = label(directory.path(), &["parts", "-o", "out/", "-q"], b"");
    assert_eq!(text(&output.stderr), "");
    assert_eq!(
        names(&directory.path().join("out")),
        ["a.csv", "inner", "twice"]
    );
    let inner = label(directory.path(), &["parts", "-q"], b"");
    assert_eq!(text(&inner.stdout).lines().count(), 4);
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_need_not_be_text() {
    let directory = files(&[]);
    let name = OsStr::from_bytes(b"in\xff.csv");
    std::fs::write(directory.path().join(name), rows(3)).unwrap();
    for out in [&b"out.csv"[..], b"out\xff.csv", b"dir\xff/"] {
        let mut command = rolecall(directory.path(), &["label", "-q", "-o"]);
        command.arg(OsStr::from_bytes(out)).arg(name);
        let output = run(command, b"");
        assert_eq!(text(&output.stderr), "");
        assert_eq!(output.status.code(), Some(0));
    }
    let copies = ["out.csv".as_bytes(), b"out\xff.csv", b"dir\xff/in\xff.csv"];
    let copies = copies.map(|name| {
        std::fs::read(directory.path().join(OsStr::from_bytes(name)))
            .unwrap()
            .len()
    });
    assert!(copies[0] > 0 && copies == [copies[0]; 3], "{copies:?}");
}

#[test]
fn names_do_not_steer_the_terminal() {
    let name = "in\u{1b}[31m.csv";
    let header = "a\u{1b}]0;title,b\u{202e}c\n";
    let directory = files(&[(name, format!("{header}1,2\n").as_bytes())]);
    let output = label(directory.path(), &[name], b"");
    assert_eq!(
        text(&output.stderr),
        "error: `in␛[31m.csv`: none of its columns is known to hold the text of an ad; `a␛]0;title` has the longest values: --text 'a␛]0;title'\n  the columns are `a␛]0;title`, `b\u{fffd}c`\n"
    );
}
