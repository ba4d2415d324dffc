//! The look-ahead: what a driver would do at every link within braking distance, before knowing who yields to whom.
//!
//! Walks along the lanes of the guide and keeps two speeds for each link: the one with which the link may be passed and the
//! one with which the vehicle would wait before it. Reads the road as it was at the beginning of the step; writes nothing, so
//! that all drivers can plan at once. (The structure of SUMO's `planMove`, Krajzewicz et al. 2012, section 4.)

use crate::city::demand::CarFollowing;
use crate::primitives::random::Purpose;

use super::approach::is_deadlocked;
use super::body::{Body, Halt, KindFacts};
use super::drive::Step;
use super::facts::{LaneFacts, LinkFacts, NONE};
use super::following::{EPS, HALTING, arrival_speed_braking, arrival_time_min, brake_gap, free_speed};
use super::following::{least, most, speed_after, stop_speed_max};
use super::heads::LinkState;
use super::item::PlanItem;
use super::road::{Rear, Road};
use super::siren::sight;

/// How far before a stop line a driver who will get priority anyway stops [m].
const STOP_LINE_GAP: f64 = 1.0;
/// Least distance to any point to stop at [m].
const POSITION_EPS: f64 = 0.1;
/// At or above this a speed counts as driving on through a link [m/s].
const SPEED_EPS: f64 = 0.1 * EPS;
/// Deceleration a driver accepts at least to stop at yellow [m/s²] (SUMO's `tls.yellow.min-decel`).
const YELLOW_DECEL_MIN: f64 = 3.0;
/// A vehicle that has been standing inside a junction for longer than this no longer holds back requests behind it [s].
pub(crate) const BLOCKAGE_TIME: f64 = 5.0;
/// How many vehicle lengths of free road behind a junction are looked at to decide whether it can be left.
const ROOM_LOOK_AHEAD: f64 = 5.0;
/// How often a driver going straight lets the others go who wait for each other in a circle.
const WAVE_THROUGH_STRAIGHT: f64 = 0.25;
/// How often a turning one does.
const WAVE_THROUGH_TURNING: f64 = 0.75;
/// How long drivers who have to yield by sign wait before they see that all wait for each other [s].
const CIRCLE_TIME: f64 = 60.0;
/// Free road taken for granted where a road leaves the map [m].
const ROOM_BEYOND_MAP: f64 = 1000.0;
/// A junction farther away than the look-ahead and than this is only announced, not looked across [s]: by the time anybody there
/// has to know whether it can be left again, it is nearer.
const FAR: f64 = 8.0;
/// The most links one driver looks over; beyond, the last item stops the look-ahead (a bound, not a behaviour).
const ITEMS_MAX: usize = 64;

/// The look-ahead of one driver while it is being made.
pub(crate) struct Look<'a> {
    pub road: &'a Road,
    pub body: &'a Body,
    pub kind: &'a KindFacts,
    /// The lane the front is on.
    pub lane: u32,
    /// Everybody on that lane.
    pub bodies: &'a [Body],
    /// The driver's place among them.
    pub slot: usize,
    /// The present step.
    pub step: &'a Step,
    /// The way to a standstill from the present speed, braking comfortably [m].
    pub brake: f64,
    /// The least speed after this step without braking harder than comfortable [m/s].
    pub comfortable_min: f64,
    /// Speed with which everything so far can be passed [m/s].
    pub v: f64,
    /// An upper bound of the speed at the next link [m/s].
    pub v_link: f64,
    /// Distance to the end of the lane looked at [m].
    pub seen: f64,
    /// First item of this driver in `items`.
    pub first: usize,
    /// Whether there is a link ahead that must be kept clear.
    pub keeps_clear: bool,
}

