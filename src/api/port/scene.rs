//! A city at one instant, as it is shown: where everybody is, what signals show, what is wrong.

use std::sync::Arc;

use crate::primitives::{SimTime, VehicleClass};

/// One instant of a session. Made at most ten times a second on the wall, however fast the city runs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scene {
    /// Number of the scene in its session, from 1.
    pub tick: u64,
    /// The city's time [s after midnight].
    pub time: SimTime,
    /// Grows whenever the city is suddenly somewhere else, as after a jump: nobody moved from one to the other.
    pub episode: u32,
    /// City seconds for a second on the wall; none is as fast as possible.
    pub speed: Option<f64>,
    /// Whether it stands still because somebody said so, or is over.
    pub paused: bool,
    /// Whether the run is over.
    pub over: bool,
    /// Vehicles on the road, by number.
    pub vehicles: Arc<Vec<SceneVehicle>>,
    /// What every signal shows, by [`SignalId`](crate::primitives::ids::SignalId): one letter of SUMO's (`r y g G o O s u`) for
    /// every link index. Shared with the scene before as long as nothing changed.
    pub signals: Arc<Vec<String>>,
    /// Mean speed over the speed limit for every edge in the network's order; none where nobody drives. At most once a second.
    pub roads: Arc<Vec<Option<f32>>>,
    /// Ambulances, by number.
    pub units: Arc<Vec<SceneUnit>>,
    /// Incidents that are known and not over, by number.
    pub incidents: Arc<Vec<SceneIncident>>,
    /// Edges that are closed now, whatever closed them, in the network's order. Shared with the scene before as long as nothing changed.
    pub closed: Arc<Vec<u32>>,
    /// Calls that no unit has been sent to yet: the most urgent first, then who has waited longest.
    pub waiting: Arc<Vec<SceneCall>>,
    /// The weather; none where nobody has told it.
    pub weather: Option<SceneWeather>,
    /// The city in numbers.
    pub totals: SceneTotals,
}

/// A vehicle at one instant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SceneVehicle {
    /// Its number in the demand.
    pub number: u32,
    /// The lane its front is on, by the network's order.
    pub lane: u32,
    /// Where its front is on the lane [m].
    pub position: f32,
    /// Speed [m/s].
    pub speed: f32,
    /// What it is.
    pub class: VehicleClass,
    /// Whether it drives with siren.
    pub siren: bool,
    /// Whether it halts at a planned stop.
    pub at_stop: bool,
}

/// What a unit is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnitDuty {
    /// At its station, free.
    AtStation,
    /// On its way back, free.
    Returning,
    /// Its crew gets ready.
    TurningOut,
    /// On its way to a call.
    EnRoute,
    /// At the address.
    AtScene,
    /// On its way to a hospital with a patient.
    Transporting,
    /// At the hospital.
    AtHospital,
}

/// An ambulance at one instant.
#[derive(Debug, Clone, PartialEq)]
pub struct SceneUnit {
    /// Its number.
    pub unit: u32,
    /// Its name.
    pub name: Arc<str>,
    /// Its number among vehicles.
    pub vehicle: u32,
    /// What it is about.
    pub duty: UnitDuty,
    /// The call it answers.
    pub call: Option<u32>,
    /// The lane it is on or stands beside, and where on it [m].
    pub place: (u32, f32),
    /// Whether it is on the road now.
    pub on_road: bool,
}

/// An incident at one instant.
#[derive(Debug, Clone, PartialEq)]
pub struct SceneIncident {
    /// Its number.
    pub incident: u32,
    /// `crash`, `breakdown`, `roadworks`, `obstruction`.
    pub kind: &'static str,
    /// `critical`, `high`, `medium`, `low`.
    pub severity: &'static str,
    /// The lane it blocks first, and where on it [m].
    pub place: (u32, f32),
    /// Since when.
    pub since: SimTime,
}

/// An emergency call that waits for a unit, at one instant.
#[derive(Debug, Clone, PartialEq)]
pub struct SceneCall {
    /// Its number.
    pub call: u32,
    /// How urgent it is: `critical`, `high`, `medium`, `low`.
    pub severity: &'static str,
    /// What happened: the kind of the incident it is about, or `medical`.
    pub kind: &'static str,
    /// The incident it is about.
    pub incident: Option<u32>,
    /// The lane the patient is at, and where on it [m].
    pub place: (u32, f32),
    /// Since when it rings, or as far back as is known.
    pub since: SimTime,
}

/// The weather at one instant.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct SceneWeather {
    /// `dry`, `rain`, `snow` or `fog`.
    pub sky: &'static str,
    /// What falls, or snow as water [mm/h].
    pub precipitation_mm_h: f64,
    /// How far one sees [m].
    pub visibility_m: f64,
    /// Temperature of the air [°C].
    pub temperature_c: f64,
}

/// The city in numbers at one instant; the model's own, not what devices told.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, utoipa::ToSchema)]
pub struct SceneTotals {
    /// Vehicles on the road.
    pub running: u32,
    /// Vehicles that arrived so far.
    pub arrived: u32,
    /// Vehicles that entered so far.
    pub inserted: u32,
    /// Vehicles that wait for room to enter.
    pub waiting_to_enter: u32,
    /// Vehicles on the road that stand in traffic.
    pub halting: u32,
    /// Mean speed of the vehicles on the road [m/s].
    pub speed_mean: f64,
    /// Mean of speed over wished speed.
    pub speed_relative_mean: f64,
    /// Mean time on the road of those that arrived so far [s].
    pub travel_time_mean: f64,
    /// Emergency calls that are not over.
    pub calls_open: u32,
    /// Ambulances that are not free.
    pub units_busy: u32,
    /// Ambulances.
    pub units: u32,
}
