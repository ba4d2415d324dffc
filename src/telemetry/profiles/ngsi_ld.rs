//! A record as an entity of NGSI-LD (ETSI GS CIM 009), normalized or as simple key-value pairs.
//!
//! ```text
//! {"id":"urn:ngsi-ld:Vehicle:gps-bus-7-3","type":"Vehicle",
//!  "observationDateTime":{"type":"Property","value":{"@type":"DateTime","@value":"2026-06-02T07:02:35.000Z"}},
//!  "speed":{"type":"Property","value":46.6,"unitCode":"KMH","observedAt":"2026-06-02T07:02:35.000Z"}, ...}
//! ```

use std::io::Write as _;

use serde::Serialize;

use super::models::{Derived, Form, derived, model};
use super::number::hundredth;
use crate::primitives::Timestamp;
use crate::telemetry::field::Value;
use crate::telemetry::record::Record;

/// How every id of an entity begins.
pub(super) const URN: &str = "urn:ngsi-ld:";
/// The property that names the kind of reading, as several kinds share a model.
pub(super) const READING: &str = "readingType";
/// The property with the epoch.
pub(super) const EPOCH: &str = "deviceEpoch";
/// The property with the sequence.
pub(super) const SEQUENCE: &str = "deviceSequence";
/// The property with the place.
pub(super) const LOCATION: &str = "location";
/// The columns that are the place.
pub(super) const COORDINATES: [&str; 2] = ["latitude", "longitude"];

/// The context of NGSI-LD itself, which takes in whatever no other context knows.
const CORE_CONTEXT: &str = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld";

/// How an entity's attributes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Representation {
    /// Each an object with its type, unit and time.
    Normalized,
    /// Each its value alone.
    KeyValues,
}

/// Appends the entity of a record.
pub(super) fn write(record: &Record, representation: Representation, out: &mut Vec<u8>) {
    let model = model(record.kind());
    let mut entity = Writer { out, representation, observed: record.time };
    entity.raw("{\"id\":");
    entity.json(&urn(model.entity, record.device.as_str()));
    entity.raw(",\"type\":");
    entity.json(model.entity);
    entity.instant(model.time, record.time);
    entity.property(READING, "", |out| json(out, record.kind().word()));
    entity.property(EPOCH, "", |out| json(out, &record.epoch));
    entity.property(SEQUENCE, "", |out| json(out, &record.sequence));
    for (name, derived) in derived(record) {
        match derived {
            Derived::Word(word) => entity.property(name, "", |out| json(out, word)),
            Derived::Words(words) => entity.property(name, "", |out| json(out, words)),
            Derived::Count(count) => entity.property(name, "", |out| json(out, &count)),
            Derived::Moment(at) => entity.instant(name, at),
            Derived::Device => entity.relationship(name, &urn("Device", record.device.as_str())),
        }
    }
    let values = record.reading.values();
    let value = |column: &str| {
        let at = record.kind().columns().iter().position(|other| other.name == column);
        at.and_then(|at| values.get(at)).unwrap_or(&Value::Missing)
    };
    for attribute in model.attributes {
        let name = attribute.name;
        match (attribute.form, value(attribute.column)) {
            // Something that stands has no direction, and says so.
            (Form::Heading, Value::Missing) if *value("speed") != Value::Missing => {
                entity.property(name, "", |out| out.extend_from_slice(b"-1"));
            }
            (_, Value::Missing) => {}
            (Form::Share, Value::Number(percent)) => {
                entity.property(name, attribute.unit, |out| out.extend_from_slice(hundredth(*percent).as_bytes()));
            }
            (Form::FromOne, Value::Whole(number)) => entity.property(name, "", |out| json(out, &(number + 1))),
            (Form::Entity(of), Value::Text(text)) => entity.relationship(name, &urn(of, text)),
            (Form::Either(yes, no), Value::Flag(flag)) => {
                entity.property(name, "", |out| json(out, if *flag { yes } else { no }));
            }
            (_, Value::Text(text)) => entity.property(name, attribute.unit, |out| json(out, text)),
            (_, Value::Number(number)) => entity.property(name, attribute.unit, |out| json(out, number)),
            (_, Value::Whole(number)) => entity.property(name, attribute.unit, |out| json(out, number)),
            (_, Value::Flag(flag)) => entity.property(name, attribute.unit, |out| json(out, flag)),
        }
    }
    match COORDINATES.map(value) {
        [Value::Number(latitude), Value::Number(longitude)] => entity.point(*latitude, *longitude),
        half => {
            for (name, coordinate) in COORDINATES.into_iter().zip(half) {
                if let Value::Number(degrees) = coordinate {
                    entity.property(name, "DD", |out| json(out, degrees));
                }
            }
        }
    }
    entity.raw(",\"@context\":[");
    if !model.subject.is_empty() {
        let subject = model.subject;
        entity.json(&format!(
            "https://raw.githubusercontent.com/smart-data-models/dataModel.{subject}/master/context.jsonld"
        ));
        entity.raw(",");
    }
    entity.json(CORE_CONTEXT);
    entity.raw("]}");
}

