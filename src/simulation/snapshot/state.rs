//! Everything that moves in a running city, in one value.
//!
//! Parts are borrowed from the city or stand on their own. Every struct here is taken apart without `..` where it is put
//! together, so that a part nobody puts back does not compile; a resource or component that nobody takes out is found by
//! comparing what lives in a city and in its fork (`tests.rs`).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::sync::Arc;

use bevy_ecs::prelude::*;
use serde::{Deserialize, Serialize};

use super::BLOCK;
use super::actors::Rows;
use super::origin::Mark;
use crate::city::routing::Router;
use crate::simulation::City;
use crate::simulation::actors::emergency::ambulance::Ambulance;
use crate::simulation::actors::emergency::by_hand::ByHand;
use crate::simulation::actors::emergency::caller::Public;
use crate::simulation::actors::emergency::dispatcher::Dispatcher;
use crate::simulation::actors::emergency::hospital::Department;
use crate::simulation::actors::emergency::incident::Scene as IncidentScene;
use crate::simulation::actors::emergency::{
    AMBULANCES, CALLERS, DISPATCHERS, Diary, HOSPITALS, INCIDENTS, Rules as EmergencyRules,
};
use crate::simulation::actors::rail::{BlockSignal, LevelCrossing};
use crate::simulation::actors::sensors::air::AirSensor;
use crate::simulation::actors::sensors::bay::{BayDevice, Kerb};
use crate::simulation::actors::sensors::camera::{Camera, Views};
use crate::simulation::actors::sensors::detector::InductionLoop;
use crate::simulation::actors::sensors::earth::Geometry;
use crate::simulation::actors::sensors::scene::Scene;
use crate::simulation::actors::sensors::signals::Junction;
use crate::simulation::actors::sensors::tracker::{Fleet, Tracker};
use crate::simulation::actors::sensors::weather::WeatherStation;
use crate::simulation::actors::sensors::{AIR, Alarm, BAYS, CAMERAS, Device, LOOPS, Outbox, TRACKERS, WEATHER, Watch};
use crate::simulation::actors::signal::{Controller, Shifts};
use crate::simulation::actors::vehicle::Itinerary;
use crate::simulation::actors::{
    Actions, Directory, Identity, Mailbox, Percept, Post, SIGNALS, VEHICLES, Wakes, Wayfinding, Woken,
};
use crate::simulation::change::live::Live;
use crate::simulation::change::weather;
use crate::simulation::kernel::ActorId;
use crate::simulation::ledger::Ledger;
use crate::simulation::rules::Changes;
use crate::simulation::sensing;
use crate::simulation::step::{self, Books, Clockwork, Gate, Workbench};
use crate::simulation::traffic::road::Road;
use crate::simulation::traffic::travel_time::TravelTimes;
use crate::telemetry::DeviceId;

/// From so many vehicles on, a second thread is worth its start.
const MANY: usize = 4_000;

/// The state of a city.
#[derive(Serialize, Deserialize)]
pub(crate) struct State<'a> {
    moves: Moves<'a>,
    /// What is remembered of changes made while it ran; none where none was.
    changed: Option<Changed<'a>>,
    /// What people at a dispatcher's desk have taken over; none where nobody ever did.
    by_hand: Option<Cow<'a, ByHand>>,
    watch: Option<Watching<'a>>,
    /// How many records the control room has made of each device.
    told: Option<Cow<'a, BTreeMap<DeviceId, u64>>>,
    /// How many emissions were thrown away.
    discarded: Option<u64>,
}

/// What there is where something was changed by hand.
#[derive(Serialize, Deserialize)]
struct Changed<'a> {
    live: Cow<'a, Live>,
    shifts: Option<Cow<'a, Shifts>>,
}

/// What moves, whoever watches.
#[derive(Serialize, Deserialize)]
struct Moves<'a> {
    /// Steps taken.
    number: u64,
    percept: Cow<'a, Percept>,
    gate: Cow<'a, Gate>,
    books: Cow<'a, Books>,
    post: Cow<'a, Post>,
    wakes: Cow<'a, Wakes>,
    actions: Cow<'a, Actions>,
    times: Option<Cow<'a, TravelTimes>>,
    emergencies: Option<Emergencies<'a>>,
    signals: Rows<'a, Mailbox, Controller>,
    blocks: Rows<'a, Mailbox, BlockSignal>,
    crossings: Rows<'a, Mailbox, LevelCrossing>,
    vehicles: Rows<'a, Mailbox, Itinerary>,
}

