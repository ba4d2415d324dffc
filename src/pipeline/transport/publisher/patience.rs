//! When to send again what nobody has confirmed, and when to give up.
//!
//! TCP's rules for its retransmission timer (Paxson, Allman, Chu, Sargent 2011, RFC 6298, section 5): it runs while something is
//! unconfirmed (5.1, 5.2), begins anew with every confirmation of the oldest (5.3), and after it has run out waits twice as long
//! (5.5). So an end that is slow is not answered with more to do. Counts looks, not time: whoever looks keeps the period.

use std::time::Duration;

/// Looks in one timeout.
const LOOKS: u32 = 4;
/// The wait is doubled so many times at most.
const DOUBLINGS_MAX: u32 = 4;

#[derive(Debug)]
pub(super) struct Patience {
    period: Duration,
    /// Looks without news since the last time something was sent again.
    looks: u32,
    /// Looks without news in all.
    looks_total: u32,
    /// How often it has run out without news.
    doublings: u32,
    give_up: Duration,
}

impl Patience {
    pub(super) fn new(timeout: Duration, give_up: Duration) -> Self {
        let period = (timeout / LOOKS).max(Duration::from_millis(1));
        Self { period, looks: 0, looks_total: 0, doublings: 0, give_up }
    }

    /// Time between two looks.
    pub(super) fn period(&self) -> Duration {
        self.period
    }

    /// The oldest message was confirmed.
    pub(super) fn renew(&mut self) {
        (self.looks, self.looks_total, self.doublings) = (0, 0, 0);
    }

    /// One period has gone by; whether everything unconfirmed is to be sent again.
    pub(super) fn look(&mut self, awaiting: bool) -> bool {
        if !awaiting {
            self.renew();
            return false;
        }
        self.looks += 1;
        self.looks_total = self.looks_total.saturating_add(1);
        // One more, because the first period may have begun before anything was sent.
        if self.looks <= LOOKS << self.doublings {
            return false;
        }
        self.looks = 0;
        self.doublings = (self.doublings + 1).min(DOUBLINGS_MAX);
        true
    }

    /// How long there was no news, if that is too long.
    pub(super) fn exhausted(&self) -> Option<Duration> {
        let waited = self.period * self.looks_total.saturating_sub(1);
        (waited >= self.give_up && self.looks_total > 0).then_some(waited)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_waits_twice_as_long_each_time_and_then_gives_up() {
        let mut patience = Patience::new(Duration::from_secs(4), Duration::from_secs(100));
        let mut again = Vec::new();
        for look in 1..=101 {
            assert_eq!(patience.exhausted(), None, "{look}");
            if patience.look(true) {
                again.push(look);
            }
        }
        assert_eq!(again, [5, 14, 31, 64]);
        assert_eq!(patience.exhausted(), Some(Duration::from_secs(100)));
        patience.renew();
        assert_eq!(patience.exhausted(), None);
        assert!(!patience.look(false) && !patience.look(true), "with news it begins anew");
    }
}
