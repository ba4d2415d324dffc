//! From a file of a place to a folder that runs: map, zones, a matrix of trips, a scenario with a variant, and what to do next.
//!
//! Everything that nobody said is guessed, and every guess is listed with its number, so that a planner can replace one after the
//! other. Makes texts only: writes nothing, runs nothing.

mod congested;
mod fitting;
mod gravity;
mod sampling;
mod telling;
mod traffic;

use std::path::{Path, PathBuf};

use crate::city::demand::fleet::kind;
use crate::city::demand::od::{self, Ground, Settlement, Zones};
use crate::city::network::Network;
use crate::city::network::mapfile;
use crate::city::network::osm::{self, BoundingBox, ImportSettings};
use crate::city::network::places::Places;
use crate::city::routing::Router;
use crate::primitives::text::{Findings, Place, Problem};
use crate::primitives::{SimTime, VehicleClass};

pub use congested::FitTimes;
pub use fitting::{FitWish, fitted};
pub use gravity::{GravityWish, by_gravity};
pub use sampling::{RouteWish, routes_to_counts};

/// About how many zones lie along the longer side of a map.
const ZONES_ACROSS: f64 = 8.0;
/// The most zones of a grid.
const ZONES_MAX: usize = 150;

/// Clock times between which the trips of a project depart, as its scenario says [s].
const SPAN: (f64, f64) = (6.0 * 3600.0 + 50.0 * 60.0, 7.0 * 3600.0 + 50.0 * 60.0);
/// How much trips that nobody counted are doubted when there are counts, as a multiple of a Poisson number's variance.
const DOUBT: f64 = 100.0;

/// What a project is to be made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Wish {
    /// File of OpenStreetMap.
    pub file: PathBuf,
    /// Name of the place.
    pub name: String,
    /// Only this part of the file.
    pub area: Option<BoundingBox>,
    /// Whether one drives on the left, if the country's rule is not to decide.
    pub left_hand: Option<bool>,
    /// Country as two letters, if the file is not to decide.
    pub country: Option<String>,
    /// Where people live and work, if it is known.
    pub points: Option<PathBuf>,
    /// Counts the trips are fitted to, if there are any.
    pub counts: Option<PathBuf>,
}

/// Files of a project, and what is to be said of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Project {
    /// Names, relative to the project's folder, and texts.
    pub files: Vec<(String, String)>,
    /// What was made and guessed, a sentence each.
    pub told: Vec<String>,
}

/// Makes a project of a file of OpenStreetMap.
///
/// # Errors
/// What is wrong with the files, that no road is left, or that no trip can be made on the roads.
pub fn make(wish: &Wish) -> Result<Project, Findings> {
    let settings = ImportSettings {
        name: wish.name.clone(),
        area: wish.area,
        left_hand: wish.left_hand,
        country: wish.country.clone(),
    };
    let given = wish.points.as_deref().map(od::read_settlements).transpose()?;
    let imported = osm::import(&wish.file, &settings)?;
    let network = imported.file.map.build()?;
    let router = Router::new(&network);
    let places = &imported.file.places;
    let mut told = Vec::new();
    let points = match &given {
        Some(points) => points.clone(),
        None => along_roads(&network, places),
    };
    let car = kind("car", VehicleClass::Passenger);
    let zones = zones(&network, places, &points)?;
    let ground = Ground {
        network: &network,
        router: &router,
        places: Some(places),
        zones: &zones,
        kind: &car,
        rim: false,
        slow: None,
    };
    let usable = ground.usable()?;
    let zones = Zones { list: keep(zones.list.clone(), &usable), ..zones.clone() };
    let ground = Ground { zones: &zones, ..ground };
    let held = od::gather(&network, &zones, &points);
    if let Some(file) = &wish.points {
        od::refuse_all_outside(&held, points.len(), &Place::file(file))?;
    }
    let mut hour = traffic::hour(&ground, places, &held)?;
    if hour.matrix.total() < 1.0 {
        let problem = Problem::new(Place::file(&wish.file), "there is no way for a car from anywhere to anywhere else");
        return Err(just(problem.help("export a larger area")));
    }
    telling::of_map(&network, &imported.report, &mut told);
    telling::of_traffic(&hour, &zones, (&held, wish.points.as_deref()), &mut told);
    let mut more = Vec::new();
    if let Some(file) = &wish.counts {
        more.extend(to_counts(file, &ground, &mut hour, &mut told)?);
    }
    let street = telling::example(&network);
    let mut files = vec![
        ("map/map.json".to_owned(), mapfile::write(&imported.file)),
        ("map/guesses.json".to_owned(), imported.report.to_json() + "\n"),
        ("zones.geojson".to_owned(), zones.to_geojson()),
        ("matrix.csv".to_owned(), hour.matrix.to_csv()),
        ("scenario.yaml".to_owned(), telling::scenario(&wish.name, street.as_ref(), hour.matrix.total())),
        ("README.md".to_owned(), telling::readme(&wish.name, street.as_ref(), &told)),
    ];
    files.extend(more);
    Ok(Project { files, told })
}

