//! The graph that is searched: roads as nodes, turns as arcs, in compressed rows.
//!
//! Nodes are edges because a turn's cost and permission depend on the edge one comes from.

use crate::city::network::{Link, Network, RightOfWay, Turn as Way};
use crate::primitives::ids::EdgeId;
use crate::primitives::{ClassSet, Point, Speed, VehicleClass};

/// Extra time for a turn that yields without a signal [s]: SUMO's `weights.minor-penalty`.
const MINOR_PENALTY: f64 = 1.5;
/// Extra time for turning round [s]: SUMO's `weights.turnaround-penalty`.
const TURNAROUND_PENALTY: f64 = 5.0;
/// The most internal lanes a path over a junction consists of; SUMO writes two.
const PATH_LANES_MAX: usize = 8;

/// A turn from one edge to the next.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Turn {
    /// The edge it leads to.
    pub(super) to: EdgeId,
    /// Who may make it.
    pub(super) allowed: ClassSet,
    /// The paths over the junction: length [m] and speed limit [m/s] of each internal lane.
    pub(super) paths: [(f64, f64); 2],
    /// Time for yielding [s].
    pub(super) penalty: f64,
}

impl Turn {
    /// Time for the way over the junction [s].
    pub(super) fn time(&self, speed_max: f64) -> f64 {
        self.paths.iter().map(|(length, speed)| length / speed.min(speed_max)).sum::<f64>() + self.penalty
    }

    /// Length of the way over the junction [m].
    pub(super) fn length(&self) -> f64 {
        self.paths.iter().map(|(length, _)| length).sum()
    }
}

/// One edge as the search sees it.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Length [m].
    pub(super) length: f64,
    /// Speed limit of its lanes and who may use them, fastest first [m/s].
    pub(super) speeds: Vec<(f64, ClassSet)>,
    /// Where it ends.
    pub(super) end: Point,
    /// Its turns: position of the first and behind the last in [`Graph::turns`].
    pub(super) turns: (usize, usize),
}

impl Node {
    /// Time to drive along it [s]; none where `class` may not.
    pub(super) fn time(&self, class: VehicleClass, speed_max: f64) -> Option<f64> {
        let (speed, _) = self.speeds.iter().find(|(_, allowed)| allowed.contains(class))?;
        Some(self.length / speed.min(speed_max))
    }
}

/// Every edge and turn of a network.
#[derive(Debug, Clone)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) turns: Vec<Turn>,
    /// Fastest limit anywhere [m/s].
    pub(super) speed_limit_max: f64,
    /// How much shorter than the bee-line a step may be, at most 1; stretches estimates so that they never exceed a cost.
    pub(super) bee_line_factor: f64,
}

impl Graph {
    pub(super) fn new(network: &Network) -> Self {
        let mut graph = Self {
            nodes: Vec::with_capacity(network.edges.len()),
            turns: Vec::new(),
            speed_limit_max: 0.1,
            bee_line_factor: 1.0,
        };
        for edge in &network.edges {
            let lanes = || edge.lane_ids().map(|id| network.lane(id));
            let mut speeds: Vec<(f64, ClassSet)> = Vec::new();
            for lane in lanes() {
                let speed = lane.speed.as_metres_per_second();
                match speeds.iter_mut().find(|(known, _)| known.to_bits() == speed.to_bits()) {
                    Some((_, allowed)) => *allowed = allowed.union(lane.allowed),
                    None => speeds.push((speed, lane.allowed)),
                }
            }
            speeds.sort_by(|a, b| b.0.total_cmp(&a.0));
            let first = graph.turns.len();
            if !edge.is_internal() {
                for lane in edge.lane_ids() {
                    for id in network.lane(lane).link_ids() {
                        graph.add_turn(turn(network, network.link(id)), first);
                    }
                }
                graph.turns[first..].sort_by_key(|turn| turn.to);
            }
            graph.speed_limit_max = speeds.iter().fold(graph.speed_limit_max, |max, (speed, _)| max.max(*speed));
            let end = lanes().next().and_then(|lane| lane.shape.points().last().copied());
            graph.nodes.push(Node {
                length: edge.length.as_metres(),
                speeds,
                end: end.unwrap_or_else(Point::origin),
                turns: (first, graph.turns.len()),
            });
        }
        graph.bee_line_factor = graph.least_stretch();
        graph
    }

    /// Adds a turn, or joins it to one over the same way.
    fn add_turn(&mut self, turn: Turn, first: usize) {
        let same = |known: &&mut Turn| {
            known.to == turn.to && known.paths == turn.paths && known.penalty.to_bits() == turn.penalty.to_bits()
        };
        match self.turns[first..].iter_mut().find(same) {
            Some(known) => known.allowed = known.allowed.union(turn.allowed),
            None => self.turns.push(turn),
        }
    }

    /// The least ratio of driven to bee-line distance over all steps from the end of an edge to the end of the next.
    fn least_stretch(&self) -> f64 {
        let mut least: f64 = 1.0;
        for node in &self.nodes {
            for turn in &self.turns[node.turns.0..node.turns.1] {
                let next = &self.nodes[turn.to.index()];
                let bee_line = (next.end - node.end).norm();
                if bee_line > 0.0 {
                    least = least.min((turn.length() + next.length) / bee_line);
                }
            }
        }
        // A hair less, so that rounding cannot lift an estimate above a cost.
        least * (1.0 - 1e-9)
    }

    /// The turns a vehicle of `class` may make at the end of an edge.
    pub(super) fn turns_from(&self, edge: EdgeId, class: VehicleClass) -> impl Iterator<Item = &Turn> {
        let (first, last) = self.nodes[edge.index()].turns;
        self.turns[first..last].iter().filter(move |turn| turn.allowed.contains(class))
    }
}

fn turn(network: &Network, link: &Link) -> Turn {
    let (from, to) = (network.lane(link.from), network.lane(link.to));
    let mut allowed = from.allowed.intersection(to.allowed);
    let mut paths = [(0.0, Speed::metres_per_second(1.0).as_metres_per_second()); 2];
    let mut penalty = if link.turn == Way::Back && link.via.is_some() { TURNAROUND_PENALTY } else { 0.0 };
    let mut entering = link;
    for step in 0..PATH_LANES_MAX {
        let Some(id) = entering.via else { break };
        let lane = network.lane(id);
        if yields(entering) {
            penalty += MINOR_PENALTY;
        }
        allowed = allowed.intersection(lane.allowed);
        let (length, speed) = (lane.length.as_metres(), lane.speed.as_metres_per_second());
        let slot = &mut paths[step.min(1)];
        if slot.0 > 0.0 {
            // More than two lanes: joined into one at the speed that keeps the travel time.
            let time = slot.0 / slot.1 + length / speed;
            *slot = (slot.0 + length, (slot.0 + length) / time);
        } else {
            *slot = (length, speed);
        }
        let Some(inner) = lane.link_ids().next() else { break };
        entering = network.link(inner);
    }
    Turn { to: network.lane(link.to).edge, allowed, paths, penalty }
}

/// Whether one yields without a signal; leaving a waiting place inside a junction counts again, also under a signal.
fn yields(link: &Link) -> bool {
    let minor =
        matches!(link.right_of_way, RightOfWay::Minor | RightOfWay::Equal | RightOfWay::Stop | RightOfWay::AllwayStop);
    minor && link.signal.is_none()
}
