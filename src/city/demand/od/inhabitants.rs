//! Who lives and works in zones, and to which groups they belong: a table beside the zones, or what the zones say of themselves.
//!
//! A division parts the people of every zone into groups by shares in per cent: `income` by the columns `income.low`, `income.middle`
//! and `income.high`. Knows no road and no trip.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value as Json;

use super::ends::{End, Inside};
use super::matrix::ZONES_MAX;
use super::table::{Table, bounded};
use super::zones::Zones;
use crate::city::network::Network;
use crate::city::network::places::Places;
use crate::primitives::VehicleClass;
use crate::primitives::ids::EdgeId;
use crate::primitives::text::{Findings, Place, Problem, closest};

/// The largest table read [bytes].
const FILE_MAX: u64 = 16 << 20;
/// The most groups of a division.
const GROUPS_MAX: usize = 20;
/// How far the shares of a zone may be from 100 together, for they are rounded [%].
const ROUNDING: f64 = 1.0;
/// The most people or jobs of a zone: beyond it a zero is too many.
const HELD_MAX: f64 = 1e9;

/// Columns that may name the zone, its people and its jobs.
const ZONE: [&str; 4] = ["zone", "id", "name", "zone_id"];
const PEOPLE: [&str; 4] = ["people", "population", "inhabitants", "residents"];
const JOBS: [&str; 3] = ["jobs", "workplaces", "employment"];

/// People parted into groups.
#[derive(Debug, Clone, PartialEq)]
pub struct Division {
    /// What they are parted by.
    pub name: String,
    /// The groups, in the order of the columns.
    pub groups: Vec<String>,
}

/// What a zone holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Residents {
    /// Its inhabitants; finite and not negative.
    pub people: f64,
    /// Its jobs; finite and not negative.
    pub jobs: f64,
    /// By division and group, the share of its people, 0 to 1; the shares of a division sum to 1 where anybody lives.
    pub shares: Vec<Vec<f64>>,
}

/// What zones hold.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Inhabitants {
    /// How people are parted.
    pub divisions: Vec<Division>,
    /// By name of the zone, those that something is said of.
    pub zones: BTreeMap<String, Residents>,
}

/// The roads of a zone.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ZoneRoads {
    /// A few roads that stand for all of them, with weights that sum to 1; none where a class may use none.
    pub ends: Vec<(EdgeId, f64)>,
    /// All roads on which its trips begin and end.
    pub all: Vec<EdgeId>,
}

/// The roads of every zone that a class may use, in the order of the zones; those of zones without any are empty.
///
/// # Errors
/// Zones that are tied to roads that do not exist, and coordinates that are on no earth; all at once.
pub fn zone_roads(
    network: &Network,
    places: Option<&Places>,
    zones: &Zones,
    class: VehicleClass,
) -> Result<Vec<ZoneRoads>, Findings> {
    let mut findings = Findings::default();
    let inside = Inside::new(network, places, zones, &mut findings);
    if findings.is_ok() && inside.with_roads() == 0 {
        let help = "are the coordinates longitude and latitude, longitude first, of the same place as the map?";
        let problem = Problem::new(zones.place.clone(), "no zone has a road of the map inside");
        findings.problem(problem.help(help));
    }
    if !findings.is_ok() {
        return Err(findings);
    }
    let of = |end: &End| {
        let End::Inside(kerbs) = end else { return ZoneRoads::default() };
        let few = kerbs.few();
        let sum: f64 = few.iter().map(|one| one.1).sum();
        ZoneRoads {
            ends: few.into_iter().map(|(edge, weight)| (edge, weight / sum)).collect(),
            all: kerbs.edges.clone(),
        }
    };
    Ok(inside.ends(class, false).zones.iter().map(of).collect())
}

