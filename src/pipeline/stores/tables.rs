//! Tables of results: rows with keys, written as often as they change.
//!
//! Writing a row again, or a corrected one, replaces it; so a batch may be kept twice. A row is a JSON object whose fields are known to
//! whoever made it.

mod csv_export;
#[cfg(feature = "postgres")]
mod postgres;

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::{Durability, TableDefinition};

pub use csv_export::{ExportError, export};
#[cfg(feature = "postgres")]
pub use postgres::PostgresTables;

use super::batch::Row;
use super::database::Book;
use super::error::StoreError;

/// Longest name of a table [bytes].
pub const NAME_MAX: usize = 64;
/// Longest key of a row [bytes].
pub const KEY_MAX: usize = 512;
/// Longest row [bytes].
pub const ROW_MAX: usize = 64 << 10;

/// Takes a row's key and JSON, until it breaks off.
pub type EachRow<'a> = dyn FnMut(&str, &[u8]) -> ControlFlow<()> + 'a;

/// Keeps tables.
pub trait Tables: Send + Sync + std::fmt::Debug {
    /// Writes rows; of several with one key the last counts. [`check`] has passed them.
    ///
    /// # Errors
    /// When they cannot be written; no row has changed then.
    fn put(&self, rows: &[Row]) -> Result<(), StoreError>;

    /// Writes rows of a batch of a partition, which may be under way still; they become lasting with its checkpoint.
    ///
    /// # Errors
    /// As for [`Self::put`].
    fn put_of(&self, partition: u16, rows: &[Row]) -> Result<(), StoreError> {
        let _ = partition;
        self.put(rows)
    }

    /// Writes rows as [`Self::put`] does, and returns only when they outlive a power cut. For whoever acts on them outside right
    /// afterwards, so that nobody was told what nobody remembers; a batch's rows become lasting with its checkpoint.
    ///
    /// # Errors
    /// As for [`Self::put`].
    fn put_lasting(&self, rows: &[Row]) -> Result<(), StoreError> {
        self.put(rows)
    }

    /// Takes rows away by their keys; those that are not there do not matter. Gives how many there were.
    ///
    /// # Errors
    /// When they cannot be taken away; all are still there then.
    fn remove(&self, table: &str, keys: &[String]) -> Result<u64, StoreError>;

