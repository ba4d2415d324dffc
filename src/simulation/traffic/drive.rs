//! Decision and movement: which links a driver passes given everybody's announcements, and the speed that follows.
//!
//! Reads announcements and heads; writes only the bodies of one lane. Dawdling is Krauss's (1998, eq. 5.7) in the form SUMO
//! uses, drawn for (seed, driver, step).

use crate::primitives::random::{Purpose, Seed};

use super::approach::{Request, is_open};
use super::body::{Body, Halt, KindFacts};
use super::facts::NONE;
use super::following::{EPS, HALTING, brake_gap};
use super::heads::LinkState;
use super::plan::PlanItem;
use super::road::Road;
use super::siren::{must_wait, sight};

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

/// What the links allow: the speed bound, a speed that must be kept to get across, and whether it waits.
struct Verdict {
    safe: f64,
    at_least: f64,
    waits: bool,
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
    let verdict = decide(road, body, kind, items, step);
    body.waits_at_link = verdict.waits;
    let old = body.speed;
    let wished = road.wished_speed(body, lane);
    let emergency_min = (old - kind.decel_emergency * dt).max(0.0);
    let min = (old - kind.decel * dt).max(0.0).min(verdict.safe.max(emergency_min));
    let max = wished.min(kind.speed_next_max(old, dt)).min(verdict.safe).max(min);
    let dawdled = (max - dawdle(kind, max, dt, body.id, step)).max(min);
    let mut next = adapt_to_change(body, min, dawdled, max);
    body.lc_speed_max = f64::INFINITY;
    body.lc_pace = 0;
    if next > 0.0 {
        next = next.max(verdict.at_least.min(kind.speed_next_max(old, dt)));
    }
    if old - next > kind.decel * dt + EPS && old - next > 0.5 * (kind.decel + kind.decel_emergency) * dt {
        tally.emergency_brakings += 1;
    }
    if next > kind.speed_next_max(old, dt) + 1e-9 {
        tally.jumps += 1;
    }
    keep_accounts(body, next, wished, dt);
    if body.halt == Halt::Ahead && reached_stop(road, lane, body) {
        body.halt = Halt::Reached;
        tally.stops_reached += 1;
    }
}

/// The speed that goes along with the driver's own or others' wish to change lanes [m/s]: what it was advised, or half way from
/// the intended speed to the extreme.
fn adapt_to_change(body: &Body, min: f64, intended: f64, max: f64) -> f64 {
    if body.lc_speed_max <= max {
        return intended.min(body.lc_speed_max).max(min);
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

/// Moves the body and keeps its accounts.
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
        body.time_loss += dt * (wished - next).max(0.0) / wished;
    }
}

/// Whether the body stands at its next planned stop.
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

/// Goes through the links of a plan and finds the first that must be waited for.
fn decide(road: &Road, body: &Body, kind: &KindFacts, items: &[PlanItem], step: &Step) -> Verdict {
    let dt = road.dt;
    let mut verdict = Verdict { safe: f64::INFINITY, at_least: 0.0, waits: false };
    let mut must_cover = 0.0;
    for item in items {
        if item.link == NONE || !item.ask {
            verdict.safe = verdict.safe.min(item.speed_wait);
            verdict.waits |= item.link != NONE && item.speed_wait < body.speed;
            verdict.waits |= item.link != NONE && item.speed_wait <= HALTING;
            break;
        }
        let state = road.heads.state(item.link);
        let brake = brake_gap(body.speed, kind.decel, 0.0, dt);
        let can_brake = item.distance > brake || body.speed < kind.decel * dt;
        if (state.is_yellow() && can_brake && !body.siren) || must_wait(road, item, body, kind) {
            verdict.safe = verdict.safe.min(item.speed_wait);
            verdict.waits = true;
            break;
        }
        let ask = Request {
            vehicle: body.id,
            link: item.link,
            arrival: item.arrival,
            arrival_speed: item.arrival_speed,
            leave_speed: item.leave_speed,
            waiting: body.waiting,
            impatience: if can_brake { body.impatience(kind) } else { 1.0 },
            kind,
            now: step.now,
            dt,
            siren: body.siren.then_some(item.distance),
        };
        let open = (state.is_yellow() && !body.siren) || is_open(&road.facts, &road.heads, &road.approaches, &ask);
        let link = road.facts.link(item.link);
        if !open && state == LinkState::Zipper {
            // Zip in: never so slow that the merge stops, never past the wait speed's safety.
            verdict.safe = verdict.safe.min(item.speed_pass.min(item.speed_wait.max(0.5 * body.speed)));
            verdict.waits = item.speed_wait < HALTING;
            break;
        }
        if !open {
            verdict.safe = verdict.safe.min(item.speed_wait);
            verdict.waits = true;
            break;
        }
        let entry_priority = link.from_internal && road.heads.state(link.entry).has_priority();
        if !state.has_priority() && !entry_priority && !link.may_wait_inside && !state.is_yellow() {
            if item.distance > sight(body, state, link) && can_brake {
                // Too far away to know whether anybody is coming.
                verdict.safe = verdict.safe.min(item.speed_wait);
                verdict.waits = true;
                break;
            }
            // In sight and open: get across without dawdling on the way.
            must_cover = item.distance;
            verdict.at_least = ((must_cover + EPS) / dt).min(item.speed_pass);
        }
        verdict.safe = item.speed_pass;
        if verdict.safe < kind.decel
            && verdict.safe <= item.speed_wait
            && verdict.safe < kind.speed_next_max(body.speed, dt)
        {
            verdict.waits = true;
        }
    }
    if verdict.safe + EPS < verdict.at_least {
        // Cannot get across after all: stop before it.
        let slow = (body.speed - kind.decel * dt).max(0.0);
        verdict.safe = verdict.safe.min(slow.max(kind.stop_speed(body.speed, must_cover, dt)));
        verdict.at_least = 0.0;
        verdict.waits = true;
    }
    verdict
}
