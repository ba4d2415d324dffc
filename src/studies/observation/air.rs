//! What stated engines give off on which road, and what that adds to the air beside the roads.
//!
//! Emissions are those of `studies/effects`, by the distance that the vehicles of an engine drive on a road in an hour and their mean
//! speed there, halts included. The curves were fitted to whole trips; taken by road they put the exhaust where vehicles crawl, down to
//! the slowest speed of each curve. Dispersion is that of the air stations (`city/network/dispersion.rs`), in one wind. A road is one
//! carriageway in one direction; beside it is 10 m from its middle, halfway along, on the side where there is more.

use crate::city::demand::Demand;
use crate::city::network::dispersion::{Pieces, Wind};
use crate::city::network::{Edge, Network};
use crate::primitives::ids::EdgeId;
use crate::primitives::{Distance, Point, SimTime, Speed, VehicleClass};
use crate::simulation::outcome::VehicleInstant;
use crate::studies::effects::{Engine, Substance, factor};

/// How far from the middle of a carriageway the air is looked at [m].
const BESIDE: f64 = 10.0;
/// An hour, over which concentrations are means [s].
const HOUR: i64 = 3_600;

/// Who gives something off, and the wind that carries it.
#[derive(Debug, Clone, PartialEq)]
pub struct AirWanted {
    /// The engine of each type of vehicle of the demand; none for those that count for nothing.
    pub engines: Vec<Option<Engine>>,
    /// Mean speed of the wind.
    pub wind: Speed,
    /// Where it comes from, clockwise from north [°].
    pub wind_from: f64,
}

/// Nitrogen oxides, as NO2, and particles from the exhaust.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Burden {
    /// Nitrogen oxides.
    pub nox: f64,
    /// Particles.
    pub particles: f64,
}

impl Burden {
    fn add(&mut self, other: Self, factor: f64) {
        self.nox += other.nox * factor;
        self.particles += other.particles * factor;
    }
}

/// The air beside a road.
#[derive(Debug, Clone, PartialEq)]
pub struct RoadAir {
    /// The road.
    pub road: EdgeId,
    /// Its length.
    pub length: Distance,
    /// What was given off on it in the measured time [g].
    pub emitted: Burden,
    /// What all roads add beside it, mean of every hour [µg/m³].
    pub added: Vec<Burden>,
}

/// The air beside the roads.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Air {
    /// How much of each hour from the measured start on was seen [s]; the last may be shorter than an hour.
    pub hours: Vec<u32>,
    /// Every road that one of the engines may use, in the order of the network.
    pub roads: Vec<RoadAir>,
}

#[derive(Debug)]
pub(super) struct Watch {
    wind: Wind,
    edge_of: Vec<EdgeId>,
    /// The engines there are.
    engines: Vec<Engine>,
    /// Place of a vehicle's engine among them, by its row.
    engine: Vec<Option<u8>>,
    /// Classes that have one.
    classes: Vec<VehicleClass>,
    /// Of each edge and engine in this hour, vehicle-seconds [s] and distance driven [m].
    sums: Vec<(f64, f64)>,
    /// When the first hour begins.
    from: SimTime,
    seconds: u32,
    /// Of each hour that is over, how long it was seen [s] and what each edge gave off [g].
    hours: Vec<(u32, Vec<Burden>)>,
}

impl Watch {
    pub(super) fn new(network: &Network, demand: &Demand, from: SimTime, wanted: &AirWanted) -> Self {
        let mut engines: Vec<Engine> = wanted.engines.iter().flatten().copied().collect();
        engines.sort();
        engines.dedup();
        let place = |engine: &Engine| engines.binary_search(engine).ok().and_then(|at| u8::try_from(at).ok());
        let places: Vec<Option<u8>> = wanted.engines.iter().map(|one| one.as_ref().and_then(place)).collect();
        let of = |kind: crate::primitives::ids::KindId| places.get(kind.index()).copied().flatten();
        let kinds = demand.kinds.iter().zip(&wanted.engines);
        Self {
            wind: Wind::new(wanted.wind, wanted.wind_from),
            edge_of: network.lanes.iter().map(|lane| lane.edge).collect(),
            engine: demand.vehicles.iter().map(|vehicle| of(vehicle.kind)).collect(),
            classes: kinds.filter(|(_, engine)| engine.is_some()).map(|(kind, _)| kind.class).collect(),
            sums: vec![(0.0, 0.0); network.edges.len() * engines.len()],
            engines,
            from,
            seconds: 0,
            hours: Vec::new(),
        }
    }

