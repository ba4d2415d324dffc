//! The overseer from outside: what rules make of windows and events, and that being killed changes nothing.

use std::sync::Mutex;

use super::*;
use crate::pipeline::alerting::alert::{ALERTS, Alert, AlertState};
use crate::pipeline::alerting::outbox::{Notice, OUTBOX};
use crate::pipeline::analytics::{self, AirWindow, EventKind, ParkingWindow, Progress, RoadSums, RoadWindow};
use crate::pipeline::stores::tables::{EachRow, MemoryTables};
use crate::primitives::text::Place;
use crate::telemetry::reading::Severity;

/// A Tuesday morning [ms].
const MORNING: i64 = 1_780_380_000_000;
const FIVE: i64 = 300_000;

fn rules(text: &str) -> Arc<AlertRules> {
    let rules = crate::pipeline::alerting::parse(text, &Place::file("alerts.yaml"));
    Arc::new(rules.unwrap_or_else(|findings| panic!("{:?}", findings.problems())))
}

fn at(ms: i64) -> Timestamp {
    Timestamp::milliseconds(ms)
}

fn put(tables: &dyn Tables, rows: impl IntoIterator<Item = analytics::Row>) {
    let row =
        |row: analytics::Row| Row { table: row.table().to_owned(), key: row.key(), json: row.json().into_bytes() };
    tables.put(&rows.into_iter().map(row).collect::<Vec<_>>()).expect("memory");
}

fn progress(partition: u16, watermark_ms: i64) -> analytics::Row {
    analytics::Row::Progress(Progress { partition, watermark_ms: Some(watermark_ms), events: 0, ended: false })
}

/// Ten fixes of a road at a speed, as one partition saw them.
fn road(name: &str, window: i64, partition: u16, speed: i64) -> analytics::Row {
    analytics::Row::Road(RoadWindow {
        road: Text::from(name),
        start: at(MORNING + window * FIVE),
        partition: Some(partition),
        free_speed_kmh: Some(50.0),
        lanes_total: Some(1),
        flow_veh_h: None,
        flow_source: None,
        speed_kmh: None,
        speed_source: None,
        occupancy_percent: None,
        level: None,
        sources: Vec::new(),
        sums: RoadSums { fixes: 10, fix_speeds: 10, fix_speed_sum: speed * 10_000, ..RoadSums::default() },
    })
}

fn event(partition: u16, number: u64, kind: EventKind, second: i64, subject: &str) -> Event {
    Event {
        partition,
        number,
        kind,
        at: at(MORNING + second * 1000),
        subject: Text::from(subject),
        road: Some(Text::from("A")),
        geofence: None,
        severity: Severity::High,
        status: None,
        latitude: Some(52.0),
        longitude: Some(13.0),
        says: format!("{} of {subject}", kind.word()),
    }
}

fn settings(partitions: u16) -> OverseerSettings {
    OverseerSettings::of(partitions)
}

fn step(overseer: &mut Overseer, tables: &dyn Tables) -> Stepped {
    overseer.step(tables, Now { at: at(MORNING), gauges: &[] }, Extra::default()).expect("a step")
}

fn alerts(tables: &dyn Tables) -> Vec<Alert> {
    let mut alerts = Vec::new();
    tables
        .scan(ALERTS, "", &mut |key, json| {
            let alert: Alert = serde_json::from_slice(json).expect("an alert");
            assert_eq!(alert.id, key);
            alerts.push(alert);
            ControlFlow::Continue(())
        })
        .expect("memory");
    alerts
}

/// Alerts in short: subject, state, minutes since the morning when it began and ended.
fn short(tables: &dyn Tables) -> Vec<String> {
    let minutes = |when: Timestamp| when.since(at(MORNING)).as_seconds() / 60.0;
    let short = |alert: &Alert| {
        let until = alert.until.map(|until| format!("-{}", minutes(until))).unwrap_or_default();
        format!("{} {:?} {}{until}", alert.subject, alert.state, minutes(alert.since))
    };
    alerts(tables).iter().map(short).collect()
}

fn notices(tables: &dyn Tables) -> Vec<Notice> {
    let mut notices = Vec::new();
    tables
        .scan(OUTBOX, "", &mut |_, json| {
            notices.push(serde_json::from_slice::<Notice>(json).expect("a notice"));
            ControlFlow::Continue(())
        })
        .expect("memory");
    notices
}

