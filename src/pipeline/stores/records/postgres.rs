//! Records and figures in PostgreSQL, for whoever reads SQL: a table a kind, partitions by day, places, and roll-ups.
//!
//! A batch is one transaction: rows are copied into temporary tables, those that are new go on into the kinds' tables, and what was
//! new is added to the figures of its 5 minutes; hours and days are made of those when somebody asks. So a batch may come again, in part or in whole, and late records
//! correct the figures they belong to. Days that were given up by [`PostgresRecords::keep_hot`] take no more records, because nobody
//! could tell whether they are new; the history has them all.

mod days;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::sync::mpsc;

use postgres::Row;
use postgres::fallible_iterator::FallibleIterator as _;
use postgres::types::ToSql;

use super::series::{Gatherer, Sum};
use super::{Asked, EachRecord, Point, Records, SeriesAsked};
use crate::pipeline::stores::error::StoreError;
use crate::pipeline::stores::live::{Area, degrees_around, place_of};
use crate::pipeline::stores::postgres::{
    Failure, Instant64, Layout, Postgres, Rows, Session, columns_of, has_place, identifier, number_of, rolled_up,
    unescaped,
};
use crate::pipeline::stores::retention::Gone;
use crate::primitives::Timestamp;
use crate::telemetry::field::{Column, ColumnType};
use crate::telemetry::{DeviceId, Reading, ReadingKind, Record, Value};
use days::Days;

/// Lengths of the buckets that are kept [s].
const BUCKETS: [i64; 3] = [300, 3600, 86_400];
/// Under which longer buckets are made; with the schema, any number will do that nobody else uses.
const FIGURES_LOCK: i32 = 0x6369_7479;
/// Records on their way from the server to whoever reads them.
const QUEUE: usize = 4096;

/// Records in a database of PostgreSQL.
#[derive(Debug)]
pub struct PostgresRecords {
    server: Arc<Postgres>,
    days: Arc<Days>,
}

/// Records of one kind in a batch, ready to be sent.
struct Load {
    kind: ReadingKind,
    bytes: Vec<u8>,
    times: Vec<Timestamp>,
}

/// A condition and the values bound in it; and a circle (latitude, longitude, radius [m]) outside of which nothing is asked for.
struct Condition {
    sql: String,
    values: Vec<Box<dyn ToSql + Sync + Send>>,
    around: Option<(f64, f64, f64)>,
}

impl PostgresRecords {
    /// The records on a server.
    pub fn new(server: &Arc<Postgres>) -> Self {
        Self { server: Arc::clone(server), days: Arc::default() }
    }

    /// Gives up records of days that end before `before`, at its day's beginning; their figures stay. Gives how many records went.
    ///
    /// # Errors
    /// When the server does not answer or refuses, or somebody reads them for so long that it would hold up everybody.
    pub fn keep_hot(&self, before: Timestamp) -> Result<u64, StoreError> {
        let days = Arc::clone(&self.days);
        self.server.run(move |session, layout| days.give_up(session, layout, before))
    }

    /// Records that were not taken because their day had been given up, or is far from the others' where the server makes a chunk
    /// of every day; some may be counted again after a crash.
    ///
    /// # Errors
    /// When the server does not answer or refuses.
    pub fn left_out(&self) -> Result<u64, StoreError> {
        self.server.run(days::left_out)
    }

