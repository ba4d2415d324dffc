//! The graph that is searched: roads as nodes, turns as arcs, in compressed rows.
//!
//! Nodes are edges because a turn's cost and permission depend on the edge one comes from.

use crate::city::network::{Link, Network, RightOfWay, Turn as Way};
use crate::primitives::ids::EdgeId;
use crate::primitives::{ClassSet, Point, VehicleClass};

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
    /// The paths over the junction.
    pub(super) paths: [Path; 2],
    /// Time for turning round [s].
    pub(super) penalty: f64,
}

/// A path over a junction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Path {
    /// The internal edge; the first where several are joined, and none where there is no path.
    edge: Option<EdgeId>,
    /// Its length [m].
    length: f64,
    /// Its speed limit [m/s].
    speed: f64,
    /// Time for yielding before it [s].
    penalty: f64,
}

impl Path {
    const NONE: Self = Self { edge: None, length: 0.0, speed: 1.0, penalty: 0.0 };

    /// Time to drive along it when traffic takes `factor` times as long as an empty road, or for yielding if that is longer [s].
    fn time(&self, speed_max: f64, factor: impl Fn(EdgeId) -> f64) -> f64 {
        let Some(edge) = self.edge else { return 0.0 };
        let free = self.length / self.speed.min(speed_max);
        (free * factor(edge)).max(free + self.penalty)
    }
}

impl Turn {
    /// Time for the way over the junction where traffic takes `factor` times as long as on an empty road [s].
    pub(super) fn time(&self, speed_max: f64, factor: impl Fn(EdgeId) -> f64) -> f64 {
        self.paths.iter().map(|path| path.time(speed_max, &factor)).sum::<f64>() + self.penalty
    }

    /// When whoever reaches the junction at `now` is over it [s], given the delay on a path for whoever enters it then [s] and what is charged
    /// for it in time [s].
    pub(super) fn over(
        &self,
        now: f64,
        speed_max: f64,
        delay: impl Fn(EdgeId, f64) -> f64,
        charge: impl Fn(EdgeId) -> f64,
    ) -> f64 {
        let mut at = now;
        for path in &self.paths {
            let Some(edge) = path.edge else { continue };
            at += path.length / path.speed.min(speed_max) + delay(edge, at).max(path.penalty) + charge(edge);
        }
        at + self.penalty
    }

    /// Length of the way over the junction [m].
    pub(super) fn length(&self) -> f64 {
        self.paths.iter().map(|path| path.length).sum()
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
    let mut paths = [Path::NONE; 2];
    let penalty = if link.turn == Way::Back && link.via.is_some() { TURNAROUND_PENALTY } else { 0.0 };
    let mut entering = link;
    for step in 0..PATH_LANES_MAX {
        let Some(id) = entering.via else { break };
        let lane = network.lane(id);
        allowed = allowed.intersection(lane.allowed);
        let (length, speed) = (lane.length.as_metres(), lane.speed.as_metres_per_second());
        let penalty = if yields(entering) { MINOR_PENALTY } else { 0.0 };
        let slot = &mut paths[step.min(1)];
        if slot.edge.is_some() {
            // More than two lanes: joined into one at the speed that keeps the travel time.
            let time = slot.length / slot.speed + length / speed;
            slot.length += length;
            slot.speed = slot.length / time;
            slot.penalty += penalty;
        } else {
            *slot = Path { edge: Some(lane.edge), length, speed, penalty };
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
