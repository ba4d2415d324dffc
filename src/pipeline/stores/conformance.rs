//! What every implementation of a store promises, whatever it is made of: one suite a trait, run for each.
//!
//! A server's implementation joins by a line in the test of its trait.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::batch::{Quarantined, Row};
use super::checkpoints::{BookCheckpoints, Checkpoint, Checkpoints, MemoryCheckpoints};
use super::database::Book;
use super::error::StoreError;
use super::history::{Folder, History, MemoryHistory, Piece, Span};
use super::live::{Area, BookLive, LiveSettings, LiveStore, MemoryLive};
use super::quarantine::{BookQuarantine, MemoryQuarantine, PAYLOAD_MAX, QuarantineSettings, QuarantineStore};
use super::retention::Gone;
use super::sorted::Sorted;
use super::tables::{BookTables, MemoryTables, Tables, export};
use crate::primitives::{SimDuration, Timestamp};
use crate::telemetry::reading::{Health, Parking};
use crate::telemetry::tests::any_record;
use crate::telemetry::{DeviceId, Reading, ReadingKind, Record};

/// An instant this many seconds into the day of the tests.
pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::milliseconds(1_780_358_400_000 + seconds * 1000)
}

/// What a parking bay says, at a place.
pub(super) fn bay(name: &str, epoch: u32, sequence: u64, seconds: i64, place: (f64, f64)) -> Record {
    let reading = Parking {
        road_id: "high street".into(),
        latitude: place.0,
        longitude: place.1,
        occupied: sequence.is_multiple_of(2),
        battery_v: 3.6,
    };
    let device = name.parse().expect("a device id");
    Record { device, epoch, sequence, time: at(seconds), reading: Reading::Parking(reading) }
}

/// A heartbeat.
pub(super) fn beat(name: &str, sequence: u64, seconds: i64) -> Record {
    let reading = Health { battery_v: None, uptime_s: 7, message: None };
    let device = name.parse().expect("a device id");
    Record { device, epoch: 0, sequence, time: at(seconds), reading: Reading::Health(reading) }
}

fn id(name: &str) -> DeviceId {
    name.parse().expect("a device id")
}

/// Runs a suite for an embedded store in a fresh folder.
fn embedded<T>(open: impl FnOnce(Arc<Book>) -> Result<T, StoreError>, suite: impl FnOnce(&T)) {
    let folder = tempfile::tempdir().expect("a folder");
    let book = Book::open(folder.path()).expect("a fresh folder");
    suite(&open(Arc::new(book)).expect("a fresh database"));
}

fn scanned(live: &dyn LiveStore, kind: ReadingKind, area: Area) -> Vec<String> {
    let mut names = Vec::new();
    live.scan(kind, &area, &mut |record| {
        names.push(format!("{}#{}", record.device, record.sequence));
        ControlFlow::Continue(())
    })
    .expect("can be read");
    names
}

