//! Whatever stands in a message, in a file somebody wrote, or on a disk that went bad: it is taken, or refused in a sentence, and
//! nobody falls over it.
//!
//! For each decoder behind the wire sound input is made, mutants of it from seeds, and each is decoded and put to work; the wire's own
//! are smoked beside them. `fuzz/` has the same targets for longer looks.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use citytwin::city::scenario;
use citytwin::pipeline::alerting;
use citytwin::pipeline::analytics::{Analyst, AnalystSettings, IncidentDetector, RoadMinute, Row};
use citytwin::pipeline::ingest::{Intake, IntakeSettings};
use citytwin::pipeline::transport::fuzz::mutant;
use citytwin::primitives::Timestamp;
use citytwin::studies::audit::{Journal, Ledger};
use citytwin::studies::load::{Devices, FcdReader};
use citytwin::telemetry::{Emission, Record, TopicMap, json};
use citytwin::twin;

/// Mutants of each sound input.
const MUTANTS: u64 = 400;
/// Seven in the morning of a day [ms].
const SEVEN: i64 = 1_780_383_600_000;

/// Throws sound input and its mutants at a decoder, which says whether it took something.
fn smoke(name: &str, seeds: &[Vec<u8>], mut decode: impl FnMut(&[u8]) -> bool) {
    for seed in seeds {
        assert!(decode(seed), "{name} refuses what is sound: {}", String::from_utf8_lossy(seed));
        for number in 0..MUTANTS {
            let bytes = mutant(seed, number);
            let made = catch_unwind(AssertUnwindSafe(|| decode(&bytes)));
            assert!(made.is_ok(), "{name} falls over mutant {number}: {}", String::from_utf8_lossy(&bytes));
        }
    }
}

/// As a file for a decoder that reads files.
fn in_a_file(name: &str, seeds: &[Vec<u8>], mut read: impl FnMut(&Path) -> bool) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hostile");
    smoke(name, seeds, |bytes| {
        std::fs::write(&path, bytes).expect("room");
        read(&path)
    });
}

/// What devices of all kinds say in a few minutes.
fn records() -> Vec<Record> {
    let devices = Devices::new(citytwin::primitives::random::Seed(3), 40, "smoke");
    let said = |n: u64| {
        let time = Timestamp::milliseconds(SEVEN + i64::try_from(n).unwrap_or(0) * 2_000);
        devices.record(n, n / devices.count(), time)
    };
    (0..160).map(said).collect()
}

fn payload(record: &Record) -> Vec<u8> {
    let mut bytes = Vec::new();
    json::encode(record, &mut bytes);
    bytes
}

#[test]
fn a_payload_is_a_record_or_not_and_comes_back_as_it_was() {
    let seeds: Vec<Vec<u8>> = records().iter().take(40).map(payload).collect();
    smoke("the decoder of payloads", &seeds, |bytes| {
        json::decode(bytes).is_ok_and(|record| {
            assert_eq!(json::decode(&payload(&record)).as_ref(), Ok(&record));
            true
        })
    });
}

#[test]
fn a_message_under_any_topic_is_taken_or_put_in_quarantine() {
    let (topics, records) = (TopicMap::new("Halvermere"), records());
    let seeds: Vec<Vec<u8>> =
        records.iter().take(12).map(|record| topics.topic(record.kind(), &record.device).into_bytes()).collect();
    let mut intake = Intake::new(0, IntakeSettings::default());
    let mut offset = 0;
    smoke("intake", &seeds, |bytes| {
        let topic = String::from_utf8_lossy(bytes);
        for record in &records[..12] {
            drop(intake.take(offset, &topic, &payload(record), &topics));
            offset += 1;
            while intake.decided().is_some() {}
        }
        intake.counts() != Intake::new(0, IntakeSettings::default()).counts()
    });
}

#[test]
fn files_of_people_are_read_or_refused() {
    let map = Path::new(env!("CARGO_MANIFEST_DIR")).join("maps/halvermere");
    let shipped = |file: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        std::fs::read_to_string(path).expect("it is shipped").replace("../maps/halvermere", &map.display().to_string())
    };
    let scenario = [shipped("scenarios/first_try.yaml"), shipped("scenarios/emergencies.yaml")].map(String::into_bytes);
    in_a_file("the reader of scenarios", &scenario, |path| scenario::read(path).is_ok());
    let parts = "bus: { mosquitto: { url: 'mqtts://broker:8883', user-from: U, password-from: P, ca: ca.pem, group: g, name: n } }\n\
                 live: { redis: { url: 'redis://cache:6379/0', password-from: R, prefix: p } }\n\
                 records: { postgres: { url: 'postgres://a@db:5432/city', schema: s } }\n\
                 city: x\n";
    let listen =
        "listen: { address: '127.0.0.1:1883', certificate: c.pem, key: k.pem, users: users.txt, clients: ca.pem }\n";
    let shipped_parts = shipped("deploy/parts.yaml");
    in_a_file("the reader of parts", &[parts.into(), listen.into(), shipped_parts.into()], |path| {
        twin::read_parts(path).is_ok()
    });
    let rules = shipped("deploy/alerts.yaml");
    in_a_file("the reader of rules", &[rules.into()], |path| alerting::read(path).is_ok());
    let mapping = b"position: gps_data/{device}\nair: '{city}/air/{type}/{device}'\nhealth: events/{device}\n".to_vec();
    smoke("the reader of topics", &[mapping], |bytes| {
        TopicMap::with_file("Halvermere", &String::from_utf8_lossy(bytes)).is_ok_and(|map| {
            let record = &records()[0];
            !map.filters().is_empty() && !map.topic(record.kind(), &record.device).is_empty()
        })
    });
}

