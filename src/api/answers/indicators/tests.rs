//! Each indicator computed by hand from a small store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use super::*;
use crate::api::answers::events::EventBook;
use crate::api::port::{Pipeline, SceneTotals};
use crate::pipeline::alerting::{ALERTS, Alert, AlertState};
use crate::pipeline::analytics::{
    AirWindow, CallChain, CallStep, Event, EventKind, IncidentChain, IncidentStep, Level, ParkingWindow,
    PositionWindow, RoadSums, RoadWindow, Row as Found,
};
use crate::pipeline::stores::{Row, Stores};
use crate::primitives::Timestamp;
use crate::telemetry::reading::{
    CallStatus, Fix, Health, Hospital, IncidentStatus, Position, Severity, Sky, Unit, UnitStatus, Weather,
};
use crate::telemetry::{DeviceId, Reading, Record};

/// The city's clock: 08:00 on 2026-06-02.
fn clock() -> Timestamp {
    "2026-06-02T08:00:00Z".parse().expect("an instant")
}

/// So many seconds before the clock.
fn ago(seconds: i64) -> Timestamp {
    Timestamp::milliseconds(clock().as_milliseconds() - seconds * 1000)
}

fn row(row: &Found) -> Row {
    Row { table: row.table().to_owned(), key: row.key(), json: row.json().into_bytes() }
}

fn road(name: &str, speed: f64, level: Level, flow: Option<f64>, sums: RoadSums) -> Found {
    Found::Road(RoadWindow {
        road: name.into(),
        start: ago(600),
        partition: Some(0),
        free_speed_kmh: Some(50.0),
        lanes_total: Some(1),
        flow_veh_h: flow,
        flow_source: None,
        speed_kmh: Some(speed),
        speed_source: None,
        occupancy_percent: None,
        level: Some(level),
        sources: Vec::new(),
        sums,
    })
}

/// Loops that saw so many vehicles of one speed [km/h] in five minutes.
fn loops(count: u64, speed: i64, occupied_ms: u64) -> RoadSums {
    let lane = crate::pipeline::analytics::LaneSums { lane: 0, count, observed_ms: 300_000, occupied_ms };
    RoadSums {
        loops: vec![lane],
        loop_speeds: count,
        loop_speed_sum: i64::try_from(count).expect("few") * speed * 1000,
        ..RoadSums::default()
    }
}

fn minute(name: &str, speed: f64, distance: f64, without_fix: u64) -> Found {
    Found::Position(PositionWindow {
        device: name.into(),
        vehicle: name.into(),
        start: ago(120),
        fixes: 9,
        without_fix,
        speed_mean_kmh: Some(speed),
        speed_max_kmh: Some(speed + 10.0),
        distance_m: distance,
        first: ago(120),
        last: ago(61),
        latitude: None,
        longitude: None,
        road: None,
    })
}

fn air(name: &str, pm2_5: f64, no2: f64) -> Found {
    Found::Air(AirWindow {
        device: name.into(),
        start: ago(1800),
        readings: 3,
        pm2_5,
        pm10: 20.0,
        no2,
        o3: 60.0,
        co: 0.5,
    })
}

fn call(name: &str, begun: i64, steps: &[(CallStatus, i64)]) -> Found {
    let chain: Vec<CallStep> =
        steps.iter().map(|(status, after)| CallStep { status: *status, at: ago(begun - after) }).collect();
    Found::Call(CallChain {
        call: name.into(),
        open: chain.last().is_none_or(|step| step.status != CallStatus::Closed),
        severity: Severity::Critical,
        latitude: 52.0,
        longitude: 10.0,
        incident: None,
        unit: None,
        hospital: None,
        chain,
    })
}

fn incident(name: &str, begun: i64, cleared: Option<i64>, severity: Severity, lanes: u32, hurt: u32) -> Found {
    let step = |status, at| IncidentStep { status, at };
    let mut chain = vec![step(IncidentStatus::Reported, ago(begun))];
    chain.extend(cleared.map(|after| step(IncidentStatus::Cleared, ago(begun - after))));
    Found::Incident(IncidentChain {
        incident: name.into(),
        kind: "crash".into(),
        open: cleared.is_none(),
        severity,
        road: "a".into(),
        latitude: 52.0,
        longitude: 10.0,
        lanes_blocked: lanes,
        casualties: hurt,
        chain,
    })
}

