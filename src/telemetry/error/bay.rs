//! A parking bay's magnetometer: it notices most comings and goings, remembers a missed one, and hears its neighbours.
//!
//! The sensor tells changes, not states: after a missed departure it believes the bay taken until something else happens or it
//! finds its zero again. Event accuracy is 95 to 99 % as vendors state it; the other figures are this program's assumptions.

use super::{between, chance};
use crate::primitives::random::KeyedRng;
use crate::telemetry::record::Fault;

/// Chance that a vehicle in the next bay is taken for one in this.
const NEIGHBOUR: f64 = 0.005;
/// Chance that a sensor finds its zero again between two heartbeats.
const REZERO: f64 = 0.05;

/// A bay's sensor.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct BaySensor {
    severity: f64,
    accuracy: f64,
    believed: bool,
    battery: f64,
}

impl BaySensor {
    /// A sensor over a bay that is taken or not; its traits come from `rng`.
    pub fn new(severity: f64, taken: bool, rng: &mut KeyedRng) -> Self {
        let accuracy = 1.0 - chance(between(rng, 0.01, 0.05), severity);
        Self { severity, accuracy, believed: taken, battery: between(rng, 3.3, 3.65) }
    }

    /// Whether it believes the bay taken.
    pub const fn believed(&self) -> bool {
        self.believed
    }

    /// Voltage of its battery [V].
    pub const fn battery(&self) -> f64 {
        self.battery
    }

    /// A vehicle came or went; whether the sensor's belief changed.
    pub fn event(&mut self, taken: bool, rng: &mut KeyedRng) -> bool {
        rng.unit() < self.accuracy && self.believe(taken)
    }

    /// A vehicle came into the bay beside it; whether the sensor's belief changed.
    pub fn neighbour_came(&mut self, rng: &mut KeyedRng) -> bool {
        rng.unit() < chance(NEIGHBOUR, self.severity) && self.believe(true)
    }

    /// A heartbeat: now and then the sensor finds its zero again.
    pub fn heartbeat(&mut self, taken: bool, rng: &mut KeyedRng) {
        if rng.unit() < REZERO {
            self.believe(taken);
        }
    }

    /// Sends: every message costs a little charge.
    pub fn spend(&mut self) {
        self.battery = (self.battery - 2e-6).max(2.8);
    }

    /// What is wrong with what it believes.
    pub fn fault(&self, taken: bool) -> Option<Fault> {
        (self.believed != taken).then_some(Fault::MissedEvent)
    }

    fn believe(&mut self, taken: bool) -> bool {
        std::mem::replace(&mut self.believed, taken) != taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::random::{Purpose, Seed};

    #[test]
    fn one_event_in_thirty_or_so_is_missed_and_believed_on_until_the_zero_is_found() {
        let (mut missed, mut healed) = (0, 0);
        for owner in 0..4_000 {
            let key = |n| Seed(8).stream(Purpose::BayError, owner, n);
            let mut sensor = BaySensor::new(1.0, true, &mut key(0));
            if !sensor.event(false, &mut key(1)) {
                missed += 1;
                assert_eq!(sensor.fault(false), Some(Fault::MissedEvent));
                for n in 2..102 {
                    sensor.heartbeat(false, &mut key(n));
                }
                healed += i32::from(sensor.fault(false).is_none());
            }
        }
        // 3 % of 4,000 are 120, give or take five times eleven.
        assert!((65..=175).contains(&missed), "{missed}");
        assert!(healed * 100 >= missed * 95, "{healed} of {missed}");
    }

    #[test]
    fn a_perfect_sensor_misses_nothing() {
        let mut rng = Seed(8).stream(Purpose::BayError, 1, 0);
        let mut sensor = BaySensor::new(0.0, false, &mut rng);
        for n in 0..1_000 {
            assert!(sensor.event(n % 2 == 0, &mut rng));
            assert!(!sensor.neighbour_came(&mut rng) && sensor.fault(n % 2 == 0).is_none());
        }
    }
}
