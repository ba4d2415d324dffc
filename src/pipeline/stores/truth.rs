//! The truth beside what was measured: one table a kind with what every device should have said, for whoever grades.
//!
//! Same columns and same identities as the history, and `fault` and `fate` behind them. Written while the city runs, a group of
//! rows at a time; a file has its name only when it is whole.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use super::error::StoreError;
use super::history::{Beside, TableWriter, Verdict};
use crate::telemetry::{Emission, ReadingKind};

/// Writes the tables of truth of one run.
#[derive(Debug)]
pub struct TruthWriter {
    folder: PathBuf,
    tables: BTreeMap<ReadingKind, TableWriter<BufWriter<File>>>,
}

impl TruthWriter {
    /// Begins in a folder; what an earlier run left there of the same name is replaced in the end.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn create(folder: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(folder).map_err(StoreError::file("make", folder))?;
        Ok(Self { folder: folder.to_owned(), tables: BTreeMap::new() })
    }

    fn draft(&self, kind: ReadingKind) -> PathBuf {
        self.folder.join(format!(".{}.parquet.part", kind.word()))
    }

    /// Adds what one device should have said.
    ///
    /// # Errors
    /// When the file cannot be written, or the truth is of another kind than what was measured.
    pub fn add(&mut self, emission: &Emission) -> Result<(), StoreError> {
        let kind = emission.record.kind();
        let path = self.draft(kind);
        if emission.truth.kind() != kind {
            let reason = format!("the truth of a {} is a {}", kind.word(), emission.truth.kind().word());
            return Err(StoreError::Damaged { path, reason });
        }
        let table = match self.tables.entry(kind) {
            std::collections::btree_map::Entry::Occupied(open) => open.into_mut(),
            std::collections::btree_map::Entry::Vacant(place) => {
                let file = File::create(&path).map_err(StoreError::file("write", &path))?;
                let table = TableWriter::new(BufWriter::with_capacity(1 << 16, file), kind, Beside::Verdict);
                place.insert(table.map_err(StoreError::parquet("write", &path))?)
            }
        };
        let verdict = Verdict { fault: emission.fault, fate: emission.fate };
        let added = table.add_row(&emission.record, &emission.truth, Some(verdict));
        added.map_err(StoreError::parquet("write", &path))
    }

    /// Ends the tables and gives them their names, `<kind>.parquet`; gives how many rows each has.
    ///
    /// # Errors
    /// When one cannot be written to its end.
    pub fn finish(mut self) -> Result<BTreeMap<ReadingKind, u64>, StoreError> {
        let mut rows = BTreeMap::new();
        for (kind, table) in std::mem::take(&mut self.tables) {
            let path = self.draft(kind);
            let (count, file) = table.finish().map_err(StoreError::parquet("write", &path))?;
            let file = file.into_inner().map_err(|error| StoreError::file("write", &path)(error.into_error()))?;
            file.sync_all().map_err(StoreError::file("write", &path))?;
            let target = self.folder.join(format!("{}.parquet", kind.word()));
            fs::rename(&path, &target).map_err(StoreError::file("write", &target))?;
            rows.insert(kind, count);
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};

    use super::*;
    use crate::pipeline::stores::conformance::{bay, beat};
    use crate::telemetry::{Fate, Fault, Reading};

    #[test]
    fn the_truth_stands_under_the_identity_of_what_was_said_with_what_went_wrong() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut truth = TruthWriter::create(folder.path()).expect("can be made");
        let said = bay("bay-1", 2, 9, 0, (51.5, -0.1));
        let Reading::Parking(mut free) = said.reading.clone() else { panic!("a bay speaks of parking") };
        free.occupied = true;
        let fault = Some(Fault::MissedEvent);
        let emission = Emission { truth: free.into(), record: said, fault, fate: Fate::Lost };
        truth.add(&emission).expect("can be written");
        let heartbeat = beat("bay-1", 10, 0);
        let emission = Emission { truth: heartbeat.reading.clone(), record: heartbeat, fault: None, fate: Fate::Sent };
        truth.add(&emission).expect("can be written");
        let other = Emission { truth: bay("bay-1", 0, 0, 0, (0.0, 0.0)).reading, ..emission };
        truth.add(&other).expect_err("the truth of a heartbeat is no parking bay");
        assert!(!folder.path().join("parking.parquet").exists(), "a file has its name only when it is whole");
        let rows = truth.finish().expect("can be written");
        assert_eq!(rows, [(ReadingKind::Parking, 1), (ReadingKind::Health, 1)].into());
        let file = File::open(folder.path().join("parking.parquet")).expect("there");
        let file = SerializedFileReader::new(file).expect("Parquet");
        let row = file.get_row_iter(None).expect("rows").next().expect("one").expect("can be read").to_string();
        for part in [
            "device: \"bay-1\"",
            "epoch: 2",
            "sequence: 9",
            "occupied: true",
            "fault: \"missed_event\"",
            "fate: \"lost\"",
        ] {
            assert!(row.contains(part), "{part}: {row}");
        }
    }
}
