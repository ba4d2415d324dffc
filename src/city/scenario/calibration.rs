//! The key `calibration:`: counted flows and measured travel times that the city as it is can be held against.
//!
//! Two tables of comma-separated values, without quotation marks, with a head: `road,begin,end,count`, and `from,to,begin,end,seconds`.
//! Clock times are those
//! of scenario files. Files of SUMO's results stand for tables (`results`). What lies outside the measured time is left out and counted, so that a table of a whole day serves every hour of
//! it. All mistakes of both tables are told at once, each with its line and column. Knows no result.

mod results;

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

use super::check::Checker;
use super::model::NamedFile;
use super::quantity::At;
use super::units::read_clock;
use crate::city::demand::sumo::is_result;
use crate::city::network::Network;
use crate::primitives::text::{Findings, Place, Problem, closest};
use crate::primitives::{SimDuration, SimTime};
use results::What;

/// The largest table read [bytes].
const FILE_MAX: u64 = 16 << 20;
/// The most rows of a table.
const ROWS_MAX: usize = 100_000;
/// The largest count or time of a row: beyond it a zero is too many.
const FIGURE_MAX: f64 = 1e6;
/// The most names for which a similar one is looked for.
const SIMILAR_MAX: usize = 10;

/// What the city as it is can be held against.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct CalibrationKey {
    /// A table `road,begin,end,count` of vehicles counted on roads, or SUMO's edge data or output of induction loops, relative to the
    /// scenario file.
    pub counts: Option<At<String>>,
    /// SUMO's additional file that says where the loops of `counts` lie.
    pub detectors: Option<At<String>>,
    /// A table `from,to,begin,end,seconds` of mean travel times from the beginning of one road to the end of another, or SUMO's tripinfo or
    /// edge data, relative to the scenario file.
    pub travel_times: Option<At<String>>,
}

/// The tables of a scenario.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CalibrationFiles {
    /// Counted flows.
    pub counts: Option<NamedFile>,
    /// Where loops lie.
    pub detectors: Option<NamedFile>,
    /// Measured travel times.
    pub travel_times: Option<NamedFile>,
}

/// Vehicles counted on a road.
#[derive(Debug, Clone, PartialEq)]
pub struct Counted {
    /// The road, by its id.
    pub road: String,
    /// From when [s].
    pub begin: SimTime,
    /// Until when [s].
    pub end: SimTime,
    /// How many [veh].
    pub count: f64,
}

/// A measured mean travel time.
#[derive(Debug, Clone, PartialEq)]
pub struct Timed {
    /// The road at whose beginning it begins, by its id.
    pub from: String,
    /// The road at whose end it ends, by its id.
    pub to: String,
    /// Of those who begin from then [s].
    pub begin: SimTime,
    /// Until then [s].
    pub end: SimTime,
    /// How long [s].
    pub seconds: f64,
    /// Whether they are trips from somewhere on the first road to somewhere on the last, and not passages from the first's beginning to the
    /// last's end.
    pub whole_trips: bool,
}

/// What was counted and measured in the measured time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Calibration {
    /// Flows, in the order of the table.
    pub counts: Vec<Counted>,
    /// Travel times, in the order of the table.
    pub times: Vec<Timed>,
    /// Rows of both that lie outside the measured time.
    pub outside: usize,
}

impl Checker<'_> {
    /// The tables that a scenario names.
    pub(super) fn calibration(&mut self, key: &At<CalibrationKey>) -> CalibrationFiles {
        let files = CalibrationFiles {
            counts: key.value.counts.as_ref().map(|path| self.named(path)),
            detectors: key.value.detectors.as_ref().map(|path| self.named(path)),
            travel_times: key.value.travel_times.as_ref().map(|path| self.named(path)),
        };
        if let (Some(key), None) = (&key.value.detectors, &files.counts) {
            self.wrong(key.spot, "there are no counts of these detectors", "name what they counted as `counts`");
        } else if files == CalibrationFiles::default() {
            let help = "name a table: `counts: counts.csv` or `travel-times: times.csv`";
            self.wrong(key.spot, "there is nothing to be held against", help);
        }
        files
    }
}

/// When rows count, and the grid that counts have to lie on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    /// From when [s].
    pub from: SimTime,
    /// Until when [s].
    pub until: SimTime,
    /// Length of an interval of the road table [s].
    pub interval: SimDuration,
}

