//! Takes away what is not listed and has not been for an hour, by the server's clock alone.
//!
//! The hour is for those who read by an older list, and for those who have written and not listed yet. First the manifest is told how far is
//! swept; from then on nobody lists anything older, so whatever stands in no manifest and was written before is nobody's. Pieces that were
//! taken off the list are as old as the note that says so.

use std::collections::BTreeSet;

use super::city::{City, Edited};
use super::manifest::MANIFEST;
use crate::pipeline::stores::error::StoreError;

/// How long what is not listed stays [ms].
pub(super) const YOUNG: i64 = 3_600_000;

impl City {
    /// Sweeps, if an hour has gone by since it was done; gives how many objects went.
    ///
    /// # Errors
    /// When the bucket does not answer or refuses; the next sweep takes what is left.
    pub(in crate::pipeline::stores) fn sweep(&self) -> Result<u64, StoreError> {
        // The manifest was written last; what is an hour older than it is at least an hour old.
        let Some((_, now)) = self.bucket.head(MANIFEST)? else { return Ok(0) };
        self.sweep_at(now)
    }

    /// Sweeps as if the manifest had been written at `now`.
    pub(super) fn sweep_at(&self, now: i64) -> Result<u64, StoreError> {
        let before = now.saturating_sub(YOUNG);
        if self.look()?.swept_before.saturating_add(YOUNG) > before {
            return Ok(0);
        }
        {
            let _turn = self.turn();
            self.change(&mut |manifest| {
                if manifest.swept_before >= before {
                    return Ok(Edited::AsItIs);
                }
                manifest.swept_before = before;
                Ok(Edited::Changed)
            })?;
        }
        let mut stays: BTreeSet<String> = self.last().names();
        for note in self.bucket.list("retired")? {
            if note.at >= before
                && let Some(got) = self.bucket.get(&note.name)?
            {
                stays.extend(String::from_utf8_lossy(&got.bytes).lines().map(str::to_owned));
            }
        }
        let mut gone = Vec::new();
        for folder in ["history", "state", "rows", "retired", "probe"] {
            let old = self.bucket.list(folder)?.into_iter();
            gone.extend(old.filter(|one| one.at < before && !stays.contains(&one.name)).map(|one| one.name));
        }
        self.bucket.delete(&gone)?;
        Ok(gone.len() as u64)
    }
}
