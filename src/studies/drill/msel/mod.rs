//! Master scenario events lists: injects in a spreadsheet (CSV), with the columns that exercise planners use, and back.
//!
//! A sheet is read with all its faults told at once, each by row and column as the spreadsheet shows them. Its cells become an inject as
//! it is written in a drill file ([`Raw`]); the same rules hold from there. Knows no city.

mod cells;
mod columns;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use super::file::raw::{Cell, Origin, Raw, word};
use super::file::{ACTIONS, INJECTS_MAX, effects_of};
use crate::primitives::text::{Findings, Place, Problem, closest};
use crate::primitives::units::Unreadable;
use columns::{Column, is_filled_in_later};
use table::{Row, TITLES_MAX, Written};

/// The largest spreadsheet read [bytes].
const FILE_MAX: u64 = 1 << 20;

/// What came of reading a spreadsheet.
pub(super) struct Sheets {
    /// The injects, as far as they could be read.
    pub injects: Vec<Raw>,
    /// The bytes that were read.
    pub bytes: Vec<u8>,
    /// Everything wrong with it.
    pub findings: Findings,
}

/// Reads a spreadsheet.
pub(super) fn read(path: &Path) -> Sheets {
    let mut findings = Findings::default();
    let place = Place::file(path);
    let bytes = bytes_of(path).unwrap_or_else(|(message, help)| {
        findings.problem(Problem::new(place.clone(), message).help(help));
        Vec::new()
    });
    let injects = if findings.is_ok() { parse(&bytes, &place, &mut findings) } else { Vec::new() };
    Sheets { injects, bytes, findings }
}

/// The bytes of a file, or why there are none and what to do.
fn bytes_of(path: &Path) -> Result<Vec<u8>, (String, &'static str)> {
    match std::fs::metadata(path) {
        Err(_) => Err(("there is no such file".to_owned(), "a spreadsheet is looked for beside the drill file")),
        Ok(about) if !about.is_file() => Err(("is not a file".to_owned(), "name a spreadsheet, saved as CSV")),
        Ok(about) if about.len() > FILE_MAX => {
            Err(("is larger than 1 MiB, which no list of injects is".to_owned(), "is it the right file?"))
        }
        Ok(_) => std::fs::read(path).map_err(|error| (format!("cannot be read: {error}"), "look who may read it")),
    }
}

/// The injects of a spreadsheet's bytes; what is wrong is noted.
fn parse(bytes: &[u8], place: &Place, findings: &mut Findings) -> Vec<Raw> {
    let text = match table::decoded(bytes, place) {
        Ok(text) => text,
        Err(problem) => {
            findings.problem(problem);
            return Vec::new();
        }
    };
    let rows = table::rows(&text, |name| Column::of(name).is_some(), place, findings);
    let head = rows.iter().filter(|row| !row.is_blank()).take(TITLES_MAX).max_by_key(|row| {
        let known = row.cells.iter().filter(|cell| Column::of(&cell.text).is_some()).count();
        (known, std::cmp::Reverse(row.number))
    });
    let Some(head) = head.filter(|row| row.cells.iter().filter(|cell| Column::of(&cell.text).is_some()).count() >= 2)
    else {
        let help = format!("name the columns in the first row: {}", Column::names().collect::<Vec<_>>().join(", "));
        findings.problem(Problem::new(place.at(1, 0), "no row names the columns of a list of injects").help(help));
        return Vec::new();
    };
    let body: Vec<&Row> = rows.iter().filter(|row| row.number > head.number && !row.is_blank()).collect();
    let mut sheet =
        Sheet { place, findings, columns: BTreeMap::new(), names: BTreeMap::new(), width: head.cells.len() };
    sheet.head(head, &body);
    if body.is_empty() && sheet.findings.is_ok() {
        let problem = Problem::new(place.clone(), "there is no inject under the names of the columns");
        sheet.findings.problem(problem.help("write each in a row of its own"));
    }
    if body.len() > INJECTS_MAX {
        let problem = Problem::new(place.clone(), format!("{} injects are more than a drill has", body.len()));
        sheet.findings.problem(problem.help(format!("at most {INJECTS_MAX}")));
    }
    let mut injects = Vec::new();
    let mut above: Option<&Row> = None;
    for row in body.into_iter().take(INJECTS_MAX) {
        injects.extend(sheet.inject(row, above));
        above = Some(row);
    }
    injects
}

