//! Whether everything that was emitted arrived, once and unharmed: double-entry bookkeeping for a city's messages.
//!
//! The [`Ledger`] is written where devices speak, before anything can go wrong. The [`Balance`] compares it with what the stores
//! hold, by reading every row back. It does not know the pipeline's own counters: they could be wrong in the same way as the
//! pipeline.

mod alerts;
mod balance;
mod blocks;
mod export;
mod found;
mod grading;
mod journal;
mod ledger;
mod live;
mod marks;
mod show;
mod whole;
mod windows;

#[cfg(test)]
mod export_tests;
#[cfg(test)]
mod tests;

pub use alerts::{AlertAccount, alerts};
pub use balance::{Account, AuditError, Balance, Missing, balance, balance_of_log, balance_of_records};
pub use blocks::Blocks;
pub use export::{Allowed, ExportColumns, balance_of_export, balance_of_messages};
pub use grading::{ErrorSums, Graded, Grader, open_sky_deviation};
pub use journal::Journal;
pub use ledger::{BLOCK, Entry, Ledger, LedgerError, Line};
pub use live::{LiveAccount, live};
pub use marks::Marks;
pub use whole::Audit;
pub use windows::{WindowAccount, windows};
