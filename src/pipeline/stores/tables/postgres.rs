//! Tables of results in PostgreSQL: one table of rows, each as the JSON it was, so that SQL reads its fields with `->>`.
//!
//! Keys are compared by their bytes, as everywhere. Pages of a scan are read one by one; rows that change meanwhile are seen before
//! or after.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{EachRow, Tables};
use crate::pipeline::stores::batch::Row;
use crate::pipeline::stores::error::StoreError;
use crate::pipeline::stores::postgres::{Postgres, escaped, standing, unescaped};

/// Rows read at once.
const PAGE: i64 = 1000;

/// Tables in a database of PostgreSQL.
#[derive(Debug)]
pub struct PostgresTables(Arc<Postgres>);

impl PostgresTables {
    /// The tables on a server.
    pub fn new(server: &Arc<Postgres>) -> Self {
        Self(Arc::clone(server))
    }

    /// Rows whose keys begin with `prefix` and are not before `from`; `from` itself only if `with_from`.
    fn pages(
        &self,
        table: &str,
        prefix: &str,
        from: &str,
        mut with_from: bool,
        each: &mut EachRow<'_>,
    ) -> Result<(), StoreError> {
        let (table, prefix) = (table.to_owned(), escaped(prefix).into_owned());
        let mut from = escaped(from).into_owned();
        loop {
            let (table, prefix, begin) = (table.clone(), prefix.clone(), from.clone());
            let compare = if with_from { ">=" } else { ">" };
            let page: Vec<(String, String)> = self.0.run(move |session, layout| {
                let sql = format!(
                    "SELECT key, body::text FROM {} WHERE name = $1 AND key {compare} $2 AND starts_with(key, $3)
                     ORDER BY key LIMIT {PAGE}",
                    layout.table("results")
                );
                // Without a bound from above the index would be read to its end for nothing.
                let sql = match successor(&prefix) {
                    Some(_) => sql.replace(" AND starts_with", " AND key < $4 AND starts_with"),
                    None => sql,
                };
                let statement = session.statement(&sql)?;
                let rows = match successor(&prefix) {
                    Some(end) => session.client.query(&statement, &[&table, &begin, &prefix, &end])?,
                    None => session.client.query(&statement, &[&table, &begin, &prefix])?,
                };
                Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
            })?;
            for (key, json) in &page {
                if each(&unescaped(key), json.as_bytes()).is_break() {
                    return Ok(());
                }
            }
            match page.into_iter().next_back() {
                Some((last, _)) => (from, with_from) = (last, false),
                None => return Ok(()),
            }
        }
    }
}

/// The least text behind all that begin with `prefix`; none if there is none, or it is not found easily.
fn successor(prefix: &str) -> Option<String> {
    let last = prefix.chars().next_back()?;
    let next = char::from_u32(u32::from(last) + 1)?;
    let mut end = prefix[..prefix.len() - last.len_utf8()].to_owned();
    end.push(next);
    Some(end)
}

impl Tables for PostgresTables {
    fn put(&self, rows: &[Row]) -> Result<(), StoreError> {
        // In the order of their keys, so that two writers never wait for each other in a circle.
        let mut latest: BTreeMap<(&str, String), &[u8]> = BTreeMap::new();
        for Row { table, key, json } in rows {
            latest.insert((table, escaped(key).into_owned()), json);
        }
        if latest.is_empty() {
            return Ok(());
        }
        let (mut tables, mut keys, mut jsons) = (Vec::new(), Vec::new(), Vec::new());
        for ((table, key), json) in latest {
            let json = std::str::from_utf8(json)
                .map_err(|_| self.0.refused(format!("row `{}` of table `{table}` is no text", key.escape_debug())))?;
            tables.push(table.to_owned());
            keys.push(key);
            jsons.push(json.to_owned());
        }
        self.0.run_fenced(move |session, layout, number| {
            let sql = format!(
                "WITH {fence}, written AS (
                     INSERT INTO {results} AS kept (name, key, body)
                     SELECT name, key, body::json FROM unnest($1::text[], $2::text[], $3::text[]) AS told (name, key, body)
                     WHERE EXISTS (SELECT 1 FROM fence)
                     ON CONFLICT (name, key) DO UPDATE SET body = excluded.body WHERE kept.body::text <> excluded.body::text
                 ) SELECT count(*) FROM fence",
                fence = standing(layout, 4),
                results = layout.table("results")
            );
            let statement = session.statement(&sql)?;
            let counted = session.client.query_one(&statement, &[&tables, &keys, &jsons, &number])?;
            Ok(counted.try_get::<_, i64>(0)? == 1)
        })
    }

    fn remove(&self, table: &str, keys: &[String]) -> Result<u64, StoreError> {
        if keys.is_empty() {
            return Ok(0);
        }
        let table = table.to_owned();
        let keys: Vec<String> = keys.iter().map(|key| escaped(key).into_owned()).collect();
        self.0.run(move |session, layout| {
            let sql = format!("DELETE FROM {} WHERE name = $1 AND key = ANY($2::text[])", layout.table("results"));
            let statement = session.statement(&sql)?;
            Ok(session.client.execute(&statement, &[&table, &keys])?)
        })
    }

    fn get(&self, table: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let (table, key) = (table.to_owned(), escaped(key).into_owned());
        self.0.run(move |session, layout| {
            let sql = format!("SELECT body::text FROM {} WHERE name = $1 AND key = $2", layout.table("results"));
            let statement = session.statement(&sql)?;
            let found = session.client.query_opt(&statement, &[&table, &key])?;
            Ok(found.map(|row| row.get::<_, String>(0).into_bytes()))
        })
    }

    fn scan(&self, table: &str, prefix: &str, each: &mut EachRow<'_>) -> Result<(), StoreError> {
        self.pages(table, prefix, prefix, true, each)
    }

    fn scan_after(&self, table: &str, prefix: &str, after: &str, each: &mut EachRow<'_>) -> Result<(), StoreError> {
        if after < prefix {
            return self.pages(table, prefix, prefix, true, each);
        }
        self.pages(table, prefix, after, false, each)
    }

    fn names(&self) -> Result<Vec<String>, StoreError> {
        self.0.run(|session, layout| {
            // One step of the index a table, however many rows it has.
            let sql = format!(
                "WITH RECURSIVE found (name) AS (
                     (SELECT min(name) FROM {rows}) UNION ALL
                     SELECT (SELECT min(name) FROM {rows} WHERE name > found.name) FROM found WHERE found.name IS NOT NULL
                 ) SELECT name FROM found WHERE name IS NOT NULL",
                rows = layout.table("results")
            );
            Ok(session.client.query(&sql, &[])?.iter().map(|row| row.get(0)).collect())
        })
    }

    fn claim(&self, identity: &str) -> Result<String, StoreError> {
        self.0.claim(identity)
    }
}
