//! What a role sees: the picture that is sent to its windows.
//!
//! Calls, units and hospitals come from what the control room knows and from nothing else; the city itself is looked at only for roles
//! that see the truth. All times end in `_s` and count from the scenario's midnight, but for `t_s`, which counts from T+0.

use std::collections::BTreeMap;

use serde::Serialize;

use super::director::state::Progress;
use super::director::{Director, words};
use super::knowledge::{CallCard, HospitalCard, Knowledge, UnitCard, road_name};
use super::model::{Inject, InjectKind, Medium, Power, Rating, Sight};
use crate::primitives::SimTime;
use crate::simulation::City;
use crate::simulation::outcome::{Stage, UnitStatus};

/// The most messages, and the most actions of everybody, that are shown; the newest.
const SHOWN_MAX: usize = 500;
/// The most of one's own actions that are shown; the newest.
const OWN_MAX: usize = 200;

/// What a role sees.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct View {
    /// Its word.
    pub role: String,
    /// Its name for people.
    pub title: String,
    /// What it may do.
    pub may: Vec<Power>,
    /// What it is told.
    pub sees: Vec<Sight>,
    /// The drill.
    pub drill: DrillView,
    /// What it was told, newest last.
    pub messages: Vec<MessageView>,
    /// What was declared.
    pub declared: Vec<DeclaredView>,
    /// What it did, newest last.
    pub said: Vec<SaidView>,
    /// Calls, the most urgent first; those that are still taken come last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls: Option<Vec<CallView>>,
    /// Units by number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units: Option<Vec<UnitView>>,
    /// Hospitals by number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hospitals: Option<Vec<HospitalView>>,
    /// Injects in the order of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub injects: Option<Vec<InjectView>>,
    /// Objectives in the order of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub objectives: Option<Vec<ObjectiveView>>,
    /// What everybody did, newest last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actions: Option<Vec<ActionView>>,
    /// The city as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truth: Option<TruthView>,
}

/// How far a drill is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// T+0 has not come.
    Waiting,
    /// It runs.
    Running,
    /// Somebody has stopped the clock; who runs the clock says so, the drill does not know.
    Paused,
    /// It is over.
    Over,
}

/// The drill as every role sees it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DrillView {
    /// Its name.
    pub name: String,
    /// What it is to find out.
    pub question: Option<String>,
    /// What stands on everything after the word `EXERCISE`.
    pub marking: Option<String>,
    /// How far it is.
    pub phase: Phase,
    /// The city's time.
    pub time_s: f64,
    /// The time since T+0; less than 0 before.
    pub t_s: f64,
    /// How long it lasts.
    pub length_s: f64,
    /// City seconds in a second, for whoever runs the clock to fill in; none for as fast as possible.
    pub speed: Option<f64>,
    /// The branch, from 1.
    pub branch: u32,
    /// Who played, by role.
    pub people: BTreeMap<String, Vec<String>>,
    /// Roles that bots play.
    pub bots: Vec<String>,
}

/// A message to a role.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MessageView {
    /// Its number.
    pub message: u32,
    /// When it came.
    pub time_s: f64,
    /// Who it is said to come from.
    pub from: String,
    /// How it came.
    pub by: Medium,
    /// What is said.
    pub text: String,
    /// When it was taken note of.
    pub acknowledged_s: Option<f64>,
}

/// Something that was declared.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeclaredView {
    /// When.
    pub time_s: f64,
    /// Who did it, and as what.
    pub by: String,
    /// Its word.
    pub what: String,
}

/// Something that this role did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SaidView {
    /// When.
    pub time_s: f64,
    /// Who.
    pub person: String,
    /// What became of it.
    pub said: String,
}

/// A call.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CallView {
    /// Its number.
    pub call: u32,
    /// How far it is.
    pub status: &'static str,
    /// How urgent; none before it is understood.
    pub category: Option<&'static str>,
    /// The road; none before it is understood.
    pub road: Option<String>,
    /// What the caller said, where the drill says so; none before it is understood.
    pub text: Option<String>,
    /// Longitude; none before it is understood [°].
    pub lon: Option<f64>,
    /// Latitude; none before it is understood [°].
    pub lat: Option<f64>,
    /// When it rang.
    pub received_s: f64,
    /// When it was understood.
    pub understood_s: Option<f64>,
    /// Who serves it.
    pub unit: Option<String>,
    /// Where the patient is brought.
    pub hospital: Option<String>,
}

