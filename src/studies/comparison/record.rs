//! A finished run as it is kept: a small record of what it came to, and beside it the details that only the report needs.
//!
//! The details are written first and the record last, each under a temporary name that is then changed, so that a record
//! vouches for a whole run. What is compared is always read back from here, so that a comparison made at one go and one that
//! was killed and went on come to the same bytes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::access::AccessTotal;
use super::air::{self, AirTotal};
use super::areas::Areas;
use super::calibration::{self, CalibrationTotal};
use super::observed::{self, ApproachTotal};
use super::statistics::warm_up::mser5;
use super::{key, measures};
use crate::city::scenario::indicators::Group;
use crate::city::scenario::{LoadedScenario, folder_name};
use crate::simulation::outcome::{Convergence, Outcome, Prediction};
use crate::studies::access;
use crate::studies::experiment::{Gridlock, WriteError, find_gridlock, write_file};
use crate::studies::observation::Observed;

/// The largest record or file of details read [bytes].
const FILE_MAX: u64 = 1 << 30;
/// The longest part of a variant's name in the name of a file.
const NAME_MAX: usize = 48;

/// What decides whether a run can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validity {
    /// Vehicles that were due.
    pub due: u32,
    /// Vehicles on the road at the end.
    pub unfinished: u32,
    /// Vehicles that waited to enter at the end.
    pub backlog: u32,
    /// The most that ever waited to enter at once.
    pub backlog_max: u32,
    /// Vehicles that gave up entering.
    pub gave_up: u32,
    /// Vehicles moved as a last resort.
    pub last_resort_moves: u32,
    /// Times a law of the simulation was broken.
    pub laws_broken: u64,
}

/// A finished run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Version of this form.
    pub format: u32,
    /// The variant.
    pub variant: String,
    /// The seed.
    pub seed: u64,
    /// Digest of the request.
    pub request: String,
    /// Digest of the city that was run.
    pub city: String,
    /// Hash of the state at the end.
    pub state: String,
    /// Whether it can be trusted.
    pub validity: Validity,
    /// What was stuck at its end.
    pub gridlock: Option<Gridlock>,
    /// How ways were found, where the scenario asks for an equilibrium.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub convergence: Option<Convergence>,
    /// How far the travel times are off that advice was given by, where they were predicted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prediction: Option<Prediction>,
    /// How much of the measured time still filled the roads, by the number of vehicles and by their speed [s]; none where it never
    /// settled.
    pub warm_up_s: [Option<f64>; 2],
    /// What it came to, by the names of measures.
    pub measures: BTreeMap<String, f64>,
}

/// A road over the measured time: its id, vehicles that used it, time spent [s], distance driven [m], time lost [s].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct RoadTotal(pub String, pub f64, pub f64, pub f64, pub f64);

/// A finished trip: the vehicle's id, the place of its group in [`Group::ALL`] and of its area in the list, its time on the road [s].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct TripTotal(pub String, pub usize, pub usize, pub f64);

/// An interval of the road table: time spent [veh s], distance driven [m], time lost [veh s], trips ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct IntervalTotal(pub f64, pub f64, pub f64, pub u32);

/// What only the report needs of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Details {
    /// When the first interval begins, seconds after midnight.
    pub begin_s: f64,
    /// How long an interval is [s].
    pub interval_s: f64,
    /// The city over time.
    pub intervals: Vec<IntervalTotal>,
    /// Roads that were used, in the order of the network.
    pub roads: Vec<RoadTotal>,
    /// Names of the areas where trips begin.
    pub areas: Vec<String>,
    /// Finished trips of everybody without siren, by vehicle.
    pub trips: Vec<TripTotal>,
    /// Approaches of signals by level of service, A to F.
    pub levels: [u32; 6],
    /// Approaches where a queue was observed, in the order of the network.
    pub approaches: Vec<ApproachTotal>,
    /// The level beside every road that was used [dB(A)], where noise was observed, in the order of the network.
    pub noise: Vec<(String, f64)>,
    /// Junctions where vehicles came close on crossing paths: their id, critical and close pairs per hour.
    pub crossings: Vec<(String, f64, f64)>,
    /// The air beside the roads, where it was observed, in the order of the network.
    pub air: Vec<AirTotal>,
    /// What is held against what was counted; of the variant the others are held against.
    pub calibration: Option<CalibrationTotal>,
    /// From where people get to how many jobs, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<AccessTotal>,
    /// The zones in which `trips` begin, in their order, where people of zones were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<Option<u32>>,
}

