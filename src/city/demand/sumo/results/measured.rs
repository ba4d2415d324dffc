//! What was counted and timed on roads: edge data (`<meandata>`) and the output of induction loops (`<detector>`).
//!
//! A road's vehicles are those that came onto it, whether from another road or by setting out there, or those that left it, whichever are
//! more. Loops count what passes a lane; a road is counted where each lane that cars may use has a loop, by the loop furthest along.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;

use crate::city::demand::model::DetectorKind;
use crate::city::network::Network;
use crate::city::network::xml::{Element, Item, Source, suggest, walk};
use crate::primitives::ids::{EdgeId, LaneId};
use crate::primitives::text::{Findings, Place, Problem};
use crate::primitives::{SimTime, VehicleClass};

use super::super::{ReadSettings, read_demand};

/// The most rows of a file.
const ROWS_MAX: usize = 5_000_000;
/// The most names for which a similar one is looked for.
const SIMILAR_MAX: usize = 10;

/// What was counted and timed on a road in an interval.
#[derive(Debug, Clone, PartialEq)]
pub struct RoadRow {
    /// The road.
    pub road: EdgeId,
    /// From when [s].
    pub begin: SimTime,
    /// Until when [s].
    pub end: SimTime,
    /// Vehicles that used it, if the file says so.
    pub vehicles: Option<f64>,
    /// Mean time to drive all of it [s], if anybody did.
    pub seconds: Option<f64>,
    /// The line of the file.
    pub line: u32,
}

/// Whether a file looks like XML, plain or gzip, and not like a table.
///
/// # Errors
/// A file that cannot be read.
pub fn is_result(path: &Path) -> Result<bool, Problem> {
    let cannot = |error: std::io::Error| Problem::new(Place::file(path), format!("cannot be read: {error}"));
    let mut head = Vec::new();
    std::fs::File::open(path).map_err(cannot)?.take(512).read_to_end(&mut head).map_err(cannot)?;
    let text = head.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(&head);
    Ok(head.starts_with(&[0x1f, 0x8b]) || text.trim_ascii_start().starts_with(b"<"))
}

/// Reads edge data or the output of induction loops; `detectors` is the additional file that says where those lie. In the order of the
/// file, loops by interval and road. The findings say what was left out.
///
/// # Errors
/// Files that cannot be read or are others, roads and loops that do not exist, numbers that are none, a road twice in an interval; all at
/// once.
pub fn read_roads(
    path: &Path,
    detectors: Option<&Path>,
    network: &Network,
) -> Result<(Vec<RoadRow>, Findings), Findings> {
    let mut findings = Findings::default();
    let source = match Source::open(path) {
        Ok(source) => source,
        Err(problem) => {
            findings.problem(problem);
            return Err(findings);
        }
    };
    let mut reader = Reader {
        network,
        of_loops: None,
        interval: None,
        of: None,
        rows: Vec::new(),
        known: BTreeSet::new(),
        strangers: BTreeSet::new(),
        passed: BTreeMap::new(),
    };
    walk(&source, &mut findings, |item, findings| match item {
        Item::Open(element) => reader.open(element, findings),
        Item::Close(_) => true,
    });
    if reader.of_loops == Some(true) {
        reader.loops(&source, detectors, &mut findings);
    }
    if findings.is_ok() { Ok((reader.rows, findings)) } else { Err(findings) }
}

/// An interval of a loop: begin and end.
type Span = (SimTime, SimTime);

struct Reader<'n> {
    network: &'n Network,
    /// Whether the file is of loops; none before its root is read.
    of_loops: Option<bool>,
    interval: Option<Span>,
    /// The definition whose edge data are taken: the first of the file.
    of: Option<String>,
    rows: Vec<RoadRow>,
    known: BTreeSet<(EdgeId, SimTime)>,
    strangers: BTreeSet<String>,
    /// Vehicles that passed each loop in each interval, with the line.
    passed: BTreeMap<(Span, String), (f64, u32)>,
}

