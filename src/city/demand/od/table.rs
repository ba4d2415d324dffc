//! Tables that planners bring, as CSV (RFC 4180): rows with their lines, whichever of comma, semicolon or tab parts their fields.
//!
//! A file of a stranger is bounded in size and rows. Knows nothing of what the fields mean.

use std::io::Read as _;
use std::path::Path;

use crate::primitives::text::{Findings, Place, Problem};

/// The largest table read [bytes].
pub(super) const TABLE_MAX: u64 = 128 << 20;
/// The most rows read of a table.
const ROWS_MAX: usize = 5_000_000;

/// A row and its line in the file, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) line: u32,
    pub(super) fields: csv::StringRecord,
}

/// A table: its head and its rows.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) place: Place,
    pub(super) head: Row,
    pub(super) rows: Vec<Row>,
}

impl Row {
    /// The field of a column, without the spaces around it; empty where the row has no such column.
    pub(super) fn get(&self, column: usize) -> &str {
        self.fields.get(column).unwrap_or_default()
    }
}

impl Table {
    /// Reads a table; none where there is nothing to work on, which is then noted.
    pub(super) fn read(path: &Path, findings: &mut Findings) -> Option<Self> {
        let bytes = bounded(path, TABLE_MAX).map_err(|problem| findings.problem(problem)).ok()?;
        Self::parse(Place::file(path), &bytes, findings)
    }

    /// The table of a text.
    pub(super) fn parse(place: Place, bytes: &[u8], findings: &mut Findings) -> Option<Self> {
        let bytes = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes);
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .trim(csv::Trim::All)
            .comment(Some(b'#'))
            .delimiter(separator(bytes))
            .from_reader(bytes);
        let mut rows: Vec<Row> = Vec::new();
        let mut record = csv::StringRecord::new();
        loop {
            match reader.read_record(&mut record) {
                Ok(false) => break,
                Ok(true) if record.iter().all(str::is_empty) => {}
                Ok(true) => {
                    let line = record.position().map_or(0, |at| u32::try_from(at.line()).unwrap_or(u32::MAX));
                    rows.push(Row { line, fields: record.clone() });
                }
                Err(error) => {
                    let line = error.position().map_or(0, |at| u32::try_from(at.line()).unwrap_or(u32::MAX));
                    let utf8 = matches!(error.kind(), csv::ErrorKind::Utf8 { .. });
                    let problem = Problem::new(
                        place.at(line, 0),
                        if utf8 { "the row is not UTF-8 text" } else { "the row cannot be read" },
                    );
                    findings.problem(problem.help("save the table as CSV in UTF-8"));
                    if !utf8 {
                        break;
                    }
                }
            }
            if rows.len() > ROWS_MAX {
                let problem = Problem::new(place.clone(), format!("the table has more than {ROWS_MAX} rows"));
                findings.problem(problem.help("split it by time, or leave out pairs without trips"));
                return None;
            }
        }
        if rows.len() < 2 {
            let problem = Problem::new(place, "the table has no rows under its heading");
            findings.problem(problem.help("the first row names the columns; see docs/demand.md"));
            return None;
        }
        let rest = rows.split_off(1);
        Some(Self { place, head: rows.pop()?, rows: rest })
    }

    /// The column with one of these names, in any case.
    pub(super) fn column(&self, names: &[&str]) -> Option<usize> {
        self.head.fields.iter().position(|name| names.iter().any(|wanted| name.eq_ignore_ascii_case(wanted)))
    }

    /// Notes what is wrong with a row.
    pub(super) fn wrong(&self, row: &Row, message: impl Into<String>, help: &str, findings: &mut Findings) {
        findings.problem(Problem::new(self.place.at(row.line, 0), message).help(help));
    }

    /// A number of a row that is finite and not negative; a problem says which it is not.
    pub(super) fn amount(&self, row: &Row, column: usize, what: &str, findings: &mut Findings) -> Option<f64> {
        let text = row.get(column);
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() && number >= 0.0 => return Some(number),
            Ok(number) if number < 0.0 => {
                self.wrong(row, format!("{what} cannot be {text}, which is negative"), "write 0 or more", findings);
            }
            Ok(_) => self.wrong(row, format!("{what} cannot be `{text}`"), "write a finite number", findings),
            Err(_) if text.is_empty() => {
                self.wrong(row, format!("{what} is missing"), "write a number, 0 for none", findings);
            }
            Err(_) => {
                let help = if text.contains(',') {
                    "write a point before decimals, and nothing between thousands"
                } else {
                    "write a number"
                };
                self.wrong(row, format!("{what} cannot be `{text}`, which is no number"), help, findings);
            }
        }
        None
    }
}

/// The bytes of a file that is no larger than it may be.
pub(super) fn bounded(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Problem> {
    let cannot = |error: std::io::Error| Problem::new(Place::file(path), format!("cannot be read: {error}"));
    let file = std::fs::File::open(path).map_err(cannot)?;
    if !file.metadata().map_err(cannot)?.is_file() {
        return Err(Problem::new(Place::file(path), "is not a file"));
    }
    let mut bytes = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > bytes_max {
        return Err(Problem::new(Place::file(path), format!("is larger than {} MiB", bytes_max >> 20)));
    }
    Ok(bytes)
}

/// What parts fields: whichever of the usual three the heading has most of.
fn separator(bytes: &[u8]) -> u8 {
    let head =
        bytes.split(|&byte| byte == b'\n').find(|line| !line.starts_with(b"#") && !line.is_empty()).unwrap_or_default();
    let count = |wanted: u8| head.iter().filter(|&&byte| byte == wanted).fold(0_usize, |count, _| count + 1);
    [b',', b';', b'\t'].into_iter().rev().max_by_key(|&one| count(one)).unwrap_or(b',')
}
