//! A fingerprint of a set of records that does not depend on their order.
//!
//! Each record's canonical JSON is hashed to 128 bits and the hashes are added modulo 2¹²⁸: loss, doubling and damage all change
//! the sum, and sums of parts add up to the sum of the whole.

/// Count and fingerprint of a set of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Digest {
    /// How many records.
    pub count: u64,
    /// Sum of their 128-bit hashes, modulo 2¹²⁸.
    pub sum: u128,
}

impl Digest {
    /// Adds a record by its canonical JSON, see [`super::json::encode`].
    pub fn add(&mut self, json: &[u8]) {
        let mut hash = [0; 16];
        hash.copy_from_slice(&blake3::hash(json).as_bytes()[..16]);
        self.count += 1;
        self.sum = self.sum.wrapping_add(u128::from_le_bytes(hash));
    }

    /// Adds another set.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum = self.sum.wrapping_add(other.sum);
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{:032x}", self.count, self.sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(records: &[&str]) -> Digest {
        let mut digest = Digest::default();
        for record in records {
            digest.add(record.as_bytes());
        }
        digest
    }

    #[test]
    fn order_does_not_matter_but_loss_doubling_and_damage_do() {
        let whole = digest(&["a", "b", "c"]);
        assert_eq!(digest(&["c", "a", "b"]), whole);
        for other in [&["a", "b"][..], &["a", "b", "c", "c"], &["a", "b", "d"], &["a", "a", "c"]] {
            assert_ne!(digest(other), whole, "{other:?}");
        }
        let mut parts = digest(&["b"]);
        parts.merge(&digest(&["c", "a"]));
        assert_eq!(parts, whole);
    }
}
