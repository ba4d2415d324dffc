//! The numbered laws on random towns and on random networks that are no towns: whatever is built and whoever drives, nobody vanishes, overlaps or jumps, and the number
//! of threads changes nothing.
//!
//! In debug builds the engine itself stops at the first breach; here the counts are looked at as well.

#[path = "common/sprawl.rs"]
mod sprawl;
#[path = "common/town.rs"]
mod town;

use citytwin::city::network::check::check_network;
use citytwin::city::scenario::settings::RunSettings;
use citytwin::primitives::random::Seed;
use citytwin::primitives::{SimDuration, SimTime};
use citytwin::simulation::City;
use citytwin::simulation::outcome::{LawCounts, Outcome};
use proptest::prelude::*;
use sprawl::Sprawl;
use town::{Peopled, Town};

fn towns() -> impl Strategy<Value = Town> {
    (2..5_usize, 1..4_usize, 60.0..220.0_f64, 1..4_usize, any::<u64>())
        .prop_map(|(columns, rows, block, lanes, seed)| Town { columns, rows, block, lanes, seed })
}

fn sprawls() -> impl Strategy<Value = Sprawl> {
    (2..6_usize, 2..5_usize, 70.0..260.0_f64, any::<u64>()).prop_map(|(columns, rows, spacing, seed)| Sprawl {
        columns,
        rows,
        spacing,
        seed,
    })
}

fn settings(seed: u64, step: f64) -> RunSettings {
    RunSettings {
        end: Some(SimTime::seconds(400.0)),
        step: SimDuration::seconds(step),
        seed: Seed(seed),
        ..RunSettings::default()
    }
}

/// What must hold of every outcome.
fn is_lawful(outcome: &Outcome) -> Result<(), TestCaseError> {
    prop_assert_eq!(outcome.laws, LawCounts::default(), "a law was broken");
    prop_assert_eq!(outcome.inserted, outcome.arrived + outcome.running, "vehicles vanish or multiply");
    prop_assert_eq!(outcome.loaded, outcome.inserted + outcome.waiting_to_enter, "departures are lost");
    let finished = outcome.trips.iter().filter(|trip| trip.arrival.is_some()).count();
    prop_assert_eq!(finished, outcome.arrived as usize, "trips and arrivals disagree");
    for trip in &outcome.trips {
        prop_assert!(trip.time_loss.as_seconds() >= -1e-6, "somebody drove faster than they wished: {:?}", trip);
        prop_assert!(trip.waiting_time <= trip.duration, "somebody waited longer than the trip took: {:?}", trip);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn the_laws_hold_in_every_town(town in towns(), vehicles in 1..120_usize, half_steps in any::<bool>()) {
        let Peopled { network, .. } = town.peopled(0, SimDuration::ZERO);
        let check = check_network(&network);
        prop_assert!(check.findings.is_ok(), "the town itself is unsound: {:?}", check.findings.problems());
        let people = town.peopled(vehicles, SimDuration::seconds(240.0));
        let settings = settings(town.seed, if half_steps { 0.5 } else { 1.0 });
        let outcome = town::run(&people, settings);
        is_lawful(&outcome)?;
        prop_assert_eq!(&town::run(&people, settings), &outcome, "the same seed gave another city");
        let threads = RunSettings { threads: 2, ..settings };
        prop_assert_eq!(&town::run(&people, threads), &outcome, "two threads gave another city");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Lanes that end, pieces shorter than a car, rings, skewed crossings, buses that block a lane.
    #[test]
    fn the_laws_hold_on_every_network(sprawl in sprawls(), vehicles in 1..200_usize, half_steps in any::<bool>()) {
        let people = sprawl.peopled(vehicles, SimDuration::seconds(200.0));
        let check = check_network(&people.network);
        prop_assert!(check.findings.is_ok(), "the network itself is unsound: {:?}", check.findings.problems());
        let settings = settings(sprawl.seed, if half_steps { 0.5 } else { 1.0 });
        let outcome = town::run(&people, settings);
        is_lawful(&outcome)?;
        for threads in [2, 3] {
            let settings = RunSettings { threads, ..settings };
            prop_assert_eq!(&town::run(&people, settings), &outcome, "{} threads gave another city", threads);
        }
    }
}

/// Networks on which a law was once broken. The first: a truck begins its trip on a piece of road shorter than itself, and its rear, on
/// no lane at all, is not seen by the driver who comes from behind.
const BREACHES: [(Sprawl, usize, f64); 3] = [
    (Sprawl { columns: 2, rows: 3, spacing: 231.387_933_713_574_94, seed: 13_243_936_150_426_548_489 }, 64, 0.5),
    (Sprawl { columns: 4, rows: 3, spacing: 249.392_406_238_440_54, seed: 7_487_502_856_231_771_580 }, 103, 1.0),
    (Sprawl { columns: 4, rows: 4, spacing: 221.003_496_155_484_88, seed: 5_609_071_921_390_114_771 }, 42, 0.5),
];

#[test]
fn what_once_broke_a_law_does_so_no_more() {
    for (sprawl, vehicles, step) in BREACHES {
        let people = sprawl.peopled(vehicles, SimDuration::seconds(200.0));
        let outcome = town::run(&people, settings(sprawl.seed, step));
        is_lawful(&outcome).unwrap_or_else(|broken| panic!("{sprawl:?}: {broken}"));
    }
}

/// Positions are read from outside, as a detector would: between two steps nobody gains more road than speed allows.
#[test]
fn nobody_jumps_along_a_lane() {
    let town = Town { columns: 4, rows: 3, block: 150.0, lanes: 2, seed: 7 };
    let people = town.peopled(150, SimDuration::seconds(200.0));
    let mut city = City::assemble(&people.network, &people.demand, settings(7, 1.0));
    let mut before = city.vehicles();
    while !city.is_over() {
        city.step();
        let now = city.vehicles();
        for vehicle in &now {
            let Some(was) = before.iter().find(|was| was.vehicle == vehicle.vehicle && was.lane == vehicle.lane) else {
                continue;
            };
            let moved = vehicle.position - was.position;
            assert!(moved >= -1e-9 && moved <= vehicle.speed + 1e-9, "{was:?} became {vehicle:?} at {}", city.time());
        }
        before = now;
    }
}

/// A different seed must give a different city, or the seed is not used.
#[test]
fn the_seed_matters() {
    let town = Town { columns: 3, rows: 3, block: 150.0, lanes: 2, seed: 3 };
    let people = town.peopled(80, SimDuration::seconds(200.0));
    let hash = |seed| {
        let settings = RunSettings { end: Some(SimTime::seconds(150.0)), ..settings(seed, 1.0) };
        town::run(&people, settings).state_hash
    };
    assert_ne!(hash(1), hash(2));
}
