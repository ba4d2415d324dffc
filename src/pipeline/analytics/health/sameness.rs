//! Devices that tell the same for too long, and bays that change too often.
//!
//! Air and weather are never the same to the last digit for an hour; a bay may be taken for days, but not for a week.

use serde::{Deserialize, Serialize};

use super::state::is_default;
use super::{Complaint, Finding};

/// Fewest equal readings of all measures, and the shortest time over which they are told [ms].
const EQUAL_MIN: u32 = 6;
const EQUAL_FOR: i64 = 1_800_000;
/// How long a bay may not change [ms].
const BAY_FOR: i64 = 7 * 86_400_000;
/// Most changes of a bay in [`CHANGES_IN`]: a vehicle every two minutes is none.
const CHANGES_MAX: u32 = 30;
const CHANGES_IN: i64 = 3_600_000;

/// How long a device has told the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Sameness {
    /// Fingerprint of what it told.
    #[serde(skip_serializing_if = "is_default")]
    told: u64,
    /// How often in a row.
    #[serde(skip_serializing_if = "is_default")]
    run: u32,
    /// Since when [ms].
    #[serde(skip_serializing_if = "is_default")]
    since: i64,
    /// Changes in the hour that began at an instant [ms].
    #[serde(skip_serializing_if = "is_default")]
    changes: u32,
    #[serde(skip_serializing_if = "is_default")]
    hour: i64,
}

/// A fingerprint of numbers (FNV-1a over their bits; Fowler, Noll, Vo).
pub(super) fn fingerprint(values: &[f64]) -> u64 {
    let bytes = values.iter().flat_map(|value| value.to_bits().to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

impl Sameness {
    /// Takes note of what was told; whether it differs from before.
    fn note(&mut self, time: i64, told: u64) -> bool {
        let differs = self.run == 0 || told != self.told;
        if differs {
            (self.told, self.run, self.since) = (told, 0, time);
        }
        self.run = self.run.saturating_add(1);
        differs
    }

    /// How often in a row the same values were told.
    pub(super) fn run_of(&mut self, time: i64, values: &[f64]) -> u32 {
        self.note(time, fingerprint(values));
        self.run
    }

    /// Readings of a station.
    pub(super) fn see_measures(&mut self, name: &str, time: i64, values: &[f64], findings: &mut Vec<Finding>) {
        let differs = self.note(time, fingerprint(values));
        let minutes = (time - self.since) / 60_000;
        if differs {
            findings.push((Complaint::Stuck, None));
        } else if self.run >= EQUAL_MIN && time - self.since >= EQUAL_FOR {
            findings.push((Complaint::Stuck, Some(format!("{name} has measured the same for {minutes} min"))));
        }
    }

    /// A reading of a bay.
    pub(super) fn see_bay(&mut self, name: &str, time: i64, taken: bool, findings: &mut Vec<Finding>) {
        let differs = self.note(time, u64::from(taken));
        let days = (time - self.since) / 86_400_000;
        if differs {
            findings.push((Complaint::Stuck, None));
        } else if time - self.since >= BAY_FOR {
            findings.push((Complaint::Stuck, Some(format!("{name} has not changed for {days} days"))));
        }
        if time - self.hour >= CHANGES_IN {
            if self.changes <= CHANGES_MAX {
                findings.push((Complaint::Implausible, None));
            }
            (self.hour, self.changes) = (time, 0);
        }
        self.changes = self.changes.saturating_add(u32::from(differs));
        if self.changes > CHANGES_MAX {
            let says = format!("{name} has changed {} times within an hour", self.changes);
            findings.push((Complaint::Implausible, Some(says)));
        }
    }
}
