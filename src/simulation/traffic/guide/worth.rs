//! What the lanes along a route are worth: the rows of a guide, worked out from its end to its beginning.
//!
//! A lane is worth the distance it can be followed without changing lanes, up to the horizon of the leg. (SUMO keeps the same
//! table per vehicle, `MSVehicle::updateBestLanes`; horizon and rules are its.) Does not know who follows a guide or when.

use std::cmp::Ordering;

use crate::primitives::VehicleClass;
use crate::simulation::traffic::facts::{NONE, RoadFacts, count};

use super::{GuideRow, Leg, StopFacts};

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

/// Works out the legs and the rows of a guide.
pub(super) fn build(
    facts: &RoadFacts,
    edges: &[u32],
    class: VehicleClass,
    stops: &[StopFacts],
    exempt: bool,
) -> (Vec<Leg>, Vec<GuideRow>) {
    let mut first = 0;
    let mut legs: Vec<Leg> = Vec::with_capacity(edges.len());
    for &edge in edges {
        let (lane, lanes) = facts.edges[edge as usize];
        legs.push(Leg { first, lane, horizon: 0, ring_near: false });
        first += lanes;
    }
    let mut rows = vec![GuideRow::default(); first as usize];
    let (mut worth, mut next): (Vec<Worth>, Vec<Worth>) = (Vec::new(), Vec::new());
    let mut end = usize::MAX;
    for leg in (0..edges.len()).rev() {
        let stop = stops.iter().find(|s| s.leg as usize > leg);
        let horizon = horizon(facts, edges, leg, stop.map(|s| s.leg as usize));
        let way = Way { facts, class, edges, end: horizon, stop, exempt };
        if horizon != end {
            // Another horizon: everything up to it is worth something else.
            end = horizon;
            worth.clear();
            for later in (leg + 1..=horizon).rev() {
                std::mem::swap(&mut worth, &mut next);
                way.worth(later, &next, &mut worth);
            }
        }
        std::mem::swap(&mut worth, &mut next);
        way.worth(leg, &next, &mut worth);
        legs[leg].horizon = u8::try_from(horizon - leg).unwrap_or(u8::MAX);
        legs[leg].ring_near = ring_near(facts, edges, leg);
        let first = legs[leg].first as usize;
        for (row, worth) in rows[first..].iter_mut().zip(&worth) {
            *row = worth.row(facts);
        }
    }
    (legs, rows)
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
    fn row(&self, facts: &RoadFacts) -> GuideRow {
        let Self { length, link, offset, allowed, dead_end, .. } = *self;
        let offset = offset.clamp(i32::from(i8::MIN), i32::from(i8::MAX)) as i8;
        let next = if link == NONE { 0 } else { facts.lane(facts.link(link).to).index };
        let next = u8::try_from(next).unwrap_or(u8::MAX);
        GuideRow { length, link, offset, next, allowed, dead_end }
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
    /// Whether roads closed by rule are open to it.
    exempt: bool,
}

impl Way<'_> {
    /// Whether its class may use a lane of a road.
    fn may_use(&self, lane: u32) -> bool {
        let facts = self.facts.lane(lane);
        facts.allowed.contains(self.class) || self.exempt && self.facts.is_barred(self.class, facts.edge)
    }

    /// What the lanes of a leg are worth, given what those of the next are.
    fn worth(&self, leg: usize, next: &[Worth], worth: &mut Vec<Worth>) {
        let (first, lanes) = self.facts.edges[self.edges[leg] as usize];
        worth.clear();
        worth.extend((first..first + lanes).map(|lane| self.own(leg, lane)));
        if leg < self.end {
            self.connect(leg, worth, next);
        }
        self.set_offsets(first, worth, leg < self.end);
    }

    /// What a lane is worth by itself.
    fn own(&self, leg: usize, lane: u32) -> Worth {
        let facts = self.facts.lane(lane);
        let allowed = self.may_use(lane);
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
                let via_allowed = link.via == NONE || self.exempt || facts.lane(link.via).allowed.contains(self.class);
                if !own.allowed || !via_allowed || !self.may_use(link.to) {
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
            let open = |other: u32| other != NONE && self.may_use(other);
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

/// Whether a roundabout is near, seen from a leg of a route.
fn ring_near(facts: &RoadFacts, edges: &[u32], leg: usize) -> bool {
    let mut seen = 0.0;
    for (later, &edge) in edges[leg..].iter().enumerate() {
        if facts.ring[edge as usize] {
            return true;
        }
        if later > 0 {
            seen += facts.lane(facts.edges[edge as usize].0).length;
        }
        if seen > RING_SEEN {
            return false;
        }
    }
    false
}
