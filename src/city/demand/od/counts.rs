//! Counts at roads: how many vehicles passed between two clock times.
//!
//! A count may be of several roads together, such as a screenline or both directions of a street. Knows no trips.

use std::collections::BTreeMap;
use std::path::Path;

use super::table::{Row, Table};
use crate::city::demand::sumo::{RoadRow, is_result, read_roads};
use crate::city::network::Network;
use crate::primitives::ids::EdgeId;
use crate::primitives::text::{Findings, Place, Problem, closest};
use crate::primitives::{SimTime, units};

/// The most counts of a fit; a system of equations of that size is solved.
pub const COUNTS_MAX: usize = 2_000;
/// The most rows of a table of counts.
const ROWS_MAX: usize = 200_000;

/// A count.
#[derive(Debug, Clone, PartialEq)]
pub struct Count {
    /// What the file calls it.
    pub name: String,
    /// The roads; what passes any of them is counted.
    pub roads: Vec<EdgeId>,
    /// For a count of a turn the road into which those from the one road turn.
    pub next: Option<EdgeId>,
    /// From when.
    pub from: SimTime,
    /// Until when.
    pub to: SimTime,
    /// How many vehicles passed; finite and not negative.
    pub vehicles: f64,
    /// The line of the file.
    pub line: u32,
}

impl Count {
    /// Whether who drives this way is counted.
    pub fn is_passed_by(&self, way: &[EdgeId]) -> bool {
        match self.next {
            Some(next) => way.windows(2).any(|turn| self.roads.contains(&turn[0]) && turn[1] == next),
            None => way.iter().any(|edge| self.roads.contains(edge)),
        }
    }

    /// Vehicles an hour.
    pub fn hourly(&self) -> f64 {
        self.vehicles / ((self.to - self.from).as_seconds() / 3600.0)
    }
}

/// Where counts come from.
#[derive(Debug, Clone, Copy)]
pub struct CountsFile<'a> {
    /// The table, or SUMO's edge data or output of induction loops.
    pub path: &'a Path,
    /// The additional file that says where loops lie.
    pub detectors: Option<&'a Path>,
    /// What becomes of the intervals of results.
    pub intervals: Intervals,
}

/// What becomes of the intervals of results; those of a table stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intervals {
    /// Each is a count of its own.
    Each,
    /// Those between these times that follow on one another are added up, road by road.
    Within(SimTime, SimTime),
}

impl CountsFile<'_> {
    /// Reads the counts; the findings say what was left out.
    ///
    /// # Errors
    /// A file that is too large or no table, roads that do not exist, times that are no times, vehicles that are no number, as [`read_roads`],
    /// all at once; more counts than `most`.
    pub fn read(&self, network: &Network, most: usize) -> Result<(Vec<Count>, Findings), Findings> {
        let just = |problem: Problem| {
            let mut findings = Findings::default();
            findings.problem(problem);
            findings
        };
        let (list, left_out) = if is_result(self.path).map_err(just)? {
            let (rows, mut left_out) = read_roads(self.path, self.detectors, network)?;
            (self.of_results(&rows, network, &mut left_out).map_err(just)?, left_out)
        } else {
            (read_counts(self.path, network)?, Findings::default())
        };
        if list.len() > most {
            let problem =
                Problem::new(Place::file(self.path), format!("there are {} counts, more than {most}", list.len()));
            return Err(just(problem.help("leave some out: write those wanted as a table `road,from,to,vehicles`")));
        }
        Ok((list, left_out))
    }

    /// Counts of roads from rows of results: neighbouring intervals are one.
    fn of_results(&self, rows: &[RoadRow], network: &Network, left_out: &mut Findings) -> Result<Vec<Count>, Problem> {
        if rows.iter().all(|row| row.vehicles.is_none()) {
            let problem = Problem::new(Place::file(self.path), "the file says of no road how many vehicles used it");
            return Err(problem.help("edge data need `entered` and `left`, loops `nVehContrib` or `flow`"));
        }
        let mut by_road: BTreeMap<EdgeId, Vec<Count>> = BTreeMap::new();
        for row in rows {
            let Some(vehicles) = row.vehicles else { continue };
            if let Intervals::Within(from, to) = self.intervals
                && (row.begin < from || row.end > to)
            {
                left_out.unsupported("intervals of counts that do not lie in the time of the trips", 1);
                continue;
            }
            let counts = by_road.entry(row.road).or_default();
            match counts.last_mut().filter(|last| self.intervals != Intervals::Each && last.to == row.begin) {
                Some(last) => {
                    last.to = row.end;
                    last.vehicles += vehicles;
                }
                None => counts.push(Count {
                    name: network.edge(row.road).name.clone(),
                    roads: vec![row.road],
                    next: None,
                    from: row.begin,
                    to: row.end,
                    vehicles,
                    line: row.line,
                }),
            }
        }
        Ok(by_road.into_values().flatten().collect())
    }
}

