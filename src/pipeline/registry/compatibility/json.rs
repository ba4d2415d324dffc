//! JSON Schema: whatever the writer's schema allows, the reader's must allow.
//!
//! Compared keyword by keyword, on the safe side: what is not understood must be the same in both. So an optional property may be
//! added where the writer's object was closed (`"additionalProperties": false`), because nobody can have written anything else
//! under that name; where it was open, only one that allows everything. A property the reader requires must have been required.

use serde_json::{Map, Value};

use crate::pipeline::registry::parsed::DEPTH_MAX;

/// Most comparisons of two schemas; beyond it they count as different.
const STEPS_MAX: usize = 10_000;
/// Keywords that say nothing of what is allowed.
const SAYS_NOTHING: [&str; 10] =
    ["$schema", "$id", "$comment", "title", "description", "default", "examples", "definitions", "$defs", "deprecated"];
/// Keywords compared by what they mean.
const UNDERSTOOD: [&str; 24] = [
    "type",
    "enum",
    "const",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "required",
    "properties",
    "additionalProperties",
    "items",
    "anyOf",
    "oneOf",
    "allOf",
    "$ref",
    "pattern",
    "format",
    "uniqueItems",
];

/// A schema and where its references lead.
#[derive(Clone, Copy)]
struct Whole<'a> {
    root: &'a Value,
    named: &'a [(String, Value)],
}

impl<'a> Whole<'a> {
    /// The schema behind a reference, and the whole it is in.
    fn follow(self, reference: &str) -> Option<(&'a Value, Self)> {
        let (file, pointer) = reference.split_once('#').unwrap_or((reference, ""));
        let root = if file.is_empty() {
            self.root
        } else {
            self.named.iter().find(|(name, _)| name == file).map(|(_, root)| root)?
        };
        let at = if pointer.is_empty() { Some(root) } else { root.pointer(pointer) };
        at.map(|schema| (schema, Whole { root, named: self.named }))
    }

    /// The schema itself where this is nothing but a reference.
    fn resolve(mut self, mut schema: &'a Value) -> (&'a Value, Self) {
        for _ in 0..DEPTH_MAX {
            let Some((target, whole)) = schema.get("$ref").and_then(Value::as_str).and_then(|to| self.follow(to))
            else {
                break;
            };
            (schema, self) = (target, whole);
        }
        (schema, self)
    }
}

pub(super) fn unread(
    reader: &Value,
    named: &[(String, Value)],
    writer: &Value,
    theirs: &[(String, Value)],
) -> Vec<String> {
    let mut compared = Compared { reasons: Vec::new(), steps: 0, open: Vec::new() };
    let (ours, theirs) = (Whole { root: reader, named }, Whole { root: writer, named: theirs });
    compared.schemas((reader, ours), (writer, theirs), "#");
    compared.reasons
}

type In<'a> = (&'a Value, Whole<'a>);

struct Compared {
    reasons: Vec<String>,
    steps: usize,
    /// Pairs under comparison: a schema within itself is compared once.
    open: Vec<(*const Value, *const Value)>,
}

impl Compared {
    fn say(&mut self, at: &str, reason: impl std::fmt::Display) {
        self.reasons.push(format!("{at}: {reason}"));
    }

    /// Whether `reader` allows what `writer` does, without a word.
    fn allows(&mut self, reader: In<'_>, writer: In<'_>) -> bool {
        let before = self.reasons.len();
        self.schemas(reader, writer, "");
        let fits = self.reasons.len() == before;
        self.reasons.truncate(before);
        fits
    }

    fn schemas(&mut self, (reader, ours): In<'_>, (writer, theirs): In<'_>, at: &str) {
        let ((reader, ours), (writer, theirs)) = (ours.resolve(reader), theirs.resolve(writer));
        self.steps += 1;
        let pair = (std::ptr::from_ref(reader), std::ptr::from_ref(writer));
        if self.open.contains(&pair) {
            return;
        }
        if self.steps > STEPS_MAX || self.open.len() > DEPTH_MAX {
            return self.say(at, "is too much to compare");
        }
        let (ours, theirs) = match (reader, writer) {
            // Nothing was written, or everything is read.
            (_, Value::Bool(false)) | (Value::Bool(true), _) => return,
            (Value::Object(keys), _) if keys.keys().all(|key| SAYS_NOTHING.contains(&key.as_str())) => return,
            (Value::Object(keys), Value::Object(others)) => ((keys, ours), (others, theirs)),
            _ => return self.say(at, "allows less than before"),
        };
        self.open.push(pair);
        self.alternatives(ours, theirs, at);
        self.open.pop();
    }

