//! Crossings: bodies whose front has passed the end of their lane move on to the next, in lane order.

use super::body::Body;
use super::facts::{LinkFacts, NONE};
use super::road::Road;

/// A body that left the road at its destination.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub body: Body,
    pub lane: u32,
}

/// A body that moved from one road (or junction path) to another.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct Moved {
    pub from_edge: u32,
    pub to_edge: u32,
    /// The lane whose end it passed.
    pub from_lane: u32,
    pub kind: u32,
    /// Its speed [m/s].
    pub speed: f64,
    /// How far its front is past that lane's end at the end of the step [m].
    pub beyond: f64,
}

/// Where a body that arrived was when it left the road.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct Parked {
    pub vehicle: u32,
    pub kind: u32,
    pub lane: u32,
    /// From the lane's start [m].
    pub pos: f64,
}

/// Moves every body that has passed its lane's end; hands out arrivals and crossings in lane order.
pub(crate) fn exchange(road: &mut Road, now: f64, arrived: &mut Vec<Arrived>, moved: &mut Vec<Moved>) {
    let mut landed: Vec<(u32, Body)> = Vec::new();
    if road.first_on_call < u32::MAX {
        leave_on_call(road, arrived);
    }
    for k in 0..road.blocks.len() {
        leave_behind_block(road, road.blocks[k].lane, arrived);
    }
    for k in 0..road.active.len() {
        let lane = road.active[k];
        while let Some(front) = road.lanes[lane as usize].last() {
            if is_at_destination(road, front, lane) {
                if let Some(body) = road.lanes[lane as usize].pop() {
                    arrived.push(Arrived { body, lane });
                }
                continue;
            }
            if front.pos <= road.facts.lane(lane).length {
                break;
            }
            let Some(mut body) = road.lanes[lane as usize].pop() else { break };
            let target = pass(road, lane, &mut body, now, moved);
            landed.push((target, body));
        }
    }
    for (lane, body) in landed {
        road.insert(lane, body);
    }
}

/// Those who were called stop at the kerb where they are needed, whoever else is on the lane.
fn leave_on_call(road: &mut Road, arrived: &mut Vec<Arrived>) {
    for k in 0..road.active.len() {
        let lane = road.active[k];
        for slot in (0..road.lanes[lane as usize].len()).rev() {
            let body = &road.lanes[lane as usize][slot];
            if road.is_on_call(body.id) && is_at_destination(road, body, lane) {
                arrived.push(Arrived { body: road.lanes[lane as usize].remove(slot), lane });
            }
        }
    }
}

/// Behind a block nobody gets to the end of the lane: whoever is at its destination leaves from where it is.
fn leave_behind_block(road: &mut Road, lane: u32, arrived: &mut Vec<Arrived>) {
    for slot in (0..road.lanes[lane as usize].len()).rev() {
        if is_at_destination(road, &road.lanes[lane as usize][slot], lane) {
            arrived.push(Arrived { body: road.lanes[lane as usize].remove(slot), lane });
        }
    }
}

/// Whether a body is past its destination.
pub(crate) fn is_at_destination(road: &Road, body: &Body, lane: u32) -> bool {
    let facts = road.facts.lane(lane);
    if facts.internal || (body.leg as usize) + 1 < road.guides.edges(body.itinerary).len() {
        return false;
    }
    body.pos >= road.arrival_position[body.id as usize].min(facts.length) && (body.halt == super::body::Halt::None)
}

/// Carries a body over as many lane ends as it has passed; hands out the lane it is on then.
fn pass(road: &Road, from: u32, body: &mut Body, now: f64, moved: &mut Vec<Moved>) -> u32 {
    let mut lane = from;
    while body.pos > road.facts.lane(lane).length {
        let facts = road.facts.lane(lane);
        let id =
            if facts.internal { facts.first_link } else { road.guides.row(body.itinerary, body.leg, facts.index).link };
        if id == NONE {
            // The look-ahead stops a body before a lane that leads nowhere; rounding may put it on the very end.
            body.pos = facts.length - 1e-9;
            return lane;
        }
        let link = road.facts.link(id);
        body.pos -= facts.length;
        body.push_trail(lane);
        let from_lane = lane;
        enter_junction(link, body, now);
        if link.via == NONE {
            body.leg += 1;
        }
        lane = link.after;
        let to_edge = road.facts.lane(lane).edge;
        moved.push(Moved {
            from_edge: facts.edge,
            to_edge,
            from_lane,
            kind: body.kind,
            speed: body.speed,
            beyond: body.pos,
        });
        if is_at_destination(road, body, lane) {
            body.pos = body.pos.min(road.facts.lane(lane).length);
            return lane;
        }
    }
    lane
}

/// Notes when a body enters a junction, passes its last point of yielding, and leaves.
pub(crate) fn enter_junction(link: &LinkFacts, body: &mut Body, now: f64) {
    if link.via == NONE {
        body.entered_junction = f64::INFINITY;
        body.entered_first = f64::INFINITY;
        body.entered_conflict = f64::INFINITY;
        return;
    }
    if !link.from_internal {
        body.entered_junction = now;
        body.entered_first = now;
    }
    if !link.may_wait_inside {
        body.entered_conflict = now;
        // Whoever waited inside for somebody counts from when it came.
        body.entered_junction = body.entered_first;
    }
}
