//! Small places drawn by hand, and what they have to become; and that no file, however broken, brings the reader down.

mod drawing;
mod packed;
mod roundtrip;
mod sites;

use super::*;
use crate::city::network::bare::{BareControl, Sign};
use crate::city::network::check::check_network;
use crate::city::network::mapfile;
use crate::city::network::model::{Edge, JunctionKind, Network, RightOfWay, Turn};
use crate::primitives::VehicleClass;

use drawing::{Drawing, drawing};

/// Imports a drawing, and holds what every map has to hold: its file reads back the same, and its network breaks no law.
fn imported(drawing: &Drawing, settings: &ImportSettings) -> (Imported, Network) {
    let bytes = drawing.xml().into_bytes();
    let imported = import_bytes(&Place::file("drawn.osm"), bytes, settings)
        .unwrap_or_else(|findings| panic!("{:?}\n{}", findings.problems(), drawing.xml()));
    let text = mapfile::write(&imported.file);
    let back = mapfile::parse(Path::new("map.json"), &text).unwrap_or_else(|f| panic!("{:?}\n{text}", f.problems()));
    assert_eq!(mapfile::write(&back), text, "the map changed on the way through its file");
    let network = back.map.build().unwrap_or_else(|findings| panic!("{:?}\n{text}", findings.problems()));
    let check = check_network(&network);
    assert!(check.findings.is_ok(), "{:?}\n{text}", check.findings.problems());
    assert_eq!(check.lanes_stuck, Vec::<String>::new(), "{text}");
    (imported, network)
}

fn import_plain(drawing: &Drawing) -> (Imported, Network) {
    imported(drawing, &ImportSettings { country: Some("DE".to_owned()), ..ImportSettings::default() })
}

/// Roads, junctions, junctions with signals, bans.
fn counts(imported: &Imported) -> (usize, usize, usize, usize) {
    let report = &imported.report;
    (report.roads, report.junctions, report.signals, report.turn_bans)
}

/// The road of this name.
fn road<'n>(network: &'n Network, name: &str) -> &'n Edge {
    network.find_edge(name).map_or_else(|| panic!("no road {name}"), |id| network.edge(id))
}

/// Whether one can turn from a road of a way to a road of another.
fn leads(network: &Network, from: &str, to: &str) -> bool {
    let find = |name: &str| network.find_edge(name).unwrap_or_else(|| panic!("no road {name}"));
    let (from, to) = (find(from), find(to));
    let links = network.edge(from).lane_ids().flat_map(|lane| network.lane(lane).link_ids());
    links.map(|link| network.lane(network.link(link).to).edge).any(|edge| edge == to)
}

/// A crossing: legs of 100 m to the west (1), north (2), east (3) and south (4) of node 5.
const STAR: &str = "1 -100 0\n2 0 100\n3 100 0\n4 0 -100\n5 0 0\n";
const STAR_WAYS: &str = "10 1,5,3 highway=secondary\n20 2,5,4 highway=secondary\n";

/// Two dual carriageways that cross, 12 m apart, driving on the right: eastbound 10 to 12, westbound 13 to 15, northbound 20 to 22,
/// southbound 23 to 25.
const DUALS: &str = "1 -100 -6\n2 -6 -6\n3 6 -6\n4 100 -6\n5 100 6\n6 6 6\n7 -6 6\n8 -100 6\n\
                     9 6 -100\n10 6 100\n11 -6 100\n12 -6 -100\n";
const DUAL_WAYS: &str = "10 1,2 highway=primary oneway=yes name=E lanes=2\n11 2,3 highway=primary oneway=yes name=E lanes=2\n\
                         12 3,4 highway=primary oneway=yes name=E lanes=2\n13 5,6 highway=primary oneway=yes name=E lanes=2\n\
                         14 6,7 highway=primary oneway=yes name=E lanes=2\n15 7,8 highway=primary oneway=yes name=E lanes=2\n\
                         20 9,3 highway=primary oneway=yes name=N lanes=2\n21 3,6 highway=primary oneway=yes name=N lanes=2\n\
                         22 6,10 highway=primary oneway=yes name=N lanes=2\n23 11,7 highway=primary oneway=yes name=N lanes=2\n\
                         24 7,2 highway=primary oneway=yes name=N lanes=2\n25 2,12 highway=primary oneway=yes name=N lanes=2\n";

