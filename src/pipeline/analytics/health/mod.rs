//! The health of devices, judged by what they tell, in event time: silent, stuck, implausible, drifted, wrong clock, empty battery.
//!
//! A partition sees a part of the devices, so each verdict is one that holds without seeing the others: against the device's own
//! past, against physics, and against the trackers that the partition itself saw pass a counter. Judges of one kind of device
//! each stand in files of their own; here their findings become events, once when a complaint begins and once when it ends.
//! The statistics of single-loop faults follow Chen, Kwon, Rice, Skabardonis, Varaiya (2003, "Detecting errors and imputing
//! missing data for single-loop surveillance systems", Transp. Res. Rec. 1855): samples of zero, of occupancy without flow, and
//! of constant values; theirs are of days, these are runs of samples, so that minutes suffice where the evidence does.
//!
//! Not found: what looks like a healthy device on another road, such as a loop that hears a few per cent of the next lane, a camera
//! in rain, or a bay that missed one vehicle. Trackers, ambulances, hospitals, calls and incidents are never called silent: they
//! speak when something happens, and a vehicle may leave the city.
//!
//! Limits: [`DEVICES_MAX`] devices; readings of further ones are counted and not judged. A device unheard of for
//! [`FORGOTTEN_AFTER`] is forgotten, with what was said against it.

mod air;
mod battery;
mod clock;
mod counters;
mod movers;
mod sameness;
mod silence;
mod state;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use self::air::Panel;
use self::battery::Battery;
use self::clock::ClockWatch;
use self::counters::Counter;
use self::movers::Mover;
use self::sameness::Sameness;
use self::silence::Cadence;
use super::event::EventKind;
use super::journal::News;
use super::road_index::{RoadIndex, RoadRef};
use crate::telemetry::field::Text;
use crate::telemetry::reading::Severity;
use crate::telemetry::{DeviceId, Reading, ReadingKind, Record};

pub(super) use self::state::HealthState;

/// Most devices judged in a partition.
pub(super) const DEVICES_MAX: usize = 1_000_000;
/// How long a device is remembered that tells nothing [ms].
const FORGOTTEN_AFTER: i64 = 7 * 86_400_000;
/// A partition in which nobody speaks for so long is cut off itself, and nobody's silence is held against him [ms]; at least, and
/// in its usual gaps between records. Less than the shortest silence that is called one, by more than the period of any device
/// that is allowed so little.
const PAUSE: i64 = 60_000;
const PAUSE_GAPS: i64 = 8;
/// Records over which its usual gap is smoothed, and the longest gap that counts [ms].
const PACE: i64 = 64;
const GAP_MAX: i64 = 600_000;
/// How often devices to be forgotten are looked for [ms].
const SWEEP: i64 = 3_600_000;

/// What can be said against a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Complaint {
    Silent,
    Stuck,
    Implausible,
    Drifted,
    ClockWrong,
    BatteryLow,
}

impl Complaint {
    const fn kind(self) -> EventKind {
        match self {
            Self::Silent => EventKind::SensorSilent,
            Self::Stuck => EventKind::SensorStuck,
            Self::Implausible => EventKind::SensorImplausible,
            Self::Drifted => EventKind::SensorDrifted,
            Self::ClockWrong => EventKind::SensorClockWrong,
            Self::BatteryLow => EventKind::SensorBatteryLow,
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }

    const fn severity(self) -> Severity {
        match self {
            Self::Silent | Self::Stuck | Self::Implausible | Self::ClockWrong => Severity::Medium,
            Self::Drifted | Self::BatteryLow => Severity::Low,
        }
    }
}

/// What a judge found: a complaint with its sentence, or that there is none (any more).
type Finding = (Complaint, Option<String>);

/// What is remembered of a device beside its cadence and its clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Memory {
    Counter(Counter),
    Mover(Mover),
    Measures(Sameness),
    Bay(Battery, Sameness),
    Battery(Battery),
    Nothing,
}

/// What is remembered of a device.
#[derive(Debug, Clone, PartialEq)]
struct Device {
    kind: ReadingKind,
    /// Time of its last record in order [ms].
    heard: i64,
    /// When it was last known to be there: later than that if its records come late [ms].
    present: i64,
    /// Complaints, by bit.
    against: u8,
    road: Option<Text>,
    /// Latitude and longitude [deg].
    place: Option<(f64, f64)>,
    cadence: Cadence,
    /// When its silence will be looked at, at the latest [ms]; not kept, because looking early does no harm.
    looked_at: i64,
    clock: ClockWatch,
    memory: Memory,
}