    pub(super) fn look(&mut self, time: SimTime, vehicles: &[VehicleInstant]) {
        // What is seen at a moment was driven in the second before it.
        if time <= self.from {
            return;
        }
        let hour = usize::try_from(((time - self.from).as_milliseconds() - 1) / (HOUR * 1000)).unwrap_or(0);
        while self.hours.len() < hour {
            self.close();
        }
        self.seconds += 1;
        for one in vehicles {
            let Some(Some(engine)) = self.engine.get(one.vehicle.index()) else { continue };
            let edge = self.edge_of[one.lane.index()].index();
            let sum = &mut self.sums[edge * self.engines.len() + usize::from(*engine)];
            sum.0 += 1.0;
            sum.1 += one.speed;
        }
    }

    /// Ends an hour.
    fn close(&mut self) {
        let given_off = |sums: &[(f64, f64)]| {
            let mut burden = Burden::default();
            for (engine, &(seconds, metres)) in self.engines.iter().zip(sums).filter(|(_, sum)| sum.1 > 0.0) {
                let speed = Speed::metres_per_second(metres / seconds);
                let grams = |substance| {
                    factor(*engine, substance, speed).map_or(0.0, |factor| factor.grams_per_kilometre * metres / 1000.0)
                };
                let of =
                    Burden { nox: grams(Substance::NitrogenOxides), particles: grams(Substance::ExhaustParticles) };
                burden.add(of, 1.0);
            }
            burden
        };
        let edges = self.sums.chunks(self.engines.len().max(1)).map(given_off).collect();
        self.hours.push((self.seconds, edges));
        self.sums.fill((0.0, 0.0));
        self.seconds = 0;
    }

    pub(super) fn finish(mut self, network: &Network) -> Air {
        if self.seconds > 0 {
            self.close();
        }
        let hours = self.hours;
        let emits = |edge: EdgeId| {
            hours.iter().any(|(_, edges)| edges.get(edge.index()).is_some_and(|burden| *burden != Burden::default()))
        };
        let pieces = Pieces::new(network, emits);
        let is_open = |edge: &Edge| {
            edge.lane_ids().any(|lane| self.classes.iter().any(|class| network.lane(lane).allowed.contains(*class)))
        };
        let roads = network.roads().filter(|(_, edge)| is_open(edge)).map(|(road, edge)| {
            let mut added = vec![Burden::default(); hours.len()];
            for place in beside(network, edge) {
                let here = at(place, &pieces, self.wind, &hours);
                for (added, here) in added.iter_mut().zip(here) {
                    added.nox = added.nox.max(here.nox);
                    added.particles = added.particles.max(here.particles);
                }
            }
            let mut emitted = Burden::default();
            for burden in hours.iter().filter_map(|(_, edges)| edges.get(road.index())) {
                emitted.add(*burden, 1.0);
            }
            RoadAir { road, length: edge.length, emitted, added }
        });
        let roads = roads.collect();
        Air { hours: hours.iter().map(|hour| hour.0).collect(), roads }
    }
}

/// The two places beside a road.
fn beside(network: &Network, edge: &Edge) -> Vec<Point> {
    let mut lanes = edge.lane_ids();
    let Some(kerb) = lanes.next() else { return Vec::new() };
    let shape = &network.lane(kerb).shape;
    let (near, along) = shape.place_at(shape.length() / 2.0);
    let far = lanes.next_back().map_or(near, |lane| {
        let shape = &network.lane(lane).shape;
        shape.point_at(shape.length() / 2.0)
    });
    let middle = nalgebra::center(&near, &far);
    let right = nalgebra::Vector2::new(along.y, -along.x) * BESIDE;
    vec![middle + right, middle - right]
}

