//! What goes by age: days of history, rows of tables, messages of the quarantine, so that stores kept for years do not grow for ever.
//!
//! Age is event time against a clock that is handed in; what time it is on the wall nobody knows here. What went is noted before
//! it goes, so that whoever counts afterwards tells what is gone by age from what was lost. Nothing here decides how long anything is
//! kept: [`Retention`] is the operator's.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::PoisonError;

use serde::{Deserialize, Serialize};

use super::batch::Row;
use super::error::StoreError;
use super::history::Piece;
use super::whole::{Step, Stores};
use crate::primitives::{SimDuration, Timestamp};
use crate::telemetry::ReadingKind;

/// The table of what went by age.
pub const HOUSEKEEPING: &str = "housekeeping";
/// Rows taken away at once.
const ROWS_MAX: usize = 10_000;
/// A day [ms].
const DAY: i64 = 86_400_000;
/// States of rows that somebody still works on; they stay however old they are.
const UNSETTLED: [&str; 2] = ["firing", "pending"];

/// How long what is kept; for ever if none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Days of history, in Parquet.
    pub history: Option<SimDuration>,
    /// Days of records on a server beside it.
    pub records: Option<SimDuration>,
    /// Minutes of roads and vehicles.
    pub minutes: Option<SimDuration>,
    /// Windows of five minutes and more, figures of records on a server, and what was reconciled.
    pub windows: Option<SimDuration>,
    /// Events, calls and incidents, by the last that was told of them.
    pub events: Option<SimDuration>,
    /// Alerts that are over, notices that are settled, dead letters.
    pub alerts: Option<SimDuration>,
    /// Messages in the quarantine, by when they came.
    pub quarantine: Option<SimDuration>,
}

impl Default for Retention {
    /// Raw records and the quarantine for 30 days, minutes for 7, windows, events and alerts for 400: a year and a month to compare.
    fn default() -> Self {
        let days = |days: i64| Some(SimDuration::milliseconds(days * DAY));
        let (month, week, year) = (days(30), days(7), days(400));
        Self {
            history: month,
            records: month,
            minutes: week,
            windows: year,
            events: year,
            alerts: year,
            quarantine: month,
        }
    }
}

impl Retention {
    /// Everything for ever, as for a study.
    pub const FOREVER: Self = Self {
        history: None,
        records: None,
        minutes: None,
        windows: None,
        events: None,
        alerts: None,
        quarantine: None,
    };

    /// The lives by the names an operator knows them by.
    pub const fn named(&self) -> [(&'static str, Option<SimDuration>); 7] {
        [
            ("history", self.history),
            ("records", self.records),
            ("minutes", self.minutes),
            ("windows", self.windows),
            ("events", self.events),
            ("alerts", self.alerts),
            ("quarantine", self.quarantine),
        ]
    }
}

/// How the age of a table's rows is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aged {
    /// Their keys begin with a time.
    ByKey,
    /// By the latest instant in them; rows that somebody still works on stay.
    ByContent,
    /// By the latest instant in them, and within what stands before the first `/` of their keys they are in the order of time.
    ByContentInOrder,
}

/// What is gone by age.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Gone {
    /// Records of days before are gone, as far as they were there.
    pub before: Option<Timestamp>,
    /// How many records of each kind went.
    pub records: BTreeMap<ReadingKind, u64>,
}

/// Since when rows of a table are there.
#[derive(Debug, Serialize, Deserialize)]
struct Floor {
    before: String,
}

/// Up to which messages partitions had been kept at an instant of the city's clock.
#[derive(Debug, Serialize, Deserialize)]
struct Mark {
    at_ms: i64,
    /// By partition: the next message.
    next: BTreeMap<u16, u64>,
}

/// The beginning of an instant's day.
fn midnight(at: Timestamp) -> Timestamp {
    Timestamp::milliseconds(at.as_milliseconds().div_euclid(DAY).saturating_mul(DAY))
}

/// The latest instant told anywhere in a row.
fn latest(value: &serde_json::Value) -> Option<Timestamp> {
    match value {
        serde_json::Value::String(text) => text.parse().ok(),
        serde_json::Value::Array(items) => items.iter().filter_map(latest).max(),
        serde_json::Value::Object(fields) => fields.values().filter_map(latest).max(),
        _ => None,
    }
}

/// Whether a row is older than an instant, and nobody works on it; one that tells no time is not.
fn is_old(json: &[u8], before: Timestamp) -> bool {
    let Ok(row) = serde_json::from_slice::<serde_json::Value>(json) else { return false };
    let state = row.get("state").and_then(serde_json::Value::as_str);
    !state.is_some_and(|state| UNSETTLED.contains(&state)) && latest(&row).is_some_and(|latest| latest < before)
}

impl Stores {
    /// Takes away the history of days that ended at or before `before`; gives how many records went.
    ///
    /// Pieces that stand for no day go when all of their records are so old.
    ///
    /// # Errors
    /// When it cannot be noted or taken away; what was noted is gone for whoever reads, and its files go at the next opening.
    pub fn forget_history(&self, before: Timestamp) -> Result<u64, StoreError> {
        let before = midnight(before);
        let _merging = self.merging.lock().unwrap_or_else(PoisonError::into_inner);
        let mut old = Vec::new();
        for piece in self.pieces()? {
            if self.is_old(&piece, before)? {
                old.push(piece);
            }
        }
        if old.is_empty() {
            return Ok(0);
        }
        let _alone = self.pieces.write().unwrap_or_else(PoisonError::into_inner);
        self.checkpoints.forget(&old, before)?;
        self.after(Step::Swapped)?;
        if !self.history.is_shared() {
            self.history.remove(&old)?;
        }
        Ok(old.iter().map(|piece| piece.rows).sum())
    }

