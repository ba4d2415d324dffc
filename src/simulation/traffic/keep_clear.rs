//! Keeping the junction clear: nobody asks to enter who could not leave again.
//!
//! Sums the free road behind each link of a plan, less the vehicles in between, and takes requests back where the vehicle would
//! come to stand where somebody else has to pass. (SUMO's `checkRewindLinkLanes`.)

use super::approach::{Request, is_open};
use super::facts::NONE;
use super::following::{HALTING, brake_gap};
use super::plan::{Look, PlanItem};

/// Fills in the room behind every link and takes requests back where it does not suffice; `ahead` is the road the vehicles
/// ahead on the driver's own lane will need [m].
pub(crate) fn apply(look: &Look<'_>, ahead: f64, items: &mut [PlanItem]) {
    let items = &mut items[look.first..];
    if items.len() < 2 && items.first().is_none_or(|i| i.link == NONE) {
        return;
    }
    let met_vehicle = measure_room(look, ahead, items);
    if !met_vehicle {
        return;
    }
    pass_room_back(look, items);
    let (facts, kind) = (&look.road.facts, look.kind);
    let blocked = items.iter().position(|item| {
        item.link != NONE
            && item.room < kind.room()
            && facts.link(item.link).keep_clear
            && somebody_waits(look, item.link)
    });
    let Some(first) = blocked else { return };
    if first == 0 && facts.lane(look.lane).internal {
        return;
    }
    let brake = brake_gap(look.body.speed, kind.decel, kind.tau, look.road.dt);
    for item in &mut items[first..] {
        item.speed_pass = item.speed_wait;
        let slow = look.body.speed < kind.decel * look.road.dt;
        if item.distance >= brake || (item.distance > 0.0 && slow) {
            item.ask = false;
        }
    }
}

/// Adds up the free road behind each link; tells whether any vehicle was met.
fn measure_room(look: &Look<'_>, ahead: f64, items: &mut [PlanItem]) -> bool {
    let (road, kind) = (look.road, look.kind);
    let mut room = -ahead;
    let mut met_vehicle = false;
    let mut found_standing = false;
    for item in items {
        if item.link == NONE || found_standing {
            item.room = room;
            continue;
        }
        let link = road.facts.link(item.link);
        if link.via != NONE {
            let inside: f64 = if road.is_occupied(link.via) {
                road.lanes[link.via as usize].iter().map(|b| road.kind(b).room()).sum()
            } else {
                0.0
            };
            room -= inside;
            if link.via == look.lane {
                room += kind.room();
            }
            met_vehicle |= inside > 0.0;
            item.room = room;
            continue;
        }
        let lane = &road.lanes[link.to as usize];
        if !road.is_visited(link.to) || (lane.is_empty() && road.tails[link.to as usize].is_empty()) {
            room += road.facts.lane(link.to).length;
        } else {
            met_vehicle = true;
            let (free, standing) = room_to_last_standing(look, link.to);
            room += free;
            let waits = lane.first().is_some_and(|b| b.waits_at_link || b.is_standing());
            found_standing = standing || waits;
        }
        item.room = room;
    }
    met_vehicle
}

/// Free road on a lane up to the first standing vehicle, less the moving ones before it [m].
fn room_to_last_standing(look: &Look<'_>, lane: u32) -> (f64, bool) {
    let road = look.road;
    let length = road.facts.lane(lane).length;
    let mut moving = 0.0;
    for body in &road.lanes[lane as usize] {
        if body.id == look.body.id {
            continue;
        }
        let kind = road.kind(body);
        if body.speed < HALTING {
            let stopped = (body.pos - kind.length).min(length) - moving;
            return (stopped, true);
        }
        // A moving vehicle will at worst stop here too, after its braking distance.
        moving += kind.room();
    }
    if let Some(tail) =
        road.tails[lane as usize].iter().filter(|t| t.id != look.body.id).min_by(|a, b| a.back.total_cmp(&b.back))
        && tail.speed < HALTING
    {
        return (tail.back - moving, true);
    }
    (length - moving, false)
}

/// Room behind a link counts for the link before it if the vehicle can count on passing it.
fn pass_room_back(look: &Look<'_>, items: &mut [PlanItem]) {
    let (road, body, kind) = (look.road, look.body, look.kind);
    for i in (1..items.len()).rev() {
        let next = items[i];
        let item = &mut items[i - 1];
        if item.link == NONE {
            item.room = next.room;
            continue;
        }
        let link = road.facts.link(item.link);
        let can_leave = link.via == NONE || next.link == NONE || next.ask;
        let open = can_leave
            && (road.heads.state(item.link).has_priority()
                || is_open(
                    &road.facts,
                    &road.heads,
                    &road.approaches,
                    &Request {
                        vehicle: body.id,
                        link: item.link,
                        arrival: item.arrival,
                        arrival_speed: item.arrival_speed,
                        leave_speed: item.leave_speed,
                        waiting: body.waiting,
                        impatience: body.impatience(kind),
                        kind,
                        now: look.now,
                        dt: road.dt,
                        siren: body.siren.then_some(item.distance),
                    },
                ));
        if link.may_wait_inside || open {
            item.room = next.room;
        }
    }
}

/// Whether somebody approaches on a path that this one crosses.
fn somebody_waits(look: &Look<'_>, link: u32) -> bool {
    let road = look.road;
    let link = road.facts.link(link);
    if link.via == NONE {
        return road.facts.yields(link).iter().any(|&foe| road.approaches.has(foe));
    }
    road.facts.foe_entries(road.facts.lane(link.via)).iter().any(|&foe| foe != NONE && road.approaches.has(foe))
}
