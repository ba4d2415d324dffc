//! An induction loop: it misses vehicles, counts others twice, hears the next lane, breaks trucks in two, and fails for days.
//!
//! A healthy loop is wrong by 1 to 3 % of its count; a share of them is stuck on or off, and stays so for a long time: most bad
//! detectors of the Californian network were bad all month (`PeMS`). Occupancy and speed err by the loop's effective length, which
//! nobody knows exactly (Hall 1996, "Traffic stream characteristics", section 2.2).

use super::noise::{binomial, log_normal, normal};
use super::sojourn::Sojourn;
use super::{Dice, between, chance};
use crate::primitives::random::KeyedRng;
use crate::telemetry::record::Fault;

/// Mean length of a failure, and of the time between two [s]: 2 % of the loops are bad at any time.
const FAILURE: f64 = 86_400.0;
const BETWEEN_FAILURES: f64 = 49.0 * 86_400.0;
/// Share of a truck's passages that are counted as two vehicles.
pub const BREAK_UP: f64 = 0.06;
/// Share of loops that hear the lane beside them.
const CROSS_TALKERS: f64 = 0.05;

/// What happened over a loop in one period.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Passages {
    /// Vehicles whose front passed.
    pub count: u32,
    /// Long vehicles among them.
    pub long: u32,
    /// Vehicles that passed on the lanes beside it.
    pub beside: u32,
    /// Share of the period in which it was covered, 0 to 1.
    pub occupancy: f64,
    /// Mean speed of those who passed [m/s]; none if there was nobody.
    pub speed: Option<f64>,
}

/// What the loop reports.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counted {
    /// Vehicles.
    pub count: u32,
    /// Share of the period in which it was covered, 0 to 1.
    pub occupancy: f64,
    /// Mean speed [m/s].
    pub speed: Option<f64>,
    /// What was wrong.
    pub fault: Option<Fault>,
}

/// A loop and its traits.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct LoopDetector {
    severity: f64,
    /// Share of vehicles it misses, and counts twice.
    miss: f64,
    double: f64,
    /// Share of the neighbouring lanes' vehicles it counts too.
    cross_talk: f64,
    /// What its length does to occupancy and speed.
    length_factor: f64,
    health: Sojourn,
}

impl LoopDetector {
    /// A loop; its traits come from `rng`, its health from dice of its own. `now` is the time [s].
    pub fn new(severity: f64, rng: &mut KeyedRng, health: Dice, now: f64) -> Self {
        let miss = chance(between(rng, 0.005, 0.02), severity);
        let double = chance(between(rng, 0.005, 0.01), severity);
        let talks = rng.unit() < chance(CROSS_TALKERS, severity);
        let cross_talk = if talks { between(rng, 0.02, 0.10) } else { 0.0 };
        let length_factor = log_normal(1.0, 0.05 * severity, rng);
        let failure = FAILURE * severity;
        let health =
            if failure > 0.0 { Sojourn::new(health, BETWEEN_FAILURES, failure, now) } else { Sojourn::never(health) };
        Self { severity, miss, double, cross_talk, length_factor, health }
    }

    /// How many it counts on average when it is well.
    pub fn expected(&self, truth: &Passages) -> f64 {
        let kept = 1.0 - self.miss;
        let broken = chance(BREAK_UP, self.severity);
        f64::from(truth.count) * kept * (1.0 + self.double)
            + f64::from(truth.long) * kept * broken
            + f64::from(truth.beside) * self.cross_talk
    }

