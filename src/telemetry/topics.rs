//! Under which topic and in which form a record travels, for each kind of reading, because platforms disagree about both.
//!
//! ```yaml
//! format: avro                                        # of all kinds: json, json-schema, avro or protobuf
//! position: gps_data/{device}                         # a topic
//! air: { topic: 'air/{city}/{device}', format: json } # a topic and a form
//! ```
//!
//! A topic has `{device}`, `{type}` and `{city}` to be filled in. What a mapping file does not name keeps the default. Whoever
//! receives reads every form, whatever the mapping says. Knows no broker.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::json::DecodeError;
use super::reading::ReadingKind;
use super::record::{DeviceId, Record};
use super::schemas::{SchemaBook, SchemaFormat, book};
use crate::primitives::text::{Findings, Place, Problem, closest};
use crate::primitives::tree::{self, Key, Node, Value};

/// Longest topic that is made [bytes].
pub const TOPIC_MAX: usize = 256;

/// The streams as most city platforms name them.
const DEFAULT: &[(ReadingKind, &str)] = &[
    (ReadingKind::Position, "gps_data/{device}"),
    (ReadingKind::LoopCount, "traffic-data/{device}"),
    (ReadingKind::CameraCount, "traffic_camera_data/{device}"),
    (ReadingKind::Air, "air-quality/{device}"),
    (ReadingKind::Weather, "weather_data/{device}"),
    (ReadingKind::Parking, "parking-data/{device}"),
    (ReadingKind::Signal, "signal_data/{device}"),
    (ReadingKind::Incident, "emergency_incident_data/incident/{device}"),
    (ReadingKind::Call, "emergency_incident_data/call/{device}"),
    (ReadingKind::Unit, "vehicle_data/{device}"),
    (ReadingKind::Hospital, "emergency_incident_data/hospital/{device}"),
    (ReadingKind::Health, "smart-cities.events/{device}"),
];

/// In which form records travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PayloadFormat {
    /// Plain JSON.
    #[default]
    Json,
    /// By a schema, under Confluent's framing.
    Framed(SchemaFormat),
}

impl PayloadFormat {
    /// Every form there is.
    const ALL: [Self; 4] = [
        Self::Json,
        Self::Framed(SchemaFormat::Json),
        Self::Framed(SchemaFormat::Avro),
        Self::Framed(SchemaFormat::Protobuf),
    ];

    /// Its word in a mapping file.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Framed(SchemaFormat::Json) => "json-schema",
            Self::Framed(SchemaFormat::Avro) => "avro",
            Self::Framed(SchemaFormat::Protobuf) => "protobuf",
        }
    }

    /// The form with this word in a mapping file.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.word() == word)
    }
}

/// The templates and forms of one mapping, and the schemas that whoever receives can read.
#[derive(Clone)]
pub struct TopicMap {
    city: String,
    templates: BTreeMap<ReadingKind, String>,
    formats: BTreeMap<ReadingKind, PayloadFormat>,
    /// Shared by every clone, so that what a registry adds is known wherever messages are read.
    schemas: Arc<SchemaBook>,
}

#[expect(
    clippy::missing_fields_in_debug,
    reason = "recordings are known again by what decides where a message belongs"
)]
impl fmt::Debug for TopicMap {
    /// What decides where a message belongs, and no more: recordings are known again by it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TopicMap").field("city", &self.city).field("templates", &self.templates).finish()
    }
}

impl PartialEq for TopicMap {
    /// By what is sent; what can be read besides does not count.
    fn eq(&self, other: &Self) -> bool {
        (&self.city, &self.templates, &self.formats) == (&other.city, &other.templates, &other.formats)
    }
}

/// The key of a mapping file that gives all kinds a form.
const FORMAT: &str = "format";
/// The keys of one kind in a mapping file.
const ENTRY_KEYS: [&str; 2] = ["topic", FORMAT];

