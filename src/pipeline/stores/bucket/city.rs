//! One city's manifest as this process knows it, and the way to change it: read, edit, put in the place of what was read; if somebody
//! else was first, read what they made of it and edit that.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::manifest::{MANIFEST, Manifest, Stand};
use super::rows::Rows;
use super::{Bucket, Version, delta};
use crate::pipeline::stores::database::Book;
use crate::pipeline::stores::error::StoreError;
use crate::pipeline::stores::tables::Tables;

/// How often a change is tried when others are faster each time.
const TRIES: usize = 32;

/// Makes an empty place for the rows, when the stores are opened and when they have to be read anew.
pub(in crate::pipeline::stores) type Views = Box<dyn Fn() -> Result<Box<dyn Tables>, StoreError> + Send + Sync>;

/// The manifest as it was read or written last.
#[derive(Debug, Clone, Default)]
struct Known {
    /// None before the first look, and where there is none yet.
    manifest: Option<Arc<Manifest>>,
    tag: Option<String>,
}

/// What an edit made of the manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edited {
    /// Something else, which is to be put in its place.
    Changed,
    /// It is as it should be already.
    AsItIs,
}

/// A city in a bucket.
pub(in crate::pipeline::stores) struct City {
    pub(super) bucket: Arc<Bucket>,
    known: Mutex<Known>,
    /// Held by whoever changes the manifest or the rows' view: one at a time in this process.
    turn: Mutex<()>,
    pub(super) rows: Rows,
    /// The database with the live state beside, if that is embedded; it is on disk before a checkpoint counts.
    book: Option<Arc<Book>>,
    /// By partition: before when [ms] unlisted objects were swept as its batch was begun.
    noted: Mutex<BTreeMap<u16, i64>>,
}

impl std::fmt::Debug for City {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "City({:?})", self.bucket)
    }
}

impl City {
    /// Looks at the bucket's city, if there is one, and reads its rows.
    ///
    /// # Errors
    /// When the bucket does not answer or refuses, or holds what it should not.
    pub(in crate::pipeline::stores) fn open(
        bucket: &Arc<Bucket>,
        views: Views,
        book: Option<Arc<Book>>,
    ) -> Result<Arc<Self>, StoreError> {
        let city = Self {
            bucket: Arc::clone(bucket),
            known: Mutex::default(),
            turn: Mutex::default(),
            rows: Rows::new(views)?,
            book,
            noted: Mutex::default(),
        };
        city.refresh()?;
        Ok(Arc::new(city))
    }

    /// Where it is, without secrets.
    pub(in crate::pipeline::stores) fn place(&self) -> &str {
        self.bucket.place()
    }

    pub(super) fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The manifest as it is now; one of nothing if there is none.
    pub(super) fn look(&self) -> Result<Arc<Manifest>, StoreError> {
        let before = self.known().clone();
        let got = match self.bucket.get_unless(MANIFEST, before.tag.as_deref())? {
            Version::Known => return Ok(before.manifest.unwrap_or_default()),
            Version::None if before.manifest.is_some() => {
                return Err(self.bucket.damaged(MANIFEST, "it was here and is gone"));
            }
            Version::None => return Ok(Arc::default()),
            Version::Other(got) => got,
        };
        let manifest = Arc::new(Manifest::decode(&self.bucket, &got.bytes)?);
        let mut known = self.known();
        if let Some(before) = known.manifest.as_ref() {
            if before.chain != manifest.chain {
                return Err(self.bucket.damaged(MANIFEST, "another city was put in its place"));
            }
            // Somebody here has written a later one meanwhile.
            if before.number >= manifest.number {
                return Ok(Arc::clone(before));
            }
        }
        *known = Known { manifest: Some(Arc::clone(&manifest)), tag: Some(got.tag) };
        Ok(manifest)
    }

    /// The manifest as this process knows it.
    pub(super) fn last(&self) -> Arc<Manifest> {
        self.known().manifest.clone().unwrap_or_default()
    }

    /// Looks at the manifest and takes in the rows of others.
    ///
    /// # Errors
    /// When the bucket does not answer, or holds what it should not.
    pub(in crate::pipeline::stores) fn refresh(&self) -> Result<(), StoreError> {
        let _turn = self.turn();
        self.look()?;
        self.catch_up()
    }

    /// Takes in the rows that the manifest lists and the view has not; whoever calls has the turn.
    pub(super) fn catch_up(&self) -> Result<(), StoreError> {
        for _ in 0..TRIES {
            if self.rows.read(&self.bucket, &self.last().runs, None)? {
                return Ok(());
            }
            // An object was merged away since the manifest was read.
            let before = self.last().number;
            if self.look()?.number == before {
                return Err(self.bucket.damaged("rows", "an object that is listed is missing"));
            }
        }
        Err(self.bucket.not_now("others change it faster than it can be read"))
    }

