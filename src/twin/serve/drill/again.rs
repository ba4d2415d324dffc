//! Drills without people at the desks: by bots alone, or made again from what was done.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::cast::Cast;
use super::after;
use super::book::{self, Book, Did, Head};
use super::journal::{self, Journal};
use super::play::Play;
use super::write_down;
use crate::city::network::cache::NetworkCache;
use crate::city::scenario::Overrides;
use crate::primitives::random::Seed;
use crate::studies::drill::file::{self, LoadedDrill};
use crate::studies::drill::record::Record;
use crate::studies::experiment::Prepared;
use crate::twin::TwinError;

/// Largest file that is compared [bytes].
const FILE_MAX: u64 = 256 << 20;

/// A file that was made again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remade {
    /// Its path in the drill's folder.
    pub path: PathBuf,
    /// Whether its bytes are those that were there.
    pub same: bool,
}

fn wrong(sentence: String) -> TwinError {
    TwinError::Service(sentence)
}

fn interrupted_there() -> TwinError {
    wrong("interrupted; nothing is left half written".to_owned())
}

/// Plays a branch to its end from what was done, as fast as possible, and writes its log and review; none where it was interrupted.
fn play_out(
    mut play: Play,
    branch: &Path,
    (actions, log): (&[Did], u64),
    beside: &dyn Fn(&Record) -> Option<Record>,
    interrupted: &dyn Fn() -> bool,
) -> Result<Option<Record>, TwinError> {
    let mut journal = Journal::begin(branch, log).map_err(wrong)?;
    let mut done = 0;
    loop {
        let troubles = play.do_again(actions, &mut done);
        if let Some(trouble) = troubles.first() {
            return Err(wrong(format!("`{}`: {trouble}", branch.display())));
        }
        journal.write(&play.director.log()).map_err(wrong)?;
        if play.is_over() {
            break;
        }
        if interrupted() {
            return Ok(None);
        }
        play.step();
    }
    let played = play.record();
    let Some(by_bots) = beside(&played) else { return Ok(None) };
    after::write(branch, &played, &by_bots).map_err(wrong)?;
    Ok(Some(played))
}

/// Brings a drill to T+0 and writes what is in its log until then.
fn at_start(loaded: &LoadedDrill, branch: &Path, interrupted: &dyn Fn() -> bool) -> Result<(Play, u64), TwinError> {
    let prepared = Prepared::of(&loaded.city, interrupted).map_err(|error| wrong(error.to_string()))?;
    let mut play = Play::begin(&Arc::new(Cast::of(prepared)), &loaded.drill);
    if !play.go_to_start(interrupted) {
        return Err(interrupted_there());
    }
    let mut journal = Journal::begin(branch, 0).map_err(wrong)?;
    journal.write(&play.director.log()).map_err(wrong)?;
    Ok((play, journal.length()))
}

/// Lets bots alone play a drill to its end in a folder of its own; the folder of its branch.
///
/// # Errors
/// When the folder holds a drill already or cannot be written, the city cannot be made, or it was interrupted.
pub fn by_bots(
    folder: &Path,
    (drill, command): (&Path, &[String]),
    loaded: &LoadedDrill,
    interrupted: &dyn Fn() -> bool,
) -> Result<PathBuf, TwinError> {
    if !book::branches(folder).is_empty() {
        return Err(wrong(format!("`{}` holds a drill already; name another folder", folder.display())));
    }
    write_down(folder, drill, command, loaded).map_err(wrong)?;
    let branch = Book::open(folder, &Head::of(loaded)).map_err(wrong)?.folder().to_owned();
    let (play, log) = at_start(loaded, &branch, interrupted)?;
    let played = play_out(play, &branch, (&[], log), &|played| Some(played.clone()), interrupted)?
        .ok_or_else(interrupted_there)?;
    after::keep_baseline(folder, &played).map_err(wrong)?;
    Ok(branch)
}

