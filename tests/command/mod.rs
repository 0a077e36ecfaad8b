//! Running the command as a stranger does.

#![allow(dead_code, reason = "every test file uses its own part")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

pub const HEADER: &str = "id,title,description";
pub const DS: &str =
    "You frame business questions with A/B tests and build regression models in Python and SQL.";

/// `rolecall` with these arguments, in a directory.
pub fn rolecall(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rolecall"));
    command
        .args(arguments)
        .current_dir(directory)
        .env("NO_COLOR", "1");
    command
}

/// Runs `rolecall label` to its end.
pub fn label(directory: &Path, arguments: &[&str], stdin: &[u8]) -> Output {
    run(
        rolecall(directory, &[&["label"], arguments].concat()),
        stdin,
    )
}

pub fn run(mut command: Command, stdin: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let stdin = stdin.to_vec();
    let writer = std::thread::spawn(move || {
        // A command that refuses early may close its input first.
        let _ = input.write_all(&stdin);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A directory of a test's own, with files in it.
pub fn files(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(directory.path().join(name), bytes).unwrap();
    }
    directory
}

pub fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

pub fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// About four chunks of rows, some of them wrong.
pub fn large() -> String {
    let row = |i: u32| match i % 1000 {
        7 => format!("{i},short\n"),
        _ => format!("{i},T{i},\"{} {DS}\"\n", "-".repeat(1000 + i as usize % 90)),
    };
    format!("{HEADER}\n{}", (0..3_500).map(row).collect::<String>())
}
