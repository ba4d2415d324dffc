//! Which nodes are one junction, as people see it.
//!
//! Where two dual carriageways cross there are four nodes, where a side street is a little staggered two. They are joined when a
//! short street between them lies inside what drivers take for one junction. A roundabout's ring stays a ring. Knows streets and
//! where signals are; not who may turn.

use std::collections::{BTreeMap, BTreeSet};

use nalgebra::Vector2;

use super::control::Control;
use super::graph::{Graph, Street};
use crate::primitives::Point;

/// Nodes this near, along a street, are one junction in any case [m].
const NEAR: f64 = 10.0;
/// The same for the ends of slip roads and for a roundabout and the fork before it [m].
const NEAR_LINK: f64 = 5.0;
/// The same where one of the nodes has a signal, and where both have [m].
const NEAR_SIGNAL: f64 = 18.0;
const NEAR_SIGNALS: f64 = 30.0;
/// The same across the median of a dual carriageway [m].
const NEAR_MEDIAN: f64 = 35.0;
/// No junction is larger than this across [m].
const SIZE_MAX: f64 = 65.0;

/// Junctions as sets of nodes.
#[derive(Debug, Clone, Default)]
pub(super) struct Junctions {
    /// Junction of every node at which streets end, by number.
    pub of_node: BTreeMap<i64, usize>,
    /// Nodes of every junction.
    pub members: Vec<Vec<i64>>,
    /// Streets that lie inside a junction.
    pub inside: BTreeSet<usize>,
}

/// Joins.
pub(super) fn join(graph: &Graph, control: &Control) -> Junctions {
    let at = graph.at_nodes();
    let numbers: BTreeMap<i64, usize> = at.keys().enumerate().map(|(number, node)| (*node, number)).collect();
    let around = Around { graph, control, at: &at };
    let ring: BTreeSet<i64> = graph.streets.iter().filter(|s| s.ring).flat_map(|s| [s.ends().0, s.ends().1]).collect();
    let mut sets = Sets::new(at.keys().map(|node| (graph.place(*node), ring.contains(node))).collect());
    let mut candidates: Vec<(f64, usize)> = (0..graph.streets.len())
        .filter_map(|street| {
            let length = graph.length(&graph.streets[street]);
            (length <= around.reach(street, &ring)).then_some((length, street))
        })
        .collect();
    candidates.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    for (_, street) in &candidates {
        let (from, to) = graph.streets[*street].ends();
        sets.unite(numbers[&from], numbers[&to]);
    }
    let mut junctions = Junctions::default();
    let mut of_set: BTreeMap<usize, usize> = BTreeMap::new();
    for (node, number) in &numbers {
        let set = sets.find(*number);
        let junction = *of_set.entry(set).or_insert_with(|| {
            junctions.members.push(Vec::new());
            junctions.members.len() - 1
        });
        junctions.members[junction].push(*node);
        junctions.of_node.insert(*node, junction);
    }
    for (index, street) in graph.streets.iter().enumerate() {
        let (from, to) = street.ends();
        if junctions.of_node[&from] == junctions.of_node[&to] && graph.length(street) <= SIZE_MAX {
            junctions.inside.insert(index);
        }
    }
    junctions
}

struct Around<'g> {
    graph: &'g Graph,
    control: &'g Control,
    at: &'g BTreeMap<i64, Vec<usize>>,
}

