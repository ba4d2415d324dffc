//! The truth beside a load: what every device should have said, what was put on its message, and when it was to be sent and was.
//!
//! The tables of a run's truth with three columns more, `faults`, `due` and `sent`; and beside them `strangers.parquet` with what was
//! sent by nobody's device. Written while the load goes on, a group of rows at a time; a file has its name only when it is whole.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use super::error::StoreError;
use super::history::{Beside, Sending, TableWriter, Verdict};
use crate::telemetry::{Emission, ReadingKind, Value};

/// What is known of one message of a device.
#[derive(Debug, Clone, PartialEq)]
pub struct SentRow {
    /// What the device said, and what was true.
    pub emission: Emission,
    /// What was put on it, in words with spaces between them; empty if nothing was.
    pub faults: String,
    /// When it was to be sent [µs since 1970].
    pub due_us: i64,
    /// When it was [µs since 1970]; none if it never was.
    pub sent_us: Option<i64>,
}

/// What is known of a message that no device sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StrangerRow {
    /// Its topic.
    pub topic: String,
    /// What it is, in a word.
    pub what: &'static str,
    /// Its length [bytes].
    pub bytes: u64,
    /// The BLAKE3 hash of its bytes, in hexadecimal.
    pub hash: String,
    /// When it was to be sent [µs since 1970].
    pub due_us: i64,
    /// When it was [µs since 1970]; none if it never was.
    pub sent_us: Option<i64>,
}

impl StrangerRow {
    /// Describes what is sent.
    pub fn of(topic: &str, what: &'static str, payload: &[u8], due_us: i64, sent_us: Option<i64>) -> Self {
        let hash = blake3::hash(payload).to_hex().to_string();
        Self { topic: topic.to_owned(), what, bytes: payload.len() as u64, hash, due_us, sent_us }
    }
}

type Table = TableWriter<BufWriter<File>>;

/// Writes the truth of one load.
#[derive(Debug)]
pub struct SentTruth {
    folder: PathBuf,
    tables: BTreeMap<ReadingKind, Table>,
    strangers: Option<Table>,
}

/// The name of the strangers' table.
const STRANGERS: &str = "strangers";

impl SentTruth {
    /// Begins in a folder, from which what an earlier load left there is taken away.
    ///
    /// # Errors
    /// When the folder cannot be made, or what is there not taken away.
    pub fn create(folder: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(folder).map_err(StoreError::file("make", folder))?;
        Self::clear(folder)?;
        Ok(Self { folder: folder.to_owned(), tables: BTreeMap::new(), strangers: None })
    }

    /// Takes away what an earlier load left in a folder.
    ///
    /// # Errors
    /// When something cannot be taken away.
    pub fn clear(folder: &Path) -> Result<(), StoreError> {
        for name in ReadingKind::ALL.iter().map(|kind| kind.word()).chain([STRANGERS]) {
            for path in [whole(folder, name), draft(folder, name)] {
                match fs::remove_file(&path) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(StoreError::file("remove", &path)(error));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn draft(&self, name: &str) -> PathBuf {
        draft(&self.folder, name)
    }

    fn begin(path: &Path) -> Result<BufWriter<File>, StoreError> {
        let file = File::create(path).map_err(StoreError::file("write", path))?;
        Ok(BufWriter::with_capacity(1 << 16, file))
    }

    /// Adds a message of a device.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn add(&mut self, row: &SentRow) -> Result<(), StoreError> {
        let SentRow { emission, faults, due_us, sent_us } = row;
        let kind = emission.record.kind();
        // Its name is made where it is needed: this is done for every message.
        let draft = || draft(&self.folder, kind.word());
        let table = match self.tables.entry(kind) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => {
                let path = draft();
                let table = Table::new(Self::begin(&path)?, kind, Beside::Sending);
                free.insert(table.map_err(StoreError::parquet("write", &path))?)
            }
        };
        let verdict = Verdict { fault: emission.fault, fate: emission.fate };
        let sending = Sending { faults: faults.clone(), due: *due_us, sent: *sent_us };
        let added = table.add_sent(&emission.record, &emission.truth, verdict, &sending);
        added.map_err(|error| StoreError::parquet("write", &draft())(error))
    }

    /// Adds a stranger's message.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn add_stranger(&mut self, row: &StrangerRow) -> Result<(), StoreError> {
        let path = self.draft(STRANGERS);
        if self.strangers.is_none() {
            let table = Table::of_strangers(Self::begin(&path)?);
            self.strangers = Some(table.map_err(StoreError::parquet("write", &path))?);
        }
        let Some(table) = &mut self.strangers else { return Ok(()) };
        let added = table.add_values(&[
            Value::Text(&row.topic),
            Value::Text(row.what),
            Value::Whole(row.bytes.cast_signed()),
            Value::Text(&row.hash),
            Value::Whole(row.due_us),
            row.sent_us.map_or(Value::Missing, Value::Whole),
        ]);
        added.map_err(StoreError::parquet("write", &path))
    }