/// Reads the tables; none where the scenario names none. The findings say what was left out of them.
///
/// # Errors
/// Everything wrong with both at once.
pub(super) fn read(
    files: &CalibrationFiles,
    network: &Network,
    measured: Measured,
) -> Result<(Option<Calibration>, Findings), Findings> {
    if *files == CalibrationFiles::default() {
        return Ok((None, Findings::default()));
    }
    let mut findings = Findings::default();
    let mut calibration = Calibration::default();
    let mut reader = Reader { network, measured, findings: &mut findings, strangers: BTreeSet::new() };
    if let Some(file) = &files.counts {
        match is_result(&file.path) {
            Ok(true) => reader.roads(file, files.detectors.as_ref(), What::Counts, &mut calibration),
            // What cannot be read is told by whoever reads it as a table.
            Ok(false) | Err(_) => reader.counts(file, &mut calibration),
        }
    }
    if let Some(file) = &files.travel_times {
        match is_result(&file.path) {
            Ok(true) => reader.measured_times(file, &mut calibration),
            Ok(false) | Err(_) => reader.times(file, &mut calibration),
        }
    }
    if findings.is_ok() { Ok((Some(calibration), findings)) } else { Err(findings) }
}

struct Reader<'a> {
    network: &'a Network,
    measured: Measured,
    findings: &'a mut Findings,
    /// Roads that are not there and have been told.
    strangers: BTreeSet<String>,
}

/// A row with where it stands.
struct Row<'a> {
    place: &'a Place,
    line: u32,
    cells: &'a [&'a str],
}

impl Row<'_> {
    /// Where a cell begins.
    fn at(&self, cell: usize) -> Place {
        let before: usize = self.cells.iter().take(cell).map(|text| text.chars().count() + 1).sum();
        self.place.at(self.line, u32::try_from(before + 1).unwrap_or(u32::MAX))
    }

    fn cell(&self, cell: usize) -> &str {
        self.cells.get(cell).map_or("", |text| text.trim())
    }
}

