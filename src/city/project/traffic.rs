//! The traffic of a peak hour on a map of which nobody has counted anything: trips of inhabitants, trips across the border, and a total
//! that the roads can carry.

use crate::city::demand::od::{Deterrence, Ground, Held, Matrix};
use crate::city::network::places::Places;
use crate::city::network::{Aspect, Link, Network, Phase, RightOfWay};
use crate::primitives::VehicleClass;
use crate::primitives::ids::{EdgeId, LaneId};
use crate::primitives::text::Findings;

/// Trips by car that an inhabitant begins in the hour; a guess.
pub(super) const TRIPS_PER_PERSON: f64 = 0.2;
/// Vehicles in the hour on a lane that enters or leaves the map; a guess.
pub(super) const GATE_LANE: f64 = 300.0;
/// Share of the trips of inhabitants that end where people work, the others where they live; a guess.
pub(super) const TO_JOBS: f64 = 0.8;
/// How the wish to travel falls with time [1/min]; a guess.
pub(super) const BETA: f64 = 0.15;
/// Vehicles an hour that a lane may carry which has to yield at its end, and one that nothing holds up; guesses on the safe side.
pub(super) const LANE_YIELDING: f64 = 250.0;
pub(super) const LANE_FREE: f64 = 1000.0;
/// Vehicles that an hour of green lets off a lane, two seconds each, and the share of them that may come; a guess on the safe side.
pub(super) const LANE_GREEN: f64 = 1800.0;
pub(super) const USE_OF_GREEN: f64 = 0.5;

/// An hour's trips.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Hour {
    pub(super) matrix: Matrix,
    pub(super) mean_minutes: f64,
    /// Factor by which all trips were reduced so that the roads carry them, at most 1.
    pub(super) scale: f64,
    /// Trips on the road that carries most, after scaling [veh/h].
    pub(super) heaviest: f64,
}

/// Makes an hour's trips between zones: those of a grid first, then one for each gateway.
pub(super) fn hour(ground: &Ground<'_>, places: &Places, held: &Held) -> Result<Hour, Findings> {
    let network = ground.network;
    let lanes = |road: &str| network.find_edge(road).map_or(0.0, |edge| car_lanes(network, edge));
    let (people, jobs): (f64, f64) = (held.people.iter().sum(), held.jobs.iter().sum());
    let begun = people * TRIPS_PER_PERSON;
    let share = |part: f64, all: f64| if all > 0.0 { part / all } else { 0.0 };
    let (mut origins, mut destinations) = (Vec::new(), Vec::new());
    for (at, zone) in ground.zones.list.iter().enumerate() {
        let tied = (zone.roads.first(), zone.roads.last());
        let gate = places.gateways.iter().find(|gate| tied == (Some(&gate.inbound), Some(&gate.outbound)));
        if let Some(gate) = gate {
            origins.push(GATE_LANE * lanes(&gate.inbound));
            destinations.push(GATE_LANE * lanes(&gate.outbound));
        } else {
            origins.push(held.people[at] * TRIPS_PER_PERSON);
            let ends = TO_JOBS * share(held.jobs[at], jobs) + (1.0 - TO_JOBS) * share(held.people[at], people);
            destinations.push(begun * ends);
        }
    }
    let mut made = ground.gravity((&origins, &destinations), Deterrence::Exponential(BETA))?;
    let loads = ground.loads(&made.matrix)?;
    let roads = network.roads().map(|(edge, _)| loads.roads[edge.index()] / capacity(network, edge, None));
    let turns = loads.turns.iter().map(|(&(from, to), load)| load / capacity(network, from, Some(to)));
    let most = roads.chain(turns).fold(0.0, f64::max);
    let scale = if most > 1.0 { 1.0 / most } else { 1.0 };
    for cell in &mut made.matrix.cells {
        cell.trips *= scale;
    }
    let heaviest = loads.roads.iter().copied().fold(0.0, f64::max) * scale;
    Ok(Hour { matrix: made.matrix, mean_minutes: made.mean_minutes, scale, heaviest })
}

/// Lanes a car may use.
fn car_lanes(network: &Network, edge: EdgeId) -> f64 {
    let lanes =
        network.edge(edge).lane_ids().filter(|&lane| network.lane(lane).allowed.contains(VehicleClass::Passenger));
    lanes.fold(0.0, |count, _| count + 1.0)
}

/// What a road may carry, or a turn out of it, without queues that grow [veh/h].
fn capacity(network: &Network, edge: EdgeId, to: Option<EdgeId>) -> f64 {
    let lanes =
        network.edge(edge).lane_ids().filter(|&lane| network.lane(lane).allowed.contains(VehicleClass::Passenger));
    let of_lane = |lane: LaneId| {
        let links = network.lane(lane).link_ids().map(|link| network.link(link));
        let links = links.filter(|link| to.is_none_or(|to| network.lane(link.to).edge == to));
        links.map(|link| of_link(network, link)).reduce(f64::max)
    };
    let sum: f64 = lanes.filter_map(of_lane).sum();
    // A road that ends at the border is held up by nothing.
    if sum > 0.0 { sum } else { LANE_FREE * car_lanes(network, edge).max(1.0) }
}

/// What a lane may carry over one link [veh/h].
fn of_link(network: &Network, link: &Link) -> f64 {
    if let Some((signal, index)) = link.signal {
        let phases = network.signal(signal).programs.last().map_or(&[][..], |program| &program.phases);
        let green =
            |phase: &&Phase| matches!(phase.aspects.get(index as usize), Some(Aspect::GreenMajor | Aspect::GreenMinor));
        let seconds = |phase: &Phase| phase.duration.as_seconds();
        let (greens, cycle): (f64, f64) =
            (phases.iter().filter(green).map(seconds).sum(), phases.iter().map(seconds).sum());
        // A head that is never green, or a program without a cycle, still lets somebody by.
        let share = if cycle > 0.0 { (greens / cycle).max(0.05) } else { 0.05 };
        return LANE_GREEN * USE_OF_GREEN * share;
    }
    match link.right_of_way {
        RightOfWay::Minor | RightOfWay::Equal | RightOfWay::Stop | RightOfWay::AllwayStop | RightOfWay::Zipper => {
            LANE_YIELDING
        }
        _ => LANE_FREE,
    }
}
