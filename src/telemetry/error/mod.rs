//! How devices err: one model for each kind, as small state machines over keyed dice.
//!
//! A model takes the truth and gives what the device says and what was wrong with it. Everything a model can do wrong scales with
//! one number, the severity: 0 is a device without error, 1 the device as the literature describes it. Knows no city, no clock
//! and no file; whoever grades computes the expected error from the same numbers.

pub mod air;
pub mod bay;
pub mod camera;
pub mod detector;
pub mod gnss;
pub mod noise;
pub mod radio;
pub mod sojourn;

use crate::primitives::random::{KeyedRng, Purpose, Seed};

/// The dice of one device for one purpose: roll `n` is the same whenever it is rolled.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub struct Dice {
    /// Root of every draw.
    pub seed: Seed,
    /// What the dice are for.
    pub purpose: Purpose,
    /// Whose dice they are.
    pub owner: u64,
}

impl Dice {
    /// The stream of roll `n`.
    pub const fn roll(&self, n: u64) -> KeyedRng {
        self.seed.stream(self.purpose, self.owner, n)
    }
}

/// A number in `[low, high)`.
pub(crate) fn between(rng: &mut KeyedRng, low: f64, high: f64) -> f64 {
    low + (high - low) * rng.unit()
}

/// A probability that grows with the severity and stays one.
pub(crate) fn chance(base: f64, severity: f64) -> f64 {
    (base * severity).clamp(0.0, 1.0)
}

/// An angle [°] brought into `[0, 360)`: `f64::rem_euclid`, without a division for angles that are nearly there.
pub(crate) fn full_turn(degrees: f64) -> f64 {
    let rest = if degrees.abs() < 360.0 { degrees } else { degrees % 360.0 };
    if rest < 0.0 { rest + 360.0 } else { rest }
}
