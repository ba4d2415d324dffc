//! A vehicle's satellite receiver: errors that wander, streets that reflect, moments without any signal.
//!
//! Under open sky the error of each axis is the sum of two Ornstein-Uhlenbeck processes and white noise: receivers' errors are
//! correlated over about a minute, with a longer component beneath (Soundy et al. 2020; Wilson); white noise alone would be wrong.
//! Between buildings a Markov chain {line of sight, reflections, outage} takes over: reflections push the fix smoothly to one side
//! of the street, across it more than along it, while the receiver goes on reporting a good fix with a worse dilution.
//! Defaults: sigma 2 m over 60 s and 1.5 m over 1000 s, white 0.4 m; Doppler speed 0.15 m/s.

use nalgebra::{Rotation2, Vector2};

use super::noise::{OrnsteinUhlenbeck, log_normal, normal};
use super::{between, chance, full_turn};
use crate::primitives::random::KeyedRng;
use crate::telemetry::record::Fault;

/// Wandering over about a minute [m], [s].
pub const FAST: OrnsteinUhlenbeck = OrnsteinUhlenbeck { sigma: 2.0, tau: 60.0 };
/// Wandering over a quarter of an hour [m], [s].
pub const SLOW: OrnsteinUhlenbeck = OrnsteinUhlenbeck { sigma: 1.5, tau: 1000.0 };
/// White noise [m].
pub const WHITE: f64 = 0.4;
/// Deviation of the Doppler speed [m/s].
pub const DOPPLER: f64 = 0.15;
/// Below this speed there is no heading [m/s].
pub const HEADING_FROM: f64 = 1.0;

/// How fast the state of the sky changes where a canyon is as deep as can be [1/s]: into reflections, out of them, from
/// reflections into an outage, and out of it.
const TO_REFLECTIONS: f64 = 1.0 / 40.0;
const TO_SIGHT: f64 = 1.0 / 20.0;
const TO_OUTAGE: f64 = 1.0 / 120.0;
const FROM_OUTAGE: f64 = 1.0 / 10.0;
/// Median and spread of the bias across the street, and the largest there is [m].
const BIAS_MEDIAN: f64 = 10.0;
const BIAS_SPREAD: f64 = 0.4;
const BIAS_MAX: f64 = 35.0;
/// Share of the bias that also works along the street.
const BIAS_ALONG: f64 = 0.3;
/// Time in which the bias builds up and decays [s].
const BIAS_TAU: f64 = 10.0;
/// Share of receivers that start cold, and how long they search [s].
const COLD_SHARE: f64 = 0.3;
const COLD_FROM: f64 = 30.0;
const COLD_TO: f64 = 60.0;

/// What a span of time does to every receiver's errors: worked out once for all who were asked that long ago.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Passage {
    /// The span [s].
    dt: f64,
    /// See [`OrnsteinUhlenbeck::coefficients`].
    fast: (f64, f64),
    slow: (f64, f64),
    /// What remains of the way that a bias has still to go.
    unpushed: f64,
    /// Probability to hear satellites again, and to hear anything again.
    to_sight: f64,
    from_outage: f64,
}

impl Passage {
    /// What `dt` [s] do.
    pub fn new(dt: f64) -> Self {
        Self {
            dt,
            fast: FAST.coefficients(dt),
            slow: SLOW.coefficients(dt),
            unpushed: libm::exp(-dt / BIAS_TAU),
            to_sight: within(TO_SIGHT, dt),
            from_outage: within(FROM_OUTAGE, dt),
        }
    }

    /// How long it is [s].
    pub const fn span(&self) -> f64 {
        self.dt
    }
}

/// Probability that something that happens at a rate [1/s] happens within `dt` [s].
fn within(rate: f64, dt: f64) -> f64 {
    1.0 - libm::exp(-rate * dt)
}

/// Whether a die in `[0, 1)` is below [`within`]; that is at most `rate * dt`, which is cheaper to see.
fn happens(die: f64, rate: f64, dt: f64) -> bool {
    die <= rate * dt + f64::EPSILON && die < within(rate, dt)
}

/// What the receiver hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
enum Signal {
    Sight,
    Reflections,
    Outage,
}

