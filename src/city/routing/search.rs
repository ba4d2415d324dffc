//! A* over the graph of turns (Hart, Nilsson, Raphael 1968, "A formal basis for the heuristic determination of minimum cost
//! paths", IEEE Trans. SSC 4, 100).
//!
//! The estimate is the bee-line at the fastest speed, stretched so that it never exceeds a cost; ways of equal cost are told
//! apart by edge id, so that every run finds the same one.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::city::network::Network;
use crate::primitives::ids::EdgeId;
use crate::primitives::{Point, SimDuration, Speed, VehicleClass};

use super::graph::Graph;

/// Finds ways through one network.
#[derive(Debug, Clone)]
pub struct Router {
    pub(super) graph: Graph,
}

/// A place in the queue of the search: estimated cost of the whole way [s].
#[derive(Debug, Clone, Copy)]
pub(super) struct Waiting {
    pub(super) estimate: f64,
    pub(super) edge: EdgeId,
}

impl Ord for Waiting {
    /// The cheapest comes first out of a heap that gives the greatest, then the lowest id.
    fn cmp(&self, other: &Self) -> Ordering {
        other.estimate.total_cmp(&self.estimate).then_with(|| other.edge.cmp(&self.edge))
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

/// What the search knows of an edge: cost up to its start [s], the edge before it, and whether that is final.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reached {
    pub(super) cost: f64,
    pub(super) before: Option<EdgeId>,
    pub(super) settled: bool,
}

/// What a search is for.
#[derive(Debug, Clone, Copy)]
struct Wish {
    from: EdgeId,
    to: EdgeId,
    class: VehicleClass,
    speed_max: f64,
}

impl Router {
    /// Prepares a network for searching.
    pub fn new(network: &Network) -> Self {
        Self { graph: Graph::new(network) }
    }

    /// The way from one road to another that takes the least time on empty roads, both included; none where there is no way.
    ///
    /// Time is length over the lower of speed limit and `speed_max`, junction paths included, plus 1.5 s for every turn that
    /// yields without a signal, as SUMO counts it.
    pub fn shortest(&self, from: EdgeId, to: EdgeId, class: VehicleClass, speed_max: Speed) -> Option<Vec<EdgeId>> {
        let wish = Wish { from, to, class, speed_max: speed_max.as_metres_per_second() };
        self.search(wish, |_| 1.0, |_| 1.0, self.bee_line(wish)?)
    }

    /// The same where every edge's time is multiplied by `factor`, for traffic or for how a driver sees it.
    ///
    /// Factors must be positive; others count as 1. Junction paths are not multiplied.
    pub fn shortest_by(
        &self,
        from: EdgeId,
        to: EdgeId,
        class: VehicleClass,
        speed_max: Speed,
        factor: impl Fn(EdgeId) -> f64,
    ) -> Option<Vec<EdgeId>> {
        let wish = Wish { from, to, class, speed_max: speed_max.as_metres_per_second() };
        let sound = |edge| Some(factor(edge)).filter(|one| one.is_finite() && *one > 0.0).unwrap_or(1.0);
        self.search(wish, sound, |_| 1.0, |_| 0.0)
    }

    /// The same where traffic slows down the paths inside junctions too: `factor` is asked for their edges as well.
    ///
    /// Traffic only slows down: factors below 1 count as 1. Who yields loses its 1.5 s or what traffic costs it, whichever is more.
    pub fn shortest_in_traffic(
        &self,
        from: EdgeId,
        to: EdgeId,
        class: VehicleClass,
        speed_max: Speed,
        factor: impl Fn(EdgeId) -> f64,
    ) -> Option<Vec<EdgeId>> {
        let wish = Wish { from, to, class, speed_max: speed_max.as_metres_per_second() };
        let sound = |edge| Some(factor(edge)).filter(|one| one.is_finite() && *one > 1.0).unwrap_or(1.0);
        self.search(wish, sound, sound, self.bee_line(wish)?)
    }

    /// The same as [`Self::shortest_in_traffic`] past `via` in the order given; none where one of its legs has no way.
    pub fn shortest_via_by(
        &self,
        from: EdgeId,
        via: &[EdgeId],
        to: EdgeId,
        class: VehicleClass,
        speed_max: Speed,
        factor: impl Fn(EdgeId) -> f64,
    ) -> Option<Vec<EdgeId>> {
        let mut way = vec![from];
        let mut here = from;
        for &next in via.iter().chain(std::iter::once(&to)) {
            let leg = self.shortest_in_traffic(here, next, class, speed_max, &factor)?;
            way.extend_from_slice(&leg[1..]);
            here = next;
        }
        Some(way)
    }

