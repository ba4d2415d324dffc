//! Readers of every kind see what the scenes were: who is there, who came and left, after jumps and after frames they missed.

use std::collections::BTreeMap;
use std::sync::Arc;

use citytwin::api::port::{Scene, SceneVehicle};
use citytwin::api::scene::{Bounds, Columns, Encoder, Made, Occasion, Parts, Picture, TileId, Tracks, View};
use citytwin::primitives::VehicleClass;
use proptest::prelude::*;

use super::watched::cross;

fn scene(tick: u64, episode: u32, vehicles: Vec<SceneVehicle>) -> Scene {
    Scene { episode, ..super::watched::scene(tick, vehicles) }
}

/// A vehicle of which only number, lane and position matter.
fn vehicle(number: u32, lane: u32, position: f32) -> SceneVehicle {
    SceneVehicle { number, lane, position, speed: 13.9, class: VehicleClass::Passenger, siren: false, at_stop: false }
}

/// A reader: what it is told, and what it makes of it.
struct Reader {
    view: View,
    picture: Picture,
    /// Ticks of frames that it has not acknowledged.
    owed: Vec<u32>,
}

impl Reader {
    fn new(bounds: Option<Bounds>, rate: u8) -> Self {
        Self { view: View::new(bounds, rate), picture: Picture::default(), owed: Vec::new() }
    }

    /// Takes the next frame, if there is one, and checks that it shows what the scene has.
    fn look(&mut self, encoder: &mut Encoder, occasion: Occasion) -> Option<Parts> {
        let parts = self.view.frame(encoder, occasion)?;
        let (head, told) = self.picture.apply(&parts.message()).expect("what is sent can be read");
        assert_eq!(head, parts.head);
        let modes = parts.tiles.iter().filter(|(tile, _)| self.picture.tiles().contains_key(tile)).count();
        assert_eq!(told.keys as usize + told.deltas as usize, modes);
        let bounds = self.view.bounds().expect("who looks at nothing is sent nothing");
        let expected: BTreeMap<TileId, &Columns> = encoder.tiles().filter(|(tile, _)| bounds.meets(*tile)).collect();
        let shown: BTreeMap<TileId, &Columns> =
            self.picture.tiles().iter().map(|(tile, shown)| (*tile, &shown.now)).collect();
        assert_eq!(shown, expected);
        self.owed.push(head.tick);
        Some(parts)
    }

    fn acknowledge(&mut self) {
        for tick in self.owed.drain(..) {
            self.view.acknowledge(tick);
        }
    }
}

fn everywhere() -> Option<Bounds> {
    Bounds::new([-180.0, -85.0, 180.0, 85.0])
}

/// What happens to the vehicles from one scene to the next.
#[derive(Debug, Clone)]
struct Change {
    /// Who drives, by place in a pool of numbers: lane and position.
    vehicles: BTreeMap<usize, (u32, f32)>,
    jump: bool,
    /// For each reader: whether it acknowledges, and where it looks from now on.
    readers: Vec<(bool, Option<[f64; 4]>)>,
    /// Whether the city then stands still for a while.
    still: bool,
}

const NUMBERS: [u32; 8] = [0, 1, 127, 128, 70_000, 1 << 31, u32::MAX - 1, u32::MAX];

fn change() -> impl Strategy<Value = Change> {
    let vehicles = prop::collection::btree_map(0..NUMBERS.len(), (0_u32..8, 0.0_f32..3000.0), 0..NUMBERS.len());
    let west = 11.44_f64..11.52;
    let place = (west, 48.08_f64..48.12, 0.0_f64..0.05).prop_map(|(w, s, side)| [w, s, w + side, s + side]);
    let reader = (prop::bool::weighted(0.8), prop::option::weighted(0.1, place));
    let readers = prop::collection::vec(reader, 4..=4);
    (vehicles, prop::bool::weighted(0.05), readers, prop::bool::weighted(0.1))
        .prop_map(|(vehicles, jump, readers, still)| Change { vehicles, jump, readers, still })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_reader_sees_the_scene_it_is_told_of(changes in prop::collection::vec(change(), 1..40)) {
        let tracks = Arc::new(Tracks::of(&cross()));
        let mut encoder = Encoder::new(tracks);
        let mut readers: Vec<Reader> = [10, 10, 5, 1].map(|rate| Reader::new(everywhere(), rate)).into();
        let mut episode = 0;
        for (tick, change) in (1..).zip(&changes) {
            episode += u32::from(change.jump);
            let vehicles = change.vehicles.iter().map(|(&place, &(lane, position))| vehicle(NUMBERS[place], lane, position));
            encoder.take(&scene(tick, episode, vehicles.collect()));
            for (reader, (acknowledges, place)) in readers.iter_mut().zip(&change.readers) {
                if let Some(place) = place {
                    reader.view.look(Bounds::new(*place));
                }
                reader.look(&mut encoder, Occasion::Fresh);
                if *acknowledges {
                    reader.acknowledge();
                }
                if change.still {
                    reader.acknowledge();
                    reader.look(&mut encoder, Occasion::Idle);
                    prop_assert!(!reader.view.is_behind(&encoder), "nothing is under way, and nothing new comes");
                }
            }
        }
    }
}

/// Many vehicles that drive on, some of which leave and enter.
fn stream(tick: u64) -> Vec<SceneVehicle> {
    let there = |number: &u32| !(u64::from(*number) + tick).is_multiple_of(50);
    #[expect(clippy::cast_precision_loss, reason = "a test has few ticks")]
    let at = |number: u32| (number as f32 * 17.3 + tick as f32 * 1.37) % 2900.0;
    (0..400).filter(there).map(|number| vehicle(number * 3, number % 8, at(number))).collect()
}

