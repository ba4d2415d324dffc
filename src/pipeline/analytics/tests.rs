//! Windows say what the records say, whatever their order, and whenever the analyst starts anew.

mod naive;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use proptest::prelude::*;

use super::Level::{Free, Heavy, Moderate, Stopped};
use super::*;
use crate::city::network::Network;
use crate::city::network::invented::{CitySize, generate};
use crate::primitives::random::{KeyedRng, Purpose, Seed};
use crate::primitives::{Distance, Point, Timestamp};
use crate::telemetry::reading::{
    Air, Call, CallStatus, CameraCount, Fix, Incident, IncidentStatus, LoopCount, Parking, Position, Severity,
};
use crate::telemetry::{DeviceId, Reading, ReadingKind, Record};

/// Seven in the morning of a day [ms].
pub(super) const SEVEN: i64 = 1_780_383_600_000;
pub(super) const FIVE: i64 = 300_000;
/// How late a record may come and be in time [ms].
const BOUND: i64 = 30_000;

pub(super) static TOWN: LazyLock<(Network, Arc<RoadIndex>, (f64, f64))> = LazyLock::new(|| {
    let network = generate(Seed(1), CitySize { radius: Distance::metres(700.0) }).map.build().expect("a sound town");
    let index = Arc::new(RoadIndex::new(&network));
    let middle = network.projection.to_lon_lat(Point::new(0.0, 0.0)).expect("it is on earth");
    (network, index, middle)
});