/// A ring of 15 m radius, counter-clockwise, with legs to the west, north, east and south.
const RING: &str = "1 -15 0\n2 -10 -11\n3 0 -15\n4 11 -10\n5 15 0\n6 10 11\n7 0 15\n8 -11 10\n\
                    11 -100 0\n13 0 -100\n15 100 0\n17 0 100\n";
const RING_WAYS: &str = "1 1,2,3,4,5,6,7,8,1 highway=tertiary junction=roundabout\n11 11,1 highway=tertiary\n\
                         13 13,3 highway=tertiary\n15 15,5 highway=tertiary\n17 17,7 highway=tertiary\n";

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn places_become_the_streets_that_people_see() {
    // Nodes, ways, relations -> roads, junctions, signals, banned turns.
    type Case = (&'static str, String, String, &'static str, (usize, usize, usize, usize));
    let star = |nodes: &str| format!("{STAR}{nodes}");
    let ways = |ways: &str| format!("{STAR_WAYS}{ways}");
    let cases: Vec<Case> = vec![
        ("two streets cross", star(""), ways(""), "", (8, 5, 0, 0)),
        (
            "nothing changes where a way is split",
            "1 0 0\n2 50 0\n3 100 0\n4 150 0\n".to_owned(),
            "10 1,2 highway=residential\n11 2,3 highway=residential\n12 4,3 highway=residential\n".to_owned(),
            "",
            (2, 2, 0, 0),
        ),
        (
            "the number of lanes changes",
            "1 0 0\n2 50 0\n3 100 0\n".to_owned(),
            "10 1,2 highway=primary lanes=2\n11 2,3 highway=primary lanes=4\n".to_owned(),
            "",
            (4, 3, 0, 0),
        ),
        (
            "a bridge shares no node",
            STAR.to_owned(),
            "10 1,3 highway=primary\n20 2,4 highway=primary bridge=yes layer=1\n".to_owned(),
            "",
            (4, 4, 0, 0),
        ),
        (
            "a signal on the junction",
            star("").replace("5 0 0", "5 0 0 highway=traffic_signals"),
            ways(""),
            "",
            (8, 5, 1, 0),
        ),
        (
            "signals at the stop lines",
            star("6 -15 0 highway=traffic_signals traffic_signals:direction=forward\n7 0 15 highway=traffic_signals\n"),
            "10 1,6,5,3 highway=secondary\n20 2,7,5,4 highway=secondary\n".to_owned(),
            "",
            (8, 5, 1, 0),
        ),
        (
            "a signal for people on foot",
            star("6 -70 0 highway=traffic_signals crossing=traffic_signals\n"),
            "10 1,6,5,3 highway=secondary\n20 2,5,4 highway=secondary\n".to_owned(),
            "",
            (8, 5, 0, 0),
        ),
        ("two dual carriageways cross", DUALS.to_owned(), DUAL_WAYS.to_owned(), "", (8, 9, 0, 4)),
        (
            "signals at one of its corners",
            DUALS.replace("2 -6 -6\n", "2 -6 -6 highway=traffic_signals\n"),
            DUAL_WAYS.to_owned(),
            "",
            (8, 9, 1, 4),
        ),
        (
            "a side street meets a dual carriageway",
            "1 -100 -6\n2 0 -6\n3 100 -6\n4 100 6\n5 0 6\n6 -100 6\n7 0 100\n".to_owned(),
            "10 1,2,3 highway=primary oneway=yes name=E\n11 4,5,6 highway=primary oneway=yes name=E\n\
             12 2,5,7 highway=tertiary\n"
                .to_owned(),
            "",
            (6, 6, 0, 2),
        ),
        (
            "side streets a little staggered",
            "1 -100 0\n2 0 0\n3 8 0\n4 100 0\n5 0 100\n6 8 -100\n".to_owned(),
            "10 1,2,3,4 highway=tertiary\n11 2,5 highway=tertiary\n12 3,6 highway=tertiary\n".to_owned(),
            "",
            (8, 5, 0, 0),
        ),
        (
            "side streets far apart",
            "1 -100 0\n2 0 0\n3 30 0\n4 100 0\n5 0 100\n6 30 -100\n".to_owned(),
            "10 1,2,3,4 highway=tertiary\n11 2,5 highway=tertiary\n12 3,6 highway=tertiary\n".to_owned(),
            "",
            (10, 6, 0, 0),
        ),
        ("a roundabout stays a ring", RING.to_owned(), RING_WAYS.to_owned(), "", (12, 8, 0, 0)),
        (
            "no left turn",
            star(""),
            "10 1,5 highway=secondary\n30 5,3 highway=secondary\n20 2,5,4 highway=secondary\n".to_owned(),
            "1 10 n5 20 no_left_turn\n",
            (8, 5, 0, 2),
        ),
        (
            "straight on only",
            star(""),
            "10 1,5 highway=secondary\n30 5,3 highway=secondary\n20 2,5,4 highway=secondary\n".to_owned(),
            "1 10 n5 30 only_straight_on\n",
            // Nobody turns back either.
            (8, 5, 0, 3),
        ),
        ("a restriction for lorries", star(""), ways(""), "1 10 n5 20 restriction:hgv=no_left_turn\n", (8, 5, 0, 0)),
        ("a restriction in the mornings", star(""), ways(""), "1 10 n5 20 restriction:conditional=x\n", (8, 5, 0, 0)),
        ("a restriction without an aim", star(""), ways(""), "1 10 n5 99 no_left_turn\n", (8, 5, 0, 0)),
        (
            "bollards across a street",
            "1 -100 0\n2 0 0 barrier=bollard\n3 80 0\n".to_owned(),
            "10 1,2,3 highway=residential\n".to_owned(),
            "",
            (2, 2, 0, 0),
        ),
        (
            "a gate that is open",
            "1 -100 0\n2 0 0 barrier=gate\n3 80 0\n".to_owned(),
            "10 1,2,3 highway=residential\n".to_owned(),
            "",
            (2, 2, 0, 0),
        ),
        (
            "drawn twice and on the spot",
            "1 -100 0\n2 0 0\n3 80 0\n4 80 0.1\n".to_owned(),
            "10 1,2,3 highway=residential\n11 1,2,3 highway=residential\n12 3,4 highway=residential\n".to_owned(),
            "",
            (2, 2, 0, 0),
        ),
        (
            "a loop at the end of a street",
            "1 -100 0\n2 0 0\n3 40 30\n4 80 0\n5 40 -30\n".to_owned(),
            "10 1,2 highway=residential\n11 2,3,4,5,2 highway=residential\n".to_owned(),
            "",
            (6, 3, 0, 0),
        ),
        (
            "footways and driveways are no roads",
            star("6 -50 50\n"),
            ways("30 1,6 highway=footway\n31 2,6 highway=service service=driveway\n32 3,6 highway=construction\n"),
            "",
            (8, 5, 0, 0),
        ),
        (
            "an island that nobody reaches",
            star("6 500 0\n7 530 0\n"),
            "10 1,5,3 highway=residential\n20 2,5,4 highway=residential\n30 6,7 highway=residential\n".to_owned(),
            "",
            (8, 5, 0, 0),
        ),
    ];
    for (what, nodes, ways, relations, expected) in cases {
        let (imported, _) = import_plain(&drawing(&nodes, &ways, relations));
        assert_eq!(counts(&imported), expected, "{what}: {}", imported.report.to_text());
    }
}

