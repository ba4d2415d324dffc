//! Builds junctions from a bare map: shapes, turns, paths, right of way and signals, gathered into a network.
//!
//! Each submodule answers one question about a node; this one asks them in order and writes the answers down as SUMO names
//! them. Left-hand traffic is built in a mirror: the map is flipped, built for the right hand, and flipped back.

mod arrows;
mod curves;
mod gather;
mod input;
mod paths;
mod right_of_way;
mod shape;
mod signals;
mod turns;

use super::assembly::{NetworkParts, RequestRow, assemble};
use super::bare::{BareControl, BareMap};
use super::model::{JunctionKind, Network, SignalProgram, Turn};
use crate::primitives::text::Findings;
use crate::primitives::{Point, Polyline};

use self::paths::Path;
use self::shape::{Leg, RoadShape};
use self::turns::Connection;

/// Builds the network of a map.
///
/// # Errors
/// Every fault of the map at once.
pub(super) fn build(map: &BareMap) -> Result<Network, Findings> {
    let findings = input::faults(map);
    if !findings.is_ok() {
        return Err(findings);
    }
    if map.left_hand {
        let mut network = assemble(parts(&mirrored(map)));
        mirror_back(&mut network);
        return Ok(network);
    }
    Ok(assemble(parts(map)))
}

/// Everything known about a junction before it is written down.
#[derive(Debug, Clone)]
struct JunctionPlan {
    kind: JunctionKind,
    outline: Vec<Point>,
    connections: Vec<Connection>,
    paths: Vec<Path>,
    /// Where each connection waits inside the junction, if it does.
    waiting: Vec<Option<Waiting>>,
    requests: Vec<RequestRow>,
    program: Option<SignalProgram>,
}

/// A waiting place inside a junction.
#[derive(Debug, Clone, PartialEq)]
struct Waiting {
    /// How far along the path it is [m].
    at: f64,
    /// The oncoming connections one waits for there.
    oncoming: Vec<usize>,
}

/// The parts of the network of a right-hand map without faults.
fn parts(map: &BareMap) -> NetworkParts {
    let (legs, roads) = shape::lay_out(map);
    let mut first_lanes = Vec::with_capacity(map.roads.len());
    let mut lanes = 0;
    for road in &map.roads {
        first_lanes.push(lanes);
        lanes += road.lanes.len();
    }
    let plans = legs.iter().enumerate().map(|(node, legs)| plan(map, &roads, node, legs, &first_lanes)).collect();
    gather::gather(map, &roads, &first_lanes, plans)
}

fn plan(map: &BareMap, roads: &[RoadShape], node: usize, legs: &[Leg], first_lanes: &[usize]) -> JunctionPlan {
    let connections = turns::connections(map, roads, legs);
    let paths: Vec<Path> = connections.iter().map(|connection| paths::path(map, roads, connection)).collect();
    let (approaches, mut kind) = right_of_way::approaches(map, roads, node, legs);
    let meets = |i: usize, j: usize| paths::meet((&connections[i], &paths[i]), (&connections[j], &paths[j]));
    let requests = right_of_way::requests(kind, &approaches, &connections, meets);
    let mut program = None;
    if connections.is_empty() || legs.len() < 2 {
        kind = JunctionKind::DeadEnd;
    } else if kind == JunctionKind::TrafficLight {
        let crossing = signals::Crossing {
            map,
            approaches: &approaches,
            connections: &connections,
            paths: &paths,
            requests: &requests,
        };
        program = signals::program(crossing, first_lanes, map.nodes[node].control == BareControl::ActuatedSignal);
        if program.is_none() {
            kind = JunctionKind::Priority;
        }
    } else if kind == JunctionKind::RightBeforeLeft
        && (legs.len() < 3 || requests.iter().all(|row| !row.foes.contains(&true)))
    {
        kind = JunctionKind::Priority;
    }
    let waiting = (0..connections.len())
        .map(|link| {
            let own = &connections[link];
            let approach = &approaches[own.approach];
            let inside = kind == JunctionKind::TrafficLight || (kind == JunctionKind::Priority && approach.major);
            if !inside || !matches!(own.turn, Turn::Left | Turn::SlightLeft) {
                return None;
            }
            let yielded = (0..connections.len()).filter(|&other| requests[link].response[other]);
            let oncoming: Vec<usize> =
                yielded.filter(|&other| approaches[connections[other].approach].faces(approach)).collect();
            let foes: Vec<&Path> = oncoming.iter().map(|&other| &paths[other]).collect();
            paths::waiting_place(&paths[link], &foes).map(|at| Waiting { at, oncoming })
        })
        .collect();
    let outline = shape::outline(legs, roads);
    JunctionPlan { kind, outline, connections, paths, waiting, requests, program }
}

fn flipped(point: Point) -> Point {
    Point::new(-point.x, point.y)
}

fn flipped_line(line: &Polyline) -> Polyline {
    Polyline::new(line.points().iter().copied().map(flipped).collect())
}

/// The map as seen in a mirror, where a left-hand city drives on the right.
fn mirrored(map: &BareMap) -> BareMap {
    let mut map = map.clone();
    for node in &mut map.nodes {
        node.position = flipped(node.position);
    }
    for road in &mut map.roads {
        road.line = flipped_line(&road.line);
    }
    for arrows in map.markings.arrows.values_mut() {
        *arrows = arrows.mirrored();
    }
    map
}

fn mirror_back(network: &mut Network) {
    for junction in &mut network.junctions {
        junction.position = flipped(junction.position);
        for point in &mut junction.shape {
            *point = flipped(*point);
        }
    }
    for lane in &mut network.lanes {
        lane.shape = flipped_line(&lane.shape);
        std::mem::swap(&mut lane.change_left, &mut lane.change_right);
    }
    for link in &mut network.links {
        link.turn = match link.turn {
            Turn::Left => Turn::Right,
            Turn::Right => Turn::Left,
            Turn::SlightLeft => Turn::SlightRight,
            Turn::SlightRight => Turn::SlightLeft,
            same @ (Turn::Straight | Turn::Back) => same,
        };
    }
}

#[cfg(test)]
mod tests;
