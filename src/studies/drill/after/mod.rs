//! The review of a drill: intervals, standards, injects and objectives, the same by bots alone, and a page and a file of it.
//!
//! Computes from records and from nothing else: no run, no clock, no file. The same two records give the same bytes.

mod course;
mod figures;
mod matched;
mod standards;

mod lanes;
mod lines;
mod page;
mod sections;
mod tables;
mod timeline;

use serde::Serialize;

use super::record::Record;
use crate::primitives::SimTime;
use crate::studies::report::markup::escape;
use course::{Course, Part};
use figures::{Figures, Spans};
use lanes::{HospitalLane, UnitLane};
use lines::{ActionLine, CallLine, DeclaredLine, InjectLine, MessageLine, ObjectiveLine, Tally};
use matched::{Matched, Survivors};
use standards::Held;

/// What is said of a drill afterwards.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AfterAction {
    about: About,
    intervals: Vec<Interval>,
    standards: Vec<Held>,
    /// Calls of both runs, matched.
    against_bots: Matched,
    survivors: Survivors,
    objectives: Vec<ObjectiveLine>,
    expectations: Tally,
    /// What the bot met of the same.
    expectations_by_bots: Tally,
    injects: Vec<InjectLine>,
    calls: Vec<CallLine>,
    units: Vec<UnitLane>,
    hospitals: Vec<HospitalLane>,
    declared: Vec<DeclaredLine>,
    messages: Vec<MessageLine>,
    actions: Vec<ActionLine>,
}

/// Which drill it was. Times in seconds after the scenario's midnight.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct About {
    /// `EXERCISE`, and what the file adds.
    marking: String,
    drill: String,
    question: Option<String>,
    scenario: String,
    seed: u64,
    branch: u32,
    /// The day of the scenario.
    date: String,
    start_s: f64,
    ended_s: f64,
    length_s: f64,
    roles: Vec<Player>,
    /// Calls that rang in the drill.
    calls: usize,
    /// Of these, calls that an ambulance reached.
    reached: usize,
    /// Of these, calls that were over.
    closed: usize,
    /// Calls that rang before T+0; they are in no figure.
    calls_before: u32,
    /// How many calls the bot's run had.
    calls_by_bots: usize,
    reached_by_bots: usize,
}

/// A role, and who played it; nobody where a bot did or it stood empty.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Player {
    role: String,
    title: String,
    people: Vec<String>,
}

/// An interval in both runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Interval {
    interval: &'static str,
    name: &'static str,
    /// From when to when it runs.
    says: &'static str,
    played: Figures,
    by_bots: Figures,
}

/// Reviews a drill: what was played, beside the same file and seed played by bots alone.
pub fn after_action(played: &Record, by_bots: &Record) -> AfterAction {
    let (calls, before) = course::courses(played);
    let (theirs, _) = course::courses(by_bots);
    let here = (calls.as_slice(), played.ended);
    let there = (theirs.as_slice(), by_bots.ended);
    let pairs = matched::pairs(&calls, &theirs);
    AfterAction {
        about: about(played, &calls, &theirs, before),
        intervals: Part::ALL.into_iter().map(|part| interval(part, here, there)).collect(),
        standards: standards::held(&played.standards, here, there),
        against_bots: matched::matched(&pairs, here, there),
        survivors: matched::survivors(&pairs, here, there),
        objectives: lines::objectives(played),
        expectations: lines::tally(played),
        expectations_by_bots: lines::tally(by_bots),
        injects: lines::injects(played, by_bots),
        calls: lines::calls(played, here, there, &pairs),
        units: lanes::units(played),
        hospitals: lanes::hospitals(played),
        declared: lines::declared(played),
        messages: lines::messages(played),
        actions: lines::actions(played),
    }
}

impl AfterAction {
    /// The review as one page that needs no network, no script and no other file, and prints well.
    pub fn html(&self) -> String {
        page::render(self)
    }

    /// The same as JSON, with a line's end.
    pub fn json(&self) -> String {
        // Numbers, texts and lists of them: nothing that could not be written.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

fn about(record: &Record, calls: &[Course], theirs: &[Course], before: u32) -> About {
    let reached = |calls: &[Course]| calls.iter().filter(|call| call.arrived.is_some()).count();
    About {
        marking: marking(&record.marking),
        drill: record.drill.clone(),
        question: record.question.clone(),
        scenario: record.scenario.clone(),
        seed: record.seed,
        branch: record.branch,
        date: record.midnight.date(),
        start_s: record.start.as_seconds(),
        ended_s: record.ended.as_seconds(),
        length_s: record.length.as_seconds(),
        roles: record.roles.iter().map(|(role, title)| player(record, role, title)).collect(),
        calls: calls.len(),
        reached: reached(calls),
        closed: calls.iter().filter(|call| call.cleared.is_some()).count(),
        calls_before: before,
        calls_by_bots: theirs.len(),
        reached_by_bots: reached(theirs),
    }
}

/// What stands on every page and message: `EXERCISE` in any case, and what the file adds to it.
pub(super) fn marking(added: &str) -> String {
    let added = added.trim();
    let is_mark = |rest: &&str| !rest.starts_with(char::is_alphanumeric);
    let added = added.strip_prefix("EXERCISE").filter(is_mark).unwrap_or(added);
    match added.trim_start_matches([' ', '-', '–', '—', ':', '·']) {
        "" => "EXERCISE".to_owned(),
        more => format!("EXERCISE – {more}"),
    }
}

fn player(record: &Record, role: &str, title: &str) -> Player {
    let mut people: Vec<String> = Vec::new();
    for (_, person) in record.people.iter().filter(|(word, _)| word == role) {
        if !people.contains(person) {
            people.push(person.clone());
        }
    }
    Player { role: role.to_owned(), title: title.to_owned(), people }
}

fn interval(part: Part, here: (&[Course], SimTime), there: (&[Course], SimTime)) -> Interval {
    let figures =
        |(calls, ended): (&[Course], SimTime)| Spans::new(calls.iter().map(|call| part.of(call, ended))).figures();
    let (name, says) = part.says();
    Interval { interval: part.word(), name, says, played: figures(here), by_bots: figures(there) }
}
