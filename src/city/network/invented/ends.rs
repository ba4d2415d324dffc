//! Dead ends: most reach on to the next street, some stay a close, the rest are not built.

use crate::primitives::Point;
use crate::primitives::random::KeyedRng;

use super::graph::{Graph, Link};
use super::plan::{Plan, Rank};
use super::shape::{Vector, angle_of, heading, length, segment_crossing, slice};
use super::tidy::tidy;

/// How far a dead end reaches for the next street [m].
const REACH: f64 = 230.0;
/// Share of the remaining dead ends that stay a close.
const CLOSES: f64 = 0.4;
/// Longest close [m].
const CLOSE_MAX: f64 = 190.0;

/// Whether a node is where a main road leaves the map.
pub(super) fn is_gateway(graph: &Graph, node: usize) -> bool {
    let mut legs = graph.at(node);
    legs.next().is_some_and(|(_, link)| link.rank >= Rank::Arterial) && legs.next().is_none()
}

/// Ties dead ends to the streets around them and removes most of those that cannot be.
pub(super) fn settle(graph: &mut Graph, plan: &Plan, rng: &mut KeyedRng) {
    for _ in 0..3 {
        let count = graph.nodes.len();
        for node in 0..count {
            if graph.at(node).count() == 1 && !is_gateway(graph, node) {
                connect(graph, plan, node);
            }
        }
        tidy(graph);
    }
    let degrees = graph.degrees();
    let gone: Vec<bool> = graph
        .links
        .iter()
        .map(|link| {
            let stays = rng.unit() < CLOSES && length(&link.line) < CLOSE_MAX && link.rank <= Rank::Residential;
            let dead = degrees[link.from] == 1 || degrees[link.to] == 1;
            dead && link.rank < Rank::Arterial && !stays
        })
        .collect();
    graph.remove(&gone);
    graph.compact();
    tidy(graph);
}

/// Lengthens the street that ends at `node` to the nearest street in a fan ahead of it.
fn connect(graph: &mut Graph, plan: &Plan, node: usize) {
    let Some((own, end)) = graph.at(node).next().map(|(i, link)| (i, link.clone())) else { return };
    let from = graph.nodes[node];
    let ahead = angle_of(-end.leaving(node, 25.0));
    let mut best: Option<(f64, usize, Point)> = None;
    for step in -5_i32..=5 {
        let turn = f64::from(step) * 0.24;
        let to = from + heading(ahead + turn) * REACH;
        let Some((t, hit)) = first_hit(graph, own, from, to) else { continue };
        let cost = t * (1.0 + 0.55 * turn.abs());
        let place = from + (to - from) * t;
        let clear = (0..=10).map(|i| from + (place - from) * (f64::from(i) / 10.0));
        let clear = clear.into_iter().all(|p| plan.dry_depth(p) > 8.0 && !plan.in_park(p));
        if clear && graph.links[hit].rank < Rank::Trunk && best.is_none_or(|(least, _, _)| cost < least) {
            best = Some((cost, hit, place));
        }
    }
    let Some((_, hit, place)) = best else { return };
    let target = split(graph, hit, place);
    if target == end.other(node) || target == node {
        return;
    }
    graph.links.push(Link { from: node, to: target, line: vec![from, graph.nodes[target]], ..end });
}

/// The nearest link a segment crosses, other than `own` near its beginning, and how far along the segment.
fn first_hit(graph: &Graph, own: usize, from: Point, to: Point) -> Option<(f64, usize)> {
    let (low, high) = super::shape::bounding_box(&[from, to]);
    let mut nearest: Option<(f64, usize)> = None;
    for (i, link) in graph.links.iter().enumerate() {
        if i == own || !super::shape::boxes_touch(super::shape::bounding_box(&link.line), (low, high)) {
            continue;
        }
        for pair in link.line.windows(2) {
            if let Some((t, _)) = segment_crossing((from, to), (pair[0], pair[1]))
                && nearest.is_none_or(|(least, _)| t < least)
            {
                nearest = Some((t, i));
            }
        }
    }
    nearest
}

/// A node at a place on a link: one of its ends if that is near, else a new one that splits it.
fn split(graph: &mut Graph, hit: usize, place: Point) -> usize {
    let link = graph.links[hit].clone();
    for end in [link.from, link.to] {
        let apart: Vector = graph.nodes[end] - place;
        if apart.norm() < 45.0 {
            return end;
        }
    }
    let (at, _) = crate::primitives::Polyline::new(link.line.clone()).nearest(place);
    let node = graph.nodes.len();
    graph.nodes.push(place);
    let total = length(&link.line);
    let (mut first, mut second) = (slice(&link.line, 0.0, at), slice(&link.line, at, total));
    let last = first.len() - 1;
    first[last] = place;
    second[0] = place;
    graph.links[hit] = Link { to: node, line: first, ..link.clone() };
    graph.links.push(Link { from: node, line: second, ..link });
    node
}
