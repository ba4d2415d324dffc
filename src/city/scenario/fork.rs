//! Two ways east for tests: a city of two roads that fork and meet again, where one of them is quicker and narrow.
//!
//! ```text
//!                       up
//!              783 m  /    \  783 m, 50 km/h
//!   west ──300 m── a          b ──300 m── east
//!                    \      /
//!             600 m   mid     100 m at 10 km/h: no more than one car in four seconds
//! ```
//!
//! On empty roads the way past `mid` is half a minute shorter; every 2.5 s somebody wants to go east.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::city::network::Projection;
use crate::city::network::bare::{BareControl, BareLane, BareMap, BareNode, BareRoad, Markings};
use crate::city::network::mapfile::{self, MapFile};
use crate::city::network::places::Places;
use crate::primitives::{ClassSet, Distance, Point, Polyline, Speed};

const NODES: [(&str, f64, f64); 6] = [
    ("west", 0.0, 0.0),
    ("a", 300.0, 0.0),
    ("mid", 900.0, 0.0),
    ("b", 1000.0, 0.0),
    ("east", 1300.0, 0.0),
    ("up", 650.0, 700.0),
];

/// Ends, lanes and limit [km/h].
const ROADS: [(usize, usize, usize, f64); 6] =
    [(0, 1, 2, 50.0), (1, 2, 1, 50.0), (2, 3, 1, 10.0), (3, 4, 2, 50.0), (1, 5, 1, 50.0), (5, 3, 1, 50.0)];

fn map() -> BareMap {
    let nodes: Vec<BareNode> = NODES
        .iter()
        .map(|&(name, x, y)| BareNode {
            name: name.to_owned(),
            position: Point::new(x, y),
            control: BareControl::Automatic,
        })
        .collect();
    let road = |&(from, to, lanes, limit): &(usize, usize, usize, f64)| BareRoad {
        name: format!("{}--{}", nodes[from].name, nodes[to].name),
        street: Some(format!("{} road", nodes[from].name)),
        from,
        to,
        line: Polyline::new(vec![nodes[from].position, nodes[to].position]),
        centred: false,
        lanes: vec![BareLane { width: Distance::metres(3.2), allowed: ClassSet::ALL }; lanes],
        speed: Speed::kilometres_per_hour(limit),
        priority: if lanes == 2 { 5 } else { 3 },
        road_type: None,
    };
    let roads = ROADS.iter().map(road).collect();
    BareMap {
        nodes,
        roads,
        turn_bans: Vec::new(),
        markings: Markings::default(),
        left_hand: false,
        projection: Projection::None,
    }
}

/// A scenario of a quarter of an hour in a folder of its own, with the keys of `more`.
pub(crate) fn scenario(folder: &Path, more: &str) -> PathBuf {
    let file = MapFile { name: "fork".to_owned(), map: map(), places: Places::default() };
    std::fs::write(folder.join("map.json"), mapfile::write(&file)).expect("a map");
    let mut routes = String::from("<routes>\n");
    for n in 0..240 {
        let time = f64::from(n) * 2.5;
        writeln!(routes, "<trip id=\"t{n}\" depart=\"{time}\" from=\"west--a\" to=\"b--east\"/>").expect("text");
        if n % 40 == 20 {
            writeln!(
                routes,
                "<vehicle id=\"given{n}\" depart=\"{time}\"><route edges=\"west--a a--mid mid--b b--east\"/></vehicle>"
            )
            .expect("text");
        }
    }
    std::fs::write(folder.join("trips.rou.xml"), routes + "</routes>\n").expect("trips");
    let path = folder.join("fork.yaml");
    let text = format!(
        "citytwin: 1\nname: Fork\nmap: {{ city: map.json }}\ntime: {{ start: 00:00, run: 15 min }}\ndemand:\n  \
         - sumo-routes: {{ files: [trips.rou.xml] }}\nseed: 7\n{more}"
    );
    std::fs::write(&path, text).expect("a scenario");
    path
}
