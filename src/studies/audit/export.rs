//! What any platform has exported, against the ledger: which records are missing, there twice, or say something else.
//!
//! Reads CSV, JSON lines and Parquet, a row at a time. A row is a message of ours as it was sent, or holds one in a column, and is
//! then compared byte for byte; or it names device and sequence in columns of any name, and is then only counted. Messages that the
//! load damaged on purpose may be there or not: nobody can read them.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;

use super::balance::{AuditError, Balance, Books};
use super::ledger::Ledger;
use crate::telemetry::{DeviceId, ReadingKind, SchemaBook};

/// Longest line of a file of JSON lines [bytes].
const LINE_MAX: u64 = 1 << 20;
/// Rows that cannot be understood before the file is taken for another.
const UNREADABLE_MAX: u64 = 1000;

/// Which columns of an export hold what the ledger counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportColumns {
    device: String,
    sequence: String,
    epoch: Option<String>,
    kind: Option<String>,
    payload: Option<String>,
}

impl Default for ExportColumns {
    /// As our own JSON names them.
    fn default() -> Self {
        Self { device: "device".to_owned(), sequence: "seq".to_owned(), epoch: None, kind: None, payload: None }
    }
}

impl ExportColumns {
    /// Reads `device=sensor_id,sequence=n,epoch=boot,kind=type,payload=body`; each may be left out.
    ///
    /// # Errors
    /// A sentence saying what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut columns = Self::default();
        for part in text.split(',') {
            let wrong = || {
                format!(
                    "`{}` is not one of device=, sequence=, epoch=, kind= and payload= with a column's name",
                    part.escape_debug()
                )
            };
            let (key, name) = part.split_once('=').filter(|(_, name)| !name.is_empty()).ok_or_else(wrong)?;
            let name = name.trim().to_owned();
            match key.trim() {
                "device" => columns.device = name,
                "sequence" => columns.sequence = name,
                "epoch" => columns.epoch = Some(name),
                "kind" => columns.kind = Some(name),
                "payload" => columns.payload = Some(name),
                _ => return Err(wrong()),
            }
        }
        Ok(columns)
    }
}

/// Compares what was emitted with the rows of a file that a platform has exported; its name's end says how it is written.
///
/// # Errors
/// When it cannot be read, is damaged, or does not have the columns.
pub fn balance_of_export(
    ledger: &Ledger,
    path: &Path,
    columns: &ExportColumns,
    cut_off: Option<u64>,
) -> Result<Balance, AuditError> {
    let wrong = |line: u64, reason: String| AuditError::Export { path: path.to_owned(), line, reason };
    let book = SchemaBook::default();
    let mut rows = Rows { books: Books::new(ledger), book, columns, row: 0, unreadable: 0 };
    let file = File::open(path).map_err(|error| wrong(0, format!("cannot be opened: {error}")))?;
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
    let read = match ending.as_str() {
        "csv" => rows.csv(file),
        "jsonl" | "ndjson" | "json" => rows.json_lines(file),
        "parquet" => rows.parquet(file),
        _ => Err("is none of .csv, .jsonl and .parquet; name it as what it is".to_owned()),
    };
    read.map_err(|reason| wrong(rows.row, reason))?;
    let Rows { mut books, unreadable, .. } = rows;
    books.allow_garbled();
    let missing = books.missing();
    let mut balance = books.close(false, cut_off);
    balance.missing = missing;
    balance.strange_messages += unreadable;
    Ok(balance)
}

/// An export while it is read.
struct Rows<'a> {
    books: Books,
    /// Reads messages in whatever form they were sent.
    book: SchemaBook,
    columns: &'a ExportColumns,
    /// The row that is being read, from 1; 0 before the first.
    row: u64,
    unreadable: u64,
}

