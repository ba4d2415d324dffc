//! Rules that change at their hour: what a plan says is laid over the road, and everybody whom it concerns hears of it at once.
//!
//! Does nothing at all in a city without a plan. Which changes have been made follows from the time, so that a saved state needs no
//! word of it.

#![expect(clippy::needless_pass_by_value, reason = "systems take their parameters by value")]

use std::collections::BTreeMap;
use std::sync::Arc;

use bevy_ecs::prelude::*;

use super::actors::vehicle::way_round;
use super::actors::{Percept, Wayfinding};
use super::step::{Clockwork, Gate};
use super::traffic::road::Road;
use super::traffic::travel_time::TravelTimes;
use crate::city::intervention::{Advice, AdviceTimes, Plan};
use crate::city::network::Network;
use crate::city::network::rules::LaneRule;
use crate::city::routing::{Delays, Journey, Router};
use crate::primitives::ids::EdgeId;
use crate::primitives::random::Purpose;
use crate::primitives::{ClassSet, SimDuration, SimTime, Speed, VehicleClass};

/// A plan and how far it has been carried out.
#[derive(Resource, Debug, Clone)]
pub(crate) struct Changes {
    plan: Arc<Plan>,
    /// The network as it was built.
    network: Arc<Network>,
    /// The next change to make.
    next: usize,
    /// Ways for those who have business on roads that are closed to others; none while there are no such roads.
    residents: Option<Arc<Router>>,
    /// Who pays what in time on which path over a junction [s].
    tolls: BTreeMap<usize, (ClassSet, f64)>,
    advice: Option<Advice>,
    /// The delays that advice by predictions expects.
    forecast: Option<Arc<Delays>>,
}

impl Changes {
    /// The same as after the last step before `now`; and whether the rules are others than they were in this one.
    pub(crate) fn as_of(&self, now: SimTime, step: SimDuration) -> (Self, bool) {
        let next = self.plan.changes.partition_point(|change| change.at + step <= now);
        let others = next != self.next;
        let mut changes = Self { next, ..self.clone() };
        if others {
            changes.find_residents();
            changes.ask_drivers();
        }
        (changes, others)
    }

    /// Looks anew whether there are roads for residents only.
    fn find_residents(&mut self) {
        let rules = self.rules();
        let any = rules.iter().any(|rule| !rule.access.is_empty());
        self.residents = any.then(|| Arc::new(Router::new(&self.network.with_access(&rules))));
    }

    /// All rules laid down so far, later ones after earlier ones.
    fn rules(&self) -> Vec<LaneRule> {
        self.plan.changes[..self.next].iter().flat_map(|change| change.lanes.iter().copied()).collect()
    }

    /// The rules that hold, where they are others than those the network was built with.
    pub(crate) fn lay_over(&self, road: &mut Road) {
        let mut facts = super::traffic::facts::RoadFacts::new(&self.network);
        for change in self.plan.changes[..self.next].iter().filter(|change| !change.lanes.is_empty()) {
            facts.set_rules(&change.lanes);
        }
        road.facts = Arc::new(facts);
    }

    /// A way on from `committed` for somebody who has business on roads that are closed to others: whose trip begins or ends there.
    fn way_home(
        &self,
        ways: &Wayfinding,
        road: &Road,
        kind: u32,
        committed: &[u32],
        route: &[u32],
    ) -> Option<Vec<u32>> {
        let residents = self.residents.as_ref()?;
        let class = road.kinds[kind as usize].class;
        let (&first, &last, &from) = (route.first()?, route.last()?, committed.last()?);
        if !road.facts.has_access(class, first) && !road.facts.has_access(class, last) {
            return None;
        }
        let speed_max = road.kinds[kind as usize].speed_max;
        let factor = |edge: EdgeId| ways.times.factor(edge.index(), speed_max, 1.0);
        let (from, to) = (EdgeId::new(from as usize), EdgeId::new(last as usize));
        let way = residents.shortest_in_traffic(from, to, class, Speed::metres_per_second(speed_max), factor)?;
        let way: Vec<u32> = way.iter().map(|edge| edge.raw()).collect();
        Some([&committed[..committed.len() - 1], way.as_slice()].concat())
    }

    /// How many times longer than at free speed a path over a junction seems to a class for what is paid there, on top of 1.
    pub(crate) fn toll(&self, road: &Road, edge: usize, class: VehicleClass, speed_max: f64) -> f64 {
        let Some(&(classes, seconds)) = self.tolls.get(&edge) else { return 0.0 };
        if !classes.contains(class) {
            return 0.0;
        }
        let lane = road.facts.lane(road.facts.edges[edge].0);
        seconds * lane.speed.min(speed_max) / lane.length.max(0.1)
    }

