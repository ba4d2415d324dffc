//! The key `access:` of a comparison: from which zones people get to how many jobs in which time, and which groups they are of.
//!
//! Zones are drawn ones, with what they hold in a table or in their properties, or those of the map. All mistakes of the files are told
//! at once, each with its place. Knows no travel time.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::check::Checker;
use super::model::{NamedFile, Scenario};
use super::quantity::{At, WrittenClock, WrittenDuration};
pub use crate::city::demand::od::{Division, Residents, ZoneRoads};
use crate::city::demand::od::{Inhabitants, Zones, zone_roads};
use crate::city::intervention::Transplant;
use crate::city::network::Network;
use crate::city::network::places::Places;
use crate::primitives::ids::EdgeId;
use crate::primitives::text::{Findings, Place, Problem};
use crate::primitives::{SimDuration, SimTime, VehicleClass};

/// The most zones from which ways are looked for.
const ZONES_MAX: usize = 1000;
/// The most limits of time.
const WITHIN_MAX: usize = 5;
/// The most times of departure.
const DEPARTURES_MAX: usize = 12;
/// How many there are unless given, at equal distances from the measured start on.
const DEPARTURES: i64 = 4;
/// The most divisions of people.
const DIVISIONS_MAX: usize = 10;

/// From where people get to how many jobs.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct AccessKey {
    /// In which time by car, from one to five of them: "15 min". The measures are of the first.
    pub within: At<Vec<At<WrittenDuration>>>,
    /// Zones as `GeoJSON`, relative to the scenario file; people, jobs and groups are their properties unless there is a `table`. The map's
    /// own zones unless given.
    pub zones: Option<At<String>>,
    /// Property of the zones that names them. The first of `id`, `zone`, `name` and `zone_id` that all of them have unless given.
    pub id: Option<At<String>>,
    /// What the zones hold, as CSV with the columns `zone,people,jobs` and one for each group, relative to the scenario file.
    pub table: Option<At<String>>,
    /// How people are parted: `[income]` reads the shares in per cent `income.low`, `income.high` and whichever there are.
    pub groups: Option<At<Vec<At<String>>>>,
    /// Clock times of departure. Four at equal distances from `start` on unless given.
    pub departures: Option<At<Vec<At<WrittenClock>>>>,
}

/// Where a comparison looks for zones, and how far they reach.
#[derive(Debug, Clone, PartialEq)]
pub struct AccessSource {
    /// Where the scenario asks for it.
    pub place: Place,
    /// In which time; at least one [s].
    pub within: Vec<SimDuration>,
    /// Drawn zones; the map's own where there are none.
    pub zones: Option<NamedFile>,
    /// The property that names them, if one is given.
    pub id: Option<String>,
    /// What the zones hold, if a table says so.
    pub table: Option<NamedFile>,
    /// How people are parted, and where the scenario says so.
    pub groups: Vec<(String, Place)>,
    /// Times of departure, if any are given [s].
    pub departures: Vec<SimTime>,
}

impl AccessSource {
    /// The files it names.
    pub(super) fn files(&self) -> impl Iterator<Item = PathBuf> {
        [&self.zones, &self.table].into_iter().flatten().map(|file| file.path.clone())
    }
}

/// A zone from which people set out and in which there are jobs.
#[derive(Debug, Clone, PartialEq)]
pub struct AccessZone {
    /// Its name.
    pub name: String,
    /// Its people, its jobs, and to which groups its people belong.
    pub residents: Residents,
    /// Its roads.
    pub roads: ZoneRoads,
}

/// What access is reckoned of.
#[derive(Debug, Clone, PartialEq)]
pub struct Access {
    /// In which time; at least one [s].
    pub within: Vec<SimDuration>,
    /// Times of departure; at least one [s].
    pub departures: Vec<SimTime>,
    /// How people are parted.
    pub divisions: Vec<Division>,
    /// The zones that hold anybody or anything.
    pub zones: Vec<AccessZone>,
    /// Roads at whose side there are hospitals, on a map that knows any.
    pub hospitals: Vec<EdgeId>,
}

