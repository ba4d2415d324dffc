//! Measured against true: the errors of pairs, and the figure of them.

use std::io;

use super::super::chart::{Figure, Plot, nothing};
use super::super::markup::{count_of, number};
use super::super::statistics::round_step;

/// Most points of a figure; more would only darken it, and each takes 150 bytes.
const POINTS_MAX: usize = 400;

/// Fewest points that show anything.
const POINTS_MIN: usize = 3;

/// Errors of pairs: measured less true.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PairErrors {
    /// Mean, with its sign.
    pub(super) mean: f64,
    /// Root of the mean square.
    pub(super) rms: f64,
}

/// Errors of pairs of true and measured; none without pairs.
#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53 pairs")]
pub(super) fn errors(pairs: &[(f64, f64)]) -> Option<PairErrors> {
    if pairs.is_empty() {
        return None;
    }
    let many = pairs.len() as f64;
    let sum = |of: fn(f64) -> f64| pairs.iter().map(|(truth, measured)| of(measured - truth)).sum::<f64>();
    Some(PairErrors { mean: sum(|error| error) / many, rms: libm::sqrt(sum(|error| error * error) / many) })
}

/// A figure of pairs of true and measured, with a rule where both agree; the errors are those of all pairs.
///
/// # Errors
/// When the figure cannot be drawn.
pub(super) fn scatter(key: &str, (title, what): (&str, &str), pairs: &[(f64, f64)], unit: &str) -> io::Result<String> {
    let Some(errors) = errors(pairs).filter(|_| pairs.len() >= POINTS_MIN) else {
        return Ok(nothing(title, "There are too few pairs of measured and true to draw."));
    };
    let stride = pairs.len().div_ceil(POINTS_MAX);
    let points: Vec<(f64, f64)> =
        pairs.iter().step_by(stride).map(|(truth, measured)| (truth.max(0.0), measured.max(0.0))).collect();
    let highest = points.iter().flat_map(|point| [point.0, point.1]).fold(0.0, f64::max);
    let step = round_step(highest / 5.0);
    let end = (highest / step).ceil().max(1.0) * step;
    let summary = format!(
        "{} pairs; mean error {} {unit}, RMSE {} {unit}",
        count_of(pairs.len()),
        number(errors.mean, 1),
        number(errors.rms, 1)
    );
    let thinned = if stride > 1 { format!(" Drawn is 1 in {stride}.") } else { String::new() };
    let note = format!("{what}: true to the right, measured upwards, the rule where both agree. {summary}.{thinned}");
    let spoken = format!("Points of measured against true: {summary}.");
    let plot = Plot { points, diagonal: true, ..Plot::new(0.0..end, end) };
    Figure { title, note: &note, legend: &[], spoken: &spoken }.draw_described(key, &plot)
}

/// The range of a line in words, for listeners.
pub(super) fn range(line: &[(f64, f64)], decimals: usize, unit: &str) -> String {
    let end =
        |pick: fn(f64, f64) -> f64, from: f64| number(line.iter().map(|point| point.1).fold(from, pick), decimals);
    format!("between {} and {} {unit}", end(f64::min, f64::INFINITY), end(f64::max, f64::NEG_INFINITY))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Worked by hand: a bias must keep its sign, and the root mean square must not.
    #[test]
    fn errors_are_measured_less_true() {
        assert_eq!(errors(&[]), None);
        let found = errors(&[(10.0, 13.0), (20.0, 19.0), (30.0, 28.0), (0.0, 0.0)]).expect("pairs");
        assert!(found.mean.abs() < 1e-12 && (found.rms - 14.0_f64.sqrt() / 2.0).abs() < 1e-12, "{found:?}");
    }

    /// A city of thousands of roads must neither swell the page nor hide how many pairs the errors are of.
    #[test]
    fn many_points_are_thinned_and_say_so() {
        let pairs: Vec<(f64, f64)> = (0..4001).map(|i| (f64::from(i), f64::from(i) + 2.0)).collect();
        let html = scatter("k", ("T", "W"), &pairs, "veh/h").expect("drawn");
        assert_eq!(html.matches("<circle").count(), 2 * 364, "4001 / 11, in two sizes");
        assert!(html.contains("4,001 pairs; mean error 2.0 veh/h, RMSE 2.0 veh/h") && html.contains("1 in 11"));
        assert!(scatter("k", ("T", "W"), &pairs[..2], "").expect("said").contains("too few"));
    }
}
