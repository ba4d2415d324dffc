//! Keeping the junction clear: nobody asks to enter who could not leave again.
//!
//! Sums the free road behind each link of a plan, less the vehicles in between, and takes requests back where the vehicle would
//! come to stand where somebody else has to pass. (SUMO's `checkRewindLinkLanes`.)

use super::approach::is_open;
use super::facts::NONE;
use super::following::{HALTING, brake_gap};
use super::item::PlanItem;
use super::plan::Look;

/// Requests nearer than the braking distance and this are kept [m].
const BRAKE_SLACK: f64 = 0.1;

/// Fills in the room behind every link and takes requests back where it does not suffice.
#[inline(never)]
pub(crate) fn apply(look: &Look<'_>, items: &mut [PlanItem]) {
    let items = &mut items[look.first..];
    let (facts, kind) = (&look.road.facts, look.kind);
    let own = facts.lane(look.lane);
    if items.first().is_none_or(|i| i.link == NONE) || facts.ring[own.edge as usize] {
        return;
    }
    let mut stands = measure_room(look, items);
    stands |= pass_room_back(look, items);
    if !stands {
        return;
    }
    let blocked =
        items.iter().position(|item| item.link != NONE && item.room < kind.room() && facts.link(item.link).keep_clear);
    let Some(first) = blocked else { return };
    if first == 0 && own.internal {
        return;
    }
    for i in first..items.len() {
        if items[i].link == NONE {
            break;
        }
        items[i].speed_pass = items[i].speed_wait;
        let link = facts.link(items[i].link);
        // Whoever asks to enter a junction asks to leave it, too.
        let leaves = link.from_internal && link.via == NONE && i > 0 && items[i - 1].ask;
        if items[i].distance >= look.brake + BRAKE_SLACK && !leaves {
            items[i].ask = false;
        }
    }
}

/// Adds up the free road behind each link; tells whether anybody who stands or waits was met.
fn measure_room(look: &Look<'_>, items: &mut [PlanItem]) -> bool {
    let (road, kind) = (look.road, look.kind);
    // What the vehicles ahead on the driver's own lane will need.
    let ahead: f64 = look.bodies[look.slot + 1..].iter().map(|body| road.kind(body).room()).sum();
    let mut room = -ahead;
    let mut found_standing = false;
    for item in items {
        if item.link == NONE || found_standing {
            item.room = if found_standing { room } else { item.room + room };
            continue;
        }
        let link = road.facts.link(item.link);
        if link.via != NONE {
            if link.keep_clear {
                if road.is_occupied(link.via) {
                    room -= road.lanes[link.via as usize].iter().map(|b| road.kind(b).room()).sum::<f64>();
                }
                if link.via == look.lane {
                    room += kind.room();
                }
            } else {
                let (free, standing) = room_to_last_standing(look, link.via);
                room += free;
                found_standing = standing;
            }
            item.room = room;
            continue;
        }
        let (lane, tails) = (&road.lanes[link.to as usize], &road.tails[link.to as usize]);
        let length = road.facts.lane(link.to).length;
        if !road.is_visited(link.to) || (lane.is_empty() && tails.is_empty()) {
            if length > kind.length || link.keep_clear {
                room += length;
            }
        } else {
            let (free, standing) = room_to_last_standing(look, link.to);
            room += free;
            item.standing = standing || lane.first().is_some_and(|b| b.waits_at_link || b.is_standing());
            found_standing = item.standing;
        }
        item.room = room;
    }
    found_standing
}

/// Free road on a lane up to the first standing vehicle, less the moving ones before it [m].
fn room_to_last_standing(look: &Look<'_>, lane: u32) -> (f64, bool) {
    let road = look.road;
    let facts = road.facts.lane(lane);
    let ring = road.facts.ring[facts.edge as usize];
    let mut moving = 0.0;
    for body in &road.lanes[lane as usize] {
        let kind = road.kind(body);
        if body.speed < HALTING && body.id != look.body.id && !ring {
            return (body.pos - kind.length + brake_gap(body.speed, kind.decel, kind.tau, road.dt) - moving, true);
        }
        // A moving vehicle will at worst stop here too.
        moving += kind.room();
    }
    (facts.length - moving, false)
}

/// Room behind a link counts for the link before it if the driver can count on passing it; tells whether some link is closed.
fn pass_room_back(look: &Look<'_>, items: &mut [PlanItem]) -> bool {
    let (road, body, kind) = (look.road, look.body, look.kind);
    let mut closed = false;
    for i in (1..items.len()).rev() {
        let (next, item) = (&items[i], &items[i - 1]);
        if item.link == NONE {
            items[i - 1].room = next.room;
            continue;
        }
        let link = road.facts.link(item.link);
        let can_leave = link.via == NONE || next.link == NONE || next.ask;
        let open = can_leave
            && (road.heads.state(item.link).has_priority()
                // The very next link is decided upon with this step's announcements.
                || i == 1
                || {
                    let ask = item.request(body, kind, body.impatience(kind), look.step.now, road.dt);
                    is_open(&road.facts, &road.heads, &road.approaches, &ask)
                });
        closed |= !open;
        let waits_inside = || i > 1 && items[i - 2].link != NONE && road.facts.link(items[i - 2].link).may_wait_inside;
        if ((link.may_wait_inside || open) && !item.standing) || (!open && waits_inside()) {
            items[i - 1].room = next.room;
        }
    }
    closed
}
