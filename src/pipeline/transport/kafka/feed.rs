//! Producers for somebody else's topic: what a witness hears of each record is what the brokers acknowledged, and when.
//!
//! Unlike the bus next door this makes no topic, takes it with as many partitions as it has, keeps to bounds that its caller sets, and
//! gives up when the brokers have been away for too long. Each connection is a producer of its own: idempotent, `acks=all`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU16, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use rdkafka::config::{FromClientConfigAndContext as _, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer as _, ProducerContext, PurgeConfig, ThreadedProducer};
use rdkafka::{ClientConfig, ClientContext};

use super::super::message::{Message, partition_of};
use super::super::publisher::Witness;
use super::super::target::Credentials;
use super::address::{KafkaTarget, Partitioner};
use super::cause::Cause;
use super::shared::is_passing;
use super::words;

/// Most producers: each has threads of its own.
pub const FEED_CONNECTIONS_MAX: u16 = 128;
/// Longest wait for one answer to a question.
const ANSWER_MAX: Duration = Duration::from_secs(3);
/// Wait before brokers that are away are asked again, and before a full producer is tried again unless it tells sooner.
const AGAIN: Duration = Duration::from_millis(100);
/// Longest wait for a producer to let go of what it has.
const PURGE_MAX: Duration = Duration::from_secs(5);
/// Most kinds of refusals that are told apart.
const REASONS_MAX: usize = 50;

/// How records are handed over.
#[derive(Debug, Clone)]
pub struct FeedOptions {
    /// Producers.
    pub connections: u16,
    /// How they call themselves in the brokers' logs.
    pub name: String,
    /// Records of one producer without acknowledgement, at most; at the limit handing over blocks.
    pub messages_max: usize,
    /// The same in bytes.
    pub bytes_max: usize,
    /// Without the brokers for so long a record is given up, and everything with it.
    pub give_up: Duration,
    /// For the brokers, if they ask.
    pub credentials: Option<Credentials>,
    /// Who hears what becomes of each record.
    pub witness: Arc<dyn Witness>,
}

/// Why nothing more can be handed over, or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// No brokers within the time given; what they acknowledged before is with them.
    #[error(
        "cannot reach the topic at {target} for {} s: {cause}; see that the brokers run and that the address is right",
        waited.as_secs()
    )]
    Unreachable {
        /// Which topic.
        target: String,
        /// How long they were tried.
        waited: Duration,
        /// What was heard of them last.
        cause: String,
    },
    /// They do not want us, or not so.
    #[error("the brokers of {target} refuse: {reason}")]
    Refused {
        /// Which topic.
        target: String,
        /// In their words.
        reason: String,
    },
    /// There is no such topic.
    #[error("there is no topic `{topic}` at {brokers}: make it first, with as many partitions as are to be tried")]
    NoTopic {
        /// Its name.
        topic: String,
        /// Where it was looked for.
        brokers: String,
    },
    /// It was closed.
    #[error("it is closed")]
    Closed,
}

impl FeedError {
    pub(super) fn no_topic(target: &KafkaTarget) -> Self {
        Self::NoTopic { topic: target.topic.clone(), brokers: target.brokers.clone() }
    }
}

/// What a feed had to do besides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FeedCounts {
    /// Records handed over once more after their connection was cut.
    pub resent: u64,
    /// Connections made again.
    pub reconnects: u64,
    /// Records that the brokers refused for good.
    pub refused: u64,
}

type Producer = ThreadedProducer<Ears>;

/// A record that was let go of without acknowledgement.
struct Back {
    key: Vec<u8>,
    payload: Vec<u8>,
    tag: usize,
}

#[derive(Default)]
struct Known {
    failed: Option<FeedError>,
    closing: bool,
    cause: Cause,
    refusals: BTreeMap<String, u64>,
}

/// What producers, their threads and their caller share.
struct Shared {
    target: KafkaTarget,
    give_up: Duration,
    witness: Arc<dyn Witness>,
    known: Mutex<Known>,
    /// Partitions of the topic; 0 until the brokers have said it.
    partitions: AtomicU16,
    /// Something of what is known has changed, or there is room in a producer.
    changed: Condvar,
    /// Callers that wait for room.
    waiting: AtomicUsize,
    resent: AtomicU64,
    reconnects: AtomicU64,
}

impl Shared {
    /// Plain values, which stay good when somebody dies who holds them.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first reason stands.
    fn fail(&self, error: FeedError) {
        self.known().failed.get_or_insert(error);
        self.changed.notify_all();
    }

