//! Days of the records' tables: made when the first record of one comes, given up when somebody says so.
//!
//! A device with a wrong clock may name any day. Only the day most of a batch's records are of, and the two beside it, get a partition,
//! and no kind more than [`DAYS_MAX`]; all other records share one. With `TimescaleDB`, which makes a chunk of any day it sees, records
//! far from those days are left out and counted.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::BUCKETS;
use crate::pipeline::stores::error::StoreError;
use crate::pipeline::stores::postgres::{Failure, Instant64, Layout, Postgres, Session, rolled_up};
use crate::pipeline::stores::retention::Gone;
use crate::primitives::Timestamp;
use crate::telemetry::{ReadingKind, Record};

/// Most partitions of a kind: two years of days.
const DAYS_MAX: i64 = 732;
/// How far from its batch a record may be where every day costs a chunk [days].
const FAR_MAX: i64 = 31;
/// The lock under which days are made and given up.
const LOCK: i64 = 0x6369_7479_6461_7973;
const DAY_MS: i64 = 86_400_000;
/// Longest wait for the lock under which a day is dropped; it is tried again later.
const LOCK_MAX: Duration = Duration::from_secs(5);
/// How the names of facts begin that count records given up, by kind.
const GONE: &str = "gone_";

/// Days that are settled: they have a partition, or will not get one from this process.
#[derive(Debug, Default)]
pub(super) struct Days(Mutex<BTreeSet<(ReadingKind, i64)>>);

/// The days since 1970 that may get partitions for a batch: the one with most records, the one before and the one after.
pub(super) fn wanted(records: &[&Record]) -> Vec<i64> {
    let mut days: BTreeMap<i64, usize> = BTreeMap::new();
    for record in records {
        *days.entry(record.time.as_milliseconds().div_euclid(DAY_MS)).or_default() += 1;
    }
    let most = days.iter().max_by_key(|(_, count)| **count).map_or(0, |(day, _)| *day);
    (most - 1..=most + 1).filter(|day| days.contains_key(day)).collect()
}

fn begin_of(day: i64) -> Timestamp {
    Timestamp::milliseconds(day.saturating_mul(DAY_MS))
}

fn name_of(layout: &Layout, kind: ReadingKind, day: i64) -> String {
    layout.table(&format!("{}_{}", kind.word(), begin_of(day).date().replace('-', "")))
}

/// The first instant whose records are taken, if days were given up before it.
fn hot_from(session: &mut Session, layout: &Layout, lock: &str) -> Result<Option<Timestamp>, postgres::Error> {
    let sql = format!("SELECT value FROM {} WHERE name = 'hot_from' {lock}", layout.table("meta"));
    let statement = session.statement(&sql)?;
    let row = session.client.query_opt(&statement, &[])?;
    Ok(row.and_then(|row| row.get::<_, String>(0).parse().ok()).map(Timestamp::milliseconds))
}

/// The instants whose records are taken, both included; nobody gives up days until the transaction ends.
pub(super) fn taken(
    session: &mut Session,
    layout: &Layout,
    wanted: &[i64],
) -> Result<Range<Timestamp>, postgres::Error> {
    let hot = hot_from(session, layout, "FOR SHARE")?.unwrap_or(Timestamp::MIN);
    let (first, last) = (wanted.first().copied().unwrap_or(0), wanted.last().copied().unwrap_or(0));
    if layout.chunks {
        return Ok(hot.max(begin_of(first - FAR_MAX))..begin_of(last + FAR_MAX));
    }
    Ok(hot..Timestamp::MAX)
}

/// Counts records that are not taken.
pub(super) fn leave_out(session: &mut Session, layout: &Layout, count: usize) -> Result<(), postgres::Error> {
    if count == 0 {
        return Ok(());
    }
    let sql = format!(
        "INSERT INTO {} AS kept (name, value) VALUES ('left_out', $1)
         ON CONFLICT (name) DO UPDATE SET value = (kept.value::bigint + excluded.value::bigint)::text",
        layout.table("meta")
    );
    session.client.execute(&sql, &[&count.to_string()]).map(drop)
}

