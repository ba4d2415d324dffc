//! Guides: for every lane along a route, which link continues it and which lane is best.
//!
//! Vehicles with the same route, class and planned stops share one guide, worked out backwards from the route's end: a lane
//! is worth the distance it can be followed without changing lanes, and the offset points to the nearest best lane. (SUMO
//! computes the same table per vehicle, `MSVehicle::updateBestLanes`.)

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::city::demand::{Demand, Vehicle};
use crate::primitives::VehicleClass;

use super::facts::{NONE, RoadFacts, count};

/// What a guide says about one lane of one edge of the route.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct GuideRow {
    /// How far the route can be followed from this lane's start without changing lanes [m].
    pub length: f64,
    /// The link to take at its end, or [`NONE`] where the route cannot be continued from here.
    pub link: u32,
    /// Lanes to the nearest best lane: positive to the left, zero on a best lane.
    pub offset: i32,
    /// Whether a vehicle of the class may be here at all.
    pub allowed: bool,
    /// Whether the lane that the way leads to in the end leads nowhere: a lane drop.
    pub dead_end: bool,
}

/// A planned stop as the guide sees it.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, serde::Serialize, serde::Deserialize)]
pub(crate) struct StopFacts {
    /// Which edge of the route it is on.
    pub leg: u32,
    /// Its lane.
    pub lane: u32,
    /// Where the front stands [m].
    pub position: f64,
}

/// One shared guide.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct Itinerary {
    /// Edges of the route.
    edges: Vec<u32>,
    /// First row of each leg in the table.
    rows: Vec<u32>,
    /// How far the route runs along the next roundabout, seen from each leg [m]; 0 without one near.
    ring_ahead: Vec<f64>,
}

/// How much longer than it is each edge of a ring counts when lanes are compared [m]; so that the many
/// short edges of a roundabout do not make every inner lane look like a trap. An assumption in the order of SUMO's bonus, whose
/// present formula also weighs how full the lanes are.
const RING_BONUS: f64 = 80.0;
/// From how many edges away a roundabout is seen coming.
const RING_SEEN: usize = 2;

/// All guides.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Guides {
    /// Those made at assembly; shared with every fork, and not in a saved state.
    #[serde(skip)]
    first: Arc<Table>,
    /// Those made since; numbered after the first.
    added: Table,
    /// Stops of each vehicle: first and one past the last in `stops`.
    stop_ranges: Vec<(u32, u32)>,
    stops: Vec<StopFacts>,
    /// The guide of each vehicle.
    of_vehicle: Vec<u32>,
}

/// Guides and their rows.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
struct Table {
    itineraries: Vec<Itinerary>,
    rows: Vec<GuideRow>,
    /// Guides by what they depend on.
    known: BTreeMap<Key, u32>,
}

/// Edges of the route, class, and leg and lane of each stop.
type Key = (Vec<u32>, VehicleClass, Vec<(u32, u32)>);

impl Guides {
    /// Works out the guides of everybody in the demand.
    pub(crate) fn new(facts: &RoadFacts, demand: &Demand) -> Self {
        let mut guides = Self {
            first: Arc::default(),
            added: Table::default(),
            stop_ranges: Vec::with_capacity(demand.vehicles.len()),
            stops: Vec::new(),
            of_vehicle: Vec::with_capacity(demand.vehicles.len()),
        };
        for vehicle in &demand.vehicles {
            let class = demand.kind(vehicle.kind).class;
            let route: Vec<u32> = demand.route(vehicle.route).edges.iter().map(|e| e.raw()).collect();
            let first = guides.stops.len();
            guides.push_stops(facts, vehicle, &route);
            let stops = &guides.stops[first..];
            let stops: Vec<StopFacts> = stops.to_vec();
            guides.stop_ranges.push((count(first), count(guides.stops.len())));
            let id = guides.find_or_build(facts, route, class, &stops);
            guides.of_vehicle.push(id);
        }
        guides.first = Arc::new(std::mem::take(&mut guides.added));
        guides
    }

