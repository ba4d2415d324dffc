//! One run: brings a loaded scenario to life, steps it to its end, and writes what is asked for.
//!
//! Steps are watched, never influenced. When somebody interrupts, the step under way is finished and everything is written
//! as a partial result.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::files::WriteError;
use super::manifest::Program;
use super::recorder::{Prepared, Recorder};
use super::states::StateRefused;
use super::summary::Summary;
use crate::city::scenario::LoadedScenario;
use crate::primitives::{SimDuration, SimTime};
use crate::simulation::City;
use crate::simulation::outcome::{Outcome, VehicleInstant};
use crate::studies::forecast::{self, Forecast};
use crate::studies::report::telling::Telling;
use crate::telemetry::Emission;

/// How often a watcher sees the vehicles [s].
const SECOND: SimDuration = SimDuration::milliseconds(1000);

/// What a run says that cannot go on because devices told too much.
pub const DISCARDED: &str = "the city told more in one step than can be kept; ask for fewer devices, or longer periods";

/// What is written, and where.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Destination {
    /// Folder for tables, report and manifest; none writes none of them.
    pub folder: Option<PathBuf>,
    /// Whether the folder gets a report page.
    pub report: bool,
    /// SUMO tripinfo.
    pub tripinfo: Option<PathBuf>,
    /// SUMO summary.
    pub summary: Option<PathBuf>,
    /// SUMO trajectories, and how often.
    pub fcd: Option<(PathBuf, SimDuration)>,
    /// SUMO edge data, and how often.
    pub edgedata: Option<(PathBuf, SimDuration)>,
    /// States to be saved: when, and in which file.
    pub states: Vec<(SimTime, PathBuf)>,
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The instant reached [s].
    pub time: SimTime,
    /// When the run began [s].
    pub begin: SimTime,
    /// When it ends, if that is known [s].
    pub end: Option<SimTime>,
    /// Vehicles on the road.
    pub running: u32,
    /// Vehicles arrived so far.
    pub arrived: u32,
}

/// Where what the city tells goes while it runs.
pub trait Wire {
    /// Takes what was told in one step; returns once there is room for the next, which is how the city is paced.
    ///
    /// # Errors
    /// When the wire has failed; the run cannot go on.
    fn send(&mut self, told: Vec<Emission>) -> Result<(), WireError>;

    /// Nothing more will be told, because the run is over or was interrupted: waits until everything is kept, and says what
    /// arrived; none where that cannot be said here.
    ///
    /// # Errors
    /// When the wire has failed.
    fn close(&mut self, loaded: &LoadedScenario, interrupted: bool) -> Result<Option<Telling>, WireError>;
}

/// Sees the city while it runs, and changes nothing in it.
pub trait Watcher {
    /// Takes what a step left: the vehicles on the road by lane, on each from its start.
    fn look(&mut self, time: SimTime, vehicles: &[VehicleInstant]);
}

/// The wire has failed, with the reason in a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WireError(pub String);

/// Why a run did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// What the city told could not be carried or kept.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The saved state it was to go on from is not of this city.
    #[error(transparent)]
    State(#[from] StateRefused),
    /// A day to learn from could not be made.
    #[error("an earlier day cannot be made: {0}")]
    Day(String),
}

/// A finished run.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// What it left, the warm-up cut off.
    pub outcome: Outcome,
    /// The few numbers one looks at first.
    pub summary: Summary,
    /// What arrived of what the city told, if it told anything.
    pub telling: Option<Telling>,
    /// Devices that were asked for and found no place on the map, by name with how many.
    pub no_place: BTreeMap<String, u64>,
    /// Instants at which the state was to be saved and which did not come.
    pub states_missed: Vec<SimTime>,
}

/// Runs a scenario and writes its files; `interrupted` is asked after every step.
///
/// # Errors
/// When a file cannot be written or the wire fails; files already complete stay.
pub fn run(
    loaded: &LoadedScenario,
    destination: &Destination,
    program: &Program,
    wire: Option<&mut dyn Wire>,
    interrupted: &dyn Fn() -> bool,
    progress: &mut dyn FnMut(Progress),
) -> Result<Finished, RunError> {
    let learnt = forecast::learn(loaded, interrupted).map_err(|findings| {
        let first = findings.problems().first().map(ToString::to_string);
        RunError::Day(first.unwrap_or_default())
    })?;
    let attended = Attended { wire, watcher: None };
    carry_out(loaded, learnt.as_ref(), destination, program, attended, interrupted, progress)
}

/// Runs a scenario that leaves no files, where what advice is given by has been learnt before, seen by `watcher`, if there is one, at
/// every whole second of simulated time.
///
/// # Errors
/// None that a run without files and without a wire can meet; they are those of [`run`].
pub fn run_watched(
    loaded: &LoadedScenario,
    learnt: Option<&Forecast>,
    watcher: Option<&mut dyn Watcher>,
    interrupted: &dyn Fn() -> bool,
    progress: &mut dyn FnMut(Progress),
) -> Result<Finished, RunError> {
    let attended = Attended { wire: None, watcher };
    carry_out(loaded, learnt, &Destination::default(), &Program::default(), attended, interrupted, progress)
}

/// Who attends a run besides those who read its files.
struct Attended<'a> {
    wire: Option<&'a mut dyn Wire>,
    watcher: Option<&'a mut dyn Watcher>,
}

fn carry_out(
    loaded: &LoadedScenario,
    learnt: Option<&Forecast>,
    destination: &Destination,
    program: &Program,
    mut attended: Attended<'_>,
    interrupted: &dyn Fn() -> bool,
    progress: &mut dyn FnMut(Progress),
) -> Result<Finished, RunError> {
    // Drafts are begun first: a folder that cannot be written is found out before the simulation, not after.
    let mut recorder = Recorder::begin(loaded, destination, program)?;
    let prepared = Prepared::with(loaded, learnt, interrupted);
    let (city, no_place) = prepared.city(attended.wire.is_some());
    let (city, cut_short) = simulate(city, &mut recorder, prepared.loaded(), &mut attended, interrupted, progress)?;
    let outcome = city.finish(cut_short);
    recorder.end(&prepared, outcome, attended.wire, no_place)
}

/// Steps a city to its end; it, and whether it was cut short.
fn simulate(
    mut city: City,
    recorder: &mut Recorder,
    loaded: &LoadedScenario,
    attended: &mut Attended<'_>,
    interrupted: &dyn Fn() -> bool,
    progress: &mut dyn FnMut(Progress),
) -> Result<(City, bool), RunError> {
    let settings = loaded.settings;
    recorder.first(&mut city)?;
    let mut stopped = false;
    while !city.is_over() && !stopped {
        // What a step leaves is labelled with the instant at which it began, as SUMO's files are.
        let time = city.time();
        city.step();
        recorder.step(time, &city)?;
        if let Some(watcher) = &mut attended.watcher
            && city.time().as_milliseconds() % SECOND.as_milliseconds() == 0
        {
            watcher.look(city.time(), &city.vehicles());
        }
        if let Some(wire) = &mut attended.wire {
            wire.send(city.take_emissions())?;
            if city.emissions_discarded() > 0 {
                return Err(WireError(DISCARDED.to_owned()).into());
            }
        }
        recorder.keep(&city)?;
        stopped = interrupted();
        if stopped || recorder.is_time(&city) {
            let now = recorder.look(&city);
            let (running, arrived) = (now.running, now.arrived);
            progress(Progress { time: now.time, begin: settings.begin, end: settings.end, running, arrived });
        }
    }
    recorder.stop();
    let cut_short = stopped && !city.is_over();
    Ok((city, cut_short))
}