    /// What it reports of a period that ends `now` [s].
    pub fn observe(&mut self, truth: &Passages, now: f64, rng: &mut KeyedRng) -> Counted {
        if self.health.is_bad(now) {
            let (occupancy, fault) =
                if self.health.lot() < 0.5 { (1.0, Fault::StuckOn) } else { (0.0, Fault::StuckOff) };
            return Counted { count: 0, occupancy, speed: None, fault: Some(fault) };
        }
        let short = truth.count - truth.long.min(truth.count);
        let (short, long) = (binomial(short, 1.0 - self.miss, rng), binomial(truth.long, 1.0 - self.miss, rng));
        let twice = binomial(short + long, self.double, rng);
        let broken = binomial(long, chance(BREAK_UP, self.severity), rng);
        let heard = binomial(truth.beside, self.cross_talk, rng);
        let count = short + long + twice + broken + heard;
        let occupancy = (truth.occupancy * self.length_factor).clamp(0.0, 1.0);
        // A single loop works the speed out of the length it believes vehicles to have; vehicles differ.
        let spread = 0.05 * self.severity / libm::sqrt(f64::from(truth.count.max(1)));
        let speed = truth.speed.map(|speed| (speed / self.length_factor * (1.0 + spread * normal(rng))).max(0.0));
        // The loop's trait, whether or not it was heard this time: sorted by their errors, the healthy ones would look too good.
        let fault = (self.cross_talk > 0.0).then_some(Fault::CrossTalk);
        Counted { count, occupancy, speed: speed.filter(|_| count > 0), fault }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::random::{Purpose, Seed};

    fn dice(owner: u64) -> Dice {
        Dice { seed: Seed(2), purpose: Purpose::DetectorHealth, owner }
    }

    fn detector(owner: u64, severity: f64) -> LoopDetector {
        LoopDetector::new(severity, &mut Seed(2).stream(Purpose::DeviceTraits, owner, 0), dice(owner), 0.0)
    }

    const HOUR: Passages = Passages { count: 600, long: 0, beside: 0, occupancy: 0.2, speed: Some(12.0) };

    #[test]
    fn a_healthy_loop_is_wrong_by_a_few_per_cent_and_not_more() {
        let mut worst: f64 = 0.0;
        for owner in 0..300 {
            let counted = detector(owner, 1.0).observe(&HOUR, 0.0, &mut Seed(2).stream(Purpose::LoopError, owner, 0));
            if counted.fault.is_none() {
                worst = worst.max((f64::from(counted.count) / 600.0 - 1.0).abs());
            }
        }
        assert!((0.01..0.05).contains(&worst), "{worst}");
    }

    #[test]
    fn a_stuck_loop_stays_stuck_and_some_are_stuck_on_others_off() {
        let (mut on, mut off) = (0, 0);
        for owner in 0..5_000 {
            let mut one = detector(owner, 1.0);
            let mut at = |now: f64| one.observe(&HOUR, now, &mut Seed(2).stream(Purpose::LoopError, owner, 1)).fault;
            // A failure lasts a day on average: a minute later nearly all are as they were.
            match (at(1e6), at(1e6 + 60.0)) {
                (Some(Fault::StuckOn), Some(Fault::StuckOn)) => on += 1,
                (Some(Fault::StuckOff), Some(Fault::StuckOff)) => off += 1,
                _ => {}
            }
        }
        // 2 % of 5,000 are 100, give or take five times ten.
        assert!((50..=150).contains(&(on + off)) && on > 15 && off > 15, "{on} {off}");
    }

    #[test]
    fn trucks_are_broken_up_and_neighbours_are_heard() {
        let trucks = Passages { long: 600, ..HOUR };
        let mut counts = (0_u32, 0_u32);
        for owner in 0..50 {
            let mut rng = Seed(2).stream(Purpose::LoopError, owner, 2);
            counts.0 += detector(owner, 1.0).observe(&trucks, 0.0, &mut rng).count;
            counts.1 += detector(owner, 1.0).observe(&HOUR, 0.0, &mut rng).count;
        }
        assert!(counts.0 > counts.1 + 600, "{counts:?}");
        let talker =
            (0..200).map(|owner| detector(owner, 1.0)).find(|one| one.cross_talk > 0.0).expect("one in twenty");
        let beside = Passages { beside: 1000, ..HOUR };
        assert!(talker.expected(&beside) > talker.expected(&HOUR) + 15.0);
    }

    #[test]
    fn without_severity_the_count_is_the_truth() {
        let truth = Passages { long: 30, beside: 100, ..HOUR };
        let counted = detector(1, 0.0).observe(&truth, 1e9, &mut Seed(2).stream(Purpose::LoopError, 1, 0));
        assert_eq!(counted, Counted { count: 600, occupancy: 0.2, speed: Some(12.0), fault: None });
    }
}
