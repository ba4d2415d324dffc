//! One run: brings a loaded scenario to life, steps it to its end, and writes what is asked for.
//!
//! Steps are watched, never influenced. When somebody interrupts, the step under way is finished and everything is written
//! as a partial result.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::files::{Draft, WriteError, remove_file, write_file};
use super::gridlock::Gridlock;
use super::manifest::{Cpu, Manifest, Program, user_cpu_seconds};
use super::states::{Continued, Saves, StateRefused, go_on_from};
use super::stopwatch::{Elapsed, Stopwatch};
use super::summary::Summary;
use super::sumo_xml::{self, Trajectories};
use super::{columnar, emergencies, measured, page, tables};
use crate::city::scenario::{LoadedScenario, TableFormat};
use crate::primitives::{SimDuration, SimTime};
use crate::simulation::City;
use crate::simulation::outcome::{Outcome, VehicleInstant};
use crate::studies::equilibrium;
use crate::studies::forecast::{self, Forecast};
use crate::studies::report::telling::Telling;
use crate::telemetry::Emission;

/// How often the city as a whole is looked at [s]; a look costs a walk over all vehicles.
const SAMPLE: SimDuration = SimDuration::milliseconds(10_000);

/// How often a watcher sees the vehicles [s].
const SECOND: SimDuration = SimDuration::milliseconds(1000);

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
    let mut drafts = Drafts::begin(loaded, destination)?;
    if let Some(folder) = &destination.folder {
        // An earlier run's would vouch for this one's files if this one is cut short.
        remove_file(&folder.join("manifest.json"))?;
    }
    let before = user_cpu_seconds();
    let mut knowing = loaded.clone();
    knowing.forecast = learnt.map(|forecast| Arc::clone(&forecast.delays));
    let loaded = &knowing;
    let settled = equilibrium::settle(loaded, interrupted);
    let (loaded, convergence) = match &settled {
        Some(settled) => (&settled.loaded, Some(settled.convergence.clone())),
        None => (loaded, None),
    };
    let mut saves = Saves::new(&destination.states);
    let made = simulate(loaded, program, (&mut drafts, &mut saves), &mut attended, interrupted, progress)?;
    let Made { mut outcome, no_place, continued, steps } = made;
    outcome.convergence = convergence;
    outcome.prediction = learnt.map(|forecast| forecast.prediction);
    let has_wire = attended.wire.is_some();
    let telling = attended.wire.map(|wire| wire.close(loaded, outcome.interrupted)).transpose()?.flatten();
    let simulated = user_cpu_seconds();
    let outcome = measured::from(outcome, loaded.measured_from);
    let spent = |from: Option<f64>, to: Option<f64>| Some(to? - from?);
    // With a wire the time is that of the whole pipeline, and says nothing of the engine.
    let summary = Summary::of(&loaded.network, &outcome, if has_wire { Elapsed::default() } else { steps });
    drafts.end(&outcome)?;
    let about = page::About { program, continued: continued.as_ref() };
    let mut files = write_folder(loaded, destination, &about, (&outcome, summary.gridlock.as_ref()), telling.as_ref())?;
    files.append(&mut saves.written);
    let series = [&destination.fcd, &destination.edgedata].map(|file| file.as_ref().map(|(path, _)| path));
    files.extend(
        [destination.tripinfo.as_ref(), destination.summary.as_ref()].into_iter().chain(series).flatten().cloned(),
    );
    if let Some(folder) = &destination.folder {
        let cpu = Cpu {
            loading: program.loading_cpu_s,
            simulating: spent(before, simulated),
            writing: spent(simulated, user_cpu_seconds()),
        };
        let mut names: Vec<String> =
            files.iter().map(|path| path.strip_prefix(folder).unwrap_or(path).display().to_string()).collect();
        names.sort();
        let span = (outcome.begin.to_string(), outcome.end.to_string());
        let manifest = Manifest::of(loaded, &about, &summary, span, cpu, &names);
        // Last of all, so that a folder with a manifest is a whole run.
        write_file(&folder.join("manifest.json"), |out| {
            serde_json::to_writer_pretty(&mut *out, &manifest)?;
            writeln!(out)
        })?;
    }
    Ok(Finished { outcome, summary, telling, no_place, states_missed: saves.missed() })
}

/// What the step loop made.
struct Made {
    outcome: Outcome,
    no_place: BTreeMap<String, u64>,
    continued: Option<Continued>,
    /// What the steps cost.
    steps: Elapsed,
}

fn simulate(
    loaded: &LoadedScenario,
    program: &Program,
    (drafts, saves): (&mut Drafts<'_>, &mut Saves<'_>),
    attended: &mut Attended<'_>,
    interrupted: &dyn Fn() -> bool,
    progress: &mut dyn FnMut(Progress),
) -> Result<Made, RunError> {
    let settings = loaded.settings;
    let mut city = City::of_scenario(loaded);
    let mut no_place = BTreeMap::new();
    if attended.wire.is_some() {
        if let Some(sensors) = &loaded.sensors {
            no_place = city.install_sensors(&loaded.network, &loaded.demand, sensors, &loaded.weather);
        }
        if let Some(plan) = &loaded.emergencies {
            city.open_control_room(&loaded.network, plan);
        }
    }
    let continued = program.from.as_deref().map(|state| go_on_from(state, &mut city)).transpose()?;
    let mut instants = vec![city.instant()];
    let mut left_stops = Vec::new();
    let mut stopped = false;
    saves.keep(&city)?;
    let watch = Stopwatch::start();
    while !city.is_over() && !stopped {
        // What a step leaves is labelled with the instant at which it began, as SUMO's files are.
        let time = city.time();
        city.step();
        drafts.step(time, &city)?;
        left_stops.extend_from_slice(city.left_stops());
        if let Some(watcher) = &mut attended.watcher
            && city.time().as_milliseconds() % SECOND.as_milliseconds() == 0
        {
            watcher.look(city.time(), &city.vehicles());
        }
        if let Some(wire) = &mut attended.wire {
            wire.send(city.take_emissions())?;
            if city.emissions_discarded() > 0 {
                let sentence =
                    "the city told more in one step than can be kept; ask for fewer devices, or longer periods";
                return Err(WireError(sentence.to_owned()).into());
            }
        }
        saves.keep(&city)?;
        stopped = interrupted();
        let sample = (city.time() - settings.begin).as_milliseconds() % SAMPLE.as_milliseconds() == 0;
        if sample || stopped || city.is_over() {
            let now = city.instant();
            let (running, arrived) = (now.running, now.arrived);
            progress(Progress { time: now.time, begin: settings.begin, end: settings.end, running, arrived });
            instants.push(now);
        }
    }
    let elapsed = watch.elapsed();
    let cut_short = stopped && !city.is_over();
    let mut outcome = city.finish(cut_short);
    outcome.city = instants;
    outcome.left_stops = left_stops;
    Ok(Made { outcome, no_place, continued, steps: elapsed })
}

