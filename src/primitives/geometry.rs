//! Points and polylines on the map plane, in metres east and north.

use nalgebra::{Point2, Vector2};

/// A point on the map plane: metres east (`x`) and north (`y`) of the network's origin [m].
pub type Point = Point2<f64>;

/// A chain of straight segments, such as the centre line of a lane; at least one point.
#[derive(Debug, Clone, PartialEq)]
pub struct Polyline {
    points: Box<[Point]>,
}

impl Polyline {
    /// A polyline through `points`, in order.
    ///
    /// # Panics
    /// When there is no point: a shape without a place is a fault of the caller, who checks input first.
    pub fn new(points: Vec<Point>) -> Self {
        assert!(!points.is_empty(), "a polyline needs a point");
        Self { points: points.into() }
    }

    /// The points, in order.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// Length along the chain [m].
    pub fn length(&self) -> f64 {
        self.points.windows(2).map(|pair| (pair[1] - pair[0]).norm()).sum()
    }

    /// The point `offset` metres along the chain; clamped to its ends.
    ///
    /// ```
    /// use citytwin::primitives::{Point, Polyline};
    /// let line = Polyline::new(vec![Point::new(0.0, 0.0), Point::new(10.0, 0.0), Point::new(10.0, 5.0)]);
    /// assert_eq!(line.point_at(12.0), Point::new(10.0, 2.0));
    /// assert_eq!(line.point_at(99.0), Point::new(10.0, 5.0));
    /// ```
    pub fn point_at(&self, offset: f64) -> Point {
        self.place_at(offset).0
    }

    /// Direction of travel `offset` metres along the chain, as a unit vector; east where the chain has no length.
    pub fn direction_at(&self, offset: f64) -> Vector2<f64> {
        self.place_at(offset).1
    }

    /// Both of [`Self::point_at`] and [`Self::direction_at`], for one walk.
    pub fn place_at(&self, offset: f64) -> (Point, Vector2<f64>) {
        let mut left = offset.max(0.0);
        let mut last = Vector2::new(1.0, 0.0);
        for pair in self.points.windows(2) {
            let segment = pair[1] - pair[0];
            let length = segment.norm();
            if length > 0.0 {
                last = segment / length;
                if left <= length {
                    return (pair[0] + segment * (left / length), last);
                }
            }
            left -= length;
        }
        (self.points[self.points.len() - 1], last)
    }

    /// The chain moved `offset` metres to the right of its direction (to the left where negative), mitred at bends.
    #[must_use]
    pub fn offset_right(&self, offset: f64) -> Self {
        if self.points.len() < 2 {
            return self.clone();
        }
        let normal = |a: Point, b: Point| {
            let d = b - a;
            let n = d.norm();
            if n > 0.0 { Vector2::new(d.y / n, -d.x / n) } else { Vector2::zeros() }
        };
        let last = self.points.len() - 1;
        let points = (0..=last)
            .map(|i| {
                let before = normal(self.points[i.saturating_sub(1)], self.points[i.max(1).min(last)]);
                let after = normal(self.points[i.min(last - 1)], self.points[(i + 1).min(last)]);
                let (before, after) = if i == 0 {
                    (after, after)
                } else if i == last {
                    (before, before)
                } else {
                    (before, after)
                };
                let sum = before + after;
                // A mitre longer than twice the offset would spike at sharp bends.
                let scale = (2.0 / sum.norm_squared().max(1e-9)).min(2.0);
                self.points[i] + sum * (offset * scale)
            })
            .collect();
        Self { points }
    }

    /// The first crossing of two chains: offsets along this one and along the other [m].
    pub fn crossing(&self, other: &Self) -> Option<(f64, f64)> {
        for (i, a) in self.points.windows(2).enumerate() {
            for (j, b) in other.points.windows(2).enumerate() {
                if let Some((s, t)) = segment_crossing(a[0], a[1], b[0], b[1]) {
                    // Most chains that are asked do not cross, so lengths are measured only here.
                    let (before, before_other) = (self.length_before(i), other.length_before(j));
                    return Some((before + s * (a[1] - a[0]).norm(), before_other + t * (b[1] - b[0]).norm()));
                }
            }
        }
        None
    }

    /// Length of the chain up to a point [m].
    fn length_before(&self, point: usize) -> f64 {
        self.points[..=point].windows(2).fold(0.0, |along, pair| along + (pair[1] - pair[0]).norm())
    }

    /// The offset along the chain nearest to `point`, and the distance to it [m].
    pub fn nearest(&self, point: Point) -> (f64, f64) {
        let mut best = (0.0, (self.points[0] - point).norm());
        let mut along = 0.0;
        for pair in self.points.windows(2) {
            let segment = pair[1] - pair[0];
            let squared = segment.norm_squared();
            let t = if squared > 0.0 { ((point - pair[0]).dot(&segment) / squared).clamp(0.0, 1.0) } else { 0.0 };
            let distance = (pair[0] + segment * t - point).norm();
            let length = squared.sqrt();
            if distance < best.1 {
                best = (along + t * length, distance);
            }
            along += length;
        }
        best
    }
}

/// Where two segments cross, as fractions of each; parallel segments do not.
fn segment_crossing(a: Point, b: Point, c: Point, d: Point) -> Option<(f64, f64)> {
    let (r, s) = (b - a, d - c);
    let denominator = r.perp(&s);
    if denominator.abs() < 1e-12 {
        return None;
    }
    let offset = c - a;
    let (t, u) = (offset.perp(&s) / denominator, offset.perp(&r) / denominator);
    ((0.0..=1.0).contains(&t) && (0.0..=1.0).contains(&u)).then_some((t, u))
}

/// How a vector stands in a saved state: its two coordinates, for `#[serde(with = ..)]`.
pub(crate) mod pair {
    use nalgebra::Vector2;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    /// Writes the coordinates.
    pub(crate) fn serialize<S: Serializer>(vector: &Vector2<f64>, serializer: S) -> Result<S::Ok, S::Error> {
        (vector.x, vector.y).serialize(serializer)
    }

    /// Reads them.
    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vector2<f64>, D::Error> {
        <(f64, f64)>::deserialize(deserializer).map(|(x, y)| Vector2::new(x, y))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(points: &[(f64, f64)]) -> Polyline {
        Polyline::new(points.iter().map(|p| Point::new(p.0, p.1)).collect())
    }

    #[test]
    fn crossing_gives_offsets_on_both() {
        let east = line(&[(0.0, 0.0), (5.0, 0.0), (20.0, 0.0)]);
        let north = line(&[(8.0, -6.0), (8.0, 6.0)]);
        let (on_east, on_north) = east.crossing(&north).expect("they cross");
        assert!((on_east - 8.0).abs() < 1e-9 && (on_north - 6.0).abs() < 1e-9);
    }

    #[test]
    fn offset_keeps_its_distance() {
        let bend = line(&[(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)]).offset_right(2.0);
        assert!((bend.points()[0] - Point::new(0.0, -2.0)).norm() < 1e-9);
        assert!((bend.points()[1] - Point::new(12.0, -2.0)).norm() < 1e-9);
        assert!((bend.points()[2] - Point::new(12.0, 10.0)).norm() < 1e-9);
    }
}
