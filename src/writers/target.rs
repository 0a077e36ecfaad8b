//! Where output goes: standard output, or a file that carries its name only once it is
//! whole.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Where an output is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Standard output.
    Stdout,
    /// A file.
    File(PathBuf),
}

impl Destination {
    /// The name in messages.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Stdout => "standard output".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// The file, if it is one.
    #[must_use]
    pub fn file(&self) -> Option<&PathBuf> {
        match self {
            Self::Stdout => None,
            Self::File(path) => Some(path),
        }
    }

    /// The name beside it under which its first part is written.
    #[must_use]
    pub fn partial(&self) -> Option<PathBuf> {
        match self {
            Self::Stdout => None,
            Self::File(path) => Some(beside(path, ".partial")),
        }
    }

    /// The same, or the file that a link leads to, so that it is replaced and not the link.
    #[must_use]
    pub fn followed(&self) -> Self {
        match self {
            Self::Stdout => Self::Stdout,
            Self::File(path) => Self::File(followed(path)),
        }
    }
}

/// Where a link leads in the end, whether or not there is a file. Devices and pipes keep the
/// name that they were given, for what leads to them may lead nowhere else.
fn followed(path: &Path) -> PathBuf {
    /// As many as Linux follows.
    const LINKS: usize = 40;
    let mut path = path.to_owned();
    if is_special(&path) {
        return path;
    }
    for _ in 0..LINKS {
        let Ok(to) = std::fs::read_link(&path) else {
            break;
        };
        path = path.parent().unwrap_or(Path::new("")).join(to);
    }
    path
}

/// Whether there is something that is no file: a device, a pipe, a directory.
fn is_special(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| !found.is_file())
}

/// Whether two names lead to one file. Pipes are not looked into: opening one waits for
/// whoever is to stand at its other end.
#[must_use]
pub fn are_same(one: &Path, other: &Path) -> bool {
    one == other
        || one.is_file() && other.is_file() && same_file::is_same_file(one, other).unwrap_or(false)
}

/// A name beside a file's own.
#[must_use]
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Writes a small file under another name beside its own and renames it, so that no half file
/// ever carries the name. A device or a pipe is written to as it stands.
///
/// # Errors
/// Whatever writing or renaming met; nothing is left beside the name then.
pub fn write_whole(path: &Path, suffix: &str, bytes: &[u8]) -> io::Result<()> {
    if is_special(path) {
        return std::fs::write(path, bytes);
    }
    let path = followed(path);
    let new = beside(&path, suffix);
    let written = std::fs::write(&new, bytes).and_then(|()| std::fs::rename(&new, &path));
    if written.is_err() {
        // What could not be finished is no use to anybody.
        let _ = std::fs::remove_file(&new);
    }
    written
}

/// An output being written.
#[derive(Debug)]
pub struct Target {
    place: Place,
    written: u64,
}

#[derive(Debug)]
enum Place {
    Stdout(io::Stdout),
    /// A device or a pipe, which cannot be renamed.
    Direct(File, PathBuf),
    Beside {
        file: File,
        partial: PathBuf,
        path: PathBuf,
    },
}

