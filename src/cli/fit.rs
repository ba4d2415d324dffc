//! `citytwin fit`: the matrix of a scenario fitted to counts.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::new::{Draft, refuse_existing};
use crate::city::demand::fleet::kind;
use crate::city::demand::od::vehicle_prefix as od_prefix;
use crate::city::demand::od::{
    COUNTS_MAX, Count, CountsFile, Ground, Intervals, Matrix, Zones, read_times, read_turns,
};
use crate::city::demand::sampling::read_candidates;
use crate::city::network::Network;
use crate::city::project::{self, FitTimes, FitWish, RouteWish};
use crate::city::routing::Router;
use crate::city::scenario::{self, DemandSource, LoadedScenario, OdSource, Overrides, Scenario};
use crate::primitives::ids::EdgeId;
use crate::primitives::random::Seed;
use crate::primitives::text::{Findings, Place, Problem};
use crate::primitives::{SimTime, VehicleClass};

/// The most intervals of counts at the limit of counts that routes are chosen for.
const INTERVALS_MAX: usize = 96;

/// What `fit` is told.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Scenario (.yaml) with a matrix among its demand; with `--routes` any scenario, or a map
    file: PathBuf,
    /// Counts as CSV, road,from,to,vehicles; or SUMO's edge data or output of induction loops (E1)
    #[arg(long, value_name = "FILE")]
    counts: PathBuf,
    /// SUMO's additional file that says where the loops of `--counts` lie
    #[arg(long, value_name = "FILE")]
    detectors: Option<PathBuf>,
    /// Counts of turns as CSV, from,to,begin,end,vehicles; or SUMO's <edgeRelation>
    #[arg(long, value_name = "FILE")]
    turns: Option<PathBuf>,
    /// Routes (.rou.xml) to choose from instead of fitting a matrix: how often each is driven in each interval of the counts
    #[arg(long, value_name = "FILE", conflicts_with_all = ["matrix", "doubt"])]
    routes: Vec<PathBuf>,
    /// What drives the routes: one of SUMO's classes
    #[arg(long, value_name = "CLASS", default_value = "passenger", requires = "routes", value_parser = class)]
    kind: VehicleClass,
    /// Root of the draws among routes that fit equally well
    #[arg(long, value_name = "NUMBER", default_value = "42", requires = "routes")]
    seed: u64,
    /// Folder to make for `matrix.csv` or `routes.rou.xml`, and `counts.csv`; there must be none of that name yet
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Which matrix, if the scenario has several, from 1
    #[arg(long, value_name = "NUMBER")]
    matrix: Option<usize>,
    /// Times by which ways are the fastest: SUMO's edge data, or the folder of a run [default: those of empty roads]
    #[arg(long, value_name = "PATH", conflicts_with = "routes")]
    times: Option<PathBuf>,
    /// Let ways answer to how full the fitted traffic makes the roads, with this many vehicles an hour as capacity of a lane
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["routes", "times"], value_parser = capacity)]
    lane_capacity: Option<f64>,
    /// How much the matrix is doubted against the counts: its variance as a multiple of a Poisson number's
    #[arg(long, value_name = "FACTOR", default_value = "10", value_parser = doubt)]
    doubt: f64,
}

/// Fits.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    fit(arguments).unwrap_or_else(|code| code)
}

fn fit(arguments: &Arguments) -> Result<ExitCode, ExitCode> {
    super::understood(refuse_existing(&arguments.out))?;
    if !arguments.routes.is_empty() {
        return sampled(arguments);
    }
    let scenario = super::understood(scenario::read(&arguments.file))?;
    let (source, number) = super::understood(chosen(&arguments.file, &scenario, arguments.matrix))?;
    let loaded = super::understood(scenario::load(&arguments.file, &Overrides::default()))?;
    let matrix = super::understood(Matrix::read(&source.matrix.path))?;
    let zones = super::understood(Zones::read(&source.zones.path, source.id.as_deref()))?;
    let span = source.span.unwrap_or((scenario.start, scenario.end()));
    let file = CountsFile {
        path: &arguments.counts,
        detectors: arguments.detectors.as_deref(),
        intervals: Intervals::Within(span.0, span.1),
    };
    let (mut counts, left_out) = super::understood(file.read(&loaded.network, COUNTS_MAX))?;
    if let Some(file) = &arguments.turns {
        counts.extend(super::understood(read_turns(file, &loaded.network))?);
        super::understood(bounded(file, &counts))?;
    }
    let class = source.class.unwrap_or(VehicleClass::Passenger);
    let (router, kind) = (Router::new(&loaded.network), kind(class.name(), class));
    let ground = Ground {
        network: &loaded.network,
        router: &router,
        places: loaded.places.as_ref(),
        zones: &zones,
        kind: &kind,
        rim: source.rim,
        slow: None,
    };
    let times = arguments.times.as_ref().map(|path| read_times(path, &loaded.network, (&router, &kind), span));
    let times = super::understood(times.transpose())?;
    let others = others(&loaded, number);
    let wish = FitWish {
        ground,
        matrix: &matrix,
        scale: source.scale,
        span,
        counts: &counts,
        counts_place: &Place::file(&arguments.counts),
        doubt: arguments.doubt,
        times: match (&times, arguments.lane_capacity) {
            (Some(times), _) => FitTimes::Given(&times.factors),
            (None, Some(capacity)) => FitTimes::ByVolume(capacity),
            (None, None) => FitTimes::Empty,
        },
        others: &others,
    };
    let made = super::understood(project::fitted(&wish))?;
    let folder = Draft::new(&arguments.out)?;
    folder.write(&made)?;
    folder.keep(&arguments.out)?;
    for (what, number) in left_out.left_out().iter().chain(times.iter().flat_map(|times| &times.left_out)) {
        super::tell(&format!("left out: {number} {what}"));
    }
    for line in &made.told {
        super::tell(line);
    }
    if let (Some(times), Some(path)) = (&times, &arguments.times) {
        let roads = loaded.network.roads().count();
        super::tell(&format!("ways by the times of {} of {roads} roads in {}", times.known, path.display()));
    }
    Ok(super::print(&arguments.out.display().to_string(), ExitCode::SUCCESS))
}

