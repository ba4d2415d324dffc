//! A feed's tables: comma-separated rows with a heading, each row with its line.
//!
//! A feed is a folder or a ZIP archive of them. Columns are found by name, in any order; unknown ones are of no interest.

use std::path::{Path, PathBuf};

use super::archive::Archive;
use crate::primitives::text::{Findings, Place, Problem, closest};

/// The largest archive or table read [bytes].
const FILE_MAX: u64 = 1 << 30;
/// The most rows of a table.
const ROWS_MAX: u64 = 50_000_000;

/// A feed as it lies on the disk.
#[derive(Debug)]
pub(super) struct Store {
    path: PathBuf,
    /// The archive; none for a folder.
    archive: Option<Archive>,
    /// Files read so far.
    pub(super) read: Vec<PathBuf>,
}

impl Store {
    /// Opens a folder or an archive.
    pub(super) fn open(path: &Path) -> Result<Self, Problem> {
        let wrong = |why: String| Problem::new(Place::file(path), why);
        if path.is_dir() {
            return Ok(Self { path: path.to_owned(), archive: None, read: Vec::new() });
        }
        let archive = bounded(path).and_then(Archive::of).map_err(wrong)?;
        Ok(Self { path: path.to_owned(), archive: Some(archive), read: vec![path.to_owned()] })
    }

    /// Whether there is a table.
    pub(super) fn has(&self, name: &str) -> bool {
        match &self.archive {
            Some(archive) => archive.names().any(|entry| base(&entry) == name),
            None => self.path.join(name).is_file(),
        }
    }

    /// The place of a table.
    pub(super) fn place(&self, name: &str) -> Place {
        Place::file(self.path.join(name))
    }

    fn bytes(&mut self, name: &str) -> Result<Vec<u8>, String> {
        let Some(archive) = &mut self.archive else {
            let path = self.path.join(name);
            let bytes = bounded(&path)?;
            self.read.push(path);
            return Ok(bytes);
        };
        // The first by name where folders hold several.
        let entry = archive.names().filter(|entry| base(entry) == name).min();
        let entry = entry.ok_or("is not in the archive")?.into_owned();
        archive.unpack(&entry)
    }

    /// Hands every row of a table to `take`, in order; `required` columns must be there, `optional` ones may be missing. A row's columns are
    /// numbered as they are asked for, required ones first.
    pub(super) fn each(
        &mut self,
        name: &str,
        (required, optional): (&[&str], &[&str]),
        findings: &mut Findings,
        mut take: impl FnMut(&Row<'_>, &mut Findings),
    ) {
        let place = self.place(name);
        let bytes = match self.bytes(name) {
            Ok(bytes) => bytes,
            Err(why) => {
                let help = "a feed has agency, stops, routes, trips, stop_times, and calendar or calendar_dates";
                findings.problem(Problem::new(place, why).help(help));
                return;
            }
        };
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(text);
        let Ok(head) = reader.byte_headers().cloned() else {
            findings.problem(Problem::new(place, "has no heading"));
            return;
        };
        let head: Vec<String> = head.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        let mut columns = Vec::new();
        for column in required.iter().chain(optional) {
            let found = head.iter().position(|name| name == column);
            if found.is_none() && required.contains(column) {
                let problem = Problem::new(place.at(1, 0), format!("has no column `{column}`"));
                let like = closest(column, head.iter().map(String::as_str));
                let help =
                    like.map_or("the heading names the columns".to_owned(), |like| format!("is `{like}` meant?"));
                findings.problem(problem.help(help));
            }
            columns.push(found);
        }
        if columns.iter().take(required.len()).any(Option::is_none) {
            return;
        }
        let mut record = csv::ByteRecord::new();
        let mut rows = 0;
        loop {
            match reader.read_byte_record(&mut record) {
                Ok(true) if rows < ROWS_MAX => rows += 1,
                Ok(true) => {
                    findings.problem(Problem::new(place, format!("has more than {ROWS_MAX} rows")));
                    return;
                }
                Ok(false) => return,
                Err(error) => {
                    findings.problem(Problem::new(place, format!("cannot be read: {error}")));
                    return;
                }
            }
            let line = record.position().map_or(0, |position| u32::try_from(position.line()).unwrap_or(u32::MAX));
            take(&Row { record: &record, columns: &columns, place: &place, line }, findings);
        }
    }
}

/// A row of a table.
#[derive(Debug)]
pub(super) struct Row<'a> {
    record: &'a csv::ByteRecord,
    columns: &'a [Option<usize>],
    place: &'a Place,
    pub(super) line: u32,
}

impl Row<'_> {
    /// What stands in a column; nothing where the column is missing or empty, or where it is not UTF-8.
    pub(super) fn get(&self, column: usize) -> &str {
        let field = self.columns.get(column).copied().flatten().and_then(|at| self.record.get(at));
        field.and_then(|field| std::str::from_utf8(field).ok()).unwrap_or("")
    }

    /// Where it stands.
    pub(super) fn place(&self) -> Place {
        self.place.at(self.line, 0)
    }

    /// A number in a column, or a problem.
    pub(super) fn number(&self, column: usize, name: &str, findings: &mut Findings) -> Option<f64> {
        let text = self.get(column);
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
        if number.is_none() {
            let message = format!("`{name}` is `{text}`, which is no number");
            findings.problem(Problem::new(self.place(), message).help("correct it in the feed, or leave the row out"));
        }
        number
    }
}

/// The name of a file without its folders.
fn base(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}

/// The bytes of a file that is not too large.
fn bounded(path: &Path) -> Result<Vec<u8>, String> {
    let about = std::fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "is missing".to_owned(),
        _ => format!("cannot be read: {error}"),
    })?;
    if !about.is_file() {
        return Err("is not a file".to_owned());
    }
    if about.len() > FILE_MAX {
        return Err(format!("is larger than {} MiB", FILE_MAX >> 20));
    }
    std::fs::read(path).map_err(|error| format!("cannot be read: {error}"))
}
