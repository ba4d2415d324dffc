//! Emergencies in the step: what incidents and ambulances ask of the road, and who tells drivers of closed roads.
//!
//! Does nothing at all in a city without emergencies.

#![expect(clippy::needless_pass_by_value, reason = "systems take their parameters by value")]

use bevy_ecs::prelude::*;

use super::actors::emergency::ambulance::Ambulance;
use super::actors::emergency::caller::Public;
use super::actors::emergency::dispatcher::{Card, Dispatcher};
use super::actors::emergency::hospital::Department;
use super::actors::emergency::incident::{Phase, Scene};
use super::actors::emergency::{self as staff, DISPATCHER, Diary, Order, PUBLIC, Rules};
use super::actors::{self, Action, Directory, Identity, Mailbox, Notice, Percept, Post, Wakes, Wayfinding, actor};
use super::kernel::ActorId;
use super::ledger::Ledger;
use super::outcome::UnitInstant;
use super::step::{Books, Gate};
use super::traffic::body::Body;
use super::traffic::insertion::{Entered, Queues};
use super::traffic::road::Road;
use super::traffic::travel_time::TravelTimes;
use super::traffic::{block, rescue, siren};
use crate::city::demand::{DepartLane, DepartPosition, DepartSpeed, Departure};
use crate::city::emergency::{EmergencyPlan, PlannedIncident, Spot};
use crate::city::network::Network;
use crate::city::routing::Router;
use crate::primitives::ids::{LaneId, VehicleId};
use crate::primitives::random::Seed;
use crate::primitives::{Category, Distance, SimDuration, SimTime, Speed, VehicleClass};

/// How much faster than others a driver with siren drives (SUMO's recommendation for blue-light vehicles).
const SIREN_FACTOR: f64 = 1.5;
/// How often drivers hear of closed roads [s].
const NEWS: SimDuration = SimDuration::milliseconds(30_000);

/// Brings the incidents, callers, dispatcher, ambulances and hospitals of a plan into a world.
pub(crate) fn settle(world: &mut World, network: &Network, plan: &EmergencyPlan, seed: Seed) {
    if world.get_resource::<Wayfinding>().is_none() {
        let times = TravelTimes::new(&world.resource::<Percept>().road.facts);
        world.insert_resource(Wayfinding { router: std::sync::Arc::new(Router::new(network)), times });
    }
    let first = plan.units.first().map(|unit| unit.vehicle.raw());
    if let Some(first) = first {
        let road = &mut world.resource_mut::<Percept>().road;
        road.first_on_call = first;
        road.end_on_call = first + u32::try_from(plan.units.len()).unwrap_or(u32::MAX - first);
    }
    world.insert_resource(Rules {
        seed,
        siren: plan.siren,
        treatment: plan.treatment.as_seconds(),
        handover: plan.handover.map(SimDuration::as_seconds),
    });
    let mut orders: Vec<Order> = (0_u32..)
        .zip(&plan.calls)
        .map(|(call, planned)| Order { call, spot: planned.spot, category: planned.category, incident: None })
        .collect();
    let calls: Vec<(SimTime, Order)> = plan.calls.iter().map(|c| c.at).zip(orders.iter().copied()).collect();
    // Incidents' calls are numbered after everybody else's.
    for (number, incident) in (0_u32..).zip(&plan.incidents) {
        let first_call = u32::try_from(orders.len()).unwrap_or(u32::MAX);
        orders.extend(settle_incident(world, number, incident, first_call));
    }
    world.insert_resource(Ledger::new(plan, &orders));
    if let Some((at, _)) = calls.first() {
        world.resource_mut::<Wakes>().0.set(*at, PUBLIC);
    }
    spawn(world, PUBLIC, Public { calls, next: 0 });
    let fleet = plan
        .units
        .iter()
        .map(|unit| Card { vehicle: unit.vehicle.raw(), free: true, last: plan.bases[unit.base].spot })
        .collect();
    let hospitals = plan.hospitals.iter().map(|hospital| (hospital.spot, hospital.bays)).collect();
    spawn(world, DISPATCHER, Dispatcher::new(fleet, hospitals));
    for (number, hospital) in (0_u32..).zip(&plan.hospitals) {
        spawn(world, actor(staff::HOSPITALS, number), Department::new(number, hospital.bays));
    }
    for (number, unit) in (0_u32..).zip(&plan.units) {
        let ambulance = Ambulance::new(number, unit.vehicle.raw(), plan.bases[unit.base].spot);
        spawn(world, staff::unit_actor(number), ambulance);
    }
}

/// Gives a city whose scenario knows no emergencies what a closed road or an incident needs: those who tell drivers of it, and books.
/// There is nobody in it who helps.
pub(crate) fn prepare(world: &mut World, network: &Network, seed: Seed) {
    if world.get_resource::<Ledger>().is_none() {
        settle(world, network, &EmergencyPlan::default(), seed);
    }
}

