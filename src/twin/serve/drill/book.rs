//! The log of a branch: what it was made of and everything that people did, a line of JSON each, on the disk before anybody is answered.
//!
//! The same file, seed and log make the same drill again. A branch begins whole or not at all; what it took over from another is copied,
//! so that the other's log is never touched.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::super::diary::Input;
use crate::api::port::{ClockOrder, Done, Refused};
use crate::primitives::SimTime;
use crate::studies::drill::file::LoadedDrill;
use crate::studies::drill::model::{Action, Logged};
use crate::studies::experiment::write_file;

/// Name of the log.
pub(super) const ACTIONS: &str = "actions.jsonl";
/// Name of the file that says how far a branch has come.
const REACHED: &str = "reached";
/// Largest log that is read [bytes].
const LOG_MAX: u64 = 64 << 20;
/// Most lines of a log.
const LINES_MAX: usize = 100_000;
/// Most branches of a drill.
pub(super) const BRANCHES_MAX: u32 = 100;
/// Form of its lines.
const FORM: u32 = 1;

/// What a branch was made of: the first line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Head {
    /// Form of the lines.
    pub form: u32,
    /// The program and its version.
    pub program: String,
    /// The drill's name.
    pub drill: String,
    /// Root of every draw.
    pub seed: u64,
    /// Every file read.
    pub inputs: Vec<Input>,
    /// The branch, from 1.
    pub branch: u32,
    /// Where it left another.
    pub left: Option<Left>,
}

/// Where a branch left another, and by whose order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Left {
    /// The other branch.
    pub parent: u32,
    /// When [ms after midnight].
    pub at: SimTime,
    /// The number of the seat that ordered it, and the order's id.
    pub seat: u64,
    /// The order's id.
    pub id: String,
    /// The name of whoever ordered it.
    pub person: String,
    /// What was asked for [s after midnight].
    pub to_s: f64,
    /// The pace of the clock then [city seconds a second]; none as fast as possible.
    pub speed: Option<f64>,
}

/// A line after the first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Line {
    /// Somebody did something.
    Action(Did),
    /// The clock was told how to go, which changes nothing in the city.
    Clock(Told),
}

/// Something that somebody did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Did {
    #[serde(flatten)]
    pub logged: Logged,
    /// The number of the seat.
    pub seat: u64,
    /// The id that came with it; none where somebody joined by it.
    pub id: Option<String>,
}

/// How the clock was told to go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Told {
    /// The city's time.
    pub time: SimTime,
    pub role: String,
    pub person: String,
    /// How.
    pub order: ClockOrder,
    pub said: String,
    /// The number of the seat.
    pub seat: u64,
    /// The id that came with it.
    pub id: String,
    /// The number it was answered with: how many actions there were.
    pub number: u64,
}

/// What was answered, by seat and id.
type Answered = BTreeMap<(u64, String), (Wish, Done)>;

/// What somebody wants.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::twin::serve) enum Wish {
    Act(Action),
    Clock(ClockOrder),
    Rewind(f64),
}

impl Head {
    /// What the first branch of a drill is made of.
    pub(super) fn of(loaded: &LoadedDrill) -> Self {
        let input = |file: &crate::city::scenario::InputFile| Input {
            path: file.path.display().to_string(),
            blake3: file.blake3.clone(),
        };
        Self {
            form: FORM,
            program: format!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")),
            drill: loaded.drill.name.clone(),
            seed: loaded.city.settings.seed.0,
            inputs: loaded.files.iter().map(input).collect(),
            branch: 1,
            left: None,
        }
    }

    /// Whether a drill made of the one is made of the other: paths may differ, contents not.
    pub(super) fn makes_the_same(&self, other: &Self) -> bool {
        let contents = |head: &Self| head.inputs.iter().map(|input| input.blake3.clone()).collect::<Vec<_>>();
        (&self.program, &self.drill, self.seed) == (&other.program, &other.drill, other.seed)
            && contents(self) == contents(other)
    }
}

/// The folder of a branch.
pub(super) fn folder_of(folder: &Path, branch: u32) -> PathBuf {
    folder.join(format!("branch-{branch}"))
}

/// The branches of a drill's folder, in order; one without a log has not begun.
pub(super) fn branches(folder: &Path) -> Vec<u32> {
    (1..=BRANCHES_MAX).take_while(|branch| folder_of(folder, *branch).join(ACTIONS).exists()).collect()
}

/// A log that was read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Kept {
    pub head: Head,
    /// What was done, in order.
    pub actions: Vec<Did>,
    /// How the clock was told to go, in order.
    pub clock: Vec<Told>,
    /// Bytes of whole lines.
    whole: u64,
}

