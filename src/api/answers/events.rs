//! What happened, the newest first: a book that follows the events of all partitions.
//!
//! Partitions number their events without gaps and only add, so following one is reading on from a number. The book keeps the latest
//! [`KEPT`]; older ones are in the table, which `citytwin` exports.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use serde::Serialize;

use crate::pipeline::analytics::Event;
use crate::pipeline::stores::StoreError;
use crate::pipeline::stores::tables::Tables;
use crate::primitives::Timestamp;

/// Most events kept.
pub(crate) const KEPT: usize = 50_000;
const TABLE: &str = "events";

/// When something happened, by which partition it was found, as which of its events.
type Place = (i64, u16, u64);

/// The latest events, by time.
#[derive(Debug, Default)]
pub(crate) struct EventBook {
    next: BTreeMap<u16, u64>,
    events: BTreeMap<Place, Event>,
}

/// Which events are asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct EventsAsked<'a> {
    pub(crate) kind: Option<&'a str>,
    pub(crate) severity: Option<&'a str>,
    /// Not those before.
    pub(crate) since: Option<Timestamp>,
    /// Only those before this place.
    pub(crate) before: Option<Place>,
    pub(crate) limit: usize,
}

/// An event as it is told.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(crate) struct EventAnswer {
    /// Its id: the partition that found it, and its number there.
    #[schema(example = "00001-00000000000000000042")]
    pub(crate) id: String,
    /// What happened.
    #[schema(example = "sensor_silent")]
    pub(crate) kind: &'static str,
    /// When, in the city's time.
    #[schema(format = DateTime)]
    pub(crate) at: String,
    /// The same [Unix ms].
    pub(crate) at_ms: i64,
    /// Whom or what it is about.
    pub(crate) subject: String,
    /// The road, if it is known.
    pub(crate) road: Option<String>,
    /// The area, where an area is meant.
    pub(crate) geofence: Option<String>,
    /// How bad it is.
    #[schema(example = "medium")]
    pub(crate) severity: &'static str,
    /// How far it has come, where there are steps.
    pub(crate) status: Option<String>,
    /// Latitude [deg].
    pub(crate) latitude: Option<f64>,
    /// Longitude [deg].
    pub(crate) longitude: Option<f64>,
    /// What happened, in a sentence.
    pub(crate) says: String,
}

/// An event as it is told.
pub(crate) fn answer(event: &Event) -> EventAnswer {
    let text = |text: &Option<std::sync::Arc<str>>| text.as_deref().map(str::to_owned);
    EventAnswer {
        id: format!("{:05}-{:020}", event.partition, event.number),
        kind: event.kind.word(),
        at: event.at.to_string(),
        at_ms: event.at.as_milliseconds(),
        subject: event.subject.to_string(),
        road: text(&event.road),
        geofence: text(&event.geofence),
        severity: event.severity.word(),
        status: text(&event.status),
        latitude: event.latitude,
        longitude: event.longitude,
        says: event.says.clone(),
    }
}

/// The place of an event.
pub(crate) fn place(event: &Event) -> Place {
    (event.at.as_milliseconds(), event.partition, event.number)
}

impl EventBook {
    /// Reads what is new.
    pub(crate) fn catch_up(&mut self, tables: &dyn Tables) -> Result<(), StoreError> {
        let mut after = String::new();
        loop {
            // The next partition that has events behind those looked at.
            let mut partition: Option<u16> = None;
            tables.scan_after(TABLE, "", &after, &mut |key, _| {
                partition = key.split('/').next().and_then(|word| word.parse().ok());
                ControlFlow::Break(())
            })?;
            let Some(partition) = partition else { return Ok(()) };
            let prefix = format!("{partition:05}/");
            let next = self.next.get(&partition).copied().unwrap_or(0);
            let known = if next == 0 { prefix.clone() } else { format!("{prefix}{:020}", next - 1) };
            let mut new = Vec::new();
            tables.scan_after(TABLE, &prefix, &known, &mut |_, json| {
                new.extend(serde_json::from_slice::<Event>(json).ok());
                ControlFlow::Continue(())
            })?;
            for event in new {
                self.next.insert(partition, event.number + 1);
                self.events.insert(place(&event), event);
                if self.events.len() > KEPT {
                    self.events.pop_first();
                }
            }
            // Behind every number.
            after = format!("{partition:05}/~");
        }
    }

