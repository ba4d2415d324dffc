//! The listener against clients of others: what is stored, when it is acknowledged, what subscribers see.

use std::sync::mpsc;

use rumqttc::{MqttOptions, QoS, v5};

use super::raw::{Raw, publish, subscribe};
use super::*;
use crate::pipeline::transport::log::tests::faulty_log;
use crate::pipeline::transport::{DurableLog, LogOptions};

fn payload(number: usize) -> Vec<u8> {
    (0..number % 300).map(|at| u8::try_from((at * 31 + number) % 256).unwrap()).collect()
}

/// Publishes with rumqttc's own client of MQTT 3.1.1 until everything is acknowledged.
fn publish_311(port: u16, count: usize) {
    let mut options = MqttOptions::new("rumqttc-3", "127.0.0.1", port);
    options.set_inflight(50).set_max_packet_size(1 << 20, 1 << 20);
    let (client, mut connection) = rumqttc::Client::new(options, 10);
    let sender = std::thread::spawn(move || {
        for number in 0..count {
            let qos = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce][number % 3];
            client.publish(format!("city/three/{}", number % 5), qos, false, payload(number)).unwrap();
        }
        client
    });
    let expected = (0..count).filter(|number| number % 3 != 0).count();
    let mut answered = 0;
    for event in connection.iter() {
        use rumqttc::{Event, Packet};
        answered += usize::from(matches!(event.unwrap(), Event::Incoming(Packet::PubAck(_) | Packet::PubComp(_))));
        if answered == expected {
            break;
        }
    }
    sender.join().unwrap();
}

/// The same in MQTT 5.
fn publish_5(port: u16, count: usize) {
    let options = v5::MqttOptions::new("rumqttc-5", "127.0.0.1", port);
    let (client, mut connection) = v5::Client::new(options, 10);
    let sender = std::thread::spawn(move || {
        for number in 0..count {
            let qos = [v5::mqttbytes::QoS::AtMostOnce, v5::mqttbytes::QoS::AtLeastOnce][number % 2];
            client.publish(format!("city/five/{}", number % 5), qos, false, payload(number)).unwrap();
        }
        client
    });
    let mut answered = 0;
    for event in connection.iter() {
        answered += usize::from(matches!(event.unwrap(), v5::Event::Incoming(v5::Incoming::PubAck(_))));
        if answered == count / 2 {
            break;
        }
    }
    sender.join().unwrap();
}

#[test]
fn what_clients_of_others_publish_is_stored_byte_by_byte_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let log = Arc::new(DurableLog::open(folder.path(), LogOptions::new(3)).unwrap());
    let served = Served::with(Arc::clone(&log) as Arc<dyn Bus>, limits());
    publish_311(served.port(), 600);
    publish_5(served.port(), 600);
    let stats = served.shutdown();
    assert_eq!((stats.publishes, stats.acknowledged, stats.refused.len()), (1200, 400 + 300, 0));
    drop(log);
    // What is read back comes from the files.
    let log = DurableLog::open(folder.path(), LogOptions::new(3)).unwrap();
    let stored = everything(&log);
    assert_eq!(stored.len(), 1200);
    for (kind, topic) in [("three", 0), ("five", 0), ("three", 4), ("five", 3)] {
        let name = format!("city/{kind}/{topic}");
        let of_topic: Vec<_> =
            stored.iter().filter(|message| *message.topic == name).map(|m| m.payload.to_vec()).collect();
        let expected: Vec<_> = (0..600).filter(|number| number % 5 == topic).map(payload).collect();
        assert_eq!(of_topic, expected, "{name}");
    }
}

/// PUBACK means "on disk": while the disk has not said so there is none, though the connection lives.
#[test]
fn nothing_is_acknowledged_before_it_is_durable() {
    for (level, flags, answer) in [(4, 2, 0x40), (4, 4, 0x50), (5, 2, 0x40)] {
        let folder = tempfile::tempdir().unwrap();
        let (log, faults) = faulty_log(folder.path(), 1);
        let served = Served::with(Arc::new(log), limits());
        let mut client = Raw::client(served.port(), level, "patient");
        faults.hold_syncs(true);
        client.send(&publish(level, flags, "city/a", 1, b"x"));
        faults.wait_until_held();
        // The answer to a ping overtakes the one to the message.
        client.ping();
        assert_eq!(served.bus.end(0), 0);
        faults.hold_syncs(false);
        assert_eq!(client.packet(), Some((answer, vec![0, 1])), "level {level}");
        assert_eq!(served.bus.end(0), 1);
    }
}

