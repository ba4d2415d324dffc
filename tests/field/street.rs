//! Where the checks are driven: small streets drawn by hand, and the cars the literature measures.
//!
//! A street is a bare map built as any other; what a check changes by hand is a signal's program. The car is the default passenger
//! car of the field's exchange vocabulary: 5 m long, 2.5 m of standing gap, 2.6 and 4.5 m/s², 1 s of headway, a driver of medium
//! imperfection. Measures nothing.

use std::sync::Arc;

use citytwin::city::demand::{
    ArrivalSpeed, CarFollowing, Demand, DepartLane, DepartPosition, DepartSpeed, Departure, LaneChanging, Route,
    RouteChoice, SpeedFactor, Vehicle, VehicleKind,
};
use citytwin::city::network::bare::{BareControl, BareLane, BareMap, BareNode, BareRoad, Markings};
use citytwin::city::network::{Aspect, Network, Phase, Projection, SignalControl, SignalProgram};
use citytwin::primitives::ids::{KindId, RouteId};
use citytwin::primitives::random::{Purpose, Seed};
use citytwin::primitives::{
    Acceleration, ClassSet, Distance, Point, Polyline, SimDuration, SimTime, Speed, VehicleClass,
};

/// A street being drawn.
#[derive(Debug, Clone)]
pub(crate) struct Drawing {
    map: BareMap,
}

impl Drawing {
    /// An empty sheet.
    pub(crate) fn new() -> Self {
        Self {
            map: BareMap {
                nodes: Vec::new(),
                roads: Vec::new(),
                turn_bans: Vec::new(),
                markings: Markings::default(),
                left_hand: false,
                projection: Projection::None,
            },
        }
    }

    /// A node at (x, y) [m].
    pub(crate) fn node(mut self, name: &str, at: (f64, f64), control: BareControl) -> Self {
        self.map.nodes.push(BareNode { name: name.to_owned(), position: Point::new(at.0, at.1), control });
        self
    }

    /// A straight one-way road of `lanes` lanes with a limit [km/h] and a priority.
    pub(crate) fn road(self, name: &str, ends: (&str, &str), lanes: usize, limit: f64, priority: i32) -> Self {
        self.bent(name, ends, &[], (lanes, limit, priority))
    }

    /// A one-way road past some points on its way.
    pub(crate) fn bent(
        mut self,
        name: &str,
        ends: (&str, &str),
        past: &[(f64, f64)],
        (lanes, limit, priority): (usize, f64, i32),
    ) -> Self {
        let (from, to) = (self.find(ends.0), self.find(ends.1));
        let mut line = vec![self.map.nodes[from].position];
        line.extend(past.iter().map(|&(x, y)| Point::new(x, y)));
        line.push(self.map.nodes[to].position);
        self.map.roads.push(BareRoad {
            name: name.to_owned(),
            street: None,
            from,
            to,
            line: Polyline::new(line),
            centred: true,
            lanes: vec![BareLane { width: Distance::metres(3.2), allowed: ClassSet::ALL }; lanes],
            speed: Speed::kilometres_per_hour(limit),
            priority,
            road_type: None,
        });
        self
    }

    /// Forbids a turn.
    pub(crate) fn without(mut self, from: &str, to: &str) -> Self {
        let road = |name: &str| self.map.roads.iter().position(|road| road.name == name).expect("the road is drawn");
        self.map.turn_bans.push((road(from), road(to)));
        self
    }

    fn find(&self, name: &str) -> usize {
        self.map.nodes.iter().position(|node| node.name == name).expect("the node is drawn")
    }

    /// The network of the drawing.
    pub(crate) fn build(&self) -> Network {
        self.map.build().unwrap_or_else(|findings| panic!("{:?}", findings.problems()))
    }
}

/// A fixed-time plan of two stages: first the links that come from the roads in `main`, then all others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TwoStages {
    /// Green of the main road [s].
    pub(crate) green: f64,
    /// Yellow of both [s].
    pub(crate) yellow: f64,
    /// Red of the main road between its yellow and its next green [s].
    pub(crate) red: f64,
}

impl TwoStages {
    /// The cycle [s].
    pub(crate) fn cycle(&self) -> f64 {
        self.green + self.yellow + self.red
    }

