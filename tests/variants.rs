//! Variants of a scenario do what their measures say, from the file to the running city; and the city as it is stays as it is.
//!
//! A small town written as a map of this program, with trips of SUMO on it; each test adds the interventions it is about.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use citytwin::city::network::bare::{BareControl, BareLane, BareMap, BareNode, BareRoad, Markings};
use citytwin::city::network::mapfile::{self, MapFile};
use citytwin::city::network::places::Places;
use citytwin::city::network::{Projection, SignalControl};
use citytwin::city::scenario::{self, LoadedScenario, Overrides};
use citytwin::primitives::{ClassSet, Distance, Point, Polyline, SimDuration, SimTime, Speed};
use citytwin::simulation::City;

/// West, two crossings with signals, east, a corner north of the street's middle, a square behind it, and a way out to the south.
const NODES: [(&str, f64, f64, BareControl); 8] = [
    ("west", 0.0, 0.0, BareControl::Automatic),
    ("a", 300.0, 0.0, BareControl::Signal),
    ("b", 700.0, 0.0, BareControl::Signal),
    ("east", 1000.0, 0.0, BareControl::Automatic),
    ("corner", 500.0, 150.0, BareControl::Automatic),
    ("square", 500.0, 400.0, BareControl::Automatic),
    ("south", 300.0, -300.0, BareControl::Automatic),
    ("quay", 700.0, -300.0, BareControl::Automatic),
];

/// The streets: name, ends, lanes.
const STREETS: [(&str, usize, usize, usize); 8] = [
    ("West Road", 0, 1, 2),
    ("High Street", 1, 2, 2),
    ("East Road", 2, 3, 2),
    ("Back Lane", 1, 4, 1),
    ("Back Lane", 4, 2, 1),
    ("Square", 4, 5, 1),
    ("Mill Street", 6, 1, 1),
    ("Quay Street", 7, 2, 1),
];

fn map() -> BareMap {
    let nodes: Vec<BareNode> = NODES
        .iter()
        .map(|&(name, x, y, control)| BareNode { name: name.to_owned(), position: Point::new(x, y), control })
        .collect();
    let mut roads = Vec::new();
    for (street, from, to, lanes) in STREETS {
        for (from, to) in [(from, to), (to, from)] {
            roads.push(BareRoad {
                name: format!("{}--{}", nodes[from].name, nodes[to].name),
                street: Some(street.to_owned()),
                from,
                to,
                line: Polyline::new(vec![nodes[from].position, nodes[to].position]),
                centred: false,
                lanes: vec![BareLane { width: Distance::metres(3.2), allowed: ClassSet::ALL }; lanes],
                speed: Speed::kilometres_per_hour(50.0),
                priority: if lanes == 2 { 5 } else { 3 },
                road_type: None,
            });
        }
    }
    let at = |name: &str| roads.iter().position(|road| road.name == name).expect("a road");
    let turn_bans = vec![(at("east--b"), at("b--corner"))];
    BareMap { nodes, roads, turn_bans, markings: Markings::default(), left_hand: false, projection: Projection::None }
}

/// A folder with the map, trips from the west to the east every ten seconds, to the square every thirty, and a bus line.
struct Desk {
    folder: PathBuf,
}

