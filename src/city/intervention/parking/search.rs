//! Who finds a place where: arrivals in the order of time, and from a full road on to the next best.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::rc::Rc;

use super::kerbs::{Kerbs, Terms};
use super::walk::Walks;
use super::{HOUR, Parking, Setting, THERE, stay_of};
use crate::city::network::Network;
use crate::city::routing::Router;
use crate::primitives::ids::EdgeId;
use crate::primitives::random::Purpose;
use crate::primitives::{SimDuration, SimTime, Speed, VehicleClass};

/// The most roads on which anybody looks.
const ROADS_MAX: usize = 20;

/// Somebody who wants a place.
#[derive(Debug, Clone)]
pub(super) struct Driver {
    pub row: usize,
    pub class: VehicleClass,
    pub speed_max: Speed,
    /// Where it wants to be.
    pub to: EdgeId,
    /// Its route.
    pub route: Vec<EdgeId>,
    /// Whether it may end anywhere on it: it neither halts on the way nor has roads to pass.
    pub free: bool,
    /// Whether it finds its way at its departure.
    pub chooses: bool,
    /// How long its route takes on empty roads [s].
    pub time: SimDuration,
    /// When it comes to the first road on which it looks [s].
    pub arrives: SimTime,
    /// How long it stays [s].
    pub stay: SimDuration,
    /// Roads on which it looked, in order.
    pub tried: Vec<EdgeId>,
    pub found: bool,
}

/// What is driven for a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Driven {
    /// The way to the first road, if it is another than the vehicle had.
    pub to_first: Option<Vec<EdgeId>>,
    /// What is driven behind that road.
    pub behind: Vec<EdgeId>,
}

/// A way between two roads: its time [s] and its roads, without the first.
type Drive = Option<Rc<(f64, Vec<EdgeId>)>>;

/// What is known while looking.
pub(super) struct Search<'a> {
    parking: &'a Parking,
    kerbs: &'a Kerbs<'a>,
    router: Router,
    walks: Walks<'a>,
    /// Roads within reach of a road on foot, with the distance [m].
    near: BTreeMap<EdgeId, Rc<Vec<(EdgeId, f64)>>>,
    drives: BTreeMap<(EdgeId, EdgeId, u8, u64), Drive>,
    /// When those who are there leave, by road.
    taken: BTreeMap<EdgeId, BinaryHeap<Reverse<SimTime>>>,
}

impl<'a> Search<'a> {
    pub(super) fn new(network: &'a Network, parking: &'a Parking, kerbs: &'a Kerbs<'a>) -> Self {
        Self {
            parking,
            kerbs,
            router: Router::new(network),
            walks: Walks::new(network, kerbs.roads(), parking.farthest.as_metres()),
            near: BTreeMap::new(),
            drives: BTreeMap::new(),
            taken: BTreeMap::new(),
        }
    }

    /// Puts those there who are there at the beginning. They came to what there is without any measure, and leave as everybody does: a
    /// stay of the exponential distribution has no memory.
    pub(super) fn fill(&mut self, setting: &Setting<'_>) {
        let begin = setting.span.0;
        for edge in self.kerbs.roads() {
            let Some(terms) = self.kerbs.at(edge, begin, self.kerbs.base_layers()) else { continue };
            let mut dice = setting.seed.stream(Purpose::Parking, THERE | edge.index() as u64, 0);
            let leaving = self.taken.entry(edge).or_default();
            for _ in 0..terms.places {
                let (there, stay) = (dice.unit(), dice.unit());
                if there < self.parking.taken {
                    leaving.push(Reverse(begin + SimDuration::seconds(stay_of(self.parking.stay, stay))));
                }
            }
        }
    }

    fn near(&mut self, edge: EdgeId) -> Rc<Vec<(EdgeId, f64)>> {
        let walks = &self.walks;
        Rc::clone(self.near.entry(edge).or_insert_with(|| Rc::new(walks.from(edge))))
    }

    /// The distance on foot [m]; none where it is too far.
    pub(super) fn walk(&mut self, from: EdgeId, to: EdgeId) -> Option<f64> {
        let near = self.near(from);
        near.binary_search_by_key(&to, |(edge, _)| *edge).ok().map(|at| near[at].1)
    }

    fn drive(&mut self, from: EdgeId, to: EdgeId, driver: &Driver) -> Drive {
        let speed = driver.speed_max.as_metres_per_second().to_bits();
        let key = (from, to, driver.class as u8, speed);
        if let Some(known) = self.drives.get(&key) {
            return known.clone();
        }
        let time = |way: &[EdgeId]| self.router.travel_time(way, driver.class, driver.speed_max);
        let drive = self.router.shortest(from, to, driver.class, driver.speed_max).and_then(|way| {
            let seconds = (time(&way)? - time(&[from])?).as_seconds();
            Some(Rc::new((seconds, way[1..].to_vec())))
        });
        self.drives.insert(key, drive.clone());
        drive
    }

    /// What time is worth in money [s].
    fn worth(&self, seconds: f64) -> f64 {
        seconds / HOUR * self.parking.hour
    }

    /// What a place costs in money before any driving.
    fn price(&self, terms: Terms, driver: &Driver, walk: f64) -> f64 {
        let walking = walk / self.parking.walking.as_metres_per_second();
        terms.price * driver.stay.as_seconds() / HOUR + self.worth(walking)
    }

