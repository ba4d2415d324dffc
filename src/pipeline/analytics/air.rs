//! Quarters of an hour of air: the mean of what each station measured.
//!
//! Means of readings, each weighing the same. Limits are for hours and days: four windows make an hour. Does not correct what a
//! sensor gets wrong.

use serde::{Deserialize, Serialize};

use super::row::{instant, mean, thousandths};
use crate::primitives::Timestamp;
use crate::telemetry::field::Text;
use crate::telemetry::reading::Air;

/// Length of a window [ms].
pub(super) const LENGTH: i64 = 900_000;

/// A quarter of an hour of an air-quality station.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AirWindow {
    /// The station.
    pub device: Text,
    /// Beginning of the window.
    #[serde(with = "instant")]
    pub start: Timestamp,
    /// How many readings.
    pub readings: u64,
    /// Mean of fine particles below 2.5 µm [µg/m³].
    pub pm2_5: f64,
    /// Mean of particles below 10 µm [µg/m³].
    pub pm10: f64,
    /// Mean of nitrogen dioxide [µg/m³].
    pub no2: f64,
    /// Mean of ozone [µg/m³].
    pub o3: f64,
    /// Mean of carbon monoxide [mg/m³].
    pub co: f64,
}

/// The sums of a window.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct AirSums {
    readings: u64,
    /// In thousandths, in the order of the row.
    sums: [i64; 5],
}

impl AirSums {
    pub(super) fn add(&mut self, air: &Air) {
        self.readings += 1;
        for (sum, value) in self.sums.iter_mut().zip([air.pm2_5, air.pm10, air.no2, air.o3, air.co]) {
            *sum = sum.saturating_add(thousandths(value));
        }
    }

    pub(super) fn row(&self, start: Timestamp, device: &str) -> AirWindow {
        let of = |k: usize| mean(self.sums[k], self.readings).unwrap_or(0.0);
        let (pm2_5, pm10, no2, o3, co) = (of(0), of(1), of(2), of(3), of(4));
        AirWindow { device: Text::from(device), start, readings: self.readings, pm2_5, pm10, no2, o3, co }
    }
}
