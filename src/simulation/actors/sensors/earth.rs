//! Where the map lies on earth, fast: longitude and latitude as a quadratic function around the map's middle.
//!
//! The exact projection costs microseconds a point and trackers ask half a million times an hour. Over a city the quadratic is
//! true to less than a centimetre; where it is not, the exact one is used. A map that is a drawing lies at 0° east, 0° north.

use std::sync::Arc;

use bevy_ecs::prelude::*;

use crate::city::network::{Network, Projection};
use crate::primitives::{Point, Polyline};

/// Where lanes lie, for those who leave and seek bays.
#[derive(Resource, Debug, Clone)]
pub(crate) struct Geometry {
    /// Shape of each lane, and metres of shape for a metre of driving.
    pub lanes: Arc<[(Polyline, f64)]>,
    /// How much of the sky each edge's buildings take, 0 to 1.
    pub canyon: Arc<[f64]>,
    /// Whether an edge leads out of the city.
    pub leaves: Arc<[bool]>,
}

impl Geometry {
    /// Where `pos` metres along a lane are on the map.
    pub(crate) fn point(&self, lane: u32, pos: f64) -> Point {
        let (shape, scale) = &self.lanes[lane as usize];
        shape.point_at(pos * scale)
    }
}

/// How far the quadratic may be off before the exact projection is used [°]: a centimetre.
const TOLERANCE: f64 = 1e-7;

/// The place of a map.
#[derive(Debug, Clone)]
pub(crate) struct Earth {
    centre: Point,
    lon: [f64; 6],
    lat: [f64; 6],
    exact: Option<Projection>,
    /// Whether the map has a place of its own.
    pub placed: bool,
}

impl Earth {
    /// The place of a network's map.
    pub(crate) fn new(network: &Network) -> Self {
        let placed = network.projection != Projection::None;
        let projection =
            if placed { network.projection.clone() } else { Projection::Equirectangular { origin: (0.0, 0.0) } };
        let (low, high) = network.bounds();
        let centre = nalgebra::center(&low, &high);
        let reach = ((high - low).amax() / 2.0).max(100.0);
        let at = |dx: f64, dy: f64| {
            projection.to_lon_lat(Point::new(centre.x + dx * reach, centre.y + dy * reach)).unwrap_or_default()
        };
        let fit = |of: fn((f64, f64)) -> f64| {
            let f = |dx: f64, dy: f64| of(at(dx, dy));
            let (middle, twice) = (f(0.0, 0.0), 2.0 * reach);
            [
                middle,
                (f(1.0, 0.0) - f(-1.0, 0.0)) / twice,
                (f(0.0, 1.0) - f(0.0, -1.0)) / twice,
                (f(1.0, 0.0) - 2.0 * middle + f(-1.0, 0.0)) / (twice * reach),
                (f(0.0, 1.0) - 2.0 * middle + f(0.0, -1.0)) / (twice * reach),
                (f(1.0, 1.0) - f(1.0, -1.0) - f(-1.0, 1.0) + f(-1.0, -1.0)) / (twice * twice),
            ]
        };
        let mut earth = Self { centre, lon: fit(|p| p.0), lat: fit(|p| p.1), exact: None, placed };
        let corners = [(1.0, 1.0), (-1.0, 1.0), (0.7, -0.9), (-0.5, 0.4)];
        let off = corners.iter().any(|&(dx, dy)| {
            let (lon, lat) = at(dx, dy);
            let found = earth.lon_lat(Point::new(centre.x + dx * reach, centre.y + dy * reach));
            (found.0 - lon).abs() > TOLERANCE || (found.1 - lat).abs() > TOLERANCE
        });
        earth.exact = off.then_some(projection);
        earth
    }

    /// Longitude and latitude of a point [°].
    pub(crate) fn lon_lat(&self, point: Point) -> (f64, f64) {
        if let Some(projection) = &self.exact {
            return projection.to_lon_lat(point).unwrap_or_default();
        }
        let (x, y) = (point.x - self.centre.x, point.y - self.centre.y);
        let value = |c: &[f64; 6]| c[0] + c[1] * x + c[2] * y + c[3] * x * x + c[4] * y * y + c[5] * x * y;
        (value(&self.lon), value(&self.lat))
    }

    /// The same, written with the six decimals that devices send (a tenth of a metre).
    pub(crate) fn written(&self, point: Point) -> (f64, f64) {
        let (lon, lat) = self.lon_lat(point);
        (super::rounded(lon, 6), super::rounded(lat, 6))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::city::network::bare::{BareControl, BareLane, BareMap, BareNode, BareRoad, Markings};
    use crate::primitives::{ClassSet, Distance, Speed};

    /// One road across the map, corner to corner.
    fn network(reach: f64, projection: Projection) -> Network {
        let ends = [Point::new(0.0, 0.0), Point::new(reach, reach)];
        let node = |k: usize| BareNode { name: format!("n{k}"), position: ends[k], control: BareControl::Automatic };
        let lane = BareLane { width: Distance::metres(3.2), allowed: ClassSet::ALL };
        let road = |name: &str, from: usize, to: usize| BareRoad {
            name: name.to_owned(),
            street: None,
            from,
            to,
            line: Polyline::new(vec![ends[from], ends[to]]),
            centred: false,
            lanes: vec![lane],
            speed: Speed::kilometres_per_hour(50.0),
            priority: 1,
            road_type: None,
        };
        let map = BareMap {
            nodes: vec![node(0), node(1)],
            roads: vec![road("there", 0, 1), road("back", 1, 0)],
            turn_bans: Vec::new(),
            markings: Markings::default(),
            left_hand: false,
            projection,
        };
        map.build().unwrap_or_else(|found| panic!("{:?}", found.problems()))
    }

    #[test]
    fn a_city_is_where_the_surveyors_say_and_a_country_is_too() {
        let utm = Projection::Utm { zone: 32, south: false, offset: (-600_000.0, -5_800_000.0) };
        for (reach, quick) in [(8_000.0, true), (300_000.0, false)] {
            let earth = Earth::new(&network(reach, utm.clone()));
            assert_eq!(earth.exact.is_none(), quick, "{reach}");
            for (x, y) in [(0.1, 0.1), (0.9, 0.2), (0.5, 0.5), (0.2, 0.95)] {
                let point = Point::new(x * reach, y * reach);
                let (lon, lat) = earth.lon_lat(point);
                let exact = utm.to_lon_lat(point).expect("on earth");
                assert!((lon - exact.0).abs() < TOLERANCE && (lat - exact.1).abs() < TOLERANCE, "{reach} {x} {y}");
            }
        }
        assert!(!Earth::new(&network(500.0, Projection::None)).placed);
    }
}