const SLOW: &str = "
rules:
  - {name: slow, metric: road.speed_kmh, operator: '<', threshold: 10 km/h, severity: high, actions: hook}
actions:
  - {name: hook, webhook: {url: 'http://127.0.0.1:1/'}}
";

/// Tells one road's speeds window by window, steps after each, and holds the alerts against what is expected.
fn check_speeds(rules_text: &str, speeds: &[i64], expected: &[&str]) {
    let run = |at_once: bool| {
        let (tables, mut overseer) = (MemoryTables::default(), Overseer::new(rules(rules_text), settings(1)));
        for (window, speed) in (0..).zip(speeds) {
            if *speed >= 0 {
                put(&tables, [road("A", window, 0, *speed)]);
            }
            put(&tables, [progress(0, MORNING + (window + 1) * FIVE)]);
            if !at_once {
                step(&mut overseer, &tables);
            }
        }
        step(&mut overseer, &tables);
        short(&tables)
    };
    assert_eq!(run(false), expected, "window by window: {rules_text}");
    assert_eq!(run(true), expected, "all at once: {rules_text}");
}

#[test]
fn an_alert_begins_and_ends_with_its_windows() {
    check_speeds(SLOW, &[30, 9, 8, 10, 30], &["A Resolved 10-20"]);
    let with = |more: &str| SLOW.replace("severity: high", &format!("severity: high, {more}"));
    check_speeds(&with("for: 3"), &[9, 9, 30, 9, 9, 9, 9], &["A Firing 30"]);
    // A window without a word breaks the row.
    check_speeds(&with("for: 2"), &[9, -1, 9, 30, 9, 9], &["A Firing 30"]);
    check_speeds(&with("resolve-at: 20 km/h"), &[9, 15, 9, 15, 20, 9], &["A Resolved 5-25", "A Firing 30"]);
    check_speeds(&with("cool-down: 20 min"), &[9, 30, 9, 30, 9, 9], &["A Resolved 5-10", "A Firing 25"]);
    // Nobody speaks of the road any more: over after twelve windows.
    let mut quiet = vec![9];
    quiet.extend([-1; 14]);
    check_speeds(SLOW, &quiet, &["A Resolved 5-65"]);
    // A quarter of an hour together, begun at a quarter.
    check_speeds(&with("window: 15 min, aggregation: mean"), &[20, 2, 2, 30, 30, 30], &["A Resolved 15-30"]);
    check_speeds(&with("window: 15 min, aggregation: min"), &[20, 2, 30], &["A Firing 15"]);
    check_speeds(&with("window: 15 min, aggregation: p95"), &[20, 2, 2], &[]);
    check_speeds(&with("where: {road: 'B*'}"), &[2, 2], &[]);
}

#[test]
fn windows_wait_for_all_partitions_and_add_them_up() {
    let (tables, mut overseer) = (MemoryTables::default(), Overseer::new(rules(SLOW), settings(2)));
    // One partition's vehicles crawl, the other's do not: the road is not slow.
    put(&tables, [road("A", 0, 0, 4), road("A", 0, 1, 30), road("B", 0, 0, 4), road("B", 0, 1, 8)]);
    put(&tables, [progress(0, MORNING + 2 * FIVE)]);
    assert_eq!(step(&mut overseer, &tables).windows, 0, "the second partition has not spoken");
    put(&tables, [progress(1, MORNING + FIVE - 1)]);
    assert_eq!(step(&mut overseer, &tables).windows, 0, "the second partition is not so far");
    put(&tables, [progress(1, MORNING + FIVE)]);
    assert_eq!(step(&mut overseer, &tables).windows, 1);
    assert_eq!(short(&tables), ["B Firing 5"]);
    let alert = &alerts(&tables)[0];
    assert_eq!((alert.value, alert.road.as_deref()), (Some(6.0), Some("B")));
    assert_eq!(alert.says, "slow: road.speed_kmh of B (mean of 300 s) is 6 km/h, < 10 km/h");
    // A correction after the window was decided makes no alert and ends none.
    put(&tables, [road("A", 0, 1, 4), road("B", 0, 1, 90), progress(0, MORNING + 2 * FIVE)]);
    step(&mut overseer, &tables);
    assert_eq!(short(&tables), ["B Firing 5"]);
}

