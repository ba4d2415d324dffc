//! Two variants held against each other, run by run: the mean difference, how sure it is, and how large it is.
//!
//! Runs with the same seed share their random numbers, so their difference varies less than either of them; what is judged is
//! the difference (paired t, Student 1908; common random numbers: Law 2015, Simulation Modeling and Analysis, 11.2). Symbols:
//! `d` differences, `s_d` their standard deviation, `n` pairs, `t` the quantile with `n - 1` degrees of freedom.
//!
//! * interval of the mean difference: `mean(d) ± t s_d / √n`
//! * effect size: Cohen's `d_z = mean(d) / s_d` (Cohen 1988, 2.3.5), and times `J = 1 - 3 / (4 (n - 1) - 1)` against its bias
//!   for few pairs (Hedges 1981)
//! * relative change: the ratio of the means less one, its interval by Fieller (1954, J. R. Stat. Soc. B 16, 175-185)
//! * probability that the variant is worse: that the mean difference lies on the bad side, by the posterior without prior
//!   knowledge, which is the t distribution about `mean(d)` (Box and Tiao 1973, chapter 2)
//!
//! Knows numbers only.

use super::student;

/// A figure with the interval that holds the truth with the confidence asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The estimate.
    pub value: f64,
    /// Its ends; none where there are too few runs, or where the ratio's denominator may be zero.
    pub ends: Option<(f64, f64)>,
}

/// A variant against the base, over the seeds that both have.
#[derive(Debug, Clone, PartialEq)]
pub struct Paired {
    /// Pairs.
    pub runs: usize,
    /// Mean of the base, with its interval.
    pub base: Interval,
    /// Mean of the variant, with its interval.
    pub variant: Interval,
    /// Mean difference, variant less base, with its interval.
    pub difference: Interval,
    /// Standard deviation of the differences.
    pub deviation: f64,
    /// Relative change of the mean, as a share of the base's.
    pub relative: Option<Interval>,
    /// Mean difference in standard deviations of the differences; none where they do not vary.
    pub cohen_dz: Option<f64>,
    /// The same without its bias for few pairs.
    pub hedges_g: Option<f64>,
    /// Two-sided p value of no difference; none with fewer than two pairs.
    pub p: Option<f64>,
    /// Probability that the mean difference is above zero; a half where nothing differs, none with fewer than two pairs.
    pub above: Option<f64>,
}

