//! Reads the operator's file of rules, areas and actions; everything wrong with it is found at once, each with its place and a help.
//!
//! The text becomes a tree with places, the tree becomes checked values. Opens the one file it is given; never a variable of the
//! environment.

mod actions;
mod geofences;
mod rules;

use std::fs::File;
use std::path::Path;

use super::rules::{ACTIONS_MAX, AlertRules, GEOFENCES_MAX, RULES_MAX};
use crate::primitives::fields::{Fields, Reader, name_of};
use crate::primitives::text::{self, Findings, Place};
use crate::primitives::tree::{self, Node, Value};

/// Reads a file of rules.
///
/// # Errors
/// Everything wrong with it at once, in reading order.
pub fn read(path: &Path) -> Result<AlertRules, Findings> {
    parse(&text::bounded_text(path, File::open, 4, "file of alert rules")?, &Place::file(path))
}

/// Reads the text of a file of rules; `place` names the file.
///
/// # Errors
/// Everything wrong with it at once, in reading order.
pub fn parse(text: &str, place: &Place) -> Result<AlertRules, Findings> {
    let mut findings = Findings::default();
    let mut rules = AlertRules::default();
    if let Some(root) = tree::read(text, place, &mut findings) {
        let mut reader = Reader { place, findings: &mut findings, folder: place.file.parent().map(Path::to_owned) };
        whole(&mut reader, &root, &mut rules);
    }
    if findings.is_ok() { Ok(rules) } else { Err(in_reading_order(&findings)) }
}

const KEYS: [&str; 4] = ["rules", "events", "geofences", "actions"];

fn whole(reader: &mut Reader<'_>, root: &Node, rules: &mut AlertRules) {
    let Some(fields) = reader.fields(root, "the file", &KEYS) else { return };
    // What rules name comes first.
    for item in list(reader, &fields, "geofences", GEOFENCES_MAX) {
        rules.geofences.extend(geofences::read(reader, item));
    }
    unique(reader, &fields, "geofences", "area");
    for item in list(reader, &fields, "actions", ACTIONS_MAX) {
        rules.actions.extend(actions::read(reader, item));
    }
    unique(reader, &fields, "actions", "action");
    let names = rules::Names {
        geofences: rules.geofences.iter().map(|fence| fence.name.to_string()).collect(),
        actions: rules.actions.iter().map(|action| action.name.to_string()).collect(),
        // What is wrong where it is defined is told there, and only there.
        whole: reader.findings.is_ok(),
    };
    for item in list(reader, &fields, "rules", RULES_MAX) {
        rules.rules.extend(rules::rule(reader, item, &names));
    }
    for item in list(reader, &fields, "events", RULES_MAX) {
        rules.events.extend(rules::event_rule(reader, item, &names));
    }
    if rules.rules.len() + rules.events.len() > RULES_MAX {
        reader.wrong(
            root,
            format!("there are more than {RULES_MAX} rules"),
            "one rule can be about many roads: `road: \"A*\"`",
        );
    }
    let mut seen = Vec::new();
    for key in ["rules", "events"] {
        if let Some(Value::List(items)) = fields.get(key).map(|node| &node.value) {
            seen.extend(items.iter().filter_map(name_of));
        }
    }
    twice(reader, seen, "rule");
}

/// The items of a list, if the key is there.
fn list<'n>(reader: &mut Reader<'_>, fields: &Fields<'n>, key: &str, most: usize) -> &'n [Node] {
    let Some(node) = fields.get(key) else { return &[] };
    match &node.value {
        Value::List(items) if items.len() > most => {
            reader.wrong(node, format!("`{key}` has {} entries, more than {most}", items.len()), "leave some out");
            &[]
        }
        Value::List(items) => items,
        Value::Null => &[],
        other => {
            let message = format!("`{key}` should be a list, not {}", other.describe());
            reader.wrong(node, message, "write each entry under it after `- `");
            &[]
        }
    }
}

fn unique(reader: &mut Reader<'_>, fields: &Fields<'_>, key: &str, what: &str) {
    if let Some(Value::List(items)) = fields.get(key).map(|node| &node.value) {
        twice(reader, items.iter().filter_map(name_of).collect(), what);
    }
}

/// Complains of names that are given twice.
fn twice(reader: &mut Reader<'_>, mut names: Vec<(&str, &Node)>, what: &str) {
    names.sort_by(|a, b| (a.0, a.1.spot.line, a.1.spot.column).cmp(&(b.0, b.1.spot.line, b.1.spot.column)));
    for pair in names.windows(2) {
        if let [(first, _), (second, node)] = pair
            && first == second
        {
            reader.wrong(node, format!("there are two {what}s `{first}`"), "give each a name of its own");
        }
    }
}

fn in_reading_order(findings: &Findings) -> Findings {
    let mut problems = findings.problems().to_vec();
    if findings.beyond_limit() == 0 {
        problems.sort_by(|a, b| a.place.cmp(&b.place));
        problems.dedup();
    } else {
        return findings.clone();
    }
    let mut ordered = Findings::default();
    for problem in problems {
        ordered.problem(problem);
    }
    ordered
}

#[cfg(test)]
mod tests;
