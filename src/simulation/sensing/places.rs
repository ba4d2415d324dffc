//! Where devices stand: on the best-used roads, beside the destinations, and spread over the map.
//!
//! How much a road is used is how many vehicles of the demand have it on their routes. Ties go to the lower edge id.

use crate::city::demand::Demand;
use crate::city::network::{Network, Turn};
use crate::primitives::Point;
use crate::simulation::actors::sensors::earth::Geometry;

/// How far before the stop line a loop lies [m], and the shortest road that gets one [m].
const BEFORE_STOP_LINE: f64 = 40.0;
const SHORTEST: f64 = 60.0;
/// How much kerb a bay takes, and how far from the ends of a road bays are kept [m].
const BAY: f64 = 6.5;
const CORNER: f64 = 12.0;
/// Most bays on one road, so that they are not all at one place.
const BAYS_A_ROAD: usize = 12;
/// How far from the middle of its lane a bay and a station stand, to the kerb [m].
const KERB: f64 = 3.0;
const STATION: f64 = 10.0;
/// Radius in which junctions are counted for the depth of street canyons [m].
const AROUND: f64 = 250.0;
/// Junctions a square kilometre where canyons begin, and where they are as deep as can be: an open suburb has some 40, the dense
/// centre of a European town some 200.
const OPEN: f64 = 40.0;
const DENSE: f64 = 200.0;

/// A place on a lane.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spot {
    pub edge: u32,
    pub lane: u32,
    /// From the lane's start [m].
    pub position: f64,
    pub point: Point,
}

/// How much each road is used.
#[derive(Debug)]
pub(crate) struct Places {
    /// Vehicles with the edge on their routes.
    usage: Vec<u32>,
    /// Vehicles whose trip begins or ends on the edge.
    ends: Vec<u32>,
}

impl Places {
    /// Counts the demand's routes.
    pub(crate) fn new(network: &Network, demand: &Demand) -> Self {
        let mut trips = vec![0_u32; demand.routes.len()];
        for vehicle in &demand.vehicles {
            trips[vehicle.route.index()] += 1;
        }
        let (mut usage, mut ends) = (vec![0_u32; network.edges.len()], vec![0_u32; network.edges.len()]);
        for (route, &trips) in demand.routes.iter().zip(&trips) {
            for edge in &route.edges {
                usage[edge.index()] += trips;
            }
            for end in [route.edges.first(), route.edges.last()].into_iter().flatten() {
                ends[end.index()] += trips;
            }
        }
        Self { usage, ends }
    }

    /// Roads by a score, best first; those with none are left out.
    fn ranked(network: &Network, score: &[u32]) -> Vec<u32> {
        let mut roads: Vec<u32> =
            network.roads().map(|(id, _)| id.raw()).filter(|&edge| score[edge as usize] > 0).collect();
        roads.sort_by_key(|&edge| (std::cmp::Reverse(score[edge as usize]), edge));
        roads
    }

    /// A place on a lane.
    pub(crate) fn spot(network: &Network, lane: u32, position: f64) -> Spot {
        let facts = &network.lanes[lane as usize];
        let length = facts.length.as_metres();
        let position = position.clamp(0.1_f64.min(length), length);
        let point = facts.shape.point_at(position * scale(network, lane));
        Spot { edge: facts.edge.raw(), lane, position, point }
    }

    /// Loops: every lane of the best-used roads, before the stop line; roads that end at a signal count double.
    pub(crate) fn loops(&self, network: &Network, count: usize) -> Vec<Spot> {
        let mut score = self.usage.clone();
        for (edge, score) in network.edges.iter().zip(&mut score) {
            let signalled = |lane| network.lane(lane).link_ids().any(|link| network.link(link).signal.is_some());
            if edge.lane_ids().any(signalled) {
                *score = score.saturating_mul(2);
            }
        }
        let mut found = Vec::new();
        for edge in Self::ranked(network, &score) {
            let edge = &network.edges[edge as usize];
            let length = edge.length.as_metres();
            if length < SHORTEST {
                continue;
            }
            for lane in edge.lane_ids().filter(|&lane| network.lane(lane).allowed.any_on_road()) {
                if found.len() >= count {
                    return found;
                }
                found.push(Self::spot(network, lane.raw(), (length - BEFORE_STOP_LINE).max(length / 2.0)));
            }
        }
        found
    }

    /// Cameras: the ends of the best-used roads that lead on to others.
    pub(crate) fn cameras(&self, network: &Network, count: usize) -> Vec<Spot> {
        let leads_on = |edge: &u32| !leaves(network, *edge);
        Self::ranked(network, &self.usage)
            .into_iter()
            .filter(leads_on)
            .take(count)
            .map(|edge| {
                let edge = &network.edges[edge as usize];
                Self::spot(network, edge.lanes.start, edge.length.as_metres())
            })
            .collect()
    }

