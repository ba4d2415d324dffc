//! A YAML file as a tree in which every value knows its line and column.
//!
//! A plain deserialiser stops at its first error; a planner wants to hear of all of them. The tree is therefore read first,
//! and only then held against what the file should say. Knows nothing of scenarios, alerts or any other grammar.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};
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
            Self::Number(n) => format!("the number `{n:?}`"),
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

/// Reads the tree; keys given twice are noted and their first value kept, so that the rest can be judged too.
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
            further_duplicates(text, &error, file, findings);
            serde_saphyr::from_str_with_options(text, options(DuplicateKeyPolicy::FirstWins)).ok()
        }
    }
}

/// The most keys given twice that are looked for.
const DUPLICATES_MAX: u32 = 20;

/// The parser stops at the first key given twice. Renamed to something nobody writes it no longer is, and the next one is found.
fn further_duplicates(text: &str, first: &serde_saphyr::Error, file: &Place, findings: &mut Findings) {
    let mut text = text.to_owned();
    let mut at = first.without_snippet().location();
    for number in 0..DUPLICATES_MAX {
        let Some(renamed) = at.and_then(|at| renamed(&text, Spot::of(at), number)) else { return };
        text = renamed;
        let read = serde_saphyr::from_str_with_options::<Node>(&text, options(DuplicateKeyPolicy::Error));
        let Err(error) = read else { return };
        if !matches!(error.without_snippet(), serde_saphyr::Error::DuplicateMappingKey { .. }) {
            return;
        }
        findings.problem(problem(&error, file));
        at = error.without_snippet().location();
    }
}

/// The text with another first letter of the word at a spot, one for private use.
fn renamed(text: &str, spot: Spot, number: u32) -> Option<String> {
    let line: usize = text.split_inclusive('\n').take(spot.line.checked_sub(1)? as usize).map(str::len).sum();
    let mut letters = text.get(line..)?.char_indices().skip(spot.column.checked_sub(1)? as usize);
    let (mut at, mut letter) = letters.next()?;
    if matches!(letter, '"' | '\'') {
        (at, letter) = letters.next()?;
    }
    letter.is_alphanumeric().then_some(())?;
    let mut text = text.to_owned();
    let other = char::from_u32(0xE000 + number)?.to_string();
    text.replace_range(line + at..line + at + letter.len_utf8(), &other);
    Some(text)
}

/// Deepest nesting of lists and keys.
const DEPTH_MAX: usize = 32;

/// How files are read, everywhere alike.
pub(crate) fn options(duplicates: DuplicateKeyPolicy) -> Options {
    // Whoever reads a tree goes down into it, and so does whoever drops it: deeper than people write, none is grown.
    let budget = serde_saphyr::budget! { max_depth: DEPTH_MAX };
    serde_saphyr::options! {
        duplicate_keys: duplicates,
        with_snippet: false,
        strict_booleans: true,
        budget: budget,
        reject_unsupported_tags: true,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
    }
}

/// The parser's complaint as one of ours.
pub(crate) fn problem(error: &serde_saphyr::Error, file: &Place) -> Problem {
    let error = error.without_snippet();
    let place = error.location().map_or_else(|| file.clone(), |location| Spot::of(location).of_file(file));
    let (message, help) = said(error);
    Problem::new(place, message).help(help)
}

/// What is wrong, and what to do about it.
fn said(error: &serde_saphyr::Error) -> (String, &'static str) {
    use serde_saphyr::Error as E;
    let (message, help) = match error {
        E::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().unwrap_or("?");
            return (format!("the key `{key}` is given twice"), "keep one of the two");
        }
        E::SerdeMissingField { field, .. } => return (format!("`{field}` is missing"), "add it"),
        E::MultipleDocuments { .. } => ("a second document begins here", "a file is one document: remove the `---`"),
        E::NullIntoString { .. } => ("a key is nothing", "give it a name, or remove the line"),
        E::UnknownAnchor { .. } => ("nothing has been named so with `&`", "put text with `*` in quotation marks"),
        E::RecursiveReferencesRequireWeakTypes { .. } => ("this refers to itself", "write the value out"),
        E::AliasReplayLimitExceeded { .. }
        | E::AliasExpansionLimitExceeded { .. }
        | E::AliasReplayStackDepthExceeded { .. }
        | E::AliasReplayCounterOverflow { .. } => {
            ("references with `*` make the file too large", "write the values out")
        }
        E::Unexpected { .. } => ("a key is no single word", "write `key: value`, and quotation marks around odd keys"),
        other => return of_the_scanner(&serde_saphyr::DefaultMessageFormatter.format_message(other)),
    };
    (message.to_owned(), help)
}

