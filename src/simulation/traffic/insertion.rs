//! Insertion: vehicles enter the road in the order of their departure, edge by edge, when there is room.
//!
//! Each edge has a queue by (departure, row). Whoever finds no room on its lane holds back everybody behind it who needs the
//! same lane; nobody is dropped, and the backlog is reported.

use std::collections::VecDeque;

use crate::city::demand::{DepartLane, DepartPosition, DepartSpeed, Departure};
use crate::primitives::column::Column;
use crate::primitives::random::{Purpose, Seed};

use super::body::{Body, Halt, KindFacts, TRAIL_MAX};
use super::facts::NONE;
use super::following::brake_gap;
use super::rail::may_set_out;
use super::road::Road;

/// Kept from the very start of a lane when a vehicle starts with its back there [m].
const BASE_EPS: f64 = 0.1;
/// A lane that can be followed this far counts as good as any for starting on [m].
const BEST_LANE_FAR: f64 = 3000.0;
/// Kept from the very end of a lane [m].
const END_EPS: f64 = 1e-6;
/// How often a place drawn by chance is tried before the vehicle waits another step.
const RANDOM_TRIES: u64 = 10;

/// Who waits for room, per edge.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Queues {
    by_edge: Column<VecDeque<u32>>,
    waiting: usize,
    /// Edges with somebody waiting, ascending.
    busy: std::collections::BTreeSet<u32>,
}

/// A vehicle that has entered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entered {
    pub vehicle: u32,
    pub lane: u32,
    pub pos: f64,
    pub speed: f64,
}

impl Queues {
    pub(crate) fn new(edges: usize) -> Self {
        let mut by_edge = Column::default();
        by_edge.extend_to(edges, &VecDeque::new());
        Self { by_edge, waiting: 0, busy: std::collections::BTreeSet::new() }
    }

    /// Puts a vehicle whose departure is due at the end of its edge's queue.
    pub(crate) fn push(&mut self, edge: u32, vehicle: u32) {
        self.by_edge.get_mut(edge as usize).push_back(vehicle);
        self.busy.insert(edge);
        self.waiting += 1;
    }

    /// Puts a vehicle that everybody lets go first at the head of its edge's queue.
    pub(crate) fn push_first(&mut self, edge: u32, vehicle: u32) {
        self.by_edge.get_mut(edge as usize).push_front(vehicle);
        self.busy.insert(edge);
        self.waiting += 1;
    }

    /// Takes a vehicle out of its edge's queue.
    pub(crate) fn remove(&mut self, edge: u32, vehicle: u32) {
        let queue = self.by_edge.get_mut(edge as usize);
        if let Some(place) = queue.iter().position(|&waiting| waiting == vehicle) {
            queue.remove(place);
            self.waiting -= 1;
        }
        if queue.is_empty() {
            self.busy.remove(&edge);
        }
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// How many wait to enter an edge.
    pub(crate) fn waiting_on(&self, edge: u32) -> usize {
        self.by_edge.get(edge as usize).map_or(0, VecDeque::len)
    }

    /// Everybody who waits, by edge and then in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        self.busy.iter().flat_map(|&edge| self.by_edge[edge as usize].iter().copied())
    }

    /// Drops from the heads of the queues whoever has given up; hands them out.
    pub(crate) fn give_up(&mut self, mut has_given_up: impl FnMut(u32) -> bool) -> Vec<u32> {
        let mut gone = Vec::new();
        for &edge in &self.busy {
            self.by_edge.get_mut(edge as usize).retain(|&vehicle| {
                let leaves = has_given_up(vehicle);
                if leaves {
                    gone.push(vehicle);
                }
                !leaves
            });
        }
        self.waiting -= gone.len();
        self.busy.retain(|&edge| !self.by_edge[edge as usize].is_empty());
        gone
    }