    /// Air stations: one half at the best-used roads, the other spread over the map.
    pub(crate) fn stations(&self, network: &Network, count: usize) -> Vec<Point> {
        let at_roads = count / 2;
        let mut points: Vec<Point> = Vec::new();
        for edge in Self::ranked(network, &self.usage) {
            if points.len() >= at_roads {
                break;
            }
            let at = beside(network, edge, STATION);
            // Not two at the same street.
            if points.iter().all(|other| (other - at).norm() > 150.0) {
                points.push(at);
            }
        }
        self.spread_from(network, points, count)
    }

    /// Points spread over the map.
    pub(crate) fn spread(&self, network: &Network, count: usize) -> Vec<Point> {
        self.spread_from(network, Vec::new(), count)
    }

    /// Adds the road farthest from all chosen so far, again and again (Gonzalez 1985).
    fn spread_from(&self, network: &Network, mut points: Vec<Point>, count: usize) -> Vec<Point> {
        let candidates: Vec<Point> =
            Self::ranked(network, &self.usage).into_iter().map(|edge| beside(network, edge, STATION)).collect();
        let mut far: Vec<f64> = candidates
            .iter()
            .map(|at| points.iter().map(|other| (other - at).norm_squared()).fold(f64::INFINITY, f64::min))
            .collect();
        while points.len() < count {
            let mut best: Option<(f64, usize)> = None;
            for (index, &distance) in far.iter().enumerate() {
                if distance > 1.0 && best.is_none_or(|(most, _)| distance > most) {
                    best = Some((distance, index));
                }
            }
            let Some((_, index)) = best else { break };
            let at = candidates[index];
            points.push(at);
            for (distance, candidate) in far.iter_mut().zip(&candidates) {
                *distance = distance.min((candidate - at).norm_squared());
            }
        }
        points
    }

    /// Bays: along the roads where most trips begin and end.
    pub(crate) fn bays(&self, network: &Network, count: usize) -> Vec<Spot> {
        let mut found = Vec::new();
        let inside = |edge: &u32| !leaves(network, *edge);
        for edge in Self::ranked(network, &self.ends).into_iter().filter(inside) {
            let lane = network.edges[edge as usize].lanes.start;
            let length = network.edges[edge as usize].length.as_metres();
            let kerb = network.lanes[lane as usize].shape.offset_right(KERB);
            let stretch = kerb.length() / length.max(1.0);
            let mut position = CORNER;
            for _ in 0..BAYS_A_ROAD {
                if position + BAY > length - CORNER {
                    break;
                }
                if found.len() >= count {
                    return found;
                }
                found.push(Spot { edge, lane, position, point: kerb.point_at(position * stretch) });
                position += BAY;
            }
        }
        found
    }

    /// Where lanes lie, how deep the canyons are, and which roads leave the city.
    pub(crate) fn geometry(network: &Network) -> Geometry {
        let lanes = (0..network.lanes.len())
            .map(|lane| (network.lanes[lane].shape.clone(), scale(network, u32::try_from(lane).unwrap_or(u32::MAX))))
            .collect();
        let edges = 0..u32::try_from(network.edges.len()).unwrap_or(u32::MAX);
        Geometry {
            lanes,
            canyon: edges.clone().map(|edge| canyon(network, edge)).collect(),
            leaves: edges.map(|edge| leaves(network, edge)).collect(),
        }
    }
}

/// Metres of shape for a metre of driving.
fn scale(network: &Network, lane: u32) -> f64 {
    let facts = &network.lanes[lane as usize];
    let length = facts.length.as_metres();
    if length > 0.0 { facts.shape.length() / length } else { 1.0 }
}

/// The middle of a road, moved to its right.
fn beside(network: &Network, edge: u32, by: f64) -> Point {
    let lane = &network.lanes[network.edges[edge as usize].lanes.start as usize];
    let side = lane.shape.offset_right(by);
    side.point_at(side.length() / 2.0)
}

/// Whether a road leads out of the city: nothing but turning back follows it.
fn leaves(network: &Network, edge: u32) -> bool {
    let edge = &network.edges[edge as usize];
    !edge.is_internal()
        && edge.lane_ids().all(|lane| network.lane(lane).link_ids().all(|link| network.link(link).turn == Turn::Back))
}

/// How much of the sky the buildings along an edge take, 0 to 1, by the density of junctions around it. The map knows no
/// buildings; where streets are close together, so are they.
fn canyon(network: &Network, edge: u32) -> f64 {
    let middle = beside(network, edge, 0.0);
    let near = network.junctions.iter().filter(|junction| (junction.position - middle).norm() <= AROUND).count();
    let square_km = std::f64::consts::PI * (AROUND / 1000.0) * (AROUND / 1000.0);
    let density = f64::from(u32::try_from(near).unwrap_or(u32::MAX)) / square_km;
    ((density - OPEN) / (DENSE - OPEN)).clamp(0.0, 1.0)
}
