//! How well a junction serves by the Highway Capacity Manual's limits, and how near a modelled flow is to a counted one.
//!
//! Sources: Highway Capacity Manual, 6th edition (2016), exhibits 19-8 (signals) and 20-2 (stop and give way). The delay put
//! in is simulated, not the manual's control delay, and has to be labelled so wherever the letter is shown. GEH after
//! G. E. Havers, as in UK TAG unit M3.1.

use crate::primitives::SimDuration;

/// What decides who goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// A signal.
    Signal,
    /// Signs, or nothing.
    Signs,
}

/// From A, hardly a wait, to F, broken down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LevelOfService {
    /// Hardly a wait.
    A,
    /// Short waits.
    B,
    /// Waits that are noticed.
    C,
    /// Long waits.
    D,
    /// At its limit.
    E,
    /// Broken down.
    F,
}

impl LevelOfService {
    /// The letter.
    pub const fn letter(self) -> char {
        match self {
            Self::A => 'A',
            Self::B => 'B',
            Self::C => 'C',
            Self::D => 'D',
            Self::E => 'E',
            Self::F => 'F',
        }
    }
}

/// The level of service of a mean delay per vehicle [s/veh]; demand above capacity is F whatever the delay.
pub fn level_of_service(control: Control, delay: SimDuration, over_capacity: bool) -> LevelOfService {
    use LevelOfService as L;
    let limits: [f64; 5] = match control {
        Control::Signal => [10.0, 20.0, 35.0, 55.0, 80.0],
        Control::Signs => [10.0, 15.0, 25.0, 35.0, 50.0],
    };
    let within = limits.iter().position(|&limit| delay.as_seconds() <= limit);
    let level = within.map_or(L::F, |at| [L::A, L::B, L::C, L::D, L::E][at]);
    if over_capacity { L::F } else { level }
}

/// How far a modelled hourly flow is from a counted one: sqrt(2 (M - C)² / (M + C)) [sqrt(veh/h)]; zero if both are.
pub fn geh(modelled: f64, counted: f64) -> f64 {
    let sum = modelled + counted;
    if sum > 0.0 { libm::sqrt(2.0 * (modelled - counted) * (modelled - counted) / sum) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_change_at_the_limits() {
        let cases = [(0.0, 'A', 'A'), (10.0, 'A', 'A'), (12.0, 'B', 'B'), (16.0, 'B', 'C'), (30.0, 'C', 'D')];
        let worse = [(36.0, 'D', 'E'), (51.0, 'D', 'F'), (80.0, 'E', 'F'), (80.5, 'F', 'F')];
        for (seconds, signal, signs) in cases.into_iter().chain(worse) {
            let delay = SimDuration::seconds(seconds);
            assert_eq!(level_of_service(Control::Signal, delay, false).letter(), signal, "{seconds} s at a signal");
            assert_eq!(level_of_service(Control::Signs, delay, false).letter(), signs, "{seconds} s at signs");
        }
        assert_eq!(level_of_service(Control::Signal, SimDuration::ZERO, true), LevelOfService::F);
    }

    #[test]
    fn geh_of_known_pairs() {
        for (modelled, counted, expected) in
            [(1_000.0, 1_000.0, 0.0), (1_100.0, 1_000.0, 3.086), (0.0, 50.0, 10.0), (0.0, 0.0, 0.0)]
        {
            assert!((geh(modelled, counted) - expected).abs() < 1e-3, "{modelled} against {counted}");
        }
    }
}
