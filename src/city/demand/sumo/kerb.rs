//! What stands at the kerb: bus stops and detectors, resolved to lanes.

use std::collections::BTreeSet;

use crate::city::network::Network;
use crate::city::network::xml::suggest;
use crate::primitives::Distance;
use crate::primitives::ids::{LaneId, StopId};
use crate::primitives::text::{Findings, Problem};

use super::super::model::{BusStop, Demand, Detector, DetectorKind};
use super::rows::{RawKerb, Rows};

/// Least length of a place to stop [m]: twice SUMO's `POSITION_EPS`.
const PLACE_MIN: f64 = 0.2;

/// Resolves bus stops and detectors.
pub(super) fn resolve(rows: &Rows, network: &Network, demand: &mut Demand, findings: &mut Findings) {
    let mut names = BTreeSet::new();
    for raw in &rows.kerb {
        if !names.insert((raw.tag, raw.name.as_str())) {
            findings.problem(Problem::new(raw.place.clone(), format!("there are two of {} '{}'", raw.tag, raw.name)));
            continue;
        }
        let found: Vec<Option<LaneId>> = raw.lanes.iter().map(|name| find_lane(network, name, raw, findings)).collect();
        let Some(lanes) = found.into_iter().collect::<Option<Vec<LaneId>>>() else { continue };
        let Some(&last) = lanes.last() else { continue };
        let what = format!("{} '{}'", raw.tag, raw.name);
        match raw.tag {
            "bus stop" => {
                let Some((start, end)) = stretch(network, last, raw, &what, findings) else { continue };
                let id = StopId::new(demand.bus_stops.len());
                demand.bus_stops.push(BusStop { name: raw.name.clone(), lane: last, start, end });
                demand.bus_stop_by_name.insert(raw.name.clone(), id);
            }
            "loop" => {
                let Some(position) = position(network, last, raw.start, raw, &what, findings) else { continue };
                demand.detectors.push(Detector {
                    name: raw.name.clone(),
                    lanes: vec![last],
                    kind: DetectorKind::Loop { position },
                    period: raw.period,
                });
            }
            _ => {
                let Some(kind) = area(network, &lanes, raw, &what, findings) else { continue };
                demand.detectors.push(Detector { name: raw.name.clone(), lanes, kind, period: raw.period });
            }
        }
    }
}

fn find_lane(network: &Network, name: &str, raw: &RawKerb, findings: &mut Findings) -> Option<LaneId> {
    let found = network.find_lane(name);
    if found.is_none() {
        let problem =
            Problem::new(raw.place.clone(), format!("{} '{}' is on an unknown lane '{name}'", raw.tag, raw.name));
        findings.problem(suggest_lane(problem, name, network));
    }
    found
}

/// Adds the lane meant, where the name is like an edge's or the index is too high.
pub(super) fn suggest_lane(problem: Problem, name: &str, network: &Network) -> Problem {
    let edge = name.rsplit_once('_').map_or(name, |(edge, _)| edge);
    match network.find_edge(edge) {
        Some(id) => problem.help(format!("edge '{edge}' has {} lanes, counted from 0", network.edge(id).lane_count())),
        None => suggest(problem, edge, network.edge_names()),
    }
}

/// A position along a lane, counted from its end where negative; off the lane it is a problem unless friendly.
fn position(
    network: &Network,
    lane: LaneId,
    given: Option<f64>,
    raw: &RawKerb,
    what: &str,
    findings: &mut Findings,
) -> Option<Distance> {
    let length = network.lane(lane).length.as_metres();
    let given = given.unwrap_or(0.0);
    let at = if given < 0.0 { given + length } else { given };
    if !(0.0..=length).contains(&at) && !raw.friendly {
        let message = format!("{what} lies at {given} m of a lane that is {length} m long");
        findings.problem(Problem::new(raw.place.clone(), message).help("set friendlyPos to move it onto the lane"));
        return None;
    }
    Some(Distance::metres(at.clamp(0.0, length)))
}

/// The stretch of a bus stop.
fn stretch(
    network: &Network,
    lane: LaneId,
    raw: &RawKerb,
    what: &str,
    findings: &mut Findings,
) -> Option<(Distance, Distance)> {
    let length = network.lane(lane).length.as_metres();
    let start = position(network, lane, raw.start, raw, what, findings)?.as_metres();
    let end = position(network, lane, Some(raw.end.unwrap_or(length)), raw, what, findings)?.as_metres();
    if end - start >= PLACE_MIN || (raw.friendly && length >= PLACE_MIN) {
        let end = end.max(start + PLACE_MIN).min(length);
        return Some((Distance::metres(start.min(end - PLACE_MIN)), Distance::metres(end)));
    }
    let message = format!("{what} ends before it begins");
    findings.problem(Problem::new(raw.place.clone(), message));
    None
}

/// The stretch of a lane area detector, from its position and length or end.
fn area(
    network: &Network,
    lanes: &[LaneId],
    raw: &RawKerb,
    what: &str,
    findings: &mut Findings,
) -> Option<DetectorKind> {
    let (first, last) = (*lanes.first()?, *lanes.last()?);
    let (length_first, length_last) = (network.lane(first).length.as_metres(), network.lane(last).length.as_metres());
    let (start, end) = match (raw.start, raw.end, raw.length) {
        (Some(start), Some(end), _) => (start, end),
        (Some(start), None, Some(length)) => {
            let start = if start < 0.0 { start + length_first } else { start };
            (start, start + length)
        }
        (None, Some(end), Some(length)) => {
            let end = if end < 0.0 { end + length_last } else { end };
            (end - length, end)
        }
        (start, end, None) => (start.unwrap_or(0.0), end.unwrap_or(length_last)),
        (None, None, Some(_)) => (0.0, length_last),
    };
    let start = position(network, first, Some(start.max(-length_first)), raw, what, findings)?;
    let end = position(network, last, Some(end), raw, what, findings)?;
    if lanes.len() == 1 && end <= start {
        findings.problem(Problem::new(raw.place.clone(), format!("{what} covers nothing")));
        return None;
    }
    Some(DetectorKind::Area { start, end })
}
