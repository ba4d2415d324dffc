//! The batch view by itself: every day that has ended, once, and again when more of it has come.
//!
//! A day has ended when the furthest partition is an hour beyond it; that hour is more than what a worker tells again after a crash,
//! so nobody writes over a correction. Event time decides, the clock on the wall only how often to look.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{DAY, DayReconciled, HOUR, View, days, progress};
use crate::pipeline::analytics::RoadIndex;
use crate::pipeline::stores::{Row, StoreError, Stores};
use crate::primitives::Timestamp;
use crate::telemetry::TopicMap;
use crate::twin::TwinError;
use crate::twin::board::{Board, Order};
use crate::twin::clock;
use crate::twin::intake::Intake;

/// How often to look whether to end.
const MOMENT: Duration = Duration::from_millis(200);
/// How often to look for days.
const LOOK: Duration = Duration::from_mins(1);
/// How long to wait before a day is taken again.
const AGAIN: Duration = Duration::from_hours(1);
/// Most days remembered as just done; beyond it all are forgotten, and some may be taken again early.
const DAYS_MAX: usize = 4096;
/// Where stands what was done.
const TABLE: &str = "reconciled";

/// A row of what was done.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
struct Done {
    day: String,
    /// Records of the day by then.
    records: u64,
    /// Windows that somebody might still tell by then.
    unsettled: u64,
    /// How far the partitions were, if it matters [ms].
    watermarks: Vec<i64>,
    equal: u64,
    corrected: u64,
    missing: u64,
    extra: u64,
    written: u64,
}

/// Takes the days as they end.
pub(in crate::twin) struct Daily {
    stores: Arc<Stores>,
    topics: Arc<TopicMap>,
    partitions: u16,
    roads: Option<Arc<RoadIndex>>,
    /// When each day was taken last.
    taken: Mutex<BTreeMap<Timestamp, Instant>>,
}

impl Daily {
    pub(in crate::twin) fn new(intake: &Intake) -> Self {
        let (stores, topics) = (Arc::clone(&intake.stores), Arc::clone(&intake.topics));
        Self { stores, topics, partitions: intake.partitions(), roads: intake.roads.clone(), taken: Mutex::default() }
    }

    /// Looks for days until told to end; what is wrong is said.
    #[expect(clippy::unnecessary_wraps, reason = "the work of a service says whether it gave up")]
    pub(in crate::twin) fn run(&self, board: &Board) -> Result<(), String> {
        let (mut looked, mut said): (Option<Instant>, String) = (None, String::new());
        // Whoever hushes the city waits for the listener to end, and counts who does; so nobody else ends before the next order.
        while board.order() < Order::Finish {
            let working = board.order() == Order::Work;
            if working && looked.is_none_or(|looked| looked.elapsed() >= LOOK) {
                // The stream goes on without it, whatever is wrong; people hear of each new reason once.
                let reason = self.look(board).err().map(|error| error.to_string()).unwrap_or_default();
                if reason != said && !reason.is_empty() {
                    board.say(format!("the batch view: {reason}"));
                }
                said = reason;
                looked = Some(clock::instant());
            }
            board.pause(MOMENT);
        }
        Ok(())
    }

    /// Takes every day that is due.
    fn look(&self, board: &Board) -> Result<(), TwinError> {
        let watermarks: Vec<i64> =
            progress(&self.stores)?.iter().filter_map(|progress| progress.watermark_ms).collect();
        let Some(furthest) = watermarks.iter().max() else { return Ok(()) };
        let stop = || board.order() != Order::Work;
        let (roads, partitions) = (self.roads.clone(), self.partitions);
        let view = View { stores: &self.stores, topics: &self.topics, partitions, roads, stop: &stop };
        for (day, records) in days(&self.stores)? {
            if stop() || day.as_milliseconds() + DAY + HOUR >= *furthest {
                break;
            }
            if self.is_done(day, records, &watermarks)? || self.just_taken(day) {
                continue;
            }
            let result = view.day(day, true).inspect_err(|_| self.forget(day))?;
            if result.interrupted {
                break;
            }
            self.note(&result, records, &watermarks)?;
            tell(board, &result);
        }
        Ok(())
    }

    /// Whether a day was taken, and nothing has come since.
    fn is_done(&self, day: Timestamp, records: u64, watermarks: &[i64]) -> Result<bool, StoreError> {
        let row = self.stores.tables().get(TABLE, &day.date())?;
        let done = row.and_then(|json| serde_json::from_slice::<Done>(&json).ok());
        Ok(done.is_some_and(|done| done.records == records && (done.unsettled == 0 || done.watermarks == watermarks)))
    }

    fn just_taken(&self, day: Timestamp) -> bool {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.get(&day).is_some_and(|at| at.elapsed() < AGAIN) {
            return true;
        }
        if taken.len() >= DAYS_MAX {
            taken.clear();
        }
        taken.insert(day, clock::instant());
        false
    }

    /// It was not taken after all.
    fn forget(&self, day: Timestamp) {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).remove(&day);
    }

    fn note(&self, result: &DayReconciled, records: u64, watermarks: &[i64]) -> Result<(), StoreError> {
        let count = |of: fn(&super::Agreement) -> u64| result.tables.values().map(of).sum();
        let done = Done {
            day: result.day.clone(),
            records,
            unsettled: result.unsettled,
            watermarks: watermarks.to_vec(),
            equal: count(|one| one.equal),
            corrected: count(|one| one.corrected),
            missing: count(|one| one.missing),
            extra: count(|one| one.extra),
            written: result.written,
        };
        let json = serde_json::to_vec(&done).unwrap_or_default();
        self.stores.tables().put(&[Row { table: TABLE.to_owned(), key: result.day.clone(), json }])
    }
}

/// Says what came of a day, if it was anything but agreement.
fn tell(board: &Board, result: &DayReconciled) {
    if result.written > 0 {
        board.say(format!("{}: {} windows were corrected from the history", result.day, result.written));
    }
    for sentence in &result.left_alone {
        board.say(format!("{}: left alone: {sentence}", result.day));
    }
}
