//! Reading XML files as elements with a place: the one spot that opens, unpacks and walks SUMO's files.
//!
//! Exists so that every reader reports file, line and column, unpacks gzip by content rather than by name, and keeps the
//! same limits. Deliberately knows no element of any file format.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use flate2::read::MultiGzDecoder;
use quick_xml::XmlVersion;
use quick_xml::events::Event;
use quick_xml::events::attributes::Attributes;
use quick_xml::reader::Reader;

use crate::primitives::SimTime;
use crate::primitives::text::{Findings, Place, Problem, closest};

/// The largest file read, unpacked [bytes]; a country's network fits, a gzip bomb does not.
pub(crate) const SIZE_MAX: u64 = 4 << 30;
/// The deepest nesting of elements; SUMO's files need five.
pub(crate) const DEPTH_MAX: usize = 64;

/// A file in memory: where it came from and its text.
#[derive(Debug)]
pub(crate) struct Source {
    /// The file as a whole.
    pub(crate) place: Place,
    /// Its text, unpacked.
    pub(crate) text: String,
}

impl Source {
    /// A source from text at hand.
    #[cfg(test)]
    pub(crate) fn from_text(name: &str, text: impl Into<String>) -> Self {
        Self { place: Place::file(name), text: text.into() }
    }

    /// Opens a file, plain or gzip.
    pub(crate) fn open(path: &Path) -> Result<Self, Problem> {
        let place = Place::file(path);
        let fault = |what: &str, error: std::io::Error| Problem::new(place.clone(), format!("{what}: {error}"));
        let file = File::open(path).map_err(|error| fault("cannot open the file", error))?;
        let mut bytes = Vec::new();
        file.take(SIZE_MAX + 1).read_to_end(&mut bytes).map_err(|error| fault("cannot read the file", error))?;
        Self::from_bytes(place, bytes)
    }

    /// A source from the bytes of a file, plain or gzip.
    pub(crate) fn from_bytes(place: Place, mut bytes: Vec<u8>) -> Result<Self, Problem> {
        if bytes.starts_with(&[0x1f, 0x8b]) {
            let mut unpacked = Vec::new();
            MultiGzDecoder::new(bytes.as_slice())
                .take(SIZE_MAX + 1)
                .read_to_end(&mut unpacked)
                .map_err(|error| Problem::new(place.clone(), format!("cannot unpack the gzip file: {error}")))?;
            bytes = unpacked;
        }
        if bytes.len() as u64 > SIZE_MAX {
            let message = format!("the file is larger than {} GiB unpacked", SIZE_MAX >> 30);
            return Err(Problem::new(place, message));
        }
        if bytes.starts_with(&[0xef, 0xbb, 0xbf]) {
            bytes.drain(..3);
        }
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self { place, text }),
            Err(error) => {
                let bytes = error.as_bytes();
                if declares_latin_1(bytes) {
                    return Ok(Self { text: bytes.iter().copied().map(char::from).collect(), place });
                }
                let before = &bytes[..error.utf8_error().valid_up_to()];
                let line = 1 + u32::try_from(count_lines(before)).unwrap_or(u32::MAX);
                Err(Problem::new(place.at(line, 0), "the text is not UTF-8").help("save the file as UTF-8"))
            }
        }
    }
}

#[expect(clippy::naive_bytecount, reason = "a crate for one count is too much; the loop is vectorised")]
fn count_lines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&byte| byte == b'\n').count()
}

fn declares_latin_1(bytes: &[u8]) -> bool {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(120)]).to_ascii_lowercase();
    head.starts_with("<?xml") && head.contains("iso-8859-1")
}

/// One element as it opens.
#[derive(Debug, Clone)]
pub(crate) struct Element<'s> {
    /// Its name.
    pub(crate) name: &'s str,
    /// How many elements it lies in; the root has 0.
    pub(crate) depth: usize,
    file: &'s Place,
    line: u32,
    column: u32,
    attributes: Vec<(&'s str, Cow<'s, str>)>,
}

impl<'s> Element<'s> {
    /// Where it begins.
    pub(crate) fn place(&self) -> Place {
        self.file.at(self.line, self.column)
    }

