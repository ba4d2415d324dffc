//! The engine, measured: throughput, cost against the size of the city, reading networks, telling, forking, and a million vehicles.
//!
//! `cargo bench` measures every station on one thread and prints it beside its baseline; words choose stations, a number is a size,
//! `million` is the slow tier and has to be asked for. Costs are divided by those of a fixed piece of arithmetic run in the same process, so that a
//! baseline means the same on a slow machine; `tests/benches.rs` runs every station small, so that none can rot. Hashes are printed:
//! two machines that print the same hash have done the same work.
#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]

#[path = "../tests/common/grid.rs"]
pub(crate) mod grid;
#[path = "measure/mod.rs"]
mod measure;
#[path = "../tests/common/town.rs"]
mod town;

use citytwin::city::network::sumo::read_network;
use citytwin::city::scenario::settings::RunSettings;
use citytwin::city::scenario::{SensorSettings, Weather};
use citytwin::primitives::{SimDuration, SimTime};
use citytwin::simulation::City;
use citytwin::simulation::outcome::Outcome;
use grid::Grid;
use measure::{Measured, Memory, Station, cpu_seconds, million, ratio};
use town::Town;

/// What costs are compared with: the price of a basic operation here and now.
const KERNEL_ROUNDS: u32 = 20_000_000;

/// The stations `cargo bench` runs, with the size it runs them at.
const STATIONS: [Station; 6] = [
    Station { name: "town", size: 12, run: town_throughput },
    Station { name: "grid", size: 20, run: grid_throughput },
    Station { name: "growth", size: 40, run: growth },
    Station { name: "parsing", size: 20_000, run: parsing },
    Station { name: "telling", size: 10, run: telling },
    Station { name: "fork", size: 10_000, run: forking },
];

/// Runs a town of `size` by `size` crossings for ten minutes, with 40 vehicles per crossing.
pub(crate) fn town(size: usize) -> Outcome {
    let town = Town { columns: size, rows: size, block: 200.0, lanes: 2, seed: 1 };
    let town = town.peopled(size * size * 40, SimDuration::seconds(500.0));
    let end = Some(SimTime::seconds(600.0));
    town::run(&town, RunSettings { end, ..RunSettings::default() })
}

/// Mixed regulation, four kinds of vehicles, building included.
pub(crate) fn town_throughput(size: usize) -> Measured {
    let before = cpu_seconds();
    let outcome = town(size);
    let cost = (cpu_seconds() - before) / million(outcome.updates);
    Measured {
        cost,
        unit: "s per million updates",
        said: format!("{:.2} million updates per CPU s, hash {}", 1.0 / cost, &outcome.state_hash[..16]),
    }
}

/// The city of `compare-sumo grid`, `size` by `size` signals with as many vehicles per signal.
pub(crate) fn city(size: usize) -> Grid {
    Grid { signals: size, block: 300.0, blocks: (size * 3 / 8).max(1), vehicles: size * size * 15 / 2, horizon: 400.0 }
}

/// Least that is taken for spent [s]: the scheduler's account moves on with its ticks.
const TICK: f64 = 1e-4;

/// CPU seconds of the steps, and what they left; the city stands before the clock starts.
fn steps(grid: &Grid, threads: usize, end: f64) -> (f64, Outcome) {
    let people = grid.peopled();
    let end = Some(SimTime::seconds(end));
    let mut city =
        City::assemble(&people.network, &people.demand, RunSettings { end, threads, ..RunSettings::default() });
    let before = cpu_seconds();
    while !city.is_over() {
        city.step();
    }
    ((cpu_seconds() - before).max(TICK), city.finish(false))
}

/// Signals only, cars only: what a vehicle update costs on a large road network.
pub(crate) fn grid_throughput(size: usize) -> Measured {
    let (spent, outcome) = steps(&city(size), 1, 600.0);
    let cost = spent / million(outcome.updates);
    Measured {
        cost,
        unit: "s per million updates",
        said: format!("{:.2} million updates per CPU s, hash {}", 1.0 / cost, &outcome.state_hash[..16]),
    }
}

/// How much more an update costs in a city of `size` by `size` signals than in one of a quarter of its area and vehicles.
pub(crate) fn growth(size: usize) -> Measured {
    let per_update = |size: usize| {
        let (spent, outcome) = steps(&Grid { blocks: (size / 4).max(1), ..city(size) }, 1, 300.0);
        spent / million(outcome.updates)
    };
    let (small, large) = (per_update((size / 2).max(2)), per_update(size));
    Measured {
        cost: large / small,
        unit: "times the cost of an update in a quarter of the city",
        said: format!("{small:.3} and {large:.3} CPU s per million updates; at most 1.25 is wished for"),
    }
}

/// Reading SUMO's networks: a road of `size` pieces, each with the junction, the path and the links between them.
pub(crate) fn parsing(size: usize) -> Measured {
    let text = measure::long_road(size);
    let path = std::env::temp_dir().join(format!("citytwin-bench-{}.net.xml", std::process::id()));
    std::fs::write(&path, &text).expect("the temporary folder can be written");
    let before = cpu_seconds();
    let network = read_network(&path);
    let spent = (cpu_seconds() - before).max(TICK);
    std::fs::remove_file(&path).expect("the file is there");
    let (network, _) = network.unwrap_or_else(|findings| panic!("{:?}", findings.problems()));
    assert_eq!(network.roads().count(), size);
    let megabytes = ratio(text.len(), 1_000_000);
    Measured {
        cost: spent / megabytes,
        unit: "s per MB",
        said: format!("{:.1} MB of XML per CPU s; at least 100 are wished for", megabytes / spent),
    }
}

