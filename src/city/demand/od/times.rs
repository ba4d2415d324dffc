//! Times on roads that somebody measured or simulated, as how many times longer than on empty roads each takes.
//!
//! From SUMO's edge data, or from a run of this program: its folder, or the `roads.csv` of it. Knows no trips.

use std::collections::BTreeMap;
use std::path::Path;

use super::table::Table;
use crate::city::demand::model::VehicleKind;
use crate::city::demand::sumo::{is_result, read_roads};
use crate::city::network::Network;
use crate::city::routing::Router;
use crate::primitives::SimTime;
use crate::primitives::ids::EdgeId;
use crate::primitives::text::{Findings, Place, Problem};

/// A road is taken to be at most this many times slower than empty: nobody drove off it at all.
const FACTOR_MAX: f64 = 1000.0;

/// Times on roads.
#[derive(Debug, Clone, PartialEq)]
pub struct RoadTimes {
    /// For each edge how many times longer it takes than on empty roads; 1 where nobody drove and at least 1.
    pub factors: Vec<f64>,
    /// Roads with a time.
    pub known: usize,
    /// What of the file was left out, by name with how many.
    pub left_out: BTreeMap<String, u64>,
}

/// Reads the times of the intervals that touch a span; where there are several, their mean by vehicles.
///
/// # Errors
/// A file that cannot be read or is another one, roads that do not exist, numbers that are none; all at once. No time at all.
pub fn read_times(
    path: &Path,
    network: &Network,
    (router, kind): (&Router, &VehicleKind),
    span: (SimTime, SimTime),
) -> Result<RoadTimes, Findings> {
    let mut findings = Findings::default();
    let file = if path.is_dir() { path.join("roads.csv") } else { path.to_owned() };
    let mut sums: BTreeMap<EdgeId, (f64, f64)> = BTreeMap::new();
    let mut add = |road: EdgeId, (begin, end): (SimTime, SimTime), seconds: f64, vehicles: f64| {
        if begin < span.1 && end > span.0 && seconds > 0.0 && vehicles > 0.0 {
            let sum = sums.entry(road).or_default();
            *sum = (sum.0 + seconds * vehicles, sum.1 + vehicles);
        }
    };
    match is_result(&file) {
        Ok(true) => {
            let (rows, left_out) = read_roads(&file, None, network)?;
            findings.absorb(left_out);
            for row in rows {
                if let Some(seconds) = row.seconds {
                    add(row.road, (row.begin, row.end), seconds, row.vehicles.unwrap_or(1.0).max(1.0));
                }
            }
        }
        Ok(false) => {
            if let Some(table) = Table::read(&file, &mut findings) {
                of_run(&table, network, &mut findings, add);
            }
        }
        Err(problem) => findings.problem(problem.help("name edge data, or the folder of a run with its roads.csv")),
    }
    if findings.is_ok() && sums.is_empty() {
        let (from, to) = span;
        let message = format!("the file has no time of any road between {from} and {to}");
        findings.problem(Problem::new(Place::file(file), message).help("name a run of the time of the trips"));
    }
    if !findings.is_ok() {
        return Err(findings);
    }
    let mut factors = vec![1.0; network.edges.len()];
    for (road, (seconds, vehicles)) in &sums {
        if let Some(empty) = router.travel_time(&[*road], kind.class, kind.speed_max) {
            factors[road.index()] = (seconds / vehicles / empty.as_seconds().max(0.001)).clamp(1.0, FACTOR_MAX);
        }
    }
    Ok(RoadTimes { factors, known: sums.len(), left_out: findings.left_out().clone() })
}

