//! The bumper rule: a body that would have driven into the one ahead is held back behind it.
//!
//! Safe speeds assume that a leader brakes no harder than comfortably. Where it had to brake in an emergency, its follower
//! does too: it covers less of its way in the step, and each such braking is counted.

use super::body::Body;
use super::road::Road;

/// Holds back whoever would overlap; tells how many there were.
pub(crate) fn hold_back(road: &mut Road) -> u32 {
    let Road { lanes, tails, kinds, active, dt, .. } = road;
    let mut held = 0;
    for &lane in &*active {
        let bodies = &mut lanes[lane as usize];
        let mut limit = f64::INFINITY;
        if tails.has(lane)
            && let Some(front) = bodies.last()
        {
            let others = tails[lane as usize].iter().filter(|tail| tail.id != front.id);
            limit = others.map(|tail| tail.back).fold(f64::INFINITY, f64::min);
        }
        for body in bodies.iter_mut().rev() {
            if body.pos > limit {
                held += u32::from(push_back(body, limit, *dt));
            }
            limit = body.pos - kinds[body.kind as usize].length;
        }
    }
    held
}

/// Puts a body back to `limit` as far as that is possible; false where it is not.
fn push_back(body: &mut Body, limit: f64, dt: f64) -> bool {
    let moved = body.speed * dt;
    // Not farther back than where it was: it never drives backwards, and never leaves its lane.
    let back = (body.pos - limit).min(moved).min(body.pos);
    if back <= 0.0 {
        return false;
    }
    body.pos -= back;
    body.travelled -= back;
    let speed = body.speed - back / dt;
    body.accel -= (body.speed - speed) / dt;
    body.speed = speed.max(0.0);
    true
}
