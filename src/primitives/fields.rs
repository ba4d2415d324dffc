//! Reading single values of an operator's file: texts, words of a list, numbers, durations; what does not fit is noted with its place.

use std::path::PathBuf;

use super::text::{Findings, Place, Problem, closest};
use super::time::SimDuration;
use super::tree::{Node, Value};
use super::units::DURATION;

/// Longest text that may be written [bytes].
const TEXT_MAX: usize = 256;

/// Longest duration that may be written [s]: a year.
const DURATION_MAX: f64 = 366.0 * 86_400.0;

/// Reads values and notes what is wrong with them.
pub(crate) struct Reader<'a> {
    pub(crate) place: &'a Place,
    pub(crate) findings: &'a mut Findings,
    /// Where the file lies; names of files in it are beside it.
    pub(crate) folder: Option<PathBuf>,
}

/// Keys and values of one entry.
pub(crate) struct Fields<'n> {
    node: &'n Node,
    entries: Vec<(&'n str, &'n Node)>,
    /// How complaints name it.
    pub(crate) what: String,
}

impl<'n> Fields<'n> {
    /// The value of a key, if it is there and not empty.
    pub(crate) fn get(&self, key: &str) -> Option<&'n Node> {
        self.entries.iter().find(|entry| entry.0 == key).map(|entry| entry.1).filter(|node| node.value != Value::Null)
    }

    /// The entry itself.
    pub(crate) const fn node(&self) -> &'n Node {
        self.node
    }
}

/// The name of an entry and where it stands, if it has one.
pub(crate) fn name_of(entry: &Node) -> Option<(&str, &Node)> {
    let Value::Map(entries) = &entry.value else { return None };
    let node = entries.iter().find(|entry| entry.0.name == "name").map(|entry| &entry.1)?;
    if let Value::Text(name) = &node.value { Some((name.trim(), node)) } else { None }
}

/// Names in a row: `a`, `b` or `c`.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [] => "none".to_owned(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}

