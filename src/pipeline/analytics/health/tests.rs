//! Faults that are found, and health that is left alone.

use super::*;
use crate::pipeline::analytics::tests::{TOWN, record};
use crate::primitives::random::{KeyedRng, Purpose, Seed};
use crate::telemetry::error::air::{AirState, AirStation};
use crate::telemetry::error::detector::{LoopDetector, Passages};
use crate::telemetry::error::noise::exponential;
use crate::telemetry::error::{Dice, between};
use crate::telemetry::reading::{self, Air, Fix, LoopCount, Parking, Position, Signal};

const SECOND: i64 = 1000;
const HOUR_S: i64 = 3600;

/// What is told of records: kind, device, and when [s].
fn told(mut records: Vec<Record>, roads: Option<&RoadIndex>) -> Vec<(EventKind, String, i64)> {
    records.sort_by(|a, b| (a.time, &a.device, a.sequence).cmp(&(b.time, &b.device, b.sequence)));
    let (mut health, mut news, mut minute) = (Health::default(), Vec::new(), 0);
    for record in &records {
        while minute + 60 * SECOND <= record.time.as_milliseconds() {
            minute += 60 * SECOND;
            health.minute(minute, |one| news.push(one));
            // Starting anew at any minute changes nothing.
            if minute % (7 * 60 * SECOND) == 0 {
                let bytes = serde_json::to_vec(&health.state()).expect("json");
                let state = serde_json::from_slice(&bytes).expect("a state");
                health = Health::restore(state, roads).expect("a sound state");
                assert_eq!(serde_json::to_vec(&health.state()).expect("json"), bytes);
            }
        }
        health.see(record, roads, |one| news.push(one));
    }
    news.into_iter().map(|one| (one.kind, one.subject.to_string(), one.at / SECOND)).collect()
}

fn rng(owner: u64) -> KeyedRng {
    Seed(3).stream(Purpose::Demand, owner, 9)
}

fn at(device: &str, n: i64, seconds: i64, reading: impl Into<Reading>) -> Record {
    record(device, n.unsigned_abs(), seconds * SECOND, reading)
}

fn loop_count(count: u32, occupancy: f64, speed: Option<f64>) -> LoopCount {
    let road_id = TOWN.0.roads().next().expect("a road").1.name.as_str().into();
    let occupancy = libm::round(occupancy * 10.0) / 10.0;
    LoopCount { road_id, lane: 0, latitude: 0.0, longitude: 0.0, period_s: 60, count, occupancy, speed }
}

/// A loop as the error models make it, every minute for so many hours; `change` may make it worse.
fn one_loop(owner: u64, hours: i64, mut change: impl FnMut(i64, &mut LoopCount)) -> Vec<Record> {
    let dice = |purpose| Dice { seed: Seed(3), purpose, owner };
    let mut detector = LoopDetector::new(0.9, &mut rng(owner), dice(Purpose::DetectorHealth), 0.0);
    let mut records = Vec::new();
    for minute in 0..hours * 60 {
        let mut rng = Seed(3).stream(Purpose::LoopError, owner, minute.unsigned_abs());
        // A quiet hour follows every busy one.
        let mean = if minute / 60 % 2 == 0 { 12 } else { 2 };
        let count = u32::try_from(rng.below(mean)).expect("small");
        let speed = 8.0 + 6.0 * rng.unit();
        let occupancy = f64::from(count) * 6.5 / speed / 60.0;
        let truth = Passages { count, long: 0, beside: count, occupancy, speed: (count > 0).then_some(speed) };
        let said = detector.observe(&truth, 0.0, &mut rng);
        if said.fault == Some(crate::telemetry::Fault::StuckOn) || said.fault == Some(crate::telemetry::Fault::StuckOff)
        {
            return Vec::new();
        }
        let mut reading = loop_count(said.count, said.occupancy * 100.0, said.speed.map(|speed| speed * 3.6));
        change(minute, &mut reading);
        records.push(at(
            &format!("loop-{owner}"),
            minute,
            60 * minute + i64::try_from(owner % 60).expect("small"),
            reading,
        ));
    }
    records
}

