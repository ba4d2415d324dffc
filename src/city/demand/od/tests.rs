//! What must hold for trips made of a matrix.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::LazyLock;

use super::*;
use crate::city::demand::fleet::{kind, town_mix};
use crate::city::network::mapfile;
use crate::city::network::{Projection, places::Places};
use crate::primitives::VehicleClass;

static CITY: LazyLock<(Network, Places, Router)> = LazyLock::new(|| {
    let text = include_str!("../../../../maps/halvermere/map.json");
    let map = mapfile::parse(Path::new("maps/halvermere/map.json"), text).expect("the shipped map is sound");
    let network = map.map.build().expect("the shipped map builds");
    let router = Router::new(&network);
    (network, map.places, router)
});

/// The map's rectangle in four zones, `north-west` and so on, with one far away to the west.
fn quarters() -> Zones {
    let (network, ..) = &*CITY;
    let (low, high) = network.bounds();
    let middle = nalgebra::center(&low, &high);
    let corner = |x: f64, y: f64| {
        let (lon, lat) = network.projection.to_lon_lat(crate::primitives::Point::new(x, y)).unwrap_or((x, y));
        [lon, lat]
    };
    let zone = |name: &str, (west, east): (f64, f64), (south, north): (f64, f64)| Zone {
        name: name.to_owned(),
        rings: vec![vec![corner(west, south), corner(east, south), corner(east, north), corner(west, north)]],
        roads: Vec::new(),
        line: 0,
    };
    let (west, east) = ((low.x, middle.x), (middle.x, high.x));
    let (south, north) = ((low.y, middle.y), (middle.y, high.y));
    let list = vec![
        zone("north-west", west, north),
        zone("north-east", east, north),
        zone("south-west", west, south),
        zone("south-east", east, south),
        zone("far west", (low.x - 9000.0, low.x - 8000.0), (middle.y - 500.0, middle.y + 500.0)),
    ];
    Zones { place: Place::file("zones.json"), list }
}

fn matrix(text: &str) -> Matrix {
    Matrix::parse(Place::file("am.csv"), format!("origin,destination,trips\n{text}").as_bytes()).expect("a matrix")
}

fn spec() -> OdSpec {
    let at = |hour: f64| SimTime::seconds(hour * 3600.0);
    OdSpec {
        place: Place::file("a.yaml"),
        number: 0,
        from: at(7.0),
        to: at(8.0),
        window: (at(6.0), at(9.0)),
        fleet: vec![FleetShare { kind: kind("car", VehicleClass::Passenger), weight: 1.0 }],
        profile: Profile::flat(),
        spread: Spread::Random,
        scale: 1.0,
        rim: false,
        seed: Seed(7),
    }
}

fn made(text: &str, spec: &OdSpec) -> Result<(Demand, Findings), Vec<String>> {
    let (network, places, router) = &*CITY;
    demand(network, router, Some(places), (&matrix(text), &quarters()), spec)
        .map_err(|findings| findings.problems().iter().map(ToString::to_string).collect())
}

#[test]
fn trips_lead_from_zone_to_zone_and_can_be_driven() {
    let (network, places, router) = &*CITY;
    let spec = OdSpec { fleet: town_mix(), ..spec() };
    let (demand, left_out) = made("north-west,south-east,60\nsouth-west,south-west,20\n", &spec).expect("trips");
    assert!(left_out.left_out().is_empty(), "{:?}", left_out.left_out());
    assert_eq!(demand.vehicles.len(), 80);
    let mut findings = Findings::default();
    let zones = quarters();
    let inside = ends::Inside::new(network, Some(places), &zones, &mut findings);
    let ends = inside.ends(VehicleClass::Passenger, false);
    let within =
        |zone: usize, edge| matches!(&ends.zones[zone], ends::End::Inside(kerbs) if kerbs.edges.contains(edge));
    let mut pairs: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for vehicle in &demand.vehicles {
        let edges = &demand.route(vehicle.route).edges;
        let class = demand.kind(vehicle.kind).class;
        assert!(edges.windows(2).all(|p| router.connects(p[0], p[1], class)), "{} cannot drive its way", vehicle.name);
        let zone_of = |edge| (0..4).find(|zone| within(*zone, edge)).expect("a road inside");
        *pairs.entry((zone_of(&edges[0]), zone_of(&edges[edges.len() - 1]))).or_default() += 1;
        let time = vehicle.departure.time;
        assert!(time >= spec.from && time < spec.to, "{time}");
    }
    assert_eq!(pairs, BTreeMap::from([((0, 3), 60), ((2, 2), 20)]));
}

/// A study could not be repeated, or two draws would be one.
#[test]
fn the_same_seed_makes_the_same_trips_and_another_pair_changes_nobody_elses() {
    let trips = |text: &str| {
        let (demand, _) = made(text, &spec()).expect("trips");
        let told = |v: &crate::city::demand::Vehicle| (v.departure.time, demand.route(v.route).edges.clone());
        demand.vehicles.iter().map(told).collect::<Vec<_>>()
    };
    let (once, again) = (trips("north-west,south-east,30\n"), trips("north-west,south-east,30\n"));
    assert_eq!(once, again);
    let more = trips("north-west,south-east,30\nsouth-east,north-west,10\n");
    assert_eq!(more.len(), 40);
    assert!(once.iter().all(|trip| more.contains(trip)));
}

