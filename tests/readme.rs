//! What the README shows is what the command prints. After a change that is meant,
//! `UPDATE_README=1 cargo test --test readme` writes the new answers into it.
#![cfg(feature = "cli")]

use std::process::Command;

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");

/// Runs one `$ rolecall …` line of a session in the project's directory.
fn answer(line: &str) -> String {
    let output = Command::new("sh")
        .args(["-c", line])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("NO_COLOR", "1")
        .env(
            "PATH",
            format!(
                "{}:{}",
                std::path::Path::new(env!("CARGO_BIN_EXE_rolecall"))
                    .parent()
                    .unwrap()
                    .display(),
                std::env::var("PATH").unwrap_or_default()
            ),
        )
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}

#[test]
fn sessions_are_real() {
    let readme = std::fs::read_to_string(README).unwrap();
    let mut renewed = String::new();
    let mut in_session = false;
    let mut sessions = 0;
    for line in readme.lines() {
        let fence = line.starts_with("```");
        in_session = if fence {
            line == "```console"
        } else {
            in_session
        };
        match line.strip_prefix("$ ").filter(|_| in_session) {
            Some(command) => {
                renewed += &format!("{line}\n{}", answer(command));
                sessions += 1;
            }
            None if in_session && !fence => {}
            None => renewed += &format!("{line}\n"),
        }
    }
    assert!(sessions > 0, "the README shows no session");
    if std::env::var_os("UPDATE_README").is_some() {
        std::fs::write(README, renewed).unwrap();
    } else {
        assert_eq!(
            readme, renewed,
            "run UPDATE_README=1 cargo test --test readme"
        );
    }
}
