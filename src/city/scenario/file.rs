//! The keys of a scenario file, as types: the one place that says what may be written.
//!
//! The JSON Schema and the grammar check are derived from these types, doc comments included. Sources and maps are externally
//! tagged (`- synthetic: {...}`), because other taggings lose the line and column of what is inside. Knows no rules between keys.

use schemars::JsonSchema;
use serde::Deserialize;

use super::calibration::CalibrationKey;
use super::comparison::{CompareKey, ExpectKey};
use super::measures_file::{InterventionsKey, VariantsKey};
use super::od::OdKey;
use super::parking::ParkingSupplyKey;
use super::quantity::{
    At, WrittenClock, WrittenDistance, WrittenDuration, WrittenFlow, WrittenRate, WrittenShare, WrittenSpeed,
};
use super::routing::{EquilibriumKey, RoutingKey};
use super::sensors_file::{SensorsKey, WeatherKey};
use super::timetables::BusesKey;

/// A scenario: what is asked of which city, when, and with which travellers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(title = "citytwin scenario")]
pub(super) struct ScenarioFile {
    /// A scenario this one is made from: what is not said here is as it is there, relative to this file. Keys under keys are merged, lists
    /// and `map` are replaced.
    pub extends: Option<At<String>>,
    /// Version of this file's grammar: 1.
    pub citytwin: At<u32>,
    /// Name of the scenario; its results are kept under it.
    pub name: At<String>,
    /// The question the scenario asks, in one sentence.
    pub question: Option<At<String>>,
    /// The city's roads.
    pub map: At<MapKey>,
    /// When, and how finely.
    pub time: At<TimeKey>,
    /// Who travels; several sources add up.
    pub demand: At<Vec<At<SourceKey>>>,
    /// How travellers without a given route find their way. `at-departure` unless given.
    pub routing: Option<At<RoutingKey>>,
    /// When an equilibrium is good enough, and how it is looked for; with `routing: equilibrium`.
    pub equilibrium: Option<At<EquilibriumKey>>,
    /// What the vehicles and their drivers are like.
    pub fleet: Option<At<FleetKey>>,
    /// Places at the kerb. Everybody has one where it wants to be unless given.
    pub parking: Option<At<ParkingSupplyKey>>,
    /// How what the sensors tell leaves the city.
    pub telemetry: Option<At<TelemetryKey>>,
    /// What blocks roads, and when.
    pub incidents: Option<At<Vec<At<IncidentKey>>>>,
    /// The ambulance service, and what chance brings.
    pub emergencies: Option<At<EmergenciesKey>>,
    /// What is written besides the tables and the report.
    pub outputs: Option<At<OutputsKey>>,
    /// Which devices watch the city. The standard set unless given.
    pub sensors: Option<At<SensorsKey>>,
    /// The weather of the day. Dry unless given.
    pub weather: Option<At<WeatherKey>>,
    /// How the variants are compared.
    pub compare: Option<At<CompareKey>>,
    /// What was counted and measured in the real city; the page of a comparison says how well the city as it is fits.
    pub calibration: Option<At<CalibrationKey>>,
    /// What is expected of the variants; `citytwin compare` says of each whether it holds, and ends with 3 where one does not.
    pub expect: Option<At<Vec<At<ExpectKey>>>>,
    /// Bundles of measures by name; a variant says which of them it has.
    pub interventions: Option<At<InterventionsKey>>,
    /// Which interventions are tried together, by the name of the variant: `base: []`. Each on its own unless given.
    pub variants: Option<At<VariantsKey>>,
    /// Root of every draw; the same seed gives the same run. 42 unless given.
    pub seed: Option<At<u64>>,
    /// How long a vehicle may be stuck before it is moved as a last resort. 300 s unless given.
    pub last_resort_after: Option<At<WrittenDuration>>,
}

/// Where the roads come from.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) enum MapKey {
    /// A map of this program: its `map.json` or the folder that holds it, relative to the scenario file.
    City(At<String>),
    /// A SUMO network (`.net.xml`, also gzipped), relative to the scenario file.
    SumoNet(At<String>),
    /// A file of OpenStreetMap (`.osm`, `.osm.gz`, `.osm.pbf`), relative to the scenario file; `citytwin import` lists what is
    /// guessed of it.
    Osm(At<String>),
}

