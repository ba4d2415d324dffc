//! What the stream would have told if nothing had been late.

use super::*;
use crate::pipeline::analytics::tests::{FIVE, SEVEN, settings, town};

/// The live rows of a stream: the last of each key.
fn live(records: &[Record]) -> BTreeMap<(String, String), Vec<u8>> {
    let (mut analyst, mut latest) = (Analyst::new(settings()), i64::MIN);
    let mut rows = BTreeMap::new();
    for record in records {
        latest = latest.max(record.time.as_milliseconds());
        analyst.observe(record, Some(Timestamp::milliseconds(latest - 30_000)));
    }
    analyst.finish();
    for row in analyst.take_rows() {
        rows.insert((row.table().to_owned(), row.key()), row.json().into_bytes());
    }
    rows
}

/// The batch view of the same records, in the history's order.
fn batch(records: &[Record]) -> Vec<Row> {
    let mut history: Vec<&Record> = records.iter().collect();
    history.sort_by_key(|record| (record.kind(), &record.device, record.epoch, record.sequence));
    let (from, to) = (Timestamp::milliseconds(SEVEN), Timestamp::milliseconds(SEVEN + 12 * FIVE));
    let mut reconciler = Reconciler::new(settings(), from, to);
    for record in history {
        reconciler.take(record);
    }
    let view = reconciler.finish();
    assert_eq!(view.left_out, 0);
    view.rows
}

fn compare(made: Vec<Row>, live: &BTreeMap<(String, String), Vec<u8>>) -> Reconciled {
    // Readings of the first minute are about the one before, which is of another span.
    let of_span =
        live.iter().filter(|((table, key), _)| TABLES.contains(&table.as_str()) && key.as_str() >= "2026-06-02T07:00");
    reconcile(made, of_span.map(|((table, key), json)| (table.clone(), key.clone(), json.clone())))
}

#[test]
fn a_day_on_which_nothing_was_late_needs_no_correction() {
    let records = town(7);
    let result = compare(batch(&records), &live(&records));
    assert_eq!((result.rows, result.extra), (vec![], vec![]));
    let equal: BTreeMap<&str, u64> = result.tables.iter().map(|(table, one)| (table.as_str(), one.equal)).collect();
    assert!(TABLES.iter().all(|table| equal.get(table).is_some_and(|equal| *equal > 0)), "{equal:?}");
}

#[test]
fn what_came_too_late_is_corrected_and_what_nobody_told_is_found() {
    let records = town(8);
    // The third minute's loops come at the end, when their windows are long forgotten.
    let late = |record: &Record| {
        let minute = (record.time.as_milliseconds() - SEVEN) / 60_000;
        matches!(record.reading, Reading::LoopCount(_)) && minute == 2
    };
    let (rest, after): (Vec<Record>, Vec<Record>) = records.iter().cloned().partition(|record| !late(record));
    let mut told = live(&[rest, after].concat());
    let lost = told.keys().find(|key| key.0 == "air_windows").cloned().expect("some air");
    told.remove(&lost);
    let invented = ("air_windows".to_owned(), "2026-06-02T07:00:00.000Z/air-9".to_owned());
    told.insert(invented.clone(), b"{}".to_vec());
    let result = compare(batch(&records), &told);
    let (roads, air) = (result.tables["road_windows"], result.tables["air_windows"]);
    assert!(roads.corrected > 0 && roads.missing == 0 && roads.extra == 0, "{roads:?}");
    assert_eq!((air.missing, air.extra, result.extra), (1, 1, vec![invented]));
    // Once written, nothing differs any more.
    for row in &result.rows {
        told.insert((row.table().to_owned(), row.key()), row.json().into_bytes());
    }
    assert_eq!(compare(batch(&records), &told).rows, []);
}
