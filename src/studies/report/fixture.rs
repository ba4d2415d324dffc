//! A small invented town and a run through it that was never simulated, for the tests of the page.
//!
//! Everything comes from keyed draws: the same town for the same size. Its figures are plausible, not consistent: roads and
//! trips are drawn independently of each other.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "the town is small and its numbers are invented"
)]

use crate::city::demand::{
    CarFollowing, Demand, DepartLane, DepartPosition, DepartSpeed, Departure, LaneChanging, Route, RouteChoice,
    SpeedFactor, Vehicle, VehicleKind,
};
use crate::city::network::{Edge, EdgeIndex, EdgeKind, Junction, JunctionKind, Lane, Network, Projection};
use crate::primitives::ids::{EdgeId, JunctionId, KindId, LaneId, RouteId, VehicleId};
use crate::primitives::random::{KeyedRng, Purpose, Seed};
use crate::primitives::{Acceleration, ClassSet, Distance, Point, Polyline, SimDuration, SimTime, Speed, VehicleClass};
use crate::simulation::outcome::{CityInstant, Outcome, RoadInterval, RoadTable, Trip};

use super::{Area, AreaKind, Backdrop, Place, PlaceKind, ReportInput};

const STREETS: [&str; 16] = [
    "Alder Row",
    "Brook Lane",
    "Cooper’s Yard",
    "Dovecote Street",
    "Easter Gate",
    "Fuller Street",
    "Glover Lane",
    "Harbour Street",
    "Ivy Walk",
    "Juniper Road",
    "King’s Parade",
    "Linden Avenue",
    "Mill Road",
    "North Wall",
    "Orchard Rise",
    "Priory Street",
];

/// A town with everything a report needs.
#[derive(Debug)]
pub(super) struct Town {
    pub(super) network: Network,
    pub(super) demand: Demand,
    pub(super) outcome: Outcome,
    pub(super) backdrop: Backdrop,
}

impl Town {
    /// A town of `columns` by `rows` junctions, in which `vehicles` travel for `intervals` of five minutes from seven.
    pub(super) fn new(columns: usize, rows: usize, vehicles: usize, intervals: usize) -> Self {
        let network = network(columns, rows);
        let demand = demand(vehicles);
        let outcome = outcome(&network, &demand, intervals);
        Self { network, demand, outcome, backdrop: backdrop(columns, rows) }
    }

    /// The report of this town.
    pub(super) fn input(&self) -> ReportInput<'_> {
        let manifest = [
            ("Program", "citytwin 0.1.0"),
            ("Scenario", "scenarios/morning_hour.yaml"),
            ("Scenario hash (BLAKE3)", "9d1f6ce1b3f2a4f08a8f1f1c5d2e7b60a2c3d4e5f60718293a4b5c6d7e8f9012"),
            ("Map hash (BLAKE3)", "1c5d2e7b60a2c3d4e5f60718293a4b5c6d7e8f90129d1f6ce1b3f2a4f08a8f1f"),
            ("Seed", "42"),
            ("Threads", "2"),
            ("Command", "citytwin run scenarios/morning_hour.yaml --seed 42 --threads 2"),
            ("CPU seconds", "load 0.4 s, simulate 6.1 s, write 0.3 s"),
        ];
        ReportInput {
            gridlock: None,
            title: "Morning hour in Fenwick Marrow",
            question: Some("Where does a weekday morning lose its time, and is any queue longer than its street?"),
            network: &self.network,
            outcome: &self.outcome,
            demand: &self.demand,
            telling: None,
            manifest: manifest.map(|(label, value)| (label.to_owned(), value.to_owned())).to_vec(),
            backdrop: self.backdrop.clone(),
        }
    }
}

fn draws(actor: usize, step: u64) -> KeyedRng {
    Seed(7).stream(Purpose::Demand, actor as u64, step)
}

fn junction_point(column: usize, row: usize) -> Point {
    let mut rng = draws(column * 1000 + row, 1);
    let (x, y) = (column as f64 * 260.0 + rng.unit() * 90.0, row as f64 * 230.0 + rng.unit() * 80.0);
    Point::new(x + y * 0.18 + 60.0 * libm::sin(y / 400.0), y - x * 0.12)
}

