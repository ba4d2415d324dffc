//! Guides: for every lane along a route, which link continues it and which lane is best.
//!
//! Vehicles with the same route, class and planned stops share one guide. For each leg it is worked out backwards from the end
//! of the driver's horizon: a lane is worth the distance it can be followed without changing lanes, and the offset points to the
//! nearest best lane. (SUMO keeps the same table per vehicle, `MSVehicle::updateBestLanes`; horizon and rules are its.)

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::city::demand::{Demand, Vehicle};
use crate::primitives::VehicleClass;

use super::facts::{NONE, RoadFacts, count};

/// What a guide says about one lane of one edge of the route.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct GuideRow {
    /// How far the route can be followed from this lane's start without changing lanes, up to the horizon [m].
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
    /// How many legs each leg's horizon has, itself included.
    horizons: Vec<u8>,
    /// Whether a roundabout is near, seen from each leg.
    ring_near: Vec<bool>,
}

/// From how far away a roundabout is seen coming, behind the edge the driver is on [m].
const RING_SEEN: f64 = 300.0;
/// Drivers compare lanes over this many roads in any case ...
const ROADS_MIN: usize = 4;
/// ... over more of them up to this distance [m] ...
const FAR: f64 = 3000.0;
/// ... but over more than this many roads ...
const ROADS_MANY: usize = 8;
/// ... only up to about the braking distance at a car's top speed, from the end of the road they are on [m].
const NEAR: f64 = 450.0;

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
        let mut horizons = vec![0; edges.len()];
        let mut worth: Vec<Worth> = Vec::new();
        let mut end = usize::MAX;
        for leg in (0..edges.len()).rev() {
            let stop = stops.iter().find(|s| s.leg as usize > leg);
            let horizon = horizon(facts, &edges, leg, stop.map(|s| s.leg as usize));
            let way = Way { facts, class, edges: &edges, end: horizon, stop };
            if horizon != end {
                // Another horizon: everything up to it is worth something else.
                end = horizon;
                worth.clear();
                for later in (leg + 1..=horizon).rev() {
                    worth = way.worth(later, &worth);
                }
            }
            worth = way.worth(leg, &worth);
            horizons[leg] = u8::try_from(horizon - leg).unwrap_or(u8::MAX);
            legs.push(worth.iter().map(Worth::row).collect());
        }
        let mut starts = Vec::with_capacity(edges.len());
        for rows in legs.into_iter().rev() {
            starts.push(count(self.added.rows.len()));
            self.added.rows.extend(rows);
        }
        let ring_near = ring_near(facts, &edges);
        self.added.itineraries.push(Itinerary { edges, rows: starts, horizons, ring_near });
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

    /// Whether a roundabout is near, seen from a leg.
    pub(crate) fn ring_near(&self, itinerary: u32, leg: u32) -> bool {
        let (table, place) = self.table(itinerary);
        table.itineraries[place].ring_near[leg as usize]
    }

    /// The road lanes behind the end of `lane`, which is on leg `leg`, that it leads to without a change, up to the horizon.
    pub(crate) fn way<'a>(
        &'a self,
        facts: &'a RoadFacts,
        itinerary: u32,
        leg: u32,
        lane: u32,
    ) -> impl Iterator<Item = u32> + use<'a> {
        let (table, place) = self.table(itinerary);
        let guide = &table.itineraries[place];
        let end = leg + u32::from(guide.horizons[leg as usize]);
        let (mut leg, mut lane) = (leg, lane);
        std::iter::from_fn(move || {
            if leg >= end {
                return None;
            }
            let link = table.rows[(guide.rows[leg as usize] + facts.lane(lane).index) as usize].link;
            if link == NONE {
                return None;
            }
            lane = facts.link(link).to;
            leg += 1;
            Some(lane)
        })
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

/// The last leg over which a driver on `leg` compares lanes; the next planned stop ends it.
fn horizon(facts: &RoadFacts, edges: &[u32], leg: usize, stop: Option<usize>) -> usize {
    let length = |leg: usize| facts.lane(facts.edges[edges[leg] as usize].0).length;
    let near = NEAR + length(leg);
    let mut seen = 0.0;
    let last = stop.unwrap_or(edges.len() - 1).min(leg + usize::from(u8::MAX));
    for (roads, at) in (1..).zip(leg..last) {
        seen += length(at);
        if roads > ROADS_MIN && seen >= FAR.max(near) || roads > ROADS_MANY && seen >= near {
            return at;
        }
    }
    last
}

/// What one lane is worth, while a guide is worked out.
#[derive(Debug, Clone, Copy)]
struct Worth {
    /// How far it leads [m].
    length: f64,
    /// Its own part of that [m].
    own: f64,
    link: u32,
    /// First lanes to go on the next leg, then to the best lane on this.
    offset: i32,
    allowed: bool,
    dead_end: bool,
    /// Whether the way goes on from its end, with priority.
    major: bool,
}

impl Worth {
    fn row(&self) -> GuideRow {
        let Self { length, link, offset, allowed, dead_end, .. } = *self;
        GuideRow { length, link, offset, allowed, dead_end }
    }

    /// The longer way is better, then the one with fewer changes to come, then the one with priority.
    fn compare(&self, other: &Self) -> Ordering {
        let by_length = self.length.total_cmp(&other.length);
        by_length.then(other.offset.abs().cmp(&self.offset.abs())).then(self.major.cmp(&other.major))
    }

    /// Whether a driver should leave the lane for the best one.
    fn is_behind(&self, best: &Self) -> bool {
        self.length < best.length
            || self.length == best.length && self.offset.abs() > best.offset.abs()
            || !self.major && best.major
    }
}

