//! The batch view: windows made anew from the history, held against those that the stream told.
//!
//! The stream forgets a window some minutes after its end; what comes later is in the history and in no window. Here the same
//! operators go over the history's records, device by device and in the order of each device's time, as if none had been late. What
//! differs from the live rows is corrected. A window of a device needs its own records only; a road's is a sum, so the order of devices
//! does not matter; bays, whose windows are states at an instant, are put in the order of time first.
//!
//! One [`Reconciler`] a partition and span: give it the history's records in the history's order, at least from
//! [`Reconciler::needs_from`] to [`Reconciler::needs_to`], then compare what it made with the live rows by [`reconcile`]. Events,
//! calls and incidents are not windows and stay as they are.
//!
//! Limits: [`DEVICE_MAX`] records of a device and [`BAYS_MAX`] of all bays are put in order at a time; windows as on the stream
//! ([`super::windows::WINDOWS_MAX`]), so a day of a large city is reconciled in several spans. What did not fit is counted in [`Reconciler::finish`], and
//! then nothing may be corrected by it.

use std::collections::BTreeMap;

use super::analyst::{Analyst, AnalystSettings};
use super::row::Row;
use crate::primitives::Timestamp;
use crate::telemetry::{Reading, ReadingKind, Record};

/// Most records of one device put in order at a time.
const DEVICE_MAX: usize = 1_000_000;
/// Most records of bays put in order at a time.
const BAYS_MAX: usize = 10_000_000;
/// How far before the span the past of a device matters [ms]: the fix before, and the road a vehicle stands on; for bays, which
/// hold what they told last, a day.
const BEFORE: i64 = 3_600_000;
const BEFORE_BAYS: i64 = 86_400_000;
/// How far after the span readings may belong to it, because they are about a period [ms].
const AFTER: i64 = 900_000;

/// Makes the windows of one partition and span anew.
#[derive(Debug)]
pub struct Reconciler {
    analyst: Analyst,
    from: i64,
    to: i64,
    /// Records of the device under way.
    device: Vec<Record>,
    bays: Vec<Record>,
    rows: Vec<Row>,
    left_out: u64,
}

/// The windows of a span, made from the history.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchView {
    /// The rows, in no order.
    pub rows: Vec<Row>,
    /// Records that did not fit; unless there are none, the rows are not the whole truth.
    pub left_out: u64,
}

impl Reconciler {
    /// For the windows of a partition that begin in `[from, to)`; both are to be multiples of a quarter of an hour, the longest
    /// window.
    pub fn new(settings: AnalystSettings, from: Timestamp, to: Timestamp) -> Self {
        let (from, to) = (from.as_milliseconds(), to.as_milliseconds());
        let analyst = Analyst::for_batch(settings);
        Self { analyst, from, to, device: Vec::new(), bays: Vec::new(), rows: Vec::new(), left_out: 0 }
    }

    /// From when on records of a kind matter.
    pub fn needs_from(&self, kind: ReadingKind) -> Timestamp {
        let before = if kind == ReadingKind::Parking { BEFORE_BAYS } else { BEFORE };
        Timestamp::milliseconds(self.from.saturating_sub(before))
    }

    /// Until when records matter.
    pub fn needs_to(&self) -> Timestamp {
        Timestamp::milliseconds(self.to.saturating_add(AFTER))
    }

    /// Takes the next record of the history, which is in the order of kind and device; others than those that matter are
    /// passed over.
    pub fn take(&mut self, record: &Record) {
        if record.time < self.needs_from(record.kind()) || record.time >= self.needs_to() {
            return;
        }
        match &record.reading {
            Reading::Parking(_) if self.bays.len() < BAYS_MAX => self.bays.push(record.clone()),
            Reading::Position(_) | Reading::LoopCount(_) | Reading::CameraCount(_) | Reading::Air(_) => {
                if self.device.last().is_some_and(|last| last.device != record.device) {
                    self.settle();
                }
                if self.device.len() < DEVICE_MAX {
                    self.device.push(record.clone());
                } else {
                    self.left_out += 1;
                }
            }
            Reading::Parking(_) => self.left_out += 1,
            _ => {}
        }
    }

    /// Everything has been given: the rows.
    pub fn finish(mut self) -> BatchView {
        self.settle();
        let mut bays = std::mem::take(&mut self.bays);
        bays.sort_by(in_time);
        for record in &bays {
            self.analyst.batch(record);
        }
        self.analyst.finish();
        self.rows.append(&mut self.analyst.take_rows());
        let (from, to) = (Timestamp::milliseconds(self.from), Timestamp::milliseconds(self.to));
        self.rows.retain(|row| row.start().is_some_and(|start| (from..to).contains(&start)));
        let counts = self.analyst.counts();
        let windows = [counts.positions, counts.roads, counts.air, counts.minutes, counts.travel];
        let crowded = counts.crowded + windows.iter().map(|windows| windows.crowded).sum::<u64>();
        BatchView { rows: self.rows, left_out: self.left_out + crowded }
    }

    /// A device's records are complete.
    fn settle(&mut self) {
        let mut records = std::mem::take(&mut self.device);
        records.sort_by(in_time);
        for record in &records {
            self.analyst.batch(record);
        }
        self.analyst.settle(&mut self.rows);
    }
}

/// The order in which the stream sums records up.
fn in_time(a: &Record, b: &Record) -> std::cmp::Ordering {
    (a.time, &a.device, a.epoch, a.sequence).cmp(&(b.time, &b.device, b.epoch, b.sequence))
}

/// How the rows of a table compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Agreement {
    /// The same in both.
    pub equal: u64,
    /// In both, but not the same: the batch view's is right.
    pub corrected: u64,
    /// In the batch view only.
    pub missing: u64,
    /// In the live tables only: no record in the history tells of it.
    pub extra: u64,
}

/// What came of a comparison.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reconciled {
    /// Rows to be written: those corrected and those missing.
    pub rows: Vec<Row>,
    /// Tables and keys of rows that the history does not explain; they are left for people to judge.
    pub extra: Vec<(String, String)>,
    /// By table.
    pub tables: BTreeMap<String, Agreement>,
}

/// Compares rows made from the history with the live rows (table, key, JSON) of the same partition and span, in whatever order.
///
/// Live rows of tables that the batch view does not make are passed over.
pub fn reconcile(batch: Vec<Row>, live: impl IntoIterator<Item = (String, String, Vec<u8>)>) -> Reconciled {
    let mut made: BTreeMap<(&'static str, String), Row> = BTreeMap::new();
    for row in batch {
        made.insert((row.table(), row.key()), row);
    }
    let mut result = Reconciled::default();
    for (table, key, json) in live {
        let Some(name) = TABLES.iter().find(|name| **name == table) else { continue };
        let agreement = result.tables.entry(table.clone()).or_default();
        match made.remove(&(*name, key.clone())) {
            // Read back first, because the same row may be written in other words.
            Some(row) if serde_json::from_slice::<Row>(&json).is_ok_and(|live| live == row) => agreement.equal += 1,
            Some(row) => {
                agreement.corrected += 1;
                result.rows.push(row);
            }
            None => {
                agreement.extra += 1;
                result.extra.push((table, key));
            }
        }
    }
    for ((table, _), row) in made {
        result.tables.entry(table.to_owned()).or_default().missing += 1;
        result.rows.push(row);
    }
    result
}

/// Tables that the batch view makes.
pub const TABLES: [&str; 6] =
    ["position_minutes", "road_windows", "air_windows", "parking_windows", "road_minutes", "travel_times"];

#[cfg(test)]
#[path = "reconcile/tests.rs"]
mod tests;