impl Reader<'_> {
    fn counts(&mut self, file: &NamedFile, calibration: &mut Calibration) {
        self.table(file, &["road", "begin", "end", "count"], |reader, row| {
            let road = reader.road(row, 0);
            let span = reader.span(row, 1);
            let count = reader.figure(row, 3, 0.0);
            let (Some(road), Some((begin, end)), Some(count)) = (road, span, count) else { return };
            let Measured { from, until, interval } = reader.measured;
            if begin < from || end > until {
                calibration.outside += 1;
                return;
            }
            let grid = interval.as_milliseconds().max(1);
            if let Some(cell) =
                [(1, begin), (2, end)].into_iter().find(|(_, time)| (*time - from).as_milliseconds() % grid != 0)
            {
                let message =
                    format!("`{}` does not fall on the end of a road interval of {interval}", row.cell(cell.0));
                let help = "set `road-interval` under `outputs` so that it divides the times of the table";
                reader.findings.problem(Problem::new(row.at(cell.0), message).help(help));
                return;
            }
            calibration.counts.push(Counted { road, begin, end, count });
        });
    }

    fn times(&mut self, file: &NamedFile, calibration: &mut Calibration) {
        self.table(file, &["from", "to", "begin", "end", "seconds"], |reader, row| {
            let (from, to) = (reader.road(row, 0), reader.road(row, 1));
            let span = reader.span(row, 2);
            let seconds = reader.figure(row, 4, 1.0);
            let (Some(from), Some(to), Some((begin, end)), Some(seconds)) = (from, to, span, seconds) else { return };
            if begin < reader.measured.from || end > reader.measured.until {
                calibration.outside += 1;
                return;
            }
            calibration.times.push(Timed { from, to, begin, end, seconds, whole_trips: false });
        });
    }

    /// Reads a table with this head, row by row.
    fn table(&mut self, file: &NamedFile, head: &[&str], mut row: impl FnMut(&mut Self, &Row<'_>)) {
        let place = Place::file(&file.path);
        let text = match text_of(&file.path) {
            Ok(text) => text,
            Err(why) => return self.findings.problem(Problem::new(file.place.clone(), why)),
        };
        let mut count = 0;
        let lines = text.trim_start_matches('\u{feff}').lines().enumerate();
        for (line, text) in lines.filter(|(_, text)| !text.trim().is_empty()) {
            let cells: Vec<&str> = text.split(',').collect();
            let line = u32::try_from(line + 1).unwrap_or(u32::MAX);
            let one = Row { place: &place, line, cells: &cells };
            if count == 0 {
                let written: Vec<&str> = cells.iter().map(|cell| cell.trim()).collect();
                if written != head {
                    let message = format!("the table begins with `{}`", written.join(",").escape_debug());
                    let help = format!("its first line is `{}`", head.join(","));
                    return self.findings.problem(Problem::new(one.at(0), message).help(help));
                }
            } else if cells.len() != head.len() {
                let message = format!("the row has {} cells", cells.len());
                self.findings.problem(Problem::new(one.at(0), message).help(format!("write `{}`", head.join(","))));
            } else {
                row(self, &one);
            }
            count += 1;
            if count > ROWS_MAX {
                let message = format!("the table has more than {ROWS_MAX} rows");
                return self
                    .findings
                    .problem(Problem::new(one.at(0), message).help("leave out what is not in the run"));
            }
        }
        if count == 0 {
            let help = format!("its first line is `{}`", head.join(","));
            self.findings.problem(Problem::new(file.place.clone(), "the table is empty").help(help));
        }
    }

    fn road(&mut self, row: &Row<'_>, cell: usize) -> Option<String> {
        let name = row.cell(cell);
        if self.network.find_edge(name).is_some_and(|edge| !self.network.edge(edge).is_internal()) {
            return Some(name.to_owned());
        }
        if self.strangers.insert(name.to_owned()) {
            let names = self.network.roads().map(|(_, edge)| edge.name.as_str());
            let like = if self.strangers.len() <= SIMILAR_MAX { closest(name, names) } else { None };
            let help = like.map_or_else(
                || "name roads by their ids, as roads.csv of a run has them".to_owned(),
                |like| format!("did you mean `{like}`?"),
            );
            let message = format!("there is no road `{}`", name.escape_debug());
            self.findings.problem(Problem::new(row.at(cell), message).help(help));
        }
        None
    }

    fn span(&mut self, row: &Row<'_>, cell: usize) -> Option<(SimTime, SimTime)> {
        let [begin, end] = [cell, cell + 1].map(|cell| match read_clock(row.cell(cell)) {
            Ok((_, seconds)) => Some(SimTime::seconds(seconds)),
            Err(wrong) => {
                self.findings.problem(Problem::new(row.at(cell), wrong.message).help(wrong.help));
                None
            }
        });
        let (begin, end) = (begin?, end?);
        if end <= begin {
            let message = format!("the interval ends at {end}, and begins at {begin}");
            let help = "its end is later; hours go on past 24 for the next day";
            self.findings.problem(Problem::new(row.at(cell + 1), message).help(help));
            return None;
        }
        Some((begin, end))
    }

    fn figure(&mut self, row: &Row<'_>, cell: usize, low: f64) -> Option<f64> {
        let text = row.cell(cell);
        let figure = text.parse::<f64>().ok().filter(|figure| (low..=FIGURE_MAX).contains(figure));
        if figure.is_none() {
            let message = format!("`{}` is not a number from {low} to {FIGURE_MAX}", text.escape_debug());
            self.findings.problem(Problem::new(row.at(cell), message).help("write a plain number, like `1240`"));
        }
        figure
    }
}

