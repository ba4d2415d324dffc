//! What is new in the stores, asked once for all clients: events in the order in which partitions found them, and alerts that are new or
//! have changed.
//!
//! A partition numbers its events without gaps, so its last key is all that needs remembering. Alerts are replaced when they are over or
//! taken note of: those of the last hour before the newest, and those that still hold, are looked at again every time.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use ulid::Ulid;

use super::words::Told;
use crate::pipeline::alerting::{ALERTS, AlertState};
use crate::pipeline::analytics::{CITY_PARTITION, Progress};
use crate::pipeline::stores::{StoreError, Stores};

/// How often the stores are asked: what devices tell is to be on a page within a second, and is in the live state after 0.2 s.
pub(super) const EVERY: Duration = Duration::from_millis(200);
/// Most news told in a second; of more it is told how many there were.
pub(super) const A_SECOND: usize = 20;
/// Most events read from a partition at once; the others come the next time.
const READ_MAX: usize = 1_000;
/// How far back alerts may still change without holding [ms].
const BACK_MS: u64 = 3_600_000;
/// Most alerts that hold and are followed; the oldest are let go.
const HOLDING_MAX: usize = 1_000;

/// How far the stores have been read.
#[derive(Debug, Default)]
pub(super) struct News {
    /// The last event's key, by partition.
    events: BTreeMap<u16, String>,
    /// Alerts that may still change: what was last seen of each, and whether it held.
    alerts: BTreeMap<String, (blake3::Hash, bool)>,
    /// Whether it was found out what there was before.
    began: bool,
}

/// What is read of an alert.
#[derive(Deserialize)]
struct Seen {
    state: AlertState,
}

