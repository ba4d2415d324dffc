//! What came in and was no record, kept so that somebody can look at it: the bytes as they came, and why.
//!
//! The room is limited, because whoever sends rubbish does not stop. A payload is kept to its first 16 KiB, with its length and
//! hash; when all payloads together reach their limit, only length and hash; when there are too many messages, only how many there
//! were of each device and reason. No message goes uncounted, and keeping a message twice counts it once.

mod embedded;
mod memory;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

pub(super) use embedded::BookQuarantine;
pub use memory::MemoryQuarantine;

use super::batch::Quarantined;
use super::error::StoreError;
use crate::telemetry::DeviceId;

/// Longest beginning of a payload that is kept [bytes].
pub const PAYLOAD_MAX: usize = 16 << 10;
/// Longest beginning of a topic or sentence that is kept [bytes].
pub const TEXT_MAX: usize = 1 << 10;
/// Most (device, reason) pairs counted apart in one batch; more are counted without a device.
const NAMES_MAX: usize = 4096;

/// The room there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuarantineSettings {
    /// Most bytes of payload.
    pub bytes: u64,
    /// Most messages one by one.
    pub messages: u64,
}

impl Default for QuarantineSettings {
    /// 256 MiB and a million messages.
    fn default() -> Self {
        Self { bytes: 256 << 20, messages: 1_000_000 }
    }
}

/// A message as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The partition of the log.
    pub partition: u16,
    /// Its place there.
    pub offset: u64,
    /// The topic, or its beginning.
    pub topic: String,
    /// The device the topic names, if its last level could be one.
    pub device: Option<DeviceId>,
    /// Why, as a word.
    pub reason: String,
    /// Why, as a sentence, or its beginning.
    pub sentence: String,
    /// The bytes, or their beginning, or none if there was no room.
    pub payload: Vec<u8>,
    /// How many bytes there were.
    pub length: u64,
    /// The first 128 bits of the BLAKE3 hash of all of them.
    pub hash: u128,
}

impl Kept {
    /// Whether `payload` is all of it.
    pub fn is_whole(&self) -> bool {
        self.payload.len() as u64 == self.length
    }

    /// The device a topic names, if its last level could be one.
    pub(super) fn device_of(topic: &str) -> Option<DeviceId> {
        topic.rsplit('/').next().and_then(|level| level.parse().ok())
    }

    fn new(message: &Quarantined) -> Self {
        let Quarantined { partition, offset, topic, payload, reason, sentence } = message;
        let mut hash = [0; 16];
        hash.copy_from_slice(&blake3::hash(payload).as_bytes()[..16]);
        Self {
            partition: *partition,
            offset: *offset,
            topic: beginning(topic, TEXT_MAX).to_owned(),
            device: Self::device_of(topic),
            reason: beginning(reason, 64).to_owned(),
            sentence: beginning(sentence, TEXT_MAX).to_owned(),
            payload: payload[..payload.len().min(PAYLOAD_MAX)].to_vec(),
            length: payload.len() as u64,
            hash: u128::from_le_bytes(hash),
        }
    }
}

/// The beginning of a text, cut between characters.
fn beginning(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

/// What is in the quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QuarantineTotals {
    /// Messages kept one by one.
    pub kept: u64,
    /// Bytes of their payloads that are kept.
    pub bytes: u64,
    /// Messages that are only counted, by device (empty where the topic named none) and reason.
    pub counted: BTreeMap<(String, String), u64>,
    /// Messages that were here and are gone by age.
    pub gone: u64,
}

impl QuarantineTotals {
    /// All messages that are here.
    pub fn messages(&self) -> u64 {
        self.kept + self.counted.values().sum::<u64>()
    }
}

/// Keeps what is no record.
pub trait QuarantineStore: Send + Sync + std::fmt::Debug {
    /// Takes the messages of the batch of `partition` that begins at `from`. Keeping the same messages again, in batches that begin
    /// where others began, changes nothing.
    ///
    /// # Errors
    /// When they cannot be written; nothing has changed then.
    fn put(&self, partition: u16, from: u64, messages: &[Quarantined]) -> Result<(), StoreError>;

    /// The messages kept one by one, by partition and place, until `each` breaks off.
    ///
    /// # Errors
    /// When they cannot be read.
    fn scan(&self, each: &mut dyn FnMut(Kept) -> ControlFlow<()>) -> Result<(), StoreError>;

    /// Takes away the messages of a partition before `before`, and what was only counted of batches that began before it; gives how
    /// many messages that were.
    ///
    /// # Errors
    /// When they cannot be taken away.
    fn forget(&self, partition: u16, before: u64) -> Result<u64, StoreError>;

    /// What is in it.
    ///
    /// # Errors
    /// When it cannot be read.
    fn totals(&self) -> Result<QuarantineTotals, StoreError>;
}

/// Counts by (device, reason).
pub(super) type Counts = BTreeMap<(String, String), u64>;

/// The room there is for the messages of a batch, and those that find none.
#[derive(Debug)]
pub(super) struct Room {
    settings: QuarantineSettings,
    /// Messages kept one by one, those let in here included.
    messages: u64,
    /// Bytes of their payloads.
    pub(super) bytes: u64,
    /// Messages that are only counted.
    pub(super) counts: Counts,
}

impl Room {
    /// What is left of it beside so many messages with so many bytes.
    pub(super) const fn beside(settings: QuarantineSettings, messages: u64, bytes: u64) -> Self {
        Self { settings, messages, bytes, counts: Counts::new() }
    }

    /// A message as it is kept, without its payload if that has no room; none if it is only counted.
    pub(super) fn admit(&mut self, message: &Quarantined) -> Option<Kept> {
        let mut kept = Kept::new(message);
        if self.messages >= self.settings.messages {
            count(&mut self.counts, &kept);
            return None;
        }
        if self.bytes + kept.payload.len() as u64 > self.settings.bytes {
            kept.payload = Vec::new();
        }
        self.bytes += kept.payload.len() as u64;
        self.messages += 1;
        Some(kept)
    }
}

/// Counts a message that is not kept.
fn count(counts: &mut Counts, message: &Kept) {
    let device = message.device.as_ref().map_or("", DeviceId::as_str);
    let mut key = (device.to_owned(), message.reason.clone());
    if counts.len() >= NAMES_MAX && !counts.contains_key(&key) {
        // Reasons are few words of our own; it is the names that somebody else makes up.
        key.0.clear();
    }
    *counts.entry(key).or_default() += 1;
}
