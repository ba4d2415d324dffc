//! The one suite every edge must pass: whatever stands between a publisher and the log, what is published gets there.
//!
//! An edge is the built-in listener, or somebody else's broker with bridges behind it. Every promise is kept against a bus that
//! does what buses do at their worst: it takes its time, and has no room.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use super::bus::{Bus, BusError, Done};
use super::memory::MemoryBus;
use super::message::{Logged, Message};
use super::publisher::{Confirm, Protocol, Publisher, PublisherOptions};
use super::target::Target;

/// What stands between publishers and a bus.
pub(crate) trait Edge {
    /// Where publishers connect to.
    fn target(&self) -> Target;
    /// Ends whatever hands messages to the bus, with or without a word, and starts it again.
    fn restart(&mut self);
    /// Topics begin with this, so that runs against one broker do not meet.
    fn prefix(&self) -> &str;
}

/// Makes an edge before a bus.
pub(crate) type Make<'a> = &'a dyn Fn(Arc<dyn Bus>) -> Box<dyn Edge>;

/// Runs every promise against fresh edges.
pub(crate) fn run(make: Make<'_>) {
    what_is_published_is_in_the_log_in_order(make);
    nothing_is_confirmed_before_its_commit(make);
    restarts_lose_nothing(make);
    a_bus_without_room_loses_nothing(make);
}

/// Long enough that only an edge that never does what is waited for gets there.
const LONG: Duration = Duration::from_mins(1);

pub(crate) fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Batches with their partitions.
type Batches = Vec<(u16, Vec<Message>)>;

/// A bus that takes its time, or has no room, as told.
pub(crate) struct Moody {
    within: MemoryBus,
    held: Mutex<Option<Batches>>,
    waiting: Mutex<Vec<Done>>,
    grown: Condvar,
    /// Every so many batches is refused; 0 for none.
    refuse_every: u64,
    asked: AtomicU64,
}

impl std::fmt::Debug for Moody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Moody").finish_non_exhaustive()
    }
}

impl Moody {
    pub(crate) fn new(partitions: u16, refuse_every: u64) -> Arc<Self> {
        Arc::new(Self {
            within: MemoryBus::new(partitions, 1 << 28),
            held: Mutex::new(None),
            waiting: Mutex::default(),
            grown: Condvar::new(),
            refuse_every,
            asked: AtomicU64::new(0),
        })
    }

    /// Commits nothing from now on.
    pub(crate) fn hold(&self) {
        *self.held.lock().unwrap() = Some(Vec::new());
    }

    /// Waits until something is to be committed.
    fn wait_until_held(&self) {
        let waiting = self.waiting.lock().unwrap();
        let (waiting, _) = self.grown.wait_timeout_while(waiting, LONG, |waiting| waiting.is_empty()).unwrap();
        assert!(!waiting.is_empty(), "nothing came");
    }

    /// Commits what was held back, and everything after it.
    pub(crate) fn let_go(&self) {
        let held = self.held.lock().unwrap().take().unwrap_or_default();
        let waiting: Vec<Done> = std::mem::take(&mut *self.waiting.lock().unwrap());
        for ((partition, messages), done) in held.into_iter().zip(waiting) {
            self.within.submit(partition, messages, done);
        }
    }
}

impl Bus for Moody {
    fn partitions(&self) -> u16 {
        self.within.partitions()
    }

    fn begin(&self, partition: u16) -> u64 {
        self.within.begin(partition)
    }

    fn end(&self, partition: u16) -> u64 {
        self.within.end(partition)
    }

    fn read(&self, partition: u16, from: u64, messages: usize, bytes: usize) -> Result<Vec<Logged>, BusError> {
        self.within.read(partition, from, messages, bytes)
    }

    fn wait_beyond(&self, partition: u16, offset: u64, timeout: Duration) -> bool {
        self.within.wait_beyond(partition, offset, timeout)
    }

    fn submit(&self, partition: u16, messages: Vec<Message>, done: Done) {
        if let Some(held) = &mut *self.held.lock().unwrap() {
            held.push((partition, messages));
            self.waiting.lock().unwrap().push(done);
            self.grown.notify_all();
            return;
        }
        let asked = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        if self.refuse_every > 0 && asked.is_multiple_of(self.refuse_every) {
            return done(Err(BusError::Busy { limit: 0 }));
        }
        self.within.submit(partition, messages, done);
    }

    fn append(&self, partition: u16, messages: Vec<Message>) -> Result<Range<u64>, BusError> {
        self.within.append(partition, messages)
    }

    fn release(&self, partition: u16, up_to: u64) {
        self.within.release(partition, up_to);
    }
}

/// Options of a publisher that trusts only the log.
pub(crate) fn options(name: &str) -> PublisherOptions {
    PublisherOptions {
        confirm: Confirm::EndToEnd { timeout: Duration::from_millis(400) },
        give_up: LONG,
        ..PublisherOptions::new(Protocol::V5, 2, name)
    }
}

pub(crate) fn publish_all(publisher: &Publisher, messages: &[Message]) {
    for message in messages {
        publisher.publish(message.clone()).unwrap();
    }
}

pub(crate) fn message(prefix: &str, number: usize) -> Message {
    Message::new(format!("{prefix}/gps/veh-{}", number % 13), format!("{number} {}", "x".repeat(number * 7 % 300)))
}

