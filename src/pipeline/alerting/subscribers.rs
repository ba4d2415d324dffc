//! Who has asked to be told of alerts while the city runs: made and taken away without a restart, each with a secret of its own.
//!
//! No secret lies anywhere. It is made of the server's key and the subscription's id whenever it is needed, so that a server with
//! the same key goes on where the last one was. Without such a key a subscription lives as long as the process.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::crypto::ring::default_provider;
use serde::{Deserialize, Serialize};

use super::address::{Reach, beyond, check, host_and_port, told};
use super::alert::{Alert, AlertState, id, instant, json};
use super::rules::Pattern;
use super::signature::sign;
use crate::pipeline::stores::tables::Tables;
use crate::pipeline::stores::{Row, StoreError};
use crate::primitives::Timestamp;
use crate::telemetry::field::Text;
use crate::telemetry::reading::Severity;

/// The table of subscriptions.
pub const SUBSCRIPTIONS: &str = "subscriptions";
/// Most subscriptions.
pub const SUBSCRIPTIONS_MAX: usize = 50;
/// Longest address [bytes].
pub const URL_MAX: usize = 2_000;
/// Longest name, in characters.
pub const NAME_MAX: usize = 80;
/// Most rules that a subscription names.
pub const RULES_MAX: usize = 20;
/// Longest name of a rule in it [bytes].
pub const RULE_MAX: usize = 200;
/// Least length of a server's key [bytes]; as long as what is signed with it.
pub const KEY_MIN: usize = 32;
/// What the names of their actions begin with; names of a file are written by people, who write no colon there.
const ACTION: &str = "webhook:";
/// Letters of a mark, which tells whether a subscription was made under the same key.
const MARK: usize = 16;

/// The key that the secrets of subscriptions are made of.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerKey(Arc<[u8]>);

impl ServerKey {
    /// A key that is long enough; none if it is not.
    pub fn new(key: &str) -> Option<Self> {
        (key.len() >= KEY_MIN).then(|| Self(key.as_bytes().into()))
    }

    /// One that nobody knows, for as long as the process lives; none if the system has no random numbers.
    fn drawn() -> Option<Self> {
        let mut bytes = [0; KEY_MIN];
        default_provider().secure_random.fill(&mut bytes).ok()?;
        Some(Self(bytes.as_slice().into()))
    }

    /// Digits that only who has the key can make of an id; the same for the same purpose and id.
    fn digits(&self, purpose: &str, id: &str) -> String {
        sign(&self.0, purpose, id.as_bytes()).trim_start_matches("sha256=").to_owned()
    }

    fn secret(&self, id: &str) -> String {
        format!("whsec_{}", self.digits("citytwin 2026 secret of a subscription", id))
    }

    fn mark(&self, id: &str) -> String {
        let mut digits = self.digits("citytwin 2026 mark of a subscription", id);
        digits.truncate(MARK);
        digits
    }
}

impl fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerKey(..)")
    }
}

/// What subscriptions may be here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubscriptionSettings {
    /// What secrets are made of; without it subscriptions end with the process.
    pub key: Option<ServerKey>,
    /// Which machines may be told.
    pub reach: Reach,
}

/// What somebody wants to be told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Where to.
    pub url: String,
    /// A name for people.
    pub name: Option<String>,
    /// Alerts at least so bad; all if none.
    pub severity: Option<Severity>,
    /// Rules by name, with `*` for anything; all if none.
    pub rules: Vec<String>,
    /// Whether the end is told too.
    pub resolved: bool,
}

/// A subscription as it is kept. Holds no secret, unless somebody writes one into the address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Its id, a ULID.
    pub id: String,
    /// Where to.
    pub url: String,
    /// A name for people.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// Alerts at least so bad.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub severity: Option<Severity>,
    /// Rules by name.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub rules: Vec<String>,
    /// Whether the end is told too.
    pub resolved: bool,
    /// When it was made, by the clock on the wall.
    #[serde(with = "instant")]
    pub made: Timestamp,
    /// Who made it.
    pub by: String,
    /// What tells whether it was made under a key.
    mark: String,
}

impl Subscription {
    /// Where to, without path and query, which may be secret.
    pub fn told_to(&self) -> String {
        told(&self.url)
    }

    /// The name under which its notices stand in the outbox.
    pub fn action(&self) -> String {
        format!("{ACTION}{}", self.id)
    }
}

/// Whether an action is a subscription, or was one.
pub fn is_subscription(action: &str) -> bool {
    action.starts_with(ACTION)
}

/// A subscription as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribed {
    /// What it is.
    pub subscription: Subscription,
    /// Whether it is told anything: not where it was made under another key.
    pub is_told: bool,
    /// Whether it outlives the process.
    pub lasts: bool,
}

