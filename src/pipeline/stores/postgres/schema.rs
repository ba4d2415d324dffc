//! The schema: its version, its tables, and what the server can do beside.
//!
//! One table for every kind of record with a column for every field, so that people ask it in plain SQL; partitions by day below
//! it; figures in `rollup`, rows of results in `results`, small facts in `meta`. Made by whoever comes first, under a lock against
//! a second one.

use std::fmt::Write as _;

use postgres::{Client, Transaction};

use super::Failure;
use crate::pipeline::stores::error::StoreError;
use crate::telemetry::ReadingKind;
use crate::telemetry::field::{Column, ColumnType};

/// Version of the tables.
const FORMAT: &str = "1";
/// The oldest server that has what is used here (`date_bin`), as it counts versions.
const VERSION_MIN: i32 = 140_000;
/// The lock under which the schema is made; any number will do that nobody else uses.
const LOCK: i64 = 0x6369_7479_7477_696e;

/// What the schema is like.
#[derive(Debug, Clone)]
pub(in crate::pipeline::stores) struct Layout {
    schema: String,
    /// The schema of PostGIS, if places are indexed.
    pub(in crate::pipeline::stores) places: Option<String>,
    /// Whether days are chunks of `TimescaleDB` instead of partitions.
    pub(in crate::pipeline::stores) chunks: bool,
}

impl Layout {
    /// A table's full name.
    pub(in crate::pipeline::stores) fn table(&self, name: &str) -> String {
        format!("{}.{}", self.schema, identifier(name))
    }

    /// What it can do, in words.
    pub(super) fn says(&self) -> String {
        let places = if self.places.is_some() { "places indexed by PostGIS" } else { "places without an index" };
        let days = if self.chunks { "days are chunks of TimescaleDB" } else { "days are partitions" };
        format!("{places}, {days}")
    }
}

/// A name as SQL may hold it.
pub(in crate::pipeline::stores) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The columns of a kind's table in order, quoted: identity, time, fields.
pub(in crate::pipeline::stores) fn columns_of(kind: ReadingKind) -> Vec<String> {
    let common = ["device", "epoch", "sequence", "time"].map(identifier);
    common.into_iter().chain(kind.columns().iter().map(|column| identifier(column.name))).collect()
}

/// Whether there are figures of a column: it holds numbers, and their mean means something.
pub(in crate::pipeline::stores) fn rolled_up(column: &Column) -> bool {
    column.holds != ColumnType::Text && column.name != "latitude" && column.name != "longitude"
}

/// A column's value as a number, in SQL.
pub(in crate::pipeline::stores) fn number_of(column: &Column) -> String {
    let name = identifier(column.name);
    if column.holds == ColumnType::Flag { format!("{name}::int::float8") } else { format!("{name}::float8") }
}

/// Whether readings of a kind have a place.
pub(in crate::pipeline::stores) fn has_place(kind: ReadingKind) -> bool {
    kind.columns().iter().any(|column| column.name == "latitude")
}

/// Finds the schema, or makes it.
///
/// # Errors
/// When the server is too old, the schema is of another version, or it cannot be made. What is ours to say comes as a question
/// that cannot be answered; the caller knows where the server is.
pub(super) fn open(client: &mut Client, schema: &str, places: bool) -> Result<Layout, Failure> {
    let version: String = client.query_one("SHOW server_version_num", &[])?.get(0);
    if version.parse::<i32>().unwrap_or(0) < VERSION_MIN {
        let reason = format!("it has version {version}; PostgreSQL 14 or newer will do");
        return Err(Failure::Store(StoreError::Question(reason)));
    }
    let mut work = client.transaction()?;
    work.batch_execute("SET LOCAL client_min_messages = warning")?;
    work.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK])?;
    let found: Option<String> = {
        let table: Option<String> =
            work.query_one("SELECT to_regclass($1)::text", &[&format!("{schema}.meta")])?.get(0);
        if table.is_some() {
            let row = work.query_opt(&format!("SELECT value FROM {schema}.meta WHERE name = 'format'"), &[])?;
            Some(row.map_or_else(|| String::from("unknown"), |row| row.get(0)))
        } else {
            None
        }
    };
    let layout = match found.as_deref() {
        None => make(&mut work, schema, places)?,
        Some(FORMAT) => known(&mut work, schema)?,
        Some(other) => {
            let reason = format!(
                "its schema {schema} has format {other}, this program reads format {FORMAT}; name another schema"
            );
            return Err(Failure::Store(StoreError::Question(reason)));
        }
    };
    work.commit()?;
    Ok(layout)
}

