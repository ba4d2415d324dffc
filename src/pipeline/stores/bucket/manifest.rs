//! The one object that says what counts: where every partition stands, which pieces the history consists of, which runs of rows.
//!
//! JSON, packed with gzip. Whoever reads it holds it to what it can be; whoever changes it puts a number more into it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use super::Bucket;
use crate::pipeline::stores::error::StoreError;
use crate::pipeline::stores::history::Piece;

/// Its name.
pub(super) const MANIFEST: &str = "manifest";
/// Version of what the bucket holds.
const FORMAT: u32 = 1;
/// Largest one, unpacked [bytes]; about two million pieces.
const BYTES_MAX: u64 = 256 << 20;
/// Changes that are remembered behind the last: more than others make while one waits for its answer.
const RECENT_MAX: usize = 64;

/// Where a partition stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stand {
    /// The next message.
    pub(super) next: u64,
    /// The object with the operators' state before that message.
    pub(super) state: String,
}

/// Rows that changed, in one object; of several runs the later counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Run {
    /// The object.
    pub(super) name: String,
    /// The number of the manifest up to which it has all changes since the run before.
    pub(super) to: u64,
    /// How often it was merged.
    pub(super) level: u8,
    /// Rows in it, and how many of them say that a row is gone.
    pub(super) rows: u64,
    pub(super) gone: u64,
    /// Whether rows that are gone were left out, so that only who begins anew may read on from it.
    pub(super) base: bool,
}

/// What counts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Manifest {
    format: u32,
    /// One more with every change.
    pub(super) number: u64,
    /// Drawn when it was made first; never changes.
    pub(super) chain: String,
    /// Who made this change: a name nobody gives twice.
    change: String,
    /// The changes before it, so that whoever hears that another was first can tell whether that other came after himself.
    #[serde(default)]
    recent: VecDeque<String>,
    /// For which run it is.
    pub(super) identity: Option<String>,
    /// By partition.
    pub(super) partitions: BTreeMap<u16, Stand>,
    /// By name of the piece: its rows.
    pieces: BTreeMap<String, u64>,
    /// What went by age: before when [ms], and how many records by kind.
    pub(super) gone_before: Option<i64>,
    pub(super) gone: BTreeMap<String, u64>,
    /// In the order in which they count.
    pub(super) runs: Vec<Run>,
    /// Objects written before this [ms, the server's clock] that are not listed may be gone.
    pub(super) swept_before: i64,
}

impl Manifest {
    /// The first one of a bucket.
    pub(super) fn first(chain: String) -> Self {
        Self { format: FORMAT, chain, ..Self::default() }
    }

    /// Counts a change, and notes which one it is.
    pub(super) fn note(&mut self, change: &str) {
        self.number += 1;
        let before = std::mem::replace(&mut self.change, change.to_owned());
        if !before.is_empty() {
            self.recent.push_back(before);
        }
        if self.recent.len() > RECENT_MAX {
            self.recent.pop_front();
        }
    }

    /// Whether a change is in it.
    pub(super) fn has(&self, change: &str) -> bool {
        self.change == change || self.recent.iter().any(|one| one == change)
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, String> {
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        let json = serde_json::to_vec(self).map_err(|error| error.to_string())?;
        if json.len() as u64 > BYTES_MAX {
            return Err(format!("the list of pieces has {} bytes, more than {BYTES_MAX}", json.len()));
        }
        packer.write_all(&json).and_then(|()| packer.finish()).map_err(|error| error.to_string())
    }

    pub(super) fn decode(bucket: &Bucket, bytes: &[u8]) -> Result<Self, StoreError> {
        let mut json = Vec::new();
        let read = GzDecoder::new(bytes).take(BYTES_MAX + 1).read_to_end(&mut json);
        read.map_err(|error| bucket.damaged(MANIFEST, error))?;
        if json.len() as u64 > BYTES_MAX {
            return Err(bucket.damaged(MANIFEST, format!("it has more than {BYTES_MAX} bytes")));
        }
        let manifest: Self = serde_json::from_slice(&json).map_err(|error| bucket.damaged(MANIFEST, error))?;
        if manifest.format != FORMAT {
            return Err(StoreError::OtherFormat {
                folder: bucket.place().into(),
                found: manifest.format.to_string(),
                expected: FORMAT,
            });
        }
        if let Some(name) = manifest.pieces.keys().find(|name| Piece::named(name, 0).is_none()) {
            return Err(bucket.damaged(MANIFEST, format!("it lists `{name}`, which is no piece of history")));
        }
        let sound =
            |name: &str, folder: &str| name.strip_prefix(folder).is_some_and(|rest| !rest.contains(['/', '\\']));
        let stray = manifest
            .partitions
            .values()
            .map(|stand| (&stand.state, "state/"))
            .chain(manifest.runs.iter().map(|run| (&run.name, "rows/")))
            .find(|(name, folder)| !sound(name, folder));
        if let Some((name, _)) = stray {
            return Err(bucket.damaged(MANIFEST, format!("it lists `{name}`, which cannot be an object of ours")));
        }
        if !manifest.runs.is_sorted_by(|a, b| a.to <= b.to) {
            return Err(bucket.damaged(MANIFEST, "its runs of rows are in no order"));
        }
        Ok(manifest)
    }

    /// The pieces the history consists of.
    pub(super) fn pieces(&self) -> BTreeSet<Piece> {
        self.pieces.iter().filter_map(|(name, rows)| Piece::named(name, *rows)).collect()
    }

    pub(super) fn lists(&self, piece: &Piece) -> bool {
        self.pieces.contains_key(&piece.name)
    }

    pub(super) fn add(&mut self, piece: &Piece) {
        self.pieces.insert(piece.name.clone(), piece.rows);
    }

    /// Takes a piece off the list; whether it was there.
    pub(super) fn drop_piece(&mut self, piece: &Piece) -> bool {
        self.pieces.remove(&piece.name).is_some()
    }

    /// Every object it lists.
    pub(super) fn names(&self) -> BTreeSet<String> {
        let pieces = self.pieces.keys().map(|name| object_of(name));
        let states = self.partitions.values().map(|stand| stand.state.clone());
        let runs = self.runs.iter().map(|run| run.name.clone());
        pieces.chain(states).chain(runs).chain([MANIFEST.to_owned()]).collect()
    }
}

/// The object of a piece.
pub(in crate::pipeline::stores) fn object_of(piece: &str) -> String {
    format!("history/{piece}")
}
