//! The walk over a file's elements: finds tags, their attributes and where it stops being XML.
//!
//! Exists because a city's network is tens of megabytes of small tags: a tag written the way every program writes it is read in
//! one pass over its bytes, and its attributes are slices of the text. What is unusual (entities, line ends within a value,
//! odd spacing) takes the slow way through `quick_xml`, which also words what is wrong with it. Knows no element by name.

use std::borrow::Cow;

use quick_xml::XmlVersion;
use quick_xml::events::attributes::Attributes;

use super::{DEPTH_MAX, Element, Source};
use crate::primitives::text::{Findings, Problem};

/// The most attributes of one element; SUMO's vehicle types have some sixty.
const ATTRIBUTES_MAX: usize = 256;

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
    let mut scan = Scan { text: &source.text, at: 0 };
    let mut open: Vec<&'s str> = Vec::new();
    let mut skipping: Option<usize> = None;
    let mut elements = 0_usize;
    let mut element = Element { name: "", depth: 0, source, at: 0, attributes: Vec::with_capacity(16) };
    loop {
        let tag = match scan.next() {
            Ok(Some(tag)) => tag,
            Ok(None) => break,
            Err(fault) => return findings.problem(fault.problem(source)),
        };
        match tag {
            Tag::Open { name, start } => {
                elements += 1;
                element.attributes.clear();
                (element.name, element.depth, element.at) = (name, open.len(), start);
                let empty = match scan.attributes(&mut element, skipping.is_none(), findings) {
                    Ok(empty) => empty,
                    Err(fault) => return findings.problem(fault.problem(source)),
                };
                if skipping.is_none() && !handle(Item::Open(&element), findings) {
                    skipping = Some(open.len());
                }
                open.push(name);
                if open.len() > DEPTH_MAX {
                    let message = format!("elements are nested more than {DEPTH_MAX} deep");
                    return findings.problem(Problem::new(source.place_at(start), message));
                }
                if !empty {
                    continue;
                }
            }
            Tag::Close { name, start } => {
                if open.last() != Some(&name) {
                    return findings.problem(stray(name, open.last().copied(), start).problem(source));
                }
            }
        }
        let Some(name) = open.pop() else { continue };
        if skipping == Some(open.len()) {
            skipping = None;
        }
        if skipping.is_none() {
            handle(Item::Close(name), findings);
        }
    }
    if let Some(name) = open.last() {
        let problem = Problem::new(source.place_at(source.text.len()), format!("the file ends inside <{name}>"));
        findings.problem(problem.help("the file seems to be cut off"));
    } else if elements == 0 {
        findings.problem(Problem::new(source.place.clone(), "the file holds no XML element"));
    }
}

fn stray(name: &str, open: Option<&str>, start: usize) -> Fault {
    let message = match open {
        Some(open) => format!("</{name}> where <{open}> is to be closed"),
        None => format!("</{name}> closes nothing"),
    };
    Fault { at: start, message }
}

/// Where a file stops being XML.
struct Fault {
    at: usize,
    message: String,
}

impl Fault {
    fn new(at: usize, message: &str) -> Self {
        Self { at, message: message.to_owned() }
    }

    fn problem(self, source: &Source) -> Problem {
        Problem::new(source.place_at(self.at), format!("not well-formed XML: {}", self.message))
    }
}

