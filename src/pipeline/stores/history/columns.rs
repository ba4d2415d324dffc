//! Records as columns of Parquet: the tables' schemas, and a writer that holds one group of rows at a time.
//!
//! A table has the columns `device`, `epoch`, `sequence`, `time` and then those of its kind. Texts are dictionaries, times are
//! instants of UTC to the millisecond, numbers keep every bit. Units stand in the file's metadata as `unit:<column>`, sentences as
//! `says:<column>`: Parquet itself has no place for them at the column. Knows no folder and no manifest.

use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, Encoding, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnPath, Type, TypePtr};

use crate::telemetry::{ColumnType, DeviceId, Fate, Fault, Reading, ReadingKind, Record, Value};

/// Rows in a group: what the writer holds in memory, about 10 MB of positions.
const GROUP_ROWS: usize = 1 << 16;

/// Columns before those of the kind.
pub(super) const COMMON: usize = 4;

/// What a grader is told beside a true reading.
#[derive(Debug, Clone, Copy)]
pub(in crate::pipeline::stores) struct Verdict {
    /// What was wrong with the device.
    pub(in crate::pipeline::stores) fault: Option<Fault>,
    /// What became of the record.
    pub(in crate::pipeline::stores) fate: Fate,
}

impl Verdict {
    fn push_to(self, fault: &mut ColumnBuffer, fate: &mut ColumnBuffer) {
        fault.push(&self.fault.map_or(Value::Missing, |fault| Value::Text(fault.word())));
        fate.push(&Value::Text(match self.fate {
            Fate::Sent => "sent",
            Fate::Lost => "lost",
            Fate::Garbled => "garbled",
        }));
    }
}

/// What of a message's way is told beside a true reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::pipeline::stores) struct Sending {
    /// What was put on it on its way, in words with spaces between them; empty if nothing was.
    pub(in crate::pipeline::stores) faults: String,
    /// When it was to be sent [µs since 1970].
    pub(in crate::pipeline::stores) due: i64,
    /// When it was [µs since 1970]; none if it never was.
    pub(in crate::pipeline::stores) sent: Option<i64>,
}

/// What stands behind the columns of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pipeline::stores) enum Beside {
    /// Nothing.
    Nothing,
    /// A verdict.
    Verdict,
    /// A verdict, and how the message was sent.
    Sending,
}

/// One column's name, type, and whether it may be missing.
#[derive(Clone)]
struct Shape {
    name: &'static str,
    physical: Physical,
    logical: Option<LogicalType>,
    optional: bool,
}

fn shape(name: &'static str, physical: Physical, logical: Option<LogicalType>) -> Shape {
    Shape { name, physical, logical, optional: false }
}

fn text(name: &'static str, optional: bool) -> Shape {
    Shape { name, physical: Physical::BYTE_ARRAY, logical: Some(LogicalType::String), optional }
}

/// When a message was due and when it was sent, to the microsecond.
fn sending_times() -> [Shape; 2] {
    let instant = |name| shape(name, Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS)));
    [instant("due"), Shape { optional: true, ..instant("sent") }]
}

/// The columns of what strangers sent.
fn strangers() -> Vec<Shape> {
    let mut shapes = vec![text("topic", false), text("what", false)];
    shapes.extend([shape("bytes", Physical::INT64, None), text("blake3", false)]);
    shapes.extend(sending_times());
    shapes
}

fn shapes(kind: ReadingKind, beside: Beside) -> Vec<Shape> {
    let mut shapes = vec![
        text("device", false),
        shape("epoch", Physical::INT32, Some(LogicalType::integer(32, false))),
        shape("sequence", Physical::INT64, Some(LogicalType::integer(64, false))),
        shape("time", Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MILLIS))),
    ];
    shapes.extend(kind.columns().iter().map(|column| {
        let plain = |physical| Shape { name: column.name, physical, logical: None, optional: column.optional };
        match column.holds {
            ColumnType::Text => text(column.name, column.optional),
            ColumnType::Number => plain(Physical::DOUBLE),
            ColumnType::Whole => plain(Physical::INT64),
            ColumnType::Flag => plain(Physical::BOOLEAN),
        }
    }));
    if beside != Beside::Nothing {
        shapes.extend([text("fault", true), text("fate", false)]);
    }
    if beside == Beside::Sending {
        shapes.push(text("faults", true));
        shapes.extend(sending_times());
    }
    shapes
}

/// The schema of a kind's table.
pub(super) fn schema(kind: ReadingKind) -> Result<TypePtr> {
    schema_of(kind.word(), &shapes(kind, Beside::Nothing))
}

