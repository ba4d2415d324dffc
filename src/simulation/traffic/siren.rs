//! Blue light and siren: who hears an emergency vehicle, what they do about it, and what it may do itself.
//!
//! An emergency vehicle with siren drives faster than the limit, passes red lights and goes first at junctions, but not
//! blindly: where it has no priority it approaches so slowly that it could still stop within its sight ([`SIGHT`]), and it
//! crosses only once everybody who cannot stop any more is through. Everybody else who hears it and can still brake
//! comfortably lets it pass. Both sides judge by the same announcements, so that they never wait for each other. (After SUMO's
//! blue-light device, Bieker-Walz, Behrisch, Junghans 2018, "Analysis of the traffic behavior of emergency vehicles in a
//! microscopic traffic simulation".) How it gets past a queue is [`super::rescue`]'s.

use super::approach::Approach;
use super::body::{Body, KindFacts};
use super::facts::{LinkFacts, NONE, RoadFacts};
use super::following::brake_gap;
use super::heads::LinkState;
use super::item::PlanItem;
use super::road::Road;

/// How far ahead drivers hear it and make way [m]. SUMO's default is 25 m, for drivers who form a lane within their lane and
/// need no time to change; here they need it.
pub(crate) const HEARD: f64 = 50.0;
/// How far from a junction crossing traffic hears it [m].
const HEARD_ACROSS: f64 = 60.0;
/// How far an emergency vehicle that must expect crossing traffic sees into the crossing road [m]; stopping within it at a
/// comfortable 4.5 m/s² gives about 23 km/h, within the 20 to 30 km/h at which drivers are taught to cross a red light.
pub(crate) const SIGHT: f64 = 4.5;
/// How fast drivers who have pulled over still roll [m/s].
pub(crate) const PULLED_OVER: f64 = 2.0;
/// What a driver is asked who is to leave the lane, in lane steps: stronger than the wish of a neighbour.
pub(crate) const LEAVE_LANE: i8 = 2;

/// Whether an announced vehicle lets an emergency vehicle pass that is `siren_distance` from the point where their ways
/// meet: it hears it, and can stop comfortably.
pub(crate) fn gives_way(foe: &Approach, siren_distance: f64, dt: f64) -> bool {
    !foe.siren && siren_distance <= HEARD_ACROSS && can_stop(foe.distance, foe.speed, foe.decel, dt)
}

fn can_stop(distance: f64, speed: f64, decel: f64, dt: f64) -> bool {
    distance > brake_gap(speed, decel, 0.0, dt) || speed < decel * dt
}

/// Whether a driver must wait before a link because an emergency vehicle is about to cross its way.
#[inline]
pub(crate) fn must_wait(road: &Road, item: &PlanItem, body: &Body, kind: &KindFacts) -> bool {
    !road.approaches.sirens().is_empty() && !body.siren && is_crossed(road, item, body.speed, kind)
}

/// From how far away a driver sees crossing traffic at a link [m].
#[inline]
pub(crate) fn sight(body: &Body, state: LinkState, link: &LinkFacts) -> f64 {
    if body.siren && state.is_red() { link.visibility.min(SIGHT) } else { link.visibility }
}

#[cold]
fn is_crossed(road: &Road, item: &PlanItem, speed: f64, kind: &KindFacts) -> bool {
    let link = road.facts.link(item.link);
    if link.from_internal || !can_stop(item.distance, speed, kind.decel, road.dt) {
        return false;
    }
    road.approaches.sirens().iter().any(|&loud| {
        meets(road, link, loud)
            && road.approaches.at(loud).iter().any(|a| a.siren && a.will_pass && a.distance <= HEARD_ACROSS)
    })
}

/// Whether the path behind a link meets the one behind another entry.
fn meets(road: &Road, link: &LinkFacts, entry: u32) -> bool {
    crossing_entries(&road.facts, link).any(|foe| foe == entry)
}

/// Entries of the paths that cross or join the one behind a link.
pub(crate) fn crossing_entries<'a>(facts: &'a RoadFacts, link: &LinkFacts) -> impl Iterator<Item = u32> + use<'a> {
    let first = link.via;
    let second = if first == NONE { NONE } else { facts.link(facts.lane(first).first_link).via };
    [first, second]
        .into_iter()
        .filter(|&lane| lane != NONE)
        .flat_map(move |lane| facts.conflicts(facts.lane(lane)))
        .filter(|conflict| !conflict.diverges)
        .map(|conflict| conflict.foe_entry)
}

