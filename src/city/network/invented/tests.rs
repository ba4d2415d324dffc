//! What must hold for every invented city, whatever its seed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::LazyLock;

use super::reach::{Way, all_reach_all};
use super::shape::{angle_between, apart, crossings, length, point_at, unit};
use super::*;
use crate::city::network::bare::{BareControl, BareMap};
use crate::city::network::mapfile;
use crate::primitives::{Point, VehicleClass};

/// The shipped city and another; made once, because making one takes seconds without optimisation.
static CITIES: LazyLock<Vec<(Seed, MapFile)>> =
    LazyLock::new(|| [SHIPPED_SEED, Seed(1)].map(|seed| (seed, generate(seed, CitySize::CITY))).to_vec());

fn check(what: &str, judge: impl Fn(&MapFile) -> Vec<String>) {
    for (seed, city) in CITIES.iter() {
        let complaints = judge(city);
        assert!(complaints.is_empty(), "{what}, seed {}: {complaints:#?}", seed.0);
    }
}

/// One line per street between two nodes.
fn streets(map: &BareMap) -> Vec<(usize, usize, Vec<Point>)> {
    let forward = map.roads.iter().filter(|road| !road.name.ends_with("-back"));
    forward.map(|road| (road.from, road.to, road.line.points().to_vec())).collect()
}

#[test]
fn it_has_the_parts_of_a_city() {
    check("parts", |city| {
        let map = &city.map;
        let with = |control: BareControl| map.nodes.iter().filter(|node| node.control == control).count();
        let bridges: BTreeSet<_> =
            map.roads.iter().filter_map(|r| r.street.as_ref()).filter(|s| s.ends_with("Bridge")).collect();
        let bus_lane = |r: &&super::super::bare::BareRoad| !r.lanes[0].allowed.contains(VehicleClass::Passenger);
        let parts = [
            ("junctions", map.nodes.len(), 100),
            ("signals", with(BareControl::Signal), 25),
            ("roundabout nodes", with(BareControl::Roundabout), 3),
            ("bridges", bridges.len(), 3),
            ("one-way roads", map.roads.iter().filter(|r| r.centred).count(), 15),
            ("roads with a bus lane", map.roads.iter().filter(|r| bus_lane(r)).count(), 2),
            ("bus lines", city.places.bus_lines.len(), 6),
            ("hospitals", city.places.hospitals.len(), 3),
            ("ambulance stations", city.places.ambulance_stations.len(), 3),
            ("zones", city.places.zones.len(), 15),
            ("gateways", city.places.gateways.len(), 6),
        ];
        parts.iter().filter(|p| p.1 < p.2).map(|p| format!("{} {}, wanted {}", p.1, p.0, p.2)).collect()
    });
}

/// Somebody who lives anywhere could not drive home.
#[test]
fn everybody_reaches_everything() {
    check("strong connection", |city| {
        let mut street_of: BTreeMap<&str, usize> = BTreeMap::new();
        let mut ways = Vec::new();
        for road in &city.map.roads {
            let next = street_of.len();
            let street = *street_of.entry(road.name.trim_end_matches("-back")).or_insert(next);
            ways.push(Way { from: road.from, to: road.to, street });
        }
        if all_reach_all(city.map.nodes.len(), &ways) { vec![] } else { vec!["not strongly connected".into()] }
    });
}

/// Cars would drive through one another where no junction is.
#[test]
fn streets_cross_only_at_junctions() {
    check("crossings", |city| {
        let streets = streets(&city.map);
        let mut complaints = Vec::new();
        for (i, (_, _, first)) in streets.iter().enumerate() {
            for (_, _, second) in &streets[i + 1..] {
                let ends = [first[0], first[first.len() - 1]];
                let hidden =
                    crossings(first, second).into_iter().filter(|(_, _, p)| ends.iter().all(|e| apart(*e, *p) > 1.0));
                complaints.extend(hidden.map(|(_, _, p)| format!("at {p}")));
            }
        }
        complaints
    });
}

/// Junctions would overlap, or be too sharp to turn in.
#[test]
fn junctions_have_room() {
    check("room", |city| {
        let (nodes, mut complaints) = (&city.map.nodes, Vec::new());
        for (i, a) in nodes.iter().enumerate() {
            for b in nodes[i + 1..].iter().filter(|b| apart(a.position, b.position) < 25.0) {
                complaints.push(format!("{} and {} are too near", a.name, b.name));
            }
        }
        let streets = streets(&city.map);
        complaints
            .extend(streets.iter().filter(|s| length(&s.2) < 25.0).map(|s| format!("a street of {} m", length(&s.2))));
        for (node, junction) in nodes.iter().enumerate() {
            let out = |line: &[Point]| unit(point_at(line, 16.0) - line[0]);
            let mut legs = Vec::new();
            for (from, to, line) in &streets {
                if *from == node {
                    legs.push(out(line));
                }
                if *to == node {
                    legs.push(out(&super::shape::reversed(line)));
                }
            }
            for (i, a) in legs.iter().enumerate() {
                for b in legs[i + 1..].iter().filter(|b| angle_between(*a, **b) < 25.0_f64.to_radians()) {
                    complaints.push(format!("{} has legs {a} and {b}", junction.name));
                }
            }
        }
        complaints
    });
}

/// Two streets, stops or zones of one name cannot be told apart in a table.
#[test]
fn names_are_unique() {
    check("names", |city| {
        let unique = |names: Vec<&str>| names.iter().collect::<BTreeSet<_>>().len() == names.len();
        let (map, places) = (&city.map, &city.places);
        let lists = [
            ("nodes", map.nodes.iter().map(|n| n.name.as_str()).collect::<Vec<_>>()),
            ("roads", map.roads.iter().map(|n| n.name.as_str()).collect()),
            ("stops", places.bus_stops.iter().map(|n| n.id.as_str()).collect()),
            ("lines", places.bus_lines.iter().map(|n| n.name.as_str()).collect()),
            ("zones", places.zones.iter().map(|n| n.name.as_str()).collect()),
        ];
        lists.into_iter().filter(|l| !unique(l.1.clone())).map(|l| l.0.to_owned()).collect()
    });
}

/// The map folder would no longer be what its `SOURCE.md` says it is.
#[test]
fn the_shipped_map_is_its_seeds() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("maps/halvermere/map.json");
    let text = mapfile::write(&CITIES[0].1);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder can be made");
        std::fs::write(&path, &text).expect("the map can be written");
    }
    let shipped = std::fs::read_to_string(&path).expect("the map ships with the program");
    assert!(shipped == text, "the map differs from seed {}; UPDATE_GOLDEN=1 cargo test writes it anew", SHIPPED_SEED.0);
}

#[test]
fn a_written_map_reads_back_the_same() {
    let city = &CITIES[0].1;
    let text = mapfile::write(city);
    let back = mapfile::parse(Path::new("map.json"), &text).expect("it is well formed");
    assert!(mapfile::write(&back) == text, "the text changed");
    assert!(back == *city, "the city changed on its way through the file");
}
