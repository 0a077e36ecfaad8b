//! The prompt on a real terminal: a line far longer than line mode could hold arrives whole.
#![cfg(feature = "cli")]
#![cfg(unix)]

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// Runs `rolecall classify --json` at a terminal, types `keys`, returns (stdout, stderr, exit code).
fn at_a_terminal(keys: &[u8]) -> (String, String, Option<i32>) {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let stdin = File::options()
        .read(true)
        .write(true)
        .open(name.to_str().unwrap())
        .unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_rolecall"))
        .args(["classify", "--json"])
        .stdin(Stdio::from(stdin))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The terminal echoes what is typed; somebody has to read it.
    let mut echo = File::from(terminal);
    let mut keyboard = echo.try_clone().unwrap();
    std::thread::spawn(move || while echo.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {});
    // The prompt says how to end before it reads, and only then are keys taken raw.
    let mut stderr = child.stderr.take().unwrap();
    let mut prompt = Vec::new();
    while prompt.last() != Some(&b'\n') {
        let mut byte = [0];
        stderr.read_exact(&mut byte).unwrap();
        prompt.push(byte[0]);
    }
    std::thread::sleep(std::time::Duration::from_millis(300));
    let mut stdout = child.stdout.take().unwrap();
    let answer = std::thread::spawn(move || {
        let mut answer = String::new();
        stdout.read_to_string(&mut answer).map(|_| answer)
    });
    keyboard.write_all(keys).unwrap();
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    (
        answer.join().unwrap().unwrap(),
        String::from_utf8(prompt).unwrap() + &rest,
        child.wait().unwrap().code(),
    )
}

#[test]
fn a_terminal_is_shown_how_far_a_labelling_has_come() {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let keyboard = File::options()
        .write(true)
        .open(name.to_str().unwrap())
        .unwrap();
    let mut screen = File::from(terminal);
    let shown = std::thread::spawn(move || {
        let (mut shown, mut piece) = (Vec::new(), [0; 4096]);
        // The end of a terminal is an error.
        while let Ok(n @ 1..) = screen.read(&mut piece) {
            shown.extend_from_slice(&piece[..n]);
        }
        String::from_utf8_lossy(&shown).into_owned()
    });
    let postings = concat!(env!("CARGO_MANIFEST_DIR"), "/datasets/postings.csv");
    for input in [postings, "-"] {
        let status = Command::new(env!("CARGO_BIN_EXE_rolecall"))
            .args(["label", input])
            .env("TERM", "xterm")
            .stdin(File::open(postings).unwrap())
            .stdout(Stdio::null())
            .stderr(keyboard.try_clone().unwrap())
            .status();
        assert!(status.unwrap().success());
    }
    drop(keyboard);
    let shown = shown.join().unwrap();
    assert_eq!(shown.matches("132 rows;").count(), 2, "{shown}");
    assert!(
        shown.contains(" rows/s  ") && shown.contains(" left"),
        "{shown}"
    );
}

#[test]
fn a_line_of_100_kilobytes_is_taken_whole() {
    let filler = "we like tea and long walks with our dogs ".repeat(2500);
    assert!(filler.len() > 100_000);
    let keys = format!("{filler} Kubernetes\r\u{4}");
    let (stdout, stderr, code) = at_a_terminal(keys.as_bytes());
    assert_eq!(
        stderr,
        "Paste a job ad, then press Enter and Ctrl-D to label it (Ctrl-C to leave).\n"
    );
    assert_eq!(code, Some(0));
    let answer: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    let at = filler.len() as u64 + 1;
    let last = answer["evidence"]
        .as_array()
        .unwrap()
        .iter()
        .find(|e| e["term"] == "Kubernetes")
        .unwrap();
    assert_eq!(
        last["spans"],
        serde_json::json!([[at, at + 10]]),
        "the end of the line was read"
    );
}

#[test]
fn ctrl_c_leaves_without_a_label() {
    let (stdout, stderr, code) = at_a_terminal(b"Kubern\x03");
    assert_eq!(stdout, "");
    assert!(
        stderr.ends_with("error: interrupted at the prompt\n"),
        "{stderr}"
    );
    assert_eq!(code, Some(2));
}
