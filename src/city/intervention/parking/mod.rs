//! Places at the kerb: how many there are, what they cost, who finds one, and how far the others go on looking.
//!
//! Worked out on paper before the run, in the order in which drivers would arrive on empty roads: each heads for the road where its place
//! costs least, in money, driving and walking together, and whoever finds it full drives on to the next best, until there is room. What
//! parking costs is told apart as the appraisal guidance of the United Kingdom does (Department for Transport, TAG unit M5.1, "Modelling
//! parking and park-and-ride"): the charge, the time of searching, and the walk back; that people hold them against each other is
//! Axhausen and Polak's finding (1991, "Choice of parking: stated preference approach", Transportation 18, 59). That the last places go to
//! whoever happens to be there when one falls free is Shoup's (2006, "Cruising for parking", Transport Policy 13, 479). No weight of either
//! is taken over: time is worth what the scenario says.
//!
//! The way that is driven for it is part of the route, so it takes time in the traffic and is in everybody's way. Runs nothing.

mod kerbs;
mod search;
mod walk;

use std::collections::BTreeSet;
use std::sync::Arc;

use self::kerbs::Kerbs;
use self::search::{Driver, Search};
use super::charge;
use super::demand::key;
use super::model::{Deed, Intervention, Measure, RoadChoice, Window};
use super::plan::Closures;
use crate::city::demand::{Demand, Route, RouteChoice};
use crate::city::network::Network;
use crate::primitives::ids::{EdgeId, RouteId};
use crate::primitives::random::{Purpose, Seed};
use crate::primitives::text::{Findings, Place};
use crate::primitives::{ClassSet, Distance, SimDuration, SimTime, Speed, VehicleClass};

/// Seconds in an hour.
const HOUR: f64 = 3600.0;
/// Who parks at the kerb.
const CARS: [VehicleClass; 4] =
    [VehicleClass::Passenger, VehicleClass::Private, VehicleClass::Hov, VehicleClass::Evehicle];
/// Dice of those who are there at the beginning stand behind those of the travellers.
const THERE: u64 = 1 << 40;

/// Parking as a scenario describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Parking {
    /// Where it does.
    pub place: Place,
    /// How long a car stays on average [s]; stays are distributed exponentially.
    pub stay: SimDuration,
    /// What an hour is worth to a driver, in the money of the prices.
    pub hour: f64,
    /// How fast one walks back [m/s].
    pub walking: Speed,
    /// The farthest that anybody walks [m].
    pub farthest: Distance,
    /// Share of the places that are taken at the beginning, 0 to 1.
    pub taken: f64,
    /// The kerbs, later ones over earlier ones.
    pub kerbs: Vec<Kerb>,
}

/// What is said of some kerbs.
#[derive(Debug, Clone, PartialEq)]
pub struct Kerb {
    /// Where the scenario says it.
    pub place: Place,
    /// Between which times of the day it holds, by arrival; none means always.
    pub window: Option<Window>,
    /// What.
    pub terms: KerbTerms,
}

/// How many places there are, what they cost, and who wants them; none leaves each as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct KerbTerms {
    /// Along which roads.
    pub roads: RoadChoice,
    /// How many places.
    pub places: Option<Places>,
    /// Price of an hour, in any money.
    pub price: Option<f64>,
    /// Share of the trips by car that end there and want a place at the kerb, 0 to 1; the others have one of their own.
    pub share: Option<f64>,
}

/// A number of places.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Places {
    /// So many along each road.
    Each(u32),
    /// As many as are this long along each road [m].
    Bay(Distance),
}

/// What came of parking in one city.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Parked {
    /// Roads with places.
    pub roads: usize,
    /// Places at the beginning.
    pub places: u64,
    /// Everybody who wanted a place at the kerb and sets out, in the order of the demand.
    pub drivers: Vec<Parker>,
}

/// Somebody who wanted a place at the kerb.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parker {
    /// Its row of the demand.
    pub row: usize,
    /// When it would come to its first road on empty roads [s].
    pub arrives: SimTime,
    /// Roads on which it looked.
    pub roads: usize,
    /// Distance driven behind the first of them [m].
    pub driven: Distance,
    /// Distance from where it parked to where it wanted to be [m].
    pub walk: Distance,
    /// Whether it found a place.
    pub found: bool,
}

/// Everything that decides who parks where.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    /// The roads.
    pub network: &'a Network,
    /// What the scenario says of parking.
    pub parking: &'a Parking,
    /// What is changed.
    pub interventions: &'a [&'a Intervention],
    /// Which roads are closed to cars, and when.
    pub closures: &'a Closures,
    /// Root of every draw.
    pub seed: Seed,
    /// What is simulated.
    pub span: (SimTime, SimTime),
}