/// How many records were not taken.
pub(super) fn left_out(session: &mut Session, layout: &Layout) -> Result<u64, Failure> {
    let sql = format!("SELECT value FROM {} WHERE name = 'left_out'", layout.table("meta"));
    let row = session.client.query_opt(&sql, &[])?;
    Ok(row.and_then(|row| row.get::<_, String>(0).parse().ok()).unwrap_or(0))
}

impl Days {
    /// Sees to it that the wanted days have partitions, as far as they may.
    pub(super) fn prepare(
        &self,
        session: &mut Session,
        layout: &Layout,
        kinds: &[ReadingKind],
        wanted: &[i64],
    ) -> Result<(), Failure> {
        if layout.chunks {
            return Ok(());
        }
        let pairs = kinds.iter().flat_map(|kind| wanted.iter().map(move |day| (*kind, *day)));
        let missing: Vec<(ReadingKind, i64)> = {
            let settled = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            pairs.filter(|pair| !settled.contains(pair)).collect()
        };
        if missing.is_empty() {
            return Ok(());
        }
        let hot = hot_from(session, layout, "")?.unwrap_or(Timestamp::MIN);
        let mut work = session.client.transaction()?;
        work.batch_execute("SET LOCAL client_min_messages = warning")?;
        work.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK])?;
        for (kind, day) in &missing {
            let (from, to) = (begin_of(*day), begin_of(day + 1));
            let (table, rest) = (layout.table(kind.word()), layout.table(&format!("{}_rest", kind.word())));
            let (days, word, date) = (layout.table("days"), kind.word(), from.date());
            // A day some of whose records already lie with the rest stays there: moving them would stop everybody.
            let sql = format!(
                "SELECT NOT EXISTS (SELECT 1 FROM {days} WHERE kind = $1 AND day = $2::text::date)
                    AND (SELECT count(*) FROM {days} WHERE kind = $1) < $3
                    AND NOT EXISTS (SELECT 1 FROM {rest} WHERE \"time\" >= $4 AND \"time\" < $5)"
            );
            let may = work.query_one(&sql, &[&word, &date, &DAYS_MAX, &Instant64(from), &Instant64(to)])?;
            if may.get(0) && from >= hot && from < to {
                let name = name_of(layout, *kind, *day);
                work.batch_execute(&format!(
                    "CREATE TABLE {name} PARTITION OF {table} FOR VALUES FROM ('{from}') TO ('{to}')"
                ))?;
                work.execute(&format!("INSERT INTO {days} (kind, day) VALUES ($1, $2::text::date)"), &[&word, &date])?;
            }
        }
        work.commit()?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(missing);
        Ok(())
    }

    /// Gives up the days before that of an instant; how many records there were.
    pub(super) fn give_up(&self, session: &mut Session, layout: &Layout, before: Timestamp) -> Result<u64, Failure> {
        let day = before.as_milliseconds().div_euclid(DAY_MS);
        let horizon = begin_of(day);
        if hot_from(session, layout, "")?.is_some_and(|hot| hot >= horizon) {
            return Ok(0);
        }
        let (meta, days) = (layout.table("meta"), layout.table("days"));
        let mut work = session.client.transaction()?;
        // A day is dropped under a lock that everybody waits behind: rather later than long.
        work.batch_execute(&format!("SET LOCAL lock_timeout = '{}ms'", LOCK_MAX.as_millis()))?;
        work.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK])?;
        // Waits for batches that are being taken, and lets no other begin before this is done.
        work.execute(
            &format!(
                "INSERT INTO {meta} AS kept (name, value) VALUES ('hot_from', $1) ON CONFLICT (name) DO UPDATE
                 SET value = greatest(kept.value::bigint, excluded.value::bigint)::text"
            ),
            &[&horizon.as_milliseconds().to_string()],
        )?;
        let mut gone = 0;
        for kind in ReadingKind::ALL {
            gone += count_old(&mut work, layout, *kind, horizon)?;
        }
        if layout.chunks {
            for kind in ReadingKind::ALL {
                let sql = "SELECT drop_chunks($1::text::regclass, older_than => $2::timestamptz)";
                work.query(sql, &[&layout.table(kind.word()), &Instant64(horizon)])?;
            }
        } else {
            let old = format!("DELETE FROM {days} WHERE day < $1::text::date RETURNING kind, day::text");
            for row in work.query(&old, &[&horizon.date()])? {
                let (kind, date): (String, String) = (row.get(0), row.get(1));
                let name = layout.table(&format!("{kind}_{}", date.replace('-', "")));
                work.batch_execute(&format!("DROP TABLE {name}"))?;
            }
            for kind in ReadingKind::ALL {
                let rest = layout.table(&format!("{}_rest", kind.word()));
                work.execute(&format!("DELETE FROM {rest} WHERE \"time\" < $1"), &[&Instant64(horizon)])?;
            }
        }
        work.commit()?;
        let mut settled = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        settled.retain(|(_, settled)| *settled >= day);
        Ok(gone)
    }
}

