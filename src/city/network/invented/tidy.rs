//! Making a street graph fit to build: no stubs, no junctions on top of each other, no needle-sharp corners.
//!
//! Every rule takes away the less important street. The rules disturb one another, so they run in turns until none finds
//! anything; what then remains is checked by the map's tests.

use std::collections::BTreeSet;

use petgraph::unionfind::UnionFind;

use crate::primitives::Point;
use crate::primitives::random::KeyedRng;

use super::graph::{Graph, Link};
use super::plan::Rank;
use super::shape::{
    Vector, angle_between, bounding_box, boxes_touch, crossings, distance_to, length, point_at, simplified,
};

/// Smallest angle between two legs of a junction [rad]: 36°.
const ANGLE_MIN: f64 = 0.63;
/// A dead end shorter than this is a driveway [m].
const DEAD_END_MIN: f64 = 55.0;
/// Furthest that any street must stay from foreign junctions [m].
const CLEARANCE_MAX: f64 = 34.0;

/// How far a street of a rank stays from junctions it does not reach [m].
fn clearance(rank: Rank) -> f64 {
    match rank {
        Rank::OldTown => 22.0,
        Rank::Residential => 28.0,
        _ => CLEARANCE_MAX,
    }
}

/// Shortest distance between two junctions along a street of a rank [m]; main roads need room for queues and lanes.
fn length_min(rank: Rank) -> f64 {
    match rank {
        Rank::OldTown => 34.0,
        Rank::Residential => 46.0,
        Rank::Collector => 62.0,
        Rank::Arterial => 85.0,
        Rank::Trunk => 140.0,
    }
}

/// Applies every rule until the graph is fit to build.
pub(super) fn tidy(graph: &mut Graph) {
    for _ in 0..40 {
        let before = (graph.nodes.len(), graph.links.len());
        drop_stubs(graph);
        merge_short(graph);
        drop_loops_and_doubles(graph);
        drop_crossing(graph);
        drop_sharp(graph);
        drop_passing_too_close(graph);
        limit_legs(graph);
        dissolve(graph);
        graph.compact();
        if before == (graph.nodes.len(), graph.links.len()) {
            break;
        }
    }
    keep_largest(graph);
    for link in &mut graph.links {
        link.line = simplified(&link.line, 0.8);
    }
}

/// Takes away some side streets where four meet, so that not every corner is a crossroads.
pub(super) fn thin(graph: &mut Graph, rng: &mut KeyedRng) {
    let mut degrees = graph.degrees();
    let gone: Vec<bool> = graph
        .links
        .iter()
        .map(|link| {
            let drawn = rng.unit();
            let crowded = degrees[link.from] >= 4 && degrees[link.to] >= 4;
            let gone = link.rank <= Rank::Residential && crowded && drawn < 0.3;
            if gone {
                degrees[link.from] -= 1;
                degrees[link.to] -= 1;
            }
            gone
        })
        .collect();
    graph.remove(&gone);
    tidy(graph);
}

fn drop_stubs(graph: &mut Graph) {
    loop {
        let degrees = graph.degrees();
        let gone: Vec<bool> = graph
            .links
            .iter()
            .map(|link| {
                let dead_end = degrees[link.from] == 1 || degrees[link.to] == 1;
                let least = if link.rank == Rank::Collector { 150.0 } else { DEAD_END_MIN };
                dead_end && length(&link.line) < least
            })
            .collect();
        if !gone.contains(&true) {
            return;
        }
        graph.remove(&gone);
    }
}