/// Bays that beat every ten minutes and tell comings and goings, over a radio that loses one in fifty.
fn one_bay(owner: u64, hours: i64) -> Vec<Record> {
    let (mut rng, mut records) = (rng(owner), Vec::new());
    let mut tell = |seconds: i64, occupied: bool, rng: &mut KeyedRng| {
        if rng.below(50) > 0 {
            let reading = Parking { road_id: "elm".into(), latitude: 1.0, longitude: 2.0, occupied, battery_v: 3.6 };
            records.push(at(&format!("bay-{owner}"), seconds, seconds, reading));
        }
    };
    let (mut change, mut taken) = (0, false);
    for seconds in 0..hours * HOUR_S {
        if seconds == change {
            taken = !taken;
            #[expect(clippy::cast_possible_truncation, reason = "hours")]
            let stay = exponential(3600.0, &mut rng) as i64;
            change = seconds + 1 + stay;
            tell(seconds, taken, &mut rng);
        } else if seconds % 600 == i64::try_from(owner).expect("small") {
            tell(seconds, taken, &mut rng);
        }
    }
    records
}

fn healthy(hours: i64) -> Vec<Record> {
    let mut records: Vec<Record> = (0..60).flat_map(|owner| one_loop(owner, hours, |_, _| {})).collect();
    records.extend((100..140).flat_map(|owner| one_bay(owner, hours)));
    for owner in 200..220_i64 {
        // A signal that acts on demand.
        let (mut rng, mut seconds) = (rng(owner.unsigned_abs()), 0);
        while seconds < hours * HOUR_S {
            let state = if seconds % 2 == 0 { "Gr" } else { "rG" }.into();
            let reading = Signal { junction_id: "j".into(), latitude: 1.0, longitude: 2.0, phase: 0, state };
            records.push(at(&format!("tls-{owner}"), seconds, seconds, reading));
            #[expect(clippy::cast_possible_truncation, reason = "minutes")]
            let green = exponential(40.0, &mut rng) as i64;
            seconds += 5 + green;
        }
    }
    records
}

#[test]
fn nobody_who_is_well_is_called_ill() {
    assert_eq!(told(healthy(6), None), []);
}

#[test]
fn silence_is_noticed_by_habit_and_so_is_the_end_of_it() {
    let mut records = healthy(7);
    let quiet = |record: &Record| match record.device.as_str() {
        "loop-1" | "tls-201" | "bay-101" => 2 * HOUR_S..5 * HOUR_S,
        _ => 0..0,
    };
    records.retain(|record| !quiet(record).contains(&(record.time.as_milliseconds() / SECOND)));
    let told = told(records, None);
    let of = |device: &str| -> Vec<(EventKind, i64)> {
        told.iter().filter(|one| one.1 == device).map(|one| (one.0, one.2)).collect()
    };
    for (device, within) in [("loop-1", 240), ("bay-101", 5000), ("tls-201", 2000)] {
        let [(EventKind::SensorSilent, silent), (EventKind::SensorWell, well)] = of(device)[..] else {
            panic!("{device}: {:?}", of(device))
        };
        assert!((2 * HOUR_S..2 * HOUR_S + within).contains(&silent), "{device} {silent}");
        assert!((5 * HOUR_S..5 * HOUR_S + 1300).contains(&well), "{device} {well}");
    }
    assert_eq!(told.len(), 6);
}

#[test]
fn a_partition_that_is_cut_off_blames_nobody() {
    let mut records = healthy(4);
    records.retain(|record| !(HOUR_S..3 * HOUR_S).contains(&(record.time.as_milliseconds() / SECOND)));
    assert_eq!(told(records, None), []);
}

/// A loop with a fault from the second hour on: when it is found [min after the fault], and as what.
fn check_loop(change: impl Fn(i64, &mut LoopCount), expected: Option<(EventKind, i64)>) {
    let records = one_loop(1, 5, |minute, reading| {
        if (60..240).contains(&minute) {
            change(minute, reading);
        }
    });
    let told = told(records, None);
    let found = told.first().map(|one| (one.0, one.2 / 60 - 60));
    assert_eq!(found, expected);
    // And it is well again in the fifth hour.
    let last = told.last().map(|one| (one.0, (240..250).contains(&(one.2 / 60))));
    assert_eq!(last, expected.map(|_| (EventKind::SensorWell, true)));
}

