//! Complaints about input as people read them: the message, the line with a mark under the fault, and what to do.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{IsTerminal, Read};
use std::path::Path;
use std::sync::Arc;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode,
    SourceSpan, SpanContents,
};

use crate::primitives::text::{Findings, Problem, harmless};

/// Longest line shown as a whole [characters]; of longer ones, such as generated XML has, only what is around the fault.
const LINE_MAX: usize = 200;
/// How much of a longer line is shown before the fault [characters].
const BEFORE: usize = 60;
/// Longest quotation of a file in a message [characters].
const QUOTED_MAX: usize = 80;
/// The longest suggestion that is told more than once [bytes].
const HELP_MAX: usize = 120;
/// How much of a file is looked through for the lines that problems are about [bytes].
const SEARCHED_MAX: u64 = 256 << 20;

/// Tells every problem on standard error.
pub(super) fn tell(findings: &Findings) {
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    super::tell_painted(&rendered(findings, colour));
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
    let mut told = BTreeSet::new();
    for problem in findings.problems() {
        let line = lines.get(&(Arc::clone(&problem.place.file), problem.place.line));
        let mut complaint = Complaint::of(problem, line);
        // A list of all there is, is told once.
        if let Some(help) =
            complaint.help.as_mut().filter(|help| help.len() > HELP_MAX && !told.insert((*help).clone()))
        {
            "as told above".clone_into(help);
        }
        if handler.render_report(&mut text, &complaint).is_err() {
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
        let mut bytes = Vec::new();
        let read = std::fs::File::open(&path).and_then(|file| file.take(SEARCHED_MAX).read_to_end(&mut bytes));
        if read.is_err() {
            continue;
        }
        let text = String::from_utf8_lossy(&bytes);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        // YAML ends lines with a carriage return alone too.
        let yaml = path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
        let ends = |c: char| c == '\n' || (yaml && c == '\r');
        let text = if yaml { text.replace("\r\n", "\n") } else { text.to_owned() };
        let last = numbers.iter().copied().max().unwrap_or(0);
        for (number, line) in (1..=last).zip(text.split(ends)) {
            if numbers.contains(&number) {
                found.insert((Arc::clone(&path), number), line.trim_end_matches('\r').to_owned());
            }
        }
    }
    found
}

/// What a message says, fit for a terminal: quotations of the file are cut, and nothing in them commands.
fn told(message: &str) -> String {
    let quotations = message.split('`').enumerate().map(|(at, part)| {
        if at % 2 == 0 || part.chars().count() <= QUOTED_MAX {
            return part.replace('\n', if at % 2 == 0 { "\n" } else { "\u{2424}" });
        }
        part.chars().take(QUOTED_MAX / 2).chain(['\u{2026}']).collect::<String>().replace('\n', "\u{2424}")
    });
    harmless(&quotations.collect::<Vec<_>>().join("`"))
}

/// A problem with the line it is about, in the form the renderer knows.
#[derive(Debug)]
struct Complaint {
    message: String,
    help: Option<String>,
    source: Option<OneLine>,
    place: SourceSpan,
}

impl Complaint {
    fn of(problem: &Problem, line: Option<&String>) -> Self {
        let place = &problem.place;
        let help = problem.help.as_ref().map(|help| told(help));
        let Some(line) = line.map(|line| harmless(line)) else {
            let message = told(&format!("{place}: {}", problem.message));
            return Self { message, help, source: None, place: (0, 0).into() };
        };
        // The mark of what is missing at the end of a file stands on a line with nothing on it.
        let line = if line.is_empty() { " ".to_owned() } else { line };
        let (text, column) = window(&line, place.column as usize);
        let mark = token(&text, column);
        let source = OneLine {
            file: harmless(&place.file.display().to_string()),
            number: place.line as usize - 1,
            column: (place.column as usize).max(1) - 1,
            text,
        };
        Self { message: told(&problem.message), help, source: Some(source), place: mark.into() }
    }
}

/// Of a long line what is around a column (in characters, from 1), and that column in it.
fn window(line: &str, column: usize) -> (String, usize) {
    if line.chars().count() <= LINE_MAX {
        return (line.to_owned(), column);
    }
    let from = column.saturating_sub(BEFORE);
    let shown: String = line.chars().skip(from).take(LINE_MAX).collect();
    let after = if line.chars().count() > from + LINE_MAX { "\u{2026}" } else { "" };
    match from {
        0 => (shown + after, column),
        from => (format!("\u{2026}{shown}{after}"), column - from + 1),
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
    if rest.trim().is_empty() {
        return (start, rest.len());
    }
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

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Complaint {}

impl Diagnostic for Complaint {
    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
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
    /// Line and column of the fault in the file, from 0; the line shown may be a part of a long one.
    number: usize,
    column: usize,
    text: String,
}

impl SourceCode for OneLine {
    fn read_span<'a>(
        &'a self,
        _span: &SourceSpan,
        _before: usize,
        _after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        // The contents are the line; the column, for the heading, is that of the fault in the file.
        let whole = SourceSpan::from((0, self.text.len()));
        let contents =
            MietteSpanContents::new_named(self.file.clone(), self.text.as_bytes(), whole, self.number, self.column, 1);
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
    fn of_a_long_line_only_what_is_around_the_fault_is_shown() {
        let line = format!("{}nmae: x{}", "-".repeat(500), "+".repeat(500));
        let (shown, column) = window(&line, 501);
        let (start, length) = token(&shown, column);
        assert_eq!(&shown[start..start + length], "nmae");
        assert!(shown.chars().count() <= LINE_MAX + 2 && shown.starts_with('\u{2026}') && shown.ends_with('\u{2026}'));
        assert_eq!(window(&line, 3).1, 3);
    }

    #[test]
    fn quotations_are_cut_and_command_no_terminal() {
        assert_eq!(told("`a\u{1b}b\nc` is not `d`"), "`a\u{241b}b\u{2424}c` is not `d`");
        assert!(told(&format!("`{}` is long", "x".repeat(1000))).chars().count() < 100);
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
