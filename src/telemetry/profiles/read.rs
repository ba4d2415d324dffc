//! Entities of NGSI-LD read back as records, normalized or as key-value pairs, attributes in any order.
//!
//! Attributes nobody here knows are passed over. What is known is held against the rest: the unit it is said in, the time it was
//! observed, and whatever follows from other attributes. An entity that does not agree with itself is no reading.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeOwned, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::models::{Attribute, Derived, Form, derived, model};
use super::ngsi_ld::{COORDINATES, EPOCH, LOCATION, READING, SEQUENCE, URN, name_in, urn};
use super::number::hundredfold;
use crate::primitives::Timestamp;
use crate::telemetry::field::{Column, ColumnType, Value};
use crate::telemetry::json::{DecodeError, MESSAGE_MAX};
use crate::telemetry::reading::ReadingKind;
use crate::telemetry::record::Record;
use crate::telemetry::schemas::{Common, record};

/// The unit of latitude and longitude.
const DEGREES: &str = "DD";

/// Whether a message is an object with the id of an entity.
pub(super) fn has_id(payload: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Identified<'a> {
        #[serde(borrow)]
        id: Cow<'a, str>,
    }
    payload.len() <= MESSAGE_MAX
        && serde_json::from_slice::<Identified<'_>>(payload).is_ok_and(|entity| entity.id.starts_with(URN))
}

/// Reads an entity.
///
/// # Errors
/// When it is no record, with the first reason.
pub(super) fn decode(message: &[u8]) -> Result<Record, DecodeError> {
    if message.len() > MESSAGE_MAX {
        return Err(DecodeError::TooLong(message.len()));
    }
    let Members(attributes) =
        serde_json::from_slice(message).map_err(|error| DecodeError::NotARecord(error.to_string()))?;
    let unnamed = Entity { attributes, kind: None };
    let word: String = unnamed.whole(READING)?;
    let kind =
        ReadingKind::from_word(&word).ok_or_else(|| DecodeError::UnknownType(word.chars().take(64).collect()))?;
    let entity = Entity { kind: Some(kind), ..unnamed };
    entity.record(kind)
}

/// The members of an object, each of which is there once.
struct Members<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Deserialize<'a> for Members<'a> {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        struct Once;

        impl<'a> Visitor<'a> for Once {
            type Value = Members<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an entity")
            }

            fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Members<'a>, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                    let short: String = name.chars().take(64).collect();
                    if members.insert(name, value).is_some() {
                        return Err(A::Error::custom(format!("`{short}` is there twice")));
                    }
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Once)
    }
}

/// An entity that is being read.
struct Entity<'a> {
    attributes: BTreeMap<String, &'a RawValue>,
    /// What it claims to be, once that is known.
    kind: Option<ReadingKind>,
}

/// An attribute written as an object.
#[derive(Deserialize)]
struct Normalized<'a> {
    #[serde(rename = "type", borrow)]
    of: Cow<'a, str>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
    #[serde(borrow)]
    object: Option<&'a RawValue>,
    #[serde(rename = "unitCode", borrow)]
    unit: Option<Cow<'a, str>>,
    #[serde(rename = "observedAt", borrow)]
    observed: Option<Cow<'a, str>>,
}

/// What an attribute says.
struct Said<'a> {
    value: &'a RawValue,
    unit: Option<Cow<'a, str>>,
    observed: Option<Cow<'a, str>>,
}

/// A place as `GeoJSON` has it.
#[derive(Deserialize)]
struct Point {
    #[serde(rename = "type")]
    of: String,
    coordinates: Vec<f64>,
}

/// A value that is being read.
enum Found {
    Missing,
    Text(String),
    Number(f64),
    Whole(i64),
    Flag(bool),
}

impl Found {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Missing => Value::Missing,
            Self::Text(text) => Value::Text(text),
            Self::Number(number) => Value::Number(*number),
            Self::Whole(number) => Value::Whole(*number),
            Self::Flag(flag) => Value::Flag(*flag),
        }
    }
}

impl<'a> Entity<'a> {
    /// Why it is no record, or no reading of the kind it claims.
    fn not(&self, reason: String) -> DecodeError {
        match self.kind {
            Some(kind) => DecodeError::NotAReading { kind: kind.word(), reason },
            None => DecodeError::NotARecord(reason),
        }
    }

