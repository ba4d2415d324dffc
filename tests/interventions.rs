//! Measures do what they say in a running city: who drives where, how fast, on which lane; and without them nothing is different.
//!
//! A street of two lanes from west to east, a lane of one lane around its middle, and a square north of that: small enough that every
//! vehicle can be followed.

#[path = "common/town.rs"]
#[allow(dead_code, reason = "each test uses its part of it")]
mod town;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use citytwin::city::demand::Demand;
use citytwin::city::intervention::{Deed, Intervention, LaneWish, Measure, Plan, RoadChoice, Window, Written, plan};
use citytwin::city::network::bare::{BareControl, BareMap, BareNode, Markings};
use citytwin::city::network::{Network, Projection};
use citytwin::city::scenario::settings::RunSettings;
use citytwin::primitives::text::Place;
use citytwin::primitives::{ClassSet, Point, SimTime, Speed, VehicleClass};
use citytwin::simulation::City;
use town::{cars, road};

/// West, two crossings, east, and a corner north of the street's middle with a square behind it.
const NODES: [(&str, f64, f64); 7] = [
    ("west", 0.0, 0.0),
    ("a", 300.0, 0.0),
    ("b", 700.0, 0.0),
    ("east", 1000.0, 0.0),
    ("corner", 500.0, 150.0),
    ("square", 500.0, 400.0),
    ("far", 1300.0, 0.0),
];

/// The streets: name, ends, lanes.
const STREETS: [(&str, usize, usize, usize); 7] = [
    ("West Road", 0, 1, 2),
    ("High Street", 1, 2, 2),
    ("East Road", 2, 3, 2),
    ("Back Lane", 1, 4, 1),
    ("Back Lane", 4, 2, 1),
    ("Square", 4, 5, 1),
    ("Far Road", 3, 6, 2),
];

fn network() -> Arc<Network> {
    let nodes: Vec<BareNode> = NODES
        .iter()
        .map(|&(name, x, y)| BareNode {
            name: name.to_owned(),
            position: Point::new(x, y),
            control: BareControl::Automatic,
        })
        .collect();
    let mut roads = Vec::new();
    for (street, from, to, lanes) in STREETS {
        for ends in [(from, to), (to, from)] {
            let priority = if lanes == 2 { 5 } else { 3 };
            let mut road = road(&nodes, ends, lanes, Speed::kilometres_per_hour(50.0), priority);
            road.street = Some(street.to_owned());
            roads.push(road);
        }
    }
    let map = BareMap {
        nodes,
        roads,
        turn_bans: Vec::new(),
        markings: Markings::default(),
        left_hand: false,
        projection: Projection::None,
    };
    Arc::new(map.build().unwrap_or_else(|findings| panic!("{:?}", findings.problems())))
}

/// A car every ten seconds from the west to the east, for twenty minutes.
fn through(network: &Network) -> Demand {
    let rows: Vec<(&str, &str, f64)> = (0..120).map(|n| ("west--a", "b--east", 10.0 * f64::from(n))).collect();
    let mut demand = cars(network, &rows);
    for kind in &mut demand.kinds {
        kind.speed_factor.deviation = 0.0;
    }
    demand
}

fn settings() -> RunSettings {
    RunSettings { end: Some(SimTime::seconds(1800.0)), ..RunSettings::default() }
}

fn named(name: &str) -> RoadChoice {
    let place = Place::file("test.yaml");
    let written = Written { text: name.to_owned(), place: place.clone() };
    RoadChoice { place, names: vec![written], near: None, within: None, along: Vec::new() }
}

fn window(from: f64, to: f64) -> Window {
    Window { from: SimTime::seconds(from), to: SimTime::seconds(to) }
}

/// The plan of some deeds, each with its window.
fn planned(network: &Network, deeds: Vec<(Deed, Option<Window>)>) -> Arc<Plan> {
    let place = Place::file("test.yaml");
    let measures = deeds.into_iter().map(|(deed, window)| Measure { place: place.clone(), deed, window }).collect();
    let one = Intervention { name: "test".to_owned(), place, measures };
    let made = plan(network, &[&one], (SimTime::ZERO, SimTime::seconds(1800.0)));
    Arc::new(made.unwrap_or_else(|findings| panic!("{:?}", findings.problems())))
}

fn close(name: &str) -> Deed {
    Deed::Close { roads: named(name), lanes: Vec::new(), except: ClassSet::EMPTY }
}

/// Everything seen of every vehicle.
#[derive(Debug, Default)]
struct Seen {
    /// Roads each vehicle was on, with the first instant [s].
    roads: BTreeMap<u32, BTreeMap<String, f64>>,
    /// The lanes used of each road, by whom and when [s].
    lanes: Vec<(String, u32, u32, f64)>,
    /// Greatest speed on each road over time: road, instant [s], speed [m/s].
    speeds: Vec<(String, f64, f64)>,
    arrived: u32,
    moved_as_last_resort: u32,
    hash: String,
}

