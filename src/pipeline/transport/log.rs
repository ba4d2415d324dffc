//! The built-in bus: a partitioned write-ahead log on disk with group commit.
//!
//! A folder per partition, segments in it, frames in them (`log/frame.rs`). Messages handed in are gathered for a moment,
//! written, synced once, and only then acknowledged and shown to readers. Opening it again finds what a crash left torn behind
//! the last commit and cuts it away; damage anywhere else is an error with file and position. Does not know what it stores.

mod committer;
mod disk;
mod frame;
mod lane;
#[cfg(test)]
pub(super) mod tests;

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use self::committer::{Batch, Committer, Writer, new_segment};
use self::disk::{Disk, RealDisk};
use self::frame::SEGMENT_HEAD;
use self::lane::{Lane, segment_name};
use super::bus::{Bus, BusError, Done, check_limits};
use super::message::{Logged, Message};

/// Sizes and times of a log.
#[derive(Debug, Clone)]
pub struct LogOptions {
    /// Number of partitions, 1 to 1024; fixed when the log is first made.
    pub partitions: u16,
    /// A segment is followed by a new one before it grows longer [bytes].
    pub segment_bytes: u64,
    /// All segments together are never longer [bytes].
    pub bytes_max: u64,
    /// Messages wait at most so long for company before they are written.
    pub commit_delay: Duration,
    /// So much waiting is written at once [bytes].
    pub commit_bytes: usize,
    /// No more may wait to be written; beyond it hand-ins are refused as busy [bytes].
    pub queue_bytes_max: usize,
    /// By partition: the number of its first message, where the log is made anew for checkpoints that are further; 0 if not told.
    pub begins: Vec<u64>,
}

impl LogOptions {
    /// Default sizes: segments of 64 MiB, 8 GiB in all, commits after 2 ms or 256 KiB, 64 MiB waiting.
    pub fn new(partitions: u16) -> Self {
        Self {
            partitions: partitions.clamp(1, 1024),
            segment_bytes: 64 << 20,
            bytes_max: 8 << 30,
            commit_delay: Duration::from_millis(2),
            commit_bytes: 256 << 10,
            queue_bytes_max: 64 << 20,
            begins: Vec::new(),
        }
    }
}

/// What a log has done since it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogStats {
    /// Messages made durable.
    pub messages: u64,
    /// Bytes made durable, with overhead.
    pub bytes: u64,
    /// Syncs of a partition's file.
    pub commits: u64,
    /// Segments removed to make room, all of them released.
    pub segments_removed: u64,
    /// Their bytes.
    pub bytes_removed: u64,
    /// Bytes cut away at opening: what a crash left behind the last commit, never acknowledged.
    pub bytes_torn: u64,
}

/// A write-ahead log, open for writing and reading. Dropping it commits what is waiting.
#[derive(Debug)]
pub struct DurableLog {
    shared: Arc<Shared>,
    committer: Option<JoinHandle<()>>,
    /// Held as long as the log is open; the system releases it with the process, however that ends.
    _lock: File,
}

/// What the callers, the readers and the committer share.
struct Shared {
    folder: PathBuf,
    options: LogOptions,
    lanes: Vec<Mutex<Lane>>,
    queue: Mutex<Queue>,
    waiting: Condvar,
    ends: Mutex<Vec<u64>>,
    grown: Condvar,
    counts: Counts,
}

#[derive(Default)]
struct Queue {
    batches: Vec<Batch>,
    bytes: usize,
    closing: bool,
    failed: Option<BusError>,
}

