//! Vehicles seen second by second (`<fcd-export>`): everybody becomes a trip over the roads it was seen on.
//!
//! Lanes are named in the file, so nothing is guessed of where a vehicle was. Roads too short to be seen on are filled in by the fastest way
//! between the neighbours. The last that is seen of a vehicle is its last place; it is taken to end its trip half a step further on, at the
//! road's end if that lies within a step.

use std::collections::BTreeMap;

use crate::city::demand::model::{ArrivalSpeed, DepartLane, DepartPosition, DepartSpeed};
use crate::city::network::Network;
use crate::city::network::xml::{Element, Item, Source, walk};
use crate::primitives::ids::{EdgeId, LaneId};
use crate::primitives::text::{Findings, Problem};
use crate::primitives::{Distance, SimTime, Speed};

use super::super::ReadSettings;
use super::super::kerb::suggest_lane;
use super::super::rows::{RawArrival, RawDepart, RawVehicle, RawWay, Rows};
use super::{AT_REST, arrival, is_root};

/// The most vehicles of a file.
const VEHICLES_MAX: usize = 2_000_000;
/// The most paths over a junction that follow on one another.
const PATHS_MAX: usize = 8;

/// What was seen of a vehicle.
#[derive(Debug)]
struct Track {
    name: String,
    kind: Option<String>,
    place: crate::primitives::text::Place,
    begun: SimTime,
    /// Where it was first seen on a road [m], and how fast [m/s].
    first: (f64, f64),
    edges: Vec<EdgeId>,
    /// Where it is, how far along [m], how fast [m/s], and when.
    lane: LaneId,
    position: f64,
    speed: f64,
    seen: SimTime,
    /// Whether it left its last road for a path over a junction.
    between: bool,
}

/// Adds the vehicles of a file to the rows of demand.
pub(super) fn gather(
    source: &Source,
    network: &Network,
    settings: &ReadSettings,
    rows: &mut Rows,
    findings: &mut Findings,
) {
    let mut film = Film { network, tracks: Vec::new(), by_name: BTreeMap::new(), times: None, first: None, step: 0.0 };
    walk(source, findings, |item, findings| match item {
        Item::Open(element) => film.open(element, findings),
        Item::Close(_) => true,
    });
    film.finish(settings, rows, findings);
}

struct Film<'n> {
    network: &'n Network,
    tracks: Vec<Track>,
    by_name: BTreeMap<String, usize>,
    /// The time that is read.
    times: Option<SimTime>,
    first: Option<SimTime>,
    /// Between the last two times [s].
    step: f64,
}

