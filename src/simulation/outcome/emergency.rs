//! What a run says of its emergencies: calls with their chain of times, incidents, and what happened step by step.

use crate::primitives::ids::{EdgeId, LaneId, VehicleId};
use crate::primitives::{Category, Distance, IncidentKind, SimDuration, SimTime};

/// A stage of a call; the chain of times from which every response interval is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Stage {
    /// The telephone rings.
    Call,
    /// Somebody answers.
    Answer,
    /// The call is understood, its category given, and it waits for an ambulance.
    Queue,
    /// An ambulance is told.
    Dispatch,
    /// The ambulance sets out.
    EnRoute,
    /// It is at the scene.
    Arrive,
    /// The crew is at the patient.
    Patient,
    /// It leaves for a hospital; missing where the patient stays.
    Depart,
    /// It is at the hospital.
    Hospital,
    /// The hospital has taken the patient over.
    Handover,
    /// It is ready for the next call.
    Clear,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 11] = [
        Self::Call,
        Self::Answer,
        Self::Queue,
        Self::Dispatch,
        Self::EnRoute,
        Self::Arrive,
        Self::Patient,
        Self::Depart,
        Self::Hospital,
        Self::Handover,
        Self::Clear,
    ];

    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Answer => "answer",
            Self::Queue => "queue",
            Self::Dispatch => "dispatch",
            Self::EnRoute => "enroute",
            Self::Arrive => "arrive",
            Self::Patient => "patient",
            Self::Depart => "depart",
            Self::Hospital => "hospital",
            Self::Handover => "handover",
            Self::Clear => "clear",
        }
    }
}

/// A medical call.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Call {
    /// Its number, from 0.
    pub number: u32,
    /// How urgent.
    pub category: Category,
    /// The road the patient is at.
    pub edge: EdgeId,
    /// The lane beside the patient.
    pub lane: LaneId,
    /// Where on it [m].
    pub position: Distance,
    /// The incident it came of, if any.
    pub incident: Option<u32>,
    /// The ambulance that went, by number.
    pub unit: Option<u32>,
    /// The hospital the patient was brought to, by number.
    pub hospital: Option<u32>,
    /// When each stage was reached, by [`Stage`]; none where it has not been, or was left out [s].
    pub chain: [Option<SimTime>; Stage::ALL.len()],
}

impl Call {
    /// When a stage was reached [s].
    pub fn at(&self, stage: Stage) -> Option<SimTime> {
        self.chain[stage as usize]
    }

    /// The time between two stages [s].
    pub fn between(&self, from: Stage, to: Stage) -> Option<SimDuration> {
        Some(self.at(to)? - self.at(from)?)
    }
}

/// An incident.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Incident {
    /// Its number, from 0.
    pub number: u32,
    /// What it is.
    pub kind: IncidentKind,
    /// The road.
    pub edge: EdgeId,
    /// The lanes it blocks.
    pub lanes: Vec<LaneId>,
    /// Where its far end is, from the lanes' start [m].
    pub position: Distance,
    /// How much road it takes up [m].
    pub length: Distance,
    /// How many people are hurt.
    pub casualties: u32,
    /// When it began; none where the run was over before [s].
    pub began: Option<SimTime>,
    /// When the road was free again; none where it was not yet [s].
    pub cleared: Option<SimTime>,
}

/// What an incident does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum IncidentChange {
    /// It begins.
    Began,
    /// Its planned time is over, but an ambulance is still there.
    Held,
    /// The road is free again.
    Cleared,
}

/// What an ambulance is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum UnitStatus {
    /// Ready at its station.
    Available,
    /// Told of a call; the crew is getting ready.
    Dispatched,
    /// On the way to a scene.
    EnRoute,
    /// At a scene.
    AtScene,
    /// On the way to a hospital with a patient.
    Transporting,
    /// At a hospital.
    AtHospital,
    /// On the way back to its station, and ready.
    Returning,
}

impl UnitStatus {
    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Dispatched => "dispatched",
            Self::EnRoute => "en-route",
            Self::AtScene => "at-scene",
            Self::Transporting => "transporting",
            Self::AtHospital => "at-hospital",
            Self::Returning => "returning",
        }
    }
}

/// Something that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Happening {
    /// An incident changed.
    Incident {
        /// Which.
        incident: u32,
        /// How.
        change: IncidentChange,
    },
    /// A call reached a stage.
    Call {
        /// Which.
        call: u32,
        /// The stage.
        stage: Stage,
        /// The ambulance, from its dispatch on.
        unit: Option<u32>,
        /// The hospital, from the departure for it on.
        hospital: Option<u32>,
    },
    /// An ambulance does something else.
    Unit {
        /// Which.
        unit: u32,
        /// What it does now.
        status: UnitStatus,
        /// For which call, if any.
        call: Option<u32>,
    },
    /// A hospital has more or fewer patients in or before its emergency department.
    Hospital {
        /// Which.
        hospital: u32,
        /// Patients being taken over.
        taking_over: u32,
        /// Ambulances that wait with theirs.
        waiting: u32,
    },
}

/// Something that happened, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Happened {
    /// When [s].
    pub at: SimTime,
    /// What.
    pub what: Happening,
}

/// One ambulance at one instant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UnitInstant {
    /// Its number.
    pub unit: u32,
    /// Its row of the demand.
    pub vehicle: VehicleId,
    /// What it does.
    pub status: UnitStatus,
    /// The call it serves, if any.
    pub call: Option<u32>,
    /// The lane it is on, or stands beside.
    pub lane: LaneId,
    /// Where on it [m].
    pub position: f64,
    /// Speed [m/s].
    pub speed: f64,
    /// Whether it is on the road, and not beside it.
    pub on_road: bool,
    /// Whether it drives with blue light and siren.
    pub siren: bool,
}
