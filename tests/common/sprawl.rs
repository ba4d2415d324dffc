//! Random planar networks, as unlike a grid as towns can be: skewed streets, some of them one-way, lanes that begin and end
//! between junctions, pieces shorter than a car, roundabouts, and every kind of regulation.
//!
//! Drawn from keyed streams like [`super::town::Town`]: a sprawl is its numbers. Its streets never cross without a junction, because
//! they join neighbours of a bent lattice and at most one diagonal of a cell.

use citytwin::city::network::Projection;
use citytwin::city::network::bare::{BareControl, BareLane, BareMap, BareNode, BareRoad, Markings};
use citytwin::primitives::random::{Purpose, Seed};
use citytwin::primitives::{ClassSet, Distance, Point, Polyline, SimDuration, Speed};

use super::town::{self, Peopled, metres};

/// A random network.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sprawl {
    /// Places from west to east.
    pub(crate) columns: usize,
    /// Places from south to north.
    pub(crate) rows: usize,
    /// Distance between places [m].
    pub(crate) spacing: f64,
    /// Root of every draw.
    pub(crate) seed: u64,
}

const CONTROLS: [BareControl; 8] = [
    BareControl::Signal,
    BareControl::ActuatedSignal,
    BareControl::RightBeforeLeft,
    BareControl::AllwayStop,
    BareControl::Automatic,
    BareControl::Automatic,
    BareControl::Roundabout,
    BareControl::Roundabout,
];

/// A street between two places, before it has directions.
#[derive(Debug, Clone, Copy)]
struct Street {
    ends: [usize; 2],
    lanes: usize,
    speed: f64,
    priority: i32,
    one_way: bool,
}

impl Sprawl {
    /// The built network and `vehicles` that depart evenly over `span`, half of the buses with a halt on their way.
    pub(crate) fn peopled(&self, vehicles: usize, span: SimDuration) -> Peopled {
        town::people(&self.map(), self.seed, vehicles, span, 0.5)
    }

    /// The bare map.
    pub(crate) fn map(&self) -> BareMap {
        let mut rng = Seed(self.seed).stream(Purpose::MapMaking, 1, 0);
        let mut map = BareMap {
            nodes: Vec::new(),
            roads: Vec::new(),
            turn_bans: Vec::new(),
            markings: Markings::default(),
            left_hand: rng.below(4) == 0,
            projection: Projection::None,
        };
        for row in 0..self.rows {
            for column in 0..self.columns {
                let mut shifted = |n: usize| (metres(n) + (rng.unit() - 0.5) * 0.5) * self.spacing;
                let position = Point::new(shifted(column), shifted(row));
                let control = CONTROLS[rng.below(CONTROLS.len())];
                map.nodes.push(BareNode { name: format!("n{column}-{row}"), position, control });
            }
        }
        let streets = self.streets();
        let mut doors = roundabouts(&mut map, &streets);
        for (n, street) in streets.iter().enumerate() {
            let ends = street.ends.map(|place| doors[place].pop().unwrap_or(place));
            self.build(&mut map, n, *street, ends);
        }
        map
    }

    /// Neighbours that a street joins: most of the lattice, some diagonals.
    fn streets(&self) -> Vec<Street> {
        let mut rng = Seed(self.seed).stream(Purpose::MapMaking, 2, 0);
        let mut streets = Vec::new();
        for row in 0..self.rows {
            for column in 0..self.columns {
                let here = row * self.columns + column;
                let (east, north) = (column + 1 < self.columns, row + 1 < self.rows);
                let diagonal = rng.below(4);
                let mut wanted = Vec::new();
                // The southern and western rims stay whole, so that the network hangs together.
                wanted.extend((east && (row == 0 || rng.below(5) > 0)).then_some([here, here + 1]));
                wanted.extend((north && (column == 0 || rng.below(5) > 0)).then_some([here, here + self.columns]));
                wanted.extend((east && north && diagonal == 0).then_some([here, here + self.columns + 1]));
                wanted.extend((east && north && diagonal == 1).then_some([here + 1, here + self.columns]));
                for ends in wanted {
                    let class = rng.below(3);
                    streets.push(Street {
                        ends,
                        lanes: 1 + rng.below(class + 1),
                        speed: [30.0, 50.0, 70.0][class],
                        priority: [1, 3, 5][class],
                        one_way: rng.below(8) == 0,
                    });
                }
            }
        }
        streets
    }

