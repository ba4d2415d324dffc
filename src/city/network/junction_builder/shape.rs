//! Where roads end and junctions begin: legs of a node, how far each is cut back, lane shapes and the junction's outline.
//!
//! A leg is a street as it leaves a node: the road that comes in, the road that goes out, or both. Two neighbouring legs
//! must not overlap where their lanes end, and the kerb between them needs a radius that a car can follow.
//! Knows nothing of who may turn where.

use std::f64::consts::PI;

use nalgebra::Vector2;

use super::curves::{self, extended_back, part, rays_meet, reversed, right_of, turning, without_repeats};
use crate::city::network::bare::{BareMap, BareRoad};
use crate::primitives::{Distance, Point, Polyline};

/// Radius of the kerb between two legs [m]; with half a lane more, cars turn at about 20 km/h.
const KERB_RADIUS: f64 = 4.0;
/// The longest cut where two legs run side by side at an acute angle [m].
const CUT_MAX: f64 = 30.0;
/// The shortest cut, so that a path across the junction has a length [m].
const CUT_MIN: f64 = 1.0;
/// What is left of a road, at least, if it is long enough [m].
const REMAINDER: f64 = 5.0;
/// Of a shorter road, this share is left.
const REMAINDER_SHARE: f64 = 0.4;
/// A leg's direction is taken over this distance from the node [m].
const CHORD: f64 = 15.0;
/// A line that ends farther from its node than this belongs to a junction of several meeting points [m].
const APART_MIN: f64 = 0.5;
/// A leg that has turned by more than this has bent away from its corner [cosine of 100°].
const BENT_COSINE: f64 = -0.17;
/// Borders are extended behind the node by this much to find where they cross [m].
const BEHIND: f64 = 40.0;

/// A street as it leaves a node.
#[derive(Debug, Clone)]
pub(super) struct Leg {
    /// The road that comes in, by position in the map.
    pub incoming: Option<usize>,
    /// The road that goes out.
    pub outgoing: Option<usize>,
    /// Direction out of the node, as a unit vector.
    pub direction: Vector2<f64>,
    /// Line out of the node.
    line: Polyline,
    /// Where the borders lie to the right of the line, looking out of the node [m].
    left: f64,
    right: f64,
    /// How far the leg is cut back [m].
    cut: f64,
}

/// A road as it will be: cut back at both ends, with its lanes.
#[derive(Debug, Clone)]
pub(super) struct RoadShape {
    /// Centre lines of the lanes, from the kerb.
    pub lanes: Vec<Polyline>,
    /// Length that counts for every lane [m].
    pub length: Distance,
    /// Left and right border where it begins, and where it ends.
    start: (Point, Point),
    end: (Point, Point),
}

impl RoadShape {
    /// Direction in which traffic arrives at the end, as a unit vector.
    pub(super) fn direction_end(&self) -> Vector2<f64> {
        let lane = &self.lanes[self.lanes.len() - 1];
        lane.direction_at(lane.length())
    }

    /// Direction in which traffic starts, as a unit vector.
    pub(super) fn direction_start(&self) -> Vector2<f64> {
        self.lanes[self.lanes.len() - 1].direction_at(0.0)
    }
}

/// Legs of every node in clockwise order, and the shape of every road.
pub(super) fn lay_out(map: &BareMap) -> (Vec<Vec<Leg>>, Vec<RoadShape>) {
    let lines: Vec<Polyline> = map.roads.iter().map(|road| without_repeats(&road.line)).collect();
    let mut at_node: Vec<(Vec<usize>, Vec<usize>)> = vec![(Vec::new(), Vec::new()); map.nodes.len()];
    for (index, road) in map.roads.iter().enumerate() {
        at_node[road.to].0.push(index);
        at_node[road.from].1.push(index);
    }
    let mut cuts = vec![(0.0, 0.0); map.roads.len()];
    let mut legs = Vec::with_capacity(map.nodes.len());
    for (incoming, outgoing) in &at_node {
        let mut around = legs_of(map, map.nodes[legs.len()].position, &lines, (incoming, outgoing));
        cut_back(&mut around);
        for leg in &around {
            if let Some(road) = leg.incoming {
                cuts[road].1 = leg.cut;
            }
            if let Some(road) = leg.outgoing {
                cuts[road].0 = leg.cut;
            }
        }
        legs.push(around);
    }
    let shapes =
        map.roads.iter().zip(&lines).zip(cuts).map(|((road, line), cut)| road_shape(road, line, cut)).collect();
    (legs, shapes)
}

