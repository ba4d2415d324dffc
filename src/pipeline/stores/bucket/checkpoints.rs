//! Checkpoints in the bucket: each is a change of the manifest, so that offsets, state, pieces and rows of a batch count together or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use super::city::{City, Edited};
use super::manifest::{Manifest, Stand, object_of};
use crate::pipeline::stores::batch::Resume;
use crate::pipeline::stores::checkpoints::{Checkpoint, Checkpoints, check_order};
use crate::pipeline::stores::error::StoreError;
use crate::pipeline::stores::history::Piece;
use crate::pipeline::stores::retention::Gone;
use crate::primitives::Timestamp;
use crate::telemetry::ReadingKind;

/// How often a state is looked for that was replaced while it was read.
const TRIES: usize = 16;

/// Checkpoints in the bucket.
#[derive(Debug)]
pub(in crate::pipeline::stores) struct BucketCheckpoints {
    city: Arc<City>,
    /// By partition: the state of a checkpoint that ended in an error, and may have taken effect.
    unsure: Mutex<BTreeMap<u16, (u64, Stand)>>,
    /// By partition: where it stood when it was last looked at here.
    seen: Mutex<BTreeMap<u16, Stand>>,
}

impl BucketCheckpoints {
    pub(in crate::pipeline::stores) fn new(city: &Arc<City>) -> Self {
        Self { city: Arc::clone(city), unsure: Mutex::default(), seen: Mutex::default() }
    }

    fn unsure(&self) -> std::sync::MutexGuard<'_, BTreeMap<u16, (u64, Stand)>> {
        self.unsure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at where a partition stands. If somebody else has moved it, he makes what was shown of it here.
    fn stand(&self, manifest: &Manifest, partition: u16) -> Option<Stand> {
        let stand = manifest.partitions.get(&partition)?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.get(&partition) != Some(stand) {
            self.city.rows.forget_ahead(partition);
            seen.insert(partition, stand.clone());
        }
        Some(stand.clone())
    }

    /// Tells sweepers of pieces that are about to be taken off the list: whoever reads them now may go on for an hour.
    fn retire(&self, pieces: &[Piece]) -> Result<(), StoreError> {
        if pieces.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = pieces.iter().map(|piece| object_of(&piece.name)).collect();
        self.city.bucket.put(&format!("retired/{}", self.city.bucket.fresh()), names.join("\n").into_bytes())
    }
}

impl Checkpoints for BucketCheckpoints {
    fn resume(&self, partition: u16) -> Result<Option<Resume>, StoreError> {
        // With the rows of whoever had it before: what was counted of it goes on from them.
        self.city.refresh()?;
        let mut manifest = self.city.last();
        for _ in 0..TRIES {
            let Some(stand) = self.stand(&manifest, partition) else { return Ok(None) };
            if let Some(got) = self.city.bucket.get(&stand.state)? {
                return Ok(Some(Resume { next_offset: stand.next, state: got.bytes.to_vec() }));
            }
            let newer = self.city.look()?;
            if newer.number == manifest.number {
                return Err(self.city.bucket.damaged(&stand.state, "it is listed and missing"));
            }
            manifest = newer;
        }
        Err(self.city.bucket.not_now("others move the partition faster than it can be read"))
    }

    fn next(&self, partition: u16) -> Result<Option<u64>, StoreError> {
        let manifest = self.city.look()?;
        Ok(manifest.partitions.get(&partition).map(|stand| stand.next))
    }

    fn begin(&self, partition: u16) -> Result<Option<u64>, StoreError> {
        self.city.refresh()?;
        let manifest = self.city.last();
        self.city.note(partition);
        // What a checkpoint of ours lists that came through is no news.
        let stand = match self.unsure().get(&partition) {
            Some((_, ours)) if manifest.partitions.get(&partition) == Some(ours) => Some(ours.clone()),
            _ => None,
        };
        Ok(stand.or_else(|| self.stand(&manifest, partition)).map(|stand| stand.next))
    }

    fn took_effect(&self, partition: u16, from: u64) -> bool {
        let unsure = self.unsure().remove(&partition);
        let stand = self.city.last().partitions.get(&partition).cloned();
        let ours = unsure.is_some_and(|(began, ours)| began == from && stand.as_ref() == Some(&ours));
        // Either it counts and stands in the bucket, from where it comes into the view, or somebody else makes it.
        self.city.rows.forget_ahead(partition);
        if let Some(stand) = stand.filter(|_| ours) {
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(partition, stand);
        }
        ours
    }

