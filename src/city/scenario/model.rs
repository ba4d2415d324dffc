//! A scenario as a checked value: every quantity read, every rule between keys kept.
//!
//! Paths are as the file names them, relative to its folder already resolved. Knows neither YAML nor what is in the other files.

use std::path::PathBuf;

use super::calibration::CalibrationFiles;
use super::comparison::Comparison;
use super::measures::{Beside, Variant};
use super::od::OdSource;
use super::routing::Routing;
use super::sensors::{SensorSettings, Weather};
use super::timetables::Timetables;
use crate::city::demand::sumo::Recording;
use crate::city::emergency::{EmergencySpec, IncidentSpec};
use crate::city::intervention::Intervention;
use crate::city::intervention::parking::Parking;
use crate::primitives::random::Seed;
use crate::primitives::text::Place;
use crate::primitives::{Distance, Flow, SimDuration, SimTime, Speed};

/// What is asked of the city.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Its name; results are kept under it.
    pub name: String,
    /// The question it asks, in one sentence.
    pub question: Option<String>,
    /// The city's roads.
    pub map: MapSource,
    /// The day, `YYYY-MM-DD`, if one is given.
    pub date: Option<String>,
    /// From when the city is measured [s].
    pub start: SimTime,
    /// Time simulated before that [s].
    pub warmup: SimDuration,
    /// How long it is measured [s].
    pub run: SimDuration,
    /// Length of a step [s].
    pub step: SimDuration,
    /// Who travels.
    pub demand: Vec<DemandSource>,
    /// How travellers without a given route find their way.
    pub routing: Routing,
    /// What vehicles and drivers are like.
    pub fleet: Fleet,
    /// Places at the kerb, if the scenario speaks of them.
    pub parking: Option<Parking>,
    /// How what the sensors tell leaves the city.
    pub telemetry: Telemetry,
    /// Incidents written down.
    pub incidents: Vec<IncidentSpec>,
    /// The ambulance service, if one is asked for.
    pub emergencies: Option<EmergencySpec>,
    /// What is written.
    pub outputs: Outputs,
    /// Which devices watch the city; none means that it keeps silent.
    pub sensors: Option<SensorSettings>,
    /// The weather of the day.
    pub weather: Weather,
    /// How its variants are compared, and what is expected of them.
    pub comparison: Comparison,
    /// What was counted and measured, if anything was.
    pub calibration: CalibrationFiles,
    /// Files of the scenarios it extends, the nearest first.
    pub parents: Vec<PathBuf>,
    /// Bundles of measures.
    pub interventions: Vec<Intervention>,
    /// What each of them does beside the roads, in the same order.
    pub beside: Vec<Beside>,
    /// Which of them are tried together, in the order of the file.
    pub variants: Vec<Variant>,
    /// Root of every draw.
    pub seed: Seed,
    /// How long a vehicle may be stuck before it is moved [s].
    pub last_resort_after: SimDuration,
}

impl Scenario {
    /// When the simulation begins: the warm-up before the measured start [s].
    pub fn begin(&self) -> SimTime {
        self.start - self.warmup
    }

    /// When it ends [s].
    pub fn end(&self) -> SimTime {
        self.start + self.run
    }
}

/// A file named by the scenario, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedFile {
    /// The file.
    pub path: PathBuf,
    /// Where the scenario names it.
    pub place: Place,
}

/// Where the roads come from.
#[derive(Debug, Clone, PartialEq)]
pub enum MapSource {
    /// A map file of this program.
    City(NamedFile),
    /// A SUMO network.
    SumoNet(NamedFile),
    /// A file of OpenStreetMap.
    Osm(NamedFile),
}

