//! What the keywords of one JSON Schema say, and which values it takes.

use serde_json::{Map, Value};

use super::SAYS_NOTHING;

/// Every type; whole numbers are numbers.
pub(super) const ALL_TYPES: [&str; 6] = ["null", "boolean", "number", "string", "array", "object"];
/// Most pairs of values that are held against each other to tell two schemas apart.
const LISTED_MAX: usize = 10_000;
/// Bounds, and whether the reader's must be no higher than the writer's.
pub(super) const BOUNDS: [(&str, bool); 10] = [
    ("minimum", true),
    ("exclusiveMinimum", true),
    ("minLength", true),
    ("minItems", true),
    ("minProperties", true),
    ("maximum", false),
    ("exclusiveMaximum", false),
    ("maxLength", false),
    ("maxItems", false),
    ("maxProperties", false),
];

/// The types a schema allows; none if it does not say.
pub(super) fn types(of: &Map<String, Value>) -> Option<Vec<&str>> {
    match of.get("type")? {
        Value::String(word) => Some(vec![word]),
        Value::Array(words) => Some(words.iter().filter_map(Value::as_str).collect()),
        _ => None,
    }
}

/// Whether a type is among others; whole numbers are numbers.
pub(super) fn has_type(types: &[&str], of: &str) -> bool {
    types.contains(&of) || (of == "integer" && types.contains(&"number"))
}

/// The values that alone may be written, if there are only a few.
pub(super) fn listed(of: &Map<String, Value>) -> Option<Vec<&Value>> {
    match (of.get("const"), of.get("enum")) {
        (Some(value), _) => Some(vec![value]),
        (None, Some(Value::Array(values))) => Some(values.iter().collect()),
        _ => None,
    }
}

/// Whether only a few values are allowed.
pub(super) fn listed_in(of: &Map<String, Value>) -> bool {
    of.contains_key("const") || of.contains_key("enum")
}

/// The type of a value.
fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Whether a schema's own keywords take a value; not looked at is whether it lists its values.
pub(super) fn takes(reader: &Map<String, Value>, value: &Value) -> bool {
    if types(reader).is_some_and(|types| !has_type(&types, type_of(value))) {
        return false;
    }
    let number = |key: &str| reader.get(key).and_then(Value::as_f64);
    if let Some(value) = value.as_f64() {
        let above = number("minimum").is_none_or(|low| value >= low)
            && number("exclusiveMinimum").is_none_or(|low| value > low);
        let below = number("maximum").is_none_or(|high| value <= high)
            && number("exclusiveMaximum").is_none_or(|high| value < high);
        return above && below && !reader.contains_key("multipleOf");
    }
    if let Some(text) = value.as_str() {
        #[expect(clippy::cast_precision_loss, reason = "lengths of a text of 256 KiB at most")]
        let length = text.chars().count() as f64;
        let fits = number("minLength").is_none_or(|low| length >= low)
            && number("maxLength").is_none_or(|high| length <= high);
        return fits && !reader.contains_key("pattern") && !reader.contains_key("format");
    }
    // Lists and objects among the values are rare; what is said of their inside is not looked at, so nothing may be said.
    matches!(value, Value::Null | Value::Bool(_))
        || reader.keys().all(|key| key == "type" || SAYS_NOTHING.contains(&key.as_str()))
}

/// The properties that must be there.
pub(super) fn names(of: &Map<String, Value>) -> Vec<&str> {
    of.get("required")
        .and_then(Value::as_array)
        .map_or_else(Vec::new, |names| names.iter().filter_map(Value::as_str).collect())
}

/// What is allowed under other names than those of `properties`.
pub(super) fn rest(of: &Map<String, Value>) -> Option<&Value> {
    of.get("additionalProperties")
}

/// Whether a schema allows everything.
pub(super) fn is_everything(schema: &Value) -> bool {
    match schema {
        Value::Object(keys) => keys.keys().all(|key| SAYS_NOTHING.contains(&key.as_str())),
        other => *other == Value::Bool(true),
    }
}

/// Whether two schemas have no type in common, as far as their own keywords say.
pub(super) fn have_other_types(one: &Map<String, Value>, other: &Map<String, Value>) -> bool {
    let (Some(one), Some(other)) = (kinds(one), kinds(other)) else { return false };
    !one.iter().any(|of| other.contains(of))
}

/// The types of a schema's values, all numbers being one.
fn kinds(of: &Map<String, Value>) -> Option<Vec<&str>> {
    let number = |word| if word == "integer" { "number" } else { word };
    match types(of) {
        Some(types) => Some(types.into_iter().map(number).collect()),
        None => listed(of).map(|values| values.into_iter().map(|value| number(type_of(value))).collect()),
    }
}

/// Whether two schemas list their values and have none in common.
pub(super) fn list_others(one: &Map<String, Value>, other: &Map<String, Value>) -> bool {
    let (Some(one), Some(other)) = (listed(one), listed(other)) else { return false };
    // Numbers can be written in two ways, lists and objects in many.
    let plain = |value: &&Value| matches!(value, Value::String(_) | Value::Bool(_) | Value::Null);
    one.len().saturating_mul(other.len()) <= LISTED_MAX
        && one.iter().chain(&other).all(plain)
        && !one.iter().any(|value| other.contains(value))
}
