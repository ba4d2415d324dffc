//! Queues that are incidents, and queues that are not.

use super::*;
use crate::pipeline::analytics::roads::RoadSums;

const MINUTE: i64 = 60_000;

/// A minute of a road of 300 m: vehicles and buses that have stood for long, by place [m].
fn minute(number: i64, partition: u16, stand: &[(f64, u64, u64)]) -> RoadMinute {
    let cell = |&(place, held, buses): &(f64, u64, u64)| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
        let cell = (place / CELL) as u16;
        let fixes = held + buses;
        let (latitudes, longitudes) = (55_600_000 * fixes.cast_signed(), 4_000_000 * fixes.cast_signed());
        Cell { cell, moving: 0, held, buses, fixes, latitudes, longitudes }
    };
    RoadMinute {
        road: "elm".into(),
        start: Timestamp::milliseconds(number * MINUTE),
        partition: Some(partition),
        length_m: Some(300.0),
        free_speed_kmh: Some(50.0),
        lanes_total: Some(1),
        sums: RoadSums::default(),
        cells: stand.iter().map(cell).collect(),
    }
}

/// Feeds minutes, writing and reading the state after each; what is told, with the minute.
fn check(minutes: &[&[(f64, u64, u64)]], expected: &[(i64, EventKind)]) {
    let (mut detector, mut told) = (IncidentDetector::new(), Vec::new());
    for (number, stand) in (0..).zip(minutes) {
        let start = Timestamp::milliseconds(number * MINUTE);
        // Devices of two partitions: each sees every second place.
        let rows = [0, 1].map(|p| {
            let part = stand.iter().skip(p).step_by(2).copied().collect::<Vec<_>>();
            minute(number, u16::try_from(p).expect("small"), &part)
        });
        let events = detector.minute(start, &rows);
        told.extend(events.iter().map(|event| (number, event.kind)));
        assert!(events.iter().all(|event| event.partition == CITY_PARTITION && event.at > start));
        let again = IncidentDetector::restore(&detector.state()).expect("its own state");
        assert_eq!(again, detector);
        assert_eq!((detector.minute(start, &rows), detector.events()), (Vec::new(), told.len() as u64));
    }
    assert_eq!(told, expected);
}

use EventKind::{IncidentOver as Over, IncidentSuspected as Suspected};

#[test]
fn vehicles_that_stand_where_no_signal_holds_them_are_suspicious_for_as_long_as_they_stand() {
    let two: &[(f64, u64, u64)] = &[(150.0, 1, 0), (130.0, 1, 0)];
    check(&[&[], two, two, two, &[], &[], &[], &[]], &[(2, Suspected), (6, Over)]);
    // A pause of a minute ends nothing.
    check(&[two, two, &[], two, &[], &[], two], &[(1, Suspected)]);
    check(&[two, &[], two, &[]], &[]);
}

#[test]
fn queues_at_the_end_of_a_road_and_single_stops_are_not() {
    let queue: &[(f64, u64, u64)] = &[(290.0, 1, 0), (150.0, 1, 0), (130.0, 1, 0)];
    check(&[queue, queue, queue, queue], &[]);
    let bus: &[(f64, u64, u64)] = &[(150.0, 0, 2)];
    check(&[bus, bus, bus, bus], &[]);
    let one: &[(f64, u64, u64)] = &[(150.0, 1, 0)];
    check(&[one; 7], &[]);
    check(&[one; 9], &[(7, Suspected)]);
}
