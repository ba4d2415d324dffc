//! The elements of demand and additional files as they stand there, each with its place.
//!
//! Resolves no edge and no stop; numbers, words and times are checked here.

use std::collections::{BTreeMap, BTreeSet};

use crate::city::network::sumo::signals::ProgramReader;
use crate::city::network::xml::{Element, Item, Source, walk};
use crate::primitives::ids::EdgeId;
use crate::primitives::text::{Findings, Place};
use crate::primitives::{SimDuration, SimTime, Speed};

use super::super::model::{ArrivalSpeed, DepartLane, DepartPosition, DepartSpeed};
use super::flows::{RawFlow, read_flow};
use super::journey::{read_arrival, read_depart, read_start};
use super::types::Types;
use super::{ProgramChange, ReadSettings};

/// A route as the file has it.
#[derive(Debug)]
pub(super) struct RawRoute {
    pub(super) place: Place,
    pub(super) edges: String,
    pub(super) stops: Vec<RawStop>,
}

/// A choice of routes: each with its weight.
#[derive(Debug)]
pub(super) struct RawRouteChoice {
    pub(super) place: Place,
    pub(super) members: Vec<(ChoiceMember, f64)>,
}

#[derive(Debug, Clone)]
pub(super) enum ChoiceMember {
    /// A route by position.
    Route(usize),
    /// A route by name.
    Named(String),
}

/// Which way a vehicle goes.
#[derive(Debug)]
pub(super) enum RawWay {
    /// A route or a choice by name.
    Named(String),
    /// A route of its own, by position.
    Own(usize),
    /// A choice of its own, by position.
    OwnChoice(usize),
    /// From and to, over others in between.
    Ends { from: String, via: Vec<String>, to: String },
    /// Over these roads, of which it was seen on, and others between them that are too short for that.
    Seen(Vec<EdgeId>),
    /// Not said.
    Missing,
}

/// How far the halt is described.
#[derive(Debug, Clone)]
pub(super) struct RawStop {
    pub(super) place: Place,
    pub(super) bus_stop: Option<String>,
    pub(super) lane: Option<String>,
    pub(super) start: Option<f64>,
    pub(super) end: Option<f64>,
    pub(super) friendly: bool,
    pub(super) duration: Option<SimDuration>,
    pub(super) until: Option<SimTime>,
    pub(super) parking: bool,
    pub(super) index: StopIndex,
}

/// Where a halt comes among the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StopIndex {
    /// Behind all before it.
    End,
    /// Where it lies along the route.
    Fit,
    /// At this position.
    At(usize),
}

/// Where on its last edge a vehicle arrives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum RawArrival {
    /// At its end.
    End,
    /// In its middle.
    Centre,
    /// This far from its start, or from its end where negative [m].
    At(f64),
}

/// When vehicles of a row depart.
#[derive(Debug)]
pub(super) enum RawDepart {
    /// Once.
    At(SimTime),
    /// Again and again.
    Flow(RawFlow),
}

/// A vehicle, trip or flow.
#[derive(Debug)]
pub(super) struct RawVehicle {
    pub(super) place: Place,
    /// Position among all rows of all files; key of the row's draws.
    pub(super) order: u64,
    pub(super) tag: &'static str,
    pub(super) name: String,
    pub(super) type_name: Option<String>,
    pub(super) depart: RawDepart,
    pub(super) lane: DepartLane,
    pub(super) position: DepartPosition,
    pub(super) speed: DepartSpeed,
    pub(super) arrival: RawArrival,
    pub(super) arrival_speed: ArrivalSpeed,
    pub(super) line: Option<String>,
    pub(super) way: RawWay,
    pub(super) stops: Vec<RawStop>,
}

/// A bus stop or detector as the file has it.
#[derive(Debug)]
pub(super) struct RawKerb {
    pub(super) place: Place,
    pub(super) tag: &'static str,
    pub(super) name: String,
    pub(super) lanes: Vec<String>,
    pub(super) start: Option<f64>,
    pub(super) end: Option<f64>,
    pub(super) length: Option<f64>,
    pub(super) friendly: bool,
    pub(super) period: SimDuration,
}