#[test]
fn the_end_of_the_stream_closes_what_is_left() {
    let (tables, mut overseer) = (MemoryTables::default(), Overseer::new(rules(SLOW), settings(1)));
    put(&tables, [road("A", 0, 0, 30), road("A", 7, 0, 4), progress(0, MORNING + FIVE)]);
    step(&mut overseer, &tables);
    let ended = Progress { partition: 0, watermark_ms: Some(MORNING + 7 * FIVE + 100), events: 0, ended: true };
    put(&tables, [analytics::Row::Progress(ended)]);
    step(&mut overseer, &tables);
    assert_eq!(short(&tables), ["A Firing 40"]);
    assert_eq!(step(&mut overseer, &tables), Stepped::default(), "and then there is rest");
}

#[test]
fn air_and_parking_are_looked_at_too() {
    let text = "
rules:
  - {name: air, metric: air.no2, operator: '>', threshold: 200 µg/m³, window: 1 h, severity: high}
  - {name: full, metric: parking.taken_percent, operator: '>=', threshold: 90 %, severity: low}
  - {name: cars, metric: road.speed_kmh, by: all, aggregation: count, operator: '==', threshold: 2 km/h, severity: low}
";
    let (tables, mut overseer) = (MemoryTables::default(), Overseer::new(rules(text), settings(1)));
    let air = |quarter: i64, no2: f64| {
        let (device, start) = (Text::from("air-1"), at(MORNING + quarter * 900_000));
        analytics::Row::Air(AirWindow { device, start, readings: 3, pm2_5: 1.0, pm10: 2.0, no2, o3: 4.0, co: 0.5 })
    };
    put(&tables, (0..).zip([150.0, 190.0, 230.0, 270.0]).map(|(quarter, no2)| air(quarter, no2)));
    let bays = |partition: u16, bays, taken| {
        let (road, start) = (Text::from("P"), at(MORNING));
        analytics::Row::Parking(ParkingWindow { road, start, partition: Some(partition), bays, taken })
    };
    put(&tables, [bays(0, 10, 8), bays(1, 10, 10), road("A", 0, 0, 9), road("B", 0, 0, 9)]);
    put(&tables, [progress(0, MORNING + 3_600_000)]);
    step(&mut overseer, &tables);
    // Quarters of 150, 190, 230 and 270 are 210 an hour; 18 of 20 bays are 90 %; two roads spoke in the first window.
    assert_eq!(short(&tables), ["P Firing 5", "all Firing 5", "air-1 Firing 60"].map(str::to_owned));
}

#[test]
fn events_make_alerts_at_once_and_end_them() {
    let text = "
events:
  - {name: jam, event: incident_suspected, where: {severity: medium}, cool-down: 10 min}
  - {name: gone, event: [sensor_silent, sensor_stuck], severity: low, tell-resolved: false, actions: hook}
  - {name: well, event: sensor_well}
  - {name: crash, event: incident, where: {road: A}, actions: hook}
  - {name: cleared, event: incident, where: {status: cleared}}
actions:
  - {name: hook, webhook: {url: 'http://127.0.0.1:1/'}}
";
    let (tables, mut overseer) = (MemoryTables::default(), Overseer::new(rules(text), settings(2)));
    let status = |status: &str, event: Event| Event { status: Some(Text::from(status)), ..event };
    let mild = |event: Event| Event { severity: Severity::Low, ..event };
    put(
        &tables,
        [
            event(0, 0, EventKind::IncidentSuspected, 60, "s1"),
            mild(event(0, 1, EventKind::IncidentSuspected, 60, "s2")),
            event(0, 2, EventKind::IncidentOver, 120, "s1"),
            event(0, 3, EventKind::IncidentSuspected, 180, "s1"),
            event(0, 4, EventKind::IncidentSuspected, 900, "s1"),
            event(1, 0, EventKind::SensorSilent, 60, "loop-1"),
            event(1, 1, EventKind::SensorWell, 240, "loop-1"),
            status("reported", event(1, 2, EventKind::Incident, 300, "i1")),
            status("reported", event(1, 3, EventKind::Incident, 310, "i1")),
            status("cleared", event(1, 4, EventKind::Incident, 600, "i1")),
        ]
        .map(analytics::Row::Event),
    );
    let stepped = step(&mut overseer, &tables);
    assert_eq!((stepped.events, stepped.windows, stepped.missing), (10, 0, 0));
    let mut found: Vec<String> = alerts(&tables)
        .iter()
        .map(|alert| alert.rule.to_string())
        .zip(short(&tables))
        .map(|(a, b)| format!("{a}: {b}"))
        .collect();
    found.sort();
    assert_eq!(
        found,
        [
            "cleared: i1 Noted 10",
            "crash: i1 Resolved 5-10",
            "gone: loop-1 Resolved 1-4",
            "jam: s1 Firing 15",
            "jam: s1 Resolved 1-2",
            "well: loop-1 Noted 4",
        ]
    );
    let told: Vec<(String, AlertState)> =
        notices(&tables).iter().map(|notice| (notice.alert.rule.to_string(), notice.alert.state)).collect();
    assert_eq!(
        told,
        [
            ("gone".to_owned(), AlertState::Firing),
            ("crash".to_owned(), AlertState::Firing),
            ("crash".to_owned(), AlertState::Resolved)
        ]
    );
    assert_eq!(step(&mut overseer, &tables).events, 0, "an event is looked at once");
}