/// A unit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UnitView {
    /// Its name.
    pub unit: String,
    /// What it reported that it does.
    pub status: &'static str,
    /// The call that it serves.
    pub call: Option<u32>,
    /// Its station.
    pub station: String,
    /// Longitude as of its last report [°].
    pub lon: f64,
    /// Latitude as of its last report [°].
    pub lat: f64,
    /// When that was.
    pub seen_s: f64,
    /// Whether it may be sent to a call.
    pub free: bool,
    /// Whether it is on its way and may be sent to another.
    pub divertible: bool,
    /// Where its patient is brought.
    pub hospital: Option<String>,
}

/// A hospital.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HospitalView {
    /// Its name.
    pub hospital: String,
    /// Longitude [°].
    pub lon: f64,
    /// Latitude [°].
    pub lat: f64,
    /// Its bays.
    pub bays: u32,
    /// Those that are taken.
    pub taken: u32,
    /// Ambulances that wait.
    pub waiting: u32,
    /// When it last reported.
    pub seen_s: Option<f64>,
}

/// An inject.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InjectView {
    /// Its id.
    pub inject: String,
    /// What kind it is.
    pub kind: InjectKind,
    /// Who it is said to come from.
    pub from: String,
    /// The role's word.
    pub to: Option<String>,
    /// How it is delivered.
    pub by: Medium,
    /// What is said.
    pub text: String,
    /// What it waits for, in words.
    pub trigger: String,
    /// `pending`, `delivered`, `held` or `off`.
    pub state: &'static str,
    /// Not before this.
    pub due_s: Option<f64>,
    /// When it was delivered.
    pub delivered_s: Option<f64>,
    /// The id of the objective it serves.
    pub objective: Option<String>,
    /// What is expected.
    pub expect: Option<ExpectView>,
}

/// What is expected after an inject.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExpectView {
    /// What, in words.
    pub words: String,
    /// The role's word; anybody if none.
    pub role: Option<String>,
    /// Until when; none before it is delivered.
    pub deadline_s: Option<f64>,
    /// `open`, `met`, `late` or `missed`.
    pub state: &'static str,
    /// When it was done.
    pub met_s: Option<f64>,
}

/// An objective.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ObjectiveView {
    /// Its id.
    pub objective: String,
    /// The core capability it belongs to.
    pub capability: Option<String>,
    /// What is to be shown.
    pub text: String,
    /// How it was rated.
    pub rating: Option<Rating>,
    /// Why.
    pub note: Option<String>,
}

/// Something that somebody did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ActionView {
    /// Its number, from 1.
    pub number: u64,
    /// When.
    pub time_s: f64,
    /// The role's word.
    pub role: String,
    /// Who.
    pub person: String,
    /// What became of it.
    pub said: String,
}

/// The city as it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TruthView {
    /// Ids of closed roads.
    pub closed: Vec<String>,
    /// Incidents that are open.
    pub incidents: Vec<IncidentView>,
}

/// An incident.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IncidentView {
    /// Its number.
    pub incident: u32,
    /// What it is.
    pub kind: &'static str,
    /// The road.
    pub road: String,
    /// Longitude [°].
    pub lon: f64,
    /// Latitude [°].
    pub lat: f64,
    /// When it began.
    pub since_s: f64,
}

