//! Saved states on disk: which a run goes on from, and which it leaves on its way.
//!
//! Knows files and instants; what a state holds is the simulation's.

use std::fs;
use std::path::{Path, PathBuf};

use super::files::{WriteError, write_file};
use crate::primitives::SimTime;
use crate::simulation::City;

/// A saved state that a run cannot go on from, with the reason in a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot go on from `{}`: {reason}", path.display())]
pub struct StateRefused {
    /// Which file.
    pub path: PathBuf,
    /// Why, and what to do.
    pub reason: String,
}

/// Where a run went on from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Continued {
    /// The saved state.
    pub path: PathBuf,
    /// Its hash.
    pub blake3: String,
    /// The instant it holds.
    pub time: SimTime,
}

/// Puts a city into a saved state.
///
/// # Errors
/// When the file cannot be read or belongs to another city; the city is as it was.
pub(super) fn go_on_from(path: &Path, city: &mut City) -> Result<Continued, StateRefused> {
    let refused = |reason: String| StateRefused { path: path.to_owned(), reason };
    let bytes = fs::read(path).map_err(|error| refused(format!("it cannot be read: {error}")))?;
    city.restore(&bytes).map_err(|error| refused(error.to_string()))?;
    Ok(Continued { path: path.to_owned(), blake3: blake3::hash(&bytes).to_hex().to_string(), time: city.time() })
}

/// The states a run is to leave.
#[derive(Debug)]
pub(super) struct Saves {
    /// Still to come, by time; the first is the next.
    due: Vec<(SimTime, PathBuf)>,
    /// Written so far.
    pub written: Vec<PathBuf>,
}

impl Saves {
    /// States at these instants, each in its file.
    pub(super) fn new(wanted: &[(SimTime, PathBuf)]) -> Self {
        let mut due = wanted.to_vec();
        due.sort_by_key(|one| one.0);
        Self { due, written: Vec::new() }
    }

    /// Saves the city where its time has come: as it is before the first step that begins then or later.
    ///
    /// # Errors
    /// When the file cannot be written; nothing is left of it then.
    pub(super) fn keep(&mut self, city: &City) -> Result<(), WriteError> {
        while self.due.first().is_some_and(|(time, _)| *time <= city.time()) {
            let (_, path) = &self.due[0];
            write_file(path, |out| city.save(out))?;
            let (_, path) = self.due.remove(0);
            self.written.push(path);
        }
        Ok(())
    }

    /// The instants that did not come.
    pub(super) fn missed(&self) -> Vec<SimTime> {
        self.due.iter().map(|one| one.0).collect()
    }
}