#[test]
fn answers_keep_the_order_of_the_messages_over_all_partitions() {
    let folder = tempfile::tempdir().unwrap();
    let log = DurableLog::open(folder.path(), LogOptions::new(8)).unwrap();
    let served = Served::with(Arc::new(log), limits());
    let mut client = Raw::client(served.port(), 5, "orderly");
    for id in 1..=500_u16 {
        client.send(&publish(5, 2, &format!("city/{}", id % 50), id, &payload(usize::from(id))));
    }
    for id in 1..=500_u16 {
        assert_eq!(client.packet(), Some((0x40, id.to_be_bytes().to_vec())));
    }
}

/// With a full disk the client keeps what has no answer, and hears so; the listener's owner hears why.
#[test]
fn a_full_disk_ends_the_acknowledgements_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let (log, faults) = faulty_log(folder.path(), 1);
    let served = Served::with(Arc::new(log), limits());
    let mut client = Raw::client(served.port(), 5, "unlucky");
    client.send(&publish(5, 2, "city/a", 1, b"fits"));
    assert_eq!(client.packet(), Some((0x40, vec![0, 1])));
    faults.room(Some(10));
    client.send(&publish(5, 2, "city/a", 2, b"does not"));
    assert_eq!(client.packet().map(|(first, rest)| (first, rest[0])), Some((0xe0, 0x97)));
    assert_eq!(client.packet(), None);
    let told = served.runtime.block_on(served.listener.failed()).to_string();
    assert!(told.contains("the disk is full; make room and start again"), "{told}");
    let mut next = Raw::dial(served.port());
    next.send(&super::raw::connect(5, "next", 0));
    assert_eq!(next.packet().map(|(first, rest)| (first, rest[1])), Some((0x20, 0x88)), "server unavailable");
    assert_eq!(served.bus.end(0), 1);
}

#[test]
fn subscribers_see_the_city() {
    let served = Served::new(2);
    let mut all = Raw::client(served.port(), 4, "all");
    all.send(&subscribe(4, 1, "#", 1));
    assert_eq!(all.packet(), Some((0x90, vec![0, 1, 1])));
    let mut some = Raw::client(served.port(), 5, "some");
    some.send(&subscribe(5, 9, "city/+/veh-1", 2));
    assert_eq!(some.packet(), Some((0x90, vec![0, 9, 0, 1])), "quality of service 2 is granted as 1");
    let mut sender = Raw::client(served.port(), 4, "sender");
    for (id, topic) in [(1, "city/gps/veh-1"), (2, "city/gps/veh-2"), (3, "city/air/veh-1")] {
        sender.send(&publish(4, 2, topic, id, topic.as_bytes()));
    }
    let expect = |client: &mut Raw, level: u8, topics: &[&str]| {
        for topic in topics {
            let (first, rest) = client.packet().unwrap();
            let id = u16::from_be_bytes([rest[2 + topic.len()], rest[3 + topic.len()]]);
            let expected = publish(level, 2, topic, id, topic.as_bytes());
            assert_eq!((first, &rest[..]), (expected[0], &expected[2..]), "{topic}");
            client.send(&[&[0x40, 2][..], &id.to_be_bytes()].concat());
        }
        client.ping();
    };
    expect(&mut all, 4, &["city/gps/veh-1", "city/gps/veh-2", "city/air/veh-1"]);
    expect(&mut some, 5, &["city/gps/veh-1", "city/air/veh-1"]);
    some.send(&super::raw::packet(0xa2, &[&[0, 3, 0], &super::raw::text("city/+/veh-1")]));
    assert_eq!(some.packet(), Some((0xb0, vec![0, 3, 0, 0])));
    sender.send(&publish(4, 2, "city/gps/veh-1", 4, b"again"));
    assert_eq!(all.packet().unwrap().0, 0x32);
    some.ping();
    assert_eq!(served.shutdown().delivered, 6);
}