/// Why a subscription was not made or taken away; every one a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum NotSubscribed {
    /// It cannot be meant.
    #[error("{0}")]
    Invalid(String),
    /// There are as many as there may be.
    #[error("{0}")]
    TooMany(String),
    /// Nobody can be told here.
    #[error("{0}")]
    NotHere(String),
    /// There is none of this id.
    #[error("there is no subscription `{0}` that was made by the API")]
    Unknown(String),
    /// The tables cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a courier has to know of a subscription.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) url: String,
    pub(crate) secret: String,
    pub(crate) reach: Reach,
    /// False as soon as it is taken away.
    pub(crate) is_wanted: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Entry {
    subscription: Subscription,
    action: Text,
    rules: Vec<Pattern>,
    is_told: bool,
    is_wanted: Arc<AtomicBool>,
}

/// Who has asked to be told: shared by who decides, who delivers, and who is asked for subscriptions.
#[derive(Debug)]
pub struct Subscribers {
    key: Option<ServerKey>,
    /// Whether the key is there again after a restart.
    lasts: bool,
    reach: Reach,
    entries: Mutex<BTreeMap<String, Entry>>,
    changes: AtomicU64,
}

impl Subscribers {
    /// Those that the tables hold.
    ///
    /// # Errors
    /// When the tables cannot be read.
    pub fn open(settings: &SubscriptionSettings, tables: &dyn Tables) -> Result<Self, StoreError> {
        let key = settings.key.clone().or_else(ServerKey::drawn);
        let mut entries = BTreeMap::new();
        tables.scan(SUBSCRIPTIONS, "", &mut |_, json| {
            if let Ok(subscription) = serde_json::from_slice::<Subscription>(json) {
                let is_told = key.as_ref().is_some_and(|key| key.mark(&subscription.id) == subscription.mark);
                entries.insert(subscription.id.clone(), entry(subscription, is_told));
            }
            ControlFlow::Continue(())
        })?;
        Ok(Self {
            key,
            lasts: settings.key.is_some(),
            reach: settings.reach,
            entries: Mutex::new(entries),
            changes: AtomicU64::new(1),
        })
    }

    /// Whether subscriptions made now outlive the process.
    pub const fn last(&self) -> bool {
        self.lasts
    }

    /// Every subscription, by id, which is by when it was made.
    pub fn list(&self) -> Vec<Subscribed> {
        self.entries().values().map(|entry| self.shown(entry)).collect()
    }

    /// Makes a subscription, and the secret that its notices are signed with, which is told nowhere else.
    ///
    /// # Errors
    /// When it cannot be meant, there are too many, or it cannot be kept.
    pub fn subscribe(
        &self,
        tables: &dyn Tables,
        wanted: Wanted,
        by: &str,
        now: Timestamp,
    ) -> Result<(Subscribed, String), NotSubscribed> {
        if !cfg!(feature = "actions") {
            let sentence = "this program was built without the feature `actions`, and tells nobody; build it with it";
            return Err(NotSubscribed::NotHere(sentence.to_owned()));
        }
        judge(&wanted, self.reach).map_err(NotSubscribed::Invalid)?;
        let no_random =
            || NotSubscribed::NotHere("the system has no random numbers for a secret; try again".to_owned());
        let key = self.key.as_ref().ok_or_else(no_random)?;
        let drawn = ServerKey::drawn().ok_or_else(no_random)?;
        let id = id(now, &[&drawn.digits("citytwin 2026 id of a subscription", by)]);
        let Wanted { url, name, severity, rules, resolved } = wanted;
        let mark = key.mark(&id);
        let subscription =
            Subscription { id: id.clone(), url, name, severity, rules, resolved, made: now, by: by.to_owned(), mark };
        let mut entries = self.entries();
        if entries.len() >= SUBSCRIPTIONS_MAX {
            return Err(NotSubscribed::TooMany(format!(
                "there are {SUBSCRIPTIONS_MAX} subscriptions, and there may be no more; delete one that is not needed"
            )));
        }
        if self.lasts {
            let row = Row { table: SUBSCRIPTIONS.to_owned(), key: id.clone(), json: json(&subscription) };
            tables.put_lasting(&[row])?;
        }
        let entry = entry(subscription, true);
        let shown = self.shown(&entry);
        entries.insert(id.clone(), entry);
        drop(entries);
        self.changes.fetch_add(1, Ordering::SeqCst);
        Ok((shown, key.secret(&id)))
    }

