//! `citytwin run`: runs a scenario or a SUMO configuration and writes what it leaves.

use std::io::IsTerminal;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::choice::Choice;
use super::complaint;
use crate::city::scenario::{self, LoadedScenario};
use crate::primitives::SimTime;
use crate::primitives::text::Place;
use crate::studies::experiment::{
    self, Destination, Finished, Program, Progress, RunError, Summary, Wire, WireError, WriteError, run_folder, run_id,
    user_cpu_seconds,
};
use crate::telemetry::TopicMap;
use crate::twin::{Credentials, Equipment, Folders, Protocol, Target, TwinWire, WireSettings};

/// What `run` is told.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Scenario (.yaml) or SUMO configuration (.sumocfg)
    file: PathBuf,
    #[command(flatten)]
    choice: Choice,
    /// Folder for the run's files, instead of outputs/<scenario>/<run id>
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Save the state of the city when it reaches this time, HH:MM[:SS] or seconds; may be given more than once
    #[arg(long, value_parser = scenario::read_time, value_name = "TIME")]
    save_at: Vec<SimTime>,
    /// Save it in this file, instead of in the run's folder; with one `--save-at` only
    #[arg(long, value_name = "FILE", requires = "save_at")]
    save_to: Option<PathBuf>,
    /// Go on from this saved state, instead of from the beginning
    #[arg(long, value_name = "STATE")]
    from: Option<PathBuf>,
    /// Print the summary as one JSON object on standard output
    #[arg(long)]
    json: bool,
    /// Write SUMO tripinfo to this file
    #[arg(long, value_name = "FILE")]
    tripinfo: Option<PathBuf>,
    /// Write a SUMO summary to this file
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
    /// Write SUMO trajectories (FCD) to this file
    #[arg(long, value_name = "FILE")]
    fcd: Option<PathBuf>,
    /// Write SUMO edge data to this file
    #[arg(long, value_name = "FILE")]
    edgedata: Option<PathBuf>,
    /// Read the network's file even if it has been read before; the cache is the folder `CITYTWIN_CACHE` names, or
    /// `citytwin` in the user's cache folder
    #[arg(long)]
    no_cache: bool,
    /// Write no report page
    #[arg(long)]
    no_report: bool,
    /// Whether what the sensors tell travels the wire and is kept, instead of what the file says
    #[arg(long, value_name = "on|off", value_parser = on_or_off)]
    wire: Option<bool>,
    /// Where the built-in MQTT listener listens [default: what the file of parts says, or any free port of this machine]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = super::address, conflicts_with = "broker")]
    listen: Option<SocketAddr>,
    /// Messages of a partition after which what was made of them is kept for good [default: 100000]
    #[arg(long, value_name = "MESSAGES", value_parser = clap::value_parser!(u64).range(1..))]
    checkpoint_every: Option<u64>,
    /// File that says which parts to run on: embedded ones, Mosquitto, Redis, PostgreSQL
    #[arg(long, value_name = "FILE", conflicts_with = "broker")]
    parts: Option<PathBuf>,
    /// Publish to this MQTT broker instead, `mqtt://host:port`; user and password come from `CITYTWIN_MQTT_USER` and
    /// `CITYTWIN_MQTT_PASSWORD`
    #[arg(long, value_name = "URL", value_parser = Target::parse)]
    broker: Option<Target>,
}

/// Reads a switch.
fn on_or_off(word: &str) -> Result<bool, String> {
    match word {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("write `on` or `off`".to_owned()),
    }
}

