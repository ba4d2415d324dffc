//! One partition's worker: reads the log, lets the operators judge and count, and keeps what they made, batch by batch.
//!
//! Everything a worker knows is in the stores' last checkpoint and in the log after it, so one that dies is replaced by one that
//! reads on from there.

use std::sync::Arc;
use std::time::Duration;

use super::board::{Board, Order, Tally};
use crate::pipeline::analytics::{Analyst, AnalystSettings, RoadIndex};
use crate::pipeline::ingest::{self, Intake, IntakeSettings, Taken};
use crate::pipeline::stores::{Batch, Keeper, Quarantined, Row};
use crate::pipeline::transport::{Bus, Logged};
use crate::telemetry::TopicMap;

/// Messages read at once.
const READ_MESSAGES: usize = 4096;
/// Bytes read at once.
const READ_BYTES: usize = 2 << 20;
/// Bytes of messages after which a batch is kept, however few they are.
const BATCH_BYTES: usize = 64 << 20;
/// How long to wait for a message before looking whether to end.
const PATIENCE: Duration = Duration::from_millis(100);
/// Quiet spells after which an unfinished batch is kept all the same, so that an idle city's last words are on disk.
const SPELLS_MAX: u32 = 20;

/// What a worker works on.
#[derive(Clone)]
pub(crate) struct Worker {
    /// Which partition of the log.
    pub partition: u16,
    /// The log.
    pub bus: Arc<dyn Bus>,
    /// Where results are kept.
    pub keeper: Arc<dyn Keeper>,
    /// Which topics belong to which readings.
    pub topics: Arc<TopicMap>,
    /// The roads readings are matched to, if they are known.
    pub roads: Option<Arc<RoadIndex>>,
    /// Messages after which a batch is kept.
    pub batch_messages: u64,
    /// What is to be done.
    pub board: Arc<Board>,
    /// For drills: die once after this many messages.
    pub dies_after: Option<Arc<std::sync::atomic::AtomicI64>>,
}

/// The operators of a partition and what they made since the last checkpoint.
struct Desk {
    intake: Intake,
    analyst: Analyst,
    batch: Batch,
    /// Bytes of the messages in the batch.
    bytes: usize,
}

impl Worker {
    /// Works until told to end.
    ///
    /// # Errors
    /// When log or stores fail, as a sentence.
    pub(crate) fn run(&self) -> Result<(), String> {
        let mut desk = self.resume()?;
        let mut spells = 0;
        loop {
            let order = self.board.order();
            let next = desk.batch.to;
            let logged = self.bus.read(self.partition, next, READ_MESSAGES, READ_BYTES).map_err(|e| e.to_string())?;
            if !logged.is_empty() {
                spells = 0;
                for message in &logged {
                    self.take(&mut desk, message);
                }
                if desk.batch.to - desk.batch.from >= self.batch_messages || desk.bytes >= BATCH_BYTES {
                    self.keep(&mut desk)?;
                }
                continue;
            }
            // The order was read before the log: after `Finish` nothing more comes, so an empty read is the end.
            match order {
                Order::Work | Order::Hush => {
                    if self.bus.wait_beyond(self.partition, next, PATIENCE) {
                        continue;
                    }
                    spells += 1;
                    if spells == SPELLS_MAX && desk.batch.to > desk.batch.from {
                        self.keep(&mut desk)?;
                    }
                }
                Order::Finish => {
                    desk.intake.finish();
                    settle(&mut desk);
                    desk.analyst.finish();
                    return self.end(&mut desk);
                }
                Order::Leave => return self.end(&mut desk),
            }
        }
    }

