//! Synthetic demand: traffic for a map that has no counts, from where its people live and work.
//!
//! Trips between zones follow a doubly constrained gravity model, others enter or leave by the map's edge, and buses run
//! their lines. Every driver sees travel times a little differently, so that not everybody takes the same way (stochastic
//! loading by simulation: Sheffi 1985, "Urban transportation networks", chapter 11). Draws are keyed by the trip's number:
//! the same spec gives the same traffic. Knows no vehicle in motion, so it cannot know congestion.

mod buses;
mod gravity;
mod profile;
mod trips;

use std::collections::BTreeMap;

use crate::city::network::Network;
use crate::city::network::places::Places;
use crate::city::routing::Router;
use crate::primitives::ids::{EdgeId, KindId, RouteId};
use crate::primitives::random::Seed;
use crate::primitives::text::{Findings, Place, Problem};
use crate::primitives::{Flow, SimDuration, SimTime};

use super::fleet::{FleetShare, city_bus, town_mix};
use super::model::{Demand, Route, Vehicle};

pub use profile::Profile;

/// The most trips one spec may ask for.
pub const TRIPS_MAX: u32 = 2_000_000;

/// How much traffic to make, buses not counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Volume {
    /// This many vehicles in all.
    Total(u32),
    /// This many per hour on average [veh/h].
    PerHour(Flow),
}

/// What traffic to make.
#[derive(Debug, Clone, PartialEq)]
pub struct SyntheticSpec {
    /// When the first trips begin [s].
    pub begin: SimTime,
    /// For how long trips begin [s].
    pub duration: SimDuration,
    /// How many.
    pub volume: Volume,
    /// How the trips spread over the time.
    pub profile: Profile,
    /// Share of the trips that lead from homes to jobs; the others lead back.
    pub towards_work: f64,
    /// Share of the trips that come from beyond the map.
    pub inbound: f64,
    /// Share of the trips that leave it.
    pub outbound: f64,
    /// Share of the trips that only pass through.
    pub through: f64,
    /// Deterrence β of the gravity model [1/min]: how fast the wish to travel falls with travel time.
    pub deterrence_per_minute: f64,
    /// Standard deviation of the logarithm of perceived over true travel time, per road.
    pub perception_deviation: f64,
    /// Vehicle types and their shares.
    pub fleet: Vec<FleetShare>,
    /// Whether the bus lines run.
    pub buses: bool,
    /// How long a bus halts at a stop [s].
    pub dwell: SimDuration,
    /// Root of every draw.
    pub seed: Seed,
}

impl Default for SyntheticSpec {
    /// A weekday's hour from 07:30 with 3,200 vehicles and buses, seed 42.
    fn default() -> Self {
        Self {
            begin: SimTime::seconds(7.5 * 3600.0),
            duration: SimDuration::seconds(3600.0),
            volume: Volume::Total(3200),
            profile: Profile::weekday(),
            towards_work: 0.8,
            inbound: 0.17,
            outbound: 0.12,
            through: 0.14,
            deterrence_per_minute: 0.15,
            perception_deviation: 0.25,
            fleet: town_mix(),
            buses: true,
            dwell: SimDuration::seconds(20.0),
            seed: Seed(42),
        }
    }
}

impl SyntheticSpec {
    /// How many trips to make.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range first")]
    fn trips(&self) -> u32 {
        match self.volume {
            Volume::Total(trips) => trips.min(TRIPS_MAX),
            Volume::PerHour(flow) => {
                let trips = flow.as_vehicles_per_hour() * self.duration.as_seconds() / 3600.0;
                trips.round().clamp(0.0, f64::from(TRIPS_MAX)) as u32
            }
        }
    }

