//! What remains of schemas in a build without the feature `schemas`: framed messages are refused with what to do.

use super::json::{self, DecodeError};
use super::payload::PayloadFormat;
use super::record::Record;

/// The languages schemas are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SchemaFormat {
    /// JSON Schema, draft 7.
    Json,
    /// Apache Avro, binary.
    Avro,
    /// Protocol Buffers, version 3.
    Protobuf,
}

/// No schemas.
#[derive(Debug, Default)]
pub struct SchemaBook(());

impl SchemaBook {
    /// Reads a message of plain JSON.
    ///
    /// # Errors
    /// When it is no record, or framed for a schema.
    pub fn decode(&self, payload: &[u8]) -> Result<Record, DecodeError> {
        if payload.first() == Some(&0) {
            return Err(DecodeError::BadFrame(
                "cannot be read by this build; build it with the feature `schemas`".to_owned(),
            ));
        }
        json::decode(payload)
    }
}

/// Appends a record as plain JSON; a mapping that asks for anything else is refused.
pub(super) fn encode(_: &Record, _: PayloadFormat, canonical: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(canonical);
}
