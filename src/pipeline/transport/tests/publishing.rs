//! The publisher: nothing is lost or out of order through broken connections, and it waits, gives up and says why.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::mpsc;

use proptest::prelude::*;

use super::raw::Raw;
use super::*;
use crate::pipeline::transport::{
    Credentials, DurableLog, LogOptions, Protocol, PublishError, Publisher, PublisherOptions, Target,
};

fn target(port: u16) -> Target {
    Target::plain("127.0.0.1", port)
}

fn message(number: usize) -> Message {
    let payload = format!("{number} {}", "x".repeat(number * 7 % 400));
    Message::new(format!("city/gps/veh-{}", number % 37), payload)
}

/// Payloads by topic, in order.
fn by_topic(messages: &[Message]) -> BTreeMap<&str, Vec<&[u8]>> {
    let mut topics: BTreeMap<&str, Vec<&[u8]>> = BTreeMap::new();
    for message in messages {
        topics.entry(&message.topic).or_default().push(&message.payload);
    }
    topics
}

#[test]
fn everything_published_is_in_the_log_in_order() {
    for protocol in [Protocol::V311, Protocol::V5] {
        let folder = tempfile::tempdir().unwrap();
        let log = DurableLog::open(folder.path(), LogOptions::new(4)).unwrap();
        let served = Served::with(Arc::new(log), limits());
        let options = PublisherOptions { window: 100, messages_max: 300, ..PublisherOptions::new(protocol, 4, "city") };
        let publisher = Publisher::connect(served.runtime.handle(), &target(served.port()), &options);
        let sent: Vec<Message> = (0..5000).map(message).collect();
        for (number, message) in sent.iter().enumerate() {
            publisher.publish(message.clone()).unwrap();
            if number == 2500 {
                publisher.flush().unwrap();
                assert_eq!(everything(&*served.bus).len(), 2501, "flushed is durable");
            }
        }
        let counts = served.runtime.block_on(publisher.close()).unwrap();
        assert_eq!((counts.published, counts.acknowledged, counts.reconnects), (5000, 5000, 0));
        assert_eq!(by_topic(&everything(&*served.bus)), by_topic(&sent), "{protocol:?}");
        let stats = served.shutdown();
        assert_eq!((stats.publishes, stats.acknowledged, stats.open), (5000, 5000, 0));
        assert!(stats.refused.is_empty(), "{:?}", stats.refused);
    }
}

/// The listener and its log die and come back: the publisher goes on, and nothing is missing.
#[test]
fn a_broker_that_dies_and_comes_back_misses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Arc::new(DurableLog::open(folder.path(), LogOptions::new(2)).unwrap());
    let served = Served::with(open(), limits());
    let address = served.listener.local_addr();
    let publishing = runtime();
    let options = PublisherOptions { window: 50, ..PublisherOptions::new(Protocol::V5, 2, "city") };
    let publisher = Publisher::connect(publishing.handle(), &target(address.port()), &options);
    let sent: Vec<Message> = (0..3000).map(message).collect();
    sent[..1000].iter().for_each(|message| publisher.publish(message.clone()).unwrap());
    // The runtime goes without a word to anybody, as in a kill: some messages are stored and not acknowledged, some are neither.
    served.runtime.shutdown_background();
    drop((served.listener, served.bus));
    sent[1000..2000].iter().for_each(|message| publisher.publish(message.clone()).unwrap());
    let again = runtime();
    // Tasks of the old runtime may hold the log for another moment.
    let log = loop {
        match DurableLog::open(folder.path(), LogOptions::new(2)) {
            Ok(log) => break Arc::new(log),
            Err(error) => assert!(error.to_string().contains("in use"), "{error}"),
        }
    };
    let listener = Listener::spawn(again.handle(), address, Arc::clone(&log) as Arc<dyn Bus>, limits()).unwrap();
    sent[2000..].iter().for_each(|message| publisher.publish(message.clone()).unwrap());
    publisher.flush().unwrap();
    let stored = everything(&*log);
    for (topic, expected) in by_topic(&sent) {
        let mut seen = Vec::new();
        for payload in &by_topic(&stored)[topic] {
            // What is stored twice comes again as a run of what was there: first appearances are in order.
            if !seen.contains(payload) {
                seen.push(payload);
            }
        }
        assert_eq!(seen, expected, "{topic}");
    }
    let counts = publishing.block_on(publisher.close()).unwrap();
    assert_eq!((counts.published, counts.acknowledged), (3000, 3000));
    assert!(stored.len() as u64 <= 3000 + counts.resent, "no more doubles than were sent again");
    again.block_on(listener.shutdown());
}

