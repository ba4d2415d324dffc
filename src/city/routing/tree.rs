//! The cheapest ways from one road to all others (Dijkstra 1959, "A note on two problems in connexion with graphs", Numerische
//! Mathematik 1, 269).
//!
//! Costs are those of [`Router::shortest_by`]: time on empty roads, each edge's multiplied by a factor. Ways of equal cost are told
//! apart by edge id.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::search::Router;
use crate::primitives::ids::EdgeId;
use crate::primitives::{SimDuration, Speed, VehicleClass};

/// The cheapest ways from one road to all others.
#[derive(Debug, Clone)]
pub struct Tree {
    /// Cost from the start of the first road to the end of each [s]; infinite where no way leads.
    costs: Vec<f64>,
    before: Vec<Option<EdgeId>>,
    from: EdgeId,
}

/// A cost in the queue, ordered like the number it is.
#[derive(Debug, Clone, Copy)]
struct Cost(f64);

impl Ord for Cost {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Cost {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Cost {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Cost {}

impl Router {
    /// The cheapest ways from a road to all others for a class of vehicles; factors that are not positive count as 1.
    pub fn tree(&self, from: EdgeId, class: VehicleClass, speed_max: Speed, factor: impl Fn(EdgeId) -> f64) -> Tree {
        let nodes = &self.graph.nodes;
        let speed_max = speed_max.as_metres_per_second();
        let sound = |edge| Some(factor(edge)).filter(|one| one.is_finite() && *one > 0.0).unwrap_or(1.0);
        let mut tree = Tree { costs: vec![f64::INFINITY; nodes.len()], before: vec![None; nodes.len()], from };
        let mut settled = vec![false; nodes.len()];
        let mut queue = BinaryHeap::new();
        if let Some(time) = nodes.get(from.index()).and_then(|node| node.time(class, speed_max)) {
            tree.costs[from.index()] = time * sound(from);
            queue.push(Reverse((Cost(tree.costs[from.index()]), from)));
        }
        while let Some(Reverse((Cost(here), edge))) = queue.pop() {
            if std::mem::replace(&mut settled[edge.index()], true) {
                continue;
            }
            for turn in self.graph.turns_from(edge, class) {
                let to = turn.to.index();
                let Some(time) = nodes[to].time(class, speed_max) else { continue };
                let cost = here + turn.time(speed_max, |_| 1.0) + time * sound(turn.to);
                let tied = cost.total_cmp(&tree.costs[to]) == Ordering::Equal && tree.before[to] > Some(edge);
                if !settled[to] && (cost < tree.costs[to] || tied) {
                    tree.costs[to] = cost;
                    tree.before[to] = Some(edge);
                    queue.push(Reverse((Cost(cost), turn.to)));
                }
            }
        }
        tree
    }
}

impl Tree {
    /// Time from the start of the first road to the end of another; none where no way leads.
    pub fn time(&self, to: EdgeId) -> Option<SimDuration> {
        let cost = *self.costs.get(to.index())?;
        cost.is_finite().then(|| SimDuration::seconds(cost))
    }

    /// The way to a road, both ends included; none where no way leads.
    pub fn way(&self, to: EdgeId) -> Option<Vec<EdgeId>> {
        self.time(to)?;
        let mut way = vec![to];
        let mut here = to;
        while here != self.from {
            here = self.before[here.index()]?;
            way.push(here);
        }
        way.reverse();
        Some(way)
    }
}
