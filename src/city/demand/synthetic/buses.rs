//! Bus lines on the network: stops at the kerb, the way from stop to stop, and a bus every headway.

use crate::city::network::Network;
use crate::city::network::places::{BusLine, Places, StopPlace};
use crate::city::routing::Router;
use crate::primitives::ids::{EdgeId, StopId};
use crate::primitives::random::Purpose;
use crate::primitives::text::{Findings, Place, Problem};
use crate::primitives::{Distance, SimDuration, Speed, VehicleClass};

use super::super::fleet::city_bus;
use super::super::model::{
    ArrivalSpeed, BusStop, Demand, DepartLane, DepartPosition, DepartSpeed, Departure, RouteChoice, Stop, Vehicle,
};
use super::gravity::find_edge;
use super::{SyntheticSpec, Writer};

/// Room a bus needs at a stop: its own length and a metre to spare [m].
const ROOM_MIN: f64 = 13.0;
/// How far a stop keeps from the stop line, so that a halting bus does not block the junction [m].
const CLEAR_OF_JUNCTION: f64 = 8.0;

/// A line on the network.
#[derive(Debug)]
pub(super) struct Line {
    name: String,
    edges: Vec<EdgeId>,
    stops: Vec<StopId>,
    headway: SimDuration,
}

/// Puts every stop at its kerb and finds every line's way.
pub(super) fn resolve(
    network: &Network,
    router: &Router,
    places: &Places,
    demand: &mut Demand,
    findings: &mut Findings,
) -> Vec<Line> {
    let mut edges: Vec<Option<EdgeId>> = Vec::new();
    for stop in &places.bus_stops {
        let edge = find_edge(network, &stop.at.road, &format!("bus stop {}", stop.name), findings);
        let built = edge.and_then(|edge| build_stop(network, edge, stop, findings));
        edges.push(edge.filter(|_| built.is_some()));
        if let Some(built) = built {
            demand.bus_stop_by_name.insert(built.name.clone(), StopId::new(demand.bus_stops.len()));
            demand.bus_stops.push(built);
        }
    }
    if demand.bus_stops.len() < places.bus_stops.len() {
        // Lines over stops that do not exist would only repeat the complaint.
        return Vec::new();
    }
    places.bus_lines.iter().filter_map(|line| resolve_line(network, router, line, &edges, findings)).collect()
}

fn build_stop(network: &Network, edge: EdgeId, stop: &StopPlace, findings: &mut Findings) -> Option<BusStop> {
    let mut complain = |message: &str| {
        let message = format!("bus stop {} on {}: {message}", stop.name, stop.at.road);
        findings.problem(Problem::new(Place::file("places of the map"), message));
    };
    let Some(lane) = network.edge(edge).lane_ids().find(|&l| network.lane(l).allowed.contains(VehicleClass::Bus))
    else {
        complain("no lane is for buses");
        return None;
    };
    let built = network.lane(lane);
    let (length, drawn) = (built.length.as_metres(), built.shape.length().max(1e-6));
    let along = built.shape.nearest(stop.at.point).0 * length / drawn;
    let latest = (length - CLEAR_OF_JUNCTION).max(length * 0.9);
    let end = along.clamp(stop.length.as_metres().min(latest), latest);
    let start = (end - stop.length.as_metres()).max(0.0);
    if end - start < ROOM_MIN {
        complain("there is no room for a bus");
        return None;
    }
    Some(BusStop { name: stop.id.clone(), lane, start: Distance::metres(start), end: Distance::metres(end) })
}

fn resolve_line(
    network: &Network,
    router: &Router,
    line: &BusLine,
    stops: &[Option<EdgeId>],
    findings: &mut Findings,
) -> Option<Line> {
    let whose = format!("bus line {}", line.name);
    let origin = find_edge(network, &line.origin, &whose, findings);
    let destination = find_edge(network, &line.destination, &whose, findings);
    let (origin, destination) = (origin?, destination?);
    let mut complain = |message: String| {
        findings.problem(Problem::new(Place::file("places of the map"), message));
    };
    if line.headway <= SimDuration::ZERO {
        complain(format!("{whose} has no headway"));
        return None;
    }
    let mut via: Vec<EdgeId> = line.stops.iter().filter_map(|&stop| stops.get(stop).copied().flatten()).collect();
    // A stop on the first road needs no way to it, and neither do two on the same road.
    via.dedup();
    via.retain(|edge| *edge != origin);
    if via.last() == Some(&destination) {
        via.pop();
    }
    let edges = router.shortest_via(origin, &via, destination, VehicleClass::Bus, city_bus().speed_max);
    if edges.is_none() {
        complain(format!("{whose} has no way along its stops"));
    }
    let stops = line.stops.iter().map(|&stop| StopId::new(stop)).collect();
    Some(Line { name: line.name.clone(), edges: edges?, stops, headway: line.headway })
}

/// A bus on every line each headway, the first at a chance moment within one.
pub(super) fn run(lines: &[Line], spec: &SyntheticSpec, writer: &mut Writer) {
    for (number, line) in (0_u64..).zip(lines) {
        let phase = spec.seed.stream(Purpose::FlowTime, number, 0).unit() * line.headway.as_seconds();
        let mut time = spec.begin + SimDuration::seconds(phase);
        let mut course = 1;
        while time < spec.begin + spec.duration {
            let route = writer.route(line.edges.clone());
            let stops =
                line.stops.iter().map(|&stop| halt(&writer.demand.bus_stops[stop.index()], stop, spec)).collect();
            writer.add(Vehicle {
                name: format!("bus-{}-{course:02}", line.name),
                kind: writer.bus(),
                route,
                choice: RouteChoice::Fixed,
                departure: Departure {
                    time,
                    lane: DepartLane::Best,
                    position: DepartPosition::Base,
                    speed: DepartSpeed::At(Speed::ZERO),
                },
                arrival_position: None,
                arrival_speed: ArrivalSpeed::Current,
                stops,
                line: Some(line.name.clone()),
            });
            time += line.headway;
            course += 1;
        }
    }
}

fn halt(stop: &BusStop, id: StopId, spec: &SyntheticSpec) -> Stop {
    Stop {
        lane: stop.lane,
        position: stop.end,
        start: stop.start,
        at: Some(id),
        duration: spec.dwell,
        until: None,
        parking: false,
    }
}