/// What there is where there are emergencies.
#[derive(Serialize, Deserialize)]
struct Emergencies<'a> {
    rules: EmergencyRules,
    ledger: Cow<'a, Ledger>,
    diary: Cow<'a, Diary>,
    public: Rows<'a, Mailbox, Public>,
    dispatchers: Rows<'a, Mailbox, Dispatcher>,
    ambulances: Rows<'a, Mailbox, Ambulance>,
    hospitals: Rows<'a, Mailbox, Department>,
    incidents: Rows<'a, Mailbox, IncidentScene>,
}

/// What there is where devices watch.
#[derive(Serialize, Deserialize)]
struct Watching<'a> {
    alarm: Cow<'a, Alarm>,
    scene: Cow<'a, Scene>,
    kerb: Cow<'a, Kerb>,
    loops: Rows<'a, Device, InductionLoop>,
    cameras: Rows<'a, Device, Camera>,
    air: Rows<'a, Device, AirSensor>,
    weather: Rows<'a, Device, WeatherStation>,
    bays: Rows<'a, Device, BayDevice>,
    trackers: Rows<'a, Device, Tracker>,
    signals: Rows<'a, Device, Junction>,
}

impl<'a> State<'a> {
    /// The state of a city between two steps.
    pub(crate) fn of(city: &'a City) -> Self {
        let world = &city.world;
        Self {
            moves: Moves::of(world),
            changed: world.get_resource::<Live>().map(|live| Changed {
                live: Cow::Borrowed(live),
                shifts: world.get_resource::<Shifts>().map(Cow::Borrowed),
            }),
            by_hand: world.get_resource::<ByHand>().map(Cow::Borrowed),
            watch: city.watch.is_some().then(|| Watching::of(world)),
            told: city.control_room.as_ref().map(|room| Cow::Borrowed(room.sequences())),
            discarded: world.get_resource::<Outbox>().map(|outbox| outbox.discarded),
        }
    }

    /// Whether it has devices, and a control room that tells.
    pub(crate) fn tells(&self) -> (bool, bool) {
        (self.watch.is_some(), self.told.is_some())
    }

    /// The hash of what moves.
    pub(crate) fn city_hash(&self) -> Mark {
        let mut hasher = blake3::Hasher::new();
        let mut block = BufWriter::with_capacity(BLOCK, &mut hasher);
        // A hasher takes everything, and nothing that moves is without a form.
        let whole = postcard::to_io(&self.moves, &mut block).is_ok();
        // A city in which nothing was changed by hand has the hash of one in which nothing can be.
        let whole = whole && self.changed.as_ref().is_none_or(|live| postcard::to_io(live, &mut block).is_ok());
        let whole = whole && self.by_hand.as_ref().is_none_or(|by_hand| postcard::to_io(by_hand, &mut block).is_ok());
        let whole = whole && block.flush().is_ok();
        drop(block);
        debug_assert!(whole, "the state has a form");
        *hasher.finalize().as_bytes()
    }

    /// Whether the columns are as long as those of a city assembled for it.
    pub(crate) fn fits(&self, city: &City) -> bool {
        let moves = &self.moves;
        let watch_fits = match (&self.watch, city.watch.is_some()) {
            (Some(watch), true) => watch.fits(&city.world),
            (None, true) => false,
            (_, false) => true,
        };
        watch_fits
            && (self.told.is_some() || city.control_room.is_none())
            && moves.fits(&city.world)
            && moves.emergencies.as_ref().is_none_or(Emergencies::fits)
            && self
                .by_hand
                .as_ref()
                .is_none_or(|by_hand| moves.emergencies.as_ref().is_some_and(|all| all.fit(by_hand)))
            && self.changed.as_ref().is_none_or(|changed| changed.live.fits(&moves.percept.road))
    }

