//! A bucket of objects: stores that outlive every machine, and that several processes may work with at once.
//!
//! One object, the [`manifest`], says what counts; everything else is written under names nobody else has, before it is listed there, and
//! never changed. The manifest is put in the place of exactly the one that was read (`If-Match`), so of two writers one wins and the
//! other reads what was won: that is the fence against whoever is believed dead and is not. Time is the server's alone.

mod checkpoints;
mod city;
mod delta;
mod manifest;
mod quarantine;
mod rows;
mod s3;
mod sweep;
mod tables;
#[cfg(test)]
mod tests;

use std::hash::{BuildHasher as _, RandomState};
use std::io::Read as _;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use object_store::path::Path as Name;
use object_store::{Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, UpdateVersion};
use tokio::runtime::Runtime;

pub(super) use checkpoints::BucketCheckpoints;
pub(super) use city::{City, Views};
pub(super) use manifest::object_of;
pub(super) use quarantine::BucketQuarantine;
pub use s3::S3Settings;
pub(super) use tables::BucketTables;
#[cfg(all(test, feature = "server-tests"))]
pub(super) use tests::suites;

use super::error::StoreError;

/// Longest wait for one request with all its repetitions; a large upload is many requests.
const PATIENCE: Duration = Duration::from_mins(1);
/// Bytes of a large object that are sent or read with one request.
const PART: usize = 8 << 20;
/// Objects taken away in one go.
const DELETE_MAX: usize = 1000;
/// What the bucket is to us.
const PART_NAME: &str = "history";

/// What was found in the place of a version that may be known.
pub(super) enum Version {
    /// The one that is known.
    Known,
    /// Another.
    Other(Got),
    /// Nothing.
    None,
}

/// An object as it was read.
#[derive(Debug, Clone)]
pub(super) struct Got {
    pub(super) bytes: Bytes,
    /// What the server calls this version of it.
    pub(super) tag: String,
}

/// An object as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    /// Its name below the prefix.
    pub(super) name: String,
    /// When it was written, by the server's clock [ms].
    pub(super) at: i64,
}

/// Where a test breaks off: before or after something was done to an object.
#[cfg(test)]
pub(super) type Gate = Arc<dyn Fn(&str, &str) -> Result<(), StoreError> + Send + Sync>;

/// Objects below a prefix of a bucket. Every call waits for the answer; a runtime of its own waits for the server.
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    runtime: Option<Runtime>,
    prefix: String,
    place: String,
    /// Nobody else's names begin with it.
    token: String,
    named: AtomicU64,
    limits: rows::Limits,
    #[cfg(test)]
    pub(super) gate: std::sync::Mutex<Option<Gate>>,
}

impl std::fmt::Debug for Bucket {
    /// Without the client, which knows secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bucket({})", self.place)
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Bucket {
    fn of(store: Arc<dyn ObjectStore>, prefix: &str, place: String) -> Result<Self, StoreError> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(StoreError::file("start threads for", std::path::Path::new(&place)))?;
        // Drawn by the system: two processes that begin at the same moment draw different ones.
        let drawn = [RandomState::new().hash_one(&place), RandomState::new().hash_one(prefix)];
        Ok(Self {
            store,
            runtime: Some(runtime),
            prefix: prefix.to_owned(),
            place,
            token: format!("{:016x}", drawn[0] ^ drawn[1].rotate_left(32)),
            named: AtomicU64::new(0),
            limits: rows::Limits::default(),
            #[cfg(test)]
            gate: std::sync::Mutex::default(),
        })
    }

    /// A bucket in memory.
    #[cfg(test)]
    pub(super) fn in_memory() -> Self {
        Self::of(Arc::new(object_store::memory::InMemory::new()), "city", String::from("memory")).expect("threads")
    }

    /// The same bucket as another process sees it.
    #[cfg(test)]
    pub(super) fn beside(&self) -> Self {
        let mut beside = Self::of(Arc::clone(&self.store), &self.prefix, self.place.clone()).expect("threads");
        beside.limits = self.limits;
        beside
    }

    /// Where it is, without secrets.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// A name nobody else gives to anything.
    pub(super) fn fresh(&self) -> String {
        format!("{}-{:x}", self.token, self.named.fetch_add(1, Ordering::Relaxed))
    }

