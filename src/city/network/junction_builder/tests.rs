//! Whole junctions: what a driver would find there, and that no map however odd breaks the laws of a network.

use proptest::prelude::*;

use super::input::faults;
use crate::city::network::assembly::assemble;
use crate::city::network::bare::{BareControl, BareLane, BareMap, BareNode, BareRoad, Markings};
use crate::city::network::check::{check_network, check_requests};
use crate::city::network::{Aspect, JunctionKind, Link, Network, Projection, RightOfWay, SignalControl, Turn};
use crate::primitives::ids::JunctionId;
use crate::primitives::{ClassSet, Distance, Point, Polyline, Speed, VehicleClass};

fn empty() -> BareMap {
    BareMap {
        nodes: Vec::new(),
        roads: Vec::new(),
        turn_bans: Vec::new(),
        markings: Markings::default(),
        left_hand: false,
        projection: Projection::None,
    }
}

fn node(map: &mut BareMap, x: f64, y: f64, control: BareControl) -> usize {
    let name = format!("n{}", map.nodes.len());
    map.nodes.push(BareNode { name, position: Point::new(x, y), control });
    map.nodes.len() - 1
}

fn one_way(map: &mut BareMap, from: usize, to: usize, lanes: usize, priority: i32, centred: bool) {
    let lane = BareLane { width: Distance::metres(3.2), allowed: ClassSet::ALL };
    map.roads.push(BareRoad {
        name: format!("{}_{from}_{to}", map.roads.len()),
        street: None,
        from,
        to,
        line: Polyline::new(vec![map.nodes[from].position, map.nodes[to].position]),
        centred,
        lanes: vec![lane; lanes],
        speed: Speed::kilometres_per_hour(50.0),
        priority,
        road_type: None,
    });
}

fn two_way(map: &mut BareMap, from: usize, to: usize, lanes: usize, priority: i32) {
    one_way(map, from, to, lanes, priority, false);
    one_way(map, to, from, lanes, priority, false);
}

/// A node in the middle with legs of (bearing [°], lanes, priority); leg `i` ends at node `i + 1` and its road to the
/// middle is number `2 i + 1`.
fn star(control: BareControl, legs: &[(f64, usize, i32)]) -> BareMap {
    let mut map = empty();
    node(&mut map, 0.0, 0.0, control);
    for &(bearing, lanes, priority) in legs {
        let (east, north) = (libm::sin(bearing.to_radians()), libm::cos(bearing.to_radians()));
        let end = node(&mut map, 90.0 * east, 90.0 * north, BareControl::Automatic);
        two_way(&mut map, 0, end, lanes, priority);
    }
    map
}

fn built(map: &BareMap) -> Network {
    let network = map.build().unwrap_or_else(|findings| panic!("{:?}", findings.problems()));
    let check = check_network(&network);
    assert!(check.findings.is_ok(), "{:#?}", check.findings.problems());
    network
}

/// The links from one road to another, by position in the map.
fn links(network: &Network, from: usize, to: usize) -> Vec<&Link> {
    let ends = |link: &&Link| network.lane(link.from).edge.index() == from && network.lane(link.to).edge.index() == to;
    network.links.iter().filter(ends).collect()
}

fn kind(network: &Network) -> JunctionKind {
    network.junction(JunctionId::new(0)).kind
}

const CROSS: [(f64, usize, i32); 4] = [(0.0, 1, 1), (90.0, 2, 5), (180.0, 1, 1), (270.0, 2, 5)];

#[test]
fn the_side_street_yields_to_the_main_road() {
    let network = built(&star(BareControl::Automatic, &CROSS));
    assert_eq!(kind(&network), JunctionKind::Priority);
    // From the east straight to the west, on both lanes.
    let main = links(&network, 3, 6);
    assert_eq!(main.len(), 2);
    assert!(main.iter().all(|link| link.right_of_way == RightOfWay::Major && link.yields_to.is_empty()));
    let side = links(&network, 1, 4);
    assert_eq!(side[0].right_of_way, RightOfWay::Minor);
    assert!(main.iter().all(|link| side[0].yields_to.iter().any(|&foe| network.link(foe) == *link)));
    // From the east to the south: to the left, so it waits inside for those from the west.
    let left = links(&network, 3, 4);
    assert_eq!((left[0].turn, left[0].may_wait_inside), (Turn::Left, true));
    assert!(left[0].yields_to.iter().all(|&foe| network.lane(network.link(foe).from).edge.index() == 7));
}

