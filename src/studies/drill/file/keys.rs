//! The keys of a drill file, as types: the one place that says what may be written.
//!
//! The JSON Schema and the grammar check are derived from them, doc comments included. What the schema demands is optional here, and
//! words are text: what is missing or unknown has been told by the grammar, and the rules go on with the rest. Knows no rules
//! between keys.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::super::model::{InjectKind, Medium, Power, Sight, Standard};
use crate::city::scenario::quantity::{At, WrittenClock, WrittenDuration, WrittenShare};

/// An emergency drill: what happens to whom and when in the city of a scenario, and what is expected.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(title = "citytwin drill", deny_unknown_fields)]
pub(super) struct DrillFile {
    /// Version of this file's grammar: 1.
    #[schemars(required)]
    pub citytwin: Option<At<u32>>,
    /// Name of the drill; its results are kept under it.
    #[schemars(required)]
    pub name: Option<At<String>>,
    /// What the drill is to find out, in one sentence.
    pub question: Option<At<String>>,
    /// The scenario in whose city it takes place, relative to this file; it needs `emergencies`.
    #[schemars(required)]
    pub scenario: Option<At<String>>,
    /// Clock time at which the players begin, T+0; before it the city runs by itself.
    #[schemars(required)]
    pub start: Option<At<WrittenClock>>,
    /// How long they play, at most 12 h.
    #[schemars(required)]
    pub length: Option<At<WrittenDuration>>,
    /// What stands on every page and message, after `EXERCISE`.
    pub marking: Option<At<String>>,
    /// What the result is held against. Both unless given.
    #[schemars(with = "Option<Vec<Standard>>")]
    pub standards: Option<At<Vec<At<String>>>>,
    /// What is trained.
    pub objectives: Option<At<Vec<At<ObjectiveKey>>>>,
    /// Who plays, beside or instead of the built-in `dispatcher` and `controller`.
    pub roles: Option<At<Vec<At<RoleKey>>>>,
    /// A spreadsheet of injects (CSV), relative to this file; they come after those of `injects`.
    pub msel: Option<At<String>>,
    /// What happens to the players.
    pub injects: Option<At<Vec<At<InjectKey>>>>,
}

/// Something that is trained.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(deny_unknown_fields)]
pub(super) struct ObjectiveKey {
    /// Its short name, such as `O-1`.
    #[schemars(required)]
    pub id: Option<At<String>>,
    /// The core capability it belongs to.
    pub capability: Option<At<String>>,
    /// What is to be shown.
    #[schemars(required)]
    pub text: Option<At<String>>,
}

/// A part somebody plays.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(deny_unknown_fields)]
pub(super) struct RoleKey {
    /// Its word in files; `dispatcher` and `controller` change the built-in ones.
    #[schemars(required)]
    pub role: Option<At<String>>,
    /// Its name for people.
    pub title: Option<At<String>>,
    /// How many may play it at once; 0 where nobody can. 1 unless given.
    pub seats: Option<At<u32>>,
    /// What it is told, and nothing else. Nothing unless given.
    #[schemars(with = "Option<Vec<Sight>>")]
    pub sees: Option<At<Vec<At<String>>>>,
    /// What it may do. Nothing unless given.
    #[schemars(with = "Option<Vec<Power>>")]
    pub may: Option<At<Vec<At<String>>>>,
}

