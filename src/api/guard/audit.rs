//! Who ordered what, and who was turned away: lines of JSON, in files of bounded size.
//!
//! Names, addresses, paths and orders; never a header, a query or a body that may hold a secret.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// Size from which a file is put aside [bytes].
const FILE_BYTES_MAX: u64 = 16 << 20;
/// Files put aside that are kept.
const FILES_KEPT: usize = 4;
/// Longest text in a line [characters].
const TEXT_MAX: usize = 300;

/// One line.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Line<'a> {
    pub(super) at: String,
    pub(super) request: &'a str,
    pub(super) who: Option<&'a str>,
    pub(super) role: Option<&'a str>,
    pub(super) address: String,
    pub(super) method: &'a str,
    pub(super) path: String,
    pub(super) status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ordered: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refused: Option<String>,
}

/// Text as a line may hold it: short, without control characters.
pub(super) fn told(text: &str) -> String {
    let mut kept: String = text.chars().take(TEXT_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(TEXT_MAX).is_some() {
        kept.push('…');
    }
    kept
}

/// The log.
#[derive(Debug)]
pub(super) struct Audit {
    path: PathBuf,
    file: Mutex<(File, u64)>,
    file_bytes_max: u64,
    lost: AtomicU64,
}

impl Audit {
    /// Opens the log, and goes on where it was left.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = appended(path)?;
        let length = file.metadata()?.len();
        let file = Mutex::new((file, length));
        Ok(Self { path: path.to_owned(), file, file_bytes_max: FILE_BYTES_MAX, lost: AtomicU64::new(0) })
    }

    /// Writes a line. What cannot be written is counted: an ambulance does not wait for a full disk.
    pub(super) fn write(&self, line: &Line<'_>) {
        if self.try_write(line).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Lines that could not be written.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn try_write(&self, line: &Line<'_>) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
        let mut held = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if held.1 > 0 && held.1.saturating_add(bytes) > self.file_bytes_max {
            self.put_aside()?;
            *held = (appended(&self.path)?, 0);
        }
        held.0.write_all(&text)?;
        held.1 += bytes;
        Ok(())
    }

    /// Numbers the files one up; the last falls away.
    fn put_aside(&self) -> io::Result<()> {
        let numbered = |number: usize| {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        };
        for number in (1..FILES_KEPT).rev() {
            let from = numbered(number);
            if from.exists() {
                std::fs::rename(from, numbered(number + 1))?;
            }
        }
        std::fs::rename(&self.path, numbered(1))
    }
}

/// The file, for its owner only.
fn appended(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(path: &str) -> Line<'_> {
        Line {
            at: "2026-01-01T00:00:00.000Z".to_owned(),
            request: "01J",
            who: Some("ops"),
            role: Some("operator"),
            address: "127.0.0.1".to_owned(),
            method: "POST",
            path: told(path),
            status: 201,
            ordered: None,
            refused: None,
        }
    }

    #[test]
    fn a_line_stays_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let audit = Audit::open(&path).unwrap();
        audit.write(&line("/api/\n{\"who\":\"admin\"}\u{1b}[2J"));
        audit.write(&line(&"x".repeat(10_000)));
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 2);
        assert!(text.lines().all(|line| line.len() < 700 && serde_json::from_str::<serde_json::Value>(line).is_ok()));
        assert!(text.starts_with("{\"at\":\"2026-01-01T00:00:00.000Z\",\"request\":\"01J\",\"who\":\"ops\""), "{text}");
        // And it is appended to, not begun anew.
        Audit::open(&path).unwrap().write(&line("/api"));
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 3);
    }

    #[test]
    fn files_are_bounded_in_size_and_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let audit = Audit { file_bytes_max: 1_000, ..Audit::open(&path).unwrap() };
        for _ in 0..100 {
            audit.write(&line("/api/v1/sessions/live/interventions"));
        }
        let mut files: Vec<(String, u64)> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().len()))
            .collect();
        files.sort();
        let names: Vec<&str> = files.iter().map(|file| file.0.as_str()).collect();
        assert_eq!(names, ["audit.jsonl", "audit.jsonl.1", "audit.jsonl.2", "audit.jsonl.3", "audit.jsonl.4"]);
        assert!(files.iter().all(|file| file.1 > 0 && file.1 <= 1_000), "{files:?}");
        assert_eq!(audit.lost(), 0);
    }

    #[test]
    fn what_cannot_be_written_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let audit = Audit { file_bytes_max: 1, ..Audit::open(&path).unwrap() };
        audit.write(&line("/a"));
        std::fs::remove_dir_all(folder.path()).unwrap();
        audit.write(&line("/b"));
        assert_eq!(audit.lost(), 1);
        assert!(Audit::open(&path).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_reads_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        Audit::open(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
