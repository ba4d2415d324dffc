//! The course of every call, folded from what happened and from nothing else.
//!
//! A call has one chain of times. Where an ambulance was called away and another sent, the chain keeps when the first was sent and
//! goes on with the one that came.

use std::collections::BTreeMap;

use crate::primitives::{Category, SimDuration, SimTime};
use crate::simulation::outcome::{Happened, Happening, Stage};

use super::super::record::{CallRecord, Came, Record};

/// What became of a call.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Course {
    pub(super) number: u32,
    pub(super) category: Category,
    pub(super) road: String,
    pub(super) came: Came,
    /// The incident it came of, if any.
    pub(super) incident: Option<u32>,
    /// When the telephone rang.
    pub(super) rang: SimTime,
    pub(super) answered: Option<SimTime>,
    /// When it was understood for the first time.
    pub(super) understood: Option<SimTime>,
    /// When the first ambulance was sent.
    pub(super) first_sent: Option<SimTime>,
    /// When the ambulance that is on it now, or came, was sent.
    pub(super) sent: Option<SimTime>,
    pub(super) set_out: Option<SimTime>,
    pub(super) arrived: Option<SimTime>,
    pub(super) with_patient: Option<SimTime>,
    pub(super) departed: Option<SimTime>,
    pub(super) at_hospital: Option<SimTime>,
    pub(super) handed_over: Option<SimTime>,
    pub(super) cleared: Option<SimTime>,
    /// The ambulance that is on it now, or came.
    pub(super) unit: Option<u32>,
    pub(super) hospital: Option<u32>,
    /// Every ambulance that was sent, in order.
    pub(super) tried: Vec<u32>,
}

impl Course {
    fn new(record: &CallRecord, rang: SimTime) -> Self {
        Self {
            number: record.call.number,
            category: record.call.category,
            road: record.road.clone(),
            came: record.came.clone(),
            incident: record.call.incident,
            rang,
            answered: None,
            understood: None,
            first_sent: None,
            sent: None,
            set_out: None,
            arrived: None,
            with_patient: None,
            departed: None,
            at_hospital: None,
            handed_over: None,
            cleared: None,
            unit: None,
            hospital: None,
            tried: Vec::new(),
        }
    }

    fn reach(&mut self, at: SimTime, stage: Stage, unit: Option<u32>, hospital: Option<u32>) {
        match stage {
            Stage::Call => {}
            Stage::Answer => self.answered = self.answered.or(Some(at)),
            Stage::Queue if self.understood.is_none() => self.understood = Some(at),
            // Its ambulance was called away: it waits again.
            Stage::Queue => (self.sent, self.set_out, self.unit) = (None, None, None),
            Stage::Dispatch => {
                self.first_sent = self.first_sent.or(Some(at));
                (self.sent, self.set_out, self.unit) = (Some(at), None, unit);
                self.tried.extend(unit);
            }
            Stage::EnRoute => self.set_out = Some(at),
            Stage::Arrive => self.arrived = Some(at),
            Stage::Patient => self.with_patient = Some(at),
            Stage::Depart => self.departed = Some(at),
            Stage::Hospital => self.at_hospital = Some(at),
            Stage::Handover => self.handed_over = Some(at),
            Stage::Clear => self.cleared = Some(at),
        }
        self.unit = if stage > Stage::Dispatch { unit.or(self.unit) } else { self.unit };
        self.hospital = hospital.or(self.hospital);
    }

    /// Whether more than one ambulance was sent, or the only one was called away.
    pub(super) fn was_taken_back(&self) -> bool {
        self.tried.len() > 1 || (self.first_sent.is_some() && self.sent.is_none())
    }
}

/// Every call that rang in the drill, in that order, and how many rang before it.
pub(super) fn courses(record: &Record) -> (Vec<Course>, u32) {
    let known: BTreeMap<u32, &CallRecord> = record.calls.iter().map(|call| (call.call.number, call)).collect();
    let mut found: BTreeMap<u32, Course> = BTreeMap::new();
    let mut order = Vec::new();
    for Happened { at, what } in &record.happened {
        let Happening::Call { call, stage, unit, hospital } = *what else { continue };
        if stage == Stage::Call
            && let Some(record) = known.get(&call)
            && !found.contains_key(&call)
        {
            found.insert(call, Course::new(record, *at));
            order.push(call);
        }
        if let Some(course) = found.get_mut(&call) {
            course.reach(*at, stage, unit, hospital);
        }
    }
    let before = found.values().filter(|course| course.rang < record.start).count();
    let counted = order.iter().filter_map(|call| found.remove(call)).filter(|course| course.rang >= record.start);
    (counted.collect(), u32::try_from(before).unwrap_or(u32::MAX))
}

