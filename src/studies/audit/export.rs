//! What any platform has exported, against the ledger: which records are missing, there twice, or say something else.
//!
//! Reads CSV, JSON lines and Parquet, a row at a time, and messages that somebody hands over. A row is a record of ours as it was sent,
//! or holds one in a column, also in hexadecimal or Base64, and what it says is then compared; or it names device and sequence in
//! columns of any name, and is then only counted. A message of ours that cannot be read stands for the one it names and is damaged, unless
//! the load sent it so: what the load damaged on purpose may be there or not.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::schema::types::Type;

use super::balance::{AuditError, Balance, Books, Named};
use super::ledger::Ledger;
use super::marks::Marks;
use crate::telemetry::{ReadingKind, Record, SchemaBook};

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
    /// Whether somebody named them.
    is_named: bool,
}

impl Default for ExportColumns {
    /// As our own JSON names them.
    fn default() -> Self {
        let (device, sequence) = ("device".to_owned(), "seq".to_owned());
        Self { device, sequence, epoch: None, kind: None, payload: None, is_named: false }
    }
}

impl ExportColumns {
    /// Reads `device=sensor_id,sequence=n,epoch=boot,kind=type,payload=body`; each may be left out.
    ///
    /// # Errors
    /// A sentence saying what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut columns = Self { is_named: true, ..Self::default() };
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

    /// The columns that are read, in the order in which [`Rows::take`] expects their cells.
    fn wanted(&self) -> Vec<&str> {
        if let Some(payload) = &self.payload {
            return vec![payload];
        }
        let further = [&self.epoch, &self.kind].into_iter().flatten();
        [&self.device, &self.sequence].into_iter().chain(further).map(String::as_str).collect()
    }

    /// Whether they are named as in our own JSON.
    fn are_ours(&self) -> bool {
        let Self { device, sequence, epoch, kind, payload, .. } = self;
        device == "device" && sequence == "seq" && epoch.is_none() && kind.is_none() && payload.is_none()
    }
}

/// What of a sender's own doing is not to be held against a platform.
#[derive(Debug, Clone, Default)]
pub struct Allowed {
    /// Of a sender that was cut off, how many messages it can have been about to send.
    pub cut_off: Option<u64>,
    /// How many messages the sender may have sent twice, besides those that are marked.
    pub copies_max: u64,
    /// What is known of what was put on messages.
    pub marks: Marks,
}

/// Compares what was emitted with the rows of a file that a platform has exported; its name's end says how it is written.
///
/// # Errors
/// When it cannot be read, is damaged, or does not have the columns.
pub fn balance_of_export(
    ledger: &Ledger,
    path: &Path,
    columns: &ExportColumns,
    allowed: Allowed,
) -> Result<Balance, AuditError> {
    let wrong = |line: u64, reason: String| AuditError::Export { path: path.to_owned(), line, reason };
    let mut rows = Rows::new(ledger, columns, allowed);
    let file = File::open(path).map_err(|error| wrong(0, format!("cannot be opened: {error}")))?;
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
    let read = match ending.as_str() {
        "csv" => rows.csv(file),
        "jsonl" | "ndjson" | "json" => rows.json_lines(file),
        "parquet" => rows.parquet(file),
        _ => Err("is none of .csv, .jsonl and .parquet; name it as what it is".to_owned()),
    };
    read.map_err(|reason| wrong(rows.row, reason))?;
    Ok(rows.close())
}

/// Compares what was emitted with messages that `read` hands over one by one, each as a line of JSON lines would be, or framed for one of
/// our schemas.
///
/// # Errors
/// What `read` ends with: it is told with a sentence where what it hands over is something else.
pub fn balance_of_messages<E>(
    ledger: &Ledger,
    columns: &ExportColumns,
    allowed: Allowed,
    read: impl FnOnce(&mut dyn FnMut(&[u8]) -> Result<(), String>) -> Result<(), E>,
) -> Result<Balance, E> {
    let mut rows = Rows::new(ledger, columns, allowed);
    read(&mut |message| {
        rows.row += 1;
        rows.line(message)
    })?;
    Ok(rows.close())
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
    copies_max: u64,
    cut_off: Option<u64>,
}

impl<'a> Rows<'a> {
    fn new(ledger: &Ledger, columns: &'a ExportColumns, allowed: Allowed) -> Self {
        let Allowed { cut_off, copies_max, marks } = allowed;
        let (books, book) = (Books::new(ledger, marks), SchemaBook::default());
        Self { books, columns, book, row: 0, understood: 0, unreadable: 0, copies_max, cut_off }
    }

    fn close(self) -> Balance {
        let Self { mut books, unreadable, copies_max, cut_off, .. } = self;
        books.allow_garbled();
        let mut balance = books.close(true, copies_max, cut_off);
        balance.strange_messages += unreadable;
        balance
    }

    /// A record as it was sent, in hexadecimal, or in Base64.
    fn record(&self, text: &[u8]) -> Option<Record> {
        let decoded = |bytes: Option<Vec<u8>>| bytes.and_then(|bytes| self.book.decode(&bytes).ok());
        let sent = self.book.decode(text).ok();
        sent.or_else(|| decoded(hexadecimal(text))).or_else(|| decoded(STANDARD.decode(text).ok()))
    }

    /// Takes a message of ours; one that cannot be read and names a record is a record that was damaged.
    fn message(&mut self, text: &[u8]) -> Result<(), String> {
        if let Some(record) = self.record(text) {
            self.understood += 1;
            self.books.stored(&record);
            return Ok(());
        }
        let named = |bytes: Option<Vec<u8>>| bytes.and_then(|bytes| named(&bytes));
        let whose =
            self::named(text).or_else(|| named(hexadecimal(text))).or_else(|| named(STANDARD.decode(text).ok()));
        let Some(whose) = whose else { return self.not_understood("holds no record of ours") };
        self.understood += 1;
        self.books.seen(&whose, true);
        Ok(())
    }

