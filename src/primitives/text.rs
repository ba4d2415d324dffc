//! Places in files and what is wrong there: the shape of every complaint about input.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A place in a file; lines and columns count from 1, and 0 means "the file as a whole".
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file.
    pub file: Arc<Path>,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// For a text put together of several files, where its lines come from.
    sources: Option<Arc<[Source]>>,
}

/// Where a line of a text comes from that was put together of several files: it has at most one key and one value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// Columns from this one on belong to the value, those before to the key.
    pub value_from: u32,
    /// Where the key stands.
    pub key: Place,
    /// Where the value stands.
    pub value: Place,
}

impl Place {
    /// The file as a whole.
    pub fn file(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into().into(), line: 0, column: 0, sources: None }
    }

    /// The same file, of which the text is put together of others: where each of its lines comes from.
    #[must_use]
    pub fn put_together(mut self, sources: Vec<Source>) -> Self {
        self.sources = Some(sources.into());
        self
    }

    /// A line and column of the same file; or where that comes from.
    #[must_use]
    pub fn at(&self, line: u32, column: u32) -> Self {
        let source = self.sources.as_ref().and_then(|sources| sources.get((line as usize).checked_sub(1)?));
        match source {
            Some(source) if column >= source.value_from => source.value.clone(),
            Some(source) => source.key.clone(),
            None => Self { file: Arc::clone(&self.file), line, column, sources: None },
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
            if self.column > 0 {
                write!(f, ":{}", self.column)?;
            }
        }
        Ok(())
    }
}

/// One thing wrong with the input: where, what, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it is.
    pub place: Place,
    /// What is wrong: lower case, no full stop, names the road or value.
    pub message: String,
    /// What to do, where there is a good suggestion.
    pub help: Option<String>,
}

impl Problem {
    /// A problem without a suggestion.
    pub fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into(), help: None }
    }

    /// The same with a suggestion.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)?;
        if let Some(help) = &self.help {
            write!(f, " ({help})")?;
        }
        Ok(())
    }
}

/// The most problems kept one by one; beyond it they are only counted.
pub const PROBLEMS_MAX: usize = 100;

/// Everything wrong with an input and everything in it that is not supported, gathered before anybody complains.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    problems: Vec<Problem>,
    beyond_limit: usize,
    unsupported: std::collections::BTreeMap<String, u64>,
}

impl Findings {
    /// Notes something wrong.
    pub fn problem(&mut self, problem: Problem) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem);
        } else {
            self.beyond_limit += 1;
        }
    }

    /// Notes `count` more of something that is not supported and was left out, by name.
    pub fn unsupported(&mut self, what: impl Into<String>, count: u64) {
        *self.unsupported.entry(what.into()).or_default() += count;
    }

    /// Whether nothing is wrong; things left out do not count.
    pub fn is_ok(&self) -> bool {
        self.problems.is_empty()
    }

    /// The problems kept, in the order found.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// How many problems came after the list was full.
    pub fn beyond_limit(&self) -> usize {
        self.beyond_limit
    }

    /// What was left out, by name, with how many of each.
    pub fn left_out(&self) -> &std::collections::BTreeMap<String, u64> {
        &self.unsupported
    }

    /// The same findings, every problem without a suggestion with this one.
    #[must_use]
    pub fn advised(mut self, help: &str) -> Self {
        for problem in &mut self.problems {
            problem.help.get_or_insert_with(|| help.to_owned());
        }
        self
    }

    /// The same findings, problems with a file as a whole told where the file is named.
    #[must_use]
    pub fn told_at(mut self, named: &Place, file: &Path) -> Self {
        for problem in
            self.problems.iter_mut().filter(|problem| problem.place.line == 0 && *problem.place.file == *file)
        {
            problem.message = format!("`{}`: {}", file.display(), problem.message);
            problem.place = named.clone();
        }
        self
    }

    /// Adds everything another reading found.
    pub fn absorb(&mut self, other: Self) {
        for problem in other.problems {
            self.problem(problem);
        }
        self.beyond_limit += other.beyond_limit;
        for (what, count) in other.unsupported {
            self.unsupported(what, count);
        }
    }
}