    /// Lays the roads of a street, in one piece or two; where there are two, lanes may begin or end between them.
    fn build(&self, map: &mut BareMap, n: usize, street: Street, ends: [usize; 2]) {
        let mut rng = Seed(self.seed).stream(Purpose::MapMaking, 3, n as u64);
        let [from, to] = ends.map(|node| map.nodes[node].position);
        let length = (to - from).norm();
        let mut nodes = vec![ends[0]];
        if length > 60.0 && rng.below(3) == 0 {
            // From shorter than a car to a good part of the street.
            let at = if rng.below(2) == 0 { 18.0 + 8.0 * rng.unit() } else { length * (0.3 + 0.4 * rng.unit()) };
            let position = Point::new(from.x + (to.x - from.x) * at / length, from.y + (to.y - from.y) * at / length);
            map.nodes.push(BareNode { name: format!("m{n}"), position, control: BareControl::Automatic });
            nodes.push(map.nodes.len() - 1);
        }
        nodes.push(ends[1]);
        for (piece, pair) in nodes.windows(2).enumerate() {
            let lanes = if piece == 0 { street.lanes } else { 1 + rng.below(3) };
            let ways = if street.one_way { 1 } else { 2 };
            for way in 0..ways {
                let (from, to) = if way == 0 { (pair[0], pair[1]) } else { (pair[1], pair[0]) };
                let name = format!("s{n}-{piece}-{way}");
                let road = road(map, name, (from, to), lanes, street.one_way);
                map.roads.push(BareRoad {
                    speed: Speed::kilometres_per_hour(street.speed),
                    priority: street.priority,
                    ..road
                });
            }
        }
    }
}

/// Makes rings of the places that are to be roundabouts and have three streets or more; for each place the nodes its streets
/// end at, the last street's first.
fn roundabouts(map: &mut BareMap, streets: &[Street]) -> Vec<Vec<usize>> {
    let mut doors = vec![Vec::new(); map.nodes.len()];
    for (place, doors) in doors.iter_mut().enumerate() {
        let node = map.nodes[place].clone();
        if node.control != BareControl::Roundabout {
            continue;
        }
        let towards = |street: &Street| {
            let [a, b] = street.ends;
            let other = if a == place { b } else { a };
            let to = map.nodes[other].position;
            let turn = libm::atan2(to.y - node.position.y, to.x - node.position.x);
            (a == place || b == place).then_some(turn)
        };
        let angles: Vec<f64> = streets.iter().filter_map(towards).collect();
        if angles.len() < 3 {
            map.nodes[place].control = BareControl::Automatic;
            continue;
        }
        *doors = ring(map, place, &angles);
        // Streets take their doors from the end of the list.
        doors.reverse();
    }
    doors
}

/// A ring of as many nodes as there are streets, each on its street's side; the nodes in the order of the streets.
fn ring(map: &mut BareMap, place: usize, angles: &[f64]) -> Vec<usize> {
    const RADIUS: f64 = 14.0;
    let centre = map.nodes[place].position;
    let mut order: Vec<usize> = (0..angles.len()).collect();
    order.sort_by(|&a, &b| angles[a].total_cmp(&angles[b]));
    let mut doors = vec![place; angles.len()];
    for (nth, &street) in order.iter().enumerate() {
        // Evenly around, from the first street's side: doors of streets that lie close together keep apart.
        let turn = angles[order[0]] + std::f64::consts::TAU * metres(nth) / metres(order.len());
        let position = Point::new(centre.x + RADIUS * libm::cos(turn), centre.y + RADIUS * libm::sin(turn));
        if nth == 0 {
            map.nodes[place].position = position;
        } else {
            let name = format!("{}-{nth}", map.nodes[place].name);
            map.nodes.push(BareNode { name, position, control: BareControl::Roundabout });
            doors[street] = map.nodes.len() - 1;
        }
    }
    // Against the clock where one drives on the right.
    for nth in 0..order.len() {
        let (mut from, mut to) = (doors[order[nth]], doors[order[(nth + 1) % order.len()]]);
        if map.left_hand {
            (from, to) = (to, from);
        }
        let name = format!("ring{place}-{nth}");
        let road = road(map, name, (from, to), 1, true);
        map.roads.push(BareRoad { speed: Speed::kilometres_per_hour(30.0), priority: 4, ..road });
    }
    doors
}

fn road(map: &BareMap, name: String, (from, to): (usize, usize), lanes: usize, one_way: bool) -> BareRoad {
    let lane = BareLane { width: Distance::metres(3.2), allowed: ClassSet::ALL };
    BareRoad {
        name,
        street: None,
        from,
        to,
        line: Polyline::new(vec![map.nodes[from].position, map.nodes[to].position]),
        centred: one_way,
        lanes: vec![lane; lanes],
        speed: Speed::kilometres_per_hour(50.0),
        priority: 3,
        road_type: None,
    }
}