    /// Lets in whoever finds room; `body_of` makes the body of a vehicle.
    pub(crate) fn admit(
        &mut self,
        road: &mut Road,
        departures: &[Departure],
        seed: Seed,
        step: u64,
        mut body_of: impl FnMut(&Road, u32) -> Body,
    ) -> Vec<Entered> {
        let mut entered = Vec::new();
        let busy: Vec<u32> = self.busy.iter().copied().collect();
        for edge in busy {
            let queue = self.by_edge.get_mut(edge as usize);
            let lanes = road.facts.edges[edge as usize].1 as usize;
            // Lanes on which somebody has found no room in this step: nobody overtakes them there.
            let mut full: Vec<u32> = Vec::new();
            let mut place = 0;
            while let Some(&vehicle) = queue.get(place)
                && full.len() < lanes
            {
                let mut body = body_of(road, vehicle);
                let departure = &departures[vehicle as usize];
                match enter(road, edge, &mut body, departure, seed, step, &full) {
                    Ok(lane) => {
                        entered.push(Entered { vehicle, lane, pos: body.pos, speed: body.speed });
                        lay_tail(road, lane, &mut body);
                        let reaches_back = body.trail_len > 0;
                        road.insert(lane, body);
                        if reaches_back {
                            road.refresh_active();
                            road.refresh_tails();
                        }
                        queue.remove(place);
                        self.waiting -= 1;
                    }
                    Err(lane) => {
                        if !full.contains(&lane) {
                            full.push(lane);
                        }
                        place += 1;
                    }
                }
            }
            if queue.is_empty() {
                self.busy.remove(&edge);
            }
        }
        entered
    }
}

/// Finds lane, place and speed for a body and hands out the lane; as an error, the lane without room.
fn enter(
    road: &Road,
    edge: u32,
    body: &mut Body,
    departure: &Departure,
    seed: Seed,
    step: u64,
    full: &[u32],
) -> Result<u32, u32> {
    let lane = choose_lane(road, edge, body, departure.lane, seed, step).unwrap_or(road.facts.edges[edge as usize].0);
    if full.contains(&lane) {
        return Err(lane);
    }
    let kind = road.kind(body);
    if kind.class.is_rail() && !may_set_out(road, lane, body.itinerary, body.id) {
        return Err(lane);
    }
    let length = road.facts.lane(lane).length;
    let wished = road.wished_speed(body, lane);
    let (speed, fixed) = match departure.speed {
        DepartSpeed::At(speed) => (speed.as_metres_per_second().min(wished.max(kind.speed_max)), true),
        DepartSpeed::Random => (seed.stream(Purpose::DepartSpeed, u64::from(body.id), 0).unit() * wished, false),
        DepartSpeed::Max | DepartSpeed::Desired => (wished, departure.speed == DepartSpeed::Desired),
        DepartSpeed::SpeedLimit => (road.facts.lane(lane).speed.min(kind.speed_max), true),
        // Where others drive one waits for a gap that fits their speed; alone one starts as fast as is safe.
        DepartSpeed::Last => road.rear(lane).map_or((wished, false), |r| (r.speed.min(wished), true)),
        DepartSpeed::Average => {
            let bodies = &road.lanes[lane as usize];
            let sum: f64 = bodies.iter().map(|b| b.speed).sum();
            let mean = if bodies.is_empty() { road.facts.lane(lane).speed } else { sum / bodies.len() as f64 };
            (mean.min(wished), road.rear(lane).is_some())
        }
    };
    let base = base_place(road, lane, body);
    let mut places: Vec<f64> = Vec::new();
    match departure.position {
        DepartPosition::At(p) => {
            let p = p.as_metres();
            places.push(if p < 0.0 { (length + p).max(0.0) } else { p.min(length) });
        }
        DepartPosition::Base => places.push(base),
        DepartPosition::Random => {
            let draw = seed.stream(Purpose::DepartPosition, u64::from(body.id), 0).unit();
            places.push(draw * length);
        }
        DepartPosition::RandomFree => {
            let mut rng = seed.stream(Purpose::DepartPosition, u64::from(body.id), step);
            places.extend((0..RANDOM_TRIES).map(|_| rng.unit() * length));
            places.extend(free_places(road, lane, kind, base, length));
        }
        DepartPosition::Free => places.extend(free_places(road, lane, kind, base, length)),
        DepartPosition::Last => {
            let last = road.rear(lane).map_or(length, |r| {
                r.back - kind.secure_gap(speed, r.speed, r.decel, road.dt) - kind.gap_min - EPS_LAST
            });
            if last < 0.0 {
                return Err(lane);
            }
            places.push(last.clamp(base.min(last.max(0.0)), length));
        }
    }
    for pos in places {
        // On the very end it would count as past it.
        let pos = pos.min(length - END_EPS);
        if let Some(speed) = fits(road, lane, body, pos, speed, fixed) {
            body.pos = pos;
            body.speed = speed;
            return Ok(lane);
        }
    }
    Err(lane)
}

