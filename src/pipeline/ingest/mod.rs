//! From bytes to trusted facts: decode, recognise what was here before, keep what cannot be trusted apart.
//!
//! An [`Intake`] is the first operator of a partition: a pure function of the order of its messages, without file, clock or
//! thread, whose whole state becomes bytes and comes back from them. What it trusts it hands on as records, what it does not it
//! hands on as [`Quarantined`] with the original bytes and the reason. Knows no broker, no store and no city.

mod clock;
mod intake;
mod quarantine;
mod sequences;
mod state;

pub use intake::{Intake, IntakeCounts, IntakeSettings, Taken};
pub use quarantine::{Quarantined, Reason};
pub use sequences::Gap;
pub use state::BadState;

#[cfg(test)]
mod tests;
