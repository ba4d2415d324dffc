//! A drill as a checked value: every name found in its city, every reference between injects kept.
//!
//! Knows neither YAML nor spreadsheets. What a role may know and do is data, so that another role is another entry of the file.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::primitives::{Category, SimDuration, SimTime};
use crate::simulation::change::Change;

/// A drill: the city of a scenario, and what is going to happen in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Drill {
    /// Its name; results are kept under it.
    pub name: String,
    /// What it is to find out, in one sentence.
    pub question: Option<String>,
    /// The scenario's file, its city being where all this happens.
    pub scenario: PathBuf,
    /// When the players begin, T+0; before that the city runs by itself [s].
    pub start: SimTime,
    /// How long they play [s].
    pub length: SimDuration,
    /// What stands on every page and message; `EXERCISE` comes before it in any case.
    pub marking: Option<String>,
    /// What is trained.
    pub objectives: Vec<Objective>,
    /// Who plays.
    pub roles: Vec<Role>,
    /// What the result is held against.
    pub standards: Vec<Standard>,
    /// What happens, in the order of the file.
    pub injects: Vec<Inject>,
}

/// Something that is trained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objective {
    /// Its short name.
    pub id: String,
    /// The core capability it belongs to.
    pub capability: Option<String>,
    /// What is to be shown.
    pub text: String,
}

/// A part somebody plays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its word in files: `dispatcher`, `controller`, ...
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// How many may play it at once; 0 where nobody can and a bot does.
    pub seats: u32,
    /// What it is told.
    pub sees: Vec<Sight>,
    /// What it may do.
    pub may: Vec<Power>,
}

/// What a role is told, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Sight {
    /// Calls as they were understood.
    Calls,
    /// Units by what they report: status, and where their last position report put them.
    Units,
    /// Hospitals by what they report: bays, and ambulances waiting.
    Hospitals,
    /// Injects, delivered or not, and what is expected.
    Injects,
    /// What everybody did.
    Actions,
    /// The city as it is: closed roads, incidents, every vehicle.
    Truth,
}

/// What a role may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Power {
    /// Send a free unit to a call, ask for predicted times.
    Assign,
    /// Send a unit that is on its way to another call.
    Divert,
    /// Call a unit back that is on its way.
    StandDown,
    /// Name the hospital for a unit that has not left the patient.
    Direct,
    /// Declare, for instance a major incident.
    Declare,
    /// Speak to another role, note something, take note of a message.
    Say,
    /// Pause, go on, change the speed, take steps, end.
    Clock,
    /// Go back in time on a new branch.
    Rewind,
    /// Deliver, hold and release injects, and give new ones.
    Inject,
    /// Rate objectives.
    Rate,
    /// Hand a role to a bot or take it back.
    Hand,
}

/// What a drill is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Standard {
    /// NFPA 1710 (emergency medical services): answering, processing, turnout, travel.
    #[serde(rename = "nfpa-1710")]
    Nfpa1710,
    /// NHS England, Ambulance Response Programme: means and 90th centiles by category.
    #[serde(rename = "nhs-arp")]
    NhsArp,
}

/// Something that happens to the players.
#[derive(Debug, Clone, PartialEq)]
pub struct Inject {
    /// Its short name, as `I-01`.
    pub id: String,
    /// When.
    pub trigger: Trigger,
    /// Who it is said to come from.
    pub from: String,
    /// The role it goes to, by position in [`Drill::roles`]; none where the city alone changes.
    pub to: Option<usize>,
    /// How it is delivered.
    pub by: Medium,
    /// What kind of inject it is.
    pub kind: InjectKind,
    /// What is said.
    pub text: String,
    /// What happens in the city at the same instant, in order.
    pub effects: Vec<Effect>,
    /// What somebody is expected to do.
    pub expect: Option<Expect>,
    /// The objective it serves, by position in [`Drill::objectives`].
    pub objective: Option<usize>,
    /// Who sees to it.
    pub responsible: Option<String>,
    /// Notes of the planners.
    pub notes: Option<String>,
}

/// When an inject is delivered. All of what is given must hold.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Trigger {
    /// Not before this [s after midnight].
    pub at: Option<SimTime>,
    /// Only while all of these hold.
    pub when: Vec<Condition>,
    /// For how long they must have held without a break [s].
    pub lasting: SimDuration,
    /// Not at all where what that inject expected was done before, by position in [`Drill::injects`].
    pub unless: Option<usize>,
}

/// A state of the drill.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Condition {
    /// What is looked at.
    pub of: Measure,
    /// How it is compared.
    pub is: Comparison,
    /// With what; shares from 0 to 1, times in seconds.
    pub value: f64,
}

/// What a condition looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Units that are free.
    UnitsFree,
    /// Calls that were understood and wait for a unit.
    CallsWaiting,
    /// The longest time that such a call has waited [s].
    LongestWait,
    /// Bays taken over bays of a hospital, by number.
    HospitalLoad(u32),
    /// Ambulances that wait at a hospital, by number.
    HospitalWaiting(u32),
    /// 1 where an inject was delivered, by position in [`Drill::injects`].
    Delivered(usize),
    /// 1 where what an inject expected was done.
    Met(usize),
    /// 1 where its deadline has gone by without.
    Missed(usize),
}

