//! SUMO's vehicles on the wire: its floating car data leave as the positions of trackers, at the pace of their time or as fast as the
//! target takes them, and the ledger is written first.
//!
//! Reads ahead no further than a time step and what the publisher holds, so files of any size are sent. What a damaged file held
//! before the damage has been sent, and stands in the ledger.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::intake::{Folders, PARTITIONS};
use super::wire::threads;
use super::{TwinError, clock};
use crate::city::network::{Network, Projection};
use crate::pipeline::transport::{Message, Publisher, PublisherCounts, PublisherOptions, Target};
use crate::primitives::{Point, Timestamp, fail_point};
use crate::studies::audit::{Journal, Ledger};
use crate::studies::load::FcdReader;
use crate::telemetry::{Emission, Fate, Record, TopicMap, json};

/// Records written down and sent together, at most.
const BATCH: usize = 512;
/// The longest wait before looking whether to stop.
const MOMENT: Duration = Duration::from_millis(50);

/// What is to be sent, and where.
#[derive(Debug, Clone)]
pub struct SendSettings {
    /// SUMO's floating car data, plain or gzip.
    pub file: PathBuf,
    /// Folder for the ledger.
    pub folder: PathBuf,
    /// Where to send.
    pub target: Target,
    /// How to send.
    pub publisher: PublisherOptions,
    /// Topics by reading.
    pub topics: TopicMap,
    /// The network the vehicles drive on; without one their places are longitude and latitude already.
    pub network: Option<Arc<Network>>,
    /// The instant of time 0 of the file.
    pub midnight: Timestamp,
    /// Seconds of the file in a second; as fast as the target takes them if none.
    pub speed_up: Option<f64>,
}

/// What was sent.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Records, as they stand in the ledger.
    pub emitted: u64,
    /// Vehicles.
    pub vehicles: u64,
    /// Persons and containers, which were left out.
    pub left_out: u64,
    /// Time of the first and of the last record.
    pub span: Option<(Timestamp, Timestamp)>,
    /// What the publisher did.
    pub publisher: PublisherCounts,
    /// How long it took until the last acknowledgement.
    pub took: Duration,
    /// Whether it was interrupted before its end.
    pub interrupted: bool,
}

/// Sends a file until it is through or `stop` says so, and waits for the last acknowledgement.
///
/// # Errors
/// When the file is no floating car data or damaged, the folder cannot be used, or the target is given up; the ledger of what was
/// sent is on disk then.
pub fn send(settings: &SendSettings, stop: &dyn Fn() -> bool) -> Result<Sent, TwinError> {
    let file = File::open(&settings.file)
        .map_err(|error| failed(format!("cannot open `{}`: {error}", settings.file.display())))?;
    let to_lon_lat = |point: Point| on_earth(settings.network.as_deref(), point);
    let mut reader = FcdReader::new(settings.file.clone(), file, settings.midnight, &to_lon_lat).map_err(failed)?;
    // What is no such file is refused before anything is made.
    let first = reader.read().map_err(failed)?;
    std::fs::create_dir_all(&settings.folder)
        .map_err(|error| failed(format!("cannot make `{}`: {error}", settings.folder.display())))?;
    let folders = Folders::of(&settings.folder);
    Ledger::remove(&folders.ledger)?;
    let journal = Journal::create(&folders.journal)?;
    let runtime = threads()?;
    let options = PublisherOptions { partitions: PARTITIONS, ..settings.publisher.clone() };
    let publisher = Publisher::connect(runtime.handle(), &settings.target, &options);
    let begun = clock::instant();
    let mut sender = Sender { settings, stop, publisher, journal, batch: Vec::new(), begun, span: None };
    let sent = sender.all(&mut reader, first);
    let flushed = sender.publisher.flush().map_err(failed);
    let (took, counts, span) = (begun.elapsed(), sender.publisher.counts(), sender.span);
    let ledger = sender.journal.close(&folders.ledger)?;
    runtime.shutdown_background();
    let interrupted = sent?;
    flushed?;
    Ok(Sent {
        emitted: ledger.emitted(),
        vehicles: reader.vehicles(),
        left_out: reader.left_out(),
        span,
        publisher: counts,
        took,
        interrupted,
    })
}

fn failed(error: impl std::fmt::Display) -> TwinError {
    TwinError::Service(error.to_string())
}

/// Longitude and latitude of a place; without a network it is that already.
fn on_earth(network: Option<&Network>, point: Point) -> Option<(f64, f64)> {
    let Some(network) = network else { return Some((point.x, point.y)) };
    match &network.projection {
        // A network without one may be in degrees itself, as SUMO's are that were made from degrees without a projection.
        Projection::None => Some((point.x, point.y)),
        projection => projection.to_lon_lat(point),
    }
}

/// Sends a file.
struct Sender<'a> {
    settings: &'a SendSettings,
    stop: &'a dyn Fn() -> bool,
    publisher: Publisher,
    journal: Journal,
    batch: Vec<Record>,
    begun: Instant,
    span: Option<(Timestamp, Timestamp)>,
}

impl Sender<'_> {
    /// Sends everything; whether it was interrupted.
    fn all(&mut self, reader: &mut FcdReader<'_>, first: Option<Record>) -> Result<bool, TwinError> {
        let mut next = first;
        while let Some(record) = next {
            let new_step = self.batch.last().is_none_or(|last| last.time != record.time);
            if new_step || self.batch.len() >= BATCH {
                self.hand_over()?;
            }
            if (new_step && !self.wait_for(record.time)) || (self.stop)() {
                return Ok(true);
            }
            self.batch.push(record);
            next = match reader.read() {
                Ok(next) => next,
                Err(error) => {
                    // What stood before the damage is told all the same.
                    self.hand_over()?;
                    return Err(failed(error));
                }
            };
        }
        self.hand_over()?;
        Ok(false)
    }

    /// Waits until an instant of the file has come; false if it is to stop before that.
    fn wait_for(&mut self, time: Timestamp) -> bool {
        let (first, last) = self.span.get_or_insert((time, time));
        *last = time;
        let Some(speed_up) = self.settings.speed_up else { return true };
        let due = time.since(*first).as_seconds().max(0.0) / speed_up;
        loop {
            let ahead = due - self.begun.elapsed().as_secs_f64();
            if ahead <= 0.0 {
                return true;
            }
            if (self.stop)() {
                return false;
            }
            std::thread::park_timeout(Duration::from_secs_f64(ahead.min(1.0)).min(MOMENT));
        }
    }

    /// Writes down what is in the batch, and then says it.
    fn hand_over(&mut self) -> Result<(), TwinError> {
        let mut payloads = Vec::with_capacity(self.batch.len());
        for record in self.batch.drain(..) {
            let mut canonical = Vec::with_capacity(320);
            json::encode(&record, &mut canonical);
            let payload = self.settings.topics.payload(&record, &canonical);
            let topic = self.settings.topics.topic(record.kind(), &record.device);
            let truth = record.reading.clone();
            self.journal.add(&Emission { record, truth, fault: None, fate: Fate::Sent }, &canonical);
            payloads.push((topic, payload));
        }
        self.journal.commit()?;
        for (topic, payload) in payloads {
            self.publisher.publish(Message::new(Arc::<str>::from(topic), payload)).map_err(failed)?;
        }
        fail_point::reach("gateway/handed");
        Ok(())
    }
}
