//! Bus lines: new ones, and other timetables of those there are.

use super::demand::{ADDED_MAX, Change};
use super::model::Written;
use crate::city::demand::fleet::city_bus;
use crate::city::demand::{
    ArrivalSpeed, DepartLane, DepartPosition, DepartSpeed, Departure, Route, RouteChoice, Stop, Vehicle,
};
use crate::city::network::Network;
use crate::city::routing::Router;
use crate::primitives::ids::{EdgeId, KindId, LaneId, RouteId};
use crate::primitives::text::{Problem, closest};
use crate::primitives::{Distance, SimDuration, SimTime, Speed, VehicleClass};

/// How long a place at the kerb is that a measure makes [m].
const ROOM: f64 = 14.0;
/// Of a street's pieces so many of the longest may get a stop.
const PIECES_MAX: usize = 4;
/// How far a bus stays clear of the junction ahead [m].
const CLEAR: f64 = 8.0;

/// Adds a line.
pub(super) fn add(
    change: &mut Change<'_>,
    line: &str,
    stops: &[Written],
    headway: SimDuration,
    dwell: SimDuration,
) -> Option<String> {
    if change.demand.vehicles.iter().any(|vehicle| vehicle.line.as_deref() == Some(line)) {
        change.wrong(format!("there is a bus line `{line}` already"), "use `change-bus-line`, or another name");
        return None;
    }
    let mut places: Vec<Vec<Stop>> = Vec::new();
    for stop in stops {
        places.push(candidates(change, stop, dwell)?);
    }
    let network = change.network;
    let bus = city_bus();
    let Some((halts, edges)) = quickest(network, &Router::new(network), &places, bus.speed_max) else {
        let message = format!("bus line `{line}` has no way along its stops");
        change.wrong(message, "put them on roads that buses can drive in this order");
        return None;
    };
    let known = change.demand.kinds.iter().position(|kind| kind.class == VehicleClass::Bus);
    let kind = KindId::new(known.unwrap_or(change.demand.kinds.len()));
    if known.is_none() {
        change.demand.kinds.push(bus);
    }
    let route = RouteId::new(change.demand.routes.len());
    change.demand.routes.push(Route { edges });
    let template = Vehicle {
        name: line.to_owned(),
        kind,
        route,
        choice: RouteChoice::Fixed,
        departure: Departure {
            time: change.span.0,
            lane: DepartLane::Best,
            position: DepartPosition::Base,
            speed: DepartSpeed::At(Speed::ZERO),
        },
        arrival_position: None,
        arrival_speed: ArrivalSpeed::Current,
        stops: halts,
        line: Some(line.to_owned()),
    };
    let (begin, end) = change.hours();
    let buses = run(change, &template, begin, end, headway);
    Some(format!("bus line `{line}`: {} stops, {buses} buses, one every {headway}", stops.len()))
}