/// Distance from the line to the border: left and right of the direction of travel, both counted to the right [m].
fn borders(road: &BareRoad) -> (f64, f64) {
    let width: f64 = road.lanes.iter().map(|lane| lane.width.as_metres()).sum();
    if road.centred { (-width / 2.0, width / 2.0) } else { (0.0, width) }
}

fn legs_of(map: &BareMap, middle: Point, lines: &[Polyline], (incoming, outgoing): (&[usize], &[usize])) -> Vec<Leg> {
    let leg = |road: usize, comes_in: bool| {
        let line = if comes_in { reversed(&lines[road]) } else { lines[road].clone() };
        let chord = line.point_at(CHORD) - line.points()[0];
        let direction = if chord.norm() > 0.1 { chord.normalize() } else { line.direction_at(0.0) };
        let (left, right) = borders(&map.roads[road]);
        let (left, right) = if comes_in { (-right, -left) } else { (left, right) };
        let (incoming, outgoing) = if comes_in { (Some(road), None) } else { (None, Some(road)) };
        Leg { incoming, outgoing, direction, line, left, right, cut: 0.0 }
    };
    let mut legs: Vec<Leg> = incoming.iter().map(|&road| leg(road, true)).collect();
    for &road in outgoing {
        let out = leg(road, false);
        let twin = legs.iter_mut().filter(|other| {
            let Some(back) = other.incoming.filter(|&back| other.outgoing.is_none() && back != road) else {
                return false;
            };
            map.roads[back].from == map.roads[road].to
                && !map.roads[back].centred
                && !map.roads[road].centred
                && turning(other.direction, out.direction).abs() < 0.2
        });
        let twin = twin.min_by(|a, b| {
            turning(a.direction, out.direction).abs().total_cmp(&turning(b.direction, out.direction).abs())
        });
        match twin {
            Some(twin) => {
                twin.outgoing = Some(road);
                twin.left = twin.left.min(out.left);
                twin.right = twin.right.max(out.right);
            }
            None => legs.push(out),
        }
    }
    // Seen from the middle, so that of two parallel carriageways the one on the left comes first.
    let bearing = |leg: &Leg| {
        let apart = (leg.line.points()[0] - middle).norm() > APART_MIN;
        let towards = if apart { leg.line.point_at(CHORD) - middle } else { leg.direction };
        libm::atan2(towards.x, towards.y).rem_euclid(2.0 * PI)
    };
    legs.sort_by(|a, b| bearing(a).total_cmp(&bearing(b)));
    legs
}

/// Sets how far each leg of a node is cut back.
fn cut_back(legs: &mut [Leg]) {
    let count = legs.len();
    for leg in legs.iter_mut() {
        leg.cut = if count == 1 { 3.0 } else { CUT_MIN };
    }
    for a in 0..count {
        for b in 0..count {
            if a == b {
                continue;
            }
            let neighbours = (a + 1) % count == b;
            // Clockwise from a to b.
            let angle = (-turning(legs[a].direction, legs[b].direction)).rem_euclid(2.0 * PI);
            if angle < 1.7 || (neighbours && angle < PI - 0.02) {
                let (cut_a, cut_b) = corner(&legs[a], &legs[b], angle);
                legs[a].cut = legs[a].cut.max(cut_a.min(CUT_MAX));
                legs[b].cut = legs[b].cut.max(cut_b.min(CUT_MAX));
            }
        }
    }
}