fn schema_of(name: &str, shapes: &[Shape]) -> Result<TypePtr> {
    let field = |shape: &Shape| {
        let repetition = if shape.optional { Repetition::OPTIONAL } else { Repetition::REQUIRED };
        let builder = Type::primitive_type_builder(shape.name, shape.physical);
        builder.with_repetition(repetition).with_logical_type(shape.logical.clone()).build().map(Arc::new)
    };
    let fields = shapes.iter().map(field).collect::<Result<_>>()?;
    Type::group_type_builder(name).with_fields(fields).build().map(Arc::new)
}

/// What units the columns of a kind have, and what they say.
fn notes(kind: ReadingKind) -> Vec<KeyValue> {
    let mut notes = vec![KeyValue::new(String::from("unit:time"), String::from("ms since 1970-01-01T00:00:00Z"))];
    for column in kind.columns() {
        if !column.unit.is_empty() {
            notes.push(KeyValue::new(format!("unit:{}", column.name), column.unit.to_owned()));
        }
        notes.push(KeyValue::new(format!("says:{}", column.name), column.says.to_owned()));
    }
    notes
}

fn properties(shapes: &[Shape], notes: Vec<KeyValue>) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_dictionary_enabled(false)
        .set_dictionary_page_size_limit(256 << 10)
        .set_data_page_size_limit(128 << 10)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_max_row_group_row_count(None)
        .set_created_by(String::from("citytwin"))
        .set_key_value_metadata(Some(notes));
    for shape in shapes {
        let column = ColumnPath::from(shape.name);
        properties = match shape.physical {
            Physical::BYTE_ARRAY => properties.set_column_dictionary_enabled(column, true),
            // Neighbours in a file are neighbours in time: their differences are small.
            Physical::INT32 | Physical::INT64 => properties.set_column_encoding(column, Encoding::DELTA_BINARY_PACKED),
            _ => properties,
        };
    }
    properties.build()
}

/// The values of one column in a group of rows; levels say which rows have one.
#[derive(Debug)]
struct ColumnBuffer {
    values: Values,
    levels: Option<Vec<i16>>,
}

#[derive(Debug)]
enum Values {
    /// All texts behind each other, and where each lies.
    Text(Vec<u8>, Vec<(usize, usize)>),
    Number(Vec<f64>),
    Whole(Vec<i64>),
    Small(Vec<i32>),
    Flag(Vec<bool>),
}

impl ColumnBuffer {
    fn new(shape: &Shape) -> Self {
        let values = match shape.physical {
            Physical::DOUBLE => Values::Number(Vec::new()),
            Physical::INT64 => Values::Whole(Vec::new()),
            Physical::INT32 => Values::Small(Vec::new()),
            Physical::BOOLEAN => Values::Flag(Vec::new()),
            _ => Values::Text(Vec::new(), Vec::new()),
        };
        Self { values, levels: shape.optional.then(Vec::new) }
    }

    fn push(&mut self, value: &Value<'_>) {
        if let Some(levels) = &mut self.levels {
            levels.push(i16::from(*value != Value::Missing));
        }
        match (&mut self.values, value) {
            (Values::Text(all, places), Value::Text(text)) => {
                // One device's rows stand together, and so do its texts.
                match places.last() {
                    Some(&(from, to)) if all.get(from..to) == Some(text.as_bytes()) => places.push((from, to)),
                    _ => {
                        let from = all.len();
                        all.extend_from_slice(text.as_bytes());
                        places.push((from, all.len()));
                    }
                }
            }
            (Values::Number(numbers), Value::Number(number)) => numbers.push(*number),
            (Values::Whole(numbers), Value::Whole(number)) => numbers.push(*number),
            (Values::Flag(flags), Value::Flag(flag)) => flags.push(*flag),
            // A reading's values have its columns' types; `levels` then say the value is missing.
            _ => debug_assert!(*value == Value::Missing && self.levels.is_some(), "{value:?} in another column"),
        }
    }

    fn write_to(&mut self, writer: &mut ColumnWriter<'_>) -> Result<()> {
        let levels = self.levels.as_deref();
        match (writer, &mut self.values) {
            (ColumnWriter::ByteArrayColumnWriter(writer), Values::Text(all, places)) => {
                let all = Bytes::from(std::mem::take(all));
                let texts: Vec<ByteArray> = places.drain(..).map(|(from, to)| all.slice(from..to).into()).collect();
                writer.write_batch(&texts, levels, None)?;
            }
            (ColumnWriter::DoubleColumnWriter(writer), Values::Number(numbers)) => {
                writer.write_batch(numbers, levels, None)?;
                numbers.clear();
            }
            (ColumnWriter::Int64ColumnWriter(writer), Values::Whole(numbers)) => {
                writer.write_batch(numbers, levels, None)?;
                numbers.clear();
            }
            (ColumnWriter::Int32ColumnWriter(writer), Values::Small(numbers)) => {
                writer.write_batch(numbers, levels, None)?;
                numbers.clear();
            }
            (ColumnWriter::BoolColumnWriter(writer), Values::Flag(flags)) => {
                writer.write_batch(flags, levels, None)?;
                flags.clear();
            }
            _ => return Err(ParquetError::General(String::from("a column of another type than its schema's"))),
        }
        if let Some(levels) = &mut self.levels {
            levels.clear();
        }
        Ok(())
    }
}

