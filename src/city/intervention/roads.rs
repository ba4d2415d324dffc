//! Which roads of a network a measure means, and in which words that is told.
//!
//! A name is looked for among streets, then among the ids of edges; `osm:` asks for the pieces of a way of OpenStreetMap.

use std::collections::BTreeSet;

use super::model::{Area, RoadChoice, Written};
use super::places::Frame;
use crate::city::network::Network;
use crate::primitives::ids::EdgeId;
use crate::primitives::text::{Findings, Problem, closest};

/// How far from a drawn line a road may run and still follow it [m].
const FOLLOWS: f64 = 25.0;
/// How finely that is looked at [m].
const FINELY: f64 = 10.0;
/// The cosine of the greatest angle between a road and the line it follows: 30°.
const PARALLEL: f64 = 0.866;

/// The roads that are meant, in the order of their ids; nothing where something is wrong, which is then noted.
pub(super) fn resolve(network: &Network, choice: &RoadChoice, findings: &mut Findings) -> Option<Vec<EdgeId>> {
    let frame = Frame::new(network);
    let mut wrong = |message: String, help: String| {
        findings.problem(Problem::new(choice.place.clone(), message).help(help));
    };
    if let Some(point) = misplaced(frame, choice) {
        let [x, y] = point;
        wrong(
            format!("{x} {y} is not a longitude and a latitude"),
            "write longitude first, as GeoJSON does: [11.35, 44.49]".to_owned(),
        );
        return None;
    }
    let mut roads: BTreeSet<EdgeId> = BTreeSet::new();
    if choice.names.is_empty() {
        roads.extend(network.roads().map(|(id, _)| id));
    }
    for name in &choice.names {
        let mut named = by_name(network, name, findings)?;
        if let Some(point) = choice.near {
            named = connected(network, &named, nearest(frame, &named, point)?);
        }
        roads.extend(named);
    }
    if let Some(area) = &choice.within {
        roads.retain(|&edge| area.contains(frame.middle(edge)));
    }
    if !choice.along.is_empty() {
        roads.retain(|&edge| follows(frame, edge, &choice.along));
    }
    if roads.is_empty() {
        let message = if choice.along.is_empty() { "there is no road in the area" } else { "no road follows the line" };
        let swapped = |area: &Area| {
            let ring = |ring: &Vec<[f64; 2]>| ring.iter().map(|&[x, y]| [y, x]).collect();
            let turned = Area { rings: area.rings.iter().map(ring).collect() };
            network.roads().any(|(edge, _)| turned.contains(frame.middle(edge)))
        };
        let help = if frame.on_earth() && choice.within.as_ref().is_some_and(swapped) {
            "latitude and longitude are swapped: write longitude first, as GeoJSON does"
        } else if frame.on_earth() {
            "corners are longitude and latitude; a road is inside where its middle is"
        } else {
            "the map has no place on earth: coordinates are metres east and north on it"
        };
        findings.problem(Problem::new(choice.place.clone(), message).help(help));
        return None;
    }
    Some(roads.into_iter().collect())
}

/// "Station Road: 4 roads, 1.2 km".
pub(super) fn describe(network: &Network, choice: &RoadChoice, roads: &[EdgeId]) -> String {
    let length: f64 = roads.iter().map(|&edge| network.edge(edge).length.as_metres()).sum();
    let names: Vec<&str> = choice.names.iter().map(|name| name.text.as_str()).collect();
    let what = match (names.is_empty(), choice.along.is_empty()) {
        (false, _) => names.join(", "),
        (true, true) => "drawn area".to_owned(),
        (true, false) => "drawn line".to_owned(),
    };
    let plural = if roads.len() == 1 { "road" } else { "roads" };
    let long = if length < 1000.0 { format!("{length:.0} m") } else { format!("{:.1} km", length / 1000.0) };
    format!("{what}: {} {plural}, {long}", roads.len())
}

/// How a road is called: its id, and its street's name if it has one.
pub(super) fn called(network: &Network, edge: EdgeId) -> String {
    let edge = network.edge(edge);
    edge.street.as_ref().map_or_else(|| format!("`{}`", edge.name), |street| format!("`{}` ({street})", edge.name))
}

/// A drawn point that is on no earth.
fn misplaced(frame: Frame<'_>, choice: &RoadChoice) -> Option<[f64; 2]> {
    let rings = choice.within.iter().flat_map(|area| area.rings.iter().flatten());
    let all = choice.near.iter().chain(rings).chain(&choice.along);
    all.copied()
        .find(|[x, y]| !x.is_finite() || !y.is_finite() || frame.on_earth() && (x.abs() > 180.0 || y.abs() > 90.0))
}