/// Lets one more incident come; its number, and those of the calls it will make.
pub(crate) fn raise(world: &mut World, incident: &PlannedIncident) -> (u32, Vec<u32>) {
    let ledger = world.resource::<Ledger>();
    let (number, first_call) = (ledger.incidents_known(), ledger.calls_known());
    let orders = settle_incident(world, number, incident, first_call);
    world.resource_mut::<Ledger>().expect_incident(number, incident, &orders);
    (number, orders.iter().map(|order| order.call).collect())
}

/// Where an ambulance stands that comes to an incident: right before it.
pub(crate) fn beside(incident: &PlannedIncident) -> Spot {
    let back = (incident.position - incident.length).as_metres();
    let position = Distance::metres((back - 5.0).max(back.min(8.0)).max(1.0));
    Spot { edge: incident.edge, lane: incident.lanes[0], position }
}

/// An incident and the calls it will make, numbered from `first_call`.
fn settle_incident(world: &mut World, number: u32, incident: &PlannedIncident, first_call: u32) -> Vec<Order> {
    let order =
        |n| Order { call: first_call + n, spot: beside(incident), category: Category::C2, incident: Some(number) };
    let calls: Vec<Order> = (0..incident.casualties).map(order).collect();
    let road = &mut world.resource_mut::<Percept>().road;
    let blocks = incident
        .lanes
        .iter()
        .map(|lane| {
            let id = road.reserve_block(lane.raw(), incident.length.as_metres());
            (id, lane.raw(), incident.position.as_metres())
        })
        .collect();
    let id = actor(staff::INCIDENTS, number);
    world.resource_mut::<Wakes>().0.set(incident.at, id);
    let ends = incident.at + incident.duration;
    let (helpers, phase) = (calls.len(), Phase::ToCome);
    let scene = Scene { number, begins: incident.at, ends, blocks, calls: calls.clone(), helpers, phase };
    spawn(world, id, scene);
    calls
}

fn spawn(world: &mut World, id: ActorId, behaviour: impl Component) {
    let entity = world.spawn((Identity(id), Mailbox::default(), behaviour)).id();
    world.resource_mut::<Directory>().insert(id, entity);
}

/// Carries out what an incident, an ambulance or a driver who has heard the news wants done.
pub(crate) fn carry_out(action: Action, road: &mut Road, gate: &mut Gate, now: SimTime) {
    match action {
        Action::Block { id, lane, position } => road.block(id, lane, position),
        Action::Unblock { id } => road.unblock(id),
        Action::SetOut { vehicle, way, from, to_position, siren } => {
            let edge = way[0];
            road.guides.reroute(&road.facts, vehicle, way, VehicleClass::Emergency);
            road.arrival_position[vehicle as usize] = to_position;
            std::sync::Arc::make_mut(&mut gate.departures)[vehicle as usize] = Departure {
                time: now,
                lane: DepartLane::Best,
                position: DepartPosition::At(Distance::metres(from)),
                speed: DepartSpeed::At(Speed::ZERO),
            };
            gate.set_siren(vehicle, siren);
            if !gate.queues.iter().any(|waiting| waiting == vehicle) {
                gate.queues.push_first(edge, vehicle);
                gate.due += 1;
            }
        }
        Action::Divert { vehicle, way, to_position, siren } => {
            road.divert(vehicle, way);
            if road.is_on_call(vehicle) {
                road.arrival_position[vehicle as usize] = to_position;
                gate.set_siren(vehicle, siren);
                let factor = gate.speed_factor(vehicle);
                if let Some(body) = road.body_mut(vehicle) {
                    body.siren = siren;
                    body.speed_factor = factor;
                }
            }
        }
        Action::DriveOn { .. } | Action::Show { .. } => {}
    }
}

impl Gate {
    fn set_siren(&mut self, vehicle: u32, on: bool) {
        if on {
            self.sirens.insert(vehicle);
        } else {
            self.sirens.remove(&vehicle);
        }
    }

    /// A driver's factor on the limit, with siren where it is on.
    pub(crate) fn speed_factor(&self, vehicle: u32) -> f64 {
        let factor = self.speed_factors[vehicle as usize];
        self.sky * if self.sirens.contains(&vehicle) { factor * SIREN_FACTOR } else { factor }
    }
}

/// Drivers make room: for those with siren, for an ambulance that waits to pull out, and for what blocks a road.
pub(crate) fn make_room(mut percept: ResMut<'_, Percept>, gate: Res<'_, Gate>) {
    let road = &mut percept.road;
    siren::make_way(road);
    block::look_at(road);
    let mut changed = block::put_down(road);
    for vehicle in gate.queues.iter().filter(|&vehicle| road.is_on_call(vehicle)).collect::<Vec<_>>() {
        let DepartPosition::At(place) = gate.departures[vehicle as usize].position else { continue };
        let edge = road.guides.edges(road.guides.of_vehicle(vehicle))[0];
        let length = road.kinds[gate.demand.vehicles[vehicle as usize].kind.index()].length;
        let (first, lanes) = road.facts.edges[edge as usize];
        for lane in first..first + lanes {
            block::flag_down(road, lane, place.as_metres() - length - 0.5);
        }
    }
    changed |= rescue::pull_out(road);
    if changed {
        road.refresh_active();
        road.refresh_tails();
    }
}