    /// What drivers pay and are told since the last change.
    fn ask_drivers(&mut self) {
        let last = self.next.checked_sub(1).map(|last| &self.plan.changes[last]);
        let tolls = last.into_iter().flat_map(|change| &change.tolls);
        let mut paid: BTreeMap<usize, (ClassSet, f64)> = BTreeMap::new();
        for toll in tolls {
            // Two charges on one path add up for whoever pays both; they are rarely for different classes.
            let cell = paid.entry(toll.path.index()).or_insert((toll.classes, 0.0));
            *cell = (cell.0.union(toll.classes), cell.1 + toll.seconds);
        }
        self.advice = last.and_then(|change| change.advice);
        self.tolls = paid;
    }

    /// A router that knows the rules that hold.
    pub(crate) fn router(&self) -> Router {
        Router::new(&self.network.with_rules(&self.rules()))
    }
}

/// Gives a city that has not taken a step yet a plan to follow.
pub(crate) fn bring(world: &mut World, network: &Arc<Network>, plan: &Arc<Plan>) {
    if plan.is_empty() {
        return;
    }
    if world.get_resource::<Wayfinding>().is_none() {
        let times = TravelTimes::new(&world.resource::<Percept>().road.facts);
        world.insert_resource(Wayfinding { router: Arc::new(Router::new(network)), times });
    }
    world.insert_resource(Changes {
        plan: Arc::clone(plan),
        network: Arc::clone(network),
        next: 0,
        residents: None,
        tolls: BTreeMap::new(),
        advice: None,
        forecast: None,
    });
}

/// Tells those who give advice by predictions what to expect.
pub(crate) fn foretell(world: &mut World, forecast: &Arc<Delays>) {
    if let Some(mut changes) = world.get_resource_mut::<Changes>() {
        changes.forecast = Some(Arc::clone(forecast));
    }
}

/// Whether there is a plan.
pub(crate) fn with_changes(changes: Option<Res<'_, Changes>>) -> bool {
    changes.is_some()
}

/// Makes the changes that are due.
pub(crate) fn change(
    changes: Option<ResMut<'_, Changes>>,
    ways: Option<ResMut<'_, Wayfinding>>,
    mut percept: ResMut<'_, Percept>,
    mut gate: ResMut<'_, Gate>,
) {
    let (Some(mut changes), Some(mut ways)) = (changes, ways) else { return };
    let now = percept.now;
    let due = changes.plan.changes[changes.next..].iter().take_while(|change| change.at <= now).count();
    if due == 0 {
        return;
    }
    let road = &mut percept.road;
    let plan = Arc::clone(&changes.plan);
    let lanes = plan.changes[changes.next..changes.next + due].iter().map(|change| &change.lanes);
    let lanes: Vec<_> = lanes.filter(|lanes| !lanes.is_empty()).collect();
    changes.next += due;
    changes.ask_drivers();
    if lanes.is_empty() {
        return;
    }
    for lanes in lanes {
        road.set_rules(lanes);
    }
    changes.find_residents();
    ways.router = Arc::new(changes.router());
    ways.times.set_limits(&road.facts);
    tell_drivers(&changes, &ways, road);
    tell_those_who_wait(&changes, &ways, road, &mut gate);
    for body in &gate.lifted {
        let ahead = &road.guides.edges(body.itinerary)[body.leg as usize..];
        if !road.facts.is_passable(road.kind(body).class, ahead) {
            road.exempt(body.id);
        }
    }
}

/// Drivers who follow advice look for the fastest way whenever it is their turn, and take it where it is another one.
pub(crate) fn advise(
    changes: Option<Res<'_, Changes>>,
    ways: Option<Res<'_, Wayfinding>>,
    clockwork: Res<'_, Clockwork>,
    gate: Res<'_, Gate>,
    mut percept: ResMut<'_, Percept>,
) {
    let (Some(changes), Some(ways)) = (changes, ways) else { return };
    let Some(advice) = changes.advice else { return };
    let turns = (advice.every.as_milliseconds() / clockwork.step.as_milliseconds().max(1)).max(1).unsigned_abs();
    let now = percept.now;
    let road = &mut percept.road;
    let turn = |body: &u32| u64::from(*body) % turns == clockwork.number % turns;
    let follows = |body: &u32| clockwork.seed.stream(Purpose::Advice, u64::from(*body), 0).unit() < advice.share;
    let on_lanes = road.active.iter().flat_map(|&lane| &road.lanes[lane as usize]);
    let mut asked: Vec<u32> = on_lanes
        .filter(|body| !road.is_block(body) && !road.is_on_call(body.id))
        .map(|body| body.id)
        .filter(turn)
        .filter(follows)
        .collect();
    asked.sort_unstable();
    for vehicle in asked {
        let Some(at) = road.find(vehicle).filter(|_| road.guides.stops(vehicle).is_empty()) else { continue };
        let committed = road.committed(vehicle, &at);
        let ahead = &road.guides.edges(road.guides.of_vehicle(vehicle))[at.leg as usize..];
        let kind = &road.kinds[at.kind as usize];
        let (Some(&from), Some(&to)) = (committed.last(), ahead.last()) else { continue };
        let (class, speed_max, eager) = (kind.class, kind.speed_max, gate.speed_factor(vehicle));
        let factor = |edge: EdgeId| {
            ways.times.factor(edge.index(), speed_max, eager) + changes.toll(road, edge.index(), class, speed_max)
        };
        let (from, to) = (EdgeId::new(from as usize), EdgeId::new(to as usize));
        let speed = Speed::metres_per_second(speed_max);
        let found = match (advice.times, &changes.forecast) {
            (AdviceTimes::Predicted { .. }, Some(forecast)) => {
                let journey = Journey { from, via: &[], to, class, speed_max: speed, departs: now };
                let charge = |edge: EdgeId| {
                    changes
                        .tolls
                        .get(&edge.index())
                        .filter(|(payers, _)| payers.contains(class))
                        .map_or(0.0, |toll| toll.1)
                };
                ways.router.fastest_by_departure(&journey, forecast, charge)
            }
            _ => ways.router.shortest_in_traffic(from, to, class, speed, factor),
        };
        let Some(found) = found else { continue };
        let found: Vec<u32> = found.iter().map(|edge| edge.raw()).collect();
        let way = [&committed[..committed.len() - 1], found.as_slice()].concat();
        let open = !way.iter().any(|&edge| road.is_closed(class, edge));
        if way != ahead && open {
            road.divert(vehicle, way);
        }
    }
}

