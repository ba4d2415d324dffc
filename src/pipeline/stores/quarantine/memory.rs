//! A quarantine that lasts as long as the process.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use super::{Counts, Kept, QuarantineSettings, QuarantineStore, QuarantineTotals, count};
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
        let mut counts = Counts::new();
        for message in messages {
            let key = (message.partition, message.offset);
            if state.messages.contains_key(&key) {
                continue;
            }
            let mut kept = Kept::new(message);
            if state.messages.len() as u64 >= self.settings.messages {
                count(&mut counts, &kept);
                continue;
            }
            if state.bytes + kept.payload.len() as u64 > self.settings.bytes {
                kept.payload = Vec::new();
            }
            state.bytes += kept.payload.len() as u64;
            state.messages.insert(key, kept);
        }
        if counts.is_empty() {
            state.counted.remove(&(partition, from));
        } else {
            state.counted.insert((partition, from), counts);
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

    fn totals(&self) -> Result<QuarantineTotals, StoreError> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut totals =
            QuarantineTotals { kept: state.messages.len() as u64, bytes: state.bytes, counted: Counts::new() };
        for ((device, reason), count) in state.counted.values().flatten() {
            *totals.counted.entry((device.clone(), reason.clone())).or_default() += count;
        }
        Ok(totals)
    }
}