impl Seen {
    /// How many vehicles were on a road whose first instant there lies in a span [s].
    fn on(&self, road: &str, span: std::ops::Range<f64>) -> usize {
        self.roads.values().filter(|roads| roads.get(road).is_some_and(|at| span.contains(at))).count()
    }
}

fn watch(network: &Arc<Network>, demand: &Demand, plan: &Arc<Plan>) -> Seen {
    let mut city = City::assemble(network, &Arc::new(demand.clone()), settings());
    city.follow(plan);
    let mut seen = Seen::default();
    while !city.is_over() {
        city.step();
        let now = city.time().as_seconds();
        for vehicle in city.vehicles() {
            let edge = network.edge_of(vehicle.lane);
            if edge.is_internal() {
                continue;
            }
            let index = network.lane(vehicle.lane).index;
            seen.roads.entry(vehicle.vehicle.raw()).or_default().entry(edge.name.clone()).or_insert(now);
            seen.lanes.push((edge.name.clone(), index, vehicle.vehicle.raw(), now));
            seen.speeds.push((edge.name.clone(), now, vehicle.speed));
        }
    }
    let instant = city.instant();
    (seen.arrived, seen.moved_as_last_resort) = (instant.arrived, instant.last_resort_moves);
    seen.hash = city.state_hash();
    seen
}

#[test]
fn a_plan_without_changes_changes_nothing() {
    let network = network();
    let demand = through(&network);
    let mut bare = City::assemble(&network, &Arc::new(demand.clone()), settings());
    while !bare.is_over() {
        bare.step();
    }
    let nothing = watch(&network, &demand, &planned(&network, Vec::new()));
    assert_eq!(bare.state_hash(), nothing.hash);
    assert_eq!(nothing.arrived, 120);
    assert_eq!(
        (nothing.on("a--b", 0.0..1e9), nothing.on("a--corner", 0.0..1e9)),
        (120, 0),
        "the street is the faster way"
    );
}

#[test]
fn a_closed_road_is_driven_round() {
    let network = network();
    let seen = watch(&network, &through(&network), &planned(&network, vec![(close("High Street"), None)]));
    assert_eq!((seen.on("a--b", 0.0..1e9), seen.on("a--corner", 0.0..1e9)), (0, 120));
    assert_eq!((seen.arrived, seen.moved_as_last_resort), (120, 0));
}

#[test]
fn a_road_is_closed_and_opened_again_at_its_hour() {
    let network = network();
    let plan = planned(&network, vec![(close("High Street"), Some(window(300.0, 600.0)))]);
    assert_eq!(plan.changes.iter().map(|change| change.at.as_seconds()).collect::<Vec<_>>(), [300.0, 600.0]);
    let seen = watch(&network, &through(&network), &plan);
    // Whoever is so near that it cannot turn off any more still drives in.
    assert!(seen.on("a--b", 0.0..300.0) > 20);
    assert!(seen.on("a--b", 300.0..310.0) <= 2, "{}", seen.on("a--b", 300.0..310.0));
    assert_eq!(seen.on("a--b", 310.0..600.0), 0);
    assert!(seen.on("a--corner", 300.0..640.0) > 20);
    assert!(seen.on("a--b", 640.0..1e9) > 40, "it is open again for whoever sets out then");
    assert_eq!((seen.arrived, seen.moved_as_last_resort), (120, 0));
}

#[test]
fn whoever_wants_to_a_closed_road_gets_as_near_as_it_can() {
    let network = network();
    let demand = cars(&network, &[("west--a", "a--b", 0.0), ("a--b", "b--east", 0.0)]);
    let seen = watch(&network, &demand, &planned(&network, vec![(close("High Street"), None)]));
    assert_eq!(seen.arrived, 2);
    assert_eq!(seen.roads[&0].keys().collect::<Vec<_>>(), ["west--a"], "it walks from there");
    assert_eq!(seen.roads[&1].keys().collect::<Vec<_>>(), ["b--east"], "it has walked there");
}

#[test]
fn a_closed_lane_is_left_and_the_other_used() {
    let network = network();
    let deed = Deed::Close { roads: named("a--b"), lanes: vec![0], except: ClassSet::EMPTY };
    let seen = watch(&network, &through(&network), &planned(&network, vec![(deed, Some(window(300.0, 900.0)))]));
    let on = |lane: u32, from: f64, to: f64| {
        seen.lanes
            .iter()
            .filter(|(road, index, _, at)| road == "a--b" && *index == lane && (from..to).contains(at))
            .count()
    };
    assert!(on(0, 0.0, 300.0) > 0 && on(0, 1000.0, 1500.0) > 0);
    assert_eq!(on(0, 345.0, 900.0), 0);
    assert!(on(1, 345.0, 900.0) > 0);
    assert_eq!((seen.arrived, seen.moved_as_last_resort), (120, 0));
}

