//! Reading `.osm.pbf`: blocks of packed objects (the OpenStreetMap wiki's "PBF Format").
//!
//! The format needs a dozen fields of five messages, so they are taken from the bytes directly: see
//! `docs/adr/0024-openstreetmap-by-hand.md`. Every length is checked against what is there before anything is reserved.

mod message;

use std::io::Read;

use flate2::read::ZlibDecoder;

use self::message::{Field, Message, Value, zigzag};
use super::BoundingBox;
use super::raw::{self, Extract, Member, MemberKind, Tags, just};
use crate::primitives::text::{Findings, Place, Problem};

/// The largest header of a blob [bytes]; the format's own limit.
const HEADER_MAX: usize = 64 << 10;
/// The largest blob, unpacked [bytes]; the format's own limit.
const BLOB_MAX: usize = 32 << 20;
/// Features a file may require that this reader knows.
const FEATURES: [&str; 3] = ["OsmSchema-V0.6", "DenseNodes", "Sort.Type_then_ID"];

/// Whether the bytes begin as such a file does.
pub(super) fn is_pbf(bytes: &[u8]) -> bool {
    bytes.len() > 16 && bytes[4] == 0x0a && bytes[5] == 9 && &bytes[6..15] == b"OSMHeader"
}

/// Reads a file's bytes.
///
/// # Errors
/// What is wrong with it, with the block it is in.
pub(super) fn read(place: &Place, bytes: &[u8]) -> Result<Extract, Findings> {
    let mut extract = Extract::default();
    pass(place, bytes, &mut extract)?;
    if extract.wants_outlines() {
        pass(place, bytes, &mut extract)?;
        extract.take_outlines();
    }
    Ok(extract)
}

/// Goes through a file once.
fn pass(place: &Place, bytes: &[u8], extract: &mut Extract) -> Result<(), Findings> {
    let mut rest = bytes;
    let mut number = 0_u64;
    while !rest.is_empty() {
        number += 1;
        let told = |fault: Fault| {
            just(match fault {
                Fault::Form(what) => Problem::new(place.clone(), format!("block {number} of the file {what}"))
                    .help("the file seems to be damaged or cut off"),
                Fault::Told(problem) => problem,
            })
        };
        rest = block(extract, rest, place).map_err(told)?;
    }
    Ok(())
}

/// What can be wrong.
#[derive(Debug)]
enum Fault {
    /// With the form of the file.
    Form(&'static str),
    /// With what is in it.
    Told(Problem),
}

impl From<&'static str> for Fault {
    fn from(what: &'static str) -> Self {
        Self::Form(what)
    }
}

/// Reads one block and returns the bytes behind it.
fn block<'b>(extract: &mut Extract, bytes: &'b [u8], place: &Place) -> Result<&'b [u8], Fault> {
    let (length, rest) = bytes.split_first_chunk::<4>().ok_or("has no length")?;
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    if length > HEADER_MAX {
        return Err("has a header that is too long".into());
    }
    let header = rest.get(..length).ok_or("ends within its header")?;
    let (mut kind, mut size) = (&[][..], 0);
    for field in Message::new(header) {
        match field? {
            Field { number: 1, value: Value::Bytes(text) } => kind = text,
            Field { number: 3, value: Value::Number(value) } => size = usize::try_from(value).unwrap_or(usize::MAX),
            _ => {}
        }
    }
    if size > BLOB_MAX {
        return Err("is larger than the format allows".into());
    }
    let rest = &rest[length..];
    let blob = rest.get(..size).ok_or("ends too early")?;
    match kind {
        b"OSMHeader" => header_block(extract, &unpacked(blob)?)?,
        b"OSMData" => data_block(extract, &unpacked(blob)?, place)?,
        _ => {}
    }
    Ok(&rest[size..])
}

/// The content of a blob.
fn unpacked(blob: &[u8]) -> Result<Vec<u8>, Fault> {
    for field in Message::new(blob) {
        match field? {
            Field { number: 1, value: Value::Bytes(raw) } => return Ok(raw.to_vec()),
            Field { number: 3, value: Value::Bytes(packed) } => {
                let mut content = Vec::new();
                let most = u64::try_from(BLOB_MAX).unwrap_or(u64::MAX);
                let read = ZlibDecoder::new(packed).take(most + 1).read_to_end(&mut content);
                if read.is_err() {
                    return Err("cannot be unpacked".into());
                }
                if content.len() > BLOB_MAX {
                    return Err("is larger unpacked than the format allows".into());
                }
                return Ok(content);
            }
            Field { number: 4..=7, .. } => return Err("is packed in a way other than zlib".into()),
            _ => {}
        }
    }
    Err("has no content".into())
}

