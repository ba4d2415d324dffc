//! A load at work: messages leave on an open-loop schedule, whatever their target does about them, and the ledger is written first.
//!
//! Open loop: when a message is due follows from its number alone. A target that makes the sender wait makes it late, and how late is
//! measured; nothing is left out to catch up.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::intake::{Folders, PARTITIONS};
use super::latency::Latency;
use super::wire::threads;
use super::{TwinError, clock};
use crate::pipeline::transport::{Message, Publisher, PublisherCounts, PublisherOptions, Target};
use crate::primitives::fail_point;
use crate::primitives::random::Seed;
use crate::primitives::{SimDuration, Timestamp};
use crate::studies::audit::{Journal, Ledger};
use crate::studies::load::{Devices, Faults, Load, Said};
use crate::telemetry::TopicMap;

/// Messages made and written down together, at most.
const BATCH: u64 = 512;
/// The shortest wait for the next batch.
const TICK: Duration = Duration::from_millis(2);

/// What load is to be made.
#[derive(Debug, Clone)]
pub struct LoadSettings {
    /// Folder for ledger and figures.
    pub folder: PathBuf,
    /// Where to send.
    pub target: Target,
    /// How to send.
    pub publisher: PublisherOptions,
    /// Topics by reading.
    pub topics: TopicMap,
    /// Devices.
    pub devices: u32,
    /// What their names begin with.
    pub name: String,
    /// Messages a second, over all devices.
    pub rate: f64,
    /// Messages in all.
    pub messages: u64,
    /// Root of every draw.
    pub seed: u64,
    /// What goes wrong.
    pub faults: Faults,
}

/// What came of a load.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// Records made, as they stand in the ledger.
    pub emitted: u64,
    /// Messages handed to the publisher: copies and strangers' messages included.
    pub sent: u64,
    /// What the publisher did.
    pub publisher: PublisherCounts,
    /// How long it took until the last acknowledgement.
    pub took: Duration,
    /// How late messages were handed over, against the schedule.
    pub lateness: Latency,
    /// Whether it was interrupted before its end.
    pub interrupted: bool,
}

/// Sends a load until it is through or `stop` says so, and waits for the last acknowledgement.
///
/// # Errors
/// When the folder cannot be used, or the target is given up; the ledger of what was sent is on disk then.
pub fn load(settings: &LoadSettings, stop: &dyn Fn() -> bool) -> Result<Loaded, TwinError> {
    let cannot = |error: &dyn std::fmt::Display| TwinError::Service(error.to_string());
    std::fs::create_dir_all(&settings.folder)
        .map_err(|error| cannot(&format!("cannot make `{}`: {error}", settings.folder.display())))?;
    let folders = Folders::of(&settings.folder);
    Ledger::remove(&folders.ledger)?;
    let mut journal = Journal::create(&folders.journal)?;
    let runtime = threads()?;
    let mut options = settings.publisher.clone();
    options.partitions = PARTITIONS;
    let publisher = Publisher::connect(runtime.handle(), &settings.target, &options);
    let (begun, begin) = (clock::instant(), clock::now());
    let devices = Devices::new(Seed(settings.seed), settings.devices, &settings.name);
    let mut load =
        Load::new(devices, settings.topics.clone(), Seed(settings.seed), settings.faults, begin, settings.rate);
    let (mut said, mut sent, mut lateness) = (Vec::new(), 0_u64, Latency::default());
    while load.made() < settings.messages && !stop() {
        let due = wait_for(&load, begun);
        let count = due.saturating_sub(load.made()).clamp(1, BATCH).min(settings.messages - load.made());
        (0..count).for_each(|_| load.speak(&mut said));
        sent += hand_over(&mut said, &mut journal, &publisher)?;
        note_lateness(&load, begin, &mut lateness);
    }
    let interrupted = load.made() < settings.messages;
    load.rest(&mut said);
    sent += hand_over(&mut said, &mut journal, &publisher)?;
    publisher.flush().map_err(|error| cannot(&error))?;
    let (took, counts) = (begun.elapsed(), publisher.counts());
    let ledger = journal.close(&folders.ledger)?;
    runtime.shutdown_background();
    Ok(Loaded { emitted: ledger.emitted(), sent, publisher: counts, took, lateness, interrupted })
}

/// Waits until the next message is due; says how many are due by then.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "milliseconds of a load, above zero")]
fn wait_for(load: &Load, begun: Instant) -> u64 {
    loop {
        let now = begun.elapsed();
        let ahead = load.due_ms(load.made()) - now.as_secs_f64() * 1000.0;
        if ahead <= 0.0 {
            let one = load.due_ms(1).max(1e-6);
            return (now.as_secs_f64() * 1000.0 / one) as u64 + 1;
        }
        std::thread::park_timeout(Duration::from_secs_f64(ahead / 1000.0).max(TICK));
    }
}

/// Writes down what is said and then says it; gives how many messages that were.
fn hand_over(said: &mut Vec<Said>, journal: &mut Journal, publisher: &Publisher) -> Result<u64, TwinError> {
    for one in said.iter() {
        if let Some(emission) = &one.emission {
            journal.add(emission, &one.canonical);
        }
    }
    journal.commit()?;
    let mut sent = 0;
    for one in said.drain(..) {
        let Some(payload) = one.payload else { continue };
        let message = Message::new(Arc::<str>::from(one.topic), payload);
        publisher.publish(message).map_err(|error| TwinError::Service(error.to_string()))?;
        sent += 1;
    }
    fail_point::reach("gateway/handed");
    Ok(sent)
}

/// Notes how late the newest message is.
#[expect(clippy::cast_possible_truncation, reason = "milliseconds of a load")]
fn note_lateness(load: &Load, begin: Timestamp, lateness: &mut Latency) {
    let due = begin.later(SimDuration::milliseconds(load.due_ms(load.made().saturating_sub(1)) as i64));
    lateness.note(due, clock::now());
}