impl Rows<'_> {
    /// Takes a row, of which `get` gives the text in a column.
    fn take<'r>(&mut self, get: impl Fn(&str) -> Option<Cow<'r, str>>) -> Result<(), String> {
        let columns = self.columns;
        let needed = |column: &String| {
            let missing = || format!("has no column `{}`; say with `--columns` how it is named", column.escape_debug());
            get(column).ok_or_else(missing)
        };
        if let Some(column) = &columns.payload {
            return match self.book.decode(needed(column)?.as_bytes()) {
                Ok(record) => {
                    self.books.stored(&record);
                    Ok(())
                }
                Err(_) => self.not_understood("holds no record of ours in the column of the payload"),
            };
        }
        let (device, sequence) = (needed(&columns.device)?, needed(&columns.sequence)?);
        let epoch = columns.epoch.as_ref().map(&needed).transpose()?;
        let kind = columns.kind.as_ref().map(&needed).transpose()?;
        let epoch = epoch.map_or(Some(0), |word| word.parse::<u32>().ok());
        let kind = kind.map(|word| ReadingKind::from_word(&word));
        match (device.parse::<DeviceId>(), sequence.parse::<u64>(), epoch) {
            (Ok(device), Ok(sequence), Some(epoch)) if kind != Some(None) => {
                self.books.seen(&device, kind.flatten(), epoch, sequence);
                Ok(())
            }
            _ => self.not_understood("names no device, sequence, epoch and kind"),
        }
    }

    /// Notes a row that cannot be understood; too many are another file.
    fn not_understood(&mut self, what: &str) -> Result<(), String> {
        self.unreadable += 1;
        if self.unreadable > UNREADABLE_MAX {
            return Err(format!("{what}, like {UNREADABLE_MAX} rows before it; see that it is the right file"));
        }
        Ok(())
    }

    fn csv(&mut self, file: File) -> Result<(), String> {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(BufReader::new(file));
        let heads = reader.headers().map_err(|error| format!("is no CSV: {error}"))?.clone();
        let mut row = csv::StringRecord::new();
        self.row = 1;
        while reader.read_record(&mut row).map_err(|error| format!("is no CSV: {error}"))? {
            self.row += 1;
            let place = |column: &str| heads.iter().position(|head| head.trim() == column);
            self.take(|column| Some(row.get(place(column)?)?.trim().to_owned().into()))?;
        }
        Ok(())
    }

    fn json_lines(&mut self, file: File) -> Result<(), String> {
        let (mut reader, mut line) = (BufReader::new(file), Vec::new());
        let columns = self.columns;
        let as_sent = *columns == ExportColumns::default();
        loop {
            line.clear();
            self.row += 1;
            let read = reader.by_ref().take(LINE_MAX + 1).read_until(b'\n', &mut line);
            let read = read.map_err(|error| format!("cannot be read: {error}"))?;
            if read == 0 {
                return Ok(());
            }
            if read as u64 > LINE_MAX {
                return Err(format!("is longer than {LINE_MAX} bytes; an export has one row a line"));
            }
            let text = line.trim_ascii();
            if text.is_empty() {
                continue;
            }
            if as_sent && let Ok(record) = self.book.decode(text) {
                self.books.stored(&record);
                continue;
            }
            let Ok(serde_json::Value::Object(object)) = serde_json::from_slice(text) else {
                self.not_understood("is no JSON object")?;
                continue;
            };
            let named = |column: &str| match object.get(column)? {
                serde_json::Value::String(text) => Some(text.clone().into()),
                other => Some(other.to_string().into()),
            };
            // A line without the columns is somebody else's in a file of many kinds.
            let needed = columns.payload.as_deref().unwrap_or(&columns.device);
            if object.contains_key(needed) {
                self.take(named)?;
            } else {
                self.not_understood("does not have the columns")?;
            }
        }
    }

    fn parquet(&mut self, file: File) -> Result<(), String> {
        let damaged = |error: parquet::errors::ParquetError| format!("is no sound Parquet: {error}");
        let reader = SerializedFileReader::new(file).map_err(damaged)?;
        for row in reader.get_row_iter(None).map_err(damaged)? {
            let row = row.map_err(damaged)?;
            self.row += 1;
            self.take(|column| {
                let (_, field) = row.get_column_iter().find(|(name, _)| *name == column)?;
                match field {
                    Field::Null => None,
                    Field::Str(text) => Some(text.as_str().into()),
                    Field::Bytes(bytes) => Some(String::from_utf8_lossy(bytes.data()).into_owned().into()),
                    other => Some(other.to_string().into()),
                }
            })?;
        }
        Ok(())
    }
}
