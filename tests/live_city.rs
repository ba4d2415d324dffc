//! A city changed while it runs: every change has its effect and is told, none leaves a trace where it is refused, and whatever is
//! done to a city, it is saved, forked and kept to its laws like any other.

#[path = "common/town.rs"]
#[allow(dead_code, reason = "each test uses its part of it")]
mod town;

use std::sync::Arc;

use citytwin::city::network::bare::{BareControl, BareMap, BareNode, Markings};
use citytwin::city::network::{Network, Projection};
use citytwin::city::scenario::settings::RunSettings;
use citytwin::city::scenario::{SensorSettings, Weather};
use citytwin::primitives::ids::EdgeId;
use citytwin::primitives::random::Seed;
use citytwin::primitives::{Distance, IncidentKind, Point, SimDuration, SimTime, Speed};
use citytwin::simulation::City;
use citytwin::simulation::change::Change;
use citytwin::simulation::outcome::{LawCounts, Outcome};
use citytwin::telemetry::Reading;
use town::Peopled;

/// Three streets in a row, `a--b`, `b--c` and `c--d`, 300 m each with `lanes` lanes and a signal at `b`, and a car every five seconds.
fn corridor(lanes: usize) -> Peopled {
    let node = |(n, name): (usize, &str)| BareNode {
        name: name.to_owned(),
        position: Point::new(300.0 * town::metres(n), 0.0),
        control: BareControl::Automatic,
    };
    let nodes: Vec<BareNode> = ["a", "b", "c", "d"].into_iter().enumerate().map(node).collect();
    let limit = Speed::kilometres_per_hour(50.0);
    let roads = (0..3).map(|n| town::road(&nodes, (n, n + 1), lanes, limit, 3)).collect();
    let map = BareMap {
        nodes,
        roads,
        turn_bans: Vec::new(),
        markings: Markings::default(),
        left_hand: false,
        projection: Projection::None,
    };
    let network = map.build().expect("a sound corridor");
    let rows: Vec<_> = (0..100).map(|n| ("a--b", "c--d", 5.0 * town::metres(n))).collect();
    let demand = town::cars(&network, &rows);
    Peopled { network: Arc::new(network), demand: Arc::new(demand) }
}

fn settings(threads: usize, end: f64) -> RunSettings {
    RunSettings { end: Some(SimTime::seconds(end)), seed: Seed(5), threads, ..RunSettings::default() }
}

fn road(network: &Network, name: &str) -> EdgeId {
    network.find_edge(name).unwrap_or_else(|| panic!("no road {name}"))
}

fn run(city: &mut City, seconds: f64) {
    let until = city.time() + SimDuration::seconds(seconds);
    while city.time() < until {
        city.step();
    }
}

/// How many vehicles are on a road.
fn on(city: &City, network: &Network, road: EdgeId) -> usize {
    city.vehicles().iter().filter(|one| network.lane(one.lane).edge == road).count()
}

/// What is refused names what to do, and leaves the city as it was.
fn refused(city: &mut City, change: Change, reason: &str) {
    let before = city.state_hash();
    let said = city.intervene(change.clone()).expect_err("refused");
    assert!(said.contains(reason), "{change:?}: {said}");
    assert_eq!(city.state_hash(), before, "a refused {change:?} left something behind");
}

fn is_lawful(outcome: &Outcome) {
    assert_eq!(outcome.laws, LawCounts::default(), "a law was broken");
    assert_eq!(outcome.inserted, outcome.arrived + outcome.running, "vehicles vanish or multiply");
}

#[test]
fn a_queue_stands_behind_a_closed_road_and_flows_when_it_is_opened() {
    let Peopled { network, demand } = corridor(1);
    let mut city = City::assemble(&network, &demand, settings(1, 3000.0));
    let middle = road(&network, "b--c");
    run(&mut city, 120.0);
    let free = on(&city, &network, middle);
    assert!(city.intervene(Change::CloseRoad { road: middle }).expect("closed").contains("`b--c`"));
    run(&mut city, 180.0);
    let (queued, arrived) = (on(&city, &network, middle), city.instant().arrived);
    assert!(queued > free + 10, "{queued} stand where {free} drove");
    run(&mut city, 60.0);
    assert_eq!(city.instant().arrived, arrived, "somebody got through");
    city.intervene(Change::OpenRoad { road: middle }).expect("open");
    run(&mut city, 120.0);
    assert!(city.instant().arrived > arrived + 20, "nobody drives on");
    city.intervene(Change::CloseRoad { road: middle }).expect("closed once more");
    run(&mut city, 60.0);
    city.intervene(Change::OpenRoad { road: middle }).expect("open once more");
    while city.instant().arrived < 100 && !city.is_over() {
        city.step();
    }
    assert_eq!(city.instant().arrived, 100, "somebody is still there at {}", city.time());
    is_lawful(&city.finish(false));
}

