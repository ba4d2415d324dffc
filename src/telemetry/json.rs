//! Records as JSON: one flat object a message.
//!
//! The first fields are the same for all: `type`, `device`, `epoch`, `seq`, `timestamp`; the fields of the reading follow. What
//! [`encode`] writes is canonical: equal records give equal bytes, and what [`decode`] reads back is equal to what was written.

use std::io::Write as _;

use serde::Deserialize;

use super::reading::{Reading, ReadingKind};
use super::record::{DeviceId, Record};
use crate::primitives::Timestamp;

/// Longest message that is read [bytes].
pub const MESSAGE_MAX: usize = 16 * 1024;

/// Why a message is no record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Too long.
    #[error("has {0} bytes, more than {MESSAGE_MAX}")]
    TooLong(usize),
    /// Not JSON, or a common field is missing or of another type.
    #[error("not a record: {0}")]
    NotARecord(String),
    /// A type nobody knows.
    #[error("unknown type `{0}`")]
    UnknownType(String),
    /// The name cannot be a device's.
    #[error("bad device id: {0}")]
    BadDevice(String),
    /// The timestamp is none.
    #[error("bad timestamp: {0}")]
    BadTimestamp(String),
    /// A field of the reading is missing or of another type.
    #[error("not a {kind} reading: {reason}")]
    NotAReading {
        /// The type it claims.
        kind: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A field holds what it cannot hold.
    #[error("out of range: {0}")]
    OutOfRange(String),
    /// What should frame it is damaged.
    #[error("a message framed for a schema {0}")]
    BadFrame(String),
    /// Nobody has said what the id in its frame stands for.
    #[error("no schema has the id {0} here; register it in the registry of this listener's folder")]
    UnknownSchema(u32),
}

impl DecodeError {
    /// A word to count it under.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::TooLong(_) => "too_long",
            Self::NotARecord(_) => "not_a_record",
            Self::UnknownType(_) => "unknown_type",
            Self::BadDevice(_) => "bad_device",
            Self::BadTimestamp(_) => "bad_timestamp",
            Self::NotAReading { .. } => "not_a_reading",
            Self::OutOfRange(_) => "out_of_range",
            Self::BadFrame(_) => "bad_frame",
            Self::UnknownSchema(_) => "unknown_schema",
        }
    }
}

/// Appends a record's canonical JSON to `out`.
pub fn encode(record: &Record, out: &mut Vec<u8>) {
    let (kind, device) = (record.kind().word(), record.device.as_str());
    // Device ids hold no character that JSON would escape.
    let _ = write!(
        out,
        "{{\"type\":\"{kind}\",\"device\":\"{device}\",\"epoch\":{},\"seq\":{},\"timestamp\":\"{}\"",
        record.epoch, record.sequence, record.time
    );
    let fields = out.len();
    record.reading.write_json(out);
    if out.len() > fields + 2 {
        out[fields] = b',';
    } else {
        out.truncate(fields);
        out.push(b'}');
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, rename = "type")]
    kind: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    device: std::borrow::Cow<'a, str>,
    epoch: u32,
    seq: u64,
    #[serde(borrow)]
    timestamp: std::borrow::Cow<'a, str>,
}

/// Reads one message.
///
/// # Errors
/// When it is no record, with the first reason.
pub fn decode(message: &[u8]) -> Result<Record, DecodeError> {
    if message.len() > MESSAGE_MAX {
        return Err(DecodeError::TooLong(message.len()));
    }
    let envelope: Envelope<'_> =
        serde_json::from_slice(message).map_err(|error| DecodeError::NotARecord(error.to_string()))?;
    let kind = ReadingKind::from_word(&envelope.kind)
        .ok_or_else(|| DecodeError::UnknownType(envelope.kind.chars().take(64).collect()))?;
    let device: DeviceId = envelope
        .device
        .parse()
        .map_err(|error: super::record::NotADevice| DecodeError::BadDevice(error.to_string()))?;
    let time: Timestamp = envelope
        .timestamp
        .parse()
        .map_err(|error: crate::primitives::timestamp::NotATimestamp| DecodeError::BadTimestamp(error.to_string()))?;
    let reading = Reading::read_json(kind, message)
        .map_err(|error| DecodeError::NotAReading { kind: kind.word(), reason: error.to_string() })?;
    if let Some(sentence) = reading.out_of_range() {
        return Err(DecodeError::OutOfRange(sentence));
    }
    Ok(Record { device, epoch: envelope.epoch, sequence: envelope.seq, time, reading })
}
