//! Opening the stores: which of them are where, and what makes sure that nobody else has them.

use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::sync::{Arc, Mutex};
#[cfg(feature = "s3")]
use std::{
    sync::{
        Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{Parts, StoreSettings, Stores};
#[cfg(feature = "s3")]
use crate::pipeline::stores::bucket::{Bucket, BucketCheckpoints, BucketQuarantine, BucketTables, City, Views};
use crate::pipeline::stores::checkpoints::{BookCheckpoints, Checkpoints, MemoryCheckpoints};
use crate::pipeline::stores::database::Book;
use crate::pipeline::stores::error::StoreError;
#[cfg(feature = "s3")]
use crate::pipeline::stores::history::BucketHistory;
use crate::pipeline::stores::history::{Folder, History, MemoryHistory};
use crate::pipeline::stores::live::{BookLive, LiveSettings, MemoryLive};
use crate::pipeline::stores::quarantine::{BookQuarantine, MemoryQuarantine, QuarantineStore};
use crate::pipeline::stores::records::{HistoryRecords, Records};
use crate::pipeline::stores::refill::Refill;
#[cfg(feature = "s3")]
use crate::pipeline::stores::tables::Tables;
use crate::pipeline::stores::tables::{BookTables, MemoryTables};

/// How often a process looks at what others have kept.
#[cfg(feature = "s3")]
const LOOK: Duration = Duration::from_secs(1);

/// Ends what it stands for when it goes.
#[cfg(feature = "s3")]
#[derive(Debug)]
pub(super) struct Watch {
    /// Whoever holds the other end notices.
    _alive: Arc<()>,
}

impl Stores {
    /// Whether there are stores in a folder, whole or not; nothing is made or opened.
    pub fn are_in(folder: &Path) -> bool {
        Book::path_in(folder).is_file()
    }

    /// Opens the stores of a folder, or makes them: one database and a folder of Parquet.
    ///
    /// What a crash left unfinished is taken away.
    ///
    /// # Errors
    /// When another process has them, they are of another version, a piece of history is missing, or the folder cannot be used.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        Self::open_with(folder, StoreSettings::default())
    }

    /// Opens the stores of a folder, or makes them, with this much room.
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub fn open_with(folder: &Path, settings: StoreSettings) -> Result<Self, StoreError> {
        Self::open_parts(folder, settings, Parts::default())
    }

    /// Opens the stores of a folder, or makes them, with some of their parts elsewhere; history, quarantine and checkpoints
    /// are in the folder, or all of them in the bucket.
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub fn open_parts(folder: &Path, settings: StoreSettings, parts: Parts) -> Result<Self, StoreError> {
        Self::open_as(folder, settings, parts, false)
    }

    /// Opens the stores of a folder to be read, and leaves everything in it as it is; what is asked of them may not be to write. Only
    /// where a crash left them unfinished they are opened as by [`Self::open_parts`], because nothing can be read before that is mended.
    /// Beside a bucket the view of the tables is made anew all the same, and a live state that is not as new as what counts is left alone:
    /// [`Self::live_left_out`].
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub fn open_to_read(folder: &Path, settings: StoreSettings, parts: Parts) -> Result<Self, StoreError> {
        Self::open_as(folder, settings, parts, true)
    }

    fn open_as(folder: &Path, settings: StoreSettings, parts: Parts, to_read: bool) -> Result<Self, StoreError> {
        fs::create_dir_all(folder).map_err(StoreError::file("make", folder))?;
        let path = folder.join("lock");
        let lock = File::options().create(true).truncate(false).write(true).open(&path);
        let lock = lock.map_err(StoreError::file("open", &path))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => StoreError::InUse(folder.to_owned()),
            TryLockError::Error(error) => StoreError::file("lock", &path)(error),
        })?;
        #[cfg(feature = "s3")]
        if let Some(bucket) = parts.bucket.clone() {
            if !to_read {
                bucket.probe()?;
            }
            let stores = Self::in_bucket(folder, &bucket, settings, parts, to_read)?;
            return Ok(Self { folder: Some(folder.to_owned()), _lock: Some(lock), ..stores });
        }
        let whole = if to_read { Book::open_to_read(folder)? } else { None };
        let is_whole = whole.is_some();
        let book = Arc::new(whole.map_or_else(|| Book::open(folder), Ok)?);
        let checkpoints: Arc<dyn Checkpoints> = Arc::new(BookCheckpoints::open(Arc::clone(&book))?);
        let history: Arc<dyn History> = Arc::new(Folder::open(&folder.join("history"))?);
        if !is_whole {
            history.keep_only(&checkpoints.pieces()?)?;
        }
        let refill = Refill::new(parts.live.is_some(), settings.live);
        let live = match parts.live {
            Some(elsewhere) => elsewhere,
            None => Box::new(BookLive::open(Arc::clone(&book), settings.live)?),
        };
        let tables = match parts.tables {
            Some(elsewhere) => elsewhere,
            None => Box::new(BookTables::open(Arc::clone(&book))?),
        };
        let quarantine = Box::new(BookQuarantine::open(Arc::clone(&book), settings.quarantine)?);
        let stores =
            Self::of(history, checkpoints, Parts { live: Some(live), tables: Some(tables), ..parts }, quarantine);
        Ok(Self { refill, folder: Some(folder.to_owned()), _lock: Some(lock), ..stores })
    }

    fn of(
        history: Arc<dyn History>,
        checkpoints: Arc<dyn Checkpoints>,
        parts: Parts,
        quarantine: Box<dyn QuarantineStore>,
    ) -> Self {
        let pieces = Arc::default();
        let from_history = || Box::new(HistoryRecords::new(&history, &checkpoints, &pieces)) as Box<dyn Records>;
        Self {
            records: parts.records.unwrap_or_else(from_history),
            live: parts.live.unwrap_or_else(|| Box::<MemoryLive>::default()),
            tables: parts.tables.unwrap_or_else(|| Box::<MemoryTables>::default()),
            quarantine,
            checkpoints,
            history,
            partitions: Mutex::default(),
            pieces,
            merging: Mutex::default(),
            unclaimed: Mutex::default(),
            refill: Refill::new(false, LiveSettings::default()),
            folder: None,
            place: None,
            live_left_out: None,
            #[cfg(feature = "s3")]
            city: None,
            #[cfg(feature = "s3")]
            _watch: None,
            _lock: None,
            #[cfg(test)]
            hook: None,
        }
    }

    /// Stores that last as long as the process.
    pub fn in_memory() -> Self {
        Self::in_memory_with(StoreSettings::default())
    }

    /// Stores that last as long as the process, with this much room.
    pub fn in_memory_with(settings: StoreSettings) -> Self {
        let parts = Parts { live: Some(Box::new(MemoryLive::new(settings.live))), ..Parts::default() };
        let quarantine = Box::new(MemoryQuarantine::new(settings.quarantine));
        Self::of(Arc::new(MemoryHistory::default()), Arc::new(MemoryCheckpoints::default()), parts, quarantine)
    }
}