    fn refuse(&self, reason: String) {
        self.fail(FeedError::Refused { target: self.target.to_string(), reason });
    }

    fn unreachable(&self, otherwise: &str) {
        let cause = self.known_cause().unwrap_or_else(|| otherwise.to_owned());
        self.fail(FeedError::Unreachable { target: self.target.to_string(), waited: self.give_up, cause });
    }

    /// Waits at most so long for whatever changes; whether to go on.
    fn pause(&self, longest: Duration) -> bool {
        let open = |known: &mut Known| !known.closing && known.failed.is_none();
        let known = self.changed.wait_timeout_while(self.known(), longest, open);
        open(&mut known.unwrap_or_else(PoisonError::into_inner).0)
    }

    /// The partitions of the topic, once the brokers have said how many.
    fn partitions(&self) -> Result<u16, FeedError> {
        let told = || self.partitions.load(Ordering::SeqCst);
        if told() > 0 {
            return Ok(told());
        }
        let unknown = |known: &mut Known| told() == 0 && known.failed.is_none() && !known.closing;
        let known = self.changed.wait_while(self.known(), unknown).unwrap_or_else(PoisonError::into_inner);
        match &known.failed {
            Some(error) => Err(error.clone()),
            None if known.closing => Err(FeedError::Closed),
            None => Ok(told()),
        }
    }

    /// Waits a moment for room in a producer.
    fn wait_room(&self) -> Result<(), FeedError> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let known = self.changed.wait_timeout(self.known(), AGAIN);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        let (known, _) = known.unwrap_or_else(PoisonError::into_inner);
        known.failed.clone().map_or(Ok(()), Err)
    }

    /// One answer of librdkafka to a question that went wrong: whether asking again may help.
    fn heard(&self, error: &KafkaError) -> bool {
        match error.rdkafka_error_code() {
            Some(code) if is_final(code) || !is_passing(code) => {
                self.refuse(self.known_cause().unwrap_or_else(|| code.to_string()));
                false
            }
            _ => true,
        }
    }

    fn is_over(&self) -> bool {
        let known = self.known();
        known.closing || known.failed.is_some()
    }

    fn known_cause(&self) -> Option<String> {
        self.known().cause.words()
    }
}

/// What brokers will not do later either, without anybody doing anything.
const fn is_final(code: Code) -> bool {
    matches!(code, Code::Authentication | Code::SaslAuthenticationFailed | Code::SSL)
}

/// What one producer tells.
#[derive(Clone)]
struct Ears {
    shared: Arc<Shared>,
    back: Arc<Mutex<Vec<Back>>>,
}

impl ClientContext for Ears {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        self.shared.known().cause.note(&error, reason);
        if code.is_some_and(is_final) {
            self.shared.refuse(reason.to_owned());
        }
    }
}

impl ProducerContext for Ears {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, tag: usize) {
        let shared = &self.shared;
        match result {
            Ok(_) => shared.witness.safe(&[tag as u64]),
            Err((error, message)) => match error.rdkafka_error_code() {
                Some(Code::PurgeQueue | Code::PurgeInflight) => {
                    let owned = |bytes: Option<&[u8]>| bytes.unwrap_or_default().to_vec();
                    let (key, payload) = (owned(message.key()), owned(message.payload()));
                    self.back.lock().unwrap_or_else(PoisonError::into_inner).push(Back { key, payload, tag });
                }
                Some(Code::MessageTimedOut) => shared.unreachable("no answer"),
                Some(code @ (Code::Fatal | Code::OutOfOrderSequenceNumber)) => shared.refuse(code.to_string()),
                _ => {
                    let reason = words(error);
                    let mut known = shared.known();
                    let is_known = known.refusals.contains_key(&reason) || known.refusals.len() < REASONS_MAX;
                    let reason = if is_known { reason } else { "other reasons".to_owned() };
                    *known.refusals.entry(reason).or_default() += 1;
                }
            },
        }
        if shared.waiting.load(Ordering::SeqCst) > 0 {
            shared.changed.notify_all();
        }
    }
}

/// A producer, and what it lets go of.
struct Connection {
    producer: Producer,
    back: Arc<Mutex<Vec<Back>>>,
}

/// Producers at work; what is not acknowledged when this is dropped may or may not reach the topic.
pub struct Feed {
    shared: Arc<Shared>,
    lanes: Arc<Vec<RwLock<Arc<Connection>>>>,
    config: ClientConfig,
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("target", &self.shared.target).finish_non_exhaustive()
    }
}

