//! `citytwin rerun`: makes a comparison or a run again and says whether the bytes are the same.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde::Deserialize;

use super::compare::{Asked, failed, make};
use super::complaint;
use crate::city::scenario::{self, LoadedScenario, Overrides};
use crate::primitives::random::Seed;
use crate::studies::comparison::{Again, FILES};
use crate::studies::experiment::{self, Destination, Program};

/// The largest file of a folder that is read [bytes].
const FILE_MAX: u64 = 256 << 20;
/// Tables of a run that are the same whenever it is made again.
const TABLES: [&str; 4] = ["trips.csv", "roads.csv", "calls.csv", "incidents.csv"];

/// What `rerun` is told.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folder of a comparison or of a run
    folder: PathBuf,
    /// The scenario, if it is not where it was
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// Runs made side by side [default: one for each core]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Keep what was made again in this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// What is read of `comparison.json`.
#[derive(Debug, Deserialize)]
struct Comparison {
    again: Again,
}

/// What is read of a run's `manifest.json`.
#[derive(Debug, Deserialize)]
struct Manifest {
    scenario: Resolved,
    seed: u64,
    inputs: Vec<Input>,
    measured_from: String,
    end: String,
    went_on_from: Option<serde_json::Value>,
    /// The orders that changed its city while it ran.
    orders: Option<serde_json::Value>,
}

/// What a manifest says of the scenario, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Resolved {
    variant: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Input {
    path: String,
    blake3: String,
}

/// A folder that goes when nobody needs it any more, unless it is to be kept.
struct Workplace {
    folder: PathBuf,
    is_kept: bool,
}

impl Workplace {
    fn new(arguments: &Arguments) -> Self {
        if let Some(folder) = &arguments.out {
            return Self { folder: folder.clone(), is_kept: true };
        }
        let name = format!("citytwin-rerun-{}", std::process::id());
        Self { folder: std::env::temp_dir().join(name), is_kept: false }
    }
}

impl Drop for Workplace {
    fn drop(&mut self) {
        if !self.is_kept {
            // Nothing can be done about a temporary folder that will not go.
            drop(std::fs::remove_dir_all(&self.folder));
        }
    }
}

/// Makes it again.
pub(super) fn rerun(arguments: &Arguments) -> ExitCode {
    let comparison = arguments.folder.join("comparison.json");
    let manifest = arguments.folder.join("manifest.json");
    if comparison.is_file() {
        return match parsed::<Comparison>(&comparison) {
            Ok(read) => a_comparison(arguments, &read.again),
            Err(why) => refused(&why),
        };
    }
    match parsed::<Manifest>(&manifest) {
        Ok(read) => a_run(arguments, &read),
        Err(why) => refused(&format!("`{}` is no comparison, and {why}", arguments.folder.display())),
    }
}

fn refused(why: &str) -> ExitCode {
    super::tell(&format!("error: {why}"));
    ExitCode::from(super::INVALID)
}

fn parsed<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, String> {
    let why = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            format!("there is no `{}`: name the folder that a run or a comparison left", path.display())
        }
        _ => format!("`{}` cannot be read: {error}", path.display()),
    };
    let about = std::fs::metadata(path).map_err(why)?;
    if about.len() > FILE_MAX {
        return Err(format!("`{}` is too large", path.display()));
    }
    let bytes = std::fs::read(path).map_err(why)?;
    serde_json::from_slice(&bytes)
        .map_err(|error| format!("`{}` is not what this program wrote: {error}", path.display()))
}

fn a_comparison(arguments: &Arguments, again: &Again) -> ExitCode {
    let interrupted = match super::interrupts() {
        Ok(interrupted) => interrupted,
        Err(code) => return code,
    };
    let program = format!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    if program != again.program {
        super::tell(&format!("note: it was made by {}, and this is {program}", again.program));
    }
    let file = arguments.scenario.clone().unwrap_or_else(|| PathBuf::from(&again.scenario));
    let cache = super::network_cache();
    let asked = Asked { file: &file, seeds: again.seeds.clone() };
    let (mut design, base) = match asked.design(cache.as_ref()) {
        Ok(designed) => designed,
        Err(findings) => {
            complaint::tell(&findings);
            return ExitCode::from(super::INVALID);
        }
    };
    tell_changes(again.files.iter().map(|(path, blake3)| (path.as_str(), blake3.as_str())), &base);
    let place = Workplace::new(arguments);
    if arguments.scenario.is_some() {
        super::tell(
            "note: the scenario is named otherwise than it was, which the files say, and its own map may be too",
        );
    }
    design.scenario.clone_from(&file);
    match make(&design, &base, &place.folder, arguments.jobs.map(usize::from), None, &interrupted) {
        Ok(_) => verdict(&arguments.folder, &place.folder, &FILES),
        Err(error) => failed(error),
    }
}

