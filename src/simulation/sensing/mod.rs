//! Bringing the devices to a city: where each stands, what it is like, and the systems that let them watch.
//!
//! Places are chosen by the demand (the best-used roads are watched first) and by nothing random, so that another seed has the same
//! devices in the same places. A city without devices has none of this in it and pays nothing.

mod places;

use std::collections::{BTreeMap, BTreeSet};

use bevy_ecs::prelude::*;

use super::actors::sensors::air::AirSensor;
use super::actors::sensors::bay::{BayDevice, Kerb};
use super::actors::sensors::camera::{Camera, Views, class_of};
use super::actors::sensors::climate::Climate;
use super::actors::sensors::detector::{InductionLoop, Tally};
use super::actors::sensors::earth::Earth;
use super::actors::sensors::exhaust::Exhaust;
use super::actors::sensors::scene::{KindTraits, Scene};
use super::actors::sensors::signals::Junction;
use super::actors::sensors::tracker::Fleet;
use super::actors::sensors::weather::WeatherStation;
use super::actors::sensors::{
    AIR, Alarm, BAYS, CAMERAS, Device, LOOPS, Outbox, WEATHER, Watch, dice, first_wake, schedule,
};
use super::actors::{self, Directory, Identity};
use super::kernel::ActorId;
use crate::city::demand::{Demand, DetectorKind};
use crate::city::network::Network;
use crate::city::network::dispersion::surroundings;
use crate::city::scenario::settings::RunSettings;
use crate::city::scenario::{SensorSettings, Weather, WeatherSky};
use crate::primitives::random::{Purpose, Seed};
use crate::primitives::{Point, SimDuration, SimTime, VehicleClass};
use crate::telemetry::error::Dice;
use crate::telemetry::error::air::AirStation;
use crate::telemetry::error::bay::BaySensor;
use crate::telemetry::error::camera::CLASSES;
use crate::telemetry::error::detector::LoopDetector;
use crate::telemetry::error::radio::Channel;
use crate::telemetry::field::Text;
use crate::telemetry::reading::Sky;
use crate::telemetry::{DeviceId, ReadingKind};
use places::{Places, Spot};

/// Vehicles longer than this may be counted twice by a loop [m].
const LONG: f64 = 9.0;
/// One gateway's radio covers a square of this side [m].
const GATEWAY: f64 = 1_000.0;

/// Puts the devices into the world; what was asked for and has no place, by name with how many.
pub(crate) fn install(
    world: &mut World,
    network: &Network,
    demand: &Demand,
    run: &RunSettings,
    settings: &SensorSettings,
    weather: &Weather,
) -> BTreeMap<String, u64> {
    let earth = Earth::new(network);
    let mut installer = Installer {
        places: Places::new(network, demand),
        names: BTreeSet::new(),
        short: BTreeMap::new(),
        alarm: Alarm::default(),
        begin: run.begin,
        step: run.step,
        seed: run.seed,
        severity: settings.severity,
        network,
        earth,
        world,
    };
    if !installer.earth.placed {
        installer.short.insert("map without a place on earth, put at 0° east 0° north".to_owned(), 1);
    }
    installer.loops(demand, settings);
    installer.cameras(settings);
    installer.air(settings);
    installer.weather(settings);
    installer.bays(settings);
    if settings.signals {
        installer.signals();
    }
    let fleet = Fleet {
        share: settings.tracker_share,
        every: settings.tracker_every,
        parked: settings.tracker_parked,
        garbled: settings.garbled,
        vehicles: demand
            .vehicles
            .iter()
            .map(|vehicle| {
                let name = Text::from(vehicle.name.chars().take(64).collect::<String>());
                (installer.name(ReadingKind::Position, &vehicle.name), name)
            })
            .collect::<Vec<_>>()
            .into(),
    };
    let Installer { short, alarm, earth, world, .. } = installer;
    let now = run.begin;
    let (severity, seed, step, midnight) = (settings.severity, run.seed, run.step, run.midnight);
    let climate = climate(weather, run, &earth, network);
    world.insert_resource(Watch { now, step, midnight, seed, severity, earth, climate });
    world.insert_resource(alarm);
    world.insert_resource(Outbox::default());
    world.insert_resource(fleet);
    world.insert_resource(Places::geometry(network));
    let kinds = demand.kinds.iter().map(traits).collect();
    world.insert_resource(Scene::new(kinds, demand.vehicles.len(), network.edges.len(), settings.air.count > 0));
    short
}

/// The systems of the watch.
pub(crate) fn systems() -> Schedule {
    schedule()
}

fn traits(kind: &crate::city::demand::VehicleKind) -> KindTraits {
    KindTraits {
        class: Text::from(kind.class.name()),
        camera_class: class_of(kind.class),
        long: kind.length.as_metres() > LONG,
        parks: matches!(kind.class, VehicleClass::Passenger | VehicleClass::Private | VehicleClass::Delivery),
        exhaust: Exhaust::of(kind.class),
    }
}

