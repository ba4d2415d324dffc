//! Which devices watch the city and under what sky: plain numbers, every default filled in.
//!
//! The default is the set a middling town has. Knows no device and no place; how many of them find one is the simulation's to say.

use crate::primitives::{Distance, SimDuration, Speed};

/// Devices of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Devices {
    /// How many; none is 0.
    pub count: u32,
    /// How often each reports [s].
    pub every: SimDuration,
}

impl Devices {
    const fn new(count: u32, seconds: i64) -> Self {
        Self { count, every: SimDuration::milliseconds(seconds * 1000) }
    }
}

/// Which devices watch the city.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SensorSettings {
    /// Share of vehicles that carry a tracker, 0 to 1.
    pub tracker_share: f64,
    /// How often a tracker reports [s].
    pub tracker_every: SimDuration,
    /// How long a tracker goes on reporting after its vehicle has parked at the end of its trip [s].
    pub tracker_parked: SimDuration,
    /// Share of trackers' messages that the radio damages, 0 to 1.
    pub garbled: f64,
    /// Induction loops, beside those the demand's files bring.
    pub loops: Devices,
    /// Counting cameras.
    pub cameras: Devices,
    /// Air-quality stations.
    pub air: Devices,
    /// Weather stations.
    pub weather: Devices,
    /// Parking bays; they report every change, and at least this often.
    pub parking: Devices,
    /// Whether signals report their phases.
    pub signals: bool,
    /// How badly everything measures: 0 without error, 1 as the literature has it.
    pub severity: f64,
}

impl Default for SensorSettings {
    /// Every vehicle every 5 s until a quarter of an hour after it has parked, 100 loops and 200 cameras every minute, 50 air and 10 weather stations every five minutes, 500
    /// parking bays, and the signals.
    fn default() -> Self {
        Self {
            tracker_share: 1.0,
            tracker_every: SimDuration::milliseconds(5_000),
            tracker_parked: SimDuration::milliseconds(900_000),
            garbled: 1e-5,
            loops: Devices::new(100, 60),
            cameras: Devices::new(200, 60),
            air: Devices::new(50, 300),
            weather: Devices::new(10, 300),
            parking: Devices::new(500, 600),
            signals: true,
            severity: 1.0,
        }
    }
}

impl SensorSettings {
    /// The settings in words, for a manifest.
    pub fn describe(&self) -> Vec<String> {
        let devices = |name: &str, devices: &Devices| format!("{name}: {} every {}", devices.count, devices.every);
        let (share, every, parked) = (self.tracker_share * 100.0, self.tracker_every, self.tracker_parked);
        vec![
            format!("trackers: {share} % every {every}, {parked} after parking, {} % garbled", self.garbled * 100.0),
            devices("loops", &self.loops),
            devices("cameras", &self.cameras),
            devices("air", &self.air),
            devices("weather", &self.weather),
            devices("parking", &self.parking),
            format!("signals: {}", self.signals),
            format!("severity: {}", self.severity),
        ]
    }
}

/// What the sky does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum WeatherSky {
    /// Nothing falls.
    Dry,
    /// Rain.
    Rain,
    /// Snow.
    Snow,
    /// Fog.
    Fog,
}

impl WeatherSky {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Dry => "dry",
            Self::Rain => "rain",
            Self::Snow => "snow",
            Self::Fog => "fog",
        }
    }
}

/// The weather of the day.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Weather {
    /// What the sky does.
    pub sky: WeatherSky,
    /// How much falls on average [mm/h].
    pub precipitation: f64,
    /// Mean temperature of the day [°C].
    pub temperature: f64,
    /// Mean relative humidity of the day, 0 to 1.
    pub humidity: f64,
    /// Mean wind speed [m/s].
    pub wind: Speed,
    /// Where the wind comes from, clockwise from north [°].
    pub wind_from: f64,
    /// How far one sees [m].
    pub visibility: Distance,
}

impl Weather {
    /// A day under this sky, with the numbers such a day has in the temperate zone.
    pub fn under(sky: WeatherSky) -> Self {
        let (precipitation, temperature, humidity, wind, visibility) = match sky {
            WeatherSky::Dry => (0.0, 17.0, 0.60, 3.0, 30_000.0),
            WeatherSky::Rain => (2.0, 13.0, 0.85, 5.0, 8_000.0),
            WeatherSky::Snow => (1.0, -1.0, 0.90, 4.0, 2_000.0),
            WeatherSky::Fog => (0.0, 5.0, 0.97, 1.0, 150.0),
        };
        Self {
            sky,
            precipitation,
            temperature,
            humidity,
            wind: Speed::metres_per_second(wind),
            wind_from: 240.0,
            visibility: Distance::metres(visibility),
        }
    }

    /// The weather in words, for a manifest.
    pub fn describe(&self) -> String {
        format!(
            "{}, {} mm/h, {} °C, {} % humid, wind {} m/s from {}°, visibility {} m",
            self.sky.word(),
            self.precipitation,
            self.temperature,
            self.humidity * 100.0,
            self.wind.as_metres_per_second(),
            self.wind_from,
            self.visibility.as_metres()
        )
    }
}

impl Default for Weather {
    /// A dry day.
    fn default() -> Self {
        Self::under(WeatherSky::Dry)
    }
}