    /// Whether all records of a piece are older than an instant.
    fn is_old(&self, piece: &Piece, before: Timestamp) -> Result<bool, StoreError> {
        if let Some(day) = piece.day() {
            return Ok(day.as_milliseconds().saturating_add(DAY) <= before.as_milliseconds());
        }
        let mut old = true;
        let _ = self.history.read(piece, &mut |record| {
            old = record.time < before;
            if old { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(old)
    }

    /// What is gone by age of the history.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn gone(&self) -> Result<Gone, StoreError> {
        self.checkpoints.gone()
    }

    /// Takes away rows of a table that are older than `before`, in small steps as long as `goes_on` says so; gives how many went.
    ///
    /// # Errors
    /// When the table cannot be read or written.
    pub fn forget_rows(
        &self,
        table: &str,
        aged: Aged,
        before: Timestamp,
        goes_on: &dyn Fn() -> bool,
    ) -> Result<u64, StoreError> {
        let before = midnight(before);
        let (mut gone, mut after) = (0, String::new());
        while goes_on() {
            let (old, next) = match aged {
                Aged::ByKey => self.old_by_key(table, before)?,
                Aged::ByContent | Aged::ByContentInOrder => self.old_by_content(table, aged, before, &after)?,
            };
            if !old.is_empty() {
                self.note_floor(table, before)?;
                gone += self.tables().remove(table, &old)?;
            }
            match next {
                Some(next) => after = next,
                None => break,
            }
        }
        Ok(gone)
    }

    /// Keys of old rows, and where to go on if there may be more.
    fn old_by_key(&self, table: &str, before: Timestamp) -> Result<(Vec<String>, Option<String>), StoreError> {
        let (end, mut old) = (before.to_string(), Vec::new());
        self.tables().scan(table, "", &mut |key, _| {
            if key >= end.as_str() || old.len() >= ROWS_MAX {
                return ControlFlow::Break(());
            }
            old.push(key.to_owned());
            ControlFlow::Continue(())
        })?;
        let more = old.last().filter(|_| old.len() >= ROWS_MAX).cloned();
        Ok((old, more))
    }

    fn old_by_content(
        &self,
        table: &str,
        aged: Aged,
        before: Timestamp,
        after: &str,
    ) -> Result<(Vec<String>, Option<String>), StoreError> {
        let (mut old, mut next, mut looked) = (Vec::new(), None, 0);
        self.tables().scan_after(table, "", after, &mut |key, json| {
            looked += 1;
            if is_old(json, before) {
                old.push(key.to_owned());
            } else if aged == Aged::ByContentInOrder {
                // Behind everything of the same beginning: no key goes beyond `~`.
                next = key.split_once('/').map(|(beginning, _)| format!("{beginning}/~"));
                return ControlFlow::Break(());
            }
            if looked >= ROWS_MAX {
                next = Some(key.to_owned());
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        Ok((old, next))
    }

    /// Notes that rows of a table before an instant may be gone from now on.
    fn note_floor(&self, table: &str, before: Timestamp) -> Result<(), StoreError> {
        if self.rows_since(table)?.is_some_and(|since| since >= before) {
            return Ok(());
        }
        let json = serde_json::to_vec(&Floor { before: before.to_string() }).unwrap_or_default();
        self.tables().put_lasting(&[Row { table: HOUSEKEEPING.to_owned(), key: format!("table/{table}"), json }])
    }

    /// Rows of a table that tell of nothing after this instant may be gone by age; none if all are there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn rows_since(&self, table: &str) -> Result<Option<Timestamp>, StoreError> {
        let row = self.tables().get(HOUSEKEEPING, &format!("table/{table}"))?;
        let floor = row.and_then(|json| serde_json::from_slice::<Floor>(&json).ok());
        Ok(floor.and_then(|floor| floor.before.parse().ok()))
    }

    /// Takes away messages of the quarantine that came before `before`, as far as that is known: once a day of the city's clock
    /// it is noted how far the partitions have come. Gives how many went.
    ///
    /// # Errors
    /// When it cannot be noted or taken away.
    pub fn forget_quarantine(&self, clock: Timestamp, before: Timestamp, partitions: u16) -> Result<u64, StoreError> {
        let key = |at: Timestamp| format!("log/{}", at.date());
        if self.tables().get(HOUSEKEEPING, &key(clock))?.is_none() {
            let mut next = BTreeMap::new();
            for partition in 0..partitions {
                next.insert(partition, self.checkpoints.next(partition)?.unwrap_or(0));
            }
            let json = serde_json::to_vec(&Mark { at_ms: clock.as_milliseconds(), next }).unwrap_or_default();
            self.tables().put(&[Row { table: HOUSEKEEPING.to_owned(), key: key(clock), json }])?;
        }
        let (mut newest, mut used) = (None::<Mark>, Vec::new());
        self.tables().scan(HOUSEKEEPING, "log/", &mut |key, json| {
            let mark = serde_json::from_slice::<Mark>(json).ok();
            match mark.filter(|mark| mark.at_ms <= before.as_milliseconds()) {
                Some(mark) => {
                    used.push(key.to_owned());
                    newest = Some(mark);
                    ControlFlow::Continue(())
                }
                None => ControlFlow::Break(()),
            }
        })?;
        let mut gone = 0;
        for (partition, next) in newest.into_iter().flat_map(|mark| mark.next) {
            gone += self.quarantine().forget(partition, next)?;
        }
        self.tables().remove(HOUSEKEEPING, &used)?;
        Ok(gone)
    }
}

impl Piece {
    /// The beginning of the day its records were made on; none if they are of several days.
    pub fn day(&self) -> Option<Timestamp> {
        self.folder().rsplit_once("date=").and_then(|(_, day)| Timestamp::midnight(day))
    }
}
