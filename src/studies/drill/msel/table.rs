//! CSV as spreadsheets write it: cells with their row, line and column, whatever the separator.
//!
//! Commas, semicolons or tabs; a byte order mark, UTF-16, `sep=;` in the first line, line breaks in quotation marks. Rows are counted as
//! the spreadsheet counts them. Knows no column.

use crate::primitives::text::{Findings, Place, Problem};

/// The most rows, and the most cells of one, that are read.
const ROWS_MAX: usize = 2_000;
const CELLS_MAX: usize = 200;
/// How many rows may stand before the one that names the columns.
pub(super) const TITLES_MAX: usize = 20;

/// A cell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Written {
    /// Its text, without spaces around it.
    pub text: String,
    /// The line in which it begins, from 1.
    pub line: u32,
    /// The column of the text in which it begins, from 1.
    pub column: u32,
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// As the spreadsheet counts it, from 1.
    pub number: usize,
    /// Its cells.
    pub cells: Vec<Written>,
}

impl Row {
    /// Whether nothing is written in it.
    pub(super) fn is_blank(&self) -> bool {
        self.cells.iter().all(|cell| cell.text.is_empty())
    }
}

/// The text of a file, whatever a spreadsheet has saved it as.
pub(super) fn decoded(bytes: &[u8], file: &Place) -> Result<String, Problem> {
    let wide = |bytes: &[u8], of: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| of([pair[0], pair[1]])).collect();
        String::from_utf16(&units).ok()
    };
    let text = match bytes {
        [0xFF, 0xFE, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8(rest.to_vec()).ok(),
        [b'P', b'K', 3, 4, ..] => {
            let help = "this is a workbook: save the sheet with the injects as `CSV UTF-8` and name that file";
            return Err(Problem::new(file.clone(), "this is no CSV").help(help));
        }
        _ => String::from_utf8(bytes.to_vec()).ok(),
    };
    let line = std::str::from_utf8(bytes)
        .map_or_else(|error| bytes[..error.valid_up_to()].split(|byte| *byte == b'\n').count(), |_| 1);
    text.ok_or_else(|| {
        let place = file.at(u32::try_from(line).unwrap_or(0), 0);
        Problem::new(place, "this is not UTF-8 text").help("save the sheet as `CSV UTF-8 (comma delimited)`")
    })
}

/// The rows of a text, blank ones among them; `is_name` knows what a column may be called.
pub(super) fn rows(text: &str, is_name: fn(&str) -> bool, file: &Place, findings: &mut Findings) -> Vec<Row> {
    let (separator, skip) = separator(text, is_name);
    let mut reader = Reader { file, findings, rows: Vec::new(), cells: Vec::new(), cell: Written::default() };
    reader.read(text, separator, skip);
    reader.rows
}

/// Which character separates cells, that by which most columns have a name; and whether the first line only says so.
fn separator(text: &str, is_name: fn(&str) -> bool) -> (char, bool) {
    let first = text.lines().next().unwrap_or_default().trim();
    let said = first.get(..4).filter(|head| head.eq_ignore_ascii_case("sep=")).and_then(|_| first[4..].chars().next());
    if let Some(separator) = said.filter(|separator| matches!(separator, ',' | ';' | '\t' | '|')) {
        return (separator, true);
    }
    let names_with = |separator: char| {
        let names = |line: &str| line.split(separator).filter(|cell| is_name(cell.trim().trim_matches('"'))).count();
        text.lines().take(TITLES_MAX).map(names).max().unwrap_or(0)
    };
    let best = [';', '\t', ','].into_iter().max_by_key(|separator| names_with(*separator));
    (best.unwrap_or(','), false)
}

struct Reader<'a> {
    file: &'a Place,
    findings: &'a mut Findings,
    rows: Vec<Row>,
    cells: Vec<Written>,
    cell: Written,
}

impl Reader<'_> {
    fn read(&mut self, text: &str, separator: char, skip: bool) {
        let (mut line, mut column) = (1_u32, 0_u32);
        // Where the quotation mark stands that has not been closed.
        let mut open: Option<(u32, u32)> = None;
        let mut begun = false;
        let mut letters = text.chars().peekable();
        while let Some(c) = letters.next() {
            if c == '\r' && letters.peek() == Some(&'\n') {
                continue;
            }
            let c = if c == '\r' { '\n' } else { c };
            column = column.saturating_add(1);
            if !begun {
                (self.cell.line, self.cell.column) = (line, column);
                begun = true;
            }
            match c {
                '"' if open.is_some() && letters.peek() == Some(&'"') => {
                    letters.next();
                    column = column.saturating_add(1);
                    self.cell.text.push('"');
                }
                '"' if open.is_some() => open = None,
                '"' if self.cell.text.trim().is_empty() => {
                    self.cell.text.clear();
                    open = Some((line, column));
                }
                '\n' => {
                    (line, column) = (line.saturating_add(1), 0);
                    if open.is_some() {
                        self.cell.text.push('\n');
                    } else {
                        begun = false;
                        if !self.end_row(skip) {
                            return;
                        }
                    }
                }
                _ if c == separator && open.is_none() => {
                    begun = false;
                    self.end_cell();
                }
                _ => self.cell.text.push(c),
            }
        }
        if let Some((line, column)) = open {
            let problem = Problem::new(self.file.at(line, column), "a quotation mark is opened here and never closed");
            let help = "close it; a quotation mark within a quoted cell is written twice";
            self.findings.problem(problem.help(help));
        }
        if begun || !self.cells.is_empty() {
            self.end_row(skip);
        }
    }

    fn end_cell(&mut self) {
        let cell = std::mem::take(&mut self.cell);
        if self.cells.len() < CELLS_MAX {
            let text = cell.text.trim().to_owned();
            self.cells.push(Written { text, ..cell });
        }
    }

    /// Whether more rows may follow.
    fn end_row(&mut self, skip: bool) -> bool {
        self.end_cell();
        let cells = std::mem::take(&mut self.cells);
        // The line that names the separator is one of the file and no row of the sheet.
        let number = self.rows.len() + usize::from(!skip);
        if number > ROWS_MAX {
            let problem = Problem::new(self.file.clone(), format!("the sheet has more than {ROWS_MAX} rows"));
            self.findings.problem(problem.help("keep the injects in it and nothing else"));
            return false;
        }
        self.rows.push(Row { number, cells: if number == 0 { Vec::new() } else { cells } });
        true
    }
}

/// A row as CSV, with commas.
pub(super) fn line<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    let cells: Vec<String> = cells.into_iter().map(quoted).collect();
    cells.join(",") + "\r\n"
}

/// A text as a cell. What a spreadsheet would take for a formula is marked as text, as it marks it itself.
fn quoted(text: &str) -> String {
    let text = if text.starts_with(['=', '+', '-', '@', '\'']) { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', ';', '\t', '\n', '\r']) || text.trim() != text {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

/// A cell's text without the mark of text.
pub(super) fn unmarked(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if rest.starts_with(['=', '+', '-', '@', '\'']) => rest,
        _ => text,
    }
}
