//! One partition's worker: reads the log, lets the operators judge and count, and keeps what they made, batch by batch.
//!
//! Everything a worker knows is in the stores' last checkpoint and in the log after it, so one that dies is replaced by one that
//! reads on from there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::board::{Board, Order, Tally};
use super::clock;
use super::latency::Latency;
use super::said::Said;
use crate::pipeline::analytics::{self, Analyst, AnalystSettings, Geofence, Progress, RoadIndex};
use crate::pipeline::ingest::{self, Intake, IntakeSettings, Taken};
use crate::pipeline::stores::{Ahead, Batch, Keeper, Quarantined, Resume, Row, StoreError};
use crate::pipeline::transport::{Bus, BusError, Logged};
use crate::primitives::{SimDuration, Timestamp, fail_point};
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

/// First and longest wait before a server that is away is asked again.
const PATIENCE_WITH_SERVERS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// How often what a worker knows is shown and kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    /// What a batch under way holds is shown after this time; never if none, as for a city that is faster than the clock.
    pub show: Option<Duration>,
    /// A batch is kept after this time, however small it is; only when it is full if none.
    pub keep: Option<Duration>,
}

impl Pace {
    /// For a city that is faster than the clock: nobody looks while it runs.
    pub(crate) const HURRIED: Self = Self { show: None, keep: None };
    /// For devices that speak as time passes.
    pub(crate) const LIVE: Self = Self { show: Some(Duration::from_millis(200)), keep: Some(Duration::from_secs(5)) };
}

/// Why a worker cannot go on.
#[derive(Debug)]
enum Stopped {
    /// Somebody else has gone on with the partition; what this one had made of it counts for nothing.
    Moved(String),
    /// Anything else.
    Failed(String),
}