/// A tag whose name has been read.
enum Tag<'s> {
    Open { name: &'s str, start: usize },
    Close { name: &'s str, start: usize },
}

const SPACE: u8 = 1;
const ENDS_NAME: u8 = 2;
const STOPS_VALUE: u8 = 4;

/// What bytes mean inside a tag.
const MEANING: [u8; 256] = {
    let mut table = [0; 256];
    table[b' ' as usize] = SPACE | ENDS_NAME;
    table[b'\t' as usize] = SPACE | ENDS_NAME | STOPS_VALUE;
    table[b'\n' as usize] = SPACE | ENDS_NAME | STOPS_VALUE;
    table[b'\r' as usize] = SPACE | ENDS_NAME | STOPS_VALUE;
    table[b'/' as usize] = ENDS_NAME;
    table[b'>' as usize] = ENDS_NAME;
    table[b'=' as usize] = ENDS_NAME;
    table[b'<' as usize] = ENDS_NAME;
    table[b'"' as usize] = ENDS_NAME | STOPS_VALUE;
    table[b'\'' as usize] = ENDS_NAME | STOPS_VALUE;
    table[b'&' as usize] = STOPS_VALUE;
    table
};

fn is(byte: u8, meaning: u8) -> bool {
    MEANING[usize::from(byte)] & meaning != 0
}

/// A position in the text, moving from tag to tag.
struct Scan<'s> {
    text: &'s str,
    at: usize,
}

