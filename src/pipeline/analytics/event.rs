//! What happened, one row each, in the order in which a partition found it: what rules, people and machines react to.
//!
//! Windows are replaced when they are corrected; events are only added. A partition numbers its events from 0 without gaps, so
//! whoever follows a partition remembers one number, and finding an event again after a restart changes nothing.

use serde::{Deserialize, Serialize};

use super::row::instant;
use crate::primitives::Timestamp;
use crate::telemetry::field::Text;
use crate::telemetry::reading::Severity;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// Somebody reported something that blocks the road, or news of it.
    Incident,
    /// An emergency call, or news of it.
    Call,
    /// What sensors tell looks like something that blocks the road.
    IncidentSuspected,
    /// It does not look so any more.
    IncidentOver,
    /// A device came into an area.
    GeofenceEntered,
    /// A device left an area.
    GeofenceLeft,
    /// A device tells nothing any more although it should.
    SensorSilent,
    /// A device tells the same for too long.
    SensorStuck,
    /// A device tells what cannot be, or what its neighbours contradict.
    SensorImplausible,
    /// A device has moved away from what its neighbours tell.
    SensorDrifted,
    /// A device's clock is wrong.
    SensorClockWrong,
    /// A device's battery is nearly empty.
    SensorBatteryLow,
    /// A device that was one of these is well again.
    SensorWell,
}

impl EventKind {
    /// Every kind there is.
    pub const ALL: [Self; 13] = [
        Self::Incident,
        Self::Call,
        Self::IncidentSuspected,
        Self::IncidentOver,
        Self::GeofenceEntered,
        Self::GeofenceLeft,
        Self::SensorSilent,
        Self::SensorStuck,
        Self::SensorImplausible,
        Self::SensorDrifted,
        Self::SensorClockWrong,
        Self::SensorBatteryLow,
        Self::SensorWell,
    ];

    /// Its word in tables and rules.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Incident => "incident",
            Self::Call => "call",
            Self::IncidentSuspected => "incident_suspected",
            Self::IncidentOver => "incident_over",
            Self::GeofenceEntered => "geofence_entered",
            Self::GeofenceLeft => "geofence_left",
            Self::SensorSilent => "sensor_silent",
            Self::SensorStuck => "sensor_stuck",
            Self::SensorImplausible => "sensor_implausible",
            Self::SensorDrifted => "sensor_drifted",
            Self::SensorClockWrong => "sensor_clock_wrong",
            Self::SensorBatteryLow => "sensor_battery_low",
            Self::SensorWell => "sensor_well",
        }
    }
}

/// One thing that happened, as one partition found it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The partition that found it.
    pub partition: u16,
    /// How many events the partition found before.
    pub number: u64,
    /// What happened.
    pub kind: EventKind,
    /// When, in event time.
    #[serde(with = "instant")]
    pub at: Timestamp,
    /// Whom or what it is about: an incident, a call, a device.
    pub subject: Text,
    /// The road, if it is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub road: Option<Text>,
    /// The area, where an area is meant.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub geofence: Option<Text>,
    /// How bad it is.
    pub severity: Severity,
    /// How far it has come, where there are steps: the status of an incident or a call.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<Text>,
    /// Latitude, WGS 84 [deg].
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub latitude: Option<f64>,
    /// Longitude, WGS 84 [deg].
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub longitude: Option<f64>,
    /// What happened, as a sentence for people.
    pub says: String,
}

impl Event {
    /// Its key: sorts by partition and number.
    pub fn key(&self) -> String {
        format!("{:05}/{:020}", self.partition, self.number)
    }
}

/// How far a partition has come: whoever follows all partitions may close what lies before the least watermark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The partition.
    pub partition: u16,
    /// No window that ended before will be told anew, except as a correction; none while nobody knows the time.
    pub watermark_ms: Option<i64>,
    /// Events found so far.
    pub events: u64,
    /// Whether nothing more will come: the stream has ended.
    pub ended: bool,
}
