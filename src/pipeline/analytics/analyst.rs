//! The analyst of one partition: puts records in the order of their time, and sums them up.
//!
//! Records wait until the watermark passes their time and are then summed up in the order of (time, device, epoch, sequence), so
//! that rows do not depend on the order of arrival, to the last bit. A record that comes after the watermark is summed up at once, and
//! corrects what has been told. Emergencies do not wait.
//!
//! Limits: [`PENDING_MAX`] records wait; beyond it the earliest is summed up early, and counted. Trackers silent for a day are
//! forgotten. Rows wait until they are fetched: they are as many as records and watermarks make, so fetch them with each batch.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

use super::air::{self, AirSums};
use super::emergencies::Emergencies;
use super::geofence::Geofence;
use super::journal;
use super::minutes::{self, MinuteTally};
use super::parking::{Bays, ParkingWindow};
use super::positions::{self, PositionSums};
use super::road_index::RoadIndex;
use super::roads::{self, RoadTally, RoadWindow};
use super::row::Row;
use super::trackers::Tracker;
use super::travel::{self, TravelSums, TravelWindow};
use super::watch::Watch;
use super::windows::{WindowCounts, Windows};
use crate::primitives::{SimDuration, Timestamp};
use crate::telemetry::field::Text;
use crate::telemetry::{DeviceId, Reading, Record};

/// Most records that wait for the watermark.
pub(super) const PENDING_MAX: usize = 262_144;
/// How long a tracker is remembered that tells nothing [ms].
const IDLE_MAX: i64 = 86_400_000;
/// How often the silent are looked for [ms].
const SWEEP: i64 = 3_600_000;

/// How an analyst works.
#[derive(Debug, Clone)]
pub struct AnalystSettings {
    /// The partition whose records it sees.
    pub partition: u16,
    /// How long after its end a window can still be corrected.
    pub lateness: SimDuration,
    /// The roads, if there is a map.
    pub roads: Option<Arc<RoadIndex>>,
    /// Areas whose visitors are noticed.
    pub geofences: Arc<[Geofence]>,
}

impl AnalystSettings {
    /// The usual: windows can be corrected for ten minutes, and no areas.
    pub fn new(partition: u16, roads: Option<Arc<RoadIndex>>) -> Self {
        Self { partition, lateness: SimDuration::milliseconds(600_000), roads, geofences: Arc::from([]) }
    }
}

/// What became of records beyond the ordinary, since the partition began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct AnalystCounts {
    /// Records observed.
    pub observed: u64,
    /// Those that came after the watermark.
    pub late: u64,
    /// Records summed up early because too many waited.
    pub hurried: u64,
    /// Readings of trackers, bays, calls and incidents beyond those remembered.
    pub crowded: u64,
    /// Fixes that no road could be given to, although there is a map.
    pub unmatched: u64,
    /// Minutes of vehicles.
    pub positions: WindowCounts,
    /// Windows of roads.
    pub roads: WindowCounts,
    /// Windows of air.
    pub air: WindowCounts,
    /// Minutes of roads.
    pub minutes: WindowCounts,
    /// Travel times of roads.
    pub travel: WindowCounts,
}

/// A record that waits for the watermark.
#[derive(Debug, Clone)]
pub(super) struct Pending(pub(super) Record);

impl Pending {
    fn key(&self) -> (Timestamp, &DeviceId, u32, u64) {
        (self.0.time, &self.0.device, self.0.epoch, self.0.sequence)
    }
}

