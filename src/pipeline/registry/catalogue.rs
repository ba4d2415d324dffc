//! The registry at work: registers, looks up, deletes, and keeps what may follow what.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::disk::{self, FORM, Folder};
use super::error::RegistryError;
use super::known::{Known, fingerprint};
use super::level::{Level, Mode};
use super::parsed::{Imports, Parsed};
use super::state::{Index, Schema, Subject, Version};
use crate::telemetry::SchemaBook;

pub use super::disk::is_in;

/// Most schemas, most subjects, most versions of a subject, and of all subjects.
pub(super) const SCHEMAS_MAX: usize = 10_000;
const SUBJECTS_MAX: usize = 10_000;
pub(super) const VERSIONS_MAX: u32 = 1_000;
pub(super) const ALL_VERSIONS_MAX: usize = 100_000;
/// Longest name of a subject [bytes].
const SUBJECT_MAX: usize = 249;
/// Most bytes of all schemas.
const TEXTS_MAX: usize = 64 << 20;
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

/// A schema as it will be kept, read from that very text: what is read again at the next start is the same.
fn kept(schema: Schema, imports: &Imports) -> Result<(Schema, Parsed), RegistryError> {
    let parsed = Parsed::read(schema.format, &schema.text, imports)?;
    let text = parsed.text(&schema.text);
    if text == schema.text {
        return Ok((schema, parsed));
    }
    let parsed = Parsed::read(schema.format, &text, imports)?;
    Ok((Schema { text, ..schema }, parsed))
}

/// Whether a subject can have this name.
pub(super) fn named(subject: &str) -> Result<(), RegistryError> {
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
        known.may_refer(&schema.references)?;
        let imports = known.imports(&schema.references)?;
        let (schema, parsed) = kept(schema, &imports)?;
        let fingerprint = fingerprint(&parsed, &schema);
        if let Some((version, id)) = known.same(subject, &fingerprint, false) {
            return known.registered(subject, version, id);
        }
        known.may_change(subject)?;
        let versions = known.index.subjects.get(subject).map_or(0, |subject| subject.last);
        if versions >= VERSIONS_MAX {
            return Err(full(&format!("subject `{subject}` has had {VERSIONS_MAX} versions")));
        }
        if known.index.subjects.values().map(|subject| subject.versions.len()).sum::<usize>() >= ALL_VERSIONS_MAX {
            return Err(full(&format!("there are {ALL_VERSIONS_MAX} versions")));
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
            None => self.learn(&mut known, fingerprint, schema, &imports)?,
        };
        let version = versions + 1;
        self.change(&mut known, |index| {
            index.next_id = index.next_id.max(id + 1);
            let subject = index.subjects.entry(subject.to_owned()).or_default();
            subject.last = version;
            subject.versions.insert(version, Version::new(id));
        })?;
        known.registered(subject, version, id)
    }

    /// Gives a schema that nobody has an id; it counts from when an index names it.
    fn learn(
        &self,
        known: &mut Known,
        fingerprint: [u8; 32],
        schema: Schema,
        imports: &Imports,
    ) -> Result<u32, RegistryError> {
        if known.schemas.len() >= SCHEMAS_MAX || known.bytes + schema.size() > TEXTS_MAX {
            return Err(full(&format!("there are {SCHEMAS_MAX} schemas, or {TEXTS_MAX} bytes of them")));
        }
        let id = known.index.next_id;
        self.folder.keep(id, &schema)?;
        self.change(known, |index| index.next_id = id + 1)?;
        self.book.add(id, schema.format, &schema.text, imports);
        known.ids.insert(fingerprint, id);
        known.keep(id, schema);
        Ok(id)
    }

    /// The version of a subject that has this very schema.
    ///
    /// # Errors
    /// When the subject or the schema is not there, or it is no schema.
    pub fn look_up(&self, subject: &str, schema: &Schema, deleted: bool) -> Result<Registered, RegistryError> {
        let known = self.known();
        known.subject(subject, deleted)?;
        let (schema, parsed) = kept(schema.clone(), &known.imports(&schema.references)?)?;
        let found = known.same(subject, &fingerprint(&parsed, &schema), deleted);
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
            Some(asked) => match (known.version(subject, asked, false), asked) {
                (Ok(found), _) => vec![found.id],
                // Anything may be the first.
                (Err(RegistryError::NoSubject(_)), Versions::Latest) => Vec::new(),
                (Err(RegistryError::NoSubject(name)), Versions::Number(number)) => {
                    return Err(RegistryError::NoVersion(name, number.to_string()));
                }
                (Err(error), _) => return Err(error),
            },
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
        known.may_change(name)?;
        if !known.referrers(name, None).is_empty() {
            return Err(RegistryError::Referenced(name.to_owned(), numbers.last().copied().unwrap_or(1)));
        }
        self.change(&mut known, |index| {
            let Some(subject) = index.subjects.get_mut(name) else { return };
            for version in subject.versions.values_mut() {
                version.deleted = true;
                version.gone |= for_good;
            }
            index.levels.remove(name);
            index.modes.remove(name);
        })?;
        Ok(numbers)
    }

    /// Deletes a version; for good only what was deleted before. Gives its number.
    ///
    /// # Errors
    /// When there is no such version, somebody refers to it, or it is not in the state for that.
    pub fn delete_version(&self, name: &str, asked: Versions, for_good: bool) -> Result<u32, RegistryError> {
        let mut known = self.known();
        let number = known.version(name, asked, for_good || asked != Versions::Latest)?.version;
        let deleted = known.subject(name, true)?.versions.get(&number).is_some_and(|version| version.deleted);
        match (deleted, for_good) {
            (false, true) => return Err(RegistryError::VersionNotDeleted(name.to_owned(), number)),
            (true, false) => return Err(RegistryError::VersionDeleted(name.to_owned(), number)),
            _ => {}
        }
        known.may_change(name)?;
        if !known.referrers(name, Some(number)).is_empty() {
            return Err(RegistryError::Referenced(name.to_owned(), number));
        }
        self.change(&mut known, |index| {
            let Some(subject) = index.subjects.get_mut(name) else { return };
            if let Some(version) = subject.versions.get_mut(&number) {
                version.deleted = true;
                version.gone = for_good;
            }
            if subject.seen(false).next().is_none() {
                index.levels.remove(name);
                index.modes.remove(name);
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
