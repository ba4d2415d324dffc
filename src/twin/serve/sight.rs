//! Scenes of a real city, made of the last words of its devices: who is where on the map, what is wrong, what signals show.
//!
//! A fix is matched to a road and to the nearest of its lanes; whoever is on no road of the map is not shown.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::api::port::{
    Fact, Facts, Scene, SceneCall, SceneIncident, SceneTotals, SceneUnit, SceneVehicle, SceneWeather, UnitDuty,
};
use crate::city::network::Network;
use crate::pipeline::analytics::{RoadIndex, RoadRef};
use crate::pipeline::stores::{Area, StoreError, Stores};
use crate::primitives::ids::EdgeId;
use crate::primitives::{SimDuration, SimTime, Timestamp, VehicleClass};
use crate::telemetry::reading::{self, CallStatus, IncidentStatus, Severity, UnitStatus};
use crate::telemetry::{DeviceId, Reading, ReadingKind, Record};

/// A vehicle whose tracker is silent for longer is not shown [s].
const SILENT: SimDuration = SimDuration::milliseconds(120_000);
/// Most vehicles and units that are shown.
const SHOWN_MAX: usize = 200_000;
/// Slower is halting [m/s].
const HALTING: f32 = 0.1;

/// Turns last words into scenes.
#[derive(Debug)]
pub(super) struct Look {
    network: Arc<Network>,
    roads: Option<Arc<RoadIndex>>,
    midnight: Timestamp,
    tick: u64,
    /// Numbers given to whoever spoke, and the road they were on last.
    known: BTreeMap<DeviceId, (u32, Option<RoadRef>)>,
    units: BTreeMap<DeviceId, u32>,
    incidents: BTreeMap<DeviceId, u32>,
}

#[expect(clippy::cast_possible_truncation, reason = "a place on a lane and a speed fit single precision for showing")]
const fn single(value: f64) -> f32 {
    value as f32
}

impl Look {
    /// A look at a map, on a day; `roads` find what is on it.
    pub(super) fn new(network: &Arc<Network>, roads: Option<Arc<RoadIndex>>, midnight: Timestamp) -> Self {
        Self {
            network: Arc::clone(network),
            roads,
            midnight,
            tick: 0,
            known: BTreeMap::new(),
            units: BTreeMap::new(),
            incidents: BTreeMap::new(),
        }
    }

    /// The tracker of the vehicle of a number.
    pub(super) fn tracker(&self, number: u32) -> Option<DeviceId> {
        self.known.iter().find(|(_, (known, _))| *known == number).map(|(device, _)| device.clone())
    }

    /// What the city shows now.
    pub(super) fn scene(&mut self, stores: &Stores, now: Timestamp) -> Result<Scene, StoreError> {
        let vehicles = self.vehicles(stores, now)?;
        let units = self.units(stores)?;
        let (incidents, closed) = self.incidents(stores)?;
        let waiting = self.waiting(stores, &incidents)?;
        let signals = self.signals(stores)?;
        self.tick += 1;
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let speeds: f64 = vehicles.iter().map(|one| f64::from(one.speed)).sum();
        let relative: Vec<f32> = self.roads_of(&vehicles).into_iter().flatten().collect();
        let mean = |sum: f64, n: usize| if n == 0 { 0.0 } else { sum / f64::from(count(n)) };
        let free = |unit: &&SceneUnit| matches!(unit.duty, UnitDuty::AtStation | UnitDuty::Returning);
        let totals = SceneTotals {
            running: count(vehicles.len()),
            halting: count(vehicles.iter().filter(|one| one.speed <= HALTING).count()),
            speed_mean: mean(speeds, vehicles.len()),
            speed_relative_mean: mean(relative.iter().copied().map(f64::from).sum(), relative.len()),
            units: count(units.len()),
            units_busy: count(units.len() - units.iter().filter(free).count()),
            calls_open: count(units.iter().filter(|unit| unit.call.is_some()).count()),
            ..SceneTotals::default()
        };
        Ok(Scene {
            tick: self.tick,
            time: SimTime::ZERO + now.since(self.midnight),
            episode: 0,
            speed: Some(1.0),
            paused: false,
            over: false,
            roads: Arc::new(self.roads_of(&vehicles)),
            vehicles: Arc::new(vehicles),
            signals: Arc::new(signals),
            units: Arc::new(units),
            incidents: Arc::new(incidents),
            closed: Arc::new(closed),
            waiting: Arc::new(waiting),
            weather: weather(stores)?,
            totals,
        })
    }
}

