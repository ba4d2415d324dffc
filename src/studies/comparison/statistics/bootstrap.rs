//! The paired bootstrap: an interval that does not suppose that differences are normally distributed.
//!
//! Pairs are drawn with replacement, and the interval lies between the percentiles of the resampled means (Efron and
//! Tibshirani 1993, An Introduction to the Bootstrap, chapter 13). With few pairs it is too narrow by about `√((n - 1) / n)`, so it
//! checks the t interval and does not replace it. The dice are keyed, so equal input gives equal ends.

use crate::primitives::random::{Purpose, Seed};

/// How many times the pairs are drawn anew.
pub const RESAMPLES: u32 = 2000;

/// The interval of the mean of `differences`; none with fewer than two.
#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53 runs")]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a short list")]
pub fn interval(differences: &[f64], confidence: f64, seed: Seed) -> Option<(f64, f64)> {
    let n = differences.len();
    if n < 2 || differences.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let mut means: Vec<f64> = (0..RESAMPLES)
        .map(|resample| {
            let mut dice = seed.stream(Purpose::Bootstrap, u64::from(resample), 0);
            (0..n).map(|_| differences[dice.below(n)]).sum::<f64>() / n as f64
        })
        .collect();
    means.sort_by(f64::total_cmp);
    let last = means.len() - 1;
    let tail = (1.0 - confidence) / 2.0;
    let place = |share: f64| ((share * last as f64).round() as usize).min(last);
    Some((means[place(tail)], means[place(1.0 - tail)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_input_gives_equal_ends() {
        let values = [1.0, 2.0, 4.0, 8.0, -3.0];
        assert_eq!(interval(&values, 0.95, Seed(7)), interval(&values, 0.95, Seed(7)));
        assert_ne!(interval(&values, 0.95, Seed(7)), interval(&values, 0.95, Seed(8)));
    }

    /// Of two values there are three means, each known with its chance: 1/4, 1/2, 1/4.
    #[test]
    fn two_values_can_be_counted_out() {
        assert_eq!(interval(&[0.0, 2.0], 0.95, Seed(1)), Some((0.0, 2.0)));
        assert_eq!(interval(&[0.0, 2.0], 0.4, Seed(1)), Some((1.0, 1.0)));
    }

    #[test]
    fn what_does_not_vary_has_an_interval_without_width() {
        assert_eq!(interval(&[3.0; 9], 0.95, Seed(1)), Some((3.0, 3.0)));
        assert_eq!(interval(&[3.0], 0.95, Seed(1)), None);
        assert_eq!(interval(&[3.0, f64::NAN], 0.95, Seed(1)), None);
    }

    /// Against the normal approximation, which holds for a large sample: half a width of 1.96 s / √n.
    #[test]
    fn a_large_sample_agrees_with_the_normal_interval() {
        let values: Vec<f64> = (0..400).map(|i| f64::from(i % 20)).collect();
        let (low, high) = interval(&values, 0.95, Seed(3)).expect("an interval");
        let (mean, deviation) = super::super::paired::moments(&values);
        let half = 1.96 * deviation / 20.0;
        assert!((low - (mean - half)).abs() < 0.08 && (high - (mean + half)).abs() < 0.08, "{low} {high}");
    }
}