/// How the vehicle really moves, and through what.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Motion {
    /// Direction of the street, a unit vector east and north.
    pub along: Vector2<f64>,
    /// Speed [m/s].
    pub speed: f64,
    /// How much of the sky the buildings take: 0 is open, 1 a deep street canyon.
    pub canyon: f64,
}

/// What the receiver makes of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Perceived {
    /// The fix, or none.
    pub fix: Option<Reported>,
    /// What is wrong.
    pub fault: Option<Fault>,
}

/// A fix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reported {
    /// Off the truth by this much, east and north [m].
    pub offset: Vector2<f64>,
    /// Speed over ground [m/s].
    pub speed: f64,
    /// Heading, clockwise from north [°]; none when nearly standing.
    pub heading: Option<f64>,
    /// Horizontal dilution of precision.
    pub hdop: f64,
}

/// A receiver.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Receiver {
    severity: f64,
    #[serde(with = "crate::primitives::geometry::pair")]
    fast: Vector2<f64>,
    #[serde(with = "crate::primitives::geometry::pair")]
    slow: Vector2<f64>,
    signal: Signal,
    /// Where the reflections push the fix, across the street to the left [m], and where it is on the way there.
    pushed_to: f64,
    pushed: f64,
    /// How long it still searches [s].
    searching: f64,
}

impl Receiver {
    /// A receiver switched on now.
    pub fn new(severity: f64, rng: &mut KeyedRng) -> Self {
        let cold = rng.unit() < chance(COLD_SHARE, severity);
        let searching = if cold { between(rng, COLD_FROM, COLD_TO) } else { 0.0 };
        let mut begin = |process: OrnsteinUhlenbeck| Vector2::new(process.begin(rng), process.begin(rng)) * severity;
        Self {
            severity,
            fast: begin(FAST),
            slow: begin(SLOW),
            signal: Signal::Sight,
            pushed_to: 0.0,
            pushed: 0.0,
            searching,
        }
    }

    /// What it reports, so long after it was last asked.
    pub fn observe(&mut self, motion: &Motion, passage: &Passage, rng: &mut KeyedRng) -> Perceived {
        self.wander(passage, rng);
        self.listen(motion.canyon, passage, rng);
        self.searching -= passage.dt;
        if self.searching > 0.0 || self.signal == Signal::Outage {
            return Perceived { fix: None, fault: Some(Fault::Outage) };
        }
        let white = Vector2::new(normal(rng), normal(rng)) * (WHITE * self.severity);
        // In the street's own frame: along it, and across it to the left.
        let push = Vector2::new(BIAS_ALONG * self.pushed, self.pushed);
        let across = Vector2::new(-motion.along.y, motion.along.x);
        let street = Rotation2::from_basis_unchecked(&[motion.along, across]);
        let speed = (motion.speed + DOPPLER * self.severity * normal(rng)).max(0.0);
        let reflected = self.signal == Signal::Reflections;
        let hdop = if reflected { between(rng, 3.0, 6.0) } else { between(rng, 0.8, 1.3) };
        let heading = (speed >= HEADING_FROM).then(|| {
            // The Doppler error across the motion turns the heading.
            let turned = libm::atan2(DOPPLER * self.severity * normal(rng), speed);
            let bearing = libm::atan2(motion.along.x, motion.along.y) + turned;
            full_turn(bearing.to_degrees())
        });
        let offset = self.fast + self.slow + white + street * push;
        // What reflections have pushed aside comes back slowly, and is not in sight until it has.
        let aside = self.pushed.abs() > WHITE * self.severity;
        let fault = (reflected || aside).then_some(Fault::Reflections);
        Perceived { fix: Some(Reported { offset, speed, heading, hdop }), fault }
    }

    fn wander(&mut self, passage: &Passage, rng: &mut KeyedRng) {
        for ((kept, added), error) in [(passage.fast, &mut self.fast), (passage.slow, &mut self.slow)] {
            *error = *error * kept + Vector2::new(normal(rng), normal(rng)) * (added * self.severity);
        }
        self.pushed = self.pushed_to + (self.pushed - self.pushed_to) * passage.unpushed;
    }

