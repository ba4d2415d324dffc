//! Incidents, ambulances and sirens in small towns: whoever calls is reached, nobody is run over on the way, and the road
//! recovers.

#[path = "common/town.rs"]
#[allow(dead_code, reason = "each test uses its part of it")]
mod town;

use std::sync::Arc;

use citytwin::city::demand::Demand;
use citytwin::city::emergency::{EmergencyPlan, EmergencySpec, IncidentSpec, resolve};
use citytwin::city::network::bare::{BareControl, BareLane, BareMap, BareNode, BareRoad, Markings};
use citytwin::city::network::places::{Kerb, Places, Site, Zone};
use citytwin::city::network::{Network, Projection};
use citytwin::city::scenario::settings::RunSettings;
use citytwin::primitives::ids::LaneId;
use citytwin::primitives::random::Seed;
use citytwin::primitives::text::Place;
use citytwin::primitives::{ClassSet, Distance, IncidentKind, Point, Polyline, SimDuration, SimTime, Speed};
use citytwin::simulation::City;
use citytwin::simulation::outcome::{Happening, LawCounts, Outcome, Stage, UnitStatus};
use town::{Peopled, Town};

/// A street of 300 m pieces from west to east, named `e0`, `e1`, ... and back `w0`, ..., with so many lanes each way.
fn street(pieces: usize, lanes: usize) -> BareMap {
    let x = |n: usize| f64::from(u32::try_from(n).expect("few pieces")) * 300.0;
    let node =
        |n: usize| BareNode { name: format!("n{n}"), position: Point::new(x(n), 0.0), control: BareControl::Automatic };
    let lane = BareLane { width: Distance::metres(3.2), allowed: ClassSet::ALL };
    let road = |name: String, from: usize, to: usize| BareRoad {
        name,
        street: Some("Long Street".to_owned()),
        from,
        to,
        line: Polyline::new(vec![Point::new(x(from), 0.0), Point::new(x(to), 0.0)]),
        centred: false,
        lanes: vec![lane; lanes],
        speed: Speed::kilometres_per_hour(50.0),
        priority: 5,
        road_type: None,
    };
    let mut roads: Vec<BareRoad> = (0..pieces).map(|n| road(format!("e{n}"), n, n + 1)).collect();
    roads.extend((0..pieces).map(|n| road(format!("w{n}"), n + 1, n)));
    BareMap {
        nodes: (0..=pieces).map(node).collect(),
        roads,
        turn_bans: Vec::new(),
        markings: Markings::default(),
        left_hand: false,
        projection: Projection::None,
    }
}

fn site(network: &Network, road: &str) -> Site {
    let edge = network.find_edge(road).expect("a road of the test");
    let shape = &network.lane(network.edge(edge).lane_ids().next().expect("a lane")).shape;
    let middle = shape.points()[0] + (shape.points()[shape.points().len() - 1] - shape.points()[0]) * 0.5;
    Site { name: format!("at {road}"), at: Kerb { road: road.to_owned(), point: middle } }
}

/// A station, a hospital, and people who live along all roads alike.
fn places(network: &Network, station: &str, hospital: &str) -> Places {
    let roads: Vec<String> = network.roads().map(|(_, edge)| edge.name.clone()).collect();
    let share = 1.0 / f64::from(u32::try_from(roads.len()).expect("few roads"));
    Places {
        ambulance_stations: vec![site(network, station)],
        hospitals: vec![site(network, hospital)],
        zones: vec![Zone {
            name: "everywhere".to_owned(),
            centroid: Point::origin(),
            population: 10_000.0,
            jobs: 0.0,
            roads: roads.into_iter().map(|road| (road, share)).collect(),
        }],
        ..Places::default()
    }
}

fn spec(calls_per_hour: f64, siren: bool) -> EmergencySpec {
    EmergencySpec {
        place: Place::file("test"),
        ambulances: 2,
        calls_per_hour,
        incidents_per_hour: 0.0,
        siren,
        treatment: SimDuration::seconds(120.0),
        handover: Some(SimDuration::seconds(120.0)),
        bays: 1,
    }
}

