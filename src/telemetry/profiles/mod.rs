//! Records in forms that others have agreed on: as entities of NGSI-LD (`ngsi_ld.rs`), and in feeds of GTFS Realtime (`gtfs_rt.rs`).
//!
//! A record is the same record in every form: what is read has the canonical JSON of what was written, to the last byte. What the
//! forms have no place for (who measured, which of its records it is, what nobody else measures) travels as properties and
//! extensions of our own, which others pass over. Whatever says a thing twice is held against itself when it is read.

mod gtfs_rt;
mod models;
mod ngsi_ld;
mod number;
mod read;

use super::json::{self, DecodeError};
use super::payload::{PayloadFormat, is_entity, is_feed};
use super::record::Record;

pub use ngsi_ld::Representation;

/// Appends a record in one of these forms; nothing if the form does not carry its kind.
pub(super) fn encode(record: &Record, format: PayloadFormat, out: &mut Vec<u8>) {
    match format {
        PayloadFormat::NgsiLd => ngsi_ld::write(record, Representation::Normalized, out),
        PayloadFormat::NgsiLdKeyValues => ngsi_ld::write(record, Representation::KeyValues, out),
        PayloadFormat::GtfsRealtime => gtfs_rt::encode(record, out),
        PayloadFormat::Json | PayloadFormat::Framed(_) => {}
    }
}

/// Reads a message that is not framed for a schema: plain JSON, an entity, or a feed.
///
/// # Errors
/// When it is no record, with the first reason.
pub(super) fn decode(payload: &[u8]) -> Result<Record, DecodeError> {
    if is_feed(payload) {
        return gtfs_rt::decode(payload);
    }
    if is_entity(payload) {
        return read::decode(payload);
    }
    match json::decode(payload) {
        // Whoever passes an entity on may write its id elsewhere than at the beginning.
        Err(DecodeError::NotARecord(_)) if read::has_id(payload) => read::decode(payload),
        decoded => decoded,
    }
}

#[cfg(test)]
mod tests;