/// How far two legs are cut so that the right border of `a` meets the left border of `b` in a rounded kerb [m].
fn corner(a: &Leg, b: &Leg, angle: f64) -> (f64, f64) {
    let near = |leg: &Leg| part(&leg.line, 0.0, leg.line.length().min(3.0 * CUT_MAX));
    let border_a = extended_back(&near(a), BEHIND).offset_right(a.right);
    let border_b = extended_back(&near(b), BEHIND).offset_right(b.left);
    let Some((along_a, along_b)) = border_a.crossing(&border_b) else { return (0.0, 0.0) };
    // Beyond half a turn of a bent leg, as on the far side of a small ring, the borders do not meet at this corner.
    let bent = |leg: &Leg, along: f64| {
        along > BEHIND && leg.line.direction_at(along - BEHIND).dot(&leg.direction) < BENT_COSINE
    };
    if bent(a, along_a) || bent(b, along_b) {
        return (0.0, 0.0);
    }
    let half = libm::tan(angle / 2.0);
    let rounding = (KERB_RADIUS / half).min(1.5 * KERB_RADIUS);
    // Two legs that almost continue each other: only a taper between their widths.
    let limit = if angle > 2.6 { 2.0 + (a.right + b.left).abs() } else { CUT_MAX };
    ((along_a - BEHIND + rounding).min(limit), (along_b - BEHIND + rounding).min(limit))
}

fn road_shape(road: &BareRoad, line: &Polyline, (mut start, mut end): (f64, f64)) -> RoadShape {
    let whole = line.length();
    let room = whole - REMAINDER.min(REMAINDER_SHARE * whole);
    if start + end > room {
        // The longer cut gives way first: a dead end or a taper needs less than it asked for.
        let half = room / 2.0;
        (start, end) = if start < half {
            (start, room - start)
        } else if end < half {
            (room - end, end)
        } else {
            (half, half)
        };
    }
    let axis = part(line, start, whole - end);
    let (left, right) = borders(road);
    let mut border = right;
    let mut lanes = Vec::with_capacity(road.lanes.len());
    for lane in &road.lanes {
        let width = lane.width.as_metres();
        lanes.push(curves::offset(&axis, border - width / 2.0));
        border -= width;
    }
    let total: f64 = lanes.iter().map(Polyline::length).sum();
    let length = total / f64::from(u32::try_from(lanes.len()).unwrap_or(1).max(1));
    let gate = |point: Point, direction: Vector2<f64>| {
        (point + right_of(direction) * left, point + right_of(direction) * right)
    };
    let points = axis.points();
    RoadShape {
        length: Distance::metres(length),
        start: gate(points[0], axis.direction_at(0.0)),
        end: gate(points[points.len() - 1], axis.direction_at(axis.length())),
        lanes,
    }
}

/// The outline of a junction, clockwise, with rounded kerbs.
pub(super) fn outline(legs: &[Leg], roads: &[RoadShape]) -> Vec<Point> {
    let gates: Vec<(Point, Point)> = legs
        .iter()
        .map(|leg| {
            // Looking out of the node, the left of a road that comes in is its right.
            let incoming = leg.incoming.map(|road| (roads[road].end.1, roads[road].end.0));
            let outgoing = leg.outgoing.map(|road| roads[road].start);
            match (incoming, outgoing) {
                (Some(a), Some(b)) => (a.0, b.1),
                (Some(gate), None) | (None, Some(gate)) => gate,
                (None, None) => (leg.line.points()[0], leg.line.points()[0]),
            }
        })
        .collect();
    let mut points = Vec::new();
    for (index, &(left, right)) in gates.iter().enumerate() {
        points.extend([left, right]);
        let next = (index + 1) % legs.len();
        let angle = (-turning(legs[index].direction, legs[next].direction)).rem_euclid(2.0 * PI);
        if index != next && (angle - PI).abs() > 0.35 {
            let (end, inward, inward_end) = (gates[next].0, -legs[index].direction, -legs[next].direction);
            if let Some((a, b)) = rays_meet(right, inward, end, inward_end)
                && (0.0..CUT_MAX).contains(&a)
                && (0.0..CUT_MAX).contains(&b)
            {
                points.extend(curves::rounded_corner(right, right + inward * a, end));
            }
        }
    }
    points
}
