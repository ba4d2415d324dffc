//! The road network flattened for the inner loops: one small record per lane, link and conflict.
//!
//! Built once from [`Network`]; afterwards no inner loop touches a name, a shape or a nested vector.

use std::sync::Arc;

use crate::city::network::{Network, RightOfWay, SignalControl};
use crate::primitives::ClassSet;
use crate::primitives::ids::EdgeId;

/// "No such lane or link".
pub(crate) const NONE: u32 = u32::MAX;

/// A lane. What the look-ahead reads comes first and lies in one cache line.
#[derive(Debug, Clone)]
#[repr(C, align(64))]
pub(crate) struct LaneFacts {
    /// Length [m].
    pub length: f64,
    /// Speed limit [m/s].
    pub speed: f64,
    /// Its edge.
    pub edge: u32,
    /// Its place on the edge, 0 at the kerb.
    pub index: u32,
    /// First link at its end.
    pub first_link: u32,
    /// How many links it has.
    pub link_count: u32,
    /// For an internal lane, the link by which its path enters the junction; else [`NONE`].
    pub entry: u32,
    /// For an internal lane, the lane of the road its path comes from; else [`NONE`].
    pub origin: u32,
    /// The lane just before an internal lane (road lane or first part); else [`NONE`].
    pub before: u32,
    /// Its conflicts: first and one past the last in [`RoadFacts::conflicts`].
    pub conflicts: (u32, u32),
    /// Lanes right before it (internal lanes where there are some): first and one past the last in [`RoadFacts::feeders`].
    pub feeders: (u32, u32),
    /// Whether it crosses a junction.
    pub internal: bool,
    /// Neighbour to the left, or [`NONE`].
    pub left: u32,
    /// Neighbour to the right, or [`NONE`].
    pub right: u32,
    /// Who may use it.
    pub allowed: ClassSet,
    /// Who may leave it to the left.
    pub change_left: ClassSet,
    /// Who may leave it to the right.
    pub change_right: ClassSet,
}

/// A link, in one cache line.
#[derive(Debug, Clone)]
#[repr(align(64))]
pub(crate) struct LinkFacts {
    /// The lane it begins at.
    pub from: u32,
    /// The lane right after it: internal lane or road lane.
    pub after: u32,
    /// The road lane on the far side.
    pub to: u32,
    /// Its internal lane, or [`NONE`].
    pub via: u32,
    /// Length of that internal lane [m], 0 without one.
    pub length: f64,
    /// The link by which its path enters the junction; itself for an entry.
    pub entry: u32,
    /// Links it yields to: first and one past the last in [`RoadFacts::yields`].
    pub yields: (u32, u32),
    /// From how far away crossing traffic is seen [m].
    pub visibility: f64,
    /// Whether it has priority, or a signal that may give it.
    pub major: bool,
    /// Whether a signal governs it.
    pub signalled: bool,
    /// Whether it goes straight on.
    pub straight: bool,
    /// Whether it begins on an internal lane.
    pub from_internal: bool,
    /// Whether a vehicle may enter and wait inside.
    pub may_wait_inside: bool,
    /// Whether the junction must be kept clear and somebody would be blocked otherwise.
    pub keep_clear: bool,
    /// Whether anybody but a vehicle with siren ever asks who is coming: those who yield to it, those who meet its path inside
    /// the junction, level crossings and signals of the railway.
    pub listened_to: bool,
}

/// A meeting of two paths over a junction; the network keeps it in the form the inner loops want.
pub(crate) use crate::city::network::Conflict as ConflictFacts;

/// The network as the inner loops see it.
#[derive(Debug, Clone, Default)]
pub(crate) struct RoadFacts {
    pub lanes: Vec<LaneFacts>,
    pub links: Vec<LinkFacts>,
    /// The network's own column.
    pub conflicts: Arc<[ConflictFacts]>,
    /// The other lane of each conflict once more, for whoever looks only whether anybody is there.
    foe_lanes: Vec<u32>,
    pub yields: Vec<u32>,
    pub feeders: Vec<u32>,
    /// First lane and number of lanes of each edge.
    pub edges: Vec<(u32, u32)>,
    /// Whether any paths cross or join, for each junction; only while the columns are being made.
    has_foes: Vec<bool>,
    /// Whether each edge belongs to the ring of a roundabout.
    pub ring: Vec<bool>,
    /// Who else may use a lane, of those that have such a rule, to get to a place there or away from one.
    pub access: std::collections::BTreeMap<u32, ClassSet>,
    /// Whether rules have been laid over those of the network.
    pub amended: bool,
    /// For an edge that is the same track as another in the other direction, that one; else [`NONE`].
    pub opposite: Vec<u32>,
}

