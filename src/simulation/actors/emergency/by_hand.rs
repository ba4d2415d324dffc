//! What people at a desk have taken over from the dispatcher, or told it; there from the first time on that somebody did.

use std::collections::BTreeMap;

use bevy_ecs::prelude::*;

/// What is done by hand.
#[derive(Resource, Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct ByHand {
    /// Whether calls wait until somebody at a desk sends an ambulance.
    pub dispatching: bool,
    /// Hospitals that were named for an ambulance, by its number, until it leaves for one or is free again.
    pub hospitals: BTreeMap<u32, u32>,
    /// Hospitals with other bays than they began with, by number, and how many.
    pub bays: BTreeMap<u32, u32>,
}

impl ByHand {
    /// Whether it speaks of a service of so many ambulances and hospitals; for what comes from outside.
    pub(crate) fn fits(&self, units: usize, hospitals: usize) -> bool {
        let is_one = |number: u32| (number as usize) < hospitals;
        self.hospitals.iter().all(|(&unit, &hospital)| (unit as usize) < units && is_one(hospital))
            && self.bays.keys().all(|&hospital| is_one(hospital))
    }
}