/// Reads the log of a branch; a last line that was cut off is left out.
///
/// # Errors
/// When it cannot be read or is none, in a sentence.
pub(super) fn read(branch: &Path) -> Result<Kept, String> {
    let path = branch.join(ACTIONS);
    let cannot = |why: String| format!("`{}` cannot be read: {why}", path.display());
    let file = File::open(&path).map_err(|error| cannot(error.to_string()))?;
    let mut text = String::new();
    let read = file.take(LOG_MAX + 1).read_to_string(&mut text).map_err(|error| cannot(error.to_string()))?;
    if read as u64 > LOG_MAX {
        return Err(cannot("it is too large".to_owned()));
    }
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    let mut lines = text[..whole].lines().enumerate();
    let bad = |line: usize, error: serde_json::Error| cannot(format!("line {} says nonsense: {error}", line + 1));
    let (_, first) = lines.next().ok_or_else(|| cannot("it is empty".to_owned()))?;
    let head: Head = serde_json::from_str(first).map_err(|error| bad(0, error))?;
    if head.form != FORM {
        return Err(cannot(format!("it is in form {} and this program reads form {FORM}", head.form)));
    }
    let mut kept = Kept { head, actions: Vec::new(), clock: Vec::new(), whole: whole as u64 };
    for (number, line) in lines {
        match serde_json::from_str(line).map_err(|error| bad(number, error))? {
            Line::Action(did) => kept.actions.push(did),
            Line::Clock(told) => kept.clock.push(told),
        }
    }
    Ok(kept)
}

/// The log of the branch that is played, and what was answered to everything that was ever done.
#[derive(Debug)]
pub(super) struct Book {
    /// The folder of the drill.
    root: PathBuf,
    /// That of the branch.
    folder: PathBuf,
    head: Head,
    actions: Vec<Did>,
    clock: Vec<Told>,
    file: File,
    reached: File,
    /// By seat and id, in every branch: what it was, and the answer.
    answered: Answered,
}

impl Book {
    /// The log of a drill in a folder: gone on with where there is one, begun where there is none.
    ///
    /// # Errors
    /// When the folder holds another drill, or cannot be used, in a sentence.
    pub(super) fn open(root: &Path, head: &Head) -> Result<Self, String> {
        let there = branches(root);
        let Some(&last) = there.last() else {
            Self::write_branch(root, head, &[])?;
            return Self::go_on(root, read(&folder_of(root, head.branch))?, Answered::new());
        };
        let mut answered = Answered::new();
        for branch in &there {
            let kept = read(&folder_of(root, *branch))?;
            if !kept.head.makes_the_same(head) {
                return Err(format!(
                    "`{}` holds a drill made of other files, another seed or by another version; name another folder",
                    root.display()
                ));
            }
            remember(&mut answered, &kept);
            if *branch == last {
                return Self::go_on(root, kept, answered);
            }
        }
        Err(format!("`{}` changed while it was read", root.display()))
    }

    fn go_on(root: &Path, kept: Kept, answered: Answered) -> Result<Self, String> {
        let folder = folder_of(root, kept.head.branch);
        let cannot = |error: io::Error| format!("`{}` cannot be written: {error}", folder.join(ACTIONS).display());
        let mut file = OpenOptions::new().write(true).open(folder.join(ACTIONS)).map_err(cannot)?;
        file.set_len(kept.whole).map_err(cannot)?;
        file.seek(SeekFrom::End(0)).map_err(cannot)?;
        let mut reached = OpenOptions::new();
        let reached = reached.write(true).create(true).truncate(false).open(folder.join(REACHED)).map_err(cannot)?;
        let Kept { head, actions, clock, .. } = kept;
        Ok(Self { root: root.to_owned(), head, actions, clock, file, reached, answered, folder })
    }

    fn write_branch(root: &Path, head: &Head, lines: &[Line]) -> Result<(), String> {
        let folder = folder_of(root, head.branch);
        std::fs::create_dir_all(&folder).map_err(|error| format!("`{}` cannot be made: {error}", folder.display()))?;
        let written = write_file(&folder.join(ACTIONS), |out| {
            serde_json::to_writer(&mut *out, head)?;
            out.write_all(b"\n")?;
            for line in lines {
                serde_json::to_writer(&mut *out, line)?;
                out.write_all(b"\n")?;
            }
            Ok(())
        });
        written.map_err(|error| error.to_string())
    }

