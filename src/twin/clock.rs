//! What time it is on the wall: the one place of the running twin that asks.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::primitives::Timestamp;

/// Now.
#[expect(clippy::disallowed_methods, reason = "the running twin paces, waits and measures by the clock on the wall")]
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::milliseconds(i64::try_from(since.as_millis()).unwrap_or(i64::MAX).min(Timestamp::MAX.as_milliseconds()))
}

/// Now, for durations: never steps.
#[expect(clippy::disallowed_methods, reason = "the running twin paces, waits and measures by the clock on the wall")]
pub(crate) fn instant() -> Instant {
    Instant::now()
}
