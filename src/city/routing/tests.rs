//! What would be wrong in the real city if ways were found otherwise.

use proptest::prelude::*;

use super::{Delays, Journey, Router};
use crate::city::network::sumo::read_source;
use crate::city::network::sumo::tests::{T_JUNCTION, signalled};
use crate::city::network::xml::Source;
use crate::city::network::{
    Edge, EdgeKind, Junction, JunctionKind, Lane, Link, Network, NetworkParts, Projection, RightOfWay, Turn, assemble,
};
use crate::primitives::ids::{EdgeId, JunctionId, LaneId};
use crate::primitives::{ClassSet, Distance, Point, Polyline, SimDuration, SimTime, Speed, VehicleClass};

const FAST: Speed = Speed::metres_per_second(50.0);

fn t_junction(text: &str) -> Network {
    read_source(&Source::from_text("t.net.xml", text)).expect("it reads").0
}

#[test]
fn a_way_counts_roads_turns_and_yielding() {
    let network = t_junction(T_JUNCTION);
    let router = Router::new(&network);
    let edge = |name: &str| network.find_edge(name).expect("there is such an edge");
    let way = router.shortest(edge("sc"), edge("cw"), VehicleClass::Passenger, FAST).expect("one may turn left");
    assert_eq!(way, vec![edge("sc"), edge("cw")]);
    // Two roads of 92.80 m and the path of 14.19 m at 8 m/s, and 1.5 s because the side road yields.
    let expected = 2.0 * 92.8 / 13.89 + 14.19 / 8.0 + 1.5;
    let time =
        |way: &[EdgeId]| router.travel_time(way, VehicleClass::Passenger, FAST).expect("it is a way").as_seconds();
    assert!((time(&way) - expected).abs() < 1e-3, "{}", time(&way));
    // The left turn off the main road yields when it enters and again when it leaves the waiting place.
    let left = 2.0 * 92.8 / 13.89 + (4.07 + 10.13) / 8.0 + 3.0;
    assert!((time(&[edge("ec"), edge("cs")]) - left).abs() < 1e-3);
    let slow = router.travel_time(&way, VehicleClass::Bicycle, Speed::metres_per_second(5.0)).expect("it is a way");
    assert!((slow.as_seconds() - (2.0 * 92.8 + 14.19) / 5.0 - 1.5).abs() < 1e-3, "nobody drives faster than they can");
    assert!(router.shortest(edge("cw"), edge("sc"), VehicleClass::Passenger, FAST).is_none(), "no way back");
    assert_eq!(router.shortest(edge("sc"), edge("sc"), VehicleClass::Passenger, FAST), Some(vec![edge("sc")]));
    let signal = t_junction(&signalled());
    let plain = Router::new(&signal).travel_time(&[edge("sc"), edge("cw")], VehicleClass::Passenger, FAST);
    assert!((plain.expect("it is a way").as_seconds() - expected + 1.5).abs() < 1e-3, "a signal says when to go");
}

/// A street network as numbers: roads with length and limit, and turns between them.
#[derive(Debug, Clone)]
struct Sketch {
    roads: Vec<(f64, f64, bool)>,
    ends: Vec<(f64, f64)>,
    turns: Vec<(usize, usize, bool)>,
}

fn sketch() -> impl Strategy<Value = Sketch> {
    (2_usize..14).prop_flat_map(|count| {
        let roads = prop::collection::vec((5.0..500.0_f64, 3.0..30.0_f64, prop::bool::weighted(0.85)), count);
        let ends = prop::collection::vec((-300.0..300.0_f64, -300.0..300.0_f64), count);
        let turns = prop::collection::vec((0..count, 0..count, any::<bool>()), 0..40);
        (roads, ends, turns).prop_map(|(roads, ends, turns)| Sketch { roads, ends, turns })
    })
}

