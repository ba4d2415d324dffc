//! An inject as it was written, in the drill file or in a spreadsheet: every text with its place, nothing looked up yet.
//!
//! Both readings end here, so that the same rules and the same words hold for both, and one can be written as the other.

use std::fmt::Write as _;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::super::model::{InjectKind, Medium};
use super::keys::{EffectKey, InjectKey};
use crate::city::scenario::quantity::At;
use crate::primitives::text::{Place, Problem};
use crate::primitives::tree::{Node, Spot, Value};

/// Where something was written: a place of the file, and for a spreadsheet its row and column in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The place.
    pub place: Place,
    /// `row 7, column "Time": `; nothing in a drill file.
    pub label: String,
}

impl Origin {
    /// A problem there.
    pub(crate) fn wrong(&self, message: impl AsRef<str>, help: impl Into<String>) -> Problem {
        Problem::new(self.place.clone(), format!("{}{}", self.label, message.as_ref())).help(help)
    }
}

/// A text and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    /// The text, without spaces around it.
    pub text: String,
    /// Where.
    pub origin: Origin,
}

/// An effect and where it was written.
#[derive(Debug, Clone)]
pub(crate) struct RawEffect {
    /// What.
    pub key: EffectKey,
    /// The same as one line of YAML.
    pub line: String,
    /// Where it was written.
    pub origin: Origin,
    /// The file in which the places of its parts are; none where they are not known better than `origin`.
    pub file: Option<Place>,
}

impl RawEffect {
    /// Where a part of it was written.
    pub(crate) fn at(&self, spot: Spot) -> Origin {
        match &self.file {
            Some(file) => Origin { place: spot.of_file(file), label: String::new() },
            None => self.origin.clone(),
        }
    }
}

/// An inject as it was written.
#[derive(Debug, Clone)]
pub(crate) struct Raw {
    /// Where it begins.
    pub origin: Origin,
    pub id: Option<Cell>,
    pub at: Option<Cell>,
    pub when: Vec<Cell>,
    pub lasting: Option<Cell>,
    pub unless: Option<Cell>,
    pub from: Option<Cell>,
    pub to: Option<Cell>,
    pub by: Option<Medium>,
    pub kind: Option<InjectKind>,
    pub text: Option<Cell>,
    pub effects: Vec<RawEffect>,
    pub expect: Option<Cell>,
    pub objective: Option<Cell>,
    pub responsible: Option<Cell>,
    pub notes: Option<Cell>,
}

impl Raw {
    /// An inject of which nothing was written.
    pub(crate) fn empty(origin: Origin) -> Self {
        Self {
            origin,
            id: None,
            at: None,
            when: Vec::new(),
            lasting: None,
            unless: None,
            from: None,
            to: None,
            by: None,
            kind: None,
            text: None,
            effects: Vec::new(),
            expect: None,
            objective: None,
            responsible: None,
            notes: None,
        }
    }

    /// An inject of a drill file; `node` is the same as a tree.
    pub(super) fn of_key(key: &At<InjectKey>, node: Option<&Node>, file: &Place) -> Self {
        let origin = |spot: Spot| Origin { place: spot.of_file(file), label: String::new() };
        let cell = |key: &Option<At<String>>| {
            let key = key.as_ref()?;
            Some(Cell { text: key.value.trim().to_owned(), origin: origin(key.spot) })
        };
        let inject = &key.value;
        let effects = node.and_then(|node| member(node, "effects"));
        let line = |number: usize| match effects.map(|node| &node.value) {
            Some(Value::List(list)) => list.get(number).map(effect_line).unwrap_or_default(),
            _ => String::new(),
        };
        let of_effect = |(number, effect): (usize, &At<EffectKey>)| RawEffect {
            key: effect.value.clone(),
            line: line(number),
            origin: origin(effect.spot),
            file: Some(file.clone()),
        };
        Self {
            origin: origin(key.spot),
            id: cell(&inject.id),
            at: cell(&inject.at),
            when: inject.when.iter().flat_map(|list| &list.value).filter_map(|one| cell(&Some(one.clone()))).collect(),
            lasting: cell(&inject.lasting),
            unless: cell(&inject.unless),
            from: cell(&inject.from),
            to: cell(&inject.to),
            by: inject.by.as_ref().and_then(|word| of_word(&word.value)),
            kind: inject.kind.as_ref().and_then(|word| of_word(&word.value)),
            text: cell(&inject.text),
            effects: inject.effects.iter().flat_map(|list| list.value.iter().enumerate()).map(of_effect).collect(),
            expect: cell(&inject.expect),
            objective: cell(&inject.objective),
            responsible: cell(&inject.responsible),
            notes: cell(&inject.notes),
        }
    }

