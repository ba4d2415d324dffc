//! What was done, said, expected and reached, line by line, as the page and the file show it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::primitives::SimTime;

use super::super::model::{Action, InjectKind, Medium, Rating};
use super::super::record::{Came, How, InjectOutcome, Record};
use super::course::{Course, Part, Span};

/// What became of an inject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// What was expected was done in time.
    Met,
    /// It was done after its deadline.
    Late,
    /// Its deadline went by, and it was never done.
    Missed,
    /// The drill was over before its deadline.
    Open,
    /// Delivered, and nothing was expected.
    Told,
    /// Not delivered.
    Off,
}

/// How many injects came to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub(super) struct Tally {
    pub(super) met: usize,
    pub(super) late: usize,
    pub(super) missed: usize,
    pub(super) open: usize,
    pub(super) told: usize,
    pub(super) off: usize,
}

impl Tally {
    /// Expectations whose deadline has come.
    pub(super) fn due(self) -> usize {
        self.met + self.late + self.missed
    }
}

fn state(inject: &InjectOutcome, ended: SimTime) -> State {
    if inject.delivered.is_none() {
        return State::Off;
    }
    let Some(expect) = &inject.expect else { return State::Told };
    match (expect.met, expect.deadline) {
        (Some(met), Some(deadline)) if met > deadline => State::Late,
        (Some(_), _) => State::Met,
        (None, Some(deadline)) if deadline <= ended => State::Missed,
        (None, _) => State::Open,
    }
}

pub(super) fn tally(record: &Record) -> Tally {
    let mut tally = Tally::default();
    for inject in &record.injects {
        *match state(inject, record.ended) {
            State::Met => &mut tally.met,
            State::Late => &mut tally.late,
            State::Missed => &mut tally.missed,
            State::Open => &mut tally.open,
            State::Told => &mut tally.told,
            State::Off => &mut tally.off,
        } += 1;
    }
    tally
}

/// An inject, what was expected and what came of it; times in seconds after the scenario's midnight.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct InjectLine {
    pub(super) inject: String,
    pub(super) kind: InjectKind,
    pub(super) from: String,
    pub(super) to: Option<String>,
    pub(super) by: Medium,
    pub(super) text: String,
    pub(super) trigger: String,
    pub(super) how: How,
    pub(super) delivered_s: Option<f64>,
    pub(super) expected: Option<String>,
    pub(super) of: Option<String>,
    pub(super) deadline_s: Option<f64>,
    pub(super) met_s: Option<f64>,
    pub(super) met_by: Option<String>,
    pub(super) objective: Option<String>,
    pub(super) state: State,
    /// What came of it where bots played alone; none where that run does not have it.
    pub(super) by_bots: Option<State>,
}

pub(super) fn injects(played: &Record, by_bots: &Record) -> Vec<InjectLine> {
    let theirs: BTreeMap<&str, State> =
        by_bots.injects.iter().map(|inject| (inject.id.as_str(), state(inject, by_bots.ended))).collect();
    let line = |inject: &InjectOutcome| {
        let expect = inject.expect.as_ref();
        InjectLine {
            inject: inject.id.clone(),
            kind: inject.kind,
            from: inject.from.clone(),
            to: inject.to.as_deref().map(|role| title(played, role)),
            by: inject.by,
            text: inject.text.clone(),
            trigger: inject.trigger.clone(),
            how: inject.how,
            delivered_s: inject.delivered.map(SimTime::as_seconds),
            expected: expect.map(|expect| expect.words.clone()),
            of: expect.and_then(|expect| expect.role.as_deref()).map(|role| title(played, role)),
            deadline_s: expect.and_then(|expect| expect.deadline).map(SimTime::as_seconds),
            met_s: expect.and_then(|expect| expect.met).map(SimTime::as_seconds),
            met_by: expect.and_then(|expect| expect.by.clone()),
            objective: inject.objective.clone(),
            state: state(inject, played.ended),
            by_bots: theirs.get(inject.id.as_str()).copied(),
        }
    };
    played.injects.iter().map(line).collect()
}

/// A role's name for people; its word where the drill does not have it.
fn title(record: &Record, role: &str) -> String {
    record.roles.iter().find(|(word, _)| word == role).map_or_else(|| role.to_owned(), |(_, title)| title.clone())
}

/// An objective, how it was rated, and what speaks for or against it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct ObjectiveLine {
    pub(super) objective: String,
    pub(super) capability: Option<String>,
    pub(super) text: String,
    pub(super) rating: Option<Rating>,
    pub(super) note: Option<String>,
    pub(super) by: Option<String>,
    pub(super) injects: Vec<(String, State)>,
}

pub(super) fn objectives(record: &Record) -> Vec<ObjectiveLine> {
    let evidence = |id: &str| {
        let of_it = record.injects.iter().filter(|inject| inject.objective.as_deref() == Some(id));
        of_it.map(|inject| (inject.id.clone(), state(inject, record.ended))).collect()
    };
    let line = |objective: &super::super::record::ObjectiveOutcome| ObjectiveLine {
        objective: objective.id.clone(),
        capability: objective.capability.clone(),
        text: objective.text.clone(),
        rating: objective.rating,
        note: objective.note.clone(),
        by: objective.by.clone(),
        injects: evidence(&objective.id),
    };
    record.objectives.iter().map(line).collect()
}