#[test]
fn among_equals_the_right_goes_first() {
    let legs = CROSS.map(|(bearing, _, _)| (bearing, 1, 1));
    let network = built(&star(BareControl::Automatic, &legs));
    assert_eq!(kind(&network), JunctionKind::RightBeforeLeft);
    let from_south = links(&network, 5, 0)[0];
    let yields_to_road =
        |road: usize| from_south.yields_to.iter().any(|&foe| network.lane(network.link(foe).from).edge.index() == road);
    assert!(yields_to_road(3), "the road from the east comes from the right");
    assert!(!yields_to_road(7), "the road from the west comes from the left");
}

#[test]
fn on_the_left_hand_the_city_is_mirrored() {
    let mut map = star(BareControl::Automatic, &CROSS);
    map.left_hand = true;
    let network = built(&map);
    // From the south, the kerb lane is on the west side and right turns cross the oncoming traffic.
    assert!(network.lanes[5].shape.points()[0].x < 90.0);
    let right = links(&network, 3, 0);
    assert!(right.iter().all(|link| link.turn == Turn::Right && link.may_wait_inside));
    assert!(links(&network, 3, 4).iter().all(|link| link.turn == Turn::Left && link.yields_to.is_empty()));
}

#[test]
fn the_ring_of_a_roundabout_goes_first() {
    let mut map = empty();
    let places = [(15.0, 0.0), (0.0, 15.0), (-15.0, 0.0), (0.0, -15.0)];
    for (x, y) in places {
        node(&mut map, x, y, BareControl::Roundabout);
    }
    for i in 0..4 {
        one_way(&mut map, i, (i + 1) % 4, 1, 1, true);
    }
    for (i, (x, y)) in places.into_iter().enumerate() {
        let end = node(&mut map, 6.0 * x, 6.0 * y, BareControl::Automatic);
        two_way(&mut map, i, end, 1, 9);
    }
    let network = built(&map);
    let ring = links(&network, 3, 0);
    assert!(ring.iter().all(|link| link.right_of_way == RightOfWay::Major));
    // The way in from the first node's street, to the ring.
    let entry = links(&network, 5, 0);
    assert!(entry.len() == 1 && entry[0].right_of_way == RightOfWay::Minor);
    assert!(check_network(&network).share_connected() > 0.999);
}

#[test]
fn turns_back_only_where_a_road_ends() {
    let network = built(&star(BareControl::Automatic, &CROSS));
    for link in &network.links {
        let dead_end = network.junction(link.junction).kind == JunctionKind::DeadEnd;
        assert_eq!(link.turn == Turn::Back, dead_end, "at {}", network.junction(link.junction).name);
    }
}

#[test]
fn a_banned_turn_is_gone_and_only_it() {
    let mut map = star(BareControl::Automatic, &CROSS);
    map.turn_bans.push((3, 4));
    let network = built(&map);
    assert!(links(&network, 3, 4).is_empty());
    assert!(!links(&network, 3, 0).is_empty() && !links(&network, 3, 6).is_empty());
}

