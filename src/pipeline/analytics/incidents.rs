//! Incidents that nobody has reported yet, recognised from the minutes of roads: vehicles that stand where no signal holds them.
//!
//! What a queue at a signal and an incident have in common is standing vehicles. An incident differs in that its vehicles stand for
//! longer than a red takes ([`HELD_AFTER`]), far from the road's end ([`END`]), with nobody standing that long between them and the
//! end. Vehicles that have stood so weigh 1, buses, which wait at stops and termini, [`BUS`]; what weighs [`WEIGHT`] for
//! [`MINUTES`] minutes in a row is suspected to be one, and anything that weighs 1 after [`LONG`] minutes. If the road's loops
//! or trackers tell a speed that is lower than their own past by [`DEVIATIONS`] standard deviations (the standard normal deviate:
//! Dudek, Messer, Nuckles 1974, "Incident detection on urban freeways", Transp. Res. Rec. 495), one vehicle less is enough. It is
//! over when nobody has stood there for [`CLEAR`] minutes.
//!
//! What disturbs nobody is not found: a closed lane of two on a road with seven vehicles a minute leaves no trace in any sensor.
//! Needs trackers in several of a hundred vehicles; with few, the head of a queue at a signal may carry none and its middle looks
//! like an incident, which is why one vehicle alone has to stand for long.
//!
//! Second stage of the analytics: takes the minutes of all partitions, in the order of time, each once all partitions have passed
//! it. Its whole state becomes bytes and comes back. Limits: [`ROADS_MAX`] roads; further ones are counted and not judged.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::event::{Event, EventKind};
use super::journal::News;
use super::minutes::{CELL, Cell, RoadMinute, merge_minutes};
use super::state::BadState;
use crate::primitives::Timestamp;
use crate::telemetry::field::Text;
use crate::telemetry::reading::Severity;

/// The partition under whose number the events of the whole city are told.
pub const CITY_PARTITION: u16 = u16::MAX;
/// The version of the state.
const VERSION: u32 = 1;
/// How long a vehicle stands before it counts [ms]; a red takes less, and so do most stops.
pub(super) const HELD_AFTER: i64 = 90_000;
/// Distance to the road's end from which on a standing vehicle counts, and from its beginning, where a vehicle of the crossing
/// before may seem to stand [m].
const END: f64 = 50.0;
const BEGIN: f64 = 15.0;
/// What a bus weighs, where other vehicles weigh 1.
const BUS: f64 = 0.5;
/// Weight that is suspicious, for how many minutes in a row, and for how many if it is only that of one vehicle.
const WEIGHT: f64 = 1.5;
const MINUTES: u32 = 2;
const LONG: u32 = 8;
/// Standard deviations below its own mean from which on a road's speed is unusual, and minutes that must be known.
const DEVIATIONS: f64 = 2.0;
const LEARNT: u32 = 15;
/// Weight of a minute in mean and variance of a road's speed: the last half hour or so.
const SMOOTHING: f64 = 0.05;
/// Least standard deviation of a road's speed [km/h].
const SIGMA_MIN: f64 = 3.0;
/// Fewest speeds that make a minute's mean.
const SPEEDS_MIN: u64 = 3;
/// Weight from which on it is severe.
const SEVERE: f64 = 5.0;
/// Minutes without anybody standing after which it is over.
const CLEAR: u32 = 3;
/// Most roads remembered.
const ROADS_MAX: usize = 200_000;

/// What is remembered of a road.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct Road {
    /// The last minute it was judged [ms].
    minute: i64,
    /// Mean and variance of its speed, and minutes they are made of [km/h].
    speed: (f64, f64, u32),
    /// Minutes in a row that were suspicious, and in which anybody stood.
    suspicious: u32,
    held: u32,
    /// Minutes in a row in which nobody stood.
    clear: u32,
    /// Name and place of what is suspected.
    suspected: Option<(Text, Option<(f64, f64)>)>,
}

