//! Reads a table of Parquet back into records, a thousand rows at a time.
//!
//! What comes back is what was written, to the last bit. A file that does not hold what its schema promises is an error, never a
//! panic.

use std::fs::File;
use std::path::{Path, PathBuf};

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, FileReader as _};
use parquet::file::serialized_reader::SerializedFileReader;

use super::super::error::StoreError;
use super::columns::{COMMON, schema};
use crate::primitives::Timestamp;
use crate::telemetry::{DeviceId, Reading, ReadingKind, Record, Value};

/// Rows decoded at once.
const CHUNK: usize = 1024;

/// One column of the chunk in hand.
struct Column {
    reader: ColumnReader,
    values: Values,
    levels: Vec<i16>,
    optional: bool,
    /// The next value, and the next row.
    next: usize,
    row: usize,
}

enum Values {
    Text(Vec<ByteArray>),
    Number(Vec<f64>),
    Whole(Vec<i64>),
    Small(Vec<i32>),
    Flag(Vec<bool>),
}

fn wrong(what: &str) -> ParquetError {
    ParquetError::General(what.to_owned())
}

fn fill<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    values: &mut Vec<T::T>,
    levels: Option<&mut Vec<i16>>,
) -> Result<usize> {
    values.clear();
    reader.read_records(CHUNK, levels, None, values).map(|(rows, ..)| rows)
}

impl Column {
    fn new(reader: ColumnReader, optional: bool) -> Result<Self> {
        let values = match &reader {
            ColumnReader::ByteArrayColumnReader(_) => Values::Text(Vec::new()),
            ColumnReader::DoubleColumnReader(_) => Values::Number(Vec::new()),
            ColumnReader::Int64ColumnReader(_) => Values::Whole(Vec::new()),
            ColumnReader::Int32ColumnReader(_) => Values::Small(Vec::new()),
            ColumnReader::BoolColumnReader(_) => Values::Flag(Vec::new()),
            _ => return Err(wrong("has a column of a type that is never written")),
        };
        Ok(Self { reader, values, levels: Vec::new(), optional, next: 0, row: 0 })
    }

    /// Decodes the next rows; gives how many there were.
    fn read(&mut self) -> Result<usize> {
        (self.next, self.row) = (0, 0);
        self.levels.clear();
        let levels = self.optional.then_some(&mut self.levels);
        match (&mut self.reader, &mut self.values) {
            (ColumnReader::ByteArrayColumnReader(reader), Values::Text(values)) => fill(reader, values, levels),
            (ColumnReader::DoubleColumnReader(reader), Values::Number(values)) => fill(reader, values, levels),
            (ColumnReader::Int64ColumnReader(reader), Values::Whole(values)) => fill(reader, values, levels),
            (ColumnReader::Int32ColumnReader(reader), Values::Small(values)) => fill(reader, values, levels),
            (ColumnReader::BoolColumnReader(reader), Values::Flag(values)) => fill(reader, values, levels),
            _ => Err(wrong("has a column of another type than its schema's")),
        }
    }

    /// The place of the next row's value; none if it is missing.
    fn place(&mut self) -> Option<usize> {
        let row = self.row;
        self.row += 1;
        if self.optional && self.levels.get(row) != Some(&1) {
            return None;
        }
        self.next += 1;
        Some(self.next - 1)
    }

    fn text_at(&self, place: usize) -> Result<&str> {
        let Values::Text(texts) = &self.values else { return Err(wrong("has no text where it should")) };
        let text = texts.get(place).ok_or_else(|| wrong("has too few values"))?;
        text.as_utf8().map_err(|_| wrong("has a text that is none"))
    }

    fn whole(&mut self) -> Result<i64> {
        let place = self.place().ok_or_else(|| wrong("lacks a number"))?;
        let found = match &self.values {
            Values::Whole(numbers) => numbers.get(place).copied(),
            Values::Small(numbers) => numbers.get(place).map(|number| i64::from(number.cast_unsigned())),
            _ => None,
        };
        found.ok_or_else(|| wrong("lacks a number"))
    }

    fn value(&self, place: Option<usize>) -> Result<Value<'_>> {
        let Some(place) = place else { return Ok(Value::Missing) };
        let found = match &self.values {
            Values::Text(_) => return self.text_at(place).map(Value::Text),
            Values::Number(numbers) => numbers.get(place).copied().map(Value::Number),
            Values::Whole(numbers) => numbers.get(place).copied().map(Value::Whole),
            Values::Flag(flags) => flags.get(place).copied().map(Value::Flag),
            Values::Small(_) => None,
        };
        found.ok_or_else(|| wrong("has too few values"))
    }
}