/// Rows of a run's `roads.csv`: the mean time is the road's length over the space-mean speed.
fn of_run(
    table: &Table,
    network: &Network,
    findings: &mut Findings,
    mut add: impl FnMut(EdgeId, (SimTime, SimTime), f64, f64),
) {
    let columns = ["begin_s", "end_s", "edge", "sampled_veh_s", "travelled_veh_m"].map(|name| table.column(&[name]));
    let [Some(begin), Some(end), Some(edge), Some(spent), Some(driven)] = columns else {
        return table.wrong(&table.head, "a column is missing", "name the roads.csv of a run", findings);
    };
    for row in &table.rows {
        let Some(road) = network.find_edge(row.get(edge)) else {
            let message = format!("there is no road `{}`", row.get(edge));
            table.wrong(row, message, "is the run of this map?", findings);
            continue;
        };
        let mut number = |column: usize, what: &str| table.amount(row, column, what, findings);
        let (begin, end) = (number(begin, "`begin_s`"), number(end, "`end_s`"));
        let (spent, driven) = (number(spent, "`sampled_veh_s`"), number(driven, "`travelled_veh_m`"));
        let (Some(begin), Some(end), Some(spent), Some(driven)) = (begin, end, spent, driven) else { continue };
        let length = network.edge(road).length.as_metres();
        // Who stood on it all the time has told that it is slow, if not how slow.
        let vehicles = driven / length.max(0.01);
        if spent > 0.0 {
            let seconds = if vehicles > 0.0 { spent / vehicles } else { spent };
            add(road, (SimTime::seconds(begin), SimTime::seconds(end)), seconds, vehicles.max(1e-3));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::city::demand::fleet::kind;
    use crate::city::network::sumo::read_source;
    use crate::city::network::sumo::tests::T_JUNCTION;
    use crate::city::network::xml::Source;
    use crate::primitives::VehicleClass;

    fn factors(name: &str, text: &str) -> Result<(f64, f64, usize), Vec<String>> {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(name), text).expect("a file");
        let network = read_source(&Source::from_text("t.net.xml", T_JUNCTION)).expect("it reads").0;
        let car = kind("car", VehicleClass::Passenger);
        let span = (SimTime::ZERO, SimTime::seconds(600.0));
        let path = if name == "roads.csv" { folder.path().to_owned() } else { folder.path().join(name) };
        let read = read_times(&path, &network, (&Router::new(&network), &car), span);
        let of = |times: &RoadTimes, road: &str| times.factors[network.find_edge(road).expect("a road").index()];
        read.map(|times| (of(&times, "wc"), of(&times, "sc"), times.known))
            .map_err(|wrong| wrong.problems().iter().map(|problem| problem.message.clone()).collect())
    }

    /// A road of 92.8 m at 13.89 m/s takes 6.681 s when it is empty.
    #[test]
    fn a_run_and_edge_data_say_the_same() {
        let edges = r#"<meandata><interval begin="0" end="300" id="a"><edge id="wc" traveltime="13.362" entered="1" left="1"/></interval>
            <interval begin="300" end="600" id="a"><edge id="wc" traveltime="26.724" entered="3" left="3"/><edge id="sc" traveltime="1" entered="3" left="3"/></interval>
            <interval begin="600" end="900" id="a"><edge id="wc" traveltime="99" entered="3" left="3"/></interval></meandata>"#;
        let (slow, fast, known) = factors("edges.xml", edges).expect("sound");
        assert!((slow - 3.5).abs() < 0.01 && (fast - 1.0).abs() < 1e-12 && known == 2, "{slow} {fast} {known}");
        let run = "begin_s,end_s,edge,sampled_veh_s,travelled_veh_m\n0,300,wc,13.362,92.8\n300,600,wc,80.172,278.4\n600,900,wc,1,1\n300,600,sc,0,0\n";
        let (slow, fast, known) = factors("roads.csv", run).expect("sound");
        assert!((slow - 3.5).abs() < 0.01 && (fast - 1.0).abs() < 1e-12 && known == 1, "{slow} {fast} {known}");
    }

    #[test]
    fn what_has_no_times_is_refused() {
        assert_eq!(
            factors("roads.csv", "begin_s,end_s,edge,sampled_veh_s,travelled_veh_m\n900,990,wc,1,1\n")
                .expect_err("late"),
            ["the file has no time of any road between 00:00:00 and 00:10:00"]
        );
        assert_eq!(factors("x.csv", "a,b\n1,2\n").expect_err("another"), ["a column is missing"]);
        assert_eq!(
            factors("x.csv", "begin_s,end_s,edge,sampled_veh_s,travelled_veh_m\n0,9,cw9,1,1\n").expect_err("strange"),
            ["there is no road `cw9`"]
        );
    }
}
