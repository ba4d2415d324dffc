//! From a checked scenario to a city that can be brought to life: roads, travellers, settings, and the hashes of every file read.
//!
//! Reads files, the last place that does before a run. Knows no results and no clock on the wall.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::access::{self, Access, AccessSource};
use super::calibration::{self, Calibration};
use super::comparison::Comparison;
use super::measures::Variant;
use super::model::{Outputs, Scenario, Telemetry};
use super::passengers::Passengers;
use super::resolved::Resolved;
use super::routing::Routing;
use super::sensors::{SensorSettings, Weather};
use super::variant::{self, Base};
use super::{sources, sumocfg};
use crate::city::demand::{Demand, VehicleKind};
use crate::city::emergency::EmergencyPlan;
use crate::city::intervention::Plan;
use crate::city::intervention::parking::Parked;
use crate::city::network::Network;
use crate::city::network::cache::NetworkCache;
use crate::city::network::places::Places;
use crate::city::routing::Delays;
use crate::city::scenario::settings::RunSettings;
use crate::primitives::random::Seed;
use crate::primitives::text::{Findings, Place, Problem};
use crate::primitives::{SimTime, Timestamp};

/// What the command line says instead of the file.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Overrides {
    /// Root of every draw.
    pub seed: Option<Seed>,
    /// Threads to use, at least 1.
    pub threads: Option<usize>,
    /// From when the city is measured [s].
    pub begin: Option<SimTime>,
    /// When the run ends [s].
    pub end: Option<SimTime>,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputFile {
    /// Its path.
    pub path: PathBuf,
    /// BLAKE3 of its bytes, hexadecimal.
    pub blake3: String,
}

/// A city ready to be brought to life.
#[derive(Debug, Clone)]
pub struct LoadedScenario {
    /// Name of the scenario.
    pub name: String,
    /// The question it asks.
    pub question: Option<String>,
    /// The roads.
    pub network: Arc<Network>,
    /// What a map of this program says beyond its roads.
    pub places: Option<Places>,
    /// Who travels.
    pub demand: Arc<Demand>,
    /// Incidents, ambulances and hospitals, if the scenario has any.
    pub emergencies: Option<Arc<EmergencyPlan>>,
    /// What changes in the roads' rules, and when; nothing in the city as it is.
    pub plan: Arc<Plan>,
    /// Which variant of the scenario it is.
    pub variant: String,
    /// Every variant there is, in the order of the file, the city as it is among them.
    pub variants: Vec<Variant>,
    /// What came of looking for places at the kerb, if the scenario speaks of them.
    pub parked: Option<Arc<Parked>>,
    /// How travellers without a given route find their way.
    pub routing: Routing,
    /// The delays by which advice is given, once they have been learnt on earlier days.
    pub forecast: Option<Arc<Delays>>,
    /// How the run is to be made.
    pub settings: RunSettings,
    /// From when results count; later than the run's beginning when there is a warm-up [s].
    pub measured_from: SimTime,
    /// How what the sensors tell leaves the city.
    pub telemetry: Telemetry,
    /// Which devices watch the city; none means that it keeps silent.
    pub sensors: Option<SensorSettings>,
    /// The weather of the day.
    pub weather: Weather,
    /// How the types of the demand drive on a dry day, where the weather changes that.
    pub dry: Option<Arc<[VehicleKind]>>,
    /// How its variants are compared, and what is expected of them.
    pub comparison: Comparison,
    /// What was counted and measured in the measured time, if tables are named.
    pub calibration: Option<Arc<Calibration>>,
    /// From where people get to how many jobs, if a comparison asks for it.
    pub access: Option<Arc<Access>>,
    /// What is written.
    pub outputs: Outputs,
    /// The scenario with every default filled in.
    pub resolved: Resolved,
    /// Every file read, the scenario first.
    pub files: Vec<InputFile>,
    /// What the files contain and this program leaves out, by name with how many.
    pub left_out: BTreeMap<String, u64>,
    /// What other variants are made from; none for a SUMO configuration, which has none.
    pub(super) base: Option<Arc<Base>>,
}

