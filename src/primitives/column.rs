//! Columns in blocks that copies share until one of them writes.
//!
//! A forked city has the same long columns as the one it came from, and touches few of their rows before it is done: so a copy
//! shares every block of rows, and whoever writes first into a block takes a copy of that block alone. Reading costs one step
//! more than in a vector. As bytes it is the sequence of its rows, as a vector's are. Does not know what the rows are.

use std::ops::Index;
use std::sync::Arc;

use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Rows in a block: small enough that a lone write copies little, large enough that sharing costs little.
const BLOCK: usize = 64;

/// A column whose copies share what neither has written to since.
#[derive(Debug, Clone)]
pub(crate) struct Column<T> {
    /// All full but the last.
    blocks: Vec<Arc<Vec<T>>>,
    len: usize,
}

impl<T> Default for Column<T> {
    fn default() -> Self {
        Self { blocks: Vec::new(), len: 0 }
    }
}

impl<T: Clone> Column<T> {
    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The row at a place, if there is one.
    #[inline]
    pub(crate) fn get(&self, place: usize) -> Option<&T> {
        self.blocks.get(place / BLOCK)?.get(place % BLOCK)
    }

    /// The row at a place, to be written.
    ///
    /// # Panics
    /// When there is no such row.
    pub(crate) fn get_mut(&mut self, place: usize) -> &mut T {
        let block: &mut Vec<T> = Arc::make_mut(&mut self.blocks[place / BLOCK]);
        &mut block[place % BLOCK]
    }

    /// Adds a row at the end.
    pub(crate) fn push(&mut self, row: T) {
        if self.len.is_multiple_of(BLOCK) {
            self.blocks.push(Arc::new(Vec::with_capacity(BLOCK)));
        }
        if let Some(last) = self.blocks.last_mut() {
            let block: &mut Vec<T> = Arc::make_mut(last);
            // A copy has room for what it holds.
            block.reserve_exact(BLOCK - block.len());
            block.push(row);
            self.len += 1;
        }
    }

    /// Adds copies of a row until there are `len`.
    pub(crate) fn extend_to(&mut self, len: usize, row: &T) {
        while self.len < len {
            self.push(row.clone());
        }
    }

    /// The rows in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.blocks.iter().flat_map(|block| block.iter())
    }
}

impl<T: Clone> Index<usize> for Column<T> {
    type Output = T;

    #[inline]
    fn index(&self, place: usize) -> &T {
        &self.blocks[place / BLOCK][place % BLOCK]
    }
}

impl<T: Clone> FromIterator<T> for Column<T> {
    fn from_iter<I: IntoIterator<Item = T>>(rows: I) -> Self {
        let mut column = Self::default();
        for row in rows {
            column.push(row);
        }
        column
    }
}

impl<T: Serialize + Clone> Serialize for Column<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rows = serializer.serialize_seq(Some(self.len))?;
        for row in self.iter() {
            rows.serialize_element(row)?;
        }
        rows.end()
    }
}

impl<'de, T: Deserialize<'de> + Clone> Deserialize<'de> for Column<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(|rows| rows.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_writes_into_a_copy_changes_nobody_else() {
        let mut first: Column<usize> = (0..200).collect();
        let mut second = first.clone();
        *second.get_mut(70) = 7;
        second.push(200);
        first.push(1000);
        assert_eq!((first[70], second[70], first.get(64), second.get(202)), (70, 7, Some(&64), None));
        assert_eq!((first.len(), first[200], second[200]), (201, 1000, 200));
        // What neither has written to lies there once.
        assert!(Arc::ptr_eq(&first.blocks[0], &second.blocks[0]) && !Arc::ptr_eq(&first.blocks[1], &second.blocks[1]));
    }

    #[test]
    fn it_is_saved_as_a_vector_is() {
        let rows: Vec<u32> = (0..150).map(|row| row * row).collect();
        let column: Column<u32> = rows.iter().copied().collect();
        let bytes = postcard::to_stdvec(&column).expect("numbers have a form");
        assert_eq!(bytes, postcard::to_stdvec(&rows).expect("numbers have a form"));
        let read: Column<u32> = postcard::from_bytes(&bytes).expect("what was written can be read");
        assert!(read.iter().eq(&rows) && read.len() == rows.len());
    }
}