impl<'s> Scan<'s> {
    /// The next tag, past its name; comments, instructions and text are passed over.
    fn next(&mut self) -> Result<Option<Tag<'s>>, Fault> {
        let bytes = self.text.as_bytes();
        loop {
            let Some(rest) = bytes.get(self.at..) else { return Ok(None) };
            let Some(ahead) = rest.iter().position(|&byte| byte == b'<') else { return Ok(None) };
            let start = self.at + ahead;
            match bytes.get(start + 1) {
                Some(b'!') => self.pass_declaration(start)?,
                Some(b'?') => self.at = self.end_of(start, "?>", "an instruction is not closed")?,
                Some(b'/') => {
                    let end = self.end_of(start, ">", "a closing tag is not closed")?;
                    self.at = end;
                    let name = self.text.get(start + 2..end - 1).unwrap_or_default().trim_ascii_end();
                    return Ok(Some(Tag::Close { name, start }));
                }
                _ => {
                    let rest = bytes.get(start + 1..).unwrap_or_default();
                    let Some(length) = rest.iter().position(|&byte| is(byte, ENDS_NAME)) else {
                        return Err(Fault::new(start, "a tag is not closed"));
                    };
                    if length == 0 {
                        return Err(Fault::new(start, "a tag has no name"));
                    }
                    self.at = start + 1 + length;
                    let name = self.text.get(start + 1..self.at).unwrap_or_default();
                    return Ok(Some(Tag::Open { name, start }));
                }
            }
        }
    }

    /// The offset behind the next `mark`.
    fn end_of(&self, start: usize, mark: &str, fault: &str) -> Result<usize, Fault> {
        let found = self.text.get(start..).and_then(|rest| rest.find(mark));
        found.map(|ahead| start + ahead + mark.len()).ok_or_else(|| Fault::new(start, fault))
    }

    /// Passes a comment, a section of characters, or a document type with what it declares.
    fn pass_declaration(&mut self, start: usize) -> Result<(), Fault> {
        let rest = self.text.get(start..).unwrap_or_default();
        if rest.starts_with("<!--") {
            self.at = self.end_of(start + 4, "-->", "").map_err(|_| Fault::new(start, "a comment is not closed"))?;
        } else if rest.starts_with("<![CDATA[") {
            self.at = self.end_of(start, "]]>", "a section of characters is not closed")?;
        } else {
            let mut depth = 0_usize;
            for (ahead, byte) in rest.bytes().enumerate() {
                match byte {
                    b'<' => depth += 1,
                    b'>' if depth == 1 => {
                        self.at = start + ahead + 1;
                        return Ok(());
                    }
                    b'>' => depth -= 1,
                    _ => {}
                }
            }
            return Err(Fault::new(start, "a declaration is not closed"));
        }
        Ok(())
    }

    /// Reads the attributes of the element whose name has just been read, and says whether it closes at once.
    fn attributes(&mut self, element: &mut Element<'s>, wanted: bool, findings: &mut Findings) -> Result<bool, Fault> {
        let after_name = self.at;
        if wanted && let Some(empty) = self.plain_attributes(element) {
            return Ok(empty);
        }
        element.attributes.clear();
        let end = self.tag_end(after_name).ok_or_else(|| Fault::new(element.at, "a tag is not closed"))?;
        self.at = end + 1;
        let inside = self.text.get(element.at + 1..end).unwrap_or_default();
        let empty = inside.ends_with('/');
        if wanted {
            let inside = inside.strip_suffix('/').unwrap_or(inside);
            Self::unusual_attributes(inside, element, findings)?;
        }
        Ok(empty)
    }

    /// The attributes of a tag in which nothing is unusual; none at the first thing that is.
    fn plain_attributes(&mut self, element: &mut Element<'s>) -> Option<bool> {
        let (text, bytes) = (self.text, self.text.as_bytes());
        let mut at = self.at;
        loop {
            let byte = *bytes.get(at)?;
            if byte == b'>' {
                self.at = at + 1;
                return Some(false);
            }
            if byte == b'/' {
                self.at = at + 2;
                return (*bytes.get(at + 1)? == b'>').then_some(true);
            }
            if !is(byte, SPACE) {
                return None;
            }
            at += 1;
            let key_length = bytes.get(at..)?.iter().position(|&byte| is(byte, ENDS_NAME))?;
            if key_length == 0 {
                // More than one space, or the end after a space.
                continue;
            }
            let key = text.get(at..at + key_length)?;
            at += key_length;
            let quote = match bytes.get(at..at + 2)? {
                [b'=', quote @ (b'"' | b'\'')] => *quote,
                _ => return None,
            };
            at += 2;
            let start = at;
            loop {
                at += bytes.get(at..)?.iter().position(|&byte| is(byte, STOPS_VALUE))?;
                match bytes[at] {
                    byte if byte == quote => break,
                    b'"' | b'\'' => at += 1,
                    _ => return None,
                }
            }
            let known = &mut element.attributes;
            if known.len() == ATTRIBUTES_MAX || known.iter().any(|(other, _)| *other == key) {
                return None;
            }
            known.push((key, Cow::Borrowed(text.get(start..at)?)));
            at += 1;
        }
    }

    /// The attributes of a tag with something unusual in it, with what is wrong with them.
    fn unusual_attributes(inside: &'s str, element: &mut Element<'s>, findings: &mut Findings) -> Result<(), Fault> {
        for (attribute, number) in Attributes::new(inside, element.name.len()).zip(0_usize..) {
            if number == ATTRIBUTES_MAX {
                let message = format!("<{}> has more than {ATTRIBUTES_MAX} attributes", element.name);
                return Err(Fault { at: element.at, message });
            }
            let value = attribute.map_err(|error| error.to_string()).and_then(|one| {
                match one.normalized_value(XmlVersion::Implicit1_0) {
                    Ok(value) => Ok((one.key.into_inner(), value)),
                    Err(error) => Err(error.to_string()),
                }
            });
            match value {
                Ok(pair) => element.attributes.push(pair),
                Err(error) => {
                    let message = format!("an attribute of <{}> is malformed: {error}", element.name);
                    findings.problem(element.problem(message));
                }
            }
        }
        Ok(())
    }

    /// Where the `>` is that ends a tag, quotes minded.
    fn tag_end(&self, from: usize) -> Option<usize> {
        let mut quote = None;
        for (at, &byte) in self.text.as_bytes().iter().enumerate().skip(from) {
            match (quote, byte) {
                (None, b'>') => return Some(at),
                (None, b'"' | b'\'') => quote = Some(byte),
                (Some(open), _) if open == byte => quote = None,
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_and_lines(source: &Source) -> (Vec<(String, u32)>, Findings) {
        let mut findings = Findings::default();
        let mut seen = Vec::new();
        walk(source, &mut findings, |item, _| {
            if let Item::Open(element) = item {
                seen.push((element.name.to_string(), element.place().line));
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
}
