//! The one embedded database that the live state, the tables, the quarantine and the checkpoints share.
//!
//! Its stores commit without waiting for the disk; the checkpoint's commit waits, and takes everything before it along: redb
//! writes commits in their order. So a batch costs one wait, and a checkpoint is never on disk before what it vouches for.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use redb::{
    Database, Durability, ReadOnlyDatabase, ReadTransaction, ReadableDatabase as _, TableDefinition, WriteTransaction,
};

use super::error::StoreError;

/// Version of what the folder holds.
const FORMAT: u32 = 1;

/// Most memory for pages of the database [bytes].
const CACHE: usize = 64 << 20;

/// Small facts by name.
const FACTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("facts");

/// The database as it was opened.
enum Opened {
    ToWrite(Database),
    ToRead(ReadOnlyDatabase),
}

/// The database, and where it lies.
pub(super) struct Book {
    database: Opened,
    path: PathBuf,
    /// Whether the disk was found full. After a failed write the database refuses everything without saying why, and whoever
    /// comes next is to hear the reason. Held while writing, of which there is one at a time anyway.
    full: Mutex<bool>,
}

impl std::fmt::Debug for Book {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Book({})", self.path.display())
    }
}

/// What work on the database gives.
pub(super) type Worked<T> = Result<T, redb::Error>;

impl Book {
    /// Opens the database of a folder, or makes it.
    pub(super) fn open(folder: &Path) -> Result<Self, StoreError> {
        let path = Self::path_in(folder);
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE);
        let database = sound(&path, || builder.create(&path).map_err(StoreError::database(&path)))?;
        Self::of(folder, Opened::ToWrite(database))
    }

    /// Opens the database of a folder, and leaves it as it is; none if it was not closed, so that only whoever writes can put it right.
    pub(super) fn open_to_read(folder: &Path) -> Result<Option<Self>, StoreError> {
        let path = Self::path_in(folder);
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE);
        let opened = sound(&path, || match builder.open_read_only(&path) {
            Ok(database) => Ok(Some(database)),
            Err(redb::DatabaseError::RepairAborted) => Ok(None),
            Err(error) => Err(StoreError::database(&path)(error)),
        })?;
        opened.map(|database| Self::of(folder, Opened::ToRead(database))).transpose()
    }

    fn of(folder: &Path, database: Opened) -> Result<Self, StoreError> {
        let book = Self { database, path: Self::path_in(folder), full: Mutex::new(false) };
        book.make(|work| {
            work.open_table(FACTS)?;
            Ok(())
        })?;
        let found = book.fact("format")?;
        match found.as_deref() {
            None => book.set_fact("format", &FORMAT.to_le_bytes(), Durability::Immediate)?,
            Some(found) if found == FORMAT.to_le_bytes() => {}
            Some(found) => {
                let found = found
                    .first_chunk::<4>()
                    .map_or_else(|| String::from("unknown"), |bytes| u32::from_le_bytes(*bytes).to_string());
                return Err(StoreError::OtherFormat { folder: folder.to_owned(), found, expected: FORMAT });
            }
        }
        Ok(book)
    }

    /// Where that of a folder lies.
    pub(super) fn path_in(folder: &Path) -> PathBuf {
        folder.join("stores.redb")
    }

    /// Where it lies.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes tables that are not there yet, unless the database is only read.
    pub(super) fn make(&self, work: impl FnOnce(&WriteTransaction) -> Worked<()>) -> Result<(), StoreError> {
        match self.database {
            Opened::ToWrite(_) => self.write(Durability::None, work),
            Opened::ToRead(_) => Ok(()),
        }
    }

    /// Does something in one transaction of its own, all or nothing.
    pub(super) fn write<T>(
        &self,
        durability: Durability,
        work: impl FnOnce(&WriteTransaction) -> Worked<T>,
    ) -> Result<T, StoreError> {
        let Opened::ToWrite(database) = &self.database else {
            return Err(StoreError::Question(String::from(
                "the stores were opened to be read, and nothing is written",
            )));
        };
        let all = || -> Worked<T> {
            let mut transaction = database.begin_write()?;
            transaction.set_durability(durability)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        };
        let mut full = self.full.lock().unwrap_or_else(PoisonError::into_inner);
        let done = sound(&self.path, || all().map_err(|error| self.error(error, *full)));
        *full |= matches!(done, Err(StoreError::Full(_)));
        done
    }

    fn error(&self, error: redb::Error, full: bool) -> StoreError {
        match error {
            redb::Error::PreviousIo if full => StoreError::Full(self.path.clone()),
            other => StoreError::database(&self.path)(other),
        }
    }

    /// Reads one state of the database, undisturbed by writers.
    pub(super) fn read<T>(&self, work: impl FnOnce(&ReadTransaction) -> Worked<T>) -> Result<T, StoreError> {
        let all = || match &self.database {
            Opened::ToWrite(database) => work(&database.begin_read()?),
            Opened::ToRead(database) => work(&database.begin_read()?),
        };
        let full = || *self.full.lock().unwrap_or_else(PoisonError::into_inner);
        sound(&self.path, || all().map_err(|error| self.error(error, full())))
    }

    /// A small fact.
    pub(super) fn fact(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|work| Ok(work.open_table(FACTS)?.get(name)?.map(|value| value.value().to_vec())))
    }

    /// Writes a small fact down.
    pub(super) fn set_fact(&self, name: &str, value: &[u8], durability: Durability) -> Result<(), StoreError> {
        self.write(durability, |work| {
            work.open_table(FACTS)?.insert(name, value)?;
            Ok(())
        })
    }
}