fn network(columns: usize, rows: usize) -> Network {
    let mut network = Network {
        junctions: Vec::new(),
        edges: Vec::new(),
        lanes: Vec::new(),
        links: Vec::new(),
        signals: Vec::new(),
        projection: Projection::None,
        left_hand: false,
        incoming: Vec::new(),
        conflicts: std::sync::Arc::default(),
        edge_by_name: EdgeIndex::default(),
        roundabouts: std::collections::BTreeSet::new(),
        single_tracks: std::collections::BTreeMap::new(),
    };
    for row in 0..rows {
        for column in 0..columns {
            let position = junction_point(column, row);
            network.junctions.push(Junction {
                name: format!("n{column}_{row}"),
                kind: JunctionKind::Priority,
                position,
                shape: Vec::new(),
                links: Vec::new(),
            });
        }
    }
    let at = |column: usize, row: usize| row * columns + column;
    for row in 0..rows {
        for column in 0..columns {
            let drop = |step| draws(at(column, row), step).unit() < 0.12;
            let bridge = row + 1 == rows / 2 && column % 3 != 1;
            let avenue = |n: usize| n.is_multiple_of(3);
            if column + 1 < columns && (avenue(row) || !drop(2)) {
                two_way(&mut network, at(column, row), at(column + 1, row), 1 + usize::from(avenue(row)), row);
            }
            if row + 1 < rows && !bridge && (avenue(column) || !drop(3)) {
                two_way(
                    &mut network,
                    at(column, row),
                    at(column, row + 1),
                    1 + usize::from(avenue(column)),
                    7 + column,
                );
            }
        }
    }
    for junction in 0..network.junctions.len() {
        let position = network.junctions[junction].position;
        add_edge(&mut network, (junction, junction), &[position, position], 1, None, EdgeKind::Internal);
    }
    network.edge_by_name = EdgeIndex::new(&network.edges);
    network
}

fn two_way(network: &mut Network, a: usize, b: usize, lanes: usize, street: usize) {
    let street = STREETS[street % STREETS.len()];
    for (from, to) in [(a, b), (b, a)] {
        let (p, q) = (network.junctions[from].position, network.junctions[to].position);
        let sag = (draws(a, 4).unit() - 0.5) * 60.0 * if from == a { 1.0 } else { -1.0 };
        let along = (q - p).normalize();
        let bow = |share: f64| {
            let aside = nalgebra::Vector2::new(along.y, -along.x) * (sag * 4.0 * share * (1.0 - share));
            p + (q - p) * share + aside
        };
        let line: Vec<Point> = (0..=8).map(|i| bow(0.04 + 0.92 * f64::from(i) / 8.0)).collect();
        add_edge(network, (from, to), &line, lanes, Some(street), EdgeKind::Road);
    }
}

fn add_edge(
    network: &mut Network,
    (from, to): (usize, usize),
    line: &[Point],
    lanes: usize,
    street: Option<&str>,
    kind: EdgeKind,
) {
    let (id, first) = (EdgeId::new(network.edges.len()), network.lanes.len() as u32);
    let line = Polyline::new(line.to_vec());
    let length = Distance::metres(line.length());
    for index in 0..lanes {
        network.lanes.push(Lane {
            edge: id,
            index: index as u32,
            length,
            speed: Speed::kilometres_per_hour(if lanes > 1 { 50.0 } else { 30.0 }),
            width: Distance::metres(3.2),
            allowed: ClassSet::ALL,
            change_left: ClassSet::ALL,
            change_right: ClassSet::ALL,
            shape: line.offset_right(3.2 * ((lanes - index) as f64 - 0.5)),
            links: 0..0,
            incoming: 0..0,
            conflicts: 0..0,
        });
    }
    let name = format!("e{}", id.raw());
    network.edges.push(Edge {
        name,
        street: street.map(str::to_owned),
        kind,
        from: JunctionId::new(from),
        to: JunctionId::new(to),
        lanes: first..first + lanes as u32,
        priority: 1,
        length,
        road_type: None,
    });
}

