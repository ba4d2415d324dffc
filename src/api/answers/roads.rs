//! The roads of the map in the order by which everybody counts them, and what is drawn of them.

use serde_json::{Map, Value, json};

use super::geo::{feature, heading, position, rounded};
use crate::city::network::places::{Area, Kerb, Places};
use crate::city::network::{Edge, Network};
use crate::primitives::ids::EdgeId;
use crate::primitives::{Point, VehicleClass};

/// The roads that are drawn, in the network's order: edges that are no path across a junction and that somebody may drive on, by road
/// or rail. The place of a road in this list is its index `i` on the map, and its place in the message of road speeds.
pub fn drawable(network: &Network) -> Vec<EdgeId> {
    let driven = |edge: &Edge| {
        edge.lane_ids().any(|lane| {
            let allowed = network.lane(lane).allowed;
            allowed.any_on_road() || allowed.any_on_rail()
        })
    };
    network.roads().filter(|(_, edge)| driven(edge)).map(|(id, _)| id).collect()
}

/// How important a road is: 4 motorways and trunk roads, 3 primary, 2 secondary, 1 tertiary and other through roads, 0 everything else.
/// By its type where the map has one, else by its lanes and speed limit.
fn class(network: &Network, edge: &Edge) -> u8 {
    let kind = edge.road_type.as_deref().unwrap_or_default();
    let kind = kind.rsplit('.').next().unwrap_or_default();
    match kind.strip_suffix("_link").unwrap_or(kind) {
        "motorway" | "trunk" => return 4,
        "primary" => return 3,
        "secondary" => return 2,
        "tertiary" | "unclassified" => return 1,
        "residential" | "living_street" | "service" | "track" | "pedestrian" => return 0,
        _ => {}
    }
    let speed = limit(network, edge);
    match edge.lane_count() {
        _ if speed > 90.0 => 4,
        3.. => 3,
        2 => 2,
        _ if speed > 45.0 => 1,
        _ => 0,
    }
}

/// The highest limit of a road's lanes [km/h].
fn limit(network: &Network, edge: &Edge) -> f64 {
    edge.lane_ids().map(|lane| network.lane(lane).speed.as_kilometres_per_hour()).fold(0.0, f64::max)
}

/// The middle of a road's carriageway.
fn middle(network: &Network, edge: &Edge) -> Vec<Point> {
    let lanes: Vec<_> = edge.lane_ids().map(|lane| network.lane(lane)).collect();
    // The middle of the middle lane, or between the two in the middle.
    let (near, far) = (lanes[(lanes.len() - 1) / 2], lanes[lanes.len() / 2]);
    let (ours, theirs) = (near.shape.points(), far.shape.points());
    if ours.len() != theirs.len() {
        return ours.to_vec();
    }
    let between = |(a, b): (&Point, &Point)| Point::new(f64::midpoint(a.x, b.x), f64::midpoint(a.y, b.y));
    ours.iter().zip(theirs).map(between).collect()
}

/// The roads as the text of a `FeatureCollection`: a line for each of [`drawable`], in that order.
pub(crate) fn roads(network: &Network) -> Vec<u8> {
    let mut text = b"{\"type\":\"FeatureCollection\",\"features\":[".to_vec();
    for (index, id) in drawable(network).into_iter().enumerate() {
        let edge = network.edge(id);
        let line: Vec<[f64; 2]> = middle(network, edge).into_iter().map(|at| position(network, at)).collect();
        let mut properties = Map::new();
        properties.insert("i".to_owned(), json!(index));
        properties.insert("id".to_owned(), json!(edge.name));
        properties.extend(edge.street.as_ref().map(|street| ("name".to_owned(), json!(street))));
        properties.insert("lanes".to_owned(), json!(edge.lane_count()));
        properties.insert("speed_kmh".to_owned(), json!((limit(network, edge) * 10.0).round() / 10.0));
        properties.insert("class".to_owned(), json!(class(network, edge)));
        properties.insert("internal".to_owned(), json!(false));
        if !network.edge_allows(id, VehicleClass::Passenger) {
            properties.insert("cars".to_owned(), json!(false));
        }
        let road = feature(&json!({ "type": "LineString", "coordinates": line }), &Value::Object(properties));
        if index > 0 {
            text.push(b',');
        }
        text.push(b'\n');
        let written = serde_json::to_writer(&mut text, &road);
        debug_assert!(written.is_ok(), "values always become JSON");
    }
    text.extend_from_slice(b"]}\n");
    text
}

