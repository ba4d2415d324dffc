//! The quarantine in the bucket: rows of tables of its own, so that it counts with the checkpoint that makes it and moves as rows do.
//!
//! What is in it is told by two rows a partition, one that only grows with what comes, written by whoever works on the partition, and one that only
//! grows with what goes by age, so that no writer undoes another's. Several processes at once may go over the limits by one batch each.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::city::City;
use crate::pipeline::stores::batch::Quarantined;
use crate::pipeline::stores::error::StoreError;
use crate::pipeline::stores::quarantine::{Counts, Kept, QuarantineSettings, QuarantineStore, QuarantineTotals, Room};

/// By partition and place: messages.
const MESSAGES: &str = "~quarantine";
/// By partition and beginning of the batch: what was only counted, by device and reason.
const COUNTED: &str = "~counted";
/// By partition: what came, and what went.
const CAME: &str = "~came";
const WENT: &str = "~went";
/// Messages taken away in one step.
const FORGET_MAX: usize = 10_000;

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Meter {
    messages: u64,
    bytes: u64,
    /// Messages that were only counted among those that went.
    counted: u64,
}

/// A message as it is written.
#[derive(Serialize, Deserialize)]
struct Written {
    topic: String,
    reason: String,
    sentence: String,
    /// In hexadecimal digits.
    payload: String,
    length: u64,
    hash: String,
}

/// The quarantine, in the bucket.
#[derive(Debug)]
pub(in crate::pipeline::stores) struct BucketQuarantine {
    city: Arc<City>,
    settings: QuarantineSettings,
}

