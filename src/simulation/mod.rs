//! The city alive: actors under one contract, moved by the road they are on.
//!
//! [`City`] is the facade: assemble it from a city on paper, advance it step by step, and take what it leaves. Reads no wall
//! clock, opens no file, and does not know who watches.

mod actors;
mod assemble;
pub mod change;
mod control_room;
mod emergency;
pub mod kernel;
mod laws;
mod ledger;
mod movement;
pub mod outcome;
mod rules;
mod sensing;
pub mod service;
mod snapshot;
mod step;
#[cfg(test)]
mod tests;
mod traffic;
mod trips;
pub mod views;

use std::collections::BTreeMap;
use std::sync::Arc;

use bevy_ecs::prelude::*;

use crate::city::demand::Demand;
use crate::city::emergency::EmergencyPlan;
use crate::city::intervention::Plan;
use crate::city::network::Network;
use crate::city::scenario::settings::RunSettings;
use crate::city::scenario::{LoadedScenario, SensorSettings, Weather};
use crate::primitives::SimTime;
use crate::primitives::ids::{EdgeId, LaneId, VehicleId};
use crate::telemetry::Emission;
use actors::Percept;
use change::Change;
use control_room::ControlRoom;
use ledger::Ledger;
use outcome::{CityInstant, Happened, LeftStop, Outcome, UnitInstant, VehicleInstant};
pub use snapshot::StateError;
use snapshot::origin::Origin;
use step::{Books, Clockwork, Gate, Workbench};
use traffic::following::HALTING;

/// The running city: advances one step at a time.
pub struct City {
    world: World,
    schedule: Schedule,
    /// What devices do after a step, once there are any.
    watch: Option<Schedule>,
    /// What the control room tells of emergencies, once somebody watches.
    control_room: Option<ControlRoom>,
    settings: RunSettings,
    /// What it was made of, shared with its forks.
    origin: Origin,
}

impl std::fmt::Debug for City {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("City").field("time", &self.time()).field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl City {
    /// Brings a city on paper to life.
    pub fn assemble(network: &Arc<Network>, demand: &Arc<Demand>, settings: RunSettings) -> Self {
        let world = assemble::world(network, Arc::clone(demand), &settings);
        let origin = Origin::new(Arc::clone(network), Arc::clone(demand));
        Self { world, schedule: step::schedule(), watch: None, control_room: None, settings, origin }
    }

    /// Brings a loaded scenario, or a variant of one, to life: roads, travellers, emergencies, and what changes while it runs. Devices
    /// and the control room are to be asked for.
    pub fn of_scenario(loaded: &LoadedScenario) -> Self {
        let mut city = Self::assemble(&loaded.network, &loaded.demand, loaded.settings);
        if let Some(plan) = &loaded.emergencies {
            city.bring_emergencies(&loaded.network, plan);
        }
        city.follow(&loaded.plan);
        (city.origin.weather, city.origin.dry) = (loaded.weather, loaded.dry.clone());
        if let Some(forecast) = &loaded.forecast {
            rules::foretell(&mut city.world, forecast);
        }
        city
    }

    /// Lets a city that has not taken a step yet follow a plan that was made on its network: rules of the road change at their hour, and
    /// drivers take another way where theirs is closed.
    pub fn follow(&mut self, plan: &Arc<Plan>) {
        self.origin.follow(plan);
        rules::bring(&mut self.world, &self.origin.network, plan);
    }

    /// Brings incidents, ambulances, hospitals and whoever calls them into a city that has not taken a step yet; `plan` was made
    /// on this network, and its ambulances are the last rows of the demand.
    pub fn bring_emergencies(&mut self, network: &Network, plan: &EmergencyPlan) {
        self.origin.bring(plan);
        emergency::settle(&mut self.world, network, plan, self.settings.seed);
    }

    /// Closes a road from now on: barriers across all its lanes, as soon as nobody stands in their place. Drivers hear of it and take
    /// another way where there is one. Tells whether there is such a road; paths across junctions cannot be closed.
    pub fn close_road(&mut self, road: EdgeId) -> bool {
        let known = self.origin.network.edges.get(road.index()).is_some_and(|edge| !edge.is_internal());
        // What may refuse a road that there is: it is closed already, or too many are.
        let _ = self.intervene(Change::CloseRoad { road });
        known
    }

    /// Makes a change in the running city, between two steps; what was done, in a sentence. It is saved and forked with
    /// the city, and the same changes after the same steps make the same city.
    ///
    /// Where devices watch, incidents and calls are told by the control room, which is opened if it was not.
    ///
    /// # Errors
    /// With a sentence that says why it cannot be made and what to do; nothing has changed then.
    pub fn intervene(&mut self, change: Change) -> Result<String, String> {
        change::make(self, change)
    }

