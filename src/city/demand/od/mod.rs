//! Demand from origin-destination matrices: how many trips lead from which zone to which.
//!
//! In the order of the work: `table` reads what planners bring, `matrix` and `zones` say what it means, `ends` finds the roads of each
//! zone, and `trips` makes whole trips with times and ways out of them. See `docs/demand.md` for the formulas. Knows no vehicle in
//! motion.

mod counts;
mod ends;
mod fit;
mod frame;
mod gravity;
mod inhabitants;
mod matrix;
mod modelled;
mod settled;
mod table;
mod times;
mod trips;
mod turns;
mod ways;
mod zones;

use crate::city::network::Network;
use crate::city::network::places::Places;
use crate::city::routing::Router;
use crate::primitives::SimTime;
use crate::primitives::random::Seed;
use crate::primitives::text::{Findings, Place, Problem, closest};

use super::fleet::FleetShare;
use super::model::Demand;
use super::synthetic::Profile;

pub use counts::{COUNTS_MAX, Count, CountsFile, Intervals};
pub use fit::{Fitted, Fitting, geh};
pub use gravity::{Deterrence, Distribution, distribute};
pub use inhabitants::{Division, Inhabitants, Residents, ZoneRoads, zone_roads};
pub use matrix::{Cell, Matrix, ZONES_MAX};
pub use modelled::{Ground, Loads, Modelled};
pub use settled::{Held, Settlement, cell_size, gate, gather, grid, middle, read_settlements, refuse_all_outside};
pub use times::{RoadTimes, read_times};
pub use trips::vehicle_prefix;
pub use turns::read_turns;
pub use zones::{Zone, Zones};

/// The most trips one matrix may stand for.
pub const TRIPS_MAX: u32 = 2_000_000;

/// How departures spread over the time of a matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// Each at a moment of its own by the profile: what a Poisson process is once its number is known.
    Random,
    /// One in each slice of equal weight of the profile.
    Even,
}

/// What traffic to make of a matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct OdSpec {
    /// Where the scenario asks for it.
    pub place: Place,
    /// Number of the source among those of the scenario, from 0; part of names and draws.
    pub number: usize,
    /// When the trips of the matrix begin to depart [s].
    pub from: SimTime,
    /// When the last has departed [s].
    pub to: SimTime,
    /// The run: trips that would depart outside it are not made [s].
    pub window: (SimTime, SimTime),
    /// Vehicle types and their shares.
    pub fleet: Vec<FleetShare>,
    /// How the trips spread over the time.
    pub profile: Profile,
    /// How regular departures are.
    pub spread: Spread,
    /// Factor on every number of the matrix.
    pub scale: f64,
    /// Whether zones without a road lie beyond the map.
    pub rim: bool,
    /// Root of every draw.
    pub seed: Seed,
}

impl Matrix {
    /// The same matrix with the zones that are drawn, in their order.
    ///
    /// # Errors
    /// Every zone that is not drawn.
    pub fn among(&self, zones: &Zones) -> Result<Self, Findings> {
        let mut findings = Findings::default();
        let known = known(self, zones, &mut findings);
        if !findings.is_ok() {
            return Err(findings);
        }
        let cells =
            self.cells.iter().filter_map(|cell| Some(Cell { from: known[cell.from]?, to: known[cell.to]?, ..*cell }));
        let cells = cells.collect();
        let zones = zones.list.iter().map(|zone| (zone.name.clone(), zone.line)).collect();
        Ok(Self { place: self.place.clone(), zones, cells })
    }
}

/// A field of CSV, in quotes where it needs them.
pub fn csv_field(text: &str) -> String {
    matrix::quoted(text)
}

impl OdSpec {
    /// The type with the largest share, by position; zones are for it, and it takes the trips of types that may not go there.
    fn main_kind(&self) -> usize {
        let mut main = 0;
        for (at, share) in self.fleet.iter().enumerate() {
            if share.weight > self.fleet[main].weight {
                main = at;
            }
        }
        main
    }
}