/// One vehicle with siren and where it is.
#[derive(Debug, Clone, Copy)]
struct Loud {
    lane: u32,
    pos: f64,
    itinerary: u32,
    leg: u32,
    /// Whether it is passing others on the rescue lane.
    passing: bool,
}

/// Everybody ahead of a vehicle with siren makes way: changes lanes where there is another, pulls over otherwise.
pub(crate) fn make_way(road: &mut Road) {
    let mut loud: Vec<Loud> = Vec::new();
    for &lane in &road.active {
        for body in road.lanes[lane as usize].iter().filter(|b| b.siren) {
            loud.push(Loud { lane, pos: body.pos, itinerary: body.itinerary, leg: body.leg, passing: false });
        }
    }
    for passing in &road.rescue {
        let body = &passing.body;
        loud.push(Loud { lane: passing.lane, pos: body.pos, itinerary: body.itinerary, leg: body.leg, passing: true });
    }
    for one in loud {
        clear(road, &one);
    }
}

fn clear(road: &mut Road, loud: &Loud) {
    let facts = road.facts.lane(loud.lane);
    let to_end = facts.length - loud.pos;
    if facts.internal {
        let to = road.facts.link(facts.first_link).to;
        pull_over(road, to, f64::NEG_INFINITY, HEARD - to_end, false);
        return;
    }
    let row = *road.guides.row(loud.itinerary, loud.leg, facts.index);
    if loud.passing {
        let (first, lanes) = road.facts.edges[facts.edge as usize];
        let nearly_there = to_end < 10.0;
        for lane in first..first + lanes {
            pull_over(road, lane, loud.pos - 5.0, loud.pos + HEARD, nearly_there);
        }
    } else {
        leave_lane(road, loud.lane, loud.pos, loud.pos + HEARD);
    }
    if to_end < HEARD && row.link != NONE {
        let to = road.facts.link(row.link).to;
        leave_lane(road, to, f64::NEG_INFINITY, HEARD - to_end);
    }
}

/// Those on a lane between two places go to the next lane, or pull over where there is none.
fn leave_lane(road: &mut Road, lane: u32, from: f64, to: f64) {
    let (right, left) = (road.facts.lane(lane).right, road.facts.lane(lane).left);
    for slot in 0..road.lanes[lane as usize].len() {
        let body = &road.lanes[lane as usize][slot];
        if body.siren || body.pos <= from || body.pos > to {
            continue;
        }
        let class = road.kind(body).class;
        let open = |l: u32| l != NONE && road.facts.lane(l).allowed.contains(class);
        let (right, left) = (open(right), open(left));
        let body = &mut road.lanes[lane as usize][slot];
        if right {
            body.lc_asked = -LEAVE_LANE;
        } else if left {
            body.lc_asked = LEAVE_LANE;
        } else {
            body.lc_speed_max = body.lc_speed_max.min(PULLED_OVER);
        }
    }
}

/// Those on a lane between two places pull over and roll; who is `held` stands.
fn pull_over(road: &mut Road, lane: u32, from: f64, to: f64, held: bool) {
    let speed = if held { 0.0 } else { PULLED_OVER };
    for body in road.lanes[lane as usize].iter_mut().filter(|b| !b.siren && b.pos > from && b.pos <= to) {
        body.lc_speed_max = body.lc_speed_max.min(speed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coming(distance: f64, speed: f64, siren: bool) -> Approach {
        Approach {
            vehicle: 1,
            arrival: 0.0,
            leave: 0.0,
            leave_speed: speed,
            arrival_speed_braking: 0.0,
            distance,
            speed,
            decel: 4.5,
            waiting: 0.0,
            will_pass: true,
            siren,
            kind: 0,
            speed_factor: 1.0,
        }
    }

    /// An ambulance that counted on somebody to brake who no longer can would cause the next call itself.
    #[test]
    fn only_who_hears_it_and_can_stop_gives_way() {
        for (distance, speed, siren, siren_distance, gives) in [
            (40.0, 13.9, false, 10.0, true),
            (10.0, 13.9, false, 10.0, false),
            (10.0, 3.0, false, 10.0, true),
            (40.0, 13.9, false, HEARD_ACROSS + 1.0, false),
            (40.0, 13.9, true, 10.0, false),
        ] {
            let foe = coming(distance, speed, siren);
            assert_eq!(
                gives_way(&foe, siren_distance, 1.0),
                gives,
                "{distance} m at {speed} m/s, heard {siren_distance} m"
            );
        }
    }
}