/// Chooses among given routes.
fn sampled(arguments: &Arguments) -> Result<ExitCode, ExitCode> {
    let network = super::understood(roads(&arguments.file))?;
    let kind = kind(arguments.kind.name(), arguments.kind);
    let (candidates, routes_left_out) = super::understood(read_candidates(&arguments.routes, &network, &kind))?;
    let file =
        CountsFile { path: &arguments.counts, detectors: arguments.detectors.as_deref(), intervals: Intervals::Each };
    let (mut counts, left_out) = super::understood(file.read(&network, INTERVALS_MAX * COUNTS_MAX))?;
    if let Some(file) = &arguments.turns {
        counts.extend(super::understood(read_turns(file, &network))?);
    }
    let place = Place::file(&arguments.counts);
    let seed = Seed(arguments.seed);
    let wish = RouteWish { network: &network, candidates: &candidates, counts: &counts, place: &place, kind, seed };
    let made = super::understood(project::routes_to_counts(&wish))?;
    let folder = Draft::new(&arguments.out)?;
    folder.write(&made)?;
    folder.keep(&arguments.out)?;
    for (what, number) in left_out.left_out().iter().chain(routes_left_out.left_out()) {
        super::tell(&format!("left out: {number} {what}"));
    }
    for line in &made.told {
        super::tell(line);
    }
    let routes = arguments.out.join("routes.rou.xml");
    super::tell(&format!("next: `- sumo-routes: {{ files: [{}] }}` under `demand` of a scenario", routes.display()));
    Ok(super::print(&arguments.out.display().to_string(), ExitCode::SUCCESS))
}

/// The roads of a scenario or of a map.
fn roads(file: &Path) -> Result<Arc<Network>, Findings> {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("yaml" | "yml" | "sumocfg") => scenario::load(file, &Overrides::default()).map(|loaded| loaded.network),
        _ => super::export::network_of(file).map(Arc::new),
    }
}

/// Refuses more counts than a fit can solve.
fn bounded(file: &Path, counts: &[Count]) -> Result<(), Findings> {
    if counts.len() <= COUNTS_MAX {
        return Ok(());
    }
    let mut findings = Findings::default();
    let message = format!("with these turns there are {} counts, more than {COUNTS_MAX}", counts.len());
    findings.problem(Problem::new(Place::file(file), message).help("leave some out"));
    Err(findings)
}

/// A class of vehicles of the command line.
fn class(text: &str) -> Result<VehicleClass, String> {
    let class = VehicleClass::from_name(text).filter(|class| class.is_moved() && !class.is_rail());
    class.ok_or_else(|| "a class of SUMO that drives on roads, such as `passenger`, `truck` or `bicycle`".to_owned())
}

/// Everybody of the scenario who is not of this matrix: when they depart, and the roads they were given or would take on empty ones.
fn others(loaded: &LoadedScenario, number: usize) -> Vec<(SimTime, &[EdgeId])> {
    let demand = &*loaded.demand;
    let of_matrix = od_prefix(number);
    let others = demand.vehicles.iter().filter(|vehicle| !vehicle.name.starts_with(&of_matrix));
    let travelling = others.filter(|vehicle| vehicle.departure.time < SimTime::MAX);
    travelling.map(|vehicle| (vehicle.departure.time, demand.route(vehicle.route).edges.as_slice())).collect()
}

/// A capacity of the command line.
fn capacity(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| (1.0..=10_000.0).contains(number));
    number.ok_or_else(|| "vehicles an hour that a lane lets by, from 1 to 10000, such as 900".to_owned())
}

/// The matrix that is meant, and its place among the matrices.
fn chosen<'a>(file: &Path, scenario: &'a Scenario, number: Option<usize>) -> Result<(&'a OdSource, usize), Findings> {
    let matrices: Vec<&OdSource> = scenario
        .demand
        .iter()
        .filter_map(|source| match source {
            DemandSource::Od(source) => Some(source),
            _ => None,
        })
        .collect();
    let (message, help) = match (matrices.as_slice(), number) {
        ([one], None) => return Ok((one, 0)),
        ([], _) => ("has no matrix to fit".to_owned(), "add `- od: { matrix: ..., zones: ... }` to its demand"),
        (all, None) => (format!("has {} matrices", all.len()), "say which: `--matrix 1`"),
        (all, Some(number)) => match number.checked_sub(1).and_then(|at| Some((*all.get(at)?, at))) {
            Some(one) => return Ok(one),
            None => {
                (format!("has no matrix {number}, only {}", all.len()), "they count from 1, in the order of the file")
            }
        },
    };
    let mut findings = Findings::default();
    findings.problem(Problem::new(Place::file(file), message).help(help));
    Err(findings)
}

/// A factor of the command line.
fn doubt(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| (1e-3..=1e6).contains(number));
    number.ok_or_else(|| "a number from 0.001 to 1000000; 1 believes the matrix as much as the counts".to_owned())
}
