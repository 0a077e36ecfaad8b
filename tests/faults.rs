//! What machines do to a program: full disks, broken pipes, signals. Each is done for
//! real; a test that needs more than this user may do says that it is skipped.
#![cfg(unix)]

mod command;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use command::{DS, HEADER, files, label, large, names, pack, rolecall, run, text};
use rustix::process::{Pid, Signal, kill_process};

/// A file system of its own size, taken away at the end.
struct Mounted {
    place: tempfile::TempDir,
}

impl Mounted {
    /// `None`, and said, where this user may not mount.
    fn new(options: &str) -> Option<Self> {
        let place = tempfile::tempdir().unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(place.path())
            .output();
        if mount.is_ok_and(|output| output.status.success()) {
            return Some(Self { place });
        }
        eprintln!("skipped: this user may not mount a file system");
        None
    }

    fn remount(&self, options: &str) {
        let mount = Command::new("mount")
            .args(["-o", &format!("remount,{options}")])
            .arg(self.place.path())
            .status();
        assert!(mount.unwrap().success());
    }

    fn path(&self, name: &str) -> String {
        self.place.path().join(name).display().to_string()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.place.path()).status();
    }
}

/// What an uninterrupted labelling of `input` gives.
fn whole(directory: &Path, input: &str) -> Vec<u8> {
    let output = label(directory, &[input, "-o", "whole.csv", "-q"], b"");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let path = directory.join("whole.csv");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    bytes
}

#[test]
fn a_full_disk_keeps_what_was_labelled() {
    let Some(disk) = Mounted::new("size=1200k") else {
        return;
    };
    let directory = files(&[("in.csv", large().as_bytes())]);
    let whole = whole(directory.path(), "in.csv");
    let out = disk.path("out.csv");
    let output = label(directory.path(), &["in.csv", "-o", &out, "-q"], b"");
    assert_eq!(
        text(&output.stderr),
        format!(
            "error: cannot write `{out}.partial`: No space left on device (os error 28)\n  \
             what was labelled before is kept in `{out}.partial`; the same command with --resume goes on from there\n"
        )
    );
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        names(disk.place.path()),
        ["out.csv.checkpoint", "out.csv.partial"]
    );
    disk.remount("size=20m");
    let output = label(
        directory.path(),
        &["in.csv", "-o", &out, "-q", "--resume"],
        b"",
    );
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(
        std::fs::read(&out).unwrap() == whole,
        "resumed on another file system"
    );
    assert_eq!(names(disk.place.path()), ["out.csv"]);
}

#[test]
fn a_full_disk_leaves_no_half_report() {
    let Some(disk) = Mounted::new("size=4k") else {
        return;
    };
    let directory = files(&[("ad.txt", DS.as_bytes())]);
    let page = disk.path("ad.html");
    let output = run(
        rolecall(directory.path(), &["classify", "ad.txt", "--html", &page]),
        b"",
    );
    assert_eq!(
        text(&output.stderr),
        format!("error: cannot write `{page}`: No space left on device (os error 28)\n")
    );
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(names(disk.place.path()), [""; 0]);
}

#[test]
fn a_limit_on_the_size_of_files_keeps_what_was_labelled() {
    let directory = files(&[("in.csv", large().as_bytes())]);
    let whole = whole(directory.path(), "in.csv");
    let limited = |signal: &str| {
        let program = env!("CARGO_BIN_EXE_rolecall");
        let script = format!("{signal}; ulimit -f 4096; exec {program} label in.csv -o out.csv -q");
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &script])
            .current_dir(directory.path())
            .env("NO_COLOR", "1");
        run(shell, b"")
    };
    let output = limited("trap '' XFSZ");
    assert_eq!(
        text(&output.stderr),
        "error: cannot write `out.csv.partial`: File too large (os error 27)\n  \
         what was labelled before is kept in `out.csv.partial`; the same command with --resume goes on from there\n"
    );
    assert_eq!(output.status.code(), Some(2));
    // Where the signal is not ignored, the system ends the program.
    assert_eq!(limited(":").status.code(), None);
    let output = label(
        directory.path(),
        &["in.csv", "-o", "out.csv", "-q", "--resume"],
        b"",
    );
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(std::fs::read(directory.path().join("out.csv")).unwrap() == whole);
}

/// Two ends of a connection.
fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (near, listener.accept().unwrap().0)
}

#[test]
fn a_read_error_half_way_keeps_what_was_labelled() {
    let directory = files(&[]);
    let (mut near, far) = connection();
    // What the far end never reads makes it answer closing with a reset.
    near.write_all(b"unread").unwrap();
    let mut command = rolecall(directory.path(), &["label", "-", "-o", "out.csv", "-q"]);
    let child = command
        .stdin(Stdio::from(OwnedFd::from(near)))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(command);
    let mut writer = far;
    writer.write_all(large().as_bytes()).unwrap();
    wait_for(&directory.path().join("out.csv.partial"), 1);
    drop(writer);
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        text(&output.stderr),
        "error: cannot read `standard input`: Connection reset by peer (os error 104)\n  \
         what was labelled before is kept in `out.csv.partial`\n"
    );
    assert_eq!(output.status.code(), Some(2));
    let kept = std::fs::read_to_string(directory.path().join("out.csv.partial")).unwrap();
    assert!(kept.lines().count() > 100, "{}", kept.lines().count());
}

