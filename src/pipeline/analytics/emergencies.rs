//! Emergencies at once: each call and each incident as the chain of what was said about it.
//!
//! A row leaves whenever a reading adds to the chain, without waiting for a watermark. Every status keeps the earliest time at
//! which it was told; everything else is what the newest reading says. So the order of arrival does not matter.
//!
//! Limits: [`OPEN_MAX`] calls and as many incidents; beyond it the one that was heard of longest ago makes room, and is counted. Closed ones
//! are forgotten after [`REMEMBERED`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::row::instant;
use crate::primitives::Timestamp;
use crate::telemetry::Record;
use crate::telemetry::field::Text;
use crate::telemetry::reading::{Call, CallStatus, Incident, IncidentStatus, Severity};

/// Most calls, and most incidents, remembered in a partition.
const OPEN_MAX: usize = 10_000;
/// How long what is closed is remembered [ms].
const REMEMBERED: i64 = 86_400_000;

/// When a status of a call was first told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallStep {
    /// The status.
    pub status: CallStatus,
    /// When.
    #[serde(with = "instant")]
    pub at: Timestamp,
}

/// When a status of an incident was first told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentStep {
    /// The status.
    pub status: IncidentStatus,
    /// When.
    #[serde(with = "instant")]
    pub at: Timestamp,
}

/// An emergency call, from the first word of it to the last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallChain {
    /// The call.
    pub call: Text,
    /// Whether it is still open.
    pub open: bool,
    /// How urgent it is.
    pub severity: Severity,
    /// Latitude of the address, WGS 84 [°].
    pub latitude: f64,
    /// Longitude of the address, WGS 84 [°].
    pub longitude: f64,
    /// The incident it is about, if any.
    pub incident: Option<Text>,
    /// The unit that answers it, once there is one.
    pub unit: Option<Text>,
    /// The hospital, once there is one.
    pub hospital: Option<Text>,
    /// What was told, in the order of the statuses.
    pub chain: Vec<CallStep>,
}

/// An incident on the road.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IncidentChain {
    /// The incident.
    pub incident: Text,
    /// What happened.
    pub kind: Text,
    /// Whether it still blocks the road.
    pub open: bool,
    /// How bad it is.
    pub severity: Severity,
    /// The road.
    pub road: Text,
    /// Latitude, WGS 84 [°].
    pub latitude: f64,
    /// Longitude, WGS 84 [°].
    pub longitude: f64,
    /// Most lanes blocked at a time.
    pub lanes_blocked: u32,
    /// Most people hurt that were told of.
    pub casualties: u32,
    /// What was told, in the order of the statuses.
    pub chain: Vec<IncidentStep>,
}

/// When a reading was made, and in which order [ms].
type Order = (i64, u32, u64);

fn order_of(record: &Record) -> Order {
    (record.time.as_milliseconds(), record.epoch, record.sequence)
}

/// Keeps the earliest time of each status; whether that changed anything.
fn step<S: Ord + Copy>(steps: &mut Vec<(S, Timestamp)>, status: S, at: Timestamp) -> bool {
    match steps.binary_search_by_key(&status, |step| step.0) {
        Ok(known) if steps[known].1 <= at => false,
        Ok(known) => {
            steps[known].1 = at;
            true
        }
        Err(place) => {
            steps.insert(place, (status, at));
            true
        }
    }
}

/// What is known of a call, with the order of what was told, because readings may leave fields open.
#[derive(Debug, Serialize, Deserialize)]
struct KnownCall {
    row: CallChain,
    incident: Option<(Order, Text)>,
    unit: Option<(Order, Text)>,
    hospital: Option<(Order, Text)>,
}

impl KnownCall {
    fn new(reading: &Call) -> Self {
        let row = CallChain {
            call: Text::clone(&reading.call_id),
            open: true,
            severity: reading.severity,
            latitude: reading.latitude,
            longitude: reading.longitude,
            incident: None,
            unit: None,
            hospital: None,
            chain: Vec::new(),
        };
        Self { row, incident: None, unit: None, hospital: None }
    }
}

/// Keeps the newest text that was told; the text.
fn newest(known: &mut Option<(Order, Text)>, told: Option<&Text>, order: Order) -> Option<Text> {
    if let Some(told) = told
        && known.as_ref().is_none_or(|known| known.0 < order)
    {
        *known = Some((order, Text::clone(told)));
    }
    known.as_ref().map(|known| Text::clone(&known.1))
}

