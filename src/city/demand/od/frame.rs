//! Where roads and zones are on one plane, in metres, whichever coordinates zones are drawn in.
//!
//! Longitudes and latitudes are laid on a plane around the middle of the map, good to a few per mille within a city.

use crate::city::network::{Network, Projection};
use crate::primitives::Point;
use crate::primitives::ids::{EdgeId, LaneId};

/// Metres in a degree of latitude on a sphere of the radius of WGS 84's equator.
const DEGREE: f64 = 111_319.49;

/// A map's plane.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    network: &'a Network,
    /// Longitude and latitude of the middle of the map [°]; none for a map without a place on earth.
    middle: Option<(f64, f64)>,
}

impl<'a> Frame<'a> {
    pub(super) fn new(network: &'a Network) -> Self {
        let (low, high) = network.bounds();
        let middle = match network.projection {
            Projection::None => None,
            _ => network.projection.to_lon_lat(nalgebra::center(&low, &high)),
        };
        Self { network, middle }
    }

    /// Whether coordinates are longitude and latitude.
    pub(super) const fn on_earth(&self) -> bool {
        self.middle.is_some()
    }

    /// A point as zones are drawn, on the plane.
    pub(super) fn plane(&self, drawn: [f64; 2]) -> Point {
        self.middle.map_or_else(
            || Point::new(drawn[0], drawn[1]),
            |(lon, lat)| {
                let east = (drawn[0] - lon) * DEGREE * libm::cos(lat.to_radians());
                Point::new(east, (drawn[1] - lat) * DEGREE)
            },
        )
    }

    /// A point of the plane as zones are drawn.
    pub(super) fn drawn(&self, point: Point) -> [f64; 2] {
        self.middle.map_or([point.x, point.y], |(lon, lat)| {
            [lon + point.x / (DEGREE * libm::cos(lat.to_radians())), lat + point.y / DEGREE]
        })
    }

    /// A point of the map, on the plane.
    pub(super) fn of_map(&self, point: Point) -> Point {
        let drawn = self.network.projection.to_lon_lat(point).map_or([point.x, point.y], |(lon, lat)| [lon, lat]);
        self.plane(drawn)
    }

    /// The middle of a road, and where it begins and ends, on the plane.
    pub(super) fn middle(&self, edge: EdgeId) -> Point {
        let shape = &self.network.lane(LaneId::new(self.network.edge(edge).lanes.start as usize)).shape;
        self.of_map(shape.point_at(0.5 * shape.length()))
    }

    /// Where a road begins.
    pub(super) fn start(&self, edge: EdgeId) -> Point {
        let shape = &self.network.lane(LaneId::new(self.network.edge(edge).lanes.start as usize)).shape;
        self.of_map(shape.points()[0])
    }

    /// Where a road ends.
    pub(super) fn end(&self, edge: EdgeId) -> Point {
        let shape = &self.network.lane(LaneId::new(self.network.edge(edge).lanes.start as usize)).shape;
        self.of_map(shape.points()[shape.points().len() - 1])
    }
}