/// A broker that acknowledges as a script says and breaks: after each break everything unacknowledged comes again, first and in
/// the old order, marked as a duplicate.
fn through_breaks(breaks: &[(usize, usize)], count: usize) {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let script = breaks.to_vec();
    let broker = std::thread::spawn(move || {
        let mut acknowledged = Vec::new();
        let mut script = script.into_iter();
        loop {
            let mut client = Raw::accept(&socket);
            client.packet().unwrap();
            client.send(&[0x20, 2, 0, 0]);
            let (take, answer) = script.next().unwrap_or((usize::MAX, usize::MAX));
            let mut taken = Vec::new();
            while taken.len() < take {
                let Some((id, topic, again)) = client.published() else { return acknowledged };
                let number: usize = topic.parse().unwrap();
                assert!(!again || taken.iter().all(|(_, _, again)| *again), "what comes again comes first");
                if taken.len() < answer {
                    client.send(&[&[0x40, 2][..], &id.to_be_bytes()].concat());
                    acknowledged.push(number);
                }
                taken.push((id, number, again));
            }
        }
    });
    let runtime = runtime();
    let options = PublisherOptions { window: 20, ..PublisherOptions::new(Protocol::V311, 1, "city") };
    let publisher = Publisher::connect(runtime.handle(), &target(port), &options);
    for number in 0..count {
        publisher.publish(Message::new(number.to_string(), "x")).unwrap();
    }
    let counts = runtime.block_on(publisher.close()).unwrap();
    let mut seen = broker.join().unwrap();
    // An answer that was lost with its connection makes the broker see the message again.
    let mut first: Vec<usize> = Vec::new();
    seen.retain(|number| {
        !first.contains(number) && {
            first.push(*number);
            true
        }
    });
    assert_eq!(seen, (0..count).collect::<Vec<_>>());
    assert_eq!(counts.acknowledged, count as u64);
    assert!(counts.reconnects >= 1 || breaks.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn broken_connections_lose_nothing_and_keep_the_order(
        breaks in prop::collection::vec((1_usize..20, 0_usize..20), 0..4),
    ) {
        through_breaks(&breaks, 60);
    }
}

#[test]
fn publishing_waits_while_the_broker_does() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let runtime = runtime();
    let options = PublisherOptions { window: 10, messages_max: 10, ..PublisherOptions::new(Protocol::V311, 1, "city") };
    let publisher = Arc::new(Publisher::connect(runtime.handle(), &target(port), &options));
    let (told, hear) = mpsc::channel();
    let publishing = {
        let publisher = Arc::clone(&publisher);
        std::thread::spawn(move || {
            for number in 0..11 {
                publisher.publish(message(number)).unwrap();
            }
            told.send(()).unwrap();
        })
    };
    let mut broker = Raw::accept(&socket);
    broker.packet().unwrap();
    broker.send(&[0x20, 2, 0, 0]);
    let ids: Vec<u16> = (0..10).map(|_| broker.published().unwrap().0).collect();
    assert!(hear.try_recv().is_err(), "ten are on their way without an answer; the eleventh waits");
    assert_eq!(publisher.counts().published, 10);
    for id in ids {
        broker.send(&[&[0x40, 2][..], &id.to_be_bytes()].concat());
    }
    assert_eq!(broker.published().unwrap().1, "city/gps/veh-10");
    hear.recv().unwrap();
    publishing.join().unwrap();
}

