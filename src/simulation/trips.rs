//! Trips while they are being made: what is noted when a vehicle enters, is moved as a last resort, and arrives.

use super::outcome::Trip;
use super::traffic::body::Body;
use crate::primitives::column::Column;
use crate::primitives::ids::{LaneId, VehicleId};
use crate::primitives::{Distance, SimDuration, SimTime, Speed};

/// What is known of a vehicle that has entered.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct Entry {
    pub depart: SimTime,
    pub delay: SimDuration,
    pub lane: u32,
    pub position: f64,
    pub speed: f64,
    pub moves: u32,
}

/// All trips. Who has entered or arrived does not change any more, so forks share those rows.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Trips {
    entries: Column<Option<Entry>>,
    done: Column<Trip>,
    duration_sum: f64,
    delay_sum: f64,
    entered: u32,
}

impl Trips {
    pub(crate) fn new(vehicles: usize) -> Self {
        let mut entries = Column::default();
        entries.extend_to(vehicles, &None);
        Self { entries, done: Column::default(), duration_sum: 0.0, delay_sum: 0.0, entered: 0 }
    }

    pub(crate) fn enter(&mut self, vehicle: u32, entry: Entry) {
        self.delay_sum += entry.delay.as_seconds();
        self.entered += 1;
        *self.entries.get_mut(vehicle as usize) = Some(entry);
    }

    pub(crate) fn moved_as_last_resort(&mut self, vehicle: u32) {
        if let Some(entry) = self.entries.get_mut(vehicle as usize) {
            entry.moves += 1;
        }
    }

    /// Ends a trip; `overshoot` is how far the last step carried the body past its destination [m].
    pub(crate) fn arrive(&mut self, body: &Body, lane: u32, position: f64, overshoot: f64, at: SimTime) {
        if let Some(trip) = self.trip(body, lane, position, overshoot, at, true) {
            self.duration_sum += trip.duration.as_seconds();
            self.done.push(trip);
        }
    }

    fn trip(&self, body: &Body, lane: u32, position: f64, overshoot: f64, at: SimTime, over: bool) -> Option<Trip> {
        let entry = self.entries[body.id as usize]?;
        Some(Trip {
            vehicle: VehicleId::new(body.id as usize),
            depart: entry.depart,
            depart_delay: entry.delay,
            depart_lane: LaneId::new(entry.lane as usize),
            depart_position: Distance::metres(entry.position),
            depart_speed: Speed::metres_per_second(entry.speed),
            arrival: over.then_some(at),
            arrival_lane: LaneId::new(lane as usize),
            arrival_position: Distance::metres(position),
            arrival_speed: Speed::metres_per_second(body.speed),
            duration: at - entry.depart,
            route_length: Distance::metres((body.travelled - overshoot).max(0.0)),
            waiting_time: SimDuration::seconds(body.waiting_total),
            waiting_count: body.waiting_count,
            stop_time: SimDuration::seconds(body.stop_time),
            time_loss: SimDuration::seconds(body.time_loss),
            speed_factor: body.speed_factor,
            last_resort_moves: entry.moves,
        })
    }

    /// When a vehicle last entered, and when it last arrived since [s].
    pub(crate) fn of(&self, vehicle: u32) -> (Option<SimTime>, Option<SimTime>) {
        let entered = self.entries[vehicle as usize].map(|entry| entry.depart);
        let own = self.done.iter().filter(|trip| trip.vehicle.raw() == vehicle).filter_map(|trip| trip.arrival).last();
        (entered, own.filter(|&arrived| entered.is_none_or(|entered| arrived >= entered)))
    }

    pub(crate) fn arrived(&self) -> usize {
        self.done.len()
    }

    /// Mean time on the road of those who arrived [s].
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53 trips")]
    pub(crate) fn duration_mean(&self) -> f64 {
        if self.done.is_empty() { 0.0 } else { self.duration_sum / self.done.len() as f64 }
    }

    /// Mean time waited for room of those who entered [s].
    pub(crate) fn delay_mean(&self) -> f64 {
        if self.entered == 0 { 0.0 } else { self.delay_sum / f64::from(self.entered) }
    }

    /// Everything, with the trips of those still on the road (body and lane) at the end, by vehicle.
    pub(crate) fn finish(self, unfinished: &[(&Body, u32)], at: SimTime) -> Vec<Trip> {
        let mut rest: Vec<Trip> =
            unfinished.iter().filter_map(|(body, lane)| self.trip(body, *lane, body.pos, 0.0, at, false)).collect();
        rest.sort_by_key(|t| t.vehicle);
        self.done.iter().cloned().chain(rest).collect()
    }
}