impl Reader<'_> {
    fn open(&mut self, element: &Element<'_>, findings: &mut Findings) -> bool {
        match element.name {
            "meandata" | "detector" if element.depth == 0 => self.of_loops = Some(element.name == "detector"),
            other if element.depth == 0 => {
                let problem = element.problem(format!("<{other}> holds neither edge data nor what loops counted"));
                findings.problem(
                    problem.help("name SUMO's edge data (<meandata>) or the output of its loops (<detector>)"),
                );
                return false;
            }
            "interval" => return self.interval(element, findings),
            "edge" if self.of_loops == Some(false) => {
                self.edge(element, findings);
                return false;
            }
            "lane" => return false,
            other => {
                findings.unsupported(format!("<{other}> of results"), 1);
                return false;
            }
        }
        true
    }

    fn interval(&mut self, element: &Element<'_>, findings: &mut Findings) -> bool {
        let mut time = |name: &str| element.required(name, findings).and_then(|_| element.time(name, findings));
        let (Some(begin), Some(end)) = (time("begin"), time("end")) else { return false };
        if end <= begin {
            findings.problem(element.problem(format!("the interval ends at {end}, and begins at {begin}")));
            return false;
        }
        if self.rows.len() >= ROWS_MAX || self.passed.len() >= ROWS_MAX {
            findings.problem(element.problem(format!("there are more than {ROWS_MAX} rows")).help("split it by time"));
            return false;
        }
        self.interval = Some((begin, end));
        if self.of_loops == Some(true) {
            self.counted_by_loop(element, (begin, end), findings);
            return false;
        }
        let id = element.get("id").unwrap_or_default();
        if self.of.get_or_insert_with(|| id.to_owned()) != id {
            findings.unsupported("intervals of further definitions of edge data in the file", 1);
            return false;
        }
        true
    }

    fn edge(&mut self, element: &Element<'_>, findings: &mut Findings) {
        let (Some((begin, end)), Some(name)) = (self.interval, element.required("id", findings)) else { return };
        let Some(road) = self.network.find_edge(&name) else {
            if self.strangers.insert(name.to_string()) {
                let problem = element.problem(format!("there is no road '{name}'"));
                let near = self.strangers.len() <= SIMILAR_MAX;
                findings.problem(if near { suggest(problem, &name, self.network.edge_names()) } else { problem });
            }
            return;
        };
        if self.network.edge(road).is_internal() {
            return;
        }
        if !self.known.insert((road, begin)) {
            findings.problem(element.problem(format!("road '{name}' is there twice from {begin}")));
            return;
        }
        let mut number = |name: &str| amount(element, name, findings);
        let (entered, departed) = (number("entered"), number("departed"));
        let (left, arrived) = (number("left"), number("arrived"));
        let sum = |one: Option<f64>, other: Option<f64>| one.map(|one| one + other.unwrap_or(0.0));
        let vehicles = match (sum(entered, departed), sum(left, arrived)) {
            (Some(came), Some(went)) => Some(came.max(went)),
            (one, other) => one.or(other),
        };
        let seconds = number("traveltime").filter(|seconds| *seconds > 0.0);
        self.rows.push(RoadRow { road, begin, end, vehicles, seconds, line: element.place().line });
    }

    fn counted_by_loop(&mut self, element: &Element<'_>, span: Span, findings: &mut Findings) {
        let Some(name) = element.required("id", findings) else { return };
        let hours = (span.1 - span.0).as_seconds() / 3600.0;
        let passed = amount(element, "nVehContrib", findings);
        let passed = passed.or_else(|| amount(element, "flow", findings).map(|flow| flow * hours));
        let Some(passed) = passed else {
            let problem = element.problem(format!("'{name}' says neither 'nVehContrib' nor 'flow'"));
            return findings.problem(problem.help("only what induction loops (E1) counted is read"));
        };
        if self.passed.insert((span, name.to_string()), (passed, element.place().line)).is_some() {
            findings.problem(element.problem(format!("loop '{name}' is there twice from {}", span.0)));
        }
    }

    /// Makes rows of roads from what loops counted.
    fn loops(&mut self, source: &Source, detectors: Option<&Path>, findings: &mut Findings) {
        let Some(file) = detectors else {
            let problem = Problem::new(source.place.clone(), "the file does not say where its loops lie");
            return findings.problem(problem.help("name the additional file that has them as `detectors`"));
        };
        let read = match read_demand(&[file.to_owned()], self.network, &ReadSettings::default()) {
            Ok((read, left_out)) => {
                findings.absorb(left_out);
                read
            }
            Err(wrong) => return findings.absorb(wrong),
        };
        // The loop furthest along each lane.
        let mut places: BTreeMap<LaneId, (f64, &str)> = BTreeMap::new();
        let mut there = BTreeSet::new();
        for detector in &read.demand.detectors {
            let DetectorKind::Loop { position } = detector.kind else { continue };
            let Some(&lane) = detector.lanes.first() else { continue };
            there.insert(detector.name.as_str());
            let place = places.entry(lane).or_insert((position.as_metres(), &detector.name));
            if position.as_metres() > place.0 {
                *place = (position.as_metres(), &detector.name);
            }
        }
        for ((_, name), (_, line)) in &self.passed {
            if !there.contains(name.as_str()) && self.strangers.insert(name.clone()) {
                let message = format!("no file says where loop '{name}' lies");
                let problem = Problem::new(source.place.at(*line, 0), message);
                findings.problem(suggest(problem, name, there.iter().copied()));
            }
        }
        let roads: BTreeSet<EdgeId> = places.keys().map(|lane| self.network.lane(*lane).edge).collect();
        let spans: BTreeSet<Span> = self.passed.keys().map(|(span, _)| *span).collect();
        let mut rows = Vec::new();
        for road in roads {
            let lanes = self.network.edge(road).lane_ids();
            let cars: Vec<LaneId> =
                lanes.filter(|lane| self.network.lane(*lane).allowed.contains(VehicleClass::Passenger)).collect();
            let loops: Option<Vec<&str>> = cars.iter().map(|lane| places.get(lane).map(|place| place.1)).collect();
            let Some(loops) = loops.filter(|loops| !loops.is_empty()) else {
                findings.unsupported("roads with loops on some of their lanes only", 1);
                continue;
            };
            for span in &spans {
                let counted: Option<Vec<(f64, u32)>> =
                    loops.iter().map(|name| self.passed.get(&(*span, (*name).to_owned())).copied()).collect();
                let Some(counted) = counted else { continue };
                let line = counted.first().map_or(0, |one| one.1);
                let vehicles = Some(counted.iter().map(|one| one.0).sum());
                rows.push(RoadRow { road, begin: span.0, end: span.1, vehicles, seconds: None, line });
            }
        }
        rows.sort_by_key(|row| (row.begin, row.end, row.road));
        self.rows = rows;
    }
}

/// A number that is not negative.
fn amount(element: &Element<'_>, name: &str, findings: &mut Findings) -> Option<f64> {
    let number = element.number(name, findings)?;
    if number >= 0.0 {
        return Some(number);
    }
    // SUMO writes -1 for the mean of nothing.
    if name != "traveltime" {
        findings.problem(element.problem(format!("'{name}' of <{}> is negative: {number}", element.name)));
    }
    None
}
