//! The records in Protocol Buffers, version 3: the file of each kind, and its binary form.
//!
//! Every field has presence, so that a field that is missing is not taken for a zero, and the fields all records have come last
//! by their numbers: writers write by number, so a message whose end is lost has lost one that must be there.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, Value as Datum};

use super::proto_file::ProtoFile;
use super::{COMMON, Common, NAMESPACE, full_name, said, type_name};
use crate::telemetry::field::{ColumnType, Value};
use crate::telemetry::json::DecodeError;
use crate::telemetry::reading::ReadingKind;
use crate::telemetry::record::Record;

/// The number of the first field that all records have; those of readings begin with 1.
const COMMON_FIRST: u32 = 201;
/// Their types, in the order of [`COMMON`].
const COMMON_TYPES: [&str; 4] = ["string", "uint32", "uint64", "int64"];

/// What the messages of this program are made of.
static OWN: LazyLock<BTreeMap<ReadingKind, MessageDescriptor>> = LazyLock::new(|| {
    let described = |kind: &ReadingKind| {
        let file = ProtoFile::parse(&text(*kind), &[]).ok()?;
        let mut pool = DescriptorPool::new();
        pool.add_file_descriptor_proto(file.descriptor().clone()).ok()?;
        Some((*kind, pool.get_message_by_name(&full_name(*kind))?))
    };
    ReadingKind::ALL.iter().filter_map(described).collect()
});

/// The file of a kind.
pub(super) fn text(kind: ReadingKind) -> String {
    let mut text = format!("syntax = \"proto3\";\npackage {NAMESPACE};\n\nmessage {} {{\n", type_name(kind));
    let mut line = |says: &str, of: &str, name: &str, number: u32| {
        let _ = write!(text, "  // {says}\n  optional {of} {name} = {number};\n");
    };
    for (number, column) in (1..).zip(kind.columns()) {
        let of = match column.holds {
            ColumnType::Text => "string",
            ColumnType::Number => "double",
            ColumnType::Whole => "uint32",
            ColumnType::Flag => "bool",
        };
        let may = if column.optional { " May be missing." } else { "" };
        line(&format!("{}{may}", said(column)), of, column.name, number);
    }
    for (number, ((name, says), of)) in (COMMON_FIRST..).zip(COMMON.iter().zip(COMMON_TYPES)) {
        line(says, of, name, number);
    }
    text.push_str("}\n");
    text
}

/// Appends a record as the message of its kind.
pub(in crate::telemetry) fn encode(record: &Record, out: &mut Vec<u8>) {
    let Some(descriptor) = OWN.get(&record.kind()) else { return };
    let mut message = DynamicMessage::new(descriptor.clone());
    for (number, value) in (1..).zip(record.reading.values()) {
        let datum = match value {
            Value::Missing => continue,
            Value::Text(text) => Datum::String(text.to_owned()),
            Value::Number(number) => Datum::F64(number),
            Value::Whole(number) => Datum::U32(u32::try_from(number).unwrap_or_default()),
            Value::Flag(flag) => Datum::Bool(flag),
        };
        message.set_field_by_number(number, datum);
    }
    let common = [
        Datum::String(record.device.as_str().to_owned()),
        Datum::U32(record.epoch),
        Datum::U64(record.sequence),
        Datum::I64(record.time.as_milliseconds()),
    ];
    for (number, datum) in (COMMON_FIRST..).zip(common) {
        message.set_field_by_number(number, datum);
    }
    let written = message.encode(out);
    debug_assert!(written.is_ok(), "a vector has room");
}

/// Reads the message of a kind, whatever version of its file it was written by: a number means the same in all of them.
pub(in crate::telemetry) fn decode(kind: ReadingKind, bytes: &[u8]) -> Result<Record, DecodeError> {
    let not = |reason: String| DecodeError::NotAReading { kind: kind.word(), reason };
    let descriptor = OWN.get(&kind).ok_or_else(|| not("has no schema".to_owned()))?;
    let message = DynamicMessage::decode(descriptor.clone(), bytes).map_err(|error| not(error.to_string()))?;
    let field = |number: u32| descriptor.get_field(number).filter(|field| message.has_field(field));
    let mut found: Vec<Option<Datum>> = Vec::new();
    let numbers = (1..).take(kind.columns().len()).chain((COMMON_FIRST..).take(COMMON.len()));
    for number in numbers {
        found.push(field(number).map(|field| message.get_field(&field).into_owned()));
    }
    let (values, common) = found.split_at(kind.columns().len());
    let [Some(Datum::String(device)), Some(Datum::U32(epoch)), Some(Datum::U64(sequence)), Some(Datum::I64(time))] =
        common
    else {
        return Err(DecodeError::NotARecord("`device`, `epoch`, `seq` or `timestamp` is missing".to_owned()));
    };
    let common = Common { device, epoch: i64::from(*epoch), sequence: *sequence, time: *time };
    let values: Vec<Value<'_>> = values.iter().map(|datum| value(datum.as_ref())).collect();
    super::record(kind, &common, &values)
}

/// The value of a field; missing if it is of another type, which the descriptor does not let through.
fn value(datum: Option<&Datum>) -> Value<'_> {
    match datum {
        Some(Datum::String(text)) => Value::Text(text),
        Some(Datum::F64(number)) => Value::Number(*number),
        Some(Datum::U32(number)) => Value::Whole(i64::from(*number)),
        Some(Datum::Bool(flag)) => Value::Flag(*flag),
        _ => Value::Missing,
    }
}
