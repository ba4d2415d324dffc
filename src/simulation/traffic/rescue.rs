//! The rescue lane: how a vehicle with siren gets past those who have pulled over.
//!
//! Vehicles on a lane cannot stand beside each other, so the space between the lanes is a lane of its own, one per road, which
//! exists only while somebody with siren is on it. A vehicle with siren whose way is blocked by slow vehicles moves over to
//! it, drives past them slowly, and returns to a lane where the road ahead is free; at the road's end it enters the junction
//! straight from it. Bodies on lanes still never overlap (LAW-2), and neither do those on the rescue lane.
//!
//! Taken for granted: every street is wide enough for a vehicle at the kerb and an ambulance beside it. While it passes, nobody
//! but those on its road takes notice; inside a junction it is on the junction's own lanes and seen by all. Its tail is not
//! seen on lanes it was not on. See `docs/adr/0008-rescue-lane.md`.

use super::approach::{Approach, Request, is_open, leave_time};
use super::body::Body;
use super::crossing::{Arrived, Moved, enter_junction, is_at_destination};
use super::drive::{Step, keep_accounts};
use super::facts::NONE;
use super::following::{arrival_time_min, free_speed};
use super::insertion::fits;
use super::road::Road;
use super::siren::SIGHT;

/// How fast one drives past vehicles that have pulled over [m/s]: 30 km/h; an assumption in the order of what rescue services
/// teach (not more than 20 km/h faster than those one passes).
pub(crate) const PASSING_SPEED: f64 = 30.0 / 3.6;
/// A leader that is nearer than this blocks the way [m].
const BLOCKED_WITHIN: f64 = 15.0;
/// How fast one crosses a stop line without priority [m/s].
const CROSSING_SPEED: f64 = 6.0;
/// Kept from the stop line and from others on the rescue lane [m].
const MARGIN: f64 = 1.0;

/// Somebody on the rescue lane of a road.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Passing {
    pub body: Body,
    /// The lane by whose link it will leave the road, and along which its position counts.
    pub lane: u32,
}

/// Vehicles with siren that are blocked leave their lanes; tells whether any did.
pub(crate) fn pull_out(road: &mut Road) -> bool {
    let mut leaving: Vec<(u32, usize, u32, f64)> = Vec::new();
    for &lane in &road.active {
        for (slot, body) in road.lanes[lane as usize].iter().enumerate() {
            if body.siren
                && let Some((to, pos)) = way_out(road, lane, slot)
            {
                leaving.push((lane, slot, to, pos));
            }
        }
    }
    let mut any = false;
    // From the back of the list, so that slots of the same lane stay valid.
    for &(lane, slot, to, pos) in leaving.iter().rev() {
        let length = road.kind(&road.lanes[lane as usize][slot]).length;
        if !is_free(road, road.facts.lane(to).edge, pos, length) {
            continue;
        }
        let mut body = road.lanes[lane as usize].remove(slot);
        if road.facts.lane(lane).internal && !road.facts.lane(to).internal {
            body.leg += 1;
            body.entered_junction = f64::INFINITY;
            body.entered_first = f64::INFINITY;
            body.entered_conflict = f64::INFINITY;
        }
        body.pos = pos;
        body.trail_len = 0;
        body.waits_at_link = false;
        road.rescue.push(Passing { body, lane: to });
        any = true;
    }
    any
}

/// Sets a body with siren that finds no room on a lane down on the rescue lane beside it, and hands out that lane; none where
/// somebody is there.
pub(crate) fn set_out(road: &mut Road, mut body: Body, edge: u32, pos: f64) -> Option<u32> {
    if !is_free(road, edge, pos, road.kind(&body).length) {
        return None;
    }
    let lane = leaving_lane(road, &body, road.facts.edges[edge as usize].0, 0);
    body.pos = pos.min(road.facts.lane(lane).length);
    road.rescue.push(Passing { body, lane });
    Some(lane)
}

