//! The ledger: how many records every device made, and a fingerprint of those that were sent whole, block by block.
//!
//! A block is a thousand consecutive sequences of one device, kind and epoch: what is wrong is found to within a thousand messages,
//! and an entry takes about a hundred bytes of memory however long the device speaks. Written as CSV, sorted, so that equal runs
//! give equal files; before that, while devices speak, in a journal (`journal.rs`).

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::blocks::Blocks;
use crate::telemetry::{DeviceId, Digest, Emission, Fate, ReadingKind};

/// Sequences in a block.
pub const BLOCK: u64 = 1000;

/// Whom an account is of: a device, a kind it reports, and an epoch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Line {
    /// The device.
    pub device: DeviceId,
    /// The kind of its readings.
    pub kind: ReadingKind,
    /// Its epoch.
    pub epoch: u32,
}

/// What the ledger says of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Entry {
    /// One more than the highest sequence, counted from the beginning of the epoch.
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

impl Entry {
    /// Adds what else was made of the same block.
    pub(super) fn merge(&mut self, other: &Self) {
        self.sequence_end = self.sequence_end.max(other.sequence_end);
        self.emitted += other.emitted;
        self.lost += other.lost;
        self.garbled += other.garbled;
        self.sent.merge(&other.sent);
    }
}

/// What every device emitted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    lines: HashMap<Line, Blocks<Entry>>,
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
    /// A journal that is damaged before its end.
    #[error("the journal `{}` is damaged at byte {position}; what was sent after that is not known", path.display())]
    Journal {
        /// The file.
        path: PathBuf,
        /// Where.
        position: u64,
    },
}

const HEAD: [&str; 9] = ["device", "kind", "epoch", "block", "sequence_end", "emitted", "lost", "garbled", "sent"];

impl Ledger {
    /// Notes a record; `json` is its canonical JSON, as it is sent if it is sent whole.
    pub fn add(&mut self, emission: &Emission, json: &[u8]) {
        let (line, block, entry) = Self::entry_of(emission, json);
        self.add_entry(line, block, &entry);
    }

    /// Line, block and entry that a record alone makes.
    pub(super) fn entry_of(emission: &Emission, json: &[u8]) -> (Line, u64, Entry) {
        let record = &emission.record;
        let line = Line { device: record.device.clone(), kind: record.kind(), epoch: record.epoch };
        let sequence_end = record.sequence.saturating_add(1);
        let mut entry = Entry { sequence_end, emitted: 1, ..Entry::default() };
        match emission.fate {
            Fate::Sent => entry.sent.add(json),
            Fate::Lost => entry.lost = 1,
            Fate::Garbled => entry.garbled = 1,
        }
        (line, record.sequence / BLOCK, entry)
    }

    /// Adds to a block.
    pub(super) fn add_entry(&mut self, line: Line, block: u64, entry: &Entry) {
        let blocks = self.lines.entry(line).or_default();
        match blocks.get_mut(block) {
            Some(known) => known.merge(entry),
            None => drop(blocks.insert(block, *entry)),
        }
    }

    /// The lines with their blocks, sorted.
    pub fn lines(&self) -> BTreeMap<&Line, &Blocks<Entry>> {
        self.lines.iter().collect()
    }

    /// Records made, in all.
    pub fn emitted(&self) -> u64 {
        self.lines.values().flat_map(Blocks::values).map(|entry| entry.emitted).sum()
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
            for (Line { device, kind, epoch }, blocks) in self.lines() {
                for (block, entry) in blocks.iter() {
                    let Entry { sequence_end, emitted, lost, garbled, sent } = entry;
                    let numbers = [u64::from(*epoch), block, *sequence_end, *emitted, *lost, *garbled];
                    let numbers = numbers.map(|number| number.to_string());
                    let words = [device.as_str(), kind.word()].into_iter().chain(numbers.iter().map(String::as_str));
                    file.write_record(words.chain([sent.to_string().as_str()]))?;
                }
            }
            file.into_inner().map_err(csv::IntoInnerError::into_error)?.sync_all()?;
            std::fs::rename(&draft, path)
        };
        written().map_err(|source| LedgerError::File { doing: "write", path: path.to_owned(), source })
    }

    /// Takes a ledger away, if there is one.
    ///
    /// # Errors
    /// When it cannot be taken away.
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
            let (line, block, entry) = parse(&row).ok_or_else(|| bad(number, "not a line of a ledger"))?;
            if ledger.lines.entry(line).or_default().insert(block, entry).is_some() {
                return Err(bad(number, "a line that stands here twice"));
            }
        }
        Ok(ledger)
    }
}

fn parse(row: &csv::StringRecord) -> Option<(Line, u64, Entry)> {
    let fields: Vec<&str> = row.iter().collect();
    let [device, kind, epoch, block, sequence_end, emitted, lost, garbled, sent] = fields[..] else { return None };
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
    let block: u64 = block.parse().ok()?;
    is_sound(block, &entry).then_some((line, block, entry))
}

/// Whether a block can be what an entry says of it.
pub(super) fn is_sound(block: u64, entry: &Entry) -> bool {
    let Some(begin) = block.checked_mul(BLOCK) else { return false };
    let parts = entry.lost.checked_add(entry.garbled).and_then(|sum| sum.checked_add(entry.sent.count));
    let within = entry.sequence_end.checked_sub(begin);
    parts == Some(entry.emitted) && within.is_some_and(|within| (entry.emitted..=BLOCK).contains(&within))
}
