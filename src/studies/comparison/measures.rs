//! What a run comes to, in the measures of `city/scenario/indicators.rs`.
//!
//! Only finished trips have a duration, so measures of trips are over these; those of the road are over everybody. A measure
//! that has nothing to be measured on, buses where none run, is not there. Adds up what the simulation measured.

use std::collections::BTreeMap;

use super::{air, exhaust, observed, passengers};
use crate::city::network::Network;
use crate::city::scenario::LoadedScenario;
use crate::city::scenario::indicators::{Group, Measure, Statistic};
use crate::primitives::Distance;
use crate::primitives::ids::EdgeId;
use crate::simulation::outcome::{Outcome, RoadInterval, Stage, Trip};
use crate::studies::observation::Observed;
use crate::studies::report::statistics::Sample;

/// Limits of the levels of service A to E at signals [s/veh]; beyond the last is F (HCM 6th edition, exhibit 19-8).
pub const LEVEL_LIMITS: [f64; 5] = [10.0, 20.0, 35.0, 55.0, 80.0];

/// The level of service of a control delay: 0 is A, 5 is F.
pub(super) fn level(delay: f64) -> usize {
    LEVEL_LIMITS.iter().filter(|limit| delay > **limit).count()
}

/// The group of a vehicle.
pub(super) fn group_of(loaded: &LoadedScenario, trip: &Trip) -> Group {
    let demand = &loaded.demand;
    demand.vehicles.get(trip.vehicle.index()).map_or(Group::Other, |row| Group::of(demand.kind(row.kind).class))
}

/// How long a run is measured [s].
pub(super) fn measured_seconds(loaded: &LoadedScenario, outcome: &Outcome) -> f64 {
    (outcome.end - loaded.measured_from.max(outcome.begin)).as_seconds().max(0.0)
}

/// Every measure there is of a run, by its name.
pub(super) fn of(loaded: &LoadedScenario, outcome: &Outcome, seen: &Observed) -> BTreeMap<String, f64> {
    let mut found = Found::default();
    let mut groups: BTreeMap<Group, Vec<&Trip>> = BTreeMap::new();
    for trip in outcome.trips.iter().filter(|trip| trip.arrival.is_some()) {
        let group = group_of(loaded, trip);
        groups.entry(group).or_default().push(trip);
        if group != Group::Emergency {
            groups.entry(Group::All).or_default().push(trip);
        }
    }
    for (group, trips) in &groups {
        of_trips(*group, trips, &mut found);
    }
    of_roads(loaded, outcome, &mut found);
    of_calls(outcome, &mut found);
    of_parking(loaded, &mut found);
    let late = outcome.left_stops.iter().map(|left| (left.at - left.due).as_seconds());
    found.spread("bus-delay", Group::All, &Sample::new(late));
    let counts = [
        ("unfinished", outcome.running),
        ("backlog", outcome.waiting_to_enter),
        ("last-resort-moves", outcome.last_resort_moves),
    ];
    for (name, count) in counts {
        found.one(name, f64::from(count));
    }
    let of_people = passengers::measures(loaded, outcome);
    for (name, group, value) in exhaust::measures(loaded, outcome).into_iter().chain(of_people) {
        found.put(name, group, Statistic::Mean, Some(value));
    }
    let of_air = seen.air.iter().flat_map(|seen| air::measures(&loaded.comparison.effects, seen, &air::homes(loaded)));
    for (name, value) in observed::measures(seen).into_iter().chain(of_air) {
        found.one(name, value);
    }
    found.0
}

#[derive(Default)]
struct Found(BTreeMap<String, f64>);

impl Found {
    fn put(&mut self, name: &str, group: Group, statistic: Statistic, value: Option<f64>) {
        let Some(value) = value.filter(|value| value.is_finite()) else { return };
        let group = if group == Group::All { String::new() } else { format!(".{}", group.name()) };
        let name = format!("{name}{group}.{}", statistic.name());
        if let Ok(measure) = Measure::parse(&name) {
            self.0.insert(measure.to_string(), value);
        }
    }

