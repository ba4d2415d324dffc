//! How far a drill has come: what of it is saved beside the city.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::primitives::SimTime;
use crate::simulation::outcome::Happened;
use crate::studies::drill::knowledge::Knowledge;
use crate::studies::drill::log::LogLine;
use crate::studies::drill::model::{Drill, Logged, Rating};
use crate::studies::drill::record::{Declared, How, Message};

/// How far a drill has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::studies::drill) struct State {
    /// Whether the city has been looked at.
    pub looked: bool,
    /// Whether T+0 has come.
    pub begun: bool,
    /// The branch, from 1.
    pub branch: u32,
    /// When somebody ended it.
    pub ended: Option<SimTime>,
    /// Whether that it is over stands in the log.
    pub closed: bool,
    /// By role.
    pub parts: Vec<Part>,
    /// By inject.
    pub injects: Vec<Progress>,
    pub messages: Vec<Message>,
    pub declared: Vec<Declared>,
    pub actions: Vec<Logged>,
    /// By objective.
    pub ratings: Vec<Option<Rated>>,
    /// Everything that happened in the city.
    pub happened: Vec<Happened>,
    /// Bays of each hospital when it was first looked at.
    pub bays: Vec<u32>,
    /// Hospitals that got other bays: when, which, how many.
    pub bays_changed: Vec<(SimTime, u32, u32)>,
    /// Who sent each unit last by hand: the call, the role and the person.
    pub sent: BTreeMap<u32, (u32, usize, String)>,
    pub knowledge: Knowledge,
    /// Lines of the log that nobody has taken yet.
    pub lines: Vec<LogLine>,
    /// How many lines were taken.
    pub told: u64,
}

/// Who plays a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::studies::drill) struct Part {
    /// Whether its bot does.
    pub bot: bool,
    /// Whether somebody who may has handed it to the bot.
    pub handed: bool,
    /// Who ever played it, in the order of joining.
    pub people: Vec<String>,
}

/// How far an inject has come.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::studies::drill) struct Progress {
    pub delivered: Option<SimTime>,
    pub how: Option<How>,
    /// Whether it is held back.
    pub held: bool,
    /// Whether it will not come, because what it was to make up for was done.
    pub off: bool,
    /// Since when what it waits for holds without a break.
    pub holds_since: Option<SimTime>,
    /// Incidents and calls that it brought.
    pub incidents: Vec<u32>,
    pub calls: Vec<u32>,
    /// Its message.
    pub message: Option<u32>,
    /// Until when what it expects is to be done.
    pub deadline: Option<SimTime>,
    /// When it was done, and by whom; nobody's name where a bot did it.
    pub met: Option<(SimTime, Option<String>)>,
    /// Whether the deadline went by.
    pub missed: bool,
    /// Units that were sent, by the call they were sent to.
    pub sent: BTreeMap<u32, u32>,
}

/// What was thought of an objective.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::studies::drill) struct Rated {
    pub rating: Rating,
    pub note: Option<String>,
    pub by: String,
}

impl State {
    /// Before anything has happened.
    pub(super) fn of(drill: &Drill) -> Self {
        let part = Part { bot: true, handed: false, people: Vec::new() };
        Self {
            looked: false,
            begun: false,
            branch: 1,
            ended: None,
            closed: false,
            parts: vec![part; drill.roles.len()],
            injects: vec![Progress::default(); drill.injects.len()],
            messages: Vec::new(),
            declared: Vec::new(),
            actions: Vec::new(),
            ratings: vec![None; drill.objectives.len()],
            happened: Vec::new(),
            bays: Vec::new(),
            bays_changed: Vec::new(),
            sent: BTreeMap::new(),
            knowledge: Knowledge::default(),
            lines: Vec::new(),
            told: 0,
        }
    }

    /// Whether it is of a drill with as many roles, injects and objectives; for what comes from outside.
    pub(super) fn fits(&self, drill: &Drill) -> bool {
        self.parts.len() == drill.roles.len()
            && self.injects.len() == drill.injects.len()
            && self.ratings.len() == drill.objectives.len()
    }
}