/// Everybody on the road whose way is closed takes another one, or is exempt.
fn tell_drivers(changes: &Changes, ways: &Wayfinding, road: &mut Road) {
    let mut concerned: Vec<u32> = Vec::new();
    let beside = road.rescue.iter().map(|passing| &passing.body);
    for body in road.active.iter().flat_map(|&lane| &road.lanes[lane as usize]).chain(beside) {
        let ahead = &road.guides.edges(body.itinerary)[body.leg as usize..];
        if !road.is_block(body) && !road.facts.is_passable(road.kind(body).class, ahead) {
            concerned.push(body.id);
        }
    }
    concerned.sort_unstable();
    for vehicle in concerned {
        let Some(at) = road.find(vehicle) else { continue };
        let route = road.guides.edges(road.guides.of_vehicle(vehicle));
        let free = road.guides.stops(vehicle).is_empty() && !road.is_on_call(vehicle);
        let ahead = &route[at.leg as usize..];
        let committed = road.committed(vehicle, &at);
        if let Some(way) = changes.way_home(ways, road, at.kind, &committed, ahead).filter(|_| free) {
            road.divert(vehicle, way);
            road.exempt(vehicle);
        } else if let Some(way) = way_round(ways, road, at.kind, &committed, ahead).filter(|_| free) {
            road.divert(vehicle, way);
        } else {
            road.exempt(vehicle);
        }
    }
}

/// Those who wait for room to enter look again whether their way is open.
fn tell_those_who_wait(changes: &Changes, ways: &Wayfinding, road: &mut Road, gate: &mut Gate) {
    let waiting: Vec<u32> = gate.queues.iter().filter(|&vehicle| !road.is_on_call(vehicle)).collect();
    for vehicle in waiting {
        let before = road.guides.edges(road.guides.of_vehicle(vehicle))[0];
        if !set_out(changes, ways, road, gate, vehicle) {
            continue;
        }
        let edge = road.guides.edges(road.guides.of_vehicle(vehicle))[0];
        if edge != before {
            gate.queues.remove(before, vehicle);
            gate.queues.push(edge, vehicle);
        }
    }
}

/// Puts a vehicle that has not entered yet on an open way where its own is closed: from the first open road of its route to the last.
/// Where there is none it is exempt. Tells whether its own was closed.
pub(crate) fn set_out(changes: &Changes, ways: &Wayfinding, road: &mut Road, gate: &Gate, vehicle: u32) -> bool {
    if !road.facts.amended {
        return false;
    }
    let row = &gate.demand.vehicles[vehicle as usize];
    let class = gate.demand.kind(row.kind).class;
    let route = road.guides.edges(road.guides.of_vehicle(vehicle));
    if road.facts.is_passable(class, route) {
        return false;
    }
    if row.stops.is_empty()
        && let Some(way) = changes.way_home(ways, road, row.kind.raw(), &route[..1], route)
    {
        road.guides.reroute(&road.facts, vehicle, way, class);
        road.exempt(vehicle);
        return true;
    }
    let first = route.iter().position(|&edge| !road.is_closed(class, edge)).filter(|_| row.stops.is_empty());
    let way = first.and_then(|first| way_round(ways, road, row.kind.raw(), &route[first..=first], &route[first..]));
    match way {
        Some(way) => road.guides.reroute(&road.facts, vehicle, way, class),
        None => road.exempt(vehicle),
    }
    true
}