impl Inhabitants {
    /// Reads a table of zones: `zone,people,jobs` and a column for every group of the `divisions` named, in any order. Zones that are
    /// not in `known` are refused; `people` and `jobs` may be left out where `known` says how many there are.
    ///
    /// # Errors
    /// A file that is too large or no table, columns that are missing, zones that are not known or stand there twice, what is no number,
    /// and shares that do not add up to 100 %; all at once, each with its line and column.
    pub fn read(
        path: &Path,
        known: &BTreeMap<&str, Option<(f64, f64)>>,
        divisions: &[(String, Place)],
    ) -> Result<Self, Findings> {
        let mut findings = Findings::default();
        let sheet = bounded(path, FILE_MAX).map_err(|problem| findings.problem(problem)).ok();
        let sheet = sheet.and_then(|bytes| Sheet::of_csv(&Place::file(path), &bytes, &mut findings));
        sheet.map_or_else(|| Err(findings.clone()), |sheet| sheet.inhabitants(known, divisions, findings.clone()))
    }

    /// Reads the same from the properties of zones, `people`, `jobs`, and `income.low` or `income: {low: ..}`.
    ///
    /// # Errors
    /// As [`Inhabitants::read`].
    pub fn of_properties(
        zones: &Zones,
        properties: &[serde_json::Map<String, Json>],
        divisions: &[(String, Place)],
    ) -> Result<Self, Findings> {
        let known = zones.list.iter().map(|zone| (zone.name.as_str(), None)).collect();
        Sheet::of_zones(zones, properties).inhabitants(&known, divisions, Findings::default())
    }
}

/// A row of a sheet: what zone it is of, and its cells by column, each with where it stands.
#[derive(Debug)]
struct Line {
    place: Place,
    zone: String,
    cells: Vec<(String, Place)>,
}

/// A table of either kind.
#[derive(Debug)]
struct Sheet {
    head: Place,
    columns: Vec<String>,
    rows: Vec<Line>,
}