impl Ord for Pending {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for Pending {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Pending {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Pending {}

/// The second operator of a partition.
#[derive(Debug)]
pub struct Analyst {
    pub(super) settings: AnalystSettings,
    pub(super) watermark: Option<Timestamp>,
    pub(super) pending: BinaryHeap<Reverse<Pending>>,
    pub(super) trackers: HashMap<DeviceId, Tracker>,
    pub(super) positions: Windows<DeviceId, PositionSums>,
    pub(super) roads: Windows<Text, RoadTally>,
    pub(super) air: Windows<DeviceId, AirSums>,
    pub(super) minutes: Windows<Text, MinuteTally>,
    pub(super) travel: Windows<Text, TravelSums>,
    pub(super) bays: Bays,
    pub(super) emergencies: Emergencies,
    pub(super) watch: Watch,
    /// When the silent were last looked for [ms].
    pub(super) swept: i64,
    pub(super) counts: AnalystCounts,
    /// Whether it makes windows from the history and watches nothing.
    batch: bool,
    rows: Vec<Row>,
}

impl Analyst {
    /// An analyst that has seen nothing.
    pub fn new(settings: AnalystSettings) -> Self {
        let lateness = settings.lateness.as_milliseconds();
        let watch = Watch::new(settings.partition, &settings.geofences);
        Self {
            settings,
            watermark: None,
            pending: BinaryHeap::new(),
            trackers: HashMap::new(),
            positions: Windows::new(positions::LENGTH, lateness),
            roads: Windows::new(roads::LENGTH, lateness),
            air: Windows::new(air::LENGTH, lateness),
            minutes: Windows::new(minutes::LENGTH, lateness),
            travel: Windows::new(travel::LENGTH, lateness),
            bays: Bays::default(),
            emergencies: Emergencies::default(),
            watch,
            swept: i64::MIN,
            counts: AnalystCounts::default(),
            batch: false,
            rows: Vec::new(),
        }
    }

    /// An analyst that makes windows from the history: it waits for no watermark and watches nothing.
    pub(super) fn for_batch(settings: AnalystSettings) -> Self {
        Self { batch: true, ..Self::new(settings) }
    }

    /// Takes the next record of a device's history.
    pub(super) fn batch(&mut self, record: &Record) {
        self.counts.observed += 1;
        self.sum_up(record, false);
    }

    /// A device's history is complete: gives what is about this device alone, and forgets it.
    pub(super) fn settle(&mut self, rows: &mut Vec<Row>) {
        self.positions.drain(|start, device, sums| rows.push(Row::Position(sums.row(start, device.as_str()))));
        self.air.drain(|start, device, sums| rows.push(Row::Air(sums.row(start, device.as_str()))));
        self.trackers.clear();
    }

    /// Takes the next trusted record, and the intake's watermark after it.
    ///
    /// The watermark is asked for with every record, so that what is found depends on the records alone and not on how they were
    /// cut into batches.
    pub fn observe(&mut self, record: &Record, watermark: Option<Timestamp>) {
        if let Some(watermark) = watermark {
            self.advance(watermark);
        }
        self.counts.observed += 1;
        if let Some(watermark) = self.watermark {
            self.watch.arrive(record, watermark.as_milliseconds(), self.counts.observed, &mut self.rows);
        }
        match &record.reading {
            Reading::Call(reading) => {
                if let Some(row) = self.emergencies.call(record, reading) {
                    self.watch.tell(&mut self.rows, journal::of_call(record.time, &row));
                    self.rows.push(Row::Call(row));
                }
            }
            Reading::Incident(reading) => {
                if let Some(row) = self.emergencies.incident(record, reading) {
                    self.watch.tell(&mut self.rows, journal::of_incident(record.time, &row));
                    self.rows.push(Row::Incident(row));
                }
            }
            Reading::Position(_)
            | Reading::LoopCount(_)
            | Reading::CameraCount(_)
            | Reading::Air(_)
            | Reading::Parking(_)
            | Reading::Weather(_)
            | Reading::Signal(_)
            | Reading::Unit(_)
            | Reading::Hospital(_)
            | Reading::Health(_) => self.wait(record),
        }
    }