impl Access {
    /// All people.
    pub fn people(&self) -> f64 {
        self.zones.iter().map(|zone| zone.residents.people).sum()
    }

    /// All jobs.
    pub fn jobs(&self) -> f64 {
        self.zones.iter().map(|zone| zone.residents.jobs).sum()
    }

    /// The same on a network that was built from this one; roads that are gone lose their weight to the others of their zone.
    #[must_use]
    pub(super) fn moved(&self, to: &Transplant<'_>) -> Self {
        let mut moved = self.clone();
        for zone in &mut moved.zones {
            let all = zone.roads.all.iter().filter_map(|&edge| to.edge(edge)).collect();
            let ends = zone.roads.ends.iter().filter_map(|&(edge, weight)| Some((to.edge(edge)?, weight))).collect();
            zone.roads = weighed(ZoneRoads { ends, all });
        }
        moved.hospitals = self.hospitals.iter().filter_map(|&edge| to.edge(edge)).collect();
        moved
    }
}

/// The same roads with weights that sum to 1.
fn weighed(mut roads: ZoneRoads) -> ZoneRoads {
    let sum: f64 = roads.ends.iter().map(|end| end.1).sum();
    roads.ends.iter_mut().for_each(|end| end.1 /= sum);
    roads
}

impl Checker<'_> {
    /// What a comparison asks for.
    pub(super) fn access(&mut self, key: &At<AccessKey>) -> Option<AccessSource> {
        let (place, key) = (key.spot.of_file(self.place), &key.value);
        let zones = key.zones.as_ref().map(|path| self.named(path));
        let table = key.table.as_ref().map(|path| self.named(path));
        if let (Some(id), None) = (&key.id, &zones) {
            self.wrong(id.spot, "there are no drawn zones that `id` could name", "add `zones: zones.geojson`");
        }
        let limits = &key.within.value;
        if limits.is_empty() || limits.len() > WITHIN_MAX {
            let message = format!("`within` has {} times", limits.len());
            self.wrong(key.within.spot, message, format!("from 1 to {WITHIN_MAX}, like `[15 min, 30 min]`"));
        }
        let mut within: Vec<SimDuration> = Vec::new();
        for limit in limits.iter().take(WITHIN_MAX) {
            let Some(span) = self.span(limit, "`within`", 60.0, 7200.0) else { continue };
            if within.contains(&span) {
                self.wrong(limit.spot, "the same time stands there twice", "keep one of them");
            }
            within.push(span);
        }
        let named = key.groups.as_ref().map_or(&[][..], |groups| &groups.value);
        if let Some(groups) = key.groups.as_ref().filter(|_| named.is_empty() || named.len() > DIVISIONS_MAX) {
            let message = format!("people are parted by {} things", named.len());
            self.wrong(groups.spot, message, format!("from 1 to {DIVISIONS_MAX}, like `[income]`"));
        }
        let mut groups: Vec<(String, Place)> = Vec::new();
        for group in named.iter().take(DIVISIONS_MAX) {
            let name = group.value.trim();
            if name.is_empty() || name.contains('.') {
                self.wrong(group.spot, "this names no groups", "write what stands before the point: `income`");
            } else if groups.iter().any(|one| one.0 == name) {
                self.wrong(group.spot, format!("`{}` stands there twice", name.escape_debug()), "keep one of them");
            }
            groups.push((name.to_owned(), group.spot.of_file(self.place)));
        }
        let times = key.departures.as_ref().map_or(&[][..], |times| &times.value);
        if let Some(list) = key.departures.as_ref().filter(|_| times.is_empty() || times.len() > DEPARTURES_MAX) {
            let message = format!("there are {} departures", times.len());
            self.wrong(list.spot, message, format!("from 1 to {DEPARTURES_MAX}"));
        }
        let times = times.iter().take(DEPARTURES_MAX);
        let departures = times.filter_map(|at| self.read(at.spot, at.value.read())).map(|(_, at)| at).collect();
        let id = key.id.as_ref().map(|id| id.value.trim().to_owned()).filter(|id| !id.is_empty());
        (!within.is_empty()).then_some(AccessSource { place, within, zones, id, table, groups, departures })
    }
}

