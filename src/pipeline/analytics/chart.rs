//! A chart of one town: from longitude and latitude to metres on its map, by a cubic polynomial.
//!
//! The projection itself is exact and costs a dozen sines for each point. Over a town the map from degrees to metres is so smooth
//! that a polynomial of third degree, fitted by least squares to the projection at 7 × 7 points, follows it to a millimetre (the
//! remainder is of fourth order: (25 km / Earth's radius)⁴ of Earth's radius), for ten multiplications.

use crate::city::network::Projection;
use crate::primitives::Point;

/// Terms of a cubic in two variables.
const TERMS: usize = 10;
/// Points of the fit along each side.
const SIDE: u32 = 7;

/// From longitude and latitude to the map, near one town.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chart {
    /// Longitude and latitude of the middle [°].
    middle: (f64, f64),
    /// Degrees per unit of the polynomial's variables.
    unit: (f64, f64),
    east: [f64; TERMS],
    north: [f64; TERMS],
}

fn terms(u: f64, v: f64) -> [f64; TERMS] {
    [1.0, u, v, u * u, u * v, v * v, u * u * u, u * u * v, u * v * v, v * v * v]
}

fn value(coefficients: &[f64; TERMS], terms: &[f64; TERMS]) -> f64 {
    coefficients.iter().zip(terms).map(|(c, t)| c * t).sum()
}

impl Chart {
    /// The chart of the rectangle between two corners of the map; none if the map has no place on earth.
    pub(super) fn fit(projection: &Projection, low: Point, high: Point) -> Option<Self> {
        // A rectangle without extent still needs points that differ.
        let (low, high) = (Point::new(low.x - 100.0, low.y - 100.0), Point::new(high.x + 100.0, high.y + 100.0));
        let at = |i: u32, j: u32| {
            let share = |k: u32| f64::from(k) / f64::from(SIDE - 1);
            Point::new(low.x + (high.x - low.x) * share(i), low.y + (high.y - low.y) * share(j))
        };
        let mut samples = Vec::new();
        for (i, j) in (0..SIDE).flat_map(|i| (0..SIDE).map(move |j| (i, j))) {
            samples.push((at(i, j), projection.to_lon_lat(at(i, j))?));
        }
        let middle = projection.to_lon_lat(at(SIDE / 2, SIDE / 2))?;
        let reach = |of: &dyn Fn(&(f64, f64)) -> f64| samples.iter().map(|s| of(&s.1).abs()).fold(1e-9, f64::max);
        let unit = (reach(&|p| p.0 - middle.0), reach(&|p| p.1 - middle.1));
        let rows: Vec<([f64; TERMS], Point)> = samples
            .iter()
            .map(|(point, (lon, lat))| (terms((lon - middle.0) / unit.0, (lat - middle.1) / unit.1), *point))
            .collect();
        let fit = |of: &dyn Fn(&Point) -> f64| least_squares(rows.iter().map(|(terms, point)| (*terms, of(point))));
        Some(Self { middle, unit, east: fit(&|p| p.x)?, north: fit(&|p| p.y)? })
    }

    /// The point of the map at a longitude and latitude [°].
    pub(super) fn point(&self, longitude: f64, latitude: f64) -> Point {
        let terms = terms((longitude - self.middle.0) / self.unit.0, (latitude - self.middle.1) / self.unit.1);
        Point::new(value(&self.east, &terms), value(&self.north, &terms))
    }
}

/// Solves the normal equations by Gaussian elimination with pivots; none if they are singular.
///
/// Written out because the order of its operations must be the same on every machine.
fn least_squares(rows: impl Iterator<Item = ([f64; TERMS], f64)>) -> Option<[f64; TERMS]> {
    let mut a = [[0.0; TERMS + 1]; TERMS];
    for (terms, wanted) in rows {
        for (i, line) in a.iter_mut().enumerate() {
            for (cell, term) in line.iter_mut().zip(terms) {
                *cell += terms[i] * term;
            }
            line[TERMS] += terms[i] * wanted;
        }
    }
    for k in 0..TERMS {
        let pivot = (k..TERMS).max_by(|&i, &j| a[i][k].abs().total_cmp(&a[j][k].abs()))?;
        a.swap(k, pivot);
        if a[k][k].abs() < 1e-12 {
            return None;
        }
        let line = a[k];
        for other in a.iter_mut().skip(k + 1) {
            let factor = other[k] / line[k];
            for (cell, above) in other.iter_mut().zip(line) {
                *cell -= factor * above;
            }
        }
    }
    let mut solution = [0.0; TERMS];
    for k in (0..TERMS).rev() {
        let known: f64 = (k + 1..TERMS).map(|j| a[k][j] * solution[j]).sum();
        solution[k] = (a[k][TERMS] - known) / a[k][k];
    }
    Some(solution)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fix_stands_on_the_map_where_the_projection_put_it() {
        let utm = Projection::Utm { zone: 32, south: false, offset: (-560_000.0, -5_800_000.0) };
        let flat = Projection::Equirectangular { origin: (3.0, 60.0) };
        for projection in [utm, flat] {
            let (low, high) = (Point::new(-20_000.0, -15_000.0), Point::new(30_000.0, 25_000.0));
            let chart = Chart::fit(&projection, low, high).expect("it is on earth");
            for (x, y) in [(0.0, 0.0), (-19_500.0, 24_000.0), (29_999.0, -14_000.0), (12_345.6, 7_890.1)] {
                let (lon, lat) = projection.to_lon_lat(Point::new(x, y)).expect("it is on earth");
                let off = (chart.point(lon, lat) - Point::new(x, y)).norm();
                assert!(off < 0.005, "{projection:?} {x} {y}: {off} m");
            }
        }
        assert_eq!(Chart::fit(&Projection::None, Point::origin(), Point::origin()), None);
    }
}
