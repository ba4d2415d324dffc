//! What a feed says of the buses that are asked for: lines, trips with their calls, stops, shapes.
//!
//! Reads `routes`, `trips`, `stop_times`, `stops`, `calendar`, `calendar_dates`, `frequencies` and `shapes` (General Transit Feed
//! Specification, schedule reference, gtfs.org). Everything wrong with what is asked for is a problem with its file and line; rows of
//! lines and days that are not asked for are not looked at.

use std::collections::{BTreeMap, BTreeSet};

use super::calendar::{Calendar, Day};
use super::table::{Row, Store};
use crate::primitives::text::{Findings, Place, Problem, closest};

/// The latest time of a service day [s]: a week of hours.
const TIME_MAX: u32 = 168 * 3600;

/// A stop of the feed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FeedStop {
    /// What people call it.
    pub name: String,
    /// Longitude and latitude [°].
    pub at: (f64, f64),
}

/// A trip's call at a stop; times in seconds of the service day.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    pub stop: String,
    pub arrival: Option<u32>,
    pub departure: Option<u32>,
    sequence: u32,
    line: u32,
}

/// A trip of a timetable.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FeedTrip {
    pub id: String,
    /// What its line is called.
    pub line: String,
    pub service: String,
    pub shape: Option<String>,
    pub calls: Vec<Call>,
    /// Where it runs every so often instead of at its own times: from, to, every [s].
    pub every: Vec<(u32, u32, u32)>,
    place: Place,
}

/// A point of a shape with its number: longitude and latitude [°].
type Numbered = (u32, (f64, f64));

/// What a feed says of the buses that are asked for.
#[derive(Debug, Default)]
pub(super) struct Feed {
    pub calendar: Calendar,
    pub trips: Vec<FeedTrip>,
    pub stops: BTreeMap<String, FeedStop>,
    pub shapes: BTreeMap<String, Vec<(f64, f64)>>,
}

/// Whether a type of route is one of buses: 3, the extended types from 700 to 716, and 11, trolleybuses.
fn is_bus(route_type: u32) -> bool {
    matches!(route_type, 3 | 11 | 700..=716 | 800)
}

impl Feed {
    /// Reads what runs on one of `days` on the `lines` asked for; all lines where none is named.
    pub(super) fn read(store: &mut Store, days: &[Day], lines: &[(String, Place)], findings: &mut Findings) -> Self {
        let calendar = Calendar::read(store, findings);
        let routes = routes(store, lines, findings);
        let mut feed = Self { calendar, ..Self::default() };
        let mut others = 0;
        let mut by_id = feed.read_trips(store, &routes, days, &mut others, findings);
        feed.read_times(store, &mut by_id, findings);
        if store.has("frequencies.txt") {
            feed.read_frequencies(store, &by_id, findings);
        }
        feed.read_stops(store, findings);
        if store.has("shapes.txt") {
            feed.read_shapes(store, findings);
        }
        for place in 0..feed.trips.len() {
            check_times(&mut feed.trips[place], &store.place("stop_times.txt"), findings);
        }
        findings.unsupported("trips of a feed that do not run on the day", others);
        feed
    }

    fn read_trips(
        &mut self,
        store: &mut Store,
        routes: &BTreeMap<String, Option<String>>,
        days: &[Day],
        others: &mut u64,
        findings: &mut Findings,
    ) -> BTreeMap<String, usize> {
        let mut by_id = BTreeMap::new();
        let columns: (&[&str], &[&str]) = (&["route_id", "service_id", "trip_id"], &["shape_id"]);
        store.each("trips.txt", columns, findings, |row, findings| {
            let (route, service, id) = (row.get(0), row.get(1), row.get(2));
            let Some(line) = routes.get(route) else {
                let names = routes.keys().map(String::as_str);
                findings.problem(unknown(row, "route_id", route, "routes.txt", names));
                return;
            };
            let Some(line) = line else { return };
            if !self.calendar.knows(service) {
                let names = self.calendar.names();
                findings.problem(unknown(row, "service_id", service, "calendar.txt or calendar_dates.txt", names));
                return;
            }
            if !days.iter().any(|&day| self.calendar.runs(service, day)) {
                *others += 1;
                return;
            }
            if by_id.insert(id.to_owned(), self.trips.len()).is_some() {
                let problem = Problem::new(row.place(), format!("there are two trips `{id}`"));
                findings.problem(problem.help("give one of them another `trip_id`"));
                return;
            }
            self.trips.push(FeedTrip {
                id: id.to_owned(),
                line: line.clone(),
                service: service.to_owned(),
                shape: Some(row.get(3)).filter(|shape| !shape.is_empty()).map(str::to_owned),
                calls: Vec::new(),
                every: Vec::new(),
                place: row.place(),
            });
        });
        by_id
    }