#[expect(clippy::cast_precision_loss, reason = "the sphere has fewer than 2^53 billionths of a degree")]
fn degrees(billionths: i64) -> f64 {
    billionths as f64 * 1e-9
}

fn header_block(extract: &mut Extract, bytes: &[u8]) -> Result<(), Fault> {
    for field in Message::new(bytes) {
        match field? {
            Field { number: 1, value: Value::Bytes(bounds) } => {
                let mut sides = [0; 4];
                for side in Message::new(bounds) {
                    if let Field { number: number @ 1..=4, value: Value::Number(value) } = side? {
                        sides[usize::try_from(number - 1).unwrap_or(0)] = zigzag(value);
                    }
                }
                let [west, east, north, south] = sides.map(degrees);
                extract.bounds = BoundingBox::new(west, south, east, north);
            }
            Field { number: 4, value: Value::Bytes(feature) }
                if !FEATURES.iter().any(|known| known.as_bytes() == feature) =>
            {
                return Err("requires a feature that is not supported, such as history".into());
            }
            _ => {}
        }
    }
    Ok(())
}

/// The strings and the scale of a block.
struct Block<'b> {
    strings: Vec<&'b [u8]>,
    granularity: i64,
    lat_offset: i64,
    lon_offset: i64,
}

impl<'b> Block<'b> {
    fn text(&self, number: u64) -> Result<&'b str, Fault> {
        let at = usize::try_from(number).unwrap_or(usize::MAX);
        let bytes = self.strings.get(at).ok_or("names a string it does not have")?;
        std::str::from_utf8(bytes).map_err(|_| Fault::Form("has a string that is not UTF-8"))
    }

    fn place(&self, lon: i64, lat: i64) -> (f64, f64) {
        let scaled = |offset: i64, value: i64| degrees(offset.saturating_add(self.granularity.saturating_mul(value)));
        (scaled(self.lon_offset, lon), scaled(self.lat_offset, lat))
    }

    fn tags(&self, tags: &mut Tags, keys: &[u8], values: &[u8]) -> Result<(), Fault> {
        tags.clear();
        let mut values = message::packed(values);
        for key in message::packed(keys) {
            let value = values.next().ok_or("has a key without a value")??;
            tags.push(self.text(key?)?, self.text(value)?);
        }
        Ok(())
    }
}

fn data_block(extract: &mut Extract, bytes: &[u8], place: &Place) -> Result<(), Fault> {
    let mut block = Block { strings: Vec::new(), granularity: 100, lat_offset: 0, lon_offset: 0 };
    for field in Message::new(bytes) {
        match field? {
            Field { number: 1, value: Value::Bytes(table) } => {
                for field in Message::new(table) {
                    if let Field { number: 1, value: Value::Bytes(text) } = field? {
                        block.strings.push(text);
                    }
                }
            }
            Field { number: 17, value: Value::Number(value) } => block.granularity = value.cast_signed(),
            Field { number: 19, value: Value::Number(value) } => block.lat_offset = value.cast_signed(),
            Field { number: 20, value: Value::Number(value) } => block.lon_offset = value.cast_signed(),
            _ => {}
        }
    }
    let mut tags = Tags::default();
    for field in Message::new(bytes) {
        let Field { number: 2, value: Value::Bytes(group) } = field? else { continue };
        for object in Message::new(group) {
            let Field { number, value: Value::Bytes(object) } = object? else { continue };
            match number {
                1 => node(extract, &block, object, &mut tags, place)?,
                2 => dense(extract, &block, object, &mut tags, place)?,
                3 => way(extract, &block, object, &mut tags, place)?,
                4 => relation(extract, &block, object, &mut tags, place)?,
                _ => {}
            }
        }
    }
    Ok(())
}

fn node(extract: &mut Extract, block: &Block<'_>, bytes: &[u8], tags: &mut Tags, place: &Place) -> Result<(), Fault> {
    let (mut id, mut lat, mut lon, mut keys, mut values) = (0, 0, 0, &[][..], &[][..]);
    for field in Message::new(bytes) {
        match field? {
            Field { number: 1, value: Value::Number(value) } => id = zigzag(value),
            Field { number: 2, value: Value::Bytes(packed) } => keys = packed,
            Field { number: 3, value: Value::Bytes(packed) } => values = packed,
            Field { number: 8, value: Value::Number(value) } => lat = zigzag(value),
            Field { number: 9, value: Value::Number(value) } => lon = zigzag(value),
            _ => {}
        }
    }
    block.tags(tags, keys, values)?;
    extract.node(id, block.place(lon, lat), tags, place).map_err(Fault::Told)
}

