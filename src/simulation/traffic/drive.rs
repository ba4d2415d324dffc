//! Decision and movement: which links a driver passes given everybody's announcements, and the speed that follows.
//!
//! Reads announcements and heads; writes only the bodies of one lane. Dawdling is Krauss's (1998, eq. 5.7) in the form SUMO
//! uses, drawn for (seed, driver, step).

use crate::primitives::random::{Purpose, Seed};

use super::approach::is_open;
use super::body::{Body, Halt, KindFacts};
use super::facts::NONE;
use super::following::{EPS, HALTING, brake_gap, least, most};
use super::heads::LinkState;
use super::item::PlanItem;
use super::plan::passed_line_with_priority;
use super::road::Road;
use super::siren::{must_wait, sight};
use super::zipper;

/// How far past a link a driver who goes without priority means to get at least [m].
const ACROSS: f64 = 0.1;

/// What happened to the bodies of one lane in one step, to be added up in lane order.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct LaneStep {
    /// Brakings harder than comfortable.
    pub emergency_brakings: u32,
    /// Moves farther than the speed allows (LAW-3).
    pub jumps: u32,
    /// Bodies that reached a planned stop this step.
    pub stops_reached: u32,
}

/// The step at hand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    /// Its time [s].
    pub now: f64,
    /// Its number since the beginning.
    pub number: u64,
    pub seed: Seed,
}

/// What the links allow.
struct Verdict {
    /// The speed bound [m/s].
    safe: f64,
    /// The speed bound where lanes zip [m/s].
    zip: f64,
    /// A speed that must be kept to get across [m/s].
    at_least: f64,
    /// How far away the last link is that must be got across in one go [m].
    must_cover: f64,
    /// Whether the driver could still stop before that one.
    can_stop_before: bool,
    /// Whether the driver waits.
    waits: bool,
    /// Whether it is stuck inside a junction and lets others go first again.
    lets_pass: bool,
}

/// What becomes of a request to pass one link.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ruling {
    /// The link may be passed.
    Pass,
    /// It may, at a speed of its own; what comes behind it is still to be seen.
    GoOn,
    /// The driver waits before it.
    Wait,
}

/// A driver who decides.
struct Driver<'a> {
    road: &'a Road,
    lane: u32,
    body: &'a Body,
    kind: &'a KindFacts,
    step: &'a Step,
}

/// Moves one body by its plan.
pub(crate) fn drive(road: &Road, lane: u32, body: &mut Body, items: &[PlanItem], step: &Step, tally: &mut LaneStep) {
    let kind = &road.kinds[body.kind as usize];
    let dt = road.dt;
    if body.is_standing() {
        body.speed = 0.0;
        body.accel = 0.0;
        body.stop_time += dt;
        return;
    }
    if body.speed <= 0.0 && is_stand(items) {
        body.waits_at_link = !road.facts.ring[road.facts.lane(lane).edge as usize];
        body.lc_speed_max = f64::INFINITY;
        body.lc_pace = 0;
        finish(road, lane, body, 0.0, road.wished_speed(body, lane), tally);
        return;
    }
    let verdict = Driver { road, lane, body, kind, step }.decide(items);
    body.waits_at_link = verdict.waits;
    if verdict.lets_pass {
        body.entered_junction = f64::INFINITY;
        body.entered_conflict = f64::INFINITY;
    }
    let old = body.speed;
    let wished = road.wished_speed(body, lane);
    let next_max = kind.speed_next_max(old, dt);
    let emergency_min = most(old - kind.decel_emergency * dt, 0.0);
    let min = least(most(old - kind.decel * dt, 0.0), most(verdict.safe, emergency_min));
    // Queues come to rest: whoever could drive less than a millimetre per second stands.
    let max = most(least(least(wished, next_max), verdict.safe), min);
    let max = if max < EPS { 0.0 } else { max };
    let min = least(min, max);
    let dawdled = most(max - dawdle(kind, max, dt, body.id, step), min);
    let mut next = adapt_to_change(body, min, dawdled, max);
    body.lc_speed_max = f64::INFINITY;
    body.lc_pace = 0;
    if next > 0.0 {
        next = most(next, least(verdict.at_least, next_max));
    }
    if old - next > kind.decel * dt + EPS && old - next > 0.5 * (kind.decel + kind.decel_emergency) * dt {
        tally.emergency_brakings += 1;
    }
    if next > next_max + 1e-9 {
        tally.jumps += 1;
    }
    let crosses = items.first().is_some_and(|item| item.link != NONE && next * dt > item.distance);
    let entered = if crosses { lane_entered(road, body, items, next * dt) } else { None };
    let wished_there = entered.map_or(wished, |lane| road.wished_speed(body, lane));
    finish(road, lane, body, next, wished_there, tally);
}

