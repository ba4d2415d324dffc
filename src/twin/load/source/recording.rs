//! What was written down, told again in the order of its time: the log of a run, its history, exports, floating car data.
//!
//! Nothing is held whole. The partitions of a log are merged as they are read. Files in an order of their own (history is sorted by
//! device) are read as often as it takes, each time for the next [`SLICE`] records by time. What is no record is passed over.

use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use crate::pipeline::stores::TableFile;
use crate::pipeline::transport::{Bus, DurableLog, LogOptions};
use crate::primitives::{Point, Timestamp};
use crate::studies::load::FcdReader;
use crate::telemetry::{Emission, Fate, Record, SchemaBook, json};
use crate::twin::intake::{Folders, PARTITIONS};

/// Records held at once of files that are in no order of time.
const SLICE: usize = 100_000;
/// Messages read at once from a partition.
const CHUNK: usize = 1024;
/// Their bytes.
const CHUNK_BYTES: usize = 1 << 20;
/// Longest line [bytes].
const LINE_MAX: u64 = 1 << 20;
/// Most files of a folder.
const FILES_MAX: usize = 10_000;

/// Something that was written down.
pub(in crate::twin::load) enum Recording {
    /// The log of a run, and the schemas by which its messages can be read.
    Log(DurableLog, SchemaBook),
    /// Files of records in any order.
    Files(Vec<PathBuf>),
    /// Floating car data of SUMO in degrees.
    Fcd(PathBuf),
}

/// Takes what is told; whether to go on.
pub(in crate::twin::load) type Each<'a> = dyn FnMut(Emission) -> bool + 'a;

/// As what a record that was written down is told: nothing else is known of what was true.
fn emission(record: Record) -> Emission {
    Emission { truth: record.reading.clone(), record, fault: None, fate: Fate::Sent }
}

impl Recording {
    /// Opens what a path names: the folder of a run or its log, a folder of tables, or a file.
    ///
    /// # Errors
    /// A sentence, to stand behind its name.
    pub(in crate::twin::load) fn open(path: &Path) -> Result<Self, String> {
        if path.is_dir() {
            return Self::of_folder(path);
        }
        let file = File::open(path).map_err(|error| format!("cannot be opened: {error}"))?;
        match ending(path).as_str() {
            "parquet" => TableFile::open(path).map(drop).map_err(|error| error.to_string())?,
            "jsonl" | "ndjson" => {}
            "xml" | "gz" => {
                drop(file);
                return Ok(Self::Fcd(path.to_owned()));
            }
            _ => return Err("is none of .parquet, .jsonl, .xml and .xml.gz".to_owned()),
        }
        Ok(Self::Files(vec![path.to_owned()]))
    }

    fn of_folder(path: &Path) -> Result<Self, String> {
        let folders = Folders::of(path);
        let log = if DurableLog::is_in(&folders.log) { folders.log.clone() } else { path.to_owned() };
        if DurableLog::is_in(&log) {
            let schemas = SchemaBook::default();
            crate::twin::intake::read_schemas(&folders, &schemas).map_err(|error| error.to_string())?;
            let log = DurableLog::open(&log, LogOptions::new(PARTITIONS)).map_err(|error| error.to_string())?;
            return Ok(Self::Log(log, schemas));
        }
        let mut files = Vec::new();
        tables_under(path, 0, &mut files)?;
        if files.is_empty() {
            return Err("holds no log of a run and no tables of records".to_owned());
        }
        files.sort();
        Ok(Self::Files(files))
    }

    /// Tells everything, from its beginning to its end or until nobody listens.
    ///
    /// # Errors
    /// A sentence when it cannot be read on.
    pub(in crate::twin::load) fn tell(self, each: &mut Each<'_>) -> Result<(), String> {
        match self {
            Self::Log(log, schemas) => tell_log(&log, &schemas, each),
            Self::Files(files) => tell_files(&files, each),
            Self::Fcd(path) => tell_fcd(&path, each),
        }
    }
}

fn ending(path: &Path) -> String {
    path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase()).unwrap_or_default()
}

fn tables_under(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    for entry in std::fs::read_dir(folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        if path.is_dir() && depth < 6 {
            tables_under(&path, depth + 1, files)?;
        } else if ending(&path) == "parquet" && TableFile::open(&path).is_ok() {
            files.push(path);
        }
        if files.len() > FILES_MAX {
            return Err(format!("holds more than {FILES_MAX} tables"));
        }
    }
    Ok(())
}