/// Reads what access is reckoned of; none where the scenario does not ask for it.
///
/// # Errors
/// Everything wrong with the files, and what of them does not fit the map, at once. Where nothing is, beside it what had to be left
/// out.
pub(super) fn read(
    scenario: &Scenario,
    network: &Network,
    places: Option<&Places>,
) -> Result<(Option<Access>, Findings), Findings> {
    let mut findings = Findings::default();
    let Some(source) = &scenario.comparison.access else { return Ok((None, findings)) };
    let departures = departures(scenario, source, &mut findings);
    let (divisions, zones) = match &source.zones {
        Some(file) => drawn(source, file, network, places)?,
        None => of_the_map(source, network, places, &mut findings)?,
    };
    if zones.len() > ZONES_MAX {
        let message = format!("access from {} zones would take too long", zones.len());
        findings.problem(Problem::new(source.place.clone(), message).help(format!("at most {ZONES_MAX} with anybody")));
    }
    if zones.iter().map(|zone| zone.residents.jobs).sum::<f64>() <= 0.0 {
        let problem = Problem::new(source.place.clone(), "there are no jobs in any of the zones");
        findings.problem(problem.help("give `jobs`: people get to those"));
    }
    let sites = places.map_or(&[][..], |places| &places.hospitals).iter();
    let hospitals = sites.filter_map(|site| network.find_edge(&site.at.road)).collect();
    let within = source.within.clone();
    if !findings.is_ok() {
        return Err(findings);
    }
    Ok((Some(Access { within, departures, divisions, zones, hospitals }), findings))
}

/// The times of departure within the measured time.
fn departures(scenario: &Scenario, source: &AccessSource, findings: &mut Findings) -> Vec<SimTime> {
    let (start, end) = (scenario.start, scenario.end());
    if source.departures.is_empty() {
        let step = (end - start).as_milliseconds() / DEPARTURES;
        return (0..DEPARTURES).map(|place| start + SimDuration::milliseconds(step * place)).collect();
    }
    let times: Vec<SimTime> = source.departures.iter().copied().filter(|at| (start..end).contains(at)).collect();
    if times.is_empty() {
        let message = format!("nobody would depart while the city is measured, {start} to {end}");
        findings.problem(Problem::new(source.place.clone(), message).help("change `departures`, or `time`"));
    }
    times
}

/// Zones as somebody drew them. Those that hold nobody and nothing are left out.
fn drawn(
    source: &AccessSource,
    file: &NamedFile,
    network: &Network,
    places: Option<&Places>,
) -> Result<(Vec<Division>, Vec<AccessZone>), Findings> {
    let (zones, properties) = Zones::read_with_properties(&file.path, source.id.as_deref())?;
    let held = match &source.table {
        Some(table) => {
            let known = zones.list.iter().map(|zone| (zone.name.as_str(), None)).collect();
            Inhabitants::read(&table.path, &known, &source.groups)
        }
        None => Inhabitants::of_properties(&zones, &properties, &source.groups),
    };
    let roads = zone_roads(network, places, &zones, VehicleClass::Passenger);
    let (mut held, roads) = match (held, roads) {
        (Ok(held), Ok(roads)) => (held, roads),
        (held, roads) => return Err(both(held.err(), roads.err())),
    };
    let mut findings = Findings::default();
    let mut list = Vec::new();
    for (zone, roads) in zones.list.iter().zip(roads) {
        let Some(residents) = held.zones.remove(&zone.name) else { continue };
        if residents.people + residents.jobs <= 0.0 {
            continue;
        }
        if roads.ends.is_empty() {
            let message = format!("the zone `{}` has no road that a car may use", zone.name.escape_debug());
            let help = "draw it larger, tie it to roads by its property `roads`, or give it no people and no jobs";
            findings.problem(Problem::new(zones.place.at(zone.line, 0), message).help(help));
        }
        list.push(AccessZone { name: zone.name.clone(), residents, roads });
    }
    if findings.is_ok() { Ok((held.divisions, list)) } else { Err(findings) }
}

