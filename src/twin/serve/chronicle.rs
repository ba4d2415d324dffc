//! What is open in a city, kept from what happened in it step by step: incidents, calls, ambulances.
//!
//! Part of a session's state: a checkpoint and a fork take it along. Knows no name and no road.

use std::collections::{BTreeMap, BTreeSet};

use crate::primitives::SimTime;
use crate::simulation::City;
use crate::simulation::outcome::{Happening, IncidentChange, Stage};

/// What is open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Chronicle {
    /// Incidents that are not over, with when they began.
    pub incidents: BTreeMap<u32, SimTime>,
    /// Calls that are not over.
    pub calls: BTreeSet<u32>,
}

impl Chronicle {
    /// Takes note of what the last step left; whether anything happened to an incident or a call.
    pub(super) fn note(&mut self, city: &City) -> bool {
        let mut news = false;
        for happened in city.happenings() {
            match happened.what {
                Happening::Incident { incident, change } => {
                    news = true;
                    match change {
                        IncidentChange::Began => drop(self.incidents.insert(incident, happened.at)),
                        IncidentChange::Held => {}
                        IncidentChange::Cleared => drop(self.incidents.remove(&incident)),
                    }
                }
                Happening::Call { call, stage, .. } => {
                    news = true;
                    if stage == Stage::Clear {
                        self.calls.remove(&call);
                    } else {
                        self.calls.insert(call);
                    }
                }
                Happening::Unit { .. } | Happening::Hospital { .. } => {}
            }
        }
        news
    }
}
