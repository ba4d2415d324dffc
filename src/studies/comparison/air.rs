//! Concentrations beside the roads: what traffic adds, what that makes with the stated background, and how it stands to limits.
//!
//! Nitrogen dioxide is told from nitrogen oxides by the ozone limiting method (Cole and Summerhays 1979, Journal of the Air Pollution
//! Control Association 29, 812): the primary share is dioxide, and of the rest as much as the background's ozone can turn, a mole for a
//! mole, at once. That is the most that ozone can make of it. An hour of a run can be held against limits for hours, and 24
//! hours against those for a day; one simulated day is no year, so how often a limit may be exceeded in a year is not judged.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::exhaust::engine_of;
use super::record::tenth;
use crate::city::network::Network;
use crate::city::scenario::indicators::Group;
use crate::city::scenario::{Dioxide, Effects, LoadedScenario};
use crate::primitives::ids::EdgeId;
use crate::studies::observation::{Air, AirWanted, RoadAir};

/// Nitrogen dioxide in an hour [µg/m³] (Directive 2008/50/EC, annex XI).
pub(super) const DIOXIDE_HOUR: f64 = 200.0;
/// Nitrogen dioxide in 24 hours [µg/m³] (WHO global air quality guidelines 2021).
pub(super) const DIOXIDE_DAY: f64 = 25.0;
/// Particles below 2.5 µm in 24 hours [µg/m³] (WHO global air quality guidelines 2021).
pub(super) const FINE_DAY: f64 = 15.0;
/// Nitrogen dioxide that a mass of ozone makes: a mole of 46 g for a mole of 48 g.
const OF_OZONE: f64 = 46.0 / 48.0;
/// A whole hour [s].
const HOUR: u32 = 3_600;
/// Hours of a day.
const DAY: usize = 24;

/// The air beside a road as it is kept: its id, nitrogen oxides given off [g per km and hour], what is added of them in the mean of the
/// measured time and in the highest hour [µg/m³], exhaust particles in the highest hour [µg/m³], and nitrogen dioxide there, if it can be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct AirTotal(pub String, pub f64, pub f64, pub f64, pub f64, pub Option<f64>);

/// What has to be observed for it, with the engine of every type of vehicle.
pub(super) fn wanted(loaded: &LoadedScenario) -> Option<AirWanted> {
    loaded.comparison.observe.air.then(|| AirWanted {
        engines: loaded
            .demand
            .kinds
            .iter()
            .map(|kind| engine_of(&loaded.comparison.effects, Group::of(kind.class), kind.class))
            .collect(),
        wind: loaded.weather.wind,
        wind_from: loaded.weather.wind_from,
    })
}

/// Nitrogen dioxide where so much nitrogen oxides is added [µg/m³].
fn dioxide(stated: Dioxide, added: f64) -> f64 {
    let turned = ((1.0 - stated.primary) * added).min(OF_OZONE * stated.ozone);
    stated.background + stated.primary * added + turned
}

/// The highest of some figures; zero where there are none.
fn highest(figures: impl Iterator<Item = f64>) -> f64 {
    figures.fold(0.0, f64::max)
}

/// Nitrogen oxides that are added beside a road in the mean of the measured time [µg/m³].
fn mean(hours: &[u32], road: &RoadAir) -> f64 {
    let seconds: f64 = hours.iter().copied().map(f64::from).sum();
    let sum: f64 = road.added.iter().zip(hours).map(|(added, seconds)| added.nox * f64::from(*seconds)).sum();
    sum / seconds
}

/// How many people live at which road: the inhabitants of the map's zones, spread over a zone's roads as its trips are.
pub(super) fn homes(loaded: &LoadedScenario) -> BTreeMap<EdgeId, f64> {
    let mut homes = BTreeMap::new();
    for zone in loaded.places.iter().flat_map(|places| &places.zones) {
        for (road, share) in &zone.roads {
            if let Some(road) = loaded.network.find_edge(road) {
                *homes.entry(road).or_default() += zone.population * share;
            }
        }
    }
    homes
}

