//! What the trips of a run burn, emit and cost, by the engines and prices that the scenario states.
//!
//! Factors are those of whole trips by their mean speed (`studies/effects`), so every trip counts once, with its distance and its
//! speed, halts included; unfinished trips count as far as they came, or a city that stands still would look clean. Groups without a
//! stated engine are left out, and how much of the distance is covered is a measure itself.

use std::collections::BTreeMap;

use crate::city::scenario::indicators::Group;
use crate::city::scenario::{BusEngine, CarEngine, Effects, LoadedScenario};
use crate::primitives::{Speed, VehicleClass};
use crate::simulation::outcome::{Outcome, Trip};
use crate::studies::effects::{Engine, Substance, carbon_dioxide, factor};

use super::measures::group_of;

/// What is added up over the trips of a group.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Sum {
    /// Distance with an engine that has curves [km].
    covered: f64,
    /// Nitrogen oxides [g].
    nox: f64,
    /// Particles from the exhaust [g].
    particles: f64,
    /// Fuel and carbon dioxide [kg]; none as soon as one of the engines has no curve.
    fuel: Option<(f64, f64)>,
    /// Trips with an engine.
    trips: u32,
}

/// The engine of a vehicle; none where the scenario states none.
pub(super) const fn engine_of(effects: &Effects, group: Group, class: VehicleClass) -> Option<Engine> {
    match (group, class) {
        // An electric car burns nothing here, and is not covered by a curve either.
        (Group::Car, VehicleClass::Evehicle) => None,
        (Group::Car, _) => match effects.car {
            Some(CarEngine::PetrolEuro5) => Some(Engine::PetrolCarEuro5),
            Some(CarEngine::PetrolEuro6) => Some(Engine::PetrolCarEuro6),
            Some(CarEngine::DieselEuro5) => Some(Engine::DieselCarEuro5),
            Some(CarEngine::DieselEuro6) => Some(Engine::DieselCarEuro6),
            None => None,
        },
        (Group::Bus, _) => match effects.bus {
            Some(BusEngine::DieselEuroV) => Some(Engine::CityBusEuroV),
            Some(BusEngine::DieselEuroVI) => Some(Engine::CityBusEuroVI),
            None => None,
        },
        _ => None,
    }
}

impl Sum {
    /// Adds a trip over a distance [km] at a mean speed.
    fn add(&mut self, engine: Engine, distance: f64, speed: Speed) {
        let grams = |substance| factor(engine, substance, speed).map(|factor| factor.grams_per_kilometre * distance);
        self.covered += distance;
        self.nox += grams(Substance::NitrogenOxides).unwrap_or(f64::NAN);
        self.particles += grams(Substance::ExhaustParticles).unwrap_or(f64::NAN);
        let before = if self.trips == 0 { Some((0.0, 0.0)) } else { self.fuel };
        self.fuel = before.zip(grams(Substance::Fuel)).map(|((fuel, carbon), grams)| {
            let burnt = grams / 1000.0;
            (fuel + burnt, carbon + carbon_dioxide(engine.fuel(), burnt))
        });
        self.trips += 1;
    }
}

/// Time of a trip with what it waited before it could begin [h].
fn hours(trip: &Trip) -> f64 {
    (trip.duration + trip.depart_delay).as_seconds() / 3600.0
}

