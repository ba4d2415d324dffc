//! Counts at roads: how many vehicles passed between two clock times.
//!
//! A count may be of several roads together, such as a screenline or both directions of a street. Knows no trips.

use std::path::Path;

use super::table::{Row, Table};
use crate::city::network::Network;
use crate::primitives::ids::EdgeId;
use crate::primitives::text::{Findings, Problem, closest};
use crate::primitives::{SimTime, units};

/// The most counts of a fit; a system of equations of that size is solved.
pub const COUNTS_MAX: usize = 2_000;

/// A count.
#[derive(Debug, Clone, PartialEq)]
pub struct Count {
    /// What the file calls it.
    pub name: String,
    /// The roads; what passes any of them is counted.
    pub roads: Vec<EdgeId>,
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
    /// Vehicles an hour.
    pub fn hourly(&self) -> f64 {
        self.vehicles / ((self.to - self.from).as_seconds() / 3600.0)
    }
}

/// Reads counts: `road,from,to,vehicles`; several roads are parted by spaces, a street stands for all its pieces in both directions
/// only if it has but one in each.
///
/// # Errors
/// A file that is too large or no table, roads that do not exist, times that are no times, vehicles that are no number, negative or
/// without end; all at once.
pub fn read_counts(path: &Path, network: &Network) -> Result<Vec<Count>, Findings> {
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
    if table.rows.len() > COUNTS_MAX {
        findings.problem(
            Problem::new(table.place.clone(), format!("there are more than {COUNTS_MAX} counts"))
                .help("leave some out"),
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
        list.push(Count { name: row.get(road).to_owned(), roads, from, to, vehicles, line: row.line });
    }
    list
}

fn time(table: &Table, row: &Row, text: &str, findings: &mut Findings) -> Option<SimTime> {
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
