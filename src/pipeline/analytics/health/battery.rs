//! Batteries that are nearly empty.
//!
//! A lithium thionyl chloride cell of 3.6 V, which bays have, holds its voltage until it is nearly empty; below [`CELL_LOW`] it is.
//! Of other batteries the nominal voltage is not known, so they are compared with the highest they have told.

use serde::{Deserialize, Serialize};

use super::state::is_default;
use super::{Complaint, Finding};

/// Voltage of a bay's cell from which on it is nearly empty, and from which on it is not [V].
const CELL_LOW: f64 = 3.0;
const CELL_WELL: f64 = 3.2;
/// The same for any battery, as shares of the highest voltage it has told: a lead battery of 12.7 V is flat below 11 V.
const SHARE_LOW: f64 = 0.85;
const SHARE_WELL: f64 = 0.93;

/// A battery.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Battery {
    /// Highest voltage told [V].
    #[serde(skip_serializing_if = "is_default")]
    highest: f64,
}

impl Battery {
    /// A voltage of a bay's cell [V].
    pub(super) fn see_cell(name: &str, volts: f64, findings: &mut Vec<Finding>) {
        if volts < CELL_LOW {
            findings.push((Complaint::BatteryLow, Some(format!("{name} has {volts} V left, less than {CELL_LOW} V"))));
        } else if volts > CELL_WELL {
            findings.push((Complaint::BatteryLow, None));
        }
    }

    /// A voltage of some battery [V].
    pub(super) fn see(&mut self, name: &str, volts: f64, findings: &mut Vec<Finding>) {
        self.highest = self.highest.max(volts);
        if volts < SHARE_LOW * self.highest {
            let says = format!("{name} has {volts} V left, of {} V once", self.highest);
            findings.push((Complaint::BatteryLow, Some(says)));
        } else if volts > SHARE_WELL * self.highest {
            findings.push((Complaint::BatteryLow, None));
        }
    }
}