    /// The road with the cheapest place for somebody who has been on `here` at `now`, and what it costs; by what it can know: prices, ways
    /// and walks, and not where there is room.
    fn best(&mut self, driver: &Driver, here: EdgeId, now: SimTime, layers: usize) -> Option<(EdgeId, f64)> {
        let near = self.near(driver.to);
        let mut open: Vec<(f64, EdgeId)> = near
            .iter()
            .filter(|(edge, _)| !driver.tried.contains(edge) && !self.kerbs.is_closed(*edge, now))
            .filter_map(|&(edge, walk)| {
                let terms = self.kerbs.at(edge, now, layers).filter(|terms| terms.places > 0)?;
                Some((self.price(terms, driver, walk), edge))
            })
            .collect();
        open.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut best: Option<(EdgeId, f64)> = None;
        let mut offer = |edge: EdgeId, cost: f64| {
            if best.is_none_or(|(_, least)| cost < least) {
                best = Some((edge, cost));
            }
            best.map_or(cost, |(_, least)| least)
        };
        let mut least = f64::INFINITY;
        let first = driver.tried.is_empty();
        // Where a road is on one's way, stopping there saves the rest of it.
        for &(price, edge) in open.iter().filter(|_| first) {
            let Some(at) = driver.stops_at(edge) else { continue };
            let time = self.router.travel_time(&driver.route[..=at], driver.class, driver.speed_max);
            let Some(time) = time else { continue };
            least = offer(edge, price - self.worth((driver.time - time).as_seconds()));
        }
        for (price, edge) in open {
            // Nothing later in the list is cheaper, however short the way to it.
            if price >= least {
                break;
            }
            if first && driver.stops_at(edge).is_some() {
                continue;
            }
            let seconds = if edge == here { Some(0.0) } else { self.drive(here, edge, driver).map(|drive| drive.0) };
            if let Some(seconds) = seconds {
                least = offer(edge, price + self.worth(seconds));
            }
        }
        best
    }

    /// What the cheapest place costs somebody who has not set out, under the first so many layers; none where there is none.
    pub(super) fn least(&mut self, driver: &Driver, layers: usize) -> Option<f64> {
        self.best(driver, driver.to, driver.arrives, layers).map(|(_, cost)| cost)
    }

    /// Lets everybody look, in the order of time.
    pub(super) fn run(&mut self, drivers: &mut [Driver]) {
        let layers = self.kerbs.layers();
        let mut queue: BinaryHeap<Reverse<(SimTime, usize)>> = BinaryHeap::new();
        for (number, driver) in drivers.iter_mut().enumerate() {
            let Some((first, _)) = self.best(driver, driver.to, driver.arrives, layers) else { continue };
            let way = self.approach(driver, first);
            let time = way.and_then(|way| self.router.travel_time(&way, driver.class, driver.speed_max));
            if let Some(time) = time {
                driver.arrives = driver.arrives - driver.time + time;
            }
            driver.tried.push(first);
            queue.push(Reverse((driver.arrives, number)));
        }
        while let Some(Reverse((now, number))) = queue.pop() {
            let driver = &mut drivers[number];
            let Some(&here) = driver.tried.last() else { continue };
            if self.take(here, now, driver.stay) {
                driver.found = true;
                continue;
            }
            if driver.tried.len() >= ROADS_MAX {
                continue;
            }
            let Some((next, _)) = self.best(driver, here, now, layers) else { continue };
            let Some(drive) = self.drive(here, next, driver) else { continue };
            driver.tried.push(next);
            queue.push(Reverse((now + SimDuration::seconds(drive.0), number)));
        }
    }

    /// Takes a place if there is one.
    fn take(&mut self, edge: EdgeId, now: SimTime, stay: SimDuration) -> bool {
        let places = self.kerbs.at(edge, now, self.kerbs.layers()).map_or(0, |terms| terms.places);
        let taken = self.taken.entry(edge).or_default();
        while taken.peek().is_some_and(|Reverse(leaves)| *leaves <= now) {
            taken.pop();
        }
        let free = taken.len() < places as usize;
        if free {
            taken.push(Reverse(now + stay));
        }
        free
    }

    /// The way to the first road on which somebody looks; none where it is the one it has, or there is none.
    fn approach(&mut self, driver: &Driver, first: EdgeId) -> Option<Vec<EdgeId>> {
        if first == driver.to {
            return None;
        }
        if let Some(at) = driver.stops_at(first) {
            return Some(driver.route[..=at].to_vec());
        }
        if driver.chooses && driver.free {
            return self.router.shortest(*driver.route.first()?, first, driver.class, driver.speed_max);
        }
        // A given route stays given: what is looked for begins at its end.
        let drive = self.drive(driver.to, first, driver)?;
        Some([driver.route.as_slice(), drive.1.as_slice()].concat())
    }

    /// What somebody drives for a place.
    pub(super) fn way(&mut self, driver: &Driver) -> Driven {
        let first = driver.tried.first().copied().unwrap_or(driver.to);
        let to_first = self.approach(driver, first);
        let mut behind = Vec::new();
        for pair in driver.tried.windows(2) {
            behind.extend(self.drive(pair[0], pair[1], driver).iter().flat_map(|drive| drive.1.iter().copied()));
        }
        Driven { to_first, behind }
    }
}

impl Driver {
    /// Where on its route a road is on which it could end; none where it could not.
    fn stops_at(&self, edge: EdgeId) -> Option<usize> {
        self.route.iter().rposition(|&one| one == edge).filter(|_| self.free)
    }
}