/// Makes every branch of a drill that was played to its end again, from its file, its seed and what was done, into another folder; and
/// whether the bytes are the same.
///
/// # Errors
/// When the folder holds no drill, a file it was made of has changed, what was done cannot be done again, or it was interrupted.
pub fn again(
    folder: &Path,
    out: &Path,
    cache: Option<&NetworkCache>,
    interrupted: &dyn Fn() -> bool,
) -> Result<Vec<Remade>, TwinError> {
    let manifest = folder.join(super::MANIFEST);
    let cannot =
        |why: String| wrong(format!("`{}` cannot be read: {why}; name the folder of a drill", manifest.display()));
    let text = std::fs::read_to_string(&manifest).map_err(|error| cannot(error.to_string()))?;
    let told: super::Manifest = serde_json::from_str(&text).map_err(|error| cannot(error.to_string()))?;
    let overrides = Overrides { seed: Some(Seed(told.seed)), threads: Some(1), ..Overrides::default() };
    let loaded = file::load(&told.file, &overrides, cache).map_err(|findings| {
        let first = findings.problems().first().map(ToString::to_string).unwrap_or_default();
        wrong(format!("`{}` cannot be read any more: {first}", told.file.display()))
    })?;
    let head = Head::of(&loaded);
    let ended: Vec<u32> = book::branches(folder)
        .into_iter()
        .filter(|n| book::folder_of(folder, *n).join(after::FIGURES).exists())
        .collect();
    if ended.is_empty() {
        return Err(wrong(format!("in `{}` no drill was played to its end; go on with it first", folder.display())));
    }
    let mut remade = Vec::new();
    let first = book::folder_of(out, ended[0]);
    std::fs::create_dir_all(&first).map_err(|error| wrong(format!("`{}` cannot be made: {error}", first.display())))?;
    let (start, log) = at_start(&loaded, &first, interrupted)?;
    let beside = |played: &Record| after::by_bots(start.fork(), played.ended, |_| (), interrupted);
    for number in ended {
        let kept = book::read(&book::folder_of(folder, number)).map_err(wrong)?;
        if !kept.head.makes_the_same(&head) {
            return Err(wrong(format!(
                "`{}` was made of other files or by another version; put those back and try again",
                folder.display()
            )));
        }
        let branch = book::folder_of(out, number);
        if branch != first {
            std::fs::create_dir_all(&branch).map_err(|error| wrong(error.to_string()))?;
            Journal::copy(&first, &branch, log).map_err(wrong)?;
        }
        let mut play = start.fork();
        play.director.set_branch(number);
        play_out(play, &branch, (&kept.actions, log), &beside, interrupted)?.ok_or_else(interrupted_there)?;
        for name in files(&branch, &book::folder_of(folder, number)) {
            let (old, new) = (book::folder_of(folder, number).join(&name), branch.join(&name));
            remade.push(Remade { path: PathBuf::from(format!("branch-{number}")).join(name), same: same(&old, &new) });
        }
    }
    Ok(remade)
}

/// What can be made again of a branch, in either folder.
fn files(one: &Path, other: &Path) -> Vec<PathBuf> {
    let mut names: Vec<PathBuf> = [journal::LOG, after::PAGE, after::FIGURES].map(PathBuf::from).to_vec();
    for branch in [one, other] {
        let messages = std::fs::read_dir(branch.join(after::MESSAGES)).into_iter().flatten().flatten();
        names.extend(messages.map(|message| Path::new(after::MESSAGES).join(message.file_name())));
    }
    names.sort();
    names.dedup();
    names
}

fn same(one: &Path, other: &Path) -> bool {
    let read = |path: &Path| {
        let small = std::fs::metadata(path).is_ok_and(|about| about.len() <= FILE_MAX);
        if small { std::fs::read(path).ok() } else { None }
    };
    read(one).is_some_and(|one| Some(one) == read(other))
}
