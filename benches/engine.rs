//! Throughput of the engine: million vehicle updates per second on a grid town, on one thread.
//!
//! `cargo bench` runs the town at full size; `tests/benches.rs` runs the same function small, so that it cannot rot. The hash of
//! the last state is printed: two machines that print the same hash have done the same work.
#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]

#[path = "../tests/common/town.rs"]
mod town;

use citytwin::city::scenario::settings::RunSettings;
use citytwin::primitives::{SimDuration, SimTime};
use citytwin::simulation::outcome::Outcome;
use town::Town;

/// Runs a grid of `size` by `size` crossings for ten minutes, with 40 vehicles per crossing.
pub(crate) fn grid(size: usize) -> Outcome {
    let town = Town { columns: size, rows: size, block: 200.0, lanes: 2, seed: 1 };
    let town = town.peopled(size * size * 40, SimDuration::seconds(500.0));
    let end = Some(SimTime::seconds(600.0));
    town::run(&town, RunSettings { end, ..RunSettings::default() })
}

/// User CPU time of this process so far [s]; none where the system does not tell.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The command in brackets may hold spaces; user time is the twelfth field behind it, in hundredths of a second.
    let ticks: u32 = stat.rsplit_once(')')?.1.split_whitespace().nth(11)?.parse().ok()?;
    Some(f64::from(ticks) / 100.0)
}

fn main() {
    // Cargo passes `--bench` and filters; a number is a size.
    let size = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(12);
    let before = cpu_seconds();
    let outcome = grid(size);
    let updates = u32::try_from(outcome.updates).map_or(f64::from(u32::MAX), f64::from);
    let rate = before.zip(cpu_seconds()).map(|(before, after)| updates / 1e6 / (after - before).max(0.01));
    let rate = rate.map_or("unknown".to_owned(), |rate| format!("{rate:.2}"));
    println!(
        "engine/grid size={size} updates={} arrived={} million_updates_per_cpu_s={rate} (building included) hash={}",
        outcome.updates,
        outcome.arrived,
        &outcome.state_hash[..16]
    );
}
