//! Live state in a real Redis.

use std::ops::ControlFlow;
use std::time::Duration;

use super::relay::{Relay, Weather};
use super::{FreshRedis, address_of, redis_url, through};
use crate::pipeline::stores::StoreError;
use crate::pipeline::stores::conformance::{all_sorts, at, bay, beat};
use crate::pipeline::stores::live::{Area, LiveSettings, LiveStore, MemoryLive, RedisLive, RedisSettings};
use crate::telemetry::{ReadingKind, Record, json};

fn lines(live: &dyn LiveStore, kind: ReadingKind, area: &Area) -> Vec<String> {
    let mut lines = Vec::new();
    live.scan(kind, area, &mut |record| {
        let mut bytes = Vec::new();
        json::encode(&record, &mut bytes);
        lines.push(String::from_utf8(bytes).expect("JSON"));
        ControlFlow::Continue(())
    })
    .expect("can be read");
    lines
}

fn put(live: &dyn LiveStore, records: &[Record]) {
    live.put(&records.iter().collect::<Vec<_>>(), None).expect("can be written");
}

#[test]
fn every_kind_of_record_comes_back_to_the_last_bit() {
    let fresh = FreshRedis::new(LiveSettings::default());
    let memory = MemoryLive::new(LiveSettings::default());
    let records = all_sorts(300);
    put(&fresh.live, &records);
    put(&memory, &records);
    for &kind in ReadingKind::ALL {
        let found = lines(&fresh.live, kind, &Area::Everywhere);
        assert!(found.len() > 200);
        assert_eq!(found, lines(&memory, kind, &Area::Everywhere));
    }
    let (status, expected) = (fresh.live.status().expect("can be read"), memory.status().expect("can be read"));
    assert_eq!(status, expected);
}

#[test]
fn areas_hold_the_same_as_in_memory_also_at_the_poles_and_the_180th_meridian() {
    let fresh = FreshRedis::new(LiveSettings::default());
    let memory = MemoryLive::new(LiveSettings::default());
    let mut places = Vec::new();
    for latitude in [-90.0, -89.9, -85.06, -85.0, -40.0, -0.001, 0.0, 0.02, 51.5, 51.503, 84.9, 85.04, 85.06, 90.0] {
        for longitude in [-180.0, -179.999, -120.0, -0.13, -0.1, 0.0, 90.0, 179.999, 180.0] {
            places.push((latitude, longitude));
        }
    }
    let records: Vec<Record> =
        places.iter().enumerate().map(|(n, place)| bay(&format!("bay-{n:03}"), 0, 1, 0, *place)).collect();
    put(&fresh.live, &records);
    put(&memory, &records);
    let mut seen = 0;
    for &(latitude, longitude) in &places {
        for reach in [0.000_1, 1.0, 30.0] {
            let areas = [
                Area::Circle { latitude, longitude, radius: reach * 111_195.0 },
                Area::Box {
                    south: latitude - reach,
                    west: longitude - reach,
                    north: latitude,
                    east: longitude + reach,
                },
                Area::Box { south: -1.0, west: 180.0 - reach, north: 1.0, east: reach - 180.0 },
            ];
            for area in areas {
                let expected = lines(&memory, ReadingKind::Parking, &area);
                seen += expected.len();
                assert_eq!(lines(&fresh.live, ReadingKind::Parking, &area), expected, "{area:?}");
            }
        }
    }
    assert!(seen > 1000, "{seen}");
    // Who moves from the pole to the city, and loses sight of the sky, is found where it is.
    let moved: Vec<Record> = records.iter().map(|old| bay(old.device.as_str(), 0, 2, 1, (51.5, -0.1))).collect();
    put(&fresh.live, &moved);
    let city = Area::Circle { latitude: 51.5, longitude: -0.1, radius: 100.0 };
    assert_eq!(lines(&fresh.live, ReadingKind::Parking, &city).len(), places.len());
    let pole = Area::Box { south: 80.0, west: -180.0, north: 90.0, east: 180.0 };
    assert_eq!(lines(&fresh.live, ReadingKind::Parking, &pole).len(), 0);
}

