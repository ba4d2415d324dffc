//! Origin-destination matrices: how many trips lead from which zone to which, read from and written as CSV.
//!
//! Long form has a row for each pair, `origin,destination,trips`; square form names the destinations in its heading and the origin at
//! the beginning of each row. Knows no roads and no time.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use super::table::{Row, Table};
use crate::primitives::text::{Findings, Place};

/// The most zones of a matrix.
pub const ZONES_MAX: usize = 5_000;

/// Trips from one zone to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// Where they begin, by position in [`Matrix::zones`].
    pub from: usize,
    /// Where they end, by position in [`Matrix::zones`].
    pub to: usize,
    /// How many; finite and not negative.
    pub trips: f64,
    /// The line of the file that says so; 0 for a matrix that was made.
    pub line: u32,
}

/// A matrix of trips.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    /// The file.
    pub place: Place,
    /// Names of the zones and the line that names each first.
    pub zones: Vec<(String, u32)>,
    /// Pairs with trips, in the order of the file; every pair once.
    pub cells: Vec<Cell>,
}

impl Matrix {
    /// Reads a matrix in either form.
    ///
    /// # Errors
    /// A file that is too large or no table, zones without a name, pairs given twice, trips that are no number, negative or without
    /// end; all at once.
    pub fn read(path: &Path) -> Result<Self, Findings> {
        let mut findings = Findings::default();
        let table = Table::read(path, &mut findings);
        Self::of(table, findings)
    }

    /// Reads a matrix from the bytes of a file; `place` is only named in complaints.
    ///
    /// # Errors
    /// As [`Matrix::read`].
    pub fn parse(place: Place, bytes: &[u8]) -> Result<Self, Findings> {
        let mut findings = Findings::default();
        let table = Table::parse(place, bytes, &mut findings);
        Self::of(table, findings)
    }

    fn of(table: Option<Table>, mut findings: Findings) -> Result<Self, Findings> {
        let Some(table) = table else { return Err(findings) };
        let mut reader = Reader { table: &table, names: BTreeMap::new(), zones: Vec::new(), cells: Vec::new() };
        let columns = (
            table.column(&["origin", "from", "o"]),
            table.column(&["destination", "to", "d"]),
            table.column(&["trips", "vehicles", "count", "flow", "demand"]),
        );
        match columns {
            (Some(from), Some(to), Some(trips)) => reader.long(from, to, trips, &mut findings),
            (Some(_), Some(_), None) => {
                let help = "a matrix in long form has the columns origin, destination and trips";
                table.wrong(&table.head, "there is no column `trips`", help, &mut findings);
            }
            _ => reader.square(&mut findings),
        }
        if reader.zones.len() > ZONES_MAX {
            let message = format!("the matrix has {} zones", reader.zones.len());
            table.wrong(&table.head, message, "at most 5,000", &mut findings);
        }
        let Reader { zones, cells, .. } = reader;
        if findings.is_ok() { Ok(Self { place: table.place, zones, cells }) } else { Err(findings) }
    }

    /// All trips together.
    pub fn total(&self) -> f64 {
        self.cells.iter().map(|cell| cell.trips).sum()
    }

    /// The matrix in long form, trips to the thousandth; pairs with fewer are left out.
    pub fn to_csv(&self) -> String {
        let mut text = String::from("origin,destination,trips\n");
        let name = |zone: usize| quoted(&self.zones[zone].0);
        for cell in self.cells.iter().filter(|cell| cell.trips >= 0.000_5) {
            let _ = writeln!(text, "{},{},{:.3}", name(cell.from), name(cell.to), cell.trips);
        }
        text
    }
}

