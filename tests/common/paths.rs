//! Paths that code names through `crate::`, `super::` and `self::`, resolved from where they stand.
//!
//! For the table of rooms: reads text, compiles nothing.

use super::source;

/// One path that code names: its line and where it leads.
pub(crate) type Named = (usize, String);

/// Every path of code through `crate::`, `super::` or `self::`, resolved from the file's module.
pub(crate) fn named_paths(module: &str, code: &str) -> Vec<Named> {
    let inner = inner_modules(code);
    let mut named = Vec::new();
    for head in ["crate", "super", "self"] {
        for at in source::places_of(code, head) {
            let continues = code[..at].trim_end().ends_with("::");
            if continues || !code[at + head.len()..].starts_with("::") {
                continue;
            }
            let mut here: Vec<&str> = module.split('/').filter(|part| !part.is_empty()).collect();
            here.extend(inner.iter().filter(|(from, to, _)| (*from..*to).contains(&at)).map(|(_, _, name)| *name));
            let mut ends = Vec::new();
            read_tree(&code[at..], &mut Vec::new(), &mut ends);
            for end in ends {
                named.push((source::line_of(code, at), resolve(&here, &end)));
            }
        }
    }
    named.sort();
    named
}

/// Inline modules: where they begin and end, and their names.
fn inner_modules(code: &str) -> Vec<(usize, usize, &str)> {
    let mut inner = Vec::new();
    for at in source::places_of(code, "mod") {
        let rest = code[at + 3..].trim_start();
        let name = &rest[..rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(0)];
        if !name.is_empty() && rest[name.len()..].trim_start().starts_with('{') {
            let opening = at + code[at..].find('{').expect("just seen");
            inner.push((opening, source::closing_brace(code, opening), name));
        }
    }
    inner
}

/// Reads a use tree, `a::{b::c, d}`, and gathers the paths it ends in; returns how much of the text it took.
fn read_tree(text: &str, before: &mut Vec<String>, ends: &mut Vec<Vec<String>>) -> usize {
    let depth = before.len();
    let mut at = 0;
    loop {
        at += text[at..].len() - text[at..].trim_start().len();
        if text[at..].starts_with('{') {
            at += 1;
            loop {
                at += read_tree(&text[at..], before, ends);
                at += text[at..].len() - text[at..].trim_start().len();
                match text.as_bytes().get(at) {
                    Some(b',') => at += 1,
                    _ => break,
                }
            }
            at = (at + 1).min(text.len());
            break;
        }
        let word = text[at..].find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len() - at);
        if word > 0 {
            before.push(text[at..at + word].to_owned());
            at += word;
        }
        if word > 0 && text[at..].starts_with("::") {
            at += 2;
            continue;
        }
        if before.len() > depth || word > 0 {
            ends.push(before.clone());
        }
        // A renaming (`as x`) or a star ends the branch.
        at += text[at..].find([',', '}', ';', '\n', ')', '(', '<', '>', ' ']).unwrap_or(0);
        if text[at..].starts_with(" as ") {
            at += text[at..].find([',', '}', ';']).unwrap_or(0);
        }
        break;
    }
    before.truncate(depth);
    at
}

fn resolve(here: &[&str], path: &[String]) -> String {
    let mut absolute: Vec<&str> = here.to_vec();
    let mut rest = path;
    if rest.first().is_some_and(|head| head == "crate") {
        absolute.clear();
        rest = &rest[1..];
    }
    while let Some(head) = rest.first() {
        match head.as_str() {
            "super" => drop(absolute.pop()),
            "self" => {}
            _ => break,
        }
        rest = &rest[1..];
    }
    absolute.extend(rest.iter().map(String::as_str));
    absolute.join("/")
}