/// The health of a partition's devices.
#[derive(Debug, Default)]
pub(super) struct Health {
    devices: HashMap<DeviceId, Device>,
    /// Who may have been silent for too long at an instant [ms]; looked at then, and not before.
    due: BTreeMap<i64, BTreeSet<DeviceId>>,
    /// Counters by road, with their place along it [m].
    posts: HashMap<RoadRef, Vec<(f64, DeviceId)>>,
    panel: Panel,
    /// Time of the latest record [ms]; none before the first.
    newest: Option<i64>,
    /// Since when somebody speaks again [ms].
    resumed: i64,
    /// Smoothed gap between records, times [`PACE`] [ms].
    pace: i64,
    /// Readings of devices beyond those remembered.
    pub(super) crowded: u64,
}

impl Health {
    /// A record in the order of time: judges it.
    pub(super) fn see(&mut self, record: &Record, roads: Option<&RoadIndex>, mut tell: impl FnMut(News)) {
        let time = record.time.as_milliseconds();
        let gap = self.newest.map_or(i64::MAX, |newest| time.saturating_sub(newest));
        if gap > self.pause() {
            self.resumed = time;
        }
        self.pace += gap.clamp(0, GAP_MAX) - self.pace / PACE;
        self.newest = Some(self.newest.map_or(time, |newest| newest.max(time)));
        let kind = record.kind();
        if matches!(kind, ReadingKind::Call | ReadingKind::Incident) {
            return;
        }
        if !self.devices.contains_key(&record.device) {
            if self.devices.len() >= DEVICES_MAX {
                self.crowded += 1;
                return;
            }
            let mut device = Device::new(kind, time);
            device.meet(&record.reading);
            self.enter(record.device.clone(), device, roads);
        }
        let Some(device) = self.devices.get_mut(&record.device) else { return };
        // One device tells one kind of reading; what else comes under its name is not its own.
        if device.kind != kind || time < device.heard {
            return;
        }
        let findings = device.judge(record, self.resumed, roads);
        if let Reading::Air(air) = &record.reading {
            self.panel.see(&record.device, air);
        }
        device.heard = time;
        device.present = device.present.max(time);
        for finding in findings {
            device.conclude(&record.device, time, finding, &mut tell);
        }
        // Its habit has become shorter than it was, or it has come back.
        let deadline = device.present.max(self.resumed).saturating_add(device.tolerance());
        if device.has_cadence() && deadline < device.looked_at {
            device.looked_at = deadline;
            self.due.entry(deadline).or_default().insert(record.device.clone());
        }
    }

    /// A record as it arrives, with the watermark before it [ms] and how many records the partition has seen: judges its clock.
    ///
    /// The only judgement by the order of arrival: it is about the difference between a device's clock and the others'.
    pub(super) fn arrive(&mut self, record: &Record, watermark: i64, observed: u64, mut tell: impl FnMut(News)) {
        let Some(device) = self.devices.get_mut(&record.device) else { return };
        let offset = record.time.as_milliseconds().saturating_sub(watermark);
        let Some(finding) = device.clock.see(offset, watermark, observed) else { return };
        device.conclude(&record.device, watermark, finding, &mut tell);
        if offset < 0 {
            // Late, but not silent.
            device.present = device.present.max(watermark);
        }
    }

    /// A tracker moved along a road between two places [m]: past whose counters?
    pub(super) fn passed(&mut self, road: RoadRef, from: f64, to: f64) {
        let Some(posts) = self.posts.get(&road) else { return };
        for (_, device) in posts.iter().filter(|(place, _)| from < *place && *place <= to) {
            if let Some(Device { memory: Memory::Counter(counter), .. }) = self.devices.get_mut(device) {
                counter.passed();
            }
        }
    }

