//! Golden runs: tiny maps whose every trip is written down.
//!
//! A case is a folder of `tests/golden/` with a map, its demand and what is expected; the expected files are the same for one
//! thread and for two. When the physics changes on purpose, `cargo xtask golden --write` rewrites them, and the commit says why.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use citytwin::city::demand::Demand;
use citytwin::city::demand::sumo::{ReadSettings, read_demand};
use citytwin::city::network::{Network, mapfile};
use citytwin::city::scenario::settings::RunSettings;
use citytwin::primitives::{SimDuration, SimTime};
use citytwin::simulation::City;
use citytwin::simulation::outcome::{LawCounts, Outcome, VehicleInstant};

/// How often the positions are written down.
const EVERY: SimDuration = SimDuration::milliseconds(5000);

/// What a case leaves: a table of trips and one of positions.
struct Golden {
    trips: String,
    positions: String,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn load(case: &Path) -> (Arc<Network>, Arc<Demand>) {
    let file = case.join("map.json");
    let text = std::fs::read_to_string(&file).expect("the case has a map");
    let parsed = mapfile::parse(&file, &text).unwrap_or_else(|found| panic!("{:?}", found.problems()));
    let network = parsed.map.build().unwrap_or_else(|found| panic!("{}: {:?}", case.display(), found.problems()));
    let demand = read_demand(&[case.join("demand.rou.xml")], &network, &ReadSettings::default());
    let (read, left_out) = demand.unwrap_or_else(|found| panic!("{:?}", found.problems()));
    assert!(left_out.left_out().is_empty(), "{}: {:?}", case.display(), left_out.left_out());
    (Arc::new(network), Arc::new(read.demand))
}

fn run(case: &Path, threads: usize) -> Golden {
    let (network, demand) = load(case);
    let settings = RunSettings { end: Some(SimTime::seconds(300.0)), threads, ..RunSettings::default() };
    let mut city = City::assemble(&network, &demand, settings);
    let mut positions = "time_s,vehicle,lane,position_m,speed_m_s\n".to_owned();
    while !city.is_over() {
        city.step();
        if (city.time() - SimTime::ZERO).as_milliseconds() % EVERY.as_milliseconds() == 0 {
            note_positions(&mut positions, &city, &network, &demand);
        }
    }
    let outcome = city.finish(false);
    assert_eq!(outcome.laws, LawCounts::default(), "{}", case.display());
    assert_eq!(outcome.last_resort_moves, 0, "{}", case.display());
    Golden { trips: trips(&outcome, &network, &demand), positions }
}

fn note_positions(out: &mut String, city: &City, network: &Network, demand: &Demand) {
    let mut vehicles = city.vehicles();
    vehicles.sort_by_key(|one| one.vehicle);
    for VehicleInstant { vehicle, lane, position, speed, .. } in vehicles {
        let name = &demand.vehicles[vehicle.index()].name;
        let (time, lane) = (city.time().as_seconds(), network.lane_name(lane));
        writeln!(out, "{time},{name},{lane},{position:.2},{speed:.2}").expect("text grows");
    }
}

fn trips(outcome: &Outcome, network: &Network, demand: &Demand) -> String {
    let mut out = "vehicle,depart_s,depart_delay_s,depart_lane,arrival_s,arrival_lane,duration_s,waiting_s,\
                   time_loss_s,route_length_m\n"
        .to_owned();
    for trip in &outcome.trips {
        let arrival = trip.arrival.map_or(String::new(), |time| time.as_seconds().to_string());
        writeln!(
            out,
            "{},{},{},{},{arrival},{},{},{:.2},{:.2},{:.2}",
            demand.vehicles[trip.vehicle.index()].name,
            trip.depart.as_seconds(),
            trip.depart_delay.as_seconds(),
            network.lane_name(trip.depart_lane),
            network.lane_name(trip.arrival_lane),
            trip.duration.as_seconds(),
            trip.waiting_time.as_seconds(),
            trip.time_loss.as_seconds(),
            trip.route_length.as_metres(),
        )
        .expect("text grows");
    }
    out
}

/// The first line that differs, with what was expected.
fn difference(file: &Path, expected: &str, found: &str) -> Option<String> {
    let (mut old, mut new) = (expected.lines(), found.lines());
    for line in 1.. {
        match (old.next(), new.next()) {
            (None, None) => return None,
            (old, new) if old == new => {}
            (old, new) => {
                let (old, new) = (old.unwrap_or("(end)"), new.unwrap_or("(end)"));
                return Some(format!("{}:{line}:\n  expected {old}\n  found    {new}", file.display()));
            }
        }
    }
    None
}

#[test]
fn every_trip_is_as_written_down() {
    let mut cases: Vec<PathBuf> = std::fs::read_dir(folder()).expect("cases").flatten().map(|e| e.path()).collect();
    cases.retain(|path| path.is_dir());
    cases.sort();
    assert!(cases.len() >= 4, "cases are missing");
    let mut differences = Vec::new();
    for case in &cases {
        for threads in [1, 2] {
            let golden = run(case, threads);
            for (name, found) in [("expected_trips.csv", &golden.trips), ("expected_positions.csv", &golden.positions)]
            {
                let file = case.join(name);
                if std::env::var_os("UPDATE_GOLDEN").is_some() && threads == 1 {
                    std::fs::write(&file, found).expect("the golden file can be written");
                }
                let expected = std::fs::read_to_string(&file).unwrap_or_default();
                differences
                    .extend(difference(&file, &expected, found).map(|text| format!("{threads} threads: {text}")));
            }
        }
    }
    assert!(
        differences.is_empty(),
        "\n{}\nmeant? then `cargo xtask golden --write`, and say why\n",
        differences.join("\n")
    );
}
