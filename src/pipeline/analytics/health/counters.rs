//! Loops and cameras that count what cannot be, the same again and again, or nothing while vehicles pass.
//!
//! * Impossible: more vehicles than a lane can carry, speeds nobody drives, or vehicles of impossible length. In traffic that flows,
//!   occupancy = density times effective length, so the mean effective length of the vehicles is speed times occupied time over
//!   count (Athol 1965, "Interdependence of certain operational characteristics within a moving traffic stream", Highway Res. Rec.
//!   72; the g-factor); it lies between a motorcycle's and a road train's.
//! * Stuck on: occupied all the time without a count. A vehicle may stand on a loop for as long as a queue behind an incident
//!   lasts, so it takes [`COVERED_FOR`]; on a road with one lane, trackers that passed prove it sooner.
//! * Stuck off: nothing counted while trackers passed. One lane of several may be empty in truth, so it takes more of them there.
//!   Without a map, or where nobody is tracked, it takes half a day.
//! * Stuck: the same values period after period.

use serde::{Deserialize, Serialize};

use super::sameness::Sameness;
use super::state::is_default;
use super::{Complaint, Finding};
use crate::telemetry::reading::{CameraCount, LoopCount};

/// Shortest mean headway of a lane over a period [s]: 3000 vehicles an hour, a quarter above any capacity measured (Highway
/// Capacity Manual 2010, exhibit 11-2: 2400), and vehicles that may be in a short period beyond it.
const HEADWAY_MIN: f64 = 1.2;
const BUNCH: f64 = 4.0;
/// Highest mean speed of a period [km/h].
const SPEED_MAX: f64 = 200.0;
/// Least and greatest mean effective length [m].
const LENGTHS: std::ops::RangeInclusive<f64> = 1.5..=30.0;
/// Occupancy up to which traffic flows, and fewest vehicles whose mean is one [%].
const FLOWS: f64 = 15.0;
const MEAN_OF: u32 = 5;
/// Impossible periods that make a complaint.
const BAD_MAX: u8 = 3;
/// Occupancy that is all the time [%], and how long it may be so without a count, without and with proof [ms].
const COVERED: f64 = 99.5;
const COVERED_FOR: i64 = 1_800_000;
const COVERED_PROVED: i64 = 300_000;
/// Trackers that pass a counter of all lanes uncounted, and for each lane of a road with several: half of the passages may be
/// another road's by a wrong match, and a turning lane may carry a quarter of an even share.
const PASSED_ALL: u32 = 12;
const PASSED_LANE: u32 = 24;
/// How long nothing may be counted while they pass, and at all [ms].
const ZERO_PROVED: i64 = 300_000;
const ZERO_FOR: i64 = 43_200_000;
/// Equal readings with a count in a row.
const EQUAL_MAX: u32 = 10;

/// A loop or a camera.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Counter {
    #[serde(skip_serializing_if = "is_default")]
    same: Sameness,
    /// Impossible periods that outweigh the possible ones.
    #[serde(skip_serializing_if = "is_default")]
    bad: u8,
    /// Since when it is covered without a count, and counts nothing [ms].
    #[serde(skip_serializing_if = "is_default")]
    covered: Option<i64>,
    #[serde(skip_serializing_if = "is_default")]
    zero: Option<i64>,
    /// Trackers that passed since it last counted.
    #[serde(skip_serializing_if = "is_default")]
    passes: u32,
    /// Lanes of its road; 0 if unknown.
    #[serde(skip_serializing_if = "is_default")]
    lanes: u32,
}

/// A period of a counter.
struct Period<'a> {
    name: &'a str,
    /// When it ended [ms].
    time: i64,
    count: u32,
    /// What it tells that cannot be, as a sentence.
    impossible: Option<String>,
    covered: bool,
    /// Trackers that must have passed for a zero to be wrong; none where that cannot be known.
    passed: Option<u32>,
    values: [f64; 7],
}

impl Counter {
    /// Its road has so many lanes.
    pub(super) const fn stands_on(&mut self, lanes: u32) {
        self.lanes = lanes;
    }

    /// A tracker passed.
    pub(super) const fn passed(&mut self) {
        self.passes = self.passes.saturating_add(1);
    }

