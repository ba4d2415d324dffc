//! Scenes of a simulated city: what a session shows of an instant.
//!
//! What did not change is shared with the scene before. Changes nothing and decides nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cast::Cast;
use super::stage::Stage;
use crate::api::port::{Scene, SceneIncident, SceneUnit, SceneVehicle, UnitDuty};
use crate::city::emergency::PlannedIncident;
use crate::city::network::Network;
use crate::primitives::{IncidentKind, VehicleClass};
use crate::simulation::outcome::{UnitInstant, UnitStatus, VehicleInstant};

/// How often the speeds on roads are made anew.
const ROADS_EVERY: Duration = Duration::from_secs(1);

/// Makes the scenes of a session.
#[derive(Debug, Default)]
pub(super) struct Scenes {
    tick: u64,
    episode: u32,
    signals: Arc<Vec<String>>,
    roads: Arc<Vec<Option<f32>>>,
    roads_made: Option<Instant>,
    units: Arc<Vec<SceneUnit>>,
    incidents: Arc<Vec<SceneIncident>>,
}

/// How the clock of a session goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Going {
    pub speed: Option<f64>,
    pub paused: bool,
    pub over: bool,
}

impl Scenes {
    /// The city is suddenly somewhere else.
    pub(super) fn leaps(&mut self) {
        self.episode += 1;
        self.roads_made = None;
    }

    /// The scene of this instant.
    pub(super) fn make(&mut self, stage: &Stage, going: Going, now: Instant) -> Scene {
        let (city, cast) = (stage.city(), stage.cast());
        let units = city.units();
        let vehicles = city.vehicles();
        if self.roads_made.is_none_or(|made| now.duration_since(made) >= ROADS_EVERY) {
            replace(&mut self.roads, speeds_on_roads(cast.network(), &vehicles));
            self.roads_made = Some(now);
        }
        replace(&mut self.units, units.iter().map(|unit| scene_unit(cast, unit)).collect());
        replace(&mut self.incidents, incidents(stage));
        self.tick += 1;
        Scene {
            tick: self.tick,
            time: stage.time(),
            episode: self.episode,
            speed: going.speed,
            paused: going.paused,
            over: going.over,
            vehicles: Arc::new(scene_vehicles(cast, &vehicles, &units)),
            signals: Arc::clone(&self.signals),
            roads: Arc::clone(&self.roads),
            units: Arc::clone(&self.units),
            incidents: Arc::clone(&self.incidents),
            totals: stage.totals(),
        }
    }
}

/// Puts in what is new, and keeps what is there where it is the same.
fn replace<T: PartialEq>(place: &mut Arc<Vec<T>>, new: Vec<T>) {
    if **place != new {
        *place = Arc::new(new);
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a position on a lane and a speed fit single precision for showing"
)]
const fn single(value: f64) -> f32 {
    value as f32
}

fn scene_vehicles(cast: &Cast, vehicles: &[VehicleInstant], units: &[UnitInstant]) -> Vec<SceneVehicle> {
    let sirens: BTreeSet<u32> = units.iter().filter(|unit| unit.siren).map(|unit| unit.vehicle.raw()).collect();
    let shown = |one: &VehicleInstant| SceneVehicle {
        number: one.vehicle.raw(),
        lane: one.lane.raw(),
        position: single(one.position),
        speed: single(one.speed),
        class: cast.classes.get(one.vehicle.index()).copied().unwrap_or(VehicleClass::Passenger),
        siren: sirens.contains(&one.vehicle.raw()),
        at_stop: one.at_stop,
    };
    let mut shown: Vec<SceneVehicle> = vehicles.iter().map(shown).collect();
    shown.sort_unstable_by_key(|one| one.number);
    shown
}

/// Mean of speed over speed limit by edge.
pub(super) fn speeds_on_roads(network: &Network, vehicles: &[VehicleInstant]) -> Vec<Option<f32>> {
    let mut sums = vec![(0.0_f64, 0_u32); network.edges.len()];
    for one in vehicles.iter().filter(|one| !one.at_stop) {
        let lane = network.lane(one.lane);
        let sum = &mut sums[lane.edge.index()];
        sum.0 += one.speed / lane.speed.as_metres_per_second().max(0.1);
        sum.1 += 1;
    }
    sums.into_iter().map(|(sum, n)| (n > 0).then(|| single(sum / f64::from(n)))).collect()
}

fn scene_unit(cast: &Cast, unit: &UnitInstant) -> SceneUnit {
    SceneUnit {
        unit: unit.unit,
        name: cast.units.get(unit.unit as usize).cloned().unwrap_or_default(),
        vehicle: unit.vehicle.raw(),
        duty: match unit.status {
            UnitStatus::Available => UnitDuty::AtStation,
            UnitStatus::Dispatched => UnitDuty::TurningOut,
            UnitStatus::EnRoute => UnitDuty::EnRoute,
            UnitStatus::AtScene => UnitDuty::AtScene,
            UnitStatus::Transporting => UnitDuty::Transporting,
            UnitStatus::AtHospital => UnitDuty::AtHospital,
            UnitStatus::Returning => UnitDuty::Returning,
        },
        call: unit.call,
        place: (unit.lane.raw(), single(unit.position)),
        on_road: unit.on_road,
    }
}

fn incidents(stage: &Stage) -> Vec<SceneIncident> {
    let cast = stage.cast();
    let Some(plan) = &cast.loaded().emergencies else { return Vec::new() };
    let open = stage.chronicle().incidents.iter();
    let shown = open.filter_map(|(&number, &since)| {
        let incident = plan.incidents.get(number as usize)?;
        Some(SceneIncident {
            incident: number,
            kind: incident.kind.name(),
            severity: severity(cast.network(), incident),
            place: (incident.lanes.first()?.raw(), single(incident.position.as_metres())),
            since,
        })
    });
    shown.collect()
}

/// How bad an incident is, as the control room tells it.
fn severity(network: &Network, incident: &PlannedIncident) -> &'static str {
    match incident.kind {
        _ if incident.casualties > 0 => "critical",
        _ if incident.lanes.len() >= network.edge(incident.edge).lane_count() => "high",
        IncidentKind::Roadworks => "low",
        IncidentKind::Crash | IncidentKind::Breakdown | IncidentKind::Obstruction => "medium",
    }
}
