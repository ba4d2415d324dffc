//! Trackers as actors: one in a vehicle, from its entry until some time after it has parked.

use bevy_ecs::prelude::*;
use bevy_ecs::system::SystemParam;
use nalgebra::Vector2;

use super::earth::Geometry;
use super::scene::Scene;
use super::{Alarm, Device, Directory, Outbox, Percept, TRACKERS, Watch, entity, rounded};
use crate::primitives::random::Purpose;
use crate::primitives::{Point, SimDuration, SimTime};
use crate::simulation::actors::{Identity, VEHICLES};
use crate::simulation::kernel::ActorId;
use crate::telemetry::error::full_turn;
use crate::telemetry::error::gnss::{HEADING_FROM, Motion, Passage, Receiver};
use crate::telemetry::field::Text;
use crate::telemetry::reading::{Fix, Position};
use crate::telemetry::{DeviceId, Emission, Fate, Fault};

/// Which vehicles carry trackers, and how these work.
#[derive(Resource, Debug, Clone)]
pub(crate) struct Fleet {
    /// Share of vehicles that carry one, 0 to 1.
    pub share: f64,
    /// How often it reports [s].
    pub every: SimDuration,
    /// How long it goes on after its vehicle has parked [s].
    pub parked: SimDuration,
    /// Share of messages that the radio damages.
    pub garbled: f64,
    /// Device and name of every vehicle, by row of the demand.
    pub vehicles: std::sync::Arc<[(DeviceId, Text)]>,
}

/// A tracker in a vehicle.
#[derive(Component, Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Tracker {
    vehicle: u32,
    class: Text,
    receiver: Receiver,
    /// When it last reported.
    last: SimTime,
    /// Where the vehicle was last: lane and position on it [m].
    place: (u32, f64),
}

/// Trackers of vehicles that have just appeared are switched on.
pub(crate) fn switch_on(
    watch: Res<'_, Watch>,
    scene: Res<'_, Scene>,
    fleet: Res<'_, Fleet>,
    mut alarm: ResMut<'_, Alarm>,
    mut directory: ResMut<'_, Directory>,
    mut commands: Commands<'_, '_>,
) {
    for one in &scene.appeared {
        let actor = ActorId::new(TRACKERS, one.vehicle);
        let traits = watch.dice(Purpose::DeviceTraits, actor);
        let Some((id, _)) = fleet.vehicles.get(one.vehicle as usize) else { continue };
        if traits.roll(2).unit() >= fleet.share {
            continue;
        }
        let receiver = Receiver::new(watch.severity, &mut traits.roll(0));
        let class = Text::clone(&scene.kinds[one.kind as usize].class);
        let tracker = Tracker { vehicle: one.vehicle, class, receiver, last: watch.now, place: (one.lane, one.pos) };
        let device = Device { id: id.clone(), sequence: 0, lon_lat: (0.0, 0.0), every: fleet.every };
        let step = watch.step;
        // Not before the next step: it has to be switched on first.
        let first = super::first_wake(traits, watch.now + step, fleet.every, step);
        alarm.timers.set(first, actor);
        let entity = commands.spawn((Identity(actor), device, tracker)).id();
        directory.insert(actor, entity);
    }
}

/// What a tracker may see.
#[derive(SystemParam)]
pub(crate) struct Sight<'w> {
    watch: Res<'w, Watch>,
    percept: Res<'w, Percept>,
    scene: Res<'w, Scene>,
    geometry: Res<'w, Geometry>,
    fleet: Res<'w, Fleet>,
}

/// How a vehicle moves as its tracker is asked.
struct Seen {
    point: Point,
    motion: Motion,
    ignition: bool,
}

