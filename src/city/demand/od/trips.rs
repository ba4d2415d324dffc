//! Whole trips out of a matrix: how many of each pair, between which roads, when and which way.
//!
//! Numbers are rounded by one random offset along the matrix (systematic sampling: Madow and Madow 1944, Annals of Mathematical
//! Statistics 15, 1): the expectation of every pair is its number, and the total is off by less than one. Draws are keyed by pair
//! and place in it.

use rayon::prelude::*;

use super::ends::{End, Ends};
use super::{Matrix, OdSpec, Spread};
use crate::city::demand::model::{
    ArrivalSpeed, Demand, DepartLane, DepartPosition, DepartSpeed, Departure, Route, RouteChoice, Vehicle,
};
use crate::city::network::Network;
use crate::city::routing::Router;
use crate::primitives::ids::{EdgeId, KindId, RouteId};
use crate::primitives::random::{KeyedRng, Purpose};
use crate::primitives::text::Findings;
use crate::primitives::{Distance, SimDuration, SimTime, Speed};

/// How often ends are drawn before every pair of roads of two zones is looked at.
const TRIES: u32 = 16;
/// The most pairs of roads looked at one by one.
const PAIRS_MAX: usize = 250_000;

/// Pieces of a matrix's time in which departures are even.
const PIECES: u32 = 240;

/// A trip before it has a way.
#[derive(Debug, Clone, Copy)]
struct Trip {
    number: u32,
    kind: usize,
    from: EdgeId,
    to: EdgeId,
    time: SimTime,
    /// Whether it comes from beyond the map, and is moving when it enters.
    enters: bool,
    /// Whether it ends beyond the map.
    leaves: bool,
    /// Where on its last road it ends, as a share.
    arrival: f64,
}

