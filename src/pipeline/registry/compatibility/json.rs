//! JSON Schema: whatever the writer's schema allows, the reader's must allow.
//!
//! Compared keyword by keyword, on the safe side: what is not understood must be the same in both. So an optional property may be
//! added where the writer's object was closed (`"additionalProperties": false`), because nobody can have written anything else
//! under that name; where it was open, only one that allows everything. A property the reader requires must have been required.
//! Equal texts are equal schemas only if what they refer to is equal as well.

mod words;

use std::collections::{BTreeSet, HashSet};

use serde_json::{Map, Value};

use self::words::{
    ALL_TYPES, BOUNDS, has_type, have_other_types, is_everything, list_others, listed, listed_in, names, rest, takes,
    types,
};
use super::{REASONS_MAX, shortened};
use crate::pipeline::registry::parsed::DEPTH_MAX;

/// Most comparisons of two schemas, and most values looked through for references; beyond either the schemas count as different.
const STEPS_MAX: usize = 10_000;
const VALUES_MAX: usize = 4_000_000;
/// How deep is looked for a property by which two objects differ.
const APART_MAX: usize = 3;
/// What is allowed where nothing is said.
static ANYTHING: Value = Value::Bool(true);
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

    /// The schema itself where this is nothing but a reference; a reference still, if it leads nowhere.
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
    let mut compared = Compared::default();
    let (ours, theirs) = (Whole { root: reader, named }, Whole { root: writer, named: theirs });
    compared.schemas((reader, ours), (writer, theirs), "#");
    if compared.is_over() {
        compared.too_much("#");
    }
    compared.reasons
}

type In<'a> = (&'a Value, Whole<'a>);
type Object<'a> = (&'a Map<String, Value>, Whole<'a>);

#[derive(Default)]
struct Compared {
    reasons: Vec<String>,
    /// How much was wrong, told or not.
    wrong: usize,
    /// How many comparisons are under way of which nothing is told.
    quiet: usize,
    steps: usize,
    values: usize,
    /// How many properties and items deep it is.
    level: usize,
    /// Pairs under comparison, and how deep each was met: a schema within itself is compared once.
    open: Vec<(*const Value, *const Value, usize)>,
}

impl Compared {
    fn say(&mut self, at: &str, reason: impl std::fmt::Display) {
        self.wrong += 1;
        if self.quiet == 0 && self.reasons.len() < REASONS_MAX {
            self.reasons.push(shortened(format!("{at}: {reason}")));
        }
    }

    fn is_over(&self) -> bool {
        self.steps > STEPS_MAX || self.values > VALUES_MAX
    }

    fn too_much(&mut self, at: &str) {
        self.say(at, "is too much to compare");
    }

    /// Whether `reader` allows what `writer` does, without a word.
    fn allows(&mut self, reader: In<'_>, writer: In<'_>) -> bool {
        let before = self.wrong;
        self.quiet += 1;
        self.schemas(reader, writer, "");
        self.quiet -= 1;
        let fits = self.wrong == before;
        self.wrong = before;
        fits
    }

    /// Compares what stands within both: in a property, or as an item.
    fn inner(&mut self, reader: In<'_>, writer: In<'_>, at: &str) {
        self.level += 1;
        self.schemas(reader, writer, at);
        self.level -= 1;
    }

    fn schemas(&mut self, (reader, ours): In<'_>, (writer, theirs): In<'_>, at: &str) {
        let ((reader, ours), (writer, theirs)) = (ours.resolve(reader), theirs.resolve(writer));
        self.steps += 1;
        if self.is_over() || self.open.len() > DEPTH_MAX {
            return self.too_much(at);
        }
        let pair = (std::ptr::from_ref(reader), std::ptr::from_ref(writer));
        if let Some((.., level)) = self.open.iter().find(|(reader, writer, _)| (*reader, *writer) == pair) {
            // Further in it may count on what is being shown; in the same place that would show nothing.
            if *level == self.level {
                self.say(at, "is described by itself");
            }
            return;
        }
        if *writer == Value::Bool(false) || is_everything(reader) {
            // Nothing was written, or everything is read.
            return;
        }
        if reader.get("$ref").is_some() || writer.get("$ref").is_some() {
            if !self.same(Some((reader, ours)), Some((writer, theirs))) {
                self.say(at, "refers to what is not here");
            }
            return;
        }
        let (Value::Object(keys), Value::Object(others)) = (reader, writer) else {
            return self.say(at, "allows less than before");
        };
        self.open.push((pair.0, pair.1, self.level));
        self.alternatives((reader, ours), (writer, theirs), (keys, others), at);
        self.open.pop();
    }

