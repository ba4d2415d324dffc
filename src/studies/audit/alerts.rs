//! Whether every alert has its cause, every cause its alert, and everybody to be told a notice, found by reading all tables anew.
//!
//! Which events call for an alert is worked out from the rules and the events alone, without what the overseer remembers. What
//! cannot be known from them is not held against anybody: within a cool-down, or while an alert is open, further events about the
//! same subject are silent.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::ControlFlow;

use super::balance::AuditError;
use crate::pipeline::alerting::{ALERTS, Alert, AlertRules, AlertState, DEAD_LETTERS, Notice, NoticeState, OUTBOX};
use crate::pipeline::analytics::{Event, EventKind};
use crate::pipeline::stores::{StoreError, Stores};
use crate::primitives::Timestamp;

/// What happened longer before what its partition had told already needs no alert [ms]: a day.
const LOOK_BACK: i64 = 86_400_000;

/// What was found of alerts.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct AlertAccount {
    /// Alerts in the table.
    pub alerts: u64,
    /// Of them, over.
    pub resolved: u64,
    /// Notices that have arrived, by the outbox.
    pub delivered: u64,
    /// Notices that are to be delivered.
    pub pending: u64,
    /// Notices given up.
    pub dead: u64,
    /// Notices that ought to be there, by the rules' actions, and are not.
    pub untold: u64,
    /// Notices that are there twice, or of no alert or no action.
    pub strange_notices: u64,
    /// Subjects with an event that calls for an alert and no alert at all.
    pub missing: u64,
    /// Alerts over events of which there is no such event.
    pub without_cause: u64,
    /// Rows that cannot be read.
    pub unreadable: u64,
    /// Notices that have arrived by the outbox, and not by whoever received them; none without their word.
    pub not_received: Option<u64>,
    /// Notices received that the outbox knows as neither delivered nor on their way.
    pub received_strange: Option<u64>,
}

impl AlertAccount {
    /// Whether nothing is missing, and nothing is there without a cause.
    pub fn closes(&self) -> bool {
        let wrong = [self.untold, self.strange_notices, self.missing, self.without_cause, self.unreadable];
        wrong.iter().all(|count| *count == 0)
            && self.not_received.unwrap_or(0) == 0
            && self.received_strange.unwrap_or(0) == 0
    }
}

impl fmt::Display for AlertAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            alerts, resolved, delivered, pending, dead, untold, strange_notices, missing, without_cause, ..
        } = self;
        write!(
            f,
            "alerts: {alerts}, {resolved} of them over; {missing} missing, {without_cause} without a cause; notices: {delivered} \
             delivered, {pending} pending, {dead} given up, {untold} missing, {strange_notices} strange"
        )?;
        if self.unreadable > 0 {
            write!(f, "; {} rows cannot be read", self.unreadable)?;
        }
        if let (Some(lost), Some(strange)) = (self.not_received, self.received_strange) {
            write!(f, "; of those delivered {lost} were not received, and {strange} were received that nobody sent")?;
        }
        Ok(())
    }
}

/// Compares alerts with events, notices with alerts, and with what was received: event ids, if somebody wrote them down.
///
/// `tells` is whether somebody is told at all: a run tells nobody.
///
/// # Errors
/// When a table cannot be read.
pub fn alerts(
    stores: &Stores,
    rules: &AlertRules,
    tells: bool,
    received: Option<&BTreeSet<String>>,
) -> Result<AlertAccount, AuditError> {
    let mut account = AlertAccount::default();
    let mut since = i64::MIN;
    for table in ["events", ALERTS, OUTBOX, DEAD_LETTERS] {
        since = since.max(stores.rows_since(table)?.map_or(i64::MIN, Timestamp::as_milliseconds));
    }
    let mut known: BTreeMap<String, Alert> = BTreeMap::new();
    scan(stores, ALERTS, &mut account, |alert: Alert| drop(known.insert(alert.id.clone(), alert)))?;
    account.alerts = known.len() as u64;
    account.resolved = known.values().filter(|alert| alert.state == AlertState::Resolved).count() as u64;
    causes(stores, rules, &known, since, &mut account)?;
    let notices = notices(stores, since, &mut account)?;
    let told_since: BTreeMap<String, Alert> =
        known.into_iter().filter(|(_, alert)| alert.since.as_milliseconds() >= since).collect();
    told(rules, &told_since, &notices, (since, tells), &mut account);
    if let Some(received) = received {
        let of = |states: &[NoticeState]| -> BTreeSet<&String> {
            notices.values().filter(|notice| states.contains(&notice.state)).map(|notice| &notice.id).collect()
        };
        let received: BTreeSet<&String> = received.iter().collect();
        account.not_received = Some(of(&[NoticeState::Delivered]).difference(&received).count() as u64);
        // One that arrived without anybody hearing of it is on its way once more, or was given up.
        let all = of(&[NoticeState::Delivered, NoticeState::Pending, NoticeState::Dead]);
        account.received_strange = Some(received.difference(&all).count() as u64);
    }
    Ok(account)
}

/// Reads a table; rows that cannot be read are counted.
fn scan<T: serde::de::DeserializeOwned>(
    stores: &Stores,
    table: &str,
    account: &mut AlertAccount,
    mut each: impl FnMut(T),
) -> Result<(), StoreError> {
    stores.tables().scan(table, "", &mut |_, json| {
        match serde_json::from_slice(json) {
            Ok(row) => each(row),
            Err(_) => account.unreadable += 1,
        }
        ControlFlow::Continue(())
    })
}

/// Rule, subject, area and kind of what happened.
type Cause = (String, String, Option<String>, String);