/// Mean and standard deviation of a sample; the latter needs two values.
#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53 runs")]
pub fn moments(values: &[f64]) -> (f64, f64) {
    if values.is_empty() {
        return (f64::NAN, f64::NAN);
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    (mean, if values.len() < 2 { f64::NAN } else { (squares / (n - 1.0)).sqrt() })
}

/// The mean of a sample with its interval.
#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53 runs")]
pub fn mean_interval(values: &[f64], confidence: f64) -> Interval {
    let (mean, deviation) = moments(values);
    if values.len() < 2 {
        return Interval { value: mean, ends: None };
    }
    let n = values.len() as f64;
    let half = student::quantile(f64::midpoint(1.0, confidence), n - 1.0) * deviation / n.sqrt();
    Interval { value: mean, ends: Some((mean - half, mean + half)) }
}

impl Paired {
    /// Holds values of the same seeds against each other, `(base, variant)` each; none without any pair.
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53 runs")]
    pub fn of(pairs: &[(f64, f64)], confidence: f64) -> Option<Self> {
        if pairs.is_empty() {
            return None;
        }
        let base: Vec<f64> = pairs.iter().map(|pair| pair.0).collect();
        let variant: Vec<f64> = pairs.iter().map(|pair| pair.1).collect();
        let differences: Vec<f64> = pairs.iter().map(|pair| pair.1 - pair.0).collect();
        let (mean, deviation) = moments(&differences);
        let n = pairs.len() as f64;
        let varies = deviation > 0.0;
        let above = (pairs.len() > 1).then(|| match mean {
            _ if varies => student::cdf(mean / (deviation / n.sqrt()), n - 1.0),
            mean if mean > 0.0 => 1.0,
            mean if mean < 0.0 => 0.0,
            _ => 0.5,
        });
        let cohen_dz = varies.then(|| mean / deviation);
        Some(Self {
            runs: pairs.len(),
            base: mean_interval(&base, confidence),
            variant: mean_interval(&variant, confidence),
            difference: mean_interval(&differences, confidence),
            deviation: if pairs.len() > 1 { deviation } else { 0.0 },
            relative: relative(&base, &variant, confidence),
            cohen_dz,
            hedges_g: cohen_dz.filter(|_| pairs.len() > 2).map(|d| d * (1.0 - 3.0 / (4.0 * (n - 1.0) - 1.0))),
            p: above.map(|above| if varies || mean != 0.0 { 2.0 * above.min(1.0 - above) } else { 1.0 }),
            above,
        })
    }
}

/// The ratio of the means less one, with Fieller's interval; none of a base at or below zero, of which nothing can be a share.
#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53 runs")]
fn relative(base: &[f64], variant: &[f64], confidence: f64) -> Option<Interval> {
    let ((x, s_x), (y, s_y)) = (moments(base), moments(variant));
    if !(x.is_finite() && y.is_finite()) || x <= 0.0 {
        return None;
    }
    let value = y / x - 1.0;
    if base.len() < 2 {
        return Some(Interval { value, ends: None });
    }
    let n = base.len() as f64;
    let t = student::quantile(f64::midpoint(1.0, confidence), n - 1.0);
    let products: f64 = base.iter().zip(variant).map(|(b, v)| (b - x) * (v - y)).sum();
    let (v_x, v_y, v_xy) = (s_x * s_x / n, s_y * s_y / n, products / (n - 1.0) / n);
    // The ratios θ with (y - θ x)² <= t² var(y - θ x): between the roots of a θ² - 2 b θ + c.
    let (a, b, c) = (x * x - t * t * v_x, x * y - t * t * v_xy, y * y - t * t * v_y);
    let root = (b * b - a * c).max(0.0).sqrt();
    let ends = (a > 0.0).then(|| ((b - root) / a - 1.0, (b + root) / a - 1.0));
    Some(Interval { value, ends })
}

/// How many runs it takes until half an interval is `precision` of `mean`: `N >= (t s / (e x))²` (FHWA 2019, Traffic Analysis
/// Toolbox III), from `runs` of which the standard deviation is known.
///
/// One more than there are at most where the mean is zero: then nothing says how many are enough.
#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53 runs")]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "float casts saturate")]
pub fn runs_needed(runs: usize, deviation: f64, mean: f64, precision: f64, confidence: f64) -> usize {
    if runs < 2 {
        return 2;
    }
    if deviation.is_nan() || deviation <= 0.0 {
        return runs.min(2);
    }
    let t = student::quantile(f64::midpoint(1.0, confidence), runs as f64 - 1.0);
    let ratio = t * deviation / (precision * mean.abs());
    if ratio.is_finite() { (ratio * ratio).ceil().max(2.0) as usize } else { runs + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn near(found: f64, expected: f64, tolerance: f64) {
        assert!((found - expected).abs() < tolerance, "{found} is not {expected}");
    }

    /// Student's own example (1908, "The probable error of a mean", Biometrika 6, table on page 20): additional hours of sleep
    /// by two drugs, the same ten patients. The mean difference is 1.58, s 1.2300, t 4.0621, p 0.00283, interval 0.7001 to 2.4599.
    #[test]
    fn the_sleep_of_ten_patients_comes_out_as_published() {
        let one = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0];
        let two = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];
        let pairs: Vec<(f64, f64)> = one.into_iter().zip(two).collect();
        let paired = Paired::of(&pairs, 0.95).expect("ten pairs");
        let (low, high) = paired.difference.ends.expect("an interval");
        near(paired.difference.value, 1.58, 1e-12);
        near(paired.deviation, 1.229_995, 1e-6);
        near(low, 0.700_114, 1e-6);
        near(high, 2.459_886, 1e-6);
        near(paired.p.expect("p"), 0.002_832_89, 1e-8);
        near(paired.cohen_dz.expect("d"), 1.284_558, 1e-6);
        near(paired.hedges_g.expect("g"), 1.284_558 * (1.0 - 3.0 / 35.0), 1e-6);
        near(paired.above.expect("above"), 1.0 - 0.002_832_89 / 2.0, 1e-8);
    }

    #[test]
    fn nothing_different_is_exactly_nothing() {
        let paired = Paired::of(&[(3.0, 3.0), (4.5, 4.5), (1.0, 1.0)], 0.95).expect("pairs");
        assert_eq!(paired.difference, Interval { value: 0.0, ends: Some((0.0, 0.0)) });
        assert_eq!((paired.p, paired.above, paired.cohen_dz), (Some(1.0), Some(0.5), None));
        let relative = paired.relative.expect("a ratio");
        near(relative.value, 0.0, 1e-15);
    }

    #[test]
    fn too_few_runs_have_no_interval() {
        let one = Paired::of(&[(2.0, 3.0)], 0.95).expect("a pair");
        assert_eq!((one.difference.ends, one.p, one.hedges_g), (None, None, None));
        assert!(Paired::of(&[], 0.95).is_none());
    }

    /// A base that may well be zero has no relative change that could be bounded.
    #[test]
    fn a_ratio_to_almost_nothing_is_not_bounded() {
        let paired = Paired::of(&[(0.1, 5.0), (-0.1, 6.0), (0.2, 7.0)], 0.95).expect("pairs");
        assert_eq!(paired.relative.expect("a ratio").ends, None);
        assert_eq!(Paired::of(&[(0.0, 1.0), (0.0, 2.0)], 0.95).expect("pairs").relative, None);
        assert_eq!(Paired::of(&[(-3.0, -2.0), (-1.0, -2.5)], 0.95).expect("pairs").relative, None);
    }

    /// By hand: s 2.3, mean 20, 5 % at 95 % from five runs wants (2.776 · 2.3 / 1)² = 40.8.
    #[test]
    fn runs_follow_the_formula() {
        assert_eq!(runs_needed(5, 2.3, 20.0, 0.05, 0.95), 41);
        assert_eq!(runs_needed(10, 0.0, 20.0, 0.05, 0.95), 2);
        assert_eq!(runs_needed(10, 1.0, 0.0, 0.05, 0.95), 11);
        assert_eq!(runs_needed(1, f64::NAN, 20.0, 0.05, 0.95), 2);
    }

    proptest! {
        /// By brute force: a ratio is in Fieller's interval exactly when the t test does not reject it.
        #[test]
        fn fieller_is_the_t_test_turned_around(
            pairs in prop::collection::vec((50.0..60.0_f64, 30.0..80.0_f64), 3..12),
            ratio in 0.4..1.8_f64,
        ) {
            let paired = Paired::of(&pairs, 0.95).expect("pairs");
            let (low, high) = paired.relative.expect("a ratio").ends.expect("far from zero");
            let rest: Vec<f64> = pairs.iter().map(|(b, v)| v - ratio * b).collect();
            let (l, h) = mean_interval(&rest, 0.95).ends.expect("an interval");
            let margin = 1e-9;
            prop_assume!((ratio - 1.0 - low).abs() > margin && (ratio - 1.0 - high).abs() > margin);
            prop_assert_eq!(l <= 0.0 && 0.0 <= h, low <= ratio - 1.0 && ratio - 1.0 <= high);
        }

        #[test]
        fn the_other_way_round_is_the_mirror(pairs in prop::collection::vec((1.0..9.0_f64, 1.0..9.0_f64), 2..20)) {
            let there = Paired::of(&pairs, 0.9).expect("pairs");
            let mirrored: Vec<(f64, f64)> = pairs.iter().map(|(b, v)| (*v, *b)).collect();
            let back = Paired::of(&mirrored, 0.9).expect("pairs");
            prop_assert!((there.difference.value + back.difference.value).abs() < 1e-12);
            prop_assert!((there.above.unwrap_or(0.5) + back.above.unwrap_or(0.5) - 1.0).abs() < 1e-9);
        }
    }
}
