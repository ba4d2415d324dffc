//! What a feed says, what is told of a broken one, and where its buses drive.
//!
//! ```text
//!                 north
//!                /      \
//!   west ── a ──────────── b ── east      400 m each, both ways; stops s1 s2 s3 on the south side, n3 n2 n1 on the north side
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::*;
use crate::city::network::Projection;
use crate::city::network::bare::{BareControl, BareLane, BareMap, BareNode, BareRoad, Markings};
use crate::primitives::{ClassSet, Polyline};

const NODES: [(&str, f64, f64); 5] =
    [("west", 0.0, 0.0), ("a", 400.0, 0.0), ("b", 800.0, 0.0), ("east", 1200.0, 0.0), ("north", 600.0, 300.0)];

fn network(left_hand: bool) -> Network {
    let nodes: Vec<BareNode> = NODES
        .iter()
        .map(|&(name, x, y)| BareNode {
            name: name.to_owned(),
            position: Point::new(x, y),
            control: BareControl::Automatic,
        })
        .collect();
    let mut roads = Vec::new();
    for (from, to) in [(0, 1), (1, 2), (2, 3), (1, 4), (4, 2)] {
        for (from, to) in [(from, to), (to, from)] {
            roads.push(BareRoad {
                name: format!("{}--{}", nodes[from].name, nodes[to].name),
                street: None,
                from,
                to,
                line: Polyline::new(vec![nodes[from].position, nodes[to].position]),
                centred: false,
                lanes: vec![BareLane { width: Distance::metres(3.2), allowed: ClassSet::ALL }],
                speed: Speed::kilometres_per_hour(50.0),
                priority: 3,
                road_type: None,
            });
        }
    }
    let projection = Projection::Equirectangular { origin: (0.0, 0.0) };
    let map = BareMap { nodes, roads, turn_bans: Vec::new(), markings: Markings::default(), left_hand, projection };
    map.build().unwrap_or_else(|findings| panic!("{:?}", findings.problems()))
}

/// A degree of the sphere that maps are drawn on [m].
const DEGREE: f64 = 111_319.490_793;

fn stop(id: &str, x: f64, y: f64) -> String {
    format!("{id},Stop {id},{:.9},{:.9}\n", y / DEGREE, x / DEGREE)
}

/// A sound feed: line 5 there and back and late at night, on weekdays of 2026, and a tram.
fn feed() -> BTreeMap<&'static str, String> {
    let mut stops = "stop_id,stop_name,stop_lat,stop_lon\n".to_owned();
    for (id, x, y) in [("s1", 200.0, -8.0), ("s2", 600.0, -8.0), ("s3", 1000.0, -8.0)] {
        stops += &stop(id, x, y);
    }
    for (id, x, y) in [("n3", 1000.0, 8.0), ("n2", 600.0, 8.0), ("n1", 200.0, 8.0)] {
        stops += &stop(id, x, y);
    }
    BTreeMap::from([
        ("stops.txt", stops),
        ("routes.txt", "route_id,route_short_name,route_type\nr5,5,3\nt1,T,0\n".to_owned()),
        (
            "trips.txt",
            "route_id,service_id,trip_id,shape_id\nr5,wk,out,\nr5,wk,back,\nr5,wk,late,\nt1,wk,tram,\n".to_owned(),
        ),
        (
            "stop_times.txt",
            "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n\
             out,07:00:00,07:00:00,s1,1\nout,07:02:00,07:02:30,s2,2\nout,07:05:00,07:05:00,s3,3\n\
             back,07:10:00,07:10:00,n3,1\nback,,,n2,5\nback,07:15:00,07:15:00,n1,9\n\
             late,25:10:00,25:10:00,s1,1\nlate,25:14:00,25:14:00,s3,2\n"
                .to_owned(),
        ),
        (
            "calendar.txt",
            "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n\
             wk,1,1,1,1,1,0,0,20260101,20261231\n"
                .to_owned(),
        ),
    ])
}

fn clock(hours: f64, minutes: f64) -> SimTime {
    SimTime::seconds((hours * 60.0 + minutes) * 60.0)
}

fn spec(path: PathBuf, date: &str, from: SimTime, to: SimTime) -> TimetableSpec {
    TimetableSpec {
        feed: path,
        place: Place::file("town.yaml").at(5, 10),
        date: date.to_owned(),
        span: (from, to),
        dwell: SimDuration::seconds(20.0),
        lines: Vec::new(),
        within: Distance::metres(40.0),
    }
}

