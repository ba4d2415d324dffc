//! Means and percentiles of a sample, with their definition stated where they are printed.
//!
//! A percentile interpolates linearly between order statistics: definition 7 of Hyndman and Fan (1996, "Sample quantiles in
//! statistical packages", The American Statistician 50, 361-365), the default of most spreadsheets. Knows numbers only.

/// How the page describes [`Sample::percentile`] to its reader.
pub const PERCENTILE_DEFINITION: &str =
    "Percentiles interpolate linearly between the sorted values (Hyndman and Fan 1996, definition 7).";

/// A sorted sample of finite numbers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sample {
    sorted: Vec<f64>,
}

impl Sample {
    /// Sorts the values; numbers that are not finite are left out.
    pub fn new(values: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        Self { sorted }
    }

    /// The values, smallest first.
    pub fn values(&self) -> &[f64] {
        &self.sorted
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// The arithmetic mean; none for an empty sample.
    #[expect(clippy::cast_precision_loss, reason = "a city has far fewer than 2^53 trips")]
    pub fn mean(&self) -> Option<f64> {
        (!self.is_empty()).then(|| self.sorted.iter().sum::<f64>() / self.sorted.len() as f64)
    }

    /// The largest value; none for an empty sample.
    pub fn max(&self) -> Option<f64> {
        self.sorted.last().copied()
    }

    /// The value that `share` of the sample does not exceed, `share` in `[0, 1]`; none for an empty sample.
    ///
    /// ```
    /// use citytwin::studies::report::statistics::Sample;
    /// let minutes = Sample::new([4.0, 1.0, 3.0, 2.0]);
    /// assert_eq!(minutes.percentile(0.5), Some(2.5));
    /// ```
    #[expect(clippy::cast_precision_loss, reason = "a city has far fewer than 2^53 trips")]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the last position")]
    pub fn percentile(&self, share: f64) -> Option<f64> {
        let last = self.sorted.len().checked_sub(1)?;
        let position = share.clamp(0.0, 1.0) * last as f64;
        let below = (position.floor() as usize).min(last);
        let above = (below + 1).min(last);
        let fraction = position - position.floor();
        Some(self.sorted[below] + (self.sorted[above] - self.sorted[below]) * fraction)
    }

    /// How many values lie in each of `bins` classes of `width` from zero; the last class also takes everything beyond it.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the classes there are")]
    pub fn histogram(&self, width: f64, bins: usize) -> Vec<u32> {
        let mut counts = vec![0; bins];
        if bins > 0 && width > 0.0 {
            for value in &self.sorted {
                counts[((value / width).max(0.0) as usize).min(bins - 1)] += 1;
            }
        }
        counts
    }
}

/// The smallest of 1, 2, 5 (times a power of ten) that is at least `rough`, for ticks and classes; 1 for nonsense.
pub fn round_step(rough: f64) -> f64 {
    if !rough.is_finite() || rough <= 0.0 {
        return 1.0;
    }
    let power = libm::pow(10.0, libm::floor(libm::log10(rough)));
    [1.0, 2.0, 5.0, 10.0].map(|step| step * power).into_iter().find(|step| *step >= rough * 0.999_999).unwrap_or(rough)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(values: &[f64], share: f64, expected: f64) {
        let found = Sample::new(values.iter().copied()).percentile(share).expect("a sample");
        assert!((found - expected).abs() < 1e-9, "percentile {share} of {values:?} is {found}, not {expected}");
    }

    /// Worked by hand from definition 7; a slip here would misstate the p95 a planner promises to a council.
    #[test]
    fn percentiles_interpolate_between_neighbours() {
        check(&[15.0, 20.0, 35.0, 40.0, 50.0], 0.40, 29.0);
        check(&[15.0, 20.0, 35.0, 40.0, 50.0], 0.90, 46.0);
        check(&[3.0], 0.95, 3.0);
        check(&[2.0, 1.0], 0.0, 1.0);
        check(&[2.0, 1.0], 1.0, 2.0);
        check(&[1.0, f64::NAN, 3.0, f64::INFINITY], 0.5, 2.0);
    }

    #[test]
    fn an_empty_sample_has_no_figures() {
        let none = Sample::default();
        assert_eq!((none.mean(), none.percentile(0.5), none.max()), (None, None, None));
    }

    #[test]
    fn the_last_class_takes_everything_beyond_it() {
        assert_eq!(Sample::new([0.0, 0.9, 1.0, 2.5, 99.0]).histogram(1.0, 3), [2, 1, 2]);
        assert!(Sample::new([1.0]).histogram(1.0, 0).is_empty());
    }

    #[test]
    fn steps_are_round() {
        for (rough, step) in [(0.7, 1.0), (1.0, 1.0), (3.0, 5.0), (23.0, 50.0), (0.012, 0.02), (f64::NAN, 1.0)] {
            assert!((round_step(rough) - step).abs() < 1e-9, "{rough}");
        }
    }
}
