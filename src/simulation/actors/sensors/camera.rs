//! Counting cameras as actors: each looks at the end of its road and counts who leaves it, by class.

use std::collections::BTreeMap;

use bevy_ecs::prelude::*;

use super::detector::period;
use super::scene::Scene;
use super::{Alarm, CAMERAS, Device, Directory, Outbox, Percept, Watch, entity, rounded};
use crate::primitives::VehicleClass;
use crate::primitives::random::Purpose;
use crate::simulation::kernel::ActorId;
use crate::telemetry::error::camera::{self, CLASSES};
use crate::telemetry::field::Text;
use crate::telemetry::reading::CameraCount;
use crate::telemetry::{Emission, Fate, Fault};

/// A camera at the end of a road.
#[derive(Component, Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Camera {
    pub road: Text,
    /// Lanes of the road.
    pub lanes: u32,
    /// Who has left the road in this period, by class.
    pub counts: [u32; CLASSES],
    /// Sum of their speeds [m/s].
    pub speeds: f64,
    /// Whether its first whole period has begun.
    pub on: bool,
}

/// Cameras by the edge they look at.
#[derive(Resource, Debug, Default)]
pub(crate) struct Views(pub BTreeMap<u32, Entity>);

/// Which of a camera's classes a vehicle looks like: cars, vans, trucks, buses, motorcycles, others.
pub(crate) const fn class_of(class: VehicleClass) -> usize {
    match class {
        VehicleClass::Private
        | VehicleClass::Vip
        | VehicleClass::Passenger
        | VehicleClass::Hov
        | VehicleClass::Taxi
        | VehicleClass::Evehicle => 0,
        VehicleClass::Delivery => 1,
        VehicleClass::Truck | VehicleClass::Trailer => 2,
        VehicleClass::Bus | VehicleClass::Coach => 3,
        VehicleClass::Motorcycle | VehicleClass::Moped => 4,
        _ => 5,
    }
}

/// Cameras look at those who leave their roads.
pub(crate) fn perceive(
    percept: Res<'_, Percept>,
    scene: Res<'_, Scene>,
    views: Res<'_, Views>,
    mut cameras: Query<'_, '_, &mut Camera>,
) {
    for one in &percept.crossed {
        if let Some(mut camera) = views.0.get(&one.from_edge).and_then(|&entity| cameras.get_mut(entity).ok()) {
            camera.counts[scene.kinds[one.kind as usize].camera_class] += 1;
            camera.speeds += one.speed;
        }
    }
}

/// Cameras whose period is over report.
pub(crate) fn report(
    watch: Res<'_, Watch>,
    directory: Res<'_, Directory>,
    mut alarm: ResMut<'_, Alarm>,
    mut outbox: ResMut<'_, Outbox>,
    mut cameras: Query<'_, '_, (&mut Device, &mut Camera)>,
) {
    for actor in alarm.woken(CAMERAS) {
        let Some((mut device, mut camera)) = entity(&directory, actor).and_then(|e| cameras.get_mut(e).ok()) else {
            continue;
        };
        alarm.timers.set(watch.now + device.every, actor);
        if std::mem::replace(&mut camera.on, true) {
            outbox.post(tell(&watch, actor, &mut device, &camera));
        }
        camera.counts = [0; CLASSES];
        camera.speeds = 0.0;
    }
}

fn tell(watch: &Watch, actor: ActorId, device: &mut Device, camera: &Camera) -> Emission {
    let total: u32 = camera.counts.iter().sum();
    let lane_minutes = f64::from(camera.lanes.max(1)) * device.every.as_seconds() / 60.0;
    let flow = f64::from(total) / lane_minutes;
    let tall = f64::from(camera::tall(&camera.counts)) / lane_minutes;
    let rates = watch.climate.sight(watch.now).rates(flow, tall, watch.severity);
    let mut rng = watch.dice(Purpose::CameraError, actor).roll(device.sequence);
    let seen = camera::count(&camera.counts, &rates, &mut rng);
    let speed = (total > 0).then(|| camera.speeds / f64::from(total));
    let said = reading(device, camera, &seen, speed.filter(|_| seen.iter().any(|&n| n > 0)));
    let truth = reading(device, camera, &camera.counts, speed);
    device.emit(watch.timestamp(), said, truth, rates.poor.then_some(Fault::PoorSight), Fate::Sent)
}

fn reading(device: &Device, camera: &Camera, counts: &[u32; CLASSES], speed: Option<f64>) -> CameraCount {
    let [cars, vans, trucks, buses, motorcycles, others] = *counts;
    CameraCount {
        road_id: Text::clone(&camera.road),
        latitude: device.lon_lat.1,
        longitude: device.lon_lat.0,
        period_s: period(device),
        cars,
        vans,
        trucks,
        buses,
        motorcycles,
        others,
        speed: speed.map(|speed| rounded(speed * 3.6, 1).min(400.0)),
    }
}