fn written(feed: &BTreeMap<&str, String>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in feed {
        std::fs::write(folder.path().join(name), text).expect("a file");
    }
    folder
}

/// Reads a feed from a folder, for a Monday morning unless `change` says otherwise.
fn read_with(
    feed: &BTreeMap<&str, String>,
    change: impl FnOnce(&mut TimetableSpec),
) -> Result<(Demand, Vec<PathBuf>, Findings), Findings> {
    let folder = written(feed);
    let mut wanted = spec(folder.path().to_owned(), "2026-03-02", clock(6.0, 50.0), clock(8.0, 0.0));
    change(&mut wanted);
    read(&wanted, &network(false))
}

fn sound(feed: &BTreeMap<&str, String>, change: impl FnOnce(&mut TimetableSpec)) -> (Demand, Findings) {
    let (demand, _, findings) = read_with(feed, change).unwrap_or_else(|findings| panic!("{:?}", findings.problems()));
    (demand, findings)
}

/// A bus as tests tell it: name, departure, and for every halt its lane and its time.
type Told = (String, SimTime, Vec<(String, Option<SimTime>)>);

fn told(demand: &Demand) -> Vec<Told> {
    let network = network(false);
    let halts = |vehicle: &Vehicle| {
        vehicle.stops.iter().map(|stop| (network.lane_name(stop.lane), stop.until)).collect::<Vec<_>>()
    };
    demand.vehicles.iter().map(|one| (one.name.clone(), one.departure.time, halts(one))).collect()
}

fn roads(demand: &Demand, vehicle: usize) -> Vec<String> {
    let network = network(false);
    let route = demand.route(demand.vehicles[vehicle].route);
    route.edges.iter().map(|&edge| network.edge(edge).name.clone()).collect()
}

#[test]
fn buses_run_on_their_side_of_the_road_by_their_timetable() {
    let (demand, findings) = sound(&feed(), |_| {});
    let halt = |lane: &str, time: Option<SimTime>| (lane.to_owned(), time);
    let at = |minutes: f64| Some(clock(7.0, minutes));
    let expected = vec![
        (
            "5-out".to_owned(),
            clock(7.0, -0.5),
            vec![halt("west--a_0", at(0.0)), halt("a--b_0", at(2.5)), halt("b--east_0", at(5.0))],
        ),
        (
            "5-back".to_owned(),
            clock(7.0, 9.5),
            vec![halt("east--b_0", at(10.0)), halt("b--a_0", None), halt("a--west_0", at(15.0))],
        ),
    ];
    assert_eq!(told(&demand), expected);
    assert_eq!(roads(&demand, 0), ["west--a", "a--b", "b--east"]);
    assert_eq!(demand.vehicles[0].line.as_deref(), Some("5"));
    let first = demand.vehicles[0].stops[0];
    assert!(
        (first.position.as_metres() - 200.0).abs() < 15.0 && first.position - first.start >= Distance::metres(13.0)
    );
    assert_eq!(demand.bus_stops.len(), 6);
    assert_eq!(findings.left_out().get("lines of a feed that are no buses"), Some(&1));
}

#[test]
fn where_one_drives_on_the_left_stops_are_on_the_left() {
    let mut other = feed();
    let mut stops = "stop_id,stop_name,stop_lat,stop_lon\n".to_owned();
    for (id, x, y) in [("s1", 200.0, 8.0), ("s2", 600.0, 8.0), ("s3", 1000.0, 8.0)] {
        stops += &stop(id, x, y);
    }
    for (id, x, y) in [("n3", 1000.0, -8.0), ("n2", 600.0, -8.0), ("n1", 200.0, -8.0)] {
        stops += &stop(id, x, y);
    }
    other.insert("stops.txt", stops);
    let folder = written(&other);
    let wanted = spec(folder.path().to_owned(), "2026-03-02", clock(6.0, 50.0), clock(8.0, 0.0));
    let network = network(true);
    let (demand, ..) = read(&wanted, &network).unwrap_or_else(|findings| panic!("{:?}", findings.problems()));
    let lanes = |vehicle: usize| {
        demand.vehicles[vehicle].stops.iter().map(|stop| network.lane_name(stop.lane)).collect::<Vec<_>>()
    };
    assert_eq!(lanes(0), ["west--a_0", "a--b_0", "b--east_0"]);
    assert_eq!(lanes(1), ["east--b_0", "b--a_0", "a--west_0"]);
}