impl Sheet {
    fn of_csv(place: &Place, bytes: &[u8], findings: &mut Findings) -> Option<Self> {
        let table = Table::parse(place.clone(), bytes, findings)?;
        let text = String::from_utf8_lossy(bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes)).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        let at = |line: u32, field: usize| {
            let text = lines.get((line as usize).saturating_sub(1)).copied().unwrap_or_default();
            place.at(line, column_of(text, field))
        };
        let Some(zone) = table.column(&ZONE) else {
            let problem = Problem::new(at(table.head.line, 0), "no column names the zones");
            findings.problem(problem.help("begin the table with `zone,people,jobs`"));
            return None;
        };
        if table.rows.len() > ZONES_MAX {
            let problem = Problem::new(place.clone(), format!("has {} rows", table.rows.len()));
            findings.problem(problem.help("at most 5,000, one for each zone"));
            return None;
        }
        let columns: Vec<String> = table.head.fields.iter().map(str::to_owned).collect();
        let rows = table.rows.iter().map(|row| Line {
            place: at(row.line, zone),
            zone: row.get(zone).to_owned(),
            cells: (0..columns.len()).map(|field| (row.get(field).to_owned(), at(row.line, field))).collect(),
        });
        Some(Self { head: at(table.head.line, 0), rows: rows.collect(), columns })
    }

    fn of_zones(zones: &Zones, properties: &[serde_json::Map<String, Json>]) -> Self {
        let flat: Vec<BTreeMap<String, String>> = properties.iter().map(flattened).collect();
        let mut columns: Vec<String> = Vec::new();
        for name in flat.iter().flat_map(BTreeMap::keys) {
            if !columns.contains(name) && columns.len() < ZONES_MAX {
                columns.push(name.clone());
            }
        }
        let rows = zones.list.iter().zip(&flat).map(|(zone, said)| {
            let place = zones.place.at(zone.line, 0);
            let cell = |column: &String| (said.get(column).cloned().unwrap_or_default(), place.clone());
            Line { zone: zone.name.clone(), cells: columns.iter().map(cell).collect(), place: place.clone() }
        });
        Self { head: zones.place.clone(), rows: rows.collect(), columns }
    }

    fn column(&self, names: &[&str]) -> Option<usize> {
        self.columns.iter().position(|name| names.iter().any(|wanted| name.eq_ignore_ascii_case(wanted)))
    }

    fn inhabitants(
        &self,
        known: &BTreeMap<&str, Option<(f64, f64)>>,
        wanted: &[(String, Place)],
        mut findings: Findings,
    ) -> Result<Inhabitants, Findings> {
        let (people, jobs) = (self.column(&PEOPLE), self.column(&JOBS));
        let told = known.values().all(Option::is_some);
        for (column, name) in [(people, "people"), (jobs, "jobs")] {
            if column.is_none() && !told {
                let problem = Problem::new(self.head.clone(), format!("nothing says the {name} of the zones"));
                findings.problem(problem.help(format!("add `{name}` to every zone, 0 for none")));
            }
        }
        let mut divisions = Vec::new();
        for (name, place) in wanted {
            divisions.extend(self.division(name, place, &mut findings));
        }
        let mut zones = BTreeMap::new();
        let mut first: BTreeMap<&str, u32> = BTreeMap::new();
        for row in &self.rows {
            let Some(usual) = known.get(row.zone.as_str()) else {
                findings.problem(stranger(row, known));
                continue;
            };
            if let Some(line) = first.insert(&row.zone, row.place.line) {
                let message = format!("the zone `{}` stands in line {line} already", row.zone.escape_debug());
                findings.problem(Problem::new(row.place.clone(), message).help("one row for each zone"));
                continue;
            }
            let usual = usual.unwrap_or_default();
            let mut held = |column: Option<usize>, what: &str, usual: f64| {
                column.map_or(Some(usual), |column| number(&row.cells[column], (what, HELD_MAX), &mut findings))
            };
            let (people, jobs) = (held(people, "people", usual.0), held(jobs, "jobs", usual.1));
            let shares = divisions.iter().map(|one| shares(row, one, people.unwrap_or(1.0), &mut findings)).collect();
            if let (Some(people), Some(jobs)) = (people, jobs) {
                zones.insert(row.zone.clone(), Residents { people, jobs, shares });
            }
        }
        if findings.is_ok() && zones.values().map(|zone| zone.people).sum::<f64>() <= 0.0 {
            findings.problem(Problem::new(self.head.clone(), "nobody lives in any of the zones").help("give `people`"));
        }
        let divisions = divisions.into_iter().map(|(division, _)| division).collect();
        if findings.is_ok() { Ok(Inhabitants { divisions, zones }) } else { Err(findings) }
    }

    /// A division and the columns of its groups.
    fn division(&self, name: &str, place: &Place, findings: &mut Findings) -> Option<(Division, Vec<usize>)> {
        let parts = |column: &String| column.split_once('.').map(|(of, group)| (of.to_owned(), group.to_owned()));
        let mine = |column: &String| parts(column).filter(|(of, group)| of == name && !group.is_empty());
        let (columns, groups): (Vec<usize>, Vec<String>) = self
            .columns
            .iter()
            .enumerate()
            .filter_map(|(at, column)| mine(column).map(|(_, group)| (at, group)))
            .unzip();
        if (2..=GROUPS_MAX).contains(&groups.len()) {
            return Some((Division { name: name.to_owned(), groups }, columns));
        }
        let there: Vec<String> = self.columns.iter().filter_map(|column| parts(column).map(|(of, _)| of)).collect();
        let (message, help) = match groups.len() {
            0 => (
                format!("the zones say nothing of `{}`", name.escape_debug()),
                closest(name, there.iter().map(String::as_str)).map_or_else(
                    || format!("give the share of each group in per cent: `{name}.low`, `{name}.high`"),
                    |like| format!("did you mean `{like}`?"),
                ),
            ),
            1 => (format!("`{}` has one group only", name.escape_debug()), "give all groups, from two on".to_owned()),
            many => (format!("`{}` has {many} groups", name.escape_debug()), format!("at most {GROUPS_MAX}")),
        };
        findings.problem(Problem::new(place.clone(), message).help(help));
        None
    }
}

