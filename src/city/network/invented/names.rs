//! Names that no real city has in this combination: streets, bridges, parks, quarters and neighbouring towns.

use std::collections::BTreeSet;

use crate::primitives::random::{KeyedRng, Purpose, Seed};

const WORDS: &[&str] = &[
    "Alder",
    "Anchor",
    "Apple",
    "Arrow",
    "Ash",
    "Baker",
    "Barley",
    "Barn",
    "Beacon",
    "Beech",
    "Bell",
    "Birch",
    "Bishop",
    "Blackbird",
    "Bramble",
    "Brewer",
    "Briar",
    "Brook",
    "Candle",
    "Canon",
    "Carter",
    "Cedar",
    "Chandler",
    "Chapel",
    "Cherry",
    "Chestnut",
    "Clover",
    "Cooper",
    "Copper",
    "Cowslip",
    "Crane",
    "Cresset",
    "Curlew",
    "Dairy",
    "Dove",
    "Dyer",
    "Elder",
    "Elm",
    "Falcon",
    "Farrier",
    "Fern",
    "Ferry",
    "Fiddler",
    "Finch",
    "Fisher",
    "Forge",
    "Foundry",
    "Fox",
    "Fuller",
    "Gable",
    "Garland",
    "Glover",
    "Goldsmith",
    "Granary",
    "Hare",
    "Harrow",
    "Hatter",
    "Hawthorn",
    "Hazel",
    "Heron",
    "Hickory",
    "Holly",
    "Honey",
    "Hop",
    "Hornbeam",
    "Ivy",
    "Jasmine",
    "Juniper",
    "Kestrel",
    "Kiln",
    "Kite",
    "Lantern",
    "Larch",
    "Lark",
    "Laurel",
    "Lavender",
    "Lilac",
    "Lime",
    "Linden",
    "Linnet",
    "Mallow",
    "Maltings",
    "Maple",
    "Marten",
    "Mason",
    "Meadow",
    "Mercer",
    "Mill",
    "Minster",
    "Mint",
    "Mulberry",
    "Myrtle",
    "Nightingale",
    "Oak",
    "Orchard",
    "Osier",
    "Otter",
    "Parchment",
    "Partridge",
    "Pear",
    "Pepper",
    "Pilgrim",
    "Pine",
    "Plough",
    "Plover",
    "Plum",
    "Poplar",
    "Potter",
    "Quarry",
    "Quince",
    "Raven",
    "Reed",
    "Robin",
    "Rook",
    "Rope",
    "Rose",
    "Rowan",
    "Saddler",
    "Saffron",
    "Sexton",
    "Shepherd",
    "Silver",
    "Sorrel",
    "Sparrow",
    "Spinner",
    "Starling",
    "Stone",
    "Swallow",
    "Swan",
    "Sycamore",
    "Tanner",
    "Teasel",
    "Thatcher",
    "Thistle",
    "Thorn",
    "Thrush",
    "Tinker",
    "Turner",
    "Vine",
    "Walnut",
    "Warbler",
    "Weaver",
    "Well",
    "Wheat",
    "Wheel",
    "Willow",
    "Windmill",
    "Wool",
    "Wren",
    "Yarrow",
    "Yew",
];

const TOWNS: &[&str] = &[
    "Ostrenham",
    "Quillbeck",
    "Varnholt",
    "Middlemarsk",
    "Thornvane",
    "Elsterby",
    "Krummau Head",
    "Wyndelow",
    "Sandrevik",
    "Haldersey",
    "Lorrimoor",
    "Pennarth Cross",
    "Tolverhithe",
    "Brackenmere",
];

const QUARTERS: &[&str] = &[
    "Market Ward",
    "Minster Ward",
    "Northgate",
    "Eastcote",
    "Saltmarsh",
    "Kingsholt",
    "Weavers Field",
    "Tollhouse",
    "Upper Lea",
    "Lower Lea",
    "Harbour End",
    "Priory Park",
    "Millbank",
    "Beaconsdown",
    "Fairhill",
    "Copsewood",
    "Ropewalks",
    "Gasworks",
    "Stanmoor",
    "Westerley",
    "Ashgrove",
    "Larkrise",
    "Foxcombe",
    "Holm Side",
    "Bridgefoot",
    "Kiln Green",
    "Oldfield",
    "Newlands",
    "Three Elms",
    "Station Quarter",
    "Marl Pits",
    "Windmill Down",
];

/// Hands out names, each once.
#[derive(Debug)]
pub(super) struct Names {
    rng: KeyedRng,
    taken: BTreeSet<String>,
    words: Vec<&'static str>,
    towns: Vec<&'static str>,
    quarters: Vec<&'static str>,
}

impl Names {
    pub(super) fn draw(seed: Seed) -> Self {
        let mut rng = seed.stream(Purpose::MapMaking, 7, 0);
        let (words, towns) = (shuffled(&mut rng, WORDS), shuffled(&mut rng, TOWNS));
        let quarters = shuffled(&mut rng, QUARTERS);
        Self { rng, taken: BTreeSet::new(), words, towns, quarters }
    }

    /// A new name with one of the endings.
    pub(super) fn with_ending(&mut self, endings: &[&str]) -> String {
        // Words come round in a fixed order, so one comes back only when all others are used.
        for _ in 0..self.words.len() * 4 {
            let word = self.words[0];
            self.words.rotate_left(1);
            let name = format!("{word} {}", endings[self.rng.below(endings.len())]);
            if self.taken.insert(name.clone()) {
                return name;
            }
        }
        self.numbered(endings[0])
    }

    /// The next neighbouring town.
    pub(super) fn town(&mut self) -> String {
        self.towns.pop().map_or_else(|| self.numbered("Town"), str::to_owned)
    }

    /// The next quarter.
    pub(super) fn quarter(&mut self) -> String {
        self.quarters.pop().map_or_else(|| self.numbered("Quarter"), str::to_owned)
    }

    fn numbered(&mut self, what: &str) -> String {
        let name = format!("{what} {}", self.taken.len() + 1);
        self.taken.insert(name.clone());
        name
    }
}

fn shuffled(rng: &mut KeyedRng, words: &[&'static str]) -> Vec<&'static str> {
    let mut words = words.to_vec();
    for last in (1..words.len()).rev() {
        words.swap(last, rng.below(last + 1));
    }
    words
}
