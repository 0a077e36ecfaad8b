//! The command `rolecall`. It decides the exit code, nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    rolecall::cli::run(std::env::args_os()).into()
}
