//! The diary of a session: what it was made of, and every order with the city's time, so that the same city can be made again.
//!
//! One line of JSON each, written through before the city takes its next step. Beside it stands how far the city has come, so that a
//! server that was killed knows what it has said already.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::stage::Ordered;
use crate::api::port::{Clock, Intervention, Jump};
use crate::city::scenario::LoadedScenario;
use crate::primitives::SimTime;

/// Name of the diary in a run's folder.
pub(super) const DIARY: &str = "orders.jsonl";
/// Name of the file that says how far the city has come.
const REACHED: &str = "orders.reached";
/// Largest diary that is read [bytes].
const DIARY_MAX: u64 = 64 << 20;
/// Form of its lines.
const FORM: u32 = 1;

/// What a session was made of: the first line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Head {
    /// Form of the lines.
    pub session: u32,
    /// The program and its version.
    pub program: String,
    /// The scenario's file.
    pub scenario: String,
    /// The variant, where it is not the city as it is.
    pub variant: Option<String>,
    /// Root of every draw.
    pub seed: u64,
    /// When the city began [ms after midnight].
    pub begin_ms: i64,
    /// From when it is measured [ms after midnight].
    pub measured_from_ms: i64,
    /// When it ends, if that is known [ms after midnight].
    pub end_ms: Option<i64>,
    /// Every file read.
    pub inputs: Vec<Input>,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Input {
    /// Its path.
    pub path: String,
    /// BLAKE3 of its bytes, hexadecimal.
    pub blake3: String,
}

/// What was ordered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Order {
    /// A change of the city.
    Change(Intervention),
    /// How its clock goes, which changes nothing in it.
    Clock(Clock),
    /// Where it went in time.
    Jump(Jump),
}

/// An order: a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Line {
    /// Its number in the session.
    pub number: u64,
    /// The city's time [ms after midnight].
    pub time_ms: i64,
    /// What was ordered.
    pub order: Order,
    /// What was done.
    pub said: String,
}

impl Head {
    /// What a session of this scenario is made of.
    pub(super) fn of(loaded: &LoadedScenario) -> Self {
        let input = |file: &crate::city::scenario::InputFile| Input {
            path: file.path.display().to_string(),
            blake3: file.blake3.clone(),
        };
        let inputs: Vec<Input> = loaded.files.iter().map(input).collect();
        Self {
            session: FORM,
            program: format!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")),
            scenario: inputs.first().map(|input| input.path.clone()).unwrap_or_default(),
            variant: loaded.resolved.variant.clone(),
            seed: loaded.settings.seed.0,
            begin_ms: loaded.settings.begin.as_milliseconds(),
            measured_from_ms: loaded.measured_from.as_milliseconds(),
            end_ms: loaded.settings.end.map(SimTime::as_milliseconds),
            inputs,
        }
    }

    /// Whether a session made of the one is made of the other: paths may differ, contents not.
    pub(super) fn makes_the_same(&self, other: &Self) -> bool {
        let contents = |head: &Self| head.inputs.iter().map(|input| input.blake3.clone()).collect::<Vec<_>>();
        let rest = |head: &Self| {
            (head.program.clone(), head.variant.clone(), head.seed, head.begin_ms, head.measured_from_ms, head.end_ms)
        };
        rest(self) == rest(other) && contents(self) == contents(other)
    }
}

/// A diary that was read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Kept {
    /// What the session was made of.
    pub head: Head,
    /// What it was ordered to change, in order.
    pub changes: Vec<Ordered>,
    /// The last number given to an order.
    pub last_number: u64,
    /// How far the city had come.
    pub reached: Option<SimTime>,
    /// Bytes of whole lines.
    whole: u64,
}

impl Kept {
    /// Whether a city made of `head` may go on in the folder this was found in; the reason if not.
    pub(super) fn may_go_on(&self, folder: &Path, head: &Head) -> Result<(), String> {
        let sentence = if folder.join("manifest.json").exists() {
            "holds a served city whose run is over; name another folder, or replay it"
        } else if !self.head.makes_the_same(head) {
            "holds a city made of other files or settings; name another folder"
        } else {
            return Ok(());
        };
        Err(format!("`{}` {sentence}", folder.display()))
    }
}

/// Reads the diary of a folder; none where there is none.
///
/// # Errors
/// When it cannot be read or is none; a last line that was cut off is left out.
pub(super) fn read(folder: &Path) -> Result<Option<Kept>, String> {
    let path = folder.join(DIARY);
    let cannot = |why: String| format!("`{}` cannot be read: {why}", path.display());
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(cannot(error.to_string())),
    };
    let mut text = String::new();
    let read = file.take(DIARY_MAX + 1).read_to_string(&mut text).map_err(|error| cannot(error.to_string()))?;
    if read as u64 > DIARY_MAX {
        return Err(cannot("it is too large".to_owned()));
    }
    // What was being written when the power went is no line yet.
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    let mut lines = text[..whole].lines().enumerate();
    let Some((_, first)) = lines.next() else { return Ok(None) };
    let bad = |line: usize, error: serde_json::Error| cannot(format!("line {} says nonsense: {error}", line + 1));
    let head: Head = serde_json::from_str(first).map_err(|error| bad(0, error))?;
    if head.session != FORM {
        return Err(cannot(format!("it is in form {} and this program reads form {FORM}", head.session)));
    }
    let (mut changes, mut last_number) = (Vec::new(), 0);
    for (number, line) in lines {
        let line: Line = serde_json::from_str(line).map_err(|error| bad(number, error))?;
        last_number = line.number.max(last_number);
        if let Order::Change(change) = line.order {
            let at = SimTime::milliseconds(line.time_ms);
            changes.push(Ordered { number: line.number, at, change, said: line.said });
        }
    }
    // Orders of a session that cannot go back stand in order; one that was tampered with is put in order.
    changes.sort_by_key(|change| (change.at, change.number));
    let reached = std::fs::read_to_string(folder.join(REACHED)).ok();
    let reached = reached.and_then(|text| text.trim().parse().ok()).map(SimTime::milliseconds);
    Ok(Some(Kept { head, changes, last_number, reached, whole: whole as u64 }))
}

/// A diary that is being written.
#[derive(Debug)]
pub(super) struct Diary {
    path: PathBuf,
    file: File,
    reached: File,
}

impl Diary {
    /// Begins one in a folder.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn begin(folder: &Path, head: &Head) -> io::Result<Self> {
        let path = folder.join(DIARY);
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(&path)?;
        let mut diary = Self { path, file, reached: reached_file(folder)? };
        diary.reached.set_len(0)?;
        diary.line(head)?;
        Ok(diary)
    }

    /// Goes on with one that was read.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn go_on(folder: &Path, read: &Kept) -> io::Result<Self> {
        let path = folder.join(DIARY);
        let mut file = OpenOptions::new().write(true).open(&path)?;
        file.set_len(read.whole)?;
        file.seek(SeekFrom::End(0))?;
        Ok(Self { path, file, reached: reached_file(folder)? })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes an order down for good.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn order(&mut self, line: &Line) -> io::Result<()> {
        self.line(line)
    }

    /// Writes down that the city has come so far, before anybody hears what it tells.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn reach(&mut self, time: SimTime) -> io::Result<()> {
        // Always as long, so that it overwrites what was there.
        let text = format!("{:>20}\n", time.as_milliseconds());
        self.reached.seek(SeekFrom::Start(0))?;
        self.reached.write_all(text.as_bytes())
    }

    fn line(&mut self, value: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(value)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        self.file.sync_data()
    }
}

fn reached_file(folder: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).open(folder.join(REACHED))
}
