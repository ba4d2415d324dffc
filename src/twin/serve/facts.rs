//! What there is to know about one thing in a simulated city, now.
//!
//! Names of facts are words in snake case; the page has names for them in its languages.

use serde_json::{Value, json};

use super::stage::Stage;
use crate::api::port::{Fact, Facts, Subject};
use crate::city::network::Network;
use crate::simulation::outcome::UnitInstant;

/// What is known about something; none if there is no such thing now.
pub(super) fn about(stage: &Stage, subject: &Subject) -> Option<Facts> {
    match subject {
        Subject::Vehicle { number } => vehicle(stage, *number),
        Subject::Road { id } => road(stage, id),
        Subject::Unit { name } => unit(stage, name),
        Subject::Signal { .. } | Subject::Incident { .. } | Subject::Call { .. } => None,
    }
}

fn fact(name: &str, value: impl Into<Value>, unit: &'static str) -> Fact {
    Fact { name: name.to_owned(), value: value.into(), unit }
}

/// To one decimal.
fn tenth(value: f64) -> Value {
    json!((value * 10.0).round() / 10.0)
}

fn vehicle(stage: &Stage, number: u32) -> Option<Facts> {
    let (city, loaded) = (stage.city(), stage.cast().loaded());
    let seen = city.vehicles().into_iter().find(|one| one.vehicle.raw() == number)?;
    let row = loaded.demand.vehicles.get(number as usize)?;
    let kind = loaded.demand.kind(row.kind);
    let lane = loaded.network.lane(seen.lane);
    let facts = vec![
        fact("kind", kind.name.as_str(), ""),
        fact("class", kind.class.name(), ""),
        fact("road", loaded.network.edge(lane.edge).name.as_str(), ""),
        fact("lane", lane.index, ""),
        fact("speed", tenth(seen.speed * 3.6), "km/h"),
        fact("speed_limit", tenth(lane.speed.as_metres_per_second() * 3.6), "km/h"),
        fact("at_stop", seen.at_stop, ""),
    ];
    let devices = vec![format!("vehicle/{}", row.name)];
    Some(Facts { title: row.name.clone(), facts, route: Vec::new(), devices })
}

fn road(stage: &Stage, id: &str) -> Option<Facts> {
    let network = stage.cast().network();
    let edge_id = network.find_edge(id)?;
    let edge = network.edge(edge_id);
    let vehicles = stage.city().vehicles();
    let here: Vec<f64> =
        vehicles.iter().filter(|one| network.lane(one.lane).edge == edge_id).map(|one| one.speed).collect();
    let limit = edge.lane_ids().next().map_or(0.0, |lane| network.lane(lane).speed.as_metres_per_second());
    let mut facts = vec![
        fact("road", edge.name.as_str(), ""),
        fact("lanes", edge.lane_count(), ""),
        fact("length", tenth(edge.length.as_metres()), "m"),
        fact("speed_limit", tenth(limit * 3.6), "km/h"),
        fact("vehicles", here.len(), ""),
    ];
    if !here.is_empty() {
        let many = f64::from(u32::try_from(here.len()).unwrap_or(u32::MAX));
        facts.push(fact("speed_mean", tenth(here.iter().sum::<f64>() / many * 3.6), "km/h"));
        facts.push(fact("halting", here.iter().filter(|speed| **speed <= 0.1).count(), ""));
    }
    Some(Facts { title: title_of(network, id), facts, route: Vec::new(), devices: Vec::new() })
}

/// What people call a road.
fn title_of(network: &Network, id: &str) -> String {
    let edge = network.find_edge(id).map(|edge| network.edge(edge));
    edge.and_then(|edge| edge.street.clone()).unwrap_or_else(|| id.to_owned())
}

fn unit(stage: &Stage, name: &str) -> Option<Facts> {
    let number = stage.cast().units.iter().position(|unit| **unit == *name)?;
    let units = stage.city().units();
    let UnitInstant { status, call, lane, speed, siren, on_road, vehicle, .. } =
        *units.iter().find(|unit| unit.unit as usize == number)?;
    let network = stage.cast().network();
    let mut facts = vec![
        fact("status", status.name(), ""),
        fact("road", network.edge(network.lane(lane).edge).name.as_str(), ""),
        fact("speed", tenth(speed * 3.6), "km/h"),
        fact("siren", siren, ""),
        fact("on_road", on_road, ""),
        fact("vehicle", vehicle.raw(), ""),
    ];
    facts.extend(call.map(|call| fact("call", call, "")));
    Some(Facts { title: name.to_owned(), facts, route: Vec::new(), devices: vec![format!("unit/{name}")] })
}
