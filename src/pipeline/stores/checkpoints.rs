//! How far each partition has come, and which pieces the history consists of.
//!
//! A checkpoint is {next message, operators' state, new pieces}, written in one transaction after everything it vouches for. A
//! piece that stands in no checkpoint is no part of the history, however whole its file looks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use redb::{Durability, ReadableTable as _, TableDefinition};

use super::batch::Resume;
use super::database::Book;
use super::error::StoreError;
use super::history::Piece;
use super::retention::Gone;
use crate::primitives::Timestamp;
use crate::telemetry::ReadingKind;

/// Largest state of a partition's operators [bytes].
pub const STATE_MAX: usize = 1 << 30;

/// What one batch adds to the checkpoint of its partition.
#[derive(Debug, Clone, Copy)]
pub struct Checkpoint<'a> {
    /// The partition.
    pub partition: u16,
    /// Where it stood.
    pub from: u64,
    /// The next message.
    pub next_offset: u64,
    /// The operators' state before that message.
    pub state: &'a [u8],
    /// The pieces of history that count from now on.
    pub pieces: &'a [Piece],
}

/// Keeps checkpoints.
pub trait Checkpoints: Send + Sync + std::fmt::Debug {
    /// Where a partition goes on; none if nothing of it has been kept.
    ///
    /// # Errors
    /// When it cannot be read.
    fn resume(&self, partition: u16) -> Result<Option<Resume>, StoreError>;

    /// The next message of a partition, as [`Self::resume`] has it, without its state.
    ///
    /// # Errors
    /// When it cannot be read.
    fn next(&self, partition: u16) -> Result<Option<u64>, StoreError>;

    /// The same, asked by whoever is about to keep a batch of the partition, before anything of it is written.
    ///
    /// # Errors
    /// When it cannot be read.
    fn begin(&self, partition: u16) -> Result<Option<u64>, StoreError> {
        self.next(partition)
    }

    /// Asked where a batch does not begin at [`Self::begin`]: whether the last commit of the partition, which began at `from` and ended in an
    /// error here, took effect all the same. If not, somebody else has the partition.
    fn took_effect(&self, partition: u16, from: u64) -> bool {
        let _ = (partition, from);
        false
    }