impl Feed {
    /// Begins to connect; the witness hears of every producer whose brokers answer.
    ///
    /// # Errors
    /// A sentence when the options are no good, such as a certificate that cannot be read.
    pub fn begin(target: &KafkaTarget, options: &FeedOptions) -> Result<Self, String> {
        if options.connections > FEED_CONNECTIONS_MAX {
            return Err(format!("a topic of Kafka takes at most {FEED_CONNECTIONS_MAX} connections"));
        }
        let config = producing(target, options)?;
        let shared = Arc::new(Shared {
            target: target.clone(),
            give_up: options.give_up,
            witness: Arc::clone(&options.witness),
            known: Mutex::default(),
            partitions: AtomicU16::new(0),
            changed: Condvar::new(),
            waiting: AtomicUsize::new(0),
            resent: AtomicU64::new(0),
            reconnects: AtomicU64::new(0),
        });
        let lanes = (0..options.connections.max(1)).map(|_| connection(&config, &shared).map(RwLock::new));
        let lanes: Vec<_> = lanes.collect::<Result<_, _>>()?;
        let feed = Self { shared, lanes: Arc::new(lanes), config };
        let (shared, lanes) = (Arc::clone(&feed.shared), Arc::clone(&feed.lanes));
        aside(move || {
            for (number, lane) in lanes.iter().enumerate() {
                if !welcome(&shared, &current(lane), number, false) {
                    return;
                }
            }
        })?;
        Ok(feed)
    }

    /// Hands a record to the producer of this number, counted on from the first when there are fewer: its key is the message's topic.
    /// Waits a moment where that producer keeps as many as it may; whether it took the record.
    ///
    /// # Errors
    /// When nothing more can be handed over.
    pub fn send(&self, connection: usize, message: &Message, tag: u64) -> Result<bool, FeedError> {
        let lane = &self.lanes[connection % self.lanes.len()];
        let tag = usize::try_from(tag).unwrap_or(usize::MAX);
        put(&self.shared, lane, (message.topic.as_bytes(), &message.payload, tag))
    }

    /// Breaks every connection, as a power cut does: what was not acknowledged is handed to new producers, so some of it may be there
    /// twice.
    pub fn cut(&self) {
        let (shared, lanes, config) = (Arc::clone(&self.shared), Arc::clone(&self.lanes), self.config.clone());
        let cut = aside(move || {
            for (number, lane) in lanes.iter().enumerate() {
                if let Err(reason) = renew(&shared, lane, number, &config) {
                    return shared.refuse(reason);
                }
            }
        });
        if let Err(reason) = cut {
            self.shared.refuse(reason);
        }
    }

    /// Why nothing more can be handed over, if that is so.
    pub fn failure(&self) -> Option<FeedError> {
        self.shared.known().failed.clone()
    }

    /// What it had to do besides.
    pub fn counts(&self) -> FeedCounts {
        FeedCounts {
            resent: self.shared.resent.load(Ordering::SeqCst),
            reconnects: self.shared.reconnects.load(Ordering::SeqCst),
            refused: self.shared.known().refusals.values().sum(),
        }
    }

    /// Of the records that the brokers refused, how many for which reason.
    pub fn refusals(&self) -> Vec<(String, u64)> {
        self.shared.known().refusals.iter().map(|(reason, count)| (reason.clone(), *count)).collect()
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.shared.known().closing = true;
        self.shared.changed.notify_all();
    }
}

/// What every producer is told: nothing twice, nothing out of order; bounds and patience as its caller has them.
fn producing(target: &KafkaTarget, options: &FeedOptions) -> Result<ClientConfig, String> {
    let mut config = target.options(&options.name, options.credentials.as_ref())?.common();
    config.set("enable.idempotence", "true").set("acks", "all").set("linger.ms", target.linger_ms.to_string());
    config.set("compression.type", target.compression);
    config.set("message.timeout.ms", options.give_up.as_millis().max(u128::from(target.linger_ms) + 1).to_string());
    config.set("queue.buffering.max.messages", options.messages_max.clamp(1, 10_000_000).to_string());
    config.set("queue.buffering.max.kbytes", (options.bytes_max / 1024).clamp(1, 1 << 30).to_string());
    if target.partitioner == Partitioner::Murmur2 {
        config.set("partitioner", "murmur2");
    }
    Ok(config)
}

fn connection(config: &ClientConfig, shared: &Arc<Shared>) -> Result<Arc<Connection>, String> {
    let back = Arc::default();
    let ears = Ears { shared: Arc::clone(shared), back: Arc::clone(&back) };
    let producer = ThreadedProducer::from_config_and_context(config, ears).map_err(|error| words(&error))?;
    Ok(Arc::new(Connection { producer, back }))
}

