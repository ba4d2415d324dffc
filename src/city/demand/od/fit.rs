//! A matrix fitted to counts: generalised least squares between what was believed and what was counted.
//!
//! Cascetta (1984, "Estimation of trip matrices from traffic counts and survey data: a generalized least squares estimator",
//! Transportation Research B 18, 289): minimise `(t - q)' Q⁻¹ (t - q) + (v - P t)' R⁻¹ (v - P t)` under `t >= 0`, with the trips believed
//! `q`, the counts `v`, the share `P` of each pair's trips that passes each count, and diagonal variances `Q` and `R`. Without the bound
//! the answer is `t = q + Q P' (P Q P' + R)⁻¹ (v - P q)`, a system as large as there are counts; the bound is held by fixing at zero what
//! would fall below and letting go what would rise again. Knows no map.

use nalgebra::{DMatrix, DVector};

/// The most rounds of fixing and letting go.
const ROUNDS_MAX: u32 = 100;

/// What a matrix is fitted to.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitting {
    /// Trips believed of each pair; finite and not negative.
    pub believed: Vec<f64>,
    /// For each pair the counts it passes and how often a trip of it does on average, mostly 0 to 1.
    pub shares: Vec<Vec<(usize, f64)>>,
    /// What each count says in the unit of the trips.
    pub counted: Vec<f64>,
    /// Variance of what is believed, as a multiple of a Poisson number's; larger believes the counts more.
    pub doubt: f64,
}

/// A fitted matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// Trips of each pair.
    pub trips: Vec<f64>,
    /// What the fitted trips put on each count.
    pub modelled: Vec<f64>,
    /// Rounds it took to hold the bound.
    pub rounds: u32,
    /// Whether it is held exactly: no pair is below zero, and none that is held at zero would rise.
    pub settled: bool,
}

impl Fitting {
    /// What trips put on each count.
    pub fn on_counts(&self, trips: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.counted.len()];
        for (trips, shares) in trips.iter().zip(&self.shares) {
            for (count, share) in shares {
                sums[*count] += trips * share;
            }
        }
        sums
    }

    /// Fits.
    pub fn solve(&self) -> Fitted {
        let mut held = vec![false; self.believed.len()];
        let (mut rounds, mut settled) = (0, false);
        let mut trips = self.believed.clone();
        while rounds < ROUNDS_MAX && !settled {
            rounds += 1;
            let pull = self.pull(&held);
            settled = true;
            for (at, shares) in self.shares.iter().enumerate() {
                let (believed, variance) = (self.believed[at], self.variance(at));
                let wish: f64 = shares.iter().map(|(count, share)| share * pull[*count]).sum();
                let free = believed + variance * wish;
                // Held at zero, the slope of the sum there says whether it would rise.
                if free < -1e-9 && !held[at] {
                    held[at] = true;
                    settled = false;
                } else if free > 1e-9 && held[at] {
                    held[at] = false;
                    settled = false;
                }
                trips[at] = if held[at] { 0.0 } else { free.max(0.0) };
            }
        }
        Fitted { modelled: self.on_counts(&trips), trips, rounds, settled }
    }

    fn variance(&self, pair: usize) -> f64 {
        self.doubt * self.believed[pair]
    }

    /// `(P Q P' + R)⁻¹ (v - P q)` with the pairs held at zero left out: how much each count pulls on the pairs that pass it.
    fn pull(&self, held: &[bool]) -> Vec<f64> {
        let count = self.counted.len();
        let mut system = DMatrix::<f64>::zeros(count, count);
        let mut gap = DVector::from_column_slice(&self.counted);
        for (pair, shares) in self.shares.iter().enumerate().filter(|(pair, _)| !held[*pair]) {
            let variance = self.variance(pair);
            for (a, share) in shares {
                gap[*a] -= share * self.believed[pair];
                for (b, other) in shares {
                    system[(*a, *b)] += share * variance * other;
                }
            }
        }
        for at in 0..count {
            // A Poisson number's variance, as if at least one vehicle had passed.
            system[(at, at)] += self.counted[at].max(1.0);
        }
        // Symmetric with a positive diagonal added to a sum of squares: always definite.
        system.cholesky().map_or_else(|| vec![0.0; count], |solved| solved.solve(&gap).iter().copied().collect())
    }
}

