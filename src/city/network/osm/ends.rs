//! Where trips may begin and end on a map that says nothing of homes and jobs: zones and gateways, all of them guesses.
//!
//! Inhabitants are taken from the length of residential streets, jobs from that of main streets and service roads; roads that lead
//! beyond the map are its gateways. Good enough to see traffic; whoever has counts or a census replaces it.

use std::collections::BTreeMap;

use super::guesses::{ImportReport, OsmObject};
use super::map::Written;
use crate::city::network::places::{Gateway, Places, RoadOrigin, Zone};
use crate::primitives::Point;

/// Side of a zone [m], doubled until there are few enough.
const ZONE_SIZE: f64 = 400.0;
/// The most zones: ways are sought between every two.
const ZONES_MAX: usize = 150;
/// Inhabitants along a metre of residential street, both directions together; a town of row houses and flats.
const INHABITANTS_PER_METRE: f64 = 0.25;
/// Jobs along a metre of the same, and of a main street or service road.
const JOBS_PER_METRE_HOME: f64 = 0.03;
const JOBS_PER_METRE_MAIN: f64 = 0.2;
/// Trips do not begin or end on roads shorter than this [m].
const ROAD_MIN: f64 = 25.0;

/// Zones, gateways and where roads came from.
pub(super) fn places(written: &Written, report: &mut ImportReport) -> Places {
    let origins = written.map.roads.iter().zip(&written.facts);
    Places {
        zones: zones(written, report),
        gateways: gateways(written, report),
        origins: origins
            .map(|(road, facts)| RoadOrigin {
                road: road.name.clone(),
                ways: facts.ways.clone(),
                reference: facts.reference.clone(),
            })
            .collect(),
        ..Places::default()
    }
}

/// Roads on which trips may begin and end, the most fitting kind that there is.
fn kerbs(written: &Written) -> Vec<usize> {
    let all = || 0..written.map.roads.len();
    let cars = |road: &usize| written.map.roads[*road].lanes.iter().any(|lane| lane.allowed.allows_cars());
    let long = |road: &usize| written.map.roads[*road].line.length() >= ROAD_MIN;
    let slow = |road: &usize| {
        let facts = &written.facts[*road];
        !facts.class.is_link() && !facts.ring && facts.class.rank < 12
    };
    // Trips within the map are only possible where one gets around without leaving it.
    let inner = |road: &usize| written.inner[*road];
    let kinds: [Vec<usize>; 4] = [
        all().filter(cars).filter(long).filter(slow).filter(inner).collect(),
        all().filter(cars).filter(long).filter(slow).collect(),
        all().filter(cars).filter(long).collect(),
        all().filter(cars).collect(),
    ];
    kinds.into_iter().find(|roads| roads.len() > 1).unwrap_or_else(|| all().filter(cars).collect())
}

fn zones(written: &Written, report: &mut ImportReport) -> Vec<Zone> {
    let roads = kerbs(written);
    let middle = |road: usize| {
        let line = &written.map.roads[road].line;
        line.point_at(line.length() / 2.0)
    };
    let mut size = ZONE_SIZE;
    let cells = loop {
        let mut cells: BTreeMap<(i32, i32), Vec<usize>> = BTreeMap::new();
        for &road in &roads {
            cells.entry(cell(middle(road), size)).or_default().push(road);
        }
        if cells.len() <= ZONES_MAX {
            break cells;
        }
        size *= 2.0;
    };
    let mut zones = Vec::new();
    for ((column, row), roads) in cells {
        let length = |road: usize| written.map.roads[road].line.length();
        let total: f64 = roads.iter().map(|road| length(*road)).sum();
        let (mut population, mut jobs) = (0.0, 0.0);
        for &road in &roads {
            let class = written.facts[road].class;
            // Directions of a street are counted one by one.
            let metres = if written.map.roads[road].centred { length(road) } else { length(road) / 2.0 };
            if class.is_residential() {
                population += INHABITANTS_PER_METRE * metres;
                jobs += JOBS_PER_METRE_HOME * metres;
            } else {
                population += INHABITANTS_PER_METRE / 10.0 * metres;
                jobs += JOBS_PER_METRE_MAIN * metres;
            }
            report.guess("inhabitants and jobs from the length of streets", first_way(written, road));
        }
        let sum = roads.iter().fold((0.0, 0.0), |sum, road| {
            let point = middle(*road);
            (sum.0 + point.x * length(*road), sum.1 + point.y * length(*road))
        });
        zones.push(Zone {
            name: format!("zone {column} {row}"),
            centroid: Point::new(sum.0 / total, sum.1 / total),
            population: population.max(1.0).round(),
            jobs: jobs.max(1.0).round(),
            roads: shares(roads.iter().map(|road| (written.map.roads[*road].name.clone(), length(*road) / total))),
        });
    }
    zones
}

