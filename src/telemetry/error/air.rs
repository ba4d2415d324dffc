//! A low-cost air-quality station: fine particles over-read in damp air, nitrogen dioxide hears ozone, and everything drifts.
//!
//! Fine particles: the public correction of a widespread optical counter is PM = 0.52 raw - 0.086 RH + 5.75 up to 343 ug/m3, above
//! it PM = 0.46 raw + 3.93e-4 raw^2 + 2.97 (Barkjohn, Gantt, Clements 2021, "Development and application of a United States-wide
//! correction for PM2.5 data collected with the `PurpleAir` sensor", Atmos. Meas. Tech. 14, in the form US EPA publishes); what the
//! counter says is its inverse. Electrochemical cells for NO2 answer to O3 too, and to temperature (Spinelle et al. 2015). The sizes
//! of drift and noise are this program's assumptions.

use super::noise::normal;
use super::{Dice, between};
use crate::primitives::random::KeyedRng;
use crate::telemetry::record::Fault;

/// Drift of a gain over the life of a sensor [1/year], as a standard deviation.
const DRIFT: f64 = 0.06;
/// Oldest sensor in use [years].
const AGE_MAX: f64 = 4.0;
/// Drift from which it is called a fault.
const DRIFT_FAULT: f64 = 0.15;
/// White noise: particles [ug/m3 and share], NO2 and O3 [ug/m3], CO [mg/m3].
const NOISE_PM: (f64, f64) = (0.5, 0.05);
const NOISE_GAS: f64 = 3.0;
const NOISE_CO: f64 = 0.03;
/// What a degree above 20 °C does to the NO2 cell [ug/m3/K].
const NO2_TEMPERATURE: f64 = 0.25;
/// How much warmer it is in the housing [K].
const HOUSING: f64 = 2.0;

/// The air as it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AirState {
    /// Particles below 2.5 um [ug/m3].
    pub pm2_5: f64,
    /// Particles below 10 um [ug/m3].
    pub pm10: f64,
    /// Nitrogen dioxide [ug/m3].
    pub no2: f64,
    /// Ozone [ug/m3].
    pub o3: f64,
    /// Carbon monoxide [mg/m3].
    pub co: f64,
    /// Temperature [°C].
    pub temperature: f64,
    /// Relative humidity [%].
    pub humidity: f64,
}

/// A station's sensors and their traits.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct AirStation {
    severity: f64,
    /// Gain of particles, NO2, O3 and CO after the drift of its life.
    gains: [f64; 4],
    /// Share of the ozone that the NO2 cell takes for NO2.
    hears_ozone: f64,
    /// How much it over-reads coarse particles.
    coarse: f64,
}

impl AirStation {
    /// A station with traits from its dice.
    pub fn new(severity: f64, dice: Dice) -> Self {
        let mut rng = dice.roll(0);
        let age = between(&mut rng, 0.0, AGE_MAX);
        let mut drifted = || (1.0 + DRIFT * age * severity * normal(&mut rng)).max(0.2);
        let gains = [drifted(), drifted(), drifted(), drifted()];
        let hears_ozone = between(&mut rng, 0.05, 0.25) * severity;
        let coarse = 1.0 + 0.1 * severity * normal(&mut rng);
        Self { severity, gains, hears_ozone, coarse }
    }