    /// Time has passed: sums up what waited for it, and tells what ended before it. A watermark that is not newer does nothing.
    pub fn advance(&mut self, watermark: Timestamp) {
        if self.watermark.is_some_and(|known| watermark <= known) {
            return;
        }
        self.watermark = Some(watermark);
        while self.pending.peek().is_some_and(|first| first.0.0.time < watermark) {
            if let Some(Reverse(Pending(record))) = self.pending.pop() {
                self.watch.pass(record.time.as_milliseconds(), &mut self.rows);
                self.sum_up(&record, false);
            }
        }
        let now = watermark.as_milliseconds();
        self.watch.pass(now, &mut self.rows);
        self.pass(now);
        self.tell(Some(now));
        if now.saturating_sub(self.swept) >= SWEEP {
            self.swept = now;
            self.trackers.retain(|_, tracker| now - tracker.heard <= IDLE_MAX);
            self.emergencies.let_go(now);
        }
    }

    /// The stream has ended: sums up and tells everything.
    pub fn finish(&mut self) {
        let mut last = None;
        while let Some(Reverse(Pending(record))) = self.pending.pop() {
            last = Some(record.time);
            self.watch.pass(record.time.as_milliseconds(), &mut self.rows);
            self.sum_up(&record, false);
        }
        if let Some(last) = last {
            self.pass(last.as_milliseconds());
        }
        // The window under way is told as it stands, and stays under way: ending twice tells the same.
        let (rows, partition) = (&mut self.rows, Some(self.settings.partition));
        self.bays.stand(|start, road, bays, taken| {
            rows.push(Row::Parking(ParkingWindow { road: Text::clone(road), start, partition, bays, taken }));
        });
        self.tell(None);
    }

    /// The rows found since they were last fetched; a later row replaces an earlier one of the same table and key.
    pub fn take_rows(&mut self) -> Vec<Row> {
        let (rows, settings) = (&mut self.rows, &self.settings);
        self.positions.correct(|start, device, sums| rows.push(Row::Position(sums.row(start, device.as_str()))));
        self.roads.correct(|start, road, tally| rows.push(road_row(settings, start, road, tally)));
        self.air.correct(|start, device, sums| rows.push(Row::Air(sums.row(start, device.as_str()))));
        self.minutes.correct(|start, road, tally| rows.push(minute_row(settings, start, road, tally)));
        self.travel.correct(|start, road, sums| rows.extend(travel_row(settings, start, road, *sums)));
        std::mem::take(&mut self.rows)
    }

    /// How many events were told since the partition began.
    pub const fn events(&self) -> u64 {
        self.watch.journal.told
    }

    /// What became of records beyond the ordinary.
    pub fn counts(&self) -> AnalystCounts {
        let mut counts = self.counts;
        counts.crowded += self.bays.crowded + self.emergencies.crowded + self.watch.crowded();
        (counts.positions, counts.roads, counts.air) = (self.positions.counts, self.roads.counts, self.air.counts);
        (counts.minutes, counts.travel) = (self.minutes.counts, self.travel.counts);
        counts
    }

    fn wait(&mut self, record: &Record) {
        if self.watermark.is_some_and(|watermark| record.time < watermark) {
            self.counts.late += 1;
            self.sum_up(record, true);
            return;
        }
        self.pending.push(Reverse(Pending(record.clone())));
        if self.pending.len() > PENDING_MAX
            && let Some(Reverse(Pending(first))) = self.pending.pop()
        {
            self.counts.hurried += 1;
            self.sum_up(&first, false);
        }
    }

