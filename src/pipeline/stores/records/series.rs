//! Figures over time: values gathered in buckets, one after another or as sums that were gathered before.
//!
//! Knows no store; whoever has values or sums brings them here, so that all answer alike.

use std::collections::BTreeMap;

use super::Asked;
use crate::pipeline::stores::error::StoreError;
use crate::primitives::{SimDuration, Timestamp};
use crate::telemetry::field::{Column, ColumnType};
use crate::telemetry::{Record, Value};

/// Most points of a series.
pub const POINTS_MAX: usize = 100_000;

/// Which figures are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesAsked {
    /// Of which records.
    pub records: Asked,
    /// Which of their columns: numbers, or yes and no as 1 and 0.
    pub column: String,
    /// Length of a bucket; buckets begin at multiples of it since 1970.
    pub width: SimDuration,
}

/// Figures of one bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Where the bucket begins.
    pub start: Timestamp,
    /// Values in it.
    pub count: u64,
    /// Their mean.
    pub mean: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// The latest; of several at one instant that of the last device by name.
    pub last: f64,
}

impl SeriesAsked {
    /// The column, and its place among those of its kind.
    ///
    /// # Errors
    /// When there is none with numbers, or too many points are asked for.
    pub(super) fn column(&self) -> Result<(usize, &'static Column), StoreError> {
        let kind = self.records.kind;
        let found = kind.columns().iter().enumerate().find(|(_, column)| column.name == self.column);
        let numeric = found.filter(|(_, column)| column.holds != ColumnType::Text);
        let found = numeric.ok_or_else(|| {
            let (word, name) = (kind.word(), self.column.escape_debug());
            StoreError::Question(format!("readings of kind `{word}` have no column `{name}` of numbers"))
        })?;
        if self.width.as_milliseconds() <= 0 {
            return Err(StoreError::Question(String::from("a bucket has to last some time")));
        }
        Ok(found)
    }
}

/// Values of one device or of several, gathered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sum<'a> {
    pub(super) count: u64,
    pub(super) total: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) last: f64,
    /// When and by whom the last was said: time [ms], device, epoch, sequence.
    pub(super) said: (i64, &'a str, u32, u64),
}

struct Bucket {
    count: u64,
    total: f64,
    min: f64,
    max: f64,
    last: f64,
    said: (i64, String, u32, u64),
}

/// Gathers values in buckets.
pub(super) struct Gatherer {
    width: SimDuration,
    buckets: BTreeMap<Timestamp, Bucket>,
}

impl Gatherer {
    pub(super) fn new(width: SimDuration) -> Self {
        Self { width, buckets: BTreeMap::new() }
    }

    /// Adds values that were said at or after `at` and in the same bucket as it.
    ///
    /// # Errors
    /// When there are too many buckets.
    pub(super) fn add(&mut self, at: Timestamp, sum: Sum<'_>) -> Result<(), StoreError> {
        let start = at.floor(self.width);
        let full = self.buckets.len() >= POINTS_MAX;
        match self.buckets.entry(start) {
            std::collections::btree_map::Entry::Vacant(_) if full => Err(StoreError::Question(format!(
                "a series has at most {POINTS_MAX} points; ask for longer buckets or less time"
            ))),
            std::collections::btree_map::Entry::Vacant(place) => {
                let Sum { count, total, min, max, last, said: (time, device, epoch, sequence) } = sum;
                let said = (time, device.to_owned(), epoch, sequence);
                place.insert(Bucket { count, total, min, max, last, said });
                Ok(())
            }
            std::collections::btree_map::Entry::Occupied(mut place) => {
                let bucket = place.get_mut();
                bucket.count += sum.count;
                bucket.total += sum.total;
                bucket.min = bucket.min.min(sum.min);
                bucket.max = bucket.max.max(sum.max);
                let (time, device, epoch, sequence) = &bucket.said;
                if (*time, device.as_str(), *epoch, *sequence) < sum.said {
                    bucket.last = sum.last;
                    let (time, device, epoch, sequence) = sum.said;
                    bucket.said = (time, device.to_owned(), epoch, sequence);
                }
                Ok(())
            }
        }
    }

    /// Adds one record's value in the column at `place`, if it has one.
    ///
    /// # Errors
    /// When there are too many buckets.
    pub(super) fn add_record(&mut self, record: &Record, place: usize) -> Result<(), StoreError> {
        #[expect(clippy::cast_precision_loss, reason = "fields are u32 at most")]
        let value = match record.reading.values().get(place) {
            Some(Value::Number(number)) => *number,
            Some(Value::Whole(number)) => *number as f64,
            Some(Value::Flag(flag)) => f64::from(u8::from(*flag)),
            _ => return Ok(()),
        };
        let said = (record.time.as_milliseconds(), record.device.as_str(), record.epoch, record.sequence);
        self.add(record.time, Sum { count: 1, total: value, min: value, max: value, last: value, said })
    }

    /// The points, in the order of time.
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
    pub(super) fn points(self) -> Vec<Point> {
        let point = |(start, bucket): (Timestamp, Bucket)| Point {
            start,
            count: bucket.count,
            mean: bucket.total / bucket.count as f64,
            min: bucket.min,
            max: bucket.max,
            last: bucket.last,
        };
        self.buckets.into_iter().map(point).collect()
    }
}