    /// Lets the control room know of what was changed by hand.
    fn learn_of_changes(&mut self) {
        if self.control_room.is_none() && self.watch.is_some() {
            self.control_room = Some(self.new_control_room());
        }
        if let (Some(room), Some(ledger)) = (&mut self.control_room, self.world.get_resource::<Ledger>()) {
            room.learn(&self.origin.network, ledger, self.world.get_resource());
        }
    }

    /// A control room of a city without emergencies of its own.
    fn new_control_room(&self) -> ControlRoom {
        ControlRoom::new(&self.origin.network, &EmergencyPlan::default(), self.settings.midnight)
    }

    /// What happened to incidents, calls, ambulances and hospitals in the last step, in order.
    pub fn happenings(&self) -> &[Happened] {
        self.world.get_resource::<Ledger>().map_or(&[], |ledger| &ledger.latest)
    }

    /// Who left a stop at which the timetable has a time, in the last step.
    pub fn left_stops(&self) -> &[LeftStop] {
        &self.world.resource::<Workbench>().left_stops
    }

    /// Every ambulance as it is now, by number.
    pub fn units(&self) -> Vec<UnitInstant> {
        emergency::units(&self.world)
    }

    /// The instant the next step begins.
    pub fn time(&self) -> SimTime {
        self.world.resource::<Percept>().now
    }

    /// Whether the run is over: its end is reached, or nobody is left.
    pub fn is_over(&self) -> bool {
        if let Some(end) = self.settings.end
            && self.time() >= end
        {
            return true;
        }
        let gate = self.world.resource::<Gate>();
        let books = self.world.resource::<Books>();
        self.settings.end.is_none() && gate.next >= gate.scheduled && gate.queues.waiting() == 0 && books.running == 0
    }

    /// Advances one step.
    pub fn step(&mut self) {
        self.schedule.run(&mut self.world);
        if let Some(watch) = &mut self.watch {
            watch.run(&mut self.world);
        }
        if let Some(control_room) = &mut self.control_room {
            let now = self.world.resource::<Percept>().now - self.settings.step;
            let happened = self.world.get_resource::<Ledger>().map_or(&[][..], |ledger| &ledger.latest);
            if !happened.is_empty() || control_room.is_due(now) {
                let told = control_room.tell(now, happened, &emergency::units(&self.world));
                sensing::post(&mut self.world, told);
            }
        }
    }

    /// Lets the control room tell what it knows of incidents, calls, ambulances and hospitals, by way of
    /// [`Self::take_emissions`]; to be done after the emergencies have been brought, and the sensors installed.
    pub fn open_control_room(&mut self, network: &Network, plan: &EmergencyPlan) {
        let mut room = ControlRoom::new(network, plan, self.settings.midnight);
        if let Some(ledger) = self.world.get_resource::<Ledger>() {
            room.learn(network, ledger, self.world.get_resource());
        }
        self.control_room = Some(room);
    }

    /// Puts devices into the city it was assembled from; to be done before the first step. They change nothing in it.
    ///
    /// Returns what was asked for and found no place, by name with how many.
    pub fn install_sensors(
        &mut self,
        network: &Network,
        demand: &Demand,
        sensors: &SensorSettings,
        weather: &Weather,
    ) -> BTreeMap<String, u64> {
        self.origin.install(sensors, weather);
        self.watch = Some(sensing::systems());
        sensing::install(&mut self.world, network, demand, &self.settings, sensors, weather)
    }

    /// Takes what devices told since it was last taken, in the order of the steps and within a step of the devices. To be taken
    /// after every step or at least now and then: what does not fit into the outbox is thrown away and counted.
    pub fn take_emissions(&mut self) -> Vec<Emission> {
        sensing::take(&mut self.world)
    }

    /// Lets its devices and its control room fall silent for good: a city to which nobody listens goes the same way and costs less.
    pub fn silence(&mut self) {
        self.watch = None;
        self.control_room = None;
    }

    /// How many emissions were thrown away because nobody took them.
    pub fn emissions_discarded(&self) -> u64 {
        sensing::discarded(&self.world)
    }

    /// The city as it is now.
    pub fn instant(&self) -> CityInstant {
        let (gate, books) = (self.world.resource::<Gate>(), self.world.resource::<Books>());
        let road = &self.world.resource::<Percept>().road;
        let (mut halting, mut stopped, mut speeds, mut relative) = (0_u32, 0_u32, 0.0, 0.0);
        for &lane in &road.active {
            for body in road.lanes[lane as usize].iter().filter(|b| !road.is_block(b)) {
                speeds += body.speed;
                relative += body.speed / road.wished_speed(body, lane).max(1e-9);
                if body.is_standing() {
                    stopped += 1;
                } else if body.speed <= HALTING {
                    halting += 1;
                }
            }
        }
        let running = f64::from(books.running.max(1));
        CityInstant {
            time: self.time(),
            loaded: u32::try_from(gate.due).unwrap_or(u32::MAX),
            inserted: books.entered,
            running: books.running,
            waiting_to_enter: u32::try_from(gate.queues.waiting()).unwrap_or(u32::MAX),
            arrived: u32::try_from(books.trips.arrived()).unwrap_or(u32::MAX),
            halting,
            stopped,
            speed_mean: speeds / running,
            speed_relative_mean: relative / running,
            travel_time_mean: books.trips.duration_mean(),
            depart_delay_mean: books.trips.delay_mean(),
            last_resort_moves: books.last_resort_moves,
        }
    }