/// What the scanner of YAML says, in words for people who do not know its grammar.
fn of_the_scanner(message: &str) -> (String, &'static str) {
    const BRACES: &str = "close every `{` with `}` and every `[` with `]`, and put a comma between entries";
    const INDENT: &str = "keys and entries that belong together begin in the same column";
    const QUOTES: &str = "put the text in quotation marks";
    const KNOWN: [(&str, &str, &str); 18] = [
        ("Depth {", "lists and keys are nested too deeply", "at most 32 deep; is a bracket not closed?"),
        ("recursion limit", "lists and keys are nested too deeply", "at most 32 deep; is a bracket not closed?"),
        ("budget", "references with `*` make the file too large", "write the values out"),
        ("quoted scalar", "a quotation mark is not closed before here", "close the text with the mark it begins with"),
        ("unexpected end of", "the file ends too early", "close every quotation mark and bracket"),
        ("flow mapping", "a `{` is not closed before here, or a comma is missing", BRACES),
        ("flow sequence", "a `[` is not closed before here, or a comma is missing", BRACES),
        ("illegal placement of ':'", "a bracket is not closed before here", BRACES),
        ("mismatched bracket", "this bracket is closed by one of another kind", BRACES),
        ("unclosed bracket", "this bracket is not closed", BRACES),
        ("misplaced bracket", "this bracket closes nothing", BRACES),
        ("simple key expected", "this is no key with a value", "write `key: value`, with a space after the colon"),
        ("mapping values are not allowed", "there is a second colon in this line", QUOTES),
        ("expected '-' indicator", "this line is indented more than it should be", INDENT),
        ("did not find expected key", "this line does not belong to what is above it", INDENT),
        ("document end marker", "a line cannot begin with `%`", "put a space before it, or quotation marks around it"),
        ("tabs disallowed", "the line is indented with a tab", "use spaces"),
        ("unsupported tag", "words with `!` mean nothing here", "remove it, or put the text in quotation marks"),
    ];
    let lower = message.to_lowercase();
    if let Some((_, said, help)) = KNOWN.iter().find(|(part, ..)| lower.contains(&part.to_lowercase())) {
        return ((*said).to_owned(), help);
    }
    if let Some(letter) = message.strip_prefix("unexpected character: `").map(|rest| rest.trim_end_matches('\'')) {
        return match letter {
            "@" | "`" => (format!("text cannot begin with {letter}"), QUOTES),
            other => (format!("there is a character `{other}` that no text has"), "remove it: it cannot be seen"),
        };
    }
    (message.trim_end_matches('.').to_owned(), "the file cannot be read past here")
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
        let (_, problems) = tree("a: {b: 1, b: 2}\nc: 1\n\"c\": 2\nc: 3\n");
        let places: Vec<&str> = problems.iter().filter_map(|problem| problem.split(": ").next()).collect();
        assert_eq!(places, ["a.yaml:1:11", "a.yaml:3:1", "a.yaml:4:1"], "{problems:?}");
    }

    #[test]
    fn text_that_is_not_yaml_is_a_complaint() {
        for text in ["a: [1, 2\nb: 3", "a: 'x", "a: *nobody", "%", "a: b: c", "---\na: 1\n---\nb: 2\n", "\u{0}"] {
            let (_, problems) = tree(text);
            assert!(!problems.is_empty(), "{text:?}");
        }
    }
}
