//! Logins of browsers: a secret in a cookie that no script reads, and a second one that only a script of our own page can send.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use subtle::ConstantTimeEq;

use super::caller::Caller;
use super::keys::{NoRandom, digits, hash_of, random};

/// How long a login lasts [ms]: half a day, a shift in a control room and its handover.
pub(super) const LIFE_MS: i64 = 12 * 3_600 * 1_000;
/// Logins at once; beyond it the oldest ends.
const LOGINS_MAX: usize = 4_096;

/// A login.
#[derive(Clone)]
pub(super) struct Login {
    pub(super) caller: Caller,
    /// What a changing request has to show besides the cookie.
    pub(super) token: String,
    /// When it ends, in Unix milliseconds.
    pub(super) until_ms: i64,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("caller", &self.caller).field("until_ms", &self.until_ms).finish_non_exhaustive()
    }
}

impl Login {
    /// Whether a request showed the second secret.
    pub(super) fn is_shown(&self, token: &str) -> bool {
        bool::from(self.token.as_bytes().ct_eq(token.as_bytes()))
    }
}

/// Everybody who is logged in, by the hash of what the cookie holds: whoever reads this memory cannot log in with it.
#[derive(Default)]
pub(super) struct Logins(Mutex<BTreeMap<[u8; 32], Login>>);

impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Logins(..)")
    }
}

impl Logins {
    fn held(&self) -> std::sync::MutexGuard<'_, BTreeMap<[u8; 32], Login>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Logs somebody in, until an instant at the latest: what the cookie holds, and the login.
    pub(super) fn begin(&self, caller: Caller, latest_ms: i64, now_ms: i64) -> Result<(String, Login), NoRandom> {
        let (cookie, token) = (digits(&random()?), digits(&random()?));
        let login = Login { caller, token, until_ms: latest_ms.min(now_ms.saturating_add(LIFE_MS)) };
        let mut held = self.held();
        held.retain(|_, login| login.until_ms > now_ms);
        if held.len() >= LOGINS_MAX
            && let Some(oldest) = held.iter().min_by_key(|entry| entry.1.until_ms).map(|entry| *entry.0)
        {
            held.remove(&oldest);
        }
        held.insert(hash_of(&cookie), login.clone());
        Ok((cookie, login))
    }

    /// The login of a cookie, if it has not ended.
    pub(super) fn find(&self, cookie: &str, now_ms: i64) -> Option<Login> {
        self.held().get(&hash_of(cookie)).filter(|login| login.until_ms > now_ms).cloned()
    }

    /// Ends a login.
    pub(super) fn end(&self, cookie: &str) {
        self.held().remove(&hash_of(cookie));
    }
}

#[cfg(test)]
mod tests {
    use super::super::caller::Role;
    use super::*;

    fn caller(name: &str) -> Caller {
        Caller { name: name.into(), role: Role::Operator }
    }

    #[test]
    fn a_login_lasts_half_a_day_or_as_long_as_its_token() {
        let logins = Logins::default();
        let (cookie, login) = logins.begin(caller("ops"), i64::MAX, 1_000).unwrap();
        assert_eq!(login.until_ms, 1_000 + LIFE_MS);
        assert!(logins.find(&cookie, LIFE_MS).is_some());
        assert!(logins.find(&cookie, 1_000 + LIFE_MS).is_none());
        let (short, _) = logins.begin(caller("ops"), 5_000, 1_000).unwrap();
        assert!(logins.find(&short, 4_999).is_some());
        assert!(logins.find(&short, 5_000).is_none());
        logins.end(&cookie);
        assert!(logins.find(&cookie, 2_000).is_none());
        assert!(logins.find("", 2_000).is_none());
    }

    #[test]
    fn the_second_secret_is_of_the_same_login() {
        let logins = Logins::default();
        let (_, one) = logins.begin(caller("a"), i64::MAX, 0).unwrap();
        let (_, other) = logins.begin(caller("b"), i64::MAX, 0).unwrap();
        assert!(one.is_shown(&one.token));
        assert!(!one.is_shown(&other.token) && !one.is_shown("") && !one.is_shown(&one.token[1..]));
    }

    #[test]
    fn the_oldest_makes_room() {
        let logins = Logins::default();
        let (first, _) = logins.begin(caller("a"), i64::MAX, 0).unwrap();
        for number in 1..=i64::try_from(LOGINS_MAX).unwrap() {
            logins.begin(caller("b"), i64::MAX, number).unwrap();
        }
        assert_eq!(logins.held().len(), LOGINS_MAX);
        assert!(logins.find(&first, 1).is_none());
    }

    #[test]
    fn secrets_are_not_shown() {
        let logins = Logins::default();
        let (cookie, login) = logins.begin(caller("a"), i64::MAX, 0).unwrap();
        let shown = format!("{logins:?} {login:?}");
        assert!(!shown.contains(&cookie) && !shown.contains(&login.token), "{shown}");
    }
}