/// The elements of all files.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) types: Types,
    pub(super) routes: Vec<RawRoute>,
    pub(super) route_names: BTreeMap<String, usize>,
    pub(super) choices: Vec<RawRouteChoice>,
    pub(super) choice_names: BTreeMap<String, usize>,
    pub(super) vehicles: Vec<RawVehicle>,
    pub(super) kerb: Vec<RawKerb>,
    pub(super) programs: Vec<ProgramChange>,
    pub(super) not_due: usize,
    /// Types of those whom a recording brought; no file needs to describe them.
    pub(super) recorded_types: BTreeSet<String>,
    order: u64,
    open_vehicle: Option<RawVehicle>,
    open_choice: Option<usize>,
    open_route: Option<usize>,
}

/// What only draws or describes.
const QUIET: &[&str] = &["param", "poly", "polygon", "poi", "location", "viewsettings", "include"];

impl Rows {
    /// Gathers one file's elements.
    pub(super) fn gather(&mut self, source: &Source, settings: &ReadSettings, findings: &mut Findings) {
        let mut program = ProgramReader::default();
        walk(source, findings, |item, findings| {
            match item {
                Item::Open(element) => return self.open(element, &mut program, settings, findings),
                Item::Close("tlLogic") => {
                    let closed = program.finish(findings);
                    let change = |(signal, program, place)| ProgramChange { signal, program, place };
                    self.programs.extend(closed.map(change));
                }
                Item::Close("vehicle" | "trip" | "flow") => self.vehicles.extend(self.open_vehicle.take()),
                Item::Close("route") => self.open_route = None,
                Item::Close("routeDistribution") => self.open_choice = None,
                Item::Close("vTypeDistribution") => self.types.close_distribution(),
                Item::Close(_) => {}
            }
            true
        });
        // A file that breaks off leaves them open.
        (self.open_vehicle, self.open_choice, self.open_route) = (None, None, None);
    }

    /// Takes in a vehicle of a recording, behind all that are there.
    pub(super) fn add_recorded(&mut self, mut vehicle: RawVehicle) {
        vehicle.order = self.order;
        self.order += 1;
        self.recorded_types.extend(vehicle.type_name.clone());
        self.vehicles.push(vehicle);
    }

    /// Takes in one element; says whether what lies in it is wanted.
    fn open(
        &mut self,
        element: &Element<'_>,
        program: &mut ProgramReader,
        settings: &ReadSettings,
        findings: &mut Findings,
    ) -> bool {
        match element.name {
            // The root's name differs between files and says nothing: routes, additional, add.
            "net" | "configuration" | "sumoConfiguration" if element.depth == 0 => {
                findings.problem(element.problem(format!("<{}> is no demand or additional file", element.name)));
                return false;
            }
            _ if element.depth == 0 => {}
            "vType" => {
                self.types.add_type(element, settings.impatience_after, findings);
                return false;
            }
            "vTypeDistribution" => self.types.open_distribution(element, findings),
            "route" => self.open_route(element, findings),
            "routeDistribution" => self.open_choice(element, findings),
            "vehicle" | "trip" | "flow" => return self.open_vehicle(element, settings, findings),
            "stop" => self.open_stop(element, findings),
            "busStop" | "trainStop" | "e1Detector" | "inductionLoop" | "e2Detector" | "laneAreaDetector" => {
                self.kerb.extend(read_kerb(element, findings));
                return false;
            }
            "tlLogic" | "phase" => program.open(element, findings),
            "param" => {
                program.open(element, findings);
                return false;
            }
            quiet if QUIET.contains(&quiet) => return false,
            other => {
                findings.unsupported(format!("<{other}>"), 1);
                return false;
            }
        }
        true
    }