fn live_suite(live: &dyn LiveStore) {
    let parking = |area| scanned(live, ReadingKind::Parking, area);
    let here = (51.5, -0.1);
    let put = |records: &[Record], clock| live.put(&records.iter().collect::<Vec<_>>(), clock).expect("can be written");
    put(&[bay("a", 0, 5, 50, here), bay("b", 0, 1, 10, (51.6, -0.1)), beat("a", 6, 60)], Some(at(60)));
    // Older words and the same word again change nothing, a new epoch does though its sequence is lower.
    put(&[bay("a", 0, 4, 70, here), bay("a", 0, 5, 99, here)], Some(at(40)));
    assert_eq!(live.clock().expect("can be read"), Some(at(60)), "the clock does not go back");
    assert_eq!(live.get(ReadingKind::Parking, &id("a")).expect("can be read"), Some(bay("a", 0, 5, 50, here)));
    put(&[bay("a", 1, 0, 55, here)], None);
    assert_eq!(live.get(ReadingKind::Parking, &id("a")).expect("can be read"), Some(bay("a", 1, 0, 55, here)));
    // A heartbeat is another word than a reading of the same device.
    assert_eq!(live.get(ReadingKind::Health, &id("a")).expect("can be read"), Some(beat("a", 6, 60)));
    assert_eq!(live.get(ReadingKind::Parking, &id("c")).expect("can be read"), None);
    assert_eq!(parking(Area::Everywhere), ["a#0", "b#1"]);
    assert_eq!(parking(Area::Circle { latitude: 51.5, longitude: -0.1, radius: 5_000.0 }), ["a#0"]);
    assert_eq!(parking(Area::Box { south: 51.55, west: -1.0, north: 52.0, east: 1.0 }), ["b#1"]);
    assert_eq!(scanned(live, ReadingKind::Health, Area::Everywhere), ["a#6"]);
    let nowhere = Area::Box { south: -90.0, west: -180.0, north: 90.0, east: 180.0 };
    assert_eq!(scanned(live, ReadingKind::Health, nowhere), [""; 0], "a heartbeat has no place");
    // Five words fit; of six the oldest goes. Above four of five the alarm is on.
    assert!(!live.status().expect("can be read").alarm);
    put(&[bay("c", 0, 0, 65, here), bay("d", 0, 0, 66, here)], None);
    let status = live.status().expect("can be read");
    assert_eq!((status.words, status.alarm, status.evicted), (5, true, 0));
    put(&[bay("e", 0, 0, 67, here)], None);
    assert_eq!(parking(Area::Everywhere), ["a#0", "c#0", "d#0", "e#0"], "b was the oldest");
    assert_eq!(live.status().expect("can be read").evicted, 1);
    // A hundred seconds after they spoke, bays are dead, by the store's clock alone.
    put(&[], Some(at(165)));
    assert_eq!(live.get(ReadingKind::Parking, &id("c")).expect("can be read"), None);
    assert_eq!(parking(Area::Everywhere), ["d#0", "e#0"]);
    put(&[bay("f", 0, 0, 20, here)], None);
    assert_eq!(live.get(ReadingKind::Parking, &id("f")).expect("can be read"), None, "dead on arrival");
    let status = live.status().expect("can be read");
    assert_eq!((status.words, status.evicted, status.expired), (2, 1, 4));
}