#[cfg(feature = "s3")]
impl Stores {
    /// Opens the stores of a city in a bucket, which other processes may work with at the same time. `folder` is this process's own: a
    /// view of the tables lies in it, and nothing that has to last.
    ///
    /// # Errors
    /// When `parts` names no bucket, or no live state that others see as well, the folder is another process's, or the bucket does not answer or
    /// refuses.
    pub fn open_shared(folder: &Path, settings: StoreSettings, parts: Parts) -> Result<Self, StoreError> {
        let refused = |part, reason: &str| StoreError::Refused {
            part,
            place: folder.display().to_string(),
            reason: reason.to_owned(),
        };
        if parts.bucket.is_none() {
            return Err(refused(
                "history",
                "several processes cannot share what lies in a folder; name a bucket: `history: { s3: { url: ... } }`",
            ));
        }
        if parts.live.is_none() {
            return Err(refused(
                "live state",
                "several processes cannot share one that lies in a folder; name a server: `live: { redis: { url: ... } }`",
            ));
        }
        let stores = Self::open_as(folder, settings, parts, false)?;
        Ok(stores.watching())
    }

    /// History, checkpoints, quarantine and, unless they are elsewhere, tables in a bucket; the live state beside them in a folder, unless
    /// it is elsewhere.
    fn in_bucket(
        folder: &Path,
        bucket: &Arc<Bucket>,
        settings: StoreSettings,
        parts: Parts,
        to_read: bool,
    ) -> Result<Self, StoreError> {
        if Self::are_in(folder) {
            return Err(StoreError::Refused {
                part: "history",
                place: folder.display().to_string(),
                reason: String::from(
                    "the folder has stores of its own, which would be left behind; name another folder, or leave out `history: { s3: ... }`",
                ),
            });
        }
        let (beside, views, scratch) = (folder.join("beside"), folder.join("view"), folder.join("scratch"));
        take_away(&views)?;
        take_away(&scratch)?;
        fs::create_dir_all(&scratch).map_err(StoreError::file("make", &scratch))?;
        let open = |book: Option<Arc<Book>>| City::open(bucket, views_in(&views), book);
        let mut live_left_out = None;
        let (city, book) = if parts.live.is_some() {
            (open(None)?, None)
        } else if to_read {
            let city = open(None)?;
            let book = current_beside(&beside, &city)?;
            if book.is_none() {
                live_left_out = Some(format!(
                    "that in `{}` is not as new as what counts in the bucket; whoever goes on reads it from the history",
                    beside.display()
                ));
            }
            (city, book)
        } else {
            let book = open_beside(&beside)?;
            let city = open(Some(Arc::clone(&book)))?;
            if city.is_known_to(&book)? {
                (city, Some(book))
            } else {
                // Others have worked on since, or another machine has: what the last words were is read from the history.
                drop((city, book));
                take_away(&beside)?;
                take_away(&views)?;
                let book = open_beside(&beside)?;
                (open(Some(Arc::clone(&book)))?, Some(book))
            }
        };
        let live = match (parts.live, &book) {
            (Some(elsewhere), _) => elsewhere,
            (None, Some(book)) => Box::new(BookLive::open(Arc::clone(book), settings.live)?),
            (None, None) => Box::new(MemoryLive::new(settings.live)),
        };
        let tables = parts.tables.unwrap_or_else(|| Box::new(BucketTables::new(&city)));
        let parts = Parts { live: Some(live), tables: Some(tables), records: parts.records, bucket: None };
        let history = Arc::new(BucketHistory::new(bucket, scratch));
        Ok(Self { live_left_out, ..Self::of_city(history, &city, settings, parts) })
    }

