//! Tables and records in a real PostgreSQL.

use std::ops::ControlFlow;
use std::time::Duration;

use super::relay::{Relay, Weather};
use super::{FreshPostgres, address_of, fresh_name, postgres_url, through};
use crate::pipeline::stores::conformance::{at, bay, beat};
use crate::pipeline::stores::live::Area;
use crate::pipeline::stores::postgres::{Postgres, PostgresSettings};
use crate::pipeline::stores::records::tests::{drive, line, series_suite};
use crate::pipeline::stores::records::{Asked, PostgresRecords, Records};
use crate::pipeline::stores::tables::{PostgresTables, Tables};
use crate::pipeline::stores::{Row, StoreError};
use crate::telemetry::{ReadingKind, Record};

fn put(records: &PostgresRecords, some: &[Record]) {
    records.put(0, 0, &some.iter().collect::<Vec<_>>()).expect("can be written");
}

fn lines(records: &PostgresRecords, kind: ReadingKind) -> Vec<String> {
    let mut lines = Vec::new();
    let mut take = |record: Record| {
        lines.push(line(&record));
        ControlFlow::Continue(())
    };
    records.scan(&Asked::all(kind), &mut take).expect("can be read");
    lines.sort();
    lines
}

/// One number the server gives to a question.
fn number(sql: &str) -> i64 {
    let mut client = postgres::Client::connect(&postgres_url(), postgres::NoTls).expect("it is there");
    client.query_one(sql, &[]).expect("SQL").get(0)
}

