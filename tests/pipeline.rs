//! The operators of a partition together: what the wire doubles, mixes up and damages changes no row of any table.

use std::collections::BTreeMap;

use citytwin::pipeline::analytics::{Analyst, AnalystSettings, Row};
use citytwin::pipeline::ingest::{Intake, IntakeSettings, Taken};
use citytwin::primitives::Timestamp;
use citytwin::primitives::random::{Purpose, Seed};
use citytwin::telemetry::reading::{Fix, LoopCount, Position};
use citytwin::telemetry::{DeviceId, Reading, Record, TopicMap, json};

type Message = (String, Vec<u8>);
type Table = BTreeMap<(&'static str, String), Row>;

/// A quarter of an hour of 40 trackers and 10 loops, in the order of time.
fn told() -> Vec<Message> {
    let rng = &mut Seed(5).stream(Purpose::Demand, 1, 0);
    let topics = TopicMap::new("Halvermere");
    let start = Timestamp::midnight("2026-06-02").expect("a day").as_milliseconds();
    let mut messages = Vec::new();
    let mut tell = |name: &str, sequence: u64, ms: i64, reading: Reading| {
        let device = DeviceId::of(reading.kind(), name);
        let topic = topics.topic(reading.kind(), &device);
        let record = Record { device, epoch: 0, sequence, time: Timestamp::milliseconds(start + ms), reading };
        let mut payload = Vec::new();
        json::encode(&record, &mut payload);
        messages.push((topic, payload));
    };
    for round in 0..180_u32 {
        let ms = i64::from(round) * 5000;
        for vehicle in 0..40 {
            let name = format!("car-{vehicle}");
            let reading = Position {
                vehicle_id: name.as_str().into(),
                vehicle_class: "passenger".into(),
                ignition: true,
                fix: Fix::ThreeD,
                latitude: Some(52.0 + rng.unit() / 100.0),
                longitude: Some(10.0 + rng.unit() / 100.0),
                speed: Some(rng.unit() * 50.0),
                direction: None,
                hdop: None,
            };
            tell(&name, round.into(), ms, reading.into());
        }
        for detector in (0..10).filter(|_| round % 12 == 0) {
            let road_id = format!("road-{}", detector / 2).as_str().into();
            let (lane, period_s, occupancy, speed) = (detector % 2, 60, rng.unit() * 50.0, Some(rng.unit() * 50.0));
            let reading =
                LoopCount { road_id, lane, latitude: 52.0, longitude: 10.0, period_s, count: 9, occupancy, speed };
            tell(&format!("d{detector}"), (round / 12).into(), ms, reading.into());
        }
    }
    messages
}

/// What the stores hold in the end, and how many messages were doubles and refused; state is saved and restored every `every`.
fn stored(messages: &[Message], every: usize) -> (Table, u64, u64) {
    let topics = TopicMap::new("Halvermere");
    let settings = || AnalystSettings::new(0, None);
    let (mut intake, mut analyst) = (Intake::new(0, IntakeSettings::default()), Analyst::new(settings()));
    let mut table = Table::new();
    let mut keep = |rows: Vec<Row>| table.extend(rows.into_iter().map(|row| ((row.table(), row.key()), row)));
    for (offset, (topic, payload)) in (0_u64..).zip(messages) {
        let mut next = Some(intake.take(offset, topic, payload, &topics));
        while let Some(taken) = next {
            if let Taken::Fresh { record, late } = taken {
                assert!(!late, "{record:?}");
                analyst.observe(&record, intake.watermark());
            }
            next = intake.decided();
        }
        if offset % every as u64 == 0 {
            keep(analyst.take_rows());
            intake = Intake::restore(&intake.state()).expect("its own state");
            analyst = Analyst::restore(settings(), &analyst.state()).expect("its own state");
        }
    }
    analyst.finish();
    keep(analyst.take_rows());
    let counts = intake.counts();
    (table, counts.duplicates + counts.refused_again, counts.quarantined_total())
}

#[test]
fn what_the_wire_does_to_messages_changes_no_row() {
    let clean = told();
    let (expected, doubles, refused) = stored(&clean, 5000);
    assert_eq!((doubles, refused), (0, 0));
    let windows = expected.keys().filter(|(table, _)| *table == "position_minutes").count();
    let roads = expected.keys().filter(|(table, _)| *table == "road_windows").count();
    // Readings at seven count the minute before, so the roads have four windows.
    assert_eq!((windows, roads), (40 * 15, 5 * 4));
    let rng = &mut Seed(6).stream(Purpose::Demand, 2, 0);
    for every in [200, 997] {
        // Doubled by redelivery, damaged copies among them, and all of it up to twenty seconds out of order.
        let mut wire: Vec<(usize, Message)> = Vec::new();
        let (mut twice, mut damaged) = (0, 0);
        for (place, (topic, payload)) in clean.iter().enumerate() {
            let mut send = |bytes: Vec<u8>| wire.push((place + rng.below(160), (topic.clone(), bytes)));
            send(payload.clone());
            if place % 3 == 0 {
                send(payload.clone());
                twice += 1;
            }
            if place % 50 == 0 {
                send(payload[..payload.len() - 1 - place % 40].to_vec());
                damaged += 1;
            }
        }
        wire.sort_by_key(|(place, _)| *place);
        let wire: Vec<Message> = wire.into_iter().map(|(_, message)| message).collect();
        assert_eq!(stored(&wire, every), (expected.clone(), twice, damaged));
    }
}