/// Where a blocked vehicle goes: the lane it will leave the road by, and its position there; none where it is not blocked.
fn way_out(road: &Road, lane: u32, slot: usize) -> Option<(u32, f64)> {
    let body = &road.lanes[lane as usize][slot];
    let facts = road.facts.lane(lane);
    if body.speed > PASSING_SPEED + 1.0 || body.is_standing() {
        return None;
    }
    if facts.internal {
        // At the end of its path over the junction, before a queue that reaches back to it.
        let link = road.facts.link(facts.first_link);
        let last = slot + 1 == road.lanes[lane as usize].len();
        let stuck = body.speed < 0.5 && facts.length - body.pos < 5.0;
        if last && stuck && link.via == NONE {
            return Some((leaving_lane(road, body, link.to, body.leg + 1), 0.0));
        }
        return (body.speed < 0.5 && !last).then_some((lane, body.pos));
    }
    let leader = road.leader_on_lane(lane, slot)?;
    let blocked = leader.back - body.pos < BLOCKED_WITHIN && leader.speed < PASSING_SPEED - 1.0;
    blocked.then(|| (leaving_lane(road, body, lane, body.leg), body.pos))
}

/// The lane of the road nearest to `lane` from which the route goes on.
fn leaving_lane(road: &Road, body: &Body, lane: u32, leg: u32) -> u32 {
    let (first, lanes) = road.facts.edges[road.facts.lane(lane).edge as usize];
    let continues = |l: &u32| road.guides.row(body.itinerary, leg, l - first).link != NONE;
    (first..first + lanes).filter(continues).min_by_key(|l| l.abs_diff(lane)).unwrap_or(lane)
}

/// Whether nobody else is on a road's rescue lane where a body would be.
fn is_free(road: &Road, edge: u32, pos: f64, length: f64) -> bool {
    road.rescue.iter().filter(|p| road.facts.lane(p.lane).edge == edge).all(|p| {
        let back = p.body.pos - road.kind(&p.body).length;
        back > pos + MARGIN || p.body.pos + MARGIN < pos - length
    })
}

/// The link by which somebody on the rescue lane leaves the road; none on the last road of its way.
fn exit(road: &Road, passing: &Passing) -> Option<u32> {
    let index = road.facts.lane(passing.lane).index;
    let link = road.guides.row(passing.body.itinerary, passing.body.leg, index).link;
    (link != NONE).then_some(link)
}

/// Tells every link who is coming on a rescue lane.
pub(crate) fn announce(road: &mut Road, now: f64) {
    let approaches: Vec<(u32, Approach)> = road
        .rescue
        .iter()
        .filter_map(|passing| {
            if road.facts.lane(passing.lane).internal {
                return Some(inside(road, passing, now));
            }
            let link = exit(road, passing)?;
            let request = request(road, passing, link, now);
            let (body, facts) = (&passing.body, road.facts.link(link));
            let kind = request.kind;
            let approach = Approach {
                vehicle: body.id,
                arrival: request.arrival,
                leave: leave_time(request.arrival, CROSSING_SPEED, CROSSING_SPEED, facts.length, kind.length),
                leave_speed: CROSSING_SPEED,
                arrival_speed_braking: 0.0,
                distance: road.facts.lane(passing.lane).length - body.pos,
                speed: body.speed,
                decel: kind.decel,
                waiting: body.waiting,
                will_pass: true,
                siren: true,
                kind: body.kind,
                speed_factor: body.speed_factor_single(),
            };
            Some((link, approach))
        })
        .collect();
    for (link, approach) in approaches {
        road.approaches.announce(link, approach);
    }
}

/// Over a junction it stays announced where it entered, so that nobody starts across its way.
fn inside(road: &Road, passing: &Passing, now: f64) -> (u32, Approach) {
    let (body, kind, facts) = (&passing.body, road.kind(&passing.body), road.facts.lane(passing.lane));
    let approach = Approach {
        vehicle: body.id,
        arrival: now,
        leave: leave_time(now, CROSSING_SPEED, CROSSING_SPEED, facts.length - body.pos, kind.length),
        leave_speed: CROSSING_SPEED,
        arrival_speed_braking: 0.0,
        distance: 0.0,
        speed: body.speed,
        decel: kind.decel,
        waiting: 0.0,
        will_pass: true,
        siren: true,
        kind: body.kind,
        speed_factor: body.speed_factor_single(),
    };
    (facts.entry, approach)
}

