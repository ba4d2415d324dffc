//! What a run writes down: files begun before it, what is noted step by step, and everything that is written at its end.
//!
//! Whoever steps the city calls it after every step; it looks on and changes nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::{Draft, WriteError, remove_file, write_file};
use super::gridlock::Gridlock;
use super::manifest::{Cpu, Manifest, Ordered, Program, user_cpu_seconds};
use super::run::{Destination, Finished, RunError, Wire};
use super::states::{Continued, Saves, go_on_from};
use super::stopwatch::{Elapsed, Stopwatch};
use super::summary::Summary;
use super::sumo_xml::{self, Trajectories};
use super::{columnar, emergencies, measured, page, tables};
use crate::city::scenario::{LoadedScenario, TableFormat};
use crate::primitives::{SimDuration, SimTime};
use crate::simulation::City;
use crate::simulation::outcome::{CityInstant, Convergence, LeftStop, Outcome, Prediction};
use crate::studies::equilibrium;
use crate::studies::forecast::{self, Forecast};
use crate::studies::report::telling::Telling;

/// How often the city as a whole is looked at [s]; a look costs a walk over all vehicles.
const SAMPLE: SimDuration = SimDuration::milliseconds(10_000);

/// A scenario whose ways and advice have been found, where it asks for that: ready for the run that counts.
#[derive(Debug, Clone)]
pub struct Prepared {
    loaded: LoadedScenario,
    convergence: Option<Convergence>,
    prediction: Option<Prediction>,
}

impl Prepared {
    /// Finds what the scenario asks for; most ask for nothing.
    ///
    /// # Errors
    /// When a day to learn from cannot be made.
    pub fn of(loaded: &LoadedScenario, interrupted: &dyn Fn() -> bool) -> Result<Self, RunError> {
        let learnt = forecast::learn(loaded, interrupted).map_err(|findings| {
            let first = findings.problems().first().map(ToString::to_string);
            RunError::Day(first.unwrap_or_default())
        })?;
        Ok(Self::with(loaded, learnt.as_ref(), interrupted))
    }

    /// The same where what advice is given by has been learnt before.
    pub(super) fn with(loaded: &LoadedScenario, learnt: Option<&Forecast>, interrupted: &dyn Fn() -> bool) -> Self {
        let mut knowing = loaded.clone();
        knowing.forecast = learnt.map(|forecast| Arc::clone(&forecast.delays));
        let prediction = learnt.map(|forecast| forecast.prediction);
        match equilibrium::settle(&knowing, interrupted) {
            Some(settled) => {
                Self { loaded: settled.loaded.clone(), convergence: Some(settled.convergence.clone()), prediction }
            }
            None => Self { loaded: knowing, convergence: None, prediction },
        }
    }

    /// The scenario as it is run.
    pub fn loaded(&self) -> &LoadedScenario {
        &self.loaded
    }

    /// Brings the city to life before its first step, with its devices and its control room if it `tells`; devices that were asked
    /// for and found no place, by name with how many.
    pub fn city(&self, tells: bool) -> (City, BTreeMap<String, u64>) {
        let loaded = &self.loaded;
        let mut city = City::of_scenario(loaded);
        let mut no_place = BTreeMap::new();
        if tells {
            if let Some(sensors) = &loaded.sensors {
                no_place = city.install_sensors(&loaded.network, &loaded.demand, sensors, &loaded.weather);
            }
            if let Some(plan) = &loaded.emergencies {
                city.open_control_room(&loaded.network, plan);
            }
        }
        (city, no_place)
    }
}

/// What a run writes down.
#[derive(Debug)]
pub struct Recorder {
    destination: Destination,
    program: Program,
    drafts: Drafts,
    saves: Saves,
    begin: SimTime,
    instants: Vec<CityInstant>,
    left_stops: Vec<LeftStop>,
    continued: Option<Continued>,
    before: Option<f64>,
    watch: Option<Stopwatch>,
    steps: Elapsed,
    orders: Option<Ordered>,
}

