//! How much one connection may send: a token bucket each for messages and for bytes (Turner 1986, "New directions in
//! communications", IEEE Communications Magazine 24(10), the "leaky bucket").
//!
//! A read takes what it brought, if need be into debt; in debt the socket is not read, and TCP holds the sender back. Time comes
//! as ticks that all connections share.

use std::time::Duration;

/// Length of a tick.
pub(super) const TICK: Duration = Duration::from_millis(50);
/// Ticks of a second; a bucket holds as much as one second brings.
pub(super) const TICKS_PER_SECOND: u64 = 20;

/// What flows into one bucket, and what is in it.
#[derive(Debug)]
struct Bucket {
    per_second: i64,
    left: i64,
    /// Twentieths that did not make a whole one.
    rest: i64,
}

impl Bucket {
    fn new(per_second: u64) -> Self {
        let per_second = i64::try_from(per_second.max(1)).unwrap_or(i64::MAX / 1_000_000).min(i64::MAX / 1_000_000);
        Self { per_second, left: per_second, rest: 0 }
    }

    fn fill(&mut self, ticks: u64) {
        // More than two seconds fill it from any debt a read can make.
        let ticks = i64::try_from(ticks).unwrap_or(i64::MAX).min(1_000_000);
        let brought = self.per_second * ticks + self.rest;
        let whole = i64::try_from(TICKS_PER_SECOND).unwrap_or(1);
        self.left = self.left.saturating_add(brought / whole).min(self.per_second);
        self.rest = brought % whole;
    }
}

/// The allowance of one connection.
#[derive(Debug)]
pub(super) struct Allowance {
    messages: Bucket,
    bytes: Bucket,
    /// The tick it was filled at.
    filled: u64,
}

impl Allowance {
    /// For so many messages and bytes a second.
    pub(super) fn new(messages: u64, bytes: u64, now: u64) -> Self {
        Self { messages: Bucket::new(messages), bytes: Bucket::new(bytes), filled: now }
    }

    /// Takes what was read; whether that made a debt where there was none.
    pub(super) fn take(&mut self, messages: usize, bytes: usize, now: u64) -> bool {
        self.fill(now);
        let before = self.in_debt();
        self.messages.left = self.messages.left.saturating_sub(i64::try_from(messages).unwrap_or(i64::MAX));
        self.bytes.left = self.bytes.left.saturating_sub(i64::try_from(bytes).unwrap_or(i64::MAX));
        self.in_debt() && !before
    }

    /// Time has gone by.
    pub(super) fn fill(&mut self, now: u64) {
        let ticks = now.saturating_sub(self.filled);
        if ticks > 0 {
            self.messages.fill(ticks);
            self.bytes.fill(ticks);
            self.filled = now;
        }
    }

    /// Whether nothing more may be read now.
    pub(super) fn in_debt(&self) -> bool {
        self.messages.left < 0 || self.bytes.left < 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_comes_through_than_is_allowed() {
        for (messages, bytes, per_read) in [(100, u64::MAX, (7, 7)), (u64::MAX, 1000, (1, 90)), (3, 3, (1, 1))] {
            let mut allowance = Allowance::new(messages, bytes, 0);
            let (mut read, mut throttled) = ((0_usize, 0_usize), 0);
            for now in 0..=TICKS_PER_SECOND * 60 {
                allowance.fill(now);
                while !allowance.in_debt() {
                    throttled += u32::from(allowance.take(per_read.0, per_read.1, now));
                    read = (read.0 + per_read.0, read.1 + per_read.1);
                }
            }
            let most = |per_second: u64, once: usize| per_second.saturating_mul(61).saturating_add(2 * once as u64);
            assert!(
                read.0 as u64 <= most(messages, per_read.0) && read.1 as u64 <= most(bytes, per_read.1),
                "{read:?}"
            );
            let least = |per_second: u64| per_second.saturating_mul(60);
            assert!(read.0 as u64 >= least(messages) || read.1 as u64 >= least(bytes), "{read:?}");
            assert!(throttled > 0);
        }
    }
}
