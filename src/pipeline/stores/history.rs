//! The batch layer: every record ever kept, in pieces that are written once and never changed.
//!
//! A piece holds one kind's records of one day out of one batch, or, once merged, of all batches. Writing it does not make it
//! count: that is for the checkpoint to say, see [`super::checkpoints`]. So a store need only promise that what `stage` gave back
//! is whole and lasting, as a folder of files does, and a bucket of objects.

#[cfg(feature = "s3")]
mod bucket;
mod columns;
mod folder;
mod merge;
mod piece;
mod read;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

#[cfg(feature = "s3")]
pub(super) use bucket::BucketHistory;
pub(super) use columns::{Beside, Sending, TableWriter, Verdict};
pub use folder::Folder;
pub use piece::{Piece, Span};
pub use read::TableFile;

use super::error::StoreError;
use super::sorted::order;
use crate::telemetry::{Digest, Record, json};

/// Takes records one after another, until it breaks off.
pub type Each<'a> = dyn FnMut(Record) -> ControlFlow<()> + 'a;

/// Keeps pieces of history.
pub trait History: Send + Sync + std::fmt::Debug {
    /// Writes the records of one batch; when this returns, they are on disk, but count only once they are listed.
    ///
    /// The records come in the order of history: by kind, device, epoch, sequence. A piece of the same name is replaced.
    ///
    /// # Errors
    /// When they cannot be written; nothing of it will ever be listed then.
    fn stage(&self, span: Span, rows: &[&Record]) -> Result<Vec<Piece>, StoreError>;

    /// Reads a piece, in its order, until `each` breaks off; says whether it did.
    ///
    /// # Errors
    /// When it cannot be read to its end.
    fn read(&self, piece: &Piece, each: &mut Each<'_>) -> Result<ControlFlow<()>, StoreError>;

    /// Every record of several pieces of one kind, in the order of history over all of them, until `each` breaks off.
    ///
    /// # Errors
    /// When a piece cannot be read to its end.
    fn read_in_order(&self, pieces: &[Piece], each: &mut Each<'_>) -> Result<(), StoreError> {
        let mut rows = Vec::new();
        for piece in pieces {
            let _ = self.read(piece, &mut |record| {
                rows.push(record);
                ControlFlow::Continue(())
            })?;
        }
        rows.sort_by(order);
        let _ = rows.into_iter().try_for_each(each);
        Ok(())
    }

    /// Writes one piece that holds the records of several of one kind and day, in the order of history; equal records give an
    /// equal piece of equal name. Keeps every row: doubled ones stay doubled, so that whoever counts can see them.
    ///
    /// # Errors
    /// When a piece cannot be read or the new one not written.
    fn merge(&self, pieces: &[Piece]) -> Result<Piece, StoreError>;

    /// Takes away every piece that is not listed; gives how many there were.
    ///
    /// # Errors
    /// When a listed piece is missing, or one that is not listed cannot be taken away.
    fn keep_only(&self, listed: &BTreeSet<Piece>) -> Result<u64, StoreError>;

    /// Takes pieces away that are not listed any more.
    ///
    /// # Errors
    /// When one cannot be taken away; it will be when the stores are opened next.
    fn remove(&self, pieces: &[Piece]) -> Result<(), StoreError>;

    /// Whether other processes may read pieces by an older list: then those that were listed stay for a while, and whoever keeps the list
    /// takes them away.
    fn is_shared(&self) -> bool {
        false
    }
}

/// A history that lives as long as the process.
#[derive(Debug, Default)]
pub struct MemoryHistory(Mutex<BTreeMap<String, Arc<[Record]>>>);

impl MemoryHistory {
    fn pieces(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<[Record]>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn piece(&self, piece: &Piece) -> Result<Arc<[Record]>, StoreError> {
        let found = self.pieces().get(&piece.name).map(Arc::clone);
        found.ok_or_else(|| StoreError::Damaged {
            path: piece.name.clone().into(),
            reason: String::from("it is missing"),
        })
    }
}

impl History for MemoryHistory {
    fn stage(&self, span: Span, rows: &[&Record]) -> Result<Vec<Piece>, StoreError> {
        let mut made = Vec::new();
        for (kind, day, rows) in piece::by_day(rows) {
            let piece = Piece::of(kind, day, &span.to_string(), rows.len() as u64);
            self.pieces().insert(piece.name.clone(), rows.into_iter().cloned().collect());
            made.push(piece);
        }
        Ok(made)
    }

    fn read(&self, piece: &Piece, each: &mut Each<'_>) -> Result<ControlFlow<()>, StoreError> {
        for record in self.piece(piece)?.iter() {
            if each(record.clone()).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn merge(&self, pieces: &[Piece]) -> Result<Piece, StoreError> {
        let mut rows = Vec::new();
        for piece in pieces {
            rows.extend(self.piece(piece)?.iter().cloned());
        }
        rows.sort_by(order);
        let (mut digest, mut bytes) = (Digest::default(), Vec::new());
        for row in &rows {
            bytes.clear();
            json::encode(row, &mut bytes);
            digest.add(&bytes);
        }
        let first = pieces.first().ok_or_else(piece::nothing_to_merge)?;
        let merged = first.beside(&format!("all-{}-{:032x}", rows.len(), digest.sum), rows.len() as u64);
        self.pieces().insert(merged.name.clone(), rows.into());
        Ok(merged)
    }

    fn keep_only(&self, listed: &BTreeSet<Piece>) -> Result<u64, StoreError> {
        for piece in listed {
            self.piece(piece)?;
        }
        let names: BTreeSet<&str> = listed.iter().map(|piece| piece.name.as_str()).collect();
        let mut pieces = self.pieces();
        let before = pieces.len();
        pieces.retain(|name, _| names.contains(name.as_str()));
        Ok((before - pieces.len()) as u64)
    }

    fn remove(&self, old: &[Piece]) -> Result<(), StoreError> {
        let mut pieces = self.pieces();
        for piece in old {
            pieces.remove(&piece.name);
        }
        Ok(())
    }
}