/// Waits until a file holds as many bytes.
#[track_caller]
fn wait_for(path: &Path, bytes: u64) {
    let begun = Instant::now();
    while std::fs::metadata(path).map_or(0, |m| m.len()) < bytes {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "{} does not grow",
            path.display()
        );
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_closed_pipe_is_success_at_every_stage() {
    let directory = files(&[
        (
            "in.csv",
            format!("{HEADER}\n1,Data Scientist,{DS}\n").as_bytes(),
        ),
        ("ad.txt", DS.as_bytes()),
    ]);
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/datasets/postings.csv");
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["classify", "ad.txt"],
        &["classify", "ad.txt", "--json"],
        &["classify", "ad.txt", "--highlight"],
        &["classify", "ad.txt", "--html", "-"],
        &["label", "in.csv"],
        &["label", "in.csv", "--dry-run"],
        &["label", "in.csv", "--format", "jsonl"],
        &["label", "-", "--unbuffered"],
        &["skills"],
        &["skills", "ad.txt"],
        &["model", "show"],
        &["evaluate", data],
        &["audit", data],
        &["completions", "bash"],
        &["man"],
    ] {
        for closed in ["stdout", "stderr"] {
            let mut command = rolecall(directory.path(), arguments);
            let mut child = command
                .stdin(std::fs::File::open(directory.path().join("in.csv")).unwrap())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let mut said = String::new();
            if closed == "stdout" {
                drop(child.stdout.take());
                child
                    .stderr
                    .take()
                    .unwrap()
                    .read_to_string(&mut said)
                    .unwrap();
            } else {
                drop(child.stderr.take());
                child
                    .stdout
                    .take()
                    .unwrap()
                    .read_to_end(&mut Vec::new())
                    .unwrap();
            }
            let code = child.wait().unwrap().code();
            assert_eq!(code, Some(0), "{arguments:?} with {closed} closed: {said}");
            assert!(!said.contains("error:"), "{arguments:?}: {said}");
        }
    }
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[test]
fn an_interrupted_labelling_stops_cleanly_and_goes_on() {
    let input = large();
    let directory = files(&[
        ("in.csv", input.as_bytes()),
        ("in.csv.gz", &pack(input.as_bytes())),
    ]);
    let whole = whole(directory.path(), "in.csv");
    for (name, how) in [
        ("in.csv", Signal::INT),
        ("in.csv.gz", Signal::TERM),
        ("in.csv", Signal::HUP),
    ] {
        let arguments = ["label", name, "-o", "out.csv", "-q", "--threads", "1"];
        let child = rolecall(directory.path(), &arguments)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        wait_for(&directory.path().join("out.csv.checkpoint"), 1);
        signal(&child, how);
        let output = child.wait_with_output().unwrap();
        let said = text(&output.stderr);
        assert!(
            said.starts_with("warning: interrupted after ")
                && said.ends_with(" rows in `out.csv.partial`; the same command with --resume goes on from there\n"),
            "{said}"
        );
        assert_eq!(output.status.code(), Some(130));
        assert!(!directory.path().join("out.csv").exists());
        let output = label(
            directory.path(),
            &[name, "-o", "out.csv", "-q", "--resume"],
            b"",
        );
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
        assert!(
            std::fs::read(directory.path().join("out.csv")).unwrap() == whole,
            "{how:?}"
        );
        std::fs::remove_file(directory.path().join("out.csv")).unwrap();
    }
}

#[test]
fn a_second_interruption_stops_at_once() {
    let directory = files(&[]);
    let mut child = rolecall(directory.path(), &["label", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let input = child.stdin.take().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() && begun.elapsed() < Duration::from_secs(10) {
        signal(&child, Signal::INT);
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(begun.elapsed() < Duration::from_secs(2));
    drop(input);
}

#[test]
fn a_wait_for_input_can_be_interrupted() {
    let directory = files(&[]);
    for arguments in [
        &["label", "-"][..],
        &["label", "-", "--unbuffered"],
        &["label", "-", "-o", "out.csv"],
    ] {
        let mut command = rolecall(directory.path(), arguments);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(b"description\nx\n").unwrap();
        std::thread::sleep(Duration::from_millis(300));
        signal(&child, Signal::TERM);
        let begun = Instant::now();
        let ended = loop {
            match child.try_wait().unwrap() {
                Some(ended) => break ended,
                None if begun.elapsed() > Duration::from_secs(20) => {
                    child.kill().unwrap();
                    panic!("{arguments:?} waits on");
                }
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        assert!(!ended.success());
        drop(input);
    }
    assert_eq!(names(directory.path()), [""; 0]);
}

#[test]
fn two_processes_do_not_write_one_output() {
    let directory = files(&[("in.csv", format!("{HEADER}\n1,x,{DS}\n").as_bytes())]);
    let mut first = rolecall(directory.path(), &["label", "-", "-o", "out.csv", "-q"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = first.stdin.take().unwrap();
    input.write_all(large().as_bytes()).unwrap();
    wait_for(&directory.path().join("out.csv.partial"), 1);
    let second = label(directory.path(), &["in.csv", "-o", "out.csv"], b"");
    assert!(
        text(&second.stderr).ends_with(
            "error: `out.csv`: another rolecall is writing it; wait for that one, or name another output\n"
        ),
        "{}",
        text(&second.stderr)
    );
    assert_eq!(second.status.code(), Some(2));
    // The lock dies with its holder, whatever it dies of.
    signal(&first, Signal::KILL);
    first.wait().unwrap();
    let second = label(directory.path(), &["in.csv", "-o", "out.csv", "-q"], b"");
    assert_eq!(second.status.code(), Some(0), "{}", text(&second.stderr));
    assert_eq!(names(directory.path()), ["in.csv", "out.csv"]);
}

#[test]
fn an_output_on_another_file_system_is_replaced_whole() {
    let Some(disk) = Mounted::new("size=20m") else {
        return;
    };
    let directory = files(&[("in.csv", large().as_bytes())]);
    let whole = whole(directory.path(), "in.csv");
    let out = disk.path("out.csv");
    std::fs::write(&out, "before").unwrap();
    let output = label(directory.path(), &["in.csv", "-o", &out, "-q"], b"");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(std::fs::read(&out).unwrap() == whole);
    assert_eq!(names(disk.place.path()), ["out.csv"]);
}

#[test]
fn a_read_only_place_is_said() {
    let input = format!("{HEADER}\n1,x,{DS}\n");
    let directory = files(&[("in.csv", input.as_bytes())]);
    if let Some(disk) = Mounted::new("size=1m,ro") {
        let out = disk.path("out.csv");
        let output = label(directory.path(), &["in.csv", "-o", &out], b"");
        assert!(
            text(&output.stderr).ends_with(&format!(
                "error: cannot create `{out}.partial`: Read-only file system (os error 30)\n"
            )),
            "{}",
            text(&output.stderr)
        );
        assert_eq!(output.status.code(), Some(2));
    }
    // Nobody may write into a directory of this user's.
    let mut command = rolecall(directory.path(), &["label", "-", "-o", "out.csv", "-q"]);
    if rustix::process::getuid().is_root() {
        command.uid(65534).gid(65534);
    }
    std::fs::set_permissions(
        directory.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o555),
    )
    .unwrap();
    let Ok(mut child) = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn() else {
        eprintln!("skipped: the program stands where nobody else may run it");
        return;
    };
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        text(&output.stderr),
        "error: cannot create `out.csv.partial`: Permission denied (os error 13)\n"
    );
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn nothing_is_asked_of_the_environment() {
    let directory = files(&[("in.csv", format!("{HEADER}\n1,é,{DS}\n").as_bytes())]);
    let with = label(directory.path(), &["in.csv"], b"");
    for (name, value) in [
        ("NO_COLOR", "1"),
        ("LC_ALL", "xx_XX.nothing"),
        ("TMPDIR", "/nowhere"),
        ("HOME", "/nowhere"),
    ] {
        let mut command = rolecall(directory.path(), &["label", "in.csv"]);
        command.env_clear().env(name, value);
        let without = run(command, b"");
        assert_eq!(text(&without.stdout), text(&with.stdout));
        assert_eq!(without.status.code(), Some(0), "{}", text(&without.stderr));
    }
}

#[test]
fn clocks_may_jump() {
    let directory = files(&[("in.csv", large().as_bytes())]);
    let whole = whole(directory.path(), "in.csv");
    let input = std::fs::File::options()
        .write(true)
        .open(directory.path().join("in.csv"))
        .unwrap();
    // A file from before all time, and one from the future.
    for time in [
        std::time::UNIX_EPOCH - Duration::from_secs(86_400),
        std::time::UNIX_EPOCH + Duration::from_secs(1 << 36),
    ] {
        if input.set_modified(time).is_err() {
            continue;
        }
        let mut child = rolecall(
            directory.path(),
            &["label", "in.csv", "-o", "out.csv", "-q"],
        )
        .spawn()
        .unwrap();
        wait_for(&directory.path().join("out.csv.checkpoint"), 1);
        child.kill().unwrap();
        child.wait().unwrap();
        let output = label(
            directory.path(),
            &["in.csv", "-o", "out.csv", "-q", "--resume"],
            b"",
        );
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
        assert!(std::fs::read(directory.path().join("out.csv")).unwrap() == whole);
    }
    // Nothing else looks at a clock that can jump.
    let mut sources = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(path) = sources.pop() {
        if path.is_dir() {
            sources.extend(std::fs::read_dir(path).unwrap().map(|e| e.unwrap().path()));
        } else {
            let source = std::fs::read_to_string(&path).unwrap();
            assert!(!source.contains("SystemTime::now"), "{}", path.display());
        }
    }
}