/// Payloads by topic in the order of their first appearance, and how many there are in all.
pub(crate) fn stored(bus: &dyn Bus) -> (BTreeMap<String, Vec<Vec<u8>>>, usize) {
    let (mut topics, mut count) = (BTreeMap::<String, Vec<Vec<u8>>>::new(), 0);
    for partition in 0..bus.partitions() {
        for logged in bus.read(partition, bus.begin(partition), usize::MAX, usize::MAX).unwrap() {
            count += 1;
            let of_topic = topics.entry(logged.message.topic.to_string()).or_default();
            if !of_topic.iter().any(|payload| payload[..] == logged.message.payload[..]) {
                of_topic.push(logged.message.payload.to_vec());
            }
        }
    }
    (topics, count)
}

/// What `stored` must say of these messages.
pub(crate) fn expected(messages: &[Message]) -> BTreeMap<String, Vec<Vec<u8>>> {
    let mut topics = BTreeMap::<String, Vec<Vec<u8>>>::new();
    for message in messages {
        topics.entry(message.topic.to_string()).or_default().push(message.payload.to_vec());
    }
    topics
}

fn what_is_published_is_in_the_log_in_order(make: Make<'_>) {
    for confirm in [Confirm::EndToEnd { timeout: LONG }, Confirm::Broker] {
        let bus = Moody::new(2, 0);
        let edge = make(Arc::clone(&bus) as Arc<dyn Bus>);
        let runtime = runtime();
        let options = PublisherOptions { confirm, window: 100, messages_max: 300, ..options("suite-order") };
        let publisher = Publisher::connect(runtime.handle(), &edge.target(), &options);
        let sent: Vec<Message> = (0..2000).map(|number| message(edge.prefix(), number)).collect();
        publish_all(&publisher, &sent);
        publisher.flush().unwrap();
        if confirm == Confirm::Broker {
            // Through a broker the last of them may still be on their way.
            let end = |partition| bus.end(partition);
            (0..2).for_each(|partition| {
                let share = sent.iter().filter(|m| super::partition_of(&m.topic, 2) == partition).count() as u64;
                assert!(bus.wait_beyond(partition, share - 1, LONG), "{} of {share}", end(partition));
            });
        }
        let (topics, count) = stored(&*bus);
        assert!(topics == expected(&sent), "what is in the log is not what was sent, or not in its order");
        let counts = runtime.block_on(publisher.close()).unwrap();
        assert_eq!((count, counts.resent, counts.kept), (2000, 0, 0), "nothing went wrong, so nothing came twice");
        assert_eq!(counts.confirmed, if confirm == Confirm::Broker { 0 } else { 2000 });
    }
}

fn nothing_is_confirmed_before_its_commit(make: Make<'_>) {
    let bus = Moody::new(1, 0);
    let edge = make(Arc::clone(&bus) as Arc<dyn Bus>);
    let runtime = runtime();
    let options = PublisherOptions { confirm: Confirm::EndToEnd { timeout: LONG }, ..options("suite-held") };
    let publisher = Publisher::connect(runtime.handle(), &edge.target(), &options);
    publisher.publish(message(edge.prefix(), 0)).unwrap();
    publisher.flush().unwrap();
    bus.hold();
    publisher.publish(message(edge.prefix(), 1)).unwrap();
    publisher.hurry();
    bus.wait_until_held();
    let counts = publisher.counts();
    assert_eq!((counts.confirmed, counts.kept, bus.end(0)), (1, 1, 1));
    bus.let_go();
    publisher.flush().unwrap();
    assert_eq!((publisher.counts().confirmed, bus.end(0)), (2, 2));
}

fn restarts_lose_nothing(make: Make<'_>) {
    let bus = Moody::new(2, 0);
    let mut edge = make(Arc::clone(&bus) as Arc<dyn Bus>);
    let runtime = runtime();
    let options = PublisherOptions { window: 50, messages_max: 500, ..options("suite-restarts") };
    let publisher = Publisher::connect(runtime.handle(), &edge.target(), &options);
    let sent: Vec<Message> = (0..1500).map(|number| message(edge.prefix(), number)).collect();
    for (number, message) in sent.iter().enumerate() {
        publisher.publish(message.clone()).unwrap();
        if number % 400 == 399 {
            edge.restart();
        }
    }
    publisher.flush().unwrap();
    assert!(stored(&*bus).0 == expected(&sent), "what is in the log is not what was sent, or not in its order");
    assert_eq!(publisher.counts().confirmed, 1500);
}

fn a_bus_without_room_loses_nothing(make: Make<'_>) {
    let bus = Moody::new(2, 3);
    let edge = make(Arc::clone(&bus) as Arc<dyn Bus>);
    let runtime = runtime();
    let options = PublisherOptions { window: 200, ..options("suite-full") };
    let publisher = Publisher::connect(runtime.handle(), &edge.target(), &options);
    let sent: Vec<Message> = (0..1000).map(|number| message(edge.prefix(), number)).collect();
    for chunk in sent.chunks(100) {
        publish_all(&publisher, chunk);
        publisher.hurry();
    }
    publisher.flush().unwrap();
    let (topics, _) = stored(&*bus);
    let lost: Vec<_> = expected(&sent)
        .iter()
        .filter(|(topic, all)| topics.get(*topic) != Some(*all))
        .map(|(topic, _)| topic.clone())
        .collect();
    assert!(lost.is_empty(), "of these topics something is missing or out of order: {lost:?}");
}