#[test]
fn it_gives_up_with_a_sentence() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let runtime = runtime();
    let give_up = Duration::from_millis(120);
    let options = PublisherOptions { give_up, messages_max: 1, ..PublisherOptions::new(Protocol::V5, 1, "city") };
    let publisher = Publisher::connect(runtime.handle(), &target(free), &options);
    publisher.publish(message(1)).unwrap();
    let blocked = publisher.publish(message(2)).unwrap_err();
    let told = blocked.to_string();
    assert!(told.starts_with(&format!("cannot reach the broker mqtt://127.0.0.1:{free} for")), "{told}");
    assert!(told.contains("refused"), "{told}");
    assert_eq!(publisher.flush().unwrap_err(), blocked);
    assert_eq!(runtime.block_on(publisher.close()).unwrap_err(), blocked);
}

#[test]
fn a_broker_that_refuses_is_not_asked_twice() {
    let cases = [
        (Protocol::V311, vec![0x20, 2, 0, 5], "NotAuthorized"),
        (Protocol::V311, vec![0x20, 2, 0, 4], "BadUserNamePassword"),
        (Protocol::V5, vec![0x20, 3, 0, 0x87, 0], "not authorized"),
    ];
    for (protocol, connack, reason) in cases {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let runtime = runtime();
        let credentials = Credentials { user: "city".to_owned(), password: "hush-hush".to_owned() };
        let options = PublisherOptions { credentials: Some(credentials), ..PublisherOptions::new(protocol, 1, "city") };
        assert!(!format!("{options:?}").contains("hush"), "a password is never shown");
        let publisher = Publisher::connect(runtime.handle(), &target(port), &options);
        let mut broker = Raw::accept(&socket);
        let (_, asked) = broker.packet().unwrap();
        assert!(asked.ends_with(b"\x00\x04city\x00\x09hush-hush"));
        broker.send(&connack);
        let error = publisher.flush_after(message(1)).unwrap_err();
        assert!(matches!(&error, PublishError::Refused { reason: told, .. } if told == reason), "{error}");
    }
}

impl Publisher {
    fn flush_after(&self, message: Message) -> Result<(), PublishError> {
        self.publish(message).and_then(|()| self.flush())
    }
}

#[test]
fn a_message_the_broker_rejects_is_named() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let runtime = runtime();
    let options = PublisherOptions::new(Protocol::V5, 1, "city");
    let publisher = Publisher::connect(runtime.handle(), &target(port), &options);
    let broker = std::thread::spawn(move || {
        let mut broker = Raw::accept(&socket);
        broker.packet().unwrap();
        broker.send(&[0x20, 3, 0, 0, 0]);
        let (id, ..) = broker.published().unwrap();
        broker.send(&[&[0x40, 3][..], &id.to_be_bytes(), &[0x87]].concat());
        broker
    });
    let told = publisher.flush_after(message(3)).unwrap_err().to_string();
    assert!(told.contains("refuses a message to `city/gps/veh-3`: not authorized"), "{told}");
    drop(broker.join().unwrap());
}

#[test]
fn brokers_are_named_as_addresses() {
    let good = [
        ("mqtt://broker.city.example:2883", "broker.city.example", 2883),
        ("mqtt://localhost", "localhost", 1883),
        ("mqtts://localhost", "localhost", 8883),
        ("mqtts://broker:1", "broker", 1),
        ("mqtt://[::1]:9/", "::1", 9),
        ("mqtt://[::1]", "::1", 1883),
    ];
    for (text, host, port) in good {
        let target = Target::parse(text).unwrap();
        assert_eq!((&*target.host, target.port), (host, port), "{text}");
        assert_eq!(Target::parse(&target.to_string()), Ok(target));
    }
    for text in [
        "",
        "localhost",
        "http://x",
        "mqtt://",
        "mqtt://:1883",
        "mqtt://a b",
        "mqtt://x:0",
        "mqtt://x:99999",
        "mqtt://u:p@x",
    ] {
        assert!(Target::parse(text).is_err(), "{text}");
    }
}
