//! What a registry knows: schemas by id, subjects by name, as they are kept on disk.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::level::{Level, Mode};
use crate::telemetry::SchemaFormat;

/// A schema referred to by another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// What the other calls it.
    pub name: String,
    /// The subject it is in.
    pub subject: String,
    /// Which version of the subject.
    pub version: u32,
}

/// A schema, whoever has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// Its language.
    pub format: SchemaFormat,
    /// Its text.
    pub text: String,
    /// What it refers to.
    pub references: Vec<Reference>,
}

impl Schema {
    /// How much of it there is [bytes].
    pub fn size(&self) -> usize {
        let names = |reference: &Reference| reference.name.len() + reference.subject.len() + size_of::<u32>();
        self.text.len() + self.references.iter().map(names).sum::<usize>()
    }
}

/// A version of a subject.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Version {
    /// Its schema.
    pub id: u32,
    /// Whether it was deleted; it can still be asked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// Whether it was deleted for good: nobody sees it any more, but what referred to it once still finds its schema.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gone: bool,
}

impl Version {
    /// A version that was just registered.
    pub(super) const fn new(id: u32) -> Self {
        Self { id, deleted: false, gone: false }
    }
}

/// A subject.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Subject {
    /// The highest number a version has had; none is given twice.
    pub last: u32,
    /// Versions by number, those that are gone included.
    pub versions: BTreeMap<u32, Version>,
}

impl Subject {
    /// Its versions with their numbers, those that were deleted only if asked for.
    pub(super) fn seen(&self, deleted: bool) -> impl DoubleEndedIterator<Item = (u32, Version)> {
        let all = self.versions.iter().map(|(number, version)| (*number, *version));
        all.filter(move |(_, version)| !version.gone && (deleted || !version.deleted))
    }
}

/// Everything but the texts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Index {
    /// The form this is written in.
    pub form: u32,
    /// The next id for a schema that is not this program's own.
    pub next_id: u32,
    /// How many of the program's own schemas have been given their subjects.
    pub own: u32,
    /// What may follow what, where a subject does not say.
    pub level: Level,
    /// Whether anything may be registered, where a subject does not say.
    pub mode: Mode,
    /// Levels of subjects, which may be set before there is a version.
    pub levels: BTreeMap<String, Level>,
    /// Modes of subjects.
    pub modes: BTreeMap<String, Mode>,
    /// Subjects by name.
    pub subjects: BTreeMap<String, Subject>,
}

impl Index {
    /// What may follow what in a subject.
    pub(super) fn level_of(&self, subject: &str) -> Level {
        self.levels.get(subject).copied().unwrap_or(self.level)
    }

    /// Whether anything may be registered in a subject.
    pub(super) fn mode_of(&self, subject: &str) -> Mode {
        self.modes.get(subject).copied().unwrap_or(self.mode)
    }
}