impl Around<'_> {
    /// How long a street may be to lie inside a junction [m].
    fn reach(&self, index: usize, ring: &BTreeSet<i64>) -> f64 {
        let street = &self.graph.streets[index];
        let (from, to) = street.ends();
        let meets = |node: i64| self.at[&node].len() > 2;
        if from == to || street.ring || !(meets(from) && meets(to)) {
            return 0.0;
        }
        let rings = usize::from(ring.contains(&from)) + usize::from(ring.contains(&to));
        if rings > 0 {
            return if rings == 1 { NEAR_LINK } else { 0.0 };
        }
        if street.class.is_motorway() {
            return 0.0;
        }
        if self.crosses_median(index) {
            return NEAR_MEDIAN;
        }
        if street.class.is_link() || self.forks(index) {
            return NEAR_LINK;
        }
        let signalled = [from, to].iter().filter(|node| self.control.signals.contains(node)).count();
        [NEAR, NEAR_SIGNAL, NEAR_SIGNALS][signalled]
    }

    /// Whether the street is where one carriageway parts into two or a slip road begins: more of the same road, no crossing.
    fn forks(&self, index: usize) -> bool {
        let street = &self.graph.streets[index];
        let (from, to) = street.ends();
        [from, to].iter().any(|node| {
            let others = self.at[node].iter().filter(|other| **other != index);
            let links = others.clone().filter(|other| self.graph.streets[**other].class.is_link()).count();
            let one_way = others.clone().filter(|other| self.graph.streets[**other].one_way()).count();
            self.at[node].len() == 3 && (links > 0 || (one_way == 2 && !self.turns_off(index, *node)))
        })
    }

    /// Whether the other streets at a node lie across this one.
    fn turns_off(&self, index: usize, node: i64) -> bool {
        let own = self.direction(index, node);
        self.at[&node].iter().filter(|other| **other != index).all(|other| across(own, self.direction(*other, node)))
    }

    /// Whether the street leads from one carriageway of a road to the other, across both.
    fn crosses_median(&self, index: usize) -> bool {
        let (from, to) = self.graph.streets[index].ends();
        let carriageways = |node: i64| -> Vec<(Vector2<f64>, &Street)> {
            let own = self.direction(index, node);
            self.at[&node]
                .iter()
                .filter(|other| **other != index)
                .map(|other| (self.travel(*other, node), &self.graph.streets[*other]))
                .filter(|(travel, street)| street.one_way() && !street.class.is_link() && across(own, *travel))
                .collect()
        };
        let there = carriageways(to);
        carriageways(from).iter().any(|(travel, street)| {
            there.iter().any(|(other, opposite)| {
                travel.dot(other) < -0.8 && street.class == opposite.class && street.name == opposite.name
            })
        })
    }

    /// Direction of a street as it leaves a node.
    fn direction(&self, index: usize, node: i64) -> Vector2<f64> {
        let street = &self.graph.streets[index];
        let line = self.graph.line(street);
        let (near, far) = if street.ends().0 == node {
            (line.point_at(0.0), line.point_at(20.0))
        } else {
            (line.point_at(f64::MAX), line.point_at((line.length() - 20.0).max(0.0)))
        };
        let chord = far - near;
        if chord.norm() > 0.0 { chord.normalize() } else { Vector2::new(1.0, 0.0) }
    }

    /// Direction of travel on a one-way street near a node.
    fn travel(&self, index: usize, node: i64) -> Vector2<f64> {
        let street = &self.graph.streets[index];
        let leaves = (street.ends().0 == node) == street.forward.is_some();
        let direction = self.direction(index, node);
        if leaves { direction } else { -direction }
    }
}

/// Whether two directions are nearer to a right angle than to the same line.
fn across(a: Vector2<f64>, b: Vector2<f64>) -> bool {
    a.dot(&b).abs() < 0.7
}

/// Sets of nodes that grow together, none larger than a junction may be, none with two places on a ring.
struct Sets {
    parent: Vec<usize>,
    /// South-west and north-east corner, and whether a place on a ring is among them.
    extent: Vec<(Point, Point, bool)>,
}

impl Sets {
    fn new(nodes: Vec<(Point, bool)>) -> Self {
        Self {
            parent: (0..nodes.len()).collect(),
            extent: nodes.into_iter().map(|(place, ring)| (place, place, ring)).collect(),
        }
    }

    fn find(&self, mut node: usize) -> usize {
        while self.parent[node] != node {
            node = self.parent[node];
        }
        node
    }

    fn unite(&mut self, a: usize, b: usize) {
        let (a, b) = (self.find(a), self.find(b));
        if a == b {
            return;
        }
        let ((low_a, high_a, ring_a), (low_b, high_b, ring_b)) = (self.extent[a], self.extent[b]);
        let low = Point::new(low_a.x.min(low_b.x), low_a.y.min(low_b.y));
        let high = Point::new(high_a.x.max(high_b.x), high_a.y.max(high_b.y));
        if (high - low).norm() > SIZE_MAX || (ring_a && ring_b) {
            return;
        }
        self.parent[a.max(b)] = a.min(b);
        self.extent[a.min(b)] = (low, high, ring_a || ring_b);
    }
}
