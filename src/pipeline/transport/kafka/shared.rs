//! What the bus, its clients' threads and its callers share: how far each partition is known to reach, and whether the brokers answer.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::Message as _;
use rdkafka::producer::{DeliveryResult, ProducerContext};

use super::super::bus::BusError;
use super::call::Call;
use super::cause::Cause;

/// How far a partition is known to reach.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mark {
    /// First offset that can be read.
    begin: u64,
    /// Offset after the last that is durable.
    end: u64,
    /// Where nothing can be read up to the end, because what stands there is no message: what transactions of others leave.
    hole: Option<(u64, u64)>,
}

impl Mark {
    /// Offset after the last message.
    const fn end(&self) -> u64 {
        match self.hole {
            Some((from, to)) if to == self.end => from,
            _ => self.end,
        }
    }
}

/// What is known of the brokers.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own that somebody waits for")]
struct Known {
    marks: Vec<Mark>,
    /// Whether the topic is there and as it should be.
    ready: bool,
    closing: bool,
    /// Why the bus takes nothing more.
    failed: Option<BusError>,
    /// Why a broker is not there, if one is not.
    cause: Cause,
    /// Whether a question went without an answer since the last one.
    doubted: bool,
    /// Whether they were asked for the topic since then, and did not answer either.
    silent: bool,
}

/// What they share.
#[derive(Debug)]
pub(super) struct Shared {
    /// The topic, for people.
    pub place: String,
    known: Mutex<Known>,
    changed: Condvar,
    /// Handed in and not acknowledged [bytes].
    waiting: AtomicUsize,
}

impl Shared {
    pub(super) fn new(place: String, partitions: u16) -> Self {
        let known = Known { marks: vec![Mark::default(); usize::from(partitions)], ..Known::default() };
        Self { place, known: Mutex::new(known), changed: Condvar::new(), waiting: AtomicUsize::new(0) }
    }

    /// Plain values, which stay good when somebody dies who holds them.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is a topic to use.
    pub(super) fn check(&self) -> Result<(), BusError> {
        let known = self.known();
        match &known.failed {
            Some(error) => Err(error.clone()),
            None if known.ready => Ok(()),
            None => Err(self.away_for(known.cause.words())),
        }
    }

    /// Why there is none, or why it cannot be used now.
    pub(super) fn trouble(&self) -> Option<BusError> {
        self.check().err().or_else(|| {
            let known = self.known();
            known.silent.then(|| self.away_for(known.cause.words()))
        })
    }

    /// Whether there is a topic to use, and nothing is known to be wrong with it.
    pub(super) fn is_answered(&self) -> bool {
        let known = self.known();
        known.ready && known.failed.is_none() && !known.doubted
    }

    /// Whether the brokers should be asked if they are there.
    pub(super) fn is_doubtful(&self) -> bool {
        let known = self.known();
        known.doubted || known.cause.words().is_some()
    }

    /// A question went without an answer.
    pub(super) fn note_doubt(&self) {
        self.known().doubted = true;
    }

    /// They were asked if they are there, and did not answer.
    pub(super) fn note_silence(&self) {
        let mut known = self.known();
        (known.doubted, known.silent) = (true, true);
    }

    /// Waits until there is, or until it is known that there will not be.
    pub(super) fn wait_ready(&self, timeout: Duration) -> Result<(), BusError> {
        let waits = |known: &mut Known| !known.ready && known.failed.is_none();
        drop(self.changed.wait_timeout_while(self.known(), timeout, waits).unwrap_or_else(PoisonError::into_inner));
        self.check()
    }

    pub(super) fn set_ready(&self) {
        self.known().ready = true;
        self.changed.notify_all();
    }

    pub(super) fn close(&self) {
        self.known().closing = true;
        self.changed.notify_all();
    }

    /// Waits a moment; whether the bus is still open.
    pub(super) fn pause(&self, moment: Duration) -> bool {
        let known = self.changed.wait_timeout_while(self.known(), moment, |known| !known.closing);
        !known.unwrap_or_else(PoisonError::into_inner).0.closing
    }

    /// The bus takes nothing more; the first reason stands.
    pub(super) fn fail(&self, error: BusError) -> BusError {
        let stands = self.known().failed.get_or_insert(error).clone();
        self.changed.notify_all();
        stands
    }

    /// What an error of librdkafka means: the brokers are away, or they refuse.
    pub(super) fn error(&self, error: &KafkaError) -> BusError {
        let code = error.rdkafka_error_code();
        let words = code.map_or_else(|| error.to_string(), |code| code.to_string());
        match code {
            Some(code) if !is_passing(code) => BusError::Refused { place: self.place.clone(), reason: words },
            _ => self.away(words),
        }
    }