    fn sum_up(&mut self, record: &Record, late: bool) {
        let time = record.time.as_milliseconds();
        if !late && !self.batch {
            self.watch.see(record, self.settings.roads.as_deref(), &mut self.rows);
        }
        let middle = |period_s: u32| time - i64::from(period_s) * 500;
        match &record.reading {
            Reading::Position(reading) => self.position(record, reading, late),
            Reading::LoopCount(reading) => {
                if let Some(tally) = self.roads.at(&reading.road_id, middle(reading.period_s)) {
                    tally.add_loop(reading);
                }
                if let Some(tally) = self.minutes.at(&reading.road_id, time - 1) {
                    tally.add_loop(reading);
                }
            }
            Reading::CameraCount(reading) => {
                if let Some(tally) = self.roads.at(&reading.road_id, middle(reading.period_s)) {
                    tally.add_camera(reading);
                }
                if let Some(tally) = self.minutes.at(&reading.road_id, time - 1) {
                    tally.add_camera(reading);
                }
            }
            Reading::Air(reading) => {
                if let Some(sums) = self.air.at(&record.device, time) {
                    sums.add(reading);
                }
            }
            Reading::Parking(reading) => {
                self.pass(time);
                self.bays.tell(record, reading);
            }
            _ => {}
        }
    }

    /// Event time passes for what has a state at every instant.
    fn pass(&mut self, now: i64) {
        let (rows, partition) = (&mut self.rows, Some(self.settings.partition));
        self.bays.pass(now, |start, road, bays, taken| {
            rows.push(Row::Parking(ParkingWindow { road: Text::clone(road), start, partition, bays, taken }));
        });
    }

    /// Tells windows that ended before an instant [ms]; all of them without one.
    fn tell(&mut self, now: Option<i64>) {
        let (rows, settings) = (&mut self.rows, &self.settings);
        let position = |rows: &mut Vec<Row>, start, device: &DeviceId, sums: &PositionSums| {
            rows.push(Row::Position(sums.row(start, device.as_str())));
        };
        let air = |rows: &mut Vec<Row>, start, device: &DeviceId, sums: &AirSums| {
            rows.push(Row::Air(sums.row(start, device.as_str())));
        };
        if let Some(now) = now {
            self.positions.advance(now, |start, device, sums| position(rows, start, device, sums));
            self.roads.advance(now, |start, road, tally| rows.push(road_row(settings, start, road, tally)));
            self.air.advance(now, |start, device, sums| air(rows, start, device, sums));
            self.minutes.advance(now, |start, road, tally| rows.push(minute_row(settings, start, road, tally)));
            self.travel.advance(now, |start, road, sums| rows.extend(travel_row(settings, start, road, *sums)));
        } else {
            self.positions.finish(|start, device, sums| position(rows, start, device, sums));
            self.roads.finish(|start, road, tally| rows.push(road_row(settings, start, road, tally)));
            self.air.finish(|start, device, sums| air(rows, start, device, sums));
            self.minutes.finish(|start, road, tally| rows.push(minute_row(settings, start, road, tally)));
            self.travel.finish(|start, road, sums| rows.extend(travel_row(settings, start, road, *sums)));
        }
    }
}

fn road_row(settings: &AnalystSettings, start: Timestamp, road: &Text, tally: &RoadTally) -> Row {
    let known = settings.roads.as_ref().and_then(|roads| {
        let road = roads.find(road)?;
        Some((roads.free_speed(road), roads.lanes(road)))
    });
    Row::Road(RoadWindow::of(road, start, Some(settings.partition), known, tally.sums.clone()))
}

fn minute_row(settings: &AnalystSettings, start: Timestamp, road: &Text, tally: &MinuteTally) -> Row {
    let known = settings.roads.as_ref().and_then(|roads| {
        let road = roads.find(road)?;
        Some((roads.length(road), roads.free_speed(road), roads.lanes(road)))
    });
    Row::Minute(tally.row(road, start, Some(settings.partition), known))
}

/// The row of a road's travel times; none of a road that is unknown, and has no length.
fn travel_row(settings: &AnalystSettings, start: Timestamp, road: &Text, sums: TravelSums) -> Option<Row> {
    let roads = settings.roads.as_ref()?;
    let known = roads.find(road)?;
    let known = (roads.length(known), roads.free_speed(known));
    Some(Row::Travel(TravelWindow::of(road, start, Some(settings.partition), known, sums)))
}
