//! What a run leaves behind: trips, roads, the city over time, and how far the laws were kept.
//!
//! Plain columns for whoever writes tables and pages; nothing here knows a file format.

mod convergence;
mod emergency;
mod prediction;

pub use convergence::{Convergence, Iteration};
pub use emergency::{Call, Happened, Happening, Incident, IncidentChange, Stage, UnitInstant, UnitStatus};
pub use prediction::Prediction;

use crate::primitives::ids::{EdgeId, LaneId, VehicleId};
use crate::primitives::{Distance, SimDuration, SimTime, Speed};

/// One vehicle's trip, finished or not.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Trip {
    /// Who.
    pub vehicle: VehicleId,
    /// When it entered the road [s].
    pub depart: SimTime,
    /// How long it had to wait for room to enter [s].
    pub depart_delay: SimDuration,
    /// The lane it entered on.
    pub depart_lane: LaneId,
    /// Where its front was on entering [m].
    pub depart_position: Distance,
    /// How fast it was on entering [m/s].
    pub depart_speed: Speed,
    /// When it arrived; none while it is still on the road [s].
    pub arrival: Option<SimTime>,
    /// The lane it arrived on, or is on.
    pub arrival_lane: LaneId,
    /// Where its front was on arriving [m].
    pub arrival_position: Distance,
    /// How fast it was on arriving [m/s].
    pub arrival_speed: Speed,
    /// Time on the road [s].
    pub duration: SimDuration,
    /// Distance driven [m].
    pub route_length: Distance,
    /// Time at 0.1 m/s or less, planned stops left out [s].
    pub waiting_time: SimDuration,
    /// How many times it came to a halt, planned stops left out.
    pub waiting_count: u32,
    /// Time at planned stops [s].
    pub stop_time: SimDuration,
    /// Time lost against driving at the wished speed, planned stops left out [s].
    pub time_loss: SimDuration,
    /// The driver's factor on the speed limit.
    pub speed_factor: f64,
    /// How many times it had to be moved as a last resort.
    pub last_resort_moves: u32,
}

/// What happened on one road in one interval, summed over its lanes.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct RoadInterval {
    /// Vehicle-seconds on it [s].
    pub sampled_seconds: f64,
    /// Distance driven on it [m].
    pub travelled: f64,
    /// Vehicle-seconds at 0.1 m/s or less [s].
    pub waiting_seconds: f64,
    /// Time lost against the wished speed [s].
    pub time_loss: f64,
    /// Vehicles that drove onto it from another road.
    pub entered: u32,
    /// Vehicles that drove off it to another road.
    pub left: u32,
    /// Vehicles that began their trip on it.
    pub departed: u32,
    /// Vehicles that ended their trip on it.
    pub arrived: u32,
}

/// The roads over time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RoadTable {
    /// Length of an interval [s].
    pub interval: SimDuration,
    /// When the first interval begins [s].
    pub begin: SimTime,
    /// Intervals, each with one entry per edge of the network (junction paths included), by [`EdgeId`].
    pub intervals: Vec<Vec<RoadInterval>>,
}

impl RoadTable {
    /// One road over the whole run.
    pub fn total(&self, edge: EdgeId) -> RoadInterval {
        let mut total = RoadInterval::default();
        for interval in &self.intervals {
            let one = &interval[edge.index()];
            total.sampled_seconds += one.sampled_seconds;
            total.travelled += one.travelled;
            total.waiting_seconds += one.waiting_seconds;
            total.time_loss += one.time_loss;
            total.entered += one.entered;
            total.left += one.left;
            total.departed += one.departed;
            total.arrived += one.arrived;
        }
        total
    }
}

/// A vehicle that left a stop at which the timetable has a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeftStop {
    /// Who.
    pub vehicle: VehicleId,
    /// Which of its halts, from 0.
    pub stop: u32,
    /// When [s].
    pub at: SimTime,
    /// When it should have, by the timetable; nobody leaves earlier [s].
    pub due: SimTime,
}