#[test]
fn floating_car_data_is_read_or_refused() {
    let text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<fcd-export>\n\
                <timestep time=\"0.00\"><vehicle id=\"a\" x=\"13.5\" y=\"52.25\" angle=\"90.0\" type=\"car\" speed=\"3.5\" pos=\"1.0\" \
                lane=\"e_0\" slope=\"0.00\"/><person id=\"p\" x=\"1\" y=\"1\"/></timestep>\n\
                <timestep time=\"1.00\"><vehicle id=\"a\" x=\"13.6\" y=\"52.26\" angle=\"91.0\" type=\"car\" speed=\"4\" pos=\"4.5\" \
                lane=\"e_0\"></vehicle><vehicle id=\"b &amp; c\" x=\"1e1\" y=\"52\" angle=\"0\" type=\"bus\" speed=\"0\"/></timestep>\n\
                </fcd-export>\n";
    let packed = {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packer, text.as_bytes()).expect("room");
        packer.finish().expect("room")
    };
    smoke("the reader of floating car data", &[text.into(), packed], |bytes| {
        let place = |point: citytwin::primitives::Point| Some((point.x, point.y));
        let midnight = Timestamp::milliseconds(SEVEN);
        let Ok(mut reader) = FcdReader::new("fcd.xml".into(), Cursor::new(bytes.to_vec()), midnight, &place) else {
            return false;
        };
        let mut read = 0;
        while let Ok(Some(record)) = reader.read() {
            assert_eq!(json::decode(&payload(&record)).as_ref(), Ok(&record), "what is said can be understood");
            read += 1;
        }
        read > 0
    });
}

#[test]
fn a_ledger_or_journal_that_went_bad_is_read_or_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (journal_at, ledger_at) = (folder.path().join("journal"), folder.path().join("ledger.csv"));
    let mut journal = Journal::create(&journal_at).expect("room");
    for (n, record) in records().into_iter().enumerate() {
        let (truth, json) = (record.reading.clone(), payload(&record));
        let emission = Emission { record, truth, fault: None, fate: citytwin::telemetry::Fate::Sent };
        journal.add(&emission, &json);
        if n % 50 == 0 {
            journal.commit().expect("room");
        }
    }
    journal.commit().expect("room");
    journal.ledger().write(&ledger_at).expect("room");
    let bytes = |path: &Path| std::fs::read(path).expect("it was written");
    let (journal_bytes, ledger_bytes) = (bytes(&journal_at), bytes(&ledger_at));
    in_a_file("the reader of journals", &[journal_bytes], |path| {
        Journal::read(path).is_ok_and(|(ledger, _)| ledger.emitted() > 0)
    });
    in_a_file("the reader of ledgers", &[ledger_bytes], |path| {
        Ledger::read(path).is_ok_and(|ledger| ledger.emitted() > 0)
    });
}

/// A checkpoint is a file like others: what a bad disk makes of it is refused, or is a state from which work goes on.
#[test]
fn states_that_went_bad_are_refused_or_can_be_worked_from() {
    let (topics, records) = (TopicMap::new("Halvermere"), records());
    let (before, after) = records.split_at(120);
    let mut intake = Intake::new(0, IntakeSettings::default());
    let mut analyst = Analyst::new(AnalystSettings::new(0, None));
    let mut detector = IncidentDetector::new();
    for (offset, record) in (0..).zip(before) {
        drop(intake.take(offset, &topics.topic(record.kind(), &record.device), &payload(record), &topics));
        analyst.observe(record, intake.watermark());
    }
    let minutes: Vec<RoadMinute> = analyst
        .take_rows()
        .into_iter()
        .filter_map(|row| match row {
            Row::Minute(minute) => Some(minute),
            _ => None,
        })
        .collect();
    drop(detector.minute(Timestamp::milliseconds(SEVEN), &minutes));
    smoke("intake's state", &[intake.state()], |bytes| {
        Intake::restore(bytes).is_ok_and(|mut intake| {
            for (offset, record) in (120..).zip(after) {
                drop(intake.take(offset, &topics.topic(record.kind(), &record.device), &payload(record), &topics));
                while intake.decided().is_some() {}
            }
            intake.finish();
            Intake::restore(&intake.state()).is_ok()
        })
    });
    smoke("the analyst's state", &[analyst.state()], |bytes| {
        Analyst::restore(AnalystSettings::new(0, None), bytes).is_ok_and(|mut analyst| {
            for record in after {
                analyst.observe(record, Some(Timestamp::milliseconds(record.time.as_milliseconds() - 60_000)));
            }
            analyst.finish();
            drop(analyst.take_rows());
            Analyst::restore(AnalystSettings::new(0, None), &analyst.state()).is_ok()
        })
    });
    smoke("the detector's state", &[detector.state()], |bytes| {
        IncidentDetector::restore(bytes).is_ok_and(|mut detector| {
            drop(detector.minute(Timestamp::milliseconds(SEVEN + 60_000), &minutes));
            drop(detector.minute(Timestamp::milliseconds(SEVEN + 120_000), &[]));
            IncidentDetector::restore(&detector.state()).is_ok()
        })
    });
}