/// The course of a day with a weather.
pub(crate) fn climate(weather: &Weather, run: &RunSettings, earth: &Earth, network: &Network) -> Climate {
    let (low, high) = network.bounds();
    let year =
        run.midnight.date().get(..4).and_then(|year| crate::primitives::Timestamp::midnight(&format!("{year}-01-01")));
    let days = year.map_or(0, |first| run.midnight.since(first).as_milliseconds() / 86_400_000);
    Climate {
        seed: run.seed,
        sky: match weather.sky {
            WeatherSky::Dry => Sky::Dry,
            WeatherSky::Rain => Sky::Rain,
            WeatherSky::Snow => Sky::Snow,
            WeatherSky::Fog => Sky::Fog,
        },
        precipitation: weather.precipitation,
        temperature: weather.temperature,
        humidity: weather.humidity * 100.0,
        wind: weather.wind.as_metres_per_second(),
        wind_from: weather.wind_from,
        visibility: weather.visibility.as_metres(),
        latitude: earth.lon_lat(nalgebra::center(&low, &high)).1,
        day: u32::try_from(days + 1).unwrap_or(1),
    }
}

/// Puts one device after the other into the world.
struct Installer<'a> {
    places: Places,
    names: BTreeSet<DeviceId>,
    short: BTreeMap<String, u64>,
    alarm: Alarm,
    begin: SimTime,
    step: SimDuration,
    seed: Seed,
    severity: f64,
    network: &'a Network,
    earth: Earth,
    world: &'a mut World,
}

