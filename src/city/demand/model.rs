//! The demand as a checked value: every name resolved to an id, every route connected.

use std::collections::BTreeMap;

use crate::primitives::ids::{EdgeId, KindId, LaneId, RouteId, StopId};
use crate::primitives::{Acceleration, Distance, SimDuration, SimTime, Speed, VehicleClass};

/// Which car-following model a driver obeys, with the parameters only that model has.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum CarFollowing {
    /// Krauss (1998) as SUMO has it; `sigma` in `[0, 1]` is the driver's imperfection.
    Krauss {
        /// Imperfection: 0 never dawdles, 1 dawdles by up to one step's acceleration.
        sigma: f64,
    },
    /// The Intelligent Driver Model (Treiber, Hennecke, Helbing 2000).
    Idm {
        /// Acceleration exponent δ.
        exponent: f64,
    },
}

/// How drivers of a type spread around the speed limit: a normal distribution cut off at both ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpeedFactor {
    /// Mean factor on the limit.
    pub mean: f64,
    /// Standard deviation.
    pub deviation: f64,
    /// Smallest factor drawn.
    pub min: f64,
    /// Largest factor drawn.
    pub max: f64,
}

/// Eagerness to change lanes, each a factor on the model's default of 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LaneChanging {
    /// For following the route.
    pub strategic: f64,
    /// For helping others.
    pub cooperative: f64,
    /// For gaining speed.
    pub speed_gain: f64,
    /// For keeping to the kerb side.
    pub keep_right: f64,
    /// Willingness to accept small gaps.
    pub assertive: f64,
}

/// A vehicle type.
#[derive(Debug, Clone, PartialEq)]
pub struct VehicleKind {
    /// Its id in files.
    pub name: String,
    /// What kind of road user it is.
    pub class: VehicleClass,
    /// Length [m].
    pub length: Distance,
    /// Empty space kept to the leader when standing [m].
    pub gap_min: Distance,
    /// Width [m].
    pub width: Distance,
    /// Technical maximum speed [m/s].
    pub speed_max: Speed,
    /// Acceleration ability [m/s²].
    pub acceleration: Acceleration,
    /// Comfortable deceleration [m/s²].
    pub deceleration: Acceleration,
    /// Physically possible deceleration [m/s²].
    pub deceleration_emergency: Acceleration,
    /// Time headway `tau` the driver keeps [s].
    pub headway: SimDuration,
    /// Spread around the speed limit.
    pub speed_factor: SpeedFactor,
    /// Car-following model.
    pub following: CarFollowing,
    /// Lane-changing eagerness.
    pub lane_changing: LaneChanging,
    /// How fast patience runs out: time of waiting after which it is gone [s]; infinite waits politely for ever.
    pub impatience_after: SimDuration,
}

/// Which lane a vehicle starts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum DepartLane {
    /// This index.
    Index(u32),
    /// The rightmost the class may use.
    First,
    /// Any, by chance.
    Random,
    /// The one with the most free space.
    Free,
    /// The free one among those the class may use.
    Allowed,
    /// The freest of those that let the vehicle follow its route longest.
    Best,
    /// One of those, by chance, the freer the likelier.
    BestProbable,
}

/// Where on the lane a vehicle's front starts.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum DepartPosition {
    /// This far from the lane's start; negative counts from its end [m].
    At(Distance),
    /// With its back at the lane's start.
    Base,
    /// Anywhere, by chance, once.
    Random,
    /// Anywhere that is free, by chance.
    RandomFree,
    /// In the first free space.
    Free,
    /// Right behind the last vehicle.
    Last,
}

/// How fast a vehicle starts.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum DepartSpeed {
    /// This fast [m/s].
    At(Speed),
    /// By chance, up to the limit.
    Random,
    /// As fast as is safe.
    Max,
    /// The driver's wish.
    Desired,
    /// The speed limit.
    SpeedLimit,
    /// Like the vehicle ahead.
    Last,
    /// Like the average on the edge.
    Average,
}