    /// The guide for a route, made if it is new.
    fn find_or_build(&mut self, facts: &RoadFacts, route: Vec<u32>, class: VehicleClass, stops: &[StopFacts]) -> u32 {
        let key = (route, class, stops.iter().map(|s| (s.leg, s.lane)).collect());
        if let Some(&id) = self.first.known.get(&key).or_else(|| self.added.known.get(&key)) {
            return id;
        }
        let id = self.build(facts, key.0.clone(), class, stops);
        self.added.known.insert(key, id);
        id
    }

    /// Gives a vehicle without stops another route before it enters.
    pub(crate) fn reroute(&mut self, facts: &RoadFacts, vehicle: u32, route: Vec<u32>, class: VehicleClass) {
        let id = self.find_or_build(facts, route, class, &[]);
        self.of_vehicle[vehicle as usize] = id;
    }

    /// Gives a body beyond the demand's rows a guide: it stands on `edge`.
    pub(crate) fn reserve(&mut self, facts: &RoadFacts, edge: u32, class: VehicleClass) {
        let id = self.find_or_build(facts, vec![edge], class, &[]);
        let none = count(self.stops.len());
        self.stop_ranges.push((none, none));
        self.of_vehicle.push(id);
    }

    /// Finds on which leg of the route each stop lies; a stop that the rest of the route does not reach is left out (the
    /// importer has complained about it).
    fn push_stops(&mut self, facts: &RoadFacts, vehicle: &Vehicle, route: &[u32]) {
        let mut leg = 0;
        let mut last = f64::NEG_INFINITY;
        for stop in &vehicle.stops {
            let lane = stop.lane.raw();
            let position = stop.position.as_metres().min(facts.lane(lane).length);
            let edge = facts.lane(lane).edge;
            let from = if route.get(leg) == Some(&edge) && position < last { leg + 1 } else { leg };
            let Some(found) = (from..route.len()).find(|&i| route[i] == edge) else { continue };
            leg = found;
            last = position;
            self.stops.push(StopFacts { leg: count(found), lane, position });
        }
    }

    fn build(&mut self, facts: &RoadFacts, edges: Vec<u32>, class: VehicleClass, stops: &[StopFacts]) -> u32 {
        let mut legs: Vec<Vec<GuideRow>> = Vec::with_capacity(edges.len());
        // What each lane of the leg behind is worth to the leg before it, given the stops.
        let mut worth: Vec<(f64, i32, bool)> = Vec::new();
        for (leg, &edge) in edges.iter().enumerate().rev() {
            let (first, lanes) = facts.edges[edge as usize];
            let last_leg = leg + 1 == edges.len();
            let mut rows: Vec<GuideRow> = (first..first + lanes)
                .map(|lane| row(facts, lane, class, last_leg, edges.get(leg + 1).copied(), &worth))
                .collect();
            set_offsets(&mut rows, last_leg);
            worth = rows
                .iter()
                .map(|r| if r.allowed { (r.length, r.offset, r.dead_end) } else { (0.0, 99, true) })
                .collect();
            if let Some(stop) = stops.iter().rfind(|s| s.leg as usize == leg) {
                for (index, value) in worth.iter_mut().enumerate() {
                    let steps = index as i32 - (stop.lane - first) as i32;
                    if steps != 0 {
                        // Only the stop's own lane serves it: others are worth the way to the stop.
                        *value = (value.0.min(stop.position), -steps, false);
                    }
                }
            }
            legs.push(rows);
        }
        let mut starts = Vec::with_capacity(edges.len());
        for rows in legs.into_iter().rev() {
            starts.push(count(self.added.rows.len()));
            self.added.rows.extend(rows);
        }
        let ring_ahead = ring_ahead(facts, &edges);
        self.added.itineraries.push(Itinerary { edges, rows: starts, ring_ahead });
        count(self.first.itineraries.len() + self.added.itineraries.len() - 1)
    }

    /// The guide a vehicle follows.
    pub(crate) fn of_vehicle(&self, vehicle: u32) -> u32 {
        self.of_vehicle[vehicle as usize]
    }

    /// The table a guide is in, and its place there.
    #[inline]
    fn table(&self, itinerary: u32) -> (&Table, usize) {
        let place = itinerary as usize;
        let first = self.first.itineraries.len();
        if place < first { (&self.first, place) } else { (&self.added, place - first) }
    }

