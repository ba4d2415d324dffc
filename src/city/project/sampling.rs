//! Given routes driven as often as counts say, written as vehicles, with how well each count is met before and after.

use super::Project;
use super::fitting::Rows;
use crate::city::demand::model::{
    ArrivalSpeed, Demand, DepartLane, DepartPosition, DepartSpeed, Departure, Route, RouteChoice, Vehicle, VehicleKind,
};
use crate::city::demand::od::{Count, geh};
use crate::city::demand::sampling::{Candidate, Sampled, sample};
use crate::city::demand::sumo::write_demand;
use crate::city::network::Network;
use crate::primitives::SimDuration;
use crate::primitives::ids::{KindId, RouteId};
use crate::primitives::random::{Purpose, Seed};
use crate::primitives::text::{Findings, Place};

/// The most counts that are told one by one.
const TOLD_MAX: usize = 5;
/// From which GEH a count is not met.
const GEH_MAX: f64 = 5.0;

/// What routes are chosen from, and what for.
#[derive(Debug, Clone)]
pub struct RouteWish<'a> {
    /// The roads.
    pub network: &'a Network,
    /// The routes to choose from.
    pub candidates: &'a [Candidate],
    /// Counts of roads and turns.
    pub counts: &'a [Count],
    /// The file they are from, for complaints.
    pub place: &'a Place,
    /// What drives the routes.
    pub kind: VehicleKind,
    /// Root of the draws.
    pub seed: Seed,
}

/// Chooses how often each route is driven, and writes the vehicles with a table of the counts.
///
/// # Errors
/// As [`sample`].
pub fn routes_to_counts(wish: &RouteWish<'_>) -> Result<Project, Findings> {
    let sampled = sample(wish.candidates, wish.counts, wish.seed, wish.place)?;
    let demand = vehicles(wish, &sampled);
    let of: Vec<&Count> = sampled.iter().flat_map(|one| one.counts.iter().map(|at| &wish.counts[*at])).collect();
    let hourly = |vehicles: fn(&Sampled) -> &[f64]| -> Vec<f64> {
        let all = sampled.iter().flat_map(vehicles);
        all.zip(&of).map(|(vehicles, count)| vehicles / hours(count)).collect()
    };
    let rows = Rows {
        counted: of.iter().map(|count| count.hourly()).collect(),
        before: hourly(|one| &one.before),
        after: hourly(|one| &one.after),
        counts: &of,
    };
    let driven = (0..wish.candidates.len()).filter(|at| sampled.iter().any(|one| one.times[*at] > 0)).count();
    let mut told = vec![
        rows.told(),
        format!(
            "{} vehicles on {driven} of {} routes, in {} intervals",
            demand.vehicles.len(),
            wish.candidates.len(),
            sampled.len()
        ),
    ];
    told.extend(rows.worst(TOLD_MAX));
    told.extend(conflicts(wish, &sampled));
    let unpassed: usize = sampled.iter().map(|one| one.unpassed.len()).sum();
    if unpassed > 0 {
        told.push(format!("note: {unpassed} counts are on roads or turns that no route passes; nothing can meet them"));
    }
    if let Some(uncounted) = sampled.iter().map(|one| one.uncounted).max().filter(|uncounted| *uncounted > 0) {
        told.push(format!("left out: {uncounted} routes that pass no count; nothing says how often they are driven"));
    }
    if sampled.iter().any(|one| !one.settled) {
        told.push("note: the bound at zero did not settle; the mix is near the best, not at it".to_owned());
    }
    let routes = write_demand(&demand, wish.network).routes;
    Ok(Project { files: vec![("routes.rou.xml".to_owned(), routes), ("counts.csv".to_owned(), rows.to_csv())], told })
}

/// How long a count is [h].
fn hours(count: &Count) -> f64 {
    (count.to - count.from).as_seconds() / 3600.0
}

/// Counts that no mix of the routes meets, worst first, each with the count that pulls the other way most.
fn conflicts(wish: &RouteWish<'_>, sampled: &[Sampled]) -> Vec<String> {
    let mut list: Vec<(f64, usize, usize)> = Vec::new();
    for (number, one) in sampled.iter().enumerate() {
        for (at, count) in one.counts.iter().enumerate().filter(|(_, count)| !one.unpassed.contains(count)) {
            let (count, best) = (&wish.counts[*count], one.best[at]);
            let off = geh(best / hours(count), count.hourly());
            if off >= GEH_MAX {
                list.push((off, number, at));
            }
        }
    }
    list.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let tell = |&(_, number, at): &(f64, usize, usize)| {
        let one = &sampled[number];
        let count = |at: usize| &wish.counts[one.counts[at]];
        let too_few = one.best[at] < count(at).vehicles;
        let ways: Vec<&Candidate> = wish.candidates.iter().filter(|way| count(at).is_passed_by(&way.edges)).collect();
        let pull = |other: usize| (one.best[other] - count(other).vehicles) / count(other).vehicles.max(1.0).sqrt();
        let other = (0..one.counts.len())
            .filter(|other| (pull(*other) > 0.0) == too_few && pull(*other).abs() > 1.0)
            .filter(|other| ways.iter().any(|way| count(*other).is_passed_by(&way.edges)))
            .max_by(|a, b| pull(*a).abs().total_cmp(&pull(*b).abs()).then(b.cmp(a)));
        let against = other.map_or_else(String::new, |other| {
            format!(", against {:.0} at {}", count(other).vehicles, count(other).name)
        });
        format!(
            "conflict: no mix of the routes brings {:.0} vehicles to {}{against}",
            count(at).vehicles,
            count(at).name
        )
    };
    list.iter().take(TOLD_MAX).map(tell).collect()
}

/// Vehicles at moments of their own within their intervals.
fn vehicles(wish: &RouteWish<'_>, sampled: &[Sampled]) -> Demand {
    let mut demand = Demand { kinds: vec![wish.kind.clone()], ..Demand::default() };
    for (number, one) in (0_u64..).zip(sampled) {
        let mut times: Vec<(f64, usize)> = Vec::new();
        for (at, count) in one.times.iter().enumerate() {
            for place in 0..u64::from(*count) {
                let mut rng = wish.seed.stream(Purpose::RouteSampling, 1 << 40 | number, (at as u64) << 24 | place);
                times.push((rng.unit(), at));
            }
        }
        times.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut routes: Vec<Option<RouteId>> = vec![None; wish.candidates.len()];
        for (place, (moment, at)) in times.into_iter().enumerate() {
            let route = *routes[at].get_or_insert_with(|| {
                demand.routes.push(Route { edges: wish.candidates[at].edges.clone() });
                RouteId::new(demand.routes.len() - 1)
            });
            demand.vehicles.push(Vehicle {
                name: format!("r{}-{:05}", number + 1, place + 1),
                kind: KindId::new(0),
                route,
                choice: RouteChoice::Fixed,
                departure: Departure {
                    time: one.from + SimDuration::seconds((one.to - one.from).as_seconds() * moment),
                    lane: DepartLane::Best,
                    position: DepartPosition::Base,
                    speed: DepartSpeed::Max,
                },
                arrival_position: None,
                arrival_speed: ArrivalSpeed::Current,
                stops: Vec::new(),
                line: None,
            });
        }
    }
    demand
}