    /// They are away; what a client said of it last goes before what a question ended with, which is mostly that time ran out.
    pub(super) fn away(&self, reason: String) -> BusError {
        let cause = self.known().cause.words();
        self.away_for(cause.or(Some(reason)))
    }

    fn away_for(&self, cause: Option<String>) -> BusError {
        let reason = cause.unwrap_or_else(|| String::from("no answer yet"));
        BusError::Away { place: self.place.clone(), reason }
    }

    /// A broker has answered.
    pub(super) fn note_answer(&self) {
        let mut known = self.known();
        known.cause.forget();
        (known.doubted, known.silent) = (false, false);
    }

    pub(super) fn begin(&self, partition: u16) -> u64 {
        self.known().marks.get(usize::from(partition)).map_or(0, |mark| mark.begin)
    }

    pub(super) fn end(&self, partition: u16) -> u64 {
        self.known().marks.get(usize::from(partition)).map_or(0, Mark::end)
    }

    /// Offset after the last of whatever is there, message or not.
    pub(super) fn last(&self, partition: u16) -> u64 {
        self.known().marks.get(usize::from(partition)).map_or(0, |mark| mark.end)
    }

    /// A partition reaches at least so far.
    pub(super) fn note_end(&self, partition: u16, end: u64) {
        if let Some(mark) = self.known().marks.get_mut(usize::from(partition)) {
            mark.end = mark.end.max(end);
        }
        self.changed.notify_all();
    }

    pub(super) fn note_begin(&self, partition: u16, begin: u64) {
        if let Some(mark) = self.known().marks.get_mut(usize::from(partition)) {
            mark.begin = mark.begin.max(begin);
        }
    }

    /// From here to what is known as the end there is no message.
    pub(super) fn note_hole(&self, partition: u16, from: u64) {
        if let Some(mark) = self.known().marks.get_mut(usize::from(partition)) {
            mark.hole = Some((from, mark.end));
        }
    }

    /// Waits until a partition reaches beyond an offset, or time has run out; whether it does.
    pub(super) fn wait_beyond(&self, partition: u16, offset: u64, timeout: Duration) -> bool {
        let short = |known: &mut Known| {
            known.marks.get(usize::from(partition)).is_none_or(|mark| mark.end() <= offset) && !known.closing
        };
        let known = self.changed.wait_timeout_while(self.known(), timeout, short);
        let known = known.unwrap_or_else(PoisonError::into_inner).0;
        known.marks.get(usize::from(partition)).is_some_and(|mark| mark.end() > offset)
    }

    /// Takes room for so much to wait; whether there was any. What waits alone always has room.
    pub(super) fn take_room(&self, bytes: usize, limit: usize) -> bool {
        let fits = |waiting: usize| (waiting == 0 || waiting + bytes <= limit).then_some(waiting + bytes);
        self.waiting.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fits).is_ok()
    }

    pub(super) fn give_room(&self, bytes: usize) {
        self.waiting.fetch_sub(bytes, Ordering::SeqCst);
    }
}

/// Whether the brokers may do later what they do not do now, without anybody doing anything here.
pub(super) const fn is_passing(code: Code) -> bool {
    matches!(
        code,
        Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::Resolve
            | Code::OperationTimedOut
            | Code::MessageTimedOut
            | Code::TimedOutQueue
            | Code::RequestTimedOut
            | Code::Authentication
            | Code::SaslAuthenticationFailed
            | Code::SSL
            | Code::Retry
            | Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
            | Code::ReplicaNotAvailable
            | Code::NetworkException
            | Code::CoordinatorLoadInProgress
            | Code::CoordinatorNotAvailable
            | Code::NotCoordinator
            | Code::NotEnoughReplicas
            | Code::NotEnoughReplicasAfterAppend
            | Code::InvalidReplicationFactor
            | Code::NotController
            | Code::WaitingForCoordinator
            | Code::NoOffset
    )
}

/// What a client of librdkafka tells while it works; its words go where they are asked for, not into anybody's log.
#[derive(Debug, Clone)]
pub(super) struct Ears(pub Arc<Shared>);

impl ClientContext for Ears {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.known().cause.note(&error, reason);
    }
}

impl ConsumerContext for Ears {}

impl ProducerContext for Ears {
    type DeliveryOpaque = Arc<Call>;

    fn delivery(&self, result: &DeliveryResult<'_>, call: Arc<Call>) {
        match result {
            Ok(message) => {
                let offset = u64::try_from(message.offset()).unwrap_or(0);
                self.0.note_end(call.partition, offset + 1);
                self.0.note_answer();
                call.delivered(offset);
            }
            // The producer waits for ever: what fails all the same is not to be had, and what follows must not overtake it.
            Err((error, _)) => {
                let cause = BusError::Stopped { cause: format!("{}: {error}", self.0.place).into() };
                call.failed(&self.0.fail(cause), 1);
            }
        }
    }
}