impl Target {
    /// Opens an output. A file is written to `FILE.partial`, which is locked until this
    /// process ends or is done with it; what it holds is left as it is until
    /// [`Target::keep`].
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Busy`] while another process writes the same file;
    /// [`Error::Data`] for a directory.
    pub fn open(destination: &Destination) -> Result<Self> {
        let path = match destination {
            Destination::Stdout => {
                let place = Place::Stdout(io::stdout());
                return Ok(Self { place, written: 0 });
            }
            Destination::File(path) => path,
        };
        match path.metadata() {
            Ok(found) if found.is_dir() => {
                return Err(refused(path, "it is a directory; name a file in it"));
            }
            Ok(found) if !found.is_file() => {
                let file = OpenOptions::new().write(true).open(path);
                let file = file.map_err(|e| io_error("write", path, e))?;
                let place = Place::Direct(file, path.clone());
                return Ok(Self { place, written: 0 });
            }
            _ => {}
        }
        let partial = beside(path, ".partial");
        let Some(file) = lock(&partial)? else {
            let origin = path.display().to_string();
            return Err(Error::Busy { origin });
        };
        let path = path.clone();
        let place = Place::Beside {
            file,
            partial,
            path,
        };
        Ok(Self { place, written: 0 })
    }

    /// Goes on behind the first `length` bytes of an unfinished output; 0 begins anew.
    ///
    /// # Errors
    /// [`Error::Data`] where there are fewer, [`Error::Io`].
    pub fn keep(&mut self, length: u64) -> Result<()> {
        if let Place::Beside {
            file,
            partial,
            path,
        } = &mut self.place
        {
            let io = |e| io_error("write", partial, e);
            let found = file.metadata().map_err(io)?.len();
            if found < length {
                let reason = format!(
                    "its unfinished part `{}` has {found} bytes and the checkpoint counts {length}; start again without --resume",
                    partial.display()
                );
                return Err(refused(path, &reason));
            }
            file.set_len(length).map_err(io)?;
            file.seek(SeekFrom::Start(length)).map_err(io)?;
            self.written = length;
        }
        Ok(())
    }

    /// Bytes written so far, those kept included.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Whether the output can be taken up again after an interruption.
    #[must_use]
    pub fn is_file(&self) -> bool {
        matches!(self.place, Place::Beside { .. })
    }

    /// A hold on the file by which another thread can make sure that what was written up to
    /// now survives the machine; none for what is no file.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn written_part(&self) -> Result<Option<WrittenPart>> {
        match &self.place {
            Place::Beside { file, partial, .. } => {
                let file = file.try_clone();
                let file = file.map_err(|e| io_error("write", partial, e))?;
                let partial = partial.clone();
                Ok(Some(WrittenPart { file, partial }))
            }
            _ => Ok(None),
        }
    }

    /// Writes all of `bytes`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn put(&mut self, bytes: &[u8]) -> Result<()> {
        let result = self.write_all(bytes);
        result.map_err(|e| io_error("write", &self.shown(), e))
    }

    /// Hands everything to the reader of a pipe.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn pass_on(&mut self) -> Result<()> {
        let result = self.flush();
        result.map_err(|e| io_error("write", &self.shown(), e))
    }

    fn shown(&self) -> PathBuf {
        match &self.place {
            Place::Stdout(_) => PathBuf::from("standard output"),
            Place::Direct(_, path) => path.clone(),
            Place::Beside { partial, .. } => partial.clone(),
        }
    }

    /// Gives the output its name.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn finish(mut self) -> Result<()> {
        self.pass_on()?;
        if let Place::Beside {
            file,
            partial,
            path,
        } = self.place
        {
            file.sync_all()
                .map_err(|e| io_error("write", &partial, e))?;
            std::fs::rename(&partial, &path).map_err(|e| io_error("write", &path, e))?;
        }
        Ok(())
    }

    /// Takes a file away that was begun and holds nothing; a part of an earlier run stays.
    pub fn discard_if_empty(self) {
        if let Place::Beside { file, .. } = &self.place
            && file.metadata().is_ok_and(|found| found.len() == 0)
        {
            self.discard();
        }
    }

    /// Takes away what was begun and holds nothing worth keeping.
    pub fn discard(self) {
        if let Place::Beside { partial, .. } = &self.place {
            // What cannot be removed is overwritten the next time.
            let _ = std::fs::remove_file(partial);
        }
    }
}

/// The part of an output that is written; see [`Target::written_part`].
#[derive(Debug)]
pub struct WrittenPart {
    file: File,
    partial: PathBuf,
}

impl WrittenPart {
    /// Waits until the part is on the disk.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn sync(&self) -> Result<()> {
        let synced = self.file.sync_data();
        synced.map_err(|e| io_error("write", &self.partial, e))
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = match &mut self.place {
            Place::Stdout(out) => out.write(bytes),
            Place::Direct(file, _) | Place::Beside { file, .. } => file.write(bytes),
        }?;
        self.written += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.place {
            Place::Stdout(out) => out.flush(),
            Place::Direct(file, _) | Place::Beside { file, .. } => file.flush(),
        }
    }
}

/// Opens and locks a file; `None` while another process holds it.
fn lock(partial: &Path) -> Result<Option<File>> {
    let io = |e| io_error("create", partial, e);
    loop {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let file = options.open(partial).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(e)) => return Err(io(e)),
        }
        // Between opening and locking, its owner may have given it its final name.
        let locked = file.try_clone().and_then(same_file::Handle::from_file);
        let named = same_file::Handle::from_path(partial);
        if locked.is_ok_and(|locked| named.is_ok_and(|named| named == locked)) {
            return Ok(Some(file));
        }
    }
}

fn refused(path: &Path, reason: &str) -> Error {
    Error::Data {
        origin: path.display().to_string(),
        line: None,
        reason: reason.to_owned(),
    }
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> Error {
    Error::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_its_name_only_when_it_is_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out.csv");
        let destination = Destination::File(path.clone());
        std::fs::write(&path, "before").unwrap();
        let mut target = Target::open(&destination).unwrap();
        target.put(b"after").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"before");
        let second = Target::open(&destination).unwrap_err().to_string();
        assert!(
            second.contains("another rolecall is writing it"),
            "{second}"
        );
        target.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"after");
        assert!(!beside(&path, ".partial").exists());
        Target::open(&destination).unwrap().discard();
        assert!(!beside(&path, ".partial").exists());
    }

    #[test]
    fn a_part_is_taken_up_at_its_checkpoint() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out.csv");
        std::fs::write(beside(&path, ".partial"), "one two thr").unwrap();
        let destination = Destination::File(path.clone());
        let mut target = Target::open(&destination).unwrap();
        assert!(target.keep(100).is_err());
        target.keep(8).unwrap();
        target.put(b"three").unwrap();
        assert_eq!(target.written(), 13);
        target.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"one two three");
    }
}
