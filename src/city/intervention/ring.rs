//! A roundabout in the place of a junction: a ring of one lane around it that every arm enters and leaves at a node of its own.
//!
//! One drives round the ring against the clock, with it where traffic keeps to the left; the ring has the right of way.

use std::f64::consts::{PI, TAU};

use crate::city::network::bare::{BareControl, BareLane, BareMap, BareNode, BareRoad};
use crate::primitives::{ClassSet, Distance, Point, Polyline, Speed, VehicleClass};

/// Arms nearer to each other than this enter the ring at the same node [rad].
const SAME_ARM: f64 = 0.5;
/// What has to be left of an arm [m].
const REST: f64 = 12.0;
/// The angle between points of the ring's line [rad]: 15°.
const FINELY: f64 = PI / 12.0;
/// Limit on the ring [km/h].
const LIMIT: f64 = 30.0;
/// Width of its lane [m].
const WIDTH: f64 = 4.5;

/// Why it cannot be built, and what to do.
type Refusal = (String, String);

/// Puts a ring in the place of a node; tells how many arms it has.
pub(super) fn replace(map: &mut BareMap, node: usize, radius: f64) -> Result<usize, Refusal> {
    let (centre, name) = (map.nodes[node].position, map.nodes[node].name.clone());
    let ends: Vec<(usize, bool)> = (0..map.roads.len())
        .flat_map(|road| [(road, true), (road, false)])
        .filter(|&(road, starts)| (if starts { map.roads[road].from } else { map.roads[road].to }) == node)
        .collect();
    if let Some(&(road, _)) = ends.iter().find(|&&(road, _)| map.roads[road].from == map.roads[road].to) {
        return Err((
            format!("`{}` begins and ends at `{name}`", map.roads[road].name),
            "choose another junction".to_owned(),
        ));
    }
    let trimmed = trimmed(map, &ends, centre, radius)?;
    let arms = arms(trimmed.iter().map(|one| one.3).collect());
    if arms.len() < 3 {
        return Err((format!("`{name}` has {} arms", arms.len()), "a roundabout needs three".to_owned()));
    }
    let on_ring = |angle: f64| Point::new(centre.x + radius * libm::cos(angle), centre.y + radius * libm::sin(angle));
    let mut ring_nodes = Vec::new();
    for (number, &angle) in arms.iter().enumerate() {
        let built = BareNode {
            name: format!("{name}.ring{number}"),
            position: on_ring(angle),
            control: BareControl::Roundabout,
        };
        if number == 0 {
            // The first takes the old one's place in the list, so that no other moves.
            map.nodes[node] = built;
            ring_nodes.push(node);
        } else {
            ring_nodes.push(map.nodes.len());
            map.nodes.push(built);
        }
    }
    map.turn_bans.retain(|(from, to)| !(ends.contains(&(*from, false)) && ends.contains(&(*to, true))));
    for (road, starts, rest, angle) in trimmed {
        let arm = nearest(&arms, angle);
        let (place, at) = (on_ring(arms[arm]), ring_nodes[arm]);
        let mut points = rest.points().to_vec();
        let last = points.len() - 1;
        points[if starts { 0 } else { last }] = place;
        let road = &mut map.roads[road];
        road.line = Polyline::new(points);
        *(if starts { &mut road.from } else { &mut road.to }) = at;
    }
    let priority = ends.iter().map(|&(road, _)| map.roads[road].priority).max().unwrap_or(0);
    for from in 0..arms.len() {
        let to = if map.left_hand { (from + arms.len() - 1) % arms.len() } else { (from + 1) % arms.len() };
        let turn = if map.left_hand {
            -(arms[from] - arms[to]).rem_euclid(TAU)
        } else {
            (arms[to] - arms[from]).rem_euclid(TAU)
        };
        map.roads.push(BareRoad {
            name: format!("{name}.ring{from}"),
            street: None,
            from: ring_nodes[from],
            to: ring_nodes[to],
            line: arc(arms[from], turn, on_ring),
            centred: true,
            lanes: vec![BareLane { width: Distance::metres(WIDTH), allowed: everybody_on_wheels() }],
            speed: Speed::kilometres_per_hour(LIMIT),
            priority,
            road_type: Some("roundabout".to_owned()),
        });
    }
    Ok(arms.len())
}