    fn one(&mut self, name: &str, value: f64) {
        if value.is_finite() {
            self.0.insert(name.to_owned(), value);
        }
    }

    /// Every statistic that the measure has.
    fn spread(&mut self, name: &str, group: Group, sample: &Sample) {
        self.put(name, group, Statistic::Mean, sample.mean());
        for (statistic, share) in [(Statistic::Median, 0.5), (Statistic::P90, 0.9), (Statistic::P95, 0.95)] {
            self.put(name, group, statistic, sample.percentile(share));
        }
    }
}

/// Moving time over free-flow time; none where the trip was over as it began.
fn index(trip: &Trip) -> Option<f64> {
    let moving = (trip.duration - trip.stop_time).as_seconds();
    let free = moving - trip.time_loss.as_seconds();
    (free > 0.0).then_some(moving / free)
}

#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53 trips")]
fn of_trips(group: Group, trips: &[&Trip], found: &mut Found) {
    let sample = |figure: fn(&Trip) -> f64| Sample::new(trips.iter().map(|trip| figure(trip)));
    let sum = |figure: fn(&Trip) -> f64| trips.iter().map(|trip| figure(trip)).sum::<f64>();
    found.spread("travel-time", group, &sample(|trip| trip.duration.as_seconds()));
    found.spread("time-loss", group, &sample(|trip| trip.time_loss.as_seconds()));
    found.spread("waiting-time", group, &sample(|trip| trip.waiting_time.as_seconds()));
    found.spread("depart-delay", group, &sample(|trip| trip.depart_delay.as_seconds()));
    found.spread("stops", group, &sample(|trip| f64::from(trip.waiting_count)));
    let (driven, time) = (sum(|trip| trip.route_length.as_kilometres()), sum(|trip| trip.duration.as_seconds()));
    found.put("time-loss-per-km", group, Statistic::Mean, Some(sum(|trip| trip.time_loss.as_seconds()) / driven));
    found.put("speed", group, Statistic::Mean, Some(driven / time * 3600.0));
    let indices = Sample::new(trips.iter().filter_map(|trip| index(trip)));
    let (mean, p95) = (indices.mean(), indices.percentile(0.95));
    found.put("travel-time-index", group, Statistic::Mean, mean);
    found.put("planning-time-index", group, Statistic::Mean, p95);
    found.put("buffer-index", group, Statistic::Mean, mean.zip(p95).map(|(mean, p95)| p95 / mean - 1.0));
    found.put("arrived", group, Statistic::Mean, Some(trips.len() as f64));
}

/// Whether a road ends at a signal.
pub(super) fn ends_at_signal(network: &Network, edge: EdgeId) -> bool {
    let mut links = network.edge(edge).lane_ids().flat_map(|lane| network.lane(lane).link_ids());
    links.any(|link| network.link(link).signal.is_some())
}

/// Every road that ends at a signal and that somebody left, with the vehicles that left it and the delay of each [s/veh].
pub(super) fn approaches(network: &Network, outcome: &Outcome) -> Vec<(f64, f64)> {
    network
        .roads()
        .filter(|(id, _)| ends_at_signal(network, *id))
        .map(|(id, _)| outcome.roads.total(id))
        .filter(|total| total.left > 0)
        .map(|total| (f64::from(total.left), total.time_loss / f64::from(total.left)))
        .collect()
}