    /// Rows of a kind that fulfil a condition, one by one as records.
    fn read(&self, kind: ReadingKind, mut condition: Condition, each: &mut EachRecord<'_>) -> Result<(), StoreError> {
        let (tell, told) = mpsc::sync_channel(QUEUE);
        let tell_end = tell.clone();
        let end = move |done: Result<(), StoreError>| drop(tell_end.send(Err(done)));
        self.server.begin(end, move |session, layout| {
            if let Some(circle) = condition.around {
                condition.look_around(layout, kind, circle);
            }
            let columns = columns_of(kind).join(", ");
            let sql = format!("SELECT {columns} FROM {}{}", layout.table(kind.word()), condition.sql);
            let statement = session.statement(&sql)?;
            let values = condition.values.iter().map(|value| &**value as &dyn ToSql);
            let mut rows = session.client.query_raw(&statement, values.collect::<Vec<_>>())?;
            let mut names: Option<DeviceId> = None;
            while let Some(row) = rows.next()? {
                let record = record_of(kind, &row, &mut names);
                if tell.send(Ok(record)).is_err() {
                    break;
                }
            }
            Ok(())
        })?;
        loop {
            match self.server.wait(&told)? {
                Ok(Some(record)) => {
                    if each(record).is_break() {
                        return Ok(());
                    }
                }
                Ok(None) => {
                    let reason = format!("table `{}` holds a row that is no record", kind.word());
                    return Err(self.server.refused(reason));
                }
                Err(done) => return done,
            }
        }
    }

    /// Sums that were gathered as records came, in the longest buckets that fit; none if none fit.
    fn rolled(&self, asked: &SeriesAsked) -> Result<Option<Vec<Point>>, StoreError> {
        let times = &asked.records.times;
        let whole =
            |at: Timestamp, ms: i64| at.as_milliseconds() % ms == 0 || at == Timestamp::MIN || at == Timestamp::MAX;
        let fits = |seconds: &&i64| {
            let ms = **seconds * 1000;
            asked.width.as_milliseconds() % ms == 0 && whole(times.start, ms) && whole(times.end, ms)
        };
        let (_, column) = asked.column()?;
        let Some(&seconds) = BUCKETS.iter().rev().find(fits).filter(|_| rolled_up(column)) else { return Ok(None) };
        let kind = asked.records.kind.word();
        let (name, device) = (column.name, asked.records.device.clone());
        let (from, to) = (Instant64(times.start), Instant64(times.end));
        let unbound = times.end == Timestamp::MAX;
        let width = asked.width;
        let asked_kind = asked.records.kind;
        let points = self.server.run(move |session, layout| {
            if seconds != BUCKETS[0] {
                renew_figures(session, layout, asked_kind)?;
            }
            let sql = format!(
                "SELECT start, count, sum, min, max, last, last_time, device, last_epoch, last_sequence FROM {}
                 WHERE kind = $1 AND \"column\" = $2 AND seconds = $3 AND start >= $4 AND (start < $5 OR $6)
                   AND ($7::text IS NULL OR device = $7)",
                layout.table("rollup")
            );
            let statement = session.statement(&sql)?;
            let device = device.as_ref().map(DeviceId::as_str);
            let seconds = i32::try_from(seconds).unwrap_or(i32::MAX);
            let values: [&(dyn ToSql + Sync); 7] = [&kind, &name, &seconds, &from, &to, &unbound, &device];
            let mut gatherer = Gatherer::new(width);
            let mut rows = session.client.query_raw(&statement, values)?;
            while let Some(row) = rows.next()? {
                let said: Instant64 = row.try_get(6)?;
                let sum = Sum {
                    count: row.try_get::<_, i64>(1)?.cast_unsigned(),
                    total: row.try_get(2)?,
                    min: row.try_get(3)?,
                    max: row.try_get(4)?,
                    last: row.try_get(5)?,
                    said: (
                        said.0.as_milliseconds(),
                        row.try_get(7)?,
                        u32::try_from(row.try_get::<_, i64>(8)?).unwrap_or(u32::MAX),
                        row.try_get::<_, i64>(9)?.cast_unsigned(),
                    ),
                };
                gatherer.add(row.try_get::<_, Instant64>(0)?.0, sum)?;
            }
            Ok(gatherer.points())
        })?;
        Ok(Some(points))
    }
}

