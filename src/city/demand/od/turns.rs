//! Counts of turns: how many vehicles drove from one road straight into another between two clock times.
//!
//! Either a table `from,to,begin,end,vehicles` or SUMO's `<edgeRelation from to count>` in intervals.

use std::path::Path;

use super::counts::{Count, time};
use super::table::{Row, Table};
use crate::city::demand::sumo::is_result;
use crate::city::network::Network;
use crate::city::network::xml::{Item, Source, walk};
use crate::primitives::SimTime;
use crate::primitives::ids::EdgeId;
use crate::primitives::text::{Findings, Place, Problem, closest};

/// The most turns counted.
const ROWS_MAX: usize = 200_000;

/// Reads counts of turns.
///
/// # Errors
/// A file that is too large or none of both kinds, roads that do not exist or do not follow on one another, times that are no times,
/// vehicles that are no number; all at once.
pub fn read_turns(path: &Path, network: &Network) -> Result<Vec<Count>, Findings> {
    let mut findings = Findings::default();
    let list = match is_result(path) {
        Ok(true) => match Source::open(path) {
            Ok(source) => relations(&source, network, &mut findings),
            Err(problem) => {
                findings.problem(problem);
                Vec::new()
            }
        },
        Ok(false) => match Table::read(path, &mut findings) {
            Some(table) => rows(&table, network, &mut findings),
            None => Vec::new(),
        },
        Err(problem) => {
            findings.problem(problem);
            Vec::new()
        }
    };
    if list.len() > ROWS_MAX {
        let problem = Problem::new(Place::file(path), format!("there are more than {ROWS_MAX} turns"));
        findings.problem(problem.help("leave some out"));
    }
    if findings.is_ok() { Ok(list) } else { Err(findings) }
}

fn rows(table: &Table, network: &Network, findings: &mut Findings) -> Vec<Count> {
    let columns = (
        table.column(&["from", "road"]),
        table.column(&["to", "next"]),
        table.column(&["begin", "start"]),
        table.column(&["end"]),
        table.column(&["vehicles", "count", "flow", "volume"]),
    );
    let (Some(from), Some(to), Some(begin), Some(end), Some(vehicles)) = columns else {
        table.wrong(&table.head, "a column is missing", "the columns are `from,to,begin,end,vehicles`", findings);
        return Vec::new();
    };
    let mut list = Vec::new();
    for row in &table.rows {
        let turn = turn(network, (row.get(from), row.get(to)));
        let turn = turn.map_err(|(message, help)| table.wrong(row, message, &help, findings)).ok();
        let mut clock = |row: &Row, column: usize| time(table, row, row.get(column), findings);
        let (begin, end) = (clock(row, begin), clock(row, end));
        let vehicles = table.amount(row, vehicles, "the number of vehicles", findings);
        let (Some(turn), Some(begin), Some(end), Some(vehicles)) = (turn, begin, end, vehicles) else { continue };
        if begin >= end {
            let message = format!("the count ends at {end}, not after {begin}");
            table.wrong(row, message, "write the earlier time first", findings);
            continue;
        }
        list.push(count(network, turn, (begin, end), vehicles, row.line));
    }
    list
}

fn relations(source: &Source, network: &Network, findings: &mut Findings) -> Vec<Count> {
    let mut list = Vec::new();
    let mut span: Option<(SimTime, SimTime)> = None;
    walk(source, findings, |item, findings| {
        let Item::Open(element) = item else { return true };
        match element.name {
            _ if element.depth == 0 => {}
            "interval" => {
                let mut time = |name: &str| element.required(name, findings).and_then(|_| element.time(name, findings));
                span = time("begin").zip(time("end"));
                if let Some((begin, end)) = span.filter(|(begin, end)| begin >= end) {
                    let message = format!("the interval ends at {end}, and begins at {begin}");
                    findings.problem(element.problem(message));
                    span = None;
                }
            }
            "edgeRelation" => {
                let (from, to) = (element.required("from", findings), element.required("to", findings));
                let vehicles = element.required("count", findings).and_then(|_| element.number("count", findings));
                let (Some(from), Some(to), Some(vehicles), Some(span)) = (from, to, vehicles, span) else {
                    return false;
                };
                if vehicles < 0.0 {
                    findings.problem(element.problem(format!("'count' of <edgeRelation> is negative: {vehicles}")));
                    return false;
                }
                match turn(network, (&from, &to)) {
                    Ok(turn) => list.push(count(network, turn, span, vehicles, element.place().line)),
                    Err((message, help)) => findings.problem(element.problem(message).help(help)),
                }
            }
            other => {
                findings.problem(
                    element
                        .problem(format!("<{other}> is no count of a turn"))
                        .help("SUMO's counts of turns are <edgeRelation from to count> in an <interval begin end>"),
                );
                return false;
            }
        }
        true
    });
    list
}