/// Gives up figures of times before `before`. They are found by the index, column by column.
pub(super) fn forget_figures(server: &Arc<Postgres>, before: Timestamp) -> Result<(), StoreError> {
    for &kind in ReadingKind::ALL {
        for column in kind.columns().iter().filter(|column| rolled_up(column)) {
            server.run(move |session, layout| {
                let sql = format!(
                    "DELETE FROM {} WHERE kind = $1 AND \"column\" = $2 AND seconds = ANY($3::int[]) AND start < $4",
                    layout.table("rollup")
                );
                let statement = session.statement(&sql)?;
                let seconds = BUCKETS.iter().filter_map(|seconds| i32::try_from(*seconds).ok()).collect::<Vec<_>>();
                let (word, before) = (kind.word(), Instant64(before));
                Ok(session.client.execute(&statement, &[&word, &column.name, &seconds, &before])?)
            })?;
        }
    }
    server.run(move |session, layout| {
        let sql = format!("DELETE FROM {} WHERE hour < $1", layout.table("stale"));
        session.client.execute(&sql, &[&Instant64(before)])?;
        Ok(())
    })
}

/// Counts records of a kind before an instant, and notes that they go.
fn count_old(
    work: &mut postgres::Transaction<'_>,
    layout: &Layout,
    kind: ReadingKind,
    before: Timestamp,
) -> Result<u64, postgres::Error> {
    let sql = format!("SELECT count(*) FROM {} WHERE \"time\" < $1", layout.table(kind.word()));
    let old: i64 = work.query_one(&sql, &[&Instant64(before)])?.try_get(0)?;
    if old > 0 {
        let sql = format!(
            "INSERT INTO {} AS kept (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE
             SET value = (kept.value::bigint + excluded.value::bigint)::text",
            layout.table("meta")
        );
        work.execute(&sql, &[&format!("{GONE}{}", kind.word()), &old.to_string()])?;
    }
    Ok(old.unsigned_abs())
}

/// What was given up, and from when on records are taken; those left out later because of it are counted by kind no more.
pub(super) fn gone(session: &mut Session, layout: &Layout) -> Result<Gone, Failure> {
    let mut gone = Gone { before: hot_from(session, layout, "")?, ..Gone::default() };
    let left = left_out(session, layout)?;
    let sql = format!("SELECT name, value FROM {} WHERE starts_with(name, $1)", layout.table("meta"));
    for row in session.client.query(&sql, &[&GONE])? {
        let (name, value): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        if let Some(kind) = name.strip_prefix(GONE).and_then(ReadingKind::from_word) {
            gone.records.insert(kind, value.parse::<u64>().unwrap_or(0).saturating_add(left));
        }
    }
    Ok(gone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::stores::conformance::beat;

    #[test]
    fn a_device_with_a_wrong_clock_makes_no_days() {
        let mut records: Vec<Record> = (0..50).map(|n| beat("dev-1", n, 0)).collect();
        records.extend((0..40).map(|n| beat("dev-2", n, 86_400 * (i64::try_from(n).expect("small") * 7 - 100))));
        records.extend((0..10).map(|n| beat("dev-3", n, 86_400)));
        let all: Vec<&Record> = records.iter().collect();
        let today = records[0].time.as_milliseconds().div_euclid(DAY_MS);
        assert_eq!(wanted(&all), [today, today + 1]);
        assert_eq!(wanted(&[]), [0; 0]);
    }
}