/// Calls and incidents of a partition.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Emergencies {
    calls: BTreeMap<Text, (Order, KnownCall)>,
    incidents: BTreeMap<Text, (Order, IncidentChain)>,
    /// Calls and incidents that had to make room.
    pub(super) crowded: u64,
}

impl Emergencies {
    /// Takes what is told of a call; the row, if it has changed.
    pub(super) fn call(&mut self, record: &Record, reading: &Call) -> Option<CallChain> {
        let order = order_of(record);
        self.crowded += make_room(&mut self.calls, &reading.call_id);
        let (_, known) = self
            .calls
            .entry(Text::clone(&reading.call_id))
            .and_modify(|known| {
                if order > known.0 {
                    known.0 = order;
                    known.1.row.severity = reading.severity;
                    (known.1.row.latitude, known.1.row.longitude) = (reading.latitude, reading.longitude);
                }
            })
            .or_insert_with(|| (order, KnownCall::new(reading)));
        let before = known.row.clone();
        let mut steps: Vec<_> = known.row.chain.iter().map(|step| (step.status, step.at)).collect();
        if step(&mut steps, reading.status, record.time) {
            known.row.chain = steps.into_iter().map(|(status, at)| CallStep { status, at }).collect();
        }
        known.row.open = known.row.chain.last().is_none_or(|step| step.status != CallStatus::Closed);
        known.row.incident = newest(&mut known.incident, reading.incident_id.as_ref(), order);
        known.row.unit = newest(&mut known.unit, reading.unit_id.as_ref(), order);
        known.row.hospital = newest(&mut known.hospital, reading.hospital_id.as_ref(), order);
        (known.row != before).then(|| known.row.clone())
    }

    /// Takes what is told of an incident; the row, if it has changed.
    pub(super) fn incident(&mut self, record: &Record, reading: &Incident) -> Option<IncidentChain> {
        let order = order_of(record);
        self.crowded += make_room(&mut self.incidents, &reading.incident_id);
        let new = || IncidentChain {
            incident: Text::clone(&reading.incident_id),
            kind: Text::clone(&reading.incident_kind),
            open: true,
            severity: reading.severity,
            road: Text::clone(&reading.road_id),
            latitude: reading.latitude,
            longitude: reading.longitude,
            lanes_blocked: 0,
            casualties: 0,
            chain: Vec::new(),
        };
        let known =
            self.incidents.entry(Text::clone(&reading.incident_id)).or_insert_with(|| ((i64::MIN, 0, 0), new()));
        let before = known.1.clone();
        let row = &mut known.1;
        let mut steps: Vec<_> = row.chain.iter().map(|step| (step.status, step.at)).collect();
        if step(&mut steps, reading.status, record.time) {
            row.chain = steps.into_iter().map(|(status, at)| IncidentStep { status, at }).collect();
        }
        row.open = row.chain.last().is_none_or(|step| step.status != IncidentStatus::Cleared);
        row.lanes_blocked = row.lanes_blocked.max(reading.lanes_blocked);
        row.casualties = row.casualties.max(reading.casualties);
        if order > known.0 {
            known.0 = order;
            row.kind = Text::clone(&reading.incident_kind);
            row.severity = reading.severity;
            row.road = Text::clone(&reading.road_id);
            (row.latitude, row.longitude) = (reading.latitude, reading.longitude);
        }
        (*row != before).then(|| row.clone())
    }

    /// Forgets what was closed long before an instant [ms].
    pub(super) fn let_go(&mut self, now: i64) {
        let since = now.saturating_sub(REMEMBERED);
        self.calls.retain(|_, (order, known)| known.row.open || order.0 > since);
        self.incidents.retain(|_, (order, row)| row.open || order.0 > since);
    }
}

/// Makes room for one more unless it is known; how many had to go.
fn make_room<R>(known: &mut BTreeMap<Text, (Order, R)>, name: &Text) -> u64 {
    if known.len() < OPEN_MAX || known.contains_key(name) {
        return 0;
    }
    let oldest = known.iter().min_by_key(|(_, (order, _))| *order).map(|(name, _)| Text::clone(name));
    oldest.map_or(0, |oldest| u64::from(known.remove(&oldest).is_some()))
}
