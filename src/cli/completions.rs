//! `rolecall completions`: for the shell.

use std::io::Write;

use super::{Outcome, command};

/// Print the completions for a shell
///
/// Bash reads them from ~/.local/share/bash-completion/completions/rolecall, fish from
/// ~/.config/fish/completions/rolecall.fish, zsh from `_rolecall` in a directory of $fpath.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The shell to print them for
    shell: clap_complete::Shell,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command(), "rolecall", &mut script);
    Ok(std::io::stdout().write_all(&script)?)
}