    /// Compares where one of several schemas may hold.
    fn alternatives(
        &mut self,
        ours: In<'_>,
        theirs: In<'_>,
        (reader, writer): (&Map<String, Value>, &Map<String, Value>),
        at: &str,
    ) {
        let (our_whole, their_whole) = (ours.1, theirs.1);
        let says = writer.keys().filter(|key| !SAYS_NOTHING.contains(&key.as_str())).count();
        for key in ["anyOf", "oneOf"] {
            let Some(choices) = writer.get(key).and_then(Value::as_array) else { continue };
            // Whatever was written is one of these, besides what stands beside them.
            if says > 1 || self.same_key(key, (reader, our_whole), (writer, their_whole)) {
                continue;
            }
            for (number, choice) in choices.iter().enumerate() {
                self.schemas(ours, (choice, their_whole), &format!("{at}/{key}/{number}"));
            }
            return;
        }
        for key in ["anyOf", "oneOf"] {
            let Some(choices) = reader.get(key).and_then(Value::as_array) else { continue };
            if self.same_key(key, (reader, our_whole), (writer, their_whole)) {
                continue;
            }
            let fits = if key == "anyOf" {
                self.each(choices, our_whole, writer.get(key), their_whole)
                    || choices.iter().any(|choice| self.allows((choice, our_whole), theirs))
            } else {
                // A second one that takes a value would forbid it.
                let fitting = choices.iter().position(|choice| self.allows((choice, our_whole), theirs));
                let mut others = choices.iter().enumerate().filter(|(number, _)| Some(*number) != fitting);
                fitting.is_some() && others.all(|(_, choice)| self.apart((choice, our_whole), theirs, APART_MAX))
            };
            if !fits {
                self.say(at, format_args!("none of `{key}` alone allows all that was written"));
            }
        }
        if let Some(all) = reader.get("allOf").and_then(Value::as_array)
            && !self.same_key("allOf", (reader, our_whole), (writer, their_whole))
        {
            let before = writer.get("allOf").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            for part in all {
                // What allows a part of what held allows all of it.
                if !before.iter().any(|held| self.allows((part, our_whole), (held, their_whole))) {
                    self.schemas((part, our_whole), theirs, &format!("{at}/allOf"));
                }
            }
        }
        self.values(reader, writer, at);
        self.objects((reader, our_whole), (writer, their_whole), at);
        self.lists((reader, our_whole), (writer, their_whole), at);
        for key in reader.keys().filter(|key| !UNDERSTOOD.contains(&key.as_str())) {
            if !SAYS_NOTHING.contains(&key.as_str()) && !self.same_key(key, (reader, our_whole), (writer, their_whole))
            {
                self.say(at, format_args!("`{key:.64}` is not as it was"));
            }
        }
    }

    /// Whether there were as many choices before, and each allows what the one in its place did.
    fn each(&mut self, choices: &[Value], ours: Whole<'_>, before: Option<&Value>, theirs: Whole<'_>) -> bool {
        let before = before.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        before.len() == choices.len()
            && choices.iter().zip(before).all(|(choice, before)| self.allows((choice, ours), (before, theirs)))
    }

    /// Whether no value is taken by both, as far as types, lists of values and properties both have can tell.
    fn apart(&mut self, (one, ours): In<'_>, (other, theirs): In<'_>, left: usize) -> bool {
        self.steps += 1;
        let ((one, ours), (other, theirs)) = (ours.resolve(one), theirs.resolve(other));
        if *one == Value::Bool(false) || *other == Value::Bool(false) {
            return true;
        }
        let (Value::Object(one), Value::Object(other)) = (one, other) else { return false };
        if left == 0 || self.is_over() || one.contains_key("$ref") || other.contains_key("$ref") {
            return false;
        }
        if have_other_types(one, other) || list_others(one, other) {
            return true;
        }
        let is_object = |of| types(of).is_some_and(|types| types == ["object"]);
        let (Some(mine), Some(written)) = (one.get("properties"), other.get("properties")) else { return false };
        is_object(other)
            && names(other).into_iter().any(|name| match (mine.get(name), written.get(name)) {
                (Some(one), Some(other)) => self.apart((one, ours), (other, theirs), left - 1),
                _ => false,
            })
    }

    /// Whether a keyword says the same in both, or in neither.
    fn same_key(&mut self, key: &str, (reader, ours): Object<'_>, (writer, theirs): Object<'_>) -> bool {
        self.same(reader.get(key).map(|value| (value, ours)), writer.get(key).map(|value| (value, theirs)))
    }

    /// Whether two values are equal, and so is all that they refer to.
    fn same(&mut self, one: Option<In<'_>>, other: Option<In<'_>>) -> bool {
        let ((one, ours), (other, theirs)) = match (one, other) {
            (Some(one), Some(other)) => (one, other),
            (one, other) => return one.is_none() && other.is_none(),
        };
        if one != other {
            return false;
        }
        let (mut seen, mut open) = (HashSet::new(), vec![(one, ours, theirs)]);
        while let Some((value, ours, theirs)) = open.pop() {
            for reference in self.references(value) {
                match (ours.follow(reference), theirs.follow(reference)) {
                    (Some((one, ours)), Some((other, theirs))) => {
                        if seen.insert((std::ptr::from_ref(one), std::ptr::from_ref(other))) {
                            if one != other {
                                return false;
                            }
                            open.push((one, ours, theirs));
                        }
                    }
                    // What nobody here can follow is the same under the same name, unless it is in the schemas themselves.
                    (None, None) if !reference.starts_with('#') || ours.root == theirs.root => {}
                    _ => return false,
                }
            }
            if self.is_over() {
                return false;
            }
        }
        true
    }