fn build(sketch: &Sketch) -> Network {
    let mut turns = sketch.turns.clone();
    turns.sort_unstable();
    let mut lanes = Vec::new();
    let mut edges = Vec::new();
    for (i, (&(length, speed, cars), &(x, y))) in sketch.roads.iter().zip(&sketch.ends).enumerate() {
        let first = turns.partition_point(|turn| turn.0 < i);
        let last = turns.partition_point(|turn| turn.0 <= i);
        let raw = |n: usize| u32::try_from(n).expect("small");
        lanes.push(Lane {
            edge: EdgeId::new(i),
            index: 0,
            length: Distance::metres(length),
            speed: Speed::metres_per_second(speed),
            width: Distance::metres(3.2),
            allowed: if cars { ClassSet::ALL } else { ClassSet::of(&[VehicleClass::Bus]) },
            change_left: ClassSet::ALL,
            change_right: ClassSet::ALL,
            shape: Polyline::new(vec![Point::new(0.0, 0.0), Point::new(x, y)]),
            links: raw(first)..raw(last),
            incoming: 0..0,
            conflicts: 0..0,
        });
        edges.push(Edge {
            name: format!("e{i}"),
            street: None,
            kind: EdgeKind::Road,
            from: JunctionId::new(0),
            to: JunctionId::new(0),
            lanes: raw(i)..raw(i + 1),
            priority: 1,
            length: Distance::metres(length),
            road_type: None,
        });
    }
    let link = |&(from, to, _): &(usize, usize, bool)| Link {
        from: LaneId::new(from),
        via: None,
        to: LaneId::new(to),
        junction: JunctionId::new(0),
        turn: Turn::Straight,
        right_of_way: RightOfWay::Major,
        signal: None,
        request: None,
        keep_clear: true,
        may_wait_inside: false,
        visibility: Distance::metres(4.5),
        yields_to: Vec::new(),
    };
    let junction = Junction {
        name: "c".into(),
        kind: JunctionKind::Unregulated,
        position: Point::origin(),
        shape: Vec::new(),
        links: Vec::new(),
    };
    assemble(NetworkParts {
        junctions: vec![junction],
        requests: vec![Vec::new()],
        edges,
        lanes,
        links: turns.iter().map(link).collect(),
        signals: Vec::new(),
        projection: Projection::None,
        left_hand: false,
    })
}

proptest! {
    /// The way found is as cheap as the one petgraph's Dijkstra finds, for cars and for buses, plain and with traffic.
    #[test]
    fn ways_are_as_cheap_as_the_reference(sketch in sketch(), from in 0_usize..14, to in 0_usize..14, bus: bool, jam in 0_usize..14) {
        let count = sketch.roads.len();
        let (from, to) = (from % count, to % count);
        let class = if bus { VehicleClass::Bus } else { VehicleClass::Passenger };
        let open = |road: usize| bus || sketch.roads[road].2;
        let network = build(&sketch);
        let router = Router::new(&network);
        for jammed in [None, Some(jam % count)] {
            let time = |road: usize| {
                let (length, speed, _) = sketch.roads[road];
                length / speed.min(20.0) * if jammed == Some(road) { 7.0 } else { 1.0 }
            };
            let mut graph = petgraph::Graph::<(), f64>::new();
            let nodes: Vec<_> = (0..count).map(|_| graph.add_node(())).collect();
            for &(a, b, _) in &sketch.turns {
                if open(a) && open(b) {
                    graph.add_edge(nodes[a], nodes[b], time(a));
                }
            }
            let reference = petgraph::algo::dijkstra(&graph, nodes[from], Some(nodes[to]), |edge| *edge.weight());
            let speed = Speed::metres_per_second(20.0);
            let (a, b) = (EdgeId::new(from), EdgeId::new(to));
            let way = match jammed {
                None => router.shortest(a, b, class, speed),
                Some(jam) => router.shortest_by(a, b, class, speed, |edge| if edge.index() == jam { 7.0 } else { 1.0 }),
            };
            let expected = reference.get(&nodes[to]).filter(|_| open(from));
            prop_assert_eq!(way.is_some(), expected.is_some());
            if let (Some(way), Some(expected)) = (way, expected) {
                let cost: f64 = way[..way.len() - 1].iter().map(|edge| time(edge.index())).sum();
                prop_assert!((cost - expected).abs() < 1e-6, "{} is not {}", cost, expected);
                for pair in way.windows(2) {
                    prop_assert!(router.connects(pair[0], pair[1], class));
                }
            }
        }
    }
}

#[test]
fn of_equal_ways_the_one_over_the_lower_ids_is_taken() {
    let roads = vec![(100.0, 10.0, true); 4];
    let ends = vec![(0.0, 0.0); 4];
    let network = build(&Sketch { roads, ends, turns: vec![(0, 2, true), (0, 1, true), (1, 3, true), (2, 3, true)] });
    let way = Router::new(&network).shortest(EdgeId::new(0), EdgeId::new(3), VehicleClass::Passenger, FAST);
    assert_eq!(way, Some(vec![EdgeId::new(0), EdgeId::new(1), EdgeId::new(3)]));
}

