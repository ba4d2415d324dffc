//! Buses from timetables: a feed of the General Transit Feed Specification as a [`Demand`].
//!
//! Every trip of a bus line that runs in the span becomes a vehicle with its stops and its times. What lies off the map is cut off and
//! counted; what is wrong with the feed is told with file and line. A service day's times go on after midnight, so the days before
//! are looked at too. Passengers are not in it.

mod archive;
mod calendar;
mod feed;
mod matching;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::fleet::city_bus;
use super::model::{
    ArrivalSpeed, BusStop, Demand, DepartLane, DepartPosition, DepartSpeed, Departure, Route, RouteChoice, Stop,
    Vehicle,
};
use crate::city::network::Network;
use crate::primitives::ids::{KindId, RouteId, StopId};
use crate::primitives::text::{Findings, Place, Problem};
use crate::primitives::{Distance, Point, SimDuration, SimTime, Speed};
use calendar::Day;
use feed::{Feed, FeedTrip};
use matching::{Kerb, Matcher, Part};
use table::Store;

/// The most buses.
const BUSES_MAX: usize = 200_000;
/// How long before its first halt a bus enters the road [s], and how far before it [m].
const LEAD: SimDuration = SimDuration::milliseconds(10_000);
const LEAD_WAY: f64 = 1.0;

/// Which buses are wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct TimetableSpec {
    /// The feed: a folder or a ZIP archive.
    pub feed: PathBuf,
    /// Where the scenario asks for it.
    pub place: Place,
    /// The day, `YYYY-MM-DD`, whose midnight is the instant 0.
    pub date: String,
    /// From when on buses depart, and until when [s].
    pub span: (SimTime, SimTime),
    /// Shortest halt [s].
    pub dwell: SimDuration,
    /// Lines by short name, long name or id, and where they are named; all where none is.
    pub lines: Vec<(String, Place)>,
    /// How far a stop may be from its lane [m].
    pub within: Distance,
}

/// Reads the buses of a feed; also the files read, and what was left out.
///
/// # Errors
/// Everything wrong with the feed, or with what is asked of it, at once.
pub fn read(spec: &TimetableSpec, network: &Network) -> Result<(Demand, Vec<PathBuf>, Findings), Findings> {
    let mut findings = Findings::default();
    let refuse = |mut findings: Findings, problem: Problem| {
        findings.problem(problem);
        Err(findings)
    };
    let Some(today) = Day::of(&spec.date) else {
        let problem = Problem::new(spec.place.clone(), format!("`{}` is no date", spec.date));
        return refuse(findings, problem.help("write it like 2026-03-02"));
    };
    let mut store = match Store::open(&spec.feed) {
        Ok(store) => store,
        Err(problem) => return refuse(findings, problem),
    };
    let days: Vec<Day> = offsets(spec.span.1).map(|offset| Day(today.0 + offset)).collect();
    let feed = Feed::read(&mut store, &days, &spec.lines, &mut findings);
    if !findings.is_ok() {
        return Err(findings);
    }
    let mut writer = Writer::new(network, spec, findings);
    writer.place_stops(&feed);
    for (offset, day) in offsets(spec.span.1).zip(&days) {
        for trip in feed.trips.iter().filter(|trip| feed.calendar.runs(&trip.service, *day)) {
            writer.trip(&feed, trip, offset);
        }
    }
    let Writer { mut demand, findings, .. } = writer;
    if demand.vehicles.is_empty() {
        let problem =
            Problem::new(spec.place.clone(), format!("no bus of the feed drives on this map on {}", spec.date));
        return refuse(findings, problem.help(nothing_runs(trips_on(&feed, today), &spec.date)));
    }
    demand.vehicles.sort_by_key(|vehicle| vehicle.departure.time);
    Ok((demand, store.read, findings))
}

/// The service days that may have a bus on the road up to an instant, by how many days after the first midnight they begin: a week
/// before, because the times of a day may go on for that long.
fn offsets(end: SimTime) -> impl Iterator<Item = i64> + Clone {
    let last = (end - SimTime::ZERO).as_milliseconds().max(0) / 86_400_000;
    -7..=last
}

/// How many trips run on a day.
fn trips_on(feed: &Feed, today: Day) -> usize {
    feed.trips.iter().filter(|trip| feed.calendar.runs(&trip.service, today)).count()
}

fn nothing_runs(trips: usize, date: &str) -> String {
    match trips {
        0 => format!("the feed has no trip of these lines on {date}; give another `date`"),
        trips => {
            format!("the feed has {trips} trips that day: see whether the map is the same place, and the hours are")
        }
    }
}