/// The record in a row of a kind's table; none if it holds none.
fn record_of(kind: ReadingKind, row: &Row, known: &mut Option<DeviceId>) -> Option<Record> {
    let name: &str = row.try_get(0).ok()?;
    // Rows of one device often follow each other: its name is made once.
    let device = match known.as_ref().filter(|known| known.as_str() == name) {
        Some(known) => known.clone(),
        None => name.parse().ok()?,
    };
    *known = Some(device.clone());
    let epoch = u32::try_from(row.try_get::<_, i64>(1).ok()?).ok()?;
    let sequence = row.try_get::<_, i64>(2).ok()?.cast_unsigned();
    let Instant64(time) = row.try_get(3).ok()?;
    let mut texts: Vec<Option<String>> = Vec::with_capacity(kind.columns().len());
    for (n, column) in kind.columns().iter().enumerate() {
        texts.push(match column.holds {
            ColumnType::Text => row.try_get::<_, Option<&str>>(n + 4).ok()?.map(|text| unescaped(text).into_owned()),
            _ => None,
        });
    }
    let mut values = Vec::with_capacity(texts.len());
    for ((n, column), text) in kind.columns().iter().enumerate().zip(&texts) {
        let value = match column.holds {
            ColumnType::Text => text.as_deref().map(Value::Text),
            ColumnType::Number => row.try_get::<_, Option<f64>>(n + 4).ok()?.map(Value::Number),
            ColumnType::Whole => row.try_get::<_, Option<i64>>(n + 4).ok()?.map(Value::Whole),
            ColumnType::Flag => row.try_get::<_, Option<bool>>(n + 4).ok()?.map(Value::Flag),
        };
        values.push(value.unwrap_or(Value::Missing));
    }
    Some(Record { device, epoch, sequence, time, reading: Reading::from_values(kind, &values)? })
}

/// One batch's rows of a kind as the server takes them.
fn load_of(kind: ReadingKind, records: &[&Record]) -> Load {
    let mut rows = Rows::of(4 + kind.columns().len());
    for record in records {
        rows.begin();
        rows.text(record.device.as_str());
        rows.whole(i64::from(record.epoch));
        rows.whole(record.sequence.cast_signed());
        rows.instant(record.time);
        for value in record.reading.values() {
            match value {
                Value::Missing => rows.missing(),
                Value::Text(text) => rows.text(text),
                Value::Number(number) => rows.number(number),
                Value::Whole(number) => rows.whole(number),
                Value::Flag(flag) => rows.flag(flag),
            }
        }
    }
    let times = records.iter().map(|record| record.time).collect();
    Load { kind, bytes: rows.finish(), times }
}

/// Makes the temporary tables a batch is sent to, once a connection; every end of a transaction empties them.
fn make_stages(session: &mut Session, layout: &Layout, loads: &[Load]) -> Result<(), postgres::Error> {
    for load in loads {
        let stage = stage_of(load.kind);
        if !session.stages.contains(&stage) {
            let (columns, table) = (columns_of(load.kind).join(", "), layout.table(load.kind.word()));
            session.client.batch_execute(&format!(
                "CREATE TEMPORARY TABLE {stage} ON COMMIT DELETE ROWS AS SELECT {columns} FROM {table} WHERE false"
            ))?;
            session.stages.insert(stage);
        }
    }
    Ok(())
}

fn stage_of(kind: ReadingKind) -> String {
    identifier(&format!("stage_{}", kind.word()))
}

/// Sends the rows of a kind and puts the new ones of the days that take any where they belong.
fn take(session: &mut Session, layout: &Layout, load: &Load, days: &Range<Timestamp>) -> Result<(), postgres::Error> {
    let (columns, stage) = (columns_of(load.kind).join(", "), stage_of(load.kind));
    let mut copy = session.client.copy_in(&format!("COPY {stage} ({columns}) FROM STDIN BINARY"))?;
    // What is wrong with the connection is told by `finish`.
    drop(copy.write_all(&load.bytes));
    copy.finish()?;
    let statement = session.statement(&insertion(layout, load.kind))?;
    session.client.execute(&statement, &[&Instant64(days.start), &Instant64(days.end)])?;
    Ok(())
}