/// The measures, by name without group, and their group.
pub(super) fn measures(loaded: &LoadedScenario, outcome: &Outcome) -> Vec<(&'static str, Group, f64)> {
    let effects = &loaded.comparison.effects;
    let mut found = Vec::new();
    let mut sums: BTreeMap<Group, Sum> = BTreeMap::new();
    let (mut driven, mut time_cost, mut any_time) = (0.0, 0.0, false);
    for trip in &outcome.trips {
        let Some(row) = loaded.demand.vehicles.get(trip.vehicle.index()) else { continue };
        let (group, class) = (group_of(loaded, trip), loaded.demand.kind(row.kind).class);
        if let Some(value) = effects.time[group as usize] {
            time_cost += value * hours(trip);
            any_time = true;
        }
        let distance = trip.route_length.as_kilometres();
        let seconds = trip.duration.as_seconds();
        if distance <= 0.0 || seconds <= 0.0 {
            continue;
        }
        driven += distance;
        if let Some(engine) = engine_of(effects, group, class) {
            let speed = Speed::metres_per_second(distance * 1000.0 / seconds);
            for group in [Group::All, group] {
                sums.entry(group).or_default().add(engine, distance, speed);
            }
        }
    }
    for (group, sum) in &sums {
        found.extend([("nox", *group, sum.nox), ("exhaust-particles", *group, sum.particles)]);
        if let Some((fuel, carbon)) = sum.fuel {
            found.extend([("fuel", *group, fuel), ("co2", *group, carbon)]);
        }
    }
    let all = sums.get(&Group::All).copied().unwrap_or_default();
    if all.trips > 0 {
        found.push(("exhaust-covered", Group::All, all.covered / driven * 100.0));
    }
    let mut whole = 0.0;
    let mut cost = |name: &'static str, value: Option<f64>| {
        if let Some(value) = value {
            whole += value;
            found.push((name, Group::All, value));
        }
    };
    cost("time-cost", any_time.then_some(time_cost));
    cost("fuel-cost", effects.fuel.zip(all.fuel).map(|(price, (fuel, _))| price * fuel));
    let carbon = effects.co2.zip(all.fuel).map(|(price, (_, carbon))| price * carbon);
    let grams = |price: Option<f64>, grams: f64| price.filter(|_| all.trips > 0).map(|price| price * grams / 1000.0);
    let parts = [carbon, grams(effects.nox, all.nox), grams(effects.particles, all.particles)];
    let damage = parts.iter().flatten().any(|part| part.is_finite()).then(|| parts.iter().flatten().sum());
    cost("exhaust-cost", damage);
    if effects.currency.is_some() {
        found.push(("cost", Group::All, whole));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(value: f64, expected: f64) {
        assert!((value - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{value} instead of {expected}");
    }

    /// A petrol car drives 2 km at 30 km/h and burns what the curve of table 3-41 says:
    /// (174 + 0.364 · 30 + 0.00874 · 900) / (1 + 0.0685 · 30 - 0.000247 · 900) = 192.786 / 2.8327 = 68.06 g/km.
    #[test]
    fn fuel_and_carbon_are_those_of_the_curve() {
        let mut sum = Sum::default();
        sum.add(Engine::PetrolCarEuro6, 2.0, Speed::kilometres_per_hour(30.0));
        let (fuel, carbon) = sum.fuel.expect("a curve");
        near(fuel, 2.0 * 192.786 / 2.8327 / 1000.0);
        near(carbon, fuel * 44.011 / (12.011 + 1.008 * 1.8));
        near(sum.covered, 2.0);
        // A diesel car has no fuel curve, and a sum that leaves it out would be no sum.
        sum.add(Engine::DieselCarEuro6, 2.0, Speed::kilometres_per_hour(30.0));
        assert_eq!((sum.fuel, sum.trips), (None, 2));
        sum.add(Engine::PetrolCarEuro6, 2.0, Speed::kilometres_per_hour(30.0));
        assert_eq!(sum.fuel, None);
        assert!(sum.nox > 0.0 && sum.particles > 0.0);
    }

    #[test]
    fn only_stated_engines_burn() {
        let cars = Effects { car: Some(CarEngine::PetrolEuro6), ..Effects::default() };
        assert_eq!(engine_of(&cars, Group::Car, VehicleClass::Taxi), Some(Engine::PetrolCarEuro6));
        assert_eq!(engine_of(&cars, Group::Car, VehicleClass::Evehicle), None);
        assert_eq!(engine_of(&cars, Group::Bus, VehicleClass::Bus), None);
        assert_eq!(engine_of(&cars, Group::Truck, VehicleClass::Truck), None);
        let buses = Effects { bus: Some(BusEngine::DieselEuroV), ..Effects::default() };
        assert_eq!(engine_of(&buses, Group::Bus, VehicleClass::Bus), Some(Engine::CityBusEuroV));
    }
}