impl Look<'_> {
    /// Takes the hindmost end on a lane farther on into account that is `gap` ahead (the minimum gap already taken off).
    fn follow(&mut self, rear: &Rear, gap: f64, on_route: bool, lane: &LaneFacts, items: &mut [PlanItem]) {
        let (road, kind, dt) = (self.road, self.kind, self.road.dt);
        let safe = if on_route {
            kind.follow_speed(self.body.speed, gap, rear.speed, rear.decel, dt)
        } else {
            // Its tail reaches into another approach: stay off the conflict area before the lane.
            let mut before = self.seen - lane.length - POSITION_EPS;
            if let Some(last) = items.last()
                && road.facts.link(last.link).from_internal
            {
                before -= road.facts.lane(road.facts.link(last.link).from).length;
            }
            kind.stop_speed(self.body.speed, before, dt)
        };
        self.bound(safe);
        if let Some(last) = items.last_mut() {
            if last.timed {
                let later = kind.follow_speed(most(last.leave_speed, 0.0), gap, rear.speed, rear.decel, dt);
                last.limit_leave_speed(later);
            }
            // Whoever waits before the link is no faster for that than behind the leader beyond it.
            last.speed_wait = least(last.speed_wait, self.v);
        }
    }

    /// When the next link is reached at such a speed at the earliest [s].
    #[inline]
    fn arrival(&self, arrival_speed: f64) -> f64 {
        self.step.now + arrival_time_min(self.seen, self.v, arrival_speed, self.kind.accel, self.kind.decel)
    }

    /// Whether the link just looked at is so far away that it need only be announced.
    #[inline]
    fn is_far_off(&self, item: &PlanItem) -> bool {
        let arrival = if item.timed { item.arrival } else { self.arrival(item.arrival_speed) };
        arrival > self.step.now + FAR
    }

    /// Bounds both speeds.
    #[inline]
    fn bound(&mut self, speed: f64) {
        self.v = least(self.v, speed);
        self.v_link = least(self.v_link, speed);
    }

    /// Bounds both speeds, and the one at which the path behind the last link is left.
    pub(crate) fn limit(&mut self, speed: f64, last: Option<&mut PlanItem>) {
        if let Some(last) = last {
            last.limit_leave_speed(speed);
        }
        self.bound(speed);
    }
}

/// Plans the step of the driver at `slot` among the bodies of a lane; appends its items.
pub(crate) fn plan(road: &Road, lane: u32, bodies: &[Body], slot: usize, step: &Step, items: &mut Vec<PlanItem>) {
    let body = &bodies[slot];
    let (kind, facts, dt) = (road.kind(body), road.facts.lane(lane), road.dt);
    let ahead = bodies.get(slot + 1);
    if body.is_standing() || ahead.is_some_and(|ahead| is_stuck(road, facts, body, kind, ahead)) {
        // At a planned stop, or in a queue: nothing is asked of any link.
        return;
    }
    let max_speed = kind.speed_next_max(body.speed, dt);
    let wished = wished_speed(body, kind, facts);
    let comfortable_min = most(body.speed - kind.decel * dt, 0.0);
    // A driver above the limit slows down comfortably, not at once.
    let v = least(kind.free_road_speed(body.speed, wished, dt), max_speed);
    let v = most(v, least(comfortable_min, max_speed));
    let seen = facts.length - body.pos;
    let mut look = Look {
        road,
        body,
        kind,
        lane,
        bodies,
        slot,
        step,
        brake: brake_gap(body.speed, kind.decel, 0.0, dt),
        comfortable_min,
        v,
        v_link: least(speed_after(seen, v, kind.accel), wished),
        seen,
        first: items.len(),
        keeps_clear: false,
    };
    let leader = match ahead {
        Some(ahead) => {
            let kind = road.kind(ahead);
            Some((ahead.pos - kind.length, ahead.speed, kind.decel))
        }
        None if road.tails.has(lane) => road.leader_on_lane(lane, slot).map(|rear| (rear.back, rear.speed, rear.decel)),
        None => None,
    };
    if let Some((back, speed, decel)) = leader {
        look.bound(kind.follow_speed(body.speed, back - body.pos - kind.gap_min, speed, decel, dt));
    }
    let beyond = walk(&mut look, facts, max_speed * dt + brake_gap(max_speed, kind.decel, kind.tau, dt), items);
    if beyond && look.keeps_clear && !body.siren {
        super::keep_clear::apply(&look, items);
    }
}

/// The driver's wished speed on a lane [m/s], for whoever has both at hand.
#[inline]
fn wished_speed(body: &Body, kind: &KindFacts, lane: &LaneFacts) -> f64 {
    least(lane.speed * body.speed_factor, kind.speed_max)
}

/// Whether a driver on a road stands so close behind another one who stands that less than a millimetre per second is left: its
/// safe speed is nil whatever the links ahead show, and an announcement that asks for nothing holds nobody up. (Level crossings and
/// signals of the railway do listen to those who wait.)
#[inline]
fn is_stuck(road: &Road, lane: &LaneFacts, body: &Body, kind: &KindFacts, ahead: &Body) -> bool {
    if body.speed > 0.0 || ahead.speed > 0.0 || body.siren || lane.internal {
        return false;
    }
    let gap = ahead.pos - road.kind(ahead).length - body.pos - kind.gap_min;
    gap < EPS * (1.0 + kind.tau) && matches!(kind.following, CarFollowing::Krauss { .. }) && !kind.class.is_rail()
}

