//! What the analytics find in the quiet ten minutes of a shipped scenario: nothing where nothing is wrong, and every fault that is put
//! in.

#[path = "common/partitions.rs"]
mod partitions;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use citytwin::city::scenario::{self, Overrides};
use citytwin::pipeline::analytics::{Event, EventKind, RoadIndex, Row};
use citytwin::simulation::City;
use citytwin::telemetry::{Fate, Reading, Record};

/// The records of the scenario as they reach the wire, and its roads.
static TOLD: LazyLock<(Vec<Record>, Arc<RoadIndex>)> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/first_try.yaml");
    let loaded = scenario::load(&path, &Overrides::default()).expect("a shipped scenario");
    let mut city = City::assemble(&loaded.network, &loaded.demand, loaded.settings);
    let sensors = loaded.sensors.expect("devices");
    city.install_sensors(&loaded.network, &loaded.demand, &sensors, &loaded.weather);
    let mut records = Vec::new();
    while !city.is_over() {
        city.step();
        records.extend(city.take_emissions().into_iter().filter(|one| one.fate == Fate::Sent).map(|one| one.record));
    }
    (records, Arc::new(RoadIndex::new(&loaded.network)))
});

fn devices(events: &[Event], kind: EventKind) -> BTreeSet<String> {
    events.iter().filter(|event| event.kind == kind).map(|event| event.subject.to_string()).collect()
}

/// Loops whose number among all loops leaves this rest; a twentieth of them.
fn loops(rest: usize) -> BTreeSet<String> {
    let all = TOLD.0.iter().filter(|record| matches!(record.reading, Reading::LoopCount(_)));
    let all: BTreeSet<String> = all.map(|record| record.device.to_string()).collect();
    all.into_iter().enumerate().filter(|(k, _)| k % 20 == rest).map(|(_, id)| id).collect()
}

#[test]
fn in_a_quiet_city_nothing_is_suspected_and_everything_is_seen() {
    let (records, roads) = &*TOLD;
    let found = partitions::analyse(records.iter().cloned(), roads);
    assert_eq!(found.events, []);
    let late: u64 = found.counts.iter().map(|counts| counts.late + counts.hurried + counts.crowded).sum();
    assert_eq!(late, 0);
    let tables: BTreeSet<&str> = found.rows.iter().map(Row::table).collect();
    for table in ["position_minutes", "road_windows", "air_windows", "parking_windows", "travel_times"] {
        assert!(tables.contains(table), "{table} is not in {tables:?}");
    }
    // Nobody drives much faster than allowed, whoever tells the time.
    let mut shares: Vec<f64> = Vec::new();
    for row in &found.rows {
        if let Row::Travel(row) = row
            && let Some(travel) = row.travel_s
            && row.sums.traversals >= 3
        {
            shares.push(travel / row.free_s);
        }
    }
    shares.sort_by(f64::total_cmp);
    assert!(shares.len() > 10 && shares[shares.len() / 2] > 0.9 && shares[0] > 0.5, "{shares:?}");
}

#[test]
fn every_silent_and_every_lying_loop_is_found_and_nobody_else() {
    let (records, roads) = &*TOLD;
    let (silent, lying) = (loops(3), loops(7));
    let begin = records[0].time;
    let told = records.iter().filter_map(|record| {
        let (minute, device) = (record.time.since(begin).as_milliseconds() / 60_000, record.device.as_str());
        let mut record = record.clone();
        match &mut record.reading {
            Reading::LoopCount(_) if silent.contains(device) && minute >= 5 => return None,
            Reading::LoopCount(reading) if lying.contains(device) && minute >= 5 => reading.count += 90,
            _ => {}
        }
        Some(record)
    });
    let found = partitions::analyse(told, roads);
    assert_eq!(devices(&found.events, EventKind::SensorSilent), silent);
    assert_eq!(devices(&found.events, EventKind::SensorImplausible), lying);
    assert_eq!(found.events.len(), silent.len() + lying.len());
    // Within four minutes of the first period that was missing.
    for event in found.events.iter().filter(|event| event.kind == EventKind::SensorSilent) {
        let minutes = event.at.since(begin).as_milliseconds() / 60_000;
        assert!((7..=9).contains(&minutes), "{event:?}");
    }
}
