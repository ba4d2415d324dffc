//! The key `observe:` of a comparison: what of the roads is looked at every second while a run goes.
//!
//! Looking costs time, so a run looks at what is asked for: by this key, or by a measure that needs it, in the headline or in an
//! expectation. Knows no result.

use schemars::JsonSchema;
use serde::Deserialize;

use super::indicators::Needs;

/// Something that is looked at while a run goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ObserveKey {
    /// Queues before junctions, and how long they block the junction behind.
    Queues,
    /// Headways of buses at their stops.
    Headways,
    /// Time to collision between followers and leaders.
    Safety,
    /// Who passes which road how fast, and how loud that makes it.
    Noise,
    /// What stated engines give off on which road, and what becomes of it beside the roads.
    Air,
}

/// What is looked at while a run goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "what is looked at are independent choices")]
pub struct Observe {
    /// Queues before junctions.
    pub queues: bool,
    /// Headways of buses at their stops.
    pub headways: bool,
    /// Time to collision between followers and leaders.
    pub safety: bool,
    /// Noise of the roads.
    pub noise: bool,
    /// The air beside the roads.
    pub air: bool,
}

impl Observe {
    /// Looks at this, too.
    pub(super) const fn add(&mut self, key: ObserveKey) {
        match key {
            ObserveKey::Queues => self.queues = true,
            ObserveKey::Headways => self.headways = true,
            ObserveKey::Safety => self.safety = true,
            ObserveKey::Noise => self.noise = true,
            ObserveKey::Air => self.air = true,
        }
    }

    /// Looks at what a measure needs, too.
    pub(super) const fn need(&mut self, needs: Needs) {
        match needs {
            Needs::Nothing
            | Needs::Engines
            | Needs::Prices
            | Needs::Parking
            | Needs::Access
            | Needs::Aboard
            | Needs::Boardings => {}
            Needs::Queues => self.queues = true,
            Needs::Headways => self.headways = true,
            Needs::Safety => self.safety = true,
            Needs::Noise => self.noise = true,
            Needs::Air | Needs::Dioxide | Needs::Particles => self.air = true,
        }
    }
}
