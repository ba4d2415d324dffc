//! Files with one mistake or a few, and what the program says of each: word for word, kept in `tests/broken/said/`.
//!
//! Every case is a valid file of `tests/broken/base/` and small edits to it, written down in `tests/broken/cases/`. `UPDATE_GOLDEN=1`
//! writes what is said anew; read it then as somebody would who has never seen the program.
//!
//! A case is a name at the beginning of a line and its edits, indented by two spaces, one a line:
//!
//! * `OLD → NEW`: the text to be found exactly once and what stands there instead; nothing before the arrow appends, `*` is the whole
//!   file. `\n`, `\t`, `\r`, `\s` (a space), `\0`, `\e`, `\xNN` (a byte) and `\(30 text)` (as often) are what they say, and in what is
//!   repeated `#` is the number of the repetition.
//! * `@FILE OLD → NEW`: the same in another file, which need not be there.
//! * `base FILE`: the file that is checked, `town.yaml` unless given. `verb VERB`: what is done with it, `check` unless given.
//! * `folder NAME`: an empty folder. `crlf`: the lines of the file checked end as on Windows.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// One file with its mistakes.
#[derive(Debug)]
struct Case {
    name: String,
    edits: Vec<String>,
}

/// What the program said.
#[derive(Debug)]
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken")
}

/// The cases of a file.
fn cases(file: &str) -> Vec<Case> {
    let path = home().join("cases").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix("  ") {
            None => cases.push(Case { name: line.to_owned(), edits: Vec::new() }),
            Some(edit) => cases.last_mut().expect("a name comes first").edits.push(edit.to_owned()),
        }
    }
    cases
}

/// The bytes a written text stands for.
fn bytes(written: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = written;
    while let Some(at) = rest.find('\\') {
        bytes.extend(&rest.as_bytes()[..at]);
        let (letter, after) = (rest.as_bytes()[at + 1], &rest[at + 2..]);
        rest = after;
        match letter {
            b'n' => bytes.push(b'\n'),
            b't' => bytes.push(b'\t'),
            b'r' => bytes.push(b'\r'),
            b's' => bytes.push(b' '),
            b'0' => bytes.push(0),
            b'e' => bytes.push(0x1b),
            b'x' => {
                bytes.push(u8::from_str_radix(&after[..2], 16).expect("two hexadecimal digits"));
                rest = &after[2..];
            }
            b'(' => {
                let (inside, after) = after.split_once(')').expect("a bracket that closes");
                let (count, text) = inside.split_once(' ').expect("a number and a text");
                for number in 0..count.parse::<usize>().expect("a number") {
                    bytes.extend(text.replace("\\n", "\n").replace('#', &number.to_string()).as_bytes());
                }
                rest = after;
            }
            b'\\' => bytes.push(b'\\'),
            other => panic!("there is no \\{}", char::from(other)),
        }
    }
    bytes.extend(rest.as_bytes());
    bytes
}

/// Puts a text in the place of another, which is there exactly once.
fn replaced(text: &[u8], old: &[u8], new: &[u8], case: &str) -> Vec<u8> {
    let places: Vec<usize> = (0..text.len()).filter(|&at| text[at..].starts_with(old)).collect();
    let [at] = places[..] else { panic!("{case}: `{}` is there {} times", String::from_utf8_lossy(old), places.len()) };
    [&text[..at], new, &text[at + old.len()..]].concat()
}

impl Case {
    fn setting<'a>(&'a self, word: &str, usual: &'a str) -> &'a str {
        self.edits.iter().find_map(|edit| edit.strip_prefix(word)?.strip_prefix(' ')).unwrap_or(usual)
    }

    /// Lays the files out in a folder; which file is checked.
    fn lay_out(&self, folder: &Path) -> String {
        for entry in std::fs::read_dir(home().join("base")).expect("the valid files").flatten() {
            std::fs::copy(entry.path(), folder.join(entry.file_name())).expect("a copy");
        }
        std::fs::create_dir(folder.join("halvermere")).expect("a folder");
        std::fs::rename(folder.join("oldtown.json"), folder.join("halvermere/map.json")).expect("a map in its folder");
        let base = self.setting("base", "town.yaml").to_owned();
        for edit in &self.edits {
            if let Some(name) = edit.strip_prefix("folder ") {
                std::fs::create_dir(folder.join(name)).expect("a folder");
            }
            if edit == "crlf" {
                let text = std::fs::read_to_string(folder.join(&base)).expect("a file");
                std::fs::write(folder.join(&base), text.replace('\n', "\r\n")).expect("a file");
            }
            let Some((place, new)) = edit.split_once('→') else { continue };
            let (file, old) = match place.strip_prefix('@') {
                Some(place) => place.split_once(' ').expect("a file and a space"),
                None => (base.as_str(), place),
            };
            self.edit(&folder.join(file), old.trim_end_matches(' '), &bytes(new.strip_prefix(' ').unwrap_or(new)));
        }
        base
    }

    fn edit(&self, path: &Path, old: &str, new: &[u8]) {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        let text = std::fs::read(path).unwrap_or_default();
        let text = match old {
            "*" => new.to_vec(),
            "" => [&text, new].concat(),
            old => replaced(&text, &bytes(old), new, &self.name),
        };
        std::fs::write(path, text).expect("a file");
    }