/// Every road of a name.
pub(super) fn by_name(network: &Network, name: &Written, findings: &mut Findings) -> Option<Vec<EdgeId>> {
    let wanted = name.text.trim();
    let found: Vec<EdgeId> = if let Some(way) = wanted.strip_prefix("osm:") {
        let way = way.trim_start_matches("way/");
        network.roads().filter(|(_, edge)| osm_way(&edge.name) == Some(way)).map(|(id, _)| id).collect()
    } else {
        let wanted = wanted.strip_prefix("sumo:").unwrap_or(wanted);
        let street = |edge: &&crate::city::network::Edge| edge.street.as_deref() == Some(wanted);
        let mut found: Vec<EdgeId> = network.roads().filter(|(_, edge)| street(edge)).map(|(id, _)| id).collect();
        if found.is_empty() {
            found.extend(network.find_edge(wanted).filter(|&edge| !network.edge(edge).is_internal()));
        }
        found
    };
    if found.is_empty() {
        let names: BTreeSet<&str> = network
            .roads()
            .flat_map(|(_, edge)| edge.street.as_deref().into_iter().chain(std::iter::once(edge.name.as_str())))
            .collect();
        let help = closest(wanted, names.iter().copied()).map_or_else(
            || "name a street, an edge of the map, or `osm:` with the id of a way".to_owned(),
            |like| format!("did you mean `{like}`?"),
        );
        findings.problem(Problem::new(name.place.clone(), format!("there is no road `{wanted}`")).help(help));
        return None;
    }
    Some(found)
}

/// The id of the way of OpenStreetMap that an edge is a piece of, by the usual ways of naming pieces: `-123#4` (SUMO's netconvert) and
/// `way/123/4`, `w123.4`.
fn osm_way(edge: &str) -> Option<&str> {
    let edge = edge.strip_prefix('-').unwrap_or(edge);
    let edge = edge.strip_prefix("osm:").unwrap_or(edge);
    let edge = edge.strip_prefix("way/").or_else(|| edge.strip_prefix('w')).unwrap_or(edge);
    let end = edge.find(|c: char| !c.is_ascii_digit()).unwrap_or(edge.len());
    (end > 0).then(|| &edge[..end])
}

/// Of some roads the one nearest to a point.
fn nearest(frame: Frame<'_>, roads: &[EdgeId], point: [f64; 2]) -> Option<EdgeId> {
    roads.iter().copied().min_by(|&a, &b| frame.distance(point, a).total_cmp(&frame.distance(point, b)))
}

/// Of some roads those that hang together with one of them.
fn connected(network: &Network, roads: &[EdgeId], with: EdgeId) -> Vec<EdgeId> {
    let mut left: BTreeSet<EdgeId> = roads.iter().copied().collect();
    left.remove(&with);
    let mut found = vec![with];
    let mut next = 0;
    while let Some(&edge) = found.get(next) {
        next += 1;
        let ends = [network.edge(edge).from, network.edge(edge).to];
        let touching: Vec<EdgeId> = left
            .iter()
            .copied()
            .filter(|&other| ends.contains(&network.edge(other).from) || ends.contains(&network.edge(other).to))
            .collect();
        for other in touching {
            left.remove(&other);
            found.push(other);
        }
    }
    found
}

/// Whether most of a road runs beside a drawn line, either way.
fn follows(frame: Frame<'_>, edge: EdgeId, line: &[[f64; 2]]) -> bool {
    let points = frame.along(edge, FINELY);
    let beside = points.iter().filter(|(point, direction)| {
        let (distance, step) = frame.nearest_on(*point, line);
        let scale = libm::hypot(step[0], step[1]) * libm::hypot(direction[0], direction[1]);
        let cosine = (step[0] * direction[0] + step[1] * direction[1]).abs() / scale.max(1e-9);
        distance <= FOLLOWS && cosine >= PARALLEL
    });
    2 * beside.count() > points.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_a_way_are_known_by_its_id() {
        for (edge, way) in [
            ("123", Some("123")),
            ("-123#4", Some("123")),
            ("123#0-2", Some("123")),
            ("way/123/4", Some("123")),
            ("w123.4", Some("123")),
            ("osm:way/123", Some("123")),
            ("station_road", None),
            ("", None),
        ] {
            assert_eq!(osm_way(edge), way, "{edge}");
        }
    }
}
