//! Places at the kerb: what they cost decides who parks where and who stays at home, and whoever finds none drives on.
//!
//! A town of five streets by four, 200 m apart, written as a map of this program, with trips of SUMO on it.

use std::fmt::Write as _;
use std::path::PathBuf;

use citytwin::city::intervention::parking::Parked;
use citytwin::city::network::Projection;
use citytwin::city::network::bare::{BareControl, BareLane, BareMap, BareNode, BareRoad, Markings};
use citytwin::city::network::mapfile::{self, MapFile};
use citytwin::city::network::places::Places;
use citytwin::city::scenario::{self, LoadedScenario, Overrides};
use citytwin::primitives::{ClassSet, Distance, Point, Polyline, SimTime, Speed};
use citytwin::simulation::City;

const BLOCK: f64 = 200.0;

fn map() -> BareMap {
    let mut nodes = Vec::new();
    let mut roads = Vec::new();
    let name = |(x, y): (u32, u32)| format!("n{x}{y}");
    let at = |(x, y): (u32, u32)| Point::new(f64::from(x) * BLOCK, f64::from(y) * BLOCK);
    let place = |(x, y): (u32, u32)| (y * 5 + x) as usize;
    let crossings: Vec<(u32, u32)> = (0..4).flat_map(|y| (0..5).map(move |x| (x, y))).collect();
    for &one in &crossings {
        nodes.push(BareNode { name: name(one), position: at(one), control: BareControl::Automatic });
    }
    for &(x, y) in &crossings {
        for (other, street) in [((x + 1, y), format!("Row {y}")), ((x, y + 1), format!("Column {x}"))] {
            if other.0 > 4 || other.1 > 3 {
                continue;
            }
            for (from, to) in [((x, y), other), (other, (x, y))] {
                roads.push(BareRoad {
                    name: format!("{}--{}", name(from), name(to)),
                    street: Some(street.clone()),
                    from: place(from),
                    to: place(to),
                    line: Polyline::new(vec![at(from), at(to)]),
                    centred: false,
                    lanes: vec![BareLane { width: Distance::metres(3.2), allowed: ClassSet::ALL }],
                    speed: Speed::kilometres_per_hour(50.0),
                    priority: 3,
                    road_type: None,
                });
            }
        }
    }
    BareMap {
        nodes,
        roads,
        turn_bans: Vec::new(),
        markings: Markings::default(),
        left_hand: false,
        projection: Projection::None,
    }
}

/// Where everybody wants to be, and the road before it on the way.
const WANTED: &str = "n21--n31";

/// A folder with the map and trips.
struct Town {
    folder: PathBuf,
}

impl Drop for Town {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

impl Town {
    /// Forty trips to one road, half of them with a given route.
    fn new(test: &str) -> Self {
        let mut routes = String::from("<routes>\n");
        for n in 0..40 {
            let time = f64::from(n) * 20.0;
            let way = "n01--n11 n11--n21 n21--n31";
            let text = if n % 2 == 0 {
                format!("<trip id=\"t{n}\" depart=\"{time}\" from=\"n01--n11\" to=\"{WANTED}\"/>")
            } else {
                format!("<vehicle id=\"v{n}\" depart=\"{time}\"><route edges=\"{way}\"/></vehicle>")
            };
            let _ = writeln!(routes, "{text}");
        }
        Self::with(test, &(routes + "</routes>\n"))
    }

