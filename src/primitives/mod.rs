//! Words everybody uses: quantities that cannot be mixed, dense typed ids, integer time, keyed randomness.
//!
//! The ground floor. It knows nothing of roads, vehicles, files or clocks.

pub mod class;
pub(crate) mod column;
pub mod emergency;
pub mod fail_point;
pub(crate) mod fields;
pub mod geometry;
pub mod ids;
pub mod quantity;
pub mod random;
pub mod text;
pub mod time;
pub mod timestamp;
pub(crate) mod tree;
pub(crate) mod units;

pub use class::{ClassSet, VehicleClass};
pub use emergency::{Category, IncidentKind};
pub use geometry::{Point, Polyline};
pub use quantity::{Acceleration, Distance, Flow, Speed};
pub use time::{SimDuration, SimTime};
pub use timestamp::Timestamp;
