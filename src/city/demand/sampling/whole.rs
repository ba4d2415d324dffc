//! Whole vehicles from a mix of routes.
//!
//! First every route's number is rounded by one random offset along the list (systematic sampling: Madow and Madow 1944, Annals of
//! Mathematical Statistics 15, 1), so that the total is off by less than one. Then single vehicles are added, taken away or put on another
//! route that passes a count in common, as long as that brings the counts nearer, by the same weights as in the fit. Among routes that would
//! do equally well the order is drawn, keyed by seed, interval and route.

use crate::city::demand::od::Fitting;
use crate::primitives::random::{Purpose, Seed};

/// The most sweeps over all routes.
const SWEEPS_MAX: u32 = 50;
/// The most routes that one route's vehicle is tried on.
const PARTNERS_MAX: usize = 16;
/// Gains below this are none: a share of a vehicle's own weight.
const NOTHING: f64 = 1e-9;

/// How often each route is driven.
pub(super) fn make_whole(fitting: &Fitting, trips: &[f64], seed: Seed, interval: u64) -> Vec<u32> {
    let mut whole = rounded(trips, seed.stream(Purpose::RouteSampling, interval << 1, 0).unit());
    let on: Vec<f64> = fitting.on_counts(&whole.iter().map(|times| f64::from(*times)).collect::<Vec<_>>());
    let mut mending = Mending {
        fitting,
        off: on.iter().zip(&fitting.counted).map(|(on, counted)| on - counted).collect(),
        change: vec![0.0; fitting.counted.len()],
    };
    let mut order: Vec<(u64, usize)> = (0..whole.len())
        .map(|route| (seed.stream(Purpose::RouteSampling, interval << 1 | 1, route as u64).next(), route))
        .collect();
    order.sort_unstable();
    let partners = partners(fitting, &order);
    for _ in 0..SWEEPS_MAX {
        let mut moved = false;
        for &(_, route) in &order {
            moved |= mending.mend(&mut whole, route, &partners);
        }
        if !moved {
            break;
        }
    }
    whole
}

/// For each count the routes that pass it, in the order drawn.
fn partners(fitting: &Fitting, order: &[(u64, usize)]) -> Vec<Vec<usize>> {
    let mut partners: Vec<Vec<usize>> = vec![Vec::new(); fitting.counted.len()];
    for &(_, route) in order {
        for (count, _) in &fitting.shares[route] {
            if partners[*count].len() < PARTNERS_MAX {
                partners[*count].push(route);
            }
        }
    }
    partners
}

/// Numbers made whole by one offset.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sums of fitted vehicles, bounded by the caller"
)]
fn rounded(trips: &[f64], offset: f64) -> Vec<u32> {
    let mut sum = offset;
    let step = |trips: &f64| {
        let before = sum.floor();
        sum += trips.max(0.0);
        (sum.floor() - before) as u32
    };
    trips.iter().map(step).collect()
}

/// How far each count is off, and what one vehicle more or less would change.
struct Mending<'a> {
    fitting: &'a Fitting,
    /// Modelled less counted [veh].
    off: Vec<f64>,
    /// Room for a change; all zero between calls.
    change: Vec<f64>,
}

impl Mending<'_> {
    /// Does with one vehicle of a route what helps most; says whether anything did.
    fn mend(&mut self, whole: &mut [u32], route: usize, partners: &[Vec<usize>]) -> bool {
        let fitting = self.fitting;
        if fitting.shares[route].iter().all(|(count, _)| self.off[*count].abs() < 0.5) {
            return false;
        }
        let mut best = (-NOTHING, None, None);
        let add = self.worth(None, Some(route));
        if add < best.0 {
            best = (add, None, Some(route));
        }
        if whole[route] > 0 {
            let take = self.worth(Some(route), None);
            if take < best.0 {
                best = (take, Some(route), None);
            }
            for (count, _) in &fitting.shares[route] {
                for &other in partners[*count].iter().filter(|other| **other != route) {
                    let swap = self.worth(Some(route), Some(other));
                    if swap < best.0 {
                        best = (swap, Some(route), Some(other));
                    }
                }
            }
        }
        let (_, from, to) = best;
        for (at, sign) in [(from, -1.0), (to, 1.0)] {
            let Some(at) = at else { continue };
            whole[at] = if sign > 0.0 { whole[at].saturating_add(1) } else { whole[at].saturating_sub(1) };
            for (count, share) in &fitting.shares[at] {
                self.off[*count] += sign * share;
            }
        }
        from.is_some() || to.is_some()
    }

    /// What the weighted sum of squares changes by when a vehicle leaves one route and takes another.
    fn worth(&mut self, from: Option<usize>, to: Option<usize>) -> f64 {
        let fitting = self.fitting;
        let shares = |at: Option<usize>| at.map_or(&[][..], |at| &fitting.shares[at]);
        for (count, share) in shares(from) {
            self.change[*count] -= share;
        }
        for (count, share) in shares(to) {
            self.change[*count] += share;
        }
        let mut worth = 0.0;
        for (count, _) in shares(from).iter().chain(shares(to)) {
            let change = std::mem::take(&mut self.change[*count]);
            let variance = fitting.counted[*count].max(1.0);
            worth += change * (2.0 * self.off[*count] + change) / variance;
        }
        worth
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_keeps_the_total() {
        let trips = [0.3, 0.3, 0.3, 2.5, 0.0, 0.6];
        for offset in [0.0, 0.3, 0.7, 0.99] {
            let whole = rounded(&trips, offset);
            assert_eq!((whole.iter().sum::<u32>(), whole[4]), (4, 0), "{offset}: {whole:?}");
        }
    }

    /// Two routes over one count of 5, and one of them over another of 2: from nothing the only mix that meets both is found.
    #[test]
    fn vehicles_move_until_the_counts_are_met() {
        let fitting = Fitting {
            believed: vec![1.0, 1.0],
            shares: vec![vec![(0, 1.0)], vec![(0, 1.0), (1, 1.0)]],
            counted: vec![5.0, 2.0],
            doubt: 1.0,
        };
        assert_eq!(make_whole(&fitting, &[0.0, 0.0], Seed(1), 0), [3, 2]);
        assert_eq!(make_whole(&fitting, &[0.0, 5.0], Seed(1), 0), [3, 2]);
    }
}
