//! Roads and travellers from the sources a scenario names: maps, SUMO files, and trips made up from homes and jobs.
//!
//! Only joins what the readers and the synthesiser bring. Knows no output.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::model::{DemandSource, MapSource, Scenario};
use crate::city::demand::Demand;
use crate::city::network::Network;
use crate::primitives::text::{Findings, Place, Problem};

/// Roads and what else their file knows.
#[derive(Debug)]
pub(super) struct Roads {
    /// The roads.
    pub network: Arc<Network>,
    /// Files read.
    pub files: Vec<PathBuf>,
    /// What was left out.
    pub left_out: BTreeMap<String, u64>,
}

/// Travellers of all sources together.
#[derive(Debug)]
pub(super) struct Travellers {
    /// The travellers.
    pub demand: Demand,
    /// Files read.
    pub files: Vec<PathBuf>,
    /// What was left out.
    pub left_out: BTreeMap<String, u64>,
}

/// Reads the roads.
pub(super) fn roads(map: &MapSource) -> Result<Roads, Findings> {
    let _ = map;
    let mut f = Findings::default();
    f.problem(Problem::new(Place::file("map"), "not there yet"));
    Err(f)
}

/// Reads and makes up the travellers.
pub(super) fn travellers(scenario: &Scenario, roads: &Roads) -> Result<Travellers, Findings> {
    let _ = (scenario, roads);
    let _ = DemandSource::SumoRoutes(Vec::new());
    let mut f = Findings::default();
    f.problem(Problem::new(Place::file("demand"), "not there yet"));
    Err(f)
}
