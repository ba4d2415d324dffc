//! A scenario as it is after its parents and defaults, with where every value comes from.
//!
//! For people: what is written is YAML that reads back as the same scenario, with a remark behind each value. Runs nothing.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value as Json;

use super::extends::{self, Content, Origin};
use crate::primitives::text::{Findings, Place};

/// Where remarks begin [columns].
const MARGIN: usize = 44;

/// What a scenario says after its parents, each value with its file and line, and what is left to defaults.
///
/// # Errors
/// When the file or a parent cannot be read.
pub fn explain(path: &Path) -> Result<String, Findings> {
    let mut findings = Findings::default();
    let family = match super::text_of(path) {
        Ok(text) => extends::family(path, &text, &mut findings),
        Err(problem) => {
            findings.problem(problem);
            None
        }
    };
    let Some(family) = family.filter(|_| findings.is_ok()) else { return Err(findings) };
    let schema = super::schema();
    let mut page = String::new();
    let explainer = Explainer { schema: &schema };
    explainer.block(&family.tree, Some(&schema), 0, &mut page);
    Ok(page)
}

struct Explainer<'a> {
    schema: &'a Json,
}

impl<'a> Explainer<'a> {
    /// Follows references and options down to what is meant.
    fn resolve(&self, mut rule: &'a Json) -> &'a Json {
        for _ in 0..16 {
            let name = rule.get("$ref").and_then(Json::as_str).and_then(|name| name.strip_prefix("#/$defs/"));
            if let Some(name) = name {
                rule = self.schema.get("$defs").and_then(|defs| defs.get(name)).unwrap_or(&Json::Null);
                continue;
            }
            let options = rule.get("anyOf").and_then(Json::as_array);
            let Some(first) = options.and_then(|options| {
                options.iter().find(|option| option.get("type").and_then(Json::as_str) != Some("null"))
            }) else {
                break;
            };
            rule = first;
        }
        rule
    }

    /// The rule of a key.
    fn under(&self, rule: Option<&'a Json>, key: &str) -> Option<&'a Json> {
        let rule = self.resolve(rule?);
        let own = rule.get("properties").and_then(|keys| keys.get(key));
        let of_options = || {
            let options = rule.get("oneOf").and_then(Json::as_array)?;
            options.iter().find_map(|option| option.get("properties").and_then(|keys| keys.get(key)))
        };
        own.or_else(of_options).or_else(|| rule.get("additionalProperties").filter(|values| values.is_object()))
    }

    fn block(&self, origin: &Origin, rule: Option<&'a Json>, indent: usize, page: &mut String) {
        match &origin.value {
            Content::Map(entries) => {
                for (key, place, value) in entries {
                    self.entry(&format!("{key}:"), place, value, self.under(rule, key), indent, page);
                }
                let known = rule.map(|rule| self.resolve(rule)).and_then(|rule| rule.get("properties"));
                for (key, about) in known.and_then(Json::as_object).into_iter().flatten() {
                    let given = entries.iter().any(|(known, ..)| known == key);
                    if let Some(default) = default_of(about).filter(|_| !given) {
                        let _ = writeln!(page, "{:indent$}# {key}: {default} (default)", "");
                    }
                }
            }
            Content::List(items) => {
                let rule = rule.map(|rule| self.resolve(rule)).and_then(|rule| rule.get("items"));
                for item in items {
                    self.entry("-", &item.place, item, rule, indent, page);
                }
            }
            Content::Scalar(_) => {}
        }
    }

    fn entry(
        &self,
        lead: &str,
        place: &Place,
        value: &Origin,
        rule: Option<&'a Json>,
        indent: usize,
        page: &mut String,
    ) {
        let nested = match &value.value {
            Content::Map(entries) => !entries.is_empty(),
            Content::List(items) => !items.is_empty(),
            Content::Scalar(_) => false,
        };
        let text = if nested {
            format!("{:indent$}{lead}", "")
        } else {
            format!("{:indent$}{lead} {}", "", extends::plain(&value.value))
        };
        let at = if nested { place } else { &value.place };
        let _ = writeln!(page, "{text:MARGIN$}  # {}:{}", at.file.display(), at.line);
        if nested {
            self.block(value, rule, indent + 2, page);
        }
    }
}

/// What a key's description says of its default.
fn default_of(about: &Json) -> Option<String> {
    let text = about.get("description").and_then(Json::as_str)?;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let sentence = text.split(". ").find(|sentence| sentence.contains("unless"))?;
    let (value, _) = sentence.split_once(" unless").unwrap_or((sentence, ""));
    Some(value.trim_end_matches('.').to_owned())
}
