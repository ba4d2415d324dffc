//! Scenes of a simulated city: what a session shows of an instant.
//!
//! What did not change is shared with the scene before. Changes nothing and decides nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cast::Cast;
use super::stage::Stage;
use crate::api::port::{Scene, SceneCall, SceneIncident, SceneUnit, SceneVehicle, SceneWeather, UnitDuty};
use crate::primitives::{Category, SimTime};
use crate::simulation::City;
use crate::simulation::outcome::{Stage as CallStage, UnitInstant, UnitStatus};
use crate::simulation::views::{IncidentView, urgency_of};

/// How often the speeds on roads are made anew.
const ROADS_EVERY: Duration = Duration::from_secs(1);

/// Makes the scenes of a session.
#[derive(Debug, Default)]
pub(super) struct Scenes {
    tick: u64,
    episode: u32,
    /// What signals show, kept from scene to scene.
    letters: Vec<String>,
    signals: Arc<Vec<String>>,
    roads: Arc<Vec<Option<f32>>>,
    roads_made: Option<Instant>,
    units: Arc<Vec<SceneUnit>>,
    incidents: Arc<Vec<SceneIncident>>,
    closed: Arc<Vec<u32>>,
    waiting: Arc<Vec<SceneCall>>,
}

/// How the clock of a session goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Going {
    pub speed: Option<f64>,
    pub paused: bool,
    pub over: bool,
}

impl Scenes {
    /// The city is suddenly somewhere else.
    pub(super) fn leaps(&mut self) {
        self.episode += 1;
        self.roads_made = None;
    }

    /// The scene of this instant.
    pub(super) fn make(&mut self, stage: &Stage, going: Going, now: Instant) -> Scene {
        let (city, cast) = (stage.city(), stage.cast());
        if self.roads_made.is_none_or(|made| now.duration_since(made) >= ROADS_EVERY) {
            replace(&mut self.roads, city.relative_speeds());
            self.roads_made = Some(now);
        }
        if city.letters(&mut self.letters) {
            self.signals = Arc::new(self.letters.clone());
        }
        replace(&mut self.units, city.units().iter().map(|unit| scene_unit(cast, unit)).collect());
        replace(&mut self.incidents, city.open_incidents().iter().filter_map(scene_incident).collect());
        replace(&mut self.closed, city.shut_roads().iter().map(|edge| edge.raw()).collect());
        replace(&mut self.waiting, waiting(city));
        self.tick += 1;
        Scene {
            tick: self.tick,
            time: stage.time(),
            episode: self.episode,
            speed: going.speed,
            paused: going.paused,
            over: going.over,
            vehicles: Arc::new(scene_vehicles(city)),
            signals: Arc::clone(&self.signals),
            roads: Arc::clone(&self.roads),
            units: Arc::clone(&self.units),
            incidents: Arc::clone(&self.incidents),
            closed: Arc::clone(&self.closed),
            waiting: Arc::clone(&self.waiting),
            weather: Some(weather(city)),
            totals: stage.totals(),
        }
    }
}

/// Puts in what is new, and keeps what is there where it is the same.
fn replace<T: PartialEq>(place: &mut Arc<Vec<T>>, new: Vec<T>) {
    if **place != new {
        *place = Arc::new(new);
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a position on a lane and a speed fit single precision for showing"
)]
const fn single(value: f64) -> f32 {
    value as f32
}

fn scene_vehicles(city: &City) -> Vec<SceneVehicle> {
    let mut shown = Vec::new();
    city.each_vehicle(|one| {
        shown.push(SceneVehicle {
            number: one.vehicle.raw(),
            lane: one.lane.raw(),
            position: single(one.position),
            speed: single(one.speed),
            class: one.class,
            siren: one.siren,
            at_stop: one.at_stop,
        });
    });
    shown.sort_unstable_by_key(|one| one.number);
    shown
}

fn scene_unit(cast: &Cast, unit: &UnitInstant) -> SceneUnit {
    SceneUnit {
        unit: unit.unit,
        name: cast.units.get(unit.unit as usize).cloned().unwrap_or_default(),
        vehicle: unit.vehicle.raw(),
        duty: match unit.status {
            UnitStatus::Available => UnitDuty::AtStation,
            UnitStatus::Dispatched => UnitDuty::TurningOut,
            UnitStatus::EnRoute => UnitDuty::EnRoute,
            UnitStatus::AtScene => UnitDuty::AtScene,
            UnitStatus::Transporting => UnitDuty::Transporting,
            UnitStatus::AtHospital => UnitDuty::AtHospital,
            UnitStatus::Returning => UnitDuty::Returning,
        },
        call: unit.call,
        place: (unit.lane.raw(), single(unit.position)),
        on_road: unit.on_road,
    }
}

fn scene_incident(view: &IncidentView) -> Option<SceneIncident> {
    let incident = &view.incident;
    Some(SceneIncident {
        incident: incident.number,
        kind: incident.kind.name(),
        severity: view.severity.word(),
        place: (incident.lanes.first()?.raw(), single(incident.position.as_metres())),
        since: incident.began?,
    })
}

fn weather(city: &City) -> SceneWeather {
    let weather = city.weather();
    SceneWeather {
        sky: weather.sky.word(),
        precipitation_mm_h: weather.precipitation,
        visibility_m: weather.visibility.as_metres(),
        temperature_c: weather.temperature,
    }
}

/// Calls that no unit has been sent to yet, the most urgent first, then who has waited longest.
fn waiting(city: &City) -> Vec<SceneCall> {
    let mut calls: Vec<(Category, SimTime, SceneCall)> = Vec::new();
    for call in city.open_calls() {
        let Some(since) = call.at(CallStage::Call).filter(|_| call.at(CallStage::Dispatch).is_none()) else { continue };
        let about = call.incident.and_then(|number| city.incident(number));
        let told = SceneCall {
            call: call.number,
            severity: urgency_of(call.category).word(),
            kind: about.map_or("medical", |about| about.incident.kind.name()),
            incident: call.incident,
            place: (call.lane.raw(), single(call.position.as_metres())),
            since,
        };
        calls.push((call.category, since, told));
    }
    calls.sort_by_key(|(category, since, call)| (*category, *since, call.call));
    calls.into_iter().map(|(.., call)| call).collect()
}
