//! Whether everybody reaches everything: strong connection of directed roads, turning back only at dead ends.

use petgraph::algo::{astar, tarjan_scc};
use petgraph::graph::{DiGraph, NodeIndex};

/// A directed road between two nodes; the two directions of a street share `street`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    pub from: usize,
    pub to: usize,
    pub street: usize,
}

/// A graph whose nodes are the roads and whose edges are the turns between them.
fn turns(node_count: usize, ways: &[Way]) -> DiGraph<(), usize> {
    let mut leaving: Vec<Vec<usize>> = vec![Vec::new(); node_count];
    for (i, way) in ways.iter().enumerate() {
        leaving[way.from].push(i);
    }
    let mut graph = DiGraph::new();
    for _ in ways {
        graph.add_node(());
    }
    for (i, way) in ways.iter().enumerate() {
        let onwards: Vec<usize> = leaving[way.to].iter().copied().filter(|&j| ways[j].street != way.street).collect();
        let next = if onwards.is_empty() { &leaving[way.to] } else { &onwards };
        for &j in next {
            graph.add_edge(NodeIndex::new(i), NodeIndex::new(j), j);
        }
    }
    graph
}

/// Whether every road can be reached from every other.
pub(super) fn all_reach_all(node_count: usize, ways: &[Way]) -> bool {
    tarjan_scc(&turns(node_count, ways)).len() <= 1
}

/// The cheapest way from road to road, both included; `cost` is that of driving a road.
pub(super) fn cheapest(
    node_count: usize,
    ways: &[Way],
    from: usize,
    to: usize,
    cost: impl Fn(usize) -> f64,
) -> Option<Vec<usize>> {
    let graph = turns(node_count, ways);
    let goal = NodeIndex::new(to);
    let found = astar(&graph, NodeIndex::new(from), |n| n == goal, |turn| cost(*turn.weight()), |_| 0.0);
    found.map(|(_, path)| path.into_iter().map(NodeIndex::index).collect())
}
