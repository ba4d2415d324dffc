//! All stores as one: a batch goes into each of them in turn, and its checkpoint comes last.
//!
//! history → records → live → tables → quarantine → checkpoint. Whatever is done before the checkpoint can be done again without harm: history
//! that stands in no checkpoint does not count, and the others know what they have by its key. So the process may die anywhere,
//! read on from the last checkpoint, and end up with the same content.

mod opening;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::ops::{ControlFlow, Range};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::batch::{Ahead, Batch, Keeper, Resume};
use super::checkpoints::{Checkpoint, Checkpoints};
use super::error::StoreError;
use super::history::{Each, History, Piece, Span};
use super::live::{LiveSettings, LiveStore};
use super::quarantine::{QuarantineSettings, QuarantineStore};
use super::records::{Asked, Records, may_hold};
use super::refill::Refill;
use super::sorted::Sorted;
use super::tables::{self, Tables};
use crate::primitives::{Timestamp, fail_point};
use crate::telemetry::ReadingKind;

/// Most pieces of history read side by side; of more, those of a kind and day are merged first.
const TOGETHER_MAX: usize = 64;

/// How much room the stores have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoreSettings {
    /// The live state's.
    pub live: LiveSettings,
    /// The quarantine's.
    pub quarantine: QuarantineSettings,
}

/// The steps of keeping a batch, for tests that stop after one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    History,
    Records,
    Live,
    Tables,
    Quarantine,
    Checkpoint,
    Merged,
    Swapped,
}

impl Step {
    /// The place to die at after it, if there is one.
    const fn fail_point(self) -> Option<&'static str> {
        match self {
            Self::History => Some("keep/history"),
            Self::Records => Some("keep/records"),
            Self::Live => Some("keep/live"),
            Self::Tables => Some("keep/tables"),
            Self::Quarantine => Some("keep/quarantine"),
            Self::Checkpoint => Some("keep/checkpoint"),
            Self::Merged | Self::Swapped => None,
        }
    }
}

/// Pieces of about one size that are merged into one, and the factor between two sizes; as many as are read in one round.
const TIDY_PIECES: u64 = 16;
/// Pieces with so many records stay as they are until a run ends.
const TIDY_ROWS_MAX: u64 = 4_000_000;

/// Called after each step; an error is as if the step after it had failed.
#[cfg(test)]
pub(super) type Hook = Box<dyn Fn(Step) -> Result<(), StoreError> + Send + Sync>;

/// Parts of the stores that are elsewhere; those that are not named are embedded.
#[derive(Debug, Default)]
pub struct Parts {
    /// The last word of every device.
    pub live: Option<Box<dyn LiveStore>>,
    /// The tables of results.
    pub tables: Option<Box<dyn Tables>>,
    /// Records beside the history.
    pub records: Option<Box<dyn Records>>,
    /// History, checkpoints and quarantine, and the tables unless those are named.
    #[cfg(feature = "s3")]
    pub bucket: Option<Arc<super::bucket::Bucket>>,
}

/// All stores of a city.
pub struct Stores {
    pub(super) history: Arc<dyn History>,
    records: Box<dyn Records>,
    live: Box<dyn LiveStore>,
    tables: Box<dyn Tables>,
    quarantine: Box<dyn QuarantineStore>,
    pub(super) checkpoints: Arc<dyn Checkpoints>,
    /// One lock a partition: two workers of one partition, one of them long believed dead, take turns, and the second is refused.
    partitions: Mutex<BTreeMap<u16, Arc<Mutex<()>>>>,
    /// Held by those who read pieces, and by whoever takes pieces away.
    pub(super) pieces: Arc<RwLock<()>>,
    /// Whose the servers are to be that were away when they were claimed.
    unclaimed: Mutex<Option<String>>,
    /// Held by whoever merges: two at once would merge the same pieces twice.
    pub(super) merging: Mutex<()>,
    pub(super) refill: Refill,
    folder: Option<PathBuf>,
    /// Where the history is, if it is not in the folder.
    place: Option<String>,
    live_left_out: Option<String>,
    /// The bucket's city, if the history is in one.
    #[cfg(feature = "s3")]
    city: Option<Arc<super::bucket::City>>,
    /// Looks after what other processes do; ends with the stores.
    #[cfg(feature = "s3")]
    _watch: Option<opening::Watch>,
    /// Held as long as the stores are open.
    _lock: Option<File>,
    #[cfg(test)]
    pub(super) hook: Option<Hook>,
}

