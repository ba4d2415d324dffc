//! The suite of buses on real brokers, and what only brokers can do: be away, hold another topic, forget.

use std::sync::atomic::{AtomicU32, Ordering};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::mocking::MockCluster;
use rdkafka::{Offset, TopicPartitionList};

use super::super::conformance;
use super::super::membership::{GroupNews, Membership as _};
use super::*;

/// Long enough that only a broker that never comes is not waited for.
const LONG: Duration = Duration::from_mins(1);

/// A name that nobody has used before.
fn topic() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("suite-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::SeqCst))
}

/// A fresh topic of the brokers in the environment.
fn fresh(partitions: u16) -> KafkaBus {
    let brokers = std::env::var("CITYTWIN_TEST_KAFKA").expect("set CITYTWIN_TEST_KAFKA to host:port of a broker");
    ready(KafkaOptions::new(brokers, topic(), partitions))
}

fn ready(options: KafkaOptions) -> KafkaBus {
    let bus = KafkaBus::open(options).unwrap();
    bus.wait_ready(LONG).unwrap();
    bus
}

fn message(number: u64) -> Message {
    Message::new(format!("city/{number}"), number.to_le_bytes().to_vec())
}

/// What is read as soon as the brokers answer.
fn patient(read: impl Fn() -> Result<Vec<Logged>, BusError>) -> Vec<Logged> {
    loop {
        match read() {
            Ok(read) => return read,
            Err(error) => assert!(error.is_passing(), "{error}"),
        }
    }
}

#[test]
fn it_keeps_what_every_bus_promises() {
    conformance::run(&|partitions| Box::new(fresh(partitions)));
}

/// What one process wrote, another reads; and one that reads already hears of it.
#[test]
fn what_one_process_writes_another_reads() {
    let writer = fresh(2);
    let reader = Arc::new(ready(writer.options.clone()));
    assert_eq!(reader.read(1, 0, 10, 1000).unwrap(), []);
    let sleeper = {
        let reader = Arc::clone(&reader);
        std::thread::spawn(move || reader.wait_beyond(1, 0, LONG))
    };
    writer.append(1, vec![message(1), message(2)]).unwrap();
    assert!(sleeper.join().unwrap());
    let mut read = Vec::new();
    while read.len() < 2 {
        let next = read.len() as u64;
        read.extend(reader.read(1, next, 10, 1000).unwrap().into_iter().map(|logged| logged.message));
    }
    assert_eq!(read, [message(1), message(2)]);
    writer.append(1, vec![message(3)]).unwrap();
    assert_eq!(reader.end(1), 3);
    assert_eq!(reader.read(1, 2, 10, 1000).unwrap()[0].message, message(3));
}

/// A topic of another shape would send a device's next message elsewhere than its last.
#[test]
fn a_topic_with_another_number_of_partitions_is_refused() {
    let bus = fresh(2);
    let other = KafkaBus::open(KafkaOptions { partitions: 3, ..bus.options.clone() }).unwrap();
    let error = other.wait_ready(LONG).unwrap_err();
    assert!(error.is_final() && error.to_string().contains("write `partitions: 2`"), "{error}");
    assert!(matches!(other.append(0, vec![message(1)]), Err(BusError::Refused { .. })));
}

/// A broker that is not there is told with its address, takes nothing, and is asked again without an end.
#[test]
fn brokers_that_are_away_are_told_and_nothing_is_taken() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut options = KafkaOptions::new(nobody.to_string(), "city", 1);
    options.patience = Duration::from_millis(300);
    let bus = KafkaBus::open(options).unwrap();
    let error = bus.wait_ready(Duration::from_millis(900)).unwrap_err();
    assert!(error.is_passing() && !error.is_final() && error.to_string().contains("refused"), "{error}");
    let trouble = bus.trouble().unwrap();
    assert!(trouble.is_passing() && trouble.to_string().contains("refused"), "{trouble}");
    assert!(matches!(bus.append(0, vec![message(1)]), Err(BusError::Away { .. })));
    assert!(matches!(bus.read(0, 0, 1, 1), Err(BusError::Away { .. })));
    assert!(!bus.wait_beyond(0, 0, Duration::from_millis(100)));
    assert_eq!((bus.begin(0), bus.end(0)), (0, 0));
}