/// Junctions too near to each other become one, at the more important one's place.
fn merge_short(graph: &mut Graph) {
    loop {
        let degrees = graph.degrees();
        let shortest = graph
            .links
            .iter()
            .enumerate()
            .filter(|(_, link)| link.from != link.to && degrees[link.from] > 1 && degrees[link.to] > 1)
            .map(|(i, link)| (i, length(&link.line) - length_min(link.rank)))
            .filter(|(_, spare)| *spare < 0.0)
            .min_by(|a, b| a.1.total_cmp(&b.1));
        let Some((short, _)) = shortest else { return };
        let link = graph.links[short].clone();
        let weight = |node: usize| {
            let highest = graph.at(node).filter(|(i, _)| *i != short).map(|(_, l)| l.rank).max();
            (highest, graph.at(node).filter(|(_, l)| Some(l.rank) == highest).count())
        };
        let place = match weight(link.from).cmp(&weight(link.to)) {
            std::cmp::Ordering::Greater => graph.nodes[link.from],
            std::cmp::Ordering::Less => graph.nodes[link.to],
            std::cmp::Ordering::Equal => point_at(&link.line, length(&link.line) / 2.0),
        };
        graph.links.remove(short);
        graph.move_node(link.from, place);
        graph.move_node(link.to, place);
        for other in &mut graph.links {
            if other.from == link.to {
                other.from = link.from;
            }
            if other.to == link.to {
                other.to = link.from;
            }
        }
        drop_loops_and_doubles(graph);
    }
}

/// Streets that come back to where they began, and second streets between the same two junctions that hardly differ.
fn drop_loops_and_doubles(graph: &mut Graph) {
    let gone: Vec<bool> = graph
        .links
        .iter()
        .enumerate()
        .map(|(i, link)| {
            let doubled = graph.links.iter().enumerate().any(|(j, other)| {
                let same_ends = link.touches(other.from) && link.touches(other.to) && other.from != other.to;
                let better = other.rank > link.rank || (other.rank == link.rank && j < i);
                i != j
                    && same_ends
                    && better
                    && distance_to(&other.line, point_at(&link.line, length(&link.line) / 2.0)) < 60.0
            });
            link.from == link.to || doubled
        })
        .collect();
    graph.remove(&gone);
}

/// The one of two links that the city can better do without.
fn lesser(graph: &Graph, degrees: &[usize], a: usize, b: usize) -> usize {
    let worth = |i: usize| {
        let link = &graph.links[i];
        let dead_end = degrees[link.from] == 1 || degrees[link.to] == 1;
        (link.rank, !dead_end, length(&link.line))
    };
    let (first, second) = (worth(a), worth(b));
    let order = first.0.cmp(&second.0).then(first.1.cmp(&second.1)).then(first.2.total_cmp(&second.2));
    if order.is_lt() { a } else { b }
}

fn drop_sharp(graph: &mut Graph) {
    let degrees = graph.degrees();
    let mut gone = vec![false; graph.links.len()];
    for node in 0..graph.nodes.len() {
        let legs: Vec<(usize, &Link)> = graph.at(node).collect();
        for (n, (i, first)) in legs.iter().enumerate() {
            for (j, second) in &legs[n + 1..] {
                let sharp = [16.0, 32.0]
                    .into_iter()
                    .any(|reach| angle_between(first.leaving(node, reach), second.leaving(node, reach)) < ANGLE_MIN);
                if sharp && !gone[*i] && !gone[*j] {
                    gone[lesser(graph, &degrees, *i, *j)] = true;
                }
            }
        }
    }
    graph.remove(&gone);
}

fn drop_crossing(graph: &mut Graph) {
    let degrees = graph.degrees();
    let mut gone = vec![false; graph.links.len()];
    let boxes: Vec<_> = graph.links.iter().map(|link| bounding_box(&link.line)).collect();
    for (i, first) in graph.links.iter().enumerate() {
        let total = length(&first.line);
        for (j, second) in graph.links.iter().enumerate().skip(i + 1) {
            if !boxes_touch(boxes[i], boxes[j]) {
                continue;
            }
            let total_other = length(&second.line);
            let within = |offset: f64, total: f64| offset > 1.0 && offset < total - 1.0;
            let crosses = crossings(&first.line, &second.line)
                .iter()
                .any(|(a, b, _)| within(*a, total) || within(*b, total_other));
            if crosses && !gone[i] && !gone[j] {
                gone[lesser(graph, &degrees, i, j)] = true;
            }
        }
    }
    graph.remove(&gone);
}