impl Drop for Desk {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

impl Desk {
    fn new(test: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("citytwin-variants-{test}-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&folder));
        std::fs::create_dir_all(&folder).expect("a folder");
        let file = MapFile { name: "town".to_owned(), map: map(), places: Places::default() };
        std::fs::write(folder.join("map.json"), mapfile::write(&file)).expect("written");
        let mut routes = String::from("<routes>\n");
        for n in 0..120 {
            let time = f64::from(n) * 10.0;
            writeln!(routes, "<trip id=\"t{n}\" depart=\"{time}\" from=\"west--a\" to=\"b--east\"/>").expect("text");
            if n % 3 == 1 {
                writeln!(routes, "<trip id=\"s{n}\" depart=\"{time}\" from=\"west--a\" to=\"corner--square\"/>")
                    .expect("text");
            }
            if n % 3 == 2 {
                writeln!(routes, "<trip id=\"q{n}\" depart=\"{time}\" from=\"east--b\" to=\"corner--square\"/>")
                    .expect("text");
            }
            if n % 20 == 5 {
                writeln!(
                    routes,
                    "<vehicle id=\"bus{n}\" depart=\"{time}\" line=\"7\"><route edges=\"west--a a--b b--east\"/><stop lane=\"a--b_0\" endPos=\"200\" duration=\"20\"/></vehicle>"
                )
                .expect("text");
            }
        }
        std::fs::write(folder.join("trips.rou.xml"), routes + "</routes>\n").expect("written");
        Self { folder }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.join(name);
        std::fs::write(&path, text).expect("written");
        path
    }

    /// A scenario with one intervention of these measures, in lines of the file without their indentation.
    fn scenario(&self, measures: &str) -> PathBuf {
        let indented: String = measures.lines().flat_map(|line| ["    ", line, "\n"]).collect();
        self.write("town.yaml", &format!("{HEAD}interventions:\n  change:\n{indented}"))
    }

    fn load(&self, measures: &str) -> LoadedScenario {
        load(&self.scenario(measures))
    }

    /// The variant with these measures.
    fn change(&self, measures: &str) -> LoadedScenario {
        let loaded = self.load(measures);
        loaded.variant("change").unwrap_or_else(|findings| panic!("{:?}", findings.problems()))
    }

    /// What is said against these measures.
    fn complaint(&self, measures: &str) -> String {
        let said = scenario::load(&self.scenario(measures), &Overrides::default());
        let said = said.and_then(|loaded| loaded.variant("change"));
        said.err()
            .map(|findings| findings.problems().iter().flat_map(|one| [one.to_string(), String::from("\n")]).collect())
            .unwrap_or_default()
    }
}

const HEAD: &str = "citytwin: 1
name: Town
map: {city: map.json}
time: {start: 00:00, run: 30 min}
demand:
  - sumo-routes: {files: [trips.rou.xml]}
outputs: {road-interval: 5 min}
";

fn load(path: &std::path::Path) -> LoadedScenario {
    scenario::load(path, &Overrides::default()).unwrap_or_else(|findings| panic!("{:?}", findings.problems()))
}

/// What was seen of a run.
#[derive(Debug, Default)]
struct Seen {
    /// Roads each vehicle was on, and its greatest speed there [m/s].
    roads: BTreeMap<String, BTreeMap<String, f64>>,
    /// Lanes of each road that were used.
    lanes: BTreeSet<(String, u32)>,
    /// How long each vehicle stood [s].
    stood: BTreeMap<String, f64>,
    /// How long each vehicle was on the road [s].
    there: BTreeMap<String, f64>,
    /// When each first was [s].
    began: BTreeMap<String, f64>,
    arrived: u32,
    moved_as_last_resort: u32,
    hash: String,
}

impl Seen {
    fn on(&self, road: &str) -> usize {
        self.roads.values().filter(|roads| roads.contains_key(road)).count()
    }

