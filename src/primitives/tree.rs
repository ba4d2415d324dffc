//! A YAML file as a tree in which every value knows its line and column.
//!
//! A plain deserialiser stops at its first error; a planner wants to hear of all of them. The tree is therefore read first,
//! and only then held against what the file should say. Knows nothing of scenarios, alerts or any other grammar.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::DuplicateKeyPolicy;
use serde_saphyr::{Location, MessageFormatter, Options, Spanned};

use crate::primitives::text::{Findings, Place, Problem};

/// A line and column of the file, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spot {
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
}

impl Spot {
    /// Where the parser says.
    pub(crate) fn of(location: Location) -> Self {
        let number = |n: u64| u32::try_from(n).unwrap_or(0);
        Self { line: number(location.line()), column: number(location.column()) }
    }

    /// The same as a place of `file`.
    pub(crate) fn of_file(self, file: &Place) -> Place {
        file.at(self.line, self.column)
    }
}

/// A value of the file and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// Where it begins.
    pub spot: Spot,
    /// What it is.
    pub value: Value,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// Nothing.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Whole(i128),
    /// A number with a fraction.
    Number(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// Keys and values in the order of the file.
    Map(Vec<(Key, Node)>),
}

/// A key and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Key {
    /// Where it begins.
    pub spot: Spot,
    /// Its text.
    pub name: String,
}

impl Value {
    /// What it is, in words.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Null => "nothing".to_owned(),
            Self::Bool(yes) => format!("`{yes}`"),
            Self::Whole(n) => format!("the number `{n}`"),
            Self::Number(n) => format!("the number `{n}`"),
            Self::Text(text) => format!("the text `{text}`"),
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) => "keys and values".to_owned(),
        }
    }

    /// Whether it is a single value rather than a list or keys.
    pub(crate) fn is_scalar(&self) -> bool {
        !matches!(self, Self::List(_) | Self::Map(_) | Self::Null)
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Self { spot: Spot::of(spanned.referenced), value: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, yes: bool) -> Result<Value, E> {
        Ok(Value::Bool(yes))
    }

    fn visit_i64<E>(self, n: i64) -> Result<Value, E> {
        Ok(Value::Whole(n.into()))
    }

    fn visit_u64<E>(self, n: u64) -> Result<Value, E> {
        Ok(Value::Whole(n.into()))
    }

    fn visit_i128<E>(self, n: i128) -> Result<Value, E> {
        Ok(Value::Whole(n))
    }

    fn visit_f64<E>(self, n: f64) -> Result<Value, E> {
        Ok(Value::Number(n))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some((key, value)) = entries.next_entry::<Spanned<String>, Node>()? {
            map.push((Key { spot: Spot::of(key.referenced), name: key.value }, value));
        }
        Ok(Value::Map(map))
    }
}

/// Reads the tree; a key given twice is noted and its first value kept, so that the rest can be judged too.
///
/// None when the text is not YAML at all; the problem is then noted.
pub(crate) fn read(text: &str, file: &Place, findings: &mut Findings) -> Option<Node> {
    match serde_saphyr::from_str_with_options(text, options(DuplicateKeyPolicy::Error)) {
        Ok(node) => Some(node),
        Err(error) => {
            findings.problem(problem(&error, file));
            if !matches!(error.without_snippet(), serde_saphyr::Error::DuplicateMappingKey { .. }) {
                return None;
            }
            serde_saphyr::from_str_with_options(text, options(DuplicateKeyPolicy::FirstWins)).ok()
        }
    }
}

/// Deepest nesting of lists and keys.
const DEPTH_MAX: usize = 32;

/// How files are read, everywhere alike.
pub(crate) fn options(duplicates: DuplicateKeyPolicy) -> Options {
    // Whoever reads a tree goes down into it, and so does whoever drops it: deeper than people write, none is grown.
    let budget = serde_saphyr::budget! { max_depth: DEPTH_MAX };
    serde_saphyr::options! { duplicate_keys: duplicates, with_snippet: false, strict_booleans: true, budget: budget }
}

/// The parser's complaint as one of ours.
pub(crate) fn problem(error: &serde_saphyr::Error, file: &Place) -> Problem {
    let error = error.without_snippet();
    let place = error.location().map_or_else(|| file.clone(), |location| Spot::of(location).of_file(file));
    match error {
        serde_saphyr::Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().unwrap_or("?");
            Problem::new(place, format!("the key `{key}` is given twice")).help("keep one of the two")
        }
        serde_saphyr::Error::SerdeMissingField { field, .. } => Problem::new(place, format!("`{field}` is missing")),
        other => {
            let message = serde_saphyr::DefaultMessageFormatter.format_message(other);
            Problem::new(place, message.trim_end_matches('.').to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> (Option<Node>, Vec<String>) {
        let mut findings = Findings::default();
        let node = read(text, &Place::file("a.yaml"), &mut findings);
        (node, findings.problems().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_value_knows_where_it_stands() {
        let (node, problems) = tree("# why\na: 07:00\nb:\n  - c: {d: no, e: 1.5, f: 30}\n");
        assert!(problems.is_empty(), "{problems:?}");
        let Value::Map(map) = node.expect("a tree").value else { panic!("a map") };
        assert_eq!(map[0].1.value, Value::Text("07:00".into()), "clock times are text, not base sixty");
        assert_eq!((map[0].1.spot.line, map[0].1.spot.column), (2, 4));
        let Value::List(list) = &map[1].1.value else { panic!("a list") };
        let Value::Map(source) = &list[0].value else { panic!("a map") };
        assert_eq!((source[0].0.spot.line, source[0].0.spot.column), (4, 5));
        let Value::Map(inner) = &source[0].1.value else { panic!("a map") };
        assert_eq!((inner[0].1.spot.line, inner[0].1.spot.column), (4, 12));
        assert_eq!(inner[0].1.value, Value::Text("no".into()), "Norway stays a country");
        assert_eq!(inner[1].1.value, Value::Number(1.5));
        assert_eq!(inner[2].1.value, Value::Whole(30));
    }

    #[test]
    fn a_key_given_twice_is_one_complaint_among_others() {
        let (node, problems) = tree("a: 1\nb: 2\na: 3\n");
        assert!(node.is_some());
        assert_eq!(problems, ["a.yaml:3:1: the key `a` is given twice (keep one of the two)"]);
    }

    #[test]
    fn text_that_is_not_yaml_is_a_complaint() {
        for text in ["a: [1, 2\nb: 3", "a: 'x", "a: *nobody", "%", "a: b: c", "---\na: 1\n---\nb: 2\n", "\u{0}"] {
            let (_, problems) = tree(text);
            assert!(!problems.is_empty(), "{text:?}");
        }
    }
}
