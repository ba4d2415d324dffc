//! The front door: one file per verb, and how complaints are told and memory is asked for; no logic of any kind.
//!
//! Standard output carries data, standard error speaks to people. Exit codes: 0 all went well, 1 something failed while
//! running, 2 the input is invalid and nothing was written, 3 an expectation does not hold, 130 interrupted.

mod alerts;
mod audit;
mod check;
mod choice;
mod compare;
mod complaint;
mod consume;
mod doctor;
mod drill;
mod explain;
mod export;
mod fit;
mod import;
mod key;
mod listen;
mod load;
mod new;
mod pages;
mod password;
mod publishing;
mod reconcile;
#[cfg(feature = "schemas")]
mod registry;
mod replay;
mod rerun;
mod run;
mod schema;
mod send;
mod serve;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser, Subcommand};

use crate::api::assets::Page;
use crate::city::network::cache::NetworkCache;
use crate::city::scenario::LoadedScenario;
use crate::primitives::fail_point;
use crate::primitives::text::{Findings, Place, Problem, closest, harmless};
use crate::telemetry::TopicMap;
use crate::twin::{self, Equipment, PartsFile, Tally};

pub use pages::ask_for_large_pages;

/// Something failed while running.
const FAILED: u8 = 1;
/// The input is invalid; nothing was written.
const INVALID: u8 = 2;
/// Somebody interrupted.
const INTERRUPTED: u8 = 130;

/// A city simulator and digital twin: every vehicle and signal an actor on a road graph.
#[derive(Debug, Parser)]
#[command(name = "citytwin", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run a scenario and write what it leaves
    Run(Box<run::Arguments>),
    /// Hold the variants of a scenario against each other over many runs, and write the report
    Compare(compare::Arguments),
    /// Make a comparison or a run again, and say whether the bytes are the same
    Rerun(rerun::Arguments),
    /// Check a scenario and every file it names, without running it
    Check(check::Arguments),
    /// Make a project out of a file of OpenStreetMap: map, zones, trips and a scenario that runs
    New(new::Arguments),
    /// Make a matrix of trips from where people live and work, by a gravity model
    Gravity(new::GravityArguments),
    /// Fit the matrix of a scenario to counts, and say how well each count is met
    Fit(fit::Arguments),
    /// Make a map out of a file of OpenStreetMap, and list what was guessed
    Import(import::Arguments),
    /// Write a map for OpenStreetMap, SUMO and map programs, or as a picture; or a whole scenario for SUMO
    Export(export::Arguments),
    /// Listen for devices over MQTT and keep what they tell
    Listen(listen::Arguments),
    /// Work on what devices told a topic of Kafka, as one of several processes that share it
    Consume(consume::Arguments),
    /// Let many devices tell a broker what they see, on a schedule, and write down what was sent
    Load(Box<load::Arguments>),
    /// Let the vehicles of SUMO's floating car data tell a broker where they are
    Send(Box<send::Arguments>),
    /// Serve a city alive: its map in the browser, every number behind an API, and what-ifs beside it
    Serve(Box<serve::Arguments>),
    /// Feed the recording of a run into new stores, without the simulator
    Replay(replay::Arguments),
    /// Check that everything a run's devices told is accounted for, by reading its stores
    Audit(audit::Arguments),
    /// Make the windows of a day anew from the history, and say which live ones differ
    Reconcile(reconcile::Arguments),
    /// Check alert rules, or list the metrics they can be about
    #[command(subcommand)]
    Alerts(alerts::Arguments),
    /// Look which parts of a configuration answer, and say what works without those that do not
    Doctor(doctor::Arguments),
    /// Make the line of a users file out of a password
    Password(password::Arguments),
    /// Serve a registry of schemas that speaks as Confluent's does
    #[cfg(feature = "schemas")]
    Registry(registry::Arguments),
    /// Make a key for whoever asks the served city
    Key(key::Arguments),
    /// Print a scenario after its parents and defaults, with where every value comes from
    Explain(explain::Arguments),
    /// Run an emergency drill that people join by PIN, or let bots play it; check drills and their spreadsheets
    Drill(Box<drill::Arguments>),
    /// Print the JSON Schema of scenario or drill files, for editors
    Schema(schema::Arguments),
}

/// Does what the command line says; what is served has `page`.
pub fn main(page: Page) -> ExitCode {
    quiet_about_damage();
    if let Ok(place) = std::env::var("CITYTWIN_DIES_AT")
        && let Err(reason) = fail_point::arm(&place)
    {
        tell(&format!("error: CITYTWIN_DIES_AT: {reason}"));
        return ExitCode::from(INVALID);
    }
    match parsed().verb {
        Verb::Run(arguments) => {
            ask_for_large_pages();
            run::run(&arguments)
        }
        Verb::Compare(arguments) => {
            ask_for_large_pages();
            compare::compare(&arguments)
        }
        Verb::Rerun(arguments) => rerun::rerun(&arguments),
        Verb::Check(arguments) => check::check(&arguments),
        Verb::New(arguments) => new::run(&arguments),
        Verb::Gravity(arguments) => new::gravity(&arguments),
        Verb::Fit(arguments) => fit::run(&arguments),
        Verb::Import(arguments) => import::run(&arguments),
        Verb::Export(arguments) => export::run(&arguments),
        Verb::Listen(arguments) => listen::run(&arguments),
        Verb::Consume(arguments) => consume::run(&arguments),
        Verb::Load(arguments) => load::run(&arguments),
        Verb::Send(arguments) => send::run(&arguments),
        Verb::Serve(arguments) => {
            ask_for_large_pages();
            serve::serve(&arguments, page)
        }
        Verb::Replay(arguments) => replay::run(&arguments),
        Verb::Audit(arguments) => audit::run(&arguments),
        Verb::Reconcile(arguments) => reconcile::run(&arguments),
        Verb::Alerts(arguments) => alerts::run(&arguments),
        Verb::Doctor(arguments) => doctor::run(&arguments),
        Verb::Password(arguments) => password::run(&arguments),
        #[cfg(feature = "schemas")]
        Verb::Registry(arguments) => registry::run(&arguments),
        Verb::Key(arguments) => key::run(&arguments),
        Verb::Explain(arguments) => explain::explain(&arguments),
        Verb::Drill(arguments) => {
            ask_for_large_pages();
            drill::run(&arguments, page)
        }
        Verb::Schema(arguments) => schema::schema(&arguments),
    }
}