/// A way as far as one horizon.
struct Way<'a> {
    facts: &'a RoadFacts,
    class: VehicleClass,
    edges: &'a [u32],
    /// The last leg of the horizon.
    end: usize,
    /// The stop that ends it, if it is on that leg.
    stop: Option<&'a StopFacts>,
}

impl Way<'_> {
    /// What the lanes of a leg are worth, given what those of the next are.
    fn worth(&self, leg: usize, next: &[Worth]) -> Vec<Worth> {
        let (first, lanes) = self.facts.edges[self.edges[leg] as usize];
        let mut worth: Vec<Worth> = (first..first + lanes).map(|lane| self.own(leg, lane)).collect();
        if leg < self.end {
            self.connect(leg, &mut worth, next);
        }
        self.set_offsets(first, &mut worth, leg < self.end);
        worth
    }

    /// What a lane is worth by itself.
    fn own(&self, leg: usize, lane: u32) -> Worth {
        let facts = self.facts.lane(lane);
        let allowed = facts.allowed.contains(self.class);
        let mut own = if allowed { facts.length } else { 0.0 };
        if let Some(stop) = self.stop.filter(|s| leg == self.end && s.leg as usize == leg && s.lane != lane) {
            // Only the stop's own lane serves it: others are worth the way to the stop.
            own = stop.position.clamp(0.1, (facts.length - 0.2).max(0.1));
        }
        let dead_end = leg + 1 < self.edges.len() && facts.link_count == 0;
        Worth { length: own, own, link: NONE, offset: 0, allowed, dead_end, major: true }
    }

    /// Adds what the next leg is worth from each lane.
    fn connect(&self, leg: usize, worth: &mut [Worth], next: &[Worth]) {
        let facts = self.facts;
        let (first, _) = facts.edges[self.edges[leg] as usize];
        let next_edge = self.edges[leg + 1];
        let links = |lane: u32| {
            let from = facts.lane(lane);
            (from.first_link..from.first_link + from.link_count)
                .filter(|&l| facts.lane(facts.link(l).to).edge == next_edge)
        };
        let reached = |link: u32| &next[facts.lane(facts.link(link).to).index as usize];
        let lanes = first..first + count(worth.len());
        let connected = lanes.clone().flat_map(links).map(|l| reached(l).length).fold(-1.0, f64::max);
        let best = next.iter().map(|w| w.length).fold(-1.0, f64::max);
        for (lane, own) in lanes.zip(worth.iter_mut()) {
            let mut found: Option<u32> = None;
            for id in links(lane) {
                let link = facts.link(id);
                let via_allowed = link.via == NONE || facts.lane(link.via).allowed.contains(self.class);
                if !own.allowed || !via_allowed || !facts.lane(link.to).allowed.contains(self.class) {
                    continue;
                }
                let (new, old) = (reached(id), found.map(reached));
                if old.is_none_or(|old| {
                    new.length > old.length || new.length == old.length && new.offset.abs() < old.offset.abs()
                }) {
                    found = Some(id);
                }
            }
            own.major = false;
            let Some(id) = found else { continue };
            let to = reached(id);
            // From the lane nearest to a better one of the next road, that one is as good as reached.
            own.length += if to.length >= connected && to.offset.abs() < 2 { best } else { to.length };
            own.link = id;
            own.offset = to.offset;
            own.dead_end = to.dead_end;
            own.major = facts.link(id).major;
        }
    }

    /// Points every lane that is not best to the nearest best one.
    fn set_offsets(&self, first: u32, worth: &mut [Worth], connected: bool) {
        let (mut best, mut last) = (0, 0);
        for i in 1..worth.len() {
            match worth[i].compare(&worth[best]) {
                Ordering::Greater => (best, last) = (i, i),
                Ordering::Equal => last = i,
                Ordering::Less => {}
            }
        }
        let best_worth = worth[best];
        let (mut right_barred, mut left_barred) = (false, None);
        for (i, lane) in worth.iter_mut().enumerate() {
            if !lane.is_behind(&best_worth) {
                lane.offset = 0;
                continue;
            }
            let to = if best.abs_diff(i) < last.abs_diff(i) { best } else { last };
            lane.offset = to as i32 - i as i32;
            if connected && !lane.major && best_worth.major {
                // Away from the lane that has to yield before it ends.
                lane.length = lane.own;
            }
            let facts = self.facts.lane(first + i as u32);
            let open = |other: u32| other != NONE && self.facts.lane(other).allowed.contains(self.class);
            if lane.offset < 0 && (right_barred || !facts.change_right.contains(self.class) || !open(facts.right)) {
                right_barred = true;
                if lane.length <= lane.own {
                    lane.length = 0.0;
                }
            } else if lane.offset > 0 && (!facts.change_left.contains(self.class) || !open(facts.left)) {
                left_barred = Some(i);
            }
        }
        for lane in worth.iter_mut().take(left_barred.map_or(0, |i| i + 1)) {
            if lane.length <= lane.own {
                lane.length = 0.0;
            }
        }
    }
}

/// Whether a roundabout is near, seen from each leg of a route.
fn ring_near(facts: &RoadFacts, edges: &[u32]) -> Vec<bool> {
    let length = |leg: usize| facts.lane(facts.edges[edges[leg] as usize].0).length;
    (0..edges.len())
        .map(|leg| {
            let mut seen = 0.0;
            (leg..edges.len())
                .take_while(|&later| {
                    let near = seen <= RING_SEEN;
                    seen += if later == leg { 0.0 } else { length(later) };
                    near
                })
                .any(|later| facts.ring[edges[later] as usize])
        })
        .collect()
}