#[test]
fn a_payload_is_made_once_however_many_look() {
    let mut encoder = Encoder::new(Arc::new(Tracks::of(&cross())));
    let mut readers: Vec<Reader> = (0..200).map(|_| Reader::new(everywhere(), 10)).collect();
    let mut made = Vec::new();
    for tick in 1..=10 {
        encoder.take(&scene(tick, 0, stream(tick)));
        for reader in &mut readers {
            assert!(reader.look(&mut encoder, Occasion::Fresh).is_some());
            reader.acknowledge();
        }
        made.push(encoder.made());
    }
    let tiles = encoder.tiles().count() as u64;
    assert!(tiles >= 5, "{tiles}");
    let per_scene = |at: usize| (made[at].keys - made[at - 1].keys, made[at].deltas - made[at - 1].deltas);
    assert_eq!((made[0].keys, made[0].deltas), (tiles, 0), "the first is told in full");
    for at in 1..10 {
        assert_eq!(per_scene(at), (0, tiles), "then changes only, each once for all two hundred");
    }
    assert_eq!(made[9].scenes, 10);
}

#[test]
fn readers_of_other_paces_cost_a_delta_each_and_no_keys() {
    let mut encoder = Encoder::new(Arc::new(Tracks::of(&cross())));
    let mut readers: Vec<Reader> = [10, 5, 2, 1, 10, 5, 2, 1].map(|rate| Reader::new(everywhere(), rate)).into();
    let (mut frames, mut settled) = ([0; 8], Made::default());
    for tick in 1..=61 {
        encoder.take(&scene(tick, 0, stream(tick)));
        for (reader, frames) in readers.iter_mut().zip(&mut frames) {
            *frames += usize::from(reader.look(&mut encoder, Occasion::Fresh).is_some());
            reader.acknowledge();
        }
        if tick == 31 {
            settled = encoder.made();
        }
    }
    assert_eq!(frames, [61, 31, 13, 7, 61, 31, 13, 7]);
    let (tiles, made) = (encoder.tiles().count() as u64, encoder.made());
    assert_eq!(made.keys - settled.keys, 0);
    // In thirty scenes: 30 from the one before, 15 from two before, 6 from five, 3 from ten.
    assert_eq!(made.deltas - settled.deltas, (30 + 15 + 6 + 3) * tiles);
}

#[test]
fn who_does_not_acknowledge_has_two_frames_under_way_and_then_the_latest() {
    let mut encoder = Encoder::new(Arc::new(Tracks::of(&cross())));
    let mut reader = Reader::new(everywhere(), 10);
    let mut sent = Vec::new();
    for tick in 1..=30 {
        encoder.take(&scene(tick, 0, stream(tick)));
        sent.extend(reader.look(&mut encoder, Occasion::Fresh).map(|parts| parts.head.tick));
    }
    assert_eq!(sent, [1, 2], "two are under way, so there are no more");
    reader.view.acknowledge(77);
    assert!(reader.look(&mut encoder, Occasion::Idle).is_none(), "a tick that was not sent means nothing");
    reader.acknowledge();
    let latest = reader.look(&mut encoder, Occasion::Idle).expect("there is room again");
    assert_eq!(latest.head.tick, 30, "those in between are left out");
    assert!(!latest.head.anew, "what was shown is no reason to forget it");
}

#[test]
fn a_jump_is_told_from_the_beginning() {
    let mut encoder = Encoder::new(Arc::new(Tracks::of(&cross())));
    let mut reader = Reader::new(everywhere(), 10);
    for (tick, episode, anew) in [(1, 0, true), (2, 0, false), (3, 1, true), (4, 1, false)] {
        encoder.take(&scene(tick, episode, stream(tick)));
        let parts = reader.look(&mut encoder, Occasion::Fresh).expect("a frame");
        reader.acknowledge();
        assert_eq!(parts.head.anew, anew, "{tick}");
    }
}

#[test]
fn only_tiles_that_are_looked_at_are_sent_and_made() {
    let mut encoder = Encoder::new(Arc::new(Tracks::of(&cross())));
    let mut reader = Reader::new(Bounds::new([11.50, 48.10, 11.501, 48.101]), 10);
    encoder.take(&scene(1, 0, stream(1)));
    let first = reader.look(&mut encoder, Occasion::Fresh).expect("a frame");
    assert_eq!((first.tiles.len(), encoder.made().keys), (1, 1));
    reader.acknowledge();
    // The map is moved while the city stands: at once, and in full.
    reader.view.look(Bounds::new([11.47, 48.10, 11.501, 48.101]));
    assert!(reader.view.is_behind(&encoder));
    assert!(reader.look(&mut encoder, Occasion::Poked).is_none(), "the next scene may come at once");
    let moved = reader.look(&mut encoder, Occasion::Idle).expect("a frame");
    assert!(moved.head.anew && moved.head.tick == 1 && moved.tiles.len() > 1);
    reader.acknowledge();
    assert!(reader.look(&mut encoder, Occasion::Idle).is_none(), "nothing is new");
    // And while it moves: what is left is taken back.
    reader.view.look(Bounds::new([11.50, 48.10, 11.501, 48.101]));
    encoder.take(&scene(2, 0, stream(2)));
    let back = reader.look(&mut encoder, Occasion::Fresh).expect("a frame");
    assert!(!back.head.anew);
    assert_eq!(reader.picture.tiles().len(), 1);
    reader.view.look(None);
    encoder.take(&scene(3, 0, stream(3)));
    assert_eq!(reader.view.frame(&mut encoder, Occasion::Fresh), None);
}
