//! What a registry knows while it is at work: the index, the schemas, and where references lead.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use super::catalogue::{Registered, Versions, named};
use super::compatibility;
use super::disk;
use super::error::RegistryError;
use super::level::{Level, Mode};
use super::parsed::{Imports, Parsed};
use super::state::{Index, Reference, Schema, Subject, Version};
use crate::telemetry::SchemaBook;
use crate::telemetry::schemas::{FIRST_FOREIGN_ID, own_schemas};

/// Most schemas a schema refers to, those they refer to included; their bytes; and how far that may go.
const IMPORTS_MAX: usize = 64;
const IMPORT_BYTES_MAX: usize = 1 << 20;
const IMPORT_DEPTH_MAX: usize = 10;
/// Longest name that a schema has for another [bytes].
const REFERENCE_MAX: usize = 1_024;

/// The index and the schemas of a folder.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) index: Index,
    pub(super) schemas: BTreeMap<u32, Arc<Schema>>,
    /// Ids by what makes a schema itself.
    pub(super) ids: HashMap<[u8; 32], u32>,
    /// How much all schemas are together [bytes].
    pub(super) bytes: usize,
}

impl Known {
    /// What a folder holds, with this program's own schemas.
    pub(super) fn read(folder: &Path, mut index: Index) -> Result<Self, RegistryError> {
        let own = own_schemas();
        for schema in own.iter().filter(|schema| schema.id > index.own) {
            let subject = index.subjects.entry(schema.subject.clone()).or_default();
            if subject.versions.is_empty() {
                (subject.last, subject.versions) = (1, BTreeMap::from([(1, Version::new(schema.id))]));
            }
        }
        index.own = own.last().map_or(0, |schema| schema.id).max(index.own);
        index.next_id = index.next_id.max(FIRST_FOREIGN_ID);
        let mut known = Self { index, ..Self::default() };
        for schema in own {
            let (id, format, text) = (schema.id, schema.format, schema.text);
            known.learn(id, Schema { format, text, references: Vec::new() }, &Imports::new())?;
        }
        // A schema refers to earlier ones only.
        for id in FIRST_FOREIGN_ID..known.index.next_id {
            let schema = disk::schema(folder, id)?;
            match known.imports(&schema.references) {
                Ok(imports) => known.learn(id, schema, &imports)?,
                // Earlier versions of this program forgot a version with its deletion. Its schema is here, but nothing says which it is.
                Err(_) => known.keep(id, schema),
            }
        }
        Ok(known)
    }

    fn learn(&mut self, id: u32, schema: Schema, imports: &Imports) -> Result<(), RegistryError> {
        let parsed = Parsed::read(schema.format, &schema.text, imports)?;
        self.ids.insert(fingerprint(&parsed, &schema), id);
        self.keep(id, schema);
        Ok(())
    }

    /// Keeps a schema by its id.
    pub(super) fn keep(&mut self, id: u32, schema: Schema) {
        self.bytes += schema.size();
        self.schemas.insert(id, Arc::new(schema));
    }

    /// Writes everything that is not this program's own into a book.
    pub(super) fn tell(&self, book: &SchemaBook) {
        for (id, schema) in self.schemas.range(FIRST_FOREIGN_ID..) {
            let imports = self.imports(&schema.references).unwrap_or_default();
            book.add(*id, schema.format, &schema.text, &imports);
        }
    }

    pub(super) fn subject(&self, name: &str, deleted: bool) -> Result<&Subject, RegistryError> {
        let found = self.index.subjects.get(name).filter(|subject| subject.seen(deleted).next().is_some());
        found.ok_or_else(|| RegistryError::NoSubject(name.to_owned()))
    }

    pub(super) fn version(&self, name: &str, asked: Versions, deleted: bool) -> Result<Registered, RegistryError> {
        let subject = self.subject(name, deleted)?;
        let found = match asked {
            Versions::Latest => subject.seen(deleted).next_back(),
            Versions::Number(number) => subject.seen(deleted).find(|(known, _)| *known == number),
        };
        let (version, Version { id, .. }) = found.ok_or_else(|| {
            let word = if let Versions::Number(number) = asked { number.to_string() } else { "latest".to_owned() };
            RegistryError::NoVersion(name.to_owned(), word)
        })?;
        self.registered(name, version, id)
    }

    pub(super) fn registered(&self, subject: &str, version: u32, id: u32) -> Result<Registered, RegistryError> {
        let schema = self.schemas.get(&id).ok_or(RegistryError::NoSchema)?;
        Ok(Registered { subject: subject.to_owned(), version, id, schema: Arc::clone(schema) })
    }

    /// Whether anything may be registered in a subject, or deleted from it.
    pub(super) fn may_change(&self, subject: &str) -> Result<(), RegistryError> {
        if self.index.mode_of(subject) == Mode::ReadOnly {
            return Err(RegistryError::NotPermitted(format!("Subject {subject} is in read-only mode")));
        }
        Ok(())
    }

