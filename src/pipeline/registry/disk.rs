//! The folder of a registry: `index.json`, and a file for each schema under `schemas/`.
//!
//! A file is written beside its place, flushed, and put into it by renaming, which happens whole or not at all. A schema comes before
//! the index that names it: after a crash there may be a schema nobody names, never one that is named and not there.

use std::fs::{self, File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::RegistryError;
use super::state::{Index, Reference, Schema};
use crate::telemetry::SchemaFormat;

const INDEX: &str = "index.json";
const SCHEMAS: &str = "schemas";
const LOCK: &str = "lock";
/// The form of the index this program writes, and the only one it reads.
pub(super) const FORM: u32 = 1;
/// Largest file that is written or read [bytes].
const FILE_MAX: u64 = 64 << 20;

/// The folder of a registry, held by this process alone.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// The system releases it with the process, however that ends.
    _lock: File,
}

/// A schema as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    #[serde(rename = "schemaType")]
    format: String,
    schema: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    references: Vec<Reference>,
}

impl Folder {
    /// Opens the folder, or makes one.
    pub(super) fn open(path: &Path) -> Result<Self, RegistryError> {
        let cannot = |error: std::io::Error| RegistryError::disk(path, format!("cannot be opened: {error}"));
        fs::create_dir_all(path.join(SCHEMAS)).map_err(cannot)?;
        let lock = File::options().create(true).truncate(false).write(true).open(path.join(LOCK)).map_err(cannot)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                Err(RegistryError::disk(path, "is in use by another process; end that, or name another folder"))
            }
            Err(TryLockError::Error(error)) => Err(cannot(error)),
        }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a schema down.
    pub(super) fn keep(&self, id: u32, schema: &Schema) -> Result<(), RegistryError> {
        let kept = Kept {
            format: schema.format.word().to_owned(),
            schema: schema.text.clone(),
            references: schema.references.clone(),
        };
        self.write(&self.path.join(SCHEMAS), &schema_file(id), &kept)
    }

    /// Writes the index down; what it says holds from now on.
    pub(super) fn commit(&self, index: &Index) -> Result<(), RegistryError> {
        self.write(&self.path, INDEX, index)
    }

    fn write(&self, folder: &Path, name: &str, value: &impl Serialize) -> Result<(), RegistryError> {
        let cannot = |error: std::io::Error| {
            RegistryError::disk(&self.path, format!("cannot be written: {error}; nothing has changed"))
        };
        let bytes = serde_json::to_vec_pretty(value).map_err(|error| cannot(error.into()))?;
        if bytes.len() as u64 > FILE_MAX {
            let what =
                format!("cannot be written: `{name}` would have more than {FILE_MAX} bytes; nothing has changed");
            return Err(RegistryError::disk(&self.path, what));
        }
        let (beside, place) = (folder.join(format!("{name}.new")), folder.join(name));
        let written = File::create(&beside).and_then(|mut file| {
            file.write_all(&bytes)?;
            file.sync_all()
        });
        let placed = written
            .and_then(|()| fs::rename(&beside, &place))
            .and_then(|()| if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) });
        placed.map_err(|error| {
            drop(fs::remove_file(&beside));
            cannot(error)
        })
    }
}

fn schema_file(id: u32) -> String {
    format!("{id:010}.json")
}

/// Whether there is a registry in a folder.
pub fn is_in(path: &Path) -> bool {
    path.join(INDEX).is_file()
}

/// The index of a folder; none if there is no registry in it.
pub(super) fn index(path: &Path) -> Result<Option<Index>, RegistryError> {
    if !is_in(path) {
        return Ok(None);
    }
    let index: Index = read(path, &path.join(INDEX))?;
    if index.form != FORM {
        let what =
            format!("was written by another version of this program: form {}, this one reads {FORM}", index.form);
        return Err(RegistryError::disk(path, what));
    }
    Ok(Some(index))
}

/// A schema of a folder.
pub(super) fn schema(path: &Path, id: u32) -> Result<Schema, RegistryError> {
    let file = path.join(SCHEMAS).join(schema_file(id));
    let Kept { format, schema, references } = read(path, &file)?;
    let format = SchemaFormat::from_word(&format)
        .ok_or_else(|| RegistryError::disk(path, format!("is damaged: `{}` has no known language", file.display())))?;
    Ok(Schema { format, text: schema, references })
}

fn read<T: serde::de::DeserializeOwned>(path: &Path, file: &Path) -> Result<T, RegistryError> {
    let cannot = |what: &dyn std::fmt::Display| {
        RegistryError::disk(path, format!("cannot be read: `{}`: {what}", file.display()))
    };
    let size = fs::metadata(file).map_err(|error| cannot(&error))?.len();
    if size > FILE_MAX {
        return Err(cannot(&format!("has {size} bytes, more than {FILE_MAX}")));
    }
    let bytes = fs::read(file).map_err(|error| cannot(&error))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| cannot(&format!("{error}; put back a copy of the whole folder, or begin with an empty one")))
}
