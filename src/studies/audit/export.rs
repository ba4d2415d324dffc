//! What any platform has exported, against the ledger: which records are missing, there twice, or say something else.
//!
//! Reads CSV, JSON lines and Parquet, a row at a time, and messages that somebody hands over. A row is a record of ours as it was sent,
//! or holds one in a column, also in hexadecimal or Base64, and what it says is then compared; or it names device and sequence in
//! columns of any name, and is then only counted. Messages that the load damaged on purpose may be there or not: nobody can read them.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;

use super::balance::{AuditError, Balance, Books};
use super::ledger::Ledger;
use crate::telemetry::{DeviceId, ReadingKind, Record, SchemaBook};

/// Longest line of a file of JSON lines [bytes].
const LINE_MAX: u64 = 1 << 20;
/// Rows that cannot be understood, while none can, before the export is taken for another.
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
    let mut rows = Rows::new(ledger, columns);
    let file = File::open(path).map_err(|error| wrong(0, format!("cannot be opened: {error}")))?;
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
    let read = match ending.as_str() {
        "csv" => rows.csv(file),
        "jsonl" | "ndjson" | "json" => rows.json_lines(file),
        "parquet" => rows.parquet(file),
        _ => Err("is none of .csv, .jsonl and .parquet; name it as what it is".to_owned()),
    };
    read.map_err(|reason| wrong(rows.row, reason))?;
    Ok(rows.close(cut_off))
}

/// Compares what was emitted with messages that `read` hands over one by one, each as a line of JSON lines would be, or framed for one of
/// our schemas.
///
/// # Errors
/// What `read` ends with: it is told with a sentence where what it hands over is something else.
pub fn balance_of_messages<E>(
    ledger: &Ledger,
    columns: &ExportColumns,
    cut_off: Option<u64>,
    read: impl FnOnce(&mut dyn FnMut(&[u8]) -> Result<(), String>) -> Result<(), E>,
) -> Result<Balance, E> {
    let mut rows = Rows::new(ledger, columns);
    read(&mut |message| {
        rows.row += 1;
        rows.line(message)
    })?;
    Ok(rows.close(cut_off))
}

/// An export while it is read.
struct Rows<'a> {
    books: Books,
    /// Reads messages in whatever form they were sent.
    book: SchemaBook,
    columns: &'a ExportColumns,
    /// The row that is being read, from 1; 0 before the first.
    row: u64,
    understood: u64,
    unreadable: u64,
}

impl<'a> Rows<'a> {
    fn new(ledger: &Ledger, columns: &'a ExportColumns) -> Self {
        let (books, book) = (Books::new(ledger), SchemaBook::default());
        Self { books, columns, book, row: 0, understood: 0, unreadable: 0 }
    }

    fn close(self, cut_off: Option<u64>) -> Balance {
        let Self { mut books, unreadable, .. } = self;
        books.allow_garbled();
        let missing = books.missing();
        let mut balance = books.close(false, cut_off);
        balance.missing = missing;
        balance.strange_messages += unreadable;
        balance
    }

    /// A record as it was sent, in hexadecimal, or in Base64.
    fn record(&self, text: &[u8]) -> Option<Record> {
        let decoded = |bytes: Option<Vec<u8>>| bytes.and_then(|bytes| self.book.decode(&bytes).ok());
        let sent = self.book.decode(text).ok();
        sent.or_else(|| decoded(hexadecimal(text))).or_else(|| decoded(STANDARD.decode(text).ok()))
    }

    /// Takes a row, of which `get` gives the text in a column.
    fn take<'r>(&mut self, get: impl Fn(&str) -> Option<Cow<'r, str>>) -> Result<(), String> {
        let columns = self.columns;
        let needed = |column: &String| {
            let missing = || format!("has no column `{}`; say with `--columns` how it is named", column.escape_debug());
            get(column).ok_or_else(missing)
        };
        if let Some(column) = &columns.payload {
            return match self.record(needed(column)?.as_bytes()) {
                Some(record) => {
                    self.understood += 1;
                    self.books.stored(&record);
                    Ok(())
                }
                None => self.not_understood("holds no record of ours in the column of the payload"),
            };
        }
        let (device, sequence) = (needed(&columns.device)?, needed(&columns.sequence)?);
        let epoch = columns.epoch.as_ref().map(&needed).transpose()?;
        let kind = columns.kind.as_ref().map(&needed).transpose()?;
        let epoch = epoch.map_or(Some(0), |word| word.parse::<u32>().ok());
        let kind = kind.map(|word| ReadingKind::from_word(&word));
        match (device.parse::<DeviceId>(), sequence.parse::<u64>(), epoch) {
            (Ok(device), Ok(sequence), Some(epoch)) if kind != Some(None) => {
                self.understood += 1;
                self.books.seen(&device, kind.flatten(), epoch, sequence);
                Ok(())
            }
            _ => self.not_understood("names no device, sequence, epoch and kind"),
        }
    }

    /// Notes a row that cannot be understood; too many before the first that can are another file.
    fn not_understood(&mut self, what: &str) -> Result<(), String> {
        self.unreadable += 1;
        if self.unreadable > UNREADABLE_MAX && self.understood == 0 {
            return Err(format!("{what}, like {UNREADABLE_MAX} rows before it; see that it is the right one"));
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
            self.line(line.trim_ascii())?;
        }
    }

    /// Takes a line: a record as it was sent, or an object with the columns.
    fn line(&mut self, text: &[u8]) -> Result<(), String> {
        let columns = self.columns;
        if text.is_empty() {
            return Ok(());
        }
        if *columns == ExportColumns::default()
            && let Some(record) = self.record(text)
        {
            self.understood += 1;
            self.books.stored(&record);
            return Ok(());
        }
        let Ok(serde_json::Value::Object(object)) = serde_json::from_slice(text) else {
            return self.not_understood("is no JSON object");
        };
        let named = |column: &str| match object.get(column)? {
            serde_json::Value::String(text) => Some(text.clone().into()),
            other => Some(other.to_string().into()),
        };
        // A line without the columns is somebody else's in a file of many kinds.
        let needed = columns.payload.as_deref().unwrap_or(&columns.device);
        if object.contains_key(needed) { self.take(named) } else { self.not_understood("does not have the columns") }
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

/// Bytes written as hexadecimal digits, if that is what a text is.
fn hexadecimal(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    if text.len() % 2 == 1 {
        return None;
    }
    text.chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}