impl Installer<'_> {
    /// A name nobody else has: cleaning and cutting may make two names one.
    fn name(&mut self, kind: ReadingKind, name: &str) -> DeviceId {
        let mut id = DeviceId::of(kind, name);
        for n in 2_u32.. {
            if self.names.insert(id.clone()) {
                break;
            }
            id = DeviceId::of(kind, &format!("{n}.{name}"));
        }
        id
    }

    fn dice(&self, purpose: Purpose, actor: ActorId) -> Dice {
        dice(self.seed, purpose, actor)
    }

    fn text(&self, edge: u32) -> Text {
        let name = &self.network.edges[edge as usize].name;
        Text::from(name.chars().take(64).collect::<String>())
    }

    /// Spawns an actor that reports every so often and begins at a phase of its own.
    fn spawn(&mut self, (actor, id, at, every): (ActorId, DeviceId, Point, SimDuration), own: impl Bundle) -> Entity {
        let device = Device { id, sequence: 0, lon_lat: self.earth.written(at), every };
        let wake = first_wake(self.dice(Purpose::DeviceTraits, actor), self.begin, every, self.step);
        self.alarm.timers.set(wake, actor);
        let entity = self.world.spawn((Identity(actor), device, own)).id();
        self.world.resource_mut::<Directory>().insert(actor, entity);
        entity
    }

    fn note_missing(&mut self, what: &str, asked: u32, found: usize) {
        let missing = u64::from(asked).saturating_sub(found as u64);
        if missing > 0 {
            self.short.insert(format!("{what} without a place"), missing);
        }
    }

    fn loops(&mut self, demand: &Demand, settings: &SensorSettings) {
        let found = self.places.loops(self.network, settings.loops.count as usize);
        self.note_missing("loops", settings.loops.count, found.len());
        let mut all: Vec<(String, Spot, SimDuration)> = Vec::new();
        for detector in &demand.detectors {
            let DetectorKind::Loop { position } = detector.kind else { continue };
            let Some(&lane) = detector.lanes.first() else { continue };
            // Periods longer than a day, or shorter than a step, are as good as none.
            let whole = detector.period.as_milliseconds() % 1000 == 0;
            let usual = (1_000..=86_400_000).contains(&detector.period.as_milliseconds()) && whole;
            let every = if usual { detector.period } else { settings.loops.every };
            let spot = Places::spot(self.network, lane.raw(), position.as_metres());
            all.push((detector.name.clone(), spot, every));
        }
        for spot in found {
            let name = self.network.lane_name(crate::primitives::ids::LaneId::new(spot.lane as usize));
            all.push((name, spot, settings.loops.every));
        }
        for (index, (name, spot, every)) in (0_u32..).zip(all) {
            let actor = ActorId::new(LOOPS, index);
            let id = self.name(ReadingKind::LoopCount, &name);
            let traits = self.dice(Purpose::DeviceTraits, actor);
            let health = self.dice(Purpose::DetectorHealth, actor);
            let now = self.begin.as_seconds();
            let sensor = InductionLoop {
                road: self.text(spot.edge),
                lane: spot.lane,
                lane_index: self.network.lanes[spot.lane as usize].index,
                position: spot.position,
                errors: LoopDetector::new(self.severity, &mut traits.roll(0), health, now),
                tally: Tally::default(),
                on: false,
            };
            self.spawn((actor, id, spot.point, every), sensor);
        }
    }

    fn cameras(&mut self, settings: &SensorSettings) {
        let found = self.places.cameras(self.network, settings.cameras.count as usize);
        self.note_missing("cameras", settings.cameras.count, found.len());
        let mut views = Views::default();
        for (index, spot) in (0_u32..).zip(found) {
            let actor = ActorId::new(CAMERAS, index);
            let edge = &self.network.edges[spot.edge as usize];
            let lanes = edge.lanes.end - edge.lanes.start;
            let id = self.name(ReadingKind::CameraCount, &edge.name);
            let camera = Camera { road: self.text(spot.edge), lanes, counts: [0; CLASSES], speeds: 0.0, on: false };
            let entity = self.spawn((actor, id, spot.point, settings.cameras.every), camera);
            views.0.insert(spot.edge, entity);
        }
        self.world.insert_resource(views);
    }

    fn air(&mut self, settings: &SensorSettings) {
        let found = self.places.stations(self.network, settings.air.count as usize);
        self.note_missing("air stations", settings.air.count, found.len());
        for (index, point) in (0_u32..).zip(found) {
            let actor = ActorId::new(AIR, index);
            let id = self.name(ReadingKind::Air, &format!("{:03}", index + 1));
            let errors = AirStation::new(self.severity, self.dice(Purpose::DeviceTraits, actor));
            let (pieces, edges) = surroundings(self.network, point);
            let sensor = AirSensor { errors, pieces, edges, before: Vec::new(), since: None };
            self.spawn((actor, id, point, settings.air.every), sensor);
        }
    }

    fn weather(&mut self, settings: &SensorSettings) {
        let found = self.places.spread(self.network, settings.weather.count as usize);
        self.note_missing("weather stations", settings.weather.count, found.len());
        for (index, point) in (0_u32..).zip(found) {
            let actor = ActorId::new(WEATHER, index);
            let id = self.name(ReadingKind::Weather, &format!("{:03}", index + 1));
            let station = WeatherStation::new(&mut self.dice(Purpose::DeviceTraits, actor).roll(0));
            self.spawn((actor, id, point, settings.weather.every), station);
        }
    }

    fn bays(&mut self, settings: &SensorSettings) {
        let found = self.places.bays(self.network, settings.parking.count as usize);
        self.note_missing("parking bays", settings.parking.count, found.len());
        let points: Vec<Point> = found.iter().map(|spot| spot.point).collect();
        let kerb = Kerb::new(&points, self.seed, self.begin);
        for (index, spot) in (0_u32..).zip(found) {
            let actor = ActorId::new(BAYS, index);
            let id = self.name(ReadingKind::Parking, &format!("{:04}", index + 1));
            let mut traits = self.dice(Purpose::DeviceTraits, actor).roll(0);
            let sensor = BaySensor::new(self.severity, kerb.taken(index), &mut traits);
            let gateway = Dice { seed: self.seed, purpose: Purpose::RadioBurst, owner: cell(spot.point) };
            let channel = Channel::new(self.severity, gateway, self.begin.as_seconds());
            let bay = BayDevice { road: self.text(spot.edge), sensor, channel, turns: 0 };
            self.spawn((actor, id, spot.point, settings.parking.every), bay);
        }
        self.world.insert_resource(kerb);
    }

    /// Signals are actors already; they get a voice.
    fn signals(&mut self) {
        for (index, signal) in (0_u32..).zip(&self.network.signals) {
            let actor = ActorId::new(actors::SIGNALS, index);
            let Some(entity) = self.world.resource::<Directory>().get(actor) else { continue };
            let Some(&link) = signal.links.iter().flatten().next() else { continue };
            let at = self.network.junction(self.network.link(link).junction).position;
            let id = self.name(ReadingKind::Signal, &signal.name);
            let device = Device { id, sequence: 0, lon_lat: self.earth.written(at), every: SimDuration::ZERO };
            let junction = Junction(Text::from(signal.name.chars().take(64).collect::<String>()));
            self.world.entity_mut(entity).insert((device, junction));
        }
    }
}

/// The gateway a device's radio goes through: one for every square kilometre.
fn cell(at: Point) -> u64 {
    let square = |metres: f64| {
        #[expect(clippy::cast_possible_truncation, reason = "maps are far smaller than 2^31 km")]
        let number = (metres / GATEWAY).floor() as i32;
        u64::from(number.cast_unsigned())
    };
    square(at.x) << 32 | square(at.y)
}

/// Takes what devices told since it was last taken.
pub(crate) fn take(world: &mut World) -> Vec<crate::telemetry::Emission> {
    let Some(mut outbox) = world.get_resource_mut::<Outbox>() else { return Vec::new() };
    // The next step will tell about as much.
    let next = Vec::with_capacity(outbox.emissions.len());
    std::mem::replace(&mut outbox.emissions, next)
}

/// Puts what somebody else told behind what the devices told, of which there may be none.
pub(crate) fn post(world: &mut World, told: Vec<crate::telemetry::Emission>) {
    let mut outbox = world.get_resource_or_init::<Outbox>();
    for emission in told {
        outbox.post(emission);
    }
}

/// How many emissions were thrown away because nobody took them.
pub(crate) fn discarded(world: &World) -> u64 {
    world.get_resource::<Outbox>().map_or(0, |outbox| outbox.discarded)
}
