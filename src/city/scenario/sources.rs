//! Roads and travellers from the sources a scenario names: maps, SUMO files, and trips made up from homes and jobs.
//!
//! Only joins what the readers and the synthesiser bring. Knows no output.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::join::join;
use super::model::{DemandSource, MapSource, NamedFile, Profile, Scenario, Synthetic};
use super::od;
use super::routing::Routing;
use super::sumocfg::apply_programs;
use crate::city::demand::gtfs;
use crate::city::demand::sumo::{ReadSettings, Recording, read_with_recordings};
use crate::city::demand::synthetic::{self, SyntheticSpec, Volume, synthesize};
use crate::city::demand::{Demand, RouteChoice};
use crate::city::network::Network;
use crate::city::network::bare::BareMap;
use crate::city::network::cache::NetworkCache;
use crate::city::network::mapfile::{self, MapFile};
use crate::city::network::osm::{self, ImportSettings, Imported};
use crate::city::network::places::Places;
use crate::city::network::sumo::read_network;
use crate::city::routing::Router;
use crate::primitives::text::{Findings, Place, Problem};

/// Roads and what else their file knows.
#[derive(Debug)]
pub(super) struct Roads {
    /// The roads.
    pub network: Network,
    /// Places of a map of this program.
    pub places: Option<Places>,
    /// What they were built from, for a map of this program.
    pub map: Option<BareMap>,
    /// Files read.
    pub files: Vec<PathBuf>,
    /// What was left out; no problems.
    pub left_out: Findings,
}

/// Travellers of all sources together.
#[derive(Debug)]
pub(super) struct Travellers {
    /// The travellers.
    pub demand: Demand,
    /// Files read.
    pub files: Vec<PathBuf>,
    /// What was left out; no problems.
    pub left_out: Findings,
}

/// What to do about a fault in a file where its reader has nothing better to say.
const OF_A_NET: &str = "make the network anew with SUMO's netconvert, or mend this";
const OF_ROUTES: &str = "mend this, or make the file anew, for example with SUMO's duarouter";
const OF_A_MAP: &str = "maps are made by `citytwin import`; make it anew, or mend this";
const OF_OSM: &str =
    "name an extract of OpenStreetMap, `.osm`, `.osm.gz` or `.osm.pbf`; download it anew if it is cut off";

/// Reads the roads.
pub(super) fn roads(map: &MapSource, cache: Option<&NetworkCache>) -> Result<Roads, Findings> {
    let (file, help) = match map {
        MapSource::SumoNet(file) => (file, OF_A_NET),
        MapSource::City(file) => (file, OF_A_MAP),
        MapSource::Osm(file) => (file, OF_OSM),
    };
    let roads = match map {
        _ if file.path.is_dir() => Err(refused(file, "this is a folder")),
        MapSource::SumoNet(_) => of_sumo(file, cache),
        MapSource::City(_) => city(file),
        MapSource::Osm(_) => of_osm(file),
    };
    roads.map_err(|findings| findings.told_at(&file.place, &file.path).advised(help))
}

fn refused(file: &NamedFile, message: &str) -> Findings {
    let mut findings = Findings::default();
    findings.problem(Problem::new(Place::file(file.path.clone()), message));
    findings
}

/// Reads a network of SUMO, from the cache where it has been read before.
fn of_sumo(file: &NamedFile, cache: Option<&NetworkCache>) -> Result<Roads, Findings> {
    let (network, left_out) = cache.map_or_else(|| read_network(&file.path), |cache| cache.read(&file.path))?;
    if network.roads().next().is_none() {
        return Err(refused(file, "the network has no road"));
    }
    Ok(Roads { network, places: None, map: None, files: vec![file.path.clone()], left_out })
}

/// Makes a map of a file of OpenStreetMap, with everything the import guesses.
fn of_osm(file: &NamedFile) -> Result<Roads, Findings> {
    let Imported { file: MapFile { map, places, .. }, report } = osm::import(&file.path, &ImportSettings::default())?;
    let network = map.build()?;
    let mut left_out = Findings::default();
    for (what, tally) in report.left_out {
        left_out.unsupported(what, tally.count);
    }
    Ok(Roads { network, places: Some(places), map: Some(map), files: vec![file.path.clone()], left_out })
}