    /// Gives every signal of a network this plan; `offset` is asked for each by number.
    pub(crate) fn apply(&self, network: &mut Network, main: &[&str], offset: impl Fn(usize) -> f64) {
        for number in 0..network.signals.len() {
            let heads = network.signals[number].links.clone();
            let is_main = |head: &Vec<citytwin::primitives::ids::LinkId>| {
                head.iter().any(|&link| main.contains(&network.edge_of(network.link(link).from).name.as_str()))
            };
            let show = |ours: Aspect, others: Aspect| -> Vec<Aspect> {
                heads.iter().map(|head| if is_main(head) { ours } else { others }).collect()
            };
            let phase = |seconds: f64, aspects: Vec<Aspect>| {
                let duration = SimDuration::seconds(seconds);
                Phase { duration, duration_min: duration, duration_max: duration, aspects, next: Vec::new() }
            };
            let phases = vec![
                phase(self.green, show(Aspect::GreenMajor, Aspect::Red)),
                phase(self.yellow, show(Aspect::YellowMajor, Aspect::Red)),
                phase(self.red, show(Aspect::Red, Aspect::Red)),
            ];
            let offset = SimDuration::seconds(offset(number));
            let name = "field".to_owned();
            network.signals[number].programs =
                vec![SignalProgram { name, control: SignalControl::FixedTime, offset, phases }];
        }
    }
}

/// The default car; its drivers spread around the limit by `deviation`.
pub(crate) fn car(deviation: f64) -> VehicleKind {
    let rate = Acceleration::metres_per_second_squared;
    VehicleKind {
        name: "car".to_owned(),
        class: VehicleClass::Passenger,
        length: Distance::metres(5.0),
        gap_min: Distance::metres(2.5),
        width: Distance::metres(1.8),
        speed_max: Speed::kilometres_per_hour(200.0),
        acceleration: rate(2.6),
        deceleration: rate(4.5),
        deceleration_emergency: rate(9.0),
        headway: SimDuration::seconds(1.0),
        speed_factor: SpeedFactor { mean: 1.0, deviation, min: 0.2, max: 2.0 },
        following: CarFollowing::Krauss { sigma: 0.5 },
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

/// Cars about to depart.
#[derive(Debug, Clone)]
pub(crate) struct Traffic {
    demand: Demand,
}

impl Traffic {
    /// Nobody yet, but cars of this kind.
    pub(crate) fn of(kind: VehicleKind) -> Self {
        Self { demand: Demand { kinds: vec![kind], ..Demand::default() } }
    }

    /// A route along roads by name.
    pub(crate) fn route(&mut self, network: &Network, roads: &[&str]) -> RouteId {
        let edges = roads.iter().map(|name| network.find_edge(name).expect("the road is there")).collect();
        self.demand.routes.push(Route { edges });
        RouteId::new(self.demand.routes.len() - 1)
    }

    /// One car on a route at a time [s], on the lane that suits it best, as fast as is safe.
    pub(crate) fn car(&mut self, route: RouteId, time: f64) {
        self.placed(route, time, DepartLane::Best, DepartPosition::Base, DepartSpeed::Max);
    }

    /// One car, with everything said.
    pub(crate) fn placed(
        &mut self,
        route: RouteId,
        time: f64,
        lane: DepartLane,
        position: DepartPosition,
        speed: DepartSpeed,
    ) {
        let name = format!("car{}", self.demand.vehicles.len());
        let departure = Departure { time: SimTime::seconds(time), lane, position, speed };
        self.demand.vehicles.push(Vehicle {
            name,
            kind: KindId::new(0),
            route,
            choice: RouteChoice::Fixed,
            departure,
            arrival_position: None,
            arrival_speed: ArrivalSpeed::Current,
            stops: Vec::new(),
            line: None,
        });
    }

    /// Cars that come by chance (a Poisson stream) at a flow [veh/h] between two times [s]; `stream` keys the dice.
    pub(crate) fn by_chance(&mut self, route: RouteId, flow: f64, span: (f64, f64), stream: u64) {
        for time in by_chance(flow, span, stream) {
            self.car(route, time);
        }
    }

    /// The same, each on any lane.
    pub(crate) fn by_chance_on_any_lane(&mut self, route: RouteId, flow: f64, span: (f64, f64), stream: u64) {
        for time in by_chance(flow, span, stream) {
            self.placed(route, time, DepartLane::Random, DepartPosition::Base, DepartSpeed::Max);
        }
    }

    /// Cars at even intervals at a flow [veh/h] between two times [s].
    pub(crate) fn evenly(&mut self, route: RouteId, flow: f64, span: (f64, f64)) {
        let mut time = span.0;
        while time < span.1 {
            self.car(route, time);
            time += 3600.0 / flow;
        }
    }

    /// The demand, in the order of departure.
    pub(crate) fn demand(mut self) -> Arc<Demand> {
        self.demand.vehicles.sort_by_key(|vehicle| vehicle.departure.time);
        Arc::new(self.demand)
    }
}

/// The times of a Poisson stream.
fn by_chance(flow: f64, span: (f64, f64), stream: u64) -> Vec<f64> {
    let mut rng = Seed(7).stream(Purpose::Demand, stream, 0);
    let mut times = Vec::new();
    let mut time = span.0;
    loop {
        time -= libm::log(1.0 - rng.unit()) * 3600.0 / flow;
        if time >= span.1 {
            return times;
        }
        times.push(time);
    }
}
