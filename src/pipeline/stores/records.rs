//! Records and series: everything ever said, to be asked by kind, time, device and place, one by one or as figures over time.
//!
//! The history has every record and answers from Parquet; a server beside it answers faster and to others, and takes every batch
//! too. Both answer alike, but for the order of records, which is nobody's, and for rounding in the last place of means.

mod history;
#[cfg(feature = "postgres")]
mod postgres;
mod series;
#[cfg(test)]
pub(super) mod tests;

use std::ops::{ControlFlow, Range};

pub(super) use history::{HistoryRecords, may_hold};
#[cfg(feature = "postgres")]
pub use postgres::PostgresRecords;
pub use series::{POINTS_MAX, Point, SeriesAsked};

use super::error::StoreError;
use super::live::Area;
use super::retention::Gone;
use crate::primitives::Timestamp;
use crate::telemetry::{DeviceId, ReadingKind, Record};

/// Takes records one after another, until it breaks off.
pub type EachRecord<'a> = dyn FnMut(Record) -> ControlFlow<()> + 'a;

/// Which records are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// What they report.
    pub kind: ReadingKind,
    /// When they were made, by their device's clock; an end at the latest instant there is includes it.
    pub times: Range<Timestamp>,
    /// Who made them; everybody if none.
    pub device: Option<DeviceId>,
}

impl Asked {
    /// Everything of a kind.
    pub const fn all(kind: ReadingKind) -> Self {
        Self { kind, times: Timestamp::MIN..Timestamp::MAX, device: None }
    }

    /// Whether a record is asked for.
    pub fn wants(&self, record: &Record) -> bool {
        let end = self.times.end == Timestamp::MAX || record.time < self.times.end;
        let by = self.device.as_ref().is_none_or(|device| *device == record.device);
        record.kind() == self.kind && by && end && self.times.start <= record.time
    }
}

/// Keeps records, and answers about them.
pub trait Records: Send + Sync + std::fmt::Debug {
    /// Takes a batch's records in; taking them again changes nothing. `from` is the first message of `partition` they came from.
    ///
    /// # Errors
    /// When they cannot be written; nothing has changed then.
    fn put(&self, partition: u16, from: u64, records: &[&Record]) -> Result<(), StoreError>;

    /// The records asked for, exactly as they came, in any order, until `each` breaks off.
    ///
    /// # Errors
    /// When they cannot be read.
    fn scan(&self, asked: &Asked, each: &mut EachRecord<'_>) -> Result<(), StoreError>;

    /// The records asked for that were made in an area.
    ///
    /// # Errors
    /// When they cannot be read.
    fn within(&self, asked: &Asked, area: &Area, each: &mut EachRecord<'_>) -> Result<(), StoreError>;

    /// Figures of one column over time, a point for every bucket in which there is a value.
    ///
    /// # Errors
    /// When they cannot be read, or too many points are asked for or a column that has no numbers.
    fn series(&self, asked: &SeriesAsked) -> Result<Vec<Point>, StoreError>;

    /// How many records of a kind there are.
    ///
    /// # Errors
    /// When they cannot be counted.
    fn count(&self, kind: ReadingKind) -> Result<u64, StoreError>;

    /// Gives up records of days before the first instant's, and figures of times before the second; gives how many records went. What
    /// is answered from the history goes with it.
    ///
    /// # Errors
    /// When they cannot be given up now; the same may be tried again.
    fn forget(&self, records: Option<Timestamp>, figures: Option<Timestamp>) -> Result<u64, StoreError> {
        let _ = (records, figures);
        Ok(0)
    }

    /// How many records of each kind are not here by reason of age; none if this is the history itself.
    ///
    /// # Errors
    /// When it cannot be read.
    fn gone(&self) -> Result<Option<Gone>, StoreError> {
        Ok(None)
    }

    /// Notes that the content is a run's, unless it is another's already; gives whose it is.
    ///
    /// # Errors
    /// When it cannot be noted.
    fn claim(&self, identity: &str) -> Result<String, StoreError> {
        Ok(identity.to_owned())
    }
}