/// A zone that is not among those known.
fn stranger(row: &Line, known: &BTreeMap<&str, Option<(f64, f64)>>) -> Problem {
    let help = closest(&row.zone, known.keys().copied())
        .map_or_else(|| "name zones as they are drawn".to_owned(), |like| format!("did you mean `{like}`?"));
    Problem::new(row.place.clone(), format!("there is no zone `{}`", row.zone.escape_debug())).help(help)
}

/// The shares of a zone's people by group; nothing of everything where nobody lives and nothing is said.
fn shares(row: &Line, (division, columns): &(Division, Vec<usize>), people: f64, findings: &mut Findings) -> Vec<f64> {
    let nobody = people <= 0.0 && columns.iter().all(|&column| row.cells[column].0.is_empty());
    if nobody {
        return vec![0.0; columns.len()];
    }
    let read = |(&column, group): (&usize, &String)| {
        number(&row.cells[column], (&format!("{}.{group}", division.name), 100.0), findings)
    };
    let shares: Option<Vec<f64>> = columns.iter().zip(&division.groups).map(read).collect();
    let Some(shares) = shares else { return vec![0.0; columns.len()] };
    let sum: f64 = shares.iter().sum();
    if (sum - 100.0).abs() > ROUNDING {
        let said = (sum * 100.0).round() / 100.0;
        let message = format!("the shares of `{}` add up to {said} % in `{}`", division.name, row.zone.escape_debug());
        let place = columns.first().map_or_else(|| row.place.clone(), |&column| row.cells[column].1.clone());
        findings.problem(Problem::new(place, message).help("they are per cent of the zone's people: 100 together"));
    }
    shares.into_iter().map(|share| share / sum.max(f64::MIN_POSITIVE)).collect()
}

/// A number from 0 on, with or without a sign for per cent.
fn number((text, place): &(String, Place), (what, most): (&str, f64), findings: &mut Findings) -> Option<f64> {
    let bare = text.trim().trim_end_matches('%').trim_end();
    let read = bare.parse::<f64>().ok().filter(|number| (0.0..=most).contains(number));
    if read.is_none() {
        let short: String = text.chars().take(40).collect();
        let message = if bare.is_empty() {
            format!("`{what}` is missing")
        } else {
            format!("`{what}` cannot be `{}`", short.escape_debug())
        };
        findings.problem(Problem::new(place.clone(), message).help(format!("a number from 0 to {most}")));
    }
    read
}

/// Properties with what is inside of them by `outer.inner`, as text.
fn flattened(properties: &serde_json::Map<String, Json>) -> BTreeMap<String, String> {
    let text = |value: &Json| match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut flat = BTreeMap::new();
    for (name, value) in properties {
        match value {
            Json::Object(inner) => flat.extend(inner.iter().map(|(of, value)| (format!("{name}.{of}"), text(value)))),
            value => {
                flat.insert(name.clone(), text(value));
            }
        }
    }
    flat
}

/// In which column of a line a field begins, from 1, quotation marks heeded; whichever of comma, semicolon and tab comes first parts them.
fn column_of(line: &str, field: usize) -> u32 {
    let mut quoted = false;
    let mut parts = None;
    let (mut fields, mut column) = (0, 1_u32);
    for letter in line.chars() {
        if fields == field {
            break;
        }
        match letter {
            '"' => quoted = !quoted,
            ',' | ';' | '\t' if !quoted && *parts.get_or_insert(letter) == letter => fields += 1,
            _ => {}
        }
        column = column.saturating_add(1);
    }
    column
}

#[cfg(test)]
mod tests {
    use super::*;

    const NORTH_SOUTH: [(&str, Option<(f64, f64)>); 2] = [("north", None), ("south side", None)];

