//! The keys `sensors` and `weather` of a scenario file, as types; part of the grammar in `file.rs`.
//!
//! Knows no rules between keys.

use schemars::JsonSchema;
use serde::Deserialize;

use super::quantity::{
    At, WrittenDistance, WrittenDuration, WrittenRainfall, WrittenShare, WrittenSpeed, WrittenTemperature,
};

/// Which devices watch the city; a scenario without this key has the standard set.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct SensorsKey {
    /// Whether there are any devices at all. There are unless it says `false`.
    pub enabled: Option<At<bool>>,
    /// Trackers in vehicles.
    pub trackers: Option<At<TrackersKey>>,
    /// Induction loops on the best-used roads. 100 every minute unless given.
    pub loops: Option<At<DevicesKey>>,
    /// Counting cameras on the best-used roads. 200 every minute unless given.
    pub cameras: Option<At<DevicesKey>>,
    /// Air-quality stations. 50 every five minutes unless given.
    pub air: Option<At<DevicesKey>>,
    /// Weather stations. 10 every five minutes unless given.
    pub weather: Option<At<DevicesKey>>,
    /// Parking bays with sensors; they report changes, and `every` they report anyway. 500 every ten minutes unless given.
    pub parking: Option<At<DevicesKey>>,
    /// Whether signals report their phases. They do unless it says `false`.
    pub signals: Option<At<bool>>,
    /// How badly everything measures, from 0 (no error) to 3; 1, as the literature has it, unless given.
    pub severity: Option<At<f64>>,
}

/// Trackers in vehicles.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct TrackersKey {
    /// Share of vehicles that carry one. 100 % unless given.
    pub share: Option<At<WrittenShare>>,
    /// How often it reports. 5 s unless given.
    pub every: Option<At<WrittenDuration>>,
    /// How long it goes on after its vehicle has parked. 15 min unless given; `0 s` stops it at once.
    pub parked: Option<At<WrittenDuration>>,
    /// Share of messages that the radio damages. 0.001 % unless given.
    pub garbled: Option<At<WrittenShare>>,
}

/// Devices of one kind.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct DevicesKey {
    /// How many; 0 for none.
    pub count: Option<At<u32>>,
    /// How often each reports.
    pub every: Option<At<WrittenDuration>>,
}

/// The weather of the day; a dry one unless given.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WeatherKey {
    /// What the sky does.
    pub sky: At<SkyKey>,
    /// How much rain or melted snow falls on average. 2 mm/h of rain or 1 mm/h of snow unless given.
    pub precipitation: Option<At<WrittenRainfall>>,
    /// Mean temperature of the day.
    pub temperature: Option<At<WrittenTemperature>>,
    /// Mean relative humidity of the day.
    pub humidity: Option<At<WrittenShare>>,
    /// Mean wind speed.
    pub wind: Option<At<WrittenSpeed>>,
    /// Where the wind comes from, in degrees clockwise from north. 240 unless given.
    pub wind_from: Option<At<f64>>,
    /// How far one sees.
    pub visibility: Option<At<WrittenDistance>>,
}

/// What the sky does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum SkyKey {
    /// Nothing falls.
    Dry,
    /// Rain.
    Rain,
    /// Snow.
    Snow,
    /// Fog.
    Fog,
}