fn known(work: &mut Transaction<'_>, schema: &str) -> Result<Layout, Failure> {
    let fact = |work: &mut Transaction<'_>, name: &str| -> Result<Option<String>, Failure> {
        let row = work.query_opt(&format!("SELECT value FROM {schema}.meta WHERE name = $1"), &[&name])?;
        Ok(row.map(|row| row.get(0)))
    };
    let (places, chunks) = (fact(work, "places")?, fact(work, "chunks")?);
    Ok(Layout { schema: schema.to_owned(), places, chunks: chunks.is_some() })
}

/// The schema an extension is in, if the server has it and lets us use it.
fn extension(work: &mut Transaction<'_>, name: &str) -> Result<Option<String>, Failure> {
    let offered = work.query_opt("SELECT 1 FROM pg_available_extensions WHERE name = $1", &[&name])?;
    if offered.is_none() {
        return Ok(None);
    }
    // A refusal must not spoil what was done before it.
    let mut attempt = work.savepoint("attempt")?;
    if attempt.batch_execute(&format!("CREATE EXTENSION IF NOT EXISTS {}", identifier(name))).is_err() {
        attempt.rollback()?;
        return Ok(None);
    }
    attempt.commit()?;
    let of = "SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = $1";
    Ok(work.query_opt(of, &[&name])?.map(|row| identifier(row.get(0))))
}