/// The zones of the map; a table may say more of them, or something else. Those from which nobody can drive are counted among what is
/// left out: unlike drawn ones, nobody chose them.
fn of_the_map(
    source: &AccessSource,
    network: &Network,
    places: Option<&Places>,
    left_out: &mut Findings,
) -> Result<(Vec<Division>, Vec<AccessZone>), Findings> {
    let zones = places.map_or(&[][..], |places| &places.zones);
    let mut findings = Findings::default();
    if zones.is_empty() {
        let problem = Problem::new(source.place.clone(), "the map says nothing of where people live and work");
        findings.problem(problem.help("name zones with their people and jobs: `zones: zones.geojson`"));
        return Err(findings);
    }
    let known: BTreeMap<&str, Option<(f64, f64)>> =
        zones.iter().map(|zone| (zone.name.as_str(), Some((zone.population, zone.jobs)))).collect();
    let held = match &source.table {
        Some(table) => Inhabitants::read(&table.path, &known, &source.groups)?,
        None => Inhabitants::default(),
    };
    if let (Some((name, place)), None) = (source.groups.first(), &source.table) {
        let problem = Problem::new(place.clone(), format!("the map says nothing of `{}`", name.escape_debug()));
        findings.problem(problem.help("add `table: zones.csv` with the groups of each zone"));
        return Err(findings);
    }
    let mut list = Vec::new();
    for zone in zones {
        let nobody = || held.divisions.iter().map(|one| vec![0.0; one.groups.len()]).collect();
        let residents = held.zones.get(&zone.name).cloned().unwrap_or_else(|| Residents {
            people: if source.table.is_some() { 0.0 } else { zone.population },
            jobs: if source.table.is_some() { 0.0 } else { zone.jobs },
            shares: nobody(),
        });
        if residents.people + residents.jobs <= 0.0 {
            continue;
        }
        let found = |(road, share): &(String, f64)| Some((network.find_edge(road)?, *share));
        let usable = |(edge, _): &(EdgeId, f64)| network.edge_allows(*edge, VehicleClass::Passenger);
        let roads: Vec<(EdgeId, f64)> = zone.roads.iter().filter_map(found).filter(usable).collect();
        if roads.is_empty() {
            left_out.unsupported("zones of the map without a road for cars, in `access`", 1);
            continue;
        }
        let all = roads.iter().map(|road| road.0).collect();
        list.push(AccessZone {
            name: zone.name.clone(),
            residents,
            roads: weighed(ZoneRoads { ends: few(roads), all }),
        });
    }
    Ok((held.divisions, list))
}

/// A few roads that stand for all: all of at most four, otherwise those at a sixth, a half and five sixths of their shares.
fn few(roads: Vec<(EdgeId, f64)>) -> Vec<(EdgeId, f64)> {
    if roads.len() <= 4 {
        return roads;
    }
    let total: f64 = roads.iter().map(|road| road.1).sum();
    let at = |share: f64| {
        let mut sum = 0.0;
        let here = roads.iter().find(|road| {
            sum += road.1;
            sum >= share * total
        });
        here.or(roads.last()).map(|road| (road.0, 1.0))
    };
    let mut few: Vec<(EdgeId, f64)> = [1.0 / 6.0, 0.5, 5.0 / 6.0].into_iter().filter_map(at).collect();
    few.dedup_by_key(|road| road.0);
    few
}

fn both(one: Option<Findings>, other: Option<Findings>) -> Findings {
    let mut findings = Findings::default();
    one.into_iter().chain(other).for_each(|wrong| findings.absorb(wrong));
    findings
}
