//! Vehicles: rows become vehicles with a type, a route and halts, in the order of departure.

use std::collections::BTreeSet;

use crate::city::network::xml::suggest;
use crate::primitives::ids::{EdgeId, KindId, RouteId};
use crate::primitives::random::Purpose;
use crate::primitives::text::{Findings, Problem};
use crate::primitives::{Distance, SimDuration, SimTime};

use super::super::model::{Demand, DepartLane, Departure, RouteChoice, Stop, Vehicle};
use super::ReadSettings;
use super::kerb::suggest_lane;
use super::routes::{Routes, Unsound, draw_weighted};
use super::rows::{RawArrival, RawDepart, RawStop, RawVehicle, RawWay, Rows, StopIndex};
use super::types::{DEFAULT_TYPE, Meaning};

/// Least length of a place to stop [m]: twice SUMO's `POSITION_EPS`.
const PLACE_MIN: f64 = 0.2;

/// Makes vehicles of the rows; also says how many were not due.
pub(super) fn resolve(
    rows: &Rows,
    routes: &mut Routes<'_>,
    demand: &Demand,
    settings: &ReadSettings,
    findings: &mut Findings,
) -> (Vec<Vehicle>, usize) {
    let mut reader = Reader { rows, demand, settings, names: BTreeSet::new(), made: Vec::new(), not_due: rows.not_due };
    for raw in &rows.vehicles {
        reader.row(raw, routes, findings);
    }
    let mut made = reader.made;
    made.sort_by_key(|vehicle| vehicle.departure.time);
    (made, reader.not_due)
}

struct Reader<'r> {
    rows: &'r Rows,
    demand: &'r Demand,
    settings: &'r ReadSettings,
    names: BTreeSet<String>,
    made: Vec<Vehicle>,
    not_due: usize,
}

impl Reader<'_> {
    fn row(&mut self, raw: &RawVehicle, routes: &mut Routes<'_>, findings: &mut Findings) {
        let type_name = raw.type_name.as_deref().unwrap_or(DEFAULT_TYPE);
        let Some(meaning) = self.rows.types.meaning(type_name) else {
            let message = format!("{} '{}' has an unknown type '{type_name}'", raw.tag, raw.name);
            let problem = Problem::new(raw.place.clone(), message);
            findings.problem(suggest(problem, type_name, self.rows.types.names()));
            return;
        };
        let departures = match &raw.depart {
            RawDepart::At(time) => vec![*time],
            RawDepart::Flow(flow) => flow.departures(self.settings.seed, raw.order, self.settings.end, findings),
        };
        let mut left_out = BTreeSet::new();
        for (&time, number) in departures.iter().zip(0_u64..) {
            if !self.settings.is_due(time) {
                self.not_due += 1;
                continue;
            }
            let Some(kind) = self.choose(meaning, raw.order, number) else { return };
            let class = self.rows.types.kind(kind).class;
            if !class.is_moved() {
                if left_out.insert(class) {
                    findings.unsupported(format!("<{}> of class {class}", raw.tag), 1);
                }
                continue;
            }
            if let Some(vehicle) = self.vehicle(raw, time, number, kind, routes, findings) {
                self.made.push(vehicle);
            } else if !self.settings.ignore_route_errors {
                // The others of a flow would only say the same again.
                return;
            }
        }
    }

    /// Rows that name only their ends leave the way to the traffic at departure, as SUMO's trips do.
    fn choice(raw: &RawVehicle, routes: &Routes<'_>) -> RouteChoice {
        match &raw.way {
            RawWay::Ends { via, .. } => RouteChoice::FastestAtDeparture {
                via: via.iter().filter_map(|name| routes.network().find_edge(name)).collect(),
            },
            _ => RouteChoice::Fixed,
        }
    }

    fn choose(&self, meaning: &Meaning, order: u64, number: u64) -> Option<KindId> {
        match meaning {
            Meaning::Kind(kind) => Some(*kind),
            Meaning::Choice(members) => {
                let weights: Vec<f64> = members.iter().map(|(_, weight)| *weight).collect();
                let draw = self.settings.seed.stream(Purpose::TypeChoice, order, number).unit();
                draw_weighted(&weights, draw).map(|member| members[member].0)
            }
        }
    }

    fn vehicle(
        &mut self,
        raw: &RawVehicle,
        time: SimTime,
        number: u64,
        kind: KindId,
        routes: &mut Routes<'_>,
        findings: &mut Findings,
    ) -> Option<Vehicle> {
        let (name, since) = match &raw.depart {
            RawDepart::At(_) => (raw.name.clone(), SimDuration::ZERO),
            RawDepart::Flow(flow) => (format!("{}.{number}", raw.name), time - flow.begin),
        };
        let (route, route_row) = match routes.resolve(raw, self.rows.types.kind(kind), self.settings.seed, number) {
            Ok(found) => found,
            Err(_) if self.settings.ignore_route_errors => {
                findings.unsupported("vehicles without a sound route (ignore-route-errors)", 1);
                return None;
            }
            Err(Unsound::New(problem)) => {
                findings.problem(problem);
                return None;
            }
            Err(Unsound::Told) => return None,
        };
        if !self.names.insert(name.clone()) {
            findings.problem(Problem::new(raw.place.clone(), format!("there are two vehicles '{name}'")));
            return None;
        }
        let edges = routes.edges(route);
        let mut halts = Halts { reader: self, routes, route, kind, found: Vec::new() };
        // Times of a route's own halts count from departure, those of a flow from its begin.
        let of_route = route_row.map_or(&[][..], |row| &self.rows.routes[row].stops);
        for stop in of_route {
            halts.add(stop, time - SimTime::ZERO, raw, findings)?;
        }
        for stop in &raw.stops {
            halts.add(stop, since, raw, findings)?;
        }
        let stops = halts.found.into_iter().map(|(_, stop)| stop).collect();
        let network = routes.network();
        let lanes = network.edge(edges[0]).lane_count();
        if let DepartLane::Index(index) = raw.lane
            && index as usize >= lanes
        {
            let edge = &network.edge(edges[0]).name;
            let message = format!("vehicle '{name}' departs on lane {index} of '{edge}', which has {lanes}");
            findings.problem(Problem::new(raw.place.clone(), message).help("lanes count from 0"));
            return None;
        }
        let length = network.edge(edges[edges.len() - 1]).length.as_metres();
        Some(Vehicle {
            name,
            kind,
            route,
            choice: Self::choice(raw, routes),
            departure: Departure { time, lane: raw.lane, position: raw.position, speed: raw.speed },
            arrival_position: match raw.arrival {
                RawArrival::End => None,
                RawArrival::Centre => Some(Distance::metres(length / 2.0)),
                RawArrival::At(at) => {
                    Some(Distance::metres(if at < 0.0 { at + length } else { at }.clamp(0.0, length)))
                }
            },
            arrival_speed: raw.arrival_speed,
            stops,
            line: raw.line.clone(),
        })
    }
}