/// The command line; ends the program where it cannot be understood, with the word that was probably meant.
fn parsed() -> Cli {
    Cli::try_parse().unwrap_or_else(|mut error| {
        let suggests = error.get(ContextKind::SuggestedSubcommand).is_some();
        if let (ErrorKind::InvalidSubcommand, Some(word), false) = (error.kind(), std::env::args().nth(1), suggests) {
            let verbs: Vec<String> = Cli::command().get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
            if let Some(meant) = closest(&word, verbs.iter().map(String::as_str)) {
                error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(vec![meant.to_owned()]));
            }
        }
        error.exit()
    })
}

/// A seed of the command line.
fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("write a whole number from 0 to {}, such as `7`", u64::MAX))
}

/// A database file that says nonsense makes redb panic; that is caught and told as damage, once and in a sentence.
fn quiet_about_damage() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !panic.location().is_some_and(|at| at.file().contains("redb-")) {
            tell(panic);
        }
    }));
}

/// What was read, or the code to end with once its mistakes have been told.
fn understood<T>(read: Result<T, Findings>) -> Result<T, ExitCode> {
    read.map_err(|findings| {
        complaint::tell(&findings);
        ExitCode::from(INVALID)
    })
}

/// The parts a file names, with the environment their secrets are in; the embedded ones without a file.
fn equipment(file: Option<&Path>) -> Result<Equipment, ExitCode> {
    let parts = file.map_or_else(|| Ok(PartsFile::default()), twin::read_parts);
    Ok(Equipment { parts: understood(parts)?, environment: |name| std::env::var(name).ok(), webhooks: None })
}

/// The topics of a scenario: the default ones, or those of its mapping file.
fn topics_of(loaded: &LoadedScenario) -> Result<TopicMap, Findings> {
    match &loaded.telemetry.topics {
        Some(file) => topics_in(&file.path, &loaded.name, &file.place),
        None => Ok(TopicMap::new(&loaded.name)),
    }
}

/// The topics of a mapping file.
fn topics_in(path: &Path, city: &str, place: &Place) -> Result<TopicMap, Findings> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let mut findings = Findings::default();
        let message = format!("the mapping file `{}` cannot be read: {error}", path.display());
        findings.problem(Problem::new(place.clone(), message).help("name a file of reading types and topics"));
        findings
    })?;
    TopicMap::read(city, &text, &Place::file(path))
}

/// Where networks are kept that were read before: what `CITYTWIN_CACHE` names (nowhere if it is empty), or the user's cache folder.
fn network_cache() -> Option<NetworkCache> {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(own) = std::env::var_os("CITYTWIN_CACHE") {
        return (!own.is_empty()).then(|| NetworkCache::in_folder(own));
    }
    let of_user = folder("XDG_CACHE_HOME")
        .or_else(|| folder("LOCALAPPDATA"))
        .or_else(|| folder("HOME").map(|home| home.join(".cache")))?;
    Some(NetworkCache::in_folder(of_user.join("citytwin").join("networks")))
}

/// An address and a port to listen at.
fn address(word: &str) -> Result<SocketAddr, String> {
    word.parse().map_err(|_| "write an address in numbers and a port, such as `127.0.0.1:1883`".to_owned())
}

/// A flag that the first interrupt sets, so that what is under way can be finished; the second ends the program at once.
fn interrupts() -> Result<Arc<AtomicBool>, ExitCode> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    let set = ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::SeqCst) {
            std::process::exit(i32::from(INTERRUPTED));
        }
    });
    set.map(|()| interrupted).map_err(|error| {
        tell(&format!("error: cannot listen for interrupts: {error}"));
        ExitCode::from(FAILED)
    })
}

/// What the pipeline saw besides records that were new.
fn tally(tally: Tally) -> String {
    let Tally { duplicates, late, missing } = tally;
    format!("  here before: {duplicates}; late: {late}; missing in the devices' sequences: {missing}")
}

/// Prints data on standard output; a reader that has gone away (`| head`) is no failure.
fn print(text: &str, code: ExitCode) -> ExitCode {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            tell(&format!("error: cannot write to standard output: {error}"));
            ExitCode::from(FAILED)
        }
        _ => code,
    }
}

/// Tells people something on standard error; where nobody listens, nothing can be done. What files say in it commands no terminal.
fn tell(text: &str) {
    tell_painted(&harmless(text));
}

/// The same with colours; of what files say, nothing is in it as it stands there.
fn tell_painted(text: &str) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// JSON of something that always has one.
fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|error| format!("{{\"error\": \"{error}\"}}"))
}