/// Those with siren who have found no room on a lane set out beside it.
pub(crate) fn let_in_beside(
    road: &mut Road,
    queues: &mut Queues,
    gate: &Gate,
    body_of: impl Fn(&Road, u32) -> Body,
    entered: &mut Vec<Entered>,
) {
    let waiting: Vec<u32> = queues.iter().filter(|vehicle| gate.sirens.contains(vehicle)).collect();
    for vehicle in waiting {
        let DepartPosition::At(place) = gate.departures[vehicle as usize].position else { continue };
        let edge = road.guides.edges(road.guides.of_vehicle(vehicle))[0];
        let (body, pos) = (body_of(road, vehicle), place.as_metres());
        if let Some(lane) = rescue::set_out(road, body, edge, pos) {
            queues.remove(edge, vehicle);
            entered.push(Entered { vehicle, lane, pos, speed: 0.0 });
        }
    }
}

/// Every so often drivers on the road hear which roads are closed.
pub(crate) fn broadcast(percept: Res<'_, Percept>, mut post: ResMut<'_, Post>) {
    let road = &percept.road;
    let due = (percept.now - SimTime::ZERO).as_milliseconds() % NEWS.as_milliseconds() == 0;
    if road.blocks.is_empty() || !due {
        return;
    }
    for &lane in &road.active {
        for body in road.lanes[lane as usize].iter().filter(|b| !road.is_block(b) && !road.is_on_call(b.id)) {
            let ahead = &road.guides.edges(body.itinerary)[body.leg as usize + 1..];
            if ahead.iter().any(|&edge| road.is_closed_to(body, edge)) {
                let to = actor(actors::VEHICLES, body.id);
                post.0.post(actor(actors::ROAD, 0), to, Notice::RoadsClosed);
            }
        }
    }
}

/// A way round the closed roads for a driver who is about to leave; none where its route is open or there is no other.
pub(crate) fn detour(ways: &Wayfinding, road: &Road, vehicle: u32, kind: u32) -> Option<Vec<u32>> {
    let route = road.guides.edges(road.guides.of_vehicle(vehicle));
    let class = road.kinds[kind as usize].class;
    if road.blocks.is_empty() || !route.iter().any(|&edge| road.is_closed(class, edge)) {
        return None;
    }
    actors::vehicle::way_round(ways, road, kind, &route[..1], route)
}

/// Writes the diary of the step into the books, and checks LAW-6 and LAW-7.
pub(crate) fn keep_ledger(
    mut ledger: ResMut<'_, Ledger>,
    mut diary: ResMut<'_, Diary>,
    post: Res<'_, Post>,
    dispatchers: Query<'_, '_, &Dispatcher>,
    ambulances: Query<'_, '_, &Ambulance>,
    mut books: ResMut<'_, Books>,
) {
    ledger.take(std::mem::take(&mut diary.0));
    let (raised, closed) = ledger.counts();
    let with_dispatcher: usize = dispatchers.iter().map(Dispatcher::calls).sum();
    let with_crews = ambulances.iter().filter(|ambulance| ambulance.call().is_some()).count();
    let on_the_line = post.0.posted().filter(|notice| matches!(notice, Notice::Call(_) | Notice::Mission(_))).count();
    books.laws.check_calls(raised, closed, (with_dispatcher + with_crews + on_the_line) as u64, ledger.disorder);
}

/// Every ambulance as it is now, by number.
pub(crate) fn units(world: &World) -> Vec<UnitInstant> {
    let Some(directory) = world.get_resource::<Directory>() else { return Vec::new() };
    let road = &world.resource::<Percept>().road;
    let driving = road.those_on_call();
    directory
        .column(staff::AMBULANCES)
        .filter_map(|(unit, entity)| Some((unit, world.get::<Ambulance>(entity)?)))
        .map(|(unit, ambulance)| {
            let vehicle = ambulance.vehicle();
            let found = driving.get(&vehicle);
            let spot = ambulance.spot();
            UnitInstant {
                unit,
                vehicle: VehicleId::new(vehicle as usize),
                status: ambulance.status(),
                call: ambulance.call(),
                lane: found.map_or(spot.lane, |at| LaneId::new(at.lane as usize)),
                position: found.map_or(spot.position.as_metres(), |at| at.pos),
                speed: found.map_or(0.0, |at| at.speed),
                on_road: found.is_some(),
                siren: ambulance.has_siren_on(),
            }
        })
        .collect()
}
