//! The control room's interface to the outside: what it knows of incidents, calls, ambulances and hospitals, as records.
//!
//! A record at every change, each ambulance's as it logs on, and its position every few seconds while it is on the road. Its computer knows these
//! things exactly, so there is no error model; what a trainee or a broken line would make of it is not its business.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::actors::emergency::by_hand::ByHand;
use super::actors::sensors::earth::Earth;
use super::ledger::Ledger;
use super::outcome::{Call, Happened, Happening, IncidentChange, Stage, UnitInstant, UnitStatus};
use crate::city::emergency::EmergencyPlan;
use crate::city::network::Network;
use crate::primitives::ids::{EdgeId, LaneId};
use crate::primitives::{Category, IncidentKind, Point, Polyline, SimDuration, SimTime, Timestamp};
use crate::telemetry::field::Text;
use crate::telemetry::reading::{self, CallStatus, IncidentStatus, Severity};
use crate::telemetry::{DeviceId, Emission, Fate, Reading, Record};

/// How often an ambulance on the road says where it is.
const EVERY: SimDuration = SimDuration::milliseconds(5_000);

/// What the control room tells, and how much it has told.
#[derive(Debug, Clone)]
pub(crate) struct ControlRoom {
    earth: Earth,
    midnight: Timestamp,
    /// Shape of every lane and the length that counts for driving [m], to say where something on it is.
    lanes: Arc<[(Polyline, f64)]>,
    roads: Arc<[Text]>,
    incidents: Vec<IncidentCard>,
    calls: BTreeMap<u32, CallCard>,
    units: Vec<Text>,
    hospitals: Vec<HospitalCard>,
    sequences: BTreeMap<DeviceId, u64>,
    /// Whether every ambulance has said what it does at the beginning of its shift.
    logged_on: bool,
}

/// An incident as the control room has it.
#[derive(Debug, Clone)]
struct IncidentCard {
    kind: IncidentKind,
    edge: EdgeId,
    lanes: u32,
    lanes_of_road: u32,
    at: (f64, f64),
    casualties: u32,
}

/// A call as the control room has it.
#[derive(Debug, Clone)]
pub(crate) struct CallCard {
    /// How urgent.
    pub category: Category,
    /// The lane beside the patient.
    pub lane: LaneId,
    /// Where on it [m].
    pub position: f64,
    /// The incident it came of.
    pub incident: Option<u32>,
}

#[derive(Debug, Clone)]
struct HospitalCard {
    name: Text,
    at: (f64, f64),
    bays: u32,
}

impl ControlRoom {
    /// A control room for a plan, on a day.
    pub(crate) fn new(network: &Network, plan: &EmergencyPlan, midnight: Timestamp) -> Self {
        let earth = Earth::new(network);
        let lanes: Arc<[(Polyline, f64)]> =
            network.lanes.iter().map(|lane| (lane.shape.clone(), lane.length.as_metres())).collect();
        let on = |lane: LaneId, position: f64| earth.written(point_on(&lanes[lane.index()], position));
        let hospitals = plan
            .hospitals
            .iter()
            .map(|hospital| HospitalCard {
                name: Text::from(hospital.name.as_str()),
                at: on(hospital.spot.lane, hospital.spot.position.as_metres()),
                bays: hospital.bays,
            })
            .collect();
        Self {
            roads: network.edges.iter().map(|edge| Text::from(edge.name.as_str())).collect(),
            units: plan.units.iter().map(|unit| Text::from(unit.name.as_str())).collect(),
            earth,
            midnight,
            lanes,
            incidents: Vec::new(),
            calls: BTreeMap::new(),
            hospitals,
            sequences: BTreeMap::new(),
            logged_on: false,
        }
    }

    /// Takes up what the books have and it has no card of yet, and what hospitals have other bays.
    pub(crate) fn learn(&mut self, network: &Network, ledger: &Ledger, by_hand: Option<&ByHand>) {
        for (&hospital, &bays) in by_hand.into_iter().flat_map(|by_hand| &by_hand.bays) {
            if let Some(card) = self.hospitals.get_mut(hospital as usize) {
                card.bays = bays;
            }
        }
        for incident in &ledger.all_incidents()[self.incidents.len().min(ledger.all_incidents().len())..] {
            let at = incident.lanes.first().map(|&lane| self.written(lane, incident.position.as_metres()));
            self.incidents.push(IncidentCard {
                kind: incident.kind,
                edge: incident.edge,
                lanes: u32::try_from(incident.lanes.len()).unwrap_or(u32::MAX),
                lanes_of_road: u32::try_from(network.edges[incident.edge.index()].lanes.len()).unwrap_or(u32::MAX),
                at: at.unwrap_or_default(),
                casualties: incident.casualties,
            });
        }
        for call in &ledger.all_calls()[self.calls.len().min(ledger.all_calls().len())..] {
            self.calls.insert(call.number, CallCard::of(call));
        }
    }

