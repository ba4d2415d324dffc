//! A registry of schemas: subjects with versions, what may follow what, and ids that mean the same for ever.
//!
//! Speaks no HTTP and knows no city: the API puts Confluent's paths before it. What it takes is on disk before anybody is told, by
//! files that appear whole (`disk.rs`); what it knows it writes into a [`crate::telemetry::SchemaBook`], so that whoever reads the
//! wire in the same process can read by it at once. Schemas are never forgotten by id: what was written by one can be read as long as
//! the folder is there.

mod catalogue;
mod compatibility;
mod disk;
mod error;
mod known;
mod level;
mod parsed;
mod state;

pub use catalogue::{Registered, Registry, Versions, fill, is_in};
pub use error::RegistryError;
pub use level::{Level, Mode};
pub use state::{Reference, Schema};

#[cfg(test)]
mod tests;
