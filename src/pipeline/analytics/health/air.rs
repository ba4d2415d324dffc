//! Air stations that move away from the others: hour by hour, each against the median of the rest of its partition.
//!
//! What a station measures is its place and its sensor. The ratio to the median of the others takes out the weather and the hour; what
//! is left is learnt over the first week, from [`LEARNT`] hours on. A sensor has drifted if the ratio of the last hours differs from
//! that by [`DRIFT`] or more in any measure for [`HOURS`] hours in a row; and, without waiting for that, if its ozone or its fine
//! particles, which differ little within a town, are beyond [`APART`] times the median for [`HOURS_APART`] hours.
//! Logarithms of ratios, exponentially smoothed. A gain that was wrong from the first day is part of the place and not found,
//! unless it is as wrong as that.
//!
//! A station that tells less than [`READINGS`] times in an hour, or has fewer than [`OTHERS`] others, is not judged for that hour.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Complaint, Finding};
use crate::telemetry::DeviceId;
use crate::telemetry::reading::Air;

const HOUR: i64 = 3_600_000;
/// Measures compared: PM2.5, PM10, NO2, O3, CO.
const MEASURES: usize = 5;
/// Those that differ little within a town.
const EVEN: [usize; 2] = [0, 3];
const NAMES: [&str; MEASURES] = ["PM2.5", "PM10", "NO2", "O3", "CO"];
/// Least value of each measure that is told apart from nothing, in its unit.
const LEAST: [f64; MEASURES] = [1.0, 1.0, 2.0, 2.0, 0.05];
/// Fewest readings of a station in an hour, and fewest others.
const READINGS: u32 = 3;
const OTHERS: usize = 4;
/// Hours after which the own ratio is known, and after which it is learnt no further.
const LEARNT: u32 = 24;
const LEARNT_MAX: u32 = 168;
/// Weight of the last hour in the recent ratio.
const RECENT: f64 = 0.3;
/// Ratio from which on a sensor has drifted, and hours in a row.
const DRIFT: f64 = 1.25;
const HOURS: u32 = 3;
/// The same without knowing the past.
const APART: f64 = 2.0;
const HOURS_APART: u32 = 4;
/// Hours in a row without drift after which it is well.
const WELL: u32 = 3;

/// Air stations of a partition.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Panel {
    /// End of the hour being filled [ms].
    end: Option<i64>,
    /// Readings of this hour and their sums.
    hour: BTreeMap<DeviceId, (u32, [f64; MEASURES])>,
    past: BTreeMap<DeviceId, Past>,
}

/// What is known of a station's ratios.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Past {
    hours: u32,
    learnt: [f64; MEASURES],
    recent: [f64; MEASURES],
    /// Hours in a row in which it was away from its past, from the others, and neither.
    away: u32,
    apart: u32,
    well: u32,
}

impl Panel {
    /// A reading.
    pub(super) fn see(&mut self, device: &DeviceId, air: &Air) {
        if !self.hour.contains_key(device) {
            self.hour.insert(device.clone(), (0, [0.0; MEASURES]));
        }
        if let Some((readings, sums)) = self.hour.get_mut(device) {
            *readings += 1;
            for (sum, value) in sums.iter_mut().zip([air.pm2_5, air.pm10, air.no2, air.o3, air.co]) {
                *sum += value;
            }
        }
    }

    /// A minute has ended [ms]: judges the stations if it ends an hour.
    pub(super) fn minute(&mut self, now: i64) -> Vec<(DeviceId, Finding)> {
        let end = *self.end.get_or_insert((now.div_euclid(HOUR) + 1) * HOUR);
        if now < end {
            return Vec::new();
        }
        self.end = Some((now.div_euclid(HOUR) + 1) * HOUR);
        let mut means: Vec<(DeviceId, [f64; MEASURES])> = Vec::new();
        for (device, (readings, sums)) in std::mem::take(&mut self.hour) {
            if readings >= READINGS {
                means.push((device, sums.map(|sum| sum / f64::from(readings))));
            }
        }
        if means.len() <= OTHERS {
            return Vec::new();
        }
        let sorted: Vec<Vec<f64>> = (0..MEASURES)
            .map(|k| {
                let mut all: Vec<f64> = means.iter().map(|one| one.1[k]).collect();
                all.sort_by(f64::total_cmp);
                all
            })
            .collect();
        let mut findings = Vec::new();
        for (device, mean) in means {
            let mut ratios = [0.0; MEASURES];
            for (k, ratio) in ratios.iter_mut().enumerate() {
                let others = median_without(&sorted[k], mean[k]);
                *ratio = libm::log((mean[k] + LEAST[k]) / (others + LEAST[k]));
            }
            if let Some(finding) = self.past.entry(device.clone()).or_default().judge(&device, &ratios) {
                findings.push((device, finding));
            }
        }
        findings
    }

    pub(super) fn retain(&mut self, known: impl Fn(&DeviceId) -> bool) {
        self.past.retain(|id, _| known(id));
    }
}

/// The median of sorted numbers without one of them.
fn median_without(sorted: &[f64], one: f64) -> f64 {
    let at = sorted.partition_point(|other| *other < one);
    let rest = sorted.len().saturating_sub(1);
    let of = |k: usize| sorted[(if k < at { k } else { k + 1 }).min(sorted.len() - 1)];
    if rest % 2 == 1 { of(rest / 2) } else { f64::midpoint(of((rest / 2).max(1) - 1), of(rest / 2)) }
}

impl Past {
    fn judge(&mut self, device: &DeviceId, ratios: &[f64; MEASURES]) -> Option<Finding> {
        let first = self.hours == 0;
        let (mut worst, mut away, mut apart) = ((0, 0.0), false, false);
        for (k, &ratio) in ratios.iter().enumerate() {
            self.recent[k] = if first { ratio } else { self.recent[k] + RECENT * (ratio - self.recent[k]) };
            let known = self.hours >= LEARNT;
            let moved = if known { self.recent[k] - self.learnt[k] } else { 0.0 };
            away |= moved.abs() >= libm::log(DRIFT);
            let far = if EVEN.contains(&k) { self.recent[k] } else { 0.0 };
            apart |= far.abs() >= libm::log(APART);
            for size in [moved, far] {
                if size.abs() > f64::abs(worst.1) {
                    worst = (k, size);
                }
            }
        }
        self.away = if away { self.away + 1 } else { 0 };
        self.apart = if apart { self.apart + 1 } else { 0 };
        self.well = if away || apart { 0 } else { self.well + 1 };
        // What is not trusted teaches nothing.
        if self.hours < LEARNT_MAX && !away && !apart {
            self.hours += 1;
            for (learnt, ratio) in self.learnt.iter_mut().zip(ratios) {
                *learnt += (ratio - *learnt) / f64::from(self.hours);
            }
        }
        if self.away >= HOURS || self.apart >= HOURS_APART {
            let percent = 100.0 * (libm::exp(worst.1) - 1.0);
            let says = format!("{device} tells {percent:+.0} % {} against the other stations", NAMES[worst.0]);
            return Some((Complaint::Drifted, Some(says)));
        }
        (self.well >= WELL).then_some((Complaint::Drifted, None))
    }
}
