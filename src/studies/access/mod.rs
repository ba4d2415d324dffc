//! From where people get to how many jobs by car, by the travel times of a run.
//!
//! What is reckoned is the cumulative form (Wachs and Kumagai 1973, Socio-Economic Planning Sciences 7, 437) of accessibility (Hansen
//! 1959, Journal of the American Institute of Planners 25, 73): from zone `i` within the time `T`
//!
//! ```text
//! A_i(T) = mean over departures of Σ_r w_r Σ_j J_j Σ_s v_s [t_rs <= T]
//! ```
//!
//! with a few roads `r` of zone `i` and `s` of every zone `j` that stand for all of theirs, their weights `w` and `v`, the jobs `J_j`, and
//! `t_rs` the fastest way for whoever enters `r` at the departure, by the delays of the run when it gets to each road. Knows no other
//! run and draws nothing.

use std::collections::BTreeMap;

use crate::city::demand::fleet;
use crate::city::scenario::{Access, AccessZone, LoadedScenario};
use crate::primitives::ids::EdgeId;
use crate::primitives::{SimDuration, VehicleClass};
use crate::simulation::outcome::Outcome;
use crate::studies::equilibrium::{Rules, delays};

/// What a run says: by limit of time and zone the jobs within reach, and the share of its people who reach a hospital, where there are any.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reached {
    /// Jobs within reach, by limit and zone, kept to a tenth.
    pub jobs: Vec<Vec<f64>>,
    /// Share of its people who reach a hospital, 0 to 1; nothing where the map has none.
    pub hospitals: Vec<Vec<f64>>,
}

/// What a run says; none where nobody asked.
#[expect(clippy::cast_precision_loss, reason = "at most twelve departures")]
pub fn total(loaded: &LoadedScenario, outcome: &Outcome) -> Option<Reached> {
    let access = loaded.access.as_deref()?;
    let network = &*loaded.network;
    let (rules, delays) = (Rules::of(loaded), delays(network, &outcome.roads));
    let car = fleet::kind("car", VehicleClass::Passenger);
    let farthest = access.within.iter().copied().fold(SimDuration::ZERO, SimDuration::max);
    let nothing = || vec![vec![0.0; access.zones.len()]; access.within.len()];
    let (mut jobs, mut hospitals) = (nothing(), nothing());
    let each = 1.0 / access.departures.len() as f64;
    for &departs in &access.departures {
        let router = rules.router(departs);
        for (place, zone) in access.zones.iter().enumerate() {
            for &(edge, weight) in &zone.roads.ends {
                let times = router.times_by_departure((edge, departs), (car.class, car.speed_max), &delays, farthest);
                let time = |edge: EdgeId| times.get(edge.index()).copied().unwrap_or(f64::INFINITY);
                let nearest = access.hospitals.iter().map(|&road| time(road)).fold(f64::INFINITY, f64::min);
                for (limit, within) in access.within.iter().enumerate() {
                    let within = within.as_seconds();
                    let reached = |zone: &AccessZone| -> f64 {
                        zone.roads.ends.iter().filter(|end| time(end.0) <= within).map(|end| end.1).sum()
                    };
                    let sum: f64 = access.zones.iter().map(|zone| zone.residents.jobs * reached(zone)).sum();
                    jobs[limit][place] += each * weight * sum;
                    hospitals[limit][place] += each * weight * f64::from(u8::from(nearest <= within));
                }
            }
        }
    }
    jobs.iter_mut().flatten().for_each(|one| *one = (*one * 10.0).round() / 10.0);
    if access.hospitals.is_empty() {
        hospitals.clear();
    }
    Some(Reached { jobs, hospitals })
}

/// The measures of a run, by name, of what [`Reached`] says.
pub fn measures(access: &Access, jobs: &[Vec<f64>], hospitals: &[Vec<f64>]) -> Vec<(&'static str, f64)> {
    let people: Vec<f64> = access.zones.iter().map(|zone| zone.residents.people).collect();
    let mut found = Vec::new();
    if let Some(jobs) = jobs.first() {
        found.push(("access", weighted(&people, jobs) / access.jobs() * 100.0));
        found.push(("access-gini", gini(&people, jobs)));
    }
    if let Some(hospitals) = hospitals.first() {
        found.push(("access-hospital", weighted(&people, hospitals) * 100.0));
    }
    found.retain(|(_, value)| value.is_finite());
    found
}