/// Complains of numbers that a sheet gives twice; a drill that names the sheet finds them with those of its own.
pub(super) fn check_numbers(injects: &[Raw], findings: &mut Findings) {
    let mut first: BTreeMap<&str, &Origin> = BTreeMap::new();
    for id in injects.iter().filter_map(|raw| raw.id.as_ref()) {
        match first.get(id.text.as_str()) {
            Some(other) => {
                let place = other.label.split(',').next().unwrap_or_default();
                let help = format!("the first is in {place}; give this one another");
                findings.problem(id.origin.wrong(format!("the number `{}` is given twice", id.text), help));
            }
            None => drop(first.insert(&id.text, &id.origin)),
        }
    }
}

/// A column by its letter, as spreadsheets call it.
fn letter(mut number: usize) -> String {
    let mut letters = Vec::new();
    loop {
        letters.push(char::from(b'A' + u8::try_from(number % 26).unwrap_or(0)));
        if number < 26 {
            break;
        }
        number = number / 26 - 1;
    }
    letters.iter().rev().collect()
}

struct Sheet<'a> {
    place: &'a Place,
    findings: &'a mut Findings,
    /// Where each column is.
    columns: BTreeMap<Column, usize>,
    /// What it is called there.
    names: BTreeMap<Column, String>,
    width: usize,
}