/// A time between two stages of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Span {
    /// It came to an end.
    Done(SimDuration),
    /// It had lasted so long when the drill was over.
    Open(SimDuration),
    /// The call never got there, or left it out.
    None,
}

impl Span {
    fn between(from: Option<SimTime>, to: Option<SimTime>, ended: SimTime) -> Self {
        match (from, to) {
            (Some(from), Some(to)) => Self::Done(to - from),
            (Some(from), None) => Self::Open((ended - from).max(SimDuration::ZERO)),
            (None, _) => Self::None,
        }
    }

    /// How long it took [s], where it came to an end.
    pub(super) fn done(self) -> Option<f64> {
        if let Self::Done(span) = self { Some(span.as_seconds()) } else { None }
    }
}

/// A part of a call's chain of times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Answer,
    Understanding,
    Waiting,
    Processing,
    Change,
    Turnout,
    Travel,
    ToPatient,
    OnScene,
    Transport,
    Handover,
    Clearing,
    Response,
}

impl Part {
    pub(super) const ALL: [Self; 13] = [
        Self::Answer,
        Self::Understanding,
        Self::Waiting,
        Self::Processing,
        Self::Change,
        Self::Turnout,
        Self::Travel,
        Self::ToPatient,
        Self::OnScene,
        Self::Transport,
        Self::Handover,
        Self::Clearing,
        Self::Response,
    ];

    /// Its word in JSON.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Understanding => "understanding",
            Self::Waiting => "waiting",
            Self::Processing => "processing",
            Self::Change => "change_of_unit",
            Self::Turnout => "turnout",
            Self::Travel => "travel",
            Self::ToPatient => "to_patient",
            Self::OnScene => "on_scene",
            Self::Transport => "to_hospital",
            Self::Handover => "handover",
            Self::Clearing => "clearing",
            Self::Response => "response",
        }
    }

    /// Its name for people, and from when to when it runs.
    pub(super) const fn says(self) -> (&'static str, &'static str) {
        match self {
            Self::Answer => ("Answering", "the telephone rings, until somebody answers"),
            Self::Understanding => ("Understanding", "answered, until the call is understood and its category given"),
            Self::Waiting => ("Waiting for a unit", "understood, until the first unit is sent"),
            Self::Processing => ("Processing", "answered, until the first unit is sent: the two above together"),
            Self::Change => {
                ("Change of unit", "the first unit sent, until the unit that came is sent; only calls where it changed")
            }
            Self::Turnout => ("Turnout", "the unit that came is sent, until it sets out"),
            Self::Travel => ("Travel", "it sets out, until it is at the scene"),
            Self::ToPatient => ("To the patient", "at the scene, until the crew is with the patient"),
            Self::OnScene => {
                ("With the patient", "with the patient, until the unit leaves, or is free where nobody is transported")
            }
            Self::Transport => ("To the hospital", "it leaves the scene, until it is at the hospital"),
            Self::Handover => ("Handover", "at the hospital, until the hospital has taken the patient over"),
            Self::Clearing => ("Clearing", "handed over, until the unit is free"),
            Self::Response => ("Whole response", "the telephone rings, until the unit is at the scene"),
        }
    }

    /// How long it took in a call, if the drill was over at `ended`.
    pub(super) fn of(self, call: &Course, ended: SimTime) -> Span {
        let between = |from, to| Span::between(from, to, ended);
        match self {
            Self::Answer => between(Some(call.rang), call.answered),
            Self::Understanding => between(call.answered, call.understood),
            Self::Waiting => between(call.understood, call.first_sent),
            Self::Processing => between(call.answered, call.first_sent),
            Self::Change if call.was_taken_back() => between(call.first_sent, call.sent),
            Self::Change => Span::None,
            Self::Turnout => between(call.sent, call.set_out),
            Self::Travel => between(call.set_out, call.arrived),
            Self::ToPatient => between(call.arrived, call.with_patient),
            Self::OnScene => between(call.with_patient, call.departed.or(call.cleared)),
            Self::Transport => between(call.departed, call.at_hospital),
            Self::Handover => between(call.at_hospital, call.handed_over),
            Self::Clearing => between(call.handed_over, call.cleared),
            Self::Response => between(Some(call.rang), call.arrived),
        }
    }
}
