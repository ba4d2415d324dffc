//! The last resort against gridlock: a vehicle stuck for too long is moved to the next road of its route with room.
//!
//! Every move is counted and shown in the validity flags; a sound run has none. (SUMO's teleports, which it takes the
//! default of 300 s from.)

use super::body::{Body, Halt};
use super::facts::NONE;
use super::insertion::{fits, lay_tail};
use super::road::Road;

/// Takes off the road whoever is stuck at the front of a lane; returns them in lane order.
pub(crate) fn lift(road: &mut Road, after: f64) -> Vec<Body> {
    let mut lifted = Vec::new();
    for k in 0..road.active.len() {
        let lane = road.active[k];
        let stuck = road.lanes[lane as usize]
            .last()
            .is_some_and(|b| b.waiting > after && !b.is_standing() && b.halt != Halt::Standing);
        if stuck && let Some(body) = road.lanes[lane as usize].pop() {
            lifted.push(body);
        }
    }
    lifted
}

/// Puts a lifted body down on the first road ahead with room; gives it back where there is none now.
///
/// On the last road of its route it is put down at the latest there.
pub(crate) fn put_down(road: &mut Road, mut body: Body) -> Option<Body> {
    let legs = road.guides.edges(body.itinerary).len();
    let first = (body.leg as usize + 1).min(legs - 1);
    for leg in first..legs {
        let edge = road.guides.edges(body.itinerary)[leg];
        let (first_lane, lanes) = road.facts.edges[edge as usize];
        for lane in first_lane..first_lane + lanes {
            let row = *road.guides.row(body.itinerary, leg as u32, lane - first_lane);
            if !row.allowed || (row.link == NONE && leg + 1 < legs) {
                continue;
            }
            let length = road.facts.lane(lane).length;
            body.leg = leg as u32;
            let wished = road.wished_speed(&body, lane);
            let pos = (road.kind(&body).length + 0.1).min(length);
            if let Some(speed) = fits(road, lane, &body, pos, wished, false) {
                place(road, body, lane, leg as u32, pos, speed);
                return None;
            }
        }
        // Nobody is put down beyond an incident they cannot drive past.
        if road.is_closed_to(&body, edge) {
            break;
        }
        // One road farther each time it does not fit, but not past the next planned stop.
        let stops = road.guides.stops(body.id);
        if body.halt == Halt::Ahead && stops.get(body.next_stop as usize).is_some_and(|s| s.leg as usize <= leg) {
            break;
        }
    }
    body.leg = (first as u32).saturating_sub(1);
    Some(body)
}

fn place(road: &mut Road, mut body: Body, lane: u32, leg: u32, pos: f64, speed: f64) {
    body.leg = leg;
    body.pos = pos;
    body.speed = speed;
    body.waiting = 0.0;
    lay_tail(road, lane, &mut body);
    body.entered_junction = f64::INFINITY;
    body.entered_first = f64::INFINITY;
    body.entered_conflict = f64::INFINITY;
    // A stop passed over on the way can no longer be served.
    while road.guides.stops(body.id).get(body.next_stop as usize).is_some_and(|s| s.leg < leg) {
        body.next_stop += 1;
    }
    if body.halt == Halt::Ahead && road.guides.stops(body.id).len() <= body.next_stop as usize {
        body.halt = Halt::None;
    }
    road.insert(lane, body);
}