    /// Every reference in a value.
    fn references<'a>(&mut self, value: &'a Value) -> BTreeSet<&'a str> {
        let (mut found, mut open) = (BTreeSet::new(), vec![value]);
        while let Some(value) = open.pop() {
            self.values += 1;
            match value {
                Value::Object(keys) => {
                    found.extend(keys.get("$ref").and_then(Value::as_str));
                    open.extend(keys.values());
                }
                Value::Array(values) => open.extend(values),
                _ => {}
            }
        }
        found
    }

    /// Types, enumerations, and the bounds of numbers, texts and sizes.
    fn values(&mut self, reader: &Map<String, Value>, writer: &Map<String, Value>, at: &str) {
        if let Some(written) = listed(writer) {
            // What was written is one of a few values: each is held against what is read.
            let read: Option<BTreeSet<String>> =
                listed(reader).map(|values| values.into_iter().map(Value::to_string).collect());
            for value in written {
                let is_read =
                    read.as_ref().map_or_else(|| takes(reader, value), |read| read.contains(&value.to_string()));
                if !is_read {
                    self.say(at, format_args!("{value} is not allowed any more"));
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
                self.say(at, format_args!("the type {} is not allowed any more", lost.join(", ")));
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
                self.say(at, format_args!("`{key}` is narrower than before"));
            }
        }
        for key in ["pattern", "format", "uniqueItems"] {
            if let Some(ours) = reader.get(key)
                && *ours != Value::Bool(false)
                && writer.get(key) != Some(ours)
            {
                self.say(at, format_args!("`{key}` is not as it was"));
            }
        }
    }

    fn objects(&mut self, (reader, ours): Object<'_>, (writer, theirs): Object<'_>, at: &str) {
        // What can be no object has no properties.
        if types(writer).is_some_and(|types| !types.contains(&"object")) {
            return;
        }
        let required: BTreeSet<&str> = names(writer).into_iter().collect();
        for name in names(reader).into_iter().filter(|name| !required.contains(name)) {
            self.say(at, format_args!("`{name:.64}` is required and may be missing"));
        }
        let (our_rest, their_rest) = (rest(reader).unwrap_or(&ANYTHING), rest(writer).unwrap_or(&ANYTHING));
        let mine = reader.get("properties").and_then(Value::as_object);
        let written = writer.get("properties").and_then(Value::as_object);
        for (name, theirs_of) in written.into_iter().flatten() {
            let (ours_of, is_known) = mine.and_then(|mine| mine.get(name)).map_or((our_rest, false), |of| (of, true));
            let place = format!("{at}/properties/{name:.64}");
            if !is_known && *our_rest == Value::Bool(false) && *theirs_of != Value::Bool(false) {
                self.say(&place, "is gone from an object that allows no others");
            } else {
                self.inner((ours_of, ours), (theirs_of, theirs), &place);
            }
        }
        // Under a name that a pattern fits something else may stand than in the rest.
        let unnamed = if writer.contains_key("patternProperties") { &ANYTHING } else { their_rest };
        for (name, ours_of) in mine.into_iter().flatten() {
            if written.is_some_and(|written| written.contains_key(name)) {
                continue;
            }
            self.level += 1;
            let fits = self.allows((ours_of, ours), (unnamed, theirs));
            self.level -= 1;
            if !fits {
                let place = format!("{at}/properties/{name:.64}");
                self.say(&place, "was added to an object that allowed others: something else may stand there");
            }
        }
        let place = format!("{at}/additionalProperties");
        if is_everything(our_rest) {
            return;
        }
        if self.same_key("patternProperties", (reader, ours), (writer, theirs)) {
            self.inner((our_rest, ours), (their_rest, theirs), &place);
        } else {
            self.say(&place, "holds for other names than before");
        }
    }

    fn lists(&mut self, (reader, ours): Object<'_>, (writer, theirs): Object<'_>, at: &str) {
        if types(writer).is_some_and(|types| !types.contains(&"array"))
            || self.same_key("items", (reader, ours), (writer, theirs))
        {
            return;
        }
        match (reader.get("items"), writer.get("items")) {
            (None, _) => {}
            (Some(Value::Array(_)), _) | (Some(_), Some(Value::Array(_))) => self.say(at, "`items` is not as it was"),
            (Some(ours_of), theirs_of) => {
                self.inner((ours_of, ours), (theirs_of.unwrap_or(&ANYTHING), theirs), &format!("{at}/items"));
            }
        }
    }
}
