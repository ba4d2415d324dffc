//! The drill file: a scenario's sibling in YAML, turned into a checked [`Drill`] and the city in which it takes place.
//!
//! Reading goes file → tree with places → grammar → injects as written → [`Drill`], and every stage gathers all its problems before it
//! gives up. Injects may stand in a spreadsheet instead (`studies::drill::msel`). Runs nothing.

mod check;
mod effects;
mod injects;
mod keys;
mod order;
pub(super) mod raw;
mod words;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_saphyr::options::DuplicateKeyPolicy;

use super::model::Drill;
use super::msel;
use crate::city::network::cache::NetworkCache;
use crate::city::scenario::{self, InputFile, LoadedScenario, Overrides, grammar};
use crate::primitives::text::{Findings, Place, Problem};
use crate::primitives::tree;
use keys::{DrillFile, EffectKey};
use raw::{Origin, Raw, RawEffect};

pub(super) use words::{ACTIONS, Moment, is_by_hand, moment};

/// The most injects of a drill.
pub const INJECTS_MAX: usize = 500;
/// The longest sentence that is said or noted, in characters.
pub const TEXT_MAX: usize = 1_000;
/// The longest name, in characters.
pub const NAME_MAX: usize = 100;

/// A drill ready to be played.
#[derive(Debug, Clone)]
pub struct LoadedDrill {
    /// The drill.
    pub drill: Arc<Drill>,
    /// The city in which it takes place.
    pub city: LoadedScenario,
    /// Every file read: the drill, its spreadsheet if there is one, and those of the scenario.
    pub files: Vec<InputFile>,
    /// What a planner may want to know although nothing is wrong, in sentences.
    pub remarks: Vec<String>,
    injects: Vec<Raw>,
}

impl LoadedDrill {
    /// Its injects as a spreadsheet (CSV), in the words of the file.
    pub fn msel(&self) -> String {
        msel::write(&self.injects)
    }
}

/// Reads and checks a drill file, the scenario it names and every file that names.
///
/// # Errors
/// Everything wrong with all of them at once.
pub fn load(path: &Path, overrides: &Overrides, cache: Option<&NetworkCache>) -> Result<LoadedDrill, Findings> {
    let mut findings = Findings::default();
    let Some(read) = read(path, &mut findings) else { return Err(scenario::in_reading_order(findings)) };
    let place = Place::file(path);
    let wanted = check::scenario(&read.file, &place, &mut findings);
    let city = wanted.as_ref().and_then(|(file, named)| {
        let loaded = scenario::load_with(file, overrides, cache);
        loaded.map_err(|wrong| findings.absorb(wrong.told_at(named, file))).ok()
    });
    let checked = check::Checker { file: &read.file, place: &place, city: city.as_ref(), findings: &mut findings };
    let (drill, remarks) = checked.drill(wanted.map(|(file, _)| file), &read.injects);
    match city {
        Some(city) if findings.is_ok() => {
            let mut files = read.files;
            files.extend(city.files.iter().cloned());
            Ok(LoadedDrill { drill: Arc::new(drill), city, files, remarks, injects: read.injects })
        }
        _ => Err(scenario::in_reading_order(findings)),
    }
}

/// The injects of a spreadsheet (CSV) as those of a drill file, from the key `injects` on.
///
/// # Errors
/// Everything wrong with the spreadsheet at once; what takes a city or roles to judge is not looked at.
pub fn injects_of_msel(path: &Path) -> Result<String, Findings> {
    let msel::Sheets { injects, mut findings, .. } = msel::read(path);
    msel::check_numbers(&injects, &mut findings);
    if !findings.is_ok() {
        return Err(scenario::in_reading_order(findings));
    }
    let entries: Vec<String> = injects.iter().map(Raw::yaml).collect();
    Ok(format!("injects:\n{}", entries.concat()))
}

/// The grammar of drill files as a JSON Schema (2020-12).
pub fn schema() -> serde_json::Value {
    keys::schema()
}

/// A drill file as it was written.
struct Read {
    file: DrillFile,
    injects: Vec<Raw>,
    files: Vec<InputFile>,
}

