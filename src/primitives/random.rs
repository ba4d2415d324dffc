//! Randomness keyed by (seed, purpose, actor, step), so that no generator state exists.
//!
//! A draw is a pure function of its key. Snapshots are therefore complete without any generator, and an intervention that
//! adds a vehicle shifts nobody else's dice: two branches of a what-if share common random numbers.
//!
//! Mixing is `SplitMix64`'s finaliser (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators", OOPSLA,
//! figure 16), applied once per word of the key. It is written out here because its values must never change: a library's
//! "small" generator may.

use std::convert::Infallible;

use rand::TryRng;

/// What a draw is for; the discriminant is part of the key and never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[repr(u64)]
pub enum Purpose {
    /// How much below the possible a driver stays this step.
    Dawdle = 1,
    /// A driver's factor on the speed limit.
    SpeedFactor = 2,
    /// Which member of a type distribution a vehicle is.
    TypeChoice = 3,
    /// Which of several lanes a vehicle starts on.
    DepartLane = 4,
    /// Where on the lane a vehicle starts.
    DepartPosition = 5,
    /// How fast a vehicle starts.
    DepartSpeed = 6,
    /// When a vehicle of a random flow departs.
    FlowTime = 7,
    /// Which route of a distribution a vehicle takes.
    RouteChoice = 8,
    /// Who lets the others go where all wait for each other.
    WaveThrough = 11,
    /// The making of an invented city.
    MapMaking = 9,
    /// Synthetic demand: where and when trips begin and end.
    Demand = 10,
    /// Where and when roads are blocked by chance.
    Incident = 21,
    /// Where and when people call for help.
    EmergencyCall = 22,
    /// How long each stage of a call takes.
    CallStage = 23,
    /// What a device is like from the factory: when it reports, how well it measures.
    DeviceTraits = 30,
    /// A satellite receiver's errors.
    GnssError = 31,
    /// A loop detector's errors.
    LoopError = 32,
    /// When a detector fails and is repaired.
    DetectorHealth = 33,
    /// A camera's errors.
    CameraError = 34,
    /// An air-quality station's errors.
    AirError = 35,
    /// The course of the weather.
    Weather = 36,
    /// A weather station's errors.
    WeatherError = 37,
    /// Vehicles nobody simulates that come to a parking bay and go.
    BayTurnover = 38,
    /// A parking bay sensor's errors.
    BayError = 39,
    /// When a gateway's radio is disturbed.
    RadioBurst = 40,
    /// Which messages the radio loses.
    RadioLoss = 41,
    /// Which messages the radio damages.
    RadioDamage = 42,
    /// Who travels, and when, in a variant with other demand.
    DemandChange = 60,
    /// Who follows advice.
    Advice = 61,
    /// Who stays at home for a charge.
    Charge = 62,
    /// Who changes its way after an iteration of an assignment.
    WaySwap = 63,
    /// Who parks at the kerb, and for how long.
    Parking = 64,
    /// What a device of a load says.
    LoadReading = 50,
    /// What goes wrong with a message of a load.
    LoadFault = 51,
    /// Trips of an origin-destination matrix: how many of a pair, between which roads, when.
    OdTrips = 70,
    /// Which of equally good routes are driven to meet counts, and when.
    RouteSampling = 71,
    /// Which runs of a comparison are drawn anew.
    Bootstrap = 90,
}

/// The scenario's seed: the root of every draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Seed(pub u64);

/// A stream of draws for one key; implements rand's traits, so that `rand_distr` can sample from it.
#[derive(Debug, Clone)]
pub struct KeyedRng {
    state: u64,
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Seed {
    /// The stream for one purpose, actor and step.
    ///
    /// ```
    /// use citytwin::primitives::random::{Purpose, Seed};
    /// let draw = |step| Seed(42).stream(Purpose::Dawdle, 7, step).unit();
    /// assert_eq!(draw(3), draw(3));
    /// assert_ne!(draw(3), draw(4));
    /// ```
    pub const fn stream(self, purpose: Purpose, actor: u64, step: u64) -> KeyedRng {
        let mut state = mix(self.0.wrapping_add(GOLDEN));
        state = mix(state ^ (purpose as u64).wrapping_mul(GOLDEN));
        state = mix(state ^ actor.wrapping_mul(0xd6e8_feb8_6659_fd93));
        state = mix(state ^ step.wrapping_mul(0xa076_1d64_78bd_642f));
        KeyedRng { state }
    }
}

impl KeyedRng {
    /// The next 64 bits.
    pub const fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mix(self.state)
    }

    /// A number in `[0, 1)`, uniform on multiples of 2⁻⁵³.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit an f64 exactly")]
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }

    /// A whole number in `[0, bound)`; the bias is below `bound` / 2⁶⁴.
    ///
    /// # Panics
    /// When `bound` is zero.
    #[expect(clippy::cast_possible_truncation, reason = "the product's high word is below bound")]
    pub fn below(&mut self, bound: usize) -> usize {
        assert!(bound > 0, "a choice among nothing");
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }
}

impl TryRng for KeyedRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.next() >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.next())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            let word = self.next().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Chi-square over 64 cells of 64,000 draws: with 63 degrees of freedom, 103.4 is the 0.1 % point.
    #[test]
    fn neighbouring_keys_are_uniform() {
        let chi = |draw: &dyn Fn(u64) -> f64| {
            let mut cells = [0_u32; 64];
            for i in 0..64_000 {
                let cell = 64.0 * draw(i);
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "below 64 and not negative"
                )]
                let cell = cell as usize;
                cells[cell] += 1;
            }
            cells.iter().map(|&n| (f64::from(n) - 1000.0).powi(2) / 1000.0).sum::<f64>()
        };
        assert!(chi(&|i| Seed(1).stream(Purpose::Dawdle, i, 5).unit()) < 103.4);
        assert!(chi(&|i| Seed(1).stream(Purpose::Dawdle, 5, i).unit()) < 103.4);
        assert!(chi(&|i| Seed(i).stream(Purpose::Dawdle, 5, 5).unit()) < 103.4);
    }

    #[test]
    fn values_never_change() {
        let mut rng = Seed(42).stream(Purpose::SpeedFactor, 1, 0);
        assert_eq!((rng.next(), rng.next()), (15_209_920_643_518_695_809, 15_151_189_435_205_067_121));
    }
}
