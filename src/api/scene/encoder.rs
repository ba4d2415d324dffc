//! From scenes to payloads: everybody is put into a tile once for a scene, and a payload is made once, when somebody first wants it.
//!
//! The last scenes are kept, so that a delta can be made from whichever frame a reader has: who gets every frame wants one from the
//! scene before, who gets every second one from two scenes before. Readers who have the same frames share the same delta.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use super::bytes::Packer;
use super::columns::{Columns, Mote, Scratch, delta};
use super::frame::{Entry, Head, Payload};
use super::ground::TileId;
use super::tracks::Tracks;
use crate::api::port::{Scene, SceneVehicle};

/// Scenes kept: who gets every tenth has the one before, and the one before that.
const SCENES_MAX: usize = 21;
/// Vehicles in kept scenes, all together; a larger city keeps fewer scenes, but never fewer than three.
const ROWS_MAX: usize = 4_000_000;
/// Different deltas of a tile from one scene; who would need one more is told everything.
const DELTAS_MAX: u8 = 4;
/// Positions are told in multiples of so many units of a tile, 30 cm at the equator and 20 cm at 48°: less would be noise on every
/// screen, and costs bytes.
const GRAIN: u16 = 8;

/// Everybody at one scene, by tile.
#[derive(Debug)]
struct Kept {
    number: u64,
    tiles: BTreeMap<TileId, Columns>,
    rows: usize,
}

/// What a reader has of a tile, and so what a delta can be made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Has {
    /// The scene it was last told of.
    pub base: u64,
    /// The scene it was told of before, from where to foresee; none where the last was told in full.
    pub before: Option<u64>,
}

/// What was made and what it came to, since the encoder was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Made {
    /// Scenes put into tiles.
    pub scenes: u64,
    /// Keys made.
    pub keys: u64,
    /// Deltas made.
    pub deltas: u64,
    /// Bytes of both as they are sent.
    pub bytes: u64,
}

/// Makes payloads of the scenes of a session.
#[derive(Debug)]
pub struct Encoder {
    placer: Placer,
    kept: VecDeque<Kept>,
    /// Payloads of the newest scene.
    payloads: BTreeMap<(TileId, Option<Has>), Payload>,
    head: Option<Head>,
    /// Number of the next scene.
    next: u64,
    episode: u32,
    packer: Packer,
    scratch: Scratch,
    raw: Vec<u8>,
    made: Made,
}

impl Encoder {
    /// For scenes on these tracks.
    pub fn new(tracks: Arc<Tracks>) -> Self {
        Self {
            placer: Placer::new(tracks),
            kept: VecDeque::new(),
            payloads: BTreeMap::new(),
            head: None,
            next: 0,
            episode: 0,
            packer: Packer::new(),
            scratch: Scratch::default(),
            raw: Vec::new(),
            made: Made::default(),
        }
    }

    /// Takes a scene in; from now on payloads are made of it.
    pub fn take(&mut self, scene: &Scene) {
        let number = self.next;
        if self.head.is_none() || scene.episode != self.episode {
            self.kept.clear();
            self.episode = scene.episode;
        }
        let tiles = self.placer.place(&scene.vehicles);
        self.kept.push_back(Kept { number, tiles, rows: scene.vehicles.len() });
        let mut rows: usize = self.kept.iter().map(|kept| kept.rows).sum();
        while self.kept.len() > SCENES_MAX || (rows > ROWS_MAX && self.kept.len() > 3) {
            rows -= self.kept.pop_front().map_or(0, |kept| kept.rows);
        }
        self.payloads.clear();
        self.made.scenes += 1;
        self.head = Some(head(scene));
        self.next = number + 1;
    }

    /// Number of the newest scene, counted here from 0 without gaps; none before the first.
    pub const fn number(&self) -> Option<u64> {
        self.next.checked_sub(1)
    }

    /// What the newest scene says of the whole city; not anew.
    pub const fn head(&self) -> Option<Head> {
        self.head
    }

    /// Grows when nobody moved from the scene before to this one.
    pub const fn episode(&self) -> u32 {
        self.episode
    }

    /// The tiles of the newest scene in which somebody is.
    pub fn tiles(&self) -> impl Iterator<Item = (TileId, &Columns)> {
        self.kept.back().into_iter().flat_map(|kept| kept.tiles.iter().map(|(&tile, columns)| (tile, columns)))
    }

    /// What was made so far.
    pub const fn made(&self) -> Made {
        self.made
    }

    /// What becomes of a tile for a reader who has this of it: changes where they can be told, else everything.
    pub fn entry(&mut self, tile: TileId, has: Option<Has>) -> Entry {
        if !self.kept.back().is_some_and(|now| now.tiles.contains_key(&tile)) {
            return Entry::Gone;
        }
        if let Some(has) = has
            && let Some(payload) = self.delta(tile, has)
        {
            return Entry::Delta(payload);
        }
        Entry::Key(self.key(tile))
    }