/// What is wrong with a mapping.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// The text is not a mapping of words to templates.
    #[error("not a mapping of reading types to topics, such as `position: gps_data/{{device}}`: {0}")]
    NotAMapping(String),
    /// There is no such kind of reading.
    #[error("unknown reading type `{word}`; {help}")]
    UnknownType {
        /// The word.
        word: String,
        /// What to write instead.
        help: String,
    },
    /// There is no such form.
    #[error("`{word}` is no format of messages; {help}")]
    UnknownFormat {
        /// The word.
        word: String,
        /// What to write instead.
        help: String,
    },
    /// A topic that no broker would take.
    #[error("the topic of `{word}` {reason}")]
    BadTemplate {
        /// The reading's word.
        word: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

impl TopicMap {
    /// The default templates for a city; the city fills `{city}`.
    pub fn new(city: &str) -> Self {
        let clean: String =
            city.chars().filter(|c| !c.is_control()).map(|c| if "+#/$ ".contains(c) { '-' } else { c }).collect();
        let city = clean.to_lowercase();
        let templates = DEFAULT.iter().map(|&(kind, template)| (kind, template.to_owned())).collect();
        Self { city, templates, formats: BTreeMap::new(), schemas: Arc::default() }
    }

    /// The same with every kind in one form.
    #[must_use]
    pub fn in_format(mut self, format: PayloadFormat) -> Self {
        self.formats = ReadingKind::ALL.iter().map(|kind| (*kind, format)).collect();
        self
    }

    /// In which form readings of a kind travel.
    pub fn format(&self, kind: ReadingKind) -> PayloadFormat {
        self.formats.get(&kind).copied().unwrap_or_default()
    }

    /// What is sent of a record, whose canonical JSON is `canonical`.
    pub fn payload(&self, record: &Record, canonical: &[u8]) -> Vec<u8> {
        match self.format(record.kind()) {
            PayloadFormat::Json => canonical.to_vec(),
            PayloadFormat::Framed(format) => {
                let mut payload = Vec::with_capacity(canonical.len());
                book::encode(record, format, canonical, &mut payload);
                payload
            }
        }
    }

    /// Reads a message in whatever form it came.
    ///
    /// # Errors
    /// When it is no record, with the first reason.
    pub fn decode(&self, payload: &[u8]) -> Result<Record, DecodeError> {
        self.schemas.decode(payload)
    }

    /// The schemas that can be read, shared with every clone of this map.
    pub fn schemas(&self) -> &Arc<SchemaBook> {
        &self.schemas
    }

    /// The default with the templates of a mapping file in their places.
    ///
    /// # Errors
    /// When the text is no mapping, names unknown readings, or holds topics no broker would take: everything wrong with it.
    pub fn with_file(city: &str, yaml: &str) -> Result<Self, Vec<TopicError>> {
        let entries: BTreeMap<String, Entry> =
            serde_saphyr::from_str(yaml).map_err(|error| vec![TopicError::NotAMapping(error.to_string())])?;
        let (mut map, mut errors) = (Self::new(city), Vec::new());
        for (word, entry) in entries {
            match entry {
                Entry::Text(format) if word == FORMAT => errors.extend(map.set_all(&format).err()),
                Entry::Text(template) => errors.extend(map.set(word, template).err()),
                Entry::Fields { topic, format } => {
                    errors.extend(format.and_then(|format| map.set_format(word.clone(), &format).err()));
                    errors.extend(topic.and_then(|topic| map.set(word, topic).err()));
                }
            }
        }
        if errors.is_empty() { Ok(map) } else { Err(errors) }
    }

    /// The same with the place of every mistake.
    ///
    /// # Errors
    /// As [`TopicMap::with_file`].
    pub fn read(city: &str, text: &str, file: &Place) -> Result<Self, Findings> {
        let (mut map, mut findings) = (Self::new(city), Findings::default());
        let entries = match tree::read(text, file, &mut findings).map(|root| (root.spot, root.value)) {
            Some((_, Value::Map(entries))) => entries,
            Some((_, Value::Null)) | None => Vec::new(),
            Some((spot, other)) => {
                let message = format!("a mapping is reading types and topics, not {}", other.describe());
                findings.problem(Problem::new(spot.of_file(file), message).help(LIKE));
                Vec::new()
            }
        };
        for (key, node) in entries {
            let fields = match node.value {
                Value::Map(fields) => fields,
                // A text is the topic, or the form of all kinds.
                value => {
                    vec![(Key { spot: key.spot, name: ENTRY_KEYS[0].to_owned() }, Node { spot: node.spot, value })]
                }
            };
            for (field, inner) in fields {
                if let Err(problem) = map.read_field(&key, &field, inner, file) {
                    findings.problem(problem);
                }
            }
        }
        if findings.is_ok() { Ok(map) } else { Err(findings) }
    }

    /// Reads what a mapping file says under one key of a kind.
    fn read_field(&mut self, kind: &Key, field: &Key, node: Node, file: &Place) -> Result<(), Problem> {
        let text = match node.value {
            Value::Text(text) => text,
            other => {
                let message = format!("the {} of `{}` should be text, not {}", field.name, kind.name, other.describe());
                return Err(Problem::new(node.spot.of_file(file), message).help(LIKE));
            }
        };
        let set = match field.name.as_str() {
            "topic" if kind.name == FORMAT => self.set_all(&text),
            "topic" => self.set(kind.name.clone(), text),
            FORMAT => self.set_format(kind.name.clone(), &text),
            other => {
                let message = format!("`{}` has no key `{}`", kind.name, other.escape_debug());
                let help = instead(other, ENTRY_KEYS.into_iter());
                return Err(Problem::new(field.spot.of_file(file), message).help(help));
            }
        };
        set.map_err(|error| match error {
            TopicError::UnknownType { word, help } => {
                Problem::new(kind.spot.of_file(file), format!("unknown reading type `{word}`")).help(help)
            }
            TopicError::UnknownFormat { word, help } => {
                Problem::new(node.spot.of_file(file), format!("`{word}` is no format of messages")).help(help)
            }
            other => Problem::new(node.spot.of_file(file), other.to_string()).help(LIKE),
        })
    }

    /// Gives every kind that has none of its own a form.
    fn set_all(&mut self, word: &str) -> Result<(), TopicError> {
        let format = format_named(word)?;
        for kind in ReadingKind::ALL {
            self.formats.entry(*kind).or_insert(format);
        }
        Ok(())
    }

    /// Gives a kind of reading a form.
    fn set_format(&mut self, word: String, format: &str) -> Result<(), TopicError> {
        let (kind, format) = (kind_named(word)?, format_named(format)?);
        self.formats.insert(kind, format);
        Ok(())
    }

    /// Gives a kind of reading another topic.
    fn set(&mut self, word: String, template: String) -> Result<(), TopicError> {
        let kind = kind_named(word)?;
        check_template(kind, &template)?;
        self.templates.insert(kind, template);
        Ok(())
    }

    /// The topic under which a device's readings of a kind travel.
    pub fn topic(&self, kind: ReadingKind, device: &DeviceId) -> String {
        let template = self.templates.get(&kind).map_or("", String::as_str);
        let mut topic = String::with_capacity(template.len() + device.as_str().len());
        let mut rest = template;
        while let Some(at) = rest.find('{') {
            topic.push_str(&rest[..at]);
            rest = &rest[at..];
            let (mark, word) = [("{device}", device.as_str()), ("{type}", kind.word()), ("{city}", &self.city)]
                .into_iter()
                .find(|(mark, _)| rest.starts_with(mark))
                .unwrap_or(("{", "{"));
            topic.push_str(word);
            rest = &rest[mark.len()..];
        }
        topic.push_str(rest);
        topic
    }

    /// The filters that together cover every topic of the mapping, each once.
    pub fn filters(&self) -> Vec<String> {
        let filled = |template: &String| {
            let open = |level: &str| level.contains("{device}") || level.contains("{type}");
            template
                .replace("{city}", &self.city)
                .split('/')
                .map(|level| if open(level) { "+" } else { level })
                .collect::<Vec<_>>()
                .join("/")
        };
        let mut filters: Vec<String> = self.templates.values().map(filled).collect();
        filters.sort();
        filters.dedup();
        filters
    }
}

/// What a mapping file may say of a kind.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Entry {
    Text(String),
    Fields { topic: Option<String>, format: Option<String> },
}