impl Reader<'_> {
    /// Notes what is wrong with a value.
    pub(crate) fn wrong(&mut self, node: &Node, message: impl Into<String>, help: impl Into<String>) {
        self.findings.problem(Problem::new(node.spot.of_file(self.place), message).help(help));
    }

    /// Notes what is wrong with a value that may be a secret: by its line only, so that nobody shows what stands there.
    pub(crate) fn wrong_unshown(&mut self, node: &Node, message: impl std::fmt::Display, help: impl Into<String>) {
        let message = format!("line {}: {message}", node.spot.line);
        self.findings.problem(Problem::new(self.place.clone(), message).help(help));
    }

    /// The keys of an entry, of which it may have these.
    pub(crate) fn fields<'n>(&mut self, node: &'n Node, what: &str, known: &[&str]) -> Option<Fields<'n>> {
        let Value::Map(map) = &node.value else {
            let help = format!("write its keys under it: {}", listed(known.iter().copied()));
            self.wrong(node, format!("{what} should be keys and values, not {}", node.value.describe()), help);
            return None;
        };
        let mut entries = Vec::new();
        for (key, value) in map {
            if known.contains(&key.name.as_str()) {
                entries.push((key.name.as_str(), value));
                continue;
            }
            let help = closest(&key.name, known.iter().copied()).map_or_else(
                || format!("there may be {}", listed(known.iter().copied())),
                |like| format!("did you mean `{like}`?"),
            );
            let message = format!("{what} has no key `{}`", key.name.escape_debug());
            self.findings.problem(Problem::new(key.spot.of_file(self.place), message).help(help));
        }
        Some(Fields { node, entries, what: what.to_owned() })
    }

    /// A value that must be there.
    pub(crate) fn needed<'n>(&mut self, fields: &Fields<'n>, key: &str, help: &str) -> Option<&'n Node> {
        let found = fields.get(key);
        if found.is_none() {
            self.wrong(fields.node(), format!("{} has no `{key}`", fields.what), help);
        }
        found
    }

    /// A text of 1 to 256 bytes without control characters; numbers count as text.
    pub(crate) fn text(&mut self, node: &Node, key: &str) -> Option<String> {
        let text = match &node.value {
            Value::Text(text) => text.trim().to_owned(),
            Value::Whole(number) => number.to_string(),
            Value::Number(number) => number.to_string(),
            other => {
                let message = format!("`{key}` should be text, not {}", other.describe());
                self.wrong(node, message, "write it behind the colon, in quotation marks if it has signs");
                return None;
            }
        };
        if text.is_empty() || text.len() > TEXT_MAX || text.chars().any(char::is_control) {
            self.wrong(
                node,
                format!("`{key}` is not 1 to {TEXT_MAX} bytes of plain text"),
                "write it in one short line",
            );
            return None;
        }
        Some(text)
    }

    /// The name of an entry, or where it has none a stand-in; `what` is the kind of entry.
    pub(crate) fn name(&mut self, node: &Node, what: &str) -> String {
        let fallback = format!("this {what}");
        let Value::Map(map) = &node.value else { return fallback };
        if let Some((_, value)) = map.iter().find(|entry| entry.0.name == "name") {
            return self.text(value, "name").unwrap_or(fallback);
        }
        self.wrong(node, format!("the {what} has no `name`"), "give it one; alerts and logs will speak of it by it");
        fallback
    }

    /// One text or a list of texts.
    pub(crate) fn texts<'n>(&mut self, node: &'n Node, key: &str) -> Vec<(String, &'n Node)> {
        let nodes = match &node.value {
            Value::List(items) => items.iter().collect(),
            _ => vec![node],
        };
        nodes.into_iter().filter_map(|node| Some((self.text(node, key)?, node))).collect()
    }

    /// One of a few words.
    pub(crate) fn word<T: Copy>(&mut self, node: &Node, key: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(node, key)?;
        let found = words.iter().find(|word| word.0 == text).map(|word| word.1);
        if found.is_none() {
            let all = || words.iter().map(|word| word.0);
            let help = closest(&text, all())
                .map_or_else(|| format!("write {}", listed(all())), |like| format!("did you mean `{like}`?"));
            self.wrong(node, format!("`{}` is no {key}", text.escape_debug()), help);
        }
        found
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, fields: &Fields<'_>, key: &str, otherwise: bool) -> bool {
        match fields.get(key).map(|node| (node, &node.value)) {
            None => otherwise,
            Some((_, Value::Bool(flag))) => *flag,
            Some((node, other)) => {
                let message = format!("`{key}` should be `true` or `false`, not {}", other.describe());
                self.wrong(node, message, "write one of the two");
                otherwise
            }
        }
    }

    /// A duration of at least nothing and at most a year.
    pub(crate) fn duration(&mut self, node: &Node, key: &str) -> Option<SimDuration> {
        let text = self.text(node, key)?;
        match DURATION.read(&text) {
            Ok(seconds) if (0.0..=DURATION_MAX).contains(&seconds) => Some(SimDuration::seconds(seconds)),
            Ok(_) => {
                self.wrong(node, format!("`{key}` of `{text}` is out of range"), "from `0 s` to `366 d`");
                None
            }
            Err(wrong) => {
                self.wrong(node, wrong.message, wrong.help);
                None
            }
        }
    }

    /// A number within bounds.
    pub(crate) fn number(&mut self, node: &Node, key: &str, range: std::ops::RangeInclusive<f64>) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "whole numbers out of range are refused anyway")]
        let number = match node.value {
            Value::Whole(number) => Some(number as f64),
            Value::Number(number) => Some(number),
            _ => None,
        };
        if let Some(number) = number.filter(|number| range.contains(number)) {
            return Some(number);
        }
        let help = format!("write a number from {} to {}", range.start(), range.end());
        self.wrong(node, format!("`{key}` cannot be {}", node.value.describe()), help);
        None
    }

    /// The name of an environment variable, behind which a secret stands.
    pub(crate) fn variable(&mut self, fields: &Fields<'_>, key: &str) -> Option<String> {
        let node = fields.get(key)?;
        let name = self.text(node, key)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !name.chars().all(plain) || name.starts_with(|c: char| c.is_ascii_digit()) {
            // What stands here may be the secret itself: it is not told.
            let message = format!("`{key}` is not the name of an environment variable");
            self.wrong_unshown(node, message, "write the variable's name, such as `CITYTWIN_SECRET`, never the secret");
            return None;
        }
        Some(name)
    }

    /// A file, beside the one that is read unless its path is absolute.
    pub(crate) fn file(&mut self, fields: &Fields<'_>, key: &str) -> Option<PathBuf> {
        let path = fields.get(key).and_then(|node| self.text(node, key))?;
        Some(self.folder.as_ref().map_or_else(|| PathBuf::from(&path), |folder| folder.join(&path)))
    }
}
