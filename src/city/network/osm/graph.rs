//! Streets between the places where they meet: ways cut where they share a node and joined where nothing changes.
//!
//! Ways only meet at nodes they share, so bridges and tunnels cross without meeting. Knows streets, not yet junctions.

use std::collections::{BTreeMap, BTreeSet};

use super::guesses::{ImportReport, OsmObject};
use super::highway::Class;
use super::lanes::Side;
use super::ways::Chosen;
use crate::primitives::{Point, Polyline};

/// Nodes nearer to each other than this are one [m].
const SAME_PLACE: f64 = 0.5;

/// A stretch of one way within a street.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    /// The way.
    pub way: i64,
    /// Where it begins, by position in [`Street::nodes`].
    pub start: usize,
    /// Whether the way runs against the street.
    pub reversed: bool,
}

/// A street between two places where streets meet or end.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Street {
    /// Nodes along it, both ends included.
    pub nodes: Vec<i64>,
    /// The ways it is made of, in order.
    pub stretches: Vec<Stretch>,
    /// Lanes along the nodes, and against them.
    pub forward: Option<Side>,
    pub backward: Option<Side>,
    pub class: Class,
    pub name: Option<String>,
    pub reference: Option<String>,
    /// Whether it is part of a roundabout's ring.
    pub ring: bool,
}

impl Street {
    /// Its two ends.
    pub(super) fn ends(&self) -> (i64, i64) {
        (self.nodes[0], self.nodes[self.nodes.len() - 1])
    }

    /// Whether only one direction is open.
    pub(super) fn one_way(&self) -> bool {
        self.forward.is_some() != self.backward.is_some()
    }

    /// The way at one of its ends.
    pub(super) fn way_at(&self, end: bool) -> i64 {
        let stretch = if end { self.stretches.last() } else { self.stretches.first() };
        stretch.map_or(0, |stretch| stretch.way)
    }

    /// The stretch that holds the piece before a node, by position.
    pub(super) fn stretch_of(&self, node: usize) -> Option<&Stretch> {
        self.stretches.iter().rev().find(|stretch| stretch.start < node.max(1))
    }

    fn reverse(&mut self) {
        let last = self.nodes.len() - 1;
        self.nodes.reverse();
        let ends: Vec<usize> = self.stretches.iter().skip(1).map(|s| s.start).chain([last]).collect();
        for (stretch, end) in self.stretches.iter_mut().zip(ends) {
            stretch.start = last - end;
            stretch.reversed = !stretch.reversed;
        }
        self.stretches.reverse();
        std::mem::swap(&mut self.forward, &mut self.backward);
    }

    /// Whether the other one, which begins where this ends, is the same road going on.
    fn continues(&self, next: &Self) -> bool {
        let alike = |a: &Option<Side>, b: &Option<Side>| match (a, b) {
            (Some(a), Some(b)) => a.same_road(b),
            (None, None) => true,
            _ => false,
        };
        self.class == next.class
            && self.ring == next.ring
            && self.name == next.name
            && self.reference == next.reference
            && alike(&self.forward, &next.forward)
            && alike(&self.backward, &next.backward)
    }

    /// Adds the street that goes on where this one ends; arrows are those at the ends.
    fn append(&mut self, next: Self) {
        let shift = self.nodes.len() - 1;
        self.nodes.extend(next.nodes.into_iter().skip(1));
        for stretch in next.stretches {
            let goes_on =
                self.stretches.last().is_some_and(|last| last.way == stretch.way && last.reversed == stretch.reversed);
            if !goes_on {
                self.stretches.push(Stretch { start: stretch.start + shift, ..stretch });
            }
        }
        self.forward = next.forward;
    }

    /// The part between two nodes, by position.
    fn part(&self, from: usize, to: usize) -> Self {
        let mut stretches: Vec<Stretch> = Vec::new();
        for (index, stretch) in self.stretches.iter().enumerate() {
            let end = self.stretches.get(index + 1).map_or(self.nodes.len() - 1, |next| next.start);
            if end > from && stretch.start < to {
                stretches.push(Stretch { start: stretch.start.max(from) - from, ..*stretch });
            }
        }
        Self { nodes: self.nodes[from..=to].to_vec(), stretches, ..self.clone() }
    }
}

/// Streets and where their nodes are.
#[derive(Debug, Clone, Default)]
pub(super) struct Graph {
    /// Every node [m].
    pub places: BTreeMap<i64, Point>,
    pub streets: Vec<Street>,
    /// Ends where the map was cut off.
    pub cut: BTreeSet<i64>,
    /// The next number for a node that is in no file; they count down from -2^62.
    fresh: i64,
}

impl Graph {
    /// Streets of the ways chosen.
    pub(super) fn new(chosen: Chosen, report: &mut ImportReport) -> Self {
        let mut graph = Self { places: chosen.places, streets: Vec::new(), cut: chosen.cut, fresh: -(1 << 62) };
        let mut uses: BTreeMap<i64, u32> = BTreeMap::new();
        for street in &chosen.streets {
            for node in &street.nodes {
                *uses.entry(*node).or_default() += 1;
            }
        }
        for street in &chosen.streets {
            graph.split(street, &uses, &chosen.blocked);
        }
        graph.join_same_places();
        graph.split_loops(report);
        graph.drop_doubles(report);
        graph.join_stretches();
        graph.split_loops(report);
        graph
    }

