//! What a running city remembers of the changes made in it, beyond what its actors and its road do.

use std::collections::BTreeMap;

use bevy_ecs::prelude::*;

use super::weather::Sky;
use crate::simulation::traffic::road::Road;

/// Barriers across a road.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Barriers {
    /// Each with its id as a block and its lane.
    pub ids: Vec<(u32, u32)>,
    /// Whether they are wanted now. Barriers that were taken away are kept for the next time.
    pub closed: bool,
}

/// Changes that were made since the city was assembled; there from the first on.
#[derive(Resource, Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Live {
    /// How many.
    pub made: u64,
    /// Roads that were closed by hand, by edge.
    pub barriers: BTreeMap<u32, Barriers>,
    /// How many incidents and calls were made by hand.
    pub brought: u32,
    /// The weather, if it was made by hand.
    pub sky: Option<Sky>,
}

impl Live {
    /// Whether its barriers are such as a road of the same city has; for what comes from outside.
    pub(crate) fn fits(&self, road: &Road) -> bool {
        let mut all = self.barriers.values().flat_map(|barriers| &barriers.ids);
        all.all(|&(id, lane)| road.has_block(id) && (lane as usize) < road.lanes.len())
    }
}