#[test]
fn who_enters_a_roundabout_yields() {
    for (left_hand, ring) in [(false, "1,2,3,4,5,6,7,8,1"), (true, "1,8,7,6,5,4,3,2,1")] {
        let ways = RING_WAYS.replace("1,2,3,4,5,6,7,8,1", ring);
        let settings = ImportSettings { left_hand: Some(left_hand), ..ImportSettings::default() };
        let (imported, network) = imported(&drawing(RING, &ways, ""), &settings);
        let controls = imported.file.map.nodes.iter().map(|node| node.control);
        assert_eq!(controls.filter(|control| *control == BareControl::Roundabout).count(), 4);
        for name in ["11#0", "13#0", "15#0", "17#0"] {
            let edge = road(&network, name);
            for link in edge.lane_ids().flat_map(|lane| network.lane(lane).link_ids()) {
                assert_eq!(network.link(link).right_of_way, RightOfWay::Minor, "{name}");
            }
        }
        for (_, edge) in network.roads().filter(|(_, edge)| edge.name.starts_with("1#")) {
            for link in edge.lane_ids().flat_map(|lane| network.lane(lane).link_ids()) {
                assert_eq!(network.link(link).right_of_way, RightOfWay::Major, "{}", edge.name);
            }
        }
    }
}

