//! Small towns for tests and benches: a street grid whose crossings take turns in how they are regulated, and trips over it.
//!
//! Everything is drawn from keyed streams, so a town is its numbers: the same numbers give the same town on every machine.

use std::sync::Arc;

use citytwin::city::demand::{
    ArrivalSpeed, CarFollowing, Demand, DepartLane, DepartPosition, DepartSpeed, Departure, LaneChanging, Route,
    RouteChoice, SpeedFactor, Stop, Vehicle, VehicleKind,
};
use citytwin::city::network::bare::{BareControl, BareLane, BareMap, BareNode, BareRoad, Markings};
use citytwin::city::network::{Network, Projection};
use citytwin::city::routing::Router;
use citytwin::city::scenario::settings::RunSettings;
use citytwin::primitives::ids::{EdgeId, KindId, RouteId};
use citytwin::primitives::random::{Purpose, Seed};
use citytwin::primitives::{
    Acceleration, ClassSet, Distance, Point, Polyline, SimDuration, SimTime, Speed, VehicleClass,
};
use citytwin::simulation::City;
use citytwin::simulation::outcome::Outcome;

/// A grid town.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Town {
    /// Crossings from west to east.
    pub(crate) columns: usize,
    /// Crossings from south to north.
    pub(crate) rows: usize,
    /// Distance between crossings [m].
    pub(crate) block: f64,
    /// Lanes per direction.
    pub(crate) lanes: usize,
    /// Root of every draw.
    pub(crate) seed: u64,
}

/// A town with people: what a run needs.
#[derive(Debug, Clone)]
pub(crate) struct Peopled {
    /// The roads.
    pub(crate) network: Arc<Network>,
    /// Who travels.
    pub(crate) demand: Arc<Demand>,
}

const CONTROLS: [BareControl; 5] = [
    BareControl::Signal,
    BareControl::Automatic,
    BareControl::RightBeforeLeft,
    BareControl::ActuatedSignal,
    BareControl::AllwayStop,
];

impl Town {
    /// The town's bare map: nodes shifted a little, every second street from west to east a main road, one lane fewer on the
    /// side streets.
    pub(crate) fn map(&self) -> BareMap {
        let mut rng = Seed(self.seed).stream(Purpose::MapMaking, 0, 0);
        let mut nodes = Vec::new();
        for row in 0..self.rows {
            for column in 0..self.columns {
                let mut shifted = |n: usize| metres(n) * self.block + (rng.unit() - 0.5) * self.block * 0.2;
                let position = Point::new(shifted(column), shifted(row));
                let control = CONTROLS[rng.below(CONTROLS.len())];
                nodes.push(BareNode { name: format!("n{column}-{row}"), position, control });
            }
        }
        let mut roads = Vec::new();
        let mut street = |from: usize, to: usize, main: bool| {
            for (from, to) in [(from, to), (to, from)] {
                roads.push(self.road(&nodes, from, to, main));
            }
        };
        for row in 0..self.rows {
            for column in 0..self.columns {
                let here = row * self.columns + column;
                if column + 1 < self.columns {
                    street(here, here + 1, row % 2 == 0);
                }
                if row + 1 < self.rows {
                    street(here, here + self.columns, false);
                }
            }
        }
        BareMap {
            nodes,
            roads,
            turn_bans: Vec::new(),
            markings: Markings::default(),
            left_hand: false,
            projection: Projection::None,
        }
    }

    fn road(&self, nodes: &[BareNode], from: usize, to: usize, main: bool) -> BareRoad {
        let lanes = if main { self.lanes } else { self.lanes.saturating_sub(1).max(1) };
        let (limit, priority) = if main { (50.0, 5) } else { (30.0, 3) };
        road(nodes, (from, to), lanes, Speed::kilometres_per_hour(limit), priority)
    }

    /// The built town and `vehicles` that depart evenly over `span` between roads drawn at random.
    pub(crate) fn peopled(&self, vehicles: usize, span: SimDuration) -> Peopled {
        people(&self.map(), self.seed, vehicles, span, 0.0)
    }
}

/// A straight road from one node to another with so many lanes for everybody.
pub(crate) fn road(
    nodes: &[BareNode],
    (from, to): (usize, usize),
    lanes: usize,
    speed: Speed,
    priority: i32,
) -> BareRoad {
    let lane = BareLane { width: Distance::metres(3.2), allowed: ClassSet::ALL };
    BareRoad {
        name: format!("{}--{}", nodes[from].name, nodes[to].name),
        street: None,
        from,
        to,
        line: Polyline::new(vec![nodes[from].position, nodes[to].position]),
        centred: false,
        lanes: vec![lane; lanes],
        speed,
        priority,
        road_type: None,
    }
}