/// A partition of a log while it is read.
struct Lane {
    partition: u16,
    next: u64,
    ahead: std::collections::VecDeque<Record>,
}

impl Lane {
    /// Reads on until there is a record, or the end.
    fn fill(&mut self, log: &DurableLog, schemas: &SchemaBook) -> Result<(), String> {
        while self.ahead.is_empty() && self.next < log.end(self.partition) {
            let read = log.read(self.partition, self.next, CHUNK, CHUNK_BYTES).map_err(|error| error.to_string())?;
            self.next = read.last().map_or(self.next, |last| last.offset + 1);
            let decode = |payload: &[u8]| json::decode(payload).or_else(|_| schemas.decode(payload)).ok();
            self.ahead.extend(read.iter().filter_map(|logged| decode(&logged.message.payload)));
        }
        Ok(())
    }
}

fn tell_log(log: &DurableLog, schemas: &SchemaBook, each: &mut Each<'_>) -> Result<(), String> {
    let lane = |partition| Lane { partition, next: log.begin(partition), ahead: std::collections::VecDeque::new() };
    let mut lanes: Vec<Lane> = (0..log.partitions()).map(lane).collect();
    loop {
        for lane in &mut lanes {
            lane.fill(log, schemas)?;
        }
        let first = lanes.iter_mut().filter(|lane| !lane.ahead.is_empty());
        let first = first.min_by_key(|lane| lane.ahead.front().map(|record| record.time));
        let Some(record) = first.and_then(|lane| lane.ahead.pop_front()) else { return Ok(()) };
        if !each(emission(record)) {
            return Ok(());
        }
    }
}

/// When a record was made and where it stands: no two are equal.
type Key = (Timestamp, usize, u64);

struct Kept(Key, Record);

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Kept {}

impl PartialOrd for Kept {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Kept {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

fn tell_files(files: &[PathBuf], each: &mut Each<'_>) -> Result<(), String> {
    let mut after: Option<Key> = None;
    loop {
        // The latest of those kept is on top, and makes room for an earlier one.
        let mut kept = BinaryHeap::new();
        for (number, path) in files.iter().enumerate() {
            let mut row = 0;
            read_file(path, &mut |record| {
                let key = (record.time, number, row);
                row += 1;
                if after.is_some_and(|after| key <= after) {
                    return;
                }
                if kept.len() < SLICE {
                    kept.push(Kept(key, record));
                } else if kept.peek().is_some_and(|latest| key < latest.0) {
                    kept.pop();
                    kept.push(Kept(key, record));
                }
            })?;
        }
        let was_last = kept.len() < SLICE;
        for Kept(key, record) in kept.into_sorted_vec() {
            after = Some(key);
            if !each(emission(record)) {
                return Ok(());
            }
        }
        if was_last {
            return Ok(());
        }
    }
}

fn read_file(path: &Path, each: &mut dyn FnMut(Record)) -> Result<(), String> {
    if ending(path) == "parquet" {
        let mut table = TableFile::open(path).map_err(|error| error.to_string())?;
        while let Some(record) = table.read().map_err(|error| error.to_string())? {
            each(record);
        }
        return Ok(());
    }
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    let (mut reader, mut line) = (BufReader::new(File::open(path).map_err(cannot)?), Vec::new());
    loop {
        line.clear();
        let read = reader.by_ref().take(LINE_MAX + 1).read_until(b'\n', &mut line).map_err(cannot)?;
        if read == 0 {
            return Ok(());
        }
        if read as u64 > LINE_MAX {
            return Err(format!("has a line of more than {LINE_MAX} bytes"));
        }
        if let Ok(record) = json::decode(line.trim_ascii()) {
            each(record);
        }
    }
}

fn tell_fcd(path: &Path, each: &mut Each<'_>) -> Result<(), String> {
    let file = File::open(path).map_err(|error| format!("cannot be opened: {error}"))?;
    let degrees = |point: Point| Some((point.x, point.y));
    let midnight = Timestamp::milliseconds(0);
    let mut reader = FcdReader::new(path.to_owned(), file, midnight, &degrees).map_err(|error| error.to_string())?;
    while let Some(record) = reader.read().map_err(|error| error.to_string())? {
        if !each(emission(record)) {
            break;
        }
    }
    Ok(())
}
