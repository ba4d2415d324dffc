//! Trouble that lasts: two states, good and bad, each kept for a time drawn from an exponential distribution.
//!
//! What goes wrong with devices is mostly not noise but long absence: most bad loop detectors are bad all month (`PeMS`), radio loses
//! messages in bursts (Gilbert 1960, "Capacity of a burst-noise channel", Bell Syst. Tech. J. 39). Every stay has dice of its own,
//! so that the state at a time does not depend on how often one looks.

use super::Dice;
use super::noise::exponential;

/// A two-state process in continuous time.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Sojourn {
    dice: Dice,
    /// Mean length of a good and a bad stay [s].
    means: [f64; 2],
    bad: bool,
    /// When the present stay ends [s].
    until: f64,
    stays: u64,
}

impl Sojourn {
    /// A process at time `now` [s], in its stationary distribution: bad with probability `bad / (good + bad)`.
    pub fn new(dice: Dice, good: f64, bad: f64, now: f64) -> Self {
        let means = [good.max(1e-3), bad];
        let mut rng = dice.roll(0);
        let starts_bad = bad > 0.0 && rng.unit() < bad / (means[0] + bad);
        // The rest of an exponential stay is distributed like the whole.
        let until = now + exponential(means[usize::from(starts_bad)], &mut rng);
        Self { dice, means, bad: starts_bad, until, stays: 1 }
    }

    /// A process that never is bad.
    pub fn never(dice: Dice) -> Self {
        Self { dice, means: [f64::INFINITY, 0.0], bad: false, until: f64::INFINITY, stays: 1 }
    }

    /// Whether it is bad at time `now` [s], which never goes back.
    pub fn is_bad(&mut self, now: f64) -> bool {
        while now >= self.until {
            self.bad = !self.bad;
            let stay = exponential(self.means[usize::from(self.bad)], &mut self.dice.roll(self.stays));
            // A stay of no length would never let time pass.
            self.until += stay.max(1e-3);
            self.stays += 1;
        }
        self.bad
    }

    /// A number in `[0, 1)` that belongs to the present stay: what kind of trouble it is.
    pub fn lot(&self) -> f64 {
        self.dice.roll(self.stays | 1 << 63).unit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::random::{Purpose, Seed};

    fn dice(owner: u64) -> Dice {
        Dice { seed: Seed(9), purpose: Purpose::DetectorHealth, owner }
    }

    /// 2 % of ten thousand devices are 200, give or take five times 14.
    #[test]
    fn the_share_of_bad_devices_is_the_stated_one_at_the_start_and_later() {
        let mut all: Vec<Sojourn> = (0..10_000).map(|k| Sojourn::new(dice(k), 49.0, 1.0, 0.0)).collect();
        for now in [0.0, 500.0] {
            let bad = all.iter_mut().filter_map(|one| one.is_bad(now).then_some(())).count();
            assert!((130..=270).contains(&bad), "{now}: {bad}");
        }
        assert!(!Sojourn::never(dice(1)).is_bad(1e12));
    }

    #[test]
    fn looking_often_changes_nothing() {
        let (mut often, mut once) = (Sojourn::new(dice(5), 20.0, 5.0, 0.0), Sojourn::new(dice(5), 20.0, 5.0, 0.0));
        let mut turns = 0;
        let mut last = often.is_bad(0.0);
        for k in 0..1_000 {
            let bad = often.is_bad(f64::from(k));
            turns += u32::from(bad != last);
            last = bad;
        }
        assert!(turns > 40, "{turns}");
        assert_eq!(once.is_bad(999.0), last);
        assert!((once.lot() - often.lot()).abs() < f64::EPSILON);
    }
}
