//! Where a bus line runs: its stops on lanes, and the way from each to the next.
//!
//! A stop has candidates: the kerb lanes for buses nearby. Of all sequences of them the one is taken whose driving time on empty roads,
//! with a price for metres beside the road and for the wrong side of it, is least (dynamic programming, as hidden Markov models match points to
//! roads: Newson and Krumm 2009, "Hidden Markov map matching through noise and sparseness", ACM GIS 2009). Where a shape is drawn, roads away
//! from it seem longer. Stops off the map, and gaps without a way, cut a line into parts.

use std::collections::BTreeMap;

use crate::city::network::Network;
use crate::city::routing::Router;
use crate::primitives::ids::{EdgeId, LaneId};
use crate::primitives::{Distance, Point, Polyline, Speed, VehicleClass};

/// How long a place at the kerb is made [m].
const ROOM: f64 = 15.0;
/// Room a bus needs: its own length and a metre to spare [m].
const ROOM_MIN: f64 = 13.0;
/// How far a stop keeps from the stop line, so that a halting bus does not block the junction [m].
const CLEAR: f64 = 8.0;
/// The most lanes a stop may be on.
const CANDIDATES_MAX: usize = 6;
/// What a metre between stop and lane is worth in driving time [s].
const BESIDE: f64 = 1.0;
/// What halting on the wrong side of the road is worth [s].
const WRONG_SIDE: f64 = 60.0;
/// How near a shape a road must be to be of it [m].
const SHAPE_NEAR: f64 = 30.0;
/// How many times longer other roads seem.
const OFF_SHAPE: f64 = 5.0;

/// A place where a bus can halt for a stop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Kerb {
    pub lane: LaneId,
    pub edge: EdgeId,
    /// Where it begins and ends [m] from the lane's start.
    pub start: Distance,
    pub end: Distance,
    /// What is wrong with it, in driving time [s].
    price: f64,
}

/// A part of a line that can be driven: the first of its stops, a place for each, and the way along them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    pub first: usize,
    pub kerbs: Vec<Kerb>,
    pub edges: Vec<EdgeId>,
}

/// Finds places and ways on one network.
pub(super) struct Matcher<'a> {
    network: &'a Network,
    router: Router,
    speed_max: Speed,
    /// How far a stop may be from its lane [m].
    within: f64,
    /// Every road a bus may halt on: its kerb lane and the lane's bounds.
    lanes: Vec<(LaneId, EdgeId, [f64; 4])>,
}

/// Ways from road to road that have been looked for, and how long each seems [s].
type Ways = BTreeMap<(EdgeId, EdgeId), Option<(Vec<EdgeId>, f64)>>;

/// One sequence of places so far.
#[derive(Clone)]
struct Trail {
    kerbs: Vec<Kerb>,
    edges: Vec<EdgeId>,
    cost: f64,
}

impl<'a> Matcher<'a> {
    pub(super) fn new(network: &'a Network, within: Distance, speed_max: Speed) -> Self {
        let mut lanes = Vec::new();
        for (edge, road) in network.roads() {
            let kerb = road.lane_ids().find(|&lane| network.lane(lane).allowed.contains(VehicleClass::Bus));
            let Some(lane) = kerb else { continue };
            let points = network.lane(lane).shape.points();
            let bounds =
                points.iter().fold([f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY], |b, p| {
                    [b[0].min(p.x), b[1].min(p.y), b[2].max(p.x), b[3].max(p.y)]
                });
            lanes.push((lane, edge, bounds));
        }
        Self { network, router: Router::new(network), speed_max, within: within.as_metres(), lanes }
    }

    /// The places for a stop, the best first; none where it is off the map.
    pub(super) fn kerbs(&self, stop: Point) -> Vec<Kerb> {
        let mut found: Vec<Kerb> = self.lanes.iter().filter_map(|lane| self.kerb(lane, stop)).collect();
        found.sort_by(|a, b| a.price.total_cmp(&b.price).then(a.lane.cmp(&b.lane)));
        found.truncate(CANDIDATES_MAX);
        found
    }

    fn kerb(&self, &(lane, edge, bounds): &(LaneId, EdgeId, [f64; 4]), stop: Point) -> Option<Kerb> {
        let outside = stop.x < bounds[0] - self.within
            || stop.y < bounds[1] - self.within
            || stop.x > bounds[2] + self.within
            || stop.y > bounds[3] + self.within;
        if outside {
            return None;
        }
        let built = self.network.lane(lane);
        let (drawn, distance) = built.shape.nearest(stop);
        if distance > self.within {
            return None;
        }
        let length = built.length.as_metres();
        let along = drawn * length / built.shape.length().max(1e-6);
        let latest = (length - CLEAR).max(length * 0.9);
        let end = along.clamp(ROOM.min(latest), latest);
        let start = (end - ROOM).max(0.0);
        if end - start < ROOM_MIN {
            return None;
        }
        let (on_lane, direction) = built.shape.place_at(drawn);
        let across = direction.perp(&(stop - on_lane));
        // A stop on the lane itself is on neither side.
        let wrong = distance > 1.0 && (across > 0.0) != self.network.left_hand;
        let price = BESIDE * distance + if wrong { WRONG_SIDE } else { 0.0 };
        Some(Kerb { lane, edge, start: Distance::metres(start), end: Distance::metres(end), price })
    }