/// Writes one table.
pub(in crate::pipeline::stores) struct TableWriter<W: Write + Send> {
    file: SerializedFileWriter<W>,
    columns: Vec<ColumnBuffer>,
    held: usize,
    rows: u64,
}

impl<W: Write + Send> std::fmt::Debug for TableWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TableWriter({} rows)", self.rows)
    }
}

impl<W: Write + Send> TableWriter<W> {
    /// Begins the table of a kind, with more behind its readings if that is asked for.
    pub(in crate::pipeline::stores) fn new(out: W, kind: ReadingKind, beside: Beside) -> Result<Self> {
        Self::begin(out, kind.word(), &shapes(kind, beside), notes(kind))
    }

    /// Begins the table of what strangers sent.
    pub(in crate::pipeline::stores) fn of_strangers(out: W) -> Result<Self> {
        Self::begin(out, "strangers", &strangers(), Vec::new())
    }

    fn begin(out: W, name: &str, shapes: &[Shape], notes: Vec<KeyValue>) -> Result<Self> {
        let file = SerializedFileWriter::new(out, schema_of(name, shapes)?, Arc::new(properties(shapes, notes)))?;
        Ok(Self { file, columns: shapes.iter().map(ColumnBuffer::new).collect(), held: 0, rows: 0 })
    }

    /// Adds a record.
    pub(in crate::pipeline::stores) fn add(&mut self, record: &Record) -> Result<()> {
        self.add_row(record, &record.reading, None)
    }

    /// Adds what a device should have said, under the identity of what it did say.
    pub(in crate::pipeline::stores) fn add_row(
        &mut self,
        record: &Record,
        reading: &Reading,
        verdict: Option<Verdict>,
    ) -> Result<()> {
        let Record { device, epoch, sequence, time, .. } = record;
        self.add_identity(device, *epoch, *sequence, time.as_milliseconds());
        for (column, value) in self.columns[COMMON..].iter_mut().zip(reading.values()) {
            column.push(&value);
        }
        if let (Some(verdict), [.., fault, fate]) = (verdict, &mut self.columns[..]) {
            verdict.push_to(fault, fate);
        }
        self.end_row()
    }

    /// Adds what a device should have said, and how its message was sent; the table was begun for that.
    pub(in crate::pipeline::stores) fn add_sent(
        &mut self,
        record: &Record,
        reading: &Reading,
        verdict: Verdict,
        sending: &Sending,
    ) -> Result<()> {
        let Record { device, epoch, sequence, time, .. } = record;
        self.add_identity(device, *epoch, *sequence, time.as_milliseconds());
        for (column, value) in self.columns[COMMON..].iter_mut().zip(reading.values()) {
            column.push(&value);
        }
        if let [.., fault, fate, faults, due, sent] = &mut self.columns[..] {
            verdict.push_to(fault, fate);
            let put = sending.faults.as_str();
            faults.push(&if put.is_empty() { Value::Missing } else { Value::Text(put) });
            due.push(&Value::Whole(sending.due));
            sent.push(&sending.sent.map_or(Value::Missing, Value::Whole));
        }
        self.end_row()
    }

    /// Adds a row of values, one for each column.
    pub(in crate::pipeline::stores) fn add_values(&mut self, values: &[Value<'_>]) -> Result<()> {
        debug_assert_eq!(values.len(), self.columns.len(), "a value for each column");
        self.columns.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
        self.end_row()
    }

    fn end_row(&mut self) -> Result<()> {
        self.held += 1;
        self.rows += 1;
        if self.held == GROUP_ROWS { self.end_group() } else { Ok(()) }
    }

    fn add_identity(&mut self, device: &DeviceId, epoch: u32, sequence: u64, time: i64) {
        self.columns[0].push(&Value::Text(device.as_str()));
        if let Values::Small(epochs) = &mut self.columns[1].values {
            epochs.push(epoch.cast_signed());
        }
        self.columns[2].push(&Value::Whole(sequence.cast_signed()));
        self.columns[3].push(&Value::Whole(time));
    }

    fn end_group(&mut self) -> Result<()> {
        if self.held == 0 {
            return Ok(());
        }
        let mut group = self.file.next_row_group()?;
        for buffer in &mut self.columns {
            let Some(mut column) = group.next_column()? else { break };
            buffer.write_to(column.untyped())?;
            column.close()?;
        }
        group.close()?;
        self.held = 0;
        Ok(())
    }

    /// Ends the table; gives how many rows it has and what it was written to.
    pub(in crate::pipeline::stores) fn finish(mut self) -> Result<(u64, W)> {
        self.end_group()?;
        Ok((self.rows, self.file.into_inner()?))
    }
}
