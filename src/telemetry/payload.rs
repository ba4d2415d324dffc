//! The forms in which records travel, and how each is known by its first bytes.

use super::reading::ReadingKind;
use super::schemas::SchemaFormat;

/// In which form records travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PayloadFormat {
    /// Plain JSON.
    #[default]
    Json,
    /// By a schema, under Confluent's framing.
    Framed(SchemaFormat),
    /// As normalized entities of NGSI-LD.
    NgsiLd,
    /// As entities of NGSI-LD in key-value pairs.
    NgsiLdKeyValues,
    /// As feeds of GTFS Realtime.
    GtfsRealtime,
}

impl PayloadFormat {
    /// Every form there is.
    pub(super) const ALL: [Self; 7] = [
        Self::Json,
        Self::Framed(SchemaFormat::Json),
        Self::Framed(SchemaFormat::Avro),
        Self::Framed(SchemaFormat::Protobuf),
        Self::NgsiLd,
        Self::NgsiLdKeyValues,
        Self::GtfsRealtime,
    ];

    /// Its word in a mapping file.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Framed(SchemaFormat::Json) => "json-schema",
            Self::Framed(SchemaFormat::Avro) => "avro",
            Self::Framed(SchemaFormat::Protobuf) => "protobuf",
            Self::NgsiLd => "ngsi-ld",
            Self::NgsiLdKeyValues => "ngsi-ld-keyvalues",
            Self::GtfsRealtime => "gtfs-rt",
        }
    }

    /// Whether readings of a kind can travel in this form.
    pub const fn carries(self, kind: ReadingKind) -> bool {
        !matches!(self, Self::GtfsRealtime) || matches!(kind, ReadingKind::Position)
    }

    /// The form with this word in a mapping file.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.word() == word)
    }
}

/// Whether a message begins as an entity of NGSI-LD, as this program writes it.
pub(super) fn is_entity(payload: &[u8]) -> bool {
    payload.starts_with(b"{\"id\":\"urn:ngsi-ld:")
}

/// Whether a message begins as a feed of GTFS Realtime: with its header, whose tag is a line feed. An object may stand behind one.
pub(super) fn is_feed(payload: &[u8]) -> bool {
    payload.first() == Some(&b'\n') && payload.trim_ascii_start().first() != Some(&b'{')
}

/// The media type of a message, in whatever form it travels.
pub fn media_type(payload: &[u8]) -> &'static str {
    match payload.first() {
        Some(0) => "application/octet-stream",
        _ if is_feed(payload) => "application/x-protobuf",
        _ if is_entity(payload) => "application/ld+json",
        _ => "application/json",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::TopicMap;

    #[test]
    fn what_is_sent_is_what_its_media_type_says() {
        let record = crate::telemetry::tests::any_record(ReadingKind::Position, &[3; 16]);
        let mut canonical = Vec::new();
        crate::telemetry::json::encode(&record, &mut canonical);
        for (word, expected) in [
            ("json", "application/json"),
            ("avro", "application/octet-stream"),
            ("ngsi-ld", "application/ld+json"),
            ("ngsi-ld-keyvalues", "application/ld+json"),
            ("gtfs-rt", "application/x-protobuf"),
        ] {
            let format = PayloadFormat::from_word(word).expect(word);
            let payload = TopicMap::new("x").in_format(format).payload(&record, &canonical);
            assert_eq!(media_type(&payload), expected, "{word}");
        }
        assert_eq!(media_type(b"\n {}"), "application/json");
    }
}