/// Something that happens to the players.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(deny_unknown_fields)]
pub(super) struct InjectKey {
    /// Its number or short name, such as `I-01`.
    #[schemars(required)]
    pub id: Option<At<String>>,
    /// Not before this: since the start, `T+00:12:00` or `12 min`, or by the clock, `07:12`; `by hand` where only a controller delivers it.
    #[schemars(with = "Option<Moment>")]
    pub at: Option<At<String>>,
    /// Only while all of these hold, such as `units-free <= 1` or `load of Fox Hospital >= 80 %`.
    pub when: Option<At<Vec<At<String>>>>,
    /// For how long they must have held without a break. No time unless given.
    #[schemars(with = "Option<WrittenDuration>")]
    pub lasting: Option<At<String>>,
    /// Not at all where what this other inject expected was done before.
    pub unless: Option<At<String>>,
    /// Who it is said to come from. Exercise control unless given.
    pub from: Option<At<String>>,
    /// The role it goes to. Nobody unless given: then only the city changes.
    pub to: Option<At<String>>,
    /// How it is delivered. By phone unless given.
    #[schemars(with = "Option<Medium>")]
    pub by: Option<At<String>>,
    /// What kind of inject it is. With `unless` a contingency, with `effects` an event, otherwise informational unless given.
    #[schemars(with = "Option<InjectKind>")]
    pub kind: Option<At<String>>,
    /// What is said, at most 1,000 characters.
    #[schemars(required)]
    pub text: Option<At<String>>,
    /// What happens in the city at the same instant, in order.
    pub effects: Option<At<Vec<At<EffectKey>>>>,
    /// What somebody is to do, such as `assign 3 units within 5 min` or `declare major-incident within 8 min by dispatcher`.
    pub expect: Option<At<String>>,
    /// The objective it serves.
    pub objective: Option<At<String>>,
    /// Who sees to it.
    pub responsible: Option<At<String>>,
    /// Notes of the planners; players never see them.
    pub notes: Option<At<String>>,
}

/// Something that happens in the city.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(deny_unknown_fields)]
pub(crate) enum EffectKey {
    /// Barriers across a road: an edge's id, or a street's name for all of it in both directions.
    CloseRoad(At<String>),
    /// The barriers that an earlier inject brought are taken away.
    OpenRoad(At<String>),
    /// Something blocks a road.
    Incident(IncidentKey),
    /// The incidents that an earlier inject brought are cleared away.
    Clear(At<String>),
    /// Somebody calls for an ambulance.
    Call(CallKey),
    /// A hospital takes over this many patients at the same time from now on.
    Bays(BaysKey),
}

/// Something that blocks a road.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(deny_unknown_fields)]
pub(crate) struct IncidentKey {
    /// The road: an edge's id, or a street's name for its longest edge.
    pub road: At<String>,
    /// What it is. `breakdown` unless given.
    pub kind: Option<At<IncidentKindKey>>,
    /// How many lanes it blocks, from the kerb. 1 unless given.
    pub lanes: Option<At<u32>>,
    /// Where on the road its middle is, 0 % at the start. 50 % unless given.
    pub position: Option<At<WrittenShare>>,
    /// How long it lasts at least, 10 s to 1 d.
    pub duration: At<WrittenDuration>,
    /// How many people are hurt, at most 50; each makes a call. None unless given.
    pub casualties: Option<At<u32>>,
}

/// Somebody who calls for an ambulance.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(deny_unknown_fields)]
pub(crate) struct CallKey {
    /// The road: an edge's id, or a street's name for its longest edge.
    pub road: At<String>,
    /// Where on the road, 0 % at the start. 50 % unless given.
    pub position: Option<At<WrittenShare>>,
    /// How urgent it is.
    pub category: At<CategoryKey>,
}

/// Other bays of a hospital.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(deny_unknown_fields)]
pub(crate) struct BaysKey {
    /// The hospital, by its name on the map.
    pub hospital: At<String>,
    /// How many patients it takes over at the same time, 1 to 50.
    pub bays: At<u32>,
}

/// What blocks a road.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum IncidentKindKey {
    /// Vehicles have collided.
    Crash,
    /// A vehicle has broken down.
    Breakdown,
    /// The road is being worked on.
    Roadworks,
    /// Something lies on the road.
    Obstruction,
}

/// How urgent a call is, as the Ambulance Response Programme has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub(crate) enum CategoryKey {
    /// Life-threatening.
    C1,
    /// Emergency.
    C2,
    /// Urgent.
    C3,
    /// Less urgent.
    C4,
}

/// When an inject comes, for the schema; it is read as text.
struct Moment;

impl JsonSchema for Moment {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "examples": ["T+00:12:00", "12 min", "07:12", "by hand"] })
    }
}

/// The grammar as a JSON Schema (2020-12).
pub(super) fn schema() -> serde_json::Value {
    schemars::schema_for!(DrillFile).to_value()
}

/// The grammar of what happens in the city alone: a list of effects.
pub(super) fn schema_of_effects() -> serde_json::Value {
    schemars::schema_for!(Vec<EffectKey>).to_value()
}