#[derive(Default)]
struct Counts {
    messages: AtomicU64,
    bytes: AtomicU64,
    commits: AtomicU64,
    segments_removed: AtomicU64,
    bytes_removed: AtomicU64,
    bytes_torn: AtomicU64,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Shared {
    /// A panic elsewhere leaves nothing half-changed in it, so its poison does not matter.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lane(&self, partition: u16) -> Result<MutexGuard<'_, Lane>, BusError> {
        let none = BusError::NoPartition { partition, partitions: self.options.partitions };
        self.lanes
            .get(usize::from(partition))
            .ok_or(none)
            .map(|lane| lane.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits for something to write, then a moment for company; None once the log is closed and nothing is left.
    fn gather(&self) -> Option<Vec<Batch>> {
        let idle = |queue: &mut Queue| queue.batches.is_empty() && !queue.closing;
        let queue = self.waiting.wait_while(self.queue(), idle).unwrap_or_else(PoisonError::into_inner);
        let small = |queue: &mut Queue| queue.bytes < self.options.commit_bytes && !queue.closing;
        let delay = self.options.commit_delay;
        let (mut queue, _) =
            self.waiting.wait_timeout_while(queue, delay, small).unwrap_or_else(PoisonError::into_inner);
        queue.bytes = 0;
        let batches = std::mem::take(&mut queue.batches);
        if batches.is_empty() { None } else { Some(batches) }
    }

    fn failure(&self) -> Option<BusError> {
        self.queue().failed.clone()
    }

    /// Takes nothing more from now on.
    fn stop(&self, error: &BusError) {
        self.queue().failed.get_or_insert_with(|| BusError::Stopped { cause: error.to_string().into() });
    }

    fn tell_readers(&self) {
        self.grown.notify_all();
    }

    fn count_commit(&self, partition: u16, end: u64, messages: u64, bytes: u64) {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)[usize::from(partition)] = end;
        self.counts.messages.fetch_add(messages, Ordering::Relaxed);
        self.counts.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.counts.commits.fetch_add(1, Ordering::Relaxed);
    }

    fn count_removed(&self, bytes: u64) {
        self.counts.segments_removed.fetch_add(1, Ordering::Relaxed);
        self.counts.bytes_removed.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl DurableLog {
    /// Opens the log in a folder, or makes one there.
    ///
    /// # Errors
    /// When the folder cannot be read or written, is in use, has another number of partitions, or holds damaged files.
    pub fn open(folder: &Path, options: LogOptions) -> Result<Self, BusError> {
        Self::open_on(Arc::new(RealDisk), folder, options)
    }

    fn open_on(disk: Arc<dyn Disk>, folder: &Path, mut options: LogOptions) -> Result<Self, BusError> {
        options.partitions = options.partitions.clamp(1, 1024);
        // Room is made by removing whole segments; with few of them a consumer close behind would still find the log full.
        let share = options.bytes_max / (4 * u64::from(options.partitions));
        options.segment_bytes = options.segment_bytes.min(share).max(SEGMENT_HEAD as u64);
        fs::create_dir_all(folder).map_err(BusError::io("create", folder))?;
        let lock = lock(folder)?;
        check_partitions(folder, options.partitions)?;
        let mut lanes = Vec::new();
        let mut writers = Vec::new();
        let counts = Counts::default();
        for number in 0..options.partitions {
            let (mut lane, torn) = Lane::open(number, folder.join(lane_name(number)))?;
            counts.bytes_torn.fetch_add(torn, Ordering::Relaxed);
            let begin = options.begins.get(usize::from(number)).copied().unwrap_or_default();
            writers.push(open_writer(&*disk, &mut lane, begin)?);
            lanes.push(Mutex::new(lane));
        }
        disk::sync_folder(folder).map_err(BusError::io("make durable", folder))?;
        let ends = writers.iter().map(|writer| writer.next).collect();
        let total = lanes.iter().map(|lane| lane.lock().unwrap_or_else(PoisonError::into_inner).bytes()).sum();
        let shared = Arc::new(Shared {
            folder: folder.to_owned(),
            options,
            lanes,
            queue: Mutex::default(),
            waiting: Condvar::new(),
            ends: Mutex::new(ends),
            grown: Condvar::new(),
            counts,
        });
        let committer = Committer { shared: Arc::clone(&shared), disk, writers, total, buffer: Vec::new() };
        let thread = std::thread::Builder::new().name("log".to_owned());
        let committer = thread.spawn(move || committer.run()).map_err(BusError::io("start the thread of", folder))?;
        Ok(Self { shared, committer: Some(committer), _lock: lock })
    }

    /// Whether there is a log in a folder, whole or not; nothing is made or opened.
    pub fn is_in(folder: &Path) -> bool {
        folder.join(lane_name(0)).is_dir()
    }

    /// What it has done since it was opened.
    pub fn stats(&self) -> LogStats {
        let counts = &self.shared.counts;
        LogStats {
            messages: counts.messages.load(Ordering::Relaxed),
            bytes: counts.bytes.load(Ordering::Relaxed),
            commits: counts.commits.load(Ordering::Relaxed),
            segments_removed: counts.segments_removed.load(Ordering::Relaxed),
            bytes_removed: counts.bytes_removed.load(Ordering::Relaxed),
            bytes_torn: counts.bytes_torn.load(Ordering::Relaxed),
        }
    }

    /// Why the log takes nothing more, if that is so.
    pub fn failure(&self) -> Option<BusError> {
        self.shared.failure()
    }
}

/// The folder of a partition in that of the log.
fn lane_name(partition: u16) -> String {
    format!("partition-{partition:04}")
}

/// Makes sure nobody else has the log open.
fn lock(folder: &Path) -> Result<File, BusError> {
    let path = folder.join("lock");
    let file =
        File::options().create(true).truncate(false).write(true).open(&path).map_err(BusError::io("create", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(BusError::Locked { path: folder.to_owned() }),
        Err(TryLockError::Error(error)) => Err(BusError::io("lock", &path)(error)),
    }
}

/// A topic's partition depends on their number: a log opened with another one would break the order of its messages.
fn check_partitions(folder: &Path, asked: u16) -> Result<(), BusError> {
    let entries = fs::read_dir(folder).map_err(BusError::io("read", folder))?;
    let found: BTreeSet<u16> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.strip_prefix("partition-")?.parse().ok())
        .collect();
    match found.last() {
        // Fewer folders than asked for, with nothing in them yet, are what a crash leaves of the first opening.
        Some(last) if *last >= asked || (found.len() < usize::from(asked) && has_messages(folder)) => {
            let found = u16::try_from(found.len()).unwrap_or(u16::MAX);
            Err(BusError::Partitions { path: folder.to_owned(), found, asked })
        }
        _ => Ok(()),
    }
}

/// Whether any segment holds more than its head.
fn has_messages(folder: &Path) -> bool {
    let files = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    files(folder)
        .flat_map(|partition| files(&partition).collect::<Vec<_>>())
        .any(|path| fs::metadata(path).is_ok_and(|about| about.len() > SEGMENT_HEAD as u64))
}

/// Opens a partition's last segment for writing, cut to what is whole, or makes its first.
fn open_writer(disk: &dyn Disk, lane: &mut Lane, begin: u64) -> Result<Writer, BusError> {
    if let Some(last) = lane.segments.last().filter(|last| last.bytes >= SEGMENT_HEAD as u64) {
        let tape = disk.reopen(&last.path, last.bytes).map_err(BusError::io("open", &last.path))?;
        return Ok(Writer { tape, next: last.end, bytes: last.bytes });
    }
    let base = lane.segments.pop().map_or(begin, |headless| headless.base);
    let path = lane.folder.join(segment_name(base));
    if path.exists() {
        fs::remove_file(&path).map_err(BusError::io("remove", &path))?;
    }
    let writer = new_segment(disk, &path, base)?;
    lane.segments.push(lane::Segment::new(path, base, base, writer.bytes));
    Ok(writer)
}

impl Bus for DurableLog {
    fn partitions(&self) -> u16 {
        self.shared.options.partitions
    }

    fn begin(&self, partition: u16) -> u64 {
        self.shared.lane(partition).map_or(0, |lane| lane.begin())
    }

    fn end(&self, partition: u16) -> u64 {
        self.shared.lane(partition).map_or(0, |lane| lane.end())
    }

    fn read(&self, partition: u16, from: u64, max_messages: usize, max_bytes: usize) -> Result<Vec<Logged>, BusError> {
        self.shared.lane(partition)?.read(from, max_messages, max_bytes)
    }

    fn wait_beyond(&self, partition: u16, offset: u64, timeout: Duration) -> bool {
        if partition >= self.partitions() {
            return false;
        }
        let index = usize::from(partition);
        let ends = self.shared.ends.lock().unwrap_or_else(PoisonError::into_inner);
        let short = |ends: &mut Vec<u64>| ends[index] <= offset;
        let (ends, _) =
            self.shared.grown.wait_timeout_while(ends, timeout, short).unwrap_or_else(PoisonError::into_inner);
        ends[index] > offset
    }

    fn submit(&self, partition: u16, messages: Vec<Message>, done: Done) {
        let partitions = self.partitions();
        if partition >= partitions {
            return done(Err(BusError::NoPartition { partition, partitions }));
        }
        if let Err(error) = check_limits(&messages) {
            return done(Err(error));
        }
        let bytes: usize = messages.iter().map(Message::bytes).sum();
        let mut queue = self.shared.queue();
        let limit = self.shared.options.queue_bytes_max;
        let refused = match &queue.failed {
            Some(error) => Some(error.clone()),
            None if queue.bytes > 0 && queue.bytes + bytes > limit => Some(BusError::Busy { limit }),
            None => None,
        };
        if let Some(error) = refused {
            drop(queue);
            return done(Err(error));
        }
        let (empty, small) = (queue.batches.is_empty(), queue.bytes < self.shared.options.commit_bytes);
        queue.bytes += bytes;
        queue.batches.push(Batch { partition, messages, done });
        let enough = queue.bytes >= self.shared.options.commit_bytes;
        drop(queue);
        // The committer sleeps for the first message and for the one that makes a commit worth its sync, not for those between.
        if empty || (small && enough) {
            self.shared.waiting.notify_one();
        }
    }

    fn release(&self, partition: u16, up_to: u64) {
        if let Ok(mut lane) = self.shared.lane(partition) {
            lane.released = lane.released.max(up_to.min(lane.end()));
        }
    }
}

impl Drop for DurableLog {
    fn drop(&mut self) {
        self.shared.queue().closing = true;
        self.shared.waiting.notify_all();
        if let Some(committer) = self.committer.take() {
            let _ = committer.join();
        }
    }
}

/// The messages a reader finds in any bytes taken for a segment, whatever their checksums say: for those who throw any bytes at
/// it.
pub(super) fn read_any(bytes: &[u8]) -> usize {
    let (mut at, mut found) = (SEGMENT_HEAD, frame::next_sound(bytes, 0, 0).map_or(0, |_| 1));
    while let Some(rest) = bytes.get(at..) {
        let Some(head) = frame::head(rest) else { break };
        found += usize::from(frame::body(&head, rest).is_some());
        let body =
            bytes::Bytes::copy_from_slice(rest.get(frame::FRAME_HEAD..head.frame().min(rest.len())).unwrap_or(&[]));
        found += frame::messages(&head, body).take_while(Option::is_some).count();
        at = at.saturating_add(head.frame());
    }
    found
}

/// A sound segment.
#[cfg(test)]
pub(super) fn any_segment(messages: &[Message]) -> Vec<u8> {
    let mut bytes = frame::segment_head(0).to_vec();
    frame::encode(messages.iter(), 0, &mut bytes);
    bytes
}
