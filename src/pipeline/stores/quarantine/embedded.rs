//! The quarantine in the embedded database.

use std::ops::ControlFlow;
use std::sync::Arc;

use redb::{Durability, ReadableTable as _, ReadableTableMetadata as _, TableDefinition};

use super::{Counts, Kept, QuarantineSettings, QuarantineStore, QuarantineTotals, Room};
use crate::pipeline::stores::batch::Quarantined;
use crate::pipeline::stores::database::{Book, Worked};
use crate::pipeline::stores::error::StoreError;

/// Topic, reason, sentence, payload, length, hash.
type Message<'a> = (&'a str, &'a str, &'a str, &'a [u8], u64, u128);

const MESSAGES: TableDefinition<'_, (u16, u64), Message<'_>> = TableDefinition::new("quarantine");
/// By partition, beginning of the batch, device, reason: messages that were only counted.
const COUNTED: TableDefinition<'_, (u16, u64, &str, &str), u64> = TableDefinition::new("quarantine_counted");
/// `bytes`: of all payloads kept; `gone`: messages gone by age.
const METER: TableDefinition<'_, &str, u64> = TableDefinition::new("quarantine_meter");

/// Messages taken away in one transaction.
const FORGET_MAX: usize = 10_000;

/// The quarantine, in the database.
#[derive(Debug)]
pub(in crate::pipeline::stores) struct BookQuarantine {
    book: Arc<Book>,
    settings: QuarantineSettings,
}

impl BookQuarantine {
    pub(in crate::pipeline::stores) fn open(book: Arc<Book>, settings: QuarantineSettings) -> Result<Self, StoreError> {
        book.make(|work| {
            work.open_table(MESSAGES)?;
            work.open_table(COUNTED)?;
            work.open_table(METER)?;
            Ok(())
        })?;
        Ok(Self { book, settings })
    }

    /// Takes old messages away, as many as one transaction may; how many messages that were, and whether there are more.
    fn forget_some(&self, partition: u16, before: u64) -> Result<(u64, bool), StoreError> {
        self.book.write(Durability::None, |work| {
            let (mut messages, mut meter) = (work.open_table(MESSAGES)?, work.open_table(METER)?);
            let mut counted = work.open_table(COUNTED)?;
            let old: Vec<(u64, u64)> = messages
                .range((partition, 0)..(partition, before))?
                .take(FORGET_MAX)
                .map(|entry| entry.map(|(key, message)| (key.value().1, message.value().3.len() as u64)))
                .collect::<Result<_, _>>()?;
            let counts: Vec<((u64, String, String), u64)> = counted
                .range((partition, 0, "", "")..(partition, before, "", ""))?
                .take(FORGET_MAX)
                .map(|entry| {
                    entry.map(|(key, count)| {
                        let (_, from, device, reason) = key.value();
                        ((from, device.to_owned(), reason.to_owned()), count.value())
                    })
                })
                .collect::<Result<_, _>>()?;
            for (offset, _) in &old {
                messages.remove((partition, *offset))?;
            }
            for ((from, device, reason), _) in &counts {
                counted.remove((partition, *from, device.as_str(), reason.as_str()))?;
            }
            let gone = old.len() as u64 + counts.iter().map(|(_, count)| count).sum::<u64>();
            let value = |meter: &redb::Table<'_, &'static str, u64>, name: &str| -> Worked<u64> {
                Ok(meter.get(name)?.map_or(0, |value| value.value()))
            };
            let bytes = value(&meter, "bytes")?.saturating_sub(old.iter().map(|(_, bytes)| bytes).sum());
            let all = value(&meter, "gone")?.saturating_add(gone);
            meter.insert("bytes", bytes)?;
            meter.insert("gone", all)?;
            Ok((gone, old.len() == FORGET_MAX || counts.len() == FORGET_MAX))
        })
    }
}

impl QuarantineStore for BookQuarantine {
    fn put(&self, partition: u16, from: u64, messages: &[Quarantined]) -> Result<(), StoreError> {
        self.book.write(Durability::None, |work| {
            let mut kept_messages = work.open_table(MESSAGES)?;
            let mut meter = work.open_table(METER)?;
            let bytes = meter.get("bytes")?.map_or(0, |value| value.value());
            let mut room = Room::beside(self.settings, kept_messages.len()?, bytes);
            for message in messages {
                let key = (message.partition, message.offset);
                if kept_messages.get(key)?.is_some() {
                    continue;
                }
                let Some(kept) = room.admit(message) else { continue };
                let Kept { topic, reason, sentence, payload, length, hash, .. } = &kept;
                kept_messages.insert(key, (&**topic, &**reason, &**sentence, &**payload, *length, *hash))?;
            }
            meter.insert("bytes", room.bytes)?;
            let mut counted = work.open_table(COUNTED)?;
            let before: Vec<(String, String)> = counted
                .range((partition, from, "", "")..(partition, from.saturating_add(1), "", ""))?
                .map(|entry| entry.map(|(key, _)| (key.value().2.to_owned(), key.value().3.to_owned())))
                .collect::<Result<_, _>>()?;
            for (device, reason) in &before {
                counted.remove((partition, from, device.as_str(), reason.as_str()))?;
            }
            for ((device, reason), count) in &room.counts {
                counted.insert((partition, from, device.as_str(), reason.as_str()), count)?;
            }
            Ok(())
        })
    }

    fn scan(&self, each: &mut dyn FnMut(Kept) -> ControlFlow<()>) -> Result<(), StoreError> {
        self.book.read(|work| {
            for entry in work.open_table(MESSAGES)?.iter()? {
                let (key, message) = entry?;
                let (partition, offset) = key.value();
                let (topic, reason, sentence, payload, length, hash) = message.value();
                let kept = Kept {
                    partition,
                    offset,
                    topic: topic.to_owned(),
                    device: Kept::device_of(topic),
                    reason: reason.to_owned(),
                    sentence: sentence.to_owned(),
                    payload: payload.to_vec(),
                    length,
                    hash,
                };
                if each(kept).is_break() {
                    break;
                }
            }
            Ok(())
        })
    }

    fn forget(&self, partition: u16, before: u64) -> Result<u64, StoreError> {
        let mut gone = 0;
        loop {
            let step = self.forget_some(partition, before)?;
            gone += step.0;
            if !step.1 {
                return Ok(gone);
            }
        }
    }

    fn totals(&self) -> Result<QuarantineTotals, StoreError> {
        self.book.read(|work| {
            let kept = work.open_table(MESSAGES)?.len()?;
            let bytes = work.open_table(METER)?.get("bytes")?.map_or(0, |value| value.value());
            let mut counted = Counts::new();
            for entry in work.open_table(COUNTED)?.iter()? {
                let (key, count) = entry?;
                let (_, _, device, reason) = key.value();
                *counted.entry((device.to_owned(), reason.to_owned())).or_default() += count.value();
            }
            let gone = work.open_table(METER)?.get("gone")?.map_or(0, |value| value.value());
            Ok(QuarantineTotals { kept, bytes, counted, gone })
        })
    }
}