/// The mean of values by weight; no number where nothing has any.
pub fn weighted(weights: &[f64], values: &[f64]) -> f64 {
    let all: f64 = weights.iter().sum();
    weights.iter().zip(values).map(|(weight, value)| weight * value).sum::<f64>() / all
}

/// The Gini coefficient of values over weights: `Σ_i Σ_j w_i w_j |x_i - x_j| / (2 W² mean)` (Gini 1912, Variabilità e mutabilità), by
/// the trapezia under the Lorenz curve, which come to the same; no number where there is nothing to share.
fn gini(weights: &[f64], values: &[f64]) -> f64 {
    let mut sorted: Vec<(f64, f64)> = values.iter().copied().zip(weights.iter().copied()).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (all, whole) = sorted.iter().fold((0.0, 0.0), |sum, (value, weight)| (sum.0 + weight, sum.1 + value * weight));
    let (mut below, mut area) = (0.0, 0.0);
    for (value, weight) in sorted {
        let next = below + value * weight;
        area += weight * (below + next) / 2.0;
        below = next;
    }
    1.0 - 2.0 * area / (all * whole)
}

/// The zone of every road on which trips begin; the first where there are several.
pub fn zone_of_roads(access: &Access) -> BTreeMap<EdgeId, usize> {
    let mut zones = BTreeMap::new();
    for (place, zone) in access.zones.iter().enumerate() {
        for &edge in &zone.roads.all {
            zones.entry(edge).or_insert(place);
        }
    }
    zones
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::city::demand::od::{Division, Residents, ZoneRoads};
    use crate::primitives::SimTime;

    fn near(value: f64, expected: f64) {
        assert!((value - expected).abs() < 1e-12, "{value} instead of {expected}");
    }

    fn access() -> Access {
        let zone = |name: &str, people: f64, jobs: f64, low: f64| AccessZone {
            name: name.to_owned(),
            residents: Residents { people, jobs, shares: vec![vec![low, 1.0 - low]] },
            roads: ZoneRoads::default(),
        };
        Access {
            within: vec![SimDuration::seconds(600.0)],
            departures: vec![SimTime::ZERO],
            divisions: vec![Division { name: "income".to_owned(), groups: vec!["low".to_owned(), "high".to_owned()] }],
            zones: vec![zone("a", 100.0, 10.0, 0.8), zone("b", 300.0, 90.0, 0.2)],
            hospitals: Vec::new(),
        }
    }

    /// By the definition: Σ Σ w w |x - x| / (2 W² mean).
    fn by_pairs(weights: &[f64], values: &[f64]) -> f64 {
        let all: f64 = weights.iter().sum();
        let mut sum = 0.0;
        for (w, x) in weights.iter().zip(values) {
            for (v, y) in weights.iter().zip(values) {
                sum += w * v * (x - y).abs();
            }
        }
        sum / (2.0 * all * all * weighted(weights, values))
    }

    #[test]
    fn gini_is_nothing_among_equals_and_the_pairs_otherwise() {
        near(gini(&[3.0, 1.0, 5.0], &[7.0, 7.0, 7.0]), 0.0);
        let (weights, values) = ([3.0, 1.0, 5.0, 0.0], [9.0, 0.0, 2.5, 4.0]);
        near(gini(&weights, &values), by_pairs(&weights, &values));
        // One in four has everything.
        near(gini(&[1.0; 4], &[0.0, 0.0, 0.0, 8.0]), 0.75);
        assert!(gini(&[1.0, 1.0], &[0.0, 0.0]).is_nan() && gini(&[], &[]).is_nan());
    }

    #[test]
    fn measures_are_means_over_people() {
        let found = measures(&access(), &[vec![100.0, 20.0]], &[]);
        // (100 · 100 + 300 · 20) / 400 = 40 of 100 jobs.
        assert_eq!(found.iter().map(|one| one.0).collect::<Vec<_>>(), ["access", "access-gini"]);
        near(found[0].1, 40.0);
        near(found[1].1, by_pairs(&[100.0, 300.0], &[100.0, 20.0]));
        let names = |found: Vec<(&'static str, f64)>| found.into_iter().map(|one| one.0).collect::<Vec<_>>();
        // Nobody gets to any job, so there is nothing of which shares could be unequal.
        let found = measures(&access(), &[vec![0.0, 0.0]], &[vec![1.0, 0.5]]);
        near(found[1].1, 62.5);
        assert_eq!(names(found), ["access", "access-hospital"]);
    }
}