    fn record(&self, kind: ReadingKind) -> Result<Record, DecodeError> {
        let model = model(kind);
        let of: String = self.plain("type")?;
        if of != model.entity {
            let of: String = of.chars().take(64).collect();
            return Err(self.not(format!("is of type `{of}`; such readings travel as `{}`", model.entity)));
        }
        let id: String = self.plain("id")?;
        let device = name_in(&id, model.entity)
            .ok_or_else(|| DecodeError::BadDevice(format!("an id is {URN}{}: and the device's name", model.entity)))?;
        let at = self.said(model.time)?.ok_or_else(|| self.lacks(model.time))?;
        let at = instant(at.value).ok_or_else(|| DecodeError::BadTimestamp(format!("`{}` is none", model.time)))?;
        let (epoch, sequence) = (self.whole::<u32>(EPOCH)?, self.whole::<u64>(SEQUENCE)?);
        let common = Common { device: &device, epoch: i64::from(epoch), sequence, time: at.as_milliseconds() };
        let found = kind.columns().iter().map(|column| self.column(column, model.attributes));
        let found: Vec<Found> = found.collect::<Result<_, _>>()?;
        let values: Vec<Value<'_>> = found.iter().map(Found::value).collect();
        let record = record(kind, &common, &values)?;
        self.agrees(&record)?;
        Ok(record)
    }

    fn lacks(&self, name: &str) -> DecodeError {
        self.not(format!("the attribute `{name}` is missing"))
    }

    /// A member that is no attribute.
    fn plain<T: DeserializeOwned>(&self, name: &str) -> Result<T, DecodeError> {
        let raw = self.attributes.get(name).ok_or_else(|| self.lacks(name))?;
        serde_json::from_str(raw.get()).map_err(|error| self.not(format!("`{name}`: {error}")))
    }

    /// What an attribute says, if it is there.
    fn said(&self, name: &str) -> Result<Option<Said<'a>>, DecodeError> {
        let Some(raw) = self.attributes.get(name).copied() else { return Ok(None) };
        let normalized = raw.get().starts_with('{').then(|| serde_json::from_str::<Normalized<'a>>(raw.get()));
        match normalized {
            Some(Ok(Normalized { of, value, object, unit, observed }))
                if matches!(&*of, "Property" | "Relationship" | "GeoProperty") =>
            {
                let value = if of == "Relationship" { object } else { value };
                let value = value.ok_or_else(|| self.not(format!("`{name}` is a {of} without a value")))?;
                Ok(Some(Said { value, unit, observed }))
            }
            _ if raw.get() == "null" => Ok(None),
            _ => Ok(Some(Said { value: raw, unit: None, observed: None })),
        }
    }

    /// The value of an attribute that must be there.
    fn whole<T: DeserializeOwned>(&self, name: &str) -> Result<T, DecodeError> {
        let said = self.said(name)?.ok_or_else(|| self.lacks(name))?;
        self.parse(name, said.value)
    }

    fn parse<T: DeserializeOwned>(&self, name: &str, value: &RawValue) -> Result<T, DecodeError> {
        serde_json::from_str(value.get()).map_err(|error| self.not(format!("`{name}`: {error}")))
    }

    /// The value of a column.
    fn column(&self, column: &Column, attributes: &[Attribute]) -> Result<Found, DecodeError> {
        let Some(attribute) = attributes.iter().find(|attribute| attribute.column == column.name) else {
            return self.coordinate(column.name);
        };
        let name = attribute.name;
        let Some(said) = self.said(name)? else { return Ok(Found::Missing) };
        let value = said.value;
        self.in_unit(name, said.unit.as_deref(), attribute.unit)?;
        // Brokers write the number in their own way.
        if attribute.form == Form::Heading
            && value.get().parse::<f64>().is_ok_and(|degrees| (degrees + 1.0).abs() == 0.0)
        {
            return Ok(Found::Missing);
        }
        let wrong = || self.not(format!("`{name}` cannot be {}", short(value)));
        Ok(match attribute.form {
            Form::Share => Found::Number(hundredfold(value.get()).ok_or_else(wrong)?),
            Form::FromOne => Found::Whole(self.parse::<i64>(name, value)?.checked_sub(1).ok_or_else(wrong)?),
            Form::Entity(of) => Found::Text(name_in(&self.parse::<String>(name, value)?, of).ok_or_else(wrong)?),
            Form::Either(yes, no) => match self.parse::<String>(name, value)? {
                word if word == yes => Found::Flag(true),
                word if word == no => Found::Flag(false),
                _ => return Err(wrong()),
            },
            Form::Plain | Form::Heading => match column.holds {
                ColumnType::Text => Found::Text(self.parse(name, value)?),
                ColumnType::Number => Found::Number(self.parse(name, value)?),
                ColumnType::Whole => Found::Whole(self.parse(name, value)?),
                ColumnType::Flag => Found::Flag(self.parse(name, value)?),
            },
        })
    }

