//! What chance brings: calls by where people live, and incidents by how much road there is.
//!
//! Both are Poisson processes, drawn for (seed, number of the call or incident), so that neither shifts the other's dice.

use crate::city::network::Network;
use crate::city::network::places::Places;
use crate::primitives::ids::{EdgeId, LaneId};
use crate::primitives::random::{KeyedRng, Purpose, Seed};
use crate::primitives::{Category, Distance, IncidentKind, SimDuration, SimTime, VehicleClass};

use super::model::{PlannedCall, PlannedIncident, Spot};

/// The most calls or incidents one run may draw; a run that asks for more gets these and counts the rest as left out.
pub(super) const DRAWS_MAX: usize = 100_000;
/// Share of the calls by category. C1 is 8 to 9 % of incidents in England (NHS England, Ambulance Quality Indicators); the
/// others are assumed in the proportions published there.
const CATEGORIES: [(Category, f64); 4] =
    [(Category::C1, 0.09), (Category::C2, 0.55), (Category::C3, 0.30), (Category::C4, 0.06)];
/// Chance incidents: breakdowns outnumber crashes by far on urban roads; an assumption.
const CRASH_SHARE: f64 = 0.3;
/// Share of the crashes in which somebody is hurt; an assumption.
const CASUALTY_SHARE: f64 = 0.5;
/// Roads shorter than this are not drawn for incidents: the block would fill them [m].
const ROAD_MIN: f64 = 80.0;

/// Times of a Poisson process with its draws for the rest.
fn arrivals(
    seed: Seed,
    purpose: Purpose,
    per_hour: f64,
    begin: SimTime,
    end: SimTime,
) -> impl Iterator<Item = (SimTime, KeyedRng)> {
    let mut time = begin;
    let mut number = 0;
    std::iter::from_fn(move || {
        if per_hour <= 0.0 {
            return None;
        }
        let mut rng = seed.stream(purpose, number, 0);
        number += 1;
        time += SimDuration::seconds(-libm::log(1.0 - rng.unit()) * 3600.0 / per_hour);
        (time < end).then_some((time, rng))
    })
    .take(DRAWS_MAX)
}

/// Picks by weight.
fn pick<'a, T>(items: &'a [(T, f64)], rng: &mut KeyedRng) -> Option<&'a T> {
    let total: f64 = items.iter().map(|(_, weight)| weight).sum();
    let mut left = rng.unit() * total;
    for (item, weight) in items {
        left -= weight;
        if left < 0.0 {
            return Some(item);
        }
    }
    items.last().map(|(item, _)| item)
}

/// The calls of a run: by inhabitants of the zones, and within a zone by the roads its trips begin on.
pub(super) fn calls(
    network: &Network,
    places: &Places,
    reachable: &dyn Fn(EdgeId) -> bool,
    per_hour: f64,
    span: (SimTime, SimTime),
    seed: Seed,
) -> Vec<PlannedCall> {
    let zones: Vec<(Vec<(EdgeId, f64)>, f64)> = places
        .zones
        .iter()
        .map(|zone| {
            let roads: Vec<(EdgeId, f64)> = zone
                .roads
                .iter()
                .filter_map(|(road, share)| Some((network.find_edge(road)?, *share)))
                .filter(|(edge, _)| reachable(*edge))
                .collect();
            (roads, zone.population.max(0.0))
        })
        .filter(|(roads, _)| !roads.is_empty())
        .collect();
    arrivals(seed, Purpose::EmergencyCall, per_hour, span.0, span.1)
        .filter_map(|(at, mut rng)| {
            let edge = *pick(pick(&zones, &mut rng)?, &mut rng)?;
            let part = rng.unit();
            let category = *pick(&CATEGORIES, &mut rng)?;
            let position = network.edge(edge).length * (0.2 + 0.6 * part);
            Some(PlannedCall { at, spot: kerb_spot(network, edge, position)?, category })
        })
        .collect()
}

/// The chance incidents of a run: on roads with lanes for cars, by the length of their lanes.
pub(super) fn incidents(
    network: &Network,
    per_hour: f64,
    span: (SimTime, SimTime),
    seed: Seed,
) -> Vec<PlannedIncident> {
    let roads: Vec<(EdgeId, f64)> = network
        .roads()
        .filter(|(id, edge)| edge.length.as_metres() >= ROAD_MIN && network.edge_allows(*id, VehicleClass::Passenger))
        .map(|(id, edge)| {
            #[expect(clippy::cast_precision_loss, reason = "a road has a few lanes")]
            let lanes = edge.lane_count() as f64;
            (id, edge.length.as_metres() * lanes)
        })
        .collect();
    arrivals(seed, Purpose::Incident, per_hour, span.0, span.1)
        .filter_map(|(at, mut rng)| {
            let edge = *pick(&roads, &mut rng)?;
            let crash = rng.unit() < CRASH_SHARE;
            let hurt = rng.unit() < CASUALTY_SHARE;
            let (part, lasts) = (rng.unit(), rng.unit());
            let lanes = car_lanes(network, edge);
            let kind = if crash { IncidentKind::Crash } else { IncidentKind::Breakdown };
            let length = usual_length(kind);
            // Exponential with a floor: crashes 10 min and half an hour on average, breakdowns 5 and 15 min.
            let (least, more) = if crash { (600.0, 1200.0) } else { (300.0, 600.0) };
            Some(PlannedIncident {
                at,
                duration: SimDuration::seconds((least - libm::log(1.0 - lasts) * more).round()),
                kind,
                edge,
                lanes: lanes.first().map(|lane| vec![*lane])?,
                position: block_position(network, edge, part, length),
                length,
                casualties: u32::from(crash && hurt),
            })
        })
        .collect()
}

/// How much road an incident takes up where nobody says [m]: the vehicles and the room kept clear around them.
pub fn usual_length(kind: IncidentKind) -> Distance {
    Distance::metres(match kind {
        IncidentKind::Crash => 15.0,
        IncidentKind::Breakdown => 8.0,
        IncidentKind::Roadworks => 30.0,
        IncidentKind::Obstruction => 5.0,
    })
}

/// Lanes of a road that cars may use, from the kerb.
pub fn car_lanes(network: &Network, edge: EdgeId) -> Vec<LaneId> {
    network.edge(edge).lane_ids().filter(|lane| network.lane(*lane).allowed.contains(VehicleClass::Passenger)).collect()
}

/// Where the far end of a block of a length lies that is to be at `part` of a road, 0 at its start to 1 at its end: clear of both junctions where the road is
/// long enough [m].
pub fn block_position(network: &Network, edge: EdgeId, part: f64, length: Distance) -> Distance {
    let road = network.edge(edge).length.as_metres();
    let clear = 20.0_f64.min((road - length.as_metres()) / 4.0).max(0.0);
    let (low, high) = ((length.as_metres() + clear).min(road), (road - clear).max(0.0));
    Distance::metres((road * part).clamp(low.min(high), high))
}

/// The place beside a road where an ambulance may stand; none where it may not drive.
pub fn kerb_spot(network: &Network, edge: EdgeId, position: Distance) -> Option<Spot> {
    let lane = network.edge(edge).lane_ids().find(|l| network.lane(*l).allowed.contains(VehicleClass::Emergency))?;
    let length = network.lane(lane).length.as_metres();
    // Clear of the junctions: an ambulance that stands there or sets out must not block them.
    let low = 12.0_f64.min(length * 0.5);
    let position = Distance::metres(position.as_metres().clamp(low, (length - 8.0).max(low)));
    Some(Spot { edge, lane, position })
}
