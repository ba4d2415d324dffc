//! The weather as it is: the scenario's numbers, the course of the day, and gusts and showers around them.
//!
//! A pure function of the seed and the time: between knots ten minutes apart every quantity goes in a straight line from one keyed
//! draw to the next. The day's course is a cosine with its peak at 15:00; air that warms by a kelvin loses some 5 % of its relative
//! humidity. Knows no device.

use rand_distr::{Distribution, StandardNormal};

use crate::primitives::SimTime;
use crate::primitives::random::{Purpose, Seed};
use crate::telemetry::error::camera::{Sight, sun_height};
use crate::telemetry::reading::Sky;

/// Time between two knots [s].
const KNOT: f64 = 600.0;

/// The day's weather.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Climate {
    pub seed: Seed,
    pub sky: Sky,
    /// Mean rain or melted snow [mm/h].
    pub precipitation: f64,
    /// Mean temperature [°C].
    pub temperature: f64,
    /// Mean relative humidity [%].
    pub humidity: f64,
    /// Mean wind [m/s], and where it comes from [°].
    pub wind: f64,
    pub wind_from: f64,
    /// How far one sees [m].
    pub visibility: f64,
    /// Latitude [°], and the day of the year from 1.
    pub latitude: f64,
    pub day: u32,
}

/// The weather at a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Moment {
    pub sky: Sky,
    /// [°C]
    pub temperature: f64,
    /// [%]
    pub humidity: f64,
    /// [m/s]
    pub wind: f64,
    /// [°]
    pub wind_from: f64,
    /// [mm/h]
    pub precipitation: f64,
    /// [m]
    pub visibility: f64,
    /// Height of the sun above the horizon [°].
    pub sun: f64,
}

impl Climate {
    /// The weather at a time of the simulated day.
    pub(crate) fn at(&self, now: SimTime) -> Moment {
        let seconds = now.as_seconds();
        let hours = seconds / 3600.0;
        let swing = if self.sky == Sky::Dry { 5.0 } else { 2.0 };
        let warmer = swing * libm::cos(std::f64::consts::TAU * (hours - 15.0) / 24.0);
        let falls = if self.precipitation > 0.0 { libm::exp(0.5 * self.wander(seconds, 3) - 0.125) } else { 0.0 };
        Moment {
            sky: self.sky,
            temperature: self.temperature + warmer + 0.5 * self.wander(seconds, 0),
            humidity: (self.humidity * (1.0 - 0.05 * warmer) + 2.0 * self.wander(seconds, 1)).clamp(5.0, 100.0),
            wind: (self.wind * (1.0 + 0.2 * self.wander(seconds, 2))).max(0.0),
            wind_from: (self.wind_from + 15.0 * self.wander(seconds, 4)).rem_euclid(360.0),
            precipitation: (self.precipitation * falls).min(500.0),
            visibility: (self.visibility * libm::exp(0.1 * self.wander(seconds, 5))).min(100_000.0),
            sun: sun_height(self.latitude, self.day, hours),
        }
    }

    /// What a camera looks through at a time of the simulated day.
    pub(crate) fn sight(&self, now: SimTime) -> Sight {
        let Moment { sun, sky, precipitation, visibility, .. } = self.at(now);
        Sight { sun, sky, precipitation, visibility }
    }

    /// A number around 0 that changes smoothly with time.
    fn wander(&self, seconds: f64, what: u64) -> f64 {
        let knot = (seconds / KNOT).floor();
        let draw = |knot: f64| -> f64 {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a run has few knots; before midnight they are negative"
            )]
            let key = (knot as i64).cast_unsigned();
            StandardNormal.sample(&mut self.seed.stream(Purpose::Weather, what, key))
        };
        let into = seconds / KNOT - knot;
        draw(knot) * (1.0 - into) + draw(knot + 1.0) * into
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RAIN: Climate = Climate {
        seed: Seed(1),
        sky: Sky::Rain,
        precipitation: 2.0,
        temperature: 12.0,
        humidity: 85.0,
        wind: 5.0,
        wind_from: 350.0,
        visibility: 8_000.0,
        latitude: 55.6,
        day: 153,
    };

    #[test]
    fn afternoons_are_warmer_than_nights_and_nothing_jumps() {
        let all: Vec<Moment> = (0..86_400 / 60).map(|m| RAIN.at(SimTime::milliseconds(m * 60_000))).collect();
        assert!(all[15 * 60].temperature > all[3 * 60].temperature + 2.0);
        assert!(all.windows(2).all(|pair| (pair[0].temperature - pair[1].temperature).abs() < 0.3));
        assert!(all.iter().all(|one| (0.0..360.0).contains(&one.wind_from) && one.humidity <= 100.0));
        let mean = all.iter().map(|one| one.precipitation).sum::<f64>() / 1440.0;
        assert!((1.5..2.5).contains(&mean), "{mean} mm/h");
        assert!(all[12 * 60].sun > 50.0 && all[0].sun < 0.0);
    }
}