impl Film<'_> {
    fn open(&mut self, element: &Element<'_>, findings: &mut Findings) -> bool {
        match element.name {
            _ if element.depth == 0 => return is_root(element, "fcd-export", findings),
            "timestep" => {
                let Some(time) = element.required("time", findings).and_then(|_| element.time("time", findings)) else {
                    return false;
                };
                if let Some(before) = self.times {
                    if time <= before {
                        let message = format!("the time goes back from {before} to {time}");
                        findings.problem(element.problem(message).help("times rise from one to the next"));
                        return false;
                    }
                    self.step = (time - before).as_seconds();
                }
                self.first.get_or_insert(time);
                self.times = Some(time);
            }
            "vehicle" => self.vehicle(element, findings),
            other => findings.unsupported(format!("<{other}> of floating car data"), 1),
        }
        element.name == "timestep"
    }

    fn vehicle(&mut self, element: &Element<'_>, findings: &mut Findings) {
        let Some(time) = self.times else {
            return findings.problem(element.problem("a vehicle outside of any time step"));
        };
        let Some(name) = element.required("id", findings) else { return };
        let Some(lane_name) = element.get("lane") else {
            let problem = element.problem(format!("vehicle '{name}' is on no lane"));
            return findings.problem(problem.help("write floating car data with the attributes `lane` and `pos`"));
        };
        let at = self.by_name.get(name.as_ref()).copied();
        let known = at.map(|at| &self.tracks[at]).map(|track| track.lane);
        let same = known.filter(|lane| self.network.lane_name(*lane) == lane_name);
        let Some(lane) = same.or_else(|| self.network.find_lane(lane_name)) else {
            let message = format!("vehicle '{name}' is on an unknown lane '{lane_name}'");
            return findings.problem(suggest_lane(element.problem(message), lane_name, self.network));
        };
        let position = element.number("pos", findings).unwrap_or(0.0);
        let speed = element.number("speed", findings).unwrap_or(0.0);
        let at = match at {
            Some(at) => at,
            None if self.tracks.len() >= VEHICLES_MAX => {
                return findings.problem(element.problem(format!("there are more than {VEHICLES_MAX} vehicles")));
            }
            None => {
                self.tracks.push(Track {
                    name: name.to_string(),
                    kind: element.get("type").filter(|kind| !kind.is_empty()).map(str::to_owned),
                    place: element.place(),
                    begun: time,
                    first: (position, speed),
                    edges: Vec::new(),
                    lane,
                    position,
                    speed,
                    seen: time,
                    between: false,
                });
                self.by_name.insert(name.into_owned(), self.tracks.len() - 1);
                self.tracks.len() - 1
            }
        };
        let edge = self.network.lane(lane).edge;
        let track = &mut self.tracks[at];
        (track.lane, track.position, track.speed, track.seen) = (lane, position, speed, time);
        if self.network.edge(edge).is_internal() {
            track.between = true;
            return;
        }
        if track.edges.is_empty() && track.between {
            // First seen on a junction: it begins where the road does.
            track.first = (0.0, speed);
        }
        if track.edges.last() != Some(&edge) || track.between {
            track.edges.push(edge);
        }
        track.between = false;
    }

    /// The road behind the path over a junction that a vehicle was last seen on.
    fn behind(&self, lane: LaneId) -> Option<EdgeId> {
        let mut lane = lane;
        for _ in 0..PATHS_MAX {
            let link = self.network.lane(lane).link_ids().next()?;
            lane = self.network.lane_after(link);
            let edge = self.network.lane(lane).edge;
            if !self.network.edge(edge).is_internal() {
                return Some(edge);
            }
        }
        None
    }

    fn finish(mut self, settings: &ReadSettings, rows: &mut Rows, findings: &mut Findings) {
        let (Some(first), Some(last)) = (self.first, self.times) else { return };
        for mut track in std::mem::take(&mut self.tracks) {
            if !settings.is_due(track.begun) {
                rows.not_due += 1;
                continue;
            }
            let cut = track.seen == last;
            let mut goal = RawArrival::End;
            if track.between {
                track.edges.extend(self.behind(track.lane));
            } else if !cut {
                let lane = self.network.lane(track.lane);
                let far = track.position + track.speed * self.step;
                if far < lane.length.as_metres() {
                    goal = arrival(f64::midpoint(track.position, far), lane.length);
                }
            }
            let still = track.edges.len() == 1 && (track.position - track.first.0).abs() < AT_REST;
            if track.edges.is_empty() || (still && !cut) {
                findings.unsupported("vehicles seen at one place only", 1);
                continue;
            }
            if cut {
                findings.unsupported("rests of trips beyond the end of the recording", 1);
            }
            if track.begun == first && track.first.1 >= AT_REST {
                findings.unsupported("parts of trips before the recording begins", 1);
            }
            let length = self.network.edge(track.edges[0]).length.as_metres();
            rows.add_recorded(RawVehicle {
                place: track.place,
                order: 0,
                tag: "vehicle",
                name: track.name,
                type_name: track.kind,
                depart: RawDepart::At(track.begun),
                lane: DepartLane::Best,
                position: DepartPosition::At(Distance::metres(track.first.0.clamp(0.0, length))),
                speed: if track.first.1 < AT_REST { DepartSpeed::At(Speed::ZERO) } else { DepartSpeed::Max },
                arrival: goal,
                arrival_speed: ArrivalSpeed::Current,
                line: None,
                way: RawWay::Seen(track.edges),
                stops: Vec::new(),
            });
        }
    }
}

/// A problem with a vehicle that cannot have driven as it was seen.
pub(in crate::city::demand::sumo) fn no_way(
    raw: &RawVehicle,
    network: &Network,
    (from, to): (EdgeId, EdgeId),
) -> Problem {
    let name = |edge: EdgeId| network.edge(edge).name.as_str();
    let message = format!(
        "{} '{}' was seen on '{}' and then on '{}', and there is no way from one to the other",
        raw.tag,
        raw.name,
        name(from),
        name(to)
    );
    Problem::new(raw.place.clone(), message).help(
        "is the recording of this network, and does a file under `sumo-additional` describe the types of vehicles?",
    )
}