impl std::fmt::Debug for Stores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Stores({:?}, {:?})", self.folder, self.history)
    }
}

impl Stores {
    /// Notes that the stores are this run's; `identity` names what makes its content, such as a hash of scenario and seed.
    ///
    /// A server that is away is asked when it is first written to: until then messages wait, and nothing else does.
    ///
    /// # Errors
    /// When they are another run's, or it cannot be noted.
    pub fn claim(&self, identity: &str) -> Result<(), StoreError> {
        let found = self.checkpoints.identity(identity)?;
        if found != identity {
            if let Some(place) = self.place.clone() {
                let reason = format!("it belongs to another run ({found}, not {identity}); name another prefix");
                return Err(StoreError::Refused { part: "history", place, reason });
            }
            let folder = self.folder.clone().unwrap_or_default();
            return Err(StoreError::OtherRun { folder, found, wanted: identity.to_owned() });
        }
        match self.claim_servers(identity) {
            Err(error) if error.is_passing() => {
                *self.unclaimed() = Some(identity.to_owned());
                Ok(())
            }
            claimed => claimed,
        }
    }

    /// Claims what could not be claimed before, now that something is to be written there.
    fn claim_late(&self) -> Result<(), StoreError> {
        let mut unclaimed = self.unclaimed();
        if let Some(identity) = unclaimed.as_deref() {
            self.claim_servers(identity)?;
            *unclaimed = None;
        }
        Ok(())
    }

    fn unclaimed(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.unclaimed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn claim_servers(&self, identity: &str) -> Result<(), StoreError> {
        let others = [
            ("records", self.records.claim(identity)?),
            ("live state", self.live.claim(identity)?),
            ("tables", self.tables.claim(identity)?),
        ];
        match others.into_iter().find(|(_, found)| found != identity) {
            None => Ok(()),
            Some((part, found)) => Err(StoreError::Refused {
                part,
                place: String::from("the configured server"),
                reason: format!("they belong to another run ({found}, not {identity}); name another prefix or schema"),
            }),
        }
    }

    /// The first message of a partition that has not been kept; none if nothing of it has. For whoever does not work on it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn next_offset(&self, partition: u16) -> Result<Option<u64>, StoreError> {
        self.checkpoints.next(partition)
    }

    /// Every record, to be asked by time, device and place.
    pub fn records(&self) -> &dyn Records {
        &*self.records
    }

    /// Why the live state says nothing, if the stores were opened to be read and it is not as new as they are.
    pub fn live_left_out(&self) -> Option<&str> {
        self.live_left_out.as_deref()
    }

    /// The last word of every device.
    pub fn live(&self) -> &dyn LiveStore {
        &*self.live
    }

    /// The tables of results.
    pub fn tables(&self) -> &dyn Tables {
        &*self.tables
    }

    /// What was no record.
    pub fn quarantine(&self) -> &dyn QuarantineStore {
        &*self.quarantine
    }

