//! When a member is done, what it says of a log that is away, and what it keeps and waits for when it has to let go.

use std::cell::Cell;

use super::*;
use crate::pipeline::stores::StoreError;
use crate::pipeline::transport::{Done, Logged};
use crate::twin::service::Service;

/// Long enough that only a member that never ends is not waited for.
const LONG: Duration = Duration::from_secs(20);

/// A log with the mark of a transaction at the end of each partition, which is taken for a message until somebody has read up to it.
#[derive(Debug)]
struct Marked {
    log: Arc<dyn Bus>,
    seen: Vec<AtomicBool>,
    trouble: Mutex<Option<BusError>>,
}

impl Marked {
    fn new(log: &Arc<dyn Bus>) -> Arc<Self> {
        let seen = (0..log.partitions()).map(|_| AtomicBool::new(false)).collect();
        Arc::new(Self { log: Arc::clone(log), seen, trouble: Mutex::new(None) })
    }
}

impl Bus for Marked {
    fn partitions(&self) -> u16 {
        self.log.partitions()
    }

    fn begin(&self, partition: u16) -> u64 {
        self.log.begin(partition)
    }

    fn end(&self, partition: u16) -> u64 {
        self.log.end(partition) + u64::from(!self.seen[usize::from(partition)].load(Ordering::SeqCst))
    }

    fn read(&self, partition: u16, from: u64, max_messages: usize, max_bytes: usize) -> Result<Vec<Logged>, BusError> {
        let read = self.log.read(partition, from, max_messages, max_bytes)?;
        if read.is_empty() {
            self.seen[usize::from(partition)].store(true, Ordering::SeqCst);
        }
        Ok(read)
    }

    fn wait_beyond(&self, partition: u16, offset: u64, timeout: Duration) -> bool {
        self.log.wait_beyond(partition, offset, timeout)
    }

    fn submit(&self, partition: u16, messages: Vec<Message>, done: Done) {
        self.log.submit(partition, messages, done);
    }

    fn release(&self, _: u16, _: u64) {}

    fn trouble(&self) -> Option<BusError> {
        self.trouble.lock().expect("nobody dies with it").clone()
    }
}

/// What a member did by the time it found that everything is kept and closed; none if it never did.
fn until_closed(intake: &Intake, group: Box<dyn Membership>) -> Option<Consumed> {
    let (begun, stopped) = (clock::instant(), Cell::new(false));
    let stop = || {
        stopped.set(begun.elapsed() > LONG);
        stopped.get()
    };
    let consumed = work(intake, Box::new(|_| Vec::new()), group, &UNTIL_CLOSED, &mut |_| (), &stop).expect("well");
    (!stopped.get()).then_some(consumed)
}

#[test]
fn a_partition_that_ends_with_a_mark_is_kept_and_closed_by_whoever_works_on_it() {
    let log: Arc<dyn Bus> = Arc::new(MemoryBus::new(PARTITIONS, 1 << 24));
    append(&*log, &said(400));
    let (stores, round) = (Arc::new(Stores::in_memory()), Arc::default());
    let seat = Seat::take(&round, &Arc::default());
    let consumed = until_closed(&intake(Marked::new(&log), &stores), Box::new(seat));
    assert_eq!(consumed.expect("it ends").kept, 400);
    assert_eq!(content(&stores), alone(&log));
}

#[test]
fn a_partition_that_ends_with_a_mark_and_that_others_keep_is_found_kept() {
    let log: Arc<dyn Bus> = Arc::new(MemoryBus::new(PARTITIONS, 1 << 24));
    append(&*log, &said(400));
    let (stores, round) = (Arc::new(Stores::in_memory()), Arc::default());
    // Whoever has all partitions has kept and closed them, and lets none go.
    let _holder = Seat::take(&round, &Arc::default());
    for partition in 0..PARTITIONS {
        let intake = intake(Arc::clone(&log), &stores);
        intake.board.give(Order::Finish);
        intake.worker(partition).run().expect("to the end");
    }
    let seat = Seat::take(&round, &Arc::default());
    let consumed = until_closed(&intake(Marked::new(&log), &stores), Box::new(seat));
    assert_eq!(consumed.expect("it ends").kept, 0);
}

