//! One step of the city, phase by phase.
//!
//! mail and timers -> actors decide -> actions -> plan -> announce -> decide and move -> exchange -> last resort -> lane changes
//! -> counting -> insertion -> laws. Each phase is a system of one schedule, run in this order on one thread; plan and movement
//! spread over lanes inside their phase.

#![expect(clippy::needless_pass_by_value, reason = "systems take their parameters by value")]

use bevy_ecs::prelude::*;

use super::actors::emergency::{self as staff, ambulance, caller, dispatcher, hospital, incident};
use super::actors::rail::{BlockSignal, LevelCrossing};
use super::actors::{self, Action, Actions, Directory, Identity, Mailbox, Notice, Percept, Post, Wayfinding};
use super::change::weather;
use super::emergency;
use super::kernel::ActorId;
use super::laws::{Census, Laws};
use super::ledger::Ledger;
use super::movement::Movement;
use super::outcome::LeftStop;
use super::rules;
use super::traffic::body::{Body, Halt};
use super::traffic::bumper;
use super::traffic::crossing::{Arrived, Parked, exchange};
use super::traffic::drive::Step;
use super::traffic::insertion::Queues;
use super::traffic::lane_change::{Jams, change_lanes};
use super::traffic::last_resort;
use super::traffic::meter::Meter;
use super::traffic::rescue;
use super::traffic::road::Road;
use super::trips::{Entry, Trips};
use crate::city::demand::{Demand, Departure, RouteChoice};
use crate::primitives::ids::{EdgeId, VehicleId};
use crate::primitives::random::Seed;
use crate::primitives::{SimDuration, SimTime};

/// Whoever has waited longer than this to enter a road looks anew for the fastest way (SUMO's `device.rerouting.pre-period`).
const WAY_OUTDATED: SimDuration = SimDuration::milliseconds(60_000);

/// How the run is made; fixed at the beginning.
#[derive(Resource, Debug, Clone)]
pub(crate) struct Clockwork {
    pub step: SimDuration,
    pub number: u64,
    pub seed: Seed,
    pub last_resort_after: Option<f64>,
    pub depart_delay_max: Option<SimDuration>,
    /// Threads for the phases that spread over lanes; none means this one.
    pub pool: Option<std::sync::Arc<rayon::ThreadPool>>,
}

/// Those who are not on the road: due later, waiting for room, lifted.
#[derive(Resource, Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Gate {
    /// Shared with every fork, and not in a saved state.
    #[serde(skip)]
    pub demand: std::sync::Arc<Demand>,
    /// When and how each row departs; copied only by the branch in which somebody is called.
    pub departures: std::sync::Arc<Vec<Departure>>,
    /// The rows that depart by themselves, in the order of departure. Shared with every fork, and not in a saved state.
    #[serde(skip)]
    pub order: std::sync::Arc<[u32]>,
    /// The next place in that order whose departure is not due yet.
    pub next: usize,
    pub queues: Queues,
    /// Drawn at assembly; shared with every fork, and not in a saved state.
    #[serde(skip)]
    pub speed_factors: std::sync::Arc<Vec<f64>>,
    pub lifted: Vec<Body>,
    pub given_up: u32,
    pub waiting_max: u32,
    pub due: u64,
    /// How many rows depart by themselves; others are called, or stay at home.
    pub scheduled: usize,
    /// Who of those drives with siren.
    pub sirens: std::collections::BTreeSet<u32>,
    /// How many times faster everybody drives for the weather than in the one the run began with; what is remembered of changes says
    /// it too, and it is not in a saved state.
    #[serde(skip, default = "as_ever")]
    pub sky: f64,
}

/// The weather the run began with.
const fn as_ever() -> f64 {
    1.0
}

impl Gate {
    /// Takes over what assembly makes the same way every time from the gate of the same city.
    pub(crate) fn share(&mut self, like: &Self) {
        self.demand = std::sync::Arc::clone(&like.demand);
        self.speed_factors = std::sync::Arc::clone(&like.speed_factors);
        self.order = std::sync::Arc::clone(&like.order);
        let apart = !std::sync::Arc::ptr_eq(&self.departures, &like.departures);
        if apart && self.departures == like.departures {
            self.departures = std::sync::Arc::clone(&like.departures);
        }
    }
}

