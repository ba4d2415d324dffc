//! The grid city in memory: signals on a square grid, three lanes each way, staircase trips nobody finishes soon.
//!
//! The city of `cargo xtask compare-sumo grid` without files: for measuring throughput at any size, up to a million vehicles. Routes
//! are laid out by counting blocks, because a search for each of a million would take longer than the run.

use std::sync::Arc;

use citytwin::city::demand::{Demand, Route};
use citytwin::city::network::bare::{BareControl, BareMap, BareNode, Markings};
use citytwin::city::network::{Network, Projection};
use citytwin::primitives::ids::{EdgeId, KindId, RouteId};
use citytwin::primitives::random::{Purpose, Seed};
use citytwin::primitives::{Point, SimDuration, SimTime, Speed};

use super::town::{Peopled, kinds, metres, road, vehicle};

/// A grid city and who drives on it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grid {
    /// Signals per side of the square.
    pub(crate) signals: usize,
    /// Distance between them [m].
    pub(crate) block: f64,
    /// Blocks driven along each axis; at most `signals - 1`.
    pub(crate) blocks: usize,
    /// Vehicles.
    pub(crate) vehicles: usize,
    /// Departures are spread evenly over this [s].
    pub(crate) horizon: f64,
}

impl Grid {
    /// The roads.
    pub(crate) fn network(&self) -> Arc<Network> {
        let mut nodes = Vec::new();
        for row in 0..self.signals {
            for column in 0..self.signals {
                let position = Point::new(metres(column) * self.block, metres(row) * self.block);
                nodes.push(BareNode { name: format!("n{column}-{row}"), position, control: BareControl::Signal });
            }
        }
        let mut roads = Vec::new();
        for (from, to) in self.streets() {
            roads.push(road(&nodes, (from, to), 3, Speed::kilometres_per_hour(40.0), 3));
        }
        let map = BareMap {
            nodes,
            roads,
            turn_bans: Vec::new(),
            markings: Markings::default(),
            left_hand: false,
            projection: Projection::None,
        };
        Arc::new(map.build().unwrap_or_else(|findings| panic!("{self:?}: {:?}", findings.problems())))
    }

    /// Pairs of neighbours, both ways.
    fn streets(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let n = self.signals;
        let pairs = (0..n * n).flat_map(move |here| {
            let east = (here % n + 1 < n).then_some((here, here + 1));
            let north = (here / n + 1 < n).then_some((here, here + n));
            [east, north].into_iter().flatten()
        });
        pairs.flat_map(|(a, b)| [(a, b), (b, a)])
    }

    /// Who drives, over roads made by [`Grid::network`]: staircases of one to six blocks at a time.
    pub(crate) fn demand(&self, network: &Network) -> Arc<Demand> {
        let n = self.signals;
        // Roads stand in the network as in the map; by node and direction: east, west, north, south.
        let mut ways = vec![[None; 4]; n * n];
        for ((id, _), (from, to)) in network.roads().zip(self.streets()) {
            let direction =
                [from + 1, from.wrapping_sub(1), from + n, from.wrapping_sub(n)].iter().position(|at| *at == to);
            ways[from][direction.expect("a street joins neighbours")] = Some(id);
        }
        let mut demand = Demand { kinds: kinds(), ..Demand::default() };
        demand.vehicles.reserve_exact(self.vehicles);
        demand.routes.reserve_exact(self.vehicles);
        for row in 0..self.vehicles {
            let edges = self.staircase(row, &ways);
            let time = SimDuration::seconds((self.horizon * metres(row) / metres(self.vehicles)).floor());
            demand.routes.push(Route { edges });
            let route = RouteId::new(row);
            demand.vehicles.push(vehicle(format!("v{row}"), KindId::new(0), route, SimTime::ZERO + time));
        }
        Arc::new(demand)
    }

    fn staircase(&self, row: usize, ways: &[[Option<EdgeId>; 4]]) -> Vec<EdgeId> {
        let n = self.signals;
        let mut rng = Seed(1).stream(Purpose::Demand, row as u64, 0);
        let reach = n - self.blocks;
        let (east, north) = (rng.below(2) == 0, rng.below(2) == 0);
        let mut start = |forward: bool| if forward { rng.below(reach) } else { n - 1 - rng.below(reach) };
        let mut at = start(east) + n * start(north);
        let mut across = rng.below(2) == 0;
        let mut left = [self.blocks; 2];
        let mut edges = Vec::with_capacity(2 * self.blocks);
        while left[0] + left[1] > 0 {
            let axis = usize::from(!across);
            for _ in 0..(1 + rng.below(6)).min(left[axis]) {
                let (direction, next) = match (across, east, north) {
                    (true, true, _) => (0, at + 1),
                    (true, false, _) => (1, at - 1),
                    (false, _, true) => (2, at + n),
                    (false, _, false) => (3, at - n),
                };
                edges.push(ways[at][direction].expect("the staircase stays on the grid"));
                at = next;
                left[axis] -= 1;
            }
            across = !across;
        }
        edges
    }

    /// Roads and people.
    pub(crate) fn peopled(&self) -> Peopled {
        let network = self.network();
        let demand = self.demand(&network);
        Peopled { network, demand }
    }
}