/// Reads a map of this program and builds its junctions.
fn city(file: &NamedFile) -> Result<Roads, Findings> {
    let text =
        std::fs::read_to_string(&file.path).map_err(|error| refused(file, &format!("cannot be read: {error}")))?;
    let MapFile { map, places, .. } = mapfile::parse(&file.path, &text)?;
    let network = map.build()?;
    Ok(Roads {
        network,
        places: Some(places),
        map: Some(map),
        files: vec![file.path.clone()],
        left_out: Findings::default(),
    })
}

/// Reads and makes up the travellers; signal programs of additional files go into the roads.
pub(super) fn travellers(scenario: &Scenario, roads: &mut Roads) -> Result<Travellers, Findings> {
    let mut travellers = sumo(scenario, roads)?;
    for source in &scenario.demand {
        let DemandSource::Synthetic(synthetic) = source else { continue };
        let (mut made, left_out) = synthetic_demand(scenario, synthetic, roads)?;
        if scenario.routing != Routing::AtDeparture {
            choose_ways(&mut made);
        }
        travellers.left_out.absorb(left_out);
        refuse_same_names(&travellers.demand, &made, ("synthetic demand", &synthetic.place))?;
        travellers.demand = join(travellers.demand, made);
    }
    matrices(scenario, roads, &mut travellers)?;
    timetables(scenario, roads, &mut travellers)?;
    Ok(travellers)
}

/// Makes the travellers of all matrices; everything wrong with any of them is said at once.
fn matrices(scenario: &Scenario, roads: &Roads, travellers: &mut Travellers) -> Result<(), Findings> {
    let mut wrong = Findings::default();
    let matrices = scenario.demand.iter().filter_map(|source| match source {
        DemandSource::Od(source) => Some(source),
        _ => None,
    });
    for (number, source) in matrices.enumerate() {
        match od::travellers(scenario, (source, number), (&roads.network, roads.places.as_ref())) {
            Ok((made, left_out)) => {
                travellers.left_out.absorb(left_out);
                refuse_same_names(&travellers.demand, &made, ("a matrix", &source.place))?;
                travellers.demand = join(std::mem::take(&mut travellers.demand), made);
            }
            Err(findings) => wrong.absorb(findings),
        }
        travellers.files.extend([source.matrix.path.clone(), source.zones.path.clone()]);
    }
    if wrong.is_ok() { Ok(()) } else { Err(wrong) }
}

/// All SUMO files of all sources are read together, additional files first, as SUMO does: routes may name what stands in any.
fn sumo(scenario: &Scenario, roads: &mut Roads) -> Result<Travellers, Findings> {
    let mut files = Vec::new();
    for source in &scenario.demand {
        if let DemandSource::SumoAdditional(named) = source {
            files.extend(named.iter().map(|file| file.path.clone()));
        }
    }
    for source in &scenario.demand {
        if let DemandSource::SumoRoutes(named) = source {
            files.extend(named.iter().map(|file| file.path.clone()));
        }
    }
    let recordings: Vec<(PathBuf, Recording)> = scenario
        .demand
        .iter()
        .filter_map(|source| match source {
            DemandSource::Recorded(file, how) => Some((file.path.clone(), *how)),
            _ => None,
        })
        .collect();
    if files.is_empty() && recordings.is_empty() {
        return Ok(Travellers { demand: Demand::default(), files, left_out: Findings::default() });
    }
    let settings = ReadSettings {
        begin: scenario.begin(),
        end: Some(scenario.end()),
        seed: scenario.seed,
        ..ReadSettings::default()
    };
    let (read, mut left_out) = read_with_recordings(&files, &recordings, &roads.network, &settings)
        .map_err(|wrong| wrong.advised(OF_ROUTES))?;
    files.extend(recordings.into_iter().map(|(file, _)| file));
    apply_programs(read.programs, &mut roads.network, &mut left_out);
    if !left_out.is_ok() {
        return Err(left_out.advised(OF_ROUTES));
    }
    if read.not_due > 0 && read.demand.vehicles.is_empty() {
        return Err(nobody_due(scenario, read.not_due));
    }
    if read.not_due > 0 {
        left_out.unsupported("vehicles that depart while nothing is simulated", read.not_due as u64);
    }
    Ok(Travellers { demand: read.demand, files, left_out })
}

