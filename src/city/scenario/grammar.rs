//! Holds a file's tree against the grammar and names everything that does not fit: unknown keys, missing keys, wrong kinds.
//!
//! The grammar is the JSON Schema derived from the file's types, so nothing is written twice. It understands the part of JSON
//! Schema that such types produce and lets everything else pass. Knows nothing of what the keys mean.

use serde_json::Value as Json;

use super::quantity::unreadable;
use super::tree::{Key, Node, Spot, Value};
use crate::primitives::text::{Findings, Place, Problem, closest};

/// What to do about a number without end.
pub(crate) const UNCOUNTABLE: &str = "write a number one can count with, like `0.9`";

/// Notes every place where the tree does not fit the schema.
pub(crate) fn check(root: &Node, schema: &Json, file: &Place, findings: &mut Findings) {
    if root.value == Value::Null {
        let help = "begin with `citytwin: 1`; the shipped scenarios show the rest";
        findings.problem(Problem::new(file.at(1, 1), "the file says nothing").help(help));
        return;
    }
    Grammar { schema, file, findings }.node(root, schema, "the file");
}

struct Grammar<'a> {
    schema: &'a Json,
    file: &'a Place,
    findings: &'a mut Findings,
}

impl<'a> Grammar<'a> {
    fn wrong(&mut self, spot: Spot, message: String, help: Option<String>) {
        let mut problem = Problem::new(spot.of_file(self.file), message);
        problem.help = help;
        self.findings.problem(problem);
    }