/// Recognises incidents in the minutes of all roads.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct IncidentDetector {
    roads: BTreeMap<Text, Road>,
    /// The last minute judged [ms].
    minute: Option<i64>,
    events: u64,
    /// Rows of roads beyond those remembered.
    crowded: u64,
    /// Rows of minutes that had been judged already.
    stale: u64,
}

#[derive(Serialize, Deserialize)]
struct State {
    version: u32,
    roads: BTreeMap<Text, Road>,
    minute: Option<i64>,
    events: u64,
    crowded: u64,
    stale: u64,
}

/// What stands on a road in a minute, from the place farthest down the road on.
struct Standing {
    weight: f64,
    vehicles: u64,
    /// [m] to the road's end.
    to_end: f64,
    place: Option<(f64, f64)>,
}

impl IncidentDetector {
    /// One that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// One that has seen nothing and counts its events from a number on, for those whose detector's state is lost.
    pub fn numbering_from(events: u64) -> Self {
        Self { events, ..Self::default() }
    }

    /// Takes the rows of one minute, of all partitions and in whatever order, once no partition will tell more of it; what is
    /// suspected, and what is over. Minutes in which nobody saw anything may be left out.
    ///
    /// Rows of a minute that is not after the last one change nothing and are counted.
    pub fn minute(&mut self, start: Timestamp, rows: &[RoadMinute]) -> Vec<Event> {
        let now = start.as_milliseconds();
        if self.minute.is_some_and(|last| now <= last) {
            self.stale += rows.len() as u64;
            return Vec::new();
        }
        self.minute = Some(now);
        let mut parts: BTreeMap<&Text, Vec<RoadMinute>> = BTreeMap::new();
        for row in rows {
            if row.start == start {
                parts.entry(&row.road).or_default().push(row.clone());
            } else {
                self.stale += 1;
            }
        }
        let mut news = Vec::new();
        for (name, parts) in parts {
            if self.roads.len() >= ROADS_MAX && !self.roads.contains_key(name) {
                self.crowded += 1;
            } else if let Some(whole) = merge_minutes(&parts) {
                news.extend(self.roads.entry(Text::clone(name)).or_default().judge(now, &whole));
            }
        }
        // Roads that nobody saw: nobody stands there, as far as anybody knows.
        for (name, road) in self.roads.iter_mut().filter(|(_, road)| road.minute < now) {
            news.extend(road.unseen(name, now));
        }
        let events = news.into_iter().zip(self.events..);
        let events: Vec<Event> = events.map(|(news, number)| news.numbered(CITY_PARTITION, number)).collect();
        self.events += events.len() as u64;
        events
    }

    /// How many events were told.
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// The last minute judged; none before the first.
    pub fn reached(&self) -> Option<Timestamp> {
        self.minute.map(Timestamp::milliseconds)
    }

    /// Rows left out: of roads beyond those remembered, and of minutes that had been judged already.
    pub const fn left_out(&self) -> u64 {
        self.crowded + self.stale
    }

    /// Everything that decides later events; equal states give equal bytes.
    pub fn state(&self) -> Vec<u8> {
        let (roads, minute, events) = (self.roads.clone(), self.minute, self.events);
        let state = State { version: VERSION, roads, minute, events, crowded: self.crowded, stale: self.stale };
        let written = serde_json::to_vec(&state);
        debug_assert!(written.is_ok(), "text and finite numbers always become JSON");
        written.unwrap_or_default()
    }

    /// The detector whose state these bytes are.
    ///
    /// # Errors
    /// When they are no state, or one of another version.
    pub fn restore(bytes: &[u8]) -> Result<Self, BadState> {
        let state: State = serde_json::from_slice(bytes).map_err(|error| BadState::new(error.to_string()))?;
        if state.version != VERSION || state.roads.len() > ROADS_MAX {
            return Err(BadState::new(format!("version {}, and this program reads {VERSION}", state.version)));
        }
        let State { roads, minute, events, crowded, stale, .. } = state;
        Ok(Self { roads, minute, events, crowded, stale })
    }
}