/// Many small numbers: the expectation is kept for each, and the total to less than one.
#[test]
fn numbers_are_rounded_without_bias() {
    let names = ["north-west", "north-east", "south-west", "south-east"];
    let mut text = String::new();
    for (at, from) in (0_u8..).zip(names) {
        for (to_at, to) in (0_u8..).zip(names) {
            let _ = writeln!(text, "{from},{to},{}", 0.05 + 0.1 * f64::from((at * 4 + to_at) % 9));
        }
    }
    let wanted = matrix(&text);
    let mut count: BTreeMap<(EdgeZone, EdgeZone), f64> = BTreeMap::new();
    let (network, places, _) = &*CITY;
    let zones = quarters();
    let inside = ends::Inside::new(network, Some(places), &zones, &mut Findings::default());
    let ends = inside.ends(VehicleClass::Passenger, false);
    let zone_of = |edge: &crate::primitives::ids::EdgeId| {
        ends.zones.iter().position(|end| matches!(end, ends::End::Inside(kerbs) if kerbs.edges.contains(edge)))
    };
    let runs = 150_u32;
    for seed in 0..u64::from(runs) {
        let (demand, _) = made(&text, &OdSpec { seed: Seed(seed), ..spec() }).expect("trips");
        let total = f64::from(u32::try_from(demand.vehicles.len()).expect("few"));
        assert!((total - wanted.total()).abs() < 1.0, "{total} of {}", wanted.total());
        for vehicle in &demand.vehicles {
            let edges = &demand.route(vehicle.route).edges;
            *count.entry((zone_of(&edges[0]), zone_of(&edges[edges.len() - 1]))).or_default() += 1.0;
        }
    }
    for cell in &wanted.cells {
        let mean = count.get(&(Some(cell.from), Some(cell.to))).copied().unwrap_or(0.0) / f64::from(runs);
        // Four standard errors of a Bernoulli draw.
        let error = 4.0 * (cell.trips * (1.0 - cell.trips) / f64::from(runs)).sqrt();
        assert!((mean - cell.trips).abs() < error, "{mean} for {}", cell.trips);
    }
}

type EdgeZone = Option<usize>;

#[test]
fn departures_follow_the_profile_and_the_run() {
    let at = |hour: f64| SimTime::seconds(hour * 3600.0);
    let corners = vec![(0.0, 0.0), (7.0, 0.0), (8.0, 1.0), (24.0, 1.0)];
    let rising = Profile::through(corners).expect("a profile");
    let even = OdSpec { spread: Spread::Even, profile: rising, ..spec() };
    let (demand, _) = made("north-west,south-east,400\n", &even).expect("trips");
    let before = |hour: f64| demand.vehicles.iter().filter(|v| v.departure.time < at(hour)).count();
    // A ramp has a quarter of its weight in its first half.
    assert_eq!(demand.vehicles.len(), 400);
    assert!((99..=101).contains(&before(7.5)), "{}", before(7.5));
    let cut = OdSpec { window: (at(7.5), at(7.75)), spread: Spread::Even, ..spec() };
    let (demand, _) = made("north-west,south-east,400\n", &cut).expect("trips");
    assert!((99..=101).contains(&demand.vehicles.len()), "{}", demand.vehicles.len());
    let twice = OdSpec { scale: 2.0, ..spec() };
    assert_eq!(made("north-west,south-east,40\n", &twice).expect("trips").0.vehicles.len(), 80);
}

#[test]
fn zones_beyond_the_map_come_and_go_by_its_border() {
    let (network, places, _) = &*CITY;
    let rim = OdSpec { rim: true, ..spec() };
    let (demand, left_out) = made("far west,south-east,30\nnorth-east,far west,30\n", &rim).expect("trips");
    assert!(left_out.left_out().is_empty());
    assert_eq!(demand.vehicles.len(), 60);
    let names = |end: fn(&crate::city::network::places::Gateway) -> &String| {
        places.gateways.iter().map(end).collect::<Vec<_>>()
    };
    let (inbound, outbound) = (names(|gate| &gate.inbound), names(|gate| &gate.outbound));
    for vehicle in &demand.vehicles {
        let edges = &demand.route(vehicle.route).edges;
        let (first, last) = (&network.edge(edges[0]).name, &network.edge(edges[edges.len() - 1]).name);
        assert!(inbound.contains(&first) || outbound.contains(&last), "{first} to {last}");
    }
}

#[test]
fn everything_that_does_not_fit_is_said_at_once() {
    let told = made("north-west,south-east,30\nnorth-wets,far west,5\nfar west,south-east,2\n", &spec())
        .expect_err("two do not fit");
    let expected = [
        "am.csv:3: the zone `north-wets` is not drawn in zones.json (did you mean `north-west`?)",
        "am.csv:3: the zone `far west` has trips but no road that a `car` may use (draw it larger, tie it to roads by its property \
         `roads`, or write `rim: true` if it lies beyond the map)",
    ];
    assert_eq!(told, expected);
    let many = OdSpec { scale: 1e6, ..spec() };
    assert!(made("north-west,south-east,30\n", &many).expect_err("too many")[0].contains("30000000 trips"));
    let (network, places, router) = &*CITY;
    let mut zones = quarters();
    zones.list[0].roads = vec!["Hihg Street".to_owned()];
    let matrix = matrix("north-west,south-east,30\n");
    let findings = demand(network, router, Some(places), (&matrix, &zones), &spec()).expect_err("no such street");
    let text = findings.problems()[0].to_string();
    assert!(text.contains("`Hihg Street`, which is no road (did you mean `High Street`?)"), "{text}");
    for zone in &mut zones.list {
        zone.roads.clear();
        for corner in zone.rings.iter_mut().flatten() {
            *corner = [corner[0] + 400_000.0, corner[1]];
        }
    }
    let findings = demand(network, router, Some(places), (&matrix, &zones), &spec()).expect_err("elsewhere");
    let on_earth = network.projection != Projection::None;
    let expected = if on_earth { "not drawn in longitude" } else { "no zone has a road" };
    assert!(findings.problems()[0].to_string().contains(expected), "{:?}", findings.problems());
}
