//! Candidates: the distinct routes of files, and how often each is given.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::city::demand::model::VehicleKind;
use crate::city::demand::sumo::read_routes;
use crate::city::network::Network;
use crate::primitives::ids::EdgeId;
use crate::primitives::text::{Findings, Place, Problem};

/// The most candidates.
const CANDIDATES_MAX: usize = 200_000;

/// A route that may be driven.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Its roads in order.
    pub edges: Vec<EdgeId>,
    /// How often it is given, next to the others.
    pub weight: f64,
}

/// Reads the distinct routes of SUMO's route files, also of its vehroute output: those of vehicles and trips, and those that stand alone.
/// Each is as likely as it is often given.
///
/// # Errors
/// Files that cannot be read, roads that do not exist, routes that are not connected for the kind of vehicle; all at once. No route at
/// all, or too many.
pub fn read_candidates(
    files: &[PathBuf],
    network: &Network,
    kind: &VehicleKind,
) -> Result<(Vec<Candidate>, Findings), Findings> {
    let (routes, left_out) = read_routes(files, network, kind)?;
    let mut weights: BTreeMap<Vec<EdgeId>, f64> = BTreeMap::new();
    for route in routes {
        *weights.entry(route).or_default() += 1.0;
    }
    let place = || Place::file(files.first().cloned().unwrap_or_default());
    let wrong = |message: String, help: &str| {
        let mut findings = Findings::default();
        findings.problem(Problem::new(place(), message).help(help));
        Err(findings)
    };
    if weights.is_empty() {
        return wrong("there is no route to choose from".to_owned(), "name a file with <route>, <vehicle> or <trip>");
    }
    if weights.len() > CANDIDATES_MAX {
        let message = format!("there are {} different routes, more than {CANDIDATES_MAX}", weights.len());
        return wrong(message, "leave some out");
    }
    let candidates = weights.into_iter().map(|(edges, weight)| Candidate { edges, weight });
    Ok((candidates.collect(), left_out))
}