/// Puts buses into a demand.
struct Writer<'a> {
    network: &'a Network,
    spec: &'a TimetableSpec,
    matcher: Matcher<'a>,
    demand: Demand,
    findings: Findings,
    /// Candidates of every stop.
    kerbs: BTreeMap<String, Vec<Kerb>>,
    /// Places made, by stop and lane.
    made: BTreeMap<(String, Kerbed), StopId>,
    /// Parts by stops and shape, with the route of each.
    patterns: BTreeMap<Pattern, Vec<(Part, RouteId)>>,
}

/// Stops in their order, and the shape.
type Pattern = (Vec<String>, Option<String>);

/// A place as a key: lane, and its end in millimetres.
type Kerbed = (usize, i64);

impl<'a> Writer<'a> {
    fn new(network: &'a Network, spec: &'a TimetableSpec, findings: Findings) -> Self {
        let bus = city_bus();
        Self {
            network,
            spec,
            matcher: Matcher::new(network, spec.within, bus.speed_max),
            demand: Demand { kinds: vec![bus], ..Demand::default() },
            findings,
            kerbs: BTreeMap::new(),
            made: BTreeMap::new(),
            patterns: BTreeMap::new(),
        }
    }

    fn on_map(&self, at: (f64, f64)) -> Option<Point> {
        self.network.projection.to_map(at)
    }

    /// Finds the candidates of every stop.
    fn place_stops(&mut self, feed: &Feed) {
        let mut off = 0;
        for (id, stop) in &feed.stops {
            let kerbs = self.on_map(stop.at).map(|point| self.matcher.kerbs(point)).unwrap_or_default();
            off += u64::from(kerbs.is_empty());
            self.kerbs.insert(id.clone(), kerbs);
        }
        if off > 0 {
            self.findings.unsupported("stops of a feed that are off the map", off);
        }
    }

    /// The parts of a trip's pattern, with their routes.
    fn pattern(&mut self, feed: &Feed, trip: &FeedTrip) -> Vec<(Part, RouteId)> {
        let key = (trip.calls.iter().map(|call| call.stop.clone()).collect::<Vec<_>>(), trip.shape.clone());
        if let Some(known) = self.patterns.get(&key) {
            return known.clone();
        }
        let kerbs: Vec<Vec<Kerb>> =
            key.0.iter().map(|stop| self.kerbs.get(stop).cloned().unwrap_or_default()).collect();
        let shape = trip.shape.as_ref().and_then(|id| feed.shapes.get(id)).and_then(|points| {
            let points: Vec<Point> = points.iter().filter_map(|&at| self.on_map(at)).collect();
            self.matcher.along(&points)
        });
        let mut parts = self.matcher.parts(&kerbs, shape.as_deref());
        if parts.is_empty() && shape.is_some() {
            parts = self.matcher.parts(&kerbs, None);
        }
        let mut routed = Vec::new();
        for part in parts {
            let route = RouteId::new(self.demand.routes.len());
            self.demand.routes.push(Route { edges: part.edges.clone() });
            routed.push((part, route));
        }
        self.patterns.insert(key, routed.clone());
        routed
    }

    /// The buses of a trip on the service day that begins `offset` days after the first midnight.
    fn trip(&mut self, feed: &Feed, trip: &FeedTrip, offset: i64) {
        let midnight = SimTime::ZERO + SimDuration::milliseconds(offset * 86_400_000);
        let first = trip.calls.first().and_then(|call| call.departure).unwrap_or(0);
        let day = match offset {
            0 => String::new(),
            offset => format!("{offset:+}d"),
        };
        let mut starts = Vec::new();
        for &(from, to, every) in &trip.every {
            starts.extend((from..to).step_by(every as usize).map(|start| (start, format!("@{start}"))));
        }
        if trip.every.is_empty() {
            starts.push((first, String::new()));
        }
        for (start, word) in starts {
            let shift = i64::from(start) - i64::from(first);
            let name = format!("{}-{}{day}{word}", trip.line, trip.id);
            self.course(feed, trip, midnight + SimDuration::milliseconds(shift * 1000), &name);
        }
    }

