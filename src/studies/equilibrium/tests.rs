//! What would be wrong in the real city if ways were found otherwise.

use super::*;
use crate::city::scenario::{self, Overrides, fork};
use crate::primitives::random::Seed;

fn load(more: &str, seed: u64, threads: usize) -> LoadedScenario {
    let folder = tempfile::tempdir().expect("a folder");
    let overrides = Overrides { seed: Some(Seed(seed)), threads: Some(threads), ..Overrides::default() };
    let path = fork::scenario(folder.path(), more);
    scenario::load(&path, &overrides).unwrap_or_else(|findings| panic!("{:?}", findings.problems()))
}

fn settled(loaded: &LoadedScenario) -> Settled {
    settle(loaded, &|| false).expect("it is asked for")
}

/// The share of those who chose that drive past `up`.
fn share_past_up(settled: &Settled) -> f64 {
    let up = settled.loaded.network.find_edge("a--up").expect("a road");
    let chose = settled.loaded.demand.vehicles.iter().filter(|vehicle| vehicle.name.starts_with('t'));
    let ways: Vec<&[EdgeId]> = chose.map(|vehicle| &*settled.loaded.demand.route(vehicle.route).edges).collect();
    let past = ways.iter().filter(|way| way.contains(&up)).count();
    to_f64(past) / to_f64(ways.len())
}

const WANTED: &str = "routing: equilibrium\nequilibrium: { gap: 5 %, iterations: 15, interval: 1 min }\n";

#[test]
fn nobody_gains_much_by_another_way_any_more() {
    let loaded = load(WANTED, 7, 1);
    let found = settled(&loaded);
    let convergence = &found.convergence;
    assert_eq!(convergence.travellers, 240, "those with a given route do not choose");
    assert!(convergence.iterations[0].gap > 0.3, "all on one way: {convergence:?}");
    assert!(convergence.reached(), "{convergence:?}");
    let share = share_past_up(&found);
    assert!((0.1..0.6).contains(&share), "{share}");
    for vehicle in &found.loaded.demand.vehicles {
        assert_eq!(vehicle.choice, RouteChoice::Fixed, "{}", vehicle.name);
    }
    // Wardrop: a way that somebody uses takes hardly longer than the other, by what those really drove who entered in the same minute.
    let Routing::Equilibrium(rule) = loaded.routing else { panic!("it is asked for") };
    let outcome = run(&found.loaded, &rule, &|| false).expect("nobody interrupts");
    let up = found.loaded.network.find_edge("a--up").expect("a road");
    let mut minutes: BTreeMap<i64, [Vec<f64>; 2]> = BTreeMap::new();
    for trip in outcome.trips.iter().filter(|trip| trip.arrival.is_some()) {
        let way = &found.loaded.demand.route(found.loaded.demand.vehicles[trip.vehicle.index()].route).edges;
        let minute = minutes.entry((trip.depart - SimTime::ZERO).as_milliseconds() / 60_000).or_default();
        minute[usize::from(way.contains(&up))].push(trip.duration.as_seconds());
    }
    let mean = |times: &Vec<f64>| times.iter().sum::<f64>() / to_f64(times.len());
    let both = minutes.values().filter(|[past_mid, past_up]| past_mid.len() > 2 && past_up.len() > 2);
    let means: Vec<[f64; 2]> = both.map(|times| [mean(&times[0]), mean(&times[1])]).collect();
    let sums = means.iter().fold([0.0, 0.0], |sums, means| [sums[0] + means[0], sums[1] + means[1]]);
    assert!(!means.is_empty() && (sums[0] - sums[1]).abs() < 0.15 * sums[1], "{means:?} {convergence:?}");
}

/// The gap that is told is that of the run which follows, not of one before it.
#[test]
fn the_gap_told_is_that_of_the_run() {
    for wanted in ["gap: 5 %", "gap: 0.1 %"] {
        let loaded = load(&format!("routing: equilibrium\nequilibrium: {{ {wanted}, iterations: 4 }}\n"), 7, 1);
        let found = settled(&loaded);
        let Routing::Equilibrium(rule) = loaded.routing else { panic!("it is asked for") };
        let outcome = run(&found.loaded, &rule, &|| false).expect("nobody interrupts");
        let rules = Rules::of(&loaded);
        let mut travellers = travellers(&loaded, &rules);
        for traveller in &mut travellers {
            let route = found.loaded.demand.vehicles[traveller.row].route;
            traveller.way.clone_from(&found.loaded.demand.route(route).edges);
        }
        let gap = judge(&loaded, &rules, &mut travellers, &outcome).gap();
        assert_eq!(Some(gap.to_bits()), found.convergence.gap().map(f64::to_bits), "{:?}", found.convergence);
    }
}

#[test]
fn the_same_seed_finds_the_same_ways_on_any_number_of_threads() {
    let ways = |seed, threads| settled(&load(WANTED, seed, threads));
    let one = ways(7, 1);
    for threads in [1, 3] {
        let again = ways(7, threads);
        assert_eq!((&again.convergence, &again.loaded.demand), (&one.convergence, &one.loaded.demand), "{threads}");
    }
    assert_ne!(ways(8, 1).convergence, one.convergence, "another day, other dice");
}

#[test]
fn a_search_that_is_cut_short_says_so_and_keeps_the_best_ways() {
    let more = "routing: equilibrium\nequilibrium: { gap: 0.1 %, iterations: 3, swaps: msa }\n";
    let convergence = settled(&load(more, 7, 1)).convergence;
    assert!(!convergence.reached() && convergence.iterations.len() == 3, "{convergence:?}");
    let least = convergence.iterations.iter().map(|one| one.gap).fold(f64::INFINITY, f64::min);
    assert_eq!(convergence.gap().map(f64::to_bits), Some(least.to_bits()));
    assert_eq!(convergence.iterations[2].swapped, 0, "nobody changes after the last");
    let first = convergence.iterations[0];
    assert!((80..=160).contains(&first.swapped), "one in two after the first: {first:?}");
    let stopped = settle(&load(WANTED, 7, 1), &|| true).expect("it is asked for").convergence;
    assert!(stopped.iterations.is_empty() && !stopped.reached() && stopped.gap().is_none());
}

#[test]
fn ways_keep_to_the_rules_of_a_variant() {
    let more = format!("{WANTED}interventions:\n  shut:\n    - close-road: {{ road: mid--b }}\n");
    let loaded = load(&more, 7, 1).variant("shut").unwrap_or_else(|findings| panic!("{:?}", findings.problems()));
    let found = settled(&loaded);
    assert!((share_past_up(&found) - 1.0).abs() < 1e-12, "there is one way left");
    assert!(found.convergence.reached() && found.convergence.iterations.len() == 1, "{:?}", found.convergence);
}

#[test]
fn without_being_asked_nothing_is_looked_for() {
    assert!(settle(&load("", 7, 1), &|| false).is_none());
    assert!(settle(&load("routing: at-departure\n", 7, 1), &|| false).is_none());
}
