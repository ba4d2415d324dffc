//! When a rule makes an alert, and when the alert is over: windows in a row, cool-down, the other threshold for the end.
//!
//! Decides on what is remembered and what is new; reads nothing.

use std::fmt::Write as _;

use super::memory::Memory;
use super::windows::Sample;
use crate::pipeline::alerting::alert::{self, Alert, AlertState, SAYS_MAX};
use crate::pipeline::alerting::metric::Stream;
use crate::pipeline::alerting::outbox::Notice;
use crate::pipeline::alerting::rules::{AlertRules, EventRule, Rule};
use crate::pipeline::alerting::subscribers::Subscribers;
use crate::pipeline::analytics::{Event, EventKind};
use crate::pipeline::stores::Row;
use crate::primitives::{SimDuration, Timestamp};
use crate::telemetry::field::Text;

/// After how many windows without a number an alert is over.
pub(super) const QUIET_MAX: i64 = 12;
/// After how long without a word an alert over an event is over [ms]: a week.
pub(super) const EVENT_OPEN_MAX: i64 = 7 * 86_400_000;

/// What was decided in a step.
#[derive(Debug, Default)]
pub(super) struct Decided {
    pub(super) rows: Vec<Row>,
    pub(super) raised: u64,
    pub(super) resolved: u64,
    pub(super) notices: u64,
}

/// Decides, with what is remembered at hand.
pub(super) struct Judge<'a> {
    pub(super) rules: &'a AlertRules,
    /// Who else is told; nobody if none.
    pub(super) subscribers: Option<&'a Subscribers>,
    pub(super) memory: &'a mut Memory,
    pub(super) decided: &'a mut Decided,
    /// The clock on the wall.
    pub(super) now: Timestamp,
}

