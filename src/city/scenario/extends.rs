//! Scenarios made from others: `extends` names a parent, and what a file does not say is as it is there.
//!
//! Keys under keys are merged; lists and scalars are replaced, and so is `map`, of which there is one. The result is a tree whose values know
//! the file and line they come from; it is written out as a text with one value a line, read like any other, and every complaint
//! about it goes to where the value stands. Knows no keys but `extends` and `map`.

use std::path::{Path, PathBuf};

use super::tree::{self, Node, Value};
use crate::primitives::text::{Findings, Place, Problem, Source};

/// The most files from a scenario to its last parent.
const DEPTH_MAX: usize = 8;
/// Keys whose value is replaced as a whole.
const WHOLE: [&str; 1] = ["map"];

/// A value with where it comes from.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    /// Where it begins.
    pub place: Place,
    /// What it is.
    pub value: Content,
}

/// What a value is, with where its parts come from.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// Anything but a list and keys.
    Scalar(Value),
    /// A list.
    List(Vec<Origin>),
    /// Keys, where they stand, and their values.
    Map(Vec<(String, Place, Origin)>),
}

/// A scenario and all its parents.
#[derive(Debug)]
pub(super) struct Family {
    /// Everything that is said, by the scenario or else by the nearest parent that says it.
    pub tree: Origin,
    /// The parents' files, the nearest first.
    pub parents: Vec<PathBuf>,
}

/// Reads a scenario's text with its parents.
pub(super) fn family(path: &Path, text: &str, findings: &mut Findings) -> Option<Family> {
    let mut seen = vec![canonical(path)];
    let mut parents = Vec::new();
    let place = Place::file(path);
    let root = tree::read(text, &place, findings)?;
    let mut whole = origin(&root, &place);
    let mut next = parent_of(&mut whole);
    while let Some((name, at)) = next {
        let folder = at.file.parent().unwrap_or(Path::new("")).to_owned();
        let path = folder.join(name.trim());
        let mut refuse = |message: String, help: &str| {
            findings.problem(Problem::new(at.clone(), message).help(help));
            None
        };
        if seen.contains(&canonical(&path)) {
            return refuse(
                format!("`{}` extends itself by way of its parents", path.display()),
                "a parent cannot extend its child",
            );
        }
        if seen.len() >= DEPTH_MAX {
            return refuse("there are too many parents".to_owned(), "at most seven, one after the other");
        }
        let place = Place::file(path.clone());
        let text = match super::text_of(&path) {
            Ok(text) => text,
            // Where it stands in the parent that something is wrong, it is told there.
            Err(problem) if problem.place.line > 0 => {
                findings.problem(problem);
                return None;
            }
            Err(problem) => {
                let help = problem.help.unwrap_or_default();
                let message = format!("the parent `{}` {}", path.display(), problem.message);
                return refuse(message, &help);
            }
        };
        seen.push(canonical(&path));
        parents.push(path);
        let mut parent = origin(&tree::read(&text, &place, findings)?, &place);
        next = parent_of(&mut parent);
        whole = merged(whole, parent);
    }
    Some(Family { tree: whole, parents })
}

/// A file by its one true name, as far as it has one.
fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// A tree with the places of its values.
fn origin(node: &Node, file: &Place) -> Origin {
    let value = match &node.value {
        Value::List(items) => Content::List(items.iter().map(|item| origin(item, file)).collect()),
        Value::Map(entries) => Content::Map(
            entries
                .iter()
                .map(|(key, value)| (key.name.clone(), key.spot.of_file(file), origin(value, file)))
                .collect(),
        ),
        scalar => Content::Scalar(scalar.clone()),
    };
    Origin { place: node.spot.of_file(file), value }
}

/// Takes the name of the parent out of a tree.
fn parent_of(tree: &mut Origin) -> Option<(String, Place)> {
    let Content::Map(entries) = &mut tree.value else { return None };
    let at = entries
        .iter()
        .position(|(key, _, value)| key == "extends" && matches!(value.value, Content::Scalar(Value::Text(_))))?;
    let (_, _, value) = entries.remove(at);
    match value.value {
        Content::Scalar(Value::Text(name)) => Some((name, value.place)),
        _ => None,
    }
}

/// A child's values over its parent's.
fn merged(child: Origin, parent: Origin) -> Origin {
    match (child.value, parent.value) {
        (Content::Map(mut own), Content::Map(inherited)) => {
            for (key, place, value) in inherited {
                match own.iter_mut().find(|(known, _, _)| *known == key) {
                    Some(_) if WHOLE.contains(&key.as_str()) => {}
                    Some((_, _, known)) => {
                        let nothing = Origin { place: known.place.clone(), value: Content::Scalar(Value::Null) };
                        *known = merged(std::mem::replace(known, nothing), value);
                    }
                    None => own.push((key, place, value)),
                }
            }
            Origin { place: child.place, value: Content::Map(own) }
        }
        (own, _) => Origin { place: child.place, value: own },
    }
}

/// A tree as a text with one value a line, and where each line comes from.
pub(super) fn written(tree: &Origin) -> (String, Vec<Source>) {
    let mut page = Page::default();
    page.block(tree, 0);
    (page.text, page.sources)
}

/// A text in the making.
#[derive(Debug, Default)]
struct Page {
    text: String,
    sources: Vec<Source>,
}

impl Page {
    fn line(&mut self, indent: usize, lead: &str, value: &str, key: &Place, at: &Place) {
        let from = indent + lead.chars().count() + 1;
        self.text.extend(std::iter::repeat_n(' ', indent));
        self.text.push_str(lead);
        self.text.push_str(value);
        self.text.push('\n');
        let value_from = u32::try_from(from).unwrap_or(u32::MAX);
        self.sources.push(Source { value_from, key: key.clone(), value: at.clone() });
    }

    /// Entries of a list or of keys, one below the other.
    fn block(&mut self, origin: &Origin, indent: usize) {
        match &origin.value {
            Content::Map(entries) if !entries.is_empty() => {
                for (key, place, value) in entries {
                    self.entry(&format!("{}: ", quoted(key)), place, value, indent);
                }
            }
            Content::List(items) if !items.is_empty() => {
                for item in items {
                    self.entry("- ", &item.place, item, indent);
                }
            }
            other => self.line(indent, "", &plain(other), &origin.place, &origin.place),
        }
    }

    fn entry(&mut self, lead: &str, place: &Place, value: &Origin, indent: usize) {
        let nested = match &value.value {
            Content::Map(entries) => !entries.is_empty(),
            Content::List(items) => !items.is_empty(),
            Content::Scalar(_) => false,
        };
        if nested {
            self.line(indent, lead.trim_end(), "", place, &value.place);
            self.block(value, indent + 2);
        } else {
            self.line(indent, lead, &plain(&value.value), place, &value.place);
        }
    }
}

/// A value on one line.
pub(super) fn plain(content: &Content) -> String {
    match content {
        Content::List(_) => "[]".to_owned(),
        Content::Map(_) => "{}".to_owned(),
        Content::Scalar(Value::Null | Value::List(_) | Value::Map(_)) => "null".to_owned(),
        Content::Scalar(Value::Bool(yes)) => yes.to_string(),
        Content::Scalar(Value::Whole(number)) => number.to_string(),
        Content::Scalar(Value::Number(number)) if number.is_finite() => format!("{number:?}"),
        Content::Scalar(Value::Number(_)) => ".nan".to_owned(),
        Content::Scalar(Value::Text(text)) => quoted(text),
    }
}

/// Text in quotation marks, as JSON has it, which YAML reads too.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_else(|_| "\"\"".to_owned())
}