/// What is counted.
#[derive(Resource, Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Books {
    pub trips: Trips,
    pub meter: Meter,
    pub laws: Laws,
    pub entered: u32,
    pub updates: u64,
    pub last_resort_moves: u32,
    pub emergency_brakings: u32,
    pub running: u32,
}

/// Buffers that are kept from step to step.
#[derive(Resource, Debug, Default)]
pub(crate) struct Workbench {
    movement: Movement,
    arrived: Vec<Arrived>,
    jams: Jams,
    /// Who left a stop with a time in the last step.
    pub left_stops: Vec<LeftStop>,
}

/// The schedule of a step.
pub(crate) fn schedule() -> Schedule {
    let mut schedule = Schedule::default();
    schedule.set_executor(bevy_ecs::schedule::SingleThreadedExecutor::new());
    schedule.add_systems(
        (
            actors::deliver_mail,
            (actors::wake, weather::adapt.run_if(weather::is_turning)).chain(),
            (rules::change, rules::advise).chain().run_if(rules::with_changes),
            (actors::signal::perceive, actors::signal::think).chain(),
            (actors::rail::guard_crossings, actors::rail::set_blocks).chain().run_if(with_rail),
            actors::vehicle::read_mail,
            actors::vehicle::drive_on,
            actors::vehicle::avoid,
            (incident::live, caller::call, dispatcher::dispatch, hospital::receive, ambulance::serve)
                .chain()
                .run_if(with_emergencies),
            carry_out_actions,
            emergency::make_room.run_if(with_emergencies),
            move_bodies,
            take_arrivals,
            use_last_resort,
            swap_lanes,
            count_roads,
            choose_ways,
            let_in,
            (emergency::broadcast, emergency::keep_ledger).chain().run_if(with_emergencies),
            check_laws,
        )
            .chain(),
    );
    schedule
}

/// Whether anybody may call for help or a road be closed: else there is no ledger, and those systems have nothing to do.
fn with_emergencies(ledger: Option<Res<'_, Ledger>>) -> bool {
    ledger.is_some()
}

/// Signals that trains operate.
type OfRailway = Or<(With<BlockSignal>, With<LevelCrossing>)>;

/// Whether trains operate any signal.
fn with_rail(signals: Query<'_, '_, (), OfRailway>) -> bool {
    !signals.is_empty()
}

fn carry_out_actions(
    mut actions: ResMut<'_, Actions>,
    mut percept: ResMut<'_, Percept>,
    mut gate: ResMut<'_, Gate>,
    mut books: ResMut<'_, Books>,
    mut bench: ResMut<'_, Workbench>,
) {
    let now = percept.now;
    let road = &mut percept.road;
    bench.left_stops.clear();
    for action in actions.0.drain(..) {
        match action {
            Action::Show { heads } => {
                for &(link, aspect) in &heads {
                    road.heads.show(link, aspect);
                }
                let links: Vec<u32> = heads.iter().map(|h| h.0).collect();
                books.laws.check_greens(road, &links);
            }
            Action::DriveOn { vehicle } => {
                let stops = road.guides.stops(vehicle).len();
                let standing = road.active.iter().find_map(|&lane| {
                    road.lanes[lane as usize].iter().position(|b| b.id == vehicle).map(|slot| (lane, slot))
                });
                if let Some((lane, slot)) = standing {
                    let body = &mut road.lanes[lane as usize][slot];
                    let stop = body.next_stop;
                    let row = &gate.demand.vehicles[vehicle as usize];
                    if let Some(due) = row.stops.get(stop as usize).and_then(|stop| stop.until) {
                        let vehicle = VehicleId::new(vehicle as usize);
                        bench.left_stops.push(LeftStop { vehicle, stop, at: now, due });
                    }
                    body.next_stop += 1;
                    body.halt = if body.next_stop as usize >= stops { Halt::None } else { Halt::Ahead };
                }
            }
            other => emergency::carry_out(other, road, &mut gate, now),
        }
    }
}

