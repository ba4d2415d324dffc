//! The whole state of an analyst as bytes, and back: what a checkpoint keeps so that a restart changes no row.
//!
//! JSON with a version; maps in order, so that equal states give equal bytes; waiting records in their canonical form. Rows not yet
//! fetched are not part of it: fetch them first, they belong to the same checkpoint.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use super::air::AirSums;
use super::analyst::{Analyst, AnalystCounts, AnalystSettings, PENDING_MAX, Pending};
use super::emergencies::Emergencies;
use super::minutes::MinuteTally;
use super::parking::{Bays, BaysState};
use super::positions::{Fixed, PositionSums};
use super::roads::RoadTally;
use super::trackers::Tracker;
use super::travel::TravelSums;
use super::watch::WatchState;
use super::windows::WindowsState;
use crate::primitives::Timestamp;
use crate::telemetry::field::Text;
use crate::telemetry::json;

/// The version of the form this program writes, and the only one it reads.
const VERSION: u32 = 2;

/// Bytes that are not the state of an analyst.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a state of the analyst: {0}")]
pub struct BadState(String);

impl BadState {
    pub(super) const fn new(why: String) -> Self {
        Self(why)
    }
}

#[derive(Serialize, Deserialize)]
struct State<E> {
    version: u32,
    partition: u16,
    lateness: i64,
    watermark: Option<i64>,
    swept: i64,
    counts: AnalystCounts,
    pending: Vec<String>,
    trackers: Vec<TrackerState>,
    positions: WindowsState<PositionSums>,
    roads: WindowsState<RoadTally>,
    air: WindowsState<AirSums>,
    minutes: WindowsState<MinuteTally>,
    travel: WindowsState<TravelSums>,
    bays: BaysState,
    emergencies: E,
    watch: WatchState,
}

/// Device, last fix, last heard [ms], and where it is.
type TrackerState = (String, Option<Fixed>, i64, Whereabouts);

/// Name of the last road, place on it [m], when it came there and since when it has stood [ms].
type Whereabouts = (Option<Text>, Option<f64>, Option<i64>, Option<i64>);

impl Analyst {
    /// Everything that decides later rows; equal states give equal bytes. Fetch the rows first.
    pub fn state(&self) -> Vec<u8> {
        let mut pending: Vec<&Pending> = self.pending.iter().map(|waiting| &waiting.0).collect();
        pending.sort();
        let canonical = |waiting: &&Pending| {
            let mut bytes = Vec::new();
            json::encode(&waiting.0, &mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let whereabouts = |tracker: &Tracker| {
            let roads = self.settings.roads.as_ref();
            let name = roads.zip(tracker.road).map(|(roads, road)| Text::clone(roads.name(road)));
            (name, tracker.along, tracker.entered, tracker.stands)
        };
        let mut trackers: Vec<TrackerState> = self
            .trackers
            .iter()
            .map(|(id, tracker)| (id.to_string(), tracker.last, tracker.heard, whereabouts(tracker)))
            .collect();
        trackers.sort_by(|a, b| a.0.cmp(&b.0));
        let state = State {
            version: VERSION,
            partition: self.settings.partition,
            lateness: self.settings.lateness.as_milliseconds(),
            watermark: self.watermark.map(Timestamp::as_milliseconds),
            swept: self.swept,
            counts: self.counts,
            pending: pending.iter().map(canonical).collect(),
            trackers,
            positions: self.positions.state(ToString::to_string, Clone::clone),
            roads: self.roads.state(ToString::to_string, Clone::clone),
            air: self.air.state(ToString::to_string, Clone::clone),
            minutes: self.minutes.state(ToString::to_string, Clone::clone),
            travel: self.travel.state(ToString::to_string, Clone::clone),
            bays: self.bays.state(),
            emergencies: &self.emergencies,
            watch: self.watch.state(),
        };
        let written = serde_json::to_vec(&state);
        debug_assert!(written.is_ok(), "text and finite numbers always become JSON");
        written.unwrap_or_default()
    }

    /// The analyst whose state these bytes are, with the same settings.
    ///
    /// # Errors
    /// When they are no state, one of another version, or one of an analyst with other settings.
    pub fn restore(settings: AnalystSettings, bytes: &[u8]) -> Result<Self, BadState> {
        let state: State<Emergencies> = serde_json::from_slice(bytes).map_err(|error| BadState(error.to_string()))?;
        if state.version != VERSION {
            return Err(BadState(format!("version {}, and this program reads {VERSION}", state.version)));
        }
        if state.partition != settings.partition || state.lateness != settings.lateness.as_milliseconds() {
            return Err(BadState("it is that of another partition, or allows another lateness".to_owned()));
        }
        if state.pending.len() > PENDING_MAX {
            return Err(BadState("more records wait than may".to_owned()));
        }
        let mut analyst = Self::new(settings);
        analyst.watermark = state.watermark.map(Timestamp::milliseconds);
        (analyst.swept, analyst.counts) = (state.swept, state.counts);
        for text in state.pending {
            let record = json::decode(text.as_bytes()).map_err(|error| BadState(error.to_string()))?;
            analyst.pending.push(Reverse(Pending(record)));
        }
        for (id, last, heard, (road, along, entered, stands)) in state.trackers {
            let device = id.parse().map_err(|_| BadState(format!("`{id}` is no device")))?;
            let roads = analyst.settings.roads.as_ref();
            let road = roads.zip(road).and_then(|(roads, road)| roads.find(&road));
            let along = along.filter(|_| road.is_some());
            analyst.trackers.insert(device, Tracker { last, road, along, entered, stands, heard, counted: None });
        }
        let bad_key = || BadState("a window's device is none".to_owned());
        let device = |text: &str| text.parse().ok();
        analyst.positions.restore(state.positions, device, |sums| sums).ok_or_else(bad_key)?;
        analyst.roads.restore(state.roads, |text| Some(Text::from(text)), |tally| tally).ok_or_else(bad_key)?;
        analyst.air.restore(state.air, device, |sums| sums).ok_or_else(bad_key)?;
        let road = |text: &str| Some(Text::from(text));
        analyst.minutes.restore(state.minutes, road, |tally| tally).ok_or_else(bad_key)?;
        analyst.travel.restore(state.travel, road, |sums| sums).ok_or_else(bad_key)?;
        analyst.bays = Bays::restore(state.bays).ok_or_else(|| BadState("a bay's device is none".to_owned()))?;
        analyst.emergencies = state.emergencies;
        let roads = analyst.settings.roads.clone();
        let sound = analyst.watch.restore(state.watch, roads.as_deref());
        sound.ok_or_else(|| BadState("what it remembers of devices is not sound".to_owned()))?;
        Ok(analyst)
    }
}
