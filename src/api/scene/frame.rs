//! FRAME and ROADS, the two binary messages of the socket, as bytes and back.
//!
//! Little endian. A FRAME is a head and its tiles; every tile's payload is packed by itself, so that it can be made once and sent to all who
//! look at the tile. Layout in `docs/adr/0034-frames-by-tile.md`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::bytes::{BadFrame, Packer, Reader, unpack};
use super::columns::Shown;
use super::ground::TileId;

/// First byte of a FRAME.
const FRAME: u8 = 1;
/// First byte of a ROADS.
const ROADS: u8 = 3;
/// Version of both.
const VERSION: u8 = 1;
/// Flag: what was shown is to be forgotten.
const ANEW: u16 = 1;
/// Most tiles of a frame; those beyond are not shown.
pub(super) const TILES_MAX: usize = 16_384;

/// What a FRAME says of the whole city.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Head {
    /// Whether what was shown is to be forgotten: nobody moved from there to here.
    pub anew: bool,
    /// Number of the scene in its session.
    pub tick: u32,
    /// The city's time [s after midnight].
    pub time_s: f64,
    /// City seconds for a second on the wall; 0 stands still, infinity is as fast as possible.
    pub speed: f32,
    /// Vehicles in the whole city.
    pub vehicles: u32,
}

/// A packed payload, shared by all it is sent to.
pub type Payload = Arc<[u8]>;

/// What becomes of a tile.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Entry {
    /// Everything in it.
    Key(Payload),
    /// What changed since this reader's last frame.
    Delta(Payload),
    /// It is no longer shown.
    Gone,
}

/// A FRAME.
pub(super) fn frame(head: Head, tiles: &[(TileId, Entry)]) -> Vec<u8> {
    let size: usize = tiles.iter().map(|(_, entry)| 13 + payload(entry).1.len()).sum();
    let mut out = Vec::with_capacity(26 + size);
    out.extend([FRAME, VERSION]);
    out.extend((if head.anew { ANEW } else { 0 }).to_le_bytes());
    out.extend(head.tick.to_le_bytes());
    out.extend(head.time_s.to_le_bytes());
    out.extend(head.speed.to_le_bytes());
    out.extend(head.vehicles.to_le_bytes());
    let count = u16::try_from(tiles.len()).unwrap_or(u16::MAX);
    out.extend(count.to_le_bytes());
    for (tile, entry) in &tiles[..usize::from(count)] {
        let (mode, bytes) = payload(entry);
        out.extend(tile.x().to_le_bytes());
        out.extend(tile.y().to_le_bytes());
        out.push(mode);
        out.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
        out.extend(bytes);
    }
    out
}

fn payload(entry: &Entry) -> (u8, &[u8]) {
    match entry {
        Entry::Key(bytes) => (0, bytes),
        Entry::Delta(bytes) => (1, bytes),
        Entry::Gone => (2, &[]),
    }
}

/// What a reader of frames shows: the tiles it was told of, each as of the last frame that told of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Picture {
    tiles: BTreeMap<TileId, Shown>,
}

impl Picture {
    /// The tiles that are shown, by their place.
    pub const fn tiles(&self) -> &BTreeMap<TileId, Shown> {
        &self.tiles
    }

    /// Vehicles that are shown.
    pub fn vehicles(&self) -> usize {
        self.tiles.values().map(|tile| tile.now.len()).sum()
    }

    /// Takes a FRAME in. How many tiles came as a key and how many as a delta is returned with its head.
    ///
    /// # Errors
    /// When it cannot be read; the picture is then as it was.
    pub fn apply(&mut self, message: &[u8]) -> Result<(Head, Told), BadFrame> {
        let mut reader = Reader::new(message);
        if (reader.u8()?, reader.u8()?) != (FRAME, VERSION) {
            return Err(BadFrame::Unknown);
        }
        let flags = reader.u16()?;
        let head = Head {
            anew: flags & ANEW != 0,
            tick: reader.u32()?,
            time_s: reader.f64()?,
            speed: reader.f32()?,
            vehicles: reader.u32()?,
        };
        let mut changed: BTreeMap<TileId, Option<Shown>> = BTreeMap::new();
        let mut told = Told::default();
        for _ in 0..reader.u16()? {
            let tile = TileId::new(reader.u32()?, reader.u32()?).ok_or(BadFrame::Contradiction)?;
            let mode = reader.u8()?;
            let bytes = reader.count()?;
            let bytes = reader.take(bytes)?;
            let shown = match mode {
                0 => {
                    told.keys += 1;
                    Some(Shown::of_key(&unpack(bytes)?)?)
                }
                1 => {
                    told.deltas += 1;
                    let base = self.tiles.get(&tile).filter(|_| !head.anew).ok_or(BadFrame::Contradiction)?;
                    Some(base.after(&unpack(bytes)?)?)
                }
                2 if bytes.is_empty() => None,
                _ => return Err(BadFrame::Contradiction),
            };
            if changed.insert(tile, shown).is_some() {
                return Err(BadFrame::Contradiction);
            }
        }
        reader.end()?;
        if head.anew {
            self.tiles.clear();
        }
        for (tile, shown) in changed {
            match shown {
                Some(shown) => drop(self.tiles.insert(tile, shown)),
                None => drop(self.tiles.remove(&tile)),
            }
        }
        Ok((head, told))
    }
}