/// The measures, by name; those that are not stated or not measured are not there. `homes` are people by road.
#[expect(clippy::cast_precision_loss, reason = "a day has few hours")]
pub(super) fn measures(effects: &Effects, air: &Air, homes: &BTreeMap<EdgeId, f64>) -> Vec<(&'static str, f64)> {
    let length: f64 = air.roads.iter().map(|road| road.length.as_metres()).sum();
    if length <= 0.0 || air.hours.is_empty() {
        return Vec::new();
    }
    let share = |over: &dyn Fn(&RoadAir) -> bool| {
        // The sum of no numbers is minus zero.
        let metres = air.roads.iter().filter(|road| over(road)).fold(0.0, |sum, road| sum + road.length.as_metres());
        metres / length * 100.0
    };
    let every = || air.roads.iter().flat_map(|road| &road.added);
    let nox = highest(every().map(|added| added.nox));
    let beside: f64 = air.roads.iter().map(|road| mean(&air.hours, road) * road.length.as_metres()).sum();
    let mut found = vec![
        ("nox-roadside", beside / length),
        ("nox-highest", nox),
        ("particles-highest", highest(every().map(|added| added.particles))),
    ];
    let live = |road: &RoadAir| homes.get(&road.road).copied().unwrap_or_default();
    let people: f64 = air.roads.iter().map(live).sum();
    if people > 0.0 {
        let breathed: f64 = air.roads.iter().map(|road| mean(&air.hours, road) * live(road)).sum();
        found.push(("nox-inhabitants", breathed / people));
    }
    let whole = |hours: &[u32]| hours.iter().all(|seconds| *seconds >= HOUR);
    let day = air.hours.get(..DAY).is_some_and(whole);
    if let Some(stated) = effects.dioxide {
        // More oxides never make less dioxide, so both are highest in the same hour.
        found.push(("no2-highest", dioxide(stated, nox)));
        let over = |road: &RoadAir| {
            let mut hours = road.added.iter().zip(&air.hours).filter(|(_, seconds)| whole(&[**seconds]));
            hours.any(|(added, _)| dioxide(stated, added.nox) > DIOXIDE_HOUR)
        };
        if air.hours.iter().any(|seconds| whole(&[*seconds])) {
            found.push(("no2-over-hour", share(&over)));
        }
        let mean = |road: &RoadAir| {
            road.added.iter().take(DAY).map(|added| dioxide(stated, added.nox)).sum::<f64>() / DAY as f64
        };
        if day {
            found.push(("no2-over-day", share(&|road| mean(road) > DIOXIDE_DAY)));
        }
    }
    if let Some(background) = effects.fine.filter(|_| day) {
        let mean = |road: &RoadAir| road.added.iter().take(DAY).map(|added| added.particles).sum::<f64>() / DAY as f64;
        found.push(("pm2-5-over-day", share(&|road| background + mean(road) > FINE_DAY)));
    }
    found
}

/// The air beside every road, as it is kept.
pub(super) fn totals(network: &Network, effects: &Effects, air: Option<&Air>) -> Vec<AirTotal> {
    let Some(air) = air else { return Vec::new() };
    let hours: f64 = air.hours.iter().copied().map(f64::from).sum::<f64>() / f64::from(HOUR);
    let of = |road: &RoadAir| {
        let nox = highest(road.added.iter().map(|added| added.nox));
        let given_off = road.emitted.nox / road.length.as_kilometres() / hours;
        AirTotal(
            network.edge(road.road).name.clone(),
            if given_off.is_finite() { tenth(given_off) } else { 0.0 },
            hundredth(mean(&air.hours, road)),
            hundredth(nox),
            hundredth(highest(road.added.iter().map(|added| added.particles))),
            effects.dioxide.map(|stated| hundredth(dioxide(stated, nox))),
        )
    };
    air.roads.iter().map(of).collect()
}