    /// The Markov chain of the sky; at most one change between two reports.
    fn listen(&mut self, canyon: f64, passage: &Passage, rng: &mut KeyedRng) {
        let depth = canyon.clamp(0.0, 1.0) * self.severity;
        let dt = passage.dt;
        let die = rng.unit();
        self.signal = match self.signal {
            Signal::Sight if happens(die, depth * TO_REFLECTIONS, dt) => {
                let side = if rng.unit() < 0.5 { -1.0 } else { 1.0 };
                self.pushed_to = side * log_normal(BIAS_MEDIAN * self.severity, BIAS_SPREAD, rng).min(BIAS_MAX);
                Signal::Reflections
            }
            Signal::Reflections if happens(die, depth * TO_OUTAGE, dt) => Signal::Outage,
            Signal::Reflections if die > 1.0 - passage.to_sight => {
                self.pushed_to = 0.0;
                Signal::Sight
            }
            Signal::Outage if die < passage.from_outage => Signal::Reflections,
            same => same,
        };
    }
}

/// Variance of each axis under open sky [m²].
pub fn open_sky_variance(severity: f64) -> f64 {
    severity * severity * (FAST.sigma * FAST.sigma + SLOW.sigma * SLOW.sigma + WHITE * WHITE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::random::{Purpose, Seed};

    fn drive(owner: u64, canyon: f64, speed: f64, severity: f64) -> Vec<Perceived> {
        let key = |n| Seed(4).stream(Purpose::GnssError, owner, n);
        let mut receiver = Receiver::new(severity, &mut key(0));
        let motion = Motion { along: Vector2::new(0.0, 1.0), speed, canyon };
        (1..=200).map(|n| receiver.observe(&motion, &Passage::new(5.0), &mut key(n))).collect()
    }

    fn offsets(all: &[Perceived]) -> Vec<Vector2<f64>> {
        all.iter().filter_map(|one| one.fix.map(|fix| fix.offset)).collect()
    }

    #[test]
    fn between_buildings_the_fix_is_pushed_across_the_street_and_nothing_betrays_it_but_the_dilution() {
        let all: Vec<Perceived> = (0..200).flat_map(|k| drive(k, 1.0, 10.0, 1.0)).collect();
        let reflected: Vec<&Perceived> = all.iter().filter(|p| p.fix.is_some_and(|fix| fix.hdop >= 3.0)).collect();
        let share = |n: usize| {
            f64::from(u32::try_from(n).expect("small")) / f64::from(u32::try_from(all.len()).expect("small"))
        };
        assert!((0.2..0.5).contains(&share(reflected.len())), "{}", share(reflected.len()));
        assert!(reflected.iter().all(|p| p.fault == Some(Fault::Reflections)));
        let squares = |axis: usize| reflected.iter().filter_map(|p| p.fix).map(|f| f.offset[axis].powi(2)).sum::<f64>();
        // The street runs north: east is across.
        assert!(squares(0) > 2.0 * squares(1), "{} {}", squares(0), squares(1));
    }

    #[test]
    fn an_error_of_today_is_an_error_of_a_moment_later() {
        let all = offsets(&drive(1, 0.0, 10.0, 1.0));
        let steps: f64 = all.windows(2).map(|pair| (pair[1] - pair[0]).norm()).sum::<f64>() / 200.0;
        assert!(steps < 2.0, "the fix jumps {steps} m between two reports");
    }

    #[test]
    fn a_standing_vehicle_has_no_heading_but_wanders() {
        let all = drive(2, 0.0, 0.0, 1.0);
        assert!(all.iter().filter_map(|p| p.fix).all(|fix| fix.heading.is_none()));
        let found = offsets(&all);
        assert!((found[found.len() - 1] - found[0]).norm() > 0.1);
    }

    #[test]
    fn without_severity_there_is_no_error() {
        for perceived in drive(3, 1.0, 10.0, 0.0) {
            let fix = perceived.fix.expect("always a fix");
            assert!(fix.offset.norm() < 1e-12 && (fix.speed - 10.0).abs() < 1e-12);
            assert_eq!((fix.heading, perceived.fault), (Some(0.0), None));
        }
    }
}