/// Reads the file and its spreadsheet; none where it cannot be understood far enough for rules.
fn read(path: &Path, findings: &mut Findings) -> Option<Read> {
    let place = Place::file(path);
    let yaml = path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
    if path.is_file() && !yaml {
        let help = match path.extension().and_then(|ending| ending.to_str()) {
            Some("csv") => {
                "a spreadsheet is named in a drill file: `msel: injects.csv`; `citytwin drill msel` turns one into YAML"
            }
            Some("xlsx" | "xls" | "ods" | "xlsm" | "numbers") => {
                "this is a workbook: save the sheet with the injects as `CSV UTF-8` and name that file"
            }
            _ => "drills end in `.yaml`",
        };
        findings.problem(Problem::new(place, "is no drill").help(help));
        return None;
    }
    let text = scenario::text_of(path).map_err(|problem| findings.problem(problem)).ok()?;
    let root = tree::read(&text, &place, findings)?;
    let before = findings.problems().len();
    grammar::check(&root, &schema(), &place, findings);
    let typed = serde_saphyr::from_str_with_options::<DrillFile>(&text, tree::options(DuplicateKeyPolicy::FirstWins));
    let file = match typed {
        Ok(file) => file,
        Err(error) => {
            if findings.problems().len() == before {
                findings.problem(tree::problem(&error, &place));
            }
            return None;
        }
    };
    let mut files = vec![input(path, text.as_bytes())];
    let nodes = match raw::member(&root, "injects").map(|node| &node.value) {
        Some(tree::Value::List(list)) => list.as_slice(),
        _ => &[],
    };
    let keys = file.injects.iter().flat_map(|list| &list.value);
    let mut injects: Vec<Raw> =
        keys.enumerate().map(|(number, key)| Raw::of_key(key, nodes.get(number), &place)).collect();
    if let Some(named) = &file.msel {
        let sheet = beside(path, &named.value);
        let at = named.spot.of_file(&place);
        let msel::Sheets { injects: rows, bytes, findings: wrong } = msel::read(&sheet);
        injects.extend(rows);
        files.push(input(&sheet, &bytes));
        findings.absorb(wrong.told_at(&at, &sheet));
    }
    Some(Read { file, injects, files })
}

/// A path of the file, which is relative to it.
fn beside(file: &Path, named: &str) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).join(named.trim())
}

fn input(path: &Path, bytes: &[u8]) -> InputFile {
    InputFile { path: path.to_owned(), blake3: blake3::hash(bytes).to_hex().to_string() }
}

/// Reads what a cell says of the city: effects as in a drill file, each on a line of its own.
pub(super) fn effects_of(text: &str, origin: &Origin, findings: &mut Findings) -> Vec<RawEffect> {
    let mut lines = String::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        // A line that begins in brackets or with a dash is a list already.
        let line = line.strip_prefix("- ").unwrap_or(line);
        lines.push_str("- ");
        lines.push_str(line);
        lines.push('\n');
    }
    let mut wrong = Findings::default();
    let place = origin.place.clone();
    let root = tree::read(&lines, &place, &mut wrong);
    if let Some(root) = &root {
        grammar::check(root, &keys::schema_of_effects(), &place, &mut wrong);
    }
    let read =
        serde_saphyr::from_str_with_options::<Vec<EffectKey>>(&lines, tree::options(DuplicateKeyPolicy::FirstWins));
    if let (Err(error), true) = (&read, wrong.is_ok()) {
        wrong.problem(tree::problem(error, &place));
    }
    for problem in wrong.problems() {
        let message = problem.message.replace("the file", "the cell");
        let help = problem.help.clone().unwrap_or_default();
        findings.problem(origin.wrong(message, help));
    }
    let Some(tree::Value::List(nodes)) = root.map(|root| root.value) else { return Vec::new() };
    let keys = if wrong.is_ok() { read.unwrap_or_default() } else { Vec::new() };
    let effects = keys.into_iter().zip(&nodes);
    effects
        .map(|(key, node)| RawEffect { key, line: raw::effect_line(node), origin: origin.clone(), file: None })
        .collect()
}

#[cfg(test)]
mod tests;