/// Plan, announce, decide and move.
fn move_bodies(
    clockwork: Res<'_, Clockwork>,
    mut percept: ResMut<'_, Percept>,
    mut bench: ResMut<'_, Workbench>,
    mut books: ResMut<'_, Books>,
    mut post: ResMut<'_, Post>,
) {
    let now = percept.now;
    let step = Step { now: now.as_seconds(), number: clockwork.number, seed: clockwork.seed };
    let Percept { road, crossed, .. } = &mut *percept;
    let bench = &mut *bench;
    let moves = bench.movement.run(road, &step, clockwork.pool.as_deref());
    books.updates += moves.bodies;
    books.emergency_brakings += moves.tally.emergency_brakings;
    books.laws.add_jumps(moves.tally.jumps);
    for lane in moves.stops {
        tell_stopped(&mut road.lanes[lane as usize], now, clockwork.step, &mut post);
    }
    bench.arrived.clear();
    crossed.clear();
    exchange(road, step.now, &mut bench.arrived, crossed);
    road.refresh_active();
    road.refresh_tails();
    if !road.rescue.is_empty() {
        books.updates += road.rescue.len() as u64;
        rescue::advance(road, &step, &mut bench.arrived, crossed);
        road.refresh_active();
        road.refresh_tails();
    }
    let held = bumper::hold_back(road);
    if held > 0 {
        books.emergency_brakings += held;
        road.refresh_tails();
    }
}

fn index(n: usize) -> u32 {
    u32::try_from(n).expect("a city counts fewer than 2^32 of anything")
}

/// Tells the actors whose bodies have come to stand at a planned stop in this step.
fn tell_stopped(bodies: &mut [Body], now: SimTime, step: SimDuration, post: &mut Post) {
    for body in bodies.iter_mut().filter(|b| b.halt == Halt::Reached) {
        body.halt = Halt::Standing;
        let (road, to) = (ActorId::new(actors::ROAD, 0), ActorId::new(actors::VEHICLES, body.id));
        post.0.post(road, to, Notice::ReachedStop { at: now + step });
    }
}

fn take_arrivals(
    mut percept: ResMut<'_, Percept>,
    mut bench: ResMut<'_, Workbench>,
    mut books: ResMut<'_, Books>,
    mut directory: ResMut<'_, Directory>,
    mut post: ResMut<'_, Post>,
    mut commands: Commands<'_, '_>,
) {
    let now = percept.now;
    let Percept { road, crossed, parked, .. } = &mut *percept;
    let books = &mut *books;
    parked.clear();
    road.guides.drop_left();
    for Arrived { body, lane } in bench.arrived.drain(..) {
        let end = road.arrival_position[body.id as usize].min(road.facts.lane(lane).length);
        books.trips.arrive(&body, lane, end, body.pos - end, now);
        parked.push(Parked { vehicle: body.id, kind: body.kind, lane, pos: end });
        books.meter.row(now)[road.facts.lane(lane).edge as usize].arrived += 1;
        if road.is_on_call(body.id) {
            let unit = staff::unit_actor(body.id - road.first_on_call);
            post.0.post(ActorId::new(actors::ROAD, 0), unit, Notice::Arrived);
        } else {
            road.guides.leave(body.id);
        }
        if let Some(entity) = directory.remove(ActorId::new(actors::VEHICLES, body.id)) {
            commands.entity(entity).despawn();
        }
    }
    let row = books.meter.row(now);
    for moved in &*crossed {
        row[moved.from_edge as usize].left += 1;
        row[moved.to_edge as usize].entered += 1;
    }
}

fn use_last_resort(
    clockwork: Res<'_, Clockwork>,
    mut percept: ResMut<'_, Percept>,
    mut gate: ResMut<'_, Gate>,
    mut books: ResMut<'_, Books>,
) {
    let Some(after) = clockwork.last_resort_after else { return };
    let road = &mut percept.road;
    let newly = last_resort::lift(road, after);
    for body in &newly {
        books.last_resort_moves += 1;
        books.trips.moved_as_last_resort(body.id);
    }
    if newly.is_empty() && gate.lifted.is_empty() {
        return;
    }
    gate.lifted.extend(newly);
    for body in std::mem::take(&mut gate.lifted) {
        if let Some(body) = last_resort::put_down(road, body) {
            gate.lifted.push(body);
        }
    }
    road.refresh_active();
    road.refresh_tails();
}