    fn open_route(&mut self, element: &Element<'_>, findings: &mut Findings) {
        if let Some(reference) = element.get("refId") {
            let weight = element.number("probability", findings).unwrap_or(1.0);
            match self.open_choice {
                Some(choice) => {
                    self.choices[choice].members.push((ChoiceMember::Named(reference.to_string()), weight));
                }
                None => findings.problem(element.problem("'refId' of a route makes sense only among alternatives")),
            }
            return;
        }
        let Some(edges) = element.required("edges", findings) else { return };
        if element.get("repeat").is_some_and(|repeat| repeat.trim() != "0") {
            findings.unsupported("'repeat' of routes", 1);
        }
        let position = self.routes.len();
        self.routes.push(RawRoute { place: element.place(), edges: edges.into_owned(), stops: Vec::new() });
        self.open_route = Some(position);
        if let Some(choice) = self.open_choice {
            let weight = element.number("probability", findings).unwrap_or(1.0);
            self.choices[choice].members.push((ChoiceMember::Route(position), weight));
        } else if let Some(vehicle) = &mut self.open_vehicle {
            vehicle.way = RawWay::Own(position);
            return;
        }
        match element.get("id") {
            Some(name) if self.route_names.insert(name.to_string(), position).is_some() => {
                findings.problem(element.problem(format!("there are two routes '{name}'")));
            }
            None if self.open_choice.is_none() => findings.problem(element.problem("a route has no id")),
            _ => {}
        }
    }

    fn open_choice(&mut self, element: &Element<'_>, findings: &mut Findings) {
        let position = self.choices.len();
        let weights: Vec<f64> = element
            .get("probabilities")
            .unwrap_or("")
            .split_ascii_whitespace()
            .map(|weight| weight.parse().unwrap_or(f64::NAN))
            .collect();
        let names = element.get("routes").unwrap_or("").split_ascii_whitespace();
        let members = names
            .zip(weights.into_iter().chain(std::iter::repeat(1.0)))
            .map(|(name, weight)| (ChoiceMember::Named(name.to_string()), weight))
            .collect();
        self.choices.push(RawRouteChoice { place: element.place(), members });
        self.open_choice = Some(position);
        if let Some(vehicle) = &mut self.open_vehicle {
            vehicle.way = RawWay::OwnChoice(position);
        } else if let Some(name) = element.required("id", findings)
            && self.choice_names.insert(name.to_string(), position).is_some()
        {
            findings.problem(element.problem(format!("there are two choices of routes '{name}'")));
        }
    }

    fn open_vehicle(&mut self, element: &Element<'_>, settings: &ReadSettings, findings: &mut Findings) -> bool {
        let order = self.order;
        self.order += 1;
        let tag = match element.name {
            "flow" => "flow",
            "trip" => "trip",
            _ => "vehicle",
        };
        let Some(name) = element.required("id", findings) else { return false };
        let depart = if tag == "flow" {
            read_flow(element, settings, findings).map(RawDepart::Flow)
        } else {
            read_depart(element, findings).map(RawDepart::At)
        };
        let Some(depart) = depart else { return false };
        if let RawDepart::At(time) = &depart
            && !settings.is_due(*time)
        {
            self.not_due += 1;
            return false;
        }
        for attribute in ["fromTaz", "toTaz", "fromJunction", "toJunction", "viaJunctions", "fromXY", "fromLonLat"] {
            if element.get(attribute).is_some() {
                findings.unsupported(format!("<{tag}> with '{attribute}'"), 1);
                return false;
            }
        }
        let (lane, position, speed) = read_start(element, settings, findings);
        self.open_vehicle = Some(RawVehicle {
            place: element.place(),
            order,
            tag,
            name: name.into_owned(),
            type_name: element.get("type").map(|name| name.trim().to_string()),
            depart,
            lane,
            position,
            speed,
            arrival: read_arrival(element, findings),
            arrival_speed: match element.get("arrivalSpeed") {
                None | Some("current") => ArrivalSpeed::Current,
                Some(_) => element
                    .number("arrivalSpeed", findings)
                    .map_or(ArrivalSpeed::Current, |speed| ArrivalSpeed::At(Speed::metres_per_second(speed.max(0.0)))),
            },
            line: element.get("line").filter(|line| !line.is_empty()).map(str::to_string),
            way: read_way(element),
            stops: Vec::new(),
        });
        true
    }

