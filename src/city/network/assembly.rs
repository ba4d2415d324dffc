//! From the parts an importer or the junction builder has gathered to a whole network.
//!
//! Derives what every source leaves implicit: incoming links, whom a link yields to, and where paths over a junction meet.

use super::model::{Edge, EdgeIndex, Junction, Lane, Link, Network, Projection, Signal};
use crate::primitives::ids::{LaneId, LinkId};

mod conflicts;

/// One row of a junction's right-of-way matrix; the columns are the junction's links by request index.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestRow {
    /// Which links this one yields to.
    pub response: Vec<bool>,
    /// Which links' paths touch this one's.
    pub foes: Vec<bool>,
}

/// A network before its implicit parts are derived.
///
/// Left empty by the source and filled by [`assemble`]: [`Lane::incoming`], [`Lane::conflicts`], [`Link::yields_to`],
/// [`Junction::links`], [`Signal::links`]. Request indices of a junction's links count from 0 without a gap.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkParts {
    /// Junctions.
    pub junctions: Vec<Junction>,
    /// Right-of-way matrices, one per junction; empty where there is none.
    pub requests: Vec<Vec<RequestRow>>,
    /// Edges.
    pub edges: Vec<Edge>,
    /// Lanes.
    pub lanes: Vec<Lane>,
    /// Links.
    pub links: Vec<Link>,
    /// Signals.
    pub signals: Vec<Signal>,
    /// Place on earth.
    pub projection: Projection,
    /// Whether one drives on the left.
    pub left_hand: bool,
}

/// The most internal lanes a path over a junction consists of; SUMO writes two.
const PATH_LANES_MAX: usize = 8;

/// Makes the network whole.
///
/// A [`Link::yields_to`] the source has filled for an inner link is kept: SUMO's files name whom a waiting place watches.
pub fn assemble(mut parts: NetworkParts) -> Network {
    let incoming = lead_in(&mut parts);
    link_up(&mut parts);
    let paths = Paths::trace(&parts);
    order_yields(&mut parts, &paths);
    let conflicts = conflicts::derive(&mut parts, &paths);
    Network {
        edge_by_name: EdgeIndex::new(&parts.edges),
        junctions: parts.junctions,
        edges: parts.edges,
        lanes: parts.lanes,
        links: parts.links,
        incoming,
        conflicts: conflicts.into(),
        signals: parts.signals,
        projection: parts.projection,
        left_hand: parts.left_hand,
        roundabouts: std::collections::BTreeSet::new(),
        single_tracks: std::collections::BTreeMap::new(),
    }
}

/// The column of incoming links, of which each lane is given its stretch.
fn lead_in(parts: &mut NetworkParts) -> Vec<LinkId> {
    let mut order: Vec<(LaneId, LinkId)> =
        parts.links.iter().enumerate().map(|(i, link)| (link.via.unwrap_or(link.to), LinkId::new(i))).collect();
    order.sort_unstable();
    for (position, (lane, _)) in (0_u32..).zip(&order) {
        let range = &mut parts.lanes[lane.index()].incoming;
        if range.start == range.end {
            range.start = position;
        }
        range.end = position + 1;
    }
    order.into_iter().map(|(_, link)| link).collect()
}

/// Fills entry links of junctions and links of signals.
fn link_up(parts: &mut NetworkParts) {
    let mut entries: Vec<Vec<(u32, LinkId)>> = vec![Vec::new(); parts.junctions.len()];
    for (i, link) in parts.links.iter().enumerate() {
        let id = LinkId::new(i);
        if let Some(request) = link.request {
            entries[link.junction.index()].push((request, id));
        }
        if let Some((signal, index)) = link.signal {
            let heads = &mut parts.signals[signal.index()].links;
            if heads.len() <= index as usize {
                heads.resize(index as usize + 1, Vec::new());
            }
            heads[index as usize].push(id);
        }
    }
    for (junction, mut entries) in parts.junctions.iter_mut().zip(entries) {
        entries.sort_unstable();
        junction.links = entries.into_iter().map(|(_, id)| id).collect();
    }
}

/// For every link from a road over a junction, the internal lanes it leads along, in order; none for all others.
struct Paths {
    /// Where each link's lanes begin in `lanes`; one more at the end.
    first: Vec<usize>,
    lanes: Vec<LaneId>,
}

impl Paths {
    fn trace(parts: &NetworkParts) -> Self {
        let is_internal = |lane: LaneId| parts.edges[parts.lanes[lane.index()].edge.index()].is_internal();
        let mut paths = Self { first: Vec::with_capacity(parts.links.len() + 1), lanes: Vec::new() };
        paths.first.push(0);
        for link in &parts.links {
            let mut next = link.via.filter(|_| !is_internal(link.from));
            let first = paths.lanes.len();
            while let Some(lane) = next {
                if paths.lanes.len() - first == PATH_LANES_MAX || paths.lanes[first..].contains(&lane) {
                    break;
                }
                paths.lanes.push(lane);
                next = parts.lanes[lane.index()].link_ids().find_map(|id| parts.links[id.index()].via);
            }
            paths.first.push(paths.lanes.len());
        }
        paths
    }

    fn of(&self, link: LinkId) -> &[LaneId] {
        &self.lanes[self.first[link.index()]..self.first[link.index() + 1]]
    }
}

/// Fills whom every link yields to from the junctions' matrices.
fn order_yields(parts: &mut NetworkParts, paths: &Paths) {
    for (junction, rows) in parts.junctions.iter().zip(&parts.requests) {
        for (row, &entry) in rows.iter().zip(&junction.links) {
            let others = || row.response.iter().zip(&junction.links).filter(|(yields, _)| **yields).map(|(_, id)| *id);
            let mut yields = Vec::with_capacity(others().count());
            yields.extend(others());
            for lane in paths.of(entry) {
                for inner in parts.lanes[lane.index()].link_ids() {
                    let inner = &mut parts.links[inner.index()];
                    if inner.via.is_none() {
                        continue;
                    }
                    if inner.yields_to.is_empty() {
                        inner.yields_to.clone_from(&yields);
                    } else {
                        inner.yields_to.retain(|link| yields.contains(link));
                    }
                }
            }
            parts.links[entry.index()].yields_to = yields;
        }
    }
}