fn of_roads(loaded: &LoadedScenario, outcome: &Outcome, found: &mut Found) {
    let mut all = RoadInterval::default();
    for cell in outcome.roads.intervals.iter().flatten() {
        all.sampled_seconds += cell.sampled_seconds;
        all.travelled += cell.travelled;
        all.time_loss += cell.time_loss;
        all.arrived = all.arrived.saturating_add(cell.arrived);
    }
    let hours = measured_seconds(loaded, outcome) / 3600.0;
    found.one("throughput", f64::from(all.arrived) / hours);
    found.one("vehicle-distance", all.travelled / 1000.0);
    found.one("vehicle-time", all.sampled_seconds / 3600.0);
    found.one("vehicle-delay", all.time_loss / 3600.0);
    found.one("network-speed", all.travelled / all.sampled_seconds * 3.6);
    let approaches = approaches(&loaded.network, outcome);
    let served: f64 = approaches.iter().map(|(vehicles, _)| vehicles).sum();
    let lost: f64 = approaches.iter().map(|(vehicles, delay)| vehicles * delay).sum();
    let late: f64 = approaches.iter().filter(|(_, delay)| level(*delay) >= 4).map(|(vehicles, _)| vehicles).sum();
    found.one("signal-delay", lost / served);
    found.one("los-ef", late / served * 100.0);
}

#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53 calls")]
fn of_calls(outcome: &Outcome, found: &mut Found) {
    let responses: Vec<f64> = outcome
        .calls
        .iter()
        .filter_map(|call| call.between(Stage::Call, Stage::Arrive))
        .map(crate::primitives::SimDuration::as_seconds)
        .collect();
    found.one("calls-reached", responses.len() as f64 / outcome.calls.len() as f64 * 100.0);
    found.spread("ambulance-response", Group::All, &Sample::new(responses));
}

/// Who found a place at the kerb, of those who would come to the first road of their search in the measured time.
fn of_parking(loaded: &LoadedScenario, found: &mut Found) {
    let Some(figures) = loaded.parked.as_ref().map(|parked| parked.figures(loaded.measured_from)) else { return };
    let figures = [
        ("parking-searched", figures.searched.map(|share| share * 100.0)),
        ("parking-none", figures.none.map(|share| share * 100.0)),
        ("parking-search", figures.driven.map(Distance::as_metres)),
        ("parking-walk", figures.walk.map(Distance::as_metres)),
    ];
    for (name, figure) in figures {
        found.put(name, Group::All, Statistic::Mean, figure);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::SimTime;
    use crate::simulation::outcome::Call;

    /// A call that rang at 7:00 and, where it was reached, an ambulance that stood there so many seconds later.
    fn call(reached_after: Option<f64>) -> Call {
        let mut chain = [None; Stage::ALL.len()];
        chain[Stage::Call as usize] = Some(SimTime::seconds(25_200.0));
        chain[Stage::Arrive as usize] = reached_after.map(|seconds| SimTime::seconds(25_200.0 + seconds));
        Call {
            number: 0,
            category: crate::primitives::Category::C2,
            edge: EdgeId::new(0),
            lane: crate::primitives::ids::LaneId::new(0),
            position: crate::primitives::Distance::metres(0.0),
            incident: None,
            unit: None,
            hospital: None,
            chain,
        }
    }

    #[test]
    fn calls_are_measured_from_ringing_to_standing_there() {
        let calls = vec![call(Some(300.0)), call(None), call(Some(500.0)), call(Some(400.0))];
        let mut found = Found::default();
        of_calls(&Outcome { calls, ..Outcome::default() }, &mut found);
        let told: Vec<(&str, f64)> = found.0.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        let expected = [
            ("ambulance-response", 400.0),
            ("ambulance-response.median", 400.0),
            ("ambulance-response.p90", 480.0),
            ("calls-reached", 75.0),
        ];
        assert_eq!(told, expected);
        let mut nothing = Found::default();
        of_calls(&Outcome::default(), &mut nothing);
        assert!(nothing.0.is_empty(), "where nobody calls nothing is measured");
    }

    #[test]
    fn levels_of_service_are_those_of_the_manual() {
        let cases = [(0.0, 0), (10.0, 0), (10.1, 1), (20.0, 1), (35.0, 2), (55.0, 3), (55.1, 4), (80.0, 4), (80.1, 5)];
        for (delay, expected) in cases {
            assert_eq!(level(delay), expected, "{delay} s");
        }
    }
}
