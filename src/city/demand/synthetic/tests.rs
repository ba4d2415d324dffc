//! What must hold for the shipped city's traffic.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::LazyLock;

use super::*;
use crate::city::network::check::check_network;
use crate::city::network::mapfile::{self, MapFile};

static CITY: LazyLock<(MapFile, Network, Router)> = LazyLock::new(|| {
    let text = include_str!("../../../../maps/halvermere/map.json");
    let map = mapfile::parse(Path::new("maps/halvermere/map.json"), text).expect("the shipped map is sound");
    let network = map.map.build().expect("the shipped map builds");
    let router = Router::new(&network);
    (map, network, router)
});

fn small() -> SyntheticSpec {
    SyntheticSpec { volume: Volume::Total(150), ..SyntheticSpec::default() }
}

fn make(spec: &SyntheticSpec) -> (Demand, Findings) {
    let (map, network, router) = &*CITY;
    synthesize(network, router, &map.places, spec).expect("the shipped map's places are sound")
}

/// Somebody could not leave home, or two greens would meet.
#[test]
fn the_shipped_city_builds_without_a_complaint() {
    let check = check_network(&CITY.1);
    let complaints: Vec<String> = check.findings.problems().iter().map(ToString::to_string).collect();
    assert_eq!((complaints, check.lanes_stuck), (vec![], vec![]));
    assert_eq!(check.roads_connected, check.roads);
    assert!(CITY.1.signals.len() >= 25, "{} signals", CITY.1.signals.len());
}

#[test]
fn every_trip_can_be_driven() {
    let (demand, left_out) = make(&small());
    assert!(left_out.left_out().is_empty(), "{:?}", left_out.left_out());
    let (_, network, router) = &*CITY;
    for vehicle in &demand.vehicles {
        let class = demand.kind(vehicle.kind).class;
        let edges = &demand.route(vehicle.route).edges;
        assert!(edges.windows(2).all(|p| router.connects(p[0], p[1], class)), "{} cannot drive its way", vehicle.name);
        let mut ahead = edges.iter();
        for stop in &vehicle.stops {
            let lane = network.lane(stop.lane);
            assert!(ahead.any(|edge| *edge == lane.edge), "{} misses a stop", vehicle.name);
            assert!(lane.allowed.contains(class) && stop.start < stop.position && stop.position <= lane.length);
        }
    }
    let buses = demand.vehicles.iter().filter(|vehicle| vehicle.line.is_some()).count();
    assert_eq!(demand.vehicles.len() - buses, 150);
    assert!(buses >= 40, "{buses} buses in an hour");
}

/// A study could not be repeated.
#[test]
fn the_same_seed_gives_the_same_traffic_and_another_does_not() {
    let (first, again) = (make(&small()).0, make(&small()).0);
    assert!(first == again);
    assert!(first != make(&SyntheticSpec { seed: Seed(43), ..small() }).0);
}

#[test]
fn traffic_is_of_the_kind_asked_for() {
    let spec = SyntheticSpec { through: 1.0, inbound: 0.0, outbound: 0.0, buses: false, ..small() };
    let (demand, _) = make(&spec);
    let gateway = |edge: EdgeId| {
        let name = &CITY.1.edge(edge).name;
        CITY.0.places.gateways.iter().any(|g| g.inbound == *name || g.outbound == *name)
    };
    assert_eq!(demand.vehicles.len(), 150);
    for vehicle in &demand.vehicles {
        let edges = &demand.route(vehicle.route).edges;
        assert!(gateway(edges[0]) && gateway(edges[edges.len() - 1]), "{} does not pass through", vehicle.name);
    }
    let due = |v: &Vehicle| v.departure.time >= spec.begin && v.departure.time <= spec.begin + spec.duration;
    assert!(demand.vehicles.iter().all(due));
    assert!(demand.vehicles.is_sorted_by_key(|v| v.departure.time));
}

