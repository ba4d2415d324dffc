//! A bare map: centre lines, lanes, priorities and which nodes have signals; everything a junction needs is built from it.
//!
//! The invented city is made in this form, and maps from the field arrive in it. Coordinates are metres east and north.

use std::collections::BTreeMap;

use crate::primitives::{ClassSet, Distance, Point, Polyline, Speed};

use super::model::{Network, Projection};
use crate::primitives::text::Findings;

/// How a node wants to be regulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BareControl {
    /// By the priorities of its roads: the builder decides between priority and right before left.
    Automatic,
    /// By a signal with a Webster plan that runs by the clock.
    Signal,
    /// By a signal whose greens end early or late with the traffic on its detectors.
    ActuatedSignal,
    /// The right goes first.
    RightBeforeLeft,
    /// All stop.
    AllwayStop,
    /// A roundabout's node: the ring has the right of way.
    Roundabout,
}

impl BareControl {
    /// Whether a signal regulates the node.
    pub const fn is_signal(self) -> bool {
        matches!(self, Self::Signal | Self::ActuatedSignal)
    }
}

/// A node where roads meet or end.
#[derive(Debug, Clone, PartialEq)]
pub struct BareNode {
    /// Its id, unique.
    pub name: String,
    /// Where it is [m].
    pub position: Point,
    /// How it wants to be regulated.
    pub control: BareControl,
}

/// A lane of a bare road.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BareLane {
    /// Width [m].
    pub width: Distance,
    /// Who may use it.
    pub allowed: ClassSet,
}

/// Where the arrows painted on a lane point; none painted leaves it to the builder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LaneArrows {
    /// To the left, sharp, half or full.
    pub left: bool,
    /// Straight on.
    pub through: bool,
    /// To the right, sharp, half or full.
    pub right: bool,
}

impl LaneArrows {
    /// Whether nothing is painted.
    pub const fn is_empty(self) -> bool {
        !self.left && !self.through && !self.right
    }

    /// The same as seen in a mirror.
    #[must_use]
    pub const fn mirrored(self) -> Self {
        Self { left: self.right, through: self.through, right: self.left }
    }
}

/// The sign at the end of a road.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// Yield.
    GiveWay,
    /// Stop, then yield.
    Stop,
}

/// What is painted on roads and stands beside them, by position in [`BareMap::roads`]; what is not here is decided by the builder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Markings {
    /// Arrows by road and lane.
    pub arrows: BTreeMap<(usize, usize), LaneArrows>,
    /// Signs at the ends of roads.
    pub signs: BTreeMap<usize, Sign>,
}

/// A directed road; a two-way street is two of them.
#[derive(Debug, Clone, PartialEq)]
pub struct BareRoad {
    /// Its id, unique.
    pub name: String,
    /// The street's name.
    pub street: Option<String>,
    /// Node it begins at, by position in [`BareMap::nodes`].
    pub from: usize,
    /// Node it ends at.
    pub to: usize,
    /// The street's centre line in the direction of travel. Lanes lie to its right; for a one-way street (`centred`) they lie
    /// around it. It leads from node to node, or ends near them where several meeting points are one junction.
    pub line: Polyline,
    /// Whether the lanes lie around the line instead of to its right.
    pub centred: bool,
    /// Its lanes, from the kerb.
    pub lanes: Vec<BareLane>,
    /// Speed limit [m/s].
    pub speed: Speed,
    /// Importance: the higher has the right of way.
    pub priority: i32,
    /// Type name (`arterial`, `residential`).
    pub road_type: Option<String>,
}

/// A bare map.
#[derive(Debug, Clone, PartialEq)]
pub struct BareMap {
    /// Nodes.
    pub nodes: Vec<BareNode>,
    /// Directed roads.
    pub roads: Vec<BareRoad>,
    /// Forbidden turns: from road to road, by position in `roads`.
    pub turn_bans: Vec<(usize, usize)>,
    /// Arrows and signs.
    pub markings: Markings,
    /// Whether one drives on the left.
    pub left_hand: bool,
    /// Place on earth.
    pub projection: Projection,
}

impl BareMap {
    /// Builds the network: junction shapes, internal lanes, allowed turns, right of way and signal plans.
    ///
    /// # Errors
    /// Every problem of the map at once: unknown nodes, roads without lanes or length, two names alike.
    pub fn build(&self) -> Result<Network, Findings> {
        super::junction_builder::build(self)
    }
}
