//! The head of a saved state: which city it belongs to, and what is refused before a single part of it is read.

use serde::{Deserialize, Serialize};

use super::StateError;
use super::origin::Mark;
use super::state::State;
use crate::city::scenario::settings::RunSettings;
use crate::primitives::random::Seed;
use crate::primitives::{SimDuration, SimTime};
use crate::simulation::City;
use crate::simulation::step::Clockwork;

/// The first bytes of every saved state.
pub(crate) const MAGIC: &[u8; 8] = b"citytwin";
/// The number of the form behind them; to be raised by whoever changes the fields of anything that is saved.
pub(crate) const SCHEMA: u32 = 5;

/// What a saved state says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Header {
    version: String,
    map: Mark,
    demand: Mark,
    emergencies: Option<Mark>,
    plan: Option<Mark>,
    devices: Option<Mark>,
    control_room: bool,
    rules: Rules,
    /// Steps taken.
    number: u64,
    time: SimTime,
    city_hash: Mark,
}

/// The settings that a run's course depends on; not when it ends, nor how many threads it uses.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Rules {
    seed: Seed,
    midnight_ms: i64,
    begin: SimTime,
    step: SimDuration,
    road_interval: SimDuration,
    last_resort_after: Option<SimDuration>,
    depart_delay_max: Option<SimDuration>,
}

impl Rules {
    fn of(settings: &RunSettings) -> Self {
        let RunSettings {
            midnight,
            begin,
            end: _,
            step,
            seed,
            threads: _,
            road_interval,
            last_resort_after,
            depart_delay_max,
        } = *settings;
        let midnight_ms = midnight.as_milliseconds();
        Self { seed, midnight_ms, begin, step, road_interval, last_resort_after, depart_delay_max }
    }

    /// The first difference in words, what this one says and what the other says.
    fn difference(&self, other: &Self) -> Option<(&'static str, String, String)> {
        let span = |span: SimDuration| format!("{} s", span.as_seconds());
        let limit = |limit: Option<SimDuration>| limit.map_or("none".to_owned(), span);
        let all = [
            ("seed", self.seed.0.to_string(), other.seed.0.to_string()),
            ("its begin at", self.begin.to_string(), other.begin.to_string()),
            ("steps of", span(self.step), span(other.step)),
            ("midnight at", self.midnight_ms.to_string(), other.midnight_ms.to_string()),
            ("a road table every", span(self.road_interval), span(other.road_interval)),
            ("a last resort after", limit(self.last_resort_after), limit(other.last_resort_after)),
            ("a longest departure delay of", limit(self.depart_delay_max), limit(other.depart_delay_max)),
        ];
        all.into_iter().find(|(_, one, two)| one != two)
    }
}

impl Header {
    /// The head of a city's state.
    pub(crate) fn of(city: &City) -> Self {
        let (map, demand) = city.origin.map_and_demand();
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            map,
            demand,
            emergencies: city.origin.emergencies,
            plan: city.origin.plan,
            devices: city.origin.devices,
            control_room: city.control_room.is_some(),
            rules: Rules::of(&city.settings),
            number: city.world.resource::<Clockwork>().number,
            time: city.time(),
            city_hash: State::of(city).city_hash(),
        }
    }

    /// Whether it speaks of the devices that a state has.
    pub(crate) fn is_of_state(&self, state: &State<'_>) -> bool {
        (self.devices.is_some(), self.control_room) == state.tells()
    }

    /// Whether a city is where the one was that was saved.
    pub(crate) fn is_of(&self, city: &City) -> bool {
        self.number == city.world.resource::<Clockwork>().number
            && self.time == city.time()
            && self.city_hash == State::of(city).city_hash()
    }

    /// Whether the state belongs into a city.
    ///
    /// # Errors
    /// With the first difference that matters.
    pub(crate) fn admit(&self, city: &City) -> Result<(), StateError> {
        if self.version != env!("CARGO_PKG_VERSION") {
            return Err(StateError::Version { found: self.version.clone() });
        }
        let foreign = |what| Err(StateError::Foreign { what });
        let (map, demand) = city.origin.map_and_demand();
        if self.map != map {
            return foreign("with another map than this one");
        }
        if let Some((what, theirs, ours)) = self.rules.difference(&Rules::of(&city.settings)) {
            return Err(StateError::Setting { what, theirs, ours });
        }
        if self.demand != demand {
            return foreign("with other travellers than this one");
        }
        if self.emergencies != city.origin.emergencies {
            return foreign("with other emergencies than this one");
        }
        if self.plan != city.origin.plan {
            return foreign("with other interventions than this one");
        }
        // Devices change nothing in the city: it may go on without them, but they cannot begin in the middle.
        match (self.devices, city.origin.devices) {
            (None, Some(_)) => return foreign("without devices that tell, and this one has some"),
            (Some(theirs), Some(ours)) if theirs != ours => return foreign("with other devices than this one"),
            _ => {}
        }
        if !self.control_room && city.control_room.is_some() {
            return foreign("whose control room is silent, and this one's tells");
        }
        Ok(())
    }
}