/// Makes the trips of a matrix; those without a way are counted among what is left out.
pub(super) fn make(
    network: &Network,
    router: &Router,
    ends: &[Ends<'_>],
    (matrix, known): (&Matrix, &[Option<usize>]),
    spec: &OdSpec,
    findings: &mut Findings,
) -> Demand {
    let source = (spec.number as u64) << 40;
    let draw = Draw { ends, spec, shares: shares(spec), course: Course::new(spec), source };
    let mut trips = Vec::new();
    let mut without = 0_u64;
    let (mut sum, mut number) = (draw.rng(u64::MAX >> 24, 0).unit(), 0_u32);
    for cell in &matrix.cells {
        let (Some(from), Some(to)) = (known[cell.from], known[cell.to]) else { continue };
        sum += cell.trips * spec.scale;
        let whole = sum.floor();
        sum -= whole;
        let mut k = 0_u64;
        let mut left = whole;
        while left >= 1.0 {
            left -= 1.0;
            match draw.trip((from, to), k, number) {
                Some(trip) => trips.push(trip),
                None => without += 1,
            }
            k += 1;
            number += 1;
        }
    }
    if spec.spread == Spread::Even {
        draw.spread_evenly(&mut trips);
    }
    let (begin, end) = spec.window;
    trips.retain(|trip| trip.time >= begin && trip.time < end);
    let (demand, lost) = on_their_ways(network, router, &trips, spec);
    if without + lost > 0 {
        findings.unsupported("trips of a matrix between zones without a way from one to the other", without + lost);
    }
    demand
}

/// How much of a matrix has departed by when.
struct Course {
    begin: f64,
    /// Length of a piece [s].
    piece: f64,
    /// Running sums of the pieces' weights.
    sums: Vec<f64>,
}

impl Course {
    fn new(spec: &OdSpec) -> Self {
        let (begin, span) = (spec.from.as_seconds(), (spec.to - spec.from).as_seconds());
        let piece = span / f64::from(PIECES);
        let mut sum = 0.0;
        let weights =
            (0..PIECES).map(|at| spec.profile.intensity(SimTime::seconds(begin + piece * (f64::from(at) + 0.5))));
        let sums: Vec<f64> = weights
            .map(|weight| {
                sum += weight;
                sum
            })
            .collect();
        // A profile that is zero all the time is as good as an even one.
        let even = || (1..=PIECES).map(f64::from).collect();
        Self { begin, piece, sums: if sum > 0.0 { sums } else { even() } }
    }

    /// When the share `part` in `[0, 1)` of the trips has departed.
    fn at(&self, part: f64) -> SimTime {
        let wanted = part * self.sums.last().copied().unwrap_or(0.0);
        let at = self.sums.partition_point(|sum| *sum <= wanted).min(self.sums.len() - 1);
        let before = if at == 0 { 0.0 } else { self.sums[at - 1] };
        let within = (wanted - before) / (self.sums[at] - before).max(f64::MIN_POSITIVE);
        let pieces = f64::from(u32::try_from(at).unwrap_or(0)) + within.clamp(0.0, 1.0);
        SimTime::ZERO + SimDuration::seconds(self.begin + self.piece * pieces)
    }
}

/// Running sums of the fleet's shares.
fn shares(spec: &OdSpec) -> Vec<f64> {
    let mut sum = 0.0;
    let sums = spec.fleet.iter().map(|share| {
        sum += share.weight.max(0.0);
        sum
    });
    sums.collect()
}

/// Vehicles with the fastest ways on empty roads; and how many have none.
fn on_their_ways(network: &Network, router: &Router, trips: &[Trip], spec: &OdSpec) -> (Demand, u64) {
    let mut pairs: Vec<(EdgeId, EdgeId, usize)> = trips.iter().map(|trip| (trip.from, trip.to, trip.kind)).collect();
    pairs.sort_unstable();
    pairs.dedup();
    let ways: Vec<Option<Vec<EdgeId>>> = pairs
        .par_iter()
        .map(|&(from, to, kind)| {
            let kind = &spec.fleet[kind].kind;
            router.shortest(from, to, kind.class, kind.speed_max)
        })
        .collect();
    let mut demand = Demand { kinds: spec.fleet.iter().map(|share| share.kind.clone()).collect(), ..Demand::default() };
    // Kinds of one class and speed share their routes.
    let mut routes: std::collections::BTreeMap<Vec<EdgeId>, RouteId> = std::collections::BTreeMap::new();
    let ids: Vec<Option<RouteId>> = ways
        .into_iter()
        .map(|way| {
            let way = way?;
            let next = RouteId::new(demand.routes.len());
            Some(*routes.entry(way).or_insert_with_key(|way| {
                demand.routes.push(Route { edges: way.clone() });
                next
            }))
        })
        .collect();
    let mut lost = 0;
    for trip in trips {
        let found = pairs.binary_search(&(trip.from, trip.to, trip.kind)).ok().and_then(|at| ids[at]);
        match found {
            Some(route) => demand.vehicles.push(vehicle(network, trip, route, spec)),
            None => lost += 1,
        }
    }
    demand.vehicles.sort_by_key(|vehicle| vehicle.departure.time);
    (demand, lost)
}

/// What the names of the vehicles of a matrix begin with, by its place among the matrices of a scenario.
pub fn vehicle_prefix(number: usize) -> String {
    format!("od{}-", number + 1)
}

fn vehicle(network: &Network, trip: &Trip, route: RouteId, spec: &OdSpec) -> Vehicle {
    let last = network.edge(trip.to).length;
    Vehicle {
        name: format!("{}{:05}", vehicle_prefix(spec.number), trip.number + 1),
        kind: KindId::new(trip.kind),
        route,
        choice: RouteChoice::FastestAtDeparture { via: Vec::new() },
        departure: Departure {
            time: trip.time,
            lane: DepartLane::Best,
            position: DepartPosition::Base,
            speed: if trip.enters { DepartSpeed::Max } else { DepartSpeed::At(Speed::ZERO) },
        },
        arrival_position: (!trip.leaves && last > Distance::ZERO).then_some(last * trip.arrival),
        arrival_speed: ArrivalSpeed::Current,
        stops: Vec::new(),
        line: None,
    }
}

/// Everything from which trips are drawn.
struct Draw<'a> {
    ends: &'a [Ends<'a>],
    spec: &'a OdSpec,
    shares: Vec<f64>,
    course: Course,
    source: u64,
}

