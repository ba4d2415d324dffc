//! A load at platforms that are none of ours, Mosquitto and Kafka, and the audit of what they give back: whole, and where one of them
//! loses what it acknowledged; what a stall looks like to an open and to a closed loop; and what is said of a target that refuses.
//!
//! `CITYTWIN_TEST_KAFKA` names a broker (host:port), as `cargo xtask services up` prints it; `mosquitto` and its clients are installed.
#![cfg(feature = "server-tests")]
#![expect(clippy::print_stdout, reason = "figures of a comparison are told, not only judged")]

#[path = "load/mosquitto.rs"]
mod mosquitto;
#[path = "common/program.rs"]
#[allow(dead_code, reason = "each test uses its part of it")]
mod program;
#[path = "load/topic.rs"]
mod topic;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use citytwin::pipeline::transport::partition_of;
use citytwin::studies::load::{End, Faults, LoadReport, Phase, Profile, Shape};
use citytwin::telemetry::TopicMap;
use citytwin::twin::{self, LoadSettings, LoadSource, LoadTarget, LoadUnderWay, Protocol, PublisherOptions};
use mosquitto::Mosquitto;
use program::{command, text};
use rdkafka::mocking::MockCluster;
use serde_json::Value;

/// One load at a time: two at once would measure each other.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A device's record: whose, and which.
type Name = (String, u64);

fn settings(folder: &Path, target: &str, seconds: f64, shape: Shape) -> LoadSettings {
    let mut publisher = PublisherOptions::new(Protocol::V5, 1, "foreign");
    publisher.give_up = Duration::from_secs(30);
    let phases = vec![Phase { name: "whole".to_owned(), seconds, shape }];
    LoadSettings {
        folder: folder.to_owned(),
        target: LoadTarget::parse(target).expect("a target"),
        publisher,
        topics: TopicMap::new("city"),
        devices: 20,
        connections: 4,
        name: "load".to_owned(),
        profile: Profile { phases, ..Profile::default() },
        seed: 1,
        faults: Faults::default(),
        source: LoadSource::Synthetic,
        store: None,
        environment: |_| None,
        truth: false,
        beside: false,
    }
}

fn load(settings: &LoadSettings, watch: &mut dyn FnMut(&LoadUnderWay)) -> LoadReport {
    let loaded = twin::load(settings, watch, &|| false).expect("a load that begins");
    assert_eq!(loaded.unwritten, Vec::<String>::new());
    loaded.report
}

/// The program's audit: how it ended, its figures, and what it said.
fn audit(sent: &Path, export: &str, columns: &[&str]) -> (Option<i32>, Value, String) {
    let sent = sent.display().to_string();
    let output = command(&[&["audit", &sent, "--export", export, "--json"], columns].concat()).output();
    let output = output.expect("the program runs");
    let figures = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code(), figures, text(&output.stderr))
}

/// Of an audit: stored, unexplained, doubled, never emitted, damaged.
fn numbers(figures: &Value) -> [u64; 5] {
    ["stored", "unexplained", "doubled", "forged", "damaged"]
        .map(|key| figures["places"]["export"][key].as_u64().unwrap_or(u64::MAX))
}

/// Whose record a payload is, and which.
fn name_of(payload: &[u8]) -> Name {
    let record: Value = serde_json::from_slice(payload).expect("a record");
    (record["device"].as_str().expect("a device").to_owned(), record["seq"].as_u64().expect("a sequence"))
}

/// What the audit calls missing, one by one.
fn missing(figures: &Value) -> BTreeSet<Name> {
    let mut names = BTreeSet::new();
    for line in figures["missing"].as_array().expect("a list") {
        let device = line["device"].as_str().expect("a device");
        for run in line["sequences"].as_array().expect("runs") {
            let (first, last) = (run[0].as_u64().expect("a number"), run[1].as_u64().expect("a number"));
            names.extend((first..=last).map(|sequence| (device.to_owned(), sequence)));
        }
    }
    names
}

fn file(folder: &Path, name: &str, lines: &[String]) -> String {
    let path = folder.join(name);
    std::fs::write(&path, lines.join("\n")).expect("room");
    path.display().to_string()
}