    fn read(text: &str, divisions: &[&str]) -> Result<Inhabitants, Vec<String>> {
        let mut findings = Findings::default();
        let wanted: Vec<(String, Place)> =
            divisions.iter().map(|name| ((*name).to_owned(), Place::file("s.yaml").at(9, 5))).collect();
        let known = NORTH_SOUTH.into_iter().collect();
        let told = |findings: &Findings| findings.problems().iter().map(ToString::to_string).collect::<Vec<_>>();
        let sheet = Sheet::of_csv(&Place::file("z.csv"), text.as_bytes(), &mut findings);
        sheet.map_or_else(
            || Err(told(&findings)),
            |sheet| sheet.inhabitants(&known, &wanted, Findings::default()).map_err(|wrong| told(&wrong)),
        )
    }

    #[test]
    fn a_table_says_who_lives_where() {
        let text = "zone;people;jobs;income.low;income.high\nnorth;100;40;20;80 %\n\"south side\";50;10;66,6;33.4\n";
        let wrong = read(text, &["income"]).expect_err("a comma in a number");
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        assert!(wrong[0].starts_with("z.csv:3:20: `income.low` cannot be `66,6`"), "{wrong:?}");
        let held = read(&text.replace("66,6", "66.3"), &["income"]).expect("a table");
        assert_eq!(held.divisions[0].groups, ["low", "high"]);
        let north = &held.zones["north"];
        assert!((north.people - 100.0).abs() < 1e-9 && (north.jobs - 40.0).abs() < 1e-9);
        assert!((north.shares[0][0] - 0.2).abs() < 1e-12, "{north:?}");
        // 66.3 and 33.4 are rounded shares: together they are everybody.
        assert!((held.zones["south side"].shares[0].iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(read(text, &[]).expect("nobody asks for incomes").divisions.is_empty());
    }

    #[test]
    fn every_mistake_of_a_table_has_its_line_and_column() {
        let text = "zone,people,jobs,income.low,income.high,age.old\nnorth,many,40,30,60,9\nnorth,1,1,50,50,1\nsuoth side,1,1,50,50,1\n";
        let expected = [
            "s.yaml:9:5: the zones say nothing of `incme` (did you mean `income`?)",
            "s.yaml:9:5: `age` has one group only (give all groups, from two on)",
            "z.csv:2:7: `people` cannot be `many` (a number from 0 to 1000000000)",
            "z.csv:2:15: the shares of `income` add up to 90 % in `north` (they are per cent of the zone's people: 100 together)",
            "z.csv:3:1: the zone `north` stands in line 2 already (one row for each zone)",
            "z.csv:4:1: there is no zone `suoth side` (did you mean `south side`?)",
        ];
        assert_eq!(read(text, &["income", "incme", "age"]).expect_err("six"), expected);
    }

    #[test]
    fn zones_may_say_it_of_themselves() {
        let text = "{\"type\":\"FeatureCollection\",\"features\":[\n{\"properties\":{\"id\":\"a\",\"people\":10,\"jobs\":4,\"income\":{\"low\":25,\"high\":75}},\"geometry\":{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[2,0],[2,2]]]}}]}";
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("z.geojson");
        std::fs::write(&path, text).expect("a file");
        let (zones, properties) = Zones::read_with_properties(&path, None).expect("zones");
        let wanted = [("income".to_owned(), Place::file("s.yaml"))];
        let held = Inhabitants::of_properties(&zones, &properties, &wanted).expect("inhabitants");
        assert_eq!(held.divisions[0].groups, ["high", "low"], "properties are read in the order of their names");
        assert!((held.zones["a"].shares[0][1] - 0.25).abs() < 1e-12);
    }

    #[test]
    fn columns_are_counted_past_quotation_marks() {
        assert_eq!([0, 1, 2].map(|field| column_of("\"a,b\",c,d", field)), [1, 7, 9]);
        assert_eq!(column_of("a;1,5;x", 2), 7);
    }
}