    /// A city in this state, made of what `like` is made of.
    pub(crate) fn put_together(self, like: &City) -> City {
        let Self { moves, changed, by_hand, watch, told, discarded } = self;
        let mut world = World::new();
        let mut living = Vec::new();
        moves.put_into(&mut world, like, &mut living);
        // A city that nobody watches any more goes on without its devices.
        let voices =
            watch.filter(|_| like.watch.is_some()).map(|watch| watch.put_into(&mut world, &like.world, &mut living));
        let mut directory = Directory::default();
        for (actor, entity) in living {
            directory.insert(actor, entity);
        }
        if let Some(voices) = voices {
            voices.add_to(&mut world, &directory);
            world.insert_resource(views(&like.world, &directory));
        }
        world.insert_resource(directory);
        if let Some(discarded) = discarded.filter(|_| like.watch.is_some() || like.control_room.is_some()) {
            world.insert_resource(Outbox { emissions: Vec::new(), discarded });
        }
        // A control room that was opened for the sake of a change is opened again.
        let opened = || (changed.is_some() && like.watch.is_some()).then(|| like.new_control_room());
        let control_room = told.and_then(|told| {
            let mut room = like.control_room.clone().or_else(opened)?;
            room.go_on_from(told.into_owned());
            if let Some(ledger) = world.get_resource::<Ledger>() {
                room.learn(&like.origin.network, ledger, by_hand.as_deref());
            }
            Some(room)
        });
        if let Some(Changed { live, shifts }) = changed {
            world.insert_resource(live.into_owned());
            if let Some(shifts) = shifts {
                world.insert_resource(shifts.into_owned());
            }
        }
        if let Some(by_hand) = by_hand {
            world.insert_resource(by_hand.into_owned());
        }
        let mut city = City {
            world,
            schedule: step::schedule(),
            watch: like.watch.is_some().then(sensing::systems),
            control_room,
            settings: like.settings,
            origin: like.origin.clone(),
        };
        weather::settle(&mut city);
        city
    }
}

impl<'a> Moves<'a> {
    fn of(world: &'a World) -> Self {
        let emergencies = world.get_resource::<Ledger>().map(|ledger| Emergencies::of(world, ledger));
        Self {
            number: world.resource::<Clockwork>().number,
            percept: Cow::Borrowed(world.resource()),
            gate: Cow::Borrowed(world.resource()),
            books: Cow::Borrowed(world.resource()),
            post: Cow::Borrowed(world.resource()),
            wakes: Cow::Borrowed(world.resource()),
            actions: Cow::Borrowed(world.resource()),
            times: world.get_resource::<Wayfinding>().map(|ways| Cow::Borrowed(&ways.times)),
            emergencies,
            signals: Rows::of(world),
            blocks: Rows::of(world),
            crossings: Rows::of(world),
            vehicles: Rows::of(world),
        }
    }

    fn fits(&self, like: &World) -> bool {
        let (percept, gate) = (like.resource::<Percept>(), like.resource::<Gate>());
        self.percept.road.fits(&percept.road)
            && self.times.as_ref().is_none_or(|times| times.fits(percept.road.facts.edges.len()))
            && self.gate.departures.len() == gate.departures.len()
            && self.gate.next <= gate.order.len()
            && self.gate.scheduled == gate.scheduled
            && self.signals.fits(SIGNALS)
            && self.blocks.fits(SIGNALS)
            && self.crossings.fits(SIGNALS)
            && self.vehicles.fits(VEHICLES)
    }

