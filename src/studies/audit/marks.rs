//! What the truth beside a load says of its messages: which were damaged on purpose, which never sent, and which sent twice.
//!
//! The ledger says how many those are, and not which: without the truth a loss can hide behind a message that was damaged on purpose and
//! came through. Only messages with something on them are kept.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::{Field, Row};
use parquet::schema::types::Type;

use super::balance::AuditError;
use super::ledger::{Ledger, Line};
use crate::telemetry::{DeviceId, Fate, ReadingKind};

/// The columns that are read.
const COLUMNS: [&str; 5] = ["device", "epoch", "sequence", "fate", "faults"];

/// What was put on a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// What became of it where it was sent.
    pub(super) fate: Fate,
    /// Whether a copy was sent that has not been found yet.
    pub(super) has_copy: bool,
}

/// What was put on messages, by line and sequence.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    pub(super) lines: HashMap<Line, BTreeMap<u64, Mark>>,
    /// Messages of which a copy was sent.
    pub doubled: u64,
}

impl Marks {
    /// Reads the tables of a truth; of one that is not there nothing is known, nor of one that has not as many rows as the ledger has
    /// records: it is an earlier load's, or was cut short.
    ///
    /// # Errors
    /// When a table cannot be read.
    pub fn read(folder: &Path, ledger: &Ledger) -> Result<Self, AuditError> {
        let (mut marks, mut emitted) = (Self::default(), HashMap::<ReadingKind, u64>::new());
        for (line, entries) in ledger.lines() {
            *emitted.entry(line.kind).or_default() += entries.values().map(|entry| entry.emitted).sum::<u64>();
        }
        for &kind in ReadingKind::ALL {
            let path = folder.join(format!("{}.parquet", kind.word()));
            if path.is_file() {
                let wrong = |reason: String| AuditError::Truth { path: path.clone(), reason };
                let file = File::open(&path).map_err(|error| wrong(error.to_string()))?;
                let (mut table, mut rows) = (Self::default(), 0);
                table.table(kind, file, &mut rows).map_err(|error| wrong(error.to_string()))?;
                if emitted.get(&kind) == Some(&rows) {
                    marks.lines.extend(table.lines);
                    marks.doubled += table.doubled;
                }
            }
        }
        Ok(marks)
    }

    fn table(&mut self, kind: ReadingKind, file: File, rows: &mut u64) -> Result<(), ParquetError> {
        let reader = SerializedFileReader::new(file)?;
        let schema = reader.metadata().file_metadata().schema_descr().root_schema_ptr();
        let wanted = schema.get_fields().iter().filter(|field| COLUMNS.contains(&field.name())).map(Arc::clone);
        let projected = Type::group_type_builder(schema.name()).with_fields(wanted.collect()).build()?;
        for row in reader.get_row_iter(Some(projected))? {
            self.row(kind, &row?);
            *rows += 1;
        }
        Ok(())
    }

    fn row(&mut self, kind: ReadingKind, row: &Row) {
        let (mut device, mut epoch, mut sequence, mut fate, mut has_copy) = (None, None, None, Fate::Sent, false);
        for (name, field) in row.get_column_iter() {
            match (name.as_str(), field) {
                ("device", Field::Str(text)) => device = text.parse::<DeviceId>().ok(),
                ("epoch", field) => epoch = field.to_string().parse::<u32>().ok(),
                ("sequence", field) => sequence = field.to_string().parse::<u64>().ok(),
                ("fate", Field::Str(word)) if word == "lost" => fate = Fate::Lost,
                ("fate", Field::Str(word)) if word == "garbled" => fate = Fate::Garbled,
                ("faults", Field::Str(words)) => has_copy = words.split(' ').any(|word| word == "doubled"),
                _ => {}
            }
        }
        if fate == Fate::Sent && !has_copy {
            return;
        }
        if let (Some(device), Some(epoch), Some(sequence)) = (device, epoch, sequence) {
            self.doubled += u64::from(has_copy);
            self.note(Line { device, kind, epoch }, sequence, Mark { fate, has_copy });
        }
    }

    pub(super) fn note(&mut self, line: Line, sequence: u64, mark: Mark) {
        self.lines.entry(line).or_default().insert(sequence, mark);
    }
}