    /// The JSON of a row.
    ///
    /// # Errors
    /// When it cannot be read.
    fn get(&self, table: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// The rows of a table whose keys begin with `prefix`, in the order of their keys' bytes, until `each` breaks off.
    ///
    /// # Errors
    /// When they cannot be read.
    fn scan(&self, table: &str, prefix: &str, each: &mut EachRow<'_>) -> Result<(), StoreError>;

    /// The rows of a table whose keys begin with `prefix` and lie behind `after`, in the order of their keys' bytes, until `each`
    /// breaks off; what a reader who was here before has not seen.
    ///
    /// # Errors
    /// When they cannot be read.
    fn scan_after(&self, table: &str, prefix: &str, after: &str, each: &mut EachRow<'_>) -> Result<(), StoreError>;

    /// The tables there are, by name.
    ///
    /// # Errors
    /// When they cannot be read.
    fn names(&self) -> Result<Vec<String>, StoreError>;

    /// Notes that the content is a run's, unless it is another's already; gives whose it is.
    ///
    /// # Errors
    /// When it cannot be noted.
    fn claim(&self, identity: &str) -> Result<String, StoreError> {
        Ok(identity.to_owned())
    }
}

/// Why a row cannot be kept.
///
/// # Errors
/// When its table, key or JSON is too long, or the table's name is none.
pub fn check(row: &Row) -> Result<(), String> {
    let Row { table, key, json } = row;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if table.is_empty() || table.len() > NAME_MAX || !table.chars().all(plain) {
        return Err(format!("`{}` is no name of a table: 1 to {NAME_MAX} of a-z 0-9 _", table.escape_debug()));
    }
    if key.is_empty() || key.len() > KEY_MAX {
        return Err(format!("a key of table `{table}` has {} bytes; 1 to {KEY_MAX} will do", key.len()));
    }
    if json.len() > ROW_MAX {
        return Err(format!("row `{key}` of table `{table}` has {} bytes, more than {ROW_MAX}", json.len()));
    }
    Ok(())
}

/// Tables that last as long as the process.
#[derive(Debug, Default)]
pub struct MemoryTables(Mutex<BTreeMap<(String, String), Vec<u8>>>);

impl MemoryTables {
    fn rows(&self) -> MutexGuard<'_, BTreeMap<(String, String), Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables for MemoryTables {
    fn put(&self, rows: &[Row]) -> Result<(), StoreError> {
        let mut kept = self.rows();
        for Row { table, key, json } in rows {
            kept.insert((table.clone(), key.clone()), json.clone());
        }
        Ok(())
    }

    fn remove(&self, table: &str, keys: &[String]) -> Result<u64, StoreError> {
        let mut kept = self.rows();
        let gone = keys.iter().filter(|key| kept.remove(&(table.to_owned(), (*key).clone())).is_some());
        Ok(gone.count() as u64)
    }

    fn get(&self, table: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.rows().get(&(table.to_owned(), key.to_owned())).cloned())
    }

    fn scan(&self, table: &str, prefix: &str, each: &mut EachRow<'_>) -> Result<(), StoreError> {
        let kept = self.rows().clone();
        for ((other, key), json) in kept.range((table.to_owned(), prefix.to_owned())..) {
            if other != table || !key.starts_with(prefix) || each(key, json).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn scan_after(&self, table: &str, prefix: &str, after: &str, each: &mut EachRow<'_>) -> Result<(), StoreError> {
        let kept = self.rows().clone();
        for ((other, key), json) in kept.range((table.to_owned(), prefix.max(after).to_owned())..) {
            if other == table && key == after {
                continue;
            }
            if other != table || !key.starts_with(prefix) || each(key, json).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn names(&self) -> Result<Vec<String>, StoreError> {
        let mut names: Vec<String> = self.rows().keys().map(|(table, _)| table.clone()).collect();
        names.dedup();
        Ok(names)
    }
}

const ROWS: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("rows");

/// Tables in the embedded database.
#[derive(Debug)]
pub(super) struct BookTables {
    book: Arc<Book>,
    /// The database's folder, if it is theirs alone and goes with them; behind the database, which is closed first.
    _folder: Option<Passing>,
}

/// A folder that goes away with whoever made it.
#[derive(Debug)]
struct Passing(PathBuf);

impl Drop for Passing {
    fn drop(&mut self) {
        // What stays is taken away at the next opening.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

impl BookTables {
    pub(super) fn open(book: Arc<Book>) -> Result<Self, StoreError> {
        book.make(|work| {
            work.open_table(ROWS)?;
            Ok(())
        })?;
        Ok(Self { book, _folder: None })
    }

    /// Tables in a database of their own in a new folder, which lasts as long as they do.
    #[cfg(feature = "s3")]
    pub(super) fn passing_in(folder: PathBuf) -> Result<Self, StoreError> {
        std::fs::create_dir_all(&folder).map_err(StoreError::file("make", &folder))?;
        let tables = Self::open(Arc::new(Book::open(&folder)?))?;
        Ok(Self { _folder: Some(Passing(folder)), ..tables })
    }

    fn write(&self, durability: Durability, rows: &[Row]) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        self.book.write(durability, |work| {
            let mut kept = work.open_table(ROWS)?;
            for Row { table, key, json } in rows {
                kept.insert((table.as_str(), key.as_str()), json.as_slice())?;
            }
            Ok(())
        })
    }
}

impl Tables for BookTables {
    fn put(&self, rows: &[Row]) -> Result<(), StoreError> {
        self.write(Durability::None, rows)
    }

    fn put_lasting(&self, rows: &[Row]) -> Result<(), StoreError> {
        self.write(Durability::Immediate, rows)
    }

    fn remove(&self, table: &str, keys: &[String]) -> Result<u64, StoreError> {
        if keys.is_empty() {
            return Ok(0);
        }
        self.book.write(Durability::None, |work| {
            let mut kept = work.open_table(ROWS)?;
            let mut gone = 0;
            for key in keys {
                gone += u64::from(kept.remove((table, key.as_str()))?.is_some());
            }
            Ok(gone)
        })
    }

    fn get(&self, table: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.book.read(|work| Ok(work.open_table(ROWS)?.get((table, key))?.map(|json| json.value().to_vec())))
    }

    fn scan(&self, table: &str, prefix: &str, each: &mut EachRow<'_>) -> Result<(), StoreError> {
        self.book.read(|work| {
            for entry in work.open_table(ROWS)?.range((table, prefix)..)? {
                let (place, json) = entry?;
                let (other, key) = place.value();
                if other != table || !key.starts_with(prefix) || each(key, json.value()).is_break() {
                    break;
                }
            }
            Ok(())
        })
    }

    fn scan_after(&self, table: &str, prefix: &str, after: &str, each: &mut EachRow<'_>) -> Result<(), StoreError> {
        self.book.read(|work| {
            for entry in work.open_table(ROWS)?.range((table, prefix.max(after))..)? {
                let (place, json) = entry?;
                let (other, key) = place.value();
                if other == table && key == after {
                    continue;
                }
                if other != table || !key.starts_with(prefix) || each(key, json.value()).is_break() {
                    break;
                }
            }
            Ok(())
        })
    }

    fn names(&self) -> Result<Vec<String>, StoreError> {
        self.book.read(|work| {
            let rows = work.open_table(ROWS)?;
            let mut names: Vec<String> = Vec::new();
            loop {
                // Behind every key a row can have.
                let end = "\u{10ffff}".repeat(KEY_MAX / 4 + 1);
                let after =
                    names.last().map_or(Bound::Unbounded, |last| Bound::Excluded((last.as_str(), end.as_str())));
                let next = rows.range((after, Bound::Unbounded))?.next();
                let Some(entry) = next else { return Ok(names) };
                names.push(entry?.0.value().0.to_owned());
            }
        })
    }
}
