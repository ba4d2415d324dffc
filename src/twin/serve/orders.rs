//! From what an operator asks for to a change in the simulated city.
//!
//! Names are looked up here, and what is not there is refused with what was probably meant; what a change comes to, and whether it can be
//! made, is the simulation's to say.

use super::cast::{Cast, meant, shown};
use crate::api::port::{Intervention, Refused};
use crate::city::scenario::WeatherSky;
use crate::primitives::ids::{EdgeId, SignalId};
use crate::primitives::{Category, Distance, IncidentKind, SimDuration};
use crate::simulation::City;
use crate::simulation::change::Change;

/// Longest time that is turned into milliseconds [s]; what may be meant is shorter by far.
const SECONDS_MAX: f64 = 1e9;
/// What may be asked of the weather: falling [mm/h], seeing [m], temperature [°C].
const FALLS: std::ops::RangeInclusive<f64> = 0.0..=200.0;
const SEEN: std::ops::RangeInclusive<f64> = 10.0..=100_000.0;
const DEGREES: std::ops::RangeInclusive<f64> = -60.0..=60.0;

/// Changes a city, between two steps; what was done, in a sentence. Nothing has changed where it is refused.
pub(super) fn carry_out(city: &mut City, cast: &Cast, wanted: &Intervention) -> Result<String, Refused> {
    let change = change(city, cast, wanted)?;
    city.intervene(change).map_err(Refused::Invalid)
}

fn change(city: &City, cast: &Cast, wanted: &Intervention) -> Result<Change, Refused> {
    Ok(match wanted {
        Intervention::CloseRoad { road } => Change::CloseRoad { road: road_of(cast, road)? },
        Intervention::OpenRoad { road } => Change::OpenRoad { road: road_of(cast, road)? },
        Intervention::Incident { road, what, position_m, lanes, duration_s, casualties } => Change::Incident {
            road: road_of(cast, road)?,
            kind: one_of(what, &KINDS, IncidentKind::name, "an incident is")?,
            position: place(*position_m)?,
            lanes: lanes.unwrap_or(1),
            duration: seconds(*duration_s)?,
            casualties: *casualties,
        },
        Intervention::ClearIncident { incident } => Change::ClearIncident { incident: *incident },
        Intervention::RetimeSignal { signal, durations_s, offset_s } => Change::RetimeSignal {
            signal: signal_of(cast, signal)?,
            durations: durations_s.iter().map(|&one| seconds(one)).collect::<Result<_, _>>()?,
            offset: offset_s.map(seconds).transpose()?,
        },
        Intervention::Weather { sky, rate_mm_h, visibility_m, temperature_c } => {
            let sky = one_of(sky, &SKIES, WeatherSky::word, "the sky is")?;
            let falls = within(*rate_mm_h, &FALLS, "mm/h fall")?;
            let visibility = within(*visibility_m, &SEEN, "m are seen")?.map(Distance::metres);
            let temperature = within(*temperature_c, &DEGREES, "°C")?;
            Change::Weather(city.weather_under(sky, falls, visibility, temperature))
        }
        Intervention::Call { road, position_m, category } => Change::Call {
            road: road_of(cast, road)?,
            position: place(*position_m)?,
            category: one_of(category, &Category::ALL, Category::name, "a call's category is")?,
        },
        Intervention::SendUnit { unit, call } => Change::SendUnit {
            unit: city.unit_named(unit).ok_or_else(|| {
                let names = cast.units.iter().map(|name| &**name);
                Refused::Unknown(format!("there is no ambulance `{}`{}", shown(unit), meant(unit, names)))
            })?,
            call: *call,
        },
    })
}

const KINDS: [IncidentKind; 4] =
    [IncidentKind::Crash, IncidentKind::Breakdown, IncidentKind::Roadworks, IncidentKind::Obstruction];
const SKIES: [WeatherSky; 4] = [WeatherSky::Dry, WeatherSky::Rain, WeatherSky::Snow, WeatherSky::Fog];

/// The one of this name.
fn one_of<T: Copy>(word: &str, all: &[T], name: impl Fn(T) -> &'static str, what: &str) -> Result<T, Refused> {
    all.iter().copied().find(|&one| name(one) == word).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|&one| name(one)).collect();
        Refused::Invalid(format!("{what} one of {}, not `{}`", names.join(", "), shown(word)))
    })
}

fn seconds(value: f64) -> Result<SimDuration, Refused> {
    if value.is_finite() && value.abs() <= SECONDS_MAX {
        return Ok(SimDuration::seconds(value));
    }
    Err(Refused::Invalid(format!("{value} s is no time; say how many seconds")))
}

fn place(metres: Option<f64>) -> Result<Option<Distance>, Refused> {
    if metres.is_some_and(|metres| !metres.is_finite()) {
        return Err(Refused::Invalid("a place on a road is metres from its start; say how many".to_owned()));
    }
    Ok(metres.map(Distance::metres))
}

fn within(value: Option<f64>, range: &std::ops::RangeInclusive<f64>, unit: &str) -> Result<Option<f64>, Refused> {
    match value {
        Some(value) if !range.contains(&value) => {
            let (low, high) = (range.start(), range.end());
            Err(Refused::Invalid(format!("{value} {unit} in no weather here; say {low} to {high}")))
        }
        value => Ok(value),
    }
}

/// The road of a name.
fn road_of(cast: &Cast, road: &str) -> Result<EdgeId, Refused> {
    let network = cast.network();
    network.find_edge(road).ok_or_else(|| {
        let names = network.edges.iter().filter(|edge| !edge.is_internal()).map(|edge| edge.name.as_str());
        Refused::Unknown(format!("there is no road `{}`{}", shown(road), meant(road, names)))
    })
}

/// The signal of a name.
fn signal_of(cast: &Cast, signal: &str) -> Result<SignalId, Refused> {
    let signals = &cast.network().signals;
    signals.iter().position(|one| one.name == signal).map(SignalId::new).ok_or_else(|| {
        let names = signals.iter().map(|one| one.name.as_str());
        Refused::Unknown(format!("there is no signal `{}`{}", shown(signal), meant(signal, names)))
    })
}