#[test]
fn a_large_signal_gives_left_turns_their_own_green() {
    let legs = [(0.0, 2, 3), (90.0, 3, 5), (180.0, 2, 3), (270.0, 3, 5)];
    let network = built(&star(BareControl::Signal, &legs));
    let program = &network.signals[0].programs[0];
    let left = links(&network, 3, 4);
    assert_eq!(left.len(), 1, "only the median lane turns left");
    let head = left[0].signal.expect("signalled").1 as usize;
    let shows = |aspect| program.phases.iter().any(|phase| phase.aspects[head] == aspect);
    assert!(shows(Aspect::GreenMinor) && shows(Aspect::GreenMajor));
    let cycle: f64 = program.phases.iter().map(|phase| phase.duration.as_seconds()).sum();
    assert!((40.0..=121.0).contains(&cycle), "{cycle} s");
    assert!(links(&network, 3, 6).iter().all(|link| link.right_of_way == RightOfWay::Signal));
}

#[test]
fn an_actuated_signal_has_room_to_act() {
    let network = built(&star(BareControl::ActuatedSignal, &CROSS));
    let program = &network.signals[0].programs[0];
    assert!(matches!(program.control, SignalControl::Actuated { .. }));
    let stages = program.phases.iter().filter(|phase| phase.duration_min < phase.duration_max).count();
    assert_eq!(stages, 2);
}

#[test]
fn a_bus_lane_feeds_only_what_buses_may_use() {
    let mut map = star(BareControl::Signal, &CROSS);
    let bus = BareLane { width: Distance::metres(3.2), allowed: ClassSet::of(&[VehicleClass::Bus]) };
    for road in [2, 3, 6, 7] {
        map.roads[road].lanes.insert(0, bus);
    }
    let network = built(&map);
    for link in &network.links {
        let (from, to) = (network.lane(link.from), network.lane(link.to));
        let both = from.allowed.intersection(to.allowed);
        assert!(both.any_on_road(), "nobody may use the link from {} to {}", from.index, to.index);
    }
    // The bus lane goes straight on into the bus lane, and cars turn right beside it, yielding to the buses.
    assert!(
        links(&network, 3, 6).iter().any(|link| network.lane(link.from).index == 0 && network.lane(link.to).index == 0)
    );
    let turning = links(&network, 3, 0);
    let car = turning.iter().find(|link| network.lane(link.from).index == 1).expect("cars turn right too");
    assert!(!car.yields_to.is_empty());
}

#[test]
fn every_fault_of_a_map_is_named() {
    let mut map = star(BareControl::Automatic, &CROSS);
    map.nodes[1].name = "n0".to_owned();
    map.roads[0].lanes.clear();
    map.roads[1].to = 99;
    map.roads[2].speed = Speed::metres_per_second(f64::NAN);
    map.roads[3].line = Polyline::new(vec![Point::new(0.0, 0.0)]);
    map.roads[4].name = map.roads[5].name.clone();
    map.turn_bans = vec![(0, 500), (0, 6)];
    let findings = map.build().expect_err("faulty");
    assert_eq!(findings.problems().len(), 8, "{:#?}", findings.problems());
}

#[test]
fn nothing_is_a_network_too() {
    assert!(empty().build().is_ok_and(|network| network.edges.is_empty()));
}

fn control() -> impl Strategy<Value = BareControl> {
    prop_oneof![
        Just(BareControl::Automatic),
        Just(BareControl::Signal),
        Just(BareControl::ActuatedSignal),
        Just(BareControl::RightBeforeLeft),
        Just(BareControl::AllwayStop),
        Just(BareControl::Roundabout),
    ]
}

fn lane() -> impl Strategy<Value = BareLane> {
    let allowed = prop_oneof![
        6 => Just(ClassSet::ALL),
        1 => Just(ClassSet::of(&[VehicleClass::Bus])),
        1 => Just(ClassSet::of(&[VehicleClass::Bicycle])),
        1 => Just(ClassSet::of(&[VehicleClass::Pedestrian])),
    ];
    (1.0..5.0, allowed).prop_map(|(width, allowed)| BareLane { width: Distance::metres(width), allowed })
}

/// From, to, lanes, priority, whether two-way and centred, and how far it bulges aside [m].
type AnyRoad = (usize, usize, Vec<BareLane>, i32, [bool; 2], f64);

/// Nodes, roads, whether one drives on the left, and turn bans.
type AnyParts = (Vec<(f64, f64, BareControl)>, Vec<AnyRoad>, bool, Vec<(usize, usize)>);

