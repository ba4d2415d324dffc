//! What every ambulance did when, and how full every hospital was.

use serde::Serialize;

use crate::primitives::SimTime;
use crate::simulation::outcome::{Happening, UnitStatus};

use super::super::record::{HospitalRecord, Record, UnitRecord};

/// An ambulance's time in the drill.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct UnitLane {
    pub(super) unit: String,
    pub(super) station: String,
    pub(super) stretches: Vec<Stretch>,
    /// Share of the drill in which it was at work for a call.
    pub(super) busy: f64,
}

/// A stretch of time in which an ambulance did one thing; times in seconds after the scenario's midnight.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Stretch {
    #[serde(serialize_with = "name_of")]
    pub(super) status: UnitStatus,
    pub(super) from_s: f64,
    pub(super) to_s: f64,
    pub(super) call: Option<u32>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn name_of<S: serde::Serializer>(status: &UnitStatus, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(status.name())
}

/// Whether an ambulance is at work for a call.
pub(super) fn is_at_work(status: UnitStatus) -> bool {
    !matches!(status, UnitStatus::Available | UnitStatus::Returning)
}

pub(super) fn units(record: &Record) -> Vec<UnitLane> {
    record.units.iter().zip(0..).map(|(unit, number)| lane(record, unit, number)).collect()
}

fn lane(record: &Record, unit: &UnitRecord, number: u32) -> UnitLane {
    let (start, ended) = (record.start, record.ended.max(record.start));
    // Ready at its station until it says otherwise.
    let mut now = (start, UnitStatus::Available, None);
    let mut stretches = Vec::new();
    let mut close = |(from, status, call): (SimTime, UnitStatus, Option<u32>), to: SimTime| {
        let (from, to) = (from.max(start), to.min(ended));
        if from < to {
            stretches.push(Stretch { status, from_s: from.as_seconds(), to_s: to.as_seconds(), call });
        }
    };
    for happened in &record.happened {
        let Happening::Unit { unit, status, call } = happened.what else { continue };
        if unit == number && (status, call) != (now.1, now.2) {
            close(now, happened.at);
            now = (happened.at, status, call);
        }
    }
    close(now, ended);
    let at_work: f64 = stretches.iter().filter(|s| is_at_work(s.status)).map(|s| s.to_s - s.from_s).sum();
    let whole = (ended - start).as_seconds();
    UnitLane {
        unit: unit.name.clone(),
        station: unit.station.clone(),
        stretches,
        busy: if whole > 0.0 { at_work / whole } else { 0.0 },
    }
}

/// How full a hospital was in the drill.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct HospitalLane {
    pub(super) hospital: String,
    pub(super) steps: Vec<Step>,
    /// The most ambulances that waited there at once.
    pub(super) most_waiting: u32,
    /// For how long every bay was taken [s].
    pub(super) full_s: f64,
}

/// How full it was from an instant on [s after midnight].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Step {
    pub(super) at_s: f64,
    pub(super) taking_over: u32,
    pub(super) waiting: u32,
    pub(super) bays: u32,
}

pub(super) fn hospitals(record: &Record) -> Vec<HospitalLane> {
    record.hospitals.iter().zip(0..).map(|(hospital, number)| load(record, hospital, number)).collect()
}

fn load(record: &Record, hospital: &HospitalRecord, number: u32) -> HospitalLane {
    let (start, ended) = (record.start, record.ended.max(record.start));
    let mut news: Vec<(SimTime, Option<(u32, u32)>, Option<u32>)> = record
        .happened
        .iter()
        .filter_map(|happened| match happened.what {
            Happening::Hospital { hospital, taking_over, waiting } if hospital == number => {
                Some((happened.at, Some((taking_over, waiting)), None))
            }
            _ => None,
        })
        .collect();
    news.extend(hospital.changed.iter().map(|(at, bays)| (*at, None, Some(*bays))));
    news.sort_by_key(|(at, ..)| *at);
    let mut step = Step { at_s: start.as_seconds(), taking_over: 0, waiting: 0, bays: hospital.bays };
    let mut steps: Vec<Step> = Vec::new();
    for (at, patients, bays) in news {
        if at > ended {
            break;
        }
        if at > start && step.at_s < at.as_seconds() {
            push(&mut steps, step.clone());
        }
        step.at_s = at.max(start).as_seconds();
        (step.taking_over, step.waiting) = patients.unwrap_or((step.taking_over, step.waiting));
        step.bays = bays.unwrap_or(step.bays);
    }
    push(&mut steps, step);
    let ends = steps.iter().skip(1).map(|step| step.at_s).chain([ended.as_seconds()]);
    let full = steps.iter().zip(ends).filter(|(step, _)| step.taking_over >= step.bays).map(|(s, end)| end - s.at_s);
    HospitalLane {
        hospital: hospital.name.clone(),
        full_s: full.sum(),
        most_waiting: steps.iter().map(|step| step.waiting).max().unwrap_or(0),
        steps,
    }
}

fn push(steps: &mut Vec<Step>, step: Step) {
    let same = |last: &Step| (last.taking_over, last.waiting, last.bays) == (step.taking_over, step.waiting, step.bays);
    if !steps.last().is_some_and(same) {
        steps.push(step);
    }
}