pub(super) fn tables_suite(tables: &dyn Tables) {
    let row = |table: &str, key: &str, json: &str| Row { table: table.into(), key: key.into(), json: json.into() };
    tables
        .put(&[
            row("roads", "b", r#"{"z":1,"a":"x,y"}"#),
            row("roads", "a1", r#"{"z":2}"#),
            row("air", "a", r#"{"n":null}"#),
        ])
        .expect("can be written");
    tables
        .put(&[row("roads", "a2", r#"{"q":[1]}"#), row("roads", "b", r#"{"z":3,"a":"x,y"}"#)])
        .expect("can be written");
    assert_eq!(tables.names().expect("can be read"), ["air", "roads"]);
    assert_eq!(tables.get("roads", "a1").expect("can be read").as_deref(), Some(&br#"{"z":2}"#[..]));
    assert_eq!(tables.get("air", "a1").expect("can be read"), None);
    let keys = |prefix: &str, most: usize| {
        let mut keys = Vec::new();
        tables
            .scan("roads", prefix, &mut |key, _| {
                keys.push(key.to_owned());
                if keys.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })
            .expect("can be read");
        keys
    };
    assert_eq!(keys("", 9), ["a1", "a2", "b"]);
    assert_eq!(keys("a", 9), ["a1", "a2"]);
    assert_eq!(keys("", 1), ["a1"]);
    assert_eq!(keys("zz", 9), [""; 0]);
    let behind = |prefix: &str, after: &str| {
        let mut keys = Vec::new();
        tables
            .scan_after("roads", prefix, after, &mut |key, _| {
                keys.push(key.to_owned());
                ControlFlow::Continue(())
            })
            .expect("can be read");
        keys
    };
    assert_eq!(behind("", "a1"), ["a2", "b"]);
    assert_eq!(behind("a", "a1"), ["a2"]);
    assert_eq!(behind("a", "a11"), ["a2"], "what lies behind need not be there itself");
    assert_eq!(behind("b", "a1"), ["b"]);
    assert_eq!(behind("a", "b"), [""; 0]);
    let mut csv = Vec::new();
    assert_eq!(export(tables, "roads", &mut csv).expect("objects"), 3);
    assert_eq!(String::from_utf8(csv).expect("text"), "key,z,q,a\na1,2,,\na2,,[1],\nb,3,,\"x,y\"\n");
    tables.put(&[row("bad", "a", "[1]")]).expect("can be written");
    let refused = export(tables, "bad", &mut Vec::new()).expect_err("no object").to_string();
    assert!(refused.contains("table `bad`") && refused.contains("row `a`"), "{refused}");
    // What is written to last is a row as any other.
    tables.put_lasting(&[row("roads", "c", "{}"), row("roads", "a2", "{}")]).expect("can be written");
    assert_eq!(tables.get("roads", "a2").expect("can be read").as_deref(), Some(&b"{}"[..]));
    let gone = ["a1", "nobody", "c", "a1"].map(String::from);
    assert_eq!(tables.remove("roads", &gone).expect("can be taken away"), 2);
    assert_eq!(tables.remove("roads", &gone).expect("can be taken away"), 0);
    assert_eq!(tables.remove("roads", &[]).expect("can be taken away"), 0);
    assert_eq!(keys("", 9), ["a2", "b"]);
    assert_eq!(tables.get("air", "a").expect("can be read").as_deref(), Some(&br#"{"n":null}"#[..]));
}

fn rubbish(offset: u64, bytes: usize) -> Quarantined {
    Quarantined {
        partition: 3,
        offset,
        topic: format!("gps_data/gps-{}", offset % 2),
        payload: vec![0xff; bytes],
        reason: String::from("not_a_record"),
        sentence: String::from("not a record: expected value"),
    }
}

pub(super) fn quarantine_suite(quarantine: &dyn QuarantineStore) {
    let put = |from, messages: &[Quarantined]| quarantine.put(3, from, messages).expect("can be written");
    let scanned = || {
        let mut all = Vec::new();
        quarantine
            .scan(&mut |kept| {
                all.push(kept);
                ControlFlow::Continue(())
            })
            .expect("can be read");
        all
    };
    put(0, &[rubbish(1, 10), rubbish(4, PAYLOAD_MAX + 1)]);
    put(0, &[rubbish(1, 10), rubbish(4, PAYLOAD_MAX + 1)]);
    let all = scanned();
    assert_eq!(all.len(), 2, "the same messages again are the same messages");
    assert_eq!((all[0].offset, all[0].payload.as_slice(), all[0].is_whole()), (1, &[0xff; 10][..], true));
    assert_eq!(all[0].device, Some(id("gps-1")));
    assert_eq!((all[1].payload.len(), all[1].length, all[1].is_whole()), (PAYLOAD_MAX, PAYLOAD_MAX as u64 + 1, false));
    // The third payload finds no room; its length and hash do. The fifth message is only counted.
    put(5, &[rubbish(5, 100), rubbish(6, 8), rubbish(7, 8), rubbish(8, 8), rubbish(9, 8)]);
    let all = scanned();
    assert_eq!(
        all.iter().map(|kept| (kept.offset, kept.payload.len())).collect::<Vec<_>>(),
        [(1, 10), (4, PAYLOAD_MAX), (5, 0), (6, 8)]
    );
    assert_eq!((all[2].length, all[2].is_whole()), (100, false));
    let totals = quarantine.totals().expect("can be read");
    assert_eq!((totals.kept, totals.bytes, totals.messages()), (4, PAYLOAD_MAX as u64 + 18, 7));
    assert_eq!(totals.counted.get(&("gps-1".into(), "not_a_record".into())), Some(&2));
    // Replayed in other batches: the same messages, counted once.
    put(5, &[rubbish(5, 100), rubbish(6, 8), rubbish(7, 8)]);
    put(8, &[rubbish(8, 8), rubbish(9, 8)]);
    assert_eq!(quarantine.totals().expect("can be read"), totals);
    // And split where nothing was over: the counts move to where their messages are now.
    put(5, &[rubbish(5, 100)]);
    put(6, &[rubbish(6, 8), rubbish(7, 8)]);
    assert_eq!(quarantine.totals().expect("can be read"), totals);
    assert_eq!(scanned(), all);
    // By age: of other partitions nothing goes; room is free again; what went is counted as long as there are stores.
    assert_eq!(quarantine.forget(2, 100).expect("can be taken away"), 0);
    assert_eq!(quarantine.forget(3, 5).expect("can be taken away"), 2);
    let totals = quarantine.totals().expect("can be read");
    assert_eq!((totals.kept, totals.bytes, totals.messages(), totals.gone), (2, 8, 5, 2));
    assert_eq!(quarantine.forget(3, 9).expect("can be taken away"), 5);
    put(10, &[rubbish(10, 20)]);
    let totals = quarantine.totals().expect("can be read");
    assert_eq!((totals.kept, totals.bytes, totals.messages(), totals.gone), (1, 20, 1, 7));
    assert_eq!(scanned().iter().map(|kept| (kept.offset, kept.payload.len())).collect::<Vec<_>>(), [(10, 20)]);
}

pub(super) fn checkpoints_suite(checkpoints: &dyn Checkpoints) {
    let piece = |name: &str, rows| Piece::named(name, rows).expect("a name");
    let (a, b) = (piece("air/date=2026-06-02/0-0-9.parquet", 4), piece("air/date=2026-06-02/1-0-3.parquet", 2));
    let step = |partition, from, next_offset, state: &[u8], pieces: &[Piece]| {
        checkpoints.commit(&Checkpoint { partition, from, next_offset, state, pieces })
    };
    assert_eq!(checkpoints.resume(0).expect("can be read"), None);
    step(0, 0, 9, b"nine", std::slice::from_ref(&a)).expect("in order");
    step(1, 0, 3, b"three", std::slice::from_ref(&b)).expect("in order");
    step(0, 9, 9, b"rows only", &[]).expect("in order");
    let resume = checkpoints.resume(0).expect("can be read").expect("kept");
    assert_eq!((resume.next_offset, resume.state.as_slice()), (9, &b"rows only"[..]));
    let before = checkpoints.pieces().expect("can be read");
    for (from, to) in [(0, 9), (10, 12)] {
        let refused =
            step(0, from, to, b"x", &[piece("air/date=2026-06-02/9-9-9.parquet", 1)]).expect_err("out of order");
        assert!(matches!(refused, StoreError::OutOfOrder { next: 9, .. }), "{refused}");
    }
    assert!(matches!(step(0, 9, 8, b"", &[]), Err(StoreError::BadBatch { .. })));
    assert_eq!(checkpoints.pieces().expect("can be read"), before);
    let all = piece("air/date=2026-06-02/all-6-ff.parquet", 6);
    checkpoints.replace(&[a, b], &all).expect("can be written");
    assert!(checkpoints.pieces().expect("can be read").iter().eq([&all]));
    assert_eq!(checkpoints.gone().expect("can be read"), Gone::default());
    let old = piece("air/date=2026-06-01/0-9-12.parquet", 3);
    step(0, 9, 12, b"more", std::slice::from_ref(&old)).expect("in order");
    let both = [old, piece("air/date=2026-06-01/nobody.parquet", 7)];
    checkpoints.forget(&both, at(86_400)).expect("can be written");
    checkpoints.forget(&[], at(0)).expect("can be written");
    let gone = Gone { before: Some(at(86_400)), records: [(ReadingKind::Air, 3)].into() };
    assert_eq!(checkpoints.gone().expect("can be read"), gone, "what was not listed did not go, and it goes on only");
    assert_eq!(checkpoints.pieces().expect("can be read").into_iter().collect::<Vec<_>>(), [all]);
    assert_eq!(checkpoints.identity("seed 1").expect("can be written"), "seed 1");
    assert_eq!(checkpoints.identity("seed 2").expect("can be read"), "seed 1");
}

/// One record of every kind for each of many throws of dice.
pub(super) fn all_sorts(count: u64) -> Vec<Record> {
    let throw =
        |n: u64, k: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(k.wrapping_mul(0xbf58_476d_1ce4_e5b9));
    let dice = |n| (0..16).map(|k| throw(n, k) >> 1).collect::<Vec<_>>();
    (0..count).flat_map(|n| ReadingKind::ALL.iter().map(move |&kind| any_record(kind, &dice(n)))).collect()
}

fn read_all(history: &dyn History, pieces: &[Piece]) -> Vec<Record> {
    let mut rows = Vec::new();
    for piece in pieces {
        let done = history.read(piece, &mut |record| {
            rows.push(record);
            ControlFlow::Continue(())
        });
        assert_eq!(done.expect("can be read"), ControlFlow::Continue(()));
    }
    rows
}

pub(super) fn history_suite(history: &dyn History) {
    // More rows than are read at once, and numbers that break when somebody rounds them.
    let mut records = all_sorts(1500);
    for (n, odd) in [-0.0, f64::MIN_POSITIVE, 0.1 + 0.2, 51.500_000_000_000_01].into_iter().enumerate() {
        records.push(bay("odd", 0, n as u64, 0, (odd, 0.0)));
    }
    let (early, late) = records.split_at(7000);
    let stage = |partition, records: &[Record]| {
        let span = Span { partition, from: 0, to: records.len() as u64 };
        history.stage(span, Sorted::new(records).rows()).expect("can be written")
    };
    let (first, second) = (stage(0, early), stage(1, late));
    assert_eq!(first.iter().map(|piece| piece.rows).sum::<u64>(), 7000);
    for (pieces, records) in [(&first, early), (&second, late)] {
        let sorted = Sorted::new(records);
        let mut expected: Vec<String> = sorted.rows().iter().map(|record| format!("{record:?}")).collect();
        let mut read: Vec<String> = read_all(history, pieces).iter().map(|record| format!("{record:?}")).collect();
        expected.sort();
        read.sort();
        assert_eq!(read, expected);
    }
    // Whoever breaks off is not called again.
    let mut calls = 0;
    let done = history.read(&first[0], &mut |_| {
        calls += 1;
        ControlFlow::Break(())
    });
    assert_eq!((done.expect("can be read"), calls), (ControlFlow::Break(()), 1));
    // Merging keeps every row, doubled ones too, and sorts them; equal rows give an equal piece.
    let pair =
        |kind| -> Vec<Piece> { first.iter().chain(&second).filter(|piece| piece.kind == kind).cloned().collect() };
    let (pieces, rows) = (pair(ReadingKind::Call), read_all(history, &pair(ReadingKind::Call)));
    let twice: Vec<Piece> = pieces.iter().chain(&pieces[..1]).cloned().collect();
    let mut by_day = pieces.clone();
    by_day.retain(|piece| piece.folder() == pieces[0].folder());
    let merged = history.merge(&by_day).expect("can be merged");
    assert_eq!(merged.rows, read_all(history, &by_day).len() as u64);
    assert!(read_all(history, std::slice::from_ref(&merged)).is_sorted_by_key(|row| (
        row.device.clone(),
        row.epoch,
        row.sequence
    )));
    by_day.reverse();
    assert_eq!(history.merge(&by_day).expect("can be merged"), merged, "the order of pieces does not matter");
    assert_ne!(history.merge(&twice).expect("can be merged").rows, rows.len() as u64, "doubled rows stay");
    // What is not listed goes, and what is listed must be there.
    let listed = [merged.clone()].into();
    assert!(history.keep_only(&listed).expect("can be removed") > 10);
    assert_eq!(read_all(history, std::slice::from_ref(&merged)).len() as u64, merged.rows);
    assert!(history.read(&first[0], &mut |_| ControlFlow::Continue(())).is_err());
    history.remove(std::slice::from_ref(&merged)).expect("can be removed");
    assert!(matches!(history.keep_only(&listed), Err(StoreError::Damaged { .. })));
}

#[test]
fn the_live_state_is_each_devices_last_word_for_as_long_as_it_lives() {
    let second = SimDuration::seconds(1.0);
    let life = SimDuration::milliseconds(second.as_milliseconds() * 100);
    let settings = LiveSettings { place_life: life, other_life: life, capacity: 5 };
    live_suite(&MemoryLive::new(settings));
    embedded(|book| BookLive::open(book, settings), |live| live_suite(live));
    #[cfg(feature = "server-tests")]
    live_suite(&super::tests::FreshRedis::new(settings).live);
}

#[test]
fn a_row_written_twice_is_one_row_and_tables_are_read_in_order_of_their_keys() {
    tables_suite(&MemoryTables::default());
    embedded(BookTables::open, |tables| tables_suite(tables));
    #[cfg(feature = "server-tests")]
    {
        let fresh = super::tests::FreshPostgres::new();
        tables_suite(&super::tables::PostgresTables::new(&fresh.server));
    }
}

#[test]
fn the_quarantine_forgets_bytes_when_it_is_full_but_no_message() {
    let settings = QuarantineSettings { bytes: PAYLOAD_MAX as u64 + 20, messages: 4 };
    quarantine_suite(&MemoryQuarantine::new(settings));
    embedded(|book| BookQuarantine::open(book, settings), |quarantine| quarantine_suite(quarantine));
}

#[test]
fn a_checkpoint_moves_on_only_from_where_its_partition_stands() {
    checkpoints_suite(&MemoryCheckpoints::default());
    embedded(BookCheckpoints::open, |checkpoints| checkpoints_suite(checkpoints));
}

#[test]
fn history_gives_back_every_record_to_the_last_bit() {
    history_suite(&MemoryHistory::default());
    let folder = tempfile::tempdir().expect("a folder");
    history_suite(&Folder::open(folder.path()).expect("a fresh folder"));
}
