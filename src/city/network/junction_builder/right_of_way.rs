//! Who yields to whom on a junction.
//!
//! Rules in the order they apply: on one approach the one who turns off yields; facing each other the one who turns more to
//! the left yields; then the priority road goes first; then the one from the right. Where all stop, both of a pair yield
//! and the first to arrive goes. Knows directions, priorities and which paths meet; nothing of time.

use std::f64::consts::PI;

use nalgebra::Vector2;

use super::curves::turning;
use super::shape::{Leg, RoadShape};
use super::turns::Connection;
use crate::city::network::assembly::RequestRow;
use crate::city::network::bare::{BareControl, BareMap};
use crate::city::network::model::JunctionKind;

/// Approaches whose headings differ by more than this face each other [rad].
const FACING_MIN: f64 = 135.0 * PI / 180.0;

/// A road that comes into a junction, in clockwise order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Approach {
    /// The road, by position in the map.
    pub road: usize,
    /// Direction of travel where it arrives.
    pub heading: Vector2<f64>,
    /// Whether it belongs to the priority road; all do where none goes first.
    pub major: bool,
}

impl Approach {
    /// Whether traffic of the two approaches comes face to face.
    pub(super) fn faces(&self, other: &Self) -> bool {
        turning(self.heading, other.heading).abs() > FACING_MIN
    }
}

/// The approaches of a node with the priority road found, and how the node is regulated.
pub(super) fn approaches(
    map: &BareMap,
    roads: &[RoadShape],
    node: usize,
    legs: &[Leg],
) -> (Vec<Approach>, JunctionKind) {
    let mut approaches: Vec<Approach> = legs
        .iter()
        .filter_map(|leg| leg.incoming)
        .map(|road| Approach { road, heading: roads[road].direction_end(), major: true })
        .collect();
    let priority = |approach: &Approach| map.roads[approach.road].priority;
    let mut equal = approaches.windows(2).all(|pair| priority(&pair[0]) == priority(&pair[1]));
    let control = map.nodes[node].control;
    let sign = |approach: &Approach| map.markings.signs.get(&approach.road);
    let signed = approaches.iter().any(|a| sign(a).is_some()) && approaches.iter().any(|a| sign(a).is_none());
    let ring: Vec<bool> = approaches.iter().map(|approach| is_ring(map, approach.road)).collect();
    if control == BareControl::Roundabout && ring.iter().any(|&on_ring| on_ring) {
        equal = false;
        for (approach, on_ring) in approaches.iter_mut().zip(ring) {
            approach.major = on_ring;
        }
    } else if signed && !matches!(control, BareControl::RightBeforeLeft | BareControl::AllwayStop) {
        // Who has a sign yields to all who have none, whatever the roads are.
        equal = false;
        for approach in &mut approaches {
            approach.major = sign(approach).is_none();
        }
    } else if !equal && !matches!(control, BareControl::RightBeforeLeft | BareControl::AllwayStop) {
        let chosen = priority_road(&approaches, &priority);
        for (index, approach) in approaches.iter_mut().enumerate() {
            approach.major = chosen.contains(&index);
        }
    }
    let kind = match control {
        BareControl::AllwayStop => JunctionKind::AllwayStop,
        BareControl::RightBeforeLeft => JunctionKind::RightBeforeLeft,
        BareControl::Signal | BareControl::ActuatedSignal => JunctionKind::TrafficLight,
        BareControl::Automatic | BareControl::Roundabout => {
            if equal {
                JunctionKind::RightBeforeLeft
            } else {
                JunctionKind::Priority
            }
        }
    };
    (approaches, kind)
}

/// Whether a road is part of a roundabout's ring: one-way between two of its nodes.
fn is_ring(map: &BareMap, road: usize) -> bool {
    let road = &map.roads[road];
    let round = |node: usize| map.nodes[node].control == BareControl::Roundabout;
    round(road.from) && round(road.to) && !map.roads.iter().any(|back| back.from == road.to && back.to == road.from)
}

/// The approaches that form the priority road: of the most important ones, the two that face each other best; a single one
/// takes the approach it faces with it, if there is one.
fn priority_road(approaches: &[Approach], priority: &impl Fn(&Approach) -> i32) -> Vec<usize> {
    let Some(highest) = approaches.iter().map(priority).max() else { return Vec::new() };
    let top: Vec<usize> = (0..approaches.len()).filter(|&i| priority(&approaches[i]) == highest).collect();
    let facing = |a: usize, b: usize| turning(approaches[a].heading, approaches[b].heading).abs();
    if let [only] = top[..] {
        let partner = (0..approaches.len())
            .filter(|&other| other != only && approaches[only].faces(&approaches[other]))
            .max_by(|&a, &b| {
                let importance = priority(&approaches[a]).cmp(&priority(&approaches[b]));
                importance.then(facing(only, a).total_cmp(&facing(only, b)))
            });
        return std::iter::once(only).chain(partner).collect();
    }
    let pairs = top.iter().flat_map(|&a| top.iter().filter(move |&&b| a < b).map(move |&b| (a, b)));
    let best = pairs.max_by(|&(a, b), &(c, d)| facing(a, b).total_cmp(&facing(c, d)));
    best.map_or(top, |(a, b)| vec![a, b])
}

/// Who of a pair yields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Yields {
    First,
    Second,
    Both,
}

/// The matrices of a junction: `meets(i, j)` says whether the paths of two connections meet.
pub(super) fn requests(
    kind: JunctionKind,
    approaches: &[Approach],
    connections: &[Connection],
    meets: impl Fn(usize, usize) -> bool,
) -> Vec<RequestRow> {
    let count = connections.len();
    let empty = RequestRow { response: vec![false; count], foes: vec![false; count] };
    let mut rows = vec![empty; count];
    for i in 0..count {
        for j in i + 1..count {
            if !meets(i, j) {
                continue;
            }
            rows[i].foes[j] = true;
            rows[j].foes[i] = true;
            let yields = who_yields(kind, approaches, &connections[i], &connections[j]);
            rows[i].response[j] = yields != Yields::Second;
            rows[j].response[i] = yields != Yields::First;
        }
    }
    rows
}

fn who_yields(kind: JunctionKind, approaches: &[Approach], a: &Connection, b: &Connection) -> Yields {
    let more_left = |margin: f64| {
        let difference = a.angle - b.angle;
        (difference.abs() > margin).then_some(if difference > 0.0 { Yields::First } else { Yields::Second })
    };
    if a.approach == b.approach {
        // Out of two lanes of one road: who turns off across the other, or comes over from the median, yields.
        let difference = a.angle.abs() - b.angle.abs();
        return match difference {
            d if d > 0.1 => Yields::First,
            d if d < -0.1 => Yields::Second,
            _ if a.from.1 > b.from.1 => Yields::First,
            _ => Yields::Second,
        };
    }
    if kind == JunctionKind::AllwayStop {
        return Yields::Both;
    }
    let (from_a, from_b) = (&approaches[a.approach], &approaches[b.approach]);
    let facing = from_a.faces(from_b);
    let by_rank = match (from_a.major, from_b.major) {
        (true, false) => Some(Yields::Second),
        (false, true) => Some(Yields::First),
        _ => None,
    };
    // Facing each other at a signal, green comes for both together, and the left turn waits whatever the road.
    let signalled = kind == JunctionKind::TrafficLight;
    let by_turn = if facing { more_left(0.35) } else { None };
    let first = if signalled { by_turn.or(by_rank) } else { by_rank.or(by_turn) };
    first.unwrap_or_else(|| if from_a.heading.perp(&from_b.heading) > 0.0 { Yields::First } else { Yields::Second })
}