/// The GEH of hourly flows, `√(2 (m - c)² / (m + c))` (UK Department for Transport, TAG unit M3.1); zero for two zeros.
pub fn geh(modelled: f64, counted: f64) -> f64 {
    let sum = modelled + counted;
    if sum > 0.0 { (2.0 * (modelled - counted) * (modelled - counted) / sum).sqrt() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::random::{Purpose, Seed};

    /// Worked by hand: one pair of 100 believed, one count of 200 that all of it passes, both with a Poisson number's variance. The
    /// weights are 1/100 and 1/200, so the answer is (100/100 + 200/200) / (1/100 + 1/200) = 400/3.
    #[test]
    fn one_pair_and_one_count_meet_by_their_variances() {
        let fitting = Fitting { believed: vec![100.0], shares: vec![vec![(0, 1.0)]], counted: vec![200.0], doubt: 1.0 };
        let fitted = fitting.solve();
        assert!((fitted.trips[0] - 400.0 / 3.0).abs() < 1e-9 && fitted.settled, "{fitted:?}");
        let doubtful = Fitting { doubt: 1e6, ..fitting }.solve();
        assert!((doubtful.trips[0] - 200.0).abs() < 0.1, "{doubtful:?}");
    }

    /// A count of nothing empties the pairs that pass it and no other, and nothing goes below zero.
    #[test]
    fn nothing_goes_below_zero() {
        let fitting = Fitting {
            believed: vec![50.0, 50.0, 50.0],
            shares: vec![vec![(0, 1.0)], vec![(0, 1.0), (1, 1.0)], vec![(1, 1.0)]],
            counted: vec![0.0, 400.0],
            doubt: 50.0,
        };
        let fitted = fitting.solve();
        assert!(fitted.trips.iter().all(|trips| *trips >= 0.0) && fitted.settled, "{fitted:?}");
        assert!(fitted.trips[0] < 1.0 && fitted.trips[2] > 300.0, "{fitted:?}");
        // Where no pair is held at zero or would like to be, the slope is nothing.
        for (at, trips) in fitted.trips.iter().enumerate().filter(|(_, trips)| **trips > 0.0) {
            let pull: f64 = fitting.shares[at]
                .iter()
                .map(|(count, share)| {
                    share * (fitting.counted[*count] - fitted.modelled[*count]) / fitting.counted[*count].max(1.0)
                })
                .sum();
            let slope = (trips - 50.0) / (50.0 * 50.0) - pull;
            assert!(slope.abs() < 1e-6, "{slope} at {at}");
        }
    }

    /// A city of 30 zones whose true matrix is known: every count is met, and the matrix comes closer to the truth.
    #[test]
    fn a_known_matrix_is_found_again() {
        let (zones, counts) = (30_usize, 90_usize);
        let draw = |what: u64, at: usize| Seed(5).stream(Purpose::OdTrips, what, at as u64).unit();
        let pairs = zones * zones;
        let truth: Vec<f64> = (0..pairs).map(|at| 2.0 + 40.0 * draw(1, at) * draw(2, at)).collect();
        // Half of the trips are not believed in, and each number is wrong on its own.
        let wrong = |at: usize| 0.5 * (0.6 + 0.8 * draw(3, at));
        let believed: Vec<f64> = truth.iter().enumerate().map(|(at, trips)| trips * wrong(at)).collect();
        let shares: Vec<Vec<(usize, f64)>> = (0..pairs)
            .map(|at| {
                // Trips from a zone pass a few counts that lie near it.
                let near = |way: usize| ((at / zones) * 3 + (at % zones) * way) % counts;
                let mut passed = vec![(near(1), 1.0), (near(2), 0.6), (near(5), 0.4)];
                passed.sort_by_key(|one| one.0);
                passed.dedup_by_key(|one| one.0);
                passed
            })
            .collect();
        let mut fitting = Fitting { believed: believed.clone(), shares, counted: vec![0.0; counts], doubt: 10.0 };
        fitting.counted = fitting.on_counts(&truth);
        let fitted = fitting.solve();
        let good = |modelled: &[f64]| {
            let fits = modelled.iter().zip(&fitting.counted).filter(|(m, c)| geh(**m, **c) < 5.0).count();
            fits * 100 / counts
        };
        assert!(good(&fitting.on_counts(&believed)) < 85 && good(&fitted.modelled) >= 95, "{}", good(&fitted.modelled));
        let off = |trips: &[f64]| trips.iter().zip(&truth).map(|(t, q)| (t - q) * (t - q)).sum::<f64>().sqrt();
        assert!(off(&fitted.trips) < 0.9 * off(&believed), "{} {}", off(&fitted.trips), off(&believed));
    }

    #[test]
    fn geh_is_what_the_guide_says() {
        assert!((geh(1100.0, 1000.0) - 3.086).abs() < 1e-3);
        assert!(geh(0.0, 0.0).abs() < 1e-12 && (geh(0.0, 50.0) - 10.0).abs() < 1e-12);
    }
}