    /// A minute of event time has ended: who has been silent for too long, and whose measures have moved away from the others'.
    pub(super) fn minute(&mut self, now: i64, mut tell: impl FnMut(News)) {
        // Nobody spoke: the partition is cut off, and nobody is to blame.
        if self.newest.is_none_or(|newest| now.saturating_sub(newest) > self.pause()) {
            return;
        }
        while let Some(entry) = self.due.first_entry()
            && *entry.key() <= now
        {
            for id in entry.remove() {
                let Some(device) = self.devices.get_mut(&id) else { continue };
                let deadline = device.present.max(self.resumed).saturating_add(device.tolerance());
                if deadline > now {
                    device.looked_at = deadline;
                    self.due.entry(deadline).or_default().insert(id);
                    continue;
                }
                device.looked_at = i64::MAX;
                let silent = now.saturating_sub(device.present) / 1000;
                let usual = device.cadence.usual() / 1000;
                let says = format!("{id} has told nothing for {silent} s; it usually tells something every {usual} s");
                device.conclude(&id, now, (Complaint::Silent, Some(says)), &mut tell);
            }
        }
        for (id, finding) in self.panel.minute(now) {
            if let Some(device) = self.devices.get_mut(&id) {
                device.conclude(&id, now, finding, &mut tell);
            }
        }
        if now.rem_euclid(SWEEP) == 0 {
            self.forget(now);
        }
    }

    /// How long nobody speaks in a partition that is cut off [ms].
    fn pause(&self) -> i64 {
        (self.pace / PACE).saturating_mul(PAUSE_GAPS).max(PAUSE)
    }

    /// Forgets who has not been heard of for long.
    fn forget(&mut self, now: i64) {
        let before = self.devices.len();
        self.devices.retain(|_, device| now.saturating_sub(device.heard) <= FORGOTTEN_AFTER);
        if self.devices.len() < before {
            for posts in self.posts.values_mut() {
                posts.retain(|(_, id)| self.devices.contains_key(id));
            }
            self.posts.retain(|_, posts| !posts.is_empty());
            self.panel.retain(|id| self.devices.contains_key(id));
        }
    }

    /// A device joins those that are known: counters stand beside their roads, and silence will be noticed.
    fn enter(&mut self, id: DeviceId, mut device: Device, roads: Option<&RoadIndex>) {
        if let (Memory::Counter(counter), Some(roads)) = (&mut device.memory, roads)
            && let (Some(name), Some((latitude, longitude))) = (&device.road, device.place)
            && let Some(road) = roads.find(name)
            && let Some(place) = roads.along(road, longitude, latitude)
        {
            counter.stands_on(roads.lanes(road));
            self.posts.entry(road).or_default().push((place, id.clone()));
        }
        if device.has_cadence() {
            // Looked at soon, because its habit is learnt only now; whoever is silent by then is asked about again.
            device.looked_at = device.present.max(self.resumed).saturating_add(silence::FLOOR);
            self.due.entry(device.looked_at).or_default().insert(id.clone());
        }
        self.devices.insert(id, device);
    }
}

impl Device {
    fn new(kind: ReadingKind, heard: i64) -> Self {
        let memory = match kind {
            ReadingKind::LoopCount | ReadingKind::CameraCount => Memory::Counter(Counter::default()),
            ReadingKind::Position | ReadingKind::Unit => Memory::Mover(Mover::default()),
            ReadingKind::Air | ReadingKind::Weather => Memory::Measures(Sameness::default()),
            ReadingKind::Parking => Memory::Bay(Battery::default(), Sameness::default()),
            ReadingKind::Health => Memory::Battery(Battery::default()),
            ReadingKind::Signal | ReadingKind::Hospital | ReadingKind::Call | ReadingKind::Incident => Memory::Nothing,
        };
        let (cadence, clock) = (Cadence::default(), ClockWatch::default());
        Self {
            kind,
            heard,
            present: heard,
            against: 0,
            road: None,
            place: None,
            cadence,
            looked_at: i64::MAX,
            clock,
            memory,
        }
    }

    /// Where it stands, if it does.
    fn meet(&mut self, reading: &Reading) {
        let (road, place) = match reading {
            Reading::LoopCount(one) => (Some(&one.road_id), Some((one.latitude, one.longitude))),
            Reading::CameraCount(one) => (Some(&one.road_id), Some((one.latitude, one.longitude))),
            Reading::Parking(one) => (Some(&one.road_id), Some((one.latitude, one.longitude))),
            Reading::Air(one) => (None, Some((one.latitude, one.longitude))),
            Reading::Weather(one) => (None, Some((one.latitude, one.longitude))),
            Reading::Signal(one) => (None, Some((one.latitude, one.longitude))),
            Reading::Hospital(one) => (None, Some((one.latitude, one.longitude))),
            _ => (None, None),
        };
        (self.road, self.place) = (road.cloned(), place);
    }