    /// A problem with this element.
    pub(crate) fn problem(&self, message: impl Into<String>) -> Problem {
        Problem::new(self.place(), message)
    }

    /// The value of an attribute.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_ref())
    }

    /// The value of an attribute, as long as the source lives.
    pub(crate) fn text(&self, name: &str) -> Option<Cow<'s, str>> {
        self.attributes.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone())
    }

    /// Every attribute, in order.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = (&'s str, &str)> {
        self.attributes.iter().map(|(key, value)| (*key, value.as_ref()))
    }

    /// The value of an attribute that must be there.
    pub(crate) fn required(&self, name: &str, findings: &mut Findings) -> Option<Cow<'s, str>> {
        let value = self.text(name);
        if value.is_none() {
            findings.problem(self.problem(format!("<{}> has no attribute '{name}'", self.name)));
        }
        value
    }

    /// A finite number.
    pub(crate) fn number(&self, name: &str, findings: &mut Findings) -> Option<f64> {
        let text = self.get(name)?;
        match text.trim().parse::<f64>() {
            Ok(value) if value.is_finite() => Some(value),
            _ => {
                findings.problem(self.problem(format!("'{name}' of <{}> is not a number: '{text}'", self.name)));
                None
            }
        }
    }

    /// A whole number that is not negative.
    pub(crate) fn whole(&self, name: &str, findings: &mut Findings) -> Option<u32> {
        let text = self.get(name)?;
        let value = text.trim().parse::<u32>().ok();
        if value.is_none() {
            let message = format!("'{name}' of <{}> is not a whole number: '{text}'", self.name);
            findings.problem(self.problem(message));
        }
        value
    }

    /// A yes or no, as SUMO writes them.
    pub(crate) fn flag(&self, name: &str, findings: &mut Findings) -> Option<bool> {
        let text = self.get(name)?;
        let value = parse_flag(text);
        if value.is_none() {
            findings.problem(self.problem(format!("'{name}' of <{}> is neither true nor false: '{text}'", self.name)));
        }
        value
    }

    /// A time: seconds or `[D:]H:MM:SS`.
    pub(crate) fn time(&self, name: &str, findings: &mut Findings) -> Option<SimTime> {
        let text = self.get(name)?;
        let value = parse_time(text);
        if value.is_none() {
            let message = format!("'{name}' of <{}> is not a time: '{text}'", self.name);
            findings.problem(self.problem(message).help("write seconds or HH:MM:SS"));
        }
        value
    }

    /// One of several words.
    pub(crate) fn word<T: Copy>(&self, name: &str, words: &[(&str, T)], findings: &mut Findings) -> Option<T> {
        let text = self.get(name)?.trim();
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let problem = self.problem(format!("'{name}' of <{}> has an unknown value: '{text}'", self.name));
            findings.problem(suggest(problem, text, words.iter().map(|(word, _)| *word)));
        }
        found
    }
}

/// Adds "did you mean" to a problem where a candidate is like the word.
pub(crate) fn suggest<'a>(problem: Problem, word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Problem {
    match closest(word, candidates) {
        Some(likely) => problem.help(format!("did you mean '{likely}'?")),
        None => problem,
    }
}

/// SUMO's spellings of yes and no.
pub(crate) fn parse_flag(text: &str) -> Option<bool> {
    match text.trim() {
        "true" | "True" | "TRUE" | "1" | "yes" | "on" | "t" | "x" => Some(true),
        "false" | "False" | "FALSE" | "0" | "no" | "off" | "f" | "-" => Some(false),
        _ => None,
    }
}

