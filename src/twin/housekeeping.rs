//! Housekeeping while a listener stands: keeps the pieces of history few, and takes away what has been kept long enough.
//!
//! A batch by time leaves a piece for every kind of reading and partition; without merging, a day would leave hundreds of thousands.
//! What is older than the operator's file says goes once an hour, by event time: the clock is the partitions' watermark, so that a
//! recording ages as slowly as it plays. Nobody depends on either: what cannot be done is said once and tried again. A run, which is
//! a study, keeps everything and has no housekeeping.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::board::{Board, Order};
use super::clock;
use crate::pipeline::analytics::Progress;
use crate::pipeline::stores::retention::Aged;
use crate::pipeline::stores::{Retention, StoreError, Stores};
use crate::primitives::{SimDuration, Timestamp};

/// How often to look whether there is something to tidy.
const EVERY: Duration = Duration::from_secs(20);
/// How often to look whether something has become old.
const LOOK: Duration = Duration::from_hours(1);
/// How often to look whether to end.
const MOMENT: Duration = Duration::from_millis(100);
/// How far the slowest partition may be behind the furthest and be waited for [ms].
const BEHIND_MAX: i64 = 86_400_000;

/// What is gone by age after one look, in the order in which it is told.
type Forgotten = [(&'static str, u64); 7];

/// Tidies until told to end.
pub(super) fn keep_tidy(stores: &Stores, keep: &Retention, partitions: u16, board: &Board) {
    let (mut said, mut looked): (Option<String>, Option<Instant>) = (None, None);
    // Whoever hushes the city counts who ends, and waits for the listener: nobody else ends before the next order.
    while board.order() < Order::Finish {
        let working = board.order() == Order::Work;
        let done = if working { round(stores, (keep, partitions), board, &mut looked) } else { Ok(false) };
        match done {
            Ok(true) => continue,
            Ok(false) => said = None,
            Err(error) => {
                let sentence = format!("housekeeping: {error}");
                if said.as_ref() != Some(&sentence) {
                    board.say(sentence.clone());
                    said = Some(sentence);
                }
            }
        }
        let since = clock::instant();
        while board.order() < Order::Finish && since.elapsed() < EVERY {
            board.pause(MOMENT);
        }
    }
}

/// One round; whether there may be more to do at once.
fn round(
    stores: &Stores,
    (keep, partitions): (&Retention, u16),
    board: &Board,
    looked: &mut Option<Instant>,
) -> Result<bool, StoreError> {
    if looked.is_none_or(|looked| looked.elapsed() >= LOOK) {
        // Also when it fails below: a server that holds it up is not asked every moment.
        *looked = Some(clock::instant());
        if let Some(now) = clock_of(stores, clock::now())? {
            let forgotten = forget(stores, (keep, partitions), now, &|| board.order() == Order::Work)?;
            if let Some(sentence) = in_words(&forgotten) {
                board.say(sentence);
            }
        }
    }
    stores.tidy()
}

/// The clock by which things age: the furthest watermark, or the slowest partition's if that is not more than a day behind; never
/// ahead of the wall's, because a day that was taken away in error does not come back. None while nobody knows the time.
fn clock_of(stores: &Stores, wall: Timestamp) -> Result<Option<Timestamp>, StoreError> {
    let mut marks = Vec::new();
    stores.tables().scan("progress", "", &mut |_, json| {
        marks.extend(serde_json::from_slice::<Progress>(json).ok().and_then(|progress| progress.watermark_ms));
        ControlFlow::Continue(())
    })?;
    let least = marks.iter().min().copied();
    let clock = marks.iter().max().map(|most| least.unwrap_or(*most).max(most.saturating_sub(BEHIND_MAX)));
    Ok(clock.map(|clock| Timestamp::milliseconds(clock).min(wall)))
}

/// Takes away what is older than it may be at `now`, as long as `goes_on` says so.
fn forget(
    stores: &Stores,
    (keep, partitions): (&Retention, u16),
    now: Timestamp,
    goes_on: &dyn Fn() -> bool,
) -> Result<Forgotten, StoreError> {
    let before = |life: Option<SimDuration>| {
        life.map(|life| Timestamp::milliseconds(now.as_milliseconds().saturating_sub(life.as_milliseconds())))
    };
    let tables = |life: Option<SimDuration>, tables: &[(&str, Aged)]| -> Result<u64, StoreError> {
        let Some(before) = before(life) else { return Ok(0) };
        let mut gone = 0;
        for (table, aged) in tables {
            gone += stores.forget_rows(table, *aged, before, goes_on)?;
        }
        Ok(gone)
    };
    let minutes = tables(keep.minutes, &[("position_minutes", Aged::ByKey), ("road_minutes", Aged::ByKey)])?;
    let windows = ["road_windows", "travel_times", "air_windows", "parking_windows", "reconciled"];
    let windows = tables(keep.windows, &windows.map(|table| (table, Aged::ByKey)))?;
    let events = [("events", Aged::ByContentInOrder), ("calls", Aged::ByContent), ("incidents", Aged::ByContent)];
    let events = tables(keep.events, &events)?;
    let alerts = ["alerts", "outbox", "dead_letters"].map(|table| (table, Aged::ByContent));
    let alerts = tables(keep.alerts, &alerts)?;
    let quarantined = match before(keep.quarantine) {
        Some(before) => stores.forget_quarantine(now, before, partitions)?,
        None => 0,
    };
    let history = before(keep.history).map_or(Ok(0), |before| stores.forget_history(before))?;
    let records = stores.records().forget(before(keep.records), before(keep.windows))?;
    Ok([
        ("records of the history", history),
        ("records of the database", records),
        ("rows of minutes", minutes),
        ("rows of windows", windows),
        ("events, calls and incidents", events),
        ("alerts, notices and dead letters", alerts),
        ("messages of the quarantine", quarantined),
    ])
}

/// What went, in one line; nothing if nothing did.
fn in_words(forgotten: &Forgotten) -> Option<String> {
    let parts: Vec<String> =
        forgotten.iter().filter(|(_, count)| *count > 0).map(|(what, count)| format!("{count} {what}")).collect();
    (!parts.is_empty()).then(|| format!("gone by age: {}", parts.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::super::intake::PARTITIONS;
    use super::*;
    use crate::pipeline::stores::{Batch, Keeper as _, Quarantined, Row};
    use crate::telemetry::reading::Health;
    use crate::telemetry::{Reading, ReadingKind, Record};

    const DAY: i64 = 86_400_000;

    fn at(day: i64, hour: i64) -> Timestamp {
        Timestamp::milliseconds((20_000 + day) * DAY + hour * 3_600_000)
    }

    fn row(table: &str, key: String, json: &str) -> Row {
        Row { table: table.into(), key, json: json.into() }
    }

    /// A batch of a day: 24 records, one message of rubbish, and rows of every sort.
    fn batch(day: i64, from: u64) -> Batch {
        let record = |hour: i64| Record {
            device: "gps-1".parse().expect("a name"),
            epoch: 0,
            sequence: (day * 24 + hour).unsigned_abs(),
            time: at(day, hour),
            reading: Reading::Health(Health { battery_v: None, uptime_s: 7, message: None }),
        };
        let rubbish = Quarantined {
            partition: 0,
            offset: from + 24,
            topic: "parking/gps-1".into(),
            payload: vec![1],
            reason: "not_a_record".into(),
            sentence: "no".into(),
        };
        let noon = at(day, 12);
        let state = if day == 0 { "firing" } else { "resolved" };
        Batch {
            partition: 0,
            from,
            to: from + 25,
            records: (0..24).map(record).collect(),
            quarantined: vec![rubbish],
            rows: vec![
                row("road_minutes", format!("{noon}/a/00000"), "{}"),
                row("road_windows", format!("{noon}/a/00000"), "{}"),
                row("events", format!("00000/{day:020}"), &format!("{{\"at\":\"{noon}\"}}")),
                row("alerts", format!("{day:010}"), &format!("{{\"state\":\"{state}\",\"since\":\"{noon}\"}}")),
                row("outbox", format!("{day:020}"), &format!("{{\"state\":\"delivered\",\"queued\":\"{noon}\"}}")),
                row(
                    "progress",
                    "00000".into(),
                    &format!(
                        "{{\"partition\":0,\"watermark_ms\":{},\"events\":{},\"ended\":false}}",
                        at(day, 23).as_milliseconds(),
                        day + 1
                    ),
                ),
            ],
            ..Batch::default()
        }
    }

    fn rows(stores: &Stores, table: &str) -> usize {
        let mut rows = 0;
        let each = &mut |_: &str, _: &[u8]| {
            rows += 1;
            ControlFlow::Continue(())
        };
        stores.tables().scan(table, "", each).expect("can be read");
        rows
    }

    fn records(stores: &Stores) -> u64 {
        stores.pieces().expect("can be read").iter().map(|piece| piece.rows).sum()
    }

    fn check(stores: &Stores) {
        let days = |days: i64| Some(SimDuration::milliseconds(days * DAY));
        let keep = Retention {
            history: days(8),
            records: days(8),
            minutes: days(2),
            windows: days(12),
            events: days(5),
            alerts: days(5),
            quarantine: days(3),
        };
        let mut gone = 0;
        for day in 0..15 {
            stores.keep(&batch(day, u64::try_from(day).expect("small") * 25)).expect("can be kept");
            let now = clock_of(stores, at(100, 0)).expect("can be read").expect("known");
            assert_eq!(now, at(day, 23));
            let forgotten = forget(stores, (&keep, PARTITIONS), now, &|| true).expect("can be taken away");
            gone += forgotten[0].1;
            assert_eq!(in_words(&forgotten).is_some(), forgotten.iter().any(|(_, count)| *count > 0));
        }
        // At 23 h of day 14: what was made on the day that a life reaches back to is there still, whole.
        assert_eq!((records(stores), gone), (9 * 24, 6 * 24));
        assert_eq!(stores.gone().expect("can be read").before, Some(at(6, 0)));
        assert_eq!(stores.gone().expect("can be read").records.values().sum::<u64>(), gone);
        assert_eq!(rows(stores, "road_minutes"), 3);
        assert_eq!(rows(stores, "road_windows"), 13);
        assert_eq!(rows(stores, "events"), 6);
        assert_eq!(rows(stores, "alerts"), 6 + 1, "one holds still");
        assert_eq!(rows(stores, "outbox"), 6);
        let totals = stores.quarantine().totals().expect("can be read");
        assert_eq!((totals.messages(), totals.messages() + totals.gone), (3, 15));
        assert_eq!(stores.rows_since("events").expect("can be read"), Some(at(9, 0)));
        assert_eq!(stores.rows_since("road_windows").expect("can be read"), Some(at(2, 0)));
        // Again is nothing, and so is for ever; a clock on the wall that is behind holds everything.
        let again =
            |keep: &Retention, now| in_words(&forget(stores, (keep, PARTITIONS), now, &|| true).expect("can be read"));
        assert_eq!(again(&keep, at(14, 23)), None);
        assert_eq!(again(&Retention::FOREVER, at(1000, 0)), None);
        assert_eq!(clock_of(stores, at(3, 0)).expect("can be read"), Some(at(3, 0)));
    }

    #[test]
    fn what_is_old_goes_and_what_is_not_stays() {
        check(&Stores::in_memory());
        let folder = tempfile::tempdir().expect("a folder");
        check(&Stores::open(folder.path()).expect("a fresh folder"));
        // Opened again it is the same: nothing that went is missed, nothing that is listed has gone.
        let stores = Stores::open(folder.path()).expect("as it was");
        assert_eq!(records(&stores), 9 * 24);
        let mut read = 0;
        stores
            .scan(ReadingKind::Health, &mut |_| {
                read += 1;
                ControlFlow::Continue(())
            })
            .expect("can be read");
        assert_eq!(read, 9 * 24);
    }

    #[test]
    fn a_partition_that_is_slow_is_waited_for_a_day() {
        let stores = Stores::in_memory();
        let progress = |partition: u16, at: Timestamp| {
            let json = format!(
                "{{\"partition\":{partition},\"watermark_ms\":{},\"events\":0,\"ended\":false}}",
                at.as_milliseconds()
            );
            stores.tables().put(&[row("progress", format!("{partition:05}"), &json)]).expect("can be written");
        };
        let clock = || clock_of(&stores, at(100, 0)).expect("can be read");
        assert_eq!(clock(), None);
        progress(0, at(10, 0));
        assert_eq!(clock(), Some(at(10, 0)));
        progress(1, at(9, 12));
        assert_eq!(clock(), Some(at(9, 12)));
        progress(1, at(2, 0));
        assert_eq!(clock(), Some(at(9, 0)));
    }
}