#[test]
fn the_last_message_of_a_topic_is_kept_for_later_subscribers() {
    let served = Served::with(Arc::new(MemoryBus::new(1, 1 << 20)), ListenerLimits { retained_max: 2, ..limits() });
    let mut sender = Raw::client(served.port(), 4, "sender");
    let kept = [("a", "1"), ("b", "1"), ("a", "2"), ("c", "one too many"), ("b", "")];
    for (id, (topic, payload)) in (1_u16..).zip(kept) {
        sender.send(&publish(4, 3, topic, id, payload.as_bytes()));
        assert_eq!(sender.packet().unwrap().0, 0x40);
    }
    sender.ping();
    let mut late = Raw::client(served.port(), 4, "late");
    late.send(&subscribe(4, 1, "#", 0));
    assert_eq!(late.packet().unwrap().0, 0x90);
    assert_eq!(late.packet(), Some((0x31, [&super::raw::text("a")[..], b"2"].concat())));
    late.ping();
    assert_eq!(served.shutdown().retained_refused, 1);
}

/// A subscriber that does not read loses its own messages, counted; publishers do not notice it. Whatever limit it meets first.
#[test]
fn a_slow_subscriber_slows_nobody() {
    for limits in [
        ListenerLimits { subscriber_queue: 4, ..limits() },
        ListenerLimits { subscriber_bytes: 250_000, ..limits() },
        ListenerLimits { subscriber_bytes_total: 250_000, ..limits() },
    ] {
        let served = Served::with(Arc::new(MemoryBus::new(1, 1 << 28)), limits);
        let mut slow = Raw::client(served.port(), 5, "slow");
        slow.send(&subscribe(5, 1, "#", 0));
        assert_eq!(slow.packet().unwrap().0, 0x90);
        let mut sender = Raw::client(served.port(), 4, "sender");
        let count = 400_u16;
        for id in 1..=count {
            sender.send(&publish(4, 2, "city/camera", id, &vec![7; 60_000]));
            assert_eq!(sender.packet(), Some((0x40, id.to_be_bytes().to_vec())));
        }
        let drops = served.listener.stats().subscriber_drops;
        assert!(drops > 0);
        // What was not dropped arrives once it reads: nothing else is missing.
        let mut arrived = 0;
        while arrived + drops < u64::from(count) {
            assert_eq!(slow.packet().unwrap().0, 0x30);
            arrived += 1;
        }
        // Its room is free again.
        sender.send(&publish(4, 2, "city/camera", 1, &vec![7; 60_000]));
        assert_eq!(slow.packet().unwrap().0, 0x30);
        slow.ping();
    }
}

#[test]
fn a_second_connection_of_the_same_client_takes_over() {
    let served = Served::new(1);
    for (level, last) in [(4, None), (5, Some((0xe0, 0x8e)))] {
        // A name for each: whether the listener has seen the one before leave by then is not the question.
        let name = format!("one of version {level}");
        let mut first = Raw::client(served.port(), level, &name);
        first.send(&subscribe(level, 1, "#", 0));
        assert_eq!(first.packet().unwrap().0, 0x90);
        let mut second = Raw::client(served.port(), level, &name);
        assert_eq!(first.packet().map(|(first, rest)| (first, rest[0])), last);
        assert_eq!(first.packet(), None);
        second.ping();
    }
    assert_eq!(served.shutdown().refused.get("client identifier taken over"), Some(&2));
}

#[test]
fn a_shutdown_answers_what_it_has_taken() {
    let folder = tempfile::tempdir().unwrap();
    let (log, faults) = faulty_log(folder.path(), 1);
    let served = Served::with(Arc::new(log), limits());
    let mut client = Raw::client(served.port(), 5, "last");
    faults.hold_syncs(true);
    client.send(&publish(5, 2, "city/a", 1, b"x"));
    faults.wait_until_held();
    let (told, hear) = mpsc::channel();
    let (runtime, listener) = (served.runtime, served.listener);
    let closing = std::thread::spawn(move || {
        told.send(()).unwrap();
        runtime.block_on(listener.shutdown())
    });
    hear.recv().unwrap();
    faults.hold_syncs(false);
    let mut seen = Vec::new();
    while let Some((first, _)) = client.packet() {
        seen.push(first);
    }
    seen.sort_unstable();
    assert_eq!(seen, [0x40, 0xe0], "its PUBACK, and goodbye");
    assert_eq!(closing.join().unwrap().acknowledged, 1);
}
