//! Stores in a bucket of a real server.

use std::sync::Arc;

use super::relay::{Relay, Weather};
use super::{address_of, fresh_name, through, variable};
use crate::pipeline::stores::bucket::{Bucket, S3Settings, suites};
use crate::pipeline::stores::crashes::{batch, content, keep_rest, messages};
use crate::pipeline::stores::{Keeper as _, StoreError, StoreSettings, Stores};

/// The test's bucket, and a prefix of its own; `http://KEY:SECRET@HOST:PORT/BUCKET` in the variable.
fn settings() -> S3Settings {
    let url = variable("CITYTWIN_TEST_S3");
    let address = address_of(&url);
    let login = url.split_once("://").and_then(|(_, rest)| rest.split_once('@')).expect("key and secret").0;
    let (key, secret) = login.split_once(':').expect("key and secret");
    S3Settings {
        bucket: url.rsplit('/').next().expect("a bucket").to_owned(),
        prefix: format!("tests/{}", fresh_name()),
        endpoint: Some(format!("http://{address}")),
        region: None,
        login: Some((key.to_owned(), secret.to_owned())),
        session: None,
        path_style: true,
        authorities: None,
    }
}

fn open(settings: &S3Settings) -> Arc<Bucket> {
    Arc::new(Bucket::open(settings).expect("an endpoint"))
}

fn on(settings: &S3Settings) -> Stores {
    Stores::on(&open(settings), StoreSettings::default()).expect("it answers")
}

#[test]
fn a_real_bucket_keeps_what_every_store_promises() {
    suites(|| open(&settings()));
}

#[test]
fn a_large_object_is_sent_part_by_part_and_read_from_anywhere() {
    let (bucket, folder) = (open(&settings()), tempfile::tempdir().expect("a folder"));
    let bytes: Vec<u8> = (0..20_000_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    let path = folder.path().join("large");
    std::fs::write(&path, &bytes).expect("room");
    bucket.put_file("history/large", &path).expect("it answers");
    for (from, to) in [(0, 10), (8_388_600, 8_388_700), (19_999_990, 20_000_000)] {
        let range = from as u64..to as u64;
        let read = bucket.range("history/large", range).expect("it answers").expect("there");
        assert!(read.as_ref() == &bytes[from..to], "{from}..{to}");
    }
    let whole = bucket.get("history/large").expect("it answers").expect("there").bytes;
    assert!(whole == bytes);
    assert!(bucket.get("history/small").expect("it answers").is_none());
}

/// Five processes, two of them on one partition: a real server lets one of two writers win as one in memory does.
#[test]
fn processes_that_race_for_a_real_bucket_keep_each_message_once() {
    let (settings, messages) = (settings(), messages());
    let messages = &messages[..60].to_vec();
    std::thread::scope(|scope| {
        for (process, partition) in [(0, 0), (1, 0), (2, 1), (3, 2), (4, 3)] {
            let settings = settings.clone();
            scope.spawn(move || {
                let stores = on(&settings);
                let mut from = 0;
                while from < messages.len() {
                    let to = (from + 9 + process).min(messages.len());
                    let mut batch = batch(messages, from, to);
                    batch.partition = partition;
                    batch.quarantined.iter_mut().for_each(|message| message.partition = partition);
                    match stores.keep(&batch) {
                        Ok(()) => from = to,
                        Err(StoreError::OutOfOrder { next, .. }) => from = usize::try_from(next).expect("small"),
                        Err(error) => assert!(error.is_passing(), "{error}"),
                    }
                }
            });
        }
    });
    let stores = on(&settings);
    let records = messages.iter().filter(|message| message.is_ok()).count();
    let lines = content(&stores);
    assert_eq!(lines.iter().filter(|line| line.starts_with("history")).count(), 4 * records);
    assert_eq!(stores.quarantine().totals().expect("it answers").kept, 4 * (messages.len() - records) as u64);
    stores.compact().expect("can be merged");
    let merged = content(&stores).iter().filter(|line| line.starts_with("history")).count();
    assert_eq!(merged, 4 * records);
}

#[test]
fn a_batch_waits_for_a_bucket_that_is_away_and_is_kept_once() {
    let (direct, messages) = (settings(), messages());
    let endpoint = direct.endpoint.clone().expect("named");
    let relay = Relay::to(address_of(&endpoint));
    let stores = on(&S3Settings { endpoint: Some(through(&endpoint, relay.port())), ..direct.clone() });
    for (from, to) in [(0, 40), (40, 80), (80, 120)] {
        relay.set(Weather::Cut);
        let error = stores.keep(&batch(&messages, from, to)).expect_err("it is away");
        assert!(error.is_passing(), "{error}");
        relay.set(Weather::Fair);
        stores.keep(&batch(&messages, from, to)).expect("it is there again");
    }
    keep_rest(&stores, &messages, 60).expect("it is there");
    let quiet = Stores::in_memory();
    keep_rest(&quiet, &messages, 60).expect("memory is always there");
    assert!(content(&stores) == content(&quiet));
}

#[test]
fn a_bucket_that_is_not_ours_is_refused_with_what_to_do() {
    let known = settings();
    let told = |settings: S3Settings| {
        let error = open(&settings).probe().expect_err("it is not ours");
        assert!(matches!(error, StoreError::Refused { .. }), "{error}");
        let said = format!("{error} {error:?}");
        assert!(!said.contains("swordfish"), "{said}");
        said
    };
    let missing = told(S3Settings { bucket: String::from("nobody-made-this-one"), ..known.clone() });
    assert!(missing.contains("make the bucket"), "{missing}");
    let (key, _) = known.login.clone().expect("a key");
    // Moto lets everybody in.
    if key != "moto" {
        let wrong = told(S3Settings { login: Some((key, String::from("swordfish"))), ..known.clone() });
        assert!(wrong.contains("key and secret"), "{wrong}");
        let nobody = told(S3Settings { login: Some((String::from("nobody"), String::from("swordfish"))), ..known });
        assert!(nobody.contains("key and secret"), "{nobody}");
    }
}
