//! The record of a drill so far, for its review.

use std::collections::BTreeMap;

use super::state::Progress;
use super::{Director, words};
use crate::primitives::SimTime;
use crate::primitives::ids::EdgeId;
use crate::simulation::City;
use crate::simulation::change::Change;
use crate::studies::drill::knowledge::road_name;
use crate::studies::drill::model::{Effect, Inject};
use crate::studies::drill::record::{
    CallRecord, Came, Circle, ExpectOutcome, HospitalRecord, How, InjectOutcome, ObjectiveOutcome, Record, UnitRecord,
};

/// How far around a road an inject is felt, for warnings [km]; an assumption.
const FELT: f64 = 0.5;

/// What a drill leaves so far.
pub(super) fn record(director: &Director, city: &City) -> Record {
    let (drill, state) = (&director.drill, &director.state);
    let now = city.time();
    let end = drill.start + drill.length;
    let names = |hospital: u32| city.hospital_name(hospital).unwrap_or_default().to_owned();
    let scenario = drill.scenario.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let people = drill.roles.iter().zip(&state.parts);
    let came: BTreeMap<u32, &str> = drill
        .injects
        .iter()
        .zip(&state.injects)
        .flat_map(|(inject, progress)| progress.calls.iter().map(move |&call| (call, inject.id.as_str())))
        .collect();
    Record {
        drill: drill.name.clone(),
        question: drill.question.clone(),
        marking: drill.marking.clone().unwrap_or_default(),
        scenario: scenario.unwrap_or_default(),
        seed: city.settings().seed.0,
        midnight: city.settings().midnight,
        branch: state.branch,
        start: drill.start,
        ended: state.ended.unwrap_or(now).min(end),
        length: drill.length,
        area: Some(whole(city, &drill.name)),
        roles: drill.roles.iter().map(|role| (role.name.clone(), role.title.clone())).collect(),
        people: people
            .flat_map(|(role, part)| part.people.iter().map(move |person| (role.name.clone(), person.clone())))
            .collect(),
        objectives: objectives(director),
        standards: drill.standards.clone(),
        actions: state.actions.clone(),
        calls: city
            .calls()
            .into_iter()
            .map(|call| CallRecord {
                road: road_name(city, call.edge),
                came: came.get(&call.number).map_or(Came::City, |id| Came::Inject((*id).to_owned())),
                call,
            })
            .collect(),
        happened: state.happened.clone(),
        units: state
            .knowledge
            .units
            .iter()
            .map(|unit| UnitRecord { name: unit.name.clone(), station: unit.station.clone() })
            .collect(),
        hospitals: hospitals(director),
        injects: drill
            .injects
            .iter()
            .zip(&state.injects)
            .map(|(inject, progress)| outcome(director, city, inject, progress, &names))
            .collect(),
        messages: state.messages.clone(),
        declared: state.declared.clone(),
    }
}

fn objectives(director: &Director) -> Vec<ObjectiveOutcome> {
    let objectives = director.drill.objectives.iter().zip(&director.state.ratings);
    let outcomes = objectives.map(|(objective, rated)| ObjectiveOutcome {
        id: objective.id.clone(),
        capability: objective.capability.clone(),
        text: objective.text.clone(),
        rating: rated.as_ref().map(|rated| rated.rating),
        note: rated.as_ref().and_then(|rated| rated.note.clone()),
        by: rated.as_ref().map(|rated| rated.by.clone()),
    });
    outcomes.collect()
}

fn hospitals(director: &Director) -> Vec<HospitalRecord> {
    let state = &director.state;
    let changed = |number: u32| -> Vec<(SimTime, u32)> {
        let of_it = state.bays_changed.iter().filter(|(_, hospital, _)| *hospital == number);
        of_it.map(|&(at, _, bays)| (at, bays)).collect()
    };
    let all = (0_u32..).zip(state.knowledge.hospitals.iter().zip(&state.bays));
    all.map(|(number, (card, &bays))| HospitalRecord { name: card.name.clone(), bays, changed: changed(number) })
        .collect()
}

fn outcome(
    director: &Director,
    city: &City,
    inject: &Inject,
    progress: &Progress,
    names: &dyn Fn(u32) -> String,
) -> InjectOutcome {
    let drill = &director.drill;
    let role = |at: usize| drill.roles.get(at).map(|role| role.name.clone());
    let not = if progress.held { How::Held } else { How::Not };
    InjectOutcome {
        id: inject.id.clone(),
        text: inject.text.clone(),
        kind: inject.kind,
        from: inject.from.clone(),
        to: inject.to.and_then(role),
        by: inject.by,
        trigger: words::trigger(drill, &inject.trigger, names),
        delivered: progress.delivered,
        how: progress.how.unwrap_or(not),
        place: place(city, inject),
        expect: inject.expect.as_ref().map(|expect| ExpectOutcome {
            words: words::expect(drill, expect, names),
            role: expect.role.and_then(role),
            deadline: progress.deadline,
            met: progress.met.as_ref().map(|(met, _)| *met),
            by: progress.met.as_ref().and_then(|(_, by)| by.clone()),
        }),
        objective: inject.objective.and_then(|at| drill.objectives.get(at)).map(|objective| objective.id.clone()),
    }
}

/// Where an inject takes place: at the first road that it changes.
fn place(city: &City, inject: &Inject) -> Option<Circle> {
    let road: EdgeId = inject.effects.iter().find_map(|effect| match effect {
        Effect::City(
            Change::CloseRoad { road }
            | Change::OpenRoad { road }
            | Change::Incident { road, .. }
            | Change::Call { road, .. },
        ) => Some(*road),
        _ => None,
    })?;
    let edge = city.network().edges.get(road.index())?;
    let lane = edge.lane_ids().next()?;
    let (lon, lat) = city.place(lane, 0.5 * edge.length.as_metres());
    Some(Circle { name: road_name(city, road), lon, lat, radius_km: FELT })
}

/// The whole city: a circle round its map.
fn whole(city: &City, name: &str) -> Circle {
    let (low, high) = city.network().bounds();
    let middle = nalgebra::center(&low, &high);
    let (lon, lat) = city.place_of(middle);
    Circle { name: name.to_owned(), lon, lat, radius_km: ((high - low).norm() / 2_000.0 * 10.0).ceil() / 10.0 }
}