/// To a hundredth of a microgram, which is more than anybody measures.
fn hundredth(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::city::scenario::indicators::{Measure, Needs, QUANTITIES};
    use crate::primitives::Distance;
    use crate::studies::observation::Burden;

    const STATED: Dioxide = Dioxide { background: 20.0, ozone: 48.0, primary: 0.25 };

    fn near(value: f64, expected: f64) {
        assert!((value - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{value} instead of {expected}");
    }

    /// 48 µg of ozone turn 46 µg. Of 40 µg added 10 are dioxide and 30 are turned, all of them; of 400 µg, 100 and 46.
    #[test]
    fn ozone_limits_how_much_becomes_dioxide() {
        near(dioxide(STATED, 0.0), 20.0);
        near(dioxide(STATED, 40.0), 60.0);
        near(dioxide(STATED, 400.0), 20.0 + 100.0 + 46.0);
        let none = Dioxide { ozone: 0.0, ..STATED };
        near(dioxide(none, 400.0), 120.0);
    }

    fn road(number: usize, metres: f64, nox: &[f64]) -> RoadAir {
        let added = nox.iter().map(|nox| Burden { nox: *nox, particles: nox / 100.0 }).collect();
        let emitted = Burden { nox: 50.0, particles: 1.0 };
        RoadAir { road: EdgeId::new(number), length: Distance::metres(metres), emitted, added }
    }

    fn value(found: &[(&'static str, f64)], name: &str) -> Option<f64> {
        found.iter().find(|one| one.0 == name).map(|one| one.1)
    }

    /// Of 400 m, the 100 m of the first road are over 200 µg/m³ in the hour that is whole, those of the second only in the rest.
    #[test]
    fn only_whole_hours_are_held_against_limits() {
        let effects = Effects { dioxide: Some(STATED), fine: Some(9.0), ..Effects::default() };
        let roads = vec![road(0, 100.0, &[800.0, 0.0]), road(1, 300.0, &[0.0, 900.0])];
        let air = Air { hours: vec![3_600, 1_800], roads };
        let homes = [(EdgeId::new(0), 30.0), (EdgeId::new(1), 10.0), (EdgeId::new(7), 99.0)].into();
        let found = measures(&effects, &air, &homes);
        near(value(&found, "no2-over-hour").expect("a whole hour"), 25.0);
        near(value(&found, "nox-highest").expect("roads"), 900.0);
        near(value(&found, "particles-highest").expect("roads"), 9.0);
        near(value(&found, "no2-highest").expect("roads"), dioxide(STATED, 900.0));
        near(value(&found, "nox-roadside").expect("roads"), (100.0 * 800.0 * 2.0 / 3.0 + 300.0 * 300.0) / 400.0);
        near(value(&found, "nox-inhabitants").expect("people"), (30.0 * 800.0 * 2.0 / 3.0 + 10.0 * 300.0) / 40.0);
        assert_eq!((value(&found, "no2-over-day"), value(&found, "pm2-5-over-day")), (None, None), "no day");
        let short = Air { hours: vec![1_800], roads: vec![road(0, 100.0, &[800.0])] };
        assert_eq!(value(&measures(&effects, &short, &BTreeMap::new()), "no2-over-hour"), None);
        assert!(measures(&effects, &Air::default(), &homes).is_empty());
    }

    /// The mean of a day's dioxide is not the dioxide of the mean: ozone is there in every hour anew.
    #[test]
    fn a_day_is_held_against_the_guidelines_of_a_day() {
        let effects = Effects { dioxide: Some(STATED), fine: Some(9.0), ..Effects::default() };
        let mut nox = vec![0.0; 24];
        (nox[8], nox[9]) = (400.0, 400.0);
        // (22 · 20 + 2 · 166) / 24 = 32.2, and 9 + 2 · 4 / 24 = 9.3; the mean of the oxides would make 20 + 33.3.
        let roads = vec![road(0, 100.0, &nox), road(1, 100.0, &[0.0; 24])];
        let found = measures(&effects, &Air { hours: vec![3_600; 24], roads }, &[(EdgeId::new(1), 5.0)].into());
        near(value(&found, "no2-over-day").expect("a day"), 50.0);
        assert_eq!(value(&found, "pm2-5-over-day").map(f64::to_bits), Some(0));
        let names: Vec<&str> = found.iter().map(|one| one.0).collect();
        let wanted =
            QUANTITIES.iter().filter(|one| matches!(one.needs, Needs::Air | Needs::Dioxide | Needs::Particles));
        for quantity in wanted {
            assert!(names.contains(&quantity.name), "{}", quantity.name);
        }
        assert!(names.iter().all(|name| Measure::parse(name).is_ok()));
        let bare = measures(
            &Effects::default(),
            &Air { hours: vec![3_600; 24], roads: vec![road(0, 1.0, &[1.0; 24])] },
            &BTreeMap::new(),
        );
        assert_eq!(bare.len(), 3, "nothing is told that takes a background");
    }
}
