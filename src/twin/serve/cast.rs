//! What of a scenario does not change while its city runs, as sessions need it: how it is made, and what ambulances are called.
//!
//! Shared by a session, its checkpoints and its forks.

use std::sync::Arc;

use crate::city::network::Network;
use crate::city::scenario::LoadedScenario;
use crate::primitives::SimTime;
use crate::primitives::text::closest;
use crate::studies::experiment::Prepared;

/// A scenario ready to be run, and what is looked up in it over and over.
#[derive(Debug)]
pub(super) struct Cast {
    /// The scenario.
    pub prepared: Prepared,
    /// Names of ambulances, by number.
    pub units: Vec<Arc<str>>,
}

impl Cast {
    pub(super) fn of(prepared: Prepared) -> Self {
        let loaded = prepared.loaded();
        let plan = loaded.emergencies.iter();
        let units = plan.flat_map(|plan| plan.units.iter().map(|unit| Arc::from(unit.name.as_str()))).collect();
        Self { prepared, units }
    }

    pub(super) fn loaded(&self) -> &LoadedScenario {
        self.prepared.loaded()
    }

    pub(super) fn network(&self) -> &Arc<Network> {
        &self.loaded().network
    }

    /// When the city begins.
    pub(super) fn begin(&self) -> SimTime {
        self.loaded().settings.begin
    }
}

/// ` Did you mean ...?` where a name is like what was written; nothing where none is.
pub(super) fn meant<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    closest(word, names).map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

/// What somebody wrote, short enough to be shown back.
pub(super) fn shown(word: &str) -> String {
    const SHOWN_MAX: usize = 80;
    if word.chars().count() <= SHOWN_MAX {
        return word.to_owned();
    }
    word.chars().take(SHOWN_MAX).chain(['…']).collect()
}