impl LoadedScenario {
    /// The same without what a run does not depend on: names and words, what is only told or written, other variants, threads.
    /// Two that are equal then make equal runs.
    #[must_use]
    pub fn without_words(&self) -> Self {
        let mut bare = self.clone();
        // Only the variant the others are held against is held against what was counted.
        if bare.variant != bare.comparison.against {
            bare.calibration = None;
        }
        for word in [&mut bare.name, &mut bare.variant] {
            word.clear();
        }
        bare.question = None;
        bare.resolved = Resolved::default();
        bare.files.clear();
        bare.left_out.clear();
        bare.variants.clear();
        bare.base = None;
        bare.telemetry = Telemetry::default();
        bare.sensors = None;
        // What is observed and reckoned is kept with a run; where nobody did, it is another one.
        let Comparison { observe, effects, passengers, .. } = bare.comparison;
        let passengers = passengers.map(Passengers::without_places);
        bare.comparison = Comparison { observe, effects, passengers, ..Comparison::default() };
        bare.outputs = Outputs { road_interval: bare.outputs.road_interval, ..Outputs::default() };
        Arc::make_mut(&mut bare.plan).resolved.clear();
        bare.settings.threads = 1;
        bare
    }

    /// The same variant on another day: everything that is drawn is drawn with another seed, on the same roads.
    ///
    /// # Errors
    /// When that day's travellers cannot be made.
    pub fn day(&self, seed: Seed) -> Result<Self, Findings> {
        let Some(base) = &self.base else {
            let mut day = self.clone();
            day.settings.seed = seed;
            return Ok(day);
        };
        let mut day = Base::clone(base);
        day.scenario.seed = seed;
        day.settings.seed = seed;
        let mut roads = sources::Roads {
            network: Network::clone(&base.network),
            places: base.places.clone(),
            map: base.map.clone(),
            files: Vec::new(),
            left_out: Findings::default(),
        };
        let mut travellers = sources::travellers(&day.scenario, &mut roads)?;
        super::fleet::apply(&day.scenario.fleet, &mut travellers.demand);
        day.demand = Arc::new(travellers.demand);
        let name = variant::base_name(&day.scenario);
        variant::dress(&Arc::new(day), &name, &[])?.variant(&self.variant)
    }
}

/// Loads a scenario: a `.yaml` file of this program or a `.sumocfg` of SUMO.
///
/// # Errors
/// Everything wrong with the scenario, or else everything wrong with the files it names, at once.
pub fn load(path: &Path, overrides: &Overrides) -> Result<LoadedScenario, Findings> {
    load_with(path, overrides, None)
}

/// The same, with SUMO's networks from a cache where they have been read before.
///
/// # Errors
/// As [`load`].
pub fn load_with(path: &Path, overrides: &Overrides, cache: Option<&NetworkCache>) -> Result<LoadedScenario, Findings> {
    if path.is_dir() {
        let problem = Problem::new(Place::file(path), "is a folder");
        return Err(just(problem.help("name the scenario's file in it")));
    }
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("yaml" | "yml") => from_yaml(path, overrides, cache),
        Some("sumocfg") => from_sumocfg(path, overrides, cache),
        _ => {
            let problem = Problem::new(Place::file(path), "is neither a scenario nor a SUMO configuration");
            Err(just(problem.help("scenarios end in `.yaml`, SUMO configurations in `.sumocfg`")))
        }
    }
}

fn just(problem: Problem) -> Findings {
    let mut findings = Findings::default();
    findings.problem(problem);
    findings
}

fn from_yaml(path: &Path, overrides: &Overrides, cache: Option<&NetworkCache>) -> Result<LoadedScenario, Findings> {
    let mut scenario = super::read(path)?;
    override_times(&mut scenario, overrides)?;
    scenario.seed = overrides.seed.unwrap_or(scenario.seed);
    let mut roads = sources::roads(&scenario.map, cache)?;
    let mut travellers = sources::travellers(&scenario, &mut roads)?;
    super::fleet::apply(&scenario.fleet, &mut travellers.demand);
    let standard = RunSettings::default();
    let settings = RunSettings {
        midnight: scenario.date.as_deref().and_then(Timestamp::midnight).unwrap_or(standard.midnight),
        begin: scenario.begin(),
        end: Some(scenario.end()),
        step: scenario.step,
        seed: scenario.seed,
        threads: overrides.threads.unwrap_or(1).max(1),
        road_interval: scenario.outputs.road_interval,
        last_resort_after: Some(scenario.last_resort_after),
        depart_delay_max: None,
    };
    let measured =
        calibration::Measured { from: scenario.start, until: scenario.end(), interval: scenario.outputs.road_interval };
    let (calibration, table_left_out) = calibration::read(&scenario.calibration, &roads.network, measured)?;
    let calibration = calibration.map(Arc::new);
    if let Some(passengers) = &scenario.comparison.passengers {
        passengers.check(&travellers.demand, &scenario.interventions)?;
    }
    let (reach, zones_left_out) = access::read(&scenario, &roads.network, roads.places.as_ref())?;
    let reach = reach.map(Arc::new);
    let tables = &scenario.calibration;
    let tables = [&tables.counts, &tables.detectors, &tables.travel_times];
    let tables: Vec<PathBuf> = tables.into_iter().flatten().map(|file| file.path.clone()).collect();
    let topics = scenario.telemetry.topics.as_ref().map(|file| file.path.clone());
    let parents = scenario.parents.iter().cloned();
    let read = std::iter::once(path.to_owned())
        .chain(parents)
        .chain(roads.files)
        .chain(travellers.files)
        .chain(topics)
        .chain(tables)
        .chain(scenario.comparison.access.iter().flat_map(AccessSource::files));
    let files = hashed(read)?;
    let mut left_out = roads.left_out;
    left_out.absorb(travellers.left_out);
    left_out.absorb(table_left_out);
    left_out.absorb(zones_left_out);
    let name = variant::base_name(&scenario);
    let base = Base {
        scenario,
        settings,
        network: Arc::new(roads.network),
        places: roads.places,
        map: roads.map,
        demand: Arc::new(travellers.demand),
        calibration,
        access: reach,
        files,
        left_out: left_out.left_out().clone(),
    };
    variant::dress(&Arc::new(base), &name, &[])
}