#[test]
fn events_are_counted_by_the_minute_and_silence_counts_too() {
    let text = "
rules:
  - {name: many, metric: events.count, where: {kind: incident}, by: road, window: 2 min, operator: '>=', threshold: 3, severity: high}
  - {name: none, metric: events.count, by: all, window: 2 min, operator: '<', threshold: 1, severity: low}
";
    let (tables, mut overseer) = (MemoryTables::default(), Overseer::new(rules(text), settings(1)));
    let seconds = [10, 50, 119, 130, 500];
    let rows =
        (0..).zip(seconds).map(|(number, second)| event(0, number, EventKind::Incident, second, &format!("i{number}")));
    put(&tables, rows.map(analytics::Row::Event));
    put(&tables, [progress(0, MORNING + 600_000)]);
    let stepped = step(&mut overseer, &tables);
    assert_eq!((stepped.windows, stepped.late), (5, 0));
    // Windows of two minutes hold 3, 1, 0, 0, 1 incidents.
    assert_eq!(short(&tables), ["A Resolved 2-4", "all Resolved 6-10"]);
    put(&tables, [analytics::Row::Event(event(0, 5, EventKind::Incident, 20, "late"))]);
    let stepped = step(&mut overseer, &tables);
    assert_eq!((stepped.late, stepped.windows), (2, 0));
}

#[test]
fn the_pipeline_is_watched_by_the_clock() {
    let text = "
rules:
  - {name: lag, metric: pipeline.lag_s, aggregation: max, window: 2 min, operator: '>', threshold: 1 min, severity: high}
";
    let (tables, mut overseer) = (MemoryTables::default(), Overseer::new(rules(text), settings(1)));
    for (second, lag) in [(0, 1.0), (70, 90.0), (110, 80.0), (125, 3.0), (250, f64::NAN), (260, 2.0)] {
        let gauges = [Gauge { metric: "pipeline.lag_s", subject: "partition 0".to_owned(), value: lag }];
        let now = Now { at: at(MORNING + second * 1000), gauges: &gauges };
        overseer.step(&tables, now, Extra::default()).expect("a step");
    }
    assert_eq!(short(&tables), ["partition 0 Resolved 2-4"]);
}