fn key(partition: u16, offset: u64) -> String {
    format!("{partition:05}/{offset:020}")
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn bytes_of(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

fn written(kept: &Kept) -> Vec<u8> {
    let written = Written {
        topic: kept.topic.clone(),
        reason: kept.reason.clone(),
        sentence: kept.sentence.clone(),
        payload: hexadecimal(&kept.payload),
        length: kept.length,
        hash: format!("{:032x}", kept.hash),
    };
    serde_json::to_vec(&written).unwrap_or_default()
}

impl BucketQuarantine {
    pub(in crate::pipeline::stores) fn new(city: &Arc<City>, settings: QuarantineSettings) -> Self {
        Self { city: Arc::clone(city), settings }
    }

    fn read(&self, place: &str, row: &[u8]) -> Result<Kept, StoreError> {
        let read = || {
            let written: Written = serde_json::from_slice(row).ok()?;
            let (partition, offset) = place.split_once('/')?;
            Some(Kept {
                partition: partition.parse().ok()?,
                offset: offset.parse().ok()?,
                device: Kept::device_of(&written.topic),
                topic: written.topic,
                reason: written.reason,
                sentence: written.sentence,
                payload: bytes_of(&written.payload)?,
                length: written.length,
                hash: u128::from_str_radix(&written.hash, 16).ok()?,
            })
        };
        read().ok_or_else(|| self.damaged(place))
    }

    fn damaged(&self, place: &str) -> StoreError {
        self.city.bucket.damaged("rows", format!("what is quarantined at `{place}` cannot be read"))
    }

    fn meter(&self, table: &str, partition: u16) -> Result<Meter, StoreError> {
        let row = self.city.rows.get(table, &format!("{partition:05}"))?;
        row.map_or(Ok(Meter::default()), |row| serde_json::from_slice(&row).map_err(|_| self.damaged(table)))
    }

    fn set_meter(&self, table: &str, partition: u16, owner: Option<u16>, meter: Meter) {
        let row = serde_json::to_vec(&meter).unwrap_or_default();
        self.city.rows.write(owner, [((table.to_owned(), format!("{partition:05}")), Some(row))]);
    }

    /// The sum of a table of meters.
    fn sum(&self, table: &str) -> Result<Meter, StoreError> {
        let (mut sum, mut sound) = (Meter::default(), Ok(()));
        self.city.rows.scan(table, "", None, &mut |_, row| {
            let Ok(one) = serde_json::from_slice::<Meter>(row) else {
                sound = Err(self.damaged(table));
                return ControlFlow::Break(());
            };
            sum.messages += one.messages;
            sum.bytes += one.bytes;
            sum.counted += one.counted;
            ControlFlow::Continue(())
        })?;
        sound.map(|()| sum)
    }

    /// The keys and rows of a table of a partition's before an offset, some of them.
    fn before(&self, table: &str, partition: u16, before: u64) -> Result<BTreeMap<String, Vec<u8>>, StoreError> {
        let (mut some, end) = (BTreeMap::new(), key(partition, before));
        self.city.rows.scan(table, &format!("{partition:05}/"), None, &mut |key, row| {
            if key >= end.as_str() || some.len() >= FORGET_MAX {
                return ControlFlow::Break(());
            }
            some.insert(key.to_owned(), row.to_vec());
            ControlFlow::Continue(())
        })?;
        Ok(some)
    }

    fn counts(&self, place: &str, row: &[u8]) -> Result<Vec<(String, String, u64)>, StoreError> {
        serde_json::from_slice(row).map_err(|_| self.damaged(place))
    }
}

impl QuarantineStore for BucketQuarantine {
    fn put(&self, partition: u16, from: u64, messages: &[Quarantined]) -> Result<(), StoreError> {
        let (came, went, mut own) = (self.sum(CAME)?, self.sum(WENT)?, self.meter(CAME, partition)?);
        let (there, bytes) = (came.messages.saturating_sub(went.messages), came.bytes.saturating_sub(went.bytes));
        let (mut room, mut rows) = (Room::beside(self.settings, there, bytes), BTreeMap::new());
        for message in messages {
            let place = (MESSAGES.to_owned(), key(message.partition, message.offset));
            if rows.contains_key(&place) || self.city.rows.get(MESSAGES, &place.1)?.is_some() {
                continue;
            }
            let Some(kept) = room.admit(message) else { continue };
            own.bytes += kept.payload.len() as u64;
            own.messages += 1;
            rows.insert(place, Some(written(&kept)));
        }
        let place = (COUNTED.to_owned(), key(partition, from));
        if !room.counts.is_empty() {
            let counts: Vec<_> = room.counts.iter().map(|((device, reason), count)| (device, reason, count)).collect();
            rows.insert(place, Some(serde_json::to_vec(&counts).unwrap_or_default()));
        } else if self.city.rows.get(&place.0, &place.1)?.is_some() {
            rows.insert(place, None);
        }
        if !rows.is_empty() {
            self.city.rows.write(Some(partition), rows);
            self.set_meter(CAME, partition, Some(partition), own);
        }
        Ok(())
    }

    fn scan(&self, each: &mut dyn FnMut(Kept) -> ControlFlow<()>) -> Result<(), StoreError> {
        let mut sound = Ok(());
        self.city.rows.scan(MESSAGES, "", None, &mut |place, row| match self.read(place, row) {
            Ok(kept) => each(kept),
            Err(error) => {
                sound = Err(error);
                ControlFlow::Break(())
            }
        })?;
        sound
    }

    fn forget(&self, partition: u16, before: u64) -> Result<u64, StoreError> {
        let mut all = 0;
        loop {
            let mut went = self.meter(WENT, partition)?;
            let messages = self.before(MESSAGES, partition, before)?;
            let counted = self.before(COUNTED, partition, before)?;
            let mut gone = messages.len() as u64;
            for (place, row) in &messages {
                went.bytes += self.read(place, row)?.payload.len() as u64;
            }
            went.messages += gone;
            for (place, row) in &counted {
                let counts: u64 = self.counts(place, row)?.iter().map(|(.., count)| count).sum();
                went.counted += counts;
                gone += counts;
            }
            let more = messages.len() == FORGET_MAX || counted.len() == FORGET_MAX;
            if !messages.is_empty() || !counted.is_empty() {
                let away = |table: &'static str| move |key| ((table.to_owned(), key), None);
                let keys = messages.into_keys().map(away(MESSAGES)).chain(counted.into_keys().map(away(COUNTED)));
                self.city.rows.write(None, keys);
                self.set_meter(WENT, partition, None, went);
            }
            all += gone;
            if !more {
                return Ok(all);
            }
        }
    }

    fn totals(&self) -> Result<QuarantineTotals, StoreError> {
        let (came, went) = (self.sum(CAME)?, self.sum(WENT)?);
        let (mut counted, mut sound) = (Counts::new(), Ok(()));
        self.city.rows.scan(COUNTED, "", None, &mut |place, row| match self.counts(place, row) {
            Ok(some) => {
                for (device, reason, count) in some {
                    *counted.entry((device, reason)).or_default() += count;
                }
                ControlFlow::Continue(())
            }
            Err(error) => {
                sound = Err(error);
                ControlFlow::Break(())
            }
        })?;
        sound?;
        Ok(QuarantineTotals {
            kept: came.messages.saturating_sub(went.messages),
            bytes: came.bytes.saturating_sub(went.bytes),
            counted,
            gone: went.messages.saturating_add(went.counted),
        })
    }
}
