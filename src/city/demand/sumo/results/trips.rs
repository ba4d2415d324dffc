//! Trips that were made (`<tripinfos>`): from which road to which, when, and how long they took.
//!
//! A trip sets out when it wished to: its departure less the time it waited for room. Its way is not in the file, so the traffic decides it.

use std::path::Path;

use crate::city::demand::model::{ArrivalSpeed, DepartLane, DepartPosition, DepartSpeed};
use crate::city::network::Network;
use crate::city::network::xml::{Element, Item, Source, walk};
use crate::primitives::ids::EdgeId;
use crate::primitives::text::{Findings, Place};
use crate::primitives::{Distance, SimDuration, SimTime, Speed};

use super::super::ReadSettings;
use super::super::kerb::suggest_lane;
use super::super::rows::{RawArrival, RawDepart, RawVehicle, RawWay, Rows};
use super::{AT_REST, arrival, is_root};

/// A trip that was made.
#[derive(Debug, Clone, PartialEq)]
pub struct TripRow {
    /// Where the file says so.
    pub place: Place,
    /// The vehicle.
    pub name: String,
    /// Its type, if the file says it.
    pub kind: Option<String>,
    /// The road it began on.
    pub from: EdgeId,
    /// The road it ended on.
    pub to: EdgeId,
    /// When it wished to depart [s].
    pub wished: SimTime,
    /// When it entered the road [s].
    pub depart: SimTime,
    /// Time on the road [s]; none where the file does not say it.
    pub duration: Option<SimDuration>,
    position: f64,
    speed: f64,
    arrival: RawArrival,
}

/// Reads the trips of a file that arrived; the findings say what was left out.
///
/// # Errors
/// A file that cannot be read, is another one, or names roads that do not exist; all at once.
pub fn read_trips(path: &Path, network: &Network) -> Result<(Vec<TripRow>, Findings), Findings> {
    let mut findings = Findings::default();
    let mut list = Vec::new();
    match Source::open(path) {
        Ok(source) => each(&source, network, &mut findings, |trip, _| list.push(trip)),
        Err(problem) => findings.problem(problem),
    }
    if findings.is_ok() { Ok((list, findings)) } else { Err(findings) }
}

/// Adds the trips of a file to the rows of demand.
pub(super) fn gather(
    source: &Source,
    network: &Network,
    settings: &ReadSettings,
    rows: &mut Rows,
    findings: &mut Findings,
) {
    each(source, network, findings, |trip, _| {
        if !settings.is_due(trip.wished) {
            rows.not_due += 1;
            return;
        }
        let name = |edge: EdgeId| network.edge(edge).name.clone();
        rows.add_recorded(RawVehicle {
            place: trip.place,
            order: 0,
            tag: "trip",
            name: trip.name,
            type_name: trip.kind,
            depart: RawDepart::At(trip.wished),
            lane: DepartLane::Best,
            position: DepartPosition::At(Distance::metres(trip.position)),
            speed: if trip.speed < AT_REST { DepartSpeed::At(Speed::ZERO) } else { DepartSpeed::Max },
            arrival: trip.arrival,
            arrival_speed: ArrivalSpeed::Current,
            line: None,
            way: RawWay::Ends { from: name(trip.from), via: Vec::new(), to: name(trip.to) },
            stops: Vec::new(),
        });
    });
}

/// Reads trips one after the other.
fn each(source: &Source, network: &Network, findings: &mut Findings, mut handle: impl FnMut(TripRow, &mut Findings)) {
    walk(source, findings, |item, findings| {
        let Item::Open(element) = item else { return true };
        match element.name {
            _ if element.depth == 0 => return is_root(element, "tripinfos", findings),
            "tripinfo" => {
                if let Some(trip) = read(element, network, findings) {
                    handle(trip, findings);
                }
            }
            other => findings.unsupported(format!("<{other}> of a tripinfo"), 1),
        }
        // Emissions and batteries within a trip say nothing about who travels.
        false
    });
}

fn read(element: &Element<'_>, network: &Network, findings: &mut Findings) -> Option<TripRow> {
    let name = element.required("id", findings)?.into_owned();
    let depart = element.required("depart", findings).and_then(|_| element.time("depart", findings))?;
    let delay = element.time("departDelay", findings).map_or(SimDuration::ZERO, |delay| delay - SimTime::ZERO);
    let (start, goal) = (element.required("departLane", findings)?, element.required("arrivalLane", findings)?);
    let arrived = element.time("arrival", findings).is_none_or(|time| time >= SimTime::ZERO);
    if start.is_empty() {
        findings.unsupported("trips that never entered the road", 1);
        return None;
    }
    if goal.is_empty() || !arrived || element.get("vaporized").is_some_and(|how| !how.is_empty()) {
        findings.unsupported("trips without an arrival, whose destination nobody knows", 1);
        return None;
    }
    let lanes = [&start, &goal].map(|lane| {
        let found = network.find_lane(lane).filter(|id| !network.edge_of(*id).is_internal());
        if found.is_none() {
            let problem = element.problem(format!("trip '{name}' has an unknown lane '{lane}'"));
            findings.problem(suggest_lane(problem, lane, network));
        }
        found
    });
    let [Some(first), Some(last)] = lanes else { return None };
    let mut number = |attribute: &str| element.number(attribute, findings);
    let (position, speed) = (number("departPos").unwrap_or(0.0), number("departSpeed").unwrap_or(0.0));
    let reached = number("arrivalPos").unwrap_or(f64::INFINITY);
    let duration = element.time("duration", findings).map(|time| time - SimTime::ZERO);
    let (from, to) = (network.lane(first).edge, network.lane(last).edge);
    if from == to && reached < position {
        findings.unsupported("trips that end behind where they begin on the same road", 1);
        return None;
    }
    Some(TripRow {
        place: element.place(),
        name,
        kind: element.get("vType").filter(|kind| !kind.is_empty()).map(str::to_owned),
        from,
        to,
        wished: depart - delay,
        depart,
        duration: duration.filter(|span| *span >= SimDuration::ZERO),
        position: position.clamp(0.0, network.lane(first).length.as_metres()),
        speed,
        arrival: arrival(reached, network.lane(last).length),
    })
}
