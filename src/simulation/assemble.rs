//! Bringing a city on paper to life: the road with its bodies, and an entity for every signal.

use std::sync::Arc;

use bevy_ecs::prelude::*;
use rand_distr::{Distribution, Normal};

use super::actors::{self, Actions, Directory, Identity, Mailbox, Percept, Post, Wakes, Wayfinding, Woken};
use super::kernel::ActorId;
use super::laws::Laws;
use super::step::{Books, Clockwork, Gate, Workbench};
use super::traffic::facts::RoadFacts;
use super::traffic::guide::Guides;
use super::traffic::heads::Heads;
use super::traffic::insertion::Queues;
use super::traffic::meter::Meter;
use super::traffic::road::Road;
use super::traffic::travel_time::TravelTimes;
use super::trips::Trips;
use crate::city::demand::{Demand, RouteChoice, SpeedFactor};
use crate::city::network::Network;
use crate::city::routing::Router;
use crate::city::scenario::settings::RunSettings;
use crate::primitives::SimTime;
use crate::primitives::random::{Purpose, Seed};

/// How often a factor outside its bounds is drawn again before it is simply cut off.
const REDRAWS_MAX: u32 = 100;

/// The world of a run at its beginning.
pub(crate) fn world(network: &Network, demand: Arc<Demand>, settings: &RunSettings) -> World {
    let facts = RoadFacts::new(network);
    let guides = Guides::new(&facts, &demand);
    let heads = Heads::new(network);
    let edges = network.edges.len();
    let road = Road::new(facts, guides, heads, &demand, settings.step.as_seconds());
    let vehicles = demand.vehicles.len();
    let mut world = World::new();
    world.insert_resource(Percept { now: settings.begin, road, crossed: Vec::new(), parked: Vec::new() });
    world.insert_resource(Post::default());
    world.insert_resource(Woken::default());
    world.insert_resource(Workbench::default());
    world.insert_resource(actors::emergency::Diary::default());
    world.insert_resource(Clockwork {
        step: settings.step,
        number: 0,
        seed: settings.seed,
        last_resort_after: settings.last_resort_after.map(super::super::primitives::time::SimDuration::as_seconds),
        depart_delay_max: settings.depart_delay_max,
        pool: pool(settings.threads),
    });
    world.insert_resource(Books {
        trips: Trips::new(vehicles),
        meter: Meter::new(edges, settings.begin, settings.road_interval),
        laws: Laws::default(),
        entered: 0,
        updates: 0,
        last_resort_moves: 0,
        emergency_brakings: 0,
        running: 0,
    });
    let chooses = demand.vehicles.iter().any(|v| matches!(v.choice, RouteChoice::FastestAtDeparture { .. }));
    if chooses {
        let times = TravelTimes::new(&world.resource::<Percept>().road.facts);
        world.insert_resource(Wayfinding { router: Arc::new(Router::new(network)), times });
    }
    // Whoever is called, or stays at home in this variant, departs at no time.
    let mut order: Vec<u32> =
        (0..).zip(&demand.vehicles).filter(|(_, v)| v.departure.time < SimTime::MAX).map(|(i, _)| i).collect();
    order.sort_by_key(|&row| demand.vehicles[row as usize].departure.time);
    let first = order.partition_point(|&row| demand.vehicles[row as usize].departure.time < settings.begin);
    world.insert_resource(Gate {
        departures: Arc::new(demand.vehicles.iter().map(|v| v.departure).collect()),
        next: first,
        queues: Queues::new(edges),
        speed_factors: Arc::new(speed_factors(&demand, settings.seed)),
        lifted: Vec::new(),
        given_up: 0,
        waiting_max: 0,
        due: 0,
        scheduled: order.len(),
        order: order.into(),
        sirens: std::collections::BTreeSet::new(),
        sky: 1.0,
        demand,
    });
    spawn_signals(&mut world, network, settings);
    world
}

/// Threads for the phases that spread over lanes; one thread needs no pool. Where the system refuses threads the run goes
/// on with one: the result is the same.
fn pool(threads: usize) -> Option<Arc<rayon::ThreadPool>> {
    (threads > 1).then(|| rayon::ThreadPoolBuilder::new().num_threads(threads).build().ok()).flatten().map(Arc::new)
}

fn spawn_signals(world: &mut World, network: &Network, settings: &RunSettings) {
    let mut directory = Directory::default();
    let mut wakes = Wakes::default();
    let mut actions = Actions::default();
    for (i, signal) in network.signals.iter().enumerate() {
        let actor = ActorId::new(actors::SIGNALS, u32::try_from(i).unwrap_or(u32::MAX));
        if let Some(block) = actors::rail::BlockSignal::new(signal) {
            let entity = world.spawn((Identity(actor), Mailbox::default(), block)).id();
            directory.insert(actor, entity);
            continue;
        }
        if let Some(crossing) = actors::rail::LevelCrossing::new(network, signal, settings.begin) {
            actions.0.push(crossing.show());
            let entity = world.spawn((Identity(actor), Mailbox::default(), crossing)).id();
            directory.insert(actor, entity);
            continue;
        }
        let Some(controller) = actors::signal::Controller::new(network, signal, settings.begin) else { continue };
        let (show, thinks) = actors::signal::first_turn(&controller);
        actions.0.push(show);
        wakes.0.set(thinks, actor);
        let entity = world.spawn((Identity(actor), Mailbox::default(), controller)).id();
        directory.insert(actor, entity);
    }
    world.insert_resource(directory);
    world.insert_resource(wakes);
    world.insert_resource(actions);
}

/// Every driver's factor on the limit, drawn for (seed, driver).
fn speed_factors(demand: &Demand, seed: Seed) -> Vec<f64> {
    let row = |i: usize| demand.kind(demand.vehicles[i].kind).speed_factor;
    (0..demand.vehicles.len()).map(|i| speed_factor(&row(i), seed, i as u64)).collect()
}

fn speed_factor(spread: &SpeedFactor, seed: Seed, driver: u64) -> f64 {
    let Ok(normal) = Normal::new(spread.mean, spread.deviation.max(0.0)) else { return spread.mean };
    let mut rng = seed.stream(Purpose::SpeedFactor, driver, 0);
    let mut factor = normal.sample(&mut rng);
    for _ in 0..REDRAWS_MAX {
        if (spread.min..=spread.max).contains(&factor) {
            return factor;
        }
        factor = normal.sample(&mut rng);
    }
    factor.clamp(spread.min, spread.max)
}
