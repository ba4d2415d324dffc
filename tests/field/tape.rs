//! What an observer beside the road writes down: who was where when, along one corridor.
//!
//! Positions are metres along the corridor, junctions included; instants are those at which a step ends. Everything a check measures
//! (passages, headways, stops, delays) is read from here, as a field engineer would read it from a film of the road.

use std::collections::BTreeMap;
use std::sync::Arc;

use citytwin::city::demand::Demand;
use citytwin::city::network::Network;
use citytwin::city::scenario::settings::RunSettings;
use citytwin::primitives::SimTime;
use citytwin::primitives::random::Seed;
use citytwin::simulation::City;
use citytwin::simulation::outcome::{LawCounts, Outcome};

/// A vehicle at an instant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sight {
    /// When [s].
    pub(crate) time: f64,
    /// How far along the corridor its front is [m].
    pub(crate) at: f64,
    /// How fast it is [m/s].
    pub(crate) speed: f64,
}

/// Sights of every vehicle in the order of time, by its row of the demand.
pub(crate) type Ways = BTreeMap<usize, Vec<Sight>>;

/// Everybody's way along a corridor, by the row of the demand.
#[derive(Debug)]
pub(crate) struct Tape {
    /// Who was where.
    pub(crate) ways: Ways,
    /// What the run left.
    pub(crate) outcome: Outcome,
    /// Length of the corridor [m].
    pub(crate) length: f64,
}

/// Roads in a row, with where each of their lanes begins along it [m].
fn corridor(network: &Network, roads: &[&str]) -> (BTreeMap<usize, f64>, f64) {
    let mut begins = BTreeMap::new();
    let mut at = 0.0;
    for (n, name) in roads.iter().enumerate() {
        let edge = network.find_edge(name).expect("the road is there");
        let next = roads.get(n + 1).or(roads.first()).and_then(|next| network.find_edge(next));
        let mut beyond = 0.0_f64;
        for lane in network.edge(edge).lane_ids() {
            begins.insert(lane.index(), at);
            for link in network.lane(lane).link_ids().map(|link| network.link(link)) {
                if let Some(via) = link.via
                    && Some(network.lane(link.to).edge) == next
                {
                    begins.insert(via.index(), at + network.edge(edge).length.as_metres());
                    beyond = beyond.max(network.lane(via).length.as_metres());
                }
            }
        }
        at += network.edge(edge).length.as_metres() + beyond;
    }
    (begins, at)
}

/// Runs a city until a time [s] or, without one, until everybody has arrived, and films a corridor; a run that breaks a law or has to
/// move somebody as a last resort is no measurement.
pub(crate) fn film(network: Network, demand: &Arc<Demand>, seed: u64, until: Option<f64>, roads: &[&str]) -> Tape {
    let (mut filmed, outcome) = films(network, demand, seed, until, &[roads]);
    let (ways, length) = filmed.remove(0);
    Tape { ways, outcome, length }
}

/// The same for several corridors at once, each with its length [m].
pub(crate) fn films(
    network: Network,
    demand: &Arc<Demand>,
    seed: u64,
    until: Option<f64>,
    corridors: &[&[&str]],
) -> (Vec<(Ways, f64)>, Outcome) {
    let network = Arc::new(network);
    let laid: Vec<_> = corridors.iter().map(|roads| corridor(&network, roads)).collect();
    let mut filmed: Vec<(Ways, f64)> = laid.iter().map(|(_, length)| (Ways::new(), *length)).collect();
    let settings = RunSettings { end: until.map(SimTime::seconds), seed: Seed(seed), ..RunSettings::default() };
    let mut city = City::assemble(&network, demand, settings);
    while !city.is_over() {
        city.step();
        let time = city.time().as_seconds();
        for one in city.vehicles() {
            for ((begins, _), (ways, _)) in laid.iter().zip(&mut filmed) {
                if let Some(begin) = begins.get(&one.lane.index()) {
                    let sight = Sight { time, at: begin + one.position, speed: one.speed };
                    ways.entry(one.vehicle.index()).or_default().push(sight);
                }
            }
        }
    }
    let outcome = city.finish(false);
    assert_eq!(outcome.laws, LawCounts::default());
    assert_eq!(outcome.last_resort_moves, 0);
    (filmed, outcome)
}

impl Tape {
    /// When each vehicle's front passed a line [m along the corridor], in the order of time; between two sights it moved evenly.
    pub(crate) fn passages(&self, line: f64) -> Vec<f64> {
        let mut times: Vec<f64> = self.ways.values().filter_map(|way| passage(way, line)).collect();
        times.sort_by(f64::total_cmp);
        times
    }

    /// Vehicles that passed a line between two times, per hour.
    pub(crate) fn flow(&self, line: f64, (from, to): (f64, f64)) -> f64 {
        let passed = self.passages(line).iter().filter(|time| (from..to).contains(*time)).count();
        count(passed) * 3600.0 / (to - from)
    }
}

/// When a vehicle's front passed a line [m]; the first time if it drives in a ring.
pub(crate) fn passage(way: &[Sight], line: f64) -> Option<f64> {
    way.windows(2)
        .find(|pair| pair[0].at < line && pair[1].at >= line)
        .map(|pair| pair[0].time + (line - pair[0].at) / (pair[1].at - pair[0].at) * (pair[1].time - pair[0].time))
}

/// A count as a number.
pub(crate) fn count(n: usize) -> f64 {
    f64::from(u32::try_from(n).expect("counts here are small"))
}

/// The mean of some numbers.
pub(crate) fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / count(numbers.len().max(1))
}

/// Slope and intercept of the straight line through points with the least squares.
pub(crate) fn line_through(points: &[(f64, f64)]) -> (f64, f64) {
    let n = count(points.len());
    let (x, y) = (points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n);
    let over: f64 = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
    let under: f64 = points.iter().map(|p| (p.0 - x) * (p.0 - x)).sum();
    (over / under, y - over / under * x)
}
