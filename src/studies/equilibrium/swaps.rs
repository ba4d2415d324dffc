//! Who changes to its fastest way after an iteration.
//!
//! If everybody did, the fast road of today would be the jam of tomorrow. Successive averages let one in `n + 1` change after iteration
//! `n` (Robbins and Monro 1951, "A stochastic approximation method", Annals of Mathematical Statistics 22, 400; for traffic Sheffi
//! 1985, Urban Transportation Networks, section 12.2). Smith (1984, "The stability of a dynamic model of traffic assignment - an
//! application of a method of Lyapunov", Transportation Science 18, 245) lets travellers move to cheaper ways at a rate proportional to
//! what they would save; here each does with the share of its time that it would save.

use super::Traveller;
use crate::city::scenario::{EquilibriumRule, Swaps};
use crate::primitives::random::{Purpose, Seed};

/// Puts those who change on their fastest way; tells how many. Dice are keyed by row and iteration.
pub(super) fn swap(travellers: &mut [Traveller], rule: &EquilibriumRule, seed: Seed, iteration: u32) -> u32 {
    let mut swapped = 0;
    for traveller in travellers {
        let Some(fastest) = traveller.fastest.take() else { continue };
        let die = seed.stream(Purpose::WaySwap, traveller.row as u64, u64::from(iteration)).unit();
        if die < probability(rule.swaps, iteration, traveller.saving) {
            traveller.way = fastest;
            swapped += 1;
        }
    }
    swapped
}

/// How likely somebody changes who would save this share of its time.
fn probability(swaps: Swaps, iteration: u32, saving: f64) -> f64 {
    match swaps {
        Swaps::SuccessiveAverages => 1.0 / (f64::from(iteration) + 1.0),
        Swaps::Smith => saving.clamp(0.0, 1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_move_fewer_and_fewer_and_smith_those_who_gain() {
        let of = |swaps, iteration, saving| probability(swaps, iteration, saving);
        for (iteration, expected) in [(1, 0.5), (3, 0.25), (9, 0.1)] {
            assert!((of(Swaps::SuccessiveAverages, iteration, 0.9) - expected).abs() < 1e-12);
            assert!((of(Swaps::Smith, iteration, 0.3) - 0.3).abs() < 1e-12);
        }
    }
}
