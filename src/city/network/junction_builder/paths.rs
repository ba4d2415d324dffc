//! The paths over a junction: their curves, the speed they are driven at, and where a left turn waits inside.
//!
//! Knows connections and right of way as a matrix; does not decide either.

use super::curves::{distance_between, far_apart, turning_path};
use super::shape::RoadShape;
use super::turns::Connection;
use crate::city::network::bare::BareMap;
use crate::primitives::{Polyline, Speed};

/// Lateral acceleration drivers accept in turns [m/s²]; SUMO's default for `junctions.limit-turn-speed`.
const LATERAL_ACCELERATION: f64 = 5.5;
/// Bends below this angle are driven without slowing down [rad]; SUMO's default for its minimum angle, 15°.
const BEND_MIN: f64 = 0.26;
/// Centre lines nearer than this share of the mean lane width belong to paths on which vehicles would touch.
const TOUCH_SHARE: f64 = 0.5;
/// What a waiting vehicle keeps free before the path it yields to, beyond half its lane [m].
const WAITING_MARGIN: f64 = 0.3;
/// A waiting place nearer to the stop line than this is none [m].
const WAITING_MIN: f64 = 2.0;

/// A path across a junction.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Path {
    /// Its centre line.
    pub line: Polyline,
    /// Its speed limit.
    pub speed: Speed,
    /// Width of the lane it continues [m].
    pub width: f64,
}

/// The path of a connection.
pub(super) fn path(map: &BareMap, roads: &[RoadShape], connection: &Connection) -> Path {
    let (from, to) = (connection.from, connection.to);
    let (source, target) = (&roads[from.0].lanes[from.1], &roads[to.0].lanes[to.1]);
    let start = source.points()[source.points().len() - 1];
    let line = turning_path(start, source.direction_at(source.length()), target.points()[0], target.direction_at(0.0));
    let mean = (map.roads[from.0].speed + map.roads[to.0].speed) / 2.0;
    let angle = connection.angle.abs();
    let speed = if angle > BEND_MIN {
        // An arc of this length and angle has the radius length/angle; v = sqrt(a·r).
        let radius = line.length() / angle;
        mean.min(Speed::metres_per_second((LATERAL_ACCELERATION * radius).sqrt().max(1.0)))
    } else {
        mean
    };
    Path { line, speed, width: map.roads[from.0].lanes[from.1].width.as_metres() }
}

/// Whether vehicles on two connections of a junction can meet: the paths end on one lane, cross, or come too near.
pub(super) fn meet(a: (&Connection, &Path), b: (&Connection, &Path)) -> bool {
    if a.0.from == b.0.from {
        return false;
    }
    if a.0.to == b.0.to {
        return true;
    }
    let limit = TOUCH_SHARE * (a.1.width + b.1.width) / 2.0;
    if far_apart(&a.1.line, &b.1.line, limit) {
        return false;
    }
    if a.1.line.crossing(&b.1.line).is_some() {
        return true;
    }
    a.0.approach != b.0.approach && distance_between(&a.1.line, &b.1.line) < limit
}

/// How far along its path a turn can wait for the paths it yields to, if there is room to wait inside the junction [m].
pub(super) fn waiting_place(own: &Path, oncoming: &[&Path]) -> Option<f64> {
    let mut first = f64::INFINITY;
    for foe in oncoming {
        let reach = foe.width / 2.0 + WAITING_MARGIN;
        let mut along = 0.0;
        let mut at = 0.0;
        // Where the path first comes within reach of the other one, half a metre at a time.
        while along < own.line.length() {
            if foe.line.nearest(own.line.point_at(along)).1 < reach {
                break;
            }
            at = along;
            along += 0.5;
        }
        first = first.min(at);
    }
    (first.is_finite() && first >= WAITING_MIN && first < own.line.length() - 1.0).then_some(first)
}