    /// Moves a partition on, and what all stores were given before becomes lasting.
    ///
    /// # Errors
    /// When the partition does not stand at `from`, or it cannot be written; nothing has changed then.
    fn commit(&self, checkpoint: &Checkpoint<'_>) -> Result<(), StoreError>;

    /// The pieces the history consists of.
    ///
    /// # Errors
    /// When they cannot be read.
    fn pieces(&self) -> Result<BTreeSet<Piece>, StoreError>;

    /// Puts one piece in the place of others, in one go. Where another process has taken some of them off the list meanwhile, nothing
    /// changes: the records are in what it listed.
    ///
    /// # Errors
    /// When it cannot be written; nothing has changed then.
    fn replace(&self, old: &[Piece], new: &Piece) -> Result<(), StoreError>;

    /// Takes pieces off the list because they are older than `before`, in one go, and counts their records as gone by age.
    ///
    /// # Errors
    /// When it cannot be written; nothing has changed then.
    fn forget(&self, old: &[Piece], before: Timestamp) -> Result<(), StoreError>;

    /// What is gone by age.
    ///
    /// # Errors
    /// When it cannot be read.
    fn gone(&self) -> Result<Gone, StoreError>;

    /// Notes for which run the stores are, or gives the run they are for.
    ///
    /// # Errors
    /// When it cannot be read or written.
    fn identity(&self, claim: &str) -> Result<String, StoreError>;

    /// Takes away what is listed nowhere and old, where several processes write; gives how many objects went.
    ///
    /// # Errors
    /// When it cannot be taken away now.
    fn sweep(&self) -> Result<u64, StoreError> {
        Ok(0)
    }
}

/// Refuses a batch that does not begin where its partition stands.
pub(super) fn check_order(checkpoint: &Checkpoint<'_>, next: Option<u64>) -> Result<(), StoreError> {
    let Checkpoint { partition, from, next_offset, state, .. } = *checkpoint;
    if let Some(next) = next.filter(|next| *next != from) {
        return Err(StoreError::OutOfOrder { partition, from, next });
    }
    let bad = |reason| Err(StoreError::BadBatch { partition, reason });
    if next_offset < from {
        return bad(format!("it ends at message {next_offset}, before it begins at {from}"));
    }
    if state.len() > STATE_MAX {
        return bad(format!("its operators' state has {} bytes, more than {STATE_MAX}", state.len()));
    }
    Ok(())
}

/// Checkpoints that live as long as the process.
#[derive(Debug, Default)]
pub struct MemoryCheckpoints(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    partitions: BTreeMap<u16, Resume>,
    pieces: BTreeSet<Piece>,
    gone: Gone,
    identity: Option<String>,
}

impl MemoryCheckpoints {
    fn state(&self) -> std::sync::MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Checkpoints for MemoryCheckpoints {
    fn resume(&self, partition: u16) -> Result<Option<Resume>, StoreError> {
        Ok(self.state().partitions.get(&partition).cloned())
    }

    fn next(&self, partition: u16) -> Result<Option<u64>, StoreError> {
        Ok(self.state().partitions.get(&partition).map(|at| at.next_offset))
    }

    fn commit(&self, checkpoint: &Checkpoint<'_>) -> Result<(), StoreError> {
        let mut state = self.state();
        check_order(checkpoint, state.partitions.get(&checkpoint.partition).map(|at| at.next_offset))?;
        let at = Resume { next_offset: checkpoint.next_offset, state: checkpoint.state.to_vec() };
        state.partitions.insert(checkpoint.partition, at);
        state.pieces.extend(checkpoint.pieces.iter().cloned());
        Ok(())
    }

    fn pieces(&self) -> Result<BTreeSet<Piece>, StoreError> {
        Ok(self.state().pieces.clone())
    }

    fn replace(&self, old: &[Piece], new: &Piece) -> Result<(), StoreError> {
        let mut state = self.state();
        for piece in old {
            state.pieces.remove(piece);
        }
        state.pieces.insert(new.clone());
        Ok(())
    }

    fn forget(&self, old: &[Piece], before: Timestamp) -> Result<(), StoreError> {
        let mut state = self.state();
        for piece in old {
            if state.pieces.remove(piece) {
                *state.gone.records.entry(piece.kind).or_default() += piece.rows;
            }
        }
        state.gone.before = state.gone.before.max(Some(before));
        Ok(())
    }

    fn gone(&self) -> Result<Gone, StoreError> {
        Ok(self.state().gone.clone())
    }

    fn identity(&self, claim: &str) -> Result<String, StoreError> {
        Ok(self.state().identity.get_or_insert_with(|| claim.to_owned()).clone())
    }
}

/// By partition: next message, state.
const PARTITIONS: TableDefinition<'_, u16, (u64, &[u8])> = TableDefinition::new("checkpoints");
/// By name of the piece: its rows.
const PIECES: TableDefinition<'_, &str, u64> = TableDefinition::new("pieces");
/// By kind: records gone by age; under `before`, which [ms].
const GONE: TableDefinition<'_, &str, i64> = TableDefinition::new("gone");

/// Checkpoints in the embedded database.
#[derive(Debug)]
pub(super) struct BookCheckpoints(Arc<Book>);

impl BookCheckpoints {
    pub(super) fn open(book: Arc<Book>) -> Result<Self, StoreError> {
        book.make(|work| {
            work.open_table(PARTITIONS)?;
            work.open_table(PIECES)?;
            work.open_table(GONE)?;
            Ok(())
        })?;
        Ok(Self(book))
    }
}

impl Checkpoints for BookCheckpoints {
    fn resume(&self, partition: u16) -> Result<Option<Resume>, StoreError> {
        self.0.read(|work| {
            let found = work.open_table(PARTITIONS)?.get(partition)?;
            Ok(found.map(|found| {
                let (next_offset, state) = found.value();
                Resume { next_offset, state: state.to_vec() }
            }))
        })
    }

