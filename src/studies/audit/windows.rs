//! Whether the windows hold what the history holds: positions in minutes of vehicles against positions stored.
//!
//! Windows may lack what came too late for them, or what is still open, until they are reconciled; they may never hold more than there
//! is. Reads rows as whoever asks for them would, and knows no operator.

use std::ops::ControlFlow;

use super::balance::AuditError;
use crate::pipeline::stores::Stores;
use crate::telemetry::ReadingKind;

/// What was found of the minutes of vehicles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct WindowAccount {
    /// Positions in the history.
    pub stored: u64,
    /// Positions that the minutes of vehicles count.
    pub summed: u64,
    /// Rows that cannot be read.
    pub unreadable: u64,
}

impl WindowAccount {
    /// Positions in no window: too late, or in a window that is still open.
    pub const fn open(&self) -> u64 {
        self.stored.saturating_sub(self.summed)
    }

    /// Whether the windows hold no more than there is.
    pub const fn closes(&self) -> bool {
        self.summed <= self.stored && self.unreadable == 0
    }
}

/// The counts of a row.
#[derive(serde::Deserialize)]
struct Counts {
    fixes: u64,
    without_fix: u64,
}

/// Counts the positions in windows and in the history.
///
/// # Errors
/// When either cannot be read.
pub fn windows(stores: &Stores) -> Result<WindowAccount, AuditError> {
    let mut account = WindowAccount::default();
    // What was told of days that are gone by age has nothing beside it any more.
    let begins = stores.gone()?.before.map_or_else(String::new, |before| before.to_string());
    stores.tables().scan_after("position_minutes", "", &begins, &mut |_, json| {
        match serde_json::from_slice::<Counts>(json) {
            Ok(counts) => {
                account.summed = account.summed.saturating_add(counts.fixes).saturating_add(counts.without_fix);
            }
            Err(_) => account.unreadable += 1,
        }
        ControlFlow::Continue(())
    })?;
    stores.scan(ReadingKind::Position, &mut |_| {
        account.stored += 1;
        ControlFlow::Continue(())
    })?;
    Ok(account)
}