/// Where a vehicle starts that does not say so [m]: its back on the road, but not past its first stop.
fn base_place(road: &Road, lane: u32, body: &Body) -> f64 {
    let base = (road.kind(body).length + BASE_EPS).min(road.facts.lane(lane).length);
    match road.guides.stops(body.id).first() {
        Some(stop) if stop.leg == 0 => base.min(stop.position.max(0.0)),
        _ => base,
    }
}

/// Kept from the vehicle ahead when starting right behind it [m].
const EPS_LAST: f64 = 0.1;

/// Places where a vehicle would just fit behind each vehicle of the lane, and at its end.
fn free_places(road: &Road, lane: u32, kind: &KindFacts, base: f64, length: f64) -> Vec<f64> {
    let bodies = &road.lanes[lane as usize];
    let mut places: Vec<f64> =
        bodies.iter().map(|b| b.pos - road.kind(b).length - kind.gap_min - EPS_LAST).filter(|&p| p >= base).collect();
    places.push(length);
    places
}

fn choose_lane(road: &Road, edge: u32, body: &Body, wanted: DepartLane, seed: Seed, step: u64) -> Option<u32> {
    let (first, lanes) = road.facts.edges[edge as usize];
    let class = road.kind(body).class;
    let allowed = |lane: u32| road.facts.lane(lane).allowed.contains(class);
    let all = || (first..first + lanes).filter(|&l| allowed(l));
    let row = |lane: u32| road.guides.row(body.itinerary, 0, lane - first);
    match wanted {
        DepartLane::Index(i) => Some(first + i.min(lanes - 1)).filter(|&l| allowed(l)).or_else(|| all().next()),
        DepartLane::First => all().next(),
        DepartLane::Random => {
            let lanes: Vec<u32> = all().collect();
            (!lanes.is_empty())
                .then(|| lanes[seed.stream(Purpose::DepartLane, u64::from(body.id), 0).below(lanes.len())])
        }
        DepartLane::Free => freest(road, all()),
        DepartLane::Allowed => freest(road, all().filter(|&l| row(l).offset == 0)).or_else(|| freest(road, all())),
        DepartLane::Best => {
            let best = all().map(|l| row(l).length).fold(0.0, f64::max).min(BEST_LANE_FAR);
            freest(road, all().filter(|&l| row(l).length >= best && row(l).offset == 0))
                .or_else(|| freest(road, all().filter(|&l| row(l).length >= best)))
        }
        DepartLane::BestProbable => {
            let best = all().map(|l| row(l).length).fold(0.0, f64::max).min(BEST_LANE_FAR);
            let lanes: Vec<u32> = all().filter(|&l| row(l).length >= best).collect();
            by_free_space(road, &lanes, seed.stream(Purpose::DepartLane, u64::from(body.id), step).unit())
        }
    }
}

/// A lane by chance: `draw` in [0, 1) falls on it in proportion to the free road at its start.
fn by_free_space(road: &Road, lanes: &[u32], draw: f64) -> Option<u32> {
    let free = |&lane: &u32| road.rear(lane).map_or(road.facts.lane(lane).length, |r| r.back.max(0.0)) + 0.1;
    let total: f64 = lanes.iter().map(free).sum();
    let mut left = draw * total;
    for lane in lanes {
        left -= free(lane);
        if left < 0.0 {
            return Some(*lane);
        }
    }
    lanes.last().copied()
}

