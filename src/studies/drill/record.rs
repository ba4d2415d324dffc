//! What a drill leaves: everything its review is made of, as plain values.
//!
//! The same record gives the same review, byte for byte: there is no clock of the wall in it and nothing of the machine. Who
//! writes it folds nothing away: intervals are computed from [`Record::happened`] alone.

use serde::{Deserialize, Serialize};

use super::model::{InjectKind, Logged, Medium, Rating, Standard};
use crate::primitives::{SimDuration, SimTime, Timestamp};
use crate::simulation::outcome::{Call, Happened};

/// A drill that was played, or as far as it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its name.
    pub drill: String,
    /// What it was to find out.
    pub question: Option<String>,
    /// What stands on every page and message after the word `EXERCISE`; may be empty.
    pub marking: String,
    /// The scenario's name.
    pub scenario: String,
    /// Root of every draw.
    pub seed: u64,
    /// The scenario's midnight, from which every time here counts.
    pub midnight: Timestamp,
    /// The branch: 1, and one more for each time that somebody went back.
    pub branch: u32,
    /// When the players began, T+0 [s].
    pub start: SimTime,
    /// When it was over, or how far it is [s].
    pub ended: SimTime,
    /// How long it was to last [s].
    pub length: SimDuration,
    /// Where it takes place, for messages that name no place of their own.
    pub area: Option<Circle>,
    /// The roles: word and title.
    pub roles: Vec<(String, String)>,
    /// Who played: the role's word and the person's name, in the order of joining; none where bots played alone.
    pub people: Vec<(String, String)>,
    /// What was trained.
    pub objectives: Vec<ObjectiveOutcome>,
    /// What it is held against.
    pub standards: Vec<Standard>,
    /// What everybody did, in order.
    pub actions: Vec<Logged>,
    /// Every call of the city up to [`Record::ended`], by number.
    pub calls: Vec<CallRecord>,
    /// Everything that happened since the city began, also before [`Record::start`], in order.
    pub happened: Vec<Happened>,
    /// The ambulances, by number.
    pub units: Vec<UnitRecord>,
    /// The hospitals, by number.
    pub hospitals: Vec<HospitalRecord>,
    /// The injects, in the order of the file.
    pub injects: Vec<InjectOutcome>,
    /// Every message to a role, in order.
    pub messages: Vec<Message>,
    /// What was declared, in order.
    pub declared: Vec<Declared>,
}

/// A place on the map with its surroundings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Circle {
    /// What people call it, as the name of the road.
    pub name: String,
    /// Longitude, WGS 84 [°].
    pub lon: f64,
    /// Latitude, WGS 84 [°].
    pub lat: f64,
    /// Radius [km].
    pub radius_km: f64,
}

/// An objective, and what the controller thought of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectiveOutcome {
    /// Its short name.
    pub id: String,
    /// The core capability it belongs to.
    pub capability: Option<String>,
    /// What was to be shown.
    pub text: String,
    /// The last rating it was given.
    pub rating: Option<Rating>,
    /// Why.
    pub note: Option<String>,
    /// Who rated it, by name.
    pub by: Option<String>,
}

/// How a call came about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Came {
    /// From the city itself: by chance, or by its scenario.
    City,
    /// From an inject, by its id.
    Inject(String),
    /// From something a person did outside the list.
    Person,
}

/// A call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallRecord {
    /// The call as the simulation left it.
    pub call: Call,
    /// The road's name, or its id where it has none.
    pub road: String,
    /// How it came about.
    pub came: Came,
}

/// An ambulance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitRecord {
    /// Its name.
    pub name: String,
    /// Its station.
    pub station: String,
}

/// A hospital.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HospitalRecord {
    /// Its name.
    pub name: String,
    /// Its bays when the city began.
    pub bays: u32,
    /// When it had others, and how many.
    pub changed: Vec<(SimTime, u32)>,
}

/// How an inject came to be delivered, or why it was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// Its time had come.
    Time,
    /// What it waited for held.
    State,
    /// The controller delivered it.
    ByHand,
    /// The controller held it back to the end.
    Held,
    /// Not at all: its condition never held, or what it was to make up for had been done.
    Not,
}

/// An inject, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InjectOutcome {
    /// Its short name.
    pub id: String,
    /// What is said.
    pub text: String,
    /// What kind it is.
    pub kind: InjectKind,
    /// Who it is said to come from.
    pub from: String,
    /// The word of the role it goes to; none where the city alone changes.
    pub to: Option<String>,
    /// How it is delivered.
    pub by: Medium,
    /// What it waits for, in words.
    pub trigger: String,
    /// When it was delivered.
    pub delivered: Option<SimTime>,
    /// How, or why not.
    pub how: How,
    /// Where it takes place, if that is known.
    pub place: Option<Circle>,
    /// What was expected.
    pub expect: Option<ExpectOutcome>,
    /// The id of the objective it serves.
    pub objective: Option<String>,
}

/// What somebody was expected to do, and whether they did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpectOutcome {
    /// What, in words.
    pub words: String,
    /// The word of the role that was to do it; anybody if none.
    pub role: Option<String>,
    /// Until when; none where the inject was not delivered.
    pub deadline: Option<SimTime>,
    /// When it was done, also after the deadline.
    pub met: Option<SimTime>,
    /// Who did it, by name.
    pub by: Option<String>,
}

/// A message to a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its number, from 1.
    pub number: u32,
    /// When it was delivered.
    pub time: SimTime,
    /// Who it is said to come from.
    pub from: String,
    /// The word of the role it went to.
    pub to: String,
    /// How it was delivered.
    pub by: Medium,
    /// What was said.
    pub text: String,
    /// When somebody took note of it.
    pub acknowledged: Option<SimTime>,
}

/// Something that was declared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// When.
    pub time: SimTime,
    /// The role's word.
    pub role: String,
    /// Who did it, by name.
    pub person: String,
    /// Its word, as `major-incident`.
    pub what: String,
}
