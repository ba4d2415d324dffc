//! The registry at work: registers, looks up, deletes, and keeps what may follow what.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::compatibility;
use super::disk::{self, FORM, Folder};
use super::error::RegistryError;
use super::level::{Level, Mode};
use super::parsed::{Imports, Parsed};
use super::state::{Index, Reference, Schema, Subject, Version};
use crate::telemetry::SchemaBook;
use crate::telemetry::schemas::{FIRST_FOREIGN_ID, own_schemas};

pub use super::disk::is_in;

/// Most schemas, most subjects, and most versions of a subject.
pub(super) const SCHEMAS_MAX: usize = 10_000;
const SUBJECTS_MAX: usize = 10_000;
pub(super) const VERSIONS_MAX: u32 = 1_000;
/// Longest name of a subject [bytes].
const SUBJECT_MAX: usize = 249;
/// Most bytes of all texts.
const TEXTS_MAX: usize = 64 << 20;
/// Most schemas a schema refers to, those they refer to included; their bytes; and how far that may go.
const IMPORTS_MAX: usize = 64;
const IMPORT_BYTES_MAX: usize = 1 << 20;
const IMPORT_DEPTH_MAX: usize = 10;

/// A schema as a version of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// The subject.
    pub subject: String,
    /// Which version.
    pub version: u32,
    /// The schema's id.
    pub id: u32,
    /// The schema.
    pub schema: Arc<Schema>,
}

/// Which version of a subject is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versions {
    /// The one of this number.
    Number(u32),
    /// The newest that was not deleted.
    Latest,
}

impl Versions {
    /// Reads what stands in a path: a number, `latest` or `-1`.
    ///
    /// # Errors
    /// When it is neither.
    pub fn read(word: &str) -> Result<Self, RegistryError> {
        if word == "latest" || word == "-1" {
            return Ok(Self::Latest);
        }
        let number = word.parse().ok().filter(|number| (1..=i32::MAX.unsigned_abs()).contains(number));
        number.map(Self::Number).ok_or_else(|| RegistryError::BadVersion(word.chars().take(64).collect()))
    }
}

/// A registry, in its folder.
#[derive(Debug)]
pub struct Registry {
    folder: Folder,
    known: Mutex<Known>,
    book: Arc<SchemaBook>,
}

#[derive(Debug, Default)]
struct Known {
    index: Index,
    schemas: BTreeMap<u32, Arc<Schema>>,
    /// Ids by what makes a schema itself.
    ids: HashMap<[u8; 32], u32>,
    bytes: usize,
}

/// Writes into a book what the registry of a folder knows, if there is one in it.
///
/// # Errors
/// When it cannot be read.
pub fn fill(folder: &Path, book: &SchemaBook) -> Result<(), RegistryError> {
    let Some(index) = disk::index(folder)? else { return Ok(()) };
    let known = Known::read(folder, index)?;
    known.tell(book);
    Ok(())
}

