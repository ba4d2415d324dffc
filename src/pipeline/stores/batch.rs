//! What is kept in one go: everything a partition's operators made of one range of its messages.

use super::error::StoreError;
use crate::primitives::Timestamp;
use crate::telemetry::Record;

/// One row of a table of results; a row with the same table and key replaces it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The table, 1 to 64 of `a-z 0-9 _`.
    pub table: String,
    /// Its key: unique in the table, and the order in which rows are read; 1 to 512 bytes.
    pub key: String,
    /// The row itself, a JSON object of at most 64 KiB.
    pub json: Vec<u8>,
}

/// A message that is no record, with the bytes as they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// The partition of the log it stands in.
    pub partition: u16,
    /// Its place in that partition.
    pub offset: u64,
    /// The topic it came under.
    pub topic: String,
    /// The bytes as they came.
    pub payload: Vec<u8>,
    /// Why, as a word to count under.
    pub reason: String,
    /// Why, as a sentence.
    pub sentence: String,
}

/// Everything made of the messages `from..to` of one partition.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// The partition of the log.
    pub partition: u16,
    /// Its first message; where the batch before ended.
    pub from: u64,
    /// The message after its last. Equal to `from` if there were no new messages, only rows or state.
    pub to: u64,
    /// The records that were new, in the order in which they were decided on: mostly that of the log; some may be of messages before
    /// `from` that were held back.
    pub records: Vec<Record>,
    /// The messages that were no records; some may be of before `from` as well.
    pub quarantined: Vec<Quarantined>,
    /// Results that are new or have changed.
    pub rows: Vec<Row>,
    /// The operators' state after the message before `to`; opaque here.
    pub state: Vec<u8>,
    /// The partition's clock of event time, if it has one yet.
    pub watermark: Option<Timestamp>,
}

/// What is known already of a batch that is still being made: told ahead, so that whoever looks at the live state need not wait for
/// the batch. Telling it again, in the batch or after a restart, changes nothing.
#[derive(Debug, Clone, Copy)]
pub struct Ahead<'a> {
    /// The partition of the log.
    pub partition: u16,
    /// Records that were new.
    pub records: &'a [Record],
    /// Results that are new or have changed.
    pub rows: &'a [Row],
    /// The partition's clock of event time, if it has one yet.
    pub watermark: Option<Timestamp>,
}

/// Where a partition goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    /// The first message that has not been kept.
    pub next_offset: u64,
    /// The operators' state before that message.
    pub state: Vec<u8>,
}

/// Keeps batches, and says where to go on; what the pipeline's workers know of the stores.
///
/// A batch is kept as a whole or, as far as [`Self::resume`] tells, not at all. If `keep` fails or the process dies, reading the
/// log again from `resume` and keeping batches that begin there, wherever they end, leads to the same content.
pub trait Keeper: Send + Sync {
    /// Where a partition goes on; none if nothing of it has been kept.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn resume(&self, partition: u16) -> Result<Option<Resume>, StoreError>;

    /// Keeps a batch; when this returns, it is on disk.
    ///
    /// # Errors
    /// When the batch does not begin where the partition's last one ended, breaks a limit, the disk fails or is full, or a server
    /// does not answer or refuses. The partition still resumes at the batch's beginning then; after a passing error
    /// ([`StoreError::is_passing`]) the same batch may be kept again, until it is.
    fn keep(&self, batch: &Batch) -> Result<(), StoreError>;

    /// Shows what a batch under way holds already, in the live state and the tables. It is not on disk for that: after a crash it
    /// may be gone until the batch is made again.
    ///
    /// # Errors
    /// When a store cannot be written.
    fn show(&self, ahead: Ahead<'_>) -> Result<(), StoreError>;
}