fn make(work: &mut Transaction<'_>, schema: &str, places: bool) -> Result<Layout, Failure> {
    let there = work.query_opt(
        "SELECT 1 FROM pg_namespace WHERE quote_ident(nspname) = $1 OR '\"' || nspname || '\"' = $1",
        &[&schema],
    )?;
    if there.is_none() {
        work.batch_execute(&format!("CREATE SCHEMA {schema}"))?;
    }
    let places = if places { extension(work, "postgis")? } else { None };
    let chunks = extension(work, "timescaledb")?;
    work.batch_execute(&format!(
        "CREATE TABLE {schema}.meta (name text PRIMARY KEY, value text NOT NULL);
         CREATE TABLE {schema}.days (kind text, day date, PRIMARY KEY (kind, day));
         CREATE TABLE {schema}.stale (kind text COLLATE \"C\", hour timestamptz, PRIMARY KEY (kind, hour));
         CREATE TABLE {schema}.results (
             name text COLLATE \"C\", key text COLLATE \"C\", body json NOT NULL, PRIMARY KEY (name, key)
         );
         CREATE TABLE {schema}.rollup (
             kind text COLLATE \"C\", \"column\" text COLLATE \"C\", seconds integer, start timestamptz,
             device text COLLATE \"C\", count bigint NOT NULL, sum float8 NOT NULL, min float8 NOT NULL, max float8 NOT NULL,
             last float8 NOT NULL, last_time timestamptz NOT NULL, last_epoch bigint NOT NULL,
             last_sequence bigint NOT NULL, PRIMARY KEY (kind, \"column\", seconds, start, device)
         ) WITH (fillfactor = 70)"
    ))?;
    let mut layout = Layout { schema: schema.to_owned(), places, chunks: chunks.is_some() };
    for &kind in ReadingKind::ALL {
        make_kind(work, &layout, kind)?;
    }
    if let Some(timescale) = chunks {
        layout.chunks = make_chunks(work, &layout, &timescale)?;
    }
    if !layout.chunks {
        for &kind in ReadingKind::ALL {
            let rest = layout.table(&format!("{}_rest", kind.word()));
            let table = layout.table(kind.word());
            work.batch_execute(&format!("CREATE TABLE {rest} PARTITION OF {table} DEFAULT"))?;
        }
    }
    let mut note = |name: &str, value: &str| {
        work.execute(&format!("INSERT INTO {schema}.meta (name, value) VALUES ($1, $2)"), &[&name, &value])
    };
    note("format", FORMAT)?;
    if let Some(places) = &layout.places {
        note("places", places)?;
    }
    if layout.chunks {
        note("chunks", "timescaledb")?;
    }
    Ok(layout)
}

/// One kind's table, and what its columns mean.
fn make_kind(work: &mut Transaction<'_>, layout: &Layout, kind: ReadingKind) -> Result<(), Failure> {
    let table = layout.table(kind.word());
    let mut columns: Vec<String> = vec![String::from(
        "device text COLLATE \"C\" NOT NULL, epoch bigint NOT NULL, sequence bigint NOT NULL, time timestamptz NOT NULL",
    )];
    for column in kind.columns() {
        let holds = match column.holds {
            ColumnType::Text => "text",
            ColumnType::Number => "float8",
            ColumnType::Whole => "bigint",
            ColumnType::Flag => "boolean",
        };
        let needed = if column.optional { "" } else { " NOT NULL" };
        columns.push(format!("{} {holds}{needed}", identifier(column.name)));
    }
    let indexed = layout.places.as_ref().filter(|_| has_place(kind));
    if let Some(postgis) = indexed {
        columns.push(format!(
            "place {postgis}.geography(Point, 4326) GENERATED ALWAYS AS
             ({postgis}.ST_SetSRID({postgis}.ST_MakePoint(longitude, latitude), 4326)::{postgis}.geography) STORED"
        ));
    }
    let parts = if layout.chunks { "" } else { " PARTITION BY RANGE (time)" };
    let mut sql = format!(
        "CREATE TABLE {table} ({}, PRIMARY KEY (device, epoch, sequence, time)){parts};
         COMMENT ON COLUMN {table}.sequence IS 'as a signed number: add 2^64 if negative';",
        columns.join(", ")
    );
    if let Some(postgis) = indexed {
        // The operator class stands where the extension does.
        let _ = write!(sql, "CREATE INDEX ON {table} USING gist (place {postgis}.gist_geography_ops);");
    }
    for column in kind.columns() {
        let unit = if column.unit.is_empty() { String::new() } else { format!(" [{}]", column.unit) };
        let says = format!("{}{unit}", column.says).replace('\'', "''");
        let _ = write!(sql, "COMMENT ON COLUMN {table}.{} IS '{says}';", identifier(column.name));
    }
    Ok(work.batch_execute(&sql)?)
}

/// Gives days to `TimescaleDB`; whether it took them. If it did not, the tables are made anew with partitions.
fn make_chunks(work: &mut Transaction<'_>, layout: &Layout, timescale: &str) -> Result<bool, Failure> {
    let mut attempt = work.savepoint("chunks")?;
    let mut all = || -> Result<(), postgres::Error> {
        for &kind in ReadingKind::ALL {
            let sql = format!(
                "SELECT {timescale}.create_hypertable($1::text::regclass, 'time', chunk_time_interval => interval '1 day')"
            );
            attempt.execute(&sql, &[&layout.table(kind.word())])?;
        }
        Ok(())
    };
    if all().is_ok() {
        attempt.commit()?;
        return Ok(true);
    }
    attempt.rollback()?;
    let partitions = Layout { chunks: false, ..layout.clone() };
    for &kind in ReadingKind::ALL {
        work.batch_execute(&format!("DROP TABLE {}", layout.table(kind.word())))?;
        make_kind(work, &partitions, kind)?;
    }
    Ok(false)
}
