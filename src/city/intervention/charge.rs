//! A charge for driving into a zone: who pays where, how much time that is worth, and who stays at home for it.
//!
//! It is paid on the paths over junctions that lead from a road outside onto one inside. To whoever chooses a way it is worth the time
//! `price / value of an hour`. Of the trips from outside that end inside, the share `((g + c) / g)^e` is still made, with the cost `g` of
//! the time on empty roads, the charge `c` and the elasticity `e`: demand of constant elasticity, a definition and not a finding. Both
//! numbers are the scenario's, and it has to say them.

use std::collections::BTreeMap;

use super::model::{Deed, Measure, Window};
use super::plan::Toll;
use super::roads;
use crate::city::demand::Demand;
use crate::city::network::Network;
use crate::city::routing::Router;
use crate::primitives::random::{Purpose, Seed};
use crate::primitives::text::{Findings, Problem};
use crate::primitives::{ClassSet, SimDuration, SimTime, VehicleClass};

/// Seconds in an hour.
const HOUR: f64 = 3600.0;
/// Who never pays for driving in.
const EXEMPT: [VehicleClass; 4] =
    [VehicleClass::Bicycle, VehicleClass::Pedestrian, VehicleClass::Emergency, VehicleClass::Bus];

fn payers(except: ClassSet) -> ClassSet {
    except.union(ClassSet::of(&EXEMPT)).complement()
}

/// The paths on which a measure makes drivers pay, each once.
pub(super) fn tolls(network: &Network, measure: &Measure, findings: &mut Findings) -> Vec<(Toll, Option<Window>)> {
    let Deed::Charge { roads, price, hour, except, .. } = &measure.deed else { return Vec::new() };
    let Some(zone) = roads::resolve(network, roads, findings) else { return Vec::new() };
    let mut paths = BTreeMap::new();
    for &edge in &zone {
        let entering =
            network.edge(edge).lane_ids().flat_map(|lane| network.links.iter().filter(move |link| link.to == lane));
        for link in entering {
            let from = network.edge_of(link.from);
            if from.is_internal() || zone.binary_search(&network.lane(link.from).edge).is_ok() {
                continue;
            }
            let Some(via) = link.via else {
                let message =
                    format!("the way from `{}` into the zone has no path over its junction to pay on", from.name);
                findings
                    .problem(Problem::new(measure.place.clone(), message).help("move the edge of the zone by a road"));
                continue;
            };
            let seconds = price / hour * HOUR;
            paths.insert(
                network.lane(via).edge,
                Toll { path: network.lane(via).edge, classes: payers(*except), seconds },
            );
        }
    }
    if paths.is_empty() {
        let problem = Problem::new(measure.place.clone(), "nobody drives into the zone from outside");
        findings.problem(problem.help("draw it smaller, so that roads lead into it"));
    }
    paths.into_values().map(|toll| (toll, measure.window)).collect()
}

/// Whether a trip that has cost so much, in any money, is still made when it costs `more`; what is no dearer always is.
pub(super) fn still_made(cost: f64, more: f64, elasticity: f64, (seed, row, number): (Seed, usize, u64)) -> bool {
    let cost = cost.max(1e-6);
    more <= 0.0 || seed.stream(Purpose::Charge, row as u64, number).unit() < libm::pow((cost + more) / cost, elasticity)
}

/// Keeps those at home who would no longer make their trip; what was done, in words.
pub(super) fn answer(
    network: &Network,
    measure: &Measure,
    demand: &mut Demand,
    (seed, number): (Seed, u64),
    findings: &mut Findings,
) -> Option<String> {
    let Deed::Charge { roads, price, hour, elasticity, except } = &measure.deed else { return None };
    let zone = roads::resolve(network, roads, findings)?;
    let router = Router::new(network);
    let (mut asked, mut stay) = (0_u64, 0_u64);
    for row in 0..demand.vehicles.len() {
        let vehicle = &demand.vehicles[row];
        let (kind, route) = (demand.kind(vehicle.kind), demand.route(vehicle.route));
        let (Some(from), Some(to)) = (route.edges.first(), route.edges.last()) else { continue };
        let pays = payers(*except).contains(kind.class)
            && vehicle.line.is_none()
            && vehicle.departure.time < SimTime::MAX
            && measure.window.is_none_or(|window| window.contains(vehicle.departure.time))
            && zone.binary_search(to).is_ok()
            && zone.binary_search(from).is_err();
        if !pays {
            continue;
        }
        asked += 1;
        let time = router.travel_time(&route.edges, kind.class, kind.speed_max).map_or(HOUR, SimDuration::as_seconds);
        if !still_made(time / HOUR * hour, *price, *elasticity, (seed, row, number)) {
            demand.vehicles[row].departure.time = SimTime::MAX;
            stay += 1;
        }
    }
    let zone = roads::describe(network, roads, &zone);
    Some(format!(
        "charge {price} at {hour} per hour of time on {zone}; {stay} of {asked} trips into it are no longer made (elasticity {elasticity})"
    ))
}
