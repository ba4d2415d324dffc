//! Whether everything that was emitted arrived, once and unharmed: double-entry bookkeeping for a city's messages.
//!
//! The [`Ledger`] is written where devices speak, before anything can go wrong. The [`Balance`] compares it with what the stores
//! hold, by reading every row back. It does not know the pipeline's own counters: they could be wrong in the same way as the
//! pipeline.

mod balance;
mod grading;
mod ledger;
mod show;

#[cfg(test)]
mod tests;

pub use balance::{Account, AuditError, Balance, balance};
pub use grading::{ErrorSums, Graded, Grader, open_sky_deviation};
pub use ledger::{Entry, Ledger, LedgerError, Line};