    /// Takes over the guides made at assembly from those of the same city at its beginning.
    pub(crate) fn share(&mut self, assembled: &Self) {
        self.first = Arc::clone(&assembled.first);
    }

    /// What the guide says about lane `index` of leg `leg`.
    #[inline]
    pub(crate) fn row(&self, itinerary: u32, leg: u32, index: u32) -> &GuideRow {
        let (table, place) = self.table(itinerary);
        &table.rows[(table.itineraries[place].rows[leg as usize] + index) as usize]
    }

    /// What the next roundabout adds to the worth of a lane, seen from a leg [m].
    pub(crate) fn ring_ahead(&self, itinerary: u32, leg: u32) -> f64 {
        let (table, place) = self.table(itinerary);
        table.itineraries[place].ring_ahead[leg as usize]
    }

    /// Edges of the route.
    pub(crate) fn edges(&self, itinerary: u32) -> &[u32] {
        let (table, place) = self.table(itinerary);
        &table.itineraries[place].edges
    }

    /// Planned stops of a vehicle, in order.
    pub(crate) fn stops(&self, vehicle: u32) -> &[StopFacts] {
        let (first, end) = self.stop_ranges[vehicle as usize];
        &self.stops[first as usize..end as usize]
    }
}

fn row(
    facts: &RoadFacts,
    lane: u32,
    class: VehicleClass,
    last_leg: bool,
    next_edge: Option<u32>,
    worth: &[(f64, i32, bool)],
) -> GuideRow {
    let here = facts.lane(lane);
    let allowed = here.allowed.contains(class);
    let mut best: Option<(f64, i32, u32, bool)> = None;
    for link in here.first_link..here.first_link + here.link_count {
        let to = facts.link(link).to;
        let via_allowed = facts.link(link).via == NONE || facts.lane(facts.link(link).via).allowed.contains(class);
        if Some(facts.lane(to).edge) != next_edge || !facts.lane(to).allowed.contains(class) || !via_allowed {
            continue;
        }
        let (length, offset, dead_end) = worth[facts.lane(to).index as usize];
        let better = best.is_none_or(|(l, o, _, _)| length > l || (length == l && offset.abs() < o.abs()));
        if better {
            best = Some((length, offset, link, dead_end));
        }
    }
    let (length, link, dead_end) = match best {
        Some((length, _, link, dead_end)) => (here.length + length, link, dead_end),
        None => (here.length, NONE, !last_leg && here.link_count == 0),
    };
    GuideRow { length, link, offset: 0, allowed, dead_end }
}

/// How far a route runs along the next roundabout, seen from each of its legs [m].
fn ring_ahead(facts: &RoadFacts, edges: &[u32]) -> Vec<f64> {
    let is_ring = |leg: usize| edges.get(leg).is_some_and(|&e| facts.ring[e as usize]);
    let length = |leg: usize| facts.lane(facts.edges[edges[leg] as usize].0).length;
    (0..edges.len())
        .map(|leg| {
            let Some(first) = (leg..=leg + RING_SEEN).find(|&l| is_ring(l)) else { return 0.0 };
            let ring: Vec<usize> = (first..edges.len()).take_while(|&l| is_ring(l)).collect();
            // Whoever leaves at the first exit gains nothing by the inner lane.
            if ring.len() < 2 { 0.0 } else { ring.into_iter().map(|l| length(l) + RING_BONUS).sum() }
        })
        .collect()
}

/// Points every lane that is not best to the nearest best one.
fn set_offsets(rows: &mut [GuideRow], last_leg: bool) {
    let usable = |r: &GuideRow| r.allowed && (last_leg || r.link != NONE);
    let best = rows.iter().filter(|r| usable(r)).map(|r| r.length).fold(f64::NEG_INFINITY, f64::max);
    let is_best: Vec<bool> = rows.iter().map(|r| usable(r) && r.length >= best).collect();
    for i in 0..rows.len() {
        if is_best[i] {
            continue;
        }
        let nearest = (0..is_best.len()).filter(|&j| is_best[j]).min_by_key(|&j| j.abs_diff(i));
        rows[i].offset = nearest.map_or(0, |j| j as i32 - i as i32);
    }
}
