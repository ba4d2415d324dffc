//! From crossing lines to a street graph: nodes where streets meet, links between them.
//!
//! Planar by construction; `tidy` keeps it fit to build. Undirected: who may drive which way is decided later.

use crate::primitives::Point;

use super::plan::{Rank, Street};
use super::shape::{Vector, crossings, length, point_at, reversed, slice, unit};

/// A stretch of street between two nodes.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub from: usize,
    pub to: usize,
    /// From node to node.
    pub line: Vec<Point>,
    pub rank: Rank,
    /// The street it is part of.
    pub street: usize,
}

impl Link {
    /// Whether `node` is one of its ends.
    pub(super) fn touches(&self, node: usize) -> bool {
        self.from == node || self.to == node
    }

    /// The node at the other end.
    pub(super) fn other(&self, node: usize) -> usize {
        if self.from == node { self.to } else { self.from }
    }

    /// Its line, walked away from `node`.
    pub(super) fn line_from(&self, node: usize) -> Vec<Point> {
        if self.from == node { self.line.clone() } else { reversed(&self.line) }
    }

    /// The direction in which it leaves `node`, judged over `reach` metres.
    pub(super) fn leaving(&self, node: usize, reach: f64) -> Vector {
        let line = self.line_from(node);
        unit(point_at(&line, reach.min(length(&line))) - line[0])
    }
}

/// The street graph.
#[derive(Debug, Clone, Default)]
pub(super) struct Graph {
    pub nodes: Vec<Point>,
    pub links: Vec<Link>,
}

impl Graph {
    /// Cuts every street where another crosses it.
    pub(super) fn cut(streets: &[Street]) -> Self {
        let mut graph = Self::default();
        let mut cuts: Vec<Vec<(f64, usize)>> = vec![Vec::new(); streets.len()];
        for (i, first) in streets.iter().enumerate() {
            for (j, second) in streets.iter().enumerate().skip(i + 1) {
                for (on_first, on_second, place) in crossings(&first.line, &second.line) {
                    let node = graph.node_at(place);
                    cuts[i].push((on_first, node));
                    cuts[j].push((on_second, node));
                }
            }
        }
        for (street, (Street { rank, line, .. }, mut cuts)) in streets.iter().zip(cuts).enumerate() {
            cuts.push((0.0, graph.node_at(line[0])));
            cuts.push((length(line), graph.node_at(line[line.len() - 1])));
            cuts.sort_by(|a, b| a.0.total_cmp(&b.0));
            for pair in cuts.windows(2) {
                let ((begin, from), (end, to)) = (pair[0], pair[1]);
                if from == to && end - begin < 5.0 {
                    continue;
                }
                let mut part = slice(line, begin, end);
                let last = part.len() - 1;
                (part[0], part[last]) = (graph.nodes[from], graph.nodes[to]);
                graph.links.push(Link { from, to, line: part, rank: *rank, street });
            }
        }
        graph
    }

    fn node_at(&mut self, place: Point) -> usize {
        if let Some(known) = self.nodes.iter().position(|p| (p - place).norm() < 1.0) {
            return known;
        }
        self.nodes.push(place);
        self.nodes.len() - 1
    }

    /// Links at a node, in the order of the list.
    pub(super) fn at(&self, node: usize) -> impl Iterator<Item = (usize, &Link)> {
        self.links.iter().enumerate().filter(move |(_, link)| link.touches(node))
    }

    /// How many links meet at each node.
    pub(super) fn degrees(&self) -> Vec<usize> {
        let mut degrees = vec![0; self.nodes.len()];
        for link in &self.links {
            degrees[link.from] += 1;
            degrees[link.to] += 1;
        }
        degrees
    }

    /// The highest rank at each node; none where nothing meets.
    pub(super) fn ranks(&self) -> Vec<Option<Rank>> {
        let mut ranks = vec![None; self.nodes.len()];
        for link in &self.links {
            for node in [link.from, link.to] {
                ranks[node] = ranks[node].max(Some(link.rank));
            }
        }
        ranks
    }

    /// Removes the links marked.
    pub(super) fn remove(&mut self, gone: &[bool]) {
        let mut index = 0;
        self.links.retain(|_| {
            index += 1;
            !gone[index - 1]
        });
    }

    /// Removes nodes at which nothing meets, and renumbers the others.
    pub(super) fn compact(&mut self) {
        let degrees = self.degrees();
        let mut renumbered = vec![0; self.nodes.len()];
        let mut nodes = Vec::new();
        for (node, place) in self.nodes.iter().enumerate() {
            renumbered[node] = nodes.len();
            if degrees[node] > 0 {
                nodes.push(*place);
            }
        }
        self.nodes = nodes;
        for link in &mut self.links {
            (link.from, link.to) = (renumbered[link.from], renumbered[link.to]);
        }
    }

    /// Moves a node: the links bend towards its new place over the last metres.
    pub(super) fn move_node(&mut self, node: usize, place: Point) {
        let moved = (self.nodes[node] - place).norm();
        self.nodes[node] = place;
        if moved < 1e-9 {
            return;
        }
        let clear = 24.0 + moved * 1.5;
        for link in &mut self.links {
            if link.from == node {
                reanchor(&mut link.line, place, clear);
            }
            if link.to == node {
                link.line.reverse();
                reanchor(&mut link.line, place, clear);
                link.line.reverse();
            }
        }
    }
}

/// Gives a line a new first point and drops the points too near to it for a smooth approach.
fn reanchor(line: &mut Vec<Point>, place: Point, clear: f64) {
    let last = line.len() - 1;
    let keep = (1..last).find(|&i| (line[i] - place).norm() > clear).unwrap_or(last);
    line.splice(0..keep, [place]);
}
