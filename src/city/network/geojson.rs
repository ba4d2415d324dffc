//! Writing a network as `GeoJSON` (RFC 7946), for every map program: roads as lines, junctions and signals as points.
//!
//! Coordinates are longitude and latitude, to a hundred-millionth of a degree (a millimetre). A network without a place on earth has
//! none to write. Knows the built network only.

use serde_json::{Map, Value, json};

use super::model::{Edge, JunctionKind, Network, Projection};
use crate::primitives::ids::EdgeId;
use crate::primitives::{Point, VehicleClass};

/// A network as the text of a `FeatureCollection`, one feature on a line; none where it has no place on earth.
///
/// Every direction of a road is a line along the middle of its lanes, with `id`, `name`, `lanes`, `speed_km_h`, `length_m`, `class` and
/// `allowed` among its properties; every junction a point with `id` and `control`. The same network always gives the same bytes.
pub fn write(network: &Network) -> Option<String> {
    if network.projection == Projection::None {
        return None;
    }
    let roads = network.roads().map(|(id, edge)| road(network, id, edge));
    let junctions = network.junctions.iter().filter(|junction| !junction.links.is_empty()).map(|junction| {
        let control = match junction.kind {
            JunctionKind::TrafficLight => "signals",
            JunctionKind::AllwayStop => "all-way stop",
            JunctionKind::RightBeforeLeft => "right before left",
            JunctionKind::Zipper => "zip",
            JunctionKind::Priority | JunctionKind::Other => "priority",
            JunctionKind::Unregulated | JunctionKind::DeadEnd => "none",
        };
        let at = json!({ "type": "Point", "coordinates": place(network, junction.position) });
        feature(&at, &json!({ "kind": "junction", "id": junction.name, "control": control }))
    });
    let features: Vec<String> = roads.chain(junctions).collect();
    Some(format!("{{\"type\":\"FeatureCollection\",\"features\":[\n{}\n]}}\n", features.join(",\n")))
}

fn feature(geometry: &Value, properties: &Value) -> String {
    json!({ "type": "Feature", "geometry": geometry, "properties": properties }).to_string()
}

/// Longitude and latitude [°].
fn place(network: &Network, point: Point) -> [f64; 2] {
    let rounded = |degrees: f64| (degrees * 1e8).round() / 1e8;
    let (lon, lat) = network.projection.to_lon_lat(point).unwrap_or_default();
    [rounded(lon), rounded(lat)]
}

fn road(network: &Network, id: EdgeId, edge: &Edge) -> String {
    let lanes: Vec<_> = edge.lane_ids().map(|lane| network.lane(lane)).collect();
    // The middle of the middle lane, or between the two in the middle.
    let (near, far) = (lanes[(lanes.len() - 1) / 2], lanes[lanes.len() / 2]);
    let middle = |(a, b): (&Point, &Point)| Point::new(f64::midpoint(a.x, b.x), f64::midpoint(a.y, b.y));
    let (ours, theirs) = (near.shape.points(), far.shape.points());
    let line: Vec<Point> =
        if ours.len() == theirs.len() { ours.iter().zip(theirs).map(middle).collect() } else { ours.to_vec() };
    let line: Vec<[f64; 2]> = line.into_iter().map(|point| place(network, point)).collect();
    let allowed: Vec<&str> = [
        VehicleClass::Passenger,
        VehicleClass::Bus,
        VehicleClass::Truck,
        VehicleClass::Bicycle,
        VehicleClass::Emergency,
        VehicleClass::Tram,
        VehicleClass::Rail,
    ]
    .into_iter()
    .filter(|&class| network.edge_allows(id, class))
    .map(VehicleClass::name)
    .collect();
    let speed = lanes.iter().map(|lane| lane.speed.as_kilometres_per_hour()).fold(0.0, f64::max);
    let tenth = |value: f64| (value * 10.0).round() / 10.0;
    let mut properties = Map::new();
    properties.insert("kind".to_owned(), json!("road"));
    properties.insert("id".to_owned(), json!(edge.name));
    properties.extend(edge.street.as_ref().map(|street| ("name".to_owned(), json!(street))));
    properties.extend(edge.road_type.as_ref().map(|class| ("class".to_owned(), json!(class))));
    properties.insert("lanes".to_owned(), json!(lanes.len()));
    properties.insert("speed_km_h".to_owned(), json!(tenth(speed)));
    properties.insert("length_m".to_owned(), json!(tenth(edge.length.as_metres())));
    properties.insert("allowed".to_owned(), json!(allowed));
    feature(&json!({ "type": "LineString", "coordinates": line }), &Value::Object(properties))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::city::network::invented::{self, CitySize};
    use crate::primitives::random::Seed;

    #[test]
    fn every_road_is_a_line_on_earth_with_its_facts() {
        let network = invented::generate(Seed(7), CitySize::CITY).map.build().expect("it builds");
        let text = write(&network).expect("it has a place on earth");
        let value: Value = serde_json::from_str(&text).expect("it is JSON");
        let features = value["features"].as_array().expect("a collection has features");
        let roads: Vec<&Value> = features.iter().filter(|one| one["properties"]["kind"] == "road").collect();
        assert_eq!(roads.len(), network.roads().count());
        for (road, (_, edge)) in roads.iter().zip(network.roads()) {
            assert_eq!(road["properties"]["id"], edge.name.as_str());
            assert_eq!(road["properties"]["lanes"], edge.lane_count());
            let line = road["geometry"]["coordinates"].as_array().expect("a line has points");
            assert!(line.len() >= 2, "{}", edge.name);
            let first = network.projection.to_lon_lat(network.junction(edge.from).position).expect("it is on earth");
            let (lon, lat) = (line[0][0].as_f64().expect("a number"), line[0][1].as_f64().expect("a number"));
            // Within a hundred metres of where the road begins.
            assert!(
                (lon - first.0).abs() < 2e-3 && (lat - first.1).abs() < 1e-3,
                "{} {lon} {lat} {first:?}",
                edge.name
            );
        }
        let signals = features.iter().filter(|one| one["properties"]["control"] == "signals").count();
        assert!(signals > 0, "the city has signals");
    }

    #[test]
    fn a_drawing_cannot_be_put_on_a_globe() {
        let mut network = invented::generate(Seed(7), CitySize::CITY).map.build().expect("it builds");
        network.projection = Projection::None;
        assert_eq!(write(&network), None);
    }
}
