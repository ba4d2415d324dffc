//! Complaints about input as people read them: the message, the line with a mark under the fault, and what to do.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead, BufReader, IsTerminal};
use std::path::Path;
use std::sync::Arc;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode,
    SourceSpan, SpanContents,
};

use crate::primitives::text::{Findings, Problem};

/// Longest line shown [bytes]; generated XML has lines no terminal wants.
const LINE_MAX: usize = 400;

/// Tells every problem on standard error.
pub(super) fn tell(findings: &Findings) {
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    super::tell(&rendered(findings, colour));
    tell_left_out(findings.left_out());
}

/// Tells what was left out because it is not supported.
pub(super) fn tell_left_out(left_out: &BTreeMap<String, u64>) {
    for (what, count) in left_out {
        super::tell(&format!("note: left out: {count} {what}"));
    }
}

fn rendered(findings: &Findings, colour: bool) -> String {
    let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(120).with_links(false);
    let lines = lines_of(findings);
    let mut text = String::new();
    for problem in findings.problems() {
        let line = lines.get(&(Arc::clone(&problem.place.file), problem.place.line));
        if handler.render_report(&mut text, &Complaint::of(problem, line)).is_err() {
            // Only a formatter that fails ends here; the plain form loses nothing.
            text.push_str(&problem.to_string());
            text.push('\n');
        }
    }
    let count = findings.problems().len() + findings.beyond_limit();
    let more = match findings.beyond_limit() {
        0 => String::new(),
        more => format!(" ({more} of them not shown)"),
    };
    let noun = if count == 1 { "problem" } else { "problems" };
    text + &format!("{count} {noun}{more}; nothing was run and nothing was written")
}

/// The lines the problems are about; each file is read once, as far as needed.
fn lines_of(findings: &Findings) -> BTreeMap<(Arc<Path>, u32), String> {
    let mut wanted: BTreeMap<Arc<Path>, Vec<u32>> = BTreeMap::new();
    for problem in findings.problems().iter().filter(|problem| problem.place.line > 0) {
        wanted.entry(Arc::clone(&problem.place.file)).or_default().push(problem.place.line);
    }
    let mut found = BTreeMap::new();
    for (path, numbers) in wanted {
        let last = numbers.iter().copied().max().unwrap_or(0);
        let Ok(file) = std::fs::File::open(&path) else { continue };
        for (number, line) in (1..=last).zip(BufReader::new(file).lines()) {
            let Ok(line) = line else { break };
            if numbers.contains(&number) {
                found.insert((Arc::clone(&path), number), line);
            }
        }
    }
    found
}

/// A problem with the line it is about, in the form the renderer knows.
#[derive(Debug)]
struct Complaint<'a> {
    problem: &'a Problem,
    source: Option<OneLine>,
    place: SourceSpan,
}

impl<'a> Complaint<'a> {
    fn of(problem: &'a Problem, line: Option<&String>) -> Self {
        let place = &problem.place;
        let source = line.filter(|line| line.len() <= LINE_MAX).map(|line| OneLine {
            file: place.file.display().to_string(),
            number: place.line as usize - 1,
            text: line.clone(),
        });
        let span = line.map_or((0, 0), |line| token(line, place.column as usize));
        Self { problem, source, place: span.into() }
    }
}

/// Where in the line the thing at `column` (in characters, from 1) lies: offset and length in bytes.
///
/// Without a column it is the whole line.
fn token(line: &str, column: usize) -> (usize, usize) {
    if column == 0 {
        let start = line.len() - line.trim_start().len();
        return (start, line.trim().len());
    }
    let start = line.char_indices().nth(column - 1).map_or(line.len(), |(at, _)| at);
    let rest = &line[start..];
    let end = match rest.chars().next() {
        Some(quote @ ('"' | '\'')) => rest[1..].find(quote).map_or(rest.len(), |end| end + 2),
        Some('{' | '[') => 1,
        _ => rest.find([',', '}', ']', ':', '#']).unwrap_or(rest.len()),
    };
    // A clock time has colons inside; a colon ends a key only before a space or the line's end.
    let end = if rest[end..].starts_with(':') && rest[end + 1..].starts_with(|c: char| !c.is_whitespace()) {
        rest.find([',', '}', ']', '#']).unwrap_or(rest.len())
    } else {
        end
    };
    (start, rest[..end].trim_end().len())
}

impl fmt::Display for Complaint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.source.is_none() {
            write!(f, "{}: ", self.problem.place)?;
        }
        f.write_str(&self.problem.message)
    }
}

impl std::error::Error for Complaint<'_> {}

impl Diagnostic for Complaint<'_> {
    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.problem.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.source.as_ref()?;
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(None, self.place))))
    }
}

/// One line of a file, so that a large one need not be held for the sake of a few lines.
#[derive(Debug)]
struct OneLine {
    file: String,
    number: usize,
    text: String,
}

impl SourceCode for OneLine {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        _before: usize,
        _after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        // The span given asks where the mark stands; the contents are the line, and the column is the mark's for the heading.
        let whole = SourceSpan::from((0, self.text.len()));
        let column = self.text.get(..span.offset()).map_or(0, |before| before.chars().count());
        let contents =
            MietteSpanContents::new_named(self.file.clone(), self.text.as_bytes(), whole, self.number, column, 1);
        Ok(Box::new(contents))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::text::Place;

    #[test]
    fn a_complaint_shows_the_line_and_marks_the_fault() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("bad.yaml");
        std::fs::write(&path, "citytwin: 1\ntime: { start: 7 am, run: 1 h }\n").expect("a file");
        let mut findings = Findings::default();
        let place = Place::file(path.clone());
        findings.problem(Problem::new(place.at(2, 16), "`7 am` is not a clock time").help("write it like `07:00`"));
        findings.problem(Problem::new(place, "is empty"));
        let shown = rendered(&findings, false).replace(&format!("{}", folder.path().display()), "");
        let expected = "  × `7 am` is not a clock time
   ╭─[/bad.yaml:2:16]
 2 │ time: { start: 7 am, run: 1 h }
   ·                ────
   ╰────
  help: write it like `07:00`
  × /bad.yaml: is empty
2 problems; nothing was run and nothing was written";
        assert_eq!(shown, expected);
        assert!(rendered(&findings, true).contains('\u{1b}'));
    }

    #[test]
    fn the_mark_covers_the_value_and_nothing_more() {
        let marked = |line: &str, column| {
            let (start, length) = token(line, column);
            line[start..start + length].to_owned()
        };
        assert_eq!(marked("time: { start: 07:00, run: 1 h }", 16), "07:00");
        assert_eq!(marked("  tiem: 5 min # why", 3), "tiem");
        assert_eq!(marked("name: 'a, b'", 7), "'a, b'");
        assert_eq!(marked("name: \u{fc}ber alles", 7), "\u{fc}ber alles");
        assert_eq!(marked("map: { city: x }", 6), "{");
        assert_eq!(marked("  <lane id=\"a\"/>  ", 0), "<lane id=\"a\"/>");
        assert_eq!(marked("short", 99), "");
    }
}
