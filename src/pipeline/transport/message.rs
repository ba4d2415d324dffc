//! A message on the wire: a topic and bytes, and the partition a topic belongs to.
//!
//! Does not know what the bytes mean.

use std::sync::Arc;

use bytes::Bytes;

/// Longest topic [bytes]; longer ones are refused at the listener and by the bus.
pub const TOPIC_BYTES_MAX: usize = 512;

/// Longest payload [bytes]; longer ones are refused at the listener and by the bus.
pub const PAYLOAD_BYTES_MAX: usize = 64 * 1024;

/// One message; cloning shares topic and payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// MQTT topic name, without wildcards.
    pub topic: Arc<str>,
    /// The bytes as they were sent.
    pub payload: Bytes,
}

impl Message {
    /// A message of these two parts.
    pub fn new(topic: impl Into<Arc<str>>, payload: impl Into<Bytes>) -> Self {
        Self { topic: topic.into(), payload: payload.into() }
    }

    /// Room it takes in queues and logs, without overhead [bytes].
    pub fn bytes(&self) -> usize {
        self.topic.len() + self.payload.len()
    }
}

/// A message with its place in a partition of a bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// Place in the partition, counted from 0; without gaps but for what a broker of others keeps between messages for itself.
    pub offset: u64,
    /// What was sent.
    pub message: Message,
}

/// The partition of a topic: FNV-1a with 64 bits (Fowler, Noll, Vo 1991) of its bytes, modulo the number of partitions.
///
/// Publisher and listener use the same function, so one topic always goes through one connection into one partition and its
/// messages keep their order. The values are part of the log's format: they must never change.
pub fn partition_of(topic: &str, partitions: u16) -> u16 {
    const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let hash = topic.bytes().fold(OFFSET_BASIS, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    // The low bits of FNV-1a are its weak ones; fold the high half in before the remainder is taken.
    let folded = hash ^ (hash >> 32);
    u16::try_from(folded % u64::from(partitions.max(1))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::partition_of;

    /// A changed hash would send a device's next message to another partition than its last and break their order.
    #[test]
    fn a_topic_stays_in_its_partition_for_ever() {
        let pinned: Vec<u16> =
            ["", "a", "city/gps/veh-1", "city/loop/17"].iter().map(|topic| partition_of(topic, 1024)).collect();
        assert_eq!(pinned, [961, 192, 157, 270]);
    }

    #[test]
    fn topics_spread_over_all_partitions() {
        let mut counts = [0_u32; 4];
        for device in 0..4000 {
            counts[usize::from(partition_of(&format!("city/gps/veh-{device}"), 4))] += 1;
        }
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
    }

    #[test]
    fn one_partition_takes_everything() {
        assert_eq!(partition_of("x", 1), 0);
        assert_eq!(partition_of("x", 0), 0);
    }
}
