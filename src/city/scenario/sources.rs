//! Roads and travellers from the sources a scenario names: maps, SUMO files, and trips made up from homes and jobs.
//!
//! Only joins what the readers and the synthesiser bring. Knows no output.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::join::join;
use super::model::{DemandSource, MapSource, Scenario, Synthetic};
use super::sumocfg::apply_programs;
use crate::city::demand::Demand;
use crate::city::demand::sumo::{ReadSettings, read_demand};
use crate::city::network::Network;
use crate::city::network::sumo::read_network;
use crate::primitives::text::{Findings, Problem};

/// Roads and what else their file knows.
#[derive(Debug)]
pub(super) struct Roads {
    /// The roads.
    pub network: Network,
    /// Files read.
    pub files: Vec<PathBuf>,
    /// What was left out; no problems.
    pub left_out: Findings,
}

/// Travellers of all sources together.
#[derive(Debug)]
pub(super) struct Travellers {
    /// The travellers.
    pub demand: Demand,
    /// Files read.
    pub files: Vec<PathBuf>,
    /// What was left out; no problems.
    pub left_out: Findings,
}

/// Reads the roads.
pub(super) fn roads(map: &MapSource) -> Result<Roads, Findings> {
    match map {
        MapSource::SumoNet(file) => {
            let (network, left_out) = read_network(&file.path)?;
            Ok(Roads { network, files: vec![file.path.clone()], left_out })
        }
        MapSource::City(file) => {
            let mut findings = Findings::default();
            findings.problem(Problem::new(file.place.clone(), "maps of this program cannot be read yet"));
            Err(findings)
        }
    }
}

/// Reads and makes up the travellers; signal programs of additional files go into the roads.
pub(super) fn travellers(scenario: &Scenario, roads: &mut Roads) -> Result<Travellers, Findings> {
    let mut travellers = sumo(scenario, roads)?;
    for source in &scenario.demand {
        let DemandSource::Synthetic(synthetic) = source else { continue };
        let made = synthetic_demand(synthetic)?;
        refuse_same_names(&travellers.demand, &made, synthetic)?;
        travellers.demand = join(travellers.demand, made);
    }
    Ok(travellers)
}

/// All SUMO files of all sources are read together, additional files first, as SUMO does: routes may name what stands in any.
fn sumo(scenario: &Scenario, roads: &mut Roads) -> Result<Travellers, Findings> {
    let mut files = Vec::new();
    for source in &scenario.demand {
        if let DemandSource::SumoAdditional(named) = source {
            files.extend(named.iter().map(|file| file.path.clone()));
        }
    }
    for source in &scenario.demand {
        if let DemandSource::SumoRoutes(named) = source {
            files.extend(named.iter().map(|file| file.path.clone()));
        }
    }
    if files.is_empty() {
        return Ok(Travellers { demand: Demand::default(), files, left_out: Findings::default() });
    }
    let settings = ReadSettings {
        begin: scenario.begin(),
        end: Some(scenario.end()),
        seed: scenario.seed,
        ..ReadSettings::default()
    };
    let (read, mut left_out) = read_demand(&files, &roads.network, &settings)?;
    apply_programs(read.programs, &mut roads.network, &mut left_out);
    if left_out.is_ok() { Ok(Travellers { demand: read.demand, files, left_out }) } else { Err(left_out) }
}

fn refuse_same_names(there: &Demand, made: &Demand, synthetic: &Synthetic) -> Result<(), Findings> {
    let names: BTreeSet<&str> = there.vehicles.iter().map(|vehicle| vehicle.name.as_str()).collect();
    let Some(twice) = made.vehicles.iter().find(|vehicle| names.contains(vehicle.name.as_str())) else { return Ok(()) };
    let message = format!("synthetic demand and another source both have a vehicle `{}`", twice.name);
    let mut findings = Findings::default();
    findings.problem(
        Problem::new(synthetic.place.clone(), message)
            .help("keep one synthetic source, or rename the vehicles of the file"),
    );
    Err(findings)
}

fn synthetic_demand(synthetic: &Synthetic) -> Result<Demand, Findings> {
    let mut findings = Findings::default();
    findings.problem(Problem::new(synthetic.place.clone(), "travellers cannot be made up yet"));
    Err(findings)
}