fn a_run(arguments: &Arguments, manifest: &Manifest) -> ExitCode {
    let interrupted = match super::interrupts() {
        Ok(interrupted) => interrupted,
        Err(code) => return code,
    };
    if manifest.went_on_from.is_some() {
        return refused("the run went on from a saved state; make it again with `run --from`");
    }
    if manifest.orders.is_some() {
        return refused("the run was changed by orders while it was served; `citytwin serve` replays it with them");
    }
    let Some(first) = manifest.inputs.first() else { return refused("its manifest names no scenario") };
    let file = arguments.scenario.clone().unwrap_or_else(|| PathBuf::from(&first.path));
    let overrides = Overrides {
        seed: Some(Seed(manifest.seed)),
        threads: arguments.jobs.map(usize::from),
        begin: scenario::read_time(&manifest.measured_from).ok(),
        end: scenario::read_time(&manifest.end).ok(),
    };
    let loaded = scenario::load_with(&file, &overrides, super::network_cache().as_ref());
    let dressed = loaded.and_then(|loaded| match &manifest.scenario.variant {
        Some(variant) => loaded.variant(variant),
        None => Ok(loaded),
    });
    let loaded = match dressed {
        Ok(loaded) => loaded,
        Err(findings) => {
            complaint::tell(&findings);
            return ExitCode::from(super::INVALID);
        }
    };
    tell_changes(manifest.inputs.iter().map(|input| (input.path.as_str(), input.blake3.as_str())), &loaded);
    let place = Workplace::new(arguments);
    let program = Program { command: std::env::args().collect(), ..Program::default() };
    let stop = || interrupted.load(std::sync::atomic::Ordering::SeqCst);
    let folder = match experiment::make_folder(&place.folder) {
        Ok(folder) => folder,
        Err(error) => return failed(error.into()),
    };
    let destination = Destination { folder: Some(folder), ..Destination::default() };
    match experiment::run(&loaded, &destination, &program, None, &stop, &mut |_| {}) {
        Ok(finished) if finished.summary.interrupted => ExitCode::from(super::INTERRUPTED),
        Ok(_) => verdict(&arguments.folder, &place.folder, &TABLES),
        Err(error) => failed(error.into()),
    }
}

/// Says which files are not as they were.
fn tell_changes<'a>(before: impl Iterator<Item = (&'a str, &'a str)>, loaded: &LoadedScenario) {
    let now: Vec<&str> = loaded.files.iter().map(|file| file.blake3.as_str()).collect();
    for (path, blake3) in before {
        if !now.contains(&blake3) {
            super::tell(&format!("note: {path} is not the file it was"));
        }
    }
}

/// Says of each file whether its bytes are the same; a code if not all are.
fn verdict(before: &Path, after: &Path, names: &[&str]) -> ExitCode {
    let mut same = true;
    let mut seen = false;
    for name in names {
        let (was, is) = (std::fs::read(before.join(name)), std::fs::read(after.join(name)));
        let word = match (&was, &is) {
            (Err(_), Err(_)) => continue,
            (Ok(was), Ok(is)) if was == is => "the same bytes",
            (Ok(_), Ok(_)) => "other bytes",
            (Ok(_), Err(_)) => "not made again",
            (Err(_), Ok(_)) => "not there before",
        };
        seen = true;
        same &= word == "the same bytes";
        super::tell(&format!("{name}: {word}"));
    }
    let code = if same && seen { ExitCode::SUCCESS } else { ExitCode::from(super::FAILED) };
    super::print(if same && seen { "the same" } else { "not the same" }, code)
}
