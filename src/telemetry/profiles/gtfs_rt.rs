//! A position as a feed of GTFS Realtime with one vehicle, and the record itself behind it in the field 9000.
//!
//! Such a feed is differential: it says nothing of other vehicles. The format's own fields are floats of 32 bits and whole seconds,
//! and have no place for who counts the records; so the record travels as well, whole, and what the fields say is held against it.

use prost::Message as _;

use crate::telemetry::gtfs::{FeedEntity, FeedHeader, FeedMessage, Incrementality};
use crate::telemetry::json::{DecodeError, MESSAGE_MAX};
use crate::telemetry::reading::ReadingKind;
use crate::telemetry::record::Record;
use crate::telemetry::schemas::protobuf;

/// The feed of a record; none if it is no position.
fn feed(record: &Record) -> Option<FeedMessage> {
    let mut entity = FeedEntity::of(record)?;
    let mut whole = Vec::with_capacity(160);
    protobuf::encode(record, &mut whole);
    entity.record = Some(whole);
    let header = FeedHeader::new(Incrementality::Differential, Some(record.time));
    Some(FeedMessage { header, entity: vec![entity] })
}

/// Appends a position as a feed; nothing of another reading.
pub(super) fn encode(record: &Record, out: &mut Vec<u8>) {
    let written = feed(record).map(|feed| feed.encode(out));
    debug_assert!(written.is_none_or(|written| written.is_ok()), "a vector has room");
}

/// Reads a feed of one vehicle.
///
/// # Errors
/// When it is no feed, carries no record of ours, or says something else than its record.
pub(super) fn decode(bytes: &[u8]) -> Result<Record, DecodeError> {
    if bytes.len() > MESSAGE_MAX {
        return Err(DecodeError::TooLong(bytes.len()));
    }
    let not = |reason: String| DecodeError::NotARecord(reason);
    let read = FeedMessage::decode(bytes).map_err(|error| not(format!("no feed of GTFS Realtime: {error}")))?;
    let [entity] = read.entity.as_slice() else {
        return Err(not(format!("a feed of {} entities; a message carries one", read.entity.len())));
    };
    let whole = entity.record.as_ref().ok_or_else(|| {
        not("an entity without the field 9000, which says which record of its device it is".to_owned())
    })?;
    let record = protobuf::decode(ReadingKind::Position, whole)?;
    // Fields that nobody here knows are not compared, and neither is the order of those that are known.
    let mut expected = feed(&record).ok_or_else(|| not("no position".to_owned()))?;
    if let Some(expected) = expected.entity.first_mut() {
        expected.record.clone_from(&entity.record);
    }
    if read == expected {
        return Ok(record);
    }
    let reason = "the vehicle of its feed is not the one of its record".to_owned();
    Err(DecodeError::NotAReading { kind: ReadingKind::Position.word(), reason })
}
