//! Avro: its specification's schema resolution, by its own crate; what can be read only sometimes counts as unreadable.

use apache_avro::Schema;
use apache_avro::schema_compatibility::{Compatibility, SchemaCompatibility};

pub(super) fn unread(reader: &Schema, writer: &Schema) -> Vec<String> {
    match SchemaCompatibility::can_read(writer, reader) {
        Ok(Compatibility::Full) => Vec::new(),
        Ok(Compatibility::Partial) => {
            vec!["some values of an enum or a union that may be written cannot be read".to_owned()]
        }
        Err(error) => {
            // What is wrong with a field stands in the cause.
            let (mut reason, mut cause) = (error.to_string(), std::error::Error::source(&error));
            while let Some(inner) = cause {
                reason = format!("{reason}: {inner}");
                cause = inner.source();
            }
            vec![reason]
        }
    }
}