/// What a position of every vehicle in every step costs to tell: a city that is watched against the same unwatched.
pub(crate) fn telling(size: usize) -> Measured {
    let people = city(size).peopled();
    let end = Some(SimTime::seconds(500.0));
    let run = |watched: bool| {
        let mut city = City::assemble(&people.network, &people.demand, RunSettings { end, ..RunSettings::default() });
        if watched {
            let none = measure::nobody(SensorSettings::default());
            let second = SimDuration::seconds(1.0);
            let sensors = SensorSettings { tracker_every: second, tracker_parked: SimDuration::ZERO, ..none };
            city.install_sensors(&people.network, &people.demand, &sensors, &Weather::default());
        }
        let (before, mut records) = (cpu_seconds(), 0);
        while !city.is_over() {
            city.step();
            records += city.take_emissions().len();
        }
        (cpu_seconds() - before, records, city.state_hash())
    };
    let (silent, _, unwatched) = run(false);
    let (telling, records, watched) = run(true);
    assert_eq!(unwatched, watched, "being watched changed the city");
    let cost = (telling - silent).max(1e-6) / ratio(records.max(1), 1_000_000);
    Measured { cost, unit: "µs per record", said: format!("{records} records; at most 0.3 µs is wished for") }
}

/// What a second city in the same state costs, where `size` vehicles drive.
pub(crate) fn forking(size: usize) -> Measured {
    /// The shortest of so many counts: a neighbour's work cannot make it shorter.
    const TIMES: usize = 20;
    let signals = (size * 2 / 15).isqrt().max(3) + 1;
    let people = Grid { vehicles: size, ..city(signals) }.peopled();
    let mut city = City::assemble(&people.network, &people.demand, RunSettings::default());
    while city.time() < SimTime::seconds(410.0) {
        city.step();
    }
    let forks: Vec<(f64, String)> = (0..TIMES)
        .map(|_| {
            let (fork, took) = measure::timed(|| city.fork());
            (took, fork.state_hash())
        })
        .collect();
    let hash = city.state_hash();
    assert!(forks.iter().all(|(_, forked)| *forked == hash), "a fork is somewhere else");
    let shortest = forks.iter().map(|(took, _)| *took).fold(f64::INFINITY, f64::min).max(TICK);
    Measured {
        cost: 1e3 * shortest,
        unit: "ms on the wall",
        said: format!("{} vehicles on the road; at most 10 ms are wished for 10,000", city.instant().running),
    }
}

/// A million vehicles and whether they advance faster than the clock: memory part by part, then the steps.
pub(crate) fn million_vehicles(grid: &Grid, seconds: f64, threads: usize) -> Outcome {
    let mut memory = Memory::start();
    let network = grid.network();
    memory.note("network", network.lanes.len());
    let demand = grid.demand(&network);
    memory.note("demand", grid.vehicles);
    let end = Some(SimTime::seconds(seconds));
    let mut city = City::assemble(&network, &demand, RunSettings { end, threads, ..RunSettings::default() });
    memory.note("assembling", grid.vehicles);
    let mut clock = measure::Pace::start();
    while !city.is_over() {
        city.step();
        clock.step(city.time().as_seconds());
        // A look at everybody costs a walk over them.
        if clock.is_time() {
            clock.look(city.instant().running);
        }
    }
    memory.note("running", grid.vehicles);
    clock.told();
    let (fork, took) = measure::timed(|| city.fork());
    println!("million: a fork took {:.0} ms; at most 500 are wished for", 1e3 * took);
    drop(fork);
    let outcome = city.finish(false);
    println!("million: {} on the road at the end, laws {:?}", outcome.running, outcome.laws);
    measure::tell_peak();
    outcome
}

/// A grid large enough for a million vehicles: some 25 on a kilometre of lane.
fn vast(vehicles: usize) -> Grid {
    let signals = vehicles.div_ceil(48).isqrt().max(5) + 1;
    Grid { signals, block: 200.0, blocks: (signals / 3).min(15), vehicles, horizon: 300.0 }
}

pub(crate) fn main() {
    citytwin::cli::ask_for_large_pages();
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let size = words.iter().find_map(|word| word.parse::<usize>().ok());
    if words.iter().any(|word| word == "million") {
        let vehicles = size.unwrap_or(1_000_000);
        million_vehicles(&vast(vehicles), 400.0, 2);
        return;
    }
    let kernel = measure::kernel(KERNEL_ROUNDS);
    println!("kernel: {kernel:.3} CPU s for {KERNEL_ROUNDS} rounds");
    let baselines = measure::baselines();
    for station in &STATIONS {
        let chosen =
            words.iter().all(|word| word.parse::<usize>().is_ok()) || words.iter().any(|word| word == station.name);
        if !chosen {
            continue;
        }
        let measured = (station.run)(size.unwrap_or(station.size));
        let baseline = size.is_none().then(|| baselines.get(station.name)).flatten();
        measured.told(station.name, kernel, baseline.copied());
    }
}