impl Judge<'_> {
    /// A subject told numbers in window `index` of a rule, which begins and ends at these instants.
    pub(super) fn window(&mut self, rule: &Rule, subject: &Text, sample: &Sample, index: i64) {
        let length = rule.window.as_milliseconds();
        let end = Timestamp::milliseconds(index.saturating_add(1).saturating_mul(length));
        let Some(value) = rule.aggregation.of(&sample.values) else { return };
        let holds = rule.operator.holds(value, rule.threshold);
        if !holds && self.memory.get(&rule.name, subject).is_none() {
            return;
        }
        let Some(entry) = self.memory.entry(&rule.name, subject) else { return };
        let in_a_row = entry.last == Some(index - 1);
        entry.last = Some(index);
        entry.streak = match (holds, in_a_row) {
            (true, true) => entry.streak.saturating_add(1),
            (true, false) => 1,
            (false, _) => 0,
        };
        if entry.open.is_some() {
            if !holds && !rule.operator.holds(value, rule.resolve_at) {
                let says = format!("{}: {} again", rule.name, told(rule, subject, value));
                self.resolve(rule.into(), subject, end, Some(value), &says);
            }
        } else if entry.streak >= rule.windows && entry.cool_until.is_none_or(|until| until <= end.as_milliseconds()) {
            let start = (end.as_milliseconds() - length).to_string();
            let mut says = format!(
                "{}: {}, {} {}",
                rule.name,
                told(rule, subject, value),
                rule.operator.sign(),
                rule.metric.told(rule.threshold)
            );
            if rule.windows > 1 {
                let _ = write!(says, ", {} times in a row", entry.streak);
            }
            let alert = Alert {
                id: alert::id(end, &[&rule.name, subject, &start]),
                rule: Text::clone(&rule.name),
                state: AlertState::Firing,
                severity: rule.severity,
                subject: Text::clone(subject),
                road: sample.road.clone(),
                geofence: None,
                latitude: sample.place.map(|place| place.0),
                longitude: sample.place.map(|place| place.1),
                looks_at: rule.metric.name.to_owned(),
                value: Some(value),
                threshold: Some(rule.threshold),
                unit: rule.metric.unit.to_owned(),
                since: end,
                until: None,
                raised: self.now,
                says: alert::cut(&says, SAYS_MAX).to_owned(),
            };
            self.raise(rule.into(), subject, &alert);
        }
        self.memory.let_go(&rule.name, subject, end.as_milliseconds());
    }

    /// All windows of a rule before `next` have been told: what nobody speaks of any more is over.
    pub(super) fn quiet(&mut self, rule: &Rule, next: i64) {
        let length = rule.window.as_milliseconds();
        let at = next.saturating_mul(length);
        let stale = self.memory.subjects(&rule.name, |entry| {
            let last = entry.last.unwrap_or(i64::MIN);
            (entry.open.is_some() && last.saturating_add(QUIET_MAX) < next)
                || (entry.open.is_none()
                    && entry.counts.is_empty()
                    && last.saturating_add(1) < next
                    && (entry.streak > 0 || entry.is_idle(at)))
        });
        for subject in stale {
            let Some(entry) = self.memory.entry(&rule.name, &subject) else { continue };
            entry.streak = 0;
            if entry.open.is_some() {
                // As it would have been found window by window.
                let over = entry.last.map_or(next, |last| last.saturating_add(QUIET_MAX + 1));
                let over = Timestamp::milliseconds(over.saturating_mul(length));
                let says = format!("{}: nothing more is told of {subject}", rule.name);
                self.resolve(rule.into(), &subject, over, None, &says);
            }
            self.memory.let_go(&rule.name, &subject, at);
        }
    }

    /// Something happened.
    pub(super) fn event(&mut self, rule: &EventRule, event: &Event) {
        let subject = subject_of(event);
        let at = event.at.as_milliseconds();
        let asked = rule.filter.kinds.contains(&event.kind);
        let ends = ends(event);
        // A rule may ask for the end itself, by its kind or its status.
        let by_status = !rule.filter.status.is_empty() && rule.filter.takes_status(event);
        let ends_only = ends && (!asked || (has_end(event.kind) && !by_status));
        if ends_only {
            let about = |open: &Alert| {
                rule.filter.kinds.iter().any(|kind| kind.word() == open.looks_at && ended_by(*kind, event.kind))
            };
            let open = self.memory.get(&rule.name, &subject).and_then(|entry| entry.open.as_ref());
            if open.is_some_and(about) {
                let says = format!("{}: {}", rule.name, event.says);
                self.resolve(rule.into(), &subject, event.at, None, &says);
                self.memory.let_go(&rule.name, &subject, at);
            }
            return;
        }
        if !asked || !rule.filter.takes_status(event) || !rule.filter.takes_event(&self.rules.geofences, event) {
            return;
        }
        let Some(entry) = self.memory.entry(&rule.name, &subject) else { return };
        let again = entry.open.is_some();
        if (again && event.kind != EventKind::GeofenceEntered) || entry.cool_until.is_some_and(|until| until > at) {
            self.memory.let_go(&rule.name, &subject, at);
            return;
        }
        if again {
            // Who comes in twice has been out; the word of it was lost.
            let says = format!("{}: it has left, though nobody said so", rule.name);
            self.resolve(rule.into(), &subject, event.at, None, &says);
        }
        let endless = ends || !has_end(event.kind);
        let says = format!("{}: {}", rule.name, event.says);
        let alert = Alert {
            id: alert::id(event.at, &[&rule.name, &subject, &event.key()]),
            rule: Text::clone(&rule.name),
            state: if endless { AlertState::Noted } else { AlertState::Firing },
            severity: rule.severity.unwrap_or(event.severity),
            subject: Text::clone(&event.subject),
            road: event.road.clone(),
            geofence: event.geofence.clone(),
            latitude: event.latitude,
            longitude: event.longitude,
            looks_at: event.kind.word().to_owned(),
            value: None,
            threshold: None,
            unit: String::new(),
            since: event.at,
            until: None,
            raised: self.now,
            says: alert::cut(&says, SAYS_MAX).to_owned(),
        };
        self.raise(rule.into(), &subject, &alert);
        self.memory.let_go(&rule.name, &subject, at);
    }

    /// Alerts over events of which nobody has spoken for long are over.
    pub(super) fn forgotten(&mut self, rule: &EventRule, reached: i64) {
        let before = reached.saturating_sub(EVENT_OPEN_MAX);
        let idle = self.memory.subjects(&rule.name, |entry| match &entry.open {
            Some(open) => open.since.as_milliseconds() < before,
            None => entry.is_idle(reached),
        });
        for subject in idle {
            let says = format!("{}: nothing more is told of it", rule.name);
            self.resolve(rule.into(), &subject, Timestamp::milliseconds(reached), None, &says);
            self.memory.let_go(&rule.name, &subject, reached);
        }
    }

    /// The rules of the file have changed: what is open under a rule that is gone is over, and nobody is told.
    pub(super) fn gone(&mut self, reached: i64) {
        let rules = self.rules;
        let known = |name: &Text| {
            rules.rules.iter().any(|rule| rule.name == *name) || rules.events.iter().any(|rule| rule.name == *name)
        };
        let gone: Vec<Text> = self.memory.rules().into_iter().filter(|name| !known(name)).collect();
        for name in gone {
            for subject in self.memory.subjects(&name, |_| true) {
                let tells = Tells { name: &name, cool_down: SimDuration::ZERO, actions: &[], tell_resolved: false };
                let says = format!("{name}: there is no such rule any more");
                self.resolve(tells, &subject, Timestamp::milliseconds(reached), None, &says);
                if let Some(entry) = self.memory.entry(&name, &subject) {
                    (entry.streak, entry.cool_until) = (0, None);
                    entry.counts.clear();
                }
            }
        }
    }

    fn raise(&mut self, tells: Tells<'_>, subject: &Text, alert: &Alert) {
        let Some(entry) = self.memory.entry(tells.name, subject) else { return };
        let cool_until = alert.since.later(tells.cool_down).as_milliseconds();
        entry.cool_until = (tells.cool_down > SimDuration::ZERO).then_some(cool_until);
        entry.open = (alert.state == AlertState::Firing).then(|| alert.clone());
        self.decided.raised += 1;
        self.decided.rows.push(alert.row());
        self.tell(tells, alert);
    }

    fn resolve(&mut self, tells: Tells<'_>, subject: &Text, until: Timestamp, value: Option<f64>, says: &str) {
        let open = self.memory.entry(tells.name, subject).and_then(|entry| entry.open.take());
        let Some(mut alert) = open else { return };
        alert.state = AlertState::Resolved;
        alert.until = Some(until);
        alert.value = value.or(alert.value);
        alert::cut(says, SAYS_MAX).clone_into(&mut alert.says);
        self.decided.resolved += 1;
        self.decided.rows.push(alert.row());
        self.tell(tells, &alert);
    }

    /// Writes down who is to be told.
    fn tell(&mut self, tells: Tells<'_>, alert: &Alert) {
        let by_rule = tells.tell_resolved || alert.state != AlertState::Resolved;
        let of_rule = if by_rule { tells.actions } else { &[] };
        let of_rule = of_rule.iter().filter_map(|action| self.rules.actions.get(*action));
        let others = self.subscribers.map_or_else(Vec::new, |subscribers| subscribers.told_of(alert));
        let names: Vec<Text> = of_rule.map(|action| Text::clone(&action.name)).chain(others).collect();
        for name in names {
            let number = self.memory.cursors.notices;
            self.memory.cursors.notices += 1;
            self.decided.notices += 1;
            self.decided.rows.push(Notice::new(number, &name, alert, self.now).row());
        }
    }
}