impl Sheet<'_> {
    /// Reads the names of the columns.
    fn head(&mut self, head: &Row, body: &[&Row]) {
        let filled = |at: usize| body.iter().any(|row| row.cells.get(at).is_some_and(|cell| !cell.text.is_empty()));
        for (at, cell) in head.cells.iter().enumerate() {
            let place = self.place.at(cell.line, cell.column);
            let said = |message: String| format!("row {}, column {}: {message}", head.number, letter(at));
            match Column::of(&cell.text) {
                Some(column) => {
                    if let Some(other) = self.columns.get(&column) {
                        let message = said(format!("`{}` says the same as column {}", cell.text, letter(*other)));
                        let help = format!(
                            "there is one column `{}`; remove the other or give it another name",
                            column.name()
                        );
                        self.findings.problem(Problem::new(place, message).help(help));
                        continue;
                    }
                    self.columns.insert(column, at);
                    self.names.insert(column, cell.text.clone());
                }
                None if is_filled_in_later(&cell.text) || !filled(at) => {}
                None if cell.text.is_empty() => {
                    let message = said("this column has cells and no name".to_owned());
                    let help = "name it in the row of names; cells merged across columns are such ones, split them";
                    self.findings.problem(Problem::new(place, message).help(help));
                }
                None => {
                    let help = closest(&cell.text, Column::names()).map_or_else(
                        || format!("remove it, or rename it: {}", Column::names().collect::<Vec<_>>().join(", ")),
                        |like| format!("did you mean `{like}`?"),
                    );
                    let message = said(format!("there is no column `{}` in a list of injects", cell.text));
                    self.findings.problem(Problem::new(place, message).help(help));
                }
            }
        }
        for column in [Column::Number, Column::Time, Column::Description] {
            if !self.columns.contains_key(&column) {
                let place = self.place.at(head.cells.first().map_or(1, |cell| cell.line), 0);
                let message = format!("row {}: the column `{}` is missing", head.number, column.name());
                let help = "add it; the order of the columns does not matter";
                self.findings.problem(Problem::new(place, message).help(help));
            }
        }
    }

    fn written<'r>(&self, row: &'r Row, column: Column) -> Option<&'r Written> {
        row.cells.get(*self.columns.get(&column)?).filter(|cell| !cell.text.is_empty())
    }

    /// Where a cell is, in words too.
    fn origin(&self, row: &Row, column: Column) -> Origin {
        let name = self.names.get(&column).map_or(column.name(), String::as_str).replace('\n', " ");
        let cell = self.columns.get(&column).and_then(|at| row.cells.get(*at)).or(row.cells.last());
        let (line, at) = cell.map_or((0, 0), |cell| (cell.line, cell.column));
        Origin { place: self.place.at(line, at), label: format!("row {}, column \"{name}\": ", row.number) }
    }

    fn cell(&self, row: &Row, column: Column) -> Option<Cell> {
        let text = table::unmarked(&self.written(row, column)?.text).to_owned();
        Some(Cell { text, origin: self.origin(row, column) })
    }

    /// A cell in words that are no sentences; none where it says that there is nothing.
    fn named(&self, row: &Row, column: Column) -> Option<Cell> {
        self.cell(row, column).filter(|cell| !cells::is_nothing(&cell.text))
    }

    fn understood<T>(&mut self, cell: Option<Cell>, read: fn(&str) -> Result<T, Unreadable>) -> Option<T> {
        let cell = cell?;
        read(&cell.text).map_err(|wrong| self.findings.problem(cell.origin.wrong(wrong.message, wrong.help))).ok()
    }

    /// The inject of a row; none where too much is missing.
    fn inject(&mut self, row: &Row, above: Option<&Row>) -> Option<Raw> {
        let first = row.cells.iter().find(|cell| !cell.text.is_empty())?;
        let origin = Origin { place: self.place.at(first.line, first.column), label: format!("row {}: ", row.number) };
        if row.cells.iter().filter(|cell| !cell.text.is_empty()).count() == 1 && row.cells.len() > 1 {
            let help = "a heading across the sheet is no inject: remove the row; if it is one, fill in its cells";
            self.findings.problem(origin.wrong(format!("only `{}` stands in this row", first.text), help));
            return None;
        }
        self.too_wide(row);
        self.faults(row);
        for column in [Column::Number, Column::Time, Column::Description] {
            self.is_there(row, column, above);
        }
        let mut raw = Raw::empty(origin);
        raw.id = self.cell(row, Column::Number);
        raw.text = self.cell(row, Column::Description);
        self.time(row, &mut raw);
        raw.kind = self.understood(self.named(row, Column::Type), cells::kind);
        raw.by = self.understood(self.named(row, Column::Method), cells::medium);
        raw.from = self.named(row, Column::From);
        raw.to = self.named(row, Column::To);
        raw.objective = self.named(row, Column::Objective);
        raw.responsible = self.named(row, Column::Responsible);
        raw.notes = self.cell(row, Column::Notes);
        self.expected(row, &mut raw);
        if let Some(cell) = self.named(row, Column::Effects) {
            raw.effects = effects_of(&cell.text, &cell.origin, self.findings);
        }
        Some(raw)
    }

    /// Cells beyond the last name.
    fn too_wide(&mut self, row: &Row) {
        let beyond = row.cells.iter().enumerate().skip(self.width).find(|(_, cell)| !cell.text.is_empty());
        if let Some((at, cell)) = beyond {
            let place = self.place.at(cell.line, cell.column);
            let message =
                format!("row {}: `{}` stands in column {}, beyond the last name", row.number, cell.text, letter(at));
            let help = "a text with a comma in it stands in quotation marks; or name the column";
            self.findings.problem(Problem::new(place, message).help(help));
        }
    }

    /// Cells in which a formula came to nothing: players would be told `#REF!`. The column of times says so itself.
    fn faults(&mut self, row: &Row) {
        for column in Column::ALL.into_iter().filter(|column| *column != Column::Time) {
            let Some(cell) = self.cell(row, column).filter(|cell| cells::is_fault(&cell.text)) else { continue };
            let message = format!("`{}` is a fault of the spreadsheet", cell.text.trim());
            self.findings.problem(cell.origin.wrong(message, cells::MEND));
        }
    }

    /// Complains of a cell that must be filled in and is not.
    fn is_there(&mut self, row: &Row, column: Column, above: Option<&Row>) {
        if !self.columns.contains_key(&column) || self.written(row, column).is_some() {
            return;
        }
        let help = match above.and_then(|above| Some((above.number, self.written(above, column)?))) {
            Some((number, cell)) if column == Column::Time => format!(
                "row {number} has `{}`; of merged cells only the first keeps its text: split them and fill in each row",
                cell.text
            ),
            _ if column == Column::Number => "give every inject a number of its own".to_owned(),
            _ if column == Column::Time => "write when it comes, like `T+00:12:00`".to_owned(),
            _ => {
                "write what the players are told; of merged cells only the first keeps its text, split them".to_owned()
            }
        };
        let origin = self.origin(row, column);
        self.findings.problem(origin.wrong("the cell is empty", help));
    }

    fn time(&mut self, row: &Row, raw: &mut Raw) {
        let Some(cell) = self.cell(row, Column::Time) else { return };
        match cells::when(&cell.text) {
            Ok(when) => {
                let of = |text: Option<String>| text.map(|text| Cell { text, origin: cell.origin.clone() });
                raw.at = of(when.at);
                raw.when = of(when.states).into_iter().collect();
                raw.lasting = of(when.lasting);
                raw.unless = of(when.unless);
            }
            Err(wrong) => self.findings.problem(cell.origin.wrong(wrong.message, wrong.help)),
        }
    }

    /// What is expected, where it is something that can be seen being done; a sentence for people goes to the notes.
    fn expected(&mut self, row: &Row, raw: &mut Raw) {
        let Some(cell) = self.named(row, Column::Expected) else { return };
        let verb = cell.text.split_whitespace().next().unwrap_or_default().to_lowercase();
        let meant = ACTIONS.contains(&verb.as_str()) || verb == "stand" || cell.text.contains(" within ");
        if meant || closest(&verb, ACTIONS).is_some() && cell.text.split_whitespace().count() < 6 {
            raw.expect = Some(cell);
            return;
        }
        let sentence = format!("Expected: {}", cell.text);
        let notes = raw.notes.take().map_or(sentence.clone(), |notes| format!("{sentence}\n{}", notes.text));
        raw.notes = Some(Cell { text: notes, origin: cell.origin });
    }
}

