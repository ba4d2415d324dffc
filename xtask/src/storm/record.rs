//! What has been done of a storm, line by line as it is done, so that one that was stopped goes on; and as a table.
//!
//! One writer, whoever does the scenes.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The record of a storm.
#[derive(Debug)]
pub(super) struct Record {
    path: PathBuf,
    text: String,
}

impl Record {
    /// What a file holds, or nothing yet.
    pub(super) fn open(path: &Path) -> Self {
        Self { path: path.to_owned(), text: fs::read_to_string(path).unwrap_or_default() }
    }

    /// What has been stood already.
    pub(super) fn stood(&self) -> BTreeSet<(String, u64)> {
        let stood = |line| Line::of(line).filter(|line| line.word == STOOD);
        self.text.lines().filter_map(stood).map(|line| (line.fault.to_owned(), line.seed)).collect()
    }

    /// Writes down what came of a fault done once.
    pub(super) fn add(&mut self, fault: &str, seed: u64, stood: bool, told: &str) -> Result<(), String> {
        if fault.contains(',') {
            // It would never be known again.
            return Err(format!(
                "the name `{fault}` holds a comma, which separates the fields of the record; name it without"
            ));
        }
        let word = if stood { STOOD } else { FAILED };
        let line = format!("{fault},{seed},{word},\"{}\"\n", told.replace('"', "'").replace('\n', " "));
        self.text.push_str(&line);
        let file = File::options().create(true).append(true).open(&self.path);
        file.and_then(|mut file| file.write_all(line.as_bytes()))
            .map_err(|error| format!("{}: {error}", self.path.display()))
    }

    /// As a table: each fault, how often it was done, how often stood.
    pub(super) fn table(&self) -> String {
        let mut rows: Vec<(&str, u64, u64, &str)> = Vec::new();
        for line in self.text.lines().filter_map(Line::of) {
            let at = rows.iter().position(|row| row.0 == line.fault).unwrap_or_else(|| {
                rows.push((line.fault, 0, 0, ""));
                rows.len() - 1
            });
            rows[at].1 += 1;
            rows[at].2 += u64::from(line.word == STOOD);
            rows[at].3 = line.told;
        }
        rows.sort_by_key(|row| !row.0.starts_with("embedded"));
        let mut out = String::from("\n| fault | done | stood | the last |\n|---|---|---|---|\n");
        for (name, done, stood, told) in rows {
            let _ = writeln!(out, "| {name} | {done} | {stood} | {told} |");
        }
        out
    }
}

/// The words for how a fault was stood.
pub(super) const STOOD: &str = "stood";
pub(super) const FAILED: &str = "FAILED";

/// A line of the record; the names of faults hold no comma.
struct Line<'a> {
    fault: &'a str,
    seed: u64,
    word: &'a str,
    told: &'a str,
}

impl<'a> Line<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let mut fields = line.splitn(4, ',');
        let (fault, seed, word) = (fields.next()?, fields.next()?.parse().ok()?, fields.next()?);
        Some(Self { fault, seed, word, told: fields.next().unwrap_or_default().trim_matches('"') })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A storm that is stopped and goes on does only what has not been stood, and forgets no failure.
    #[test]
    fn what_stands_in_the_record_is_known_again() {
        let path = std::env::temp_dir().join(format!("citytwin-record-{}.csv", std::process::id()));
        drop(fs::remove_file(&path));
        let mut record = Record::open(&path);
        assert!(record.stood().is_empty());
        record.add("servers/cut", 1, true, "all, well").unwrap();
        record.add("embedded/cut", 1, false, "it said \"no\"\nand went").unwrap();
        record.add("embedded/cut", 2, true, "fine").unwrap();
        assert!(record.add("servers/killed, its data gone", 1, true, "").is_err_and(|reason| reason.contains("comma")));
        let again = Record::open(&path);
        drop(fs::remove_file(&path));
        assert_eq!(again.text, record.text);
        let stood: Vec<(String, u64)> = again.stood().into_iter().collect();
        assert_eq!(stood, [("embedded/cut".to_owned(), 2), ("servers/cut".to_owned(), 1)]);
        let rows: Vec<String> = again.table().lines().skip(3).map(str::to_owned).collect();
        assert_eq!(rows, ["| embedded/cut | 2 | 1 | fine |", "| servers/cut | 1 | 1 | all, well |"]);
    }

    /// Half a line, as a machine that was switched off leaves it, is not taken for one.
    #[test]
    fn a_line_cut_short_counts_for_nothing() {
        for line in ["", "embedded/cut", "embedded/cut,1", "embedded/cut,x,stood,\"\""] {
            assert!(Line::of(line).is_none(), "{line}");
        }
        assert!(Line::of("embedded/cut,1,stoo").is_some_and(|line| line.word != STOOD));
    }
}