/// Trackers whose time has come report; those whose vehicle is gone are switched off.
pub(crate) fn report(
    sight: Sight<'_>,
    mut alarm: ResMut<'_, Alarm>,
    mut outbox: ResMut<'_, Outbox>,
    mut directory: ResMut<'_, Directory>,
    mut trackers: Query<'_, '_, (&mut Device, &mut Tracker)>,
    mut commands: Commands<'_, '_>,
) {
    // Nearly all were asked equally long ago.
    let mut passage = Passage::new(sight.fleet.every.as_seconds());
    for actor in alarm.woken(TRACKERS) {
        let Some(found) = entity(&directory, actor) else { continue };
        let Ok((mut device, mut tracker)) = trackers.get_mut(found) else { continue };
        let Some((speed, ignition)) = locate(&sight, &directory, &mut tracker) else {
            directory.remove(actor);
            commands.entity(found).despawn();
            continue;
        };
        let (lane, pos) = tracker.place;
        let (shape, scale) = &sight.geometry.lanes[lane as usize];
        let (point, along): (Point, Vector2<f64>) = shape.place_at(pos * scale);
        let edge = sight.percept.road.facts.lane(lane).edge as usize;
        let motion = Motion { along, speed, canyon: sight.geometry.canyon[edge] };
        let seen = Seen { point, motion, ignition };
        let since = (sight.watch.now - tracker.last).as_seconds();
        if passage.span().to_bits() != since.to_bits() {
            passage = Passage::new(since);
        }
        outbox.post(tell(&sight.watch, &sight.fleet, actor, (&mut device, &mut tracker), &seen, &passage));
        alarm.timers.set(sight.watch.now + device.every, actor);
    }
}

/// The vehicle's speed and whether its engine runs, its place noted; none when the tracker's work is over.
fn locate(sight: &Sight<'_>, directory: &Directory, tracker: &mut Tracker) -> Option<(f64, bool)> {
    let Sight { watch, percept, scene, geometry, fleet } = sight;
    if let Some(at) = scene.find(tracker.vehicle) {
        let body = &percept.road.lanes[at.lane as usize][at.slot as usize];
        tracker.place = (at.lane, body.pos);
        return Some((body.speed, true));
    }
    if let Some(parked) = scene.parked(tracker.vehicle) {
        tracker.place = (parked.lane, parked.pos);
        let edge = percept.road.facts.lane(parked.lane).edge as usize;
        let over = geometry.leaves[edge] || watch.now - parked.since > fleet.parked;
        return (!over).then_some((0.0, false));
    }
    // Lifted as a last resort: still in the city, and where it was.
    directory.get(ActorId::new(VEHICLES, tracker.vehicle)).is_some().then_some((0.0, true))
}

/// A fix as a tracker writes it.
struct Written {
    point: Point,
    /// [m/s].
    speed: f64,
    /// Clockwise from north [°].
    heading: Option<f64>,
    hdop: Option<f64>,
}

fn tell(
    watch: &Watch,
    fleet: &Fleet,
    actor: ActorId,
    (device, tracker): (&mut Device, &mut Tracker),
    seen: &Seen,
    passage: &Passage,
) -> Emission {
    tracker.last = watch.now;
    let mut rng = watch.dice(Purpose::GnssError, actor).roll(device.sequence);
    let perceived = tracker.receiver.observe(&seen.motion, passage, &mut rng);
    let name = &fleet.vehicles[tracker.vehicle as usize].1;
    let position = |fix: Option<Written>| {
        let place = fix.as_ref().map(|fix| watch.earth.written(fix.point));
        Position {
            vehicle_id: Text::clone(name),
            vehicle_class: Text::clone(&tracker.class),
            ignition: seen.ignition,
            fix: if fix.is_some() { Fix::ThreeD } else { Fix::None },
            latitude: place.map(|(_, lat)| lat.clamp(-90.0, 90.0)),
            longitude: place.map(|(lon, _)| lon.clamp(-180.0, 180.0)),
            speed: fix.as_ref().map(|fix| rounded(fix.speed * 3.6, 1).min(400.0)),
            direction: fix.as_ref().and_then(|fix| fix.heading).map(|heading| rounded(heading, 1)),
            hdop: fix.as_ref().and_then(|fix| fix.hdop).map(|hdop| rounded(hdop, 1)),
        }
    };
    let Motion { along, speed, .. } = seen.motion;
    let bearing = || full_turn(libm::atan2(along.x, along.y).to_degrees());
    let heading = (speed >= HEADING_FROM).then(bearing);
    let truth = position(Some(Written { point: seen.point, speed, heading, hdop: None }));
    let said = position(perceived.fix.map(|fix| Written {
        point: seen.point + fix.offset,
        speed: fix.speed,
        heading: fix.heading,
        hdop: Some(fix.hdop),
    }));
    let damages = fleet.garbled * watch.severity;
    let damaged = damages > 0.0 && watch.dice(Purpose::RadioDamage, actor).roll(device.sequence).unit() < damages;
    let fate = if damaged { Fate::Garbled } else { Fate::Sent };
    // What the receiver suffers from matters more to whoever grades; the fate tells of the radio anyway.
    let fault = perceived.fault.or(damaged.then_some(Fault::Garbled));
    device.emit(watch.timestamp(), said, truth, fault, fate)
}
