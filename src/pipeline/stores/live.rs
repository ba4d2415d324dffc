//! The speed layer: the last word of every device, for as long as it is worth anything.
//!
//! A record replaces another of the same device and kind only if it is newer by (epoch, sequence), so the order in which partitions
//! arrive does not matter. How long a word lives is measured in event time against the store's own clock, the latest watermark it
//! was told; what time it is on the wall it does not know, so that a recording keeps as well as a live city.

mod area;
mod embedded;
mod memory;
#[cfg(feature = "redis")]
mod redis;

use std::ops::ControlFlow;

pub use area::Area;
pub(super) use area::{degrees_around, place_of};
pub(super) use embedded::BookLive;
pub use memory::MemoryLive;
#[cfg(feature = "redis")]
pub use redis::{RedisLive, RedisSettings};

use super::error::StoreError;
use crate::primitives::{SimDuration, Timestamp};
use crate::telemetry::{DeviceId, ReadingKind, Record};

/// How long a word lives, and how many there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveSettings {
    /// Life of where something was: positions and ambulances.
    pub place_life: SimDuration,
    /// Life of everything else.
    pub other_life: SimDuration,
    /// Most words; beyond, the ones with the oldest event time go first, and are counted.
    pub capacity: u64,
}

impl Default for LiveSettings {
    /// Places live for a day, everything else for seven; a million words, about 400 MB.
    fn default() -> Self {
        let hour = 3600.0;
        Self {
            place_life: SimDuration::seconds(24.0 * hour),
            other_life: SimDuration::seconds(7.0 * 24.0 * hour),
            capacity: 1_000_000,
        }
    }
}

impl LiveSettings {
    /// How long a reading of a kind lives.
    pub const fn life(&self, kind: ReadingKind) -> SimDuration {
        match kind {
            ReadingKind::Position | ReadingKind::Unit => self.place_life,
            _ => self.other_life,
        }
    }

    /// The event time at and before which a reading of a kind is dead.
    pub(super) fn dead_at(&self, kind: ReadingKind, clock: Timestamp) -> Timestamp {
        Timestamp::milliseconds(clock.as_milliseconds().saturating_sub(self.life(kind).as_milliseconds()))
    }
}

/// How full the live state is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LiveStatus {
    /// Words in it; dead ones too, until the next record comes.
    pub words: u64,
    /// Most there may be.
    pub capacity: u64,
    /// Words pushed out because it was full. After a crash some may be counted again.
    pub evicted: u64,
    /// Words that died. After a crash some may be counted again.
    pub expired: u64,
    /// Whether more than 80 % of the capacity is used.
    pub alarm: bool,
}

impl LiveStatus {
    pub(super) fn new(words: u64, capacity: u64, evicted: u64, expired: u64) -> Self {
        Self { words, capacity, evicted, expired, alarm: words.saturating_mul(10) > capacity.saturating_mul(8) }
    }
}

/// Keeps the last word of every device.
pub trait LiveStore: Send + Sync + std::fmt::Debug {
    /// Takes records in, each unless a newer one of its device and kind is there, and moves the clock on to `watermark`, never
    /// back. Then words that died go, and if there are still too many, the oldest.
    ///
    /// # Errors
    /// When it cannot be written. Nothing has changed then, or, on a server, part of it; telling it again is of no harm.
    fn put(&self, records: &[&Record], watermark: Option<Timestamp>) -> Result<(), StoreError>;

    /// The last word of a device about a kind; none if there is none, or it died.
    ///
    /// # Errors
    /// When it cannot be read.
    fn get(&self, kind: ReadingKind, device: &DeviceId) -> Result<Option<Record>, StoreError>;

    /// The living words of a kind in an area, by device, until `each` breaks off. Looks at every word of the kind.
    ///
    /// # Errors
    /// When it cannot be read.
    fn scan(
        &self,
        kind: ReadingKind,
        area: &Area,
        each: &mut dyn FnMut(Record) -> ControlFlow<()>,
    ) -> Result<(), StoreError>;

    /// The latest watermark it was told.
    ///
    /// # Errors
    /// When it cannot be read.
    fn clock(&self) -> Result<Option<Timestamp>, StoreError>;

    /// How full it is.
    ///
    /// # Errors
    /// When it cannot be read.
    fn status(&self) -> Result<LiveStatus, StoreError>;

    /// Notes that the content is a run's, unless it is another's already; gives whose it is.
    ///
    /// # Errors
    /// When it cannot be noted.
    fn claim(&self, identity: &str) -> Result<String, StoreError> {
        Ok(identity.to_owned())
    }
}
