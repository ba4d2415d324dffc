//! Which roads hang together for a class of vehicles: from each of them one gets to every other and back.
//!
//! Strongly connected components of the graph of turns (Tarjan 1972, SIAM Journal on Computing 1, 146). Knows no costs and no time.

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use super::model::Network;
use crate::primitives::VehicleClass;
use crate::primitives::ids::{EdgeId, LaneId};

impl Network {
    /// For every edge, whether it is one of the largest set of roads of which a class gets from each to every other.
    pub fn hangs_together(&self, class: VehicleClass) -> Vec<bool> {
        let open = |lane: LaneId| self.lane(lane).allowed.contains(class);
        let mut graph: DiGraph<(), ()> = DiGraph::with_capacity(self.edges.len(), self.links.len());
        let nodes: Vec<NodeIndex> = self.edges.iter().map(|_| graph.add_node(())).collect();
        for link in &self.links {
            let (from, to) = (self.lane(link.from).edge, self.lane(link.to).edge);
            if !self.edge(from).is_internal() && open(link.from) && open(link.to) && link.via.is_none_or(open) {
                graph.update_edge(nodes[from.index()], nodes[to.index()], ());
            }
        }
        let largest = tarjan_scc(&graph).into_iter().max_by(|a, b| a.len().cmp(&b.len()).then_with(|| b.cmp(a)));
        let mut together = vec![false; self.edges.len()];
        for node in largest.unwrap_or_default() {
            together[node.index()] = true;
        }
        together
    }

    /// Roads that hang together with the others here and are open to a class in another network of the same ids, but hang together with
    /// the others there no more.
    pub fn cut_off_in(&self, other: &Self, class: VehicleClass) -> Vec<EdgeId> {
        let (here, there) = (self.hangs_together(class), other.hangs_together(class));
        let cut = |edge: &EdgeId| here[edge.index()] && !there[edge.index()] && other.edge_allows(*edge, class);
        self.roads().map(|(edge, _)| edge).filter(cut).collect()
    }
}
