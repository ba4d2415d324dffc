//! A bus on Apache Kafka: one topic, its partitions, a record for every message with the message's topic as key.
//!
//! The producer is idempotent and waits for all replicas, for as long as it takes; a message is acknowledged when they have it. Who
//! reads says from where: offsets are kept with what was made of the messages, in the checkpoints, and the brokers are told them
//! afterwards. Opening asks nobody; until the brokers have answered everything is refused as away. Does not know what it stores.

mod address;
mod call;
mod cause;
mod feed;
mod group;
mod lane;
mod settings;
mod shared;
#[cfg(test)]
mod tests;
mod topic;
mod whole;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseRecord, Producer as _, ThreadedProducer};

use self::call::Call;
use self::lane::Lane;
use self::shared::{Ears, Shared};
use super::bus::{Bus, BusError, Done, check_limits};
use super::message::{Logged, Message};

pub use self::address::{KafkaTarget, Partitioner};
pub use self::feed::{FEED_CONNECTIONS_MAX, Feed, FeedCounts, FeedError, FeedOptions};
pub use self::group::KafkaGroup;
pub use self::settings::{KafkaOptions, KafkaSecurity, Mechanism};
pub use self::whole::read_topic;

/// What a message takes beside its bytes while it waits [bytes].
const OVERHEAD: usize = 128;
/// How long one wait for news of a partition lasts before it is looked at again.
const MOMENT: Duration = Duration::from_millis(50);
/// How long what was handed in may take to be acknowledged when the bus is closed.
const FLUSH: Duration = Duration::from_secs(5);

/// A topic of Kafka, open for writing and reading.
pub struct KafkaBus {
    shared: Arc<Shared>,
    options: KafkaOptions,
    producer: Arc<ThreadedProducer<Ears>>,
    /// A partition each, with a lock for those who hand in, so that calls stay together.
    lanes: Vec<(Lane, Mutex<()>)>,
    watching: Option<JoinHandle<()>>,
}

impl fmt::Debug for KafkaBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaBus").field("options", &self.options).finish_non_exhaustive()
    }
}

impl KafkaBus {
    /// Opens a topic; brokers need not answer yet.
    ///
    /// # Errors
    /// When the options are no good, such as a certificate that cannot be read.
    pub fn open(options: KafkaOptions) -> Result<Self, BusError> {
        let shared = Arc::new(Shared::new(options.place(), options.partitions));
        let wrong = |error: KafkaError| BusError::Refused { place: options.place(), reason: words(&error) };
        let producer = ThreadedProducer::from_config_and_context(&options.producing(), Ears(Arc::clone(&shared)))
            .map_err(wrong)?;
        let producer = Arc::new(producer);
        let lanes = (0..options.partitions).map(|partition| Lane::open(&options, &shared, &producer, partition));
        let lanes =
            lanes.map(|lane| lane.map(|lane| (lane, Mutex::new(())))).collect::<Result<_, _>>().map_err(wrong)?;
        let (known, heed) = (options.clone(), Arc::clone(&shared));
        let thread = std::thread::Builder::new().name("kafka".to_owned());
        let watching = thread.spawn(move || topic::watch(&known, &heed));
        let watching = watching.map_err(|error| BusError::Stopped { cause: error.to_string().into() })?;
        Ok(Self { shared, options, producer, lanes, watching: Some(watching) })
    }

    /// Waits at most so long until the topic is there and as it should be.
    ///
    /// # Errors
    /// When the brokers do not answer or refuse, or the topic has another number of partitions.
    pub fn wait_ready(&self, timeout: Duration) -> Result<(), BusError> {
        self.shared.wait_ready(timeout)
    }

    fn lane(&self, partition: u16) -> Result<&(Lane, Mutex<()>), BusError> {
        let partitions = self.partitions();
        self.lanes.get(usize::from(partition)).ok_or(BusError::NoPartition { partition, partitions })
    }

    /// What is known of a partition, after a look if the brokers answer. One question that nobody answered is enough: whoever asks for
    /// all partitions would otherwise wait for each.
    fn looked<T>(&self, partition: u16, known: impl Fn() -> T) -> T {
        if let Ok((lane, _)) = self.lane(partition)
            && self.shared.is_answered()
        {
            // Brokers that do not answer leave what was known before.
            drop(lane.look());
        }
        known()
    }