/// A field of CSV, in quotes where it needs them.
pub(super) fn quoted(text: &str) -> String {
    let needs = text.contains([',', ';', '\t', '"', '\n', '\r']) || text.starts_with('#') || text.trim() != text;
    if needs { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

struct Reader<'a> {
    table: &'a Table,
    names: BTreeMap<String, usize>,
    zones: Vec<(String, u32)>,
    cells: Vec<Cell>,
}

impl Reader<'_> {
    /// The zone of a name, known or new.
    fn zone(&mut self, name: &str, line: u32) -> usize {
        if let Some(known) = self.names.get(name) {
            return *known;
        }
        self.names.insert(name.to_owned(), self.zones.len());
        self.zones.push((name.to_owned(), line));
        self.zones.len() - 1
    }

    fn long(&mut self, from: usize, to: usize, trips: usize, findings: &mut Findings) {
        let mut lines: BTreeMap<(usize, usize), u32> = BTreeMap::new();
        for row in &self.table.rows {
            let (origin, destination) = (row.get(from), row.get(to));
            if origin.is_empty() || destination.is_empty() {
                let message = "a pair without its origin or destination";
                self.table.wrong(row, message, "name both zones", findings);
                continue;
            }
            let pair = (self.zone(origin, row.line), self.zone(destination, row.line));
            if let Some(line) = lines.insert(pair, row.line) {
                let message = format!("trips from `{origin}` to `{destination}` are given in line {line} already");
                self.table.wrong(row, message, "keep one of the two, or add them up", findings);
                continue;
            }
            if let Some(trips) = self.table.amount(row, trips, "the number of trips", findings) {
                self.keep(pair, trips, row);
            }
        }
    }

    fn square(&mut self, findings: &mut Findings) {
        let head = &self.table.head;
        let width = head.fields.len();
        if width < 2 {
            let help = "write `origin,destination,trips`, or a row of zones after an empty field";
            self.table.wrong(head, "this is no heading of a matrix", help, findings);
            return;
        }
        let mut columns = Vec::with_capacity(width);
        for column in 1..width {
            let name = head.get(column);
            if name.is_empty() || self.names.contains_key(name) {
                let message = if name.is_empty() {
                    "a zone without a name".to_owned()
                } else {
                    format!("the zone `{name}` stands twice in the heading")
                };
                self.table.wrong(
                    head,
                    message,
                    "every destination has a name of its own; for a row each pair write `origin,destination,trips`",
                    findings,
                );
                return;
            }
            columns.push(self.zone(name, head.line));
        }
        let mut seen: BTreeMap<usize, u32> = BTreeMap::new();
        for row in &self.table.rows {
            let name = row.get(0);
            if name.is_empty() {
                self.table.wrong(row, "a row without its zone", "begin it with the zone its trips begin in", findings);
                continue;
            }
            let from = self.zone(name, row.line);
            if let Some(line) = seen.insert(from, row.line) {
                let message = format!("the row of `{name}` is given in line {line} already");
                self.table.wrong(row, message, "keep one of the two, or add them up", findings);
                continue;
            }
            if row.fields.len() != width {
                let message = format!("the row of `{name}` has {} fields, the heading {width}", row.fields.len());
                self.table.wrong(row, message, "give a number for every zone, 0 for none", findings);
                continue;
            }
            for (column, to) in (1..).zip(columns.iter().copied()) {
                if row.get(column).is_empty() {
                    continue;
                }
                let what = format!("the number of trips to `{}`", head.get(column));
                if let Some(trips) = self.table.amount(row, column, &what, findings) {
                    self.keep((from, to), trips, row);
                }
            }
        }
    }

    fn keep(&mut self, (from, to): (usize, usize), trips: f64, row: &Row) {
        if trips > 0.0 {
            self.cells.push(Cell { from, to, trips, line: row.line });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Matrix, Vec<String>> {
        Matrix::parse(Place::file("am.csv"), text.as_bytes())
            .map_err(|findings| findings.problems().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn both_forms_say_the_same() {
        let long =
            parse("origin,destination,trips\nnorth,south,12\nnorth,east,2.5\nsouth,north,0\n").expect("a matrix");
        let square = parse("\u{feff}zone;north;south;east\n# by hand\nnorth;;12;2.5\nsouth;0;0;0\n").expect("a matrix");
        let told = |matrix: &Matrix| -> Vec<String> { matrix.to_csv().lines().map(str::to_owned).collect() };
        assert_eq!(told(&long), ["origin,destination,trips", "north,south,12.000", "north,east,2.500"]);
        assert_eq!(told(&long), told(&square));
        assert!((long.total() - 14.5).abs() < 1e-12);
        assert_eq!(long.zones.iter().map(|zone| zone.1).collect::<Vec<_>>(), [2, 2, 3]);
    }

    #[test]
    fn every_mistake_is_named_with_its_line() {
        let text = "from,to,vehicles\na,b,12\na,b,3\n,b,1\nb,a,-2\nb,c,NaN\nc,a,many\nc,b,\nc,c,\"1,5\"\n";
        let expected = [
            "am.csv:3: trips from `a` to `b` are given in line 2 already (keep one of the two, or add them up)",
            "am.csv:4: a pair without its origin or destination (name both zones)",
            "am.csv:5: the number of trips cannot be -2, which is negative (write 0 or more)",
            "am.csv:6: the number of trips cannot be `NaN` (write a finite number)",
            "am.csv:7: the number of trips cannot be `many`, which is no number (write a number)",
            "am.csv:8: the number of trips is missing (write a number, 0 for none)",
            "am.csv:9: the number of trips cannot be `1,5`, which is no number (write a point before decimals, and nothing between thousands)",
        ];
        assert_eq!(parse(text).expect_err("nothing fits"), expected);
        let text = "zone,a,b\na,1,2,3\na,0,0\n,1,1\nb,1,x\n";
        let told = parse(text).expect_err("nothing fits");
        assert!(told[0].contains("am.csv:2: the row of `a` has 4 fields, the heading 3"), "{told:?}");
        assert!(told[1].contains("line 2 already") && told[2].contains("without its zone"), "{told:?}");
        assert!(told[3].contains("am.csv:5: the number of trips to `b` cannot be `x`"), "{told:?}");
    }

    #[test]
    fn what_is_no_matrix_is_refused_in_words() {
        for text in ["", "\n\n", "origin,destination,trips\n", "origin,destination\na,b\n", "a\nb\n", "x,a,a\na,1,1\n"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
        let broken = Matrix::parse(Place::file("am.csv"), b"origin,destination,trips\n\xff\xfe,b,1\na,b,1\n");
        let told: Vec<String> = broken.expect_err("not UTF-8").problems().iter().map(ToString::to_string).collect();
        assert_eq!(told, ["am.csv:2: the row is not UTF-8 text (save the table as CSV in UTF-8)"]);
    }

    #[test]
    fn names_that_need_quotes_get_them() {
        let matrix = parse("origin,destination,trips\n\"a, b\",\"say \"\"c\"\"\",1\n").expect("a matrix");
        let again = parse(&matrix.to_csv()).expect("its own text");
        assert_eq!((again.zones[0].0.as_str(), again.zones[1].0.as_str()), ("a, b", "say \"c\""));
    }
}
