//! What the pipeline says of itself: numbers for rules about lag, silence, losses and deliveries.
//!
//! Some of them cost a look through a table, so they are made anew only from time to time; a rule looks at the last of a minute.
//! Decides nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::clock;
use super::intake::Intake;
use crate::pipeline::alerting::{DEAD_LETTERS, DeadLetter, Gauge};
use crate::pipeline::analytics::{Event, EventKind, Progress};
use crate::pipeline::stores::StoreError;
use crate::primitives::Timestamp;

/// How old they may be.
const AGE_MAX: Duration = Duration::from_secs(10);
/// Most events looked through at a time; behind that many, the count of the silent is caught up with later.
const EVENTS_MAX: usize = 100_000;
/// Most silent devices remembered; further ones are not counted.
const SILENT_MAX: usize = 1_000_000;
/// Most dead letters counted: more are as bad.
const DEAD_MAX: usize = 100_000;

/// The numbers, and what they are made of.
#[derive(Debug, Default)]
pub(super) struct Gauges {
    made: Option<Instant>,
    numbers: Vec<Gauge>,
    silent: Silent,
}

/// Devices that tell nothing, as the events say.
#[derive(Debug, Default)]
struct Silent {
    /// The last event looked at, by partition.
    seen: BTreeMap<u16, String>,
    devices: BTreeSet<String>,
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
const fn number(count: u64) -> f64 {
    count as f64
}

impl Gauges {
    /// The numbers, made anew if they are too old.
    pub(super) fn look(&mut self, intake: &Intake, progress: &[Progress]) -> Result<&[Gauge], StoreError> {
        if self.made.is_none_or(|made| made.elapsed() >= AGE_MAX) {
            self.numbers = self.make(intake, progress)?;
            self.made = Some(clock::instant());
        }
        Ok(&self.numbers)
    }

    fn make(&mut self, intake: &Intake, progress: &[Progress]) -> Result<Vec<Gauge>, StoreError> {
        let (stores, now) = (&intake.stores, clock::now());
        let mut gauges = Vec::new();
        let mut add = |metric, subject: String, value| gauges.push(Gauge { metric, subject, value });
        for partition in 0..intake.partitions() {
            let subject = format!("partition {partition}");
            let kept = stores.next_offset(partition)?.unwrap_or(0);
            let waiting = intake.log.end(partition).saturating_sub(kept);
            add("pipeline.waiting", subject.clone(), number(waiting));
            let watermark = progress.iter().find(|row| row.partition == partition).and_then(|row| row.watermark_ms);
            if let Some(watermark) = watermark {
                // Where nothing waits nothing is late: a quiet city does not fall behind.
                let behind = now.since(Timestamp::milliseconds(watermark)).as_seconds().max(0.0);
                add("pipeline.lag_s", subject, if waiting == 0 { 0.0 } else { behind });
            }
        }
        self.silent.catch_up(intake)?;
        let seen = intake.board.tally();
        let mut whole = |metric, count| add(metric, "pipeline".to_owned(), number(count));
        whole("pipeline.silent_sensors", self.silent.devices.len() as u64);
        whole("pipeline.quarantined", stores.quarantine().totals()?.messages());
        whole("pipeline.late", seen.late);
        whole("pipeline.missing", seen.missing);
        whole("pipeline.undelivered", intake.board.undelivered());
        whole("pipeline.dead_letters", dead_letters(intake)?);
        Ok(gauges)
    }
}

impl Silent {
    /// Looks at the events that are new.
    fn catch_up(&mut self, intake: &Intake) -> Result<(), StoreError> {
        let mut left = EVENTS_MAX;
        for partition in 0..intake.partitions() {
            let after = self.seen.get(&partition).cloned().unwrap_or_default();
            let (seen, devices) = (&mut self.seen, &mut self.devices);
            intake.stores.tables().scan_after("events", &format!("{partition:05}/"), &after, &mut |key, json| {
                if left == 0 {
                    return ControlFlow::Break(());
                }
                left -= 1;
                seen.insert(partition, key.to_owned());
                let Ok(event) = serde_json::from_slice::<Event>(json) else { return ControlFlow::Continue(()) };
                match event.kind {
                    EventKind::SensorSilent if devices.len() < SILENT_MAX => {
                        devices.insert(event.subject.to_string());
                    }
                    EventKind::SensorWell => {
                        devices.remove(&*event.subject);
                    }
                    _ => {}
                }
                ControlFlow::Continue(())
            })?;
        }
        Ok(())
    }
}

/// Notices that were given up and that nobody has taken up again.
fn dead_letters(intake: &Intake) -> Result<u64, StoreError> {
    let (mut dead, mut seen) = (0, 0);
    intake.stores.tables().scan(DEAD_LETTERS, "", &mut |_, json| {
        seen += 1;
        let taken_up = serde_json::from_slice::<DeadLetter>(json).is_ok_and(|letter| letter.requeued.is_some());
        dead += u64::from(!taken_up);
        if seen < DEAD_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(dead)
}