    /// Begins another branch at an instant, with what was done before it; this log is closed as it is.
    ///
    /// # Errors
    /// When the new one cannot be written, in a sentence; this one goes on then.
    pub(super) fn branch(&mut self, left: Left) -> Result<(), String> {
        let number = branches(&self.root).last().copied().unwrap_or(self.head.branch) + 1;
        let at = left.at;
        let before = self.actions.iter().filter(|did| did.logged.time < at);
        let lines: Vec<Line> = before.cloned().map(Line::Action).collect();
        let head = Head { branch: number, left: Some(left), ..self.head.clone() };
        Self::write_branch(&self.root, &head, &lines)?;
        let kept = read(&folder_of(&self.root, number))?;
        let mut answered = std::mem::take(&mut self.answered);
        remember(&mut answered, &kept);
        *self = Self::go_on(&self.root, kept, answered)?;
        Ok(())
    }

    /// The folder of the branch.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn head(&self) -> &Head {
        &self.head
    }

    /// Everything that was done in it, in order.
    pub(super) fn actions(&self) -> &[Did] {
        &self.actions
    }

    /// How the clock was told to go in it, in order.
    pub(super) fn clock(&self) -> &[Told] {
        &self.clock
    }

    /// What was answered to this before, if it was done.
    ///
    /// # Errors
    /// When the id belongs to something else.
    pub(super) fn answered(&self, seat: u64, id: &str, wish: &Wish) -> Result<Option<Done>, Refused> {
        match self.answered.get(&(seat, id.to_owned())) {
            Some((known, done)) if known == wish => Ok(Some(done.clone())),
            Some(_) => Err(Refused::Invalid(
                "this `id` belongs to something else that was done; take a new one for something new".to_owned(),
            )),
            None => Ok(None),
        }
    }

    /// Whether there is room for another line.
    pub(super) fn room(&self) -> Result<(), Refused> {
        if self.actions.len() + self.clock.len() < LINES_MAX {
            return Ok(());
        }
        Err(Refused::TooMany(format!("{LINES_MAX} things were done in this drill, and no more can be")))
    }

    /// Writes a line down for good.
    ///
    /// # Errors
    /// When it cannot be written, in a sentence.
    pub(super) fn write(&mut self, line: Line) -> Result<(), String> {
        let written = (|| {
            let mut text = serde_json::to_vec(&line)?;
            text.push(b'\n');
            self.file.write_all(&text)?;
            self.file.sync_data()
        })();
        written.map_err(|error: io::Error| {
            let path = self.folder.join(ACTIONS);
            format!(
                "`{}` cannot be written: {error}; the drill stands still, because it could not be made again",
                path.display()
            )
        })?;
        match line {
            Line::Action(did) => {
                remember_action(&mut self.answered, &did);
                self.actions.push(did);
            }
            Line::Clock(told) => {
                remember_clock(&mut self.answered, &told);
                self.clock.push(told);
            }
        }
        Ok(())
    }

    /// Writes down how far the city has come.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn reach(&mut self, time: SimTime) -> io::Result<()> {
        // Always as long, so that it overwrites what was there.
        let text = format!("{:>20}\n", time.as_milliseconds());
        self.reached.seek(SeekFrom::Start(0))?;
        self.reached.write_all(text.as_bytes())
    }

    /// How far the city had come when the log was opened.
    pub(super) fn had_reached(&self) -> Option<SimTime> {
        let text = std::fs::read_to_string(self.folder.join(REACHED)).ok()?;
        text.trim().parse().ok().map(SimTime::milliseconds)
    }
}

/// Everything that was answered by what a log holds.
fn remember(answered: &mut Answered, kept: &Kept) {
    if let Some(left) = &kept.head.left {
        let done = left_done(&kept.head, left);
        answered.insert((left.seat, left.id.clone()), (Wish::Rewind(left.to_s), done));
    }
    kept.actions.iter().for_each(|did| remember_action(answered, did));
    kept.clock.iter().for_each(|told| remember_clock(answered, told));
}

/// The answer to whoever went back.
pub(super) fn left_done(head: &Head, left: &Left) -> Done {
    let said = format!("back at {} on branch {}", left.at, head.branch);
    Done { number: u64::from(head.branch), time_s: left.at.as_seconds(), said }
}

fn remember_action(answered: &mut Answered, did: &Did) {
    let Did { logged, seat, id: Some(id) } = did else { return };
    let done = Done { number: logged.number, time_s: logged.time.as_seconds(), said: logged.said.clone() };
    // What a branch took over was answered before it was taken over.
    answered.entry((*seat, id.clone())).or_insert_with(|| (Wish::Act(logged.action.clone()), done));
}

fn remember_clock(answered: &mut Answered, told: &Told) {
    let done = Done { number: told.number, time_s: told.time.as_seconds(), said: told.said.clone() };
    answered.insert((told.seat, told.id.clone()), (Wish::Clock(told.order), done));
}