/// Does something with the database in `path`.
///
/// redb panics over some pages that say nonsense instead of calling them corrupt; whoever has such a file is told what is told
/// of any other damage.
fn sound<T>(path: &Path, work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<String>().map(String::as_str);
        let words = words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it gives no reason");
        Err(StoreError::Damaged { path: path.to_owned(), reason: format!("the database cannot read it: {words}") })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_nonsense_is_damage_and_never_a_panic() {
        let folder = tempfile::tempdir().expect("a folder");
        drop(Book::open(folder.path()).expect("a database"));
        let path = Book::path_in(folder.path());
        let whole = std::fs::read(&path).expect("its file");
        let mut damaged = 0;
        for (page, nonsense) in (0..whole.len() / 4096).flat_map(|page| [(page, 0x00), (page, 0x5a), (page, 0xff)]) {
            let mut bytes = whole.clone();
            bytes[page * 4096..(page + 1) * 4096].fill(nonsense);
            std::fs::write(&path, &bytes).expect("room");
            // A page nobody needs may say what it likes.
            damaged += u32::from(Book::open(folder.path()).is_err());
        }
        assert!(damaged > 0, "no page of {} mattered", whole.len() / 4096);
    }

    #[test]
    fn what_was_opened_to_be_read_is_left_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let book = Book::open(folder.path()).expect("a database");
        book.set_fact("a", b"b", Durability::Immediate).expect("room");
        // As a crash would leave it: only whoever writes may open it.
        let crashed = tempfile::tempdir().expect("a folder");
        std::fs::copy(Book::path_in(folder.path()), Book::path_in(crashed.path())).expect("room");
        drop(book);
        assert!(Book::open_to_read(crashed.path()).expect("sound").is_none());
        let before = std::fs::read(Book::path_in(folder.path())).expect("its file");
        let book = Book::open_to_read(folder.path()).expect("sound").expect("closed");
        assert_eq!(book.fact("a").expect("can be read").as_deref(), Some(&b"b"[..]));
        book.make(|_| Ok(())).expect("nothing is made");
        assert!(matches!(book.set_fact("a", b"c", Durability::None), Err(StoreError::Question(_))));
        drop(book);
        assert!(std::fs::read(Book::path_in(folder.path())).expect("its file") == before);
    }
}
