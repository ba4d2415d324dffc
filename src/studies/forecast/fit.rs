//! From days to delays: the city's profile, and what each road makes of it.

use nalgebra::{DMatrix, DVector};

use super::days::{Day, Seen};
use crate::city::network::Network;
use crate::simulation::outcome::Prediction;

/// Least number of cells of a road for a line through them; with fewer the mean is taken.
const CELLS_MIN: usize = 4;
/// Singular values below this share of one are nothing: the profile is flat and tells the road nothing.
const FLAT: f64 = 1e-9;

/// What a road's delay was in an interval of a day: how many vehicles met it, and the profile then.
#[derive(Debug, Clone, Copy)]
struct Sample {
    interval: usize,
    vehicles: f64,
    delay: f64,
}

/// The time lost per metre driven by everybody, by interval over all days [s/m].
pub(super) fn profile(days: &[Day]) -> Vec<f64> {
    let intervals = days.iter().map(|day| day.cells.len()).max().unwrap_or(0);
    let of = |interval: usize| {
        let rows = days.iter().filter_map(|day| day.cells.get(interval)).flatten();
        let sum = rows
            .fold(Seen::default(), |sum, cell| Seen { lost: sum.lost + cell.lost, driven: sum.driven + cell.driven });
        if sum.driven > 0.0 { sum.lost / sum.driven } else { 0.0 }
    };
    (0..intervals).map(of).collect()
}

/// The delays that are to be expected, by edge and interval [s]; empty for a road on which nobody was seen.
pub(super) fn fit(network: &Network, days: &[Day]) -> Vec<Vec<f64>> {
    let profile = profile(days);
    let of = |(index, edge): (usize, &crate::city::network::Edge)| {
        let length = edge.length.as_metres();
        let samples = samples(days, index, length);
        if samples.is_empty() {
            return Vec::new();
        }
        let (base, slope) = line(&samples, &profile, length);
        profile.iter().map(|lost| (base + slope * length * lost).max(0.0)).collect()
    };
    network.edges.iter().enumerate().map(of).collect()
}

fn samples(days: &[Day], edge: usize, length: f64) -> Vec<Sample> {
    let mut samples = Vec::new();
    for day in days {
        for (interval, row) in day.cells.iter().enumerate() {
            samples.extend(row.get(edge).and_then(|cell| sample(*cell, interval, length)));
        }
    }
    samples
}

/// The delay per vehicle, and how many vehicles that was; none where nobody drove.
fn sample(cell: Seen, interval: usize, length: f64) -> Option<Sample> {
    let vehicles = cell.driven / length.max(0.1);
    (vehicles > 0.0).then(|| Sample { interval, vehicles, delay: cell.lost / vehicles })
}

/// Base and slope of a road's delay over the profile, by least squares weighted by vehicles; where the line cannot be told from the
/// samples, or falls where the city slows down, the mean.
fn line(samples: &[Sample], profile: &[f64], length: f64) -> (f64, f64) {
    let weight: f64 = samples.iter().map(|sample| sample.vehicles).sum();
    let mean = samples.iter().map(|sample| sample.vehicles * sample.delay).sum::<f64>() / weight;
    if samples.len() < CELLS_MIN {
        return (mean, 0.0);
    }
    let x = |sample: &Sample| length * profile.get(sample.interval).copied().unwrap_or(0.0);
    let root = |sample: &Sample| sample.vehicles.sqrt();
    let matrix = DMatrix::from_fn(samples.len(), 2, |row, column| {
        root(&samples[row]) * if column == 0 { 1.0 } else { x(&samples[row]) }
    });
    let wanted = DVector::from_iterator(samples.len(), samples.iter().map(|sample| root(sample) * sample.delay));
    let decomposed = matrix.svd(true, true);
    let largest = decomposed.singular_values.max();
    match decomposed.solve(&wanted, largest * FLAT) {
        Ok(found) if found[0].is_finite() && found[1].is_finite() && found[1] >= 0.0 => (found[0], found[1]),
        _ => (mean, 0.0),
    }
}

/// How far predictions are off on a day, per vehicle and road it meets: their mean and their root mean square, and what it would be without
/// them, with empty roads expected.
pub(super) fn error(network: &Network, fitted: &[Vec<f64>], day: &Day, days: u32) -> Prediction {
    let (mut met, mut absolute, mut squares, mut without) = (0.0, 0.0, 0.0, 0.0);
    for (interval, row) in day.cells.iter().enumerate() {
        for ((cell, edge), column) in row.iter().zip(&network.edges).zip(fitted) {
            let Some(seen) = sample(*cell, interval, edge.length.as_metres()) else { continue };
            let off = column.get(interval).copied().unwrap_or(0.0) - seen.delay;
            met += seen.vehicles;
            absolute += seen.vehicles * off.abs();
            squares += seen.vehicles * off * off;
            without += seen.vehicles * seen.delay;
        }
    }
    let mean = |sum: f64| if met > 0.0 { sum / met } else { 0.0 };
    Prediction {
        days,
        error_mean_s: mean(absolute),
        error_root_mean_square_s: mean(squares).sqrt(),
        error_without_s: mean(without),
    }
}