/// Nodes anywhere within a block, roads between any of them, one-way, doubled, crooked, very short or back to their start.
fn any_map() -> impl Strategy<Value = BareMap> {
    let nodes = prop::collection::vec((-120.0..120.0, -120.0..120.0, control()), 2..9);
    let road = (0..9usize, 0..9usize, prop::collection::vec(lane(), 1..4), 1..4, any::<[bool; 2]>(), -30.0..30.0);
    (nodes, prop::collection::vec(road, 1..12), any::<bool>(), prop::collection::vec((0..32usize, 0..32usize), 0..6))
        .prop_map(|(nodes, roads, left_hand, bans): AnyParts| {
            let mut map = BareMap { left_hand, ..empty() };
            for (x, y, control) in nodes {
                node(&mut map, x, y, control);
            }
            for (from, to, lanes, priority, [two_way, centred], bulge) in roads {
                let (from, to) = (from % map.nodes.len(), to % map.nodes.len());
                let (start, end) = (map.nodes[from].position, map.nodes[to].position);
                let middle =
                    Point::from((start.coords + end.coords) / 2.0) + nalgebra::Vector2::<f64>::new(bulge, -bulge);
                let points = if from == to || bulge > 0.0 { vec![start, middle, end] } else { vec![start, end] };
                let mut directions = vec![(from, to, points.clone())];
                if two_way {
                    directions.push((to, from, points.into_iter().rev().collect()));
                }
                for (from, to, points) in directions {
                    one_way(&mut map, from, to, 1, priority, centred);
                    let index = map.roads.len() - 1;
                    map.roads[index].lanes.clone_from(&lanes);
                    map.roads[index].line = Polyline::new(points);
                }
            }
            let roads = map.roads.clone();
            map.roads.retain(|road| road.line.length() > 0.2);
            if map.roads.len() == roads.len() {
                let meets =
                    |&(a, b): &(usize, usize)| a < roads.len() && b < roads.len() && roads[a].to == roads[b].from;
                map.turn_bans = bans.into_iter().filter(meets).collect();
            }
            map
        })
}

/// Legs around a node with any angles, lanes and priorities.
fn any_star() -> impl Strategy<Value = BareMap> {
    let legs = prop::collection::vec((0.0..360.0, 1..4usize, 1..4), 2..7);
    (control(), legs).prop_map(|(control, legs)| star(control, &legs))
}

fn laws_hold(map: &BareMap) -> Result<Network, TestCaseError> {
    let parts = super::parts(map);
    for rows in &parts.requests {
        let findings = check_requests("any", rows);
        prop_assert!(findings.is_ok(), "{:#?}", findings.problems());
    }
    let network = if map.left_hand {
        map.build().map_err(|findings| TestCaseError::fail(format!("{:#?}", findings.problems())))?
    } else {
        assemble(parts)
    };
    let check = check_network(&network);
    prop_assert!(check.findings.is_ok(), "{:#?}", check.findings.problems());
    // A lane ends without a way on only where every road on is banned, or for others only.
    for name in &check.lanes_stuck {
        let lane = network.lane(network.find_lane(name).expect("named by the check"));
        let from = lane.edge;
        let onward = network.roads().any(|(id, edge)| {
            edge.from == network.edge(from).to
                && id != from
                && !map.turn_bans.contains(&(from.index(), id.index()))
                && edge.lane_ids().any(|to| network.lane(to).allowed.intersection(lane.allowed).any_on_road())
        });
        prop_assert!(!onward, "lane {name} has no way on");
    }
    Ok(network)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_map_builds_a_sound_network(map in any_map()) {
        prop_assert!(faults(&map).is_ok());
        laws_hold(&map)?;
    }

    #[test]
    fn any_star_builds_a_sound_network(map in any_star()) {
        let network = laws_hold(&map)?;
        prop_assert!(check_network(&network).share_connected() > 0.999);
    }
}