/// A member without a partition has no worker who would notice.
#[test]
fn a_log_that_is_away_is_told_once_and_one_that_refuses_ends_it() {
    let log: Arc<dyn Bus> = Arc::new(MemoryBus::new(PARTITIONS, 1 << 24));
    let (stores, round, log) = (Arc::new(Stores::in_memory()), Arc::default(), Marked::new(&log));
    let set = |trouble| *log.trouble.lock().expect("nobody dies with it") = trouble;
    let place = || String::from("the topic");
    set(Some(BusError::Away { place: place(), reason: String::from("wrong password") }));
    let _holder = Seat::take(&round, &Arc::default());
    let seat = Seat::take(&round, &Arc::default());
    let mut told = Vec::new();
    let mut tell = |line: &str| {
        told.push(line.to_owned());
        set((told.len() == 2).then(|| BusError::Refused { place: place(), reason: String::from("another shape") }));
    };
    let begun = clock::instant();
    let stop = || begun.elapsed() > LONG;
    let log = Arc::clone(&log) as Arc<dyn Bus>;
    let ended =
        work(&intake(log, &stores), Box::new(|_| Vec::new()), Box::new(seat), &Orders::default(), &mut tell, &stop);
    assert!(ended.is_err_and(|error| error.to_string() == "the topic refuses: another shape"));
    let expected = "the topic does not answer: wrong password; what comes in waits until it does";
    assert_eq!(told, [expected, "the log answers again"]);
}

/// Whatever is done for the whole city may take its time; what the partition had is kept without it.
#[test]
fn who_leaves_waits_for_the_worker_only() {
    let log: Arc<dyn Bus> = Arc::new(MemoryBus::new(PARTITIONS, 1 << 24));
    append(&*log, &said(400));
    let (stores, round) = (Arc::new(Stores::in_memory()), Arc::default());
    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = Arc::new(Mutex::new(held));
    let beside: Beside = Box::new(move |intake| {
        let held = Arc::clone(&held);
        let busy = move || {
            let _ = held.lock().expect("nobody dies with it").recv();
            Ok(())
        };
        vec![Service::new("busy", &intake.board, Arc::new(busy))]
    });
    let intake = intake(Arc::clone(&log), &stores);
    let has_all = || {
        let next = |partition| stores.next_offset(partition).expect("can be read").unwrap_or(0);
        (0..PARTITIONS).all(|partition| next(partition) >= log.end(partition))
    };
    let seat = Box::new(Seat::take(&round, &Arc::default()));
    let ended = work(&intake, beside, seat, &Orders::default(), &mut |_| (), &has_all).expect("well");
    drop(release);
    assert_eq!((ended.kept, ended.dropped), (400, 0));
}

/// Stores that are away for a moment, just when the partition is wanted elsewhere.
struct Away {
    stores: Arc<Stores>,
    board: Arc<Board>,
    times: AtomicU64,
}

impl Keeper for Away {
    fn resume(&self, partition: u16) -> Result<Option<Resume>, StoreError> {
        self.stores.resume(partition)
    }

    fn keep(&self, batch: &Batch) -> Result<(), StoreError> {
        self.board.give(Order::HandOver);
        if self.times.fetch_add(1, Ordering::SeqCst) < 2 {
            return Err(StoreError::Away {
                part: "history",
                place: String::from("there"),
                reason: String::from("no answer"),
            });
        }
        self.stores.keep(batch)
    }

    fn show(&self, ahead: Ahead<'_>) -> Result<(), StoreError> {
        self.stores.show(ahead)
    }
}

#[test]
fn who_hands_over_keeps_what_it_has_when_the_stores_come_back() {
    let log: Arc<dyn Bus> = Arc::new(MemoryBus::new(1, 1 << 24));
    append(&*log, &said(400));
    let stores = Arc::new(Stores::in_memory());
    let intake = intake(log, &stores);
    let board = Arc::clone(&intake.board);
    let keeper = Away { stores: Arc::clone(&stores), board, times: AtomicU64::new(0) };
    let worker = Worker { keeper: Arc::new(keeper), ..intake.worker(0) };
    worker.run_in_group().expect("well");
    assert_eq!(stores.next_offset(0).expect("can be read"), Some(400));
}
