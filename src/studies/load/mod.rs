//! Load for somebody's ingestion: many devices, what goes wrong with their messages and when each is due, as pure functions of a
//! profile and a seed; what came of it, as figures and a page; and the vehicles of SUMO's floating car data as devices.
//!
//! Nothing here knows a clock or a socket: when the n-th message is due follows from its number, and whoever paces the load asks
//! for one after the other.

mod schedule;

mod search;

mod asked;
mod profile;

mod devices;
mod faults;
mod fcd;
mod hostile;
mod source;
mod talk;
mod wrongs;

mod expect;
mod figures;
mod page;
mod report;
mod store;

pub use asked::{SourceAsked, StoreAsked};
pub use devices::{Devices, MESSAGE_MIX};
pub use expect::{Expect, Held};
pub use faults::{FaultCounts, Faults, Labels, LoadFault};
pub use fcd::{FcdError, FcdReader, ToLonLat};
pub use figures::{Measured, Moment, PhaseMeasured, Quantiles, Recorder, Spread, Tag, duration, micros};
pub use page::page;
pub use profile::{CONNECTIONS_MAX, DEVICES_MAX, Profile};
pub use report::{Beside, End, Found, LoadReport};
pub use schedule::{Due, PHASES_MAX, Phase, RATE_MAX, SECONDS_MAX, Schedule, Shape, WORKING_DAY};
pub use search::{Search, Searching, Trial};
pub use source::{SOURCE_DEVICES_MAX, Source, Told};
pub use store::StoreMeasured;
pub use talk::{Load, Said, Turn};