fn event(number: u64, kind: EventKind, seconds: i64) -> Found {
    Found::Event(Event {
        partition: 0,
        number,
        kind,
        at: ago(seconds),
        subject: "a".into(),
        road: None,
        geofence: None,
        severity: Severity::Low,
        status: None,
        latitude: None,
        longitude: None,
        says: String::new(),
    })
}

fn alert(id: &str, state: AlertState, severity: Severity) -> Row {
    let alert = Alert {
        id: id.to_owned(),
        rule: "slow".into(),
        state,
        severity,
        subject: "a".into(),
        road: None,
        geofence: None,
        latitude: None,
        longitude: None,
        looks_at: "road.speed_kmh".to_owned(),
        value: None,
        threshold: None,
        unit: String::new(),
        since: ago(60),
        until: None,
        raised: ago(60),
        says: String::new(),
    };
    Row { table: ALERTS.to_owned(), key: id.to_owned(), json: serde_json::to_vec(&alert).expect("plain fields") }
}

fn record(name: &str, seconds: i64, reading: Reading) -> Record {
    let device = DeviceId::of(reading.kind(), name);
    Record { device, epoch: 0, sequence: 0, time: ago(seconds), reading }
}

fn position(vehicle: &str, class: &str, ignition: bool, speed: f64, seconds: i64) -> Record {
    let reading = Position {
        vehicle_id: vehicle.into(),
        vehicle_class: class.into(),
        ignition,
        fix: Fix::ThreeD,
        latitude: Some(52.0),
        longitude: Some(10.0),
        speed: Some(speed),
        direction: None,
        hdop: None,
    };
    record(vehicle, seconds, reading.into())
}

fn unit(name: &str, status: UnitStatus, siren: bool) -> Record {
    let reading =
        Unit { unit_id: name.into(), status, siren, latitude: 52.0, longitude: 10.0, speed: 0.0, call_id: None };
    record(name, 30, reading.into())
}

fn hospital(name: &str, bays: u32, bays_taken: u32, ambulances_waiting: u32) -> Record {
    let (latitude, longitude) = (52.0, 10.0);
    record(
        name,
        30,
        Hospital { hospital_id: name.into(), latitude, longitude, bays, bays_taken, ambulances_waiting }.into(),
    )
}

fn weather(name: &str, temperature: f64, precipitation: f64) -> Record {
    let reading = Weather {
        latitude: 52.0,
        longitude: 10.0,
        sky: Sky::Rain,
        temperature,
        humidity: 80.0,
        wind_speed: 4.0,
        wind_direction: 90.0,
        precipitation,
        visibility: 9000.0,
    };
    record(name, 30, reading.into())
}

