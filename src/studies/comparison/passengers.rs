//! Time and delay of people instead of vehicles, by how many the scenario says there are.
//!
//! Whoever is in a vehicle spends its time and loses its time. Passengers of a bus are late by as much as it is at the stop where they get off;
//! where that is nobody says, so of those who get on during its run as many are taken to get off at each of its stops as at any
//! other. Groups and lines of which nothing is said are left out.

use std::collections::BTreeMap;

use super::measures::group_of;
use crate::city::scenario::LoadedScenario;
use crate::city::scenario::indicators::Group;
use crate::simulation::outcome::Outcome;

/// The measures, by name without group, and their group.
pub(super) fn measures(loaded: &LoadedScenario, outcome: &Outcome) -> Vec<(&'static str, Group, f64)> {
    let Some(passengers) = &loaded.comparison.passengers else { return Vec::new() };
    let row = |vehicle: usize| loaded.demand.vehicles.get(vehicle);
    // By group: hours spent, hours lost.
    let mut sums: BTreeMap<Group, (f64, f64)> = BTreeMap::new();
    for trip in &outcome.trips {
        let Some(row) = row(trip.vehicle.index()) else { continue };
        let group = group_of(loaded, trip);
        let Some(people) = passengers.aboard(group, row.line.as_deref()) else { continue };
        let waited = trip.depart_delay.as_seconds();
        for group in [Group::All, group] {
            let sum = sums.entry(group).or_default();
            sum.0 += people * (trip.duration.as_seconds() + waited) / 3600.0;
            sum.1 += people * (trip.time_loss.as_seconds() + waited) / 3600.0;
        }
    }
    let mut found = Vec::new();
    for (group, (spent, lost)) in sums {
        found.extend([("person-time", group, spent), ("person-delay", group, lost)]);
    }
    // By bus: stops it left, and how late altogether [s].
    let mut buses: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
    for left in &outcome.left_stops {
        let bus = buses.entry(left.vehicle.index()).or_default();
        bus.0 += 1.0;
        bus.1 += (left.at - left.due).as_seconds();
    }
    let late = buses.iter().filter_map(|(vehicle, (stops, late))| {
        let people = passengers.boardings(row(*vehicle)?.line.as_deref())?;
        Some(people * late / stops / 3600.0)
    });
    let late: Vec<f64> = late.collect();
    if !late.is_empty() {
        found.push(("passenger-delay", Group::All, late.iter().sum()));
    }
    found
}
