//! A client that waits for each answer before it sends again, beside a load: what most load testers are, to be held against it.
//!
//! While its target stalls it sends nothing, so it sees one slow message where the load's devices had thousands waiting. Its
//! messages are a stranger's: they stand in no ledger.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Handle;

use super::super::{TwinError, clock};
use super::LoadSettings;
use super::courier::Courier;
use super::ears::{MOMENT, micros};
use crate::pipeline::transport::{Message, PublisherOptions, Witness};
use crate::primitives::random::Seed;
use crate::studies::load::{Beside, Devices, Due, Spread, Tag};
use crate::telemetry::{TopicMap, json};

/// Tells of each answer.
#[derive(Debug)]
struct Answers(Mutex<Sender<()>>);

impl Witness for Answers {
    fn safe(&self, tags: &[u64]) {
        let answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in tags {
            // Nobody listens any more only when the client has ended.
            let _ = answers.send(());
        }
    }

    fn connected(&self, _connection: usize, _again: bool) {}
}

/// The client at work.
pub(super) struct Waiting {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<(Spread, u64)>,
    rate: f64,
}

impl Waiting {
    /// Begins to send over a connection of its own, so many messages a second if each is answered at once.
    pub(super) fn begin(runtime: &Handle, settings: &LoadSettings, rate: f64) -> Result<Self, TwinError> {
        let stop = Arc::new(AtomicBool::new(false));
        let (answers, answered) = channel();
        let options = PublisherOptions {
            partitions: 1,
            name: format!("{}-beside", settings.publisher.name),
            ..settings.publisher.clone()
        };
        let witness: Arc<dyn Witness> = Arc::new(Answers(Mutex::new(answers)));
        let courier = settings.target.open(runtime, &options, &witness)?;
        let client = Client {
            courier,
            answered,
            stop: Arc::clone(&stop),
            devices: Devices::new(Seed(settings.seed), 100, &format!("{}-beside", settings.name)),
            topics: settings.topics.clone(),
        };
        let thread = std::thread::Builder::new().name("beside".to_owned()).spawn(move || client.talk(rate));
        let thread =
            thread.map_err(|error| TwinError::Service(format!("cannot start the client beside the load: {error}")))?;
        Ok(Self { stop, thread, rate })
    }

    /// Ends it; what it saw.
    pub(super) fn end(self) -> Option<Beside> {
        self.stop.store(true, Ordering::SeqCst);
        let (spread, open) = self.thread.join().ok()?;
        Some(Beside { rate: self.rate, latency: spread.quantiles(open) })
    }
}

/// Who sends and waits.
struct Client {
    courier: Box<dyn Courier>,
    answered: Receiver<()>,
    stop: Arc<AtomicBool>,
    devices: Devices,
    topics: TopicMap,
}

/// What became of a message.
enum Answer {
    Came,
    Refused,
    /// It was not waited for any longer.
    None,
}

impl Client {
    /// Sends, waits for the answer, waits for its next turn; what answers took, and whether one did not come.
    fn talk(&self, rate: f64) -> (Spread, u64) {
        let (mut spread, period) = (Spread::new(3), Duration::from_secs_f64(1.0 / rate));
        let mut next = clock::instant();
        for n in 0_u64.. {
            while let Some(ahead) = next.checked_duration_since(clock::instant()).filter(|ahead| !ahead.is_zero()) {
                if self.is_over() {
                    return (spread, 0);
                }
                std::thread::park_timeout(ahead.min(MOMENT));
            }
            let (sent, refused) = (clock::instant(), self.courier.refused());
            // A target that was given up answers nothing; the load tells why.
            if self.say(n).is_err() {
                return (spread, 0);
            }
            match self.answer(refused) {
                Answer::Came => spread.note(micros(sent.elapsed())),
                Answer::Refused => {}
                Answer::None => return (spread, 1),
            }
            // It forgets what it should have sent while it waited: that is the mistake it is here to show.
            next = (next + period).max(clock::instant());
            if self.is_over() {
                break;
            }
        }
        (spread, 0)
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    fn say(&self, n: u64) -> Result<(), String> {
        let record = self.devices.record(n % 100, n / 100, clock::now());
        let mut payload = Vec::with_capacity(320);
        json::encode(&record, &mut payload);
        let message = Message::new(self.topics.topic(record.kind(), &record.device), payload);
        // It has one message on its way, for which there is always room.
        self.courier.send(0, message, Tag::new(Due { seconds: 0.0, phase: 0 })).map(drop)
    }

    /// Waits until the one message on its way is answered, or refused, or it is over.
    fn answer(&self, refused: u64) -> Answer {
        loop {
            match self.answered.recv_timeout(MOMENT) {
                Ok(()) => return Answer::Came,
                Err(RecvTimeoutError::Timeout) if self.courier.refused() > refused => return Answer::Refused,
                Err(RecvTimeoutError::Timeout) if !self.is_over() && self.courier.failure().is_none() => {}
                Err(_) => return Answer::None,
            }
        }
    }
}
