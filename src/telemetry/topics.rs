//! Under which topic a record travels: a template for each kind of reading, because platforms disagree about names.
//!
//! A template is a topic with `{device}`, `{type}` and `{city}` to be filled in. A mapping file holds one template a line, by the
//! word of the reading; kinds it does not name keep the default. Knows no broker.

use std::collections::BTreeMap;

use super::reading::ReadingKind;
use super::record::DeviceId;
use crate::primitives::text::{Findings, Place, Problem, closest};
use crate::primitives::tree::{self, Value};

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

/// The templates of one mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicMap {
    city: String,
    templates: BTreeMap<ReadingKind, String>,
}

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
        Self { city, templates }
    }

    /// The default with the templates of a mapping file in their places.
    ///
    /// # Errors
    /// When the text is no mapping, names unknown readings, or holds topics no broker would take: everything wrong with it.
    pub fn with_file(city: &str, yaml: &str) -> Result<Self, Vec<TopicError>> {
        let entries: BTreeMap<String, String> =
            serde_saphyr::from_str(yaml).map_err(|error| vec![TopicError::NotAMapping(error.to_string())])?;
        let (mut map, mut errors) = (Self::new(city), Vec::new());
        for (word, template) in entries {
            errors.extend(map.set(word, template).err());
        }
        if errors.is_empty() { Ok(map) } else { Err(errors) }
    }

    /// The same with the place of every mistake.
    ///
    /// # Errors
    /// As [`TopicMap::with_file`].
    pub fn read(city: &str, text: &str, file: &Place) -> Result<Self, Findings> {
        const LIKE: &str = "write lines such as `position: gps_data/{device}`";
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
            let problem = match node.value {
                Value::Text(template) => match map.set(key.name, template) {
                    Ok(()) => continue,
                    Err(TopicError::UnknownType { word, help }) => {
                        Problem::new(key.spot.of_file(file), format!("unknown reading type `{word}`")).help(help)
                    }
                    Err(other) => Problem::new(node.spot.of_file(file), other.to_string()).help(LIKE),
                },
                other => {
                    let message = format!("the topic of `{}` should be text, not {}", key.name, other.describe());
                    Problem::new(node.spot.of_file(file), message).help(LIKE)
                }
            };
            findings.problem(problem);
        }
        if findings.is_ok() { Ok(map) } else { Err(findings) }
    }

    /// Gives a kind of reading another topic.
    fn set(&mut self, word: String, template: String) -> Result<(), TopicError> {
        let Some(kind) = ReadingKind::from_word(&word) else {
            let words = ReadingKind::ALL.iter().map(|kind| kind.word());
            let help = closest(&word, words.clone()).map_or_else(
                || format!("there are {}", words.collect::<Vec<_>>().join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            return Err(TopicError::UnknownType { word, help });
        };
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