    /// What the program says of it.
    fn said(&self) -> Said {
        let folder = tempfile::tempdir().expect("a folder");
        let base = self.lay_out(folder.path());
        let output = Command::new(env!("CARGO_BIN_EXE_citytwin"))
            .args([self.setting("verb", "check"), &base])
            .current_dir(folder.path())
            .env("CITYTWIN_CACHE", "")
            .output()
            .expect("the program starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("what is said is text");
        Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// What is wrong with what was said; it is for people, who want to know where, what, and what to do.
fn faults(case: &Case, said: &Said) -> Vec<String> {
    let mut faults = Vec::new();
    let mut fault = |what: &str| faults.push(format!("{}: {what}", case.name));
    if said.code != Some(2) {
        fault(&format!("ends with {:?}", said.code));
    }
    if !said.out.is_empty() {
        fault("words for people are on standard output");
    }
    if said.err.contains("panicked") {
        fault("panics");
    }
    if said.err.chars().any(|c| c.is_control() && c != '\n') {
        fault("commands the terminal");
    }
    if let Some(raw) = RAW.iter().find(|raw| said.err.contains(**raw)) {
        fault(&format!("says `{raw}`, which only its makers understand"));
    }
    // Every complaint begins with a cross, has the place with its line and a mark under the fault, and a suggestion.
    for complaint in said.err.split("  × ").skip(1) {
        let first = complaint.lines().next().unwrap_or_default();
        let whole_file = WHOLE_FILE.iter().any(|words| complaint.contains(words));
        let place = complaint.lines().find(|line| line.trim_start().starts_with("╭─["));
        let columns = place.map_or(0, |line| line.trim_end_matches(']').rsplit(':').take(2).filter(is_number).count());
        if columns != 2 && !whole_file {
            fault(&format!("names no line and column: {first}"));
        }
        let mark = |line: &str| line.trim_start().starts_with('·') && line.contains(['─', '▲']);
        if !complaint.lines().any(mark) && !whole_file {
            fault(&format!("marks nothing: {first}"));
        }
        if !complaint.contains("\n  help: ") {
            fault(&format!("says not what to do: {first}"));
        }
    }
    if !said.err.contains("  × ") || !said.err.ends_with("nothing was run and nothing was written\n") {
        fault("does not end with how many problems there are");
    }
    faults
}

fn is_number(word: &&str) -> bool {
    word.parse::<u32>().is_ok()
}

/// Words of libraries, which say nothing to a planner.
const RAW: [&str; 8] =
    ["deserialize", "os error", "from_str", "expected value", "invalid type", "line 1 column", "--> <", "Some("];

/// Complaints about a file as a whole, in which no line is at fault.
const WHOLE_FILE: [&str; 7] = [
    "cannot be read: there is no such file",
    "is a folder",
    "is larger than 1 MiB",
    "is neither a scenario nor a SUMO configuration",
    "there is nothing to compare",
    "the file holds no XML element",
    "the configuration names no network",
];

/// Holds the cases of a file to what was said of them before.
fn hold(file: &str) {
    let cases = cases(file);
    let (next, told) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let said = case.said();
                    told.lock().expect("nobody panics").insert(case.name.clone(), said);
                }
            });
        }
    });
    let told = told.into_inner().expect("nobody panicked");
    assert_eq!(told.len(), cases.len(), "two cases have one name");
    let mut faults: Vec<String> = cases.iter().flat_map(|case| self::faults(case, &told[&case.name])).collect();
    let mut page = String::new();
    for case in &cases {
        let _ = write!(page, "==== {}\n{}", case.name, told[&case.name].err);
    }
    let path = home().join("said").join(file);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, &page).expect("a file");
    }
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    let by_name = |page: &str| -> BTreeMap<String, String> {
        let parts = page.split("==== ").filter_map(|part| part.split_once('\n'));
        parts.map(|(name, words)| (name.to_owned(), words.to_owned())).collect()
    };
    let before = by_name(&before);
    for (name, words) in by_name(&page) {
        if before.get(&name) != Some(&words) {
            let kept = before.get(&name).map_or("nothing", String::as_str);
            faults.push(format!("{name} says\n{words}and said\n{kept}\n"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert_eq!(before.len(), cases.len(), "`UPDATE_GOLDEN=1` removes what was said of cases that are no more");
}

#[test]
fn what_is_no_text_is_explained() {
    hold("text.txt");
}

#[test]
fn wrong_keys_are_explained() {
    hold("keys.txt");
}

#[test]
fn wrong_quantities_are_explained() {
    hold("quantities.txt");
}

#[test]
fn wrong_files_are_explained() {
    hold("files.txt");
}

#[test]
fn wrong_measures_are_explained() {
    hold("measures.txt");
}

/// The files that the mistakes are made in have none.
#[test]
fn the_valid_files_are_valid() {
    for file in ["town.yaml", "street.yaml", "street.sumocfg", "village.yaml"] {
        let case = Case { name: file.to_owned(), edits: vec![format!("base {file}")] };
        let said = case.said();
        assert_eq!(said.code, Some(0), "{file}: {}", said.err);
    }
}

#[test]
fn there_are_hundreds_of_mistakes() {
    let files = ["text.txt", "keys.txt", "quantities.txt", "files.txt", "measures.txt"];
    let all: Vec<Case> = files.into_iter().flat_map(cases).collect();
    assert!(all.len() >= 350, "{}", all.len());
    let mut names: Vec<&str> = all.iter().map(|case| case.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all.len(), "every case has a name of its own");
}