/// Lets everybody who parks at the kerb look for a place: routes end where one was found, and whom it would cost too much stays at home.
/// One sentence for each measure, and what came of it.
///
/// # Errors
/// Everything that does not fit the map or contradicts itself, at once.
pub fn park(setting: &Setting<'_>, demand: &mut Arc<Demand>) -> Result<(Vec<String>, Parked), Findings> {
    let mut findings = Findings::default();
    let measures: Vec<(&Intervention, u64, &Measure)> = setting
        .interventions
        .iter()
        .flat_map(|one| (1_u64..).zip(&one.measures).map(|(at, measure)| (*one, at, measure)))
        .filter(|(_, _, measure)| matches!(measure.deed, Deed::Park { .. }))
        .collect();
    let mut kerbs = Kerbs::new(setting.network, setting.closures);
    for kerb in &setting.parking.kerbs {
        kerbs.lay(&kerb.terms, kerb.window, &mut findings);
    }
    kerbs.close_base();
    let mut said = Vec::new();
    for (_, _, measure) in &measures {
        let Deed::Park { terms, .. } = &measure.deed else { continue };
        said.push(kerbs.lay(terms, measure.window, &mut findings).unwrap_or_default());
    }
    kerbs.refuse_quarrels(&measures.iter().map(|(_, _, measure)| &measure.place).collect::<Vec<_>>(), &mut findings);
    if !findings.is_ok() {
        return Err(findings);
    }
    let mut search = Search::new(setting.network, setting.parking, &kerbs);
    search.fill(setting);
    let mut drivers = wanting(setting, demand, &kerbs);
    let wanted: Vec<usize> = drivers.iter().map(|driver| driver.row).collect();
    let mut sentences = Vec::new();
    for (number, ((one, at, measure), what)) in measures.iter().zip(&said).enumerate() {
        let Deed::Park { elasticity, .. } = measure.deed else { continue };
        let layers = kerbs.base_layers() + number;
        let asked = drivers.len();
        // Nobody stays at home for what has been so all along: only what this measure makes dearer counts.
        drivers.retain(|driver| {
            let (before, after) = (search.least(driver, layers), search.least(driver, layers + 1));
            let (Some(before), Some(after)) = (before, after) else { return true };
            let cost = driver.time.as_seconds() / HOUR * setting.parking.hour + before;
            let dice = (setting.seed, driver.row, key(&one.name, *at));
            charge::still_made(cost, after - before, elasticity, dice)
        });
        let home = asked - drivers.len();
        sentences.push(format!(
            "{}: parking on {what}; {home} of {asked} trips to kerbs are no longer made (elasticity {elasticity})",
            one.name
        ));
    }
    keep_at_home(demand, &wanted, &drivers);
    search.run(&mut drivers);
    Ok((sentences, settle(setting, demand, &mut search, &kerbs, &drivers)))
}

/// Everybody who wants a place at the kerb, in the order of the demand.
fn wanting(setting: &Setting<'_>, demand: &Demand, kerbs: &Kerbs<'_>) -> Vec<Driver> {
    let cars = ClassSet::of(&CARS);
    let router = crate::city::routing::Router::new(setting.network);
    let mut drivers = Vec::new();
    for (row, vehicle) in demand.vehicles.iter().enumerate() {
        let (kind, route) = (demand.kind(vehicle.kind), demand.route(vehicle.route));
        let Some(&to) = route.edges.last() else { continue };
        let departs = vehicle.departure.time;
        if !cars.contains(kind.class) || vehicle.line.is_some() || departs >= setting.span.1 || !kerbs.is_known(to) {
            continue;
        }
        let Some(time) = router.travel_time(&route.edges, kind.class, kind.speed_max) else { continue };
        let mut dice = setting.seed.stream(Purpose::Parking, row as u64, 0);
        let (share, stay) = (dice.unit(), dice.unit());
        let Some(terms) = kerbs.at(to, departs + time, kerbs.layers()) else { continue };
        if share >= terms.share {
            continue;
        }
        // Whoever halts on the way, or has roads to pass, does not end its trip before them.
        let free = vehicle.stops.is_empty()
            && match &vehicle.choice {
                RouteChoice::Fixed => true,
                RouteChoice::FastestAtDeparture { via } => via.is_empty(),
            };
        drivers.push(Driver {
            row,
            class: kind.class,
            speed_max: kind.speed_max,
            to,
            route: route.edges.clone(),
            free,
            chooses: vehicle.choice != RouteChoice::Fixed,
            time,
            arrives: departs + time,
            stay: SimDuration::seconds(stay_of(setting.parking.stay, stay)),
            tried: Vec::new(),
            found: false,
        });
    }
    drivers
}

