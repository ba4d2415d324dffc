//! A record: one reading with the identity under which it can be counted, ordered and found again.
//!
//! Identity is (device, epoch, sequence): a device counts its readings from 0 without gaps, and begins a new epoch when it
//! starts anew. The time is the device's own.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::reading::{Reading, ReadingKind};
use crate::primitives::Timestamp;

/// Longest id of a device [bytes].
pub const DEVICE_ID_MAX: usize = 64;

/// The name of a device, unique in its city: 1 to 64 of `A-Z a-z 0-9 . _ -`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct DeviceId(Arc<str>);

/// A text that is not the name of a device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a device id has 1 to {DEVICE_ID_MAX} of the characters A-Z a-z 0-9 . _ -")]
pub struct NotADevice;

impl DeviceId {
    /// The device of a kind for the thing with this name; what a name may not hold becomes `_`.
    ///
    /// ```
    /// use citytwin::telemetry::{DeviceId, ReadingKind};
    /// assert_eq!(DeviceId::of(ReadingKind::Position, "car 7").as_str(), "gps-car_7");
    /// ```
    pub fn of(kind: ReadingKind, name: &str) -> Self {
        let clean = name.chars().map(|c| if allowed(c) { c } else { '_' });
        let id: String = kind.device_prefix().chars().chain(std::iter::once('-')).chain(clean).collect();
        Self(Arc::from(&id[..id.len().min(DEVICE_ID_MAX)]))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const fn allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

impl FromStr for DeviceId {
    type Err = NotADevice;

    fn from_str(text: &str) -> Result<Self, NotADevice> {
        let fits = (1..=DEVICE_ID_MAX).contains(&text.len()) && text.chars().all(allowed);
        if fits { Ok(Self(Arc::from(text))) } else { Err(NotADevice) }
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One reading of one device.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Who measured.
    pub device: DeviceId,
    /// How many times the device has started anew.
    pub epoch: u32,
    /// How many records it made before in this epoch.
    pub sequence: u64,
    /// When, by the device's clock.
    pub time: Timestamp,
    /// What it measured.
    pub reading: Reading,
}

impl Record {
    /// What kind of reading it carries.
    pub const fn kind(&self) -> ReadingKind {
        self.reading.kind()
    }
}

/// What was wrong with a device when it made a record; kept beside the truth for whoever grades.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// The receiver hears reflected signals only.
    Reflections,
    /// The receiver hears nothing.
    Outage,
    /// The detector always reports a vehicle.
    StuckOn,
    /// The detector never reports a vehicle.
    StuckOff,
    /// The detector hears the lane beside it.
    CrossTalk,
    /// Rain, snow, fog or darkness on the camera.
    PoorSight,
    /// The sensor has drifted.
    Drift,
    /// The bay missed a vehicle coming or going.
    MissedEvent,
    /// The radio damaged the message.
    Garbled,
}

impl Fault {
    /// Its word in files.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Reflections => "reflections",
            Self::Outage => "outage",
            Self::StuckOn => "stuck_on",
            Self::StuckOff => "stuck_off",
            Self::CrossTalk => "cross_talk",
            Self::PoorSight => "poor_sight",
            Self::Drift => "drift",
            Self::MissedEvent => "missed_event",
            Self::Garbled => "garbled",
        }
    }
}

/// What becomes of a record on its way to the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fate {
    /// It is sent whole.
    Sent,
    /// The radio loses it; it never reaches the wire.
    Lost,
    /// The radio damages it; what reaches the wire cannot be read.
    Garbled,
}

/// A record as it leaves the city, with the truth beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Emission {
    /// What the device says.
    pub record: Record,
    /// What it would have said without error; the same kind of reading.
    pub truth: Reading,
    /// What was wrong with it, if anything.
    pub fault: Option<Fault>,
    /// What becomes of it.
    pub fate: Fate,
}