    /// Ends the tables and gives them their names; gives how many rows there are.
    ///
    /// # Errors
    /// When one cannot be written to its end.
    pub fn finish(mut self) -> Result<u64, StoreError> {
        let tables = std::mem::take(&mut self.tables).into_iter().map(|(kind, table)| (kind.word(), table));
        let strangers = self.strangers.take().map(|table| (STRANGERS, table));
        let mut rows = 0;
        for (name, table) in tables.chain(strangers) {
            let path = self.draft(name);
            let (count, file) = table.finish().map_err(StoreError::parquet("write", &path))?;
            let file = file.into_inner().map_err(|error| StoreError::file("write", &path)(error.into_error()))?;
            file.sync_all().map_err(StoreError::file("write", &path))?;
            let target = whole(&self.folder, name);
            fs::rename(&path, &target).map_err(StoreError::file("write", &target))?;
            rows += count;
        }
        Ok(rows)
    }
}

/// What a table is called.
fn whole(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.parquet"))
}

/// What it is called while it is written.
fn draft(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!(".{name}.parquet.part"))
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};

    use super::*;
    use crate::pipeline::stores::conformance::bay;
    use crate::telemetry::{Fate, Reading};

    fn rows(path: &Path) -> Vec<String> {
        let file = SerializedFileReader::new(File::open(path).expect("there")).expect("Parquet");
        file.get_row_iter(None).expect("rows").map(|row| row.expect("can be read").to_string()).collect()
    }

    /// Whoever grades a platform needs of every message what was true and what was put on it.
    #[test]
    fn a_row_says_what_was_true_what_was_put_on_it_and_when_it_left() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("air.parquet"), "an earlier load's").expect("a file");
        let mut truth = SentTruth::create(folder.path()).expect("can be made");
        assert!(!folder.path().join("air.parquet").exists(), "it would be taken for this load's");
        let said = bay("bay-1", 2, 9, 0, (51.5, -0.1));
        let Reading::Parking(mut free) = said.reading.clone() else { panic!("a bay speaks of parking") };
        free.occupied = true;
        let emission = Emission { truth: free.into(), record: said, fault: None, fate: Fate::Sent };
        let row = SentRow { emission, faults: "late frozen".to_owned(), due_us: 1_000_000, sent_us: Some(1_000_250) };
        truth.add(&row).expect("can be written");
        truth.add(&SentRow { faults: String::new(), sent_us: None, ..row }).expect("can be written");
        truth.add_stranger(&StrangerRow::of("t", "noise", b"x", 5, None)).expect("can be written");
        assert!(!folder.path().join("parking.parquet").exists(), "a file has its name only when it is whole");
        assert_eq!(truth.finish().expect("can be written"), 3);
        let bays = rows(&folder.path().join("parking.parquet"));
        for part in [
            "device: \"bay-1\"",
            "epoch: 2",
            "sequence: 9",
            "occupied: true",
            "fate: \"sent\"",
            "faults: \"late frozen\"",
        ] {
            assert!(bays[0].contains(part), "{part}: {}", bays[0]);
        }
        assert!(bays[0].contains("1970-01-01 00:00:01") && bays[1].contains("faults: null, due: "), "{bays:?}");
        assert!(bays[1].contains("sent: null"), "{bays:?}");
        let strangers = rows(&folder.path().join("strangers.parquet"));
        assert!(strangers[0].contains("what: \"noise\", bytes: 1"), "{strangers:?}");
    }
}
