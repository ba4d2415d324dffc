//! The ledger: how many records every device made, and a fingerprint of those that were sent whole.
//!
//! Kept in memory while a run emits, 100 bytes a device; written as CSV, sorted, so that equal runs give equal files.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::telemetry::{DeviceId, Digest, Emission, Fate, ReadingKind};

/// What a line of the ledger is about: a device, a kind it reports, and an epoch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Line {
    /// The device.
    pub device: DeviceId,
    /// The kind of its readings.
    pub kind: ReadingKind,
    /// Its epoch.
    pub epoch: u32,
}

/// What a line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Entry {
    /// One more than the highest sequence.
    pub sequence_end: u64,
    /// Records the device made.
    pub emitted: u64,
    /// Of these, lost by the radio.
    pub lost: u64,
    /// Of these, damaged by the radio.
    pub garbled: u64,
    /// Count and fingerprint of those sent whole.
    pub sent: Digest,
}

/// What every device emitted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    lines: HashMap<Line, Entry>,
}

/// A ledger that could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file cannot be written or read.
    #[error("cannot {doing} the ledger `{}`: {source}", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A line of it says nothing.
    #[error("`{}`:{line}: {reason}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// What is wrong.
        reason: String,
    },
}

const HEAD: [&str; 8] = ["device", "kind", "epoch", "sequence_end", "emitted", "lost", "garbled", "sent"];

impl Ledger {
    /// Notes a record; `json` is its canonical JSON, as it is sent if it is sent whole.
    pub fn add(&mut self, emission: &Emission, json: &[u8]) {
        let record = &emission.record;
        let line = Line { device: record.device.clone(), kind: record.kind(), epoch: record.epoch };
        let entry = self.lines.entry(line).or_default();
        entry.sequence_end = entry.sequence_end.max(record.sequence.saturating_add(1));
        entry.emitted += 1;
        match emission.fate {
            Fate::Sent => entry.sent.add(json),
            Fate::Lost => entry.lost += 1,
            Fate::Garbled => entry.garbled += 1,
        }
    }

    /// The lines, sorted.
    pub fn lines(&self) -> BTreeMap<Line, Entry> {
        self.lines.iter().map(|(line, entry)| (line.clone(), *entry)).collect()
    }

    /// Writes it as CSV, under a temporary name first.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), LedgerError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let draft = path.with_file_name(format!(".{name}.part"));
        let written = || -> io::Result<()> {
            let mut file = csv::Writer::from_path(&draft)?;
            file.write_record(HEAD)?;
            for (Line { device, kind, epoch }, entry) in self.lines() {
                let Entry { sequence_end, emitted, lost, garbled, sent } = entry;
                let numbers = [u64::from(epoch), sequence_end, emitted, lost, garbled].map(|number| number.to_string());
                let words = [device.as_str(), kind.word()].into_iter().chain(numbers.iter().map(String::as_str));
                file.write_record(words.chain([sent.to_string().as_str()]))?;
            }
            file.into_inner().map_err(csv::IntoInnerError::into_error)?.sync_all()?;
            std::fs::rename(&draft, path)
        };
        written().map_err(|source| LedgerError::File { doing: "write", path: path.to_owned(), source })
    }

    /// Takes away what [`Self::write`] wrote, if it is there.
    ///
    /// # Errors
    /// When it is there and will not go.
    pub fn remove(path: &Path) -> Result<(), LedgerError> {
        match std::fs::remove_file(path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(LedgerError::File { doing: "remove", path: path.to_owned(), source })
            }
            _ => Ok(()),
        }
    }

    /// Reads what [`Self::write`] wrote.
    ///
    /// # Errors
    /// When the file cannot be read, with the first line that is no line of a ledger or is there twice.
    pub fn read(path: &Path) -> Result<Self, LedgerError> {
        let cannot = |source: io::Error| LedgerError::File { doing: "read", path: path.to_owned(), source };
        let mut file = csv::ReaderBuilder::new().flexible(true).from_reader(File::open(path).map_err(cannot)?);
        let bad = |line, reason: &str| LedgerError::Line { path: path.to_owned(), line, reason: reason.to_owned() };
        if file.headers().map_err(|error| cannot(error.into()))? != HEAD[..] {
            return Err(bad(1, "not the columns of a ledger"));
        }
        let mut ledger = Self::default();
        for row in file.records() {
            let row = row.map_err(|error| cannot(error.into()))?;
            let number = row.position().map_or(0, csv::Position::line);
            let (line, entry) = parse(&row).ok_or_else(|| bad(number, "not a line of a ledger"))?;
            if ledger.lines.insert(line, entry).is_some() {
                return Err(bad(number, "a line that stands here twice"));
            }
        }
        Ok(ledger)
    }
}

fn parse(row: &csv::StringRecord) -> Option<(Line, Entry)> {
    let fields: Vec<&str> = row.iter().collect();
    let [device, kind, epoch, sequence_end, emitted, lost, garbled, sent] = fields[..] else { return None };
    let line = Line { device: device.parse().ok()?, kind: ReadingKind::from_word(kind)?, epoch: epoch.parse().ok()? };
    let (count, sum) = sent.split_once(':')?;
    let sent = Digest { count: count.parse().ok()?, sum: u128::from_str_radix(sum, 16).ok()? };
    let entry = Entry {
        sequence_end: sequence_end.parse().ok()?,
        emitted: emitted.parse().ok()?,
        lost: lost.parse().ok()?,
        garbled: garbled.parse().ok()?,
        sent,
    };
    let adds_up = entry.lost.checked_add(entry.garbled)?.checked_add(sent.count)? == entry.emitted;
    (adds_up && entry.sequence_end >= entry.emitted).then_some((line, entry))
}