/// The text of the file at `path`, which is `what` and has at most `most` MiB; `open` opens it, as nothing here touches a disk.
///
/// # Errors
/// Why there is none: it cannot be read, is too large, or not UTF-8.
pub(crate) fn bounded_text<'p, R: Read>(
    path: &'p Path,
    open: impl FnOnce(&'p Path) -> std::io::Result<R>,
    most: u64,
    what: &str,
) -> Result<String, Findings> {
    let read = || -> Result<String, String> {
        let plain = |error: std::io::Error| format!("cannot be read: {error}");
        let (mut bytes, most_bytes) = (Vec::new(), most << 20);
        open(path).map_err(plain)?.take(most_bytes + 1).read_to_end(&mut bytes).map_err(plain)?;
        if bytes.len() as u64 > most_bytes {
            return Err(format!("is larger than {most} MiB, which no {what} is"));
        }
        String::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned())
    };
    read().map_err(|message| {
        let mut findings = Findings::default();
        findings.problem(Problem::new(Place::file(path), message));
        findings
    })
}

/// The candidate most like `word`, if one is like it at all; for "did you mean".
///
/// One that differs only in capitals, spaces, hyphens and the like comes first, then one or two slips of the hand (optimal string
/// alignment, so that two letters swapped are one slip), then whatever begins alike (Jaro and Winkler).
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let bare = letters(word);
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let likeness = strsim::jaro_winkler(word, candidate);
            let long = word.len().max(candidate.len()) <= LONGEST_COMPARED;
            let rank = if !bare.is_empty() && letters(candidate) == bare {
                3.0
            } else if long && strsim::osa_distance(word, candidate) <= slips(word) {
                2.0
            } else if likeness > 0.8 {
                0.0
            } else {
                return None;
            };
            Some((rank + likeness, candidate))
        })
        .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)))
        .map(|(_, candidate)| candidate)
}

/// Longer words than this [bytes] are not aligned letter by letter, which takes the square of their length.
const LONGEST_COMPARED: usize = 100;

/// How many slips of the hand a word may have and still be known: none in the shortest, two in long ones.
fn slips(word: &str) -> usize {
    match word.chars().count() {
        0..=2 => 0,
        3..=6 => 1,
        _ => 2,
    }
}

/// A word by its letters and digits alone, small.
fn letters(word: &str) -> String {
    word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A text that no terminal takes for a command: control characters as their pictures (U+2400 and on), and what turns the direction of
/// writing or shows nothing as the replacement character. Line breaks and tabs stay; every character stays one.
pub fn harmless(text: &str) -> String {
    let picture = |c: char| match c {
        '\n' | '\t' => c,
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        '\u{80}'..='\u{9f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' => '\u{fffd}',
        other => other,
    };
    text.chars().map(picture).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_only_what_is_like_it() {
        let roads = ["Church Lane", "Station Road", "High Street"];
        assert_eq!(closest("Chruch Lane", roads), Some("Church Lane"));
        assert_eq!(closest("zzz", roads), None);
        assert_eq!(closest("station road", ["station-road-1", "Station Road"]), Some("Station Road"));
        assert_eq!(closest("mpa", ["compare", "map"]), Some("map"), "two letters swapped are one slip");
        assert_eq!(closest("xy", ["xz"]), None);
    }

    #[test]
    fn no_character_commands_a_terminal() {
        assert_eq!(harmless("a\u{1b}[31m\tb\u{202e}c\0\n"), "a\u{241b}[31m\tb\u{fffd}c\u{2400}\n");
        assert_eq!(harmless("Champs-\u{c9}lys\u{e9}es"), "Champs-\u{c9}lys\u{e9}es");
    }

    #[test]
    fn the_list_of_problems_has_a_limit_that_counts() {
        let mut findings = Findings::default();
        for n in 0..PROBLEMS_MAX + 3 {
            findings.problem(Problem::new(Place::file("a.xml"), format!("{n}")));
        }
        assert_eq!((findings.problems().len(), findings.beyond_limit()), (PROBLEMS_MAX, 3));
    }
}
