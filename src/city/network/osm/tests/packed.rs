//! The packed form: the same place from `.osm` and `.osm.pbf` is the same map, and damaged files of either form are refused.

use std::io::Write as _;

use super::drawing::{Drawing, drawing};
use super::*;
use crate::primitives::random::{Purpose, Seed};

fn varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        bytes.push(0x80 | u8::try_from(value & 0x7f).unwrap_or(0));
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap_or(0));
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

fn number(bytes: &mut Vec<u8>, field: u64, value: u64) {
    varint(bytes, field << 3);
    varint(bytes, value);
}

fn stretch(bytes: &mut Vec<u8>, field: u64, content: &[u8]) {
    varint(bytes, field << 3 | 2);
    varint(bytes, content.len() as u64);
    bytes.extend(content);
}

fn packed(values: impl IntoIterator<Item = u64>) -> Vec<u8> {
    let mut bytes = Vec::new();
    values.into_iter().for_each(|value| varint(&mut bytes, value));
    bytes
}

fn steps(values: impl IntoIterator<Item = i64>) -> Vec<u8> {
    let mut before = 0;
    packed(values.into_iter().map(|value| zigzag(value - std::mem::replace(&mut before, value))).collect::<Vec<_>>())
}

fn blob(kind: &str, content: &[u8], zlib: bool) -> Vec<u8> {
    let mut blob = Vec::new();
    if zlib {
        let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(content).expect("memory has room");
        number(&mut blob, 2, content.len() as u64);
        stretch(&mut blob, 3, &packer.finish().expect("memory has room"));
    } else {
        stretch(&mut blob, 1, content);
    }
    let mut header = Vec::new();
    stretch(&mut header, 1, kind.as_bytes());
    number(&mut header, 3, blob.len() as u64);
    let mut bytes = u32::try_from(header.len()).expect("a short header").to_be_bytes().to_vec();
    bytes.extend(header);
    bytes.extend(blob);
    bytes
}

/// A drawing as `.osm.pbf`.
pub(super) fn pbf(drawing: &Drawing, zlib: bool) -> Vec<u8> {
    let mut strings: Vec<String> = vec![String::new()];
    let mut string = |text: &str| -> u64 {
        let found = strings.iter().position(|known| known == text);
        let at = found.unwrap_or_else(|| {
            strings.push(text.to_owned());
            strings.len() - 1
        });
        at as u64
    };
    #[expect(clippy::cast_possible_truncation, reason = "a few metres around the equator")]
    let units = |degrees: f64| (degrees * 1e7).round() as i64;
    let mut dense = Vec::new();
    stretch(&mut dense, 1, &steps(drawing.nodes.iter().map(|(node, ..)| node.id)));
    stretch(&mut dense, 8, &steps(drawing.nodes.iter().map(|(.., lat)| units(*lat))));
    stretch(&mut dense, 9, &steps(drawing.nodes.iter().map(|(_, lon, _)| units(*lon))));
    let mut pairs = Vec::new();
    for (node, ..) in &drawing.nodes {
        for (key, value) in &node.tags {
            pairs.extend([string(key), string(value)]);
        }
        pairs.push(0);
    }
    stretch(&mut dense, 10, &packed(pairs));
    let mut group = Vec::new();
    stretch(&mut group, 2, &dense);
    let mut tags = |bytes: &mut Vec<u8>, tags: &[(String, String)]| {
        stretch(bytes, 2, &packed(tags.iter().map(|(key, _)| string(key)).collect::<Vec<_>>()));
        stretch(bytes, 3, &packed(tags.iter().map(|(_, value)| string(value)).collect::<Vec<_>>()));
    };
    for (way, nodes) in &drawing.ways {
        let mut bytes = Vec::new();
        number(&mut bytes, 1, way.id.cast_unsigned());
        tags(&mut bytes, &way.tags);
        stretch(&mut bytes, 8, &steps(nodes.iter().copied()));
        stretch(&mut group, 3, &bytes);
    }
    for (relation, members) in &drawing.relations {
        let mut bytes = Vec::new();
        number(&mut bytes, 1, relation.id.cast_unsigned());
        tags(&mut bytes, &relation.tags);
        let mut both = relation.tags.clone();
        both.clear();
        both.extend(members.iter().map(|(_, _, role)| ((*role).to_owned(), String::new())));
        let mut roles = Vec::new();
        tags(&mut roles, &both);
        // The first field of what `tags` writes holds the roles' strings.
        let length = usize::from(roles[1]);
        stretch(&mut bytes, 8, &roles[2..2 + length]);
        stretch(&mut bytes, 9, &steps(members.iter().map(|(_, id, _)| *id)));
        stretch(&mut bytes, 10, &packed(members.iter().map(|(kind, ..)| u64::from(*kind == "way"))));
        stretch(&mut group, 4, &bytes);
    }
    let mut table = Vec::new();
    for text in &strings {
        stretch(&mut table, 1, text.as_bytes());
    }
    let mut block = Vec::new();
    stretch(&mut block, 1, &table);
    stretch(&mut block, 2, &group);
    let mut header = Vec::new();
    stretch(&mut header, 4, b"OsmSchema-V0.6");
    stretch(&mut header, 4, b"DenseNodes");
    let mut bytes = blob("OSMHeader", &header, zlib);
    bytes.extend(blob("OSMData", &block, zlib));
    bytes
}