/// A time in SUMO's spellings: seconds, `HH:MM:SS` or `D:HH:MM:SS`.
pub(crate) fn parse_time(text: &str) -> Option<SimTime> {
    /// Longer than any run, shorter than what milliseconds can hold [s].
    const SECONDS_MAX: f64 = 1e12;
    let text = text.trim();
    let (sign, digits) = text.strip_prefix('-').map_or((1.0, text), |rest| (-1.0, rest));
    let parts: Vec<f64> = digits.split(':').map(|part| part.trim().parse().ok()).collect::<Option<_>>()?;
    let seconds = match parts[..] {
        [s] => s,
        [h, m, s] => h * 3600.0 + m * 60.0 + s,
        [d, h, m, s] => d * 86_400.0 + h * 3600.0 + m * 60.0 + s,
        _ => return None,
    };
    (seconds.is_finite() && seconds.abs() < SECONDS_MAX).then(|| SimTime::seconds(sign * seconds))
}

/// What a walk over a file meets.
#[derive(Debug)]
pub(crate) enum Item<'e, 's> {
    /// An element opens.
    Open(&'e Element<'s>),
    /// The element of this name closes.
    Close(&'s str),
}

/// Walks a file's elements in order; stops at the first place that is not XML, after noting it.
///
/// The handler says whether the elements inside the one that opens are wanted; answers to closing elements are ignored.
pub(crate) fn walk<'s>(
    source: &'s Source,
    findings: &mut Findings,
    mut handle: impl FnMut(Item<'_, 's>, &mut Findings) -> bool,
) {
    let text = source.text.as_str();
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut cursor = Cursor::default();
    let mut open: Vec<&'s str> = Vec::new();
    let mut skipping: Option<usize> = None;
    let mut elements = 0_usize;
    loop {
        let start = position(reader.buffer_position(), text);
        let event = reader.read_event();
        let end = position(reader.buffer_position(), text);
        match event {
            Ok(Event::Start(tag)) => {
                cursor.advance(text, start);
                let inside = text.get(start + 1..end.max(start + 2) - 1).unwrap_or_default();
                let name_length = tag.name().as_ref().len();
                let name = inside.get(..name_length).unwrap_or_default();
                elements += 1;
                if skipping.is_none() {
                    let element = cursor.element(source, name, open.len(), inside, findings);
                    if !handle(Item::Open(&element), findings) {
                        skipping = Some(open.len());
                    }
                }
                open.push(name);
                if open.len() > DEPTH_MAX {
                    let message = format!("elements are nested more than {DEPTH_MAX} deep");
                    findings.problem(Problem::new(cursor.place(source), message));
                    return;
                }
            }
            Ok(Event::End(_)) => {
                let Some(name) = open.pop() else { continue };
                if skipping == Some(open.len()) {
                    skipping = None;
                    handle(Item::Close(name), findings);
                } else if skipping.is_none() {
                    handle(Item::Close(name), findings);
                }
            }
            Ok(Event::Eof) => break,
            Ok(_) => {}
            Err(error) => {
                cursor.advance(text, position(reader.error_position(), text));
                findings.problem(Problem::new(cursor.place(source), format!("not well-formed XML: {error}")));
                return;
            }
        }
    }
    if let Some(name) = open.last() {
        cursor.advance(text, text.len());
        let problem = Problem::new(cursor.place(source), format!("the file ends inside <{name}>"));
        findings.problem(problem.help("the file seems to be cut off"));
    } else if elements == 0 {
        findings.problem(Problem::new(source.place.clone(), "the file holds no XML element"));
    }
}

fn position(offset: u64, text: &str) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX).min(text.len())
}

/// Counts lines up to where the walk stands.
#[derive(Debug, Default)]
struct Cursor {
    offset: usize,
    lines: usize,
    line_start: usize,
}

impl Cursor {
    fn advance(&mut self, text: &str, to: usize) {
        let Some(passed) = text.as_bytes().get(self.offset..to) else { return };
        self.lines += count_lines(passed);
        if let Some(last) = passed.iter().rposition(|&byte| byte == b'\n') {
            self.line_start = self.offset + last + 1;
        }
        self.offset = to;
    }

    fn line_and_column(&self, text: &str) -> (u32, u32) {
        let column = String::from_utf8_lossy(&text.as_bytes()[self.line_start..self.offset]).chars().count();
        let clamp = |n: usize| u32::try_from(n + 1).unwrap_or(u32::MAX);
        (clamp(self.lines), clamp(column))
    }