impl Recorder {
    /// Begins the files; a folder loses the manifest of an earlier run, which would vouch for this one's files if this one is cut
    /// short.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn begin(loaded: &LoadedScenario, destination: &Destination, program: &Program) -> Result<Self, WriteError> {
        let drafts = Drafts::begin(loaded, destination)?;
        if let Some(folder) = &destination.folder {
            remove_file(&folder.join("manifest.json"))?;
        }
        Ok(Self {
            destination: destination.clone(),
            program: program.clone(),
            drafts,
            saves: Saves::new(&destination.states),
            begin: loaded.settings.begin,
            instants: Vec::new(),
            left_stops: Vec::new(),
            continued: None,
            before: user_cpu_seconds(),
            watch: None,
            steps: Elapsed::default(),
            orders: None,
        })
    }

    /// Looks at a city before its first step, put into the state it is to go on from, if there is one.
    ///
    /// # Errors
    /// When that state is not of this city, or a state cannot be saved.
    pub fn first(&mut self, city: &mut City) -> Result<(), RunError> {
        self.continued = self.program.from.as_deref().map(|state| go_on_from(state, city)).transpose()?;
        self.instants.push(city.instant());
        self.saves.keep(city)?;
        self.watch = Some(Stopwatch::start());
        Ok(())
    }

    /// Notes what the step left that began at `time`.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn step(&mut self, time: SimTime, city: &City) -> Result<(), WriteError> {
        self.drafts.step(time, city)?;
        self.left_stops.extend_from_slice(city.left_stops());
        Ok(())
    }

    /// Saves the state of the city where its time has come.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep(&mut self, city: &City) -> Result<(), WriteError> {
        self.saves.keep(city)
    }

    /// Whether it is time to look at the city as a whole.
    pub fn is_time(&self, city: &City) -> bool {
        (city.time() - self.begin).as_milliseconds() % SAMPLE.as_milliseconds() == 0 || city.is_over()
    }

    /// Looks at the city as a whole.
    pub fn look(&mut self, city: &City) -> CityInstant {
        let now = city.instant();
        self.instants.push(now);
        now
    }

    /// Stops the watch: the last step is done.
    pub fn stop(&mut self) {
        self.steps = self.watch.take().map(|watch| watch.elapsed()).unwrap_or_default();
    }

    /// Says that the city was changed by orders while it ran, and in which file of its folder they are.
    pub fn was_ordered(&mut self, file: &Path, count: u64) {
        self.orders = Some(Ordered { file: file.display().to_string(), count });
    }

    /// Closes the wire and writes everything; the manifest last of all, so that a folder with a manifest is a whole run.
    ///
    /// # Errors
    /// When a file cannot be written or the wire fails; files already complete stay.
    pub fn end(
        mut self,
        prepared: &Prepared,
        mut outcome: Outcome,
        wire: Option<&mut dyn Wire>,
        no_place: BTreeMap<String, u64>,
    ) -> Result<Finished, RunError> {
        let loaded = &prepared.loaded;
        outcome.city = std::mem::take(&mut self.instants);
        outcome.left_stops = std::mem::take(&mut self.left_stops);
        outcome.convergence.clone_from(&prepared.convergence);
        outcome.prediction = prepared.prediction;
        let has_wire = wire.is_some();
        let telling = wire.map(|wire| wire.close(loaded, outcome.interrupted)).transpose()?.flatten();
        let simulated = user_cpu_seconds();
        let outcome = measured::from(outcome, loaded.measured_from);
        let spent = |from: Option<f64>, to: Option<f64>| Some(to? - from?);
        // With a wire the time is that of the whole pipeline, and says nothing of the engine.
        let steps = if has_wire { Elapsed::default() } else { self.steps };
        let summary = Summary::of(&loaded.network, &outcome, steps);
        let Self { destination, program, drafts, mut saves, continued, before, orders, .. } = self;
        drafts.end(&outcome)?;
        let about = page::About { program: &program, continued: continued.as_ref() };
        let mut files =
            write_folder(loaded, &destination, &about, (&outcome, summary.gridlock.as_ref()), telling.as_ref())?;
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
            names.extend(orders.as_ref().map(|orders| orders.file.clone()));
            names.sort();
            let span = (outcome.begin.to_string(), outcome.end.to_string());
            let manifest = Manifest::of(loaded, &about, &summary, (span, orders), cpu, &names);
            write_file(&folder.join("manifest.json"), |out| {
                serde_json::to_writer_pretty(&mut *out, &manifest)?;
                writeln!(out)
            })?;
        }
        Ok(Finished { outcome, summary, telling, no_place, states_missed: saves.missed() })
    }
}

/// SUMO's files, begun before the run; summary and trajectories are written while it goes on.
#[derive(Debug)]
struct Drafts {
    loaded: LoadedScenario,
    tripinfo: Option<Draft>,
    edgedata: Option<(Draft, SimDuration)>,
    summary: Option<Draft>,
    fcd: Option<(Draft, Trajectories, SimDuration)>,
}

impl Drafts {
    fn begin(loaded: &LoadedScenario, destination: &Destination) -> Result<Self, WriteError> {
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
        Ok(Self { loaded: loaded.clone(), tripinfo, edgedata, summary, fcd })
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
