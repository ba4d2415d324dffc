//! What can go wrong with a store, as sentences that say what to do.

use std::io;
use std::path::{Path, PathBuf};

/// A store that could not be opened, read or written. What was kept before is still kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has it; nothing was touched.
    #[error("another process uses the stores in `{}`; wait until it ends, or name another folder", .0.display())]
    InUse(PathBuf),
    /// Written by another version; nothing was touched.
    #[error(
        "the stores in `{}` have format {found}, this program reads format {expected}; name another folder",
        folder.display()
    )]
    OtherFormat {
        /// The folder.
        folder: PathBuf,
        /// What it holds.
        found: String,
        /// What is read.
        expected: u32,
    },
    /// The stores belong to another run; nothing was touched.
    #[error(
        "the stores in `{}` belong to another run ({found}, not {wanted}); name another folder, or remove this one",
        folder.display()
    )]
    OtherRun {
        /// The folder.
        folder: PathBuf,
        /// The run it belongs to.
        found: String,
        /// The run that asked.
        wanted: String,
    },
    /// The disk is full; what was kept is whole.
    #[error("the disk is full: `{}` could not be written; nothing is corrupt, make room and start again", .0.display())]
    Full(PathBuf),
    /// A file could not be read or written.
    #[error("cannot {doing} `{}`: {source}", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The database failed.
    #[error("the database `{}` failed: {reason}; start again, and it will take up its last whole state", path.display())]
    Database {
        /// Its file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A server does not answer. What was kept before is kept; try again, it may come back.
    #[error("the {part} at {place} does not answer: {reason}; what comes in waits until it does")]
    Away {
        /// What it is to us, such as `live state`.
        part: &'static str,
        /// Where it is, without user and password.
        place: String,
        /// What was seen of it.
        reason: String,
    },
    /// A server answers and takes nothing now: it is full, or takes no writes. What was kept before is kept; once somebody has
    /// mended it, the same succeeds.
    #[error("the {part} at {place} takes nothing at present: {reason}; what comes in waits until it does")]
    NotNow {
        /// What it is to us.
        part: &'static str,
        /// Where it is, without user and password.
        place: String,
        /// In its words, with what to do.
        reason: String,
    },
    /// A server refuses what it is asked; trying again is of no use.
    #[error("the {part} at {place} refuses: {reason}")]
    Refused {
        /// What it is to us.
        part: &'static str,
        /// Where it is, without user and password.
        place: String,
        /// In its words.
        reason: String,
    },
    /// What was asked for cannot be answered; nothing is wrong with the store.
    #[error("cannot be answered: {0}")]
    Question(String),
    /// A file does not hold what it should.
    #[error("`{}` is damaged: {reason}; put it back from a copy, or begin in an empty folder", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A batch does not begin where the partition's last one ended; nothing was kept of it.
    #[error("a batch of partition {partition} begins at message {from}, but the next one to be kept is {next}")]
    OutOfOrder {
        /// The partition.
        partition: u16,
        /// Where the batch begins.
        from: u64,
        /// Where it should.
        next: u64,
    },
    /// A batch breaks a limit; nothing was kept of it.
    #[error("a batch of partition {partition} cannot be kept: {reason}")]
    BadBatch {
        /// The partition.
        partition: u16,
        /// What is wrong.
        reason: String,
    },
}

impl StoreError {
    /// Whether the same may succeed later, without anybody doing anything here.
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Away { .. } | Self::NotNow { .. })
    }

    /// An error of the file system about `path`, to be used with `map_err`.
    pub(crate) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full(path.to_owned()),
            _ => Self::File { doing, path: path.to_owned(), source },
        }
    }

    /// An error of the database in `path`, to be used with `map_err`.
    pub(super) fn database<E: Into<redb::Error>>(path: &Path) -> impl FnOnce(E) -> Self {
        move |error| match error.into() {
            redb::Error::DatabaseAlreadyOpen => Self::InUse(path.to_owned()),
            redb::Error::Corrupted(reason) => Self::Damaged { path: path.to_owned(), reason },
            redb::Error::Io(source) => Self::file("use", path)(source),
            other => Self::Database { path: path.to_owned(), reason: other.to_string() },
        }
    }

    /// An error of a Parquet file, to be used with `map_err`.
    pub(super) fn parquet(doing: &'static str, path: &Path) -> impl FnOnce(parquet::errors::ParquetError) -> Self {
        use parquet::errors::ParquetError;
        move |error| match error {
            ParquetError::External(inner) => match inner.downcast::<io::Error>() {
                Ok(source) => Self::file(doing, path)(*source),
                Err(other) => Self::Damaged { path: path.to_owned(), reason: other.to_string() },
            },
            other => Self::Damaged { path: path.to_owned(), reason: other.to_string() },
        }
    }
}