    /// Changes the manifest; whoever calls has the turn. `edit` may be called several times, for what others made of it.
    ///
    /// # Errors
    /// When the edit is refused, or the bucket does not answer: then it may have taken effect or not.
    pub(super) fn change(
        &self,
        edit: &mut dyn FnMut(&mut Manifest) -> Result<Edited, StoreError>,
    ) -> Result<(), StoreError> {
        let change = self.bucket.fresh();
        for _ in 0..TRIES {
            let Known { manifest, tag } = self.known().clone();
            let mut next = match &manifest {
                // It was ours that came through, whoever came after it: its answer was lost, and a repetition was refused.
                Some(manifest) if manifest.has(&change) => return Ok(()),
                Some(manifest) => Manifest::clone(manifest),
                None => Manifest::first(self.bucket.fresh()),
            };
            if edit(&mut next)? == Edited::AsItIs {
                return Ok(());
            }
            next.note(&change);
            let bytes = next.encode().map_err(|reason| self.bucket.refused(reason))?;
            if let Some(tag) = self.bucket.swap(MANIFEST, bytes, tag.as_deref())? {
                *self.known() = Known { manifest: Some(Arc::new(next)), tag: Some(tag) };
                return Ok(());
            }
            let before = self.known().tag.clone();
            self.look()?;
            if self.known().tag == before {
                return Err(self.bucket.refused(String::from(
                    "it says that the manifest is another one, and gives the same; it does not honour `If-Match`",
                )));
            }
        }
        Err(self.bucket.not_now("others change it faster than it can be changed"))
    }

    /// Notes, before anything of a batch is written, what may have been swept.
    pub(super) fn note(&self, partition: u16) {
        let swept = self.last().swept_before;
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).insert(partition, swept);
    }

    /// When unlisted objects had been swept as a batch of this partition was begun; none if it was not noted.
    pub(super) fn noted(&self, partition: u16) -> Option<i64> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).get(&partition).copied()
    }

    /// Refuses to list what may be swept: somebody slept on it for longer than anybody may.
    pub(super) fn hold_young(
        &self,
        names: &[String],
        noted: Option<i64>,
        manifest: &Manifest,
    ) -> Result<(), StoreError> {
        if manifest.swept_before == 0 || noted == Some(manifest.swept_before) {
            return Ok(());
        }
        for name in names {
            match self.bucket.head(name)? {
                Some((_, at)) if at >= manifest.swept_before => {}
                _ => return Err(self.bucket.not_now("what was written is too old by now and is written again")),
            }
        }
        Ok(())
    }

    /// Has the live state beside on disk, as of a partition's next message.
    pub(super) fn settle_beside(&self, partition: u16, next: u64) -> Result<(), StoreError> {
        let Some(book) = &self.book else { return Ok(()) };
        if let Some(manifest) = &self.known().manifest {
            book.set_fact("bucket", manifest.chain.as_bytes(), redb::Durability::None)?;
        }
        book.set_fact(&format!("bucket/{partition}"), &next.to_le_bytes(), redb::Durability::Immediate)
    }

    /// Whether a live state beside, of which the facts are asked, has everything that counts; one that has not is of no use.
    ///
    /// # Errors
    /// When its facts cannot be read.
    pub(in crate::pipeline::stores) fn is_known_to(&self, book: &Book) -> Result<bool, StoreError> {
        let manifest = self.last();
        if book.fact("bucket")?.is_some_and(|chain| chain != manifest.chain.as_bytes()) {
            return Ok(false);
        }
        for (partition, Stand { next, .. }) in &manifest.partitions {
            let known = book.fact(&format!("bucket/{partition}"))?;
            let known = known.and_then(|bytes| bytes.first_chunk::<8>().copied()).map(u64::from_le_bytes);
            if known.is_none_or(|known| known < *next) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Writes rows that belong to no batch; they count when this returns.
    ///
    /// # Errors
    /// When the bucket does not answer or refuses; they are tried again with the next batch.
    pub(in crate::pipeline::stores) fn flush(&self) -> Result<(), StoreError> {
        let _turn = self.turn();
        let ahead = self.rows.ahead(None);
        if ahead.delta.is_empty() {
            return Ok(());
        }
        // As it is before anything is written: somebody else's look may bring a later one meanwhile.
        let noted = Some(self.last().swept_before);
        let name = self.put_rows(&ahead.delta)?;
        self.change(&mut |manifest| {
            self.hold_young(std::slice::from_ref(&name), noted, manifest)?;
            self.list_rows(manifest, &name, &ahead.delta);
            Ok(Edited::Changed)
        })?;
        self.taken_in(&name, &ahead)
    }

    /// Writes rows as an object, which counts once it is listed; gives its name.
    pub(super) fn put_rows(&self, rows: &delta::Delta) -> Result<String, StoreError> {
        let name = format!("rows/{}", self.bucket.fresh());
        let bytes = delta::encode(rows, self.bucket.limits.object).map_err(|reason| self.bucket.refused(reason))?;
        self.bucket.put(&name, bytes)?;
        Ok(name)
    }

    /// Takes in rows that were listed just now, and those of others before them; then merges runs, if there are many.
    pub(super) fn taken_in(&self, name: &str, ahead: &super::rows::Ahead) -> Result<(), StoreError> {
        // They count, whatever becomes of the view: what cannot be read now is read with the next look.
        match self.rows.read(&self.bucket, &self.last().runs, Some((name, &ahead.delta))) {
            Ok(true) => self.rows.settle(ahead),
            Ok(false) => self.catch_up().map(|()| self.rows.settle(ahead))?,
            Err(error) if error.is_passing() => return Ok(()),
            Err(error) => return Err(error),
        }
        match self.merge_runs() {
            Err(error) if error.is_passing() => Ok(()),
            done => done,
        }
    }
}

impl Drop for City {
    fn drop(&mut self) {
        // As a database does when it is closed; whoever must be sure says so by `put_lasting`.
        drop(self.flush());
    }
}
