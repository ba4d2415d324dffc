//! What a fix of a tracker adds: to its vehicle's minute, to its road's windows, to the road's travel times.
//!
//! Each tracker is remembered with its last road and its place on it, so that the next fix tells which counters it passed, when it
//! came from one road to the next, and since when it has stood.
//!
//! Limit: [`TRACKERS_MAX`]; readings of further ones are counted and left out.

use super::analyst::Analyst;
use super::incidents::HELD_AFTER;
use super::minutes::OnRoad;
use super::positions::Fixed;
use super::road_index::RoadRef;
use super::roads;
use super::row::thousandths;
use super::travel;
use crate::telemetry::Record;
use crate::telemetry::field::Text;
use crate::telemetry::reading::Position;

/// From this speed on a vehicle moves, and below the other it stands, whatever its receiver errs [km/h]; between, it does what
/// it did.
const MOVING: f64 = 10.0;
const STANDING: f64 = 5.0;
/// The longest pause between two fixes over which a vehicle is believed to have stood [ms].
const STAND_PAUSE: i64 = 120_000;
/// Most trackers remembered.
const TRACKERS_MAX: usize = 1_000_000;

/// What is remembered of a tracker.
#[derive(Debug, Clone, Default)]
pub(super) struct Tracker {
    /// Its last fix.
    pub(super) last: Option<Fixed>,
    /// The road of its last fix.
    pub(super) road: Option<RoadRef>,
    /// How far along that road it was [m].
    pub(super) along: Option<f64>,
    /// When it came to that road, if it was seen to [ms].
    pub(super) entered: Option<i64>,
    /// Since when it has stood [ms].
    pub(super) stands: Option<i64>,
    /// When it last told anything [ms].
    pub(super) heard: i64,
    /// Road and window it was last counted in; spares a look-up, and need not be kept.
    pub(super) counted: Option<(RoadRef, i64)>,
}

impl Tracker {
    /// Takes note of whether it stands.
    fn stand(&mut self, time: i64, reading: &Position) {
        let paused = self.last.is_some_and(|last| time - last.time > STAND_PAUSE);
        let speed = reading.speed.unwrap_or(MOVING);
        if !reading.ignition || paused || speed >= MOVING {
            self.stands = None;
        }
        if reading.ignition && speed < STANDING {
            self.stands.get_or_insert(time);
        }
    }

    /// Where it was and when, if that was on a road.
    fn seen(&self) -> Option<travel::Seen> {
        Some((self.road?, self.along?, self.last?.time))
    }
}

impl Analyst {
    /// A tracker's reading, in the order of time or late.
    pub(super) fn position(&mut self, record: &Record, reading: &Position, late: bool) {
        let time = record.time.as_milliseconds();
        if self.trackers.len() >= TRACKERS_MAX && !self.trackers.contains_key(&record.device) {
            self.counts.crowded += 1;
            return;
        }
        let roads = self.settings.roads.clone();
        let tracker = self.trackers.entry(record.device.clone()).or_default();
        let fixed = Fixed::of(record, reading);
        let road = match (&fixed, &roads) {
            (Some(fixed), Some(roads)) => {
                let road = roads.road_at(fixed.longitude, fixed.latitude, reading.direction, tracker.road);
                self.counts.unmatched += u64::from(road.is_none());
                road
            }
            _ => None,
        };
        let name = road.zip(roads.as_ref()).map(|(road, roads)| roads.name(road));
        if let Some(sums) = self.positions.at(&record.device, time) {
            let before = if late { None } else { tracker.last.as_ref() };
            sums.add(record, reading, fixed, before, name);
        }
        if !late {
            tracker.heard = time;
        }
        let Some(fixed) = fixed else { return };
        let along = road.zip(roads.as_ref());
        let along = along.and_then(|(road, roads)| roads.along(road, fixed.longitude, fixed.latitude));
        let before = tracker.seen();
        let mut held = false;
        if !late {
            tracker.stand(time, reading);
            held = tracker.stands.is_some_and(|since| time - since >= HELD_AFTER);
            (tracker.last, tracker.road, tracker.along) = (Some(fixed), road, along);
        }
        let moves = reading.speed.is_some_and(|speed| speed >= MOVING);
        // A vehicle that has parked is no traffic, though its tracker speaks on.
        if let (true, Some(road), Some(name)) = (reading.ignition, road, name) {
            if let Some(tally) = self.roads.at(name, time) {
                let counted = Some((road, time.div_euclid(roads::LENGTH)));
                tally.add_fix(record.device.as_str(), reading.speed, tracker.counted == counted);
                tracker.counted = counted;
            }
            let (device, speed) = (record.device.as_str(), reading.speed);
            let (bus, place) = (matches!(&*reading.vehicle_class, "bus" | "coach"), (fixed.latitude, fixed.longitude));
            if let Some(tally) = self.minutes.at(name, time) {
                tally.add_fix(&OnRoad { device, along, speed, moves, held, bus, place });
            }
            if let Some(sums) = speed.and_then(|_| self.travel.at(name, time)) {
                sums.add_fix(thousandths(speed.unwrap_or_default()));
            }
        }
        if !late {
            let now = road.zip(along).map(|(road, along)| (road, along, time));
            self.drive(record, before, now, moves && reading.ignition);
        }
    }

    /// A vehicle came from one place to another: past counters, and over the border of a road.
    fn drive(&mut self, record: &Record, before: Option<travel::Seen>, now: Option<travel::Seen>, moves: bool) {
        let Some(roads) = self.settings.roads.clone() else { return };
        let Some(tracker) = self.trackers.get_mut(&record.device) else { return };
        let (Some(from), Some(to)) = (before, now) else {
            tracker.entered = None;
            return;
        };
        if from.0 == to.0 {
            // Who stands wanders by his receiver's errors, and passes nobody.
            if moves {
                self.watch.passed(from.0, from.1, to.1);
            }
            return;
        }
        let length = roads.length(from.0);
        let border = travel::border(from, to, length);
        let entered = std::mem::replace(&mut tracker.entered, border);
        if let Some(border) = border {
            if moves {
                self.watch.passed(from.0, from.1, length);
                self.watch.passed(to.0, 0.0, to.1);
            }
            let name: &Text = roads.name(from.0);
            if let Some(entered) = entered
                && let Some(sums) = self.travel.at(name, border)
            {
                sums.add_traversal(border - entered);
            }
        }
    }
}