#[test]
fn more_than_one_call_takes_away_goes_all_the_same() {
    let fresh = FreshRedis::new(LiveSettings { capacity: 10, ..LiveSettings::default() });
    let records: Vec<Record> = (0..12_000).map(|n| beat(&format!("dev-{n:05}"), 0, n)).collect();
    put(&fresh.live, &records);
    let status = fresh.live.status().expect("can be read");
    assert_eq!((status.words, status.evicted, status.alarm), (10, 11_990, true));
    // An unheard-of clock kills the rest; many at once in several calls.
    fresh.live.put(&[], Some(at(400_000_000))).expect("can be written");
    let status = fresh.live.status().expect("can be read");
    assert_eq!((status.words, status.expired, status.alarm), (0, 10, false));
}

#[test]
fn several_writers_end_with_the_newest_words() {
    let fresh = FreshRedis::new(LiveSettings::default());
    std::thread::scope(|scope| {
        for writer in 0..4_u64 {
            let live = &fresh.live;
            scope.spawn(move || {
                for round in 0..20 {
                    let sequence = round * 4 + writer;
                    let records: Vec<Record> =
                        (0..50).map(|n| bay(&format!("bay-{n}"), 0, sequence, 0, (1.0, 1.0))).collect();
                    put(live, &records);
                }
            });
        }
    });
    let mut sequences = Vec::new();
    let newest = |record: Record| {
        sequences.push(record.sequence);
        ControlFlow::Continue(())
    };
    let mut newest = newest;
    fresh.live.scan(ReadingKind::Parking, &Area::Everywhere, &mut newest).expect("can be read");
    assert_eq!(sequences, [79; 50]);
}

#[test]
fn a_server_that_forgot_the_script_is_told_it_again() {
    let fresh = FreshRedis::new(LiveSettings::default());
    put(&fresh.live, &[beat("dev-1", 0, 0)]);
    let client = redis::Client::open(redis_url()).expect("a URL");
    let mut other = client.get_connection().expect("it is there");
    redis::cmd("SCRIPT").arg("FLUSH").exec(&mut other).expect("allowed");
    put(&fresh.live, &[beat("dev-1", 1, 1)]);
    assert_eq!(lines(&fresh.live, ReadingKind::Health, &Area::Everywhere).len(), 1);
    // Every key dies by itself one day.
    let keys: Vec<String> =
        redis::cmd("KEYS").arg(format!("{{{}}}*", fresh.place.prefix)).query(&mut other).expect("keys");
    assert_eq!(keys.len(), 3, "{keys:?}");
    for key in keys {
        let left: i64 = redis::cmd("TTL").arg(&key).query(&mut other).expect("a key");
        assert!((29 * 86_400..=30 * 86_400).contains(&left), "{key}: {left} s");
    }
}

#[test]
fn a_server_that_goes_away_and_comes_back_is_met_again() {
    let relay = Relay::to(address_of(&redis_url()));
    let direct = FreshRedis::new(LiveSettings::default());
    let url = through(&redis_url(), relay.port());
    let patience = Duration::from_millis(300);
    let place = RedisSettings { url, patience, ..direct.place.clone() };
    let live = RedisLive::new(&place, LiveSettings::default()).expect("a URL");
    let words = [beat("dev-1", 0, 0)];
    let words: Vec<&Record> = words.iter().collect();
    for weather in [Weather::Cut, Weather::Stalled] {
        live.put(&words, None).expect("fair weather");
        relay.set(weather);
        for _ in 0..3 {
            let error = live.put(&words, Some(at(60))).expect_err("nobody answers");
            assert!(error.is_passing() && error.to_string().contains("live state"), "{error}");
            assert!(live.status().expect_err("nobody answers").is_passing());
        }
        relay.set(Weather::Fair);
        live.put(&words, None).expect("fair weather again");
        assert_eq!(lines(&live, ReadingKind::Health, &Area::Everywhere).len(), 1);
    }
}