    /// The way that passes `via` in the order given; none where one of its legs has none.
    pub fn shortest_via(
        &self,
        from: EdgeId,
        via: &[EdgeId],
        to: EdgeId,
        class: VehicleClass,
        speed_max: Speed,
    ) -> Option<Vec<EdgeId>> {
        let mut way = vec![from];
        let mut here = from;
        for &next in via.iter().chain(std::iter::once(&to)) {
            let leg = self.shortest(here, next, class, speed_max)?;
            way.extend_from_slice(&leg[1..]);
            here = next;
        }
        Some(way)
    }

    /// Whether a vehicle of `class` may turn from one road straight into another.
    pub fn connects(&self, from: EdgeId, to: EdgeId, class: VehicleClass) -> bool {
        self.graph.turns_from(from, class).any(|turn| turn.to == to)
    }

    /// Time along a way on empty roads, from the start of its first to the end of its last road; none where it is no way for
    /// `class`.
    pub fn travel_time(&self, way: &[EdgeId], class: VehicleClass, speed_max: Speed) -> Option<SimDuration> {
        let speed_max = speed_max.as_metres_per_second();
        let mut time = 0.0;
        for &edge in way {
            time += self.graph.nodes.get(edge.index())?.time(class, speed_max)?;
        }
        for pair in way.windows(2) {
            let turns = self.graph.turns_from(pair[0], class).filter(|turn| turn.to == pair[1]);
            time += turns.map(|turn| turn.time(speed_max, |_| 1.0)).min_by(f64::total_cmp)?;
        }
        Some(SimDuration::seconds(time))
    }

    /// The least time from a point to the end of a search [s]; none where there is no such end.
    fn bee_line(&self, wish: Wish) -> Option<impl Fn(Point) -> f64> {
        let goal = self.graph.nodes.get(wish.to.index())?.end;
        let fastest = wish.speed_max.min(self.graph.speed_limit_max);
        let scale = self.graph.bee_line_factor / fastest;
        Some(move |point: Point| (goal - point).norm() * scale)
    }

    fn search(
        &self,
        wish: Wish,
        factor: impl Fn(EdgeId) -> f64,
        path_factor: impl Fn(EdgeId) -> f64,
        estimate: impl Fn(Point) -> f64,
    ) -> Option<Vec<EdgeId>> {
        let nodes = &self.graph.nodes;
        let blank = Reached { cost: f64::INFINITY, before: None, settled: false };
        let mut reached = vec![blank; nodes.len()];
        let mut queue = BinaryHeap::new();
        nodes.get(wish.from.index())?.time(wish.class, wish.speed_max)?;
        reached[wish.from.index()].cost = 0.0;
        queue.push(Waiting { estimate: 0.0, edge: wish.from });
        while let Some(Waiting { edge, .. }) = queue.pop() {
            let here = &mut reached[edge.index()];
            if here.settled {
                continue;
            }
            here.settled = true;
            if edge == wish.to {
                return Some(trace(&reached, edge));
            }
            let Some(time) = nodes[edge.index()].time(wish.class, wish.speed_max) else { continue };
            let leaving = here.cost + time * factor(edge);
            for turn in self.graph.turns_from(edge, wish.class) {
                let Some(along) = nodes[turn.to.index()].time(wish.class, wish.speed_max) else { continue };
                let cost = leaving + turn.time(wish.speed_max, &path_factor);
                let next = &mut reached[turn.to.index()];
                let tied = cost.total_cmp(&next.cost) == Ordering::Equal && next.before > Some(edge);
                if !next.settled && (cost < next.cost || tied) {
                    next.cost = cost;
                    next.before = Some(edge);
                    // Estimates count from the end of an edge, so the way along it comes on top.
                    let rest = along * factor(turn.to) + estimate(nodes[turn.to.index()].end);
                    queue.push(Waiting { estimate: cost + rest, edge: turn.to });
                }
            }
        }
        None
    }
}

pub(super) fn trace(reached: &[Reached], last: EdgeId) -> Vec<EdgeId> {
    let mut way = vec![last];
    let mut here = last;
    while let Some(before) = reached[here.index()].before {
        way.push(before);
        here = before;
    }
    way.reverse();
    way
}
