//! Two streets that cross, and scenes of who drives there: a city as small as one can be that lies in several tiles of the map.

use std::sync::Arc;

use citytwin::api::port::{Scene, SceneTotals, SceneVehicle};
use citytwin::city::network::bare::{BareControl, BareLane, BareMap, BareNode, BareRoad, Markings};
use citytwin::city::network::{Network, Projection};
use citytwin::primitives::{ClassSet, Distance, Point, Polyline, SimTime, Speed, VehicleClass};

/// Two streets of six kilometres that cross at signals.
pub(crate) fn cross() -> Arc<Network> {
    let at = [
        ("west", -3000.0, 0.0),
        ("east", 3000.0, 0.0),
        ("middle", 0.0, 0.0),
        ("south", 0.0, -3000.0),
        ("north", 0.0, 3000.0),
    ];
    let node = |&(name, x, y): &(&str, f64, f64)| BareNode {
        name: name.to_owned(),
        position: Point::new(x, y),
        control: if name == "middle" { BareControl::Signal } else { BareControl::Automatic },
    };
    let nodes: Vec<BareNode> = at.iter().map(node).collect();
    let road = |(from, to): (usize, usize)| BareRoad {
        name: format!("{}--{}", nodes[from].name, nodes[to].name),
        street: None,
        from,
        to,
        line: Polyline::new(vec![nodes[from].position, nodes[to].position]),
        centred: false,
        lanes: vec![BareLane { width: Distance::metres(3.2), allowed: ClassSet::ALL }; 2],
        speed: Speed::metres_per_second(14.0),
        priority: 1,
        road_type: None,
    };
    let map = BareMap {
        roads: [(0, 2), (2, 1), (3, 2), (2, 4)].map(road).to_vec(),
        nodes,
        turn_bans: Vec::new(),
        markings: Markings::default(),
        left_hand: false,
        projection: Projection::Equirectangular { origin: (11.5, 48.1) },
    };
    Arc::new(map.build().expect("it builds"))
}

/// So many vehicles at a tick: they drive on along the eight lanes, and now and then one is not there.
pub(crate) fn traffic(count: u32, tick: u64) -> Vec<SceneVehicle> {
    let there = |number: &u32| !(u64::from(*number) + tick).is_multiple_of(97);
    #[expect(clippy::cast_precision_loss, reason = "a test has few ticks")]
    let position = |number: u32| (number as f32 * 17.3 + tick as f32 * 1.37) % 2900.0;
    let vehicle = |number: u32| SceneVehicle {
        number,
        lane: number % 8,
        position: position(number),
        speed: 13.7,
        class: VehicleClass::Passenger,
        siren: false,
        at_stop: false,
    };
    (0..count).filter(there).map(vehicle).collect()
}

/// A scene at a tick, one second of the city after the one before.
pub(crate) fn scene(tick: u64, vehicles: Vec<SceneVehicle>) -> Scene {
    let running = u32::try_from(vehicles.len()).expect("a test has few vehicles");
    Scene {
        tick,
        #[expect(clippy::cast_precision_loss, reason = "a test has few ticks")]
        time: SimTime::seconds(tick as f64),
        speed: Some(1.0),
        vehicles: Arc::new(vehicles),
        signals: Arc::new(vec!["GGrr".to_owned()]),
        totals: SceneTotals { running, ..SceneTotals::default() },
        ..Scene::default()
    }
}
