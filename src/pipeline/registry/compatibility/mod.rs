//! Whether whoever reads by one schema understands what was written by another.
//!
//! The rules of Avro are its specification's, by its own crate; those of Protobuf and JSON Schema stand in [`protobuf`] and [`json`].

mod avro;
mod json;
mod protobuf;

use super::level::Level;
use super::parsed::Parsed;

/// Most reasons told.
const REASONS_MAX: usize = 20;
/// Longest reason told; some of the libraries' hold both schemas whole [bytes].
const REASON_MAX: usize = 300;

/// Why `reader` does not understand all that `writer` writes; nothing if it does.
pub(super) fn unread(reader: &Parsed, writer: &Parsed) -> Vec<String> {
    let mut reasons = match (reader, writer) {
        (Parsed::Avro(reader, ours), Parsed::Avro(writer, theirs)) => avro::unread((reader, ours), (writer, theirs)),
        (Parsed::Json(reader, named), Parsed::Json(writer, theirs)) => json::unread(reader, named, writer, theirs),
        (Parsed::Protobuf(reader), Parsed::Protobuf(writer)) => protobuf::unread(reader, writer),
        _ => vec!["the schema is in another language than the one before it".to_owned()],
    };
    reasons.truncate(REASONS_MAX);
    reasons.into_iter().map(shortened).collect()
}

/// A reason as far as an answer has room for it.
fn shortened(mut reason: String) -> String {
    if reason.len() > REASON_MAX {
        reason.truncate(reason.floor_char_boundary(REASON_MAX));
        reason.push_str("...");
    }
    reason
}

/// Why a schema may not follow another at a level; nothing if it may.
pub(super) fn between(level: Level, new: &Parsed, old: &Parsed) -> Vec<String> {
    let mut reasons = Vec::new();
    if level.looks_back() {
        reasons.extend(unread(new, old).into_iter().map(|reason| format!("new cannot read old: {reason}")));
    }
    if level.looks_ahead() {
        reasons.extend(unread(old, new).into_iter().map(|reason| format!("old cannot read new: {reason}")));
    }
    reasons
}

#[cfg(test)]
mod tests;