/// The lane whose last vehicle is farthest from the start; the lower of two alike.
fn freest(road: &Road, lanes: impl Iterator<Item = u32>) -> Option<u32> {
    let free = |lane: u32| road.rear(lane).map_or(f64::INFINITY, |r| r.back);
    let mut best: Option<(f64, u32)> = None;
    for lane in lanes {
        if best.is_none_or(|(space, _)| free(lane) > space) {
            best = Some((free(lane), lane));
        }
    }
    best.map(|(_, lane)| lane)
}

/// The speed at which a body may start at a place; none where it would be unsafe.
pub(crate) fn fits(road: &Road, lane: u32, body: &Body, pos: f64, speed: f64, fixed: bool) -> Option<f64> {
    let kind = road.kind(body);
    let dt = road.dt;
    let mut safe = speed;
    // Ahead on the lane, or the rear of the lanes the route leads to.
    let bodies = &road.lanes[lane as usize];
    let slot = bodies.partition_point(|b| b.pos < pos);
    if let Some(leader) = bodies.get(slot) {
        let leader_kind = road.kind(leader);
        let gap = leader.pos - leader_kind.length - pos - kind.gap_min;
        if gap < 0.0 {
            return None;
        }
        safe = safe.min(kind.follow_speed_safe(gap, leader.speed, leader_kind.decel, dt));
    } else if let Some(tail) = road.tails[lane as usize].iter().min_by(|a, b| a.back.total_cmp(&b.back)) {
        let gap = tail.back - pos - kind.gap_min;
        if gap < 0.0 {
            return None;
        }
        safe = safe.min(kind.follow_speed_safe(gap, tail.speed, road.kinds[tail.kind as usize].decel, dt));
    }
    safe = safe.min(speed_beyond(road, lane, body, pos, speed)?);
    if fixed && safe < speed {
        return None;
    }
    let safe = safe.max(0.0);
    // Behind: whoever follows must be able to react.
    let back = pos - kind.length;
    if let Some(follower) = slot.checked_sub(1).map(|i| &bodies[i]) {
        let follower_kind = road.kind(follower);
        let gap = back - follower.pos - follower_kind.gap_min;
        if gap < follower_kind.secure_gap(follower.speed, safe, kind.decel, dt) {
            return None;
        }
    } else if !upstream_is_safe(road, lane, back, safe, kind) {
        return None;
    }
    Some(safe)
}

/// The safe speed given the next planned stop and what lies beyond the lane's end [m/s]; none where there is no room.
///
/// Looks as far as the braking distance goes: junctions where others have priority or the light is red, rear ends, and lower
/// limits.
fn speed_beyond(road: &Road, lane: u32, body: &Body, pos: f64, speed: f64) -> Option<f64> {
    let kind = road.kind(body);
    let dt = road.dt;
    let stop_within = |distance: f64| super::following::stop_speed_max(distance, kind.decel, kind.tau, dt);
    let stop_on = |lane: u32, leg: u32| {
        let stop = road.guides.stops(body.id).get(body.next_stop as usize);
        stop.filter(|stop| body.halt == Halt::Ahead && stop.lane == lane && stop.leg == leg).map(|stop| stop.position)
    };
    let mut safe = speed;
    if let Some(stop) = stop_on(lane, body.leg) {
        safe = safe.min(stop_within(stop - pos));
    }
    let (mut lane, mut leg) = (lane, body.leg);
    let mut seen = road.facts.lane(lane).length - pos;
    while seen < brake_gap(safe, kind.decel, kind.tau, dt) + kind.gap_min {
        let facts = road.facts.lane(lane);
        let next =
            if facts.internal { facts.first_link } else { road.guides.row(body.itinerary, leg, facts.index).link };
        if next == NONE {
            let last = leg as usize + 1 >= road.guides.edges(body.itinerary).len();
            return Some(if last { safe } else { safe.min(stop_within(seen)) });
        }
        let link = road.facts.link(next);
        if !road.heads.state(next).has_priority() {
            return Some(safe.min(stop_within(seen)));
        }
        lane = link.after;
        if link.via == NONE {
            leg += 1;
        }
        if let Some(rear) = road.rear(lane) {
            let gap = seen + rear.back - kind.gap_min;
            if gap < 0.0 {
                return None;
            }
            safe = safe.min(kind.follow_speed_safe(gap, rear.speed, rear.decel, dt));
        }
        safe = safe.min(super::following::free_speed(seen, road.wished_speed(body, lane), kind.decel, dt));
        if let Some(stop) = stop_on(lane, leg) {
            safe = safe.min(stop_within(seen + stop));
        }
        seen += road.facts.lane(lane).length;
    }
    Some(safe)
}