/// The earliest arrival by waves over all roads (Bellman 1958), without a queue, an estimate or an order.
fn earliest(sketch: &Sketch, delays: &Delays, from: usize, departs: f64, open: impl Fn(usize) -> bool) -> Vec<f64> {
    let mut entering = vec![f64::INFINITY; sketch.roads.len()];
    entering[from] = departs;
    for _ in 0..sketch.roads.len() {
        for &(a, b, _) in &sketch.turns {
            if open(a) && open(b) && entering[a].is_finite() {
                let (length, speed, _) = sketch.roads[a];
                let leaves = entering[a] + length / speed.min(20.0) + delays.delay(EdgeId::new(a), entering[a]);
                entering[b] = entering[b].min(leaves);
            }
        }
    }
    entering
}

proptest! {
    /// Whoever sets out by delays that change on the way arrives as early as anybody could, and the way takes as long as it says.
    #[test]
    fn ways_by_departure_arrive_as_early_as_the_reference(
        sketch in sketch(), from in 0_usize..14, to in 0_usize..14, departs in 0.0_f64..900.0,
        columns in proptest::collection::vec(proptest::collection::vec(-50.0_f64..900.0, 0..4), 14),
    ) {
        let count = sketch.roads.len();
        let (from, to) = (from % count, to % count);
        let network = build(&sketch);
        let router = Router::new(&network);
        let delays = Delays::new(SimTime::ZERO, SimDuration::seconds(300.0), columns[..count].to_vec());
        let open = |road: usize| sketch.roads[road].2;
        let journey = Journey {
            from: EdgeId::new(from), via: &[], to: EdgeId::new(to), class: VehicleClass::Passenger,
            speed_max: Speed::metres_per_second(20.0), departs: SimTime::seconds(departs),
        };
        let departs = journey.departs.as_seconds();
        let entering = earliest(&sketch, &delays, from, departs, open)[to];
        let way = router.fastest_by_departure(&journey, &delays, |_| 0.0);
        prop_assert_eq!(way.is_some(), entering.is_finite() && open(from));
        if let Some(way) = way {
            let (length, speed, _) = sketch.roads[to];
            let all = entering + length / speed.min(20.0) + delays.delay(EdgeId::new(to), entering) - departs;
            let time = router.time_by_departure(&way, &journey, &delays, |_| 0.0).expect("it is a way").as_seconds();
            prop_assert!((time - all).abs() < 0.002, "{} is not {}", time, all);
        }
    }

    /// First in, first out: whoever enters a road later never leaves it earlier.
    #[test]
    fn nobody_arrives_earlier_by_entering_later(
        column in proptest::collection::vec(-10.0_f64..5000.0, 1..8), first in 0.0_f64..3000.0, later in 0.0_f64..600.0,
    ) {
        let delays = Delays::new(SimTime::ZERO, SimDuration::seconds(300.0), vec![column]);
        let leaves = |at: f64| at + delays.delay(EdgeId::new(0), at);
        prop_assert!(leaves(first + later) >= leaves(first) - 1e-6);
    }
}

#[test]
fn delays_change_evenly_between_the_middles_of_their_intervals() {
    let minute = SimDuration::seconds(60.0);
    let begin = SimTime::seconds(100.0);
    let delays = Delays::new(begin, minute, vec![vec![10.0, 30.0, f64::NAN], Vec::new()]);
    for (after, expected) in [(-50.0, 10.0), (30.0, 10.0), (60.0, 20.0), (90.0, 30.0), (120.0, 15.0), (900.0, 0.0)] {
        let at = delays.at(EdgeId::new(0), begin + SimDuration::seconds(after));
        assert_eq!(at, SimDuration::seconds(expected), "{after} s after the beginning");
    }
    assert_eq!(delays.at(EdgeId::new(1), begin), SimDuration::ZERO, "a road without traffic");
}

#[test]
fn what_is_charged_for_a_turn_counts_as_time() {
    let network = t_junction(T_JUNCTION);
    let router = Router::new(&network);
    let edge = |name: &str| network.find_edge(name).expect("there is such an edge");
    let journey = Journey {
        from: edge("sc"),
        via: &[],
        to: edge("cw"),
        class: VehicleClass::Passenger,
        speed_max: FAST,
        departs: SimTime::ZERO,
    };
    let none = Delays::none(network.edges.len());
    let way = router.fastest_by_departure(&journey, &none, |_| 0.0).expect("one may turn left");
    let time = |charge: f64| router.time_by_departure(&way, &journey, &none, |_| charge).expect("a way");
    assert_eq!(
        Some(time(0.0)),
        router.travel_time(&way, VehicleClass::Passenger, FAST),
        "an empty road is an empty road"
    );
    assert_eq!(time(60.0) - time(0.0), SimDuration::seconds(60.0));
}
