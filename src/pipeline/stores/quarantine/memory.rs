//! A quarantine that lasts as long as the process.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use super::{Counts, Kept, QuarantineSettings, QuarantineStore, QuarantineTotals, Room};
use crate::pipeline::stores::batch::Quarantined;
use crate::pipeline::stores::error::StoreError;

/// The quarantine, in memory.
#[derive(Debug, Default)]
pub struct MemoryQuarantine {
    settings: QuarantineSettings,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    messages: BTreeMap<(u16, u64), Kept>,
    counted: BTreeMap<(u16, u64), Counts>,
    bytes: u64,
    gone: u64,
}

impl MemoryQuarantine {
    /// An empty one.
    pub fn new(settings: QuarantineSettings) -> Self {
        Self { settings, state: Mutex::default() }
    }
}

impl QuarantineStore for MemoryQuarantine {
    fn put(&self, partition: u16, from: u64, messages: &[Quarantined]) -> Result<(), StoreError> {
        let mut guard = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *guard;
        let mut room = Room::beside(self.settings, state.messages.len() as u64, state.bytes);
        for message in messages {
            let key = (message.partition, message.offset);
            if state.messages.contains_key(&key) {
                continue;
            }
            if let Some(kept) = room.admit(message) {
                state.messages.insert(key, kept);
            }
        }
        state.bytes = room.bytes;
        if room.counts.is_empty() {
            state.counted.remove(&(partition, from));
        } else {
            state.counted.insert((partition, from), room.counts);
        }
        Ok(())
    }

    fn scan(&self, each: &mut dyn FnMut(Kept) -> ControlFlow<()>) -> Result<(), StoreError> {
        let messages: Vec<Kept> = {
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.messages.values().cloned().collect()
        };
        let _ = messages.into_iter().try_for_each(each);
        Ok(())
    }

    fn forget(&self, partition: u16, before: u64) -> Result<u64, StoreError> {
        let mut guard = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *guard;
        let span = (partition, 0)..(partition, before);
        let old: Vec<(u16, u64)> = state.messages.range(span.clone()).map(|(key, _)| *key).collect();
        let mut gone = old.len() as u64;
        for key in old {
            let bytes = state.messages.remove(&key).map_or(0, |message| message.payload.len());
            state.bytes = state.bytes.saturating_sub(bytes as u64);
        }
        let counted: Vec<(u16, u64)> = state.counted.range(span).map(|(key, _)| *key).collect();
        for key in counted {
            gone += state.counted.remove(&key).map_or(0, |counts| counts.values().sum());
        }
        state.gone += gone;
        Ok(gone)
    }

    fn totals(&self) -> Result<QuarantineTotals, StoreError> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (kept, bytes, gone) = (state.messages.len() as u64, state.bytes, state.gone);
        let mut totals = QuarantineTotals { kept, bytes, counted: Counts::new(), gone };
        for ((device, reason), count) in state.counted.values().flatten() {
            *totals.counted.entry((device.clone(), reason.clone())).or_default() += count;
        }
        Ok(totals)
    }
}