fn place() -> Drawing {
    drawing(
        &STAR.replace("5 0 0", "5 0 0 highway=traffic_signals"),
        "10 1,5 highway=secondary lanes=4 turn:lanes:forward=left|through\n30 5,3 highway=secondary\n20 2,5,4 highway=tertiary\n",
        "1 10 n5 20 no_left_turn\n",
    )
}

#[test]
fn both_forms_of_a_place_are_the_same_map() {
    let settings = ImportSettings::default();
    let from_xml = import_bytes(&Place::file("a"), place().xml().into_bytes(), &settings).expect("it is sound");
    for zlib in [false, true] {
        let from_pbf = import_bytes(&Place::file("a"), pbf(&place(), zlib), &settings).expect("it is sound");
        assert_eq!(mapfile::write(&from_pbf.file), mapfile::write(&from_xml.file));
        assert_eq!(from_pbf.report, from_xml.report);
    }
}

/// Changes, cuts and doubles bytes; the same for the same number.
fn mutant(seed: &[u8], number: u64) -> Vec<u8> {
    let mut rng = Seed(7).stream(Purpose::Demand, number, 0);
    let mut below = |most: usize| rng.below(most.max(1));
    let mut bytes = seed.to_vec();
    for _ in 0..=below(5) {
        let at = below(bytes.len());
        match below(5) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << below(8),
            1 if below(4) == 0 => bytes.truncate(at),
            2 => {
                let from = below(seed.len());
                let piece = seed[from..(from + below(60)).min(seed.len())].to_vec();
                bytes.splice(at..at, piece).for_each(drop);
            }
            3 => bytes.splice(at..at, *b"999999").for_each(drop),
            _ if !bytes.is_empty() => bytes[at] = b'-',
            _ => {}
        }
    }
    bytes
}

#[test]
fn no_reader_falls_over_mutants() {
    let seeds = [
        ("pbf", pbf(&place(), false)),
        ("packed", pbf(&place(), true)),
        ("xml", place().xml().into_bytes()),
        ("ring", drawing(RING, RING_WAYS, "").xml().into_bytes()),
        ("duals", drawing(DUALS, DUAL_WAYS, "1 11 n3 21 no_left_turn\n").xml().into_bytes()),
    ];
    for (name, seed) in seeds {
        let mut read = 0;
        for number in 0..300 {
            let bytes = mutant(&seed, number);
            let Ok(imported) = import_bytes(&Place::file("mutant"), bytes, &ImportSettings::default()) else {
                continue;
            };
            read += 1;
            let network = imported.file.map.build().unwrap_or_else(|f| panic!("{name} {number}: {:?}", f.problems()));
            let check = check_network(&network);
            assert!(check.findings.is_ok(), "{name} {number}: {:?}", check.findings.problems());
        }
        assert!(read > 0, "no mutant of {name} was read");
    }
}