    /// Takes a subscription away: from now on nothing is sent to it.
    ///
    /// # Errors
    /// When there is none of this id, or that cannot be kept.
    pub fn unsubscribe(&self, tables: &dyn Tables, id: &str) -> Result<(), NotSubscribed> {
        let mut entries = self.entries();
        let entry = entries.get(id).ok_or_else(|| NotSubscribed::Unknown(id.to_owned()))?;
        tables.remove(SUBSCRIPTIONS, &[id.to_owned()])?;
        entry.is_wanted.store(false, Ordering::SeqCst);
        entries.remove(id);
        drop(entries);
        self.changes.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    /// The actions that are told of an alert.
    pub(crate) fn told_of(&self, alert: &Alert) -> Vec<Text> {
        let wants = |entry: &&Entry| {
            let subscription = &entry.subscription;
            entry.is_told
                // The most severe comes first in the order.
                && subscription.severity.is_none_or(|least| alert.severity <= least)
                && (entry.rules.is_empty() || entry.rules.iter().any(|rule| rule.fits(&alert.rule)))
                && (subscription.resolved || alert.state != AlertState::Resolved)
        };
        self.entries().values().filter(wants).map(|entry| Text::clone(&entry.action)).collect()
    }

    /// How often something has changed, from 1.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    /// Whether an action is told anything.
    pub(crate) fn tells(&self, action: &str) -> bool {
        let id = action.strip_prefix(ACTION);
        id.is_some_and(|id| self.entries().get(id).is_some_and(|entry| entry.is_told))
    }

    /// What couriers have to know, by action.
    pub(crate) fn targets(&self) -> Vec<(Text, Target)> {
        let Some(key) = &self.key else { return Vec::new() };
        let target = |entry: &Entry| Target {
            url: entry.subscription.url.clone(),
            secret: key.secret(&entry.subscription.id),
            reach: self.reach,
            is_wanted: Arc::clone(&entry.is_wanted),
        };
        let entries = self.entries();
        let told = entries.values().filter(|entry| entry.is_told);
        told.map(|entry| (Text::clone(&entry.action), target(entry))).collect()
    }

    fn shown(&self, entry: &Entry) -> Subscribed {
        Subscribed {
            subscription: entry.subscription.clone(),
            is_told: entry.is_told,
            // What was read from the tables is there again, whatever the key.
            lasts: self.lasts || !entry.is_told,
        }
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn entry(subscription: Subscription, is_told: bool) -> Entry {
    Entry {
        action: Text::from(subscription.action()),
        rules: subscription.rules.iter().map(|rule| Pattern::new(rule)).collect(),
        is_told,
        is_wanted: Arc::new(AtomicBool::new(true)),
        subscription,
    }
}

/// What is wrong with what somebody wants, in a sentence.
fn judge(wanted: &Wanted, reach: Reach) -> Result<(), String> {
    let url = wanted.url.as_str();
    if url.len() > URL_MAX {
        return Err(format!("`url` has {} bytes, more than {URL_MAX}", url.len()));
    }
    check(url).map_err(|wrong| {
        let wrong = wrong.split(';').next().unwrap_or_default().to_owned();
        format!("`url` {wrong}; write it like `https://alerts.example.org/city`")
    })?;
    let encrypted = url.starts_with("https://");
    let authority = url.split("://").nth(1).and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    let (host, _) = host_and_port(authority, 443).ok_or("`url` names no machine")?;
    // What a name means is found out when it is spoken to; what it cannot mean is told at once.
    let address = match host.parse::<IpAddr>() {
        Ok(address) => Some(address),
        Err(_) if is_this_machine(&host) => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        Err(_) => None,
    };
    if let Some(why) = address.and_then(|address| beyond(address, encrypted, reach)) {
        return Err(format!("the address of `url` {why}"));
    }
    if !encrypted && address.is_none() && reach != Reach::OwnNetwork {
        return Err("`url` would be told in plain words; write https".to_owned());
    }
    if let Some(name) = &wanted.name
        && (name.is_empty() || name.chars().count() > NAME_MAX || name.chars().any(char::is_control))
    {
        return Err(format!("`name` has 1 to {NAME_MAX} characters, and none that controls a terminal"));
    }
    if wanted.rules.len() > RULES_MAX {
        return Err(format!("`rules` names {} rules, more than {RULES_MAX}; use `*`", wanted.rules.len()));
    }
    if wanted.rules.iter().any(|rule| rule.is_empty() || rule.len() > RULE_MAX || rule.chars().any(char::is_control)) {
        return Err(format!("the names in `rules` have 1 to {RULE_MAX} bytes, and no control characters"));
    }
    Ok(())
}

/// Whether a name can only mean this machine (RFC 6761, section 6.3).
fn is_this_machine(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(all(test, feature = "actions"))]
#[path = "subscribers_tests.rs"]
mod tests;