#[test]
fn an_archive_reads_like_its_folder() {
    let feed = feed();
    let files: Vec<(String, String)> = feed.iter().map(|(name, text)| (format!("feed/{name}"), text.clone())).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("feed.zip");
    std::fs::write(&path, archive::tests::archive(&files)).expect("written");
    let (demand, _) = sound(&feed, |_| {});
    let (zipped, read_files, _) =
        read(&spec(path.clone(), "2026-03-02", clock(6.0, 50.0), clock(8.0, 0.0)), &network(false)).expect("a feed");
    assert_eq!(zipped, demand);
    assert_eq!(read_files, [path]);
}

#[test]
fn a_service_day_goes_on_after_midnight() {
    let night = |wanted: &mut TimetableSpec, date: &str| {
        date.clone_into(&mut wanted.date);
        wanted.span = (clock(0.0, 30.0), clock(2.0, 0.0));
    };
    let (demand, _) = sound(&feed(), |wanted| night(wanted, "2026-03-03"));
    let times: Vec<(String, Option<SimTime>)> =
        demand.vehicles.iter().map(|one| (one.name.clone(), one.stops[0].until)).collect();
    assert_eq!(times, [("5-late-1d".to_owned(), Some(clock(1.0, 10.0)))]);
    // The night to Monday belongs to Sunday, and no service runs on Sundays.
    let none = read_with(&feed(), |wanted| night(wanted, "2026-03-02")).expect_err("nobody drives");
    assert!(none.problems()[0].message.contains("no bus of the feed drives on this map on 2026-03-02"));
    // A whole night in one run has the late bus under its own day.
    let (demand, _) = sound(&feed(), |wanted| wanted.span = (clock(20.0, 0.0), clock(26.0, 0.0)));
    assert_eq!(demand.vehicles[0].stops[0].until, Some(clock(25.0, 10.0)));
}

#[test]
fn days_are_added_and_taken_away() {
    let mut changed = feed();
    changed.insert("calendar_dates.txt", "service_id,date,exception_type\nwk,20260302,2\nwk,20260308,1\n".to_owned());
    assert!(read_with(&changed, |_| {}).is_err(), "taken away");
    let (demand, _) = sound(&changed, |wanted| wanted.date = "2026-03-08".to_owned());
    assert_eq!(demand.vehicles.len(), 2, "a Sunday that is added");
}

#[test]
fn a_broken_feed_is_told_with_file_and_line() {
    let cases: [(&str, &str, &str, &str, &str); 9] = [
        ("stops.txt", "stop_lat", "lat", "stops.txt:1", "has no column `stop_lat`"),
        ("stop_times.txt", ",s2,2", ",s9,2", "stop_times.txt:3", "there is no stop `s9` in stops.txt"),
        (
            "stop_times.txt",
            "07:02:00,07:02:30",
            "06:58:00,06:58:00",
            "stop_times.txt:3",
            "goes back in time at stop `s2`",
        ),
        ("stop_times.txt", "07:02:00,07:02:30", "7.02,07:02:30", "stop_times.txt:3", "`7.02` is no time of day"),
        ("stop_times.txt", "late,25:14:00,25:14:00,s3,2\n", "", "trips.txt:4", "trip `late` has 1 stop(s)"),
        (
            "stop_times.txt",
            "out,07:00:00,07:00:00",
            "out,,",
            "stop_times.txt:2",
            "the first or last call of a trip has no time",
        ),
        ("trips.txt", "r5,wk,back", "r6,wk,back", "trips.txt:3", "there is no route_id `r6` in routes.txt"),
        ("trips.txt", "r5,wk,back", "r5,we,back", "trips.txt:3", "there is no service_id `we`"),
        ("calendar.txt", "20260101", "1 Jan 2026", "calendar.txt:2", "`1 Jan 2026` is no date"),
    ];
    for (file, from, to, place, message) in cases {
        let mut broken = feed();
        let text = broken[file].replace(from, to);
        assert_ne!(text, broken[file], "{from}");
        broken.insert(file, text);
        let findings = read_with(&broken, |_| {}).expect_err(message);
        let problem = &findings.problems()[0];
        assert!(problem.place.to_string().ends_with(place), "{problem} is not at {place}");
        assert!(problem.message.contains(message) && problem.help.is_some(), "{problem} is not {message}");
    }
    for (file, message) in [("stops.txt", "is missing"), ("calendar.txt", "is missing, and so is calendar_dates.txt")] {
        let mut broken = feed();
        broken.remove(file);
        let findings = read_with(&broken, |_| {}).expect_err(message);
        assert!(findings.problems().iter().any(|problem| problem.message == message), "{:?}", findings.problems());
    }
}

