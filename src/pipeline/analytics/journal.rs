//! The journal of a partition: numbers what happened, in the order in which it was found.
//!
//! Numbers go on from 0 without a gap, across restarts too, because the next one is part of the analyst's state. Knows no kind of
//! event; it stamps what others found.

use super::emergencies::{CallChain, IncidentChain};
use super::event::{Event, EventKind};
use super::row::Row;
use crate::primitives::Timestamp;
use crate::telemetry::field::Text;
use crate::telemetry::reading::{IncidentStatus, Severity};

/// Something that happened, before it has a number.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct News {
    pub(super) kind: EventKind,
    /// When, in event time [ms].
    pub(super) at: i64,
    pub(super) subject: Text,
    pub(super) road: Option<Text>,
    pub(super) geofence: Option<Text>,
    pub(super) severity: Severity,
    pub(super) status: Option<Text>,
    /// Latitude and longitude, WGS 84 [deg].
    pub(super) place: Option<(f64, f64)>,
    pub(super) says: String,
}

impl News {
    /// News of the least severity, about a subject and nothing else yet.
    pub(super) fn new(kind: EventKind, at: i64, subject: &str, says: String) -> Self {
        let subject = Text::from(subject);
        let severity = Severity::Low;
        Self { kind, at, subject, road: None, geofence: None, severity, status: None, place: None, says }
    }

    /// The event with this number.
    pub(super) fn numbered(self, partition: u16, number: u64) -> Event {
        Event {
            partition,
            number,
            kind: self.kind,
            at: Timestamp::milliseconds(self.at),
            subject: self.subject,
            road: self.road,
            geofence: self.geofence,
            severity: self.severity,
            status: self.status,
            latitude: self.place.map(|place| place.0),
            longitude: self.place.map(|place| place.1),
            says: self.says,
        }
    }
}

/// Numbers events.
#[derive(Debug)]
pub(super) struct Journal {
    partition: u16,
    /// Events told so far.
    pub(super) told: u64,
}

impl Journal {
    pub(super) const fn new(partition: u16) -> Self {
        Self { partition, told: 0 }
    }

    /// Tells something that happened.
    pub(super) fn tell(&mut self, rows: &mut Vec<Row>, news: News) {
        rows.push(Row::Event(news.numbered(self.partition, self.told)));
        self.told += 1;
    }
}

/// News of an incident that somebody reported.
pub(super) fn of_incident(at: Timestamp, chain: &IncidentChain) -> News {
    let status = chain.chain.last().map_or(IncidentStatus::Reported, |step| step.status);
    let lanes = if chain.open { format!(", {} lanes blocked", chain.lanes_blocked) } else { String::new() };
    let says = format!("{} {} on {} {}{lanes}", chain.kind, chain.incident, chain.road, status.word());
    News {
        road: Some(Text::clone(&chain.road)),
        severity: chain.severity,
        status: Some(Text::from(status.word())),
        place: Some((chain.latitude, chain.longitude)),
        ..News::new(EventKind::Incident, at.as_milliseconds(), &chain.incident, says)
    }
}

/// News of an emergency call.
pub(super) fn of_call(at: Timestamp, chain: &CallChain) -> News {
    let status = chain.chain.last().map_or("received", |step| step.status.word());
    let unit = chain.unit.as_ref().map_or_else(String::new, |unit| format!(", unit {unit}"));
    News {
        severity: chain.severity,
        status: Some(Text::from(status)),
        place: Some((chain.latitude, chain.longitude)),
        ..News::new(EventKind::Call, at.as_milliseconds(), &chain.call, format!("call {} {status}{unit}", chain.call))
    }
}