impl RoadFacts {
    /// Flattens a network.
    pub(crate) fn new(network: &Network) -> Self {
        let mut facts = Self {
            lanes: Vec::with_capacity(network.lanes.len()),
            links: Vec::with_capacity(network.links.len()),
            conflicts: Arc::clone(&network.conflicts),
            foe_lanes: Vec::new(),
            yields: Vec::new(),
            feeders: Vec::new(),
            edges: network.edges.iter().map(|e| (e.lanes.start, e.lanes.end - e.lanes.start)).collect(),
            has_foes: vec![false; network.junctions.len()],
            amended: false,
            access: std::collections::BTreeMap::new(),
            ring: (0..network.edges.len()).map(|i| network.roundabouts.contains(&EdgeId::new(i))).collect(),
            opposite: (0..network.edges.len())
                .map(|i| network.single_tracks.get(&EdgeId::new(i)).map_or(NONE, |edge| edge.raw()))
                .collect(),
        };
        for link in &network.links {
            let meets = |via| network.conflicts(via).iter().any(|c| !c.diverges);
            facts.has_foes[link.junction.index()] |= !link.yields_to.is_empty() || link.via.is_some_and(meets);
        }
        for link in &network.links {
            facts.push_link(network, link);
        }
        for lane in &network.lanes {
            facts.push_lane(network, lane);
        }
        facts.foe_lanes = facts.conflicts.iter().map(|c| c.foe_lane).collect();
        facts.trace_paths();
        facts.list_feeders();
        facts.note_listeners();
        facts.yields.shrink_to_fit();
        facts.feeders.shrink_to_fit();
        facts.has_foes = Vec::new();
        facts
    }

    fn push_link(&mut self, network: &Network, link: &crate::city::network::Link) {
        let first = self.yields.len();
        for &foe in &link.yields_to {
            self.yields.push(foe.raw());
            // A foe that waits inside the junction is still to be let pass.
            let inside = network.link(foe).via.map(|via| network.lane(via).links.clone());
            self.yields.extend(inside.into_iter().flatten().filter(|&l| network.links[l as usize].via.is_some()));
        }
        let after = link.via.unwrap_or(link.to);
        let from_internal = network.edge_of(link.from).is_internal();
        self.links.push(LinkFacts {
            from: link.from.raw(),
            after: after.raw(),
            to: link.to.raw(),
            via: link.via.map_or(NONE, crate::primitives::ids::LaneId::raw),
            length: link.via.map_or(0.0, |via| network.lane(via).length.as_metres()),
            entry: NONE,
            yields: (count(first), count(self.yields.len())),
            visibility: link.visibility.as_metres(),
            major: link.signal.is_some() || matches!(link.right_of_way, RightOfWay::Major | RightOfWay::Zipper),
            straight: link.turn == crate::city::network::Turn::Straight,
            signalled: link.signal.is_some(),
            from_internal,
            may_wait_inside: link.may_wait_inside,
            keep_clear: link.keep_clear && link.via.is_some() && self.has_foes[link.junction.index()],
            listened_to: is_of_railway(network, link),
        });
    }

    fn push_lane(&mut self, network: &Network, lane: &crate::city::network::Lane) {
        let edge = network.edge(lane.edge);
        let own = edge.lanes.start + lane.index;
        self.lanes.push(LaneFacts {
            length: lane.length.as_metres(),
            speed: lane.speed.as_metres_per_second(),
            edge: lane.edge.raw(),
            index: lane.index,
            internal: edge.is_internal(),
            first_link: lane.links.start,
            link_count: lane.links.end - lane.links.start,
            entry: NONE,
            origin: NONE,
            before: NONE,
            conflicts: (lane.conflicts.start, lane.conflicts.end),
            allowed: lane.allowed,
            left: if own + 1 < edge.lanes.end && !edge.is_internal() { own + 1 } else { NONE },
            right: if own > edge.lanes.start && !edge.is_internal() { own - 1 } else { NONE },
            feeders: (0, 0),
            change_left: lane.change_left,
            change_right: lane.change_right,
        });
    }