impl View {
    /// What a role sees of a drill.
    pub(super) fn of(director: &Director, city: &City, role: &str) -> Self {
        let (drill, state) = (director.drill(), director.state());
        let part = drill.roles.iter().find(|one| one.name == role);
        let (may, sees) = part.map_or((Vec::new(), Vec::new()), |part| (part.may.clone(), part.sees.clone()));
        let sees_it = |sight: Sight| sees.contains(&sight);
        let own = state.actions.iter().filter(|one| one.role == role && part.is_some());
        let seen = director.seen(city);
        let to_it: Vec<_> = state.messages.iter().filter(|one| one.to == role && part.is_some()).collect();
        let messages = newest(&to_it, SHOWN_MAX).iter().map(|one| MessageView {
            message: one.number,
            time_s: one.time.as_seconds(),
            from: one.from.clone(),
            by: one.by,
            text: one.text.clone(),
            acknowledged_s: one.acknowledged.map(SimTime::as_seconds),
        });
        let declared = newest(&state.declared, SHOWN_MAX).iter().map(|one| DeclaredView {
            time_s: one.time.as_seconds(),
            by: one.role.clone() + ", " + &one.person,
            what: one.what.clone(),
        });
        Self {
            role: role.to_owned(),
            title: part.map_or_else(String::new, |part| part.title.clone()),
            drill: drill_view(director, city),
            messages: messages.collect(),
            declared: declared.collect(),
            said: newest(&own.collect::<Vec<_>>(), OWN_MAX)
                .iter()
                .map(|one| SaidView {
                    time_s: one.time.as_seconds(),
                    person: one.person.clone(),
                    said: one.said.clone(),
                })
                .collect(),
            calls: sees_it(Sight::Calls).then(|| calls(&seen, &callers(director))),
            units: sees_it(Sight::Units).then(|| units(&seen)),
            hospitals: sees_it(Sight::Hospitals).then(|| hospitals(&seen)),
            injects: sees_it(Sight::Injects).then(|| injects(director)),
            objectives: sees_it(Sight::Injects).then(|| objectives(director)),
            actions: sees_it(Sight::Actions).then(|| {
                let newest = newest(&state.actions, SHOWN_MAX).iter();
                let seen = newest.map(|one| ActionView {
                    number: one.number,
                    time_s: one.time.as_seconds(),
                    role: one.role.clone(),
                    person: one.person.clone(),
                    said: one.said.clone(),
                });
                seen.collect()
            }),
            truth: sees_it(Sight::Truth).then(|| truth(city)),
            may,
            sees,
        }
    }
}

fn newest<T>(all: &[T], most: usize) -> &[T] {
    &all[all.len().saturating_sub(most)..]
}

fn drill_view(director: &Director, city: &City) -> DrillView {
    let (drill, state, now) = (director.drill(), director.state(), city.time());
    let parts = || drill.roles.iter().zip(&state.parts);
    DrillView {
        name: drill.name.clone(),
        question: drill.question.clone(),
        marking: drill.marking.clone(),
        phase: match (director.is_over(city), now < drill.start) {
            (true, _) => Phase::Over,
            (false, true) => Phase::Waiting,
            (false, false) => Phase::Running,
        },
        time_s: now.as_seconds(),
        t_s: (now - drill.start).as_seconds(),
        length_s: drill.length.as_seconds(),
        speed: None,
        branch: state.branch,
        people: parts().map(|(role, part)| (role.name.clone(), part.people.clone())).collect(),
        bots: parts().filter(|(_, part)| part.bot).map(|(role, _)| role.name.clone()).collect(),
    }
}

/// What callers say, by call: the texts of injects that go to nobody and make somebody call. Those that go to a role are its messages.
fn callers(director: &Director) -> BTreeMap<u32, &str> {
    let injects = director.drill().injects.iter().zip(&director.state().injects);
    let unheard = injects.filter(|(inject, _)| inject.to.is_none());
    unheard.flat_map(|(inject, came)| came.calls.iter().map(|&call| (call, inject.text.as_str()))).collect()
}

fn calls(known: &Knowledge, callers: &BTreeMap<u32, &str>) -> Vec<CallView> {
    let mut calls: Vec<(u32, &CallCard)> = known.calls.iter().map(|(&call, card)| (call, card)).collect();
    calls.sort_by_key(|(call, card)| {
        let category = card.about.as_ref().map(|about| about.category);
        (card.closed.is_some(), category.is_none(), category, card.understood, *call)
    });
    let unit = |unit: u32| known.units.get(unit as usize).map(|unit| unit.name.clone());
    let hospital = |number: u32| known.hospitals.get(number as usize).map(|hospital| hospital.name.clone());
    let view = |(call, card): (u32, &CallCard)| CallView {
        call,
        status: call_status(card.stage),
        category: card.about.as_ref().map(|about| about.category.name()),
        road: card.about.as_ref().map(|about| about.road.clone()),
        text: callers.get(&call).filter(|_| card.about.is_some()).map(|text| (*text).to_owned()),
        lon: card.about.as_ref().map(|about| about.place.0),
        lat: card.about.as_ref().map(|about| about.place.1),
        received_s: card.received.as_seconds(),
        understood_s: card.understood.map(SimTime::as_seconds),
        unit: card.unit.and_then(unit),
        hospital: card.hospital.and_then(hospital),
    };
    calls.into_iter().map(view).collect()
}

