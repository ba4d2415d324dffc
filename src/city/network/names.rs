//! Names by number: every name of a file is looked at once, and from then on it is a small integer.
//!
//! A table of slots with linear probing, filled to a half at most. Looking up is all it offers: there is no way to go through
//! the slots, so no order depends on the hash, and the numbers count in the order names were first seen. Knows not what a name
//! stands for.

use std::borrow::Cow;

/// An empty slot.
const EMPTY: u64 = u64::MAX;

/// A hash of a name's bytes, eight at a time; the mixing step is Steele, Lea and Flood 2014 ("Fast splittable pseudorandom
/// number generators", OOPSLA, figure 16).
fn hash(name: &str) -> u64 {
    let mix = |mut z: u64| {
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let (whole, rest) = name.as_bytes().as_chunks::<8>();
    let mut state = name.len() as u64;
    for chunk in whole {
        state = mix(state ^ u64::from_le_bytes(*chunk));
    }
    let tail = rest.iter().rev().fold(0, |tail, &byte| tail << 8 | u64::from(byte));
    mix(state ^ tail)
}

/// Where numbers of names lie by their hash; the names themselves are kept by whoever owns them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct NameIndex {
    /// The upper half of the hash and the number, or [`EMPTY`]; a power of two of them.
    slots: Vec<u64>,
    count: u32,
}

impl NameIndex {
    /// An index with room for `count` names.
    pub(crate) fn with_capacity(count: usize) -> Self {
        Self { slots: vec![EMPTY; (2 * count).next_power_of_two().max(16)], count: 0 }
    }

    /// The number of a name; `name_of` tells the names numbered so far.
    pub(crate) fn find<'n>(&self, name: &str, name_of: impl Fn(u32) -> &'n str) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        self.probe(hash(name), name, name_of).ok()
    }

    /// The number of a name, which is given `number` where it has none yet.
    pub(crate) fn insert<'n>(&mut self, name: &str, number: u32, name_of: impl Fn(u32) -> &'n str) -> u32 {
        if self.slots.len() < 2 * (self.count as usize + 1) {
            self.grow(&name_of);
        }
        let hash = hash(name);
        match self.probe(hash, name, name_of) {
            Ok(known) => known,
            Err(slot) => {
                self.slots[slot] = hash & !0xffff_ffff | u64::from(number);
                self.count += 1;
                number
            }
        }
    }

    /// The number of a name, or the free slot where it belongs.
    fn probe<'n>(&self, hash: u64, name: &str, name_of: impl Fn(u32) -> &'n str) -> Result<u32, usize> {
        let mask = self.slots.len() - 1;
        let mut slot = low(hash) as usize & mask;
        loop {
            let entry = self.slots[slot];
            if entry == EMPTY {
                return Err(slot);
            }
            if entry >> 32 == hash >> 32 && name_of(low(entry)) == name {
                return Ok(low(entry));
            }
            slot = (slot + 1) & mask;
        }
    }

    fn grow<'n>(&mut self, name_of: &impl Fn(u32) -> &'n str) {
        let size = (2 * self.slots.len()).max(16);
        let old = std::mem::replace(&mut self.slots, vec![EMPTY; size]);
        for entry in old.into_iter().filter(|&entry| entry != EMPTY) {
            let mut slot = low(hash(name_of(low(entry)))) as usize & (size - 1);
            while self.slots[slot] != EMPTY {
                slot = (slot + 1) & (size - 1);
            }
            self.slots[slot] = entry;
        }
    }
}

/// The lower half.
#[expect(clippy::cast_possible_truncation, reason = "the lower half is what is asked for")]
const fn low(number: u64) -> u32 {
    number as u32
}

/// Names of a file, numbered in the order they were first seen.
#[derive(Debug, Default)]
pub(crate) struct Names<'s> {
    names: Vec<Cow<'s, str>>,
    index: NameIndex,
}

impl<'s> Names<'s> {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// The name with this number.
    pub(crate) fn name(&self, number: u32) -> &str {
        &self.names[number as usize]
    }

    /// The number of a name, which gets one if it has none.
    ///
    /// # Panics
    /// When there are 2^32 names already; no file that is read is that long.
    pub(crate) fn intern(&mut self, name: Cow<'s, str>) -> u32 {
        let names = &self.names;
        let new = u32::try_from(names.len()).expect("a file holds fewer than 2^32 names");
        let number = self.index.insert(&name, new, |number| &names[number as usize]);
        if number == new {
            self.names.push(name);
        }
        number
    }

    /// The number of a name, if it has one.
    pub(crate) fn find(&self, name: &str) -> Option<u32> {
        self.index.find(name, |number| &self.names[number as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_numbers_however_many_follow() {
        let mut names = Names::default();
        for round in 0..2 {
            for number in 0..1000_u32 {
                assert_eq!(names.intern(Cow::Owned(format!("road_{number}"))), number, "round {round}");
            }
        }
        assert_eq!((names.len(), names.find("road_999"), names.find("road_1000")), (1000, Some(999), None));
        assert_eq!(names.name(17), "road_17");
        assert_eq!(NameIndex::default().find("a", |_| "a"), None);
    }

    #[test]
    fn names_alike_but_for_length_or_zeros_differ() {
        let mut names = Names::default();
        for name in ["", "\0", "\0\0", "12345678", "12345678\0", "123456781", "1234567812345678"] {
            names.intern(Cow::Borrowed(name));
        }
        assert_eq!(names.len(), 7);
    }
}
