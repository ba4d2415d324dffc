//! What there is to know about one thing in a simulated city, now.
//!
//! Names of facts are words in snake case; the page has names for them in its languages.

use serde_json::{Value, json};

use super::cast::Cast;
use super::stage::Stage;
use crate::api::port::{Fact, Facts, Subject};
use crate::city::network::Network;
use crate::primitives::ids::{EdgeId, LaneId, SignalId, VehicleId};
use crate::primitives::{SimDuration, SimTime};
use crate::simulation::outcome::Stage as CallStage;
use crate::simulation::views::VehicleStage;
use crate::telemetry::{DeviceId, ReadingKind};

/// Most roads of a way that are drawn.
const WAY_MAX: usize = 2_000;

/// What is known about something; none if there is no such thing now.
pub(super) fn about(stage: &Stage, subject: &Subject) -> Option<Facts> {
    match subject {
        Subject::Vehicle { number } => vehicle(stage, *number),
        Subject::Road { id } => road(stage, id),
        Subject::Signal { id } => signal(stage, id),
        Subject::Unit { name } => unit(stage, name),
        Subject::Incident { number } => incident(stage, *number),
        Subject::Call { number } => call(stage, *number),
    }
}

/// Facts in the order in which they are added.
#[derive(Default)]
struct List(Vec<Fact>);

impl List {
    fn add(&mut self, name: &str, value: impl Into<Value>, unit: &'static str) {
        self.0.push(Fact { name: name.to_owned(), value: value.into(), unit });
    }

    /// To one decimal.
    fn number(&mut self, name: &str, value: f64, unit: &'static str) {
        self.add(name, json!((value * 10.0).round() / 10.0), unit);
    }

    fn speed(&mut self, name: &str, metres_per_second: f64) {
        self.number(name, metres_per_second * 3.6, "km/h");
    }

    fn span(&mut self, name: &str, span: SimDuration) {
        self.number(name, span.as_seconds(), "s");
    }

    /// Seconds after midnight.
    fn time(&mut self, name: &str, time: Option<SimTime>) {
        if let Some(time) = time {
            self.add(name, json!(time.as_seconds()), "time_s");
        }
    }

    fn road(&mut self, network: &Network, edge: EdgeId) {
        let edge = network.edge(edge);
        self.add("road", edge.name.as_str(), "");
        if let Some(street) = &edge.street {
            self.add("street", street.as_str(), "");
        }
    }

    fn place(&mut self, network: &Network, lane: LaneId, position: f64) {
        let lane = network.lane(lane);
        self.road(network, lane.edge);
        self.add("lane", lane.index, "");
        self.number("position", position, "m");
    }
}

fn device(kind: ReadingKind, name: &str) -> String {
    format!("{}/{}", kind.word(), DeviceId::of(kind, name))
}

fn vehicle(stage: &Stage, number: u32) -> Option<Facts> {
    let network = stage.cast().network();
    let known = stage.city().vehicle(VehicleId::new(number as usize))?;
    let mut list = List::default();
    list.add("number", number, "");
    list.add("kind", known.kind.as_str(), "");
    list.add("class", known.class.name(), "");
    if let Some(line) = &known.line {
        list.add("line", line.as_str(), "");
    }
    let word = match known.stage {
        VehicleStage::ToCome => "to_come",
        VehicleStage::Waiting => "waiting_to_enter",
        VehicleStage::OnRoad => "on_road",
        VehicleStage::Lifted => "lifted",
        VehicleStage::Arrived => "arrived",
        VehicleStage::Standby => "standby",
        VehicleStage::StaysAway => "stays_away",
    };
    list.add("stage", word, "");
    if let Some((lane, position)) = known.place {
        list.place(network, lane, position);
        list.speed("speed", known.speed);
        list.speed("wished_speed", known.wished_speed);
        list.speed("speed_limit", network.lane(lane).speed.as_metres_per_second());
        list.add("at_stop", known.at_stop, "");
        list.add("siren", known.siren, "");
    }
    list.time("due", known.due);
    list.time("entered", known.entered);
    list.time("arrived", known.arrived);
    list.add("destination", network.edge(known.destination.0).name.as_str(), "");
    list.number("travelled", known.travelled, "m");
    list.span("waiting", known.waiting);
    list.span("waiting_total", known.waiting_total);
    list.add("halts", known.halts, "");
    list.span("time_loss", known.time_loss);
    if known.stops.1 > 0 {
        list.add("stops_made", known.stops.0, "");
        list.add("stops", known.stops.1, "");
    }
    let route = way(network, &known.route, known.place);
    let devices = vec![device(ReadingKind::Position, &known.name)];
    Some(Facts { title: known.name, facts: list.0, route, devices })
}

/// A way as a line on earth, from where somebody is.
fn way(network: &Network, roads: &[EdgeId], from: Option<(LaneId, f64)>) -> Vec<(f64, f64)> {
    let mut points = Vec::new();
    for (place, &edge) in roads.iter().take(WAY_MAX).enumerate() {
        let Some(first) = network.edge(edge).lane_ids().next() else { continue };
        let here = from.filter(|&(lane, _)| place == 0 && network.lane(lane).edge == edge);
        let lane = network.lane(here.map_or(first, |(lane, _)| lane));
        let share = here.map_or(0.0, |(_, position)| position / lane.length.as_metres().max(0.1));
        let begin = share.clamp(0.0, 1.0) * lane.shape.length();
        if here.is_some() {
            points.push(lane.shape.point_at(begin));
        }
        let mut along = 0.0;
        let mut last: Option<crate::primitives::Point> = None;
        for &point in lane.shape.points() {
            if let Some(last) = last {
                along += (point - last).norm();
            }
            if along >= begin {
                points.push(point);
            }
            last = Some(point);
        }
    }
    points.into_iter().filter_map(|point| network.projection.to_lon_lat(point)).collect()
}