    /// The same as an entry of a drill file's `injects`.
    pub(crate) fn yaml(&self) -> String {
        let mut text = String::new();
        let mut lead = "  - ";
        let mut line = |key: &str, value: &str| {
            let _ = writeln!(text, "{lead}{key}: {value}");
            lead = "    ";
        };
        let mut cell = |key: &str, cell: &Option<Cell>| {
            if let Some(cell) = cell {
                line(key, &scalar(&cell.text));
            }
        };
        cell("id", &self.id);
        cell("at", &self.at);
        if !self.when.is_empty() {
            let all: Vec<String> = self.when.iter().map(|one| quoted(&one.text)).collect();
            line("when", &format!("[{}]", all.join(", ")));
        }
        let mut cell = |key: &str, cell: &Option<Cell>| {
            if let Some(cell) = cell {
                line(key, &scalar(&cell.text));
            }
        };
        cell("lasting", &self.lasting);
        cell("unless", &self.unless);
        cell("from", &self.from);
        cell("to", &self.to);
        if let Some(by) = self.by {
            line("by", &word(&by));
        }
        if let Some(kind) = self.kind {
            line("kind", &word(&kind));
        }
        let mut cell = |key: &str, cell: &Option<Cell>| {
            if let Some(cell) = cell {
                line(key, &scalar(&cell.text));
            }
        };
        cell("text", &self.text);
        cell("expect", &self.expect);
        cell("objective", &self.objective);
        cell("responsible", &self.responsible);
        cell("notes", &self.notes);
        if !self.effects.is_empty() {
            line("effects", "");
            for effect in &self.effects {
                let _ = writeln!(text, "      - {}", effect.line);
            }
        }
        text
    }
}

/// The value of a key.
pub(super) fn member<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    match &node.value {
        Value::Map(entries) => entries.iter().find(|(name, _)| name.name == key).map(|(_, value)| value),
        _ => None,
    }
}

/// A word of a file as its value.
pub(crate) fn of_word<T: DeserializeOwned>(word: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(word.trim().to_owned())).ok()
}

/// The word of a value that has one in files.
pub(crate) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// An effect as one line of YAML, `bays: {hospital: Fox Hospital, bays: 1}`; what has no key of its own is put in braces by nobody.
pub(super) fn effect_line(node: &Node) -> String {
    match &node.value {
        Value::Map(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|(key, value)| format!("{}: {}", key.name, flow(value))).collect();
            entries.join(", ")
        }
        _ => flow(node),
    }
}

/// A tree as YAML between brackets and braces.
fn flow(node: &Node) -> String {
    match &node.value {
        Value::Null => "null".to_owned(),
        Value::Bool(yes) => yes.to_string(),
        Value::Whole(number) => number.to_string(),
        Value::Number(number) => format!("{number:?}"),
        Value::Text(text) => scalar(text),
        Value::List(list) => format!("[{}]", list.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Map(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|(key, value)| format!("{}: {}", scalar(&key.name), flow(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

/// Text as YAML: as it is where nothing else can be meant, and otherwise in quotation marks.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.' | '+' | '/' | '%' | '(' | ')');
    let begins = text.chars().next().is_some_and(char::is_alphabetic);
    let ends = text.chars().next_back().is_some_and(|c| c != ' ');
    let other = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text.to_lowercase().as_str());
    if begins && ends && !other && text.chars().all(plain) { text.to_owned() } else { quoted(text) }
}

fn quoted(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}
