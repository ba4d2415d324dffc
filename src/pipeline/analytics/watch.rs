//! The watch of a partition: what happened, found beside the windows, as numbered events.
//!
//! Emergencies are told as they arrive. Areas and health are judged in the order of event time, minute by minute of the watermark,
//! so that neither batches nor restarts nor the order of arrival within the watermark change what is found; only a clock is judged
//! by the order of arrival.

use serde::{Deserialize, Serialize};

use super::geofence::Geofence;
use super::health::{Health, HealthState};
use super::journal::{Journal, News};
use super::positions::Fixed;
use super::road_index::{RoadIndex, RoadRef};
use super::row::Row;
use super::visitors::{Sighting, Visitors, VisitorsState};
use crate::telemetry::{Reading, Record};

/// A minute [ms].
pub(super) const MINUTE: i64 = 60_000;
/// Most minutes gone through one by one when event time leaps; of a longer leap, these last.
const LEAP_MAX: i64 = 1440;

/// What watches a partition.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) journal: Journal,
    visitors: Visitors,
    health: Health,
    /// The last minute that has ended [ms]; none before the first record.
    minute: Option<i64>,
}

/// What a checkpoint keeps of it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WatchState {
    events: u64,
    minute: Option<i64>,
    visitors: VisitorsState,
    health: HealthState,
}

impl Watch {
    pub(super) fn new(partition: u16, areas: &[Geofence]) -> Self {
        let (visitors, health) = (Visitors::new(areas), Health::default());
        Self { journal: Journal::new(partition), visitors, health, minute: None }
    }

    /// Tells something found elsewhere.
    pub(super) fn tell(&mut self, rows: &mut Vec<Row>, news: News) {
        self.journal.tell(rows, news);
    }

    /// A record as it arrives, with the watermark before it [ms] and how many records the partition has seen.
    pub(super) fn arrive(&mut self, record: &Record, watermark: i64, observed: u64, rows: &mut Vec<Row>) {
        let journal = &mut self.journal;
        self.health.arrive(record, watermark, observed, |news| journal.tell(rows, news));
    }

    /// Every minute that ended at or before an instant [ms] has ended.
    pub(super) fn pass(&mut self, now: i64, rows: &mut Vec<Row>) {
        let Some(last) = self.minute else { return };
        let reached = now.div_euclid(MINUTE) * MINUTE;
        let mut next = (last + MINUTE).max(reached.saturating_sub((LEAP_MAX - 1) * MINUTE));
        while next <= reached {
            let journal = &mut self.journal;
            self.visitors.let_go(next, |news| journal.tell(rows, news));
            self.health.minute(next, |news| journal.tell(rows, news));
            next += MINUTE;
        }
        self.minute = Some(last.max(reached));
    }

    /// A record in the order of time.
    pub(super) fn see(&mut self, record: &Record, roads: Option<&RoadIndex>, rows: &mut Vec<Row>) {
        let at = record.time.as_milliseconds();
        self.minute.get_or_insert(at.div_euclid(MINUTE) * MINUTE);
        let journal = &mut self.journal;
        self.health.see(record, roads, |news| journal.tell(rows, news));
        let (class, place) = match &record.reading {
            Reading::Position(one) => {
                (Some(&*one.vehicle_class), Fixed::of(record, one).map(|fixed| (fixed.latitude, fixed.longitude)))
            }
            Reading::Unit(one) => (None, Some((one.latitude, one.longitude))),
            _ => return,
        };
        if let Some((latitude, longitude)) = place {
            let told = Sighting { kind: record.kind(), class, at, latitude, longitude };
            self.visitors.see(&record.device, &told, |news| journal.tell(rows, news));
        }
    }

    /// A tracker moved along a road between two places on it [m].
    pub(super) fn passed(&mut self, road: RoadRef, from: f64, to: f64) {
        self.health.passed(road, from, to);
    }

    /// What could not be followed because there was too much of it.
    pub(super) const fn crowded(&self) -> u64 {
        self.visitors.crowded + self.health.crowded
    }

    pub(super) fn state(&self) -> WatchState {
        let (visitors, health) = (self.visitors.state(), self.health.state());
        WatchState { events: self.journal.told, minute: self.minute, visitors, health }
    }

    /// Takes over what a checkpoint kept; none if it is no sound state.
    pub(super) fn restore(&mut self, state: WatchState, roads: Option<&RoadIndex>) -> Option<()> {
        self.journal.told = state.events;
        self.minute = state.minute;
        self.visitors.restore(state.visitors)?;
        self.health = Health::restore(state.health, roads)?;
        Some(())
    }
}
