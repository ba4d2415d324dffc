//! Noise that remembers: the Ornstein-Uhlenbeck process at any spacing in time, and counts drawn at random.
//!
//! The discretisation is exact (Gillespie 1996, "Exact numerical simulation of the Ornstein-Uhlenbeck process and its integral",
//! Phys. Rev. E 54, eq. 1.9a): its variance does not depend on how often it is looked at. Transcendental functions
//! here are libm's; `rand_distr` uses others inside its rejection tests, where a last bit decides nothing that can be seen.

use rand_distr::{Binomial, Distribution, Exp1, Poisson, StandardNormal};

use crate::primitives::random::KeyedRng;

/// A draw from the standard normal distribution.
pub(crate) fn normal(rng: &mut KeyedRng) -> f64 {
    StandardNormal.sample(rng)
}

/// A draw from the exponential distribution with this mean.
pub(crate) fn exponential(mean: f64, rng: &mut KeyedRng) -> f64 {
    let unit: f64 = Exp1.sample(rng);
    mean * unit
}

/// A draw from the log-normal distribution with this median, `sigma` being the deviation of its logarithm.
pub(crate) fn log_normal(median: f64, sigma: f64, rng: &mut KeyedRng) -> f64 {
    median * libm::exp(sigma * normal(rng))
}

/// How many of `n` happen, each with probability `p`.
pub(crate) fn binomial(n: u32, p: f64, rng: &mut KeyedRng) -> u32 {
    if n == 0 || p <= 0.0 {
        return 0;
    }
    Binomial::new(u64::from(n), p.min(1.0)).map_or(0, |law| u32::try_from(law.sample(rng)).unwrap_or(n))
}

/// How many happen when `mean` are expected.
pub(crate) fn poisson(mean: f64, rng: &mut KeyedRng) -> u32 {
    // The law refuses means of zero and below.
    let Ok(law) = Poisson::new(mean) else { return 0 };
    let drawn: f64 = law.sample(rng);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "held within u32")]
    let count = drawn.clamp(0.0, 4e9) as u32;
    count
}

/// An Ornstein-Uhlenbeck process: noise with a memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OrnsteinUhlenbeck {
    /// Stationary standard deviation, in the unit of what is disturbed.
    pub sigma: f64,
    /// Time after which a disturbance has decayed to 1/e [s].
    pub tau: f64,
}

impl OrnsteinUhlenbeck {
    /// A value drawn from the stationary distribution.
    pub fn begin(&self, rng: &mut KeyedRng) -> f64 {
        self.sigma * normal(rng)
    }

    /// What remains of a value after `dt` [s], and the deviation of what is added: x' = a x + b n.
    pub fn coefficients(&self, dt: f64) -> (f64, f64) {
        let kept = libm::exp(-dt.max(0.0) / self.tau);
        (kept, self.sigma * libm::sqrt((1.0 - kept * kept).max(0.0)))
    }

    /// The value `dt` [s] later.
    pub fn advance(&self, value: f64, dt: f64, rng: &mut KeyedRng) -> f64 {
        let (kept, added) = self.coefficients(dt);
        kept * value + added * normal(rng)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::random::{Purpose, Seed};

    /// An approximate step would make receivers that report often better than those that report seldom.
    #[test]
    fn the_size_of_the_error_does_not_depend_on_how_often_one_reports() {
        let process = OrnsteinUhlenbeck { sigma: 2.0, tau: 60.0 };
        for (dt, purpose) in [(1.0, Purpose::GnssError), (5.0, Purpose::LoopError), (120.0, Purpose::AirError)] {
            let (mut squares, mut products, n) = (0.0, 0.0, 40_000);
            for k in 0..n {
                let mut rng = Seed(3).stream(purpose, k, 0);
                let first = process.begin(&mut rng);
                let second = process.advance(first, dt, &mut rng);
                squares += second * second;
                products += first * second;
            }
            let n = 40_000.0;
            // The variance of a variance of n normal draws is 2 sigma^4 / n: five deviations are 0.14.
            assert!((squares / n - 4.0).abs() < 0.15, "{dt}: {}", squares / n);
            assert!((products / n - 4.0 * libm::exp(-dt / 60.0)).abs() < 0.15, "{dt}: {}", products / n);
        }
    }

    #[test]
    fn nothing_expected_is_nothing_drawn() {
        let mut rng = Seed(1).stream(Purpose::LoopError, 0, 0);
        assert_eq!(poisson(0.0, &mut rng), 0);
        assert_eq!(binomial(0, 0.5, &mut rng), 0);
        assert_eq!(binomial(7, 1.0, &mut rng), 7);
    }
}
