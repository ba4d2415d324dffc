//! What is noted of the blocks of one line, in their order: a sorted list, because most devices of a large load have a block or two.
//!
//! A tree's smallest node has room for eleven; with a million devices that room is a gigabyte.

/// Values by the number of their block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocks<T>(Vec<(u64, T)>);

impl<T> Default for Blocks<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Blocks<T> {
    fn place(&self, block: u64) -> Result<usize, usize> {
        // Devices count upwards: it is nearly always the last, or behind it.
        match self.0.last() {
            Some((last, _)) if *last == block => Ok(self.0.len() - 1),
            Some((last, _)) if *last < block => Err(self.0.len()),
            None => Err(0),
            _ => self.0.binary_search_by_key(&block, |(number, _)| *number),
        }
    }

    /// What is noted of a block; none if nothing is.
    pub fn get_mut(&mut self, block: u64) -> Option<&mut T> {
        let at = self.place(block).ok()?;
        self.0.get_mut(at).map(|(_, value)| value)
    }

    /// Notes something of a block; gives what was noted of it before.
    pub fn insert(&mut self, block: u64, value: T) -> Option<T> {
        match self.place(block) {
            Ok(at) => self.0.get_mut(at).map(|(_, before)| std::mem::replace(before, value)),
            Err(at) => {
                if self.0.len() == self.0.capacity() {
                    self.0.reserve_exact((self.0.len() / 2).max(1));
                }
                self.0.insert(at, (block, value));
                None
            }
        }
    }

    /// Block numbers and values, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (u64, &T)> {
        self.0.iter().map(|(number, value)| (*number, value))
    }

    /// The values, in order.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.0.iter().map(|(_, value)| value)
    }
}

impl<T> FromIterator<(u64, T)> for Blocks<T> {
    fn from_iter<I: IntoIterator<Item = (u64, T)>>(all: I) -> Self {
        let mut blocks = Self::default();
        for (number, value) in all {
            blocks.insert(number, value);
        }
        blocks
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn they_are_what_a_tree_would_be(changes in prop::collection::vec((0_u64..20, 0_u32..100), 0..60)) {
            let (mut tree, mut blocks) = (BTreeMap::new(), Blocks::default());
            for (number, value) in changes {
                prop_assert_eq!(tree.get(&number), blocks.get_mut(number).map(|value| &*value));
                prop_assert_eq!(tree.insert(number, value), blocks.insert(number, value));
            }
            prop_assert!(tree.iter().map(|(number, value)| (*number, value)).eq(blocks.iter()));
            prop_assert!(tree.values().eq(blocks.values()));
        }
    }
}
