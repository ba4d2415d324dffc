//! The bumper rule: a body that would have driven into the one ahead is held back behind it.
//!
//! Safe speeds assume that a leader brakes no harder than comfortably. Where it had to brake in an emergency, its follower
//! does too: it covers less of its way in the step, and each such braking is counted.

use super::road::Road;

/// Holds back whoever would overlap; tells how many there were.
pub(crate) fn hold_back(road: &mut Road) -> u32 {
    let mut held = 0;
    for k in 0..road.active.len() {
        let lane = road.active[k];
        let front = road.lanes[lane as usize].len() - 1;
        let own = road.lanes[lane as usize][front].id;
        let mut limit =
            road.tails[lane as usize].iter().filter(|t| t.id != own).map(|t| t.back).fold(f64::INFINITY, f64::min);
        for slot in (0..=front).rev() {
            let dt = road.dt;
            let body = &mut road.lanes[lane as usize][slot];
            let moved = body.speed * dt;
            // Not farther back than where it was: it never drives backwards, and never leaves its lane.
            let back = (body.pos - limit).min(moved).min(body.pos);
            if back > 0.0 {
                body.pos -= back;
                body.travelled -= back;
                let speed = body.speed - back / dt;
                body.accel -= (body.speed - speed) / dt;
                body.speed = speed.max(0.0);
                held += 1;
            }
            limit = body.pos - road.kinds[body.kind as usize].length;
        }
    }
    held
}
