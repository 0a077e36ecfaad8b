//! How far an output has come, so that an interrupted labelling can go on.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::Tally;
use crate::error::{Error, Result};
use crate::readers::Origin;
use crate::readers::chunks::Position;
use crate::writers::target::{beside, write_whole};

/// What an output depends on, and how far it has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The version of this program.
    pub version: String,
    /// The model's id.
    pub model_id: String,
    /// Every option that changes the output, by the name it has on the command line.
    pub settings: Vec<(String, String)>,
    /// The inputs.
    pub inputs: Vec<InputState>,
    /// Inputs that are done.
    pub done: usize,
    /// Where to go on in the next one; none: at its beginning.
    pub position: Option<Position>,
    /// Bytes of the output.
    pub output: u64,
    /// Bytes of the rejects file.
    pub rejects: u64,
    /// Counts so far.
    pub tally: Tally,
    /// The first reject so far.
    pub first_reject: Option<(String, u64, String)>,
}

/// A file as it was when the labelling began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputState {
    /// Its path as it is shown, for not every path can be written down exactly.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was changed last, in nanoseconds.
    pub modified: u128,
}

impl InputState {
    /// Looks at a file.
    ///
    /// # Errors
    /// [`Error::Io`], and [`Error::Data`] for standard input.
    pub fn of(origin: &Origin) -> Result<Self> {
        let Origin::File(path) = origin else {
            return Err(Error::Data {
                origin: origin.name(),
                line: None,
                reason: "--resume cannot take up standard input; give the name of a file"
                    .to_owned(),
            });
        };
        let found = fs::metadata(path).map_err(|source| Error::Io {
            action: "read",
            path: path.clone(),
            source,
        })?;
        let modified = found.modified().ok();
        let modified = modified.and_then(|t| t.duration_since(UNIX_EPOCH).ok());
        Ok(Self {
            path: path.display().to_string(),
            size: found.len(),
            modified: modified.map_or(0, |d| d.as_nanos()),
        })
    }
}

/// Where the checkpoint of an output stands.
#[must_use]
pub fn path_of(output: &Path) -> PathBuf {
    beside(output, ".checkpoint")
}

impl Checkpoint {
    /// Reads the checkpoint of an output; `None` where there is none.
    ///
    /// # Errors
    /// [`Error::Io`], and [`Error::Data`] for a damaged one.
    pub fn load(output: &Path) -> Result<Option<Self>> {
        let path = path_of(output);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                return Err(Error::Io {
                    action: "read",
                    path,
                    source,
                });
            }
        };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|e| Error::Data {
                origin: path.display().to_string(),
                line: None,
                reason: format!("the checkpoint is damaged ({e}); start again without --resume"),
            })
    }

    /// Writes it beside the output, in one step.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn save(&self, output: &Path) -> Result<()> {
        let path = path_of(output);
        let io = |source| Error::Io {
            action: "write",
            path: path.clone(),
            source,
        };
        let bytes = serde_json::to_vec(self).map_err(|e| io(e.into()))?;
        // Where it fails, the one before stays.
        write_whole(&path, ".new", &bytes).map_err(io)
    }

    /// Takes the checkpoint of an output away.
    pub fn remove(output: &Path) {
        // There may be none, and one that stays is discarded by the next run.
        let _ = fs::remove_file(path_of(output));
    }

    /// Compares with what a new run would do.
    ///
    /// # Errors
    /// [`Error::Data`] that names the first difference.
    pub fn check(&self, now: &Self, output: &Path) -> Result<()> {
        let differs = |what: &str, then: &str, now: &str| {
            Err(Error::Data {
                origin: path_of(output).display().to_string(),
                line: None,
                reason: format!(
                    "{what} was `{then}` when the labelling began and is `{now}` now; put it back, or start again without --resume"
                ),
            })
        };
        if self.version != now.version {
            return differs("rolecall's version", &self.version, &now.version);
        }
        if self.model_id != now.model_id {
            return differs("the model", &self.model_id, &now.model_id);
        }
        let paths = |c: &Self| {
            let names = c.inputs.iter().map(|i| i.path.as_str());
            names.collect::<Vec<_>>().join(" ")
        };
        if paths(self) != paths(now) {
            return differs("the input", &paths(self), &paths(now));
        }
        for (then, now) in self.inputs.iter().zip(&now.inputs) {
            let name = &now.path;
            if then.size != now.size {
                let what = format!("the size of `{name}`");
                return differs(&what, &then.size.to_string(), &now.size.to_string());
            }
            if then.modified != now.modified {
                let what = format!("the time of the last change of `{name}`");
                let seconds = |ns: u128| format!("{:.3}", ns as f64 / 1e9);
                return differs(&what, &seconds(then.modified), &seconds(now.modified));
            }
        }
        let value = |c: &Self, name: &str| {
            let found = c.settings.iter().find(|(n, _)| n == name);
            found.map_or(String::new(), |(_, v)| v.clone())
        };
        let names = self
            .settings
            .iter()
            .chain(&now.settings)
            .map(|(name, _)| name);
        for name in names {
            let (then, now) = (value(self, name), value(now, name));
            if then != now {
                return differs(&format!("--{name}"), &then, &now);
            }
        }
        Ok(())
    }
}