fn tables() -> Vec<Row> {
    let cameras =
        RoadSums { cars: 6, trucks: 1, vans: 2, buses: 1, camera_observed_ms: 300_000, ..loops(10, 50, 30_000) };
    let parking = |road: &str, partition, bays, taken| {
        Found::Parking(ParkingWindow { road: road.into(), start: ago(600), partition: Some(partition), bays, taken })
    };
    let rows = [
        road("a", 50.0, Level::Free, None, cameras),
        road("b", 20.0, Level::Heavy, None, loops(30, 20, 90_000)),
        minute("gps-1", 40.0, 600.0, 0),
        minute("gps-2", 0.0, 0.0, 1),
        air("air-1", 10.0, 20.0),
        air("air-2", 20.0, 30.0),
        // Two partitions share a road's bays.
        parking("a", 0, 10, 10),
        parking("a", 1, 10, 9),
        parking("b", 0, 20, 1),
        call(
            "c1",
            3000,
            &[
                (CallStatus::Received, 0),
                (CallStatus::Dispatched, 60),
                (CallStatus::AtScene, 300),
                (CallStatus::Transporting, 900),
                (CallStatus::AtHospital, 1500),
                (CallStatus::HandedOver, 2100),
                (CallStatus::Closed, 2400),
            ],
        ),
        call("c2", 1000, &[(CallStatus::Received, 0), (CallStatus::Dispatched, 100), (CallStatus::AtScene, 600)]),
        call("c3", 100, &[(CallStatus::Received, 0)]),
        // Of the day before: known, and counted nowhere.
        call("c4", 90_000, &[(CallStatus::Received, 0), (CallStatus::AtScene, 9), (CallStatus::Closed, 10)]),
        incident("i1", 7200, Some(1800), Severity::High, 2, 3),
        incident("i2", 600, None, Severity::Critical, 1, 1),
        event(0, EventKind::SensorSilent, 4000),
        event(1, EventKind::SensorSilent, 3000),
        event(2, EventKind::SensorStuck, 2000),
        event(3, EventKind::SensorWell, 1000),
        event(4, EventKind::IncidentSuspected, 900),
        event(5, EventKind::GeofenceEntered, 800),
    ];
    let mut rows: Vec<Row> = rows.iter().map(row).collect();
    rows.push(alert("01A", AlertState::Firing, Severity::Critical));
    rows.push(alert("01B", AlertState::Firing, Severity::Low));
    rows.push(alert("01C", AlertState::Resolved, Severity::Critical));
    let seen = br#"{"at":"2026-06-02T08:00:00Z","by":"x"}"#.to_vec();
    rows.push(Row { table: "acknowledgements".to_owned(), key: "01B".to_owned(), json: seen });
    rows
}

fn words() -> Vec<Record> {
    let battery =
        |name: &str, volts| record(name, 30, Health { battery_v: Some(volts), uptime_s: 9, message: None }.into());
    vec![
        position("car-1", "passenger", true, 30.0, 10),
        // Silent for longer than trackers are.
        position("car-2", "passenger", false, 0.0, 2000),
        position("van-1", "delivery", true, 20.0, 10),
        position("truck-1", "truck", false, 0.0, 10),
        position("bus-7 Harbour-01", "bus", true, 24.0, 10),
        position("bus-7 Harbour-02", "bus", true, 0.0, 10),
        position("bus-8-01", "bus", true, 36.0, 10),
        position("tram-1", "tram", true, 15.0, 10),
        unit("A1", UnitStatus::AtStation, false),
        unit("A2", UnitStatus::EnRoute, true),
        unit("A3", UnitStatus::AtHospital, false),
        unit("A4", UnitStatus::Returning, false),
        hospital("H1", 4, 3, 1),
        hospital("H2", 6, 2, 0),
        weather("w1", 10.0, 0.0),
        weather("w2", 12.0, 3.0),
        battery("b1", 3.1),
        battery("b2", 2.6),
    ]
}

fn known() -> Known {
    let stores = Stores::in_memory();
    stores.tables().put(&tables()).expect("memory");
    let words = words();
    stores.live().put(&words.iter().collect::<Vec<_>>(), Some(clock())).expect("memory");
    let pipeline = Pipeline {
        present: true,
        messages: 1000,
        messages_per_s: 12.5,
        behind: Some(7),
        spooled: 3,
        duplicates: 4,
        late: 5,
        quarantined: 6,
        shown_s: Some((0.2, 0.9)),
        restarts: BTreeMap::from([("worker".to_owned(), 2), ("edge".to_owned(), 1)]),
        troubles: vec!["a".to_owned()],
    };
    let totals = SceneTotals {
        running: 200,
        arrived: 50,
        inserted: 250,
        waiting_to_enter: 9,
        halting: 30,
        speed_mean: 10.0,
        speed_relative_mean: 0.75,
        travel_time_mean: 420.0,
        calls_open: 2,
        units_busy: 1,
        units: 4,
    };
    Known::read(&stores, &Mutex::new(EventBook::default()), "city", pipeline, Some(totals))
}

