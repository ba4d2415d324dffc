//! The single trips: who starts where and when, and which way that driver thinks is quickest.

use std::f64::consts::TAU;

use rayon::prelude::*;

use crate::city::network::{Network, Reach};
use crate::city::routing::Router;
use crate::primitives::ids::{EdgeId, KindId};
use crate::primitives::random::{KeyedRng, Purpose, Seed};
use crate::primitives::text::Findings;
use crate::primitives::{Distance, Speed};

use super::super::model::{
    ArrivalSpeed, DepartLane, DepartPosition, DepartSpeed, Departure, RouteChoice, Vehicle, VehicleKind,
};
use super::gravity::Ends;
use super::{SyntheticSpec, Writer};

/// How often the ends of a trip are drawn before it is given up.
const TRIES: u32 = 32;

/// A trip before it has a way.
#[derive(Debug, Clone, Copy)]
struct Trip {
    number: u32,
    from: EdgeId,
    to: EdgeId,
    kind: usize,
    /// Whether it comes from beyond the map, and is moving when it enters.
    enters: bool,
    /// Whether it ends beyond the map.
    leaves: bool,
}

/// Makes the trips of a spec.
pub(super) fn make(
    network: &Network,
    router: &Router,
    ends: &Ends,
    spec: &SyntheticSpec,
    writer: &mut Writer,
    findings: &mut Findings,
) {
    let reaches = spec.fleet.iter().map(|share| network.reach(share.kind.class)).collect();
    let draw = Draw::new(ends, spec, ends.commuting(network, router, spec.deterrence_per_minute), reaches);
    let count = spec.trips();
    let trips: Vec<Option<Trip>> = (0..count).map(|number| draw.trip(number)).collect();
    // Every way depends on its trip alone, so the order of the work does not matter.
    let ways: Vec<Option<(Trip, Vec<EdgeId>)>> = trips
        .into_par_iter()
        .map(|trip| trip.and_then(|trip| Some((trip, way(router, &trip, &spec.fleet[trip.kind].kind, spec)?))))
        .collect();
    let mut without = 0;
    for (number, found) in (0..count).zip(ways) {
        let Some((trip, edges)) = found else {
            without += 1;
            continue;
        };
        let vehicle = vehicle(network, &trip, &edges, spec, count);
        let route = writer.route(edges);
        writer.add(Vehicle { route, name: format!("trip-{:05}", number + 1), ..vehicle });
    }
    if without > 0 {
        findings.unsupported("trips without a way", without);
    }
}

/// The way the trip's driver believes to be the quickest: travel times are seen through log-normal glasses, one pair for
/// each driver and road.
fn way(router: &Router, trip: &Trip, kind: &VehicleKind, spec: &SyntheticSpec) -> Option<Vec<EdgeId>> {
    let (deviation, number) = (spec.perception_deviation, u64::from(trip.number));
    router.shortest_by(trip.from, trip.to, kind.class, kind.speed_max, |edge| {
        let mut rng = spec.seed.stream(Purpose::RouteChoice, number, u64::from(edge.raw()) + 1);
        libm::exp(deviation * normal(&mut rng))
    })
}

/// A standard normal draw (Box and Muller 1958).
fn normal(rng: &mut KeyedRng) -> f64 {
    let (radius, angle) = (1.0 - rng.unit(), rng.unit() * TAU);
    (-2.0 * libm::log(radius)).sqrt() * libm::cos(angle)
}

fn vehicle(network: &Network, trip: &Trip, edges: &[EdgeId], spec: &SyntheticSpec, count: u32) -> Vehicle {
    let mut rng = spec.seed.stream(Purpose::Demand, u64::from(trip.number), 1);
    // One departure per slice of equal weight: as random as needed, and the total per quarter of an hour is kept.
    let part = (f64::from(trip.number) + rng.unit()) / f64::from(count.max(1));
    let time = spec.profile.quantile(spec.begin, spec.begin + spec.duration, part);
    let last = network.edge(edges[edges.len() - 1]).length;
    let arrival = last * (0.3 + 0.6 * rng.unit());
    Vehicle {
        name: String::new(),
        kind: KindId::new(trip.kind),
        route: crate::primitives::ids::RouteId::new(0),
        choice: RouteChoice::Fixed,
        departure: Departure {
            time,
            lane: DepartLane::Best,
            position: DepartPosition::Base,
            speed: if trip.enters { DepartSpeed::Max } else { DepartSpeed::At(Speed::ZERO) },
        },
        arrival_position: (!trip.leaves && last > Distance::ZERO).then_some(arrival),
        arrival_speed: ArrivalSpeed::Current,
        stops: Vec::new(),
        line: None,
    }
}

