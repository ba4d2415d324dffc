//! Live state that lasts as long as the process.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::area::{Area, place_of};
use super::{LiveSettings, LiveStatus, LiveStore};
use crate::pipeline::stores::error::StoreError;
use crate::primitives::Timestamp;
use crate::telemetry::{DeviceId, ReadingKind, Record};

/// The last words, in memory.
#[derive(Debug, Default)]
pub struct MemoryLive {
    settings: LiveSettings,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    words: BTreeMap<(ReadingKind, DeviceId), Record>,
    ages: BTreeSet<(Timestamp, ReadingKind, DeviceId)>,
    clock: Option<Timestamp>,
    evicted: u64,
    expired: u64,
}

impl MemoryLive {
    /// An empty one.
    pub fn new(settings: LiveSettings) -> Self {
        Self { settings, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lives(&self, record: &Record, clock: Option<Timestamp>) -> bool {
        clock.is_none_or(|clock| record.time > self.settings.dead_at(record.kind(), clock))
    }
}

impl LiveStore for MemoryLive {
    fn put(&self, records: &[&Record], watermark: Option<Timestamp>) -> Result<(), StoreError> {
        let mut guard = self.state();
        let state = &mut *guard;
        state.clock = state.clock.max(watermark);
        for &record in records {
            let key = (record.kind(), record.device.clone());
            if let Some(old) = state.words.get(&key) {
                if (old.epoch, old.sequence) >= (record.epoch, record.sequence) {
                    continue;
                }
                state.ages.remove(&(old.time, key.0, key.1.clone()));
            }
            state.ages.insert((record.time, key.0, key.1.clone()));
            state.words.insert(key, record.clone());
        }
        let dead: Vec<_> =
            state.words.iter().filter(|(_, word)| !self.lives(word, state.clock)).map(|(key, _)| key.clone()).collect();
        for key in dead {
            if let Some(word) = state.words.remove(&key) {
                state.ages.remove(&(word.time, key.0, key.1));
                state.expired += 1;
            }
        }
        while state.words.len() as u64 > self.settings.capacity {
            let Some((_, kind, device)) = state.ages.pop_first() else { break };
            state.words.remove(&(kind, device));
            state.evicted += 1;
        }
        Ok(())
    }

    fn get(&self, kind: ReadingKind, device: &DeviceId) -> Result<Option<Record>, StoreError> {
        let state = self.state();
        let found = state.words.get(&(kind, device.clone()));
        Ok(found.filter(|word| self.lives(word, state.clock)).cloned())
    }

    fn scan(
        &self,
        kind: ReadingKind,
        area: &Area,
        each: &mut dyn FnMut(Record) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let living: Vec<Record> = {
            let state = self.state();
            let of_kind = state.words.iter().filter(|((other, _), _)| *other == kind).map(|(_, word)| word);
            of_kind.filter(|word| self.lives(word, state.clock) && area.holds(place_of(word))).cloned().collect()
        };
        let _ = living.into_iter().try_for_each(each);
        Ok(())
    }

    fn clock(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.state().clock)
    }

    fn status(&self) -> Result<LiveStatus, StoreError> {
        let state = self.state();
        Ok(LiveStatus::new(state.words.len() as u64, self.settings.capacity, state.evicted, state.expired))
    }
}