    /// The desk as it was at the last checkpoint.
    fn resume(&self) -> Result<Desk, String> {
        let intake = Intake::new(self.partition, IntakeSettings::default());
        let analyst = Analyst::new(self.analysis());
        let Some(resume) = self.keeper.resume(self.partition).map_err(|e| e.to_string())? else {
            let from = self.bus.begin(self.partition);
            let batch = Batch { partition: self.partition, from, to: from, ..Batch::default() };
            return Ok(Desk { intake, analyst, batch, bytes: 0 });
        };
        let cannot =
            |what: &str| format!("the state of partition {} in the stores cannot be read: {what}", self.partition);
        let (first, second) = split(&resume.state).ok_or_else(|| cannot("it is too short"))?;
        let intake = Intake::restore(first).map_err(|e| cannot(&e.to_string()))?;
        let analyst = Analyst::restore(self.analysis(), second).map_err(|e| cannot(&e.to_string()))?;
        let (from, to) = (resume.next_offset, resume.next_offset);
        Ok(Desk { intake, analyst, batch: Batch { partition: self.partition, from, to, ..Batch::default() }, bytes: 0 })
    }

    fn analysis(&self) -> AnalystSettings {
        AnalystSettings::new(self.partition, self.roads.clone())
    }

    fn take(&self, desk: &mut Desk, logged: &Logged) {
        if let Some(left) = &self.dies_after {
            assert!(left.fetch_sub(1, std::sync::atomic::Ordering::SeqCst) != 0, "dies as the drill asks");
        }
        let message = &logged.message;
        desk.bytes += message.bytes();
        let taken = desk.intake.take(logged.offset, &message.topic, &message.payload, &self.topics);
        note(desk, taken);
        settle(desk);
        desk.batch.to = logged.offset + 1;
        if let Some(watermark) = desk.intake.watermark() {
            desk.analyst.advance(watermark);
        }
    }

    /// Keeps what is left, and says what was seen.
    fn end(&self, desk: &mut Desk) -> Result<(), String> {
        self.keep(desk)?;
        let counts = desk.intake.counts();
        self.board.add(Tally {
            duplicates: counts.duplicates + counts.refused_again,
            late: counts.late,
            missing: desk.intake.gaps().iter().map(|gap| gap.to - gap.from).sum::<u64>() + desk.intake.forgotten(),
        });
        Ok(())
    }

    /// Keeps the batch and begins the next.
    fn keep(&self, desk: &mut Desk) -> Result<(), String> {
        let next = Batch { partition: self.partition, from: desk.batch.to, to: desk.batch.to, ..Batch::default() };
        let mut batch = std::mem::replace(&mut desk.batch, next);
        batch.rows = desk.analyst.take_rows().iter().map(row).collect();
        batch.state = join(&desk.intake.state(), &desk.analyst.state());
        batch.watermark = desk.intake.watermark();
        desk.bytes = 0;
        let to = batch.to;
        self.keeper.keep(&batch).map_err(|error| error.to_string())?;
        self.bus.release(self.partition, to);
        Ok(())
    }
}

/// Takes note of held messages whose fate is known by now.
fn settle(desk: &mut Desk) {
    while let Some(taken) = desk.intake.decided() {
        note(desk, taken);
    }
}

fn note(desk: &mut Desk, taken: Taken) {
    match taken {
        Taken::Fresh { record, .. } => {
            desk.analyst.observe(&record, desk.intake.watermark());
            desk.batch.records.push(record);
        }
        Taken::Quarantined(message) => desk.batch.quarantined.push(quarantined(message)),
        Taken::Duplicate | Taken::Held => {}
    }
}

fn quarantined(message: ingest::Quarantined) -> Quarantined {
    Quarantined {
        partition: message.partition,
        offset: message.offset,
        topic: message.topic,
        payload: message.payload,
        reason: message.reason.word().to_owned(),
        sentence: message.sentence,
    }
}

fn row(row: &crate::pipeline::analytics::Row) -> Row {
    Row { table: row.table().to_owned(), key: row.key(), json: row.json().into_bytes() }
}

/// Two states as one: the length of the first, the first, the second.
fn join(first: &[u8], second: &[u8]) -> Vec<u8> {
    let mut both = (first.len() as u64).to_le_bytes().to_vec();
    both.extend_from_slice(first);
    both.extend_from_slice(second);
    both
}

/// What [`join`] joined; none if it cannot have been.
fn split(both: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = both.split_first_chunk::<8>()?;
    rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)
}