    /// The buses of a trip whose times count from `zero`.
    fn course(&mut self, feed: &Feed, trip: &FeedTrip, zero: SimTime, name: &str) {
        let at = |seconds: u32| zero + SimDuration::milliseconds(i64::from(seconds) * 1000);
        let leaves = |call: usize| trip.calls[call].departure.map(at);
        let (begin, end) = self.spec.span;
        let over = trip.calls.last().and_then(|call| call.arrival).is_none_or(|last| at(last) < begin);
        if over || leaves(0).is_none_or(|first| first >= end) {
            return;
        }
        let parts = self.pattern(feed, trip);
        if parts.is_empty() {
            self.findings.unsupported("trips of a feed with fewer than two stops on the map", 1);
        }
        let several = parts.len() > 1;
        for (number, (part, route)) in (1..).zip(&parts) {
            let name = if several { format!("{name}/{number}") } else { name.to_owned() };
            self.bus(trip, (part, *route), &name, &leaves);
        }
    }

    /// A bus along one part of a trip, from the first stop that it has not left before the run begins and whose time is known.
    fn bus(
        &mut self,
        trip: &FeedTrip,
        (part, route): (&Part, RouteId),
        name: &str,
        leaves: &dyn Fn(usize) -> Option<SimTime>,
    ) {
        let (begin, end) = self.spec.span;
        let due = |place: &usize| leaves(part.first + place).is_some_and(|time| time >= begin);
        let Some(start) = (0..part.kerbs.len()).find(due) else { return };
        let Some(first) = leaves(part.first + start).filter(|first| *first < end) else { return };
        if part.kerbs.len() - start < 2 {
            return;
        }
        if start > 0 {
            self.findings
                .unsupported("trips of a feed that are under way when the run begins, from their next stop on", 1);
        }
        if self.demand.vehicles.len() >= BUSES_MAX {
            self.findings.unsupported("buses beyond 200,000", 1);
            return;
        }
        let mut stops = Vec::new();
        for (place, kerb) in part.kerbs.iter().enumerate().skip(start) {
            let call = &trip.calls[part.first + place];
            let id = self.stop(&call.stop, kerb);
            stops.push(Stop {
                lane: kerb.lane,
                position: kerb.end,
                start: kerb.start,
                at: Some(id),
                duration: self.spec.dwell,
                until: leaves(part.first + place),
                parking: false,
            });
        }
        let from = &part.kerbs[start];
        let route = if start == 0 { route } else { self.shortened(part, start) };
        let index = self.network.lane(from.lane).index;
        self.demand.vehicles.push(Vehicle {
            name: name.to_owned(),
            kind: KindId::new(0),
            route,
            choice: RouteChoice::Fixed,
            departure: Departure {
                time: (first - self.spec.dwell - LEAD).max(begin),
                lane: DepartLane::Index(index),
                position: DepartPosition::At(from.end - Distance::metres(LEAD_WAY)),
                speed: DepartSpeed::At(Speed::ZERO),
            },
            arrival_position: None,
            arrival_speed: ArrivalSpeed::Current,
            stops,
            line: Some(trip.line.clone()),
        });
    }

    /// The route of a part from its stop `start` on.
    fn shortened(&mut self, part: &Part, start: usize) -> RouteId {
        // The way passes the roads of the stops in their order, perhaps one of them more than once.
        let mut at = 0;
        for pair in part.kerbs[..=start].windows(2) {
            if pair[0].edge != pair[1].edge || pair[1].end <= pair[0].end {
                let ahead = part.edges[at + 1..].iter().position(|edge| *edge == pair[1].edge);
                at += ahead.map_or(0, |ahead| ahead + 1);
            }
        }
        let route = RouteId::new(self.demand.routes.len());
        self.demand.routes.push(Route { edges: part.edges[at..].to_vec() });
        route
    }

    /// The bus stop at a place; made where there is none yet.
    fn stop(&mut self, name: &str, kerb: &Kerb) -> StopId {
        let end = SimDuration::seconds(kerb.end.as_metres()).as_milliseconds();
        let key = (name.to_owned(), (kerb.lane.index(), end));
        if let Some(&known) = self.made.get(&key) {
            return known;
        }
        let id = StopId::new(self.demand.bus_stops.len());
        let taken = self.demand.bus_stop_by_name.contains_key(name);
        let called = if taken { format!("{name}@{}", self.network.lane_name(kerb.lane)) } else { name.to_owned() };
        self.demand.bus_stop_by_name.entry(called.clone()).or_insert(id);
        self.demand.bus_stops.push(BusStop { name: called, lane: kerb.lane, start: kerb.start, end: kerb.end });
        self.made.insert(key, id);
        id
    }
}