fn demand(vehicles: usize) -> Demand {
    let kind = |name: &str, class| VehicleKind {
        name: name.to_owned(),
        class,
        length: Distance::metres(5.0),
        gap_min: Distance::metres(2.5),
        width: Distance::metres(1.8),
        speed_max: Speed::metres_per_second(55.0),
        acceleration: Acceleration::metres_per_second_squared(2.6),
        deceleration: Acceleration::metres_per_second_squared(4.5),
        deceleration_emergency: Acceleration::metres_per_second_squared(9.0),
        headway: SimDuration::seconds(1.0),
        speed_factor: SpeedFactor { mean: 1.0, deviation: 0.1, min: 0.2, max: 2.0 },
        following: CarFollowing::Krauss { sigma: 0.5 },
        lane_changing: LaneChanging {
            strategic: 1.0,
            cooperative: 1.0,
            speed_gain: 1.0,
            keep_right: 1.0,
            assertive: 1.0,
        },
        impatience_after: SimDuration::seconds(300.0),
    };
    let vehicle = |i: usize| Vehicle {
        name: format!("v{i}"),
        kind: KindId::new([0, 0, 0, 0, 0, 0, 0, 1, 2, 3][draws(i, 5).below(10)]),
        route: RouteId::new(0),
        choice: RouteChoice::Fixed,
        departure: Departure {
            time: SimTime::ZERO,
            lane: DepartLane::Best,
            position: DepartPosition::Base,
            speed: DepartSpeed::Max,
        },
        arrival_position: None,
        arrival_speed: crate::city::demand::ArrivalSpeed::Current,
        stops: Vec::new(),
        line: None,
    };
    Demand {
        kinds: vec![
            kind("car", VehicleClass::Passenger),
            kind("van", VehicleClass::Delivery),
            kind("truck", VehicleClass::Truck),
            kind("bus", VehicleClass::Bus),
        ],
        routes: vec![Route { edges: vec![EdgeId::new(0)] }],
        vehicles: (0..vehicles).map(vehicle).collect(),
        ..Demand::default()
    }
}

fn outcome(network: &Network, demand: &Demand, intervals: usize) -> Outcome {
    let begin = 25_200.0;
    let end = begin + intervals as f64 * 300.0;
    let mut trips: Vec<Trip> = (0..demand.vehicles.len()).map(|vehicle| trip(vehicle, begin, end)).collect();
    trips.sort_by_key(|trip| (trip.arrival.unwrap_or(SimTime::MAX), trip.vehicle));
    let arrived = trips.iter().filter(|trip| trip.arrival.is_some()).count() as u32;
    let loaded = demand.vehicles.len() as u32;
    let steps = (end - begin) as u64;
    let city = (0..=steps).map(|step| instant(&trips, begin + step as f64)).collect();
    Outcome {
        trips,
        roads: RoadTable {
            interval: SimDuration::seconds(300.0),
            begin: SimTime::seconds(begin),
            intervals: (0..intervals).map(|interval| road_row(network, interval, intervals)).collect(),
        },
        city,
        begin: SimTime::seconds(begin),
        end: SimTime::seconds(end),
        steps,
        updates: 812_345,
        loaded,
        inserted: loaded,
        arrived,
        running: loaded - arrived,
        waiting_to_enter_max: 37,
        emergency_brakings: 14,
        state_hash: "5d2e7b60a2c3d4e5".to_owned(),
        ..Outcome::default()
    }
}

fn trip(vehicle: usize, begin: f64, end: f64) -> Trip {
    let mut rng = draws(vehicle, 6);
    let share = f64::midpoint(rng.unit(), rng.unit());
    let depart = begin + share * (end - begin);
    let kilometres = 0.6 + 3.0 * rng.unit() * rng.unit() + rng.unit();
    let free = kilometres / 36.0 * 3600.0;
    let lost = free * (0.15 - libm::log(1.0 - rng.unit()) * 0.35);
    let arrival = Some(depart + free + lost).filter(|arrival| *arrival <= end);
    Trip {
        vehicle: VehicleId::new(vehicle),
        depart: SimTime::seconds(depart),
        depart_delay: SimDuration::seconds(-libm::log(1.0 - rng.unit()) * 3.0),
        depart_lane: LaneId::new(0),
        depart_position: Distance::metres(5.0),
        depart_speed: Speed::ZERO,
        arrival: arrival.map(SimTime::seconds),
        arrival_lane: LaneId::new(0),
        arrival_position: Distance::ZERO,
        arrival_speed: Speed::ZERO,
        duration: SimDuration::seconds(arrival.unwrap_or(end) - depart),
        route_length: Distance::kilometres(kilometres),
        waiting_time: SimDuration::seconds(lost * 0.6),
        waiting_count: (lost / 25.0) as u32,
        stop_time: SimDuration::ZERO,
        time_loss: SimDuration::seconds(lost),
        speed_factor: 1.0,
        last_resort_moves: 0,
    }
}