    /// Length of a street [m].
    pub(super) fn length(&self, street: &Street) -> f64 {
        self.line(street).length()
    }

    /// Its line.
    pub(super) fn line(&self, street: &Street) -> Polyline {
        Polyline::new(street.nodes.iter().map(|node| self.place(*node)).collect())
    }

    /// Where a node is; every node of a street has a place.
    pub(super) fn place(&self, node: i64) -> Point {
        self.places.get(&node).copied().unwrap_or_else(Point::origin)
    }

    /// Streets by the nodes they end at.
    pub(super) fn at_nodes(&self) -> BTreeMap<i64, Vec<usize>> {
        let mut at: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
        for (index, street) in self.streets.iter().enumerate() {
            let (from, to) = street.ends();
            at.entry(from).or_default().push(index);
            at.entry(to).or_default().push(index);
        }
        at
    }

    fn twin_of(&mut self, node: i64) -> i64 {
        self.fresh += 1;
        let place = self.place(node);
        self.places.insert(self.fresh, place);
        self.fresh
    }

    /// Cuts a way at the nodes it shares, and in two where something blocks it.
    fn split(&mut self, street: &Street, uses: &BTreeMap<i64, u32>, blocked: &BTreeSet<i64>) {
        let last = street.nodes.len() - 1;
        let mut start = 0;
        for index in 1..=last {
            let node = street.nodes[index];
            if index < last && uses.get(&node).is_none_or(|count| *count < 2) && !blocked.contains(&node) {
                continue;
            }
            let mut piece = street.part(start, index);
            let end = piece.nodes.len() - 1;
            for at in [0, end] {
                if blocked.contains(&piece.nodes[at]) {
                    piece.nodes[at] = self.twin_of(piece.nodes[at]);
                }
            }
            self.streets.push(piece);
            start = index;
        }
    }

    /// Streets without length vanish, and their ends become one.
    fn join_same_places(&mut self) {
        let mut same: BTreeMap<i64, i64> = BTreeMap::new();
        let find = |same: &BTreeMap<i64, i64>, mut node: i64| {
            while let Some(next) = same.get(&node) {
                node = *next;
            }
            node
        };
        let lengths: Vec<f64> = self.streets.iter().map(|street| self.length(street)).collect();
        for (street, length) in self.streets.iter().zip(&lengths) {
            let (from, to) = street.ends();
            let (from, to) = (find(&same, from), find(&same, to));
            if *length < SAME_PLACE && from != to {
                same.insert(from.max(to), from.min(to));
            }
        }
        let mut lengths = lengths.into_iter();
        self.streets.retain(|_| lengths.next().is_some_and(|length| length >= SAME_PLACE));
        for street in &mut self.streets {
            let last = street.nodes.len() - 1;
            street.nodes[0] = find(&same, street.nodes[0]);
            street.nodes[last] = find(&same, street.nodes[last]);
        }
    }

    /// A street from a place to itself becomes two.
    fn split_loops(&mut self, report: &mut ImportReport) {
        let mut whole = Vec::with_capacity(self.streets.len());
        for street in std::mem::take(&mut self.streets) {
            let (from, to) = street.ends();
            if from != to {
                whole.push(street);
                continue;
            }
            let last = street.nodes.len() - 1;
            if last < 3 {
                report.leave_out("loops without an inside", OsmObject::Way(street.way_at(false)));
                continue;
            }
            whole.push(street.part(0, last / 2));
            whole.push(street.part(last / 2, last));
        }
        self.streets = whole;
    }

    /// Of streets drawn twice one stays.
    fn drop_doubles(&mut self, report: &mut ImportReport) {
        let mut seen: BTreeSet<Vec<i64>> = BTreeSet::new();
        self.streets.retain(|street| {
            let mut nodes = street.nodes.clone();
            if nodes[0] > nodes[nodes.len() - 1] {
                nodes.reverse();
            }
            let first = seen.insert(nodes);
            if !first {
                report.leave_out("roads drawn twice", OsmObject::Way(street.way_at(false)));
            }
            first
        });
    }

    /// Joins streets where two of them meet and are one road.
    fn join_stretches(&mut self) {
        let at = self.at_nodes();
        let mut streets: Vec<Option<Street>> = std::mem::take(&mut self.streets).into_iter().map(Some).collect();
        // Which street holds what was once this one.
        let mut moved: Vec<usize> = (0..streets.len()).collect();
        let find = |moved: &[usize], mut index: usize| {
            while moved[index] != index {
                index = moved[index];
            }
            index
        };
        for (node, ends) in &at {
            let [a, b] = ends[..] else { continue };
            let (a, b) = (find(&moved, a), find(&moved, b));
            if a == b || self.cut.contains(node) {
                continue;
            }
            let (Some(mut first), Some(mut second)) = (streets[a].take(), streets[b].take()) else { continue };
            if first.ends().1 != *node {
                first.reverse();
            }
            if second.ends().0 != *node {
                second.reverse();
            }
            let closes = first.ends().0 == second.ends().1;
            if first.continues(&second) && !closes {
                first.append(second);
                streets[a] = Some(first);
                moved[b] = a;
            } else {
                (streets[a], streets[b]) = (Some(first), Some(second));
            }
        }
        self.streets = streets.into_iter().flatten().collect();
    }
}
