//! What cannot be trusted: the original bytes, and why.
//!
//! A message refused once and sent again with the same bytes is the same message: the last [`REMEMBERED_MAX`] refused ones are
//! remembered by fingerprint, so that a publisher that starts anew does not fill the quarantine twice. Knows no store.

use std::collections::{BTreeSet, VecDeque};

use crate::telemetry::json::DecodeError;

/// Most refused messages remembered in a partition; beyond it the oldest is forgotten and would be kept again.
pub(super) const REMEMBERED_MAX: usize = 65_536;

/// Why a message is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// It is no record; the word is [`DecodeError::word`].
    Undecodable(&'static str),
    /// It came under another topic than the mapping gives its device and type.
    WrongTopic,
    /// Its device has long begun newer epochs.
    EpochBackwards,
    /// Its sequence is far beyond what its device has told so far.
    SequenceLeap,
    /// Its time is far ahead of everybody else's.
    AheadOfTime,
    /// There are more devices than can be remembered.
    TooManyDevices,
}

impl Reason {
    /// Its word in counts and stores.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Undecodable(word) => word,
            Self::WrongTopic => "wrong_topic",
            Self::EpochBackwards => "epoch_backwards",
            Self::SequenceLeap => "sequence_leap",
            Self::AheadOfTime => "ahead_of_time",
            Self::TooManyDevices => "too_many_devices",
        }
    }
}

impl From<&DecodeError> for Reason {
    fn from(error: &DecodeError) -> Self {
        Self::Undecodable(error.word())
    }
}

/// A message that is not trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// The partition it came in.
    pub partition: u16,
    /// Its place in the partition.
    pub offset: u64,
    /// The topic it came under.
    pub topic: String,
    /// Its bytes as they came.
    pub payload: Vec<u8>,
    /// Why it is not trusted.
    pub reason: Reason,
    /// The same for people, with particulars.
    pub sentence: String,
}

impl Quarantined {
    /// Its key: sorts by partition and place.
    pub fn key(&self) -> String {
        format!("{:05}-{:020}", self.partition, self.offset)
    }
}

/// Fingerprints of refused messages, oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Refused {
    order: VecDeque<u128>,
    known: BTreeSet<u128>,
}

impl Refused {
    /// Whether the same bytes were refused before under the same topic; they are remembered from now on.
    pub(super) fn again(&mut self, topic: &str, payload: &[u8]) -> bool {
        let mut hasher = blake3::Hasher::new();
        // No topic holds a zero byte, so topic and payload cannot be shifted against each other.
        hasher.update(topic.as_bytes()).update(&[0]).update(payload);
        let mut first = [0; 16];
        first.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        !self.remember(u128::from_le_bytes(first))
    }

    fn remember(&mut self, fingerprint: u128) -> bool {
        let new = self.known.insert(fingerprint);
        if new {
            self.order.push_back(fingerprint);
            if self.order.len() > REMEMBERED_MAX
                && let Some(oldest) = self.order.pop_front()
            {
                self.known.remove(&oldest);
            }
        }
        new
    }

    /// The fingerprints, oldest first, as text.
    pub(super) fn to_text(&self) -> Vec<String> {
        self.order.iter().map(|fingerprint| format!("{fingerprint:x}")).collect()
    }

    /// Those fingerprints again; none if one is no number.
    pub(super) fn from_text(texts: &[String]) -> Option<Self> {
        let mut refused = Self::default();
        for text in texts {
            refused.remember(u128::from_str_radix(text, 16).ok()?);
        }
        Some(refused)
    }
}