    fn key(&mut self, tile: TileId) -> Payload {
        if let Some(made) = self.payloads.get(&(tile, None)) {
            return Arc::clone(made);
        }
        if let Some(now) = self.kept.back().and_then(|kept| kept.tiles.get(&tile)) {
            now.key(&mut self.raw);
        }
        self.made.keys += 1;
        self.packed((tile, None))
    }

    fn delta(&mut self, tile: TileId, has: Has) -> Option<Payload> {
        let place = (tile, Some(has));
        if let Some(made) = self.payloads.get(&place) {
            return Some(Arc::clone(made));
        }
        let at = |number: u64| self.kept.iter().find(|kept| kept.number == number)?.tiles.get(&tile);
        let (base, now) = (at(has.base)?, self.kept.back()?.tiles.get(&tile)?);
        // A reader foresees from the frame before; where that is no longer known here, neither can be told.
        let before = match has.before {
            Some(number) if self.kept.front().is_some_and(|oldest| oldest.number <= number) => at(number),
            Some(_) => return None,
            None => None,
        };
        let first = (tile, Some(Has { base: 0, before: None }));
        let others = self.payloads.range(first..).take_while(|((other, _), _)| *other == tile).count();
        if others >= usize::from(DELTAS_MAX) {
            return None;
        }
        delta(base, before, now, &mut self.scratch, &mut self.raw);
        self.made.deltas += 1;
        Some(self.packed(place))
    }

    fn packed(&mut self, place: (TileId, Option<Has>)) -> Payload {
        let payload: Payload = Arc::from(self.packer.pack(&self.raw));
        self.made.bytes += payload.len() as u64;
        self.payloads.insert(place, Arc::clone(&payload));
        payload
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "ticks go round after thirteen years, and speeds have a few digits"
)]
fn head(scene: &Scene) -> Head {
    let speed = if scene.paused { 0.0 } else { scene.speed.map_or(f32::INFINITY, |factor| factor as f32) };
    Head {
        anew: false,
        tick: scene.tick as u32,
        time_s: scene.time.as_seconds(),
        speed,
        vehicles: u32::try_from(scene.vehicles.len()).unwrap_or(u32::MAX),
    }
}

/// Puts vehicles into tiles.
#[derive(Debug)]
struct Placer {
    tracks: Arc<Tracks>,
    /// Tiles that somebody has been in, in the order in which they were found, and back.
    tiles: Vec<TileId>,
    slots: HashMap<TileId, u32>,
    /// For a lane that lies in one tile, where that tile stands in `tiles`.
    lanes: Vec<Option<u32>>,
    placed: Vec<(u32, Mote)>,
}

impl Placer {
    fn new(tracks: Arc<Tracks>) -> Self {
        let lanes = vec![None; tracks.lanes()];
        Self { tracks, tiles: Vec::new(), slots: HashMap::new(), lanes, placed: Vec::new() }
    }

    /// Who is in which tile. Vehicles on lanes that are not there, and those whose number came before, are left out.
    fn place(&mut self, vehicles: &[SceneVehicle]) -> BTreeMap<TileId, Columns> {
        self.placed.clear();
        let mut last = None;
        for vehicle in vehicles {
            let Some(spot) = self.tracks.spot(vehicle.lane, vehicle.position) else { continue };
            debug_assert!(last < Some(vehicle.number), "vehicles of a scene come by number");
            if last >= Some(vehicle.number) {
                continue;
            }
            last = Some(vehicle.number);
            let slot = self.slot(vehicle.lane, spot.tile());
            let inside = |place: u32| u16::try_from(place & 0xffff).unwrap_or_default() / GRAIN * GRAIN;
            let mote = Mote {
                id: vehicle.number,
                x: inside(spot.x),
                y: inside(spot.y),
                heading: spot.heading,
                speed: quarters(vehicle.speed),
                kind: (vehicle.class as u8).min(31) | u8::from(vehicle.siren) << 5 | u8::from(vehicle.at_stop) << 6,
            };
            self.placed.push((slot, mote));
        }
        let mut counts = vec![0_usize; self.tiles.len()];
        for &(slot, _) in &self.placed {
            counts[slot as usize] += 1;
        }
        let mut columns: Vec<Columns> = counts.iter().map(|&count| Columns::with_capacity(count)).collect();
        for &(slot, mote) in &self.placed {
            columns[slot as usize].push(mote);
        }
        self.tiles.iter().copied().zip(columns).filter(|(_, columns)| !columns.is_empty()).collect()
    }

    /// Where a tile stands in `tiles`; remembered for lanes that lie in one.
    fn slot(&mut self, lane: u32, tile: TileId) -> u32 {
        if let Some(&Some(slot)) = self.lanes.get(lane as usize) {
            return slot;
        }
        let next = u32::try_from(self.tiles.len()).unwrap_or(u32::MAX);
        let slot = *self.slots.entry(tile).or_insert(next);
        if slot == next {
            self.tiles.push(tile);
        }
        if self.tracks.home(lane).is_some() {
            self.lanes[lane as usize] = Some(slot);
        }
        slot
    }
}

/// A speed [m/s] in quarters, at most 255.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "kept between 0 and 255")]
fn quarters(speed: f32) -> u8 {
    (speed * 4.0).round().clamp(0.0, 255.0) as u8
}
