//! When a member is done: what stands at the end of a partition need not be a message.

use std::cell::Cell;

use super::*;
use crate::pipeline::transport::{Done, Logged};

/// Long enough that only a member that never ends is not waited for.
const LONG: Duration = Duration::from_secs(20);

/// A log with the mark of a transaction at the end of each partition, which is taken for a message until somebody has read up to it.
#[derive(Debug)]
struct Marked {
    log: Arc<dyn Bus>,
    seen: Vec<AtomicBool>,
}

impl Marked {
    fn new(log: &Arc<dyn Bus>) -> Arc<dyn Bus> {
        let seen = (0..log.partitions()).map(|_| AtomicBool::new(false)).collect();
        Arc::new(Self { log: Arc::clone(log), seen })
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