/// Walks from lane to lane until the look-ahead distance is covered or something stops it; false where it ended at the first link
/// because nothing behind that matters yet.
fn walk(look: &mut Look<'_>, own: &LaneFacts, distance: f64, items: &mut Vec<PlanItem>) -> bool {
    let (road, body, kind) = (look.road, look.body, look.kind);
    let (mut lane, mut facts) = (look.lane, own);
    let mut leg = body.leg;
    let mut slowed_for_minor = false;
    let mut passed_road = false;
    let (mut seen_roads, mut seen_internal) = (0.0, if facts.internal { look.seen } else { 0.0 });
    loop {
        let next = if facts.internal {
            facts.first_link
        } else {
            if body.halt == Halt::Ahead && stop_ahead(look, lane, leg, items) {
                return true;
            }
            if road.guides.is_last(body.itinerary, leg) {
                arrival_ahead(look, facts, items);
                return true;
            }
            road.guides.row(body.itinerary, leg, facts.index).link
        };
        if next == NONE || items.len() - look.first >= ITEMS_MAX {
            lane_end(look, items);
            return true;
        }
        let link = road.facts.link(next);
        look.keeps_clear |= link.keep_clear;
        if !approach_link(look, next, link, facts, &mut slowed_for_minor, items) {
            return true;
        }
        let Some(item) = items.last() else { return true };
        if items.len() == look.first + 1
            && !link.from_internal
            && !(body.siren || kind.class.is_rail())
            && (look.v <= SPEED_EPS || (look.seen > distance && look.is_far_off(item)))
        {
            return false;
        }
        if link.via == NONE {
            passed_road = true;
            leg += 1;
        }
        if passed_road
            && (!item.ask || look.v <= 0.0 || look.seen > distance)
            && seen_roads > most(kind.length * ROOM_LOOK_AHEAD, kind.length + seen_internal)
        {
            return true;
        }
        lane = link.after;
        facts = road.facts.lane(lane);
        if facts.internal {
            seen_internal += facts.length;
        } else {
            seen_roads += facts.length;
        }
        enter(look, lane, facts, items);
    }
}

/// Stops before a lane ends, because the route needs another.
#[inline(never)]
fn lane_end(look: &mut Look<'_>, items: &mut Vec<PlanItem>) {
    let speed = look.kind.stop_speed(look.body.speed, look.seen - EPS, look.road.dt);
    look.limit(speed, items[look.first..].last_mut());
    items.push(PlanItem::end(look.v, look.seen));
}

/// Goes on to the lane behind a link: its limit, its length, and who is on it.
#[inline]
fn enter(look: &mut Look<'_>, lane: u32, facts: &LaneFacts, items: &mut [PlanItem]) {
    let (road, body, kind) = (look.road, look.body, look.kind);
    let limit = wished_speed(body, kind, facts);
    if look.v > limit {
        let speed = free_speed(look.seen, limit, kind.decel, road.dt);
        look.v = least(look.v, most(speed, look.comfortable_min));
    }
    look.seen += facts.length;
    look.v_link = least(speed_after(facts.length, look.v, kind.accel), limit);
    if road.is_visited(lane)
        && let Some(rear) = road.rear(lane)
        && rear.id != body.id
    {
        let gap = rear.back + look.seen - facts.length - kind.gap_min;
        let on_route = gap >= 0.0 || is_on_route(look, &rear, lane, items);
        look.follow(&rear, gap, on_route, facts, &mut items[look.first..]);
    }
}

/// Whether a vehicle's back lies on the lanes the driver itself will come along.
#[inline(never)]
fn is_on_route(look: &Look<'_>, rear: &Rear, lane: u32, items: &[PlanItem]) -> bool {
    rear.back_lane == lane
        || rear.back_lane == look.lane
        || items[look.first..].iter().any(|item| look.road.facts.link(item.link).after == rear.back_lane)
}

