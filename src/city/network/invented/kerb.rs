//! What stands at the kerb and behind it: bus lines and their stops, hospitals, ambulance stations, zones, gateways.

use std::collections::BTreeMap;

use crate::city::network::bare::BareMap;
use crate::city::network::places::{Area, BusLine, Gateway, Kerb, Places, Site, StopPlace, Zone};
use crate::primitives::{Distance, Point, SimDuration};

use super::layout::{Layout, gateways};
use super::names::Names;
use super::plan::{Plan, Rank, Role};
use super::reach::{Way, cheapest};
use super::roads::rounded;
use super::shape::apart;

/// Distance between the stops of a bus line [m], the usual 300 m to 500 m of a city network.
const STOP_SPACING: f64 = 340.0;
/// Kerb of a bus stop: two buses [m].
const STOP_LENGTH: f64 = 26.0;
/// How many zones the demand model has.
const ZONES: usize = 26;

/// A city under inspection: its bare map and where that came from.
#[derive(Debug)]
pub(super) struct Survey<'a> {
    pub plan: &'a Plan,
    pub layout: &'a Layout,
    pub map: &'a BareMap,
    /// The link each road is a direction of.
    pub links: &'a [usize],
}

impl Survey<'_> {
    /// Everything beyond the roads.
    pub(super) fn places(&self, names: &mut Names) -> Places {
        let mut places = Places {
            water: vec![Area { name: names.with_ending(&["Water"]), outline: outline(&self.plan.river_outline()) }],
            parks: Vec::new(),
            ..Places::default()
        };
        for park in &self.plan.parks {
            let name = names.with_ending(&["Park", "Common", "Green"]);
            places.parks.push(Area { name, outline: outline(park) });
        }
        places.zones = self.zones(names);
        places.quarters = places.zones.iter().filter_map(|zone| self.quarter(zone)).collect();
        places.gateways = self.gateways();
        self.sites(&mut places, names);
        self.bus_lines(&mut places);
        places
    }

    fn rank(&self, road: usize) -> Rank {
        self.layout.graph.links[self.links[road]].rank
    }

    fn role(&self, road: usize) -> Role {
        self.layout.streets[self.layout.graph.links[self.links[road]].street].role
    }

    fn middle(&self, road: usize) -> Point {
        let line = &self.map.roads[road].line;
        line.point_at(line.length() / 2.0)
    }

    fn kerb(&self, road: usize, share: f64) -> Kerb {
        let road = &self.map.roads[road];
        Kerb { road: road.name.clone(), point: rounded(road.line.point_at(road.line.length() * share)) }
    }

    /// Up to `count` of the roads, each as far as possible from those before (Gonzalez 1985), the first nearest the centre.
    fn spread(&self, roads: &[usize], count: usize, taken: &[Point]) -> Vec<usize> {
        let mut chosen: Vec<usize> = Vec::new();
        let mut places = taken.to_vec();
        while chosen.len() < count.min(roads.len()) {
            let free = |road: usize| {
                let here = self.middle(road);
                let nearest = places.iter().map(|p| apart(*p, here)).fold(f64::INFINITY, f64::min);
                if nearest.is_finite() { nearest } else { 1.0 / (1.0 + apart(here, Point::origin())) }
            };
            let best =
                roads.iter().copied().map(|road| (free(road), road)).fold(None, |best: Option<(f64, usize)>, next| {
                    if best.is_none_or(|b| next.0 > b.0) { Some(next) } else { best }
                });
            let Some((_, road)) = best else { break };
            places.push(self.middle(road));
            chosen.push(road);
        }
        chosen
    }

    fn zones(&self, names: &mut Names) -> Vec<Zone> {
        let lived_on: Vec<usize> = (0..self.map.roads.len())
            .filter(|&r| self.rank(r) <= Rank::Collector && !matches!(self.role(r), Role::Roundabout(_)))
            .filter(|&r| self.map.roads[r].line.length() > 60.0)
            .collect();
        let seeds: Vec<Point> = self.spread(&lived_on, ZONES, &[]).into_iter().map(|r| self.middle(r)).collect();
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); seeds.len()];
        for &road in &lived_on {
            let here = self.middle(road);
            let nearest = (0..seeds.len()).min_by(|&a, &b| apart(seeds[a], here).total_cmp(&apart(seeds[b], here)));
            if let Some(zone) = nearest {
                members[zone].push(road);
            }
        }
        members.iter().filter(|roads| !roads.is_empty()).map(|roads| self.zone(roads, names.quarter())).collect()
    }

    fn zone(&self, roads: &[usize], name: String) -> Zone {
        let size = self.plan.size;
        let (mut total, mut population, mut jobs) = (0.0, 0.0, 0.0);
        let mut middle = nalgebra::Vector2::zeros();
        for &road in roads {
            let (length, here) = (self.map.roads[road].line.length(), self.middle(road));
            let out = apart(here, Point::origin()) / size.ring();
            let at_works = apart(here, self.plan.works) < size.ring() * 0.45;
            total += length;
            middle += here.coords * length;
            // Density falls from the centre as Clark (1951) found, and faster for jobs than for homes; per metre of kerb.
            population += length * if at_works { 0.2 } else { 1.3 * libm::exp(-0.55 * out) };
            jobs += length * if at_works { 1.3 } else { 1.5 * libm::exp(-1.3 * out) + 0.08 };
        }
        let shares = self.shares(roads, total);
        let centroid = rounded(Point::from(middle / total));
        Zone { name, centroid, population: population.round(), jobs: jobs.round(), roads: shares }
    }

    /// Shares of roads by length, in ten-thousandths that sum to 1.
    fn shares(&self, roads: &[usize], total: f64) -> Vec<(String, f64)> {
        let mut parts: Vec<f64> =
            roads.iter().map(|&r| (self.map.roads[r].line.length() / total * 10_000.0).round()).collect();
        let missing = 10_000.0 - parts.iter().sum::<f64>();
        parts[0] += missing;
        roads.iter().zip(parts).map(|(&r, part)| (self.map.roads[r].name.clone(), part / 10_000.0)).collect()
    }

    /// A zone's outline: the convex hull of its roads' middles, if it has one.
    fn quarter(&self, zone: &Zone) -> Option<Area> {
        let middles: Vec<Point> = (0..self.map.roads.len())
            .filter(|&r| zone.roads.iter().any(|(name, _)| *name == self.map.roads[r].name))
            .map(|r| self.middle(r))
            .collect();
        let hull = convex_hull(middles);
        (hull.len() >= 3).then(|| Area { name: zone.name.clone(), outline: outline(&hull) })
    }

    fn gateways(&self) -> Vec<Gateway> {
        let ends = gateways(&self.layout.graph);
        let weights: Vec<f64> = ends
            .iter()
            .map(|&node| {
                let trunk = self.layout.graph.at(node).any(|(_, l)| l.rank == Rank::Trunk);
                if trunk { 25.0 } else { 10.0 }
            })
            .collect();
        let total: f64 = weights.iter().sum();
        let mut gateways: Vec<Gateway> = Vec::new();
        for (node, weight) in ends.into_iter().zip(weights) {
            let inbound = self.map.roads.iter().find(|r| r.from == node);
            let outbound = self.map.roads.iter().find(|r| r.to == node);
            if let (Some(inbound), Some(outbound)) = (inbound, outbound) {
                let street = inbound.street.as_deref().unwrap_or("Road");
                let end = if self.map.nodes[node].position.coords.dot(&self.plan.axis) > 0.0 {
                    "downstream"
                } else {
                    "upstream"
                };
                let town = street.strip_suffix(" Road").map(str::to_owned);
                gateways.push(Gateway {
                    name: town.unwrap_or_else(|| format!("{street} {end}")),
                    inbound: inbound.name.clone(),
                    outbound: outbound.name.clone(),
                    share: (weight / total * 10_000.0).round() / 10_000.0,
                });
            }
        }
        let others: f64 = gateways.iter().skip(1).map(|g| g.share).sum();
        if let Some(first) = gateways.first_mut() {
            first.share = ((1.0 - others) * 10_000.0).round() / 10_000.0;
        }
        gateways
    }

    /// Three hospitals far from one another on main roads, and three ambulance stations far from them and each other.
    fn sites(&self, places: &mut Places, names: &mut Names) {
        let main: Vec<usize> = (0..self.map.roads.len())
            .filter(|&r| matches!(self.rank(r), Rank::Collector | Rank::Arterial))
            .filter(|&r| !matches!(self.role(r), Role::Roundabout(_)))
            .filter(|&r| self.map.roads[r].line.length() > 90.0)
            .filter(|&r| apart(self.middle(r), Point::origin()) < self.plan.size.built() * 0.8)
            .collect();
        let hospitals = self.spread(&main, 3, &[]);
        let taken: Vec<Point> = hospitals.iter().map(|&r| self.middle(r)).collect();
        let stations = self.spread(&main, 3, &taken);
        let hospital =
            |&road: &usize| Site { name: names.with_ending(&["Hospital", "Infirmary"]), at: self.kerb(road, 0.5) };
        places.hospitals = hospitals.iter().map(hospital).collect();
        let mut number = 0;
        let station = |&road: &usize| {
            number += 1;
            Site { name: format!("Ambulance Station {number}"), at: self.kerb(road, 0.5) }
        };
        places.ambulance_stations = stations.iter().map(station).collect();
    }

    /// Lines through the centre from suburb to suburb, and one around the ring; each direction is a line of its own.
    fn bus_lines(&self, places: &mut Places) {
        let ways: Vec<Way> = self
            .map
            .roads
            .iter()
            .zip(self.links)
            .map(|(road, &street)| Way { from: road.from, to: road.to, street })
            .collect();
        let mut stops: BTreeMap<usize, usize> = BTreeMap::new();
        for (number, (a, b, headway)) in
            [(0, 6, 6.0), (1, 4, 8.0), (2, 5, 10.0), (3, 1, 10.0), (4, 0, 12.0)].into_iter().enumerate()
        {
            for (letter, from, to) in [('A', a, b), ('B', b, a)] {
                let ends = (self.suburb_end(from, false), self.suburb_end(to, true));
                let (Some(origin), Some(destination)) = ends else { continue };
                let Some(path) = cheapest(self.map.nodes.len(), &ways, origin, destination, |road| self.bus_cost(road))
                else {
                    continue;
                };
                let called = self.stops_along(&path, places, &mut stops);
                if called.len() < 3 {
                    continue;
                }
                places.bus_lines.push(BusLine {
                    name: format!("{}{letter}", number + 1),
                    origin: self.map.roads[origin].name.clone(),
                    stops: called,
                    destination: self.map.roads[destination].name.clone(),
                    headway: SimDuration::seconds(headway * 60.0),
                });
            }
        }
    }

    /// Buses keep to main streets.
    fn bus_cost(&self, road: usize) -> f64 {
        let penalty = match self.rank(road) {
            Rank::Arterial => 1.0,
            Rank::Collector => 0.9,
            Rank::Residential => 2.2,
            Rank::OldTown => 3.0,
            Rank::Trunk => 4.0,
        };
        self.map.roads[road].line.length() * penalty
    }

    /// The last road of a main road inside the city, outbound or inbound.
    fn suburb_end(&self, radial: usize, outbound: bool) -> Option<usize> {
        let out = |node: usize| apart(self.map.nodes[node].position, Point::origin());
        (0..self.map.roads.len())
            .filter(|&r| self.role(r) == Role::Radial(radial) && self.map.roads[r].line.length() > 60.0)
            .filter(|&r| {
                let road = &self.map.roads[r];
                let (from, to) = (out(road.from), out(road.to));
                (to > from) == outbound && from.max(to) < self.plan.size.radius() * 0.9
            })
            .max_by(|&a, &b| apart(self.middle(a), Point::origin()).total_cmp(&apart(self.middle(b), Point::origin())))
    }

    fn stops_along(&self, path: &[usize], places: &mut Places, known: &mut BTreeMap<usize, usize>) -> Vec<usize> {
        let mut called = Vec::new();
        let mut since = STOP_SPACING * 0.5;
        for &road in path {
            let length = self.map.roads[road].line.length();
            // Room for the stop between the two junctions it must not block.
            let fits =
                length > 105.0 && self.rank(road) != Rank::Trunk && !matches!(self.role(road), Role::Roundabout(_));
            if fits && since + length * 0.6 >= STOP_SPACING {
                let stop = *known.entry(road).or_insert_with(|| {
                    places.bus_stops.push(self.stop(road));
                    places.bus_stops.len() - 1
                });
                called.push(stop);
                since = length * 0.4;
            } else {
                since += length;
            }
        }
        called
    }

    fn stop(&self, road: usize) -> StopPlace {
        let here = &self.map.roads[road];
        let street = here.street.as_deref().unwrap_or("Road");
        let crossing = self
            .map
            .roads
            .iter()
            .filter(|other| other.from == here.to || other.from == here.from)
            .filter_map(|other| other.street.as_deref())
            .find(|name| *name != street);
        let name = crossing.map_or_else(|| street.to_owned(), |crossing| format!("{street}, {crossing}"));
        StopPlace {
            id: format!("stop-{}", here.name),
            name,
            at: self.kerb(road, 0.6),
            length: Distance::metres(STOP_LENGTH),
        }
    }
}

fn outline(points: &[Point]) -> Vec<Point> {
    points.iter().map(|p| rounded(*p)).collect()
}

/// Andrew's monotone chain (1979), counter-clockwise.
fn convex_hull(mut points: Vec<Point>) -> Vec<Point> {
    points.sort_by(|a, b| a.x.total_cmp(&b.x).then(a.y.total_cmp(&b.y)));
    points.dedup();
    let half = |points: &mut dyn Iterator<Item = Point>| {
        let mut chain: Vec<Point> = Vec::new();
        for p in points {
            while let [.., a, b] = chain[..]
                && (b - a).perp(&(p - b)) <= 0.0
            {
                chain.pop();
            }
            chain.push(p);
        }
        chain.pop();
        chain
    };
    let mut hull = half(&mut points.iter().copied());
    hull.extend(half(&mut points.iter().rev().copied()));
    hull
}
