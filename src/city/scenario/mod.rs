//! What is asked of the city: a file turned into a checked value, and that into roads, travellers and settings.
//!
//! Reading goes file → tree with places → grammar → types → [`Scenario`] → [`LoadedScenario`], and every stage gathers all its
//! problems before it gives up. Runs nothing and writes nothing.

mod access;
mod calibration;
mod check;
mod comparison;
mod drawing;
mod driving;
mod effects;
mod emergencies;
mod explain;
mod extends;
mod file;
mod fleet;
#[cfg(test)]
pub(crate) mod fork;
pub(crate) mod grammar;
pub mod indicators;
mod join;
mod load;
mod measures;
mod measures_built;
mod measures_demand;
mod measures_file;
mod model;
mod observe;
mod od;
mod parking;
mod passengers;
pub(crate) mod quantity;
mod resolved;
mod routing;
pub mod sensors;
mod sensors_file;
pub mod settings;
mod sources;
mod sumo_files;
pub mod sumocfg;
mod timetables;
mod variant;

use std::path::Path;

use serde_saphyr::options::DuplicateKeyPolicy;

use crate::primitives::SimTime;
use crate::primitives::text::{Findings, Place, Problem};
use crate::primitives::{tree, units};

pub use access::{Access, AccessSource, AccessZone, Division, Residents, ZoneRoads};
pub use calibration::{Calibration, CalibrationFiles, Counted, Timed};
pub use comparison::{Comparison, Expectation, RUNS_MAX, Relation, Subject};
pub use driving::Driving;
pub use effects::{BusEngine, CarEngine, Dioxide, Effects};
pub use explain::explain;
pub use load::{InputFile, LoadedScenario, Overrides, load, load_with};
pub use measures::Variant;
pub use model::{
    DemandSource, Fleet, FollowingModel, MapSource, NamedFile, Outputs, Profile, Scenario, Series, Synthetic,
    TableFormat, Telemetry,
};
pub use observe::Observe;
pub use od::OdSource;
pub use passengers::{OfLine, Passengers};
pub use resolved::Resolved;
pub use routing::{EquilibriumRule, Routing, Swaps};
pub use sensors::{SensorSettings, Weather, WeatherSky};
pub use sumo_files::SumoFiles;
pub use timetables::Timetables;

/// The largest scenario file read [bytes].
const FILE_MAX: u64 = 1 << 20;

/// A name fit for a folder: letters and digits, everything else a hyphen.
pub fn folder_name(name: &str) -> String {
    check::folder_name(name)
}

/// Reads and checks a scenario file; the files it names are only looked for.
///
/// # Errors
/// Everything wrong with it at once.
pub fn read(path: &Path) -> Result<Scenario, Findings> {
    let mut findings = Findings::default();
    let place = Place::file(path);
    let text = text_of(path).map_err(|problem| findings.problem(problem)).ok();
    let scenario = text.and_then(|text| parse_with_parents(path, &text, &place, &mut findings));
    match scenario {
        Some(scenario) if findings.is_ok() => Ok(scenario),
        _ => Err(in_reading_order(findings)),
    }
}

/// The grammar of scenario files as a JSON Schema (2020-12).
pub fn schema() -> serde_json::Value {
    file::schema().to_value()
}

/// The problems as one meets them going down the file, each once: the grammar and the rules may both stumble over a value.
pub(crate) fn in_reading_order(findings: Findings) -> Findings {
    if findings.beyond_limit() > 0 {
        return findings;
    }
    let mut problems = findings.problems().to_vec();
    problems.sort_by(|a, b| a.place.cmp(&b.place));
    // What the rules say of a value they could not read is what the grammar said, with the text as it stands.
    problems.dedup_by(|later, first| {
        if later.place == first.place && first.help.as_deref() == Some(grammar::UNCOUNTABLE) {
            return true;
        }
        let same = later.place == first.place && later.help.is_some() && later.help == first.help;
        if same {
            std::mem::swap(later, first);
        }
        same || later == first
    });
    let mut ordered = Findings::default();
    for problem in problems {
        ordered.problem(problem);
    }
    ordered
}

