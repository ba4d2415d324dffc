//! Minutes of vehicles: how far and how fast each went, and where it was last.
//!
//! Distance is that between consecutive fixes of a device, at most [`PAUSE_MAX`] apart, and belongs to the minute of the later
//! one. A fix that comes after the watermark counts in its minute but adds no distance, because its neighbours have been joined
//! already.

use serde::{Deserialize, Serialize};

use super::row::{from_thousandths, instant, mean, thousandths};
use crate::primitives::Timestamp;
use crate::telemetry::Record;
use crate::telemetry::field::Text;
use crate::telemetry::reading::Position;

/// Length of a window [ms].
pub(super) const LENGTH: i64 = 60_000;
/// The longest time between two fixes that is bridged by a straight line [ms].
const PAUSE_MAX: i64 = 120_000;
/// Mean radius of the earth, R1 of WGS 84 (Moritz 2000, "Geodetic Reference System 1980", J. Geodesy 74) [m].
pub(super) const EARTH: f64 = 6_371_008.8;

/// A minute of a vehicle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PositionWindow {
    /// The tracker.
    pub device: Text,
    /// The vehicle that carries it.
    pub vehicle: Text,
    /// Beginning of the minute.
    #[serde(with = "instant")]
    pub start: Timestamp,
    /// Readings with a position.
    pub fixes: u64,
    /// Readings without one.
    pub without_fix: u64,
    /// Mean of the speeds told [km/h].
    pub speed_mean_kmh: Option<f64>,
    /// Highest speed told [km/h].
    pub speed_max_kmh: Option<f64>,
    /// Straight distances between consecutive fixes, added up [m].
    pub distance_m: f64,
    /// Time of the first reading.
    #[serde(with = "instant")]
    pub first: Timestamp,
    /// Time of the last reading.
    #[serde(with = "instant")]
    pub last: Timestamp,
    /// Latitude of the last fix, WGS 84 [°].
    pub latitude: Option<f64>,
    /// Longitude of the last fix, WGS 84 [°].
    pub longitude: Option<f64>,
    /// Road of the last fix, as far as it could be told.
    pub road: Option<Text>,
}

/// A position with a fix, and when.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Fixed {
    /// When [ms].
    pub(super) time: i64,
    pub(super) latitude: f64,
    pub(super) longitude: f64,
}

impl Fixed {
    /// The position of a reading, if it has one.
    pub(super) fn of(record: &Record, position: &Position) -> Option<Self> {
        let (latitude, longitude) = (position.latitude?, position.longitude?);
        let fixed = position.fix != crate::telemetry::reading::Fix::None;
        fixed.then(|| Self { time: record.time.as_milliseconds(), latitude, longitude })
    }

    /// Distance from an earlier fix [mm]; none if there is too much time between them.
    ///
    /// On the plane through the middle latitude (equirectangular approximation); over a kilometre it errs by less than 10⁻⁶.
    fn millimetres_from(&self, earlier: &Self) -> i64 {
        let pause = self.time - earlier.time;
        if !(0..=PAUSE_MAX).contains(&pause) {
            return 0;
        }
        let middle = f64::midpoint(self.latitude, earlier.latitude);
        // The short way around the earth.
        let turn = self.longitude - earlier.longitude;
        let turn = turn - 360.0 * libm::round(turn / 360.0);
        let east = turn.to_radians() * libm::cos(middle.to_radians()) * EARTH;
        let north = (self.latitude - earlier.latitude).to_radians() * EARTH;
        thousandths(libm::sqrt(east * east + north * north))
    }
}

/// The order of a device's readings.
type Order = (i64, u32, u64);

/// The sums of a minute of a vehicle.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct PositionSums {
    vehicle: Text,
    fixes: u64,
    without_fix: u64,
    speeds: u64,
    /// [1/1000 km/h]
    speed_sum: i64,
    /// [1/1000 km/h]
    speed_max: i64,
    /// [mm]
    distance: i64,
    /// First and last reading [ms]; none before the first.
    span: Option<(i64, i64)>,
    /// The last fix, its place in the order, and its road.
    last: Option<(Order, Fixed, Option<Text>)>,
}

impl PositionSums {
    /// Adds a reading: its fix, the fix before it unless it comes late, and its road.
    pub(super) fn add(
        &mut self,
        record: &Record,
        position: &Position,
        fixed: Option<Fixed>,
        before: Option<&Fixed>,
        road: Option<&Text>,
    ) {
        if self.span.is_none() {
            self.vehicle = Text::clone(&position.vehicle_id);
        }
        let time = record.time.as_milliseconds();
        self.span = Some(self.span.map_or((time, time), |(first, last)| (first.min(time), last.max(time))));
        let Some(fixed) = fixed else {
            self.without_fix += 1;
            return;
        };
        self.fixes += 1;
        if let Some(speed) = position.speed {
            self.speeds += 1;
            self.speed_sum = self.speed_sum.saturating_add(thousandths(speed));
            self.speed_max = self.speed_max.max(thousandths(speed));
        }
        if let Some(before) = before {
            self.distance = self.distance.saturating_add(fixed.millimetres_from(before));
        }
        let order = (time, record.epoch, record.sequence);
        if self.last.as_ref().is_none_or(|last| last.0 < order) {
            self.last = Some((order, fixed, road.cloned()));
        }
    }

    /// The row of these sums.
    pub(super) fn row(&self, start: Timestamp, device: &str) -> PositionWindow {
        let (first, last) = self.span.unwrap_or_default();
        let fix = self.last.as_ref();
        PositionWindow {
            device: Text::from(device),
            vehicle: Text::clone(&self.vehicle),
            start,
            fixes: self.fixes,
            without_fix: self.without_fix,
            speed_mean_kmh: mean(self.speed_sum, self.speeds),
            speed_max_kmh: (self.speeds > 0).then(|| from_thousandths(self.speed_max)),
            distance_m: from_thousandths(self.distance),
            first: Timestamp::milliseconds(first),
            last: Timestamp::milliseconds(last),
            latitude: fix.map(|last| last.1.latitude),
            longitude: fix.map(|last| last.1.longitude),
            road: fix.and_then(|last| last.2.clone()),
        }
    }
}