    /// How many records it has made of each device.
    pub(crate) fn sequences(&self) -> &BTreeMap<DeviceId, u64> {
        &self.sequences
    }

    /// Goes on counting from there.
    pub(crate) fn go_on_from(&mut self, sequences: BTreeMap<DeviceId, u64>) {
        self.sequences = sequences;
    }

    /// Whether there may be something to tell after the step that began at `now`, even if nothing happened in it.
    pub(crate) fn is_due(&self, now: SimTime) -> bool {
        !self.logged_on || Self::is_time(now)
    }

    /// Whether ambulances on the road say where they are after the step that began at `now`.
    fn is_time(now: SimTime) -> bool {
        now.as_milliseconds() % EVERY.as_milliseconds() == 0
    }

    /// What it tells after the step that began at `now`: of everything that changed, and of who drives.
    pub(crate) fn tell(&mut self, now: SimTime, happened: &[Happened], units: &[UnitInstant]) -> Vec<Emission> {
        let mut told = Vec::new();
        for Happened { at, what } in happened {
            let made = match *what {
                Happening::Incident { incident, change } => self.incident(incident, change),
                Happening::Call { call, stage, unit, hospital } => self.call(call, stage, unit, hospital),
                Happening::Unit { unit, status, call } => units
                    .iter()
                    .find(|one| one.unit == unit)
                    .map(|one| self.unit(&UnitInstant { status, call, ..*one })),
                Happening::Hospital { hospital, taking_over, waiting } => self.hospital(hospital, taking_over, waiting),
            };
            told.extend(made.map(|(name, reading)| self.record(*at, &name, reading)));
        }
        if !self.logged_on {
            // Crews log on when their shift begins; from then on their computer is known, whether they have anything to do or not.
            for unit in units {
                let (name, reading) = self.unit(unit);
                if !self.sequences.contains_key(&DeviceId::of(reading.kind(), &name)) {
                    told.push(self.record(now, &name, reading));
                }
            }
            self.logged_on = true;
        }
        if Self::is_time(now) {
            for unit in units.iter().filter(|unit| unit.on_road) {
                let (name, reading) = self.unit(unit);
                told.push(self.record(now, &name, reading));
            }
        }
        told
    }

    fn record(&mut self, at: SimTime, name: &str, reading: Reading) -> Emission {
        let device = DeviceId::of(reading.kind(), name);
        let next = self.sequences.entry(device.clone()).or_default();
        let sequence = *next;
        *next += 1;
        let record = Record { device, epoch: 0, sequence, time: self.midnight.at(at), reading: reading.clone() };
        Emission { record, truth: reading, fault: None, fate: Fate::Sent }
    }

    fn incident(&self, number: u32, change: IncidentChange) -> Option<(String, Reading)> {
        let card = self.incidents.get(number as usize)?;
        let status = match change {
            IncidentChange::Began | IncidentChange::Held => IncidentStatus::Reported,
            IncidentChange::Cleared => IncidentStatus::Cleared,
        };
        let severity = severity_of(card.kind, card.casualties, card.lanes >= card.lanes_of_road);
        let reading = reading::Incident {
            incident_id: Text::from(number.to_string()),
            incident_kind: Text::from(card.kind.name()),
            status,
            severity,
            road_id: Text::clone(&self.roads[card.edge.index()]),
            latitude: card.at.1,
            longitude: card.at.0,
            lanes_blocked: if status == IncidentStatus::Cleared { 0 } else { card.lanes },
            casualties: card.casualties,
        };
        Some((number.to_string(), reading.into()))
    }

