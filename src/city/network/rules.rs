//! Traffic rules that differ from those a network was built with: limits and permissions of single lanes.
//!
//! A network is never changed; whoever wants other rules makes a copy that has them. Shapes, links, right of way and ids stay as
//! they are, so that everything that names a lane of the one names the same lane of the other. Knows no time of day.

use super::model::Network;
use crate::primitives::ids::LaneId;
use crate::primitives::{ClassSet, Speed};

/// What holds on a lane, on a road or across a junction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LaneRule {
    /// The lane.
    pub lane: LaneId,
    /// Speed limit [m/s].
    pub speed: Speed,
    /// Who may use it.
    pub allowed: ClassSet,
    /// Who else may use it to get to a place on roads like it, or away from one.
    pub access: ClassSet,
}

impl LaneRule {
    /// What holds on a lane of a network.
    pub fn of(network: &Network, lane: LaneId) -> Self {
        let built = network.lane(lane);
        Self { lane, speed: built.speed, allowed: built.allowed, access: ClassSet::EMPTY }
    }
}

impl Network {
    /// The same network with other rules on some of its lanes, as those see it who have no business there.
    #[must_use]
    pub fn with_rules(&self, rules: &[LaneRule]) -> Self {
        self.with(rules, |rule| rule.allowed)
    }

    /// The same as those see it who have business wherever that opens a lane.
    #[must_use]
    pub fn with_access(&self, rules: &[LaneRule]) -> Self {
        self.with(rules, |rule| rule.allowed.union(rule.access))
    }

    fn with(&self, rules: &[LaneRule], allowed: impl Fn(&LaneRule) -> ClassSet) -> Self {
        let mut network = self.clone();
        for rule in rules {
            let lane = &mut network.lanes[rule.lane.index()];
            lane.speed = rule.speed;
            lane.allowed = allowed(rule);
        }
        network
    }
}