/// The plan of a driver who stands and is going to.
fn is_stand(items: &[PlanItem]) -> bool {
    match items {
        [] => true,
        [item] => item.link == NONE && item.speed_wait <= 0.0,
        _ => false,
    }
}

/// Moves the body, and notes whether that brought it to its planned stop.
#[inline]
fn finish(road: &Road, lane: u32, body: &mut Body, next: f64, wished: f64, tally: &mut LaneStep) {
    keep_accounts(body, next, wished, road.dt);
    if body.halt == Halt::Ahead && reached_stop(road, lane, body) {
        body.halt = Halt::Reached;
        tally.stops_reached += 1;
    }
}

/// The speed that goes along with the driver's own or others' wish to change lanes [m/s]: what it was advised, or half way from
/// the intended speed to the extreme.
fn adapt_to_change(body: &Body, min: f64, intended: f64, max: f64) -> f64 {
    if body.lc_speed_max <= max {
        return most(least(intended, body.lc_speed_max), min);
    }
    match body.lc_pace {
        1 => 0.5 * (max + intended),
        -1 => 0.5 * (min + intended),
        _ => intended,
    }
}

/// Krauss's imperfection: how much below the possible the driver stays [m/s].
fn dawdle(kind: &KindFacts, speed: f64, dt: f64, driver: u32, step: &Step) -> f64 {
    let sigma = kind.sigma();
    if sigma <= 0.0 {
        return 0.0;
    }
    let chance = step.seed.stream(Purpose::Dawdle, u64::from(driver), step.number).unit();
    // Somebody who is just starting should start: below one step's acceleration the reduction is relative.
    let scale = if speed < kind.accel { speed } else { kind.accel };
    sigma * scale * chance * dt
}

/// The lane a step of `moved` metres ends on, where that is not the one it began on: the step's loss of time is booked there.
#[inline(never)]
fn lane_entered(road: &Road, body: &Body, items: &[PlanItem], moved: f64) -> Option<u32> {
    let lane = items.iter().take_while(|item| item.link != NONE && moved > item.distance).last();
    lane.filter(|_| !body.is_standing()).map(|item| road.facts.link(item.link).after)
}

/// Moves the body and keeps its accounts.
#[inline]
pub(crate) fn keep_accounts(body: &mut Body, next: f64, wished: f64, dt: f64) {
    let moved = next * dt;
    body.pos += moved;
    body.travelled += moved;
    body.accel = (next - body.speed) / dt;
    body.speed = next;
    if next <= HALTING {
        if body.waiting <= 0.0 {
            body.waiting_count += 1;
        }
        body.waiting += dt;
        body.waiting_total += dt;
    } else {
        body.waiting = 0.0;
    }
    if wished > 0.0 {
        body.time_loss += dt * most(wished - next, 0.0) / wished;
    }
}

/// Whether the body stands at its next planned stop.
#[cold]
fn reached_stop(road: &Road, lane: u32, body: &Body) -> bool {
    let Some(stop) = road.guides.stops(body.id).get(body.next_stop as usize) else { return false };
    let there = stop.lane == lane && body.pos >= stop.position - 0.3 - EPS;
    // A vehicle that could not reach the stop's lane serves it from beside it.
    let beside = road.facts.lane(stop.lane).edge == road.facts.lane(lane).edge
        && stop.leg == body.leg
        && stop.lane != lane
        && body.pos >= stop.position - road.kinds[body.kind as usize].length - 1.0
        && body.waiting > 60.0;
    stop.leg == body.leg && body.speed <= HALTING && (there || beside)
}