impl Road {
    fn judge(&mut self, now: i64, row: &RoadMinute) -> Option<News> {
        self.minute = now;
        let slow = self.is_slow(row);
        let Some(standing) = standing(row) else { return self.unseen(&row.road, now) };
        self.clear = 0;
        self.held += 1;
        let wanted = if slow { WEIGHT - 1.0 } else { WEIGHT };
        self.suspicious = if standing.weight >= wanted { self.suspicious + 1 } else { 0 };
        let suspects = self.suspicious >= MINUTES || (self.held >= LONG && standing.weight >= 1.0);
        if !suspects || self.suspected.is_some() {
            return None;
        }
        let Standing { vehicles, to_end, place, weight } = standing;
        let name = Text::from(format!("{}@{}", row.road, Timestamp::milliseconds(now)));
        self.suspected = Some((Text::clone(&name), place));
        let seconds = HELD_AFTER / 1000;
        let says = format!(
            "{vehicles} vehicles have stood for more than {seconds} s on {}, {to_end:.0} m before its end",
            row.road
        );
        Some(News {
            road: Some(Text::clone(&row.road)),
            severity: if weight >= SEVERE { Severity::High } else { Severity::Medium },
            place,
            ..News::new(EventKind::IncidentSuspected, now + super::minutes::LENGTH, &name, says)
        })
    }

    /// A minute in which nobody stood.
    fn unseen(&mut self, road: &Text, now: i64) -> Option<News> {
        (self.suspicious, self.held) = (0, 0);
        self.clear = self.clear.saturating_add(1);
        if self.clear < CLEAR {
            return None;
        }
        let (name, place) = self.suspected.take()?;
        let says = format!("nobody has stood on {road} for {CLEAR} min");
        let news = News::new(EventKind::IncidentOver, now + super::minutes::LENGTH, &name, says);
        Some(News { road: Some(Text::clone(road)), place, ..news })
    }

    /// Whether the road's speed is unusually low; learns from it unless it is.
    fn is_slow(&mut self, row: &RoadMinute) -> bool {
        let (fixes, loops) =
            ((row.sums.fix_speeds, row.sums.fix_speed_sum), (row.sums.loop_speeds, row.sums.loop_speed_sum));
        let (speeds, sum) = if fixes.0 >= SPEEDS_MIN { fixes } else { loops };
        let Some(speed) = super::row::mean(sum, speeds).filter(|_| speeds >= SPEEDS_MIN) else { return false };
        let (mean, variance, minutes) = self.speed;
        let sigma = libm::sqrt(variance).max(SIGMA_MIN);
        if minutes >= LEARNT && speed < mean - DEVIATIONS * sigma {
            return true;
        }
        let weight = SMOOTHING.max(1.0 / f64::from(minutes + 1));
        let off = speed - mean;
        self.speed = (mean + weight * off, (1.0 - weight) * (variance + weight * off * off), minutes.saturating_add(1));
        false
    }
}

/// Who stands where no signal holds him; none if nobody does.
fn standing(row: &RoadMinute) -> Option<Standing> {
    let length = row.length_m?;
    let stands = |cell: &&Cell| cell.held + cell.buses > 0;
    // The head of those who stand: nobody stands between it and the road's end.
    let head = row.cells.iter().rev().find(stands)?;
    let middle = |cell: &Cell| (f64::from(cell.cell) + 0.5) * CELL;
    let to_end = length - middle(head);
    if to_end < END || middle(head) < BEGIN {
        return None;
    }
    let (held, buses) = row.cells.iter().fold((0, 0), |sum, cell| (sum.0 + cell.held, sum.1 + cell.buses));
    #[expect(clippy::cast_precision_loss, reason = "vehicles on a road")]
    let weight = held as f64 + BUS * buses as f64;
    Some(Standing { weight, vehicles: held + buses, to_end, place: head.place() })
}

#[cfg(test)]
#[path = "incidents/tests.rs"]
mod tests;