/// Slows down for the next planned stop if it is on this lane of a road; true where the look-ahead ends there.
#[cold]
fn stop_ahead(look: &mut Look<'_>, lane: u32, leg: u32, items: &mut Vec<PlanItem>) -> bool {
    let (road, body, kind) = (look.road, look.body, look.kind);
    let stops = road.guides.stops(body.id);
    let Some(stop) = stops.get(body.next_stop as usize) else { return false };
    if stop.leg != leg {
        return false;
    }
    let to_end = if stop.lane == lane {
        stop.position - road.facts.lane(lane).length + EPS
    } else {
        // Not yet on the stop's lane: do not drive past its place.
        stop.position - road.facts.lane(lane).length - kind.length
    };
    let distance = look.seen + to_end;
    if stop.lane != lane && distance < 0.0 && look.lane == lane {
        // Too late to change: serve it from here rather than block the road for ever.
        return false;
    }
    // A planned stop is no emergency.
    let speed = kind.stop_speed(body.speed, distance.max(0.0), road.dt).max(look.comfortable_min);
    look.limit(speed, items[look.first..].last_mut());
    items.push(PlanItem::end(look.v, distance));
    true
}

/// Slows down as the destination asks on the last lane, where the look-ahead ends.
#[inline(never)]
fn arrival_ahead(look: &mut Look<'_>, facts: &LaneFacts, items: &mut Vec<PlanItem>) {
    let (road, body, kind) = (look.road, look.body, look.kind);
    let wanted = road.arrival_speed[body.id as usize];
    let speed = if wanted.is_nan() { wished_speed(body, kind, facts) } else { wanted };
    let position = road.arrival_position[body.id as usize].min(facts.length);
    let distance = look.seen + position - facts.length - speed * road.dt;
    let approach = free_speed(distance.max(0.0), speed, kind.decel, road.dt).max(EPS);
    look.limit(approach, items[look.first..].last_mut());
    let mut end = PlanItem::end(look.v, look.seen);
    if facts.first_link == NONE {
        // Where the road leaves the map nobody stands in the way.
        end.room = ROOM_BEYOND_MAP;
    }
    items.push(end);
}

/// Works out the item of the link at the end of a lane; false where the look-ahead ends there (a light that can be waited for).
fn approach_link(
    look: &mut Look<'_>,
    id: u32,
    link: &LinkFacts,
    from: &LaneFacts,
    slowed_for_minor: &mut bool,
    items: &mut Vec<PlanItem>,
) -> bool {
    let (road, body, kind, dt) = (look.road, look.body, look.kind, look.road.dt);
    let state = road.heads.state(id);
    let stops_traffic = (state.is_red() || state.is_yellow()) && !body.siren;
    let (decel, brake) = if stops_traffic && kind.decel < YELLOW_DECEL_MIN {
        let decel = YELLOW_DECEL_MIN.min(kind.decel_emergency).max(kind.decel);
        (decel, brake_gap(body.speed, decel, 0.0, dt))
    } else {
        (kind.decel, look.brake)
    };
    let leaving = link.from_internal && items.len() == look.first;
    let aborted = *slowed_for_minor && !link.from_internal;
    let mut ask = (look.v > SPEED_EPS && !aborted) || leaving;
    let stop_dist = stop_distance(look.seen, brake, state, link);
    let mut wait = least(look.v, kind.stop_speed_at(body.speed, stop_dist, decel, dt));
    if link.from_internal {
        super::junction_leader::check(look, link, from, &mut wait, &mut ask, items);
    }
    // A vehicle with siren asks at every link that crosses its way.
    let announced = link.listened_to || road.first_on_call < u32::MAX;
    let mut item = PlanItem {
        link: id,
        ask: false,
        announced,
        timed: announced || state != LinkState::Priority,
        speed_pass: look.v,
        speed_wait: wait,
        arrival: 0.0,
        arrival_speed: wait,
        arrival_speed_braking: 0.0,
        distance: look.seen,
        leave_speed: 0.0,
        room: 0.0,
        standing: false,
    };
    if stops_traffic && look.seen >= brake {
        item.arrival = look.arrival(look.v_link);
        items.push(item);
        return false;
    }
    if let Some(last) = items[look.first..].last_mut() {
        last.limit_leave_speed(wished_speed(body, kind, from));
    }
    let arrival_speed = arrival_speed(look, state, link, brake, slowed_for_minor);
    if let Some(waited) = circle_time(state)
        && body.waiting > waited
        && look.seen <= sight(body, state, link)
        && lets_others_go(look, id, link, waited)
    {
        ask = false;
    }
    item.ask = ask;
    item.arrival_speed = arrival_speed;
    if item.timed {
        time(look, link, &mut item);
    }
    items.push(item);
    true
}