/// What all pieces add at a place in every hour [µg/m³].
fn at(place: Point, pieces: &Pieces, wind: Wind, hours: &[(u32, Vec<Burden>)]) -> Vec<Burden> {
    let mut added = vec![Burden::default(); hours.len()];
    for piece in pieces.around(place) {
        let factor = wind.plume(&piece) * piece.share;
        if factor > 0.0 {
            for (added, (seconds, edges)) in added.iter_mut().zip(hours) {
                added.add(edges[piece.edge as usize], factor / f64::from((*seconds).max(1)) * 1e6);
            }
        }
    }
    added
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{crossing, seen, travellers};
    use super::*;
    use crate::city::network::dispersion::surroundings;

    fn wanted(engine: Option<Engine>) -> AirWanted {
        AirWanted { engines: vec![engine], wind: Speed::metres_per_second(3.0), wind_from: 180.0 }
    }

    /// `cars` cars at 36 km/h on the road from the west for ten of every twenty seconds.
    fn watched(cars: usize, seconds: u32, engine: Option<Engine>) -> Air {
        let (network, demand) = (crossing(), travellers(9));
        assert!(demand.kinds.iter().all(|kind| kind.class == VehicleClass::Passenger));
        let wanted = AirWanted { engines: vec![engine; demand.kinds.len()], ..wanted(engine) };
        let mut watch = Watch::new(&network, &demand, SimTime::seconds(7.0 * 3600.0), &wanted);
        // The moment at which it begins belongs to what was before.
        watch.look(SimTime::seconds(7.0 * 3600.0), &[seen(0, 0, 50.0, 10.0)]);
        for second in 0..seconds {
            let there: Vec<_> = (0..cars).map(|car| seen(car, 0, 50.0, 10.0)).collect();
            let shown = if second % 20 < 10 { &there[..] } else { &[] };
            watch.look(SimTime::seconds(f64::from(7 * 3600 + second + 1)), shown);
        }
        watch.finish(&network)
    }

    /// A car that drives 10 m/s for half of the time gives off the curve's grams over 5 m in each second, and beside the road there is
    /// what the stations' formula makes of it at the same place.
    #[test]
    fn beside_a_road_is_what_a_station_there_would_be_given() {
        let engine = Engine::DieselCarEuro5;
        let air = watched(3, 1_200, Some(engine));
        let network = crossing();
        let west = network.find_edge("west").expect("west");
        let road = air.roads.iter().find(|road| road.road == west).expect("west");
        let of = |substance| {
            factor(engine, substance, Speed::kilometres_per_hour(36.0)).expect("a curve").grams_per_kilometre
        };
        let per_second = 3.0 * 5.0 / 1000.0;
        let near = |a: f64, b: f64| assert!((a - b).abs() <= 1e-9 * b.abs(), "{a} is not {b}");
        near(road.emitted.nox, of(Substance::NitrogenOxides) * per_second * 1_200.0);
        near(road.emitted.particles, of(Substance::ExhaustParticles) * per_second * 1_200.0);
        // The wind is from the south: the northern side has it.
        let place = Point::new(50.0, -1.6 + BESIDE);
        let (pieces, edges) = surroundings(&network, place);
        let wind = Wind::new(Speed::metres_per_second(3.0), 180.0);
        let factor: f64 = pieces
            .iter()
            .filter(|piece| edges[piece.edge as usize] as usize == west.index())
            .map(|piece| wind.plume(piece) * piece.share)
            .sum();
        near(road.added[0].nox, of(Substance::NitrogenOxides) * per_second * factor * 1e6);
        assert!(road.added[0].nox > 1.0, "{:?}", road.added);
        assert_eq!(air.hours, [1_200]);
        // It blows away from the road that comes from there.
        let south = air.roads.iter().find(|road| network.edge(road.road).name == "south").expect("south");
        assert!(south.added[0].nox < road.added[0].nox / 10.0 && south.emitted == Burden::default());
    }

    #[test]
    fn hours_count_from_the_start_and_half_the_traffic_is_half_the_burden() {
        let two = watched(2, 5_400, Some(Engine::PetrolCarEuro6));
        let one = watched(1, 5_400, Some(Engine::PetrolCarEuro6));
        assert_eq!(two.hours, [3_600, 1_800]);
        for (two, one) in two.roads.iter().zip(&one.roads) {
            for hour in 0..2 {
                assert!((two.added[hour].nox - 2.0 * one.added[hour].nox).abs() <= 1e-9 * two.added[hour].nox);
            }
            assert!((two.added[0].nox - two.added[1].nox).abs() <= 1e-9 * two.added[0].nox, "the same in both");
        }
        assert!(two.roads.iter().any(|road| road.added[0].nox > 0.0));
    }

    #[test]
    fn without_an_engine_there_is_nothing() {
        let air = watched(2, 60, None);
        assert!(air.roads.is_empty() && air.hours == [60]);
    }
}