/// What the map says beyond its roads, as features.
pub(crate) fn places(network: &Network, places: &Places) -> Vec<Value> {
    let mut features = Vec::new();
    for (kind, areas) in [("water", &places.water), ("park", &places.parks), ("quarter", &places.quarters)] {
        features.extend(areas.iter().map(|one| area(network, kind, one)));
    }
    let mut site = |kind: &str, id: &str, name: &str, at: &Kerb| {
        let [lon, lat] = position(network, at.point);
        let properties = json!({ "kind": kind, "name": name, "id": id, "road": at.road });
        features.push(feature(&super::geo::point(lon, lat), &properties));
    };
    for stop in &places.bus_stops {
        site("bus_stop", &stop.id, &stop.name, &stop.at);
    }
    for station in &places.ambulance_stations {
        site("station", &station.name, &station.name, &station.at);
    }
    for hospital in &places.hospitals {
        site("hospital", &hospital.name, &hospital.name, &hospital.at);
    }
    features
}

fn area(network: &Network, kind: &str, one: &Area) -> Value {
    let mut ring: Vec<[f64; 2]> = one.outline.iter().map(|at| position(network, *at)).collect();
    // Rings of GeoJSON close.
    ring.extend(ring.first().copied());
    let geometry = json!({ "type": "Polygon", "coordinates": [ring] });
    feature(&geometry, &json!({ "kind": kind, "name": one.name, "id": one.name }))
}

/// The signals as the text of a `FeatureCollection`: a point for each, with where the stop line of every link index is and where
/// traffic across it heads, `[longitude, latitude, heading]`; null for an index that governs nothing.
pub(crate) fn signals(network: &Network) -> Vec<u8> {
    let mut features = Vec::new();
    for signal in &network.signals {
        let mut heads = Vec::new();
        let (mut sum, mut count) = ((0.0, 0.0), 0_u32);
        for links in &signal.links {
            let Some(link) = links.first() else {
                heads.push(Value::Null);
                continue;
            };
            let lane = network.lane(network.link(*link).from);
            let (at, direction) = lane.shape.place_at(lane.shape.length());
            let [lon, lat] = position(network, at);
            sum = (sum.0 + lon, sum.1 + lat);
            count += 1;
            heads.push(json!([lon, lat, (heading(direction.x, direction.y) * 10.0).round() / 10.0]));
        }
        if count == 0 {
            continue;
        }
        let middle = super::geo::point(sum.0 / f64::from(count), sum.1 / f64::from(count));
        let phases: Vec<f64> = signal.programs.last().map_or_else(Vec::new, |program| {
            program.phases.iter().map(|phase| rounded(phase.duration.as_seconds())).collect()
        });
        features.push(feature(&middle, &json!({ "id": signal.name, "links": heads, "durations_s": phases })));
    }
    super::geo::collection(&features).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::city::network::invented::{self, CitySize};
    use crate::primitives::random::Seed;

    #[test]
    fn roads_are_counted_alike_by_the_list_and_by_the_map() {
        let network = invented::generate(Seed(7), CitySize::CITY).map.build().expect("it builds");
        let drawn = drawable(&network);
        assert!(drawn.windows(2).all(|pair| pair[0] < pair[1]), "the network's order");
        let map: Value = serde_json::from_slice(&roads(&network)).expect("it is JSON");
        let features = map["features"].as_array().expect("a collection has features");
        assert_eq!(features.len(), drawn.len());
        for (index, (road, id)) in features.iter().zip(&drawn).enumerate() {
            assert_eq!(road["properties"]["i"], index);
            assert_eq!(road["properties"]["id"], network.edge(*id).name.as_str());
            assert!(road["properties"]["class"].as_u64().expect("a class") <= 4);
            assert!(!network.edge(*id).is_internal());
        }
    }

    #[test]
    fn every_signal_has_a_stop_line_for_each_link_index() {
        let network = invented::generate(Seed(7), CitySize::CITY).map.build().expect("it builds");
        let map: Value = serde_json::from_slice(&signals(&network)).expect("it is JSON");
        let features = map["features"].as_array().expect("a collection has features");
        assert!(!features.is_empty());
        for one in features {
            let signal = network.signals.iter().find(|signal| one["properties"]["id"] == signal.name.as_str());
            let signal = signal.expect("it is the network's");
            assert_eq!(one["properties"]["links"].as_array().map(Vec::len), Some(signal.links.len()));
        }
    }
}
