//! What a roundabout ahead adds to the worth of lanes: its inner lane carries its share only if drivers take it on the way in.
//!
//! After SUMO's LC2013 the distance in the ring counts several times over while the inner way is the emptier one, so that
//! nobody feels pressed towards the exit's lane too early; a driver who takes the next exit gets nothing.

use crate::simulation::traffic::facts::NONE;

use super::motive::Driver;
use super::surroundings::room_on;

/// How far ahead a roundabout is seen [m].
const SEEN: f64 = 300.0;
/// Room that makes the inner way worth it at equal occupancy, for each edge of the ring [m]: one vehicle.
const PLACE: f64 = 7.5;
/// How many times over the distance in the ring counts on an empty inner way.
const WEIGHT: f64 = 9.0;

/// A way through a ring.
#[derive(Debug, Default, Clone, Copy)]
struct Through {
    /// Lanes of the way up to where it leaves the ring, or ends.
    lanes: usize,
    /// Those on the ring.
    on_ring: usize,
    /// Length on the ring, with the paths over its junctions [m].
    distance: f64,
    /// Room taken up ahead [m].
    occupied: f64,
    /// Whether the way leads out of the ring again.
    leaves: bool,
    /// Whether it is too far away.
    far: bool,
}

/// What the roundabout ahead adds to the lengths of the lanes [m]; `inner` is the one farther from the kerb of the two looked
/// at, `best` the best for the route.
pub(super) fn bonus(driver: &Driver<'_>, inner: usize, best: usize) -> f64 {
    let best = through(driver, best);
    if best.on_ring < 2 || best.far {
        return 0.0;
    }
    let inner = through(driver, inner);
    let needed = if best.leaves { best.lanes - 1 } else { best.lanes };
    if inner.lanes < needed {
        // The inner lane does not lead as far as the exit.
        return 0.0;
    }
    let most = best.occupied.max(inner.occupied);
    if most <= 0.0 {
        return 0.0;
    }
    let places = best.on_ring as f64 * PLACE;
    let relative = (best.occupied - inner.occupied + places) / (most + places);
    best.distance * relative.max(0.0) * driver.kind.lc_cooperative * WEIGHT
}

fn through(driver: &Driver<'_>, index: usize) -> Through {
    let (edge, body) = (driver.edge, driver.body);
    let (road, around) = (edge.road, edge.around);
    let mut way = Through::default();
    let mut seen = -body.pos;
    let mut entered = false;
    let (mut lane, mut later) = (edge.first + index as u32, 0);
    loop {
        let facts = road.facts.lane(lane);
        let ring = road.facts.ring[facts.edge as usize];
        way.lanes += 1;
        if seen > SEEN {
            way.far = true;
            return way;
        }
        if entered && !ring {
            way.leaves = true;
            return way;
        }
        let share = if later == 0 { (facts.length - body.pos) / facts.length } else { 1.0 };
        way.occupied += share * around.room(lane);
        if ring {
            entered = true;
            way.on_ring += 1;
            way.distance += facts.length;
        }
        seen += facts.length;
        let row = driver.way.row(later, facts.index);
        if row.link == NONE {
            return way;
        }
        let link = road.facts.link(row.link);
        lane = link.to;
        later += 1;
        if link.via != NONE {
            way.occupied += room_on(road, link.via);
            if road.facts.ring[road.facts.lane(lane).edge as usize] {
                way.distance += link.length;
            }
        }
    }
}