    /// What must hold before messages are taken; the room they take.
    fn admit(&self, partition: u16, messages: &[Message]) -> Result<usize, BusError> {
        self.lane(partition)?;
        check_limits(messages)?;
        self.shared.check()?;
        let (bytes, limit) =
            (messages.iter().map(|message| message.bytes() + OVERHEAD).sum(), self.options.queue_bytes_max);
        if self.shared.take_room(bytes, limit) { Ok(bytes) } else { Err(BusError::Busy { limit }) }
    }
}

/// An error of librdkafka without what was set to what, which may be a secret.
fn words(error: &KafkaError) -> String {
    match error {
        KafkaError::ClientConfig(_, reason, key, _) => format!("`{key}` cannot be used: {reason}"),
        other => other.to_string(),
    }
}

impl Bus for KafkaBus {
    fn partitions(&self) -> u16 {
        self.options.partitions
    }

    fn begin(&self, partition: u16) -> u64 {
        self.looked(partition, || self.shared.begin(partition))
    }

    fn end(&self, partition: u16) -> u64 {
        self.looked(partition, || self.shared.end(partition))
    }

    fn known_end(&self, partition: u16) -> u64 {
        self.shared.end(partition)
    }

    fn read(&self, partition: u16, from: u64, max_messages: usize, max_bytes: usize) -> Result<Vec<Logged>, BusError> {
        let (lane, _) = self.lane(partition)?;
        self.shared.check()?;
        lane.read(from, max_messages, max_bytes)
    }

    fn wait_beyond(&self, partition: u16, offset: u64, timeout: Duration) -> bool {
        let Ok((lane, _)) = self.lane(partition) else { return false };
        let mut left = timeout;
        loop {
            if self.shared.wait_beyond(partition, offset, Duration::ZERO) {
                return true;
            }
            if left.is_zero() {
                return false;
            }
            let moment = left.min(MOMENT);
            left = left.saturating_sub(moment);
            if lane.is_at(offset) {
                lane.wait_at(offset, moment);
            } else if !self.shared.wait_beyond(partition, offset, moment) && self.shared.check().is_ok() {
                drop(lane.look());
            }
        }
    }

    fn submit(&self, partition: u16, messages: Vec<Message>, done: Done) {
        if messages.is_empty() {
            let end = self.shared.end(partition);
            return done(self.lane(partition).map(|_| end..end));
        }
        let bytes = match self.admit(partition, &messages) {
            Ok(bytes) => bytes,
            Err(error) => return done(Err(error)),
        };
        let call = Arc::new(Call::new(&self.shared, partition, (messages.len(), bytes), done));
        let Ok((_, order)) = self.lane(partition) else { return };
        let _order = order.lock().unwrap_or_else(PoisonError::into_inner);
        for (at, message) in messages.iter().enumerate() {
            let record = BaseRecord::with_opaque_to(&self.options.topic, Arc::clone(&call))
                .partition(i32::from(partition))
                .key(message.topic.as_bytes())
                .payload(message.payload.as_ref());
            if let Err((error, _)) = self.producer.send(record) {
                // What follows must not overtake it, and what was handed in before may become durable yet: no more is taken.
                let cause = BusError::Stopped { cause: format!("{}: {}", self.shared.place, words(&error)).into() };
                return call.failed(&self.shared.fail(cause), messages.len() - at);
            }
        }
    }

    fn release(&self, partition: u16, up_to: u64) {
        if let Ok((lane, _)) = self.lane(partition)
            && self.options.tells_group
        {
            lane.commit(up_to.min(self.shared.end(partition)));
        }
    }

    fn trouble(&self) -> Option<BusError> {
        self.shared.trouble()
    }
}

impl Drop for KafkaBus {
    fn drop(&mut self) {
        self.shared.close();
        // What is not acknowledged by then is told so; whoever sent it has it still.
        drop(self.producer.flush(FLUSH));
        if let Some(watching) = self.watching.take() {
            let _ = watching.join();
        }
    }
}
