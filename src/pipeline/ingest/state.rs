//! The whole state of an intake as bytes, and back: what a checkpoint keeps so that a restart changes nothing.
//!
//! JSON with a version, devices in order, so that equal states give equal bytes. Bytes that are no state are refused with a
//! sentence, never trusted in part.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::clock::{Clock, WITNESSES};
use super::intake::{HELD_MAX, Held, Intake, IntakeCounts, IntakeSettings};
use super::quarantine::Refused;
use super::sequences::Device;
use crate::primitives::{SimDuration, Timestamp};
use crate::telemetry::{DeviceId, json};

/// The version of the form this program writes, and the only one it reads.
const VERSION: u32 = 1;

/// Bytes that are not the state of an intake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a state of the intake: {0}")]
pub struct BadState(String);

#[derive(Serialize, Deserialize)]
struct State {
    version: u32,
    partition: u16,
    /// Disorder and lead allowed [ms], most devices, most holes.
    settings: (i64, i64, usize, usize),
    counts: IntakeCounts,
    /// Devices in front and their times [ms].
    front: Vec<(String, i64)>,
    heard: u64,
    /// What the clock shows [ms].
    now: Option<i64>,
    held: Vec<HeldState>,
    held_in_a_row: u64,
    decided: Vec<(HeldState, bool)>,
    refused: Vec<String>,
    devices: Vec<(String, Device)>,
}

#[derive(Serialize, Deserialize)]
struct HeldState {
    offset: u64,
    topic: String,
    /// The message if it is plain JSON, else the canonical JSON of its record.
    payload: String,
    /// The message in base 16, if it is in another form: what its schema says need not be known again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    framed: Option<String>,
    clock: i64,
}

impl From<&Held> for HeldState {
    fn from(held: &Held) -> Self {
        // In another form, be it framed for a schema or an entity, it is kept as it came and as what it says.
        let is_framed = json::decode(&held.payload).as_ref() != Ok(&held.record);
        let (mut canonical, mut framed) = (Vec::new(), None);
        if is_framed {
            json::encode(&held.record, &mut canonical);
            framed = Some(held.payload.iter().fold(String::new(), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            }));
        }
        let payload = String::from_utf8_lossy(if is_framed { &canonical } else { &held.payload }).into_owned();
        Self { offset: held.offset, topic: held.topic.clone(), payload, framed, clock: held.clock.as_milliseconds() }
    }
}

impl HeldState {
    fn back(self) -> Result<Held, BadState> {
        let record = json::decode(self.payload.as_bytes()).map_err(|error| BadState(error.to_string()))?;
        let clock = Timestamp::milliseconds(self.clock);
        let payload = match self.framed {
            None => self.payload.into_bytes(),
            Some(digits) => bytes(&digits).ok_or_else(|| BadState("a held message is not in base 16".to_owned()))?,
        };
        Ok(Held { offset: self.offset, topic: self.topic, payload, record, clock })
    }
}

/// The bytes that digits in base 16 stand for.
fn bytes(digits: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        digits.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let (pairs, rest) = digits.as_deref()?.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

fn device(text: &str) -> Result<DeviceId, BadState> {
    text.parse().map_err(|error| BadState(format!("`{text}`: {error}")))
}

impl Intake {
    /// Everything that decides what becomes of later messages; equal states give equal bytes.
    pub fn state(&self) -> Vec<u8> {
        let mut devices: Vec<(String, Device)> =
            self.devices.iter().map(|(id, device)| (id.as_str().to_owned(), device.clone())).collect();
        devices.sort_by(|a, b| a.0.cmp(&b.0));
        let IntakeSettings { disorder_max, ahead_max, devices_max, holes_max } = self.settings;
        let state = State {
            version: VERSION,
            partition: self.partition,
            settings: (disorder_max.as_milliseconds(), ahead_max.as_milliseconds(), devices_max, holes_max),
            counts: self.counts(),
            front: self.clock.front.iter().map(|(id, time)| (id.to_string(), time.as_milliseconds())).collect(),
            heard: self.clock.heard,
            now: self.clock.now.map(Timestamp::as_milliseconds),
            held: self.held.iter().map(HeldState::from).collect(),
            held_in_a_row: self.held_in_a_row,
            decided: self.decided.iter().map(|(held, trusted)| (HeldState::from(held), *trusted)).collect(),
            refused: self.refused.to_text(),
            devices,
        };
        let written = serde_json::to_vec(&state);
        debug_assert!(written.is_ok(), "text and numbers always become JSON");
        written.unwrap_or_default()
    }

    /// The intake whose state these bytes are.
    ///
    /// # Errors
    /// When they are no state, one of another version, or one that no intake could be in.
    pub fn restore(bytes: &[u8]) -> Result<Self, BadState> {
        let state: State = serde_json::from_slice(bytes).map_err(|error| BadState(error.to_string()))?;
        if state.version != VERSION {
            return Err(BadState(format!("version {}, and this program reads {VERSION}", state.version)));
        }
        let (disorder, ahead, devices_max, holes_max) = state.settings;
        let settings = IntakeSettings {
            disorder_max: SimDuration::milliseconds(disorder),
            ahead_max: SimDuration::milliseconds(ahead),
            devices_max,
            holes_max,
        };
        let mut intake = Self::new(state.partition, settings);
        for (id, known) in state.devices {
            if !known.is_sound() {
                return Err(BadState(format!("the sequences of {id} contradict themselves")));
            }
            intake.holes += known.holes();
            intake.devices.insert(device(&id)?, known);
        }
        let front: Result<Vec<_>, BadState> =
            state.front.iter().map(|(id, ms)| Ok((device(id)?, Timestamp::milliseconds(*ms)))).collect();
        intake.clock = Clock { front: front?, heard: state.heard, now: state.now.map(Timestamp::milliseconds) };
        if intake.clock.front.len() > WITNESSES || state.held.len() > HELD_MAX {
            return Err(BadState("more witnesses or held messages than there can be".to_owned()));
        }
        intake.held = state.held.into_iter().map(HeldState::back).collect::<Result<VecDeque<_>, _>>()?;
        intake.held_in_a_row = state.held_in_a_row;
        let decided = state.decided.into_iter().map(|(held, trusted)| Ok((held.back()?, trusted)));
        intake.decided = decided.collect::<Result<VecDeque<_>, BadState>>()?;
        intake.refused =
            Refused::from_text(&state.refused).ok_or_else(|| BadState("a fingerprint is no number".to_owned()))?;
        intake.counts = state.counts;
        if intake.counts.held != (intake.held.len() + intake.decided.len()) as u64 {
            return Err(BadState("held messages are missing".to_owned()));
        }
        intake.reasons = BTreeMap::new();
        Ok(intake)
    }
}
