//! The structs of a map file and their conversion from the city's types.

use serde::{Deserialize, Serialize};

use crate::city::network::bare::{self, BareControl, BareMap, BareNode, BareRoad, LaneArrows};
use crate::city::network::model;
use crate::city::network::places;
use crate::primitives::{ClassSet, Point, VehicleClass};

/// A coordinate pair [m].
pub(super) type Place = (f64, f64);

/// To the centimetre; adding zero turns -0 into 0.
fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0 + 0.0
}

fn place(p: Point) -> Place {
    (hundredths(p.x), hundredths(p.y))
}

fn line(points: &[Point]) -> Vec<Place> {
    points.iter().map(|p| place(*p)).collect()
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Projection {
    None,
    Utm { zone: u8, south: bool, offset_m: Place },
    Equirectangular { origin_lon_lat: Place },
}

impl Projection {
    pub(super) fn of(projection: &model::Projection) -> Self {
        match *projection {
            model::Projection::None => Self::None,
            model::Projection::Utm { zone, south, offset } => Self::Utm { zone, south, offset_m: offset },
            model::Projection::Equirectangular { origin } => Self::Equirectangular { origin_lon_lat: origin },
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Control {
    Automatic,
    Signal,
    ActuatedSignal,
    RightBeforeLeft,
    AllwayStop,
    Roundabout,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Node {
    pub id: String,
    pub at: Place,
    #[serde(default = "automatic", skip_serializing_if = "is_automatic")]
    pub control: Control,
}

fn automatic() -> Control {
    Control::Automatic
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_automatic(control: &Control) -> bool {
    *control == Control::Automatic
}

impl Node {
    pub(super) fn of(node: &BareNode) -> Self {
        let control = match node.control {
            BareControl::Automatic => Control::Automatic,
            BareControl::Signal => Control::Signal,
            BareControl::ActuatedSignal => Control::ActuatedSignal,
            BareControl::RightBeforeLeft => Control::RightBeforeLeft,
            BareControl::AllwayStop => Control::AllwayStop,
            BareControl::Roundabout => Control::Roundabout,
        };
        Self { id: node.name.clone(), at: place(node.position), control }
    }
}

/// A lane: width [m] and who may use it, everybody if not said.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lane {
    pub width_m: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all_but: Option<Vec<String>>,
    /// Where its arrows point, as `left;through`, where any are painted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrows: Option<String>,
}

/// A sign at the end of a road.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Sign {
    GiveWay,
    Stop,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Road {
    pub id: String,
    pub from: String,
    pub to: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub street: Option<String>,
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    pub limit_kmh: f64,
    pub priority: i32,
    /// Whether the lanes lie around the line, as on one-way streets.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub centred: bool,
    /// From the kerb.
    pub lanes: Vec<Lane>,
    /// The sign at its end, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign: Option<Sign>,
    /// Whether the line ends near its nodes, not at them; `bends` is the whole line then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub apart: bool,
    /// Centre line between its nodes, which are not repeated here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bends: Vec<Place>,
}

impl Road {
    pub(super) fn of(number: usize, road: &BareRoad, map: &BareMap) -> Self {
        let points = road.line.points();
        let lanes = road.lanes.iter().enumerate().map(|(index, lane)| {
            let (only, all_but) = class_names(lane.allowed);
            let arrows = map.markings.arrows.get(&(number, index)).map(|arrows| arrow_words(*arrows));
            Lane { width_m: hundredths(lane.width.as_metres()), only, all_but, arrows }
        });
        let ends = [(points[0], road.from), (points[points.len() - 1], road.to)];
        let apart = ends.iter().any(|(end, node)| place(*end) != place(map.nodes[*node].position));
        let inner = if apart { points } else { points.get(1..points.len() - 1).unwrap_or_default() };
        Self {
            id: road.name.clone(),
            from: map.nodes[road.from].name.clone(),
            to: map.nodes[road.to].name.clone(),
            street: road.street.clone(),
            kind: road.road_type.clone(),
            limit_kmh: hundredths(road.speed.as_kilometres_per_hour()),
            priority: road.priority,
            centred: road.centred,
            lanes: lanes.collect(),
            sign: map.markings.signs.get(&number).map(|sign| match sign {
                bare::Sign::GiveWay => Sign::GiveWay,
                bare::Sign::Stop => Sign::Stop,
            }),
            apart,
            bends: line(inner),
        }
    }
}

/// Arrows as words, from the left.
fn arrow_words(arrows: LaneArrows) -> String {
    let words = [(arrows.left, "left"), (arrows.through, "through"), (arrows.right, "right")];
    words.iter().filter(|(painted, _)| *painted).map(|(_, word)| *word).collect::<Vec<_>>().join(";")
}

/// A set of classes as the shorter of two lists: those in it, or those not in it; neither for everybody.
fn class_names(set: ClassSet) -> (Option<Vec<String>>, Option<Vec<String>>) {
    let names = |inside: bool| -> Vec<String> {
        let members = VehicleClass::ALL.iter().filter(|c| **c != VehicleClass::Ignoring && set.contains(**c) == inside);
        members.map(|class| class.name().to_owned()).collect()
    };
    let (only, all_but) = (names(true), names(false));
    if all_but.is_empty() {
        (None, None)
    } else if only.len() <= all_but.len() {
        (Some(only), None)
    } else {
        (None, Some(all_but))
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TurnBan {
    pub from: String,
    pub to: String,
}

impl TurnBan {
    pub(super) fn of((from, to): (usize, usize), map: &BareMap) -> Self {
        Self { from: map.roads[from].name.clone(), to: map.roads[to].name.clone() }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Area {
    pub name: String,
    pub outline: Vec<Place>,
}

impl Area {
    pub(super) fn of(area: &places::Area) -> Self {
        Self { name: area.name.clone(), outline: line(&area.outline) }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BusStop {
    pub id: String,
    pub name: String,
    pub road: String,
    pub at: Place,
    pub length_m: f64,
}

impl BusStop {
    pub(super) fn of(stop: &places::StopPlace) -> Self {
        Self {
            id: stop.id.clone(),
            name: stop.name.clone(),
            road: stop.at.road.clone(),
            at: place(stop.at.point),
            length_m: hundredths(stop.length.as_metres()),
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BusLine {
    pub name: String,
    pub origin: String,
    pub destination: String,
    pub headway_s: f64,
    pub stops: Vec<String>,
}

impl BusLine {
    pub(super) fn of(line: &places::BusLine, places: &places::Places) -> Self {
        Self {
            name: line.name.clone(),
            origin: line.origin.clone(),
            destination: line.destination.clone(),
            headway_s: line.headway.as_seconds(),
            stops: line.stops.iter().map(|&stop| places.bus_stops[stop].id.clone()).collect(),
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Site {
    pub name: String,
    pub road: String,
    pub at: Place,
}

impl Site {
    pub(super) fn of(site: &places::Site) -> Self {
        Self { name: site.name.clone(), road: site.at.road.clone(), at: place(site.at.point) }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Zone {
    pub name: String,
    pub centroid: Place,
    pub population: f64,
    pub jobs: f64,
    /// Share of the zone's trips on each road.
    pub roads: Vec<(String, f64)>,
}

impl Zone {
    pub(super) fn of(zone: &places::Zone) -> Self {
        Self {
            name: zone.name.clone(),
            centroid: place(zone.centroid),
            population: zone.population,
            jobs: zone.jobs,
            roads: zone.roads.clone(),
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Gateway {
    pub name: String,
    pub inbound: String,
    pub outbound: String,
    pub share: f64,
}

impl Gateway {
    pub(super) fn of(gateway: &places::Gateway) -> Self {
        Self {
            name: gateway.name.clone(),
            inbound: gateway.inbound.clone(),
            outbound: gateway.outbound.clone(),
            share: gateway.share,
        }
    }
}

/// Where a road of another map came from.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Origin {
    pub road: String,
    /// The ways of OpenStreetMap it was made from, in its direction.
    pub ways: Vec<i64>,
    /// Its number, as `A 56`.
    #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

impl Origin {
    pub(super) fn of(origin: &places::RoadOrigin) -> Self {
        Self { road: origin.road.clone(), ways: origin.ways.clone(), reference: origin.reference.clone() }
    }
}
