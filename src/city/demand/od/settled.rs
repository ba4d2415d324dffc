//! Where people live and work, as points; and zones of a grid that gathers them.

use std::collections::BTreeSet;
use std::path::Path;

use super::ends::Outlines;
use super::frame::Frame;
use super::matrix::ZONES_MAX;
use super::table::Table;
use super::zones::{Zone, Zones};
use crate::city::network::Network;
use crate::primitives::ids::EdgeId;
use crate::primitives::text::{Findings, Place, Problem};

/// Side of the square a gate is drawn as [m].
const GATE_SIDE: f64 = 40.0;

/// People and jobs at a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settlement {
    /// Longitude and latitude [°], or metres where the map has no place on earth.
    pub at: [f64; 2],
    /// Inhabitants; finite and not negative.
    pub people: f64,
    /// Jobs; finite and not negative.
    pub jobs: f64,
}

/// What zones hold, in their order.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// Inhabitants of each.
    pub people: Vec<f64>,
    /// Jobs of each.
    pub jobs: Vec<f64>,
    /// Points that lie in no zone.
    pub outside: usize,
}

/// Reads points from CSV: `lon,lat,people,jobs`, or `x` and `y`; without a column `jobs` there are as many jobs as people.
///
/// # Errors
/// A file that is too large or no table, columns that are missing, coordinates that are no numbers or on no earth, people or jobs that
/// are no number, negative or without end, and points without anybody at all; all at once.
pub fn read_settlements(path: &Path) -> Result<Vec<Settlement>, Findings> {
    let mut findings = Findings::default();
    let list = Table::read(path, &mut findings).map(|table| settlements(&table, &mut findings));
    match list {
        Some(list) if findings.is_ok() => Ok(list),
        _ => Err(findings),
    }
}

fn settlements(table: &Table, findings: &mut Findings) -> Vec<Settlement> {
    let columns = (
        table.column(&["lon", "longitude", "lng", "x"]),
        table.column(&["lat", "latitude", "y"]),
        table.column(&["people", "population", "inhabitants", "residents"]),
    );
    let (Some(x), Some(y), Some(people)) = columns else {
        let help = "the columns are `lon` and `lat`, or `x` and `y`, then `people` and perhaps `jobs`";
        table.wrong(&table.head, "a column is missing", help, findings);
        return Vec::new();
    };
    let jobs = table.column(&["jobs", "workplaces", "employment"]);
    let on_earth = table.column(&["lon", "longitude", "lng"]).is_some();
    let mut list = Vec::with_capacity(table.rows.len());
    for row in &table.rows {
        let number = |column: usize| row.get(column).parse::<f64>().ok().filter(|number| number.is_finite());
        let (Some(x), Some(y)) = (number(x), number(y)) else {
            table.wrong(row, "a point without two numbers for its place", "write a point before decimals", findings);
            continue;
        };
        if on_earth && (x.abs() > 180.0 || y.abs() > 90.0) {
            table.wrong(row, format!("{x} {y} is not a longitude and a latitude"), "write degrees", findings);
            continue;
        }
        let people = table.amount(row, people, "the number of people", findings);
        let jobs = jobs.map_or(people, |column| table.amount(row, column, "the number of jobs", findings));
        if let (Some(people), Some(jobs)) = (people, jobs) {
            list.push(Settlement { at: [x, y], people, jobs });
        }
    }
    let sum = |of: fn(&Settlement) -> f64| list.iter().map(of).sum::<f64>();
    if findings.is_ok() && (sum(|one| one.people) <= 0.0 || sum(|one| one.jobs) <= 0.0) {
        table.wrong(&table.head, "nobody lives or works in any of the points", "give people and jobs", findings);
    }
    list
}

/// Zones of a square grid, each cell that has a point; named by column and row from the south-west. Cells are doubled in size until
/// there are at most `most` of them.
pub fn grid(network: &Network, points: &[Settlement], size: f64, most: usize) -> Zones {
    let frame = Frame::new(network);
    let planar: Vec<_> = points.iter().map(|point| frame.plane(point.at)).collect();
    // A metre to spare, so that no point lies on the grid's own border.
    let west = planar.iter().map(|point| point.x).fold(f64::INFINITY, f64::min) - 1.0;
    let south = planar.iter().map(|point| point.y).fold(f64::INFINITY, f64::min) - 1.0;
    let most = most.clamp(1, ZONES_MAX);
    let mut size = size.max(1.0);
    let cells = loop {
        let mut cells: BTreeSet<(u32, u32)> = BTreeSet::new();
        for point in &planar {
            cells.insert((cell((point.x - west) / size), cell((point.y - south) / size)));
        }
        if cells.len() <= most {
            break cells;
        }
        size *= 2.0;
    };
    let corner = |column: u32, row: u32| {
        let point = crate::primitives::Point::new(west + f64::from(column) * size, south + f64::from(row) * size);
        frame.drawn(point)
    };
    let zones = cells.into_iter().map(|(column, row)| Zone {
        name: format!("{column}-{row}"),
        rings: vec![vec![
            corner(column, row),
            corner(column + 1, row),
            corner(column + 1, row + 1),
            corner(column, row + 1),
        ]],
        roads: Vec::new(),
        line: 0,
    });
    Zones { place: Place::file("zones"), list: zones.collect() }
}