/// Three subscribers write down what they get in the three forms that `mosquitto_sub` has for it; all three are read.
#[test]
fn what_mosquitto_hands_on_is_audited_in_each_form_its_subscriber_writes() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a folder");
    let broker = Mosquitto::start("allow_anonymous true\nmax_queued_messages 0");
    let mut subscribers = ["%j", "%x", "%p"].map(|format| broker.subscriber(format, format));
    let sent = folder.path().join("sent");
    let report = load(&settings(&sent, &broker.url(), 2.0, Shape::Constant(1000.0)), &mut |_| ());
    assert_eq!((&report.end, report.measured.acknowledged), (&End::Completed, 2000), "{report}");
    for (subscriber, columns) in subscribers.iter_mut().zip([&["--columns", "payload=payload"][..], &[], &[]]) {
        let export = file(folder.path(), "export.jsonl", &subscriber.lines(2000));
        let (code, figures, said) = audit(&sent, &export, columns);
        assert_eq!((code, numbers(&figures)), (Some(0), [2000, 0, 0, 0, 0]), "{said}");
    }
    println!("Mosquitto, nothing lost: {report}");
}

/// A broker that queues 500 messages for who is away drops the others, though it acknowledged them: exactly those are found, by their
/// sequences, held against what somebody got who was there.
#[test]
fn what_mosquitto_drops_for_a_subscriber_that_is_away_is_found_to_the_sequence() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a folder");
    let broker = Mosquitto::start("allow_anonymous true\nmax_queued_messages 500");
    let mut there = broker.subscriber("there", "%p");
    broker.subscribe_and_leave("away");
    let sent = folder.path().join("sent");
    let report = load(&settings(&sent, &broker.url(), 4.0, Shape::Constant(500.0)), &mut |_| ());
    assert_eq!((&report.end, report.measured.acknowledged), (&End::Completed, 2000), "{report}");
    let all: BTreeSet<Name> = there.lines(2000).iter().map(|line| name_of(line.as_bytes())).collect();
    assert_eq!(all.len(), 2000);
    let mut away = broker.back("away", "%j");
    // Once it has taken some, there is room for a last word behind the others.
    let mut lines = away.lines(100);
    broker.say("the/end", "the last word");
    lines.extend(away.until("the last word"));
    let payload = |line: &String| serde_json::from_str::<Value>(line).expect("an object")["payload"].clone();
    let got: BTreeSet<Name> =
        lines.iter().map(|line| name_of(payload(line).as_str().expect("a text").as_bytes())).collect();
    let lost: BTreeSet<Name> = all.difference(&got).cloned().collect();
    assert!((1000..2000).contains(&lost.len()), "{} of 2000", lost.len());
    let export = file(folder.path(), "away.jsonl", &lines);
    let (code, figures, said) = audit(&sent, &export, &["--columns", "payload=payload"]);
    assert_eq!((code, numbers(&figures)), (Some(1), [got.len() as u64, lost.len() as u64, 0, 0, 0]), "{said}");
    assert_eq!(missing(&figures), lost);
    println!("Mosquitto, subscriber away: {} of 2000 acknowledged messages lost, {} found", lost.len(), lost.len());
}

/// A real topic that keeps everything: the books close, and records lie in the partitions that docs/kafka.md says.
#[test]
fn a_topic_that_keeps_everything_closes_the_books() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a folder");
    let url = topic::make(&topic::broker(), 4);
    for (turn, query) in ["", "?partitioner=murmur2&compression=lz4&linger=0"].into_iter().enumerate() {
        let sent = folder.path().join(format!("sent-{turn}"));
        let mut settings = settings(&sent, &format!("{url}{query}"), 2.0, Shape::Constant(5000.0));
        settings.name = format!("load{turn}");
        let report = load(&settings, &mut |_| ());
        assert_eq!((&report.end, report.measured.acknowledged), (&End::Completed, 10_000), "{report}");
        let (code, figures, said) = audit(&sent, &url, &[]);
        assert_eq!((code, numbers(&figures)), (Some(0), [10_000, 0, 0, 0, 0]), "{said}");
        println!("Kafka, nothing lost: {report}");
    }
    let held = topic::read(&url, 4);
    assert_eq!((held.records.len(), &held.begins), (20_000, &vec![0; 4]));
    for (partition, key, _) in held.records.iter().filter(|(_, key, _)| text(key).contains("load0-")) {
        assert_eq!(*partition, i32::from(partition_of(&text(key), 4)));
    }
    // With the other partitioner a device stays in one partition as well.
    let mut partitions: BTreeMap<String, BTreeSet<i32>> = BTreeMap::new();
    for (partition, key, _) in held.records.iter().filter(|(_, key, _)| text(key).contains("load1-")) {
        partitions.entry(text(key)).or_default().insert(*partition);
    }
    assert!(partitions.len() == 20 && partitions.values().all(|of| of.len() == 1), "{partitions:?}");
}