/// When the run takes place.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct TimeKey {
    /// Clock time from which the city is measured.
    pub start: At<WrittenClock>,
    /// Time simulated before `start` to fill the roads; it is left out of the results.
    pub warmup: Option<At<WrittenDuration>>,
    /// How long the city is measured.
    pub run: At<WrittenDuration>,
    /// Length of a step, 0.1 s to 1 s. 1 s unless given.
    pub step: Option<At<WrittenDuration>>,
}

/// A source of travellers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) enum SourceKey {
    /// Trips made up from the map's homes and jobs; needs a map of this program.
    Synthetic(SyntheticKey),
    /// Trips between zones, by an origin-destination matrix.
    Od(OdKey),
    /// Bus lines from timetables (GTFS).
    Buses(BusesKey),
    /// SUMO route files (`.rou.xml`).
    SumoRoutes(FilesKey),
    /// Trips that were made, by SUMO's tripinfo or this program's: from the road of departure to that of arrival.
    Trips(TripsKey),
    /// Vehicles that were seen, by SUMO's floating car data (FCD) or this program's: trips over the roads that were driven.
    Fcd(RecordingKey),
    /// SUMO additional files (`.add.xml`): bus stops, detectors, vehicle types, routes.
    SumoAdditional(FilesKey),
}

/// Files of a source.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct FilesKey {
    /// Their paths, relative to the scenario file.
    pub files: At<Vec<At<String>>>,
}

/// Trips that were made.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct TripsKey {
    /// The file, also gzipped, relative to the scenario file.
    pub tripinfo: At<String>,
}

/// A recording of vehicles.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RecordingKey {
    /// The file, also gzipped, relative to the scenario file.
    pub file: At<String>,
}

/// Travellers made up from the map.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct SyntheticKey {
    /// Vehicles that depart in a time as long as `run`, buses not counted; the warm-up gets as many per hour. Give this or
    /// `flow`.
    pub vehicles: Option<At<u32>>,
    /// Vehicles that depart per hour on average, buses not counted. Give this or `vehicles`.
    pub flow: Option<At<WrittenFlow>>,
    /// How departures spread over time. `flat` unless given.
    pub profile: Option<At<ProfileKey>>,
    /// Share of trips that pass through, from one edge of the map to another. 15 % unless given.
    pub through_traffic: Option<At<WrittenShare>>,
    /// Whether the map's bus lines run. They do unless it says `false`.
    pub buses: Option<At<bool>>,
    /// Factor on the number of vehicles. 1 unless given.
    pub scale: Option<At<f64>>,
}

/// How departures spread over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ProfileKey {
    /// As on a weekday: rising until 07:45, then falling.
    MorningPeak,
    /// Evenly.
    Flat,
}

/// What the vehicles and their drivers are like.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct FleetKey {
    /// Car-following model of every vehicle, imported ones too.
    pub car_following: Option<At<FollowingKey>>,
    /// Time headway every driver keeps.
    pub headway: Option<At<WrittenDuration>>,
    /// Empty space every driver keeps to the leader when standing.
    pub gap: Option<At<WrittenDistance>>,
    /// Top speed of every vehicle; slower ones stay slower.
    pub speed_max: Option<At<WrittenSpeed>>,
    /// Standard deviation of drivers' wished speeds around the limit, as a share of it.
    pub speed_deviation: Option<At<WrittenShare>>,
    /// Share of trucks among synthetic vehicles and those of matrices.
    pub trucks: Option<At<WrittenShare>>,
    /// Share of delivery vans among them.
    pub vans: Option<At<WrittenShare>>,
    /// Share of motorcycles among them.
    pub motorcycles: Option<At<WrittenShare>>,
}

/// A car-following model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum FollowingKey {
    /// Krauss (1998), as SUMO has it.
    Krauss,
    /// The Intelligent Driver Model (Treiber, Hennecke, Helbing 2000).
    Idm,
}