/// How two numbers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Less.
    Less,
    /// Less or as much.
    AtMost,
    /// As much.
    Equal,
    /// As much or more.
    AtLeast,
    /// More.
    More,
}

/// How an inject reaches a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Medium {
    /// By telephone.
    Phone,
    /// By radio.
    Radio,
    /// On the dispatcher's own screen.
    Cad,
    /// By e-mail.
    Email,
    /// In the news.
    Media,
    /// As a warning (Common Alerting Protocol).
    Cap,
    /// From person to person.
    InPerson,
}

/// What kind of inject it is, as in a master scenario events list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InjectKind {
    /// Tells something.
    #[default]
    Informational,
    /// Something happens.
    Event,
    /// The press.
    Media,
    /// Only if something was not done.
    Contingency,
}

/// What happens in the city.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// A change as anybody at a desk may make it.
    City(Change),
    /// The incident that an earlier inject brought is cleared, by position in [`Drill::injects`].
    Clear {
        /// The inject.
        inject: usize,
    },
    /// A hospital has other bays from now on; those that are taken stay taken.
    Bays {
        /// Its number.
        hospital: u32,
        /// How many.
        bays: u32,
    },
}

/// What somebody is expected to do after an inject.
#[derive(Debug, Clone, PartialEq)]
pub struct Expect {
    /// What.
    pub what: Expected,
    /// The role that is to do it, by position in [`Drill::roles`]; anybody if none.
    pub role: Option<usize>,
    /// Within which time of the delivery [s].
    pub within: SimDuration,
}

/// An action that is expected.
#[derive(Debug, Clone, PartialEq)]
pub enum Expected {
    /// Take note of the message.
    Acknowledge,
    /// Units are on their way to the calls that the inject brought, or to any call of a category where it brought none.
    Assign {
        /// How many different units.
        units: u32,
        /// To calls of this category only.
        category: Option<Category>,
    },
    /// A unit is diverted.
    Divert,
    /// A unit is called back.
    StandDown,
    /// A unit is told to go to this hospital, by number, or to any.
    Direct {
        /// The hospital.
        hospital: Option<u32>,
    },
    /// Something is declared, by its word, as `major-incident`.
    Declare {
        /// The word.
        what: String,
    },
    /// Something is said to a role, by position in [`Drill::roles`].
    Say {
        /// The role.
        to: usize,
    },
}

/// What somebody does. The form in which it comes over the wire and stands in the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Action {
    /// Send a unit to a call; one that is on its way to another is diverted.
    Assign {
        /// The unit's name.
        unit: String,
        /// The call's number.
        call: u32,
    },
    /// Call a unit back that is on its way; its call waits again.
    StandDown {
        /// The unit's name.
        unit: String,
    },
    /// Name the hospital for a unit's patient.
    Direct {
        /// The unit's name.
        unit: String,
        /// The hospital's name.
        hospital: String,
    },
    /// Declare something.
    Declare {
        /// Its word, as `major-incident`; at most 40 characters.
        what: String,
    },
    /// Take note of a message.
    Acknowledge {
        /// Its number.
        message: u32,
    },
    /// Say something to another role.
    Say {
        /// The role's word.
        to: String,
        /// What; at most 1,000 characters.
        text: String,
    },
    /// Note something for the review.
    Note {
        /// What; at most 1,000 characters.
        text: String,
    },
    /// Deliver an inject now, whatever it waits for.
    Deliver {
        /// Its id.
        inject: String,
    },
    /// Hold an inject back until it is released or delivered.
    Hold {
        /// Its id.
        inject: String,
    },
    /// Release an inject that was held back.
    Release {
        /// Its id.
        inject: String,
    },
    /// Say something that is not in the list.
    Improvise {
        /// The role's word.
        to: String,
        /// Who it is said to come from.
        from: String,
        /// What; at most 1,000 characters.
        text: String,
    },
    /// Rate how an objective was met.
    Rate {
        /// The objective's id.
        objective: String,
        /// How.
        rating: Rating,
        /// Why; at most 1,000 characters.
        note: Option<String>,
    },
    /// Hand a role to its bot, or take it back.
    Hand {
        /// The role's word.
        role: String,
        /// Whether a bot plays it.
        bot: bool,
    },
    /// End the drill.
    End,
}

/// How an objective was met (Homeland Security Exercise and Evaluation Program, 2020).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Rating {
    /// Performed without challenges.
    P,
    /// Performed with some challenges.
    S,
    /// Performed with major challenges.
    M,
    /// Unable to be performed.
    U,
}

/// An action as it stands in the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Logged {
    /// Its number, from 1.
    pub number: u64,
    /// The city's time: done before the step that begins then.
    pub time: SimTime,
    /// The role's word.
    pub role: String,
    /// Who did it, by the name given on joining.
    pub person: String,
    /// What.
    pub action: Action,
    /// What became of it, in a sentence.
    pub said: String,
}