/// A time of the command line: `HH:MM[:SS]`, or seconds after midnight.
///
/// # Errors
/// What is wrong, in words.
pub fn read_time(text: &str) -> Result<SimTime, String> {
    let seconds = match text.trim().parse::<f64>() {
        Ok(seconds) if seconds.is_finite() && (0.0..=1e9).contains(&seconds) => seconds,
        Ok(_) => return Err("seconds after midnight are neither negative nor endless".to_owned()),
        Err(_) => match units::read_clock(text) {
            Ok((None, seconds)) => seconds,
            _ => return Err("write it like 07:00, 07:00:30 or 25200 (seconds after midnight)".to_owned()),
        },
    };
    Ok(SimTime::seconds(seconds))
}

/// The text of a scenario file, or why there is none.
pub(crate) fn text_of(path: &Path) -> Result<String, Problem> {
    let place = Place::file(path);
    let refuse = |message: String, help: &str| Err(Problem::new(place.clone(), message).help(help));
    match std::fs::metadata(path) {
        Err(error) => refuse(format!("cannot be read: {}", plain(&error)), &check::neighbour(path, "")),
        Ok(about) if about.is_dir() => refuse("is a folder".to_owned(), "name the scenario's file in it"),
        Ok(about) if !about.is_file() => refuse("is not a file".to_owned(), "name a file that ends in `.yaml`"),
        Ok(about) if about.len() > FILE_MAX => {
            refuse("is larger than 1 MiB, which no scenario is".to_owned(), "is it the right file?")
        }
        Ok(_) => match std::fs::read(path) {
            Ok(bytes) => String::from_utf8(bytes).map_err(|error| not_utf8(&place, error.as_bytes())),
            Err(error) => refuse(format!("cannot be read: {}", plain(&error)), "look who may read it"),
        },
    }
}

/// Where bytes stop being text.
fn not_utf8(file: &Place, bytes: &[u8]) -> Problem {
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return Problem::new(file.at(1, 1), "the file is UTF-16 text").help("save it as UTF-8");
    }
    let good = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
    let text = String::from_utf8_lossy(&bytes[..good]);
    let line = text.matches('\n').count() + 1;
    let column = text.rsplit('\n').next().map_or(0, |last| last.trim_start_matches('\u{feff}').chars().count()) + 1;
    let number = |n: usize| u32::try_from(n).unwrap_or(0);
    let help = "save the file as UTF-8; the letter is one of an older encoding";
    Problem::new(file.at(number(line), number(column)), "this is not UTF-8 text").help(help)
}

/// The same where a file extends others; one that does not is read as it is written.
fn parse_with_parents(path: &Path, text: &str, place: &Place, findings: &mut Findings) -> Option<Scenario> {
    let child = |line: &str| line.starts_with("extends") || line.trim_start().starts_with("\"extends\"");
    if !text.lines().any(child) {
        return parse(text, place, findings);
    }
    let family = extends::family(path, text, findings)?;
    let (text, sources) = extends::written(&family.tree);
    let mut scenario = parse(&text, &place.clone().put_together(sources), findings)?;
    scenario.parents = family.parents;
    Some(scenario)
}

/// An I/O error in lower case and without its number.
fn plain(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

/// From text to a checked scenario.
fn parse(text: &str, place: &Place, findings: &mut Findings) -> Option<Scenario> {
    let root = tree::read(text, place, findings)?;
    grammar::check(&root, &schema(), place, findings);
    // A key given twice keeps its first value here, so that the rules can still be checked; it is a problem already.
    match serde_saphyr::from_str_with_options::<file::ScenarioFile>(text, tree::options(DuplicateKeyPolicy::FirstWins))
    {
        Ok(file) => Some(check::check(file, place, findings)),
        Err(error) => {
            if findings.is_ok() {
                findings.problem(tree::problem(&error, place));
            }
            None
        }
    }
}

#[cfg(test)]
mod tests;