#[test]
fn keys_of_any_text_are_kept_in_the_order_of_their_bytes_page_after_page() {
    let fresh = FreshPostgres::new();
    let tables = PostgresTables::new(&fresh.server);
    let odd = ["a\0b", "a\u{1}", "a", "é", "'; DROP SCHEMA x; --", "a\u{10ffff}", "\u{10ffff}\u{10ffff}", "%", "\\"];
    let row = |key: &str| Row { table: "odd".into(), key: key.into(), json: r#"{"a":"\u0000"}"#.into() };
    tables.put(&odd.map(row)).expect("can be written");
    let many: Vec<Row> = (0..2_500)
        .map(|n| Row { table: "many".into(), key: format!("k{n:05}"), json: format!("{n}").into() })
        .collect();
    for part in many.chunks(1000) {
        tables.put(part).expect("can be written");
    }
    let keys = |table: &str, prefix: &str, after: Option<&str>| {
        let mut keys = Vec::new();
        let mut each = |key: &str, _: &[u8]| {
            keys.push(key.to_owned());
            ControlFlow::Continue(())
        };
        match after {
            None => tables.scan(table, prefix, &mut each),
            Some(after) => tables.scan_after(table, prefix, after, &mut each),
        }
        .expect("can be read");
        keys
    };
    let mut sorted = odd.map(String::from).to_vec();
    sorted.sort();
    assert_eq!(keys("odd", "", None), sorted);
    assert_eq!(keys("odd", "a", None), ["a", "a\0b", "a\u{1}", "a\u{10ffff}"]);
    assert_eq!(keys("odd", "a", Some("a\0b")), ["a\u{1}", "a\u{10ffff}"]);
    assert_eq!(keys("odd", "\u{10ffff}", None).len(), 1);
    assert_eq!(tables.get("odd", "a\0b").expect("can be read").as_deref(), Some(&br#"{"a":"\u0000"}"#[..]));
    assert_eq!(keys("many", "", None).len(), 2_500);
    assert_eq!(keys("many", "k01", None).len(), 1_000);
    assert_eq!(keys("many", "k", Some("k02497")), ["k02498", "k02499"]);
    let refused = tables.put(&[Row { table: "odd".into(), key: "x".into(), json: b"{".to_vec() }]);
    assert!(matches!(refused, Err(StoreError::Refused { .. })), "{refused:?}");
    assert_eq!(tables.names().expect("can be read"), ["many", "odd"]);
}

#[test]
fn hostile_dates_make_no_partitions_and_no_record_is_lost() {
    let fresh = FreshPostgres::new();
    let records = PostgresRecords::new(&fresh.server);
    let far = |n: u64| bay("bay-liar", 0, n, 86_400 * i64::try_from(n * 37).expect("small"), (1.0, 1.0));
    let mut all: Vec<Record> = (0..600).map(far).collect();
    all.extend((0..700).map(|n| bay("bay-honest", 0, n, 1, (1.0, 1.0))));
    put(&records, &all);
    // A day whose records lie with the others already gets none either.
    let later: Vec<Record> = (0..50).map(|n| bay("bay-later", 0, n, 86_400 * 37, (1.0, 1.0))).collect();
    put(&records, &later);
    all.extend(later);
    let mut expected: Vec<String> = all.iter().map(line).collect();
    expected.sort();
    assert_eq!(lines(&records, ReadingKind::Parking), expected);
    assert_eq!(number(&format!("SELECT count(*) FROM {}.days", fresh.settings.schema)), 1);
}

#[test]
fn days_that_were_given_up_take_no_more_records_and_leave_their_figures() {
    let fresh = FreshPostgres::new();
    let records = PostgresRecords::new(&fresh.server);
    let day = |n: i64| -> Vec<Record> {
        let shifted = drive("gps-a", 0, 300).into_iter();
        shifted
            .map(|mut record| {
                record.sequence += u64::try_from(n).expect("small") * 1000;
                record.time = at(n * 86_400 + (record.time.as_milliseconds() - at(0).as_milliseconds()) / 1000);
                record
            })
            .collect()
    };
    let all: Vec<Record> = (0..4).flat_map(day).collect();
    for n in 0..4 {
        put(&records, &day(n));
    }
    assert_eq!(number(&format!("SELECT count(*) FROM {}.days", fresh.settings.schema)), 4);
    assert_eq!(records.keep_hot(at(2 * 86_400 + 5)).expect("can be given up"), 600);
    assert_eq!(records.keep_hot(at(0)).expect("can be given up"), 0, "it does not go back");
    assert_eq!(records.count(ReadingKind::Position).expect("can be counted"), 600);
    // Late ones of a lost day cannot be told from those that were there; they are counted.
    put(&records, &day(1)[..10]);
    assert_eq!(records.left_out().expect("can be read"), 10);
    assert_eq!(records.count(ReadingKind::Position).expect("can be counted"), 600);
    let other = PostgresRecords::new(&Postgres::new(&fresh.settings).expect("a URL"));
    put(&other, &day(0));
    assert_eq!(other.count(ReadingKind::Position).expect("can be counted"), 600, "another process knows as well");
    let asked = crate::pipeline::stores::records::SeriesAsked {
        records: Asked::all(ReadingKind::Position),
        column: String::from("speed"),
        width: crate::primitives::SimDuration::seconds(3600.0),
    };
    let counted: u64 = records.series(&asked).expect("can be read").iter().map(|point| point.count).sum();
    let said = all.iter().filter(|record| !(record.sequence % 1000).is_multiple_of(7)).count();
    assert_eq!(counted, said as u64);
}

#[test]
fn places_are_found_without_postgis_as_well() {
    let settings = PostgresSettings { places: false, ..PostgresSettings::new(&postgres_url(), &fresh_name()) };
    let plain = FreshPostgres::with(settings);
    let rich = FreshPostgres::new();
    assert!(plain.server.check().expect("it answers").contains("without an index"));
    assert!(rich.server.check().expect("it answers").contains("PostGIS"));
    let all = drive("gps-a", 0, 500);
    for fresh in [plain, rich] {
        let records = PostgresRecords::new(&fresh.server);
        put(&records, &all);
        let mut count = 0;
        let area = Area::Circle { latitude: 51.5, longitude: -0.09, radius: 100.0 };
        let mut each = |_: Record| {
            count += 1;
            ControlFlow::Continue(())
        };
        records.within(&Asked::all(ReadingKind::Position), &area, &mut each).expect("can be read");
        assert_eq!(count, 29);
        series_suite_of(&records, &all);
    }
}

fn series_suite_of(records: &PostgresRecords, all: &[Record]) {
    let mut enough = all.to_vec();
    enough.extend(drive("gps-b", 0, 500));
    put(records, &enough[all.len()..]);
    series_suite(records, &enough);
}

#[test]
fn many_creators_and_writers_at_once_agree() {
    let fresh = FreshPostgres::new();
    let parts: Vec<Vec<Record>> = (0..4).map(|n| drive(&format!("gps-{n}"), 0, 400)).collect();
    std::thread::scope(|scope| {
        for part in &parts {
            let settings = &fresh.settings;
            scope.spawn(move || {
                let records = PostgresRecords::new(&Postgres::new(settings).expect("a URL"));
                for some in part.chunks(50) {
                    put(&records, some);
                    put(&records, some);
                }
            });
        }
    });
    let records = PostgresRecords::new(&fresh.server);
    assert_eq!(records.count(ReadingKind::Position).expect("can be counted"), 1600);
    series_suite(&records, &parts.concat());
    assert_eq!(records.claim("morning").expect("can be noted"), "morning");
    assert_eq!(records.claim("evening").expect("can be read"), "morning");
}

#[test]
fn a_server_that_goes_away_and_comes_back_is_met_again() {
    let direct = FreshPostgres::new();
    direct.server.check().expect("it answers");
    let relay = Relay::to(address_of(&postgres_url()));
    let url = through(&postgres_url(), relay.port());
    let settings = PostgresSettings { url, patience: Duration::from_secs(2), ..direct.settings.clone() };
    let server = Postgres::new(&settings).expect("a URL");
    let (records, tables) = (PostgresRecords::new(&server), PostgresTables::new(&server));
    let (one, other) = (beat("dev-1", 0, 0), beat("dev-1", 1, 1));
    records.put(0, 0, &[&one]).expect("fair weather");
    for weather in [Weather::Cut, Weather::Stalled] {
        relay.set(weather);
        let error = records.put(0, 0, &[&one, &other]).expect_err("nobody answers");
        assert!(error.is_passing() && error.to_string().contains("127.0.0.1"), "{error}");
        let error = tables.get("a", "b").expect_err("nobody answers");
        assert!(error.is_passing(), "{error}");
        relay.set(Weather::Fair);
        // What was stalled may have come through by now, or comes through beside this: it is once there all the same.
        records.put(0, 0, &[&one, &other]).expect("fair weather again");
        assert_eq!(lines(&records, ReadingKind::Health), [line(&one), line(&other)]);
    }
}

#[test]
fn what_waiting_does_not_mend_is_refused_in_the_servers_words() {
    let url = postgres_url();
    let refused = |url: &str, schema: &str, what: &str| {
        let server = Postgres::new(&PostgresSettings::new(url, schema)).expect("a URL");
        let error = PostgresRecords::new(&server).put(0, 0, &[&beat("dev-1", 0, 0)]).expect_err(what);
        assert!(matches!(error, StoreError::Refused { .. }), "{error}");
        let words = format!("{error} {error:?} {server:?}");
        assert!(words.contains(what) && !words.contains("s3cret") && !words.contains('\n'), "{words}");
    };
    let schema = fresh_name();
    refused(&url.replace("citytwin@", "locked:s3cret@"), &schema, "check user and password");
    refused(&url.replace("citytwin@", "locked@"), &schema, "password");
    let nowhere = url.rsplit_once('/').map(|(front, _)| format!("{front}/nowhere")).expect("a database");
    refused(&nowhere, &schema, "create the database");
    refused(&format!("{url}?sslmode=verify-full"), &schema, "TLS");
    let fresh = FreshPostgres::new();
    fresh.server.check().expect("it answers");
    let mut client = postgres::Client::connect(&url, postgres::NoTls).expect("it is there");
    let meta = format!("{}.meta", fresh.settings.schema);
    client.execute(&format!("UPDATE {meta} SET value = '9' WHERE name = 'format'"), &[]).expect("SQL");
    refused(&url, &fresh.settings.schema, "format 9");
    for bad in ["not a url", "postgres:///nohost", "http://x/y"] {
        let error = Postgres::new(&PostgresSettings::new(bad, "x")).expect_err(bad);
        assert!(matches!(error, StoreError::Refused { .. }), "{error}");
    }
    for bad in ["", "pg_catalog", "a\0b"] {
        Postgres::new(&PostgresSettings::new(&url, bad)).expect_err(bad);
    }
}

#[test]
fn the_name_of_a_schema_is_data() {
    let settings = PostgresSettings::new(&postgres_url(), &format!("{} \"; DROP SCHEMA public; --'", fresh_name()));
    let fresh = FreshPostgres::with(settings);
    let records = PostgresRecords::new(&fresh.server);
    put(&records, &drive("gps-a", 0, 10));
    let again = PostgresRecords::new(&Postgres::new(&fresh.settings).expect("a URL"));
    put(&again, &drive("gps-a", 0, 20));
    assert_eq!(again.count(ReadingKind::Position).expect("can be counted"), 20);
    assert_eq!(number("SELECT count(*) FROM pg_namespace WHERE nspname = 'public'"), 1);
}

#[test]
fn a_server_that_takes_no_writes_is_waited_for_and_says_what_to_do() {
    let read_only = format!("{}?options=-c%20default_transaction_read_only%3Don", postgres_url());
    let fresh = FreshPostgres::new();
    fresh.server.check().expect("it answers");
    for schema in [fresh_name(), fresh.settings.schema.clone()] {
        let server = Postgres::new(&PostgresSettings::new(&read_only, &schema)).expect("a URL");
        let refused = server.probe().expect_err("it takes no writes");
        assert!(matches!(refused, StoreError::NotNow { .. }), "{refused:?}");
        let refused = PostgresRecords::new(&server).put(0, 0, &[&beat("dev-1", 0, 0)]).expect_err("nor here");
        assert!(refused.is_passing() && refused.to_string().contains("25006"), "{refused}");
    }
}

/// Waits until a server has no task under way.
fn until_idle(server: &Postgres) {
    let ended = (0..9_000).any(|_| {
        std::thread::park_timeout(Duration::from_millis(10));
        server.under_way() == 0
    });
    assert!(ended, "a task does not end");
}

#[test]
fn a_write_that_was_given_up_and_comes_late_changes_nothing_that_was_written_after_it() {
    let fresh = FreshPostgres::new();
    let newer = PostgresTables::new(&fresh.server);
    let row = |n: u32| Row { table: "a".into(), key: "b".into(), json: format!("{n}").into() };
    let body = || newer.get("a", "b").expect("can be read").map(|json| String::from_utf8_lossy(&json).into_owned());
    let relay = Relay::to(address_of(&postgres_url()));
    let url = through(&postgres_url(), relay.port());
    let settings = PostgresSettings { url, patience: Duration::from_secs(5), ..fresh.settings.clone() };
    let slow = Postgres::new(&settings).expect("a URL");
    let older = PostgresTables::new(&slow);
    older.put(&[row(1)]).expect("fair weather");
    // It hangs on its way; whoever comes after it, such as the process started again, is not written over.
    relay.set(Weather::Stalled);
    assert!(older.put(&[row(2)]).expect_err("nobody answers").is_passing());
    newer.put(&[row(3)]).expect("another way");
    relay.set(Weather::Fair);
    until_idle(&slow);
    assert_eq!(body().as_deref(), Some("3"));
    // It hangs on a lock at the server: the same process waits for it before it writes anew.
    let mut client = postgres::Client::connect(&postgres_url(), postgres::NoTls).expect("it is there");
    let mut held = client.transaction().expect("it answers");
    held.execute(&format!("SELECT 1 FROM {}.results FOR UPDATE", fresh.settings.schema), &[]).expect("SQL");
    assert!(older.put(&[row(4)]).expect_err("the row is locked").is_passing());
    std::thread::scope(|scope| {
        let again = scope.spawn(|| {
            // Each takes as long as the server is waited for, at most.
            let tries: Vec<_> = (0..10).map(|_| older.put(&[row(5)])).take_while(Result::is_err).collect();
            assert!(tries.len() < 10, "{tries:?}");
        });
        held.rollback().expect("it answers");
        again.join().expect("it comes through");
    });
    until_idle(&slow);
    assert_eq!(body().as_deref(), Some("5"));
}