    /// Whether it is expected to speak even if nothing happens.
    const fn has_cadence(&self) -> bool {
        matches!(
            self.kind,
            ReadingKind::LoopCount
                | ReadingKind::CameraCount
                | ReadingKind::Air
                | ReadingKind::Weather
                | ReadingKind::Parking
                | ReadingKind::Signal
                | ReadingKind::Health
        )
    }

    /// Whether it speaks when something happens, beside its heartbeat.
    const fn is_eventful(&self) -> bool {
        matches!(self.kind, ReadingKind::Parking | ReadingKind::Signal | ReadingKind::Health)
    }

    /// How long it may be silent [ms].
    fn tolerance(&self) -> i64 {
        self.cadence.tolerance(self.is_eventful())
    }

    /// Everything its record says about its health.
    fn judge(&mut self, record: &Record, resumed: i64, roads: Option<&RoadIndex>) -> Vec<Finding> {
        let time = record.time.as_milliseconds();
        let mut findings = Vec::new();
        if self.has_cadence() {
            let was_silent = self.against & Complaint::Silent.bit() != 0;
            // What was silence is no habit of who tells period after period, and everybody's is nobody's.
            if (!was_silent || self.is_eventful()) && self.heard >= resumed {
                self.cadence.learn(time - self.heard);
            }
            findings.push((Complaint::Silent, None));
        }
        let name = record.device.as_str();
        match (&mut self.memory, &record.reading) {
            (Memory::Counter(counter), Reading::LoopCount(reading)) => {
                counter.see_loop(name, time, reading, &mut findings);
            }
            (Memory::Counter(counter), Reading::CameraCount(reading)) => {
                let lanes = roads.and_then(|roads| Some(roads.lanes(roads.find(&reading.road_id)?)));
                counter.see_camera(name, time, reading, lanes, &mut findings);
            }
            (Memory::Mover(mover), Reading::Position(reading)) => mover.see(name, time, reading, &mut findings),
            (Memory::Mover(mover), Reading::Unit(reading)) => {
                mover.moved(name, time, (reading.latitude, reading.longitude), &mut findings);
            }
            (Memory::Measures(same), Reading::Air(air)) => {
                let values = [air.pm2_5, air.pm10, air.no2, air.o3, air.co, air.temperature, air.humidity];
                same.see_measures(name, time, &values, &mut findings);
            }
            (Memory::Measures(same), Reading::Weather(one)) => {
                let values = [one.temperature, one.humidity, one.wind_speed, one.wind_direction, one.visibility];
                same.see_measures(name, time, &values, &mut findings);
            }
            (Memory::Bay(_, same), Reading::Parking(reading)) => {
                Battery::see_cell(name, reading.battery_v, &mut findings);
                same.see_bay(name, time, reading.occupied, &mut findings);
            }
            (Memory::Battery(battery), Reading::Health(reading)) => {
                if let Some(volts) = reading.battery_v {
                    battery.see(name, volts, &mut findings);
                }
                let complains = reading.message.as_ref().filter(|message| !message.is_empty());
                let says = complains.map(|message| format!("{name} says of itself: {message}"));
                findings.push((Complaint::Implausible, says));
            }
            (_, Reading::Hospital(one)) => {
                let says = (one.bays_taken > one.bays)
                    .then(|| format!("{name} tells {} bays taken of {}", one.bays_taken, one.bays));
                findings.push((Complaint::Implausible, says));
            }
            _ => {}
        }
        findings
    }

    /// A finding becomes an event if it is new.
    fn conclude(&mut self, id: &DeviceId, at: i64, (complaint, says): Finding, tell: &mut impl FnMut(News)) {
        let stands = self.against & complaint.bit() != 0;
        let word = complaint.kind().word().trim_start_matches("sensor_");
        let (kind, severity, says) = match (says, stands) {
            (Some(says), false) => (complaint.kind(), complaint.severity(), says),
            (None, true) => {
                (EventKind::SensorWell, Severity::Low, format!("{id} is well again, after {}", word.replace('_', " ")))
            }
            _ => return,
        };
        self.against ^= complaint.bit();
        tell(News {
            severity,
            road: self.road.clone(),
            status: Some(Text::from(word)),
            place: self.place,
            ..News::new(kind, at, id.as_str(), says)
        });
    }
}

#[cfg(test)]
mod tests;