#[test]
fn a_crossing_of_dual_carriageways_allows_every_turn_but_the_way_back() {
    let (_, network) = import_plain(&drawing(DUALS, DUAL_WAYS, ""));
    for (from, onto) in [
        ("10#0", ["12#0", "22#0", "25#0"]),
        ("13#0", ["15#0", "22#0", "25#0"]),
        ("20#0", ["12#0", "15#0", "22#0"]),
        ("23#0", ["12#0", "15#0", "25#0"]),
    ] {
        for to in onto {
            assert!(leads(&network, from, to), "{from} to {to}");
        }
    }
    assert!(!leads(&network, "10#0", "15#0"), "nobody turns back across the median");
    // A left turn is forbidden where it begins to turn, deep within the junction.
    let (_, network) = import_plain(&drawing(DUALS, DUAL_WAYS, "1 11 n3 21 no_left_turn\n"));
    assert!(!leads(&network, "10#0", "22#0"), "no left turn from the eastbound carriageway");
    assert!(leads(&network, "10#0", "12#0") && leads(&network, "20#0", "22#0") && leads(&network, "13#0", "25#0"));
}

#[test]
fn restrictions_over_a_way_hold_within_a_junction() {
    let nodes = "1 -100 -6\n2 0 -6\n3 100 -6\n4 100 6\n5 0 6\n6 -100 6\n7 0 100\n8 0 -100\n";
    let ways = "10 1,2 highway=primary oneway=yes name=E\n16 2,3 highway=primary oneway=yes name=E\n\
                11 4,5,6 highway=primary oneway=yes name=E\n12 2,5 highway=tertiary\n13 5,7 highway=tertiary\n14 8,2 highway=tertiary\n";
    let (_, network) = import_plain(&drawing(nodes, ways, ""));
    assert!(leads(&network, "10#0", "13#0"));
    let (_, network) = import_plain(&drawing(nodes, ways, "1 10 w12 13 no_left_turn\n"));
    assert!(!leads(&network, "10#0", "13#0"), "the restriction is over the way between the carriageways");
    assert!(leads(&network, "14#0", "13#0"));
}

#[test]
fn restrictions_over_several_ways_hold_within_a_junction() {
    // The way between the carriageways is drawn in two pieces, and they are named in the wrong order.
    let nodes = "1 -100 -6\n2 0 -6\n3 100 -6\n4 100 6\n5 0 6\n6 -100 6\n7 0 100\n8 0 -100\n9 0 0\n";
    let ways = "10 1,2 highway=primary oneway=yes name=E\n16 2,3 highway=primary oneway=yes name=E\n\
                11 4,5,6 highway=primary oneway=yes name=E\n12 2,9 highway=tertiary\n15 9,5 highway=tertiary bridge=yes\n\
                13 5,7 highway=tertiary\n14 8,2 highway=tertiary\n";
    let over = |kind: &str| {
        let mut drawn = drawing(nodes, ways, &format!("1 10 w15 13 {kind}\n"));
        if let Some((_, members)) = drawn.relations.first_mut() {
            members.insert(2, ("way", 12, "via"));
        }
        import_plain(&drawn)
    };
    let (_, network) = import_plain(&drawing(nodes, ways, ""));
    assert!(leads(&network, "10#0", "13#0") && leads(&network, "14#0", "13#0"));
    let (imported, network) = over("no_left_turn");
    assert!(!leads(&network, "10#0", "13#0"), "it is over both pieces");
    assert!(leads(&network, "14#0", "13#0"), "for those from elsewhere nothing is forbidden");
    assert!(!imported.report.to_text().contains("make no sense"), "{}", imported.report.to_text());
    let (_, network) = over("only_straight_on");
    assert!(leads(&network, "10#0", "13#0") && leads(&network, "14#0", "13#0"));
}