    /// Which roads a shape runs along, as the factor by which each seems longer.
    pub(super) fn along(&self, shape: &[Point]) -> Option<Vec<bool>> {
        if shape.len() < 2 {
            return None;
        }
        let shape = Polyline::new(shape.to_vec());
        let near = |edge: &crate::city::network::Edge| {
            let Some(lane) = edge.lane_ids().next() else { return false };
            let line = &self.network.lane(lane).shape;
            let length = line.length();
            [0.1, 0.5, 0.9].iter().all(|share| shape.nearest(line.point_at(share * length)).1 <= SHAPE_NEAR)
        };
        Some(self.network.edges.iter().map(near).collect())
    }

    /// The parts of a line that can be driven, of at least two stops each; stops without candidates are off the map.
    pub(super) fn parts(&self, stops: &[Vec<Kerb>], shape: Option<&[bool]>) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut ways: Ways = Ways::new();
        let mut trails: Vec<Trail> = Vec::new();
        let mut first = 0;
        for (place, kerbs) in stops.iter().enumerate() {
            let next: Vec<Trail> =
                kerbs.iter().filter_map(|kerb| self.extend(&trails, kerb, shape, &mut ways)).collect();
            if next.is_empty() {
                parts.extend(part(first, std::mem::take(&mut trails)));
                first = place;
                let begin = |kerb: &Kerb| Trail { kerbs: vec![*kerb], edges: vec![kerb.edge], cost: kerb.price };
                trails = kerbs.iter().map(begin).collect();
            } else {
                trails = next;
            }
        }
        parts.extend(part(first, trails));
        parts
    }

    /// The best of the trails that can go on to a place; none where none can.
    fn extend(&self, trails: &[Trail], kerb: &Kerb, shape: Option<&[bool]>, ways: &mut Ways) -> Option<Trail> {
        let mut best: Option<(f64, &Trail, Vec<EdgeId>)> = None;
        for trail in trails {
            let last = trail.kerbs.last()?;
            // On the same lane only forward, and with room for a bus in between, or the two halts would be one.
            if last.edge == kerb.edge && last.end + Distance::metres(1.0) > kerb.end {
                continue;
            }
            let known = ways.entry((last.edge, kerb.edge)).or_insert_with(|| self.way(last.edge, kerb.edge, shape));
            let Some((way, time)) = &*known else { continue };
            let cost = trail.cost + *time + kerb.price;
            if best.as_ref().is_none_or(|(least, ..)| cost < *least) {
                best = Some((cost, trail, way.clone()));
            }
        }
        let (cost, trail, way) = best?;
        let kerbs = [trail.kerbs.as_slice(), &[*kerb]].concat();
        Some(Trail { kerbs, edges: [trail.edges.as_slice(), &way[1..]].concat(), cost })
    }

    /// The way from one road to another and how long it seems, in seconds.
    fn way(&self, from: EdgeId, to: EdgeId, shape: Option<&[bool]>) -> Option<(Vec<EdgeId>, f64)> {
        let class = VehicleClass::Bus;
        let of_shape = |edge: EdgeId| shape.is_none_or(|shape| shape.get(edge.index()).copied().unwrap_or(true));
        let factor = |edge: EdgeId| if of_shape(edge) { 1.0 } else { OFF_SHAPE };
        let way = self.router.shortest_by(from, to, class, self.speed_max, factor)?;
        let time = self.router.travel_time(&way, class, self.speed_max)?.as_seconds();
        let away: f64 = way
            .iter()
            .filter(|&&edge| !of_shape(edge))
            .filter_map(|&edge| self.router.travel_time(&[edge], class, self.speed_max))
            .map(|time| time.as_seconds() * (OFF_SHAPE - 1.0))
            .sum();
        Some((way, time + away))
    }
}

/// The cheapest of these trails, if it has two stops.
fn part(first: usize, trails: Vec<Trail>) -> Option<Part> {
    let best = trails.into_iter().min_by(|a, b| a.cost.total_cmp(&b.cost))?;
    (best.kerbs.len() > 1).then_some(Part { first, kerbs: best.kerbs, edges: best.edges })
}