fn request<'a>(road: &'a Road, passing: &Passing, link: u32, now: f64) -> Request<'a> {
    let (body, kind) = (&passing.body, road.kind(&passing.body));
    let distance = (road.facts.lane(passing.lane).length - body.pos).max(0.0);
    let arrival = now + arrival_time_min(distance, body.speed, CROSSING_SPEED.max(body.speed), kind.accel, kind.decel);
    Request {
        vehicle: body.id,
        link,
        arrival,
        arrival_speed: CROSSING_SPEED,
        leave_speed: CROSSING_SPEED,
        waiting: body.waiting,
        impatience: 1.0,
        kind,
        now,
        dt: road.dt,
        siren: Some(distance),
    }
}

/// Moves everybody on rescue lanes by one step; hands out arrivals and crossings.
pub(crate) fn advance(road: &mut Road, step: &Step, arrived: &mut Vec<Arrived>, moved: &mut Vec<Moved>) {
    let mut all = std::mem::take(&mut road.rescue);
    // From the front, so that each follows those who have moved.
    all.sort_by(|a, b| b.body.pos.total_cmp(&a.body.pos).then(a.body.id.cmp(&b.body.id)));
    for mut passing in all {
        let lane = passing.lane;
        let length = road.facts.lane(lane).length;
        if road.facts.lane(lane).internal {
            pass_junction(road, passing, moved);
            continue;
        }
        let link = exit(road, &passing).filter(|&link| may_cross(road, &passing, link, step));
        let speed = next_speed(road, &passing, link.is_some());
        let wished = road.wished_speed(&passing.body, lane);
        keep_accounts(&mut passing.body, speed, wished, road.dt);
        if is_at_destination(road, &passing.body, lane) {
            arrived.push(Arrived { body: passing.body, lane });
        } else if passing.body.pos >= length {
            match link {
                Some(link) if has_room(road, link) => cross(road, passing.body, lane, link, step.now, moved),
                Some(link) => go_on(road, passing, link, moved),
                None => {
                    passing.body.pos = length - 0.01;
                    road.rescue.push(passing);
                }
            }
        } else if let Some((lane, speed)) = way_back(road, &passing) {
            passing.body.speed = speed.min(passing.body.speed);
            road.insert(lane, passing.body);
        } else {
            road.rescue.push(passing);
        }
    }
}

/// Whether the junction ahead can be entered: open to a siren, and room behind the stop line or a queue to drive past.
fn may_cross(road: &Road, passing: &Passing, link: u32, step: &Step) -> bool {
    let after = road.facts.link(link).after;
    let slow = road.rear(after).is_none_or(|rear| rear.speed < PASSING_SPEED);
    let length = road.kind(&passing.body).length;
    let passable = slow && is_free(road, road.facts.lane(after).edge, PASSING_SPEED * road.dt, length);
    let request = request(road, passing, link, step.now);
    (has_room(road, link) || passable) && is_open(&road.facts, &road.heads, &road.approaches, &request)
}

/// Whether there is room on the lane behind a link.
fn has_room(road: &Road, link: u32) -> bool {
    road.rear(road.facts.link(link).after).is_none_or(|rear| rear.back > PASSING_SPEED * road.dt + MARGIN)
}

/// Moves somebody who drives past a queue that stands across a junction.
fn pass_junction(road: &mut Road, mut passing: Passing, moved: &mut Vec<Moved>) {
    let facts = road.facts.lane(passing.lane);
    let (length, link) = (facts.length, facts.first_link);
    let (kind, dt) = (road.kind(&passing.body), road.dt);
    let free = is_free(road, next_edge(road, link), CROSSING_SPEED * dt, kind.length);
    let mut speed = CROSSING_SPEED.min(kind.speed_next_max(passing.body.speed, dt));
    if !free {
        speed = speed.min((length - passing.body.pos - 0.1).max(0.0) / dt);
    }
    let wished = road.wished_speed(&passing.body, passing.lane);
    keep_accounts(&mut passing.body, speed, wished, dt);
    if passing.body.pos >= length {
        go_on(road, passing, link, moved);
    } else {
        road.rescue.push(passing);
    }
}

