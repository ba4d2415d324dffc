//! Parking at the end of every five minutes: of a road's bays that have told anything, how many are taken.
//!
//! A bay holds what it told last until it tells otherwise, or for [`IDLE_MAX`]. Readings are taken in the order of their time, and
//! a window is told when the first reading after it comes or the watermark passes it; a reading that comes later than that
//! changes its bay only if the bay has told nothing newer, and no window. A row is about one partition's bays; parts add up.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::row::instant;
use crate::primitives::Timestamp;
use crate::telemetry::field::Text;
use crate::telemetry::reading::Parking;
use crate::telemetry::{DeviceId, Record};

/// Length of a window [ms].
const LENGTH: i64 = 300_000;
/// How long a bay is believed that tells nothing [ms].
const IDLE_MAX: i64 = 86_400_000;
/// Most bays remembered in a partition; further ones are counted and left out.
const BAYS_MAX: usize = 1_000_000;
/// Most windows told for one silence; of a longer one, these last.
const SILENCE_MAX: i64 = 288;

/// The bays of a road at the end of five minutes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParkingWindow {
    /// The road.
    pub road: Text,
    /// Beginning of the window; the numbers are those of its end.
    #[serde(with = "instant")]
    pub start: Timestamp,
    /// The partition whose bays it is about; none if it is about all.
    pub partition: Option<u16>,
    /// Bays that have told anything in the last day.
    pub bays: u64,
    /// Those that are taken.
    pub taken: u64,
}

/// What a bay told last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Bay {
    road: Text,
    taken: bool,
    /// When, and in which order [ms].
    order: (i64, u32, u64),
}

/// The bays of a partition.
#[derive(Debug, Default)]
pub(super) struct Bays {
    known: HashMap<DeviceId, Bay>,
    /// Bays and taken bays by road.
    roads: BTreeMap<Text, (u64, u64)>,
    /// End of the window being filled [ms]; none before the first reading.
    end: Option<i64>,
    /// Readings of bays beyond those remembered.
    pub(super) crowded: u64,
}

/// What a checkpoint keeps of bays.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct BaysState {
    end: Option<i64>,
    crowded: u64,
    bays: Vec<(String, Bay)>,
}

impl Bays {
    /// Time passes: tells every window that ends at or before an instant [ms].
    pub(super) fn pass(&mut self, now: i64, mut tell: impl FnMut(Timestamp, &Text, u64, u64)) {
        let Some(mut end) = self.end.filter(|end| *end <= now) else { return };
        let reached = now.div_euclid(LENGTH) * LENGTH;
        end = end.max(reached.saturating_sub((SILENCE_MAX - 1) * LENGTH));
        while end <= reached {
            self.let_go(end);
            for (road, &(bays, taken)) in &self.roads {
                tell(Timestamp::milliseconds(end - LENGTH), road, bays, taken);
            }
            end += LENGTH;
        }
        self.end = Some(end);
    }

    /// Tells the window under way as it stands; it stays under way, and is told again when it ends.
    pub(super) fn stand(&self, mut tell: impl FnMut(Timestamp, &Text, u64, u64)) {
        let Some(end) = self.end else { return };
        for (road, &(bays, taken)) in &self.roads {
            tell(Timestamp::milliseconds(end - LENGTH), road, bays, taken);
        }
    }

    /// A bay tells something.
    pub(super) fn tell(&mut self, record: &Record, reading: &Parking) {
        let time = record.time.as_milliseconds();
        self.end.get_or_insert((time.div_euclid(LENGTH) + 1) * LENGTH);
        let order = (time, record.epoch, record.sequence);
        if self.known.len() >= BAYS_MAX && !self.known.contains_key(&record.device) {
            self.crowded += 1;
            return;
        }
        if self.known.get(&record.device).is_some_and(|known| known.order > order) {
            return;
        }
        let bay = Bay { road: Text::clone(&reading.road_id), taken: reading.occupied, order };
        self.count(&bay, true);
        if let Some(before) = self.known.insert(record.device.clone(), bay) {
            self.count(&before, false);
        }
    }

    fn count(&mut self, bay: &Bay, comes: bool) {
        let (bays, taken) = self.roads.entry(Text::clone(&bay.road)).or_default();
        if comes {
            *bays += 1;
            *taken += u64::from(bay.taken);
        } else {
            *bays -= 1;
            *taken -= u64::from(bay.taken);
            if *bays == 0 {
                self.roads.remove(&bay.road);
            }
        }
    }

    /// Forgets bays that have told nothing for a day; looks once an hour.
    fn let_go(&mut self, now: i64) {
        if now.rem_euclid(3_600_000) != 0 {
            return;
        }
        let silent: Vec<DeviceId> =
            self.known.iter().filter(|(_, bay)| now - bay.order.0 > IDLE_MAX).map(|(id, _)| id.clone()).collect();
        for id in silent {
            if let Some(bay) = self.known.remove(&id) {
                self.count(&bay, false);
            }
        }
    }

    pub(super) fn state(&self) -> BaysState {
        let mut bays: Vec<(String, Bay)> = self.known.iter().map(|(id, bay)| (id.to_string(), bay.clone())).collect();
        bays.sort_by(|a, b| a.0.cmp(&b.0));
        BaysState { end: self.end, crowded: self.crowded, bays }
    }

    pub(super) fn restore(state: BaysState) -> Option<Self> {
        let mut bays = Self { end: state.end, crowded: state.crowded, ..Self::default() };
        for (id, bay) in state.bays {
            bays.count(&bay, true);
            bays.known.insert(id.parse().ok()?, bay);
        }
        Some(bays)
    }
}