    /// Follows `$ref` into the schema's definitions.
    fn resolve(&self, mut rule: &'a Json) -> &'a Json {
        for _ in 0..16 {
            let Some(name) = rule.get("$ref").and_then(Json::as_str).and_then(|r| r.strip_prefix("#/$defs/")) else {
                break;
            };
            rule = self.schema.get("$defs").and_then(|defs| defs.get(name)).unwrap_or(&Json::Null);
        }
        rule
    }

    fn node(&mut self, node: &Node, rule: &'a Json, path: &str) {
        let rule = self.resolve(rule);
        if let Some(options) = rule.get("anyOf").and_then(Json::as_array) {
            return self.any_of(node, options, path);
        }
        if let Some(options) = rule.get("oneOf").and_then(Json::as_array) {
            return self.one_of(node, options, path);
        }
        if let Some(words) = rule.get("enum").and_then(Json::as_array) {
            return self.word(node, &words.iter().filter_map(Json::as_str).collect::<Vec<_>>(), path);
        }
        let kinds: Vec<&str> = match rule.get("type") {
            Some(Json::String(kind)) => vec![kind],
            Some(Json::Array(kinds)) => kinds.iter().filter_map(Json::as_str).collect(),
            _ => return,
        };
        if node.value == Value::Null && kinds.contains(&"null") {
            return;
        }
        match kinds.iter().find(|kind| **kind != "null").copied() {
            Some("object") => self.object(node, rule, path),
            Some("array") => self.array(node, rule, path),
            Some("integer") => self.integer(node, rule, path),
            Some("number") if !matches!(node.value, Value::Whole(_) | Value::Number(_)) => {
                let help = match &node.value {
                    Value::Text(text) if text.trim_end().ends_with('%') => "write it as a factor: 90 % is `0.9`",
                    _ => "write it like `0.9`, without a unit",
                };
                self.expected(node, path, "a number", Some(help.to_owned()));
            }
            Some("number") if matches!(node.value, Value::Number(number) if !number.is_finite()) => {
                self.expected(node, path, "a number", Some(UNCOUNTABLE.to_owned()));
            }
            Some("boolean") if !matches!(node.value, Value::Bool(_)) => {
                let help = match &node.value {
                    Value::Text(text) if matches!(text.as_str(), "true" | "false") => {
                        "write it without quotation marks"
                    }
                    _ => "write `true` for yes, `false` for no",
                };
                self.expected(node, path, "`true` or `false`", Some(help.to_owned()));
            }
            Some("string") if node.value.is_scalar() => self.quantity(node, rule),
            Some("string") => {
                let example = rule.get("examples").and_then(|list| list.get(0)).and_then(Json::as_str);
                let help = example.map_or_else(
                    || "write one name or sentence after the colon".to_owned(),
                    |example| format!("write it like `{example}`"),
                );
                self.expected(node, path, "text", Some(help));
            }
            _ => {}
        }
    }

    /// A number with its unit, where the schema asks for one.
    fn quantity(&mut self, node: &Node, rule: &Json) {
        let text = match &node.value {
            Value::Text(text) => text.clone(),
            Value::Whole(number) => number.to_string(),
            Value::Number(number) => number.to_string(),
            _ => return,
        };
        let quantity = rule.get("x-quantity").and_then(Json::as_str);
        if let Some(wrong) = quantity.and_then(|quantity| unreadable(quantity, &text)) {
            self.wrong(node.spot, wrong.message, Some(wrong.help));
        }
    }

    fn expected(&mut self, node: &Node, path: &str, expected: &str, help: Option<String>) {
        self.wrong(node.spot, format!("{path} should be {expected}, not {}", node.value.describe()), help);
    }

    /// An optional value: the alternatives but `null`, of which types of ours produce one.
    fn any_of(&mut self, node: &Node, options: &'a [Json], path: &str) {
        let is_null = |rule: &&Json| rule.get("type").and_then(Json::as_str) == Some("null");
        if node.value == Value::Null && options.iter().any(|rule| is_null(&rule)) {
            return;
        }
        if let Some(rule) = options.iter().find(|rule| !is_null(rule)) {
            self.node(node, rule, path);
        }
    }

    /// Either a word of a list, or one key of several with its value.
    fn one_of(&mut self, node: &Node, options: &'a [Json], path: &str) {
        let words: Vec<&str> = options
            .iter()
            .flat_map(|rule| {
                let one = rule.get("const").and_then(Json::as_str);
                let many = rule.get("enum").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
                one.into_iter().chain(many)
            })
            .collect();
        if !words.is_empty() {
            return self.word(node, &words, path);
        }
        let variants: Vec<(&str, &Json)> = options
            .iter()
            .filter_map(|rule| rule.get("properties").and_then(Json::as_object))
            .flat_map(|keys| keys.iter().map(|(name, rule)| (name.as_str(), rule)))
            .collect();
        let names = || variants.iter().map(|(name, _)| *name);
        let choices = listed(names());
        let Value::Map(entries) = &node.value else {
            let help = names().next().map(|name| format!("write it like `{name}: ...`; there are {choices}"));
            return self.expected(node, path, &format!("one of {choices} with its settings"), help);
        };
        for (key, value) in entries {
            match variants.iter().find(|(name, _)| *name == key.name) {
                Some((name, rule)) => self.node(value, rule, &format!("`{name}`")),
                None => self.unknown(key, path, names()),
            }
        }
        match &entries[..] {
            [_] => {}
            [] => {
                let help = names().next().map(|name| format!("write it like `{name}: ...`; there are {choices}"));
                self.wrong(node.spot, format!("{path} says nothing"), help);
            }
            [first, second, ..] => {
                let message = format!("{path} has both `{}` and `{}`", first.0.name, second.0.name);
                let help = if path.starts_with("an entry") {
                    "make them two entries: begin each with `- ` in the same column"
                } else {
                    "keep one of them"
                };
                self.wrong(second.0.spot, message, Some(help.to_owned()));
            }
        }
    }

    fn word(&mut self, node: &Node, words: &[&str], path: &str) {
        let Value::Text(text) = &node.value else {
            let help = words.first().map(|word| format!("write it like `{word}`"));
            return self.expected(node, path, &format!("one of {}", listed(words.iter().copied())), help);
        };
        if !words.contains(&text.as_str()) {
            let help = suggestion(text, words.iter().copied());
            self.wrong(node.spot, format!("{path} cannot be `{text}`"), Some(help));
        }
    }

    fn object(&mut self, node: &Node, rule: &'a Json, path: &str) {
        let Some(keys) = rule.get("properties").and_then(Json::as_object) else {
            return self.by_name(node, rule, path);
        };
        let names = || keys.keys().map(String::as_str);
        let required = || rule.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
        let Value::Map(entries) = &node.value else {
            let first = required().next().or_else(|| names().next()).unwrap_or("key");
            let help = format!("write it like `{first}: ...`; {}", known(names()));
            return self.expected(node, path, "keys and values", Some(help));
        };
        let missing = || required().filter(|name| !entries.iter().any(|(key, _)| key.name == *name));
        let mut meant = Vec::new();
        for (key, value) in entries {
            if let Some(rule) = keys.get(&key.name) {
                self.node(value, rule, &format!("`{}`", key.name));
                continue;
            }
            // What is missing is meant rather than what is there already.
            let like = closest(&key.name, missing()).filter(|like| closest(&key.name, names()) == Some(like));
            meant.extend(like);
            self.unknown(key, path, names());
        }
        for name in missing().filter(|name| !meant.contains(name)) {
            let help = format!("add `{name}: {}`{}", self.example(&keys[name]), self.about(&keys[name]));
            self.wrong(node.spot, format!("`{name}` is missing in {path}"), Some(help));
        }
    }

    /// How a value of a rule may look.
    fn example(&self, rule: &'a Json) -> String {
        let rule = self.resolve(rule);
        let example = rule.get("examples").and_then(|list| list.get(0)).and_then(Json::as_str);
        let word = rule.get("oneOf").and_then(|list| list.get(0)).and_then(|first| first.get("const")?.as_str());
        example.or(word).unwrap_or("...").to_owned()
    }

    /// What a rule says of itself, in brackets.
    fn about(&self, rule: &'a Json) -> String {
        let about = rule.get("description").or_else(|| self.resolve(rule).get("description")).and_then(Json::as_str);
        about.map(|about| format!(" ({})", one_line(about).trim_end_matches('.'))).unwrap_or_default()
    }

    /// Values by names of the file's own.
    fn by_name(&mut self, node: &Node, rule: &'a Json, path: &str) {
        let Some(values) = rule.get("additionalProperties").filter(|values| values.is_object()) else { return };
        let Value::Map(entries) = &node.value else {
            let help = "write a name of your own, a colon, and what belongs to it: `calm: ...`";
            return self.expected(node, path, "names with their values", Some(help.to_owned()));
        };
        for (key, value) in entries {
            self.node(value, values, &format!("`{}`", key.name));
        }
    }

    fn unknown<'k>(&mut self, key: &Key, path: &str, names: impl Iterator<Item = &'k str>) {
        let names: Vec<&str> = names.collect();
        let help = match closest(&key.name, names.iter().copied()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => match self.elsewhere(&key.name) {
                Some(place) => format!("`{}` belongs under `{place}`", key.name),
                None => known(names.into_iter()),
            },
        };
        self.wrong(key.spot, format!("unknown key `{}` in {path}", key.name), Some(help));
    }