    /// Every vehicle on the road now, by lane and then from the lane's start; behind them those with siren who are passing others.
    pub fn vehicles(&self) -> Vec<VehicleInstant> {
        let road = &self.world.resource::<Percept>().road;
        let mut vehicles = Vec::new();
        for &lane in &road.active {
            let bodies = road.lanes[lane as usize].iter().filter(|b| !road.is_block(b));
            vehicles.extend(bodies.map(|body| seen(body, lane)));
        }
        vehicles.extend(road.rescue.iter().map(|passing| seen(&passing.body, passing.lane)));
        vehicles
    }

    /// Writes the state, so that [`Self::restore`] can go on from it. Between two steps; emissions that nobody has taken yet are
    /// not in it, so they are to be taken first.
    ///
    /// # Errors
    /// Only when `out` fails.
    pub fn save(&self, out: &mut dyn std::io::Write) -> std::io::Result<()> {
        snapshot::save(self, out)
    }

    /// Goes on from a saved state instead of from where it is. The city must be made of the same map, demand, settings,
    /// emergencies and devices as the one that was saved; its end and its threads may be others, and it may be without devices.
    ///
    /// # Errors
    /// When the bytes are damaged or belong to another city; this one is then as it was.
    pub fn restore(&mut self, state: &[u8]) -> Result<(), StateError> {
        snapshot::restore(self, state)
    }

    /// A second city in the same state, which goes its own way from here. What does not change is shared, and both draw the same
    /// dice: where nobody intervenes, both go the same way.
    #[must_use]
    pub fn fork(&self) -> Self {
        snapshot::fork(self)
    }

    /// A hash of everything that moves and everything that is counted: bodies, heads, queues, mail, timers, actors and books.
    /// Two runs with the same hash are in the same state. Devices, which change nothing, are left out.
    pub fn state_hash(&self) -> String {
        blake3::Hash::from_bytes(snapshot::city_hash(self)).to_hex().to_string()
    }

    /// Ends the run and hands out what it leaves.
    ///
    /// # Panics
    /// Never from outside: the books are there from assembly on.
    pub fn finish(mut self, interrupted: bool) -> Outcome {
        let state_hash = self.state_hash();
        let end = self.time();
        let instant = self.instant();
        let steps = self.world.resource::<Clockwork>().number;
        let books = self.world.remove_resource::<Books>().expect("the books are there from assembly on");
        let gate = self.world.resource::<Gate>();
        let road = &self.world.resource::<Percept>().road;
        let mut unfinished: Vec<_> = road
            .active
            .iter()
            .flat_map(|&lane| road.lanes[lane as usize].iter().map(move |b| (b, lane)))
            .filter(|(body, _)| !road.is_block(body))
            .collect();
        unfinished.extend(road.rescue.iter().map(|passing| (&passing.body, passing.lane)));
        unfinished.extend(
            gate.lifted
                .iter()
                .map(|b| (b, road.facts.edges[road.guides.edges(b.itinerary)[b.leg as usize] as usize].0)),
        );
        let laws = books.laws.counts();
        let ledger = self.world.get_resource::<Ledger>();
        Outcome {
            calls: ledger.map(Ledger::calls).unwrap_or_default(),
            incidents: ledger.map(Ledger::incidents).unwrap_or_default(),
            trips: books.trips.finish(&unfinished, end),
            roads: books.meter.finish(),
            city: Vec::new(),
            left_stops: Vec::new(),
            begin: self.settings.begin,
            end,
            steps,
            updates: books.updates,
            loaded: instant.loaded,
            inserted: instant.inserted,
            arrived: instant.arrived,
            running: instant.running,
            waiting_to_enter: instant.waiting_to_enter,
            waiting_to_enter_max: gate.waiting_max,
            last_resort_moves: books.last_resort_moves,
            emergency_brakings: books.emergency_brakings,
            laws,
            interrupted,
            convergence: None,
            prediction: None,
            state_hash,
        }
    }
}

fn seen(body: &traffic::body::Body, lane: u32) -> VehicleInstant {
    VehicleInstant {
        vehicle: VehicleId::new(body.id as usize),
        lane: LaneId::new(lane as usize),
        position: body.pos,
        speed: body.speed,
        at_stop: body.is_standing(),
    }
}