/// Whoever only asks how far the partitions reach waits for an answer once, not once a partition, and hears when the brokers are back.
#[test]
fn brokers_that_go_away_are_noticed_by_whoever_only_looks() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("city", 16, 1).unwrap();
    let mut options = KafkaOptions::new(cluster.bootstrap_servers(), "city", 16);
    options.patience = Duration::from_millis(500);
    let bus = ready(options);
    assert_eq!(bus.append(3, vec![message(1)]).unwrap(), 0..1);
    assert!(bus.trouble().is_none());
    cluster.broker_down(1).unwrap();
    while bus.trouble().is_none() {
        std::thread::yield_now();
    }
    assert_eq!((0..16).map(|partition| bus.end(partition)).sum::<u64>(), 1, "what was known of them");
    cluster.broker_up(1).unwrap();
    while bus.trouble().is_some() {
        std::thread::yield_now();
    }
}

/// How far the group knows a partition to be kept.
fn committed(options: &KafkaOptions, partition: u16) -> Offset {
    let consumer: BaseConsumer = options.consuming().create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition(&options.topic, i32::from(partition));
    let list = consumer.committed_offsets(list, LONG).unwrap();
    list.elements()[0].offset()
}

/// The tools of those who run the brokers show what was released; of a group with members, what these note and confirm.
#[test]
fn the_group_is_told_how_far_everything_is_kept() {
    let bus = fresh(2);
    let mut options = bus.options.clone();
    options.group.clone_from(&options.topic);
    drop(bus);
    let bus = ready(options.clone());
    bus.append(1, vec![message(1), message(2), message(3)]).unwrap();
    assert_eq!(committed(&options, 1), Offset::Invalid);
    bus.release(1, 2);
    drop(bus);
    assert_eq!((committed(&options, 0), committed(&options, 1)), (Offset::Invalid, Offset::Offset(2)));
    let silent = ready(KafkaOptions { tells_group: false, ..options.clone() });
    silent.append(1, vec![message(4)]).unwrap();
    silent.release(1, 4);
    drop(silent);
    assert_eq!(committed(&options, 1), Offset::Offset(2));
    let mut group = KafkaGroup::join(&options, None).unwrap();
    let mut given = Vec::new();
    while given.len() < 2 {
        if let Some(GroupNews::Given(partitions)) = group.hear(Duration::from_millis(100)).unwrap() {
            given.extend(partitions);
        }
    }
    assert!(group.confirm(1, 3));
    assert_eq!(committed(&options, 1), Offset::Offset(3));
    group.note(0, 1);
    drop(group);
    assert_eq!((committed(&options, 0), committed(&options, 1)), (Offset::Offset(1), Offset::Offset(3)));
}

/// More than may wait is refused; a broker that comes back takes what waits, in its order.
#[test]
fn what_waits_for_a_broker_is_bounded_and_goes_in_when_it_is_back() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("city", 1, 1).unwrap();
    let mut options = KafkaOptions::new(cluster.bootstrap_servers(), "city", 1);
    (options.queue_bytes_max, options.patience) = (4096, Duration::from_millis(300));
    let bus = ready(options);
    assert_eq!(bus.append(0, vec![message(0)]).unwrap(), 0..1);
    assert_eq!(patient(|| bus.read(0, 0, 10, 1000)).len(), 1);
    cluster.broker_down(1).unwrap();
    let (tell, hear) = std::sync::mpsc::channel();
    let mut taken = 0;
    let refused = loop {
        let tell = tell.clone();
        bus.submit(0, vec![message(taken + 1)], Box::new(move |result| drop(tell.send(result))));
        match hear.try_recv() {
            Ok(Err(error)) => break error,
            Ok(Ok(range)) => panic!("acknowledged by nobody: {range:?}"),
            Err(_) => taken += 1,
        }
    };
    assert!(matches!(refused, BusError::Busy { limit: 4096 }) && taken == 4096 / (14 + 128), "{taken}: {refused}");
    let away = bus.read(0, 0, 10, 1000).unwrap_err();
    assert!(away.is_passing(), "{away}");
    cluster.broker_up(1).unwrap();
    let mut done = Vec::new();
    while done.len() < usize::try_from(taken).unwrap() {
        done.push(hear.recv_timeout(LONG).unwrap().unwrap().start);
    }
    assert_eq!(done, (1..=taken).collect::<Vec<_>>());
    // Readers find their way back as well, some time.
    let read = patient(|| bus.read(0, 1, usize::MAX, usize::MAX));
    assert_eq!(
        read.into_iter().map(|logged| logged.message).collect::<Vec<_>>(),
        (1..=taken).map(message).collect::<Vec<_>>()
    );
}
