//! Frames for the map, measured: what a scene of a large city costs to put into tiles, to pack, and to read, and how many bytes it is.
//!
//! `cargo bench --bench frames` runs the grid city with 50,000 vehicles for 400 s in steps of a second, and then makes frames of forty scenes
//! for a reader who sees everything and acknowledges every one. A number is another count of vehicles, `fine` takes steps of a
//! tenth of a second. `tests/bench_frames.rs` runs it small.
#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]

#[path = "../tests/common/grid.rs"]
pub(crate) mod grid;
#[path = "measure/mod.rs"]
#[allow(dead_code, reason = "each bench uses its part of it")]
mod measure;
#[path = "../tests/common/town.rs"]
#[allow(dead_code, reason = "each bench uses its part of it")]
mod town;

use std::sync::Arc;

use citytwin::api::port::{Scene, SceneVehicle};
use citytwin::api::scene::{Bounds, Encoder, Occasion, Picture, Tracks, View};
use citytwin::city::scenario::settings::RunSettings;
use citytwin::primitives::{SimDuration, SimTime, VehicleClass};
use citytwin::simulation::City;
use grid::Grid;
use measure::{cpu_seconds, ratio};

/// Scenes that frames are made of.
const SCENES: u32 = 40;

/// What frames came to, for a vehicle of a scene.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// Vehicles of a scene, and how many of them move.
    pub(crate) vehicles: f64,
    pub(crate) moving: f64,
    /// CPU time of putting it into its tile, of telling and packing it, and of reading it again [ns].
    pub(crate) place: f64,
    pub(crate) pack: f64,
    pub(crate) read: f64,
    /// Bytes in a key, and in a delta.
    pub(crate) key: f64,
    pub(crate) delta: f64,
}

fn scene(city: &City, tick: u64) -> Scene {
    #[expect(clippy::cast_possible_truncation, reason = "a position on a lane and a speed need no more")]
    let shown = |one: &citytwin::simulation::outcome::VehicleInstant| SceneVehicle {
        number: one.vehicle.raw(),
        lane: one.lane.raw(),
        position: one.position as f32,
        speed: one.speed as f32,
        class: VehicleClass::Passenger,
        siren: false,
        at_stop: false,
    };
    let mut vehicles: Vec<SceneVehicle> = city.vehicles().iter().map(shown).collect();
    vehicles.sort_unstable_by_key(|one| one.number);
    Scene { tick, time: city.time(), speed: Some(10.0), vehicles: Arc::new(vehicles), ..Scene::default() }
}

/// Frames of a grid city with so many vehicles, who have all entered after `begin`.
pub(crate) fn frames(vehicles: usize, step: f64, begin: f64) -> Cost {
    let signals = (vehicles * 2 / 29).isqrt().max(3) + 1;
    let grid = Grid { signals, block: 300.0, blocks: (signals * 2 / 5).max(1), vehicles, horizon: begin * 0.9 };
    let people = grid.peopled();
    let step = SimDuration::seconds(step);
    let mut city = City::assemble(&people.network, &people.demand, RunSettings { step, ..RunSettings::default() });
    while city.time() < SimTime::seconds(begin) {
        city.step();
    }
    let mut encoder = Encoder::new(Arc::new(Tracks::of(&people.network)));
    let mut view = View::new(Bounds::new([-180.0, -85.0, 180.0, 85.0]), 10);
    let mut picture = Picture::default();
    let (mut spent, mut bytes, mut counts) = ([0.0; 3], Vec::new(), (0, 0));
    for tick in 0..SCENES {
        city.step();
        let scene = scene(&city, u64::from(tick));
        counts.0 += scene.vehicles.len();
        counts.1 += scene.vehicles.iter().filter(|one| one.speed > 0.1).count();
        let mut clock = cpu_seconds();
        let mut lap = |into: &mut f64| {
            let now = cpu_seconds();
            *into += now - clock;
            clock = now;
        };
        encoder.take(&scene);
        lap(&mut spent[0]);
        let message = view.frame(&mut encoder, Occasion::Fresh).expect("every scene is due").message();
        lap(&mut spent[1]);
        let (head, _) = picture.apply(&message).expect("what was made can be read");
        lap(&mut spent[2]);
        view.acknowledge(head.tick);
        bytes.push(message.len());
    }
    assert_eq!(picture.vehicles(), city.vehicles().len(), "somebody is not shown");
    let all = ratio(counts.0, 1);
    let each = |seconds: f64| seconds * 1e9 / all;
    let scenes = f64::from(SCENES);
    Cost {
        vehicles: all / scenes,
        moving: ratio(counts.1, 1) / scenes,
        place: each(spent[0]),
        pack: each(spent[1]),
        read: each(spent[2]),
        key: ratio(bytes[0], 1) * scenes / all,
        // The second frame foresees nothing yet.
        delta: ratio(bytes[2..].iter().sum(), bytes.len() - 2) * scenes / all,
    }
}

pub(crate) fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let vehicles = words.iter().find_map(|word| word.parse().ok()).unwrap_or(50_000);
    let step = if words.iter().any(|word| word == "fine") { 0.1 } else { 1.0 };
    let cost = frames(vehicles, step, 400.0);
    println!("{:.0} vehicles, {:.0} of them moving, steps of {step} s", cost.vehicles, cost.moving);
    println!("a vehicle: {:.0} ns to place, {:.0} ns to pack, {:.0} ns to read", cost.place, cost.pack, cost.read);
    println!(
        "a vehicle: {:.2} bytes in a key, {:.2} in a delta; {:.2} MB/s for ten frames a second",
        cost.key,
        cost.delta,
        cost.delta * cost.vehicles * 10.0 / 1e6
    );
}