fn text_of(path: &Path) -> Result<String, String> {
    let named = |error: &std::io::Error| format!("`{}` cannot be read: {error}", path.display());
    let file = std::fs::File::open(path).map_err(|error| named(&error))?;
    let mut text = String::new();
    file.take(FILE_MAX + 1).read_to_string(&mut text).map_err(|error| named(&error))?;
    if text.len() as u64 > FILE_MAX {
        return Err(format!("`{}` is larger than {} MiB", path.display(), FILE_MAX >> 20));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::city::network::sumo::read_network;

    const NET: &str = r#"<net version="1.20">
        <edge id=":J_0" function="internal"><lane id=":J_0_0" index="0" speed="13.9" length="4" shape="298,-1.6 302,-1.6"/></edge>
        <edge id="west" from="A" to="J" priority="1"><lane id="west_0" index="0" speed="13.9" length="298" shape="0,-1.6 298,-1.6"/></edge>
        <edge id="east" from="J" to="B" priority="1"><lane id="east_0" index="0" speed="13.9" length="298" shape="302,-1.6 600,-1.6"/></edge>
        <junction id="A" type="dead_end" x="0" y="0" incLanes="" intLanes="" shape="0,0"/>
        <junction id="J" type="priority" x="300" y="0" incLanes="west_0" intLanes=":J_0_0" shape="298,0 302,0">
            <request index="0" response="0" foes="0" cont="0"/></junction>
        <junction id="B" type="dead_end" x="600" y="0" incLanes="east_0" intLanes="" shape="600,0"/>
        <connection from="west" to="east" fromLane="0" toLane="0" via=":J_0_0" dir="s" state="M"/>
        <connection from=":J_0" to="east" fromLane="0" toLane="0" dir="s" state="M"/></net>"#;

    fn tables(counts: &str, times: &str) -> Result<Calibration, Vec<String>> {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("a file");
            path
        };
        let (network, _) =
            read_network(&write("a.net.xml", NET)).unwrap_or_else(|wrong| panic!("{:?}", wrong.problems()));
        let named = |name: &str, text: &str| {
            let path = write(name, text);
            Some(NamedFile { place: Place::file(&path).at(7, 3), path })
        };
        let files = CalibrationFiles {
            counts: named("counts.csv", counts),
            detectors: None,
            travel_times: named("times.csv", times),
        };
        let [from, until] = [7.0, 8.0].map(|hours| SimTime::seconds(hours * 3600.0));
        let measured = Measured { from, until, interval: SimDuration::seconds(300.0) };
        let told = |problem: &Problem| {
            let file = problem.place.file.file_name().map(|name| name.to_string_lossy().into_owned());
            format!("{}:{}:{} {}", file.unwrap_or_default(), problem.place.line, problem.place.column, problem.message)
        };
        read(&files, &network, measured)
            .map(|(read, _)| read.unwrap_or_default())
            .map_err(|findings| findings.problems().iter().map(told).collect())
    }

    const NO_TIMES: &str = "from,to,begin,end,seconds\n";

    #[test]
    fn rows_of_the_measured_time_are_taken_and_others_counted() {
        let counts = "road,begin,end,count\nwest,06:00,07:00,900\nwest, 07:00, 08:00, 1200\neast,07:30,07:45,250.5\n";
        let times = "from,to,begin,end,seconds\nwest,east,07:00,07:30,64.5\nwest,east,08:00,09:00,70\n";
        let calibration = tables(counts, times).expect("nothing to complain of");
        let hour = |hours: f64| SimTime::seconds(hours * 3600.0);
        assert_eq!(
            calibration.counts,
            [
                Counted { road: "west".to_owned(), begin: hour(7.0), end: hour(8.0), count: 1200.0 },
                Counted { road: "east".to_owned(), begin: hour(7.5), end: hour(7.75), count: 250.5 },
            ]
        );
        let timed = Timed {
            from: "west".to_owned(),
            to: "east".to_owned(),
            begin: hour(7.0),
            end: hour(7.5),
            seconds: 64.5,
            whole_trips: false,
        };
        assert_eq!((calibration.times, calibration.outside), (vec![timed], 2));
    }

    #[test]
    fn every_mistake_is_told_with_its_place() {
        let counts = "road,begin,end,count\nwets,07:00,08:00,1\nwest,7,08:00,1\nwest,07:30,07:10,1\nwest,07:00,08:00,-1\n\
                      west,07:00\nwest,07:00,07:59,4\nwets,07:00,08:00,1\n:J_0,07:00,08:00,1\nwest,07:00,08:00,NaN\n";
        let problems = tables(counts, "from,to,begin,seconds\n").expect_err("mistakes");
        let expected = [
            "counts.csv:2:1 there is no road `wets`",
            "counts.csv:3:6 `7` is not a clock time",
            "counts.csv:4:12 the interval ends at",
            "counts.csv:5:18 `-1` is not a number",
            "counts.csv:6:1 the row has 2 cells",
            "counts.csv:7:12 `07:59` does not fall on the end of a road interval",
            "counts.csv:9:1 there is no road `:J_0`",
            "counts.csv:10:18 `NaN` is not a number",
            "times.csv:1:1 the table begins with `from,to,begin,seconds`",
        ];
        assert_eq!(problems.len(), expected.len(), "{problems:#?}");
        for (problem, expected) in problems.iter().zip(expected) {
            assert!(problem.starts_with(expected), "{problem} instead of {expected}");
        }
        assert_eq!(tables("", NO_TIMES).expect_err("empty"), ["counts.csv:7:3 the table is empty"]);
    }
}