/// Reads counts: `road,from,to,vehicles`; several roads are parted by spaces, a street stands for all its pieces in both directions
/// only if it has but one in each.
///
/// # Errors
/// A file that is too large or no table, roads that do not exist, times that are no times, vehicles that are no number, negative or
/// without end; all at once.
fn read_counts(path: &Path, network: &Network) -> Result<Vec<Count>, Findings> {
    let mut findings = Findings::default();
    let list = Table::read(path, &mut findings).map(|table| counts(&table, network, &mut findings));
    match list {
        Some(list) if findings.is_ok() => Ok(list),
        _ => Err(findings),
    }
}

pub(super) fn counts(table: &Table, network: &Network, findings: &mut Findings) -> Vec<Count> {
    let columns = (
        table.column(&["road", "roads", "edge", "link"]),
        table.column(&["from", "begin", "start"]),
        table.column(&["to", "end"]),
        table.column(&["vehicles", "count", "flow", "volume"]),
    );
    let (Some(road), Some(from), Some(to), Some(vehicles)) = columns else {
        table.wrong(&table.head, "a column is missing", "the columns are `road,from,to,vehicles`", findings);
        return Vec::new();
    };
    if table.rows.len() > ROWS_MAX {
        findings.problem(
            Problem::new(table.place.clone(), format!("there are more than {ROWS_MAX} counts")).help("leave some out"),
        );
        return Vec::new();
    }
    let mut list = Vec::with_capacity(table.rows.len());
    for row in &table.rows {
        let roads = roads(table, row, row.get(road), network, findings);
        let (begin, end) = (time(table, row, row.get(from), findings), time(table, row, row.get(to), findings));
        let vehicles = table.amount(row, vehicles, "the number of vehicles", findings);
        let (Some(roads), Some(from), Some(to), Some(vehicles)) = (roads, begin, end, vehicles) else { continue };
        if from >= to {
            table.wrong(
                row,
                format!("the count ends at {to}, not after {from}"),
                "write the earlier time first",
                findings,
            );
            continue;
        }
        list.push(Count { name: row.get(road).to_owned(), roads, next: None, from, to, vehicles, line: row.line });
    }
    list
}

pub(super) fn time(table: &Table, row: &Row, text: &str, findings: &mut Findings) -> Option<SimTime> {
    match units::read_clock(text) {
        Ok((_, seconds)) => Some(SimTime::seconds(seconds)),
        Err(wrong) => {
            table.wrong(row, wrong.message, &wrong.help, findings);
            None
        }
    }
}

/// The roads of a field: one by its id or its street, or ids parted by spaces.
fn roads(table: &Table, row: &Row, text: &str, network: &Network, findings: &mut Findings) -> Option<Vec<EdgeId>> {
    let road = |name: &str| network.find_edge(name).filter(|&edge| !network.edge(edge).is_internal());
    if let Some(edge) = road(text) {
        return Some(vec![edge]);
    }
    let street: Vec<EdgeId> =
        network.roads().filter(|(_, edge)| edge.street.as_deref() == Some(text)).map(|(edge, _)| edge).collect();
    match street.as_slice() {
        [] => {}
        [_] => return Some(street),
        many => {
            let names: Vec<String> =
                many.iter().take(6).map(|edge| format!("`{}`", network.edge(*edge).name)).collect();
            let help = format!("name the pieces that were counted by their ids, such as {}", names.join(", "));
            table.wrong(row, format!("the street `{text}` has {} pieces", many.len()), &help, findings);
            return None;
        }
    }
    let mut list = Vec::new();
    for name in text.split_whitespace() {
        let Some(edge) = road(name) else {
            let help = closest(name, network.roads().map(|(_, edge)| edge.name.as_str()))
                .map_or_else(|| "name an edge of the map".to_owned(), |like| format!("did you mean `{like}`?"));
            table.wrong(row, format!("there is no road `{name}`"), &help, findings);
            return None;
        };
        list.push(edge);
    }
    if list.is_empty() {
        table.wrong(row, "a count without its road", "name the road it was made at", findings);
        return None;
    }
    list.sort_unstable();
    list.dedup();
    Some(list)
}
