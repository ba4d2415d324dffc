//! Ways by experience: the run is made again and again until nobody would gain much by another way at its time of departure.
//!
//! What is looked for is Wardrop's first principle (1952, "Some theoretical aspects of road traffic research", Proceedings of the
//! Institution of Civil Engineers 1, 325) by time of departure: ways that are used take no longer than any other. Each iteration runs
//! the city with the ways everybody has, measures the delays on every road by interval, and asks for every traveller how long its way
//! takes by these (`c`) and how long the fastest (`c*`). The relative gap is `Σ (c - c*) / Σ c*` (Chiu et al. 2011, "Dynamic Traffic
//! Assignment: A Primer", Transportation Research Circular E-C153). It is zero in an equilibrium; while it is too large some take their
//! fastest way in the next iteration (`swaps.rs`).
//!
//! Dice are keyed by the traveller and the iteration, so that variants stay comparable and two that are the same find the same
//! ways. Writes no file and judges nothing but the gap.

mod costs;
mod rules;
mod swaps;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::city::demand::{Demand, Route, RouteChoice};
use crate::city::routing::{Delays, Journey};
use crate::city::scenario::{EquilibriumRule, LoadedScenario, Routing};
use crate::primitives::SimTime;
use crate::primitives::ids::{EdgeId, RouteId};
use crate::simulation::City;
use crate::simulation::outcome::{Convergence, Iteration, Outcome};

pub use costs::delays;
pub use rules::Rules;

/// A city whose travellers have found their ways, and how that went.
#[derive(Debug, Clone)]
pub struct Settled {
    /// The city; whoever chose its way has a given one now.
    pub loaded: LoadedScenario,
    /// How the ways were found.
    pub convergence: Convergence,
}

/// Finds everybody's way, if the scenario asks for an equilibrium; none where it does not. Asks `interrupted` after every step, and
/// then ends with the ways of the best iteration so far.
///
/// The ways are those of the iteration with the least gap. A run with them is that iteration over again, so the gap told is that of
/// the run.
pub fn settle(loaded: &LoadedScenario, interrupted: &dyn Fn() -> bool) -> Option<Settled> {
    let Routing::Equilibrium(rule) = loaded.routing else { return None };
    let rules = Rules::of(loaded);
    let mut travellers = travellers(loaded, &rules);
    let mut convergence =
        Convergence { wanted: rule.gap, iterations: Vec::new(), used: 0, travellers: travellers.len() };
    let ways = |travellers: &[Traveller]| travellers.iter().map(|one| one.way.clone()).collect::<Vec<_>>();
    let mut best = (f64::INFINITY, ways(&travellers));
    for number in 1..=rule.iterations {
        if travellers.is_empty() {
            break;
        }
        let Some(outcome) = run(&with_ways(loaded, &travellers, &ways(&travellers)), &rule, interrupted) else { break };
        let judged = judge(loaded, &rules, &mut travellers, &outcome);
        let gap = judged.gap();
        if gap < best.0 {
            best = (gap, ways(&travellers));
            convergence.used = number;
        }
        let over = gap <= rule.gap || number == rule.iterations;
        let swapped = if over { 0 } else { swaps::swap(&mut travellers, &rule, loaded.settings.seed, number) };
        let mean = judged.least / to_f64(travellers.len());
        convergence.iterations.push(Iteration { gap, fastest_mean_s: mean, swapped });
        if over {
            break;
        }
    }
    let loaded = with_ways(loaded, &travellers, &best.1);
    Some(Settled { loaded, convergence })
}

/// Somebody who looks for its way.
#[derive(Debug, Clone)]
struct Traveller {
    /// Its row of the demand.
    row: usize,
    /// The way it has.
    way: Vec<EdgeId>,
    /// The fastest way by the last iteration, where that is another one.
    fastest: Option<Vec<EdgeId>>,
    /// Which share of its time the fastest way would save it, 0 to 1.
    saving: f64,
}

/// What an iteration came to.
#[derive(Debug, Clone, Copy, Default)]
struct Judged {
    /// How much longer than the fastest ways all ways take [s].
    excess: f64,
    /// How long the fastest ways take [s].
    least: f64,
}

impl Judged {
    fn gap(self) -> f64 {
        if self.least > 0.0 { self.excess / self.least } else { 0.0 }
    }
}