fn next_edge(road: &Road, link: u32) -> u32 {
    road.facts.lane(road.facts.link(link).after).edge
}

/// Carries somebody on a rescue lane over a link to the next one.
fn go_on(road: &mut Road, mut passing: Passing, link: u32, moved: &mut Vec<Moved>) {
    let (from_lane, from) = (passing.lane, road.facts.lane(passing.lane));
    let (from_edge, length) = (from.edge, from.length);
    let (after, direct) = (road.facts.link(link).after, road.facts.link(link).via == NONE);
    passing.body.leg += u32::from(direct);
    passing.lane = if direct { leaving_lane(road, &passing.body, after, passing.body.leg) } else { after };
    passing.body.pos = (passing.body.pos - length).min(road.facts.lane(passing.lane).length * 0.99);
    moved.push(Moved {
        from_edge,
        to_edge: road.facts.lane(passing.lane).edge,
        from_lane,
        kind: passing.body.kind,
        speed: passing.body.speed,
        beyond: passing.body.pos,
    });
    road.rescue.push(passing);
}

fn next_speed(road: &Road, passing: &Passing, open: bool) -> f64 {
    let (body, kind, dt) = (&passing.body, road.kind(&passing.body), road.dt);
    let facts = road.facts.lane(passing.lane);
    let mut speed = PASSING_SPEED.min(kind.speed_next_max(body.speed, dt)).min(road.wished_speed(body, passing.lane));
    for other in road.rescue.iter().filter(|p| road.facts.lane(p.lane).edge == facts.edge) {
        let gap = other.body.pos - road.kind(&other.body).length - body.pos - MARGIN;
        if other.body.pos > body.pos {
            speed = speed.min(kind.follow_speed(body.speed, gap, other.body.speed, kind.decel, dt));
        }
    }
    let to_end = facts.length - body.pos;
    if body.leg as usize + 1 >= road.guides.edges(body.itinerary).len() {
        let goal = road.arrival_position[body.id as usize].min(facts.length) - body.pos;
        speed = speed.min(free_speed(goal.max(0.0), 2.0, kind.decel, dt));
    } else if !open {
        let stop = kind.stop_speed(body.speed, (to_end - MARGIN).max(0.0), dt);
        speed = speed.min(stop).min((to_end - 0.1).max(0.0) / dt);
    } else {
        // Open or not, whoever leaves a rescue lane expects somebody who has not heard.
        speed = speed.min(free_speed((to_end - SIGHT).max(0.0), CROSSING_SPEED, kind.decel, dt));
    }
    speed.max(0.0)
}

fn cross(road: &mut Road, mut body: Body, lane: u32, link: u32, now: f64, moved: &mut Vec<Moved>) {
    let from_edge = road.facts.lane(lane).edge;
    let length = road.facts.lane(lane).length;
    let facts = road.facts.link(link);
    let (after, direct) = (facts.after, facts.via == NONE);
    enter_junction(facts, &mut body, now);
    body.pos = (body.pos - length).min(road.facts.lane(after).length * 0.99);
    body.trail_len = 0;
    if direct {
        body.leg += 1;
    }
    moved.push(Moved {
        from_edge,
        to_edge: road.facts.lane(after).edge,
        from_lane: lane,
        kind: body.kind,
        speed: body.speed,
        beyond: body.pos,
    });
    road.insert(after, body);
}

/// The lane to return to and the speed there, where the road ahead is free again.
fn way_back(road: &Road, passing: &Passing) -> Option<(u32, f64)> {
    let (body, lane) = (&passing.body, passing.lane);
    if body.pos < road.kind(body).length {
        return None;
    }
    let ahead = road.lanes[lane as usize].iter().find(|b| b.pos > body.pos);
    let free = ahead.is_none_or(|b| {
        let gap = b.pos - road.kind(b).length - body.pos;
        gap > 2.0 * BLOCKED_WITHIN || (gap > BLOCKED_WITHIN && b.speed > PASSING_SPEED)
    });
    if !free {
        return None;
    }
    fits(road, lane, body, body.pos, body.speed, true).map(|speed| (lane, speed))
}