    fn read_times(&mut self, store: &mut Store, by_id: &mut BTreeMap<String, usize>, findings: &mut Findings) {
        let columns: (&[&str], &[&str]) =
            (&["trip_id", "stop_id", "stop_sequence"], &["arrival_time", "departure_time", "timepoint"]);
        store.each("stop_times.txt", columns, findings, |row, findings| {
            let Some(&trip) = by_id.get(row.get(0)) else { return };
            let Some(sequence) = row.get(2).parse::<u32>().ok() else {
                let message = format!("`stop_sequence` is `{}`", row.get(2));
                findings.problem(Problem::new(row.place(), message).help("a whole number that grows along the trip"));
                return;
            };
            let (arrival, departure) = (time(row, 3, findings), time(row, 4, findings));
            let call = Call {
                stop: row.get(1).to_owned(),
                arrival: arrival.or(departure),
                departure: departure.or(arrival),
                sequence,
                line: row.line,
            };
            self.trips[trip].calls.push(call);
        });
    }

    fn read_frequencies(&mut self, store: &mut Store, by_id: &BTreeMap<String, usize>, findings: &mut Findings) {
        let columns = ["trip_id", "start_time", "end_time", "headway_secs"];
        store.each("frequencies.txt", (&columns, &[]), findings, |row, findings| {
            let Some(&trip) = by_id.get(row.get(0)) else { return };
            let (from, to) = (time(row, 1, findings), time(row, 2, findings));
            let every = row.get(3).parse::<u32>().ok().filter(|every| *every > 0);
            let (Some(from), Some(to), Some(every)) = (from, to, every) else {
                let problem = Problem::new(row.place(), "says no span of time with a headway");
                findings.problem(problem.help("start_time and end_time like 07:00:00, headway_secs a whole number"));
                return;
            };
            if to <= from {
                let problem = Problem::new(row.place(), "`end_time` is not after `start_time`");
                findings.problem(problem.help("after midnight hours go on: 25:10:00"));
                return;
            }
            self.trips[trip].every.push((from, to, every));
        });
    }

    fn read_stops(&mut self, store: &mut Store, findings: &mut Findings) {
        let mut used: BTreeMap<String, u32> = BTreeMap::new();
        for call in self.trips.iter().flat_map(|trip| &trip.calls) {
            used.entry(call.stop.clone()).or_insert(call.line);
        }
        let mut names = BTreeSet::new();
        let columns: (&[&str], &[&str]) = (&["stop_id", "stop_lat", "stop_lon"], &["stop_name"]);
        let mut broken = BTreeSet::new();
        store.each("stops.txt", columns, findings, |row, findings| {
            let id = row.get(0);
            names.insert(id.to_owned());
            if !used.contains_key(id) {
                return;
            }
            let latitude = row.number(1, "stop_lat", findings);
            let longitude = row.number(2, "stop_lon", findings);
            let (Some(latitude), Some(longitude)) = (latitude, longitude) else {
                broken.insert(id.to_owned());
                return;
            };
            let stop = FeedStop { name: row.get(3).to_owned(), at: (longitude, latitude) };
            self.stops.insert(id.to_owned(), stop);
        });
        let place = store.place("stop_times.txt");
        for (id, line) in used {
            if self.stops.contains_key(&id) || broken.contains(&id) {
                continue;
            }
            let problem = Problem::new(place.at(line, 0), format!("there is no stop `{id}` in stops.txt"));
            let like = closest(&id, names.iter().map(String::as_str));
            let help = like
                .map_or("add it to stops.txt, or remove its calls".to_owned(), |like| format!("is `{like}` meant?"));
            findings.problem(problem.help(help));
        }
    }

    fn read_shapes(&mut self, store: &mut Store, findings: &mut Findings) {
        let used: BTreeSet<String> = self.trips.iter().filter_map(|trip| trip.shape.clone()).collect();
        let mut points: BTreeMap<String, Vec<Numbered>> = BTreeMap::new();
        let columns = ["shape_id", "shape_pt_lat", "shape_pt_lon", "shape_pt_sequence"];
        store.each("shapes.txt", (&columns, &[]), findings, |row, findings| {
            if !used.contains(row.get(0)) {
                return;
            }
            let (latitude, longitude) =
                (row.number(1, "shape_pt_lat", findings), row.number(2, "shape_pt_lon", findings));
            let sequence = row.get(3).parse::<u32>().unwrap_or(u32::MAX);
            if let (Some(latitude), Some(longitude)) = (latitude, longitude) {
                points.entry(row.get(0).to_owned()).or_default().push((sequence, (longitude, latitude)));
            }
        });
        for (id, mut line) in points {
            line.sort_by_key(|point| point.0);
            self.shapes.insert(id, line.into_iter().map(|point| point.1).collect());
        }
    }
}