    /// What it measures.
    pub fn observe(&self, truth: &AirState, rng: &mut KeyedRng) -> (AirState, Option<Fault>) {
        let severity = self.severity;
        let mut noise = |size: f64| severity * size * normal(rng);
        // Severity goes from the truth to the counter's own law.
        let raw = |pm: f64| pm + severity * (particle_counter(pm, truth.humidity) - pm);
        let particles =
            |pm: f64, noise: f64| (raw(pm) * self.gains[0] * (1.0 + NOISE_PM.1 * noise) + NOISE_PM.0 * noise).max(0.0);
        let pm2_5 = particles(truth.pm2_5, noise(1.0));
        // The coarse part is estimated from the fine one and cannot be below it.
        let coarse = (truth.pm10 - truth.pm2_5).max(0.0) * self.coarse * self.gains[0];
        let warm = HOUSING * severity;
        let temperature = truth.temperature + warm + noise(0.3);
        let no2 = truth.no2 * self.gains[1]
            + self.hears_ozone * truth.o3
            + severity * NO2_TEMPERATURE * (temperature - 20.0)
            + noise(NOISE_GAS);
        let seen = AirState {
            pm2_5,
            pm10: pm2_5 + coarse,
            no2: no2.max(0.0),
            o3: (truth.o3 * self.gains[2] + noise(NOISE_GAS)).max(0.0),
            co: (truth.co * self.gains[3] + noise(NOISE_CO)).max(0.0),
            temperature,
            // The same water in warmer air is relatively less: about 6 % of the value for every kelvin.
            humidity: (truth.humidity * (1.0 - 0.06 * warm) + noise(1.5)).clamp(0.0, 100.0),
        };
        let drifted = self.gains.iter().any(|gain| (gain - 1.0).abs() > DRIFT_FAULT);
        (seen, drifted.then_some(Fault::Drift))
    }
}

/// What an optical particle counter says at a true concentration [ug/m3] and a relative humidity [%].
pub fn particle_counter(pm2_5: f64, humidity: f64) -> f64 {
    let raw = (pm2_5 - 5.75 + 0.086 * humidity) / 0.52;
    if raw <= 343.0 {
        return raw.max(0.0);
    }
    // The positive root of 3.93e-4 raw^2 + 0.46 raw + 2.97 - pm = 0.
    let (a, b) = (3.93e-4, 0.46);
    ((libm::sqrt(b * b + 4.0 * a * (pm2_5 - 2.97)) - b) / (2.0 * a)).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::random::{Purpose, Seed};

    const AIR: AirState =
        AirState { pm2_5: 12.0, pm10: 20.0, no2: 25.0, o3: 70.0, co: 0.3, temperature: 18.0, humidity: 70.0 };

    fn station(owner: u64, severity: f64) -> AirStation {
        AirStation::new(severity, Dice { seed: Seed(6), purpose: Purpose::DeviceTraits, owner })
    }

    #[test]
    fn whoever_applies_the_public_correction_gets_the_truth_back() {
        for (pm, humidity) in [(5.0, 60.0), (12.0, 30.0), (80.0, 90.0), (170.0, 50.0)] {
            let raw = particle_counter(pm, humidity);
            assert!((0.52 * raw - 0.086 * humidity + 5.75 - pm).abs() < 1e-9, "{pm}");
        }
        let smoke = particle_counter(400.0, 20.0);
        assert!(smoke > 343.0 && (0.46 * smoke + 3.93e-4 * smoke * smoke + 2.97 - 400.0).abs() < 1e-6);
        // Over-reading by about 40 % in ordinary air.
        assert!((1.3..2.0).contains(&(particle_counter(20.0, 60.0) / 20.0)));
    }

    #[test]
    fn ozone_looks_like_nitrogen_dioxide_and_old_sensors_are_labelled() {
        let mean = |o3: f64| {
            let air = AirState { o3, ..AIR };
            let all = (0..300).map(|k| station(k, 1.0).observe(&air, &mut Seed(6).stream(Purpose::AirError, k, 0)));
            let (mut no2, mut faults) = (0.0, 0);
            for (seen, fault) in all {
                no2 += seen.no2 / 300.0;
                faults += i32::from(fault == Some(Fault::Drift));
            }
            (no2, faults)
        };
        let ((clean, faults), (summer, _)) = (mean(0.0), mean(120.0));
        // 15 % of 120 on average.
        assert!((summer - clean - 18.0).abs() < 2.0, "{clean} {summer}");
        assert!((60..240).contains(&faults), "{faults}");
    }

    #[test]
    fn without_severity_the_station_is_a_reference_station() {
        let (seen, fault) = station(3, 0.0).observe(&AIR, &mut Seed(6).stream(Purpose::AirError, 3, 0));
        assert_eq!((seen, fault), (AIR, None));
    }
}
