//! What nodes say about right of way: signals, stop and give-way signs, brought to the junction they belong to.
//!
//! Mappers put a signal on the junction, or on each approach at its stop line; both are the same signal here. Knows streets and the
//! tags of their nodes; decides no plan.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::{Graph, Street};
use super::guesses::{ImportReport, OsmObject};
use super::raw::{Extract, Tags};
use crate::city::network::bare::Sign;

/// A signal up to this far before a junction belongs to it [m].
const SIGNAL_REACH: f64 = 50.0;
/// A sign up to this far before a junction belongs to it [m].
const SIGN_REACH: f64 = 40.0;
/// A signalled crossing up to this far from a junction speaks for a signal there [m].
const CROSSING_REACH: f64 = 25.0;
/// So many arms with signalled crossings make a signalled junction.
const CROSSINGS_FOR_SIGNAL: usize = 2;

/// What regulates traffic, by node of the graph.
#[derive(Debug, Clone, Default)]
pub(super) struct Control {
    /// Nodes with a signal.
    pub signals: BTreeSet<i64>,
    /// Nodes that seem to have one; too little to join junctions by.
    pub guessed: BTreeSet<i64>,
    /// Nodes at which all stop.
    pub all_stop: BTreeSet<i64>,
    /// Small painted roundabouts.
    pub mini_roundabouts: BTreeSet<i64>,
    /// Signs, by street and whether they stand at its end (or else its beginning).
    pub signs: BTreeMap<(usize, bool), Sign>,
}

/// Reads the nodes of every street.
pub(super) fn read(graph: &Graph, extract: &Extract, report: &mut ImportReport) -> Control {
    let mut control = Control::default();
    let at = graph.at_nodes();
    let meets = |node: i64| at.get(&node).is_some_and(|streets| streets.len() > 2);
    let mut crossings: BTreeMap<i64, BTreeSet<usize>> = BTreeMap::new();
    for (node, streets) in &at {
        if let Some(tags) = extract.tagged.get(node) {
            control.junction(*node, tags, meets(*node) || streets.len() == 2, report);
        }
    }
    for (index, street) in graph.streets.iter().enumerate() {
        let along = Along::new(graph, street, index);
        for position in 1..street.nodes.len() - 1 {
            let node = street.nodes[position];
            let Some(tags) = extract.tagged.get(&node) else { continue };
            let object = OsmObject::Node(node);
            match tags.get("highway") {
                Some("traffic_signals") => match along.downstream(position, tags, SIGNAL_REACH, meets) {
                    Some((end, _)) => drop(control.signals.insert(end)),
                    None => report.leave_out("signals for people on foot between junctions", object),
                },
                Some(word @ ("stop" | "give_way")) => {
                    let sign = if word == "stop" { Sign::Stop } else { Sign::GiveWay };
                    match along.downstream(position, tags, SIGN_REACH, |_| true) {
                        Some((_, key)) => drop(control.signs.insert(key, sign)),
                        None => report.leave_out("signs far from any junction", object),
                    }
                }
                Some("crossing") => {
                    report.leave_out("crossings for people on foot", object);
                    if is_signalled(tags) {
                        for (end, distance) in along.ends(position) {
                            if distance < CROSSING_REACH && meets(end) {
                                crossings.entry(end).or_default().insert(index);
                            }
                        }
                    }
                }
                _ if tags.is("railway", "level_crossing") => {
                    report.leave_out("level crossings, without trains here", object);
                }
                _ => {}
            }
        }
    }
    for (node, arms) in crossings {
        if arms.len() >= CROSSINGS_FOR_SIGNAL && !control.signals.contains(&node) {
            control.guessed.insert(node);
            report.guess("signals where the crossings of several arms have one", OsmObject::Node(node));
        }
    }
    control
}

fn is_signalled(tags: &Tags) -> bool {
    tags.is("crossing", "traffic_signals") || tags.yes("crossing:signals")
}

impl Control {
    /// The tags of a node where streets meet.
    fn junction(&mut self, node: i64, tags: &Tags, meets: bool, report: &mut ImportReport) {
        let object = OsmObject::Node(node);
        match tags.get("highway") {
            Some("traffic_signals") if meets => {
                self.signals.insert(node);
            }
            Some("stop") if meets && !tags.is("stop", "minor") => {
                self.all_stop.insert(node);
            }
            Some("mini_roundabout") => {
                self.mini_roundabouts.insert(node);
                report.guess("small painted roundabouts, as junctions where the nearer side goes first", object);
            }
            Some("crossing") if is_signalled(tags) => report.leave_out("crossings for people on foot", object),
            _ => {}
        }
    }
}

/// Distances along a street.
struct Along<'g> {
    street: &'g Street,
    index: usize,
    /// Distance of each node from the beginning [m].
    at: Vec<f64>,
}

impl<'g> Along<'g> {
    fn new(graph: &Graph, street: &'g Street, index: usize) -> Self {
        let mut at = vec![0.0];
        let mut total = 0.0;
        for pair in street.nodes.windows(2) {
            total += (graph.place(pair[1]) - graph.place(pair[0])).norm();
            at.push(total);
        }
        Self { street, index, at }
    }

    /// Both ends with their distances from a node, by position.
    fn ends(&self, position: usize) -> [(i64, f64); 2] {
        let (from, to) = self.street.ends();
        let total = self.at[self.at.len() - 1];
        [(from, self.at[position]), (to, total - self.at[position])]
    }

    /// The end at which traffic arrives that passes a node with these tags, and the key of a sign there.
    fn downstream(
        &self,
        position: usize,
        tags: &Tags,
        reach: f64,
        fits: impl Fn(i64) -> bool,
    ) -> Option<(i64, (usize, bool))> {
        let said = tags.first(&["traffic_signals:direction", "direction"]);
        let reversed = self.street.stretch_of(position).is_some_and(|stretch| stretch.reversed);
        let towards_end = match said {
            Some("forward") => Some(!reversed),
            Some("backward") => Some(reversed),
            _ => None,
        };
        let [(from, to_start), (to, to_end)] = self.ends(position);
        let mut options = vec![(to_end, to, true), (to_start, from, false)];
        options.retain(|&(distance, node, is_end)| {
            let open = if is_end { self.street.forward.is_some() } else { self.street.backward.is_some() };
            open && distance <= reach && fits(node) && towards_end.is_none_or(|end| end == is_end)
        });
        options.sort_by(|a, b| a.0.total_cmp(&b.0));
        options.first().map(|&(_, node, is_end)| (node, (self.index, is_end)))
    }
}
