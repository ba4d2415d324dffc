//! From the parts an importer or the junction builder has gathered to a whole network.
//!
//! Derives what every source leaves implicit: incoming links, whom a link yields to, and where paths over a junction meet.

use super::model::{Edge, Junction, Lane, Link, Network, Projection, Signal};

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
/// [`Junction::links`], [`Signal::links`].
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

/// Makes the network whole.
pub fn assemble(_parts: NetworkParts) -> Network {
    unimplemented!()
}
