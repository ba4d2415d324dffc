//! The one suite every bus must pass, whatever is behind it.

use std::sync::Arc;
use std::time::Duration;

use super::bus::{Bus, BusError};
use super::message::{Message, PAYLOAD_BYTES_MAX, TOPIC_BYTES_MAX};

/// Long enough that only a bus that never wakes its readers waits for it.
const LONG: Duration = Duration::from_mins(1);

/// Runs every promise against fresh buses of the asked number of partitions, with room for 16 MiB.
pub(crate) fn run(make: &dyn Fn(u16) -> Box<dyn Bus>) {
    an_empty_bus_is_empty(&*make(3));
    messages_come_back_as_they_went_in(&*make(3));
    reads_keep_their_limits(&*make(1));
    places_that_do_not_exist_are_refused(&*make(2));
    long_messages_are_refused_whole(&*make(1));
    sleepers_are_woken(&make(2).into());
    orders_are_kept_among_many_writers(&make(2).into());
}

fn message(number: u64) -> Message {
    // Payloads of every length from none, with bytes that are no text.
    let length = usize::try_from(number % 700).unwrap_or(0);
    let payload: Vec<u8> = (0..length).map(|at| u8::try_from((length + at * 7) % 256).unwrap_or(0)).collect();
    Message::new(format!("city/gps/veh-{number}"), payload)
}

fn an_empty_bus_is_empty(bus: &dyn Bus) {
    assert_eq!(bus.partitions(), 3);
    for partition in 0..3 {
        assert_eq!((bus.begin(partition), bus.end(partition)), (0, 0));
        assert_eq!(bus.read(partition, 0, 10, 1000).unwrap(), []);
        assert!(!bus.wait_beyond(partition, 0, Duration::ZERO));
    }
    assert_eq!(bus.append(0, Vec::new()).unwrap(), 0..0);
}

fn messages_come_back_as_they_went_in(bus: &dyn Bus) {
    let mut number = 0;
    for round in 0..60_u64 {
        let partition = u16::try_from(round % 3).unwrap();
        let batch: Vec<Message> = (0..round).map(|_| (number, number += 1).0).map(message).collect();
        let from = bus.end(partition);
        assert_eq!(bus.append(partition, batch.clone()).unwrap(), from..from + round);
        assert_eq!(bus.end(partition), from + round, "acknowledged is visible");
        let read = bus.read(partition, from, usize::MAX, usize::MAX).unwrap();
        let expected: Vec<(u64, Message)> = (from..).zip(batch).collect();
        assert_eq!(read.into_iter().map(|logged| (logged.offset, logged.message)).collect::<Vec<_>>(), expected);
    }
    // Once more from the beginning, in steps that end inside batches.
    let mut seen = 0;
    for partition in 0..3 {
        let mut at = 0;
        while at < bus.end(partition) {
            for logged in bus.read(partition, at, 17, 5000).unwrap() {
                assert_eq!(logged.offset, at);
                at += 1;
                seen += 1;
            }
        }
    }
    assert_eq!(seen, number);
}

fn reads_keep_their_limits(bus: &dyn Bus) {
    let batch: Vec<Message> = (0..100).map(|_| Message::new("t", vec![7_u8; 99])).collect();
    bus.append(0, batch).unwrap();
    let lengths = [
        ((0, 10, usize::MAX), 10),
        ((0, usize::MAX, 1000), 10),
        ((95, 10, usize::MAX), 5),
        ((0, usize::MAX, 1), 1),
        ((0, 0, 0), 1),
        ((100, 10, 1000), 0),
    ];
    for ((from, max_messages, max_bytes), expected) in lengths {
        let read = bus.read(0, from, max_messages, max_bytes).unwrap();
        assert_eq!(read.len(), expected, "from {from}, {max_messages} messages, {max_bytes} bytes");
    }
}

fn places_that_do_not_exist_are_refused(bus: &dyn Bus) {
    bus.append(0, vec![message(1)]).unwrap();
    assert!(matches!(bus.read(0, 2, 1, 1), Err(BusError::Beyond { end: 1, .. })));
    assert!(matches!(bus.read(2, 0, 1, 1), Err(BusError::NoPartition { partitions: 2, .. })));
    assert!(matches!(bus.append(2, vec![message(1)]), Err(BusError::NoPartition { partitions: 2, .. })));
    assert!(!bus.wait_beyond(2, 0, Duration::ZERO));
    bus.release(2, 5);
    bus.release(0, 99);
    assert_eq!(bus.read(0, 0, 1, 1).unwrap().len(), 1, "a release drops nothing while there is room");
}

fn long_messages_are_refused_whole(bus: &dyn Bus) {
    let long_topic = Message::new("t".repeat(TOPIC_BYTES_MAX + 1), "");
    let long_payload = Message::new("t", vec![0_u8; PAYLOAD_BYTES_MAX + 1]);
    for bad in [long_topic, long_payload] {
        let error = bus.append(0, vec![message(1), bad, message(2)]).unwrap_err();
        assert!(matches!(error, BusError::TooLarge { .. }) && !error.is_final(), "{error}");
    }
    assert_eq!(bus.end(0), 0, "all of a call or none");
    let longest = Message::new("t".repeat(TOPIC_BYTES_MAX), vec![1_u8; PAYLOAD_BYTES_MAX]);
    bus.append(0, vec![longest.clone()]).unwrap();
    assert_eq!(bus.read(0, 0, 1, 1).unwrap()[0].message, longest);
}

fn sleepers_are_woken(bus: &Arc<dyn Bus>) {
    let sleeper = {
        let bus = Arc::clone(bus);
        std::thread::spawn(move || bus.wait_beyond(1, 2, LONG))
    };
    for number in 0..3 {
        bus.append(0, vec![message(number)]).unwrap();
        bus.append(1, vec![message(number)]).unwrap();
    }
    assert!(sleeper.join().unwrap());
    assert!(bus.wait_beyond(1, 2, LONG));
    assert!(!bus.wait_beyond(1, 3, Duration::ZERO));
}

fn orders_are_kept_among_many_writers(bus: &Arc<dyn Bus>) {
    let writers: Vec<_> = (0..4_u64)
        .map(|writer| {
            let bus = Arc::clone(bus);
            std::thread::spawn(move || {
                for number in 0..50_u64 {
                    let message = Message::new(format!("{writer}"), number.to_le_bytes().to_vec());
                    bus.append(0, vec![message]).unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }
    let mut next = [0_u64; 4];
    for logged in bus.read(0, 0, usize::MAX, usize::MAX).unwrap() {
        let writer: usize = logged.message.topic.parse().unwrap();
        assert_eq!(logged.message.payload, next[writer].to_le_bytes().to_vec(), "writer {writer}");
        next[writer] += 1;
    }
    assert_eq!(next, [50; 4]);
}