/// Whether the front vehicles of the lanes behind can react to a vehicle appearing.
fn upstream_is_safe(road: &Road, lane: u32, back: f64, speed: f64, kind: &KindFacts) -> bool {
    if back < 0.0 {
        return has_room_behind(road, lane, back, speed, kind, TRAIL_MAX);
    }
    let near = |near: u32| {
        let facts = road.facts.lane(near);
        let far = |far: &u32| {
            // A vehicle before a junction that it may still have to wait at has not committed itself.
            road.lanes[*far as usize].last().is_none_or(|b| road.stops_before_link(b, *far))
                || reacts(road, *far, back + facts.length, speed, kind)
        };
        reacts(road, near, back, speed, kind) && (!facts.internal || road.facts.feeders(near).iter().all(far))
    };
    road.facts.feeders(lane).iter().all(|&feeder| near(feeder))
}

/// Whether whoever is in front on a lane that ends `distance` before a vehicle's back can react to it; nobody always can.
fn reacts(road: &Road, behind: u32, distance: f64, speed: f64, kind: &KindFacts) -> bool {
    road.lanes[behind as usize].last().is_none_or(|follower| {
        let follower_kind = road.kind(follower);
        let gap = distance + road.facts.lane(behind).length - follower.pos - follower_kind.gap_min;
        gap >= follower_kind.secure_gap(follower.speed, speed, kind.decel, road.dt)
    })
}

/// The same for a vehicle whose back lies before its lane's start: nobody is where it is, nor crosses there, and whoever comes can
/// react, from as far back as the braking distance goes.
fn has_room_behind(road: &Road, lane: u32, back: f64, speed: f64, kind: &KindFacts, depth: usize) -> bool {
    road.facts.feeders(lane).iter().all(|&behind| {
        let facts = road.facts.lane(behind);
        let start = back + facts.length;
        let reach = brake_gap(facts.speed, kind.decel, kind.tau, road.dt);
        let crossed = || road.facts.foe_lanes(facts).iter().any(|&foe| road.is_visited(foe));
        let free = if back < 0.0 { !(road.is_visited(behind) || facts.internal && crossed()) } else { true };
        free && (road.is_occupied(behind) && !road.lanes[behind as usize].is_empty()
            || depth == 0
            || start > reach
            || has_room_behind(road, behind, start, speed, kind, depth - 1))
            && reacts(road, behind, back, speed, kind)
    })
}

/// Lays the tail of a vehicle that is longer than the road it starts on over the lanes behind, straight back where there is a choice:
/// whoever comes from there must see it.
pub(crate) fn lay_tail(road: &Road, lane: u32, body: &mut Body) {
    let mut back = body.pos - road.kind(body).length;
    let mut lanes = Vec::new();
    let mut at = lane;
    while back < 0.0 && lanes.len() < TRAIL_MAX {
        let leads_straight = |&&near: &&u32| {
            let facts = road.facts.lane(near);
            let entry = if facts.entry == NONE { facts.first_link } else { facts.entry };
            road.facts.link(entry).straight
        };
        let feeders = road.facts.feeders(at);
        let Some(&behind) = feeders.iter().find(leads_straight).or(feeders.first()) else { break };
        lanes.push(behind);
        back += road.facts.lane(behind).length;
        at = behind;
    }
    body.trail_len = 0;
    for &behind in lanes.iter().rev() {
        body.push_trail(behind);
    }
}