fn aside(work: impl FnOnce() + Send + 'static) -> Result<(), String> {
    let thread = std::thread::Builder::new().name("kafka".to_owned()).spawn(work);
    thread.map(drop).map_err(|error| format!("cannot start a thread for a connection: {error}"))
}

fn current(lane: &RwLock<Arc<Connection>>) -> Arc<Connection> {
    Arc::clone(&lane.read().unwrap_or_else(PoisonError::into_inner))
}

/// Asks a producer's brokers for the topic until they answer, and tells the witness; whether they did.
fn welcome(shared: &Shared, connection: &Connection, number: usize, again: bool) -> bool {
    let (client, mut waited) = (connection.producer.client(), Duration::ZERO);
    loop {
        let patience = ANSWER_MAX.min(shared.give_up);
        let mut asked = patience;
        match client.fetch_metadata(Some(&shared.target.topic), patience) {
            Ok(metadata) => {
                let topic = metadata.topics().first();
                match topic.and_then(rdkafka::metadata::MetadataTopic::error).map(Code::from) {
                    Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) => {
                        shared.fail(FeedError::no_topic(&shared.target));
                        return false;
                    }
                    Some(code) if !is_passing(code) => {
                        shared.refuse(code.to_string());
                        return false;
                    }
                    _ => {}
                }
                let partitions = topic.map_or(0, |topic| topic.partitions().len());
                if partitions > 0 {
                    let known = shared.known();
                    shared.partitions.store(u16::try_from(partitions).unwrap_or(u16::MAX), Ordering::SeqCst);
                    drop(known);
                    shared.changed.notify_all();
                    shared.witness.connected(number, again);
                    return true;
                }
                asked = Duration::ZERO;
            }
            Err(error) if shared.heard(&error) => {}
            Err(_) => return false,
        }
        waited += asked + AGAIN;
        if waited >= shared.give_up {
            shared.unreachable("no answer");
            return false;
        }
        if !shared.pause(AGAIN) {
            return false;
        }
    }
}

/// Hands a record, that is key, payload and tag, to whatever producer the lane has; where there is no room waits a moment, and says
/// whether there was.
fn put(
    shared: &Shared,
    lane: &RwLock<Arc<Connection>>,
    (key, payload, tag): (&[u8], &[u8], usize),
) -> Result<bool, FeedError> {
    let partition = match shared.target.partitioner {
        Partitioner::Ours => Some(i32::from(partition_of(&String::from_utf8_lossy(key), shared.partitions()?))),
        Partitioner::Murmur2 => None,
    };
    let send = || {
        let record =
            BaseRecord { partition, ..BaseRecord::with_opaque_to(&shared.target.topic, tag).key(key).payload(payload) };
        let sent = lane.read().unwrap_or_else(PoisonError::into_inner).producer.send(record);
        match sent {
            Ok(()) => Ok(true),
            Err((KafkaError::MessageProduction(Code::QueueFull), _)) => Ok(false),
            Err((error, _)) => {
                shared.refuse(words(&error));
                shared.known().failed.clone().map_or(Ok(false), Err)
            }
        }
    };
    if send()? {
        return Ok(true);
    }
    shared.wait_room()?;
    send()
}

/// A new producer in the place of one whose connections break; what that one had is handed over once more.
fn renew(
    shared: &Arc<Shared>,
    lane: &RwLock<Arc<Connection>>,
    number: usize,
    config: &ClientConfig,
) -> Result<(), String> {
    let new = connection(config, shared)?;
    let old = std::mem::replace(&mut *lane.write().unwrap_or_else(PoisonError::into_inner), Arc::clone(&new));
    old.producer.purge(PurgeConfig::default().queue().inflight());
    // Every record that it had is told of, acknowledged or not.
    old.producer.flush(PURGE_MAX).map_err(|error| words(&error))?;
    shared.reconnects.fetch_add(1, Ordering::SeqCst);
    let back = std::mem::take(&mut *old.back.lock().unwrap_or_else(PoisonError::into_inner));
    drop(old);
    if !welcome(shared, &new, number, true) {
        return Ok(());
    }
    for Back { key, payload, tag } in back {
        shared.resent.fetch_add(1, Ordering::SeqCst);
        loop {
            match put(shared, lane, (&key, &payload, tag)) {
                Ok(true) => break,
                Ok(false) if !shared.is_over() => {}
                _ => return Ok(()),
            }
        }
    }
    Ok(())
}