/// A call with its chain of times, and the same call where bots played alone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct CallLine {
    pub(super) call: u32,
    pub(super) category: &'static str,
    pub(super) road: String,
    pub(super) came: Came,
    pub(super) rang_s: f64,
    pub(super) answered_s: Option<f64>,
    pub(super) understood_s: Option<f64>,
    pub(super) first_sent_s: Option<f64>,
    /// When the unit that came was sent.
    pub(super) sent_s: Option<f64>,
    pub(super) set_out_s: Option<f64>,
    pub(super) arrived_s: Option<f64>,
    pub(super) with_patient_s: Option<f64>,
    pub(super) departed_s: Option<f64>,
    pub(super) at_hospital_s: Option<f64>,
    pub(super) handed_over_s: Option<f64>,
    pub(super) cleared_s: Option<f64>,
    pub(super) unit: Option<String>,
    /// Every unit that was sent, in order.
    pub(super) units_sent: Vec<String>,
    pub(super) hospital: Option<String>,
    /// From the ring until the unit was at the scene.
    pub(super) response_s: Option<f64>,
    /// How long the call had waited at the end, where no unit was there.
    pub(super) waited_s: Option<f64>,
    /// The same call's number where bots played alone.
    pub(super) call_by_bots: Option<u32>,
    pub(super) response_by_bots_s: Option<f64>,
    pub(super) waited_by_bots_s: Option<f64>,
    /// Players minus bot.
    pub(super) difference_s: Option<f64>,
}

pub(super) fn calls(
    played: &Record,
    (calls, ended): (&[Course], SimTime),
    (theirs, bots_ended): (&[Course], SimTime),
    pairs: &BTreeMap<usize, usize>,
) -> Vec<CallLine> {
    let unit = |unit: u32| played.units.get(unit as usize).map_or_else(|| unit.to_string(), |unit| unit.name.clone());
    let hospital = |hospital: u32| {
        played.hospitals.get(hospital as usize).map_or_else(|| hospital.to_string(), |hospital| hospital.name.clone())
    };
    let line = |(position, call): (usize, &Course)| {
        let other = pairs.get(&position).map(|other| &theirs[*other]);
        let (response_s, waited_s) = split(Part::Response.of(call, ended));
        let (response_by_bots_s, waited_by_bots_s) =
            other.map_or((None, None), |other| split(Part::Response.of(other, bots_ended)));
        let s = |time: Option<SimTime>| time.map(SimTime::as_seconds);
        CallLine {
            call: call.number,
            category: call.category.name(),
            road: call.road.clone(),
            came: call.came.clone(),
            rang_s: call.rang.as_seconds(),
            answered_s: s(call.answered),
            understood_s: s(call.understood),
            first_sent_s: s(call.first_sent),
            sent_s: s(call.sent),
            set_out_s: s(call.set_out),
            arrived_s: s(call.arrived),
            with_patient_s: s(call.with_patient),
            departed_s: s(call.departed),
            at_hospital_s: s(call.at_hospital),
            handed_over_s: s(call.handed_over),
            cleared_s: s(call.cleared),
            unit: call.unit.map(unit),
            units_sent: call.tried.iter().map(|tried| unit(*tried)).collect(),
            hospital: call.hospital.map(hospital),
            response_s,
            waited_s,
            call_by_bots: other.map(|other| other.number),
            response_by_bots_s,
            waited_by_bots_s,
            difference_s: response_s.zip(response_by_bots_s).map(|(here, there)| here - there),
        }
    };
    calls.iter().enumerate().map(line).collect()
}

/// A span as seconds: how long it took, or how long it had lasted at the end.
fn split(span: Span) -> (Option<f64>, Option<f64>) {
    match span {
        Span::Done(span) => (Some(span.as_seconds()), None),
        Span::Open(so_far) => (None, Some(so_far.as_seconds())),
        Span::None => (None, None),
    }
}

/// Something that was declared.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct DeclaredLine {
    pub(super) time_s: f64,
    pub(super) role: String,
    pub(super) person: String,
    pub(super) what: String,
}

pub(super) fn declared(record: &Record) -> Vec<DeclaredLine> {
    let line = |declared: &super::super::record::Declared| DeclaredLine {
        time_s: declared.time.as_seconds(),
        role: title(record, &declared.role),
        person: declared.person.clone(),
        what: declared.what.clone(),
    };
    record.declared.iter().map(line).collect()
}

/// A message to a role.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct MessageLine {
    pub(super) message: u32,
    pub(super) time_s: f64,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) by: Medium,
    pub(super) text: String,
    pub(super) acknowledged_s: Option<f64>,
}

pub(super) fn messages(record: &Record) -> Vec<MessageLine> {
    let line = |message: &super::super::record::Message| MessageLine {
        message: message.number,
        time_s: message.time.as_seconds(),
        from: message.from.clone(),
        to: title(record, &message.to),
        by: message.by,
        text: message.text.clone(),
        acknowledged_s: message.acknowledged.map(SimTime::as_seconds),
    };
    record.messages.iter().map(line).collect()
}

/// Something somebody did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct ActionLine {
    pub(super) number: u64,
    pub(super) time_s: f64,
    pub(super) role: String,
    pub(super) person: String,
    pub(super) action: Action,
    pub(super) said: String,
}

pub(super) fn actions(record: &Record) -> Vec<ActionLine> {
    let line = |logged: &super::super::model::Logged| ActionLine {
        number: logged.number,
        time_s: logged.time.as_seconds(),
        role: title(record, &logged.role),
        person: logged.person.clone(),
        action: logged.action.clone(),
        said: logged.said.clone(),
    };
    record.actions.iter().map(line).collect()
}
