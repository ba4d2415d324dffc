//! A schema that has been read: what it must be to be registered, and what makes two texts one schema.

use apache_avro::Schema as Avro;
use serde_json::Value as Json;

use super::error::RegistryError;
use crate::telemetry::SchemaFormat;
use crate::telemetry::schemas::ProtoFile;

/// Longest text of a schema [bytes].
pub(super) const TEXT_MAX: usize = 256 << 10;
/// Deepest nesting of a JSON Schema, and longest chain of names in it.
pub(super) const DEPTH_MAX: usize = 64;

/// Texts a schema refers to, by the names it calls them.
pub(super) type Imports = Vec<(String, String)>;

/// A schema that has been read.
#[derive(Debug)]
pub(super) enum Parsed {
    /// Of Avro, and those it refers to.
    Avro(Box<Avro>, Vec<Avro>),
    /// JSON Schema, and those it refers to by name.
    Json(Json, Vec<(String, Json)>),
    /// A file of Protobuf.
    Protobuf(Box<ProtoFile>),
}

impl Parsed {
    /// Reads a schema.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn read(format: SchemaFormat, text: &str, imports: &Imports) -> Result<Self, RegistryError> {
        let bad = |reason: String| RegistryError::BadSchema(reason);
        if text.len() > TEXT_MAX {
            return Err(bad(format!("it has {} bytes, more than {TEXT_MAX}", text.len())));
        }
        match format {
            SchemaFormat::Avro => {
                let texts = imports.iter().map(|(_, text)| text);
                let read = Avro::parse_str_with_list(text, texts).map_err(|error| bad(error.to_string()));
                let (schema, imported) = read?;
                Ok(Self::Avro(Box::new(schema), imported))
            }
            SchemaFormat::Json => {
                let schema = json(text).map_err(bad)?;
                let named = imports.iter().map(|(name, text)| Ok((name.clone(), json(text)?)));
                Ok(Self::Json(schema, named.collect::<Result<_, String>>().map_err(bad)?))
            }
            SchemaFormat::Protobuf => {
                let file = ProtoFile::parse(text, imports).map_err(|error| bad(error.to_string()))?;
                Ok(Self::Protobuf(Box::new(file)))
            }
        }
    }

    /// The bytes that are equal for equal schemas, whatever their layout. `text` is what it was read from.
    pub(super) fn canonical(&self, text: &str) -> Vec<u8> {
        match self {
            // What Avro calls canonical leaves out defaults, by which versions differ.
            Self::Avro(..) => {
                serde_json::from_str::<Json>(text).map_or_else(|_| text.into(), |json| json.to_string().into())
            }
            Self::Json(schema, _) => schema.to_string().into(),
            Self::Protobuf(file) => file.canonical(),
        }
    }

    /// The text to be kept: a descriptor is kept as the file it describes, where a text can say all of it.
    pub(super) fn text(&self, text: &str) -> String {
        match self {
            Self::Protobuf(file) => file.text().to_owned(),
            Self::Avro(..) | Self::Json(..) => text.to_owned(),
        }
    }
}

/// Reads a JSON Schema, as far as a text can be wrong by itself: a boolean or an object, whose keywords have values of their types.
fn json(text: &str) -> Result<Json, String> {
    let schema: Json = serde_json::from_str(text).map_err(|error| format!("no JSON: {error}"))?;
    check(&schema, "#", DEPTH_MAX)?;
    Ok(schema)
}

/// What `type` may say (JSON Schema draft 7, validation, 6.1.1).
const TYPES: [&str; 7] = ["null", "boolean", "integer", "number", "string", "array", "object"];

fn check(schema: &Json, at: &str, left: usize) -> Result<(), String> {
    let Json::Object(keys) = schema else {
        return if schema.is_boolean() { Ok(()) } else { Err(format!("{at} is neither an object nor a boolean")) };
    };
    if left == 0 {
        return Err(format!("it is nested deeper than {DEPTH_MAX}"));
    }
    let is_type = |value: &Json| value.as_str().is_some_and(|word| TYPES.contains(&word));
    for (key, value) in keys {
        let place = format!("{at}/{key}");
        let sound = match key.as_str() {
            "type" => {
                is_type(value) || value.as_array().is_some_and(|types| !types.is_empty() && types.iter().all(is_type))
            }
            "minimum" | "maximum" | "multipleOf" => value.is_number(),
            "exclusiveMinimum" | "exclusiveMaximum" => value.is_number() || value.is_boolean(),
            "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties" => {
                value.as_u64().is_some() || value.as_f64().is_some_and(|number| number >= 0.0 && number.fract() == 0.0)
            }
            "pattern" | "format" | "title" | "description" | "$ref" | "$id" | "$schema" => value.is_string(),
            "uniqueItems" => value.is_boolean(),
            "enum" => value.is_array(),
            "required" => value.as_array().is_some_and(|names| names.iter().all(Json::is_string)),
            "properties" | "patternProperties" | "definitions" | "$defs" => {
                let Json::Object(inner) = value else { return Err(format!("{place} is no object")) };
                for (name, schema) in inner {
                    check(schema, &format!("{place}/{name}"), left - 1)?;
                }
                true
            }
            "allOf" | "anyOf" | "oneOf" => {
                let Json::Array(inner) = value else { return Err(format!("{place} is no list")) };
                inner.iter().try_for_each(|schema| check(schema, &place, left - 1))?;
                !inner.is_empty()
            }
            "additionalProperties"
            | "additionalItems"
            | "not"
            | "contains"
            | "propertyNames"
            | "if"
            | "then"
            | "else" => {
                check(value, &place, left - 1)?;
                true
            }
            "items" => {
                let inner = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
                inner.iter().try_for_each(|schema| check(schema, &place, left - 1))?;
                true
            }
            _ => true,
        };
        if !sound {
            return Err(format!("{place} cannot be {value}"));
        }
    }
    Ok(())
}
