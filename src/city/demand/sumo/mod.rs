//! SUMO's demand and additional files (`.rou.xml`, `.add.xml`, plain or gzip) as a [`Demand`].
//!
//! Reads in two rounds: `rows` gathers elements with their lines over all files, then types, routes, stops and vehicles are
//! resolved against the network. What does not drive on roads is left out and counted. Writes both as well. Runs nothing.

mod flows;
mod journey;
mod kerb;
mod results;
mod routes;
mod rows;
mod types;
mod vehicles;
mod write;

use std::path::PathBuf;

use crate::city::network::xml::Source;
use crate::city::network::{Network, SignalProgram};
use crate::city::routing::Router;
use crate::primitives::ids::EdgeId;
use crate::primitives::random::Seed;
use crate::primitives::text::{Findings, Place};
use crate::primitives::{SimDuration, SimTime};

use super::model::{Demand, DepartLane, DepartSpeed, VehicleKind};
pub(crate) use journey::{parse_depart_lane, parse_depart_speed};
pub use results::{Recording, RoadRow, TripRow, is_result, read_roads, read_trips};
use routes::Routes;
use rows::Rows;
pub(super) use types::default_kind;
pub use write::{Written, write_demand};

/// What reading demand depends on besides the files.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReadSettings {
    /// Vehicles that depart earlier are not due [s].
    pub begin: SimTime,
    /// Vehicles that depart at this instant or later are not due; none means all are [s].
    pub end: Option<SimTime>,
    /// Root of the draws: which type and route of a distribution a vehicle has, and when a random flow departs.
    pub seed: Seed,
    /// Time of waiting after which patience is gone [s]; SUMO's `time-to-impatience`.
    pub impatience_after: SimDuration,
    /// Which lane a vehicle starts on that does not say so.
    pub depart_lane: DepartLane,
    /// How fast a vehicle starts that does not say so.
    pub depart_speed: DepartSpeed,
    /// Whether vehicles without a sound route are left out and counted instead of being problems.
    pub ignore_route_errors: bool,
}

impl Default for ReadSettings {
    /// Everything is due; otherwise the defaults of SUMO 1.28, which since then starts vehicles on the best lane at the speed
    /// of the traffic around them.
    fn default() -> Self {
        Self {
            begin: SimTime::ZERO,
            end: None,
            seed: Seed(42),
            impatience_after: SimDuration::seconds(180.0),
            depart_lane: DepartLane::BestProbable,
            depart_speed: DepartSpeed::Average,
            ignore_route_errors: false,
        }
    }
}

impl ReadSettings {
    fn is_due(&self, time: SimTime) -> bool {
        time >= self.begin && self.end.is_none_or(|end| time < end)
    }
}

/// A signal program from an additional file: it takes the place of the one that runs.
#[derive(Debug, Clone, PartialEq)]
pub struct ProgramChange {
    /// The signal's name.
    pub signal: String,
    /// Its new program.
    pub program: SignalProgram,
    /// Where it is written.
    pub place: Place,
}

/// What demand and additional files hold.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SumoDemand {
    /// Who travels, and what stands at the kerb.
    pub demand: Demand,
    /// Signal programs, in the order of the files.
    pub programs: Vec<ProgramChange>,
    /// Vehicles that depart before the begin or not before the end.
    pub not_due: usize,
}

/// Reads demand and additional files over a network, in the order given; the findings say what was left out.
///
/// # Errors
/// Every problem of all files at once: not readable, not XML, unknown names, routes that are not connected.
pub fn read_demand(
    files: &[PathBuf],
    network: &Network,
    settings: &ReadSettings,
) -> Result<(SumoDemand, Findings), Findings> {
    read_with_recordings(files, &[], network, settings)
}

/// The same with files of results, of which everybody who drove becomes a traveller; the other files may describe their types.
///
/// # Errors
/// As [`read_demand`].
pub fn read_with_recordings(
    files: &[PathBuf],
    recordings: &[(PathBuf, Recording)],
    network: &Network,
    settings: &ReadSettings,
) -> Result<(SumoDemand, Findings), Findings> {
    let mut findings = Findings::default();
    let mut open = |file: &PathBuf| match Source::open(file) {
        Ok(source) => Some(source),
        Err(problem) => {
            findings.problem(problem);
            None
        }
    };
    let sources: Vec<Source> = files.iter().filter_map(&mut open).collect();
    let recorded: Vec<_> = recordings.iter().filter_map(|(file, how)| Some((open(file)?, *how))).collect();
    let demand = read_all(&sources, &recorded, network, settings, &mut findings);
    if findings.is_ok() { Ok((demand, findings)) } else { Err(findings) }
}

/// Every route of files that a kind of vehicle can drive, as often as it is given: those of vehicles once for each of them, those that stand
/// alone once, and of trips the fastest way on empty roads. Departures count for nothing.
///
/// # Errors
/// As [`read_demand`].
pub fn read_routes(
    files: &[PathBuf],
    network: &Network,
    kind: &VehicleKind,
) -> Result<(Vec<Vec<EdgeId>>, Findings), Findings> {
    let mut findings = Findings::default();
    let mut rows = Rows::default();
    for file in files {
        match Source::open(file) {
            Ok(source) => rows.gather(&source, &ReadSettings::default(), &mut findings),
            Err(problem) => findings.problem(problem),
        }
    }
    let router = Router::new(network);
    let mut routes = Routes::new(network, &router, &rows);
    let ids = routes.all(kind, &mut findings);
    let list = ids.into_iter().map(|id| routes.edges(id).to_vec()).collect();
    if findings.is_ok() { Ok((list, findings)) } else { Err(findings) }
}

#[cfg(test)]
pub(crate) fn read_sources(
    sources: &[Source],
    network: &Network,
    settings: &ReadSettings,
    findings: &mut Findings,
) -> SumoDemand {
    read_all(sources, &[], network, settings, findings)
}

fn read_all(
    sources: &[Source],
    recordings: &[(Source, Recording)],
    network: &Network,
    settings: &ReadSettings,
    findings: &mut Findings,
) -> SumoDemand {
    let mut rows = Rows::default();
    for source in sources {
        rows.gather(source, settings, findings);
    }
    for (source, recording) in recordings {
        recording.gather(source, network, settings, &mut rows, findings);
    }
    let used = rows.vehicles.iter().map(|row| row.type_name.as_deref().unwrap_or(types::DEFAULT_TYPE)).collect();
    rows.types.finish(&used, settings.impatience_after, findings);
    rows.types.adopt(&rows.recorded_types, settings.impatience_after, findings);
    let mut demand = Demand::default();
    kerb::resolve(&rows, network, &mut demand, findings);
    demand.kinds = rows.types.kinds();
    let router = Router::new(network);
    let mut routes = Routes::new(network, &router, &rows);
    let (vehicles, not_due) = vehicles::resolve(&rows, &mut routes, &demand, settings, findings);
    demand.vehicles = vehicles;
    demand.routes = routes.into_routes();
    SumoDemand { demand, programs: rows.programs, not_due }
}

#[cfg(test)]
mod tests;