/// A built map and `vehicles` that depart evenly over `span` between roads drawn at random; `halting` is the share of buses that
/// halt on their way.
pub(crate) fn people(map: &BareMap, seed: u64, vehicles: usize, span: SimDuration, halting: f64) -> Peopled {
    let network = map.build().unwrap_or_else(|findings| panic!("seed {seed}: {:?}", findings.problems()));
    let router = Router::new(&network);
    let roads: Vec<EdgeId> = network.roads().map(|(id, _)| id).collect();
    let mut demand = Demand { kinds: kinds(), ..Demand::default() };
    for row in 0..vehicles {
        let mut rng = Seed(seed).stream(Purpose::Demand, row as u64, 0);
        let (from, to) = (roads[rng.below(roads.len())], roads[rng.below(roads.len())]);
        let kind = rng.below(demand.kinds.len());
        let class = demand.kinds[kind].class;
        let Some(edges) = router.shortest(from, to, class, demand.kinds[kind].speed_max) else {
            continue;
        };
        let time = SimTime::ZERO + SimDuration::seconds((span.as_seconds() * metres(row) / metres(vehicles)).floor());
        let route = RouteId::new(demand.routes.len());
        let mut traveller = vehicle(format!("v{row}"), KindId::new(kind), route, time);
        if class == VehicleClass::Bus && rng.unit() < halting {
            traveller.stops.extend(halt(&network, &edges));
        }
        demand.routes.push(Route { edges });
        demand.vehicles.push(traveller);
    }
    Peopled { network: Arc::new(network), demand: Arc::new(demand) }
}

/// A halt of some seconds at the kerb of the first road past the departure that has room for it.
fn halt(network: &Network, edges: &[EdgeId]) -> Option<Stop> {
    let room = |edge: &&EdgeId| network.edge(**edge).length >= Distance::metres(45.0);
    let edge = *edges.iter().skip(1).find(room)?;
    let lane = network.edge(edge).lane_ids().next()?;
    let position = Distance::metres(network.edge(edge).length.as_metres() - 10.0);
    Some(Stop {
        lane,
        position,
        start: Distance::metres(position.as_metres() - 22.0),
        at: None,
        duration: SimDuration::seconds(12.0),
        until: None,
        parking: false,
    })
}

/// Cars that leave one road for another at a time [s], in that order.
#[allow(dead_code, reason = "each test uses its part of it")]
pub(crate) fn cars(network: &Network, rows: &[(&str, &str, f64)]) -> Demand {
    let router = Router::new(network);
    let mut demand = Demand { kinds: kinds(), ..Demand::default() };
    for (n, (from, to, time)) in rows.iter().enumerate() {
        let edge = |name: &str| network.find_edge(name).unwrap_or_else(|| panic!("no road {name}"));
        let kind = &demand.kinds[0];
        let edges = router.shortest(edge(from), edge(to), kind.class, kind.speed_max).expect("a way");
        let route = RouteId::new(demand.routes.len());
        demand.routes.push(Route { edges });
        demand.vehicles.push(vehicle(format!("car{n}"), KindId::new(0), route, SimTime::seconds(*time)));
    }
    demand
}

/// Cars of two temperaments, a truck and a long bus.
pub(crate) fn kinds() -> Vec<VehicleKind> {
    let krauss = CarFollowing::Krauss { sigma: 0.5 };
    vec![
        kind("car", VehicleClass::Passenger, 5.0, (2.6, 4.5, 9.0), krauss),
        kind("robot", VehicleClass::Passenger, 4.5, (2.0, 3.0, 8.0), CarFollowing::Idm { exponent: 4.0 }),
        kind("truck", VehicleClass::Truck, 12.0, (1.3, 4.0, 7.0), krauss),
        kind("bus", VehicleClass::Bus, 18.0, (1.2, 4.0, 7.0), krauss),
    ]
}

/// A type; the accelerations are ability, comfortable and emergency braking [m/s²].
fn kind(name: &str, class: VehicleClass, length: f64, rates: (f64, f64, f64), following: CarFollowing) -> VehicleKind {
    let rate = Acceleration::metres_per_second_squared;
    VehicleKind {
        name: name.to_owned(),
        class,
        length: Distance::metres(length),
        gap_min: Distance::metres(2.5),
        width: Distance::metres(1.8),
        speed_max: Speed::kilometres_per_hour(120.0),
        acceleration: rate(rates.0),
        deceleration: rate(rates.1),
        deceleration_emergency: rate(rates.2),
        headway: SimDuration::seconds(1.0),
        speed_factor: SpeedFactor { mean: 1.0, deviation: 0.1, min: 0.2, max: 2.0 },
        following,
        lane_changing: LaneChanging {
            strategic: 1.0,
            cooperative: 1.0,
            speed_gain: 1.0,
            keep_right: 1.0,
            assertive: 1.0,
        },
        impatience_after: SimDuration::seconds(180.0),
    }
}

pub(crate) fn vehicle(name: String, kind: KindId, route: RouteId, time: SimTime) -> Vehicle {
    Vehicle {
        name,
        kind,
        route,
        choice: RouteChoice::Fixed,
        departure: Departure {
            time,
            lane: DepartLane::Best,
            position: DepartPosition::Base,
            speed: DepartSpeed::At(Speed::ZERO),
        },
        arrival_position: None,
        arrival_speed: ArrivalSpeed::Current,
        stops: Vec::new(),
        line: None,
    }
}

/// A small count as a number; towns here are far below 2³².
pub(crate) fn metres(count: usize) -> f64 {
    f64::from(u32::try_from(count).expect("towns are small"))
}

/// Runs a town to its end.
pub(crate) fn run(town: &Peopled, settings: RunSettings) -> Outcome {
    let mut city = City::assemble(&town.network, &town.demand, settings);
    while !city.is_over() {
        city.step();
    }
    city.finish(false)
}
