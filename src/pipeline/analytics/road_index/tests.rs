//! Fixes are given to the road the vehicle is on.

use std::sync::LazyLock;

use rand_distr::{Distribution as _, Normal};

use super::*;
use crate::city::network::invented::{CitySize, generate};
use crate::primitives::Distance;
use crate::primitives::ids::EdgeId;
use crate::primitives::random::{KeyedRng, Purpose, Seed};

/// A small invented town and its index; made once.
static TOWN: LazyLock<(Network, RoadIndex)> = LazyLock::new(|| {
    let network = generate(Seed(1), CitySize { radius: Distance::metres(700.0) }).map.build().expect("a sound town");
    let index = RoadIndex::new(&network);
    (network, index)
});

/// A point somewhere on a road, with its direction there [°].
fn somewhere(network: &Network, roads: &[EdgeId], rng: &mut KeyedRng) -> (EdgeId, Point, f64) {
    let edge = roads[rng.below(roads.len())];
    let lane = rng.below(network.edge(edge).lane_count());
    let lane = network.lane(network.edge(edge).lane_ids().nth(lane).expect("a lane"));
    let along = rng.unit() * lane.shape.length();
    let direction = lane.shape.direction_at(along);
    (edge, lane.shape.point_at(along), libm::atan2(direction.x, direction.y).to_degrees().rem_euclid(360.0))
}

/// Share of fixes with an error of `sigma` metres on each axis and headings off by 5° that are given to the right road.
fn right(sigma: f64, remembers: bool) -> f64 {
    let (network, index) = &*TOWN;
    let driven =
        |id: &EdgeId| index.find(&network.edge(*id).name).is_some() && network.edge(*id).length.as_metres() > 20.0;
    let roads: Vec<EdgeId> = network.roads().map(|(id, _)| id).filter(driven).collect();
    let mut rng = Seed(7).stream(Purpose::MapMaking, 1, 0);
    let (place, turn) = (Normal::new(0.0, sigma).expect("a spread"), Normal::new(0.0, 5.0).expect("a spread"));
    let mut hits = 0.0;
    for _ in 0..4000 {
        let (edge, point, heading) = somewhere(network, &roads, &mut rng);
        let fix = Point::new(point.x + place.sample(&mut rng), point.y + place.sample(&mut rng));
        let (lon, lat) = network.projection.to_lon_lat(fix).expect("it is on earth");
        let heading = (heading + turn.sample(&mut rng)).rem_euclid(360.0);
        let truth = index.find(&network.edge(edge).name);
        let last = truth.filter(|_| remembers);
        hits += f64::from(u8::from(index.road_at(lon, lat, Some(heading), last) == truth));
    }
    hits / 4000.0
}

/// Roads end at their junctions, a dozen metres apart, so that errors matter only beyond that. Fixes inside junctions are not
/// judged: they belong to no road.
#[test]
fn fixes_are_given_to_the_road_the_vehicle_is_on() {
    let cases = [(0.0, false, 0.999), (4.0, false, 0.99), (4.0, true, 0.99), (12.0, false, 0.95), (12.0, true, 0.95)];
    for (sigma, remembers, wanted) in cases {
        let share = right(sigma, remembers);
        assert!(share >= wanted, "σ = {sigma} m, remembering {remembers}: {share} of 1, wanted {wanted}");
    }
}

/// Without a look at the heading half of all two-way streets would be wrong.
#[test]
fn the_heading_tells_one_side_of_a_street_from_the_other() {
    let (network, index) = &*TOWN;
    let mut both = 0;
    for (_, edge) in network.roads().filter(|(_, edge)| edge.length.as_metres() > 60.0) {
        let Some(back) = network.roads().find(|(_, other)| other.from == edge.to && other.to == edge.from) else {
            continue;
        };
        let lane = network.lane(edge.lane_ids().next_back().expect("a lane"));
        let middle = lane.shape.length() / 2.0;
        let direction = lane.shape.direction_at(middle);
        let heading = libm::atan2(direction.x, direction.y).to_degrees().rem_euclid(360.0);
        let (lon, lat) = network.projection.to_lon_lat(lane.shape.point_at(middle)).expect("it is on earth");
        let found =
            |heading: f64| index.road_at(lon, lat, Some(heading), None).map(|road| index.name(road).to_string());
        if index.find(&edge.name).is_some() && index.find(&back.1.name).is_some() {
            assert_ne!(found(heading), found((heading + 180.0) % 360.0), "{}", edge.name);
            both += 1;
        }
    }
    assert!(both > 50, "{both} two-way streets were looked at");
}

#[test]
fn who_stands_keeps_its_road_and_who_is_nowhere_has_none() {
    let (network, index) = &*TOWN;
    let (_, edge) = network.roads().find(|(_, edge)| index.find(&edge.name).is_some()).expect("a road");
    let road = index.find(&edge.name);
    let middle = network.lane(edge.lane_ids().next().expect("a lane")).shape.point_at(10.0);
    let at = |dx: f64| network.projection.to_lon_lat(Point::new(middle.x + dx, middle.y)).expect("it is on earth");
    let (lon, lat) = at(3.0);
    assert_eq!(index.road_at(lon, lat, None, road), road);
    assert_eq!(index.road_at(lon, lat, None, None), None);
    let (lon, lat) = at(5000.0);
    assert_eq!(index.road_at(lon, lat, None, road), None);
    for (lon, lat) in [at(1e6), (180.0, 90.0), (-180.0, -90.0), (0.0, 0.0)] {
        assert_eq!(index.road_at(lon, lat, Some(90.0), road), None);
    }
    assert_eq!(index.find("no such road"), None);
}