    /// Whether a new schema may refer to these: to few, each under a name of its own, and to what was not deleted.
    pub(super) fn may_refer(&self, references: &[Reference]) -> Result<(), RegistryError> {
        let bad = |reason: String| Err(RegistryError::BadSchema(reason));
        if references.len() > IMPORTS_MAX {
            return bad(format!("it refers to more than {IMPORTS_MAX} schemas"));
        }
        let mut names = BTreeSet::new();
        for Reference { name, subject, version } in references {
            named(subject)?;
            if name.len() > REFERENCE_MAX || !names.insert(name) {
                let short: String = name.chars().take(64).flat_map(char::escape_debug).collect();
                return bad(format!("it calls two references `{short}`, or one by more than {REFERENCE_MAX} bytes"));
            }
            if self.version(subject, Versions::Number(*version), false).is_err() {
                return bad(format!("it refers to version {version} of `{subject}`, which is not here"));
            }
        }
        Ok(())
    }

    /// The texts that references lead to, those of their own references before them.
    pub(super) fn imports(&self, references: &[Reference]) -> Result<Imports, RegistryError> {
        let mut imports = Imports::new();
        self.import(references, &mut imports, 0)?;
        Ok(imports)
    }

    fn import(&self, references: &[Reference], imports: &mut Imports, depth: usize) -> Result<(), RegistryError> {
        let bad = |reason: String| Err(RegistryError::BadSchema(reason));
        for Reference { name, subject, version } in references {
            if imports.iter().any(|(known, _)| known == name) {
                continue;
            }
            let found = self.index.subjects.get(subject).and_then(|subject| subject.versions.get(version));
            let Some(schema) = found.and_then(|version| self.schemas.get(&version.id)) else {
                return bad(format!("it refers to version {version} of `{subject}`, which is not here"));
            };
            if depth >= IMPORT_DEPTH_MAX {
                return bad(format!("its references go deeper than {IMPORT_DEPTH_MAX}"));
            }
            self.import(&schema.references, imports, depth + 1)?;
            imports.push((name.clone(), schema.text.clone()));
            let bytes: usize = imports.iter().map(|(_, text)| text.len()).sum();
            if imports.len() > IMPORTS_MAX || bytes > IMPORT_BYTES_MAX {
                return bad(format!("it refers to more than {IMPORTS_MAX} schemas, or {IMPORT_BYTES_MAX} bytes"));
            }
        }
        Ok(())
    }

    pub(super) fn parsed(&self, schema: &Schema) -> Result<Parsed, RegistryError> {
        Parsed::read(schema.format, &schema.text, &self.imports(&schema.references)?)
    }

    /// The version of a subject that has this very schema.
    pub(super) fn same(&self, subject: &str, fingerprint: &[u8; 32], deleted: bool) -> Option<(u32, u32)> {
        let id = *self.ids.get(fingerprint)?;
        let subject = self.index.subjects.get(subject)?;
        subject.seen(deleted).rev().find(|(_, version)| version.id == id).map(|(number, _)| (number, id))
    }

    /// Why a schema may not follow these, the newest first; nothing if it may.
    pub(super) fn against(&self, level: Level, new: &Parsed, ids: &[u32]) -> Result<Vec<String>, RegistryError> {
        let count = if level.is_transitive() { ids.len() } else { ids.len().min(1) };
        for id in &ids[..count] {
            let schema = self.schemas.get(id).ok_or(RegistryError::NoSchema)?;
            let reasons = compatibility::between(level, new, &self.parsed(schema)?);
            if !reasons.is_empty() {
                return Ok(reasons);
            }
        }
        Ok(Vec::new())
    }

    /// Who refers to a version.
    pub(super) fn referrers(&self, name: &str, number: Option<u32>) -> Vec<u32> {
        let refers = |reference: &Reference| reference.subject == name && number.is_none_or(|n| n == reference.version);
        let alive: BTreeSet<u32> = self
            .index
            .subjects
            .values()
            .flat_map(|subject| subject.seen(false))
            .map(|(_, version)| version.id)
            .collect();
        let all = alive.into_iter().filter(|id| self.schemas.get(id).is_some_and(|s| s.references.iter().any(refers)));
        all.collect()
    }
}

/// What makes a schema itself: its language, what it says, and what it refers to.
pub(super) fn fingerprint(parsed: &Parsed, schema: &Schema) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    let canonical = parsed.canonical(&schema.text);
    hasher.update(schema.format.word().as_bytes()).update(&(canonical.len() as u64).to_le_bytes()).update(&canonical);
    for Reference { name, subject, version } in &schema.references {
        for part in [name, subject] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        hasher.update(&version.to_le_bytes());
    }
    *hasher.finalize().as_bytes()
}