impl News {
    /// What is new since the last time; nothing the first time, as nothing before that is new.
    ///
    /// # Errors
    /// When the stores cannot be read; what could not be read is new the next time.
    pub(super) fn ask(&mut self, stores: &Stores) -> Result<Vec<String>, StoreError> {
        let mut found = Vec::new();
        let (began, mut progress) = (self.began, Vec::new());
        stores.tables().scan("progress", "", &mut |_, json| {
            progress.extend(serde_json::from_slice::<Progress>(json).ok());
            ControlFlow::Continue(())
        })?;
        for Progress { partition, events, .. } in progress {
            // What was there before is passed over without being read.
            let last = if began { 0 } else { events };
            let after = || last.checked_sub(1).map_or(String::new(), |number| format!("{partition:05}/{number:020}"));
            self.events.entry(partition).or_insert_with(after);
        }
        self.events.entry(CITY_PARTITION).or_default();
        for (partition, after) in &mut self.events {
            let mut read = 0;
            let mut last = None;
            stores.tables().scan_after("events", &format!("{partition:05}/"), after, &mut |key, json| {
                read += 1;
                last = Some(key.to_owned());
                if began {
                    found.extend(raw(json).map(|event| Told::Event { event }.text()));
                }
                if began && read >= READ_MAX { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
            if let Some(last) = last {
                *after = last;
            }
        }
        self.ask_alerts(stores, &mut found)?;
        self.began = true;
        Ok(found)
    }

    fn ask_alerts(&mut self, stores: &Stores, found: &mut Vec<String>) -> Result<(), StoreError> {
        let from = self.alerts.keys().next_back().map_or(String::new(), |newest| back(newest));
        let mut rows: Vec<(String, Vec<u8>)> = Vec::new();
        for (id, _) in self.alerts.range(..from.clone()) {
            rows.extend(stores.tables().get(ALERTS, id)?.map(|json| (id.clone(), json)));
        }
        stores.tables().scan_after(ALERTS, "", &from, &mut |id, json| {
            rows.push((id.to_owned(), json.to_vec()));
            ControlFlow::Continue(())
        })?;
        for (id, json) in rows {
            let (hash, holds) = (blake3::hash(&json), holds(&json));
            let known = self.alerts.insert(id, (hash, holds));
            if self.began && known.is_none_or(|(seen, _)| seen != hash) {
                found.extend(raw(&json).map(|alert| Told::Alert { alert }.text()));
            }
        }
        let from = self.alerts.keys().next_back().map_or(String::new(), |newest| back(newest));
        self.alerts.retain(|id, (_, holds)| *holds || *id >= from);
        let mut too_many = self.alerts.range(..from.clone()).count().saturating_sub(HOLDING_MAX);
        self.alerts.retain(|id, _| {
            let goes = too_many > 0 && *id < from;
            too_many -= usize::from(goes);
            !goes
        });
        Ok(())
    }
}

/// An hour before an alert, as the beginning of ids.
fn back(id: &str) -> String {
    let time = Ulid::from_string(id).map_or(0, |id| id.timestamp_ms());
    Ulid::from_parts(time.saturating_sub(BACK_MS), 0).to_string()
}

fn holds(json: &[u8]) -> bool {
    serde_json::from_slice::<Seen>(json).is_ok_and(|seen| seen.state == AlertState::Firing)
}

fn raw(json: &[u8]) -> Option<&RawValue> {
    serde_json::from_slice(json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::stores::Row;

    fn row(table: &str, key: String, json: String) -> Row {
        Row { table: table.to_owned(), key, json: json.into_bytes() }
    }

    fn event(partition: u16, number: u64) -> Row {
        row("events", format!("{partition:05}/{number:020}"), format!(r#"{{"number":{number}}}"#))
    }

    fn progress(partition: u16, events: u64) -> Row {
        let json = format!(r#"{{"partition":{partition},"watermark_ms":null,"events":{events},"ended":false}}"#);
        row("progress", format!("{partition:05}"), json)
    }

    fn alert(at_ms: u64, state: &str) -> Row {
        row(ALERTS, Ulid::from_parts(at_ms, 7).to_string(), format!(r#"{{"state":"{state}","at":{at_ms}}}"#))
    }

    #[test]
    fn only_what_is_new_is_told_and_once() {
        let stores = Stores::in_memory();
        let put = |rows: &[Row]| stores.tables().put(rows).expect("memory takes everything");
        put(&[event(0, 0), event(0, 1), progress(0, 2), event(CITY_PARTITION, 0), alert(9_000_000, "firing")]);
        let mut news = News::default();
        let mut ask = || news.ask(&stores).expect("memory can be read");
        assert_eq!(ask(), [""; 0], "what was before is not new");
        put(&[event(0, 2), event(CITY_PARTITION, 1), progress(3, 1), event(3, 0), alert(9_000_001, "noted")]);
        let new = [
            r#"{"type":"event","event":{"number":2}}"#,
            r#"{"type":"event","event":{"number":0}}"#,
            r#"{"type":"event","event":{"number":1}}"#,
            r#"{"type":"alert","alert":{"state":"noted","at":9000001}}"#,
        ];
        assert_eq!(ask(), new);
        assert_eq!(ask(), [""; 0]);
    }

    #[test]
    fn alerts_are_told_again_when_they_are_over() {
        let stores = Stores::in_memory();
        let put = |rows: &[Row]| stores.tables().put(rows).expect("memory takes everything");
        let day = 86_400_000;
        put(&[alert(day, "firing"), alert(day + 1, "resolved")]);
        let mut news = News::default();
        assert!(news.ask(&stores).expect("memory can be read").is_empty());
        // A day later: the one that held is followed, the other no longer.
        put(&[alert(2 * day, "firing")]);
        assert_eq!(news.ask(&stores).expect("memory can be read").len(), 1);
        assert_eq!(news.alerts.len(), 2);
        put(&[alert(day, "resolved")]);
        let over = format!(r#"{{"type":"alert","alert":{{"state":"resolved","at":{day}}}}}"#);
        assert_eq!(news.ask(&stores).expect("memory can be read"), [over]);
        assert_eq!(news.alerts.len(), 1);
        // One that comes late is found as well, if not later than an hour.
        put(&[alert(2 * day - 1_000, "noted")]);
        assert_eq!(news.ask(&stores).expect("memory can be read").len(), 1);
    }
}