/// Lays the command line's begin and end over the scenario's.
fn override_times(scenario: &mut Scenario, overrides: &Overrides) -> Result<(), Findings> {
    let refuse = |message: String| Err(just(Problem::new(Place::file("command line"), message)));
    let end = overrides.end.unwrap_or_else(|| overrides.begin.unwrap_or(scenario.start) + scenario.run);
    scenario.start = overrides.begin.unwrap_or(scenario.start);
    if end <= scenario.start {
        return refuse(format!("the run would end at {end}, before it begins at {}", scenario.start));
    }
    scenario.run = end - scenario.start;
    if scenario.begin() < SimTime::ZERO {
        return refuse("the warm-up would begin before midnight".to_owned());
    }
    if scenario.run.as_milliseconds() % scenario.step.as_milliseconds() != 0 {
        return refuse(format!("a run of {} is not a whole number of steps of {}", scenario.run, scenario.step));
    }
    Ok(())
}

/// The files with their hashes, each once, in the order of reading.
fn hashed(paths: impl Iterator<Item = PathBuf>) -> Result<Vec<InputFile>, Findings> {
    let mut files: Vec<InputFile> = Vec::new();
    for path in paths {
        if files.iter().any(|file| file.path == path) {
            continue;
        }
        let mut hasher = blake3::Hasher::new();
        let bytes = std::fs::File::open(&path).and_then(|mut file| std::io::copy(&mut file, &mut hasher));
        if let Err(error) = bytes {
            return Err(just(Problem::new(Place::file(path), format!("cannot be read: {error}"))));
        }
        files.push(InputFile { path, blake3: hasher.finalize().to_hex().to_string() });
    }
    Ok(files)
}

/// A SUMO configuration: measured from its beginning, and nothing written unless asked for.
fn from_sumocfg(path: &Path, overrides: &Overrides, cache: Option<&NetworkCache>) -> Result<LoadedScenario, Findings> {
    let sumo = sumocfg::load_with(path, overrides.seed, overrides.begin, overrides.end, cache)?;
    let settings = RunSettings { threads: overrides.threads.unwrap_or(1).max(1), ..sumo.settings };
    let name = path.file_stem().map_or_else(|| "sumo".to_owned(), |stem| stem.to_string_lossy().into_owned());
    let outputs = Outputs { dir: None, road_interval: settings.road_interval, ..Outputs::default() };
    Ok(LoadedScenario {
        resolved: Resolved::of_sumo(&name, &sumo.files, &settings),
        name,
        question: None,
        network: Arc::new(sumo.network),
        places: None,
        demand: Arc::new(sumo.demand),
        emergencies: None,
        plan: Arc::default(),
        parked: None,
        variant: "base".to_owned(),
        variants: vec![Variant { name: "base".to_owned(), interventions: Vec::new() }],
        routing: Routing::AtDeparture,
        forecast: None,
        settings,
        measured_from: settings.begin,
        telemetry: Telemetry { wire: false, ..Telemetry::default() },
        // It says nothing of devices; asked to tell something, its city has the standard set.
        sensors: Some(SensorSettings::default()),
        weather: Weather::default(),
        dry: None,
        comparison: Comparison::default(),
        calibration: None,
        access: None,
        outputs,
        files: hashed(sumo.files.into_iter())?,
        left_out: sumo.findings.left_out().clone(),
        base: None,
    })
}
