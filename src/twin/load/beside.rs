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

use super::super::clock;
use super::LoadSettings;
use super::ears::{MOMENT, micros};
use crate::pipeline::transport::{Message, Publisher, PublisherOptions, Target, Witness};
use crate::primitives::random::Seed;
use crate::studies::load::{Beside, Devices, Spread};
use crate::telemetry::json;

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
    /// Begins to send, so many messages a second if each is answered at once.
    pub(super) fn begin(
        runtime: &Handle,
        target: &Target,
        settings: &LoadSettings,
        rate: f64,
    ) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (answers, answered) = channel();
        let options = PublisherOptions {
            partitions: 1,
            name: format!("{}-beside", settings.publisher.name),
            witness: Some(Arc::new(Answers(Mutex::new(answers)))),
            ..settings.publisher.clone()
        };
        let publisher = Publisher::connect(runtime, target, &options);
        let devices = Devices::new(Seed(settings.seed), 100, &format!("{}-beside", settings.name));
        let topics = settings.topics.clone();
        let ends = Arc::clone(&stop);
        let say = move |n: u64| {
            let record = devices.record(n % 100, n / 100, clock::now());
            let mut payload = Vec::with_capacity(320);
            json::encode(&record, &mut payload);
            // A publisher that has given up answers nothing; the load tells why.
            drop(publisher.publish_on(0, Message::new(topics.topic(record.kind(), &record.device), payload), 0));
        };
        let thread =
            std::thread::Builder::new().name("beside".to_owned()).spawn(move || talk(&say, &answered, &ends, rate))?;
        Ok(Self { stop, thread, rate })
    }

    /// Ends it; what it saw.
    pub(super) fn end(self) -> Option<Beside> {
        self.stop.store(true, Ordering::SeqCst);
        let (spread, open) = self.thread.join().ok()?;
        Some(Beside { rate: self.rate, latency: spread.quantiles(open) })
    }
}

/// Sends, waits for the answer, waits for its next turn; what answers took, and whether one did not come.
fn talk(say: &dyn Fn(u64), answered: &Receiver<()>, stop: &AtomicBool, rate: f64) -> (Spread, u64) {
    let (mut spread, period) = (Spread::new(3), Duration::from_secs_f64(1.0 / rate));
    let mut next = clock::instant();
    for n in 0_u64.. {
        while let Some(ahead) = next.checked_duration_since(clock::instant()).filter(|ahead| !ahead.is_zero()) {
            if stop.load(Ordering::SeqCst) {
                return (spread, 0);
            }
            std::thread::park_timeout(ahead.min(MOMENT));
        }
        let sent = clock::instant();
        say(n);
        loop {
            match answered.recv_timeout(MOMENT) {
                Ok(()) => break,
                Err(RecvTimeoutError::Timeout) if !stop.load(Ordering::SeqCst) => {}
                Err(_) => return (spread, 1),
            }
        }
        spread.note(micros(sent.elapsed()));
        // It forgets what it should have sent while it waited: that is the mistake it is here to show.
        next = (next + period).max(clock::instant());
        if stop.load(Ordering::SeqCst) {
            break;
        }
    }
    (spread, 0)
}