    /// Notes every number that makes no sense.
    fn check(&self, findings: &mut Findings) {
        let mut complain = |message: String| findings.problem(Problem::new(Place::file("synthetic demand"), message));
        let shares = [
            ("towards_work", self.towards_work),
            ("inbound", self.inbound),
            ("outbound", self.outbound),
            ("through", self.through),
            ("inbound, outbound and through together", self.inbound + self.outbound + self.through),
        ];
        for (name, share) in shares {
            if !(0.0..=1.0).contains(&share) {
                complain(format!("{name} is {share}, but a share lies between 0 and 1"));
            }
        }
        let sizes = [
            ("deterrence_per_minute", self.deterrence_per_minute, 10.0),
            ("perception_deviation", self.perception_deviation, 2.0),
            ("duration", self.duration.as_seconds(), 31.0 * 86_400.0),
            ("dwell", self.dwell.as_seconds(), 3600.0),
        ];
        for (name, value, most) in sizes {
            if !(0.0..=most).contains(&value) {
                complain(format!("{name} is {value}, but must lie between 0 and {most}"));
            }
        }
        let count = match self.volume {
            Volume::Total(trips) => f64::from(trips),
            Volume::PerHour(flow) => flow.as_vehicles_per_hour() * self.duration.as_seconds() / 3600.0,
        };
        if !(0.0..=f64::from(TRIPS_MAX)).contains(&count) {
            complain(format!("{count} trips are asked for, but at most {TRIPS_MAX} can be made"));
        }
        let sound = |share: &FleetShare| share.weight.is_finite() && share.weight >= 0.0;
        if !self.fleet.iter().all(sound) || !self.fleet.iter().any(|share| share.weight > 0.0) {
            complain("the fleet needs a type, and weights that are not negative".to_owned());
        }
    }
}

/// Makes the traffic, and tells what had to be left out: trips for which there is no way, by count.
///
/// # Errors
/// Numbers of the spec outside their range, places on roads the network does not have, stops without room for a bus, lines
/// without a way; all at once.
pub fn synthesize(
    network: &Network,
    router: &Router,
    places: &Places,
    spec: &SyntheticSpec,
) -> Result<(Demand, Findings), Findings> {
    let mut findings = Findings::default();
    spec.check(&mut findings);
    let ends = gravity::Ends::resolve(network, places, &mut findings);
    let mut writer = Writer::new(spec);
    let lines = buses::resolve(network, router, places, &mut writer.demand, &mut findings);
    if !findings.is_ok() {
        return Err(findings);
    }
    trips::make(network, router, &ends, spec, &mut writer, &mut findings);
    if spec.buses {
        buses::run(&lines, spec, &mut writer);
    }
    Ok((writer.finish(), findings))
}

/// Gathers vehicles and shares routes among them.
#[derive(Debug)]
struct Writer {
    demand: Demand,
    routes: BTreeMap<Vec<EdgeId>, RouteId>,
}

impl Writer {
    fn new(spec: &SyntheticSpec) -> Self {
        let mut demand = Demand::default();
        demand.kinds.extend(spec.fleet.iter().map(|share| share.kind.clone()));
        demand.kinds.push(city_bus());
        Self { demand, routes: BTreeMap::new() }
    }

    /// The type of the buses; the types of the fleet come before it.
    fn bus(&self) -> KindId {
        KindId::new(self.demand.kinds.len() - 1)
    }

    fn route(&mut self, edges: Vec<EdgeId>) -> RouteId {
        let next = RouteId::new(self.demand.routes.len());
        if let Some(known) = self.routes.get(&edges) {
            return *known;
        }
        self.demand.routes.push(Route { edges: edges.clone() });
        self.routes.insert(edges, next);
        next
    }

    fn add(&mut self, vehicle: Vehicle) {
        self.demand.vehicles.push(vehicle);
    }

    /// The demand, its vehicles in the order of departure; those of the same instant stay as they came.
    fn finish(mut self) -> Demand {
        self.demand.vehicles.sort_by_key(|vehicle| vehicle.departure.time);
        self.demand
    }
}

#[cfg(test)]
mod tests;