const LIKE: &str = "write lines such as `position: gps_data/{device}`";

/// What to write instead of a word that is none of these.
fn instead(word: &str, words: impl Iterator<Item = &'static str> + Clone) -> String {
    closest(word, words.clone()).map_or_else(
        || format!("there are {}", words.collect::<Vec<_>>().join(", ")),
        |near| format!("did you mean `{near}`?"),
    )
}

fn kind_named(word: String) -> Result<ReadingKind, TopicError> {
    let help = instead(&word, ReadingKind::ALL.iter().map(|kind| kind.word()));
    ReadingKind::from_word(&word).ok_or(TopicError::UnknownType { word, help })
}

fn format_named(word: &str) -> Result<PayloadFormat, TopicError> {
    let unknown = || {
        let help = instead(word, PayloadFormat::ALL.into_iter().map(PayloadFormat::word));
        TopicError::UnknownFormat { word: word.escape_debug().to_string(), help }
    };
    let format = PayloadFormat::from_word(word).ok_or_else(unknown)?;
    if format != PayloadFormat::Json && !cfg!(feature = "schemas") {
        let help = "this build knows no schemas; build it with the feature `schemas`".to_owned();
        return Err(TopicError::UnknownFormat { word: word.to_owned(), help });
    }
    Ok(format)
}