#[test]
fn loops_that_tell_what_cannot_be_are_found() {
    use EventKind::{SensorImplausible as Implausible, SensorStuck as Stuck};
    check_loop(|_, _| {}, None);
    check_loop(|_, reading| *reading = loop_count(0, 100.0, None), Some((Stuck, 30)));
    check_loop(|_, reading| *reading = loop_count(7, 12.5, Some(31.2)), Some((Stuck, 9)));
    check_loop(|_, reading| reading.count += 60, Some((Implausible, 2)));
    check_loop(
        |minute, reading| *reading = loop_count(20, 0.1, Some(50.0 + f64::from(i32::try_from(minute).expect("small")))),
        Some((Implausible, 2)),
    );
    // A loop that counts one in twenty twice looks healthy, and a queue that stands on it for a quarter of an hour is none.
    check_loop(|minute, reading| reading.count += u32::from(minute % 2 == 0 && reading.count > 9), None);
    check_loop(
        |minute, reading| {
            if minute < 75 {
                *reading = loop_count(0, 100.0, None);
            }
        },
        None,
    );
}

/// A loop that counts nobody is found by the trackers that pass it.
#[test]
fn a_loop_that_hears_nothing_is_found_when_vehicles_pass() {
    let (edge_name, roads) = (TOWN.0.roads().next().expect("a road").1.name.clone(), &*TOWN.1);
    let road = roads.find(&edge_name).expect("indexed");
    let middle = (0..1000).find_map(|k| {
        let (x, y) = (f64::from(k % 40) * 35.0 - 700.0, f64::from(k / 40) * 55.0 - 700.0);
        let (lon, lat) = TOWN.0.projection.to_lon_lat(crate::primitives::Point::new(x, y))?;
        let along = roads.along(road, lon, lat)?;
        (along > 20.0 && along < roads.length(road) - 20.0).then_some((lon, lat, along))
    });
    let (lon, lat, along) = middle.expect("beside the road");
    let run = |counts: u32, passes: u32| {
        let (mut health, mut news) = (Health::default(), Vec::new());
        for minute in 0..20_i64 {
            let reading = LoopCount { latitude: lat, longitude: lon, ..loop_count(counts, 0.0, None) };
            health.see(&at("loop-1", minute, 60 * minute, reading), Some(roads), |one| news.push(one.kind));
            for _ in 0..passes {
                health.passed(road, along - 10.0, along + 10.0);
            }
        }
        news
    };
    assert_eq!(run(0, 8), [EventKind::SensorStuck]);
    assert_eq!((run(0, 0), run(1, 8)), (vec![], vec![]));
}

#[test]
fn trackers_that_contradict_themselves_are_found_and_parked_ones_left_alone() {
    let position = |place: Option<(f64, f64)>, speed: f64, ignition: bool| Position {
        vehicle_id: "v".into(),
        vehicle_class: "passenger".into(),
        ignition,
        fix: if place.is_some() { Fix::ThreeD } else { Fix::None },
        latitude: place.map(|place| place.0),
        longitude: place.map(|place| place.1),
        speed: place.map(|_| speed),
        direction: None,
        hdop: None,
    };
    let run = |of: &dyn Fn(f64) -> Position| {
        let records = (0..300_i32).map(|n| at("gps-1", n.into(), 5 * i64::from(n), of(f64::from(n)))).collect();
        told(records, None).into_iter().map(|one| one.0).collect::<Vec<_>>()
    };
    let drive = |n: f64| Some((55.6 + n * 0.0005, 4.0));
    assert_eq!(run(&|n| position(drive(n), 40.0, true)), []);
    assert_eq!(run(&|_| position(Some((55.6, 4.0)), 0.0, false)), []);
    assert_eq!(run(&|_| position(None, 0.0, false)), []);
    // Reflections push a fix now and then.
    assert_eq!(run(&|n| position(drive(n).map(|p| (p.0, if n % 9.0 < 1.0 { 4.001 } else { p.1 })), 40.0, true)), []);
    assert_eq!(run(&|_| position(Some((55.6, 4.0)), 40.0, true)), [EventKind::SensorStuck]);
    assert_eq!(run(&|n| position(drive(n * 10.0), 40.0, true)), [EventKind::SensorImplausible]);
    assert_eq!(run(&|n| position(drive(n).filter(|_| n < 50.0), 40.0, true)), [EventKind::SensorSilent]);
}