/// Changes the timetable of a line.
pub(super) fn change(
    change: &mut Change<'_>,
    line: &Written,
    headway: Option<SimDuration>,
    dwell: Option<SimDuration>,
) -> Option<String> {
    let of_line = |vehicle: &Vehicle| vehicle.line.as_deref() == Some(line.text.as_str());
    let rows: Vec<usize> = (0..change.demand.vehicles.len())
        .filter(|&row| {
            of_line(&change.demand.vehicles[row]) && change.holds(change.demand.vehicles[row].departure.time)
        })
        .collect();
    let Some(&first) = rows.first() else {
        let names: std::collections::BTreeSet<&str> =
            change.demand.vehicles.iter().filter_map(|vehicle| vehicle.line.as_deref()).collect();
        let help = closest(&line.text, names.iter().copied()).map_or_else(
            || format!("there are {}", names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")),
            |like| format!("did you mean `{like}`?"),
        );
        let message = format!("no bus of a line `{}` sets out then", line.text);
        change.findings.problem(Problem::new(line.place.clone(), message).help(help));
        return None;
    };
    if let Some(dwell) = dwell {
        for &row in &rows {
            change.demand.vehicles[row].stops.iter_mut().for_each(|stop| stop.duration = dwell);
        }
    }
    let mut said = format!("bus line `{}`: {} buses", line.text, rows.len());
    if let Some(headway) = headway {
        let template = change.demand.vehicles[first].clone();
        let (_, end) = change.hours();
        for &row in &rows {
            change.demand.vehicles[row].departure.time = SimTime::MAX;
        }
        let buses = run(change, &template, template.departure.time, end, headway);
        said = format!("{said} become {buses}, one every {headway}");
    }
    Some(dwell.map_or(said.clone(), |dwell| format!("{said}, halting {dwell}")))
}

/// Lets buses like one set out from `begin` on; tells how many.
fn run(change: &mut Change<'_>, template: &Vehicle, begin: SimTime, end: SimTime, headway: SimDuration) -> usize {
    let mut time = begin;
    let mut buses = 0;
    while time < end && buses < ADDED_MAX {
        buses += 1;
        let mut bus = template.clone();
        bus.name = format!("{}-{}-{buses}", template.line.as_deref().unwrap_or("bus"), change.label);
        bus.departure.time = time;
        // Another timetable: what the old one said of the stops no longer holds.
        bus.stops.iter_mut().for_each(|stop| stop.until = None);
        change.demand.vehicles.push(bus);
        time += headway;
    }
    buses
}

/// The halts, one of each list, and the way along them that takes the least time on empty roads; none where no way leads along them.
fn quickest(
    network: &Network,
    router: &Router,
    places: &[Vec<Stop>],
    speed: Speed,
) -> Option<(Vec<Stop>, Vec<EdgeId>)> {
    let (class, edge) = (VehicleClass::Bus, |stop: &Stop| network.lane(stop.lane).edge);
    let first = places.first()?.iter().map(|stop| (vec![*stop], vec![edge(stop)], 0.0));
    let mut best: Vec<(Vec<Stop>, Vec<EdgeId>, f64)> = first.collect();
    for stops in &places[1..] {
        let mut next = Vec::new();
        for stop in stops {
            let reached = best.iter().filter_map(|(halts, way, time)| {
                let last = halts.last()?;
                let ahead = last.position < stop.position || edge(last) != edge(stop);
                let on = router.shortest(*way.last()?, edge(stop), class, speed).filter(|_| ahead)?;
                let more = router.travel_time(&on, class, speed)?.as_seconds();
                Some(([halts.as_slice(), &[*stop]].concat(), [way.as_slice(), &on[1..]].concat(), time + more))
            });
            next.extend(reached.min_by(|a, b| a.2.total_cmp(&b.2)));
        }
        best = next;
    }
    best.into_iter().min_by(|a, b| a.2.total_cmp(&b.2)).map(|(halts, way, _)| (halts, way))
}

/// Where a bus may halt: at a bus stop of that name, or at the kerb in the middle of the longest pieces of a road, either way.
fn candidates(change: &mut Change<'_>, stop: &Written, dwell: SimDuration) -> Option<Vec<Stop>> {
    let at = |lane: LaneId, start: Distance, position: Distance, at| Stop {
        lane,
        position,
        start,
        at,
        duration: dwell,
        until: None,
        parking: false,
    };
    if let Some(&id) = change.demand.bus_stop_by_name.get(stop.text.trim()) {
        let built = &change.demand.bus_stops[id.index()];
        return Some(vec![at(built.lane, built.start, built.end, Some(id))]);
    }
    let network = change.network;
    let edges = super::roads::by_name(network, stop, change.findings)?;
    let kerb = |edge: EdgeId| {
        network.edge(edge).lane_ids().find(|&lane| network.lane(lane).allowed.contains(VehicleClass::Bus))
    };
    let mut found: Vec<(LaneId, f64)> = edges
        .into_iter()
        .filter_map(|edge| Some((kerb(edge)?, network.edge(edge).length.as_metres())))
        .filter(|(_, length)| *length >= 2.0 * ROOM + CLEAR)
        .collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    found.truncate(PIECES_MAX);
    if found.is_empty() {
        let message = format!("no bus can halt on `{}`", stop.text);
        let help = "name a bus stop, or a road that is for buses and long enough";
        change.findings.problem(Problem::new(stop.place.clone(), message).help(help));
        return None;
    }
    let halt = |(lane, length): (LaneId, f64)| {
        let position = (0.5 * length + 0.5 * ROOM).min(length - CLEAR);
        at(lane, Distance::metres(position - ROOM), Distance::metres(position), None)
    };
    Some(found.into_iter().map(halt).collect())
}
