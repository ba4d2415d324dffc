//! What time it is, for limits, logins and the audit log: the one place here that asks.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::primitives::Timestamp;

/// Time on the wall, and time that never goes back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    begun: Instant,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "limits of a server are about the time on the wall")]
    pub(super) fn new() -> Self {
        Self { begun: Instant::now() }
    }

    /// Since the server began [us]; never goes back.
    pub(super) fn running_us(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// What a calendar says.
    #[expect(clippy::disallowed_methods, reason = "an audit log and an expiry are about the time on the wall")]
    pub(super) fn now() -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        Timestamp::milliseconds(i64::try_from(since).unwrap_or(i64::MAX))
    }
}