    fn with(test: &str, routes: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("citytwin-parking-{test}-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&folder));
        std::fs::create_dir_all(&folder).expect("a folder");
        let file = MapFile { name: "town".to_owned(), map: map(), places: Places::default() };
        std::fs::write(folder.join("map.json"), mapfile::write(&file)).expect("written");
        std::fs::write(folder.join("trips.rou.xml"), routes).expect("written");
        Self { folder }
    }

    fn load(&self, more: &str) -> LoadedScenario {
        self.try_load(more).unwrap_or_else(|findings| panic!("{:?}", findings.problems()))
    }

    fn try_load(&self, more: &str) -> Result<LoadedScenario, citytwin::primitives::text::Findings> {
        let path = self.folder.join("town.yaml");
        std::fs::write(&path, format!("{HEAD}{more}")).expect("written");
        scenario::load(&path, &Overrides::default())
    }

    /// The city as it is and a variant with measures, each on a line.
    fn pair(&self, parking: &str, measures: &str) -> (LoadedScenario, LoadedScenario) {
        let indented: String = measures.lines().flat_map(|line| ["    ", line, "\n"]).collect();
        let base = self.load(&format!("{parking}interventions:\n  change:\n{indented}"));
        let change = base.variant("change").unwrap_or_else(|findings| panic!("{:?}", findings.problems()));
        (base, change)
    }
}

const HEAD: &str = "citytwin: 1
name: Town
map: {city: map.json}
time: {start: 00:00, run: 30 min}
demand:
  - sumo-routes: {files: [trips.rou.xml]}
outputs: {road-interval: 5 min}
seed: 7
";

/// Places on the wanted road and on all others; with this seed nobody leaves within the run.
fn kerbs(wanted: &str, others: &str) -> String {
    format!(
        "parking:\n  stay: 168 h\n  value-of-time: 12\n  farthest: 500 m\n  kerbs:\n    - {{within: {{polygon: [[-9, -9], [900, -9], [900, 700], [-9, 700]]}}, {others}}}\n    - {{road: {WANTED}, {wanted}}}\n"
    )
}

fn parked(loaded: &LoadedScenario) -> &Parked {
    loaded.parked.as_ref().expect("the scenario speaks of parking")
}

/// Drives; the hash, who arrived, and for each row the roads it was on.
fn run(loaded: &LoadedScenario) -> (String, u32, Vec<Vec<String>>) {
    let mut city = City::of_scenario(loaded);
    let mut roads: Vec<Vec<String>> = vec![Vec::new(); loaded.demand.vehicles.len()];
    while !city.is_over() {
        city.step();
        for vehicle in city.vehicles() {
            let edge = loaded.network.edge_of(vehicle.lane);
            let seen = &mut roads[vehicle.vehicle.index()];
            if !edge.is_internal() && seen.last() != Some(&edge.name) {
                seen.push(edge.name.clone());
            }
        }
    }
    (city.state_hash(), city.instant().arrived, roads)
}

fn goes(loaded: &LoadedScenario) -> usize {
    loaded.demand.vehicles.iter().filter(|row| row.departure.time < SimTime::MAX).count()
}

fn last_road(loaded: &LoadedScenario, row: usize) -> &str {
    let route = loaded.demand.route(loaded.demand.vehicles[row].route);
    &loaded.network.edge(*route.edges.last().expect("a road")).name
}

#[test]
fn where_there_is_room_nothing_changes() {
    let town = Town::new("room");
    let (plain, with) = (town.load(""), town.load(&kerbs("places: 100", "places: 0")));
    assert_eq!(plain.demand, with.demand);
    assert!(plain.parked.is_none() && plain.resolved.parking.is_empty());
    let figures = parked(&with).figures(SimTime::ZERO);
    assert_eq!((figures.count, figures.searched, figures.none), (40, Some(0.0), Some(0.0)));
    assert_eq!(run(&plain).0, run(&with).0);
}

#[test]
fn whoever_finds_the_road_full_drives_on_and_walks_back() {
    let town = Town::new("full");
    let loaded = town.load(&kerbs("places: 5", "places: 2"));
    let (_, arrived, seen) = run(&loaded);
    let parked = parked(&loaded);
    assert_eq!((arrived, parked.drivers.len()), (40, 40));
    assert_eq!(parked.drivers.iter().filter(|one| one.roads == 1 && one.found).count(), 5);
    let mut taken = std::collections::BTreeMap::<&str, u32>::new();
    for one in &parked.drivers {
        let (name, ends) = (&loaded.demand.vehicles[one.row].name, last_road(&loaded, one.row));
        // What was worked out on paper is driven: past the wanted road, and to the end of the search.
        assert!(seen[one.row].iter().any(|road| road == WANTED), "{name}: {:?}", seen[one.row]);
        assert_eq!(seen[one.row].last().map(String::as_str), Some(ends), "{name}");
        assert_eq!(one.roads > 1, one.driven > Distance::ZERO, "{name}");
        assert_eq!(one.walk > Distance::ZERO, ends != WANTED, "{name}");
        assert!(one.walk <= Distance::metres(500.0), "{name}");
        if one.found {
            *taken.entry(ends).or_default() += 1;
        }
    }
    assert_eq!(taken.remove(WANTED), Some(5));
    assert!(taken.values().all(|cars| *cars <= 2), "{taken:?}");
    // The opposite side of the street is the shortest walk, a street's width.
    let across = parked.drivers.iter().find(|one| last_road(&loaded, one.row) == "n31--n21").expect("it has places");
    assert!(across.walk < Distance::metres(10.0), "{across:?}");
}

#[test]
fn where_all_are_full_some_find_none() {
    let town = Town::new("none");
    let loaded = town.load(&kerbs("places: 5", "places: 0"));
    let figures = parked(&loaded).figures(SimTime::ZERO);
    assert_eq!((figures.none, figures.searched, figures.walk), (Some(35.0 / 40.0), Some(0.0), Some(Distance::ZERO)));
    assert!(parked(&loaded).drivers.iter().all(|one| last_road(&loaded, one.row) == WANTED));
    assert!(loaded.resolved.parking[1].contains("35 find none"), "{:?}", loaded.resolved.parking);
}

#[test]
fn a_price_sends_those_who_stay_long_to_the_next_street_and_some_home() {
    let town = Town::new("price");
    let all = kerbs("places: 100", "places: 100").replace("stay: 168 h", "stay: 30 min");
    let (base, dear) = town.pair(&all, &format!("- parking: {{road: {WANTED}, price: 6, elasticity: 0}}"));
    assert_eq!(goes(&dear), 40, "with an elasticity of nought nobody stays at home");
    let ends = |loaded: &LoadedScenario| (0..40).filter(|&row| last_road(loaded, row) == WANTED).count();
    assert_eq!(ends(&base), 40);
    assert!((1..20).contains(&ends(&dear)), "{} still park there", ends(&dear));
    assert!(parked(&dear).figures(SimTime::ZERO).searched == Some(0.0), "prices are known, so nobody is surprised");
    for (before, after) in base.demand.vehicles.iter().zip(&dear.demand.vehicles) {
        assert_eq!((&before.name, before.departure), (&after.name, after.departure));
    }
    // Where the next street costs as much, and the one behind it, some stay at home, the more the stronger they answer.
    let everywhere = |elasticity: f64| {
        let measure = format!(
            "- parking: {{within: {{polygon: [[-9, -9], [900, -9], [900, 700], [-9, 700]]}}, price: 6, elasticity: {elasticity}}}"
        );
        town.pair(&all, &measure).1
    };
    let (some, more) = (everywhere(-0.3), everywhere(-1.0));
    assert!(goes(&more) < goes(&some) && goes(&some) < 40, "{} and {}", goes(&some), goes(&more));
    // Whoever stays away for little stays away for much, for the dice are the same.
    for (some, more) in some.demand.vehicles.iter().zip(&more.demand.vehicles) {
        assert!(some.departure.time < SimTime::MAX || more.departure.time == SimTime::MAX, "{}", some.name);
    }
    assert!(some.resolved.interventions[0].contains("trips to kerbs are no longer made"), "{:?}", some.resolved);
}

#[test]
fn a_cheaper_road_on_the_way_ends_the_trip_there() {
    let town = Town::new("way");
    let (_, dear) = town.pair(
        &kerbs("places: 100", "places: 100"),
        &format!("- parking: {{roads: [{WANTED}, n31--n21], price: 50, elasticity: 0}}"),
    );
    let route = dear.demand.route(dear.demand.vehicles[1].route);
    assert_eq!(last_road(&dear, 1), "n11--n21", "{route:?}");
    assert_eq!(route.edges.len(), 2, "what was to come is not driven");
}

#[test]
fn what_changes_nothing_makes_no_difference() {
    let town = Town::new("nothing");
    let (base, same) = town.pair(
        &kerbs("places: 5, price: 2", "places: 2, price: 1"),
        &format!("- parking: {{road: {WANTED}, price: 2, places: 5, elasticity: -2}}"),
    );
    assert_eq!(base.demand, same.demand);
    assert_eq!(base.parked, same.parked);
    assert_eq!(run(&base).0, run(&same).0);
    let (_, cheap) = town.pair(
        &kerbs("places: 5, price: 2", "places: 2, price: 1"),
        &format!("- parking: {{road: {WANTED}, price: 0, elasticity: -2}}"),
    );
    assert_eq!(goes(&cheap), 40, "nobody stays at home for what is cheaper");
    let again = cheap.variant("base").expect("it is there");
    assert_eq!(again.demand, base.demand, "leaving it out gives the city there was");
}

#[test]
fn more_places_are_found_and_fewer_missed() {
    let town = Town::new("supply");
    let kerbs = kerbs("places: 5", "places: 1");
    let none = |loaded: &LoadedScenario| parked(loaded).figures(SimTime::ZERO).none.expect("some look");
    let (base, fewer) = town.pair(&kerbs, &format!("- parking: {{road: {WANTED}, places: 0}}"));
    let (_, more) = town.pair(&kerbs, "- parking: {roads: [Row 1, Row 2], bay: 20 m}");
    assert!(none(&fewer) > none(&base) && none(&base) > none(&more), "{} {}", none(&fewer), none(&base));
    assert!((0..40).all(|row| last_road(&fewer, row) != WANTED || !parked(&fewer).drivers[row].found));
    assert_eq!(parked(&more).places, 16 * 9 + 62 - 16, "200 m less the junctions hold nine bays of 20 m");
}

#[test]
fn a_measure_holds_for_those_who_come_within_its_hours() {
    let town = Town::new("hours");
    let (base, part) = town.pair(
        &kerbs("places: 100", "places: 0"),
        &format!("- parking: {{road: {WANTED}, places: 0, from: 00:05, to: 00:10}}"),
    );
    assert!(parked(&base).drivers.iter().all(|one| one.found));
    let (from, to) = (SimTime::seconds(300.0), SimTime::seconds(600.0));
    for one in &parked(&part).drivers {
        assert_eq!(one.found, one.arrives < from || one.arrives >= to, "{one:?}");
    }
    assert!(parked(&part).drivers.iter().any(|one| !one.found));
}

#[test]
fn places_that_are_taken_fall_free() {
    let town = Town::new("taken");
    let found = |stay: &str, taken: &str| {
        let kerbs =
            kerbs("places: 100", "places: 0").replace("stay: 168 h", &format!("stay: {stay}\n  taken: {taken}"));
        1.0 - parked(&town.load(&kerbs)).figures(SimTime::ZERO).none.expect("some look")
    };
    assert!((found("168 h", "100 %") - found("168 h", "0 %")).abs() > 0.5, "nearly nobody leaves within half an hour");
    assert!((found("10 min", "100 %") - 1.0).abs() < 1e-9, "after a stay most are gone");
}

#[test]
fn nobody_looks_on_a_closed_road() {
    let town = Town::new("closed");
    let (base, closed) =
        town.pair(&kerbs("places: 5", "places: 2"), "- close-road: {roads: [n31--n21], except: [emergency]}");
    let there = |loaded: &LoadedScenario| (0..40).filter(|&row| last_road(loaded, row) == "n31--n21").count();
    assert_eq!((there(&base), there(&closed)), (2, 0));
}

#[test]
fn a_share_of_trips_has_a_place_of_its_own() {
    let town = Town::new("share");
    let loaded = town.load(&kerbs("places: 0, share: 40 %", "places: 0"));
    let count = parked(&loaded).drivers.len();
    assert!((8..25).contains(&count), "{count} of 40 at 40 %");
}

#[test]
fn two_prices_for_one_place_are_refused() {
    let town = Town::new("quarrel");
    let said = |measures: &str| {
        let base = town.load(&format!("{}interventions:\n  change:\n{measures}", kerbs("places: 5", "places: 2")));
        let said = base.variant("change").err();
        said.map(|findings| findings.problems()[0].to_string()).unwrap_or_default()
    };
    let both = "    - parking: {road: Row 1, price: 2, elasticity: 0}\n    - parking: {road: n21--n31, price: 3, elasticity: 0}\n";
    assert!(said(both).contains("contradict each other"), "{}", said(both));
    let apart = both
        .replace("price: 2,", "price: 2, from: 00:00, to: 00:10,")
        .replace("price: 3,", "price: 3, from: 00:10, to: 00:30,");
    assert_eq!(said(&apart), "");
}

/// Poisson arrivals at one road with nothing near it are Erlang's loss system: of calls that meet ten lines, each busy for its call, the share
/// `B = (a^c / c!) / Σ (a^k / k!)` finds none free (Erlang 1917, "Solution of some problems in the theory of probabilities of significance in
/// automatic telephone exchanges").
#[test]
fn a_road_alone_loses_as_many_as_erlang_says() {
    let (places, load, stay) = (10, 10.0_f64, 600.0);
    let mut state = 88_172_645_463_325_252_u64;
    let mut uniform = || {
        // Marsaglia's xorshift (2003), so that the arrivals are none of the program's own dice.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (f64::from(u32::try_from(state >> 40).expect("24 bits")) + 0.5) / f64::from(1_u32 << 24)
    };
    let mut routes = String::from("<routes>\n");
    let mut time = 0.0;
    for n in 0..12_000 {
        time += -uniform().ln() * stay / load;
        let _ = writeln!(
            routes,
            "<vehicle id=\"p{n}\" depart=\"{time:.3}\"><route edges=\"n11--n21 {WANTED}\"/></vehicle>"
        );
    }
    let town = Town::with("erlang", &(routes + "</routes>\n"));
    let kerbs = kerbs(&format!("places: {places}"), "places: 0").replace("stay: 168 h", "stay: 10 min");
    let path = town.folder.join("long.yaml");
    let head = HEAD.replace("run: 30 min", "run: 160 h");
    std::fs::write(&path, format!("{head}{kerbs}")).expect("written");
    let loaded = scenario::load(&path, &Overrides::default()).expect("it is sound");
    let none = parked(&loaded).figures(SimTime::seconds(10.0 * stay)).none.expect("some look");
    let mut blocked = 1.0;
    for lines in 1..=places {
        blocked = load * blocked / (f64::from(lines) + load * blocked);
    }
    assert!((none - blocked).abs() < 0.015, "{none:.4} find none, {blocked:.4} by Erlang's formula");
}