#[test]
fn a_road_may_stay_open_for_some() {
    let network = network();
    let mut demand = through(&network);
    for vehicle in demand.vehicles.iter_mut().step_by(2) {
        vehicle.kind = citytwin::primitives::ids::KindId::new(3);
    }
    let except = ClassSet::of(&[VehicleClass::Bus]);
    let deed = Deed::Close { roads: named("High Street"), lanes: Vec::new(), except };
    let seen = watch(&network, &demand, &planned(&network, vec![(deed, None)]));
    assert_eq!((seen.on("a--b", 0.0..1e9), seen.on("a--corner", 0.0..1e9)), (60, 60));
}

#[test]
fn a_limit_is_kept_while_it_holds() {
    let network = network();
    let deed = Deed::Speed { roads: named("High Street"), limit: Speed::kilometres_per_hour(20.0) };
    let seen = watch(&network, &through(&network), &planned(&network, vec![(deed, Some(window(300.0, 900.0)))]));
    let fastest = |from: f64, to: f64| {
        let there = seen.speeds.iter().filter(|(road, at, _)| road == "a--b" && (from..to).contains(at));
        there.map(|(_, _, speed)| *speed).fold(0.0, f64::max) * 3.6
    };
    assert!(fastest(0.0, 300.0) > 45.0);
    assert!((15.0..=20.1).contains(&fastest(310.0, 900.0)), "{}", fastest(310.0, 900.0));
    assert!(fastest(910.0, 1500.0) > 45.0);
}

#[test]
fn a_reserved_lane_is_for_buses() {
    let network = network();
    let mut demand = through(&network);
    for vehicle in demand.vehicles.iter_mut().step_by(4) {
        vehicle.kind = citytwin::primitives::ids::KindId::new(3);
    }
    let deed = Deed::Reserve { roads: named("a--b"), lane: LaneWish::Kerb, allow: ClassSet::of(&[VehicleClass::Bus]) };
    let seen = watch(&network, &demand, &planned(&network, vec![(deed, None)]));
    let users: BTreeSet<u32> =
        seen.lanes.iter().filter(|(road, index, ..)| road == "a--b" && *index == 0).map(|one| one.2).collect();
    assert!(!users.is_empty() && users.iter().all(|vehicle| vehicle % 4 == 0), "{users:?}");
    assert_eq!((seen.arrived, seen.moved_as_last_resort), (120, 0));
}

#[test]
fn a_banned_turn_is_not_made() {
    let network = network();
    let rows: Vec<(&str, &str, f64)> = (0..30).map(|n| ("west--a", "corner--square", 20.0 * f64::from(n))).collect();
    let demand = cars(&network, &rows);
    let free = watch(&network, &demand, &Arc::default());
    assert_eq!(free.on("a--corner", 0.0..1e9), 30);
    let deed = Deed::BanTurn { out_of: named("West Road"), into: named("Back Lane"), except: ClassSet::EMPTY };
    let banned = watch(&network, &demand, &planned(&network, vec![(deed, None)]));
    assert_eq!((banned.on("a--corner", 0.0..1e9), banned.on("b--corner", 0.0..1e9)), (0, 30));
    assert_eq!((banned.arrived, banned.moved_as_last_resort), (30, 0));
}

#[test]
fn a_calm_neighbourhood_keeps_out_who_only_passes_through() {
    let network = network();
    let mut rows: Vec<(&str, &str, f64)> = Vec::new();
    for n in 0..30 {
        rows.push(("west--a", "b--east", 20.0 * f64::from(n)));
        rows.push(("west--a", "corner--square", 20.0 * f64::from(n) + 5.0));
        rows.push(("square--corner", "b--east", 20.0 * f64::from(n) + 10.0));
    }
    let demand = cars(&network, &rows);
    let quiet = Deed::Calm {
        roads: Some(RoadChoice {
            names: [named("Back Lane").names, named("Square").names].concat(),
            ..named("Square")
        }),
        filters: None,
        except: ClassSet::EMPTY,
    };
    // With the street closed too, through traffic would have to go through the neighbourhood, and has no way at all.
    let seen = watch(&network, &demand, &planned(&network, vec![(quiet.clone(), None)]));
    assert_eq!(seen.arrived, 90);
    for (vehicle, roads) in &seen.roads {
        assert_eq!(roads.keys().any(|road| road.contains("corner")), vehicle % 3 != 0, "{vehicle}: {roads:?}");
    }
    let slow = Deed::Speed { roads: named("High Street"), limit: Speed::kilometres_per_hour(5.0) };
    let chosen = free_to_choose(demand);
    let without = watch(&network, &chosen, &planned(&network, vec![(slow.clone(), None)]));
    let with = watch(&network, &chosen, &planned(&network, vec![(slow, None), (quiet, None)]));
    let through = |seen: &Seen| {
        let passing = seen.roads.iter().filter(|(vehicle, _)| *vehicle % 3 == 0);
        passing.filter(|(_, roads)| roads.contains_key("a--corner")).count()
    };
    assert_eq!((through(&without), through(&with)), (30, 0), "rat-running stops");
}

