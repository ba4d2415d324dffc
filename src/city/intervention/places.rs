//! Where roads are in the coordinates people draw in: longitude and latitude, or metres on a map without a place on earth.
//!
//! Distances are taken on the plane that touches the earth there, good to a few per mille within a city.

use super::model::Area;
use crate::city::network::{Network, Projection};
use crate::primitives::Point;
use crate::primitives::ids::EdgeId;

/// Metres in a degree of latitude on a sphere of the radius of WGS 84's equator.
const DEGREE: f64 = 111_319.49;

/// A map's way of saying where something is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    network: &'a Network,
}

impl<'a> Frame<'a> {
    pub(super) const fn new(network: &'a Network) -> Self {
        Self { network }
    }

    /// Whether coordinates are longitude and latitude.
    pub(super) const fn on_earth(self) -> bool {
        !matches!(self.network.projection, Projection::None)
    }

    /// A point of the map in drawn coordinates.
    fn drawn(self, point: Point) -> [f64; 2] {
        self.network.projection.to_lon_lat(point).map_or([point.x, point.y], |(lon, lat)| [lon, lat])
    }

    /// The metres from one drawn point to another, east and north.
    fn metres(self, from: [f64; 2], to: [f64; 2]) -> [f64; 2] {
        let (east, north) = (to[0] - from[0], to[1] - from[1]);
        if self.on_earth() { [east * DEGREE * libm::cos(from[1].to_radians()), north * DEGREE] } else { [east, north] }
    }

    /// The middle of a road.
    pub(super) fn middle(self, edge: EdgeId) -> [f64; 2] {
        let lane = self.network.lane(crate::primitives::ids::LaneId::new(self.network.edge(edge).lanes.start as usize));
        self.drawn(lane.shape.point_at(0.5 * lane.shape.length()))
    }

    /// Points along a road, at most `gap` metres apart, with the direction of travel there as metres east and north.
    pub(super) fn along(self, edge: EdgeId, gap: f64) -> Vec<([f64; 2], [f64; 2])> {
        let lane = self.network.lane(crate::primitives::ids::LaneId::new(self.network.edge(edge).lanes.start as usize));
        let length = lane.shape.length();
        let pieces = (length / gap).ceil().clamp(1.0, 1000.0);
        let mut points = Vec::new();
        let mut at = 0.5;
        while at < pieces {
            let (point, direction) = lane.shape.place_at(at / pieces * length);
            points.push((self.drawn(point), [direction.x, direction.y]));
            at += 1.0;
        }
        points
    }

    /// How far a drawn point lies from the nearest part of a road [m].
    pub(super) fn distance(self, point: [f64; 2], edge: EdgeId) -> f64 {
        let lane = self.network.lane(crate::primitives::ids::LaneId::new(self.network.edge(edge).lanes.start as usize));
        let line: Vec<[f64; 2]> = lane.shape.points().iter().map(|&point| self.drawn(point)).collect();
        self.nearest_on(point, &line).0
    }

    /// How far a drawn point lies from a drawn line [m], and which way the line runs there, as metres east and north.
    pub(super) fn nearest_on(self, point: [f64; 2], line: &[[f64; 2]]) -> (f64, [f64; 2]) {
        let mut best = (f64::INFINITY, [0.0, 0.0]);
        for pair in line.windows(2) {
            let (a, b) = (self.metres(point, pair[0]), self.metres(point, pair[1]));
            let step = [b[0] - a[0], b[1] - a[1]];
            let square = step[0] * step[0] + step[1] * step[1];
            let share = if square > 0.0 { (-(a[0] * step[0] + a[1] * step[1]) / square).clamp(0.0, 1.0) } else { 0.0 };
            let (x, y) = (a[0] + share * step[0], a[1] + share * step[1]);
            let distance = libm::hypot(x, y);
            if distance < best.0 {
                best = (distance, step);
            }
        }
        best
    }
}

impl Area {
    /// Whether a drawn point is inside, by the number of outlines a ray from it crosses (Shimrat 1962, Algorithm 112).
    pub(super) fn contains(&self, point: [f64; 2]) -> bool {
        let mut inside = false;
        for ring in &self.rings {
            let mut last = ring.len().wrapping_sub(1);
            for (i, corner) in ring.iter().enumerate() {
                let other = ring[last];
                if (corner[1] > point[1]) != (other[1] > point[1]) {
                    let east = (other[0] - corner[0]) * (point[1] - corner[1]) / (other[1] - corner[1]) + corner[0];
                    inside ^= point[0] < east;
                }
                last = i;
            }
        }
        inside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_is_outside() {
        let square = |low: f64, high: f64| vec![[low, low], [high, low], [high, high], [low, high]];
        let area = Area { rings: vec![square(0.0, 10.0), square(4.0, 6.0)] };
        for (x, y, inside) in
            [(1.0, 1.0, true), (5.0, 5.0, false), (11.0, 5.0, false), (-1.0, 5.0, false), (9.0, 9.5, true)]
        {
            assert_eq!(area.contains([x, y]), inside, "{x} {y}");
        }
        assert!(!Area { rings: vec![Vec::new()] }.contains([0.0, 0.0]));
    }
}