fn swap_lanes(clockwork: Res<'_, Clockwork>, mut percept: ResMut<'_, Percept>, mut bench: ResMut<'_, Workbench>) {
    let road = &mut percept.road;
    let changes = change_lanes(road, &mut bench.jams, clockwork.pool.as_deref());
    if changes.any {
        road.refresh_active();
    }
    if changes.with_tail {
        road.refresh_tails();
    }
}

fn count_roads(percept: Res<'_, Percept>, mut books: ResMut<'_, Books>) {
    books.meter.sample(&percept.road, percept.now);
}

/// Vehicles whose departure is due join the queue of their edge; those who choose their way do so now.
fn choose_ways(
    wayfinding: Option<ResMut<'_, Wayfinding>>,
    changes: Option<Res<'_, rules::Changes>>,
    mut percept: ResMut<'_, Percept>,
    mut gate: ResMut<'_, Gate>,
) {
    let now = percept.now;
    let (gate, road) = (&mut *gate, &mut percept.road);
    let mut wayfinding = wayfinding;
    if let Some(ways) = &mut wayfinding {
        ways.times.sample(road);
    }
    while gate.next < gate.scheduled && gate.departures[gate.order[gate.next] as usize].time <= now {
        let vehicle = gate.order[gate.next];
        if let Some(ways) = &wayfinding {
            choose_way(changes.as_deref(), ways, road, gate, vehicle);
        }
        road.guides.open(&road.facts, vehicle);
        let edge = road.guides.edges(road.guides.of_vehicle(vehicle))[0];
        gate.queues.push(edge, vehicle);
        gate.next += 1;
        gate.due += 1;
    }
}

/// Puts a vehicle on the fastest way by the present travel times, if it is free to choose; round closed roads also if it
/// had chosen before.
fn choose_way(changes: Option<&rules::Changes>, ways: &Wayfinding, road: &mut Road, gate: &Gate, vehicle: u32) {
    if changes.is_some_and(|changes| rules::set_out(changes, ways, road, gate, vehicle)) {
        return;
    }
    let row = &gate.demand.vehicles[vehicle as usize];
    if row.stops.is_empty()
        && let Some(way) = emergency::detour(ways, road, vehicle, row.kind.raw())
    {
        road.guides.reroute(&road.facts, vehicle, way, gate.demand.kind(row.kind).class);
        return;
    }
    if let Some(way) = fastest_way(changes, ways, road, gate, vehicle) {
        road.guides.reroute(&road.facts, vehicle, way, gate.demand.kind(row.kind).class);
    }
}

/// The fastest way by the present travel times for a vehicle that is free to choose; none where it is not.
fn fastest_way(
    changes: Option<&rules::Changes>,
    ways: &Wayfinding,
    road: &Road,
    gate: &Gate,
    vehicle: u32,
) -> Option<Vec<u32>> {
    let row = &gate.demand.vehicles[vehicle as usize];
    let RouteChoice::FastestAtDeparture { via } = &row.choice else { return None };
    if !row.stops.is_empty() {
        return None;
    }
    let kind = gate.demand.kind(row.kind);
    let edges = &gate.demand.route(row.route).edges;
    let (from, to) = (edges[0], edges[edges.len() - 1]);
    let speed = kind.speed_max;
    let eagerness = gate.speed_factor(vehicle);
    let free = speed.as_metres_per_second();
    let toll = |edge: EdgeId| changes.map_or(0.0, |changes| changes.toll(road, edge.index(), kind.class, free));
    let factor = |edge: EdgeId| ways.times.factor(edge.index(), free, eagerness) + toll(edge);
    let way = ways.router.shortest_via_by(from, via, to, kind.class, speed, factor)?;
    Some(way.iter().map(|e| e.raw()).collect())
}

/// Puts a vehicle that has just entered on the fastest way as it is by now, unless it is already bound for the next road.
fn choose_anew(changes: Option<&rules::Changes>, ways: &Wayfinding, road: &mut Road, gate: &Gate, vehicle: u32) {
    let (Some(at), Some(way)) = (road.find(vehicle), fastest_way(changes, ways, road, gate, vehicle)) else { return };
    let open = road.blocks.is_empty() && way != road.guides.edges(road.guides.of_vehicle(vehicle));
    if open && way.starts_with(&road.committed(vehicle, &at)) {
        road.divert(vehicle, way);
    }
}

