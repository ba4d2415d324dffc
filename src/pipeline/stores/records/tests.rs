//! What everybody who answers about records promises, run for each: the history, embedded and in memory, and PostgreSQL.

use std::cell::Cell;
use std::ops::ControlFlow;

use super::{Asked, EachRecord, Point, Records, SeriesAsked};
use crate::pipeline::stores::batch::{Batch, Keeper as _};
use crate::pipeline::stores::conformance::{all_sorts, at, bay};
use crate::pipeline::stores::live::{Area, place_of};
use crate::pipeline::stores::{StoreError, Stores};
use crate::primitives::{SimDuration, Timestamp};
use crate::telemetry::reading::{Parking, Position};
use crate::telemetry::{Reading, ReadingKind, Record, Value, json};

pub(in crate::pipeline::stores) fn line(record: &Record) -> String {
    let mut bytes = Vec::new();
    json::encode(record, &mut bytes);
    String::from_utf8(bytes).expect("JSON")
}

type Ask<'a> = &'a dyn Fn(&mut EachRecord<'_>) -> Result<(), StoreError>;

/// What is found, as sorted lines.
fn found(ask: Ask<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    ask(&mut |record| {
        lines.push(line(&record));
        ControlFlow::Continue(())
    })
    .expect("can be read");
    lines.sort();
    lines
}

/// A vehicle that drives east, a position every ten seconds.
pub(in crate::pipeline::stores) fn drive(device: &str, from: u64, count: u64) -> Vec<Record> {
    let position = |sequence: u64| {
        #[expect(clippy::cast_precision_loss, reason = "small")]
        let far = sequence as f64;
        let reading = Position {
            vehicle_id: "car 7".into(),
            vehicle_class: "passenger".into(),
            ignition: !sequence.is_multiple_of(3),
            fix: crate::telemetry::reading::Fix::ThreeD,
            latitude: Some(51.5),
            longitude: Some(-0.1 + far * 1e-4),
            speed: (!sequence.is_multiple_of(7)).then_some(30.0 + far * 0.1),
            direction: Some(90.0),
            hdop: None,
        };
        let time = at(i64::try_from(sequence).expect("small") * 10);
        let device = device.parse().expect("a device id");
        Record { device, epoch: 0, sequence, time, reading: Reading::Position(reading) }
    };
    (from..from + count).map(position).collect()
}

/// Records of every kind, of ordinary days, of no ordinary day, and with texts nobody honest sends.
fn everything() -> Vec<Record> {
    let mut records = all_sorts(40);
    records.extend(drive("gps-a", 0, 700));
    records.extend(drive("gps-b", 100, 50));
    for (n, text) in
        ["", "\0", "a\0\u{1}b", "'; DROP TABLE parking; --", "\"", "\\x41", "\u{10ffff}é"].iter().enumerate()
    {
        let n = n as u64;
        let mut record = bay("bay-odd", u32::MAX, u64::MAX - n, -86_400 * 7, (-0.0, 180.0));
        if let Reading::Parking(Parking { road_id, battery_v, .. }) = &mut record.reading {
            *road_id = (*text).into();
            *battery_v = f64::MIN_POSITIVE;
        }
        records.push(record);
    }
    for (n, ms) in [Timestamp::MIN, Timestamp::milliseconds(-1), Timestamp::MAX].into_iter().enumerate() {
        records.push(Record { time: ms, ..bay("bay-far", 0, n as u64, 0, (90.0, -180.0)) });
    }
    records
}

fn expected(records: &[Record], asked: &Asked, area: &Area) -> Vec<String> {
    let wanted = records.iter().filter(|record| asked.wants(record) && area.holds(place_of(record)));
    let mut lines: Vec<String> = wanted.map(line).collect();
    lines.sort();
    lines
}

/// What is asked of each implementation once it has [`everything`].
fn suite(records: &dyn Records, all: &[Record]) {
    for &kind in ReadingKind::ALL {
        let asked = Asked::all(kind);
        let lines = expected(all, &asked, &Area::Everywhere);
        assert!(lines.len() >= 40);
        assert!(found(&|each| records.scan(&asked, each)) == lines, "{} came back differently", kind.word());
        assert_eq!(records.count(kind).expect("can be counted"), lines.len() as u64);
    }
    let gps = Some("gps-a".parse().expect("an id"));
    let asked = Asked { kind: ReadingKind::Position, times: at(100)..at(900), device: gps };
    let lines = expected(all, &asked, &Area::Everywhere);
    assert_eq!(lines.len(), 80);
    assert_eq!(found(&|each| records.scan(&asked, each)), lines);
    let nobody = Asked { device: Some("gps-nobody".parse().expect("an id")), ..asked.clone() };
    assert_eq!(found(&|each| records.scan(&nobody, each)), [""; 0]);
    let seen = Cell::new(0);
    let stop = |_| {
        seen.set(seen.get() + 1);
        if seen.get() < 3 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let mut stop = stop;
    records.scan(&Asked::all(ReadingKind::Position), &mut stop).expect("can be read");
    assert_eq!(seen.get(), 3, "it breaks off when it is told to");
    areas(records, all);
}

fn areas(records: &dyn Records, all: &[Record]) {
    let mut hits = 0;
    for area in [
        Area::Everywhere,
        Area::Circle { latitude: 51.5, longitude: -0.095, radius: 200.0 },
        Area::Circle { latitude: 0.0, longitude: -180.0, radius: 10_000.0 },
        Area::Circle { latitude: 90.0, longitude: 0.0, radius: 1_000.0 },
        Area::Circle { latitude: 10.0, longitude: 20.0, radius: 5_000_000.0 },
        Area::Box { south: 51.4, west: -0.09, north: 51.6, east: -0.08 },
        Area::Box { south: -10.0, west: 170.0, north: 10.0, east: -170.0 },
        Area::Box { south: 1.0, west: 0.0, north: -1.0, east: 1.0 },
        Area::Circle { latitude: f64::NAN, longitude: 0.0, radius: 1.0 },
    ] {
        for kind in [ReadingKind::Position, ReadingKind::Parking, ReadingKind::Health] {
            for asked in [Asked::all(kind), Asked { times: at(0)..at(3600), ..Asked::all(kind) }] {
                let lines = expected(all, &asked, &area);
                hits += lines.len();
                assert_eq!(found(&|each| records.within(&asked, &area, each)), lines, "{} {area:?}", kind.word());
            }
        }
    }
    assert!(hits > 1000, "{hits}");
}

/// Points made the plainest way there is.
fn plain_series(all: &[Record], asked: &SeriesAsked) -> Vec<Point> {
    let place = asked.records.kind.columns().iter().position(|column| column.name == asked.column).expect("a column");
    let mut wanted: Vec<(&Record, f64)> = Vec::new();
    for record in all.iter().filter(|record| asked.records.wants(record)) {
        #[expect(clippy::cast_precision_loss, reason = "small")]
        let value = match record.reading.values()[place] {
            Value::Number(number) => number,
            Value::Whole(number) => number as f64,
            Value::Flag(flag) => f64::from(u8::from(flag)),
            _ => continue,
        };
        wanted.push((record, value));
    }
    wanted.sort_by_key(|(record, _)| (record.time, record.device.clone(), record.epoch, record.sequence));
    let bucket = |record: &Record| record.time.floor(asked.width);
    let point = |chunk: &[(&Record, f64)]| {
        #[expect(clippy::cast_precision_loss, reason = "small")]
        let count = chunk.len() as f64;
        Point {
            start: bucket(chunk[0].0),
            count: chunk.len() as u64,
            mean: chunk.iter().map(|(_, value)| value).sum::<f64>() / count,
            min: chunk.iter().map(|(_, value)| *value).fold(f64::INFINITY, f64::min),
            max: chunk.iter().map(|(_, value)| *value).fold(f64::NEG_INFINITY, f64::max),
            last: chunk.last().expect("not empty").1,
        }
    };
    wanted.chunk_by(|a, b| bucket(a.0) == bucket(b.0)).map(point).collect()
}

pub(in crate::pipeline::stores) fn series_suite(records: &dyn Records, all: &[Record]) {
    let mut points = 0;
    let gps = Some("gps-a".parse().expect("an id"));
    for (kind, column) in [
        (ReadingKind::Position, "speed"),
        (ReadingKind::Position, "ignition"),
        (ReadingKind::Position, "hdop"),
        (ReadingKind::Position, "longitude"),
        (ReadingKind::LoopCount, "count"),
        (ReadingKind::Parking, "battery_v"),
    ] {
        for width in [60.0, 300.0, 420.0, 900.0, 3600.0, 86_400.0, 604_800.0] {
            for times in [Timestamp::MIN..Timestamp::MAX, at(0)..at(3600), at(7)..at(4321)] {
                for device in [None, gps.clone()] {
                    let records_asked = Asked { kind, times: times.clone(), device };
                    let width = SimDuration::seconds(width);
                    let asked = SeriesAsked { records: records_asked, column: column.to_owned(), width };
                    let (told, plain) = (records.series(&asked).expect("can be read"), plain_series(all, &asked));
                    points += told.len();
                    let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(1.0);
                    let equal = told.len() == plain.len()
                        && told.iter().zip(&plain).all(|(a, b)| {
                            near(a.mean, b.mean)
                                && (a.start, a.count) == (b.start, b.count)
                                && (a.min, a.max, a.last) == (b.min, b.max, b.last)
                        });
                    assert!(equal, "{asked:?}:\n{told:?}\n{plain:?}");
                }
            }
        }
    }
    assert!(points > 500, "{points}");
    let refused = |column: &str, width: f64, times| {
        let records_asked = Asked { times, ..Asked::all(ReadingKind::Position) };
        let asked =
            SeriesAsked { records: records_asked, column: column.to_owned(), width: SimDuration::seconds(width) };
        records.series(&asked).expect_err(column).to_string()
    };
    let everywhen = Timestamp::MIN..Timestamp::MAX;
    assert!(refused("speed\"; DROP", 60.0, everywhen.clone()).contains("no column"));
    assert!(refused("vehicle_id", 60.0, everywhen.clone()).contains("no column `vehicle_id` of numbers"));
    assert!(refused("speed", 0.0, everywhen).contains("some time"));
}

fn batch(from: u64, records: Vec<Record>) -> Batch {
    Batch { from, to: from + records.len() as u64, records, ..Batch::default() }
}

#[test]
fn the_history_answers_about_records_and_figures() {
    let folder = tempfile::tempdir().expect("a folder");
    for stores in [Stores::in_memory(), Stores::open(folder.path()).expect("a fresh folder")] {
        let all = everything();
        let mut from = 0;
        for part in all.chunks(317) {
            stores.keep(&batch(from, part.to_vec())).expect("can be kept");
            from += part.len() as u64;
        }
        suite(stores.records(), &all);
        series_suite(stores.records(), &all);
        stores.compact().expect("can be merged");
        suite(stores.records(), &all);
    }
}

#[cfg(feature = "server-tests")]
#[test]
fn postgresql_answers_as_the_history_does_and_taking_a_batch_again_changes_nothing() {
    let fresh = crate::pipeline::stores::tests::FreshPostgres::new();
    let records = super::PostgresRecords::new(&fresh.server);
    let all = everything();
    let parts: Vec<Vec<&Record>> = all.chunks(317).map(|part| part.iter().collect()).collect();
    for part in &parts {
        records.put(0, 0, part).expect("can be written");
    }
    suite(&records, &all);
    series_suite(&records, &all);
    // Again in other batches, in another order, and whole.
    for part in parts.iter().rev() {
        records.put(0, 0, &part[part.len() / 2..]).expect("can be written");
    }
    records.put(0, 0, &all.iter().collect::<Vec<_>>()).expect("can be written");
    suite(&records, &all);
    series_suite(&records, &all);
}