    fn commit(&self, checkpoint: &Checkpoint<'_>) -> Result<(), StoreError> {
        let Checkpoint { partition, from, next_offset, state, pieces } = *checkpoint;
        let city = &*self.city;
        let next = |manifest: &Manifest| manifest.partitions.get(&partition).map(|stand| stand.next);
        check_order(checkpoint, next(&city.last()))?;
        let noted = city.noted(partition);
        let name = format!("state/{partition:05}-{next_offset:020}-{}", city.bucket.fresh());
        city.bucket.put(&name, state.to_vec())?;
        city.settle_beside(partition, next_offset)?;
        let stand = Stand { next: next_offset, state: name.clone() };
        let mut replaced = None;
        {
            // Rows that belong to no partition go along with whoever is first, so one after another.
            let _turn = city.turn();
            let ahead = city.rows.ahead(Some(partition));
            let rows = if ahead.delta.is_empty() { None } else { Some(city.put_rows(&ahead.delta)?) };
            self.unsure().insert(partition, (from, stand.clone()));
            let mut names: Vec<String> = pieces.iter().map(|piece| object_of(&piece.name)).collect();
            names.extend([name].into_iter().chain(rows.clone()));
            let done = city.change(&mut |manifest| {
                // Its answer was lost, and others have changed other things since.
                if manifest.partitions.get(&partition) == Some(&stand) {
                    return Ok(Edited::AsItIs);
                }
                check_order(checkpoint, next(manifest))?;
                city.hold_young(&names, noted, manifest)?;
                if let Some(rows) = &rows {
                    city.list_rows(manifest, rows, &ahead.delta);
                }
                for piece in pieces {
                    manifest.add(piece);
                }
                replaced = manifest.partitions.insert(partition, stand.clone());
                Ok(Edited::Changed)
            });
            if let Err(error) = done {
                if matches!(error, StoreError::OutOfOrder { .. }) {
                    self.unsure().remove(&partition);
                    city.rows.forget_ahead(partition);
                }
                return Err(error);
            }
            self.unsure().remove(&partition);
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(partition, stand);
            if let Some(rows) = rows {
                city.taken_in(&rows, &ahead)?;
            }
        }
        if let Some(replaced) = replaced {
            // What cannot be taken away now is swept.
            drop(city.bucket.delete(&[replaced.state]));
        }
        Ok(())
    }

    fn pieces(&self) -> Result<BTreeSet<Piece>, StoreError> {
        Ok(self.city.look()?.pieces())
    }

    fn replace(&self, old: &[Piece], new: &Piece) -> Result<(), StoreError> {
        self.retire(old)?;
        let _turn = self.city.turn();
        self.city.change(&mut |manifest| {
            // Somebody else has merged them meanwhile, or they are gone by age: theirs counts, and what was made here is swept.
            if !old.iter().all(|piece| manifest.lists(piece)) {
                return Ok(Edited::AsItIs);
            }
            self.city.hold_young(&[object_of(&new.name)], None, manifest)?;
            for piece in old {
                manifest.drop_piece(piece);
            }
            manifest.add(new);
            Ok(Edited::Changed)
        })
    }

    fn forget(&self, old: &[Piece], before: Timestamp) -> Result<(), StoreError> {
        self.retire(old)?;
        let _turn = self.city.turn();
        self.city.change(&mut |manifest| {
            for piece in old {
                if manifest.drop_piece(piece) {
                    *manifest.gone.entry(piece.kind.word().to_owned()).or_default() += piece.rows;
                }
            }
            manifest.gone_before = manifest.gone_before.max(Some(before.as_milliseconds()));
            Ok(Edited::Changed)
        })
    }

    fn gone(&self) -> Result<Gone, StoreError> {
        let manifest = self.city.look()?;
        let known = |(word, count): (&String, &u64)| ReadingKind::from_word(word).map(|kind| (kind, *count));
        Ok(Gone {
            before: manifest.gone_before.map(Timestamp::milliseconds),
            records: manifest.gone.iter().filter_map(known).collect(),
        })
    }

    fn identity(&self, claim: &str) -> Result<String, StoreError> {
        if let Some(found) = &self.city.look()?.identity {
            return Ok(found.clone());
        }
        let _turn = self.city.turn();
        let mut found = claim.to_owned();
        self.city.change(&mut |manifest| {
            if let Some(known) = &manifest.identity {
                found.clone_from(known);
                return Ok(Edited::AsItIs);
            }
            manifest.identity = Some(claim.to_owned());
            Ok(Edited::Changed)
        })?;
        Ok(found)
    }

    fn sweep(&self) -> Result<u64, StoreError> {
        self.city.sweep()
    }
}
