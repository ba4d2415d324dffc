//! The ways between zones: which roads a pair's trips take, and how long they need.
//!
//! A zone stands for a few of its roads, all of them if there are at most four, otherwise those at a sixth, a half and five sixths of
//! its length. Every pair of such roads has its fastest way; all of them share the trips of the pair by the length of their ends.

use rayon::prelude::*;

use super::ends::{End, Ends};
use crate::city::demand::model::VehicleKind;
use crate::city::routing::{Router, Tree};
use crate::primitives::ids::EdgeId;

/// A way between two zones.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Way {
    /// Its share of the pair's trips; those of a pair sum to 1.
    pub(super) share: f64,
    /// Time along it [s].
    pub(super) seconds: f64,
    /// Its roads.
    pub(super) edges: Vec<EdgeId>,
}

/// Everything ways depend on.
#[derive(Clone, Copy)]
pub(super) struct Lay<'a, F: Fn(EdgeId) -> f64 + Sync> {
    pub(super) router: &'a Router,
    pub(super) ends: &'a Ends<'a>,
    pub(super) kind: &'a VehicleKind,
    /// How many times longer than empty a road takes.
    pub(super) factor: F,
}

impl<F: Fn(EdgeId) -> f64 + Sync> Lay<'_, F> {
    /// The ways from each of some zones to the zones beside it, and what `told` makes of them; in the order given.
    pub(super) fn between<T: Send>(
        &self,
        wanted: &[(usize, Vec<usize>)],
        told: impl Fn(usize, usize, Vec<Way>) -> T + Sync,
    ) -> Vec<Vec<T>> {
        wanted
            .par_iter()
            .map(|(from, tos)| {
                let starts = self.starts(*from);
                let trees: Vec<(EdgeId, f64, Tree)> = starts
                    .into_iter()
                    .map(|(edge, weight)| {
                        let tree = self.router.tree(edge, self.kind.class, self.kind.speed_max, &self.factor);
                        (edge, weight, tree)
                    })
                    .collect();
                tos.iter().map(|&to| told(*from, to, self.pair(&trees, *from, to))).collect()
            })
            .collect()
    }

    /// Roads a zone's trips begin on, with weights; all gates for one beyond the map.
    fn starts(&self, zone: usize) -> Vec<(EdgeId, f64)> {
        match &self.ends.zones[zone] {
            End::Inside(kerbs) => kerbs.few(),
            End::Beyond(_) => self.ends.gates.iter().filter_map(|gate| Some((gate.inbound?, 1.0))).collect(),
            End::Nowhere => Vec::new(),
        }
    }

    fn pair(&self, trees: &[(EdgeId, f64, Tree)], from: usize, to: usize) -> Vec<Way> {
        let ends = self.ends;
        let goals = |start: EdgeId| -> Vec<(EdgeId, f64)> {
            match (&ends.zones[from], &ends.zones[to]) {
                (End::Inside(_), End::Inside(kerbs)) => kerbs.few(),
                (End::Inside(_), End::Beyond(away)) => {
                    ends.exit(start, *away).map(|goal| (goal, 1.0)).into_iter().collect()
                }
                (End::Beyond(away), End::Inside(kerbs)) => {
                    let by_here = |goal: &(EdgeId, f64)| ends.entry(*away, goal.0) == Some(start);
                    kerbs.few().into_iter().filter(by_here).collect()
                }
                (End::Beyond(a), End::Beyond(b)) => {
                    let passage = ends.passage(*a, *b).filter(|(inbound, _)| *inbound == start);
                    passage.map(|(_, goal)| (goal, 1.0)).into_iter().collect()
                }
                _ => Vec::new(),
            }
        };
        let mut ways = Vec::new();
        for (start, weight, tree) in trees {
            for (goal, other) in goals(*start).into_iter().filter(|(goal, _)| goal != start) {
                if let (Some(time), Some(edges)) = (tree.time(goal), tree.way(goal)) {
                    ways.push(Way { share: weight * other, seconds: time.as_seconds(), edges });
                }
            }
        }
        let total: f64 = ways.iter().map(|way| way.share).sum();
        for way in &mut ways {
            way.share /= total;
        }
        ways
    }
}

/// The mean time of a pair [min]; none without a way.
pub(super) fn minutes(ways: &[Way]) -> Option<f64> {
    (!ways.is_empty()).then(|| ways.iter().map(|way| way.share * way.seconds).sum::<f64>() / 60.0)
}