/// What each comes to, by hand.
const EXPECTED: &[(&str, Option<f64>)] = &[
    // Loops told 50 and 20 km/h on roads of 50 km/h.
    ("traffic.speed_kmh", Some(35.0)),
    ("traffic.speed_percent", Some(70.0)),
    ("traffic.travel_time_index", Some(1.75)),
    // 3600 / 20 - 3600 / 50 = 108 on one of two roads.
    ("traffic.delay_s_per_km", Some(54.0)),
    ("traffic.roads_seen", Some(2.0)),
    ("traffic.roads_free_percent", Some(50.0)),
    ("traffic.roads_moderate_percent", Some(0.0)),
    ("traffic.roads_heavy_percent", Some(50.0)),
    ("traffic.roads_stopped_percent", Some(0.0)),
    ("traffic.slowest_percent", Some(40.0)),
    // 10 and 30 vehicles in five minutes.
    ("traffic.flow_veh_h", Some(240.0)),
    ("traffic.flow_max_veh_h", Some(360.0)),
    ("traffic.roads_counted", Some(2.0)),
    // 30 and 90 of 300 s.
    ("traffic.occupancy_percent", Some(20.0)),
    ("traffic.cameras_counted", Some(10.0)),
    ("traffic.trucks_percent", Some(10.0)),
    ("traffic.vans_percent", Some(20.0)),
    ("traffic.buses_percent", Some(10.0)),
    ("fleet.vehicles_tracked", Some(2.0)),
    ("fleet.speed_kmh", Some(20.0)),
    ("fleet.speed_max_kmh", Some(50.0)),
    ("fleet.distance_km", Some(0.6)),
    ("fleet.moving_percent", Some(50.0)),
    // 18 of 19.
    ("fleet.fix_percent", Some(94.736_842)),
    ("fleet.engines_on_percent", Some(75.0)),
    ("fleet.goods_vehicles", Some(2.0)),
    ("fleet.goods_moving_percent", Some(50.0)),
    ("transit.buses", Some(3.0)),
    ("transit.bus_speed_kmh", Some(20.0)),
    ("transit.buses_standing_percent", Some(33.333_333)),
    ("transit.lines", Some(2.0)),
    ("transit.buses_per_line", Some(1.5)),
    ("transit.rail_vehicles", Some(1.0)),
    ("air.stations", Some(2.0)),
    ("air.pm2_5", Some(15.0)),
    ("air.pm2_5_max", Some(20.0)),
    ("air.pm10", Some(20.0)),
    ("air.no2", Some(25.0)),
    ("air.no2_max", Some(30.0)),
    ("air.o3", Some(60.0)),
    ("air.co", Some(0.5)),
    ("air.above_who_percent", Some(50.0)),
    ("parking.bays", Some(40.0)),
    ("parking.taken_percent", Some(50.0)),
    ("parking.free", Some(20.0)),
    // 19 of 20 are 95 %.
    ("parking.roads_full", Some(1.0)),
    ("weather.temperature_c", Some(11.0)),
    ("weather.humidity_percent", Some(80.0)),
    ("weather.wind_m_s", Some(4.0)),
    ("weather.precipitation_mm_h", Some(1.5)),
    ("weather.visibility_m", Some(9000.0)),
    ("emergencies.calls_open", Some(2.0)),
    ("emergencies.calls_waiting", Some(1.0)),
    ("emergencies.calls_hour", Some(3.0)),
    ("emergencies.dispatch_p50_s", Some(60.0)),
    ("emergencies.response_p50_s", Some(300.0)),
    ("emergencies.response_p90_s", Some(600.0)),
    ("emergencies.within_8min_percent", Some(50.0)),
    ("emergencies.on_scene_mean_s", Some(600.0)),
    ("emergencies.transport_mean_s", Some(600.0)),
    ("emergencies.handover_mean_s", Some(600.0)),
    ("emergencies.call_p50_s", Some(2400.0)),
    ("emergencies.units", Some(4.0)),
    ("emergencies.units_busy_percent", Some(50.0)),
    ("emergencies.units_siren", Some(1.0)),
    ("emergencies.hospital_bays_taken_percent", Some(50.0)),
    ("emergencies.ambulances_waiting", Some(1.0)),
    ("safety.incidents_open", Some(1.0)),
    ("safety.incidents_critical", Some(1.0)),
    ("safety.incidents_hour", Some(1.0)),
    ("safety.lanes_blocked", Some(1.0)),
    ("safety.casualties", Some(4.0)),
    ("safety.cleared_p50_s", Some(1800.0)),
    ("safety.suspected_hour", Some(1.0)),
    ("safety.geofences_entered_hour", Some(1.0)),
    // Eight trackers, four ambulances, two hospitals, two stations, two heartbeats.
    ("sensors.devices", Some(18.0)),
    ("sensors.active_percent", Some(94.444_444)),
    ("sensors.battery_min_v", Some(2.6)),
    ("sensors.silent_hour", Some(1.0)),
    ("sensors.implausible_hour", Some(0.0)),
    ("sensors.stuck_hour", Some(1.0)),
    ("sensors.drifted_hour", Some(0.0)),
    ("sensors.well_hour", Some(1.0)),
    ("alerts.firing", Some(2.0)),
    ("alerts.critical", Some(1.0)),
    ("alerts.unseen", Some(1.0)),
    ("alerts.dead_letters", Some(0.0)),
    ("pipeline.messages", Some(1000.0)),
    ("pipeline.messages_per_s", Some(12.5)),
    ("pipeline.behind", Some(7.0)),
    ("pipeline.spooled", Some(3.0)),
    ("pipeline.duplicates", Some(4.0)),
    ("pipeline.late", Some(5.0)),
    ("pipeline.quarantined", Some(6.0)),
    ("pipeline.shown_median_s", Some(0.2)),
    ("pipeline.shown_worst_s", Some(0.9)),
    ("pipeline.restarts", Some(3.0)),
    ("pipeline.troubles", Some(1.0)),
    ("pipeline.live_words", Some(18.0)),
    // 18 of a million.
    ("pipeline.live_full_percent", Some(0.0018)),
    ("model.running", Some(200.0)),
    ("model.inserted", Some(250.0)),
    ("model.arrived", Some(50.0)),
    ("model.waiting_to_enter", Some(9.0)),
    ("model.halting", Some(30.0)),
    ("model.halting_percent", Some(15.0)),
    ("model.speed_kmh", Some(36.0)),
    ("model.speed_percent", Some(75.0)),
    ("model.travel_time_s", Some(420.0)),
    ("model.calls_open", Some(2.0)),
    ("model.units_busy_percent", Some(25.0)),
];