    /// The pieces the history consists of, by name.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn pieces(&self) -> Result<BTreeSet<Piece>, StoreError> {
        self.checkpoints.pieces()
    }

    /// Every record of a kind ever kept, piece by piece, until `each` breaks off. Pieces are not merged or taken away meanwhile, so
    /// `each` must not ask for that.
    ///
    /// # Errors
    /// When a piece cannot be read.
    pub fn scan(&self, kind: ReadingKind, each: &mut Each<'_>) -> Result<(), StoreError> {
        let _reading = self.pieces.read().unwrap_or_else(PoisonError::into_inner);
        for piece in self.pieces()?.iter().filter(|piece| piece.kind == kind) {
            if self.history.read(piece, each)? == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
    }

    /// Every record of a kind that was made in a span of time, in the order of (device, epoch, sequence), until `each` breaks off.
    ///
    /// For that the history may be merged first; its content stays as it is. As for [`Self::scan`], `each` must not ask for that.
    ///
    /// # Errors
    /// When a piece cannot be read or merged.
    pub fn scan_in_order(
        &self,
        kind: ReadingKind,
        times: &Range<Timestamp>,
        each: &mut Each<'_>,
    ) -> Result<(), StoreError> {
        let asked = Asked { times: times.clone(), ..Asked::all(kind) };
        let wanted = |piece: &Piece| piece.kind == kind && may_hold(piece, &asked);
        if self.pieces()?.iter().filter(|piece| wanted(piece)).count() > TOGETHER_MAX {
            self.compact()?;
        }
        let _reading = self.pieces.read().unwrap_or_else(PoisonError::into_inner);
        let pieces: Vec<Piece> = self.pieces()?.into_iter().filter(wanted).collect();
        self.history.read_in_order(&pieces, &mut |record| {
            if asked.wants(&record) { each(record) } else { ControlFlow::Continue(()) }
        })
    }

    /// Merges the pieces of every kind and day into one each, in the order of (device, epoch, sequence), so that equal content gives
    /// equal files. For the end of a run; batches may be kept meanwhile.
    ///
    /// # Errors
    /// When a piece cannot be read or written; the history is what it was then, pieces merged so far included.
    pub fn compact(&self) -> Result<(), StoreError> {
        let _merging = self.merging.lock().unwrap_or_else(PoisonError::into_inner);
        let pieces: Vec<Piece> = self.pieces()?.into_iter().collect();
        for together in pieces.chunk_by(|a, b| a.folder() == b.folder()) {
            // A piece merged before has its name from its content: it is as it should be.
            if let [alone] = together
                && alone.name.contains("/all-")
            {
                continue;
            }
            self.merge(together)?;
        }
        self.checkpoints.sweep().map(drop)
    }

    /// Merges a few small pieces of one kind and day into one, if there are that many of about one size; whether there were. For
    /// stores that are kept for days, where batches by time would leave more pieces than a file system likes. Batches may be kept
    /// meanwhile.
    ///
    /// Pieces grow by a factor at each step, as the runs of a log-structured merge tree do (O'Neil, Cheng, Gawlick, O'Neil 1996, "The
    /// log-structured merge-tree", section 3): so each record is written anew a few times and not with every batch.
    ///
    /// # Errors
    /// When a piece cannot be read or written; the history is what it was then.
    pub fn tidy(&self) -> Result<bool, StoreError> {
        let _merging = self.merging.lock().unwrap_or_else(PoisonError::into_inner);
        self.checkpoints.sweep()?;
        let mut sizes: BTreeMap<(String, u32), Vec<Piece>> = BTreeMap::new();
        for piece in self.pieces()?.into_iter().filter(|piece| piece.rows < TIDY_ROWS_MAX) {
            let alike = sizes.entry((piece.folder().to_owned(), piece.rows.max(1).ilog(TIDY_PIECES))).or_default();
            alike.push(piece);
            if alike.len() as u64 == TIDY_PIECES {
                let together = std::mem::take(alike);
                self.merge(&together)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Puts one piece in the place of several; whoever calls holds `merging`.
    fn merge(&self, together: &[Piece]) -> Result<(), StoreError> {
        let merged = self.history.merge(together)?;
        self.after(Step::Merged)?;
        let old: Vec<Piece> = together.iter().filter(|piece| **piece != merged).cloned().collect();
        let _alone = self.pieces.write().unwrap_or_else(PoisonError::into_inner);
        self.checkpoints.replace(&old, &merged)?;
        self.after(Step::Swapped)?;
        if self.history.is_shared() { Ok(()) } else { self.history.remove(&old) }
    }

    /// Where tests stop, and where processes die when asked to.
    #[cfg_attr(not(test), expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "errors come in tests only"))]
    pub(super) fn after(&self, step: Step) -> Result<(), StoreError> {
        if let Some(point) = step.fail_point() {
            fail_point::reach(point);
        }
        #[cfg(test)]
        if let Some(hook) = &self.hook {
            return hook(step);
        }
        let _ = step;
        Ok(())
    }

    fn partition(&self, partition: u16) -> Arc<Mutex<()>> {
        let mut partitions = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(partitions.entry(partition).or_default())
    }
}

/// Refuses a batch that breaks a limit, before anything of it is kept.
fn check(batch: &Batch) -> Result<(), StoreError> {
    let bad = |reason| StoreError::BadBatch { partition: batch.partition, reason };
    batch.rows.iter().try_for_each(|row| tables::check(row).map_err(bad))?;
    // What was held back for a while came in an earlier batch: its fate, whichever, belongs to the batch in which it was decided.
    let stray =
        batch.quarantined.iter().find(|message| message.partition != batch.partition || message.offset >= batch.to);
    if let Some(stray) = stray {
        let (partition, offset) = (stray.partition, stray.offset);
        return Err(bad(format!("it quarantines message {offset} of partition {partition}, which has not come yet")));
    }
    let records = batch.records.len();
    if records > 0 && batch.to <= batch.from {
        return Err(bad(format!("it makes {records} records of no message")));
    }
    if records as u64 > batch.to {
        return Err(bad(format!("it makes {records} records of {} messages", batch.to)));
    }
    Ok(())
}

impl Keeper for Stores {
    fn resume(&self, partition: u16) -> Result<Option<Resume>, StoreError> {
        self.checkpoints.resume(partition)
    }

    fn keep(&self, batch: &Batch) -> Result<(), StoreError> {
        check(batch)?;
        self.claim_late()?;
        let Batch { partition, from, to, ref records, ref quarantined, ref rows, ref state, watermark } = *batch;
        let turn = self.partition(partition);
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        // The checkpoint refuses it as well, but by then its files might have taken the place of others.
        if let Some(next) = self.checkpoints.begin(partition)?.filter(|next| *next != from) {
            if next == to && self.checkpoints.took_effect(partition, from) {
                return Ok(());
            }
            return Err(StoreError::OutOfOrder { partition, from, next });
        }
        self.mend_live(watermark)?;
        let _until_checkpoint = self.refill.hold();
        let sorted = Sorted::new(records);
        let pieces = self.history.stage(Span { partition, from, to }, sorted.rows())?;
        let others = || {
            self.after(Step::History)?;
            self.records.put(partition, from, sorted.rows())?;
            self.after(Step::Records)?;
            self.live.put(&sorted.newest(), watermark)?;
            self.refill.note(watermark);
            self.after(Step::Live)?;
            self.tables.put_of(partition, rows)?;
            self.after(Step::Tables)?;
            self.quarantine.put(partition, from, quarantined)?;
            self.after(Step::Quarantine)
        };
        if let Err(error) = others() {
            // Nothing lists them. Once the checkpoint was tried that is not so sure any more: then they stay until the next opening.
            drop(self.history.remove(&pieces));
            return Err(error);
        }
        self.checkpoints.commit(&Checkpoint { partition, from, next_offset: to, state, pieces: &pieces })?;
        self.after(Step::Checkpoint)
    }

    fn show(&self, ahead: Ahead<'_>) -> Result<(), StoreError> {
        let Ahead { partition, records, rows, watermark } = ahead;
        let bad = |reason| StoreError::BadBatch { partition, reason };
        self.claim_late()?;
        rows.iter().try_for_each(|row| tables::check(row).map_err(bad))?;
        self.mend_live(watermark)?;
        let sorted = Sorted::new(records);
        self.live.put(&sorted.newest(), watermark)?;
        self.refill.note(watermark);
        self.tables.put_of(partition, rows)
    }
}