/// Keeps a tenth of a unit, which is all that the report shows.
pub(super) fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// A run as it is kept.
pub(super) fn of(
    loaded: &LoadedScenario,
    (outcome, seen): (&Outcome, &Observed),
    variant: &str,
    (request, city): (String, String),
) -> Record {
    let laws = outcome.laws;
    let laws =
        [laws.conservation, laws.overlap, laws.jump, laws.conflicting_greens, laws.departures, laws.calls, laws.chain];
    let settled = |figure: fn(&crate::simulation::outcome::CityInstant) -> f64| {
        let series: Vec<f64> = outcome.city.iter().map(figure).collect();
        let first = outcome.city.first()?.time;
        mser5(&series).and_then(|cut| outcome.city.get(cut)).map(|instant| (instant.time - first).as_seconds())
    };
    Record {
        format: key::FORMAT,
        variant: variant.to_owned(),
        seed: loaded.settings.seed.0,
        request,
        city,
        state: outcome.state_hash.clone(),
        validity: Validity {
            due: outcome.loaded,
            unfinished: outcome.running,
            backlog: outcome.waiting_to_enter,
            backlog_max: outcome.waiting_to_enter_max,
            gave_up: outcome.loaded.saturating_sub(outcome.inserted).saturating_sub(outcome.waiting_to_enter),
            last_resort_moves: outcome.last_resort_moves,
            laws_broken: laws.into_iter().fold(0, u64::saturating_add),
        },
        gridlock: find_gridlock(&loaded.network, outcome),
        convergence: outcome.convergence.clone(),
        prediction: outcome.prediction,
        warm_up_s: [settled(|instant| f64::from(instant.running)), settled(|instant| instant.speed_mean)],
        measures: measures::of(loaded, outcome, seen),
    }
}

/// The details of a run.
pub(super) fn details(loaded: &LoadedScenario, outcome: &Outcome, seen: &Observed) -> Details {
    let network = &*loaded.network;
    let table = &outcome.roads;
    let intervals = table.intervals.iter().map(|row| {
        let sum = |figure: fn(&crate::simulation::outcome::RoadInterval) -> f64| row.iter().map(figure).sum::<f64>();
        IntervalTotal(
            tenth(sum(|cell| cell.sampled_seconds)),
            tenth(sum(|cell| cell.travelled)),
            tenth(sum(|cell| cell.time_loss)),
            row.iter().fold(0, |sum, cell| sum + cell.arrived),
        )
    });
    let roads = network.roads().filter_map(|(id, edge)| {
        let total = table.total(id);
        let vehicles = (total.entered + total.departed).max(total.left + total.arrived);
        let used = total.sampled_seconds > 0.0;
        used.then(|| {
            let [spent, driven, lost] = [total.sampled_seconds, total.travelled, total.time_loss].map(tenth);
            RoadTotal(edge.name.clone(), f64::from(vehicles), spent, driven, lost)
        })
    });
    let mut levels = [0; 6];
    for (_, delay) in measures::approaches(network, outcome) {
        levels[measures::level(delay)] += 1;
    }
    let (areas, trips, zones) = trips(loaded, outcome);
    Details {
        begin_s: table.begin.as_seconds(),
        interval_s: table.interval.as_seconds(),
        intervals: intervals.collect(),
        roads: roads.collect(),
        areas,
        trips,
        levels,
        approaches: observed::approaches(network, seen),
        noise: observed::noise(network, seen),
        crossings: observed::crossings(network, seen),
        air: air::totals(network, &loaded.comparison.effects, seen.air.as_ref()),
        calibration: calibration::total(loaded, outcome, seen),
        access: access::total(loaded, outcome).map(AccessTotal::from),
        zones,
    }
}

