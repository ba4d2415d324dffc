//! Where a run has settled: how much of its beginning still shows that it began.
//!
//! MSER-5 (White 1997, "An effective truncation heuristic for bias reduction in simulation output", Simulation 69, 323-334;
//! White, Cobb and Spratt 2000): of the means of every five observations as many are cut off in front as make the standard
//! error of what is left smallest. A cut in the second half says that the run never settled. A rush hour has no steady state
//! to settle into; the rule is told with that in mind and decides nothing. Knows numbers only.

/// Observations in a batch.
const BATCH: usize = 5;

/// How many observations are to be cut off in front; none where the series is too short or does not settle in its first half.
#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53 observations")]
pub fn mser5(series: &[f64]) -> Option<usize> {
    let batches: Vec<f64> = series.chunks_exact(BATCH).map(|batch| batch.iter().sum::<f64>() / BATCH as f64).collect();
    let n = batches.len();
    if n < 4 || batches.iter().any(|batch| !batch.is_finite()) {
        return None;
    }
    // From the back, so that sums grow by one batch at a time (Welford 1962).
    let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
    let mut best: Option<(f64, usize)> = None;
    for cut in (0..n).rev() {
        count += 1.0;
        let delta = batches[cut] - mean;
        mean += delta / count;
        squares += delta * (batches[cut] - mean);
        if n - cut < 2 {
            continue;
        }
        let error = squares / (count * count);
        // The earlier cut of two that are as good.
        if best.is_none_or(|(least, _)| error <= least) {
            best = Some((error, cut));
        }
    }
    best.map(|(_, cut)| cut).filter(|cut| *cut <= n / 2).map(|cut| cut * BATCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A city that fills up for 100 observations and then stays as full as it is, with a ripple.
    #[test]
    fn filling_up_is_cut_off() {
        let filling = |i: u32| f64::from(i.min(100)) + f64::from(i * 7 % 5);
        let series: Vec<f64> = (0..400).map(filling).collect();
        let cut = mser5(&series).expect("it settles");
        assert!((90..=105).contains(&cut), "{cut}");
    }

    #[test]
    fn what_is_settled_from_the_beginning_loses_nothing() {
        assert_eq!(mser5(&[4.0; 100]), Some(0));
    }

    #[test]
    fn what_never_settles_or_is_too_short_is_said_to() {
        let growing: Vec<f64> = (0..200).map(|i| f64::from(i) * f64::from(i)).collect();
        assert_eq!(mser5(&growing), None);
        assert_eq!(mser5(&[1.0; 19]), None);
        assert_eq!(mser5(&[f64::NAN; 100]), None);
    }

    proptest! {
        /// By brute force, from the definition: the cut minimises the sum of squares about the mean over the square of the count.
        #[test]
        fn the_cut_is_the_least_of_all(series in prop::collection::vec(0.0..10.0_f64, 20..200)) {
            let batches: Vec<f64> = series.chunks_exact(5).map(|b| b.iter().sum::<f64>() / 5.0).collect();
            let error = |cut: usize| {
                let rest = &batches[cut..];
                let n = f64::from(u32::try_from(rest.len()).expect("short"));
                let mean = rest.iter().sum::<f64>() / n;
                rest.iter().map(|z| (z - mean) * (z - mean)).sum::<f64>() / (n * n)
            };
            let least = (0..batches.len() - 1).map(error).fold(f64::INFINITY, f64::min);
            if let Some(cut) = mser5(&series) {
                prop_assert!(error(cut / 5) <= least + 1e-12);
            } else {
                prop_assert!((0..=batches.len() / 2).all(|cut| error(cut) >= least - 1e-12));
            }
        }
    }
}
