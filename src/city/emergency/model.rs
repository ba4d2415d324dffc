//! What is asked for, and the plan that comes of it: plain values, places resolved on the network.

use crate::primitives::ids::{EdgeId, LaneId, VehicleId};
use crate::primitives::text::Place;
use crate::primitives::{Category, Distance, IncidentKind, SimDuration, SimTime};

/// What a scenario asks of its ambulance service.
#[derive(Debug, Clone, PartialEq)]
pub struct EmergencySpec {
    /// Where it asks.
    pub place: Place,
    /// Ambulances at each station of the map.
    pub ambulances: u32,
    /// Medical calls that come in per hour on average.
    pub calls_per_hour: f64,
    /// Incidents that happen by chance per hour on average, in the whole city.
    pub incidents_per_hour: f64,
    /// Whether ambulances may use blue light and siren.
    pub siren: bool,
    /// Mean time at the patient [s].
    pub treatment: SimDuration,
    /// Mean time from the hospital's door to being ready again [s]; none takes that of the patient's category.
    pub handover: Option<SimDuration>,
    /// Patients a hospital's emergency department takes over at the same time.
    pub bays: u32,
}

/// An incident as a scenario writes it.
#[derive(Debug, Clone, PartialEq)]
pub struct IncidentSpec {
    /// Where the scenario asks for it.
    pub place: Place,
    /// When it begins [s].
    pub at: SimTime,
    /// The road: an edge's id or a street's name.
    pub road: String,
    /// How many lanes it blocks, from the kerb; none blocks one.
    pub lanes: Option<u32>,
    /// Where on the road, 0 at its start to 1 at its end.
    pub position: f64,
    /// How much road it takes up [m].
    pub length: Distance,
    /// How long it lasts [s].
    pub duration: SimDuration,
    /// What it is.
    pub kind: IncidentKind,
    /// How many people are hurt.
    pub casualties: u32,
}

/// A place at the kerb of a road.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Spot {
    /// The road.
    pub edge: EdgeId,
    /// The lane next to the kerb that ambulances may use.
    pub lane: LaneId,
    /// From the lane's start [m].
    pub position: Distance,
}

/// An ambulance station.
#[derive(Debug, Clone, PartialEq)]
pub struct Base {
    /// Its name.
    pub name: String,
    /// Its gate.
    pub spot: Spot,
}

/// A hospital.
#[derive(Debug, Clone, PartialEq)]
pub struct Hospital {
    /// Its name.
    pub name: String,
    /// Its gate.
    pub spot: Spot,
    /// Patients it takes over at the same time.
    pub bays: u32,
}

/// An ambulance.
#[derive(Debug, Clone, PartialEq)]
pub struct Unit {
    /// Its call sign, the name of its row in the demand.
    pub name: String,
    /// Its station, by position in [`EmergencyPlan::bases`].
    pub base: usize,
    /// Its row of the demand.
    pub vehicle: VehicleId,
}

/// A call that will come in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlannedCall {
    /// When [s].
    pub at: SimTime,
    /// Where the patient is.
    pub spot: Spot,
    /// How urgent.
    pub category: Category,
}

/// An incident that will happen.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedIncident {
    /// When it begins [s].
    pub at: SimTime,
    /// How long it lasts at least [s].
    pub duration: SimDuration,
    /// What it is.
    pub kind: IncidentKind,
    /// The road.
    pub edge: EdgeId,
    /// The lanes it blocks, from the kerb.
    pub lanes: Vec<LaneId>,
    /// Where its far end is, from the start of the lanes [m].
    pub position: Distance,
    /// How much road it takes up [m].
    pub length: Distance,
    /// How many people are hurt; each makes one call.
    pub casualties: u32,
}

/// Everything about emergencies that is known before the run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EmergencyPlan {
    /// Whether ambulances may use blue light and siren.
    pub siren: bool,
    /// Stations.
    pub bases: Vec<Base>,
    /// Hospitals.
    pub hospitals: Vec<Hospital>,
    /// Ambulances, in the order of their rows of the demand, which are its last.
    pub units: Vec<Unit>,
    /// Calls of people at home and at work, in order of time.
    pub calls: Vec<PlannedCall>,
    /// Incidents, in order of time.
    pub incidents: Vec<PlannedIncident>,
    /// Mean time at the patient [s].
    pub treatment: SimDuration,
    /// Mean time from the hospital's door to being ready again [s]; none takes that of the patient's category.
    pub handover: Option<SimDuration>,
}