impl Draw<'_> {
    /// The stream of a pair and a place in it.
    fn rng(&self, pair: u64, place: u64) -> KeyedRng {
        self.spec.seed.stream(Purpose::OdTrips, self.source | pair, place)
    }

    /// A trip of a pair of zones; none where there is no way.
    fn trip(&self, (from, to): (usize, usize), place: u64, number: u32) -> Option<Trip> {
        let pair = (from as u64) << 16 | to as u64;
        let mut rng = self.rng(pair, place);
        let total = self.shares.last().copied().unwrap_or(0.0);
        let drawn = rng.unit() * total;
        let kind = self.shares.partition_point(|sum| *sum <= drawn).min(self.shares.len().saturating_sub(1));
        let (moment, arrival) = (rng.unit(), 0.3 + 0.6 * rng.unit());
        let time = self.course.at(moment);
        let nowhere = |kind: usize| {
            let ends = |zone: usize| self.ends.get(kind).map(|ends| &ends.zones[zone]);
            [from, to].into_iter().any(|zone| matches!(ends(zone), None | Some(End::Nowhere)))
        };
        let kind = if nowhere(kind) { self.spec.main_kind() } else { kind };
        let ends = self.ends.get(kind)?;
        let (start, goal) = match (&ends.zones[from], &ends.zones[to]) {
            (End::Inside(a), End::Inside(b)) => {
                (0..TRIES).find_map(|_| sound(ends, a.pick(rng.unit())?, b.pick(rng.unit())?)).or_else(|| {
                    let pairs = a.edges.iter().flat_map(|x| b.edges.iter().map(|y| (*x, *y))).take(PAIRS_MAX);
                    let open: Vec<_> = pairs.filter_map(|(x, y)| sound(ends, x, y)).collect();
                    (!open.is_empty()).then(|| open[rng.below(open.len())])
                })?
            }
            (End::Beyond(away), End::Inside(b)) => (0..TRIES).find_map(|_| {
                let goal = b.pick(rng.unit())?;
                Some((ends.entry(*away, goal)?, goal))
            })?,
            (End::Inside(a), End::Beyond(away)) => (0..TRIES).find_map(|_| {
                let start = a.pick(rng.unit())?;
                Some((start, ends.exit(start, *away)?))
            })?,
            (End::Beyond(a), End::Beyond(b)) => ends.passage(*a, *b)?,
            _ => return None,
        };
        let enters = ends.gates.iter().any(|gate| gate.inbound == Some(start));
        let leaves = ends.gates.iter().any(|gate| gate.outbound == Some(goal));
        Some(Trip { number, kind, from: start, to: goal, time, enters, leaves, arrival })
    }

    /// Gives every trip a moment in a slice of its own, in an order by chance.
    fn spread_evenly(&self, trips: &mut [Trip]) {
        let mut order: Vec<(u64, usize)> = trips
            .iter()
            .enumerate()
            .map(|(at, trip)| (self.rng(u64::MAX >> 25, u64::from(trip.number)).next(), at))
            .collect();
        order.sort_unstable();
        let slices = f64::from(u32::try_from(trips.len()).unwrap_or(u32::MAX)).max(1.0);
        for (slice, (drawn, at)) in (0_u32..).zip(order) {
            // The bits that made the order say where in the slice.
            let within = f64::from(u32::try_from(drawn & 0xffff_ffff).unwrap_or(0)) / 4_294_967_296.0;
            let part = (f64::from(slice) + within) / slices;
            trips[at].time = self.course.at(part);
        }
    }
}

/// Two roads, if a trip may lead from one to the other.
fn sound(ends: &Ends<'_>, from: EdgeId, to: EdgeId) -> Option<(EdgeId, EdgeId)> {
    (from != to && ends.reach.leads(from, to)).then_some((from, to))
}
