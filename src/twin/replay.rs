//! A recording fed in again without the simulator: the log of an earlier run goes through the same workers into new stores.
//!
//! The log holds what the listener acknowledged, so the stores end up with the same content.

use std::path::Path;
use std::sync::Arc;

use super::TwinError;
use super::board::Order;
use super::control::ControlRoom;
use super::intake::{Folders, Intake, PARTITIONS};
use super::parts::Equipment;
use super::service::Supervision;
use crate::city::network::Network;
use crate::pipeline::transport::{Bus, DurableLog, LogOptions, Logged};
use crate::telemetry::TopicMap;

/// Messages copied at once.
const COPY_MESSAGES: usize = 4096;
/// Bytes copied at once.
const COPY_BYTES: usize = 1 << 20;

/// What was fed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Replayed {
    /// Messages fed in.
    pub messages: u64,
    /// Bytes of topics and payloads.
    pub bytes: u64,
}

/// Feeds the log in a run's folder, or a log's own folder, into stores in `out`; begun again, it goes on where it was.
///
/// # Errors
/// When there is no whole log, or `out` is another recording's or cannot be used.
pub fn replay(
    recording: &Path,
    out: &Path,
    topics: &TopicMap,
    network: Option<&Network>,
    stop: &dyn Fn() -> bool,
) -> Result<Replayed, TwinError> {
    let inside = Folders::of(recording).log;
    let folder = if inside.is_dir() { inside } else { recording.to_owned() };
    // Opening a log where there is none would make one.
    if !DurableLog::is_in(&folder) {
        return Err(TwinError::Service(format!(
            "there is no recording in `{}`; name the folder of a run that used the wire, or its `log`",
            recording.display()
        )));
    }
    let source = DurableLog::open(&folder, LogOptions::new(PARTITIONS))?;
    for partition in 0..PARTITIONS {
        if source.begin(partition) > 0 {
            return Err(TwinError::Service(format!(
                "the recording in `{}` is not whole: the log made room by dropping the first {} messages of partition {partition}",
                folder.display(),
                source.begin(partition)
            )));
        }
    }
    let intake = Intake::open(
        out,
        &identity(&source, topics, network.is_some())?,
        &Arc::new(topics.clone()),
        network,
        &Equipment::default(),
    )?;
    let supervision = Supervision::start(intake.services(None))
        .map_err(|error| TwinError::Service(format!("cannot start the supervisor: {error}")))?;
    let copied = copy(&source, &intake, stop);
    let order = if copied.is_ok() && !stop() { Order::Finish } else { Order::Leave };
    intake.end(order, u32::from(PARTITIONS))?;
    drop(supervision);
    let copied = copied?;
    intake.stores.compact()?;
    if order == Order::Finish {
        ControlRoom::of_run(&intake).finish()?;
    }
    Ok(copied)
}

/// What makes the content of a replay: how each partition of the recording begins, under which topics it is read, and whether the
/// roads are known. Its place does not, for it may be named in many ways.
fn identity(source: &DurableLog, topics: &TopicMap, roads: bool) -> Result<String, TwinError> {
    let mut hasher = blake3::Hasher::new();
    for partition in 0..PARTITIONS {
        for Logged { message, .. } in source.read(partition, 0, COPY_MESSAGES, COPY_BYTES)? {
            hasher.update(message.topic.as_bytes()).update(&message.payload);
        }
    }
    hasher.update(format!("{topics:?} {roads}").as_bytes());
    Ok(format!("replay of {}", &hasher.finalize().to_hex()[..32]))
}

/// Appends to the new log what it does not have yet.
fn copy(source: &DurableLog, intake: &Intake, stop: &dyn Fn() -> bool) -> Result<Replayed, TwinError> {
    let mut copied = Replayed::default();
    for partition in 0..PARTITIONS {
        let mut next = intake.log.end(partition);
        while next < source.end(partition) && !stop() {
            let logged = source.read(partition, next, COPY_MESSAGES, COPY_BYTES)?;
            next += logged.len() as u64;
            copied.messages += logged.len() as u64;
            let messages: Vec<_> = logged.into_iter().map(|Logged { message, .. }| message).collect();
            copied.bytes += messages.iter().map(|message| message.bytes() as u64).sum::<u64>();
            intake.log.append(partition, messages)?;
        }
    }
    Ok(copied)
}
