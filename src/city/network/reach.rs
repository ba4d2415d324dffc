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
        let graph = self.turn_graph(class);
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

/// Which roads lead to which for a class of vehicles, ways over any number of junctions counted.
#[derive(Debug, Clone)]
pub struct Reach {
    /// The component of every edge; components that lead to others have higher numbers.
    component: Vec<u32>,
    /// For every component, those it leads to by one turn.
    onward: Vec<Vec<u32>>,
    /// The largest component.
    core: u32,
    /// Whether a component leads to the largest one, and whether it can be reached from it.
    to_core: Vec<bool>,
    from_core: Vec<bool>,
}

impl Network {
    /// Which roads lead to which for a class.
    pub fn reach(&self, class: VehicleClass) -> Reach {
        let graph = self.turn_graph(class);
        // Tarjan's order: a component comes after all it leads to.
        let components = tarjan_scc(&graph);
        let mut component = vec![0; self.edges.len()];
        for (number, nodes) in (0..).zip(&components) {
            for node in nodes {
                component[node.index()] = number;
            }
        }
        let mut onward: Vec<Vec<u32>> = vec![Vec::new(); components.len()];
        for arc in graph.edge_indices() {
            if let Some((from, to)) = graph.edge_endpoints(arc) {
                let (from, to) = (component[from.index()], component[to.index()]);
                if from != to {
                    onward[from as usize].push(to);
                }
            }
        }
        for list in &mut onward {
            list.sort_unstable();
            list.dedup();
        }
        let largest = (0_u32..).zip(&components).max_by(|a, b| a.1.len().cmp(&b.1.len()).then_with(|| b.1.cmp(a.1)));
        let core = largest.map_or(0, |(number, _)| number);
        let (mut to_core, mut from_core) = (vec![false; onward.len()], vec![false; onward.len()]);
        for at in 0..onward.len() {
            to_core[at] = at == core as usize || onward[at].iter().any(|&next| to_core[next as usize]);
        }
        for at in (0..onward.len()).rev() {
            from_core[at] |= at == core as usize;
            if from_core[at] {
                for &next in &onward[at] {
                    from_core[next as usize] = true;
                }
            }
        }
        Reach { component, onward, core, to_core, from_core }
    }

    /// Edges, and the turns among them that a class may make.
    fn turn_graph(&self, class: VehicleClass) -> DiGraph<(), ()> {
        let open = |lane: LaneId| self.lane(lane).allowed.contains(class);
        let mut graph: DiGraph<(), ()> = DiGraph::with_capacity(self.edges.len(), self.links.len());
        let nodes: Vec<NodeIndex> = self.edges.iter().map(|_| graph.add_node(())).collect();
        for link in &self.links {
            let (from, to) = (self.lane(link.from).edge, self.lane(link.to).edge);
            if !self.edge(from).is_internal() && open(link.from) && open(link.to) && link.via.is_none_or(open) {
                graph.update_edge(nodes[from.index()], nodes[to.index()], ());
            }
        }
        graph
    }
}

impl Reach {
    /// Whether a road is one of the largest set in which each leads to every other.
    pub fn in_core(&self, edge: EdgeId) -> bool {
        self.component[edge.index()] == self.core
    }

    /// Whether there is a way from one road to another; from a road to itself there always is.
    pub fn leads(&self, from: EdgeId, to: EdgeId) -> bool {
        let (from, to) = (self.component[from.index()], self.component[to.index()]);
        if from == to || (self.to_core[from as usize] && self.from_core[to as usize]) {
            return true;
        }
        // Outside the core: a walk over components; those beyond the goal in Tarjan's order cannot lead to it.
        let (mut seen, mut open) = (std::collections::BTreeSet::from([from]), vec![from]);
        while let Some(here) = open.pop() {
            for &next in &self.onward[here as usize] {
                if next == to {
                    return true;
                }
                if next > to && seen.insert(next) {
                    open.push(next);
                }
            }
        }
        false
    }
}