    fn of_city(history: Arc<BucketHistory>, city: &Arc<City>, settings: StoreSettings, parts: Parts) -> Self {
        let quarantine = Box::new(BucketQuarantine::new(city, settings.quarantine));
        let checkpoints = Arc::new(BucketCheckpoints::new(city));
        let refill = Refill::new(true, settings.live);
        let place = Some(city.place().to_owned());
        let stores = Self::of(history, checkpoints, parts, quarantine);
        Self { refill, place, city: Some(Arc::clone(city)), ..stores }
    }

    /// Stores in a bucket whose view of the rows is in memory, and whose live state lasts as long as the process.
    #[cfg(test)]
    pub(in crate::pipeline::stores) fn on(bucket: &Arc<Bucket>, settings: StoreSettings) -> Result<Self, StoreError> {
        let city = City::open(bucket, Box::new(|| Ok(Box::<MemoryTables>::default())), None)?;
        let live = Box::new(MemoryLive::new(settings.live));
        let parts = Parts { live: Some(live), tables: Some(Box::new(BucketTables::new(&city))), ..Parts::default() };
        let history = Arc::new(BucketHistory::new(bucket, std::env::temp_dir()));
        Ok(Self::of_city(history, &city, settings, parts))
    }

    /// Takes in what other processes have kept since the last look.
    ///
    /// # Errors
    /// When the bucket does not answer or refuses.
    pub fn refresh(&self) -> Result<(), StoreError> {
        self.city.as_ref().map_or(Ok(()), |city| city.refresh())
    }

    /// The same, again and again from now on.
    fn watching(self) -> Self {
        let Some(city) = &self.city else { return self };
        let alive = Arc::new(());
        let (watched, city) = (Arc::downgrade(&alive), Arc::downgrade(city));
        let work = move || {
            while watched.upgrade().is_some()
                && let Some(city) = Weak::upgrade(&city)
            {
                // Whoever works with the bucket is told what is wrong with it; here it is only a look.
                drop(city.flush().and_then(|()| city.refresh()));
                drop(city);
                std::thread::park_timeout(LOOK);
            }
        };
        // Without a thread the rows of others come with the next batch.
        drop(std::thread::Builder::new().name(String::from("bucket")).spawn(work));
        Self { _watch: Some(Watch { _alive: alive }), ..self }
    }
}

#[cfg(feature = "s3")]
fn take_away(folder: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(StoreError::file("remove", folder)(error)),
        _ => Ok(()),
    }
}

/// Opens the database of a live state beside a bucket, or makes it.
#[cfg(feature = "s3")]
fn open_beside(folder: &Path) -> Result<Arc<Book>, StoreError> {
    fs::create_dir_all(folder).map_err(StoreError::file("make", folder))?;
    Book::open(folder).map(Arc::new)
}

/// The same to be read; none if there is none, or it has not all that counts.
#[cfg(feature = "s3")]
fn current_beside(folder: &Path, city: &City) -> Result<Option<Arc<Book>>, StoreError> {
    if !Book::path_in(folder).is_file() {
        return Ok(None);
    }
    let book = match Book::open_to_read(folder)? {
        Some(book) => Arc::new(book),
        None => open_beside(folder)?,
    };
    Ok(if city.is_known_to(&book)? { Some(book) } else { None })
}

/// Makes a new database for a view each time it is asked.
#[cfg(feature = "s3")]
fn views_in(folder: &Path) -> Views {
    let (folder, made) = (folder.to_owned(), AtomicU64::new(0));
    Box::new(move || {
        let inner = folder.join(made.fetch_add(1, Ordering::Relaxed).to_string());
        Ok(Box::new(BookTables::passing_in(inner)?) as Box<dyn Tables>)
    })
}