#[test]
fn what_is_off_the_map_is_cut_off_and_counted() {
    let mut far = feed();
    let moved = far["stops.txt"].replace(&stop("s3", 1000.0, -8.0), &stop("s3", 9000.0, -8.0));
    far.insert("stops.txt", moved);
    let (demand, findings) = sound(&far, |_| {});
    let out = demand.vehicles.iter().find(|one| one.name == "5-out").expect("it still drives two stops");
    assert_eq!(out.stops.len(), 2);
    assert_eq!(findings.left_out().get("stops of a feed that are off the map"), Some(&1));
    let mut gone = feed();
    let moved = gone["stops.txt"].replace(&stop("s2", 600.0, -8.0), &stop("s2", 600.0, -900.0));
    gone.insert("stops.txt", moved);
    let (demand, findings) = sound(&gone, |_| {});
    assert!(demand.vehicles.iter().all(|one| one.name != "5-out"), "no two stops in a row are on the map");
    assert_eq!(findings.left_out().get("trips of a feed with fewer than two stops on the map"), Some(&1));
}

#[test]
fn a_headway_makes_a_bus_every_so_often() {
    let mut often = feed();
    often.insert("frequencies.txt", "trip_id,start_time,end_time,headway_secs\nout,07:00:00,07:30:00,600\n".to_owned());
    let (demand, _) = sound(&often, |_| {});
    let times: Vec<Option<SimTime>> =
        demand.vehicles.iter().filter(|one| one.name.starts_with("5-out")).map(|one| one.stops[1].until).collect();
    assert_eq!(times, [2.5, 12.5, 22.5].map(|minutes| Some(clock(7.0, minutes))));
}

#[test]
fn a_shape_leads_the_way() {
    let mut drawn = feed();
    let shaped = drawn["trips.txt"].replace("r5,wk,out,", "r5,wk,out,by-north");
    drawn.insert("trips.txt", shaped);
    let mut shape = "shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence\n".to_owned();
    for (n, (x, y)) in [(0.0, 0.0), (400.0, 0.0), (600.0, 300.0), (800.0, 0.0), (1200.0, 0.0)].iter().enumerate() {
        writeln!(shape, "by-north,{:.9},{:.9},{n}", y / DEGREE, x / DEGREE).expect("text");
    }
    drawn.insert("shapes.txt", shape);
    let without_middle = drawn["stop_times.txt"].replace("out,07:02:00,07:02:30,s2,2\n", "");
    drawn.insert("stop_times.txt", without_middle);
    let (demand, _) = sound(&drawn, |_| {});
    assert_eq!(roads(&demand, 0), ["west--a", "a--north", "north--b", "b--east"]);
    drawn.remove("shapes.txt");
    let (demand, _) = sound(&drawn, |_| {});
    assert_eq!(roads(&demand, 0), ["west--a", "a--b", "b--east"]);
}

#[test]
fn a_bus_under_way_begins_at_its_next_stop() {
    let (demand, findings) = sound(&feed(), |wanted| wanted.span.0 = clock(7.0, 1.0));
    let out = demand.vehicles.iter().position(|one| one.name == "5-out").expect("it is under way");
    assert_eq!(roads(&demand, out), ["a--b", "b--east"]);
    assert_eq!(demand.vehicles[out].stops.len(), 2);
    assert_eq!(demand.vehicles[out].departure.time, clock(7.0, 2.0));
    let what = "trips of a feed that are under way when the run begins, from their next stop on";
    assert_eq!(findings.left_out().get(what), Some(&1));
}

#[test]
fn lines_are_chosen_by_name() {
    let at = Place::file("town.yaml").at(7, 20);
    let (demand, _) = sound(&feed(), |wanted| wanted.lines = vec![("r5".to_owned(), at.clone())]);
    assert_eq!(demand.vehicles.len(), 2);
    let findings =
        read_with(&feed(), |wanted| wanted.lines = vec![("50".to_owned(), at.clone())]).expect_err("no such line");
    assert_eq!(findings.problems()[0].to_string(), "town.yaml:7:20: the feed has no bus line `50` (did you mean `5`?)");
}