fn count(
    network: &Network,
    (road, next): (EdgeId, EdgeId),
    (from, to): (SimTime, SimTime),
    vehicles: f64,
    line: u32,
) -> Count {
    let name = |edge: EdgeId| network.edge(edge).name.as_str();
    Count {
        name: format!("{} > {}", name(road), name(next)),
        roads: vec![road],
        next: Some(next),
        from,
        to,
        vehicles,
        line,
    }
}

/// The roads of a turn; otherwise what is wrong and what to do.
fn turn(network: &Network, (from, to): (&str, &str)) -> Result<(EdgeId, EdgeId), (String, String)> {
    let road = |name: &str| {
        let found = network.find_edge(name).filter(|&edge| !network.edge(edge).is_internal());
        found.ok_or_else(|| {
            let help = closest(name, network.roads().map(|(_, edge)| edge.name.as_str()))
                .map_or_else(|| "name an edge of the map".to_owned(), |like| format!("did you mean `{like}`?"));
            (format!("there is no road `{name}`"), help)
        })
    };
    let (from, to) = (road(from)?, road(to)?);
    let follows = network
        .edge(from)
        .lane_ids()
        .any(|lane| network.lane(lane).link_ids().any(|link| network.lane(network.link(link).to).edge == to));
    if follows {
        return Ok((from, to));
    }
    let name = |edge: EdgeId| &network.edge(edge).name;
    Err((format!("nobody can turn from `{}` into `{}`", name(from), name(to)), "name two roads that meet".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::city::network::sumo::read_source;
    use crate::city::network::sumo::tests::T_JUNCTION;

    fn told(text: &str) -> Result<Vec<(String, f64, f64)>, Vec<String>> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("turns");
        std::fs::write(&path, text).expect("a file");
        let network = read_source(&Source::from_text("t.net.xml", T_JUNCTION)).expect("it reads").0;
        let problem = |problem: &Problem| format!("{}: {}", problem.place.line, problem.message);
        read_turns(&path, &network)
            .map(|list| list.iter().map(|one| (one.name.clone(), one.from.as_seconds(), one.vehicles)).collect())
            .map_err(|findings| findings.problems().iter().map(problem).collect())
    }

    #[test]
    fn a_table_and_relations_say_the_same() {
        let turns = [("wc > ce".to_owned(), 25_200.0, 30.0), ("sc > cw".to_owned(), 25_200.0, 4.0)];
        let table = "from,to,begin,end,vehicles\nwc,ce,07:00,08:00,30\nsc,cw,07:00,08:00,4\n";
        assert_eq!(told(table).expect("sound"), turns);
        let relations = r#"<data><interval id="a" begin="25200" end="8:00:00"><edgeRelation from="wc" to="ce" count="30"/>
            <edgeRelation from="sc" to="cw" count="4"/></interval></data>"#;
        assert_eq!(told(relations).expect("sound"), turns);
    }

    #[test]
    fn every_mistake_is_told_with_its_line() {
        let table = "from,to,begin,end,vehicles\nwc,cc,07:00,08:00,30\nwc,sc,07:00,08:00,3\nwc,ce,08:00,07:00,-1\nwc,ce,08:00,07:00,1\n";
        let wrong = told(table).expect_err("mistakes");
        assert_eq!(wrong[..2], ["2: there is no road `cc`", "3: nobody can turn from `wc` into `sc`"]);
        assert_eq!(
            wrong[2..],
            [
                "4: the number of vehicles cannot be -1, which is negative",
                "5: the count ends at 07:00:00, not after 08:00:00"
            ]
        );
        let wrong = told(r#"<data><interval begin="5" end="1"/><edge/></data>"#).expect_err("mistakes");
        assert_eq!(
            wrong,
            ["1: the interval ends at 00:00:01, and begins at 00:00:05", "1: <edge> is no count of a turn"]
        );
    }
}