/// The finished trips of everybody without siren, the areas they begin in, and the zones of each where there are any.
fn trips(loaded: &LoadedScenario, outcome: &Outcome) -> (Vec<String>, Vec<TripTotal>, Vec<Option<u32>>) {
    let zone_of = loaded.access.as_deref().map(access::zone_of_roads);
    let areas = Areas::new(&loaded.network, loaded.places.as_ref());
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut trips = Vec::new();
    for trip in outcome.trips.iter().filter(|trip| trip.arrival.is_some()) {
        let group = measures::group_of(loaded, trip);
        let Some(row) = loaded.demand.vehicles.get(trip.vehicle.index()) else { continue };
        if group == Group::Emergency {
            continue;
        }
        let Some(origin) = loaded.demand.route(row.route).edges.first() else { continue };
        let count = places.len();
        let area = *places.entry(areas.of(*origin)).or_insert(count);
        let group = Group::ALL.iter().position(|one| *one == group).unwrap_or(0);
        let zone = zone_of.as_ref().and_then(|zones| zones.get(origin)).and_then(|&zone| u32::try_from(zone).ok());
        trips.push((TripTotal(row.name.clone(), group, area, trip.duration.as_seconds()), zone));
    }
    trips.sort_by(|a, b| a.0.0.cmp(&b.0.0));
    let mut names = vec![String::new(); places.len()];
    for (name, place) in places {
        names[place] = name;
    }
    let (trips, mut zones): (Vec<_>, Vec<_>) = trips.into_iter().unzip();
    if zone_of.is_none() {
        zones.clear();
    }
    (names, trips, zones)
}

/// The folder of runs in a comparison's folder.
pub(super) fn folder(comparison: &Path) -> PathBuf {
    comparison.join("runs")
}

/// Where a run is kept; a digest of the variant's name keeps names apart that look alike as names of files.
fn path(comparison: &Path, variant: &str, seed: u64, ending: &str) -> PathBuf {
    let name: String = folder_name(variant).chars().take(NAME_MAX).collect();
    let digest = blake3::hash(variant.as_bytes()).to_hex();
    folder(comparison).join(format!("{name}-{}-s{seed}.{ending}", &digest[..6]))
}

/// Keeps a run.
///
/// # Errors
/// When a file cannot be written.
pub(super) fn keep(comparison: &Path, record: &Record, details: &Details) -> Result<(), WriteError> {
    let beside = path(comparison, &record.variant, record.seed, "details.json");
    write_file(&beside, |out| Ok(serde_json::to_writer(out, details)?))?;
    keep_record(comparison, record)
}

/// Keeps a record only, whose details are there.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn keep_record(comparison: &Path, record: &Record) -> Result<(), WriteError> {
    write_file(&path(comparison, &record.variant, record.seed, "json"), |out| {
        serde_json::to_writer_pretty(&mut *out, record)?;
        writeln!(out)
    })
}

/// The record of a run, if it is there and whole, and is of that variant and seed.
pub(super) fn read(comparison: &Path, variant: &str, seed: u64) -> Option<Record> {
    let record: Record = parsed(&path(comparison, variant, seed, "json"))?;
    let details = path(comparison, variant, seed, "details.json").is_file();
    let fits = record.format == key::FORMAT && record.variant == variant && record.seed == seed;
    (fits && details).then_some(record)
}

/// The details of a run, if they are there and whole.
pub(super) fn read_details(comparison: &Path, variant: &str, seed: u64) -> Option<Details> {
    let details: Details = parsed(&path(comparison, variant, seed, "details.json"))?;
    let known = |trip: &TripTotal| trip.1 < Group::ALL.len() && trip.2 < details.areas.len();
    details.trips.iter().all(known).then_some(details)
}

fn parsed<T: serde::de::DeserializeOwned>(path: &Path) -> Option<T> {
    let about = std::fs::metadata(path).ok()?;
    if !about.is_file() || about.len() > FILE_MAX {
        return None;
    }
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}