#[expect(clippy::cast_possible_truncation, reason = "a map is no more than 1e8 m across")]
fn cell(point: Point, size: f64) -> (i32, i32) {
    ((point.x / size).floor() as i32, (point.y / size).floor() as i32)
}

/// Shares to a ten-thousandth, so that the file stays readable.
fn shares(roads: impl Iterator<Item = (String, f64)>) -> Vec<(String, f64)> {
    roads.map(|(road, share)| (road, ((share * 1e4).round() / 1e4).max(1e-4))).collect()
}

fn first_way(written: &Written, road: usize) -> OsmObject {
    OsmObject::Way(written.facts[road].ways.first().copied().unwrap_or(0))
}

/// Where roads lead beyond the map; a road in and a road out belong together if they are one street or near each other.
fn gateways(written: &Written, report: &mut ImportReport) -> Vec<Gateway> {
    let roads = &written.map.roads;
    let cars = |road: usize| roads[road].lanes.iter().any(|lane| lane.allowed.allows_cars());
    let at = |wanted: fn(&Written, usize) -> usize| -> Vec<usize> {
        (0..roads.len()).filter(|road| cars(*road) && written.edges.contains(&wanted(written, *road))).collect()
    };
    let inbound = at(|written, road| written.map.roads[road].from);
    let outbound = at(|written, road| written.map.roads[road].to);
    let place = |node: usize| written.map.nodes[node].position;
    let nearest = |from: usize, others: &[usize], end: fn(&Written, usize) -> usize| {
        let distance = |other: &usize| {
            let same_street = roads[*other].street.is_some() && roads[*other].street == roads[from].street;
            let apart = (place(end(written, *other)) - place(own_end(written, from))).norm();
            if same_street { apart / 3.0 } else { apart }
        };
        others.iter().copied().min_by(|a, b| distance(a).total_cmp(&distance(b)))
    };
    let mut pairs: Vec<(usize, usize)> = inbound
        .iter()
        .filter_map(|road| Some((*road, nearest(*road, &outbound, |written, road| written.map.roads[road].to)?)))
        .collect();
    let unpaired = outbound.iter().filter(|road| !pairs.iter().any(|pair| pair.1 == **road));
    let more: Vec<(usize, usize)> = unpaired
        .filter_map(|road| Some((nearest(*road, &inbound, |written, road| written.map.roads[road].from)?, *road)))
        .collect();
    pairs.extend(more);
    let weight = |&(inbound, outbound): &(usize, usize)| {
        let capacity = |road: usize| {
            let lanes = f64::from(u32::try_from(roads[road].lanes.len()).unwrap_or(1));
            lanes * f64::from(written.facts[road].class.rank)
        };
        capacity(inbound).min(capacity(outbound))
    };
    let total: f64 = pairs.iter().map(weight).sum();
    pairs
        .iter()
        .enumerate()
        .map(|(number, pair)| {
            report.guess("traffic across the edge of the map by the class of its roads", first_way(written, pair.0));
            let street = roads[pair.0].street.as_deref().unwrap_or("the edge");
            Gateway {
                name: format!("{street} ({})", number + 1),
                inbound: roads[pair.0].name.clone(),
                outbound: roads[pair.1].name.clone(),
                share: ((weight(pair) / total) * 1e4).round() / 1e4,
            }
        })
        .collect()
}

/// The end of a road that lies on the edge of the map.
fn own_end(written: &Written, road: usize) -> usize {
    let road = &written.map.roads[road];
    if written.edges.contains(&road.from) { road.from } else { road.to }
}
