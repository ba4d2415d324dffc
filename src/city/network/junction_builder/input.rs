//! What a bare map must be before junctions can be built from it; every fault is named, not only the first.
//!
//! Geometry that is merely ugly (short roads, acute angles) is no fault: the builder has to cope with it.

use std::collections::BTreeSet;

use crate::city::network::bare::{BareMap, BareRoad};
use crate::primitives::text::{Findings, Place, Problem};

/// No map is larger than this [m]; beyond it, centimetres drown in the arithmetic.
const COORDINATE_MAX: f64 = 1.0e8;
/// The most lanes of a road.
const LANES_MAX: usize = 32;
/// The widest lane [m].
const LANE_WIDTH_MAX: f64 = 30.0;
/// The highest speed limit [m/s].
const SPEED_MAX: f64 = 150.0;
/// A road shorter than this is a mistake [m].
const LENGTH_MIN: f64 = 0.1;

/// Everything wrong with the map.
pub(super) fn faults(map: &BareMap) -> Findings {
    let mut findings = Findings::default();
    let mut complain = |message: String, help: Option<&str>| {
        let problem = Problem::new(Place::file("bare map"), message);
        findings.problem(match help {
            Some(help) => problem.help(help),
            None => problem,
        });
    };
    let mut names = BTreeSet::new();
    for node in &map.nodes {
        if !names.insert(node.name.as_str()) {
            complain(format!("two nodes are called `{}`", node.name), Some("give each node its own id"));
        }
        if !(node.position.x.abs() < COORDINATE_MAX && node.position.y.abs() < COORDINATE_MAX) {
            complain(format!("node `{}` lies outside of any map, at {}", node.name, node.position), None);
        }
    }
    let mut names = BTreeSet::new();
    for road in &map.roads {
        if !names.insert(road.name.as_str()) {
            complain(format!("two roads are called `{}`", road.name), Some("give each road its own id"));
        }
        for (fault, help) in faults_of(road, map.nodes.len()) {
            complain(format!("road `{}` {fault}", road.name), help);
        }
    }
    for &(from, to) in &map.turn_bans {
        match (map.roads.get(from), map.roads.get(to)) {
            (Some(a), Some(b)) if a.to == b.from => {}
            (Some(a), Some(b)) => complain(
                format!("a turn is banned from road `{}` to road `{}`, which do not meet", a.name, b.name),
                Some("remove the ban"),
            ),
            _ => complain(format!("a turn ban names road number {from} or {to}, and there is none"), None),
        }
    }
    findings
}

fn faults_of(road: &BareRoad, nodes: usize) -> Vec<(String, Option<&'static str>)> {
    let mut faults = Vec::new();
    if road.name.is_empty() || road.name.starts_with(':') {
        faults.push((
            "has a name that is kept for paths across junctions".to_owned(),
            Some("a road's name must not be empty or begin with a colon"),
        ));
    }
    for (end, node) in [("begins", road.from), ("ends", road.to)] {
        if node >= nodes {
            faults.push((format!("{end} at node number {node}, and there is none"), None));
        }
    }
    if road.lanes.is_empty() {
        faults.push(("has no lanes".to_owned(), Some("give it at least one")));
    }
    if road.lanes.len() > LANES_MAX {
        faults.push((format!("has {} lanes, more than {LANES_MAX}", road.lanes.len()), None));
    }
    for (index, lane) in road.lanes.iter().enumerate() {
        let width = lane.width.as_metres();
        if !(width > 0.0 && width <= LANE_WIDTH_MAX) {
            faults.push((format!("has a lane {index} that is {width} m wide"), Some("3.2 m is usual")));
        }
    }
    let speed = road.speed.as_metres_per_second();
    if !(speed > 0.0 && speed <= SPEED_MAX) {
        faults.push((format!("has a speed limit of {speed} m/s"), None));
    }
    let points = road.line.points();
    if points.iter().any(|point| !(point.x.abs() < COORDINATE_MAX && point.y.abs() < COORDINATE_MAX)) {
        faults.push(("runs outside of any map".to_owned(), None));
    } else if road.line.length() < LENGTH_MIN {
        faults.push(("has no length".to_owned(), Some("join its two nodes")));
    }
    faults
}
