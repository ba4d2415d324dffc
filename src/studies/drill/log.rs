//! The drill's log: what happened, one line each, in order; derived from the file, the seed and the actions, and so made again the same.
//!
//! It has enough in it to compute every interval of every call: each call's stages with who served it, and each unit's reports. It is the
//! trainer's; it says what was the case, and not what a dispatcher knew.

use serde::{Deserialize, Serialize};

use super::model::{Action, Medium};
use super::record::How;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    /// When [s after the scenario's midnight].
    pub time_s: f64,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What a line says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum What {
    /// The players begin.
    Began,
    /// Somebody did something.
    Action {
        /// Its number, from 1.
        number: u64,
        /// The role's word.
        role: String,
        /// Who.
        person: String,
        /// What.
        action: Action,
        /// What became of it.
        said: String,
    },
    /// An inject was delivered, or will not be.
    Inject {
        /// Its id.
        inject: String,
        /// How, or why not.
        how: How,
        /// What it changed in the city, a sentence each.
        done: Vec<String>,
        /// What it could not change, and why.
        refused: Vec<String>,
    },
    /// A role was told something.
    Message {
        /// The message's number, from 1.
        message: u32,
        /// Who it is said to come from.
        from: String,
        /// The role's word.
        to: String,
        /// How.
        by: Medium,
        /// What.
        text: String,
    },
    /// A call reached a stage.
    Call {
        /// Its number.
        call: u32,
        /// The stage: call, answer, queue, dispatch, enroute, arrive, patient, depart, hospital, handover, clear.
        stage: String,
        /// How urgent it is.
        category: String,
        /// The road.
        road: String,
        /// Who serves it.
        unit: Option<String>,
        /// Where the patient is brought.
        hospital: Option<String>,
    },
    /// A unit does something else.
    Unit {
        /// Its name.
        unit: String,
        /// What it does: available, dispatched, en-route, at-scene, transporting, at-hospital, returning.
        status: String,
        /// For which call.
        call: Option<u32>,
        /// Longitude [°].
        lon: f64,
        /// Latitude [°].
        lat: f64,
    },
    /// A hospital is fuller or emptier.
    Hospital {
        /// Its name.
        hospital: String,
        /// Its bays.
        bays: u32,
        /// Those that are taken.
        taken: u32,
        /// Ambulances that wait.
        waiting: u32,
    },
    /// What an inject expected was done.
    Met {
        /// Its id.
        inject: String,
        /// Whether the deadline had gone by.
        late: bool,
        /// How long after the inject [s].
        after_s: f64,
        /// Who did it, by name; none where a bot did.
        by: Option<String>,
    },
    /// The deadline for what an inject expected has gone by.
    Missed {
        /// Its id.
        inject: String,
    },
    /// Something was declared.
    Declared {
        /// Its word.
        word: String,
        /// The role's word.
        role: String,
        /// Who did it.
        person: String,
    },
    /// The drill is over.
    Over,
}

impl LogLine {
    /// The line as it is written, without its end.
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|trouble| format!("{{\"what\":\"trouble\",\"says\":\"{trouble}\"}}"))
    }
}
