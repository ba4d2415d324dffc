//! What the overseer remembers, as rows: how far it has read, and for every rule and subject what came before.
//!
//! A subject that nothing is remembered of has no entry. Its row stays behind and says so, because tables forget nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use crate::pipeline::alerting::alert::{Alert, json};
use crate::pipeline::stores::tables::Tables;
use crate::pipeline::stores::{Row, StoreError};
use crate::telemetry::field::Text;

/// The table of what is remembered.
pub const OVERSEER: &str = "overseer";
const CURSORS: &str = "cursors";
const ENTRIES: &str = "entry/";
/// Most pairs of rule and subject remembered; of further ones nothing is remembered, and that is counted.
const ENTRIES_MAX: usize = 1_000_000;
/// Most minutes with events that are remembered of a pair.
pub(super) const COUNTS_MAX: usize = 1_000;

/// How far everything has been read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Cursors {
    /// The next window to close, by stream and length.
    pub(super) windows: BTreeMap<String, i64>,
    /// The next event, by partition.
    pub(super) events: BTreeMap<u16, u64>,
    /// The next notice.
    pub(super) notices: u64,
}

/// What is remembered of a rule and a subject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) rule: Text,
    pub(super) subject: Text,
    /// Windows in a row in which the rule held.
    pub(super) streak: u32,
    /// The last window in which it told a number.
    pub(super) last: Option<i64>,
    /// The alert that holds.
    pub(super) open: Option<Alert>,
    /// No other alert before [ms].
    pub(super) cool_until: Option<i64>,
    /// Events by minute.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub(super) counts: BTreeMap<i64, u64>,
}

impl Entry {
    fn new(rule: &Text, subject: &Text) -> Self {
        Self {
            rule: Text::clone(rule),
            subject: Text::clone(subject),
            streak: 0,
            last: None,
            open: None,
            cool_until: None,
            counts: BTreeMap::new(),
        }
    }

    /// Whether there is nothing to remember from an instant on [ms].
    pub(super) fn is_idle(&self, at: i64) -> bool {
        self.streak == 0
            && self.open.is_none()
            && self.counts.is_empty()
            && self.cool_until.is_none_or(|until| until <= at)
    }

    fn row(&self) -> Row {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.rule.as_bytes()).update(&[0]).update(self.subject.as_bytes());
        let key = format!("{ENTRIES}{}", hasher.finalize().to_hex());
        Row { table: OVERSEER.to_owned(), key, json: json(self) }
    }
}

/// Everything remembered.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) cursors: Cursors,
    /// Whether there were cursors: whether anybody has been here before.
    pub(super) is_old: bool,
    entries: BTreeMap<Text, BTreeMap<Text, Entry>>,
    len: usize,
    changed: BTreeSet<(Text, Text)>,
    /// Pairs that found no room.
    pub(super) crowded: u64,
}

impl Memory {
    /// What the tables remember.
    pub(super) fn read(tables: &dyn Tables) -> Result<Self, StoreError> {
        let mut memory = Self::default();
        if let Some(json) = tables.get(OVERSEER, CURSORS)? {
            memory.is_old = true;
            memory.cursors = serde_json::from_slice(&json).map_err(|error| damaged(CURSORS, &error))?;
        }
        let mut failed = None;
        tables.scan(OVERSEER, ENTRIES, &mut |key, json| match serde_json::from_slice::<Entry>(json) {
            Ok(entry) => {
                if !entry.is_idle(i64::MIN) {
                    let of_rule = memory.entries.entry(Text::clone(&entry.rule)).or_default();
                    of_rule.insert(Text::clone(&entry.subject), entry);
                    memory.len += 1;
                }
                ControlFlow::Continue(())
            }
            Err(error) => {
                failed = Some(damaged(key, &error));
                ControlFlow::Break(())
            }
        })?;
        failed.map_or(Ok(memory), Err)
    }

    /// What is remembered of a rule and a subject.
    pub(super) fn get(&self, rule: &str, subject: &str) -> Option<&Entry> {
        self.entries.get(rule)?.get(subject)
    }

    /// The same to be changed, made if need be; none if there is no room.
    pub(super) fn entry(&mut self, rule: &Text, subject: &Text) -> Option<&mut Entry> {
        let of_rule = self.entries.entry(Text::clone(rule)).or_default();
        if !of_rule.contains_key(subject) {
            if self.len >= ENTRIES_MAX {
                self.crowded += 1;
                return None;
            }
            self.len += 1;
            of_rule.insert(Text::clone(subject), Entry::new(rule, subject));
        }
        self.changed.insert((Text::clone(rule), Text::clone(subject)));
        of_rule.get_mut(subject)
    }

    /// The subjects remembered of a rule of which something is so.
    pub(super) fn subjects(&self, rule: &str, is_so: impl Fn(&Entry) -> bool) -> Vec<Text> {
        let of_rule = self.entries.get(rule).into_iter().flatten();
        of_rule.filter(|(_, entry)| is_so(entry)).map(|(subject, _)| Text::clone(subject)).collect()
    }

    /// The first minute in which a rule counted events.
    pub(super) fn first_count(&self, rule: &str) -> Option<i64> {
        let of_rule = self.entries.get(rule).into_iter().flatten();
        of_rule.filter_map(|(_, entry)| entry.counts.keys().next().copied()).min()
    }

    /// The rules something is remembered of.
    pub(super) fn rules(&self) -> Vec<Text> {
        self.entries.keys().cloned().collect()
    }

    /// Forgets a pair if there is nothing to remember from an instant on [ms].
    pub(super) fn let_go(&mut self, rule: &Text, subject: &Text, at: i64) {
        if let Some(of_rule) = self.entries.get_mut(rule)
            && of_rule.get(subject).is_some_and(|entry| entry.is_idle(at))
        {
            // The row that says so is written with the others.
            if let Some(entry) = of_rule.get_mut(subject) {
                entry.cool_until = None;
                entry.last = None;
            }
            self.changed.insert((Text::clone(rule), Text::clone(subject)));
        }
    }

    /// The rows of what has changed since the last time, and of the cursors; idle pairs are forgotten.
    pub(super) fn rows(&mut self) -> Vec<Row> {
        let mut rows = vec![Row { table: OVERSEER.to_owned(), key: CURSORS.to_owned(), json: json(&self.cursors) }];
        for (rule, subject) in std::mem::take(&mut self.changed) {
            let Some(of_rule) = self.entries.get_mut(&rule) else { continue };
            let Some(entry) = of_rule.get(&subject) else { continue };
            rows.push(entry.row());
            if entry.is_idle(i64::MIN) {
                of_rule.remove(&subject);
                self.len -= 1;
            }
        }
        rows
    }
}

fn damaged(key: &str, error: &serde_json::Error) -> StoreError {
    StoreError::Damaged {
        path: format!("{OVERSEER}/{key}").into(),
        reason: format!("what the alert rules remember cannot be read: {error}"),
    }
}
