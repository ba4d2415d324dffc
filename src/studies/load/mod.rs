//! Load for somebody's ingestion: many devices, and what goes wrong with their messages, as a pure function of a seed; or the
//! vehicles of SUMO's floating car data.
//!
//! Nothing here knows a clock or a socket: when the n-th message is due follows from its number, and whoever paces the load asks
//! for one after the other.

mod devices;
mod faults;
mod fcd;

pub use devices::{Devices, MESSAGE_MIX};
pub use faults::{Faults, Load, Said};
pub use fcd::{FcdError, FcdReader, ToLonLat};
