//! How far devices were from the truth: their errors summed up as they speak, kind by kind.
//!
//! Only here do a record and its truth stand side by side; what arrives in the stores has no truth. Errors are kept as sums and a
//! histogram, so that a day of a city takes no more room than a minute.

use std::collections::BTreeMap;

use crate::primitives::{SimDuration, Timestamp};
use crate::telemetry::error::gnss;
use crate::telemetry::reading::{Air, CameraCount, LoopCount, Position};
use crate::telemetry::{DeviceId, Emission, Fault, Reading};

/// Bins of a histogram; what is larger is counted in the last.
const BINS: usize = 2_000;
/// Mean radius of the earth, IUGG 1980 [m].
const EARTH_RADIUS: f64 = 6_371_008.8;
/// Length of the windows in which the true air is kept [s].
const QUARTER: SimDuration = SimDuration::milliseconds(900_000);

/// What is graded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Graded {
    /// Distance of a tracker's fix from its vehicle, with the sky in sight [m].
    PositionInSight,
    /// The same among reflections [m].
    PositionReflected,
    /// Speed of a tracker with the sky in sight [km/h].
    TrackerSpeed,
    /// Vehicles counted by a healthy loop in a period [veh].
    LoopCount,
    /// Vehicles counted by a loop that fails or hears its neighbour's lane [veh].
    LoopCountFaulty,
    /// Vehicles counted by a camera in a period [veh].
    CameraCount,
    /// Fine particles at an air station [µg/m³].
    FineParticles,
    /// Nitrogen dioxide at an air station [µg/m³].
    NitrogenDioxide,
    /// Parking bays that say taken for free (1) or free for taken (−1).
    ParkingBay,
}

impl Graded {
    /// Width of a bin of its histogram.
    const fn bin(self) -> f64 {
        match self {
            Self::PositionInSight | Self::PositionReflected | Self::FineParticles | Self::NitrogenDioxide => 0.05,
            Self::TrackerSpeed => 0.01,
            // Whole numbers: a bin holds one of them.
            Self::LoopCount | Self::LoopCountFaulty | Self::CameraCount | Self::ParkingBay => 1.0,
        }
    }
}

/// Errors of one quantity: measured less true.
#[derive(Debug, Clone, PartialEq)]
pub struct ErrorSums {
    /// Readings compared.
    pub count: u64,
    /// Sum of what was true.
    pub truth: f64,
    sum: f64,
    squares: f64,
    bins: Vec<u64>,
    bin: f64,
}

impl ErrorSums {
    fn new(bin: f64) -> Self {
        Self { count: 0, truth: 0.0, sum: 0.0, squares: 0.0, bins: vec![0; BINS], bin }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a size, cut off at the last bin")]
    fn add(&mut self, error: f64, truth: f64) {
        self.count += 1;
        self.truth += truth;
        self.sum += error;
        self.squares += error * error;
        self.bins[((error.abs() / self.bin) as usize).min(BINS - 1)] += 1;
    }

    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53 readings")]
    fn over_count(&self, sum: f64) -> Option<f64> {
        (self.count > 0).then(|| sum / self.count as f64)
    }

    /// Mean error, with its sign.
    pub fn mean(&self) -> Option<f64> {
        self.over_count(self.sum)
    }

    /// Root of the mean square error.
    pub fn rms(&self) -> Option<f64> {
        self.over_count(self.squares).map(f64::sqrt)
    }

    /// Size that this share of the errors does not exceed, to the width of a bin.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "far fewer than 2^53 readings"
    )]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        let wanted = (share * self.count as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        let at = self.bins.iter().position(|bin| {
            seen += bin;
            seen >= wanted
        })?;
        // The middle of a bin stands for what is in it, except where a bin holds one whole number.
        let middle = if self.bin < 1.0 { 0.5 } else { 0.0 };
        Some((at as f64 + middle) * self.bin)
    }
}

/// True air of a station in a window: readings, and sums of fine particles and nitrogen dioxide.
type TrueAir = (u32, f64, f64);

/// The errors of all devices.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Grader {
    sums: BTreeMap<Graded, ErrorSums>,
    air: BTreeMap<(DeviceId, Timestamp), TrueAir>,
}

impl Grader {
    /// Compares what a device says with the truth.
    pub fn add(&mut self, emission: &Emission) {
        match (&emission.record.reading, &emission.truth) {
            (Reading::Position(said), Reading::Position(truth)) => self.position(said, truth, emission.fault),
            (Reading::LoopCount(said), Reading::LoopCount(truth)) => self.detector(said, truth, emission.fault),
            (Reading::CameraCount(said), Reading::CameraCount(truth)) => {
                let (said, truth) = (counted(said), counted(truth));
                self.note(Graded::CameraCount, said - truth, truth);
            }
            (Reading::Air(said), Reading::Air(truth)) => self.air(emission, said, truth),
            (Reading::Parking(said), Reading::Parking(truth)) => {
                let error = f64::from(i8::from(said.occupied) - i8::from(truth.occupied));
                self.note(Graded::ParkingBay, error, f64::from(u8::from(truth.occupied)));
            }
            _ => {}
        }
    }