/// Refuses files of which nobody departs while the city is simulated.
fn nobody_due(scenario: &Scenario, vehicles: usize) -> Findings {
    let named = scenario.demand.iter().find_map(|source| match source {
        DemandSource::SumoRoutes(files) | DemandSource::SumoAdditional(files) => files.first(),
        DemandSource::Recorded(file, _) => Some(file),
        DemandSource::Synthetic(_) | DemandSource::Od(_) | DemandSource::Timetables(_) => None,
    });
    let place = named.map_or_else(|| Place::file("scenario"), |file| file.place.clone());
    let (begin, end) = (scenario.begin(), scenario.end());
    let message = format!("nobody travels: of {vehicles} vehicles none departs from {begin} to {end}");
    let mut findings = Findings::default();
    let help = "times in SUMO's files count from midnight: change `start`, or the departures";
    findings.problem(Problem::new(place, message).help(help));
    findings
}

/// Lets everybody of a made-up demand but those who keep to stops choose its way: nobody gave them one.
fn choose_ways(made: &mut Demand) {
    for vehicle in made.vehicles.iter_mut().filter(|vehicle| vehicle.stops.is_empty() && vehicle.line.is_none()) {
        vehicle.choice = RouteChoice::FastestAtDeparture { via: Vec::new() };
    }
}

/// Reads the buses of all timetables; everything wrong with any of them is said at once.
fn timetables(scenario: &Scenario, roads: &Roads, travellers: &mut Travellers) -> Result<(), Findings> {
    let mut wrong = Findings::default();
    for source in &scenario.demand {
        let DemandSource::Timetables(source) = source else { continue };
        let spec = gtfs::TimetableSpec {
            feed: source.feed.path.clone(),
            place: source.feed.place.clone(),
            date: source.date.clone().unwrap_or_default(),
            span: (scenario.begin(), scenario.end()),
            dwell: source.dwell,
            lines: source.lines.clone(),
            within: source.within,
        };
        match gtfs::read(&spec, &roads.network) {
            Ok((made, files, left_out)) => {
                travellers.left_out.absorb(left_out);
                refuse_same_names(&travellers.demand, &made, ("a timetable", &source.place))?;
                travellers.demand = join(std::mem::take(&mut travellers.demand), made);
                travellers.files.extend(files);
            }
            Err(findings) => wrong.absorb(findings),
        }
    }
    if wrong.is_ok() { Ok(()) } else { Err(wrong) }
}

fn refuse_same_names(there: &Demand, made: &Demand, (whose, place): (&str, &Place)) -> Result<(), Findings> {
    let names: BTreeSet<&str> = there.vehicles.iter().map(|vehicle| vehicle.name.as_str()).collect();
    let Some(twice) = made.vehicles.iter().find(|vehicle| names.contains(vehicle.name.as_str())) else { return Ok(()) };
    let message = format!("{whose} and another source both have a vehicle `{}`", twice.name);
    let mut findings = Findings::default();
    findings.problem(
        Problem::new(place.clone(), message).help("keep one synthetic source, or rename the vehicles of the file"),
    );
    Err(findings)
}

/// Makes up travellers from the map's homes and jobs.
fn synthetic_demand(scenario: &Scenario, wanted: &Synthetic, roads: &Roads) -> Result<(Demand, Findings), Findings> {
    let Some(places) = &roads.places else {
        let mut findings = Findings::default();
        let problem = Problem::new(wanted.place.clone(), "the map has no homes and jobs to make trips from");
        findings.problem(problem.help("use `sumo-routes`, or a `city` or `osm` map"));
        return Err(findings);
    };
    // More trips through the city leave fewer within, into and out of it, in the same proportions as ever.
    let usual = SyntheticSpec::default();
    let kept = (1.0 - wanted.through_traffic) / (1.0 - usual.through);
    let spec = SyntheticSpec {
        begin: scenario.begin(),
        duration: scenario.warmup + scenario.run,
        volume: Volume::PerHour(wanted.flow),
        profile: match wanted.profile {
            Profile::MorningPeak => synthetic::Profile::weekday(),
            Profile::Flat => synthetic::Profile::flat(),
        },
        inbound: usual.inbound * kept,
        outbound: usual.outbound * kept,
        through: wanted.through_traffic,
        fleet: super::fleet::mix(&scenario.fleet),
        buses: wanted.buses,
        seed: scenario.seed,
        ..usual
    };
    synthesize(&roads.network, &Router::new(&roads.network), places, &spec)
}
