//! Minutes of roads: the same sums as of five minutes, and where on the road vehicles move and where they have stood for long.
//!
//! A partition sees a part of a road's devices, so it judges nothing here: its row holds whole numbers that add up to the same whole
//! in whatever order ([`merge_minutes`]), and [`super::incidents`] judges the whole. Places on a road are cells of [`CELL`] from its
//! beginning. Only roads that somebody saw have a row.
//!
//! Limits: [`CELLS_MAX`] cells a road, the last holding all that is beyond; [`HELD_MAX`] standing vehicles told apart in a cell.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::roads::{RoadSums, RoadTally, fingerprint};
use super::row::instant;
use crate::primitives::Timestamp;
use crate::telemetry::field::Text;
use crate::telemetry::reading::{CameraCount, LoopCount};

/// Length of a window [ms].
pub(super) const LENGTH: i64 = 60_000;
/// Length of a cell [m].
pub(super) const CELL: f64 = 25.0;
/// Most cells of a road; the last one has no end.
const CELLS_MAX: u16 = 1024;
/// Most standing vehicles told apart in a cell and a minute; 25 m of eight lanes hold fewer.
const HELD_MAX: usize = 64;

/// A place on a road.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cell {
    /// Its number from the road's beginning.
    pub cell: u16,
    /// Fixes of vehicles that moved.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub moving: u64,
    /// Vehicles that have stood for long, buses not among them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub held: u64,
    /// Buses that have stood for long.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub buses: u64,
    /// Fixes of those who have stood for long, and their latitudes and longitudes, added up [10⁻⁶ deg].
    #[serde(default, skip_serializing_if = "is_zero")]
    pub fixes: u64,
    /// See `fixes`.
    #[serde(default, skip_serializing_if = "is_nought")]
    pub latitudes: i64,
    /// See `fixes`.
    #[serde(default, skip_serializing_if = "is_nought")]
    pub longitudes: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_nought(number: &i64) -> bool {
    *number == 0
}

impl Cell {
    fn add(&mut self, other: &Self) {
        self.moving += other.moving;
        self.held += other.held;
        self.buses += other.buses;
        self.fixes += other.fixes;
        self.latitudes = self.latitudes.saturating_add(other.latitudes);
        self.longitudes = self.longitudes.saturating_add(other.longitudes);
    }

    /// Latitude and longitude of the middle of those who have stood for long [deg]; none if there are none.
    pub fn place(&self) -> Option<(f64, f64)> {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let mean = |sum: i64| sum as f64 / self.fixes as f64 / 1e6;
        (self.fixes > 0).then(|| (mean(self.latitudes), mean(self.longitudes)))
    }
}

/// A minute of a road.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoadMinute {
    /// The road.
    pub road: Text,
    /// Beginning of the minute.
    #[serde(with = "instant")]
    pub start: Timestamp,
    /// The partition whose devices it is about; none if it is about all.
    pub partition: Option<u16>,
    /// Length of the road; none if the road is unknown [m].
    pub length_m: Option<f64>,
    /// Speed limit, for the speed on the empty road; none if the road is unknown [km/h].
    pub free_speed_kmh: Option<f64>,
    /// Lanes of the road; none if the road is unknown.
    pub lanes_total: Option<u32>,
    /// What can be added up, as of five minutes.
    pub sums: RoadSums,
    /// Where vehicles moved and stood, in order.
    pub cells: Vec<Cell>,
}

/// A fix of a vehicle on a road.
#[derive(Debug, Clone, Copy)]
pub(super) struct OnRoad<'a> {
    pub(super) device: &'a str,
    /// How far along the road [m]; none where that cannot be known.
    pub(super) along: Option<f64>,
    /// [km/h]
    pub(super) speed: Option<f64>,
    pub(super) moves: bool,
    /// Whether it has stood for long.
    pub(super) held: bool,
    pub(super) bus: bool,
    /// Latitude and longitude [deg].
    pub(super) place: (f64, f64),
}

/// The sums of a minute as they grow.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct MinuteTally {
    tally: RoadTally,
    cells: BTreeMap<u16, (Cell, BTreeSet<u64>)>,
}

impl MinuteTally {
    pub(super) fn add_loop(&mut self, reading: &LoopCount) {
        self.tally.add_loop(reading);
    }

    pub(super) fn add_camera(&mut self, reading: &CameraCount) {
        self.tally.add_camera(reading);
    }

    pub(super) fn add_fix(&mut self, fix: &OnRoad<'_>) {
        self.tally.add_fix(fix.device, fix.speed, false);
        let (Some(along), true) = (fix.along, fix.moves || fix.held) else { return };
        let number = cell_of(along);
        let (cell, seen) = self.cells.entry(number).or_default();
        cell.cell = number;
        cell.moving += u64::from(fix.moves);
        if fix.held && seen.len() < HELD_MAX {
            cell.fixes += 1;
            cell.latitudes = cell.latitudes.saturating_add(millionths(fix.place.0));
            cell.longitudes = cell.longitudes.saturating_add(millionths(fix.place.1));
            let first = u64::from(seen.insert(fingerprint(fix.device)));
            (cell.held, cell.buses) =
                if fix.bus { (cell.held, cell.buses + first) } else { (cell.held + first, cell.buses) };
        }
    }

    /// The row of these sums.
    pub(super) fn row(
        &self,
        road: &Text,
        start: Timestamp,
        partition: Option<u16>,
        known: Option<(f64, f64, u32)>,
    ) -> RoadMinute {
        RoadMinute {
            road: Text::clone(road),
            start,
            partition,
            length_m: known.map(|known| known.0),
            free_speed_kmh: known.map(|known| known.1),
            lanes_total: known.map(|known| known.2),
            sums: self.tally.sums.clone(),
            cells: self.cells.values().map(|cell| cell.0).collect(),
        }
    }
}

/// The cell that holds a place on a road [m].
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the limits by clamping")]
fn cell_of(along: f64) -> u16 {
    (along / CELL).clamp(0.0, f64::from(CELLS_MAX - 1)) as u16
}

#[expect(clippy::cast_possible_truncation, reason = "angles are at most 360 degrees")]
fn millionths(degrees: f64) -> i64 {
    libm::round(degrees * 1e6) as i64
}

/// The whole of a road's minute from its parts, in whatever order; none of no parts.
///
/// All parts are to be of the same road and minute; a part that is not is left out.
pub fn merge_minutes(parts: &[RoadMinute]) -> Option<RoadMinute> {
    let least = parts.iter().min_by(|a, b| (a.start, &a.road).cmp(&(b.start, &b.road)))?;
    let mut whole = RoadMinute { partition: None, sums: RoadSums::default(), cells: Vec::new(), ..least.clone() };
    let mut cells: BTreeMap<u16, Cell> = BTreeMap::new();
    for part in parts.iter().filter(|part| part.start == least.start && part.road == least.road) {
        whole.sums.add(&part.sums);
        whole.length_m = greater(whole.length_m, part.length_m);
        whole.free_speed_kmh = greater(whole.free_speed_kmh, part.free_speed_kmh);
        whole.lanes_total = whole.lanes_total.max(part.lanes_total);
        for cell in &part.cells {
            cells.entry(cell.cell).or_insert(Cell { cell: cell.cell, ..Cell::default() }).add(cell);
        }
    }
    whole.cells = cells.into_values().collect();
    Some(whole)
}

/// The greater of two numbers, should parts disagree.
pub(super) fn greater(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.max(b)),
        (a, b) => a.or(b),
    }
}