/// SUMO's files, begun before the run; summary and trajectories are written while it goes on.
struct Drafts<'a> {
    loaded: &'a LoadedScenario,
    tripinfo: Option<Draft>,
    edgedata: Option<(Draft, SimDuration)>,
    summary: Option<Draft>,
    fcd: Option<(Draft, Trajectories, SimDuration)>,
}

impl<'a> Drafts<'a> {
    fn begin(loaded: &'a LoadedScenario, destination: &Destination) -> Result<Self, WriteError> {
        let mut summary = None;
        if let Some(path) = &destination.summary {
            let mut draft = Draft::create(path)?;
            draft.add(|out| sumo_xml::summary_head(out))?;
            summary = Some(draft);
        }
        let mut fcd = None;
        if let Some((path, every)) = &destination.fcd {
            let mut draft = Draft::create(path)?;
            let mut trajectories = None;
            draft.add(|out| Trajectories::begin(out, &loaded.demand).map(|begun| trajectories = Some(begun)))?;
            fcd = trajectories.map(|trajectories| (draft, trajectories, *every));
        }
        let tripinfo = destination.tripinfo.as_deref().map(Draft::create).transpose()?;
        let edgedata = match &destination.edgedata {
            Some((path, every)) => Some((Draft::create(path)?, *every)),
            None => None,
        };
        Ok(Self { loaded, tripinfo, edgedata, summary, fcd })
    }

    fn step(&mut self, time: SimTime, city: &City) -> Result<(), WriteError> {
        let since = time - self.loaded.measured_from;
        if since < SimDuration::ZERO {
            return Ok(());
        }
        if let Some(draft) = &mut self.summary {
            let instant = city.instant();
            draft.add(|out| sumo_xml::summary_step(out, time, &instant))?;
        }
        if let Some((draft, trajectories, every)) = &mut self.fcd
            && since.as_milliseconds() % every.as_milliseconds().max(1) == 0
        {
            let (network, demand) = (&self.loaded.network, &self.loaded.demand);
            draft.add(|out| trajectories.step(out, time, city.vehicles(), network, demand))?;
        }
        Ok(())
    }

    fn end(self, outcome: &Outcome) -> Result<(), WriteError> {
        let (network, demand) = (&self.loaded.network, &self.loaded.demand);
        if let Some(mut draft) = self.tripinfo {
            draft.add(|out| sumo_xml::tripinfo(out, &outcome.trips, network, demand))?;
            draft.finish()?;
        }
        if let Some((mut draft, every)) = self.edgedata {
            draft.add(|out| sumo_xml::edgedata(out, outcome, every, network))?;
            draft.finish()?;
        }
        if let Some(mut draft) = self.summary {
            draft.add(|out| sumo_xml::summary_tail(out))?;
            draft.finish()?;
        }
        if let Some((mut draft, ..)) = self.fcd {
            draft.add(|out| Trajectories::end(out))?;
            draft.finish()?;
        }
        Ok(())
    }
}

/// Writes tables and report; the files written.
fn write_folder(
    loaded: &LoadedScenario,
    destination: &Destination,
    about: &page::About<'_>,
    (outcome, gridlock): (&Outcome, Option<&Gridlock>),
    telling: Option<&Telling>,
) -> Result<Vec<PathBuf>, WriteError> {
    let Some(folder) = &destination.folder else { return Ok(Vec::new()) };
    let (network, demand) = (&*loaded.network, &*loaded.demand);
    let mut files = vec![folder.join("trips.csv"), folder.join("roads.csv")];
    write_file(&files[0], |out| tables::trips(out, &outcome.trips, network, demand))?;
    write_file(&files[1], |out| tables::roads(out, outcome, network))?;
    if let Some(plan) = &loaded.emergencies {
        let (calls, incidents) = (folder.join("calls.csv"), folder.join("incidents.csv"));
        write_file(&calls, |out| emergencies::calls(out, &outcome.calls, network, plan))?;
        write_file(&incidents, |out| emergencies::incidents(out, &outcome.incidents, network))?;
        files.extend([calls, incidents]);
    }
    if loaded.outputs.tables == TableFormat::Parquet {
        let tables = files.iter().map(|table| columnar::beside(table)).collect::<Result<Vec<_>, _>>()?;
        files.extend(tables);
    }
    if destination.report {
        let path = folder.join("report.html");
        write_file(&path, |out| page::write(loaded, about, (outcome, gridlock), telling, out))?;
        files.push(path);
    }
    Ok(files)
}