fn instant(trips: &[Trip], time: f64) -> CityInstant {
    let inserted = trips.iter().filter(|trip| trip.depart.as_seconds() <= time).count() as u32;
    let arrived = trips.iter().filter(|trip| trip.arrival.is_some_and(|at| at.as_seconds() <= time)).count() as u32;
    let running = inserted - arrived;
    let loaded = trips.iter().filter(|trip| (trip.depart - trip.depart_delay).as_seconds() <= time).count() as u32;
    let wave = libm::sin(time / 130.0);
    let load = f64::from(running) / (f64::from(trips.len() as u32) * 0.12).max(1.0);
    CityInstant {
        time: SimTime::seconds(time),
        loaded,
        inserted,
        running,
        waiting_to_enter: loaded - inserted,
        arrived,
        halting: (f64::from(running) * (0.22 + 0.1 * load + 0.04 * wave)) as u32,
        stopped: 0,
        speed_mean: 10.5 - 4.0 * load + 0.5 * wave,
        speed_relative_mean: 0.7,
        travel_time_mean: 300.0,
        depart_delay_mean: 3.0,
        last_resort_moves: 0,
    }
}

fn road_row(network: &Network, interval: usize, intervals: usize) -> Vec<RoadInterval> {
    let peak = libm::sin((interval as f64 + 0.5) / intervals as f64 * std::f64::consts::PI);
    (0..network.edges.len())
        .map(|i| {
            let edge = network.edge(EdgeId::new(i));
            let popular = draws(i, 8).unit();
            if popular < 0.1 && edge.lane_count() == 1 && !edge.is_internal() {
                return RoadInterval::default();
            }
            let vehicles = (popular * popular * peak * 45.0 * edge.lane_count() as f64) as u32;
            let length = edge.length.as_metres();
            let free = length / network.lane(edge.lane_ids().next().expect("a lane")).speed.as_metres_per_second();
            let strain = popular * peak;
            let lost = 2.0 + 110.0 * libm::pow(strain, 5.0);
            let many = f64::from(vehicles);
            RoadInterval {
                sampled_seconds: many * (free + lost),
                travelled: many * length,
                waiting_seconds: many * lost * 0.6,
                time_loss: many * lost,
                entered: vehicles,
                left: vehicles,
                departed: 0,
                arrived: 0,
            }
        })
        .collect()
}

fn backdrop(columns: usize, rows: usize) -> Backdrop {
    let (width, middle) = (columns as f64 * 260.0, (rows / 2) as f64 * 230.0 - 75.0);
    let bank = |x: f64, side: f64| Point::new(x, middle - x * 0.12 + 25.0 * libm::sin(x / 300.0) + side);
    let steps = || (-4..=(columns as i32 + 5)).map(|i| f64::from(i) * 260.0);
    let river = steps().map(|x| bank(x, 38.0)).chain(steps().rev().map(|x| bank(x, -38.0))).collect();
    let park = [(0.62, 0.70), (0.80, 0.68), (0.83, 0.86), (0.66, 0.90)];
    let park = park.map(|(x, y)| Point::new(width * x + 60.0, rows as f64 * 230.0 * y - width * x * 0.12)).to_vec();
    let place = |kind, name: &str, column: usize, row: usize| Place {
        kind,
        name: name.to_owned(),
        position: junction_point(column, row) + nalgebra::Vector2::new(70.0, 60.0),
    };
    let mut places = vec![
        place(PlaceKind::Hospital, "St Agnes Hospital", columns / 4, rows * 3 / 4),
        place(PlaceKind::Hospital, "Eastfield Infirmary", columns * 3 / 4, rows / 4),
        place(PlaceKind::Station, "Mill Road ambulance station", columns / 2, rows / 3),
    ];
    places.extend((0..columns).map(|column| place(PlaceKind::Stop, "Stop", column, column % rows)));
    Backdrop {
        areas: vec![
            Area { kind: AreaKind::Water, name: Some("River Marr".to_owned()), outline: river },
            Area { kind: AreaKind::Park, name: Some("Priory Park".to_owned()), outline: park },
        ],
        places,
    }
}