    /// Refuses something in the server's name.
    pub(super) fn refused(&self, reason: String) -> StoreError {
        StoreError::Refused { part: PART_NAME, place: self.place.clone(), reason }
    }

    /// Something went wrong that may go right the next time.
    pub(super) fn not_now(&self, reason: &str) -> StoreError {
        StoreError::NotNow { part: PART_NAME, place: self.place.clone(), reason: reason.to_owned() }
    }

    /// An object does not hold what it should.
    pub(super) fn damaged(&self, name: &str, reason: impl std::fmt::Display) -> StoreError {
        StoreError::Damaged { path: format!("{}/{name}", self.place).into(), reason: reason.to_string() }
    }

    fn name(&self, name: &str) -> Name {
        Name::from(if self.prefix.is_empty() { name.to_owned() } else { format!("{}/{name}", self.prefix) })
    }

    /// Waits for an answer; nobody is kept waiting for longer than [`PATIENCE`].
    fn run<T, F>(&self, asked: F) -> Result<Result<T, Error>, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        self.run_within(PATIENCE, asked)
    }

    fn run_within<T, F>(&self, patience: Duration, asked: F) -> Result<Result<T, Error>, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let runtime = self.runtime.as_ref().ok_or_else(|| self.away("it was closed"))?;
        let (told, answer) = mpsc::sync_channel(1);
        // Not `block_on`: whoever asks may be a thread of another runtime.
        runtime.spawn(async move {
            let done = tokio::time::timeout(patience, asked).await;
            drop(told.send(done));
        });
        match answer.recv() {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(_)) => Err(self.silent(patience)),
            Err(_) => Err(self.away("it was closed")),
        }
    }

    fn away(&self, reason: &str) -> StoreError {
        StoreError::Away { part: PART_NAME, place: self.place.clone(), reason: reason.to_owned() }
    }

    fn silent(&self, patience: Duration) -> StoreError {
        self.away(&format!("no answer within {} s", patience.as_secs()))
    }

    #[cfg(test)]
    fn gate(&self, moment: &str, name: &str) -> Result<(), StoreError> {
        // Not held meanwhile: what is done there may lead to other objects.
        let gate = self.gate.lock().expect("sound").clone();
        gate.map_or(Ok(()), |gate| gate(moment, name))
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "errors come in tests only")]
    fn gate(&self, _: &str, _: &str) -> Result<(), StoreError> {
        Ok(())
    }

    /// Reads an object that is never changed, a large one part by part; none if it is not there.
    pub(super) fn get(&self, name: &str) -> Result<Option<Got>, StoreError> {
        self.gate("get", name)?;
        let (store, place) = (Arc::clone(&self.store), self.name(name));
        let got = self.run(async move {
            let got = store.get_opts(&place, GetOptions::default()).await?;
            let (size, tag) = (got.meta.size, got.meta.e_tag.clone().unwrap_or_default());
            // What would take longer than one answer may is not read here.
            let bytes = if size <= PART as u64 { got.bytes().await? } else { Bytes::new() };
            Ok((bytes, tag, size))
        })?;
        let (bytes, tag, size) = match got {
            Ok(got) => got,
            Err(error) if s3::is_missing(&error) => return Ok(None),
            Err(error) => return Err(self.error(&error)),
        };
        if size <= PART as u64 {
            return Ok(Some(Got { bytes, tag }));
        }
        let mut all = Vec::new();
        while (all.len() as u64) < size {
            let from = all.len() as u64;
            let Some(part) = self.range(name, from..size.min(from + PART as u64))? else { return Ok(None) };
            if part.is_empty() {
                return Err(self.damaged(name, "it is shorter than it says"));
            }
            all.extend_from_slice(&part);
        }
        Ok(Some(Got { bytes: all.into(), tag }))
    }

    /// Reads an object unless it is the version that is known.
    pub(super) fn get_unless(&self, name: &str, known: Option<&str>) -> Result<Version, StoreError> {
        self.gate("get", name)?;
        let (store, place) = (Arc::clone(&self.store), self.name(name));
        let options = GetOptions { if_none_match: known.map(str::to_owned), ..GetOptions::default() };
        let got = self.run(async move {
            let got = store.get_opts(&place, options).await?;
            let tag = got.meta.e_tag.clone().unwrap_or_default();
            Ok(Got { bytes: got.bytes().await?, tag })
        })?;
        match got {
            Ok(got) => Ok(Version::Other(got)),
            Err(Error::NotModified { .. }) => Ok(Version::Known),
            Err(error) if s3::is_missing(&error) => Ok(Version::None),
            Err(error) => Err(self.error(&error)),
        }
    }

    /// Bytes of an object; none if it is not there.
    pub(super) fn range(&self, name: &str, range: Range<u64>) -> Result<Option<Bytes>, StoreError> {
        self.gate("get", name)?;
        let (store, place) = (Arc::clone(&self.store), self.name(name));
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        match self.run(async move { store.get_opts(&place, options).await?.bytes().await })? {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if s3::is_missing(&error) => Ok(None),
            Err(error) => Err(self.error(&error)),
        }
    }

    /// Length of an object [bytes] and when it was written, by the server's clock [ms]; none if it is not there.
    pub(super) fn head(&self, name: &str) -> Result<Option<(u64, i64)>, StoreError> {
        self.gate("get", name)?;
        let (store, place) = (Arc::clone(&self.store), self.name(name));
        match self.run(async move { store.head(&place).await })? {
            Ok(meta) => Ok(Some((meta.size, meta.last_modified.timestamp_millis()))),
            Err(error) if s3::is_missing(&error) => Ok(None),
            Err(error) => Err(self.error(&error)),
        }
    }

    /// Writes an object, whatever there was; a large one part by part.
    pub(super) fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        self.gate("before put", name)?;
        if bytes.len() > PART {
            let all = Bytes::from(bytes);
            let parts = (0..all.len()).step_by(PART).map(|from| Ok(all.slice(from..all.len().min(from + PART))));
            self.upload(name, parts)?;
        } else {
            let (store, place) = (Arc::clone(&self.store), self.name(name));
            let done = self.run(async move { store.put(&place, bytes.into()).await })?;
            done.map_err(|error| self.error(&error))?;
        }
        self.gate("after put", name)
    }

    /// Puts an object in the place of the version that is known, or where there is none; what the server calls it then. None if somebody
    /// else was first. After an error it may have happened or not.
    pub(super) fn swap(&self, name: &str, bytes: Vec<u8>, known: Option<&str>) -> Result<Option<String>, StoreError> {
        self.gate("before swap", name)?;
        let mode = known.map_or(PutMode::Create, |tag| {
            PutMode::Update(UpdateVersion { e_tag: Some(tag.to_owned()), version: None })
        });
        let (store, place) = (Arc::clone(&self.store), self.name(name));
        let options = PutOptions { mode, ..PutOptions::default() };
        let done = match self.run(async move { store.put_opts(&place, bytes.into(), options).await })? {
            Ok(done) => Some(done.e_tag.unwrap_or_default()),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => None,
            Err(error) => return Err(self.error(&error)),
        };
        self.gate("after swap", name)?;
        // A test breaks off here where a proxy loses the answer: the client repeats the request, and is refused by what it did itself.
        if self.gate("repeated swap", name).is_err() {
            return Ok(None);
        }
        Ok(done)
    }

    /// Sends a file as an object, part by part.
    pub(super) fn put_file(&self, name: &str, path: &std::path::Path) -> Result<(), StoreError> {
        self.gate("before put", name)?;
        let mut file = std::fs::File::open(path).map_err(StoreError::file("read", path))?;
        let parts = std::iter::from_fn(|| {
            let mut part = Vec::with_capacity(PART);
            match file.by_ref().take(PART as u64).read_to_end(&mut part) {
                Ok(0) => None,
                Ok(_) => Some(Ok(part.into())),
                Err(error) => Some(Err(StoreError::file("read", path)(error))),
            }
        });
        self.upload(name, parts)?;
        self.gate("after put", name)
    }

    /// Makes an object of its parts, each of them a request that may take [`PATIENCE`]. If one fails none of them stays.
    fn upload(&self, name: &str, mut parts: impl Iterator<Item = Result<Bytes, StoreError>>) -> Result<(), StoreError> {
        let (store, place) = (Arc::clone(&self.store), self.name(name));
        let begun = self.run(async move { store.put_multipart(&place).await })?;
        let mut upload = begun.map_err(|error| self.error(&error))?;
        let sent = parts.try_for_each(|part| {
            self.gate("before part", name)?;
            self.run(upload.put_part(part?.into()))?.map_err(|error| self.error(&error))
        });
        let done = match sent {
            Ok(()) => {
                // It comes back with its answer, so that it can be given up.
                let asked = async move {
                    let done = tokio::time::timeout(PATIENCE, upload.complete()).await;
                    Ok((upload, done))
                };
                let answer = self.run_within(PATIENCE * 2, asked)?;
                let (back, done) = answer.map_err(|error| self.error(&error))?;
                upload = back;
                match done {
                    Ok(done) => done.map(drop).map_err(|error| self.error(&error)),
                    Err(_) => Err(self.silent(PATIENCE)),
                }
            }
            failed => failed,
        };
        if done.is_err() && self.gate("before abort", name).is_ok() {
            // If that fails as well, the bucket's rule for what is unfinished takes it away.
            drop(self.run(async move { upload.abort().await }));
        }
        done
    }

    /// Takes objects away; those that are not there do not matter.
    pub(super) fn delete(&self, names: &[String]) -> Result<(), StoreError> {
        for some in names.chunks(DELETE_MAX) {
            self.gate("before delete", &some[0])?;
            let store = Arc::clone(&self.store);
            let places: Vec<_> = some.iter().map(|name| Ok(self.name(name))).collect();
            let done = self.run(async move {
                let gone = store.delete_stream(stream::iter(places).boxed()).collect::<Vec<_>>().await;
                gone.into_iter()
                    .find(|one| one.as_ref().is_err_and(|error| !s3::is_missing(error)))
                    .unwrap_or_else(|| Ok(Name::default()))
            })?;
            done.map_err(|error| self.error(&error))?;
        }
        Ok(())
    }

    /// What there is below a name.
    pub(super) fn list(&self, below: &str) -> Result<Vec<Listed>, StoreError> {
        self.gate("get", below)?;
        let (store, place) = (Arc::clone(&self.store), self.name(below));
        let found = self.run(async move { store.list(Some(&place)).try_collect::<Vec<_>>().await })?;
        let found = found.map_err(|error| self.error(&error))?;
        let named = |name: &Name| {
            let whole: &str = name.as_ref();
            whole.strip_prefix(self.prefix.as_str()).map(|name| name.trim_start_matches('/').to_owned())
        };
        let listed = |meta: &object_store::ObjectMeta| {
            named(&meta.location).map(|name| Listed { name, at: meta.last_modified.timestamp_millis() })
        };
        Ok(found.iter().filter_map(listed).collect())
    }

    fn error(&self, error: &Error) -> StoreError {
        s3::told(PART_NAME, &self.place, error)
    }

    /// Whether the bucket answers, may be read and written, and lets only one of two writers win; takes away what it wrote.
    ///
    /// # Errors
    /// When it does not, with what to do.
    pub fn probe(&self) -> Result<(), StoreError> {
        let name = format!("probe/{}", self.fresh());
        let unsafe_here = |what: &str| {
            self.refused(format!(
                "it does not honour `{what}`, so of two writers both would win; use a store that does (Amazon S3, MinIO, Ceph, R2), of a version that does"
            ))
        };
        let probed = (|| {
            let Some(first) = self.swap(&name, b"1".to_vec(), None)? else {
                return Err(self.refused(format!("it says that there is `{name}`, which nobody wrote")));
            };
            if self.swap(&name, b"2".to_vec(), None)?.is_some() {
                return Err(unsafe_here("If-None-Match: *"));
            }
            let Some(second) = self.swap(&name, b"3".to_vec(), Some(&first))? else {
                return Err(self.refused(String::from("it refuses `If-Match` with the version it gave")));
            };
            if second == first || self.swap(&name, b"4".to_vec(), Some(&first))?.is_some() {
                return Err(unsafe_here("If-Match"));
            }
            match self.get(&name)? {
                Some(got) if got.bytes.as_ref() == b"3" && got.tag == second => {}
                _ => return Err(self.refused(String::from("it does not give back what was just written"))),
            }
            if self.list("probe")?.iter().any(|listed| listed.name == name) {
                Ok(())
            } else {
                Err(self.refused(String::from("it does not list what was just written")))
            }
        })();
        let gone = self.delete(std::slice::from_ref(&name));
        probed.and(gone)
    }
}
