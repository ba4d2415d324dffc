//! Out and in again: a network written as `.osm` comes back with the same streets.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::city::network::model::EdgeKind;

/// What has to stay: for every road, found by its ends, its lanes, limit and where it leads.
#[derive(Debug, PartialEq)]
struct Kept {
    lanes: usize,
    kmh: i64,
    buses: usize,
    onward: BTreeSet<usize>,
}

/// Where the junctions of the network are that is to come back [°].
fn anchors(network: &Network) -> Vec<(f64, f64)> {
    let place = |at: usize| network.projection.to_lon_lat(network.junctions[at].position).unwrap_or_default();
    (0..network.junctions.len()).map(place).collect()
}

/// Which of the anchors each junction is; one that has moved by more than a metre is none.
fn spots(network: &Network, anchors: &[(f64, f64)]) -> Vec<usize> {
    let own = self::anchors(network);
    let apart = |a: (f64, f64), b: (f64, f64)| (a.0 - b.0).hypot(a.1 - b.1);
    own.into_iter()
        .map(|place| {
            let near =
                (0..anchors.len()).min_by(|a, b| apart(anchors[*a], place).total_cmp(&apart(anchors[*b], place)));
            // A metre is about 0.00001 degrees.
            near.filter(|near| apart(anchors[*near], place) < 1e-5).unwrap_or(usize::MAX)
        })
        .collect()
}

#[expect(clippy::cast_possible_truncation, reason = "limits are small")]
fn kept(network: &Network, spots: &[usize]) -> BTreeMap<(usize, usize), Kept> {
    let mut roads = BTreeMap::new();
    for edge in network.edges.iter().filter(|edge| edge.kind == EdgeKind::Road) {
        let lanes: Vec<_> = edge.lane_ids().map(|lane| network.lane(lane)).collect();
        let links = lanes.iter().flat_map(|lane| lane.link_ids());
        let onward = links.map(|link| network.edge_of(network.link(link).to)).filter(|to| to.to != edge.from);
        let road = Kept {
            lanes: lanes.len(),
            kmh: lanes[0].speed.as_kilometres_per_hour().round() as i64,
            buses: lanes.iter().filter(|lane| !lane.allowed.allows_cars()).count(),
            onward: onward.map(|to| spots[to.to.index()]).collect(),
        };
        roads.insert((spots[edge.from.index()], spots[edge.to.index()]), road);
    }
    roads
}

fn signals(network: &Network, spots: &[usize]) -> BTreeSet<usize> {
    let lit = |at: &usize| network.junctions[*at].kind == JunctionKind::TrafficLight;
    (0..network.junctions.len()).filter(lit).map(|at| spots[at]).collect()
}

/// Writes a network and reads it back.
fn there_and_back(network: &Network) -> (Imported, Network) {
    let text = write(network);
    let settings = ImportSettings { country: Some("DE".to_owned()), ..ImportSettings::default() };
    let imported = import_bytes(&Place::file("written.osm"), text.into_bytes(), &settings);
    let imported = imported.unwrap_or_else(|findings| panic!("{:?}", findings.problems()));
    let network = imported.file.map.build().unwrap_or_else(|findings| panic!("{:?}", findings.problems()));
    (imported, network)
}

#[test]
fn small_places_come_back_as_they_were() {
    let straight = "10 1,5 highway=secondary maxspeed=50\n30 5,3 highway=secondary maxspeed=50\n20 2,5,4 highway=tertiary maxspeed=30\n";
    let cases = [
        (STAR.to_owned(), STAR_WAYS.to_owned(), ""),
        (STAR.replace("5 0 0", "5 0 0 highway=traffic_signals"), STAR_WAYS.to_owned(), ""),
        (STAR.to_owned(), straight.to_owned(), "1 10 n5 20 no_left_turn\n"),
        (STAR.to_owned(), straight.to_owned(), "1 10 n5 30 only_straight_on\n"),
        (STAR.to_owned(), "10 1,5 highway=primary oneway=yes lanes=3 lanes:bus=1\n30 5,3 highway=primary lanes=4\n20 2,5,4 highway=primary lanes=3\n".to_owned(), ""),
        (RING.to_owned(), RING_WAYS.to_owned(), ""),
        (DUALS.to_owned(), DUAL_WAYS.to_owned(), ""),
    ];
    for (nodes, ways, relations) in cases {
        for left_hand in [false, true] {
            let settings = ImportSettings { left_hand: Some(left_hand), ..ImportSettings::default() };
            let (_, network) = imported(&drawing(&nodes, &ways, relations), &settings);
            let (back, again) = there_and_back(&network);
            assert_eq!(back.report.left_hand, left_hand);
            let anchors = anchors(&network);
            let (before, after) = (spots(&network, &anchors), spots(&again, &anchors));
            assert_eq!(kept(&again, &after), kept(&network, &before), "{ways}{relations}");
            assert_eq!(signals(&again, &after), signals(&network, &before), "{ways}");
        }
    }
}

#[test]
fn the_invented_city_comes_back() {
    let text = include_str!("../../../../../maps/halvermere/map.json");
    let city = mapfile::parse(Path::new("map.json"), text).expect("the shipped map is sound");
    let network = city.map.build().expect("the shipped map is sound");
    let (imported, again) = there_and_back(&network);
    let check = check_network(&again);
    assert!(check.findings.is_ok(), "{:?}", check.findings.problems());
    assert!(check.share_connected() > 0.99, "{}", check.share_connected());
    let anchors = anchors(&network);
    let (old, new) = (spots(&network, &anchors), spots(&again, &anchors));
    let (before, after) = (kept(&network, &old), kept(&again, &new));
    let same = before.iter().filter(|(ends, road)| {
        after.get(ends).is_some_and(|other| (other.lanes, other.kmh, other.buses) == (road.lanes, road.kmh, road.buses))
    });
    let same = same.count();
    assert!(
        same * 100 >= before.len() * 95,
        "{same} of {} roads came back; {}",
        before.len(),
        imported.report.to_text()
    );
    assert_eq!(signals(&again, &new), signals(&network, &old));
}