/// Holds alerts over events against the events there are; what happened before `since` may be gone by age [ms].
fn causes(
    stores: &Stores,
    rules: &AlertRules,
    known: &BTreeMap<String, Alert>,
    since: i64,
    account: &mut AlertAccount,
) -> Result<(), StoreError> {
    // When something happened that a rule takes.
    let mut causes: BTreeMap<Cause, BTreeSet<i64>> = BTreeMap::new();
    let mut called: BTreeSet<(String, String, Option<String>)> = BTreeSet::new();
    // The latest instant each partition had told before.
    let mut latest: BTreeMap<u16, i64> = BTreeMap::new();
    scan(stores, "events", account, |event: Event| {
        let at = event.at.as_milliseconds();
        let latest = latest.entry(event.partition).or_insert(at);
        *latest = at.max(*latest);
        // Just behind what is gone, an alert that is gone may have kept it silent.
        let is_old = at < latest.saturating_sub(LOOK_BACK).max(since.saturating_add(LOOK_BACK));
        for rule in &rules.events {
            let filter = &rule.filter;
            let is_end = matches!(
                (event.kind, event.status.as_deref()),
                (EventKind::Incident, Some("cleared")) | (EventKind::Call, Some("closed"))
            );
            let asked = filter.kinds.contains(&event.kind) && (!is_end || !filter.status.is_empty());
            if asked && filter.takes_status(&event) && filter.takes_event(&rules.geofences, &event) {
                let fence = event.geofence.as_ref().map(ToString::to_string);
                let cause = (rule.name.to_string(), event.subject.to_string(), fence, event.kind.word().to_owned());
                if !is_old {
                    called.insert((cause.0.clone(), cause.1.clone(), cause.2.clone()));
                }
                causes.entry(cause).or_default().insert(at);
            }
        }
    })?;
    let mut raised = BTreeSet::new();
    for alert in known.values() {
        let fence = alert.geofence.as_ref().map(ToString::to_string);
        raised.insert((alert.rule.to_string(), alert.subject.to_string(), fence.clone()));
        let is_about_events = rules.events.iter().any(|rule| rule.name == alert.rule);
        let cause = (alert.rule.to_string(), alert.subject.to_string(), fence, alert.looks_at.clone());
        let at = alert.since.as_milliseconds();
        if is_about_events && at >= since && !causes.get(&cause).is_some_and(|times| times.contains(&at)) {
            account.without_cause += 1;
        }
    }
    account.missing = called.difference(&raised).count() as u64;
    Ok(())
}

/// The notices by number; those of one id for one action are counted once more. Some of alerts before `since` may be gone by age [ms].
fn notices(stores: &Stores, since: i64, account: &mut AlertAccount) -> Result<BTreeMap<u64, Notice>, StoreError> {
    let (mut found, mut ids) = (BTreeMap::new(), BTreeSet::new());
    let mut strange = 0;
    scan(stores, OUTBOX, account, |notice: Notice| {
        strange += u64::from(!ids.insert((notice.id.clone(), notice.action.to_string())));
        found.insert(notice.number, notice);
    })?;
    account.strange_notices += strange;
    // Numbers are without gaps: one that is not there was lost. Where some are gone by age, they count from the first that cannot be.
    let counts = |notice: &&Notice| since == i64::MIN || notice.alert.since.as_milliseconds() >= since;
    let end = found.keys().next_back().map_or(0, |last| last + 1);
    let first = || found.values().find(counts).map_or(end, |first| first.number);
    let begin = if since == i64::MIN { 0 } else { first() };
    account.untold += (end - begin).saturating_sub(found.range(begin..).count() as u64);
    for notice in found.values() {
        match notice.state {
            NoticeState::Delivered => account.delivered += 1,
            NoticeState::Pending => account.pending += 1,
            NoticeState::Dead => {
                account.dead += 1;
                let letter = stores.tables().get(DEAD_LETTERS, &notice.key())?;
                account.untold += u64::from(letter.is_none() && counts(&notice));
            }
        }
    }
    Ok(found)
}

/// Holds notices against the alerts and the actions of their rules.
fn told(
    rules: &AlertRules,
    known: &BTreeMap<String, Alert>,
    notices: &BTreeMap<u64, Notice>,
    (since, tells): (i64, bool),
    account: &mut AlertAccount,
) {
    let written: BTreeSet<(&str, &str)> = notices.values().map(|one| (one.id.as_str(), one.action.as_ref())).collect();
    let strange = |one: &&Notice| one.alert.since.as_milliseconds() >= since && !known.contains_key(&one.alert.id);
    account.strange_notices += notices.values().filter(strange).count() as u64;
    if !tells {
        return;
    }
    for alert in known.values() {
        let of_events = rules.events.iter().map(|rule| (&rule.name, &rule.actions, rule.tell_resolved));
        let of_metrics = rules.rules.iter().map(|rule| (&rule.name, &rule.actions, rule.tell_resolved));
        let Some((_, actions, tells_end)) = of_events.chain(of_metrics).find(|rule| *rule.0 == alert.rule) else {
            continue;
        };
        let words: &[&str] = match alert.state {
            AlertState::Noted => &["noted"],
            AlertState::Resolved if tells_end => &["firing", "resolved"],
            AlertState::Firing | AlertState::Resolved => &["firing"],
        };
        for action in actions.iter().filter_map(|action| rules.actions.get(*action)) {
            let lacking = |word: &&&str| !written.contains(&(format!("{}-{word}", alert.id).as_str(), &*action.name));
            account.untold += words.iter().filter(lacking).count() as u64;
        }
    }
}
