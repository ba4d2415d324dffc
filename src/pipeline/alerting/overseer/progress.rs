//! How far all partitions together have come: the least watermark, without those that will not be waited for.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::pipeline::analytics::Progress;
use crate::pipeline::stores::StoreError;
use crate::pipeline::stores::tables::Tables;
use crate::primitives::{SimDuration, Timestamp};

/// How far all have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reached {
    /// Windows that end at or before may be closed; the end of time if all partitions have ended [ms].
    pub(super) least: i64,
    /// The greatest watermark there is [ms].
    pub(super) known: i64,
}

/// Watches partitions come along, by the clock on the wall.
#[derive(Debug, Default)]
pub(super) struct Watch {
    first: Option<Timestamp>,
    /// The watermark a partition has and since when.
    moved: BTreeMap<u16, (i64, Timestamp)>,
}

impl Watch {
    /// How far all have come; none while there is somebody to wait for.
    ///
    /// Who has never told a watermark is waited for during `patience`, who tells no new one during `idle`. If nobody moves at
    /// all, everybody who has spoken counts.
    pub(super) fn reached(
        &mut self,
        rows: &BTreeMap<u16, Progress>,
        partitions: u16,
        now: Timestamp,
        (patience, idle): (SimDuration, SimDuration),
    ) -> Option<Reached> {
        let first = *self.first.get_or_insert(now);
        let impatient = now.since(first) >= patience;
        let (mut spoken, mut moving) = (Vec::new(), Vec::new());
        let mut all_ended = true;
        for partition in (0..partitions).chain(rows.range(partitions..).map(|row| *row.0)) {
            let row = rows.get(&partition);
            if row.is_some_and(|row| row.ended) {
                continue;
            }
            let Some(watermark) = row.and_then(|row| row.watermark_ms) else {
                if !impatient {
                    return None;
                }
                continue;
            };
            all_ended = false;
            let seen = self.moved.entry(partition).or_insert((watermark, now));
            if seen.0 != watermark {
                *seen = (watermark, now);
            }
            spoken.push(watermark);
            if now.since(seen.1) < idle {
                moving.push(watermark);
            }
        }
        let known = rows.values().filter_map(|row| row.watermark_ms).max()?;
        let least = moving.iter().min().or(spoken.iter().min()).copied();
        match least {
            Some(least) => Some(Reached { least, known }),
            None => (all_ended && rows.values().any(|row| row.ended)).then_some(Reached { least: i64::MAX, known }),
        }
    }
}

/// What the partitions tell of themselves, and how many rows said nothing that can be read.
pub(super) fn read(tables: &dyn Tables) -> Result<(BTreeMap<u16, Progress>, u64), StoreError> {
    let (mut rows, mut unreadable) = (BTreeMap::new(), 0);
    tables.scan("progress", "", &mut |_, json| {
        match serde_json::from_slice::<Progress>(json) {
            Ok(row) => drop(rows.insert(row.partition, row)),
            Err(_) => unreadable += 1,
        }
        ControlFlow::Continue(())
    })?;
    Ok((rows, unreadable))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_waited_for_without_end() {
        let at = |seconds: i64| Timestamp::milliseconds(seconds * 1000);
        let waits = (SimDuration::seconds(5.0), SimDuration::seconds(60.0));
        let row = |partition, watermark_ms, ended| (partition, Progress { partition, watermark_ms, events: 0, ended });
        let mut watch = Watch::default();
        let mut check = |now: i64, rows: &[(u16, Progress)], expected: Option<(i64, i64)>| {
            let rows: BTreeMap<u16, Progress> = rows.iter().cloned().collect();
            let reached = watch.reached(&rows, 3, at(now), waits).map(|reached| (reached.least, reached.known));
            assert_eq!(reached, expected, "after {now} s");
        };
        check(0, &[], None);
        check(1, &[row(0, Some(100), false)], None);
        check(6, &[row(0, Some(100), false)], Some((100, 100)));
        check(7, &[row(0, Some(100), false), row(1, Some(50), false), row(2, None, false)], Some((50, 100)));
        check(8, &[row(0, Some(100), true), row(1, Some(50), false)], Some((50, 100)));
        // The third comes later and is waited for again; a fourth that was not announced counts too.
        check(9, &[row(1, Some(50), false), row(2, Some(20), false), row(7, Some(10), false)], Some((10, 50)));
        check(60, &[row(1, Some(70), false), row(2, Some(20), false)], Some((20, 70)));
        check(70, &[row(1, Some(70), false), row(2, Some(20), false)], Some((70, 70)));
        check(200, &[row(1, Some(70), false), row(2, Some(20), false)], Some((20, 70)));
        check(201, &[row(0, Some(9), true), row(1, Some(8), true), row(2, None, true)], Some((i64::MAX, 9)));
        check(202, &[row(0, Some(9), true)], Some((i64::MAX, 9)));
        check(203, &[], None);
    }
}