    /// Takes a row by its cells in the columns that are wanted.
    fn take(&mut self, cells: &[Option<Cow<'_, [u8]>>]) -> Result<(), String> {
        let columns = self.columns;
        let mut cells = cells.iter().map(Option::as_deref);
        if columns.payload.is_some() {
            return self.message(cells.next().flatten().unwrap_or_default());
        }
        let mut word = || cells.next().flatten().and_then(|cell| std::str::from_utf8(cell).ok()).map(str::trim);
        let device = word().and_then(|word| word.parse().ok());
        let sequence = word().and_then(|word| word.parse().ok());
        let epoch = if columns.epoch.is_some() { word().and_then(|word| word.parse().ok()) } else { Some(0) };
        let kind = if columns.kind.is_some() { word().and_then(ReadingKind::from_word).map(Some) } else { Some(None) };
        let (Some(device), Some(sequence), Some(epoch), Some(kind)) = (device, sequence, epoch, kind) else {
            return self.not_understood("names no device, sequence, epoch and kind");
        };
        self.understood += 1;
        self.books.seen(&Named { device, kind, epoch, sequence }, false);
        Ok(())
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
        let place = |column: &str| heads.iter().position(|head| head.trim() == column).ok_or_else(|| without(column));
        let places = self.columns.wanted().into_iter().map(place).collect::<Result<Vec<usize>, String>>()?;
        let (mut row, mut cells) = (csv::ByteRecord::new(), Vec::with_capacity(places.len()));
        self.row = 1;
        while reader.read_byte_record(&mut row).map_err(|error| format!("is no CSV: {error}"))? {
            self.row += 1;
            cells.clear();
            cells.extend(places.iter().map(|place| row.get(*place).map(|cell| cell.trim_ascii().to_owned().into())));
            self.take(&cells)?;
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
        let are_ours = columns.are_ours();
        if are_ours && let Some(record) = self.record(text) {
            self.understood += 1;
            self.books.stored(&record);
            return Ok(());
        }
        let object = match serde_json::from_slice(text) {
            Ok(serde_json::Value::Object(object)) => object,
            // What is sent in hexadecimal or Base64 is no object.
            _ if are_ours => return self.message(text),
            _ => return self.not_understood("is no JSON object"),
        };
        // A record of ours that says something unreadable is not as good as a row that names it.
        if are_ours && !columns.is_named && ["type", "timestamp"].iter().any(|name| object.contains_key(*name)) {
            return self.message(text);
        }
        let cell = |column: &str| match object.get(column)? {
            serde_json::Value::Null => None,
            serde_json::Value::String(text) => Some(text.as_bytes().into()),
            other => Some(other.to_string().into_bytes().into()),
        };
        let wanted = columns.wanted();
        // A line without the columns is somebody else's in a file of many kinds.
        if wanted.first().is_none_or(|first| !object.contains_key(*first)) {
            return self.not_understood("does not have the columns");
        }
        if let Some(column) = wanted.iter().find(|column| !object.contains_key(**column)) {
            return Err(without(column));
        }
        self.take(&wanted.into_iter().map(cell).collect::<Vec<_>>())
    }

    fn parquet(&mut self, file: File) -> Result<(), String> {
        let damaged = |error: parquet::errors::ParquetError| format!("is no sound Parquet: {error}");
        let reader = SerializedFileReader::new(file).map_err(damaged)?;
        let schema = reader.metadata().file_metadata().schema_descr().root_schema_ptr();
        let wanted = self.columns.wanted();
        let has = |column: &str| schema.get_fields().iter().any(|field| field.name() == column);
        if let Some(column) = wanted.iter().find(|column| !has(column)) {
            return Err(without(column));
        }
        // A platform's table may have hundreds of columns.
        let fields =
            schema.get_fields().iter().filter(|field| wanted.contains(&field.name())).map(Arc::clone).collect();
        let projected = Type::group_type_builder(schema.name()).with_fields(fields).build().map_err(damaged)?;
        for row in reader.get_row_iter(Some(projected)).map_err(damaged)? {
            let row = row.map_err(damaged)?;
            self.row += 1;
            let cell = |column: &&str| match row.get_column_iter().find(|(name, _)| name == column)?.1 {
                Field::Null => None,
                Field::Str(text) => Some(text.as_bytes().into()),
                Field::Bytes(bytes) => Some(bytes.data().into()),
                other => Some(other.to_string().into_bytes().into()),
            };
            self.take(&wanted.iter().map(cell).collect::<Vec<_>>())?;
        }
        Ok(())
    }
}

fn without(column: &str) -> String {
    format!("has no column `{}`; say with `--columns` how it is named", column.escape_debug())
}

/// Whose a message in our JSON is of which nothing else can be read.
fn named(text: &[u8]) -> Option<Named> {
    let serde_json::Value::Object(object) = serde_json::from_slice(text).ok()? else { return None };
    let kind = object.get("type").and_then(serde_json::Value::as_str).and_then(ReadingKind::from_word);
    let epoch = object.get("epoch").and_then(serde_json::Value::as_u64).unwrap_or(0);
    Some(Named {
        device: object.get("device")?.as_str()?.parse().ok()?,
        kind,
        epoch: u32::try_from(epoch).ok()?,
        sequence: object.get("seq")?.as_u64()?,
    })
}

/// Bytes written as hexadecimal digits, if that is what a text is.
fn hexadecimal(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    if text.len() % 2 == 1 {
        return None;
    }
    text.chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}
