//! The weather turns while the city runs: what devices see at once, how people drive within three minutes.
//!
//! Driving changes as a scenario's weather changes it, by what a dry day's vehicle types become in it ([`Driving`]). A road does not get
//! slippery from one second to the next: speeds, headways and grip go in a straight line from what they were, so that nobody who has
//! left enough room to brake finds that it was not enough.

use std::sync::Arc;

use bevy_ecs::prelude::*;

use super::live::Live;
use crate::city::demand::VehicleKind;
use crate::city::scenario::{Driving, Weather, WeatherSky};
use crate::primitives::{Distance, SimDuration, SimTime};
use crate::simulation::City;
use crate::simulation::actors::Percept;
use crate::simulation::actors::sensors::Watch;
use crate::simulation::sensing;
use crate::simulation::step::Gate;
use crate::simulation::traffic::body::KindFacts;

/// How long the weather takes to turn [s].
const TURN: SimDuration = SimDuration::milliseconds(180_000);

/// A weather that was made by hand, and how far people drive by it.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Sky {
    /// The weather.
    pub weather: Weather,
    /// How people drove when it began to turn.
    from: Driving,
    since: SimTime,
    /// How people drive now.
    now: Driving,
    /// Whether they drive as the weather wants it.
    reached: bool,
}

/// How the types of the demand drive on a dry day, and how fast everybody drives in the weather the run began with, against that.
#[derive(Resource, Debug, Clone)]
pub(crate) struct DryDay {
    kinds: Arc<[VehicleKind]>,
    speed: f64,
}

/// Lets the weather turn.
pub(super) fn turn(city: &mut City, weather: Weather) -> Result<String, String> {
    sound(&weather)?;
    let now = city.time();
    let from = city.world.get_resource::<Live>().and_then(|live| live.sky).map(|sky| sky.now);
    let from = from.unwrap_or_else(|| city.origin.weather.driving());
    let sky = Sky { weather, from, since: now, now: from, reached: false };
    city.world.get_resource_or_init::<Live>().sky = Some(sky);
    settle(city);
    Ok(format!("the weather turns: {}", weather.describe()))
}

/// What is not in the state of a city with such a weather: what its types are on a dry day, and what its devices see.
pub(crate) fn settle(city: &mut City) {
    let Some(sky) = city.world.get_resource::<Live>().and_then(|live| live.sky) else { return };
    let speed = city.origin.weather.driving().speed;
    city.world.insert_resource(DryDay { kinds: city.origin.dry_kinds(), speed });
    city.world.resource_mut::<Gate>().sky = sky.now.speed / speed;
    let network = Arc::clone(&city.origin.network);
    if let Some(mut watch) = city.world.get_resource_mut::<Watch>() {
        watch.climate = sensing::climate(&sky.weather, &city.settings, &watch.earth, &network);
    }
}

/// People drive more and more as the weather wants it.
pub(crate) fn adapt(
    live: Option<ResMut<'_, Live>>,
    dry: Option<Res<'_, DryDay>>,
    mut percept: ResMut<'_, Percept>,
    mut gate: ResMut<'_, Gate>,
) {
    let (Some(mut live), Some(dry)) = (live, dry) else { return };
    let Some(sky) = live.sky.as_mut().filter(|sky| !sky.reached) else { return };
    let share = ((percept.now - sky.since).as_seconds() / TURN.as_seconds()).clamp(0.0, 1.0);
    sky.reached = share >= 1.0;
    sky.now = sky.from.towards(&sky.weather.driving(), share);
    let road = &mut percept.road;
    for (facts, kind) in road.kinds.iter_mut().zip(dry.kinds.iter()) {
        let mut kind = kind.clone();
        sky.now.apply_to(&mut kind);
        *facts = KindFacts::new(&kind);
    }
    gate.sky = sky.now.speed / dry.speed;
    let first_block = road.first_block;
    let on_lanes = road.lanes.iter_mut().flatten().filter(|body| body.id < first_block);
    for body in on_lanes.chain(road.rescue.iter_mut().map(|passing| &mut passing.body)) {
        body.speed_factor = gate.speed_factor(body.id);
    }
    let mut lifted = std::mem::take(&mut gate.lifted);
    for body in &mut lifted {
        body.speed_factor = gate.speed_factor(body.id);
    }
    gate.lifted = lifted;
}

/// Whether the weather is turning.
pub(crate) fn is_turning(live: Option<Res<'_, Live>>) -> bool {
    live.is_some_and(|live| live.sky.is_some_and(|sky| !sky.reached))
}

/// What a scenario may say of its weather; what is wrong.
fn sound(weather: &Weather) -> Result<(), String> {
    let within = |what: &str, value: f64, low: f64, high: f64, unit: &str| {
        let fits = (low..=high).contains(&value);
        fits.then_some(()).ok_or_else(|| format!("{what} is {low} to {high} {unit}, not {value}; say one within that"))
    };
    within("what falls", weather.precipitation, 0.0, 200.0, "mm/h")?;
    within("the temperature", weather.temperature, -60.0, 50.0, "°C")?;
    within("humidity", weather.humidity, 0.0, 1.0, "of what air can hold")?;
    within("the wind", weather.wind.as_metres_per_second(), 0.0, 60.0, "m/s")?;
    within("where the wind comes from", weather.wind_from, 0.0, 360.0, "degrees")?;
    within("how far one sees", weather.visibility.as_metres(), 1.0, 100_000.0, "m")?;
    let (falls, warm) = (weather.precipitation > 0.0, weather.temperature > 5.0);
    match weather.sky {
        WeatherSky::Dry | WeatherSky::Fog if falls => Err(format!(
            "nothing falls from a sky that is {}; say rain or snow, or that nothing falls",
            weather.sky.word()
        )),
        WeatherSky::Snow if warm => {
            Err(format!("it does not snow at {} °C; say at most 5 °C, or rain", weather.temperature))
        }
        _ => Ok(()),
    }
}

impl City {
    /// The weather as it is by now: the scenario's, or the one that was made by hand since.
    pub fn weather(&self) -> Weather {
        let sky = self.world.get_resource::<Live>().and_then(|live| live.sky);
        sky.map_or(self.origin.weather, |sky| sky.weather)
    }

    /// The weather under another sky than now, with as much of it as somebody has said; the rest is what such a day has, and
    /// moderate. `falls` is in mm/h, `temperature` in °C and stays as it is unless that would be too warm for snow.
    pub fn weather_under(
        &self,
        sky: WeatherSky,
        falls: Option<f64>,
        visibility: Option<Distance>,
        temperature: Option<f64>,
    ) -> Weather {
        let usual = Weather::under(sky);
        let moderate = match sky {
            WeatherSky::Rain => 4.0,
            WeatherSky::Snow => 2.0,
            WeatherSky::Dry | WeatherSky::Fog => 0.0,
        };
        let present = self.weather().temperature;
        let kept = if sky == WeatherSky::Snow { present.min(usual.temperature) } else { present };
        Weather {
            precipitation: falls.unwrap_or(moderate),
            visibility: visibility.unwrap_or(usual.visibility),
            temperature: temperature.unwrap_or(kept),
            ..usual
        }
    }
}
