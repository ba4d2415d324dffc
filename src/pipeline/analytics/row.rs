//! Rows as they leave: one enum over the tables, each row with a key under which a better version replaces it.

use serde::{Deserialize, Serialize};

use super::air::AirWindow;
use super::emergencies::{CallChain, IncidentChain};
use super::event::{Event, Progress};
use super::minutes::RoadMinute;
use super::parking::ParkingWindow;
use super::positions::PositionWindow;
use super::roads::RoadWindow;
use super::travel::TravelWindow;
use crate::primitives::Timestamp;

/// A row of any table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Row {
    /// A minute of a vehicle.
    Position(PositionWindow),
    /// Five minutes of a road, as one partition saw it.
    Road(RoadWindow),
    /// A minute of a road, as one partition saw it.
    Minute(RoadMinute),
    /// Five minutes of travel on a road, as one partition saw it.
    Travel(TravelWindow),
    /// A quarter of an hour of an air-quality station.
    Air(AirWindow),
    /// The parking bays of a road at the end of five minutes, as one partition saw them.
    Parking(ParkingWindow),
    /// An emergency call, from the first word of it to the last.
    Call(CallChain),
    /// An incident on the road.
    Incident(IncidentChain),
    /// Something that happened.
    Event(Event),
    /// How far a partition has come.
    Progress(Progress),
}

impl Row {
    /// The table it belongs to.
    pub const fn table(&self) -> &'static str {
        match self {
            Self::Position(_) => "position_minutes",
            Self::Road(_) => "road_windows",
            Self::Minute(_) => "road_minutes",
            Self::Travel(_) => "travel_times",
            Self::Air(_) => "air_windows",
            Self::Parking(_) => "parking_windows",
            Self::Call(_) => "calls",
            Self::Incident(_) => "incidents",
            Self::Event(_) => "events",
            Self::Progress(_) => "progress",
        }
    }

    /// Its key in the table: unique, and sorting by time where it is about a time.
    pub fn key(&self) -> String {
        match self {
            Self::Position(row) => format!("{}/{}", row.start, row.device),
            Self::Road(row) => partial_key(row.start, &row.road, row.partition),
            Self::Minute(row) => partial_key(row.start, &row.road, row.partition),
            Self::Travel(row) => partial_key(row.start, &row.road, row.partition),
            Self::Air(row) => format!("{}/{}", row.start, row.device),
            Self::Parking(row) => partial_key(row.start, &row.road, row.partition),
            Self::Call(row) => row.call.to_string(),
            Self::Incident(row) => row.incident.to_string(),
            Self::Event(row) => row.key(),
            Self::Progress(row) => format!("{:05}", row.partition),
        }
    }

    /// Beginning of the window it is about, if it is about one.
    pub const fn start(&self) -> Option<Timestamp> {
        match self {
            Self::Position(row) => Some(row.start),
            Self::Road(row) => Some(row.start),
            Self::Minute(row) => Some(row.start),
            Self::Travel(row) => Some(row.start),
            Self::Air(row) => Some(row.start),
            Self::Parking(row) => Some(row.start),
            Self::Call(_) | Self::Incident(_) | Self::Event(_) | Self::Progress(_) => None,
        }
    }

    /// The row as one JSON object.
    pub fn json(&self) -> String {
        let written = serde_json::to_string(self);
        debug_assert!(written.is_ok(), "flat fields always become JSON");
        written.unwrap_or_default()
    }
}

fn partial_key(start: Timestamp, road: &str, partition: Option<u16>) -> String {
    partition.map_or_else(|| format!("{start}/{road}"), |partition| format!("{start}/{road}/{partition:05}"))
}

/// Timestamps in rows: RFC 3339.
pub(super) mod instant {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::primitives::Timestamp;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
    pub(in super::super) fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(time)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A number of thousandths as the number.
#[expect(clippy::cast_precision_loss, reason = "sums of thousandths stay far below 2^53")]
pub(super) fn from_thousandths(sum: i64) -> f64 {
    sum as f64 / 1000.0
}

/// A number in whole thousandths, so that sums do not depend on their order.
#[expect(clippy::cast_possible_truncation, reason = "readings are at most 1e8")]
pub(super) fn thousandths(number: f64) -> i64 {
    libm::round(number * 1000.0) as i64
}

/// A mean of thousandths; none of nothing.
pub(super) fn mean(sum: i64, count: u64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
    (count > 0).then(|| from_thousandths(sum) / count as f64)
}