#[test]
fn what_is_old_is_no_news_and_new_rules_look_forward() {
    let text = "events: [{name: crash, event: incident}]";
    let (tables, mut overseer) = (MemoryTables::default(), Overseer::new(rules(text), settings(1)));
    let day = 2 * 86_400;
    put(
        &tables,
        [event(0, 0, EventKind::Incident, 0, "old"), event(0, 1, EventKind::Incident, day, "new")]
            .map(analytics::Row::Event),
    );
    put(&tables, [progress(0, MORNING + day * 1000), road("A", 0, 0, 2), road("A", 2 * 288 - 1, 0, 2)]);
    assert_eq!(step(&mut overseer, &tables).old, 1);
    assert_eq!(alerts(&tables).iter().map(|alert| &*alert.subject).collect::<Vec<_>>(), ["new"]);
    // The rule about roads comes later and starts where everybody is; the one that is gone ends its alert.
    let mut overseer = Overseer::new(rules(SLOW), settings(1));
    step(&mut overseer, &tables);
    assert_eq!(alerts(&tables).len(), 1);
    assert_eq!(alerts(&tables)[0].state, AlertState::Resolved);
    // In a store where nobody was before, a day is looked at.
    let fresh = MemoryTables::default();
    put(&fresh, [progress(0, MORNING + day * 1000), road("A", 0, 0, 2), road("A", 2 * 288 - 1, 0, 2)]);
    let mut overseer = Overseer::new(rules(SLOW), settings(1));
    step(&mut overseer, &fresh);
    assert_eq!(alerts(&fresh).len(), 1);
}

#[test]
fn rows_that_say_nothing_are_counted_and_passed_over() {
    let (tables, mut overseer) = (MemoryTables::default(), Overseer::new(rules(SLOW), settings(1)));
    let row = |table: &str, key: String| Row { table: table.to_owned(), key, json: b"{\"x\":".to_vec() };
    let window = format!("{}/A/00000", at(MORNING));
    tables
        .put(&[
            row("road_windows", window),
            row("road_windows", "nonsense".into()),
            row("events", format!("00000/{:020}", 0)),
            row("progress", "00009".into()),
        ])
        .expect("memory");
    put(
        &tables,
        [road("B", 0, 0, 2), progress(0, MORNING + FIVE), analytics::Row::Event(event(0, 1, EventKind::Call, 1, "c"))],
    );
    let stepped = step(&mut overseer, &tables);
    assert_eq!((stepped.unreadable, stepped.events, stepped.missing, stepped.raised), (3, 1, 0, 1));
}

#[test]
fn another_operator_writes_in_the_same_go() {
    let text = "events: [{name: jam, event: incident_suspected}]";
    let (tables, mut overseer) = (MemoryTables::default(), Overseer::new(rules(text), settings(1)));
    let found = [event(900, 0, EventKind::IncidentSuspected, 60, "s1")];
    let state = [Row { table: "detector".to_owned(), key: "state".to_owned(), json: b"{}".to_vec() }];
    let extra = Extra { events: &found, rows: &state };
    for round in 0..2 {
        let stepped = overseer.step(&tables, Now { at: at(MORNING), gauges: &[] }, extra).expect("a step");
        assert_eq!(stepped.raised, u64::from(round == 0), "found twice, told once");
    }
    assert!(tables.get("events", &found[0].key()).expect("memory").is_some());
    assert!(tables.get("detector", "state").expect("memory").is_some());
}

/// Tables that fail at one of their calls, before or after having done it.
#[derive(Debug)]
struct Failing<'a> {
    inner: &'a MemoryTables,
    left: Mutex<u32>,
    after: bool,
}

impl Failing<'_> {
    fn ask<T>(&self, work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut left = self.left.lock().expect("a lock");
        let dies = *left == 0;
        // Whoever was killed once is left alone.
        *left = left.checked_sub(1).unwrap_or(u32::MAX);
        let away = StoreError::Away { part: "tables", place: "here".to_owned(), reason: "killed".to_owned() };
        match (dies, self.after) {
            (true, false) => Err(away),
            (true, true) => work().and(Err(away)),
            (false, _) => work(),
        }
    }
}

impl Tables for Failing<'_> {
    fn put(&self, rows: &[Row]) -> Result<(), StoreError> {
        self.ask(|| self.inner.put(rows))
    }
    fn remove(&self, table: &str, keys: &[String]) -> Result<u64, StoreError> {
        self.ask(|| self.inner.remove(table, keys))
    }
    fn get(&self, table: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.ask(|| self.inner.get(table, key))
    }
    fn scan(&self, table: &str, prefix: &str, each: &mut EachRow<'_>) -> Result<(), StoreError> {
        self.ask(|| self.inner.scan(table, prefix, each))
    }
    fn scan_after(&self, table: &str, prefix: &str, after: &str, each: &mut EachRow<'_>) -> Result<(), StoreError> {
        self.ask(|| self.inner.scan_after(table, prefix, after, each))
    }
    fn names(&self) -> Result<Vec<String>, StoreError> {
        self.ask(|| self.inner.names())
    }
}