/// Makes the traffic of a matrix, and tells what had to be left out.
///
/// Every vehicle takes the fastest way by the travel times at its departure.
///
/// # Errors
/// Zones of the matrix that are not drawn, zones with trips but no road that the fleet may use, roads that do not exist, coordinates
/// on no earth, too many trips; all at once.
pub fn demand(
    network: &Network,
    router: &Router,
    places: Option<&Places>,
    (matrix, zones): (&Matrix, &Zones),
    spec: &OdSpec,
) -> Result<(Demand, Findings), Findings> {
    let mut findings = Findings::default();
    let known = known(matrix, zones, &mut findings);
    let inside = ends::Inside::new(network, places, zones, &mut findings);
    let ends: Vec<ends::Ends<'_>> = spec.fleet.iter().map(|share| inside.ends(share.kind.class, spec.rim)).collect();
    refuse_nowhere((matrix, zones, &known), (&inside, &ends), spec, &mut findings);
    let total = matrix.total() * spec.scale;
    if !(0.0..=f64::from(TRIPS_MAX)).contains(&total) {
        let message = format!("the matrix stands for {total:.0} trips");
        findings.problem(Problem::new(spec.place.clone(), message).help("at most 2,000,000; scale it down"));
    }
    if !findings.is_ok() {
        return Err(findings);
    }
    let demand = trips::make(network, router, &ends, (matrix, &known), spec, &mut findings);
    Ok((demand, findings))
}

/// For every zone of a matrix its position among those drawn; a problem for each that is not.
fn known(matrix: &Matrix, zones: &Zones, findings: &mut Findings) -> Vec<Option<usize>> {
    let drawn: std::collections::BTreeMap<&str, usize> =
        zones.list.iter().enumerate().map(|(at, zone)| (zone.name.as_str(), at)).collect();
    let mut list = Vec::with_capacity(matrix.zones.len());
    for (name, line) in &matrix.zones {
        let found = drawn.get(name.as_str()).copied();
        if found.is_none() {
            let message = format!("the zone `{name}` is not drawn in {}", zones.place);
            let help = closest(name, drawn.keys().copied()).map_or_else(
                || "draw it, or name the property of the zones that the matrix means: `id: ZONE_NO`".to_owned(),
                |like| format!("did you mean `{like}`?"),
            );
            findings.problem(Problem::new(matrix.place.at(*line, 0), message).help(help));
        }
        list.push(found);
    }
    list
}

/// Notes zones that have trips but nowhere to begin or end them.
fn refuse_nowhere(
    (matrix, zones, known): (&Matrix, &Zones, &[Option<usize>]),
    (inside, ends): (&ends::Inside<'_>, &[ends::Ends<'_>]),
    spec: &OdSpec,
    findings: &mut Findings,
) {
    if inside.with_roads() == 0 && !zones.list.is_empty() {
        let problem = Problem::new(zones.place.clone(), "no zone has a road of the map inside");
        findings.problem(
            problem.help("are the coordinates longitude and latitude, longitude first, of the same place as the map?"),
        );
        return;
    }
    let mut told = vec![false; zones.list.len()];
    for cell in &matrix.cells {
        for zone in [known[cell.from], known[cell.to]].into_iter().flatten() {
            let Some(main) = spec.fleet.get(spec.main_kind()) else { continue };
            let nowhere = ends.get(spec.main_kind()).is_none_or(|ends| matches!(ends.zones[zone], ends::End::Nowhere));
            if !nowhere || std::mem::replace(&mut told[zone], true) {
                continue;
            }
            let name = &zones.list[zone].name;
            let message = format!("the zone `{name}` has trips but no road that a `{}` may use", main.kind.name);
            let help = if spec.rim {
                "draw it larger, tie it to roads by its property `roads`, or leave out its trips"
            } else {
                "draw it larger, tie it to roads by its property `roads`, or write `rim: true` if it lies beyond the map"
            };
            findings.problem(Problem::new(matrix.place.at(cell.line, 0), message).help(help));
        }
    }
}

#[cfg(test)]
mod tests;