    /// The mean of a time over vehicles whose names begin so [s].
    fn mean(&self, of: &BTreeMap<String, f64>, prefix: &str) -> f64 {
        let chosen: Vec<f64> = self
            .there
            .keys()
            .filter(|name| name.starts_with(prefix))
            .map(|name| of.get(name).copied().unwrap_or(0.0))
            .collect();
        assert!(!chosen.is_empty(), "nobody is called {prefix}");
        chosen.iter().sum::<f64>() / f64::from(u32::try_from(chosen.len()).expect("few"))
    }
}

fn run(loaded: &LoadedScenario) -> Seen {
    let mut city = City::of_scenario(loaded);
    let mut seen = Seen::default();
    while !city.is_over() {
        city.step();
        let now = city.time().as_seconds();
        for vehicle in city.vehicles() {
            let name = &loaded.demand.vehicles[vehicle.vehicle.index()].name;
            let edge = loaded.network.edge_of(vehicle.lane);
            *seen.there.entry(name.clone()).or_default() += 1.0;
            seen.began.entry(name.clone()).or_insert(now);
            if vehicle.speed < 0.1 {
                *seen.stood.entry(name.clone()).or_default() += 1.0;
            }
            let fastest = seen.roads.entry(name.clone()).or_default().entry(edge.name.clone()).or_default();
            *fastest = fastest.max(vehicle.speed);
            seen.lanes.insert((edge.name.clone(), loaded.network.lane(vehicle.lane).index));
        }
    }
    let instant = city.instant();
    (seen.arrived, seen.moved_as_last_resort) = (instant.arrived, instant.last_resort_moves);
    seen.hash = city.state_hash();
    seen
}

#[test]
fn the_city_as_it_is_is_the_same_in_every_file() {
    let desk = Desk::new("base");
    let plain = load(&desk.write("plain.yaml", HEAD));
    let with =
        desk.load("- close-road: {road: High Street}\n- scale-demand: {factor: 0.5}\n- roundabout: {junction: corner}");
    assert_eq!(with.variants.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["base", "change"]);
    let again = with.variant("change").and_then(|changed| changed.variant("base")).expect("it is there");
    assert_eq!(again.demand, plain.demand);
    assert_eq!(again.network, plain.network);
    assert!(Arc::ptr_eq(&again.network, &with.network), "nothing is built for the city as it is");
    assert_eq!(run(&plain).hash, run(&again).hash);
    assert_eq!(format!("{:?}", plain.resolved), format!("{:?}", again.resolved));
}

#[test]
fn a_lane_more_is_driven_on() {
    let desk = Desk::new("more");
    let changed = desk.change("- add-lane: {road: west--a}");
    assert_eq!(changed.network.edge(changed.network.find_edge("west--a").expect("it")).lane_count(), 3);
    let seen = run(&changed);
    assert!(seen.lanes.contains(&("west--a".to_owned(), 2)), "whoever turns left is on the new lane: {:?}", seen.lanes);
    assert_eq!((seen.arrived, seen.moved_as_last_resort), (206, 0));
}

#[test]
fn a_lane_fewer_is_not() {
    let desk = Desk::new("fewer");
    let seen = run(&desk.change("- remove-lane: {road: High Street}"));
    assert!(seen.lanes.contains(&("a--b".to_owned(), 0)) && !seen.lanes.contains(&("a--b".to_owned(), 1)));
    assert_eq!((seen.arrived, seen.moved_as_last_resort), (206, 0));
}

#[test]
fn a_turn_that_is_allowed_is_made() {
    let desk = Desk::new("allow");
    let loaded = desk.load("- allow-turn: {out-of: east--b, into: b--corner}");
    let straight = |seen: &Seen| {
        let there = seen.roads.iter().filter(|(name, _)| name.starts_with('q'));
        there.filter(|(_, roads)| !roads.contains_key("b--a") && !roads.contains_key("b--quay")).count()
    };
    assert_eq!(straight(&run(&loaded)), 0, "it is banned in the map");
    let seen = run(&loaded.variant("change").expect("it fits"));
    assert_eq!((straight(&seen), seen.arrived), (40, 206));
}

#[test]
fn a_signal_shows_what_its_plan_says() {
    let desk = Desk::new("retime");
    let loaded = desk.load("- retime-signal: {signal: a, cycle: 240 s}");
    let changed = loaded.variant("change").expect("it fits");
    let cycle = |loaded: &LoadedScenario| {
        let signal = loaded.network.signals.iter().find(|signal| signal.name == "a").expect("it is there");
        let program = signal.programs.last().expect("it has a plan");
        program.phases.iter().map(|phase| phase.duration.as_seconds()).sum::<f64>()
    };
    assert!(cycle(&loaded) <= 120.0);
    assert!((cycle(&changed) - 240.0).abs() < 1e-9);
    let (before, after) = (run(&loaded), run(&changed));
    assert!(
        after.mean(&after.stood, "t") > before.mean(&before.stood, "t") + 3.0,
        "a longer cycle makes one stand longer: {} and {}",
        before.mean(&before.stood, "t"),
        after.mean(&after.stood, "t")
    );
}

#[test]
fn a_green_wave_lets_one_through() {
    let desk = Desk::new("wave");
    let wave = run(&desk.change("- coordinate-signals: {signals: [a, b], speed: 45 km/h, cycle: 80 s}"));
    let changed = desk.change("- coordinate-signals: {signals: [a, b], speed: 45 km/h, cycle: 80 s}");
    let offset = changed
        .network
        .signals
        .iter()
        .find(|signal| signal.name == "b")
        .expect("it")
        .programs
        .last()
        .expect("one")
        .offset;
    let against = (offset.as_seconds() + 40.0).rem_euclid(80.0);
    let against = run(&desk.change(&format!(
        "- retime-signal: {{signal: a, cycle: 80 s}}\n- retime-signal: {{signal: b, cycle: 80 s, offset: {against} s}}"
    )));
    let (with, without) = (wave.mean(&wave.there, "t"), against.mean(&against.there, "t"));
    assert!(with + 8.0 < without, "{with} s with the wave, {without} s against it");
}

#[test]
fn an_adaptive_signal_does_not_wait_for_nobody() {
    let desk = Desk::new("adaptive");
    let loaded = desk.load("- make-adaptive: {signals: [a, b]}");
    let changed = loaded.variant("change").expect("it fits");
    let controls = changed.network.signals.iter().filter_map(|signal| signal.programs.last());
    assert_eq!(controls.filter(|program| matches!(program.control, SignalControl::Actuated { .. })).count(), 2);
    let (before, after) = (run(&loaded), run(&changed));
    let (fixed, adaptive) = (before.mean(&before.there, "t"), after.mean(&after.there, "t"));
    assert!(adaptive < fixed, "{adaptive} s and {fixed} s by the clock");
}

#[test]
fn a_new_signal_makes_one_stand() {
    let desk = Desk::new("signal");
    let loaded = desk.load("- add-signal: {junction: Back Lane / Square}");
    let changed = loaded.variant("change").expect("it fits");
    assert_eq!(changed.network.signals.len(), loaded.network.signals.len() + 1);
    let (before, after) = (run(&loaded), run(&changed));
    assert_eq!((after.arrived, after.moved_as_last_resort), (206, 0));
    assert!(after.mean(&after.stood, "s") > before.mean(&before.stood, "s") + 1.0);
}

#[test]
fn a_roundabout_is_driven_round() {
    let desk = Desk::new("ring");
    let changed = desk.change("- roundabout: {junction: corner, radius: 14 m}");
    let seen = run(&changed);
    assert!(
        seen.on("corner.ring0") + seen.on("corner.ring1") + seen.on("corner.ring2") >= 80,
        "{:?}",
        seen.roads.values().next()
    );
    assert_eq!((seen.arrived, seen.moved_as_last_resort), (206, 0));
    assert_eq!(changed.demand.vehicles.len(), desk.load("- close-road: {road: Square}").demand.vehicles.len());
}

#[test]
fn fewer_and_more_trips_leave_the_others_as_they_are() {
    let desk = Desk::new("scale");
    let loaded = desk.load("- scale-demand: {factor: 0.5}");
    let changed = loaded.variant("change").expect("it fits");
    for (before, after) in loaded.demand.vehicles.iter().zip(&changed.demand.vehicles) {
        assert_eq!(before.name, after.name, "rows keep their places");
        assert!([before.departure.time, SimTime::MAX].contains(&after.departure.time), "{}", before.name);
    }
    let (base, half) = (run(&loaded), run(&changed));
    let double = run(&desk.change("- scale-demand: {factor: 2, roads: [Square]}"));
    assert!((70..130).contains(&half.there.len()), "{}", half.there.len());
    assert_eq!(half.there.keys().filter(|name| name.starts_with("bus")).count(), 6, "buses keep their timetable");
    let squares = |seen: &Seen| seen.there.keys().filter(|name| name.starts_with('s') || name.starts_with('q')).count();
    assert_eq!((squares(&base), squares(&double)), (80, 160));
    assert_eq!(double.there.len(), base.there.len() + 80);
}

#[test]
fn a_development_draws_trips() {
    let desk = Desk::new("development");
    let seen =
        run(&desk.change("- new-development: {road: Mill Street, trips: 60, leaving: 25 %, from: 00:00, to: 00:15}"));
    let new: Vec<&String> = seen.there.keys().filter(|name| name.starts_with("new-")).collect();
    assert!((50..=60).contains(&new.len()), "{}", new.len());
    assert!(
        new.iter().all(|name| seen.roads[*name].contains_key("south--a") || seen.roads[*name].contains_key("a--south"))
    );
    assert!(new.iter().all(|name| seen.began[*name] <= 960.0));
}

#[test]
fn a_new_bus_line_halts_where_it_should() {
    let desk = Desk::new("line");
    let changed = desk
        .change("- add-bus-line: {line: N1, stops: [West Road, High Street, East Road], headway: 5 min, dwell: 30 s}");
    let seen = run(&changed);
    let buses: Vec<&String> = seen.there.keys().filter(|name| name.starts_with("N1-")).collect();
    assert_eq!(buses.len(), 6);
    assert!(buses.iter().take(4).all(|bus| seen.stood[*bus] >= 85.0), "three halts of half a minute: {:?}", seen.stood);
}

#[test]
fn a_bus_line_runs_more_often() {
    let desk = Desk::new("headway");
    let seen = run(&desk.change("- change-bus-line: {line: '7', headway: 100 s, dwell: 5 s}"));
    let buses: Vec<&String> = seen.there.keys().filter(|name| name.starts_with("7-")).collect();
    assert!(buses.len() >= 16, "{buses:?}");
    assert_eq!(seen.there.keys().filter(|name| name.starts_with("bus")).count(), 0, "the old timetable is gone");
    assert!(desk.complaint("- change-bus-line: {line: '8', headway: 100 s}").contains("no bus of a line `8`"));
}

#[test]
fn a_charge_sends_through_traffic_round_and_keeps_some_at_home() {
    let desk = Desk::new("charge");
    let seen = run(&desk.change(
        "- congestion-charge: {roads: [High Street], price: 20, value-of-time: 10, elasticity: 0, except: [bus]}",
    ));
    assert_eq!(seen.on("a--b"), 6, "only the buses pay nothing there");
    let round = seen.roads.iter().filter(|(name, roads)| name.starts_with('t') && roads.contains_key("a--corner"));
    assert_eq!(round.count(), 120);
    let into = desk.change("- congestion-charge: {roads: [Square], price: 5, value-of-time: 10, elasticity: -1}");
    let seen = run(&into);
    let trips = seen.there.keys().filter(|name| name.starts_with('s') || name.starts_with('q')).count();
    assert!((1..40).contains(&trips), "{trips} of 80 trips are still made");
    assert_eq!(seen.there.keys().filter(|name| name.starts_with('t')).count(), 120);
}

#[test]
fn whoever_follows_advice_drives_round_a_jam() {
    let desk = Desk::new("advice");
    let mut routes = String::from("<routes>\n");
    for n in 0..60 {
        let time = f64::from(n) * 10.0;
        let edges = "<route edges=\"west--a a--b b--east\"/>";
        writeln!(routes, "<vehicle id=\"g{n}\" depart=\"{time}\">{edges}</vehicle>").expect("text");
    }
    desk.write("given.rou.xml", &(routes + "</routes>\n"));
    let follow = |share: u32| {
        let head = HEAD.replace("trips.rou.xml", "given.rou.xml");
        let jam = "    - change-speed: {road: a--b, limit: 8 km/h}\n";
        let advice = format!("    - rerouting-advice: {{share: {share} %, every: 10 s}}\n");
        let file = desk.write("advice.yaml", &format!("{head}interventions:\n  change:\n{jam}{advice}"));
        run(&load(&file).variant("change").expect("it fits")).on("a--corner")
    };
    let (nobody, some, all) = (follow(0), follow(50), follow(100));
    assert_eq!(nobody, 0, "given routes stay given");
    assert!(all > 50 && (15..45).contains(&some), "{some} and {all} of 60");
}

#[test]
fn other_weather_is_driven_slower_in() {
    let desk = Desk::new("weather");
    let loaded = desk.load("- weather: {sky: snow, precipitation: 20 mm/h}");
    let (dry, snow) = (run(&loaded), run(&loaded.variant("change").expect("it fits")));
    let fastest = |seen: &Seen| seen.roads.values().flat_map(BTreeMap::values).copied().fold(0.0, f64::max);
    assert!(fastest(&snow) < 0.9 * fastest(&dry), "{} and {}", fastest(&snow), fastest(&dry));
}

#[test]
fn roadworks_block_a_lane() {
    let desk = Desk::new("works");
    let changed = desk.change("- incident: {at: 00:01, road: b--east, lanes: 1, duration: 20 min, kind: roadworks}");
    assert_eq!(changed.emergencies.as_ref().map(|plan| plan.incidents.len()), Some(1));
    let base = desk.load("- incident: {at: 00:01, road: b--east, lanes: 1, duration: 20 min, kind: roadworks}");
    assert!(base.emergencies.is_none());
    assert!(run(&changed).mean(&run(&changed).there, "t") > run(&base).mean(&run(&base).there, "t"));
}

#[test]
fn what_cannot_be_is_refused_where_it_stands() {
    let desk = Desk::new("refused");
    let cases = [
        (
            "- close-road: {road: Hihg Street}",
            "town.yaml:10:26: there is no road `Hihg Street` (did you mean `High Street`?)",
        ),
        ("- close-road: {road: [West Road]}", "should be text"),
        ("- close-raod: {road: Square}", "did you mean `close-road`?"),
        ("- close-road: {road: High Street, from: 07:00}", "`from` and `to` belong together"),
        ("- close-road: {from: 07:00, to: 08:00}", "names no road"),
        ("- close-road: {road: Square, except: [cras]}", "`cras` is no kind of vehicle"),
        ("- close-road: {road: Back Lane}", "are cut off"),
        ("- change-speed: {road: Square, limit: 30}", "30"),
        ("- add-lane: {road: Square, from: 07:00, to: 08:00}", "stands all day"),
        ("- retime-signal: {signal: a, greens: [20 s]}", "stages"),
        ("- retime-signal: {signal: corner, cycle: 60 s}", "there is no signal `corner`"),
        ("- retime-signal: {signal: a, cycle: 60 s}\n- make-adaptive: {signals: [a]}", "two plans"),
        ("- roundabout: {junction: square}", "needs three"),
        ("- roundabout: {junction: corner, radius: 60 m}\n- add-signal: {junction: corner}", "built over"),
        ("- parking: {road: Square, price: 3, elasticity: 0}", "says nothing of parking"),
        ("- congestion-charge: {road: Square, price: 3, value-of-time: 10, elasticity: 2}", "`elasticity`"),
        ("- within: {}", "unknown key `within`"),
        ("- close-road: {within: {polygon: [[1000, 1000], [1010, 1000], [1010, 1010]]}}", "no road in the area"),
        ("- close-road: {within: {file: nothing.geojson}}", "there is no file"),
        ("- add-bus-line: {line: N, stops: [Square, Nowhere], headway: 5 min}", "there is no road `Nowhere`"),
    ];
    for (measures, expected) in cases {
        let said = desk.complaint(measures);
        assert!(said.contains(expected), "{measures}\nexpected: {expected}\nsaid: {said}");
    }
}

#[test]
fn roads_may_be_drawn() {
    let desk = Desk::new("drawn");
    desk.write(
        "area.geojson",
        r#"{"type": "Polygon", "coordinates": [[[350, 10], [650, 10], [650, 450], [350, 450], [350, 10]]]}"#,
    );
    let closed = |measure: &str| -> BTreeSet<String> {
        let changed = desk.change(measure);
        let lanes = changed.plan.changes[0].lanes.iter().map(|rule| changed.network.edge_of(rule.lane).name.clone());
        lanes.collect()
    };
    let area = closed("- change-speed: {within: {file: area.geojson}, limit: 20 km/h}");
    assert_eq!(area.len(), 6, "{area:?}");
    let line = closed("- change-speed: {along: {points: [[290, 0], [710, 0]]}, limit: 20 km/h}");
    assert_eq!(line, ["a--b", "b--a"].map(str::to_owned).into());
    let near = closed("- change-speed: {road: Back Lane, near: [600, 75], limit: 20 km/h}");
    assert_eq!(near.len(), 4, "all of the street that hangs together: {near:?}");
    let changed = desk.change("- change-speed: {road: High Street, limit: 20 km/h}");
    assert!(
        changed.resolved.interventions[0].contains("High Street: 2 roads, "),
        "{:?}",
        changed.resolved.interventions
    );
}

#[test]
fn a_file_extends_another() {
    let desk = Desk::new("extends");
    desk.write("parent.yaml", &format!("{HEAD}seed: 7\n"));
    let child = desk.write(
        "child.yaml",
        "extends: parent.yaml\nname: Child\ntime: {run: 10 min}\ninterventions:\n  a:\n    - close-road: {road: Square}\n",
    );
    let loaded = load(&child);
    assert_eq!((loaded.name.as_str(), loaded.settings.seed.0), ("Child", 7));
    assert_eq!(loaded.settings.end.expect("it ends") - loaded.settings.begin, SimDuration::seconds(600.0));
    assert!(loaded.files.iter().any(|file| file.path.ends_with("parent.yaml")), "the parent is hashed too");
    let page = scenario::explain(&child).expect("it can be read");
    for expected in ["run: \"10 min\"", "child.yaml:3", "parent.yaml:4", "seed: 7", "# step: 1 s (default)"] {
        assert!(page.contains(expected), "{expected} in\n{page}");
    }
    let wrong = desk.write("wrong.yaml", "extends: parent.yaml\nname: Wrong\nseed: -1\n");
    let said = scenario::load(&wrong, &Overrides::default()).expect_err("a seed is not negative");
    assert!(said.problems()[0].to_string().contains("wrong.yaml:3:7"), "{:?}", said.problems());
    desk.write("one.yaml", "extends: two.yaml\n");
    desk.write("two.yaml", "extends: one.yaml\n");
    let said = scenario::load(&desk.folder.join("one.yaml"), &Overrides::default()).expect_err("a circle");
    assert!(said.problems()[0].message.contains("extends itself"), "{:?}", said.problems());
}

/// Nobody chose the zones of a map: one from which nobody can drive is left out of access, and told.
#[test]
fn a_zone_of_the_map_without_roads_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let map = std::fs::read_to_string("maps/halvermere/map.json").unwrap();
    let mut map: serde_json::Value = serde_json::from_str(&map).unwrap();
    map["zones"][0]["roads"] = serde_json::json!([]);
    std::fs::create_dir(folder.path().join("map")).unwrap();
    std::fs::write(folder.path().join("map/map.json"), map.to_string()).unwrap();
    let scenario = "citytwin: 1\nname: Few\nquestion: Who is told?\nmap: { city: map }\ntime: { start: 07:00, run: 5 min }\n\
                    demand:\n  - synthetic: { vehicles: 10, profile: flat }\n\
                    compare:\n  measures: [access]\n  access: { within: [15 min] }\n";
    std::fs::write(folder.path().join("few.yaml"), scenario).unwrap();
    let loaded = load(&folder.path().join("few.yaml"));
    assert_eq!(loaded.access.as_ref().unwrap().zones.len(), map["zones"].as_array().unwrap().len() - 1);
    let told: Vec<_> = loaded.left_out.iter().filter(|(what, _)| what.contains("without a road for cars")).collect();
    assert_eq!(told.len(), 1, "{:?}", loaded.left_out);
    assert_eq!(*told[0].1, 1);
}