    /// Finds, for every lane and link inside a junction, where its path came in.
    fn trace_paths(&mut self) {
        let mut entering = vec![NONE; self.lanes.len()];
        for (i, link) in self.links.iter().enumerate() {
            if link.via != NONE {
                entering[link.via as usize] = count(i);
            }
        }
        for i in 0..self.links.len() {
            let mut entry = i;
            // A path has at most a few internal lanes; the bound stops a malformed file from looping for ever.
            for _ in 0..8 {
                let from = self.links[entry].from as usize;
                if !self.lanes[from].internal {
                    break;
                }
                if entering[from] == NONE {
                    break;
                }
                entry = entering[from] as usize;
            }
            self.links[i].entry = count(entry);
            if self.links[i].via != NONE {
                let lane = self.links[i].via as usize;
                self.lanes[lane].entry = count(entry);
                self.lanes[lane].origin = self.links[entry].from;
                self.lanes[lane].before = self.links[i].from;
            }
        }
    }

    /// Notes where somebody who yields, or whose path meets another one inside a junction, wants to know who is coming.
    fn note_listeners(&mut self) {
        for &link in &self.yields {
            self.links[link as usize].listened_to = true;
        }
        for &lane in &self.foe_lanes {
            if let Some(link) = self.links.get_mut(self.lanes[lane as usize].first_link as usize) {
                link.listened_to = true;
            }
        }
    }

    fn list_feeders(&mut self) {
        let mut by_lane: Vec<Vec<u32>> = vec![Vec::new(); self.lanes.len()];
        for link in &self.links {
            by_lane[link.after as usize].push(link.from);
        }
        for (lane, mut feeders) in self.lanes.iter_mut().zip(by_lane) {
            feeders.sort_unstable();
            let first = count(self.feeders.len());
            self.feeders.append(&mut feeders);
            lane.feeders = (first, count(self.feeders.len()));
        }
    }

    /// Lanes right before a lane.
    pub(crate) fn feeders(&self, lane: u32) -> &[u32] {
        let (first, end) = self.lane(lane).feeders;
        &self.feeders[first as usize..end as usize]
    }

    pub(crate) fn lane(&self, lane: u32) -> &LaneFacts {
        &self.lanes[lane as usize]
    }

    pub(crate) fn link(&self, link: u32) -> &LinkFacts {
        &self.links[link as usize]
    }

    pub(crate) fn yields(&self, link: &LinkFacts) -> &[u32] {
        &self.yields[link.yields.0 as usize..link.yields.1 as usize]
    }

    pub(crate) fn conflicts(&self, lane: &LaneFacts) -> &[ConflictFacts] {
        &self.conflicts[lane.conflicts.0 as usize..lane.conflicts.1 as usize]
    }

    /// The other lanes of its conflicts, in the same order.
    pub(crate) fn foe_lanes(&self, lane: &LaneFacts) -> &[u32] {
        &self.foe_lanes[lane.conflicts.0 as usize..lane.conflicts.1 as usize]
    }
}

/// Whether trains pass a link, or a signal of the railway governs it.
fn is_of_railway(network: &Network, link: &crate::city::network::Link) -> bool {
    let from = network.lane(link.from).allowed;
    let block = |signal| {
        let program = network.signal(signal).programs.last();
        program.is_some_and(|program| program.control == SignalControl::Block)
    };
    (from.any_on_rail() && !from.any_on_road()) || link.signal.is_some_and(|(signal, _)| block(signal))
}

/// A column's position as the 32 bits the inner loops use.
pub(crate) fn count(position: usize) -> u32 {
    u32::try_from(position).expect("a column of the city holds fewer than 2^32 elements")
}
