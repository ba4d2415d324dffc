//! Avro: its specification's schema resolution, by its own crate; what can be read only sometimes counts as unreadable.
//!
//! The crate takes a type that both schemas name for the same type. So every type that both define is compared by itself as well,
//! those of the schemas they refer to included.

use std::collections::BTreeMap;

use apache_avro::Schema;
use apache_avro::schema_compatibility::{Compatibility, SchemaCompatibility};

/// A schema and those it refers to.
type With<'a> = (&'a Schema, &'a [Schema]);

pub(super) fn unread(reader: With<'_>, writer: With<'_>) -> Vec<String> {
    let whole = compared(reader.0, writer.0);
    if whole.is_some() {
        return whole.into_iter().collect();
    }
    let (ours, theirs) = (named(reader), named(writer));
    let both = theirs.into_iter().filter_map(|(name, writes)| ours.get(&name).map(|reads| (name, *reads, writes)));
    both.filter_map(|(name, reads, writes)| Some(format!("`{name}`: {}", compared(reads, writes)?))).collect()
}

/// Why a schema cannot read what another wrote.
fn compared(reader: &Schema, writer: &Schema) -> Option<String> {
    match SchemaCompatibility::can_read(writer, reader) {
        Ok(Compatibility::Full) => None,
        Ok(Compatibility::Partial) => {
            Some("some values of an enum or a union that may be written cannot be read".to_owned())
        }
        Err(error) => {
            // What is wrong with a field stands in the cause.
            let (mut reason, mut cause) = (error.to_string(), std::error::Error::source(&error));
            while let Some(inner) = cause {
                reason = format!("{reason}: {inner}");
                cause = inner.source();
            }
            Some(reason)
        }
    }
}

/// Every type that is defined somewhere in these schemas, by its full name.
fn named<'a>((schema, imported): With<'a>) -> BTreeMap<String, &'a Schema> {
    let mut found = BTreeMap::new();
    let mut open: Vec<&'a Schema> = imported.iter().chain([schema]).collect();
    while let Some(schema) = open.pop() {
        match schema {
            Schema::Array(array) => open.push(&array.items),
            Schema::Map(map) => open.push(&map.types),
            Schema::Union(union) => open.extend(union.variants()),
            Schema::Record(record) => open.extend(record.fields.iter().map(|field| &field.schema)),
            _ => {}
        }
        if !matches!(schema, Schema::Ref { .. })
            && let Some(name) = schema.name()
        {
            found.insert(name.fullname(None), schema);
        }
    }
    found
}