#[test]
fn a_restriction_over_a_road_is_followed_where_a_ban_says_the_same() {
    // A street from the west forks at 2 into 30 and 40; 20 comes to the road between from the south.
    let nodes = "1 -100 0\n2 0 0\n3 150 0\n4 300 60\n5 300 -60\n6 0 -120\n7 -20 120\n";
    let left_out = "turn restrictions over a road between two junctions";
    let alone = "10 1,2 highway=primary\n12 2,3 highway=primary oneway=yes\n13 3,4 highway=primary\n14 3,5 highway=primary\n\
                 15 4,1 highway=primary\n16 5,1 highway=primary\n20 2,6 highway=primary oneway=yes\n21 6,1 highway=primary oneway=yes\n";
    let (imported, network) = import_plain(&drawing(nodes, alone, "1 10 w12 13 no_left_turn\n"));
    assert!(!leads(&network, "12#0", "13#0") && leads(&network, "12#0", "14#0"), "all who are there came from 10");
    assert!(!imported.report.left_out.contains_key(left_out), "{}", imported.report.to_text());
    // With somebody else on the road a ban would forbid too much, or too little.
    let shared = alone.replace("20 2,6", "20 6,2").replace("21 6,1", "21 1,6");
    let (imported, network) = import_plain(&drawing(nodes, &shared, "1 10 w12 13 no_left_turn\n"));
    assert!(leads(&network, "12#0", "13#0") && leads(&network, "12#0", "14#0"));
    assert!(imported.report.left_out.contains_key(left_out), "{}", imported.report.to_text());
    // Where all go on to what is forbidden, nobody may turn onto the road from there.
    let lane = shared
        .replace("14 3,5 highway=primary\n", "")
        .replace("16 5,1 highway=primary\n", "22 2,7,1 highway=primary\n");
    let (imported, network) = import_plain(&drawing(nodes, &lane, "1 10 w12 13 no_left_turn\n"));
    assert!(!imported.report.left_out.contains_key(left_out), "{}", imported.report.to_text());
    let names: Vec<&str> = network.roads().map(|(_, edge)| edge.name.as_str()).collect();
    assert!(names.contains(&"12#0"), "{names:?}");
    assert!(!leads(&network, "10#0", "12#0") && leads(&network, "20#0", "12#0"));
}

#[test]
fn arrows_lead_where_they_point() {
    let ways = "10 1,5 highway=primary oneway=yes lanes=3 turn:lanes=left|left|through;right\n30 5,3 highway=primary lanes=4\n\
                20 2,5,4 highway=primary lanes=4\n";
    let (_, network) = import_plain(&drawing(STAR, ways, ""));
    let edge = road(&network, "10#0");
    let turns: Vec<Vec<Turn>> = edge
        .lane_ids()
        .map(|lane| network.lane(lane).link_ids().map(|link| network.link(link).turn).collect())
        .collect();
    assert_eq!(turns, [vec![Turn::Right, Turn::Straight], vec![Turn::Left], vec![Turn::Left]], "lanes from the kerb");
}

#[test]
fn signs_say_who_waits() {
    let signed = |sign: &str| {
        let nodes =
            format!("{STAR}6 -10 0 highway={sign} direction=forward\n7 10 0 highway={sign} direction=backward\n");
        import_plain(&drawing(&nodes, "10 1,6,5,7,3 highway=primary\n20 2,5,4 highway=residential\n", ""))
    };
    let (imported, network) = signed("give_way");
    assert_eq!(imported.file.map.markings.signs.values().collect::<Vec<_>>(), [&Sign::GiveWay; 2]);
    let rights = |network: &Network, name: &str| -> Vec<RightOfWay> {
        let edge = road(network, name);
        edge.lane_ids()
            .flat_map(|lane| network.lane(lane).link_ids())
            .map(|link| network.link(link).right_of_way)
            .collect()
    };
    assert!(rights(&network, "10#0").iter().all(|right| *right == RightOfWay::Minor), "the main road waits");
    assert!(rights(&network, "20#0").contains(&RightOfWay::Major), "the side street goes first");
    let (_, network) = signed("stop");
    assert!(rights(&network, "10#0").iter().all(|right| *right == RightOfWay::Stop));
    let all = STAR.replace("5 0 0", "5 0 0 highway=stop stop=all");
    let (_, network) = import_plain(&drawing(&all, STAR_WAYS, ""));
    assert!(network.junctions.iter().any(|junction| junction.kind == JunctionKind::AllwayStop));
}

#[test]
fn the_kerb_is_on_the_side_one_drives_on() {
    let nodes = "1 -100 0\n2 100 0\n";
    let ways = "10 1,2 highway=primary lanes=3 lanes:forward=2 busway:left=lane busway:right=lane\n";
    for (left_hand, north) in [(false, false), (true, true)] {
        let settings = ImportSettings { left_hand: Some(left_hand), ..ImportSettings::default() };
        let (_, network) = imported(&drawing(nodes, ways, ""), &settings);
        let edge = road(&network, "10#0");
        let lanes: Vec<_> = edge.lane_ids().map(|lane| network.lane(lane)).collect();
        assert!(!lanes[0].allowed.contains(VehicleClass::Passenger), "the kerb lane is the buses'");
        assert_eq!(lanes[0].shape.points()[0].y > lanes[1].shape.points()[0].y, north, "left-hand {left_hand}");
    }
}