    fn place(&self, source: &Source) -> Place {
        let (line, column) = self.line_and_column(&source.text);
        source.place.at(line, column)
    }

    fn element<'s>(
        &self,
        source: &'s Source,
        name: &'s str,
        depth: usize,
        inside: &'s str,
        findings: &mut Findings,
    ) -> Element<'s> {
        let (line, column) = self.line_and_column(&source.text);
        let inside = inside.strip_suffix('/').unwrap_or(inside);
        let mut attributes = Vec::with_capacity(8);
        for attribute in Attributes::new(inside, name.len()) {
            let value = attribute.map_err(|error| error.to_string()).and_then(|one| {
                match one.normalized_value(XmlVersion::Implicit1_0) {
                    Ok(value) => Ok((one.key.into_inner(), value)),
                    Err(error) => Err(error.to_string()),
                }
            });
            match value {
                Ok(pair) => attributes.push(pair),
                Err(error) => findings.problem(Problem::new(
                    source.place.at(line, column),
                    format!("an attribute of <{name}> is malformed: {error}"),
                )),
            }
        }
        Element { name, depth, file: &source.place, line, column, attributes }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn names_and_lines(source: &Source) -> (Vec<(String, u32)>, Findings) {
        let mut findings = Findings::default();
        let mut seen = Vec::new();
        walk(source, &mut findings, |item, _| {
            if let Item::Open(element) = item {
                seen.push((element.name.to_string(), element.line));
            }
            true
        });
        (seen, findings)
    }

    #[test]
    fn elements_carry_the_line_they_begin_on() {
        let source =
            Source::from_text("a.xml", "<?xml version=\"1.0\"?>\n<!-- a\n b -->\n<a>\n  <b\n c='1'/>\n <d/></a>\n");
        let (seen, findings) = names_and_lines(&source);
        assert_eq!(seen, vec![("a".into(), 4), ("b".into(), 5), ("d".into(), 7)]);
        assert!(findings.is_ok(), "{findings:?}");
    }

    #[test]
    fn entities_are_resolved_and_unknown_ones_reported() {
        let source = Source::from_text("a.xml", "<a name='Gr&amp;&#252;n' bad='&nbsp;'/>");
        let mut findings = Findings::default();
        walk(&source, &mut findings, |item, _| {
            if let Item::Open(element) = item {
                assert_eq!(element.get("name"), Some("Gr&ün"));
            }
            true
        });
        assert_eq!(findings.problems().len(), 1);
    }

    #[test]
    fn broken_files_are_reported_with_their_line() {
        for (text, line) in [
            ("<a>\n<b></a>", 2),
            ("<a>\n<b x='1>", 2),
            ("<a>\n\n", 3),
            ("", 0),
            ("just words", 0),
            ("<a>\n<b x=1/></a>", 2),
        ] {
            let source = Source::from_text("a.xml", text);
            let (_, findings) = names_and_lines(&source);
            assert_eq!(findings.problems().first().map(|p| p.place.line), Some(line), "{text:?}: {findings:?}");
        }
    }

    #[test]
    fn deep_nesting_is_refused() {
        let source = Source::from_text("a.xml", "<a>".repeat(100_000));
        assert_eq!(names_and_lines(&source).1.problems().len(), 1);
    }

    #[test]
    fn gzip_is_known_by_content() {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(b"<a/>").expect("memory has room");
        let packed = packer.finish().expect("memory has room");
        let source = Source::from_bytes(Place::file("a.xml"), packed.clone()).expect("it unpacks");
        assert_eq!(source.text, "<a/>");
        assert!(Source::from_bytes(Place::file("a.xml"), packed[..packed.len() - 6].to_vec()).is_err());
    }

    #[test]
    fn times_come_in_seconds_and_on_the_clock() {
        for (text, seconds) in [
            ("90", Some(90.0)),
            ("15:00:00", Some(54_000.0)),
            ("1:00:00:01.5", Some(86_401.5)),
            ("a", None),
            ("1:2", None),
            ("inf", None),
        ] {
            assert_eq!(parse_time(text).map(SimTime::as_seconds), seconds, "{text}");
        }
    }
}