fn units(known: &Knowledge) -> Vec<UnitView> {
    let hospital = |number: u32| known.hospitals.get(number as usize).map(|hospital| hospital.name.clone());
    let view = |card: &UnitCard| UnitView {
        unit: card.name.clone(),
        status: status(card.status),
        call: card.call,
        station: card.station.clone(),
        lon: card.place.0,
        lat: card.place.1,
        seen_s: card.seen.as_seconds(),
        free: card.is_free(),
        divertible: card.is_divertible(),
        hospital: card.hospital.and_then(hospital),
    };
    known.units.iter().map(view).collect()
}

fn hospitals(known: &Knowledge) -> Vec<HospitalView> {
    let view = |card: &HospitalCard| HospitalView {
        hospital: card.name.clone(),
        lon: card.place.0,
        lat: card.place.1,
        bays: card.bays,
        taken: card.taken,
        waiting: card.waiting,
        seen_s: card.seen.map(SimTime::as_seconds),
    };
    known.hospitals.iter().map(view).collect()
}

fn injects(director: &Director) -> Vec<InjectView> {
    director.drill().injects.iter().zip(&director.state().injects).map(|(one, at)| inject(director, one, at)).collect()
}

fn inject(director: &Director, inject: &Inject, progress: &Progress) -> InjectView {
    let (drill, known) = (director.drill(), &director.state().knowledge);
    let name = |hospital: u32| known.hospitals.get(hospital as usize).map(|one| one.name.clone()).unwrap_or_default();
    let role = |at: usize| drill.roles.get(at).map(|role| role.name.clone());
    let expect = inject.expect.as_ref().map(|expect| {
        let met = progress.met.as_ref().map(|(met, _)| *met);
        ExpectView {
            words: words::expect(drill, expect, &name),
            role: expect.role.and_then(role),
            deadline_s: progress.deadline.map(SimTime::as_seconds),
            state: match (met, progress.deadline) {
                (Some(met), Some(deadline)) if met > deadline => "late",
                (Some(_), _) => "met",
                (None, _) if progress.missed => "missed",
                (None, _) => "open",
            },
            met_s: met.map(SimTime::as_seconds),
        }
    });
    InjectView {
        inject: inject.id.clone(),
        kind: inject.kind,
        from: inject.from.clone(),
        to: inject.to.and_then(role),
        by: inject.by,
        text: inject.text.clone(),
        trigger: words::trigger(drill, &inject.trigger, &name),
        state: match (progress.delivered, progress.off, progress.held) {
            (Some(_), ..) => "delivered",
            (None, _, true) => "held",
            (None, true, false) => "off",
            (None, false, false) => "pending",
        },
        due_s: inject.trigger.at.map(SimTime::as_seconds),
        delivered_s: progress.delivered.map(SimTime::as_seconds),
        objective: inject.objective.and_then(|at| drill.objectives.get(at)).map(|objective| objective.id.clone()),
        expect,
    }
}

fn objectives(director: &Director) -> Vec<ObjectiveView> {
    let all = director.drill().objectives.iter().zip(&director.state().ratings);
    let view = all.map(|(objective, rated)| ObjectiveView {
        objective: objective.id.clone(),
        capability: objective.capability.clone(),
        text: objective.text.clone(),
        rating: rated.as_ref().map(|rated| rated.rating),
        note: rated.as_ref().and_then(|rated| rated.note.clone()),
    });
    view.collect()
}

fn truth(city: &City) -> TruthView {
    let road = |road| city.network().edge(road).name.clone();
    let incidents = city.open_incidents().into_iter().filter_map(|view| {
        let incident = view.incident;
        let (lon, lat) = city.place(*incident.lanes.first()?, incident.position.as_metres());
        Some(IncidentView {
            incident: incident.number,
            kind: incident.kind.name(),
            road: road_name(city, incident.edge),
            lon,
            lat,
            since_s: incident.began?.as_seconds(),
        })
    });
    TruthView { closed: city.closed_roads().into_iter().map(road).collect(), incidents: incidents.collect() }
}

/// What a unit does, in the words of a desk.
pub(super) const fn status(status: UnitStatus) -> &'static str {
    match status {
        UnitStatus::Available => "at-station",
        other => other.name(),
    }
}

const fn call_status(stage: Stage) -> &'static str {
    match stage {
        Stage::Call => "ringing",
        Stage::Answer => "answered",
        Stage::Queue => "waiting",
        Stage::Dispatch => "dispatched",
        Stage::EnRoute => "en-route",
        Stage::Arrive => "at-scene",
        Stage::Patient => "with-patient",
        Stage::Depart => "transporting",
        Stage::Hospital => "at-hospital",
        Stage::Handover => "handed-over",
        Stage::Clear => "closed",
    }
}