#[test]
fn what_waiting_does_not_mend_is_refused_in_the_servers_words() {
    let refused = |place: &RedisSettings, what: &str| {
        let live = RedisLive::new(place, LiveSettings::default()).expect("a URL");
        let error = live.put(&[&beat("dev-1", 0, 0)], None).expect_err(what);
        assert!(matches!(error, StoreError::Refused { .. }), "{error}");
        assert!(error.to_string().contains(what) && !error.to_string().contains("s3cret"), "{error}");
        assert!(!error.to_string().contains('\n'), "{error}");
    };
    let fresh = FreshRedis::new(LiveSettings::default());
    let with = |user: &str| redis_url().replace("redis://", &format!("redis://{user}@"));
    refused(&RedisSettings { url: with("me:s3cret"), ..fresh.place.clone() }, "check user and password");
    let beyond = redis_url().rsplit_once('/').map(|(front, _)| format!("{front}/9999")).expect("a database");
    refused(&RedisSettings { url: beyond, ..fresh.place.clone() }, "DB index is out of range");
    let client = redis::Client::open(redis_url()).expect("a URL");
    let mut other = client.get_connection().expect("it is there");
    let words = format!("{{{}}}:live:words:health", fresh.place.prefix);
    redis::cmd("SET").arg(&words).arg("somebody's").exec(&mut other).expect("allowed");
    refused(&fresh.place, "choose another prefix");
    redis::cmd("DEL").arg(&words).exec(&mut other).expect("allowed");
    let meter = format!("{{{}}}:live:meter", fresh.place.prefix);
    redis::cmd("HSET").arg(&meter).arg("format").arg("9").exec(&mut other).expect("allowed");
    refused(&fresh.place, "format 9");
    assert!(fresh.live.check().expect_err("another format").to_string().contains("format 9"));
    redis::cmd("DEL").arg(&meter).exec(&mut other).expect("allowed");
    assert!(fresh.live.check().expect("all is well").contains('.'));
}

/// A Redis of one test, because what it is told concerns everybody who uses it; it ends with its value.
struct OwnRedis {
    process: std::process::Child,
    folder: tempfile::TempDir,
}

impl OwnRedis {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("socket");
        let process = std::process::Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--dir"])
            .arg(folder.path())
            .arg("--unixsocket")
            .arg(&socket)
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("redis-server is installed, as for `cargo xtask services up`");
        let own = Self { process, folder };
        let comes_up = (0..3_000).any(|_| {
            std::thread::park_timeout(Duration::from_millis(10));
            own.live().check().is_ok()
        });
        assert!(comes_up, "it does not come up");
        own
    }

    fn url(&self) -> String {
        format!("redis+unix://{}", self.folder.path().join("socket").display())
    }

    fn live(&self) -> RedisLive {
        RedisLive::new(&RedisSettings::new(&self.url(), "tiny"), LiveSettings::default()).expect("a URL")
    }

    fn tell(&self, words: &[&str]) {
        let client = redis::Client::open(self.url()).expect("a URL");
        let mut connection = client.get_connection().expect("it is there");
        redis::cmd(words[0]).arg(&words[1..]).exec(&mut connection).expect("it does so");
    }
}

impl Drop for OwnRedis {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[test]
fn a_server_that_takes_nothing_at_present_is_waited_for_and_says_what_to_do() {
    let own = OwnRedis::start();
    let live = own.live();
    let records: Vec<Record> = (0..10).map(|n| beat("dev-1", n, 7)).collect();
    live.put(&[&records[0]], Some(at(7))).expect("it takes writes");
    live.probe().expect("it takes writes");
    for (n, (refuse, take, advice)) in [
        (["CONFIG", "SET", "maxmemory", "1"], ["CONFIG", "SET", "maxmemory", "0"], "give it more memory"),
        (["REPLICAOF", "127.0.0.1", "1", ""], ["REPLICAOF", "NO", "ONE", ""], "name the first server"),
    ]
    .into_iter()
    .enumerate()
    {
        let words = |words: [&'static str; 4]| words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>();
        own.tell(&words(refuse));
        let next = &records[n + 1];
        for error in [live.put(&[next], Some(at(7))).expect_err("a put"), live.probe().expect_err("a probe")] {
            assert!(error.is_passing() && matches!(error, StoreError::NotNow { .. }), "{error:?}");
            assert!(error.to_string().contains(advice), "{error}");
        }
        assert_eq!(live.get(records[0].kind(), &records[0].device).expect("can be read").as_ref(), Some(&records[n]));
        own.tell(&words(take));
        live.put(&[next], Some(at(7))).expect("it takes writes again");
        assert_eq!(live.get(next.kind(), &next.device).expect("can be read").as_ref(), Some(next));
    }
}
