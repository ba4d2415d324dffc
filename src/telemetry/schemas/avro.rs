//! The records in Avro: the schema of each kind, and its binary form.
//!
//! Texts that are one of a few words are strings with the words in their documentation: a later version may add a word without
//! becoming unreadable, and Avro's symbols could not hold all of them (`3d`). Sequences from 2⁶³ on are negative, as two's
//! complement has it, because Avro has no unsigned numbers.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::LazyLock;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::schema::{InnerDecimalSchema, UuidSchema};
use apache_avro::types::Value as Datum;
use apache_avro::writer::datum::GenericDatumWriter;
use serde_json::{Value as Json, json};

use super::{COMMON, Common, NAMESPACE, said, type_name};
use crate::telemetry::field::{Column, ColumnType, Value};
use crate::telemetry::json::{DecodeError, MESSAGE_MAX};
use crate::telemetry::reading::ReadingKind;
use crate::telemetry::record::Record;

/// The parsed schemas of this program.
static OWN: LazyLock<BTreeMap<ReadingKind, Schema>> = LazyLock::new(|| {
    // No field of a message is longer than the message; what claims to be is refused before memory is asked for.
    apache_avro::util::max_allocation_bytes(MESSAGE_MAX * 64);
    let parsed = |kind: &ReadingKind| Schema::parse_str(&text(*kind)).ok().map(|schema| (*kind, schema));
    ReadingKind::ALL.iter().filter_map(parsed).collect()
});

/// The schema of a kind.
pub(super) fn text(kind: ReadingKind) -> String {
    let types =
        [json!("string"), json!("long"), json!("long"), json!({ "type": "long", "logicalType": "timestamp-millis" })];
    let common = COMMON.iter().zip(types).map(|((name, says), of)| json!({ "name": name, "type": of, "doc": says }));
    let fields: Vec<Json> = common.chain(kind.columns().iter().map(field)).collect();
    json!({ "type": "record", "name": type_name(kind), "namespace": NAMESPACE, "fields": fields }).to_string()
}

fn field(column: &Column) -> Json {
    let of = match column.holds {
        ColumnType::Text => "string",
        ColumnType::Number => "double",
        ColumnType::Whole => "long",
        ColumnType::Flag => "boolean",
    };
    if column.optional {
        json!({ "name": column.name, "type": ["null", of], "default": null, "doc": said(column) })
    } else {
        json!({ "name": column.name, "type": of, "doc": said(column) })
    }
}

/// Appends a record in the schema of its kind.
pub(super) fn encode(record: &Record, out: &mut Vec<u8>) {
    let mut fields = Vec::with_capacity(16);
    let mut put = |name: &str, value| fields.push((name.to_owned(), value));
    put("device", Datum::String(record.device.as_str().to_owned()));
    put("epoch", Datum::Long(i64::from(record.epoch)));
    put("seq", Datum::Long(record.sequence.cast_signed()));
    put("timestamp", Datum::TimestampMillis(record.time.as_milliseconds()));
    for (column, value) in record.kind().columns().iter().zip(record.reading.values()) {
        let datum = match value {
            Value::Missing => Datum::Null,
            Value::Text(text) => Datum::String(text.to_owned()),
            Value::Number(number) => Datum::Double(number),
            Value::Whole(number) => Datum::Long(number),
            Value::Flag(flag) => Datum::Boolean(flag),
        };
        let place = u32::from(datum != Datum::Null);
        put(column.name, if column.optional { Datum::Union(place, Box::new(datum)) } else { datum });
    }
    let Some(schema) = OWN.get(&record.kind()) else { return };
    let written = GenericDatumWriter::builder(schema)
        .validate(false)
        .build()
        .and_then(|writer| writer.write_value(out, Datum::Record(fields)));
    debug_assert!(written.is_ok(), "flat fields always become Avro");
}

