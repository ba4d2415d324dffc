//! Air-quality stations as actors: the background of the day, what the streets around emitted, and the sensors' errors.
//!
//! Background: nitrogen dioxide with a morning and an evening peak, ozone against it, particles nearly flat; round figures of
//! European urban background stations, assumptions of this program. Of the streets' nitrogen oxides 20 % count as NO2 and take as
//! much ozone away as a fresh plume does at the kerb; there is no further chemistry.

use bevy_ecs::prelude::*;

use super::exhaust::Emitted;
use super::scene::Scene;
use super::{AIR, Alarm, Device, Directory, Outbox, Watch, entity, rounded};
use crate::city::network::dispersion::{Piece, Wind};
use crate::primitives::random::Purpose;
use crate::primitives::{SimDuration, SimTime, Speed};
use crate::telemetry::Fate;
use crate::telemetry::error::air::{AirState, AirStation};
use crate::telemetry::reading::Air;

/// Share of the streets' nitrogen oxides that is NO2 at the station, and ozone taken for each part of them.
const NO2_SHARE: f64 = 0.2;
const OZONE_TAKEN: f64 = 0.15;

/// A station.
#[derive(Component, Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct AirSensor {
    pub errors: AirStation,
    /// Pieces of road around it.
    pub pieces: Vec<Piece>,
    /// The edges they belong to, and what these had emitted when it last looked [g].
    pub edges: Vec<u32>,
    pub before: Vec<Emitted>,
    /// When it last looked; none before its first period.
    pub since: Option<SimTime>,
}

/// Stations whose period is over report.
pub(crate) fn report(
    watch: Res<'_, Watch>,
    scene: Res<'_, Scene>,
    directory: Res<'_, Directory>,
    mut alarm: ResMut<'_, Alarm>,
    mut outbox: ResMut<'_, Outbox>,
    mut stations: Query<'_, '_, (&mut Device, &mut AirSensor)>,
) {
    for actor in alarm.woken(AIR) {
        let Some((mut device, mut sensor)) = entity(&directory, actor).and_then(|e| stations.get_mut(e).ok()) else {
            continue;
        };
        alarm.timers.set(watch.now + device.every, actor);
        let streets = from_streets(&watch, &scene, &mut sensor);
        if let Some(streets) = streets {
            let truth = air(&watch, streets);
            let mut rng = watch.dice(Purpose::AirError, actor).roll(device.sequence);
            let (measured, fault) = sensor.errors.observe(&truth, &mut rng);
            let (said, right) = (reading(&device, &measured), reading(&device, &truth));
            outbox.post(device.emit(watch.timestamp(), said, right, fault, Fate::Sent));
        }
    }
}

/// What the streets around have added since the station last looked [g/m³]; none the first time.
fn from_streets(watch: &Watch, scene: &Scene, sensor: &mut AirSensor) -> Option<Emitted> {
    let since = sensor.since.replace(watch.now);
    let span = since.map(|since| watch.now - since).filter(|span| *span > SimDuration::ZERO);
    let now: Vec<Emitted> = sensor.edges.iter().map(|&edge| scene.emitted[edge as usize]).collect();
    let before = std::mem::replace(&mut sensor.before, now);
    let seconds = span?.as_seconds();
    let weather = watch.climate.at(watch.now);
    let wind = Wind::new(Speed::metres_per_second(weather.wind), weather.wind_from);
    let mut sum = Emitted::default();
    for piece in &sensor.pieces {
        let factor = wind.plume(piece);
        if factor > 0.0 {
            let edge = piece.edge as usize;
            let grams = sensor.before[edge].minus(before.get(edge).copied().unwrap_or_default());
            sum.add(grams.times(factor * piece.share / seconds));
        }
    }
    Some(sum)
}

/// The air at a station: the background of the hour and the streets' part [g/m³].
fn air(watch: &Watch, streets: Emitted) -> AirState {
    let weather = watch.climate.at(watch.now);
    let hours = watch.now.as_seconds() / 3600.0;
    let daily = |peak: f64| libm::cos(std::f64::consts::TAU * (hours - peak) / 24.0);
    // Two peaks a day, at 8 and at 20.
    let rush = libm::cos(std::f64::consts::TAU * (hours - 8.0) / 12.0);
    // Rain washes particles out; calm air keeps everything.
    let washed = 1.0 / (1.0 + 0.2 * weather.precipitation);
    let kept = (3.0 / weather.wind.max(1.0)).clamp(0.5, 2.0);
    let streets = streets.times(1e6);
    let fine = (9.0 + 1.5 * rush) * washed * kept + streets.pm2_5;
    AirState {
        pm2_5: fine,
        pm10: fine + 6.0 * washed * kept + (streets.pm10 - streets.pm2_5).max(0.0),
        no2: (16.0 + 7.0 * rush) * kept + NO2_SHARE * streets.nox,
        o3: (55.0 + 25.0 * daily(15.0) - OZONE_TAKEN * streets.nox).max(2.0),
        co: 0.25 + 0.05 * rush + streets.co / 1000.0,
        temperature: weather.temperature,
        humidity: weather.humidity,
    }
}

fn reading(device: &Device, air: &AirState) -> Air {
    Air {
        latitude: device.lon_lat.1,
        longitude: device.lon_lat.0,
        pm2_5: rounded(air.pm2_5, 1),
        pm10: rounded(air.pm10, 1),
        no2: rounded(air.no2, 1),
        o3: rounded(air.o3, 1),
        co: rounded(air.co, 3),
        temperature: rounded(air.temperature, 1),
        humidity: rounded(air.humidity, 0),
    }
}
