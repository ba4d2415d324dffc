//! The wire and what stands at its end; it cannot tell a simulated city from a real one.

pub mod alerting;
pub mod analytics;
pub mod ingest;
#[cfg(feature = "schemas")]
pub mod registry;
pub mod stores;
pub mod transport;
