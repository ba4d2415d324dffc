//! Records as JSON Schema, Avro and Protobuf under Confluent's framing: schemas written from the readings' own columns.
//!
//! ```text
//!  0 │ id of the schema, 4 bytes, big-endian │ Protobuf only: which message of its file │ the record
//! ```
//!
//! A record is the same record in every form: [`SchemaBook::decode`] of any of them gives one whose canonical JSON is equal to the
//! last byte. The schemas of this program have fixed ids ([`own_id`]), so that sender and receiver need no registry to agree; ids of
//! other schemas come from a registry, which begins with [`FIRST_FOREIGN_ID`]. Knows no registry, no file and no socket.

mod avro;
mod book;
mod frame;
mod json_schema;
mod proto_file;
mod proto_text;
pub(super) mod protobuf;

use super::field::{Column, Value};
use super::json::DecodeError;
use super::payload::PayloadFormat;
use super::profiles;
use super::reading::{Reading, ReadingKind};
use super::record::{DeviceId, Record};
use crate::primitives::Timestamp;

pub use book::SchemaBook;
pub use proto_file::{NotProtobuf, ProtoFile};

/// The namespace of the records: the package of Protobuf, the namespace of Avro.
pub const NAMESPACE: &str = "citytwin.telemetry";
/// The first id a registry gives to a schema that is not this program's own.
pub const FIRST_FOREIGN_ID: u32 = 1000;

/// The languages schemas are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SchemaFormat {
    /// JSON Schema, draft 7; records are the JSON of [`super::json`].
    Json,
    /// Apache Avro, binary.
    Avro,
    /// Protocol Buffers, version 3.
    Protobuf,
}

impl SchemaFormat {
    /// Every format there is; the order is that of the ids.
    pub const ALL: [Self; 3] = [Self::Json, Self::Avro, Self::Protobuf];

    /// What registries call it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Avro => "AVRO",
            Self::Protobuf => "PROTOBUF",
        }
    }

    /// The format a registry calls by this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.word() == word)
    }
}

/// A schema of this program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnSchema {
    /// Its id, the same in every registry of this program.
    pub id: u32,
    /// The subject it is registered under.
    pub subject: String,
    /// Whose records it describes.
    pub kind: ReadingKind,
    /// In which language.
    pub format: SchemaFormat,
    /// The schema.
    pub text: String,
}

/// The schemas of all readings in all formats, by id.
pub fn own_schemas() -> Vec<OwnSchema> {
    let of = |kind: ReadingKind, format| OwnSchema {
        id: own_id(kind, format),
        subject: format!("{}-{}", full_name(kind), format.word().to_lowercase()),
        kind,
        format,
        text: own_schema(kind, format),
    };
    ReadingKind::ALL.iter().flat_map(|&kind| SchemaFormat::ALL.map(|format| of(kind, format))).collect()
}

/// The text of a schema of this program.
pub fn own_schema(kind: ReadingKind, format: SchemaFormat) -> String {
    match format {
        SchemaFormat::Json => json_schema::text(kind),
        SchemaFormat::Avro => avro::text(kind),
        SchemaFormat::Protobuf => protobuf::text(kind),
    }
}

/// The id of a schema of this program. Part of the wire: an id never changes its meaning.
pub fn own_id(kind: ReadingKind, format: SchemaFormat) -> u32 {
    let place = ReadingKind::ALL.iter().position(|other| *other == kind).unwrap_or_default();
    let format = SchemaFormat::ALL.iter().position(|other| *other == format).unwrap_or_default();
    u32::try_from(place * SchemaFormat::ALL.len() + format + 1).unwrap_or_default()
}

/// What a kind is called in a schema, without the namespace.
pub(super) fn type_name(kind: ReadingKind) -> String {
    format!("{kind:?}")
}

/// What a kind is called in a schema.
pub fn full_name(kind: ReadingKind) -> String {
    format!("{NAMESPACE}.{}", type_name(kind))
}

/// The kind a schema calls by this name.
fn kind_named(full: &str) -> Option<ReadingKind> {
    ReadingKind::ALL.iter().copied().find(|kind| full_name(*kind) == full)
}

/// The sentence and unit of a column, for the documentation in a schema.
fn said(column: &Column) -> String {
    let unit = if column.unit.is_empty() { String::new() } else { format!(" [{}]", column.unit) };
    let words = if column.words.is_empty() { String::new() } else { format!(" One of: {}.", column.words.join(", ")) };
    format!("{}{unit}{words}", column.says)
}

/// What the common fields say, by their names.
const COMMON: [(&str, &str); 4] = [
    ("device", "Who measured: 1 to 64 of A-Z a-z 0-9 . _ -"),
    ("epoch", "How many times the device has started anew."),
    ("seq", "How many records the device made before in this epoch."),
    ("timestamp", "When, by the device's own clock [ms since 1970-01-01T00:00:00Z]."),
];

/// The fields all records have, as they were read and before anything is believed.
pub(super) struct Common<'a> {
    pub(super) device: &'a str,
    pub(super) epoch: i64,
    pub(super) sequence: u64,
    /// [ms since 1970-01-01T00:00:00Z].
    pub(super) time: i64,
}

/// Appends a record in a form; `canonical` is its canonical JSON.
pub(super) fn encode(record: &Record, format: PayloadFormat, canonical: &[u8], out: &mut Vec<u8>) {
    match format {
        PayloadFormat::Json => out.extend_from_slice(canonical),
        PayloadFormat::Framed(format) => book::encode(record, format, canonical, out),
        PayloadFormat::NgsiLd | PayloadFormat::NgsiLdKeyValues | PayloadFormat::GtfsRealtime => {
            profiles::encode(record, format, out);
        }
    }
}

/// Puts a record together from what was read.
pub(super) fn record(kind: ReadingKind, common: &Common<'_>, values: &[Value<'_>]) -> Result<Record, DecodeError> {
    let not = |reason: String| DecodeError::NotAReading { kind: kind.word(), reason };
    let epoch = u32::try_from(common.epoch)
        .map_err(|_| DecodeError::NotARecord(format!("epoch {} is not from 0 to {}", common.epoch, u32::MAX)))?;
    let device: DeviceId =
        common.device.parse().map_err(|error: super::record::NotADevice| DecodeError::BadDevice(error.to_string()))?;
    let time = Timestamp::milliseconds(common.time);
    if time.as_milliseconds() != common.time {
        return Err(DecodeError::BadTimestamp(format!("{} ms is not between the years 1 and 9999", common.time)));
    }
    let reading = Reading::from_values(kind, values).ok_or_else(|| not(misfit(kind.columns(), values)))?;
    if let Some(sentence) = reading.out_of_range() {
        return Err(DecodeError::OutOfRange(sentence));
    }
    Ok(Record { device, epoch, sequence: common.sequence, time, reading })
}

/// Which value does not fit its column, as a sentence.
fn misfit(columns: &[Column], values: &[Value<'_>]) -> String {
    for (column, value) in columns.iter().zip(values) {
        match value {
            Value::Missing if !column.optional => return format!("the field `{}` is missing", column.name),
            Value::Whole(number) if u32::try_from(*number).is_err() => {
                return format!("the field `{}` cannot be {number}", column.name);
            }
            Value::Text(word) if !column.words.is_empty() && !column.words.contains(word) => {
                let word: String = word.chars().take(64).collect();
                return format!("the field `{}` cannot be `{word}`", column.name);
            }
            _ => {}
        }
    }
    "a field is of another type".to_owned()
}

#[cfg(test)]
mod tests;
