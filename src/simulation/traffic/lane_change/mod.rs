//! Lane changing: for the route, to help others, for speed, and back to the kerb side.
//!
//! The hierarchy of motives is Erdmann's (2014, "Lane-changing model in SUMO", LC2013): a strategic change keeps the route
//! possible; a cooperative one clears the way for somebody who needs this lane; a tactical one gains speed; and the duty to keep
//! to the kerb side returns. Vehicles of an edge decide one after the other from the front, each on what those ahead of it
//! have just done, so that no two can take the same gap.

mod cooperate;
mod gap;
mod motive;

use super::body::{Body, Halt};
use super::facts::NONE;
use super::road::Road;

use cooperate::Stranded;
pub(crate) use motive::Jams;

/// Towards the kerb or away from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Right,
    Left,
}

impl Side {
    /// Lane indices grow to the left.
    fn step(self) -> i32 {
        match self {
            Self::Right => -1,
            Self::Left => 1,
        }
    }
}

/// Why a driver wants another lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Motive {
    /// It does not.
    None,
    /// It must not: the route would be lost.
    Forbidden,
    /// The route needs it; soon.
    Urgent,
    /// The route needs it eventually and it costs nothing.
    Early,
    /// Somebody needs this place.
    Cooperative,
    /// It is faster there.
    SpeedGain,
    /// The kerb side is free.
    KeepRight,
}

/// Lets everybody on roads with several lanes decide, edge by edge; tells whether anybody changed.
pub(crate) fn change_lanes(road: &mut Road, jams: &mut Jams) -> bool {
    jams.measure(road);
    let mut k = 0;
    let mut changed = false;
    while k < road.active.len() {
        let edge = road.facts.lane(road.active[k]).edge;
        let (first, lanes) = road.facts.edges[edge as usize];
        while k < road.active.len() && road.active[k] < first + lanes {
            k += 1;
        }
        if lanes > 1 && !road.facts.lane(first).internal {
            changed |= change_on_edge(road, jams, first, lanes);
        }
    }
    changed
}

fn change_on_edge(road: &mut Road, jams: &Jams, first: u32, lanes: u32) -> bool {
    let mut changed = false;
    let mut stranded = vec![Stranded::default(); lanes as usize];
    // Next to decide on each lane: one past its slot, from the front.
    let mut next: Vec<usize> = (first..first + lanes).map(|l| road.lanes[l as usize].len()).collect();
    loop {
        let mut front: Option<(usize, f64)> = None;
        for (i, &n) in next.iter().enumerate() {
            if n > 0 {
                let pos = road.lanes[first as usize + i][n - 1].pos;
                if front.is_none_or(|(_, p)| pos > p) {
                    front = Some((i, pos));
                }
            }
        }
        let Some((index, _)) = front else { return changed };
        next[index] -= 1;
        let lane = first + index as u32;
        changed |= decide(road, jams, lane, next[index], &mut stranded, first);
    }
}

/// Lets one driver decide, and carries the change out; tells whether it changed.
fn decide(road: &mut Road, jams: &Jams, lane: u32, slot: usize, stranded: &mut [Stranded], first: u32) -> bool {
    let body = &mut road.lanes[lane as usize][slot];
    // A bound lasts one step; whoever still needs help asks again.
    let asked = std::mem::take(&mut body.lc_asked);
    if body.is_standing() {
        return false;
    }
    let mut mood = body.clone();
    cooperate::let_in(road, &mut mood, &stranded[(lane - first) as usize]);
    let mut target = None;
    let mut favour = None;
    let mut jam_here = None;
    for side in [Side::Right, Side::Left] {
        let Some(neighbour) = neighbour(road, &mood, lane, side) else {
            continue;
        };
        let jam = *jam_here.get_or_insert_with(|| jams.along(road, &mood, lane));
        let view = motive::View::new(road, jams, jam, &mood, lane, slot, neighbour, side);
        let motive = view.motive(&mut mood, asked);
        if matches!(motive, Motive::None | Motive::Forbidden) {
            continue;
        }
        let blocked = view.gap.blocked(road, &mood, motive);
        if blocked.is_free() {
            target = Some(neighbour);
            break;
        }
        if motive == Motive::Urgent {
            stranded[(neighbour - first) as usize].note(&mood, road.kind(&mood));
            cooperate::adapt(&view, &mut mood, blocked);
            favour = cooperate::favour_of_follower(&view, &mood, blocked).or(favour);
        }
    }
    if let Some(favour) = favour {
        let other = &mut road.lanes[favour.lane as usize][favour.slot];
        other.lc_speed_max = other.lc_speed_max.min(favour.speed_max);
        other.lc_asked = favour.away;
    }
    if let Some(to) = target {
        carry_out(road, lane, slot, to, mood);
        return true;
    }
    let body = &mut road.lanes[lane as usize][slot];
    body.speed_gain = mood.speed_gain;
    body.keep_right = mood.keep_right;
    body.look_ahead_speed = mood.look_ahead_speed;
    body.lc_speed_max = body.lc_speed_max.min(mood.lc_speed_max);
    false
}

/// The lane on one side, if the driver may go there from here.
fn neighbour(road: &Road, body: &Body, lane: u32, side: Side) -> Option<u32> {
    let facts = road.facts.lane(lane);
    let class = road.kind(body).class;
    let (to, may_leave) = match side {
        Side::Right => (facts.right, facts.change_right),
        Side::Left => (facts.left, facts.change_left),
    };
    (to != NONE && may_leave.contains(class) && road.facts.lane(to).allowed.contains(class)).then_some(to)
}

fn carry_out(road: &mut Road, from: u32, slot: usize, to: u32, mut body: Body) {
    road.lanes[from as usize].remove(slot);
    body.pos = body.pos.min(road.facts.lane(to).length);
    body.speed_gain = 0.0;
    body.keep_right = 0.0;
    body.look_ahead_speed = 0.0;
    if body.pos >= road.kind(&body).length {
        body.trail_len = 0;
    }
    road.insert(to, body);
}

/// Whether the next planned stop is on this leg, and how far along it: changes must not carry a bus past it.
fn stop_on_leg(road: &Road, body: &Body) -> Option<(u32, f64)> {
    if body.halt != Halt::Ahead {
        return None;
    }
    let stop = road.guides.stops(body.id).get(body.next_stop as usize)?;
    (stop.leg == body.leg).then_some((stop.lane, stop.position))
}
