//! A matrix and its zones from where people live and work.

use super::{Project, just, keep};
use crate::city::demand::fleet::kind;
use crate::city::demand::od::{self, Deterrence, Ground, Settlement, Zones};
use crate::city::network::Network;
use crate::city::routing::Router;
use crate::primitives::text::{Findings, Place, Problem};
use crate::primitives::{Distance, VehicleClass};

/// The most zones a grid is given.
const ZONES_MAX: usize = 1_000;
/// About how many zones lie along the longer side of a map, unless a size is given.
const ZONES_ACROSS: f64 = 15.0;

/// What a matrix is to be made of.
#[derive(Debug, Clone, PartialEq)]
pub struct GravityWish {
    /// Where people live and work.
    pub points: Vec<Settlement>,
    /// The zones; a grid if there are none.
    pub zones: Option<Zones>,
    /// Side of the cells of a grid, if it is to be that.
    pub cell: Option<Distance>,
    /// Trips that each person begins in the time of the matrix.
    pub trips_per_person: f64,
    /// How the wish to travel falls with time.
    pub deterrence: Deterrence,
}

/// Makes a matrix and its zones.
///
/// # Errors
/// Points that lie in no zone, zones tied to roads that do not exist, and that no trip can be made.
pub fn by_gravity(network: &Network, wish: &GravityWish) -> Result<Project, Findings> {
    let router = Router::new(network);
    let car = kind("car", VehicleClass::Passenger);
    let zones = if let Some(zones) = &wish.zones {
        zones.clone()
    } else {
        let size = wish.cell.map_or_else(|| od::cell_size(network, ZONES_ACROSS), Distance::as_metres);
        let grid = od::grid(network, &wish.points, size, ZONES_MAX);
        Zones::parse(&Place::file("zones.geojson"), grid.to_geojson().as_bytes(), None)?
    };
    let ground = Ground { network, router: &router, places: None, zones: &zones, kind: &car, rim: false, slow: None };
    let usable = ground.usable()?;
    let without_roads = usable.iter().filter(|one| !**one).count();
    let zones = Zones { list: keep(zones.list.clone(), &usable), ..zones.clone() };
    let ground = Ground { zones: &zones, ..ground };
    let held = od::gather(network, &zones, &wish.points);
    od::refuse_all_outside(&held, wish.points.len(), &zones.place)?;
    let origins: Vec<f64> = held.people.iter().map(|people| people * wish.trips_per_person).collect();
    let made = ground.gravity((&origins, &held.jobs), wish.deterrence)?;
    if made.matrix.total() <= 0.0 {
        let problem = Problem::new(zones.place.clone(), "there is no way from where people live to where they work");
        return Err(just(problem.help("look at the zones on the map: `citytwin export MAP --out map.svg`")));
    }
    let mut told = vec![format!(
        "{:.0} trips between {} zones, {:.1} min each on empty roads; rows and columns balanced to {:.4} % in {} rounds",
        made.matrix.total(),
        zones.list.len(),
        made.mean_minutes,
        made.error * 100.0,
        made.rounds
    )];
    let mut count = |count: usize, what: &str| {
        if count > 0 {
            told.push(format!("left out: {count} {what}"));
        }
    };
    count(held.outside, "points that lie in no zone with a road");
    count(without_roads, "zones without a road for cars");
    count(made.without_a_way, "pairs of zones without a way from one to the other");
    let files = vec![("matrix.csv".to_owned(), made.matrix.to_csv()), ("zones.geojson".to_owned(), zones.to_geojson())];
    Ok(Project { files, told })
}