fn drop_passing_too_close(graph: &mut Graph) {
    let degrees = graph.degrees();
    let boxes: Vec<_> = graph.links.iter().map(|link| bounding_box(&link.line)).collect();
    let reach = Vector::new(CLEARANCE_MAX, CLEARANCE_MAX);
    let mut gone = vec![false; graph.links.len()];
    for (node, place) in graph.nodes.iter().enumerate() {
        let least = graph.at(node).min_by(|a, b| (a.1.rank, a.0).cmp(&(b.1.rank, b.0))).map(|(i, _)| i);
        let Some(least) = least else { continue };
        for (i, link) in graph.links.iter().enumerate() {
            let near = boxes_touch(boxes[i], (*place - reach, *place + reach));
            if near
                && !link.touches(node)
                && !gone[i]
                && !gone[least]
                && distance_to(&link.line, *place) < clearance(link.rank)
            {
                gone[lesser(graph, &degrees, i, least)] = true;
            }
        }
    }
    graph.remove(&gone);
}

/// At most five legs at a junction, four on a main road.
fn limit_legs(graph: &mut Graph) {
    let ranks = graph.ranks();
    for (node, rank) in ranks.iter().enumerate() {
        let most = if *rank >= Some(Rank::Arterial) { 4 } else { 5 };
        loop {
            let legs: Vec<usize> = graph.at(node).map(|(i, _)| i).collect();
            if legs.len() <= most {
                break;
            }
            let degrees = graph.degrees();
            let worst = legs.iter().copied().reduce(|a, b| lesser(graph, &degrees, a, b));
            let Some(worst) = worst else { break };
            graph.links.remove(worst);
        }
    }
}

/// Where only two like stretches meet there is no junction.
fn dissolve(graph: &mut Graph) {
    for node in 0..graph.nodes.len() {
        let legs: Vec<usize> = graph.at(node).map(|(i, _)| i).collect();
        let [first, second] = legs[..] else { continue };
        let (a, b) = (graph.links[first].clone(), graph.links[second].clone());
        let (from, to) = (a.other(node), b.other(node));
        if a.rank != b.rank || from == to || a.from == a.to || b.from == b.to {
            continue;
        }
        let longer = if length(&a.line) >= length(&b.line) { &a } else { &b };
        let mut line = a.line_from(node);
        line.reverse();
        line.extend(b.line_from(node).into_iter().skip(1));
        let merged = Link { from, to, line: rounded(&line), rank: a.rank, street: longer.street };
        graph.links[first] = merged;
        graph.links.remove(second);
    }
}

/// Cuts off corners sharper than 40° in the middle of a street, as a kerb would.
fn rounded(line: &[Point]) -> Vec<Point> {
    let mut smooth = vec![line[0]];
    for i in 1..line.len() - 1 {
        let (before, after) = (line[i] - line[i - 1], line[i + 1] - line[i]);
        if angle_between(before, after) > 0.7 {
            let (cut_before, cut_after) = ((22.0 / before.norm()).min(0.4), (22.0 / after.norm()).min(0.4));
            smooth.push(line[i] - before * cut_before);
            smooth.push(line[i] + after * cut_after);
        } else {
            smooth.push(line[i]);
        }
    }
    smooth.push(line[line.len() - 1]);
    smooth
}

/// Keeps the largest connected part.
fn keep_largest(graph: &mut Graph) {
    let mut parts = UnionFind::new(graph.nodes.len());
    for link in &graph.links {
        parts.union(link.from, link.to);
    }
    let labels = parts.into_labeling();
    let distinct: BTreeSet<usize> = labels.iter().copied().collect();
    let size = |label: usize| labels.iter().filter(|l| **l == label).count();
    let Some(largest) = distinct.into_iter().max_by_key(|&label| size(label)) else { return };
    let gone: Vec<bool> = graph.links.iter().map(|link| labels[link.from] != largest).collect();
    graph.remove(&gone);
    graph.compact();
}