impl Stopped {
    fn sentence(self) -> String {
        match self {
            Self::Moved(sentence) | Self::Failed(sentence) => sentence,
        }
    }
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::OutOfOrder { .. } => Self::Moved(error.to_string()),
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<BusError> for Stopped {
    fn from(error: BusError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// An error of which may be known that the same succeeds later.
trait Passing: std::fmt::Display {
    fn is_passing(&self) -> bool;
}

impl Passing for StoreError {
    fn is_passing(&self) -> bool {
        self.is_passing()
    }
}

impl Passing for BusError {
    fn is_passing(&self) -> bool {
        self.is_passing()
    }
}

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
    /// Areas whose visitors are noticed.
    pub geofences: Arc<[Geofence]>,
    /// Messages after which a batch is kept.
    pub batch_messages: u64,
    /// How often what is known is shown and kept.
    pub pace: Pace,
    /// Devices that are silent for longer are forgotten; never if none.
    pub silent_after: Option<SimDuration>,
    /// When a simulated city told its steps; none where devices go by the clock on the wall.
    pub said: Option<Arc<Said>>,
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
    /// Rows of the batch, the last version of each.
    rows: BTreeMap<(&'static str, String), analytics::Row>,
    /// Records of the batch that have been shown.
    shown: usize,
    /// When the batch was begun, and when something was last shown.
    times: (Instant, Instant),
    /// How long records took to be shown, and to be kept.
    latencies: (Latency, Latency),
    /// How long those took to be shown that were shown since the last checkpoint.
    lately: Latency,
    /// Whether nothing more will come.
    ended: bool,
    /// The day of the watermark.
    day: Option<i64>,
}

impl Desk {
    fn new(partition: u16, from: u64, intake: Intake, analyst: Analyst) -> Self {
        let (now, day) = (clock::instant(), intake.watermark().map(day_of));
        Self {
            intake,
            analyst,
            batch: Batch { partition, from, to: from, ..Batch::default() },
            bytes: 0,
            rows: BTreeMap::new(),
            shown: 0,
            times: (now, now),
            latencies: Default::default(),
            lately: Latency::default(),
            ended: false,
            day,
        }
    }
}

impl Worker {
    /// Works until told to end.
    ///
    /// # Errors
    /// When log or stores fail, as a sentence.
    pub(crate) fn run(&self) -> Result<(), String> {
        self.work().map_err(Stopped::sentence)
    }

    /// Works as one of several who may be given the partition, until told to end, or until somebody else has gone on with it: that is
    /// no failure, and the board hears of it.
    ///
    /// # Errors
    /// As for [`Self::run`].
    pub(crate) fn run_in_group(&self) -> Result<(), String> {
        match self.work() {
            Err(Stopped::Moved(sentence)) => {
                self.board.moves(sentence);
                Ok(())
            }
            ended => ended.map_err(Stopped::sentence),
        }
    }

    fn work(&self) -> Result<(), Stopped> {
        // A server that is away is waited for, unless everybody is told to leave.
        let Some(resume) = self.insist(|| self.keeper.resume(self.partition))? else { return Ok(()) };
        let (mut desk, mut is_fresh) = self.resume(resume)?;
        self.board.keeps(self.partition, desk.batch.from);
        let mut spells = 0;
        loop {
            let order = self.board.order();
            if order >= Order::HandOver {
                return self.hand_over(&mut desk, order);
            }
            let next = desk.batch.to;
            let logged = match self.read(next) {
                // Brokers that are away are given up only when everybody is told to leave.
                Ok(logged) => logged.unwrap_or_default(),
                // Nothing has been kept of it, so it begins where there is something.
                Err(BusError::Gone { begin, .. }) if is_fresh => {
                    (desk.batch.from, desk.batch.to) = (begin, begin);
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            if !logged.is_empty() {
                is_fresh = false;
                spells = 0;
                for message in &logged {
                    self.take(&mut desk, message);
                }
                fail_point::reach("worker/taken");
                self.show_in_time(&mut desk)?;
                if self.is_full(&desk) {
                    self.keep(&mut desk)?;
                }
                continue;
            }
            // The order was read before the log: after `Finish` nothing more comes, so an empty read is the end.
            match order {
                Order::Work | Order::Hush => {
                    self.show_in_time(&mut desk)?;
                    if self.bus.wait_beyond(self.partition, next, self.patience()) {
                        continue;
                    }
                    spells += 1;
                    let is_due = spells == SPELLS_MAX || self.is_full(&desk);
                    if is_due && desk.batch.to > desk.batch.from {
                        self.keep(&mut desk)?;
                    }
                }
                Order::Finish => {
                    desk.intake.finish();
                    settle(&mut desk);
                    desk.analyst.finish();
                    desk.ended = true;
                    return self.end(&mut desk);
                }
                Order::Leave | Order::HandOver | Order::Drop => return self.end(&mut desk),
            }
        }
    }

    /// The next messages; none if brokers are away and everybody was told to leave.
    fn read(&self, next: u64) -> Result<Option<Vec<Logged>>, BusError> {
        self.insist(|| self.bus.read(self.partition, next, READ_MESSAGES, READ_BYTES))
    }

    /// How long to wait for a message.
    fn patience(&self) -> Duration {
        self.pace.show.map_or(PATIENCE, |show| show.min(PATIENCE))
    }

    /// Whether it is time to keep the batch.
    fn is_full(&self, desk: &Desk) -> bool {
        let old = self.pace.keep.is_some_and(|keep| desk.times.0.elapsed() >= keep);
        desk.batch.to - desk.batch.from >= self.batch_messages || desk.bytes >= BATCH_BYTES || old
    }

    /// Shows what is new, if it is time to.
    fn show_in_time(&self, desk: &mut Desk) -> Result<(), Stopped> {
        let Some(every) = self.pace.show else { return Ok(()) };
        if desk.batch.records.len() == desk.shown || desk.times.1.elapsed() < every {
            return Ok(());
        }
        let rows: Vec<Row> = self.rows(desk).iter().map(row).collect();
        let records = &desk.batch.records[desk.shown..];
        let ahead = Ahead { partition: self.partition, records, rows: &rows, watermark: desk.intake.watermark() };
        if self.insist(|| self.keeper.show(ahead))?.is_some() {
            let now = clock::now();
            for record in records {
                self.note_shown((&mut desk.latencies.0, &mut desk.lately), record.time, now);
            }
            desk.shown = desk.batch.records.len();
            fail_point::reach("worker/shown");
        }
        desk.times.1 = clock::instant();
        Ok(())
    }

    /// When a record of this time was told, on the wall.
    fn told(&self, time: Timestamp) -> Timestamp {
        // What nobody remembers is of no believable age.
        self.said.as_ref().map_or(time, |said| said.when(time).unwrap_or(Timestamp::milliseconds(0)))
    }

    fn note_shown(&self, (ever, lately): (&mut Latency, &mut Latency), time: Timestamp, now: Timestamp) {
        let told = self.told(time);
        ever.note(told, now);
        lately.note(told, now);
    }

    /// The rows found since they were last asked for; the batch remembers them.
    fn rows(&self, desk: &mut Desk) -> Vec<analytics::Row> {
        let mut rows = desk.analyst.take_rows();
        rows.push(analytics::Row::Progress(Progress {
            partition: self.partition,
            watermark_ms: desk.intake.watermark().map(Timestamp::as_milliseconds),
            events: desk.analyst.events(),
            ended: desk.ended,
        }));
        for row in &rows {
            desk.rows.insert((row.table(), row.key()), row.clone());
        }
        rows
    }

    /// Does something with stores or bus, again and again while a server is away; none if everybody was told to leave meanwhile.
    fn insist<T, E: Passing>(&self, work: impl Fn() -> Result<T, E>) -> Result<Option<T>, E> {
        self.insist_until(|order| order >= Order::Leave, work)
    }

    /// The same until it is given up at an order.
    fn insist_until<T, E: Passing>(
        &self,
        is_over: impl Fn(Order) -> bool,
        work: impl Fn() -> Result<T, E>,
    ) -> Result<Option<T>, E> {
        let (mut wait, mut since, mut said) = (PATIENCE_WITH_SERVERS.0, None, None);
        loop {
            match work() {
                Ok(done) => {
                    if let Some(since) = since {
                        self.board.mends(&self.name());
                        let waited = Instant::elapsed(&since).as_secs_f64();
                        self.board.say(format!("partition {}: it answers again, after {waited:.1} s", self.partition));
                    }
                    return Ok(Some(done));
                }
                Err(error) if error.is_passing() && !is_over(self.board.order()) => {
                    since = since.or_else(|| Some(clock::instant()));
                    // A server that was away may come back full: that is for somebody else to mend.
                    let kind = Some(std::mem::discriminant(&error));
                    if said != kind {
                        self.board.say(format!("partition {}: {error}", self.partition));
                        self.board.ails(&self.name(), error.to_string());
                        said = kind;
                    }
                    self.board.pause(wait);
                    wait = (wait * 2).min(PATIENCE_WITH_SERVERS.1);
                }
                Err(error) if error.is_passing() => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    fn name(&self) -> String {
        format!("partition {}", self.partition)
    }

    /// The desk as it was at the last checkpoint; or a new one, and that it is new.
    fn resume(&self, resume: Option<Resume>) -> Result<(Desk, bool), Stopped> {
        let intake = Intake::new(self.partition, IntakeSettings::default());
        let analyst = Analyst::new(self.analysis());
        let Some(resume) = resume else {
            return Ok((Desk::new(self.partition, self.bus.begin(self.partition), intake, analyst), true));
        };
        let cannot = |what: &str| {
            Stopped::Failed(format!("the state of partition {} in the stores cannot be read: {what}", self.partition))
        };
        let (first, second) = split(&resume.state).ok_or_else(|| cannot("it is too short"))?;
        let intake = Intake::restore(first).map_err(|e| cannot(&e.to_string()))?;
        let analyst = Analyst::restore(self.analysis(), second).map_err(|e| cannot(&e.to_string()))?;
        Ok((Desk::new(self.partition, resume.next_offset, intake, analyst), false))
    }

    fn analysis(&self) -> AnalystSettings {
        let geofences = Arc::clone(&self.geofences);
        AnalystSettings { geofences, ..AnalystSettings::new(self.partition, self.roads.clone()) }
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
            self.forget(desk, watermark);
        }
    }

    /// Forgets silent devices once a day of the stream: at the same message, however often the stream is read.
    fn forget(&self, desk: &mut Desk, watermark: Timestamp) {
        let day = Some(day_of(watermark));
        if desk.day == day {
            return;
        }
        desk.day = day;
        if let Some(life) = self.silent_after {
            let back = SimDuration::milliseconds(life.as_milliseconds().saturating_neg());
            desk.intake.forget_silent(watermark.later(back));
        }
    }

    /// Keeps what is left, and says what was seen.
    fn end(&self, desk: &mut Desk) -> Result<(), Stopped> {
        self.keep(desk)?;
        self.leave(desk);
        Ok(())
    }

    /// Ends in the middle, so that somebody else goes on: keeps what it has, if there is anything and that is asked for.
    fn hand_over(&self, desk: &mut Desk, order: Order) -> Result<(), Stopped> {
        // Without a message there is nothing to keep; a partition whose windows were closed for good would seem open again.
        if order == Order::HandOver && desk.batch.to > desk.batch.from {
            self.keep(desk)?;
        }
        self.leave(desk);
        Ok(())
    }

    fn leave(&self, desk: &Desk) {
        self.board.add_latencies(&desk.latencies.0, &desk.latencies.1);
        self.tell(desk);
    }

    /// Says what was seen since the folder was begun.
    fn tell(&self, desk: &Desk) {
        let counts = desk.intake.counts();
        let seen = Tally {
            duplicates: counts.duplicates + counts.refused_again,
            late: counts.late,
            missing: desk.intake.gaps().iter().map(|gap| gap.to - gap.from).sum::<u64>() + desk.intake.forgotten(),
        };
        self.board.saw(self.partition, seen);
    }

    /// Keeps the batch and begins the next.
    fn keep(&self, desk: &mut Desk) -> Result<(), Stopped> {
        self.rows(desk);
        desk.batch.rows = desk.rows.values().map(row).collect();
        desk.batch.state = join(&desk.intake.state(), &desk.analyst.state());
        desk.batch.watermark = desk.intake.watermark();
        // Whoever hands over has time to keep it, until he is told that it has run out.
        let is_over = |order| matches!(order, Order::Leave | Order::Drop);
        if self.insist_until(is_over, || self.keeper.keep(&desk.batch))?.is_none() {
            // Everybody was told to leave while a server was away: the batch is made again from the log.
            return Ok(());
        }
        let (now, to) = (clock::now(), desk.batch.to);
        desk.batch.records.iter().for_each(|record| desk.latencies.1.note(self.told(record.time), now));
        // What was kept before it was shown is in the live state as well by now.
        for record in &desk.batch.records[desk.shown..] {
            self.note_shown((&mut desk.latencies.0, &mut desk.lately), record.time, now);
        }
        self.board.showed_lately(self.partition, std::mem::take(&mut desk.lately));
        let next = Batch { partition: self.partition, from: to, to, ..Batch::default() };
        desk.batch = next;
        // Not before: a batch that could not be kept is tried once more at the end, and these are told only once.
        desk.rows.clear();
        (desk.bytes, desk.shown) = (0, 0);
        desk.times = (clock::instant(), clock::instant());
        self.bus.release(self.partition, to);
        self.board.keeps(self.partition, to);
        if self.pace.keep.is_some() {
            self.tell(desk);
        }
        Ok(())
    }
}

/// The day of an instant [days since 1970].
fn day_of(at: Timestamp) -> i64 {
    at.as_milliseconds().div_euclid(86_400_000)
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

#[cfg(test)]
#[path = "worker_tests.rs"]
mod tests;