    /// Compares where one of several schemas may hold.
    fn alternatives(
        &mut self,
        ours: (&Map<String, Value>, Whole<'_>),
        theirs: (&Map<String, Value>, Whole<'_>),
        at: &str,
    ) {
        let ((reader, our_whole), (writer, their_whole)) = (ours, theirs);
        for key in ["anyOf", "oneOf"] {
            let Some(choices) = writer.get(key).and_then(Value::as_array) else { continue };
            // Whatever was written is one of these, besides what stands beside them.
            if reader.get(key) == Some(&writer[key]) || writer.len() > 1 {
                continue;
            }
            for (number, choice) in choices.iter().enumerate() {
                let whole = Value::Object(reader.clone());
                self.schemas_of(&whole, our_whole, (choice, their_whole), &format!("{at}/{key}/{number}"));
            }
            return;
        }
        for key in ["anyOf", "oneOf"] {
            let Some(choices) = reader.get(key).and_then(Value::as_array) else { continue };
            if writer.get(key) == reader.get(key) {
                continue;
            }
            // Of `oneOf` a second that fits as well would forbid it: that is left to `anyOf`.
            let whole = Value::Object(writer.clone());
            let fitting =
                choices.iter().filter(|choice| self.allows((choice, our_whole), (&whole, their_whole))).count();
            if fitting == 0 || (key == "oneOf" && fitting > 1) {
                self.say(at, format!("none of `{key}` allows all that was written"));
            }
        }
        if let Some(all) = reader.get("allOf").and_then(Value::as_array)
            && reader.get("allOf") != writer.get("allOf")
        {
            let whole = Value::Object(writer.clone());
            for part in all {
                self.schemas((part, our_whole), (&whole, their_whole), &format!("{at}/allOf"));
            }
        }
        self.values(reader, writer, at);
        self.objects((reader, our_whole), (writer, their_whole), at);
        self.lists((reader, our_whole), (writer, their_whole), at);
        for (key, value) in reader.iter().filter(|(key, _)| !UNDERSTOOD.contains(&key.as_str())) {
            if !SAYS_NOTHING.contains(&key.as_str()) && writer.get(key) != Some(value) {
                self.say(at, format!("`{key}` is not as it was"));
            }
        }
    }

    fn schemas_of(&mut self, reader: &Value, whole: Whole<'_>, writer: In<'_>, at: &str) {
        self.schemas((reader, whole), writer, at);
    }

    /// Types, enumerations, and the bounds of numbers, texts and sizes.
    fn values(&mut self, reader: &Map<String, Value>, writer: &Map<String, Value>, at: &str) {
        if let Some(listed) = listed(writer) {
            // What was written is one of a few values: each is held against what is read.
            for value in listed {
                if !takes(reader, value) {
                    self.say(at, format!("{value} is not allowed any more"));
                }
            }
            return;
        }
        if listed_in(reader) {
            self.say(at, "only a few values are allowed now");
        }
        if let Some(ours) = types(reader) {
            let theirs = types(writer).unwrap_or_else(|| ALL_TYPES.to_vec());
            let lost: Vec<&str> = theirs.into_iter().filter(|of| !has_type(&ours, of)).collect();
            if !lost.is_empty() {
                self.say(at, format!("the type {} is not allowed any more", lost.join(", ")));
            }
        }
        for (key, raises) in BOUNDS {
            let Some(ours) = reader.get(key) else { continue };
            let holds = match (ours.as_f64(), writer.get(key).and_then(Value::as_f64)) {
                (Some(ours), Some(theirs)) => {
                    if raises {
                        ours <= theirs
                    } else {
                        ours >= theirs
                    }
                }
                // Nothing is shorter than nothing.
                (Some(ours), None) => raises && key.starts_with("min") && key != "minimum" && ours <= 0.0,
                (None, _) => writer.get(key) == Some(ours),
            };
            if !holds {
                self.say(at, format!("`{key}` is narrower than before"));
            }
        }
        for key in ["pattern", "format", "uniqueItems"] {
            if let Some(ours) = reader.get(key)
                && *ours != Value::Bool(false)
                && writer.get(key) != Some(ours)
            {
                self.say(at, format!("`{key}` is not as it was"));
            }
        }
    }

    fn objects(
        &mut self,
        (reader, ours): (&Map<String, Value>, Whole<'_>),
        (writer, theirs): (&Map<String, Value>, Whole<'_>),
        at: &str,
    ) {
        // What can be no object has no properties.
        if types(writer).is_some_and(|types| !types.contains(&"object")) {
            return;
        }
        let required = names(writer);
        for name in names(reader).iter().filter(|name| !required.contains(name)) {
            self.say(at, format!("`{name}` is required and may be missing"));
        }
        let open = Value::Bool(true);
        let properties =
            |of: &'_ Map<String, Value>| of.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
        let (mine, written) = (properties(reader), properties(writer));
        let (our_rest, their_rest) = (rest(reader).unwrap_or(&open), rest(writer).unwrap_or(&open));
        for (name, theirs_of) in &written {
            let (ours_of, is_known) = mine.get(name).map_or((our_rest, false), |of| (of, true));
            let place = format!("{at}/properties/{name}");
            if !is_known && *our_rest == Value::Bool(false) && *theirs_of != Value::Bool(false) {
                self.say(&place, "is gone from an object that allows no others");
            } else {
                self.schemas((ours_of, ours), (theirs_of, theirs), &place);
            }
        }
        for (name, ours_of) in mine.iter().filter(|(name, _)| !written.contains_key(*name)) {
            let place = format!("{at}/properties/{name}");
            if !self.allows((ours_of, ours), (their_rest, theirs)) {
                self.say(&place, "was added to an object that allowed others: something else may stand there");
            }
        }
        if *our_rest != Value::Bool(true) && reader.get("patternProperties") == writer.get("patternProperties") {
            self.schemas((our_rest, ours), (their_rest, theirs), &format!("{at}/additionalProperties"));
        }
    }

    fn lists(
        &mut self,
        (reader, ours): (&Map<String, Value>, Whole<'_>),
        (writer, theirs): (&Map<String, Value>, Whole<'_>),
        at: &str,
    ) {
        if types(writer).is_some_and(|types| !types.contains(&"array")) {
            return;
        }
        match (reader.get("items"), writer.get("items")) {
            (None, _) => {}
            (Some(ours_of), theirs_of) if theirs_of == Some(ours_of) => {}
            (Some(Value::Array(_)), _) | (Some(_), Some(Value::Array(_))) => self.say(at, "`items` is not as it was"),
            (Some(ours_of), theirs_of) => {
                let open = Value::Bool(true);
                self.schemas((ours_of, ours), (theirs_of.unwrap_or(&open), theirs), &format!("{at}/items"));
            }
        }
    }
}

const ALL_TYPES: [&str; 6] = ["null", "boolean", "number", "string", "array", "object"];
/// Bounds, and whether the reader's must be no higher than the writer's.
const BOUNDS: [(&str, bool); 10] = [
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
fn types(of: &Map<String, Value>) -> Option<Vec<&str>> {
    match of.get("type")? {
        Value::String(word) => Some(vec![word]),
        Value::Array(words) => Some(words.iter().filter_map(Value::as_str).collect()),
        _ => None,
    }
}

fn has_type(types: &[&str], of: &str) -> bool {
    types.contains(&of) || (of == "integer" && types.contains(&"number"))
}

/// The values that alone may be written, if there are only a few.
fn listed(of: &Map<String, Value>) -> Option<Vec<&Value>> {
    match (of.get("const"), of.get("enum")) {
        (Some(value), _) => Some(vec![value]),
        (None, Some(Value::Array(values))) => Some(values.iter().collect()),
        _ => None,
    }
}

fn listed_in(of: &Map<String, Value>) -> bool {
    of.contains_key("const") || of.contains_key("enum")
}

/// Whether a schema's own keywords take a value.
fn takes(reader: &Map<String, Value>, value: &Value) -> bool {
    if let Some(listed) = listed(reader) {
        return listed.contains(&value);
    }
    let of = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if types(reader).is_some_and(|types| !has_type(&types, of)) {
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

fn names(of: &Map<String, Value>) -> Vec<&str> {
    of.get("required")
        .and_then(Value::as_array)
        .map_or_else(Vec::new, |names| names.iter().filter_map(Value::as_str).collect())
}

/// What is allowed under other names than those of `properties`.
fn rest(of: &Map<String, Value>) -> Option<&Value> {
    of.get("additionalProperties")
}