/// How a vehicle enters the road.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Departure {
    /// When [s].
    pub time: SimTime,
    /// Which lane.
    pub lane: DepartLane,
    /// Where.
    pub position: DepartPosition,
    /// How fast.
    pub speed: DepartSpeed,
}

/// A halt on the way.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Stop {
    /// The lane.
    pub lane: LaneId,
    /// Where the front stands [m] from the lane's start.
    pub position: Distance,
    /// How far back the stopping place reaches [m] from the lane's start.
    pub start: Distance,
    /// The bus stop it serves, if any.
    pub at: Option<StopId>,
    /// Shortest halt [s].
    pub duration: SimDuration,
    /// Earliest departure by the timetable, if any [s].
    pub until: Option<SimTime>,
    /// Whether the vehicle leaves the road while it halts.
    pub parking: bool,
}

/// How fast a vehicle must be at its destination.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ArrivalSpeed {
    /// As it comes.
    Current,
    /// This fast [m/s].
    At(Speed),
}

/// How binding a vehicle's route is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteChoice {
    /// It drives the route it was given.
    Fixed,
    /// It takes the fastest way by the travel times at its departure, past these roads in order.
    FastestAtDeparture {
        /// Roads to pass.
        via: Vec<EdgeId>,
    },
}

/// A vehicle of the demand: one row, one actor.
#[derive(Debug, Clone, PartialEq)]
pub struct Vehicle {
    /// Its id in files.
    pub name: String,
    /// Its type.
    pub kind: KindId,
    /// Its route; where it chooses at departure, the one over empty roads.
    pub route: RouteId,
    /// How binding that route is.
    pub choice: RouteChoice,
    /// How it enters.
    pub departure: Departure,
    /// Where on its last edge it arrives [m] from the lane's start; none means the end.
    pub arrival_position: Option<Distance>,
    /// How fast it arrives.
    pub arrival_speed: ArrivalSpeed,
    /// Its halts, in the order of the route.
    pub stops: Vec<Stop>,
    /// Timetable line, for buses.
    pub line: Option<String>,
}

/// A route: edges in driving order, each connected to the next for every class that uses it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// Its edges; at least one.
    pub edges: Vec<EdgeId>,
}

/// A place at the kerb where buses halt.
#[derive(Debug, Clone, PartialEq)]
pub struct BusStop {
    /// Its id in files.
    pub name: String,
    /// The lane.
    pub lane: LaneId,
    /// Where it begins [m].
    pub start: Distance,
    /// Where it ends: the front of a halting bus [m].
    pub end: Distance,
}

/// What a detector at the road measures.
#[derive(Debug, Clone, PartialEq)]
pub enum DetectorKind {
    /// An induction loop on one lane (E1).
    Loop {
        /// Where [m] from the lane's start.
        position: Distance,
    },
    /// A stretch of lanes (E2).
    Area {
        /// Where it begins on its first lane [m].
        start: Distance,
        /// Where it ends on its last lane [m].
        end: Distance,
    },
}

/// A detector at the road.
#[derive(Debug, Clone, PartialEq)]
pub struct Detector {
    /// Its id in files.
    pub name: String,
    /// Its lanes in driving order; a loop has one.
    pub lanes: Vec<LaneId>,
    /// What it measures.
    pub kind: DetectorKind,
    /// How often it reports [s].
    pub period: SimDuration,
}

/// Everybody who travels, and what stands at the kerb for them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Demand {
    /// Vehicle types.
    pub kinds: Vec<VehicleKind>,
    /// Distinct routes.
    pub routes: Vec<Route>,
    /// Vehicles in the order of departure, then of the files.
    pub vehicles: Vec<Vehicle>,
    /// Bus stops.
    pub bus_stops: Vec<BusStop>,
    /// Detectors.
    pub detectors: Vec<Detector>,
    /// Bus stops by name.
    pub bus_stop_by_name: BTreeMap<String, StopId>,
}

impl Demand {
    /// The vehicle type with this id.
    pub fn kind(&self, id: KindId) -> &VehicleKind {
        &self.kinds[id.index()]
    }

    /// The route with this id.
    pub fn route(&self, id: RouteId) -> &Route {
        &self.routes[id.index()]
    }
}
