//! How often somebody may ask: one number a caller, in bounded memory.
//!
//! The generic cell rate algorithm (ITU-T I.371, annex A.1, virtual scheduling): of everybody it is kept when all that was asked for
//! would be earned again. Who asks evenly at the rate is never refused, who pauses may ask a burst at once. Knows no clock.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Callers remembered; beyond it those who are new share one allowance.
const CALLERS_MAX: usize = 65_536;
const HOUR_US: u64 = 3_600_000_000;

/// How often and how many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests an hour, 1 to 3,600,000,000.
    pub per_hour: u32,
    /// Requests at once, at least 1.
    pub burst: u32,
}

impl Rate {
    /// So many an hour, a tenth of them at once, but at least 20.
    pub const fn hourly(per_hour: u32) -> Self {
        let tenth = per_hour / 10;
        Self { per_hour, burst: if tenth < 20 { 20 } else { tenth } }
    }

    /// Time in which one more is earned [us].
    fn interval_us(self) -> u64 {
        (HOUR_US / u64::from(self.per_hour.max(1))).max(1)
    }
}

/// Of whom it is counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    /// Somebody with a name; the first part keeps kinds of names apart.
    Name(&'static str, Arc<str>),
    /// Whoever has an address, as [`neighbourhood`] has it.
    Address(IpAddr),
    /// All those for whom there was no room.
    Crowd,
}

/// Whether one more may be asked, and what the headers say of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdict {
    /// If it may not: after how many seconds it may [s].
    pub(super) wait_s: Option<u64>,
    /// How many may be asked at once.
    pub(super) limit: u32,
    /// How many may be asked now.
    pub(super) remaining: u64,
    /// When all may be asked again [s].
    pub(super) reset_s: u64,
}

/// Counts requests.
#[derive(Debug)]
pub(super) struct Limiter {
    /// When everybody has earned again what it asked for [us].
    earned: Mutex<BTreeMap<Who, u64>>,
    callers_max: usize,
}

impl Default for Limiter {
    fn default() -> Self {
        Self { earned: Mutex::default(), callers_max: CALLERS_MAX }
    }
}

impl Limiter {
    /// Takes one request of somebody, if there is one to take.
    pub(super) fn take(&self, who: Who, rate: Rate, now_us: u64) -> Verdict {
        self.look(who, rate, now_us, true)
    }

    /// What somebody would be told, without taking anything.
    pub(super) fn peek(&self, who: Who, rate: Rate, now_us: u64) -> Verdict {
        self.look(who, rate, now_us, false)
    }

    fn look(&self, who: Who, rate: Rate, now_us: u64, take: bool) -> Verdict {
        let interval = rate.interval_us();
        let whole = interval.saturating_mul(u64::from(rate.burst.max(1)));
        let mut earned = self.earned.lock().unwrap_or_else(PoisonError::into_inner);
        let mut who = who;
        if !earned.contains_key(&who) && earned.len() >= self.callers_max {
            earned.retain(|_, until| *until > now_us);
            if earned.len() >= self.callers_max {
                who = Who::Crowd;
            }
        }
        let before = earned.get(&who).copied().unwrap_or(0).max(now_us);
        let after = before.saturating_add(interval);
        let allowed = after - now_us <= whole;
        if allowed && take {
            earned.insert(who, after);
        }
        drop(earned);
        let owed = if allowed && take { after - now_us } else { before - now_us };
        Verdict {
            wait_s: (!allowed).then(|| (after - now_us - whole).div_ceil(1_000_000).max(1)),
            limit: rate.burst.max(1),
            remaining: whole.saturating_sub(owed) / interval,
            reset_s: owed.div_ceil(1_000_000),
        }
    }
}

/// Whoever has one address of IPv6 has at least 2^64 of them.
pub(crate) fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    fn name(name: &str) -> Who {
        Who::Name("key", name.into())
    }

    #[test]
    fn a_burst_is_given_and_then_as_much_as_is_earned() {
        let limiter = Limiter::default();
        let rate = Rate { per_hour: 3_600, burst: 3 };
        let take = |at| limiter.take(name("a"), rate, at);
        let first = take(10 * SECOND);
        assert_eq!(first, Verdict { wait_s: None, limit: 3, remaining: 2, reset_s: 1 });
        assert_eq!(take(10 * SECOND).remaining, 1);
        assert_eq!(take(10 * SECOND), Verdict { wait_s: None, limit: 3, remaining: 0, reset_s: 3 });
        let refused = take(10 * SECOND);
        assert_eq!(refused, Verdict { wait_s: Some(1), limit: 3, remaining: 0, reset_s: 3 });
        // Being refused costs nothing: a second later there is one.
        assert_eq!(take(11 * SECOND).wait_s, None);
        assert_eq!(take(11 * SECOND).wait_s, Some(1));
        // Evenly at the rate nobody is ever refused, however long.
        for at in 12..2_000 {
            assert_eq!(take(at * SECOND).wait_s, None, "{at}");
        }
        // And after a pause the whole burst is there, no more.
        let granted = (0..10).filter(|_| take(9_000 * SECOND).wait_s.is_none()).count();
        assert_eq!(granted, 3);
    }

    #[test]
    fn one_caller_costs_another_nothing() {
        let limiter = Limiter::default();
        let rate = Rate { per_hour: 1, burst: 1 };
        assert_eq!(limiter.take(name("a"), rate, 0).wait_s, None);
        assert_eq!(limiter.take(name("a"), rate, 0).wait_s, Some(3_600));
        assert_eq!(limiter.take(name("b"), rate, 0).wait_s, None);
        assert_eq!(limiter.take(Who::Name("token", "a".into()), rate, 0).wait_s, None);
        assert_eq!(limiter.peek(name("c"), rate, 0).remaining, 1);
        assert_eq!(limiter.peek(name("c"), rate, 0).remaining, 1);
    }

    #[test]
    fn memory_is_bounded_and_strangers_beyond_it_share() {
        let limiter = Limiter { callers_max: 4, ..Limiter::default() };
        let rate = Rate { per_hour: 3_600, burst: 2 };
        let held = || limiter.earned.lock().unwrap().len();
        for number in 0..4 {
            assert_eq!(limiter.take(name(&number.to_string()), rate, 0).wait_s, None);
        }
        // No room: two strangers share what one may.
        assert_eq!(limiter.take(name("x"), rate, 0).wait_s, None);
        assert_eq!(limiter.take(name("y"), rate, 0).wait_s, None);
        assert_eq!(limiter.take(name("z"), rate, 0).wait_s, Some(1));
        assert_eq!(held(), 5);
        // Those who were there before are still counted by themselves.
        assert_eq!(limiter.take(name("0"), rate, 0).wait_s, None);
        // Whoever has earned everything again is forgotten.
        assert_eq!(limiter.take(name("late"), rate, 100 * SECOND).wait_s, None);
        assert_eq!(held(), 1);
    }

    #[test]
    fn addresses_of_one_network_of_ipv6_are_one() {
        let of = |text: &str| neighbourhood(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
        assert_ne!(of("10.0.0.1"), of("10.0.0.2"));
    }
}