    /// The events asked for, the newest first, and whether there are more.
    pub(crate) fn page(&self, asked: &EventsAsked<'_>) -> (Vec<&Event>, bool) {
        let end = asked.before.unwrap_or((i64::MAX, u16::MAX, u64::MAX));
        let since = asked.since.map_or(i64::MIN, Timestamp::as_milliseconds);
        let wanted = |event: &&Event| {
            asked.kind.is_none_or(|kind| event.kind.word() == kind)
                && asked.severity.is_none_or(|severity| event.severity.word() == severity)
        };
        let mut found = self
            .events
            .range(..end)
            .rev()
            .map(|(_, event)| event)
            .take_while(|event| event.at.as_milliseconds() >= since)
            .filter(wanted);
        let page: Vec<&Event> = found.by_ref().take(asked.limit).collect();
        let more = found.next().is_some();
        (page, more)
    }

    /// How many events of a kind there were since an instant.
    pub(crate) fn count(&self, kind: &str, since: Timestamp) -> usize {
        let recent = self.events.range((since.as_milliseconds(), 0, 0)..);
        recent.filter(|(_, event)| event.kind.word() == kind).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::analytics::EventKind;
    use crate::pipeline::stores::Row;
    use crate::pipeline::stores::tables::MemoryTables;
    use crate::telemetry::reading::Severity;

    fn event(partition: u16, number: u64, seconds: i64, kind: EventKind) -> Event {
        Event {
            partition,
            number,
            kind,
            at: Timestamp::milliseconds(seconds * 1000),
            subject: "a".into(),
            road: None,
            geofence: None,
            severity: Severity::Low,
            status: None,
            latitude: None,
            longitude: None,
            says: String::new(),
        }
    }

    fn keep(tables: &MemoryTables, events: &[Event]) {
        let row = |event: &Event| Row {
            table: TABLE.to_owned(),
            key: event.key(),
            json: serde_json::to_vec(event).expect("plain fields"),
        };
        tables.put(&events.iter().map(row).collect::<Vec<_>>()).expect("memory");
    }

    #[test]
    fn the_newest_of_all_partitions_come_first_and_pages_go_on_from_one_another() {
        let tables = MemoryTables::default();
        keep(
            &tables,
            &[
                event(0, 0, 10, EventKind::Call),
                event(0, 1, 40, EventKind::Incident),
                event(65_535, 0, 30, EventKind::IncidentSuspected),
            ],
        );
        let mut book = EventBook::default();
        book.catch_up(&tables).expect("memory");
        let seconds = |asked: &EventsAsked<'_>| -> (Vec<i64>, bool) {
            let (page, more) = book.page(asked);
            (page.iter().map(|event| event.at.as_milliseconds() / 1000).collect(), more)
        };
        let all = EventsAsked { limit: 2, ..EventsAsked::default() };
        assert_eq!(seconds(&all), (vec![40, 30], true));
        let rest = EventsAsked { before: Some((30_000, 65_535, 0)), ..all.clone() };
        assert_eq!(seconds(&rest), (vec![10], false));
        assert_eq!(seconds(&EventsAsked { kind: Some("call"), ..all.clone() }), (vec![10], false));
        assert_eq!(
            seconds(&EventsAsked { since: Some(Timestamp::milliseconds(30_000)), ..all }),
            (vec![40, 30], false)
        );
    }

    #[test]
    fn following_reads_each_event_once() {
        let tables = MemoryTables::default();
        let mut book = EventBook::default();
        book.catch_up(&tables).expect("memory");
        keep(&tables, &[event(3, 0, 10, EventKind::Call)]);
        book.catch_up(&tables).expect("memory");
        keep(&tables, &[event(3, 1, 20, EventKind::Call), event(1, 0, 15, EventKind::Call)]);
        book.catch_up(&tables).expect("memory");
        book.catch_up(&tables).expect("memory");
        assert_eq!(book.events.len(), 3);
        assert_eq!(book.count("call", Timestamp::milliseconds(15_000)), 2);
    }
}
