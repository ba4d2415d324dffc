//! Files that are either complete or not there: written under a temporary name beside their place, renamed at the end.
//!
//! Knows bytes and paths, not what they mean.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A file or folder that could not be written; what was there before is still there.
#[derive(Debug, thiserror::Error)]
#[error("cannot write `{}`: {}", path.display(), reason(source))]
pub struct WriteError {
    /// Which file or folder.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// The reason in words, without the system's error number.
pub(crate) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull => "the disk is full".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::NotFound => "its folder does not exist".to_owned(),
        io::ErrorKind::AlreadyExists => "there is a file of that name; name a folder".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder; name a file".to_owned(),
        io::ErrorKind::NotADirectory => "what should be a folder on its way is a file".to_owned(),
        _ => error.to_string(),
    }
}

impl WriteError {
    /// An error about `path`, to be used with `map_err`.
    pub(super) fn about(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self { path: path.to_owned(), source }
    }
}

/// A file being written.
#[derive(Debug)]
pub struct Draft {
    path: PathBuf,
    /// None once renamed, and for what is not a plain file (a pipe, `/dev/stdout`), which is written straight away.
    temporary: Option<PathBuf>,
    writer: BufWriter<File>,
}

impl Draft {
    /// Begins a file.
    ///
    /// # Errors
    /// When it cannot be created beside its final place.
    pub fn create(path: &Path) -> Result<Self, WriteError> {
        let special = fs::metadata(path).is_ok_and(|about| !about.is_file());
        let temporary = (!special).then(|| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            path.with_file_name(format!(".{name}.{}.part", std::process::id()))
        });
        let file = match &temporary {
            Some(temporary) => File::create(temporary),
            None => File::options().write(true).open(path),
        };
        let writer = BufWriter::with_capacity(1 << 16, file.map_err(WriteError::about(path))?);
        Ok(Self { path: path.to_owned(), temporary, writer })
    }

    /// Writes with `write`, and names the file if that fails.
    ///
    /// # Errors
    /// When the disk is full or gone.
    pub fn add(&mut self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), WriteError> {
        write(&mut self.writer).map_err(WriteError::about(&self.path))
    }

    /// The same, for those who have to know that it is a file.
    ///
    /// # Errors
    /// As [`Draft::add`].
    pub(super) fn add_to_file(
        &mut self,
        write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> Result<(), WriteError> {
        write(&mut self.writer).map_err(WriteError::about(&self.path))
    }

    /// Ends the file and gives it its name.
    ///
    /// # Errors
    /// When the rest cannot be written or the file not renamed; nothing is left of it then.
    pub fn finish(mut self) -> Result<(), WriteError> {
        self.writer.flush().map_err(WriteError::about(&self.path))?;
        if let Some(temporary) = &self.temporary {
            self.writer.get_ref().sync_all().map_err(WriteError::about(&self.path))?;
            fs::rename(temporary, &self.path).map_err(WriteError::about(&self.path))?;
            self.temporary = None;
        }
        Ok(())
    }
}

impl Drop for Draft {
    /// Takes an unfinished file away.
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            // Nothing can be done about a temporary file that will not go, and nobody takes it for a result.
            drop(fs::remove_file(temporary));
        }
    }
}

/// Writes a whole file with `write`.
///
/// # Errors
/// When it cannot be written; nothing is left of it then.
pub fn write_file(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), WriteError> {
    let mut draft = Draft::create(path)?;
    draft.add(write)?;
    draft.finish()
}

/// Removes a file, if it is there.
///
/// # Errors
/// When it is there and will not go.
pub(super) fn remove_file(path: &Path) -> Result<(), WriteError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(WriteError::about(path)(error)),
        _ => Ok(()),
    }
}

/// Makes a folder and those above it, unless it is there.
///
/// # Errors
/// When it cannot be made.
pub fn make_folder(folder: &Path) -> Result<PathBuf, WriteError> {
    fs::create_dir_all(folder).map_err(WriteError::about(folder))?;
    Ok(folder.to_owned())
}

/// Makes the folder of a run, `parent/id`, with a number behind it when another run began in the same second.
///
/// # Errors
/// When it cannot be made.
pub fn run_folder(parent: &Path, id: &str) -> Result<PathBuf, WriteError> {
    fs::create_dir_all(parent).map_err(WriteError::about(parent))?;
    let mut folder = parent.join(id);
    for attempt in 2.. {
        match fs::create_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < 1000 => {
                folder = parent.join(format!("{id}-{attempt}"));
            }
            Err(error) => return Err(WriteError { path: folder, source: error }),
            Ok(()) => break,
        }
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("the folder").flatten();
        let mut names: Vec<String> = entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("trips.csv");
        fs::write(&path, "old").expect("a file");
        let error = write_file(&path, |out| {
            out.write_all(b"half")?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        })
        .expect_err("full");
        assert_eq!(error.to_string(), format!("cannot write `{}`: the disk is full", path.display()));
        assert_eq!(
            (names(folder.path()), fs::read_to_string(&path).expect("old")),
            (vec!["trips.csv".to_owned()], "old".into())
        );
        write_file(&path, |out| out.write_all(b"new")).expect("written");
        assert_eq!(
            (names(folder.path()), fs::read_to_string(&path).expect("new")),
            (vec!["trips.csv".to_owned()], "new".into())
        );
    }

    #[test]
    fn a_disk_that_fills_up_is_named_with_its_file() {
        let full = Path::new("/dev/full");
        if full.exists() {
            let error = write_file(full, |out| out.write_all(&vec![b'x'; 1 << 17])).expect_err("full");
            assert_eq!(error.to_string(), "cannot write `/dev/full`: the disk is full");
        }
        let error = Draft::create(Path::new("/nowhere/at/all.xml")).expect_err("no folder");
        assert_eq!(error.to_string(), "cannot write `/nowhere/at/all.xml`: its folder does not exist");
    }

    #[test]
    fn two_runs_of_one_second_get_two_folders() {
        let folder = tempfile::tempdir().expect("a folder");
        let parent = folder.path().join("demo");
        for expected in ["a", "a-2", "a-3"] {
            assert_eq!(run_folder(&parent, "a").expect("made"), parent.join(expected));
        }
    }
}
