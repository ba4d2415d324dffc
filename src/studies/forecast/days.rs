//! Earlier days: runs of the same city with seeds of their own.

use std::sync::Arc;

use crate::city::scenario::LoadedScenario;
use crate::primitives::random::Seed;
use crate::primitives::text::Findings;
use crate::primitives::{SimDuration, SimTime};
use crate::simulation::City;
use crate::simulation::outcome::RoadTable;
use crate::studies::equilibrium;

/// Seeds of days, far from those people write.
const FIRST_SEED: u64 = 0x000d_a750_0000_0000;
/// Delays are learnt in intervals of this length [s].
const INTERVAL: SimDuration = SimDuration::milliseconds(300_000);

/// What was seen on a road in an interval.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Seen {
    /// Time lost by everybody [s].
    pub lost: f64,
    /// Distance driven by everybody [m].
    pub driven: f64,
}

/// What was seen on one day.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Day {
    /// When the first interval begins [s].
    pub begin: SimTime,
    /// Length of an interval [s].
    pub interval: SimDuration,
    /// By interval, then by edge.
    pub cells: Vec<Vec<Seen>>,
}

impl From<RoadTable> for Day {
    fn from(table: RoadTable) -> Self {
        let row = |row: &Vec<crate::simulation::outcome::RoadInterval>| {
            row.iter().map(|cell| Seen { lost: cell.time_loss, driven: cell.travelled }).collect()
        };
        Self { begin: table.begin, interval: table.interval, cells: table.intervals.iter().map(row).collect() }
    }
}

/// Runs day `number` of a city and looks at its roads; none where somebody interrupts.
pub(super) fn see(
    loaded: &LoadedScenario,
    number: u32,
    interrupted: &dyn Fn() -> bool,
) -> Result<Option<Day>, Findings> {
    let mut day = loaded.day(Seed(FIRST_SEED + u64::from(number)))?;
    let plan = Arc::make_mut(&mut day.plan);
    plan.changes.iter_mut().for_each(|change| change.advice = None);
    if let Some(settled) = equilibrium::settle(&day, interrupted) {
        day = settled.loaded;
    }
    day.settings.road_interval = INTERVAL;
    day.settings.threads = loaded.settings.threads;
    let mut city = City::of_scenario(&day);
    while !city.is_over() {
        if interrupted() {
            return Ok(None);
        }
        city.step();
    }
    Ok(Some(city.finish(false).roads.into()))
}
