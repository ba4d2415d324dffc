//! The wire: messages leave a publisher over MQTT, reach a listener, and are acknowledged once they lie in a durable log.
//!
//! ```text
//!  Publisher --window 2,000/connection--> Listener --batches, 32 MiB--> DurableLog --read--> whoever consumes
//!   (rumqttc's packets, one connection      (mqtt-protocol-core,          (segments on disk,
//!    per partition)                          3.1.1 and 5, one port)        one commit per 256 KiB or 2 ms)
//!                                               |
//!                                               +--queue 1,024/subscriber--> subscribers, `mosquitto_sub -t '#'`
//! ```
//!
//! Everything waits for the next station: a slow disk holds back the acknowledgements, missing acknowledgements fill the
//! publisher's window, and a full window blocks whoever publishes. Only slow subscribers lose messages, their own, counted.
//!
//! Never decodes a payload and knows no simulation.

mod bridge;
mod bus;
mod confirm;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod conformance_edge;
mod door;
#[doc(hidden)]
pub mod fuzz;
mod greeting;
#[cfg(feature = "kafka")]
mod kafka;
mod listener;
mod log;
mod membership;
mod memory;
mod message;
mod packet;
mod publisher;
mod stream;
mod target;
#[cfg(test)]
mod tests;
mod tls;
mod users;

pub use bridge::{Away, Bridge, BridgeError, BridgeOptions, BridgeStats};
pub use bus::{Bus, BusError, Done};
pub use confirm::CONFIRMATION_PREFIX;
pub use door::Door;
pub use greeting::is_ours;
#[cfg(feature = "kafka")]
pub use kafka::{
    FEED_CONNECTIONS_MAX, Feed, FeedCounts, FeedError, FeedOptions, KafkaBus, KafkaGroup, KafkaOptions, KafkaSecurity,
    KafkaTarget, Mechanism, Partitioner, read_topic,
};
pub use listener::{ListenError, Listener, ListenerLimits, ListenerSecurity, ListenerStats};
pub use log::{DurableLog, LogOptions, LogStats};
pub use membership::{GroupNews, Membership};
pub use memory::MemoryBus;
pub use message::{Logged, Message, PAYLOAD_BYTES_MAX, TOPIC_BYTES_MAX, partition_of};
pub use publisher::{Confirm, Protocol, PublishError, Publisher, PublisherCounts, PublisherOptions, Witness};
pub use target::{Credentials, Target};
pub use tls::{TlsClient, TlsClientFiles, TlsError, TlsServer};
pub use users::{Users, UsersError, hash_password};