/// The whole city at one instant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CityInstant {
    /// When [s].
    pub time: SimTime,
    /// Vehicles whose departure is due so far.
    pub loaded: u32,
    /// Vehicles that entered so far.
    pub inserted: u32,
    /// Vehicles on the road.
    pub running: u32,
    /// Vehicles that wait for room to enter.
    pub waiting_to_enter: u32,
    /// Vehicles that arrived so far.
    pub arrived: u32,
    /// Vehicles on the road at 0.1 m/s or less.
    pub halting: u32,
    /// Vehicles at a planned stop.
    pub stopped: u32,
    /// Mean speed of the vehicles on the road [m/s].
    pub speed_mean: f64,
    /// Mean of speed over wished speed.
    pub speed_relative_mean: f64,
    /// Mean time on the road of the vehicles that arrived so far [s].
    pub travel_time_mean: f64,
    /// Mean time waited for room of the vehicles that entered so far [s].
    pub depart_delay_mean: f64,
    /// Last-resort moves so far.
    pub last_resort_moves: u32,
}

/// One vehicle at one instant, for trajectories (FCD).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VehicleInstant {
    /// Who.
    pub vehicle: VehicleId,
    /// The lane its front is on.
    pub lane: LaneId,
    /// Where its front is on the lane [m].
    pub position: f64,
    /// Speed [m/s].
    pub speed: f64,
    /// Whether it halts at a planned stop.
    pub at_stop: bool,
}

/// How often each law was broken; all zero in a sound run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct LawCounts {
    /// LAW-1: vehicles are conserved.
    pub conservation: u64,
    /// LAW-2: no two vehicles overlap on a lane.
    pub overlap: u64,
    /// LAW-3: nobody moves farther than its speed allows.
    pub jump: u64,
    /// LAW-4: no signal shows green to conflicting links that do not yield.
    pub conflicting_greens: u64,
    /// LAW-5: every departure is accounted for.
    pub departures: u64,
    /// LAW-6: every call is with somebody until it is over.
    pub calls: u64,
    /// LAW-7: the times of a call run forward without holes.
    pub chain: u64,
}

/// Everything a run leaves behind.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outcome {
    /// Trips in the order of arrival, then those unfinished by [`VehicleId`].
    pub trips: Vec<Trip>,
    /// The roads over time.
    pub roads: RoadTable,
    /// The city over time.
    pub city: Vec<CityInstant>,
    /// Departures from stops by timetable, in the order of time.
    pub left_stops: Vec<LeftStop>,
    /// When the run began [s].
    pub begin: SimTime,
    /// When it ended [s].
    pub end: SimTime,
    /// Steps simulated.
    pub steps: u64,
    /// Vehicle updates: vehicles on the road, summed over the steps.
    pub updates: u64,
    /// Vehicles due by the end.
    pub loaded: u32,
    /// Vehicles that entered.
    pub inserted: u32,
    /// Vehicles that arrived.
    pub arrived: u32,
    /// Vehicles still on the road at the end.
    pub running: u32,
    /// Vehicles still waiting for room to enter at the end.
    pub waiting_to_enter: u32,
    /// The longest that queue ever was.
    pub waiting_to_enter_max: u32,
    /// Vehicles moved as a last resort.
    pub last_resort_moves: u32,
    /// Braking harder than comfortable.
    pub emergency_brakings: u32,
    /// How often each law was broken.
    pub laws: LawCounts,
    /// Whether somebody stopped the run before its end.
    pub interrupted: bool,
    /// Medical calls in the order they came in.
    pub calls: Vec<Call>,
    /// Incidents in the order they began.
    pub incidents: Vec<Incident>,
    /// How ways were found over many iterations of the run, where they were.
    pub convergence: Option<Convergence>,
    /// How far the travel times are off that advice was given by, where they were predicted.
    pub prediction: Option<Prediction>,
    /// Hash of the state at the end, hexadecimal.
    pub state_hash: String,
}