#[test]
fn every_indicator_is_what_it_comes_to_by_hand() {
    let answers = answers(&known());
    let told: BTreeSet<&str> = answers.iter().map(|one| one.name).collect();
    let expected: BTreeSet<&str> = EXPECTED.iter().map(|one| one.0).collect();
    assert_eq!(told, expected, "each indicator has a line here");
    assert_eq!(told.len(), answers.len(), "names are unique");
    assert!(answers.len() >= 50);
    let mut wrong = Vec::new();
    for (name, expected) in EXPECTED {
        let value = answers.iter().find(|one| one.name == *name).and_then(|one| one.value);
        let same = match (value, expected) {
            (Some(value), Some(expected)) => (value - expected).abs() < 1e-6,
            (value, expected) => value.is_none() && expected.is_none(),
        };
        if !same {
            wrong.push(format!("{name}: {value:?}, not {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    for one in &answers {
        assert!(one.says.ends_with('.') && one.says.len() > 20, "{}", one.name);
        assert_eq!(one.at_ms, Some(clock().as_milliseconds()), "{}", one.name);
    }
}

#[test]
fn of_nothing_there_are_counts_and_no_means() {
    let stores = Stores::in_memory();
    let known = Known::read(&stores, &Mutex::new(EventBook::default()), "city", Pipeline::default(), None);
    for one in answers(&known) {
        assert!(one.missing.is_none(), "{one:?}");
        assert!(one.value.is_none_or(|value| value.abs() < 1e-9), "{one:?}");
        assert_eq!(one.at_ms, None);
    }
}