/// librdkafka's mock brokers acknowledge everything and keep 5 MiB: what they dropped is found to the sequence, and is as much as the
/// offset that their log begins at says.
#[test]
fn what_brokers_acknowledge_and_drop_is_found_to_the_sequence() {
    let _alone = alone();
    let (folder, brokers) = (tempfile::tempdir().expect("a folder"), MockCluster::new(1).expect("brokers"));
    brokers.create_topic("city", 1, 1).expect("a topic");
    let url = format!("kafka://{}/city", brokers.bootstrap_servers());
    let sent = folder.path().join("sent");
    let report = load(&settings(&sent, &url, 3.0, Shape::Constant(8000.0)), &mut |_| ());
    assert_eq!((&report.end, report.measured.acknowledged), (&End::Completed, 24_000), "{report}");
    let held = topic::read(&url, 1);
    let got: BTreeSet<Name> = held.records.iter().map(|(_, _, payload)| name_of(payload)).collect();
    let devices: BTreeSet<&String> = got.iter().map(|(device, _)| device).collect();
    assert_eq!(devices.len(), 20);
    let all = devices.iter().flat_map(|device| (0..1200).map(|sequence| ((*device).clone(), sequence)));
    let lost: BTreeSet<Name> = all.filter(|name| !got.contains(name)).collect();
    let begin = u64::try_from(held.begins[0]).expect("an offset");
    assert!(begin > 1000 && lost.len() as u64 == begin, "{} lost, the log begins at {begin}", lost.len());
    let (code, figures, said) = audit(&sent, &url, &[]);
    assert_eq!((code, numbers(&figures)), (Some(1), [24_000 - begin, begin, 0, 0, 0]), "{said}");
    assert_eq!(missing(&figures), lost);
    assert!(figures["left_out"]["export"].as_str().is_some_and(|why| why.contains(&format!("{begin} of partition 0"))));
    println!(
        "mock brokers: {begin} of 24000 acknowledged records lost, the log begins at {begin}, {} found",
        lost.len()
    );
}

/// For five seconds the brokers answer nothing: whose schedule goes on sees it in one of a hundred messages and more, whoever waits for
/// each answer sees one slow one.
#[test]
fn brokers_that_stall_show_it_and_hide_it_from_a_client_that_waits() {
    let _alone = alone();
    let (folder, brokers) = (tempfile::tempdir().expect("a folder"), MockCluster::new(1).expect("brokers"));
    brokers.create_topic("city", 1, 1).expect("a topic");
    let url = format!("kafka://{}/city", brokers.bootstrap_servers());
    let settings = LoadSettings { beside: true, ..settings(folder.path(), &url, 9.0, Shape::Constant(500.0)) };
    let (mut begun, mut ended) = (false, false);
    let report = load(&settings, &mut |now| {
        if !begun && now.handed >= 1000 {
            begun = true;
            brokers.broker_round_trip_time(1, Duration::from_secs(5)).expect("a broker");
        }
        if begun && !ended && now.handed >= 3500 {
            ended = true;
            brokers.broker_round_trip_time(1, Duration::ZERO).expect("a broker");
        }
    });
    assert_eq!((&report.end, report.measured.acknowledged), (&End::Completed, 4500), "{report}");
    let ours = report.measured.latency.p99_us.expect("everything was acknowledged");
    let beside = report.beside.as_ref().expect("a client beside it").latency;
    println!("stalled for 5 s: {report}");
    assert!(ours > 2_000_000, "the stall shows in our p99: {report}");
    assert!(beside.p99_us.is_some_and(|theirs| theirs < 100_000), "and hides in that of a client that waits: {report}");
    assert!(beside.longest_us > Some(2_000_000), "which has seen it once: {report}");
}

/// Every producer's connections break in the middle: what they had not acknowledged comes again, so nothing is missing, and what is there
/// twice is no more than what was sent twice.
#[test]
fn after_a_storm_producers_come_back_and_nothing_is_missing() {
    let _alone = alone();
    let (folder, url) = (tempfile::tempdir().expect("a folder"), topic::make(&topic::broker(), 3));
    let mut settings = settings(folder.path(), &url, 1.0, Shape::Constant(2000.0));
    settings.profile.phases.extend(["storm", "again"].map(|name| Phase {
        name: name.to_owned(),
        seconds: 1.5,
        shape: Shape::ReconnectStorm(2000.0),
    }));
    let report = load(&settings, &mut |_| ());
    let back = report.measured.reconnecting.expect("storms");
    assert_eq!((&report.end, report.measured.storms, back.count, report.reconnects), (&End::Completed, 2, 8, 8));
    assert_eq!((report.measured.acknowledged, report.emitted), (8000, 8000), "{report}");
    let (_, figures, said) = audit(folder.path(), &url, &[]);
    let [stored, unexplained, doubled, forged, damaged] = numbers(&figures);
    assert_eq!((stored, unexplained, forged, damaged), (8000, 0, 0, 0), "{said}");
    assert!(doubled <= report.resent, "{doubled} twice, {report}");
    println!("after a storm: {doubled} there twice; {report}");
}