/// Everybody between two places would queue on one road while the next stands empty.
#[test]
fn drivers_differ_about_the_best_way() {
    let ways_per_pair = |perception_deviation: f64| {
        let spec =
            SyntheticSpec { through: 1.0, inbound: 0.0, outbound: 0.0, buses: false, perception_deviation, ..small() };
        let demand = make(&SyntheticSpec { volume: Volume::Total(400), ..spec }).0;
        let ends = |route: &Route| (route.edges[0], route.edges[route.edges.len() - 1]);
        // Cars alone: slower types may have another best way.
        let cars = demand.vehicles.iter().filter(|v| v.kind == KindId::new(0)).map(|v| v.route);
        let ways: BTreeSet<RouteId> = cars.collect();
        let pairs: BTreeSet<(EdgeId, EdgeId)> = ways.iter().map(|way| ends(demand.route(*way))).collect();
        (ways.len(), pairs.len())
    };
    let (alike, pairs) = ways_per_pair(0.0);
    assert_eq!(alike, pairs, "without glasses there is one best way");
    let (varied, pairs) = ways_per_pair(0.25);
    assert!(varied > pairs * 6 / 5, "{varied} ways between {pairs} pairs");
}

#[test]
fn every_senseless_number_is_named() {
    let (map, network, router) = &*CITY;
    let spec = SyntheticSpec {
        through: 0.9,
        inbound: 0.3,
        perception_deviation: -1.0,
        volume: Volume::PerHour(Flow::vehicles_per_hour(f64::NAN)),
        fleet: Vec::new(),
        ..SyntheticSpec::default()
    };
    let mut places = map.places.clone();
    places.zones[0].roads[0].0.push('x');
    places.bus_stops[0].at.road = "nowhere".to_owned();
    let findings = synthesize(network, router, &places, &spec).expect_err("it makes no sense");
    let text: Vec<String> = findings.problems().iter().map(ToString::to_string).collect();
    for part in ["together is 1.3", "perception_deviation", "NaN trips", "the fleet needs", "did you mean", "nowhere"] {
        assert!(text.iter().any(|line| line.contains(part)), "{part} is missing in {text:#?}");
    }
    assert_eq!(text.len(), 6, "{text:#?}");
}

/// A motorway passes the map without a junction: trips from it to the street would have no way, and were lost.
#[test]
fn ends_are_drawn_until_a_way_leads_from_one_to_the_other() {
    let nodes = [
        (1, 9.990, 50.000),
        (2, 10.000, 50.000),
        (3, 10.010, 50.000),
        (4, 10.000, 50.004),
        (5, 9.990, 50.008),
        (6, 10.010, 50.008),
        (7, 10.000, 50.008),
    ];
    let mut osm = String::from(
        "<osm version=\"0.6\"><bounds minlon=\"9.992\" minlat=\"49.999\" maxlon=\"10.008\" maxlat=\"50.009\"/>",
    );
    for (id, lon, lat) in nodes {
        let _ = write!(osm, "<node id=\"{id}\" lon=\"{lon}\" lat=\"{lat}\"/>");
    }
    let ways = [
        (10, "secondary", 50, vec![1, 2, 3]),
        (11, "residential", 30, vec![2, 4]),
        (12, "motorway", 100, vec![5, 7]),
        (13, "motorway", 80, vec![7, 6]),
    ];
    for (id, kind, limit, refs) in ways {
        let refs: String = refs.iter().fold(String::new(), |all, node| all + &format!("<nd ref=\"{node}\"/>"));
        let tags = format!("<tag k=\"highway\" v=\"{kind}\"/><tag k=\"maxspeed\" v=\"{limit}\"/>");
        let _ = write!(osm, "<way id=\"{id}\">{refs}{tags}</way>");
    }
    osm.push_str("</osm>");
    let settings = crate::city::network::osm::ImportSettings::default();
    let place = Place::file("town.osm");
    let town = crate::city::network::osm::import_bytes(&place, osm.into_bytes(), &settings).expect("a town").file;
    assert!(town.places.gateways.len() >= 3, "{:?}", town.places.gateways);
    let network = town.map.build().expect("it builds");
    let spec = SyntheticSpec {
        volume: Volume::Total(300),
        inbound: 0.2,
        outbound: 0.1,
        through: 0.6,
        buses: false,
        ..small()
    };
    let (demand, left_out) = synthesize(&network, &Router::new(&network), &town.places, &spec).expect("trips");
    assert_eq!((demand.vehicles.len(), left_out.left_out().len()), (300, 0), "{:?}", left_out.left_out());
}