/// Whether records of a schema can be read: those of a reading, as flat as a reading is.
///
/// # Errors
/// Why not, as a sentence that follows "schema 7".
pub(super) fn readable(schema: &Schema) -> Result<ReadingKind, String> {
    let Schema::Record(record) = schema else { return Err("is no record".to_owned()) };
    let name = record.name.fullname(None);
    let kind = super::kind_named(&name).ok_or_else(|| format!("describes `{name}`, which is no reading"))?;
    // What is nested may be tiny on the wire and endless in memory.
    match record.fields.iter().find(|field| !is_flat(&field.schema)) {
        Some(field) => {
            Err(format!("nests something in `{}`, or makes it longer than a message; readings are flat", field.name))
        }
        None => Ok(kind),
    }
}

fn is_flat(schema: &Schema) -> bool {
    match schema {
        Schema::Array(_) | Schema::Map(_) | Schema::Record(_) | Schema::Ref { .. } => false,
        Schema::Union(union) => union.variants().iter().all(is_flat),
        // The library asks for its memory before it looks whether there are so many bytes.
        Schema::Fixed(fixed) | Schema::Duration(fixed) | Schema::Uuid(UuidSchema::Fixed(fixed)) => {
            fixed.size <= MESSAGE_MAX
        }
        Schema::Decimal(decimal) => match &decimal.inner {
            InnerDecimalSchema::Fixed(fixed) => fixed.size <= MESSAGE_MAX,
            InnerDecimalSchema::Bytes => true,
        },
        _ => true,
    }
}

/// Reads a record of a kind; `writer` is the schema it was written in, if that is not this program's.
pub(super) fn decode(kind: ReadingKind, writer: Option<&Schema>, bytes: &[u8]) -> Result<Record, DecodeError> {
    let not = |reason: String| DecodeError::NotAReading { kind: kind.word(), reason };
    let own = OWN.get(&kind).ok_or_else(|| not("has no schema".to_owned()))?;
    let reader = GenericDatumReader::builder(writer.unwrap_or(own))
        .maybe_reader_schema(writer.map(|_| own))
        .build()
        .map_err(|error| not(error.to_string()))?;
    let mut rest = Rest { bytes, is_short: false };
    let datum = reader.read_value(&mut rest).map_err(|error| not(error.to_string()))?;
    if rest.is_short {
        return Err(not("it is cut short".to_owned()));
    }
    if !rest.bytes.is_empty() {
        return Err(not(format!("{} bytes follow it", rest.bytes.len())));
    }
    let Datum::Record(fields) = &datum else { return Err(not("is no record of Avro".to_owned())) };
    let [(_, device), (_, epoch), (_, sequence), (_, time), values @ ..] = fields.as_slice() else {
        return Err(not("has too few fields".to_owned()));
    };
    let (Datum::String(device), Datum::Long(epoch), Datum::Long(sequence), Datum::TimestampMillis(time)) =
        (device, epoch, sequence, time)
    else {
        return Err(not("a common field is of another type".to_owned()));
    };
    let common = Common { device: device.as_str(), epoch: *epoch, sequence: sequence.cast_unsigned(), time: *time };
    let values: Option<Vec<Value<'_>>> = values.iter().map(|(_, datum)| value(datum)).collect();
    super::record(kind, &common, &values.ok_or_else(|| not("a field is of another type".to_owned()))?)
}

/// The bytes of a message, and whether more were asked for: the library takes a union behind the end for one without a value.
struct Rest<'a> {
    bytes: &'a [u8],
    is_short: bool,
}

impl Read for Rest<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        self.is_short |= out.len() > self.bytes.len();
        self.bytes.read(out)
    }
}

fn value(datum: &Datum) -> Option<Value<'_>> {
    Some(match datum {
        Datum::Null => Value::Missing,
        Datum::Union(_, inner) => return value(inner),
        Datum::String(text) => Value::Text(text),
        Datum::Double(number) => Value::Number(*number),
        Datum::Long(number) => Value::Whole(*number),
        Datum::Boolean(flag) => Value::Flag(*flag),
        _ => return None,
    })
}