/// A table of records as it lies in a folder of history, for whoever reads it from outside.
pub struct TableFile {
    path: PathBuf,
    reader: TableReader<File>,
}

impl std::fmt::Debug for TableFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TableFile({})", self.path.display())
    }
}

impl TableFile {
    /// Opens a table, of whatever kind it says it is.
    ///
    /// # Errors
    /// When it cannot be read, or is no table of records.
    pub fn open(path: &Path) -> std::result::Result<Self, StoreError> {
        let file = File::open(path).map_err(StoreError::file("open", path))?;
        let about = SerializedFileReader::new(file.try_clone().map_err(StoreError::file("open", path))?);
        let about = about.map_err(StoreError::parquet("read", path))?;
        let name = about.metadata().file_metadata().schema().name().to_owned();
        let kind = ReadingKind::from_word(&name);
        let kind = kind.ok_or_else(|| StoreError::parquet("read", path)(wrong("is no table of records")))?;
        let reader = TableReader::open(file, kind).map_err(StoreError::parquet("read", path))?;
        Ok(Self { path: path.to_owned(), reader })
    }

    /// The next record; none at the end.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn read(&mut self) -> std::result::Result<Option<Record>, StoreError> {
        self.reader.next().map_err(StoreError::parquet("read", &self.path))
    }
}

/// Reads one table.
pub(super) struct TableReader<R: ChunkReader + 'static> {
    file: SerializedFileReader<R>,
    kind: ReadingKind,
    groups: std::ops::Range<usize>,
    columns: Vec<Column>,
    /// Rows of the chunk not handed out yet.
    left: usize,
    device: Option<DeviceId>,
}

impl<R: ChunkReader + 'static> TableReader<R> {
    /// Opens a table of a kind.
    pub(super) fn open(file: R, kind: ReadingKind) -> Result<Self> {
        let file = SerializedFileReader::new(file)?;
        let about = file.metadata();
        if about.file_metadata().schema() != schema(kind)?.as_ref() {
            return Err(wrong("has other columns than its kind"));
        }
        let groups = 0..about.num_row_groups();
        Ok(Self { file, kind, groups, columns: Vec::new(), left: 0, device: None })
    }

    /// The next record; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Record>> {
        while self.left == 0 {
            let mut counts = self.columns.iter_mut().map(Column::read).collect::<Result<Vec<_>>>()?;
            counts.dedup();
            match counts[..] {
                [rows] if rows > 0 => self.left = rows,
                [] | [0] => match self.groups.next() {
                    None => return Ok(None),
                    Some(group) => self.open_group(group)?,
                },
                _ => return Err(wrong("has columns of different lengths")),
            }
        }
        self.left -= 1;
        self.record().map(Some)
    }

    fn open_group(&mut self, group: usize) -> Result<()> {
        let group = self.file.get_row_group(group)?;
        let optional = |k: usize| k >= COMMON && self.kind.columns()[k - COMMON].optional;
        let column = |k| Column::new(group.get_column_reader(k)?, optional(k));
        self.columns = (0..COMMON + self.kind.columns().len()).map(column).collect::<Result<_>>()?;
        Ok(())
    }

    fn record(&mut self) -> Result<Record> {
        let [device, epoch, sequence, time, fields @ ..] = &mut self.columns[..] else {
            return Err(wrong("has too few columns"));
        };
        let place = device.place().unwrap_or_default();
        let name = device.text_at(place)?;
        // Rows of one device stand together: its name is made once.
        let known = self.device.as_ref().filter(|known| known.as_str() == name).cloned();
        let device = match known {
            Some(known) => known,
            None => name.parse::<DeviceId>().map_err(|_| wrong("names a device that cannot be one"))?,
        };
        self.device = Some(device.clone());
        let epoch = u32::try_from(epoch.whole()?).map_err(|_| wrong("has a negative epoch"))?;
        let (sequence, time) = (sequence.whole()?.cast_unsigned(), Timestamp::milliseconds(time.whole()?));
        let mut values = Vec::with_capacity(fields.len());
        for field in fields {
            let place = field.place();
            values.push(field.value(place)?);
        }
        let reading =
            Reading::from_values(self.kind, &values).ok_or_else(|| wrong("has a value no such reading can have"))?;
        Ok(Record { device, epoch, sequence, time, reading })
    }
}
