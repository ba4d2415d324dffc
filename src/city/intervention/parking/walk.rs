//! How far it is on foot from the middle of one road to the middle of another, along all roads in both directions.
//!
//! Junctions count as points, and everybody may walk along every road.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};

use crate::city::network::Network;
use crate::primitives::Point;
use crate::primitives::ids::EdgeId;

/// Two roads between the same junctions whose lengths differ by less than this share are the two sides of one street.
const ALIKE: f64 = 0.1;

/// The streets as one walks on them.
#[derive(Debug)]
pub(super) struct Walks<'a> {
    network: &'a Network,
    /// By junction: where a road leads, and how long it is [m].
    next: Vec<Vec<(usize, f64)>>,
    /// By junction, the roads there that count.
    roads: BTreeMap<usize, Vec<EdgeId>>,
    farthest: f64,
}

/// A place in the queue.
#[derive(Debug, Clone, Copy)]
struct Waiting(f64, usize);

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.total_cmp(&self.0).then_with(|| other.1.cmp(&self.1))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Waiting {}

impl<'a> Walks<'a> {
    /// Walks to some roads, no longer than `farthest` [m].
    pub(super) fn new(network: &'a Network, to: impl Iterator<Item = EdgeId>, farthest: f64) -> Self {
        let mut next = vec![Vec::new(); network.junctions.len()];
        for (_, edge) in network.roads() {
            let (from, to) = (edge.from.index(), edge.to.index());
            let length = edge.length.as_metres();
            next[from].push((to, length));
            next[to].push((from, length));
        }
        let mut roads: BTreeMap<usize, Vec<EdgeId>> = BTreeMap::new();
        for edge in to {
            let (from, to) = (network.edge(edge).from.index(), network.edge(edge).to.index());
            roads.entry(from).or_default().push(edge);
            if to != from {
                roads.entry(to).or_default().push(edge);
            }
        }
        Self { network, next, roads, farthest }
    }

    /// Every road within reach of another, itself included, with the distance [m], in the order of their ids.
    pub(super) fn from(&self, home: EdgeId) -> Vec<(EdgeId, f64)> {
        let edge = self.network.edge(home);
        let half = edge.length.as_metres() / 2.0;
        let mut settled: BTreeMap<usize, f64> = BTreeMap::new();
        let mut found: BTreeMap<EdgeId, f64> = BTreeMap::new();
        let mut queue = BinaryHeap::from([Waiting(half, edge.from.index()), Waiting(half, edge.to.index())]);
        while let Some(Waiting(walked, junction)) = queue.pop() {
            if walked > self.farthest || settled.contains_key(&junction) {
                continue;
            }
            settled.insert(junction, walked);
            for &road in self.roads.get(&junction).into_iter().flatten() {
                let whole = walked + self.network.edge(road).length.as_metres() / 2.0;
                let known = found.entry(road).or_insert(f64::INFINITY);
                *known = known.min(whole);
            }
            for &(to, length) in &self.next[junction] {
                queue.push(Waiting(walked + length, to));
            }
        }
        for (road, walked) in &mut found {
            *walked = self.across(home, *road).unwrap_or(*walked);
        }
        found.insert(home, 0.0);
        found.into_iter().filter(|(_, walked)| *walked <= self.farthest).collect()
    }

    /// The way across the street, if that is all there is between two roads [m].
    fn across(&self, one: EdgeId, other: EdgeId) -> Option<f64> {
        let (a, b) = (self.network.edge(one), self.network.edge(other));
        let same = (a.from, a.to) == (b.to, b.from) || (a.from, a.to) == (b.from, b.to);
        let (long, short) = (a.length.max(b.length).as_metres(), a.length.min(b.length).as_metres());
        let alike = same && long - short <= ALIKE * long;
        alike.then(|| Some((self.middle(one)? - self.middle(other)?).norm()))?
    }

    fn middle(&self, edge: EdgeId) -> Option<Point> {
        let lane = self.network.edge(edge).lane_ids().next()?;
        let shape = &self.network.lane(lane).shape;
        Some(shape.point_at(shape.length() / 2.0))
    }
}