/// A source of travellers.
#[derive(Debug, Clone, PartialEq)]
pub enum DemandSource {
    /// Trips made up from the map.
    Synthetic(Synthetic),
    /// A matrix of trips between zones.
    Od(OdSource),
    /// Bus lines from timetables.
    Timetables(Timetables),
    /// SUMO route files.
    SumoRoutes(Vec<NamedFile>),
    /// SUMO additional files.
    SumoAdditional(Vec<NamedFile>),
    /// Results, of which everybody who drove travels again.
    Recorded(NamedFile, Recording),
}

/// How departures spread over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// As on a weekday: rising until 07:45, then falling.
    MorningPeak,
    /// Evenly.
    Flat,
}

/// Travellers made up from the map.
#[derive(Debug, Clone, PartialEq)]
pub struct Synthetic {
    /// Where the scenario asks for them.
    pub place: Place,
    /// Vehicles that depart per hour on average, warm-up included, buses not counted, scaled [veh/h].
    pub flow: Flow,
    /// How departures spread over time.
    pub profile: Profile,
    /// Share of trips through the city, 0 to 1.
    pub through_traffic: f64,
    /// Whether the map's bus lines run.
    pub buses: bool,
}

/// A car-following model for everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FollowingModel {
    /// Krauss (1998).
    Krauss,
    /// The Intelligent Driver Model (2000).
    Idm,
}

/// What vehicles and drivers are like; `None` leaves them as they are.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fleet {
    /// Car-following model of everybody.
    pub following: Option<FollowingModel>,
    /// Time headway of every driver [s].
    pub headway: Option<SimDuration>,
    /// Standstill gap of every driver [m].
    pub gap: Option<Distance>,
    /// Top speed of every vehicle [m/s].
    pub speed_max: Option<Speed>,
    /// Standard deviation of wished speeds, as a share of the limit.
    pub speed_deviation: Option<f64>,
    /// Share of trucks among synthetic vehicles, 0 to 1.
    pub trucks: Option<f64>,
    /// Share of vans among synthetic vehicles, 0 to 1.
    pub vans: Option<f64>,
    /// Share of motorcycles among synthetic vehicles, 0 to 1.
    pub motorcycles: Option<f64>,
}

/// How what the sensors tell leaves the city.
#[derive(Debug, Clone, PartialEq)]
pub struct Telemetry {
    /// Whether it travels the wire and is kept.
    pub wire: bool,
    /// Mapping file of topics; none means the default ones.
    pub topics: Option<NamedFile>,
    /// Whether devices speak MQTT 5 instead of 3.1.1.
    pub mqtt5: bool,
}

impl Default for Telemetry {
    /// Over the wire, with the default topics, by MQTT 3.1.1.
    fn default() -> Self {
        Self { wire: true, topics: None, mqtt5: false }
    }
}

/// A file written in intervals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// Its name in the run's folder.
    pub file: PathBuf,
    /// How often [s].
    pub every: SimDuration,
}

/// How the tables of a run are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TableFormat {
    /// As CSV.
    #[default]
    Csv,
    /// As Parquet beside the CSV.
    Parquet,
}

/// What is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outputs {
    /// Folder that takes `<scenario>/<run id>/`; none leaves no folder.
    pub dir: Option<PathBuf>,
    /// SUMO tripinfo.
    pub tripinfo: Option<PathBuf>,
    /// SUMO summary.
    pub summary: Option<PathBuf>,
    /// SUMO trajectories.
    pub fcd: Option<Series>,
    /// SUMO edge data.
    pub edgedata: Option<Series>,
    /// Length of an interval of the road table [s].
    pub road_interval: SimDuration,
    /// How tables are written.
    pub tables: TableFormat,
}

impl Default for Outputs {
    /// Tables and report only, in `outputs`, with roads in intervals of five minutes.
    fn default() -> Self {
        Self {
            dir: Some(PathBuf::from("outputs")),
            tripinfo: None,
            summary: None,
            fcd: None,
            edgedata: None,
            road_interval: SimDuration::seconds(300.0),
            tables: TableFormat::default(),
        }
    }
}
