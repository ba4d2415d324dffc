//! What is to be told to whom: one row for each alert and action, from the moment it is decided until it has arrived or is given up.
//!
//! Rows are numbered as they are written, so whoever delivers remembers how far all is settled. A row is written once by who
//! decides, in the same go as the alert, and from then on only by who delivers.

use serde::{Deserialize, Serialize};

use super::alert::{Alert, AlertState, instant, json, perhaps};
use crate::pipeline::stores::tables::Tables;
use crate::pipeline::stores::{Row, StoreError};
use crate::primitives::Timestamp;
use crate::telemetry::field::Text;

/// The table of notices.
pub const OUTBOX: &str = "outbox";
/// The table of notices that were given up.
pub const DEAD_LETTERS: &str = "dead_letters";
/// The table of what a deliverer remembers.
pub(crate) const DELIVERIES: &str = "deliveries";
/// The key of how often, and from where on, given up notices were taken up again.
pub(crate) const REQUEUED: &str = "requeued";

/// After how long each further try is made [s]; when they are used up, the notice is given up.
pub const RETRIES: [i64; 5] = [1, 5, 25, 125, 625];

/// How far a notice has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoticeState {
    /// It is to be delivered.
    Pending,
    /// The other side has said that it has it.
    Delivered,
    /// Given up; it lies among the dead letters.
    Dead,
}

/// An alert on its way to an action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// Its number, from 0 without gaps.
    pub number: u64,
    /// What the other side knows it by; the same in every try: the alert's id and what is told of it.
    pub id: String,
    /// The action's name.
    pub action: Text,
    /// How far it has come.
    pub state: NoticeState,
    /// How often it was tried.
    pub attempts: u32,
    /// Not to be tried before.
    #[serde(with = "instant")]
    pub next_try: Timestamp,
    /// What the last try met.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_error: Option<String>,
    /// When it was decided.
    #[serde(with = "instant")]
    pub queued: Timestamp,
    /// When it was delivered or given up.
    #[serde(with = "perhaps", skip_serializing_if = "Option::is_none", default)]
    pub settled: Option<Timestamp>,
    /// The alert as it is to be told.
    pub alert: Alert,
}

impl Notice {
    /// A new one.
    pub(crate) fn new(number: u64, action: &Text, alert: &Alert, now: Timestamp) -> Self {
        let told = match alert.state {
            AlertState::Firing => "firing",
            AlertState::Resolved => "resolved",
            AlertState::Noted => "noted",
        };
        Self {
            number,
            id: format!("{}-{told}", alert.id),
            action: Text::clone(action),
            state: NoticeState::Pending,
            attempts: 0,
            next_try: now,
            last_error: None,
            queued: now,
            settled: None,
            alert: alert.clone(),
        }
    }

    /// Its key: sorts by number.
    pub fn key(&self) -> String {
        key(self.number)
    }

    /// The row it is kept as.
    pub(crate) fn row(&self) -> Row {
        Row { table: OUTBOX.to_owned(), key: self.key(), json: json(self) }
    }

    /// The row it lies among the dead letters as, with the bytes that could not be delivered.
    pub(crate) fn dead_letter(&self, body: &str) -> Row {
        let letter = DeadLetter { notice: self.clone(), body: body.to_owned(), requeued: None };
        Row { table: DEAD_LETTERS.to_owned(), key: self.key(), json: json(&letter) }
    }
}

/// The key of a notice.
pub(crate) fn key(number: u64) -> String {
    format!("{number:020}")
}

/// A notice that was given up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The notice, with the last error.
    pub notice: Notice,
    /// What was to be sent.
    pub body: String,
    /// When it was taken up again, if it was.
    #[serde(with = "perhaps", skip_serializing_if = "Option::is_none", default)]
    pub requeued: Option<Timestamp>,
}

/// How often notices were taken up again, and from which on a deliverer has to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Requeued {
    pub(crate) times: u64,
    pub(crate) least: u64,
}

pub(crate) fn requeued(tables: &dyn Tables) -> Result<Requeued, StoreError> {
    let row = tables.get(DELIVERIES, REQUEUED)?;
    Ok(row.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default())
}

/// Takes up a dead letter again, as if it had just been decided; whether there was one that had not been taken up yet.
///
/// A deliverer that runs notices it in its next turn, one that starts when it starts.
///
/// # Errors
/// When the tables cannot be read or written; nothing has changed then.
pub fn requeue(tables: &dyn Tables, number: u64, now: Timestamp) -> Result<bool, StoreError> {
    let letter = tables.get(DEAD_LETTERS, &key(number))?;
    let letter = letter.and_then(|json| serde_json::from_slice::<DeadLetter>(&json).ok());
    let Some(mut letter) = letter.filter(|letter| letter.requeued.is_none()) else { return Ok(false) };
    let notice =
        Notice { state: NoticeState::Pending, attempts: 0, next_try: now, settled: None, ..letter.notice.clone() };
    letter.requeued = Some(now);
    let before = requeued(tables)?;
    let least = if before.times == 0 { number } else { before.least.min(number) };
    let after = Requeued { times: before.times + 1, least };
    let row = |table: &str, key: String, json| Row { table: table.to_owned(), key, json };
    tables.put_lasting(&[
        notice.row(),
        row(DEAD_LETTERS, notice.key(), json(&letter)),
        row(DELIVERIES, REQUEUED.to_owned(), json(&after)),
    ])?;
    Ok(true)
}