fn incident(road: &str, at: f64, lasts: f64, lanes: u32, casualties: u32) -> IncidentSpec {
    IncidentSpec {
        place: Place::file("test"),
        at: SimTime::seconds(at),
        road: road.to_owned(),
        lanes: Some(lanes),
        position: 0.5,
        length: Distance::metres(10.0),
        duration: SimDuration::seconds(lasts),
        kind: IncidentKind::Crash,
        casualties,
    }
}

fn settings(seed: u64, end: f64) -> RunSettings {
    RunSettings { end: Some(SimTime::seconds(end)), seed: Seed(seed), ..RunSettings::default() }
}

/// A street on which a car leaves `from` for `to` every few seconds.
fn traffic(network: &Arc<Network>, ways: &[(&str, &str)], every: f64, until: f64) -> Demand {
    let mut rows = Vec::new();
    let mut time = 0.0;
    while time < until {
        rows.extend(ways.iter().map(|(from, to)| (*from, *to, time)));
        time += every;
    }
    town::cars(network, &rows)
}

fn bring(network: &Arc<Network>, demand: Demand, plan: &EmergencyPlan, settings: RunSettings) -> City {
    let mut city = City::assemble(network, &Arc::new(demand), settings);
    city.bring_emergencies(network, plan);
    city
}

fn finish(mut city: City) -> Outcome {
    while !city.is_over() {
        city.step();
    }
    city.finish(false)
}

fn span(end: f64) -> (SimTime, SimTime) {
    (SimTime::ZERO, SimTime::seconds(end))
}

/// A blocked street holds everybody behind the block and lets them go afterwards; before the block nobody is held.
#[test]
fn traffic_queues_behind_a_block_and_flows_when_it_is_gone() {
    let network = Arc::new(street(3, 1).build().expect("a sound street"));
    let mut demand = traffic(&network, &[("e0", "e2")], 6.0, 200.0);
    let departures = demand.vehicles.len();
    let blocked = [incident("e1", 60.0, 180.0, 1, 0)];
    let plan = resolve(&network, None, None, &blocked, span(900.0), Seed(1), &mut demand).expect("a plan");
    let mut city = bring(&network, demand, &plan, settings(1, 900.0));
    let edge = network.find_edge("e1").expect("the blocked road");
    let lane = network.edge(edge).lane_ids().next().expect("its lane");
    let beyond = |city: &City| {
        let on = |lane: LaneId| network.edge_of(lane).name.clone();
        let past = city.vehicles().into_iter().filter(|v| on(v.lane) == "e2" || (v.lane == lane && v.position > 160.0));
        past.count() + usize::try_from(city.instant().arrived).expect("few")
    };
    let mut at_block = (0, 0);
    let mut queued = 0;
    while !city.is_over() {
        city.step();
        if city.time() == SimTime::seconds(70.0) {
            at_block.0 = beyond(&city);
        }
        if city.time() == SimTime::seconds(240.0) {
            at_block.1 = beyond(&city);
            queued = city.vehicles().iter().filter(|v| v.speed < 0.1).count();
        }
    }
    assert!(at_block.0 > 0, "the street was empty before the block");
    assert_eq!(at_block.0, at_block.1, "somebody drove through the block");
    assert!(queued > 10, "only {queued} vehicles queue behind a closed street");
    let outcome = city.finish(false);
    assert_eq!(outcome.arrived as usize, departures, "the street did not recover");
    assert_eq!((outcome.laws, outcome.last_resort_moves), (LawCounts::default(), 0));
    assert_eq!(outcome.incidents[0].cleared, Some(SimTime::seconds(240.0)));
}