    /// A loop's period.
    pub(super) fn see_loop(&mut self, name: &str, time: i64, told: &LoopCount, findings: &mut Vec<Finding>) {
        let (count, speed) = (told.count, told.speed.unwrap_or(0.0));
        let period = f64::from(told.period_s);
        let most = period / HEADWAY_MIN + BUNCH;
        let length = speed / 3.6 * told.occupancy / 100.0 * period / f64::from(count.max(1));
        let flows = told.occupancy <= FLOWS && count >= MEAN_OF && told.speed.is_some();
        let impossible = if f64::from(count) > most {
            Some(format!("{name} tells {count} vehicles in {period} s on one lane"))
        } else if speed > SPEED_MAX {
            Some(format!("{name} tells a mean speed of {speed} km/h"))
        } else if flows && !LENGTHS.contains(&length) {
            Some(format!("{name} tells vehicles {length:.1} m long on average, by speed, occupancy and count"))
        } else {
            None
        };
        let passed = match self.lanes {
            0 => None,
            1 => Some(PASSED_ALL),
            lanes => Some(PASSED_LANE * lanes),
        };
        let covered = told.occupancy >= COVERED && count == 0;
        let values = [f64::from(count), told.occupancy, 0.0, 0.0, 0.0, 0.0, speed];
        self.see(&Period { name, time, count, impossible, covered, passed, values }, findings);
    }

    /// A camera's period, over all `lanes` of its road.
    pub(super) fn see_camera(
        &mut self,
        name: &str,
        time: i64,
        told: &CameraCount,
        lanes: Option<u32>,
        findings: &mut Vec<Finding>,
    ) {
        let classes = [told.cars, told.vans, told.trucks, told.buses, told.motorcycles, told.others];
        let count = classes.iter().fold(0_u32, |sum, &one| sum.saturating_add(one));
        let (period, speed) = (f64::from(told.period_s), told.speed.unwrap_or(0.0));
        // In snow half of what it counts is not there, so it may count twice what can be.
        let most = lanes.map(|lanes| 2.0 * (period / HEADWAY_MIN + BUNCH) * f64::from(lanes.max(1)));
        let impossible = if most.is_some_and(|most| f64::from(count) > most) {
            Some(format!("{name} tells {count} vehicles in {period} s"))
        } else if speed > SPEED_MAX {
            Some(format!("{name} tells a mean speed of {speed} km/h"))
        } else {
            None
        };
        let [cars, vans, trucks, buses, motorcycles, others] = classes.map(f64::from);
        let values = [cars, vans, trucks, buses, motorcycles, others, speed];
        let passed = (self.lanes > 0).then_some(PASSED_ALL);
        self.see(&Period { name, time, count, impossible, covered: false, passed, values }, findings);
    }

    fn see(&mut self, period: &Period<'_>, findings: &mut Vec<Finding>) {
        let Period { name, time, .. } = *period;
        self.bad = if period.impossible.is_some() { (self.bad + 1).min(BAD_MAX) } else { self.bad.saturating_sub(1) };
        if self.bad == BAD_MAX
            && let Some(says) = &period.impossible
        {
            findings.push((Complaint::Implausible, Some(says.clone())));
        } else if self.bad == 0 {
            findings.push((Complaint::Implausible, None));
        }
        let equal = self.same.run_of(time, &period.values);
        let since = |known: &mut Option<i64>, is: bool| {
            *known = if is { known.or(Some(time)) } else { None };
            known.map_or(0, |since| time - since)
        };
        let covered = since(&mut self.covered, period.covered);
        let zero = since(&mut self.zero, period.count == 0);
        if period.count > 0 {
            self.passes = 0;
            // A few vehicles without a speed may be the same by chance.
            let telling = period.values[6] > 0.0 || period.count >= MEAN_OF;
            let says = (telling && equal >= EQUAL_MAX).then(|| format!("{name} has told the same {equal} times"));
            findings.push((Complaint::Stuck, says));
            return;
        }
        let (passes, minutes) = (self.passes, zero / 60_000);
        let proved = period.passed.is_some_and(|wanted| passes >= wanted);
        let on = covered >= COVERED_FOR || (covered >= COVERED_PROVED && proved && self.lanes == 1);
        let off = !period.covered && ((zero >= ZERO_PROVED && proved) || zero >= ZERO_FOR);
        if on {
            let says = format!("{name} has been covered for {minutes} min without counting anybody");
            findings.push((Complaint::Stuck, Some(says)));
        } else if off {
            let says = format!("{name} has counted nobody for {minutes} min, while {passes} trackers passed");
            findings.push((Complaint::Stuck, Some(says)));
        }
    }
}
