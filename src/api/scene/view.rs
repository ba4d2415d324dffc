//! What one reader looks at and has been told: which tiles, as of which scenes, and how often it takes more.

use std::collections::{BTreeMap, VecDeque};

use super::encoder::{Encoder, Has};
use super::frame::{Entry, Head, TILES_MAX, frame};
use super::ground::{Bounds, TileId};
use super::pace::Pace;

/// Frames that may be under way without having been acknowledged.
const UNDER_WAY_MAX: usize = 2;

/// A frame to be sent to one reader: its head and the tiles that follow, payloads shared.
#[derive(Debug, Clone, PartialEq)]
pub struct Parts {
    /// Of the whole city.
    pub head: Head,
    /// Tiles with somebody in them, and those that are no longer shown.
    pub tiles: Vec<(TileId, Entry)>,
}

impl Parts {
    /// The FRAME as it is sent.
    pub fn message(&self) -> Vec<u8> {
        frame(self.head, &self.tiles)
    }
}

/// Why readers are looked after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// There is a new scene.
    Fresh,
    /// Somebody looks elsewhere.
    Poked,
    /// There has been no new scene for a while.
    Idle,
}

/// What a reader looks at and has been told.
#[derive(Debug)]
pub struct View {
    bounds: Option<Bounds>,
    pace: Pace,
    /// Tiles it has, and whether it was last told everything of them.
    tiles: BTreeMap<TileId, bool>,
    /// The scene of its last frame, and of the one before.
    last: Option<u64>,
    before: Option<u64>,
    episode: Option<u32>,
    /// Ticks of the frames under way.
    under_way: VecDeque<u32>,
    /// It is to be told everything, now.
    anew: bool,
    /// It is to be told at once, because it looks elsewhere.
    hurry: bool,
}

impl View {
    /// Looks at nothing yet; takes at most so many frames a second, of ten scenes.
    pub fn new(bounds: Option<Bounds>, rate: u8) -> Self {
        Self {
            bounds,
            pace: Pace::new(rate),
            tiles: BTreeMap::new(),
            last: None,
            before: None,
            episode: None,
            under_way: VecDeque::new(),
            anew: true,
            hurry: true,
        }
    }

    /// Looks elsewhere; nothing is no place at all.
    pub fn look(&mut self, bounds: Option<Bounds>) {
        self.bounds = bounds;
        self.hurry = true;
    }

    /// What it looks at.
    pub const fn bounds(&self) -> Option<Bounds> {
        self.bounds
    }

    /// The frame of this tick was applied, and so were those before. Ticks that were not sent mean nothing.
    pub fn acknowledge(&mut self, tick: u32) {
        if let Some(place) = self.under_way.iter().rposition(|&sent| sent == tick) {
            self.under_way.drain(..=place);
            self.pace.kept_up();
        }
    }

    /// Whether it has not been told of the newest scene, or looks elsewhere since.
    pub fn is_behind(&self, encoder: &Encoder) -> bool {
        self.bounds.is_some() && (self.hurry || self.last != encoder.number())
    }

    /// The next frame, if one is due.
    ///
    /// Who looks elsewhere is told at once, unless it has the newest scene: then the next one will do while there are any, and costs
    /// less. Where no new scene comes, whoever is behind is told of the one there is.
    pub fn frame(&mut self, encoder: &mut Encoder, occasion: Occasion) -> Option<Parts> {
        let (bounds, number, head) = (self.bounds?, encoder.number()?, encoder.head()?);
        let behind = self.last != Some(number);
        let due = match occasion {
            Occasion::Fresh => self.hurry || self.pace.is_due(number),
            Occasion::Poked => self.hurry && behind,
            Occasion::Idle => self.hurry || behind,
        };
        if !due {
            return None;
        }
        if self.under_way.len() >= UNDER_WAY_MAX {
            if occasion == Occasion::Fresh {
                self.pace.fell_behind();
            }
            return None;
        }
        // A second frame of one scene tells everything: nobody can have moved.
        let anew = self.anew || self.episode != Some(encoder.episode()) || !behind;
        let mut tiles = Vec::new();
        let wanted: Vec<TileId> =
            encoder.tiles().map(|(tile, _)| tile).filter(|&tile| bounds.meets(tile)).take(TILES_MAX).collect();
        let mut had = std::mem::take(&mut self.tiles);
        for tile in wanted {
            let has = match had.remove(&tile) {
                Some(in_full) if !anew => self.last.map(|base| Has { base, before: self.before.filter(|_| !in_full) }),
                _ => None,
            };
            let entry = encoder.entry(tile, has);
            self.tiles.insert(tile, matches!(entry, Entry::Key(_)));
            tiles.push((tile, entry));
        }
        if !anew {
            tiles.extend(had.into_keys().map(|tile| (tile, Entry::Gone)));
        }
        (self.before, self.last) = (self.last, Some(number));
        self.episode = Some(encoder.episode());
        (self.anew, self.hurry) = (false, false);
        self.under_way.push_back(head.tick);
        Some(Parts { head: Head { anew, ..head }, tiles })
    }
}
