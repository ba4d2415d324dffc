//! Fills a live state on a server again that has lost what it knew: from the history's newest words.
//!
//! A server of last words may come back from a crash with nothing, or with less than it had. What devices say from then on is there
//! again, but a device that has said its last would be missing for good. So before each batch the store's clock is looked at: one that
//! is gone, or behind what the store was told, is how a loss shows. Words are put in without the clock, which comes with the batch: a
//! fill that breaks off is begun again. Knows nothing of which server it is.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use super::error::StoreError;
use super::live::LiveSettings;
use super::whole::Stores;
use crate::primitives::Timestamp;
use crate::telemetry::{DeviceId, ReadingKind, Record};

/// Words put in at once.
const CHUNK: usize = 10_000;

/// What is remembered to notice a loss.
#[derive(Debug)]
pub(super) struct Refill {
    /// Whether the live state may lose what it knows on its own; an embedded one is as safe as the checkpoints beside it.
    needed: bool,
    settings: LiveSettings,
    /// The latest watermark the store was told by this process [ms].
    told: AtomicI64,
    /// Held from a batch's words to its checkpoint, and by whoever fills alone: a batch is in the history then, or puts its words in
    /// afterwards.
    batches: RwLock<()>,
    fills: AtomicU64,
}

impl Refill {
    pub(super) fn new(needed: bool, settings: LiveSettings) -> Self {
        let told = AtomicI64::new(i64::MIN);
        Self { needed, settings, told, batches: RwLock::default(), fills: AtomicU64::new(0) }
    }

    /// No fill begins while this is held.
    pub(super) fn hold(&self) -> RwLockReadGuard<'_, ()> {
        self.batches.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The store was told this watermark.
    pub(super) fn note(&self, watermark: Option<Timestamp>) {
        if let Some(mark) = watermark {
            self.told.fetch_max(mark.as_milliseconds(), Ordering::SeqCst);
        }
    }
}

impl Stores {
    /// How often the live state had to be filled again from the history, because it had lost what it knew.
    pub fn live_fills(&self) -> u64 {
        self.refill.fills.load(Ordering::SeqCst)
    }

    /// Fills the live state again if it has lost what it knew; `watermark` is what it is about to be told.
    pub(super) fn mend_live(&self, watermark: Option<Timestamp>) -> Result<(), StoreError> {
        if !self.refill.needed || !self.has_lost()? {
            return Ok(());
        }
        let _alone = self.refill.batches.write().unwrap_or_else(PoisonError::into_inner);
        // Somebody else may have done it meanwhile.
        if !self.has_lost()? {
            return Ok(());
        }
        let told = Timestamp::milliseconds(self.refill.told.load(Ordering::SeqCst));
        let clock = watermark.map_or(told, |mark| mark.max(told));
        for &kind in ReadingKind::ALL {
            let dead_at = self.refill.settings.dead_at(kind, clock);
            let newest = self.newest(kind, dead_at)?;
            for chunk in newest.chunks(CHUNK) {
                self.live().put(&chunk.iter().collect::<Vec<_>>(), None)?;
            }
        }
        // With the clock it counts as filled.
        self.live().put(&[], Some(clock).filter(|clock| clock.as_milliseconds() != i64::MIN))?;
        self.refill.fills.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    /// Whether the live state knows less than it was told.
    fn has_lost(&self) -> Result<bool, StoreError> {
        let told = self.refill.told.load(Ordering::SeqCst);
        Ok(match self.live().clock()? {
            Some(clock) => clock.as_milliseconds() < told,
            None => told > i64::MIN || !self.pieces()?.is_empty(),
        })
    }

    /// The newest record of each device of a kind, of those that still live, by device.
    fn newest(&self, kind: ReadingKind, dead_at: Timestamp) -> Result<Vec<Record>, StoreError> {
        let mut newest: HashMap<DeviceId, Record> = HashMap::new();
        self.scan(kind, &mut |record| {
            let at = |record: &Record| (record.epoch, record.sequence);
            if newest.get(&record.device).is_none_or(|known| at(known) < at(&record)) {
                newest.insert(record.device.clone(), record);
            }
            ControlFlow::Continue(())
        })?;
        let mut newest: Vec<Record> = newest.into_values().filter(|record| record.time > dead_at).collect();
        newest.sort_unstable_by(|a, b| a.device.cmp(&b.device));
        Ok(newest)
    }
}