/// What of a rule telling depends on.
#[derive(Clone, Copy)]
struct Tells<'a> {
    name: &'a Text,
    cool_down: SimDuration,
    actions: &'a [usize],
    tell_resolved: bool,
}

impl<'a> From<&'a Rule> for Tells<'a> {
    fn from(rule: &'a Rule) -> Self {
        let (cool_down, tell_resolved) = (rule.cool_down, rule.tell_resolved);
        Self { name: &rule.name, cool_down, actions: &rule.actions, tell_resolved }
    }
}

impl<'a> From<&'a EventRule> for Tells<'a> {
    fn from(rule: &'a EventRule) -> Self {
        let (cool_down, tell_resolved) = (rule.cool_down, rule.tell_resolved);
        Self { name: &rule.name, cool_down, actions: &rule.actions, tell_resolved }
    }
}

fn told(rule: &Rule, subject: &Text, value: f64) -> String {
    let window = rule.window;
    let word = super::word_of(rule.aggregation);
    let value = if word == "count" { format!("{value:.0}") } else { rule.metric.told(value) };
    match rule.metric.stream() {
        Stream::Pipeline | Stream::Events => format!("{} ({word} of {window}, {subject}) is {value}", rule.metric.name),
        _ => format!("{} of {subject} ({word} of {window}) is {value}", rule.metric.name),
    }
}

/// Whom an event is about: who visits several areas at once is several.
fn subject_of(event: &Event) -> Text {
    match &event.geofence {
        Some(fence) => Text::from(format!("{} @ {fence}", event.subject)),
        None => Text::clone(&event.subject),
    }
}

/// Whether what happened has an end that is told.
const fn has_end(kind: EventKind) -> bool {
    !matches!(kind, EventKind::IncidentOver | EventKind::GeofenceLeft | EventKind::SensorWell)
}

/// Whether this is the end of something.
fn ends(event: &Event) -> bool {
    match event.kind {
        EventKind::IncidentOver | EventKind::GeofenceLeft | EventKind::SensorWell => true,
        EventKind::Incident => event.status.as_deref() == Some("cleared"),
        EventKind::Call => event.status.as_deref() == Some("closed"),
        _ => false,
    }
}

/// Whether what began with one kind of event ends with another.
const fn ended_by(began: EventKind, end: EventKind) -> bool {
    matches!(
        (began, end),
        (EventKind::Incident, EventKind::Incident)
            | (EventKind::Call, EventKind::Call)
            | (EventKind::IncidentSuspected, EventKind::IncidentOver)
            | (EventKind::GeofenceEntered, EventKind::GeofenceLeft)
            | (
                EventKind::SensorSilent
                    | EventKind::SensorStuck
                    | EventKind::SensorImplausible
                    | EventKind::SensorDrifted
                    | EventKind::SensorClockWrong
                    | EventKind::SensorBatteryLow,
                EventKind::SensorWell
            )
    )
}