impl Known {
    /// What a folder holds, with this program's own schemas.
    fn read(folder: &Path, mut index: Index) -> Result<Self, RegistryError> {
        let own = own_schemas();
        for schema in own.iter().filter(|schema| schema.id > index.own) {
            let subject = index.subjects.entry(schema.subject.clone()).or_default();
            if subject.versions.is_empty() {
                (subject.last, subject.versions) =
                    (1, BTreeMap::from([(1, Version { id: schema.id, deleted: false })]));
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
            let imports = known.imports(&schema.references)?;
            known.learn(id, schema, &imports)?;
        }
        Ok(known)
    }

    fn learn(&mut self, id: u32, schema: Schema, imports: &Imports) -> Result<(), RegistryError> {
        let parsed = Parsed::read(schema.format, &schema.text, imports)?;
        self.bytes += schema.text.len();
        self.ids.insert(fingerprint(&parsed, &schema), id);
        self.schemas.insert(id, Arc::new(schema));
        Ok(())
    }

    /// Writes everything that is not this program's own into a book.
    fn tell(&self, book: &SchemaBook) {
        for (id, schema) in self.schemas.range(FIRST_FOREIGN_ID..) {
            // What was registered had its references.
            let imports = self.imports(&schema.references).unwrap_or_default();
            book.add(*id, schema.format, &schema.text, &imports);
        }
    }

    fn subject(&self, name: &str, deleted: bool) -> Result<&Subject, RegistryError> {
        let found = self.index.subjects.get(name).filter(|subject| subject.seen(deleted).next().is_some());
        found.ok_or_else(|| RegistryError::NoSubject(name.to_owned()))
    }

    fn version(&self, name: &str, asked: Versions, deleted: bool) -> Result<Registered, RegistryError> {
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

    fn registered(&self, subject: &str, version: u32, id: u32) -> Result<Registered, RegistryError> {
        let schema = self.schemas.get(&id).ok_or(RegistryError::NoSchema)?;
        Ok(Registered { subject: subject.to_owned(), version, id, schema: Arc::clone(schema) })
    }

    /// The texts that references lead to, those of their own references before them.
    fn imports(&self, references: &[Reference]) -> Result<Imports, RegistryError> {
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

    fn parsed(&self, schema: &Schema) -> Result<Parsed, RegistryError> {
        Parsed::read(schema.format, &schema.text, &self.imports(&schema.references)?)
    }

    /// The version of a subject that has this very schema.
    fn same(&self, subject: &str, fingerprint: &[u8; 32], deleted: bool) -> Option<(u32, u32)> {
        let id = *self.ids.get(fingerprint)?;
        let subject = self.index.subjects.get(subject)?;
        subject.seen(deleted).rev().find(|(_, version)| version.id == id).map(|(number, _)| (number, id))
    }

    /// Why a schema may not follow these, the newest first; nothing if it may.
    fn against(&self, level: Level, new: &Parsed, ids: &[u32]) -> Result<Vec<String>, RegistryError> {
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
    fn referrers(&self, name: &str, number: Option<u32>) -> Vec<u32> {
        let refers = |reference: &Reference| reference.subject == name && number.is_none_or(|n| n == reference.version);
        let alive: std::collections::BTreeSet<u32> = self
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
fn fingerprint(parsed: &Parsed, schema: &Schema) -> [u8; 32] {
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

fn named(subject: &str) -> Result<(), RegistryError> {
    let fits = (1..=SUBJECT_MAX).contains(&subject.len()) && !subject.chars().any(char::is_control);
    if fits {
        Ok(())
    } else {
        Err(RegistryError::BadSubject(subject.chars().take(64).flat_map(char::escape_debug).collect()))
    }
}

fn full(what: &str) -> RegistryError {
    RegistryError::NotPermitted(format!("{what}; nothing more is registered"))
}

impl Registry {
    /// Opens the registry of a folder, or begins one with this program's own schemas; what is registered goes into `book` as well.
    ///
    /// # Errors
    /// When the folder cannot be used, is in use, or holds what is no registry.
    pub fn open(folder: &Path, book: &Arc<SchemaBook>) -> Result<Self, RegistryError> {
        let folder = Folder::open(folder)?;
        let index = disk::index(folder.path())?.unwrap_or(Index { form: FORM, ..Index::default() });
        let known = Known::read(folder.path(), index)?;
        folder.commit(&known.index)?;
        known.tell(book);
        Ok(Self { folder, known: Mutex::new(known), book: Arc::clone(book) })
    }

    /// What is known is changed on disk first: whoever dies in between leaves nothing half-changed in memory.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the index, on disk first.
    fn change(&self, known: &mut Known, change: impl FnOnce(&mut Index)) -> Result<(), RegistryError> {
        let mut index = known.index.clone();
        change(&mut index);
        self.folder.commit(&index)?;
        known.index = index;
        Ok(())
    }

    /// Registers a schema as the next version of a subject; what is there already is found, not registered again.
    ///
    /// # Errors
    /// When it is no schema, may not follow what is there, or nothing may be registered.
    pub fn register(&self, subject: &str, schema: Schema) -> Result<Registered, RegistryError> {
        named(subject)?;
        let mut known = self.known();
        let imports = known.imports(&schema.references)?;
        let parsed = Parsed::read(schema.format, &schema.text, &imports)?;
        let fingerprint = fingerprint(&parsed, &schema);
        if let Some((version, id)) = known.same(subject, &fingerprint, false) {
            return known.registered(subject, version, id);
        }
        if known.index.mode_of(subject) == Mode::ReadOnly {
            return Err(RegistryError::NotPermitted(format!("Subject {subject} is in read-only mode")));
        }
        let versions = known.index.subjects.get(subject).map_or(0, |subject| subject.last);
        if versions >= VERSIONS_MAX {
            return Err(full(&format!("subject `{subject}` has had {VERSIONS_MAX} versions")));
        }
        if versions == 0 && known.index.subjects.len() >= SUBJECTS_MAX {
            return Err(full(&format!("there are {SUBJECTS_MAX} subjects")));
        }
        let earlier: Vec<u32> = match known.index.subjects.get(subject) {
            Some(subject) => subject.seen(false).rev().map(|(_, version)| version.id).collect(),
            None => Vec::new(),
        };
        let reasons = known.against(known.index.level_of(subject), &parsed, &earlier)?;
        if !reasons.is_empty() {
            return Err(RegistryError::Incompatible { subject: subject.to_owned(), reasons });
        }
        let id = match known.ids.get(&fingerprint) {
            Some(id) => *id,
            None => self.learn(&mut known, &parsed, schema, &imports)?,
        };
        let version = versions + 1;
        self.change(&mut known, |index| {
            index.next_id = index.next_id.max(id + 1);
            let subject = index.subjects.entry(subject.to_owned()).or_default();
            subject.last = version;
            subject.versions.insert(version, Version { id, deleted: false });
        })?;
        known.registered(subject, version, id)
    }

    /// Gives a schema that nobody has an id; it counts from when an index names it.
    fn learn(
        &self,
        known: &mut Known,
        parsed: &Parsed,
        schema: Schema,
        imports: &Imports,
    ) -> Result<u32, RegistryError> {
        let schema = Schema { text: parsed.text(&schema.text), ..schema };
        if known.schemas.len() >= SCHEMAS_MAX || known.bytes + schema.text.len() > TEXTS_MAX {
            return Err(full(&format!("there are {SCHEMAS_MAX} schemas, or {TEXTS_MAX} bytes of them")));
        }
        let id = known.index.next_id;
        self.folder.keep(id, &schema)?;
        self.change(known, |index| index.next_id = id + 1)?;
        self.book.add(id, schema.format, &schema.text, imports);
        known.bytes += schema.text.len();
        known.ids.insert(fingerprint(parsed, &schema), id);
        known.schemas.insert(id, Arc::new(schema));
        Ok(id)
    }

    /// The version of a subject that has this very schema.
    ///
    /// # Errors
    /// When the subject or the schema is not there, or it is no schema.
    pub fn look_up(&self, subject: &str, schema: &Schema, deleted: bool) -> Result<Registered, RegistryError> {
        let known = self.known();
        known.subject(subject, deleted)?;
        let parsed = known.parsed(schema)?;
        let found = known.same(subject, &fingerprint(&parsed, schema), deleted);
        let (version, id) = found.ok_or(RegistryError::NoSchema)?;
        known.registered(subject, version, id)
    }

    /// The schema with an id.
    ///
    /// # Errors
    /// When there is none.
    pub fn schema(&self, id: u32) -> Result<Arc<Schema>, RegistryError> {
        self.known().schemas.get(&id).cloned().ok_or(RegistryError::NoSchema)
    }

    /// A schema's texts with those it refers to, for whoever wants it in another form.
    ///
    /// # Errors
    /// When what it refers to is gone.
    pub fn imports_of(&self, schema: &Schema) -> Result<Vec<(String, String)>, RegistryError> {
        self.known().imports(&schema.references)
    }

    /// The subjects and versions that have the schema with an id.
    ///
    /// # Errors
    /// When there is no such schema.
    pub fn places_of(&self, id: u32, deleted: bool) -> Result<Vec<(String, u32)>, RegistryError> {
        let known = self.known();
        if !known.schemas.contains_key(&id) {
            return Err(RegistryError::NoSchema);
        }
        let of = |(name, subject): (&String, &Subject)| -> Vec<(String, u32)> {
            subject.seen(deleted).filter(|(_, v)| v.id == id).map(|(number, _)| (name.clone(), number)).collect()
        };
        Ok(known.index.subjects.iter().flat_map(of).collect())
    }

    /// The names of the subjects that begin so.
    pub fn subjects(&self, prefix: &str, deleted: bool) -> Vec<String> {
        let known = self.known();
        let seen = known.index.subjects.iter().filter(|(_, subject)| subject.seen(deleted).next().is_some());
        seen.map(|(name, _)| name.clone()).filter(|name| name.starts_with(prefix)).collect()
    }

    /// Every version of the subjects that begin so, or only the newest of each.
    pub fn all(&self, prefix: &str, deleted: bool, only_latest: bool) -> Vec<Registered> {
        let known = self.known();
        let mut all = Vec::new();
        for (name, subject) in known.index.subjects.iter().filter(|(name, _)| name.starts_with(prefix)) {
            let skip = if only_latest { subject.seen(deleted).count().saturating_sub(1) } else { 0 };
            all.extend(subject.seen(deleted).skip(skip).filter_map(|(n, v)| known.registered(name, n, v.id).ok()));
        }
        all
    }

    /// The numbers of a subject's versions.
    ///
    /// # Errors
    /// When there is no such subject.
    pub fn versions(&self, subject: &str, deleted: bool) -> Result<Vec<u32>, RegistryError> {
        Ok(self.known().subject(subject, deleted)?.seen(deleted).map(|(number, _)| number).collect())
    }

    /// A version of a subject.
    ///
    /// # Errors
    /// When there is no such subject or version.
    pub fn version(&self, subject: &str, asked: Versions, deleted: bool) -> Result<Registered, RegistryError> {
        self.known().version(subject, asked, deleted)
    }

    /// The ids of the schemas that refer to a version.
    ///
    /// # Errors
    /// When there is no such subject or version.
    pub fn referred_by(&self, subject: &str, asked: Versions) -> Result<Vec<u32>, RegistryError> {
        let known = self.known();
        let number = known.version(subject, asked, true)?.version;
        Ok(known.referrers(subject, Some(number)))
    }

    /// Why a schema may not follow a version of a subject, or, if none is named, all that count; nothing if it may.
    ///
    /// # Errors
    /// When it is no schema, or the version is not there.
    pub fn test(&self, subject: &str, asked: Option<Versions>, schema: &Schema) -> Result<Vec<String>, RegistryError> {
        let known = self.known();
        let ids: Vec<u32> = match asked {
            Some(asked) => vec![known.version(subject, asked, false)?.id],
            None => known
                .index
                .subjects
                .get(subject)
                .map_or_else(Vec::new, |subject| subject.seen(false).rev().map(|(_, v)| v.id).collect()),
        };
        let parsed = known.parsed(schema)?;
        known.against(known.index.level_of(subject), &parsed, &ids)
    }

    /// Deletes a subject; for good only what was deleted before. Gives the numbers of its versions.
    ///
    /// # Errors
    /// When there is no such subject, somebody refers to it, or it is not in the state for that.
    pub fn delete_subject(&self, name: &str, for_good: bool) -> Result<Vec<u32>, RegistryError> {
        let mut known = self.known();
        let subject = known.subject(name, true)?;
        let numbers: Vec<u32> = subject.seen(for_good).map(|(number, _)| number).collect();
        match (subject.seen(false).next().is_some(), for_good) {
            (true, true) => return Err(RegistryError::SubjectNotDeleted(name.to_owned())),
            (false, false) => return Err(RegistryError::SubjectDeleted(name.to_owned())),
            _ => {}
        }
        if !known.referrers(name, None).is_empty() {
            return Err(RegistryError::Referenced(name.to_owned(), numbers.last().copied().unwrap_or(1)));
        }
        self.change(&mut known, |index| {
            let Some(subject) = index.subjects.get_mut(name) else { return };
            if for_good {
                subject.versions.clear();
                index.levels.remove(name);
                index.modes.remove(name);
            } else {
                subject.versions.values_mut().for_each(|version| version.deleted = true);
            }
        })?;
        Ok(numbers)
    }

    /// Deletes a version; for good only what was deleted before. Gives its number.
    ///
    /// # Errors
    /// When there is no such version, somebody refers to it, or it is not in the state for that.
    pub fn delete_version(&self, name: &str, asked: Versions, for_good: bool) -> Result<u32, RegistryError> {
        let mut known = self.known();
        let number = known.version(name, asked, true)?.version;
        let gone = known.subject(name, true)?.versions.get(&number).is_some_and(|version| version.deleted);
        match (gone, for_good) {
            (false, true) => return Err(RegistryError::VersionNotDeleted(name.to_owned(), number)),
            (true, false) => return Err(RegistryError::VersionDeleted(name.to_owned(), number)),
            _ => {}
        }
        if !known.referrers(name, Some(number)).is_empty() {
            return Err(RegistryError::Referenced(name.to_owned(), number));
        }
        self.change(&mut known, |index| {
            let Some(subject) = index.subjects.get_mut(name) else { return };
            if for_good {
                subject.versions.remove(&number);
            } else if let Some(version) = subject.versions.get_mut(&number) {
                version.deleted = true;
            }
        })?;
        Ok(number)
    }

    /// What may follow what: of a subject that says so itself, or of all that do not.
    pub fn level(&self, subject: Option<&str>) -> Option<Level> {
        let known = self.known();
        subject.map_or(Some(known.index.level), |name| known.index.levels.get(name).copied())
    }

    /// Whether anything may be registered: in a subject that says so itself, or in all that do not.
    pub fn mode(&self, subject: Option<&str>) -> Option<Mode> {
        let known = self.known();
        subject.map_or(Some(known.index.mode), |name| known.index.modes.get(name).copied())
    }

    /// Says what may follow what; none takes back what a subject, or all, said.
    ///
    /// # Errors
    /// When it cannot be written, or no subject can have this name.
    pub fn set_level(&self, subject: Option<&str>, level: Option<Level>) -> Result<(), RegistryError> {
        let mut known = self.known();
        set(subject, &known.index.levels)?;
        self.change(&mut known, |index| match (subject, level) {
            (None, level) => index.level = level.unwrap_or_default(),
            (Some(name), Some(level)) => {
                index.levels.insert(name.to_owned(), level);
            }
            (Some(name), None) => {
                index.levels.remove(name);
            }
        })
    }

    /// Says whether anything may be registered; none takes back what a subject, or all, said.
    ///
    /// # Errors
    /// When it cannot be written, or no subject can have this name.
    pub fn set_mode(&self, subject: Option<&str>, mode: Option<Mode>) -> Result<(), RegistryError> {
        let mut known = self.known();
        set(subject, &known.index.modes)?;
        self.change(&mut known, |index| match (subject, mode) {
            (None, mode) => index.mode = mode.unwrap_or_default(),
            (Some(name), Some(mode)) => {
                index.modes.insert(name.to_owned(), mode);
            }
            (Some(name), None) => {
                index.modes.remove(name);
            }
        })
    }
}

/// Whether a subject may be given something of its own.
fn set<T>(subject: Option<&str>, known: &BTreeMap<String, T>) -> Result<(), RegistryError> {
    let Some(name) = subject else { return Ok(()) };
    named(name)?;
    if known.len() >= SUBJECTS_MAX && !known.contains_key(name) {
        return Err(full(&format!("{SUBJECTS_MAX} subjects have settings of their own")));
    }
    Ok(())
}
