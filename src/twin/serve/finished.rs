//! Runs and comparisons that lie in the folder of outputs: what they are, and which of their files may be read.
//!
//! Whoever asks names one by its id and a file by its name, both as they were listed: what is not in the list is not there, so no
//! name leads out of the folder. What is read of a run is remembered until its file changes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;

use super::cast::{meant, shown};
use super::diary::{self, DIARY, Input};
use super::stage::locked;
use crate::api::port::{Finished, Refused};

/// Largest file that says what a run or comparison is [bytes].
const ABOUT_MAX: u64 = 64 << 20;
/// Most folders looked at.
const FOLDERS_MAX: usize = 2_000;
/// Most runs and comparisons listed.
const LISTED_MAX: usize = 500;
/// Most files of one that are listed.
const FILES_MAX: usize = 100;
/// Endings of files that may be read.
const ENDINGS: [&str; 8] = ["html", "json", "jsonl", "csv", "parquet", "xml", "md", "svg"];

/// Files that are nobody's business who may look at runs: who ordered what.
const KEPT_BACK: &str = "audit";

/// What is read of a run's manifest.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Manifest {
    pub scenario: Resolved,
    pub seed: u64,
    pub inputs: Vec<Input>,
    pub measured_from: String,
    pub end: String,
    went_on_from: Option<serde_json::Value>,
}

/// What a manifest says of the scenario, as far as it matters here.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Resolved {
    pub name: String,
    pub variant: Option<String>,
}

/// What is read of a comparison.
#[derive(Debug, Deserialize)]
struct Comparison {
    again: Again,
}

#[derive(Debug, Deserialize)]
struct Again {
    scenario: String,
}

/// What a folder holds.
#[derive(Debug, Clone)]
enum About {
    Run(Box<Manifest>),
    /// A served city whose server was killed.
    CutOff(Box<diary::Head>),
    Comparison(String),
    Nothing,
}

/// Something read, and of which version of its file.
type Remembered<T> = BTreeMap<PathBuf, (u64, SystemTime, T)>;

/// The folder of outputs.
#[derive(Debug)]
pub(super) struct Shelf {
    folder: Option<PathBuf>,
    /// The folder of the live run, which is listed once it is over.
    own: Option<PathBuf>,
    known: Mutex<Remembered<About>>,
    hashes: Mutex<Remembered<String>>,
}

/// A folder that is listed.
struct Listed {
    id: String,
    path: PathBuf,
    about: About,
    made: SystemTime,
}

impl Shelf {
    pub(super) fn new(folder: Option<PathBuf>, own: Option<PathBuf>) -> Self {
        Self { folder, own, known: Mutex::default(), hashes: Mutex::default() }
    }

    /// What there is, the latest first; `own_too` says whether the live run's own folder is among it.
    pub(super) fn list(&self, own_too: bool) -> Result<Vec<Finished>, Refused> {
        let listed = self.look(own_too)?;
        Ok(listed.iter().map(|one| self.told(one)).collect())
    }

    /// A file of one of them.
    pub(super) fn file_of(&self, id: &str, name: &str, own_too: bool) -> Result<PathBuf, Refused> {
        let one = self.find(id, own_too)?;
        let files = files(&one.path);
        if files.iter().any(|file| file == name) {
            return Ok(one.path.join(name));
        }
        let like = meant(name, files.iter().map(String::as_str));
        Err(Refused::Unknown(format!("`{}` has no file `{}`{like}", one.id, shown(name))))
    }

    /// The folder of a run that can be made again, and its manifest; none of one that was cut off.
    pub(super) fn run(&self, id: &str, own_too: bool) -> Result<(PathBuf, Option<Manifest>), Refused> {
        let one = self.find(id, own_too)?;
        match one.about {
            About::Run(manifest) if manifest.went_on_from.is_some() => {
                let sentence =
                    "went on from a saved state, which is not kept with it; replay one that began at its beginning";
                Err(Refused::Invalid(format!("the run `{id}` {sentence}")))
            }
            About::Run(manifest) => Ok((one.path, Some(*manifest))),
            About::CutOff(_) => Ok((one.path, None)),
            About::Comparison(_) | About::Nothing => {
                let sentence = "is a comparison of many runs; replay a single run";
                Err(Refused::Invalid(format!("`{id}` {sentence}")))
            }
        }
    }

    fn find(&self, id: &str, own_too: bool) -> Result<Listed, Refused> {
        let mut listed = self.look(own_too)?;
        if let Some(place) = listed.iter().position(|one| one.id == id) {
            return Ok(listed.swap_remove(place));
        }
        let like = meant(id, listed.iter().map(|one| one.id.as_str()));
        Err(Refused::Unknown(format!("there is no finished run or comparison `{}`{like}", shown(id))))
    }

    fn look(&self, own_too: bool) -> Result<Vec<Listed>, Refused> {
        let mut folders: Vec<(String, PathBuf)> = Vec::new();
        for (name, path) in self.folder.iter().map(|folder| inner(folder)).collect::<Result<Vec<_>, _>>()?.concat() {
            let runs = inner(&path)?;
            folders.push((name.clone(), path));
            folders.extend(runs.into_iter().map(|(run, path)| (format!("{name}~{run}"), path)));
            if folders.len() > FOLDERS_MAX {
                break;
            }
        }
        let own = self.own.as_ref().and_then(|own| fs::canonicalize(own).ok());
        folders.retain(|(_, path)| own.is_none() || fs::canonicalize(path).ok() != own);
        if let Some(own) = own.filter(|_| own_too) {
            let word = |path: Option<&Path>| {
                path.and_then(Path::file_name).map_or_else(String::new, |name| name.to_string_lossy().into_owned())
            };
            folders.push((format!("{}~{}", word(own.parent()), word(Some(&own))), own));
        }
        let mut listed: Vec<Listed> = folders.into_iter().filter_map(|(id, path)| self.about(id, path)).collect();
        listed.sort_by(|a, b| b.made.cmp(&a.made).then_with(|| a.id.cmp(&b.id)));
        listed.truncate(LISTED_MAX);
        Ok(listed)
    }