/// How the tiles of a frame came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Told {
    /// Tiles told in full.
    pub keys: u32,
    /// Tiles of which only changes were told.
    pub deltas: u32,
}

/// Speed over the limit of every road, as ROADS has it: half percents up to 200, 255 where nobody drives.
pub fn road_bytes(relative: impl Iterator<Item = Option<f32>>) -> Vec<u8> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "kept between 0 and 200")]
    let half_percents = |share: f32| (share * 200.0).round().clamp(0.0, 200.0) as u8;
    relative.map(|share| share.filter(|share| !share.is_nan()).map_or(255, half_percents)).collect()
}

/// A ROADS of what [`road_bytes`] gave.
pub fn roads(values: &[u8]) -> Vec<u8> {
    let packed = Packer::new().pack(values);
    let mut out = vec![ROADS, VERSION];
    out.extend(u32::try_from(values.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend(u32::try_from(packed.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend(packed);
    out
}

/// What a ROADS says: for every road its speed over the limit in half percents, 255 where nobody drives.
///
/// # Errors
/// When it cannot be read.
pub fn read_roads(message: &[u8]) -> Result<Vec<u8>, BadFrame> {
    let mut reader = Reader::new(message);
    if (reader.u8()?, reader.u8()?) != (ROADS, VERSION) {
        return Err(BadFrame::Unknown);
    }
    let count = reader.u32()? as usize;
    let bytes = reader.count()?;
    let values = unpack(reader.take(bytes)?)?;
    reader.end()?;
    if values.len() == count { Ok(values) } else { Err(BadFrame::Contradiction) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_frame_is_laid_out_as_agreed() {
        let head = Head { anew: true, tick: 0x0102_0304, time_s: 1.0, speed: f32::INFINITY, vehicles: 7 };
        let (here, there) = (TileId::new(8718, 5685).expect("a tile"), TileId::new(1, 2).expect("a tile"));
        let bytes = frame(head, &[(there, Entry::Gone), (here, Entry::Key(Arc::from([9, 8, 7])))]);
        let expected: &[u8] = &[
            1, 1, 1, 0, 4, 3, 2, 1, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0, 0, 0x80, 0x7f, 7, 0, 0, 0, 2, 0, // head
            1, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 0, // gone
            0x0e, 0x22, 0, 0, 0x35, 0x16, 0, 0, 0, 3, 0, 0, 0, 9, 8, 7, // key
        ];
        assert_eq!(bytes, expected);
    }

    #[test]
    fn roads_come_back() {
        let values = road_bytes([None, Some(0.0), Some(0.5), Some(1.3), Some(f32::NAN), Some(-1.0)].into_iter());
        assert_eq!(values, [255, 0, 100, 200, 255, 0]);
        let message = roads(&values);
        assert_eq!(message[..6], [3, 1, 6, 0, 0, 0]);
        assert_eq!(read_roads(&message), Ok(values));
        assert_eq!(read_roads(&message[..message.len() - 1]), Err(BadFrame::Short));
        assert_eq!(read_roads(&[1, 1]), Err(BadFrame::Unknown));
    }

    proptest! {
        /// A reader of frames is given what comes over a wire; whatever it is, it is read or refused, and a refusal changes nothing.
        #[test]
        fn whatever_comes_is_read_or_refused(tail in prop::collection::vec(any::<u8>(), 0..120), flags in 0_u8..2) {
            let mut message = vec![FRAME, VERSION, flags, 0];
            message.extend(&tail);
            let mut picture = Picture::default();
            if picture.apply(&message).is_err() {
                prop_assert_eq!(picture, Picture::default());
            }
        }
    }
}