    /// Whether a value is said in the unit it is read in, or in none.
    fn in_unit(&self, name: &str, said: Option<&str>, read: &str) -> Result<(), DecodeError> {
        let Some(unit) = said.filter(|unit| *unit != read) else { return Ok(()) };
        let unit: String = unit.chars().take(16).collect();
        Err(self.not(format!("`{name}` is said in `{unit}`; here it is read in `{read}`")))
    }

    /// Latitude or longitude: of the place, or, where there is no place, one of them alone.
    fn coordinate(&self, column: &str) -> Result<Found, DecodeError> {
        let alone = self.said(column)?;
        if let Some(said) = &alone {
            self.in_unit(column, said.unit.as_deref(), DEGREES)?;
        }
        let alone: Option<f64> = alone.map(|said| self.parse(column, said.value)).transpose()?;
        let Some(said) = self.said(LOCATION)? else { return Ok(alone.map_or(Found::Missing, Found::Number)) };
        self.in_unit(LOCATION, said.unit.as_deref(), DEGREES)?;
        let point: Point = self.parse(LOCATION, said.value)?;
        let ("Point", [longitude, latitude, ..]) = (&*point.of, point.coordinates.as_slice()) else {
            return Err(self.not(format!("`{LOCATION}` is no point of longitude and latitude")));
        };
        let of_place = if column == COORDINATES[0] { *latitude } else { *longitude };
        if alone.is_some_and(|alone| alone.to_bits() != of_place.to_bits()) {
            return Err(self.not(format!("`{column}` is not that of `{LOCATION}`")));
        }
        Ok(Found::Number(of_place))
    }

    /// Whether everything said twice is said alike.
    fn agrees(&self, record: &Record) -> Result<(), DecodeError> {
        let model = model(record.kind());
        let expected = derived(record);
        let names =
            model.attributes.iter().map(|attribute| attribute.name).chain(expected.iter().map(|(name, _)| *name));
        for name in names.chain([model.time, LOCATION, READING, EPOCH, SEQUENCE]).chain(COORDINATES) {
            let observed = self.said(name)?.and_then(|said| said.observed);
            if observed.is_some_and(|observed| observed.parse() != Ok(record.time)) {
                return Err(self.not(format!("`{name}` was observed at another time than `{}` says", model.time)));
            }
        }
        for (name, expected) in expected {
            let Some(said) = self.said(name)? else { continue };
            let text = || self.parse::<String>(name, said.value);
            let same = match expected {
                Derived::Word(word) => text()? == word,
                Derived::Words(words) => self.parse::<Vec<String>>(name, said.value)? == words,
                Derived::Count(count) => self.parse::<u64>(name, said.value)? == count,
                Derived::Moment(at) => instant(said.value) == Some(at),
                Derived::Device => text()? == urn("Device", record.device.as_str()),
            };
            if !same {
                return Err(self.not(format!("`{name}` does not follow from the rest: {}", short(said.value))));
            }
        }
        Ok(())
    }
}

/// An instant, alone or as a typed value of JSON-LD.
fn instant(value: &RawValue) -> Option<Timestamp> {
    #[derive(Deserialize)]
    struct Typed {
        #[serde(rename = "@value")]
        value: String,
    }
    let text = serde_json::from_str::<String>(value.get())
        .or_else(|_| serde_json::from_str::<Typed>(value.get()).map(|typed| typed.value));
    text.ok()?.parse().ok()
}

/// A value as far as a sentence has room for it.
fn short(value: &RawValue) -> String {
    value.get().chars().take(64).collect()
}