/// Where one of two lanes is blocked, traffic goes past on the other.
#[test]
fn a_block_on_one_lane_leaves_the_other() {
    let network = Arc::new(street(3, 2).build().expect("a sound street"));
    let mut demand = traffic(&network, &[("e0", "e2")], 6.0, 300.0);
    let departures = demand.vehicles.len();
    let blocked = [incident("e1", 30.0, 800.0, 1, 0)];
    let plan = resolve(&network, None, None, &blocked, span(600.0), Seed(1), &mut demand).expect("a plan");
    let outcome = finish(bring(&network, demand, &plan, settings(1, 600.0)));
    assert_eq!(outcome.arrived as usize, departures, "somebody is stuck behind a block that can be passed");
    assert_eq!(outcome.laws, LawCounts::default());
    assert_eq!(outcome.incidents[0].cleared, None, "it lasts longer than the run");
}

/// A patient beyond a jam: with siren the ambulance passes the queue, without it stands in it until the road is free.
#[test]
fn a_siren_gets_past_a_queue() {
    let response = |siren: bool| {
        let network = Arc::new(street(4, 1).build().expect("a sound street"));
        let places = places(&network, "e0", "w0");
        let mut demand = traffic(&network, &[("e0", "e3")], 5.0, 300.0);
        let blocked = [incident("e2", 20.0, 600.0, 1, 0)];
        let spec = spec(0.0, siren);
        let mut plan = resolve(&network, Some(&places), Some(&spec), &blocked, span(1500.0), Seed(1), &mut demand)
            .expect("a plan");
        let spot = citytwin::city::emergency::Spot {
            edge: network.find_edge("e3").expect("the last road"),
            lane: network.edge(network.find_edge("e3").expect("the last road")).lane_ids().next().expect("its lane"),
            position: Distance::metres(150.0),
        };
        plan.calls.push(citytwin::city::emergency::PlannedCall {
            at: SimTime::seconds(200.0),
            spot,
            category: citytwin::primitives::Category::C1,
        });
        let outcome = finish(bring(&network, demand, &plan, settings(1, 1500.0)));
        assert_eq!(outcome.laws, LawCounts::default());
        outcome.calls[0].between(Stage::EnRoute, Stage::Arrive).expect("the patient is reached").as_seconds()
    };
    let (with, without) = (response(true), response(false));
    assert!(with < 180.0, "{with} s with siren for a kilometre past a queue");
    assert!(without > 350.0, "{without} s without siren, though the road was blocked");
}

/// A town of all kinds of crossings with calls in its first minutes and time to serve them.
fn town_with_calls(seed: u64, siren: bool) -> (Arc<Network>, Demand, EmergencyPlan) {
    let town = Town { columns: 4, rows: 3, block: 170.0, lanes: 2, seed };
    let Peopled { network, demand } = town.peopled(260, SimDuration::seconds(900.0));
    let mut demand = Arc::unwrap_or_clone(demand);
    let places = places(&network, "n0-0--n1-0", "n3-2--n2-2");
    let blocked = [incident("n1-0--n2-0", 200.0, 240.0, 1, 1)];
    let spec = spec(60.0, siren);
    let plan = resolve(&network, Some(&places), Some(&spec), &blocked, span(900.0), Seed(seed), &mut demand);
    (network, demand, plan.expect("a plan"))
}

/// Every call is answered, reached and closed, in every town, with siren and without, and by the laws.
#[test]
fn every_call_is_reached() {
    for (seed, siren) in [(1, true), (2, true), (3, true), (4, true), (5, false), (6, false)] {
        let (network, demand, plan) = town_with_calls(seed, siren);
        assert!(plan.calls.len() > 5, "seed {seed}: too few calls to say anything");
        let outcome = finish(bring(&network, demand, &plan, settings(seed, 6000.0)));
        assert_eq!(outcome.laws, LawCounts::default(), "seed {seed}");
        assert_eq!(outcome.calls.len(), plan.calls.len() + 1, "seed {seed}: a call was never made");
        for call in &outcome.calls {
            assert!(call.at(Stage::Arrive).is_some(), "seed {seed}: nobody reached {call:?}");
            assert!(call.at(Stage::Clear).is_some(), "seed {seed}: the crew never came back from {call:?}");
            let times: Vec<SimTime> = call.chain.iter().flatten().copied().collect();
            assert!(times.is_sorted(), "seed {seed}: {call:?}");
            let brought = [Stage::Depart, Stage::Hospital, Stage::Handover].map(|stage| call.at(stage).is_some());
            assert!(brought == [true; 3] || brought == [false; 3], "seed {seed}: half a way to hospital: {call:?}");
        }
        assert!(outcome.incidents.iter().all(|incident| incident.cleared.is_some()), "seed {seed}");
    }
}