/// Whoever waits enters where there is room.
#[expect(clippy::too_many_arguments, reason = "everybody whom an entry concerns")]
fn let_in(
    clockwork: Res<'_, Clockwork>,
    mut percept: ResMut<'_, Percept>,
    mut gate: ResMut<'_, Gate>,
    mut books: ResMut<'_, Books>,
    mut directory: ResMut<'_, Directory>,
    wayfinding: Option<Res<'_, Wayfinding>>,
    changes: Option<Res<'_, rules::Changes>>,
    mut commands: Commands<'_, '_>,
) {
    let now = percept.now;
    let (gate, books, road) = (&mut *gate, &mut *books, &mut percept.road);
    if let Some(longest) = clockwork.depart_delay_max {
        let departures = &gate.departures;
        let gone = gate.queues.give_up(|v| !road.is_on_call(v) && now - departures[v as usize].time > longest);
        gate.given_up += index(gone.len());
        for vehicle in gone {
            road.guides.leave(vehicle);
        }
    }
    let demand = std::sync::Arc::clone(&gate.demand);
    let mut queues = std::mem::take(&mut gate.queues);
    let body_of = |road: &Road, vehicle: u32| {
        let row = &demand.vehicles[vehicle as usize];
        let mut body = Body::new(vehicle, row.kind.raw(), road.guides.of_vehicle(vehicle), gate.speed_factor(vehicle));
        body.siren = gate.sirens.contains(&vehicle);
        body.halt = if road.guides.stops(vehicle).is_empty() { Halt::None } else { Halt::Ahead };
        body
    };
    let mut entered = queues.admit(road, &gate.departures, clockwork.seed, clockwork.number, body_of);
    if !gate.sirens.is_empty() {
        emergency::let_in_beside(road, &mut queues, gate, body_of, &mut entered);
    }
    gate.queues = queues;
    let anybody = !entered.is_empty();
    for one in entered {
        let delay = now - gate.departures[one.vehicle as usize].time;
        let entry = Entry {
            depart: now,
            delay: SimDuration::milliseconds(delay.as_milliseconds().max(0)),
            lane: one.lane,
            position: one.pos,
            speed: one.speed,
            moves: 0,
        };
        books.trips.enter(one.vehicle, entry);
        books.entered += 1;
        books.meter.row(now)[road.facts.lane(one.lane).edge as usize].departed += 1;
        if road.is_on_call(one.vehicle) {
            continue;
        }
        if delay > WAY_OUTDATED
            && let Some(ways) = &wayfinding
        {
            choose_anew(changes.as_deref(), ways, road, gate, one.vehicle);
        }
        let actor = ActorId::new(actors::VEHICLES, one.vehicle);
        let stops = demand.vehicles[one.vehicle as usize].stops.clone();
        let itinerary = actors::vehicle::Itinerary { stops, next: 0, leaves_at: None, roads_closed: false };
        let entity = commands.spawn((Identity(actor), Mailbox::default(), itinerary)).id();
        directory.insert(actor, entity);
    }
    gate.waiting_max = gate.waiting_max.max(index(gate.queues.waiting()));
    if anybody {
        // Whoever reaches back over its lane's start has been seen to where it entered.
        road.refresh_active();
    }
}

fn check_laws(
    mut clockwork: ResMut<'_, Clockwork>,
    mut percept: ResMut<'_, Percept>,
    gate: Res<'_, Gate>,
    mut books: ResMut<'_, Books>,
) {
    let running: usize = percept.road.active.iter().map(|&l| percept.road.lanes[l as usize].len()).sum();
    let road = &percept.road;
    let running = running + gate.lifted.len() + road.rescue.len() - road.standing_blocks();
    books.running = index(running);
    let census = Census {
        due: gate.due,
        entered: u64::from(books.entered),
        arrived: books.trips.arrived() as u64,
        running: running as u64,
        waiting: gate.queues.waiting() as u64,
        given_up: u64::from(gate.given_up),
    };
    books.laws.check_census(&census);
    books.laws.check_overlap(&percept.road);
    clockwork.number += 1;
    let step = clockwork.step;
    percept.now += step;
}