/// Everybody who chooses its way and departs before the end, on the fastest way over empty roads. Whoever has no way by the rules at its
/// departure (it begins, ends or lives where others may not drive) finds it during the run, as ever.
fn travellers(loaded: &LoadedScenario, rules: &Rules) -> Vec<Traveller> {
    let empty = Delays::none(loaded.network.edges.len());
    let mut travellers = Vec::new();
    for (row, vehicle) in loaded.demand.vehicles.iter().enumerate() {
        let chooses = matches!(vehicle.choice, RouteChoice::FastestAtDeparture { .. }) && vehicle.stops.is_empty();
        let departs = vehicle.departure.time;
        let in_time = departs >= loaded.settings.begin && loaded.settings.end.is_none_or(|end| departs < end);
        if !chooses || !in_time || departs == SimTime::MAX {
            continue;
        }
        let Some(journey) = journey(&loaded.demand, row, departs) else { continue };
        if let Some(way) = rules.fastest(&journey, &empty) {
            travellers.push(Traveller { row, way, fastest: None, saving: 0.0 });
        }
    }
    travellers
}

/// The journey of a row that departs at an instant; none where it does not choose.
fn journey(demand: &Demand, row: usize, departs: SimTime) -> Option<Journey<'_>> {
    let vehicle = demand.vehicles.get(row)?;
    let RouteChoice::FastestAtDeparture { via } = &vehicle.choice else { return None };
    let edges = &demand.route(vehicle.route).edges;
    let kind = demand.kind(vehicle.kind);
    let (&from, &to) = (edges.first()?, edges.last()?);
    Some(Journey { from, via, to, class: kind.class, speed_max: kind.speed_max, departs })
}

/// The city in which these travellers have these ways, and everybody else what it has.
fn with_ways(loaded: &LoadedScenario, travellers: &[Traveller], ways: &[Vec<EdgeId>]) -> LoadedScenario {
    let mut demand = (*loaded.demand).clone();
    let mut known: BTreeMap<&[EdgeId], RouteId> = BTreeMap::new();
    for (traveller, way) in travellers.iter().zip(ways) {
        let next = RouteId::new(demand.routes.len());
        let route = *known.entry(way).or_insert(next);
        if route == next {
            demand.routes.push(Route { edges: way.clone() });
        }
        let vehicle = &mut demand.vehicles[traveller.row];
        vehicle.route = route;
        vehicle.choice = RouteChoice::Fixed;
    }
    let mut city = loaded.clone();
    city.demand = Arc::new(demand);
    city
}

/// One iteration's run; none where somebody interrupted it.
fn run(loaded: &LoadedScenario, rule: &EquilibriumRule, interrupted: &dyn Fn() -> bool) -> Option<Outcome> {
    let mut loaded = loaded.clone();
    loaded.settings.road_interval = rule.interval;
    let mut city = City::of_scenario(&loaded);
    while !city.is_over() {
        if interrupted() {
            return None;
        }
        city.step();
    }
    Some(city.finish(false))
}

/// How long everybody's way takes by the delays of a run, and how long the fastest would; notes for each whether there is a faster one.
fn judge(loaded: &LoadedScenario, rules: &Rules, travellers: &mut [Traveller], outcome: &Outcome) -> Judged {
    let delays = costs::delays(&loaded.network, &outcome.roads);
    // Whoever had to wait for room entered later than it wished, whatever its way: the roads it met are those of then.
    let entered: BTreeMap<usize, SimTime> =
        outcome.trips.iter().map(|trip| (trip.vehicle.index(), trip.depart)).collect();
    let mut judged = Judged::default();
    for traveller in travellers {
        (traveller.fastest, traveller.saving) = (None, 0.0);
        let planned = loaded.demand.vehicles[traveller.row].departure.time;
        let departs = entered.get(&traveller.row).copied().unwrap_or(planned);
        let Some(journey) = journey(&loaded.demand, traveller.row, departs) else { continue };
        // Rules are those at the planned departure, by which it set out.
        let time = |way: &[EdgeId]| rules.time(way, &journey, planned, &delays);
        let Some(fastest) = rules.fastest_at(&journey, planned, &delays) else { continue };
        let (Some(own), Some(least)) = (time(&traveller.way), time(&fastest)) else { continue };
        let (own, least) = (own.as_seconds(), least.as_seconds());
        judged.least += least;
        if own > least && fastest != traveller.way {
            judged.excess += own - least;
            traveller.saving = (own - least) / own;
            traveller.fastest = Some(fastest);
        }
    }
    judged
}

#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53 travellers")]
fn to_f64(count: usize) -> f64 {
    count as f64
}
