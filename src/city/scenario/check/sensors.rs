//! The rules of `sensors` and `weather`: every number within what a device or a sky can do, all problems at once.

use super::{Checker, divides};
use crate::city::scenario::quantity::{At, WrittenDuration};
use crate::city::scenario::sensors::{Devices, SensorSettings, Weather, WeatherSky};
use crate::city::scenario::sensors_file::{DevicesKey, SensorsKey, SkyKey, WeatherKey};
use crate::primitives::SimDuration;

/// The most devices of one kind.
const DEVICES_MAX: u32 = 100_000;
/// The longest time between two reports [s]: a day.
const EVERY_MAX: SimDuration = SimDuration::milliseconds(86_400_000);

impl Checker<'_> {
    /// The devices asked for: the standard set without the key, none where they are switched off.
    pub(super) fn sensors(&mut self, key: Option<&SensorsKey>, step: SimDuration) -> Option<SensorSettings> {
        let standard = SensorSettings::default();
        let Some(key) = key else { return Some(standard) };
        let mut settings = SensorSettings {
            loops: self.devices(key.loops.as_ref(), "`loops`", standard.loops, step),
            cameras: self.devices(key.cameras.as_ref(), "`cameras`", standard.cameras, step),
            air: self.devices(key.air.as_ref(), "`air`", standard.air, step),
            weather: self.devices(key.weather.as_ref(), "`weather`", standard.weather, step),
            parking: self.devices(key.parking.as_ref(), "`parking`", standard.parking, step),
            signals: key.signals.as_ref().is_none_or(|signals| signals.value),
            ..standard
        };
        if let Some(trackers) = key.trackers.as_ref().map(|trackers| &trackers.value) {
            settings.tracker_share = self.share(trackers.share.as_ref(), "`share`").unwrap_or(settings.tracker_share);
            settings.garbled = self.share(trackers.garbled.as_ref(), "`garbled`").unwrap_or(settings.garbled);
            settings.tracker_every = self.every(trackers.every.as_ref(), settings.tracker_every, step);
            if let Some(parked) = &trackers.parked
                && let Some(span) = self.read(parked.spot, parked.value.read())
                && self.within(parked.spot, "`parked`", span.as_seconds(), 0.0, 86_400.0, "s")
            {
                settings.tracker_parked = span;
            }
        }
        if let Some(severity) = &key.severity {
            if (0.0..=3.0).contains(&severity.value) {
                settings.severity = severity.value;
            } else {
                self.wrong(severity.spot, format!("`severity` cannot be {}", severity.value), "a factor from 0 to 3");
            }
        }
        key.enabled.as_ref().is_none_or(|enabled| enabled.value).then_some(settings)
    }

    fn devices(&mut self, key: Option<&At<DevicesKey>>, what: &str, standard: Devices, step: SimDuration) -> Devices {
        let Some(key) = key else { return standard };
        let mut devices = standard;
        if let Some(count) = &key.value.count {
            if count.value > DEVICES_MAX {
                let message = format!("{what} cannot be {} devices", count.value);
                self.wrong(count.spot, message, format!("from 0 to {DEVICES_MAX}"));
            } else {
                devices.count = count.value;
            }
        }
        devices.every = self.every(key.value.every.as_ref(), standard.every, step);
        devices
    }

    /// How often a device reports: whole steps, and at least once a day.
    fn every(&mut self, key: Option<&At<WrittenDuration>>, standard: SimDuration, step: SimDuration) -> SimDuration {
        let Some(key) = key else { return standard };
        let Some(every) = self.read(key.spot, key.value.read()) else { return standard };
        // Counts are per period, and a period is written in whole seconds.
        let whole = divides(step, every) && every.as_milliseconds() % 1000 == 0;
        if every < SimDuration::seconds(1.0) || every > EVERY_MAX || !whole {
            self.wrong(key.spot, format!("a device cannot report every {every}"), "whole seconds, from 1 s to 1 d");
            return standard;
        }
        every
    }

    /// The weather of the day.
    pub(in crate::city::scenario) fn weather(&mut self, key: Option<&WeatherKey>) -> Weather {
        let Some(key) = key else { return Weather::default() };
        let mut weather = Weather::under(match key.sky.value {
            SkyKey::Dry => WeatherSky::Dry,
            SkyKey::Rain => WeatherSky::Rain,
            SkyKey::Snow => WeatherSky::Snow,
            SkyKey::Fog => WeatherSky::Fog,
        });
        if let Some(rainfall) = &key.precipitation
            && let Some(value) = self.read(rainfall.spot, rainfall.value.read())
            && self.within(rainfall.spot, "`precipitation`", value, 0.0, 200.0, "mm/h")
        {
            if value > 0.0 && matches!(weather.sky, WeatherSky::Dry | WeatherSky::Fog) {
                let message = format!("nothing falls from a sky that is `{}`", weather.sky.word());
                self.wrong(rainfall.spot, message, "write `sky: rain` or `sky: snow`, or remove it");
            }
            weather.precipitation = value;
        }
        if let Some(temperature) = &key.temperature
            && let Some(value) = self.read(temperature.spot, temperature.value.read())
            && self.within(temperature.spot, "`temperature`", value, -60.0, 50.0, "°C")
        {
            if weather.sky == WeatherSky::Snow && value > 5.0 {
                self.wrong(temperature.spot, format!("it does not snow at {value} °C"), "at most 5 °C, or `sky: rain`");
            }
            weather.temperature = value;
        }
        weather.humidity = self.share(key.humidity.as_ref(), "`humidity`").unwrap_or(weather.humidity);
        if let Some(wind) = &key.wind
            && let Some(speed) = self.read(wind.spot, wind.value.read())
            && self.within(wind.spot, "`wind`", speed.as_metres_per_second(), 0.0, 60.0, "m/s")
        {
            weather.wind = speed;
        }
        if let Some(from) = &key.wind_from
            && self.within(from.spot, "`wind-from`", from.value, 0.0, 360.0, "degrees")
        {
            weather.wind_from = from.value % 360.0;
        }
        if let Some(visibility) = &key.visibility
            && let Some(seen) = self.read(visibility.spot, visibility.value.read())
            && self.within(visibility.spot, "`visibility`", seen.as_metres(), 1.0, 100_000.0, "m")
        {
            weather.visibility = seen;
        }
        weather
    }
}