const EVERYTHING_AT_ONCE: &str = "
rules:
  - {name: slow, metric: road.speed_kmh, operator: '<', threshold: 10 km/h, for: 2, cool-down: 15 min, severity: high, actions: [hook, other]}
  - {name: long, metric: road.travel_time_ratio, window: 10 min, aggregation: max, operator: '>=', threshold: 5, severity: low, actions: hook}
  - {name: many, metric: events.count, by: road, window: 5 min, operator: '>', threshold: 1, severity: medium, actions: other}
events:
  - {name: jam, event: incident_suspected, cool-down: 3 min, actions: [hook, other]}
actions:
  - {name: hook, webhook: {url: 'http://127.0.0.1:1/'}}
  - {name: other, webhook: {url: 'http://127.0.0.1:1/'}}
";

/// What round `round` of a made-up morning adds to the tables.
fn round_of(tables: &MemoryTables, seed: u64, round: i64) {
    let mut draw = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(round.unsigned_abs());
    let mut next = |below: u64| {
        // SplitMix64 (Steele, Lea, Flood 2014).
        draw = draw.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (draw ^ (draw >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    };
    for partition in 0..2_u16 {
        for name in ["A", "B", "C"] {
            if next(4) > 0 {
                put(tables, [road(name, round, partition, i64::try_from(next(16)).expect("small"))]);
            }
        }
        for part in 0..2_u64 {
            let kind = if next(2) == 0 { EventKind::IncidentSuspected } else { EventKind::IncidentOver };
            let second = round * 300 + i64::try_from(part * 150 + next(150)).expect("small");
            let number = round.unsigned_abs() * 2 + part;
            // An incident is a device's business, so it belongs to one partition.
            put(tables, [analytics::Row::Event(event(partition, number, kind, second, &format!("s{partition}")))]);
        }
        put(tables, [progress(partition, MORNING + (round + 1) * FIVE)]);
    }
}

/// Alerts and what is told of them, without the numbers of notices.
fn outcome(tables: &MemoryTables) -> (Vec<Alert>, Vec<(String, String)>) {
    let mut told: Vec<(String, String)> =
        notices(tables).into_iter().map(|notice| (notice.id, notice.action.to_string())).collect();
    for (number, notice) in (0..).zip(notices(tables)) {
        assert_eq!(notice.number, number, "numbers have no gaps");
    }
    told.sort();
    (alerts(tables), told)
}

#[test]
fn being_killed_anywhere_changes_nothing() {
    const ROUNDS: i64 = 5;
    let mut alerts_seen = 0;
    for seed in 0..2 {
        let whole = MemoryTables::default();
        let mut overseer = Overseer::new(rules(EVERYTHING_AT_ONCE), settings(2));
        for round in 0..ROUNDS {
            round_of(&whole, seed, round);
            step(&mut overseer, &whole);
        }
        let expected = outcome(&whole);
        alerts_seen += expected.0.len();
        for after in [false, true] {
            for kill in 0.. {
                let tables = MemoryTables::default();
                let failing = Failing { inner: &tables, left: Mutex::new(kill), after };
                let mut overseer = Overseer::new(rules(EVERYTHING_AT_ONCE), settings(2));
                let mut killed = false;
                for round in 0..ROUNDS {
                    round_of(&tables, seed, round);
                    let now = Now { at: at(MORNING), gauges: &[] };
                    if overseer.step(&failing, now, Extra::default()).is_err() {
                        killed = true;
                        // Sometimes the process dies, sometimes only the step; sometimes time goes on before it is back.
                        if kill % 2 == 0 {
                            overseer = Overseer::new(rules(EVERYTHING_AT_ONCE), settings(2));
                        }
                        if kill % 3 == 0 {
                            continue;
                        }
                        overseer.step(&failing, now, Extra::default()).expect("it works again");
                    }
                }
                step(&mut overseer, &tables);
                assert_eq!(outcome(&tables), expected, "seed {seed}, killed at call {kill}, after it: {after}");
                if !killed {
                    assert!(kill > 20, "every call was tried");
                    break;
                }
            }
        }
    }
    assert!(alerts_seen > 10, "{alerts_seen} alerts");
}
