//! Whether the live state says of every device what it last said: the highest (epoch, sequence) in the history, byte for byte.

use std::collections::HashMap;
use std::ops::ControlFlow;

use super::balance::AuditError;
use crate::pipeline::stores::{Area, LiveSettings, Stores};
use crate::primitives::Timestamp;
use crate::telemetry::{DeviceId, ReadingKind, Record, json};

/// What was found of the live state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct LiveAccount {
    /// Devices whose last word is there as it was said.
    pub right: u64,
    /// Devices of whom another word is there.
    pub wrong: u64,
    /// Devices of whom nothing is there although their last word still lives.
    pub missing: u64,
    /// Devices of whom nothing is there because it has died, or was pushed out.
    pub gone: u64,
    /// Words of devices that are not in the history.
    pub strange: u64,
}

impl LiveAccount {
    /// Whether nothing is missing or wrong.
    pub const fn closes(&self) -> bool {
        self.wrong == 0 && self.missing == 0 && self.strange == 0
    }
}

/// What a record is, for comparison: when and in what words.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Word {
    at: (u32, u64),
    time: Timestamp,
    hash: blake3::Hash,
}

fn word(record: &Record, bytes: &mut Vec<u8>) -> Word {
    bytes.clear();
    json::encode(record, bytes);
    Word { at: (record.epoch, record.sequence), time: record.time, hash: blake3::hash(bytes) }
}

/// Compares the live state with the history.
///
/// # Errors
/// When either cannot be read.
pub fn live(stores: &Stores, settings: LiveSettings) -> Result<LiveAccount, AuditError> {
    let (mut account, mut bytes) = (LiveAccount::default(), Vec::new());
    let (clock, evicted) = (stores.live().clock()?, stores.live().status()?.evicted);
    for &kind in ReadingKind::ALL {
        let mut last: HashMap<DeviceId, Word> = HashMap::new();
        stores.scan(kind, &mut |record| {
            let newer = last.get(&record.device).is_none_or(|known| known.at < (record.epoch, record.sequence));
            if newer {
                last.insert(record.device.clone(), word(&record, &mut bytes));
            }
            ControlFlow::Continue(())
        })?;
        stores.live().scan(kind, &Area::Everywhere, &mut |record| {
            match last.remove(&record.device) {
                Some(expected) if expected == word(&record, &mut bytes) => account.right += 1,
                Some(_) => account.wrong += 1,
                None => account.strange += 1,
            }
            ControlFlow::Continue(())
        })?;
        let died = |word: &Word| clock.is_some_and(|clock| clock.since(word.time) >= settings.life(kind));
        for word in last.values() {
            if evicted > 0 || died(word) {
                account.gone += 1;
            } else {
                account.missing += 1;
            }
        }
    }
    Ok(account)
}
