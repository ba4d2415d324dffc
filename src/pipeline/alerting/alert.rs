//! An alert as it is kept, shown and told: which rule, about whom, since when, and whether it is over.

use serde::{Deserialize, Serialize};

use crate::pipeline::stores::Row;
use crate::primitives::Timestamp;
use crate::telemetry::field::Text;
use crate::telemetry::reading::Severity;

/// The table of alerts.
pub const ALERTS: &str = "alerts";
/// Longest sentence kept [bytes]; longer ones are cut.
pub(crate) const SAYS_MAX: usize = 1_000;

/// How far an alert has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertState {
    /// It holds.
    Firing,
    /// It is over.
    Resolved,
    /// Something happened that has no end.
    Noted,
}

/// What somebody should know of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Its id: 10 letters of the event's time and 16 of a hash over rule, subject and cause, so that ids sort by time and the same
    /// cause gives the same id however often it is looked at. Reads as a ULID.
    pub id: String,
    /// The rule.
    pub rule: Text,
    /// How far it has come.
    pub state: AlertState,
    /// How bad it is.
    pub severity: Severity,
    /// Whom or what it is about: a road, a device, an incident; `all` if everything together.
    pub subject: Text,
    /// The road, if it is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub road: Option<Text>,
    /// The area, where an area is meant.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub geofence: Option<Text>,
    /// Latitude, WGS 84 [deg].
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub latitude: Option<f64>,
    /// Longitude, WGS 84 [deg].
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub longitude: Option<f64>,
    /// What it looks at: a metric's name, or a kind of event.
    pub looks_at: String,
    /// The number that was too much or too little, in the metric's unit.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub value: Option<f64>,
    /// The threshold.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub threshold: Option<f64>,
    /// The unit of both.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub unit: String,
    /// Since when, in event time: the end of the window that decided, or the event.
    #[serde(with = "instant")]
    pub since: Timestamp,
    /// Until when, in event time, once it is over.
    #[serde(with = "perhaps", skip_serializing_if = "Option::is_none", default)]
    pub until: Option<Timestamp>,
    /// When it was decided, by the clock on the wall.
    #[serde(with = "instant")]
    pub raised: Timestamp,
    /// What is so, as a sentence for people.
    pub says: String,
}

impl Alert {
    /// The row it is kept as.
    pub(crate) fn row(&self) -> Row {
        Row { table: ALERTS.to_owned(), key: self.id.clone(), json: json(self) }
    }
}

/// JSON of a value of plain fields.
pub(crate) fn json(value: &impl Serialize) -> Vec<u8> {
    let written = serde_json::to_vec(value);
    debug_assert!(written.is_ok(), "plain fields always become JSON");
    written.unwrap_or_default()
}

/// An id that sorts by an instant; the same for the same words.
pub(crate) fn id(at: Timestamp, words: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new();
    for word in words {
        hasher.update(&(word.len() as u64).to_le_bytes());
        hasher.update(word.as_bytes());
    }
    let hash = hasher.finalize();
    let mut tail = [0_u8; 16];
    tail[6..].copy_from_slice(&hash.as_bytes()[..10]);
    let time = u128::from(at.as_milliseconds().max(0).unsigned_abs());
    base32(time, 10) + &base32(u128::from_be_bytes(tail), 16)
}

/// A number in Crockford's base 32, as ULIDs are written.
fn base32(number: u128, digits: u32) -> String {
    const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let digit = |place: u32| {
        let five = usize::try_from((number >> (5 * place)) & 31).unwrap_or_default();
        char::from(LETTERS[five])
    };
    (0..digits).rev().map(digit).collect()
}

/// A text cut to a length at the border of a character.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    if text.len() <= most {
        return text;
    }
    let end = (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..end]
}

/// Timestamps in rows: RFC 3339.
pub(crate) mod instant {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::primitives::Timestamp;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
    pub(crate) fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(time)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Timestamps that may be missing.
pub(crate) mod perhaps {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::primitives::Timestamp;

    #[expect(clippy::ref_option, reason = "serde hands over a reference")]
    pub(crate) fn serialize<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => serializer.collect_str(time),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
        let text: Option<String> = Option::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(serde::de::Error::custom)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_tell_causes_apart() {
        let at = |ms| Timestamp::milliseconds(ms);
        // The time of the example in the ULID specification.
        assert_eq!(&id(at(1_469_918_176_385), &["a"])[..10], "01ARYZ6S41");
        assert_eq!(id(at(7), &["a", "b"]), id(at(7), &["a", "b"]));
        assert_ne!(id(at(7), &["a", "b"]), id(at(7), &["ab", ""]));
        assert!(id(at(7), &["z"]) < id(at(8), &["a"]));
        assert_eq!(id(at(7), &[]).len(), 26);
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(cut("ab", 5), "ab");
        assert_eq!(cut("aµb", 2), "a");
    }
}
