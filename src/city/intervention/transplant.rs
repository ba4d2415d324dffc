//! Travellers and emergencies of one network on another that was built from it.
//!
//! Roads are found by their ids, lanes by their place on them, and places along them by where they are on the map. A route keeps its roads;
//! where two of them no longer touch, for a ring lies between them now, the shortest way is put in. Rows keep their places, so that
//! everybody draws the same dice as before.

use crate::city::demand::{Demand, DetectorKind, Route, RouteChoice};
use crate::city::network::Network;
use crate::city::routing::Router;
use crate::primitives::ids::{EdgeId, LaneId, RouteId};
use crate::primitives::{Distance, Speed, VehicleClass};

/// The most roads that may have come between two that touched before.
const BETWEEN_MAX: usize = 8;

/// A way from one network to another that was built from it.
#[derive(Debug)]
pub struct Transplant<'a> {
    old: &'a Network,
    new: &'a Network,
    router: Router,
}

impl<'a> Transplant<'a> {
    /// From one network to another.
    pub fn new(old: &'a Network, new: &'a Network) -> Self {
        Self { old, new, router: Router::new(new) }
    }

    /// A road of the old network on the new one; none where it is gone.
    pub fn edge(&self, edge: EdgeId) -> Option<EdgeId> {
        self.new.find_edge(&self.old.edge(edge).name)
    }

    /// A lane of a road, or the nearest to it that a class may use.
    pub fn lane(&self, lane: LaneId, class: VehicleClass) -> Option<LaneId> {
        let old = self.old.lane(lane);
        let road = self.new.edge(self.edge(old.edge)?);
        let own = |id: &LaneId| self.new.lane(*id).index.abs_diff(old.index);
        let usable = road.lane_ids().filter(|&id| self.new.lane(id).allowed.contains(class)).min_by_key(own);
        usable.or_else(|| road.lane_ids().min_by_key(own))
    }

    /// A place along a lane [m]: where the point on the map that it was is nearest to.
    pub fn place(&self, from: LaneId, to: LaneId, at: Distance) -> Distance {
        let (old, new) = (self.old.lane(from), self.new.lane(to));
        let drawn = |length: f64, shape: f64| if length > 0.0 { shape / length } else { 1.0 };
        let point = old.shape.point_at(at.as_metres() * drawn(old.length.as_metres(), old.shape.length()));
        let along = new.shape.nearest(point).0 / drawn(new.length.as_metres(), new.shape.length()).max(1e-9);
        Distance::metres(along.clamp(0.0, new.length.as_metres()))
    }

    /// A demand on the new network; the names of those who have no way there any more, who then stay where they are in the list with
    /// the way they had as far as it goes.
    pub fn demand(&self, demand: &Demand) -> (Demand, Vec<String>) {
        let mut moved = demand.clone();
        let mut stranded = Vec::new();
        moved.routes = demand.routes.iter().map(|route| Route { edges: self.edges(&route.edges) }).collect();
        for (vehicle, row) in moved.vehicles.iter_mut().zip(&demand.vehicles) {
            let kind = demand.kind(row.kind);
            let given = self.edges(&demand.route(row.route).edges);
            match self.connected(&given, kind.class, kind.speed_max) {
                Some(way) if way == given => {}
                Some(way) => {
                    vehicle.route = RouteId::new(moved.routes.len());
                    moved.routes.push(Route { edges: way });
                }
                None => stranded.push(row.name.clone()),
            }
            if let RouteChoice::FastestAtDeparture { via } = &mut vehicle.choice {
                *via = via.iter().filter_map(|&edge| self.edge(edge)).collect();
            }
            for stop in &mut vehicle.stops {
                let Some(lane) = self.lane(stop.lane, kind.class) else { continue };
                let (start, position) =
                    (self.place(stop.lane, lane, stop.start), self.place(stop.lane, lane, stop.position));
                (stop.lane, stop.start, stop.position) = (lane, start, position);
            }
            if let (Some(at), Some(&last)) = (vehicle.arrival_position, demand.route(row.route).edges.last())
                && let Some(lane) = self.old.edge(last).lane_ids().next()
                && let Some(new) = self.lane(lane, kind.class)
            {
                vehicle.arrival_position = Some(self.place(lane, new, at));
            }
        }
        for stop in &mut moved.bus_stops {
            let Some(lane) = self.lane(stop.lane, VehicleClass::Bus) else { continue };
            let (start, end) = (self.place(stop.lane, lane, stop.start), self.place(stop.lane, lane, stop.end));
            (stop.lane, stop.start, stop.end) = (lane, start, end);
        }
        for detector in &mut moved.detectors {
            let lanes: Vec<LaneId> =
                detector.lanes.iter().filter_map(|&lane| self.lane(lane, VehicleClass::Passenger)).collect();
            if let (DetectorKind::Loop { position }, [from], [to]) =
                (&mut detector.kind, detector.lanes.as_slice(), lanes.as_slice())
            {
                *position = self.place(*from, *to, *position);
            }
            detector.lanes = lanes;
        }
        moved.detectors.retain(|detector| !detector.lanes.is_empty());
        (moved, stranded)
    }

    fn edges(&self, edges: &[EdgeId]) -> Vec<EdgeId> {
        edges.iter().filter_map(|&edge| self.edge(edge)).collect()
    }

    /// A way over these roads in order, with what has come between them; else the shortest from the first to the last.
    fn connected(&self, edges: &[EdgeId], class: VehicleClass, speed: Speed) -> Option<Vec<EdgeId>> {
        let (&first, &last) = (edges.first()?, edges.last()?);
        let mut way = vec![first];
        for pair in edges.windows(2) {
            if self.router.connects(pair[0], pair[1], class) {
                way.push(pair[1]);
                continue;
            }
            match self.router.shortest(pair[0], pair[1], class, speed) {
                Some(between) if between.len() <= BETWEEN_MAX => way.extend_from_slice(&between[1..]),
                _ => return self.router.shortest(first, last, class, speed),
            }
        }
        Some(way)
    }
}