type Table = BTreeMap<(&'static str, String), Row>;

pub(super) fn settings() -> AnalystSettings {
    let shape = Shape::Circle { latitude: TOWN.2.1, longitude: TOWN.2.0, radius: 100.0 };
    let kinds = vec![ReadingKind::Position];
    let area = Geofence { name: "middle".into(), shape, kinds, classes: Vec::new() };
    AnalystSettings { geofences: Arc::from([area]), ..AnalystSettings::new(2, Some(Arc::clone(&TOWN.1))) }
}

pub(super) fn record(device: &str, sequence: u64, ms: i64, reading: impl Into<Reading>) -> Record {
    let device: DeviceId = device.parse().expect("a device");
    Record { device, epoch: 0, sequence, time: Timestamp::milliseconds(ms), reading: reading.into() }
}

/// A number with one digit after the point, as sensors tell.
fn tenths(rng: &mut KeyedRng, below: u32) -> f64 {
    f64::from(u32::try_from(rng.below(below as usize)).expect("small")) / 10.0
}

fn position(vehicle: &str, rng: &mut KeyedRng, place: Option<Point>) -> Position {
    let lon_lat = place.and_then(|place| TOWN.0.projection.to_lon_lat(place));
    Position {
        vehicle_id: vehicle.into(),
        vehicle_class: "passenger".into(),
        ignition: true,
        fix: if lon_lat.is_some() { Fix::ThreeD } else { Fix::None },
        latitude: lon_lat.map(|p| p.1),
        longitude: lon_lat.map(|p| p.0),
        speed: lon_lat.map(|_| tenths(rng, 600)),
        direction: (rng.below(5) > 0 && lon_lat.is_some()).then(|| rng.unit() * 360.0),
        hdop: None,
    }
}

fn loop_count(road: &str, lane: u32, rng: &mut KeyedRng) -> LoopCount {
    let count = u32::try_from(rng.below(30)).expect("small");
    let speed = (count > 0).then(|| 20.0 + tenths(rng, 300));
    let occupancy = tenths(rng, 400);
    LoopCount { road_id: road.into(), lane, latitude: 0.0, longitude: 0.0, period_s: 60, count, occupancy, speed }
}

fn camera_count(road: &str, rng: &mut KeyedRng) -> CameraCount {
    let mut some = || u32::try_from(rng.below(9)).expect("small");
    let (cars, vans, trucks, buses, motorcycles, others) = (some() + 1, some(), some(), some(), some(), some());
    let speed = Some(15.0 + tenths(rng, 300));
    let road_id = road.into();
    CameraCount {
        road_id,
        latitude: 0.0,
        longitude: 0.0,
        period_s: 60,
        cars,
        vans,
        trucks,
        buses,
        motorcycles,
        others,
        speed,
    }
}

fn bay(road: &str, occupied: bool) -> Parking {
    Parking { road_id: road.into(), latitude: 0.0, longitude: 0.0, occupied, battery_v: 3.6 }
}

fn call(status: CallStatus, unit: Option<&str>, hospital: Option<&str>) -> Call {
    let (unit_id, hospital_id) = (unit.map(Into::into), hospital.map(Into::into));
    let severity = if status < CallStatus::AtScene { Severity::High } else { Severity::Critical };
    Call {
        call_id: "c-1".into(),
        status,
        severity,
        latitude: 1.0,
        longitude: 2.0,
        incident_id: None,
        unit_id,
        hospital_id,
    }
}

/// Twenty minutes of a small town, in the order of time.
pub(super) fn town(seed: u64) -> Vec<Record> {
    let rng = &mut Seed(seed).stream(Purpose::Demand, 1, 0);
    let roads: Vec<String> = TOWN.0.roads().map(|(_, edge)| edge.name.clone()).take(3).collect();
    let mut records = Vec::new();
    let mut places = [Point::new(0.0, 0.0); 6];
    for step in 0_u32..240 {
        let (sequence, ms) = (u64::from(step), SEVEN + i64::from(step) * 5000);
        for (vehicle, place) in places.iter_mut().enumerate() {
            *place = Point::new(place.x + rng.unit() * 60.0 - 30.0, place.y + rng.unit() * 60.0 - 30.0);
            let place = (rng.below(20) > 0).then_some(*place);
            let name = format!("car{vehicle}");
            records.push(record(&format!("gps-{name}"), sequence, ms, position(&name, rng, place)));
        }
        if step % 12 == 0 {
            let minute = sequence / 12;
            for (k, road) in roads.iter().enumerate() {
                records.push(record(&format!("loop-{k}"), minute, ms, loop_count(road, 0, rng)));
                records.push(record(&format!("loop-{k}b"), minute, ms, loop_count(road, 1, rng)));
                records.push(record(&format!("cam-{k}"), minute, ms, camera_count(road, rng)));
            }
            let air = [tenths(rng, 200), tenths(rng, 300), tenths(rng, 400), 50.0, 0.3];
            let (temperature, humidity) = (20.0, 50.0);
            let [pm2_5, pm10, no2, o3, co] = air;
            let air = Air { latitude: 0.0, longitude: 0.0, pm2_5, pm10, no2, o3, co, temperature, humidity };
            records.push(record("air-1", minute, ms, air));
        }
        let bay_number = rng.below(8);
        let told = bay(&roads[bay_number % 2], rng.below(2) == 0);
        records.push(record(&format!("bay-{bay_number}"), sequence, ms + 1, told));
    }
    let chain = CallStatus::ALL.iter().zip(0_u32..).map(|(&status, k)| {
        let unit = (k > 2).then_some("amb-1");
        let unit = if k > 5 { Some("amb-2") } else { unit };
        record("call-c-1", u64::from(k), SEVEN + i64::from(k) * 60_000, call(status, unit, (k > 6).then_some("h-1")))
    });
    records.extend(chain);
    records.sort_by_key(|record| record.time);
    records
}

/// The rows as a store has them in the end: later ones in the places of earlier ones.
fn keep(table: &mut Table, rows: Vec<Row>) {
    for row in rows {
        let read: Row = serde_json::from_str(&row.json()).expect("a row is read back");
        assert_eq!(read, row);
        table.insert((row.table(), row.key()), row);
    }
}

/// Feeds records in this order, with the watermark of the latest before each.
fn observe(analyst: &mut Analyst, latest: &mut i64, records: &[Record]) {
    for record in records {
        *latest = (*latest).max(record.time.as_milliseconds());
        analyst.observe(record, Some(Timestamp::milliseconds(*latest - BOUND)));
    }
}

fn rows_of(records: &[Record]) -> (Table, AnalystCounts) {
    let (mut analyst, mut latest, mut table) = (Analyst::new(settings()), i64::MIN, Table::new());
    for batch in records.chunks(97) {
        observe(&mut analyst, &mut latest, batch);
        keep(&mut table, analyst.take_rows());
    }
    analyst.finish();
    keep(&mut table, analyst.take_rows());
    (table, analyst.counts())
}

/// Puts records out of order by less than the bound.
fn disordered(records: &[Record], dice: &[u64]) -> Vec<Record> {
    let mut order: Vec<(i64, usize)> = records
        .iter()
        .enumerate()
        .map(|(i, record)| {
            let die = dice[i % dice.len()].wrapping_mul(2 * i as u64 + 1) >> 17;
            (record.time.as_milliseconds() + i64::try_from(die % 29_999).expect("small"), i)
        })
        .collect();
    order.sort_unstable();
    order.iter().map(|&(_, i)| records[i].clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn rows_do_not_depend_on_the_order_of_arrival(seed: u64, dice in prop::collection::vec(any::<u64>(), 31)) {
        let records = town(seed);
        let (clean, _) = rows_of(&records);
        let (other, counts) = rows_of(&disordered(&records, &dice));
        prop_assert_eq!(counts.late, 0);
        // What is told at once is numbered as it came; all else is the same to the number of its events.
        let settled = |table: &Table| {
            let rows = table.values().filter(|row| !matches!(row, Row::Event(event) if event.kind == EventKind::Call));
            let plain = rows.map(|row| match row.clone() {
                Row::Event(event) => Row::Event(Event { number: 0, ..event }),
                row => row,
            });
            plain.collect::<Vec<Row>>()
        };
        prop_assert_eq!(settled(&clean), settled(&other));
    }

    #[test]
    fn starting_anew_anywhere_changes_no_row(seed: u64, dice in prop::collection::vec(any::<u64>(), 31), cuts in prop::collection::vec(any::<prop::sample::Index>(), 1..4)) {
        // Some come too late, so that corrections are under way.
        let mut records = disordered(&town(seed), &dice);
        for k in 0..20 {
            let record = records.remove(k * 11);
            records.insert(records.len() * (k + 5) / 25, record);
        }
        let (clean, counts) = rows_of(&records);
        prop_assert!(counts.late > 0);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(records.len())).collect();
        cuts.extend([0, records.len()]);
        cuts.sort_unstable();
        let (mut analyst, mut latest, mut table) = (Analyst::new(settings()), i64::MIN, Table::new());
        for pair in cuts.windows(2) {
            observe(&mut analyst, &mut latest, &records[pair[0]..pair[1]]);
            keep(&mut table, analyst.take_rows());
            let state = analyst.state();
            analyst = Analyst::restore(settings(), &state).expect("its own state");
            prop_assert_eq!(analyst.state(), state);
        }
        analyst.finish();
        keep(&mut table, analyst.take_rows());
        prop_assert_eq!(table, clean);
    }

    #[test]
    fn windows_say_what_the_records_say(seed: u64) {
        let records = town(seed);
        let (table, _) = rows_of(&records);
        let (windows, naive) = (windows(&table), naive::windows(&records));
        prop_assert_eq!(windows.texts, naive.texts);
        prop_assert!(windows.metres.keys().eq(naive.metres.keys()));
        for (key, metres) in &windows.metres {
            prop_assert!((metres - naive.metres[key]).abs() < 0.02, "{:?}: {metres} m", key);
        }
    }

    #[test]
    fn parts_of_a_road_add_up_in_whatever_order(seed: u64, dice in prop::collection::vec(0_u16..4, 31)) {
        let records = town(seed);
        let whole: Vec<RoadWindow> = roads_of(&rows_of(&records).0);
        // Each device in one partition.
        let of = |record: &Record| dice[record.device.as_str().bytes().map(usize::from).sum::<usize>() % dice.len()];
        let mut parts: Vec<RoadWindow> = Vec::new();
        for partition in 0..4 {
            let mine: Vec<Record> = records.iter().filter(|record| of(record) == partition).cloned().collect();
            parts.extend(roads_of(&rows_of(&mine).0));
        }
        for row in &whole {
            let mut same: Vec<RoadWindow> = parts.iter().filter(|part| (part.start, &part.road) == (row.start, &row.road)).cloned().collect();
            let merged = merge(&same);
            same.reverse();
            prop_assert_eq!(merge(&same), merged.clone());
            prop_assert_eq!(merged, Some(RoadWindow { partition: None, ..row.clone() }));
        }
    }
}

fn roads_of(table: &Table) -> Vec<RoadWindow> {
    table.values().filter_map(|row| if let Row::Road(row) = row { Some(row.clone()) } else { None }).collect()
}

/// What windows come down to: texts to be compared, and the distance of each minute and vehicle [m].
#[derive(Debug, Default)]
struct Plain {
    texts: BTreeSet<String>,
    metres: BTreeMap<(Timestamp, String), f64>,
}

impl Plain {
    fn insert(&mut self, text: String) {
        self.texts.insert(text);
    }
}

fn windows(table: &Table) -> Plain {
    let mut plain = Plain::default();
    for row in table.values() {
        match row {
            Row::Position(row) => {
                plain.metres.insert((row.start, row.device.to_string()), row.distance_m);
                plain.insert(format!(
                    "minute {} {} {} {} {:.4} {:.4} {} {}",
                    row.start,
                    row.device,
                    row.fixes,
                    row.without_fix,
                    row.speed_mean_kmh.unwrap_or(-1.0),
                    row.speed_max_kmh.unwrap_or(-1.0),
                    row.last,
                    row.road.as_deref().unwrap_or("-"),
                ));
            }
            Row::Road(row) => {
                let sums = &row.sums;
                let loops: u64 = sums.loops.iter().map(|lane| lane.count).sum();
                plain.insert(format!(
                    "road {} {} loops {loops} cameras {} fixes {} vehicles {} occupied {:.4}",
                    row.start,
                    row.road,
                    sums.camera_count(),
                    sums.fixes,
                    sums.vehicles,
                    row.occupancy_percent.unwrap_or(-1.0),
                ));
            }
            Row::Air(row) => {
                plain.insert(format!("air {} {} {:.4} {:.4}", row.start, row.readings, row.pm2_5, row.no2));
            }
            Row::Parking(row) => {
                plain.insert(format!("parking {} {} {} {}", row.start, row.road, row.bays, row.taken));
            }
            Row::Minute(_) | Row::Travel(_) | Row::Call(_) | Row::Incident(_) | Row::Event(_) | Row::Progress(_) => {}
        }
    }
    plain
}

/// What a late record corrects, and what comes too late to.
#[test]
fn a_late_record_corrects_its_window_while_it_is_kept() {
    let rng = &mut Seed(1).stream(Purpose::Demand, 2, 0);
    let count = |minute: i64, rng: &mut KeyedRng| {
        let sequence = minute.unsigned_abs();
        record("loop-1", sequence, SEVEN + minute * 60_000, LoopCount { count: 7, ..loop_count("Elm Street", 0, rng) })
    };
    let (mut analyst, mut latest, mut table) = (Analyst::new(settings()), i64::MIN, Table::new());
    let told: Vec<Record> = (1..=30).filter(|&k| k != 18 && k != 2).map(|k| count(k, rng)).collect();
    observe(&mut analyst, &mut latest, &told);
    keep(&mut table, analyst.take_rows());
    let counted = |table: &Table, window: i64| {
        let start = Timestamp::milliseconds(SEVEN + window * FIVE);
        roads_of(table).iter().find(|row| row.start == start).map(|row| row.sums.loops[0].count)
    };
    assert_eq!((counted(&table, 0), counted(&table, 3)), (Some(28), Some(28)));
    observe(&mut analyst, &mut latest, &[count(18, rng), count(2, rng)]);
    let corrected = analyst.take_rows();
    assert_eq!(corrected.iter().filter(|row| matches!(row, Row::Road(_))).count(), 1);
    keep(&mut table, corrected);
    assert_eq!((counted(&table, 0), counted(&table, 3)), (Some(28), Some(35)));
    let counts = analyst.counts();
    assert_eq!((counts.late, counts.roads.corrected, counts.roads.too_late), (2, 1, 1));
    assert_eq!(analyst.take_rows(), []);
}

/// Nobody waits for a watermark to hear of an emergency, and the chain is the same whatever came first.
#[test]
fn an_emergency_is_told_at_once_and_its_chain_does_not_depend_on_the_order() {
    let calls: Vec<Record> = town(1).into_iter().filter(|record| matches!(record.reading, Reading::Call(_))).collect();
    let told = |order: &[usize]| {
        let (mut analyst, mut table) = (Analyst::new(settings()), Table::new());
        for &k in order {
            analyst.observe(&calls[k], None);
            let mut rows = analyst.take_rows();
            assert!(matches!(rows[0], Row::Event(_)), "every new word of a call is told at once: {rows:?}");
            rows.remove(0);
            assert_eq!(rows.len(), 1, "and keeps its chain");
            keep(&mut table, rows);
        }
        analyst.observe(&calls[order[0]], None);
        assert_eq!(analyst.take_rows(), [], "what is known is not told again");
        table
    };
    let forward: Vec<usize> = (0..calls.len()).collect();
    let backward: Vec<usize> = forward.iter().rev().copied().collect();
    let expected = told(&forward);
    let Some(Row::Call(last)) = expected.values().next() else { panic!("one row: {expected:?}") };
    assert_eq!((last.open, last.severity, last.chain.len()), (false, Severity::Critical, 11));
    assert_eq!((last.unit.as_deref(), last.hospital.as_deref()), (Some("amb-2"), Some("h-1")));
    assert_eq!((expected.len(), last.chain[2].at), (1, calls[2].time));
    assert_eq!(told(&backward), expected);
    assert_eq!(told(&[4, 9, 0, 1, 10, 2, 8, 3, 7, 5, 6]), expected);
}

#[test]
fn an_incident_is_open_until_it_is_cleared() {
    let told = |sequence: u64, status, lanes_blocked| {
        let reading = Incident {
            incident_id: "i-1".into(),
            incident_kind: "crash".into(),
            status,
            severity: Severity::High,
            road_id: "Elm Street".into(),
            latitude: 1.0,
            longitude: 2.0,
            lanes_blocked,
            casualties: 1,
        };
        record("inc-i-1", sequence, SEVEN + 60_000 * i64::try_from(sequence).expect("small"), reading)
    };
    let mut analyst = Analyst::new(settings());
    let (mut open, mut events) = (Vec::new(), Vec::new());
    for record in [told(0, IncidentStatus::Reported, 2), told(1, IncidentStatus::Cleared, 0)] {
        analyst.observe(&record, None);
        for row in analyst.take_rows() {
            match row {
                Row::Incident(row) => open.push((row.open, row.lanes_blocked, row.chain.len())),
                Row::Event(event) => events.push((event.number, event.kind, event.status.expect("one").to_string())),
                row => panic!("{row:?}"),
            }
        }
    }
    let said = |number, status: &str| (number, EventKind::Incident, status.to_owned());
    assert_eq!((events, analyst.events()), (vec![said(0, "reported"), said(1, "cleared")], 2));
    assert_eq!(open, [(true, 2, 1), (false, 2, 2)]);
}

/// A road with a thousand times the records costs no more memory than another; what is remembered of devices grows with their
/// number only.
#[test]
fn a_busy_road_keeps_no_more_than_a_quiet_one() {
    let kept = |records: u64| {
        let rng = &mut Seed(1).stream(Purpose::Demand, 3, 0);
        let mut analyst = Analyst::new(settings());
        for k in 0..records {
            let ms = SEVEN + 60_000 + i64::try_from(k).expect("small");
            let told = record(&format!("loop-{}", k % 10), k / 10, ms, loop_count("Elm Street", 0, rng));
            analyst.observe(&told, None);
        }
        analyst.advance(Timestamp::milliseconds(SEVEN + 71_000));
        analyst.state().len()
    };
    let (quiet, busy) = (kept(10), kept(10_000));
    assert!(busy < quiet + 10 * 100, "{quiet} bytes and {busy}");
}

#[test]
fn flow_speed_and_level_come_from_who_sees_best() {
    let lane = |lane, count| LaneSums { lane, count, observed_ms: 300_000, occupied_ms: 30_000 };
    let of = |known, sums: &RoadSums| {
        let row = RoadWindow::of(&"Elm Street".into(), Timestamp::default(), None, known, sums.clone());
        (row.flow_veh_h, row.flow_source, row.speed_kmh, row.speed_source, row.level)
    };
    let mut sums = RoadSums { loops: vec![lane(0, 50), lane(1, 25)], loop_speeds: 75, ..RoadSums::default() };
    sums.loop_speed_sum = 75 * 30_000;
    let loops = (Some(900.0), Some(Source::Loops), Some(30.0), Some(Source::Loops));
    let with = |seen: (_, _, _, _), level| (seen.0, seen.1, seen.2, seen.3, level);
    assert_eq!(of(None, &sums), with(loops, None));
    assert_eq!(of(Some((50.0, 2)), &sums), with(loops, Some(Level::Moderate)));
    // A third lane has no loop, so the camera knows better; few fixes do not.
    (sums.camera_observed_ms, sums.cars, sums.trucks) = (300_000, 90, 10);
    (sums.camera_speeds, sums.camera_speed_sum) = (100, 100 * 20_000);
    (sums.fixes, sums.fix_speeds, sums.fix_speed_sum) = (4, 4, 4 * 10_000);
    let both = (Some(1200.0), Some(Source::Cameras), Some(30.0), Some(Source::Loops));
    assert_eq!(of(Some((50.0, 3)), &sums), with(both, Some(Level::Moderate)));
    (sums.fixes, sums.fix_speeds, sums.fix_speed_sum) = (5, 5, 5 * 10_000);
    let all = (Some(1200.0), Some(Source::Cameras), Some(10.0), Some(Source::Trackers));
    assert_eq!(of(Some((50.0, 3)), &sums), with(all, Some(Level::Stopped)));
    let levels = [0.0, 0.3, 0.301, 0.5, 0.501, 0.67, 0.671, 1.4].map(|share| Level::of(share * 50.0, 50.0));
    assert_eq!(levels, [Stopped, Stopped, Heavy, Heavy, Moderate, Moderate, Free, Free]);
}
