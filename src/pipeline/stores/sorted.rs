//! A batch's records in the order in which history keeps them: by kind, device, epoch and sequence.
//!
//! So that what one device said lies together, which packs well, and the newest word of each is the last of its stretch.

use std::collections::HashMap;

use crate::telemetry::{ReadingKind, Record};

/// The order of records in history.
pub(super) fn order(a: &Record, b: &Record) -> std::cmp::Ordering {
    let key = |record: &Record| (record.epoch, record.sequence);
    a.device.cmp(&b.device).then_with(|| key(a).cmp(&key(b)))
}

/// Records by kind, and within each kind by [`order`].
#[derive(Debug)]
pub(super) struct Sorted<'a> {
    rows: Vec<&'a Record>,
    /// Where each (kind, device) ends in `rows`.
    ends: Vec<usize>,
}

impl<'a> Sorted<'a> {
    /// Sorts a batch. Devices are sorted once each, not once per record: a batch holds many records of few devices.
    pub(super) fn new(records: &'a [Record]) -> Self {
        let mut groups: HashMap<(ReadingKind, &str), Vec<&Record>> = HashMap::new();
        for record in records {
            groups.entry((record.kind(), record.device.as_str())).or_default().push(record);
        }
        let mut groups: Vec<_> = groups.into_iter().collect();
        groups.sort_unstable_by_key(|(key, _)| *key);
        let mut rows = Vec::with_capacity(records.len());
        let mut ends = Vec::with_capacity(groups.len());
        for (_, mut group) in groups {
            if !group.is_sorted_by(|a, b| order(a, b).is_le()) {
                group.sort_by(|a, b| order(a, b));
            }
            rows.append(&mut group);
            ends.push(rows.len());
        }
        Self { rows, ends }
    }

    /// The records.
    pub(super) fn rows(&self) -> &[&'a Record] {
        &self.rows
    }

    /// The newest record of each device, for every kind it reports.
    pub(super) fn newest(&self) -> Vec<&'a Record> {
        self.ends.iter().map(|end| self.rows[end - 1]).collect()
    }
}