fn check_template(kind: ReadingKind, template: &str) -> Result<(), TopicError> {
    let bad = |reason: String| Err(TopicError::BadTemplate { word: kind.word(), reason });
    if template.is_empty() || template.len() > TOPIC_MAX - super::record::DEVICE_ID_MAX - 64 {
        return bad(format!(
            "has {} bytes; 1 to {} will do",
            template.len(),
            TOPIC_MAX - super::record::DEVICE_ID_MAX - 64
        ));
    }
    if template.starts_with('$') || template.contains(['+', '#']) || template.chars().any(char::is_control) {
        return bad(format!(
            "`{template}` begins with `$` or holds `+`, `#` or a control character, which no broker takes"
        ));
    }
    let mut plain = template.to_owned();
    for mark in ["{device}", "{type}", "{city}"] {
        plain = plain.replace(mark, "");
    }
    if plain.contains(['{', '}']) {
        return bad(format!(
            "`{template}` holds a placeholder that is none; there are {{device}}, {{type}} and {{city}}"
        ));
    }
    // Whose message it was must be seen in the topic even where the message cannot be read.
    if template != "{device}" && !template.ends_with("/{device}") {
        return bad(format!(
            "`{template}` does not end in `/{{device}}`, by which a message that cannot be read is traced to its sender"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_names_every_kind_once() {
        let map = TopicMap::new("Halvermere");
        let device = DeviceId::of(ReadingKind::Position, "car 7");
        assert_eq!(map.topic(ReadingKind::Position, &device), "gps_data/gps-car_7");
        for &kind in ReadingKind::ALL {
            assert!(map.topic(kind, &device).ends_with("gps-car_7"), "{kind:?}");
        }
        assert!(map.filters().contains(&"emergency_incident_data/call/+".to_owned()));
    }

    #[test]
    fn a_mapping_file_changes_what_it_names() {
        let map = TopicMap::with_file("New Town", "position: '{city}/vehicles/{type}/{device}'\n").expect("a mapping");
        let device = DeviceId::of(ReadingKind::Position, "a");
        assert_eq!(map.topic(ReadingKind::Position, &device), "new-town/vehicles/position/gps-a");
        assert_eq!(map.topic(ReadingKind::Air, &device), "air-quality/gps-a");
        assert!(map.filters().contains(&"new-town/vehicles/+/+".to_owned()));
    }

    #[test]
    fn a_mapping_file_gives_forms_to_all_or_to_one() {
        let avro = PayloadFormat::Framed(SchemaFormat::Avro);
        for text in [
            "format: avro\nair: { format: json }\nposition: x/{device}\nloop: { topic: 'y/{device}', format: protobuf }",
            "air: { format: json }\nloop: { format: protobuf, topic: 'y/{device}' }\nposition: { topic: 'x/{device}' }\nformat: avro",
        ] {
            let map = TopicMap::read("c", text, &Place::file("t.yaml")).expect(text);
            assert_eq!(Some(&map), TopicMap::with_file("c", text).ok().as_ref());
            let formats =
                [ReadingKind::Position, ReadingKind::Air, ReadingKind::LoopCount].map(|kind| map.format(kind));
            assert_eq!(formats, [avro, PayloadFormat::Json, PayloadFormat::Framed(SchemaFormat::Protobuf)]);
            let device = DeviceId::of(ReadingKind::LoopCount, "a");
            assert_eq!(map.topic(ReadingKind::LoopCount, &device), "y/loop-a");
            assert_eq!(map.topic(ReadingKind::Position, &device), "x/loop-a");
        }
        for (text, needle) in [
            ("format: avrro", "did you mean `avro`?"),
            ("air: { format: xml }", "there are json, json-schema, avro, protobuf"),
            ("air: { fromat: avro }", "did you mean `format`?"),
            ("air: { format: 7 }", "should be text"),
            ("airr: { format: avro }", "did you mean `air`?"),
        ] {
            let told = TopicMap::read("c", text, &Place::file("t.yaml")).expect_err(text);
            let told: Vec<String> = told.problems().iter().map(|told| format!("{told:?}")).collect();
            assert!(told.len() == 1 && told[0].contains(needle) && told[0].contains('1'), "{text}: {told:?}");
        }
    }

    #[test]
    fn a_mapping_no_broker_would_take_is_refused_with_the_reason() {
        for (yaml, needle) in [
            ("positon: a/{device}", "did you mean `position`?"),
            ("position: '#/{device}'", "no broker takes"),
            ("position: '$SYS/{device}'", "no broker takes"),
            ("position: a/{devise}", "a placeholder that is none"),
            ("position: a", "does not end in `/{device}`"),
            ("position: '{device}/a'", "does not end in `/{device}`"),
            ("- position", "not a mapping"),
        ] {
            let errors = TopicMap::with_file("x", yaml).expect_err(yaml);
            assert!(errors.len() == 1 && errors[0].to_string().contains(needle), "{yaml}: {errors:?}");
        }
        let findings = TopicMap::read("x", "positon: a/{device}\nair: a\nloop: 7\n", &Place::file("t.yaml"));
        let told: Vec<String> = findings.expect_err("three").problems().iter().map(ToString::to_string).collect();
        let begins =
            ["t.yaml:1:1: unknown", "t.yaml:2:6: the topic of `air`", "t.yaml:3:7: the topic of `loop` should"];
        assert!(told.iter().zip(begins).all(|(told, begin)| told.starts_with(begin)) && told.len() == 3, "{told:?}");
        let errors = TopicMap::with_file("x", "positon: a/{device}\nair: a\nloop: '{city}/{device}'\n");
        assert_eq!(errors.expect_err("two mistakes").len(), 2);
    }
}