#[test]
fn an_incident_blocks_its_lanes_is_told_and_is_cleared() {
    let Peopled { network, demand } = corridor(2);
    let mut city = City::assemble(&network, &demand, settings(1, 3000.0));
    city.install_sensors(&network, &demand, &SensorSettings::default(), &Weather::default());
    run(&mut city, 100.0);
    drop(city.take_emissions());
    let (middle, kind) = (road(&network, "b--c"), IncidentKind::Breakdown);
    let (position, duration) = (Some(Distance::metres(200.0)), SimDuration::seconds(100.0));
    let happens = |lanes| Change::Incident { road: middle, kind, position, lanes, duration, casualties: 0 };
    city.intervene(happens(2)).expect("it happens");
    run(&mut city, 90.0);
    let arrived = city.instant().arrived;
    let beyond = |city: &City| {
        city.vehicles().iter().filter(|v| network.lane(v.lane).edge == middle && v.position > 205.0).count()
    };
    assert_eq!(beyond(&city), 0, "somebody drives through it");
    run(&mut city, 60.0);
    assert!(beyond(&city) > 0 || city.instant().arrived > arrived, "it does not end by itself");
    city.intervene(happens(1)).expect("it happens again");
    run(&mut city, 30.0);
    assert!(city.intervene(Change::ClearIncident { incident: 1 }).expect("cleared").contains("incident 1"));
    run(&mut city, 2.0);
    refused(&mut city, Change::ClearIncident { incident: 1 }, "cleared already");
    refused(&mut city, Change::ClearIncident { incident: 7 }, "numbered 0 to 1");
    let told: Vec<(String, String)> = city
        .take_emissions()
        .into_iter()
        .filter_map(|emission| match emission.record.reading {
            Reading::Incident(said) => Some((said.incident_id.to_string(), format!("{:?}", said.status))),
            _ => None,
        })
        .collect();
    let told: Vec<(&str, &str)> = told.iter().map(|(id, status)| (id.as_str(), status.as_str())).collect();
    assert_eq!(told, [("0", "Reported"), ("0", "Cleared"), ("1", "Reported"), ("1", "Cleared")]);
    let outcome = city.finish(true);
    assert_eq!(outcome.incidents.len(), 2);
    is_lawful(&outcome);
}

#[test]
fn what_cannot_be_done_is_refused_without_a_trace() {
    let Peopled { network, demand } = corridor(2);
    let mut city = City::assemble(&network, &demand, settings(1, 3000.0));
    run(&mut city, 60.0);
    let middle = road(&network, "b--c");
    let nowhere = EdgeId::new(network.edges.len() + 3);
    refused(&mut city, Change::CloseRoad { road: nowhere }, "no road number");
    let path = network.edges.iter().position(|edge| edge.is_internal());
    if let Some(path) = path {
        refused(&mut city, Change::CloseRoad { road: EdgeId::new(path) }, "no road number");
    }
    refused(&mut city, Change::OpenRoad { road: middle }, "has no barriers");
    refused(&mut city, Change::ClearIncident { incident: 0 }, "none at all");
    let whole = |lanes, lasts, casualties, position: Option<f64>| Change::Incident {
        road: middle,
        kind: IncidentKind::Crash,
        position: position.map(Distance::metres),
        lanes,
        duration: SimDuration::seconds(lasts),
        casualties,
    };
    refused(&mut city, whole(3, 60.0, 0, None), "say 1 to 2");
    refused(&mut city, whole(0, 60.0, 0, None), "say 1 to 2");
    refused(&mut city, whole(1, 1.0, 0, None), "10 s to 86400 s");
    refused(&mut city, whole(1, 60.0, 51, None), "at most 50");
    refused(&mut city, whole(1, 60.0, 0, Some(1e9)), "is not on it");
    refused(&mut city, whole(1, 60.0, 0, Some(f64::NAN)), "is not on it");
    refused(&mut city, whole(1, 60.0, 1, None), "no ambulances");
    city.intervene(Change::CloseRoad { road: middle }).expect("closed");
    refused(&mut city, Change::CloseRoad { road: middle }, "closed already");
}