    fn next(&self, partition: u16) -> Result<Option<u64>, StoreError> {
        self.0.read(|work| Ok(work.open_table(PARTITIONS)?.get(partition)?.map(|at| at.value().0)))
    }

    fn commit(&self, checkpoint: &Checkpoint<'_>) -> Result<(), StoreError> {
        self.0.write(Durability::Immediate, |work| {
            let mut partitions = work.open_table(PARTITIONS)?;
            let next = partitions.get(checkpoint.partition)?.map(|at| at.value().0);
            if let Err(refused) = check_order(checkpoint, next) {
                return Ok(Err(refused));
            }
            partitions.insert(checkpoint.partition, (checkpoint.next_offset, checkpoint.state))?;
            let mut pieces = work.open_table(PIECES)?;
            for piece in checkpoint.pieces {
                pieces.insert(piece.name.as_str(), piece.rows)?;
            }
            Ok(Ok(()))
        })?
    }

    fn pieces(&self) -> Result<BTreeSet<Piece>, StoreError> {
        let listed: Vec<(String, u64)> = self.0.read(|work| {
            let pieces = work.open_table(PIECES)?;
            let all = pieces.iter()?.map(|entry| entry.map(|(name, rows)| (name.value().to_owned(), rows.value())));
            Ok(all.collect::<Result<_, _>>()?)
        })?;
        let damaged = |name: &str| StoreError::Damaged {
            path: self.0.path().to_owned(),
            reason: format!("it lists `{name}`, which is no piece of history"),
        };
        listed.into_iter().map(|(name, rows)| Piece::named(&name, rows).ok_or_else(|| damaged(&name))).collect()
    }

    fn replace(&self, old: &[Piece], new: &Piece) -> Result<(), StoreError> {
        self.0.write(Durability::Immediate, |work| {
            let mut pieces = work.open_table(PIECES)?;
            for piece in old {
                pieces.remove(piece.name.as_str())?;
            }
            pieces.insert(new.name.as_str(), new.rows)?;
            Ok(())
        })
    }

    fn forget(&self, old: &[Piece], before: Timestamp) -> Result<(), StoreError> {
        self.0.write(Durability::Immediate, |work| {
            let (mut pieces, mut gone) = (work.open_table(PIECES)?, work.open_table(GONE)?);
            for piece in old {
                if pieces.remove(piece.name.as_str())?.is_some() {
                    let word = piece.kind.word();
                    let count = gone.get(word)?.map_or(0, |count| count.value());
                    gone.insert(word, count.saturating_add_unsigned(piece.rows))?;
                }
            }
            let at = before.as_milliseconds();
            let known = gone.get("before")?.map_or(at, |known| known.value());
            gone.insert("before", at.max(known))?;
            Ok(())
        })
    }

    fn gone(&self) -> Result<Gone, StoreError> {
        self.0.read(|work| {
            let mut gone = Gone::default();
            let table = match work.open_table(GONE) {
                // Kept before anything went by age, and opened to be read.
                Err(redb::TableError::TableDoesNotExist(_)) => return Ok(gone),
                table => table?,
            };
            for entry in table.iter()? {
                let (name, value) = entry?;
                match ReadingKind::from_word(name.value()) {
                    Some(kind) => {
                        gone.records.insert(kind, value.value().unsigned_abs());
                    }
                    None => gone.before = Some(Timestamp::milliseconds(value.value())),
                }
            }
            Ok(gone)
        })
    }

    fn identity(&self, claim: &str) -> Result<String, StoreError> {
        if let Some(found) = self.0.fact("identity")? {
            return Ok(String::from_utf8_lossy(&found).into_owned());
        }
        self.0.set_fact("identity", claim.as_bytes(), Durability::Immediate)?;
        Ok(claim.to_owned())
    }
}