/// The same seed gives the same emergencies to the byte, for any number of threads.
#[test]
fn threads_change_nothing() {
    for seed in [7, 8] {
        let run = |threads: usize| {
            let (network, demand, plan) = town_with_calls(seed, true);
            finish(bring(&network, demand, &plan, RunSettings { threads, ..settings(seed, 1500.0) }))
        };
        let one = run(1);
        assert_eq!(run(1), one, "seed {seed}");
        assert_eq!(run(2), one, "seed {seed}");
    }
}

/// On a red light the ambulance drives only where nobody is: inside junctions it keeps clear of everybody on another path.
#[test]
fn crossing_on_red_nobody_is_hit() {
    let mut met = 0;
    for seed in 11..17 {
        let (network, demand, plan) = town_with_calls(seed, true);
        let mut city = bring(&network, demand, &plan, settings(seed, 1800.0));
        while !city.is_over() {
            city.step();
            let all = city.vehicles();
            let inside = |lane: LaneId| network.edge_of(lane).is_internal();
            let point = |lane: LaneId, position: f64| {
                let lane = network.lane(lane);
                let share = position / lane.length.as_metres().max(0.1);
                lane.shape.point_at(lane.shape.length() * share)
            };
            for unit in city.units().iter().filter(|unit| unit.siren && unit.on_road && inside(unit.lane)) {
                let here = point(unit.lane, unit.position);
                let others = all.iter().filter(|v| v.vehicle != unit.vehicle && v.lane != unit.lane && inside(v.lane));
                for other in others {
                    let apart = (point(other.lane, other.position) - here).norm();
                    met += usize::from(apart < 30.0);
                    assert!(
                        apart > 1.5 || other.speed < 0.1 || unit.speed < 0.1,
                        "seed {seed}: {unit:?} runs into {other:?} at {}",
                        city.time()
                    );
                }
            }
        }
    }
    assert!(met > 20, "the ambulances met hardly anybody in a junction: {met}");
}

/// What the simulation tells as it goes is the same story as the tables at the end.
#[test]
fn what_is_told_step_by_step_adds_up_to_the_tables() {
    let (network, demand, plan) = town_with_calls(21, true);
    let units = plan.units.len();
    let mut city = bring(&network, demand, &plan, settings(21, 3000.0));
    let mut told = Vec::new();
    let mut status = vec![UnitStatus::Available; units];
    while !city.is_over() {
        city.step();
        for happened in city.happenings() {
            told.push(*happened);
            if let Happening::Unit { unit, status: new, .. } = happened.what {
                assert_ne!(status[unit as usize], new, "told twice");
                status[unit as usize] = new;
            }
        }
        let now: Vec<UnitStatus> = city.units().iter().map(|unit| unit.status).collect();
        assert_eq!(now, status, "at {}", city.time());
    }
    let outcome = city.finish(false);
    for call in &outcome.calls {
        for stage in Stage::ALL {
            let times: Vec<SimTime> = told
                .iter()
                .filter(
                    |h| matches!(h.what, Happening::Call { call: c, stage: s, .. } if c == call.number && s == stage),
                )
                .map(|h| h.at)
                .collect();
            assert_eq!(times, call.at(stage).into_iter().collect::<Vec<_>>(), "{stage:?} of {call:?}");
        }
    }
}
