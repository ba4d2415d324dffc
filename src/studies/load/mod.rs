//! Load for somebody's ingestion: many devices, what goes wrong with their messages and when each is due, as pure functions of a
//! profile and a seed; what came of it, as figures and a page; and the vehicles of SUMO's floating car data as devices.
//!
//! Nothing here knows a clock or a socket: when the n-th message is due follows from its number, and whoever paces the load asks
//! for one after the other.

mod schedule;

mod search;

mod profile;

mod devices;
mod faults;
mod fcd;

mod expect;
mod figures;
mod page;
mod report;

pub use devices::{Devices, MESSAGE_MIX};
pub use expect::{Expect, Held};
pub use faults::{FaultCounts, Faults, Load, Said, Turn};
pub use fcd::{FcdError, FcdReader, ToLonLat};
pub use figures::{Measured, Moment, PhaseMeasured, Quantiles, Recorder, Spread, Tag, duration, micros};
pub use page::page;
pub use profile::{CONNECTIONS_MAX, DEVICES_MAX, PROFILE_BYTES_MAX, Profile};
pub use report::{Beside, End, Found, LoadReport};
pub use schedule::{Due, PHASES_MAX, Phase, RATE_MAX, SECONDS_MAX, Schedule, Shape, WORKING_DAY};
pub use search::{Search, Searching, Trial};
