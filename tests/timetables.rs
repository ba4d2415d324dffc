//! Buses from timetables in the running city: they keep their times where the road lets them, and are late where it does not.

use std::fmt::Write as _;
use std::path::Path;

use citytwin::city::network::Projection;
use citytwin::city::network::bare::{BareControl, BareLane, BareMap, BareNode, BareRoad, Markings};
use citytwin::city::network::mapfile::{self, MapFile};
use citytwin::city::network::places::Places;
use citytwin::city::scenario::{self, LoadedScenario, Overrides};
use citytwin::primitives::{ClassSet, Distance, Point, Polyline, Speed};
use citytwin::simulation::outcome::Outcome;
use citytwin::studies::comparison::measures_of;
use citytwin::studies::experiment::{self, Destination, Program};

/// A street of three kilometres east, a stop in the middle of each.
fn street(folder: &Path) {
    let nodes = ["a", "b", "c", "d"];
    let node = |(n, name): (u32, &str)| BareNode {
        name: name.to_owned(),
        position: Point::new(f64::from(n) * 1000.0, 0.0),
        control: BareControl::Automatic,
    };
    let nodes: Vec<BareNode> = (0..).zip(nodes).map(node).collect();
    let road = |from: usize| BareRoad {
        name: format!("{}--{}", nodes[from].name, nodes[from + 1].name),
        street: None,
        from,
        to: from + 1,
        line: Polyline::new(vec![nodes[from].position, nodes[from + 1].position]),
        centred: false,
        lanes: vec![BareLane { width: Distance::metres(3.2), allowed: ClassSet::ALL }],
        speed: Speed::kilometres_per_hour(50.0),
        priority: 3,
        road_type: None,
    };
    let roads = (0..3).map(road).collect();
    let projection = Projection::Equirectangular { origin: (0.0, 0.0) };
    let map =
        BareMap { nodes, roads, turn_bans: Vec::new(), markings: Markings::default(), left_hand: false, projection };
    let file = MapFile { name: "street".to_owned(), map, places: Places::default() };
    std::fs::write(folder.join("map.json"), mapfile::write(&file)).expect("a map");
}

/// Buses every five minutes from 07:00 to 07:30 with so many seconds from stop to stop.
fn run(seconds: u32) -> (LoadedScenario, Outcome) {
    let folder = tempfile::tempdir().expect("a folder");
    street(folder.path());
    let feed = folder.path().join("feed");
    std::fs::create_dir(&feed).expect("a folder");
    let mut stops = "stop_id,stop_lat,stop_lon\n".to_owned();
    for n in 0..3 {
        writeln!(stops, "s{n},-0.00007,{:.6}", (f64::from(n) * 1000.0 + 500.0) / 111_319.490_793).expect("text");
    }
    let clock = |seconds: u32| format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    let (mut trips, mut times) = (
        "route_id,service_id,trip_id\n".to_owned(),
        "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n".to_owned(),
    );
    for n in 0..6 {
        writeln!(trips, "r,daily,t{n}").expect("text");
        for stop in 0..3 {
            let time = clock(25_200 + n * 300 + stop * seconds);
            writeln!(times, "t{n},{time},{time},s{stop},{stop}").expect("text");
        }
    }
    let files = [
        ("stops.txt", stops),
        ("routes.txt", "route_id,route_short_name,route_type\nr,7,3\n".to_owned()),
        ("trips.txt", trips),
        ("stop_times.txt", times),
        ("calendar_dates.txt", "service_id,date,exception_type\ndaily,20260302,1\n".to_owned()),
    ];
    for (name, text) in files {
        std::fs::write(feed.join(name), text).expect("a table");
    }
    let path = folder.path().join("street.yaml");
    let text = "citytwin: 1\nname: Street\nmap: { city: map.json }\ntime: { start: 2026-03-02T06:55, run: 45 min }\n\
                demand:\n  - buses: { gtfs: feed }\nseed: 7\n";
    std::fs::write(&path, text).expect("a scenario");
    let loaded = scenario::load(&path, &Overrides::default()).unwrap_or_else(|wrong| panic!("{:?}", wrong.problems()));
    let (nothing, program) = (Destination::default(), Program::default());
    let finished = experiment::run(&loaded, &nothing, &program, None, &|| false, &mut |_| {}).expect("it runs");
    (loaded, finished.outcome)
}

#[test]
fn buses_keep_their_times_where_the_road_lets_them() {
    let (loaded, outcome) = run(180);
    assert_eq!((outcome.loaded, outcome.arrived), (6, 6));
    assert_eq!(outcome.left_stops.len(), 18, "every stop is left once");
    for left in &outcome.left_stops {
        assert!(left.at >= left.due, "nobody leaves before its time: {left:?}");
    }
    let delay = measures_of(&loaded, &outcome)["bus-delay"];
    assert!((0.0..=2.0).contains(&delay), "{delay} s late on an empty road");
}

#[test]
fn buses_are_late_where_the_timetable_is_not_to_be_kept() {
    // A kilometre at 50 km/h takes 72 s, and the halt 20 s more: after two of them it is a minute too late or more.
    let (loaded, outcome) = run(60);
    let measures = measures_of(&loaded, &outcome);
    let last: Vec<f64> =
        outcome.left_stops.iter().filter(|left| left.stop == 2).map(|left| (left.at - left.due).as_seconds()).collect();
    assert!(last.len() == 6 && last.iter().all(|late| (55.0..150.0).contains(late)), "{last:?}");
    assert!(measures["bus-delay"] > 20.0 && measures["bus-delay.p90"] >= measures["bus-delay"], "{measures:?}");
}