/// The halts of one vehicle, each with the position of its edge on the route.
struct Halts<'r, 'n> {
    reader: &'r Reader<'r>,
    routes: &'r Routes<'n>,
    route: RouteId,
    kind: KindId,
    found: Vec<(usize, Stop)>,
}

impl Halts<'_, '_> {
    /// Adds a halt where it belongs; none where it is impossible.
    fn add(&mut self, raw: &RawStop, shift: SimDuration, of: &RawVehicle, findings: &mut Findings) -> Option<()> {
        match self.resolve(raw, shift) {
            Ok((at, step, stop)) => {
                self.found.insert(at, (step, stop));
                Some(())
            }
            Err(message) => {
                let problem = Problem::new(raw.place.clone(), format!("{} '{}' {message}", of.tag, of.name));
                let network = self.routes.network();
                findings.problem(match (&raw.lane, &raw.bus_stop) {
                    (Some(lane), _) if network.find_lane(lane).is_none() => suggest_lane(problem, lane, network),
                    (_, Some(name)) => {
                        let names = &self.reader.demand.bus_stop_by_name;
                        let names = names.keys().filter(|_| !names.contains_key(name));
                        suggest(problem, name, names.map(String::as_str))
                    }
                    _ => problem,
                });
                None
            }
        }
    }

    /// The halt, where on the route it is, and its place among the others.
    fn resolve(&self, raw: &RawStop, shift: SimDuration) -> Result<(usize, usize, Stop), String> {
        let network = self.routes.network();
        let (lane, start, end, at) = if let Some(name) = &raw.bus_stop {
            let demand = self.reader.demand;
            let id =
                demand.bus_stop_by_name.get(name).ok_or_else(|| format!("halts at an unknown bus stop '{name}'"))?;
            let stop = &demand.bus_stops[id.index()];
            (stop.lane, stop.start, stop.end, Some(*id))
        } else {
            let name = raw.lane.as_deref().unwrap_or("");
            let lane = network.find_lane(name).ok_or_else(|| format!("halts on an unknown lane '{name}'"))?;
            let length = network.lane(lane).length.as_metres();
            let from_end = |given: f64| if given < 0.0 { given + length } else { given };
            let end = raw.end.map_or(length, from_end);
            let start = raw.start.map_or((end - PLACE_MIN).max(0.0), from_end);
            let sound = 0.0 <= start && start <= end && end <= length;
            if !sound && !raw.friendly {
                return Err(format!("halts from {start} m to {end} m on lane '{name}', which is {length} m long"));
            }
            let end = end.clamp(0.0, length);
            (lane, Distance::metres(start.clamp(0.0, end)), Distance::metres(end), None)
        };
        let class = self.reader.rows.types.kind(self.kind).class;
        if !network.lane(lane).allowed.contains(class) {
            return Err(format!("halts on lane '{}', closed to class {class}", network.lane_name(lane)));
        }
        let stop = Stop {
            lane,
            position: end,
            start,
            at,
            duration: raw.duration.unwrap_or(SimDuration::ZERO).max(SimDuration::ZERO),
            until: raw.until.map(|until| until + shift),
            parking: raw.parking,
        };
        let (position, step) = self.place(raw.index, network.lane(lane).edge, end).ok_or_else(|| {
            format!("halts on lane '{}', which its route does not pass then", network.lane_name(lane))
        })?;
        Ok((position, step, stop))
    }

    /// The place among the halts and the step on the route for a halt on `edge`.
    fn place(&self, index: StopIndex, edge: EdgeId, at: Distance) -> Option<(usize, usize)> {
        let edges = self.routes.edges(self.route);
        let behind = |previous: Option<&(usize, Stop)>| {
            let (first, from) = previous.map_or((0, Distance::metres(-1.0)), |(step, stop)| (*step, stop.position));
            let fits = |&(step, one): &(usize, &EdgeId)| *one == edge && (step > first || at >= from);
            edges.iter().enumerate().skip(first).find(fits).map(|(step, _)| step)
        };
        match index {
            StopIndex::End => Some((self.found.len(), behind(self.found.last())?)),
            StopIndex::At(position) => {
                let position = position.min(self.found.len());
                Some((position, behind(position.checked_sub(1).and_then(|before| self.found.get(before)))?))
            }
            StopIndex::Fit => {
                let step = behind(None)?;
                let key = |(other, stop): &(usize, Stop)| (*other, stop.position.as_metres()) <= (step, at.as_metres());
                Some((self.found.partition_point(key), step))
            }
        }
    }
}