/// Runs it.
#[expect(clippy::disallowed_methods, reason = "a run is named after the clock on the wall")]
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let interrupted = match super::interrupts() {
        Ok(interrupted) => interrupted,
        Err(code) => return code,
    };
    if arguments.wire == Some(false) && (arguments.listen.is_some() || arguments.broker.is_some()) {
        super::tell(
            "error: `--wire off` leaves nothing to listen for or to publish; leave it out, or `--listen` and `--broker`",
        );
        return ExitCode::from(super::INVALID);
    }
    if arguments.save_to.is_some() && arguments.save_at.len() > 1 {
        super::tell("error: `--save-to` names one file and `--save-at` several times; leave `--save-to` out");
        return ExitCode::from(super::INVALID);
    }
    let equipment = match super::equipment(arguments.parts.as_deref()) {
        Ok(equipment) => equipment,
        Err(code) => return code,
    };
    // Embedded parts on a port of this machine always pass.
    if arguments.wire != Some(false) && arguments.broker.is_none() {
        let place = Place::file(arguments.parts.clone().unwrap_or_else(|| "command line".into()));
        if let Err(findings) = equipment.check(&place, listens_at(arguments, &equipment)) {
            complaint::tell(&findings);
            return ExitCode::from(super::INVALID);
        }
    }
    let began = SystemTime::now();
    let cache = if arguments.no_cache { None } else { super::network_cache() };
    let loaded = match arguments.choice.load(&arguments.file, cache.as_ref()) {
        Ok(loaded) => loaded,
        Err(findings) => {
            complaint::tell(&findings);
            return ExitCode::from(super::INVALID);
        }
    };
    if arguments.from.is_some() && is_wired(arguments, &loaded) {
        super::tell(
            "error: a run that goes on from a saved state cannot tell over the wire: what its devices told before lies in \
             another folder, and the balance would not close; add `--wire off`",
        );
        return ExitCode::from(super::INVALID);
    }
    let topics = match super::topics_of(&loaded) {
        Ok(topics) => topics,
        Err(findings) => {
            complaint::tell(&findings);
            return ExitCode::from(super::INVALID);
        }
    };
    complaint::tell_left_out(&loaded.left_out);
    if interrupted.load(Ordering::SeqCst) {
        super::tell("interrupted before the run began; nothing was written");
        return ExitCode::from(super::INTERRUPTED);
    }
    let (command, from) = (std::env::args().collect(), arguments.from.clone());
    let program = Program { command, began, loading_cpu_s: user_cpu_seconds(), from };
    match simulate(arguments, &loaded, topics, &program, &interrupted, &equipment) {
        Ok((finished, destination, wire)) => tell_results(arguments, &finished, &destination, wire.as_ref()),
        Err(error) => {
            super::tell(&format!("error: {error}"));
            let invalid = matches!(error, RunError::State(_));
            ExitCode::from(if invalid { super::INVALID } else { super::FAILED })
        }
    }
}

/// Where the built-in listener listens: any free port of this machine, unless the command line or the file of parts names another.
fn listens_at(arguments: &Arguments, equipment: &Equipment) -> SocketAddr {
    let named = arguments.listen.or(equipment.parts.listen.address);
    named.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
}

/// Whether what the sensors tell is to travel the wire.
fn is_wired(arguments: &Arguments, loaded: &LoadedScenario) -> bool {
    let asked = arguments.listen.is_some() || arguments.broker.is_some() || arguments.parts.is_some();
    arguments.wire.unwrap_or(loaded.telemetry.wire || asked)
}

fn simulate(
    arguments: &Arguments,
    loaded: &LoadedScenario,
    topics: TopicMap,
    program: &Program,
    interrupted: &AtomicBool,
    equipment: &Equipment,
) -> Result<(Finished, Destination, Option<TwinWire>), RunError> {
    let mut destination = destination(arguments, loaded, program)?;
    destination.states = states(arguments, destination.folder.as_deref())?;
    let mut wire = lay_wire(arguments, loaded, topics, destination.folder.as_deref(), equipment)?;
    let bar = progress_bar(loaded);
    let mut show = |progress: Progress| {
        let since = (progress.time - progress.begin).as_milliseconds();
        bar.set_position(u64::try_from(since).unwrap_or(0));
        bar.set_message(format!("{}  {} on the road, {} arrived", progress.time, progress.running, progress.arrived));
    };
    let stop = || interrupted.load(Ordering::SeqCst);
    let speak = wire.as_mut().map(|wire| wire as &mut dyn Wire);
    let finished = experiment::run(loaded, &destination, program, speak, &stop, &mut show);
    bar.finish_and_clear();
    if let (Err(RunError::State(_)), Some(folder)) = (&finished, &destination.folder) {
        // Nothing was run: a folder made for it, and still empty, goes again.
        drop(std::fs::remove_dir(folder));
    }
    Ok((finished?, destination, wire))
}