    fn open_stop(&mut self, element: &Element<'_>, findings: &mut Findings) {
        let target = match (self.open_route, &mut self.open_vehicle) {
            (Some(route), _) => &mut self.routes[route].stops,
            (None, Some(vehicle)) => &mut vehicle.stops,
            (None, None) => {
                findings.problem(element.problem("a stop belongs to no vehicle and no route"));
                return;
            }
        };
        target.extend(read_stop(element, findings));
    }
}

fn read_way(element: &Element<'_>) -> RawWay {
    let words = |name: &str| {
        element
            .get(name)
            .unwrap_or("")
            .split([' ', ',', '\t', '\n'])
            .filter(|word| !word.is_empty())
            .map(str::to_string)
    };
    match (element.get("route"), element.get("from"), element.get("to")) {
        (Some(route), _, _) => RawWay::Named(route.trim().to_string()),
        (None, Some(from), Some(to)) => {
            RawWay::Ends { from: from.trim().to_string(), via: words("via").collect(), to: to.trim().to_string() }
        }
        _ => RawWay::Missing,
    }
}

fn read_stop(element: &Element<'_>, findings: &mut Findings) -> Option<RawStop> {
    for attribute in ["parkingArea", "chargingStation", "containerStop", "overheadWireSegment", "edge"] {
        if element.get(attribute).is_some() {
            findings.unsupported(format!("stops with '{attribute}'"), 1);
            return None;
        }
    }
    for attribute in ["triggered", "containerTriggered", "speed", "jump", "split", "join", "onDemand", "extension"] {
        if element.get(attribute).is_some_and(|value| !matches!(value, "false" | "0" | "")) {
            findings.unsupported(format!("'{attribute}' of stops"), 1);
        }
    }
    let duration = element.time("duration", findings).map(|time| time - SimTime::ZERO);
    let until = element.time("until", findings);
    let (bus_stop, lane) = (element.get("busStop").or(element.get("trainStop")), element.get("lane"));
    if bus_stop.is_none() && lane.is_none() {
        findings.problem(element.problem("a stop names neither a bus stop nor a lane"));
        return None;
    }
    if duration.is_none() && until.is_none() {
        findings.problem(element.problem("a stop has neither a duration nor a time until which it lasts"));
        return None;
    }
    let index = match element.get("index") {
        None | Some("end") => StopIndex::End,
        Some("fit") => StopIndex::Fit,
        Some(_) => StopIndex::At(element.whole("index", findings)? as usize),
    };
    Some(RawStop {
        place: element.place(),
        bus_stop: bus_stop.map(str::to_string),
        lane: lane.map(str::to_string),
        start: element.number("startPos", findings),
        end: element.number("endPos", findings),
        friendly: element.flag("friendlyPos", findings).unwrap_or(false),
        duration,
        until,
        parking: match element.get("parking") {
            Some("opportunistic") => true,
            _ => element.flag("parking", findings).unwrap_or(false),
        },
        index,
    })
}

fn read_kerb(element: &Element<'_>, findings: &mut Findings) -> Option<RawKerb> {
    let name = element.required("id", findings)?.into_owned();
    let tag = match element.name {
        "busStop" | "trainStop" => "bus stop",
        "e1Detector" | "inductionLoop" => "loop",
        _ => "lane area detector",
    };
    let lanes = element.get("lane").or(element.get("lanes")).unwrap_or("");
    let lanes: Vec<String> = lanes.split_ascii_whitespace().map(str::to_string).collect();
    if lanes.is_empty() {
        findings.problem(element.problem(format!("{tag} '{name}' names no lane")));
        return None;
    }
    let period = if element.get("period").is_some() { "period" } else { "freq" };
    let start = if tag == "bus stop" { "startPos" } else { "pos" };
    Some(RawKerb {
        place: element.place(),
        tag,
        name,
        lanes,
        start: element.number(start, findings),
        end: element.number("endPos", findings),
        length: element.number("length", findings),
        friendly: element.flag("friendlyPos", findings).unwrap_or(false),
        // Without a period a detector reports once, at the end of the run.
        period: element.time(period, findings).map_or(SimTime::MAX - SimTime::ZERO, |time| time - SimTime::ZERO),
    })
}
