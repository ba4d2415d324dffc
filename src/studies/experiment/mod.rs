//! One run of a scenario: the step loop, and the files it leaves.
//!
//! Every file is written under a temporary name and renamed when complete, so that neither a crash nor a full disk leaves half
//! of one. Measures what the simulation hands out; changes nothing in it.

mod columnar;
mod emergencies;
mod files;
mod gridlock;
mod manifest;
mod measured;
mod page;
mod recorder;
mod run;
mod states;
mod stopwatch;
mod summary;
mod sumo_xml;
mod tables;

pub(crate) use files::reason;
pub use files::{Draft, WriteError, make_folder, run_folder, write_file};
pub use gridlock::{Gridlock, find as find_gridlock};
pub use manifest::{Program, run_id, user_cpu_seconds};
pub use recorder::{Prepared, Recorder};
pub use run::{DISCARDED, Destination, Finished, Progress, RunError, Watcher, Wire, WireError, run, run_watched};
pub use states::StateRefused;
pub use summary::Summary;

#[cfg(test)]
mod tests;