/// Fits an hour's traffic to counts; what is to be written beside it.
fn to_counts(
    file: &Path,
    ground: &Ground<'_>,
    hour: &mut traffic::Hour,
    told: &mut Vec<String>,
) -> Result<Option<(String, String)>, Findings> {
    let span = (SimTime::seconds(SPAN.0), SimTime::seconds(SPAN.1));
    let source = od::CountsFile { path: file, detectors: None, intervals: od::Intervals::Within(span.0, span.1) };
    let (counts, left_out) = source.read(ground.network, od::COUNTS_MAX)?;
    let fit = FitWish {
        ground: *ground,
        matrix: &hour.matrix,
        scale: 1.0,
        span,
        counts: &counts,
        counts_place: &Place::file(file),
        doubt: DOUBT,
        times: FitTimes::Empty,
        others: &[],
    };
    let (made, matrix) = fitting::fit(&fit)?;
    hour.matrix = matrix;
    told.extend(left_out.left_out().iter().map(|(what, number)| format!("left out: {number} {what}")));
    told.push(format!("the trips are fitted to {}", file.display()));
    told.extend(made.told);
    Ok(made.files.into_iter().find(|(name, _)| name == "counts.csv"))
}

/// People and jobs where the map has guessed them, at the middle of each road.
fn along_roads(network: &Network, places: &Places) -> Vec<Settlement> {
    let mut points = Vec::new();
    for zone in &places.zones {
        for (road, share) in &zone.roads {
            if let Some(edge) = network.find_edge(road) {
                let at = od::middle(network, edge);
                points.push(Settlement { at, people: zone.population * share, jobs: zone.jobs * share });
            }
        }
    }
    points
}

/// A grid over the points, and a zone for each gateway; as they read back from their file.
fn zones(network: &Network, places: &Places, points: &[Settlement]) -> Result<Zones, Findings> {
    let mut zones = od::grid(network, points, od::cell_size(network, ZONES_ACROSS), ZONES_MAX);
    zones.list.extend(places.gateways.iter().filter_map(|gateway| {
        let (inbound, outbound) = (network.find_edge(&gateway.inbound)?, network.find_edge(&gateway.outbound)?);
        let roads =
            if inbound == outbound { vec![&gateway.inbound] } else { vec![&gateway.inbound, &gateway.outbound] };
        Some(od::gate(network, &format!("gate {}", gateway.name), inbound, roads))
    }));
    Zones::parse(&Place::file("zones.geojson"), zones.to_geojson().as_bytes(), None)
}

/// Those of a list that a mark says yes to.
fn keep<T>(list: Vec<T>, marks: &[bool]) -> Vec<T> {
    list.into_iter().zip(marks).filter(|(_, mark)| **mark).map(|(one, _)| one).collect()
}

/// The name of a place from a path: that of the file or folder without its endings.
pub fn name_of(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = name.split('.').next().unwrap_or_default();
    let plain: String = stem.chars().map(|c| if c.is_control() { ' ' } else { c }).take(80).collect();
    if plain.chars().any(char::is_alphanumeric) { plain.trim().to_owned() } else { "town".to_owned() }
}

fn just(problem: Problem) -> Findings {
    let mut findings = Findings::default();
    findings.problem(problem);
    findings
}
