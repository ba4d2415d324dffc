//! A scenario's files: where they are, a copy SUMO may write beside, and their hash.
//!
//! SUMO writes beside its configuration, and a scenario's configuration asks for outputs of its own. The copy asks for none; a second
//! configuration leaves the detectors out too, which only measure and cost time.

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::shared;
use super::xml::{attribute, elements, without_comments, without_element};

/// A scenario by the name it is shown under.
#[derive(Debug, Clone)]
pub(super) struct Scene {
    pub(super) name: String,
    pub(super) configuration: PathBuf,
}

/// A writable copy.
#[derive(Debug, Clone)]
pub(super) struct Copied {
    /// Without outputs.
    pub(super) configuration: PathBuf,
    /// Without outputs and detectors.
    pub(super) bare: PathBuf,
    /// Of everything that was copied.
    pub(super) hash: u64,
}

/// Elements that only measure.
const DETECTORS: [&str; 8] = [
    "e1Detector",
    "inductionLoop",
    "e2Detector",
    "laneAreaDetector",
    "e3Detector",
    "entryExitDetector",
    "instantInductionLoop",
    "routeProbe",
];
/// Parts of detectors.
const DETECTOR_PARTS: [&str; 2] = ["detEntry", "detExit"];
/// How deep the copy lies, so that files a few folders above a configuration have a place too.
const ROOF: &str = "above/above/above";

impl Scene {
    /// The scenario of a name: one of the folders of the data, any folder with one configuration, or a configuration.
    pub(super) fn find(name: &str) -> Result<Self, String> {
        let known = shared().join("data/sumo").join(name);
        let path = if known.is_dir() { known } else { PathBuf::from(name) };
        let configuration = if path.is_dir() { configuration_in(&path)? } else { path.clone() };
        if !configuration.is_file() {
            return Err("no scenario of that name, no folder and no .sumocfg".to_owned());
        }
        let configuration = configuration.canonicalize().map_err(|error| format!("{}: {error}", path.display()))?;
        let stem = if path.is_dir() { path.file_name() } else { path.file_stem() };
        let name = stem.map_or("scenario".to_owned(), |stem| stem.to_string_lossy().into_owned());
        Ok(Self { name, configuration })
    }

    /// Copies what SUMO reads into a folder of its own, emptied before.
    pub(super) fn copy_for_sumo(&self, target: &Path) -> Result<Copied, String> {
        if target.exists() {
            fs::remove_dir_all(target).map_err(|error| format!("{}: {error}", target.display()))?;
        }
        let home = self.configuration.parent().unwrap_or(Path::new("."));
        let text = read(&self.configuration)?;
        let text = without_element(&without_element(&without_comments(&text), "output"), "report");
        let text = without_element(&text, "gui_only");
        let there = target.join(ROOF);
        let mut hash = Hash::default();
        hash.add(text.as_bytes());
        for file in files_of(&text).chain(beside(home)?) {
            let (from, to) = (home.join(&file), flat(&there.join(&file)));
            if !to.starts_with(target) {
                return Err(format!("`{}` lies too far from the configuration", file.display()));
            }
            if to.exists() {
                continue;
            }
            let bytes = fs::read(&from).map_err(|error| format!("{}: {error}", from.display()))?;
            hash.add(&bytes);
            write(&to, &bytes)?;
        }
        let (configuration, bare) = (there.join("compare.sumocfg"), there.join("compare-bare.sumocfg"));
        write(&configuration, text.as_bytes())?;
        write(&bare, without_detectors(&text, &there).as_bytes())?;
        Ok(Copied { configuration, bare, hash: hash.0 })
    }
}

fn configuration_in(folder: &Path) -> Result<PathBuf, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let is_one = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "sumocfg");
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_one).collect();
    found.sort();
    match &found[..] {
        [one] => Ok(one.clone()),
        [] => Err(format!("{}: no .sumocfg", folder.display())),
        _ => Err(format!("{}: several .sumocfg; name one of them", folder.display())),
    }
}

/// The files a configuration names.
fn files_of(text: &str) -> impl Iterator<Item = PathBuf> {
    let options = ["net-file", "route-files", "additional-files"];
    let long = options.into_iter().flat_map(move |name| elements(text, name).filter_map(|tag| attribute(tag, "value")));
    let short = ["net", "routes", "additional", "n", "r", "a"]
        .into_iter()
        .flat_map(move |name| elements(text, name).filter_map(|tag| attribute(tag, "value")));
    long.chain(short).flat_map(|value| value.split([',', ' '])).filter(|file| !file.is_empty()).map(PathBuf::from)
}

/// The files in a configuration's folder: additional files may name more of them.
fn beside(home: &Path) -> Result<impl Iterator<Item = PathBuf>, String> {
    let entries = fs::read_dir(home).map_err(|error| format!("{}: {error}", home.display()))?;
    let files = entries.flatten().filter(|entry| entry.path().is_file());
    let mut names: Vec<PathBuf> = files.map(|entry| PathBuf::from(entry.file_name())).collect();
    names.retain(|name| name.to_string_lossy().ends_with(".xml") || name.to_string_lossy().ends_with(".xml.gz"));
    names.sort();
    Ok(names.into_iter())
}

/// The configuration without additional files that hold nothing but detectors.
fn without_detectors(text: &str, folder: &Path) -> String {
    let mut plain = text.to_owned();
    for name in ["additional-files", "additional", "a"] {
        for value in elements(text, name).filter_map(|tag| attribute(tag, "value")) {
            let kept: Vec<&str> = value.split(',').filter(|file| !only_measures(&folder.join(file.trim()))).collect();
            plain = if kept.is_empty() {
                without_element(&plain, name)
            } else {
                plain.replace(&format!("\"{value}\""), &format!("\"{}\"", kept.join(",")))
            };
        }
    }
    plain
}

fn only_measures(file: &Path) -> bool {
    let Ok(text) = fs::read_to_string(file) else { return false };
    let text = without_comments(&text);
    let mut names = text.split('<').skip(1).filter_map(|tag| tag.split([' ', '\t', '\r', '\n', '>', '/']).next());
    let mut found = false;
    let all = names.all(|name| {
        found |= DETECTORS.contains(&name);
        let passive = name.is_empty() || name.starts_with('?') || name == "additional" || name == "add";
        passive || DETECTORS.contains(&name) || DETECTOR_PARTS.contains(&name)
    });
    found && all
}

/// A path without `..`, as far as it can be said without looking.
fn flat(path: &Path) -> PathBuf {
    let mut flat = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(flat.pop()),
            Component::CurDir => {}
            part => flat.push(part),
        }
    }
    flat
}

pub(super) fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Writes a file and the folders it lies in.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    fs::write(path, bytes).map_err(|error| format!("{}: {error}", path.display()))
}

/// FNV-1a (Fowler, Noll, Vo): enough to notice that files have changed.
#[derive(Debug, Clone, Copy)]
struct Hash(u64);

impl Default for Hash {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hash {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_configuration_are_found() {
        let text = r#"<input><net-file value="a.net.xml"/><route-files value="b.rou.xml,../c.rou.xml"/></input>"#;
        let files: Vec<_> = files_of(text).collect();
        assert_eq!(files, ["a.net.xml", "b.rou.xml", "../c.rou.xml"].map(PathBuf::from));
    }

    #[test]
    fn paths_are_flattened() {
        assert_eq!(flat(Path::new("t/above/above/../x")), Path::new("t/above/x"));
    }
}