/// The roads that end there, cut off at the ring: which, whether it begins there, its line, and the direction of its mouth [rad].
type Trimmed = Vec<(usize, bool, Polyline, f64)>;

/// Cuts roads off at the ring.
fn trimmed(map: &BareMap, ends: &[(usize, bool)], centre: Point, radius: f64) -> Result<Trimmed, Refusal> {
    let mut trimmed: Trimmed = Vec::new();
    for &(road, starts) in ends {
        let line = &map.roads[road].line;
        let Some(rest) = outside(line, starts, centre, radius).filter(|rest| rest.length() >= REST) else {
            let message = format!("`{}` is too short for a ring of {radius:.0} m", map.roads[road].name);
            return Err((message, "choose a smaller `radius`, or another junction".to_owned()));
        };
        let mouth = if starts { rest.points().first() } else { rest.points().last() };
        let mouth = mouth.copied().unwrap_or(centre);
        trimmed.push((road, starts, rest, libm::atan2(mouth.y - centre.y, mouth.x - centre.x)));
    }
    Ok(trimmed)
}

fn everybody_on_wheels() -> ClassSet {
    let on_foot = ClassSet::of(&[VehicleClass::Pedestrian, VehicleClass::Wheelchair]);
    let off_road: Vec<VehicleClass> = VehicleClass::ALL.iter().copied().filter(|class| class.is_off_road()).collect();
    on_foot.union(ClassSet::of(&off_road)).complement()
}

fn arc(from: f64, turn: f64, on_ring: impl Fn(f64) -> Point) -> Polyline {
    let pieces = (turn.abs() / FINELY).ceil().max(2.0);
    let mut points = Vec::new();
    let mut at = 0.0;
    while at <= pieces {
        points.push(on_ring(from + turn * at / pieces));
        at += 1.0;
    }
    Polyline::new(points)
}

/// The part of a line outside a circle around its end.
fn outside(line: &Polyline, starts: bool, centre: Point, radius: f64) -> Option<Polyline> {
    let mut points = line.points().to_vec();
    if !starts {
        points.reverse();
    }
    let away = |point: &Point| libm::hypot(point.x - centre.x, point.y - centre.y);
    let beyond = points.iter().position(|point| away(point) > radius)?;
    if beyond == 0 {
        return None;
    }
    let (near, far) = (points[beyond - 1], points[beyond]);
    // Where the piece leaves the circle, by halving: it is inside at one end and outside at the other.
    let (mut inside, mut out) = (0.0, 1.0);
    for _ in 0..50 {
        let middle = 0.5 * (inside + out);
        let point = Point::new(near.x + (far.x - near.x) * middle, near.y + (far.y - near.y) * middle);
        if away(&point) > radius { out = middle } else { inside = middle }
    }
    let mouth = Point::new(near.x + (far.x - near.x) * out, near.y + (far.y - near.y) * out);
    let mut rest = vec![mouth];
    rest.extend_from_slice(&points[beyond..]);
    if !starts {
        rest.reverse();
    }
    Some(Polyline::new(rest))
}

/// The directions of the arms, against the clock from the first after west; those near each other are one.
fn arms(mut angles: Vec<f64>) -> Vec<f64> {
    angles.sort_by(f64::total_cmp);
    let mut arms: Vec<f64> = Vec::new();
    for angle in angles {
        let near = |other: &f64| (angle - other).rem_euclid(TAU).min((other - angle).rem_euclid(TAU)) < SAME_ARM;
        if !arms.iter().any(near) {
            arms.push(angle);
        }
    }
    arms
}

fn nearest(arms: &[f64], angle: f64) -> usize {
    let away = |arm: &f64| (angle - arm).rem_euclid(TAU).min((arm - angle).rem_euclid(TAU));
    let mut best = 0;
    for (number, arm) in arms.iter().enumerate() {
        if away(arm) < away(&arms[best]) {
            best = number;
        }
    }
    best
}