/// At the bound of what may wait the sender waits, and what it waited stands in its error and in the latency; nothing is lost by it.
#[test]
fn a_full_producer_makes_the_sender_wait_and_loses_nothing() {
    let _alone = alone();
    let (folder, brokers) = (tempfile::tempdir().expect("a folder"), MockCluster::new(1).expect("brokers"));
    brokers.create_topic("city", 1, 1).expect("a topic");
    let url = format!("kafka://{}/city", brokers.bootstrap_servers());
    // As many as may be kept are shared out to the connections: here 7,812 each.
    let mut settings = settings(folder.path(), &url, 1.0, Shape::Constant(24_000.0));
    (settings.connections, settings.devices) = (128, 1);
    let mut is_slow = false;
    let report = load(&settings, &mut |now| {
        if !is_slow && now.handed > 0 {
            is_slow = true;
            brokers.broker_round_trip_time(1, Duration::from_secs(2)).expect("a broker");
        }
    });
    assert_eq!((&report.end, report.measured.acknowledged), (&End::Completed, 24_000), "{report}");
    assert!(report.waited_s > 0.01, "one device's connection was full: {report}");
}

/// A closed port, a broker of something else, one that wants no login, no topic, too many connections, a wrong password: a sentence
/// each, the figures so far, and no secret.
#[test]
fn a_target_that_refuses_is_told_in_a_sentence_and_costs_no_figures() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a folder");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    let locked = Mosquitto::start("allow_anonymous true");
    let passwords = locked.password("ann", "swordfish");
    let locked = Mosquitto::start(&format!("allow_anonymous false\npassword_file {passwords}"));
    let (kafka, other) = (topic::broker(), locked.port);
    for (target, sentence) in [
        (format!("kafka://{nobody}/city"), "cannot reach the topic at kafka://"),
        (format!("kafka://127.0.0.1:{other}/city"), "cannot reach the topic at kafka://"),
        (format!("kafka://{kafka}/nowhere"), "there is no topic `nowhere`"),
        (format!("kafkas://{kafka}/city"), "in state SSL_HANDSHAKE"),
        (format!("mqtt://127.0.0.1:{other}"), "refuses the connection: "),
    ] {
        let out = folder.path().join("out").display().to_string();
        let mut command = command(&["load", "--target", &target, "--out", &out, "--seconds", "1", "--give-up", "4"]);
        for of in ["MQTT", "KAFKA"] {
            let (user, password) = (format!("CITYTWIN_{of}_USER"), format!("CITYTWIN_{of}_PASSWORD"));
            if target.contains("mqtt") || target.contains("kafkas") {
                command.env(user, "ann").env(password, "herring");
            }
        }
        let output = command.output().expect("the program runs");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{target}: {said}");
        assert!(said.contains(sentence) && said.contains("these are the figures so far"), "{target}: {said}");
        assert!(!said.contains("herring"), "{said}");
        let figures = std::fs::read_to_string(folder.path().join("out/load.json")).expect("figures");
        let figures: Value = serde_json::from_str(&figures).expect("figures");
        assert_eq!((&figures["end"]["how"], &figures["measured"]["acknowledged"]), (&"failed".into(), &0.into()));
        println!("{target}: {}", said.lines().find(|line| line.contains(sentence)).unwrap_or_default().trim());
    }
    let words = ["load", "--target", "kafka://h/t", "--out", "x", "--connections", "129"];
    let output = command(&words).current_dir(folder.path()).output().expect("the program runs");
    assert!(text(&output.stderr).contains("at most 128 connections"), "{}", text(&output.stderr));
    // An audit of a topic that is not there, or of one that holds something else.
    let sent = folder.path().join("sent");
    let url = topic::make(&kafka, 1);
    load(&settings(&sent, &url, 0.2, Shape::Constant(100.0)), &mut |_| ());
    let (code, _, said) = audit(&sent, &format!("kafka://{kafka}/nowhere"), &[]);
    assert!(code == Some(1) && said.contains("there is no topic `nowhere`"), "{said}");
    let (code, _, said) = audit(&sent, "mqtt://127.0.0.1:1883", &[]);
    assert!(code == Some(2) && said.contains("have a subscriber write it down"), "{said}");
}