/// What each route's line is called; none where it is not asked for, or is no bus.
fn routes(store: &mut Store, lines: &[(String, Place)], findings: &mut Findings) -> BTreeMap<String, Option<String>> {
    let mut routes: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut met: BTreeSet<usize> = BTreeSet::new();
    let mut names: BTreeSet<String> = BTreeSet::new();
    let columns: (&[&str], &[&str]) = (&["route_id", "route_type"], &["route_short_name", "route_long_name"]);
    store.each("routes.txt", columns, findings, |row, findings| {
        let (id, short, long) = (row.get(0), row.get(2), row.get(3));
        let Some(kind) = row.get(1).parse::<u32>().ok() else {
            let message = format!("`route_type` is `{}`", row.get(1));
            findings.problem(Problem::new(row.place(), message).help("3 is a bus"));
            return;
        };
        if !is_bus(kind) {
            findings.unsupported("lines of a feed that are no buses", 1);
            routes.insert(id.to_owned(), None);
            return;
        }
        let name = [short, long, id].into_iter().find(|name| !name.is_empty()).unwrap_or(id);
        names.insert(name.to_owned());
        let meant: Vec<usize> =
            (0..lines.len()).filter(|&place| [short, long, id].contains(&lines[place].0.as_str())).collect();
        met.extend(&meant);
        let asked = lines.is_empty() || !meant.is_empty();
        routes.insert(id.to_owned(), asked.then(|| name.to_owned()));
    });
    for (_, (line, at)) in lines.iter().enumerate().filter(|(place, _)| !met.contains(place)) {
        let problem = Problem::new(at.clone(), format!("the feed has no bus line `{line}`"));
        let like = closest(line, names.iter().map(String::as_str));
        let listed = names.iter().take(12).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        findings.problem(
            problem.help(like.map_or(format!("there are {listed}"), |like| format!("did you mean `{like}`?"))),
        );
    }
    routes
}

/// A complaint about a name that another table does not have.
fn unknown<'a>(
    row: &Row<'_>,
    column: &str,
    id: &str,
    table: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Problem {
    let problem = Problem::new(row.place(), format!("there is no {column} `{id}` in {table}"));
    let like = closest(id, names);
    problem.help(like.map_or(format!("add it to {table}, or remove the row"), |like| format!("is `{like}` meant?")))
}

/// A time of the service day [s], `25:10:00`; none where nothing is written.
fn time(row: &Row<'_>, column: usize, findings: &mut Findings) -> Option<u32> {
    let text = row.get(column);
    if text.is_empty() {
        return None;
    }
    let seconds = read_time(text);
    if seconds.is_none() {
        let problem = Problem::new(row.place(), format!("`{text}` is no time of day"));
        findings.problem(problem.help("write it like 07:05:00; after midnight hours go on, 25:10:00"));
    }
    seconds
}

fn read_time(text: &str) -> Option<u32> {
    let mut parts = text.split(':');
    let mut part = |most: u32| {
        let text = parts.next()?;
        let digits = (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u32>().ok().filter(|number| digits && *number <= most)
    };
    let (hours, minutes, seconds) = (part(168)?, part(59)?, part(59)?);
    let time = hours * 3600 + minutes * 60 + seconds;
    (parts.next().is_none() && time <= TIME_MAX).then_some(time)
}

/// Puts a trip's calls in order, and refuses one that is no trip or runs backwards.
fn check_times(trip: &mut FeedTrip, table: &Place, findings: &mut Findings) {
    trip.calls.sort_by_key(|call| call.sequence);
    if trip.calls.len() < 2 {
        let message = format!("trip `{}` has {} stop(s) in stop_times.txt", trip.id, trip.calls.len());
        let help = "a trip goes from one stop to another: add its calls, or remove the trip";
        findings.problem(Problem::new(trip.place.clone(), message).help(help));
        return;
    }
    for call in [&trip.calls[0], &trip.calls[trip.calls.len() - 1]] {
        if call.departure.is_none() {
            let problem = Problem::new(table.at(call.line, 0), "the first or last call of a trip has no time");
            findings.problem(problem.help("only calls in between may be without"));
        }
    }
    let mut before: Option<(u32, u32)> = None;
    for call in &trip.calls {
        let (Some(arrival), Some(departure)) = (call.arrival, call.departure) else { continue };
        let earliest = before.map_or(0, |(time, _)| time);
        if arrival < earliest || departure < arrival {
            let message = format!("trip `{}` goes back in time at stop `{}`", trip.id, call.stop);
            let help = match before.filter(|_| arrival < earliest) {
                Some((_, line)) => {
                    format!("it leaves the stop of line {line} later; after midnight hours go on: 25:10:00")
                }
                None => "it departs before it arrives".to_owned(),
            };
            findings.problem(Problem::new(table.at(call.line, 0), message).help(help));
            return;
        }
        before = Some((departure, call.line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_go_on_after_midnight() {
        for (text, seconds) in [("07:05:00", 25_500), ("7:05:09", 25_509), ("25:10:00", 90_600), ("168:00:00", 604_800)]
        {
            assert_eq!(read_time(text), Some(seconds), "{text}");
        }
        for wrong in ["", "7:05", "07:60:00", "07:05:00:00", "-1:00:00", "+7:05:00", "169:00:00", "a:b:c", "168:00:01"]
        {
            assert_eq!(read_time(wrong), None, "{wrong}");
        }
    }
}