/// Puts what is new from a kind's stage into its table, and adds its figures to those of its 5 minutes.
///
/// The last value of a bucket is found by one sort for all figures. Hours and days are only marked as stale: making them anew with
/// every batch would cost three times as much, and nobody may ask.
fn insertion(layout: &Layout, kind: ReadingKind) -> String {
    let (columns, table, stage) = (columns_of(kind).join(", "), layout.table(kind.word()), stage_of(kind));
    let insert = format!(
        "INSERT INTO {table} ({columns}) SELECT {columns} FROM {stage} WHERE \"time\" >= $1 AND \"time\" <= $2
         ORDER BY device, epoch, sequence ON CONFLICT DO NOTHING"
    );
    let figures: Vec<_> = kind.columns().iter().filter(|column| rolled_up(column)).collect();
    if figures.is_empty() {
        return insert;
    }
    let names: Vec<String> = figures.iter().map(|column| identifier(column.name)).collect();
    let pair = |column: &&Column| format!("('{}', {})", column.name, number_of(column));
    let pairs: Vec<String> = figures.iter().map(pair).collect();
    let last = ["last", "last_time", "last_epoch", "last_sequence"].map(|name| {
        format!(
            "{name} = CASE WHEN (excluded.last_time, excluded.last_epoch, excluded.last_sequence)
                              > (kept.last_time, kept.last_epoch, kept.last_sequence)
                      THEN excluded.{name} ELSE kept.{name} END"
        )
    });
    format!(
        "WITH fresh AS ({insert} RETURNING device, epoch, sequence, \"time\", {names}),
         said AS (
             SELECT device, epoch, sequence, \"time\", pair.name, pair.value,
                    date_bin(interval '{least} s', \"time\", 'epoch'::timestamptz) AS start
             FROM fresh CROSS JOIN LATERAL (VALUES {pairs}) AS pair (name, value) WHERE pair.value IS NOT NULL
         ),
         numbered AS (
             SELECT *, row_number() OVER (
                 PARTITION BY name, start, device ORDER BY \"time\" DESC, epoch DESC, sequence DESC
             ) AS back FROM said
         ),
         small AS (
             SELECT name, device, start, count(*) AS count, sum(value) AS sum, min(value) AS min, max(value) AS max,
                    min(value) FILTER (WHERE back = 1) AS last, min(\"time\") FILTER (WHERE back = 1) AS last_time,
                    min(epoch) FILTER (WHERE back = 1) AS last_epoch,
                    min(sequence) FILTER (WHERE back = 1) AS last_sequence
             FROM numbered GROUP BY name, start, device
         ),
         marked AS (
             INSERT INTO {stale} (kind, hour)
             SELECT DISTINCT '{word}', date_bin(interval '1 hour', start, 'epoch'::timestamptz) AS hour FROM small
             ORDER BY hour ON CONFLICT DO NOTHING
         )
         INSERT INTO {rollup} AS kept (kind, \"column\", seconds, start, device, count, sum, min, max,
                                       last, last_time, last_epoch, last_sequence)
         SELECT '{word}', name, {least}, start, device, count, sum, min, max, last, last_time, last_epoch, last_sequence
         FROM small ORDER BY name, start, device
         ON CONFLICT (kind, \"column\", seconds, start, device) DO UPDATE SET
             count = kept.count + excluded.count, sum = kept.sum + excluded.sum,
             min = least(kept.min, excluded.min), max = greatest(kept.max, excluded.max), {last}",
        least = BUCKETS[0],
        names = names.join(", "),
        pairs = pairs.join(", "),
        stale = layout.table("stale"),
        rollup = layout.table("rollup"),
        word = kind.word(),
        last = last.join(", ")
    )
}

/// Lets nobody make longer buckets until the transaction ends; batches do not mind each other.
fn share_figures(session: &mut Session, layout: &Layout) -> Result<(), postgres::Error> {
    let statement = session.statement("SELECT pg_advisory_xact_lock_shared($1, hashtext($2))")?;
    session.client.execute(&statement, &[&FIGURES_LOCK, &layout.table("rollup")]).map(drop)
}

/// Makes the hours and days of a kind anew that batches have marked as stale.
fn renew_figures(session: &mut Session, layout: &Layout, kind: ReadingKind) -> Result<(), postgres::Error> {
    let (stale, rollup, word) = (layout.table("stale"), layout.table("rollup"), kind.word());
    let marked = session.client.query_opt(&format!("SELECT 1 FROM {stale} WHERE kind = $1 LIMIT 1"), &[&word])?;
    if marked.is_none() {
        return Ok(());
    }
    let mut work = session.client.transaction()?;
    // Waits for the batches under way; those that come wait for this.
    work.execute("SELECT pg_advisory_xact_lock($1, hashtext($2))", &[&FIGURES_LOCK, &rollup])?;
    for (shorter, longer) in [(BUCKETS[0], BUCKETS[1]), (BUCKETS[1], BUCKETS[2])] {
        let sql = format!(
            "INSERT INTO {rollup} (kind, \"column\", seconds, start, device, count, sum, min, max,
                                   last, last_time, last_epoch, last_sequence)
             SELECT kind, \"column\", {longer}, whole.start, device, sum(count)::bigint, sum(sum), min(min), max(max),
                    (array_agg(last ORDER BY small.start DESC))[1], (array_agg(last_time ORDER BY small.start DESC))[1],
                    (array_agg(last_epoch ORDER BY small.start DESC))[1],
                    (array_agg(last_sequence ORDER BY small.start DESC))[1]
             FROM (SELECT DISTINCT date_bin(interval '{longer} s', hour, 'epoch'::timestamptz) AS start
                   FROM {stale} WHERE kind = $1) AS whole
             JOIN {rollup} AS small ON small.kind = $1 AND small.seconds = {shorter}
              AND small.start >= whole.start AND small.start < whole.start + interval '{longer} s'
             GROUP BY kind, \"column\", whole.start, device
             ON CONFLICT (kind, \"column\", seconds, start, device) DO UPDATE SET
                 count = excluded.count, sum = excluded.sum, min = excluded.min, max = excluded.max, last = excluded.last,
                 last_time = excluded.last_time, last_epoch = excluded.last_epoch, last_sequence = excluded.last_sequence"
        );
        work.execute(&sql, &[&word])?;
    }
    work.execute(&format!("DELETE FROM {stale} WHERE kind = $1"), &[&word])?;
    work.commit()
}

impl Records for PostgresRecords {
    fn put(&self, _partition: u16, _from: u64, records: &[&Record]) -> Result<(), StoreError> {
        if records.is_empty() {
            return Ok(());
        }
        let mut kinds: BTreeMap<ReadingKind, Vec<&Record>> = BTreeMap::new();
        for record in records {
            kinds.entry(record.kind()).or_default().push(record);
        }
        let wanted = days::wanted(records);
        let present: Vec<ReadingKind> = kinds.keys().copied().collect();
        let loads: Vec<Load> = kinds.iter().map(|(kind, records)| load_of(*kind, records)).collect();
        let days = Arc::clone(&self.days);
        self.server.run(move |session, layout| {
            days.prepare(session, layout, &present, &wanted)?;
            make_stages(session, layout, &loads)?;
            session.client.batch_execute("BEGIN")?;
            let mut all = || -> Result<(), Failure> {
                share_figures(session, layout)?;
                let taken = days::taken(session, layout, &wanted)?;
                let outside = |at: &&Timestamp| !(taken.start..=taken.end).contains(*at);
                let left_out = loads.iter().map(|load| load.times.iter().filter(outside).count()).sum();
                days::leave_out(session, layout, left_out)?;
                for load in &loads {
                    take(session, layout, load, &taken)?;
                }
                Ok(session.client.batch_execute("COMMIT")?)
            };
            let done = all();
            if done.is_err() {
                // If even that fails, the connection is given up.
                drop(session.client.batch_execute("ROLLBACK"));
            }
            done
        })
    }

    fn scan(&self, asked: &Asked, each: &mut EachRecord<'_>) -> Result<(), StoreError> {
        self.read(asked.kind, condition(asked), each)
    }

    fn within(&self, asked: &Asked, area: &Area, each: &mut EachRecord<'_>) -> Result<(), StoreError> {
        let condition = Condition { around: area.around(), ..condition(asked) };
        self.read(asked.kind, condition, &mut |record| {
            if area.holds(place_of(&record)) { each(record) } else { ControlFlow::Continue(()) }
        })
    }

    fn series(&self, asked: &SeriesAsked) -> Result<Vec<Point>, StoreError> {
        let (place, _) = asked.column()?;
        if let Some(points) = self.rolled(asked)? {
            return Ok(points);
        }
        let mut gatherer = Gatherer::new(asked.width);
        let mut done = Ok(());
        self.scan(&asked.records, &mut |record| {
            done = gatherer.add_record(&record, place);
            if done.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        done.map(|()| gatherer.points())
    }

    fn count(&self, kind: ReadingKind) -> Result<u64, StoreError> {
        self.server.run(move |session, layout| {
            let sql = format!("SELECT count(*) FROM {}", layout.table(kind.word()));
            Ok(session.client.query_one(&sql, &[])?.get::<_, i64>(0).cast_unsigned())
        })
    }

    fn forget(&self, records: Option<Timestamp>, figures: Option<Timestamp>) -> Result<u64, StoreError> {
        let gone = records.map_or(Ok(0), |before| self.keep_hot(before))?;
        figures.map_or(Ok(()), |before| days::forget_figures(&self.server, before))?;
        Ok(gone)
    }

    fn gone(&self) -> Result<Option<Gone>, StoreError> {
        self.server.run(days::gone).map(Some)
    }

    fn claim(&self, identity: &str) -> Result<String, StoreError> {
        self.server.claim(identity)
    }
}

/// What is asked for, in SQL.
fn condition(asked: &Asked) -> Condition {
    let mut condition = Condition { sql: String::from(" WHERE \"time\" >= $1"), values: Vec::new(), around: None };
    condition.values.push(Box::new(Instant64(asked.times.start)));
    if asked.times.end != Timestamp::MAX {
        condition.values.push(Box::new(Instant64(asked.times.end)));
        condition.sql.push_str(" AND \"time\" < $2");
    }
    if let Some(device) = &asked.device {
        condition.values.push(Box::new(device.as_str().to_owned()));
        let _ = write!(condition.sql, " AND device = ${}", condition.values.len());
    }
    condition
}

impl Condition {
    /// Leaves out what is surely outside of a circle: by the index of places if there is one, by the four sides otherwise.
    fn look_around(&mut self, layout: &Layout, kind: ReadingKind, (latitude, longitude, radius): (f64, f64, f64)) {
        if !has_place(kind) {
            self.sql.push_str(" AND false");
            return;
        }
        let n = self.values.len();
        if let Some(postgis) = &layout.places {
            let _ = write!(
                self.sql,
                " AND {postgis}.ST_DWithin(place,
                  {postgis}.ST_SetSRID({postgis}.ST_MakePoint(${}, ${}), 4326)::{postgis}.geography, ${})",
                n + 1,
                n + 2,
                n + 3
            );
            self.values
                .extend([longitude, latitude, radius].map(|value| Box::new(value) as Box<dyn ToSql + Sync + Send>));
        } else {
            let (up, aside) = degrees_around(latitude, radius);
            let sides = [latitude - up, latitude + up, longitude - aside, longitude + aside];
            let _ = write!(
                self.sql,
                " AND latitude BETWEEN ${} AND ${} AND longitude BETWEEN ${} AND ${}",
                n + 1,
                n + 2,
                n + 3,
                n + 4
            );
            self.values.extend(sides.map(|value| Box::new(value) as Box<dyn ToSql + Sync + Send>));
        }
    }
}