    fn call(&self, number: u32, stage: Stage, unit: Option<u32>, hospital: Option<u32>) -> Option<(String, Reading)> {
        let card = self.calls.get(&number)?;
        let (longitude, latitude) = self.written(card.lane, card.position);
        let reading = reading::Call {
            call_id: Text::from(number.to_string()),
            status: status_of(stage),
            severity: urgency_of(card.category),
            latitude,
            longitude,
            incident_id: card.incident.map(|incident| Text::from(incident.to_string())),
            unit_id: unit.and_then(|unit| self.units.get(unit as usize)).map(Text::clone),
            hospital_id: hospital.and_then(|one| self.hospitals.get(one as usize)).map(|one| Text::clone(&one.name)),
        };
        Some((number.to_string(), reading.into()))
    }

    fn unit(&self, unit: &UnitInstant) -> (String, Reading) {
        let (longitude, latitude) = self.written(unit.lane, unit.position);
        let name = self.units.get(unit.unit as usize).map_or_else(|| Text::from(unit.unit.to_string()), Text::clone);
        let reading = reading::Unit {
            unit_id: Text::clone(&name),
            status: match unit.status {
                UnitStatus::Available => reading::UnitStatus::AtStation,
                UnitStatus::Dispatched => reading::UnitStatus::Dispatched,
                UnitStatus::EnRoute => reading::UnitStatus::EnRoute,
                UnitStatus::AtScene => reading::UnitStatus::AtScene,
                UnitStatus::Transporting => reading::UnitStatus::Transporting,
                UnitStatus::AtHospital => reading::UnitStatus::AtHospital,
                UnitStatus::Returning => reading::UnitStatus::Returning,
            },
            siren: unit.siren,
            latitude,
            longitude,
            speed: (unit.speed * 36.0).round() / 10.0,
            call_id: unit.call.map(|call| Text::from(call.to_string())),
        };
        (name.to_string(), reading.into())
    }

    fn hospital(&self, number: u32, taking_over: u32, waiting: u32) -> Option<(String, Reading)> {
        let card = self.hospitals.get(number as usize)?;
        let reading = reading::Hospital {
            hospital_id: Text::clone(&card.name),
            latitude: card.at.1,
            longitude: card.at.0,
            bays: card.bays,
            bays_taken: taking_over,
            ambulances_waiting: waiting,
        };
        Some((card.name.to_string(), reading.into()))
    }

    /// Longitude and latitude of a place on a lane [°].
    fn written(&self, lane: LaneId, position: f64) -> (f64, f64) {
        self.earth.written(point_on(&self.lanes[lane.index()], position))
    }
}

impl CallCard {
    /// The card of a call.
    fn of(call: &Call) -> Self {
        Self { category: call.category, lane: call.lane, position: call.position.as_metres(), incident: call.incident }
    }
}

/// How urgent a call of a category is, as devices say it.
pub const fn urgency_of(category: Category) -> Severity {
    match category {
        Category::C1 => Severity::Critical,
        Category::C2 => Severity::High,
        Category::C3 => Severity::Medium,
        Category::C4 => Severity::Low,
    }
}

/// How bad an incident is; `whole_road` says that it blocks all lanes.
pub(crate) const fn severity_of(kind: IncidentKind, casualties: u32, whole_road: bool) -> Severity {
    match kind {
        _ if casualties > 0 => Severity::Critical,
        _ if whole_road => Severity::High,
        IncidentKind::Roadworks => Severity::Low,
        IncidentKind::Crash | IncidentKind::Breakdown | IncidentKind::Obstruction => Severity::Medium,
    }
}

/// The point of a lane at a position that counts for driving [m].
fn point_on((shape, length): &(Polyline, f64), position: f64) -> Point {
    let share = if *length > 0.0 { (position / length).clamp(0.0, 1.0) } else { 0.0 };
    shape.point_at(share * shape.length())
}

const fn status_of(stage: Stage) -> CallStatus {
    match stage {
        Stage::Call => CallStatus::Received,
        Stage::Answer => CallStatus::Answered,
        Stage::Queue => CallStatus::Queued,
        Stage::Dispatch => CallStatus::Dispatched,
        Stage::EnRoute => CallStatus::EnRoute,
        Stage::Arrive => CallStatus::AtScene,
        Stage::Patient => CallStatus::WithPatient,
        Stage::Depart => CallStatus::Transporting,
        Stage::Hospital => CallStatus::AtHospital,
        Stage::Handover => CallStatus::HandedOver,
        Stage::Clear => CallStatus::Closed,
    }
}