/// The middle of a road as zones are drawn.
pub fn middle(network: &Network, edge: EdgeId) -> [f64; 2] {
    let frame = Frame::new(network);
    frame.drawn(frame.middle(edge))
}

/// A zone tied to roads, drawn as a small square around where the first of them begins.
pub fn gate(network: &Network, name: &str, at: EdgeId, roads: Vec<&String>) -> Zone {
    let frame = Frame::new(network);
    let middle = frame.start(at);
    let corner =
        |x: f64, y: f64| frame.drawn(middle + nalgebra::Vector2::new(x * GATE_SIDE / 2.0, y * GATE_SIDE / 2.0));
    Zone {
        name: name.to_owned(),
        rings: vec![vec![corner(-1.0, -1.0), corner(1.0, -1.0), corner(1.0, 1.0), corner(-1.0, 1.0)]],
        roads: roads.into_iter().cloned().collect(),
        line: 0,
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range first")]
fn cell(along: f64) -> u32 {
    along.floor().clamp(0.0, 1e9) as u32
}

/// Gathers points into zones; a point belongs to the first zone it lies in.
pub fn gather(network: &Network, zones: &Zones, points: &[Settlement]) -> Held {
    let frame = Frame::new(network);
    let outlines = Outlines::new(&frame, zones);
    let nobody = || vec![0.0; zones.list.len()];
    let mut held = Held { people: nobody(), jobs: nobody(), outside: 0 };
    for point in points {
        match outlines.of(frame.plane(point.at)) {
            Some(zone) => {
                held.people[zone] += point.people;
                held.jobs[zone] += point.jobs;
            }
            None => held.outside += 1,
        }
    }
    held
}

/// The side of cells that gives a map about `across` of them along its longer side, between 100 m and 1 km [m].
pub fn cell_size(network: &Network, across: f64) -> f64 {
    let (low, high) = network.bounds();
    ((high.x - low.x).max(high.y - low.y) / across.max(1.0)).clamp(100.0, 1000.0).round()
}

/// Notes that points lie in no zone, if all of them do.
///
/// # Errors
/// When no point lies in any zone.
pub fn refuse_all_outside(held: &Held, points: usize, place: &Place) -> Result<(), Findings> {
    if held.outside < points {
        return Ok(());
    }
    let mut findings = Findings::default();
    let problem = Problem::new(place.clone(), "no point lies in any zone");
    findings.problem(problem.help("are both longitude and latitude, longitude first, of the place of the map?"));
    Err(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Settlement>, Vec<String>> {
        let mut findings = Findings::default();
        let table = Table::parse(Place::file("p.csv"), text.as_bytes(), &mut findings);
        let list = table.map(|table| settlements(&table, &mut findings)).unwrap_or_default();
        let told: Vec<String> = findings.problems().iter().map(ToString::to_string).collect();
        if told.is_empty() { Ok(list) } else { Err(told) }
    }

    #[test]
    fn points_are_read_or_refused_with_their_lines() {
        let points = read("x,y,people,jobs\n1,2,30,4\n").expect("points");
        assert_eq!(points, [Settlement { at: [1.0, 2.0], people: 30.0, jobs: 4.0 }]);
        assert_eq!(read("lon;lat;population\n13.4;52.5;7\n").expect("points")[0].jobs.to_bits(), 7.0_f64.to_bits());
        let told =
            read("lon,lat,people,jobs\n13.4,99,1,1\n13.4,x,1,1\n13.4,52,-1,1\n13.4,52,1,inf\n").expect_err("four");
        for (line, what) in told.iter().zip([
            "p.csv:2: 13.4 99",
            "p.csv:3: a point",
            "p.csv:4: the number of people",
            "p.csv:5: the number of jobs",
        ]) {
            assert!(line.starts_with(what), "{line}");
        }
        assert!(read("x,y\n1,2\n").is_err() && read("x,y,people\n1,2,0\n").is_err());
    }
}