impl Look {
    /// Everybody whose tracker has spoken lately and is on a road of the map.
    fn vehicles(&mut self, stores: &Stores, now: Timestamp) -> Result<Vec<SceneVehicle>, StoreError> {
        let Some(roads) = self.roads.clone() else { return Ok(Vec::new()) };
        let mut vehicles = Vec::new();
        stores.live().scan(ReadingKind::Position, &Area::Everywhere, &mut |record| {
            vehicles.extend(self.vehicle(&roads, &record, now));
            if vehicles.len() < SHOWN_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        vehicles.sort_unstable_by_key(|one| one.number);
        Ok(vehicles)
    }

    fn vehicle(&mut self, roads: &RoadIndex, record: &Record, now: Timestamp) -> Option<SceneVehicle> {
        let Reading::Position(position) = &record.reading else { return None };
        if now.since(record.time) > SILENT || !position.ignition {
            return None;
        }
        let (longitude, latitude) = (position.longitude?, position.latitude?);
        let next = u32::try_from(self.known.len()).unwrap_or(u32::MAX);
        if !self.known.contains_key(&record.device) && self.known.len() >= SHOWN_MAX {
            return None;
        }
        let (number, last) = self.known.entry(record.device.clone()).or_insert((next, None));
        let road = roads.road_at(longitude, latitude, position.direction, *last)?;
        *last = Some(road);
        let number = *number;
        let edge = self.network.find_edge(roads.name(road))?;
        let (lane, at) = self.lane_at(edge, longitude, latitude)?;
        Some(SceneVehicle {
            number,
            lane,
            position: at,
            speed: single(position.speed.unwrap_or(0.0) / 3.6),
            class: VehicleClass::from_name(&position.vehicle_class).unwrap_or(VehicleClass::Passenger),
            siren: false,
            at_stop: false,
        })
    }

    /// The lane of a road that is nearest to a place, and where on it.
    fn lane_at(&self, edge: EdgeId, longitude: f64, latitude: f64) -> Option<(u32, f32)> {
        let point = self.network.projection.from_lon_lat((longitude, latitude))?;
        let lanes = self.network.edge(edge).lane_ids().map(|lane| {
            let (along, distance) = self.network.lane(lane).shape.nearest(point);
            (lane, along, distance)
        });
        let (lane, along, _) = lanes.min_by(|a, b| a.2.total_cmp(&b.2))?;
        // The drawn line and the length that counts may differ.
        let lane_of = self.network.lane(lane);
        let share = if lane_of.shape.length() > 0.0 { along / lane_of.shape.length() } else { 0.0 };
        Some((lane.raw(), single(share * lane_of.length.as_metres())))
    }

    /// A place on the map whatever road it is on; the first lane there is if none is near.
    fn place(&self, road: Option<&str>, longitude: f64, latitude: f64) -> Option<(u32, f32)> {
        let by_name = road.and_then(|road| self.network.find_edge(road));
        let roads = self.roads.as_ref();
        let near = || {
            let road = roads.and_then(|roads| roads.road_at(longitude, latitude, Some(0.0), None))?;
            self.network.find_edge(roads?.name(road))
        };
        self.lane_at(by_name.or_else(near)?, longitude, latitude)
    }

    fn units(&mut self, stores: &Stores) -> Result<Vec<SceneUnit>, StoreError> {
        let mut words = Vec::new();
        stores.live().scan(ReadingKind::Unit, &Area::Everywhere, &mut |record| {
            if let Reading::Unit(unit) = record.reading {
                words.push((record.device, unit));
            }
            if words.len() < SHOWN_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        let mut units = Vec::new();
        for (device, unit) in words {
            let next = u32::try_from(self.units.len()).unwrap_or(u32::MAX);
            let number = *self.units.entry(device).or_insert(next);
            let Some(place) = self.place(None, unit.longitude, unit.latitude) else { continue };
            units.push(SceneUnit {
                unit: number,
                name: Arc::from(&*unit.unit_id),
                vehicle: u32::MAX - number,
                duty: duty(unit.status),
                call: unit.call_id.as_deref().and_then(|call| call.parse().ok()),
                place,
                on_road: !matches!(unit.status, UnitStatus::AtStation | UnitStatus::AtHospital),
            });
        }
        units.sort_unstable_by_key(|unit| unit.unit);
        Ok(units)
    }

    /// Incidents that are not over, and the edges of which they block every lane.
    fn incidents(&mut self, stores: &Stores) -> Result<(Vec<SceneIncident>, Vec<u32>), StoreError> {
        let mut words = Vec::new();
        stores.live().scan(ReadingKind::Incident, &Area::Everywhere, &mut |record| {
            if let Reading::Incident(incident) = record.reading
                && incident.status == IncidentStatus::Reported
            {
                words.push((record.device, record.time, incident));
            }
            if words.len() < SHOWN_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        let (mut incidents, mut closed) = (Vec::new(), Vec::new());
        for (device, time, incident) in words {
            let edge = self.network.find_edge(&incident.road_id);
            let whole = |edge: &EdgeId| incident.lanes_blocked as usize >= self.network.edge(*edge).lane_count();
            closed.extend(edge.filter(whole).map(EdgeId::raw));
            let next = u32::try_from(self.incidents.len()).unwrap_or(u32::MAX);
            let number = incident.incident_id.parse().unwrap_or(*self.incidents.entry(device).or_insert(next));
            let Some(place) = self.place(Some(&incident.road_id), incident.longitude, incident.latitude) else {
                continue;
            };
            incidents.push(SceneIncident {
                incident: number,
                kind: kind_of(&incident.incident_kind),
                severity: severity(incident.severity),
                place,
                since: SimTime::ZERO + time.since(self.midnight),
            });
        }
        incidents.sort_unstable_by_key(|incident| incident.incident);
        closed.sort_unstable();
        closed.dedup();
        Ok((incidents, closed))
    }

    /// Calls that no unit has been sent to, the most urgent first. A call's last word is the time it was put in the queue, if it
    /// waits there.
    fn waiting(&self, stores: &Stores, incidents: &[SceneIncident]) -> Result<Vec<SceneCall>, StoreError> {
        let mut words = Vec::new();
        stores.live().scan(ReadingKind::Call, &Area::Everywhere, &mut |record| {
            if let Reading::Call(call) = record.reading
                && matches!(call.status, CallStatus::Received | CallStatus::Answered | CallStatus::Queued)
            {
                words.push((call.severity, record.time, call));
            }
            if words.len() < SHOWN_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        words.sort_by(|a, b| (a.0, a.1, &a.2.call_id).cmp(&(b.0, b.1, &b.2.call_id)));
        let told = |(_, time, call): (Severity, Timestamp, reading::Call)| {
            let incident = call.incident_id.as_deref().and_then(|id| id.parse().ok());
            let about = incidents.iter().find(|one| Some(one.incident) == incident);
            Some(SceneCall {
                call: call.call_id.parse().ok()?,
                severity: severity(call.severity),
                kind: about.map_or("medical", |about| about.kind),
                incident,
                place: self.place(None, call.longitude, call.latitude)?,
                since: SimTime::ZERO + time.since(self.midnight),
            })
        };
        Ok(words.into_iter().filter_map(told).collect())
    }

    /// What every signal of the map shows, as its controller told; nothing for one that never spoke.
    fn signals(&self, stores: &Stores) -> Result<Vec<String>, StoreError> {
        let mut told: BTreeMap<String, String> = BTreeMap::new();
        stores.live().scan(ReadingKind::Signal, &Area::Everywhere, &mut |record| {
            if let Reading::Signal(signal) = record.reading {
                told.insert(signal.junction_id.to_string(), signal.state.to_string());
            }
            if told.len() < SHOWN_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        let shown = |signal: &crate::city::network::Signal| told.get(&signal.name).cloned().unwrap_or_default();
        Ok(self.network.signals.iter().map(shown).collect())
    }

    /// Mean of speed over the limit by edge.
    fn roads_of(&self, vehicles: &[SceneVehicle]) -> Vec<Option<f32>> {
        let mut sums = vec![(0.0_f64, 0_u32); self.network.edges.len()];
        for one in vehicles {
            let lane = &self.network.lanes[one.lane as usize];
            let sum = &mut sums[lane.edge.index()];
            sum.0 += f64::from(one.speed) / lane.speed.as_metres_per_second().max(0.1);
            sum.1 += 1;
        }
        sums.into_iter().map(|(sum, n)| (n > 0).then(|| single(sum / f64::from(n)))).collect()
    }

    /// What the map knows of a road.
    pub(super) fn road(&self, id: &str) -> Option<Facts> {
        let edge = self.network.edge(self.network.find_edge(id)?);
        let limit = edge.lane_ids().next().map_or(0.0, |lane| self.network.lane(lane).speed.as_metres_per_second());
        let fact = |name: &str, value: serde_json::Value, unit| Fact { name: name.to_owned(), value, unit };
        let facts = vec![
            fact("road", edge.name.as_str().into(), ""),
            fact("lanes", edge.lane_count().into(), ""),
            fact("length", edge.length.as_metres().round().into(), "m"),
            fact("speed_limit", (limit * 3.6).round().into(), "km/h"),
        ];
        let title = edge.street.clone().unwrap_or_else(|| edge.name.clone());
        Some(Facts { title, facts, route: Vec::new(), devices: Vec::new() })
    }
}

/// What the weather station says that spoke last.
fn weather(stores: &Stores) -> Result<Option<SceneWeather>, StoreError> {
    let mut newest: Option<(Timestamp, SceneWeather)> = None;
    let mut heard = 0;
    stores.live().scan(ReadingKind::Weather, &Area::Everywhere, &mut |record| {
        heard += 1;
        if let Reading::Weather(said) = record.reading
            && newest.is_none_or(|(time, _)| time < record.time)
        {
            let told = SceneWeather {
                sky: said.sky.word(),
                precipitation_mm_h: said.precipitation,
                visibility_m: said.visibility,
                temperature_c: said.temperature,
            };
            newest = Some((record.time, told));
        }
        if heard < SHOWN_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(newest.map(|(_, told)| told))
}

const fn duty(status: UnitStatus) -> UnitDuty {
    match status {
        UnitStatus::AtStation => UnitDuty::AtStation,
        UnitStatus::Dispatched => UnitDuty::TurningOut,
        UnitStatus::EnRoute => UnitDuty::EnRoute,
        UnitStatus::AtScene => UnitDuty::AtScene,
        UnitStatus::Transporting => UnitDuty::Transporting,
        UnitStatus::AtHospital => UnitDuty::AtHospital,
        UnitStatus::Returning => UnitDuty::Returning,
    }
}

/// The kinds that a map has signs for; whatever else happened is an obstruction.
fn kind_of(word: &str) -> &'static str {
    ["crash", "breakdown", "roadworks"].into_iter().find(|kind| *kind == word).unwrap_or("obstruction")
}

const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High => "high",
        Severity::Medium => "medium",
        Severity::Low => "low",
    }
}