/// The same travellers, who take the fastest way when they set out.
fn free_to_choose(mut demand: Demand) -> Demand {
    for vehicle in &mut demand.vehicles {
        vehicle.choice = citytwin::city::demand::RouteChoice::FastestAtDeparture { via: Vec::new() };
    }
    demand
}

#[test]
fn filters_stop_everybody_who_is_not_excepted() {
    let network = network();
    let demand = cars(&network, &[("west--a", "corner--square", 0.0), ("square--corner", "b--east", 60.0)]);
    let filters = RoadChoice { names: named("a--corner").names, ..named("a--corner") };
    let deed = Deed::Calm { roads: None, filters: Some(filters), except: ClassSet::EMPTY };
    let seen = watch(&network, &demand, &planned(&network, vec![(deed, None)]));
    assert!(seen.roads[&0].contains_key("b--corner") && !seen.roads[&0].contains_key("a--corner"), "{:?}", seen.roads);
    assert_eq!(seen.arrived, 2);
}

/// A run that is saved or forked while a road is closed goes on as if nothing had been.
#[test]
fn a_run_goes_on_from_a_state_with_other_rules() {
    let network = network();
    let demand = Arc::new(through(&network));
    let plan = planned(
        &network,
        vec![
            (close("High Street"), Some(window(200.0, 500.0))),
            (
                Deed::Speed { roads: named("Back Lane"), limit: Speed::kilometres_per_hour(20.0) },
                Some(window(300.0, 700.0)),
            ),
        ],
    );
    let begin = || {
        let mut city = City::assemble(&network, &demand, settings());
        city.follow(&plan);
        city
    };
    let mut whole = begin();
    while !whole.is_over() {
        whole.step();
    }
    for at in [200, 201, 501, 650] {
        let mut city = begin();
        for _ in 0..at {
            city.step();
        }
        let mut state = Vec::new();
        city.save(&mut state).expect("it can be written");
        let mut restored = begin();
        restored.restore(&state).unwrap_or_else(|error| panic!("after {at} steps: {error}"));
        let mut fork = city.fork();
        for other in [&mut restored, &mut fork] {
            while !other.is_over() {
                other.step();
            }
            assert_eq!(other.state_hash(), whole.state_hash(), "saved after {at} steps");
        }
        let mut without = City::assemble(&network, &demand, settings());
        assert!(without.restore(&state).is_err(), "a city without the plan is another city");
    }
}

#[test]
fn what_cannot_be_is_refused_in_words() {
    let network = network();
    let limit = |number: f64| Speed::kilometres_per_hour(number);
    let place = Place::file("test.yaml");
    let complaints = |deeds: Vec<Deed>| -> String {
        let measures = deeds.into_iter().map(|deed| Measure { place: place.clone(), deed, window: None }).collect();
        let one = Intervention { name: "test".to_owned(), place: place.clone(), measures };
        let made = plan(&network, &[&one], (SimTime::ZERO, SimTime::seconds(60.0)));
        made.err().map(|findings| findings.problems().iter().map(ToString::to_string).collect()).unwrap_or_default()
    };
    let nobody = ClassSet::EMPTY;
    let cases = [
        (vec![close("Hihg Street")], "did you mean `High Street`?"),
        (vec![Deed::Close { roads: named("Square"), lanes: vec![3], except: nobody }], "has no lane 3"),
        (
            vec![
                Deed::Speed { roads: named("Square"), limit: limit(20.0) },
                Deed::Speed { roads: named("corner--square"), limit: limit(30.0) },
            ],
            "contradict",
        ),
        (
            vec![Deed::Reserve {
                roads: named("Square"),
                lane: LaneWish::Kerb,
                allow: ClassSet::of(&[VehicleClass::Bus]),
            }],
            "single lane",
        ),
        (vec![Deed::BanTurn { out_of: named("West Road"), into: named("Square"), except: nobody }], "anyway"),
    ];
    for (deeds, expected) in cases {
        let said = complaints(deeds.clone());
        assert!(said.contains(expected), "{deeds:?}: {said}");
    }
}