    /// The first key of the file's own under which there is a key of this name.
    fn elsewhere(&self, name: &str) -> Option<&'a str> {
        let has = |rule: &'a Json| {
            let inner = rule.get("anyOf").and_then(|list| list.get(0)).unwrap_or(rule);
            self.resolve(inner).get("properties").is_some_and(|keys| keys.get(name).is_some())
        };
        let keys = self.schema.get("properties").and_then(Json::as_object)?;
        keys.iter().find(|(_, rule)| has(rule)).map(|(key, _)| key.as_str())
    }

    fn array(&mut self, node: &Node, rule: &'a Json, path: &str) {
        let Value::List(items) = &node.value else {
            let help = match &node.value {
                Value::Text(text) if !text.contains('\n') => format!("write `[{text}]`"),
                _ => "begin each entry with `- `".to_owned(),
            };
            return self.expected(node, path, "a list", Some(help));
        };
        if let Some(rule) = rule.get("items") {
            for item in items {
                self.node(item, rule, &format!("an entry of {path}"));
            }
        }
    }

    fn integer(&mut self, node: &Node, rule: &'a Json, path: &str) {
        let Value::Whole(number) = node.value else {
            let help = match &node.value {
                Value::Text(text) if text.trim().parse::<i128>().is_ok() => "write it without quotation marks",
                _ => "write it like `1`, without a unit",
            };
            return self.expected(node, path, "a whole number", Some(help.to_owned()));
        };
        let below = rule.get("minimum").and_then(Json::as_i64).is_some_and(|least| number < i128::from(least));
        let limit = match rule.get("format").and_then(Json::as_str) {
            Some("uint32") => i128::from(u32::MAX),
            _ => i128::from(u64::MAX),
        };
        if below || number > limit {
            self.wrong(node.spot, format!("{path} cannot be {number}"), Some(format!("from 0 to {limit}")));
        }
    }
}

/// "did you mean" where something is alike, and otherwise all there is.
fn suggestion<'k>(word: &str, names: impl Iterator<Item = &'k str>) -> String {
    let names: Vec<&str> = names.collect();
    match closest(word, names.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("there are {}", listed(names.into_iter())),
    }
}

/// "the keys are `a`, `b`".
fn known<'k>(names: impl Iterator<Item = &'k str>) -> String {
    format!("the keys are {}", listed(names))
}

fn listed<'k>(names: impl Iterator<Item = &'k str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