/// A stay of the exponential distribution, by a number of 0 to 1 [s].
fn stay_of(mean: SimDuration, unit: f64) -> f64 {
    -libm::log((1.0 - unit).max(1e-12)) * mean.as_seconds()
}

/// Whoever wanted a place and is no longer among the drivers departs at no time.
fn keep_at_home(demand: &mut Arc<Demand>, wanted: &[usize], drivers: &[Driver]) {
    let going: BTreeSet<usize> = drivers.iter().map(|driver| driver.row).collect();
    for row in wanted.iter().filter(|row| !going.contains(row)) {
        Arc::make_mut(demand).vehicles[*row].departure.time = SimTime::MAX;
    }
}

/// Writes into the demand where everybody ends.
fn settle(
    setting: &Setting<'_>,
    demand: &mut Arc<Demand>,
    search: &mut Search<'_>,
    kerbs: &Kerbs<'_>,
    drivers: &[Driver],
) -> Parked {
    let network = setting.network;
    let (roads, places) = kerbs.supply(setting.span.0);
    let mut parked = Parked { roads, places, drivers: Vec::new() };
    for driver in drivers {
        let ends = driver.tried.last().copied().unwrap_or(driver.to);
        let way = search.way(driver);
        let length =
            |edges: &[EdgeId]| edges.iter().fold(0.0, |sum, &edge| sum + network.edge(edge).length.as_metres());
        parked.drivers.push(Parker {
            row: driver.row,
            arrives: driver.arrives,
            roads: driver.tried.len(),
            driven: Distance::metres(length(&way.behind)),
            walk: Distance::metres(search.walk(driver.to, ends).unwrap_or(0.0)),
            found: driver.found,
        });
        if ends == driver.to && driver.tried.len() < 2 {
            continue;
        }
        let demand = Arc::make_mut(demand);
        let route = RouteId::new(demand.routes.len());
        let vehicle = &mut demand.vehicles[driver.row];
        let before = &demand.routes[vehicle.route.index()].edges;
        let mut edges = way.to_first.unwrap_or_else(|| before.clone());
        edges.extend_from_slice(&way.behind);
        if let RouteChoice::FastestAtDeparture { via } = &mut vehicle.choice {
            via.extend_from_slice(&driver.tried[..driver.tried.len().saturating_sub(1)]);
        }
        vehicle.route = route;
        vehicle.arrival_position = None;
        demand.routes.push(Route { edges });
    }
    parked
}

/// How it went for many; none of each over nobody.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Figures {
    /// How many looked for a place.
    pub count: usize,
    /// Share of them that looked on more than one road, 0 to 1.
    pub searched: Option<f64>,
    /// Share of them that found none, 0 to 1.
    pub none: Option<f64>,
    /// Mean distance driven behind the first road [m].
    pub driven: Option<Distance>,
    /// Mean walk of those who found one [m].
    pub walk: Option<Distance>,
}

impl Parked {
    /// How it went for those who would come to the first road of their search at an instant or later.
    pub fn figures(&self, since: SimTime) -> Figures {
        let drivers: Vec<&Parker> = self.drivers.iter().filter(|one| one.arrives >= since).collect();
        let found: Vec<&Parker> = drivers.iter().copied().filter(|one| one.found).collect();
        let share = |of: fn(&Parker) -> bool| mean(&drivers, |one| if of(one) { 1.0 } else { 0.0 });
        Figures {
            count: drivers.len(),
            searched: share(|one| one.roads > 1),
            none: share(|one| !one.found),
            driven: mean(&drivers, |one| one.driven.as_metres()).map(Distance::metres),
            walk: mean(&found, |one| one.walk.as_metres()).map(Distance::metres),
        }
    }

    /// In words.
    pub fn describe(&self) -> Vec<String> {
        let mut said = vec![format!("{} places at the kerbs of {} roads", self.places, self.roads)];
        let figures = self.figures(SimTime::ZERO);
        let none = self.drivers.iter().filter(|one| !one.found).count();
        let looked = self.drivers.iter().filter(|one| one.roads > 1).count();
        if let Some(driven) = figures.driven {
            let (count, driven) = (figures.count, driven.as_metres());
            let walk = figures.walk.unwrap_or_default().as_metres();
            said.push(format!(
                "of {count} trips that look for a place {looked} look on more than one road and {none} find none; they drive {driven:.0} m more and walk {walk:.0} m on average"
            ));
        }
        said
    }
}

fn mean(drivers: &[&Parker], of: impl Fn(&Parker) -> f64) -> Option<f64> {
    let (sum, count) = drivers.iter().fold((0.0, 0_u32), |(sum, count), one| (sum + of(one), count + 1));
    (count > 0).then(|| sum / f64::from(count))
}