/// Lays the wire, if what the sensors tell is to travel; without a folder there is nowhere to keep it.
fn lay_wire(
    arguments: &Arguments,
    loaded: &LoadedScenario,
    topics: TopicMap,
    folder: Option<&Path>,
    equipment: &Equipment,
) -> Result<Option<TwinWire>, RunError> {
    if !is_wired(arguments, loaded) {
        // Tables of this run beside the stores of another would be taken for one run.
        if let Some(folder) = folder.filter(|folder| Folders::of(folder).stores.exists()) {
            let sentence = "holds a run that kept what it told; name another folder for one that keeps silent";
            return Err(WireError(format!("`{}` {sentence}", folder.display())).into());
        }
        return Ok(None);
    }
    let Some(folder) = folder else {
        return Err(
            WireError("the wire needs a folder to keep what it carries; name one with `--out`".to_owned()).into()
        );
    };
    let mut settings = WireSettings::in_folder(folder, topics);
    settings.listen = listens_at(arguments, equipment);
    settings.broker.clone_from(&arguments.broker);
    settings.protocol = if loaded.telemetry.mqtt5 { Protocol::V5 } else { Protocol::V311 };
    settings.credentials = credentials("CITYTWIN_MQTT");
    // Two at one broker need two names.
    settings.name = format!("citytwin-{}", std::process::id());
    settings.equipment = equipment.clone();
    settings.batch_messages = arguments.checkpoint_every.unwrap_or(settings.batch_messages);
    let wire = TwinWire::lay(&settings, loaded).map_err(|error| WireError(error.to_string()))?;
    let named = arguments.listen.or(equipment.parts.listen.address);
    if let (Some(address), Some(_)) = (wire.address(), named) {
        let url = equipment.parts.listen.url(address);
        super::tell(&format!("listening on {url}; subscribe to `#` to see the city"));
    }
    Ok(Some(wire))
}

/// User and password for a broker, from the environment only, so that they stand in no file and no list of processes; `of` is what
/// both variables begin with, such as `CITYTWIN_MQTT`.
pub(super) fn credentials(of: &str) -> Option<Credentials> {
    let user = std::env::var(format!("{of}_USER")).ok()?;
    Some(Credentials { user, password: std::env::var(format!("{of}_PASSWORD")).unwrap_or_default() })
}

/// Where files go: flags first, then the scenario's wishes in the run's folder.
fn destination(arguments: &Arguments, loaded: &LoadedScenario, program: &Program) -> Result<Destination, WriteError> {
    let outputs = &loaded.outputs;
    let folder = match (&arguments.out, &outputs.dir) {
        (Some(folder), _) => Some(experiment::make_folder(folder)?),
        (None, Some(dir)) => {
            let parent = dir.join(scenario::folder_name(&loaded.name));
            Some(run_folder(&parent, &run_id(program.began, loaded.settings.seed.0))?)
        }
        (None, None) => None,
    };
    let wished = wished(loaded, folder, !arguments.no_report);
    let (fcd, edgedata) = (loaded.outputs.fcd.as_ref(), loaded.outputs.edgedata.as_ref());
    let fcd_every = fcd.map_or(loaded.settings.step, |series| series.every);
    let edgedata_every = edgedata.map_or(loaded.settings.road_interval, |series| series.every);
    Ok(Destination {
        tripinfo: arguments.tripinfo.clone().or(wished.tripinfo),
        summary: arguments.summary.clone().or(wished.summary),
        fcd: arguments.fcd.clone().map(|file| (file, fcd_every)).or(wished.fcd),
        edgedata: arguments.edgedata.clone().map(|file| (file, edgedata_every)).or(wished.edgedata),
        ..wished
    })
}

/// What the scenario wishes to be written in the run's folder.
pub(super) fn wished(loaded: &LoadedScenario, folder: Option<PathBuf>, report: bool) -> Destination {
    let outputs = &loaded.outputs;
    let inside = |file: &PathBuf| folder.as_ref().map(|folder| folder.join(file));
    let series = |series: &scenario::Series| inside(&series.file).map(|file| (file, series.every));
    Destination {
        tripinfo: outputs.tripinfo.as_ref().and_then(inside),
        summary: outputs.summary.as_ref().and_then(inside),
        fcd: outputs.fcd.as_ref().and_then(series),
        edgedata: outputs.edgedata.as_ref().and_then(series),
        report,
        states: Vec::new(),
        folder,
    }
}

/// Which states are to be saved, and where.
fn states(arguments: &Arguments, folder: Option<&Path>) -> Result<Vec<(SimTime, PathBuf)>, WriteError> {
    let place = |time: SimTime| match (&arguments.save_to, folder) {
        (Some(file), _) => Ok(file.clone()),
        (None, Some(folder)) => Ok(folder.join(format!("state-{}.citytwin", time.to_string().replace(':', "")))),
        (None, None) => {
            let source = std::io::Error::other("there is no folder for it; name a file with `--save-to`");
            Err(WriteError { path: PathBuf::from("the state"), source })
        }
    };
    arguments.save_at.iter().map(|&time| Ok((time, place(time)?))).collect()
}

