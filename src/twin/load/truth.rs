//! The truth of a load on its way to the disk: a thread writes it, so that packing rows together holds up no message.
//!
//! Batches wait in a queue of [`WAITING_MAX`]; a disk that is slower than the load makes the sender wait, which stands in the
//! schedule's own error.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::super::TwinError;
use crate::pipeline::stores::{SentRow, SentTruth, StoreError, StrangerRow};
use crate::primitives::Timestamp;
use crate::studies::load::Said;
use crate::telemetry::{Emission, Fate};

/// Batches that wait to be written.
const WAITING_MAX: usize = 64;

/// What is known of a message.
pub(super) enum Known {
    Device(Box<SentRow>),
    Stranger(Box<StrangerRow>),
}

/// Where what was true goes.
#[derive(Debug)]
pub(super) struct Truth {
    lane: Option<SyncSender<Vec<Known>>>,
    thread: Option<JoinHandle<Result<u64, StoreError>>>,
    waiting: Vec<Known>,
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if matches!(self, Self::Device(_)) { "Device" } else { "Stranger" })
    }
}

impl Truth {
    /// Begins in a folder.
    pub(super) fn begin(folder: &Path) -> Result<Self, TwinError> {
        let truth = SentTruth::create(folder)?;
        let (lane, batches) = sync_channel(WAITING_MAX);
        let thread = std::thread::Builder::new()
            .name("truth".to_owned())
            .spawn(move || write(truth, &batches))
            .map_err(|error| TwinError::Service(format!("cannot start a thread for the truth: {error}")))?;
        Ok(Self { lane: Some(lane), thread: Some(thread), waiting: Vec::new() })
    }

    /// Notes a message with these bytes that is sent so long after the beginning [µs], or never.
    pub(super) fn note(&mut self, said: &mut Said, payload: Option<&[u8]>, began: Timestamp, sent_us: Option<u64>) {
        let at = |micros: u64| began.as_milliseconds().saturating_mul(1000).saturating_add_unsigned(micros);
        let (due_us, sent_us) = (at(said.due_us), sent_us.map(at));
        if let (Some(what), Some(payload)) = (said.hostile, payload) {
            let row = StrangerRow::of(&said.topic, what, payload, due_us, sent_us);
            return self.waiting.push(Known::Stranger(Box::new(row)));
        }
        // Of one that is sent later is told later.
        let is_final = |emission: &Emission| payload.is_some() || emission.fate == Fate::Lost;
        if let Some(emission) = said.emission.take().filter(is_final) {
            let faults = if said.labels.is_empty() { String::new() } else { said.labels.to_string() };
            self.waiting.push(Known::Device(Box::new(SentRow { emission, faults, due_us, sent_us })));
        }
    }

    /// Hands on what was noted.
    ///
    /// # Errors
    /// A sentence when nothing more can be written.
    pub(super) fn hand_on(&mut self) -> Result<(), String> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let batch = std::mem::take(&mut self.waiting);
        match self.lane.as_ref().map(|lane| lane.send(batch)) {
            Some(Ok(())) => Ok(()),
            // The writer has ended: what it says is why.
            _ => self.end().map(drop),
        }
    }

    /// Ends the files; gives how many rows they have.
    ///
    /// # Errors
    /// A sentence when they are not whole.
    pub(super) fn end(&mut self) -> Result<u64, String> {
        let batch = std::mem::take(&mut self.waiting);
        if let Some(lane) = self.lane.take() {
            // One who has gone says why when it is joined.
            drop(lane.send(batch));
        }
        let Some(thread) = self.thread.take() else { return Ok(0) };
        let ended = thread.join().map_err(|_| "the thread that writes the truth has died".to_owned())?;
        ended.map_err(|error| format!("the truth cannot be written: {error}"))
    }
}

fn write(mut truth: SentTruth, batches: &Receiver<Vec<Known>>) -> Result<u64, StoreError> {
    while let Ok(batch) = batches.recv() {
        for known in batch {
            match known {
                Known::Device(row) => truth.add(&row)?,
                Known::Stranger(row) => truth.add_stranger(&row)?,
            }
        }
    }
    truth.finish()
}