/// Everything from which trips are drawn, as running sums.
#[derive(Debug)]
struct Draw<'a> {
    ends: &'a Ends,
    spec: &'a SyntheticSpec,
    seed: Seed,
    commuting: Choice,
    homes: Choice,
    jobs: Choice,
    gateways: Choice,
    fleet: Choice,
    /// Which roads lead to which, for each type of the fleet.
    reaches: Vec<Reach>,
}

impl<'a> Draw<'a> {
    fn new(ends: &'a Ends, spec: &'a SyntheticSpec, commuting: Vec<f64>, reaches: Vec<Reach>) -> Self {
        Self {
            ends,
            spec,
            seed: spec.seed,
            commuting: Choice::of(commuting),
            homes: Choice::of(ends.zones.iter().map(|zone| zone.population)),
            jobs: Choice::of(ends.zones.iter().map(|zone| zone.jobs)),
            gateways: Choice::of(ends.gateways.iter().map(|gateway| gateway.share)),
            fleet: Choice::of(spec.fleet.iter().map(|share| share.weight)),
            reaches,
        }
    }

    /// A trip; none where nothing can be drawn, or it would end where it begins or where no way leads.
    fn trip(&self, number: u32) -> Option<Trip> {
        let mut rng = self.seed.stream(Purpose::Demand, u64::from(number), 0);
        let kind = self.fleet.pick(self.seed.stream(Purpose::TypeChoice, u64::from(number), 0).unit())?;
        let what = rng.unit();
        let spec = self.spec;
        let gateways = !self.gateways.is_empty();
        let enters = gateways && (what < spec.inbound || (what >= spec.inbound + spec.outbound && self.passes(what)));
        let leaves = gateways && what >= spec.inbound && (what < spec.inbound + spec.outbound || self.passes(what));
        // Tries, for trips that would end where they begin or where no way leads.
        for _ in 0..TRIES {
            let (from, to) = match (enters, leaves) {
                (true, true) => (self.gateway(&mut rng)?.0, self.gateway(&mut rng)?.1),
                (true, false) => (self.gateway(&mut rng)?.0, self.zone(&mut rng, false)?),
                (false, true) => (self.zone(&mut rng, true)?, self.gateway(&mut rng)?.1),
                (false, false) => self.commute(&mut rng)?,
            };
            let turns_back =
                enters && leaves && self.ends.gateways.iter().any(|g| g.inbound == from && g.outbound == to);
            if from != to && !turns_back && self.reaches[kind].leads(from, to) {
                return Some(Trip { number, from, to, kind, enters, leaves });
            }
        }
        None
    }

    fn passes(&self, what: f64) -> bool {
        what < self.spec.inbound + self.spec.outbound + self.spec.through
    }

    fn gateway(&self, rng: &mut KeyedRng) -> Option<(EdgeId, EdgeId)> {
        let gateway = &self.ends.gateways[self.gateways.pick(rng.unit())?];
        Some((gateway.inbound, gateway.outbound))
    }

    /// A road in a zone at the home end or the job end of a trip across the map's edge.
    fn zone(&self, rng: &mut KeyedRng, begins: bool) -> Option<EdgeId> {
        let at_home = begins == (rng.unit() < self.spec.towards_work);
        let zone = if at_home { self.homes.pick(rng.unit())? } else { self.jobs.pick(rng.unit())? };
        self.road(rng, zone)
    }

    fn commute(&self, rng: &mut KeyedRng) -> Option<(EdgeId, EdgeId)> {
        let cell = self.commuting.pick(rng.unit())?;
        let (home, job) = (cell / self.ends.zones.len(), cell % self.ends.zones.len());
        let (home, job) = (self.road(rng, home)?, self.road(rng, job)?);
        Some(if rng.unit() < self.spec.towards_work { (home, job) } else { (job, home) })
    }

    fn road(&self, rng: &mut KeyedRng, zone: usize) -> Option<EdgeId> {
        let roads = &self.ends.zones[zone].roads;
        let road = Choice::of(roads.iter().map(|(_, share)| *share)).pick(rng.unit())?;
        Some(roads[road].0)
    }
}

/// A choice by weight.
#[derive(Debug)]
struct Choice {
    sums: Vec<f64>,
}

impl Choice {
    fn of(weights: impl IntoIterator<Item = f64>) -> Self {
        let mut sum = 0.0;
        let sums = weights.into_iter().map(|weight: f64| {
            sum += weight.max(0.0);
            sum
        });
        Self { sums: sums.collect() }
    }

    fn is_empty(&self) -> bool {
        self.sums.last().is_none_or(|sum| *sum <= 0.0)
    }

    /// The option at a share `draw` in `[0, 1)` of the weights; none if all are zero.
    fn pick(&self, draw: f64) -> Option<usize> {
        let total = self.sums.last().copied().filter(|sum| *sum > 0.0)?;
        let option = self.sums.partition_point(|sum| *sum <= draw * total);
        Some(option.min(self.sums.len() - 1))
    }
}
