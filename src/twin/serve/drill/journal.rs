//! The log that is made of what happens in a drill, a line of JSON each: whoever makes the drill again writes the same bytes.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

/// Its name.
pub(super) const LOG: &str = "log.jsonl";

/// The log of a branch, being written.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    length: u64,
}

fn cannot(path: &Path) -> impl FnOnce(io::Error) -> String {
    move |error| format!("`{}` cannot be written: {error}", path.display())
}

impl Journal {
    /// Goes on behind so many bytes; what stands after them is of a future that is made again.
    ///
    /// # Errors
    /// When it cannot be written, in a sentence.
    pub(super) fn begin(branch: &Path, length: u64) -> Result<Self, String> {
        let path = branch.join(LOG);
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(cannot(&path))?;
        file.set_len(length).map_err(cannot(&path))?;
        let mut journal = Self { path, file, length };
        journal.file.seek(SeekFrom::End(0)).map_err(cannot(&journal.path))?;
        Ok(journal)
    }

    /// Goes on behind everything that is there.
    ///
    /// # Errors
    /// When it cannot be written, in a sentence.
    pub(super) fn at_end(branch: &Path) -> Result<Self, String> {
        Self::begin(branch, std::fs::metadata(branch.join(LOG)).map_or(0, |about| about.len()))
    }

    /// Whether the log of a branch is as long as a state says.
    pub(super) fn reaches(branch: &Path, length: u64) -> bool {
        std::fs::metadata(branch.join(LOG)).map_or(0, |about| about.len()) >= length
    }

    /// Begins the log of a branch with so many bytes of another's.
    ///
    /// # Errors
    /// When it cannot be written, in a sentence.
    pub(super) fn copy(from: &Path, to: &Path, length: u64) -> Result<(), String> {
        use std::io::Read as _;
        let (from, to) = (from.join(LOG), to.join(LOG));
        let copied = (|| {
            let mut file = File::create(&to)?;
            io::copy(&mut File::open(&from)?.take(length), &mut file)
        })();
        match copied {
            Ok(bytes) if bytes == length => Ok(()),
            Ok(_) => Err(format!("`{}` is shorter than it was", from.display())),
            Err(error) => Err(cannot(&to)(error)),
        }
    }

    /// Writes lines, at once.
    ///
    /// # Errors
    /// When they cannot be written, in a sentence.
    pub(super) fn write<T: Serialize>(&mut self, lines: &[T]) -> Result<(), String> {
        if lines.is_empty() {
            return Ok(());
        }
        let mut text = Vec::new();
        for line in lines {
            serde_json::to_writer(&mut text, line).map_err(|error| error.to_string())?;
            text.push(b'\n');
        }
        self.file.write_all(&text).map_err(cannot(&self.path))?;
        self.length += text.len() as u64;
        Ok(())
    }

    /// How long it is [bytes].
    pub(super) const fn length(&self) -> u64 {
        self.length
    }
}