#[test]
fn an_area_is_cut_out() {
    let area = BoundingBox::new(-0.0005, -0.0005, 0.0005, 0.0005);
    let settings = ImportSettings { area, country: Some("DE".to_owned()), ..ImportSettings::default() };
    let (imported, _) = imported(&drawing(STAR, STAR_WAYS, ""), &settings);
    assert_eq!(counts(&imported), (8, 5, 0, 0));
    assert_eq!(imported.file.places.gateways.len(), 4, "every leg leads out");
    // Half of 0.001 degrees are 55.66 m.
    let legs: Vec<f64> = imported.file.map.roads.iter().map(|road| road.line.length().round()).collect();
    assert!(legs.iter().all(|length| (*length - 56.0).abs() < 1.5), "{legs:?}");
}

#[test]
fn one_way_streets_lead_beyond_the_map() {
    let ways = "10 1,5,3 highway=motorway\n20 2,5 highway=motorway_link oneway=yes\n";
    let (imported, network) = import_plain(&drawing(STAR, ways, ""));
    assert_eq!(counts(&imported), (3, 4, 0, 0));
    assert!(leads(&network, "20#0", "10#1"));
    assert_eq!(imported.file.places.gateways.len(), 2);
}

#[test]
fn a_road_is_found_by_its_way_and_its_number() {
    let nodes = "1 0 0\n2 50 0\n3 100 0\n";
    let ways = "10 1,2 highway=primary name=Rue ref=D5\n11 3,2 highway=primary name=Rue ref=D5\n";
    let (imported, network) = import_plain(&drawing(nodes, ways, ""));
    let places = &imported.file.places;
    for way in [10, 11] {
        let roads: Vec<&str> = places.roads_of_way(way).collect();
        assert_eq!(roads.len(), 2, "both directions of way {way}");
        assert!(roads.iter().all(|road| network.find_edge(road).is_some()));
    }
    assert_eq!(places.roads_of_reference("D5").count(), 2);
    assert!(network.roads().all(|(_, edge)| edge.street.as_deref() == Some("Rue")));
}

#[test]
fn what_was_guessed_is_listed() {
    let (imported, _) =
        import_plain(&drawing(STAR, "10 1,5,3 highway=secondary\n20 2,5,4 highway=secondary maxspeed=30\n", ""));
    let guessed = &imported.report.guessed["speed limit by country and class of the road"];
    assert_eq!((guessed.count, guessed.examples.as_slice()), (2, ["way/10".to_owned()].as_slice()));
    assert!(imported.report.to_json().contains("\"guessed\""));
    assert!(imported.report.to_text().contains("way/10"));
}

/// What is said about a file that cannot be used.
fn complaint(bytes: &[u8], settings: &ImportSettings) -> String {
    match import_bytes(&Place::file("a.osm"), bytes.to_vec(), settings) {
        Ok(_) => String::new(),
        Err(findings) => findings.problems().iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
    }
}

#[test]
fn what_cannot_be_read_is_said_with_its_place() {
    let plain = ImportSettings::default();
    let drawn = drawing(STAR, STAR_WAYS, "").xml();
    for (text, expected) in [
        ("", "the file holds no XML element"),
        ("<gpx/>", "there is no <osm>"),
        ("<osm></osm>", "no road for motor traffic"),
        ("BZh9xxxxxxxxxxxxxxxxxxxxx", "bzip2"),
        ("<osm>\n<node id=\"x\" lat=\"1\" lon=\"1\"/></osm>", "a.osm:2:1"),
        ("<osm>\n<node id=\"1\" lat=\"one\" lon=\"1\"/></osm>", "'lat' of <node> is not a number"),
        ("<osm><way id=\"1\"><nd/></way></osm>", "has no attribute 'ref'"),
        (drawn.split("<way").next().unwrap_or_default(), "cut off"),
    ] {
        let said = complaint(text.as_bytes(), &plain);
        assert!(said.contains(expected), "{text:.40}: {said}");
    }
    let elsewhere = ImportSettings { area: BoundingBox::new(5.0, 5.0, 6.0, 6.0), ..ImportSettings::default() };
    assert!(complaint(drawn.as_bytes(), &elsewhere).contains("does it lie within the file"));
    let nowhere = ImportSettings { country: Some("XX".to_owned()), ..ImportSettings::default() };
    assert!(complaint(drawn.as_bytes(), &nowhere).contains("no rules for a country"));
    for text in ["1,2,3", "a,b,c,d", "4,3,2,1", "-999,0,1,1", ""] {
        assert!(BoundingBox::parse(text).is_err(), "{text}");
    }
}
