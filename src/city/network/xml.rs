//! Reading XML files as elements with a place: the one spot that opens, unpacks and walks SUMO's files.
//!
//! Exists so that every reader reports file, line and column, unpacks gzip by content rather than by name, and keeps the
//! same limits. Deliberately knows no element of any file format.

mod number;
mod walk;

use std::borrow::Cow;
use std::cell::Cell;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::primitives::SimTime;
use crate::primitives::text::{Findings, Place, Problem, closest};

pub(crate) use number::parse_number;
pub(crate) use walk::{Item, walk};

/// ` name="value"`, with what XML reserves written out: for those who write files.
pub(crate) fn attribute(name: &str, value: &str) -> String {
    format!(" {name}=\"{}\"", quick_xml::escape::escape(value))
}

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
    /// Where lines were last counted to; places are asked for in the order of the file, mostly.
    cursor: Cell<Cursor>,
}

impl Source {
    fn new(place: Place, text: String) -> Self {
        Self { place, text, cursor: Cell::default() }
    }

    /// The place of a byte of the text.
    pub(crate) fn place_at(&self, at: usize) -> Place {
        let known = self.cursor.get();
        let mut cursor = if known.at <= at { known } else { Cursor::default() };
        cursor.advance(self.text.as_bytes(), at.min(self.text.len()));
        self.cursor.set(cursor);
        let clamp = |count: usize| u32::try_from(count + 1).unwrap_or(u32::MAX);
        self.place.at(clamp(cursor.lines), clamp(cursor.column))
    }

    /// A source from text at hand.
    #[cfg(test)]
    pub(crate) fn from_text(name: &str, text: impl Into<String>) -> Self {
        Self::new(Place::file(name), text.into())
    }

    /// Opens a file, plain or gzip.
    pub(crate) fn open(path: &Path) -> Result<Self, Problem> {
        let place = Place::file(path);
        Self::from_bytes(place, read_bytes(path)?)
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
            Ok(text) => Ok(Self::new(place, text)),
            Err(error) => {
                let bytes = error.as_bytes();
                if declares_latin_1(bytes) {
                    return Ok(Self::new(place, bytes.iter().copied().map(char::from).collect()));
                }
                let before = &bytes[..error.utf8_error().valid_up_to()];
                let line = 1 + u32::try_from(count_lines(before)).unwrap_or(u32::MAX);
                Err(Problem::new(place.at(line, 0), "the text is not UTF-8").help("save the file as UTF-8"))
            }
        }
    }
}

/// The bytes of a file as it lies there, and no more than are ever read of one.
pub(crate) fn read_bytes(path: &Path) -> Result<Vec<u8>, Problem> {
    let fault = |what: &str, error: std::io::Error| Problem::new(Place::file(path), format!("{what}: {error}"));
    let file = File::open(path).map_err(|error| fault("cannot open the file", error))?;
    // A hint only: a file may grow while it is read, and a device has no length.
    let length = file.metadata().map_or(0, |about| about.len()).min(SIZE_MAX);
    let mut bytes = Vec::new();
    if bytes.try_reserve_exact(usize::try_from(length).unwrap_or(0) + 1).is_err() {
        return Err(Problem::new(Place::file(path), "the file does not fit into memory"));
    }
    file.take(SIZE_MAX + 1).read_to_end(&mut bytes).map_err(|error| fault("cannot read the file", error))?;
    Ok(bytes)
}

/// Lines and columns counted up to a byte.
#[derive(Debug, Clone, Copy, Default)]
struct Cursor {
    at: usize,
    lines: usize,
    /// Characters since the line began.
    column: usize,
}

impl Cursor {
    fn advance(&mut self, text: &[u8], to: usize) {
        let passed = text.get(self.at..to).unwrap_or_default();
        let mut since = passed;
        if let Some(last) = passed.iter().rposition(|&byte| byte == b'\n') {
            self.lines += count_lines(&passed[..=last]);
            self.column = 0;
            since = &passed[last + 1..];
        }
        // Bytes that continue a character are no characters of their own.
        self.column += since.iter().filter(|&&byte| byte & 0xc0 != 0x80).count();
        self.at = to;
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

/// Where an element begins; line and column are counted only for whoever has something to say about it.
#[derive(Clone, Copy)]
pub(crate) struct Spot<'s> {
    source: &'s Source,
    /// The byte of the text.
    at: usize,
}

impl Spot<'_> {
    /// The place in the file.
    pub(crate) fn place(&self) -> Place {
        self.source.place_at(self.at)
    }
}

impl std::fmt::Debug for Spot<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.place())
    }
}

/// One element as it opens.
#[derive(Debug, Clone)]
pub(crate) struct Element<'s> {
    /// Its name.
    pub(crate) name: &'s str,
    /// How many elements it lies in; the root has 0.
    pub(crate) depth: usize,
    source: &'s Source,
    /// Where its tag begins in the text.
    at: usize,
    attributes: Vec<(&'s str, Cow<'s, str>)>,
}

impl<'s> Element<'s> {
    /// Where it begins, to be told later.
    pub(crate) fn spot(&self) -> Spot<'s> {
        Spot { source: self.source, at: self.at }
    }

    /// Where it begins.
    pub(crate) fn place(&self) -> Place {
        self.spot().place()
    }

    /// A problem with this element.
    pub(crate) fn problem(&self, message: impl Into<String>) -> Problem {
        Problem::new(self.place(), message)
    }

    fn find(&self, name: &str) -> Option<&Cow<'s, str>> {
        // Most keys differ in their first letter or length, which is cheaper to see than to call for a comparison.
        let alike = |key: &str| key.len() == name.len() && key.as_bytes().first() == name.as_bytes().first();
        self.attributes.iter().find(|(key, _)| alike(key) && *key == name).map(|(_, value)| value)
    }

    /// The value of an attribute.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.find(name).map(AsRef::as_ref)
    }

    /// The value of an attribute, as long as the source lives.
    pub(crate) fn text(&self, name: &str) -> Option<Cow<'s, str>> {
        self.find(name).cloned()
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
        match parse_number(text) {
            Some(value) if value.is_finite() => Some(value),
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
    let mut parts = [0.0; 4];
    let mut count = 0;
    for part in digits.split(':') {
        *parts.get_mut(count)? = parse_number(part)?;
        count += 1;
    }
    let seconds = match parts[..count] {
        [s] => s,
        [h, m, s] => h * 3600.0 + m * 60.0 + s,
        [d, h, m, s] => d * 86_400.0 + h * 3600.0 + m * 60.0 + s,
        _ => return None,
    };
    (seconds.is_finite() && seconds.abs() < SECONDS_MAX).then(|| SimTime::seconds(sign * seconds))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

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
