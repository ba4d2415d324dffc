//! Weather stations as actors: each reads the weather of its place with the errors of ordinary instruments.
//!
//! Accuracies are those the WMO asks of operational stations (WMO-No. 8, part I, annex 1.A: 0.2 K, 3 %, 0.5 m/s or 10 %, 5° and so
//! on), taken as standard deviations; a station's share of them that never changes is as large as the one that does.

use bevy_ecs::prelude::*;
use rand_distr::{Distribution, StandardNormal};

use super::climate::Moment;
use super::{Alarm, Device, Directory, Outbox, WEATHER, Watch, entity, rounded};
use crate::primitives::random::{KeyedRng, Purpose};
use crate::telemetry::Fate;
use crate::telemetry::reading::Weather;

/// A weather station; its own lasting errors, in deviations, of temperature, humidity, wind, direction and rain.
#[derive(Component, Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct WeatherStation(pub [f64; 5]);

impl WeatherStation {
    /// A station with traits of its own.
    pub(crate) fn new(rng: &mut KeyedRng) -> Self {
        Self(std::array::from_fn(|_| StandardNormal.sample(rng)))
    }
}

/// Stations whose time has come report.
pub(crate) fn report(
    watch: Res<'_, Watch>,
    directory: Res<'_, Directory>,
    mut alarm: ResMut<'_, Alarm>,
    mut outbox: ResMut<'_, Outbox>,
    mut stations: Query<'_, '_, (&mut Device, &WeatherStation)>,
) {
    for actor in alarm.woken(WEATHER) {
        let Some((mut device, station)) = entity(&directory, actor).and_then(|e| stations.get_mut(e).ok()) else {
            continue;
        };
        alarm.timers.set(watch.now + device.every, actor);
        let truth = watch.climate.at(watch.now);
        let mut rng = watch.dice(Purpose::WeatherError, actor).roll(device.sequence);
        let mut off = |k: usize| -> f64 {
            let now: f64 = StandardNormal.sample(&mut rng);
            watch.severity * (station.0[k] + now) / std::f64::consts::SQRT_2
        };
        let measured = Moment {
            temperature: truth.temperature + 0.2 * off(0),
            humidity: (truth.humidity + 3.0 * off(1)).clamp(0.0, 100.0),
            wind: (truth.wind + (0.1 * truth.wind).max(0.5) * off(2)).max(0.0),
            wind_from: (truth.wind_from + 5.0 * off(3)).rem_euclid(360.0),
            // A gauge multiplies; it does not make rain out of nothing.
            precipitation: (truth.precipitation * (1.0 + 0.05 * off(4))).max(0.0),
            ..truth
        };
        let (said, right) = (reading(&device, &measured), reading(&device, &truth));
        outbox.post(device.emit(watch.timestamp(), said, right, None, Fate::Sent));
    }
}

fn reading(device: &Device, weather: &Moment) -> Weather {
    Weather {
        latitude: device.lon_lat.1,
        longitude: device.lon_lat.0,
        sky: weather.sky,
        temperature: rounded(weather.temperature, 1),
        humidity: rounded(weather.humidity, 0),
        wind_speed: rounded(weather.wind, 1),
        wind_direction: rounded(weather.wind_from, 0),
        precipitation: rounded(weather.precipitation, 1),
        visibility: rounded(weather.visibility, 0),
    }
}