/// The id of an entity: bytes that an URN cannot hold are written as `%` and two hexadecimal digits.
pub(super) fn urn(of: &str, name: &str) -> String {
    use std::fmt::Write as _;
    let mut urn = format!("{URN}{of}:");
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            urn.push(char::from(byte));
        } else {
            let _ = write!(urn, "%{byte:02X}");
        }
    }
    urn
}

/// The name behind the id of an entity of this type.
pub(super) fn name_in(urn: &str, of: &str) -> Option<String> {
    let mut rest = urn.strip_prefix(URN)?.strip_prefix(of)?.strip_prefix(':')?.bytes();
    let mut name = Vec::with_capacity(rest.len());
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            name.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
        } else {
            name.push(byte);
        }
    }
    String::from_utf8(name).ok()
}

/// Appends a value as JSON.
fn json<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    let written = serde_json::to_writer(out, value);
    debug_assert!(written.is_ok(), "plain values always become JSON");
}

struct Writer<'a> {
    out: &'a mut Vec<u8>,
    representation: Representation,
    observed: Timestamp,
}

impl Writer<'_> {
    fn raw(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn json<T: Serialize + ?Sized>(&mut self, value: &T) {
        json(self.out, value);
    }

    /// An attribute of a type, whose value stands under `key` unless it stands alone.
    fn attribute(&mut self, name: &str, of: &str, key: &str, unit: &str, value: impl FnOnce(&mut Vec<u8>)) {
        let _ = write!(self.out, ",\"{name}\":");
        if self.representation == Representation::KeyValues {
            return value(self.out);
        }
        let _ = write!(self.out, "{{\"type\":\"{of}\",\"{key}\":");
        value(self.out);
        if !unit.is_empty() {
            let _ = write!(self.out, ",\"unitCode\":\"{unit}\"");
        }
        let _ = write!(self.out, ",\"observedAt\":\"{}\"}}", self.observed);
    }

    fn property(&mut self, name: &str, unit: &str, value: impl FnOnce(&mut Vec<u8>)) {
        self.attribute(name, "Property", "value", unit, value);
    }

    fn relationship(&mut self, name: &str, urn: &str) {
        self.attribute(name, "Relationship", "object", "", |out| json(out, urn));
    }

    fn instant(&mut self, name: &str, at: Timestamp) {
        let alone = self.representation == Representation::KeyValues;
        self.property(name, "", |out| {
            let _ = if alone {
                write!(out, "\"{at}\"")
            } else {
                write!(out, "{{\"@type\":\"DateTime\",\"@value\":\"{at}\"}}")
            };
        });
    }

    fn point(&mut self, latitude: f64, longitude: f64) {
        self.attribute(LOCATION, "GeoProperty", "value", "", |out| {
            out.extend_from_slice(b"{\"type\":\"Point\",\"coordinates\":");
            json(out, &[longitude, latitude]);
            out.push(b'}');
        });
    }
}