    fn note(&mut self, graded: Graded, error: f64, truth: f64) {
        self.sums.entry(graded).or_insert_with(|| ErrorSums::new(graded.bin())).add(error, truth);
    }

    fn position(&mut self, said: &Position, truth: &Position, fault: Option<Fault>) {
        let places = (said.longitude.zip(said.latitude), truth.longitude.zip(truth.latitude));
        let (Some(said_at), Some(true_at)) = places else { return };
        let reflected = match fault {
            None | Some(Fault::Garbled) => false,
            Some(Fault::Reflections) => true,
            Some(_) => return,
        };
        let graded = if reflected { Graded::PositionReflected } else { Graded::PositionInSight };
        self.note(graded, apart(said_at, true_at), 0.0);
        if let (false, Some(said), Some(truth)) = (reflected, said.speed, truth.speed)
            && truth > 0.0
        {
            self.note(Graded::TrackerSpeed, said - truth, truth);
        }
    }

    fn detector(&mut self, said: &LoopCount, truth: &LoopCount, fault: Option<Fault>) {
        let graded = if fault.is_some() { Graded::LoopCountFaulty } else { Graded::LoopCount };
        self.note(graded, f64::from(said.count) - f64::from(truth.count), f64::from(truth.count));
    }

    fn air(&mut self, emission: &Emission, said: &Air, truth: &Air) {
        self.note(Graded::FineParticles, said.pm2_5 - truth.pm2_5, truth.pm2_5);
        self.note(Graded::NitrogenDioxide, said.no2 - truth.no2, truth.no2);
        let window = emission.record.time.floor(QUARTER);
        let (readings, pm2_5, no2) = self.air.entry((emission.record.device.clone(), window)).or_default();
        *readings += 1;
        *pm2_5 += truth.pm2_5;
        *no2 += truth.no2;
    }

    /// The errors, by what was graded.
    pub fn errors(&self) -> &BTreeMap<Graded, ErrorSums> {
        &self.sums
    }

    /// True fine particles and nitrogen dioxide at a station, means of the quarter of an hour that begins then [µg/m³].
    pub fn true_air(&self, station: &DeviceId, begin: Timestamp) -> Option<(f64, f64)> {
        let (readings, pm2_5, no2) = self.air.get(&(station.clone(), begin))?;
        let n = f64::from(*readings);
        Some((pm2_5 / n, no2 / n))
    }
}

/// Standard deviation of a tracker's error along each axis under open sky, by its model [m].
pub fn open_sky_deviation(severity: f64) -> f64 {
    gnss::open_sky_variance(severity).sqrt()
}

fn counted(camera: &CameraCount) -> f64 {
    let CameraCount { cars, vans, trucks, buses, motorcycles, others, .. } = camera;
    [cars, vans, trucks, buses, motorcycles, others].into_iter().map(|count| f64::from(*count)).sum()
}

/// Distance between two near places (longitude, latitude), on a plane that touches the earth there [m].
fn apart(a: (f64, f64), b: (f64, f64)) -> f64 {
    let east = (a.0 - b.0).to_radians() * b.1.to_radians().cos();
    let north = (a.1 - b.1).to_radians();
    east.hypot(north) * EARTH_RADIUS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_give_back_mean_spread_and_quantiles() {
        let mut sums = ErrorSums::new(0.01);
        for n in 0..=100 {
            sums.add(f64::from(n) / 100.0 - 0.25, 1.0);
        }
        assert!(sums.mean().is_some_and(|mean| (mean - 0.25).abs() < 1e-12));
        // Sizes: 0 to 0.25 twice, then up to 0.75; half of 101 lie within 0.25.
        assert!(sums.quantile(0.5).is_some_and(|half| (half - 0.25).abs() < 0.02));
        assert!(sums.quantile(1.0).is_some_and(|all| (all - 0.75).abs() < 0.02));
        assert_eq!(ErrorSums::new(1.0).quantile(0.5), None);
    }

    #[test]
    fn a_hundredth_of_a_degree_north_is_over_a_kilometre_and_east_less() {
        let here = (4.0, 55.6);
        assert!((apart((4.0, 55.61), here) - 1_111.95).abs() < 1.0);
        assert!((apart((4.01, 55.6), here) - 628.2).abs() < 1.0);
    }
}
