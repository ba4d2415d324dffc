//! A plan that does not fit its map is refused with the name that was meant; a plan that does gives every ambulance its row.

use super::*;
use crate::city::demand::Demand;
use crate::city::network::Network;
use crate::city::network::bare::{BareControl, BareLane, BareMap, BareNode, BareRoad, Markings};
use crate::city::network::places::{Kerb, Places, Site, Zone};
use crate::city::network::{Projection, bare};
use crate::primitives::random::Seed;
use crate::primitives::text::Place;
use crate::primitives::{ClassSet, Distance, IncidentKind, Point, Polyline, SimDuration, SimTime, Speed};

/// A square of two-way streets, 200 m each side: `ab`, `ba`, `bc`, and so on.
fn square() -> Network {
    let corner = [Point::new(0.0, 0.0), Point::new(200.0, 0.0), Point::new(200.0, 200.0), Point::new(0.0, 200.0)];
    let names = ["a", "b", "c", "d"];
    let nodes = (0..4)
        .map(|n| BareNode { name: names[n].to_owned(), position: corner[n], control: BareControl::Automatic })
        .collect();
    let lane = BareLane { width: Distance::metres(3.2), allowed: ClassSet::ALL };
    let road = |from: usize, to: usize| BareRoad {
        name: format!("{}{}", names[from], names[to]),
        street: Some("Square".to_owned()),
        from,
        to,
        line: Polyline::new(vec![corner[from], corner[to]]),
        centred: false,
        lanes: vec![lane],
        speed: Speed::kilometres_per_hour(50.0),
        priority: 5,
        road_type: None,
    };
    let roads = (0..4).flat_map(|n| [road(n, (n + 1) % 4), road((n + 1) % 4, n)]).collect();
    let map: bare::BareMap = BareMap {
        nodes,
        roads,
        turn_bans: Vec::new(),
        markings: Markings::default(),
        left_hand: false,
        projection: Projection::None,
    };
    map.build().expect("a sound square")
}

fn places(hospitals: usize) -> Places {
    let site = |road: &str| Site {
        name: format!("at {road}"),
        at: Kerb { road: road.to_owned(), point: Point::new(100.0, 0.0) },
    };
    Places {
        ambulance_stations: vec![site("ab"), site("cd")],
        hospitals: vec![site("da"); hospitals],
        zones: vec![Zone {
            name: "here".to_owned(),
            centroid: Point::origin(),
            population: 100.0,
            jobs: 0.0,
            roads: vec![("bc".to_owned(), 0.5), ("da".to_owned(), 0.5)],
        }],
        ..Places::default()
    }
}

fn service() -> EmergencySpec {
    EmergencySpec {
        place: Place::file("a.yaml"),
        ambulances: 2,
        calls_per_hour: 30.0,
        incidents_per_hour: 10.0,
        siren: true,
        treatment: SimDuration::seconds(600.0),
        handover: None,
        bays: 1,
    }
}

fn crash(road: &str, lanes: u32, length: f64) -> IncidentSpec {
    IncidentSpec {
        place: Place::file("a.yaml"),
        at: SimTime::seconds(60.0),
        road: road.to_owned(),
        lanes: Some(lanes),
        position: 0.5,
        length: Distance::metres(length),
        duration: SimDuration::seconds(60.0),
        kind: IncidentKind::Crash,
        casualties: 0,
    }
}

const SPAN: (SimTime, SimTime) = (SimTime::ZERO, SimTime::milliseconds(3_600_000));

#[test]
fn what_does_not_fit_the_map_is_named() {
    let network = square();
    let check = |places: Option<&Places>, incidents: &[IncidentSpec], expected: &str| {
        let mut demand = Demand::default();
        let found = resolve(&network, places, Some(&service()), incidents, SPAN, Seed(1), &mut demand);
        let findings = found.expect_err("refused");
        let problems: Vec<String> = findings.problems().iter().map(ToString::to_string).collect();
        assert!(problems.iter().any(|problem| problem.contains(expected)), "{expected}: {problems:?}");
        assert_eq!(demand, Demand::default(), "a refused plan leaves rows behind");
    };
    let some = places(1);
    check(None, &[], "the map has no hospitals and ambulance stations");
    check(Some(&places(0)), &[], "there is no hospital on the map");
    check(Some(&some), &[crash("Sqare", 1, 10.0)], "there is no road `Sqare` (did you mean `Square`?)");
    check(Some(&some), &[crash("ab", 2, 10.0)], "`ab` has no 2 lanes to block");
    check(Some(&some), &[crash("ab", 1, 500.0)], "a block of 500 m is longer than the road");
}

#[test]
fn every_ambulance_has_a_row_that_departs_when_it_is_told() {
    let network = square();
    let mut demand = Demand::default();
    let plan = resolve(&network, Some(&places(1)), Some(&service()), &[], SPAN, Seed(1), &mut demand).expect("a plan");
    let names: Vec<&str> = plan.units.iter().map(|unit| unit.name.as_str()).collect();
    assert_eq!(names, ["ambulance-1-1", "ambulance-1-2", "ambulance-2-1", "ambulance-2-2"]);
    for unit in &plan.units {
        let row = &demand.vehicles[unit.vehicle.index()];
        assert_eq!((&row.name, row.departure.time), (&unit.name, SimTime::MAX));
    }
}

/// Chance brings as many calls as asked for, where people live, and another rate of incidents does not shift them.
#[test]
fn chance_keeps_its_rates_and_its_streams() {
    let network = square();
    let plan = |incidents_per_hour: f64, seed: u64| {
        let spec = EmergencySpec { incidents_per_hour, ..service() };
        let mut demand = Demand::default();
        resolve(&network, Some(&places(1)), Some(&spec), &[], SPAN, Seed(seed), &mut demand).expect("a plan")
    };
    let calls: usize = (0..100).map(|seed| plan(0.0, seed).calls.len()).sum();
    // 3,000 expected; the standard deviation of a Poisson count is its root, 55.
    assert!((2780..=3220).contains(&calls), "{calls} calls in 100 hours at 30 per hour");
    assert_eq!(plan(0.0, 5).calls, plan(40.0, 5).calls);
    let homes = ["bc", "da"].map(|road| network.find_edge(road).expect("a road"));
    assert!(plan(0.0, 5).calls.iter().all(|call| homes.contains(&call.spot.edge)), "somebody calls from elsewhere");
}
