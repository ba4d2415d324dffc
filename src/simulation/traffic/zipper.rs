//! Zipping: how fast a driver goes whose lane and another become one without either having priority.
//!
//! From where both see each other, whoever arrives later opens a gap for the other one, gently at first, so that by the time the
//! other reaches the merge the driver simply follows it. (The zipper rule of SUMO's link model.) Who is ahead is judged by the
//! announcements alone; nothing is agreed between drivers.

use super::approach::{Approach, Request, is_blocked_by, leave_time};
use super::body::Body;
use super::following::{EPS, brake_gap, speed_after};
use super::heads::LinkState;
use super::item::PlanItem;
use super::road::Road;

/// How long before the merge the driver begins to exchange gentle gap opening for plain following [s].
const CLOSING_IN: f64 = 10.0;

/// The driver's speed before a link that is not simply open [m/s].
#[inline(never)]
pub(crate) fn speed(road: &Road, lane: u32, body: &Body, item: &PlanItem, ask: &Request<'_>) -> f64 {
    let (link, kind) = (road.facts.link(item.link), ask.kind);
    if item.distance > link.visibility.max(brake_gap(body.speed, kind.decel, 0.0, road.dt)) {
        return item.speed_pass;
    }
    let leave = leave_time(ask.arrival, ask.arrival_speed, ask.leave_speed, link.length, kind.length);
    let mut speed = item.speed_pass;
    for &foe_link in road.facts.yields(link) {
        let from = road.facts.link(foe_link).from;
        let merges = road.facts.link(foe_link).to == link.to;
        for foe in road.approaches.at(foe_link) {
            let tie = foe.arrival == ask.arrival && foe.distance == item.distance && lane < from;
            if foe.vehicle == body.id
                || !is_blocked_by(ask, leave, foe, merges, LinkState::Zipper)
                || tie
                || goes_behind(body, item, ask, foe)
            {
                continue;
            }
            speed = speed.min(gap_opening(road, lane, body, item, foe, from));
        }
    }
    speed
}

/// Whether the other one goes behind the driver: it arrives later, or can easily brake for the driver.
fn goes_behind(body: &Body, item: &PlanItem, ask: &Request<'_>, foe: &Approach) -> bool {
    let follows = can_follow((item.distance, body.speed, ask.kind.decel), (foe.distance, foe.speed));
    let foe_follows = can_follow((foe.distance, foe.speed, foe.decel), (item.distance, body.speed));
    (foe.arrival > ask.arrival && !follows) || foe_follows
}

/// Whether one (distance, speed, deceleration) is behind another (distance, speed) and could stay so by braking for a second.
fn can_follow((distance, speed, decel): (f64, f64, f64), (ahead, speed_ahead): (f64, f64)) -> bool {
    distance > ahead && distance - ahead > speed - decel - speed_ahead
}

/// The speed that opens a safe gap behind the other one by the time it reaches the merge [m/s].
fn gap_opening(road: &Road, lane: u32, body: &Body, item: &PlanItem, foe: &Approach, foe_lane: u32) -> f64 {
    let (kind, foe_kind, dt) = (road.kind(body), &road.kinds[foe.kind as usize], road.dt);
    let steps = |time: f64| ((time / dt).ceil() * dt).max(1.0);
    // The other one's announced speed may be that of a queue which is just dissolving, so it is taken to speed up.
    let foe_limit = (road.facts.lane(foe_lane).speed * f64::from(foe.speed_factor)).min(foe_kind.speed_max);
    let foe_end = foe_limit.min(speed_after(foe.distance, foe.speed, foe_kind.accel));
    let foe_mean = 0.5 * (foe.speed + foe_end);
    let foe_time = steps(foe.distance / foe_mean.max(EPS));
    let end = road.wished_speed(body, lane).min(speed_after(item.distance, body.speed, kind.accel));
    let mean = 0.5 * (body.speed + end);
    let time = steps(item.distance / mean.max(EPS));
    let gap = item.distance - foe_kind.length - kind.gap_min - foe.distance;
    let wanted = kind.secure_gap(end, foe_end, foe.decel, dt);
    let missing = gap + foe_time * foe_mean - wanted - mean * foe_time;
    let opening = body.speed + 2.0 * missing / (foe_time * foe_time) * dt;
    let following = kind.follow_speed(body.speed, gap, foe.speed, foe.decel, dt);
    let gentle = (time / CLOSING_IN).min(1.0);
    let decel = gentle * kind.decel + (1.0 - gentle) * kind.decel_emergency;
    following.max(body.speed - decel * dt).max(gentle * opening + (1.0 - gentle) * following)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of two who come alongside each other neither is simply behind; with a clear lead, one is.
    #[test]
    fn a_clear_lead_decides_who_follows() {
        for (own, other, expected) in [
            ((50.0, 13.0, 4.5), (50.0, 13.0), false),
            ((50.0, 13.0, 4.5), (49.0, 13.0), true),
            ((50.0, 13.0, 4.5), (49.0, 2.0), false),
            ((40.0, 13.0, 4.5), (50.0, 13.0), false),
        ] {
            assert_eq!(can_follow(own, other), expected, "{own:?} behind {other:?}");
        }
    }
}
