//! Travel times of roads and corridors, from trackers: five minutes at a time, beside the time on the empty road.
//!
//! A vehicle that is seen on one road and then on the next passed the border between them at an instant interpolated over the
//! distance; from border to border is a traversal, and belongs to the window in which it ended. Where fewer than
//! [`TRAVERSALS_MIN`] were whole, the time is the road's length over the mean speed over space of the fixes (Edie 1963, "Discussion of
//! traffic stream measurements and definitions", eq. 4). A partition's row holds sums that add up ([`merge_travel`]);
//! [`corridor`] adds up roads.
//!
//! Not counted: a traversal with a pause of more than [`PAUSE_MAX`] between fixes at one of its ends, which may have led over a
//! road between; and what a fix after the watermark would have told.

use serde::{Deserialize, Serialize};

use super::minutes::greater;
use super::road_index::RoadRef;
use super::row::{instant, mean};
use crate::primitives::Timestamp;
use crate::telemetry::field::Text;

/// Length of a window [ms].
pub(super) const LENGTH: i64 = 300_000;
/// Longest pause between the fixes on both sides of a border [ms], and farthest way between them [m].
const PAUSE_MAX: i64 = 30_000;
const APART_MAX: f64 = 400.0;
/// Fewest traversals whose mean is taken for the road's.
const TRAVERSALS_MIN: u64 = 3;
/// Slowest mean speed over space that makes a travel time [km/h]: of a standing queue nobody knows when it moves.
const SPEED_MIN: f64 = 1.0;

/// What can be added up about the travel times of a road and a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TravelSums {
    /// Vehicles that were seen to drive the whole road.
    pub traversals: u64,
    /// Their times, added up [ms].
    pub traversal_ms: i64,
    /// Fixes that told a speed.
    pub fix_speeds: u64,
    /// Their speeds, added up [1/1000 km/h].
    pub fix_speed_sum: i64,
}

/// Five minutes of travel on a road.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TravelWindow {
    /// The road.
    pub road: Text,
    /// Beginning of the window.
    #[serde(with = "instant")]
    pub start: Timestamp,
    /// The partition whose trackers it is about; none if it is about all.
    pub partition: Option<u16>,
    /// Length of the road [m].
    pub length_m: f64,
    /// Time on the empty road, at its speed limit [s].
    pub free_s: f64,
    /// Mean travel time [s]; none where nothing tells it.
    pub travel_s: Option<f64>,
    /// What it is made of.
    pub sums: TravelSums,
}

/// Five minutes of travel on a list of roads.
#[derive(Debug, Clone, PartialEq)]
pub struct CorridorWindow {
    /// The corridor.
    pub corridor: Text,
    /// Beginning of the window.
    pub start: Timestamp,
    /// Length of its roads [m].
    pub length_m: f64,
    /// Time on empty roads, at their speed limits [s].
    pub free_s: f64,
    /// Sum of the roads' mean travel times [s]; the time on the empty road where nobody tells another.
    pub travel_s: f64,
    /// Roads whose travel time somebody told.
    pub told: u64,
    /// Roads of the corridor.
    pub roads: u64,
}

impl TravelSums {
    /// Adds a fix's speed [1/1000 km/h].
    pub(super) const fn add_fix(&mut self, speed: i64) {
        self.fix_speeds += 1;
        self.fix_speed_sum = self.fix_speed_sum.saturating_add(speed);
    }

    /// Adds a traversal [ms].
    pub(super) const fn add_traversal(&mut self, time: i64) {
        self.traversals += 1;
        self.traversal_ms = self.traversal_ms.saturating_add(time);
    }

    /// Adds the sums of another part of the road's trackers.
    pub const fn add(&mut self, other: &Self) {
        self.traversals += other.traversals;
        self.traversal_ms = self.traversal_ms.saturating_add(other.traversal_ms);
        self.fix_speeds += other.fix_speeds;
        self.fix_speed_sum = self.fix_speed_sum.saturating_add(other.fix_speed_sum);
    }

    /// The mean travel time of a road of this length [m], [s].
    fn time(&self, length: f64) -> Option<f64> {
        let whole = mean(self.traversal_ms, self.traversals).filter(|_| self.traversals >= TRAVERSALS_MIN);
        let speed = mean(self.fix_speed_sum, self.fix_speeds).filter(|speed| *speed >= SPEED_MIN);
        whole.or_else(|| speed.map(|speed| length / (speed / 3.6))).or_else(|| mean(self.traversal_ms, self.traversals))
    }
}

impl TravelWindow {
    /// The row of these sums, of a road with a length [m] and a speed limit [km/h].
    pub(super) fn of(
        road: &Text,
        start: Timestamp,
        partition: Option<u16>,
        (length_m, free_speed): (f64, f64),
        sums: TravelSums,
    ) -> Self {
        let free_s = length_m / (free_speed.max(SPEED_MIN) / 3.6);
        Self { road: Text::clone(road), start, partition, length_m, free_s, travel_s: sums.time(length_m), sums }
    }
}

/// The whole of a road's window from its parts, in whatever order; none of no parts.
///
/// All parts are to be of the same road and window; a part that is not is left out.
pub fn merge_travel(parts: &[TravelWindow]) -> Option<TravelWindow> {
    let least = parts.iter().min_by(|a, b| (a.start, &a.road).cmp(&(b.start, &b.road)))?;
    let (mut sums, mut length, mut free) = (TravelSums::default(), None, None);
    for part in parts.iter().filter(|part| part.start == least.start && part.road == least.road) {
        sums.add(&part.sums);
        length = greater(length, Some(part.length_m));
        free = greater(free, Some(part.free_s));
    }
    let (length_m, free_s) = (length.unwrap_or_default(), free.unwrap_or_default());
    let travel_s = sums.time(length_m);
    Some(TravelWindow { partition: None, length_m, free_s, travel_s, sums, ..least.clone() })
}

/// A window of a corridor, from the whole windows of its roads ([`merge_travel`]) that begin at `start`, and the length [m] and time
/// on the empty road [s] of each of its roads, in order.
pub fn corridor(name: &Text, start: Timestamp, roads: &[(Text, f64, f64)], windows: &[TravelWindow]) -> CorridorWindow {
    let (corridor, count) = (Text::clone(name), roads.len() as u64);
    let mut whole =
        CorridorWindow { corridor, start, length_m: 0.0, free_s: 0.0, travel_s: 0.0, told: 0, roads: count };
    for (road, length, free) in roads {
        let window = windows.iter().find(|window| window.start == start && window.road == *road);
        let travel = window.and_then(|window| window.travel_s);
        whole.length_m += length;
        whole.free_s += free;
        whole.travel_s += travel.unwrap_or(*free);
        whole.told += u64::from(travel.is_some());
    }
    whole
}

/// Where a vehicle was and when: road, place on it [m], time [ms].
pub(super) type Seen = (RoadRef, f64, i64);

/// When a vehicle that was at `from` and then at `to`, on another road, passed the border between the roads, given the length of
/// the first [m], [ms]; none if they are too far apart.
pub(super) fn border(from: Seen, to: Seen, length: f64) -> Option<i64> {
    let pause = to.2 - from.2;
    let (before, after) = ((length - from.1).max(0.0), to.1.max(0.0));
    if !(0..=PAUSE_MAX).contains(&pause) || before + after > APART_MAX {
        return None;
    }
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "at most half a minute")]
    let share = libm::round(pause as f64 * if before + after > 0.0 { before / (before + after) } else { 0.5 }) as i64;
    Some(from.2 + share)
}

#[cfg(test)]
#[path = "travel/tests.rs"]
mod tests;