    /// What a folder holds; none if nothing that was made here.
    fn about(&self, id: String, path: PathBuf) -> Option<Listed> {
        for name in ["manifest.json", "comparison.json", DIARY] {
            let file = path.join(name);
            let Some((length, made)) = version(&file) else { continue };
            let about = remembered(&self.known, &file, (length, made), || Some(read(&path, name)))?;
            return match about {
                About::Nothing => None,
                about => Some(Listed { id, path, about, made }),
            };
        }
        None
    }

    fn told(&self, one: &Listed) -> Finished {
        let whole = |inputs: &[Input]| inputs.iter().all(|input| self.is_as_it_was(input));
        let (kind, scenario, variant, seed, replayable) = match &one.about {
            About::Run(manifest) => {
                let name = manifest.scenario.name.clone();
                let replayable = manifest.went_on_from.is_none() && whole(&manifest.inputs);
                ("run", name, manifest.scenario.variant.clone(), Some(manifest.seed), replayable)
            }
            About::CutOff(head) => {
                let name = stem(&head.scenario);
                ("run", name, head.variant.clone(), Some(head.seed), whole(&head.inputs))
            }
            About::Comparison(scenario) => ("comparison", stem(scenario), None, None, false),
            About::Nothing => ("run", String::new(), None, None, false),
        };
        let made = one.made.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        Finished {
            id: one.id.clone(),
            kind,
            scenario,
            variant,
            seed,
            made_ms: i64::try_from(made).unwrap_or(i64::MAX),
            replayable,
            files: files(&one.path),
        }
    }

    /// Whether a file that a run was made of is there unchanged.
    fn is_as_it_was(&self, input: &Input) -> bool {
        let path = Path::new(&input.path);
        let Some(version) = version(path) else { return false };
        let hash = || fs::read(path).ok().map(|bytes| blake3::hash(&bytes).to_hex().to_string());
        remembered(&self.hashes, path, version, hash).is_some_and(|hash| hash == input.blake3)
    }
}

/// Length and time of a plain file; none where there is none.
fn version(path: &Path) -> Option<(u64, SystemTime)> {
    let about = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    Some((about.len(), about.modified().ok()?))
}

/// What is remembered of this version of a file, or is made of it now.
fn remembered<T: Clone>(
    known: &Mutex<Remembered<T>>,
    path: &Path,
    (length, made): (u64, SystemTime),
    make: impl FnOnce() -> Option<T>,
) -> Option<T> {
    if let Some((_, _, value)) = locked(known).get(path).filter(|known| known.0 == length && known.1 == made) {
        return Some(value.clone());
    }
    let value = make()?;
    let mut known = locked(known);
    if known.len() >= 4 * FOLDERS_MAX {
        known.clear();
    }
    known.insert(path.to_owned(), (length, made, value.clone()));
    Some(value)
}

fn read(folder: &Path, name: &str) -> About {
    let file = folder.join(name);
    if name == DIARY {
        let read = diary::read(folder).ok().flatten();
        return read.map_or(About::Nothing, |read| About::CutOff(Box::new(read.head)));
    }
    if version(&file).is_none_or(|(length, _)| length > ABOUT_MAX) {
        return About::Nothing;
    }
    let Ok(bytes) = fs::read(&file) else { return About::Nothing };
    if name == "manifest.json" {
        return serde_json::from_slice(&bytes).map_or(About::Nothing, |manifest| About::Run(Box::new(manifest)));
    }
    serde_json::from_slice::<Comparison>(&bytes).map_or(About::Nothing, |read| About::Comparison(read.again.scenario))
}

/// Folders in a folder, by name; none in one that is not there.
fn inner(folder: &Path) -> Result<Vec<(String, PathBuf)>, Refused> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(Refused::Failed(format!("the folder `{}` cannot be read: {error}", folder.display())));
        }
    };
    let folder = |entry: fs::DirEntry| {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let name = entry.file_name().into_string().ok()?;
        (is_folder && !name.starts_with('.') && !name.contains('~')).then(|| (name, entry.path()))
    };
    let mut folders: Vec<_> = entries.flatten().filter_map(folder).take(FOLDERS_MAX).collect();
    folders.sort();
    Ok(folders)
}

/// Plain files of a folder that may be read, by name.
fn files(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let file = |entry: fs::DirEntry| {
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        let name = entry.file_name().into_string().ok()?;
        let ending = Path::new(&name).extension().and_then(|ending| ending.to_str());
        let readable = ending.is_some_and(|ending| ENDINGS.contains(&ending)) && !name.starts_with(KEPT_BACK);
        (is_file && readable).then_some(name)
    };
    let mut files: Vec<String> = entries.flatten().filter_map(file).take(FILES_MAX).collect();
    files.sort();
    files
}

/// A scenario's name out of its file's.
fn stem(path: &str) -> String {
    Path::new(path).file_stem().map_or_else(|| path.to_owned(), |stem| stem.to_string_lossy().into_owned())
}
