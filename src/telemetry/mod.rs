//! The only door out of the city: what devices tell, in the form in which it travels.
//!
//! A [`Record`] is one reading of one device, identified by (device, epoch, sequence) and dated by the device's own clock. The
//! simulation makes records, the wire carries them as JSON ([`json`]), by schemas in other forms ([`schemas`]), or as public models
//! and feeds ([`profiles`]), under topics ([`topics`]), and whoever stands at its end cannot tell a simulated city from a real one.
//! Knows no file, no socket and nobody who listens.

pub mod digest;
pub mod error;
pub mod field;
pub mod gtfs;
pub mod json;
pub mod payload;
#[cfg(feature = "schemas")]
pub mod profiles;
pub mod reading;
pub mod record;
#[cfg(feature = "schemas")]
pub mod schemas;
#[cfg(not(feature = "schemas"))]
#[path = "schemas_left_out.rs"]
pub mod schemas;
pub mod topics;

pub use digest::Digest;
pub use field::{Column, ColumnType, Value};
pub use payload::PayloadFormat;
pub use reading::{Reading, ReadingKind};
pub use record::{DeviceId, Emission, Fate, Fault, Record};
pub use schemas::{SchemaBook, SchemaFormat};
pub use topics::{TopicError, TopicMap};

#[cfg(test)]
pub(crate) mod tests;