/// Injects as a spreadsheet: CSV with commas, in UTF-8 with the mark by which spreadsheets know it.
pub(super) fn write(injects: &[Raw]) -> String {
    let mut text = String::from("\u{feff}");
    text.push_str(&table::line(Column::names()));
    for raw in injects {
        let cells: Vec<String> = Column::ALL.into_iter().map(|column| cell_of(raw, column)).collect();
        text.push_str(&table::line(cells.iter().map(String::as_str)));
    }
    text
}

fn cell_of(raw: &Raw, column: Column) -> String {
    let text = |cell: &Option<Cell>| cell.as_ref().map(|cell| cell.text.clone()).unwrap_or_default();
    match column {
        Column::Number => text(&raw.id),
        Column::Time => when_of(raw),
        Column::Type => raw.kind.map(|kind| word(&kind)).unwrap_or_default(),
        Column::Method => raw.by.map(|by| word(&by)).unwrap_or_default(),
        Column::From => text(&raw.from),
        Column::To => text(&raw.to),
        Column::Description => text(&raw.text),
        Column::Expected => text(&raw.expect),
        Column::Responsible => text(&raw.responsible),
        Column::Objective => text(&raw.objective),
        Column::Notes => text(&raw.notes),
        Column::Effects => raw.effects.iter().map(|effect| effect.line.clone()).collect::<Vec<_>>().join("\n"),
    }
}

/// When an inject comes, in one cell.
fn when_of(raw: &Raw) -> String {
    let mut parts: Vec<String> = raw.at.iter().map(|at| at.text.clone()).collect();
    if !raw.when.is_empty() {
        let states: Vec<&str> = raw.when.iter().map(|state| state.text.as_str()).collect();
        parts.push(format!("when {}", states.join(" and ")));
    }
    parts.extend(raw.lasting.iter().map(|lasting| format!("for {}", lasting.text)));
    parts.extend(raw.unless.iter().map(|unless| format!("unless {}", unless.text)));
    parts.join(" ")
}