/// How what the sensors tell leaves the city.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct TelemetryKey {
    /// Whether it travels the wire and is kept. It does unless it says `false`.
    pub wire: Option<At<bool>>,
    /// Mapping file: a topic for each reading type, `position: gps_data/{device}`, relative to the scenario file.
    pub topics: Option<At<String>>,
    /// Version of MQTT that devices speak. `v3.1.1` unless given.
    pub mqtt: Option<At<MqttKey>>,
}

/// A version of MQTT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub(super) enum MqttKey {
    /// The version of 2014, which everything speaks.
    #[serde(rename = "v3.1.1")]
    V311,
    /// The version of 2019.
    #[serde(rename = "v5")]
    V5,
}

/// Something that blocks a road.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct IncidentKey {
    /// Clock time at which it begins.
    pub at: At<WrittenClock>,
    /// The road: an edge's id, or a street's name for its longest edge.
    pub road: At<String>,
    /// How many lanes it blocks, from the kerb. 1 unless given.
    pub lanes: Option<At<u32>>,
    /// Where on the road its far end is, 0 % at the start. 50 % unless given.
    pub position: Option<At<WrittenShare>>,
    /// How much road it takes up. 15 m for a crash, 8 m for a breakdown, 30 m for roadworks, 5 m for an obstruction unless given.
    pub length: Option<At<WrittenDistance>>,
    /// How long it lasts at least; it also waits for ambulances that are still there.
    pub duration: At<WrittenDuration>,
    /// What it is. `breakdown` unless given.
    pub kind: Option<At<IncidentKindKey>>,
    /// How many people are hurt; each makes one call. None unless given.
    pub casualties: Option<At<u32>>,
}

/// What blocks a road.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum IncidentKindKey {
    /// Vehicles have collided.
    Crash,
    /// A vehicle has broken down.
    Breakdown,
    /// The road is being worked on.
    Roadworks,
    /// Something lies on the road.
    Obstruction,
}

/// The ambulance service, and what chance brings.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct EmergenciesKey {
    /// Ambulances at every station of the map. 2 unless given.
    pub ambulances: Option<At<u32>>,
    /// Medical calls by chance, by where people live. 6 per hour unless given.
    pub calls: Option<At<WrittenRate>>,
    /// Incidents by chance, by how much road there is. None unless given.
    pub random_incidents: Option<At<WrittenRate>>,
    /// Whether ambulances may use blue light and siren. They may unless it says `false`.
    pub siren: Option<At<bool>>,
    /// Mean time at the patient. 15 min unless given.
    pub treatment: Option<At<WrittenDuration>>,
    /// Mean time from the hospital's door to being ready again. 52.5, 42 or 32.5 min by how urgent the patient was unless given.
    pub handover: Option<At<WrittenDuration>>,
    /// Patients a hospital takes over at the same time. 3 unless given.
    pub bays: Option<At<u32>>,
}

/// What is written besides the tables and the report.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct OutputsKey {
    /// Folder that takes `<scenario>/<run id>/`, relative to where the program is started. `outputs` unless given.
    pub dir: Option<At<String>>,
    /// SUMO tripinfo file in the run's folder.
    pub tripinfo: Option<At<String>>,
    /// SUMO summary file in the run's folder.
    pub summary: Option<At<String>>,
    /// SUMO trajectories (FCD).
    pub fcd: Option<At<SeriesKey>>,
    /// SUMO edge data.
    pub edgedata: Option<At<SeriesKey>>,
    /// Length of an interval of the road table. 5 min unless given.
    pub road_interval: Option<At<WrittenDuration>>,
    /// How the tables of trips, roads, calls and incidents are written. `csv` unless given.
    pub tables: Option<At<TablesKey>>,
}

/// How the tables of a run are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum TablesKey {
    /// As CSV.
    Csv,
    /// As Parquet with types and units, beside the CSV.
    Parquet,
}

/// A file written in intervals.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct SeriesKey {
    /// File in the run's folder.
    pub file: At<String>,
    /// How often. Every step for trajectories and every road interval for edge data unless given.
    pub every: Option<At<WrittenDuration>>,
}

/// The grammar as a JSON Schema (2020-12).
pub(super) fn schema() -> schemars::Schema {
    schemars::schema_for!(ScenarioFile)
}
