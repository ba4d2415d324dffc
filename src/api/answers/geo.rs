//! Places on the map as `GeoJSON` (RFC 7946), and areas that are asked for.

use serde_json::{Value, json};

use crate::city::network::{Network, Projection};
use crate::primitives::Point;

/// Longitude and latitude [°] of a point of a network. A network without a place on earth lies around longitude and latitude 0, so that
/// it can be shown all the same.
pub fn lon_lat(network: &Network, point: Point) -> (f64, f64) {
    const NOWHERE: Projection = Projection::Equirectangular { origin: (0.0, 0.0) };
    network.projection.to_lon_lat(point).or_else(|| NOWHERE.to_lon_lat(point)).unwrap_or_default()
}

/// An angle to a millionth of a degree, a tenth of a metre.
pub(crate) fn rounded(degrees: f64) -> f64 {
    (degrees * 1e6).round() / 1e6
}

/// Longitude and latitude as `GeoJSON` has them.
pub(crate) fn position(network: &Network, point: Point) -> [f64; 2] {
    let (lon, lat) = lon_lat(network, point);
    [rounded(lon), rounded(lat)]
}

/// A point by its longitude and latitude [°].
pub(crate) fn point(lon: f64, lat: f64) -> Value {
    json!({ "type": "Point", "coordinates": [rounded(lon), rounded(lat)] })
}

/// A feature.
pub(crate) fn feature(geometry: &Value, properties: &Value) -> Value {
    json!({ "type": "Feature", "geometry": geometry, "properties": properties })
}

/// A collection of features.
pub(crate) fn collection(features: &[Value]) -> Value {
    json!({ "type": "FeatureCollection", "features": features })
}

/// The rectangle that holds a network, [west, south, east, north] in degrees.
pub(crate) fn bounds(network: &Network) -> [f64; 4] {
    let (low, high) = network.bounds();
    let corners = [low, high, Point::new(low.x, high.y), Point::new(high.x, low.y)].map(|at| lon_lat(network, at));
    let fold = |of: fn(&(f64, f64)) -> f64, pick: fn(f64, f64) -> f64, from| corners.iter().map(of).fold(from, pick);
    [
        rounded(fold(|at| at.0, f64::min, f64::INFINITY)),
        rounded(fold(|at| at.1, f64::min, f64::INFINITY)),
        rounded(fold(|at| at.0, f64::max, f64::NEG_INFINITY)),
        rounded(fold(|at| at.1, f64::max, f64::NEG_INFINITY)),
    ]
}

/// Heading of a direction on the map [°], clockwise from north.
pub(crate) fn heading(east: f64, north: f64) -> f64 {
    (libm::atan2(east, north).to_degrees() + 360.0).rem_euclid(360.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_go_clockwise_from_north() {
        for (east, north, expected) in [(0.0, 1.0, 0.0), (1.0, 0.0, 90.0), (0.0, -1.0, 180.0), (-1.0, 0.0, 270.0)] {
            assert!((heading(east, north) - expected).abs() < 1e-9, "{east} {north}");
        }
    }
}