fn road(stage: &Stage, id: &str) -> Option<Facts> {
    let network = stage.cast().network();
    let edge_id = network.find_edge(id)?;
    let edge = network.edge(edge_id);
    let mut list = List::default();
    list.road(network, edge_id);
    list.add("lanes", edge.lane_count(), "");
    list.number("length", edge.length.as_metres(), "m");
    let limit = edge.lane_ids().map(|lane| network.lane(lane).speed.as_metres_per_second()).fold(0.0, f64::max);
    list.speed("speed_limit", limit);
    let (mut vehicles, mut halting, mut speeds) = (0_u32, 0_u32, 0.0);
    stage.city().each_vehicle(|one| {
        if network.lane(one.lane).edge == edge_id {
            vehicles += 1;
            halting += u32::from(one.speed <= 0.1 && !one.at_stop);
            speeds += one.speed;
        }
    });
    list.add("vehicles", vehicles, "");
    if vehicles > 0 {
        list.add("halting", halting, "");
        list.speed("speed_mean", speeds / f64::from(vehicles));
    }
    list.add("closed", stage.city().closed_roads().contains(&edge_id), "");
    let open = stage.city().open_incidents();
    for one in open.iter().filter(|one| one.incident.edge == edge_id) {
        list.add("incident", one.incident.number, "");
    }
    let title = edge.street.clone().unwrap_or_else(|| id.to_owned());
    Some(Facts { title, facts: list.0, route: Vec::new(), devices: Vec::new() })
}

fn signal(stage: &Stage, id: &str) -> Option<Facts> {
    let signals = &stage.cast().network().signals;
    let number = SignalId::new(signals.iter().position(|one| one.name == id)?);
    let known = stage.city().signal(number)?;
    let mut list = List::default();
    list.add("signal", id, "");
    list.add("shows", known.letters.as_str(), "");
    if let Some((phase, since)) = known.phase {
        list.add("phase", phase, "");
        list.time("phase_since", Some(since));
    }
    list.add("actuated", known.actuated, "");
    let seconds = |of: fn(&(SimDuration, SimDuration)) -> SimDuration| -> Vec<f64> {
        known.durations.iter().map(|span| of(span).as_seconds()).collect()
    };
    list.add("durations", json!(seconds(|span| span.1)), "s");
    if known.actuated {
        list.add("durations_min", json!(seconds(|span| span.0)), "s");
    }
    let devices = vec![device(ReadingKind::Signal, id)];
    Some(Facts { title: id.to_owned(), facts: list.0, route: Vec::new(), devices })
}

fn unit(stage: &Stage, name: &str) -> Option<Facts> {
    let city = stage.city();
    let number = city.unit_named(name)?;
    let known = city.unit(number)?;
    let network = stage.cast().network();
    let mut list = List::default();
    list.add("unit", name, "");
    list.add("status", known.status.name(), "");
    list.add("vehicle", known.vehicle.raw(), "");
    list.place(network, known.lane, known.position);
    list.speed("speed", known.speed);
    list.add("siren", known.siren, "");
    list.add("on_road", known.on_road, "");
    if let Some(call) = known.call {
        list.add("call", call, "");
        if let Some(call) = city.call(call) {
            list.add("category", call.category.name(), "");
        }
    }
    let here = known.on_road.then_some((known.lane, known.position));
    let ahead = city.vehicle(known.vehicle).filter(|_| known.on_road).map(|one| one.route).unwrap_or_default();
    let devices = vec![device(ReadingKind::Unit, name)];
    Some(Facts { title: name.to_owned(), facts: list.0, route: way(network, &ahead, here), devices })
}

fn incident(stage: &Stage, number: u32) -> Option<Facts> {
    let known = stage.city().incident(number)?;
    let one = &known.incident;
    let network = stage.cast().network();
    let mut list = List::default();
    list.add("incident", number, "");
    list.add("kind", one.kind.name(), "");
    list.add("severity", known.severity.word(), "");
    list.road(network, one.edge);
    list.number("position", one.position.as_metres(), "m");
    list.add("lanes_blocked", one.lanes.len(), "");
    list.add("casualties", one.casualties, "");
    list.time("began", one.began);
    if one.cleared.is_none() {
        list.time("ends", Some(known.ends));
        list.add("helpers", known.helpers, "");
    }
    list.time("cleared", one.cleared);
    let devices = vec![device(ReadingKind::Incident, &number.to_string())];
    Some(Facts { title: format!("{} {number}", one.kind.name()), facts: list.0, route: Vec::new(), devices })
}

fn call(stage: &Stage, number: u32) -> Option<Facts> {
    let city = stage.city();
    let known = city.call(number)?;
    let cast: &Cast = stage.cast();
    let network = cast.network();
    let mut list = List::default();
    list.add("call", number, "");
    list.add("category", known.category.name(), "");
    list.road(network, known.edge);
    list.number("position", known.position.as_metres(), "m");
    if let Some(incident) = known.incident {
        list.add("incident", incident, "");
    }
    if let Some(name) = known.unit.and_then(|unit| city.unit_name(unit)) {
        list.add("unit", name, "");
    }
    let hospitals = cast.loaded().emergencies.as_ref().map_or(&[][..], |plan| &plan.hospitals);
    if let Some(hospital) = known.hospital.and_then(|number| hospitals.get(number as usize)) {
        list.add("hospital", hospital.name.as_str(), "");
    }
    for stage in CallStage::ALL {
        list.time(stage.name(), known.at(stage));
    }
    let devices = vec![device(ReadingKind::Call, &number.to_string())];
    Some(Facts { title: format!("call {number}"), facts: list.0, route: Vec::new(), devices })
}