    fn put_into(self, world: &mut World, like: &City, living: &mut Vec<(ActorId, Entity)>) {
        let Self {
            number,
            percept,
            gate,
            books,
            post,
            wakes,
            actions,
            times,
            emergencies,
            signals,
            blocks,
            crossings,
            vehicles,
        } = self;
        let old = &like.world;
        let (old_road, old_gate) = (&old.resource::<Percept>().road, old.resource::<Gate>());
        let many = vehicles.len() > MANY;
        let changes = old.get_resource::<Changes>().map(|changes| changes.as_of(percept.now, like.settings.step));
        let bodies = || {
            let (mut percept, mut gate) = (percept.into_owned(), gate.into_owned());
            let lay_over = changes
                .as_ref()
                .filter(|(_, others)| *others)
                .map(|(changes, _)| move |road: &mut Road| changes.lay_over(road));
            percept.road.share(old_road, lay_over);
            gate.share(old_gate);
            (percept, gate, books.into_owned())
        };
        let lives = || {
            signals.spawn(world, living);
            blocks.spawn(world, living);
            crossings.spawn(world, living);
            vehicles.spawn(world, living);
        };
        // Bodies and actors are about as much work, and neither needs the other.
        let (percept, gate, books) = if many {
            std::thread::scope(|scope| {
                let bodies = scope.spawn(bodies);
                lives();
                bodies.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
        } else {
            lives();
            bodies()
        };
        if let Some(times) = times {
            let known = old.get_resource::<Wayfinding>().map(|ways| Arc::clone(&ways.router));
            let router = match (&changes, known) {
                (Some((changes, true)), _) => Arc::new(changes.router()),
                (_, Some(known)) => known,
                (_, None) => Arc::new(Router::new(&like.origin.network)),
            };
            world.insert_resource(Wayfinding { router, times: times.into_owned() });
        }
        world.insert_resource(Clockwork { number, ..old.resource::<Clockwork>().clone() });
        world.insert_resource(percept);
        world.insert_resource(gate);
        world.insert_resource(books);
        world.insert_resource(post.into_owned());
        world.insert_resource(wakes.into_owned());
        world.insert_resource(actions.into_owned());
        if let Some((changes, _)) = changes {
            world.insert_resource(changes);
        }
        // Made anew in every step.
        world.insert_resource(Woken::default());
        world.insert_resource(Workbench::default());
        world.insert_resource(Diary::default());
        if let Some(emergencies) = emergencies {
            emergencies.put_into(world, living);
        }
    }
}

impl<'a> Emergencies<'a> {
    fn of(world: &'a World, ledger: &'a Ledger) -> Self {
        Self {
            rules: *world.resource(),
            ledger: Cow::Borrowed(ledger),
            diary: Cow::Borrowed(world.resource()),
            public: Rows::of(world),
            dispatchers: Rows::of(world),
            ambulances: Rows::of(world),
            hospitals: Rows::of(world),
            incidents: Rows::of(world),
        }
    }

    fn fits(&self) -> bool {
        self.public.fits(CALLERS)
            && self.dispatchers.fits(DISPATCHERS)
            && self.ambulances.fits(AMBULANCES)
            && self.hospitals.fits(HOSPITALS)
            && self.incidents.fits(INCIDENTS)
    }

    /// Whether what is done by hand speaks of their ambulances and hospitals.
    fn fit(&self, by_hand: &ByHand) -> bool {
        by_hand.fits(self.ambulances.len(), self.hospitals.len())
    }

    fn put_into(self, world: &mut World, living: &mut Vec<(ActorId, Entity)>) {
        let Self { rules, ledger, diary, public, dispatchers, ambulances, hospitals, incidents } = self;
        world.insert_resource(rules);
        world.insert_resource(ledger.into_owned());
        world.insert_resource(diary.into_owned());
        public.spawn(world, living);
        dispatchers.spawn(world, living);
        hospitals.spawn(world, living);
        ambulances.spawn(world, living);
        incidents.spawn(world, living);
    }
}

impl<'a> Watching<'a> {
    fn of(world: &'a World) -> Self {
        Self {
            alarm: Cow::Borrowed(world.resource()),
            scene: Cow::Borrowed(world.resource()),
            kerb: Cow::Borrowed(world.resource()),
            loops: Rows::of(world),
            cameras: Rows::of(world),
            air: Rows::of(world),
            weather: Rows::of(world),
            bays: Rows::of(world),
            trackers: Rows::of(world),
            signals: Rows::of(world),
        }
    }

    fn fits(&self, like: &World) -> bool {
        self.scene.fits(like.resource())
            && self.kerb.fits(like.resource())
            && self.loops.fits(LOOPS)
            && self.cameras.fits(CAMERAS)
            && self.air.fits(AIR)
            && self.weather.fits(WEATHER)
            && self.bays.fits(BAYS)
            && self.trackers.fits(TRACKERS)
            && self.signals.fits(SIGNALS)
    }

    /// Hands out the voices of the signals, to be given to them once all live.
    fn put_into(
        self,
        world: &mut World,
        like: &World,
        living: &mut Vec<(ActorId, Entity)>,
    ) -> Rows<'a, Device, Junction> {
        let Self { alarm, scene, kerb, loops, cameras, air, weather, bays, trackers, signals } = self;
        let (mut scene, mut kerb) = (scene.into_owned(), kerb.into_owned());
        scene.share(like.resource());
        kerb.share(like.resource());
        world.insert_resource(alarm.into_owned());
        world.insert_resource(scene);
        world.insert_resource(kerb);
        world.insert_resource(like.resource::<Watch>().clone());
        world.insert_resource(like.resource::<Fleet>().clone());
        world.insert_resource(like.resource::<Geometry>().clone());
        loops.spawn(world, living);
        cameras.spawn(world, living);
        air.spawn(world, living);
        weather.spawn(world, living);
        bays.spawn(world, living);
        trackers.spawn(world, living);
        signals
    }
}

/// Which camera looks at which road, among those who live now.
fn views(like: &World, directory: &Directory) -> Views {
    let now = |entity: Entity| directory.get(like.get::<Identity>(entity)?.0);
    let old = like.resource::<Views>();
    Views(old.0.iter().filter_map(|(&edge, &entity)| Some((edge, now(entity)?))).collect())
}