/// A bar on a terminal, nothing elsewhere.
fn progress_bar(loaded: &LoadedScenario) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let Some(end) = loaded.settings.end else { return ProgressBar::new_spinner() };
    let length = (end - loaded.settings.begin).as_milliseconds();
    let bar = ProgressBar::new(u64::try_from(length).unwrap_or(0));
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent:>3} %  {msg}") {
        bar.set_style(style);
    }
    bar
}

/// The summary of a run and where its files are.
#[derive(Debug, Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    summary: &'a Summary,
    folder: Option<String>,
}

/// Says what became of what the city told; a code if not all of it is accounted for.
fn tell_wire(wire: Option<&TwinWire>) -> Option<ExitCode> {
    let wire = wire?;
    for (service, times) in wire.restarts() {
        super::tell(&format!("{service} died and was started again {times} times"));
    }
    let Some(balance) = wire.balance() else {
        if wire.address().is_some() {
            super::tell(
                "the folder holds more than this try told: run it again to its end, and the balance will be drawn",
            );
            return None;
        }
        let counts = wire.counts();
        super::tell(&format!(
            "{} messages published, {} acknowledged by the broker",
            counts.published, counts.acknowledged
        ));
        return None;
    };
    super::tell(&balance.to_string());
    super::tell(&super::tally(wire.tally()));
    (!balance.closes()).then(|| ExitCode::from(super::FAILED))
}

fn tell_results(
    arguments: &Arguments,
    finished: &Finished,
    destination: &Destination,
    wire: Option<&TwinWire>,
) -> ExitCode {
    let summary = &finished.summary;
    for time in &finished.states_missed {
        super::tell(&format!("the run was over before {time}: no state was saved then"));
    }
    let code = if summary.interrupted { ExitCode::from(super::INTERRUPTED) } else { ExitCode::SUCCESS };
    let code = tell_finished(finished, wire, code);
    let folder = destination.folder.as_ref().map(|folder| folder.display().to_string());
    if arguments.json {
        return super::print(&super::json(&Told { summary, folder }), code);
    }
    match folder {
        Some(folder) => super::print(&folder, code),
        None => code,
    }
}

/// Says what a run left; the code to end with, `code` if everything told is accounted for.
pub(super) fn tell_finished(finished: &Finished, wire: Option<&TwinWire>, code: ExitCode) -> ExitCode {
    complaint::tell_left_out(&finished.no_place);
    super::tell(&table(&finished.summary));
    tell_wire(wire).map_or(code, |failed| failed)
}

/// The short table.
fn table(summary: &Summary) -> String {
    let count = |n: u32| n.to_string();
    let mean = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.1} s"));
    let rows = [
        ("vehicles loaded", count(summary.loaded)),
        ("  inserted", count(summary.inserted)),
        ("  arrived", count(summary.arrived)),
        ("  on the road at the end", count(summary.running)),
        ("  waiting to enter at the end", count(summary.waiting_to_enter)),
        ("mean duration of a trip", mean(summary.duration_mean_s)),
        ("  of which waiting", mean(summary.waiting_time_mean_s)),
        ("  time loss", mean(summary.time_loss_mean_s)),
        ("last-resort moves", count(summary.last_resort_moves)),
        ("overlaps", summary.laws.overlap.to_string()),
        (
            "vehicle updates per CPU second",
            summary.updates_per_cpu_second.map_or("-".to_owned(), |n| format!("{n:.0}")),
        ),
    ];
    let mut rows = rows.to_vec();
    if let Some(equilibrium) = &summary.equilibrium {
        let gap = equilibrium.gap.map_or("-".to_owned(), |gap| format!("{:.2} %", gap * 100.0));
        rows.push(("relative gap", gap));
        rows.push(("  asked for", format!("{:.2} %", equilibrium.wanted * 100.0)));
        rows.push(("  iterations", equilibrium.gaps.len().to_string()));
    }
    let head = if summary.interrupted { "interrupted: these are partial results\n" } else { "" };
    let lines: Vec<String> = rows.iter().map(|(what, value)| format!("{what:<32}{value:>12}")).collect();
    let stuck = summary.gridlock.as_ref().map(|gridlock| format!("\ngridlock: nobody left {}", gridlock.sentence()));
    format!("{head}{}{}", lines.join("\n"), stuck.unwrap_or_default())
}
