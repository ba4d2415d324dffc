//! Keeping: what the pipeline made of the messages, so that no crash loses or doubles any of it.
//!
//! Six stores behind one trait each, so that a real server can take the place of any: the last word of every device
//! ([`live`]), everything ever said ([`history`], and [`records`] to ask it), rows with keys ([`tables`]), what could not be read ([`quarantine`]), and how
//! far each partition has come ([`checkpoints`]). [`Stores`] keeps whole batches in all of them. In memory, or embedded: redb and
//! Parquet in one folder; the last words also in Redis, records and tables also in PostgreSQL, everything but the last words in a `bucket.rs`. Computes no indicator and knows no simulation.

pub mod batch;
#[cfg(feature = "s3")]
pub mod bucket;
pub mod checkpoints;
mod database;
pub mod error;
pub mod history;
pub mod live;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod quarantine;
pub mod records;
mod refill;
pub mod retention;
mod sent;
pub mod sight;
mod sorted;
pub mod tables;
pub mod truth;
mod whole;

pub use batch::{Ahead, Batch, Keeper, Quarantined, Resume, Row};
#[cfg(feature = "s3")]
pub use bucket::{Bucket, S3Settings};
pub use error::StoreError;
pub use history::TableFile;
pub use live::{Area, LiveSettings, LiveStatus};
pub use quarantine::{Kept, QuarantineTotals};
pub use retention::{Gone, Retention};
pub use sent::{SentRow, SentTruth, StrangerRow};
pub use truth::TruthWriter;
pub use whole::{Parts, StoreSettings, Stores};

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod crashes;
#[cfg(all(test, feature = "server-tests"))]
mod tests;
