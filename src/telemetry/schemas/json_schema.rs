//! The records as JSON Schema, draft 7, which every registry and validator knows.
//!
//! The object is closed: a later version may then add an optional field and still read what earlier ones wrote.

use serde_json::{Map, Value, json};

use super::{COMMON, full_name, said};
use crate::telemetry::field::{Column, ColumnType, TEXT_MAX};
use crate::telemetry::reading::ReadingKind;

/// The schema of a kind.
pub(super) fn text(kind: ReadingKind) -> String {
    let mut properties = Map::new();
    properties.insert("type".to_owned(), json!({ "const": kind.word() }));
    for ((name, says), schema) in COMMON.iter().zip([
        json!({ "type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$" }),
        json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX }),
        json!({ "type": "integer", "minimum": 0, "maximum": u64::MAX }),
        json!({ "type": "string", "format": "date-time" }),
    ]) {
        // In JSON an instant is a text; the unit is that of the other formats.
        let says = says.split(" [").next().unwrap_or(says);
        properties.insert((*name).to_owned(), described(schema, says));
    }
    let mut required: Vec<&str> = vec!["type"];
    required.extend(COMMON.iter().map(|(name, _)| *name));
    for column in kind.columns() {
        properties.insert(column.name.to_owned(), described(of(column), &said(column)));
        if !column.optional {
            required.push(column.name);
        }
    }
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": full_name(kind),
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    });
    schema.to_string()
}

fn described(mut schema: Value, says: &str) -> Value {
    schema["description"] = json!(says);
    schema
}

fn of(column: &Column) -> Value {
    let (low, high) = (*column.range.start(), *column.range.end());
    match column.holds {
        ColumnType::Text if !column.words.is_empty() => json!({ "enum": column.words }),
        ColumnType::Text => json!({ "type": "string", "maxLength": TEXT_MAX }),
        ColumnType::Number => json!({ "type": "number", "minimum": low, "maximum": high }),
        ColumnType::Whole => json!({ "type": "integer", "minimum": low, "maximum": high }),
        ColumnType::Flag => json!({ "type": "boolean" }),
    }
}