fn dense(extract: &mut Extract, block: &Block<'_>, bytes: &[u8], tags: &mut Tags, place: &Place) -> Result<(), Fault> {
    let (mut ids, mut lats, mut lons, mut pairs) = (&[][..], &[][..], &[][..], &[][..]);
    for field in Message::new(bytes) {
        match field? {
            Field { number: 1, value: Value::Bytes(packed) } => ids = packed,
            Field { number: 8, value: Value::Bytes(packed) } => lats = packed,
            Field { number: 9, value: Value::Bytes(packed) } => lons = packed,
            Field { number: 10, value: Value::Bytes(packed) } => pairs = packed,
            _ => {}
        }
    }
    let (mut id, mut lat, mut lon) = (0_i64, 0_i64, 0_i64);
    let (mut lats, mut lons, mut pairs) = (message::packed(lats), message::packed(lons), message::packed(pairs));
    for step in message::packed(ids) {
        id = id.wrapping_add(zigzag(step?));
        lat = lat.wrapping_add(zigzag(lats.next().ok_or("has a node without a latitude")??));
        lon = lon.wrapping_add(zigzag(lons.next().ok_or("has a node without a longitude")??));
        tags.clear();
        while let Some(key) = pairs.next().transpose()?.filter(|&key| key != 0) {
            let value = pairs.next().ok_or("has a key without a value")??;
            tags.push(block.text(key)?, block.text(value)?);
        }
        extract.node(id, block.place(lon, lat), tags, place).map_err(Fault::Told)?;
    }
    Ok(())
}

fn way(extract: &mut Extract, block: &Block<'_>, bytes: &[u8], tags: &mut Tags, place: &Place) -> Result<(), Fault> {
    let (mut id, mut keys, mut values, mut refs) = (0, &[][..], &[][..], &[][..]);
    for field in Message::new(bytes) {
        match field? {
            Field { number: 1, value: Value::Number(value) } => id = value.cast_signed(),
            Field { number: 2, value: Value::Bytes(packed) } => keys = packed,
            Field { number: 3, value: Value::Bytes(packed) } => values = packed,
            Field { number: 8, value: Value::Bytes(packed) } => refs = packed,
            _ => {}
        }
    }
    block.tags(tags, keys, values)?;
    let mut nodes = Vec::new();
    let mut node = 0_i64;
    for step in message::packed(refs) {
        node = node.wrapping_add(zigzag(step?));
        nodes.push(node);
    }
    extract.way(id, &mut nodes, tags, place).map_err(Fault::Told)
}

fn relation(
    extract: &mut Extract,
    block: &Block<'_>,
    bytes: &[u8],
    tags: &mut Tags,
    place: &Place,
) -> Result<(), Fault> {
    let (mut id, mut keys, mut values) = (0, &[][..], &[][..]);
    let (mut roles, mut ids, mut kinds) = (&[][..], &[][..], &[][..]);
    for field in Message::new(bytes) {
        match field? {
            Field { number: 1, value: Value::Number(value) } => id = value.cast_signed(),
            Field { number: 2, value: Value::Bytes(packed) } => keys = packed,
            Field { number: 3, value: Value::Bytes(packed) } => values = packed,
            Field { number: 8, value: Value::Bytes(packed) } => roles = packed,
            Field { number: 9, value: Value::Bytes(packed) } => ids = packed,
            Field { number: 10, value: Value::Bytes(packed) } => kinds = packed,
            _ => {}
        }
    }
    block.tags(tags, keys, values)?;
    if !raw::is_wanted(tags) {
        return Ok(());
    }
    let (mut members, mut member) = (Vec::new(), 0_i64);
    let (mut roles, mut kinds) = (message::packed(roles), message::packed(kinds));
    for step in message::packed(ids) {
        member = member.wrapping_add(zigzag(step?));
        let role = block.text(roles.next().ok_or("has a member without a role")??)?;
        let kind = match kinds.next().ok_or("has a member without a kind")?? {
            0 => MemberKind::Node,
            1 => MemberKind::Way,
            _ => MemberKind::Relation,
        };
        members.push(Member { kind, id: member, role: role.into() });
    }
    extract.relation(id, &mut members, tags, place).map_err(Fault::Told)
}