#[test]
fn a_wrong_clock_is_found_and_an_emptied_buffer_is_none() {
    let run = |offset: &dyn Fn(i64) -> i64, others: u64| {
        let (mut health, mut found) = (Health::default(), Vec::new());
        health.see(&at("loop-1", 0, 0, loop_count(1, 1.0, Some(40.0))), None, |_| {});
        for n in 1..40_i64 {
            let watermark = 60 * n * SECOND;
            let record = at("loop-1", n, 60 * n + offset(n), loop_count(1, 1.0, Some(40.0)));
            health.arrive(&record, watermark, others * n.unsigned_abs(), |one| {
                found.push((one.kind, one.at / SECOND / 60));
            });
        }
        found
    };
    let wrong = |minute| vec![(EventKind::SensorClockWrong, minute)];
    assert_eq!(run(&|_| 30, 100), []);
    assert_eq!(run(&|_| -600, 100), wrong(8));
    assert_eq!(run(&|_| 400, 100), wrong(8));
    assert_eq!(run(&|n| if n < 20 { -600 } else { 10 }, 100), [wrong(8), vec![(EventKind::SensorWell, 20)]].concat());
    // A buffer that is emptied, and a partition where nobody else speaks.
    assert_eq!(run(&|n| (n * 55).min(2000) - 2000, 100), []);
    assert_eq!(run(&|_| -600, 3), []);
}

#[test]
fn batteries_that_are_nearly_empty_are_told_once() {
    let bay = |n: i64, battery_v: f64| {
        let reading = Parking { road_id: "elm".into(), latitude: 1.0, longitude: 2.0, occupied: n % 2 == 0, battery_v };
        at("bay-1", n, 600 * n, reading)
    };
    let volts = [3.6, 3.1, 2.99, 3.05, 2.9, 3.6];
    let records = (0..).zip(volts).map(|(n, volts)| bay(n, volts)).collect();
    let kinds: Vec<EventKind> = told(records, None).into_iter().map(|one| one.0).collect();
    assert_eq!(kinds, [EventKind::SensorBatteryLow, EventKind::SensorWell]);
    let device = |n: i64, volts: f64| {
        at("dev-1", n, 60 * n, reading::Health { battery_v: Some(volts), uptime_s: 1, message: None })
    };
    let records = (0..).zip([12.6, 12.7, 11.5, 10.6, 10.5, 12.6]).map(|(n, volts)| device(n, volts)).collect();
    let kinds: Vec<EventKind> = told(records, None).into_iter().map(|one| one.0).collect();
    assert_eq!(kinds, [EventKind::SensorBatteryLow, EventKind::SensorWell]);
}

/// Twelve stations of an ordinary town for five days; one of them begins to read half as much again within a day.
#[test]
fn a_station_that_moves_away_from_the_others_is_found_within_a_day() {
    let run = |gain: f64| {
        let mut records = Vec::new();
        for owner in 0..12_u64 {
            let station = AirStation::new(0.4, Dice { seed: Seed(6), purpose: Purpose::DeviceTraits, owner });
            let street = between(&mut rng(owner), 0.9, 1.3);
            for n in 0..5 * 24 * 12_i64 {
                #[expect(clippy::cast_precision_loss, reason = "small")]
                let hours = n as f64 / 12.0;
                let day = libm::sin(hours * std::f64::consts::TAU / 24.0);
                let mut rng = Seed(6).stream(Purpose::AirError, owner, n.unsigned_abs());
                let truth = AirState {
                    pm2_5: (12.0 + 3.0 * day) * street,
                    pm10: (20.0 + 4.0 * day) * street,
                    no2: (25.0 - 8.0 * day) * street,
                    o3: 60.0 + 25.0 * day,
                    co: 0.3 * street,
                    temperature: 15.0 + 5.0 * day,
                    humidity: 65.0 - 10.0 * day,
                };
                let (seen, _) = station.observe(&truth, &mut rng);
                let aged = if owner == 3 { 1.0 + (gain - 1.0) * ((hours - 48.0) / 24.0).clamp(0.0, 1.0) } else { 1.0 };
                let AirState { pm2_5, pm10, no2, o3, co, temperature, humidity } = seen;
                let (pm2_5, pm10) = (pm2_5 * aged, pm10 * aged);
                let reading = Air { latitude: 1.0, longitude: 2.0, pm2_5, pm10, no2, o3, co, temperature, humidity };
                records.push(at(&format!("air-{owner}"), n, 300 * n + i64::try_from(owner).expect("small"), reading));
            }
        }
        told(records, None)
    };
    assert_eq!(run(1.0), []);
    let found = run(1.5);
    let [(EventKind::SensorDrifted, device, when)] = &found[..] else { panic!("{found:?}") };
    assert!(device == "air-3" && (54 * HOUR_S..78 * HOUR_S).contains(when), "{device} {} h", when / HOUR_S);
}
