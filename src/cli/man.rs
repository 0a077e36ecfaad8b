//! `rolecall man`: the manual page.

use std::io::Write;
use std::path::PathBuf;

use super::{Outcome, command};

/// Print the manual page, or write one per subcommand
///
/// Read it with `rolecall man | man -l -`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Write rolecall.1 and one page per subcommand into this directory
    #[arg(short, long, value_name = "DIRECTORY")]
    output: Option<PathBuf>,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let command = command();
    if let Some(directory) = &arguments.output {
        let io = |source| crate::Error::Io {
            action: "write",
            path: directory.clone(),
            source,
        };
        return Ok(clap_mangen::generate_to(command, directory).map_err(io)?);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    Ok(std::io::stdout().write_all(&page)?)
}