impl Driver<'_> {
    /// Goes through the links of a plan and finds the first that must be waited for.
    #[inline]
    fn decide(&self, items: &[PlanItem]) -> Verdict {
        let Self { road, lane, body, kind, .. } = *self;
        let mut verdict = Verdict {
            safe: f64::INFINITY,
            zip: f64::INFINITY,
            at_least: 0.0,
            must_cover: 0.0,
            can_stop_before: false,
            waits: false,
            lets_pass: false,
        };
        let next_max = kind.speed_next_max(body.speed, road.dt);
        let no_siren = !body.siren && road.approaches.sirens().is_empty();
        for item in items {
            if item.link == NONE || !item.ask {
                verdict.lets_pass = item.link != NONE && is_on_path(road, lane, item.link);
                verdict.safe = item.speed_wait;
                verdict.waits |= item.speed_wait < body.speed || item.speed_wait < HALTING;
                break;
            }
            let state = road.heads.state(item.link);
            let free = state == LinkState::Priority && no_siren;
            match if free { Ruling::Pass } else { self.ask(item, state, &mut verdict) } {
                Ruling::Pass => {
                    verdict.safe = item.speed_pass;
                    verdict.waits |=
                        verdict.safe < kind.decel && verdict.safe <= item.speed_wait && verdict.safe < next_max;
                }
                Ruling::GoOn => {}
                Ruling::Wait => {
                    verdict.safe = item.speed_wait;
                    verdict.waits = true;
                    break;
                }
            }
        }
        if verdict.safe + EPS < verdict.at_least {
            self.give_up_crossing(&mut verdict);
        }
        // On a roundabout one keeps moving, as those who wait to enter see it.
        verdict.waits &= !road.facts.ring[road.facts.lane(lane).edge as usize];
        verdict.safe = least(verdict.safe, verdict.zip);
        verdict
    }

    /// Asks to pass a link that is not simply free.
    #[inline(never)]
    fn ask(&self, item: &PlanItem, state: LinkState, verdict: &mut Verdict) -> Ruling {
        let Self { road, lane, body, kind, step } = *self;
        let dt = road.dt;
        let link = road.facts.link(item.link);
        let brake = brake_gap(body.speed, kind.decel, 0.0, dt);
        let can_brake = item.distance > brake || body.speed < kind.decel * dt;
        let yellow = state.is_yellow() && !body.siren;
        if (yellow && can_brake) || must_wait(road, item, body, kind) {
            return Ruling::Wait;
        }
        let impatience = if can_brake { body.impatience(kind) } else { 1.0 };
        let request = item.request(body, kind, impatience, step.now, dt);
        if !(yellow || is_open(&road.facts, &road.heads, &road.approaches, &request)) {
            if state == LinkState::Zipper {
                verdict.zip = least(verdict.zip, zipper::speed(road, lane, body, item, &request));
                return Ruling::GoOn;
            }
            if !can_brake && !link.signalled && item.distance < brake_gap(body.speed, kind.decel_emergency, 0.0, dt) {
                // Cannot stop any more, not even in an emergency.
                verdict.safe = item.speed_pass;
                return Ruling::GoOn;
            }
            return Ruling::Wait;
        }
        if !state.has_priority()
            && !passed_line_with_priority(road, link)
            && !link.may_wait_inside
            && !state.is_yellow()
        {
            if item.distance > sight(body, state, link) {
                // Too far away to know whether anybody is coming.
                return Ruling::Wait;
            }
            // In sight and open: get across without dawdling on the way.
            verdict.must_cover = item.distance;
            verdict.can_stop_before = can_brake;
            verdict.at_least = least((item.distance + ACROSS) / dt, item.speed_pass);
        }
        Ruling::Pass
    }

    /// The driver cannot get across a link in this step after all: stops before it where it can.
    #[cold]
    fn give_up_crossing(&self, verdict: &mut Verdict) {
        let (body, kind, dt) = (self.body, self.kind, self.road.dt);
        if verdict.can_stop_before && verdict.safe < body.speed {
            let slow = (body.speed - kind.decel * dt).max(0.0);
            let stop = kind.stop_speed(body.speed, verdict.must_cover, dt);
            verdict.safe = verdict.safe.min(slow.max(stop));
            verdict.at_least = 0.0;
            verdict.waits = true;
        } else {
            // Past stopping: drives on, at least without dawdling.
            verdict.at_least = verdict.safe;
        }
    }
}

/// Whether a link belongs to the path across a junction that a lane is part of.
fn is_on_path(road: &Road, lane: u32, link: u32) -> bool {
    let (lane, link) = (road.facts.lane(lane), road.facts.link(link));
    lane.internal && link.from_internal && link.entry == lane.entry
}