/// Works out when a driver reaches a link and how it leaves the path behind it.
#[inline]
fn time(look: &Look<'_>, link: &LinkFacts, item: &mut PlanItem) {
    let (road, body, kind, dt) = (look.road, look.body, look.kind, look.road.dt);
    let arrival_speed = item.arrival_speed;
    item.arrival = look.arrival(arrival_speed);
    if look.seen < brake_gap(look.v, kind.decel, kind.tau, dt) {
        item.arrival_speed_braking = least(arrival_speed_braking(look.seen, look.v, kind), arrival_speed);
    }
    let fastest = least(speed_after(link.length, arrival_speed, kind.accel), kind.speed_max);
    item.leave_speed = least(wished_speed(body, kind, road.facts.lane(link.after)), fastest);
}

/// The most a driver's speed at a link can be; notes whether it slows down because it might have to yield there [m/s].
fn arrival_speed(look: &Look<'_>, state: LinkState, link: &LinkFacts, brake: f64, slowed_for_minor: &mut bool) -> f64 {
    let (road, kind) = (look.road, look.kind);
    let sight = sight(look.body, state, link);
    if state.has_priority() || brake >= look.seen || passed_line_with_priority(road, link) {
        return look.v_link;
    }
    // Entering a roundabout is enough to think of at a time.
    *slowed_for_minor |= road.facts.ring[road.facts.lane(link.to).edge as usize];
    if look.seen <= sight {
        return look.v_link;
    }
    // Slow enough at the point of sight to be able to stop, then on again.
    *slowed_for_minor = true;
    least(look.v_link, speed_by_sight(sight, kind, road.dt))
}

/// How fast a driver can be at a line that it could still stop before when it came into sight, `sight` before it [m/s].
#[inline(never)]
fn speed_by_sight(sight: f64, kind: &KindFacts, dt: f64) -> f64 {
    speed_after(sight, stop_speed_max(sight, kind.decel, 0.0, dt), kind.accel)
}

/// How long everybody in a circle must have been waiting before its drivers break it [s]; none where there are no circles:
/// at once where nobody has priority, late where signs give some, which most of the time sort things out themselves.
fn circle_time(state: LinkState) -> Option<f64> {
    match state {
        LinkState::Equal => Some(0.0),
        LinkState::Yield | LinkState::Stop => Some(CIRCLE_TIME),
        _ => None,
    }
}

/// Whether a driver who stands where everybody waits for somebody lets the others go in this step: lots decide, and whoever
/// turns draws the shorter one more often.
#[inline(never)]
fn lets_others_go(look: &Look<'_>, id: u32, link: &LinkFacts, waited: f64) -> bool {
    is_deadlocked(&look.road.facts, &look.road.approaches, id, waited) && {
        let lot = look.step.seed.stream(Purpose::WaveThrough, u64::from(look.body.id), look.step.number).unit();
        lot < if link.straight { WAVE_THROUGH_STRAIGHT } else { WAVE_THROUGH_TURNING }
    }
}

/// Whether the path to a link inside a junction began at a line passed with priority, or at yellow: then the driver clears the
/// junction.
pub(crate) fn passed_line_with_priority(road: &Road, link: &LinkFacts) -> bool {
    link.via != NONE && link.from_internal && {
        let entry = road.heads.state(link.entry);
        entry.has_priority() || entry.is_yellow()
    }
}

/// How far the driver may drive when it has to wait before a link [m].
fn stop_distance(seen: f64, brake: f64, state: LinkState, link: &LinkFacts) -> f64 {
    let mut offset = if state.is_red() || state.is_yellow() {
        STOP_LINE_GAP
    } else if state.has_priority() {
        least(STOP_LINE_GAP, link.visibility - POSITION_EPS)
    } else {
        // As near as it gets, so that the way across is short once there is a gap.
        0.0
    };
    if seen >= brake {
        offset = least(offset, seen - brake);
    }
    most(seen - most(offset, POSITION_EPS), 0.0)
}

/// Whether a foe that stands inside the junction holds back requests behind it.
pub(crate) fn blocks_requests(speed_next: f64, foe_waiting: f64, foe_standing: bool, same_origin: bool) -> bool {
    speed_next < HALTING && (same_origin || foe_standing || foe_waiting > BLOCKAGE_TIME)
}
